//! Checking a bundle with a key from outside. What is in it was made by somebody who may want to deceive:
//! nothing is unpacked, nothing is held in memory that is larger than one entry or one list of names, and
//! no text of it is shown but what the journal's own form allows.

use super::disclosed::{Anchored, Custody, Disclosed, hashes};
use super::manifest::{BundleManifest, FORMAT};
use super::recordings::{Recordings, reencrypted};
use super::tar::{self, Place};
use super::tree::{Record, read_record};
use super::{ANCHORS, CHECKPOINT, CUSTODY, ENTRIES, EXPORTED, MANIFEST, REENCRYPTED, TREE};
use crate::entry::Leaf;
use crate::merkle::{Frontier, Hash, leaf_hash, verify_consistency};
use crate::note::{Checkpoint, VerifierKey};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// A manifest names some ten thousand files at most.
const LONGEST_MANIFEST: u64 = 64 << 20;
/// A body is 1 MiB at most, and JSON writes some characters with six.
const LONGEST_LINE: u64 = 8 << 20;
/// A checkpoint with the lines of many witnesses.
const LONGEST_NOTE: u64 = 64 << 10;
/// So many things that do not hold are said; all are counted.
const SAID: u64 = 1000;

/// Something the check has to say, in plain words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// This holds.
    Holds(String),
    /// This does not.
    Wrong(String),
    /// This is to be known.
    Note(String),
}

/// What a check of a bundle came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct BundleReport {
    /// Entries whose place and content hold.
    pub entries: u64,
    /// Things that do not hold. None: all holds.
    pub wrong: u64,
    /// Size and root of the checkpoint.
    pub checkpoint: Option<(u64, Hash)>,
}

/// Checks the bundle in a file. With `key` its checkpoints must be signed by it. `anchors` are signed
/// checkpoints from elsewhere, each with its name: the log must continue them.
pub fn check_bundle(
    file: &Path,
    key: Option<&VerifierKey>,
    anchors: &[(String, String)],
    say: &mut dyn FnMut(Said),
) -> BundleReport {
    let mut voice = Voice { say, report: BundleReport::default() };
    match Bundle::open(file) {
        Ok(bundle) => Check { bundle: &bundle, key, origin: None }.all(anchors, &mut voice),
        Err(what) => voice.wrong(what),
    }
    voice.report
}

/// Says and counts.
pub(super) struct Voice<'a> {
    say: &'a mut dyn FnMut(Said),
    report: BundleReport,
}

impl Voice<'_> {
    pub(super) fn wrong(&mut self, what: String) {
        self.report.wrong += 1;
        match self.report.wrong {
            ..SAID => (self.say)(Said::Wrong(what)),
            SAID => (self.say)(Said::Wrong(format!("{what}; what else does not hold is counted and not said"))),
            _ => {}
        }
    }

    pub(super) fn holds(&mut self, what: String) {
        (self.say)(Said::Holds(what));
    }

    pub(super) fn note(&mut self, what: String) {
        (self.say)(Said::Note(what));
    }
}

/// The file, and where in it each file lies.
pub(super) struct Bundle {
    path: PathBuf,
    places: BTreeMap<String, Place>,
}

impl Bundle {
    fn open(path: &Path) -> Result<Bundle, String> {
        let failed = |error: io::Error| format!("the bundle cannot be read: {error}");
        if !std::fs::metadata(path).map_err(failed)?.is_file() {
            return Err("the bundle is not an ordinary file".to_owned());
        }
        let mut file = BufReader::new(File::open(path).map_err(failed)?);
        Ok(Bundle { path: path.to_owned(), places: tar::index(&mut file)? })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.places.keys()
    }

    pub(super) fn reader(&self, name: &str) -> Result<BufReader<io::Take<File>>, String> {
        let (at, bytes) = self.places.get(name).ok_or_else(|| format!("`{name}` is not in the bundle"))?;
        let failed = |error: io::Error| format!("`{name}` cannot be read: {error}");
        let mut file = File::open(&self.path).map_err(failed)?;
        file.seek(SeekFrom::Start(*at)).map_err(failed)?;
        Ok(BufReader::with_capacity(128 << 10, file.take(*bytes)))
    }

