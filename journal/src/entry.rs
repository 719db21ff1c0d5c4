//! One entry: its public leaf, its body.

use crate::merkle::Hash;
use crate::ring::SALT;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// What an entry is about, by ids that name no person.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subject {
    /// An account's random id.
    pub account: Option<String>,
    /// An intervention's number.
    pub intervention: Option<u64>,
    /// A session's id.
    pub session: Option<String>,
}

/// An entry to be appended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEntry {
    /// When it happened. Kept to the millisecond.
    pub at: Timestamp,
    /// What kind of event it is; the kinds are listed in `docs/format-journal.md`.
    pub kind: String,
    /// What it is about.
    pub subject: Subject,
    /// Everything else, as canonical JSON. May name people.
    pub body: Vec<u8>,
}

/// An entry read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The public leaf.
    pub leaf: Leaf,
    /// The body; `None` where its key was destroyed at the end of its term.
    pub body: Option<Vec<u8>>,
}

/// The public part of an entry: one canonical JSON object, without personal data. Its bytes are
/// the leaf of the tree. The fields stand in the order of their names, as RFC 8785 has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Leaf {
    /// The account it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// When, in UTC, to the millisecond.
    pub at: Timestamp,
    /// `SHA-256(salt ‖ body)`, in hexadecimal: what the body must be.
    pub body: String,
    /// Its place in the log.
    pub index: u64,
    /// The intervention it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intervention: Option<u64>,
    /// The id of its key in the ring, in hexadecimal.
    pub key: String,
    /// The kind of event.
    pub kind: String,
    /// `SHA-256` of the sealed body as stored, in hexadecimal: a flipped byte shows without any key.
    pub sealed: String,
    /// The session it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

impl Leaf {
    /// The bytes of the leaf.
    pub fn to_bytes(&self) -> Vec<u8> {
        // A struct of strings and integers always serialises.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a leaf, and refuses any spelling but the canonical one.
    pub fn from_bytes(bytes: &[u8]) -> Option<Leaf> {
        let leaf: Leaf = serde_json::from_slice(bytes).ok()?;
        (leaf.to_bytes() == bytes).then_some(leaf)
    }

    /// Whether this is the body the leaf commits to.
    pub fn commits_to(&self, salt: &[u8; SALT], body: &[u8]) -> bool {
        self.body == HEXLOWER.encode(&commitment(salt, body))
    }
}

pub(crate) fn commitment(salt: &[u8; SALT], body: &[u8]) -> Hash {
    Sha256::new().chain_update(salt).chain_update(body).finalize().into()
}

pub(crate) fn digest(bytes: &[u8]) -> Hash {
    Sha256::digest(bytes).into()
}
