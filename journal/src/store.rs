//! Where the log lies on the disk.
//!
//! ```text
//! tail                 the newest entries, and every checkpoint signed since the last full tile
//! checkpoint           the latest signed checkpoint, for whoever fetches it
//! tile/<L>/<N>         hashes of level L, 256 a file (C2SP tlog-tiles, height 8)
//! tile/entries/<N>     256 leaves, each behind its length as two bytes
//! bodies/<N>           256 sealed bodies, each behind its length as four bytes, then SHA-256 of all
//! keys/<N>             256 records of the key ring, then SHA-256 of all
//! ```
//!
//! An entry is durable once it stands in the tail under a signed checkpoint. When 256 of them are
//! complete they are laid down in files that are never touched again (the ring apart, which each
//! retention run rewrites), and the tail starts anew.

use crate::disk::Disk;
use crate::entry::digest;
use crate::merkle::{Frontier, Hash, leaf_hash};
use crate::ring::RECORD;
use std::io;
use std::path::{Path, PathBuf};

/// Leaves in a full tile.
pub(crate) const TILE: usize = 256;
const CHECK: usize = 8;
const LEAF: u8 = b'L';
const SIGNED: u8 = b'C';
const BASE: u8 = b'B';

/// One entry as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) leaf: Vec<u8>,
    pub(crate) sealed: Vec<u8>,
    pub(crate) record: Vec<u8>,
}

/// A record of the tail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Record {
    /// The index of the first entry that this tail holds.
    Base(u64),
    /// An entry.
    Entry(Stored),
    /// A signed checkpoint over all entries up to here.
    Checkpoint(String),
}

