//! Files that wait for the scanner, on the disk of the state folder.
//!
//! Their content is a vendor's or a patient's, and stands there in clear for as long as it is held: in a
//! folder of mode 0700, in files of mode 0600 that are named by session, channel and number, never by
//! a client. They go with the [`Quarantine`] that holds them; what a crash leaves, the next start removes
//! ([`clear`]). Nobody delivers what is left over.
//!
//! What a session may hold is bounded ([`Allowance`]), and room is left on the disk for what matters
//! more: journal and recordings.

use super::FileNumber;
use crate::site::Paths;
use bytes::Bytes;
use config::ByteSize;
use lifecycle::SessionId;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// Files that one session may hold at a time: clients move a dozen at once at most.
const FILES: u32 = 64;
/// How many times the largest file its files may come to together.
const LARGEST_FILES: u64 = 8;
/// Bytes that are left free on the disk.
const RESERVE: ByteSize = ByteSize(256 << 20);
/// Most that is fetched at once.
const PIECE: u32 = 64 * 1024;

/// Why the quarantine does not take or give something.
#[derive(Debug, thiserror::Error)]
pub enum QuarantineError {
    /// The file is larger than what is scanned.
    #[error("the file is larger than what is scanned, {0} (`clamav.limit`)")]
    TooLarge(ByteSize),
    /// The session holds too many files.
    #[error("the session has {FILES} files in quarantine, and no room for more before one was scanned")]
    TooMany,
    /// The session's files come to too much.
    #[error("the session's files in quarantine come to {0}, and there is no room for more before one was scanned")]
    TooMuch(ByteSize),
    /// The disk is nearly full.
    #[error("the disk of the quarantine is nearly full: what is left of it, {RESERVE}, is for journal and recordings")]
    NoRoom,
    /// A scanner has been asked about the file: what is delivered is what was scanned.
    #[error("file {0} is in the scanner's hands and does not change any more")]
    Settled(FileNumber),
    /// There is no such file.
    #[error("file {0} is not in quarantine")]
    Unknown(FileNumber),
    /// The disk failed.
    #[error("the quarantine cannot be {what}: {source}")]
    Disk {
        /// `written`, `read` or `left`.
        what: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// What one session may hold, over all its channels.
#[derive(Debug, Clone)]
pub struct Allowance {
    largest: u64,
    used: Arc<Mutex<Used>>,
}

#[derive(Debug, Default)]
struct Used {
    files: u32,
    bytes: u64,
}

impl Allowance {
    /// For files of at most this size each: the scanner's limit.
    pub fn new(largest: ByteSize) -> Self {
        Self { largest: largest.0, used: Arc::default() }
    }

    fn add(&self, files: u32, bytes: u64) -> Result<(), QuarantineError> {
        let most = self.largest.saturating_mul(LARGEST_FILES);
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        let (files, bytes) = (used.files.saturating_add(files), used.bytes.saturating_add(bytes));
        if files > FILES {
            return Err(QuarantineError::TooMany);
        }
        if bytes > most {
            return Err(QuarantineError::TooMuch(ByteSize(used.bytes)));
        }
        *used = Used { files, bytes };
        Ok(())
    }

    fn give_back(&self, files: u32, bytes: u64) {
        let mut used = self.used.lock().unwrap_or_else(PoisonError::into_inner);
        used.files = used.files.saturating_sub(files);
        used.bytes = used.bytes.saturating_sub(bytes);
    }
}

/// One channel's files in quarantine. All of them are gone with it.
#[derive(Debug)]
pub struct Quarantine {
    folder: PathBuf,
    /// How its files' names begin.
    stem: String,
    allowance: Allowance,
    held: BTreeMap<FileNumber, Held>,
}

#[derive(Debug)]
struct Held {
    on_disk: Arc<OnDisk>,
    length: u64,
    settled: bool,
    allowance: Allowance,
}

impl Held {
    /// Makes it count for so much, whatever the disk says of holes.
    fn resize(&mut self, length: u64) -> Result<(), QuarantineError> {
        if length > self.allowance.largest {
            return Err(QuarantineError::TooLarge(ByteSize(self.allowance.largest)));
        }
        match length.checked_sub(self.length) {
            Some(growth) => self.allowance.add(0, growth)?,
            None => self.allowance.give_back(0, self.length.saturating_sub(length)),
        }
        self.length = length;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.allowance.give_back(1, self.length);
    }
}

/// A file that is gone with its last holder: whoever is broken off halfway leaves none behind.
#[derive(Debug)]
struct OnDisk {
    path: PathBuf,
    file: File,
}

impl OnDisk {
    fn make(path: PathBuf) -> io::Result<Self> {
        // A file that is there already is nobody's that we know: it is not written to.
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        Ok(Self { path, file })
    }

    /// Fewer bytes than asked for only at the end.
    fn read(&self, offset: u64, length: u32) -> io::Result<Bytes> {
        let mut buffer = vec![0; usize::try_from(length).unwrap_or_default()];
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, offset.saturating_add(filled as u64)) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        buffer.truncate(filled);
        Ok(buffer.into())
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.path) {
            tracing::error!(path = %self.path.display(), %error, "a file in quarantine cannot be removed");
        }
    }
}

