//! How each way of anchoring does: for the status, the health page and the alert.

use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use tokio::sync::{Mutex as Turn, mpsc, oneshot};

/// How one way does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnchorHealth {
    /// When a checkpoint last went this way, and over how many entries it was.
    pub last: Option<(Timestamp, u64)>,
    /// Why the last try failed, if it did.
    pub error: Option<String>,
    /// Since when it is known; a way that never worked is as old as that.
    since: Timestamp,
    /// That it is overdue was told already.
    told: bool,
}

impl AnchorHealth {
    /// How old the last anchor is.
    pub fn age(&self, now: Timestamp) -> SignedDuration {
        now.duration_since(self.last.map_or(self.since, |(at, _)| at))
    }
}

/// How all ways do, by name; and whoever asks for a round now.
pub struct Health {
    all: Mutex<BTreeMap<String, AnchorHealth>>,
    ask: mpsc::Sender<oneshot::Sender<()>>,
    asked: Turn<mpsc::Receiver<oneshot::Sender<()>>>,
}

impl Health {
    /// As the journal last said of each: when, and over how many entries.
    pub fn new(last: BTreeMap<String, (Timestamp, u64)>, now: Timestamp) -> Self {
        let of = |(name, last)| (name, AnchorHealth { last: Some(last), error: None, since: now, told: false });
        let (ask, asked) = mpsc::channel(1);
        Self { all: Mutex::new(last.into_iter().map(of).collect()), ask, asked: Turn::new(asked) }
    }

    fn with<R>(&self, act: impl FnOnce(&mut BTreeMap<String, AnchorHealth>) -> R) -> R {
        act(&mut self.all.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Every way of the configuration in force.
    pub fn all(&self) -> BTreeMap<String, AnchorHealth> {
        self.with(|all| all.clone())
    }

    /// Asks for a round, and returns when it is over.
    pub async fn now(&self) {
        let (done, over) = oneshot::channel();
        if self.ask.send(done).await.is_ok() {
            let _ = over.await;
        }
    }

    pub(super) async fn asked(&self) -> Option<oneshot::Sender<()>> {
        self.asked.lock().await.recv().await
    }

    /// Adds ways that are new, and forgets those that are gone.
    pub(super) fn keep(&self, names: &[String], now: Timestamp) {
        self.with(|all| {
            all.retain(|name, _| names.contains(name));
            for name in names {
                let new = AnchorHealth { last: None, error: None, since: now, told: false };
                all.entry(name.clone()).or_insert(new);
            }
        });
    }

    /// A way worked; says whether it had been told to be overdue.
    pub(super) fn succeed(&self, name: &str, size: u64, now: Timestamp) -> bool {
        self.with(|all| {
            let Some(one) = all.get_mut(name) else { return false };
            (one.last, one.error) = (Some((now, size)), None);
            std::mem::take(&mut one.told)
        })
    }

    /// A way did not work. Gives when it last did, if that is now to be told.
    pub(super) fn fail(
        &self,
        name: &str,
        why: &str,
        now: Timestamp,
        at_most: SignedDuration,
    ) -> Option<Option<Timestamp>> {
        self.with(|all| {
            let one = all.get_mut(name)?;
            one.error = Some(why.to_owned());
            let tell = one.age(now) > at_most && !one.told;
            one.told |= tell;
            tell.then_some(one.last.map(|(at, _)| at))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Told once for each time that it goes wrong, and when it works again.
    #[test]
    fn an_overdue_way_is_told_once() {
        let at = |minutes: i64| Timestamp::from_second(minutes * 60).unwrap();
        let limit = SignedDuration::from_mins(30);
        let health = Health::new(BTreeMap::new(), at(0));
        health.keep(&["file".to_owned()], at(0));
        assert_eq!(health.fail("file", "full", at(30), limit), None);
        assert_eq!(health.fail("file", "full", at(31), limit), Some(None));
        assert_eq!(health.fail("file", "full", at(41), limit), None);
        assert!(health.succeed("file", 7, at(50)));
        assert_eq!(health.fail("file", "full", at(80), limit), None);
        assert_eq!(health.fail("file", "full", at(81), limit), Some(Some(at(50))));
        assert_eq!(health.all()["file"].last, Some((at(50), 7)));
        health.keep(&[], at(82));
        assert!(health.all().is_empty());
    }
}
