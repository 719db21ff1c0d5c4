//! What goes between the daemon and a watcher, each way: one JSON object a line over the local socket,
//! one server-sent event or one posted object in the browser.

use lifecycle::{EndCause, FreezeCause};
use policy::Direction;
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
    Said(Word),
    /// Another connection joined the intervention. It is a session of its own, to be watched by itself.
    Joined {
        /// Its session.
        session: String,
        /// From where.
        from: String,
    },
    /// Lines of a terminal that scrolled away, as they were asked for.
    History {
        /// The channel.
        track: u32,
        /// The number of the first of these lines. Lines are counted on their channel, from 0, since the
        /// session began; a number stays with its line.
        first: u64,
        /// The lines, oldest first, without any control character. Empty ones never were among them.
        lines: Vec<String>,
        /// Whether older ones are still there.
        more: bool,
    },
    /// It is over.
    Ended(WatchEnd),
}

/// What came of a brake that was not what the watcher asked for. Each carrier has its own words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Word {
    /// Only an approver of the target brakes.
    NotApprover,
    /// It goes on by itself once somebody watches.
    Waits,
    /// Somebody else froze it, or a limit did.
    Others,
    /// There is nothing to resume.
    NotFrozen,
}

/// Why there is nothing to watch any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WatchEnd {
    /// The session ended.
    Session(EndCause),
    /// The watcher has no right to any more.
    NotAnyMore,
    /// The recording cannot be read.
    Unreadable,
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
    /// As text: `exec: uptime`.
    pub what: String,
    /// The word for what it carries, such as `sftp`.
    #[serde(default)]
    pub kind: String,
    /// The command line, or where a tunnel goes; empty where there is neither.
    #[serde(default)]
    pub detail: String,
    pub bytes_in: u64,
    pub bytes_out: u64,
    pub ended: bool,
    pub terminal: bool,
    /// Seconds since anything moved on it.
    pub quiet: i64,
    /// Files under way, the oldest first, then the last that are over, the newest first.
    #[serde(default)]
    pub files: Vec<FileLine>,
    /// So many more are under way.
    #[serde(default)]
    pub more_files: usize,
}

/// A file on a channel, or something that was done to one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileLine {
    /// Its number on this channel, for as long as it is shown.
    pub n: u64,
    /// `moved`, what else was done, such as `rename`, or `refused`.
    pub did: String,
    /// The end of its path; of what was refused, what was asked.
    pub path: String,
    /// The new name, or what a link points to.
    pub to: String,
    /// Which way it goes, if it is moved.
    pub direction: Option<Direction>,
    /// Bytes that passed so far.
    pub bytes: u64,
    /// Its size, where one of the sides said it.
    pub size: Option<u64>,
    /// `under-way`, `held` while it is scanned, `refused`, or the word for what came of it.
    pub state: String,
    /// The target's words, what a scanner calls it, or why not.
    pub why: String,
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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
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
    /// Send lines of a terminal that scrolled away.
    History {
        /// The channel.
        track: u32,
        /// Only lines with a number below this one; `None`: the newest.
        before: Option<u64>,
    },
    /// Freeze.
    Freeze,
    /// Let go on what this watcher froze.
    Resume,
    /// Cut, for this reason.
    Cut(String),
}
