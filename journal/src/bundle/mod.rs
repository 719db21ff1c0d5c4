//! The sealed bundle: one file that says what happened and proves it, to somebody who trusts neither the
//! bastion nor whoever hands it over (EVI-01). Byte for byte: `docs/format-bundle.md`.
//!
//! Writing takes a [`Reader`](crate::Reader) of the journal and gives the parts of the file that prove
//! something; what else goes in is the program's. Checking takes the file and a key from outside.

mod check;
mod disclosed;
mod entries;
mod kept;
mod manifest;
mod object;
mod opened;
mod receipt;
mod recordings;
mod tar;
mod tree;
mod voice;
mod whole;

pub use check::check_bundle;
pub use disclosed::{Anchored, Custody, Disclosed};
pub use kept::Kept;
pub use manifest::{BundleFile, BundleManifest, Held, HeldRecording};
pub use receipt::{Receipted, make_receipt, read_receipt};
pub use tar::{TAR_END, tar_header, tar_padding};
pub use tree::write_tree;
pub use voice::{BundleReport, Said, plain};

/// The manifest's file in a bundle.
pub const MANIFEST: &str = "manifest.json";
/// The file in a bundle with the entry of the journal that names the manifest.
pub const CUSTODY: &str = "custody.json";
/// The file in a bundle with the signed checkpoint that all entries are held against.
pub const CHECKPOINT: &str = "checkpoint";
/// The file in a bundle with the tree.
pub const TREE: &str = "tree";
/// The file in a bundle with the entries.
pub const ENTRIES: &str = "entries.jsonl";
/// The file in a bundle with other checkpoints.
pub const ANCHORS: &str = "anchors.jsonl";
/// The file in a bundle that names what was encrypted anew, after the manifest was journalled.
pub const REENCRYPTED: &str = "reencrypted.json";
/// The folder in a bundle of what was encrypted anew.
pub const COPIES: &str = "reencrypted/";
/// The kind of the entry that names a bundle's manifest.
pub const EXPORTED: &str = "evidence-exported";

/// The path in a bundle of a part of a recording: a standard age file.
pub fn part_path(session: &str, part: &str) -> String {
    format!("recordings/{session}/{part}.age")
}

/// The path in a bundle of another file of a recording.
pub fn recording_path(session: &str, file: &str) -> String {
    format!("recordings/{session}/{file}")
}

/// Whether this may be the name of a file in a bundle: no way out of a folder, nothing that a terminal
/// would obey, nothing that another program takes for something else.
pub fn is_path(name: &str) -> bool {
    let segment = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
    };
    name.len() <= 99 && name.split('/').all(segment)
}