/// `kind ‖ length ‖ payload ‖ first 8 bytes of SHA-256 over all before`.
fn frame(kind: u8, payload: &[u8], into: &mut Vec<u8>) {
    let start = into.len();
    into.push(kind);
    into.extend_from_slice(&u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
    into.extend_from_slice(payload);
    let check = into.get(start..).map(digest).unwrap_or_default();
    into.extend(check.iter().take(CHECK));
}

pub(crate) fn write_record(record: &Record, into: &mut Vec<u8>) {
    match record {
        Record::Base(index) => frame(BASE, &index.to_be_bytes(), into),
        Record::Checkpoint(note) => frame(SIGNED, note.as_bytes(), into),
        Record::Entry(stored) => {
            let length = u32::try_from(stored.leaf.len()).unwrap_or(u32::MAX).to_be_bytes();
            let payload = [&length[..], &stored.leaf, &stored.record, &stored.sealed].concat();
            frame(LEAF, &payload, into);
        }
    }
}

/// Splits off the next record; `None` where the bytes end or are damaged.
pub(crate) fn read_record(bytes: &[u8]) -> Option<(Record, &[u8])> {
    let (&kind, rest) = bytes.split_first()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let (payload, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let (check, rest) = rest.split_at_checked(CHECK)?;
    let whole = bytes.get(..bytes.len() - rest.len() - CHECK)?;
    if digest(whole).get(..CHECK) != Some(check) {
        return None;
    }
    let record = match kind {
        BASE => Record::Base(u64::from_be_bytes(payload.try_into().ok()?)),
        SIGNED => Record::Checkpoint(String::from_utf8(payload.to_vec()).ok()?),
        LEAF => {
            let (length, rest) = payload.split_first_chunk::<4>()?;
            let (leaf, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
            let (record, sealed) = rest.split_at_checked(RECORD)?;
            Record::Entry(Stored { leaf: leaf.to_vec(), sealed: sealed.to_vec(), record: record.to_vec() })
        }
        _ => return None,
    };
    Some((record, rest))
}

/// The path of tile `n`: groups of three digits, all but the last behind an `x`.
pub(crate) fn tile_path(folder: &str, n: u64) -> PathBuf {
    let mut groups = vec![format!("{:03}", n % 1000)];
    let mut above = n / 1000;
    while above > 0 {
        groups.push(format!("x{:03}", above % 1000));
        above /= 1000;
    }
    let mut path = PathBuf::from(folder);
    path.extend(groups.iter().rev());
    path
}

fn level_folder(level: u32) -> String {
    format!("tile/{level}")
}

/// The files that lay down 256 entries for good, and the hash of their subtree for the level above.
pub(crate) fn full_tile_files(n: u64, entries: &[Stored]) -> (Vec<(PathBuf, Vec<u8>)>, Hash) {
    let (mut leaves, mut hashes, mut bodies, mut keys) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut subtree = Frontier::default();
    for entry in entries {
        let hash = leaf_hash(&entry.leaf);
        subtree.push(hash);
        hashes.extend_from_slice(&hash);
        leaves.extend_from_slice(&u16::try_from(entry.leaf.len()).unwrap_or(u16::MAX).to_be_bytes());
        leaves.extend_from_slice(&entry.leaf);
        bodies.extend_from_slice(&u32::try_from(entry.sealed.len()).unwrap_or(u32::MAX).to_be_bytes());
        bodies.extend_from_slice(&entry.sealed);
        keys.extend_from_slice(&entry.record);
    }
    for file in [&mut bodies, &mut keys] {
        let sum = digest(file);
        file.extend_from_slice(&sum);
    }
    let files = vec![
        (tile_path("tile/entries", n), leaves),
        (tile_path("bodies", n), bodies),
        (tile_path("keys", n), keys),
        (tile_path(&level_folder(0), n), hashes),
    ];
    (files, subtree.root())
}

/// Reads back the entries of a full tile. `Err` says in words what does not fit.
pub(crate) fn read_full_tile(disk: &mut dyn Disk, folder: &Path, n: u64) -> Result<Vec<Stored>, String> {
    let mut file = |kind: &str| {
        let path = tile_path(kind, n);
        let bytes =
            disk.read(&folder.join(&path)).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
        bytes.ok_or_else(|| format!("`{}` is missing", path.display()))
    };
    let (leaves, bodies, keys, hashes) =
        (file("tile/entries")?, file("bodies")?, file("keys")?, file(&level_folder(0))?);
    let damaged = |kind: &str| format!("`{}` is damaged", tile_path(kind, n).display());
    let unsummed = |bytes: &[u8], kind: &str| {
        let (content, sum) = bytes.split_at_checked(bytes.len().saturating_sub(32)).ok_or_else(|| damaged(kind))?;
        if digest(content) == *sum { Ok(content.to_vec()) } else { Err(damaged(kind)) }
    };
    let (bodies, keys) = (unsummed(&bodies, "bodies")?, unsummed(&keys, "keys")?);
    let (mut leaves, mut bodies) = (leaves.as_slice(), bodies.as_slice());
    let mut entries = Vec::with_capacity(TILE);
    for (record, hash) in keys.chunks(RECORD).zip(hashes.chunks(32)) {
        let (leaf, rest) = split_u16(leaves).ok_or_else(|| damaged("tile/entries"))?;
        leaves = rest;
        let (sealed, rest) = split_u32(bodies).ok_or_else(|| damaged("bodies"))?;
        bodies = rest;
        if leaf_hash(leaf)[..] != *hash {
            return Err(damaged(&level_folder(0)));
        }
        entries.push(Stored { leaf: leaf.to_vec(), sealed: sealed.to_vec(), record: record.to_vec() });
    }
    let whole = entries.len() == TILE && leaves.is_empty() && bodies.is_empty();
    if whole && keys.len() == TILE * RECORD && hashes.len() == TILE * 32 {
        Ok(entries)
    } else {
        Err(damaged("tile/entries"))
    }
}

fn split_u16(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}

fn split_u32(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// The files of the levels above 0 that become full with tile `n` of level 0. `lower` gives the
/// subtree roots of all full level-0 tiles, the new one included.
pub(crate) fn upper_tile_files(lower: &[Hash]) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut level = 1;
    let mut hashes = lower.to_vec();
    while !hashes.is_empty() && hashes.len().is_multiple_of(TILE) {
        let last = hashes.chunks(TILE).next_back().unwrap_or_default();
        let n = u64::try_from(hashes.len() / TILE - 1).unwrap_or(u64::MAX);
        files.push((tile_path(&level_folder(level), n), last.concat()));
        hashes = hashes.chunks(TILE).map(crate::merkle::root_of).collect();
        level += 1;
    }
    files
}

/// All files of the levels above 0 that a log with these level-0 subtree roots must have.
pub(crate) fn all_upper_tiles(lower: &[Hash]) -> Vec<(PathBuf, Vec<u8>)> {
    (1..=lower.len())
        .filter(|count| count.is_multiple_of(TILE))
        .flat_map(|count| upper_tile_files(lower.get(..count).unwrap_or_default()))
        .collect()
}

/// What the tail holds, read up to the first byte that does not fit.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    pub(crate) base: u64,
    pub(crate) records: Vec<Record>,
    /// Where reading stopped, in bytes.
    pub(crate) good: usize,
    /// How long the file is.
    pub(crate) length: usize,
}

/// Reads the tail; `None` if there is none.
pub(crate) fn read_tail(disk: &mut dyn Disk, folder: &Path) -> io::Result<Option<Tail>> {
    let Some(bytes) = disk.read(&folder.join("tail"))? else { return Ok(None) };
    let mut tail = Tail { length: bytes.len(), ..Tail::default() };
    let mut rest = bytes.as_slice();
    while let Some((record, after)) = read_record(rest) {
        match record {
            Record::Base(index) if tail.good == 0 => tail.base = index,
            // A second beginning, or none at all, is damage.
            Record::Base(_) => break,
            _ if tail.good == 0 => break,
            record => tail.records.push(record),
        }
        rest = after;
        tail.good = bytes.len() - rest.len();
    }
    Ok(Some(tail))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tile_paths_follow_c2sp() {
        assert_eq!(tile_path("tile/0", 1_234_067), PathBuf::from("tile/0/x001/x234/067"));
        assert_eq!(tile_path("tile/entries", 7), PathBuf::from("tile/entries/007"));
    }

    #[test]
    fn records_read_back_and_flips_show() {
        let record =
            Record::Entry(Stored { leaf: b"leaf".to_vec(), sealed: b"body".to_vec(), record: vec![3; RECORD] });
        let mut bytes = Vec::new();
        write_record(&record, &mut bytes);
        assert_eq!(read_record(&bytes).unwrap(), (record, &[][..]));
        for position in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[position] ^= 1;
            assert!(read_record(&altered).is_none_or(|(_, rest)| !rest.is_empty()), "byte {position}");
        }
    }
}
