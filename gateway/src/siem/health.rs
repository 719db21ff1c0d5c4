//! How each receiver does: for the health page and the status.

use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How one receiver does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReceiverHealth {
    /// The first entry that it is not known to have.
    pub next: u64,
    /// Entries that wait for it.
    pub waiting: u64,
    /// When it was last known to have read all that was sent.
    pub last_ok: Option<Timestamp>,
    /// When a try last failed, and why.
    pub last_error: Option<(Timestamp, String)>,
    /// From when it takes nothing, where an alarm was raised.
    pub stalled: Option<Timestamp>,
}

impl ReceiverHealth {
    /// Whether the last try went well, or there was none.
    pub fn is_well(&self) -> bool {
        let ok = match (&self.last_ok, &self.last_error) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(ok), Some((failed, _))) => ok >= failed,
        };
        ok && self.stalled.is_none()
    }

    /// How it does, in a line.
    pub fn summary(&self) -> String {
        let Self { next, waiting, .. } = self;
        match &self.last_error {
            Some((_, why)) if !self.is_well() => format!("takes nothing: {why}; {waiting} wait, the next is {next}"),
            _ => format!("takes what is sent; {waiting} wait, the next is {next}"),
        }
    }
}

/// How all receivers do, by name.
#[derive(Debug, Default)]
pub struct Health(Mutex<BTreeMap<String, ReceiverHealth>>);

impl Health {
    /// Every receiver of the configuration in force.
    pub fn receivers(&self) -> BTreeMap<String, ReceiverHealth> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn change(&self, receiver: &str, change: impl FnOnce(&mut ReceiverHealth)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(all.entry(receiver.to_owned()).or_default());
    }

    pub(super) fn forget(&self, receiver: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(receiver);
    }
}
