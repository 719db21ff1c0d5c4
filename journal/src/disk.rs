//! The few things the journal asks of a file system, so that a test can make each of them fail.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Storage steps. Each is one step in the sense of the crash tests.
pub trait Disk: Send {
    /// The bytes of a file, or `None` if there is none.
    fn read(&mut self, path: &Path) -> io::Result<Option<Vec<u8>>>;
    /// Appends to a file that exists and makes it durable.
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Writes a whole file so that after a crash there is either the old or the new one, durably.
    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// Writes a whole file that can be made again from others: whole or not at all, but a crash
    /// may leave the older one.
    fn publish(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()>;
    /// All files below a folder, as paths relative to it, sorted.
    fn list(&mut self, folder: &Path) -> io::Result<Vec<PathBuf>>;
}

/// The file system of the machine. Files are readable by the service alone (LOG-12).
#[derive(Debug, Default)]
pub struct OsDisk {
    open: Option<(PathBuf, File)>,
}

fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

fn write_beside(path: &Path, bytes: &[u8]) -> io::Result<(PathBuf, File)> {
    let mut staged = path.as_os_str().to_owned();
    staged.push(".new");
    let staged = PathBuf::from(staged);
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&staged)?;
    file.write_all(bytes)?;
    Ok((staged, file))
}

impl Disk for OsDisk {
    fn read(&mut self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        match fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut file = match self.open.take() {
            Some((held, file)) if held == path => file,
            _ => OpenOptions::new().append(true).open(path)?,
        };
        file.write_all(bytes)?;
        file.sync_data()?;
        self.open = Some((path.to_owned(), file));
        Ok(())
    }

    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.open = None;
        if let Some(folder) = path.parent()
            && !folder.is_dir()
        {
            fs::create_dir_all(folder)?;
            // The folders above a new one must be durable too, or it vanishes with them.
            for ancestor in folder.ancestors().take(4) {
                sync_folder(ancestor)?;
            }
        }
        let (staged, file) = write_beside(path, bytes)?;
        file.sync_all()?;
        fs::rename(&staged, path)?;
        sync_folder(path)
    }

    fn publish(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let (staged, _) = write_beside(path, bytes)?;
        fs::rename(&staged, path)
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
                let path = entry?.path();
                if path.is_dir() {
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
