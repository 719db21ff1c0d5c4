//! A shell or a command on its way to the target: asked for anew, journalled, recorded, reached,
//! relayed, and its end told. Runs in a task of its own, so that the connection's callbacks never wait.

use crate::admission;
use crate::files;
use crate::relay::channel::Ending;
use crate::relay::session::{Flow, LiveSession, Task};
use crate::ssh::opening::{NotStarted, Opening};
use crate::target::{Dialled, Reply};
use config::{Content, Scan};
use lifecycle::ChannelKind;
use policy::{Asked, Permit, Right, transfers_in};
use russh::ChannelWriteHalf;
use russh::server::{Handle, Msg};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// The exit status of what was refused on a terminal (sysexits' EX_NOPERM).
const NOT_PERMITTED: u32 = 77;
/// The exit status of what the bastion ended, as `ssh` gives it for a connection that is lost.
const CUT_SHORT: u32 = 255;

/// A shell, a command or files on the way to the target.
pub(super) struct Starting {
    pub(super) opening: Opening,
    pub(super) first: Arc<Mutex<Option<Dialled>>>,
    pub(super) writer: ChannelWriteHalf<Msg>,
    pub(super) handle: Handle,
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

impl Starting {
    /// Runs it to its end.
    pub(super) async fn run(self) {
        let id = self.opening.channel.id;
        let session = self.opening.channel.session().clone();
        let _going = session.going(Task::Channel);
        match self.open().await {
            Ok(_) if self.opening.channel.is_over() => self.opening.closed(&Ending::default()).await,
            Ok((target, opened, permit)) => {
                let ending = tokio::select! {
                    ending = self.relay(&target, opened, &permit) => ending,
                    never = target.keep_awake() => match never {},
                };
                self.opening.channel.farewell(&self.writer).await;
                self.say_why(&session).await;
                self.opening.closed(&ending).await;
                if session.flow() == Flow::Ended && ending.exit.is_none() && ending.signal.is_none() {
                    // dbclient takes an end without a status for a success.
                    let _ = self.handle.exit_status_request(id, CUT_SHORT).await;
                }
                self.opening.channel.finish();
                let _ = self.writer.close().await;
                drop(target);
                return;
            }
            Err(NotStarted { text, why }) => {
                let what = self.opening.what();
                self.opening.refused(&what, why).await;
                let terminal = self.opening.channel.terminal().is_some();
                // A subsystem is not: its client tries another way, or says that there is none.
                let answered = terminal || !self.opening.command.is_empty();
                if session.flow() != Flow::Ended {
                    let line =
                        session.texts.with("channel-refused", &[("what", &what), ("why", &session.texts.text(text))]);
                    let shown = format!("{}\r\n", crate::texts::to_ascii(&line)).into_bytes();
                    // OpenSSH throws away what came before a refused shell, and over a ControlMaster what
                    // came before a refused command: it is told yes, the reason, and an end that says no.
                    if answered {
                        let _ = self.handle.channel_success(id).await;
                    }
                    if terminal {
                        let _ = self.writer.data_bytes(shown).await;
                    } else {
                        let _ = self.writer.extended_data_bytes(1, shown).await;
                    }
                    if answered {
                        let _ = self.handle.exit_status_request(id, NOT_PERMITTED).await;
                    }
                }
                if !answered {
                    let _ = self.handle.channel_failure(id).await;
                }
            }
        }
        self.opening.channel.farewell(&self.writer).await;
        self.opening.channel.finish();
        let _ = self.writer.close().await;
    }

    /// Says the reason on the errors' stream where there is no terminal: a client that hears of its channel's
    /// end is gone before the connection's end tells it why.
    async fn say_why(&self, session: &LiveSession) {
        /// A client that does not read its errors does not hold up the end.
        const READ_WITHIN: Duration = Duration::from_millis(300);
        let Some(text) = session.farewell().filter(|_| self.opening.channel.terminal().is_none()) else { return };
        let line = format!("[Poterne] {}\r\n", crate::texts::to_ascii(text)).into_bytes();
        let _ = tokio::time::timeout(READ_WITHIN, self.writer.extended_data_bytes(1, line)).await;
    }

