//! One channel: its two pumps and its track of the recording.

mod first_bytes;
mod kept;
mod tunnel;

pub use tunnel::TunnelEnd;

use self::kept::Kept;
use crate::relay::lane::{Item, Lane};
use crate::relay::pressure::{ClientSide, TargetSide};
use crate::relay::session::{Flow, LiveSession};
use bytes::Bytes;
use policy::Asked;
use recorder::FrameKind;
use russh::{ChannelId, ChannelWriteHalf, client, server};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How long an upload may wait before the target's unread output is taken for the reason.
const STUCK: Duration = Duration::from_millis(50);
/// How long the end of the target's output waits for its exit status. A client that has sent its
/// own end answers with a close, and what follows a close is lost.
const STATUS_AFTER_EOF: Duration = Duration::from_millis(300);

/// How long what is left of a closed channel is looked at.
const LAST_LOOK: Duration = Duration::from_millis(300);

/// A terminal's name and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terminal {
    /// The value of `TERM`.
    pub term: String,
    /// Columns.
    pub columns: u32,
    /// Rows.
    pub rows: u32,
    /// Modes, as the client sent them.
    pub modes: Vec<(russh::Pty, u32)>,
}

/// Which kind of tunnel a channel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tunnel {
    /// To an address.
    Forward,
    /// To the bastion's inner SSH server.
    Jump,
}

/// A channel of the technician's connection.
pub struct Channel {
    /// Its id in the SSH library.
    pub id: ChannelId,
    /// Its number in the session, and the number of its track.
    pub number: u32,
    session: Arc<LiveSession>,
    /// The connection it came by.
    client: Arc<ClientSide>,
    up: Lane,
    target: OnceLock<Arc<TargetSide>>,
    asked: OnceLock<Asked>,
    terminal: Mutex<Option<Terminal>>,
    tunnel: OnceLock<Tunnel>,
    /// The client closed a tunnel whose last bytes are still on their way.
    closing: Notify,
    notices: Mutex<VecDeque<String>>,
    noticed: Notify,
    client_ended: AtomicBool,
    over: AtomicBool,
    receipted: AtomicBool,
    finished: Notify,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

/// How a channel ended.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The command's exit status.
    pub exit: Option<u32>,
    /// The signal it died of.
    pub signal: Option<String>,
}

impl Channel {
    /// A channel just opened.
    pub fn new(id: ChannelId, number: u32, session: Arc<LiveSession>, client: Arc<ClientSide>) -> Arc<Self> {
        Arc::new(Self {
            id,
            number,
            session,
            client,
            up: Lane::default(),
            target: OnceLock::new(),
            asked: OnceLock::new(),
            terminal: Mutex::default(),
            tunnel: OnceLock::new(),
            closing: Notify::new(),
            notices: Mutex::default(),
            noticed: Notify::new(),
            client_ended: AtomicBool::new(false),
            over: AtomicBool::new(false),
            receipted: AtomicBool::new(false),
            finished: Notify::new(),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
        })
    }

    /// The session it belongs to.
    pub fn session(&self) -> &Arc<LiveSession> {
        &self.session
    }

    /// Bytes in and out so far.
    pub fn bytes(&self) -> (u64, u64) {
        (self.bytes_in.load(Ordering::Relaxed), self.bytes_out.load(Ordering::Relaxed))
    }

    /// Notes what it was allowed for.
    pub fn allow(&self, asked: Asked) {
        let _ = self.asked.set(asked);
    }

    /// What it was allowed for, once it was.
    pub fn asked(&self) -> Option<&Asked> {
        self.asked.get()
    }

    /// Notes the target connection that its end ends.
    pub(crate) fn attach(&self, side: Arc<TargetSide>) {
        let _ = self.target.set(side);
    }

    /// What came from the client and was not looked at yet.
    pub(crate) async fn next_up(&self) -> Option<Item> {
        self.up.pop().await
    }

    /// Takes off what was dealt with.
    pub(crate) fn took(&self, cost: usize) {
        let counted = self.up.delivered(cost);
        self.client.delivered(counted);
    }

