//! A running session: what its channels share.
//!
//! A brake from outside takes effect on the shared flow at once, before the driver or the journal hear
//! of it (D18).

mod driver;
mod settled;

pub use driver::{Counts, Surroundings, ascii, drive};
pub use settled::Settled;

use crate::clock::Clock;
use crate::relay::channel::{Channel, Tunnel};
use crate::relay::pressure::ClientSide;
use crate::relay::together::Joined;
use crate::watch::presence::{Change, Place, Presence};
use crate::watch::stage::Stage;
use bytes::Bytes;
use jiff::Timestamp;
use lifecycle::{Actor, EndCause, FreezeCause, Input, SessionId};
use policy::{Asked, Rights, StaffLogin, Supervision};
use recorder::{Frame, FrameKind, Track};
use russh::server;
use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// A frame that is not in the file after this long counts as lost (D18, D25).
const RECORDER_PATIENCE: Duration = Duration::from_secs(5);
/// How long the reason of an end may take to leave, while nothing moves any more.
const GOODBYE: Duration = Duration::from_secs(2);
/// Inputs that may wait for the driver.
const INBOX: usize = 64;

/// Whether bytes move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// Both directions move.
    Flowing,
    /// Nothing moves, in either direction.
    Frozen,
    /// Nothing will ever move again.
    Ended,
}

/// What the channels of one session share.
pub struct LiveSession {
    settled: Settled,
    /// Who watches.
    pub presence: Presence,
    /// What they see.
    pub stage: Arc<Stage>,
    allowed: AtomicU64,
    frozen_for: Mutex<Option<FreezeCause>>,
    /// Freezes that were asked for: a thaw that was decided before the last of them lifts nothing.
    freezes: AtomicU64,
    /// What the person who freezes says of it.
    because: Mutex<Option<String>>,
    /// When its right ends, in milliseconds of the clock.
    until: AtomicI64,
    clock: Arc<dyn Clock>,
    flow: watch::Sender<Flow>,
    inbox: mpsc::Sender<Input>,
    cause: OnceLock<EndCause>,
    /// The newest connection that joined. Each needs a one-time code of its own, half a minute apart:
    /// who looks at it misses none.
    joined: watch::Sender<Option<Joined>>,
    farewell: OnceLock<String>,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    thrown_away_said: AtomicBool,
    over_quota: AtomicBool,
    channels: Mutex<HashMap<u32, Arc<Channel>>>,
    next_channel: AtomicU32,
    refused: Mutex<BTreeMap<String, u64>>,
    /// Entries about files that the journal has of it.
    file_entries: AtomicU64,
    /// Alarms about its files and tunnels.
    alarms: AtomicU64,
    handle: OnceLock<server::Handle>,
    /// Connections inside its own: those of `ssh -J`.
    inside: Mutex<Vec<Weak<ClientSide>>>,
    tasks: watch::Sender<Tasks>,
}

/// A channel's task goes on while this lives; the session's end waits for it, within limits.
pub struct Going(Arc<LiveSession>, Task);

/// What a channel's task is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// A channel that ends with something to say.
    Channel,
    /// A connection inside, which carries the last words of its channels.
    Jump,
}

/// How many tasks of each kind go on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Tasks {
    channels: usize,
    jumps: usize,
}

impl Tasks {
    fn of(&mut self, task: Task) -> &mut usize {
        match task {
            Task::Channel => &mut self.channels,
            Task::Jump => &mut self.jumps,
        }
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        self.0.tasks.send_modify(|tasks| *tasks.of(self.1) -= 1);
    }
}

