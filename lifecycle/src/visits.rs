//! What an account did before, for the card beside its request (APR-06).

use crate::ids::{AccountId, InterventionNumber};
use crate::intervention::Intervention;
use crate::register::Register;
use jiff::{SignedDuration, Timestamp};
use policy::TargetId;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// How far back an address is usual.
const USUAL: SignedDuration = SignedDuration::from_hours(90 * 24);

/// An earlier intervention with a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// Its number.
    pub number: InterventionNumber,
    /// When its last session was admitted.
    pub at: Timestamp,
    /// On which target.
    pub target: TargetId,
    /// From which address.
    pub source: Option<IpAddr>,
}

impl Register {
    /// The last interventions of this account that had a session, the newest first, `last` at most.
    pub fn visits(&self, account: &AccountId, last: usize) -> Vec<Visit> {
        let mut visits: Vec<Visit> = self.visits_of(account).collect();
        // By time and not by number: a planned one is taken up long after it was numbered.
        visits.sort_by_key(|visit| std::cmp::Reverse(visit.at));
        visits.truncate(last);
        visits
    }

    /// The addresses of this account's sessions that were admitted in the 90 days before `at`. Empty:
    /// nothing is usual yet.
    pub fn usual_source(&self, account: &AccountId, at: Timestamp) -> BTreeSet<IpAddr> {
        let recent = self.visits_of(account).filter(|visit| at.duration_since(visit.at) <= USUAL);
        recent.filter_map(|visit| visit.source).collect()
    }

    fn visits_of(&self, account: &AccountId) -> impl Iterator<Item = Visit> {
        let visit = |one: &Intervention| {
            let latest = self.sessions.get(one.sessions.last()?)?;
            let source = one.asked.source.map(|source| source.ip());
            Some(Visit { number: one.number, at: latest.started, target: one.asked.target.clone(), source })
        };
        self.interventions.values().filter(move |one| one.asked.account == *account).filter_map(visit)
    }
}
