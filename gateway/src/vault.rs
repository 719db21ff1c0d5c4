//! Secrets at rest: one age-encrypted document a principal and generation (D21).
//!
//! A new generation is written and synced before the journal's entry that names it; a generation
//! that no entry names is garbage and removed at the start. The key comes from a systemd
//! credential or a file of mode 0600. Nothing in here is ever logged or journalled.

use crate::entropy::NoEntropy;
use age::secrecy::ExposeSecret as _;
use age::x25519::Identity;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;
use std::sync::{Mutex, PoisonError};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// The name of the credential that systemd hands over, and of the file beside the documents.
const KEY: &str = "vault-key";

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The disk failed.
    #[error("the vault: `{path}`: {error}")]
    Disk {
        /// Which file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// The key can be read by others.
    #[error("the vault's key `{0}` can be read by others: run `chmod 600` on it")]
    KeyOpen(PathBuf),
    /// The key is not one.
    #[error("the vault's key `{0}` is not an age identity: it begins with AGE-SECRET-KEY-1")]
    Key(PathBuf),
    /// systemd was to hand the key over, and did not.
    #[error(
        "`{0}` is not there: the unit names a credential that systemd could not read; no other key is made instead"
    )]
    NotHandedOver(PathBuf),
    /// The key is gone, what it opens is not.
    #[error("the vault's key `{0}` is missing, but there is what it opens: put it back from the backup")]
    KeyMissing(PathBuf),
    /// The document does not open.
    #[error("the vault's document `{0}` does not open with this key")]
    Closed(String),
    /// There is none.
    #[error("the vault has no document `{0}`")]
    Missing(String),
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The library failed.
    #[error("the vault: {0}")]
    Age(String),
}

/// A person's two secrets.
#[derive(Clone, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct PersonSecrets {
    /// argon2id, as a PHC string.
    pub password: String,
    /// The TOTP secret, base32.
    pub totp: String,
}

/// What opens a target.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(rename_all = "kebab-case")]
pub enum TargetSecret {
    /// A private key, in OpenSSH's form.
    Key(String),
    /// A password.
    Password(String),
}

/// The site's own keys.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct SiteSecrets {
    /// The name of the journal: the name of its key.
    pub origin: String,
    /// Signs the journal's checkpoints.
    pub journal: [u8; 32],
    /// What wrapped the journal's key ring before that had a document of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring: Option<[u8; 32]>,
    /// Opens spools that are not sealed yet.
    pub recovery: String,
    /// The SSH host key, in OpenSSH's form.
    pub host: String,
    /// A second host key for old clients, in OpenSSH's form.
    pub host_nistp256: String,
}

/// What the vault remembers besides the journal, so that an older copy of the journal does not
/// bring back what was taken away (D17).
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Memory {
    /// The newest signed checkpoint.
    pub checkpoint: String,
    /// Accounts that were disabled.
    pub disabled: Vec<String>,
}

/// The open vault.
pub struct Vault {
    folder: PathBuf,
    identity: Identity,
    /// Two writers of one document would meet on its way.
    writing: Mutex<()>,
}

