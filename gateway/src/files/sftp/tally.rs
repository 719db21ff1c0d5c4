//! One file's way: how many bytes passed, in which order, and their digest.

use crate::files::{FileNumber, Note, UnderWay};
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use jiff::Timestamp;
use lifecycle::FileResult;
use policy::Direction;

/// Counts what passes of one file in one direction.
pub(super) struct Tally {
    pub(super) file: FileNumber,
    pub(super) direction: Direction,
    started: Timestamp,
    running: Context,
    pub(super) bytes: u64,
    /// Where the next byte stands if they pass in order.
    next: u64,
    in_order: bool,
    /// The words of the first refusal of a part.
    pub(super) failed: Option<String>,
}

impl Tally {
    /// Of a file that is open now.
    pub(super) fn new(file: FileNumber, direction: Direction, started: Timestamp) -> Self {
        let running = Context::new(&SHA256);
        Self { file, direction, started, running, bytes: 0, next: 0, in_order: true, failed: None }
    }

    /// A part passes.
    pub(super) fn pass(&mut self, offset: u64, content: &[u8]) {
        let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
        self.in_order &= offset == self.next || length == 0;
        self.next = offset.saturating_add(length);
        self.bytes = self.bytes.saturating_add(length);
        self.running.update(content);
    }

    /// The digest cannot be the file's own: some of it does not pass, or lands elsewhere.
    pub(super) fn out_of_order(&mut self) {
        self.in_order = false;
    }

    /// Behind the last byte that passed.
    pub(super) fn end(&self) -> u64 {
        self.next
    }

    /// A part was refused; the first reason stays.
    pub(super) fn fail(&mut self, why: String) {
        self.failed.get_or_insert(why);
    }

    /// The entry for the journal.
    pub(super) fn ended(self, path: Bytes, result: FileResult) -> Note {
        let mut sha256 = [0; 32];
        let digest = self.running.finish();
        for (to, from) in sha256.iter_mut().zip(digest.as_ref()) {
            *to = *from;
        }
        Note::Moved {
            file: self.file,
            path,
            direction: self.direction,
            started: self.started,
            bytes: self.bytes,
            sha256,
            in_order: self.in_order,
            result,
        }
    }

    /// For those who watch.
    pub(super) fn under_way(&self, path: &Bytes, size: Option<u64>, held: bool) -> UnderWay {
        UnderWay { file: self.file, path: path.clone(), direction: self.direction, bytes: self.bytes, size, held }
    }
}

impl std::fmt::Debug for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tally").field("file", &self.file).field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_order(parts: &[(u64, &[u8])]) -> bool {
        let mut tally = Tally::new(0, Direction::ToTarget, Timestamp::UNIX_EPOCH);
        parts.iter().for_each(|(offset, content)| tally.pass(*offset, content));
        let Note::Moved { in_order, .. } = tally.ended(Bytes::new(), FileResult::Done) else { unreachable!() };
        in_order
    }

    #[test]
    fn order_is_from_the_first_byte_to_the_last_once_each() {
        assert!(in_order(&[]));
        assert!(in_order(&[(0, b"ab"), (2, b""), (2, b"c")]));
        assert!(!in_order(&[(1, b"a")]));
        assert!(!in_order(&[(0, b"ab"), (1, b"c")]));
        assert!(!in_order(&[(0, b"ab"), (3, b"d"), (2, b"c")]));
    }
}
