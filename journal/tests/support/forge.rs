//! Bundles as the holder of a signing key can make them, true and false, and what both verifiers say:
//! `poterne-verify` and `tests/verify.py`, which share no code.

use super::{ORIGIN, signer};
use data_encoding::HEXLOWER;
use journal::bundle::{TAR_END, tar_header, tar_padding};
use journal::{Checkpoint, Hash, Leaf, SigningKey, consistency_proof, inclusion_proof, leaf_hash, root_of};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::process::Command;

/// The session that the forged bundles are about.
pub(crate) const SESSION: &str = "s-0123456789abcdef";

pub(crate) fn sha(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

fn hex(path: Vec<Hash>) -> Vec<String> {
    path.iter().map(|hash| HEXLOWER.encode(hash)).collect()
}

/// A part of a recording: a standard age file's shape.
pub(crate) const PART: &[u8] = b"age-encryption.org/v1\n-> X25519 abc\n--- mac\nnoise";

/// The manifest of a recording with a terminal, and secrets that two officers open.
pub(crate) fn recording() -> Value {
    let head = PART.len() - b"noise".len();
    let part = |name: &str, kind: &str| json!({ "name": name, "kind": kind, "channel": 1, "head_sha256": sha(&PART[..head]), "body_sha256": sha(&PART[head..]) });
    json!({ "format": "poterne-recording-1", "state": "whole",
        "parts": [part("channel-1.cast", "cast"), part("channel-1.secrets", "secrets")],
        "secrets_open_to": [[1, 2]], "secrets_keys": [sha(b"wrapped")] })
}

/// One entry of the history that is told.
#[derive(Clone)]
pub(crate) struct Told {
    pub(crate) kind: String,
    pub(crate) body: String,
    pub(crate) intervention: Option<u64>,
    pub(crate) session: Option<String>,
    pub(crate) second: i64,
}

fn told(kind: &str, intervention: Option<u64>, session: Option<&str>) -> Told {
    Told {
        kind: kind.to_owned(),
        body: format!("{{\"kind\":\"{kind}\"}}"),
        intervention,
        session: session.map(str::to_owned),
        second: 0,
    }
}

/// What a bundle is forged from. As it comes it holds.
#[derive(Clone)]
pub(crate) struct Forge {
    pub(crate) entries: Vec<Told>,
    /// Entries whose leaf is not shown.
    pub(crate) hidden: Vec<usize>,
    /// Entries whose content is not brought, though they may concern this.
    pub(crate) withheld: Vec<usize>,
    /// Entries whose content was erased.
    pub(crate) erased: Vec<usize>,
    /// Fields of the manifest.
    pub(crate) manifest: Value,
    /// Fields of the body of the entry that names the manifest.
    pub(crate) word: Value,
    /// Further files, which the manifest names.
    pub(crate) files: Vec<(String, Vec<u8>)>,
    /// Further files, which it does not name.
    pub(crate) outside: Vec<(String, Vec<u8>)>,
}

impl Forge {
    /// One intervention with one session, both over, and its recording as it is stored.
    pub(crate) fn new() -> Forge {
        let mut entries: Vec<Told> = [
            ("intervention-requested", Some(1), None),
            ("intervention-approved", Some(1), None),
            ("session-admitted", Some(1), Some(SESSION)),
            ("session-alarm", None, Some(SESSION)),
            ("session-ended", Some(1), Some(SESSION)),
            ("recording-sealed", None, Some(SESSION)),
            ("intervention-ended", Some(1), None),
            ("note", None, None),
        ]
        .into_iter()
        .map(|(kind, number, session)| told(kind, number, session))
        .collect();
        (0..).zip(&mut entries).for_each(|(second, entry)| entry.second = second);
        let mut forge = Forge {
            entries,
            hidden: vec![7],
            withheld: vec![7],
            erased: Vec::new(),
            manifest: json!({ "format": "poterne-bundle-1", "origin": ORIGIN, "made": "2027-01-15T08:00:00Z",
                "by": "sophie", "purpose": "audit", "scope": "intervention 1", "sessions": [SESSION],
                "interventions": [1], "first": 0, "end": 7, "size": 8,
                "recordings": { SESSION: { "held": "stored", "without": [] } } }),
            word: json!({ "kind": "evidence-exported", "staff": "sophie", "purpose": "audit",
                "scope": { "intervention": 1 }, "files": 1, "bytes": 1 }),
            files: Vec::new(),
            outside: Vec::new(),
        };
        forge.set_recording(recording().to_string().into_bytes());
        for (name, bytes) in
            [("channel-1.cast.age", PART), ("channel-1.secrets.age", PART), ("secrets-1-2.age", b"wrapped")]
        {
            forge.files.push((format!("recordings/{SESSION}/{name}"), bytes.to_vec()));
        }
        forge
    }

    /// The same with copies for an auditor in the place of the parts.
    pub(crate) fn reencrypted() -> Forge {
        let mut forge = Forge::new();
        forge.files.truncate(1);
        forge.manifest["recordings"][SESSION]["held"] = "reencrypted".into();
        forge.set_copies(&[&format!("reencrypted/{SESSION}/channel-1.cast.age")]);
        forge
    }

    /// These copies are there and listed.
    pub(crate) fn set_copies(&mut self, names: &[&str]) {
        self.outside = names.iter().map(|name| ((*name).to_owned(), name.as_bytes().to_vec())).collect();
        self.list(names);
    }

    /// These copies are listed, whichever are there.
    pub(crate) fn list(&mut self, names: &[&str]) {
        let one = |name: &&str| json!({ "name": name, "bytes": name.len(), "sha256": sha(name.as_bytes()) });
        let list: Value = names.iter().map(one).collect();
        self.outside.retain(|(name, _)| name != "reencrypted.json");
        self.outside.push(("reencrypted.json".to_owned(), list.to_string().into_bytes()));
    }

    /// Another manifest of the recording, which the journal names.
    pub(crate) fn set_recording(&mut self, bytes: Vec<u8>) {
        self.entries[5].body = json!({ "kind": "recording-sealed", "manifest": sha(&bytes) }).to_string();
        let name = format!("recordings/{SESSION}/manifest.json");
        self.files.retain(|(found, _)| *found != name);
        self.files.insert(0, (name, bytes));
    }

    /// The leaves, as they are signed.
    pub(crate) fn leaves(&self) -> Vec<Vec<u8>> {
        (0..).zip(&self.entries).map(|(index, entry)| leaf(index, entry)).collect()
    }

    /// The checkpoint over the first so many entries.
    pub(crate) fn checkpoint(&self, signer: &SigningKey, size: usize) -> String {
        checkpoint(signer, &self.leaves()[..size])
    }

    /// The files of the bundle.
    pub(crate) fn parts(&self) -> Vec<(String, Vec<u8>)> {
        let signer = signer();
        let leaves = self.leaves();
        let mut tree = Vec::new();
        for (index, leaf) in leaves.iter().enumerate() {
            match self.hidden.contains(&index) {
                true => tree.extend([&b"H\0"[..], &leaf_hash(leaf)].concat()),
                false => tree.extend([&b"L"[..], &u16::try_from(leaf.len()).unwrap().to_be_bytes(), leaf].concat()),
            }
        }
        let lines = (0..leaves.len()).filter(|index| !self.withheld.contains(index)).map(|index| {
            let mut one = disclosed(&leaves, index, &self.entries[index].body);
            if self.erased.contains(&index) {
                (one["salt"], one["body"]) = (Value::Null, Value::Null);
            }
            format!("{one}\n")
        });
        let mut files = vec![
            ("checkpoint".to_owned(), checkpoint(&signer, &leaves).into_bytes()),
            ("tree".to_owned(), tree),
            ("entries.jsonl".to_owned(), lines.collect::<String>().into_bytes()),
        ];
        files.extend(self.files.clone());
        let mut manifest = self.manifest.clone();
        let named =
            |(name, bytes): &(String, Vec<u8>)| json!({ "name": name, "bytes": bytes.len(), "sha256": sha(bytes) });
        manifest["files"] = files.iter().map(named).collect();
        let manifest = manifest.to_string().into_bytes();
        let mut word = self.word.clone();
        word["manifest"] = sha(&manifest).into();
        let exported = Told { body: word.to_string(), second: 100, ..told("evidence-exported", None, None) };
        let mut all = leaves.clone();
        all.push(leaf(leaves.len() as u64, &exported));
        let hashes: Vec<Hash> = all.iter().map(|leaf| leaf_hash(leaf)).collect();
        let custody = json!({
            "entry": disclosed(&all, leaves.len(), &exported.body),
            "checkpoint": checkpoint(&signer, &all),
            "consistency": hex(consistency_proof(&hashes, leaves.len()).unwrap()),
        });
        let mut parts =
            vec![("manifest.json".to_owned(), manifest), ("custody.json".to_owned(), custody.to_string().into_bytes())];
        parts.extend(files);
        parts.extend(self.outside.clone());
        parts
    }

    pub(crate) fn write(&self, path: &Path) {
        write(path, &self.parts());
    }
}

pub(crate) fn checkpoint(signer: &SigningKey, leaves: &[Vec<u8>]) -> String {
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    let origin = signer.verifier().name().to_owned();
    signer.sign(&Checkpoint { origin, size: leaves.len() as u64, root: root_of(&hashes) })
}

fn leaf(index: u64, told: &Told) -> Vec<u8> {
    let leaf = Leaf {
        account: None,
        at: jiff::Timestamp::from_second(1_800_000_000 + told.second).unwrap(),
        body: sha(&[&[0; 32][..], told.body.as_bytes()].concat()),
        index,
        intervention: told.intervention,
        key: "00".repeat(8),
        kind: told.kind.clone(),
        sealed: "00".repeat(32),
        session: told.session.clone(),
    };
    leaf.to_bytes()
}

fn disclosed(leaves: &[Vec<u8>], index: usize, body: &str) -> Value {
    let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
    json!({ "index": index, "leaf": String::from_utf8_lossy(&leaves[index]),
        "path": hex(inclusion_proof(&hashes, index).unwrap()), "salt": "00".repeat(32), "body": body })
}

/// The container of these files.
pub(crate) fn container(parts: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, content) in parts {
        bytes.extend(tar_header(name, content.len() as u64, 1_800_000_000));
        bytes.extend(content);
        bytes.resize(bytes.len() + tar_padding(content.len() as u64), 0);
    }
    bytes.extend(TAR_END);
    bytes
}

