//! One connection to a receiver: TLS, octet-counted messages (RFC 5425), and an end that says whether
//! all was read.

use super::ending;
use config::Receiver;
use lifecycle::visible;
use rustix::net::sockopt::set_tcp_cork;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme, version};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// How long a receiver may take to be reached, to take what is written, and to end. Real time.
const PATIENCE: Duration = Duration::from_secs(30);

/// Why nothing is known to have been taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// It is away, or went away: tried again.
    Away(String),
    /// One side does not trust the other: somebody has to do something.
    Untrusted(String),
}

impl Trouble {
    pub(super) fn text(&self) -> &str {
        match self {
            Trouble::Away(text) | Trouble::Untrusted(text) => text,
        }
    }
}

pub(super) struct Link {
    stream: TlsStream<TcpStream>,
    own: SocketAddr,
    theirs: SocketAddr,
    asked: Arc<Asked>,
}

/// A client without a certificate, which remembers that it was asked for one. Many a receiver asks, and
/// hangs up without a word where none is shown; many another asks and does not mind.
#[derive(Debug, Default)]
struct Asked {
    asked: AtomicBool,
    /// It took entries from us before: then it does not mind.
    known: bool,
}

impl ResolvesClientCert for Asked {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

impl Asked {
    /// A failure, in the light of what was asked.
    fn explain(&self, trouble: Trouble) -> Trouble {
        match trouble {
            Trouble::Away(why) if self.asked.load(Ordering::Relaxed) && !self.known => Trouble::Untrusted(format!(
                "it refuses us: it asks for a certificate, and there is none: write `certificate` and `key` ({why})"
            )),
            other => other,
        }
    }
}

impl Link {
    /// Connects. The certificate must be signed by one of the authorities of the configuration and made
    /// out to the name written there; TLS 1.2 or later. The files are read anew each time. `known`: it has
    /// taken entries before.
    pub(super) async fn open(receiver: &Receiver, known: bool) -> Result<Self, Trouble> {
        let asked = Arc::new(Asked { asked: AtomicBool::new(false), known });
        let config = client(receiver, asked.clone()).await.map_err(Trouble::Untrusted)?;
        let name = ServerName::try_from(receiver.host.clone())
            .map_err(|_| Trouble::Untrusted(format!("`{}` is no name of a server", receiver.host)))?;
        let opening = async {
            let away = |error: std::io::Error| Trouble::Away(format!("cannot be reached: {error}"));
            let stream = TcpStream::connect((receiver.host.as_str(), receiver.port)).await.map_err(away)?;
            stream.set_nodelay(true).map_err(away)?;
            let (own, theirs) = (stream.local_addr().map_err(away)?, stream.peer_addr().map_err(away)?);
            let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(judged)?;
            Ok::<_, Trouble>((stream, own, theirs))
        };
        let (stream, own, theirs) = in_time(opening).await.map_err(|trouble| asked.explain(trouble))?;
        Ok(Self { stream, own, theirs, asked })
    }

    /// Sends messages, each with its length before it.
    pub(super) async fn send(&mut self, messages: &[String]) -> Result<(), Trouble> {
        let mut bytes = Vec::with_capacity(messages.iter().map(|text| text.len() + 6).sum());
        for message in messages {
            bytes.extend_from_slice(format!("{} {message}", message.len()).as_bytes());
        }
        let sending = async {
            self.stream.write_all(&bytes).await?;
            self.stream.flush().await
        };
        match in_time(async { sending.await.map_err(judged) }).await {
            Ok(()) => Ok(()),
            // Whoever hangs up says why before, if at all.
            Err(trouble) => Err(self.last_words().await.unwrap_or_else(|| self.asked.explain(trouble))),
        }
    }

    /// Returns when the receiver ends the connection, or breaks it. Nothing else is ever said by one.
    pub(super) async fn ended(&mut self) -> Trouble {
        let mut buffer = [0; 512];
        loop {
            match self.stream.read(&mut buffer).await {
                Ok(0) => return self.asked.explain(Trouble::Away("it ended the connection".to_owned())),
                Ok(_) => {}
                Err(error) => return self.asked.explain(judged(error)),
            }
        }
    }

