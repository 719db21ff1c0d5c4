//! The files of a journal, as somebody left them who may write to the disk but has not the key.
//!
//! The first byte picks the journal, what is done to it, and whether the checksums are made to fit. Holds:
//! a check with the key finds nothing only where what it read was signed; the daemon takes no entry up
//! that it did not write; and each text has one spelling.

use crate::draws::Draws;
use crate::log::{FOLDER, Memory, Written, entropy, master, signer, verifier, write};
use journal::bundle::{BundleManifest, Disclosed, read_receipt};
use journal::{Checkpoint, Journal, Leaf, VerifierKey, WitnessKey, check_log};
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::OnceLock;

/// Bytes of a checksum in the tail.
const CHECK: usize = 8;

/// One with a short tail, and one whose first 256 entries are a tile.
fn written(long: bool) -> &'static Written {
    static SHORT: OnceLock<Written> = OnceLock::new();
    static LONG: OnceLock<Written> = OnceLock::new();
    match long {
        false => SHORT.get_or_init(|| write(&[1, 2, 2])),
        true => LONG.get_or_init(|| write(&[3, 250, 6])),
    }
}

/// One journal, or one text.
pub fn run(data: &[u8]) {
    let mut draws = Draws::new(data);
    let choice = draws.byte();
    let (long, fitted) = (choice & 4 != 0, choice & 8 != 0);
    match choice % 4 {
        0 => text(draws.rest()),
        1 => {
            let files = written(long).files.apart();
            files.change(&Path::new(FOLDER).join("tail"), |tail| *tail = records(&mut draws));
            holds(&files, written(long));
        }
        _ => {
            let files = written(long).files.apart();
            let names = files.names();
            while !draws.is_over() {
                let name = &names[usize::from(draws.byte()) % names.len()];
                files.change(name, |bytes| patch(bytes, &mut draws));
            }
            if fitted {
                files.change(&Path::new(FOLDER).join("tail"), fit);
            }
            holds(&files, written(long));
        }
    }
}

/// A tail of arbitrary records whose checksums fit.
fn records(draws: &mut Draws<'_>) -> Vec<u8> {
    let mut tail = Vec::new();
    while !draws.is_over() {
        let (kind, length) = (draws.byte(), draws.byte());
        let payload = draws.bytes(usize::from(length));
        push(&mut tail, kind, payload);
    }
    tail
}

fn push(tail: &mut Vec<u8>, kind: u8, payload: &[u8]) {
    let start = tail.len();
    tail.push(kind);
    tail.extend(u32::try_from(payload.len()).unwrap().to_be_bytes());
    tail.extend_from_slice(payload);
    let check = Sha256::digest(&tail[start..]);
    tail.extend_from_slice(&check[..CHECK]);
}

/// Bytes set, put in or taken out at a place.
fn patch(bytes: &mut Vec<u8>, draws: &mut Draws<'_>) {
    let (how, place) = (draws.byte(), usize::from(draws.short()));
    let place = place % (bytes.len() + 1);
    match how % 4 {
        0 | 1 if place < bytes.len() => bytes[place] ^= draws.byte().max(1),
        2 => {
            let length = draws.byte() % 64;
            bytes.splice(place..place, draws.bytes(usize::from(length)).iter().copied());
        }
        _ => {
            let end = bytes.len().min(place + usize::from(draws.byte()));
            bytes.drain(place..end);
        }
    }
}

/// Makes the checksums of a tail fit, as whoever alters one would.
fn fit(tail: &mut Vec<u8>) {
    let mut fitted = Vec::new();
    let mut rest = tail.as_slice();
    while let Some(([kind, a, b, c, d], behind)) = rest.split_first_chunk::<5>() {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let Some((payload, behind)) = behind.split_at_checked(length) else { break };
        push(&mut fitted, *kind, payload);
        rest = behind.get(CHECK..).unwrap_or_default();
    }
    fitted.extend_from_slice(rest);
    *tail = fitted;
}

fn holds(files: &Memory, original: &Written) {
    let folder = Path::new(FOLDER);
    let key = verifier();
    let report = check_log(&mut files.apart(), folder, Some(&key), None);
    if report.findings.is_empty() {
        let found = (report.entries, report.root.unwrap());
        assert!(original.signed.contains(&found), "a history that nobody signed passes: {found:?}");
    }
    report.findings.iter().for_each(|finding| assert!(!finding.0.contains('\u{1b}'), "{finding}"));
    let without = check_log(&mut files.apart(), folder, None, None);
    assert!(!report.findings.is_empty() || without.findings.is_empty(), "the key makes it laxer");
    // What was altered within a tile shows when it is read.
    let opened = Journal::open(folder, Box::new(files.apart()), signer(), master(), entropy());
    if let Ok((mut journal, recovered)) = opened {
        let size = journal.size();
        assert!(size == 0 || original.signed.iter().any(|(signed, _)| *signed == size), "{size} entries");
        assert!(recovered.aside.len() <= 1 << 20);
        if let Ok(entries) = journal.entries() {
            let leaves: Vec<Vec<u8>> = entries.iter().map(|entry| entry.leaf.to_bytes()).collect();
            assert!(original.leaves.starts_with(&leaves), "an entry that was never written was taken up");
        }
    }
}

/// One text: what is read back is what was written, in one spelling.
fn text(data: &[u8]) {
    if let Some(leaf) = Leaf::from_bytes(data) {
        assert_eq!(leaf.to_bytes(), data);
    }
    if let Ok(disclosed) = serde_json::from_slice::<Disclosed>(data) {
        let written = serde_json::to_vec(&disclosed).unwrap();
        assert_eq!(serde_json::from_slice::<Disclosed>(&written).unwrap(), disclosed);
    }
    if let Ok(manifest) = serde_json::from_slice::<BundleManifest>(data) {
        assert_eq!(serde_json::from_slice::<BundleManifest>(&manifest.to_bytes()).unwrap(), manifest);
    }
    if let Ok(event) = std::str::from_utf8(data).map(|text| lifecycle::Event::from_body(text.as_bytes()))
        && let Ok(event) = event
    {
        let body = event.to_body();
        assert_eq!(lifecycle::Event::from_body(&body).unwrap().to_body(), body);
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string().parse::<VerifierKey>().unwrap(), key);
    }
    if let Ok(key) = text.parse::<WitnessKey>() {
        assert_eq!(key.to_string().parse::<WitnessKey>().unwrap(), key);
    }
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert!(text.starts_with(&format!("{}\n{}\n", checkpoint.origin, checkpoint.size)));
    }
    let signed = |checkpoint: &Checkpoint| {
        [false, true].iter().any(|long| written(*long).signed.contains(&(checkpoint.size, checkpoint.root)))
    };
    if let Ok(checkpoint) = Checkpoint::verify(text, &verifier()) {
        assert!(signed(&checkpoint), "a forged checkpoint");
    }
    if let Ok(receipt) = read_receipt(text, Some(&verifier())) {
        assert!(signed(&receipt.checkpoint), "a forged receipt");
        let leaf = receipt.leaf.to_bytes();
        assert!([false, true].iter().any(|long| written(*long).leaves.contains(&leaf)), "a forged entry");
    }
    let _ = read_receipt(text, None);
}
