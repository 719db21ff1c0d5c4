//! One watcher at the local socket: pictures out, acknowledgements in. Presence is what comes back:
//! somebody counts while they acknowledge what was painted a few seconds ago, and type what is
//! shown at times nobody foresees (T22, APR-04).

use super::presence::Place;
use super::stage::{Seat, Source};
use super::wire::{ChannelLine, FromWatcher, Hello, Picture, ScreenChange, ToWatcher};
use crate::entropy;
use crate::relay::session::{Flow, LiveSession};
use crate::site::Site;
use crate::texts::Texts;
use jiff::Timestamp;
use lifecycle::{Actor, EndCause, Event, FreezeCause, Role};
use policy::StaffLogin;
use recorder::{Run, Screen};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::Instant;

/// How long after it was sent a picture's acknowledgement still shows that somebody is there: less than
/// the five seconds after which an unwatched session freezes, so that it does so on time.
const PRESENT: Duration = Duration::from_secs(4);
/// How long a line may take to get out: beyond it nobody is there to read it.
const STALLED: Duration = Duration::from_secs(4);
/// Between two pictures at least.
const FRAME: Duration = Duration::from_millis(40);
/// A picture at least this often, also where nothing moves: something to acknowledge.
const PULSE: Duration = Duration::from_secs(1);
/// Pictures on their way that are not acknowledged.
const UNDER_WAY: usize = 3;
/// How long somebody has to answer a challenge.
const CHALLENGE: Duration = Duration::from_secs(60);
/// Characters of a challenge.
const CHALLENGE_LENGTH: usize = 3;

/// Somebody who may watch, before the socket is handed over.
pub struct Ticket {
    pub(crate) site: Arc<Site>,
    pub(crate) session: Arc<LiveSession>,
    pub(crate) staff: StaffLogin,
    pub(crate) counts: bool,
}

impl Ticket {
    /// Goes on over this socket.
    pub(crate) fn over(self, reader: BufReader<OwnedReadHalf>, writer: OwnedWriteHalf) -> Watch {
        Watch {
            site: self.site,
            session: self.session,
            staff: self.staff,
            counts: self.counts,
            lines: reader.lines(),
            writer,
            under_way: VecDeque::new(),
            next: 1,
            skipped: 0,
            seen: None,
            present: None,
            challenge: None,
            unanswered: false,
            next_challenge: None,
            shown: None,
            painted: None,
        }
    }
}

/// Somebody's presence, as journalled.
struct Present {
    /// Their place among those that count; `None`: they do not.
    place: Option<Place>,
    from: Timestamp,
}

/// One watcher.
pub struct Watch {
    site: Arc<Site>,
    session: Arc<LiveSession>,
    staff: StaffLogin,
    counts: bool,
    lines: Lines<BufReader<OwnedReadHalf>>,
    writer: OwnedWriteHalf,
    /// Pictures that were sent and not acknowledged: number, when, and the time of day.
    under_way: VecDeque<(u64, Instant, Timestamp)>,
    next: u64,
    skipped: u64,
    /// When the last acknowledged picture was sent.
    seen: Option<(Instant, Timestamp)>,
    present: Option<Present>,
    /// What is to be typed, and until when.
    challenge: Option<(String, Instant)>,
    /// The last challenge was not answered.
    unanswered: bool,
    next_challenge: Option<Instant>,
    shown: Option<u32>,
    painted: Option<(u32, u64, Screen)>,
}

impl Drop for Watch {
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

impl Watch {
    /// Watches until either side ends it. Waits on the socket, the stage, the session and time.
    pub async fn run(mut self) {
        let session = self.session.clone();
        let seat = match self.sit() {
            Ok(seat) => seat,
            Err(error) => {
                tracing::error!(session = %session.id, %error, "a session cannot be watched");
                let _ = self.send(&ToWatcher::Ended("the recording cannot be read".to_owned())).await;
                return;
            }
        };
        if self.hello().await {
            self.draw_challenge_time();
            let why = self.follow().await;
            self.leave(why).await;
        }
        drop(seat);
    }

    fn sit(&self) -> std::io::Result<Seat> {
        let recovery = self.site.recovery.clone();
        self.session.stage.sit(Source {
            path: self.site.paths.spool(&self.session.id),
            recovery,
            recording: self.session.recording.clone(),
            clock: self.site.clock.clone(),
        })
    }

