//! A crash or an error at every storage step, and what the next start makes of it (promises 4 and 7,
//! D17, LOG-04).
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failing test shall stop")]

mod support;

use journal::{AppendError, Disk, Journal, OsDisk, Receipt, check_log};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use support::{body, files, group, open, open_on, put, records, signer, write_log};

/// What happens at the chosen step.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    /// The machine stops before it.
    Before,
    /// It stops in the middle: this share, in 16ths, of the bytes was written.
    Torn(usize),
    /// It stops after it, before the caller hears so.
    After,
    /// The step fails, and the disk goes on.
    Fails,
}

/// A disk that meets its fate at one step of writing.
struct Doomed {
    disk: OsDisk,
    steps: Arc<Mutex<Vec<String>>>,
    at: usize,
    fate: Fate,
    dead: bool,
}

impl Doomed {
    fn new(at: usize, fate: Fate) -> (Box<Doomed>, Arc<Mutex<Vec<String>>>) {
        let steps = Arc::new(Mutex::new(Vec::new()));
        (Box::new(Doomed { disk: OsDisk::default(), steps: steps.clone(), at, fate, dead: false }), steps)
    }

    fn step(
        &mut self,
        name: &str,
        path: &Path,
        bytes: &[u8],
        whole: fn(&mut OsDisk, &Path, &[u8]) -> io::Result<()>,
    ) -> io::Result<()> {
        let lost = || Err(io::Error::other("the disk is gone"));
        if self.dead {
            return lost();
        }
        let mut steps = self.steps.lock().unwrap();
        steps.push(format!("{name} {}", path.display()));
        if steps.len() - 1 != self.at {
            return whole(&mut self.disk, path, bytes);
        }
        self.dead = self.fate != Fate::Fails;
        match self.fate {
            Fate::Before | Fate::Fails => {}
            Fate::After => whole(&mut self.disk, path, bytes)?,
            Fate::Torn(share) => {
                let part = &bytes[..(bytes.len() * share / 16).clamp(1, bytes.len() - 1)];
                match name {
                    "append" => self.disk.append(path, part)?,
                    _ => {
                        // A file that takes another's place is torn only beside it.
                        let staged = PathBuf::from(format!("{}.new", path.display()));
                        std::fs::create_dir_all(path.parent().unwrap())?;
                        std::fs::write(staged, part)?;
                    }
                }
            }
        }
        lost()
    }
}

impl Disk for Doomed {
    fn claim(&mut self, folder: &Path) -> io::Result<()> {
        self.disk.claim(folder)
    }
    fn read(&mut self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        self.disk.read(path)
    }
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.step("append", path, bytes, |disk, path, bytes| disk.append(path, bytes))
    }
    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.step("replace", path, bytes, |disk, path, bytes| disk.replace(path, bytes))
    }
    fn publish(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.step("publish", path, bytes, |disk, path, bytes| disk.publish(path, bytes))
    }
    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.step("remove", path, &[0, 0], |disk, path, _| disk.remove(path))
    }
    fn list(&mut self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.disk.list(folder)
    }
}

/// Appends the groups until one fails; gives what was acknowledged, and the journal.
fn run(folder: &Path, disk: Box<Doomed>, groups: &[u64]) -> (Vec<Receipt>, Option<Journal>) {
    let Ok((mut journal, _)) = open_on(folder, disk, 1) else { return (Vec::new(), None) };
    let mut receipts = Vec::new();
    for count in groups {
        let first = journal.size();
        match journal.append(first, &group(first, *count)) {
            Ok(receipt) => receipts.push(receipt),
            Err(AppendError::Fatal(_)) => break,
            Err(AppendError::Rejected(why)) => panic!("rejected: {why}"),
        }
    }
    (receipts, Some(journal))
}