    /// Ends the connection; `Ok` if the receiver read all that was sent on it.
    pub(super) async fn confirm(mut self) -> Result<(), Trouble> {
        let asked = self.asked.clone();
        let ending = async move {
            // Held back until the end goes with it: TLS's word alone would have the receiver end first,
            // and then nobody knows what it had read.
            set_tcp_cork(self.stream.get_ref().0, true).map_err(|error| judged(error.into()))?;
            self.stream.shutdown().await.map_err(judged)?;
            let mut buffer = [0; 512];
            loop {
                match self.stream.read(&mut buffer).await {
                    Ok(0) => break,
                    Ok(_) => {}
                    // Many end without the word of TLS; that bytes were cut off is found below.
                    Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
                    Err(error) => return Err(judged(error)),
                }
            }
            let (mut tcp, _) = self.stream.into_inner();
            while tcp.read(&mut buffer).await.map_err(judged)? > 0 {}
            match ending::was_read(self.own, self.theirs).await {
                Ok(true) => Ok(()),
                Ok(false) => Err(Trouble::Away("it ended the connection before all was read".to_owned())),
                Err(error) => Err(Trouble::Away(format!("the kernel does not say how the connection ended: {error}"))),
            }
        };
        in_time(ending).await.map_err(|trouble| asked.explain(trouble))
    }

    async fn last_words(&mut self) -> Option<Trouble> {
        const WORDS: Duration = Duration::from_secs(1);
        match tokio::time::timeout(WORDS, self.ended()).await {
            Ok(trouble @ Trouble::Untrusted(_)) => Some(trouble),
            _ => None,
        }
    }
}

async fn in_time<T>(what: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
    let late = |_| Trouble::Away(format!("no answer within {} seconds", PATIENCE.as_secs()));
    tokio::time::timeout(PATIENCE, what).await.map_err(late)?
}

/// Whether an error is a matter of trust. Words of a stranger are made visible.
fn judged(error: std::io::Error) -> Trouble {
    use rustls::AlertDescription as Alert;
    let why = visible(&error.to_string());
    match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => {
            Trouble::Untrusted(format!("its certificate is refused, see `ca-file` and `server`: {why}"))
        }
        Some(rustls::Error::AlertReceived(
            Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnknownCA
            | Alert::CertificateExpired
            | Alert::CertificateRevoked
            | Alert::CertificateUnknown
            | Alert::UnsupportedCertificate
            | Alert::AccessDenied
            | Alert::HandshakeFailure,
        )) => Trouble::Untrusted(format!("it refuses us, see `certificate` and `key`: {why}")),
        Some(rustls::Error::PeerIncompatible(_)) => Trouble::Untrusted(format!("no TLS 1.2 or later: {why}")),
        _ => Trouble::Away(why),
    }
}

async fn client(receiver: &Receiver, asked: Arc<Asked>) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(&receiver.ca_file).await? {
        roots.add(certificate).map_err(|error| format!("`{}`: {error}", receiver.ca_file.display()))?;
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let mut config = match &receiver.client {
        None => builder.with_client_cert_resolver(asked),
        Some((certificate, key)) => {
            let unusable = |error: String| format!("`{}`: {error}", key.display());
            let pem = zeroize::Zeroizing::new(tokio::fs::read(key).await.map_err(|error| unusable(error.to_string()))?);
            let own = PrivateKeyDer::from_pem_slice(&pem).map_err(|error| unusable(error.to_string()))?;
            builder
                .with_client_auth_cert(certificates(certificate).await?, own)
                .map_err(|error| unusable(error.to_string()))?
        }
    };
    // Each connection judges the certificate anew.
    config.resumption = Resumption::disabled();
    Ok(config)
}

async fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unusable = |why: String| format!("`{}`: {why}", path.display());
    let pem = tokio::fs::read(path).await.map_err(|error| unusable(error.to_string()))?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    match all {
        Ok(all) if all.is_empty() => Err(unusable("holds no certificate".to_owned())),
        Ok(all) => Ok(all),
        Err(error) => Err(unusable(error.to_string())),
    }
}
