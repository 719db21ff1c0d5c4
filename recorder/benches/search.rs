//! How fast many recordings are searched, beside `zstdcat | grep` of the same text in clear, in the same run:
//! `cargo bench -p recorder --bench search`. Numbers are for people to read, never for CI.
//!
//! The recordings are synthetic. Each is one terminal of 120 by 40 over 50 recorded hours: 40 commands an
//! hour, typed a character at a time and echoed, each with a prompt and 0 to 50 lines of output after it (log
//! lines, listings, tables of numbers, from a generator that starts at the recording's number), pauses between
//! them. That is about 1,000 lines an hour; a technician who reads more than they type has fewer. They are
//! written and sealed by the recorder itself, to one recipient. One line in a recording of every fifty holds
//! the word that is searched for. `RECORDINGS=200` is 10,000 hours; less is a sample.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    clippy::indexing_slicing,
    reason = "a measurement that cannot go on is to fail where it stands"
)]

use jiff::{SignedDuration, Timestamp};
use recorder::{
    Case, Expression, Frame, FrameKind, Header, PartKind, ReadingKeys, Recipients, Recorder, RecordingKey, RecoveryKey,
    SealOrder, SealedRecording, seal,
};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const HOURS: u64 = 50;
const COMMANDS: u64 = 40;
const WORD: &str = "exfiltrate-[0-9]+";

/// Numbers that look random and are the same each time (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

fn line(numbers: &mut Numbers) -> String {
    let n = numbers.below(1 << 40);
    match n % 4 {
        0 => format!(
            "2026-11-{:02}T08:{:02}:{:02} dicomd[{}]: association {:x} from 10.20.3.{} accepted",
            n % 28 + 1,
            n % 60,
            n % 59,
            n % 9973,
            n,
            n % 251
        ),
        1 => format!(
            "-rw-r--r-- 1 maint service {:>10} Nov {:>2} 08:{:02} image-{:08x}.dcm",
            n % 99_999_999,
            n % 28 + 1,
            n % 60,
            n & 0xffff_ffff
        ),
        2 => format!(
            "{:>8} {:>8} {:>8} {:>5}.{:02}%  /dev/sd{}{}",
            n % 9_999_999,
            n % 777_777,
            n % 55_555,
            n % 100,
            n % 97,
            (b'a' + (n % 8) as u8) as char,
            n % 9
        ),
        _ => format!(
            "gradient coil {}: {} A, {}.{} C, state {}",
            n % 6,
            n % 600,
            n % 80,
            n % 10,
            ["ok", "idle", "ramping", "warn"][(n % 4) as usize]
        ),
    }
}

struct Places {
    sealed: PathBuf,
    heads: PathBuf,
}

/// Records and seals one; its hours are shown.
fn record(folder: &Path, number: u64, recipients: &Recipients, recovery: &RecoveryKey) -> Places {
    let session = format!("s-{number:016x}");
    let begun = Timestamp::from_second(1_800_000_000).unwrap();
    let at = |micros: i64| begun.checked_add(SignedDuration::from_micros(micros)).unwrap();
    let key = RecordingKey::new([7; 32]);
    let header = Header::new(&session, begun, &key, recipients, recovery).unwrap();
    let spool = folder.join("spool");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let head = runtime.block_on(async {
        let recorder = Recorder::start(1).unwrap();
        let recording = recorder.open(&spool, &header, key).await.unwrap();
        let begin = br#"{"what":"shell","command":null,"term":"xterm","columns":120,"rows":40}"#;
        let write = |micros: i64, kind, data: Vec<u8>| {
            recording.write(Frame { at: at(micros), track: 1, kind, data: data.into() })
        };
        write(0, FrameKind::Begin, begin.to_vec()).await.unwrap();
        let mut numbers = Numbers(number);
        let each = 3_600_000_000 / COMMANDS as i64;
        for n in 0..HOURS * COMMANDS {
            let mut now = n as i64 * each + numbers.below(1_000_000) as i64;
            let command = format!("tail -n {} /var/log/scanner/{}.log", numbers.below(50), numbers.below(1000));
            for c in command.bytes() {
                now += 90_000;
                write(now, FrameKind::Input, vec![c]).await.unwrap();
                write(now + 1500, FrameKind::Output, vec![c]).await.unwrap();
            }
            let mut output = String::from("\r\n");
            for _ in 0..numbers.below(51) {
                output.push_str(&line(&mut numbers));
                output.push_str("\r\n");
            }
            if number.is_multiple_of(50) && n == HOURS * COMMANDS / 2 {
                output.push_str(&format!("exfiltrate-{number}\r\n"));
            }
            output.push_str("\x1b[32mmaint@scanner\x1b[m:~$ ");
            write(now + 200_000, FrameKind::Output, output.into_bytes()).await.unwrap();
        }
        recording.close().await.unwrap()
    });
    let places =
        Places { sealed: folder.join(format!("sealed-{number}")), heads: folder.join(format!("heads-{number}")) };
    seal(&SealOrder {
        session: &session,
        spool: &spool,
        recovery,
        folder: &places.sealed,
        heads: &places.heads,
        recipients,
        committed: (&head.hex(), head.length),
        started: begun,
        interrupted: false,
        unopened: false,
    })
    .unwrap();
    std::fs::remove_file(&spool).unwrap();
    places
}

