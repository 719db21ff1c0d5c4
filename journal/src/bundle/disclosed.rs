//! One entry, disclosed: its leaf, what opens its commitment, and its way to the root.

use super::object;
use crate::entry::Leaf;
use crate::merkle::{Hash, leaf_hash, verify_inclusion};
use crate::reader::Evidence;
use crate::ring::SALT;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};

/// An entry with its proof: a line of `entries.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosed {
    /// Its place in the log.
    pub index: u64,
    /// The leaf, as it stands in the tree.
    pub leaf: String,
    /// The hashes from it to the root, lowest first, in hexadecimal.
    pub path: Vec<String>,
    /// The salt, in hexadecimal; `None` with the body.
    pub salt: Option<String>,
    /// The body; `None` where its key was destroyed.
    pub body: Option<String>,
}

/// The entry that names a bundle's manifest, under a later checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Custody {
    /// The entry.
    #[serde(deserialize_with = "object::one")]
    pub entry: Disclosed,
    /// A signed checkpoint that covers it.
    pub checkpoint: String,
    /// The proof that the bundle's checkpoint is a prefix of that one, in hexadecimal.
    pub consistency: Vec<String>,
}

/// Another checkpoint of the same log: a line of `anchors.jsonl`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchored {
    /// The signed checkpoint.
    pub checkpoint: String,
    /// The proof that it is a prefix of the bundle's, in hexadecimal.
    pub consistency: Vec<String>,
}

pub(super) fn hashes(hex: &[String]) -> Option<Vec<Hash>> {
    hex.iter().map(|one| HEXLOWER.decode(one.as_bytes()).ok()?.try_into().ok()).collect()
}

/// Hashes as they are written.
pub(super) fn hex(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(|hash| HEXLOWER.encode(hash)).collect()
}

impl Disclosed {
    /// From an entry and its audit path.
    pub fn new(evidence: &Evidence, path: &[Hash]) -> Disclosed {
        let (salt, body) = evidence.opened.as_ref().map(|(salt, body)| (HEXLOWER.encode(salt), body)).unzip();
        Disclosed {
            index: evidence.leaf.index,
            leaf: String::from_utf8_lossy(&evidence.bytes).into_owned(),
            path: hex(path),
            salt,
            body: body.map(|body| String::from_utf8_lossy(body).into_owned()),
        }
    }

    /// The leaf if this is one, at this place, under this root. `Err` says in words what does not hold.
    pub(super) fn proven(&self, size: u64, root: &Hash) -> Result<Leaf, String> {
        let n = self.index;
        let leaf = Leaf::from_bytes(self.leaf.as_bytes()).filter(|leaf| leaf.index == n);
        let leaf = leaf.ok_or_else(|| format!("entry {n} has no leaf of this place: it was altered"))?;
        let path = hashes(&self.path).ok_or_else(|| format!("entry {n} has no proof of the right form"))?;
        match verify_inclusion(leaf_hash(self.leaf.as_bytes()), n, size, &path, root) {
            true => Ok(leaf),
            false => Err(format!("entry {n} ({}) is not in the log of the signed checkpoint", leaf.kind)),
        }
    }

    /// The body, if the leaf commits to it; `Ok(None)` where there is none any more. `Err` says in words
    /// what does not hold.
    pub(super) fn content(&self, leaf: &Leaf) -> Result<Option<&str>, String> {
        let (n, kind) = (self.index, &leaf.kind);
        let (Some(salt), Some(body)) = (&self.salt, &self.body) else {
            return match (&self.salt, &self.body) {
                (None, None) => Ok(None),
                _ => Err(format!("entry {n} ({kind}) has a salt or a body alone")),
            };
        };
        let salt: Option<[u8; SALT]> = HEXLOWER.decode(salt.as_bytes()).ok().and_then(|salt| salt.try_into().ok());
        match salt.is_some_and(|salt| leaf.commits_to(&salt, body.as_bytes())) {
            true => Ok(Some(body)),
            false => {
                Err(format!("the content of entry {n} ({kind}) is not what the journal committed to: it was altered"))
            }
        }
    }
}
