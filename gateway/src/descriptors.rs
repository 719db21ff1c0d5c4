//! File descriptors, kept for what must go on: the journal, the recordings, and the staff.
//!
//! The kernel hands out the lowest number that is free, so the number of a new descriptor tells how many
//! are taken. A connection whose number lies in what is kept is closed at once.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::os::fd::{AsFd, AsRawFd as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Kept for the journal, the recordings and the command line, whatever comes in by vendors' ports or goes out
/// to targets.
pub(crate) const FOR_ALL: u64 = 48;
/// Of these, kept from the console too.
pub(crate) const FOR_FILES: u64 = 24;
/// How long the pause is after an accept that failed all the same.
pub(crate) const AFTER_FAILURE: Duration = Duration::from_millis(100);
/// What a hospital will never need more of; a higher limit only makes a leak last longer.
const ENOUGH: u64 = 65_536;

static LIMIT: OnceLock<u64> = OnceLock::new();
/// Connections that were closed for want of them.
static REFUSED: AtomicU64 = AtomicU64::new(0);

/// Takes as many as the machine allows, and remembers how many that is.
pub(crate) fn raise() {
    let now = getrlimit(Resource::Nofile);
    let wanted = now.maximum.unwrap_or(ENOUGH).min(ENOUGH);
    if now.current.is_some_and(|current| current < wanted) {
        let more = Rlimit { current: Some(wanted), maximum: now.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, more) {
            tracing::warn!(%error, "the limit of open files cannot be raised");
        }
    }
    let _ = LIMIT.set(getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX));
}

/// Whether this new descriptor leaves as many as `kept`. If not it is to be closed; it is counted.
pub(crate) fn leaves(kept: u64, new: &impl AsFd) -> bool {
    let number = u64::try_from(new.as_fd().as_raw_fd()).unwrap_or(0);
    let enough = fits(number, kept, LIMIT.get().copied().unwrap_or(u64::MAX));
    if !enough {
        REFUSED.fetch_add(1, Ordering::Relaxed);
    }
    enough
}

fn fits(number: u64, kept: u64, limit: u64) -> bool {
    // Where the limit is small, half of it is kept.
    number < limit.saturating_sub(kept.min(limit / 2))
}

/// How many were closed so far, and how many there may be.
pub(crate) fn refused() -> (u64, u64) {
    (REFUSED.load(Ordering::Relaxed), LIMIT.get().copied().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ones_are_kept() {
        assert!(fits(10, FOR_ALL, 1024) && fits(975, FOR_ALL, 1024));
        assert!(!fits(976, FOR_ALL, 1024) && !fits(1023, FOR_ALL, 1024));
        assert!(fits(976, FOR_FILES, 1024), "staff come in when vendors do not any more");
        assert!(fits(31, FOR_ALL, 64) && !fits(32, FOR_ALL, 64));
    }
}
