//! Sealing of bodies, and the keys that open them.
//!
//! Each body is sealed under a random key of its own, used once. The key stands in the ring,
//! wrapped under the ring's master key. A retention run drops keys and rewrites the ring under a
//! new master, so that no old copy of the ring opens what was erased (D16, LOG-08).

use crate::Entropy;
use crate::merkle::Hash;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
use std::sync::{Arc, PoisonError, RwLock};
use zeroize::Zeroizing;

/// Length of a key id in the ring, in bytes.
pub(crate) const KEY_ID: usize = 8;
const TAG: usize = 16;
const WRAPPED: usize = 32 + TAG;
/// Length of one record of the ring: key id, nonce, wrapped key.
pub(crate) const RECORD: usize = KEY_ID + NONCE_LEN + WRAPPED;
/// Length of the salt that precedes a body under its seal and in its commitment.
pub(crate) const SALT: usize = 32;

const BODY: &[u8] = b"poterne journal body v1";
const WRAP: &[u8] = b"poterne journal key v1";
const RING: &[u8] = b"poterne journal ring v1";

/// The key that wraps the ring. Held by the vault, not by the journal.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// From 32 secret bytes.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(Zeroizing::new(secret))
    }
}

/// The master keys of one journal, shared by its writer and its readers: one, or two while the ring is
/// being rewritten. Then either opens, and what is written is written under the newer.
#[derive(Clone)]
pub struct Masters(Arc<RwLock<Pair>>);

struct Pair {
    current: MasterKey,
    next: Option<MasterKey>,
}

impl From<MasterKey> for Masters {
    fn from(current: MasterKey) -> Self {
        Self::new(current, None)
    }
}

impl Masters {
    /// The key in force, and the one that takes its place where a rewrite is under way.
    pub fn new(current: MasterKey, next: Option<MasterKey>) -> Self {
        Self(Arc::new(RwLock::new(Pair { current, next })))
    }

    /// Whether a rewrite is under way.
    pub fn is_rewriting(&self) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).next.is_some()
    }

    /// From now on everything is written under this key too, and opens with either.
    pub(crate) fn begin(&self, next: MasterKey) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).next = Some(next);
    }

    /// The older key is forgotten.
    pub(crate) fn finish(&self) {
        let mut pair = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = pair.next.take() {
            pair.current = next;
        }
    }

    /// The key that is written under.
    pub(crate) fn newest(&self) -> MasterKey {
        let pair = self.0.read().unwrap_or_else(PoisonError::into_inner);
        pair.next.as_ref().unwrap_or(&pair.current).clone()
    }

    /// Those that open, the newest first.
    pub(crate) fn all(&self) -> Vec<MasterKey> {
        let pair = self.0.read().unwrap_or_else(PoisonError::into_inner);
        pair.next.iter().chain([&pair.current]).cloned().collect()
    }
}

/// Authenticates the records of file `n` of the ring, so that nobody without the master key can
/// make "never readable" look like "erased at term": an erased record is all zeroes, which
/// whoever can write the folder could put there (T1).
pub(crate) fn authenticate(master: &MasterKey, n: u64, records: &[u8]) -> Hash {
    let derived = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &master.0[..]), RING);
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()));
    context.update(&n.to_be_bytes());
    context.update(records);
    let mut tag = Hash::default();
    tag.copy_from_slice(context.sign().as_ref());
    tag
}

/// Whether the holder of one of these masters wrote the records of file `n`.
pub(crate) fn is_authentic(masters: &[MasterKey], n: u64, records: &[u8], tag: &[u8]) -> bool {
    masters.iter().any(|master| authenticate(master, n, records) == *tag)
}

/// Whether a record is that of a destroyed key.
pub(crate) fn is_erased(record: &[u8]) -> bool {
    record.iter().all(|byte| *byte == 0)
}

fn cipher(key: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, key).ok().map(LessSafeKey::new)
}

/// A body sealed under a fresh key, and the ring's record for that key.
pub(crate) struct Sealed {
    pub(crate) salt: [u8; SALT],
    pub(crate) bytes: Vec<u8>,
    pub(crate) record: [u8; RECORD],
}

