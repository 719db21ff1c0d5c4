//! What a target answers, and what is answered here in its place.

use super::attributes::Attributes;
use super::requests::kind;
use super::wire::{Fields, Malformed, Packet};
use bytes::Bytes;

const STATUS: u8 = 101;
const HANDLE: u8 = 102;
const DATA: u8 = 103;
const NAME: u8 = 104;
const ATTRS: u8 = 105;

/// Most characters of a target's words that are kept.
const LONGEST_WORDS: usize = 200;

/// Codes of a STATUS. Version 3 knows no more than eight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Code(pub(super) u32);

impl Code {
    pub(super) const OK: Code = Code(0);
    pub(super) const EOF: Code = Code(1);
    pub(super) const NO_SUCH_FILE: Code = Code(2);
    pub(super) const PERMISSION_DENIED: Code = Code(3);
    pub(super) const FAILURE: Code = Code(4);
    pub(super) const OP_UNSUPPORTED: Code = Code(8);

    fn in_words(self) -> String {
        let word = match self.0 {
            0 => "ok",
            1 => "end of file",
            2 => "no such file",
            3 => "permission denied",
            4 => "failure",
            5 => "bad message",
            6 => "no connection",
            7 => "connection lost",
            8 => "operation unsupported",
            other => return format!("status {other}"),
        };
        word.to_owned()
    }
}

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply<'a> {
    Status { code: Code, words: &'a [u8] },
    Handle(&'a [u8]),
    Data(&'a [u8]),
    Names,
    Attributes(Attributes),
    Extended(&'a [u8]),
}

/// Reads a packet of the target's that is not the first.
pub(super) fn read(packet: &[u8]) -> Result<(u32, Reply<'_>), Malformed> {
    let mut fields = Fields::of(packet);
    let kind = fields.byte()?;
    if kind == kind::VERSION {
        return Err("sent a second VERSION".into());
    }
    if !matches!(kind, STATUS..=ATTRS | kind::EXTENDED_REPLY) {
        return Err(Malformed(format!("sent a packet of type {kind}, which is no reply")));
    }
    let id = fields.number()?;
    let reply = match kind {
        STATUS => {
            let code = Code(fields.number()?);
            // Old servers end here, or behind the words: both are read.
            let words = if fields.is_empty() { b"" } else { fields.text()? };
            if !fields.is_empty() {
                let _language = fields.text()?;
            }
            Reply::Status { code, words }
        }
        HANDLE => Reply::Handle(fields.text()?),
        DATA => Reply::Data(fields.text()?),
        NAME => {
            for _ in 0..fields.number()? {
                // Each takes 12 bytes at least: the packet's length bounds the loop.
                let _names = (fields.text()?, fields.text()?);
                fields.attributes()?;
            }
            Reply::Names
        }
        ATTRS => Reply::Attributes(fields.attributes()?),
        _ => Reply::Extended(fields.rest()),
    };
    fields.end()?;
    Ok((id, reply))
}

impl Reply<'_> {
    /// Its name, for those who sent it where it does not fit.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Reply::Status { .. } => "STATUS",
            Reply::Handle(_) => "HANDLE",
            Reply::Data(_) => "DATA",
            Reply::Names => "NAME",
            Reply::Attributes(_) => "ATTRS",
            Reply::Extended(_) => "EXTENDED_REPLY",
        }
    }
}

/// A target's words for the journal: text on one line, never empty.
pub(super) fn words_of(code: Code, words: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(words)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(LONGEST_WORDS)
        .collect();
    if text.trim().is_empty() { code.in_words() } else { text.trim().to_owned() }
}

/// A STATUS of ours.
pub(super) fn status(id: u32, code: Code, words: &str) -> Bytes {
    Packet::new(STATUS).number(id).number(code.0).text(words.as_bytes()).text(b"en").done()
}

/// A HANDLE of ours.
pub(super) fn handle(id: u32, handle: &[u8]) -> Bytes {
    Packet::new(HANDLE).number(id).text(handle).done()
}

/// DATA of ours.
pub(super) fn data(id: u32, content: &[u8]) -> Bytes {
    Packet::new(DATA).number(id).text(content).done()
}

/// ATTRS of ours.
pub(super) fn attributes(id: u32, attributes: &Attributes) -> Bytes {
    attributes.write(Packet::new(ATTRS).number(id)).done()
}

/// A reply to `limits@openssh.com`: packet, read, write, handles.
pub(super) fn limits(id: u32, limits: [u64; 4]) -> Bytes {
    limits.into_iter().fold(Packet::new(kind::EXTENDED_REPLY).number(id), Packet::long).done()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_read_with_and_without_its_words() {
        for packet in [
            Packet::new(STATUS).number(1).number(4).done(),
            Packet::new(STATUS).number(1).number(4).text(b"").done(),
            status(1, Code::FAILURE, ""),
        ] {
            assert_eq!(read(&packet).unwrap(), (1, Reply::Status { code: Code::FAILURE, words: b"" }));
        }
        assert!(read(&Packet::new(STATUS).number(1).number(4).text(b"").text(b"en").raw(b"x").done()).is_err());
    }

    #[test]
    fn words_are_one_line_and_say_something() {
        assert_eq!(words_of(Code::FAILURE, b" No\nspace\x1b[31m "), "No space [31m");
        assert_eq!(words_of(Code::PERMISSION_DENIED, b""), "permission denied");
        assert_eq!(words_of(Code::FAILURE, &[b'a'; 5000]).len(), LONGEST_WORDS);
    }

    #[test]
    fn names_are_read_to_their_end() {
        let name = |count: u32| Packet::new(NAME).number(9).number(count).text(b"a").text(b"-rw a").number(0).done();
        assert_eq!(read(&name(1)).unwrap().1, Reply::Names);
        assert!(read(&name(2)).is_err());
        assert!(read(&name(u32::MAX)).is_err());
        assert!(read(&name(0)).is_err());
    }
}
