//! Penalties of sources, in the manner of OpenSSH's PerSourcePenalties: named reasons, in seconds, that
//! add up, pass with time, and are bounded in number.
//!
//! A penalty is no lock. Its source waits longer for each verdict and comes behind others; what an account
//! is locked by is its own (D4), so that a stranger who hammers locks nobody out (IDM-09).

use super::Source;
use config::Limits;
use jiff::SignedDuration;
use lifecycle::{Event, PenalisedSource};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::time::Instant;

/// Sources that one entry names.
const NAMED: usize = 50;

/// For what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Left before anything could be judged: a scan, a health check.
    NoAuthentication,
    /// Its factors were refused, for whatever cause.
    WrongFactors,
    /// What it sent is no SSH, or breaks the order of its messages.
    Malformed,
    /// Did not prove itself in time.
    TooLate,
    /// Had more connections than it may, or than there was room for.
    TooManyConnections,
    /// Went beyond what one connection may send or ask for.
    LimitAbuse,
}

impl Reason {
    /// All of them.
    pub const ALL: [Reason; 6] = [
        Reason::NoAuthentication,
        Reason::WrongFactors,
        Reason::Malformed,
        Reason::TooLate,
        Reason::TooManyConnections,
        Reason::LimitAbuse,
    ];

    /// Its name, in journal and documentation.
    pub fn name(self) -> &'static str {
        match self {
            Reason::NoAuthentication => "no-authentication",
            Reason::WrongFactors => "wrong-factors",
            Reason::Malformed => "malformed",
            Reason::TooLate => "too-late",
            Reason::TooManyConnections => "too-many-connections",
            Reason::LimitAbuse => "limit-abuse",
        }
    }

    /// How heavy it is: the values of OpenSSH where it has the same reason.
    pub fn seconds(self) -> u64 {
        match self {
            Reason::NoAuthentication | Reason::TooManyConnections => 1,
            Reason::WrongFactors => 5,
            Reason::Malformed | Reason::TooLate => 10,
            Reason::LimitAbuse => 20,
        }
    }

    fn index(self) -> usize {
        Reason::ALL.iter().position(|reason| *reason == self).unwrap_or_default()
    }
}

type Counts = [u64; Reason::ALL.len()];

struct One {
    /// When it will have passed.
    until: Instant,
    /// For what, since the source was last without any.
    counts: Counts,
    /// Of those, since the last entry.
    fresh: Counts,
    /// The most that it had since the last entry.
    peak: Duration,
}

/// A penalised source, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Penalised {
    pub(crate) source: Source,
    /// Until it has passed.
    pub(crate) left: Duration,
    /// Whether it is enough to count.
    pub(crate) penalised: bool,
    pub(crate) reasons: BTreeMap<&'static str, u64>,
}

/// The penalties of all sources.
#[derive(Default)]
pub(crate) struct Penalties(HashMap<Source, One>);

fn long(length: SignedDuration) -> Duration {
    Duration::try_from(length).unwrap_or_default()
}

fn named(counts: &Counts) -> BTreeMap<&'static str, u64> {
    let of = |reason: &Reason| (reason.name(), counts.get(reason.index()).copied().unwrap_or_default());
    Reason::ALL.iter().map(of).filter(|(_, count)| *count > 0).collect()
}

impl Penalties {
    /// Adds a penalty. Where no more sources can be remembered the one with the least left is forgotten,
    /// if it has less than this one gets.
    pub(crate) fn charge(&mut self, limits: &Limits, source: Source, reason: Reason, now: Instant) {
        let (amount, most) = (Duration::from_secs(reason.seconds()), long(limits.penalty_most));
        let room = usize::try_from(limits.penalised_sources).unwrap_or(usize::MAX);
        if !self.0.contains_key(&source) && self.0.len() >= room && !self.make_room(now, amount) {
            return;
        }
        let one = self.0.entry(source).or_insert(One {
            until: now,
            counts: Counts::default(),
            fresh: Counts::default(),
            peak: Duration::ZERO,
        });
        if one.until <= now {
            // What has passed is not held against it.
            one.counts = one.fresh;
        }
        one.until = (one.until.max(now) + amount).min(now + most);
        one.peak = one.peak.max(one.until.saturating_duration_since(now));
        for counts in [&mut one.counts, &mut one.fresh] {
            if let Some(count) = counts.get_mut(reason.index()) {
                *count = count.saturating_add(1);
            }
        }
    }

    /// Whether there is room for one more that gets so much.
    fn make_room(&mut self, now: Instant, amount: Duration) -> bool {
        let before = self.0.len();
        self.0.retain(|_, one| one.until > now);
        if self.0.len() < before {
            return true;
        }
        let lightest = self.0.iter().min_by_key(|(_, one)| one.until).map(|(source, one)| (*source, one.until));
        match lightest {
            Some((source, until)) if until < now + amount => self.0.remove(&source).is_some(),
            _ => false,
        }
    }

    fn left(&self, source: Source, now: Instant) -> Duration {
        self.0.get(&source).map_or(Duration::ZERO, |one| one.until.saturating_duration_since(now))
    }

    /// Whether a source has enough to be penalised.
    pub(crate) fn is_penalised(&self, limits: &Limits, source: Source, now: Instant) -> bool {
        self.left(source, now) >= long(limits.penalty_from)
    }

    /// Forgets a source; whether it had anything left.
    pub(crate) fn lift(&mut self, source: Source, now: Instant) -> bool {
        self.0.remove(&source).is_some_and(|one| one.until > now)
    }