    /// Counts bytes that passed.
    pub(crate) fn count(&self, up: u64, down: u64) {
        self.bytes_in.fetch_add(up, Ordering::Relaxed);
        self.bytes_out.fetch_add(down, Ordering::Relaxed);
        self.session.moved(up, down);
    }

    /// Returns once so little is unsent towards the client that more may be handed over.
    pub(crate) async fn writable(&self) {
        self.client.gate().writable().await;
    }

    /// Gives it a terminal.
    pub fn set_terminal(&self, terminal: Terminal) {
        *self.terminal.lock().unwrap_or_else(PoisonError::into_inner) = Some(terminal);
    }

    /// Its terminal, if it has one.
    pub fn terminal(&self) -> Option<Terminal> {
        self.terminal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes it a tunnel, once.
    pub(super) fn set_tunnel(&self, tunnel: Tunnel) {
        let _ = self.tunnel.set(tunnel);
    }

    /// Which kind of tunnel it is, if it is one.
    pub fn tunnel(&self) -> Option<Tunnel> {
        self.tunnel.get().copied()
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Acquire)
    }

    /// Returns once it is over.
    pub async fn until_over(&self) {
        loop {
            let finished = self.finished.notified();
            tokio::pin!(finished);
            finished.as_mut().enable();
            if self.is_over() {
                return;
            }
            finished.await;
        }
    }

    /// Takes bytes from the client. `false`: it ignores its window and must be cut.
    #[must_use]
    pub fn arrived(&self, bytes: &[u8]) -> bool {
        if self.is_over() {
            return true;
        }
        let cost = self.up.push_bytes(bytes);
        self.counted(cost)
    }

    /// Takes anything else from the client. `false`: it sends without end what no window bounds, and must
    /// be cut.
    #[must_use]
    pub fn push(&self, item: Item) -> bool {
        if self.is_over() {
            return true;
        }
        if matches!(item, Item::Eof) {
            self.client_ended.store(true, Ordering::Release);
        }
        let cost = self.up.push(item);
        self.counted(cost)
    }

    fn counted(&self, cost: usize) -> bool {
        let bounded = self.client.arrived(cost);
        // INVARIANT: a channel that ended meanwhile has released its count; do it again, or the
        // whole connection would stay under pressure for ever.
        if self.is_over() {
            self.release();
        }
        bounded
    }

    /// Shows a line on the terminal, if there is one (D30).
    pub fn notice(&self, text: String) {
        if self.terminal().is_some() && !self.is_over() {
            self.notices.lock().unwrap_or_else(PoisonError::into_inner).push_back(text);
            self.noticed.notify_one();
        }
    }

    fn next_notice(&self) -> Option<String> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn release(&self) {
        let left = self.up.release();
        self.client.delivered(left);
    }

    /// Ends it: nothing more is counted, queued or read from the target.
    pub fn finish(&self) {
        self.over.store(true, Ordering::Release);
        self.finished.notify_waiters();
        self.up.close();
        self.release();
        if let Some(target) = self.target.get() {
            target.lane.close();
            target.gate.end();
        }
    }

    /// The client closed it. What it sent into a tunnel before still arrives: a program that closes
    /// its connection has said all it wanted to.
    pub fn closed_by_client(&self) {
        if self.tunnel() == Some(Tunnel::Forward) {
            // Comes once.
            let _ = self.push(Item::Close);
            self.closing.notify_one();
        } else {
            self.finish();
        }
    }

    /// Relays until either side ends it, or the session ends.
    pub async fn relay(
        self: &Arc<Self>,
        client: &ChannelWriteHalf<server::Msg>,
        handle: &server::Handle,
        side: Arc<TargetSide>,
        target: ChannelWriteHalf<client::Msg>,
    ) -> Ending {
        self.attach(side.clone());
        let mut ending = Ending::default();
        let mut typed = Kept::new(self, FrameKind::Input);
        let mut shown = Shown::new(self);
        {
            let upward = self.upward(&side, &target, &mut typed);
            let downward = self.downward(&side, client, handle, &mut ending, &mut shown);
            tokio::pin!(upward, downward);
            let both = async {
                tokio::select! {
                    () = &mut upward => downward.await,
                    () = &mut downward => {}
                }
            };
            // What was on its way is still looked at: an exit status may be among it. But the window of a
            // channel that was closed never opens again, and whoever waits for it would for ever.
            let abandoned = async {
                self.until_over().await;
                tokio::time::sleep(LAST_LOOK).await;
            };
            tokio::select! {
                () = both => {}
                () = self.session.ended() => {}
                () = abandoned => {}
            }
        }
        self.finish();
        // However it ended: what went beyond the limit is in the digests, and they are written down.
        typed.close().await;
        shown.output.close().await;
        shown.errors.close().await;
        ending
    }

