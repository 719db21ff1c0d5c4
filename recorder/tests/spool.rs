//! A spool as the relay writes it and as a reader finds it (REC-01, REC-02, REC-05, REC-06).
#![allow(clippy::unwrap_used, reason = "a test that cannot go on is to fail where it stands")]

use jiff::Timestamp;
use recorder::{
    Damage, Frame, FrameKind, Header, KeyError, Recipients, Recorder, RecorderError, RecordingKey, RecoveryKey,
    SpoolReader,
};
use std::path::Path;

const OFFICER: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn frame(second: i64, kind: FrameKind, data: &[u8]) -> Frame {
    Frame { at: at(second), track: 1, kind, data: data.to_vec().into() }
}

fn recovery() -> RecoveryKey {
    RecoveryKey::parse(OFFICER).unwrap()
}

fn header(key: &RecordingKey) -> Header {
    let recipients = Recipients::parse(&["age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa"]).unwrap();
    Header::new("s-0000000000000001", at(0), key, &recipients, &recovery()).unwrap()
}

async fn written(path: &Path, frames: &[Frame]) -> recorder::Head {
    let recorder = Recorder::start(2).unwrap();
    let key = RecordingKey::new([5; 32]);
    let header = header(&key);
    let recording = recorder.open(path, &header, key).await.unwrap();
    for frame in frames {
        recording.write(frame.clone()).await.unwrap();
    }
    recording.close().await.unwrap()
}

fn some_frames() -> Vec<Frame> {
    vec![
        frame(0, FrameKind::Begin, b"{\"what\":\"shell\"}"),
        frame(1, FrameKind::Output, b"$ "),
        frame(2, FrameKind::Input, b"id\r"),
        frame(3, FrameKind::Output, &[0xff; 70_000]),
        frame(4, FrameKind::End, b"{\"exit\":0}"),
    ]
}

#[tokio::test]
async fn what_was_written_reads_back_under_the_same_head() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.spool");
    let head = written(&path, &some_frames()).await;
    let bytes = std::fs::read(&path).unwrap();
    let (header, _) = SpoolReader::header(&bytes[..]).unwrap();
    let key = RecordingKey::recover(&header, &recovery()).unwrap();
    let mut reader = SpoolReader::new(&bytes[..], &key).unwrap();
    let frames: Vec<Frame> = reader.by_ref().collect();
    assert_eq!(frames, some_frames());
    assert_eq!(reader.head(), head);
    assert_eq!(reader.damage(), None);
}

/// REC-07: nothing in the file gives the content away, and another key does not open it.
#[tokio::test]
async fn only_its_keys_open_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.spool");
    written(&path, &[frame(0, FrameKind::Output, b"patient DUPONT Marie")]).await;
    let bytes = std::fs::read(&path).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"DUPONT"));
    let (header, _) = SpoolReader::header(&bytes[..]).unwrap();
    assert_eq!(RecordingKey::recover(&header, &RecoveryKey::generate()).err(), Some(KeyError::Closed));
    let mut reader = SpoolReader::new(&bytes[..], &RecordingKey::new([6; 32])).unwrap();
    assert_eq!(reader.next(), None);
    assert_eq!(reader.damage(), Some(&Damage::Altered));
}

/// REC-05: a flipped bit, a cut tail and moved frames show.
#[tokio::test]
async fn tampering_shows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.spool");
    let head = written(&path, &some_frames()).await;
    let bytes = std::fs::read(&path).unwrap();
    let key = RecordingKey::new([5; 32]);
    let (_, start) = SpoolReader::header(&bytes[..]).unwrap();
    let read = |bytes: &[u8]| {
        let mut reader = SpoolReader::new(bytes, &key).unwrap();
        let count = reader.by_ref().count();
        (count, reader.head(), reader.damage().cloned())
    };
    for position in (start.len()..bytes.len()).step_by(97) {
        let mut altered = bytes.clone();
        altered[position] ^= 4;
        assert_ne!(read(&altered).1, head, "byte {position}");
    }
    // A cut within a frame is what a crash leaves; a cut between frames shows by its head alone,
    // which is why heads are committed to the journal (D24).
    assert_eq!(read(&bytes[..bytes.len() - 1]).2, Some(Damage::Torn));
    let last = bytes.len() - (4 + 13 + 10 + 16);
    let (count, shorter, damage) = read(&bytes[..last]);
    assert_eq!((count, damage), (4, None));
    assert_ne!(shorter, head);
}

/// REC-02: no file, no recording; and a full disk is an error, never silence.
#[tokio::test]
async fn a_disk_that_refuses_is_an_error() {
    let recorder = Recorder::start(1).unwrap();
    let key = || RecordingKey::new([5; 32]);
    let missing = recorder.open(Path::new("/nonexistent/s.spool"), &header(&key()), key()).await;
    assert!(matches!(missing.err(), Some(RecorderError::Disk(_))));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("twice.spool");
    std::fs::write(&path, b"there already").unwrap();
    assert!(recorder.open(&path, &header(&key()), key()).await.is_err());
}

#[tokio::test]
async fn nothing_is_written_after_the_close() {
    let folder = tempfile::tempdir().unwrap();
    let recorder = Recorder::start(1).unwrap();
    let key = RecordingKey::new([5; 32]);
    let header = header(&key);
    let recording = recorder.open(&folder.path().join("s.spool"), &header, key).await.unwrap();
    recording.close().await.unwrap();
    assert_eq!(recording.write(frame(1, FrameKind::Output, b"x")).await, Err(RecorderError::Failed));
}
