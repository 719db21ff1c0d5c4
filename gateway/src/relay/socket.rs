//! The sockets that a gated stream can be made over: a connection, or one half of a pair inside this
//! program, behind which the inner SSH server of a jump sits.

use std::io;
use std::os::fd::AsFd;
use std::task::{Context, Poll};
use tokio::net::{TcpStream, UnixStream};

/// A stream socket that can be read and written by whoever shares it.
pub trait Socket: AsFd + Send + Sync + 'static {
    /// Whether there is something to read, or an end.
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Whether there is room to write.
    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    /// Reads what is there.
    fn try_read(&self, room: &mut [u8]) -> io::Result<usize>;
    /// Writes what there is room for.
    fn try_write(&self, bytes: &[u8]) -> io::Result<usize>;
    /// What was read was so little that its sender may wait for the acknowledgement.
    fn acknowledge(&self);
}

impl Socket for TcpStream {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        TcpStream::poll_read_ready(self, cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        TcpStream::poll_write_ready(self, cx)
    }

    fn try_read(&self, room: &mut [u8]) -> io::Result<usize> {
        TcpStream::try_read(self, room)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        TcpStream::try_write(self, bytes)
    }

    fn acknowledge(&self) {
        // The kernel forgets it after a while, so it is said each time.
        let _ = rustix::net::sockopt::set_tcp_quickack(self, true);
    }
}

impl Socket for UnixStream {
    fn poll_read_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        UnixStream::poll_read_ready(self, cx)
    }

    fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        UnixStream::poll_write_ready(self, cx)
    }

    fn try_read(&self, room: &mut [u8]) -> io::Result<usize> {
        UnixStream::try_read(self, room)
    }

    fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        UnixStream::try_write(self, bytes)
    }

    fn acknowledge(&self) {}
}
