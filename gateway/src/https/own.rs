//! The certificate that the console makes itself where none is configured.

use super::certificate::{Loaded, Maker, Pem};
use crate::vault::{Vault, VaultError};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Span, Timestamp};
use rcgen::{
    CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
    date_time_ymd,
};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// The vault's document of the console's own certificate and key. It is written over, and so has one
/// generation: nothing refers to an older one.
pub(crate) const CONSOLE_CERTIFICATE: &str = "console-certificate";
/// Browsers refuse certificates of servers that are made out for longer than 398 days.
const DAYS: i64 = 397;
/// So long before its end it is made anew.
const BEFORE_THE_END: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Why there is no certificate of its own.
#[derive(Debug, thiserror::Error)]
pub(super) enum OwnError {
    /// It cannot be kept.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// It cannot be made.
    #[error("the console's own certificate cannot be made: {0}")]
    Made(String),
}

#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct Kept {
    certificate: String,
    key: String,
}

/// The names that the console answers to at this address.
pub(super) fn names(listen: SocketAddr) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()];
    let address: IpAddr = listen.ip().to_canonical();
    if !names.contains(&address.to_string()) {
        names.push(address.to_string());
    }
    names
}

/// Whether it can still be shown at this instant, under these names.
pub(super) fn still_good(loaded: &Loaded, names: &[String], at: Timestamp) -> bool {
    loaded.state.own
        && loaded.state.not_after.duration_since(at) > BEFORE_THE_END
        && names.iter().all(|name| loaded.state.names.contains(name))
}

/// The kept one, or a new one that is kept from now on.
pub(super) fn obtain(vault: &Vault, names: &[String], at: Timestamp) -> Result<Loaded, OwnError> {
    match vault.get::<Kept>(CONSOLE_CERTIFICATE, 1) {
        Ok(kept) => {
            // One that does not even load, for the clock was wrong say, is made anew too.
            if let Some(loaded) = load(&kept, at).ok().filter(|loaded| still_good(loaded, names, at)) {
                return Ok(loaded);
            }
        }
        Err(VaultError::Missing(_)) => {}
        Err(error) => return Err(error.into()),
    }
    let kept = make(names, at)?;
    let loaded = load(&kept, at).map_err(|fault| OwnError::Made(fault.to_string()))?;
    // CRASH: before this the old one is shown again, or another new one is made.
    vault.put(CONSOLE_CERTIFICATE, 1, &kept)?;
    Ok(loaded)
}

fn load(kept: &Kept, at: Timestamp) -> Result<Loaded, super::certificate::Fault> {
    let pem = Pem { certificate: kept.certificate.clone().into_bytes(), key: kept.key.clone().into_bytes().into() };
    Loaded::new(pem, Maker::Console, at)
}

fn make(names: &[String], at: Timestamp) -> Result<Kept, OwnError> {
    let made = |error: &dyn std::fmt::Display| OwnError::Made(error.to_string());
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(|error| made(&error))?;
    let mut params = CertificateParams::new(names).map_err(|error| made(&error))?;
    params.distinguished_name.push(DnType::CommonName, "Poterne console");
    params.is_ca = IsCa::ExplicitNoCa;
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let today = at.to_zoned(TimeZone::UTC).date();
    let last = today.checked_add(Span::new().days(DAYS)).map_err(|error| made(&error))?;
    let midnight = |day: jiff::civil::Date| {
        let of = |part: i8| u8::try_from(part).unwrap_or(1);
        date_time_ymd(i32::from(day.year()), of(day.month()), of(day.day()))
    };
    (params.not_before, params.not_after) = (midnight(today), midnight(last));
    let certificate = params.self_signed(&key).map_err(|error| made(&error))?;
    Ok(Kept { certificate: certificate.pem(), key: key.serialize_pem() })
}
