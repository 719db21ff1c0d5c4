//! How often each limit was reached, gathered: one entry a limit and minute, never one a packet (D19).

use super::{LIMITS, Limit, Source};
use jiff::Timestamp;
use lifecycle::Event;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Sources that one entry names.
const NAMED: usize = 20;

/// What was reached since the last entry.
#[derive(Default)]
pub(crate) struct Tally(Mutex<BTreeMap<Limit, Reached>>);

struct Reached {
    count: u64,
    first: Timestamp,
    last: Timestamp,
    sources: Vec<Source>,
}

impl Tally {
    /// Counts one.
    pub(crate) fn note(&self, limit: Limit, source: Option<Source>, at: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let one = all.entry(limit).or_insert(Reached { count: 0, first: at, last: at, sources: Vec::new() });
        one.count = one.count.saturating_add(1);
        one.last = at;
        if let Some(source) = source.filter(|source| one.sources.len() < NAMED && !one.sources.contains(source)) {
            one.sources.push(source);
        }
    }

    /// How often each was reached so far.
    pub(crate) fn now(&self) -> Vec<(&'static str, u64)> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = |limit: &Limit| all.get(limit).map(|one| one.count);
        LIMITS.iter().filter_map(|(limit, name, _)| Some((*name, count(limit)?))).collect()
    }

    /// The entries, and begins anew.
    pub(crate) fn take(&self) -> Vec<Event> {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let entry = |(limit, one): (Limit, Reached)| Event::LimitReached {
            limit: limit.name().to_owned(),
            count: one.count,
            first: one.first,
            last: one.last,
            sources: one.sources.iter().map(Source::to_string).collect(),
        };
        all.into_iter().map(entry).collect()
    }
}
