//! The journal, read beside the registrar that writes it: for exports, searches and what is forwarded.

use journal::{MasterKey, OpenError, Reader, VerifierKey};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Opens the journal for reading, as often as somebody asks.
pub struct Archive {
    folder: PathBuf,
    ring: Zeroizing<[u8; 32]>,
    key: VerifierKey,
}

impl Archive {
    /// The journal in this folder, whose bodies open with the ring's master key.
    pub fn new(folder: PathBuf, ring: [u8; 32], key: VerifierKey) -> Self {
        Self { folder, ring: Zeroizing::new(ring), key }
    }

    /// The journal as it is now. Blocks on the disk.
    pub fn open(&self) -> Result<Reader, OpenError> {
        Reader::open(&self.folder, MasterKey::new(*self.ring), &self.key)
    }

    /// The journal's public key.
    pub fn key(&self) -> &VerifierKey {
        &self.key
    }
}
