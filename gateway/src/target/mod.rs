//! Reaching a target: pinned host key, injected credential, one connection a channel.

use crate::relay::gate::{Gate, GatedStream, Reading};
use crate::relay::lane::Item;
use crate::relay::pressure::TargetSide;
use crate::relay::{PACKET, TARGET_WINDOW};
use crate::ssh::algorithms;
use crate::vault::TargetSecret;
use policy::{Permit, TargetId};
use russh::client::{self, AuthResult, KeyboardInteractiveAuthResponse};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKey, PublicKeyOrCertificate};
use russh::{ChannelId, MethodKind, Sig};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

/// How long a target may take to answer, all steps together.
const PATIENCE: Duration = Duration::from_secs(15);

/// Why a target was not reached.
#[derive(Debug, thiserror::Error)]
pub enum DialError {
    /// The permit is for another target or account.
    #[error("the permit is not for this target")]
    NotPermitted,
    /// No connection.
    #[error("`{target}` at {address} does not answer: {error}")]
    Unreachable {
        /// Which target.
        target: TargetId,
        /// Where.
        address: SocketAddr,
        /// The system's words.
        error: String,
    },
    /// Its host key is another one.
    #[error("`{0}` has another host key than the pinned one: nothing was sent to it")]
    HostKey(TargetId),
    /// The vault has nothing for it.
    #[error("`{0}` has no credential: set one with `poterne target credential`")]
    NoCredential(TargetId),
    /// It refused the credential.
    #[error("`{0}` refuses the credential in the vault")]
    Credential(TargetId),
    /// The protocol failed.
    #[error("`{target}`: {error}")]
    Protocol {
        /// Which target.
        target: TargetId,
        /// The library's words.
        error: russh::Error,
    },
}

/// Where and how to reach one target.
#[derive(Clone)]
pub struct Route {
    /// Which target.
    pub target: TargetId,
    /// Its fixed address (NET-07).
    pub address: SocketAddr,
    /// Its pinned host key (NET-06).
    pub host_key: PublicKey,
    /// What opens it.
    pub secret: Arc<TargetSecret>,
}

/// A target that answered and let us in.
pub struct Dialled {
    /// What it sends.
    pub side: Arc<TargetSide>,
    /// The connection. Dropping it ends it.
    pub handle: client::Handle<FromTarget>,
    replies: mpsc::Receiver<Reply>,
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
    /// Waits for the answer to a request that asked for one.
    pub async fn expect(&mut self, wanted: Reply) -> Result<(), russh::Error> {
        match tokio::time::timeout(PATIENCE, self.replies.recv()).await {
            Ok(Some(reply)) if reply == wanted => Ok(()),
            Ok(Some(_)) => Err(russh::Error::RequestDenied),
            Ok(None) | Err(_) => Err(russh::Error::Disconnect),
        }
    }
}

impl Dialled {
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
    mismatch: Arc<Mutex<bool>>,
    replies: mpsc::Sender<Reply>,
}

impl client::Handler for FromTarget {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        let same =
            matches!(key, PublicKeyOrCertificate::PublicKey { key, .. } if key.key_data() == self.pinned.key_data());
        if !same {
            *self.mismatch.lock().unwrap_or_else(PoisonError::into_inner) = true;
        }
        Ok(same)
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

    async fn disconnected(&mut self, reason: client::DisconnectReason<Self::Error>) -> Result<(), Self::Error> {
        self.side.lane.close();
        match reason {
            client::DisconnectReason::ReceivedDisconnect(_) => Ok(()),
            client::DisconnectReason::Error(error) => Err(error),
        }
    }
}

/// Dials. The permit names the target and the account (promise 1); the credential goes to a host
/// whose pinned key was verified, and to no other.
pub async fn dial(route: &Route, permit: &Permit) -> Result<Dialled, DialError> {
    if *permit.target() != route.target {
        return Err(DialError::NotPermitted);
    }
    match tokio::time::timeout(PATIENCE, connect(route, permit)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(unreachable(route, format!("no answer within {} seconds", PATIENCE.as_secs()))),
    }
}

fn unreachable(route: &Route, error: impl ToString) -> DialError {
    DialError::Unreachable { target: route.target.clone(), address: route.address, error: error.to_string() }
}

