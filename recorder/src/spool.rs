//! The spool: header, then frames, each sealed and chained.
//!
//! ```text
//! "poterne-spool-1\n"  length(4)  header as JSON
//! length(4)  AES-256-GCM(frame)    …
//! ```
//!
//! The nonce of frame *n* is *n*; its additional data is the head before it. The head after it is
//! `SHA-256(head before ‖ sealed frame)`, and the first head is `SHA-256` of everything up to the
//! end of the header. So no frame can be altered, dropped or moved without the head at the end
//! becoming another, and that head stands in the journal (D24, REC-05).

use crate::frame::{Frame, PREFIX};
use crate::keys::{KeyError, Recipients, RecordingKey, RecoveryKey};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::digest::{Context, SHA256, digest};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io::Read;

const MAGIC: &[u8] = b"poterne-spool-1\n";
const TAG: usize = 16;
/// Longest frame: the relay's largest block and its prefix, with room.
const LONGEST: usize = 1 << 20;

/// What stands in clear at the beginning of a spool. Names no person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The session.
    pub session: String,
    /// When the recording began.
    pub started: Timestamp,
    /// The recipients, as lines.
    pub recipients: Vec<String>,
    /// Those of the second person; empty where one reads alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub second_recipients: Vec<String>,
    /// The recording's key, wrapped to the recipients: a base64 age file; where it takes two persons,
    /// one inside another.
    pub sealed: String,
    /// The recording's key, wrapped to the bastion: a base64 age file. Gone once sealed.
    pub local: String,
}

impl Header {
    /// Wraps the key for those who may open it.
    pub fn new(
        session: &str,
        started: Timestamp,
        key: &RecordingKey,
        recipients: &Recipients,
        recovery: &RecoveryKey,
    ) -> Result<Self, KeyError> {
        Ok(Self {
            session: session.to_owned(),
            started,
            recipients: recipients.names(),
            second_recipients: recipients.second_names(),
            sealed: key.wrap_to(recipients)?,
            local: key.wrap_locally(recovery)?,
        })
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let json = serde_json::to_vec(self).unwrap_or_default();
        let length = u32::try_from(json.len()).unwrap_or(u32::MAX).to_be_bytes();
        [MAGIC, &length, &json].concat()
    }
}

/// The end of the chain after so many bytes of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The chained digest.
    pub hash: [u8; 32],
    /// Length of the file up to it.
    pub length: u64,
    /// Frames up to it.
    pub frames: u64,
}

impl Head {
    pub(crate) fn after_header(header: &[u8]) -> Head {
        Head { hash: sha256(&[header]), length: header.len() as u64, frames: 0 }
    }

    fn after(&self, sealed: &[u8]) -> Head {
        Head {
            hash: sha256(&[&self.hash, sealed]),
            length: self.length + 4 + sealed.len() as u64,
            frames: self.frames + 1,
        }
    }

    /// The digest in hexadecimal, as it stands in the journal.
    pub fn hex(&self) -> String {
        HEXLOWER.encode(&self.hash)
    }
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    if let [one] = parts {
        return digest(&SHA256, one).as_ref().try_into().unwrap_or_default();
    }
    let mut context = Context::new(&SHA256);
    parts.iter().for_each(|part| context.update(part));
    context.finish().as_ref().try_into().unwrap_or_default()
}

fn nonce(frame: u64) -> Nonce {
    let mut bytes = [0u8; NONCE_LEN];
    if let Some(last) = bytes.last_chunk_mut::<8>() {
        *last = frame.to_be_bytes();
    }
    Nonce::assume_unique_for_key(bytes)
}

/// Seals frames one after the other.
pub(crate) struct Sealer {
    cipher: LessSafeKey,
    head: Head,
    buffer: Vec<u8>,
}

impl Sealer {
    pub(crate) fn new(key: &RecordingKey, header: &[u8]) -> Option<Sealer> {
        let cipher = LessSafeKey::new(UnboundKey::new(&AES_256_GCM, &key.0[..]).ok()?);
        Some(Sealer { cipher, head: Head::after_header(header), buffer: Vec::new() })
    }

    /// The bytes to write for this frame, and the head once they are written.
    pub(crate) fn seal(&mut self, frame: &Frame) -> Option<(&[u8], Head)> {
        let length = PREFIX + frame.data.len() + TAG;
        let length = u32::try_from(length).ok().filter(|length| *length as usize <= LONGEST)?;
        self.buffer.clear();
        self.buffer.reserve(4 + length as usize);
        self.buffer.extend_from_slice(&length.to_be_bytes());
        frame.encode_into(&mut self.buffer);
        // Sealed where it stands, behind its length: every copy of a busy stream counts.
        let plain = self.buffer.get_mut(4..)?;
        let aad = Aad::from(self.head.hash);
        let tag = self.cipher.seal_in_place_separate_tag(nonce(self.head.frames), aad, plain).ok()?;
        self.buffer.extend_from_slice(tag.as_ref());
        let head = self.head.after(self.buffer.get(4..)?);
        Some((&self.buffer, head))
    }

