//! A stream with three things that the SSH library needs around it: reading that can be held,
//! writing that never makes the library's loop wait, and a watch on whether the peer is still there.

use crate::limits::UNREAD;
use crate::relay::socket::Socket;
use bytes::{Buf as _, BytesMut};
use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::{Instant, Sleep};

/// One read of the socket. The library itself reads four bytes, then the rest of a packet.
const READ: usize = 64 << 10;
/// A read below this is part of a conversation, whose other side may wait for the acknowledgement before
/// it says more (Nagle): delayed, each such turn costs 40 ms.
const SMALL: usize = 4 << 10;
/// Unsent bytes at which the pumps wait before they hand over more.
const BACKLOG_HIGH: usize = 512 << 10;
/// How long a closing connection may take to send what is left.
const FAREWELL: Duration = Duration::from_secs(5);
/// Longest identification line of a client that is kept.
const IDENTIFICATION: usize = 255;

/// Whether and how fast the stream is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// As fast as it comes.
    Open,
    /// A little at a time: the client of a stuck upload, whose tiny windows would else cost a core.
    Paced,
    /// A trickle: a target behind whose unread output its window adjustments wait.
    Trickle,
    /// Not at all.
    Held,
}

impl Reading {
    fn from_code(code: u8) -> Reading {
        match code {
            0 => Reading::Open,
            1 => Reading::Paced,
            2 => Reading::Trickle,
            _ => Reading::Held,
        }
    }

    fn code(self) -> u8 {
        match self {
            Reading::Open => 0,
            Reading::Paced => 1,
            Reading::Trickle => 2,
            Reading::Held => 3,
        }
    }

    /// Bytes a read, and the pause after it.
    fn pace(self) -> Option<(usize, Duration)> {
        match self {
            Reading::Paced => Some((READ, Duration::from_millis(5))),
            Reading::Trickle => Some((16 << 10, Duration::from_millis(4))),
            Reading::Open | Reading::Held => None,
        }
    }
}

/// The handle by which the rest of the program holds, paces and ends a stream.
#[derive(Debug, Default)]
pub struct Gate {
    reading: AtomicU8,
    ended: AtomicBool,
    reader: Mutex<Option<Waker>>,
    backlog: AtomicUsize,
    drained: Notify,
    gone: Notify,
    peer_gone: AtomicBool,
    identification: OnceLock<String>,
    /// Bytes that may still be read; 0: no matter how many.
    allowance: AtomicU64,
    overdrawn: AtomicBool,
    unread: AtomicBool,
}

impl Gate {
    /// Ends the stream once more than so many bytes were read; 0: never.
    pub fn allow(&self, bytes: u64) {
        self.allowance.store(bytes, Ordering::Release);
    }

    /// Whether it ended because more came than was allowed.
    pub fn is_overdrawn(&self) -> bool {
        self.overdrawn.load(Ordering::Acquire)
    }

    /// Whether it ended because its peer did not read.
    pub fn is_unread(&self) -> bool {
        self.unread.load(Ordering::Acquire)
    }

    /// Counts bytes that were read. `false`: they are more than was allowed.
    fn counts(&self, read: usize) -> bool {
        let left = self.allowance.load(Ordering::Acquire);
        if left == 0 {
            return true;
        }
        match left.checked_sub(u64::try_from(read).unwrap_or(u64::MAX)).filter(|left| *left > 0) {
            // Set anew meanwhile, by whoever let the peer in: that holds.
            Some(less) => {
                let _ = self.allowance.compare_exchange(left, less, Ordering::AcqRel, Ordering::Acquire);
                true
            }
            None => {
                self.overdrawn.store(true, Ordering::Release);
                false
            }
        }
    }

    /// How the stream is read now.
    pub fn reading(&self) -> Reading {
        Reading::from_code(self.reading.load(Ordering::Acquire))
    }

    /// Reads it otherwise from now on.
    pub fn set_reading(&self, reading: Reading) {
        let before = self.reading.swap(reading.code(), Ordering::AcqRel);
        if before != reading.code() {
            self.wake_reader();
        }
    }

