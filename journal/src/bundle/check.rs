//! Checking a bundle with a key from outside. What is in it was made by somebody who may want to deceive:
//! nothing is unpacked, nothing is held in memory that is larger than one entry or one list of names, and
//! whatever of it is said passes [`plain`](super::plain).

use super::disclosed::{Anchored, Custody, hashes};
use super::entries::Entries;
use super::kept::{Kept, Waiting};
use super::manifest::{BundleManifest, FORMAT};
use super::object::Object;
use super::opened::{Bundle, LONGEST_LINE, Lines};
use super::recordings::Recordings;
use super::tree::{Record, read_record};
use super::voice::{BundleReport, Said, Voice};
use super::whole::{Scope, Whole};
use super::{ANCHORS, CHECKPOINT, COPIES, CUSTODY, ENTRIES, EXPORTED, MANIFEST, REENCRYPTED, TREE};
use crate::entry::Leaf;
use crate::merkle::{Frontier, leaf_hash, verify_consistency};
use crate::note::{Checkpoint, VerifierKey};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::path::Path;

/// A checkpoint with the lines of many witnesses.
const LONGEST_NOTE: u64 = 64 << 10;

/// Checks the bundle in a file. With `key` its checkpoints must be signed by it. `anchors` are signed
/// checkpoints from elsewhere: the log must continue them.
pub fn check_bundle(
    file: &Path,
    key: Option<&VerifierKey>,
    anchors: &[Kept],
    say: &mut dyn FnMut(Said),
) -> BundleReport {
    let mut voice = Voice { say, report: BundleReport::default() };
    match Bundle::open(file) {
        Ok(bundle) => Check { bundle: &bundle, key, origin: None }.all(anchors, &mut voice),
        Err(what) => voice.wrong(what),
    }
    voice.report
}

struct Check<'a> {
    bundle: &'a Bundle,
    key: Option<&'a VerifierKey>,
    /// The origin of the checkpoints, while there is no key to say which it must be.
    origin: Option<String>,
}

impl Check<'_> {
    fn all(mut self, given: &[Kept], voice: &mut Voice<'_>) {
        let manifest = match self.bundle.read_list(MANIFEST) {
            Ok(bytes) => bytes,
            Err(what) => return voice.wrong(what),
        };
        let digest = HEXLOWER.encode(&Sha256::digest(&manifest));
        let manifest: BundleManifest = match serde_json::from_slice(&manifest) {
            Ok(Object(manifest)) => manifest,
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
        let mut waiting = Waiting::new(given, &checkpoint.origin, voice);
        let (mut recordings, mut whole) = (Recordings::default(), Whole::default());
        self.tree(&manifest, &checkpoint, &mut waiting, (&mut recordings, &mut whole), voice);
        self.anchors(&checkpoint, &mut waiting, voice);
        let exported = self.custody(&digest, &checkpoint, &mut waiting, voice);
        waiting.end(checkpoint.size, voice);
        whole.judge(&manifest, exported.as_ref().map(|exported| &exported.scope), voice);
        recordings.check(self.bundle, &manifest, voice);
    }

    /// Every file is the one that the manifest names, and there is no other.
    fn files(&self, manifest: &BundleManifest, voice: &mut Voice<'_>) {
        let own = |name: &str| [MANIFEST, CUSTODY, REENCRYPTED].contains(&name) || name.starts_with(COPIES);
        let mut named = BTreeSet::new();
        for file in &manifest.files {
            if own(&file.name) || !named.insert(&file.name) {
                voice.wrong(format!("`{MANIFEST}` names a file twice, or one that it cannot name"));
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
        for name in self.bundle.names() {
            if !own(name) && !named.contains(name) {
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
        waiting: &mut Waiting<'_>,
        (recordings, whole): (&mut Recordings, &mut Whole),
        voice: &mut Voice<'_>,
    ) {
        let (mut tree_file, entries) = match (self.bundle.reader(TREE), self.bundle.reader(ENTRIES)) {
            (Ok(tree), Ok(entries)) => (tree, Lines { name: ENTRIES, from: entries }),
            (Err(what), _) | (_, Err(what)) => return voice.wrong(what),
        };
        let mut entries = Entries::new(entries, checkpoint);
        let (mut tree, mut last_at) = (Frontier::default(), None);
        waiting.meet(&tree, voice);
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
                            whole.see(&leaf, manifest);
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
            waiting.meet(&tree, voice);
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
    fn anchors(&mut self, checkpoint: &Checkpoint, waiting: &mut Waiting<'_>, voice: &mut Voice<'_>) {
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
                // The bundle's own proves nothing new.
                if older.size != checkpoint.size {
                    voice.holds(format!(
                        "the log continues a checkpoint over {} entries that the bundle brings",
                        older.size
                    ));
                }
                waiting.proven(&older, voice);
            } else {
                voice.wrong(format!(
                    "the log does not continue a checkpoint over {} entries that the bundle brings: history was rewritten",
                    older.size
                ));
            }
        }
    }

    /// The journal's own word on what this bundle held when it was made.
    fn custody(
        &mut self,
        manifest: &str,
        checkpoint: &Checkpoint,
        waiting: &mut Waiting<'_>,
        voice: &mut Voice<'_>,
    ) -> Option<Exported> {
        match self.exported(manifest, checkpoint, voice) {
            Ok((leaf, later, exported)) => {
                voice.holds(format!("entry {}  {}  {}  names this very manifest", leaf.index, leaf.at, leaf.kind));
                let Exported { staff, purpose, scope, .. } = &exported;
                voice.holds(format!("it was exported by {staff}, about {scope}, for: {purpose}"));
                waiting.proven(&later, voice);
                Some(exported)
            }
            Err(what) => {
                voice.wrong(what);
                None
            }
        }
    }

    fn exported(
        &mut self,
        manifest: &str,
        checkpoint: &Checkpoint,
        voice: &mut Voice<'_>,
    ) -> Result<(Leaf, Checkpoint, Exported), String> {
        let form = |_| format!("`{CUSTODY}` has another form");
        let custody = self.bundle.read(CUSTODY, LONGEST_LINE);
        let custody = custody.map_err(|what| format!("{what}: nothing signed says what this bundle held"))?;
        let Object(custody): Object<Custody> = serde_json::from_slice(&custody).map_err(form)?;
        let later = self.checkpoint("the checkpoint of the export", &custody.checkpoint, voice)?;
        let proof = hashes(&custody.consistency).unwrap_or_default();
        if !verify_consistency(checkpoint.size, &checkpoint.root, later.size, &later.root, &proof) {
            return Err("the checkpoint of the export does not continue the bundle's: history was rewritten".to_owned());
        }
        let leaf = custody.entry.proven(later.size, &later.root)?;
        if leaf.kind != EXPORTED {
            return Err(format!("`{CUSTODY}` shows an entry of the kind {}, and not {EXPORTED}", leaf.kind));
        }
        let body = custody.entry.content(&leaf)?.unwrap_or_default();
        let Object(exported): Object<Exported> = serde_json::from_str(body).map_err(form)?;
        match exported.manifest == manifest {
            true => Ok((leaf, later, exported)),
            false => {
                Err("the journal names another manifest: what is in this bundle is not what was exported".to_owned())
            }
        }
    }
}

/// The body of the entry that names a manifest, as far as it matters here.
#[derive(Deserialize)]
struct Exported {
    manifest: String,
    staff: String,
    purpose: String,
    scope: Scope,
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
