//! Where the log lies on the disk.
//!
//! ```text
//! tail                 the newest entries, and every checkpoint signed since the last full tile
//! checkpoint           the latest signed checkpoint, for whoever fetches it
//! tile/<L>/<N>         hashes of level L, 256 a file (C2SP tlog-tiles, height 8)
//! tile/entries/<N>     256 leaves, each behind its length as two bytes
//! bodies/<N>           256 sealed bodies, each behind its length as four bytes, then SHA-256 of all
//! keys/<N>             256 records of the key ring, their HMAC, then SHA-256 of all
//! ```
//!
//! An entry is durable once it stands in the tail under a signed checkpoint. When 256 of them are
//! complete they are laid down in files that are never touched again (the ring apart, which each
//! retention run rewrites), and the tail starts anew.

use crate::disk::Disk;
use crate::entry::digest;
use crate::merkle::{Hash, leaf_hash, root_of};
use crate::ring::{self, MasterKey, RECORD};
use std::io;
use std::path::{Path, PathBuf};

/// Leaves in a full tile.
pub(crate) const TILE: usize = 256;
const HASH: usize = 32;
const CHECK: usize = 8;
/// No note that a log writes is longer.
const LONGEST_NOTE: u32 = 4096;
const LEAVES: &str = "tile/entries";
const BODIES: &str = "bodies";
const KEYS: &str = "keys";
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

/// A whole tail: where it begins, its entries, and one checkpoint over all.
pub(crate) fn tail_of(base: u64, entries: &[Stored], checkpoint: &str) -> Vec<u8> {
    let mut tail = Vec::new();
    write_record(&Record::Base(base), &mut tail);
    for entry in entries {
        write_record(&Record::Entry(entry.clone()), &mut tail);
    }
    write_record(&Record::Checkpoint(checkpoint.to_owned()), &mut tail);
    tail
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

/// The file of hashes `n` of this level.
pub(crate) fn upper_path(level: u32, n: u64) -> PathBuf {
    tile_path(&level_folder(level), n)
}

/// The files that lay down 256 entries for good. `ring` authenticates their records of the ring.
pub(crate) fn full_tile_files(n: u64, entries: &[Stored], ring: impl Fn(&[u8]) -> Hash) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut leaves, mut hashes, mut bodies, mut keys) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for entry in entries {
        hashes.extend_from_slice(&leaf_hash(&entry.leaf));
        leaves.extend_from_slice(&u16::try_from(entry.leaf.len()).unwrap_or(u16::MAX).to_be_bytes());
        leaves.extend_from_slice(&entry.leaf);
        bodies.extend_from_slice(&u32::try_from(entry.sealed.len()).unwrap_or(u32::MAX).to_be_bytes());
        bodies.extend_from_slice(&entry.sealed);
        keys.extend_from_slice(&entry.record);
    }
    let tag = ring(&keys);
    keys.extend_from_slice(&tag);
    for file in [&mut bodies, &mut keys] {
        let sum = digest(file);
        file.extend_from_slice(&sum);
    }
    vec![
        (tile_path(LEAVES, n), leaves),
        (tile_path(BODIES, n), bodies),
        (tile_path(KEYS, n), keys),
        (tile_path(&level_folder(0), n), hashes),
    ]
}

/// Whether a file of a full tile says what it should, the HMAC of the ring apart.
pub(crate) fn same_tile_file(path: &Path, found: &[u8], expected: &[u8]) -> bool {
    if !path.starts_with(KEYS) {
        return found == expected;
    }
    without_sum(found).is_some()
        && found.len() == expected.len()
        && found.get(..TILE * RECORD) == expected.get(..TILE * RECORD)
}

/// The root of a full tile.
pub(crate) fn tile_root(entries: &[Stored]) -> Hash {
    root_of(&entries.iter().map(|entry| leaf_hash(&entry.leaf)).collect::<Vec<_>>())
}

fn read_tile_file(disk: &mut dyn Disk, folder: &Path, kind: &str, n: u64) -> Result<Vec<u8>, String> {
    let path = tile_path(kind, n);
    let bytes =
        disk.read(&folder.join(&path)).map_err(|error| format!("`{}` cannot be read: {error}", path.display()))?;
    bytes.ok_or_else(|| format!("`{}` is missing", path.display()))
}

