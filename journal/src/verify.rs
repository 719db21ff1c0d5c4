//! Checking a log from outside: with a key that came from elsewhere, without trusting the program.

use crate::disk::Disk;
use crate::entry::{Leaf, digest};
use crate::merkle::{Frontier, Hash, leaf_hash};
use crate::note::{Checkpoint, VerifierKey};
use crate::ring::{self, KEY_ID};
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
    /// Bodies whose key was destroyed. Whether at the end of their term, only the holder of the
    /// master key can tell.
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
    let since: Vec<Since<'_>> = since.iter().map(|note| Since { note, key: None }).collect();
    check_log_since(disk, folder, key, &since)
}

/// A signed checkpoint kept elsewhere.
#[derive(Debug, Clone, Copy)]
pub struct Since<'a> {
    /// The signed note.
    pub note: &'a str,
    /// Whose signature it bears: the key of an earlier origin of the same log (D17). `None`: the log's
    /// own.
    pub key: Option<&'a VerifierKey>,
}

/// As [`check_log`], with any number of checkpoints from elsewhere, those of earlier origins too.
pub fn check_log_since(
    disk: &mut dyn Disk,
    folder: &Path,
    key: Option<&VerifierKey>,
    since: &[Since<'_>],
) -> LogReport {
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
    let mut check = Check { report, tree: Frontier::default(), prefixes: Vec::new(), last_at: None, origin: None, key };
    // Checkpoints from before the end are read first, and held against the tree as it grows.
    check.published(disk, folder);
    for since in since {
        let what = "the checkpoint given with --since";
        match since.key {
            None => check.prefix(what, since.note),
            Some(earlier) => match Checkpoint::verify(since.note, earlier) {
                Ok(checkpoint) => check.prefixes.push(Prefix { what, checkpoint, reached: false }),
                Err(why) => check.report.found(format!("{what} does not hold: {why}")),
            },
        }
    }
    check.prefixes_here();
    if !tail.base.is_multiple_of(TILE as u64) {
        check.report.found(format!("`tail` begins at entry {}, which is no full tile's end", tail.base));
    }
    let mut expected: BTreeSet<PathBuf> = [PathBuf::from("tail"), PathBuf::from("checkpoint")].into();
    let mut tiles = Vec::new();
    for n in 0..tail.base / TILE as u64 {
        expected.extend(store::tile_paths(n));
        match store::read_full_tile(disk, folder, n, None) {
            Ok(entries) => {
                tiles.push(store::tile_root(&entries));
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
    check.tail(&tail);
    check.half_laid(disk, folder, &tail, tiles, &mut expected);
    check.unreached();
    check.strays(disk, folder, &expected);
    check.report.root = Some(check.tree.root());
    check.report
}

/// A signed checkpoint that must be a prefix of the log.
struct Prefix {
    what: &'static str,
    checkpoint: Checkpoint,
    reached: bool,
}

struct Check<'a> {
    report: LogReport,
    tree: Frontier,
    prefixes: Vec<Prefix>,
    last_at: Option<Timestamp>,
    /// The origin of the checkpoints, while there is no key to say which it must be.
    origin: Option<String>,
    key: Option<&'a VerifierKey>,
}

impl Check<'_> {
    fn entry(&mut self, stored: &Stored) {
        let index = self.tree.size();
        self.tree.push(leaf_hash(&stored.leaf));
        self.prefixes_here();
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
        if ring::is_erased(&stored.record) {
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

    fn tail(&mut self, tail: &store::Tail) {
        let mut signed = None;
        for (record, _) in &tail.records {
            match record {
                Record::Base(_) => {}
                Record::Entry(stored) => {
                    if ring::is_erased(&stored.record) {
                        let index = self.tree.size();
                        self.report.found(format!("entry {index} has no key, and is too young to be erased"));
                    }
                    self.entry(stored);
                }
                Record::Checkpoint(note) => {
                    if self.checkpoint(note) {
                        self.report.entries = self.tree.size();
                    }
                    signed = Some(self.tree.size());
                }
            }
        }
        if tail.good < tail.bytes.len() {
            self.report.found(format!("`tail` is damaged from byte {} on", tail.good));
        }
        match signed {
            None => self.report.found("`tail` holds no signed checkpoint: an absent signature is an error".to_owned()),
            Some(size) if size < self.tree.size() => {
                let unsigned = self.tree.size() - size;
                self.report.found(format!("{unsigned} entries at the end stand under no signed checkpoint"));
            }
            Some(_) => {}
        }
    }

    fn read(&mut self, note: &str) -> Result<Checkpoint, String> {
        let checkpoint = match self.key {
            Some(key) => Checkpoint::verify(note, key),
            None => Checkpoint::unverified(note),
        };
        let checkpoint = checkpoint.map_err(|error| error.to_string())?;
        match &self.origin {
            Some(origin) if *origin != checkpoint.origin => return Err("it is another log's".to_owned()),
            _ => self.origin = Some(checkpoint.origin.clone()),
        }
        Ok(checkpoint)
    }

    /// Checks a checkpoint of the tail; says whether it holds.
    fn checkpoint(&mut self, note: &str) -> bool {
        self.report.checkpoints += 1;
        let read = self.read(note);
        let own = self.key.is_none_or(|key| Checkpoint::verify_own(note, key).is_ok());
        match read {
            Ok(_) if !own => {
                let size = self.tree.size();
                self.report.found(format!("the checkpoint behind entry {size} has lines that the log did not write"));
            }
            Ok(checkpoint) if (checkpoint.size, checkpoint.root) == (self.tree.size(), self.tree.root()) => {
                return true;
            }
            Ok(checkpoint) => self.report.found(format!(
                "the checkpoint over {} entries does not fit the {} that are here",
                checkpoint.size,
                self.tree.size()
            )),
            Err(why) => {
                self.report.found(format!("a checkpoint behind entry {} does not hold: {why}", self.tree.size()))
            }
        }
        false
    }

    /// The published copy must be a checkpoint of this log. A crash can leave it one commit behind.
    fn published(&mut self, disk: &mut dyn Disk, folder: &Path) {
        match disk.read(&folder.join("checkpoint")) {
            Ok(Some(bytes)) => self.prefix("`checkpoint`", &String::from_utf8_lossy(&bytes)),
            Ok(None) => self.report.found("`checkpoint` is missing".to_owned()),
            Err(error) => self.report.found(format!("`checkpoint` cannot be read: {error}")),
        }
    }

    fn prefix(&mut self, what: &'static str, note: &str) {
        match self.read(note) {
            Ok(checkpoint) => self.prefixes.push(Prefix { what, checkpoint, reached: false }),
            Err(why) => self.report.found(format!("{what} does not hold: {why}")),
        }
    }

    /// Holds the checkpoints over as many entries as were read so far against the tree.
    fn prefixes_here(&mut self) {
        for prefix in self.prefixes.iter_mut().filter(|prefix| prefix.checkpoint.size == self.tree.size()) {
            prefix.reached = true;
            if prefix.checkpoint.root != self.tree.root() {
                let (what, size) = (prefix.what, prefix.checkpoint.size);
                let words = format!("{what} over {size} entries has another root: history was rewritten");
                self.report.findings.push(Finding(words));
            }
        }
    }

    fn unreached(&mut self) {
        for prefix in self.prefixes.iter().filter(|prefix| !prefix.reached) {
            self.report.findings.push(Finding(format!(
                "{} covers {} entries, but only {} are here: the log was cut off or rolled back",
                prefix.what,
                prefix.checkpoint.size,
                self.tree.size()
            )));
        }
    }

    /// A crash while a tile was laid down leaves some of its files although the tail still holds
    /// their entries: they are of the log if they say the same.
    fn half_laid(
        &mut self,
        disk: &mut dyn Disk,
        folder: &Path,
        tail: &store::Tail,
        mut tiles: Vec<Hash>,
        expected: &mut BTreeSet<PathBuf>,
    ) {
        let entries = tail.records.iter().filter_map(|(record, _)| match record {
            Record::Entry(stored) => Some(stored.clone()),
            _ => None,
        });
        let entries: Vec<Stored> = entries.take(TILE).collect();
        if entries.len() < TILE {
            return;
        }
        tiles.push(store::tile_root(&entries));
        let n = tail.base / TILE as u64;
        let files = store::full_tile_files(n, &entries, |_| Hash::default());
        for (path, bytes) in files.into_iter().chain(store::upper_tile_files(&tiles)) {
            match disk.read(&folder.join(&path)) {
                Ok(None) => {}
                // The HMAC of the ring cannot be made here; its records must be the same.
                Ok(Some(found)) if store::same_tile_file(&path, &found, &bytes) => {}
                Ok(Some(_)) => self.report.found(format!("`{}` differs from the tail", path.display())),
                Err(error) => self.report.found(format!("`{}` cannot be read: {error}", path.display())),
            }
            expected.insert(path);
        }
    }

    /// Every file is covered (D33): one that the log does not know is named.
    fn strays(&mut self, disk: &mut dyn Disk, folder: &Path, expected: &BTreeSet<PathBuf>) {
        match disk.list(folder) {
            Ok(found) => {
                for path in found.iter().filter(|path| !expected.contains(*path)) {
                    // The name is a stranger's: what would move a terminal is made visible.
                    let name = path.display().to_string().escape_debug().to_string();
                    self.report.found(format!("`{name}` is no file of the log"));
                }
            }
            Err(error) => self.report.found(format!("the folder cannot be listed: {error}")),
        }
    }
}
