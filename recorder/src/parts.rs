//! One file of a sealed recording: zstd, then age, the age header apart from the body (D22, D23).
//!
//! `cat NAME.head NAME.body | age -d -i KEY | zstd -d` gives the plain file. The head lies in the
//! key ring: destroying it makes every copy of the body unreadable for good. Where two persons read
//! together there is a second age layer around the first, and the head is the outer one's.

use crate::keys::{KeyError, Recipients, encryptor};
use age::stream::{StreamReader, StreamWriter};
use age::x25519::Identity;
use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::HEXLOWER;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The level of zstd: beyond it text gets hardly smaller and takes much longer.
const LEVEL: i32 = 6;
/// Longest age header: some hundred recipients.
const LONGEST_HEAD: usize = 64 << 10;

/// Where a part's two files lie.
pub(crate) fn paths(folder: &Path, heads: &Path, name: &str) -> (PathBuf, PathBuf) {
    (heads.join(format!("{name}.head")), folder.join(format!("{name}.body")))
}

pub(crate) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// What was written, and what it came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Written {
    /// Bytes of the plain file.
    pub(crate) plain_bytes: u64,
    /// SHA-256 of the plain file, in hexadecimal.
    pub(crate) plain: String,
    /// Bytes of head and body.
    pub(crate) sealed_bytes: u64,
    /// SHA-256 of the head file, in hexadecimal.
    pub(crate) head: String,
    /// SHA-256 of the body file, in hexadecimal.
    pub(crate) body: String,
}

/// Sends the age header to one file and the rest to another, and digests both.
struct Split {
    head: File,
    head_buffer: Vec<u8>,
    head_done: bool,
    head_digest: Context,
    body: BufWriter<File>,
    body_digest: Context,
    bytes: u64,
}

/// Where the header ends: behind the line that begins with `--- `.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let mark = bytes.windows(5).position(|window| window == b"\n--- ")? + 1;
    let end = bytes.get(mark..)?.iter().position(|byte| *byte == b'\n')?;
    Some(mark + end + 1)
}

impl Split {
    fn write_body(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.body_digest.update(bytes);
        self.bytes += bytes.len() as u64;
        self.body.write_all(bytes)
    }
}

impl Write for Split {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.head_done {
            self.write_body(bytes)?;
            return Ok(bytes.len());
        }
        self.head_buffer.extend_from_slice(bytes);
        if let Some(end) = end_of_head(&self.head_buffer) {
            let rest = self.head_buffer.split_off(end);
            self.head_digest.update(&self.head_buffer);
            self.bytes += self.head_buffer.len() as u64;
            self.head.write_all(&self.head_buffer)?;
            self.head.sync_all()?;
            self.head_done = true;
            self.write_body(&rest)?;
        } else if self.head_buffer.len() > LONGEST_HEAD {
            return Err(io::Error::other("the age header does not end"));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.body.flush()
    }
}

/// Counts and digests the compressed bytes' origin: what goes into zstd.
struct Counted<W> {
    inner: W,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// One age layer, or one around another.
enum Layers {
    One(Box<StreamWriter<Split>>),
    Two(Box<StreamWriter<StreamWriter<Split>>>),
}

impl Layers {
    fn begin(recipients: &Recipients, split: Split) -> io::Result<Self> {
        let inner = encryptor(recipients.first())?;
        if recipients.second().is_empty() {
            return Ok(Self::One(Box::new(inner.wrap_output(split)?)));
        }
        let outer = encryptor(recipients.second())?.wrap_output(split)?;
        Ok(Self::Two(Box::new(inner.wrap_output(outer)?)))
    }

    fn finish(self) -> io::Result<Split> {
        match self {
            Self::One(layer) => layer.finish(),
            Self::Two(inner) => inner.finish()?.finish(),
        }
    }
}

impl Write for Layers {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::One(layer) => layer.write(bytes),
            Self::Two(inner) => inner.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::One(layer) => layer.flush(),
            Self::Two(inner) => inner.flush(),
        }
    }
}

type Sealing = Counted<Layers>;

/// Writes one part. The compressed stream may be cut into frames that can be read by themselves.
pub(crate) struct PartWriter {
    /// Always there between two calls; taken out where a frame ends.
    encoder: Option<zstd::Encoder<'static, Sealing>>,
    plain: Context,
    plain_bytes: u64,
}

fn new_encoder(sealing: Sealing) -> io::Result<zstd::Encoder<'static, Sealing>> {
    let mut encoder = zstd::Encoder::new(sealing, LEVEL)?;
    encoder.include_checksum(true)?;
    Ok(encoder)
}

