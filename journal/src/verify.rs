//! Checking a log from outside: with a key that came from elsewhere, without trusting the program.

use crate::disk::Disk;
use crate::entry::{Leaf, digest};
use crate::merkle::{Frontier, Hash, leaf_hash, root_of};
use crate::note::{Checkpoint, VerifierKey};
use crate::ring::KEY_ID;
use crate::store::{self, Record, Stored, TILE};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};

/// One thing that does not hold, in plain words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding(pub String);

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a check of a log found.
#[derive(Debug, Default)]
pub struct LogReport {
    /// Number of entries under the newest valid checkpoint.
    pub entries: u64,
    /// Time of the first and the last of them.
    pub span: Option<(Timestamp, Timestamp)>,
    /// How many signed checkpoints were checked.
    pub checkpoints: usize,
    /// Bodies whose key was destroyed at the end of their term.
    pub erased: u64,
    /// The root over all entries.
    pub root: Option<Hash>,
    /// What does not hold. Empty: all holds.
    pub findings: Vec<Finding>,
}

impl LogReport {
    fn found(&mut self, what: String) {
        self.findings.push(Finding(what));
    }
}

/// Checks the log in a folder. With `key`, its checkpoints must be signed by it; without, only
/// their fit is checked. With `since`, a signed checkpoint from elsewhere must be a prefix.
pub fn check_log(disk: &mut dyn Disk, folder: &Path, key: Option<&VerifierKey>, since: Option<&str>) -> LogReport {
    let mut report = LogReport::default();
    let tail = match store::read_tail(disk, folder) {
        Ok(Some(tail)) => tail,
        Ok(None) => {
            report.found(format!("there is no journal in `{}`: `tail` is missing", folder.display()));
            return report;
        }
        Err(error) => {
            report.found(format!("`tail` cannot be read: {error}"));
            return report;
        }
    };
    let mut check = Check { report, tree: Frontier::default(), hashes: Vec::new(), last_at: None, key };
    let mut expected: BTreeSet<PathBuf> = [PathBuf::from("tail"), PathBuf::from("checkpoint")].into();
    let mut tiles = Vec::new();
    for n in 0..tail.base / TILE as u64 {
        for kind in ["tile/entries", "bodies", "keys", "tile/0"] {
            expected.insert(store::tile_path(kind, n));
        }
        match store::read_full_tile(disk, folder, n) {
            Ok(entries) => {
                tiles.push(root_of(&entries.iter().map(|entry| leaf_hash(&entry.leaf)).collect::<Vec<_>>()));
                entries.iter().for_each(|entry| check.entry(entry));
            }
            Err(what) => {
                check.report.found(what);
                return check.report;
            }
        }
    }
    for (path, bytes) in store::all_upper_tiles(&tiles) {
        match disk.read(&folder.join(&path)) {
            Ok(Some(found)) if found == bytes => {}
            Ok(_) => check.report.found(format!("`{}` is damaged or missing", path.display())),
            Err(error) => check.report.found(format!("`{}` cannot be read: {error}", path.display())),
        }
        expected.insert(path);
    }
    let newest = check.tail(&tail);
    check.published(disk, folder, newest.as_deref());
    if let Some(since) = since {
        check.since(since);
    }
    check.strays(disk, folder, &expected);
    check.report.root = Some(check.tree.root());
    check.report
}

struct Check<'a> {
    report: LogReport,
    tree: Frontier,
    hashes: Vec<Hash>,
    last_at: Option<Timestamp>,
    key: Option<&'a VerifierKey>,
}

