//! From the file and the passphrase to the key.

use age::scrypt;
use age::secrecy::SecretString;
use lifecycle::order::Hidden;
use recorder::ReadingKeys;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use zeroize::Zeroizing;

/// Longest key file: a few keys and their comments.
const LONGEST: usize = 64 << 10;
/// Largest work factor: it takes 2^20 KiB of memory. `age -p` writes 18, a quarter of it.
const MOST_WORK: u8 = 20;
/// One at a time: each takes that much memory for seconds.
static TURN: Mutex<()> = Mutex::new(());

/// Why a key was not unlocked.
#[derive(Debug, thiserror::Error)]
pub(super) enum UnlockError {
    /// The file is not there or cannot be read.
    #[error("the officer's key `{path}` cannot be read: {error}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// Others can read the file.
    #[error("the officer's key `{0}` can be read by others: run `chmod 600` on it")]
    Exposed(PathBuf),
    /// The file is no age file with a passphrase.
    #[error("`{0}` is not encrypted with a passphrase: make it with `age -p -o officer.key.age officer.key`")]
    NoPassphrase(PathBuf),
    /// Trying would take too much memory and time.
    #[error("`{path}` has the work factor {factor}, at most {MOST_WORK} is tried: encrypt it anew with `age -p`")]
    TooCostly {
        /// The file.
        path: PathBuf,
        /// Its work factor.
        factor: u8,
    },
    /// The passphrase is another.
    #[error("the passphrase is not the one of the officer's key")]
    WrongPassphrase,
    /// The file was altered or is incomplete.
    #[error("`{0}` is damaged: copy it anew")]
    Damaged(PathBuf),
    /// There is no key in it.
    #[error("`{0}` holds no age key: it is to hold the line AGE-SECRET-KEY-1… that `age-keygen` writes")]
    NoKey(PathBuf),
    /// The key is nobody's here.
    #[error("the key in `{0}` is none of `recordings.recipients`: no recording is sealed to it")]
    Stranger(PathBuf),
    /// Two officers' keys in one hand open secrets that take two persons (D23, D27).
    #[error("`{0}` holds the keys of {1} recipients, and with two of them one person opens typed secrets: keep one")]
    Several(PathBuf, usize),
}

/// One officer's key, for one sign-in. Whoever holds it drops it when the sign-in ends, and with it ends
/// every recording opened by it; its memory is then overwritten, as far as the age library does.
pub(super) struct Unlocked(Arc<ReadingKeys>);

impl std::fmt::Debug for Unlocked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Unlocked(…)")
    }
}

impl Unlocked {
    /// The key, for as long as this lives.
    pub(super) fn lent(&self) -> Weak<ReadingKeys> {
        Arc::downgrade(&self.0)
    }

    pub(super) fn keys(&self) -> &ReadingKeys {
        &self.0
    }
}

/// Unlocks the key in the file. `recipients` are the site's, `age1…`.
///
/// Blocks for about a second, longer while somebody else unlocks, and takes up to 1 GiB of memory
/// meanwhile. How often somebody may try is for the caller to bound.
pub(super) fn unlock(path: &Path, passphrase: &Hidden, recipients: &[String]) -> Result<Unlocked, UnlockError> {
    let sealed = read(path)?;
    let text = decrypted(path, &sealed, passphrase)?;
    let keys = std::str::from_utf8(&text).ok().and_then(|text| ReadingKeys::parse(text).ok());
    let keys = keys.ok_or_else(|| UnlockError::NoKey(path.to_owned()))?;
    let own: BTreeSet<String> = keys.public_lines().into_iter().collect();
    match own.iter().filter(|line| recipients.contains(line)).count() {
        0 => Err(UnlockError::Stranger(path.to_owned())),
        1 => Ok(Unlocked(Arc::new(keys))),
        several => Err(UnlockError::Several(path.to_owned(), several)),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, UnlockError> {
    let unreadable = |error| UnlockError::Unreadable { path: path.to_owned(), error };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.permissions().mode() & 0o077 != 0 {
        return Err(UnlockError::Exposed(path.to_owned()));
    }
    let mut sealed = Vec::new();
    file.take(LONGEST as u64 + 1).read_to_end(&mut sealed).map_err(unreadable)?;
    if sealed.len() > LONGEST {
        return Err(unreadable(io::Error::other("it is too long for a key")));
    }
    Ok(sealed)
}

fn decrypted(path: &Path, sealed: &[u8], passphrase: &Hidden) -> Result<Zeroizing<Vec<u8>>, UnlockError> {
    let no_passphrase = || UnlockError::NoPassphrase(path.to_owned());
    let decryptor = age::Decryptor::new(sealed).map_err(|_| no_passphrase())?;
    if !decryptor.is_scrypt() {
        return Err(no_passphrase());
    }
    let mut identity = scrypt::Identity::new(SecretString::from(passphrase.reveal().to_owned()));
    identity.set_max_work_factor(MOST_WORK);
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let damaged = || UnlockError::Damaged(path.to_owned());
    let opened = decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity));
    let mut reader = opened.map_err(|error| match error {
        age::DecryptError::ExcessiveWork { required, .. } => {
            UnlockError::TooCostly { path: path.to_owned(), factor: required }
        }
        age::DecryptError::DecryptionFailed | age::DecryptError::KeyDecryptionFailed => UnlockError::WrongPassphrase,
        _ => damaged(),
    })?;
    // As long as it can get: a vector that grows leaves copies behind.
    let mut text = Zeroizing::new(vec![0; sealed.len()]);
    let mut filled = 0;
    loop {
        let room = text.get_mut(filled..).unwrap_or_default();
        match reader.read(room) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(_) => return Err(damaged()),
        }
    }
    text.truncate(filled);
    Ok(text)
}

/// Encrypts a key as `age -p` does, with this work factor.
#[cfg(any(test, feature = "demo"))]
pub(crate) fn lock(key: &str, passphrase: &str, work: u8) -> io::Result<Vec<u8>> {
    use std::io::Write as _;
    let mut recipient = scrypt::Recipient::new(SecretString::from(passphrase.to_owned()));
    recipient.set_work_factor(work);
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient));
    let mut sealed = Vec::new();
    let mut writer = encryptor.map_err(io::Error::other)?.wrap_output(&mut sealed)?;
    writeln!(writer, "{key}")?;
    writer.finish()?;
    Ok(sealed)
}
