//! The way of one channel: what is to be told waits in order, is tried, and tried again. A channel
//! that is broken holds up nobody but itself.

use super::health::Health;
use super::notice::Notice;
use crate::clock::Clock;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, sleep_until, timeout};

/// Notices that may wait in one channel. Beyond it the newest are dropped, and counted.
pub(super) const ROOM: usize = 1000;
/// How long one try may take.
pub(super) const TRY: Duration = Duration::from_secs(10);

/// When to try again, and when to give up.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    /// The waits between the tries.
    pub(super) waits: Vec<Duration>,
    /// A notice older than this gets no further try: whoever asked has left.
    pub(super) oldest: Duration,
}

impl Default for Pace {
    /// Five tries in half an hour.
    fn default() -> Self {
        let waits = [10, 60, 5 * 60, 20 * 60].map(Duration::from_secs).to_vec();
        Self { waits, oldest: Duration::from_secs(30 * 60) }
    }
}

/// What became of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It arrived.
    Done,
    /// It never will: another try brings nothing.
    Never(String),
    /// Not this one now; others may pass it.
    Later(String),
    /// Nothing gets through now.
    Down(String),
}

/// What one try that took too long is called.
pub(super) fn too_slow() -> String {
    format!("no answer within {} seconds", TRY.as_secs())
}

/// A notice on its way.
#[derive(Clone)]
pub(super) struct Item {
    pub(super) notice: Arc<Notice>,
    /// To whom, where the channel has several.
    pub(super) to: Option<String>,
    since: Instant,
    tries: usize,
    due: Instant,
}

impl Item {
    pub(super) fn new(notice: Arc<Notice>, to: Option<String>) -> Self {
        let now = Instant::now();
        Self { notice, to, since: now, tries: 0, due: now }
    }
}

/// What carries a notice out of the house.
pub(super) trait Carrier: Send + Sync + 'static {
    /// One try.
    fn carry(&self, item: &Item) -> impl Future<Output = Outcome> + Send;
}

/// The entrance of a lane.
pub(super) struct Entrance {
    name: String,
    line: mpsc::Sender<Item>,
    came: Arc<Notify>,
    health: Arc<Health>,
}

impl Entrance {
    /// Puts a notice into the line. Never waits.
    pub(super) fn put(&self, item: Item) {
        self.health.change(&self.name, |health| health.waiting += 1);
        if self.line.try_send(item).is_err() {
            tracing::error!(channel = self.name, "too many notifications wait: this one is dropped");
            self.health.change(&self.name, |health| {
                health.waiting = health.waiting.saturating_sub(1);
                health.given_up += 1;
            });
        }
        self.came.notify_one();
    }
}

/// A lane.
pub(super) struct Lane<C> {
    name: String,
    carrier: C,
    line: mpsc::Receiver<Item>,
    came: Arc<Notify>,
    health: Arc<Health>,
    clock: Arc<dyn Clock>,
    pace: Pace,
    /// The first in line, after a try that failed.
    head: Option<Item>,
    /// Those whom others have passed.
    late: Vec<Item>,
}

impl<C: Carrier> Lane<C> {
    /// A lane of this name and its entrance.
    pub(super) fn new(
        name: &str,
        carrier: C,
        pace: Pace,
        health: Arc<Health>,
        clock: Arc<dyn Clock>,
    ) -> (Entrance, Self) {
        let (sender, line) = mpsc::channel(ROOM);
        let came = Arc::new(Notify::new());
        let entrance = Entrance { name: name.to_owned(), line: sender, came: came.clone(), health: health.clone() };
        let name = name.to_owned();
        (entrance, Self { name, carrier, line, came, health, clock, pace, head: None, late: Vec::new() })
    }

