//! A channel on a session's page: what it carried, where to, and how much.

use crate::commands::Known;
use crate::texts::Texts;
use config::Content;
use jiff::Timestamp;
use lifecycle::{ChannelKind, ChannelRecord};
use policy::{Direction, TargetId};
use serde::Serialize;
use std::net::SocketAddr;

/// A channel.
#[derive(Debug, Serialize)]
pub(super) struct Channel {
    pub(super) number: u32,
    /// The word for what it carried, such as `sftp`.
    pub(super) kind: &'static str,
    /// Which way files went, where the protocol moves them one way.
    direction: Option<Direction>,
    /// The command line, if it was one.
    pub(super) command: Option<String>,
    /// Where a tunnel went.
    pub(super) to: Option<SocketAddr>,
    pub(super) from: Timestamp,
    pub(super) until: Option<Timestamp>,
    pub(super) exit: Option<u32>,
    pub(super) bytes_in: u64,
    pub(super) bytes_out: u64,
    /// Nobody saw what passed, and as the site is set up now no copy of it is kept either.
    pub(super) unseen: bool,
}

impl Channel {
    pub(super) fn of(known: &Known<'_>, target: &TargetId, one: &ChannelRecord) -> Self {
        let (direction, to) = match &one.what {
            ChannelKind::Scp { direction, .. } | ChannelKind::Rsync { direction, .. } => (Some(*direction), None),
            ChannelKind::Forward { to } => (None, Some(*to)),
            ChannelKind::Shell | ChannelKind::Exec { .. } | ChannelKind::Sftp | ChannelKind::Jump => (None, None),
        };
        let kept = known.config.targets.get(target).is_some_and(|target| target.carried.tunnels == Content::Kept);
        Self {
            number: one.channel,
            kind: one.what.word(),
            direction,
            command: one.what.command().map(str::to_owned),
            to,
            from: one.from,
            until: one.until,
            exit: one.exit,
            bytes_in: one.bytes_in,
            bytes_out: one.bytes_out,
            unseen: to.is_some() && !kept,
        }
    }

    /// What it carried, in words.
    pub(super) fn what(&self, texts: &Texts) -> String {
        let way = match self.direction {
            Some(Direction::ToTarget) => "-to-target",
            Some(Direction::FromTarget) => "-from-target",
            None => "",
        };
        texts.text(&format!("channel-{}{way}", self.kind))
    }
}
