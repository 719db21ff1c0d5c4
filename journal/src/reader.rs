//! Reading the journal beside its one writer: entries, and the proofs that they belong to it.
//!
//! Tiles never change and the tail is replaced whole or appended to, so a copy of the tail under its
//! last signed checkpoint, and the tiles before it, are the log as it was at one moment, whatever is
//! appended meanwhile.

use crate::disk::{Disk, OsDisk};
use crate::entry::{Entry, Leaf};
use crate::log::OpenError;
use crate::merkle::{self, Frontier, Hash, Roots, leaf_hash};
use crate::note::{Checkpoint, VerifierKey};
use crate::ring::{self, MasterKey, Masters, SALT};
use crate::store::{self, Record, Stored, TILE};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// How often what does not open is read anew: the ring may be rewritten, and its older master
/// forgotten, between the look at a file and the look at the keys. Twice in a row would take two days.
const TRIES: u32 = 3;

/// The journal as it was when this was opened.
pub struct Reader {
    folder: PathBuf,
    disk: Box<dyn Disk>,
    masters: Masters,
    /// Subtree roots of the full tiles.
    tiles: Vec<Hash>,
    /// Entries behind the full tiles, up to the checkpoint. Opened at once: the ring may be rewritten
    /// before they are asked for.
    recent: Vec<Evidence>,
    checkpoint: String,
    size: u64,
    /// The leaf hashes of the tile that was asked for last.
    cached: Option<(usize, Vec<Hash>)>,
}

/// An entry with all that proves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    /// The leaf, parsed.
    pub leaf: Leaf,
    /// The bytes of the leaf: what the tree holds.
    pub bytes: Vec<u8>,
    /// Salt and body, which the leaf commits to; `None` where the key was destroyed.
    pub opened: Option<([u8; SALT], Vec<u8>)>,
}

impl From<Evidence> for Entry {
    fn from(evidence: Evidence) -> Entry {
        Entry { leaf: evidence.leaf, body: evidence.opened.map(|(_, body)| body) }
    }
}

impl Reader {
    /// Opens the journal in this folder for reading. `key` is the log's own: the newest checkpoint of
    /// the tail that it signed is where this reader's log ends.
    ///
    /// With the masters that the journal's owner has too, it goes on while the ring is rewritten.
    pub fn open(folder: &Path, masters: impl Into<Masters>, key: &VerifierKey) -> Result<Reader, OpenError> {
        let masters = masters.into();
        let mut opened = Self::open_once(folder, &masters, key);
        for _ in 1..TRIES {
            match opened {
                Err(OpenError::Damaged { .. }) => opened = Self::open_once(folder, &masters, key),
                opened => return opened,
            }
        }
        opened
    }

    fn open_once(folder: &Path, masters: &Masters, key: &VerifierKey) -> Result<Reader, OpenError> {
        let mut disk: Box<dyn Disk> = Box::new(OsDisk::default());
        let damaged = |what: String| OpenError::Damaged { folder: folder.display().to_string(), what };
        let tail = store::read_tail(disk.as_mut(), folder)
            .map_err(|error| OpenError::Disk { folder: folder.display().to_string(), error })?
            .ok_or_else(|| damaged("`tail` is missing".to_owned()))?;
        // A group that is being written has no checkpoint yet; it is not of this reader's log.
        let signed = tail.records.iter().rposition(|(record, _)| matches!(record, Record::Checkpoint(_)));
        let covered = signed.and_then(|last| tail.records.get(..=last)).unwrap_or_default();
        let Some((Record::Checkpoint(note), _)) = covered.last() else {
            return Err(damaged("`tail` holds no signed checkpoint".to_owned()));
        };
        let checkpoint = Checkpoint::verify(note, key).map_err(|error| damaged(error.to_string()))?;
        let keys = masters.all();
        let recent = covered.iter().filter_map(|(record, _)| match record {
            Record::Entry(stored) => Some(open_stored(&keys, stored.clone())),
            _ => None,
        });
        let recent = recent.collect::<Result<Vec<_>, _>>().map_err(damaged)?;
        let mut reader = Reader {
            folder: folder.to_owned(),
            disk,
            masters: masters.clone(),
            tiles: Vec::new(),
            recent,
            checkpoint: note.clone(),
            size: checkpoint.size,
            cached: None,
        };
        reader.tiles = reader.tile_roots(tail.base / TILE as u64).map_err(|what| reader.damaged(what))?;
        if reader.root_at(reader.size)? != Some(checkpoint.root) {
            return Err(damaged(format!("the checkpoint over {} entries does not fit them", checkpoint.size)));
        }
        Ok(reader)
    }

