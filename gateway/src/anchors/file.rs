//! A file on another mount: each checkpoint is appended, with a blank line behind it.

use super::keep::NOTE;
use super::{Given, Trouble};
use crate::site::Site;
use data_encoding::BASE64;
use journal::{Checkpoint, VerifierKey};
use lifecycle::Rollbacks;
use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::path::Path;

/// Longest file: some hundred thousand checkpoints, which is years of them.
const MOST: u64 = 64 << 20;
/// Lines of a checkpoint with one signature.
const NOTE_LINES: usize = 5;

/// Looks what the file remembers, and appends the newest checkpoint unless it is there.
pub(super) fn give(site: &Site, path: &Path, name: &str, known: &Rollbacks) -> Result<Given, Trouble> {
    let said = |error: std::io::Error| format!("`{}`: {error}", path.display());
    let text = read(path)?;
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

/// All of it: whoever may append to it must not be able to push what it remembers out of sight.
fn read(path: &Path) -> Result<String, String> {
    let said = |error: std::io::Error| format!("`{}`: {error}", path.display());
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(said(error)),
    };
    let mut bytes = Vec::new();
    file.take(MOST + 1).read_to_end(&mut bytes).map_err(said)?;
    if bytes.len() as u64 > MOST {
        return Err(format!(
            "`{}` is longer than {} MiB, and what it remembers is not looked for in it: keep it under another name \
             where it lies, and begin a new file with its last five lines",
            path.display(),
            MOST >> 20
        ));
    }
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The largest checkpoint of this log in the text, of those behind where the last of the known losses
/// stands first: one that is appended again later hides nothing. What does not verify is passed over: a
/// torn end, another log's.
fn newest(text: &str, key: &VerifierKey, lost: impl Fn(u64, &str) -> bool) -> Option<Checkpoint> {
    let lines: Vec<&str> = text.split('\n').collect();
    let verified = |place: usize| {
        let window = lines.get(place..place + NOTE_LINES)?;
        Checkpoint::verify(&format!("{}\n", window.join("\n")), key).ok()
    };
    let mut found: Vec<(u64, usize)> = Vec::new();
    let mut losses = BTreeSet::new();
    for (place, window) in lines.windows(NOTE_LINES).enumerate() {
        let [origin, size, root, blank, signature] = window else { continue };
        if !blank.is_empty() || !signature.starts_with('\u{2014}') || *origin != key.name() {
            continue;
        }
        let Ok(size) = size.parse::<u64>() else { continue };
        if !lost(size, root) {
            found.push((size, place));
        } else if !losses.contains(&(size, *root)) && verified(place).is_some() {
            losses.insert((size, *root));
            found.clear();
        }
    }
    // Signatures are looked at from the largest down, so that one is enough.
    found.sort_unstable();
    found.into_iter().rev().find_map(|(_, place)| verified(place))
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

    /// T1: whoever may append can push nothing out of sight.
    #[test]
    fn what_is_appended_hides_nothing() {
        let key: VerifierKey = KEY.trim().parse().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("checkpoints");
        assert_eq!(read(&path).unwrap(), "");
        std::fs::write(&path, format!("{NOTE}{}", "\n".repeat(1_100_000))).unwrap();
        assert_eq!(newest(&read(&path).unwrap(), &key, |_, _| false).unwrap().size, 5);
        // Forged ones, larger and smaller, are passed over.
        let forged: String = (1..2_000).map(|n| format!("{}\n", NOTE.replace("\n5\n", &format!("\n{n}\n")))).collect();
        assert_eq!(newest(&format!("{NOTE}\n{forged}"), &key, |_, _| false).unwrap().size, 5);
        File::create(&path).unwrap().set_len(MOST + 1).unwrap();
        assert!(read(&path).unwrap_err().contains("longer than 64 MiB"));
    }

    /// A loss that two persons accepted hides what came before it, once.
    #[test]
    fn a_known_loss_that_is_appended_again_hides_nothing() {
        let signer = journal::SigningKey::new("poterne.example/1", &[7; 32]).unwrap();
        let note = |size: u8| {
            let origin = "poterne.example/1".to_owned();
            signer.sign(&Checkpoint { origin, size: size.into(), root: [size; 32] })
        };
        let key = signer.verifier();
        let lost = |size: u64, _: &str| size == 9;
        let text = [8, 9, 5, 6].map(|size| format!("{}\n", note(size))).concat();
        assert_eq!(newest(&text, &key, lost).unwrap().size, 6, "8 went with 9");
        assert_eq!(newest(&format!("{text}{}\n", note(9)), &key, lost).unwrap().size, 6);
    }
}
