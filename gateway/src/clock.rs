//! The only place that asks the system what time it is.

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The time that all decisions are made by. The shipped program has [`SystemClock`] alone.
pub trait Clock: Send + Sync {
    /// Now. Never earlier than it was said to be before.
    fn now(&self) -> Timestamp;
    /// Returns once it is that late.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'_, ()>;
    /// Whether the wall clock is what the machine's own count says. Untrusted: nothing new opens (TIM-09).
    fn is_trusted(&self) -> bool;
    /// Now, and how much time has passed by the machine's own count from an instant that nobody sets,
    /// both of one moment: the one is held against the other before anything is erased (D31, T9).
    fn reading(&self) -> (Timestamp, Duration);
}

/// The unit of every time that is journalled (LOG-02). Cut off, not rounded: nothing is dated later
/// than it happened.
pub fn to_millisecond(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// What the wall clock and the count may differ by: a step that synchronisation makes.
const STEP: Duration = Duration::from_secs(2);
/// And one part in so many of the time that passed: no clock is slewed faster.
const SLEW: u32 = 2000;
/// After so long the two are held together anew, so that a slow clock adds up to nothing.
const ANEW: Duration = Duration::from_secs(3600);
/// How long a sleeper trusts the two clocks to agree before it looks again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The machine's clock, held to its own count, which nobody sets: setting the wall clock neither
/// lengthens nor shortens a running session, and brings no code back and none forward.
pub struct SystemClock {
    held: Mutex<Held>,
}

/// The wall clock held against the count. Pure: what the two say is handed in.
#[derive(Debug)]
struct Held {
    /// What both said when they were last held together.
    wall: Timestamp,
    count: Duration,
    /// What was said last.
    said: Timestamp,
    trusted: bool,
}

impl Held {
    fn start(wall: Timestamp, count: Duration) -> Self {
        Self { wall, count, said: wall, trusted: true }
    }

    /// The time now. While the two agree it is the wall clock's; once that was set it goes on by the
    /// count, until the wall clock says the same again.
    fn look(&mut self, wall: Timestamp, count: Duration) -> Timestamp {
        let passed = count.saturating_sub(self.count);
        let expected = self.wall.saturating_add(SignedDuration::try_from(passed).unwrap_or_default()).unwrap_or(wall);
        let apart = wall.duration_since(expected).unsigned_abs();
        let agree = apart <= STEP + passed.min(ANEW) / SLEW;
        if agree != self.trusted {
            match agree {
                false => {
                    tracing::error!(%wall, %expected, "the clock was set: nothing new opens until it is right again, or the daemon is restarted")
                }
                true => tracing::warn!(%wall, "the clock is what the machine's own count says again"),
            }
            self.trusted = agree;
        }
        // INVARIANT: time never runs backwards in here.
        self.said = self.said.max(if agree { wall } else { expected });
        if agree && passed >= ANEW {
            (self.wall, self.count) = (wall, count);
        }
        self.said
    }
}

/// Time since the machine's start, sleep included: by the kernel, and nobody sets it.
fn count() -> Duration {
    let at = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    Duration::new(u64::try_from(at.tv_sec).unwrap_or(0), u32::try_from(at.tv_nsec).unwrap_or(0))
}

impl SystemClock {
    /// Starts from the machine's present reading.
    pub fn start() -> Self {
        Self { held: Mutex::new(Held::start(Timestamp::now(), count())) }
    }

    fn look(&self) -> (Timestamp, Duration, bool) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let count = count();
        (held.look(Timestamp::now(), count), count, held.trusted)
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        self.look().0
    }

    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            loop {
                let left = at.duration_since(self.now());
                let Ok(left) = Duration::try_from(left) else { return };
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(LOOK_AGAIN)).await;
            }
        })
    }

    fn is_trusted(&self) -> bool {
        self.look().2
    }

    fn reading(&self) -> (Timestamp, Duration) {
        let (now, count, _) = self.look();
        (now, count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn after(seconds: i64) -> Timestamp {
        Timestamp::from_second(START.as_second() + seconds).unwrap()
    }

    /// D31, TIM-09: set back or forward, time goes on by the count and nothing is trusted; set right
    /// again, it is.
    #[test]
    fn a_clock_that_is_set_moves_nothing() {
        for step in [-86_400, -60, -4, 4, 60, 7 * 86_400] {
            let mut held = Held::start(START, Duration::from_secs(1000));
            assert_eq!(held.look(after(10), Duration::from_secs(1010)), after(10));
            assert!(held.trusted);
            for passed in [20, 30, 4000] {
                let said = held.look(after(passed + step), Duration::from_secs(1000 + passed.unsigned_abs()));
                assert_eq!(said, after(passed), "set by {step} s");
                assert!(!held.trusted, "set by {step} s");
            }
            assert_eq!(held.look(after(4010), Duration::from_secs(5010)), after(4010));
            assert!(held.trusted, "put right after {step} s");
        }
    }

    /// A clock that runs slow or fast, as they all do, is followed for as long as it takes.
    #[test]
    fn a_clock_that_is_slewed_is_followed() {
        for (numerator, denominator) in [(10_001, 10_000), (9_999, 10_000)] {
            let mut held = Held::start(START, Duration::ZERO);
            for minute in 1..60 * 24 * 30 {
                let passed = minute * 60;
                held.look(after(passed * numerator / denominator), Duration::from_secs(passed.unsigned_abs()));
                assert!(held.trusted, "after {minute} minutes");
            }
        }
    }

    /// Small steps back, one after the other, never take what was said back.
    #[test]
    fn time_never_runs_backwards() {
        let mut held = Held::start(START, Duration::ZERO);
        let mut said = START;
        for step in 0..1000 {
            let now = held.look(after(step / 2), Duration::from_secs(step.unsigned_abs()));
            assert!(now >= said);
            said = now;
        }
        assert!(!held.trusted && said >= after(990));
    }
}
