//! Reading beside the writer: what is read is what was written, and its proofs hold for others.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failing test shall stop")]

mod support;

use journal::{Checkpoint, MasterKey, Reader, leaf_hash, verify_consistency, verify_inclusion};
use std::ops::ControlFlow;
use std::path::Path;
use support::{body, group, open, signer, write_log};

fn reader(folder: &Path) -> Reader {
    Reader::open(folder, MasterKey::new([9; 32]), &signer().verifier()).unwrap()
}

/// LOG-04, over a log of tiles, a broken-off tile and a tail; each proof is checked by RFC 9162's way.
#[test]
fn every_proof_holds() {
    let folder = tempfile::tempdir().unwrap();
    let notes = write_log(folder.path(), &[1, 254, 1, 1, 300, 213]);
    let mut reader = reader(folder.path());
    assert_eq!((reader.size(), reader.checkpoint()), (770, notes.last().unwrap().as_str()));
    let mut entries = Vec::new();
    reader
        .read(0, |entry| {
            entries.push(entry);
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(entries.len(), 770);
    for size in [1, 2, 255, 256, 257, 511, 512, 513, 768, 769, 770] {
        let root = reader.root_at(size).unwrap().unwrap();
        for index in [0, 1, 2, 127, 254, 255, 256, 257, 510, 512, 600, 767, 768, 769] {
            let path = reader.inclusion(index, size).unwrap();
            assert_eq!(path.is_some(), index < size);
            let Some(path) = path else { continue };
            let leaf = leaf_hash(&entries[usize::try_from(index).unwrap()].bytes);
            assert!(verify_inclusion(leaf, index, size, &path, &root), "{index} in {size}");
        }
        for old in [1, 3, 255, 256, 257, 512, 700, 770] {
            let proof = reader.consistency(old, size).unwrap();
            assert_eq!(proof.is_some(), old <= size);
            let Some(proof) = proof else { continue };
            let before = reader.root_at(old).unwrap().unwrap();
            assert!(verify_consistency(old, &before, size, &root, &proof), "{old} in {size}");
        }
    }
    for note in notes {
        let checkpoint = Checkpoint::verify(&note, &signer().verifier()).unwrap();
        assert_eq!(reader.root_at(checkpoint.size).unwrap(), Some(checkpoint.root));
    }
    assert_eq!((reader.root_at(771).unwrap(), reader.inclusion(0, 771).unwrap()), (None, None));
    assert_eq!(entries[700].opened.as_ref().unwrap().1, body(700));
}

/// What is appended after it was opened, and a group that has no checkpoint yet, are not of its log.
#[test]
fn the_writer_goes_on_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &[250]);
    let mut before = reader(folder.path());
    let (mut journal, _) = open(folder.path()).unwrap();
    journal.append(250, &group(250, 20)).unwrap();
    let read = |reader: &mut Reader, first| {
        let mut indexes = Vec::new();
        reader
            .read(first, |entry| {
                indexes.push(entry.leaf.index);
                if indexes.len() < 300 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
            .unwrap();
        indexes
    };
    assert_eq!(read(&mut before, 240), (240..250).collect::<Vec<_>>());
    assert_eq!(read(&mut reader(folder.path()), 260), (260..270).collect::<Vec<_>>());
    journal.append(270, &group(270, 2)).unwrap();
    let tail = folder.path().join("tail");
    let mut bytes = std::fs::read(&tail).unwrap();
    bytes.truncate(bytes.len() - 10);
    std::fs::write(&tail, bytes).unwrap();
    assert_eq!(reader(folder.path()).size(), 270, "the last checkpoint that is whole");
}

/// A tail that was changed, or another log's key, open nothing.
#[test]
fn what_does_not_fit_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), &[300]);
    let other = journal::SigningKey::new("poterne.test/journal", &[8; 32]).unwrap();
    assert!(Reader::open(folder.path(), MasterKey::new([9; 32]), &other.verifier()).is_err());
    let tile = folder.path().join("tile/0/000");
    let mut bytes = std::fs::read(&tile).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&tile, bytes).unwrap();
    assert!(Reader::open(folder.path(), MasterKey::new([9; 32]), &signer().verifier()).is_err());
}
