//! How a connection ends: what its client is told, and what its source is charged for it (IDM-09).

use super::shared::Shared;
use crate::limits::{Limit, Reason, Source};
use crate::relay::gate::Gate;
use crate::site::Site;
use crate::texts::to_ascii;
use lifecycle::EndCause;
use russh::server::Handle;
use russh::{Disconnect, Error};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// To tell somebody in the lobby that all access is cut, at each of three steps. Together they stay well within
/// the five seconds of D18, and nobody gets anywhere meanwhile.
const TO_READ: Duration = Duration::from_secs(1);

/// Who ended it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parting {
    /// The client, or the library.
    ByItself,
    /// It took too long.
    Overstayed,
    /// The bastion, for no fault of its own: it was charged already, or all access is cut.
    ShownOut,
}

/// What a connection's source is charged for, if it is for anything. Limits that were reached are noted.
pub(super) fn fault(
    site: &Site,
    shared: &Shared,
    gate: &Gate,
    source: SocketAddr,
    parting: Parting,
    outcome: &Result<(), Error>,
) -> Option<Reason> {
    let note = |limit| {
        let source = Source::of(source.ip(), &site.config().limits);
        site.limits.reached(limit, Some(source), site.clock.now());
        Some(Reason::LimitAbuse)
    };
    if gate.is_overdrawn() {
        return note(Limit::BytesBeforeSession);
    }
    if gate.is_unread() {
        return note(Limit::Unread);
    }
    if let Some(reason) = shared.fault.get() {
        return Some(*reason);
    }
    if let Some(session) = shared.session.get() {
        return (session.cause() == Some(&EndCause::ClientFault)).then_some(Reason::LimitAbuse);
    }
    // Whoever was judged was charged by the verdict, if at all.
    if parting == Parting::ShownOut || shared.judged.load(Ordering::Acquire) {
        return None;
    }
    if parting == Parting::Overstayed {
        note(if shared.has_asked() { Limit::LoginTime } else { Limit::HandshakeTime });
        return Some(Reason::TooLate);
    }
    match outcome {
        Err(error) if is_malformed(error) => Some(Reason::Malformed),
        _ => Some(Reason::NoAuthentication),
    }
}

/// Whether a client that means well could not have come to it. Old ones have no algorithm of ours; any of
/// them may be cut off.
fn is_malformed(error: &Error) -> bool {
    !matches!(
        error,
        Error::IO(_)
            | Error::Disconnect
            | Error::HUP
            | Error::NoCommonAlgo { .. }
            | Error::ConnectionTimeout
            | Error::KeepaliveTimeout
            | Error::InactivityTimeout
            | Error::SendError
            | Error::RecvError
            | Error::Join(_)
            | Error::Elapsed(_)
    )
}

/// Tells a client that is refused why, and leaves it.
pub(super) async fn say_goodbye(handle: Handle, gate: Arc<Gate>, reason: String, after: Duration) {
    let farewell = async move { handle.disconnect(Disconnect::ByApplication, reason, String::new()).await };
    // Queued before the refusal is answered, so that both leave together: PuTTY gives up at a
    // refusal that stands alone, and never shows the reason.
    let late = if after.is_zero() {
        let _ = farewell.await;
        None
    } else {
        Some(farewell)
    };
    tokio::spawn(async move {
        if let Some(farewell) = late {
            tokio::time::sleep(after).await;
            let _ = farewell.await;
        }
        // A client that does not leave by itself is left.
        tokio::time::sleep(Duration::from_secs(2)).await;
        gate.end();
    });
}

/// Returns once all access is cut, for whoever is in the lobby then. A session is ended with its reason, by
/// the brake; and it may have begun while this waits. Whoever has proven both factors is told why: in the lobby
/// while waiting there, and at a prompt, where the lobby cannot speak, with the farewell (D18).
pub(super) async fn shut_out(site: &Site, shared: &Shared) {
    site.lockdown.began().await;
    if let (None, Some(why)) = (shared.session.get(), shared.if_cut.get()) {
        tokio::time::sleep(TO_READ).await;
        if let Some(handle) = shared.handle.get().filter(|_| shared.session.get().is_none()) {
            // The farewell is queued behind whatever the client has not read: whoever reads nothing hears nothing.
            let farewell = handle.disconnect(Disconnect::ByApplication, to_ascii(why), String::new());
            let _ = tokio::time::timeout(TO_READ, farewell).await;
            tokio::time::sleep(TO_READ).await;
        }
    }
    if shared.session.get().is_some() {
        std::future::pending().await
    }
}
