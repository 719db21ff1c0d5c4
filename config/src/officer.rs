//! The officer's key file for replay in the browser (D23): there, private, and closed by a passphrase.

use crate::read::quoted;
use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// What of the file is looked at: the head of an age file with a passphrase ends long before, and so
/// does a plain key with its comments.
const LOOKED_AT: u64 = 4096;

/// What is wrong with a key file, or why nothing can be said of it.
pub(crate) enum Wrong {
    /// It must not be used, for this reason.
    Refused(String),
    /// Whoever runs this may not look.
    Unseen(String),
}

/// Whether the file can be what `replay-key` needs. Nothing is decrypted.
pub(crate) fn check(path: &Path) -> Result<(), Wrong> {
    let shown = quoted(&path.to_string_lossy());
    let refused = |why: String| Err(Wrong::Refused(format!("`{shown}` {why}")));
    let unreadable = |error: std::io::Error| match error.kind() {
        ErrorKind::PermissionDenied => Wrong::Unseen(format!(
            "`{shown}` is not looked at: {error}; the account that runs the bastion must be able to read it"
        )),
        _ => Wrong::Refused(format!("`{shown}` cannot be read: {error}")),
    };
    let found = std::fs::metadata(path).map_err(unreadable)?;
    if !found.is_file() {
        return refused("is not a file: write the path of the officer's key, encrypted with a passphrase".to_owned());
    }
    if found.permissions().mode() & 0o077 != 0 {
        return refused(format!("can be read by others: run `chmod 600 {shown}`"));
    }
    let mut head = Vec::new();
    File::open(path).and_then(|file| file.take(LOOKED_AT).read_to_end(&mut head)).map_err(unreadable)?;
    let text = String::from_utf8_lossy(&head);
    let make = "run `age -p -o officer.key.age officer.key` on the officer's machine, copy officer.key.age here";
    if text.contains("AGE-SECRET-KEY-") {
        return refused(format!(
            "is a key without a passphrase, and opens every recording to whoever reads it: {make}, and remove this file"
        ));
    }
    if text.starts_with("-----BEGIN AGE ENCRYPTED FILE-----") {
        return refused("is an age file as text: make it without `-a`".to_owned());
    }
    let mut lines = text.lines();
    if lines.next() != Some("age-encryption.org/v1") {
        return refused(format!("is not an age file: {make}"));
    }
    if !lines.next().is_some_and(|line| line.starts_with("-> scrypt ")) {
        return refused(format!("is encrypted to a key, not with a passphrase: {make}"));
    }
    Ok(())
}
