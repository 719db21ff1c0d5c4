//! Whole conversations between a client and a small target, through the steward.

mod malformed;
mod passing;
mod random;
mod scanned;
mod world;

use super::attributes::Attributes;
use super::requests::kind;
use super::wire::{Fields, Packet};
use bytes::Bytes;

pub(super) const READ: u32 = 1;
pub(super) const WRITE: u32 = 2;
pub(super) const APPEND: u32 = 4;
pub(super) const CREAT: u32 = 8;
pub(super) const TRUNC: u32 = 16;
pub(super) const EXCL: u32 = 32;

pub(super) const OK: u32 = 0;
pub(super) const EOF: u32 = 1;
pub(super) const NO_SUCH_FILE: u32 = 2;
pub(super) const PERMISSION_DENIED: u32 = 3;
pub(super) const FAILURE: u32 = 4;
pub(super) const OP_UNSUPPORTED: u32 = 8;

pub(super) fn init() -> Bytes {
    Packet::new(kind::INIT).number(3).done()
}

pub(super) fn open(id: u32, path: &[u8], flags: u32) -> Bytes {
    Packet::new(kind::OPEN).number(id).text(path).number(flags).number(0).done()
}

/// A request whose fields are strings.
pub(super) fn texts(kind: u8, id: u32, texts: &[&[u8]]) -> Bytes {
    texts.iter().fold(Packet::new(kind).number(id), |packet, text| packet.text(text)).done()
}

pub(super) fn extended(id: u32, name: &str, fields: &[&[u8]]) -> Bytes {
    let packet = Packet::new(kind::EXTENDED).number(id).text(name.as_bytes());
    fields.iter().fold(packet, |packet, text| packet.text(text)).done()
}

pub(super) fn close(id: u32, handle: &[u8]) -> Bytes {
    texts(kind::CLOSE, id, &[handle])
}

pub(super) fn read(id: u32, handle: &[u8], offset: u64, length: u32) -> Bytes {
    Packet::new(kind::READ).number(id).text(handle).long(offset).number(length).done()
}

pub(super) fn write(id: u32, handle: &[u8], offset: u64, content: &[u8]) -> Bytes {
    Packet::new(kind::WRITE).number(id).text(handle).long(offset).text(content).done()
}

pub(super) fn set(kind: u8, id: u32, of: &[u8], attributes: &Attributes) -> Bytes {
    attributes.write(Packet::new(kind).number(id).text(of)).done()
}

pub(super) fn sized(size: u64) -> Attributes {
    Attributes { size: Some(size), ..Attributes::default() }
}

pub(super) fn moded(mode: u32) -> Attributes {
    Attributes { permissions: Some(mode), ..Attributes::default() }
}

/// A reply as the client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Got {
    Status(u32, String),
    Handle(Bytes),
    Data(Bytes),
    Attributes(Attributes),
    Other(u8),
}

pub(super) fn got(packet: &[u8]) -> (u32, Got) {
    let mut fields = Fields::of(packet);
    let kind = fields.byte().unwrap();
    let id = fields.number().unwrap();
    let got = match kind {
        101 => Got::Status(
            fields.number().unwrap(),
            String::from_utf8_lossy(fields.text().unwrap_or_default()).into_owned(),
        ),
        102 => Got::Handle(Bytes::copy_from_slice(fields.text().unwrap())),
        103 => Got::Data(Bytes::copy_from_slice(fields.text().unwrap())),
        105 => Got::Attributes(fields.attributes().unwrap()),
        other => Got::Other(other),
    };
    (id, got)
}
