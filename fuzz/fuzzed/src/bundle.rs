//! A bundle of evidence, made by somebody who may want to deceive. Holds: with the key, what is wrong is
//! found, and no text of it reaches a terminal that the journal's own form does not allow.
//!
//! `corpus/bundle/genuine` is one that holds; the seed of the journal's key is its own, so nobody else's
//! can be made to.

use crate::log::verifier;
use journal::bundle::{Said, check_bundle};
use sha2::{Digest as _, Sha256};
use std::path::PathBuf;
use tempfile::TempDir;

/// A bundle that holds: what `journal/tests/bundle.rs` makes.
const GENUINE: &[u8] = include_bytes!("../../corpus/bundle/genuine");

thread_local! {
    static FOLDER: TempDir = tempfile::tempdir().unwrap();
}

/// One file.
pub fn run(data: &[u8]) {
    let file: PathBuf = FOLDER.with(|folder| folder.path().join("bundle.tar"));
    std::fs::write(&file, data).unwrap();
    let mut said = 0u64;
    let mut look = |what: Said| {
        let (wrong, text) = match what {
            Said::Wrong(text) => (1, text),
            Said::Holds(text) | Said::Note(text) => (0, text),
        };
        said += wrong;
        assert!(!text.chars().any(|c| c.is_control() || lifecycle::is_hidden(c)), "{text:?}");
    };
    let report = check_bundle(&file, Some(&verifier()), &[], &mut look);
    assert!(said == report.wrong || report.wrong > said, "counted less than was said");
    if report.wrong == 0 {
        assert!(content(data) == content(GENUINE), "an altered bundle holds");
    }
    let without = check_bundle(&file, None, &[], &mut |_| {});
    assert!(report.wrong > 0 || without.wrong == 0, "the key makes it laxer");
}

/// What counts of a bundle: all of it up to the zeroes at its end.
fn content(data: &[u8]) -> Vec<u8> {
    let end = data.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    Sha256::digest(&data[..end]).to_vec()
}