/// Reads back the entries of a full tile; with the master key it also proves that the records of
/// the ring are the ones its holder wrote. `Err` says in words what does not fit.
pub(crate) fn read_full_tile(
    disk: &mut dyn Disk,
    folder: &Path,
    n: u64,
    masters: Option<&[MasterKey]>,
) -> Result<Vec<Stored>, String> {
    let damaged = |kind: &str| format!("`{}` is damaged", tile_path(kind, n).display());
    let level = level_folder(0);
    let leaves = read_tile_file(disk, folder, LEAVES, n)?;
    let bodies = read_tile_file(disk, folder, BODIES, n)?;
    let keys = read_tile_file(disk, folder, KEYS, n)?;
    let hashes = read_tile_file(disk, folder, &level, n)?;

    let bodies = without_sum(&bodies).ok_or_else(|| damaged(BODIES))?;
    let records = ring_records(&keys, n, masters)?;
    if hashes.len() != TILE * HASH {
        return Err(damaged(&level));
    }
    let (mut leaves, mut bodies) = (leaves.as_slice(), bodies);
    let mut entries = Vec::with_capacity(TILE);
    for (record, hash) in records.chunks_exact(RECORD).zip(hashes.chunks_exact(HASH)) {
        let (leaf, rest) = split_u16(leaves).ok_or_else(|| damaged(LEAVES))?;
        leaves = rest;
        let (sealed, rest) = split_u32(bodies).ok_or_else(|| damaged(BODIES))?;
        bodies = rest;
        if leaf_hash(leaf)[..] != *hash {
            return Err(format!(
                "`{}` and `{}` do not fit together",
                tile_path(LEAVES, n).display(),
                tile_path(&level, n).display()
            ));
        }
        entries.push(Stored { leaf: leaf.to_vec(), sealed: sealed.to_vec(), record: record.to_vec() });
    }
    match (leaves, bodies) {
        ([], []) => Ok(entries),
        ([], _) => Err(damaged(BODIES)),
        _ => Err(damaged(LEAVES)),
    }
}

/// The records in a file of the ring, whose sum and, with master keys, whose HMAC fit.
fn ring_records<'a>(file: &'a [u8], n: u64, masters: Option<&[MasterKey]>) -> Result<&'a [u8], String> {
    let damaged = || format!("`{}` is damaged", tile_path(KEYS, n).display());
    let keys = without_sum(file).ok_or_else(damaged)?;
    let (records, tag) = keys.split_at_checked(TILE * RECORD).ok_or_else(damaged)?;
    if tag.len() != HASH {
        return Err(damaged());
    }
    if masters.is_some_and(|masters| !ring::is_authentic(masters, n, records, tag)) {
        return Err(format!("`{}` was not written by the holder of the master key", tile_path(KEYS, n).display()));
    }
    Ok(records)
}

/// The 256 records of file `n` of the ring, and whether the file is of the holder of the first of
/// these masters.
pub(crate) fn read_ring(
    disk: &mut dyn Disk,
    folder: &Path,
    n: u64,
    masters: &[MasterKey],
) -> Result<(Vec<Vec<u8>>, bool), String> {
    let file = read_tile_file(disk, folder, KEYS, n)?;
    let records = ring_records(&file, n, Some(masters))?;
    let newest = ring_records(&file, n, masters.get(..1)).is_ok();
    Ok((records.chunks_exact(RECORD).map(<[u8]>::to_vec).collect(), newest))
}

/// File `n` of the ring with these records.
pub(crate) fn ring_file(n: u64, records: &[Vec<u8>], master: &MasterKey) -> (PathBuf, Vec<u8>) {
    let mut file = records.concat();
    let tag = ring::authenticate(master, n, &file);
    file.extend_from_slice(&tag);
    let sum = digest(&file);
    file.extend_from_slice(&sum);
    (tile_path(KEYS, n), file)
}

/// Reads the leaves of a full tile, and holds them against its root.
pub(crate) fn read_leaves(disk: &mut dyn Disk, folder: &Path, n: u64, root: &Hash) -> Result<Vec<Vec<u8>>, String> {
    let bytes = read_tile_file(disk, folder, LEAVES, n)?;
    let (mut rest, mut leaves) = (bytes.as_slice(), Vec::with_capacity(TILE));
    while let Some((leaf, behind)) = split_u16(rest) {
        leaves.push(leaf.to_vec());
        rest = behind;
    }
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    match rest.is_empty() && leaves.len() == TILE && root_of(&hashes) == *root {
        true => Ok(leaves),
        false => Err(format!("`{}` is damaged", tile_path(LEAVES, n).display())),
    }
}

/// Reads a tile of hashes of this level.
pub(crate) fn read_upper(disk: &mut dyn Disk, folder: &Path, level: u32, n: u64) -> Result<Vec<Hash>, String> {
    let kind = level_folder(level);
    let bytes = read_tile_file(disk, folder, &kind, n)?;
    if bytes.len() != TILE * HASH {
        return Err(format!("`{}` is damaged", tile_path(&kind, n).display()));
    }
    Ok(bytes.chunks(HASH).filter_map(|hash| hash.try_into().ok()).collect())
}

