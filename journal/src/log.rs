//! Appending and recovery: stage, sign, commit, apply, publish.

mod rewrite;

use crate::Entropy;
use crate::disk::Disk;
use crate::entry::{Entry, LONGEST_LEAF, Leaf, NewEntry, commitment, digest};
use crate::merkle::{Frontier, Hash, leaf_hash};
use crate::note::{Checkpoint, SigningKey};
use crate::reader::open_stored;
use crate::ring::{self, KEY_ID, MasterKey, Masters};
use crate::store::{self, Record, Stored, TILE};
use data_encoding::HEXLOWER;
use jiff::{RoundMode, Timestamp, TimestampRound, Unit};
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest body. The largest real one, a session's closing entry, is a few kilobytes.
const LONGEST_BODY: usize = 1 << 20;
/// Longest sum of the bodies of a group, so that the tail stays a file that can be read whole.
const LONGEST_GROUP: usize = 64 << 20;

/// Why an append did not happen.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// This entry is refused; the journal goes on.
    #[error("the entry is refused: {0}")]
    Rejected(&'static str),
    /// What the disk holds is unknown. The journal takes nothing more, and the program must close
    /// every access (promise 7).
    #[error("the journal cannot be written: {0}")]
    Fatal(String),
}

/// Why a journal cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The disk failed.
    #[error("the journal in `{folder}` cannot be read: {error}")]
    Disk {
        /// Which folder.
        folder: String,
        /// The system's words.
        error: io::Error,
    },
    /// What is there is not what was signed.
    #[error(
        "the journal in `{folder}` is damaged: {what}. Nothing opens; run `poterne-verify log` and restore a backup"
    )]
    Damaged {
        /// Which folder.
        folder: String,
        /// What does not fit.
        what: String,
    },
}

/// The durable outcome of one group commit.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// The index of the first entry of the group.
    pub first: u64,
    /// The size of the log with the group in it.
    pub size: u64,
    /// The signed checkpoint over it.
    pub checkpoint: Arc<str>,
}

/// What opening found and repaired.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Bytes behind the last signed checkpoint: a group that was never acknowledged. They are not
    /// applied, and no longer in the tail; the caller keeps them aside and says so.
    pub aside: Vec<u8>,
}

/// The open journal. One owner appends.
pub struct Journal {
    folder: PathBuf,
    disk: Box<dyn Disk>,
    signer: SigningKey,
    masters: Masters,
    /// The next tile whose keys are to be written under the new master, while that goes on.
    rewriting: Option<u64>,
    entropy: Entropy,
    tree: Frontier,
    /// Subtree roots of the full tiles.
    tiles: Vec<Hash>,
    /// Entries since the last full tile.
    recent: Vec<Stored>,
    checkpoint: Arc<str>,
    last_at: Timestamp,
    poisoned: Option<String>,
}

impl Journal {
    /// Opens the journal in this folder, making it if the folder is empty.
    ///
    /// Recovery reads what a valid checkpoint covers, by the code that appending uses
    /// (`apply`); a tail that no checkpoint covers is handed back, not applied (D17).
    ///
    /// With two masters a rewrite of the ring was broken off: [`Journal::begin_rewrite`] takes it up.
    pub fn open(
        folder: &Path,
        mut disk: Box<dyn Disk>,
        signer: SigningKey,
        masters: impl Into<Masters>,
        entropy: Entropy,
    ) -> Result<(Journal, Recovered), OpenError> {
        let failed = |error| OpenError::Disk { folder: folder.display().to_string(), error };
        let damaged = |what: String| OpenError::Damaged { folder: folder.display().to_string(), what };
        disk.claim(folder).map_err(failed)?;
        let tail = store::read_tail(disk.as_mut(), folder).map_err(failed)?;
        let published = disk.read(&folder.join("checkpoint")).map_err(failed)?;
        let found = disk.list(folder).map_err(failed)?;
        let mut journal = Journal {
            folder: folder.to_owned(),
            disk,
            signer,
            masters: masters.into(),
            rewriting: None,
            entropy,
            tree: Frontier::default(),
            tiles: Vec::new(),
            recent: Vec::new(),
            checkpoint: Arc::from(""),
            last_at: Timestamp::UNIX_EPOCH,
            poisoned: None,
        };
        let Some(mut tail) = tail else {
            // CRASH: while a log is begun, its tail may lie beside its place, and nothing else.
            if found.iter().any(|path| path != Path::new("tail.new")) {
                return Err(damaged("`tail` is missing, but other files of a journal are there".to_owned()));
            }
            journal.begin().map_err(failed)?;
            return Ok((journal, Recovered::default()));
        };
        // The published copy is written after the tail is durable, so it can be older, never newer.
        // One that does not verify is taken for none: a power cut can leave an empty file.
        let published = published
            .and_then(|note| String::from_utf8(note).ok())
            .and_then(|note| Checkpoint::verify(&note, &journal.signer.verifier()).ok());
        // INVARIANT: nothing on the disk changes before all that is there was found to fit, so that
        // a journal that does not open stays as evidence.
        let signed = journal.recover(&tail, published.as_ref()).map_err(damaged)?;
        journal.foreign(&found).map_err(damaged)?;
        let aside = tail.bytes.split_off(signed);
        journal.settle(&tail.bytes, &found).map_err(failed)?;
        Ok((journal, Recovered { aside }))
    }

