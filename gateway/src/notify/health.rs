//! How each channel does: for the health page and the status.

use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// How one channel does since the daemon started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChannelHealth {
    /// When something was last delivered.
    pub last_ok: Option<Timestamp>,
    /// When a try last failed, and why.
    pub last_error: Option<(Timestamp, String)>,
    /// Notices delivered.
    pub delivered: u64,
    /// Notices that were given up: refused for good, too old, or more than may wait.
    pub given_up: u64,
    /// Notices that wait.
    pub waiting: u64,
}

impl ChannelHealth {
    /// Whether the last try went well, or there was none.
    pub fn is_well(&self) -> bool {
        match (&self.last_ok, &self.last_error) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(ok), Some((failed, _))) => ok > failed,
        }
    }
}

/// How all channels do, by name; the mail is called `mail`.
#[derive(Debug, Default)]
pub struct Health(Mutex<BTreeMap<String, ChannelHealth>>);

impl Health {
    /// Every channel of the configuration in force.
    pub fn channels(&self) -> BTreeMap<String, ChannelHealth> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn change(&self, channel: &str, change: impl FnOnce(&mut ChannelHealth)) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(health) = all.get_mut(channel) {
            change(health);
        }
    }

    /// Adds channels that are new, and forgets those that are gone.
    pub(super) fn keep(&self, names: &[String]) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|name, _| names.contains(name));
        for name in names {
            all.entry(name.clone()).or_default();
        }
    }
}
