//! Files on their way: the protocols that move them, taken apart as they pass.
//!
//! A [`Steward`] knows one protocol and nothing of sockets, disks or clocks: it is given what either
//! side sent and says what is to be done, in order. The pump ([`pump`]) does it: records, then
//! relays (promise 3), keeps files in quarantine, asks the scanner, writes the journal.

pub mod clamav;
mod outbox;
pub mod pump;
pub mod quarantine;
pub mod scp;
pub mod sftp;
pub mod shown;
mod told;

pub(crate) use told::ALARMS;

use crate::texts::Texts;
use bytes::Bytes;
use config::{Carried, Clamav, Scan};
use jiff::Timestamp;
use lifecycle::{FileAct, FileResult};
use policy::{Asked, Direction, Permit, Rights};

/// A file within one channel, by the steward's own count. Never used twice.
pub type FileNumber = u32;

/// Of what was asked of the target and not answered: it may well have been done.
const UNANSWERED: &str = "the channel ended before the answer";

/// Of a file that was held when the channel ended.
const NEVER_LEFT: &str = "the channel ended first: it never left the quarantine";

/// One protocol for files, for the life of one channel.
pub trait Steward: Send {
    /// Bytes came from the technician.
    fn technician_sent(&mut self, bytes: &[u8], at: Timestamp) -> Result<Vec<Act>, Broken>;

    /// Bytes came from the target.
    fn target_sent(&mut self, bytes: &[u8], at: Timestamp) -> Result<Vec<Act>, Broken>;

    /// What [`Act::Fetch`] or [`Act::Scan`] brought.
    fn answered(&mut self, answer: Answer, at: Timestamp) -> Result<Vec<Act>, Broken>;

    /// The technician will send no more. What comes of it is [`Act::EndToTarget`], at once or once
    /// what is under way is over.
    fn technician_ended(&mut self, at: Timestamp) -> Result<Vec<Act>, Broken>;

    /// The channel is over, however it ended: what was under way is partial.
    fn over(&mut self, at: Timestamp) -> Vec<Note>;

    /// What is under way now, for those who watch.
    fn under_way(&self) -> Vec<UnderWay>;
}

/// By which rules a steward judges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rules {
    /// What the permit allows. A narrowing that comes later reaches only what is asked after it.
    pub rights: Rights,
    /// Files for the target are held until they were scanned.
    pub scan_uploads: bool,
    /// And files from it.
    pub scan_downloads: bool,
    /// Largest file that is scanned, in bytes.
    pub scan_limit: u64,
}

impl Rules {
    /// Of a permit and what its target's channels may carry.
    pub fn of(permit: &Permit, carried: Option<Carried>, clamav: Option<&Clamav>) -> Self {
        let scan = carried.map_or(Scan::None, |carried| carried.scan);
        Self {
            rights: permit.rights().clone(),
            scan_uploads: scan != Scan::None,
            scan_downloads: scan == Scan::Clamav { downloads: true },
            scan_limit: clamav.map_or(0, |clamav| clamav.limit.0),
        }
    }
}

/// Whoever takes this channel's protocol apart, if it is one for files that we know.
pub fn steward(asked: &Asked, command: &[u8], rules: Rules, texts: &Texts) -> Option<Box<dyn Steward>> {
    match asked {
        Asked::Sftp => Some(Box::new(sftp::Sftp::new(rules))),
        Asked::Scp(direction) => Some(Box::new(scp::Scp::new(*direction, command, &rules, texts.clone()))),
        Asked::Shell | Asked::Command(_) | Asked::Rsync(_) | Asked::Forward(_) | Asked::Jump => None,
    }
}

