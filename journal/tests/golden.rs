//! The format, held to bytes that are committed: it cannot change unnoticed. Where it must change,
//! `POTERNE_BLESS=1 cargo test -p journal --test golden` writes them anew, and
//! `docs/format-journal.md` says what is different.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failing test shall stop")]

mod support;

use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use support::{Memory, files, put, signer, write_log};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn written(groups: &[u64]) -> Vec<(PathBuf, Vec<u8>)> {
    let made = tempfile::tempdir().unwrap();
    write_log(made.path(), groups);
    files(made.path())
}

fn blessed() -> bool {
    std::env::var_os("POTERNE_BLESS").is_some()
}

/// A short log: each byte of `tail` and `checkpoint`.
#[test]
fn a_short_log() {
    let written = written(&[3, 2]);
    if blessed() {
        put(&folder("short"), &written);
        fs::write(folder("vkey"), format!("{}\n", signer().verifier())).unwrap();
    }
    assert_eq!(written, files(&folder("short")));
    let key = fs::read_to_string(folder("vkey")).unwrap();
    assert_eq!(key.trim(), signer().verifier().to_string());
    assert_eq!(Memory::with(&written).findings(Some(&key.parse().unwrap()), None), [""; 0]);
}

/// A log of two tiles: the digest of each file.
#[test]
fn a_log_of_tiles() {
    let mut digests = String::new();
    for (path, bytes) in written(&[255, 300, 1]) {
        writeln!(digests, "{}  {}", HEXLOWER.encode(&Sha256::digest(&bytes)), path.display()).unwrap();
    }
    if blessed() {
        fs::write(folder("tiles.sha256"), &digests).unwrap();
    }
    assert_eq!(digests, fs::read_to_string(folder("tiles.sha256")).unwrap());
}
