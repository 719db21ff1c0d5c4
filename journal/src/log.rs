//! Appending and recovery: stage, sign, commit, apply, publish.

use crate::Entropy;
use crate::disk::Disk;
use crate::entry::{Entry, Leaf, NewEntry, commitment, digest};
use crate::merkle::{Frontier, Hash, leaf_hash};
use crate::note::{Checkpoint, NoteError, SigningKey};
use crate::ring::{self, KEY_ID, MasterKey};
use crate::store::{self, Record, Stored, TILE};
use data_encoding::HEXLOWER;
use jiff::{Timestamp, Unit};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longest body. The largest real one, a session's closing entry, is a few kilobytes.
const LONGEST_BODY: usize = 1 << 20;

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

/// What opening found.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Bytes behind the last signed checkpoint: a group that was never acknowledged. They are not
    /// applied; the caller keeps them aside and says so.
    pub aside: Vec<u8>,
}

/// The open journal. One owner appends.
pub struct Journal {
    folder: PathBuf,
    disk: Box<dyn Disk>,
    signer: SigningKey,
    master: MasterKey,
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
    /// ([`Journal::apply`]); a tail that no checkpoint covers is handed back, not applied (D17).
    pub fn open(
        folder: &Path,
        mut disk: Box<dyn Disk>,
        signer: SigningKey,
        master: MasterKey,
        entropy: Entropy,
    ) -> Result<(Journal, Recovered), OpenError> {
        let failed = |error| OpenError::Disk { folder: folder.display().to_string(), error };
        let damaged = |what: String| OpenError::Damaged { folder: folder.display().to_string(), what };
        let tail = store::read_tail(disk.as_mut(), folder).map_err(failed)?;
        let published = disk.read(&folder.join("checkpoint")).map_err(failed)?;
        let mut journal = Journal {
            folder: folder.to_owned(),
            disk,
            signer,
            master,
            entropy,
            tree: Frontier::default(),
            tiles: Vec::new(),
            recent: Vec::new(),
            checkpoint: Arc::from(""),
            last_at: Timestamp::UNIX_EPOCH,
            poisoned: None,
        };
        let Some(tail) = tail else {
            let strays = journal.disk.list(folder).map_err(failed)?;
            if strays.iter().any(|path| !path.to_string_lossy().ends_with(".new")) {
                return Err(damaged("`tail` is missing, but other files of a journal are there".to_owned()));
            }
            journal.begin().map_err(|error| failed(io::Error::other(error)))?;
            return Ok((journal, Recovered::default()));
        };
        let aside = journal.recover(&tail).map_err(damaged)?;
        let kept = if aside > 0 {
            let bytes = journal.disk.read(&folder.join("tail")).map_err(failed)?.unwrap_or_default();
            let cut = bytes.len().saturating_sub(aside);
            // CRASH: before this replace the unsigned bytes are found and handed out again; after
            // it the tail ends at its checkpoint. Either way they are never applied.
            journal.disk.replace(&folder.join("tail"), bytes.get(..cut).unwrap_or_default()).map_err(failed)?;
            bytes.get(cut..).unwrap_or_default().to_vec()
        } else {
            Vec::new()
        };
        // The published copy is written after the tail is durable, so it can be older, never newer.
        if let Some(note) = published
            && let Ok(checkpoint) = journal.verify(&String::from_utf8_lossy(&note))
            && checkpoint.size > journal.tree.size()
        {
            return Err(damaged(format!(
                "it ends at entry {}, but its own checkpoint says {}: entries were cut off",
                journal.tree.size(),
                checkpoint.size
            )));
        }
        journal.publish().map_err(failed)?;
        Ok((journal, Recovered { aside: kept }))
    }

    fn verify(&self, note: &str) -> Result<Checkpoint, NoteError> {
        Checkpoint::verify(note, &self.signer.verifier())
    }

    /// A new log: an empty tail under a checkpoint over nothing.
    fn begin(&mut self) -> io::Result<()> {
        let note = self.sign();
        let mut bytes = Vec::new();
        store::write_record(&Record::Base(0), &mut bytes);
        store::write_record(&Record::Checkpoint(note.clone()), &mut bytes);
        self.disk.replace(&self.folder.join("tail"), &bytes)?;
        self.checkpoint = Arc::from(note);
        self.publish()
    }

    /// Folds full tiles and tail; gives the number of bytes behind the last checkpoint.
    fn recover(&mut self, tail: &store::Tail) -> Result<usize, String> {
        let full = usize::try_from(tail.base).map_err(|_| "the tail begins beyond any log".to_owned())?;
        if !full.is_multiple_of(TILE) {
            return Err("the tail does not begin at a full tile".to_owned());
        }
        for n in 0..tail.base / TILE as u64 {
            let entries = store::read_full_tile(self.disk.as_mut(), &self.folder, n)?;
            self.tiles
                .push(crate::merkle::root_of(&entries.iter().map(|entry| leaf_hash(&entry.leaf)).collect::<Vec<_>>()));
            for entry in entries {
                self.apply(entry)?;
            }
            self.recent.clear();
        }
        let mut staged = Vec::new();
        let (mut signed_bytes, mut read) = (0, record_length(&Record::Base(tail.base)));
        for record in &tail.records {
            read += record_length(record);
            match record {
                Record::Base(_) => return Err("the tail begins twice".to_owned()),
                Record::Entry(stored) => staged.push(stored.clone()),
                Record::Checkpoint(note) => {
                    let checkpoint = self.verify(note).map_err(|error| error.to_string())?;
                    for entry in staged.drain(..) {
                        self.apply(entry)?;
                    }
                    if (checkpoint.size, checkpoint.root) != (self.tree.size(), self.tree.root()) {
                        return Err(format!("the checkpoint over {} entries does not fit them", checkpoint.size));
                    }
                    self.checkpoint = Arc::from(note.as_str());
                    signed_bytes = read;
                }
            }
        }
        if signed_bytes == 0 {
            return Err("the tail holds no signed checkpoint".to_owned());
        }
        Ok(tail.length - signed_bytes)
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
        let mut tree = Frontier::default();
        for stored in self.stored()?.into_iter().take(usize::try_from(size).unwrap_or(usize::MAX)) {
            tree.push(leaf_hash(&stored.leaf));
        }
        Ok((tree.size() == size).then(|| tree.root()))
    }

