//! The recordings in a bundle, held against what the journal says of them.

use super::manifest::{BundleFile, BundleManifest, Held, HeldRecording};
use super::object::{self, Object};
use super::opened::{Bundle, digest_of};
use super::voice::Voice;
use super::{COPIES, REENCRYPTED, is_path, part_path, recording_path};
use crate::entry::Leaf;
use crate::merkle::Hash;
use data_encoding::HEXLOWER;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, Read};

/// An age header has one short stanza a recipient.
const LONGEST_HEAD: u64 = 64 << 10;

/// What the entries say of recordings.
#[derive(Default)]
pub(super) struct Recordings {
    /// SHA-256 of the manifest, by session; `None` where the entry's content was erased.
    sealed: BTreeMap<String, Option<String>>,
    admitted: BTreeSet<String>,
}

/// The body of the entry that seals a recording, as far as it matters here.
#[derive(Deserialize)]
struct Sealed {
    manifest: String,
}

/// The manifest of a recording, as far as it matters here: what else a stranger writes into it takes no room.
#[derive(Deserialize)]
struct Recording {
    state: String,
    #[serde(deserialize_with = "object::list")]
    parts: Vec<Part>,
    #[serde(default)]
    secrets_open_to: Vec<(u64, u64)>,
    #[serde(default)]
    secrets_keys: Vec<Sha>,
}

#[derive(Deserialize)]
struct Part {
    name: String,
    kind: String,
    head_sha256: Sha,
    body_sha256: Sha,
}

/// A digest; any other text is refused as it is read.
#[derive(Deserialize, PartialEq)]
#[serde(try_from = "String")]
struct Sha(Hash);

impl TryFrom<String> for Sha {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Sha, Self::Error> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Sha).ok_or("not a digest")
    }
}

impl Sha {
    fn is(&self, found: &str) -> bool {
        HEXLOWER.encode(&self.0) == found
    }
}

impl Recordings {
    /// Takes in what a proven entry says.
    pub(super) fn learn(&mut self, leaf: &Leaf, body: Option<&str>) {
        let Some(session) = &leaf.session else { return };
        match leaf.kind.as_str() {
            "session-admitted" => {
                self.admitted.insert(session.clone());
            }
            "recording-sealed" => {
                let body = body.and_then(|body| serde_json::from_str::<Object<Sealed>>(body).ok());
                self.sealed.insert(session.clone(), body.map(|Object(body)| body.manifest));
            }
            _ => {}
        }
    }

    /// Holds the files against it.
    pub(super) fn check(&self, bundle: &Bundle, manifest: &BundleManifest, voice: &mut Voice<'_>) {
        let mut copies = BTreeSet::new();
        for session in &manifest.sessions {
            if !self.admitted.contains(session) {
                voice.wrong(format!("the admission of {session} is not among the entries"));
            }
            let Some(digest) = self.sealed.get(session) else { continue };
            let held = manifest.recordings.get(session).filter(|held| held.held != Held::NotSealed);
            let Some(held) = held else {
                voice.wrong(format!("the recording of {session} was sealed, and is not in the bundle"));
                continue;
            };
            match one(bundle, session, digest.as_deref(), held) {
                Ok(Found { holds, notes, copies: mut wanted }) => {
                    voice.holds(holds);
                    notes.into_iter().for_each(|note| voice.note(note));
                    copies.append(&mut wanted);
                }
                Err(wrong) => wrong.into_iter().for_each(|what| voice.wrong(what)),
            }
        }
        if let Err(wrong) = reencrypted(bundle, &copies, voice) {
            wrong.into_iter().for_each(|what| voice.wrong(what));
        }
    }
}

/// What holds of a recording.
struct Found {
    holds: String,
    notes: Vec<String>,
    /// The copies that must be there in the place of its parts.
    copies: BTreeSet<String>,
}