    fn wake_reader(&self) {
        let waker = self.reader.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Ends the stream at once: the library's next read fails, also while it is held.
    pub fn end(&self) {
        self.ended.store(true, Ordering::Release);
        self.wake_reader();
        self.drained.notify_waiters();
        self.mark_gone();
    }

    /// Whether it was ended.
    pub fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    fn mark_gone(&self) {
        self.peer_gone.store(true, Ordering::Release);
        self.gone.notify_waiters();
    }

    /// Returns once the peer has closed its side or the stream was ended.
    pub async fn peer_gone(&self) {
        loop {
            let notified = self.gone.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if self.peer_gone.load(Ordering::Acquire) {
                return;
            }
            notified.await;
        }
    }

    /// Returns once so little is unsent that more may be handed over.
    pub async fn writable(&self) {
        loop {
            let notified = self.drained.notified();
            tokio::pin!(notified);
            notified.as_mut().enable();
            if self.backlog.load(Ordering::Acquire) < BACKLOG_HIGH || self.is_ended() {
                return;
            }
            notified.await;
        }
    }

    /// The line by which the client named its software, once it was read.
    pub fn identification(&self) -> &str {
        self.identification.get().map_or("", String::as_str)
    }
}

/// The stream that the library is given.
pub struct GatedStream<S = TcpStream> {
    socket: Arc<S>,
    gate: Arc<Gate>,
    /// Small for a connection that is idle; as large as a read once one filled it.
    input: Vec<u8>,
    input_from: usize,
    input_to: usize,
    first_line: Option<Vec<u8>>,
    output: BytesMut,
    pause: Pin<Box<Sleep>>,
    next_read: Instant,
    farewell: Option<Pin<Box<Sleep>>>,
}

impl GatedStream {
    /// Watches the socket from outside the library's loop, which may be inside one of our
    /// callbacks when the peer leaves.
    pub async fn watch(tcp: Arc<TcpStream>, gate: Arc<Gate>) {
        /// Readiness is level-triggered: unread bytes would make this loop spin without a pause.
        const LOOK: Duration = Duration::from_millis(250);
        while !gate.is_ended() {
            match tcp.ready(Interest::READABLE).await {
                Ok(ready) if ready.is_read_closed() => break,
                Ok(_) => tokio::time::sleep(LOOK).await,
                Err(_) => break,
            }
        }
        gate.mark_gone();
    }
}

impl<S: Socket> GatedStream<S> {
    /// Wraps a connected socket.
    pub fn new(socket: Arc<S>, gate: Arc<Gate>) -> Self {
        Self {
            socket,
            gate,
            input: vec![0; SMALL],
            input_from: 0,
            input_to: 0,
            first_line: Some(Vec::new()),
            output: BytesMut::new(),
            pause: Box::pin(tokio::time::sleep(Duration::ZERO)),
            next_read: Instant::now(),
            farewell: None,
        }
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>, most: usize) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.socket.poll_read_ready(cx))?;
            let most = most.min(self.input.len());
            let room = self.input.get_mut(..most).unwrap_or_default();
            match self.socket.try_read(room) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Ok(read) => {
                    if read < SMALL {
                        self.socket.acknowledge();
                    }
                    return Poll::Ready(Ok(read));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn note_first_line(&mut self, bytes: usize) {
        let Some(line) = &mut self.first_line else { return };
        line.extend_from_slice(self.input.get(..bytes).unwrap_or_default());
        let end = line.iter().position(|byte| *byte == b'\n');
        if end.is_some() || line.len() > IDENTIFICATION {
            line.truncate(end.unwrap_or(IDENTIFICATION));
            let text = String::from_utf8_lossy(line).trim_end().escape_default().to_string();
            let _ = self.gate.identification.set(text);
            self.first_line = None;
        }
    }

    /// Sends what it can of the unsent bytes.
    fn drain(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        while !self.output.is_empty() {
            if self.socket.poll_write_ready(cx)?.is_pending() {
                break;
            }
            match self.socket.try_write(&self.output) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(sent) => self.output.advance(sent),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            }
        }
        if self.output.is_empty() && self.output.capacity() > BACKLOG_HIGH {
            self.output = BytesMut::new();
        }
        self.note_backlog();
        Ok(())
    }

    fn note_backlog(&self) {
        let now = self.output.len();
        let before = self.gate.backlog.swap(now, Ordering::AcqRel);
        if before >= BACKLOG_HIGH && now < BACKLOG_HIGH {
            self.gate.drained.notify_waiters();
        }
    }
}

impl<S: Socket> AsyncRead for GatedStream<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.output.is_empty() {
            this.drain(cx)?;
        }
        // The waker is left before the state is looked at, so that a change in between wakes us.
        *this.gate.reader.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        if this.gate.is_ended() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        if this.input_from == this.input_to {
            let reading = this.gate.reading();
            if reading == Reading::Held {
                return Poll::Pending;
            }
            let mut most = READ;
            if let Some((step, _)) = reading.pace() {
                most = step;
                if Instant::now() < this.next_read {
                    this.pause.as_mut().reset(this.next_read);
                    ready!(this.pause.as_mut().poll(cx));
                }
            }
            let read = ready!(this.poll_fill(cx, most))?;
            if read == 0 {
                this.gate.mark_gone();
                return Poll::Ready(Ok(()));
            }
            if !this.gate.counts(read) {
                return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
            }
            this.note_first_line(read);
            (this.input_from, this.input_to) = (0, read);
            if read == this.input.len() && read < READ {
                this.input.resize(READ, 0);
            }
            if let Some((_, pause)) = reading.pace() {
                this.next_read = Instant::now() + pause;
            }
        }
        let count = (this.input_to - this.input_from).min(buffer.remaining());
        let ready = this.input.get(this.input_from..this.input_from + count).unwrap_or_default();
        buffer.put_slice(ready);
        this.input_from += count;
        Poll::Ready(Ok(()))
    }
}

impl<S: Socket> AsyncWrite for GatedStream<S> {
    /// Takes everything at once. The library awaits its writes without reading meanwhile, and a
    /// relay that does not read while it writes deadlocks.
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.gate.is_ended() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        this.drain(cx)?;
        let mut sent = 0;
        while this.output.is_empty() && sent < bytes.len() && this.socket.poll_write_ready(cx)?.is_ready() {
            match this.socket.try_write(bytes.get(sent..).unwrap_or_default()) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(count) => sent += count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        this.output.extend_from_slice(bytes.get(sent..).unwrap_or_default());
        this.note_backlog();
        if this.output.len() > UNREAD {
            this.gate.unread.store(true, Ordering::Release);
            return Poll::Ready(Err(io::Error::other("the peer writes but does not read")));
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.output.is_empty() && !this.gate.is_ended() {
            this.drain(cx)?;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.output.is_empty() && !this.gate.is_ended() {
            this.drain(cx)?;
            if !this.output.is_empty() {
                let farewell = this.farewell.get_or_insert_with(|| Box::pin(tokio::time::sleep(FAREWELL)));
                ready!(farewell.as_mut().poll(cx));
            }
        }
        let _ = rustix::net::shutdown(&*this.socket, rustix::net::Shutdown::Write);
        Poll::Ready(Ok(()))
    }
}

impl<S> Drop for GatedStream<S> {
    fn drop(&mut self) {
        self.gate.end();
    }
}