    fn stored(&mut self) -> Result<Vec<Stored>, OpenError> {
        let mut all = Vec::new();
        for n in 0..self.tiles.len() {
            let n = u64::try_from(n).unwrap_or(u64::MAX);
            let entries = store::read_full_tile(self.disk.as_mut(), &self.folder, n)
                .map_err(|what| OpenError::Damaged { folder: self.folder.display().to_string(), what })?;
            all.extend(entries);
        }
        all.extend(self.recent.iter().cloned());
        Ok(all)
    }

    /// All entries in order, opened where their key still exists.
    pub fn entries(&mut self) -> Result<Vec<Entry>, OpenError> {
        let damaged = |what: String, folder: &Path| OpenError::Damaged { folder: folder.display().to_string(), what };
        let mut entries = Vec::new();
        for stored in self.stored()? {
            let leaf = Leaf::from_bytes(&stored.leaf)
                .ok_or_else(|| damaged(format!("entry {} is not a leaf", entries.len()), &self.folder))?;
            let opened = ring::open(&self.master, &stored.record, &stored.sealed);
            let body = match opened {
                Some((salt, body)) if leaf.commits_to(&salt, &body) => Some(body),
                Some(_) => return Err(damaged(format!("the body of entry {} is another's", leaf.index), &self.folder)),
                // A destroyed key is all zeroes; any other key that does not open is damage.
                None if stored.record.iter().all(|byte| *byte == 0) => None,
                None => return Err(damaged(format!("the body of entry {} does not open", leaf.index), &self.folder)),
            };
            entries.push(Entry { leaf, body });
        }
        Ok(entries)
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
        let first = self.tree.size();
        // Stage: nothing is on the disk, so a refusal here costs nothing.
        let staged = self.stage(first, group)?;
        // Sign: over the tree as it will be.
        let mut grown = self.tree.clone();
        for entry in &staged {
            grown.push(leaf_hash(&entry.leaf));
        }
        let before = std::mem::replace(&mut self.tree, grown);
        let note = self.sign();
        self.tree = before;
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

    fn poison(&mut self, error: io::Error) -> AppendError {
        let why = error.to_string();
        self.poisoned = Some(why.clone());
        AppendError::Fatal(why)
    }

    fn stage(&mut self, first: u64, group: &[NewEntry]) -> Result<Vec<Stored>, AppendError> {
        let mut staged = Vec::with_capacity(group.len());
        let mut last = self.last_at;
        for (index, entry) in (first..).zip(group) {
            if entry.body.len() > LONGEST_BODY {
                return Err(AppendError::Rejected("the body is longer than a mebibyte"));
            }
            let at = entry.at.round(Unit::Millisecond).unwrap_or(entry.at);
            if at < last {
                return Err(AppendError::Rejected("its time is before the last entry's"));
            }
            last = at;
            let sealed = ring::seal(&self.master, &entry.body, &mut self.entropy)
                .ok_or_else(|| AppendError::Fatal("the cipher refused".to_owned()))?;
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
            staged.push(Stored { leaf: leaf.to_bytes(), sealed: sealed.bytes, record: sealed.record.to_vec() });
        }
        Ok(staged)
    }

    fn sign(&self) -> String {
        let origin = self.signer.verifier().name().to_owned();
        self.signer.sign(&Checkpoint { origin, size: self.tree.size(), root: self.tree.root() })
    }

    /// Writes full tiles and starts the tail anew behind them.
    fn lay_down(&mut self) -> io::Result<()> {
        while self.recent.len() >= TILE {
            let n = u64::try_from(self.tiles.len()).unwrap_or(u64::MAX);
            let (files, root) = store::full_tile_files(n, self.recent.get(..TILE).unwrap_or_default());
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
            let mut tail = Vec::new();
            store::write_record(&Record::Base((n + 1) * TILE as u64), &mut tail);
            for entry in &self.recent {
                store::write_record(&Record::Entry(entry.clone()), &mut tail);
            }
            store::write_record(&Record::Checkpoint(self.checkpoint.to_string()), &mut tail);
            self.disk.replace(&self.folder.join("tail"), &tail)?;
        }
        Ok(())
    }

    /// Puts the latest checkpoint where others fetch it.
    fn publish(&mut self) -> io::Result<()> {
        self.disk.publish(&self.folder.join("checkpoint"), self.checkpoint.as_bytes())
    }
}

fn record_length(record: &Record) -> usize {
    let mut bytes = Vec::new();
    store::write_record(record, &mut bytes);
    bytes.len()
}
