//! How long somebody who begins to watch waits for the first screen of a long busy session: its spool is
//! read and emulated from the beginning. `cargo bench -p recorder --bench follow`. Numbers are for people
//! to read, never for CI.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a measurement that cannot go on is to fail where it stands"
)]

use jiff::{SignedDuration, Timestamp};
use recorder::{Emulator, Follower, Frame, FrameKind, Header, Recipients, Recorder, RecordingKey, RecoveryKey};
use std::time::{Duration, Instant};

/// Bytes that were shown.
const SHOWN: usize = 100_000_000;
/// Bytes of a block that the relay takes from a busy target.
const BLOCK: usize = 32 << 10;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap().checked_add(SignedDuration::from_millis(millis)).unwrap()
}

/// Lines of a log, with a colour each.
fn log() -> Vec<u8> {
    let mut text = Vec::with_capacity(SHOWN + 100);
    for n in 0.. {
        if text.len() >= SHOWN {
            break;
        }
        let (colour, second, process, took) = (n % 8, n % 60, n % 977, n * 7 % 1013);
        let line =
            format!("\x1b[3{colour}m2026-11-22T08:{second:02}\x1b[m daemon[{process}]: request {n} took {took} ms\r\n");
        text.extend_from_slice(line.as_bytes());
    }
    text
}

/// What a full-screen monitor draws: the same screen again and again, here and there.
fn monitor() -> Vec<u8> {
    let mut text = Vec::with_capacity(SHOWN + 100);
    for n in 0.. {
        if text.len() >= SHOWN {
            break;
        }
        let (row, colour) = (n * 7 % 24 + 1, n % 8);
        let line =
            format!("\x1b[{row};1H\x1b[4{colour}m{n:>8} {:>6.2}%\x1b[m some process with its arguments\x1b[K", 0.1);
        text.extend_from_slice(line.as_bytes());
    }
    text
}

fn main() {
    for (name, text) in [("log", log()), ("monitor", monitor())] {
        measure(name, &text);
    }
}

fn measure(name: &str, text: &[u8]) {
    let folder = tempfile::tempdir().unwrap();
    let (officer, recovery) = (RecoveryKey::generate(), RecoveryKey::generate());
    let recipients = Recipients::parse(&[officer.public_line()]).unwrap();
    let key = RecordingKey::new([7; 32]);
    let header = Header::new("s-0000000000000001", at(0), &key, &recipients, &recovery).unwrap();
    let spool = folder.path().join("spool");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (_recorder, recording) = runtime.block_on(async {
        let recorder = Recorder::start(1).unwrap();
        let recording = recorder.open(&spool, &header, key).await.unwrap();
        for (n, data) in (0..).zip(text.chunks(BLOCK)) {
            let frame = Frame { at: at(n), track: 1, kind: FrameKind::Output, data: data.to_vec().into() };
            recording.write(frame).await.unwrap();
        }
        (recorder, recording)
    });
    let follow = |mut take: Box<dyn FnMut(&Frame) + '_>| -> Duration {
        let begun = Instant::now();
        let mut follower = Follower::open(&spool, &recovery, recording.clone()).unwrap();
        while let Some(frame) = follower.next_frame() {
            take(&frame);
        }
        begun.elapsed()
    };
    let reading = follow(Box::new(|_| {}));
    let (mut plain, mut whole) =
        (Emulator::new(120, 40).unwrap().without_transcript(), Emulator::new(120, 40).unwrap());
    let without = follow(Box::new(|frame| drop(plain.feed(&frame.data))));
    let with = follow(Box::new(|frame| drop(whole.feed(&frame.data))));
    println!(
        "{name}, {} MB: read in {reading:?}; with its screen {without:?}; with what scrolled away too {with:?}",
        text.len() / 1_000_000
    );
}
