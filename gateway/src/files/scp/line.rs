//! The lines of the scp protocol: taken out of a stream, and judged.
//!
//! The protocol has no document. What is right here is what OpenSSH's `scp.c` and PuTTY's `pscp.c`
//! write; what they never write is refused, so that nothing passes that two readers could read
//! in two ways.

use bytes::Bytes;

/// The longest line, with its end. OpenSSH reads lines into 2048 bytes and takes the rest of a longer
/// one for the next: a file could hide from this reader behind a long name.
const LONGEST: usize = 2047;
/// How much of what does not fit is shown, in bytes.
const EXCERPT: usize = 60;
/// `00`: yes.
const YES: u8 = 0;
/// A line that begins with it says what went wrong; the transfer goes on.
const WARNING: u8 = 1;
/// Its sender ends after it.
const FATAL: u8 = 2;

/// A line under way from one side.
#[derive(Debug, Default)]
pub(super) struct Line(Vec<u8>);

impl Line {
    /// Takes the line's bytes off the front; the line with its end, once it is whole.
    fn take(&mut self, bytes: &mut &[u8]) -> Result<Option<Bytes>, String> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (part, rest) = bytes.split_at(end.map_or(bytes.len(), |end| end + 1));
        if self.0.len() + part.len() > LONGEST {
            return Err(format!("sent a line of more than {LONGEST} bytes"));
        }
        self.0.extend_from_slice(part);
        *bytes = rest;
        Ok(end.map(|_| Bytes::from(std::mem::take(&mut self.0))))
    }
}

/// What a side answers: the sink to a record and to a file, the source at the end of a file's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    /// As it passes.
    pub(super) bytes: Bytes,
    /// What it says.
    pub(super) says: Says,
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Says {
    /// Yes.
    Yes,
    /// No, in these words; the next record may follow.
    No(String),
    /// No, in these words, and nothing more will follow.
    Fatal(String),
}

impl Says {
    /// The words, if it was no.
    pub(super) fn no(&self) -> Option<&str> {
        match self {
            Says::Yes => None,
            Says::No(why) | Says::Fatal(why) => Some(why),
        }
    }
}

impl Reply {
    /// The answer yes.
    pub(super) fn yes() -> Self {
        Self { bytes: Bytes::from_static(&[YES]), says: Says::Yes }
    }

    /// The answer no, in a line made here.
    pub(super) fn no(words: &str) -> Bytes {
        [&[WARNING][..], words.as_bytes(), b"\n"].concat().into()
    }

    /// Takes an answer off the front, once it is whole.
    pub(super) fn take(line: &mut Line, bytes: &mut &[u8]) -> Result<Option<Self>, String> {
        if line.0.is_empty() {
            match bytes.split_first() {
                None => return Ok(None),
                Some((&YES, rest)) => {
                    *bytes = rest;
                    return Ok(Some(Self::yes()));
                }
                Some((&(WARNING | FATAL), _)) => {}
                Some(_) => return Err(format!("sent {} where an answer of scp belongs", excerpt(bytes))),
            }
        }
        let Some(bytes) = line.take(bytes)? else { return Ok(None) };
        let words = said(&bytes)?;
        let says = if bytes.first() == Some(&FATAL) { Says::Fatal(words) } else { Says::No(words) };
        Ok(Some(Self { bytes, says }))
    }
}

/// What a source announces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    /// When what is announced next was changed and read.
    Times,
    /// A file, whose data follows.
    File {
        /// In bytes.
        size: u64,
        /// Without a path.
        name: Bytes,
    },
    /// A folder: what follows is in it.
    Folder {
        /// Without a path.
        name: Bytes,
    },
    /// The folder is over.
    Leave,
    /// Something went wrong on the source's side, in place of a record. It gets no answer.
    Said {
        /// Nothing more will follow.
        fatal: bool,
    },
}