impl PartWriter {
    /// Begins a part for these recipients.
    pub(crate) fn create(folder: &Path, heads: &Path, name: &str, recipients: &Recipients) -> io::Result<Self> {
        let (head, body) = paths(folder, heads, name);
        let split = Split {
            head: create(&head)?,
            head_buffer: Vec::new(),
            head_done: false,
            head_digest: Context::new(&SHA256),
            body: BufWriter::with_capacity(128 << 10, create(&body)?),
            body_digest: Context::new(&SHA256),
            bytes: 0,
        };
        let sealing = Counted { inner: Layers::begin(recipients, split)?, bytes: 0 };
        Ok(Self { encoder: Some(new_encoder(sealing)?), plain: Context::new(&SHA256), plain_bytes: 0 })
    }

    /// Writes plain bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.plain.update(bytes);
        self.plain_bytes += bytes.len() as u64;
        self.encoder.as_mut().ok_or_else(broken)?.write_all(bytes)
    }

    /// Ends a frame of the compressed stream; gives where the next one begins in it.
    pub(crate) fn cut(&mut self) -> io::Result<u64> {
        let sealing = self.encoder.take().ok_or_else(broken)?.finish()?;
        let at = sealing.bytes;
        self.encoder = Some(new_encoder(sealing)?);
        Ok(at)
    }

    /// Ends the part and syncs it.
    pub(crate) fn finish(mut self) -> io::Result<Written> {
        let sealing = self.encoder.take().ok_or_else(broken)?.finish()?;
        let mut split = sealing.inner.finish()?;
        split.body.flush()?;
        split.body.get_ref().sync_all()?;
        let hex = |context: Context| HEXLOWER.encode(context.finish().as_ref());
        Ok(Written {
            plain_bytes: self.plain_bytes,
            plain: hex(self.plain),
            sealed_bytes: split.bytes,
            head: hex(split.head_digest),
            body: hex(split.body_digest),
        })
    }
}

fn broken() -> io::Error {
    io::Error::other("an earlier write failed")
}

/// Head and body of a part read as the one file they are: a standard age file.
pub struct Joined {
    head: Vec<u8>,
    body: BufReader<File>,
    body_bytes: u64,
    at: u64,
}

impl Joined {
    /// Opens both. Nothing is decrypted.
    pub fn open(head: &Path, body: &Path) -> io::Result<Self> {
        let head = fs::read(head)?;
        let body = File::open(body)?;
        let body_bytes = body.metadata()?.len();
        Ok(Self { head, body: BufReader::with_capacity(128 << 10, body), body_bytes, at: 0 })
    }
}

impl Read for Joined {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let in_head = usize::try_from(self.at).ok().and_then(|at| self.head.get(at..)).unwrap_or_default();
        let count = if in_head.is_empty() { self.body.read(buffer)? } else { (&*in_head).read(buffer)? };
        self.at += count as u64;
        Ok(count)
    }
}

impl Seek for Joined {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let length = self.head.len() as u64 + self.body_bytes;
        let at = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => length.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        self.at = at.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "before the beginning"))?;
        self.body.seek(SeekFrom::Start(self.at.saturating_sub(self.head.len() as u64)))?;
        Ok(self.at)
    }
}

/// Why a part cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file is missing or cannot be read.
    #[error("`{path}`: {error}")]
    Disk {
        /// Which.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// The head was destroyed: the content is erased for good.
    #[error("the head `{0}` is not there: its key was destroyed, or it lies elsewhere")]
    Erased(PathBuf),
    /// The keys do not open it.
    #[error("none of these keys opens it: it was sealed to {0}")]
    Closed(String),
    /// It takes two persons, and here is one at most.
    #[error("it takes two persons to read: a key of {0} opens the {1} layer, and none of these does")]
    Half(String, &'static str),
    /// A key is none.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The bytes are not what they should be.
    #[error("`{0}` is not as it was sealed: {1}")]
    Damaged(String, String),
}

/// What decrypts a part: its one layer, or the inner one through the outer.
pub(crate) enum Opened {
    One(Box<StreamReader<Source>>),
    Two(Box<StreamReader<StreamReader<Source>>>),
}

impl Read for Opened {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::One(layer) => layer.read(buffer),
            Self::Two(inner) => inner.read(buffer),
        }
    }
}

impl Seek for Opened {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::One(layer) => layer.seek(to),
            Self::Two(inner) => inner.seek(to),
        }
    }
}

