//! One watcher: pictures out, acknowledgements and keys in, whatever carries them.

use super::attendance::Attendance;
use super::keep;
use super::outlet::{Ending, Outlet, Over};
use super::pictures::Pictures;
use super::rights::{May, Rights};
use crate::relay::session::LiveSession;
use crate::relay::together::Joined;
use crate::site::Site;
use console::wire::{FromWatcher, Hello, ToWatcher, WatchEnd, Word};
use futures::FutureExt as _;
use futures::future::{Fuse, FusedFuture as _};
use lifecycle::{Actor, EndCause, FreezeCause};
use policy::StaffLogin;
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// How long something may take to get out: beyond it nobody is there to read it.
pub(crate) const STALLED: Duration = Duration::from_secs(4);
/// What may wait on the way, in each direction. A picture that waits is an old one: with the one in the
/// carrier's hands it is all that may.
pub(crate) const ROOM: usize = 1;
/// Between two pictures at least.
const FRAME: Duration = Duration::from_millis(40);
/// A picture at least this often, also where nothing moves: something to acknowledge.
const PULSE: Duration = Duration::from_secs(1);

/// Somebody who may watch, before it is known over what.
pub struct Ticket {
    pub(crate) site: Arc<Site>,
    pub(crate) session: Arc<LiveSession>,
    pub(crate) staff: StaffLogin,
    pub(crate) counts: bool,
}

impl Ticket {
    /// Goes on over these channels, each with [`ROOM`]; `via` is journalled: `terminal` or `browser`.
    ///
    /// The watch ends as soon as the other side of either is dropped. Whoever carries them takes what
    /// is sent only when it can go on at once, and drops its sides once that fails for [`STALLED`].
    pub(crate) fn over(
        self,
        from: mpsc::Receiver<FromWatcher>,
        to: mpsc::Sender<ToWatcher>,
        via: &'static str,
    ) -> Watch {
        let Ticket { site, session, staff, counts } = self;
        let rights = Rights { site: site.clone(), session: session.id.clone(), staff, counts };
        Watch {
            from,
            to: Outlet::new(to, STALLED),
            pictures: Pictures::new(session.clone(), site.clock.clone()),
            attendance: Attendance::new(rights.clone(), session.clone(), via),
            rights,
            site,
            session,
        }
    }
}

/// One watcher.
pub struct Watch {
    site: Arc<Site>,
    session: Arc<LiveSession>,
    rights: Rights,
    from: mpsc::Receiver<FromWatcher>,
    to: Outlet,
    pictures: Pictures,
    attendance: Attendance,
}

impl Watch {
    /// Where the carrier says why it ends the watch, if the watcher does not just leave.
    pub(crate) fn ending(&self) -> Ending {
        self.to.ending().clone()
    }

    /// Watches until either side ends it. Waits on the watcher, the stage, the session, the registrar
    /// and time.
    pub async fn run(mut self) {
        let seat = match self.session.stage.sit(keep::source(&self.site, &self.session)) {
            Ok(seat) => seat,
            Err(error) => {
                tracing::error!(session = %self.session.id, %error, "a session cannot be watched");
                let _ = self.to.send(ToWatcher::Ended(WatchEnd::Unreadable)).await;
                return;
            }
        };
        let why = match self.follow().await {
            Err(why) => why,
            Ok(never) => match never {},
        };
        self.attendance.over(why).await;
        drop(seat);
    }

    async fn follow(&mut self) -> Result<Infallible, Over> {
        self.hello().await?;
        let session = self.session.clone();
        let mut changes = session.stage.changes();
        let mut joins = session.joins();
        let mut pulse = tokio::time::interval(PULSE);
        let mut asked = pin!(Fuse::terminated());
        let mut last = Instant::now();
        let mut due = true;
        loop {
            let paint_at = last + FRAME;
            let lapses_at = self.attendance.lapses_at();
            let lapsed = tokio::time::sleep_until(lapses_at.unwrap_or(last));
            tokio::select! {
                said = self.from.recv() => match said {
                    Some(said) => self.said(said).await?,
                    None => return Err(self.to.ending().why()),
                },
                () = self.to.closed() => return Err(self.to.ending().why()),
                () = session.ended() => return Err(self.session_ended().await),
                changed = changes.changed(), if !due => {
                    due = changed.is_ok();
                    if changed.is_err() {
                        // The stage is over; the session's end follows.
                        tokio::time::sleep(FRAME).await;
                    }
                }
                Ok(()) = joins.changed() => {
                    let joined = joins.borrow_and_update().clone();
                    if let Some(Joined { session, from }) = joined {
                        let (session, from) = (session.to_string(), from.to_string());
                        self.to.send(ToWatcher::Joined { session, from }).await?;
                    }
                }
                () = tokio::time::sleep_until(paint_at), if due => {
                    (due, last) = (false, Instant::now());
                    self.paint().await?;
                }
                // To the moment, not to the next pulse.
                () = lapsed, if lapses_at.is_some() => self.attendance.judge().await,
                done = self.attendance.journalled() => self.attendance.go_on(done).await,
                may = &mut asked => if may == May::No {
                    let _ = self.to.send(ToWatcher::Ended(WatchEnd::NotAnyMore)).await;
                    return Err("may not watch any more");
                },
                _ = pulse.tick() => {
                    if self.pictures.rested(PULSE) {
                        self.paint().await?;
                    }
                    if let Some(challenge) = self.attendance.challenge_if_due() {
                        self.to.send(challenge).await?;
                    }
                    if asked.is_terminated() {
                        asked.set(self.rights.clone().ask().fuse());
                    }
                    self.attendance.judge().await;
                }
            }
        }
    }

