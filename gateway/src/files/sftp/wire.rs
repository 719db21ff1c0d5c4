//! Packets as they lie on the wire: a length, a type, fields. Nothing here knows what they mean.

use super::attributes::Attributes;
use bytes::{Bytes, BytesMut};

/// Longest packet taken from either side, its length field not counted: OpenSSH's 256 KiB
/// (`SFTP_MAX_MSG_LENGTH`), and room for the fields of those who put 256 KiB of content into one.
pub(super) const LONGEST_PACKET: usize = 256 * 1024 + 1024;

/// Bytes before a packet's body: its length.
const LENGTH_FIELD: usize = 4;

/// Where a packet's id stands: behind its length and its type.
const ID_FIELD: std::ops::Range<usize> = 5..9;

/// What is wrong with a packet: the end of a sentence that begins with the side that sent it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Malformed(pub(super) String);

impl From<&str> for Malformed {
    fn from(why: &str) -> Self {
        Self(why.to_owned())
    }
}

/// Cuts the stream of one side into packets.
#[derive(Debug, Default)]
pub(super) struct Framer {
    /// Less than one packet between calls, and never more than [`LONGEST_PACKET`].
    buffer: BytesMut,
}

impl Framer {
    /// Bytes that wait for the rest of their packet.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.buffer.len()
    }

    /// Takes what arrived.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole packet with its length field, if there is one. The length is judged as soon as
    /// it is known, so that nobody makes us wait for, or keep, what would be refused.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Malformed> {
        let Some(field) = self.buffer.first_chunk::<LENGTH_FIELD>() else { return Ok(None) };
        let length = u32::from_be_bytes(*field);
        let fits = usize::try_from(length).ok().filter(|length| *length <= LONGEST_PACKET);
        match fits {
            None => Err(Malformed(format!("sent a packet of {length} bytes, over the limit of {LONGEST_PACKET}"))),
            Some(0) => Err("sent an empty packet".into()),
            Some(length) if self.buffer.len() < LENGTH_FIELD + length => Ok(None),
            Some(length) => Ok(Some(self.buffer.split_to(LENGTH_FIELD + length).freeze())),
        }
    }
}

/// Reads the fields of one packet in their order.
#[derive(Debug, Clone)]
pub(super) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// The fields of a whole packet, the type being the first.
    pub(super) fn of(packet: &'a [u8]) -> Self {
        Self { rest: packet.get(LENGTH_FIELD..).unwrap_or_default() }
    }

    /// The fields in what an extension carries.
    pub(super) fn within(rest: &'a [u8]) -> Self {
        Self { rest }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (field, rest) = self.rest.split_at_checked(length).ok_or("sent a packet that is cut short")?;
        self.rest = rest;
        Ok(field)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (field, rest) = self.rest.split_first_chunk::<N>().ok_or("sent a packet that is cut short")?;
        self.rest = rest;
        Ok(*field)
    }

    /// A byte.
    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// A number of 32 bits.
    pub(super) fn number(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    /// A number of 64 bits.
    pub(super) fn long(&mut self) -> Result<u64, Malformed> {
        self.array().map(u64::from_be_bytes)
    }

    /// A string: any bytes behind their length.
    pub(super) fn text(&mut self) -> Result<&'a [u8], Malformed> {
        let length = self.number()?;
        self.take(usize::try_from(length).map_err(|_| "sent a string that is longer than its packet")?)
    }

    /// A file's attributes.
    pub(super) fn attributes(&mut self) -> Result<Attributes, Malformed> {
        Attributes::read(self)
    }

    /// All that is left.
    pub(super) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.rest)
    }

    /// Whether nothing is left.
    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// There must be nothing more: what neither side's specification knows would pass unjudged.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.rest.is_empty() { Ok(()) } else { Err("sent a packet with bytes behind its last field".into()) }
    }
}

/// A packet in the making.
#[derive(Debug)]
pub(super) struct Packet(BytesMut);

impl Packet {
    /// One of this type; its id, where it has one, is its first number.
    pub(super) fn new(kind: u8) -> Self {
        let mut bytes = BytesMut::new();
        bytes.extend_from_slice(&[0; LENGTH_FIELD]);
        bytes.extend_from_slice(&[kind]);
        Self(bytes)
    }

    /// With a number of 32 bits.
    pub(super) fn number(mut self, number: u32) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// With a number of 64 bits.
    pub(super) fn long(mut self, number: u64) -> Self {
        self.0.extend_from_slice(&number.to_be_bytes());
        self
    }

    /// With a string.
    pub(super) fn text(self, text: &[u8]) -> Self {
        // Nothing here is ever near 4 GiB: all of it came out of packets, or is ours and short.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.number(length).raw(text)
    }

    /// With bytes as they are.
    pub(super) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The packet, its length written.
    pub(super) fn done(mut self) -> Bytes {
        let length = u32::try_from(self.0.len().saturating_sub(LENGTH_FIELD)).unwrap_or(u32::MAX);
        if let Some(field) = self.0.first_chunk_mut::<LENGTH_FIELD>() {
            *field = length.to_be_bytes();
        }
        self.0.freeze()
    }
}

/// The same packet under another id.
pub(super) fn with_id(packet: &Bytes, id: u32) -> Bytes {
    let mut bytes = BytesMut::from(packet.as_ref());
    if let Some(field) = bytes.get_mut(ID_FIELD) {
        field.copy_from_slice(&id.to_be_bytes());
    }
    bytes.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(bytes: &[u8]) -> Result<Vec<Bytes>, Malformed> {
        let mut framer = Framer::default();
        let mut packets = Vec::new();
        for byte in bytes.chunks(1) {
            framer.push(byte);
            while let Some(packet) = framer.next()? {
                packets.push(packet);
            }
        }
        Ok(packets)
    }

    #[test]
    fn packets_come_whole_however_they_arrive() {
        let (one, two) = (Packet::new(3).number(7).text(b"a").done(), Packet::new(4).long(9).done());
        assert_eq!(framed(&[one.as_ref(), two.as_ref()].concat()).unwrap(), [one, two]);
    }

    #[test]
    fn a_length_is_judged_before_anything_is_kept_for_it() {
        assert!(framed(&[0, 0, 0, 0]).unwrap_err().0.contains("empty"));
        assert!(framed(&[0xff; 4]).unwrap_err().0.contains("4294967295"));
        let longest = u32::try_from(LONGEST_PACKET).unwrap();
        assert_eq!(framed(&longest.to_be_bytes()).unwrap(), Vec::<Bytes>::new());
        assert!(framed(&(longest + 1).to_be_bytes()).is_err());
    }

    #[test]
    fn an_id_is_exchanged_and_nothing_else() {
        let packet = Packet::new(3).number(7).text(b"name").done();
        assert_eq!(with_id(&packet, 8), Packet::new(3).number(8).text(b"name").done());
    }
}
