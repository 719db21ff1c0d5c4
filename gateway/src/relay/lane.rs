//! A queue of what arrived on one channel in one direction. Its length in bytes is the *lag*; it
//! is bounded by pressure on the sender, never by making the library wait.

use bytes::{Bytes, BytesMut};
use russh::Sig;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

/// What an item costs besides its bytes, so that one-byte packets cannot amplify.
const OVERHEAD: usize = 256;
/// Blocks that packets are merged into while the pump is busy: the larger, the fewer times a stream
/// changes hands between tasks and the recorder's thread.
const BLOCK: usize = 256 << 10;
/// A packet of this size belongs to a stream.
const STREAM: usize = 16 << 10;

/// Something to be relayed, in order.
#[derive(Debug)]
pub enum Item {
    /// Bytes of the main stream.
    Data(Bytes),
    /// Bytes of standard error.
    ErrorOutput(Bytes),
    /// The sender will send no more.
    Eof,
    /// How the command ended.
    ExitStatus(u32),
    /// By which signal it ended: name, core dumped, message, language.
    ExitSignal(Sig, bool, String, String),
    /// The terminal's new size: columns, rows, and the same in pixels.
    Resize(u32, u32, u32, u32),
    /// A signal for the command.
    Signal(Sig),
    /// The sender closed the channel.
    Close,
}

impl Item {
    /// What it counts for.
    pub fn cost(&self) -> usize {
        OVERHEAD
            + match self {
                Item::Data(bytes) | Item::ErrorOutput(bytes) => bytes.len(),
                // A target's words, as long as it likes.
                Item::ExitSignal(_, _, message, language) => message.len() + language.len(),
                _ => 0,
            }
    }
}

/// A block that can still take bytes, or an item that is whole.
enum Slot {
    Filling(BytesMut),
    Whole(Item),
}

/// The queue.
#[derive(Default)]
pub struct Lane {
    slots: Mutex<VecDeque<Slot>>,
    lag: AtomicUsize,
    changed: Notify,
    closed: AtomicBool,
}

impl Lane {
    fn slots(&self) -> std::sync::MutexGuard<'_, VecDeque<Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts bytes at the end, merged into the last block where there is room. Gives what they count for.
    pub fn push_bytes(&self, bytes: &[u8]) -> usize {
        let mut slots = self.slots();
        let cost = match slots.back_mut() {
            Some(Slot::Filling(block)) if block.capacity() - block.len() >= bytes.len() => {
                block.extend_from_slice(bytes);
                bytes.len()
            }
            _ => {
                // A keystroke gets a small block, a stream gets large ones.
                let capacity =
                    if bytes.len() >= STREAM { BLOCK.max(bytes.len()) } else { (bytes.len() * 4).clamp(512, BLOCK) };
                let mut block = BytesMut::with_capacity(capacity);
                block.extend_from_slice(bytes);
                slots.push_back(Slot::Filling(block));
                bytes.len() + OVERHEAD
            }
        };
        self.lag.fetch_add(cost, Ordering::AcqRel);
        drop(slots);
        self.changed.notify_one();
        cost
    }

    /// Puts an item at the end. Gives what it counts for.
    pub fn push(&self, item: Item) -> usize {
        let cost = item.cost();
        let mut slots = self.slots();
        slots.push_back(Slot::Whole(item));
        self.lag.fetch_add(cost, Ordering::AcqRel);
        drop(slots);
        self.changed.notify_one();
        cost
    }

    /// The next item, or `None` once the lane is closed and empty. Safe to drop while it waits.
    pub async fn pop(&self) -> Option<Item> {
        loop {
            let changed = self.changed.notified();
            let next = self.slots().pop_front();
            match next {
                Some(Slot::Filling(block)) => return Some(Item::Data(block.freeze())),
                Some(Slot::Whole(item)) => return Some(item),
                None if self.closed.load(Ordering::Acquire) => return None,
                None => changed.await,
            }
        }
    }

    /// Takes off what was delivered. Gives what was really taken: after [`Lane::release`], nothing.
    pub fn delivered(&self, cost: usize) -> usize {
        let before = self.lag.fetch_update(Ordering::AcqRel, Ordering::Acquire, |lag| Some(lag.saturating_sub(cost)));
        before.unwrap_or(0).min(cost)
    }

    /// Bytes and overhead that are not delivered.
    pub fn lag(&self) -> usize {
        self.lag.load(Ordering::Acquire)
    }

    /// Gives up what is left, and how much it was.
    pub fn release(&self) -> usize {
        self.slots().clear();
        self.lag.swap(0, Ordering::AcqRel)
    }

    /// Nothing more will come.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn small_packets_merge_and_order_is_kept() {
        let lane = Lane::default();
        for _ in 0..1000 {
            lane.push_bytes(b"x");
        }
        lane.push(Item::Eof);
        lane.push_bytes(b"y");
        lane.close();
        let (mut bytes, mut items) = (0, 0);
        while let Some(item) = lane.pop().await {
            lane.delivered(item.cost());
            items += 1;
            if let Item::Data(data) = item {
                bytes += data.len();
            }
        }
        assert_eq!(bytes, 1001);
        assert!(items < 10, "{items} items for a thousand one-byte packets");
        assert_eq!(lane.lag(), 0);
    }

    /// Past failures: GHSA-qw79-rh95-853p.
    #[test]
    fn a_targets_last_words_count_as_much_as_its_output() {
        let words = Item::ExitSignal(Sig::KILL, false, "x".repeat(1000), "y".repeat(10));
        assert_eq!(words.cost(), OVERHEAD + 1010);
    }

    #[tokio::test]
    async fn release_leaves_nothing_to_count() {
        let lane = Lane::default();
        let cost = lane.push_bytes(&[0; 1000]);
        assert_eq!(lane.release(), cost);
        assert_eq!(lane.delivered(cost), 0);
    }
}
