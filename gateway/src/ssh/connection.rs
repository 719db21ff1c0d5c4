//! One technician's connection: the SSH library's callbacks. None of them waits for anything but
//! the lobby's short beats; what takes time runs in tasks of its own.

use crate::admission::Admitted;
use crate::enrolment;
use crate::limits::{ANSWER, ANSWERS, Limit, Reason, Source};
use crate::registrar::Core;
use crate::relay::pressure::ClientSide;
use crate::site::Site;
use crate::ssh::enrolling::{Enrolment, TYPED, refuse_to_enrol};
use crate::ssh::hosted::Hosted;
use crate::ssh::lobby::{Lobby, Login, Origin, Say};
use crate::ssh::parting::say_goodbye;
use crate::ssh::shared::Shared;
use crate::ssh::way::Wanted;
use lifecycle::{AccountId, AccountState};
use russh::keys::HashAlg;
use russh::server::{self, Auth, ChannelOpenHandle, Msg, PublicKeyOffer, Response, Session, VerifiedPublicKey};
use russh::{ChannelId, MethodKind, MethodSet, Pty, Sig};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::{Mutex, mpsc};
use tokio::time::Instant;

/// On the enrolment page, from beginning to end: time to find a phone and to install an authenticator.
const TO_ENROL: Duration = Duration::from_secs(20 * 60);
/// At one prompt of the lobby.
const AT_A_PROMPT: Duration = Duration::from_secs(180);
/// Between two silent rounds while waiting (D2).
const BETWEEN_BEATS: Duration = Duration::from_secs(15);

/// The library's handler.
pub struct Connection {
    server: Arc<server::Config>,
    site: Arc<Site>,
    source: SocketAddr,
    client: Arc<ClientSide>,
    shared: Arc<Shared>,
    login: Option<String>,
    /// Over all methods together: whoever changes the method begins no new count (CVE-2015-5600).
    tries: u32,
    keys: Vec<String>,
    lobby: Option<Lobby>,
    began: bool,
    /// Refused: whatever else is tried is refused too, until the farewell has been sent.
    refused: bool,
    /// What only an admitted connection has.
    hosted: Option<Hosted>,
    enrolling: Option<Enrolment>,
}

type Outcome<T> = Result<T, russh::Error>;

impl Connection {
    /// A connection from this address; connections inside it are spoken to in the same way.
    pub fn new(
        site: Arc<Site>,
        source: SocketAddr,
        client: Arc<ClientSide>,
        shared: Arc<Shared>,
        server: Arc<server::Config>,
    ) -> Self {
        Self {
            server,
            site,
            source,
            client,
            shared,
            login: None,
            tries: 0,
            keys: Vec::new(),
            lobby: None,
            began: false,
            refused: false,
            hosted: None,
            enrolling: None,
        }
    }

    fn source(&self) -> Source {
        Source::of(self.source.ip(), &self.site.config().limits)
    }

    /// Ends the connection for what its client did.
    fn at_fault(&self, reason: Reason) -> russh::Error {
        let _ = self.shared.fault.set(reason);
        russh::Error::Disconnect
    }

    /// The login line may not change, and nothing may be asked anew once the lobby began (D2,
    /// CVE-2023-48712, CVE-2023-46446).
    fn bind(&mut self, user: &str) -> Outcome<()> {
        let same = self.login.get_or_insert_with(|| user.to_owned()) == user;
        // A refused client may ask again before it has read the farewell; that is answered by
        // further refusals, so that it gets to read it.
        if !same || (self.began && !self.refused) {
            return Err(self.at_fault(Reason::Malformed));
        }
        self.tries = self.tries.saturating_add(1);
        if self.tries > self.site.config().limits.tries_per_connection {
            self.site.limits.reached(Limit::Tries, Some(self.source()), self.site.clock.now());
            return Err(self.at_fault(Reason::LimitAbuse));
        }
        Ok(())
    }

    fn stay(&self, how_long: Duration) {
        self.shared.deadline.send_replace(Instant::now() + how_long);
    }

    async fn say(&mut self, say: Say) -> Outcome<Auth> {
        match say {
            Say::Ask { instructions, prompts } => {
                // Until both factors are proven the one minute runs on, whatever is answered (D2).
                if let Some(account) = self.lobby.as_ref().and_then(Lobby::known) {
                    self.shared.place().proven(account);
                    self.stay(if prompts.is_empty() { BETWEEN_BEATS } else { AT_A_PROMPT });
                }
                let prompts = prompts.into_iter().map(|(text, echo)| (Cow::Owned(text), echo)).collect();
                Ok(Auth::Partial {
                    name: Cow::Borrowed(""),
                    instructions: Cow::Owned(instructions),
                    prompts: Cow::Owned(prompts),
                })
            }
            Say::Accept => self.enter(),
            Say::Enrol(who) => {
                self.lobby = None;
                self.enrolling = Some(Enrolment::Invited(who));
                self.let_in();
                self.stay(TO_ENROL);
                Ok(Auth::Accept)
            }
            Say::Refuse { reason, late } => {
                self.lobby = None;
                self.refused = true;
                self.disconnect(reason, if late { Duration::from_secs(1) } else { Duration::ZERO }).await;
                Ok(Auth::Reject { proceed_with_methods: None, partial_success: false })
            }
        }
    }

