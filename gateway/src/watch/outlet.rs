//! The way to one watcher, whatever carries it: who takes nothing is not there.

use console::wire::{ToWatcher, Word};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::mpsc;

/// Why a watch is over, as journalled.
pub(super) type Over = &'static str;

/// Nobody takes what is sent, or acknowledges it.
pub(super) const SILENT: Over = "stopped answering";

/// Why the carrier ended the watch, where the watcher did not just leave. The first word stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ending(Arc<OnceLock<Over>>);

impl Ending {
    /// To be said before the carrier drops its side.
    pub(crate) fn because(&self, why: &'static str) {
        let _ = self.0.set(why);
    }

    pub(super) fn why(&self) -> Over {
        self.0.get().copied().unwrap_or("left")
    }
}

/// What goes to the watcher goes through here.
pub(super) struct Outlet {
    to: mpsc::Sender<ToWatcher>,
    patience: Duration,
    ending: Ending,
}

impl Outlet {
    pub(super) fn new(to: mpsc::Sender<ToWatcher>, patience: Duration) -> Self {
        Self { to, patience, ending: Ending::default() }
    }

    pub(super) fn ending(&self) -> &Ending {
        &self.ending
    }

    /// Returns once it is on its way; fails where nobody takes it.
    pub(super) async fn send(&self, what: ToWatcher) -> Result<(), Over> {
        match tokio::time::timeout(self.patience, self.to.send(what)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(self.ending.why()),
            Err(_) => Err(SILENT),
        }
    }

    /// Says what came of something that was asked for.
    pub(super) async fn say(&self, word: Word) -> Result<(), Over> {
        self.send(ToWatcher::Said(word)).await
    }

    /// Returns once the other side is gone.
    pub(super) async fn closed(&self) {
        self.to.closed().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said() -> ToWatcher {
        ToWatcher::Said(Word::Waits)
    }

    /// Whoever takes nothing is noticed, and what waits for them stays little.
    #[tokio::test]
    async fn a_stalled_reader_is_not_there() {
        let (to, mut taken) = mpsc::channel(super::super::attend::ROOM);
        let outlet = Outlet::new(to, Duration::from_millis(50));
        let mut sent = 0;
        let over = loop {
            match outlet.send(said()).await {
                Ok(()) => sent += 1,
                Err(over) => break over,
            }
        };
        assert_eq!((over, sent), (SILENT, super::super::attend::ROOM));
        // It counts anew for each.
        taken.recv().await.unwrap();
        assert_eq!(outlet.send(said()).await, Ok(()));
    }

    #[tokio::test]
    async fn a_reader_that_went_has_left_unless_the_carrier_says_otherwise() {
        let (to, taken) = mpsc::channel(1);
        let outlet = Outlet::new(to, Duration::from_secs(60));
        drop(taken);
        outlet.closed().await;
        assert_eq!(outlet.send(said()).await, Err("left"));
        outlet.ending().because("spoke otherwise than agreed");
        outlet.ending().because("something later");
        assert_eq!(outlet.send(said()).await, Err("spoke otherwise than agreed"));
    }
}