    /// Before it starts: returns once the session is not frozen. What is typed on a terminal until
    /// then is recorded and thrown away, and said to be; anything else waits in its lane (D26).
    pub async fn until_flowing(&self, client: &ChannelWriteHalf<server::Msg>) -> Flow {
        if self.terminal().is_none() {
            return self.session.until_flowing().await;
        }
        let mut ended = false;
        let flow = loop {
            if let Some(text) = self.next_notice() {
                self.show(client, &text).await;
                continue;
            }
            let item = tokio::select! {
                biased;
                flow = self.session.until_flowing() => break flow,
                () = self.noticed.notified() => continue,
                item = self.up.pop(), if !ended => item,
            };
            let Some(item) = item else { break Flow::Ended };
            self.took(item.cost());
            match item {
                Item::Data(bytes) => {
                    self.session.announce_thrown_away(self);
                    if !self.session.record(self.number, FrameKind::InputDropped, bytes).await {
                        break Flow::Ended;
                    }
                }
                Item::Resize(columns, rows, ..) => {
                    if let Some(terminal) = &mut *self.terminal.lock().unwrap_or_else(PoisonError::into_inner) {
                        (terminal.columns, terminal.rows) = (columns, rows);
                    }
                }
                Item::Eof => ended = true,
                _ => {}
            }
        };
        if ended {
            let _ = self.push(Item::Eof);
        }
        flow
    }

    /// Technician to target.
    async fn upward(&self, side: &TargetSide, target: &ChannelWriteHalf<client::Msg>, kept: &mut Kept<'_>) {
        // The newest size of a window that changed while nothing may move.
        let mut resized = None;
        loop {
            let item = tokio::select! {
                item = self.up.pop() => item,
                flow = self.session.until_flowing(), if resized.is_some() => match (flow, resized.take()) {
                    (Flow::Flowing, Some((columns, rows, width, height))) => {
                        let _ = target.window_change(columns, rows, width, height).await;
                        continue;
                    }
                    _ => return,
                },
            };
            let Some(item) = item else { return };
            let cost = item.cost();
            let goes_on = match item {
                Item::Data(bytes) => match self.may_type(&bytes).await {
                    Typed::Deliver => {
                        kept.record(&bytes).await && {
                            self.count(bytes.len() as u64, 0);
                            send_up(side, target, bytes).await
                        }
                    }
                    Typed::ThrowAway => self.session.record(self.number, FrameKind::InputDropped, bytes).await,
                    Typed::Stop => false,
                },
                Item::Eof => self.session.until_flowing().await == Flow::Flowing && target.eof().await.is_ok(),
                Item::Resize(columns, rows, width, height) => {
                    let size = [columns.to_be_bytes(), rows.to_be_bytes()].concat();
                    let recorded = self.session.record(self.number, FrameKind::Resize, size.into()).await;
                    if self.session.flow() == Flow::Frozen {
                        resized = Some((columns, rows, width, height));
                        recorded
                    } else {
                        recorded && target.window_change(columns, rows, width, height).await.is_ok()
                    }
                }
                Item::Signal(signal) => {
                    let typed = self.may_type(&Bytes::new()).await;
                    let dropped = if matches!(typed, Typed::ThrowAway) { ", thrown away" } else { "" };
                    let text = format!("signal {signal:?}{dropped}");
                    !matches!(typed, Typed::Stop)
                        && self.session.record(self.number, FrameKind::Marker, text.into()).await
                        && (matches!(typed, Typed::ThrowAway) || target.signal(signal).await.is_ok())
                }
                // What a client never sends, or what ends the channel through `finish`.
                Item::ErrorOutput(_) | Item::ExitStatus(_) | Item::ExitSignal(..) | Item::Close => true,
            };
            self.took(cost);
            if !goes_on {
                return;
            }
        }
    }

