//! The bastion's SSH server inside a technician's connection (`ssh -J`): it stands in the target's
//! place, under the target's name.
//!
//! Whoever reaches it has passed the lobby and holds the session's permit, so nothing more is asked:
//! only that the client wants to be the account that the permit names. Inside there are shells,
//! commands and files, by the same rules and into the same recording as outside; nothing leads on from
//! here (T23: same target and account, no nesting, no forwards).

use crate::relay::pressure::ClientSide;
use crate::ssh::hosted::Hosted;
use crate::ssh::parting::say_goodbye;
use russh::server::{self, Auth, ChannelOpenHandle, Handle, Msg, PublicKeyOffer, Response, Session, VerifiedPublicKey};
use russh::{ChannelId, MethodKind, MethodSet, Pty, Sig};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::sync::watch;

type Outcome<T> = Result<T, russh::Error>;

/// What the inner connection's task and its callbacks share.
pub(super) struct Met {
    /// Whom the client must want to be.
    account: String,
    /// What to type instead.
    command: String,
    handle: OnceLock<Handle>,
    entered: watch::Sender<bool>,
    refused: AtomicBool,
}

impl Met {
    /// A connection just met.
    pub(super) fn new(account: String, command: String) -> Arc<Self> {
        Arc::new(Self {
            account,
            command,
            handle: OnceLock::new(),
            entered: watch::Sender::new(false),
            refused: AtomicBool::new(false),
        })
    }

    /// Gives it the library's handle.
    pub(super) fn set_handle(&self, handle: Handle) {
        let _ = self.handle.set(handle);
    }

    /// The library's handle, once there is one.
    pub(super) fn handle(&self) -> Option<&Handle> {
        self.handle.get()
    }

    /// Whether the client named another account.
    pub(super) fn has_refused(&self) -> bool {
        self.refused.load(Ordering::Acquire)
    }

    /// Returns once the client has named the right account.
    pub(super) async fn entered(&self) {
        let _ = self.entered.subscribe().wait_for(|entered| *entered).await;
    }
}

/// The library's handler.
pub(super) struct Inner {
    met: Arc<Met>,
    hosted: Hosted,
    client: Arc<ClientSide>,
}

impl Inner {
    /// A connection inside a session.
    pub(super) fn new(met: Arc<Met>, hosted: Hosted, client: Arc<ClientSide>) -> Self {
        Self { met, hosted, client }
    }

    /// Whatever way a client tries: the permit is the outer connection's, and what is checked here is
    /// that the client is not mistaken about whom it will be.
    async fn enter(&mut self, user: &str) -> Outcome<Auth> {
        if user == self.met.account && !self.met.has_refused() {
            self.met.entered.send_replace(true);
            return Ok(Auth::Accept);
        }
        if !self.met.refused.swap(true, Ordering::AcqRel) {
            self.hosted.refuse("jump (another account)", "not granted");
            let session = &self.hosted.session;
            let values = [("account", self.met.account.as_str()), ("command", self.met.command.as_str())];
            let reason = crate::texts::to_ascii(&session.texts.with("jump-account", &values));
            if let Some(handle) = self.met.handle() {
                say_goodbye(handle.clone(), self.client.gate().clone(), reason, Duration::ZERO).await;
            }
        }
        // One method is left, so that a client goes on and gets to read the goodbye.
        let next = MethodSet::from(&[MethodKind::KeyboardInteractive][..]);
        Ok(Auth::Reject { proceed_with_methods: Some(next), partial_success: false })
    }

    async fn refuse_way_on(&self, reply: ChannelOpenHandle, what: &str) -> Outcome<()> {
        self.hosted.refuse_kind(reply, what).await;
        Ok(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.hosted.finish();
        self.client.gate().end();
    }
}

impl server::Handler for Inner {
    type Error = russh::Error;

    async fn auth_none(&mut self, user: &str) -> Outcome<Auth> {
        self.enter(user).await
    }

