//! Handles, and the files and folders behind them.

use super::requests::Flags;
use super::tally::Tally;
use crate::files::{FileNumber, Note, UnderWay};
use bytes::Bytes;
use jiff::Timestamp;
use lifecycle::FileResult;
use policy::Direction;

/// A file that is open on the target, by the steward's own count.
pub(super) type OpenedNumber = u64;

/// What stands behind a handle that the technician's client holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Handle {
    /// A folder on the target.
    Folder,
    /// A file on the target.
    File(OpenedNumber),
    /// A file of the technician's in quarantine.
    Held {
        /// Which.
        file: FileNumber,
        /// It may be read through this handle.
        reads: bool,
        /// It may be written through this handle; whoever closes it has sent the whole.
        writes: bool,
    },
    /// A file of the target's that was fetched and scanned.
    Scanned(FileNumber),
}

/// A file open on the target, whose content passes as it comes.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) path: Bytes,
    pub(super) flags: Flags,
    pub(super) started: Timestamp,
    up: Option<Tally>,
    down: Option<Tally>,
    /// Parts that are asked for, or sent, and not answered yet.
    pub(super) parts: usize,
    /// What came of its CLOSE, once that is answered.
    pub(super) closed: Option<Result<(), String>>,
    pub(super) size: Option<u64>,
    /// Something that was there before may stay in it.
    keeps: bool,
    /// Its length was set, or another handle writes the same file.
    resized: bool,
}

impl Opened {
    pub(super) fn new(path: Bytes, flags: Flags, started: Timestamp) -> Self {
        Self {
            path,
            flags,
            started,
            up: None,
            down: None,
            parts: 0,
            closed: None,
            size: None,
            keeps: !flags.starts_empty(),
            resized: false,
        }
    }

    /// The tally of one direction, if it has begun.
    pub(super) fn tally(&mut self, direction: Direction) -> Option<&mut Tally> {
        self.slot(direction).as_mut()
    }

    fn slot(&mut self, direction: Direction) -> &mut Option<Tally> {
        match direction {
            Direction::ToTarget => &mut self.up,
            Direction::FromTarget => &mut self.down,
        }
    }

    /// Begins to count in one direction.
    pub(super) fn begin(&mut self, mut tally: Tally) -> Note {
        // Where every part goes behind what is there, offsets say nothing.
        let mixed = self.resized || self.flags.appends();
        if mixed && tally.direction == Direction::ToTarget {
            tally.out_of_order();
        }
        let note = Note::Began { file: tally.file, path: self.path.clone(), direction: tally.direction };
        let direction = tally.direction;
        *self.slot(direction) = Some(tally);
        note
    }

    /// Whether what passed to the target ends there.
    pub(super) fn ends_at(&self, length: u64) -> bool {
        self.up.as_ref().map_or(0, Tally::end) == length
    }

    /// The target cut it to where what passed ends: so OpenSSH's scp takes away the rest of an older file.
    pub(super) fn is_cut(&mut self) {
        self.keeps = false;
    }

    /// Not all of the file passes here.
    pub(super) fn is_not_alone(&mut self) {
        self.resized = true;
        self.up.iter_mut().for_each(Tally::out_of_order);
    }

    /// The direction to count from the start, if only one is possible.
    pub(super) fn only_direction(&self) -> Option<Direction> {
        match (self.flags.reads(), self.flags.writes()) {
            (true, true) => None,
            (true, false) if !self.flags.changes() => Some(Direction::FromTarget),
            _ => Some(Direction::ToTarget),
        }
    }

    /// It has no tally yet.
    pub(super) fn untouched(&self) -> bool {
        self.up.is_none() && self.down.is_none()
    }

    /// The entries: what came of it, by its CLOSE and by its parts.
    pub(super) fn ended(self) -> impl Iterator<Item = Note> {
        let Self { path, up, down, closed, keeps, .. } = self;
        [up, down].into_iter().flatten().map(move |mut tally| {
            if keeps && tally.direction == Direction::ToTarget {
                tally.out_of_order();
            }
            let result = match (&closed, tally.failed.take()) {
                (None, _) => FileResult::Partial,
                (Some(Ok(())), None) => FileResult::Done,
                (Some(_), Some(why)) => FileResult::Failed { why },
                (Some(Err(why)), None) => FileResult::Failed { why: why.clone() },
            };
            tally.ended(path.clone(), result)
        })
    }

    /// For those who watch.
    pub(super) fn under_way(&self) -> impl Iterator<Item = UnderWay> {
        [&self.up, &self.down].into_iter().flatten().map(|tally| tally.under_way(&self.path, self.size, false))
    }
}
