//! What waits to be sent one way, in order, counted so that whoever fills it can wait.

use crate::relay::lane::Item;
use bytes::Bytes;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// What a packet counts for besides its bytes.
const OVERHEAD: usize = 64;

/// Something to be sent.
pub(super) enum Out {
    /// Bytes of the protocol.
    Data(Bytes),
    /// Bytes of standard error.
    Error(Bytes),
    /// How the other side ended, or that it will send no more.
    End(Item),
    /// The other side is gone.
    Closed,
}

impl Out {
    /// How many bytes it is.
    pub(super) fn bytes(&self) -> u64 {
        match self {
            Out::Data(bytes) | Out::Error(bytes) => bytes.len() as u64,
            Out::End(_) | Out::Closed => 0,
        }
    }

    /// What it counts for.
    pub(super) fn cost(&self) -> usize {
        OVERHEAD
            + match self {
                Out::Data(bytes) | Out::Error(bytes) => bytes.len(),
                // The last words of a target can be long, and come again and again.
                Out::End(item) => item.cost(),
                Out::Closed => 0,
            }
    }
}

/// The queue.
#[derive(Default)]
pub(super) struct Outbox {
    queue: Mutex<VecDeque<Out>>,
    waiting: AtomicUsize,
    filled: Notify,
    drained: Notify,
}

impl Outbox {
    /// Puts something at the end.
    pub(super) fn push(&self, out: Out) {
        self.waiting.fetch_add(out.cost(), Ordering::AcqRel);
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(out);
        self.filled.notify_one();
    }

    /// The next one. Safe to drop while it waits.
    pub(super) async fn next(&self) -> Option<Out> {
        loop {
            let filled = self.filled.notified();
            let next = self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            if next.is_some() {
                return next;
            }
            filled.await;
        }
    }

    /// Takes off what was sent.
    pub(super) fn sent(&self, cost: usize) {
        self.waiting.fetch_sub(cost, Ordering::AcqRel);
        self.drained.notify_waiters();
    }

    /// Returns once less than this waits.
    pub(super) async fn below(&self, most: usize) {
        loop {
            let drained = self.drained.notified();
            tokio::pin!(drained);
            drained.as_mut().enable();
            if self.waiting.load(Ordering::Acquire) < most {
                return;
            }
            drained.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_targets_last_words_count_as_much_as_its_output() {
        let words = Item::ExitSignal(russh::Sig::KILL, false, "x".repeat(1000), String::new());
        assert!(Out::End(words).cost() > 1000);
    }
}
