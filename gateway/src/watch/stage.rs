//! The emulators of a session: one thread reads the recording as it grows and keeps a screen for each
//! terminal. It begins at the beginning of the recording, so whoever comes late sees the whole screen:
//! with the first watcher, or before, where the recording grows long ([`super::keep`]). While nobody
//! watches it follows at a distance and at leisure.

use super::files::Files;
use super::history::{self, Excerpt, History};
use crate::clock::Clock;
use console::wire::FileLine;
use jiff::Timestamp;
use recorder::{Emulator, Follower, Frame, FrameKind, Head, Recording, RecoveryKey, Screen, Track};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Under required supervision the picture may lag by so much before the session waits (D28).
const MOST_BEHIND: i64 = 1000;
/// How often the thread looks whether anybody still watches.
const LOOK: Duration = Duration::from_secs(1);
/// Frames taken between two looks at everything else.
const AT_ONCE: usize = 256;
/// How far behind it stays while nobody watches: whoever comes waits for so much to be read, a tenth of
/// a second where it is text.
pub(super) const DISTANCE: u64 = 4 << 20;
/// How long it works at once while nobody watches, so that whoever comes does not wait for it.
const SLICE: Duration = Duration::from_millis(10);
/// While nobody watches it rests so many times as long as it worked: a fifth of a core at most.
const REST: u32 = 4;
/// And of all sessions that nobody watches one is read on at a time.
static TURN: Mutex<()> = Mutex::new(());

/// One channel, as watchers see it.
#[derive(Clone)]
pub struct ChannelView {
    /// Its number.
    pub number: Track,
    /// What it carries: `shell`, `exec`, with the command.
    pub what: String,
    /// The word for it, such as `sftp`.
    pub kind: String,
    /// The command line, or where a tunnel goes; empty where there is neither.
    pub detail: String,
    /// Bytes from the technician.
    pub bytes_in: u64,
    /// Bytes from the target.
    pub bytes_out: u64,
    /// When something last moved on it.
    pub active: Timestamp,
    /// It is over.
    pub ended: bool,
    /// It has a terminal.
    pub terminal: bool,
    /// Files under way and the last that are over.
    pub files: Vec<FileLine>,
    /// So many more are under way.
    pub more_files: usize,
}

/// Channels that are over and still listed.
const REMEMBERED: usize = 8;

struct Channel {
    view: ChannelView,
    emulator: Option<Emulator>,
    /// What it showed when it ended.
    last: Option<Screen>,
    /// What scrolled away.
    history: History,
    files: Files,
    /// Told to those who paint: the screen is another than at this count.
    version: u64,
}

/// A session's screens.
pub struct Stage {
    channels: Mutex<BTreeMap<Track, Channel>>,
    version: watch::Sender<u64>,
    watchers: AtomicUsize,
    started: AtomicBool,
    /// How far the thread has read: bytes of the recording, and the time of the last frame.
    read_bytes: AtomicU64,
    read_at: AtomicI64,
    caught_up: watch::Sender<bool>,
    /// Told where somebody takes a seat.
    woken: Notify,
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            channels: Mutex::default(),
            version: watch::Sender::new(0),
            watchers: AtomicUsize::new(0),
            started: AtomicBool::new(false),
            read_bytes: AtomicU64::new(0),
            read_at: AtomicI64::new(0),
            caught_up: watch::Sender::new(true),
            woken: Notify::new(),
        }
    }
}

/// Somebody looks at the stage while this lives.
pub struct Seat(Arc<Stage>);

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::AcqRel);
    }
}

