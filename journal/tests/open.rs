//! What opening and appending refuse, and that a refusal leaves the evidence as it was.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failing test shall stop")]

mod support;

use jiff::{SignedDuration, Timestamp};
use journal::{AppendError, MasterKey, NewEntry, OpenError, OsDisk, leaf_hash, root_of};
use std::path::{Path, PathBuf};
use support::{body, entropy, entry, files, group, open, put, records, signer, summed, tail_of, write_log};

type Files = Vec<(PathBuf, Vec<u8>)>;

fn log(groups: &[u64]) -> Files {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), groups);
    files(folder.path())
}

fn file<'a>(files: &'a mut Files, path: &str) -> &'a mut Vec<u8> {
    let place = files.iter().position(|(found, _)| found == Path::new(path));
    let place = place.unwrap_or_else(|| {
        files.push((path.into(), Vec::new()));
        files.len() - 1
    });
    &mut files[place].1
}

/// Opening refuses these files, and leaves each byte where it was.
#[track_caller]
fn refused(mut altered: Files, word: &str) {
    altered.sort();
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &altered);
    match open(folder.path()) {
        Err(OpenError::Damaged { what, .. }) => assert!(what.contains(word), "{what}"),
        Err(other) => panic!("{other}"),
        Ok((journal, _)) => panic!("opened with {} entries instead of: {word}", journal.size()),
    }
    assert!(files(folder.path()) == altered, "the evidence was changed: {word}");
}

/// Somebody flips one byte of an old group: what stands behind it was acknowledged.
#[test]
fn damage_in_the_middle_is_no_torn_write() {
    let good = log(&[3, 3, 3]);
    let at = tail_of(&records(&good[1].1)[..4]).len() + 40;
    let mut altered = good.clone();
    file(&mut altered, "tail")[at] ^= 1;
    refused(altered.clone(), "its own checkpoint says 9");
    // The published copy is gone or unreadable too.
    file(&mut altered, "checkpoint").clear();
    refused(altered.clone(), "signed groups stand behind");
    altered.retain(|(path, _)| path != Path::new("checkpoint"));
    refused(altered, "signed groups stand behind");
}

#[test]
fn cut_off_and_rolled_back() {
    let good = log(&[300, 3, 3]);
    let all = records(&good.iter().find(|(path, _)| path == Path::new("tail")).unwrap().1);
    let mut altered = good.clone();
    *file(&mut altered, "tail") = tail_of(&all[..all.len() - 4]);
    refused(altered, "entries were cut off");
    let mut altered = good.clone();
    *file(&mut altered, "tail") = Vec::new();
    refused(altered, "no signed checkpoint");
    let older = log(&[200]);
    let mut altered = good.clone();
    for name in ["tail", "checkpoint"] {
        *file(&mut altered, name) = older.iter().find(|(path, _)| path == Path::new(name)).unwrap().1.clone();
    }
    refused(altered, "older than its tiles");
    let altered = good.iter().filter(|(path, _)| path != Path::new("tail")).cloned().collect();
    refused(altered, "`tail` is missing");
    for base in [0, 1, 512, u64::MAX] {
        let mut altered = good.clone();
        let mut moved = all.clone();
        moved[0].1 = u64::to_be_bytes(base).to_vec();
        *file(&mut altered, "tail") = tail_of(&moved);
        refused(altered, "");
    }
}

/// The folder's own published checkpoint is of another history.
#[test]
fn a_fork_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path()).unwrap();
    let mut other = group(0, 5);
    other[1].kind = "session.opened".into();
    let fork = journal.append(0, &other).unwrap().checkpoint;
    for groups in [&[5][..], &[5, 5], &[5, 300]] {
        let mut altered = log(groups);
        *file(&mut altered, "checkpoint") = fork.as_bytes().to_vec();
        refused(altered, "history was rewritten");
    }
}