    /// A small file, whole.
    pub(super) fn read(&self, name: &str, longest: u64) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        match self.reader(name)?.take(longest + 1).read_to_end(&mut bytes) {
            Ok(count) if count as u64 <= longest => Ok(bytes),
            Ok(_) => Err(format!("`{name}` is longer than any such file")),
            Err(error) => Err(format!("`{name}` cannot be read: {error}")),
        }
    }

    /// A list of the manifest's length.
    pub(super) fn read_list(&self, name: &str) -> Result<Vec<u8>, String> {
        self.read(name, LONGEST_MANIFEST)
    }

    /// Length and digest of a file, read in pieces.
    pub(super) fn digest(&self, name: &str) -> Result<(u64, String), String> {
        digest_of(&mut self.reader(name)?).map_err(|error| format!("`{name}` cannot be read: {error}"))
    }
}

/// Length and digest of what is left of a stream.
pub(super) fn digest_of(from: &mut impl Read) -> io::Result<(u64, String)> {
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 128 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok((bytes, HEXLOWER.encode(&digest.finalize()))),
            Ok(count) => {
                digest.update(buffer.get(..count).unwrap_or_default());
                bytes += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The lines of a file of JSON, one object each.
struct Lines {
    name: &'static str,
    from: BufReader<io::Take<File>>,
}

impl Lines {
    /// The next; `None` at the end. `Err` says in words what is wrong with it.
    fn next<T: serde::de::DeserializeOwned>(&mut self) -> Option<Result<T, String>> {
        let mut line = Vec::new();
        match (&mut self.from).take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) if line.ends_with(b"\n") => {
                Some(serde_json::from_slice(&line).map_err(|_| format!("`{}` has a line of another form", self.name)))
            }
            Ok(_) => Some(Err(format!("`{}` has a line without an end", self.name))),
            Err(error) => Some(Err(format!("`{}` cannot be read: {error}", self.name))),
        }
    }
}

/// A checkpoint that the log must continue.
struct Anchor {
    name: String,
    checkpoint: Checkpoint,
    met: bool,
}

struct Check<'a> {
    bundle: &'a Bundle,
    key: Option<&'a VerifierKey>,
    /// The origin of the checkpoints, while there is no key to say which it must be.
    origin: Option<String>,
}

