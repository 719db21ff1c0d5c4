//! The channels of an admitted connection: what its client may ask for, and what it is told no to.
//!
//! Two connections have them: the technician's own, and the one inside it by which `ssh -J` reaches
//! the target. For both the rules, the session and the recording are the same.

use crate::limits::Limit;
use crate::relay::channel::{Channel, Terminal};
use crate::relay::lane::Item;
use crate::relay::pressure::ClientSide;
use crate::relay::session::LiveSession;
use crate::site::Site;
use crate::ssh::forward::PROHIBITED;
use crate::ssh::opening::Opening;
use crate::ssh::starting::{Starting, command_kind};
use crate::ssh::tunnelling::Tunnelling;
use crate::ssh::way::Wanted;
use crate::target::Dialled;
use lifecycle::{ChannelKind, EndCause, Event};
use policy::Asked;
use russh::server::{self, ChannelOpenHandle, Msg, Session};
use russh::{ChannelId, ChannelOpenFailure, ChannelWriteHalf, Pty, Sig};
use std::collections::HashMap;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Largest terminal (D28).
const COLUMNS: u32 = 500;
const ROWS: u32 = 200;
/// Longest name of a terminal.
const TERM: usize = 64;

type Outcome<T> = Result<T, russh::Error>;

/// The channels of one admitted connection.
pub(super) struct Hosted {
    pub(super) site: Arc<Site>,
    pub(super) session: Arc<LiveSession>,
    /// The target connection that was dialled at admission, for whichever channel comes first.
    pub(super) first: Arc<Mutex<Option<Dialled>>>,
    client: Arc<ClientSide>,
    channels: HashMap<ChannelId, Arc<Channel>>,
    writers: HashMap<ChannelId, ChannelWriteHalf<Msg>>,
}

impl Hosted {
    /// None yet.
    pub(super) fn new(
        site: Arc<Site>,
        session: Arc<LiveSession>,
        first: Arc<Mutex<Option<Dialled>>>,
        client: Arc<ClientSide>,
    ) -> Self {
        Self { site, session, first, client, channels: HashMap::new(), writers: HashMap::new() }
    }

    /// Counts a request. Whoever asks faster than anybody works is cut.
    fn asked(&self) {
        if !self.client.requested(self.site.config().limits.requests_per_second) {
            self.cut(Limit::Requests);
        }
    }

    /// Ends the session of a client that went beyond what it may.
    fn cut(&self, limit: Limit) {
        self.site.limits.reached(limit, None, self.site.clock.now());
        self.session.brake(EndCause::ClientFault);
        self.client.gate().end();
    }

    /// Notes a refused request: the first of its kind is journalled, all are counted (D19).
    pub(super) fn refuse(&self, what: &str, why: &str) {
        self.asked();
        if self.session.refused(what) {
            let event =
                Event::ChannelRefused { session: self.session.id.clone(), what: what.to_owned(), why: why.to_owned() };
            let registrar = self.site.registrar.clone();
            tokio::spawn(async move { registrar.note(vec![event]).await });
        }
    }

    /// Refuses a channel, with the reason in its description (D30): ASCII, in the technician's language.
    pub(super) async fn refuse_open(&self, reply: ChannelOpenHandle, what: &str, why: &str, text: &str) {
        self.refuse(what, why);
        let reason = crate::texts::to_ascii(text);
        reply.reject(ChannelOpenFailure::Other { code: PROHIBITED, reason }).await;
    }

    /// What is never possible, whatever the rules say.
    pub(super) async fn refuse_kind(&self, reply: ChannelOpenHandle, what: &str) {
        self.refuse_open(reply, what, "never possible", &self.session.texts.text("refused-kind")).await;
    }

    /// Takes a channel in, if there is room for one more.
    pub(super) fn take_in(&mut self, opened: russh::Channel<Msg>) -> Option<Arc<Channel>> {
        self.channels.retain(|_, channel| !channel.is_over());
        let most = self.site.config().ssh.channels;
        let channel = self.session.open_channel(opened.id(), most, self.client.clone())?;
        // The read half is dropped: all data comes through the callbacks below.
        let (_, writer) = opened.split();
        self.channels.insert(channel.id, channel.clone());
        self.writers.insert(channel.id, writer);
        Some(channel)
    }

    /// A channel for a shell, a command or files.
    pub(super) async fn open_session(&mut self, opened: russh::Channel<Msg>, reply: ChannelOpenHandle) {
        self.asked();
        match self.take_in(opened) {
            Some(_) => reply.accept().await,
            None => {
                self.site.limits.reached(Limit::Channels, None, self.site.clock.now());
                self.refuse("channel", "too many channels");
                reply.reject(ChannelOpenFailure::ResourceShortage).await;
            }
        }
    }

    /// A tunnel: where it leads is judged in a task of its own.
    pub(super) async fn open_tunnel(
        &mut self,
        opened: russh::Channel<Msg>,
        wanted: Wanted,
        reply: ChannelOpenHandle,
        server: Arc<server::Config>,
    ) {
        self.asked();
        let id = opened.id();
        let taken = self.take_in(opened).and_then(|_| self.take_writer(id));
        let Some((channel, writer)) = taken else {
            self.refuse("channel", "too many channels");
            return reply.reject(ChannelOpenFailure::ResourceShortage).await;
        };
        let (site, first) = (self.site.clone(), self.first.clone());
        tokio::spawn(Tunnelling { site, first, channel, writer, wanted, server }.run(reply));
    }