/// One recording. `Err` is what is wrong with it.
fn one(bundle: &Bundle, session: &str, expected: Option<&str>, held: &HeldRecording) -> Result<Found, Vec<String>> {
    let path = recording_path(session, "manifest.json");
    let bytes = bundle.read_list(&path).map_err(|what| vec![what])?;
    let expected = expected.ok_or_else(|| {
        vec![format!("what the journal said of the recording of {session} was erased: nothing proves it")]
    })?;
    if HEXLOWER.encode(&Sha256::digest(&bytes)) != expected {
        let what = format!("the recording of {session} is not the one that the journal names: it was exchanged");
        return Err(vec![what]);
    }
    let recording = serde_json::from_slice::<Object<Recording>>(&bytes).ok().map(|Object(one)| one);
    let recording = recording.filter(|one| one.parts.iter().all(|part| is_path(&part_path(session, &part.name))));
    let Recording { state, parts, secrets_open_to, secrets_keys } =
        recording.ok_or_else(|| vec![format!("`{path}` has another form")])?;
    let mut found = Found {
        holds: format!("the manifest of the recording of {session} is the one that the journal names"),
        notes: Vec::new(),
        copies: BTreeSet::new(),
    };
    if state != "whole" {
        found.notes.push(format!("the recording of {session} is {state}"));
    }
    if held.held == Held::Reencrypted {
        let copied = parts.iter().filter(|part| part.kind != "secrets" && !held.without.contains(&part.name));
        found.copies = copied.map(|part| format!("{COPIES}{session}/{}.age", part.name)).collect();
        return Ok(found);
    }
    let mut wrong = Vec::new();
    let (mut here, mut all) = (0, 0);
    // Whether a file is to be there.
    let mut wanted = |name: &str, path: &str| {
        let gone = held.without.contains(name);
        all += 1;
        match gone {
            true => found.notes.push(format!("`{path}` was not on the bastion any more")),
            false => here += 1,
        }
        !gone
    };
    for part in &parts {
        let path = part_path(session, &part.name);
        if wanted(&part.name, &path) {
            match split_digests(bundle, &path) {
                Ok((head, body)) if part.head_sha256.is(&head) && part.body_sha256.is(&body) => {}
                Ok(_) => {
                    wrong.push(format!("`{path}` is not as it was sealed: the recording was exchanged or altered"));
                }
                Err(what) => wrong.push(what),
            }
        }
    }
    for ((first, second), digest) in secrets_open_to.iter().zip(&secrets_keys) {
        let name = format!("secrets-{first}-{second}.age");
        let path = recording_path(session, &name);
        if wanted(&name, &path) {
            match bundle.digest(&path) {
                Ok((_, found)) if digest.is(&found) => {}
                Ok(_) => {
                    wrong.push(format!("`{path}` is not as it was sealed: the recording was exchanged or altered"));
                }
                Err(what) => wrong.push(what),
            }
        }
    }
    if here > 0 {
        found.holds =
            format!("the recording of {session} is the one that the journal names: {here} of its {all} files are here");
    }
    if wrong.is_empty() { Ok(found) } else { Err(wrong) }
}

/// The digests of an age file's header and of what follows it.
fn split_digests(bundle: &Bundle, path: &str) -> Result<(String, String), String> {
    let failed = |error: std::io::Error| format!("`{path}` cannot be read: {error}");
    let mut file = bundle.reader(path)?;
    let mut head = Vec::new();
    loop {
        let start = head.len();
        let left = LONGEST_HEAD.saturating_sub(start as u64);
        let read = (&mut file).take(left).read_until(b'\n', &mut head).map_err(failed)?;
        if read == 0 {
            return Err(format!("`{path}` has no age header"));
        }
        // The last line of an age header begins so, and no other does.
        if head.get(start..).is_some_and(|line| line.starts_with(b"--- ")) {
            break;
        }
    }
    let (_, body) = digest_of(&mut file).map_err(failed)?;
    Ok((HEXLOWER.encode(&Sha256::digest(&head)), body))
}

/// What was encrypted anew stands under nothing signed. Which copies there must be is known, and that they
/// are those listed is all else there is to check without the auditor's key.
fn reencrypted(bundle: &Bundle, wanted: &BTreeSet<String>, voice: &mut Voice<'_>) -> Result<(), Vec<String>> {
    let there: BTreeSet<String> = bundle.names().filter(|name| name.starts_with(COPIES)).cloned().collect();
    if !bundle.has(REENCRYPTED) && there.is_empty() && wanted.is_empty() {
        return Ok(());
    }
    let listed = bundle.read_list(REENCRYPTED).map_err(|what| vec![what])?;
    let listed = object::list::<_, BundleFile>(&mut serde_json::Deserializer::from_slice(&listed));
    let listed = listed.map_err(|_| vec![format!("`{REENCRYPTED}` has another form")])?;
    let mut wrong = Vec::new();
    let names: BTreeSet<String> = listed.iter().map(|file| file.name.clone()).collect();
    if names.len() != listed.len() || names != there {
        wrong.push(format!("`{REENCRYPTED}` does not list what lies in `{COPIES}`"));
    }
    for name in wanted.symmetric_difference(&there) {
        wrong.push(format!("`{name}` is a copy that is missing, or one that nothing in this bundle asks for"));
    }
    // Only now: whoever lists one file a thousand times does not have it read so often.
    if !wrong.is_empty() {
        return Err(wrong);
    }
    for file in &listed {
        match bundle.digest(&file.name) {
            Ok((bytes, digest)) if bytes == file.bytes && digest == file.sha256 => {}
            Ok(_) => wrong.push(format!("`{}` is not as `{REENCRYPTED}` lists it", file.name)),
            Err(what) => wrong.push(what),
        }
    }
    if !listed.is_empty() {
        voice.note(format!(
            "what lies in `{COPIES}` is the word of whoever exported, until its key is used: decrypted and \
             unpacked, each file must have the `plain_sha256` of its part in the recording's manifest, which the journal names"
        ));
    }
    if wrong.is_empty() { Ok(()) } else { Err(wrong) }
}
