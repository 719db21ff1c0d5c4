//! What protects one principal's two factors against guessing and replay (D4, IDM-07, IDM-08).

use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Half-right tries before a lock.
const TRIES: u8 = 3;
/// How long a lock lasts, in seconds.
const LOCK: SignedDuration = SignedDuration::from_secs(60);
/// Locks in a day, of which the last stays until a person lifts it.
const LOCKS_A_DAY: u8 = 3;
/// Addresses that are remembered of tries: enough to see one source from many.
const SOURCES: usize = 4;

/// The half-right tries since the last success, or since a person lifted a lock: what a lock tells
/// whoever is to lift it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tries {
    /// How many, over all locks in between.
    pub count: u32,
    /// The last four different addresses they came from, the newest last. Empty where none is known:
    /// tries at the command line have none.
    pub sources: Vec<IpAddr>,
}

impl Tries {
    fn add(&mut self, source: Option<IpAddr>) {
        self.count = self.count.saturating_add(1);
        let Some(source) = source else { return };
        self.sources.retain(|known| *known != source);
        if self.sources.len() >= SOURCES {
            self.sources.remove(0);
        }
        self.sources.push(source);
    }
}

/// Counters of one principal. Part of the fold, so a restart resets nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Guard {
    /// The newest code step that was used; only greater ones are accepted.
    pub last_step: Option<u64>,
    /// Half-right tries since the last success or lock.
    pub failures: u8,
    /// The lock in force.
    pub lock: Option<Lock>,
    /// What led to the lock.
    pub tries: Tries,
    day: Option<Date>,
    locks_today: u8,
}

/// A lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Until when; `None`: until a person lifts it.
    pub until: Option<Timestamp>,
}

impl Guard {
    /// Whether the principal is locked at this instant.
    pub fn is_locked(&self, at: Timestamp) -> bool {
        self.lock.is_some_and(|lock| lock.until.is_none_or(|until| at < until))
    }

    /// Whether this code step may still be used.
    pub fn is_fresh(&self, step: u64) -> bool {
        self.last_step.is_none_or(|last| step > last)
    }

    /// The lock that one more half-right try brings, if it brings one. `today` is the day in UTC.
    pub fn next_lock(&self, at: Timestamp, today: Date) -> Option<Lock> {
        if self.failures + 1 < TRIES {
            return None;
        }
        let earlier = if self.day == Some(today) { self.locks_today } else { 0 };
        let last_of_day = earlier + 1 >= LOCKS_A_DAY;
        Some(Lock { until: if last_of_day { None } else { at.saturating_add(LOCK).ok() } })
    }

    /// Whether that lock is the third of the day: the one that alerts (IDM-08).
    pub fn is_last_of_day(lock: Lock) -> bool {
        lock.until.is_none()
    }

    pub(crate) fn use_step(&mut self, step: u64) {
        self.last_step = Some(self.last_step.map_or(step, |last| last.max(step)));
    }

    pub(crate) fn succeed(&mut self) {
        self.failures = 0;
        self.lock = None;
        self.tries = Tries::default();
    }

    pub(crate) fn fail(&mut self, source: Option<IpAddr>) {
        self.failures = self.failures.saturating_add(1);
        self.tries.add(source);
    }

    pub(crate) fn lock(&mut self, lock: Lock, today: Date) {
        self.failures = 0;
        self.lock = Some(lock);
        self.locks_today = if self.day == Some(today) { self.locks_today.saturating_add(1) } else { 1 };
        self.day = Some(today);
    }

    pub(crate) fn unlock(&mut self) {
        self.failures = 0;
        self.lock = None;
        self.tries = Tries::default();
        self.locks_today = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    /// IDM-08: three half-right tries lock for a minute, the third lock of a day stays.
    /// Past failures: CVE-2015-5600.
    #[test]
    fn three_tries_lock_and_the_third_lock_stays() {
        let today = date(2026, 11, 23);
        let mut guard = Guard::default();
        for round in 1..=3 {
            for _ in 0..2 {
                assert_eq!(guard.next_lock(at(0), today), None);
                guard.fail(None);
            }
            let lock = guard.next_lock(at(0), today).unwrap();
            assert_eq!(lock.until.is_none(), round == 3);
            guard.lock(lock, today);
            assert!(guard.is_locked(at(59)));
            assert_eq!(guard.is_locked(at(60)), round == 3);
        }
        guard.unlock();
        assert!(!guard.is_locked(at(0)));
    }

    /// IDM-08: whoever lifts a lock sees how many tries brought it, and from where.
    #[test]
    fn a_lock_says_what_led_to_it() {
        let mut guard = Guard::default();
        let address = |n: u8| IpAddr::from([203, 0, 113, n]);
        for n in [1, 2, 3, 1, 4, 5] {
            guard.fail(Some(address(n)));
        }
        guard.fail(None);
        guard.lock(Lock { until: None }, date(2026, 11, 23));
        assert_eq!(guard.tries.count, 7);
        assert_eq!(guard.tries.sources, [3, 1, 4, 5].map(address));
        guard.succeed();
        assert_eq!(guard.tries, Tries::default());
    }

    #[test]
    fn locks_of_yesterday_do_not_count() {
        let mut guard = Guard { failures: 2, ..Guard::default() };
        guard.lock(Lock { until: None }, date(2026, 11, 22));
        guard.lock(Lock { until: None }, date(2026, 11, 22));
        guard.failures = 2;
        assert!(guard.next_lock(at(0), date(2026, 11, 23)).unwrap().until.is_some());
    }

    /// IDM-07: a step is used once, and none before it afterwards.
    #[test]
    fn steps_only_grow() {
        let mut guard = Guard::default();
        assert!(guard.is_fresh(5));
        guard.use_step(5);
        guard.use_step(4);
        assert!(!guard.is_fresh(5) && !guard.is_fresh(4) && guard.is_fresh(6));
    }
}