    /// Its writing half, once: whoever has it answers for the channel from then on.
    pub(super) fn take_writer(&mut self, id: ChannelId) -> Option<(Arc<Channel>, ChannelWriteHalf<Msg>)> {
        Some((self.channels.get(&id)?.clone(), self.writers.remove(&id)?))
    }

    /// `command` is what the target gets, byte for byte; the kind shows it as text.
    fn start(
        &mut self,
        id: ChannelId,
        asked: Asked,
        kind: ChannelKind,
        command: Vec<u8>,
        session: &mut Session,
    ) -> Outcome<()> {
        self.asked();
        let Some((channel, writer)) = self.take_writer(id) else { return session.channel_failure(id) };
        let opening = Opening { site: self.site.clone(), channel, kind, asked, command };
        let starting = Starting { opening, first: self.first.clone(), writer, handle: session.handle() };
        tokio::spawn(starting.run());
        Ok(())
    }

    pub(super) fn shell(&mut self, id: ChannelId, session: &mut Session) -> Outcome<()> {
        self.start(id, Asked::Shell, ChannelKind::Shell, Vec::new(), session)
    }

    pub(super) fn exec(&mut self, id: ChannelId, command: &[u8], session: &mut Session) -> Outcome<()> {
        // Targets read up to the first NUL: what they would run is not what was judged.
        if command.contains(&0) {
            self.refuse("exec (malformed)", "a NUL in the command");
            return session.channel_failure(id);
        }
        let (asked, kind) = command_kind(command);
        self.start(id, asked, kind, command.to_vec(), session)
    }

    pub(super) fn subsystem(&mut self, id: ChannelId, name: &str, session: &mut Session) -> Outcome<()> {
        if name == "sftp" {
            return self.start(id, Asked::Sftp, ChannelKind::Sftp, Vec::new(), session);
        }
        // A client can make up names without end: all that nobody knows are one kind (D19).
        let what = if name == "netconf" { "subsystem netconf" } else { "subsystem" };
        self.refuse(what, "never possible");
        session.channel_failure(id)
    }

    /// Dropped silently (D19): every client sends some, and none needs an answer.
    pub(super) fn environment(&self, id: ChannelId, session: &mut Session) -> Outcome<()> {
        self.refuse("env", "dropped");
        session.channel_failure(id)
    }

    pub(super) fn refuse_request(&self, id: ChannelId, what: &str, session: &mut Session) -> Outcome<()> {
        self.refuse(what, "never possible");
        session.channel_failure(id)
    }

    pub(super) fn terminal(
        &self,
        id: ChannelId,
        term: &str,
        (columns, rows): (u32, u32),
        modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Outcome<()> {
        self.asked();
        // Asked for after the command it would give the target a terminal of which the recording and
        // the journal know nothing.
        let started = !self.writers.contains_key(&id);
        let Some(channel) = self.channels.get(&id).filter(|_| !started) else { return session.channel_failure(id) };
        let term: String = term.chars().filter(|c| c.is_ascii_graphic()).take(TERM).collect();
        let terminal =
            Terminal { term, columns: columns.clamp(1, COLUMNS), rows: rows.clamp(1, ROWS), modes: modes.to_vec() };
        channel.set_terminal(terminal);
        session.channel_success(id)
    }

    pub(super) fn resize(
        &self,
        id: ChannelId,
        (columns, rows): (u32, u32),
        (width, height): (u32, u32),
    ) -> Outcome<()> {
        self.push(id, Item::Resize(columns.clamp(1, COLUMNS), rows.clamp(1, ROWS), width, height))
    }

    pub(super) fn signal(&self, id: ChannelId, signal: Sig) -> Outcome<()> {
        self.push(id, Item::Signal(signal))
    }

    pub(super) fn data(&self, id: ChannelId, data: &[u8]) -> Outcome<()> {
        self.bounded(self.channels.get(&id).is_none_or(|channel| channel.arrived(data)))
    }

    pub(super) fn ended(&self, id: ChannelId) -> Outcome<()> {
        self.push(id, Item::Eof)
    }

    fn push(&self, id: ChannelId, item: Item) -> Outcome<()> {
        self.bounded(self.channels.get(&id).is_none_or(|channel| channel.push(item)))
    }

    /// A client that sends more than it may is cut.
    fn bounded(&self, bounded: bool) -> Outcome<()> {
        if bounded {
            return Ok(());
        }
        self.cut(Limit::Window);
        Err(russh::Error::Disconnect)
    }

    /// The client closed the channel: the target is told at once, also while it is held.
    pub(super) fn closed(&mut self, id: ChannelId) {
        self.writers.remove(&id);
        if let Some(channel) = self.channels.remove(&id) {
            channel.closed_by_client();
        }
    }

    /// The connection is gone, and the session goes on: its channels end.
    pub(super) fn finish(&mut self) {
        self.writers.clear();
        self.channels.drain().for_each(|(_, channel)| channel.finish());
    }
}
