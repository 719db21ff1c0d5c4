//! The journal, read beside the registrar that writes it: for exports, searches and what is forwarded.

use journal::{Masters, OpenError, Reader, VerifierKey};
use std::path::PathBuf;

/// Opens the journal for reading, as often as somebody asks.
pub struct Archive {
    folder: PathBuf,
    masters: Masters,
    key: VerifierKey,
}

impl Archive {
    /// The journal in this folder, whose bodies open with the ring's master keys: the very ones that its
    /// writer has, so that a reader goes on while the ring is rewritten.
    pub fn new(folder: PathBuf, masters: Masters, key: VerifierKey) -> Self {
        Self { folder, masters, key }
    }

    /// The journal as it is now. Blocks on the disk.
    pub fn open(&self) -> Result<Reader, OpenError> {
        Reader::open(&self.folder, self.masters.clone(), &self.key)
    }

    /// The journal's public key.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }
}
