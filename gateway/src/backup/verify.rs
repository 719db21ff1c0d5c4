//! Checking a set where the key to it is: every archive to its last byte, each recording against its own
//! manifest, and the journal with what came from outside. That a recording's manifest is the one that the
//! journal names stands in an entry's content, which takes the vault's key: that is for after a restore.

use super::{KEYS, Manifest, RECORDINGS, STATE, archive, digest_from, digest_of};
use age::x25519::Identity;
use anyhow::Context as _;
use journal::{OsDisk, Since, VerifierKey, check_log_since};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// Longest manifest of a recording that is read.
const LONGEST: u64 = 64 << 20;

/// What came from outside the backup.
pub(crate) struct Outside {
    /// Opens it.
    pub(crate) identities: Vec<Identity>,
    /// The journal's key.
    pub(crate) key: VerifierKey,
    /// Checkpoints that somebody kept.
    pub(crate) since: Vec<String>,
}

impl Outside {
    /// Reads the files that were named.
    pub(crate) fn read(identity: &Path, key: &str, since: &[PathBuf]) -> anyhow::Result<Self> {
        let text =
            |path: &Path| fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()));
        let lines = zeroize::Zeroizing::new(text(identity)?);
        let is_key = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
        let parse = |line: &str| line.trim().parse::<Identity>().map_err(|why| anyhow::anyhow!("the identity: {why}"));
        let identities = lines.lines().filter(is_key).map(parse).collect::<anyhow::Result<Vec<_>>>()?;
        let key: VerifierKey = match Path::new(key).is_file() {
            true => text(Path::new(key))?.parse()?,
            false => key.parse()?,
        };
        let since = since.iter().map(|path| text(path)).collect::<anyhow::Result<Vec<_>>>()?;
        Ok(Self { identities, key, since })
    }
}

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// What does not hold. Empty: all holds.
    pub(crate) wrong: Vec<String>,
    /// What is not in it and does not speak against it: gone at its term, or lost.
    pub(crate) notes: Vec<String>,
    /// Entries of the journal in it.
    pub(crate) entries: u64,
    pub(crate) recordings: usize,
}

/// Checks a set. Needs room for its journal in the system's folder for temporary files.
pub(crate) fn verify(set: &Path, outside: &Outside) -> anyhow::Result<Found> {
    let manifest = Manifest::read(set)?;
    let mut found = Found { recordings: manifest.recordings.len(), ..Found::default() };
    for (path, expected) in manifest.files(set) {
        match digest_of(&path) {
            Ok(digest) if digest == *expected => {}
            Ok(_) => found.wrong.push(format!("`{}` is not what was written", path.display())),
            Err(error) => found.wrong.push(format!("{error:#}")),
        }
    }
    if !found.wrong.is_empty() {
        return Ok(found);
    }
    let temporary = Scratch::new()?;
    for name in [STATE, KEYS] {
        if let Err(error) = archive::unpack(&set.join(name), &outside.identities, &temporary.0) {
            found.wrong.push(format!("{error:#}"));
        }
    }
    let beside = set.parent().unwrap_or(set).join(RECORDINGS);
    for id in manifest.recordings.keys() {
        let heads = temporary.0.join("keyring").join(id);
        match recording(&beside.join(manifest.file_of(id)), id, &outside.identities, &heads) {
            Ok((wrong, 0)) => found.wrong.extend(wrong),
            Ok((wrong, missing)) => {
                found.wrong.extend(wrong);
                found.notes.push(format!("{missing} heads of {id} are missing: gone at their term, or lost"));
            }
            Err(error) => found.wrong.push(format!("{error:#}")),
        }
    }
    let fewer = earlier(set, &manifest);
    found.notes.extend(fewer.iter().map(|id| format!("{id} is in an earlier set, and not here: erased, or lost")));
    if found.wrong.is_empty() {
        let (wrong, entries) = check(&temporary.0.join("journal"), outside);
        (found.wrong, found.entries) = (wrong, entries);
    }
    Ok(found)
}

/// Recordings that older sets beside this one name, and it does not.
fn earlier(set: &Path, manifest: &Manifest) -> BTreeSet<String> {
    let sets = fs::read_dir(set.parent().unwrap_or(set)).into_iter().flatten().flatten();
    let older = sets.filter_map(|set| Manifest::read(&set.path()).ok()).filter(|one| one.made < manifest.made);
    let all = older.flat_map(|one| one.recordings.into_keys());
    all.filter(|id| !manifest.recordings.contains_key(id)).collect()
}

