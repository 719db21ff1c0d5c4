//! What was seen and typed: written before it is relayed (promise 3).
//!
//! A session has one **spool**: frames, each encrypted under the recording's key and chained to
//! the one before. A frame is in the file before [`Recording::write`] returns, so the relay, which
//! forwards only then, never shows a byte that is not recorded; the files are synced every second,
//! so a crash of the process loses nothing and a power cut at most that second. Byte for byte:
//! `docs/format-recording.md`.
//!
//! Writing happens on threads of the recorder's own (D25): a disk that is slow slows sessions down
//! and never the program.
#![forbid(unsafe_code)]

mod frame;
mod keys;
mod spool;
mod writer;

pub use frame::{Frame, FrameKind, Track};
pub use keys::{KeyError, Recipients, RecordingKey, RecoveryKey};
pub use spool::{Damage, Head, Header, SpoolError, SpoolReader};
pub use writer::{Recorder, RecorderError, Recording};