/// T1: an unreadable entry must not pass for an erased one, or "account disabled" could vanish.
#[test]
fn only_the_master_key_erases() {
    let mut altered = log(&[300]);
    let keys = file(&mut altered, "keys/000");
    let mut content = keys[..keys.len() - 32].to_vec();
    content[7 * 68..8 * 68].fill(0);
    *keys = summed(&content);
    refused(altered, "not written by the holder of the master key");

    let mut altered = log(&[3]);
    let tail = file(&mut altered, "tail");
    let mut all = records(tail);
    let leaf = u32::from_be_bytes(all[2].1[..4].try_into().unwrap()) as usize;
    all[2].1[4 + leaf..4 + leaf + 68].fill(0);
    *tail = tail_of(&all);
    refused(altered, "without its key");

    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &log(&[300]));
    let other = MasterKey::new([1; 32]);
    let opened = journal::Journal::open(folder.path(), Box::new(OsDisk::default()), signer(), other, entropy(1));
    assert!(matches!(opened, Err(OpenError::Damaged { .. })));
}

/// A power cut can leave the published copy empty: it is made again.
#[test]
fn the_published_copy_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut altered = log(&[3]);
    let good = altered.clone();
    for damaged in [&b""[..], &[0; 200], b"\xff"] {
        *file(&mut altered, "checkpoint") = damaged.to_vec();
        put(folder.path(), &altered);
        drop(open(folder.path()).unwrap());
        assert_eq!(files(folder.path()), good);
    }
}

/// A leaf longer than its length field would be acknowledged and then never read again.
#[test]
fn entries_that_cannot_be_read_back_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path()).unwrap();
    journal.append(0, &group(0, 2)).unwrap();
    let change = |change: &dyn Fn(&mut NewEntry)| {
        let mut new = entry(2);
        change(&mut new);
        new
    };
    for bad in [
        change(&|new| new.kind = "k".repeat(70_000)),
        change(&|new| new.kind.clear()),
        change(&|new| new.subject.session = Some("s".repeat(800))),
        change(&|new| new.subject.account = Some("Jean Dupont".into())),
        change(&|new| new.subject.account = Some("dupont\"".into())),
        change(&|new| new.subject.intervention = Some(u64::MAX)),
        change(&|new| new.body = vec![0; (1 << 20) + 1]),
        change(&|new| new.at = entry(0).at),
        change(&|new| new.at = Timestamp::MIN),
    ] {
        for group in [vec![bad.clone()], vec![entry(2), bad]] {
            assert!(matches!(journal.append(2, &group), Err(AppendError::Rejected(_))), "{:.80?}", group[0].kind);
        }
    }
    let big = change(&|new| new.body = vec![0; 1 << 20]);
    assert!(matches!(journal.append(2, &vec![big; 65]), Err(AppendError::Rejected(_))));
    for wrong in [0, 3] {
        assert!(matches!(journal.append(wrong, &group(2, 1)), Err(AppendError::Rejected(_))));
    }
    assert!(matches!(journal.append(2, &[]), Err(AppendError::Rejected(_))));
    // A refusal costs nothing.
    journal.append(2, &group(2, 1)).unwrap();
    assert_eq!(journal.entries().unwrap().len(), 3);
}

/// D31: the last entry's time is never ahead of the clock that gave it.
#[test]
fn times_are_cut_to_the_millisecond() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open(folder.path()).unwrap();
    let at = entry(0).at + SignedDuration::from_micros(1_999);
    journal.append(0, &[NewEntry { at, ..entry(0) }]).unwrap();
    assert_eq!(journal.last_at(), entry(0).at + SignedDuration::from_millis(1));
    journal.append(1, &[NewEntry { at, ..entry(1) }]).unwrap();
}

#[test]
fn roots_and_entries_from_any_place() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &[600]);
    let (mut journal, _) = open(folder.path()).unwrap();
    let leaves: Vec<_> = journal.entries().unwrap().iter().map(|entry| leaf_hash(&entry.leaf.to_bytes())).collect();
    for size in [0, 1, 255, 256, 257, 511, 512, 513, 599, 600] {
        assert_eq!(journal.root_at(size as u64).unwrap(), Some(root_of(&leaves[..size])), "{size}");
        let mut next = size as u64;
        journal
            .for_each(next, |entry| {
                assert_eq!((entry.leaf.index, entry.body), (next, Some(body(next))));
                next += 1;
            })
            .unwrap();
        assert_eq!(next, 600);
    }
    for size in [601, u64::MAX] {
        assert_eq!(journal.root_at(size).unwrap(), None);
    }
}