fn main() {
    let count: u64 = std::env::var("RECORDINGS").ok().and_then(|text| text.parse().ok()).unwrap_or(200);
    let folder = tempfile::tempdir().unwrap();
    let (officer, recovery) = (RecoveryKey::generate(), RecoveryKey::generate());
    let recipients = Recipients::parse(&[officer.public_line()]).unwrap();
    let keys = ReadingKeys::parse(&officer.to_line()).unwrap();
    let begun = Instant::now();
    let all: Vec<Places> = (0..count).map(|n| record(folder.path(), n, &recipients, &recovery)).collect();
    println!("{count} recordings of {HOURS} hours made in {:?}", begun.elapsed());

    let expression = Expression::new(WORD, Case::Counts).unwrap();
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let mut ours = Vec::new();
    for jobs in [1, threads] {
        let (next, hits, bytes) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicU64::new(0));
        let begun = Instant::now();
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    while let Some(one) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
                        // What the command does for each: manifest, digests of what is read, search, times.
                        let sealed = SealedRecording::open(&one.sealed, &one.heads).unwrap();
                        let part = sealed.parts(PartKind::Transcript).next().unwrap();
                        assert!(sealed.altered_files(part).is_empty());
                        let found = sealed.find(&expression, &keys, 200).unwrap();
                        if !found.hits.is_empty() {
                            assert!(sealed.altered().is_empty());
                        }
                        hits.fetch_add(found.hits.len(), Ordering::Relaxed);
                        bytes.fetch_add(found.bytes, Ordering::Relaxed);
                    }
                });
            }
        });
        let took = begun.elapsed();
        let bytes = bytes.load(Ordering::Relaxed);
        println!("{jobs} threads: {} hits, {}", hits.load(Ordering::Relaxed), said(took, bytes, count));
        ours.push(took);
    }

    // The peer has the same text compressed as the sealer does, in clear, in one file each.
    let plain = folder.path().join("plain");
    std::fs::create_dir(&plain).unwrap();
    let mut bytes = 0;
    for (n, one) in all.iter().enumerate() {
        let sealed = SealedRecording::open(&one.sealed, &one.heads).unwrap();
        let part = sealed.parts(PartKind::Transcript).next().unwrap();
        bytes += part.plain_bytes;
        let mut reader = sealed.read(part, &keys).unwrap();
        let file = std::fs::File::create(plain.join(format!("{n}.zst"))).unwrap();
        zstd::stream::copy_encode(&mut reader, file, 6).unwrap();
    }
    let begun = Instant::now();
    let pipe = format!("zstdcat {}/*.zst | grep -cE '{WORD}'", plain.display());
    let out = Command::new("sh").args(["-c", &pipe]).output().unwrap();
    let peer = begun.elapsed();
    println!("zstdcat | grep -E: {} hits, {}", String::from_utf8_lossy(&out.stdout).trim(), said(peer, bytes, count));
    let ratios: Vec<String> =
        ours.iter().map(|took| format!("{:.2}", took.as_secs_f64() / peer.as_secs_f64())).collect();
    println!("time of ours by theirs, with one thread and with {threads}: {}", ratios.join(", "));
}

fn said(took: Duration, bytes: u64, recordings: u64) -> String {
    let seconds = took.as_secs_f64();
    format!(
        "{took:?}: {:.0} MB of text, {:.0} MB/s, {:.0} recorded hours/s",
        bytes as f64 / 1e6,
        bytes as f64 / 1e6 / seconds,
        (recordings * HOURS) as f64 / seconds
    )
}
