//! A tunnel: bytes between a client's channel and an address, or the bastion's inner SSH server.
//!
//! Towards an address the pressure is exact for free: nothing is read from one side before the other
//! has taken what was read before, but for what the client's window allows it to send.

use super::first_bytes::{FirstBytes, Sifted};
use super::kept::Kept;
use super::{Channel, Item};
use crate::relay::session::Flow;
use bytes::{Bytes, BytesMut};
use config::Content;
use recorder::FrameKind;
use russh::{ChannelWriteHalf, server};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpStream, UnixStream};

/// One read.
const READ: usize = 64 << 10;
/// How long the destination may take for what a client sent before it closed its channel.
const LAST_BYTES: Duration = Duration::from_secs(10);

/// How a tunnel ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TunnelEnd {
    /// By either side, or with the session.
    Over,
    /// One of its sides began to speak SSH; nothing of that was passed on.
    Ssh,
}

/// How one direction ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    /// Its sender has said all; the other direction goes on.
    Ended,
    /// So that nothing of the tunnel is left.
    Closed,
    /// The destination or the session broke off: what is on its way is worth nothing any more.
    Broken,
    Ssh,
}

impl Channel {
    /// Relays between the client and a destination until both have ended, one has broken off, or the
    /// session ends.
    pub async fn forward(
        self: &Arc<Self>,
        client: &ChannelWriteHalf<server::Msg>,
        mut tcp: TcpStream,
        content: Content,
    ) -> TunnelEnd {
        let mut sent = Kept::of_tunnel(self, FrameKind::Input, content);
        let mut received = Kept::of_tunnel(self, FrameKind::Output, content);
        let end = {
            let (mut from, mut to) = tcp.split();
            let up = self.forward_up(&mut to, &mut sent);
            let down = self.forward_down(&mut from, client, &mut received);
            tokio::pin!(up, down);
            let both = async {
                tokio::select! {
                    end = &mut up => match end {
                        Half::Ended => tokio::select! {
                            end = &mut down => end,
                            () = self.until_closed() => Half::Closed,
                        },
                        end => end,
                    },
                    end = &mut down => match end {
                        Half::Ended => (&mut up).await,
                        end => end,
                    },
                }
            };
            let overdue = async {
                self.closing.notified().await;
                tokio::time::sleep(LAST_BYTES).await;
            };
            tokio::select! {
                end = both => end,
                () = self.session.ended() => Half::Broken,
                () = overdue => Half::Broken,
            }
        };
        if matches!(end, Half::Broken | Half::Ssh) {
            // What the kernel still holds is thrown away with it.
            let _ = tcp.set_zero_linger();
        }
        drop(tcp);
        self.finish();
        sent.close().await;
        received.close().await;
        if end == Half::Ssh { TunnelEnd::Ssh } else { TunnelEnd::Over }
    }

    async fn forward_up(&self, to: &mut WriteHalf<'_>, kept: &mut Kept<'_>) -> Half {
        let mut first = FirstBytes::of_client();
        loop {
            let Some(item) = self.up.pop().await else { return Half::Broken };
            let cost = item.cost();
            let end = match item {
                Item::Data(bytes) => match first.sift(bytes) {
                    Sifted::Ssh => Some(Half::Ssh),
                    Sifted::Pass(bytes) => (!self.deliver(to, kept, bytes).await).then_some(Half::Broken),
                },
                Item::Eof | Item::Close => {
                    let end = if matches!(item, Item::Close) { Half::Closed } else { Half::Ended };
                    let done = self.deliver(to, kept, first.rest()).await
                        && self.session.until_flowing().await == Flow::Flowing
                        && to.shutdown().await.is_ok();
                    Some(if done { end } else { Half::Broken })
                }
                // What belongs to commands and terminals only.
                _ => None,
            };
            let counted = self.up.delivered(cost);
            self.client.delivered(counted);
            if let Some(end) = end {
                return end;
            }
        }
    }