    /// Waits on the line, on what is due again, and on the channel. Ends with its entrance.
    pub(super) async fn run(mut self) {
        loop {
            let now = Instant::now();
            if let Some(place) = self.late.iter().position(|item| item.due <= now) {
                let item = self.late.swap_remove(place);
                self.attempt(item, true).await;
            } else if let Some(head) = self.head.take_if(|head| head.due <= now) {
                self.attempt(head, true).await;
            } else {
                let due = self.late.iter().chain(&self.head).map(|item| item.due).min();
                let due = async {
                    match due {
                        Some(due) => sleep_until(due).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = due => {}
                    item = self.line.recv(), if self.head.is_none() => match item {
                        Some(item) => self.attempt(item, true).await,
                        None if self.late.is_empty() => return,
                        None => self.outlive().await,
                    },
                    // Somebody asks now: no moment to sit out the pause of an earlier failure. This
                    // try comes on top of the others.
                    () = self.came.notified(), if self.head.is_some() => {
                        // What came may have been the head itself.
                        if let Some(head) = self.head.take_if(|_| !self.line.is_empty()) {
                            self.attempt(head, false).await;
                        }
                    }
                }
            }
        }
    }

    /// The entrance is gone: what is late is not sent any more.
    async fn outlive(&mut self) {
        for item in std::mem::take(&mut self.late) {
            self.give_up(&item, "the channel was taken out of the configuration");
        }
    }

    async fn attempt(&mut self, mut item: Item, counts: bool) {
        let outcome = match timeout(TRY, self.carrier.carry(&item)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::Down(too_slow()),
        };
        let now = self.clock.now();
        let (why, passable) = match outcome {
            Outcome::Done => {
                tracing::info!(channel = self.name, id = item.notice.id, event = item.notice.event, "notified");
                self.health.change(&self.name, |health| {
                    health.last_ok = Some(now);
                    health.delivered += 1;
                    health.waiting = health.waiting.saturating_sub(1);
                });
                return;
            }
            Outcome::Never(why) => {
                self.health.change(&self.name, |health| health.last_error = Some((now, why.clone())));
                return self.give_up(&item, &why);
            }
            Outcome::Later(why) => (why, true),
            Outcome::Down(why) => (why, false),
        };
        self.health.change(&self.name, |health| health.last_error = Some((now, why.clone())));
        if counts {
            item.tries += 1;
            match self.pace.waits.get(item.tries - 1) {
                Some(wait) if item.since.elapsed() < self.pace.oldest => item.due = Instant::now() + *wait,
                _ => return self.give_up(&item, &why),
            }
        }
        tracing::warn!(channel = self.name, id = item.notice.id, tries = item.tries, why, "not notified yet");
        if passable && self.late.len() < ROOM { self.late.push(item) } else { self.head = Some(item) }
    }

    fn give_up(&self, item: &Item, why: &str) {
        tracing::error!(channel = self.name, id = item.notice.id, event = item.notice.event, why, "never notified");
        self.health.change(&self.name, |health| {
            health.given_up += 1;
            health.waiting = health.waiting.saturating_sub(1);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use std::collections::VecDeque;
    use std::sync::Mutex;

    /// A carrier that gives the outcomes it was told to, and notes what it was given.
    #[derive(Clone, Default)]
    struct Told {
        outcomes: Arc<Mutex<VecDeque<Outcome>>>,
        seen: Arc<Mutex<Vec<String>>>,
        tried: Arc<Notify>,
    }

    impl Carrier for Told {
        async fn carry(&self, item: &Item) -> Outcome {
            self.seen.lock().unwrap().push(item.to.clone().unwrap_or_default());
            self.tried.notify_one();
            self.outcomes.lock().unwrap().pop_front().unwrap_or(Outcome::Done)
        }
    }

    struct Rig {
        told: Told,
        entrance: Entrance,
        health: Arc<Health>,
        task: tokio::task::JoinHandle<()>,
    }

    fn rig(outcomes: &[Outcome], waits: &[u64]) -> Rig {
        let told = Told::default();
        told.outcomes.lock().unwrap().extend(outcomes.iter().cloned());
        let health = Arc::new(Health::default());
        health.keep(&["hook".to_owned()]);
        let waits = waits.iter().map(|wait| Duration::from_millis(*wait)).collect();
        let pace = Pace { waits, oldest: Duration::from_secs(3600) };
        let (entrance, lane) = Lane::new("hook", told.clone(), pace, health.clone(), Arc::new(SystemClock::start()));
        Rig { told, entrance, health, task: tokio::spawn(lane.run()) }
    }

    impl Rig {
        fn put(&self, name: &str) {
            self.entrance.put(Item::new(Arc::new(Notice::of_words("a", "b")), Some(name.to_owned())));
        }

        /// Waits until so many tries were made, and the last was noted.
        async fn tries(&self, count: usize) -> Vec<String> {
            while self.told.seen.lock().unwrap().len() < count {
                self.told.tried.notified().await;
            }
            self.told.seen.lock().unwrap().clone()
        }

        /// Closes the entrance and waits for the lane's end; gives how it did.
        async fn end(self) -> (Vec<String>, super::super::ChannelHealth) {
            drop(self.entrance);
            self.task.await.unwrap();
            let seen = self.told.seen.lock().unwrap().clone();
            (seen, self.health.channels().remove("hook").unwrap())
        }
    }

    fn down() -> Outcome {
        Outcome::Down("no route".to_owned())
    }

    #[tokio::test]
    async fn what_failed_is_tried_again_and_the_order_is_kept() {
        let rig = rig(&[down(), down()], &[1, 1, 1, 1]);
        rig.put("one");
        rig.put("two");
        rig.tries(4).await;
        let (seen, health) = rig.end().await;
        assert_eq!(seen, ["one", "one", "one", "two"]);
        assert_eq!((health.delivered, health.given_up, health.waiting), (2, 0, 0));
        assert_eq!(health.last_error.as_ref().map(|(_, why)| why.as_str()), Some("no route"));
    }

    #[tokio::test]
    async fn five_tries_are_enough() {
        let rig = rig(&[down(), down(), down(), down(), down()], &[1, 1, 1, 1]);
        rig.put("one");
        rig.tries(5).await;
        rig.put("two");
        rig.tries(6).await;
        let (seen, health) = rig.end().await;
        assert_eq!(seen, ["one", "one", "one", "one", "one", "two"]);
        assert_eq!((health.delivered, health.given_up), (1, 1));
    }

    /// The pause after a failure may be long; who asks then does not sit it out.
    #[tokio::test]
    async fn a_new_notice_ends_the_pause() {
        let rig = rig(&[down()], &[3_600_000]);
        rig.put("one");
        rig.tries(1).await;
        rig.put("two");
        rig.tries(3).await;
        let (seen, health) = rig.end().await;
        assert_eq!(seen, ["one", "one", "two"]);
        assert!(health.is_well(), "{health:?}");
    }

    /// One address that the server wants later holds up no other; one it never wants is given up.
    #[tokio::test]
    async fn one_address_holds_up_no_other() {
        let outcomes = [Outcome::Later("busy".to_owned()), Outcome::Never("unknown".to_owned())];
        let rig = rig(&outcomes, &[50]);
        for name in ["one", "two", "three"] {
            rig.put(name);
        }
        rig.tries(4).await;
        let (seen, health) = rig.end().await;
        assert_eq!(seen, ["one", "two", "three", "one"]);
        assert_eq!((health.delivered, health.given_up, health.waiting), (2, 1, 0));
    }

    /// A full line drops and counts, and whoever puts never waits.
    #[tokio::test]
    async fn a_full_line_drops_and_counts() {
        let rig = rig(&[], &[]);
        // The lane's task has no turn before this test waits.
        for n in 0..ROOM + 7 {
            rig.put(&n.to_string());
        }
        rig.tries(ROOM).await;
        let (seen, health) = rig.end().await;
        assert_eq!((seen.len(), health.given_up, health.waiting), (ROOM, 7, 0));
    }
}