/// What the thread needs.
pub struct Source {
    /// The spool.
    pub path: PathBuf,
    /// Opens it.
    pub recovery: Arc<RecoveryKey>,
    /// The recording, to know how far it is whole.
    pub recording: Recording,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl Stage {
    fn channels(&self) -> std::sync::MutexGuard<'_, BTreeMap<Track, Channel>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many sit here.
    pub(crate) fn watchers(&self) -> usize {
        self.watchers.load(Ordering::Acquire)
    }

    /// Takes a seat; the first one starts the thread, if it does not run already.
    pub fn sit(self: &Arc<Self>, source: Source) -> std::io::Result<Seat> {
        self.watchers.fetch_add(1, Ordering::AcqRel);
        let seat = Seat(self.clone());
        self.woken.notify_one();
        self.keep_up(source)?;
        Ok(seat)
    }

    /// Whether its thread was started.
    pub fn is_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    /// Starts the thread, unless it was started before.
    pub fn keep_up(self: &Arc<Self>, source: Source) -> std::io::Result<()> {
        if self.started.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        self.start(source).inspect_err(|_| self.started.store(false, Ordering::Release))
    }

    fn start(self: &Arc<Self>, source: Source) -> std::io::Result<()> {
        let follower =
            Follower::open(&source.path, &source.recovery, source.recording.clone()).map_err(std::io::Error::other)?;
        let (stage, runtime) = (self.clone(), tokio::runtime::Handle::current());
        let follow = move || stage.follow(follower, &source, &runtime);
        std::thread::Builder::new().name("stage".to_owned()).spawn(follow)?;
        Ok(())
    }

    fn is_watched(&self) -> bool {
        self.watchers.load(Ordering::Acquire) > 0
    }

    fn follow(&self, mut follower: Follower, source: &Source, runtime: &tokio::runtime::Handle) {
        loop {
            let watched = self.is_watched();
            let took = if watched {
                let took = self.take_up_to(AT_ONCE, &mut follower);
                self.caught_up.send_if_modified(|caught_up| {
                    let now = self.behind(&source.recording.head(), source.clock.now()) <= MOST_BEHIND;
                    std::mem::replace(caught_up, now) != now
                });
                took
            } else {
                self.caught_up.send_replace(true);
                match self.follow_at_leisure(&mut follower, source, runtime) {
                    Some(took) => took,
                    None => return,
                }
            };
            if took > 0 {
                self.version.send_modify(|version| *version += 1);
                continue;
            }
            if !watched {
                continue;
            }
            if follower.is_stuck() {
                tracing::error!("the recording of a session cannot be read on: its picture stands still");
                return;
            }
            let more = runtime.block_on(async { tokio::time::timeout(LOOK, follower.more()).await });
            if more == Ok(false) {
                self.version.send_modify(|version| *version += 1);
                return;
            }
        }
    }

    fn take_up_to(&self, most: usize, follower: &mut Follower) -> usize {
        let mut took = 0;
        while took < most
            && let Some(frame) = follower.next_frame()
        {
            took += 1;
            self.read_at.store(frame.at.as_millisecond(), Ordering::Release);
            self.read_bytes.store(follower.head().length, Ordering::Release);
            self.take(frame);
        }
        took
    }

    /// Reads a little on where much has come, and rests, until somebody comes. Gives what it took;
    /// `None` at the recording's end.
    fn follow_at_leisure(
        &self,
        follower: &mut Follower,
        source: &Source,
        runtime: &tokio::runtime::Handle,
    ) -> Option<usize> {
        let distance = source.recording.head().length.saturating_sub(follower.head().length);
        // Where it cannot read on it says so to whoever comes.
        if distance < DISTANCE || follower.is_stuck() {
            let over = runtime.block_on(async {
                tokio::select! {
                    () = self.woken.notified() => false,
                    () = tokio::time::sleep(LOOK) => source.recording.closed_within(Duration::ZERO).await,
                }
            });
            return (!over).then_some(0);
        }
        let (mut took, mut rest) = (0, SLICE);
        // Not waited for: whoever comes meanwhile is not to wait for others either.
        if let Ok(_turn) = TURN.try_lock() {
            let begun = Instant::now();
            while begun.elapsed() < SLICE && self.take_up_to(1, follower) > 0 {
                took += 1;
            }
            rest = begun.elapsed() * REST;
        }
        runtime.block_on(async {
            tokio::select! {
                () = self.woken.notified() => {}
                () = tokio::time::sleep(rest) => {}
            }
        });
        Some(took)
    }

    fn take(&self, frame: Frame) {
        let mut channels = self.channels();
        if frame.kind == FrameKind::Begin {
            let what: serde_json::Value = serde_json::from_slice(&frame.data).unwrap_or_default();
            let channel = begin(frame.track, frame.at, &what);
            channels.insert(frame.track, channel);
            return;
        }
        let Some(channel) = channels.get_mut(&frame.track) else { return };
        channel.version += 1;
        channel.view.active = frame.at;
        let bytes = frame.data.len() as u64;
        let mut gone = Vec::new();
        match frame.kind {
            FrameKind::Output | FrameKind::ErrorOutput => {
                channel.view.bytes_out += bytes;
                if let Some(emulator) = &mut channel.emulator {
                    gone = emulator.feed(&frame.data);
                }
            }
            FrameKind::Input | FrameKind::InputDropped => channel.view.bytes_in += bytes,
            FrameKind::Resize => {
                if let (Some(emulator), Some((columns, rows))) = (&mut channel.emulator, frame.size()) {
                    gone = emulator.resize(columns, rows);
                }
            }
            FrameKind::End => {
                channel.view.ended = true;
                channel.last = channel.emulator.take().map(|emulator| emulator.screen());
                channel.files.close();
            }
            FrameKind::File => channel.files.take(&frame.data),
            FrameKind::Marker | FrameKind::Begin | FrameKind::Content => {}
        }
        if !gone.is_empty() {
            channel.history.take(&gone);
            history::bound(channels.values_mut().map(|one| &mut one.history));
        }
        let ended: Vec<Track> = channels.values().filter(|one| one.view.ended).map(|one| one.view.number).collect();
        for old in ended.iter().take(ended.len().saturating_sub(REMEMBERED)) {
            channels.remove(old);
        }
    }

    /// Milliseconds by which the picture lags behind the recording.
    pub fn behind(&self, head: &Head, now: Timestamp) -> i64 {
        if self.read_bytes.load(Ordering::Acquire) >= head.length {
            return 0;
        }
        now.as_millisecond() - self.read_at.load(Ordering::Acquire)
    }

    /// Returns once the picture lags by less than a second. At once where nobody watches.
    pub async fn caught_up(&self) {
        let mut caught_up = self.caught_up.subscribe();
        let _ = caught_up.wait_for(|caught_up| *caught_up).await;
    }

    /// Told of every change.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// All channels.
    pub fn views(&self) -> Vec<ChannelView> {
        let view = |channel: &Channel| ChannelView {
            files: channel.files.lines(),
            more_files: channel.files.more(),
            ..channel.view.clone()
        };
        self.channels().values().map(view).collect()
    }

    /// Lines of a channel that scrolled away before this number; `None`: the newest.
    pub fn history(&self, track: Track, before: Option<u64>) -> Excerpt {
        self.channels().get(&track).map_or_else(|| History::default().before(None), |one| one.history.before(before))
    }

    /// The screen of a channel, if it is another than at this count; and the count it has now.
    pub fn screen(&self, track: Track, seen: Option<u64>) -> Option<(u64, Screen)> {
        let channels = self.channels();
        let channel = channels.get(&track)?;
        if seen == Some(channel.version) {
            return None;
        }
        let screen = channel.emulator.as_ref().map(Emulator::screen).or_else(|| channel.last.clone());
        Some((channel.version, screen?))
    }
}

fn begin(number: Track, at: Timestamp, what: &serde_json::Value) -> Channel {
    let size = |name: &str| what.get(name).and_then(serde_json::Value::as_u64).and_then(|n| usize::try_from(n).ok());
    let emulator = match (size("columns"), size("rows")) {
        (Some(columns), Some(rows)) => Emulator::new(columns, rows),
        _ => None,
    };
    let kind = what.get("what").and_then(serde_json::Value::as_str).unwrap_or_default();
    let command = what
        .get("command")
        .and_then(serde_json::Value::as_str)
        .and_then(|hex| data_encoding::HEXLOWER.decode(hex.as_bytes()).ok());
    let command = command.map(|command| crate::ssh::starting::shown(&command));
    let to = what.get("to").and_then(serde_json::Value::as_str).map(str::to_owned);
    let detail = command.or(to).unwrap_or_default();
    let what = if detail.is_empty() { kind.to_owned() } else { format!("{kind}: {detail}") };
    Channel {
        view: ChannelView {
            number,
            what,
            // What stands behind the word, such as the rights that a command takes, is for the journal.
            kind: kind.split(' ').next().unwrap_or_default().to_owned(),
            detail,
            bytes_in: 0,
            bytes_out: 0,
            active: at,
            ended: false,
            terminal: emulator.is_some(),
            files: Vec::new(),
            more_files: 0,
        },
        emulator,
        last: None,
        history: History::default(),
        files: Files::default(),
        version: 0,
    }
}