pub(crate) fn write(path: &Path, parts: &[(String, Vec<u8>)]) {
    std::fs::write(path, container(parts)).unwrap();
}

/// What one verifier came to.
pub(crate) struct Verdict {
    pub(crate) program: &'static str,
    pub(crate) code: Option<i32>,
    /// Standard output, then standard error.
    pub(crate) said: String,
}

/// Runs `poterne-verify bundle` and `tests/verify.py` with these arguments.
pub(crate) fn verdicts(arguments: &[&str]) -> [Verdict; 2] {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/verify.py");
    let ours = (env!("CARGO_BIN_EXE_poterne-verify"), "bundle");
    [("poterne-verify", ours), ("verify.py", ("python3", script))].map(|(program, (command, first))| {
        let out = Command::new(command).arg(first).args(arguments).output().unwrap();
        let said = [out.stdout, out.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        Verdict { program, code: out.status.code(), said }
    })
}

/// Both must end so, and say each of these; neither says anything that a terminal would obey.
pub(crate) fn both(arguments: &[&str], code: i32, words: &[&str]) {
    for Verdict { program, code: ended, said } in verdicts(arguments) {
        assert_eq!(ended, Some(code), "{program} {arguments:?}: {said}");
        for word in words {
            assert!(said.contains(word), "{program} does not say `{word}`: {said}");
        }
        assert!(!said.contains("Traceback") && !said.contains("panicked"), "{program}: {said}");
        let commands = |c: char| c.is_control() && c != '\n' || ('\u{202a}'..='\u{202e}').contains(&c);
        assert!(!said.contains(commands), "{program}: {said:?}");
    }
}

/// The same of a forged bundle, with the key that signed it.
pub(crate) fn judge(forge: &Forge, code: i32, words: &[&str]) {
    judge_parts(&forge.parts(), code, words);
}

/// The same of files put together otherwise.
pub(crate) fn judge_parts(parts: &[(String, Vec<u8>)], code: i32, words: &[&str]) {
    judge_bytes(&container(parts), code, words);
}

/// The same of any bytes.
pub(crate) fn judge_bytes(bytes: &[u8], code: i32, words: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bundle.tar");
    std::fs::write(&file, bytes).unwrap();
    both(&[&file.display().to_string(), "--key", &signer().verifier().to_string()], code, words);
}