impl Check<'_> {
    fn entry(&mut self, stored: &Stored) {
        let index = self.tree.size();
        let hash = leaf_hash(&stored.leaf);
        self.tree.push(hash);
        self.hashes.push(hash);
        let Some(leaf) = Leaf::from_bytes(&stored.leaf) else {
            self.report.found(format!("entry {index} is not a canonical leaf"));
            return;
        };
        if leaf.index != index {
            self.report
                .found(format!("entry {index} says that it is entry {}: entries were dropped or swapped", leaf.index));
        }
        if HEXLOWER.encode(&digest(&stored.sealed)) != leaf.sealed {
            self.report.found(format!("the stored body of entry {index} is not the one that was sealed"));
        }
        if stored.record.iter().all(|byte| *byte == 0) {
            self.report.erased += 1;
        } else if stored.record.get(..KEY_ID).map(|id| HEXLOWER.encode(id)) != Some(leaf.key) {
            self.report.found(format!("the key ring has another key for entry {index}"));
        }
        if self.last_at.is_some_and(|last| leaf.at < last) {
            self.report.found(format!("entry {index} is dated before the one in front of it"));
        }
        self.last_at = Some(leaf.at);
        let first = self.report.span.map_or(leaf.at, |(first, _)| first);
        self.report.span = Some((first, leaf.at));
    }

    /// Checks the tail; gives the newest checkpoint that holds.
    fn tail(&mut self, tail: &store::Tail) -> Option<String> {
        let mut newest = None;
        let mut unsigned = 0;
        for record in &tail.records {
            match record {
                Record::Base(_) => {}
                Record::Entry(stored) => {
                    unsigned += 1;
                    self.entry(stored);
                }
                Record::Checkpoint(note) => {
                    self.checkpoint(note);
                    newest = Some(note.clone());
                    unsigned = 0;
                }
            }
        }
        if tail.good < tail.length {
            self.report.found(format!("`tail` is damaged from byte {} on", tail.good));
        }
        if unsigned > 0 {
            self.report.found(format!("{unsigned} entries at the end stand under no signed checkpoint"));
        }
        if newest.is_none() {
            self.report.found("`tail` holds no signed checkpoint: an absent signature is an error".to_owned());
        }
        self.report.entries = self.tree.size();
        newest
    }

    fn read(&self, note: &str) -> Result<Checkpoint, String> {
        match self.key {
            Some(key) => Checkpoint::verify(note, key).map_err(|error| error.to_string()),
            None => {
                let text = note.split_inclusive('\n').take(3).collect::<String>();
                Checkpoint::parse(&text).map_err(|error| error.to_string())
            }
        }
    }

    fn checkpoint(&mut self, note: &str) {
        self.report.checkpoints += 1;
        match self.read(note) {
            Ok(checkpoint) if (checkpoint.size, checkpoint.root) == (self.tree.size(), self.tree.root()) => {}
            Ok(checkpoint) => self.report.found(format!(
                "the checkpoint over {} entries does not fit the {} that are here",
                checkpoint.size,
                self.tree.size()
            )),
            Err(why) => {
                self.report.found(format!("a checkpoint behind entry {} does not hold: {why}", self.tree.size()))
            }
        }
    }

    /// The published copy must be a checkpoint of this log. A crash can leave it one commit behind.
    fn published(&mut self, disk: &mut dyn Disk, folder: &Path, newest: Option<&str>) {
        let note = match disk.read(&folder.join("checkpoint")) {
            Ok(Some(bytes)) => String::from_utf8(bytes).unwrap_or_default(),
            Ok(None) => {
                self.report.found("`checkpoint` is missing".to_owned());
                return;
            }
            Err(error) => {
                self.report.found(format!("`checkpoint` cannot be read: {error}"));
                return;
            }
        };
        if newest == Some(note.as_str()) {
            return;
        }
        self.prefix("`checkpoint`", &note);
    }

    /// Holds a signed checkpoint against the first entries of this log.
    fn prefix(&mut self, what: &str, note: &str) {
        let checkpoint = match self.read(note) {
            Ok(checkpoint) => checkpoint,
            Err(why) => {
                self.report.found(format!("{what} does not hold: {why}"));
                return;
            }
        };
        let covered = usize::try_from(checkpoint.size).ok().and_then(|size| self.hashes.get(..size));
        match covered {
            None => self.report.found(format!(
                "{what} covers {} entries, but only {} are here: the log was cut off or rolled back",
                checkpoint.size,
                self.hashes.len()
            )),
            Some(hashes) if root_of(hashes) != checkpoint.root => {
                self.report
                    .found(format!("{what} over {} entries has another root: history was rewritten", checkpoint.size));
            }
            Some(_) => {}
        }
    }

    fn since(&mut self, note: &str) {
        self.prefix("the checkpoint given with --since", note);
    }

    /// Every file is covered (D33): one that the log does not know is named.
    fn strays(&mut self, disk: &mut dyn Disk, folder: &Path, expected: &BTreeSet<PathBuf>) {
        match disk.list(folder) {
            Ok(found) => {
                for path in found.iter().filter(|path| !expected.contains(*path)) {
                    self.report.found(format!("`{}` is no file of the log", path.display()));
                }
            }
            Err(error) => self.report.found(format!("the folder cannot be listed: {error}")),
        }
    }
}
