//! The bundle's file, read in pieces: nothing is unpacked, nothing larger than a list is held.

use super::object::Object;
use super::tar::{self, Place};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

/// A manifest names some ten thousand files at most.
const LONGEST_MANIFEST: u64 = 64 << 20;
/// A body is 1 MiB at most, and JSON writes some characters with six.
pub(super) const LONGEST_LINE: u64 = 8 << 20;

/// The file, and where in it each file lies.
pub(super) struct Bundle {
    path: PathBuf,
    places: BTreeMap<String, Place>,
}

impl Bundle {
    pub(super) fn open(path: &Path) -> Result<Bundle, String> {
        let failed = |error: io::Error| format!("the bundle cannot be read: {error}");
        if !std::fs::metadata(path).map_err(failed)?.is_file() {
            return Err("the bundle is not an ordinary file".to_owned());
        }
        let mut file = BufReader::new(File::open(path).map_err(failed)?);
        Ok(Bundle { path: path.to_owned(), places: tar::index(&mut file)? })
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &String> {
        self.places.keys()
    }

    pub(super) fn reader(&self, name: &str) -> Result<BufReader<io::Take<File>>, String> {
        let (at, bytes) = self.places.get(name).ok_or_else(|| format!("`{name}` is not in the bundle"))?;
        let failed = |error: io::Error| format!("`{name}` cannot be read: {error}");
        let mut file = File::open(&self.path).map_err(failed)?;
        file.seek(SeekFrom::Start(*at)).map_err(failed)?;
        Ok(BufReader::with_capacity(128 << 10, file.take(*bytes)))
    }

    /// A small file, whole.
    pub(super) fn read(&self, name: &str, longest: u64) -> Result<Vec<u8>, String> {
        let mut bytes = Vec::new();
        match self.reader(name)?.take(longest + 1).read_to_end(&mut bytes) {
            Ok(count) if count as u64 <= longest => Ok(bytes),
            Ok(_) => Err(format!("`{name}` is longer than any such file")),
            Err(error) => Err(format!("`{name}` cannot be read: {error}")),
        }
    }

    /// A list of the manifest's length.
    pub(super) fn read_list(&self, name: &str) -> Result<Vec<u8>, String> {
        self.read(name, LONGEST_MANIFEST)
    }

    /// Length and digest of a file, read in pieces.
    pub(super) fn digest(&self, name: &str) -> Result<(u64, String), String> {
        digest_of(&mut self.reader(name)?).map_err(|error| format!("`{name}` cannot be read: {error}"))
    }
}

/// Length and digest of what is left of a stream.
pub(super) fn digest_of(from: &mut impl Read) -> io::Result<(u64, String)> {
    let (mut digest, mut bytes) = (Sha256::new(), 0);
    let mut buffer = vec![0; 128 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok((bytes, HEXLOWER.encode(&digest.finalize()))),
            Ok(count) => {
                digest.update(buffer.get(..count).unwrap_or_default());
                bytes += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The lines of a file of JSON, one object each.
pub(super) struct Lines {
    pub(super) name: &'static str,
    pub(super) from: BufReader<io::Take<File>>,
}

impl Lines {
    /// The next; `None` at the end. `Err` says in words what is wrong with it.
    pub(super) fn next<T: serde::de::DeserializeOwned>(&mut self) -> Option<Result<T, String>> {
        let mut line = Vec::new();
        match (&mut self.from).take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) => None,
            Ok(_) if line.ends_with(b"\n") => {
                let read = serde_json::from_slice(&line).map(|Object(one)| one);
                Some(read.map_err(|_| format!("`{}` has a line of another form", self.name)))
            }
            Ok(_) => Some(Err(format!("`{}` has a line without an end", self.name))),
            Err(error) => Some(Err(format!("`{}` cannot be read: {error}", self.name))),
        }
    }
}
