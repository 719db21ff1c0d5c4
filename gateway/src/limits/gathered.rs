//! Refused tries that share an entry: one a source and [`super::GATHER`], so that a flood of guesses fills neither the
//! journal nor the disk (D19, T19).

use super::{ENTRIES_PER_ACCOUNT, PROBING_SOURCES, Source};
use jiff::Timestamp;
use lifecycle::{AccountId, Event};
use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};

/// Names kept for one such entry.
const LOGINS_KEPT: usize = 20;
/// Sources with accounts whose entries are counted. Beyond it the flood is from everywhere, and one more entry
/// tells nothing.
const PAIRS: usize = 1024;
/// Stands for all sources beyond [`PROBING_SOURCES`].
const EVERYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The tries of the minute that runs.
#[derive(Default)]
pub(crate) struct Gathered {
    probes: BTreeMap<IpAddr, Probes>,
    /// Tries that had an entry of their own.
    entries: HashMap<(AccountId, Source), u32>,
}

struct Probes {
    count: u64,
    first: Timestamp,
    last: Timestamp,
    logins: Vec<String>,
}

impl Gathered {
    /// Whether one more try of this source with this account has an entry of its own: one of the first twenty.
    pub(crate) fn has_own_entry(&mut self, account: &AccountId, source: Source) -> bool {
        let room = self.entries.len() < PAIRS;
        let entries = match self.entries.get_mut(&(account.clone(), source)) {
            Some(entries) => entries,
            None if room => self.entries.entry((account.clone(), source)).or_default(),
            None => return false,
        };
        let own = *entries < ENTRIES_PER_ACCOUNT;
        *entries += u32::from(own);
        own
    }

    /// Counts a try that has no entry of its own. `false`: its source shares one with others.
    pub(crate) fn count(&mut self, source: Source, login: String, at: Timestamp) -> bool {
        let own = self.probes.len() < PROBING_SOURCES || self.probes.contains_key(&source.address());
        let source = if own { source.address() } else { EVERYWHERE };
        let probes = self.probes.entry(source).or_insert(Probes { count: 0, first: at, last: at, logins: Vec::new() });
        probes.count += 1;
        probes.last = at;
        if probes.logins.len() < LOGINS_KEPT && !probes.logins.contains(&login) {
            probes.logins.push(login);
        }
        own
    }

    /// The entries of the minute that is over; the next one begins.
    pub(crate) fn take(&mut self) -> Vec<Event> {
        let Gathered { probes, .. } = std::mem::take(self);
        let entry = |(source, probes): (IpAddr, Probes)| Event::AttemptsRefused {
            source,
            count: probes.count,
            first: probes.first,
            last: probes.last,
            logins: probes.logins,
        };
        probes.into_iter().map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::tests_support::limits;

    fn source(n: usize) -> Source {
        Source::of(IpAddr::from(u32::try_from(n + 1).unwrap().to_be_bytes()), &limits())
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn refused(entry: &Event) -> (IpAddr, u64, usize) {
        let Event::AttemptsRefused { source, count, logins, .. } = entry else { panic!("{entry:?}") };
        (*source, *count, logins.len())
    }

    /// D19: a source has one entry a minute, with the first names that it tried.
    #[test]
    fn a_source_has_one_entry_a_minute() {
        let mut gathered = Gathered::default();
        for n in 0..1000 {
            assert!(gathered.count(source(0), format!("guess-{}", n % 40), at(n)));
        }
        let entries = gathered.take();
        assert_eq!(entries.iter().map(refused).collect::<Vec<_>>(), [(source(0).address(), 1000, LOGINS_KEPT)]);
        let Event::AttemptsRefused { first, last, .. } = &entries[0] else { panic!() };
        assert_eq!((*first, *last), (at(0), at(999)));
        assert!(gathered.take().is_empty(), "the next minute begins with nothing");
    }

    /// T19: however many sources there are, they make so many entries; the rest share one, and are counted.
    #[test]
    fn sources_beyond_the_limit_share_one_entry() {
        let mut gathered = Gathered::default();
        for n in 0..PROBING_SOURCES {
            assert!(gathered.count(source(n), "root".to_owned(), at(0)), "source {n}");
        }
        for n in 0..5000 {
            assert!(!gathered.count(source(PROBING_SOURCES + n), format!("user-{n}"), at(1)));
        }
        // Who has an entry keeps it.
        assert!(gathered.count(source(7), "root".to_owned(), at(2)));
        let entries = gathered.take();
        assert_eq!(entries.len(), PROBING_SOURCES + 1);
        let shared = entries.iter().map(refused).find(|(source, ..)| *source == EVERYWHERE);
        assert_eq!(shared, Some((EVERYWHERE, 5000, LOGINS_KEPT)));
        assert_eq!(entries.iter().map(|entry| refused(entry).1).sum::<u64>(), PROBING_SOURCES as u64 + 5001);
    }

    /// T19: of one source with one account the first twenty have an entry each, minute by minute.
    #[test]
    fn the_first_tries_have_an_entry_each() {
        let mut gathered = Gathered::default();
        let account = |n| AccountId::from_random([n; 8]);
        for _ in 0..ENTRIES_PER_ACCOUNT {
            assert!(gathered.has_own_entry(&account(1), source(0)));
        }
        assert!(!gathered.has_own_entry(&account(1), source(0)));
        assert!(gathered.has_own_entry(&account(2), source(0)) && gathered.has_own_entry(&account(1), source(1)));
        gathered.take();
        assert!(gathered.has_own_entry(&account(1), source(0)), "a new minute");
        for n in 1..PAIRS {
            assert!(gathered.has_own_entry(&account(1), source(n)));
        }
        assert!(!gathered.has_own_entry(&account(1), source(PAIRS)), "a flood from everywhere");
    }
}