    /// It has left the lobby, and its bounds are others from here on.
    fn let_in(&self) {
        self.shared.place().inside();
        self.client.gate().allow(0);
    }

    /// The one place where a connection becomes a session. It hangs on our own state, not on the
    /// library's word that authentication succeeded (D2).
    fn enter(&mut self) -> Outcome<Auth> {
        let Some(Admitted { session, first, .. }) = self.lobby.as_mut().and_then(Lobby::admitted) else {
            return Err(russh::Error::Disconnect);
        };
        self.lobby = None;
        if let Some(handle) = self.shared.handle.get() {
            session.set_handle(handle.clone());
        }
        let _ = self.shared.session.set(session.clone());
        self.let_in();
        // From here on the session's own machine knows when it is over.
        self.stay(Duration::from_secs(365 * 24 * 3600));
        let first = Arc::new(Mutex::new(first));
        self.hosted = Some(Hosted::new(self.site.clone(), session, first, self.client.clone()));
        Ok(Auth::Accept)
    }

    async fn disconnect(&self, reason: String, after: Duration) {
        if let Some(handle) = self.shared.handle.get() {
            say_goodbye(handle.clone(), self.client.gate().clone(), reason, after).await;
        }
    }

    /// Whether this is a key of any account.
    async fn is_registered(&self, print: String) -> bool {
        let look = move |core: &Core, _| core.register.accounts.values().any(|account| account.keys.contains(&print));
        self.site.registrar.view(look).await.unwrap_or(false)
    }

    /// The account of this login line, if the key is its own and it may come in from here: of one that is switched
    /// off, frozen or elsewhere a key keeps no place from others.
    async fn may_come_in_by(&self, user: &str, print: String) -> Option<AccountId> {
        let login = Login::parse(user).technician.parse().ok()?;
        let ip = self.source.ip();
        let look = move |core: &Core, _| {
            let account = core.register.account(&login)?;
            let vendor = core.config.vendors.get(&account.vendor)?;
            let may = account.state == AccountState::Active
                && account.keys.contains(&print)
                && !core.register.frozen_vendors.contains_key(&account.vendor)
                && vendor.rules.sources.contain(ip);
            may.then(|| account.id.clone())
        };
        self.site.registrar.view(look).await.ok().flatten()
    }

    /// Refuses what is never possible. Nothing but an admitted connection gets this far.
    async fn refuse_kind(&self, reply: ChannelOpenHandle, what: &str) {
        if let Some(hosted) = &self.hosted {
            hosted.refuse_kind(reply, what).await;
        }
    }

    fn refuse(&self, what: &str) {
        if let Some(hosted) = &self.hosted {
            hosted.refuse(what, "never possible");
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // How the connection ended is known to its task, which ends the session with the cause.
        self.client.gate().end();
    }
}

impl server::Handler for Connection {
    type Error = russh::Error;

    async fn authentication_banner(&mut self) -> Outcome<Option<String>> {
        let config = self.site.config();
        // The first that is heard once the keys are exchanged.
        super::listener::made_room(&self.site, &config, self.shared.place().asked(&config));
        let login_time = Duration::try_from(config.limits.login_time).unwrap_or_default();
        self.shared.deadline.send_replace(self.shared.begun + login_time);
        let texts = crate::texts::Texts::new(config.site.language, config.site.zone.clone());
        let mut lines = texts.with("banner", &[("site", &config.site.name)]);
        if !config.ssh.help.is_empty() {
            lines.push('\n');
            lines.push_str(&texts.with("banner-help", &[("help", &config.ssh.help)]));
        }
        Ok(Some(format!("{}\r\n", crate::texts::to_ascii(&lines).replace('\n', "\r\n"))))
    }

    async fn auth_none(&mut self, user: &str) -> Outcome<Auth> {
        self.bind(user)?;
        Ok(Auth::Reject { proceed_with_methods: Some(methods()), partial_success: false })
    }

    async fn auth_password(&mut self, user: &str, _: &str) -> Outcome<Auth> {
        self.bind(user)?;
        Ok(Auth::Reject { proceed_with_methods: Some(methods()), partial_success: false })
    }

