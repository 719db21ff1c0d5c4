//! A channel on its way into journal and recording, and out of them again: asked for, journalled,
//! begun in its track, ended. In that order for every kind of channel.

use crate::relay::channel::{Channel, Ending};
use crate::relay::session::Flow;
use crate::site::Site;
use lifecycle::{ChannelKind, Event, Input, Refusal};
use policy::{Asked, Permit, transfers_in};
use recorder::FrameKind;
use std::sync::Arc;

/// A channel that is to be opened.
pub(super) struct Opening {
    pub(super) site: Arc<Site>,
    pub(super) channel: Arc<Channel>,
    pub(super) kind: ChannelKind,
    pub(super) asked: Asked,
    /// The command line as the target gets it, byte for byte; empty where there is none.
    pub(super) command: Vec<u8>,
}

/// Why a channel does not start, as it is told and journalled.
pub(super) struct NotStarted {
    pub(super) text: &'static str,
    pub(super) why: String,
}

impl Opening {
    /// Asks the register whether it may start.
    pub(super) async fn may_start(&self) -> Result<(), NotStarted> {
        let (id, asked) = (self.channel.session().id.clone(), self.asked.clone());
        let judged =
            self.site.registrar.view(move |core, at| core.register.may(&core.rules, &id, &asked, at).map(|_| ())).await;
        granted(judged)
    }

    /// Asks the register anew, and journals the channel before anything reaches the target.
    pub(super) async fn take_right(&self) -> Result<Permit, NotStarted> {
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
        let permit = granted(judged)?;
        self.channel.allow(self.asked.clone());
        let terminal = self.channel.terminal();
        let begin = serde_json::json!({
            "what": self.what(),
            "command": (!self.command.is_empty()).then(|| data_encoding::HEXLOWER.encode(&self.command)),
            "term": terminal.as_ref().map(|terminal| terminal.term.as_str()),
            "columns": terminal.as_ref().map(|terminal| terminal.columns),
            "rows": terminal.as_ref().map(|terminal| terminal.rows),
            "to": match &self.kind {
                ChannelKind::Forward { to } => Some(to.to_string()),
                _ => None,
            },
        });
        // INVARIANT: the track is in the recording before the target hears of the channel.
        if !session.record(number, FrameKind::Begin, begin.to_string().into()).await {
            return Err(NotStarted { text: "refused-kind", why: "the recording failed".to_owned() });
        }
        self.tell(Input::ChannelOpened).await;
        Ok(permit)
    }

    /// Writes its end into the recording and the journal.
    pub(super) async fn closed(&self, ending: &Ending) {
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
        self.note(event).await;
        self.tell(Input::ChannelClosed).await;
    }

    /// What was asked for, in few words: `exec (scp-write)`, `sftp`.
    pub(super) fn what(&self) -> String {
        match (&self.kind, transfers_in(&self.command).as_slice()) {
            (ChannelKind::Exec { .. }, [first, rest @ ..]) => {
                let more: String = rest.iter().map(|right| format!(", {right}")).collect();
                format!("exec ({first}{more})")
            }
            _ => self.kind.word().to_owned(),
        }
    }

    /// Notes that it was refused: the first of its kind is journalled, all are counted (D19).
    pub(super) async fn refused(&self, what: &str, why: String) {
        let session = self.channel.session();
        if session.refused(what) {
            self.note(Event::ChannelRefused { session: session.id.clone(), what: what.to_owned(), why }).await;
        }
    }

    /// Journals something of it.
    pub(super) async fn note(&self, event: Event) {
        self.site.registrar.note(vec![event]).await;
    }

    /// A tunnel to the inner server is no channel by itself: those inside it are.
    async fn tell(&self, input: Input) {
        if self.kind != ChannelKind::Jump {
            self.channel.session().tell(input).await;
        }
    }
}

fn granted<T>(judged: Result<Result<T, Refusal>, crate::registrar::JournalGone>) -> Result<T, NotStarted> {
    match judged {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(refusal)) => Err(NotStarted { text: "refused-right", why: refusal.to_string() }),
        Err(gone) => Err(NotStarted { text: "refused-internal", why: gone.to_string() }),
    }
}
