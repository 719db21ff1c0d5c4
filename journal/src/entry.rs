//! One entry: its public leaf, its body.

use crate::merkle::Hash;
use crate::ring::{KEY_ID, SALT};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Longest leaf, in bytes. Its digests, time and field names are some 330 of them.
pub(crate) const LONGEST_LEAF: usize = 1024;
/// RFC 8785 has numbers as IEEE doubles, exact up to here.
const LARGEST_NUMBER: u64 = (1 << 53) - 1;

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
    /// When it happened. Kept to the millisecond, the rest cut off.
    pub at: Timestamp,
    /// What kind of event it is; the kinds are listed in `docs/format-journal.md`. It and the ids
    /// are public: printable ASCII without spaces, quotes and backslashes.
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
    /// The body; `None` where its key was destroyed at the end of its term. Only the holder of the
    /// master key can have done that, and never to an entry that is still in the tail.
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
        if bytes.len() > LONGEST_LEAF {
            return None;
        }
        let leaf: Leaf = serde_json::from_slice(bytes).ok()?;
        (leaf.refusal().is_none() && leaf.to_bytes() == bytes).then_some(leaf)
    }

    /// Why this can be no leaf, if so. The same rules hold for writing and for reading.
    pub(crate) fn refusal(&self) -> Option<&'static str> {
        let hex = |text: &str, bytes: usize| {
            text.len() == bytes * 2 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        // Ids and kinds alone: no space, so hardly a person's name, and nothing that JSON escapes.
        let plain = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\'))
        };
        let ids = [Some(&self.kind), self.account.as_ref(), self.session.as_ref()];
        if !ids.into_iter().flatten().all(|id| plain(id)) {
            Some("its kind or an id is empty, or has other characters than printable ASCII")
        } else if self.intervention.max(Some(self.index)) > Some(LARGEST_NUMBER) {
            Some("a number is beyond what canonical JSON holds")
        } else if !hex(&self.body, 32) || !hex(&self.sealed, 32) || !hex(&self.key, KEY_ID) {
            Some("a digest is not lower-case hexadecimal of its length")
        } else if self.at.subsec_nanosecond() % 1_000_000 != 0 {
            Some("its time is finer than a millisecond")
        } else {
            None
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The spelling of times is part of the format.
    #[test]
    fn times_have_one_spelling() {
        let leaf = |millis| Leaf {
            account: None,
            at: Timestamp::from_millisecond(millis).unwrap(),
            body: "00".repeat(32),
            index: 0,
            intervention: None,
            key: "00".repeat(KEY_ID),
            kind: "test".into(),
            sealed: "00".repeat(32),
            session: None,
        };
        for (millis, second) in [(0, "20Z"), (100, "20.1Z"), (120, "20.12Z"), (123, "20.123Z"), (1, "20.001Z")] {
            let bytes = leaf(1_790_000_000_000 + millis).to_bytes();
            let text = std::str::from_utf8(&bytes).unwrap();
            assert!(text.starts_with(&format!("{{\"at\":\"2026-09-21T14:13:{second}\",\"body\"")), "{text}");
            assert!(Leaf::from_bytes(&bytes).is_some());
            for other in ["20.000Z", "20.1230Z", "20+00:00", "20z"] {
                let respelt = text.replacen(second, other, 1);
                assert!(Leaf::from_bytes(respelt.as_bytes()).is_none(), "{respelt}");
            }
        }
    }
}
