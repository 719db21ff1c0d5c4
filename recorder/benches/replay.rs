//! How fast a long recording opens and is sought in, beside reading it whole with `zstd -d` and `age -d`'s
//! own library: `cargo bench -p recorder`. Numbers are for people to read, never for CI.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a measurement that cannot go on is to fail where it stands"
)]

use jiff::{SignedDuration, Timestamp};
use recorder::{
    Frame, FrameKind, Header, PartKind, ReadingKeys, Recipients, Recorder, RecordingKey, RecoveryKey, SealOrder,
    SealedRecording, seal,
};
use std::io::Read as _;
use std::time::Instant;

/// Seconds of a working day.
const DAY: i64 = 8 * 3600;
/// Lines a second: somebody who scrolls through logs all day.
const LINES: i64 = 10;

fn at(millis: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap().checked_add(SignedDuration::from_millis(millis)).unwrap()
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let (officer, recovery) = (RecoveryKey::generate(), RecoveryKey::generate());
    let recipients = Recipients::parse(&[officer.public_line()]).unwrap();
    let key = RecordingKey::new([7; 32]);
    let header = Header::new("s-0000000000000001", at(0), &key, &recipients, &recovery).unwrap();
    let spool = folder.path().join("spool");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (head, shown) = runtime.block_on(async {
        let recorder = Recorder::start(1).unwrap();
        let recording = recorder.open(&spool, &header, key).await.unwrap();
        let begin = br#"{"what":"shell","command":null,"term":"xterm","columns":120,"rows":40}"#;
        let frame = |millis, kind, data: &[u8]| Frame { at: at(millis), track: 1, kind, data: data.to_vec().into() };
        recording.write(frame(0, FrameKind::Begin, begin)).await.unwrap();
        let mut shown = 0;
        for n in 0..DAY * LINES {
            let line = format!(
                "\x1b[3{}m2026-11-22T08:{:02}\x1b[m daemon[{}]: request {n} took {} ms\r\n",
                n % 8,
                n % 60,
                n % 977,
                n * 7 % 1013
            );
            shown += line.len();
            recording.write(frame(n * 1000 / LINES, FrameKind::Output, line.as_bytes())).await.unwrap();
        }
        (recording.close().await.unwrap(), shown)
    });
    let (sealed_at, heads) = (folder.path().join("sealed"), folder.path().join("heads"));
    let order = SealOrder {
        session: "s-0000000000000001",
        spool: &spool,
        recovery: &recovery,
        folder: &sealed_at,
        heads: &heads,
        recipients: &recipients,
        committed: (&head.hex(), head.length),
        started: at(0),
        interrupted: false,
        unopened: false,
    };
    let begun = Instant::now();
    let outcome = seal(&order).unwrap();
    let sealing = begun.elapsed();
    let keys = ReadingKeys::parse(&officer.to_line()).unwrap();
    println!(
        "8 hours, {} MB shown, sealed in {sealing:?} to {:.3} bytes a shown byte",
        shown / 1_000_000,
        outcome.bytes as f64 / shown as f64
    );

    for part in &outcome.manifest.parts {
        println!("  {:?}: {:.3}", part.kind, part.sealed_bytes as f64 / shown as f64);
    }

    let begun = Instant::now();
    let sealed = SealedRecording::open(&sealed_at, &heads).unwrap();
    let cast = sealed.parts(PartKind::Cast).next().unwrap();
    let mut whole = Vec::new();
    sealed.read(cast, &keys).unwrap().read_to_end(&mut whole).unwrap();
    let reading = begun.elapsed();

    let begun = Instant::now();
    let sealed = SealedRecording::open(&sealed_at, &heads).unwrap();
    let cast = sealed.parts(PartKind::Cast).next().unwrap();
    let replay = sealed.replay(cast, &keys).unwrap();
    let place = replay.seek(0.0).unwrap();
    let opening = begun.elapsed();
    drop(place);
    let mut slowest = std::time::Duration::ZERO;
    for n in 0..50 {
        let begun = Instant::now();
        replay.seek(f64::from(n * 7919 % 28800)).unwrap();
        slowest = slowest.max(begun.elapsed());
    }
    let begun = Instant::now();
    let found = replay.search("request 287999 took").unwrap().len();
    println!(
        "opened in {opening:?}; the slowest of 50 seeks {slowest:?}; searched ({found} found) in {:?}",
        begun.elapsed()
    );
    println!(
        "x of reading it whole ({reading:?}): opening {:.2}, seeking {:.2}",
        opening.as_secs_f64() / reading.as_secs_f64(),
        slowest.as_secs_f64() / reading.as_secs_f64()
    );
}