impl Check<'_> {
    fn all(mut self, given: &[(String, String)], voice: &mut Voice<'_>) {
        let manifest = match self.bundle.read_list(MANIFEST) {
            Ok(bytes) => bytes,
            Err(what) => return voice.wrong(what),
        };
        let digest = HEXLOWER.encode(&Sha256::digest(&manifest));
        let manifest: BundleManifest = match serde_json::from_slice(&manifest) {
            Ok(manifest) => manifest,
            Err(_) => return voice.wrong(format!("`{MANIFEST}` has another form")),
        };
        if manifest.format != FORMAT {
            return voice.wrong(format!("`{MANIFEST}` is of another format than {FORMAT}"));
        }
        self.files(&manifest, voice);
        let note = self.bundle.read(CHECKPOINT, LONGEST_NOTE).map(|note| String::from_utf8_lossy(&note).into_owned());
        let checkpoint = match note.and_then(|note| self.checkpoint("the bundle's checkpoint", &note, voice)) {
            Ok(checkpoint) => checkpoint,
            Err(what) => return voice.wrong(what),
        };
        voice.report.checkpoint = Some((checkpoint.size, checkpoint.root));
        if (checkpoint.size, &checkpoint.origin) != (manifest.size, &manifest.origin) {
            voice.wrong(format!(
                "the manifest tells of another log than the checkpoint over {} entries",
                checkpoint.size
            ));
        }
        let mut anchors = Vec::new();
        for (name, note) in given {
            match self.checkpoint(name, note, voice) {
                Ok(checkpoint) => anchors.push(Anchor { name: name.clone(), checkpoint, met: false }),
                Err(what) => voice.wrong(what),
            }
        }
        let mut recordings = Recordings::default();
        self.tree(&manifest, &checkpoint, &mut anchors, &mut recordings, voice);
        self.anchors(&checkpoint, &mut anchors, voice);
        let last = self.custody(&digest, &checkpoint, voice);
        for anchor in anchors.iter().filter(|anchor| !anchor.met) {
            let (name, size) = (&anchor.name, anchor.checkpoint.size);
            match &last {
                Some(last) if *last == anchor.checkpoint => voice.holds(format!("{name} is where the export stands")),
                _ if size > checkpoint.size => voice.wrong(format!(
                    "{name} covers {size} entries, but the bundle's checkpoint only {}: the log was cut off or \
                     rolled back, or the bundle is older than that checkpoint",
                    checkpoint.size
                )),
                _ => voice.wrong(format!(
                    "{name} over {size} entries cannot be held against this bundle, which is too coarse there: \
                     export it again with --anchor"
                )),
            }
        }
        recordings.check(self.bundle, &manifest, voice);
        reencrypted(self.bundle, &manifest, voice);
    }

    /// Every file is the one that the manifest names, and there is no other.
    fn files(&self, manifest: &BundleManifest, voice: &mut Voice<'_>) {
        let mut named = BTreeMap::new();
        for file in &manifest.files {
            if !super::is_path(&file.name) || named.insert(&file.name, ()).is_some() {
                voice.wrong(format!("`{MANIFEST}` names a file twice, or one that cannot be"));
                continue;
            }
            match self.bundle.digest(&file.name) {
                Ok((bytes, digest)) if bytes == file.bytes && digest == file.sha256 => {}
                Ok(_) => {
                    voice.wrong(format!("`{}` is not the file that the manifest names: it was altered", file.name))
                }
                Err(what) => voice.wrong(what),
            }
        }
        let own = [MANIFEST, CUSTODY, REENCRYPTED];
        for name in self.bundle.names() {
            if !own.contains(&name.as_str()) && !name.starts_with("reencrypted/") && !named.contains_key(name) {
                voice.wrong(format!("`{name}` is in the bundle, and the manifest does not name it"));
            }
        }
    }

    /// Reads a checkpoint. Where it is not signed as it should be that is said, and what it says is
    /// looked at all the same.
    fn checkpoint(&mut self, what: &str, note: &str, voice: &mut Voice<'_>) -> Result<Checkpoint, String> {
        let read = match self.key {
            Some(key) => Checkpoint::verify(note, key),
            None => Checkpoint::unverified(note),
        };
        let checkpoint = match read {
            Ok(checkpoint) => checkpoint,
            Err(error) => {
                let words = format!("{what} does not hold: {error}; an absent signature is an error");
                let text = note.split_once("\n\n").map_or_else(|| note.to_owned(), |(text, _)| format!("{text}\n"));
                let checkpoint = Checkpoint::parse(&text).map_err(|_| words.clone())?;
                voice.wrong(words);
                checkpoint
            }
        };
        match &self.origin {
            Some(origin) if *origin != checkpoint.origin => return Err(format!("{what} is another log's")),
            _ => self.origin = Some(checkpoint.origin.clone()),
        }
        Ok(checkpoint)
    }

    /// Folds the tree, and holds against it the entries and the checkpoints from elsewhere.
    fn tree(
        &self,
        manifest: &BundleManifest,
        checkpoint: &Checkpoint,
        anchors: &mut [Anchor],
        recordings: &mut Recordings,
        voice: &mut Voice<'_>,
    ) {
        let (mut tree_file, entries) = match (self.bundle.reader(TREE), self.bundle.reader(ENTRIES)) {
            (Ok(tree), Ok(entries)) => (tree, Lines { name: ENTRIES, from: entries }),
            (Err(what), _) | (_, Err(what)) => return voice.wrong(what),
        };
        let mut entries =
            Entries { lines: entries, next: None, last: None, size: checkpoint.size, root: checkpoint.root };
        let (mut tree, mut last_at) = (Frontier::default(), None);
        meet(&tree, anchors, voice);
        loop {
            let index = tree.size();
            match read_record(&mut tree_file) {
                Ok(None) => break,
                Ok(Some(Record::Subtree(level, hash))) => {
                    let hides = (manifest.first.max(index)..manifest.end.min(index.saturating_add(1 << level))).next();
                    if let Some(hidden) = hides {
                        voice
                            .wrong(format!("the leaf of entry {hidden} is not shown: an entry may have been left out"));
                    }
                    if !tree.push_subtree(u32::from(level), hash) {
                        return voice.wrong(format!("`{TREE}` does not fit together at entry {index}"));
                    }
                }
                Ok(Some(Record::Leaf(bytes))) => {
                    tree.push(leaf_hash(&bytes));
                    match Leaf::from_bytes(&bytes) {
                        None => voice.wrong(format!("entry {index} is not a canonical leaf")),
                        Some(leaf) => {
                            shown(&leaf, index, &mut last_at, voice);
                            if concerned(&leaf, manifest) {
                                entries.expect(&leaf, recordings, voice);
                            }
                        }
                    }
                }
                Err(_) => {
                    voice.wrong(format!("`{TREE}` is damaged behind entry {index}"));
                    break;
                }
            }
            meet(&tree, anchors, voice);
        }
        entries.end(recordings, voice);
        if tree.size() != checkpoint.size {
            voice.wrong(format!(
                "the checkpoint covers {} entries, and the bundle's tree {}: the log was cut off",
                checkpoint.size,
                tree.size()
            ));
        } else if tree.root() != checkpoint.root {
            voice.wrong(
                "the tree has another root than the signed checkpoint: entries were altered, dropped or swapped"
                    .to_owned(),
            );
        } else {
            voice.holds(format!(
                "the signed checkpoint covers {} entries; those from {} to {} are shown, and none of them that \
                 concerns this is left out",
                checkpoint.size,
                manifest.first,
                manifest.end.saturating_sub(1)
            ));
        }
    }

    /// Other checkpoints that the bundle brings, with their proofs.
    fn anchors(&mut self, checkpoint: &Checkpoint, given: &mut [Anchor], voice: &mut Voice<'_>) {
        let Ok(reader) = self.bundle.reader(ANCHORS) else { return };
        let mut lines = Lines { name: ANCHORS, from: reader };
        while let Some(line) = lines.next::<Anchored>() {
            let anchored = match line {
                Ok(anchored) => anchored,
                Err(what) => return voice.wrong(what),
            };
            let older = match self.checkpoint("a checkpoint in `anchors.jsonl`", &anchored.checkpoint, voice) {
                Ok(older) => older,
                Err(what) => {
                    voice.wrong(what);
                    continue;
                }
            };
            let proof = hashes(&anchored.consistency).unwrap_or_default();
            if verify_consistency(older.size, &older.root, checkpoint.size, &checkpoint.root, &proof) {
                voice.holds(format!(
                    "the log continues a checkpoint over {} entries that the bundle brings",
                    older.size
                ));
                for anchor in given.iter_mut().filter(|anchor| !anchor.met && anchor.checkpoint == older) {
                    anchor.met = true;
                    voice.holds(format!("the log continues {}, over {} entries", anchor.name, older.size));
                }
            } else {
                voice.wrong(format!(
                    "the log does not continue a checkpoint over {} entries that the bundle brings: history was rewritten",
                    older.size
                ));
            }
        }
    }

    /// The journal's own word on what this bundle held when it was made. Gives its checkpoint.
    fn custody(&mut self, manifest: &str, checkpoint: &Checkpoint, voice: &mut Voice<'_>) -> Option<Checkpoint> {
        let custody = self.bundle.read(CUSTODY, LONGEST_LINE);
        let custody = custody.map_err(|what| format!("{what}: nothing signed says what this bundle held"));
        let custody = custody.and_then(|bytes| {
            serde_json::from_slice::<Custody>(&bytes).map_err(|_| format!("`{CUSTODY}` has another form"))
        });
        let judged =
            custody.and_then(|custody| {
                let later = self.checkpoint("the checkpoint of the export", &custody.checkpoint, voice)?;
                let proof = hashes(&custody.consistency).unwrap_or_default();
                if !verify_consistency(checkpoint.size, &checkpoint.root, later.size, &later.root, &proof) {
                    return Err(
                        "the checkpoint of the export does not continue the bundle's: history was rewritten".to_owned()
                    );
                }
                let leaf = custody.entry.proven(later.size, &later.root)?;
                if leaf.kind != EXPORTED {
                    return Err(format!("`{CUSTODY}` shows an entry of the kind {}, and not {EXPORTED}", leaf.kind));
                }
                let body = custody.entry.content(&leaf)?;
                let named: Option<serde_json::Value> = body.and_then(|body| serde_json::from_str(body).ok());
                match named.as_ref().and_then(|body| body.get("manifest")).and_then(|named| named.as_str()) {
                    Some(named) if named == manifest => Ok((leaf, later)),
                    _ => Err("the journal names another manifest: what is in this bundle is not what was exported"
                        .to_owned()),
                }
            });
        match judged {
            Ok((leaf, later)) => {
                voice.holds(format!("entry {}  {}  {}  names this very manifest", leaf.index, leaf.at, leaf.kind));
                Some(later)
            }
            Err(what) => {
                voice.wrong(what);
                None
            }
        }
    }
}

