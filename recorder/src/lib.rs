//! What was seen and typed: written before it is relayed (promise 3).
//!
//! A session has one **spool**: frames, each encrypted under the recording's key and chained to
//! the one before. A frame is in the file before [`Recording::write`] returns, so the relay, which
//! forwards only then, never shows a byte that is not recorded; the files are synced every second,
//! so a crash of the process loses nothing and a power cut at most that second. Byte for byte:
//! `docs/format-recording.md`.
//!
//! When the session is over the spool is **sealed**: an asciicast of each terminal, raw tracks, a
//! transcript, each compressed and encrypted to the security officers, with a manifest whose digest
//! the journal holds. From then on the bastion itself cannot open it any more.
//!
//! Writing happens on threads of the recorder's own (D25): a disk that is slow slows sessions down
//! and never the program.
#![forbid(unsafe_code)]

mod cast;
mod emulator;
mod files;
mod find;
mod follow;
mod frame;
mod keys;
mod manifest;
mod parts;
mod raw;
mod seal;
mod sealed;
mod secrets;
mod spool;
mod writer;

pub use cast::CastEvent;
pub use emulator::{COLUMNS, Colour, Emulator, ROWS, Run, Screen, Style, visible};
pub use find::{Case, Expression, ExpressionError, Hit, Searched};
pub use follow::{FollowError, Follower};
pub use frame::{Frame, FrameKind, Track};
pub use keys::{KeyError, Recipients, RecordingKey, RecoveryKey};
pub use manifest::{Manifest, Part, PartKind, Source, State};
pub use parts::{Joined, OpenError};
pub use raw::RawReader;
pub use seal::{SealError, SealOrder, SealOutcome, seal};
pub use sealed::{Events, Found, Place, ReadingKeys, Replay, SealedRecording};
pub use spool::{Damage, Head, Header, SpoolError, SpoolReader};
pub use writer::{Recorder, RecorderError, Recording, WhenFull};