    /// Whether input may go on now. On a terminal a frozen session throws it away and says so; any
    /// other channel waits (D26).
    pub(crate) async fn may_type(&self, bytes: &Bytes) -> Typed {
        match self.session.flow() {
            Flow::Flowing => Typed::Deliver,
            Flow::Ended => Typed::Stop,
            Flow::Frozen if self.terminal().is_some() => {
                if !bytes.is_empty() {
                    self.session.announce_thrown_away(self);
                }
                Typed::ThrowAway
            }
            Flow::Frozen => match self.session.until_flowing().await {
                Flow::Flowing => Typed::Deliver,
                _ => Typed::Stop,
            },
        }
    }

    /// Target to technician.
    async fn downward(
        &self,
        side: &TargetSide,
        client: &ChannelWriteHalf<server::Msg>,
        handle: &server::Handle,
        ending: &mut Ending,
        shown: &mut Shown<'_>,
    ) {
        let mut eof_held = false;
        loop {
            if let Some(text) = self.next_notice() {
                self.show(client, &text).await;
                continue;
            }
            let frozen = self.session.flow() == Flow::Frozen;
            let item = tokio::select! {
                biased;
                () = self.noticed.notified() => continue,
                _ = self.session.until_flowing(), if frozen => continue,
                item = side.lane.pop(), if !frozen => item,
                () = tokio::time::sleep(STATUS_AFTER_EOF), if eof_held && !self.client_ended.load(Ordering::Acquire) => {
                    eof_held = false;
                    if client.eof().await.is_err() {
                        break;
                    }
                    continue;
                }
            };
            let Some(item) = item else {
                self.say_target_lost(client).await;
                break;
            };
            let cost = item.cost();
            let goes_on = match item {
                Item::Data(bytes) => self.send_down(client, &mut shown.output, bytes).await,
                Item::ErrorOutput(bytes) => self.send_down(client, &mut shown.errors, bytes).await,
                Item::Eof => {
                    eof_held = true;
                    true
                }
                Item::ExitStatus(status) => {
                    ending.exit = Some(status);
                    self.receipt(client).await;
                    handle.exit_status_request(self.id, status).await.is_ok()
                        && release_eof(client, &mut eof_held).await
                }
                Item::ExitSignal(signal, dumped, message, language) => {
                    ending.signal = Some(format!("{signal:?}"));
                    self.receipt(client).await;
                    handle.exit_signal_request(self.id, signal, dumped, message, language).await.is_ok()
                        && release_eof(client, &mut eof_held).await
                }
                Item::Close => {
                    self.receipt(client).await;
                    false
                }
                Item::Resize(..) | Item::Signal(_) => true,
            };
            side.delivered(cost);
            if !goes_on {
                break;
            }
        }
        release_eof(client, &mut eof_held).await;
    }

    async fn send_down(&self, client: &ChannelWriteHalf<server::Msg>, kept: &mut Kept<'_>, bytes: Bytes) -> bool {
        self.hold_while_frozen(client).await;
        if self.session.flow() != Flow::Flowing || !kept.record(&bytes).await {
            return false;
        }
        let count = bytes.len() as u64;
        self.client.gate().writable().await;
        self.session.until_seen().await;
        // A freeze that came while this block waited holds it too.
        self.hold_while_frozen(client).await;
        if self.session.flow() != Flow::Flowing {
            return false;
        }
        let sent = match kept.kind() {
            FrameKind::ErrorOutput => client.extended_data_bytes(1, bytes).await,
            _ => client.data_bytes(bytes).await,
        };
        self.count(0, count);
        sent.is_ok()
    }

    /// Shows what there is to say until it is not frozen any more.
    async fn hold_while_frozen(&self, client: &ChannelWriteHalf<server::Msg>) {
        while self.session.flow() == Flow::Frozen {
            match self.next_notice() {
                Some(text) => self.show(client, &text).await,
                None => tokio::select! {
                    () = self.noticed.notified() => {}
                    _ = self.session.until_flowing() => {}
                },
            }
        }
    }