    /// The password is not looked at.
    async fn auth_password(&mut self, user: &str, _: &str) -> Outcome<Auth> {
        self.enter(user).await
    }

    async fn auth_publickey_offered(&mut self, user: &str, _: PublicKeyOffer<'_>) -> Outcome<Auth> {
        // The signature that follows is what enters.
        match user == self.met.account {
            true => Ok(Auth::Accept),
            false => self.enter(user).await,
        }
    }

    async fn auth_publickey(&mut self, user: &str, _: VerifiedPublicKey<'_>) -> Outcome<Auth> {
        self.enter(user).await
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _: &str,
        _: Option<Response<'a>>,
    ) -> Outcome<Auth> {
        self.enter(user).await
    }

    fn adjust_window(&mut self, _: ChannelId, _: u32) -> u32 {
        self.client.window()
    }

    async fn channel_open_session(
        &mut self,
        opened: russh::Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Outcome<()> {
        self.hosted.open_session(opened, reply).await;
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        _: russh::Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Outcome<()> {
        self.refuse_way_on(reply, "direct-tcpip").await
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        _: russh::Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Outcome<()> {
        self.refuse_way_on(reply, "direct-streamlocal").await
    }

    async fn channel_open_x11(
        &mut self,
        _: russh::Channel<Msg>,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Outcome<()> {
        self.refuse_way_on(reply, "x11").await
    }

    async fn channel_open_forwarded_tcpip(
        &mut self,
        _: russh::Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Outcome<()> {
        self.refuse_way_on(reply, "forwarded-tcpip").await
    }

    async fn tcpip_forward(&mut self, _: &str, _: &mut u32, _: &mut Session) -> Outcome<bool> {
        self.hosted.refuse("tcpip-forward", "never possible");
        Ok(false)
    }

    async fn streamlocal_forward(&mut self, _: &str, _: &mut Session) -> Outcome<bool> {
        self.hosted.refuse("streamlocal-forward", "never possible");
        Ok(false)
    }

    async fn agent_request(&mut self, _: ChannelId, _: &mut Session) -> Outcome<bool> {
        self.hosted.refuse("agent", "never possible");
        Ok(false)
    }

    async fn x11_request(
        &mut self,
        id: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        session: &mut Session,
    ) -> Outcome<()> {
        self.hosted.refuse_request(id, "x11", session)
    }

    async fn env_request(&mut self, id: ChannelId, _: &str, _: &str, session: &mut Session) -> Outcome<()> {
        self.hosted.environment(id, session)
    }

    async fn subsystem_request(&mut self, id: ChannelId, name: &str, session: &mut Session) -> Outcome<()> {
        self.hosted.subsystem(id, name, session)
    }

    async fn pty_request(
        &mut self,
        id: ChannelId,
        term: &str,
        columns: u32,
        rows: u32,
        _: u32,
        _: u32,
        modes: &[(Pty, u32)],
        session: &mut Session,
    ) -> Outcome<()> {
        self.hosted.terminal(id, term, (columns, rows), modes, session)
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Outcome<()> {
        self.hosted.shell(id, session)
    }

    async fn exec_request(&mut self, id: ChannelId, command: &[u8], session: &mut Session) -> Outcome<()> {
        self.hosted.exec(id, command, session)
    }

    async fn window_change_request(
        &mut self,
        id: ChannelId,
        columns: u32,
        rows: u32,
        width: u32,
        height: u32,
        _: &mut Session,
    ) -> Outcome<()> {
        self.hosted.resize(id, (columns, rows), (width, height))
    }

    async fn signal(&mut self, id: ChannelId, signal: Sig, _: &mut Session) -> Outcome<()> {
        self.hosted.signal(id, signal)
    }

    async fn data(&mut self, id: ChannelId, data: &[u8], _: &mut Session) -> Outcome<()> {
        self.hosted.data(id, data)
    }

    async fn channel_eof(&mut self, id: ChannelId, _: &mut Session) -> Outcome<()> {
        self.hosted.ended(id)
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Outcome<()> {
        self.hosted.closed(id);
        Ok(())
    }
}
