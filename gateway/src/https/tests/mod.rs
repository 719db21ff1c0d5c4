//! The port over loopback, with real TLS on the other side.

mod attacks;
mod certificates;
mod port;

use super::{Limits, Listening, Prepared, prepare_with};
use crate::clock::Clock;
use crate::vault::Vault;
use axum::extract::ConnectInfo;
use axum::response::sse::{Event, Sse};
use axum::routing::{get, post};
use axum::{Extension, Router};
use config::Config;
use console::listener::OwnCertificate;
use futures::future::BoxFuture;
use jiff::Timestamp;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const START: &str = "2026-06-01T10:00:00Z";

/// A clock that stands still until it is set.
struct Hand(Mutex<Timestamp>);

impl Hand {
    fn set(&self, at: &str) {
        *self.0.lock().unwrap() = at.parse().unwrap();
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }

    fn sleep_until(&self, _: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn is_trusted(&self) -> bool {
        true
    }

    fn reading(&self) -> (Timestamp, std::time::Duration) {
        (self.now(), std::time::Duration::ZERO)
    }
}

/// A site of one console.
struct Bench {
    folder: TempDir,
    clock: Arc<Hand>,
    vault: Arc<Vault>,
    config: watch::Sender<Arc<Config>>,
}

impl Bench {
    /// With these lines in `[console]`.
    fn new(console: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(Hand(Mutex::new(START.parse().unwrap())));
        let vault = Arc::new(Vault::open(&folder.path().join("vault")).unwrap());
        let config = watch::Sender::new(Arc::new(read(&folder, console)));
        Self { folder, clock, vault, config }
    }

    /// With a pair from files `a.pem` and `a.key`.
    fn configured() -> Self {
        let bench = Self::new("");
        bench.put_pair("a", &pair(&["localhost", "127.0.0.1"], 2026, 2027));
        bench.reload(&bench.names_pair("a"));
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn names_pair(&self, name: &str) -> String {
        let (pem, key) = (self.path(&format!("{name}.pem")), self.path(&format!("{name}.key")));
        format!("certificate = \"{}\"\nkey = \"{}\"\n", pem.display(), key.display())
    }

    fn put_pair(&self, name: &str, pair: &(String, String)) {
        fs::write(self.path(&format!("{name}.pem")), &pair.0).unwrap();
        let key = self.path(&format!("{name}.key"));
        fs::write(&key, &pair.1).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    }

    fn reload(&self, console: &str) {
        self.config.send_replace(Arc::new(read(&self.folder, console)));
    }

    async fn prepare(&self, limits: Limits) -> anyhow::Result<Prepared> {
        let clock: Arc<dyn Clock> = self.clock.clone();
        prepare_with((clock, self.vault.clone(), self.config.subscribe()), limits).await
    }

    async fn serve(&self, limits: Limits) -> Door {
        let prepared = self.prepare(limits).await.unwrap();
        let mut listening = prepared.listening();
        let task = prepared.serve(pages());
        let address = listening.opened().await.unwrap();
        Door { listening, address, task }
    }
}

fn read(folder: &TempDir, console: &str) -> Config {
    let main = folder.path().join("poterne.toml");
    let listen = if console.contains("listen") { "" } else { "listen = \"127.0.0.1:0\"" };
    let text = format!(
        r#"[site]
name = "CHU"
timezone = "Europe/Paris"
[ssh]
listen = ["192.0.2.1:22"]
[console]
{listen}
{console}
[recordings]
recipients = ["age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg"]
"#
    );
    fs::write(&main, text).unwrap();
    config::load(&main, config::Options { at: START.parse().unwrap(), unpinned: false }).unwrap()
}

/// A certificate and its key as PEM, valid over these years.
fn pair(names: &[&str], from: i32, until: i32) -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = rcgen::CertificateParams::new(names).unwrap();
    params.not_before = rcgen::date_time_ymd(from, 1, 1);
    params.not_after = rcgen::date_time_ymd(until, 1, 1);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

/// An open port.
struct Door {
    listening: Listening,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Door {
    fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.address.port())
    }

    /// Once another certificate than this is in force.
    async fn renewed(&mut self, fingerprint: &str) -> super::CertificateState {
        let other = |loaded: &Option<Arc<super::Loaded>>| {
            loaded.as_ref().is_some_and(|loaded| loaded.state.fingerprint != fingerprint)
        };
        tokio::time::timeout(Duration::from_secs(20), self.listening.in_force.wait_for(other)).await.unwrap().unwrap();
        self.listening.certificate().unwrap()
    }

    async fn tcp(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// TLS with this ALPN; whatever certificate is in force now is the trusted one.
    async fn tls(&self, alpn: &[&str]) -> std::io::Result<TlsStream<TcpStream>> {
        let mut config = self.trusting();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        TlsConnector::from(Arc::new(config)).connect(ServerName::try_from("localhost").unwrap(), self.tcp().await).await
    }

    fn trusting(&self) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(&self.shown()).unwrap()).unwrap();
        ClientConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth()
    }

    fn shown(&self) -> Vec<u8> {
        self.listening.in_force.borrow().as_ref().unwrap().pem.certificate.clone()
    }

    /// A client as browsers are.
    fn browser(&self) -> reqwest::Client {
        let root = reqwest::Certificate::from_pem(&self.shown()).unwrap();
        reqwest::Client::builder().tls_certs_only([root]).build().unwrap()
    }
}

/// Small pages that say what they were told.
fn pages() -> Router {
    let who = |ConnectInfo(peer): ConnectInfo<SocketAddr>,
               Extension(OwnCertificate(own)): Extension<OwnCertificate>| async move {
        format!("{} own={own}", peer.ip())
    };
    let length = |body: bytes::Bytes| async move { body.len().to_string() };
    let forever = || async {
        Sse::new(futures::stream::repeat_with(|| Ok::<_, Infallible>(Event::default().data("x".repeat(1000)))))
    };
    // One event at once, then silence.
    let silent = || async {
        let first = futures::stream::once(async { Ok::<_, Infallible>(Event::default().data("first")) });
        Sse::new(futures::StreamExt::chain(first, futures::stream::pending()))
    };
    Router::new()
        .route("/", get(who))
        .route("/length", post(length))
        .route("/forever", get(forever))
        .route("/silent", get(silent))
}

/// All that comes until the end, of the connection or of patience.
async fn rest(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut all = Vec::new();
    let end = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut all)).await;
    let _ = end.expect("the connection was to end");
    String::from_utf8_lossy(&all).into_owned()
}

async fn say(stream: &mut (impl tokio::io::AsyncWrite + Unpin), text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
}

/// Short, where a test waits for the end of one.
fn hasty() -> Limits {
    let short = Duration::from_millis(300);
    Limits { handshake: short, headers: short, body: short, idle: short, certificate: short, ..Limits::default() }
}
