//! What of a channel's streams is kept in its track, and the digest of what is not.

use super::Channel;
use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use config::Content;
use data_encoding::HEXLOWER;
use recorder::FrameKind;

/// How often the running digest of what is not kept is written down, in bytes.
const NOTE_EVERY: u64 = 64 << 20;

/// How much of a stream is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// Every byte: a terminal's.
    All,
    /// So many bytes, and the digest of the rest if there is any (D22).
    UpTo(u64),
    /// Size and digest, also of a stream that was empty.
    Digest,
}

/// One stream of a track.
pub(super) struct Kept<'a> {
    channel: &'a Channel,
    keep: Keep,
    seen: u64,
    digest: Context,
    noted: u64,
    kind: FrameKind,
}

impl<'a> Kept<'a> {
    /// A stream of a terminal or of a command.
    pub(super) fn new(channel: &'a Channel, kind: FrameKind) -> Self {
        let keep = match channel.terminal() {
            Some(_) => Keep::All,
            None => Keep::UpTo(channel.session.record_limit),
        };
        Self::keeping(channel, kind, keep)
    }

    /// A stream of a tunnel.
    pub(super) fn of_tunnel(channel: &'a Channel, kind: FrameKind, content: Content) -> Self {
        let keep = match content {
            Content::Listed => Keep::Digest,
            Content::Kept => Keep::UpTo(channel.session.record_limit),
        };
        Self::keeping(channel, kind, keep)
    }

    fn keeping(channel: &'a Channel, kind: FrameKind, keep: Keep) -> Self {
        Self { channel, keep, seen: 0, digest: Context::new(&SHA256), noted: 0, kind }
    }

    /// As what it is recorded.
    pub(super) fn kind(&self) -> FrameKind {
        self.kind
    }

    /// Records a block, or its share in the digest. `false`: the session is over.
    pub(super) async fn record(&mut self, bytes: &Bytes) -> bool {
        let record = |bytes| self.channel.session.record(self.channel.number, self.kind, bytes);
        let limit = match self.keep {
            Keep::All => return record(bytes.clone()).await,
            Keep::UpTo(limit) => limit,
            Keep::Digest => 0,
        };
        let room = usize::try_from(limit.saturating_sub(self.seen)).unwrap_or(usize::MAX);
        if room > 0 && !record(bytes.slice(..bytes.len().min(room))).await {
            return false;
        }
        self.seen += bytes.len() as u64;
        let beyond = bytes.get(room..).unwrap_or_default();
        if beyond.is_empty() {
            return true;
        }
        self.digest.update(beyond);
        if self.seen - self.noted >= NOTE_EVERY {
            self.noted = self.seen;
            return self.note("not kept so far").await;
        }
        true
    }

    async fn note(&self, what: &str) -> bool {
        let digest = self.digest.clone().finish();
        let text = format!(
            "{:?} {what}: {} bytes, SHA-256 of what is not kept {}",
            self.kind,
            self.seen,
            HEXLOWER.encode(digest.as_ref())
        );
        self.channel.session.record(self.channel.number, FrameKind::Marker, text.into()).await
    }

    /// Writes down what was not kept, however the channel ended.
    pub(super) async fn close(self) {
        match self.keep {
            Keep::UpTo(limit) if self.seen > limit => {
                self.note("recorded up to the limit").await;
            }
            Keep::Digest => {
                self.note("not kept").await;
            }
            Keep::All | Keep::UpTo(_) => {}
        }
    }
}