    /// Records, and writes as far as the session flows.
    async fn deliver(&self, to: &mut WriteHalf<'_>, kept: &mut Kept<'_>, mut bytes: Bytes) -> bool {
        if bytes.is_empty() {
            return true;
        }
        if self.session.until_flowing().await != Flow::Flowing || !kept.record(&bytes).await {
            return false;
        }
        while !bytes.is_empty() {
            if self.session.until_flowing().await != Flow::Flowing {
                return false;
            }
            let written = tokio::select! {
                biased;
                // A freeze that comes while the destination does not read holds the rest.
                () = self.session.until_still() => continue,
                written = to.write(&bytes) => written,
            };
            match written {
                Ok(count) if count > 0 => {
                    drop(bytes.split_to(count));
                    self.bytes_in.fetch_add(count as u64, Ordering::Relaxed);
                    self.session.moved(count as u64, 0);
                }
                _ => return false,
            }
        }
        true
    }

    async fn forward_down(
        &self,
        from: &mut ReadHalf<'_>,
        client: &ChannelWriteHalf<server::Msg>,
        kept: &mut Kept<'_>,
    ) -> Half {
        let mut first = FirstBytes::of_server();
        let mut block = BytesMut::new();
        loop {
            if self.session.until_flowing().await != Flow::Flowing {
                return Half::Broken;
            }
            let read = tokio::select! {
                biased;
                () = self.session.until_still() => continue,
                read = read_some(from, &mut block) => read,
            };
            let (bytes, ended) = match read {
                Err(_) => return Half::Broken,
                Ok(0) => (first.rest(), true),
                Ok(_) => match first.sift(block.split().freeze()) {
                    Sifted::Pass(bytes) => (bytes, false),
                    Sifted::Ssh => return Half::Ssh,
                },
            };
            if !bytes.is_empty() {
                let count = bytes.len() as u64;
                if !kept.record(&bytes).await {
                    return Half::Broken;
                }
                self.client.gate().writable().await;
                // A freeze that came while this block waited holds it too.
                if self.session.until_flowing().await != Flow::Flowing || client.data_bytes(bytes).await.is_err() {
                    return Half::Broken;
                }
                self.bytes_out.fetch_add(count, Ordering::Relaxed);
                self.session.moved(0, count);
            }
            if ended {
                return if client.eof().await.is_ok() { Half::Ended } else { Half::Closed };
            }
        }
    }

    /// After the client's end: returns once it has closed the channel.
    async fn until_closed(&self) {
        while let Some(item) = self.up.pop().await {
            let counted = self.up.delivered(item.cost());
            self.client.delivered(counted);
            if matches!(item, Item::Close) {
                return;
            }
        }
    }

    /// Carries an SSH connection to the bastion's inner server and back. Also while frozen: what may not
    /// move is held inside, where it is understood.
    pub async fn carry(&self, client: &ChannelWriteHalf<server::Msg>, mut inner: UnixStream) {
        let (mut from, mut to) = inner.split();
        let up = async {
            while let Some(item) = self.up.pop().await {
                let cost = item.cost();
                let goes_on = match item {
                    Item::Data(bytes) => {
                        self.bytes_in.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                        to.write_all(&bytes).await.is_ok()
                    }
                    Item::Eof => to.shutdown().await.is_ok(),
                    _ => true,
                };
                let counted = self.up.delivered(cost);
                self.client.delivered(counted);
                if !goes_on {
                    return;
                }
            }
        };
        let down = async {
            let mut block = BytesMut::new();
            loop {
                self.client.gate().writable().await;
                match read_some(&mut from, &mut block).await {
                    Ok(count) if count > 0 => {
                        self.bytes_out.fetch_add(count as u64, Ordering::Relaxed);
                        if client.data_bytes(block.split().freeze()).await.is_err() {
                            return;
                        }
                    }
                    _ => return,
                }
            }
        };
        tokio::pin!(up, down);
        tokio::select! {
            // What the inner server said last is still told.
            () = &mut up => {}
            () = &mut down => {}
        }
    }
}

/// Reads once. Small reads share a block.
async fn read_some(from: &mut (impl AsyncRead + Unpin), block: &mut BytesMut) -> std::io::Result<usize> {
    if block.capacity() - block.len() < READ / 4 {
        block.reserve(READ);
    }
    from.read_buf(block).await
}
