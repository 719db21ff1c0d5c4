//! The one task that owns register and journal: decide, append, apply, publish (promise 4).
//!
//! Acts are decided one after the other against the register as it will be, then made durable
//! together in one group commit; only then does anybody learn the outcome. So nothing is granted
//! that is not in the journal, and a busy minute costs one sync, not one for each act.

mod owned;
mod writing;

pub use owned::Core;
pub use writing::entry;

use crate::clock::Clock;
use crate::invitation::plain;
use crate::limits::{GATHER, Source};
use crate::relay::session::{Counts, LiveSessions};
use config::Config;
use jiff::Timestamp;
use journal::Journal;
use lifecycle::{
    Admission, Command, Decided, EndCause, Event, InterventionNumber, InterventionState, JoinFacts, JoinRefusal,
    Readers, Refusal, Register, RequestFacts, SessionId,
};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use writing::{Job, JournalThread, Loop};

/// Acts that may wait.
const INBOX: usize = 1024;
/// Events that a slow reader of the feed may lag behind.
const FEED: usize = 4096;

/// Nothing can be decided any more: the journal failed. Every access is being closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the journal cannot be written: nothing opens, and every session is being ended")]
pub struct JournalGone;

type Reply = Box<dyn FnOnce(Result<(), JournalGone>) + Send>;
type Act = Box<dyn FnOnce(&mut Core, Timestamp) -> (Vec<Event>, Reply) + Send>;

/// The handle by which everybody else speaks to the registrar.
#[derive(Clone)]
pub struct Registrar {
    acts: mpsc::Sender<Act>,
    feed: broadcast::Sender<Arc<(Timestamp, Event)>>,
    size: watch::Receiver<u64>,
    checkpoint: watch::Receiver<Arc<str>>,
    jobs: mpsc::Sender<Job>,
}

impl Registrar {
    /// Starts the registrar over an open journal and the register folded from it.
    pub fn start(
        journal: Journal,
        register: Register,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        live: Arc<LiveSessions>,
    ) -> std::io::Result<(Registrar, tokio::task::JoinHandle<()>)> {
        let (acts, inbox) = mpsc::channel(INBOX);
        let feed = broadcast::Sender::new(FEED);
        let size = watch::Sender::new(journal.size());
        let checkpoint = watch::Sender::new(journal.checkpoint());
        let core = Core::new(register, config);
        let last = journal.last_at();
        let disk = JournalThread::start(journal)?;
        let registrar = Registrar {
            acts,
            feed: feed.clone(),
            size: size.subscribe(),
            checkpoint: checkpoint.subscribe(),
            jobs: disk.jobs.clone(),
        };
        let task = Loop { core, disk, clock, live, feed, size, checkpoint, last, gone: false };
        Ok((registrar, tokio::spawn(task.run(inbox))))
    }

