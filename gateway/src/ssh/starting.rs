//! A shell or a command on its way to the target: asked for anew, journalled, recorded, reached,
//! relayed, and its end told. Runs in a task of its own, so that the connection's callbacks never wait.

use crate::admission;
use crate::relay::channel::{Channel, Ending};
use crate::relay::session::Flow;
use crate::site::Site;
use crate::target::{Dialled, Reply};
use lifecycle::{ChannelKind, Event, Input, Refusal};
use policy::{Asked, Permit, transfers_in};
use recorder::FrameKind;
use russh::ChannelWriteHalf;
use russh::server::{Handle, Msg};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// The exit status of what was refused on a terminal (sysexits' EX_NOPERM).
const NOT_PERMITTED: u32 = 77;

/// A shell, a command or files on the way to the target.
pub(super) struct Starting {
    pub(super) site: Arc<Site>,
    pub(super) first: Arc<Mutex<Option<Dialled>>>,
    pub(super) channel: Arc<Channel>,
    pub(super) writer: ChannelWriteHalf<Msg>,
    pub(super) handle: Handle,
    pub(super) kind: ChannelKind,
    pub(super) asked: Asked,
    /// The command line as the target gets it, byte for byte; empty where there is none.
    pub(super) command: Vec<u8>,
}

/// What a command line asks for, and what the journal says of it.
pub(super) fn command_kind(line: &[u8]) -> (Asked, ChannelKind) {
    let (asked, command) = (Asked::by_command(line), shown(line));
    let kind = match asked {
        Asked::Sftp => ChannelKind::Sftp,
        Asked::Scp(direction) => ChannelKind::Scp { direction, command },
        Asked::Rsync(direction) => ChannelKind::Rsync { direction, command },
        _ => ChannelKind::Exec { command },
    };
    (asked, kind)
}

/// Why a channel does not start, as it is told and journalled.
struct NotStarted {
    text: &'static str,
    why: String,
}

impl Starting {
    /// Runs it to its end.
    pub(super) async fn run(self) {
        let id = self.channel.id;
        let session = self.channel.session().clone();
        let _going = session.going();
        match self.open().await {
            Ok(_) if self.channel.is_over() => self.closed(&Ending::default()).await,
            Ok((target, opened)) => {
                let relay = self.channel.relay(&self.writer, &self.handle, target.side.clone(), opened);
                let ending = tokio::select! {
                    ending = relay => ending,
                    never = target.keep_awake() => match never {},
                };
                self.channel.farewell(&self.writer).await;
                self.closed(&ending).await;
                self.channel.finish();
                let _ = self.writer.close().await;
                drop(target);
                return;
            }
            Err(NotStarted { text, why }) => {
                let what = what(&self.kind, &self.command);
                if session.refused(&what) {
                    session_note(
                        &self.site,
                        Event::ChannelRefused { session: session.id.clone(), what: what.clone(), why },
                    )
                    .await;
                }
                let terminal = self.channel.terminal().is_some();
                if session.flow() != Flow::Ended {
                    let line =
                        session.texts.with("channel-refused", &[("what", &what), ("why", &session.texts.text(text))]);
                    let shown = format!("{}\r\n", crate::texts::to_ascii(&line)).into_bytes();
                    if terminal {
                        // OpenSSH throws away what came before a refused shell: it is told yes, the
                        // reason, and an end that says no.
                        let _ = self.handle.channel_success(id).await;
                        let _ = self.writer.data_bytes(shown).await;
                        let _ = self.handle.exit_status_request(id, NOT_PERMITTED).await;
                    } else {
                        let _ = self.writer.extended_data_bytes(1, shown).await;
                    }
                }
                if !terminal {
                    let _ = self.handle.channel_failure(id).await;
                }
            }
        }
        self.channel.farewell(&self.writer).await;
        self.channel.finish();
        let _ = self.writer.close().await;
    }

    /// Asks for the right, waits while the session is frozen, reaches the target. In that order:
    /// no request reaches a target while nobody watches (D26).
    async fn open(&self) -> Result<(Dialled, ChannelWriteHalf<russh::client::Msg>), NotStarted> {
        let session = self.channel.session();
        self.may_start().await?;
        if session.flow() == Flow::Frozen {
            // So that the terminal is there for the line that says why nothing happens.
            let _ = self.handle.channel_success(self.channel.id).await;
            self.channel.notice(session.texts.text("notice-frozen-unwatched"));
        }
        let flow = tokio::select! {
            flow = self.channel.until_flowing(&self.writer) => flow,
            () = self.client_closed() => Flow::Ended,
        };
        if flow != Flow::Flowing {
            return Err(NotStarted { text: "refused-kind", why: "the session ended first".to_owned() });
        }
        let permit = self.take_right().await?;
        match self.reach(&permit).await {
            Err(not_started) => {
                self.closed(&Ending::default()).await;
                Err(not_started)
            }
            reached => reached,
        }
    }

    async fn reach(&self, permit: &Permit) -> Result<(Dialled, ChannelWriteHalf<russh::client::Msg>), NotStarted> {
        let waiting = self.first.lock().await.take();
        let mut dialled = match waiting {
            Some(dialled) if !dialled.handle.is_closed() => dialled,
            _ if admission::asks_technician(&self.site, permit.target()) => {
                // Nobody can be asked once the lobby is over.
                let why = "the target asks for a second factor at every connection".to_owned();
                return Err(NotStarted { text: "refused-one-channel", why });
            }
            _ => {
                let dialled = admission::dial(&self.site, &self.channel.session().id, permit, None).await;
                dialled.map_err(|error| NotStarted { text: error.text(), why: error.to_string() })?
            }
        };
        let unreachable = |why: String| NotStarted { text: "refused-target-exec", why };
        let opened = self.request(&mut dialled).await.map_err(|error| unreachable(error.to_string()))?;
        let _ = self.handle.channel_success(self.channel.id).await;
        Ok((dialled, opened))
    }