    fn damaged(&self, what: String) -> OpenError {
        OpenError::Damaged { folder: self.folder.display().to_string(), what }
    }

    /// The number of entries.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The signed checkpoint over them.
    pub fn checkpoint(&self) -> &str {
        &self.checkpoint
    }

    /// The roots of the first so many tiles: from the tiles above where those are full.
    fn tile_roots(&mut self, count: u64) -> Result<Vec<Hash>, String> {
        let mut roots = Vec::new();
        let full = count / TILE as u64;
        for n in 0..full {
            roots.extend(store::read_upper(self.disk.as_mut(), &self.folder, 1, n)?);
        }
        for n in full * TILE as u64..count {
            roots.push(merkle::root_of(&store::read_upper(self.disk.as_mut(), &self.folder, 0, n)?));
        }
        Ok(roots)
    }

    /// The root over the first `size` entries; `None` if there are not so many.
    pub fn root_at(&mut self, size: u64) -> Result<Option<Hash>, OpenError> {
        if size > self.size {
            return Ok(None);
        }
        if size == 0 {
            return Ok(Some(merkle::empty_root()));
        }
        self.root(0, size).map(Some)
    }

    /// The audit path of an entry in the tree over the first `size` entries, lowest first
    /// (RFC 6962 §2.1.1). `None` unless `index < size <= self.size()`.
    pub fn inclusion(&mut self, index: u64, size: u64) -> Result<Option<Vec<Hash>>, OpenError> {
        if index >= size || size > self.size {
            return Ok(None);
        }
        merkle::path(self, 0, size, index).map(Some)
    }

    /// The proof that the first `old` entries are a prefix of the first `size` (RFC 6962 §2.1.2).
    /// `None` unless `0 < old <= size <= self.size()`.
    pub fn consistency(&mut self, old: u64, size: u64) -> Result<Option<Vec<Hash>>, OpenError> {
        if old == 0 || old > size || size > self.size {
            return Ok(None);
        }
        merkle::prefix_proof(self, 0, size, old, true).map(Some)
    }