impl Vault {
    /// Opens the vault in this folder; makes folder and key if there are none.
    pub fn open(folder: &Path) -> Result<Self, VaultError> {
        let disk = |path: &Path| {
            let path = path.to_owned();
            move |error| VaultError::Disk { path, error }
        };
        if !folder.is_dir() {
            fs::create_dir_all(folder).map_err(disk(folder))?;
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).map_err(disk(folder))?;
        }
        let handed_over = std::env::var_os("CREDENTIALS_DIRECTORY").map(|folder| Path::new(&folder).join(KEY));
        if let Some(path) = handed_over {
            // Whoever may read there is systemd's to say; newer versions show rights of a group that has
            // none (an access list).
            if !path.exists() {
                return Err(VaultError::NotHandedOver(path));
            }
            return Self::with_key(folder, path);
        }
        let path = folder.join(KEY);
        if !path.exists() {
            // A new key would open nothing, and look as if all were well.
            let holds_documents = |entry: io::Result<fs::DirEntry>| {
                entry.is_ok_and(|entry| entry.path().extension().is_some_and(|end| end == "age"))
            };
            if fs::read_dir(folder).map_err(disk(folder))?.any(holds_documents) {
                return Err(VaultError::KeyMissing(path));
            }
            let line = Zeroizing::new(Identity::generate().to_string().expose_secret().to_owned());
            write_new(&path, line.as_bytes()).map_err(disk(&path))?;
        }
        let mode = fs::metadata(&path).map_err(disk(&path))?.permissions().mode();
        if mode & 0o077 != 0 {
            return Err(VaultError::KeyOpen(path));
        }
        Self::with_key(folder, path)
    }

    /// Opens the vault in this folder with the key in this file, wherever that lies.
    pub(crate) fn with_key(folder: &Path, path: PathBuf) -> Result<Self, VaultError> {
        let read = fs::read_to_string(&path).map_err(|error| VaultError::Disk { path: path.clone(), error });
        let line = Zeroizing::new(read?);
        let identity = Identity::from_str(line.trim()).map_err(|_| VaultError::Key(path))?;
        Ok(Self { folder: folder.to_owned(), identity, writing: Mutex::new(()) })
    }

    fn path(&self, name: &str, generation: u64) -> PathBuf {
        // Names are ids of our own grammar, so they cannot climb out of the folder.
        self.folder.join(format!("{name}.{generation}.age"))
    }

    /// Writes a document and returns when it is durable.
    pub fn put<T: Serialize>(&self, name: &str, generation: u64, document: &T) -> Result<(), VaultError> {
        let path = self.path(name, generation);
        let age = |error: &dyn std::fmt::Display| VaultError::Age(error.to_string());
        let plain = Zeroizing::new(serde_json::to_vec(document).map_err(|error| age(&error))?);
        let recipient = self.identity.to_public();
        let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
            .map_err(|error| age(&error))?;
        let mut sealed = Vec::new();
        let mut writer = encryptor.wrap_output(&mut sealed).map_err(|error| age(&error))?;
        writer.write_all(&plain).map_err(|error| age(&error))?;
        writer.finish().map_err(|error| age(&error))?;
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let staged = path.with_extension("new");
        let _ = fs::remove_file(&staged);
        write_new(&staged, &sealed)
            .and_then(|()| fs::rename(&staged, &path))
            .and_then(|()| File::open(&self.folder)?.sync_all())
            .map_err(|error| VaultError::Disk { path, error })
    }

    /// Reads a document.
    pub fn get<T: DeserializeOwned>(&self, name: &str, generation: u64) -> Result<T, VaultError> {
        let path = self.path(name, generation);
        let sealed = match fs::read(&path) {
            Ok(sealed) => sealed,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(VaultError::Missing(name.to_owned())),
            Err(error) => return Err(VaultError::Disk { path, error }),
        };
        let closed = || VaultError::Closed(name.to_owned());
        let decryptor = age::Decryptor::new(&sealed[..]).map_err(|_| closed())?;
        let mut reader =
            decryptor.decrypt(std::iter::once(&self.identity as &dyn age::Identity)).map_err(|_| closed())?;
        let mut plain = Zeroizing::new(Vec::new());
        reader.read_to_end(&mut plain).map_err(|_| closed())?;
        serde_json::from_slice(&plain).map_err(|_| closed())
    }

    /// Removes a document that no journal entry names.
    pub fn discard(&self, name: &str, generation: u64) {
        let _ = fs::remove_file(self.path(name, generation));
    }

    /// The generations of a document that are there, the oldest first.
    pub fn generations(&self, name: &str) -> Result<Vec<u64>, VaultError> {
        let disk = |error| VaultError::Disk { path: self.folder.clone(), error };
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(disk)? {
            let file = entry.map_err(disk)?.file_name();
            let middle =
                file.to_str().and_then(|file| file.strip_prefix(name)?.strip_prefix('.')?.strip_suffix(".age"));
            found.extend(middle.and_then(|generation| generation.parse::<u64>().ok()));
        }
        found.sort_unstable();
        Ok(found)
    }

    /// Destroys a document for good: overwritten, removed, both synced.
    pub fn destroy(&self, name: &str, generation: u64) -> Result<(), VaultError> {
        let path = self.path(name, generation);
        let _one = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        crate::retention::shred::destroy(&path)
            .and_then(|_| File::open(&self.folder)?.sync_all())
            .map_err(|error| VaultError::Disk { path, error })
    }

    /// Removes every document that is not among these names and generations: what a crash between
    /// vault and journal left.
    pub fn keep_only(&self, wanted: &[(String, u64)]) -> Result<usize, VaultError> {
        let disk = |error| VaultError::Disk { path: self.folder.clone(), error };
        let keep: Vec<PathBuf> = wanted.iter().map(|(name, generation)| self.path(name, *generation)).collect();
        let mut removed = 0;
        for entry in fs::read_dir(&self.folder).map_err(disk)? {
            let path = entry.map_err(disk)?.path();
            if path.extension().is_some_and(|end| end == "age" || end == "new") && !keep.contains(&path) {
                fs::remove_file(&path).map_err(disk)?;
                removed += 1;
            }
        }
        Ok(removed)
    }
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_open_with_the_key_only() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(&folder.path().join("vault")).unwrap();
        let secrets = PersonSecrets { password: "$argon2id$canary".into(), totp: "CANARY".into() };
        vault.put("technician-a", 1, &secrets).unwrap();
        assert_eq!(vault.get::<PersonSecrets>("technician-a", 1).unwrap().totp, "CANARY");
        assert!(matches!(vault.get::<PersonSecrets>("technician-a", 2), Err(VaultError::Missing(_))));
        let bytes = fs::read(folder.path().join("vault/technician-a.1.age")).unwrap();
        assert!(!bytes.windows(6).any(|window| window == b"CANARY" || window == b"canary"));
        fs::remove_file(folder.path().join("vault/vault-key")).unwrap();
        assert!(matches!(Vault::open(&folder.path().join("vault")), Err(VaultError::KeyMissing(_))));
        Vault::open(&folder.path().join("another")).unwrap();
        fs::copy(folder.path().join("another/vault-key"), folder.path().join("vault/vault-key")).unwrap();
        let other = Vault::open(&folder.path().join("vault")).unwrap();
        assert!(matches!(other.get::<PersonSecrets>("technician-a", 1), Err(VaultError::Closed(_))));
    }

    #[test]
    fn a_key_that_others_can_read_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("vault");
        Vault::open(&path).unwrap();
        fs::set_permissions(path.join("vault-key"), fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(Vault::open(&path), Err(VaultError::KeyOpen(_))));
    }

    #[test]
    fn unnamed_generations_are_garbage() {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::open(folder.path()).unwrap();
        vault.put("x", 1, &1).unwrap();
        vault.put("x", 2, &2).unwrap();
        assert_eq!(vault.keep_only(&[("x".into(), 1)]).unwrap(), 1);
        assert!(vault.get::<i32>("x", 1).is_ok() && vault.get::<i32>("x", 2).is_err());
    }
}
