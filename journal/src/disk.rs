//! The few things the journal asks of a file system, so that a test can make each of them fail.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// No file of a journal is longer: 256 bodies of a mebibyte, or a tail of 255 and one group.
const LONGEST_FILE: u64 = 512 << 20;

/// Storage steps. Each is one step in the sense of the crash tests.
pub trait Disk: Send {
    /// Takes the folder for this owner alone, making it if it is absent, until this value is dropped.
    fn claim(&mut self, _folder: &Path) -> io::Result<()> {
        Ok(())
    }
    /// The bytes of a file, or `None` if there is none.
    fn read(&mut self, path: &Path) -> io::Result<Option<Vec<u8>>>;
    /// Appends to a file that exists and makes it durable.
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Writes a whole file so that after a crash there is either the old or the new one, durably.
    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Writes a whole file that can be made again from others: whole or not at all, but a crash
    /// may leave the older one.
    fn publish(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Removes a file; that it is absent is no error.
    fn remove(&mut self, path: &Path) -> io::Result<()>;
    /// All files below a folder, as paths relative to it, sorted. Links are not followed.
    fn list(&mut self, folder: &Path) -> io::Result<Vec<PathBuf>>;
}

/// Makes room on a full disk, and says whether it did: what was laid by for this is given up.
#[derive(Clone)]
pub struct Relief(Arc<dyn Fn() -> bool + Send + Sync>);

impl Relief {
    /// This is done when the disk is full.
    pub fn new(make_room: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(make_room))
    }
}

impl std::fmt::Debug for Relief {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Relief")
    }
}

/// The file system of the machine. Files are readable by the service alone (LOG-12).
#[derive(Debug, Default)]
pub struct OsDisk {
    open: Option<(PathBuf, File)>,
    /// Folders whose name is known to be durable.
    durable: BTreeSet<PathBuf>,
    claimed: Option<File>,
    relief: Option<Relief>,
}

/// Makes the name of this file or folder durable.
fn sync_name(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if folder.as_os_str().is_empty() => File::open(".")?.sync_all(),
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Writes a file under the name that it has before it takes its place.
fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<(PathBuf, File)> {
    let mut staged = path.as_os_str().to_owned();
    staged.push(".new");
    let staged = PathBuf::from(staged);
    // What a crash left goes first, so that no older mode, link or content is taken over.
    remove(&staged)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&staged)?;
    file.write_all(bytes)?;
    Ok((staged, file))
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

impl OsDisk {
    /// The machine's file system, with something laid by for when it is full.
    pub fn with_relief(relief: Relief) -> Self {
        Self { relief: Some(relief), ..Self::default() }
    }

    /// Whether this failed for want of room, and there is room now.
    fn relieved(&self, error: &io::Error) -> bool {
        matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
            && self.relief.as_ref().is_some_and(|relief| (relief.0)())
    }

    /// The same as [`write_beside`], once more where there was no room for it.
    fn beside(&self, path: &Path, bytes: &[u8]) -> io::Result<(PathBuf, File)> {
        match write_beside(path, bytes) {
            Err(error) if self.relieved(&error) => write_beside(path, bytes),
            outcome => outcome,
        }
    }

    /// Makes a folder, for the service alone, whose name survives a power cut.
    fn folder(&mut self, folder: &Path) -> io::Result<()> {
        if folder.as_os_str().is_empty() || self.durable.contains(folder) {
            return Ok(());
        }
        let made = !folder.is_dir();
        if made {
            if let Some(above) = folder.parent() {
                self.folder(above)?;
            }
            DirBuilder::new().mode(0o700).create(folder)?;
        }
        // CRASH: a folder that is there may have been made just before a crash, its name not yet
        // durable; the ones above it were synced before it was made.
        match sync_name(folder) {
            // A sandbox may hide what lies above the state folder, which then was made long before.
            Err(error) if !made && error.kind() == io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
        self.durable.insert(folder.to_owned());
        Ok(())
    }
}

impl Disk for OsDisk {
    fn claim(&mut self, folder: &Path) -> io::Result<()> {
        self.folder(folder)?;
        let held = File::open(folder)?;
        held.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => io::Error::new(io::ErrorKind::WouldBlock, "another process has it open"),
            TryLockError::Error(error) => error,
        })?;
        self.claimed = Some(held);
        Ok(())
    }

    fn read(&mut self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        // A folder to be verified comes from a stranger: a pipe would hang us, a link lead elsewhere.
        match fs::symlink_metadata(path) {
            Ok(found) if !found.is_file() => return Err(io::Error::other("it is no regular file")),
            Ok(found) if found.len() > LONGEST_FILE => return Err(io::Error::other("it is longer than any can be")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
            Ok(_) => {}
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(LONGEST_FILE).read_to_end(&mut bytes)?;
        Ok(Some(bytes))
    }

    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = match self.open.take() {
            Some((held, file)) if held == path => file,
            _ => OpenOptions::new().append(true).open(path)?,
        };
        let before = file.metadata()?.len();
        match file.write_all(bytes) {
            // Nothing of it was synced or acknowledged: what stands there of it is taken back first.
            Err(error) if self.relieved(&error) => {
                file.set_len(before)?;
                file.write_all(bytes)?;
            }
            outcome => outcome?,
        }
        // CRASH: a sync that failed is not tried again: what the disk holds is unknown from then on.
        file.sync_data()?;
        self.open = Some((path.to_owned(), file));
        Ok(())
    }

    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.open = None;
        if let Some(folder) = path.parent() {
            self.folder(folder)?;
        }
        let (staged, file) = self.beside(path, bytes)?;
        file.sync_all()?;
        fs::rename(&staged, path)?;
        sync_name(path)
    }

    fn publish(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let (staged, _) = self.beside(path, bytes)?;
        fs::rename(&staged, path)
    }

    fn remove(&mut self, path: &Path) -> io::Result<()> {
        remove(path)
    }

    fn list(&mut self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        let mut folders = vec![folder.to_owned()];
        while let Some(next) = folders.pop() {
            let entries = match fs::read_dir(&next) {
                Ok(entries) => entries,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            for entry in entries {
                let entry = entry?;
                let path = entry.path();
                if entry.file_type()?.is_dir() {
                    folders.push(path);
                } else if let Ok(relative) = path.strip_prefix(folder) {
                    found.push(relative.to_owned());
                }
            }
        }
        found.sort();
        Ok(found)
    }
}
