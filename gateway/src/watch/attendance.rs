//! Whether somebody is there: they acknowledge what was painted a few seconds ago, and type what is
//! shown at times nobody foresees (T22, APR-04). Tells the session and the journal where that changes.
//!
//! What the journal is told goes on beside the pictures, one thing after the other, so that a journal
//! that hangs holds nobody's picture up.

use super::outlet::{Over, SILENT};
use super::presence::Place;
use super::rights::Rights;
use crate::entropy;
use crate::relay::session::LiveSession;
use console::wire::ToWatcher;
use futures::future::BoxFuture;
use jiff::Timestamp;
use lifecycle::Event;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long after it was sent a picture's acknowledgement still shows that somebody is there: less than
/// the five seconds after which an unwatched session freezes, so that it does so on time.
const PRESENT: Duration = Duration::from_secs(4);
/// How long somebody has to answer a challenge.
const CHALLENGE: Duration = Duration::from_secs(60);
/// Characters of a challenge.
const CHALLENGE_LENGTH: usize = 3;

/// Somebody's presence, as journalled.
struct Present {
    /// Their place among those that count; `None`: they do not.
    place: Option<Place>,
    from: Timestamp,
}

/// What became of something the journal was told.
pub(super) enum Done {
    /// A beginning: whether it stands in the journal.
    Began(bool),
    /// An end.
    Noted,
}

/// One watcher's presence.
pub(super) struct Attendance {
    rights: Rights,
    session: Arc<LiveSession>,
    via: &'static str,
    /// When the last acknowledged picture was sent.
    seen: Option<(Instant, Timestamp)>,
    /// INVARIANT: while somebody is present nothing is under way to the journal.
    present: Option<Present>,
    journalling: Option<BoxFuture<'static, Done>>,
    /// What is to be typed, and until when.
    challenge: Option<(String, Instant)>,
    /// The last challenge was not answered.
    unanswered: bool,
    next_challenge: Option<Instant>,
}

impl Drop for Attendance {
    /// However it ended: nobody is left standing for somebody who watches.
    fn drop(&mut self) {
        let place = self.present.take().and_then(|present| present.place);
        if let (Some(place), Ok(runtime)) = (place, tokio::runtime::Handle::try_current()) {
            let (session, last_seen) =
                (self.session.clone(), self.seen.map_or_else(Default::default, |(_, time)| time));
            runtime.spawn(async move { session.watcher_went(place, last_seen).await });
        }
    }
}

impl Attendance {
    /// Nobody is there yet.
    pub(super) fn new(rights: Rights, session: Arc<LiveSession>, via: &'static str) -> Self {
        let mut attendance = Self {
            rights,
            session,
            via,
            seen: None,
            present: None,
            journalling: None,
            challenge: None,
            unanswered: false,
            next_challenge: None,
        };
        attendance.draw_challenge_time();
        attendance
    }

    /// A picture that was sent then is painted.
    pub(super) async fn saw(&mut self, sent: Instant, time: Timestamp) {
        self.seen = Some((sent, time));
        if self.present.is_none() {
            self.judge().await;
        }
    }

    /// When the presence ends unless something is acknowledged; `None`: there is none.
    pub(super) fn lapses_at(&self) -> Option<Instant> {
        self.present.as_ref()?;
        // A millisecond later, so that whoever looks then finds it lapsed.
        Some(self.seen.map_or_else(Instant::now, |(sent, _)| sent + PRESENT + Duration::from_millis(1)))
    }

    fn is_there(&self) -> bool {
        self.seen.is_some_and(|(sent, _)| sent.elapsed() <= PRESENT) && !self.unanswered
    }

    /// Judges whether somebody is there, now.
    pub(super) async fn judge(&mut self) {
        match (self.is_there(), self.present.is_some()) {
            // Journalled first: watching lets a session go on (promise 4).
            (true, false) if self.journalling.is_none() => {
                let begin = self.rights.clone().begin(self.via);
                self.journalling = Some(Box::pin(async { Done::Began(begin.await) }));
            }
            (false, true) => {
                let why = if self.unanswered { "did not answer a challenge" } else { SILENT };
                self.leave(why).await;
            }
            _ => {}
        }
    }

