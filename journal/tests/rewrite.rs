//! The ring under a new master, and what is erased by it (LOG-08, D16): at every storage step a crash,
//! and beside a reader that goes on.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failing test shall stop")]

mod support;

use journal::{Disk, Journal, MasterKey, Masters, OsDisk, Reader, check_log};
use std::io;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use support::{body, entropy, files, group, put, signer, write_log};

const OLD: [u8; 32] = [9; 32];
const NEW: [u8; 32] = [8; 32];

fn erased(index: u64) -> bool {
    index < 300 && index % 7 == 0
}

fn open(folder: &Path, masters: Masters) -> Journal {
    Journal::open(folder, Box::new(OsDisk::default()), signer(), masters, entropy(3)).unwrap().0
}

fn rewrite(journal: &mut Journal) {
    journal.begin_rewrite(MasterKey::new(NEW)).unwrap();
    while journal.rewrite_tile(erased).unwrap() {}
    journal.finish_rewrite().unwrap();
}

/// The bodies that are there, and those that are not, are the right ones.
fn holds(journal: &mut Journal, size: u64) {
    let entries = journal.entries().unwrap();
    assert_eq!(entries.len() as u64, size);
    for (n, entry) in (0..).zip(entries) {
        assert_eq!(entry.body, (!erased(n)).then(|| body(n)), "{n}");
    }
}

#[test]
fn what_is_erased_is_gone_and_every_proof_holds() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoints = write_log(folder.path(), &[500, 100]);
    let before = files(folder.path());
    let mut journal = open(folder.path(), MasterKey::new(OLD).into());
    assert_eq!(journal.laid_down(), 512);
    rewrite(&mut journal);
    holds(&mut journal, 600);
    let last = journal.append(600, &group(600, 200)).unwrap();
    drop(journal);
    // Leaves, hashes and bodies are untouched.
    let untouched = |path: &PathBuf| path.starts_with("tile") || path.starts_with("bodies");
    let after = files(folder.path());
    assert!(before.iter().filter(|(path, _)| untouched(path)).all(|file| after.contains(file)));
    for since in [&checkpoints[0], &checkpoints[1], &last.checkpoint.to_string()] {
        let report = check_log(&mut OsDisk::default(), folder.path(), Some(&signer().verifier()), Some(since));
        assert!(report.findings.is_empty(), "{:?}", report.findings);
    }
    holds(&mut open(folder.path(), MasterKey::new(NEW).into()), 800);
    // Neither the old master on the new ring nor the new one on a copy of the old ring.
    let refused = |masters: MasterKey| {
        Journal::open(folder.path(), Box::new(OsDisk::default()), signer(), masters, entropy(4)).is_err()
    };
    assert!(refused(MasterKey::new(OLD)));
    put(folder.path(), &before);
    assert!(refused(MasterKey::new(NEW)));
}

#[test]
fn readers_go_on_while_the_ring_is_rewritten() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &[600]);
    let masters: Masters = MasterKey::new(OLD).into();
    let mut journal = open(folder.path(), masters.clone());
    let reader = || Reader::open(folder.path(), masters.clone(), &signer().verifier()).unwrap();
    let read = |mut reader: Reader| {
        let mut count = 0;
        reader
            .read(0, |evidence| {
                count += u64::from(evidence.opened.is_some());
                ControlFlow::Continue(())
            })
            .unwrap();
        count
    };
    let (first, last) = (reader(), reader());
    journal.begin_rewrite(MasterKey::new(NEW)).unwrap();
    assert!(masters.is_rewriting());
    assert!(journal.rewrite_tile(erased).unwrap());
    let half = 600 - (0..256).filter(|n| erased(*n)).count() as u64;
    assert_eq!((read(first), read(reader())), (half, half));
    // What is appended in the middle, and laid down, is under the new master.
    let size = journal.size();
    journal.append(size, &group(size, 300)).unwrap();
    assert!(journal.rewrite_tile(erased).unwrap());
    assert!(!journal.is_rewritten());
    while journal.rewrite_tile(erased).unwrap() {}
    journal.finish_rewrite().unwrap();
    let whole = 600 - (0..600).filter(|n| erased(*n)).count() as u64;
    assert_eq!((read(last), read(reader())), (whole, whole + 300));
}

/// A disk that stops at one of its steps.
struct Doomed {
    disk: OsDisk,
    left: usize,
    after: bool,
}

impl Disk for Doomed {
    fn read(&mut self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        self.disk.read(path)
    }
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.disk.append(path, bytes)
    }
    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        match self.left {
            0 => return Err(io::Error::other("the disk is gone")),
            1 if !self.after => {
                self.left = 0;
                std::fs::write(format!("{}.new", path.display()), &bytes[..bytes.len() / 2])?;
                return Err(io::Error::other("the disk is gone"));
            }
            _ => self.left -= 1,
        }
        self.disk.replace(path, bytes)
    }
    fn publish(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.disk.publish(path, bytes)
    }
    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.disk.remove(path)
    }
    fn list(&mut self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        self.disk.list(folder)
    }
}

/// A crash in the middle of a rewrite loses nothing, and the next start finishes it.
#[test]
fn a_rewrite_that_was_broken_off_is_finished() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &[600]);
    let before = files(folder.path());
    // Opening replaces the tail once; the rewrite writes the tail and two files of keys.
    for steps in 1..=4 {
        for after in [false, true] {
            put(folder.path(), &before);
            let disk = Box::new(Doomed { disk: OsDisk::default(), left: steps + 1, after });
            let (mut journal, _) =
                Journal::open(folder.path(), disk, signer(), MasterKey::new(OLD), entropy(5)).unwrap();
            let broken = journal
                .begin_rewrite(MasterKey::new(NEW))
                .and_then(|()| {
                    while journal.rewrite_tile(erased)? {}
                    Ok(())
                })
                .is_err();
            assert_eq!(broken, steps < 3 || (steps == 3 && !after), "{steps} {after}");
            drop(journal);
            let report = check_log(&mut OsDisk::default(), folder.path(), Some(&signer().verifier()), None);
            assert!(report.findings.iter().all(|finding| finding.0.contains(".new")), "{:?}", report.findings);
            let mut journal = open(folder.path(), Masters::new(MasterKey::new(OLD), Some(MasterKey::new(NEW))));
            rewrite(&mut journal);
            holds(&mut journal, 600);
            drop(journal);
            holds(&mut open(folder.path(), MasterKey::new(NEW).into()), 600);
        }
    }
}