/// The state of the folder after a crash opens, holds all that was acknowledged, and goes on.
fn survives(folder: &Path, receipts: &[Receipt], groups: &[u64], story: &str) {
    let acknowledged = receipts.last().map_or(0, |receipt| receipt.size);
    let in_flight = groups.get(receipts.len()).copied().unwrap_or(0);
    let (mut journal, _) = open(folder).unwrap_or_else(|error| panic!("{story}: {error}"));
    let size = journal.size();
    // All or nothing of the group that was under way; never part of it.
    assert!(size == acknowledged || size == acknowledged + in_flight, "{story}: {size} entries, {acknowledged} told");
    let entries = journal.entries().unwrap_or_else(|error| panic!("{story}: {error}"));
    assert_eq!(entries.len() as u64, size, "{story}");
    for (n, entry) in (0..).zip(entries) {
        assert_eq!((entry.leaf.index, entry.body), (n, Some(body(n))), "{story}");
    }
    holds(folder, receipts, story);
    // What a crash kept from being laid down was laid down now.
    let tail = records(&std::fs::read(folder.join("tail")).unwrap());
    assert_eq!(tail.iter().filter(|(kind, _)| *kind == b'L').count() as u64, size % 256, "{story}");
    journal.append(size, &group(size, 3)).unwrap_or_else(|error| panic!("{story}: {error}"));
    holds(folder, receipts, story);
    drop(journal);
    assert_eq!(open(folder).unwrap().0.size(), size + 3, "{story}");
}

/// The verifier has nothing to say, not even with each checkpoint that was ever told.
fn holds(folder: &Path, receipts: &[Receipt], story: &str) {
    let key = signer().verifier();
    let since = receipts.last().map(|receipt| &*receipt.checkpoint);
    let report = check_log(&mut OsDisk::default(), folder, Some(&key), since);
    assert_eq!(report.findings, [], "{story}");
}

/// Crosses the end of a tile twice, once exactly.
const GROUPS: [u64; 6] = [200, 56, 3, 1, 260, 4];
/// Fills two tiles in one group, then nothing but single entries.
const LEAP: [u64; 3] = [600, 1, 1];

fn steps_of(groups: &[u64]) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let (disk, steps) = Doomed::new(usize::MAX, Fate::Before);
    let (receipts, _) = run(folder.path(), disk, groups);
    assert_eq!(receipts.len(), groups.len());
    steps.lock().unwrap().clone()
}

fn fates(step: &str) -> Vec<Fate> {
    let torn: &[usize] = if step.starts_with("append") { &[0, 1, 5, 11, 15, 16] } else { &[8] };
    [Fate::Before, Fate::After, Fate::Fails].into_iter().chain(torn.iter().map(|share| Fate::Torn(*share))).collect()
}

fn every_step(groups: &[u64]) {
    let steps = steps_of(groups);
    assert!(steps.iter().filter(|step| step.starts_with("replace")).count() >= 2 * 5);
    for (at, step) in steps.iter().enumerate() {
        for fate in fates(step) {
            let story = format!("{fate:?} at step {at}, {step}");
            let folder = tempfile::tempdir().unwrap();
            let (disk, done) = Doomed::new(at, fate);
            let (receipts, journal) = run(folder.path(), disk, groups);
            if let Some(mut journal) = journal {
                // Nothing more is taken, and nothing more is written.
                let size = journal.size();
                for _ in 0..2 {
                    let refused = journal.append(size, &group(size, 1));
                    assert!(matches!(refused, Err(AppendError::Fatal(_))), "{story}: {refused:?}");
                }
            }
            assert_eq!(done.lock().unwrap().len(), at + 1, "{story}");
            if at >= 2 && !matches!(fate, Fate::Torn(_)) {
                // Seized just after the crash, before any start repaired it, the log holds as well.
                holds(folder.path(), &receipts, &story);
            }
            survives(folder.path(), &receipts, groups, &story);
        }
    }
}

/// LOG-04
#[test]
fn a_crash_or_error_at_any_step_loses_nothing_acknowledged() {
    every_step(&GROUPS);
}

/// LOG-04
#[test]
fn a_crash_while_one_group_fills_two_tiles_loses_nothing_acknowledged() {
    every_step(&LEAP);
}