    /// Acts on the core; returns what the act gave, once its events are durable.
    pub async fn act<R: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Core, Timestamp) -> (Vec<Event>, R) + Send + 'static,
    ) -> Result<R, JournalGone> {
        let (send, receive) = oneshot::channel();
        let boxed: Act = Box::new(move |core, at| {
            let (events, outcome) = act(core, at);
            let reply: Reply = Box::new(move |durable| {
                let _ = send.send(durable.map(|()| outcome));
            });
            (events, reply)
        });
        self.acts.send(boxed).await.map_err(|_| JournalGone)?;
        receive.await.map_err(|_| JournalGone)?
    }

    /// Looks at the core.
    pub async fn view<R: Send + 'static>(
        &self,
        look: impl FnOnce(&Core, Timestamp) -> R + Send + 'static,
    ) -> Result<R, JournalGone> {
        self.act(move |core, at| (Vec::new(), look(core, at))).await
    }

    /// Journals what has happened already, and returns once it is durable or the journal is gone.
    pub async fn note(&self, events: Vec<Event>) {
        let _ = self.act(move |_, _| (events, ())).await;
    }

    /// Carries out a command: `Ok` once it is durable.
    pub async fn command(&self, command: Command) -> Result<Result<(), Refusal>, JournalGone> {
        self.act(move |core, at| {
            let Decided { events, refusal } = core.decide(command, at);
            (events, refusal.map_or(Ok(()), Err))
        })
        .await
    }

    /// Journals a request, and remembers the code to read out.
    pub async fn request(
        &self,
        facts: RequestFacts,
        code: String,
    ) -> Result<Result<InterventionNumber, Refusal>, JournalGone> {
        self.act(move |core, at| {
            if core.is_crowded(&facts.account) {
                return (Vec::new(), Err(Refusal::Crowded));
            }
            let number = core.register.next_number();
            let Decided { events, refusal } = core.decide(Command::Request(Box::new(facts)), at);
            let outcome = match refusal {
                None => {
                    core.remember(number, code);
                    Ok(number)
                }
                Some(refusal) => Err(refusal),
            };
            (events, outcome)
        })
        .await
    }

    /// The technician of a planned intervention came; with the code that they typed, if it fits. It is
    /// remembered for whoever joins.
    pub async fn arrive(
        &self,
        number: InterventionNumber,
        source: SocketAddr,
        code: Option<&str>,
        notice: String,
    ) -> Result<Result<(), Refusal>, JournalGone> {
        let code = code.map(plain);
        self.act(move |core, at| {
            let command = Command::Arrive { number, source, code_fits: code.is_some(), notice };
            let Decided { events, refusal } = core.decide(command, at);
            if let (None, Some(code)) = (&refusal, code) {
                core.remember(number, code);
            }
            (events, refusal.map_or(Ok(()), Err))
        })
        .await
    }

    /// Lets a further connection in under an open intervention: code and all else judged together,
    /// durable, then told (D9).
    pub async fn join(
        &self,
        number: InterventionNumber,
        facts: JoinFacts,
        typed: String,
        admitted: (SessionId, Readers),
    ) -> Result<Result<Admission, JoinRefusal>, JournalGone> {
        self.act(move |core, at| {
            let code_fits = core.code_fits(number, &typed);
            core.register.join(&core.rules, number, &facts, code_fits, admitted, at)
        })
        .await
    }

    /// Where an intervention stands, and how many approvals are missing.
    pub async fn state_of(&self, number: InterventionNumber) -> Result<Option<(InterventionState, u8)>, JournalGone> {
        self.view(move |core, _| {
            let one = core.register.interventions.get(&number)?;
            let have = u8::try_from(one.approvals.len()).unwrap_or(u8::MAX);
            Some((one.state.clone(), one.asked.quorum.saturating_sub(have)))
        })
        .await
    }

    /// Admits a session: judged again, durable, then told (D2, promise 4).
    pub async fn admit(
        &self,
        number: InterventionNumber,
        session: SessionId,
        readers: Readers,
    ) -> Result<Result<Admission, Refusal>, JournalGone> {
        self.act(move |core, at| match core.register.admit(&core.rules, number, session, readers, at) {
            Ok(admission) => (vec![admission.event.clone()], Ok(admission)),
            Err(refusal) => (Vec::new(), Err(refusal)),
        })
        .await
    }

    /// Notes a try with an unknown login. They are gathered: one entry a source and minute (D19). `false`:
    /// there are so many sources that this one shares an entry with others.
    pub async fn probe(&self, source: Source, login: String) -> bool {
        self.act(move |core, at| (Vec::new(), core.count_probe(source, login, at))).await.unwrap_or(true)
    }

    async fn flush_gathered(&self) {
        let _ = self.act(|core, _| (core.take_gathered(), ())).await;
    }

    /// Writes the closing entries of a session and of its intervention, exactly once (promise 6).
    pub async fn end_session(&self, session: SessionId, ended: Timestamp, cause: EndCause, counts: Counts) {
        let _ = self
            .act(move |core, at| {
                let events = closing_events(core, &session, ended, cause, false, at, |end| {
                    end.bytes_in = counts.bytes_in;
                    end.bytes_out = counts.bytes_out;
                    end.refused = counts.refused;
                    end.head = counts.head.hex();
                    end.length = counts.head.length;
                });
                (events, ())
            })
            .await;
    }

    /// Does a piece of work on the journal's own thread, between two appends. It must be short: whoever
    /// appends waits for it (D18).
    pub(crate) async fn on_journal<R: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Journal) -> R + Send + 'static,
    ) -> Result<R, JournalGone> {
        let (done, outcome) = oneshot::channel();
        let job = Job::Work(Box::new(move |journal| {
            let _ = done.send(work(journal));
        }));
        self.jobs.send(job).await.map_err(|_| JournalGone)?;
        outcome.await.map_err(|_| JournalGone)
    }

    /// What happens, as it happens. A reader that lags loses events, and nothing depends on it.
    pub fn feed(&self) -> broadcast::Receiver<Arc<(Timestamp, Event)>> {
        self.feed.subscribe()
    }

    /// Returns when something new is durable.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.size.clone()
    }

    /// The newest signed checkpoint.
    pub fn checkpoints(&self) -> watch::Receiver<Arc<str>> {
        self.checkpoint.clone()
    }

    /// Does what time demands: requests lapse, gathered tries are written. Waits on the clock and
    /// on changes.
    pub async fn keep_time(self, clock: Arc<dyn Clock>) {
        let mut changes = self.changes();
        let mut gather = tokio::time::interval(GATHER);
        gather.tick().await;
        loop {
            changes.mark_unchanged();
            let Ok(next) = self.view(|core, _| core.register.current().filter_map(|one| one.lapses_at()).min()).await
            else {
                return;
            };
            let due = async {
                match next {
                    Some(at) => clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                changed = changes.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
                () = due => {
                    let expired = self.act(|core, at| {
                        let numbers: Vec<InterventionNumber> =
                            core.register.current().filter(|one| one.lapses_at().is_some_and(|lapse| lapse <= at)).map(|one| one.number).collect();
                        let events = numbers.into_iter().flat_map(|number| core.decide(Command::Expire { number }, at).events).collect();
                        (events, ())
                    }).await;
                    if expired.is_err() {
                        return;
                    }
                }
                _ = gather.tick() => self.flush_gathered().await,
            }
        }
    }
}

/// The closing entries of a session that is not closed yet. None if it is: exactly one end.
pub fn closing_events(
    core: &Core,
    session: &SessionId,
    ended: Timestamp,
    cause: EndCause,
    at_least: bool,
    at: Timestamp,
    fill: impl FnOnce(&mut lifecycle::SessionEnd),
) -> Vec<Event> {
    let Some(record) = core.register.sessions.get(session).filter(|record| record.end.is_none()) else {
        return Vec::new();
    };
    let Some(mut end) = core.register.closing_entry(&record.id, ended, cause) else { return Vec::new() };
    end.at_least = at_least;
    fill(&mut end);
    core.register.close(end, at)
}
