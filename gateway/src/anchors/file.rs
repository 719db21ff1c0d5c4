//! A file on another mount: each checkpoint is appended, with a blank line behind it.

use super::keep::NOTE;
use super::{Given, Trouble};
use crate::site::Site;
use data_encoding::BASE64;
use journal::{Checkpoint, VerifierKey};
use lifecycle::Rollbacks;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

/// How much of the end of the file is read: some thousands of checkpoints.
const READ: u64 = 1 << 20;

/// Looks what the file remembers, and appends the newest checkpoint unless it is there.
pub(super) fn give(site: &Site, path: &Path, name: &str, known: &Rollbacks) -> Result<Given, Trouble> {
    let said = |error: std::io::Error| format!("`{}`: {error}", path.display());
    let text = read_end(path).map_err(said)?;
    let open = |error: &dyn std::fmt::Display| Trouble::Failed(error.to_string());
    let mut reader = site.archive.open().map_err(|error| open(&error))?;
    let newest = newest(&text, site.archive.key(), |size, root| known.knows(name, size, root));
    if let Some(remembered) = &newest
        && reader.root_at(remembered.size).map_err(|error| open(&error))? != Some(remembered.root)
    {
        return Err(Trouble::Contradicts { size: remembered.size, root: BASE64.encode(&remembered.root) });
    }
    let (note, size) = (reader.checkpoint().to_owned(), reader.size());
    let given = Given { size, kept: vec![(NOTE, note.clone().into_bytes())] };
    if known.open.is_some() {
        // What two persons have still to accept is not covered up by newer ones.
        return Err(Trouble::Failed(
            "entries are missing: nothing is appended before two persons accept it".to_owned(),
        ));
    }
    if newest.is_some_and(|newest| newest.size == size) {
        return Ok(given);
    }
    let mut file = OpenOptions::new().create(true).append(true).open(path).map_err(said)?;
    // A line that a full disk broke off is ended, so that what follows can be read.
    let torn = if text.is_empty() || text.ends_with("\n\n") { "" } else { "\n\n" };
    file.write_all(format!("{torn}{note}\n").as_bytes()).map_err(said)?;
    file.sync_data().map_err(said)?;
    Ok(given)
}

fn read_end(path: &Path) -> std::io::Result<String> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(READ)))?;
    let mut bytes = Vec::new();
    file.take(READ).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The largest checkpoint of this log in the text, of those behind the last one that is known to be
/// lost. What does not verify is passed over: a torn end, another log's.
fn newest(text: &str, key: &VerifierKey, lost: impl Fn(u64, &str) -> bool) -> Option<Checkpoint> {
    let lines: Vec<&str> = text.split('\n').collect();
    let mut newest: Option<Checkpoint> = None;
    for window in lines.windows(5) {
        let [origin, .., blank, signature] = window else { continue };
        if !blank.is_empty() || !signature.starts_with('\u{2014}') || *origin != key.name() {
            continue;
        }
        let Ok(found) = Checkpoint::verify(&format!("{}\n", window.join("\n")), key) else { continue };
        if lost(found.size, &BASE64.encode(&found.root)) {
            newest = None;
        } else if newest.as_ref().is_none_or(|newest| found.size >= newest.size) {
            newest = Some(found);
        }
    }
    newest
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTE: &str = include_str!("../../../journal/tests/golden/short/checkpoint");
    const KEY: &str = include_str!("../../../journal/tests/golden/vkey");

    #[test]
    fn the_newest_is_found_among_what_is_torn_or_anothers() {
        let key: VerifierKey = KEY.trim().parse().unwrap();
        let torn = &NOTE[..NOTE.len() - 9];
        let other = NOTE.replace("\n5\n", "\n9\n");
        let text = format!("{other}\n{NOTE}\n{torn}\n\n");
        assert_eq!(newest(&text, &key, |_, _| false).unwrap().size, 5);
        assert_eq!(newest(&text, &key, |size, _| size == 5), None, "what was accepted is not found again");
        assert_eq!(newest(torn, &key, |_, _| false), None);
    }
}
