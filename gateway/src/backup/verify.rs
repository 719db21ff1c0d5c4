//! Checking a set where the key to it is: every archive to its last byte, and the journal in it with
//! what came from outside.

use super::{KEYS, Manifest, STATE, archive, digest_of};
use age::x25519::Identity;
use anyhow::Context as _;
use journal::{OsDisk, Since, VerifierKey, check_log_since};
use std::fs;
use std::path::{Path, PathBuf};

/// What came from outside the backup.
pub(crate) struct Outside {
    /// Opens it.
    pub(crate) identities: Vec<Identity>,
    /// The journal's key.
    pub(crate) key: VerifierKey,
    /// Checkpoints that somebody kept.
    pub(crate) since: Vec<String>,
}

impl Outside {
    /// Reads the files that were named.
    pub(crate) fn read(identity: &Path, key: &str, since: &[PathBuf]) -> anyhow::Result<Self> {
        let text =
            |path: &Path| fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()));
        let lines = zeroize::Zeroizing::new(text(identity)?);
        let is_key = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
        let parse = |line: &str| line.trim().parse::<Identity>().map_err(|why| anyhow::anyhow!("the identity: {why}"));
        let identities = lines.lines().filter(is_key).map(parse).collect::<anyhow::Result<Vec<_>>>()?;
        let key: VerifierKey = match Path::new(key).is_file() {
            true => text(Path::new(key))?.parse()?,
            false => key.parse()?,
        };
        let since = since.iter().map(|path| text(path)).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self { identities, key, since })
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What does not hold. Empty: all holds.
    pub(crate) wrong: Vec<String>,
    /// Entries of the journal in it.
    pub(crate) entries: u64,
    pub(crate) recordings: usize,
}

/// Checks a set. Needs room for its journal in the system's folder for temporary files.
pub(crate) fn verify(set: &Path, outside: &Outside) -> anyhow::Result<Found> {
    let manifest = Manifest::read(set)?;
    let mut found = Found { recordings: manifest.recordings.len(), ..Found::default() };
    for (path, expected) in manifest.files(set) {
        match digest_of(&path) {
            Ok(digest) if digest == *expected => {}
            Ok(_) => found.wrong.push(format!("`{}` is not what was written", path.display())),
            Err(error) => found.wrong.push(format!("{error:#}")),
        }
    }
    if !found.wrong.is_empty() {
        return Ok(found);
    }
    let temporary = Scratch::new()?;
    for (path, _) in manifest.files(set) {
        let into = [STATE, KEYS].iter().any(|name| path.ends_with(name)).then_some(temporary.0.as_path());
        if let Err(error) = archive::read(&path, &outside.identities, into) {
            found.wrong.push(format!("{error:#}"));
        }
    }
    if found.wrong.is_empty() {
        let (wrong, entries) = check(&temporary.0.join("journal"), outside);
        (found.wrong, found.entries) = (wrong, entries);
    }
    Ok(found)
}

/// Checks the journal of a copy; gives what does not hold, and the number of entries.
pub(super) fn check(journal: &Path, outside: &Outside) -> (Vec<String>, u64) {
    let since: Vec<Since<'_>> = outside.since.iter().map(|note| Since { note, key: None }).collect();
    let report = check_log_since(&mut OsDisk::default(), journal, Some(&outside.key), &since);
    (report.findings.iter().map(|finding| format!("the journal: {finding}")).collect(), report.entries)
}

/// A folder of its own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Self> {
        let tag: [u8; 8] = crate::entropy::bytes()?;
        let path = std::env::temp_dir().join(format!("poterne-verify-{}", data_encoding::HEXLOWER.encode(&tag)));
        crate::daemon::make_private(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
