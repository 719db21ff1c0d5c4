//! Signed notes and checkpoints, as the C2SP documents `signed-note` and `tlog-checkpoint` have
//! them, so that public tools can check ours.

use crate::merkle::Hash;
use data_encoding::{BASE64, HEXLOWER};
use ed25519_dalek::{Signature, Signer};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;

/// The algorithm byte of an Ed25519 note key.
const ED25519: u8 = 1;
/// That of a witness's key: Ed25519 with the time of signing (C2SP `tlog-cosignature`).
const COSIGNATURE: u8 = 4;

/// What is wrong with a note, a checkpoint or a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// The text is not of the form.
    #[error("not a signed checkpoint: {0}")]
    Form(&'static str),
    /// No signature line names this key.
    #[error("no signature by the key `{0}`")]
    Unsigned(String),
    /// A signature line names the key, but the signature does not fit.
    #[error("the signature by the key `{0}` does not fit the text")]
    Forged(String),
    /// The witness's key is not of the form `name+hash+base64`.
    #[error(
        "not a witness's key: write it as name+hash+base64, the line that the witness publishes for cosignature/v1 with Ed25519"
    )]
    WitnessKey,
    /// The key is not of the form `name+hash+base64`.
    #[error("not a verifier key: write it as name+hash+base64, the line that `poterne journal key` prints")]
    Key,
}

fn is_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

fn key_hash(name: &str, algorithm: u8, public: &[u8; 32]) -> [u8; 4] {
    let digest: Hash = Sha256::new()
        .chain_update(name.as_bytes())
        .chain_update([b'\n', algorithm])
        .chain_update(public)
        .finalize()
        .into();
    let [a, b, c, d, ..] = digest;
    [a, b, c, d]
}

/// The public half, by which anybody can check the log.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    public: [u8; 32],
}

impl VerifierKey {
    /// The name of the key; also the origin of the log.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_key(f, &self.name, ED25519, &self.public)
    }
}

fn write_key(f: &mut fmt::Formatter<'_>, name: &str, algorithm: u8, public: &[u8; 32]) -> fmt::Result {
    let typed = [&[algorithm][..], public].concat();
    write!(f, "{name}+{}+{}", HEXLOWER.encode(&key_hash(name, algorithm, public)), BASE64.encode(&typed))
}

/// Reads `name+hash+base64` of a key for this algorithm.
fn read_key(text: &str, wanted: u8) -> Option<(String, [u8; 32])> {
    let mut parts = text.trim().splitn(3, '+');
    let (name, hash, key) = (parts.next()?, parts.next()?, parts.next()?);
    let typed = BASE64.decode(key.as_bytes()).ok()?;
    let (&algorithm, public) = typed.split_first()?;
    let public: [u8; 32] = public.try_into().ok()?;
    let fits = is_name(name) && algorithm == wanted && HEXLOWER.encode(&key_hash(name, algorithm, &public)) == hash;
    fits.then(|| (name.to_owned(), public))
}

fn signature_fits(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = <[u8; 64]>::try_from(signature) else { return false };
    ed25519_dalek::VerifyingKey::from_bytes(public)
        .and_then(|public| public.verify_strict(message, &Signature::from_bytes(&signature)))
        .is_ok()
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, public) = read_key(text, ED25519).ok_or(NoteError::Key)?;
        Ok(Self { name, public })
    }
}

/// The private half. Signs checkpoints and nothing else.
pub struct SigningKey {
    name: String,
    secret: ed25519_dalek::SigningKey,
}

impl SigningKey {
    /// From 32 secret bytes. `name` is the log's origin: no spaces, no plus signs.
    pub fn new(name: &str, secret: &[u8; 32]) -> Result<Self, NoteError> {
        if !is_name(name) {
            return Err(NoteError::Key);
        }
        Ok(Self { name: name.to_owned(), secret: ed25519_dalek::SigningKey::from_bytes(secret) })
    }

    /// The public half.
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey { name: self.name.clone(), public: self.secret.verifying_key().to_bytes() }
    }

    /// Signs a checkpoint: a note of the log's own.
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        let text = checkpoint.text();
        let public = self.secret.verifying_key().to_bytes();
        let mut signature = key_hash(&self.name, ED25519, &public).to_vec();
        signature.extend_from_slice(&self.secret.sign(text.as_bytes()).to_bytes());
        format!("{text}\n\u{2014} {} {}\n", self.name, BASE64.encode(&signature))
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.name)
    }
}