    /// Who has something left, the heaviest first.
    pub(crate) fn list(&mut self, limits: &Limits, now: Instant) -> Vec<Penalised> {
        // Kept a little longer where an entry still has to tell of it.
        self.0.retain(|_, one| one.until > now || one.fresh != Counts::default());
        let from = long(limits.penalty_from);
        let shown = |(source, one): (&Source, &One)| {
            let left = one.until.saturating_duration_since(now);
            Penalised { source: *source, left, penalised: left >= from, reasons: named(&one.counts) }
        };
        let mut all: Vec<Penalised> = self.0.iter().map(shown).filter(|one| !one.left.is_zero()).collect();
        all.sort_by(|one, other| other.left.cmp(&one.left).then(one.source.cmp(&other.source)));
        all
    }

    /// One entry over all sources that were charged, and were penalised, since the last one; begins anew.
    pub(crate) fn gathered(&mut self, limits: &Limits, now: Instant) -> Option<Event> {
        let from = long(limits.penalty_from);
        let mut told = Vec::new();
        for (source, one) in &mut self.0 {
            let (fresh, peak) = (std::mem::take(&mut one.fresh), std::mem::take(&mut one.peak));
            if peak >= from {
                told.push((peak, *source, fresh));
            }
        }
        self.0.retain(|_, one| one.until > now);
        told.sort_by(|one, other| other.0.cmp(&one.0).then(one.1.cmp(&other.1)));
        let more = u64::try_from(told.len().saturating_sub(NAMED)).unwrap_or(u64::MAX);
        let sources: Vec<PenalisedSource> = told
            .into_iter()
            .take(NAMED)
            .map(|(peak, source, fresh)| PenalisedSource {
                source: source.to_string(),
                seconds: peak.as_secs(),
                reasons: named(&fresh).into_iter().map(|(name, count)| (name.to_owned(), count)).collect(),
            })
            .collect();
        (!sources.is_empty()).then_some(Event::SourcesPenalised { sources, more })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::tests_support::limits;
    use proptest::prelude::*;

    fn source(n: u32) -> Source {
        Source::of(std::net::Ipv4Addr::from(0x0a00_0000 + n).into(), &limits())
    }

    /// IDM-09: penalties add up, pass with time, have a ceiling, and can be lifted.
    #[test]
    fn penalties_add_up_and_pass() {
        let (limits, now) = (limits(), Instant::now());
        let mut all = Penalties::default();
        let after = |seconds| now + Duration::from_secs(seconds);
        for _ in 0..2 {
            all.charge(&limits, source(1), Reason::WrongFactors, now);
        }
        assert!(!all.is_penalised(&limits, source(1), now), "two slips are nothing yet");
        all.charge(&limits, source(1), Reason::WrongFactors, now);
        assert!(all.is_penalised(&limits, source(1), now) && !all.is_penalised(&limits, source(2), now));
        assert!(!all.is_penalised(&limits, source(1), after(1)));
        for _ in 0..1000 {
            all.charge(&limits, source(1), Reason::LimitAbuse, after(1));
        }
        let listed = all.list(&limits, after(1));
        assert_eq!((listed.len(), listed[0].left), (1, Duration::from_secs(600)));
        assert_eq!(listed[0].reasons, BTreeMap::from([("limit-abuse", 1000), ("wrong-factors", 3)]));
        assert!(all.is_penalised(&limits, source(1), after(586)) && !all.is_penalised(&limits, source(1), after(587)));
        assert!(all.lift(source(1), after(2)) && !all.lift(source(1), after(2)));
        assert!(all.list(&limits, after(2)).is_empty());
    }

    /// D19: one entry over all, whatever came, with what is new in it.
    #[test]
    fn what_was_penalised_is_told_once() {
        let (limits, now) = (limits(), Instant::now());
        let mut all = Penalties::default();
        all.charge(&limits, source(9), Reason::NoAuthentication, now);
        for n in 0..60 {
            (0..=n).for_each(|_| all.charge(&limits, source(100 + n), Reason::Malformed, now));
        }
        let later = now + Duration::from_secs(60);
        let Some(Event::SourcesPenalised { sources, more }) = all.gathered(&limits, later) else { panic!("an entry") };
        assert_eq!((sources.len(), more), (50, 9));
        assert_eq!((sources[0].source.as_str(), sources[0].seconds), ("10.0.0.159", 600));
        assert_eq!(sources[0].reasons, BTreeMap::from([("malformed".to_owned(), 60)]));
        assert_eq!(all.gathered(&limits, later), None);
    }

    proptest! {
        /// However many sources come, memory has a bound, and a heavy one is not pushed out by light ones.
        #[test]
        fn memory_is_bounded(others in proptest::collection::vec((0u32..100_000, 0usize..6), 1..300)) {
            let (limits, now) = (Limits { penalised_sources: 16, ..limits() }, Instant::now());
            let mut all = Penalties::default();
            (0..30).for_each(|_| all.charge(&limits, source(1_000_000), Reason::LimitAbuse, now));
            for (n, (other, reason)) in others.iter().enumerate() {
                let at = now + Duration::from_millis(u64::try_from(n).unwrap());
                all.charge(&limits, source(*other), Reason::ALL[*reason], at);
                prop_assert!(all.0.len() <= 16);
            }
            prop_assert!(all.is_penalised(&limits, source(1_000_000), now + Duration::from_secs(2)));
        }
    }
}
