//! What the bastion itself may come to lack while it runs: a clock to trust, room on its disk, file
//! descriptors. Whatever it is, nothing new opens, whoever waits is told, and staff hear of it
//! (promise 7). What goes on meanwhile, and what ends it, stands in `docs/faults.md`.

use crate::clock::Clock;
use crate::descriptors;
use crate::relay::session::LiveSessions;
use crate::reserve::Reserve;
use crate::site::Site;
use lifecycle::{EndCause, Event, Lack};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// How often it is looked.
const LOOK: Duration = Duration::from_secs(1);
/// A disk that has not answered after this long hangs (D18).
const PATIENCE: Duration = Duration::from_secs(5);
/// With less free than so many reserves, nothing new opens.
const NEW: u64 = 4;
/// With so many free, the reserve is laid by again.
const AMPLE: u64 = 5;
/// With less free than this part of a reserve, what goes on is ended while it can be closed.
const LAST: u64 = 4;
/// How long no connection was closed for want of descriptors before that counts as over.
const CALM: Duration = Duration::from_secs(30);

/// What is lacking now.
#[derive(Debug)]
pub struct Lacks {
    /// What is laid by on the disk.
    pub reserve: Arc<Reserve>,
    room: AtomicBool,
    known: Mutex<BTreeMap<Lack, String>>,
}

impl Lacks {
    /// Nothing yet; the first look follows.
    pub fn new(reserve: Arc<Reserve>) -> Self {
        Self { reserve, room: AtomicBool::new(false), known: Mutex::default() }
    }

    /// Why nothing new may open, as the key of the text that says so.
    pub fn shut(&self, clock: &dyn Clock) -> Option<&'static str> {
        if !clock.is_trusted() {
            return Some("refused-clock");
        }
        self.is_short_of_room().then_some("refused-room")
    }

    /// Whether there is too little room to begin anything.
    pub fn is_short_of_room(&self) -> bool {
        self.room.load(Ordering::Acquire)
    }

    /// What is lacking, with why.
    pub fn all(&self) -> BTreeMap<Lack, String> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes what was found; gives what is to be journalled.
    fn take(&self, lack: Lack, why: Option<String>) -> Option<Event> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        match why {
            Some(why) if !known.contains_key(&lack) => {
                tracing::error!(?lack, %why, "ALERT: the bastion lacks something; nothing new opens");
                known.insert(lack, why.clone());
                Some(Event::LackFound { lack, why })
            }
            Some(_) => None,
            None => known.remove(&lack).map(|_| {
                tracing::warn!(?lack, "the bastion has again what it lacked");
                Event::LackOver { lack }
            }),
        }
    }
}

/// What whoever finds the disk full does first: the reserve is given up, and what is being recorded ends
/// while it can be closed with it. `true`: there is room now.
pub(crate) fn on_full_disk(reserve: &Reserve, live: &LiveSessions) -> bool {
    let given = reserve.give();
    let ended = live.brake(&EndCause::RecorderFailed, |_| true);
    if ended > 0 {
        tracing::error!(ended, "the disk is full: all sessions are ended");
    }
    given
}

/// Looks once a second, for as long as the daemon runs. Waits on real time and on the disk, which may hang.
pub(crate) async fn keep(site: Arc<Site>) {
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut disk = Pulse::new(site.recorder.beats());
    let mut room = Looking::begin(&site);
    let mut refused = (descriptors::refused().0, None);
    loop {
        look.tick().await;
        if disk.hangs(site.recorder.beats()) {
            let ended = site.live.brake(&EndCause::RecorderFailed, |_| true);
            if ended > 0 {
                tracing::error!(ended, "no answer from the disk within 5 seconds: all sessions are ended");
            }
        }
        let clock = (!site.clock.is_trusted()).then(|| "the wall clock was set by more than two seconds".to_owned());
        let room = room.next(&site).await;
        site.lacks.room.store(room.is_some(), Ordering::Release);
        let descriptors = descriptors_short(&mut refused);
        let found = [(Lack::Clock, clock), (Lack::Room, room), (Lack::Descriptors, descriptors)];
        let events: Vec<Event> = found.into_iter().filter_map(|(lack, why)| site.lacks.take(lack, why)).collect();
        if !events.is_empty() {
            // Where the journal is gone, everything ends anyway.
            site.registrar.note(events).await;
        }
    }
}

/// Whether something goes on coming back. Counted in looks, not in time: where the whole program stood
/// still (a machine that was paused, moved or copied), the disk had no chance to answer either.
struct Pulse {
    last: u64,
    silent: u64,
}

impl Pulse {
    fn new(last: u64) -> Self {
        Self { last, silent: 0 }
    }

