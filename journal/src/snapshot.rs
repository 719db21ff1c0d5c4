//! A copy of the log as it was at one moment, beside its writer.

use crate::disk::OsDisk;
use crate::store::{self, Record, TILE};
use std::io;
use std::path::{Path, PathBuf};

/// What a copy of the log is made of.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// The tail, up to its newest checkpoint.
    pub tail: Vec<u8>,
    /// That checkpoint, which belongs into `checkpoint`.
    pub checkpoint: String,
    /// The files of the full tiles before it, relative to the folder. They are there, and never change;
    /// a retention run alone replaces those below `keys/`.
    pub files: Vec<PathBuf>,
}

impl Snapshot {
    /// As the log in this folder is now. Signatures are not checked: who keeps the copy checks it.
    pub fn take(folder: &Path) -> io::Result<Snapshot> {
        let none = || io::Error::new(io::ErrorKind::InvalidData, "`tail` holds no checkpoint");
        let mut tail = store::read_tail(&mut OsDisk::default(), folder)?.ok_or_else(none)?;
        let newest = tail.records.iter().rev().find_map(|(record, end)| match record {
            Record::Checkpoint(note) => Some((note.clone(), *end)),
            _ => None,
        });
        let (checkpoint, end) = newest.ok_or_else(none)?;
        tail.bytes.truncate(end);
        let full = tail.base / TILE as u64;
        let mut files: Vec<PathBuf> = (0..full).flat_map(store::tile_paths).collect();
        let (mut level, mut tiles) = (1, full / TILE as u64);
        while tiles > 0 {
            files.extend((0..tiles).map(|n| store::upper_path(level, n)));
            (level, tiles) = (level + 1, tiles / TILE as u64);
        }
        Ok(Snapshot { tail: tail.bytes, checkpoint, files })
    }
}
