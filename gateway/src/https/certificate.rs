//! A certificate and its key: read, held against each other and against the clock, made ready for TLS.

use config::Console;
use data_encoding::HEXUPPER;
use jiff::{SignedDuration, Timestamp};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{InconsistentKeys, ServerConfig, version};
use std::fs;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate};
use zeroize::Zeroizing;

/// Longest file. A chain takes a few thousand bytes; a disk image given by mistake does not fit.
const LONGEST: u64 = 1 << 20;
/// Certificates of one chain.
const CHAIN: usize = 10;
/// From here on the end is announced.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// What the console shows of itself to browsers, for the health page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateState {
    /// Whether the console made it itself: approving then works from this machine alone (D12).
    pub own: bool,
    /// SHA-256 over the certificate, as browsers show it: `AB:CD:…`, 32 pairs.
    pub fingerprint: String,
    /// Host names and addresses that it is made out for.
    pub names: Vec<String>,
    /// The last instant at which browsers take it.
    pub not_after: Timestamp,
}

impl CertificateState {
    /// What to say of its end: nothing while that is more than 14 days away.
    pub fn warning(&self, at: Timestamp) -> Option<String> {
        let left = self.not_after.duration_since(at);
        let (end, days) = (self.not_after, left.as_hours() / 24);
        match () {
            () if left < SignedDuration::ZERO => Some(format!("the console's certificate ended at {end}: renew it")),
            () if left < SOON => Some(format!("the console's certificate ends in {days} day(s), at {end}: renew it")),
            () => None,
        }
    }
}

/// A file of the configured pair is of no use.
#[derive(Debug, thiserror::Error)]
#[error("`console.{key}`: `{path}` {fault}")]
pub struct CertificateError {
    /// `certificate` or `key`.
    pub key: &'static str,
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a certificate or key.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The system refuses it.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] std::io::Error),
    /// A folder, a pipe, or much too long.
    #[error("is not a PEM file of at most 1 MiB: write the path of one")]
    NotPem,
    /// Others can read the key.
    #[error("can be read by others: run `chmod 600` on it")]
    Open,
    /// No certificate is in it.
    #[error(
        "holds no certificate, or a damaged one: write a PEM file (`-----BEGIN CERTIFICATE-----`), the console's own certificate first, then those up to the root"
    )]
    NoCertificate,
    /// No key is in it.
    #[error(
        "holds no private key that can be used: write a PEM file (`-----BEGIN PRIVATE KEY-----`) without a passphrase, RSA of 2048 bits or more, ECDSA P-256 or P-384, or Ed25519"
    )]
    NoKey,
    /// They are not a pair.
    #[error(
        "does not belong to the first certificate of `console.certificate`: write the key that it was requested with, and put the console's own certificate first"
    )]
    Mismatch,
    /// It begins later.
    #[error("is valid only from {0}: put a valid one there, or set the machine's clock right")]
    NotYet(Timestamp),
    /// It ended.
    #[error("ended at {0}: put a renewed one there with its key, or write neither for a certificate of its own")]
    Over(Timestamp),
    /// TLS does not take it.
    #[error("cannot be used: {0}")]
    Unusable(rustls::Error),
}

impl Fault {
    /// The file to blame.
    fn key(&self) -> &'static str {
        match self {
            Fault::Open | Fault::NoKey | Fault::Mismatch => "key",
            _ => "certificate",
        }
    }
}

/// Who made a certificate out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Maker {
    /// The console for itself.
    Console,
    /// An authority that the hospital chose.
    Somebody,
}

/// A pair as texts.
#[derive(PartialEq, Eq)]
pub(super) struct Pem {
    pub(super) certificate: Vec<u8>,
    pub(super) key: Zeroizing<Vec<u8>>,
}

/// Where the configured pair lies.
pub(super) struct Files<'a> {
    certificate: &'a Path,
    key: &'a Path,
}

impl<'a> Files<'a> {
    /// As configured, if it is.
    pub(super) fn of(console: &'a Console) -> Option<Self> {
        Some(Self { certificate: console.certificate.as_deref()?, key: console.key.as_deref()? })
    }

    /// Reads both.
    pub(super) fn read(&self) -> Result<Pem, CertificateError> {
        let certificate = read(self.certificate).map_err(|fault| self.error("certificate", fault))?;
        let key = private(self.key).and_then(|()| read(self.key)).map_err(|fault| self.error("key", fault))?;
        Ok(Pem { certificate, key: key.into() })
    }

