//! A small journal in memory that is always the same, and its key: what altered copies are made of.

use jiff::Timestamp;
use journal::{Disk, Entropy, Journal, MasterKey, NewEntry, SigningKey, Subject, VerifierKey};
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

const ORIGIN: &str = "poterne.test/journal";
/// Where it lies.
pub const FOLDER: &str = "log";

/// The key that signs it.
pub fn signer() -> SigningKey {
    SigningKey::new(ORIGIN, &[7; 32]).unwrap()
}

/// The key that verifies it.
pub fn verifier() -> VerifierKey {
    signer().verifier()
}

/// The key of its ring.
pub fn master() -> MasterKey {
    MasterKey::new([9; 32])
}

/// Not random at all: the n-th byte asked for is always the same.
pub fn entropy() -> Entropy {
    let mut state = 1u64;
    Box::new(move |buffer| {
        for byte in buffer {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = state.to_be_bytes()[0];
        }
    })
}

fn entry(n: u64) -> NewEntry {
    NewEntry {
        at: Timestamp::from_second(1_790_000_000 + i64::try_from(n).unwrap()).unwrap(),
        kind: "session-ended".into(),
        subject: Subject {
            account: n.is_multiple_of(3).then(|| format!("a-{n}")),
            intervention: n.is_multiple_of(5).then_some(n),
            session: n.is_multiple_of(2).then(|| format!("s-{n}")),
        },
        body: format!("{{\"number\":{n}}}").into_bytes(),
    }
}

/// Files in memory; copies share them until [`Memory::apart`].
#[derive(Clone, Default)]
pub struct Memory(Arc<Mutex<BTreeMap<PathBuf, Vec<u8>>>>);

impl Memory {
    /// A copy of its own.
    pub fn apart(&self) -> Self {
        Self(Arc::new(Mutex::new(self.0.lock().unwrap().clone())))
    }

    /// Its files.
    pub fn names(&self) -> Vec<PathBuf> {
        self.0.lock().unwrap().keys().cloned().collect()
    }

    /// Changes a file.
    pub fn change(&self, path: &Path, with: impl FnOnce(&mut Vec<u8>)) {
        with(self.0.lock().unwrap().entry(path.to_owned()).or_default());
    }
}

impl Disk for Memory {
    fn read(&mut self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.lock().unwrap().get(path).cloned())
    }
    fn append(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().get_mut(path).ok_or(io::ErrorKind::NotFound)?.extend_from_slice(bytes);
        Ok(())
    }
    fn replace(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.0.lock().unwrap().insert(path.to_owned(), bytes.to_vec());
        Ok(())
    }
    fn publish(&mut self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        self.replace(path, bytes)
    }
    fn remove(&mut self, path: &Path) -> io::Result<()> {
        self.0.lock().unwrap().remove(path);
        Ok(())
    }
    fn list(&mut self, folder: &Path) -> io::Result<Vec<PathBuf>> {
        let files = self.0.lock().unwrap();
        Ok(files.keys().filter_map(|path| path.strip_prefix(folder).ok()).map(Path::to_owned).collect())
    }
}

/// A journal as it was written.
pub struct Written {
    /// Its files.
    pub files: Memory,
    /// Size and root of each checkpoint that was signed.
    pub signed: Vec<(u64, [u8; 32])>,
    /// Its leaves, in order.
    pub leaves: Vec<Vec<u8>>,
}

/// Writes one in groups of these sizes.
pub fn write(groups: &[u64]) -> Written {
    let files = Memory::default();
    let (mut journal, _) =
        Journal::open(Path::new(FOLDER), Box::new(files.clone()), signer(), master(), entropy()).unwrap();
    let mut signed = Vec::new();
    for count in groups {
        let first = journal.size();
        let group: Vec<NewEntry> = (first..first + count).map(entry).collect();
        journal.append(first, &group).unwrap();
        let size = journal.size();
        signed.push((size, journal.root_at(size).unwrap().unwrap()));
    }
    let leaves = journal.entries().unwrap().iter().map(|entry| entry.leaf.to_bytes()).collect();
    Written { files, signed, leaves }
}
