//! The command line's side of the socket.

use crate::ctl::protocol::Response;
use lifecycle::order::{Failure, Order, exit};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;

/// Asks the daemon.
pub fn ask(socket: &Path, request: &Order) -> Result<Value, Failure> {
    Ok(talk(socket, request)?.1)
}

/// Asks the daemon, and goes on over the same stream once it said yes: its answer, and the stream.
pub fn open(socket: &Path, request: &Order) -> Result<(Value, BufReader<UnixStream>), Failure> {
    let (stream, answer) = talk(socket, request)?;
    Ok((answer, stream))
}

/// The same, with the answer.
pub fn open_with(socket: &Path, request: &Order) -> Result<(BufReader<UnixStream>, Value), Failure> {
    talk(socket, request)
}

fn talk(socket: &Path, request: &Order) -> Result<(BufReader<UnixStream>, Value), Failure> {
    let gone = |error: std::io::Error| {
        let socket = socket.display();
        match error.kind() {
            std::io::ErrorKind::PermissionDenied => Failure::new(
                exit::NOT_PERMITTED,
                format!("`{socket}` is not yours: run this as root or as the daemon's user"),
            ),
            _ => Failure::new(
                exit::UNAVAILABLE,
                format!("the daemon does not answer on `{socket}` ({error}): start it with `poterne run`"),
            ),
        }
    };
    let mut stream = UnixStream::connect(socket).map_err(gone)?;
    let mut line = serde_json::to_vec(request).map_err(|error| Failure::new(exit::SOFTWARE, error))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(gone)?;
    let mut answer = String::new();
    let mut stream = BufReader::new(stream);
    stream.read_line(&mut answer).map_err(gone)?;
    if answer.is_empty() {
        return Err(Failure::new(exit::UNAVAILABLE, "the daemon closed the connection: see its log"));
    }
    match serde_json::from_str(&answer) {
        Ok(Response::Done(value)) => Ok((stream, value)),
        Ok(Response::Failed(failure)) => Err(failure),
        Err(error) => Err(Failure::new(exit::SOFTWARE, format!("the daemon's answer is not understood: {error}"))),
    }
}