    async fn auth_openssh_certificate(&mut self, user: &str, _: &russh::keys::Certificate) -> Outcome<Auth> {
        self.bind(user)?;
        Ok(Auth::Reject { proceed_with_methods: Some(methods()), partial_success: false })
    }

    /// Whether a key is worth a signature depends on its being registered, for anybody (D1).
    async fn auth_publickey_offered(&mut self, user: &str, offer: PublicKeyOffer<'_>) -> Outcome<Auth> {
        self.bind(user)?;
        match self.is_registered(offer.public_key.fingerprint(HashAlg::Sha256).to_string()).await {
            true => Ok(Auth::Accept),
            false => Ok(Auth::Reject { proceed_with_methods: Some(methods()), partial_success: false }),
        }
    }

    /// The library has verified the signature. Whose key it is, is judged with the rest (D1,
    /// CVE-2024-45337: the key used counts, not the one offered).
    async fn auth_publickey(&mut self, user: &str, key: VerifiedPublicKey<'_>) -> Outcome<Auth> {
        self.bind(user)?;
        let print = key.public_key.fingerprint(HashAlg::Sha256).to_string();
        if let Some(account) = self.may_come_in_by(user, print.clone()).await {
            // Whoever holds a technician's key keeps a place in the midst of any flood (IDM-09).
            self.shared.place().proven(&account);
        }
        if self.keys.len() < ANSWERS && !self.keys.contains(&print) {
            self.keys.push(print);
        }
        let next = MethodSet::from(&[MethodKind::KeyboardInteractive][..]);
        Ok(Auth::Reject { proceed_with_methods: Some(next), partial_success: true })
    }