    async fn client_closed(&self) {
        /// A closed channel is noticed at this pace while its session is frozen.
        const LOOK: Duration = Duration::from_millis(250);
        while !self.channel.is_over() {
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn may_start(&self) -> Result<(), NotStarted> {
        let (id, asked) = (self.channel.session().id.clone(), self.asked.clone());
        let judged =
            self.site.registrar.view(move |core, at| core.register.may(&core.rules, &id, &asked, at).map(|_| ())).await;
        refused(judged)
    }

    /// Asks the register anew, and journals the channel before anything reaches the target.
    async fn take_right(&self) -> Result<Permit, NotStarted> {
        let session = self.channel.session();
        let (id, asked, number, kind) =
            (session.id.clone(), self.asked.clone(), self.channel.number, self.kind.clone());
        let pty = self.channel.terminal().map(|terminal| (terminal.columns, terminal.rows));
        let judged = self
            .site
            .registrar
            .act(move |core, at| match core.register.may(&core.rules, &id, &asked, at) {
                Ok(permit) => {
                    (vec![Event::ChannelOpened { session: id, channel: number, what: kind, pty }], Ok(permit))
                }
                Err(refusal) => (Vec::new(), Err(refusal)),
            })
            .await;
        let permit = refused(judged)?;
        let terminal = self.channel.terminal();
        let begin = serde_json::json!({
            "what": what(&self.kind, &self.command),
            "command": (!self.command.is_empty()).then(|| data_encoding::HEXLOWER.encode(&self.command)),
            "term": terminal.as_ref().map(|terminal| terminal.term.as_str()),
            "columns": terminal.as_ref().map(|terminal| terminal.columns),
            "rows": terminal.as_ref().map(|terminal| terminal.rows),
        });
        // INVARIANT: the track is in the recording before the target hears of the channel.
        if !session.record(number, FrameKind::Begin, begin.to_string().into()).await {
            return Err(NotStarted { text: "refused-kind", why: "the recording failed".to_owned() });
        }
        session.tell(Input::ChannelOpened).await;
        Ok(permit)
    }

    async fn request(&self, dialled: &mut Dialled) -> Result<ChannelWriteHalf<russh::client::Msg>, russh::Error> {
        let opened = dialled.handle.channel_open_session().await?;
        let (_, writer) = opened.split();
        if let Some(terminal) = self.channel.terminal() {
            writer.request_pty(true, &terminal.term, terminal.columns, terminal.rows, 0, 0, &terminal.modes).await?;
            dialled.expect(Reply::Success).await?;
        }
        match &self.asked {
            Asked::Shell => writer.request_shell(true).await?,
            Asked::Sftp if self.command.is_empty() => writer.request_subsystem(true, "sftp").await?,
            _ => writer.exec(true, self.command.clone()).await?,
        }
        dialled.expect(Reply::Success).await?;
        Ok(writer)
    }

    async fn closed(&self, ending: &Ending) {
        let session = self.channel.session();
        let (bytes_in, bytes_out) = self.channel.bytes();
        let end = serde_json::json!({ "exit": ending.exit, "signal": ending.signal });
        if session.flow() != Flow::Ended {
            session.record(self.channel.number, FrameKind::End, end.to_string().into()).await;
        }
        let event = Event::ChannelClosed {
            session: session.id.clone(),
            channel: self.channel.number,
            exit: ending.exit,
            signal: ending.signal.clone(),
            bytes_in,
            bytes_out,
        };
        session_note(&self.site, event).await;
        session.tell(Input::ChannelClosed).await;
    }
}

async fn session_note(site: &Site, event: Event) {
    site.registrar.note(vec![event]).await;
}

/// A command line as the journal shows it. A body has a limit, and a command is what a client
/// sends: unbounded, it could bring the journal to refuse its own entry.
pub(crate) fn shown(command: &[u8]) -> String {
    const LONGEST: usize = 4096;
    let text = String::from_utf8_lossy(command);
    let visible: String = text
        .chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .take(LONGEST)
        .collect();
    if text.chars().count() > LONGEST { format!("{visible}... ({} bytes)", command.len()) } else { visible }
}

/// What was asked for, in few words: `exec (scp-write)`, `sftp`.
fn what(kind: &ChannelKind, command: &[u8]) -> String {
    match (kind, transfers_in(command).as_slice()) {
        (ChannelKind::Exec { .. }, [first, rest @ ..]) => {
            let more: String = rest.iter().map(|right| format!(", {right}")).collect();
            format!("exec ({first}{more})")
        }
        _ => kind.word().to_owned(),
    }
}

fn refused<T>(judged: Result<Result<T, Refusal>, crate::registrar::JournalGone>) -> Result<T, NotStarted> {
    match judged {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(refusal)) => Err(NotStarted { text: "refused-right", why: refusal.to_string() }),
        Err(gone) => Err(NotStarted { text: "refused-internal", why: gone.to_string() }),
    }
}
