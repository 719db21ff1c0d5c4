//! Where the bytes pile up, and what is done about it.
//!
//! Towards the technician's client the window is narrowed: it is always read, so that opens,
//! window adjustments, Ctrl-C and disconnects get through whatever is stuck. Towards a target,
//! which has a connection for each channel, reading is held.

use crate::limits::Pace;
use crate::relay::gate::{Gate, Reading};
use crate::relay::lane::{Item, Lane};
use crate::relay::{CLIENT_WINDOW, HIGH};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// The window under heavy pressure. Not one byte: `1 / 2 = 0` would end all adjustments for ever.
/// Two bytes a round trip also bring the next callback, so the window reopens by itself.
const PERSIST: u32 = 2;
/// Undelivered output of one target beyond which it is not even trickled.
const TARGET_MOST: usize = 64 << 20;

/// The technician's connection: what its channels have not delivered to their targets.
#[derive(Debug)]
pub struct ClientSide {
    gate: Arc<Gate>,
    undelivered: AtomicUsize,
    most: usize,
    frozen: AtomicBool,
    pace: Mutex<Pace>,
}

impl ClientSide {
    /// For a connection that may have so many channels.
    pub fn new(gate: Arc<Gate>, channels: u32) -> Self {
        let windows = usize::try_from(channels.saturating_add(3)).unwrap_or(usize::MAX);
        let window = usize::try_from(CLIENT_WINDOW).unwrap_or(usize::MAX);
        Self {
            gate,
            undelivered: AtomicUsize::new(0),
            most: HIGH + windows.saturating_mul(window),
            frozen: AtomicBool::new(false),
            pace: Mutex::default(),
        }
    }

    /// Counts a request. `false`: they come faster than they may.
    #[must_use]
    pub fn requested(&self, per_second: u32) -> bool {
        self.pace.lock().unwrap_or_else(PoisonError::into_inner).goes(per_second, Instant::now())
    }

    /// The connection's gate.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// Counts bytes that arrived. `false`: the client ignores its window and must be cut, since
    /// the library does not enforce it.
    #[must_use]
    pub fn arrived(&self, cost: usize) -> bool {
        let now = self.undelivered.fetch_add(cost, Ordering::AcqRel) + cost;
        self.pace();
        now <= self.most
    }

    /// Counts bytes that were delivered or given up.
    pub fn delivered(&self, cost: usize) {
        let _ =
            self.undelivered.fetch_update(Ordering::AcqRel, Ordering::Acquire, |lag| Some(lag.saturating_sub(cost)));
        self.pace();
    }

    fn pace(&self) {
        let lag = self.undelivered.load(Ordering::Acquire);
        if lag > HIGH {
            self.gate.set_reading(Reading::Paced);
        } else if lag < HIGH / 2 {
            self.gate.set_reading(Reading::Open);
        }
    }

    /// While frozen the window stays small: what is typed is thrown away, the rest waits (D26).
    pub fn set_frozen(&self, frozen: bool) {
        self.frozen.store(frozen, Ordering::Release);
    }

    /// The window to aim at from now on; the library asks after each adjustment it sent.
    pub fn window(&self) -> u32 {
        let window = usize::try_from(CLIENT_WINDOW).unwrap_or(usize::MAX);
        let frozen = self.frozen.load(Ordering::Acquire);
        match self.undelivered.load(Ordering::Acquire) {
            lag if lag < HIGH && !frozen => CLIENT_WINDOW,
            lag if lag < HIGH + window => 64 << 10,
            lag if lag < HIGH + 2 * window => 4 << 10,
            _ => PERSIST,
        }
    }
}

/// One channel's connection to its target: what it sent and the client has not taken.
#[derive(Default)]
pub struct TargetSide {
    /// What the target sent.
    pub lane: Lane,
    /// Its stream.
    pub gate: Arc<Gate>,
    upload_stuck: AtomicBool,
}

impl TargetSide {
    /// Counts bytes of the main stream.
    pub fn arrived(&self, bytes: &[u8]) {
        self.lane.push_bytes(bytes);
        self.judge();
    }

    /// Counts anything else.
    pub fn push(&self, item: Item) {
        self.lane.push(item);
        self.judge();
    }

    /// Counts what the client took.
    pub fn delivered(&self, cost: usize) {
        self.lane.delivered(cost);
        self.judge();
    }

    /// Says that the upload waits: the target's window adjustments may stand behind its unread output.
    pub fn set_upload_stuck(&self, stuck: bool) {
        self.upload_stuck.store(stuck, Ordering::Release);
        self.judge();
    }

    fn judge(&self) {
        let lag = self.lane.lag();
        let open = self.gate.reading() == Reading::Open;
        let piled_up = if open { lag > HIGH } else { lag > HIGH / 2 };
        let reading = match (piled_up, self.upload_stuck.load(Ordering::Acquire)) {
            (false, _) => Reading::Open,
            (true, true) if lag < TARGET_MOST => Reading::Trickle,
            (true, _) => Reading::Held,
        };
        self.gate.set_reading(reading);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_narrows_and_never_to_one() {
        let side = ClientSide::new(Arc::default(), 10);
        assert_eq!(side.window(), CLIENT_WINDOW);
        assert!(side.arrived(HIGH));
        assert_eq!(side.window(), 64 << 10);
        assert!(side.arrived(5 << 20));
        assert_eq!(side.window(), PERSIST);
        assert!(!side.arrived(60 << 20), "a client that ignores its window is cut");
        side.delivered(usize::MAX);
        assert_eq!((side.window(), side.gate.reading()), (CLIENT_WINDOW, Reading::Open));
    }

    /// Past failures: GHSA-qw79-rh95-853p.
    #[test]
    fn a_target_is_held_and_trickled_while_the_upload_waits() {
        let side = TargetSide::default();
        side.arrived(&vec![0; HIGH + 1]);
        assert_eq!(side.gate.reading(), Reading::Held);
        side.set_upload_stuck(true);
        assert_eq!(side.gate.reading(), Reading::Trickle);
        side.set_upload_stuck(false);
        side.delivered(HIGH);
        assert_eq!(side.gate.reading(), Reading::Open);
    }
}
