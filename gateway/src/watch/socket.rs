//! Carries a watch over the local socket: one JSON object a line, each way.

use super::attend::{ROOM, STALLED, Ticket, Watch};
use super::outlet::{Ending, SILENT};
use console::wire::{FromWatcher, ToWatcher};
use std::time::Duration;
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;

/// Longest line of a watcher: the reason of a cut, with room.
const LONGEST: u64 = 64 << 10;

/// Goes on over this socket. Starts its two tasks, which end with the watch or the socket.
pub(crate) fn over(ticket: Ticket, reader: BufReader<OwnedReadHalf>, writer: OwnedWriteHalf) -> Watch {
    let (said, from) = mpsc::channel(ROOM);
    let (to, tells) = mpsc::channel(ROOM);
    let watch = ticket.over(from, to, "terminal");
    tokio::spawn(lines_in(reader, said, watch.ending()));
    tokio::spawn(lines_out(tells, writer, watch.ending(), STALLED));
    watch
}

/// Waits on the socket, and on the watch to take what was said.
async fn lines_in(mut reader: impl AsyncBufRead + Unpin, said: mpsc::Sender<FromWatcher>, ending: Ending) {
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut bounded = (&mut reader).take(LONGEST);
        tokio::select! {
            read = bounded.read_until(b'\n', &mut line) => if !matches!(read, Ok(1..)) {
                return;
            },
            () = said.closed() => return,
        }
        let Ok(what) = serde_json::from_slice(&line) else {
            ending.because("spoke otherwise than agreed");
            return;
        };
        if said.send(what).await.is_err() {
            return;
        }
    }
}

/// Waits on the watch, and on the socket, so long that somebody may still be there.
async fn lines_out(
    mut tells: mpsc::Receiver<ToWatcher>,
    mut writer: impl AsyncWrite + Unpin,
    ending: Ending,
    patience: Duration,
) {
    while let Some(what) = tells.recv().await {
        let mut line = serde_json::to_vec(&what).unwrap_or_default();
        line.push(b'\n');
        match tokio::time::timeout(patience, writer.write_all(&line)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => return ending.because(SILENT),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use console::wire::WatchEnd;

    #[tokio::test]
    async fn lines_come_in_and_a_wrong_one_ends_it() {
        let (said, mut from) = mpsc::channel(ROOM);
        let lines = b"{\"ack\":7}\n{\"history\":{\"track\":1,\"before\":null}}\n\"dance\"\n{\"ack\":8}\n";
        let ending = Ending::default();
        let task = tokio::spawn(lines_in(&lines[..], said, ending.clone()));
        assert!(matches!(from.recv().await, Some(FromWatcher::Ack(7))));
        assert!(matches!(from.recv().await, Some(FromWatcher::History { track: 1, before: None })));
        assert!(from.recv().await.is_none());
        task.await.unwrap();
        assert_eq!(ending.why(), "spoke otherwise than agreed");
    }

    #[tokio::test]
    async fn a_line_without_an_end_is_not_kept_for_ever() {
        let (said, mut from) = mpsc::channel(ROOM);
        let ending = Ending::default();
        tokio::spawn(lines_in(BufReader::new(tokio::io::repeat(b' ')), said, ending.clone()));
        assert!(from.recv().await.is_none());
        assert_eq!(ending.why(), "spoke otherwise than agreed");
    }

    #[tokio::test]
    async fn whoever_hangs_up_has_left() {
        let (said, mut from) = mpsc::channel(ROOM);
        let ending = Ending::default();
        tokio::spawn(lines_in(&b"{\"ack\":1}\n"[..], said, ending.clone()));
        assert!(from.recv().await.is_some() && from.recv().await.is_none());
        assert_eq!(ending.why(), "left");
    }

    /// A window that stands still: nothing is read, and the watch hears of it.
    #[tokio::test]
    async fn a_socket_that_nobody_reads_is_given_up() {
        let (to, tells) = mpsc::channel(ROOM);
        let (writer, _unread) = tokio::io::duplex(16);
        let ending = Ending::default();
        tokio::spawn(lines_out(tells, writer, ending.clone(), Duration::from_millis(50)));
        to.send(ToWatcher::Ended(WatchEnd::Unreadable)).await.unwrap();
        to.closed().await;
        assert_eq!(ending.why(), SILENT);
    }
}
