//! What the pages of a recording show: its tracks, the screens of a stretch of it, where a text
//! came to be shown, and what happened when.
//!
//! The gateway opens recordings (D29) and answers through [`Opened`]; here are only the shapes. They
//! go to the browser as JSON, as they stand. Every text in them is plain and visible: control
//! characters, and those that hide or reorder, are U+FFFD (T20). All times are seconds since the
//! track began.

use crate::commands::Soon;
use crate::wire::ScreenChange;
use jiff::Timestamp;
use lifecycle::SessionId;
use lifecycle::order::Failure;
use recorder::State;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Longest text to search for, in characters: a row of the widest terminal.
pub const LONGEST_QUERY: usize = recorder::COLUMNS;

/// Longest purpose of a reading, in characters.
pub const LONGEST_PURPOSE: usize = 200;

/// One channel of the session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// The channel's number.
    pub number: u32,
    /// What it carried: `shell`, or `exec: ` and the command. Empty where that cannot be read.
    pub what: String,
    /// The terminal's size when it began; 0 without one.
    pub columns: usize,
    /// The terminal's size when it began; 0 without one.
    pub rows: usize,
    /// When it began: what the journal dates is found on it by this.
    pub started: Timestamp,
    /// How long it lasted.
    pub seconds: f64,
    /// Whether it had a terminal: only then is there something to play and to search.
    pub terminal: bool,
}

/// What a screen became, and when.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameAt {
    /// When.
    pub at: f64,
    /// What changed since the screen before. All rows are there if the size is another.
    pub change: ScreenChange,
}

/// A stretch of a track: at most 10 s in which something moves, 200 screens, about 1 MiB of JSON. A
/// pause at its end belongs to it, however long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Chunk {
    /// Where it begins: what was asked for, within the track.
    pub from: f64,
    /// The whole screen as it was then.
    pub screen: ScreenChange,
    /// What it became, in order; at most 25 a second.
    pub frames: Vec<FrameAt>,
    /// Until when the last screen stood.
    pub to: f64,
    /// What to ask for next; `None`: nothing moves any more.
    pub next: Option<f64>,
    /// How long the whole track is.
    pub length: f64,
}

/// A row that came to be shown with the text that was searched for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hit {
    /// When. A chunk from there shows it at once.
    pub at: f64,
    /// The row, or the part of it around the text.
    pub text: String,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hits {
    /// In the order of time.
    pub hits: Vec<Hit>,
    /// The track was not searched to its end: there were too many, or it was too much.
    pub more: bool,
}

/// Something worth jumping to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moment {
    /// When.
    pub at: f64,
    /// `begin`, `end`; `notice`: the bastion said this on the terminal, or noted it: warnings, freezes,
    /// limits; `signal`; `secret`: one was typed, and is set apart; `dropped`: typed while frozen, not
    /// delivered; `late`: something came behind the end, in a part of its own; `more`: there are more
    /// than are listed.
    pub what: String,
    /// The words to it, as they stand in the recording.
    pub text: String,
}

/// How far the recording can be believed and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// As it was sealed: whole, interrupted or mutilated.
    pub state: State,
    /// Bytes that are missing of what the journal was told.
    pub missing: u64,
}

/// Why something of a recording cannot be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// No such track, or one without a terminal.
    #[error("there is no terminal with this number in the recording")]
    NoSuchTrack,
    /// The text to search for is empty or too long.
    #[error("write 1 to {LONGEST_QUERY} characters to search for")]
    TooLong,
    /// A part is missing, or is not as it was sealed.
    #[error("{0}")]
    Damaged(String),
    /// The sign-in that unlocked the key is over.
    #[error("the key is locked again: type the passphrase once more")]
    Locked,
}

/// A recording that is open for one reading, whose purpose is journalled.
///
/// All methods but `state` and `tracks` block, on the disk and on the processor; one runs at a time, the others wait.
pub trait Opened: Send + Sync {
    /// How whole it is: to be said before anything of it is shown.
    fn state(&self) -> Standing;
    /// Its channels, by their numbers.
    fn tracks(&self) -> Vec<Track>;
    /// The stretch that begins at `from` seconds. What lies outside the track is its beginning or end.
    fn chunk(&self, track: u32, from: f64) -> Result<Chunk, ReplayError>;
    /// Where a text came to be shown. Case does not count. At most 200 hits.
    fn search(&self, track: u32, text: &str) -> Result<Hits, ReplayError>;
    /// What happened on a track, in the order of time. Empty where it cannot be read.
    fn moments(&self, track: u32) -> Vec<Moment>;
}

/// Why an officer's key was not unlocked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotUnlocked {
    /// The site has not chosen replay in the browser.
    #[error("`recordings.replay-key` is not set: recordings are read with `poterne recording replay`")]
    NotConfigured,
    /// The passphrase is another.
    #[error("the passphrase is not the one of the officer's key")]
    WrongPassphrase,
    /// The key file is not as it has to be; the words are for whoever looks after the machine.
    #[error("{0}")]
    Failed(String),
}

/// An officer's key, unlocked for one sign-in and in the name of whoever unlocked it. Dropping it locks
/// it again, and every recording opened with it.
pub trait OfficersKey: Send + Sync {
    /// Journals that its officer reads this recording, and what for; then opens it. There is no other way
    /// to an [`Opened`], so that nothing is open without its purpose in the journal (LOG-11).
    ///
    /// Fails where the recording is not sealed, is sealed to others or was altered, where the purpose is
    /// empty or longer than [`LONGEST_PURPOSE`], and without a journal.
    fn read(&self, session: SessionId, purpose: String) -> Soon<'_, Result<Arc<dyn Opened>, Failure>>;
}