    /// Refuses files of tiles that the tail does not know: an older tail was put in place.
    fn foreign(&self, found: &[PathBuf]) -> Result<(), String> {
        let mut known: BTreeSet<PathBuf> = (0..).zip(&self.tiles).flat_map(|(n, _)| store::tile_paths(n)).collect();
        let mut tiles = self.tiles.clone();
        if let Some(next) = self.recent.get(..TILE) {
            // CRASH: the tile that was being laid down.
            known.extend(store::tile_paths(self.next_tile()));
            tiles.push(store::tile_root(next));
        }
        known.extend(store::all_upper_tiles(&tiles).into_iter().map(|(path, _)| path));
        let laid = |path: &&PathBuf| ["tile", "bodies", "keys"].iter().any(|kind| path.starts_with(kind));
        match found.iter().filter(laid).find(|path| !known.contains(*path) && staged_for(path).is_none()) {
            Some(path) => Err(format!(
                "it ends at entry {}, but `{}` is there: the tail is older than its tiles",
                self.tree.size(),
                path.display()
            )),
            None => Ok(()),
        }
    }

    /// Brings the folder into the state that an undisturbed journal would have left.
    fn settle(&mut self, tail: &[u8], found: &[PathBuf]) -> io::Result<()> {
        // CRASH: what was read may stand in memory only, its sync having failed or never begun; a
        // power cut would take back what is now applied. So the signed part is written anew and
        // synced. Before that the unsigned bytes are found and handed out again; after it they are
        // gone. Either way they are never applied.
        self.disk.replace(&self.folder.join("tail"), tail)?;
        // CRASH: a file whose writing was broken off lies beside its place; nothing ever reads it.
        for path in found.iter().filter(|path| staged_for(path).is_some()) {
            self.disk.remove(&self.folder.join(path))?;
        }
        // CRASH: a full tile still in the tail is laid down now, over whatever part of it is there.
        self.lay_down()?;
        self.publish()
    }

    /// A new log: an empty tail under a checkpoint over nothing.
    fn begin(&mut self) -> io::Result<()> {
        let note = self.sign(&self.tree);
        let mut bytes = Vec::new();
        store::write_record(&Record::Base(0), &mut bytes);
        store::write_record(&Record::Checkpoint(note.clone()), &mut bytes);
        self.disk.replace(&self.folder.join("tail"), &bytes)?;
        self.checkpoint = Arc::from(note);
        self.publish()
    }