/// Reads the leaf hashes of a full tile, and holds them against its root.
pub(crate) fn read_hashes(disk: &mut dyn Disk, folder: &Path, n: u64, root: &Hash) -> Result<Vec<Hash>, String> {
    let hashes = read_upper(disk, folder, 0, n)?;
    if root_of(&hashes) == *root {
        Ok(hashes)
    } else {
        Err(format!("`{}` is damaged", tile_path(&level_folder(0), n).display()))
    }
}

/// The content of a file that ends in the SHA-256 of all before.
fn without_sum(bytes: &[u8]) -> Option<&[u8]> {
    let (content, sum) = bytes.split_at_checked(bytes.len().checked_sub(HASH)?)?;
    (digest(content) == *sum).then_some(content)
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
        hashes = hashes.chunks(TILE).map(root_of).collect();
        level += 1;
    }
    files
}

/// All files of the levels above 0 that a log with these level-0 subtree roots must have.
pub(crate) fn all_upper_tiles(lower: &[Hash]) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    let mut hashes = lower.to_vec();
    let mut level = 1;
    while hashes.len() >= TILE {
        let full = hashes.chunks_exact(TILE);
        for (n, tile) in (0..).zip(full.clone()) {
            files.push((tile_path(&level_folder(level), n), tile.concat()));
        }
        hashes = full.map(root_of).collect();
        level += 1;
    }
    files
}

/// The files of full tile `n`.
pub(crate) fn tile_paths(n: u64) -> [PathBuf; 4] {
    [tile_path(LEAVES, n), tile_path(BODIES, n), tile_path(KEYS, n), tile_path(&level_folder(0), n)]
}

/// What the tail holds, read up to the first byte that does not fit.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    pub(crate) base: u64,
    /// The records, each with the place of the first byte behind it.
    pub(crate) records: Vec<(Record, usize)>,
    /// Where reading stopped.
    pub(crate) good: usize,
    /// The whole file.
    pub(crate) bytes: Vec<u8>,
}

impl Tail {
    /// The signed notes that stand anywhere at or behind `from`, whole, each with the place of the
    /// first byte behind it: also those that a damaged record hides from the reading in order.
    pub(crate) fn notes_behind(&self, from: usize) -> Vec<(String, usize)> {
        let mut notes = Vec::new();
        for start in from..self.bytes.len() {
            // The cheap tests first: nothing but a short record of this kind is hashed.
            let Some([SIGNED, 0, 0, high, _, ..]) = self.bytes.get(start..) else { continue };
            if u32::from(*high) << 8 < LONGEST_NOTE
                && let Some((Record::Checkpoint(note), rest)) = self.bytes.get(start..).and_then(read_record)
            {
                notes.push((note, self.bytes.len() - rest.len()));
            }
        }
        notes
    }
}

/// Reads the tail; `None` if there is none.
pub(crate) fn read_tail(disk: &mut dyn Disk, folder: &Path) -> io::Result<Option<Tail>> {
    let Some(bytes) = disk.read(&folder.join("tail"))? else { return Ok(None) };
    let mut tail = Tail::default();
    let mut rest = bytes.as_slice();
    while let Some((record, after)) = read_record(rest) {
        let end = bytes.len() - after.len();
        match record {
            Record::Base(index) if tail.good == 0 => tail.base = index,
            // A second beginning, or none at all, is damage.
            Record::Base(_) => break,
            _ if tail.good == 0 => break,
            record => tail.records.push((record, end)),
        }
        rest = after;
        tail.good = end;
    }
    tail.bytes = bytes;
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

    /// The tiles of a whole log are those that were written one by one as it grew, at each level.
    #[test]
    fn upper_tiles_are_the_same_at_once_and_one_by_one() {
        let lower: Vec<Hash> = (0..TILE * TILE).map(|n| digest(&n.to_be_bytes())).collect();
        let mut grown = Vec::new();
        for count in [1, 2, 3].map(|tiles| tiles * TILE) {
            grown.extend(upper_tile_files(&lower[..count]));
            assert!(all_upper_tiles(&lower[..count + 2]) == grown, "{count}");
        }
        let whole = all_upper_tiles(&lower);
        let last = upper_tile_files(&lower);
        assert_eq!((whole.len(), last.len()), (TILE + 1, 2));
        assert!(last.iter().all(|file| whole.contains(file)));
        assert_eq!(last[1].0, Path::new("tile/2/000"));
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