/// The plain bytes of a part, from the beginning or from the beginning of one of its frames.
pub(crate) type PlainReader = zstd::Decoder<'static, BufReader<Opened>>;

/// Whose keys open a part.
pub(crate) struct Locks<'a> {
    /// The inner layer's recipients.
    pub(crate) first: &'a [String],
    /// The outer layer's; empty where there is none.
    pub(crate) second: &'a [String],
}

impl Locks<'_> {
    fn closed(&self, outer: bool) -> OpenError {
        match (self.second.is_empty(), outer) {
            (true, _) => OpenError::Closed(self.first.join(", ")),
            (false, true) => OpenError::Half(self.second.join(", "), "outer"),
            (false, false) => OpenError::Half(self.first.join(", "), "inner"),
        }
    }
}

/// Head and body of a part where they lie, or the file that the second person made of them.
pub(crate) enum Source {
    Sealed(Joined),
    Unwrapped(BufReader<File>),
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Sealed(joined) => joined.read(buffer),
            Self::Unwrapped(file) => file.read(buffer),
        }
    }
}

impl Seek for Source {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Sealed(joined) => joined.seek(to),
            Self::Unwrapped(file) => file.seek(to),
        }
    }
}

/// Takes one layer off.
fn decrypted<R: Read>(
    source: R,
    name: &str,
    keys: &[Identity],
    closed: impl FnOnce() -> OpenError,
) -> Result<StreamReader<R>, OpenError> {
    let damaged = |error: &dyn std::fmt::Display| OpenError::Damaged(name.to_owned(), error.to_string());
    let decryptor = age::Decryptor::new(source).map_err(|error| damaged(&error))?;
    match decryptor.decrypt(keys.iter().map(|key| key as &dyn age::Identity)) {
        Ok(reader) => Ok(reader),
        Err(age::DecryptError::NoMatchingKeys) => Err(closed()),
        Err(error) => Err(damaged(&error)),
    }
}

/// Head and body of a part as one age file.
pub(crate) fn source(folder: &Path, heads: &Path, name: &str) -> Result<Source, OpenError> {
    let (head, body) = paths(folder, heads, name);
    if !head.is_file() && body.is_file() {
        return Err(OpenError::Erased(head));
    }
    Joined::open(&head, &body).map(Source::Sealed).map_err(|error| OpenError::Disk { path: body, error })
}

/// The same part without its outer layer, as the second person unwrapped it into `folder`.
pub(crate) fn unwrapped(folder: &Path, name: &str) -> Result<Source, OpenError> {
    let path = unwrapped_path(folder, name);
    match File::open(&path) {
        Ok(file) => Ok(Source::Unwrapped(BufReader::with_capacity(128 << 10, file))),
        Err(error) => Err(OpenError::Disk { path, error }),
    }
}

/// Where a part lies that the second person unwrapped.
pub(crate) fn unwrapped_path(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.age"))
}

/// Takes the outer of two layers off: what is read is an age file that one of the first opens.
pub(crate) fn unwrap(
    source: Source,
    name: &str,
    keys: &[Identity],
    locks: &Locks<'_>,
) -> Result<impl Read + use<>, OpenError> {
    decrypted(source, name, keys, || locks.closed(true))
}

/// Opens one part with these keys, `offset` bytes into its compressed stream.
pub(crate) fn open(
    source: Source,
    name: &str,
    keys: &[Identity],
    offset: u64,
    locks: &Locks<'_>,
) -> Result<PlainReader, OpenError> {
    let damaged = |error: &dyn std::fmt::Display| OpenError::Damaged(name.to_owned(), error.to_string());
    let mut reader = open_packed(source, name, keys, locks)?;
    if offset > 0 {
        reader.seek(SeekFrom::Start(offset)).map_err(|error| damaged(&error))?;
    }
    zstd::Decoder::new(reader).map_err(|error| damaged(&error))
}

/// Opens one part with these keys, as it was compressed.
pub(crate) fn open_packed(
    source: Source,
    name: &str,
    keys: &[Identity],
    locks: &Locks<'_>,
) -> Result<Opened, OpenError> {
    let inner = || locks.closed(false);
    Ok(match (&source, locks.second.is_empty()) {
        (Source::Sealed(_), false) => {
            let outer = decrypted(source, name, keys, || locks.closed(true))?;
            Opened::Two(Box::new(decrypted(outer, name, keys, inner)?))
        }
        _ => Opened::One(Box::new(decrypted(source, name, keys, inner)?)),
    })
}
