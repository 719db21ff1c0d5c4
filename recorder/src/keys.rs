//! Who can open a recording: the security officers, and until it is sealed the bastion itself.

use age::secrecy::ExposeSecret as _;
use age::x25519::{Identity, Recipient};
use data_encoding::BASE64;
use std::io::{Read as _, Write as _};
use std::str::FromStr as _;
use zeroize::Zeroizing;

/// What is wrong with a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not a recipient.
    #[error("`{0}` is not an age recipient: write the line `age1…` that `age-keygen` prints as public key")]
    Recipient(String),
    /// In both groups.
    #[error("`{0}` stands in both groups: whoever holds it would read alone; name it in one")]
    BothGroups(String),
    /// No recipients.
    #[error("no recipient is named: without one nobody could ever open a recording")]
    NoRecipient,
    /// Not an identity.
    #[error("not an age identity: it begins with AGE-SECRET-KEY-1")]
    Identity,
    /// The wrapped key does not open.
    #[error("this key does not open the recording")]
    Closed,
    /// The library failed.
    #[error("age: {0}")]
    Age(String),
}

/// Who opens recordings: the security officers' public keys, and where the hospital wants two persons to
/// read, the auditors' besides. Then everything is encrypted to one of the officers and around that to
/// one of the auditors.
#[derive(Clone, PartialEq)]
pub struct Recipients {
    first: Vec<Recipient>,
    second: Vec<Recipient>,
}

impl std::fmt::Debug for Recipients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).entries(self.second_names()).finish()
    }
}

impl Recipients {
    /// Reads the officers' keys. At least one; each of them reads alone.
    pub fn parse<S: AsRef<str>>(lines: &[S]) -> Result<Self, KeyError> {
        let first = recipients(lines)?;
        if first.is_empty() { Err(KeyError::NoRecipient) } else { Ok(Self { first, second: Vec::new() }) }
    }

    /// With the auditors' keys around: from now on it takes one of each group. Without any, nothing changes.
    pub fn and_second<S: AsRef<str>>(mut self, lines: &[S]) -> Result<Self, KeyError> {
        self.second = recipients(lines)?;
        let names = self.names();
        match self.second_names().into_iter().find(|name| names.contains(name)) {
            Some(both) => Err(KeyError::BothGroups(both)),
            None => Ok(self),
        }
    }

    pub(crate) fn just(one: Recipient) -> Self {
        Self { first: vec![one], second: Vec::new() }
    }

    /// The inner layer's.
    pub(crate) fn first(&self) -> &[Recipient] {
        &self.first
    }

    /// The outer layer's; empty where there is one layer.
    pub(crate) fn second(&self) -> &[Recipient] {
        &self.second
    }

    /// The officers' keys as lines.
    pub fn names(&self) -> Vec<String> {
        self.first.iter().map(ToString::to_string).collect()
    }

    /// The auditors' keys as lines; empty where one person reads alone.
    pub fn second_names(&self) -> Vec<String> {
        self.second.iter().map(ToString::to_string).collect()
    }

    /// A small text encrypted, in as many layers as there are.
    fn encrypt(&self, plain: &[u8]) -> std::io::Result<Vec<u8>> {
        let inner = encrypted(&self.first, plain)?;
        if self.second.is_empty() { Ok(inner) } else { encrypted(&self.second, &inner) }
    }
}

fn recipients<S: AsRef<str>>(lines: &[S]) -> Result<Vec<Recipient>, KeyError> {
    let mut all: Vec<Recipient> = Vec::new();
    for line in lines {
        let recipient = Recipient::from_str(line.as_ref())
            .map_err(|_| KeyError::Recipient(line.as_ref().escape_default().to_string()))?;
        // One key twice would make one person a pair.
        if !all.iter().any(|other| other.to_string() == recipient.to_string()) {
            all.push(recipient);
        }
    }
    Ok(all)
}

