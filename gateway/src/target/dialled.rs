//! A target that let us in, and what it sends.

use super::PATIENCE;
use crate::relay::gate::Reading;
use crate::relay::lane::Item;
use crate::relay::pressure::TargetSide;
use russh::client::{self, ChannelOpenHandle, Msg};
use russh::keys::{PublicKey, PublicKeyOrCertificate};
use russh::{Channel, ChannelId, ChannelOpenFailure, Names, Sig};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

/// A target that answered and let us in.
pub struct Dialled {
    /// What it sends.
    pub side: Arc<TargetSide>,
    /// The connection. Dropping it ends it.
    pub handle: client::Handle<FromTarget>,
    ends: Ends,
}

/// Our ends of what a connection's callbacks tell.
pub(super) struct Ends {
    side: Arc<TargetSide>,
    mismatch: Arc<AtomicBool>,
    negotiated: Arc<Mutex<BTreeSet<String>>>,
    replies: mpsc::Receiver<Reply>,
}

impl Ends {
    /// Whether the host key was another one than the pinned one.
    pub(super) fn is_mismatched(&self) -> bool {
        self.mismatch.load(Ordering::Acquire)
    }
}

/// What a target answered to a request on a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Done.
    Success,
    /// Refused.
    Failure,
}

impl Dialled {
    pub(super) fn new(handle: client::Handle<FromTarget>, ends: Ends) -> Self {
        Self { side: ends.side.clone(), handle, ends }
    }

    /// Names of the algorithms that were agreed on.
    pub fn negotiated(&self) -> BTreeSet<String> {
        self.ends.negotiated.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for the answer to a request that asked for one.
    pub async fn expect(&mut self, wanted: Reply) -> Result<(), russh::Error> {
        match tokio::time::timeout(PATIENCE, self.ends.replies.recv()).await {
            Ok(Some(reply)) if reply == wanted => Ok(()),
            Ok(Some(_)) => Err(russh::Error::RequestDenied),
            Ok(None) | Err(_) => Err(russh::Error::Disconnect),
        }
    }

    /// While its reading is held the library cannot answer what the target asks to see whether we
    /// live; so we say so unasked. Any packet counts for OpenSSH's `ClientAliveInterval`.
    pub async fn keep_awake(&self) -> Infallible {
        const EVERY: Duration = Duration::from_secs(1);
        loop {
            tokio::time::sleep(EVERY).await;
            if self.side.gate.reading() != Reading::Open {
                let _ = self.handle.send_keepalive(false).await;
            }
        }
    }
}

/// Takes what the target sends. Never waits.
pub struct FromTarget {
    side: Arc<TargetSide>,
    pinned: PublicKey,
    mismatch: Arc<AtomicBool>,
    negotiated: Arc<Mutex<BTreeSet<String>>>,
    replies: mpsc::Sender<Reply>,
}

impl FromTarget {
    pub(super) fn new(side: Arc<TargetSide>, pinned: PublicKey) -> (Self, Ends) {
        /// Answers that may wait to be looked at.
        const REPLIES: usize = 8;
        let (told, replies) = mpsc::channel(REPLIES);
        let (mismatch, negotiated) = (Arc::<AtomicBool>::default(), Arc::<Mutex<BTreeSet<String>>>::default());
        let ends = Ends { side: side.clone(), mismatch: mismatch.clone(), negotiated: negotiated.clone(), replies };
        (Self { side, pinned, mismatch, negotiated, replies: told }, ends)
    }
}

impl client::Handler for FromTarget {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let same =
            matches!(key, PublicKeyOrCertificate::PublicKey { key, .. } if key.key_data() == self.pinned.key_data());
        if !same {
            self.mismatch.store(true, Ordering::Release);
        }
        Ok(same)
    }

    async fn kex_done(&mut self, _: Option<&[u8]>, names: &Names, _: &mut client::Session) -> Result<(), Self::Error> {
        let key = names.key.to_string();
        let agreed = [
            names.kex.as_ref(),
            key.as_str(),
            names.cipher.as_ref(),
            names.client_mac.as_ref(),
            names.server_mac.as_ref(),
        ];
        let mut negotiated = self.negotiated.lock().unwrap_or_else(PoisonError::into_inner);
        negotiated.extend(agreed.map(str::to_owned));
        Ok(())
    }

    async fn data(&mut self, _: ChannelId, data: &[u8], _: &mut client::Session) -> Result<(), Self::Error> {
        self.side.arrived(data);
        Ok(())
    }

    async fn extended_data(
        &mut self,
        _: ChannelId,
        _: u32,
        data: &[u8],
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        self.side.push(Item::ErrorOutput(bytes::Bytes::copy_from_slice(data)));
        Ok(())
    }

    async fn channel_eof(&mut self, _: ChannelId, _: &mut client::Session) -> Result<(), Self::Error> {
        self.side.push(Item::Eof);
        Ok(())
    }

    async fn channel_close(&mut self, _: ChannelId, _: &mut client::Session) -> Result<(), Self::Error> {
        self.side.push(Item::Close);
        Ok(())
    }

    async fn exit_status(&mut self, _: ChannelId, status: u32, _: &mut client::Session) -> Result<(), Self::Error> {
        self.side.push(Item::ExitStatus(status));
        Ok(())
    }

    async fn exit_signal(
        &mut self,
        _: ChannelId,
        signal: Sig,
        dumped: bool,
        message: &str,
        language: &str,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        self.side.push(Item::ExitSignal(signal, dumped, message.to_owned(), language.to_owned()));
        Ok(())
    }

    async fn channel_success(&mut self, _: ChannelId, _: &mut client::Session) -> Result<(), Self::Error> {
        // More answers than requests can fill the queue; those are dropped.
        let _ = self.replies.try_send(Reply::Success);
        Ok(())
    }

    async fn channel_failure(&mut self, _: ChannelId, _: &mut client::Session) -> Result<(), Self::Error> {
        let _ = self.replies.try_send(Reply::Failure);
        Ok(())
    }

    // INVARIANT: a target opens no channel towards us (CVE-2023-38408). The library's own answer would be yes,
    // to as many as it likes, and what comes by them would count as the command's output.

    async fn server_channel_open_session(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_agent_forward(
        &mut self,
        _: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_forwarded_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn server_channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut client::Session,
    ) -> Result<(), Self::Error> {
        refuse(reply).await
    }

    async fn disconnected(&mut self, reason: client::DisconnectReason<Self::Error>) -> Result<(), Self::Error> {
        self.side.lane.close();
        match reason {
            client::DisconnectReason::ReceivedDisconnect(_) => Ok(()),
            client::DisconnectReason::Error(error) => Err(error),
        }
    }
}

/// Nothing was asked for.
async fn refuse(reply: ChannelOpenHandle) -> Result<(), russh::Error> {
    reply.reject(ChannelOpenFailure::AdministrativelyProhibited).await;
    Ok(())
}