    /// Gives why it ended.
    async fn follow(&mut self) -> &'static str {
        let session = self.session.clone();
        let mut changes = session.stage.changes();
        let mut pulse = tokio::time::interval(PULSE);
        let mut last = Instant::now();
        let mut due = true;
        loop {
            let paint_at = last + FRAME;
            let (there, lapses_at) = (self.present.is_some(), self.lapses_at());
            tokio::select! {
                line = self.lines.next_line() => match line {
                    Ok(Some(line)) => match serde_json::from_str(&line) {
                        Ok(said) => self.said(said).await,
                        Err(_) => return "spoke otherwise than agreed",
                    },
                    _ => return "left",
                },
                () = session.ended() => {
                    // What the last frames held is still shown.
                    tokio::time::sleep(FRAME).await;
                    self.paint().await;
                    let texts = Texts::of_site(&self.site);
                    let text = texts.end(session.cause().unwrap_or(&EndCause::Technician));
                    let _ = self.send(&ToWatcher::Ended(texts.with("notice-ended", &[("reason", &text)]))).await;
                    return "the session ended";
                }
                changed = changes.changed(), if !due => {
                    due = changed.is_ok();
                    if changed.is_err() {
                        // The stage is over; the session's end follows.
                        tokio::time::sleep(FRAME).await;
                    }
                }
                () = tokio::time::sleep_until(paint_at), if due => {
                    (due, last) = (false, Instant::now());
                    if !self.paint().await {
                        return "stopped answering";
                    }
                }
                // To the moment, not to the next pulse.
                () = tokio::time::sleep_until(lapses_at), if there => self.judge().await,
                _ = pulse.tick() => {
                    if self.last_sent().is_none_or(|sent| sent.elapsed() >= PULSE) && !self.paint().await {
                        return "stopped answering";
                    }
                    if !self.challenge_if_due().await {
                        return "stopped answering";
                    }
                    if !self.still_may().await {
                        let text = Texts::of_site(&self.site).text("watch-said-not-any-more");
                        let _ = self.send(&ToWatcher::Ended(text)).await;
                        return "may not watch any more";
                    }
                    self.judge().await;
                }
            }
        }
    }

    /// When the presence ends unless something is acknowledged.
    fn lapses_at(&self) -> Instant {
        self.seen.map_or_else(Instant::now, |(sent, _)| sent + PRESENT + Duration::from_millis(1))
    }

    fn last_sent(&self) -> Option<Instant> {
        self.under_way.back().map(|(_, sent, _)| *sent)
    }

    async fn send(&mut self, what: &ToWatcher) -> bool {
        let mut line = serde_json::to_vec(what).unwrap_or_default();
        line.push(b'\n');
        matches!(tokio::time::timeout(STALLED, self.writer.write_all(&line)).await, Ok(Ok(())))
    }

    async fn hello(&mut self) -> bool {
        let number = self.session.number;
        let asked = self
            .site
            .registrar
            .view(move |core, _| core.register.interventions.get(&number).map(|one| one.asked.clone()))
            .await;
        let Ok(Some(asked)) = asked else { return false };
        let hello = Hello {
            session: self.session.id.to_string(),
            intervention: number.0,
            technician: asked.technician.to_string(),
            name: asked.name,
            vendor: asked.vendor.to_string(),
            target: asked.target.to_string(),
            reason: asked.reason,
            counts: self.counts,
            required: asked.supervision == policy::Supervision::Required,
        };
        self.send(&ToWatcher::Hello(hello)).await
    }

