//! What of recordings is open in one sign-in: the officer's key, for an hour at most, and recordings
//! opened with it, each for half an hour after its last use. In memory only; it ends with the sign-in.

use crate::replay::{Chunk, Hits, Moment, OfficersKey, Opened, ReplayError};
use crate::routes::App;
use crate::signed_in::Key;
use jiff::{SignedDuration, Timestamp};
use lifecycle::SessionId;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A key is locked again after so long, whatever is done with it.
pub(crate) const KEY: SignedDuration = SignedDuration::from_hours(1);
/// A recording is closed after so long without use.
pub(crate) const UNUSED: SignedDuration = SignedDuration::from_mins(30);
/// Recordings open at a time; the one that was used longest ago is closed.
const AT_ONCE: usize = 8;
/// Passphrases that may be tried in one sign-in.
pub(crate) const TRIES: u8 = 5;
/// How often it is looked whether something is over.
const TIDY: Duration = Duration::from_secs(20);

/// A recording that is open.
pub(crate) struct Open {
    /// It opened: its purpose stands in the journal.
    recording: Arc<dyn Opened>,
    /// One call at a time waits here, where waiting takes no thread.
    turn: tokio::sync::Mutex<()>,
}

impl Open {
    /// Does something with it that takes a thread for a while.
    async fn with<R: Send + 'static>(
        &self,
        work: impl FnOnce(&dyn Opened) -> Result<R, ReplayError> + Send + 'static,
    ) -> Result<R, ReplayError> {
        let _turn = self.turn.lock().await;
        let recording = self.recording.clone();
        let done = tokio::task::spawn_blocking(move || work(&*recording)).await;
        done.unwrap_or_else(|_| Err(ReplayError::Damaged("reading it failed".to_owned())))
    }

    /// See [`Opened::chunk`].
    pub(crate) async fn chunk(&self, track: u32, from: f64) -> Result<Chunk, ReplayError> {
        self.with(move |recording| recording.chunk(track, from)).await
    }

    /// See [`Opened::search`].
    pub(crate) async fn search(&self, track: u32, text: String) -> Result<Hits, ReplayError> {
        self.with(move |recording| recording.search(track, &text)).await
    }

    /// See [`Opened::moments`].
    pub(crate) async fn moments(&self, track: u32) -> Result<Vec<Moment>, ReplayError> {
        self.with(move |recording| Ok(recording.moments(track))).await
    }

    /// The recording, for what takes no time.
    pub(crate) fn recording(&self) -> &dyn Opened {
        &*self.recording
    }
}

#[derive(Default)]
struct Held {
    key: Option<(Arc<dyn OfficersKey>, Timestamp)>,
    tries: u8,
    open: HashMap<SessionId, (Arc<Open>, Timestamp)>,
}

impl Held {
    fn tidy(&mut self, now: Timestamp) {
        if self.key.as_ref().is_some_and(|(_, since)| now.duration_since(*since) >= KEY) {
            self.key = None;
        }
        if self.key.is_none() {
            self.open.clear();
        }
        self.open.retain(|_, (_, used)| now.duration_since(*used) < UNUSED);
    }
}

/// See the module.
#[derive(Default)]
pub(crate) struct Reading(Mutex<Held>);

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reading(…)")
    }
}

impl Reading {
    fn held(&self, now: Timestamp) -> std::sync::MutexGuard<'_, Held> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.tidy(now);
        held
    }

    /// Drops what is over. Says whether a key is left.
    pub(crate) fn tidy(&self, now: Timestamp) -> bool {
        self.held(now).key.is_some()
    }

    /// The key, while it is unlocked.
    pub(crate) fn key(&self, now: Timestamp) -> Option<Arc<dyn OfficersKey>> {
        self.held(now).key.as_ref().map(|(key, _)| key.clone())
    }

    /// Counts one more try of a passphrase, before it is tried. `None`: there were too many.
    pub(crate) fn take_try(&self, now: Timestamp) -> Option<()> {
        let mut held = self.held(now);
        if held.tries >= TRIES {
            return None;
        }
        held.tries += 1;
        Some(())
    }

    /// How many tries are left.
    pub(crate) fn tries_left(&self, now: Timestamp) -> u8 {
        TRIES.saturating_sub(self.held(now).tries)
    }

    /// The passphrase was right.
    pub(crate) fn unlocked(&self, key: Arc<dyn OfficersKey>, now: Timestamp) {
        let mut held = self.held(now);
        held.tries = 0;
        held.key = Some((key, now));
    }

    /// A recording was opened.
    pub(crate) fn opened(&self, session: SessionId, recording: Arc<dyn Opened>, now: Timestamp) {
        let mut held = self.held(now);
        if held.open.len() >= AT_ONCE && !held.open.contains_key(&session) {
            let oldest = held.open.iter().min_by_key(|(_, (_, used))| *used).map(|(id, _)| id.clone());
            oldest.into_iter().for_each(|id| {
                held.open.remove(&id);
            });
        }
        held.open.insert(session, (Arc::new(Open { recording, turn: tokio::sync::Mutex::default() }), now));
    }

    /// A recording that is open. Asking is using.
    pub(crate) fn open(&self, session: &SessionId, now: Timestamp) -> Option<Arc<Open>> {
        let mut held = self.held(now);
        let (open, used) = held.open.get_mut(session)?;
        *used = now;
        Some(open.clone())
    }

    /// Closes a recording.
    pub(crate) fn close(&self, session: &SessionId, now: Timestamp) {
        self.held(now).open.remove(session);
    }
}

