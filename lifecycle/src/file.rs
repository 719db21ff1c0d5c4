//! What happened to files in a session: what was moved, what was changed, and what rang an alarm.

use crate::ids::SessionId;
use jiff::Timestamp;
use policy::Direction;
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// One file that was moved, or was to be (D19: one entry a file, at its close).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMove {
    /// In which session.
    pub session: SessionId,
    /// On which channel of it.
    pub channel: u32,
    /// The path as the client wrote it, or as the target named it; controls and bytes that are no text
    /// escaped, cut after 1024 characters.
    pub path: String,
    /// Which way.
    pub direction: Direction,
    /// When it was opened.
    pub started: Timestamp,
    /// Bytes that passed: more than the file's where a part passed twice.
    pub bytes: u64,
    /// SHA-256 of those bytes in the order in which they passed, in hexadecimal.
    pub sha256: String,
    /// Whether they passed once each, from the first to the last: then the digest is the file's own.
    pub in_order: bool,
    /// What came of it.
    pub result: FileResult,
    /// Whether a copy of the content is in the recording.
    pub kept: bool,
}

/// What came of a file that was moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileResult {
    /// It was closed and the target confirmed it.
    Done,
    /// The target said no, in its words.
    Failed {
        /// The target's words.
        why: String,
    },
    /// The channel ended first: what is there is a part of it.
    Partial,
    /// A scanner recognised something: it was not delivered.
    Infected {
        /// What the scanner calls it.
        signature: String,
    },
    /// No scanner gave an answer: it was not delivered (fail closed).
    Unscanned {
        /// Why not.
        why: String,
    },
}

impl FileResult {
    /// The word for it, as the journal writes it.
    pub fn word(&self) -> &'static str {
        match self {
            FileResult::Done => "done",
            FileResult::Failed { .. } => "failed",
            FileResult::Partial => "partial",
            FileResult::Infected { .. } => "infected",
            FileResult::Unscanned { .. } => "unscanned",
        }
    }

    /// The target's words, what a scanner calls it, or why there is no answer; empty where there is nothing.
    pub fn why(&self) -> &str {
        match self {
            FileResult::Failed { why } | FileResult::Unscanned { why } => why,
            FileResult::Infected { signature } => signature,
            FileResult::Done | FileResult::Partial => "",
        }
    }
}

/// What is done to files besides moving them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileAct {
    /// A file or folder got another name.
    Rename,
    /// A file was removed.
    Remove,
    /// A folder was made.
    MakeFolder,
    /// A folder was removed.
    RemoveFolder,
    /// A symbolic link was made.
    Link,
    /// A second name for the same file was made.
    HardLink,
    /// Size, owner, permissions or times were changed.
    Attributes,
    /// The target copied one of its files; its content did not pass here.
    Copy,
}

impl FileAct {
    /// The word for it, as the journal writes it.
    pub fn word(self) -> &'static str {
        match self {
            FileAct::Rename => "rename",
            FileAct::Remove => "remove",
            FileAct::MakeFolder => "make-folder",
            FileAct::RemoveFolder => "remove-folder",
            FileAct::Link => "link",
            FileAct::HardLink => "hard-link",
            FileAct::Attributes => "attributes",
            FileAct::Copy => "copy",
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// In which session.
    pub session: SessionId,
    /// On which channel of it.
    pub channel: u32,
    /// What was done.
    pub act: FileAct,
    /// To what, in the form of [`FileMove::path`].
    pub path: String,
    /// The new name, what a link points to, or the attributes; empty where there is none.
    pub to: String,
    /// The target's words if it said no; empty if it was done.
    pub failed: String,
}

/// Something of which the hospital is told at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Alarm {
    /// An SSH connection was begun inside a forward, where it would not be recorded (T23).
    SshInsideForward {
        /// Where to.
        to: SocketAddr,
    },
    /// A scanner recognised something in a file.
    Infected {
        /// The file.
        path: String,
        /// What the scanner calls it.
        signature: String,
    },
    /// Files are to be scanned, and the scanner does not answer.
    ScannerGone {
        /// Why.
        why: String,
    },
}