    /// Visits the entries from `first` on, in order, with no more than 256 of them in memory, until
    /// there are no more or it is told to stop.
    pub fn read(&mut self, first: u64, mut visit: impl FnMut(Evidence) -> ControlFlow<()>) -> Result<(), OpenError> {
        let tiles = u64::try_from(self.tiles.len()).unwrap_or(u64::MAX);
        for n in first / TILE as u64..tiles {
            for evidence in self.entries_of(n)? {
                if evidence.leaf.index >= first && visit(evidence).is_break() {
                    return Ok(());
                }
            }
        }
        for evidence in self.recent.clone() {
            if evidence.leaf.index >= first && visit(evidence).is_break() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The entries of a full tile.
    fn entries_of(&mut self, n: u64) -> Result<Vec<Evidence>, OpenError> {
        let mut opened = self.tile_once(n);
        for _ in 1..TRIES {
            if opened.is_ok() {
                break;
            }
            opened = self.tile_once(n);
        }
        opened.map_err(|what| self.damaged(what))
    }

    fn tile_once(&mut self, n: u64) -> Result<Vec<Evidence>, String> {
        let keys: Vec<MasterKey> = self.masters.all();
        let entries = store::read_full_tile(self.disk.as_mut(), &self.folder, n, Some(&keys))?;
        entries.into_iter().map(|stored| open_stored(&keys, stored)).collect()
    }

    /// How many entries stand in full tiles: those that can be erased.
    pub fn laid_down(&self) -> u64 {
        u64::try_from(self.tiles.len()).unwrap_or(u64::MAX).saturating_mul(TILE as u64)
    }

    /// Visits the public leaves from `first` on, in order, with their bytes: without bodies, so without
    /// the work of opening them.
    pub fn leaves(
        &mut self,
        first: u64,
        mut visit: impl FnMut(Leaf, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), OpenError> {
        let tiles = u64::try_from(self.tiles.len()).unwrap_or(u64::MAX);
        for n in first / TILE as u64..=tiles {
            for bytes in self.leaves_of(n)? {
                let leaf = Leaf::from_bytes(&bytes).ok_or_else(|| self.damaged("an entry is not a leaf".to_owned()))?;
                if leaf.index >= first && visit(leaf, &bytes).is_break() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The leaves of a full tile, or of what follows the last.
    fn leaves_of(&mut self, tile: u64) -> Result<Vec<Vec<u8>>, OpenError> {
        let root = usize::try_from(tile).ok().and_then(|tile| self.tiles.get(tile)).copied();
        let Some(root) = root else {
            return Ok(self.recent.iter().map(|evidence| evidence.bytes.clone()).collect());
        };
        store::read_leaves(self.disk.as_mut(), &self.folder, tile, &root).map_err(|what| self.damaged(what))
    }

    /// An index at or before which no entry is as young as `at`, within a tile: where to begin a search.
    pub fn index_before(&mut self, at: jiff::Timestamp) -> Result<u64, OpenError> {
        let (mut low, mut high) = (0, u64::try_from(self.tiles.len()).unwrap_or(u64::MAX));
        // INVARIANT: tiles before `low` begin before `at`; times never decrease along the log.
        while low < high {
            let middle = low + (high - low) / 2;
            let first = self.leaves_of(middle)?.first().and_then(|bytes| Leaf::from_bytes(bytes));
            let first = first.ok_or_else(|| self.damaged("an entry is not a leaf".to_owned()))?;
            if first.at < at {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low.saturating_sub(1) * TILE as u64)
    }

    /// The root of a full tile.
    pub(crate) fn tile(&self, n: u64) -> Option<Hash> {
        usize::try_from(n).ok().and_then(|n| self.tiles.get(n)).copied()
    }

    /// The leaf hashes of a full tile, or of what follows the last.
    pub(crate) fn leaf_hashes(&mut self, tile: usize) -> Result<Vec<Hash>, OpenError> {
        let Some(root) = self.tiles.get(tile) else {
            return Ok(self.recent.iter().map(|evidence| leaf_hash(&evidence.bytes)).collect());
        };
        if let Some((_, hashes)) = self.cached.as_ref().filter(|(cached, _)| *cached == tile) {
            return Ok(hashes.clone());
        }
        let n = u64::try_from(tile).unwrap_or(u64::MAX);
        let hashes = store::read_hashes(self.disk.as_mut(), &self.folder, n, root);
        let hashes = hashes.map_err(|what| self.damaged(what))?;
        self.cached = Some((tile, hashes.clone()));
        Ok(hashes)
    }
}

impl Roots for Reader {
    type Error = OpenError;
    fn root(&mut self, from: u64, to: u64) -> Result<Hash, OpenError> {
        let place = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
        let (from, to) = (place(from), place(to));
        // A subtree begins at a multiple of its size: one below a tile lies in that tile, a larger one
        // begins with a tile and is full tiles up to its last, which may be broken off.
        if from.is_multiple_of(TILE) {
            let (first, last) = (from / TILE, to / TILE);
            let full = self.tiles.get(first..last.min(self.tiles.len())).unwrap_or_default();
            let mut tree = Frontier::over_tiles(full, TILE.trailing_zeros());
            let done = (first + full.len()) * TILE;
            if done < to {
                for hash in self.leaf_hashes(first + full.len())?.into_iter().take(to - done) {
                    tree.push(hash);
                }
            }
            return Ok(tree.root());
        }
        let start = from / TILE * TILE;
        let hashes = self.leaf_hashes(from / TILE)?;
        Ok(merkle::root_of(hashes.get(from - start..to - start).unwrap_or_default()))
    }
}

/// Opens an entry and holds its body against its leaf.
pub(crate) fn open_stored(masters: &[MasterKey], stored: Stored) -> Result<Evidence, String> {
    let leaf = Leaf::from_bytes(&stored.leaf).ok_or_else(|| "an entry is not a leaf".to_owned())?;
    let opened = match ring::open(masters, &stored.record, &stored.sealed) {
        Some((salt, body)) if leaf.commits_to(&salt, &body) => Some((salt, body)),
        Some(_) => return Err(format!("the body of entry {} is another's", leaf.index)),
        // A destroyed key is all zeroes; any other key that does not open is damage.
        None if ring::is_erased(&stored.record) => None,
        None => return Err(format!("the body of entry {} does not open", leaf.index)),
    };
    Ok(Evidence { leaf, bytes: stored.leaf, opened })
}
