//! The host key of whatever answers, for a person to compare.

use super::PATIENCE;
use super::error::{listed, word};
use crate::relay::gate::{Gate, GatedStream};
use crate::ssh::algorithms;
use russh::client;
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::net::TcpStream;

/// Fetches the host key of whatever answers at an address, for `poterne target pin`. Sends no name
/// and no secret. `legacy`: names of old algorithms that this target is offered besides.
pub async fn fetch_host_key(address: SocketAddr, legacy: &[&'static str]) -> Result<PublicKey, String> {
    struct Look(Arc<Mutex<Option<PublicKey>>>);
    impl client::Handler for Look {
        type Error = russh::Error;
        async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
            if let PublicKeyOrCertificate::PublicKey { key, .. } = key {
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
            }
            Ok(false)
        }
    }
    let seen = Arc::new(Mutex::new(None));
    let config = client::Config { preferred: algorithms::offered(legacy), ..client::Config::default() };
    let look = async {
        let tcp = TcpStream::connect(address).await.map_err(|error| format!("{address} does not answer: {error}"))?;
        let stream = GatedStream::new(Arc::new(tcp), Arc::<Gate>::default());
        match client::connect_stream(Arc::new(config), stream, Look(seen.clone())).await {
            Ok(_) | Err(russh::Error::UnknownKey) => Ok(()),
            Err(russh::Error::NoCommonAlgo { kind, theirs, .. }) => Err(format!(
                "{address} has no {} that it is offered, only {}: update it, or name what it needs in \
                 `target.NAME.legacy.algorithms`",
                word(&kind),
                listed(&theirs)
            )),
            Err(error) => Err(format!("{address}: {error}")),
        }
    };
    let outcome = tokio::time::timeout(PATIENCE, look).await.map_err(|_| format!("{address} does not answer"))?;
    let key = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (key, outcome) {
        (Some(key), _) => Ok(key),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => Err(format!("{address} showed no host key")),
    }
}
