//! The scanner is Debian's own clamd, with one signature: that of the test file.

use gateway::files::Finding;
use gateway::files::clamav::{ByteSize, Clamav, ClamavSocket, look, scan};
use harness::clamd::{Clamd, SIGNATURE, eicar};
use harness::{Site, free_port};
use jiff::SignedDuration;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use tempfile::TempDir;

struct Stage {
    folder: TempDir,
    clamd: Clamd,
    clamav: Clamav,
}

impl Stage {
    fn with(more: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clamd = Clamd::with(folder.path(), more);
        let clamav = Clamav {
            socket: ClamavSocket::Unix(clamd.socket.clone()),
            limit: ByteSize(100 << 20),
            patience: SignedDuration::from_secs(60),
        };
        Self { folder, clamd, clamav }
    }

    fn start() -> Self {
        Self::with("AlertExceedsMax yes\n")
    }

    fn file(&self, content: &[u8]) -> PathBuf {
        let path = self.folder.path().join("file");
        std::fs::write(&path, content).unwrap();
        path
    }

    async fn scan(&self, content: &[u8]) -> Finding {
        scan(&self.clamav, &self.file(content)).await
    }

    async fn why(&self, content: &[u8]) -> String {
        match self.scan(content).await {
            Finding::Unscanned(why) => why,
            other => panic!("{other:?}"),
        }
    }
}

fn zeroes(length: usize, end: &[u8]) -> Vec<u8> {
    let mut content = vec![0; length - end.len()];
    content.extend(end);
    content
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut gzip = std::process::Command::new("gzip")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    gzip.stdin.take().unwrap().write_all(content).unwrap();
    gzip.wait_with_output().unwrap().stdout
}

#[tokio::test]
async fn clean_files_are_clean_and_others_are_named() {
    let stage = Stage::start();
    let infected = Finding::Infected(SIGNATURE.to_owned());
    assert_eq!(stage.scan(b"").await, Finding::Clean);
    assert_eq!(stage.scan(b"a report\n").await, Finding::Clean);
    assert_eq!(stage.scan(&eicar()).await, infected);
    assert_eq!(stage.scan(&gzipped(&gzipped(&eicar()))).await, infected);
    // Many pieces, and what is recognised stands in the last.
    assert_eq!(stage.scan(&zeroes(20 << 20, b"")).await, Finding::Clean);
    assert_eq!(stage.scan(&zeroes(20 << 20, &eicar())).await, infected);
    assert_eq!(look(&stage.clamav).await.unwrap().signatures, None, "it has no dated ones");
}

/// Of each of these clamd says OK unless it is told to say what it left out.
#[tokio::test]
async fn what_clamd_does_not_look_into_is_not_clean() {
    let stage = Stage::with("AlertExceedsMax yes\nMaxFileSize 1M\nStreamMaxLength 4M\n");
    assert!(stage.why(&zeroes(2 << 20, &eicar())).await.contains("(Heuristics.Limits.Exceeded.MaxFileSize)"));
    let nested = (0..30).fold(eicar(), |inner, _| gzipped(&inner));
    assert!(stage.why(&nested).await.contains("(Heuristics.Limits.Exceeded.MaxRecursion)"));
    assert!(stage.why(&zeroes(5 << 20, b"")).await.contains("raise `StreamMaxLength`"));
    assert_eq!(stage.scan(&zeroes(1 << 20, b"")).await, Finding::Clean);

    // A clamd of which no OK is to be believed is asked about no file.
    let lenient = Stage::with("MaxFileSize 1M\n");
    for content in [eicar(), zeroes(2 << 20, &eicar()), b"a report".to_vec()] {
        assert!(lenient.why(&content).await.contains("write `AlertExceedsMax yes`"));
    }
    assert!(look(&lenient.clamav).await.unwrap_err().contains("write `AlertExceedsMax yes`"));
}

#[tokio::test]
async fn whoever_is_away_finds_nothing_clean() {
    let mut stage = Stage::start();
    stage.clamav.patience = SignedDuration::from_millis(500);
    stage.clamd.hold();
    assert!(stage.why(b"a report").await.ends_with("has not answered within 500ms"));
    stage.clamd.let_go();
    stage.clamav.patience = SignedDuration::from_secs(60);
    assert_eq!(stage.scan(b"a report").await, Finding::Clean);
    stage.clamd.stop();
    let at = stage.clamd.socket.display().to_string();
    assert_eq!(stage.why(b"a report").await, format!("clamd does not answer at {at}: connection refused"));
    stage.clamd.restart();
    assert_eq!(stage.scan(b"a report").await, Finding::Clean);
}

#[tokio::test]
async fn over_tcp_it_is_the_same() {
    let port = free_port();
    let mut stage = Stage::with(&format!(
        "AlertExceedsMax yes\nTCPSocket {port}\nTCPAddr 127.0.0.1\nMaxFileSize 1M\nStreamMaxLength 1M\n"
    ));
    stage.clamav.socket = ClamavSocket::Tcp(([127, 0, 0, 1], port).into());
    assert_eq!(stage.scan(b"a report").await, Finding::Clean);
    assert_eq!(stage.scan(&eicar()).await, Finding::Infected(SIGNATURE.to_owned()));
    // clamd closes before it read all, so that its answer may be lost with the connection.
    assert!(!matches!(stage.scan(&zeroes(5 << 20, b"")).await, Finding::Clean | Finding::Infected(_)));
    stage.clamd.stop();
    assert!(stage.why(b"").await.ends_with(": connection refused"));
}

#[test]
fn what_a_crash_left_in_quarantine_is_gone_at_the_next_start() {
    let mut site = Site::start();
    let folder = site.state().join("quarantine");
    assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    site.kill_daemon();
    std::fs::write(folder.join("s-0707070707070707-0-1"), "somebody's scan").unwrap();
    site.start_daemon();
    assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    assert!(site.log().contains("files that the last run left in quarantine were removed"), "{}", site.log());
}
