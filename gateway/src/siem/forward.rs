//! One receiver's forwarder: connect, send what is new, end, and only then move its place in the queue.
//! Why so, and what remains possible: `docs/decisions/0016-the-end-of-a-connection-acknowledges.md`.

use super::link::{Link, Trouble};
use super::position::{Kept, Position};
use super::write::{self, Speaker};
use super::{read, speaker};
use crate::site::Site;
use config::Receiver;
use jiff::{SignedDuration, Timestamp};
use lifecycle::Event;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior};

/// Entries that are read and sent at once.
const BATCH: usize = 250;
/// Entries on one connection: so many at most come twice when it breaks.
const MOST: u64 = 1000;
/// How long after its first message a connection is ended, so that what was sent is known to have been
/// read. Real time.
const LINGER: Duration = Duration::from_secs(5);
/// How often a sign of life is sent (D19). Real time.
const BEAT: Duration = Duration::from_secs(60);
/// The first wait after a failure, and the longest. Real time.
const RETRY: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(20));

pub(super) struct Forwarder {
    site: Arc<Site>,
    name: String,
    speaker: Speaker,
    kept: Kept,
    size: watch::Receiver<u64>,
    beat: Interval,
    /// A sign of life is due.
    due: bool,
}

impl Forwarder {
    /// Forwards until the receiver is taken out of the configuration or the daemon ends. Waits on the
    /// journal's size, on the connection, on the disk, and on time.
    pub(super) async fn run(site: Arc<Site>, name: String) {
        let mut wait = RETRY.0;
        let mut forwarder = loop {
            match Self::open(&site, &name).await {
                Ok(forwarder) => break forwarder,
                Err(error) => {
                    tracing::error!(receiver = name, %error, "the place in the queue cannot be had: nothing is sent");
                    let failed = (site.clock.now(), error);
                    site.siem.change(&name, |health| health.last_error = Some(failed));
                    tokio::time::sleep(RETRY.1).await;
                }
            }
        };
        loop {
            let config = forwarder.site.config();
            let Some(receiver) = config.siem.get(&name) else { return };
            match forwarder.turn(receiver).await {
                Ok(()) => wait = RETRY.0,
                Err(trouble) => {
                    forwarder.failed(receiver, &trouble).await;
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(RETRY.1);
                }
            }
        }
    }

