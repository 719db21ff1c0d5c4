//! A raw track: time, direction and bytes of a channel without a terminal, or of secrets.
//!
//! ```text
//! "poterne-raw-1\n"  length(4)  JSON
//! time(8, microseconds since 1970)  kind(1)  length(4)  bytes    …
//! ```

use crate::frame::{Frame, FrameKind};
use crate::parts::PartWriter;
use jiff::Timestamp;
use std::io::{self, Read};

const MAGIC: &[u8] = b"poterne-raw-1\n";
/// Longest record: as long as a frame can be.
const LONGEST: usize = 1 << 20;

/// Writes a raw track.
pub(crate) struct RawWriter {
    part: PartWriter,
}

impl RawWriter {
    /// Begins with what the channel was for: JSON.
    pub(crate) fn begin(mut part: PartWriter, what: &[u8]) -> io::Result<Self> {
        part.write(MAGIC)?;
        part.write(&u32::try_from(what.len()).unwrap_or(0).to_be_bytes())?;
        part.write(what)?;
        Ok(Self { part })
    }

    pub(crate) fn record(&mut self, at: Timestamp, kind: FrameKind, bytes: &[u8]) -> io::Result<()> {
        let mut prefix = Vec::with_capacity(13);
        prefix.extend_from_slice(&at.as_microsecond().to_be_bytes());
        prefix.push(kind.code());
        prefix.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(0).to_be_bytes());
        self.part.write(&prefix)?;
        self.part.write(bytes)
    }

    pub(crate) fn frame(&mut self, frame: &Frame) -> io::Result<()> {
        self.record(frame.at, frame.kind, &frame.data)
    }

    pub(crate) fn finish(self) -> io::Result<crate::parts::Written> {
        self.part.finish()
    }
}

/// Reads a raw track.
pub struct RawReader<R> {
    reader: R,
    /// What the channel was for: `what`, `command` in hexadecimal.
    pub what: serde_json::Value,
}

impl<R: Read> RawReader<R> {
    /// Begins to read.
    pub fn new(mut reader: R) -> io::Result<Self> {
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let mut magic = vec![0; MAGIC.len()];
        reader.read_exact(&mut magic)?;
        if magic != MAGIC {
            return Err(wrong("it does not begin with poterne-raw-1"));
        }
        let what = read_block(&mut reader)?;
        let what = serde_json::from_slice(&what).map_err(|_| wrong("its header is not JSON"))?;
        Ok(Self { reader, what })
    }

    fn next_record(&mut self) -> io::Result<Option<Frame>> {
        let mut at = [0; 8];
        if let Err(error) = self.reader.read_exact(&mut at) {
            return if error.kind() == io::ErrorKind::UnexpectedEof { Ok(None) } else { Err(error) };
        }
        let mut kind = [0; 1];
        self.reader.read_exact(&mut kind)?;
        let data = read_block(&mut self.reader)?;
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        Ok(Some(Frame {
            at: Timestamp::from_microsecond(i64::from_be_bytes(at)).map_err(|_| wrong("not a time"))?,
            track: 0,
            kind: FrameKind::from_code(kind[0]).ok_or_else(|| wrong("an unknown kind"))?,
            data: data.into(),
        }))
    }
}

fn read_block(reader: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    reader.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > LONGEST {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a record is too long"));
    }
    let mut bytes = vec![0; length];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

impl<R: Read> Iterator for RawReader<R> {
    type Item = io::Result<Frame>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().transpose()
    }
}
