//! One file of an scp transfer.

use crate::files::scp::line::Reply;
use crate::files::{FileNumber, Note, UnderWay};
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use jiff::Timestamp;
use lifecycle::FileResult;
use policy::Direction;

/// A file that was announced.
#[derive(Clone)]
pub(super) struct File {
    pub(super) number: FileNumber,
    /// Its record, for a delivery.
    pub(super) line: Bytes,
    /// The record of its times, for a delivery.
    pub(super) times: Option<Bytes>,
    pub(super) name: Bytes,
    pub(super) size: u64,
    /// The source's words, if it could not read all of it.
    pub(super) failed: Option<String>,
    /// What the sink answered before it had all of it.
    pub(super) early: Option<Reply>,
    path: Bytes,
    direction: Direction,
    started: Timestamp,
    bytes: u64,
    digest: Context,
}

/// What a file's record says of it, and where it stands.
pub(super) struct Announced {
    pub(super) line: Bytes,
    pub(super) times: Option<Bytes>,
    pub(super) name: Bytes,
    pub(super) size: u64,
    pub(super) path: Bytes,
    pub(super) direction: Direction,
}

impl File {
    pub(super) fn new(number: FileNumber, announced: Announced, started: Timestamp) -> Box<Self> {
        let Announced { line, times, name, size, path, direction } = announced;
        let digest = Context::new(&SHA256);
        let (failed, early, bytes) = (None, None, 0);
        Box::new(Self { number, line, times, name, size, failed, early, path, direction, started, bytes, digest })
    }

    /// How many bytes came so far.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes what belongs to the file off the front.
    pub(super) fn take(&mut self, bytes: &mut &[u8]) -> Bytes {
        let left = usize::try_from(self.size.saturating_sub(self.bytes)).unwrap_or(usize::MAX);
        let (part, rest) = bytes.split_at(left.min(bytes.len()));
        self.bytes = self.bytes.saturating_add(part.len() as u64);
        self.digest.update(part);
        *bytes = rest;
        Bytes::copy_from_slice(part)
    }

    pub(super) fn is_whole(&self) -> bool {
        self.bytes >= self.size
    }

    pub(super) fn began(&self) -> Note {
        Note::Began { file: self.number, path: self.path.clone(), direction: self.direction }
    }

    /// That the sink was given so much of it when all was over. The digest is of what its source sent.
    pub(super) fn sent_in_part(&self, sent: u64) -> Note {
        let mut part = self.moved(FileResult::Partial);
        if let Note::Moved { bytes, in_order, .. } = &mut part {
            (*bytes, *in_order) = (sent, false);
        }
        part
    }

    /// That it is over. Bytes and digest are of what its source sent.
    pub(super) fn moved(&self, result: FileResult) -> Note {
        let mut sha256 = [0; 32];
        let digest = self.digest.clone().finish();
        sha256.iter_mut().zip(digest.as_ref().iter()).for_each(|(to, from)| *to = *from);
        Note::Moved {
            file: self.number,
            path: self.path.clone(),
            direction: self.direction,
            started: self.started,
            bytes: self.bytes,
            sha256,
            in_order: true,
            result,
        }
    }

    /// What those who watch see of it.
    pub(super) fn under_way(&self, held: bool) -> UnderWay {
        UnderWay {
            file: self.number,
            path: self.path.clone(),
            direction: self.direction,
            bytes: self.bytes,
            size: Some(self.size),
            held,
        }
    }
}