    /// Folds full tiles and tail; gives the length of the tail's signed part.
    fn recover(&mut self, tail: &store::Tail, published: Option<&Checkpoint>) -> Result<usize, String> {
        let full = usize::try_from(tail.base).map_err(|_| "the tail begins beyond any log".to_owned())?;
        if !full.is_multiple_of(TILE) {
            return Err("the tail does not begin at a full tile".to_owned());
        }
        let fits = |tree: &Frontier| match published {
            Some(checkpoint) if checkpoint.size == tree.size() && checkpoint.root != tree.root() => {
                Err(format!("its own checkpoint over {} entries has another root: history was rewritten", tree.size()))
            }
            _ => Ok(()),
        };
        fits(&self.tree)?;
        let masters = self.masters.all();
        for n in 0..tail.base / TILE as u64 {
            let entries = store::read_full_tile(self.disk.as_mut(), &self.folder, n, Some(&masters))?;
            self.tiles.push(store::tile_root(&entries));
            for entry in entries {
                self.apply(entry)?;
                fits(&self.tree)?;
            }
            self.recent.clear();
        }
        let verifier = self.signer.verifier();
        let mut staged = Vec::new();
        let mut signed = 0;
        for (record, end) in &tail.records {
            match record {
                Record::Base(_) => return Err("the tail begins twice".to_owned()),
                Record::Entry(stored) if ring::is_erased(&stored.record) => {
                    return Err("the tail holds an entry without its key: none is erased that early".to_owned());
                }
                Record::Entry(stored) => staged.push(stored.clone()),
                Record::Checkpoint(note) => {
                    let checkpoint = Checkpoint::verify_own(note, &verifier).map_err(|error| error.to_string())?;
                    for entry in staged.drain(..) {
                        self.apply(entry)?;
                        fits(&self.tree)?;
                    }
                    if (checkpoint.size, checkpoint.root) != (self.tree.size(), self.tree.root()) {
                        return Err(format!("the checkpoint over {} entries does not fit them", checkpoint.size));
                    }
                    self.checkpoint = Arc::from(note.as_str());
                    signed = *end;
                }
            }
        }
        if signed == 0 {
            return Err("the tail holds no signed checkpoint".to_owned());
        }
        if let Some(checkpoint) = published.filter(|checkpoint| checkpoint.size > self.tree.size()) {
            return Err(format!(
                "it ends at entry {}, but its own checkpoint says {}: entries were cut off",
                self.tree.size(),
                checkpoint.size
            ));
        }
        // CRASH: a torn write leaves at most one group, the last, of which some blocks are there and
        // others not. A signed checkpoint with anything behind it was acknowledged: that is damage.
        let hidden =
            |(note, end): &(String, usize)| *end < tail.bytes.len() && Checkpoint::verify(note, &verifier).is_ok();
        if tail.notes_behind(signed).iter().any(hidden) {
            return Err(format!("the tail is damaged at byte {}, and signed groups stand behind it", tail.good));
        }
        Ok(signed)
    }

    /// Takes one durable entry into the tree. The one code path of appending and recovery.
    fn apply(&mut self, entry: Stored) -> Result<(), String> {
        let leaf = Leaf::from_bytes(&entry.leaf).ok_or_else(|| format!("entry {} is not a leaf", self.tree.size()))?;
        if leaf.index != self.tree.size() {
            return Err(format!("entry {} says that it is entry {}", self.tree.size(), leaf.index));
        }
        self.last_at = leaf.at;
        self.tree.push(leaf_hash(&entry.leaf));
        self.recent.push(entry);
        Ok(())
    }

    /// The number of entries.
    pub fn size(&self) -> u64 {
        self.tree.size()
    }

    /// The latest signed checkpoint.
    pub fn checkpoint(&self) -> Arc<str> {
        self.checkpoint.clone()
    }

    /// The time of the newest entry; the clock must not be before it (D31).
    pub fn last_at(&self) -> Timestamp {
        self.last_at
    }

    /// The root over the first `size` entries, to be held against a checkpoint remembered
    /// elsewhere. `None` if the log is shorter.
    pub fn root_at(&mut self, size: u64) -> Result<Option<Hash>, OpenError> {
        if size > self.tree.size() {
            return Ok(None);
        }
        let tile = usize::try_from(size).unwrap_or(usize::MAX) / TILE;
        let rest = usize::try_from(size).unwrap_or(usize::MAX) % TILE;
        let full = self.tiles.get(..tile).unwrap_or(&self.tiles);
        let mut tree = Frontier::over_tiles(full, TILE.trailing_zeros());
        let leaves = match self.tiles.get(tile) {
            Some(root) if rest > 0 => {
                let n = u64::try_from(tile).unwrap_or(u64::MAX);
                store::read_hashes(self.disk.as_mut(), &self.folder, n, root).map_err(|what| self.damaged(what))?
            }
            _ => self.recent.iter().map(|entry| leaf_hash(&entry.leaf)).collect(),
        };
        for leaf in leaves.into_iter().take(rest) {
            tree.push(leaf);
        }
        Ok((tree.size() == size).then(|| tree.root()))
    }

    fn damaged(&self, what: String) -> OpenError {
        OpenError::Damaged { folder: self.folder.display().to_string(), what }
    }

