//! One question to clamd and its answer, each on a connection of its own.

use super::Trouble;
use config::{ByteSize, Clamav, ClamavSocket};
use std::io;
use std::pin::pin;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

/// Bytes of a file that are sent in one piece.
const PIECE: usize = 64 * 1024;
/// Longest answer that is read; clamd's are a line.
const LONGEST_ANSWER: u64 = 4096;

/// What clamd is asked.
pub(super) enum Command<B> {
    /// A word.
    Plain(&'static str),
    /// What it thinks of this; more bytes than `limit` are not sent.
    Stream { body: B, limit: ByteSize },
}

/// What clamd answers.
pub(super) struct Answer {
    /// Its bytes, to the end of the connection.
    pub(super) bytes: Vec<u8>,
    /// Whether it had all that was to be sent.
    pub(super) to_all: bool,
}

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// Why sending ended early.
enum Stopped {
    /// The wire broke; what clamd answered may still be read.
    Wire,
    /// It makes no sense to go on.
    Trouble(Trouble),
}

/// Where clamd listens, in words.
pub(super) fn place(socket: &ClamavSocket) -> String {
    match socket {
        ClamavSocket::Unix(path) => path.display().to_string(),
        ClamavSocket::Tcp(address) => address.to_string(),
    }
}

/// Asks, and reads the answer to the end.
pub(super) async fn ask<B: AsyncRead + Unpin>(clamav: &Clamav, command: Command<B>) -> Result<Answer, Trouble> {
    let at = || place(&clamav.socket);
    let unreachable = |error: io::Error| Trouble::Unreachable { at: at(), why: plain(&error) };
    let wire = connect(&clamav.socket).await.map_err(unreachable)?;
    let (from, to) = tokio::io::split(wire);
    let mut receiving = pin!(receive(from));
    // Both at once: clamd answers early to a file that it finds too large, and reads no more of it.
    let (received, to_all) = tokio::select! {
        biased;
        sent = send(to, command) => match sent {
            Ok(()) => (receiving.await, true),
            Err(Stopped::Wire) => (receiving.await, false),
            Err(Stopped::Trouble(trouble)) => return Err(trouble),
        },
        early = &mut receiving => (early, false),
    };
    let bytes = received.map_err(unreachable)?;
    match bytes.is_empty() {
        true => Err(Trouble::Silent { at: at() }),
        false => Ok(Answer { bytes, to_all }),
    }
}

async fn connect(socket: &ClamavSocket) -> io::Result<Box<dyn Wire>> {
    Ok(match socket {
        ClamavSocket::Unix(path) => Box::new(UnixStream::connect(path).await?),
        ClamavSocket::Tcp(address) => Box::new(TcpStream::connect(address).await?),
    })
}

async fn send<B: AsyncRead + Unpin>(mut to: impl AsyncWrite + Unpin, command: Command<B>) -> Result<(), Stopped> {
    let (mut body, limit) = match command {
        Command::Plain(word) => return to.write_all(format!("z{word}\0").as_bytes()).await.map_err(broken),
        Command::Stream { body, limit } => (body, limit),
    };
    to.write_all(b"zINSTREAM\0").await.map_err(broken)?;
    let mut buffer = vec![0; PIECE];
    let mut left = limit.0;
    loop {
        let unreadable = |error| Stopped::Trouble(Trouble::Unreadable(error));
        let read = body.read(&mut buffer).await.map_err(unreadable)?;
        let piece = buffer.get(..read).unwrap_or_default();
        left = left.checked_sub(read as u64).ok_or(Stopped::Trouble(Trouble::TooLarge { limit }))?;
        // A length of zero ends the stream, as the end of the file does.
        let length = u32::try_from(read).unwrap_or_default();
        to.write_all(&length.to_be_bytes()).await.map_err(broken)?;
        if piece.is_empty() {
            return Ok(());
        }
        to.write_all(piece).await.map_err(broken)?;
    }
}

fn broken(_: io::Error) -> Stopped {
    Stopped::Wire
}

/// Reads to the end. A wire that breaks after an answer has brought one.
async fn receive(from: impl AsyncRead + Unpin) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match from.take(LONGEST_ANSWER).read_to_end(&mut bytes).await {
        Err(error) if bytes.is_empty() => Err(error),
        _ => Ok(bytes),
    }
}

fn plain(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such socket".to_owned(),
        kind => kind.to_string(),
    }
}