/// A torn write at each byte of a group: handed back, never applied.
#[test]
fn a_group_torn_at_any_byte_is_handed_back() {
    let made = tempfile::tempdir().unwrap();
    write_log(made.path(), &[5]);
    let before = files(made.path());
    let place = before.iter().position(|(path, _)| path == Path::new("tail")).unwrap();
    let whole = {
        let (mut journal, _) = open(made.path()).unwrap();
        journal.append(5, &group(5, 2)).unwrap();
        std::fs::read(made.path().join("tail")).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    for length in before[place].1.len()..whole.len() {
        let mut torn = before.clone();
        torn[place].1 = whole[..length].to_vec();
        put(folder.path(), &torn);
        let (journal, recovered) = open(folder.path()).unwrap();
        assert_eq!((journal.size(), recovered.aside.as_slice()), (5, &whole[before[place].1.len()..length]));
        holds(folder.path(), &[], "torn");
    }
}

/// The blocks of a write can arrive in any order: its end, with the checkpoint, before its middle.
#[test]
fn a_group_whose_end_alone_arrived_is_not_applied() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &[5]);
    let checkpoint = std::fs::read(folder.path().join("checkpoint")).unwrap();
    let mut tail = std::fs::read(folder.path().join("tail")).unwrap();
    let signed = tail.len();
    let (mut journal, _) = open(folder.path()).unwrap();
    journal.append(5, &group(5, 2)).unwrap();
    drop(journal);
    let whole = std::fs::read(folder.path().join("tail")).unwrap();
    tail.resize(signed + 200, 0);
    tail.extend_from_slice(&whole[tail.len()..]);
    std::fs::write(folder.path().join("tail"), &tail).unwrap();
    std::fs::write(folder.path().join("checkpoint"), checkpoint).unwrap();
    let (journal, recovered) = open(folder.path()).unwrap();
    assert_eq!((journal.size(), recovered.aside), (5, tail[signed..].to_vec()));
}

/// A crash in the middle of recovery, at each of its steps, for each state that a crash can leave.
#[test]
fn a_crash_during_recovery_changes_nothing() {
    let groups = [250, 20];
    let steps = steps_of(&groups);
    for (first, step) in steps.iter().enumerate() {
        for fate in [Fate::Torn(9), Fate::After] {
            let crashed = tempfile::tempdir().unwrap();
            let (receipts, _) = run(crashed.path(), Doomed::new(first, fate).0, &groups);
            let left = files(crashed.path());
            for second in 0.. {
                let fate = if second % 2 == 0 { Fate::Torn(3) } else { Fate::After };
                let folder = tempfile::tempdir().unwrap();
                put(folder.path(), &left);
                let whole = open_on(folder.path(), Doomed::new(second, fate).0, 3).is_ok();
                survives(folder.path(), &receipts, &groups, &format!("{step}, then step {second} of recovery"));
                if whole {
                    break;
                }
            }
        }
    }
}

/// A group that was written but perhaps never synced is made durable before anybody hears of it.
#[test]
fn opening_syncs_what_it_applies() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &[5]);
    let tail = std::fs::read(folder.path().join("tail")).unwrap();
    let (disk, steps) = Doomed::new(usize::MAX, Fate::Before);
    let (journal, _) = open_on(folder.path(), disk, 3).unwrap();
    assert_eq!(journal.size(), 5);
    let tail_path = folder.path().join("tail");
    assert_eq!(steps.lock().unwrap().first(), Some(&format!("replace {}", tail_path.display())));
    assert_eq!(std::fs::read(tail_path).unwrap(), tail);
}

/// What a crash left beside its place is cleared away; what the journal did not write is left alone.
#[test]
fn left_overs_are_removed_and_strangers_are_not() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &[300]);
    for name in ["tail.new", "checkpoint.new", "tile/0/001.new", "keys/000.new", "mine.new", "note"] {
        std::fs::write(folder.path().join(name), "x").unwrap();
    }
    let key = signer().verifier();
    let findings = || check_log(&mut OsDisk::default(), folder.path(), Some(&key), None).findings.len();
    assert_eq!(findings(), 6);
    drop(open(folder.path()).unwrap());
    assert_eq!(findings(), 2);
    assert!(folder.path().join("mine.new").exists() && folder.path().join("note").exists());
}

/// Two owners would each overwrite what the other acknowledged.
#[test]
fn a_second_owner_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path()).unwrap();
    assert!(open(folder.path()).is_err());
    journal.append(0, &group(0, 1)).unwrap();
    drop(journal);
    assert_eq!(open(folder.path()).unwrap().0.size(), 1);
}
