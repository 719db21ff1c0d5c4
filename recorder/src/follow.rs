//! Reading an open recording while it grows: what watchers see is what is in the file (REC-12).

use crate::frame::Frame;
use crate::keys::{RecordingKey, RecoveryKey};
use crate::spool::{SpoolError, SpoolReader};
use crate::writer::Recording;
use std::fs::File;
use std::io::{self, BufReader};
use std::path::Path;

/// Follows one spool from its beginning.
pub struct Follower {
    reader: SpoolReader<BufReader<File>>,
    recording: Recording,
}

/// Why a spool cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum FollowError {
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] io::Error),
    /// It is no spool, or the key is another.
    #[error(transparent)]
    Spool(#[from] SpoolError),
}

impl Follower {
    /// Begins with the first frame.
    pub fn open(path: &Path, recovery: &RecoveryKey, recording: Recording) -> Result<Self, FollowError> {
        let open = || File::open(path).map(|file| BufReader::with_capacity(128 << 10, file));
        let (header, _) = SpoolReader::header(open()?)?;
        let key = RecordingKey::recover(&header, recovery).map_err(SpoolError::from)?;
        Ok(Self { reader: SpoolReader::new(open()?, &key)?, recording })
    }

    /// The next frame that is whole in the file; `None`: nothing new yet, or nothing ever.
    pub fn next_frame(&mut self) -> Option<Frame> {
        if self.reader.head().length >= self.recording.head().length {
            return None;
        }
        self.reader.next()
    }

    /// How far it has read.
    pub fn head(&self) -> crate::Head {
        self.reader.head()
    }

    /// Whether it met something that is no frame: nothing more will ever come.
    pub fn is_stuck(&self) -> bool {
        self.reader.damage().is_some()
    }

    /// Returns once there is more to read. Ends with the recording.
    pub async fn more(&self) -> bool {
        self.recording.grown_beyond(self.reader.head().length).await
    }
}