/// Seals a body. `None` only if the cipher refuses, which is fatal to the caller.
pub(crate) fn seal(master: &MasterKey, body: &[u8], entropy: &mut Entropy) -> Option<Sealed> {
    let mut key = Zeroizing::new([0u8; 32]);
    let (mut salt, mut id, mut nonce) = ([0u8; SALT], [0u8; KEY_ID], [0u8; NONCE_LEN]);
    for buffer in [&mut key[..], &mut salt[..], &mut id[..], &mut nonce[..]] {
        entropy(buffer);
    }
    let mut bytes = Vec::with_capacity(SALT + body.len() + TAG);
    bytes.extend_from_slice(&salt);
    bytes.extend_from_slice(body);
    // The key is used for this one message, hence the fixed nonce.
    let fixed = Nonce::assume_unique_for_key([0; NONCE_LEN]);
    cipher(&key)?.seal_in_place_append_tag(fixed, Aad::from(BODY), &mut bytes).ok()?;

    Some(Sealed { salt, bytes, record: wrap(master, &key, &id, nonce)? })
}

/// The ring's record for a key: wrapped under this master.
fn wrap(master: &MasterKey, key: &[u8; 32], id: &[u8], nonce: [u8; NONCE_LEN]) -> Option<[u8; RECORD]> {
    let mut wrapped = key.to_vec();
    cipher(&master.0)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from([WRAP, id].concat()), &mut wrapped)
        .ok()?;
    [id, &nonce[..], &wrapped[..]].concat().try_into().ok()
}

/// The id and the key of a record; `None` if it was destroyed or is wrapped under another master.
fn unwrap<'a>(master: &MasterKey, record: &'a [u8]) -> Option<(&'a [u8], Zeroizing<[u8; 32]>)> {
    let (id, rest) = record.split_at_checked(KEY_ID)?;
    let (nonce, wrapped) = rest.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut wrapped = Zeroizing::new(wrapped.to_vec());
    let key = cipher(&master.0)?.open_in_place(nonce, Aad::from([WRAP, id].concat()), &mut wrapped[..]).ok()?;
    Some((id, Zeroizing::new((&*key).try_into().ok()?)))
}

/// The same record under the newest of these masters, the first. `None` if none of them opens it.
/// One that was destroyed, and one that is under the newest already, stays as it is.
pub(crate) fn rewrap(masters: &[MasterKey], record: &[u8], entropy: &mut Entropy) -> Option<Vec<u8>> {
    let newest = masters.first()?;
    if is_erased(record) || unwrap(newest, record).is_some() {
        return Some(record.to_vec());
    }
    let (id, key) = masters.iter().find_map(|master| unwrap(master, record))?;
    let mut nonce = [0u8; NONCE_LEN];
    entropy(&mut nonce);
    Some(wrap(newest, &key, id, nonce)?.to_vec())
}

/// Opens a sealed body: salt and plaintext. `None` if the key was destroyed or a byte differs.
pub(crate) fn open(masters: &[MasterKey], record: &[u8], sealed: &[u8]) -> Option<([u8; SALT], Vec<u8>)> {
    let (_, key) = masters.iter().find_map(|master| unwrap(master, record))?;
    let mut bytes = sealed.to_vec();
    let fixed = Nonce::assume_unique_for_key([0; NONCE_LEN]);
    let plain = cipher(&key)?.open_in_place(fixed, Aad::from(BODY), &mut bytes).ok()?;
    let (salt, body) = plain.split_at_checked(SALT)?;
    Some((salt.try_into().ok()?, body.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opens_with_its_key_only() {
        let mut n = 0u8;
        let mut entropy: Entropy = Box::new(move |buffer| {
            n += 1;
            buffer.fill(n);
        });
        let master = MasterKey::new([1; 32]);
        let sealed = seal(&master, b"who and when", &mut entropy).unwrap();
        assert_eq!(
            open(std::slice::from_ref(&master), &sealed.record, &sealed.bytes).unwrap(),
            (sealed.salt, b"who and when".to_vec())
        );
        assert!(open(&[MasterKey::new([2; 32])], &sealed.record, &sealed.bytes).is_none());
        let mut altered = sealed.bytes.clone();
        altered[40] ^= 1;
        assert!(open(std::slice::from_ref(&master), &sealed.record, &altered).is_none());
        assert!(open(std::slice::from_ref(&master), &[0; RECORD], &sealed.bytes).is_none());
    }
}
