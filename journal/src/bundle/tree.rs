//! The tree in a bundle: the whole log from its first entry to the checkpoint, some of it as leaves, the
//! rest as hashes. Whoever folds it has the root at every size along the way, so any checkpoint that was
//! kept elsewhere can be held against it.

use crate::entry::LONGEST_LEAF;
use crate::log::OpenError;
use crate::merkle::Hash;
use crate::reader::Reader;
use crate::store::TILE;
use std::io::{self, Read, Write};
use std::ops::{ControlFlow, Range};

const LEAF: u8 = b'L';
const SUBTREE: u8 = b'H';
/// What is not shown stands leaf by leaf for so many entries from the end, 32 MiB of hashes, and tile by
/// tile before.
const FINE: u64 = 1 << 20;
/// No log has 2^40 entries.
const HIGHEST: u8 = 40;

/// A record of the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    /// The next leaf.
    Leaf(Vec<u8>),
    /// The root over the next 2^n leaves.
    Subtree(u8, Hash),
}

/// Writes the tree, with the leaves of the range shown.
pub fn write_tree(reader: &mut Reader, shown: Range<u64>, out: &mut dyn Write) -> io::Result<()> {
    let fine = reader.size().saturating_sub(FINE);
    write(reader, shown, fine, out)
}

/// The same; what is not shown stands leaf by leaf from entry `fine` on.
fn write(reader: &mut Reader, shown: Range<u64>, fine: u64, out: &mut dyn Write) -> io::Result<()> {
    let shown = shown.start.min(reader.size())..shown.end.min(reader.size());
    hidden(reader, 0..shown.start, fine, out)?;
    let mut written = Ok(());
    let visited = reader.leaves(shown.start, |leaf, bytes| {
        if leaf.index < shown.end {
            written = write_record(&Record::Leaf(bytes.to_vec()), out);
        }
        match written.is_ok() && leaf.index + 1 < shown.end {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    });
    written?;
    visited.map_err(damaged)?;
    hidden(reader, shown.end..reader.size(), fine, out)
}

fn damaged(error: OpenError) -> io::Error {
    io::Error::other(error)
}

fn hidden(reader: &mut Reader, range: Range<u64>, fine: u64, out: &mut dyn Write) -> io::Result<()> {
    let tile = TILE as u64;
    let mut at = range.start;
    while at < range.end {
        let n = at / tile;
        let end = (n + 1) * tile;
        if at.is_multiple_of(tile)
            && end <= range.end.min(fine)
            && let Some(root) = reader.tile(n)
        {
            write_record(&Record::Subtree(8, root), out)?;
            at = end;
            continue;
        }
        let place = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let until = end.min(range.end);
        let hashes = reader.leaf_hashes(place(n)).map_err(damaged)?;
        for hash in hashes.into_iter().skip(place(at - n * tile)).take(place(until - at)) {
            write_record(&Record::Subtree(0, hash), out)?;
        }
        at = until;
    }
    Ok(())
}

fn write_record(record: &Record, out: &mut dyn Write) -> io::Result<()> {
    match record {
        Record::Leaf(bytes) => {
            out.write_all(&[LEAF])?;
            out.write_all(&u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes())?;
            out.write_all(bytes)
        }
        Record::Subtree(level, hash) => {
            out.write_all(&[SUBTREE, *level])?;
            out.write_all(hash)
        }
    }
}

/// The next record; `None` at the end. `Err` where the bytes are none.
pub(super) fn read_record(from: &mut impl Read) -> io::Result<Option<Record>> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "not a record of a tree");
    let mut kind = [0];
    if from.read(&mut kind)? == 0 {
        return Ok(None);
    }
    match kind {
        [LEAF] => {
            let mut length = [0; 2];
            from.read_exact(&mut length)?;
            let mut leaf = vec![0; usize::from(u16::from_be_bytes(length))];
            if leaf.len() > LONGEST_LEAF {
                return Err(wrong());
            }
            from.read_exact(&mut leaf)?;
            Ok(Some(Record::Leaf(leaf)))
        }
        [SUBTREE] => {
            let (mut level, mut hash) = ([0], Hash::default());
            from.read_exact(&mut level)?;
            from.read_exact(&mut hash)?;
            let [level] = level;
            if level > HIGHEST { Err(wrong()) } else { Ok(Some(Record::Subtree(level, hash))) }
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{Frontier, leaf_hash};
    use crate::{Journal, MasterKey, NewEntry, OsDisk, SigningKey, Subject};

    /// Leaf by leaf, by tiles, and mixed: each folds to the root, and stops where it says.
    #[test]
    fn every_way_to_write_it_folds_to_the_root() {
        let folder = tempfile::tempdir().unwrap();
        let signer = || SigningKey::new("poterne.test/journal", &[7; 32]).unwrap();
        let entropy: crate::Entropy = Box::new(|buffer| buffer.fill(3));
        let (mut journal, _) =
            Journal::open(folder.path(), Box::new(OsDisk::default()), signer(), MasterKey::new([9; 32]), entropy)
                .unwrap();
        let entry = |n: i64| NewEntry {
            at: jiff::Timestamp::from_second(1_800_000_000 + n).unwrap(),
            kind: "note".into(),
            subject: Subject::default(),
            body: b"{}".to_vec(),
        };
        journal.append(0, &(0..700).map(entry).collect::<Vec<_>>()).unwrap();
        let mut reader = Reader::open(folder.path(), MasterKey::new([9; 32]), &signer().verifier()).unwrap();
        let root = reader.root_at(700).unwrap().unwrap();
        for (shown, fine, records) in [
            (0..700, 0, 700),
            (300..310, 0, 700),
            (300..310, 700, 1 + 44 + 10 + 202 + 188),
            (600..700, 700, 2 + 88 + 100),
            (0..0, 256, 1 + 256 + 188),
            (699..900, 700, 2 + 187 + 1),
        ] {
            let mut bytes = Vec::new();
            write(&mut reader, shown.clone(), fine, &mut bytes).unwrap();
            let (mut from, mut tree, mut count) = (bytes.as_slice(), Frontier::default(), 0);
            while let Some(record) = read_record(&mut from).unwrap() {
                count += 1;
                match record {
                    Record::Leaf(leaf) => {
                        assert!(shown.contains(&tree.size()));
                        tree.push(leaf_hash(&leaf));
                    }
                    Record::Subtree(level, hash) => {
                        assert!(!shown.contains(&tree.size()));
                        assert!(tree.push_subtree(u32::from(level), hash));
                    }
                }
            }
            assert_eq!((tree.size(), tree.root(), count), (700, root, records), "{shown:?} {fine}");
            // Cut anywhere, it is no tree.
            for length in [1, 2, 20, bytes.len() - 1] {
                let mut from = &bytes[..length];
                let read = std::iter::from_fn(|| read_record(&mut from).transpose());
                assert!(read.collect::<io::Result<Vec<_>>>().is_err(), "{length}");
            }
        }
    }
}
