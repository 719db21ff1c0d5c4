//! How a connection ended, and what its source is charged for it (IDM-09).

use super::connection::Shared;
use crate::limits::{Limit, Reason, Source};
use crate::relay::gate::Gate;
use crate::site::Site;
use lifecycle::EndCause;
use russh::Error;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;

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
