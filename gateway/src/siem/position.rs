//! How far each receiver is known to have the journal: the one thing that the queue keeps, since the
//! journal itself is the queue.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// What is kept of a receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Position {
    /// The journal that is meant.
    pub(super) origin: String,
    /// The first entry that the receiver is not known to have.
    pub(super) next: u64,
    /// When that was last found out.
    pub(super) since: Timestamp,
    /// From when nothing is taken any more, where an alarm was raised.
    pub(super) stalled: Option<Timestamp>,
}

/// The file of a receiver's position.
#[derive(Clone)]
pub(super) struct Kept {
    path: PathBuf,
    pub(super) now: Position,
}

impl Kept {
    /// Reads it. A receiver that is new, or that knew another journal, begins at the first entry.
    pub(super) fn open(folder: &Path, receiver: &str, origin: &str, size: u64, at: Timestamp) -> io::Result<Self> {
        let path = folder.join(receiver);
        let new = Position { origin: origin.to_owned(), next: 0, since: at, stalled: None };
        let read = match fs::read(&path) {
            Ok(bytes) => serde_json::from_slice::<Position>(&bytes).map_err(|error| {
                let why = format!("`{}` is not a position: {error}; remove it, and all is sent again", path.display());
                io::Error::new(io::ErrorKind::InvalidData, why)
            })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => new.clone(),
            Err(error) => return Err(error),
        };
        let now = if read.origin != origin {
            tracing::warn!(receiver, was = read.origin, is = origin, "the journal is another: all of it is sent");
            new
        } else if read.next > size {
            // The journal was rolled back: what is appended from here on has numbers that were used before.
            tracing::error!(receiver, next = read.next, size, "the journal is shorter than what was sent of it");
            Position { next: size, ..read }
        } else {
            read
        };
        Ok(Self { path, now })
    }

    /// Puts another position in its place. Blocks on the disk.
    ///
    /// CRASH: there is the old one or the new one. With the old one, what the receiver has already is sent
    /// again under the same numbers.
    pub(super) fn keep(&mut self, position: Position) -> io::Result<()> {
        let staged = self.path.with_extension("new");
        let _ = fs::remove_file(&staged);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&staged)?;
        file.write_all(&serde_json::to_vec(&position)?)?;
        file.sync_all()?;
        fs::rename(&staged, &self.path)?;
        if let Some(folder) = self.path.parent() {
            File::open(folder)?.sync_all()?;
        }
        self.now = position;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_outlives_a_restart_and_belongs_to_one_journal() {
        let folder = tempfile::tempdir().unwrap();
        let at: Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
        let open = |origin, size| Kept::open(folder.path(), "soc", origin, size, at).unwrap();
        let mut kept = open("poterne/a", 9);
        assert_eq!(kept.now.next, 0, "a new receiver gets all");
        kept.keep(Position { next: 7, stalled: Some(at), ..kept.now.clone() }).unwrap();
        assert_eq!(open("poterne/a", 9).now, kept.now);
        assert_eq!(open("poterne/a", 5).now.next, 5, "rolled back");
        assert_eq!(open("poterne/b", 9).now.next, 0, "another journal");
        std::fs::write(folder.path().join("soc"), "7").unwrap();
        let error = Kept::open(folder.path(), "soc", "poterne/a", 9, at).err().unwrap();
        assert!(error.to_string().contains("is not a position"), "{error}");
    }
}