    pub(crate) fn written(&mut self, head: Head) {
        self.head = head;
    }
}

/// Why a spool cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// The beginning is not that of a spool.
    #[error("not a spool: {0}")]
    Form(&'static str),
    /// The key does not open it.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// Where reading had to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Damage {
    /// The file ends within a frame: what a crash leaves.
    Torn,
    /// A frame does not open: it was altered, dropped or moved.
    Altered,
}

/// Reads a spool from its beginning, one frame at a time: a spool may be larger than memory.
pub struct SpoolReader<R> {
    cipher: LessSafeKey,
    reader: R,
    head: Head,
    damage: Option<Damage>,
    over: bool,
}

impl<R: Read> SpoolReader<R> {
    /// The header, and the bytes of it that the chain begins with.
    pub fn header(mut reader: R) -> Result<(Header, Vec<u8>), SpoolError> {
        Self::read_header(&mut reader)
    }

    fn read_header(reader: &mut R) -> Result<(Header, Vec<u8>), SpoolError> {
        let short = |_| SpoolError::Form("it ends within the header");
        let mut whole = vec![0; MAGIC.len() + 4];
        reader.read_exact(&mut whole).map_err(short)?;
        let length = whole.strip_prefix(MAGIC).and_then(|length| length.try_into().ok()).map(u32::from_be_bytes);
        let length = length.ok_or(SpoolError::Form("it does not begin with poterne-spool-1"))? as usize;
        if length > LONGEST {
            return Err(SpoolError::Form("its header is longer than a mebibyte"));
        }
        let mut json = vec![0; length];
        reader.read_exact(&mut json).map_err(short)?;
        let header = serde_json::from_slice(&json).map_err(|_| SpoolError::Form("its header is not JSON"))?;
        whole.extend_from_slice(&json);
        Ok((header, whole))
    }

    /// Begins to read with the recording's key.
    pub fn new(mut reader: R, key: &RecordingKey) -> Result<Self, SpoolError> {
        let (_, whole) = Self::read_header(&mut reader)?;
        let cipher = UnboundKey::new(&AES_256_GCM, &key.0[..]).map_err(|_| KeyError::Closed)?;
        let head = Head::after_header(&whole);
        Ok(Self { cipher: LessSafeKey::new(cipher), reader, head, damage: None, over: false })
    }

    /// The head after the frames read so far.
    pub fn head(&self) -> Head {
        self.head
    }

    /// What stopped the reading, if it was not the end of the file.
    pub fn damage(&self) -> Option<&Damage> {
        self.damage.as_ref()
    }

    /// Fills the buffer. `None` where the file ends before it; then it is torn, unless it ended
    /// between two frames.
    fn fill(&mut self, buffer: &mut [u8], between_frames: bool) -> Option<()> {
        let mut filled = 0;
        while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.reader.read(rest) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                // What cannot be read is not there for this reader.
                Err(_) => break,
            }
        }
        if filled == buffer.len() {
            return Some(());
        }
        self.over = true;
        if filled > 0 || !between_frames {
            self.damage = Some(Damage::Torn);
        }
        None
    }

    fn altered(&mut self) -> Option<Frame> {
        self.over = true;
        self.damage = Some(Damage::Altered);
        None
    }
}

impl<R: Read> Iterator for SpoolReader<R> {
    type Item = Frame;

    fn next(&mut self) -> Option<Frame> {
        if self.over {
            return None;
        }
        let mut length = [0; 4];
        self.fill(&mut length, true)?;
        let length = u32::from_be_bytes(length) as usize;
        if length == 0 {
            // A power cut leaves zeroes where the file had grown and nothing was written yet.
            self.over = true;
            self.damage = Some(Damage::Torn);
            return None;
        }
        if length > LONGEST {
            return self.altered();
        }
        let mut sealed = vec![0; length];
        self.fill(&mut sealed, false)?;
        // The head chains what is sealed, and opening works in place.
        let after = self.head.after(&sealed);
        let opened = self.cipher.open_in_place(nonce(self.head.frames), Aad::from(self.head.hash), &mut sealed);
        let Some(frame) = opened.ok().and_then(|plain| Frame::decode(plain)) else { return self.altered() };
        self.head = after;
        Some(frame)
    }
}