    async fn show(&self, client: &ChannelWriteHalf<server::Msg>, text: &str) {
        /// A client that does not take the notice must not hold up what it tells.
        const SHOWN_WITHIN: Duration = Duration::from_millis(650);
        // The bastion's own words: recorded beside, not before, so that a slow disk cannot keep the last
        // of them from being read.
        let line = format!("\r\n[Poterne] {}\r\n", text.replace('\n', "\r\n"));
        let shown = tokio::time::timeout(SHOWN_WITHIN, client.data_bytes(line.into_bytes()));
        let recorded = self.session.record(self.number, FrameKind::Marker, text.to_owned().into());
        let _ = tokio::join!(shown, recorded);
    }

    /// The target's connection is gone without a word. The technician reads why nothing moves any more;
    /// the session stays: equipment that restarts can be reached again under the same approval.
    pub(crate) async fn say_target_lost(&self, client: &ChannelWriteHalf<server::Msg>) {
        if self.is_over() || self.session.flow() == Flow::Ended {
            return;
        }
        let text = self.session.texts.text("notice-target-lost");
        if self.terminal().is_some() {
            return self.show(client, &text).await;
        }
        /// A client that does not read its errors does not hold up the end.
        const READ_WITHIN: Duration = Duration::from_millis(500);
        self.session.record(self.number, FrameKind::Marker, text.clone().into()).await;
        let line = format!("[Poterne] {}\r\n", crate::texts::to_ascii(&text));
        let _ = tokio::time::timeout(READ_WITHIN, client.extended_data_bytes(1, line.into_bytes())).await;
    }

    /// The last words on a terminal when the session ends.
    pub async fn farewell(&self, client: &ChannelWriteHalf<server::Msg>) {
        if self.terminal().is_none() {
            return;
        }
        while let Some(text) = self.next_notice() {
            self.show(client, &text).await;
        }
        if let Some(text) = self.session.farewell() {
            self.show(client, text).await;
        }
        self.receipt(client).await;
    }

    /// Shows the receipt on a terminal, once, before its end (T2).
    async fn receipt(&self, client: &ChannelWriteHalf<server::Msg>) {
        /// Whoever leaves does not wait for the disk.
        const WITHIN: Duration = Duration::from_millis(400);
        if self.terminal().is_none() || self.receipted.swap(true, Ordering::AcqRel) {
            return;
        }
        if let Ok(Some(text)) = tokio::time::timeout(WITHIN, self.session.receipt()).await {
            self.show(client, text.trim_end()).await;
        }
    }
}

/// What becomes of input.
pub(crate) enum Typed {
    /// It goes on.
    Deliver,
    /// It is thrown away: a frozen terminal.
    ThrowAway,
    /// Nothing goes on any more.
    Stop,
}

pub(crate) async fn release_eof(client: &ChannelWriteHalf<server::Msg>, held: &mut bool) -> bool {
    if !std::mem::take(held) {
        return true;
    }
    client.eof().await.is_ok()
}

/// Sends to the target; tells its side when that has to wait.
pub(crate) async fn send_up(side: &TargetSide, target: &ChannelWriteHalf<client::Msg>, bytes: Bytes) -> bool {
    let sending = async {
        side.gate.writable().await;
        target.data_bytes(bytes).await.is_ok()
    };
    tokio::pin!(sending);
    tokio::select! {
        biased;
        sent = &mut sending => return sent,
        () = tokio::time::sleep(STUCK) => {}
    }
    side.set_upload_stuck(true);
    let sent = sending.await;
    side.set_upload_stuck(false);
    sent
}

/// What a target sends: two streams.
struct Shown<'a> {
    output: Kept<'a>,
    errors: Kept<'a>,
}

impl<'a> Shown<'a> {
    fn new(channel: &'a Channel) -> Self {
        Self { output: Kept::new(channel, FrameKind::Output), errors: Kept::new(channel, FrameKind::ErrorOutput) }
    }
}
