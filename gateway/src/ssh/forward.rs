//! A tunnel to an address that the permit names, from its opening to its end (NET-14, T23).
//!
//! What passes is counted, digested and, where the target's rules say so, kept; what it means is not
//! seen. The client hears yes only once the destination has answered.

use crate::descriptors;
use crate::files::ALARMS;
use crate::relay::channel::{Ending, TunnelEnd};
use crate::relay::session::{Flow, Task};
use crate::ssh::opening::{NotStarted, Opening};
use config::Content;
use lifecycle::{Alarm, Event};
use policy::Permit;
use recorder::FrameKind;
use russh::server::{ChannelOpenHandle, Msg};
use russh::{ChannelOpenFailure, ChannelWriteHalf};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpStream;

/// How long a destination may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// SSH_OPEN_ADMINISTRATIVELY_PROHIBITED (RFC 4254 §5.1).
pub(super) const PROHIBITED: u32 = 1;
/// SSH_OPEN_CONNECT_FAILED.
const CONNECT_FAILED: u32 = 2;

/// A tunnel on its way.
pub(super) struct Forward {
    pub(super) opening: Opening,
    pub(super) writer: ChannelWriteHalf<Msg>,
    pub(super) to: SocketAddr,
}

/// Why there is no tunnel.
enum Unopened {
    Refused(NotStarted),
    Unreached(String),
}

impl Forward {
    /// Runs it to its end.
    pub(super) async fn run(self, reply: ChannelOpenHandle) {
        let channel = &self.opening.channel;
        let session = channel.session().clone();
        let _going = session.going(Task::Channel);
        match self.open().await {
            Ok((tcp, permit)) => {
                reply.accept().await;
                let content =
                    self.opening.site.config().targets.get(permit.target()).map(|target| target.carried.tunnels);
                // A target that was taken out of the configuration meanwhile leaves more rather than less.
                let end = channel.forward(&self.writer, tcp, content.unwrap_or(Content::Kept)).await;
                if end == TunnelEnd::Ssh {
                    self.alarm().await;
                }
                self.opening.closed(&Ending::default()).await;
                let _ = self.writer.close().await;
            }
            Err(Unopened::Unreached(why)) => {
                tracing::info!(session = %session.id, to = %self.to, why, "a tunnel's destination was not reached");
                self.opening.closed(&Ending::default()).await;
                let text = session.texts.with("tunnel-unreached", &[("to", &self.to.to_string())]);
                self.refuse(reply, CONNECT_FAILED, &text).await;
            }
            Err(Unopened::Refused(NotStarted { text, why })) => {
                self.opening.refused("direct-tcpip", why).await;
                self.refuse(reply, PROHIBITED, &session.texts.text(text)).await;
            }
        }
        channel.finish();
    }

    /// Asks for the right, waits while the session is frozen, journals, reaches the destination.
    async fn open(&self) -> Result<(TcpStream, Permit), Unopened> {
        let session = self.opening.channel.session();
        let over = || Unopened::Refused(NotStarted { text: "refused-kind", why: "the session ended first".to_owned() });
        self.opening.may_start().await.map_err(Unopened::Refused)?;
        if session.until_flowing().await != Flow::Flowing {
            return Err(over());
        }
        let permit = self.opening.take_right().await.map_err(Unopened::Refused)?;
        // INVARIANT: while the session is frozen nothing begins, and what had begun is given up.
        let tcp = loop {
            if session.until_flowing().await != Flow::Flowing {
                break Err("the session ended first".to_owned());
            }
            tokio::select! {
                biased;
                () = session.until_still() => continue,
                reached = tokio::time::timeout(PATIENCE, TcpStream::connect(self.to)) => break match reached {
                    Ok(Ok(tcp)) if !descriptors::leaves(descriptors::FOR_ALL, &tcp) => {
                        Err("the bastion has no file descriptors left".to_owned())
                    }
                    Ok(Ok(tcp)) => Ok(tcp),
                    Ok(Err(error)) => Err(error.to_string()),
                    Err(_) => Err(format!("no answer within {} seconds", PATIENCE.as_secs())),
                },
            }
        };
        let tcp = tcp.map_err(Unopened::Unreached)?;
        let _ = tcp.set_nodelay(true);
        super::keep_alive(&tcp);
        Ok((tcp, permit))
    }

    /// T23: said to the hospital, in the recording and on the technician's terminals.
    async fn alarm(&self) {
        let (channel, session) = (&self.opening.channel, self.opening.channel.session());
        // Who begins SSH in tunnel after tunnel does not fill the journal, nor use up what is for files.
        if !session.takes_alarm(ALARMS / 2) {
            return;
        }
        tracing::warn!(session = %session.id, to = %self.to, "SSH was begun inside a tunnel: it was closed");
        let alarm = Alarm::SshInsideForward { to: self.to };
        self.opening.note(Event::SessionAlarm { session: session.id.clone(), channel: channel.number, alarm }).await;
        let marker = "SSH inside the tunnel: nothing of it was passed on";
        session.record(channel.number, FrameKind::Marker, marker.into()).await;
        session.notice(&session.texts.with("tunnel-ssh", &[("to", &self.to.to_string())]));
    }

    async fn refuse(&self, reply: ChannelOpenHandle, code: u32, text: &str) {
        reply.reject(ChannelOpenFailure::Other { code, reason: crate::texts::to_ascii(text) }).await;
    }
}