/// A small text as an age file to any of these.
pub(crate) fn encrypted(to: &[Recipient], plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let encryptor = encryptor(to)?;
    let mut sealed = Vec::new();
    let mut writer = encryptor.wrap_output(&mut sealed)?;
    writer.write_all(plain)?;
    writer.finish()?;
    Ok(sealed)
}

pub(crate) fn encryptor(to: &[Recipient]) -> std::io::Result<age::Encryptor> {
    age::Encryptor::with_recipients(to.iter().map(|one| one as &dyn age::Recipient)).map_err(std::io::Error::other)
}

/// The bastion's own key for spools that are not sealed yet. Lives in the vault.
pub struct RecoveryKey(Identity);

impl RecoveryKey {
    /// Makes one.
    pub fn generate() -> Self {
        Self(Identity::generate())
    }

    /// Reads the line that [`RecoveryKey::to_line`] gave.
    pub fn parse(line: &str) -> Result<Self, KeyError> {
        Identity::from_str(line.trim()).map(Self).map_err(|_| KeyError::Identity)
    }

    /// The secret line, for the vault.
    pub fn to_line(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.to_string().expose_secret().to_owned())
    }

    /// The public line, `age1…`.
    pub fn public_line(&self) -> String {
        self.0.to_public().to_string()
    }

    fn recipient(&self) -> Recipient {
        self.0.to_public()
    }
}

/// The random key that one recording is encrypted under.
pub struct RecordingKey(pub(crate) Zeroizing<[u8; 32]>);

impl RecordingKey {
    /// From 32 random bytes.
    pub fn new(random: [u8; 32]) -> Self {
        Self(Zeroizing::new(random))
    }

    fn wrap(&self, recipients: &Recipients) -> Result<String, KeyError> {
        let wrapped = recipients.encrypt(&self.0[..]).map_err(|error| KeyError::Age(error.to_string()))?;
        Ok(BASE64.encode(&wrapped))
    }

    /// Wrapped to those who open recordings, as a base64 age file; with two groups, age inside age.
    pub(crate) fn wrap_to(&self, recipients: &Recipients) -> Result<String, KeyError> {
        self.wrap(recipients)
    }

    /// Wrapped to the bastion's own key.
    pub(crate) fn wrap_locally(&self, recovery: &RecoveryKey) -> Result<String, KeyError> {
        self.wrap(&Recipients::just(recovery.recipient()))
    }

    /// Takes off as many layers as there are keys, the last key's first.
    fn unwrap_with(wrapped: &str, identities: &[&Identity]) -> Result<Self, KeyError> {
        let mut bytes = Zeroizing::new(BASE64.decode(wrapped.as_bytes()).map_err(|_| KeyError::Closed)?);
        for identity in identities.iter().rev() {
            let decryptor = age::Decryptor::new(&bytes[..]).map_err(|_| KeyError::Closed)?;
            let mut reader =
                decryptor.decrypt(std::iter::once(*identity as &dyn age::Identity)).map_err(|_| KeyError::Closed)?;
            let mut inside = Zeroizing::new(Vec::new());
            reader.read_to_end(&mut inside).map_err(|_| KeyError::Closed)?;
            drop(reader);
            bytes = inside;
        }
        <[u8; 32]>::try_from(&bytes[..]).map(Self::new).map_err(|_| KeyError::Closed)
    }

    /// Opens the wrap that the bastion keeps for itself until the recording is sealed.
    pub fn recover(header: &crate::Header, recovery: &RecoveryKey) -> Result<Self, KeyError> {
        Self::unwrap_with(&header.local, &[&recovery.0])
    }

    /// Opens the wrap of a security officer, from the line `AGE-SECRET-KEY-1…`; where it takes two persons,
    /// from the officer's line and then the auditor's.
    pub fn open(header: &crate::Header, identities: &[&str]) -> Result<Self, KeyError> {
        let parse = |line: &&str| Identity::from_str(line.trim()).map_err(|_| KeyError::Identity);
        let identities = identities.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
        Self::unwrap_with(&header.sealed, &identities.iter().collect::<Vec<_>>())
    }
}