async fn connect(route: &Route, permit: &Permit) -> Result<Dialled, DialError> {
    let tcp = TcpStream::connect(route.address).await.map_err(|error| unreachable(route, error))?;
    let _ = tcp.set_nodelay(true);
    crate::ssh::keep_alive(&tcp);
    let side = Arc::new(TargetSide::default());
    let stream = GatedStream::new(Arc::new(tcp), side.gate.clone());
    let mismatch = Arc::new(Mutex::new(false));
    let (replies, answers) = mpsc::channel(8);
    let from_target =
        FromTarget { side: side.clone(), pinned: route.host_key.clone(), mismatch: mismatch.clone(), replies };
    let mut handle = client::connect_stream(Arc::new(client_config(&route.host_key)), stream, from_target)
        .await
        .map_err(|error| {
            if *mismatch.lock().unwrap_or_else(PoisonError::into_inner) {
                DialError::HostKey(route.target.clone())
            } else {
                DialError::Protocol { target: route.target.clone(), error }
            }
        })?;
    let account = permit.account().as_str();
    if sign_in(&mut handle, account, &route.secret)
        .await
        .map_err(|error| DialError::Protocol { target: route.target.clone(), error })?
    {
        Ok(Dialled { side, handle, replies: answers })
    } else {
        Err(DialError::Credential(route.target.clone()))
    }
}

async fn sign_in(
    handle: &mut client::Handle<FromTarget>,
    account: &str,
    secret: &TargetSecret,
) -> Result<bool, russh::Error> {
    match secret {
        TargetSecret::Key(pem) => {
            let key = PrivateKey::from_openssh(pem.as_bytes()).map_err(russh::keys::Error::from)?;
            let hash = match key.algorithm().is_rsa() {
                true => handle.best_supported_rsa_hash().await?.flatten().or(Some(HashAlg::Sha256)),
                false => None,
            };
            Ok(handle.authenticate_publickey(account, PrivateKeyWithHashAlg::new(Arc::new(key), hash)).await?.success())
        }
        TargetSecret::Password(password) => {
            let password = Zeroizing::new(password.clone());
            match handle.authenticate_password(account, password.as_str()).await? {
                AuthResult::Success => Ok(true),
                AuthResult::Failure { remaining_methods, .. }
                    if remaining_methods.contains(&MethodKind::KeyboardInteractive) =>
                {
                    by_one_prompt(handle, account, &password).await
                }
                AuthResult::Failure { .. } => Ok(false),
            }
        }
    }
}

/// A password is typed into one single prompt without echo, and into nothing else (T21).
async fn by_one_prompt(
    handle: &mut client::Handle<FromTarget>,
    account: &str,
    password: &str,
) -> Result<bool, russh::Error> {
    let mut response = handle.authenticate_keyboard_interactive_start(account, None).await?;
    let mut typed = false;
    loop {
        let answers = match response {
            KeyboardInteractiveAuthResponse::Success => return Ok(true),
            KeyboardInteractiveAuthResponse::Failure { .. } => return Ok(false),
            KeyboardInteractiveAuthResponse::InfoRequest { ref prompts, .. } => match prompts.as_slice() {
                [] => Vec::new(),
                [prompt] if !prompt.echo && !typed => {
                    typed = true;
                    vec![password.to_owned()]
                }
                _ => return Ok(false),
            },
        };
        response = handle.authenticate_keyboard_interactive_respond(answers).await?;
    }
}

fn client_config(pinned: &PublicKey) -> client::Config {
    client::Config {
        window_size: TARGET_WINDOW,
        maximum_packet_size: PACKET,
        channel_buffer_size: 16,
        preferred: algorithms::towards_target(pinned),
        limits: algorithms::limits(),
        // Also sent while the connection is held, so that the target does not take us for dead; and
        // without a limit of our own, since a held connection cannot read the answers.
        keepalive_interval: Some(Duration::from_secs(15)),
        keepalive_max: 0,
        inactivity_timeout: None,
        nodelay: true,
        ..client::Config::default()
    }
}

/// Fetches the host key of whatever answers at an address, for `poterne target pin`. Sends no name
/// and no secret.
pub async fn fetch_host_key(address: SocketAddr) -> Result<PublicKey, String> {
    struct Look(Arc<Mutex<Option<PublicKey>>>);
    impl client::Handler for Look {
        type Error = russh::Error;
        async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
            if let PublicKeyOrCertificate::PublicKey { key, .. } = key {
                *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
            }
            Ok(false)
        }
    }
    let seen = Arc::new(Mutex::new(None));
    let config = client::Config { preferred: algorithms::modern(), ..client::Config::default() };
    let look = async {
        let tcp = TcpStream::connect(address).await.map_err(|error| format!("{address} does not answer: {error}"))?;
        let stream = GatedStream::new(Arc::new(tcp), Arc::<Gate>::default());
        match client::connect_stream(Arc::new(config), stream, Look(seen.clone())).await {
            Ok(_) | Err(russh::Error::UnknownKey) => Ok(()),
            Err(error) => Err(format!("{address}: {error}")),
        }
    };
    let outcome = tokio::time::timeout(PATIENCE, look).await.map_err(|_| format!("{address} does not answer"))?;
    let key = seen.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (key, outcome) {
        (Some(key), _) => Ok(key),
        (None, Err(error)) => Err(error),
        (None, Ok(())) => Err(format!("{address} showed no host key")),
    }
}