/// Holds the files of a recording's archive, and its heads, against the manifest in it. What retention
/// took of it is no finding: a body without its head opens to nobody. Gives how many heads are not there.
fn recording(archive: &Path, id: &str, identities: &[Identity], heads: &Path) -> anyhow::Result<(Vec<String>, usize)> {
    let (mut bodies, mut manifest) = (BTreeMap::new(), Vec::new());
    archive::each(archive, identities, &mut |name, from| match name.strip_prefix(id).ok().and_then(Path::to_str) {
        Some("manifest.json") => from.take(LONGEST).read_to_end(&mut manifest).map(drop),
        Some(file) => digest_from(from).map(|digest| drop(bodies.insert(file.to_owned(), digest))),
        None => Err(io::Error::other("it is no file of this recording")),
    })?;
    let shown = archive.display();
    let said: recorder::Manifest =
        serde_json::from_slice(&manifest).with_context(|| format!("`{shown}` has no manifest"))?;
    let mut wrong = Vec::new();
    if said.session != id {
        wrong.push(format!("`{shown}` is the recording of another session: {}", said.session.escape_debug()));
    }
    let mut judge = |file: &str, there: Option<&String>, expected: &str| {
        if there.is_some_and(|digest| digest != expected) {
            wrong.push(format!("`{file}` of {id} is not as it was sealed: the recording was exchanged or altered"));
        }
    };
    let head = |name: &str| {
        let path = heads.join(name);
        path.exists().then(|| digest_of(&path)).transpose()
    };
    let (mut missing, mut headless) = (Vec::new(), 0);
    for part in &said.parts {
        let (file, body) = (format!("{}.head", part.name), format!("{}.body", part.name));
        let (head, there) = (head(&file)?, bodies.remove(&body));
        judge(&file, head.as_ref(), &part.head_sha256);
        judge(&body, there.as_ref(), &part.body_sha256);
        headless += usize::from(head.is_none());
        if head.is_some() && there.is_none() {
            missing.push(format!("`{body}` of {id} is not in the archive, and its head is in the set"));
        }
    }
    for ((first, second), digest) in said.secrets_open_to.iter().zip(&said.secrets_keys) {
        let file = format!("secrets-{first}-{second}.age");
        let there = head(&file)?;
        headless += usize::from(there.is_none());
        judge(&file, there.as_ref(), digest);
    }
    let strange = bodies.keys().map(|file| format!("`{file}` of {id} is not in its manifest"));
    wrong.extend(missing.into_iter().chain(strange));
    Ok((wrong, headless))
}

/// Checks the journal of a copy; gives what does not hold, and the number of entries.
pub(super) fn check(journal: &Path, outside: &Outside) -> (Vec<String>, u64) {
    let since: Vec<Since<'_>> = outside.since.iter().map(|note| Since { note, key: None }).collect();
    let report = check_log_since(&mut OsDisk::default(), journal, Some(&outside.key), &since);
    (report.findings.iter().map(|finding| format!("the journal: {finding}")).collect(), report.entries)
}

/// A folder of its own, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Self> {
        let tag: [u8; 8] = crate::entropy::bytes()?;
        let path = std::env::temp_dir().join(format!("poterne-verify-{}", data_encoding::HEXLOWER.encode(&tag)));
        crate::daemon::make_private(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::super::archive::Writer;
    use super::*;
    use serde_json::json;

    /// T10: what was put in the place of a recording, and what does not belong together, is named.
    #[test]
    fn an_exchanged_recording_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let (id, key) = ("s-0123456789abcdef", Identity::generate());
        let heads = folder.path().join("heads");
        fs::create_dir_all(&heads).unwrap();
        fs::write(heads.join("channel-1.cast.head"), "head").unwrap();
        let digest = |text: &str| digest_from(&mut text.as_bytes()).unwrap();
        let at = "2026-11-23T08:00:00Z";
        let part = |name: &str| {
            json!({ "name": name, "kind": "cast", "channel": 1, "started": at, "ended": at, "plain_bytes": 1,
                "plain_sha256": "", "sealed_bytes": 8, "head_sha256": digest("head"), "body_sha256": digest("body") })
        };
        let source =
            json!({ "head": "", "length": 0, "frames": 0, "committed_head": "", "committed_length": 0, "missing": 0 });
        let manifest = |session: &str| {
            json!({ "format": "poterne-recording-1", "session": session, "started": at, "state": "whole", "recipients": [],
                "secrets_open_to": [], "source": source, "parts": [part("channel-1.cast"), part("channel-2-content.raw")] })
        };
        let judge = |session: &str, files: &[(&str, &str)]| {
            let place = folder.path().join("recording.tar.age");
            let mut writer = Writer::begin(&place, &[key.to_public()]).unwrap();
            writer.bytes(&Path::new(id).join("manifest.json"), manifest(session).to_string().as_bytes()).unwrap();
            for (name, text) in files {
                writer.bytes(&Path::new(id).join(name), text.as_bytes()).unwrap();
            }
            writer.finish().unwrap();
            recording(&place, id, std::slice::from_ref(&key), &heads).unwrap()
        };
        let (cast, content) = (("channel-1.cast.body", "body"), ("channel-2-content.raw.body", "body"));
        let none = (Vec::new(), 1);
        assert_eq!(judge(id, &[cast, content]), none, "a content whose head is gone at its term, or lost");
        assert_eq!(judge(id, &[cast]), none);
        let says = |session: &str, files: &[(&str, &str)], word: &str| {
            let (wrong, _) = judge(session, files);
            assert!(wrong.len() == 1 && wrong[0].contains(word), "{word}: {wrong:?}");
        };
        says(id, &[("channel-1.cast.body", "another")], "channel-1.cast.body");
        says(id, &[content], "not in the archive");
        says(id, &[cast, ("channel-3.cast.body", "more")], "not in its manifest");
        says("s-fedcba9876543210", &[cast], "another session");
        fs::write(heads.join("channel-1.cast.head"), "another").unwrap();
        says(id, &[cast], "channel-1.cast.head");
    }
}
