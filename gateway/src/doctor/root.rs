//! The tree that is looked at: the machine's own, or a fixture of a test.

use jiff::Timestamp;
use std::fs;
use std::path::{Path, PathBuf};

/// Bytes of a file that are read: all that is looked at is short.
const LONGEST: u64 = 1 << 20;

/// Where `/` is.
pub(crate) struct Root(PathBuf);

impl Root {
    /// This folder stands for `/`.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// Whether it is the machine's own.
    pub(crate) fn is_machine(&self) -> bool {
        self.0 == Path::new("/")
    }

    /// Where an absolute path lies.
    pub(crate) fn at(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Whether there is something, as far as it may be looked at.
    pub(crate) fn has(&self, path: impl AsRef<Path>) -> bool {
        self.at(path).exists()
    }

    /// The text of a file; `None`: not there, not readable, or not text.
    pub(crate) fn read(&self, path: impl AsRef<Path>) -> Option<String> {
        let path = self.at(path);
        // What the kernel makes up, below /proc, says that it has no length.
        (fs::metadata(&path).ok()?.len() <= LONGEST).then(|| fs::read_to_string(path).ok()).flatten()
    }

    /// The bytes of a file.
    pub(crate) fn bytes(&self, path: impl AsRef<Path>) -> Option<Vec<u8>> {
        let path = self.at(path);
        (fs::metadata(&path).ok()?.len() <= LONGEST).then(|| fs::read(path).ok()).flatten()
    }

    /// The names in a folder, in order.
    pub(crate) fn list(&self, folder: impl AsRef<Path>) -> Option<Vec<String>> {
        let entries = fs::read_dir(self.at(folder)).ok()?;
        let mut names: Vec<String> = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
        names.sort();
        Some(names)
    }

    /// When a file was last changed.
    pub(crate) fn changed(&self, path: impl AsRef<Path>) -> Option<Timestamp> {
        Timestamp::try_from(fs::metadata(self.at(path)).ok()?.modified().ok()?).ok()
    }

    /// Whether a program of this name runs. `None`: nothing is known of what runs.
    pub(crate) fn runs(&self, names: &[&str]) -> Option<bool> {
        let all = self.list("/proc")?;
        let ids = all.iter().filter(|name| name.bytes().all(|byte| byte.is_ascii_digit()));
        let mut looked = false;
        for id in ids {
            let Some(name) = self.read(format!("/proc/{id}/comm")) else { continue };
            looked = true;
            if names.contains(&name.trim()) {
                return Some(true);
            }
        }
        looked.then_some(false)
    }
}

/// Whole days between two instants; 0 where the first is the later.
pub(super) fn days(since: Timestamp, at: Timestamp) -> i64 {
    (at.duration_since(since).as_hours() / 24).max(0)
}