/// Looks after a key that was unlocked: also where nobody asks for anything any more, it is dropped in
/// time. Waits on time; ends with the key.
pub(crate) fn look_after(app: &App, key: Key) {
    let shared = app.downgrade();
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(TIDY).await;
            let Some(shared) = shared.upgrade() else { return };
            if !shared.signed_in.tidy(key, shared.commands.now()) {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Soon;
    use crate::replay::{Standing, Track};
    use crate::signed_in::SignIns;
    use lifecycle::order::Failure;
    use std::sync::Weak;

    struct Paper;

    impl Opened for Paper {
        fn state(&self) -> Standing {
            Standing { state: recorder::State::Whole, missing: 0 }
        }
        fn tracks(&self) -> Vec<Track> {
            Vec::new()
        }
        fn chunk(&self, _: u32, _: f64) -> Result<Chunk, ReplayError> {
            Err(ReplayError::NoSuchTrack)
        }
        fn search(&self, _: u32, _: &str) -> Result<Hits, ReplayError> {
            Ok(Hits { hits: Vec::new(), more: false })
        }
        fn moments(&self, _: u32) -> Vec<Moment> {
            Vec::new()
        }
    }

    struct Held;

    impl OfficersKey for Held {
        fn read(&self, _: SessionId, _: String) -> Soon<'_, Result<Arc<dyn Opened>, Failure>> {
            Box::pin(async { Ok(Arc::new(Paper) as Arc<dyn Opened>) })
        }
    }

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + minute * 60).unwrap()
    }

    fn id(n: u8) -> SessionId {
        SessionId::from_random([n; 8])
    }

    fn unlock(reading: &Reading, now: Timestamp) -> Weak<dyn OfficersKey> {
        let key: Arc<dyn OfficersKey> = Arc::new(Held);
        let weak = Arc::downgrade(&key);
        reading.unlocked(key, now);
        weak
    }

    /// An hour after it was unlocked the key is gone, and every recording with it.
    #[test]
    fn a_key_lasts_an_hour() {
        let reading = Reading::default();
        let key = unlock(&reading, at(0));
        reading.opened(id(1), Arc::new(Paper), at(45));
        assert!(reading.tidy(at(59)) && reading.open(&id(1), at(59)).is_some());
        assert!(!reading.tidy(at(60)));
        assert!(key.upgrade().is_none() && reading.open(&id(1), at(60)).is_none());
    }

    #[test]
    fn a_recording_closes_half_an_hour_after_its_last_use() {
        let reading = Reading::default();
        let _key = unlock(&reading, at(0));
        reading.opened(id(1), Arc::new(Paper), at(0));
        assert!(reading.open(&id(1), at(20)).is_some());
        assert!(reading.open(&id(1), at(49)).is_some());
        reading.opened(id(2), Arc::new(Paper), at(10));
        assert!(reading.open(&id(2), at(40)).is_none());
        for n in 10..30 {
            reading.opened(id(n), Arc::new(Paper), at(50));
        }
        assert!(reading.open(&id(29), at(50)).is_some() && reading.open(&id(1), at(50)).is_none());
    }

    #[test]
    fn a_passphrase_is_tried_five_times() {
        let reading = Reading::default();
        for left in (0..TRIES).rev() {
            assert!(reading.take_try(at(0)).is_some());
            assert_eq!(reading.tries_left(at(0)), left);
        }
        assert!(reading.take_try(at(600)).is_none(), "time gives no further try");
        let reading = Reading::default();
        assert!(reading.take_try(at(0)).is_some());
        let _key = unlock(&reading, at(0));
        assert_eq!(reading.tries_left(at(0)), TRIES);
    }

    /// Signing out, being signed out everywhere, and being idle: the key goes each time, at once or when
    /// it is next looked.
    #[test]
    fn the_key_ends_with_the_sign_in() {
        let all = SignIns::default();
        let begin = |cookie: &str| {
            all.begin(cookie, "sophie".parse().unwrap(), 1, at(0));
            let key = Key::of(cookie);
            (key, unlock(&all.reading(key).unwrap(), at(0)))
        };
        let (out, key) = begin("a");
        all.end(out);
        assert!(key.upgrade().is_none());
        let (_, key) = begin("b");
        all.forget(&"sophie".parse().unwrap());
        assert!(key.upgrade().is_none());
        let (idle, key) = begin("c");
        assert!(all.tidy(idle, at(14)) && key.upgrade().is_some());
        assert!(!all.tidy(idle, at(15)) && key.upgrade().is_none());
    }
}
