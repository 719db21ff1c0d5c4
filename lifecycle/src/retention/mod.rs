//! What is kept and for how long: terms, holds, runs, and what the fold knows of them (LOG-07, LOG-09).
//!
//! The terms in force are an entry of their own, so that the term of whatever ends is fixed at that
//! instant: shortening a period later shreds nothing early (T8, T9).

mod hold;
mod plan;
mod ranges;
mod ties;

pub(crate) use hold::apply as apply_holds;
pub use hold::{Hold, HoldOn};
pub use plan::{Coming, Gone, HasFiles, Plan, Planner, What};
pub use ranges::Ranges;

use crate::event::Event;
use crate::ids::InterventionNumber;
use crate::record::SessionRecord;
use crate::register::Register;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use serde::{Deserialize, Serialize};

/// Periods in months, from the end of what they are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// Entries of the journal.
    pub journal: u32,
    /// Recordings.
    pub recordings: u32,
    /// Copies of files in recordings.
    pub files: u32,
}

/// So many months later, by the calendar in UTC.
pub(crate) fn months_after(at: Timestamp, months: u32) -> Timestamp {
    let later = at.to_zoned(TimeZone::UTC).checked_add(Span::new().months(i64::from(months)));
    later.map_or(Timestamp::MAX, |later| later.timestamp())
}

/// A retention run, as the fold knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// Its number, from 1.
    pub run: u64,
    /// When it was journalled: before anything was destroyed.
    pub at: Timestamp,
    /// When everything was destroyed; `None` while it goes on.
    pub done: Option<Timestamp>,
    /// Entries whose content went.
    pub entries: u64,
    /// Recordings that went.
    pub recordings: u64,
    /// Recordings whose copies of files went.
    pub files: u64,
    /// How much was due and is held.
    pub held: u64,
    /// How much was due and waits for a later run.
    pub waiting: u64,
}

/// What the fold knows of retention.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Retention {
    /// The terms, each with the instant from which they held.
    pub terms: Vec<(Timestamp, Terms)>,
    /// Why longer than 12 months, of the terms in force.
    pub because: Option<String>,
    /// Entries whose keys a run destroyed, or was about to.
    pub tombstones: Ranges,
    /// The last run.
    pub last: Option<Run>,
    /// The number of the last intervention whose content is gone.
    pub(crate) passed: Option<InterventionNumber>,
}

impl Retention {
    /// The terms that held at this instant; the first there were, for what is older than they.
    pub fn terms_at(&self, at: Timestamp) -> Option<Terms> {
        let held = self.terms.iter().rev().find(|(since, _)| *since <= at);
        held.or(self.terms.first()).map(|(_, terms)| *terms)
    }

    pub(crate) fn apply(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::RetentionTerms { journal, recordings, files, because } => {
                let terms = Terms { journal: *journal, recordings: *recordings, files: *files };
                self.terms.push((at, terms));
                self.because.clone_from(because);
            }
            Event::RetentionRun { run, entries, recordings, files, held, waiting, .. } => {
                self.tombstones.extend(entries);
                self.last = Some(Run {
                    run: *run,
                    at,
                    done: None,
                    entries: entries.count(),
                    recordings: recordings.len() as u64,
                    files: files.len() as u64,
                    held: *held,
                    waiting: *waiting,
                });
            }
            Event::RetentionDone { run, .. } => {
                if let Some(last) = self.last.as_mut().filter(|last| last.run == *run) {
                    last.done = Some(at);
                }
            }
            _ => {}
        }
    }
}

/// Numbers after one that are left out of those that follow, which come in order.
fn gaps(after: u64, numbers: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut next = after.saturating_add(1);
    let mut missing = Vec::new();
    for number in numbers.skip_while(|number| *number <= after) {
        missing.extend(next..number);
        next = number.saturating_add(1);
    }
    missing
}

impl Register {
    /// An entry whose content is gone. Its number is never given out again (LIF-10).
    pub fn pass_over(&mut self, at: Timestamp, intervention: Option<u64>) {
        self.last_at = Some(at);
        self.retention.passed = self.retention.passed.max(intervention.map(InterventionNumber));
    }

    /// The number of the last intervention whose content went at its term: numbers up to it that are not
    /// in the register are no gap.
    pub fn erased_until(&self) -> Option<InterventionNumber> {
        self.retention.passed
    }

    /// Numbers that are in the register no more, or never were, though no run took them: none, or it is
    /// not whole (LIF-10).
    pub fn missing_numbers(&self) -> Vec<u64> {
        gaps(self.retention.passed.map_or(0, |passed| passed.0), self.interventions.keys().map(|number| number.0))
    }

    /// Until when a sealed recording is kept; `None` where it is not sealed or no terms are known.
    pub fn recording_until(&self, record: &SessionRecord) -> Option<Timestamp> {
        self.sealed_until(record, |terms| terms.recordings)
    }

    /// Until when the copies of files in it are kept.
    pub fn files_until(&self, record: &SessionRecord) -> Option<Timestamp> {
        self.sealed_until(record, |terms| terms.files)
    }

    fn sealed_until(&self, record: &SessionRecord, months: impl Fn(Terms) -> u32) -> Option<Timestamp> {
        let end = record.sealed.as_ref().and(record.end.as_ref())?;
        Some(months_after(end.ended, months(self.retention.terms_at(end.ended)?)))
    }

    /// Forgets what a run has destroyed, as a start from the journal would.
    pub fn forget(&mut self, gone: &Gone) {
        for number in &gone.interventions {
            self.retention.passed = self.retention.passed.max(Some(*number));
            for id in self.interventions.remove(number).map(|one| one.sessions).unwrap_or_default() {
                self.sessions.remove(&id);
            }
        }
        for id in &gone.accounts {
            if let Some(account) = self.accounts.remove(id) {
                self.forget_login(&account.login, id);
            }
        }
        self.staff.retain(|login, _| !gone.staff.contains(login));
        self.tokens.retain(|id, _| !gone.tokens.contains(id));
        self.holds.retain(|id, _| !gone.holds.contains(id));
    }
}

#[cfg(test)]
mod tests {
    use super::gaps;

    /// LIF-10: a number that is not there is named, and one that a run took is not.
    #[test]
    fn a_gap_is_named() {
        assert!(gaps(0, [].into_iter()).is_empty());
        assert!(gaps(0, [1, 2, 3].into_iter()).is_empty());
        assert_eq!(gaps(0, [2, 3, 6].into_iter()), [1, 4, 5]);
        assert_eq!(gaps(3, [2, 4, 6].into_iter()), [5]);
    }
}