    fn hangs(&mut self, now: u64) -> bool {
        self.silent = if now == self.last { self.silent + 1 } else { 0 };
        self.last = now;
        self.silent >= PATIENCE.as_secs() / LOOK.as_secs()
    }
}

/// A look at the disk, which may hang: no other is begun before it has come back.
struct Looking {
    begun: Instant,
    task: JoinHandle<Option<String>>,
    last: Option<String>,
}

impl Looking {
    fn begin(site: &Arc<Site>) -> Self {
        Self { begun: Instant::now(), task: Self::look(site), last: None }
    }

    fn look(site: &Arc<Site>) -> JoinHandle<Option<String>> {
        let site = site.clone();
        tokio::task::spawn_blocking(move || look_at_room(&site))
    }

    /// Why there is too little room, if there is.
    async fn next(&mut self, site: &Arc<Site>) -> Option<String> {
        if self.task.is_finished() {
            let found = (&mut self.task).await;
            self.last = found.unwrap_or_else(|error| Some(error.to_string()));
            (self.begun, self.task) = (Instant::now(), Self::look(site));
        } else if self.begun.elapsed() >= PATIENCE {
            self.last = Some(format!("the disk does not say within {} seconds what is free", PATIENCE.as_secs()));
        }
        self.last.clone()
    }
}

/// The first look, before anything can open. Waits on the disk.
pub(crate) fn first(site: &Site) {
    site.lacks.room.store(look_at_room(site).is_some(), Ordering::Release);
}

/// Why there is too little room, if there is. The reserve is given up and laid by as that demands.
fn look_at_room(site: &Site) -> Option<String> {
    let reserve = &site.lacks.reserve;
    let (state, recordings) = (free(site.paths.state()), free(&site.paths.recordings()));
    let last = reserve.size() / LAST;
    // Where recordings have a disk of their own and that one is full, it would be given up again at the next look.
    if !reserve.is_held()
        && state.is_ok_and(|free| free >= reserve.size().saturating_mul(AMPLE))
        && recordings.is_ok_and(|free| free >= last)
        && let Err(error) = reserve.lay_by()
    {
        return Some(format!("no reserve can be laid by: {error}"));
    }
    let [state, recordings] = [state, recordings].map(|free| free.unwrap_or(0));
    if state.min(recordings) < last {
        on_full_disk(reserve, &site.live);
    }
    let least = reserve.size().saturating_mul(NEW);
    let short = |folder: &Path, free: u64| {
        let (folder, mebibytes) = (folder.display(), free >> 20);
        format!("{mebibytes} MiB are free for `{folder}`, and {} MiB are wanted", least >> 20)
    };
    if recordings < least {
        Some(short(&site.paths.recordings(), recordings))
    } else if state < least || !reserve.is_held() {
        Some(short(site.paths.state(), state))
    } else {
        None
    }
}

fn free(folder: &Path) -> rustix::io::Result<u64> {
    rustix::fs::statvfs(folder).map(|system| system.f_bavail.saturating_mul(system.f_frsize))
}

/// Why there are too few descriptors, if there were a moment ago. Remembers the count and when it last grew.
fn descriptors_short(seen: &mut (u64, Option<Instant>)) -> Option<String> {
    let (refused, limit) = descriptors::refused();
    if refused != seen.0 {
        *seen = (refused, Some(Instant::now()));
    }
    let recent = seen.1.is_some_and(|last| last.elapsed() < CALM);
    recent.then(|| format!("nearly all of {limit} are in use: new connections are closed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lack_is_said_once_and_its_end_once() {
        let folder = tempfile::tempdir().unwrap();
        let lacks = Lacks::new(Arc::new(Reserve::at(&folder.path().join("reserve"), 1)));
        let why = || Some("full".to_owned());
        assert_eq!(lacks.take(Lack::Room, None), None);
        assert_eq!(lacks.take(Lack::Room, why()), Some(Event::LackFound { lack: Lack::Room, why: "full".to_owned() }));
        assert_eq!(lacks.take(Lack::Room, why()), None);
        assert_eq!(lacks.all().len(), 1);
        assert_eq!(lacks.take(Lack::Room, None), Some(Event::LackOver { lack: Lack::Room }));
        assert_eq!(lacks.take(Lack::Room, None), None);
    }

    /// D18.
    #[test]
    fn a_disk_that_does_not_come_back_hangs() {
        let mut pulse = Pulse::new(1);
        assert!(!pulse.hangs(2), "it came back");
        assert!((1..5).all(|_| !pulse.hangs(2)), "not yet");
        assert!(pulse.hangs(2) && pulse.hangs(2));
        assert!(!pulse.hangs(3));
    }
}