    async fn auth_keyboard_interactive<'a>(
        &'a mut self,
        user: &str,
        _: &str,
        response: Option<Response<'a>>,
    ) -> Outcome<Auth> {
        let Some(response) = response else {
            self.bind(user)?;
            if self.refused {
                return Ok(Auth::Reject { proceed_with_methods: None, partial_success: false });
            }
            self.began = true;
            let origin = Origin { source: self.source, via: self.shared.via };
            let lobby =
                Lobby::new(self.site.clone(), self.client.clone(), Login::parse(user), self.keys.clone(), origin);
            let say = lobby.begin();
            self.lobby = Some(lobby);
            return self.say(say).await;
        };
        if self.login.as_deref() != Some(user) {
            return Err(self.at_fault(Reason::Malformed));
        }
        let answers: Vec<String> = response
            .take(ANSWERS)
            .map(|bytes| String::from_utf8_lossy(bytes.get(..bytes.len().min(ANSWER)).unwrap_or_default()).into_owned())
            .collect();
        // While this step runs the connection's task must not take it for asleep.
        if self.lobby.as_ref().is_some_and(Lobby::is_known) {
            self.stay(AT_A_PROMPT);
        }
        let Some(lobby) = self.lobby.as_mut().filter(|_| !self.refused) else { return Err(russh::Error::Disconnect) };
        let unproven = !lobby.is_known();
        let say = lobby.answer(&answers).await;
        if unproven && lobby.is_known() {
            self.shared.judged.store(true, Ordering::Release);
            let _ = self.shared.if_cut.set(lobby.if_cut());
        }
        self.say(say).await
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
        match self.enrolling.take() {
            Some(Enrolment::Invited(who)) => {
                let id = opened.id();
                let (_, writer) = opened.split();
                self.enrolling = Some(Enrolment::Opened { who, id, writer, terminal: false });
                reply.accept().await;
                return Ok(());
            }
            other => self.enrolling = other,
        }
        if let Some(hosted) = &mut self.hosted {
            hosted.open_session(opened, reply).await;
        }
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        opened: russh::Channel<Msg>,
        host: &str,
        port: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Outcome<()> {
        if let Some(hosted) = &mut self.hosted {
            hosted.open_tunnel(opened, Wanted::new(host, port), reply, self.server.clone()).await;
        }
        Ok(())
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        _: russh::Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Outcome<()> {
        self.refuse_kind(reply, "direct-streamlocal").await;
        Ok(())
    }

    async fn channel_open_x11(
        &mut self,
        _: russh::Channel<Msg>,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Outcome<()> {
        self.refuse_kind(reply, "x11").await;
        Ok(())
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
        self.refuse_kind(reply, "forwarded-tcpip").await;
        Ok(())
    }

    async fn tcpip_forward(&mut self, _: &str, _: &mut u32, _: &mut Session) -> Outcome<bool> {
        self.refuse("tcpip-forward");
        Ok(false)
    }

    async fn streamlocal_forward(&mut self, _: &str, _: &mut Session) -> Outcome<bool> {
        self.refuse("streamlocal-forward");
        Ok(false)
    }

    async fn cancel_tcpip_forward(&mut self, _: &str, _: u32, _: &mut Session) -> Outcome<bool> {
        self.refuse("tcpip-forward");
        Ok(false)
    }

    async fn cancel_streamlocal_forward(&mut self, _: &str, _: &mut Session) -> Outcome<bool> {
        self.refuse("streamlocal-forward");
        Ok(false)
    }

    async fn agent_request(&mut self, _: ChannelId, _: &mut Session) -> Outcome<bool> {
        self.refuse("agent");
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
        match &self.hosted {
            Some(hosted) => hosted.refuse_request(id, "x11", session),
            None => session.channel_failure(id),
        }
    }

    async fn env_request(&mut self, id: ChannelId, _: &str, _: &str, session: &mut Session) -> Outcome<()> {
        match &self.hosted {
            Some(hosted) => hosted.environment(id, session),
            None => session.channel_failure(id),
        }
    }

    async fn subsystem_request(&mut self, id: ChannelId, name: &str, session: &mut Session) -> Outcome<()> {
        match self.enrolling.take() {
            Some(Enrolment::Opened { who, writer, .. }) => return refuse_to_enrol(&who, &writer, id, session).await,
            other => self.enrolling = other,
        }
        match &mut self.hosted {
            Some(hosted) => hosted.subsystem(id, name, session),
            None => session.channel_failure(id),
        }
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
        if let Some(Enrolment::Opened { id: only, terminal, .. }) = &mut self.enrolling
            && *only == id
        {
            *terminal = true;
            return session.channel_success(id);
        }
        match &self.hosted {
            Some(hosted) => hosted.terminal(id, term, (columns, rows), modes, session),
            None => session.channel_failure(id),
        }
    }

    async fn shell_request(&mut self, id: ChannelId, session: &mut Session) -> Outcome<()> {
        match self.enrolling.take() {
            Some(Enrolment::Opened { who, id: only, writer, terminal: true }) if only == id => {
                let (typed, received) = mpsc::channel(TYPED);
                self.enrolling = Some(Enrolment::Running { id, typed });
                session.channel_success(id)?;
                let (site, gate) = (self.site.clone(), self.client.gate().clone());
                tokio::spawn(async move {
                    enrolment::run(site, *who, writer, received).await;
                    // The client has a moment to read the last line and to leave by itself.
                    tokio::time::sleep(Duration::from_secs(2)).await;
                    gate.end();
                });
                return Ok(());
            }
            Some(Enrolment::Opened { who, writer, .. }) => return refuse_to_enrol(&who, &writer, id, session).await,
            other => self.enrolling = other,
        }
        match &mut self.hosted {
            Some(hosted) => hosted.shell(id, session),
            None => session.channel_failure(id),
        }
    }

    async fn exec_request(&mut self, id: ChannelId, command: &[u8], session: &mut Session) -> Outcome<()> {
        match self.enrolling.take() {
            Some(Enrolment::Opened { who, writer, .. }) => return refuse_to_enrol(&who, &writer, id, session).await,
            other => self.enrolling = other,
        }
        match &mut self.hosted {
            Some(hosted) => hosted.exec(id, command, session),
            None => session.channel_failure(id),
        }
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
        self.hosted.as_ref().map_or(Ok(()), |hosted| hosted.resize(id, (columns, rows), (width, height)))
    }

    async fn signal(&mut self, id: ChannelId, signal: Sig, _: &mut Session) -> Outcome<()> {
        self.hosted.as_ref().map_or(Ok(()), |hosted| hosted.signal(id, signal))
    }

    async fn data(&mut self, id: ChannelId, data: &[u8], _: &mut Session) -> Outcome<()> {
        if let Some(Enrolment::Running { id: only, typed }) = &self.enrolling
            && *only == id
        {
            // Whoever types faster than the page reads is no person.
            return typed.try_send(data.to_vec()).map_err(|_| russh::Error::Disconnect);
        }
        self.hosted.as_ref().map_or(Ok(()), |hosted| hosted.data(id, data))
    }

    async fn channel_eof(&mut self, id: ChannelId, _: &mut Session) -> Outcome<()> {
        self.hosted.as_ref().map_or(Ok(()), |hosted| hosted.ended(id))
    }

    async fn channel_close(&mut self, id: ChannelId, _: &mut Session) -> Outcome<()> {
        if matches!(&self.enrolling, Some(Enrolment::Running { id: only, .. }) if *only == id) {
            // The page hears that nobody types any more.
            self.enrolling = None;
            return Err(russh::Error::Disconnect);
        }
        if let Some(hosted) = &mut self.hosted {
            hosted.closed(id);
        }
        Ok(())
    }
}

fn methods() -> MethodSet {
    MethodSet::from(&[MethodKind::PublicKey, MethodKind::KeyboardInteractive][..])
}
