//! The connections of one intervention: frozen, let go on and cut together, and ended with the first (D9).
//!
//! Each is a session of its own, with its recording, its driver and its watchers. What a person does to
//! one is done to all here, at once and without the registrar (D18). What a limit or an absent watcher
//! freezes is that session alone (D25).

use super::session::{Flow, LiveSession, LiveSessions};
use lifecycle::{Actor, EndCause, FreezeCause, Input, InterventionNumber, SessionId};
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;

/// A connection that joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Joined {
    /// Its session.
    pub session: SessionId,
    /// From where.
    pub from: SocketAddr,
}

impl LiveSessions {
    /// The sessions of an intervention that run now.
    pub fn of(&self, number: InterventionNumber) -> Vec<Arc<LiveSession>> {
        self.matching(|session| session.number == number)
    }

    /// When a byte last moved over any connection of this intervention; shared by all of them.
    pub fn activity_of(&self, number: InterventionNumber) -> Arc<AtomicI64> {
        self.of(number).first().map(|session| session.activity()).unwrap_or_default()
    }

    /// A session that joined, and brakes find by now, gets what the others got while it was admitted:
    /// the first one's end, a person's freeze.
    pub fn fall_in(&self, session: &LiveSession) {
        let others = self.of(session.number);
        let first = others.iter().find(|other| other.joined_from.is_none());
        match first {
            Some(first) if first.flow() != Flow::Ended => {}
            Some(first) => session.brake(first.cause().map_or(EndCause::FirstEnded, EndCause::for_joined)),
            None => session.brake(EndCause::FirstEnded),
        }
        let mut held = others.iter().filter(|other| other.id != session.id).filter_map(|other| other.frozen_for());
        if let Some(cause) = held.find(by_staff) {
            // Its inbox is new, and has room.
            let _ = session.freeze(cause);
        }
    }

    /// Tells the other connections of its intervention that this one joined.
    pub fn announce(&self, session: &LiveSession) {
        let Some(from) = session.joined_from else { return };
        for other in self.of(session.number).iter().filter(|other| other.id != session.id) {
            other.joined_by(Joined { session: session.id.clone(), from });
        }
    }

    /// A person freezes an intervention: every connection stands still before any driver is waited for.
    pub async fn freeze_together(&self, number: InterventionNumber, cause: &FreezeCause, reason: Option<String>) {
        let (mut seen, mut untold) = (BTreeSet::new(), Vec::new());
        // Twice: one that joined while the first round went on is found by the second, and one that joins
        // later finds the others frozen.
        for session in self.of(number).into_iter().chain(self.of_later(number)) {
            if !seen.insert(session.id.clone()) {
                continue;
            }
            // On a session that stands still already it would wait for another freeze.
            if session.frozen_for().is_none_or(|before| before == FreezeCause::Unwatched) {
                session.because(reason.clone());
            }
            if !session.freeze(cause.clone()) {
                untold.push(session);
            }
        }
        for session in untold {
            session.tell(Input::Freeze(cause.clone())).await;
        }
    }

    /// The same as [`Self::of`], asked only once it is iterated over.
    fn of_later(&self, number: InterventionNumber) -> impl Iterator<Item = Arc<LiveSession>> {
        std::iter::once_with(move || self.of(number)).flatten()
    }

    /// Lets a session go on, and with it those of its intervention that a person froze.
    pub async fn resume_together(&self, session: &LiveSession, by: &Actor) {
        for one in self.of(session.number) {
            if one.id == session.id || one.frozen_for().as_ref().is_some_and(by_staff) {
                one.resume(by.clone()).await;
            }
        }
    }

    /// Cuts the intervention of this session. Gives how many sessions that ended.
    pub fn cut_together(&self, session: &SessionId, cause: &EndCause) -> usize {
        let live = self.matching(|one| one.id == *session && one.flow() != Flow::Ended);
        live.iter().map(|named| self.brake(cause, |one| one.number == named.number)).sum()
    }

    /// The first connection ends: the others of its intervention end with it.
    pub fn end_with(&self, session: &LiveSession, cause: &EndCause) {
        if session.joined_from.is_none() {
            self.brake(&cause.for_joined(), |other| other.number == session.number && other.id != session.id);
        }
    }
}

fn by_staff(cause: &FreezeCause) -> bool {
    matches!(cause, FreezeCause::Staff(_))
}