    /// Sends a picture, unless too many are under way. `false`: nobody takes them.
    async fn paint(&mut self) -> bool {
        if self.under_way.len() >= UNDER_WAY {
            self.skipped += 1;
            return true;
        }
        let session = self.session.clone();
        let views = session.stage.views();
        let alive = |number: u32| views.iter().any(|view| view.number == number && !view.ended);
        if !self.shown.is_some_and(alive)
            && let Some(first) = views.iter().find(|view| !view.ended).or(views.last())
        {
            self.shown = Some(first.number);
        }
        let screen = self.shown.and_then(|track| self.change_of(track));
        let now = self.site.clock.now();
        let (state, why) = match session.flow() {
            Flow::Flowing => ("live", None),
            Flow::Ended => ("ended", None),
            Flow::Frozen => ("frozen", session.frozen_for()),
        };
        let picture = Picture {
            n: self.next,
            state: state.to_owned(),
            why,
            channels: views
                .into_iter()
                .map(|view| ChannelLine {
                    terminal: view.terminal,
                    quiet: now.duration_since(view.active).as_secs(),
                    number: view.number,
                    what: view.what,
                    bytes_in: view.bytes_in,
                    bytes_out: view.bytes_out,
                    ended: view.ended,
                })
                .collect(),
            shown: self.shown,
            screen,
            behind: session.stage.behind(&session.recording.head(), now),
            skipped: std::mem::take(&mut self.skipped),
            watchers: session.presence.names().iter().map(ToString::to_string).collect(),
            left: session.until().duration_since(now).as_secs(),
        };
        self.under_way.push_back((self.next, Instant::now(), now));
        self.next += 1;
        self.send(&ToWatcher::Frame(Box::new(picture))).await
    }

    /// What changed of a channel's screen since it was painted last.
    fn change_of(&mut self, track: u32) -> Option<ScreenChange> {
        let before = self.painted.as_ref().filter(|(painted, ..)| *painted == track);
        let (version, screen) = self.session.stage.screen(track, before.map(|(_, version, _)| *version))?;
        let same_size =
            before.is_some_and(|(.., old)| (old.columns, old.rows.len()) == (screen.columns, screen.rows.len()));
        let old: &[Vec<Run>] = before.filter(|_| same_size).map_or(&[], |(.., old)| &old.rows);
        let rows = screen.rows.iter().enumerate().filter(|(n, row)| old.get(*n) != Some(row));
        let change = ScreenChange {
            columns: screen.columns,
            height: screen.rows.len(),
            cursor: screen.cursor,
            rows: rows.map(|(n, row)| (n, row.clone())).collect(),
        };
        self.painted = Some((track, version, screen));
        Some(change)
    }

    async fn said(&mut self, said: FromWatcher) {
        match said {
            // What was never sent was never painted.
            FromWatcher::Ack(n) if n >= self.next => {}
            FromWatcher::Ack(n) => {
                while let Some((sent, at, time)) = self.under_way.front().copied() {
                    if sent > n {
                        break;
                    }
                    self.under_way.pop_front();
                    self.seen = Some((at, time));
                }
                if self.present.is_none() && self.still_may().await {
                    self.judge().await;
                }
            }
            FromWatcher::Answer(typed) => {
                let Some((text, _)) = &self.challenge else { return };
                let right = typed.trim().eq_ignore_ascii_case(text);
                self.challenge = None;
                self.unanswered = !right;
                self.draw_challenge_time();
                if !right {
                    // Another one at once: a slip costs presence until it is answered.
                    self.next_challenge = Some(Instant::now());
                }
                self.send(&ToWatcher::Answered(right)).await;
                self.judge().await;
            }
            FromWatcher::Show(track) => {
                self.shown = Some(track);
                self.painted = None;
                self.paint().await;
            }
            // Letting go on asks anew; brakes act as whom the watch began with (D18).
            FromWatcher::Resume if !self.still_may().await => {}
            FromWatcher::Freeze if self.counts => {
                let cause = FreezeCause::Staff(self.staff.clone());
                if !self.session.freeze(cause.clone()) {
                    self.session.tell(lifecycle::Input::Freeze(cause)).await;
                }
                self.paint().await;
            }
            FromWatcher::Resume if self.counts => {
                let said = match self.session.frozen_for() {
                    Some(FreezeCause::Staff(by)) if by == self.staff => {
                        self.session.resume(Actor::Staff(by)).await;
                        return;
                    }
                    Some(FreezeCause::Unwatched) => "watch-said-waits",
                    Some(_) => "watch-said-others",
                    None => "watch-said-not-frozen",
                };
                let said = Texts::of_site(&self.site).with(said, &[("id", self.session.id.as_str())]);
                self.send(&ToWatcher::Said(said)).await;
            }
            FromWatcher::Cut(reason) if self.counts => {
                let reason = if reason.trim().is_empty() { "cut by who watched".to_owned() } else { reason };
                let reason = crate::cli::visible(reason.trim()).chars().take(200).collect();
                self.session.brake(EndCause::Cut { by: Actor::Staff(self.staff.clone()), reason });
            }
            FromWatcher::Freeze | FromWatcher::Resume | FromWatcher::Cut(_) => {
                let said = Texts::of_site(&self.site).text("watch-said-not-approver");
                self.send(&ToWatcher::Said(said)).await;
            }
        }
    }