/// Holds the checkpoints over as many entries as were folded so far against the tree.
fn meet(tree: &Frontier, anchors: &mut [Anchor], voice: &mut Voice<'_>) {
    for anchor in anchors.iter_mut().filter(|anchor| !anchor.met && anchor.checkpoint.size == tree.size()) {
        anchor.met = true;
        let (name, size) = (&anchor.name, anchor.checkpoint.size);
        match anchor.checkpoint.root == tree.root() {
            true => voice.holds(format!("the log continues {name}, over {size} entries")),
            false => voice.wrong(format!("{name} over {size} entries has another root: history was rewritten")),
        }
    }
}

fn shown(leaf: &Leaf, index: u64, last: &mut Option<Timestamp>, voice: &mut Voice<'_>) {
    if leaf.index != index {
        let says = leaf.index;
        voice.wrong(format!("at place {index} stands entry {says}: entries were dropped or swapped"));
    }
    if last.is_some_and(|last| leaf.at < last) {
        voice.wrong(format!("entry {index} is dated before the one in front of it"));
    }
    *last = Some(leaf.at);
}

fn concerned(leaf: &Leaf, manifest: &BundleManifest) -> bool {
    leaf.session.as_ref().is_some_and(|session| manifest.sessions.contains(session))
        || leaf.intervention.is_some_and(|number| manifest.interventions.contains(&number))
}