impl Quarantine {
    /// For one channel of a session, whose channels share the allowance.
    pub fn new(paths: &Paths, session: &SessionId, channel: u32, allowance: &Allowance) -> Self {
        Self {
            folder: paths.quarantine(),
            stem: format!("{session}-{channel}"),
            allowance: allowance.clone(),
            held: BTreeMap::new(),
        }
    }

    /// Puts bytes into a file; the first ones make it.
    pub async fn store(&mut self, file: FileNumber, offset: u64, bytes: Bytes) -> Result<(), QuarantineError> {
        let folder = self.folder.clone();
        let held = self.open(file).await?;
        let end = offset.saturating_add(bytes.len() as u64);
        if end > held.length {
            held.resize(end)?;
        }
        let on_disk = held.on_disk.clone();
        blocking("written", move || {
            leave_room(&folder, bytes.len())?;
            on_disk.file.write_all_at(&bytes, offset)
        })
        .await
    }

    /// Gives a file this length; makes it if it is not there.
    pub async fn truncate(&mut self, file: FileNumber, length: u64) -> Result<(), QuarantineError> {
        let held = self.open(file).await?;
        held.resize(length)?;
        let on_disk = held.on_disk.clone();
        blocking("written", move || on_disk.file.set_len(length)).await
    }

    /// Bytes of a file; fewer than asked for only at its end. At most 64 KiB come.
    pub async fn fetch(&self, file: FileNumber, offset: u64, length: u32) -> Result<Bytes, QuarantineError> {
        let held = self.held.get(&file).ok_or(QuarantineError::Unknown(file))?;
        let on_disk = held.on_disk.clone();
        blocking("read", move || on_disk.read(offset, length.min(PIECE))).await
    }

    /// Where a file lies, for a scanner. From now on it does not change any more: what is delivered is
    /// what was scanned.
    pub fn path(&mut self, file: FileNumber) -> Result<PathBuf, QuarantineError> {
        let held = self.held.get_mut(&file).ok_or(QuarantineError::Unknown(file))?;
        held.settled = true;
        Ok(held.on_disk.path.clone())
    }

    /// Removes a file. None is no error: a file of no bytes need not have been made.
    pub async fn remove(&mut self, file: FileNumber) -> Result<(), QuarantineError> {
        let Some(held) = self.held.remove(&file) else { return Ok(()) };
        blocking("left", move || {
            drop(held);
            Ok(())
        })
        .await
    }

    async fn open(&mut self, file: FileNumber) -> Result<&mut Held, QuarantineError> {
        match self.held.entry(file) {
            Entry::Occupied(there) if there.get().settled => Err(QuarantineError::Settled(file)),
            Entry::Occupied(there) => Ok(there.into_mut()),
            Entry::Vacant(free) => {
                self.allowance.add(1, 0)?;
                let path = self.folder.join(format!("{}-{file}", self.stem));
                let made = blocking("written", move || OnDisk::make(path)).await;
                // A task that is ended while it waits here leaves one file less to its session, which
                // ends with it.
                let made = made.inspect_err(|_| self.allowance.give_back(1, 0))?;
                Ok(free.insert(Held {
                    on_disk: Arc::new(made),
                    length: 0,
                    settled: false,
                    allowance: self.allowance.clone(),
                }))
            }
        }
    }
}

/// Removes what a crash left, and says how many files. Only for whoever alone has the state folder.
pub fn clear(folder: &Path) -> io::Result<usize> {
    let mut removed = 0;
    for entry in fs::read_dir(folder)? {
        fs::remove_file(entry?.path())?;
        removed += 1;
    }
    Ok(removed)
}

/// A full disk stops the journal, and with it every session: it is not a vendor's to fill.
fn leave_room(folder: &Path, wanted: usize) -> io::Result<()> {
    let system = rustix::fs::statvfs(folder)?;
    let free = system.f_bavail.saturating_mul(system.f_frsize);
    match free.saturating_sub(wanted as u64) >= RESERVE.0 {
        true => Ok(()),
        false => Err(io::ErrorKind::StorageFull.into()),
    }
}

/// Work on the disk, off the runtime's threads.
async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, QuarantineError> {
    let failed = |source: io::Error| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => QuarantineError::NoRoom,
        _ => QuarantineError::Disk { what, source },
    };
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other).and_then(|done| done).map_err(failed)
}

#[cfg(test)]
mod tests;