    /// Waits for what the journal was told; for ever where it was told nothing.
    pub(super) async fn journalled(&mut self) -> Done {
        let Some(journalling) = &mut self.journalling else { return std::future::pending().await };
        let done = journalling.await;
        self.journalling = None;
        done
    }

    /// Goes on from there.
    pub(super) async fn go_on(&mut self, done: Done) {
        if matches!(done, Done::Began(true)) {
            // Somebody who went meanwhile lets nothing go on; their end is journalled all the same.
            let counts = self.rights.counts && self.is_there();
            let place = if counts { Some(self.session.watcher_came(self.rights.staff.clone()).await) } else { None };
            self.present = Some(Present { place, from: self.rights.site.clock.now() });
        }
        // A beginning that failed is tried again with the next picture, not at once.
        if !matches!(done, Done::Began(false)) {
            self.judge().await;
        }
    }

    /// The session hears of it first (D18), and dates it by the last sign of life.
    async fn leave(&mut self, why: Over) {
        let Some(Present { place, from }) = self.present.take() else { return };
        let last_seen = self.seen.map_or(from, |(_, time)| time).max(from);
        if let Some(place) = place {
            self.session.watcher_went(place, last_seen).await;
        }
        let event = Event::WatchEnded {
            session: self.rights.session.clone(),
            staff: self.rights.staff.clone(),
            from,
            seconds: u64::try_from(last_seen.duration_since(from).as_secs()).unwrap_or(0),
            why: why.to_owned(),
        };
        let registrar = self.rights.site.registrar.clone();
        self.journalling = Some(Box::pin(async move {
            registrar.note(vec![event]).await;
            Done::Noted
        }));
    }

    /// The watch is over. Returns once the journal knows.
    pub(super) async fn over(mut self, why: Over) {
        // What still begins ends at once, and lets nothing go on.
        if self.journalling.is_some()
            && let Done::Began(true) = self.journalled().await
        {
            self.present = Some(Present { place: None, from: self.rights.site.clock.now() });
        }
        self.leave(why).await;
        if self.journalling.is_some() {
            self.journalled().await;
        }
    }

    /// Draws when the next challenge comes: half to one and a half times the configured time.
    fn draw_challenge_time(&mut self) {
        let about = Duration::try_from(self.rights.site.config().supervision.challenge).unwrap_or(CHALLENGE);
        let drawn: [u8; 2] = entropy::bytes().unwrap_or_default();
        let share = f64::from(u16::from_be_bytes(drawn)) / f64::from(u16::MAX);
        self.next_challenge = Some(Instant::now() + about.mul_f64(0.5 + share));
    }

    /// What is to be asked now, if anything.
    pub(super) fn challenge_if_due(&mut self) -> Option<ToWatcher> {
        let now = Instant::now();
        if self.challenge.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.challenge = None;
            self.unanswered = true;
            self.next_challenge = Some(now);
        }
        if !self.rights.counts || self.challenge.is_some() || self.next_challenge.is_none_or(|due| due > now) {
            return None;
        }
        // Without randomness there is nothing to challenge with; the presence lapses.
        let Ok(text) = entropy::readable_code(CHALLENGE_LENGTH) else {
            self.unanswered = true;
            return None;
        };
        self.challenge = Some((text.clone(), now + CHALLENGE));
        self.next_challenge = None;
        Some(ToWatcher::Challenge { text, seconds: CHALLENGE.as_secs() })
    }

    /// Takes what was typed at a challenge; whether it was right. `None`: nothing was asked.
    pub(super) async fn answered(&mut self, typed: &str) -> Option<bool> {
        let (text, _) = self.challenge.take()?;
        let right = typed.trim().eq_ignore_ascii_case(&text);
        self.unanswered = !right;
        self.draw_challenge_time();
        if !right {
            // Another one at once: a slip costs presence until it is answered.
            self.next_challenge = Some(Instant::now());
        }
        self.judge().await;
        Some(right)
    }
}
