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

/// What is computed over what is sent, and not beside it: what ssh-audit holds for sound.
const MACS_ETM: &[mac::Name] = &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM];

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
    let (kex, mac) = if legacy { (KEX_LEGACY, MACS) } else { (KEX, MACS_ETM) };
    Preferred { kex: Cow::Borrowed(kex), mac: Cow::Borrowed(mac), ..modern() }
}

/// Everything modern, and behind it what an exception names.
pub fn offered(legacy: &[&'static str]) -> Preferred {
    let mut preferred = modern();
    for name in legacy {
        match old(name) {
            Some(Old::Kex(kex)) => preferred.kex.to_mut().push(kex),
            Some(Old::Key(key)) => preferred.key.to_mut().push(key),
            Some(Old::Cipher(cipher)) => preferred.cipher.to_mut().push(cipher),
            Some(Old::Mac(mac)) => preferred.mac.to_mut().push(mac),
            None => {}
        }
    }
    preferred
}

/// What an exception can name.
enum Old {
    Kex(kex::Name),
    Key(Algorithm),
    Cipher(cipher::Name),
    Mac(mac::Name),
}

fn old(name: &str) -> Option<Old> {
    Some(match name {
        "ecdh-sha2-nistp256" => Old::Kex(kex::ECDH_SHA2_NISTP256),
        "diffie-hellman-group14-sha256" => Old::Kex(kex::DH_G14_SHA256),
        "diffie-hellman-group14-sha1" => Old::Kex(kex::DH_G14_SHA1),
        "diffie-hellman-group1-sha1" => Old::Kex(kex::DH_G1_SHA1),
        "ssh-rsa" => Old::Key(Algorithm::Rsa { hash: None }),
        "aes128-ctr" => Old::Cipher(cipher::AES_128_CTR),
        "aes192-ctr" => Old::Cipher(cipher::AES_192_CTR),
        "aes256-cbc" => Old::Cipher(cipher::AES_256_CBC),
        "aes192-cbc" => Old::Cipher(cipher::AES_192_CBC),
        "aes128-cbc" => Old::Cipher(cipher::AES_128_CBC),
        "3des-cbc" => Old::Cipher(cipher::TRIPLE_DES_CBC),
        "hmac-sha1" => Old::Mac(mac::HMAC_SHA1),
        _ => return None,
    })
}

/// Towards a target: only the kind of host key that is pinned is asked for, so that a target with
/// several keys shows the right one.
pub fn towards_target(pinned: &PublicKey, legacy: &[&'static str]) -> Preferred {
    let kind = pinned.algorithm();
    let is_rsa = |algorithm: &Algorithm| matches!(algorithm, Algorithm::Rsa { .. });
    let mut preferred = offered(legacy);
    preferred.key.to_mut().retain(|known| *known == kind || (is_rsa(known) && is_rsa(&kind)));
    preferred
}

/// When keys are exchanged anew. Not by time: a connection that is held cannot take part.
pub fn limits() -> Limits {
    const BYTES: usize = 1 << 30;
    const NEVER: Duration = Duration::from_secs(30 * 24 * 3600);
    Limits { rekey_write_limit: BYTES, rekey_read_limit: BYTES, rekey_time_limit: NEVER }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::LEGACY_ALGORITHMS;

    /// HRD-05: what an exception can name is known here, and never offered without one.
    #[test]
    fn exceptions_are_offered_last_and_to_whom_they_are_for() {
        let names = |preferred: &Preferred| -> Vec<String> {
            let kex = preferred.kex.iter().map(|one| one.as_ref().to_owned());
            let key = preferred.key.iter().map(ToString::to_string);
            let cipher = preferred.cipher.iter().map(|one| one.as_ref().to_owned());
            let mac = preferred.mac.iter().map(|one| one.as_ref().to_owned());
            kex.chain(key).chain(cipher).chain(mac).collect()
        };
        let (plain, with_all) = (names(&modern()), offered(LEGACY_ALGORITHMS));
        for name in LEGACY_ALGORITHMS {
            assert!(old(name).is_some(), "{name}");
            assert!(!plain.iter().any(|known| known == name), "{name}");
            assert!(names(&with_all).iter().any(|known| known == name), "{name}");
        }
        assert_eq!(names(&with_all).len(), plain.len() + LEGACY_ALGORITHMS.len());
        assert!(with_all.kex.starts_with(KEX) && with_all.key.starts_with(KEYS));
        assert!(with_all.cipher.starts_with(CIPHERS) && with_all.mac.starts_with(MACS));
        // The vendors' side knows one older exchange where it was asked for (D30), and nothing else.
        let front = names(&towards_clients(true));
        let old: Vec<&String> = front.iter().filter(|name| LEGACY_ALGORITHMS.contains(&name.as_str())).collect();
        assert_eq!(old, ["ecdh-sha2-nistp256"]);
    }
}
