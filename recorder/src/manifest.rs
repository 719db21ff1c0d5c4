//! What a sealed recording consists of. Names no person, so it may lie in clear; its digest stands
//! in the journal.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The format's name.
pub(crate) const FORMAT: &str = "poterne-recording-1";

/// How whole it is (D24).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// From the first frame to the end.
    Whole,
    /// The bastion crashed; whole up to the last frame that was shown.
    Interrupted,
    /// Shorter than, or different from, what the journal was told.
    Mutilated,
}

/// What a part is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PartKind {
    /// An asciicast v2 of a terminal.
    Cast,
    /// Keyframes of an asciicast, for seeking.
    Index,
    /// A raw track of a channel without a terminal.
    Raw,
    /// What happened to files on a channel, one line each.
    Files,
    /// Content of files that was kept: a raw track of its own, so that it can be destroyed by itself.
    Content,
    /// Secrets typed on a terminal, which two persons open.
    Secrets,
    /// What was readable on terminals, line by line.
    Transcript,
}

/// One part: two files, head and body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Its name: `NAME.head` in the key ring and `NAME.body` beside the manifest.
    pub name: String,
    /// What it is.
    pub kind: PartKind,
    /// Of which channel; 0: of the whole session.
    pub channel: u32,
    /// When the channel began.
    pub started: Timestamp,
    /// When its last frame was written.
    pub ended: Timestamp,
    /// Bytes of the plain file.
    pub plain_bytes: u64,
    /// SHA-256 of the plain file, in hexadecimal.
    pub plain_sha256: String,
    /// Bytes of head and body.
    pub sealed_bytes: u64,
    /// SHA-256 of the head, in hexadecimal.
    pub head_sha256: String,
    /// SHA-256 of the body, in hexadecimal.
    pub body_sha256: String,
}

/// The spool that it was made from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The head of its chain as far as it could be read, in hexadecimal.
    pub head: String,
    /// Bytes that could be read.
    pub length: u64,
    /// Frames that could be read.
    pub frames: u64,
    /// The head that the journal was told last, in hexadecimal.
    pub committed_head: String,
    /// The length that the journal was told last.
    pub committed_length: u64,
    /// Bytes that are missing of what the journal was told.
    pub missing: u64,
}

/// The manifest of a sealed recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `poterne-recording-1`.
    pub format: String,
    /// The session.
    pub session: String,
    /// When the recording began.
    pub started: Timestamp,
    /// How whole it is.
    pub state: State,
    /// Who can open it: age recipients.
    pub recipients: Vec<String>,
    /// Of whom one must help each time: the recipients of a second layer around all parts. Empty where
    /// one person reads alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub second_recipients: Vec<String>,
    /// Pairs of recipients, by their place from 1, who open the secrets together; second recipients
    /// count on behind the others. Empty where there are none; with one recipient nothing is set apart.
    pub secrets_open_to: Vec<(usize, usize)>,
    /// SHA-256 of the wrapped key of each such pair, in hexadecimal, in the same order.
    #[serde(default)]
    pub secrets_keys: Vec<String>,
    /// The spool.
    pub source: Source,
    /// Its parts.
    pub parts: Vec<Part>,
}

impl Manifest {
    /// Whether it takes two persons to read.
    pub fn takes_two(&self) -> bool {
        !self.second_recipients.is_empty()
    }

    /// The file's bytes: what the digest in the journal is over.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).unwrap_or_default();
        bytes.push(b'\n');
        bytes
    }
}
