//! The only place that asks the system what time it is.

use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time that all decisions are made by. The shipped program has [`SystemClock`] alone.
pub trait Clock: Send + Sync {
    /// Now. Never earlier than it was said to be before.
    fn now(&self) -> Timestamp;
    /// Returns once it is that late.
    fn sleep_until(&self, at: Timestamp) -> BoxFuture<'_, ()>;
    /// Whether the wall clock was not set back since the start. Untrusted: nothing new opens (TIM-09).
    fn is_trusted(&self) -> bool;
    /// How much time has passed by the machine's own count, from an instant that nobody sets: what the
    /// wall clock says is held against it before anything is erased (D31, T9).
    fn passed(&self) -> Duration;
}

/// The unit of every time that is journalled (LOG-02). Cut off, not rounded: nothing is dated later
/// than it happened.
pub fn to_millisecond(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

/// How far the wall clock may lag behind the monotonic one before it counts as set back.
const TOLERANCE: SignedDuration = SignedDuration::from_secs(2);
/// How long a sleeper trusts the two clocks to agree before it looks again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The machine's clock, held to the monotonic one: setting it back neither lengthens a running
/// session nor brings a past code back.
pub struct SystemClock {
    reading: Mutex<Reading>,
    started: Instant,
}

struct Reading {
    wall: Timestamp,
    monotonic: Instant,
    trusted: bool,
}

impl SystemClock {
    /// Starts from the machine's present reading.
    pub fn start() -> Self {
        let started = Instant::now();
        Self { reading: Mutex::new(Reading { wall: Timestamp::now(), monotonic: started, trusted: true }), started }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let mut reading = self.reading.lock().unwrap_or_else(PoisonError::into_inner);
        let (wall, monotonic) = (Timestamp::now(), Instant::now());
        let passed = SignedDuration::try_from(monotonic.duration_since(reading.monotonic)).unwrap_or_default();
        let expected = reading.wall.saturating_add(passed).unwrap_or(wall);
        if wall.saturating_add(TOLERANCE).is_ok_and(|wall| wall < expected) && reading.trusted {
            reading.trusted = false;
            tracing::error!(%wall, %expected, "the clock was set back: nothing new opens until the daemon is restarted");
        }
        // INVARIANT: time never runs backwards in here; a jump forward only ends things earlier.
        reading.wall = wall.max(expected.saturating_sub(TOLERANCE).unwrap_or(expected)).max(reading.wall);
        reading.monotonic = monotonic;
        reading.wall
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
        self.now();
        self.reading.lock().unwrap_or_else(PoisonError::into_inner).trusted
    }

    fn passed(&self) -> Duration {
        // Since the machine's start, sleep included. A sandbox may hide it; then since the program's.
        let uptime = std::fs::read_to_string("/proc/uptime").ok();
        let seconds = uptime.and_then(|text| text.split_whitespace().next()?.parse().ok());
        seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()).unwrap_or_else(|| self.started.elapsed())
    }
}