impl Record {
    /// Takes a record's line off the front, once it is whole; with what it says.
    pub(super) fn take(line: &mut Line, bytes: &mut &[u8]) -> Result<Option<(Bytes, Self)>, String> {
        let fits = |first: &u8| matches!(*first, b'C' | b'D' | b'E' | b'T' | WARNING | FATAL);
        if line.0.is_empty() && !bytes.first().is_none_or(fits) {
            return Err(format!("sent {}, which is no record of scp", excerpt(bytes)));
        }
        let Some(whole) = line.take(bytes)? else { return Ok(None) };
        let record = Self::parse(&whole).map_err(|why| format!("sent the record {}: {why}", excerpt(&whole)))?;
        Ok(Some((whole, record)))
    }

    fn parse(line: &[u8]) -> Result<Self, String> {
        let (first, rest) = line.strip_suffix(b"\n").and_then(|line| line.split_first()).ok_or("it has no letter")?;
        match *first {
            b'C' => named(rest).map(|(size, name)| Self::File { size, name }),
            b'D' => named(rest).map(|(_, name)| Self::Folder { name }),
            b'E' if rest.is_empty() => Ok(Self::Leave),
            b'E' => Err("`E` stands alone".to_owned()),
            b'T' => times(rest).map(|()| Self::Times),
            kind => said(line).map(|_| Self::Said { fatal: kind == FATAL }),
        }
    }
}

/// `<mode> <size> <name>`.
fn named(rest: &[u8]) -> Result<(u64, Bytes), String> {
    let mut parts = rest.splitn(3, |byte| *byte == b' ');
    let (mode, size, name) = (parts.next(), parts.next(), parts.next());
    if !mode.is_some_and(|mode| mode.len() == 4 && mode.iter().all(|digit| (b'0'..=b'7').contains(digit))) {
        return Err("the permissions are not four octal digits".to_owned());
    }
    let size = size.and_then(number).ok_or("the size is not a number below 2^63")?;
    let name = name.ok_or("it has no name")?;
    fits_as_name(name)?;
    Ok((size, Bytes::copy_from_slice(name)))
}

/// `<seconds> <microseconds> <seconds> <microseconds>`.
fn times(rest: &[u8]) -> Result<(), String> {
    let numbers: Option<Vec<u64>> = rest.split(|byte| *byte == b' ').map(number).collect();
    match numbers.as_deref() {
        Some([_, changed, _, read]) if *changed < 1_000_000 && *read < 1_000_000 => Ok(()),
        _ => Err("it is not two times, each in seconds and microseconds".to_owned()),
    }
}

/// A number that fits a file's size on every target: below 2^63.
fn number(digits: &[u8]) -> Option<u64> {
    let plain = !digits.is_empty() && digits.iter().all(u8::is_ascii_digit);
    let number: u64 = std::str::from_utf8(digits).ok().filter(|_| plain)?.parse().ok()?;
    i64::try_from(number).is_ok().then_some(number)
}

/// A name may not lead out of its folder, for readers of any system (CVE-2018-20685): some take
/// `\` for a separator, and pscp does not see spaces in front.
fn fits_as_name(name: &[u8]) -> Result<(), String> {
    let climbs = |part: &[u8]| matches!(part.trim_ascii(), b"." | b"..");
    if name.trim_ascii().is_empty() {
        Err("its name is empty".to_owned())
    } else if name.contains(&b'/') || name.split(|byte| *byte == b'\\').any(climbs) {
        Err("its name leads to another folder".to_owned())
    } else if controls(name) {
        Err("its name has a control character".to_owned())
    } else {
        Ok(())
    }
}

/// The words of an error's line. Clients show them as they are (CVE-2019-6110).
fn said(line: &[u8]) -> Result<String, String> {
    let words = line.strip_suffix(b"\n").and_then(|line| line.get(1..)).unwrap_or_default();
    if words.split(|byte| *byte == b'\t').any(controls) {
        return Err(format!("sent the error {} with a control character", excerpt(line)));
    }
    Ok(String::from_utf8_lossy(words).into_owned())
}

/// Whether something in it would steer a terminal: also the second set of controls, as UTF-8 writes it.
fn controls(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_control)
        || text.windows(2).any(|pair| matches!(pair, [0xc2, second] if (0x80..=0x9f).contains(second)))
}

/// The beginning of what came, for a message.
fn excerpt(bytes: &[u8]) -> String {
    format!("`{}`", bytes.get(..EXCERPT).unwrap_or(bytes).escape_ascii())
}
