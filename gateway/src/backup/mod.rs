//! Backups: made beside the running daemon, encrypted to keys that are not on this machine, checked,
//! and put back under a new origin that two persons have to accept (D17).
//!
//! A set is a folder with a manifest and two archives: `state` holds what is of no use alone, `keys`
//! what opens it, so that few copies of the keys need be kept (D23). Sealed recordings never change and
//! lie beside the sets, one archive each, written once.

mod archive;
mod create;
mod earlier;
mod gone;
mod restore;
mod verify;

pub(crate) use create::{Order, create};
pub(crate) use gone::Gone;
pub(crate) use restore::{BROKEN_OFF, Put, restore};
pub(crate) use verify::{Outside, verify};

use anyhow::Context as _;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// The version of the layout.
const FORMAT: u32 = 1;
/// Archive of journal, vault, spools and configuration.
const STATE: &str = "state.tar.age";
/// Archive of the keys to them: the journal's ring and tail, the heads of recordings.
const KEYS: &str = "keys.tar.age";
const MANIFEST: &str = "manifest.json";
/// Where recordings lie, beside the sets.
const RECORDINGS: &str = "recordings";

/// What a set says of itself. It proves nothing: what proves is the journal in it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Manifest {
    format: u32,
    /// When it was made.
    pub(crate) made: Timestamp,
    /// The newest signed checkpoint in it.
    pub(crate) checkpoint: String,
    /// SHA-256 of each archive of the set.
    archives: BTreeMap<String, String>,
    /// SHA-256 of the archive of each sealed recording, by session.
    recordings: BTreeMap<String, String>,
    /// The files of those archives that are not named by their session alone, by session.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    recording_files: BTreeMap<String, String>,
    /// Whose keys open the archive of a recording, each alone, by session: `age1…`. Of one that is not
    /// here nobody says.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    recordings_open_to: BTreeMap<String, BTreeSet<String>>,
}

impl Manifest {
    fn read(set: &Path) -> anyhow::Result<Manifest> {
        let path = set.join(MANIFEST);
        let text = fs::read_to_string(&path).with_context(|| format!("`{}` cannot be read", path.display()))?;
        let read: Manifest = serde_json::from_str(&text).with_context(|| format!("`{}`", path.display()))?;
        anyhow::ensure!(read.format == FORMAT, "the set is of format {}, not {FORMAT}", read.format);
        let safe = |name: &String| Path::new(name).components().count() == 1 && !name.starts_with('.');
        anyhow::ensure!(
            read.recordings.keys().chain(read.archives.keys()).chain(read.recording_files.values()).all(safe),
            "the manifest names what is no file of a set"
        );
        Ok(read)
    }

    /// The archive of a recording, below [`RECORDINGS`].
    fn file_of(&self, id: &str) -> String {
        self.recording_files.get(id).cloned().unwrap_or_else(|| recording_file(id))
    }

    /// Each archive with its digest; recordings lie beside the set.
    fn files(&self, set: &Path) -> Vec<(PathBuf, &String)> {
        let beside = set.parent().unwrap_or(set).join(RECORDINGS);
        let own = self.archives.iter().map(|(name, digest)| (set.join(name), digest));
        let recordings = self.recordings.iter().map(|(id, digest)| (beside.join(self.file_of(id)), digest));
        own.chain(recordings).collect()
    }
}

fn recording_file(id: &str) -> String {
    format!("{id}.tar.age")
}

fn digest_of(path: &Path) -> anyhow::Result<String> {
    let mut file = File::open(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    digest_from(&mut file).with_context(|| format!("`{}`", path.display()))
}

fn digest_from(from: &mut dyn Read) -> io::Result<String> {
    let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let mut buffer = vec![0; 1 << 16];
    loop {
        let read = from.read(&mut buffer)?;
        match buffer.get(..read) {
            Some([]) | None => return Ok(HEXLOWER.encode(context.finish().as_ref())),
            Some(bytes) => context.update(bytes),
        }
    }
}