    /// Draws when the next challenge comes: half to one and a half times the configured time.
    fn draw_challenge_time(&mut self) {
        let about = Duration::try_from(self.site.config().supervision.challenge).unwrap_or(CHALLENGE);
        let drawn: [u8; 2] = entropy::bytes().unwrap_or_default();
        let share = f64::from(u16::from_be_bytes(drawn)) / f64::from(u16::MAX);
        self.next_challenge = Some(Instant::now() + about.mul_f64(0.5 + share));
    }

    async fn challenge_if_due(&mut self) -> bool {
        let now = Instant::now();
        if self.challenge.as_ref().is_some_and(|(_, until)| *until <= now) {
            self.challenge = None;
            self.unanswered = true;
            self.next_challenge = Some(now);
        }
        if !self.counts || self.challenge.is_some() || self.next_challenge.is_none_or(|due| due > now) {
            return true;
        }
        // Without randomness there is nothing to challenge with; the presence lapses.
        let Ok(text) = entropy::readable_code(CHALLENGE_LENGTH) else {
            self.unanswered = true;
            return true;
        };
        self.challenge = Some((text.clone(), now + CHALLENGE));
        self.next_challenge = None;
        self.send(&ToWatcher::Challenge { text, seconds: CHALLENGE.as_secs() }).await
    }

    /// Whether somebody is there, now; tells the session and the journal where that changed.
    async fn judge(&mut self) {
        let acknowledged = self.seen.is_some_and(|(sent, _)| sent.elapsed() <= PRESENT);
        let there = acknowledged && !self.unanswered;
        match (there, self.present.is_some()) {
            (true, false) => self.came().await,
            (false, true) => {
                let why = if self.unanswered { "did not answer a challenge" } else { "stopped answering" };
                self.leave(why).await;
            }
            _ => {}
        }
    }

    /// Somebody who was disabled or lost the role meanwhile counts no more.
    async fn still_may(&self) -> bool {
        let (staff, id, counts) = (self.staff.clone(), self.session.id.clone(), self.counts);
        let look = move |core: &crate::registrar::Core, _: Timestamp| {
            let Some(staff) = core.register.staff.get(&staff).filter(|staff| staff.is_active()) else { return false };
            let asked = core.register.sessions.get(&id).and_then(|one| core.register.interventions.get(&one.number));
            let target = asked.and_then(|one| core.rules.targets.get(&one.asked.target));
            let approves = target.is_some_and(|target| !staff.groups.is_disjoint(&target.approvers));
            if counts {
                staff.roles.contains(&Role::Approver) && approves
            } else {
                staff.roles.contains(&Role::Security)
            }
        };
        self.site.registrar.view(look).await.unwrap_or(false)
    }

    /// Journalled first: watching lets a session go on (promise 4).
    async fn came(&mut self) {
        let event = Event::WatchBegan {
            session: self.session.id.clone(),
            staff: self.staff.clone(),
            via: "terminal".to_owned(),
            counts: self.counts,
        };
        if self.site.registrar.act(move |_, _| (vec![event], ())).await.is_err() {
            return;
        }
        let place = if self.counts { Some(self.session.watcher_came(self.staff.clone()).await) } else { None };
        self.present = Some(Present { place, from: self.site.clock.now() });
    }

    /// The session hears of it first (D18), and dates it by the last sign of life.
    async fn leave(&mut self, why: &str) {
        let Some(Present { place, from }) = self.present.take() else { return };
        let last_seen = self.seen.map_or(from, |(_, time)| time).max(from);
        if let Some(place) = place {
            self.session.watcher_went(place, last_seen).await;
        }
        let event = Event::WatchEnded {
            session: self.session.id.clone(),
            staff: self.staff.clone(),
            from,
            seconds: u64::try_from(last_seen.duration_since(from).as_secs()).unwrap_or(0),
            why: why.to_owned(),
        };
        self.site.registrar.note(vec![event]).await;
    }
}
