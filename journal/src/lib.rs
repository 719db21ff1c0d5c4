//! The append-only journal: a Merkle log whose every group commit ends in a signed checkpoint.
//!
//! An entry has a **leaf**, public and without personal data, that goes into an RFC 6962 tree, and
//! a **body**, sealed under the entry's own key, that the leaf commits to. Destroying the key
//! erases the body for good while every proof stays valid (REQUIREMENTS LOG-03, LOG-04, LOG-08).
//! Byte for byte: `docs/format-journal.md`.
//!
//! [`Journal::append`] returns when the entries and a checkpoint over them are on the disk. After a
//! failed write nothing more is accepted: what the disk holds is then unknown ([`AppendError::Fatal`]).
//! This crate asks neither clock nor system for randomness; both are handed in.
#![forbid(unsafe_code)]

pub mod bundle;
pub mod call;
mod disk;
mod entry;
mod log;
mod merkle;
mod note;
mod reader;
mod ring;
mod snapshot;
mod store;
mod verify;

pub use disk::{Disk, OsDisk, Relief};
pub use entry::{Entry, Leaf, NewEntry, Subject};
pub use log::{AppendError, Journal, OpenError, Receipt, Recovered};
pub use merkle::{
    Frontier, Hash, consistency_proof, empty_root, inclusion_proof, leaf_hash, root_of, verify_consistency,
    verify_inclusion,
};
pub use note::{Checkpoint, NoteError, SigningKey, VerifierKey, WitnessKey};
pub use reader::{Evidence, Reader};
pub use ring::{MasterKey, Masters};
pub use snapshot::Snapshot;
pub use verify::{Finding, LogReport, Since, check_log, check_log_since};

/// A source of random bytes, handed in by the program.
pub type Entropy = Box<dyn FnMut(&mut [u8]) + Send>;