    fn next_tile(&self) -> u64 {
        u64::try_from(self.tiles.len()).unwrap_or(u64::MAX)
    }

    /// All entries in order, opened where their key still exists. Holds all of them in memory:
    /// for a fold, use [`Journal::for_each`].
    pub fn entries(&mut self) -> Result<Vec<Entry>, OpenError> {
        let mut entries = Vec::new();
        self.for_each(0, |entry| entries.push(entry))?;
        Ok(entries)
    }

    /// Visits the entries from `first` on, in order, with no more than 256 of them in memory.
    pub fn for_each(&mut self, first: u64, mut visit: impl FnMut(Entry)) -> Result<(), OpenError> {
        let masters = self.masters.all();
        for n in first / TILE as u64..self.next_tile() {
            let entries = store::read_full_tile(self.disk.as_mut(), &self.folder, n, Some(&masters));
            for stored in entries.map_err(|what| self.damaged(what))? {
                self.open_entry(&masters, &stored, first, &mut visit)?;
            }
        }
        for stored in &self.recent {
            self.open_entry(&masters, stored, first, &mut visit)?;
        }
        Ok(())
    }

    fn open_entry(
        &self,
        masters: &[MasterKey],
        stored: &Stored,
        first: u64,
        visit: &mut impl FnMut(Entry),
    ) -> Result<(), OpenError> {
        let evidence = open_stored(masters, stored.clone()).map_err(|what| self.damaged(what))?;
        if evidence.leaf.index >= first {
            visit(evidence.into());
        }
        Ok(())
    }

    /// Appends a group, and returns when it is durable under a signed checkpoint.
    ///
    /// `expected` is the size that the caller believes the log to have: two owners would notice.
    pub fn append(&mut self, expected: u64, group: &[NewEntry]) -> Result<Receipt, AppendError> {
        if let Some(why) = &self.poisoned {
            return Err(AppendError::Fatal(why.clone()));
        }
        if expected != self.tree.size() {
            return Err(AppendError::Rejected("the log has grown by another hand"));
        }
        if group.is_empty() {
            return Err(AppendError::Rejected("the group is empty"));
        }
        if group.iter().map(|entry| entry.body.len()).sum::<usize>() > LONGEST_GROUP {
            return Err(AppendError::Rejected("the group is longer than 64 mebibytes"));
        }
        let first = self.tree.size();
        // Stage: nothing is on the disk, so a refusal here costs nothing.
        let staged = self.stage(first, group)?;
        // Sign: over the tree as it will be.
        let mut grown = self.tree.clone();
        for entry in &staged {
            grown.push(leaf_hash(&entry.leaf));
        }
        let note = self.sign(&grown);
        // Commit: entries and checkpoint in one write and one sync.
        let mut bytes = Vec::new();
        for entry in &staged {
            store::write_record(&Record::Entry(entry.clone()), &mut bytes);
        }
        store::write_record(&Record::Checkpoint(note.clone()), &mut bytes);
        // CRASH: before the sync the group is lost or an unsigned tail, and nobody was told of it;
        // after it the group is found and applied although its caller never heard so.
        self.disk.append(&self.folder.join("tail"), &bytes).map_err(|error| self.poison(error))?;
        // Apply.
        for entry in staged {
            self.apply(entry).map_err(|what| self.poison(io::Error::other(what)))?;
        }
        self.checkpoint = Arc::from(note);
        let receipt = Receipt { first, size: self.tree.size(), checkpoint: self.checkpoint.clone() };
        // Publish, and lay down what is full.
        self.lay_down().and_then(|()| self.publish()).map_err(|error| self.poison(error))?;
        Ok(receipt)
    }

    /// Goes on under another name and key (D17): the same tree, whose tail is written anew with one
    /// checkpoint by the new key. Checkpoints of the old origin stay what they are: signed prefixes of
    /// this log. The caller has the new key durable before, and journals the change after.
    pub fn begin_origin(&mut self, signer: SigningKey) -> Result<(), AppendError> {
        if let Some(why) = &self.poisoned {
            return Err(AppendError::Fatal(why.clone()));
        }
        self.signer = signer;
        self.checkpoint = Arc::from(self.sign(&self.tree));
        // CRASH: before this the log is the old origin's, after it the new one's; never both.
        let replaced = self.replace_tail().and_then(|()| self.publish());
        replaced.map_err(|error| self.poison(error))
    }

