//! A client asked for a way on: where it leads is found, and it is opened or refused.

use crate::limits::Limit;
use crate::relay::channel::{Channel, Tunnel};
use crate::site::Site;
use crate::ssh::forward::{Forward, PROHIBITED};
use crate::ssh::jump::{JUMPS, Jump};
use crate::ssh::opening::Opening;
use crate::ssh::way::{Asker, Wanted, Way};
use crate::target::Dialled;
use lifecycle::{ChannelKind, Event};
use policy::Asked;
use russh::server::{self, ChannelOpenHandle, Msg};
use russh::{ChannelOpenFailure, ChannelWriteHalf};
use std::sync::Arc;
use tokio::sync::Mutex;

/// What a refusal is counted and journalled under.
const WHAT: &str = "direct-tcpip";

/// A way on that a client asked for.
pub(super) struct Tunnelling {
    pub(super) site: Arc<Site>,
    pub(super) first: Arc<Mutex<Option<Dialled>>>,
    pub(super) channel: Arc<Channel>,
    pub(super) writer: ChannelWriteHalf<Msg>,
    pub(super) wanted: Wanted,
    /// How the bastion's own server speaks, inside too.
    pub(super) server: Arc<server::Config>,
}

impl Tunnelling {
    /// Runs it to its end.
    pub(super) async fn run(self, reply: ChannelOpenHandle) {
        let (session, config) = (self.channel.session().clone(), self.site.config());
        let id = session.id.clone();
        // A jump takes no right of its own: this asks whether the session still has its permit.
        let permit =
            self.site.registrar.view(move |core, at| core.register.may(&core.rules, &id, &Asked::Jump, at)).await;
        let Ok(Ok(permit)) = permit else {
            return self.refuse(reply, "the session ended first", &session.texts.text("refused-kind")).await;
        };
        let opening = |kind: ChannelKind, asked: Asked| Opening {
            site: self.site.clone(),
            channel: self.channel.clone(),
            kind,
            asked,
            command: Vec::new(),
        };
        match self.wanted.judge(&config, &Asker { permit: &permit, vendor: &session.vendor }) {
            Way::Forward(to) => {
                let most = config.ssh.forwards;
                if !session.make_tunnel(&self.channel, Tunnel::Forward, most) {
                    self.site.limits.reached(Limit::Forwards, None, self.site.clock.now());
                    let text = session.texts.with("tunnel-too-many", &[("most", &most.to_string())]);
                    return self.refuse(reply, "too many tunnels", &text).await;
                }
                let opening = opening(ChannelKind::Forward { to }, Asked::Forward(to));
                Forward { opening, writer: self.writer, to }.run(reply).await;
            }
            Way::Jump => {
                if !session.make_tunnel(&self.channel, Tunnel::Jump, JUMPS) {
                    let text = session.texts.with("tunnel-too-many", &[("most", &JUMPS.to_string())]);
                    return self.refuse(reply, "too many tunnels", &text).await;
                }
                let opening = opening(ChannelKind::Jump, Asked::Jump);
                Jump { opening, writer: self.writer, first: self.first, server: self.server }.run(reply).await;
            }
            Way::Refused(no) => {
                let text = no.text(&config, &session.texts, &session.technician, &self.wanted);
                self.refuse(reply, no.why(), &text).await;
            }
        }
    }

    async fn refuse(&self, reply: ChannelOpenHandle, why: &str, text: &str) {
        let session = self.channel.session();
        tracing::info!(session = %session.id, to = self.wanted.shown(), why, "a tunnel was refused");
        if session.refused(WHAT) {
            let event =
                Event::ChannelRefused { session: session.id.clone(), what: WHAT.to_owned(), why: why.to_owned() };
            self.site.registrar.note(vec![event]).await;
        }
        self.channel.finish();
        let reason = crate::texts::to_ascii(text);
        reply.reject(ChannelOpenFailure::Other { code: PROHIBITED, reason }).await;
    }
}
