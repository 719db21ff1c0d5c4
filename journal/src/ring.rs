//! Sealing of bodies, and the keys that open them.
//!
//! Each body is sealed under a random key of its own, used once. The key stands in the ring,
//! wrapped under the ring's master key. A retention run drops keys and rewrites the ring under a
//! new master, so that no old copy of the ring opens what was erased (D16, LOG-08).

use crate::Entropy;
use crate::merkle::Hash;
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hmac;
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
pub struct MasterKey(Zeroizing<[u8; 32]>);

impl MasterKey {
    /// From 32 secret bytes.
    pub fn new(secret: [u8; 32]) -> Self {
        Self(Zeroizing::new(secret))
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

    let mut wrapped = key.to_vec();
    cipher(&master.0)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from([WRAP, &id].concat()), &mut wrapped)
        .ok()?;
    let record: Vec<u8> = [&id[..], &nonce[..], &wrapped[..]].concat();
    Some(Sealed { salt, bytes, record: record.try_into().ok()? })
}

/// Opens a sealed body: salt and plaintext. `None` if the key was destroyed or a byte differs.
pub(crate) fn open(master: &MasterKey, record: &[u8], sealed: &[u8]) -> Option<([u8; SALT], Vec<u8>)> {
    let (id, rest) = record.split_at_checked(KEY_ID)?;
    let (nonce, wrapped) = rest.split_at_checked(NONCE_LEN)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
    let mut wrapped = Zeroizing::new(wrapped.to_vec());
    let key = cipher(&master.0)?.open_in_place(nonce, Aad::from([WRAP, id].concat()), &mut wrapped[..]).ok()?;
    let key: Zeroizing<[u8; 32]> = Zeroizing::new((&*key).try_into().ok()?);
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
        assert_eq!(open(&master, &sealed.record, &sealed.bytes).unwrap(), (sealed.salt, b"who and when".to_vec()));
        assert!(open(&MasterKey::new([2; 32]), &sealed.record, &sealed.bytes).is_none());
        let mut altered = sealed.bytes.clone();
        altered[40] ^= 1;
        assert!(open(&master, &sealed.record, &altered).is_none());
        assert!(open(&master, &[0; RECORD], &sealed.bytes).is_none());
    }
}
