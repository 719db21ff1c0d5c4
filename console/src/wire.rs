//! What goes between the daemon and a watcher: one JSON object a line, each way.

use lifecycle::FreezeCause;
use recorder::Run;
use serde::{Deserialize, Serialize};

/// To the watcher.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToWatcher {
    /// What is watched.
    Hello(Hello),
    /// The picture, or what changed of it. To be acknowledged once painted.
    Frame(Box<Picture>),
    /// Something to be typed by hand (T22).
    Challenge {
        /// What to type.
        text: String,
        /// Within so many seconds.
        seconds: u64,
    },
    /// The answer to a challenge was right, or not.
    Answered(bool),
    /// What came of something that was asked for.
    Said(String),
    /// The session is over.
    Ended(String),
}

/// Facts that do not change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Hello {
    pub session: String,
    pub intervention: u64,
    pub technician: String,
    pub name: String,
    pub vendor: String,
    pub target: String,
    pub reason: String,
    /// Whether this watcher's presence counts.
    pub counts: bool,
    /// Whether the session freezes without one.
    pub required: bool,
}

/// One channel in the strip below the picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct ChannelLine {
    pub number: u32,
    pub what: String,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub ended: bool,
    pub terminal: bool,
    /// Seconds since anything moved on it.
    pub quiet: i64,
}

/// A picture.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Picture {
    /// Its number, to be acknowledged.
    pub n: u64,
    /// `live`, `frozen` or `ended`.
    pub state: String,
    /// Why it is frozen.
    pub why: Option<FreezeCause>,
    /// All channels.
    pub channels: Vec<ChannelLine>,
    /// The channel that is shown.
    pub shown: Option<u32>,
    /// Its screen, if that changed.
    pub screen: Option<ScreenChange>,
    /// Milliseconds by which the picture lags.
    pub behind: i64,
    /// Whole pictures left out since the last.
    pub skipped: u64,
    /// Who watches and counts.
    pub watchers: Vec<String>,
    /// Seconds until its right ends.
    pub left: i64,
}

/// What changed of a screen.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ScreenChange {
    /// Its width.
    pub columns: usize,
    /// Its height.
    pub height: usize,
    /// The cursor: column and row.
    pub cursor: Option<(usize, usize)>,
    /// Rows that changed, by their place from the top.
    pub rows: Vec<(usize, Vec<Run>)>,
}

/// From the watcher.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FromWatcher {
    /// This picture is painted.
    Ack(u64),
    /// What was typed at a challenge.
    Answer(String),
    /// Show another channel.
    Show(u32),
    /// Freeze.
    Freeze,
    /// Let go on what this watcher froze.
    Resume,
    /// Cut, for this reason.
    Cut(String),
}