    fn poison(&mut self, error: io::Error) -> AppendError {
        let why = error.to_string();
        self.poisoned = Some(why.clone());
        AppendError::Fatal(why)
    }

    fn stage(&mut self, first: u64, group: &[NewEntry]) -> Result<Vec<Stored>, AppendError> {
        let mut staged = Vec::with_capacity(group.len());
        let mut last = self.last_at;
        let master = self.masters.newest();
        for (index, entry) in (first..).zip(group) {
            if entry.body.len() > LONGEST_BODY {
                return Err(AppendError::Rejected("the body is longer than a mebibyte"));
            }
            // Cut off, not rounded: the log must never be ahead of the clock (D31).
            let to_millisecond = TimestampRound::new().smallest(Unit::Millisecond).mode(RoundMode::Trunc);
            let at = entry.at.round(to_millisecond).unwrap_or(entry.at);
            if at < last {
                return Err(AppendError::Rejected("its time is before the last entry's"));
            }
            last = at;
            let sealed = ring::seal(&master, &entry.body, &mut self.entropy)
                .ok_or_else(|| self.poison(io::Error::other("the cipher refused")))?;
            let leaf = Leaf {
                account: entry.subject.account.clone(),
                at,
                body: HEXLOWER.encode(&commitment(&sealed.salt, &entry.body)),
                index,
                intervention: entry.subject.intervention,
                key: HEXLOWER.encode(sealed.record.get(..KEY_ID).unwrap_or_default()),
                kind: entry.kind.clone(),
                sealed: HEXLOWER.encode(&digest(&sealed.bytes)),
                session: entry.subject.session.clone(),
            };
            if let Some(why) = leaf.refusal() {
                return Err(AppendError::Rejected(why));
            }
            let leaf = leaf.to_bytes();
            // INVARIANT: a leaf that is written can be read back; its length must fit the tile.
            if leaf.len() > LONGEST_LEAF {
                return Err(AppendError::Rejected("its kind and ids are too long"));
            }
            staged.push(Stored { leaf, sealed: sealed.bytes, record: sealed.record.to_vec() });
        }
        Ok(staged)
    }

    fn sign(&self, tree: &Frontier) -> String {
        let origin = self.signer.verifier().name().to_owned();
        self.signer.sign(&Checkpoint { origin, size: tree.size(), root: tree.root() })
    }

    /// Writes full tiles and starts the tail anew behind them.
    fn lay_down(&mut self) -> io::Result<()> {
        let master = self.masters.newest();
        while self.recent.len() >= TILE {
            let n = self.next_tile();
            let entries = self.recent.get(..TILE).unwrap_or_default();
            let files = store::full_tile_files(n, entries, |records| ring::authenticate(&master, n, records));
            let root = store::tile_root(entries);
            // CRASH: until the tail is replaced it still holds these entries and is the truth;
            // files of a tile that the tail still covers are written again.
            for (path, bytes) in files {
                self.disk.replace(&self.folder.join(path), &bytes)?;
            }
            self.tiles.push(root);
            for (path, bytes) in store::upper_tile_files(&self.tiles) {
                self.disk.replace(&self.folder.join(path), &bytes)?;
            }
            self.recent.drain(..TILE);
            self.replace_tail()?;
        }
        Ok(())
    }

    /// Writes the tail anew: the entries behind the full tiles, and the latest checkpoint.
    fn replace_tail(&mut self) -> io::Result<()> {
        let tail = store::tail_of(self.next_tile() * TILE as u64, &self.recent, &self.checkpoint);
        self.disk.replace(&self.folder.join("tail"), &tail)
    }

    /// Puts the latest checkpoint where others fetch it.
    fn publish(&mut self) -> io::Result<()> {
        self.disk.publish(&self.folder.join("checkpoint"), self.checkpoint.as_bytes())
    }
}

/// The file of the journal that a left-over `*.new` was to become, if it is one.
fn staged_for(path: &Path) -> Option<PathBuf> {
    let target = PathBuf::from(path.to_str()?.strip_suffix(".new")?);
    let own = ["tail", "checkpoint"].iter().any(|name| target == Path::new(name));
    let laid = ["tile", "bodies", "keys"].iter().any(|kind| target.starts_with(kind));
    (own || laid).then_some(target)
}
