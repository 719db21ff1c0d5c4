//! Against a peer that says what the test wants. The real clamd is asked in `tests/end_to_end/scanner.rs`.

use super::*;
use config::ClamavSocket;
use jiff::SignedDuration;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

/// What the peer does with the file; the archive that it cannot look into comes first.
#[derive(Clone, Copy)]
enum Does {
    /// Reads all and answers.
    Answers(&'static [u8]),
    /// Answers after this many bytes and closes.
    Interrupts(usize, &'static [u8]),
    /// Reads all and says nothing, ever.
    Hangs,
}

const LIMITED: Does = Does::Answers(b"stream: Heuristics.Limits.Exceeded.MaxRecursion FOUND\0");
const OK: &[u8] = b"stream: OK\0";

struct Peer {
    _folder: tempfile::TempDir,
    clamav: Clamav,
    file: PathBuf,
    /// The bodies it got.
    got: Arc<Mutex<Vec<Vec<u8>>>>,
}

async fn read_body(stream: &mut UnixStream, most: usize) -> Vec<u8> {
    let mut command = [0; 10];
    stream.read_exact(&mut command).await.unwrap();
    assert_eq!(&command, b"zINSTREAM\0");
    let mut body = Vec::new();
    while body.len() < most {
        let length = stream.read_u32().await.unwrap();
        if length == 0 {
            break;
        }
        let mut piece = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut piece).await.unwrap();
        body.extend(piece);
    }
    body
}

impl Peer {
    /// One that does this with the probe and that with the file, which has this content.
    fn new(probe: Does, then: Does, content: &[u8]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("clamd.ctl");
        let listener = UnixListener::bind(&socket).unwrap();
        let got = Arc::new(Mutex::new(Vec::new()));
        let bodies = got.clone();
        tokio::spawn(async move {
            for does in [probe, then] {
                let (mut stream, _) = listener.accept().await.unwrap();
                let (most, answer) = match does {
                    Does::Answers(answer) => (usize::MAX, answer),
                    Does::Interrupts(most, answer) => (most, answer),
                    Does::Hangs => {
                        read_body(&mut stream, usize::MAX).await;
                        return std::future::pending::<()>().await;
                    }
                };
                let body = read_body(&mut stream, most).await;
                bodies.lock().unwrap().push(body);
                let _ = stream.write_all(answer).await;
            }
        });
        let file = folder.path().join("file");
        std::fs::write(&file, content).unwrap();
        let clamav = Clamav {
            socket: ClamavSocket::Unix(socket),
            limit: ByteSize(1 << 20),
            patience: SignedDuration::from_secs(30),
        };
        Self { _folder: folder, clamav, file, got }
    }

    async fn scan(&self) -> Finding {
        scan(&self.clamav, &self.file).await
    }

    async fn why(&self) -> String {
        match self.scan().await {
            Finding::Unscanned(why) => why,
            other => panic!("{other:?}"),
        }
    }
}

async fn says(answer: &'static [u8]) -> Finding {
    Peer::new(LIMITED, Does::Answers(answer), b"content").scan().await
}

#[tokio::test]
async fn a_file_comes_over_whole_and_an_ok_is_clean() {
    let content: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).take(1 << 20).collect();
    let peer = Peer::new(LIMITED, Does::Answers(OK), &content);
    assert_eq!(peer.scan().await, Finding::Clean);
    assert!(peer.got.lock().unwrap()[1] == content);
    assert_eq!(Peer::new(LIMITED, Does::Answers(OK), b"").scan().await, Finding::Clean);
}

#[tokio::test]
async fn a_finding_is_named_in_bounded_plain_text() {
    assert_eq!(says(b"stream: Eicar-Test FOUND\0").await, Finding::Infected("Eicar-Test".to_owned()));
    assert_eq!(says(b"stream: \x1b[2J\xff FOUND\0").await, Finding::Infected("\\x1b[2J\\xff".to_owned()));
    let long: &[u8] = [&b"stream: "[..], &[b'A'; 3000], b" FOUND\0"].concat().leak();
    let Finding::Infected(name) = says(long).await else { panic!("not infected") };
    assert_eq!((name.chars().count(), name.ends_with('…')), (LONGEST_NAME + 1, true));
}

