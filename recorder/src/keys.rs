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

/// The security officers' public keys, from `[recordings] recipients`.
#[derive(Clone)]
pub struct Recipients(Vec<Recipient>);

impl std::fmt::Debug for Recipients {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

impl Recipients {
    /// Reads them. At least one.
    pub fn parse<S: AsRef<str>>(lines: &[S]) -> Result<Self, KeyError> {
        let parse = |line: &S| {
            Recipient::from_str(line.as_ref())
                .map_err(|_| KeyError::Recipient(line.as_ref().escape_default().to_string()))
        };
        let mut all: Vec<Recipient> = Vec::new();
        for line in lines {
            let recipient = parse(line)?;
            // One key twice would make one person a pair.
            if !all.iter().any(|other| other.to_string() == recipient.to_string()) {
                all.push(recipient);
            }
        }
        if all.is_empty() { Err(KeyError::NoRecipient) } else { Ok(Self(all)) }
    }

    pub(crate) fn all(&self) -> &[Recipient] {
        &self.0
    }

    /// The keys as lines.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
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

    fn wrap(&self, recipients: &[Recipient]) -> Result<String, KeyError> {
        let failed = |error: &dyn std::fmt::Display| KeyError::Age(error.to_string());
        let encryptor = age::Encryptor::with_recipients(recipients.iter().map(|one| one as &dyn age::Recipient))
            .map_err(|e| failed(&e))?;
        let mut wrapped = Vec::new();
        let mut writer = encryptor.wrap_output(&mut wrapped).map_err(|e| failed(&e))?;
        writer.write_all(&self.0[..]).map_err(|e| failed(&e))?;
        writer.finish().map_err(|e| failed(&e))?;
        Ok(BASE64.encode(&wrapped))
    }

    /// Wrapped to the recipients, as a base64 age file.
    pub(crate) fn wrap_to(&self, recipients: &Recipients) -> Result<String, KeyError> {
        self.wrap(&recipients.0)
    }

    /// Wrapped to the bastion's own key.
    pub(crate) fn wrap_locally(&self, recovery: &RecoveryKey) -> Result<String, KeyError> {
        self.wrap(&[recovery.recipient()])
    }

    fn unwrap_with(wrapped: &str, identity: &Identity) -> Result<Self, KeyError> {
        let bytes = BASE64.decode(wrapped.as_bytes()).map_err(|_| KeyError::Closed)?;
        let decryptor = age::Decryptor::new(&bytes[..]).map_err(|_| KeyError::Closed)?;
        let mut reader =
            decryptor.decrypt(std::iter::once(identity as &dyn age::Identity)).map_err(|_| KeyError::Closed)?;
        let mut key = Zeroizing::new([0u8; 32]);
        reader.read_exact(&mut key[..]).map_err(|_| KeyError::Closed)?;
        Ok(Self(key))
    }

    /// Opens the wrap that the bastion keeps for itself until the recording is sealed.
    pub fn recover(header: &crate::Header, recovery: &RecoveryKey) -> Result<Self, KeyError> {
        Self::unwrap_with(&header.local, &recovery.0)
    }

    /// Opens the wrap of a security officer, from the line `AGE-SECRET-KEY-1…`.
    pub fn open(header: &crate::Header, identity: &str) -> Result<Self, KeyError> {
        let identity = Identity::from_str(identity.trim()).map_err(|_| KeyError::Identity)?;
        Self::unwrap_with(&header.sealed, &identity)
    }
}
