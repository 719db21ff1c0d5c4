//! What is offered, on either side (HRD-04, HRD-05). The vendors' side is modern only.

use russh::keys::{Algorithm, EcdsaCurve, HashAlg, PublicKey};
use russh::{Limits, Preferred, cipher, compression, kex, mac};
use std::borrow::Cow;
use std::time::Duration;

const KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::EXTENSION_SUPPORT_AS_SERVER,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

/// For old Java clients (D30): the exchange that they know besides.
const KEX_LEGACY: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::EXTENSION_SUPPORT_AS_SERVER,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
];

/// aes256-ctr stays for Debian's paramiko, hence Ansible, which has no GCM.
const CIPHERS: &[cipher::Name] =
    &[cipher::AES_256_GCM, cipher::CHACHA20_POLY1305, cipher::AES_128_GCM, cipher::AES_256_CTR];

const MACS: &[mac::Name] = &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM, mac::HMAC_SHA256, mac::HMAC_SHA512];

const KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::Rsa { hash: Some(HashAlg::Sha512) },
    Algorithm::Rsa { hash: Some(HashAlg::Sha256) },
];

/// No SHA-1, no CBC, no compression.
pub fn modern() -> Preferred {
    Preferred {
        kex: Cow::Borrowed(KEX),
        key: Cow::Borrowed(KEYS),
        host_key_certificates: Cow::Borrowed(&[]),
        cipher: Cow::Borrowed(CIPHERS),
        mac: Cow::Borrowed(MACS),
        compression: Cow::Borrowed(&[compression::NONE]),
    }
}

/// Towards technicians.
pub fn towards_clients(legacy: bool) -> Preferred {
    Preferred { kex: Cow::Borrowed(if legacy { KEX_LEGACY } else { KEX }), ..modern() }
}

/// Towards a target: only the kind of host key that is pinned is asked for, so that a target with
/// several keys shows the right one.
pub fn towards_target(pinned: &PublicKey) -> Preferred {
    let kind = pinned.algorithm();
    let is_rsa = |algorithm: &Algorithm| matches!(algorithm, Algorithm::Rsa { .. });
    let keys: Vec<Algorithm> =
        KEYS.iter().filter(|known| **known == kind || (is_rsa(known) && is_rsa(&kind))).cloned().collect();
    Preferred { key: Cow::Owned(keys), ..modern() }
}

/// When keys are exchanged anew. Not by time: a connection that is held cannot take part.
pub fn limits() -> Limits {
    const BYTES: usize = 1 << 30;
    const NEVER: Duration = Duration::from_secs(30 * 24 * 3600);
    Limits { rekey_write_limit: BYTES, rekey_read_limit: BYTES, rekey_time_limit: NEVER }
}
