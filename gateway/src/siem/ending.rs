//! How a connection ended, as the kernel knows it: the one acknowledgement that syslog has.
//!
//! Over TCP the sender learns that the other machine's kernel has its bytes, not that the receiver read
//! them. But who closes a connection with bytes unread, or is killed with such, sends a reset and not an
//! end. So after our own end everything was read if theirs comes in order, and came behind ours. The
//! latter shows in the state: only whoever ended first and had their end acknowledged waits in TIME-WAIT
//! (RFC 9293 §3.3.2); where the receiver ended first, our last bytes may have met nobody.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// How often it is looked. Real time.
const LOOK: Duration = Duration::from_millis(20);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Ended in order, ours first.
    TimeWait,
    /// Ours is not acknowledged yet, or theirs not there.
    Ending,
    /// Any other, or gone.
    Other,
}

/// Whether the connection ended with all that was sent on it read. Waits while the kernel does not know.
pub(super) async fn was_read(own: SocketAddr, theirs: SocketAddr) -> std::io::Result<bool> {
    loop {
        let table = match own {
            SocketAddr::V4(_) => "/proc/self/net/tcp",
            SocketAddr::V6(_) => "/proc/self/net/tcp6",
        };
        match state(&tokio::fs::read_to_string(table).await?, own, theirs) {
            State::TimeWait => return Ok(true),
            State::Other => return Ok(false),
            State::Ending => tokio::time::sleep(LOOK).await,
        }
    }
}

/// The state of a connection in the kernel's table.
fn state(table: &str, own: SocketAddr, theirs: SocketAddr) -> State {
    let (own, theirs) = (in_table(own), in_table(theirs));
    let mut states = table.lines().filter_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let found = fields.next() == Some(own.as_str()) && fields.next() == Some(theirs.as_str());
        fields.next().filter(|_| found)
    });
    match states.next() {
        Some("06") => State::TimeWait,
        // FIN-WAIT-1, FIN-WAIT-2, CLOSING.
        Some("04" | "05" | "0B") => State::Ending,
        _ => State::Other,
    }
}

/// An address as the table has it: 32-bit words of the machine, in hexadecimal.
fn in_table(address: SocketAddr) -> String {
    let words = |octets: &[u8]| -> String {
        let word = |four: &[u8]| format!("{:08X}", u32::from_ne_bytes(four.try_into().unwrap_or_default()));
        octets.chunks(4).map(word).collect()
    };
    let ip = match address.ip() {
        IpAddr::V4(ip) => words(&ip.octets()),
        IpAddr::V6(ip) => words(&ip.octets()),
    };
    format!("{ip}:{:04X}", address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let ours = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (ours, listener.accept().await.unwrap().0)
    }

    async fn ends(mut ours: TcpStream) -> Result<bool, std::io::Error> {
        let (own, theirs) = (ours.local_addr()?, ours.peer_addr()?);
        ours.shutdown().await?;
        let mut rest = Vec::new();
        ours.read_to_end(&mut rest).await?;
        was_read(own, theirs).await
    }

    /// LOG-05: what was read to its end is acknowledged, and nothing else is.
    #[tokio::test]
    async fn only_what_was_read_is_acknowledged() {
        let (mut ours, mut theirs) = pair().await;
        ours.write_all(b"all of it").await.unwrap();
        let ended = tokio::spawn(ends(ours));
        let mut read = Vec::new();
        theirs.read_to_end(&mut read).await.unwrap();
        drop(theirs);
        assert!(ended.await.unwrap().unwrap());

        // Dropped with bytes unread, as by a receiver that is killed.
        let (mut ours, theirs) = pair().await;
        ours.write_all(b"nobody reads this").await.unwrap();
        theirs.readable().await.unwrap();
        let ended = tokio::spawn(ends(ours));
        drop(theirs);
        assert!(!matches!(ended.await.unwrap(), Ok(true)));

        // Ended before ours, with all that had come until then read.
        let (ours, theirs) = pair().await;
        drop(theirs);
        ours.readable().await.unwrap();
        assert!(!matches!(ends(ours).await, Ok(true)));
    }

    #[test]
    fn addresses_are_found_in_the_table() {
        let table = "  sl  local_address rem_address   st\n   0: 0100007F:07E8 0100007F:0016 06 0\n";
        let at = |text: &str| text.parse().unwrap();
        let found = |theirs| state(table, at("127.0.0.1:2024"), at(theirs));
        let expected = if cfg!(target_endian = "little") { State::TimeWait } else { State::Other };
        assert_eq!((found("127.0.0.1:22"), found("127.0.0.1:23")), (expected, State::Other));
        assert_eq!(in_table(at("[::1]:22")).len(), 32 + 5);
    }
}