#[tokio::test]
async fn anything_else_is_not_clean() {
    for answer in [
        &b""[..],
        b"OK\0",
        b"stream: OK",
        b"stream: OK\n",
        b"stream: OK\0stream: OK\0",
        b"stream: OK\nstream: Eicar FOUND\0",
        b"stream: OK FOUND OK\0",
        b"stream:  OK\0",
        b"stream: ok\0",
        b"1: stream: OK\0",
        b"stream:  FOUND\0",
        b"stream: FOUND\0",
        b"stream: Can't allocate memory ERROR\0",
        b"INSTREAM size limit exceeded. ERROR\0",
        b"UNKNOWN COMMAND\0",
        b"\0",
        b"stream: \xff\0",
        b"stream: Heuristics.Limits.Exceeded.MaxScanSize FOUND\0",
        b"stream: Heuristics.Encrypted.Zip FOUND\0",
        &[b'x'; 100_000],
    ] {
        let finding = says(answer).await;
        assert!(matches!(&finding, Finding::Unscanned(why) if why.len() < 400), "{answer:?}: {finding:?}");
    }
    // Two OKs, or an OK with more in front, are no OK either way round.
    assert_eq!(says(b"stream: OK\0\0").await, Finding::Unscanned("clamd answered `stream: OK\\x00\\x00`".to_owned()));
}

#[tokio::test]
async fn the_operator_is_told_what_to_change() {
    let lenient = Peer::new(Does::Answers(OK), Does::Answers(OK), b"content");
    assert!(lenient.why().await.contains("write `AlertExceedsMax yes`"));
    assert_eq!(lenient.got.lock().unwrap().len(), 1, "the file itself is not sent");
    let early = Peer::new(LIMITED, Does::Interrupts(1, OK), &[0; 1 << 20]);
    assert_eq!(early.why().await, "clamd answered before it had the whole file");
    let limit = Does::Interrupts(1, b"INSTREAM size limit exceeded. ERROR\0");
    assert!(Peer::new(LIMITED, limit, &[0; 1 << 20]).why().await.contains("raise `StreamMaxLength`"));
    let large = Peer::new(LIMITED, Does::Answers(OK), &[0; (1 << 20) + 1]);
    assert_eq!(large.why().await, "the file is larger than `clamav.limit`, 1 MiB, and is not scanned");
    let mut gone = Peer::new(LIMITED, Does::Answers(OK), b"");
    gone.file = PathBuf::from("/there/is/no/such/file");
    assert!(gone.why().await.starts_with("the file cannot be read in quarantine: "));
}

#[tokio::test]
async fn whoever_does_not_answer_is_named_with_the_place() {
    let mut peer = Peer::new(LIMITED, Does::Hangs, b"content");
    peer.clamav.patience = SignedDuration::from_millis(200);
    let ClamavSocket::Unix(socket) = peer.clamav.socket.clone() else { panic!("a path") };
    let at = socket.display();
    assert_eq!(peer.why().await, format!("clamd at {at} has not answered within 200ms"));
    let closing = Peer::new(LIMITED, Does::Answers(b""), b"content");
    assert!(closing.why().await.ends_with("closed the connection without an answer"));
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    peer.clamav.socket = ClamavSocket::Tcp(port);
    assert_eq!(peer.why().await, format!("clamd does not answer at {port}: connection refused"));
    peer.clamav.socket = ClamavSocket::Unix("/there/is/no/clamd.ctl".into());
    assert_eq!(peer.why().await, "clamd does not answer at /there/is/no/clamd.ctl: there is no such socket");
    assert_eq!(look(&peer.clamav).await, Err(peer.why().await));
}

#[test]
fn a_version_says_how_old_the_signatures_are() {
    let full = version("ClamAV 1.4.6/27432/Sat Oct 19 08:30:00 2024");
    assert_eq!(full.program.as_deref(), Some("ClamAV 1.4.6"));
    assert_eq!(full.signatures, Some(jiff::civil::date(2024, 10, 19)));
    assert_eq!(version("ClamAV 1.4.6/27432/Sat Nov  2 08:30:00 2024").signatures.unwrap().day(), 2);
    assert_eq!(version("ClamAV 1.4.6"), Version { program: Some("ClamAV 1.4.6".to_owned()), signatures: None });
    assert_eq!(version("COMMAND UNAVAILABLE"), Version { program: None, signatures: None });
    assert_eq!(version("ClamAV 1/2/yesterday").signatures, None);
}
