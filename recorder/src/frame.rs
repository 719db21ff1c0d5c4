//! One frame: when, on which track, what.

use jiff::Timestamp;

/// A track: the channel's number within the session; 0 is the session itself.
pub type Track = u32;

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// A track begins: JSON with `what`, `command` (hexadecimal), `term`, `columns`, `rows`, `to`.
    Begin,
    /// Bytes from the technician to the target.
    Input,
    /// Bytes typed while the session was frozen: recorded, not delivered.
    InputDropped,
    /// Bytes from the target, standard output.
    Output,
    /// Bytes from the target, standard error.
    ErrorOutput,
    /// The terminal changed its size: columns and rows, four bytes each, big-endian.
    Resize,
    /// Something worth finding again: a warning, a freeze, a signal. Text.
    Marker,
    /// A track ends: JSON with `exit` or `signal`.
    End,
    /// What happened to a file: JSON with `event` and what fits it.
    File,
    /// Content of a file that is kept: its number in the channel, four bytes, and its offset, eight, both
    /// big-endian; then the bytes.
    Content,
}

impl FrameKind {
    const ALL: [(u8, FrameKind); 10] = [
        (1, FrameKind::Begin),
        (2, FrameKind::Input),
        (3, FrameKind::InputDropped),
        (4, FrameKind::Output),
        (5, FrameKind::ErrorOutput),
        (6, FrameKind::Resize),
        (7, FrameKind::Marker),
        (8, FrameKind::End),
        (9, FrameKind::File),
        (10, FrameKind::Content),
    ];

    pub(crate) fn from_code(code: u8) -> Option<FrameKind> {
        FrameKind::ALL.iter().find(|(known, _)| *known == code).map(|(_, kind)| *kind)
    }

    pub(crate) fn code(self) -> u8 {
        FrameKind::ALL.iter().find(|(_, kind)| *kind == self).map_or(0, |(code, _)| *code)
    }
}

/// A frame, as written and read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// When, to the microsecond.
    pub at: Timestamp,
    /// On which track.
    pub track: Track,
    /// What kind.
    pub kind: FrameKind,
    /// The bytes.
    pub data: bytes::Bytes,
}

/// Kind, track, time.
pub(crate) const PREFIX: usize = 1 + 4 + 8;

impl Frame {
    /// Columns and rows, of a resize.
    pub fn size(&self) -> Option<(usize, usize)> {
        (self.kind == FrameKind::Resize).then(|| crate::cast::size(&self.data)).flatten()
    }

    pub(crate) fn encode_into(&self, buffer: &mut Vec<u8>) {
        buffer.push(self.kind.code());
        buffer.extend_from_slice(&self.track.to_be_bytes());
        buffer.extend_from_slice(&self.at.as_microsecond().to_be_bytes());
        buffer.extend_from_slice(&self.data);
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Frame> {
        let (&code, rest) = bytes.split_first()?;
        let (track, rest) = rest.split_first_chunk::<4>()?;
        let (at, data) = rest.split_first_chunk::<8>()?;
        Some(Frame {
            at: Timestamp::from_microsecond(i64::from_be_bytes(*at)).ok()?,
            track: u32::from_be_bytes(*track),
            kind: FrameKind::from_code(code)?,
            data: bytes::Bytes::copy_from_slice(data),
        })
    }
}