/// Something to be done, after all before it and before all behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// Write these bytes of the protocol down: everything that passes either way but the content of
    /// files. Stands before the act that relays it.
    Record {
        /// Which way.
        direction: Direction,
        /// The bytes.
        bytes: Bytes,
    },
    /// Write content down, if the target's files are kept. Stands before the act that relays it.
    Content {
        /// Of which file.
        file: FileNumber,
        /// Where in it.
        offset: u64,
        /// The bytes.
        bytes: Bytes,
    },
    /// Send to the target.
    ToTarget(Bytes),
    /// Send to the technician.
    ToTechnician(Bytes),
    /// Tell the target that the technician will send no more.
    EndToTarget,
    /// Write down what happened, in the journal, in the recording and for those who watch.
    Note(Note),
    /// Put bytes into a file in quarantine; the first one makes it.
    Store {
        /// Which file.
        file: FileNumber,
        /// Where in it.
        offset: u64,
        /// The bytes.
        bytes: Bytes,
    },
    /// Give a file in quarantine this length; makes it if it is not there.
    Truncate {
        /// Which file.
        file: FileNumber,
        /// How long.
        length: u64,
    },
    /// Read from a file in quarantine; brings [`Answer::Fetched`].
    Fetch {
        /// Which file.
        file: FileNumber,
        /// From where.
        offset: u64,
        /// How much at most: at most 64 KiB.
        length: u32,
    },
    /// Have a file in quarantine scanned; brings [`Answer::Scanned`], while other acts go on. A clean
    /// file for the target waits for its turn besides: until the [`Note::Moved`] of the one before, so
    /// that two never mix on the target into something that nobody scanned.
    Scan {
        /// Which file.
        file: FileNumber,
        /// Which way it goes.
        direction: Direction,
    },
    /// Remove a file from quarantine.
    Drop {
        /// Which file.
        file: FileNumber,
    },
}

/// What an act brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Bytes from quarantine; fewer than asked for only at the end of the file.
    Fetched {
        /// Of which file.
        file: FileNumber,
        /// From where.
        offset: u64,
        /// The bytes.
        bytes: Bytes,
    },
    /// What the scanner said.
    Scanned {
        /// Of which file.
        file: FileNumber,
        /// What.
        finding: Finding,
    },
}

/// What a scanner says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It recognises nothing.
    Clean,
    /// It recognises this.
    Infected(String),
    /// It gives no answer, and this is why: the file is not delivered (fail closed).
    Unscanned(String),
}

/// Something to be remembered of a file. Paths are as they stood in the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A file was opened.
    Began {
        /// Which.
        file: FileNumber,
        /// Its path.
        path: Bytes,
        /// Which way it goes.
        direction: Direction,
    },
    /// A file was closed, or its channel ended.
    Moved {
        /// Which.
        file: FileNumber,
        /// Its path.
        path: Bytes,
        /// Which way it went.
        direction: Direction,
        /// When it was opened.
        started: Timestamp,
        /// Bytes that passed.
        bytes: u64,
        /// SHA-256 of them in the order in which they passed.
        sha256: [u8; 32],
        /// Whether they passed once each, from the first to the last.
        in_order: bool,
        /// What came of it.
        result: FileResult,
    },
    /// Something else was done.
    Changed {
        /// What.
        act: FileAct,
        /// To what.
        path: Bytes,
        /// The new name, what a link points to, or attributes in words; empty where there is none.
        to: Bytes,
        /// The target's words if it said no; empty if it was done.
        failed: String,
    },
    /// Something was refused here and never reached the target.
    Refused {
        /// What was asked, in few words that are the same each time: `sftp open for writing`.
        what: &'static str,
        /// Why not, such as the right that is missing.
        why: String,
    },
}

/// A file under way, for those who watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnderWay {
    /// Which.
    pub file: FileNumber,
    /// Its path.
    pub path: Bytes,
    /// Which way.
    pub direction: Direction,
    /// Bytes that passed so far.
    pub bytes: u64,
    /// Its size, where one of the sides said it.
    pub size: Option<u64>,
    /// It waits for the scanner.
    pub held: bool,
}

/// A side broke the protocol or its limits. The channel ends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{side} {why}")]
pub struct Broken {
    /// `the technician's client` or `the target`.
    pub side: &'static str,
    /// What it did, such as `sent a packet of 4294967295 bytes`.
    pub why: String,
}
