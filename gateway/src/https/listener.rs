//! The port itself: open while a console is configured and has a certificate to show.

use super::certificate::Loaded;
use super::connection;
use super::{Crowded, Limits};
use crate::descriptors;
use crate::limits::Places;
use axum::Router;
use config::Config;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// When an address that could not be had is tried again: at boot it may come up after us.
const AGAIN: Duration = Duration::from_secs(10);

/// The console's port.
pub(super) struct Port {
    pub(super) config: watch::Receiver<Arc<Config>>,
    pub(super) in_force: watch::Receiver<Option<Arc<Loaded>>>,
    pub(super) bound: watch::Sender<Option<SocketAddr>>,
    pub(super) app: Router,
    pub(super) limits: Limits,
    pub(super) crowded: Crowded,
}

impl Port {
    /// Keeps the port where the configuration says. A change of address leaves running connections
    /// alone. Waits on the configuration, the certificate and the port; never on a peer.
    pub(super) async fn keep(mut self) {
        let places = Places::new(self.limits.connections, self.limits.of_a_source);
        let mut connections = JoinSet::new();
        loop {
            let wanted = self.wanted();
            let listener = match wanted {
                Some(address) => bind(address).await,
                None => None,
            };
            self.bound.send_replace(listener.as_ref().and_then(|listener| listener.local_addr().ok()));
            loop {
                tokio::select! {
                    changed = self.config.changed() => {
                        if changed.is_err() {
                            return;
                        }
                        if self.wanted() != wanted {
                            break;
                        }
                    }
                    changed = self.in_force.changed() => {
                        if changed.is_err() {
                            return;
                        }
                        if self.wanted() != wanted {
                            break;
                        }
                    }
                    Some(_) = connections.join_next() => {}
                    () = tokio::time::sleep(AGAIN), if wanted.is_some() && listener.is_none() => break,
                    (tcp, peer) = accept(listener.as_ref()) => {
                        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
                        let Some(loaded) = self.in_force.borrow().clone() else { continue };
                        if let Some(place) = places.enter(peer.ip()) {
                            let (app, limits) = (self.app.clone(), self.limits);
                            connections.spawn(async move {
                                let _place = place;
                                connection::serve(tcp, peer, loaded, app, limits).await;
                            });
                        } else {
                            // Journalled once a minute, whatever comes.
                            (self.crowded)(peer.ip());
                        }
                    }
                }
            }
        }
    }

    /// The address to listen on now.
    fn wanted(&mut self) -> Option<SocketAddr> {
        let ready = self.in_force.borrow_and_update().is_some();
        let config = self.config.borrow_and_update();
        config.console.as_ref().filter(|_| ready).map(|console| console.listen)
    }
}

async fn bind(address: SocketAddr) -> Option<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => {
            let bound = listener.local_addr().unwrap_or(address);
            tracing::info!(address = %bound, "the console's port is open");
            Some(listener)
        }
        Err(error) => {
            tracing::error!(%address, %error, "the console's port cannot be opened; the next try follows");
            None
        }
    }
}

/// The next connection; never, without a port.
async fn accept(listener: Option<&TcpListener>) -> (TcpStream, SocketAddr) {
    let Some(listener) = listener else { return std::future::pending().await };
    loop {
        match listener.accept().await {
            // Closed at once, so that the journal has its own.
            Ok((tcp, _)) if !descriptors::leaves(descriptors::FOR_FILES, &tcp) => drop(tcp),
            Ok(accepted) => return accepted,
            // The peer was gone before its turn: no fault of ours.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                tracing::error!(%error, "a connection to the console could not be accepted");
                tokio::time::sleep(descriptors::AFTER_FAILURE).await;
            }
        }
    }
}