/// Whether the other end of the connection knows already, because it went.
fn by_technician(cause: &EndCause) -> bool {
    matches!(cause, EndCause::Technician | EndCause::ConnectionLost)
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for LiveSession {
    fn drop(&mut self) {
        // What the tests look for: nothing of it is held on to.
        tracing::debug!(session = %self.id, "the memory of a session is given back");
    }
}

/// What was settled stands with the rest, to be read.
impl Deref for LiveSession {
    type Target = Settled;

    fn deref(&self) -> &Settled {
        &self.settled
    }
}

impl LiveSession {
    /// A session whose right ends then, and whose driver is started with [`drive`].
    pub fn new(settled: Settled, until: Timestamp, clock: Arc<dyn Clock>) -> (Arc<Self>, mpsc::Receiver<Input>) {
        let (inbox, inputs) = mpsc::channel(INBOX);
        let session = Self {
            file_entries: AtomicU64::new(0),
            alarms: AtomicU64::new(0),
            until: AtomicI64::new(until.as_millisecond()),
            because: Mutex::default(),
            freezes: AtomicU64::new(0),
            presence: Presence::default(),
            stage: Arc::default(),
            allowed: AtomicU64::new(settled.quota),
            settled,
            frozen_for: Mutex::default(),
            clock,
            flow: watch::Sender::new(Flow::Frozen),
            inbox,
            cause: OnceLock::new(),
            joined: watch::Sender::new(None),
            farewell: OnceLock::new(),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            thrown_away_said: AtomicBool::new(false),
            over_quota: AtomicBool::new(false),
            channels: Mutex::default(),
            next_channel: AtomicU32::new(1),
            refused: Mutex::default(),
            handle: OnceLock::new(),
            inside: Mutex::default(),
            tasks: watch::Sender::new(Tasks::default()),
        };
        (Arc::new(session), inputs)
    }

    /// Whether bytes move now.
    pub fn flow(&self) -> Flow {
        *self.flow.borrow()
    }

    fn set_flow(&self, flow: Flow) {
        self.flow.send_if_modified(|now| {
            // INVARIANT: an ended session never moves again.
            let changes = *now != Flow::Ended && *now != flow;
            if changes {
                *now = flow;
            }
            changes
        });
        self.client.set_frozen(flow == Flow::Frozen);
        locked(&self.inside).iter().filter_map(Weak::upgrade).for_each(|inner| inner.set_frozen(flow == Flow::Frozen));
    }

    /// Takes in a connection inside its own, which is frozen with it.
    pub fn take_inside(&self, client: &Arc<ClientSide>) {
        let mut inside = locked(&self.inside);
        inside.retain(|inner| inner.strong_count() > 0);
        inside.push(Arc::downgrade(client));
        // Under the lock: a freeze that comes now finds it in the list.
        client.set_frozen(self.flow() == Flow::Frozen);
    }

    /// Returns once it is not frozen.
    pub async fn until_flowing(&self) -> Flow {
        let mut flow = self.flow.subscribe();
        match flow.wait_for(|flow| *flow != Flow::Frozen).await {
            Ok(flow) => *flow,
            Err(_) => Flow::Ended,
        }
    }

    /// Returns once nothing moves, for now or for ever.
    pub async fn until_still(&self) {
        let mut flow = self.flow.subscribe();
        let _ = flow.wait_for(|flow| *flow != Flow::Flowing).await;
    }

    /// Returns once its connection is gone, or a while after it should be.
    pub async fn until_left(&self) {
        let _ = tokio::time::timeout(GOODBYE, self.client.gate().peer_gone()).await;
    }

    /// Returns once it has ended.
    pub async fn ended(&self) {
        let mut flow = self.flow.subscribe();
        let _ = flow.wait_for(|flow| *flow == Flow::Ended).await;
    }

    /// Counts a channel's task.
    pub fn going(self: &Arc<Self>, task: Task) -> Going {
        self.tasks.send_modify(|tasks| *tasks.of(task) += 1);
        Going(self.clone(), task)
    }

    /// Returns once no channel has anything to say any more, but for the connections inside.
    pub async fn said_all(&self) {
        let _ = self.tasks.subscribe().wait_for(|tasks| tasks.channels == 0).await;
    }

    /// Ends it at once; the driver does the rest. The first cause stands.
    pub fn brake(&self, cause: EndCause) {
        let _ = self.cause.set(cause.clone());
        // The last line is there before the channels are woken to show it.
        self.prepare_farewell(&cause);
        self.set_flow(Flow::Ended);
        // A full inbox changes nothing: the driver sees the flow before each input.
        let _ = self.inbox.try_send(Input::End(cause));
    }

    fn prepare_farewell(&self, cause: &EndCause) {
        if !by_technician(cause) {
            let reason = self.texts.end(cause);
            let _ = self.farewell.set(self.texts.with("notice-ended", &[("reason", &reason)]));
        }
    }

    /// Freezes it at once. `false`: the driver could not be told; the flow stands still all the same.
    pub fn freeze(&self, cause: FreezeCause) -> bool {
        self.freezes.fetch_add(1, Ordering::AcqRel);
        self.set_flow(Flow::Frozen);
        // Known before the driver takes it, so that whoever joins meanwhile is held too.
        let mut frozen_for = locked(&self.frozen_for);
        if frozen_for.as_ref().is_none_or(|before| *before == FreezeCause::Unwatched) {
            *frozen_for = Some(cause.clone());
        }
        drop(frozen_for);
        self.inbox.try_send(Input::Freeze(cause)).is_ok()
    }

    /// What is to be said of the freeze that follows.
    pub fn because(&self, reason: Option<String>) {
        /// A line on the technician's terminal.
        const LONGEST: usize = 200;
        let plain = |reason: String| -> String {
            let shown = crate::cli::visible(reason.trim());
            shown.chars().take(LONGEST).collect()
        };
        *locked(&self.because) = reason.map(plain);
    }

    /// When its right ends.
    pub fn until(&self) -> Timestamp {
        Timestamp::from_millisecond(self.until.load(Ordering::Relaxed)).unwrap_or_default()
    }

    /// Why it ended, once it did.
    pub fn cause(&self) -> Option<&EndCause> {
        self.cause.get()
    }

    /// Why it stands still, while it does.
    pub fn frozen_for(&self) -> Option<FreezeCause> {
        locked(&self.frozen_for).clone()
    }

    /// Lets it go on; the driver decides whether it may. A used-up quota is granted once more.
    pub async fn resume(&self, by: Actor) {
        if self.over_quota.load(Ordering::Acquire) {
            self.allowed.store(self.recording.head().length.saturating_add(self.quota), Ordering::Release);
            self.over_quota.store(false, Ordering::Release);
        }
        self.tell(Input::Resume(by)).await;
    }

    /// A watcher that counts is there.
    pub async fn watcher_came(&self, staff: StaffLogin) -> Place {
        let (place, change) = self.presence.came(staff);
        if change == Change::First {
            self.tell(Input::WatcherCame).await;
        }
        place
    }

    /// A watcher that counted is not there any more.
    pub async fn watcher_went(&self, place: Place, last_seen: Timestamp) {
        if let Change::Last(since) = self.presence.went(place, last_seen) {
            self.tell(Input::WatchersGone(since)).await;
        }
    }

    /// Under required supervision: returns once those who watch see what there is (D28).
    pub async fn until_seen(&self) {
        if self.supervision == Supervision::Required {
            tokio::select! {
                () = self.stage.caught_up() => {}
                () = self.ended() => {}
            }
        }
    }

    /// Tells the driver.
    pub async fn tell(&self, input: Input) {
        let _ = self.inbox.send(input).await;
    }

    /// Notes that bytes moved.
    pub fn moved(&self, up: u64, down: u64) {
        self.bytes_in.fetch_add(up, Ordering::Relaxed);
        self.bytes_out.fetch_add(down, Ordering::Relaxed);
        self.moved.fetch_max(self.clock.now().as_millisecond(), Ordering::Relaxed);
    }

    /// When a byte last moved over any connection of its intervention.
    pub(super) fn activity(&self) -> Arc<AtomicI64> {
        self.moved.clone()
    }

    /// Another connection joined its intervention: said on each terminal, and to whoever watches.
    pub(super) fn joined_by(&self, other: Joined) {
        let text = self.texts.with("notice-joined", &[("from", &other.from.to_string())]);
        self.each_channel(|channel| channel.notice(text.clone()));
        self.joined.send_replace(Some(other));
    }

    /// Tells of connections that join from now on.
    pub fn joins(&self) -> watch::Receiver<Option<Joined>> {
        self.joined.subscribe()
    }

    /// Records, and returns when it is in the file. `false`: the session is over, and nothing may
    /// be relayed (promise 3).
    pub async fn record(&self, track: Track, kind: FrameKind, data: Bytes) -> bool {
        let frame = Frame { at: self.clock.now(), track, kind, data };
        let written = tokio::time::timeout(RECORDER_PATIENCE, self.recording.write(frame)).await;
        if !matches!(written, Ok(Ok(()))) {
            if self.flow() != Flow::Ended {
                tracing::error!(session = %self.id, outcome = ?written, "the recording cannot be written: the session ends");
            }
            self.brake(EndCause::RecorderFailed);
            return false;
        }
        let over = self.recording.head().length > self.allowed.load(Ordering::Acquire);
        if over && !self.over_quota.swap(true, Ordering::AcqRel) && !self.freeze(FreezeCause::Quota) {
            self.tell(Input::Freeze(FreezeCause::Quota)).await;
        }
        true
    }

    /// Says once a freeze that what is typed is thrown away.
    pub fn announce_thrown_away(&self, channel: &Channel) {
        if !self.thrown_away_said.swap(true, Ordering::AcqRel) {
            channel.notice(self.texts.text("notice-thrown-away"));
        }
    }

    /// Takes a channel in, if fewer than `most` are open; none once it has ended.
    pub fn open_channel(
        self: &Arc<Self>,
        id: russh::ChannelId,
        most: u32,
        client: Arc<ClientSide>,
    ) -> Option<Arc<Channel>> {
        let mut channels = locked(&self.channels);
        channels.retain(|_, channel| !channel.is_over());
        if self.flow() == Flow::Ended || channels.len() >= usize::try_from(most).unwrap_or(usize::MAX) {
            return None;
        }
        let number = self.next_channel.fetch_add(1, Ordering::Relaxed);
        let channel = Channel::new(id, number, self.clone(), client);
        channels.insert(number, channel.clone());
        Some(channel)
    }

    /// Makes a channel a tunnel, if fewer than `most` of its kind are open.
    pub fn make_tunnel(&self, channel: &Channel, tunnel: Tunnel, most: u32) -> bool {
        let channels = locked(&self.channels);
        let open = channels.values().filter(|one| !one.is_over() && one.tunnel() == Some(tunnel)).count();
        let room = open < usize::try_from(most).unwrap_or(usize::MAX);
        if room {
            channel.set_tunnel(tunnel);
        }
        room
    }

    /// Whether a channel is open. A jump with nothing inside is none: its client hangs up like that.
    pub fn has_channels(&self) -> bool {
        locked(&self.channels).values().any(|channel| !channel.is_over() && channel.tunnel() != Some(Tunnel::Jump))
    }

    /// Bytes of an open channel so far, in and out: what a tunnel moves is in no recording.
    pub fn bytes_of(&self, number: u32) -> Option<(u64, u64)> {
        locked(&self.channels).get(&number).map(|channel| channel.bytes())
    }

    /// Whether a terminal is open.
    pub fn has_terminal(&self) -> bool {
        locked(&self.channels).values().any(|channel| !channel.is_over() && channel.terminal().is_some())
    }

    /// Shows a line on every terminal.
    pub fn notice(&self, text: &str) {
        self.each_channel(|channel| channel.notice(text.to_owned()));
    }

    /// Lets its channels go once all is over. Each of them holds the session: neither would ever be given back.
    fn forget_channels(&self) {
        locked(&self.channels).clear();
    }

    fn each_channel(&self, act: impl Fn(&Channel)) {
        let channels: Vec<Arc<Channel>> = locked(&self.channels).values().cloned().collect();
        channels.iter().for_each(|channel| act(channel));
    }

    /// Counts a refused request. `true`: the first of its kind, to be journalled by itself (D19).
    pub fn refused(&self, what: &str) -> bool {
        let mut refused = locked(&self.refused);
        let count = refused.entry(what.to_owned()).or_default();
        *count += 1;
        *count == 1
    }

    /// Whether the journal may have one more entry about a file of this session.
    pub fn takes_file_entry(&self, most: u64) -> bool {
        self.file_entries.fetch_add(1, Ordering::Relaxed) < most
    }

    /// Whether the journal may have one more alarm of this session; one that it may not have is not counted.
    pub fn takes_alarm(&self, most: u64) -> bool {
        let more = |count: u64| (count < most).then_some(count.saturating_add(1));
        self.alarms.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// Whether a channel rests on a right that is not among these any more (promise 5).
    pub fn needs_more_than(&self, rights: &Rights) -> bool {
        let rests = |asked: &Asked| !asked.rests_on(&self.rights).is_subset(rights);
        locked(&self.channels).values().any(|channel| !channel.is_over() && channel.asked().is_some_and(rests))
    }

    /// The last line on every terminal, if the technician did not end it by themselves.
    pub fn farewell(&self) -> Option<&str> {
        self.farewell.get().map(String::as_str)
    }

    /// What its technician keeps: a receipt over what was recorded so far, with a sentence above it. `None`
    /// where none could be had.
    pub async fn receipt(&self) -> Option<String> {
        let receipt = self.receipts.of_recording(&self.id, self.recording.head()).await?;
        let number = self.number.to_string();
        let words = self.texts.with("receipt-terminal", &[("number", &number), ("session", self.id.as_str())]);
        Some(format!("{words}\n{receipt}"))
    }

    /// Gives it the handle of its connection.
    pub fn set_handle(&self, handle: server::Handle) {
        let _ = self.handle.set(handle);
    }
}

/// Sessions that run now, for brakes. Looked up without the registrar, so that a brake never waits.
#[derive(Default)]
pub struct LiveSessions {
    all: Mutex<HashMap<SessionId, Arc<LiveSession>>>,
}

impl LiveSessions {
    /// Takes a session in, before anything of it can move.
    pub fn add(&self, session: Arc<LiveSession>) {
        locked(&self.all).insert(session.id.clone(), session);
    }

    fn remove(&self, id: &SessionId) {
        locked(&self.all).remove(id);
    }

    /// Those that fit.
    pub fn matching(&self, fits: impl Fn(&LiveSession) -> bool) -> Vec<Arc<LiveSession>> {
        locked(&self.all).values().filter(|session| fits(session)).cloned().collect()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        locked(&self.all).len()
    }

    /// Ends those that fit and still go on, at once. Gives how many.
    pub fn brake(&self, cause: &EndCause, fits: impl Fn(&LiveSession) -> bool) -> usize {
        let sessions = self.matching(|session| session.flow() != Flow::Ended && fits(session));
        sessions.iter().for_each(|session| session.brake(cause.clone()));
        sessions.len()
    }
}
