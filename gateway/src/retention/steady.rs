//! How long the clock has been steady: the wall's time held against the machine's own count, over
//! restarts of the program too (D31, T9).
//!
//! It is remembered in the vault: whoever can write the state folder cannot make the clock older. A
//! restart of the machine begins anew.

use crate::site::Site;
use crate::vault::VaultError;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// The vault's document; it has one generation.
pub(crate) const STEADY: &str = "steady";
/// How long a clock must have been steady before anything is erased.
pub(crate) const ENOUGH: SignedDuration = SignedDuration::from_hours(72);
/// What the two may differ by at any time: a step that synchronisation makes at a start.
const STEP: Duration = Duration::from_secs(5);
/// And one part in so many of the time that passed: no clock is slewed faster.
const SLEW: u32 = 2000;

/// Since when the clock has been steady, and when that was last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Steady {
    /// The wall's time since when.
    pub(crate) since: Timestamp,
    /// The machine's count then.
    count: Duration,
    /// The wall's time when it was last looked at.
    pub(crate) seen: Timestamp,
}

impl Steady {
    /// What becomes of it by a further look.
    fn looked(before: Option<Steady>, now: Timestamp, count: Duration) -> Steady {
        let anew = Steady { since: now, count, seen: now };
        let Some(before) = before else { return anew };
        let (Some(passed), Ok(wall)) =
            (count.checked_sub(before.count), Duration::try_from(now.duration_since(before.since)))
        else {
            return anew;
        };
        let same = wall.abs_diff(passed) <= STEP + passed / SLEW;
        if same && now >= before.seen { Steady { seen: now, ..before } } else { anew }
    }

    /// Whether it was steady for long enough.
    pub(crate) fn is_enough(&self) -> bool {
        self.seen.duration_since(self.since) >= ENOUGH
    }
}

/// Looks, and remembers.
pub(crate) async fn observe(site: &Arc<Site>) -> anyhow::Result<Steady> {
    let known = *site.retention.steady.lock().unwrap_or_else(PoisonError::into_inner);
    let before = match known {
        Some(known) => Some(known),
        None => {
            let vault = site.vault.clone();
            match tokio::task::spawn_blocking(move || vault.get(STEADY, 1)).await? {
                Ok(before) => Some(before),
                Err(VaultError::Missing(_)) => None,
                Err(error) => return Err(error.into()),
            }
        }
    };
    let (now, count) = site.clock.reading();
    let steady = Steady::looked(before.filter(|_| site.clock.is_trusted()), now, count);
    if before.is_some_and(|before| before.since != steady.since) {
        tracing::warn!(since = %steady.since, "the clock moved otherwise than time passed: nothing is erased for 72 hours");
    }
    let vault = site.vault.clone();
    tokio::task::spawn_blocking(move || vault.put(STEADY, 1, &steady)).await??;
    *site.retention.steady.lock().unwrap_or_else(PoisonError::into_inner) = Some(steady);
    Ok(steady)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3600;

    fn at(seconds: u64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + i64::try_from(seconds).unwrap()).unwrap()
    }

    /// T9, D31: three days of both clocks; a step of either begins anew.
    #[test]
    fn a_clock_is_steady_after_three_days_without_a_step() {
        let mut steady = Steady::looked(None, at(0), Duration::from_secs(50));
        for hour in 1..=72 {
            assert!(!steady.is_enough());
            // A second an hour is what synchronisation may make.
            steady = Steady::looked(Some(steady), at(hour * HOUR + hour), Duration::from_secs(50 + hour * HOUR));
        }
        assert!(steady.is_enough());
        let later = Duration::from_secs(50 + 73 * HOUR);
        let (jumped, back) = (at(400 * 24 * HOUR), at(70 * HOUR));
        for now in [jumped, back, at(73 * HOUR + 200)] {
            assert_eq!(Steady::looked(Some(steady), now, later).since, now);
        }
        // The machine was started anew.
        assert_eq!(Steady::looked(Some(steady), at(73 * HOUR), Duration::from_secs(9)).since, at(73 * HOUR));
        assert!(Steady::looked(Some(steady), at(73 * HOUR), later).is_enough());
    }

    /// Many small steps are one large one.
    #[test]
    fn small_steps_add_up() {
        let first = Steady::looked(None, at(0), Duration::ZERO);
        let mut steady = first;
        for hour in 1..=10 {
            steady = Steady::looked(Some(steady), at(hour * HOUR + hour * 4), Duration::from_secs(hour * HOUR));
        }
        assert_ne!(steady.since, first.since);
    }
}