    /// Judges both.
    pub(super) fn load(&self, pem: Pem, at: Timestamp) -> Result<Loaded, CertificateError> {
        Loaded::new(pem, Maker::Somebody, at).map_err(|fault| self.error(fault.key(), fault))
    }

    fn error(&self, key: &'static str, fault: Fault) -> CertificateError {
        let path = if key == "key" { self.key } else { self.certificate };
        CertificateError { key, path: path.to_owned(), fault }
    }
}

fn private(path: &Path) -> Result<(), Fault> {
    let open = fs::metadata(path)?.permissions().mode() & 0o077 != 0;
    if open { Err(Fault::Open) } else { Ok(()) }
}

fn read(path: &Path) -> Result<Vec<u8>, Fault> {
    let found = fs::metadata(path)?;
    // A named pipe would let the daemon wait for ever.
    if !found.is_file() || found.len() > LONGEST {
        return Err(Fault::NotPem);
    }
    Ok(fs::read(path)?)
}

/// A pair that fits and is valid, ready for TLS.
pub(super) struct Loaded {
    pub(super) tls: Arc<ServerConfig>,
    pub(super) state: CertificateState,
    /// What it was made of, to see a change.
    pub(super) pem: Pem,
}

impl Loaded {
    /// Holds certificate, key and clock against each other.
    pub(super) fn new(pem: Pem, by: Maker, at: Timestamp) -> Result<Self, Fault> {
        let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&pem.certificate)
            .collect::<Result<_, _>>()
            .map_err(|_| Fault::NoCertificate)?;
        let first = chain.first().filter(|_| chain.len() <= CHAIN).ok_or(Fault::NoCertificate)?;
        let state = state(first, by, at)?;
        let key = PrivateKeyDer::from_pem_slice(&pem.key).map_err(|_| Fault::NoKey)?;
        Ok(Self { tls: Arc::new(tls(chain, key)?), state, pem })
    }
}

fn state(certificate: &CertificateDer<'_>, by: Maker, at: Timestamp) -> Result<CertificateState, Fault> {
    let (_, parsed) = X509Certificate::from_der(certificate).map_err(|_| Fault::NoCertificate)?;
    let instant = |seconds| Timestamp::from_second(seconds).map_err(|_| Fault::NoCertificate);
    let not_before = instant(parsed.validity().not_before.timestamp())?;
    let not_after = instant(parsed.validity().not_after.timestamp())?;
    if at < not_before {
        return Err(Fault::NotYet(not_before));
    }
    if at > not_after {
        return Err(Fault::Over(not_after));
    }
    let alternatives = parsed.subject_alternative_name().map_err(|_| Fault::NoCertificate)?;
    let names = alternatives.iter().flat_map(|found| &found.value.general_names).filter_map(name).collect();
    let own = by == Maker::Console;
    Ok(CertificateState { own, fingerprint: fingerprint(certificate), names, not_after })
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some((*name).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
            let sixteen = <[u8; 16]>::try_from(*bytes).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes)));
            Some(four.or(sixteen).ok()?.to_string())
        }
        _ => None,
    }
}

/// SHA-256 in pairs with colons, as browsers and `openssl x509 -fingerprint -sha256` show it.
fn fingerprint(certificate: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, certificate);
    digest.as_ref().iter().map(|byte| HEXUPPER.encode(&[*byte])).collect::<Vec<_>>().join(":")
}

/// TLS 1.3, and 1.2 with forward secrecy and authenticated ciphers only: that is all the provider has.
/// Nothing is resumed, so no ticket key can open an old session; rustls knows no renegotiation.
fn tls(chain: Vec<CertificateDer<'static>>, key: PrivateKeyDer<'static>) -> Result<ServerConfig, Fault> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    provider.key_provider.load_private_key(key.clone_key()).map_err(|_| Fault::NoKey)?;
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(Fault::Unusable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|error| match error {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => Fault::Mismatch,
            error => Fault::Unusable(error),
        })?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    // Ours is the stronger cipher first; scanners blame a server that leaves the choice.
    config.ignore_client_order = true;
    config.session_storage = Arc::new(rustls::server::NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}