    async fn open(site: &Arc<Site>, name: &str) -> Result<Self, String> {
        let (folder, speaker, at) = (site.paths.siem(), speaker(site), site.clock.now());
        let size = site.registrar.changes();
        let (receiver, origin, entries) = (name.to_owned(), speaker.origin.clone(), *size.borrow());
        let opened = tokio::task::spawn_blocking(move || {
            let mut kept = Kept::open(&folder, &receiver, &origin, entries, at)?;
            // From when a new receiver waits is kept too.
            kept.keep(kept.now.clone())?;
            Ok::<_, std::io::Error>(kept)
        });
        let kept = opened.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        let (next, stalled) = (kept.now.next, kept.now.stalled);
        site.siem.change(name, |health| {
            (health.next, health.waiting, health.stalled) = (next, entries.saturating_sub(next), stalled);
        });
        let mut beat = tokio::time::interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self { site: site.clone(), name: name.to_owned(), speaker, kept, size, beat, due: false })
    }

    fn waiting(&self) -> u64 {
        self.size.borrow().saturating_sub(self.kept.now.next)
    }

    /// One connection, from the first thing there is to send until it is known to have been read.
    async fn turn(&mut self, receiver: &Receiver) -> Result<(), Trouble> {
        while self.waiting() == 0 && !self.due {
            tokio::select! {
                changed = self.size.changed() => if changed.is_err() { std::future::pending::<()>().await },
                _ = self.beat.tick() => self.due = true,
            }
        }
        self.site
            .siem
            .change(&self.name, |health| health.waiting = self.size.borrow().saturating_sub(self.kept.now.next));
        let mut link = Link::open(receiver, self.kept.now.next > 0).await?;
        let until = Instant::now() + LINGER;
        let mut sent = self.kept.now.next;
        while sent - self.kept.now.next < MOST {
            let durable = *self.size.borrow_and_update();
            if durable > sent {
                let facts = read(&self.site, sent, BATCH).await.map_err(Trouble::Away)?;
                let write = |fact| write::message(fact, &self.speaker, receiver.format, receiver.facility);
                let messages: Vec<String> = facts.iter().map(write).collect();
                link.send(&messages).await?;
                sent = facts.last().map_or(sent, |fact| fact.seq + 1);
            }
            if std::mem::take(&mut self.due) {
                let alive = write::alive(self.site.clock.now(), sent, &self.speaker, receiver.facility);
                link.send(&[alive]).await?;
            }
            if Instant::now() >= until {
                break;
            }
            if durable > sent {
                continue;
            }
            tokio::select! {
                changed = self.size.changed() => if changed.is_err() { break },
                _ = self.beat.tick() => self.due = true,
                trouble = link.ended() => return Err(trouble),
                () = tokio::time::sleep_until(until) => break,
            }
        }
        link.confirm().await?;
        self.taken(sent).await;
        Ok(())
    }

    /// The receiver has all entries before this one.
    async fn taken(&mut self, next: u64) {
        let at = self.site.clock.now();
        let stalled = self.kept.now.stalled;
        self.keep(Position { next, since: at, stalled: None, ..self.kept.now.clone() }).await;
        let waiting = self.waiting();
        self.site.siem.change(&self.name, |health| {
            (health.next, health.waiting, health.last_ok, health.stalled) = (next, waiting, Some(at), None);
        });
        if let Some(since) = stalled {
            let seconds = u64::try_from(at.duration_since(since).as_secs()).unwrap_or_default();
            tracing::info!(receiver = self.name, next, seconds, "the journal flows to the receiver again");
            let receiver = self.name.clone();
            self.site.registrar.note(vec![Event::ForwardResumed { receiver, next, seconds }]).await;
        }
    }

    /// Notes a failure, and raises an alarm once: when the oldest entry that waits is too old, or at once
    /// where one side does not trust the other.
    async fn failed(&mut self, receiver: &Receiver, trouble: &Trouble) {
        let at = self.site.clock.now();
        let waiting = self.waiting();
        tracing::warn!(receiver = self.name, waiting, why = trouble.text(), "the receiver did not take what was sent");
        self.site.siem.change(&self.name, |health| {
            (health.waiting, health.last_error) = (waiting, Some((at, trouble.text().to_owned())));
        });
        if self.kept.now.stalled.is_some() {
            return;
        }
        let untrusted = matches!(trouble, Trouble::Untrusted(_));
        let since = if untrusted { Some(at) } else { self.oldest().await };
        let Some(since) = since.filter(|since| untrusted || is_due(*since, at, receiver.alarm_after)) else { return };
        tracing::error!(receiver = self.name, %since, why = trouble.text(), "the journal does not reach the receiver");
        self.keep(Position { stalled: Some(since), ..self.kept.now.clone() }).await;
        self.site.siem.change(&self.name, |health| health.stalled = Some(since));
        let (name, next, why) = (self.name.clone(), self.kept.now.next, trouble.text().to_owned());
        self.site.registrar.note(vec![Event::ForwardStalled { receiver: name, next, since, why }]).await;
    }

    /// From when the oldest entry that waits has waited: its own time, or that of the last success.
    async fn oldest(&self) -> Option<Timestamp> {
        let facts = read(&self.site, self.kept.now.next, 1).await.ok()?;
        Some(facts.first()?.at.max(self.kept.now.since))
    }

    async fn keep(&mut self, position: Position) {
        let mut kept = self.kept.clone();
        let written = tokio::task::spawn_blocking(move || kept.keep(position).map(|()| kept)).await;
        match written.map_err(std::io::Error::other).and_then(|kept| kept) {
            Ok(kept) => self.kept = kept,
            // It goes on in memory's stead: what was sent comes again, under the same numbers.
            Err(error) => tracing::error!(receiver = self.name, %error, "the place in the queue cannot be kept"),
        }
    }
}

fn is_due(since: Timestamp, at: Timestamp, after: SignedDuration) -> bool {
    at.duration_since(since) >= after
}
