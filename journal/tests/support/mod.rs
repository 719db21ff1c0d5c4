//! What the tests of the journal share: a fixed key, entropy and times, and folders on the disk.
#![allow(dead_code, reason = "each test file uses its part")]

pub(crate) mod forge;

use data_encoding::BASE64;
use ed25519_dalek::Signer as _;
use jiff::Timestamp;
use journal::{
    Disk, Entropy, Frontier, Journal, MasterKey, NewEntry, OpenError, OsDisk, Recovered, SigningKey, Subject,
    VerifierKey, check_log, leaf_hash,
};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

pub(crate) const ORIGIN: &str = "poterne.test/journal";

pub(crate) fn signer() -> SigningKey {
    SigningKey::new(ORIGIN, &[7; 32]).unwrap()
}

/// Not random at all: the n-th byte asked for is always the same.
pub(crate) fn entropy(seed: u64) -> Entropy {
    let mut state = seed;
    Box::new(move |buffer| {
        for byte in buffer {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = state.to_be_bytes()[0];
        }
    })
}

/// The n-th entry of every test log: one a second from a fixed instant on.
pub(crate) fn entry(n: u64) -> NewEntry {
    NewEntry {
        at: Timestamp::from_millisecond(1_790_000_000_000 + i64::try_from(n).unwrap() * 1000).unwrap(),
        kind: "session.ended".into(),
        subject: Subject {
            account: n.is_multiple_of(3).then(|| format!("a{n}")),
            intervention: n.is_multiple_of(5).then_some(n),
            session: n.is_multiple_of(2).then(|| format!("s{n}")),
        },
        body: body(n),
    }
}

pub(crate) fn body(n: u64) -> Vec<u8> {
    format!(r#"{{"number":{n},"who":"Zoé"}}"#).into_bytes()
}

pub(crate) fn group(first: u64, count: u64) -> Vec<NewEntry> {
    (first..first + count).map(entry).collect()
}

pub(crate) fn open_on(folder: &Path, disk: Box<dyn Disk>, seed: u64) -> Result<(Journal, Recovered), OpenError> {
    Journal::open(folder, disk, signer(), MasterKey::new([9; 32]), entropy(seed))
}

pub(crate) fn open(folder: &Path) -> Result<(Journal, Recovered), OpenError> {
    open_on(folder, Box::new(OsDisk::default()), 2)
}

/// Writes a log of groups of these sizes; gives the checkpoint behind each.
pub(crate) fn write_log(folder: &Path, groups: &[u64]) -> Vec<String> {
    let (mut journal, _) = open_on(folder, Box::new(OsDisk::default()), 1).unwrap();
    let appended = groups.iter().map(|count| {
        let first = journal.size();
        journal.append(first, &group(first, *count)).unwrap().checkpoint.to_string()
    });
    appended.collect()
}

/// All files below a folder with their bytes, sorted.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let paths = OsDisk::default().list(folder).unwrap();
    paths.into_iter().map(|path| (path.clone(), fs::read(folder.join(path)).unwrap())).collect()
}

/// Makes `folder` hold these files and no others.
pub(crate) fn put(folder: &Path, files: &[(PathBuf, Vec<u8>)]) {
    if folder.exists() {
        fs::remove_dir_all(folder).unwrap();
    }
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// A disk in memory, for checks of very many altered logs.
#[derive(Clone)]
pub(crate) struct Memory(pub(crate) BTreeMap<PathBuf, Vec<u8>>);

impl Memory {
    /// Holds these files in the folder `log`.
    pub(crate) fn with(files: &[(PathBuf, Vec<u8>)]) -> Self {
        Self(files.iter().map(|(path, bytes)| (Path::new("log").join(path), bytes.clone())).collect())
    }

    pub(crate) fn file(&mut self, path: &str) -> &mut Vec<u8> {
        self.0.entry(Path::new("log").join(path)).or_default()
    }

    pub(crate) fn findings(&mut self, key: Option<&VerifierKey>, since: Option<&str>) -> Vec<String> {
        let report = check_log(self, Path::new("log"), key, since);
        report.findings.into_iter().map(|finding| finding.0).collect()
    }
}

impl Disk for Memory {
    fn read(&mut self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.0.get_mut(path).ok_or(io::ErrorKind::NotFound)?.extend_from_slice(bytes);
        Ok(())
    }
    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.0.insert(path.to_owned(), bytes.to_vec());
        Ok(())
    }
    fn publish(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.replace(path, bytes)
    }
    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.0.remove(path);
        Ok(())
    }
    fn list(&mut self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(self.0.keys().filter_map(|path| path.strip_prefix(folder).ok()).map(Path::to_owned).collect())
    }
}

/// The records of a tail, written from `docs/format-journal.md`: kind and payload.
pub(crate) fn records(mut tail: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut records = Vec::new();
    while !tail.is_empty() {
        let length = u32::from_be_bytes(tail[1..5].try_into().unwrap()) as usize;
        records.push((tail[0], tail[5..5 + length].to_vec()));
        tail = &tail[5 + length + 8..];
    }
    records
}

/// The tail of these records, with checksums that fit.
pub(crate) fn tail_of(records: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let mut tail = Vec::new();
    for (kind, payload) in records {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        let record = [&[*kind][..], &length, payload].concat();
        tail.extend_from_slice(&record);
        tail.extend_from_slice(&Sha256::digest(&record)[..8]);
    }
    tail
}

/// A file that ends in the SHA-256 of what stands before.
pub(crate) fn summed(content: &[u8]) -> Vec<u8> {
    [content, &Sha256::digest(content)].concat()
}

/// A checkpoint over these leaves, signed with the test key as the log would.
pub(crate) fn signed(leaves: &[Vec<u8>]) -> String {
    let mut tree = Frontier::default();
    leaves.iter().for_each(|leaf| tree.push(leaf_hash(leaf)));
    let text = format!("{ORIGIN}\n{}\n{}\n", tree.size(), BASE64.encode(&tree.root()));
    let secret = ed25519_dalek::SigningKey::from_bytes(&[7; 32]);
    let public = secret.verifying_key().to_bytes();
    let id = Sha256::digest([ORIGIN.as_bytes(), b"\n\x01", &public].concat());
    let signature = [&id[..4], &secret.sign(text.as_bytes()).to_bytes()].concat();
    format!("{text}\n\u{2014} {ORIGIN} {}\n", BASE64.encode(&signature))
}
