//! The console's port: TLS, HTTP and their limits. It knows no page: what it serves is handed to it.
//!
//! The daemon asks for the certificate first, since whoever builds the pages wants to show it, and
//! opens the port afterwards:
//!
//! ```ignore
//! let door = https::prepare(&site).await?;       // a wrong certificate or key fails the start here
//! let listening = door.listening();              // for the health page, and for whoever wants the port
//! let app: axum::Router = console::router(/* … listening … */);
//! tasks.push(door.serve(app));                   // aborting this task closes port and connections
//! ```

mod body;
mod certificate;
mod connection;
mod listener;
mod own;
mod renewal;
#[cfg(test)]
mod tests;

pub use certificate::{CertificateError, CertificateState, Fault};
pub(crate) use own::CONSOLE_CERTIFICATE;

use crate::clock::Clock;
use crate::limits::{Limit, Source};
use crate::site::Site;
use crate::vault::Vault;
use certificate::{Files, Loaded};
use config::{Config, LoadError, Problem, Severity};
use jiff::Timestamp;
use renewal::Renewal;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How much of everything one browser, or all together, may have.
#[derive(Debug, Clone, Copy)]
struct Limits {
    /// For the first byte and the TLS handshake.
    handshake: Duration,
    /// For the head of a request over HTTP/1.1, and for the pause before the next one.
    headers: Duration,
    /// For the whole body of a request.
    body: Duration,
    /// Without a request that is being answered, a connection is closed after this.
    idle: Duration,
    /// Between two looks at the certificate's files.
    certificate: Duration,
    /// Connections over all sources.
    connections: u32,
    /// Connections of one source: a hospital's staff may come by one proxy.
    of_a_source: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshake: Duration::from_secs(10),
            headers: Duration::from_secs(10),
            body: Duration::from_secs(30),
            idle: Duration::from_secs(60),
            certificate: Duration::from_secs(10),
            connections: 256,
            of_a_source: 32,
        }
    }
}

/// What the console's port is like now; any number of readers.
#[derive(Clone)]
pub struct Listening {
    bound: watch::Receiver<Option<SocketAddr>>,
    in_force: watch::Receiver<Option<Arc<Loaded>>>,
}

impl Listening {
    /// Where staff can connect now. `None`: no `[console]`, or its address cannot be had.
    pub fn address(&self) -> Option<SocketAddr> {
        *self.bound.borrow()
    }

    /// Returns once the port is open, with its address; `None` if it never will be any more.
    pub async fn opened(&mut self) -> Option<SocketAddr> {
        *self.bound.wait_for(Option::is_some).await.ok()?
    }

    /// The certificate in force. `None`: no `[console]`.
    pub fn certificate(&self) -> Option<CertificateState> {
        self.in_force.borrow().as_ref().map(|loaded| loaded.state.clone())
    }
}

/// The console's port before it opens: its certificate is there.
pub struct Prepared {
    renewal: Renewal,
    bound: watch::Sender<Option<SocketAddr>>,
    listening: Listening,
    limits: Limits,
    /// Hears of sources that are turned away.
    crowded: Crowded,
}

/// Who hears that a source was turned away because there is no place, all of them or its own taken.
type Crowded = Arc<dyn Fn(IpAddr) + Send + Sync>;

/// Reads the configured certificate, or makes one, without opening the port yet. Fails if the
/// configured pair is of no use, with what to write instead. Without `[console]` nothing is asked for
/// and nothing opens until a new configuration has it.
pub async fn prepare(site: &Arc<Site>) -> anyhow::Result<Prepared> {
    let parts = (site.clock.clone(), site.vault.clone(), site.config.clone());
    let limits = &site.config().limits;
    let (connections, of_a_source) = (limits.console_connections, limits.console_connections_per_source);
    let prepared = prepare_with(parts, Limits { connections, of_a_source, ..Limits::default() }).await?;
    let site = site.clone();
    let crowded = move |ip| {
        let source = Source::of(ip, &site.config().limits);
        site.limits.reached(Limit::ConsoleConnectionsPerSource, Some(source), site.clock.now());
    };
    Ok(Prepared { crowded: Arc::new(crowded), ..prepared })
}

type Parts = (Arc<dyn Clock>, Arc<Vault>, watch::Receiver<Arc<Config>>);

async fn prepare_with((clock, vault, config): Parts, limits: Limits) -> anyhow::Result<Prepared> {
    let (in_force, certificate) = watch::channel(None);
    let (bound, address) = watch::channel(None);
    let mut renewal = Renewal { clock, vault, config, in_force, every: limits.certificate };
    renewal.look().await?;
    let listening = Listening { bound: address, in_force: certificate };
    Ok(Prepared { renewal, bound, listening, limits, crowded: Arc::new(|_| {}) })
}

impl Prepared {
    /// What is known of the port, now and later.
    pub fn listening(&self) -> Listening {
        self.listening.clone()
    }

    /// Opens the port and serves these pages on it, with the addresses and certificates that later
    /// configurations name. Aborting the task closes the port and every connection.
    pub fn serve(self, app: axum::Router) -> JoinHandle<()> {
        let port = listener::Port {
            config: self.renewal.config.clone(),
            in_force: self.listening.in_force,
            bound: self.bound,
            app,
            limits: self.limits,
            crowded: self.crowded,
        };
        tokio::spawn(async move {
            tokio::join!(self.renewal.keep(), port.keep());
        })
    }
}

/// Judges the configured certificate and key as they are now; for `poterne config check` and a reload.
/// Gives what is worth a warning. `main` is the file to name in a refusal.
pub fn check(config: &Config, main: &Path, at: Timestamp) -> Result<Option<String>, LoadError> {
    let Some(files) = config.console.as_ref().and_then(Files::of) else { return Ok(None) };
    let refused = |error: CertificateError| {
        let (severity, file, message) = (Severity::Error, main.to_owned(), error.to_string());
        LoadError(vec![Problem { severity, file, line: 0, column: 0, message }])
    };
    let loaded = files.read().and_then(|pem| files.load(pem, at)).map_err(refused)?;
    Ok(loaded.state.warning(at))
}