/// One signature line of a note.
struct SignatureLine<'a> {
    name: &'a str,
    id: [u8; 4],
    signature: Vec<u8>,
}

/// Splits a note into its text and its signature lines.
fn signatures_of(note: &str) -> Result<(&str, Vec<SignatureLine<'_>>), NoteError> {
    let end = note.rfind("\n\n").ok_or(NoteError::Form("no blank line before the signatures"))?;
    let (text, signatures) = note.split_at(end + 1);
    let lines = signatures.strip_prefix('\n').and_then(|lines| lines.strip_suffix('\n'));
    let lines = lines.ok_or(NoteError::Form("the signature line does not end"))?;
    let form = NoteError::Form("a signature line is not `\u{2014} name base64`");
    let read = |line| -> Option<SignatureLine<'_>> {
        let (name, base64) = str::strip_prefix(line, "\u{2014} ")?.split_once(' ')?;
        let bytes = BASE64.decode(base64.as_bytes()).ok()?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        is_name(name).then(|| SignatureLine { name, id: *id, signature: signature.to_vec() })
    };
    let lines: Option<Vec<_>> = lines.split('\n').map(read).collect();
    Ok((text, lines.ok_or(form)?))
}

/// The public key of a witness, who checked that a log only grew before signing (C2SP
/// `tlog-cosignature`, cosignature/v1 with Ed25519).
#[derive(Clone, PartialEq, Eq)]
pub struct WitnessKey {
    name: String,
    public: [u8; 32],
}

impl WitnessKey {
    /// The witness's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When the witness signed this checkpoint, in seconds since 1970, if its cosignature is there and
    /// fits. The log's own signature is another question: [`Checkpoint::verify`].
    pub fn cosigned(&self, note: &str) -> Result<u64, NoteError> {
        let (text, signatures) = signatures_of(note)?;
        Checkpoint::parse(text)?;
        let id = key_hash(&self.name, COSIGNATURE, &self.public);
        let mut newest = Err(NoteError::Unsigned(self.name.clone()));
        for line in signatures.iter().filter(|line| line.name == self.name && line.id == id) {
            let fits = line.signature.split_first_chunk::<8>().filter(|(time, signature)| {
                let signed = format!("cosignature/v1\ntime {}\n{text}", u64::from_be_bytes(**time));
                signature_fits(&self.public, signed.as_bytes(), signature)
            });
            match fits {
                Some((time, _)) => newest = Ok(u64::from_be_bytes(*time).max(newest.unwrap_or(0))),
                None => return Err(NoteError::Forged(self.name.clone())),
            }
        }
        newest
    }
}

impl fmt::Display for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_key(f, &self.name, COSIGNATURE, &self.public)
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for WitnessKey {
    type Err = NoteError;
    fn from_str(text: &str) -> Result<Self, NoteError> {
        let (name, public) = read_key(text, COSIGNATURE).ok_or(NoteError::WitnessKey)?;
        Ok(Self { name, public })
    }
}

/// What a log says of itself at one moment: its name, its size, its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The name of the log.
    pub origin: String,
    /// The number of entries.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