    /// Through a steward where the protocol is one for files, and as it comes where it is not.
    async fn relay(&self, target: &Dialled, opened: ChannelWriteHalf<russh::client::Msg>, permit: &Permit) -> Ending {
        let config = self.opening.site.config();
        let carried = config.targets.get(permit.target()).map(|target| target.carried);
        let rules = files::Rules::of(permit, carried, config.clamav.as_ref());
        let Some(steward) =
            files::steward(&self.opening.asked, &self.opening.command, rules, &self.opening.channel.session().texts)
        else {
            return self.opening.channel.relay(&self.writer, &self.handle, target.side.clone(), opened).await;
        };
        let around = files::pump::Around {
            site: self.opening.site.clone(),
            files: carried.map_or(Content::Listed, |carried| carried.files),
            clamav: config.clamav.clone(),
            record_limit: config.recordings.record_limit.0,
        };
        let ends = files::pump::Ends {
            technician: &self.writer,
            handle: &self.handle,
            side: target.side.clone(),
            target: opened,
        };
        files::pump::relay(&self.opening.channel, &around, ends, steward).await
    }

    /// What no right would change: a protocol for files needs its bytes as they are, and one that is not
    /// taken apart cannot be scanned.
    fn is_possible(&self) -> Result<(), NotStarted> {
        let session = self.opening.channel.session();
        let moves_files = matches!(self.opening.asked, Asked::Sftp | Asked::Scp(_) | Asked::Rsync(_));
        if moves_files && self.opening.channel.terminal().is_some() {
            return Err(NotStarted { text: "refused-files-terminal", why: "files over a terminal".to_owned() });
        }
        // A program of the list that pages its output, or asks back, gives a shell to whoever has a terminal.
        let listed = matches!(self.opening.asked, Asked::Command(_)) && !session.rights.contains(&Right::Exec);
        if listed && self.opening.channel.terminal().is_some() {
            let why = "a command of the list runs without a terminal".to_owned();
            return Err(NotStarted { text: "refused-command-terminal", why });
        }
        let scanned =
            self.opening.site.config().targets.get(&session.target).is_some_and(|one| one.carried.scan != Scan::None);
        // A transfer within a longer line is not taken apart either: `scp -t "a b"`, as old clients say it.
        let hidden = matches!(self.opening.asked, Asked::Command(_)) && !transfers_in(&self.opening.command).is_empty();
        if scanned && (hidden || matches!(self.opening.asked, Asked::Rsync(_))) {
            return Err(NotStarted { text: "refused-unscannable", why: "this cannot be scanned".to_owned() });
        }
        Ok(())
    }

    /// Asks for the right, waits while the session is frozen, reaches the target. In that order:
    /// no request reaches a target while nobody watches (D26).
    async fn open(&self) -> Result<(Dialled, ChannelWriteHalf<russh::client::Msg>, Permit), NotStarted> {
        let session = self.opening.channel.session();
        self.opening.may_start().await?;
        self.is_possible()?;
        if session.flow() == Flow::Frozen {
            // So that the terminal is there for the line that says why nothing happens.
            let _ = self.handle.channel_success(self.opening.channel.id).await;
            self.opening.channel.notice(session.texts.text("notice-frozen-unwatched"));
        }
        let flow = tokio::select! {
            flow = self.opening.channel.until_flowing(&self.writer) => flow,
            () = self.opening.channel.until_over() => Flow::Ended,
        };
        if flow != Flow::Flowing {
            return Err(too_late());
        }
        let permit = self.opening.take_right().await?;
        // A target may take its time to answer, and the session does not wait for it: what was dialled is left.
        let reached = tokio::select! {
            biased;
            () = session.ended() => Err(too_late()),
            () = self.opening.channel.until_over() => Err(too_late()),
            reached = self.reach(&permit) => reached,
        };
        match reached {
            Err(not_started) => {
                self.opening.closed(&Ending::default()).await;
                Err(not_started)
            }
            Ok((target, opened)) => Ok((target, opened, permit)),
        }
    }

