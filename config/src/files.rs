//! Which files are read, and their bytes.
//!
//! What a name or a mode makes doubtful is complained of here, before a line of it is believed.

use crate::read::{Place, Sink};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// Longest file. Thousands of targets fit; a disk image given by mistake does not.
const LONGEST: u64 = 4 << 20;

/// What may be declared in a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `poterne.toml`: everything.
    Main,
    /// `vendors.d`: vendors.
    Vendors,
    /// `targets.d`: targets.
    Targets,
}

/// The files of a folder, in the order of their names. A folder that does not exist is empty.
pub(crate) fn files_in(folder: &Path, sink: &Sink) -> Vec<PathBuf> {
    let whole = Place::whole(folder);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            sink.error(&whole, format!("cannot be read: {error}"));
            return Vec::new();
        }
    };
    if fs::metadata(folder).is_ok_and(|found| found.permissions().mode() & 0o002 != 0) {
        sink.error(&whole, "everybody on this machine can put files here: run `chmod o-w` on it");
    }
    let mut paths = Vec::new();
    for entry in entries {
        let path = match entry {
            Ok(entry) => entry.path(),
            Err(error) => {
                sink.error(&whole, format!("cannot be read: {error}"));
                continue;
            }
        };
        // Editors keep their own files beside the one being edited, with a dot in front.
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        match path.extension() {
            _ if hidden => {}
            Some(end) if end == "toml" => paths.push(path),
            _ => sink.warn(&Place::whole(&path), "is not read: only names that end in `.toml` are"),
        }
    }
    paths.sort();
    paths
}

/// The text of a file, without the mark that some editors put before it.
pub(crate) fn read_file(path: &Path, sink: &Sink) -> Option<String> {
    let whole = Place::whole(path);
    let unreadable = |error: std::io::Error| sink.error(&whole, format!("cannot be read: {error}"));
    let found = fs::metadata(path).map_err(unreadable).ok()?;
    // A named pipe would let the daemon wait for ever.
    if !found.is_file() {
        sink.error(&whole, "is not a file: rename it, or put the file there");
        return None;
    }
    if found.len() > LONGEST {
        sink.error(&whole, format!("is longer than {} MiB: this is no configuration", LONGEST >> 20));
        return None;
    }
    if found.permissions().mode() & 0o002 != 0 {
        sink.error(&whole, "everybody on this machine can change it: run `chmod o-w` on it");
    }
    let bytes = fs::read(path).map_err(unreadable).ok()?;
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        sink.error(&whole, "is written in UTF-16: save it as UTF-8");
        return None;
    }
    match String::from_utf8(bytes) {
        Ok(text) => Some(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Err(error) => {
            let (end, bytes) = (error.utf8_error().valid_up_to(), error.into_bytes());
            let before = String::from_utf8_lossy(bytes.get(..end).unwrap_or_default());
            let found = bytes.get(end).copied().unwrap_or_default();
            sink.error(
                &Place::of(path, &before, end),
                format!("the byte 0x{found:02x} is not UTF-8 (an accent in another encoding?): save the file as UTF-8"),
            );
            None
        }
    }
}
