//! The command line's side of the socket.

use crate::ctl::protocol::Response;
use lifecycle::order::{Failure, Order, exit};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long an order that only looks waits for its answer: it takes milliseconds, and seconds on a machine that is
/// busy with something else.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks the daemon. One that holds its socket and does not answer is not waited for by orders that only look, and
/// fails them as unavailable.
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
                format!("the daemon does not answer on `{socket}` ({error}): start it with `systemctl start poterne`"),
            ),
        }
    };
    let hangs = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => Failure::new(
            exit::UNAVAILABLE,
            format!(
                "the daemon holds its socket `{}` and does not answer within {} s: `systemctl kill -s KILL poterne` ends it, and its sessions with it",
                socket.display(),
                PATIENCE.as_secs()
            ),
        ),
        _ => gone(error),
    };
    let mut stream = UnixStream::connect(socket).map_err(gone)?;
    if only_looks(request) {
        stream
            .set_read_timeout(Some(PATIENCE))
            .and_then(|()| stream.set_write_timeout(Some(PATIENCE)))
            .map_err(gone)?;
    }
    let mut line = serde_json::to_vec(request).map_err(|error| Failure::new(exit::SOFTWARE, error))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(hangs)?;
    let mut answer = String::new();
    let mut stream = BufReader::new(stream);
    stream.read_line(&mut answer).map_err(hangs)?;
    if answer.is_empty() {
        return Err(Failure::new(exit::UNAVAILABLE, "the daemon closed the connection: see its log"));
    }
    match serde_json::from_str(&answer) {
        Ok(Response::Done(value)) => Ok((stream, value)),
        Ok(Response::Failed(failure)) => Err(failure),
        Err(error) => Err(Failure::new(exit::SOFTWARE, format!("the daemon's answer is not understood: {error}"))),
    }
}

/// Whether the answer comes from memory, and so at once. What reads the journal or the disk may take its time.
fn only_looks(order: &Order) -> bool {
    matches!(
        order,
        Order::Whoami
            | Order::Status
            | Order::TechnicianShow { .. }
            | Order::TechnicianList
            | Order::StaffList
            | Order::InterventionList { .. }
            | Order::InterventionShow { .. }
            | Order::SessionList { .. }
            | Order::SessionShow { .. }
            | Order::VendorList
            | Order::SourceList
            | Order::TokenList
            | Order::AnchorList
            | Order::HoldList
            | Order::AlertList { .. }
            | Order::ChangeList
            | Order::Explain { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use lifecycle::order::{Needs, needs};

    /// EMG-04: a daemon that holds its socket and answers nothing is told of, with what ends it.
    #[test]
    fn a_daemon_that_hangs_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("ctl.sock");
        let dead = ask(&socket, &Order::Status).unwrap_err();
        assert_eq!(dead.exit, exit::UNAVAILABLE);
        assert!(dead.message.contains("systemctl start poterne"), "{dead}");
        let _silent = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let failure = ask(&socket, &Order::SessionList { all: false }).unwrap_err();
        assert_eq!(failure.exit, exit::UNAVAILABLE);
        assert!(failure.message.contains("systemctl kill -s KILL poterne"), "{failure}");
    }

    /// What has an effect is waited for: nobody is told that it failed while it may yet happen.
    #[test]
    fn what_does_something_is_waited_for() {
        assert!(only_looks(&Order::Status) && needs(&Order::Status) == Needs::Nothing);
        assert!(!only_looks(&Order::Reload) && !only_looks(&Order::LockdownBegin { reason: "x".to_owned() }));
    }
}