    async fn reach(&self, permit: &Permit) -> Result<(Dialled, ChannelWriteHalf<russh::client::Msg>), NotStarted> {
        let waiting = self.first.lock().await.take();
        let mut dialled = match waiting {
            Some(dialled) if !dialled.handle.is_closed() => dialled,
            _ if admission::asks_technician(&self.opening.site, permit.target()) => {
                // Nobody can be asked once the lobby is over.
                let why = "the target asks for a second factor at every connection".to_owned();
                return Err(NotStarted { text: "refused-one-channel", why });
            }
            _ => {
                let session = &self.opening.channel.session().id;
                let dialled = admission::dial(&self.opening.site, session, permit, None).await;
                dialled.map_err(|error| NotStarted { text: error.text(), why: error.to_string() })?
            }
        };
        let unreachable = |why: String| NotStarted { text: "refused-target-exec", why };
        let opened = self.request(&mut dialled).await.map_err(|error| unreachable(error.to_string()))?;
        let _ = self.handle.channel_success(self.opening.channel.id).await;
        Ok((dialled, opened))
    }

    /// The session may have been frozen while the target was reached. INVARIANT: nothing begins on it before
    /// that is over; an end is seen by whoever waits for us.
    async fn until_it_may_begin(&self) -> Result<(), russh::Error> {
        match self.opening.channel.until_flowing(&self.writer).await {
            Flow::Flowing => Ok(()),
            Flow::Frozen | Flow::Ended => Err(russh::Error::Disconnect),
        }
    }

    async fn request(&self, dialled: &mut Dialled) -> Result<ChannelWriteHalf<russh::client::Msg>, russh::Error> {
        self.until_it_may_begin().await?;
        let opened = dialled.handle.channel_open_session().await?;
        let (_, writer) = opened.split();
        if let Some(terminal) = self.opening.channel.terminal() {
            writer.request_pty(true, &terminal.term, terminal.columns, terminal.rows, 0, 0, &terminal.modes).await?;
            dialled.expect(Reply::Success).await?;
        }
        self.until_it_may_begin().await?;
        match &self.opening.asked {
            Asked::Shell => writer.request_shell(true).await?,
            Asked::Sftp if self.opening.command.is_empty() => writer.request_subsystem(true, "sftp").await?,
            _ => writer.exec(true, self.opening.command.clone()).await?,
        }
        dialled.expect(Reply::Success).await?;
        Ok(writer)
    }
}

fn too_late() -> NotStarted {
    NotStarted { text: "refused-kind", why: "the session or the channel ended first".to_owned() }
}

/// A command line as the journal shows it. A body has a limit, and a command is what a client
/// sends: unbounded, it could bring the journal to refuse its own entry. Of a long one the middle is
/// left out, since what counts may stand at its end; nothing in it hides or turns the rest.
pub(crate) fn shown(command: &[u8]) -> String {
    const LONGEST: usize = 4096;
    let text = lifecycle::visible(&String::from_utf8_lossy(command));
    let count = text.chars().count();
    if count <= LONGEST {
        return text;
    }
    let begin: String = text.chars().take(LONGEST / 2).collect();
    let end: String = text.chars().skip(count.saturating_sub(LONGEST / 2)).collect();
    format!("{begin}... ({} bytes) ...{end}", command.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_shows_how_it_ends_and_hides_nothing() {
        assert_eq!(shown("ls \u{202e}x\n# été".as_bytes()), "ls \\u{202e}x\\u{a}# été");
        let long = shown(format!("true{}; reboot", " ".repeat(5000)).as_bytes());
        assert!(long.starts_with("true  ") && long.ends_with("  ; reboot"), "{long}");
        assert!(long.contains("... (5012 bytes) ..."), "{long}");
    }
}
