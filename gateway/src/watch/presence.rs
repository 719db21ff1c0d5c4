//! Who watches a session now and counts. The session freezes when the last of them is gone, so a
//! hand-over between two leaves no gap (APR-04).

use jiff::Timestamp;
use policy::StaffLogin;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// One watcher's place; the same person may have several.
pub type Place = u64;

/// What a change means for the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nobody watched before.
    First,
    /// Nobody watches any more; the last of them was there until this instant.
    Last(Timestamp),
    /// Others watch too.
    None,
}

#[derive(Debug, Default)]
struct Inner {
    next: Place,
    present: BTreeMap<Place, StaffLogin>,
    last_seen: Option<Timestamp>,
}

/// The watchers of one session that count.
#[derive(Debug, Default)]
pub struct Presence(Mutex<Inner>);

impl Presence {
    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody is there.
    pub fn came(&self, staff: StaffLogin) -> (Place, Change) {
        let mut inner = self.inner();
        let change = if inner.present.is_empty() { Change::First } else { Change::None };
        inner.next += 1;
        let place = inner.next;
        inner.present.insert(place, staff);
        (place, change)
    }

    /// Somebody is not there any more, and was seen for the last time at this instant.
    pub fn went(&self, place: Place, last_seen: Timestamp) -> Change {
        let mut inner = self.inner();
        if inner.present.remove(&place).is_none() {
            return Change::None;
        }
        let last = inner.last_seen.map_or(last_seen, |before| before.max(last_seen));
        inner.last_seen = Some(last);
        if inner.present.is_empty() { Change::Last(last) } else { Change::None }
    }

    /// Who is there, each once.
    pub fn names(&self) -> Vec<StaffLogin> {
        let mut names: Vec<StaffLogin> = self.inner().present.values().cloned().collect();
        names.sort();
        names.dedup();
        names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// APR-04: handed over without a gap.
    #[test]
    fn only_the_last_one_leaves_it_alone() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let presence = Presence::default();
        let (claire, first) = presence.came("claire".parse().unwrap());
        let (paul, second) = presence.came("paul".parse().unwrap());
        assert_eq!((first, second), (Change::First, Change::None));
        assert_eq!(presence.went(claire, at(10)), Change::None);
        assert_eq!(presence.went(claire, at(11)), Change::None, "nobody leaves twice");
        assert_eq!(presence.went(paul, at(9)), Change::Last(at(10)));
        assert_eq!(presence.came("claire".parse().unwrap()).1, Change::First);
    }
}
