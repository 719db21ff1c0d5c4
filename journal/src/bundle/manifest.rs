//! What a bundle says it holds.

use super::object;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The format's name.
pub(super) const FORMAT: &str = "poterne-bundle-1";

/// A file and its digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleFile {
    /// Its path in the bundle.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256 of it, in hexadecimal.
    pub sha256: String,
}

/// In which form a recording is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Held {
    /// As it is stored.
    Stored,
    /// Its manifest alone; what it holds was encrypted anew by whoever exported.
    Reencrypted,
    /// Not sealed when the bundle was made.
    NotSealed,
}

/// A session's recording in the bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeldRecording {
    /// In which form.
    pub held: Held,
    /// Files of it that the bastion does not have any more.
    pub without: BTreeSet<String>,
}

/// `manifest.json` of a bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BundleManifest {
    /// `poterne-bundle-1`.
    pub format: String,
    /// The log's name.
    pub origin: String,
    /// When it was made.
    pub made: Timestamp,
    /// Who asked for it.
    pub by: String,
    /// What for.
    pub purpose: String,
    /// What was asked for, in words.
    pub scope: String,
    /// The sessions whose entries are in it.
    pub sessions: BTreeSet<String>,
    /// The interventions whose entries are in it.
    pub interventions: BTreeSet<u64>,
    /// The first entry whose leaf is shown.
    pub first: u64,
    /// The first one behind those that are shown.
    pub end: u64,
    /// Entries under the checkpoint.
    pub size: u64,
    /// The recordings, by session.
    #[serde(deserialize_with = "object::map")]
    pub recordings: BTreeMap<String, HeldRecording>,
    /// All other files.
    #[serde(deserialize_with = "object::list")]
    pub files: Vec<BundleFile>,
}

impl BundleManifest {
    /// The format that this program writes.
    pub fn format() -> String {
        FORMAT.to_owned()
    }

    /// The file's bytes: what the journal's entry is over.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}
