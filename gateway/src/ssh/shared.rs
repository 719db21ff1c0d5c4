//! What one connection's task and its callbacks tell each other.

use crate::limits::{Place, Reason};
use crate::relay::session::LiveSession;
use russh::server::Handle;
use std::net::SocketAddr;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// What the connection's task and its callbacks share.
pub struct Shared {
    /// The library's handle, once there is one.
    pub handle: OnceLock<Handle>,
    /// When the connection is cut unless something happens.
    pub deadline: watch::Sender<Instant>,
    /// The session, once admitted.
    pub session: OnceLock<Arc<LiveSession>>,
    /// Over which proxy it comes (T24).
    pub(super) via: Option<SocketAddr>,
    /// What it did wrong, in the opinion of the callbacks.
    pub(super) fault: OnceLock<Reason>,
    /// Somebody was judged on it, whatever came of it.
    pub(super) judged: AtomicBool,
    /// What whoever has proven both factors is told if all access is cut before they have a session.
    pub(super) if_cut: OnceLock<String>,
    place: Place,
    /// When it was accepted.
    pub(super) begun: Instant,
}

impl Shared {
    /// A connection just accepted, which has so long for its key exchange.
    pub(super) fn new(place: Place, via: Option<SocketAddr>, handshake: Duration) -> Arc<Self> {
        let begun = Instant::now();
        Arc::new(Self {
            handle: OnceLock::new(),
            deadline: watch::Sender::new(begun + handshake),
            session: OnceLock::new(),
            via,
            fault: OnceLock::new(),
            judged: AtomicBool::new(false),
            if_cut: OnceLock::new(),
            place,
            begun,
        })
    }

    /// Whether its key exchange was over.
    pub(super) fn has_asked(&self) -> bool {
        self.place.has_asked()
    }

    /// Its place at the door.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    /// Returns when the connection has overstayed.
    pub async fn overstayed(&self) {
        let mut deadline = self.deadline.subscribe();
        loop {
            let until = *deadline.borrow_and_update();
            tokio::select! {
                () = tokio::time::sleep_until(until) => return,
                changed = deadline.changed() => {
                    if changed.is_err() {
                        return std::future::pending().await;
                    }
                }
            }
        }
    }
}
