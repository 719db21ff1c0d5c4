//! Appends a second, on the disk of the temporary folder: `cargo bench -p journal`. Prints figures,
//! judges nothing, and is not run in CI.
#![allow(missing_docs, clippy::unwrap_used, reason = "a measurement")]

use jiff::Timestamp;
use journal::{Entropy, Journal, MasterKey, NewEntry, OsDisk, SigningKey, Subject, check_log};
use std::path::Path;
use std::time::{Duration, Instant};

fn entropy() -> Entropy {
    let mut state = 1u64;
    Box::new(move |buffer| {
        for byte in buffer {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = state.to_be_bytes().first().copied().unwrap_or_default();
        }
    })
}

fn signer() -> SigningKey {
    SigningKey::new("poterne.test/journal", &[7; 32]).unwrap()
}

fn open(folder: &Path) -> Journal {
    Journal::open(folder, Box::new(OsDisk::default()), signer(), MasterKey::new([9; 32]), entropy()).unwrap().0
}

fn entry(n: u64) -> NewEntry {
    NewEntry {
        at: Timestamp::from_millisecond(1_790_000_000_000 + i64::try_from(n).unwrap()).unwrap(),
        kind: "session.ended".into(),
        subject: Subject { account: Some("a0123456789abcdef".into()), intervention: Some(n), session: None },
        body: vec![b'x'; 500],
    }
}

/// Appends groups of this size for some seconds; gives the longest wait for one.
fn append(journal: &mut Journal, size: u64, lasting: Duration) {
    let (start, first) = (Instant::now(), journal.size());
    let mut waits = Vec::new();
    while start.elapsed() < lasting {
        let begun = Instant::now();
        let from = journal.size();
        let group: Vec<_> = (from..from + size).map(entry).collect();
        journal.append(from, &group).unwrap();
        waits.push(begun.elapsed());
    }
    waits.sort();
    let rate = |n: u64| Duration::from_secs(n).div_duration_f64(start.elapsed());
    let at = |share: usize| waits.get(waits.len() * share / 100).copied().unwrap_or_default();
    println!(
        "groups of {size:>4}: {:>8.0} entries/s, {:>6.0} groups/s, p50 {:?}, p99 {:?}, longest {:?}",
        rate(journal.size() - first),
        rate(waits.len() as u64),
        at(50),
        at(99),
        waits.last().copied().unwrap_or_default()
    );
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let mut journal = open(folder.path());
    for size in [1, 10, 100, 1000] {
        append(&mut journal, size, Duration::from_secs(4));
    }
    let size = journal.size();
    drop(journal);
    let begun = Instant::now();
    let mut journal = open(folder.path());
    println!("opening {size} entries: {:?}", begun.elapsed());
    let begun = Instant::now();
    let mut bytes = 0;
    journal.for_each(0, |entry| bytes += entry.body.map_or(0, |body| body.len())).unwrap();
    println!("reading all bodies ({bytes} bytes): {:?}", begun.elapsed());
    let begun = Instant::now();
    assert!(journal.root_at(size / 2 + 7).unwrap().is_some());
    println!("root at half the size: {:?}", begun.elapsed());
    let begun = Instant::now();
    let report = check_log(&mut OsDisk::default(), folder.path(), Some(&signer().verifier()), None);
    println!("verifying: {:?}, {} findings", begun.elapsed(), report.findings.len());
    let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    println!("{}", memory.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
}
