//! A recording, as somebody left it who may write to the disk but has not its key.
//!
//! The first byte picks what the rest is. Holds: of an altered spool nothing is read but what was written,
//! in order and from the beginning, and whoever reads is told that something is missing (REC-05, D24); no
//! more memory is taken than a frame may be long; manifests and events of a cast read back as they are.

use crate::draws::Draws;
use jiff::Timestamp;
use recorder::{
    CastEvent, Emulator, Expression, Frame, FrameKind, Header, Manifest, RawReader, Recipients, Recorder, RecordingKey,
    RecoveryKey, SpoolReader,
};
use std::sync::OnceLock;

const OFFICER: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
const RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
const KEY: [u8; 32] = [5; 32];

struct Written {
    bytes: Vec<u8>,
    header: usize,
    frames: Vec<Frame>,
}

fn frames() -> Vec<Frame> {
    let frame = |second: i64, kind, data: &[u8]| Frame {
        at: Timestamp::from_second(1_800_000_000 + second).unwrap(),
        track: 1,
        kind,
        data: data.to_vec().into(),
    };
    vec![
        frame(0, FrameKind::Begin, b"{\"what\":\"shell\"}"),
        frame(1, FrameKind::Output, b"$ "),
        frame(2, FrameKind::Input, b"id\r"),
        frame(3, FrameKind::Resize, &[0, 0, 0, 80, 0, 0, 0, 24]),
        frame(4, FrameKind::Output, &[b'x'; 300]),
        frame(5, FrameKind::End, b"{\"exit\":0}"),
    ]
}

fn written() -> &'static Written {
    static WRITTEN: OnceLock<Written> = OnceLock::new();
    WRITTEN.get_or_init(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.spool");
        let frames = frames();
        runtime.block_on(async {
            let recorder = Recorder::start(1).unwrap();
            let recipients = Recipients::parse(&[RECIPIENT]).unwrap();
            let recovery = RecoveryKey::parse(OFFICER).unwrap();
            let (key, at) = (RecordingKey::new(KEY), frames[0].at);
            let header = Header::new("s-0000000000000001", at, &key, &recipients, &recovery).unwrap();
            let recording = recorder.open(&path, &header, key).await.unwrap();
            for frame in &frames {
                recording.write(frame.clone()).await.unwrap();
            }
            recording.close().await.unwrap();
        });
        let bytes = std::fs::read(&path).unwrap();
        let header = SpoolReader::header(&bytes[..]).unwrap().1.len();
        Written { bytes, header, frames }
    })
}

/// One file.
pub fn run(data: &[u8]) {
    let mut draws = Draws::new(data);
    match draws.byte() % 4 {
        0 => spool(&mut draws),
        1 => raw(draws.rest()),
        2 => cast(draws.rest()),
        _ => texts(draws.rest()),
    }
}

/// The frames of a genuine spool, altered behind its header: that one is another at each start.
fn spool(draws: &mut Draws<'_>) {
    let original = written();
    let mut bytes = original.bytes.clone();
    while !draws.is_over() {
        let (how, place) = (draws.byte(), usize::from(draws.short()));
        let place = original.header + place % (bytes.len() - original.header + 1);
        match how % 4 {
            0 | 1 if place < bytes.len() => bytes[place] ^= draws.byte().max(1),
            2 => {
                let length = draws.byte();
                bytes.splice(place..place, draws.bytes(usize::from(length)).iter().copied());
            }
            _ => {
                let end = bytes.len().min(place + usize::from(draws.byte()));
                bytes.drain(place..end);
            }
        }
    }
    let mut reader = SpoolReader::new(&bytes[..], &RecordingKey::new(KEY)).unwrap();
    let read: Vec<Frame> = reader.by_ref().collect();
    assert!(original.frames.starts_with(&read), "what nobody wrote was read");
    assert_eq!(reader.head().frames, read.len() as u64);
    let whole = read.len() == original.frames.len();
    let between = reader.head().length == bytes.len() as u64;
    assert!(reader.damage().is_some() || between, "it says it read everything, and did not");
    assert!(!whole || bytes.starts_with(&original.bytes), "altered, and all of it was read");
}

fn raw(data: &[u8]) {
    if let Ok((header, whole)) = SpoolReader::header(data) {
        assert!(data.starts_with(&whole));
        let _ = RecordingKey::recover(&header, &RecoveryKey::parse(OFFICER).unwrap());
    }
    if let Ok(reader) = RawReader::new(data) {
        let mut taken = 0;
        for frame in reader.map_while(Result::ok) {
            taken += frame.data.len();
            let _ = frame.size();
        }
        assert!(taken <= data.len(), "more was read than there is");
    }
}

/// Lines of an asciicast, one event each, brought to a small terminal.
fn cast(data: &[u8]) {
    let mut emulator = Emulator::new(20, 5).unwrap();
    for line in String::from_utf8_lossy(data).lines() {
        let Some(event) = CastEvent::parse(line) else { continue };
        event.apply(&mut emulator);
        let (columns, rows) = emulator.size();
        assert!(columns <= recorder::COLUMNS && rows <= recorder::ROWS && columns > 0 && rows > 0);
    }
    let _ = emulator.screen();
}

fn texts(data: &[u8]) {
    if let Ok(manifest) = serde_json::from_slice::<Manifest>(data) {
        assert_eq!(serde_json::from_slice::<Manifest>(&manifest.to_bytes()).unwrap(), manifest);
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = Expression::new(text, recorder::Case::Ignored);
    if let Ok(recipients) = Recipients::parse(&text.lines().collect::<Vec<_>>()) {
        assert_eq!(Recipients::parse(&recipients.names()).unwrap().names(), recipients.names());
    }
    let _ = RecoveryKey::parse(text);
}
