//! The recordings in a bundle, held against what the journal says of them.

use super::check::{Bundle, Voice, digest_of};
use super::manifest::{BundleFile, BundleManifest, Held};
use super::{REENCRYPTED, part_path, recording_path};
use crate::entry::Leaf;
use data_encoding::HEXLOWER;
use serde_json::Value;
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
    ended: BTreeSet<String>,
}

impl Recordings {
    /// Takes in what a proven entry says.
    pub(super) fn learn(&mut self, leaf: &Leaf, body: Option<&str>) {
        let Some(session) = &leaf.session else { return };
        match leaf.kind.as_str() {
            "session-admitted" => {
                self.admitted.insert(session.clone());
            }
            "session-ended" => {
                self.ended.insert(session.clone());
            }
            "recording-sealed" => {
                let body: Option<Value> = body.and_then(|body| serde_json::from_str(body).ok());
                let manifest = body.as_ref().and_then(|body| body.get("manifest")).and_then(Value::as_str);
                self.sealed.insert(session.clone(), manifest.map(str::to_owned));
            }
            _ => {}
        }
    }

    /// Holds the files against it.
    pub(super) fn check(&self, bundle: &Bundle, manifest: &BundleManifest, voice: &mut Voice<'_>) {
        for session in &manifest.sessions {
            // Sessions are named by the manifest, which is a stranger's: shown once they are ids.
            if !self.admitted.contains(session) {
                voice.wrong("the manifest names a session whose admission is not among the entries".to_owned());
                continue;
            }
            if !self.ended.contains(session) {
                voice.note(format!("{session} has no closing entry: it was still going on"));
            }
            let held = manifest.recordings.get(session);
            match (self.sealed.get(session), held) {
                (Some(digest), Some(held)) => {
                    let expected = digest.as_deref();
                    match one(bundle, session, expected, held.held, &held.without) {
                        Ok(notes) => {
                            voice.holds(format!("the recording of {session} is the one that the journal names"));
                            notes.into_iter().for_each(|note| voice.note(note));
                        }
                        Err(wrong) => wrong.into_iter().for_each(|what| voice.wrong(what)),
                    }
                }
                (Some(_), None) => {
                    voice.wrong(format!("the recording of {session} was sealed, and is not in the bundle"))
                }
                (None, _) => voice.note(format!("no recording of {session} was sealed yet")),
            }
        }
    }
}

/// One recording. Gives what is to be known of it, or what is wrong with it.
fn one(
    bundle: &Bundle,
    session: &str,
    expected: Option<&str>,
    held: Held,
    without: &BTreeSet<String>,
) -> Result<Vec<String>, Vec<String>> {
    let path = recording_path(session, "manifest.json");
    let bytes = bundle.read_list(&path).map_err(|what| vec![what])?;
    match expected {
        Some(expected) if HEXLOWER.encode(&Sha256::digest(&bytes)) != expected => {
            return Err(vec![format!(
                "the recording of {session} is not the one that the journal names: it was exchanged"
            )]);
        }
        Some(_) => {}
        None => {
            return Err(vec![format!(
                "what the journal said of the recording of {session} was erased: nothing proves it"
            )]);
        }
    }
    let form = || vec![format!("`{path}` has another form")];
    let recording: Value = serde_json::from_slice(&bytes).map_err(|_| form())?;
    let (mut notes, mut wrong) = (Vec::new(), Vec::new());
    if let Some(state) = recording.get("state").and_then(Value::as_str).filter(|state| *state != "whole") {
        notes.push(format!("the recording of {session} is {}", state.escape_default()));
    }
    if held == Held::Reencrypted {
        notes.push(format!(
            "the recording of {session} was encrypted anew by whoever exported: see what that proves below"
        ));
        return Ok(notes);
    }
    let text = |part: &Value, field: &str| part.get(field).and_then(Value::as_str).unwrap_or_default().to_owned();
    let parts = recording.get("parts").and_then(Value::as_array).ok_or_else(form)?;
    for part in parts {
        let path = part_path(session, &text(part, "name"));
        if without.contains(&text(part, "name")) {
            notes.push(format!("`{path}` was not on the bastion any more"));
            continue;
        }
        match split_digests(bundle, &path) {
            Ok((head, body)) if head == text(part, "head_sha256") && body == text(part, "body_sha256") => {}
            Ok(_) => wrong.push(format!("`{path}` is not as it was sealed: the recording was exchanged or altered")),
            Err(what) => wrong.push(what),
        }
    }
    let list = |field: &str| recording.get(field).and_then(Value::as_array).cloned().unwrap_or_default();
    for (pair, digest) in list("secrets_open_to").iter().zip(list("secrets_keys")) {
        let place = |n: usize| pair.get(n).and_then(Value::as_u64).unwrap_or_default();
        let name = format!("secrets-{}-{}.age", place(0), place(1));
        if without.contains(&name) {
            notes.push(format!("`{name}` of {session} was not on the bastion any more"));
            continue;
        }
        match bundle.digest(&recording_path(session, &name)) {
            Ok((_, found)) if Some(found.as_str()) == digest.as_str() => {}
            Ok(_) => wrong.push(format!("`{name}` of {session} is not as it was sealed")),
            Err(what) => wrong.push(what),
        }
    }
    if wrong.is_empty() { Ok(notes) } else { Err(wrong) }
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

/// What was encrypted anew stands under nothing signed; that the files are those listed is all there is
/// to check without the auditor's key.
pub(super) fn reencrypted(bundle: &Bundle, manifest: &BundleManifest, voice: &mut Voice<'_>) {
    let copies: Vec<&String> = bundle.names().filter(|name| name.starts_with("reencrypted/")).collect();
    let wanted = manifest.recordings.values().any(|one| one.held == Held::Reencrypted);
    if !bundle.has(REENCRYPTED) {
        if wanted || !copies.is_empty() {
            voice.wrong(format!("recordings were encrypted anew, and `{REENCRYPTED}` is not in the bundle"));
        }
        return;
    }
    let listed = bundle.read_list(REENCRYPTED);
    let listed = listed.and_then(|bytes| {
        serde_json::from_slice::<Vec<BundleFile>>(&bytes).map_err(|_| format!("`{REENCRYPTED}` has another form"))
    });
    let listed = match listed {
        Ok(listed) => listed,
        Err(what) => return voice.wrong(what),
    };
    for file in &listed {
        let fits = super::is_path(&file.name)
            && bundle.digest(&file.name).is_ok_and(|(bytes, digest)| bytes == file.bytes && digest == file.sha256);
        if !fits {
            voice.wrong(format!("a file of `{REENCRYPTED}` is missing or another: {}", file.name.escape_default()));
        }
    }
    if copies.len() != listed.len() {
        voice.wrong(format!("`{REENCRYPTED}` does not list what lies in `reencrypted/`"));
    }
    voice.note(
        "what lies in `reencrypted/` is the word of whoever exported, until its key is used: decrypted and \
         unpacked, each file must have the `plain_sha256` of its part in the recording's manifest, which the journal names"
            .to_owned(),
    );
}