    async fn session_ended(&mut self) -> Over {
        // What the last frames held is still shown.
        tokio::time::sleep(FRAME).await;
        let cause = self.session.cause().cloned().unwrap_or(EndCause::Technician);
        if self.paint().await.is_ok() {
            let _ = self.to.send(ToWatcher::Ended(WatchEnd::Session(cause))).await;
        }
        "the session ended"
    }

    async fn hello(&mut self) -> Result<(), Over> {
        let number = self.session.number;
        let asked = self
            .site
            .registrar
            .view(move |core, _| core.register.interventions.get(&number).map(|one| one.asked.clone()))
            .await;
        let Ok(Some(asked)) = asked else { return Err("the journal did not answer") };
        let hello = Hello {
            session: self.session.id.to_string(),
            intervention: number.0,
            technician: asked.technician.to_string(),
            name: asked.name,
            vendor: asked.vendor.to_string(),
            target: asked.target.to_string(),
            reason: asked.reason,
            counts: self.rights.counts,
            required: asked.supervision == policy::Supervision::Required,
        };
        self.to.send(ToWatcher::Hello(hello)).await
    }

    /// Sends a picture, unless too many are under way.
    async fn paint(&mut self) -> Result<(), Over> {
        match self.pictures.make() {
            Some(picture) => self.to.send(ToWatcher::Frame(Box::new(picture))).await,
            None => Ok(()),
        }
    }

    async fn said(&mut self, said: FromWatcher) -> Result<(), Over> {
        match said {
            FromWatcher::Ack(n) => {
                if let Some((sent, time)) = self.pictures.acknowledged(n) {
                    self.attendance.saw(sent, time).await;
                }
                Ok(())
            }
            FromWatcher::Answer(typed) => match self.attendance.answered(&typed).await {
                Some(right) => self.to.send(ToWatcher::Answered(right)).await,
                None => Ok(()),
            },
            FromWatcher::Show(track) => {
                self.pictures.show(track);
                self.paint().await
            }
            FromWatcher::History { track, before } => {
                let excerpt = self.session.stage.history(track, before);
                let (first, lines, more) = (excerpt.first, excerpt.lines, excerpt.more);
                self.to.send(ToWatcher::History { track, first, lines, more }).await
            }
            FromWatcher::Freeze | FromWatcher::Resume if !self.rights.counts => self.to.say(Word::NotApprover).await,
            // Brakes act as whom the watch began with (D18).
            FromWatcher::Freeze => {
                let cause = FreezeCause::Staff(self.rights.staff.clone());
                self.site.live.freeze_together(self.session.number, &cause, None).await;
                self.paint().await
            }
            FromWatcher::Resume => self.resume().await,
            // Whoever may watch may cut: it takes access away.
            FromWatcher::Cut(reason) => {
                let reason = if reason.trim().is_empty() { "cut by who watched".to_owned() } else { reason };
                let reason = crate::cli::visible(reason.trim()).chars().take(200).collect();
                let cause = EndCause::Cut { by: Actor::Staff(self.rights.staff.clone()), reason };
                self.site.live.cut_together(&self.session.id, &cause);
                Ok(())
            }
        }
    }

    /// Letting go on asks anew.
    async fn resume(&mut self) -> Result<(), Over> {
        if self.rights.clone().ask().await != May::Yes {
            return Ok(());
        }
        let said = match self.session.frozen_for() {
            Some(FreezeCause::Staff(by)) if by == self.rights.staff => {
                self.site.live.resume_together(&self.session, &Actor::Staff(by)).await;
                return Ok(());
            }
            Some(FreezeCause::Unwatched) => Word::Waits,
            Some(_) => Word::Others,
            None => Word::NotFrozen,
        };
        self.to.say(said).await
    }
}