impl Checkpoint {
    fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(&self.root))
    }

    /// Reads a signed note and gives its checkpoint if this key signed it.
    pub fn verify(note: &str, key: &VerifierKey) -> Result<Checkpoint, NoteError> {
        let (text, signatures) = signatures_of(note)?;
        let checkpoint = Checkpoint::parse(text)?;
        if checkpoint.origin != key.name {
            return Err(NoteError::Unsigned(key.name.clone()));
        }
        let id = key_hash(&key.name, ED25519, &key.public);
        // Lines of other keys, witnesses among them, are none of our business.
        let mine = signatures.iter().find(|line| line.name == key.name && line.id == id);
        let mine = mine.ok_or_else(|| NoteError::Unsigned(key.name.clone()))?;
        match signature_fits(&key.public, text.as_bytes(), &mine.signature) {
            true => Ok(checkpoint),
            false => Err(NoteError::Forged(key.name.clone())),
        }
    }

    /// As [`Checkpoint::verify`], for a note as the log itself writes it: no line but its own.
    pub(crate) fn verify_own(note: &str, key: &VerifierKey) -> Result<Checkpoint, NoteError> {
        let checkpoint = Checkpoint::verify(note, key)?;
        match signatures_of(note)?.1.as_slice() {
            [_] => Ok(checkpoint),
            _ => Err(NoteError::Form("it has other signature lines than the log's own")),
        }
    }

    /// Reads a note that cannot be verified for want of a key. That the log's own signature line
    /// is absent is an error all the same (CVE-2025-59339).
    pub(crate) fn unverified(note: &str) -> Result<Checkpoint, NoteError> {
        let (text, signatures) = signatures_of(note)?;
        let checkpoint = Checkpoint::parse(text)?;
        match signatures.iter().find(|line| line.name == checkpoint.origin) {
            Some(line) if line.signature.len() == 64 => Ok(checkpoint),
            _ => Err(NoteError::Unsigned(checkpoint.origin)),
        }
    }

    /// Reads the unsigned text of a checkpoint.
    pub fn parse(text: &str) -> Result<Checkpoint, NoteError> {
        let mut lines = text.lines();
        let (origin, size, root) = match (lines.next(), lines.next(), lines.next()) {
            (Some(origin), Some(size), Some(root)) if !origin.is_empty() => (origin, size, root),
            _ => return Err(NoteError::Form("fewer than three lines")),
        };
        let size = size.parse::<u64>().map_err(|_| NoteError::Form("the size is not a number"))?;
        let root = BASE64.decode(root.as_bytes()).map_err(|_| NoteError::Form("the root is not base64"))?;
        let root = root.try_into().map_err(|_| NoteError::Form("the root is not 32 bytes"))?;
        let checkpoint = Checkpoint { origin: origin.to_owned(), size, root };
        if checkpoint.text() != text {
            return Err(NoteError::Form("not in its one spelling"));
        }
        Ok(checkpoint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::new("poterne.example/journal", &[7; 32]).unwrap()
    }

    #[test]
    fn a_signed_checkpoint_reads_back() {
        let checkpoint = Checkpoint { origin: "poterne.example/journal".into(), size: 12, root: [9; 32] };
        let note = key().sign(&checkpoint);
        let verifier: VerifierKey = key().verifier().to_string().parse().unwrap();
        assert_eq!(Checkpoint::verify(&note, &verifier).unwrap(), checkpoint);
    }

    /// Past failures: CVE-2025-59339.
    #[test]
    fn any_flipped_byte_is_noticed() {
        let note = key().sign(&Checkpoint { origin: "poterne.example/journal".into(), size: 12, root: [9; 32] });
        for position in 0..note.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[position] ^= 1;
            let Ok(altered) = String::from_utf8(bytes) else { continue };
            assert!(Checkpoint::verify(&altered, &key().verifier()).is_err(), "byte {position}");
        }
    }

    /// A cosignature made with Python's `cryptography` over the bytes that tlog-cosignature names.
    #[test]
    fn a_cosignature_is_read_with_its_time() {
        let note = include_str!("../tests/golden/cosigned");
        let key = include_str!("../tests/golden/witness.vkey");
        let witness: WitnessKey = key.parse().unwrap();
        assert_eq!(witness.to_string(), key.trim());
        assert_eq!(witness.cosigned(note), Ok(1_764_000_000));
        let line = note.lines().last().unwrap();
        let without = note.replace(&format!("{line}\n"), "");
        assert!(matches!(witness.cosigned(&without), Err(NoteError::Unsigned(_))));
        let other = note.replacen("\n5\n", "\n6\n", 1);
        assert!(matches!(witness.cosigned(&other), Err(NoteError::Forged(_))));
        assert!(key.parse::<VerifierKey>().is_err(), "a witness's key is no log's");
    }

    #[test]
    fn another_key_does_not_verify() {
        let note = key().sign(&Checkpoint { origin: "poterne.example/journal".into(), size: 1, root: [0; 32] });
        let other = SigningKey::new("poterne.example/journal", &[8; 32]).unwrap().verifier();
        assert!(matches!(Checkpoint::verify(&note, &other), Err(NoteError::Unsigned(_))));
        assert!("poterne+00000000+AAAA".parse::<VerifierKey>().is_err());
    }
}