/// The entries in the bundle, read beside the tree.
struct Entries {
    lines: Lines,
    next: Option<Disclosed>,
    last: Option<u64>,
    size: u64,
    root: Hash,
}

impl Entries {
    fn peek(&mut self, voice: &mut Voice<'_>) -> Option<&Disclosed> {
        while self.next.is_none() {
            match self.lines.next::<Disclosed>()? {
                Ok(entry) => {
                    if let Some(last) = self.last.filter(|last| entry.index <= *last) {
                        voice.wrong(format!(
                            "entry {} stands behind entry {last}: entries were swapped or doubled",
                            entry.index
                        ));
                    }
                    self.last = Some(entry.index);
                    self.next = Some(entry);
                }
                Err(what) => voice.wrong(what),
            }
        }
        self.next.as_ref()
    }

    /// An entry with this leaf must come next.
    fn expect(&mut self, leaf: &Leaf, recordings: &mut Recordings, voice: &mut Voice<'_>) {
        while self.peek(voice).is_some_and(|next| next.index < leaf.index) {
            self.take(recordings, voice);
        }
        match self.peek(voice).is_some_and(|next| next.index == leaf.index) {
            true => self.take(recordings, voice),
            false => voice.wrong(format!(
                "entry {} ({}) concerns this, and its content is not here: an entry was dropped",
                leaf.index, leaf.kind
            )),
        }
    }

    fn take(&mut self, recordings: &mut Recordings, voice: &mut Voice<'_>) {
        let Some(entry) = self.next.take() else { return };
        let judged = entry.proven(self.size, &self.root).and_then(|leaf| {
            let body = entry.content(&leaf)?.map(str::to_owned);
            Ok((leaf, body))
        });
        match judged {
            Ok((leaf, body)) => {
                voice.report.entries += 1;
                let about = match (&leaf.intervention, &leaf.session) {
                    (Some(number), Some(session)) => format!("intervention {number}, {session}"),
                    (Some(number), None) => format!("intervention {number}"),
                    (None, Some(session)) => session.clone(),
                    (None, None) => "-".to_owned(),
                };
                let erased = if body.is_none() { "  (its content was erased)" } else { "" };
                voice.holds(format!("entry {}  {}  {}  {about}{erased}", leaf.index, leaf.at, leaf.kind));
                recordings.learn(&leaf, body.as_deref());
            }
            Err(what) => voice.wrong(what),
        }
    }

    fn end(mut self, recordings: &mut Recordings, voice: &mut Voice<'_>) {
        while self.peek(voice).is_some() {
            self.take(recordings, voice);
        }
    }
}
