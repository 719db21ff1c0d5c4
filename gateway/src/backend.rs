//! The daemon as the console sees it: the one desk, the one register, the one feed.

use crate::ctl::server::{Answer, Desk};
use crate::entropy;
use crate::https;
use crate::replay;
use config::Config;
use console::replay::{NotUnlocked, OfficersKey};
use console::wire::{FromWatcher, ToWatcher};
use console::{Commands, Enrolment, Health, Invited, Known, LiveSession, Look, NotEnrolled, SignInTry, Soon, Watching};
use jiff::Timestamp;
use lifecycle::order::{Failure, Hidden, Order, Proof, exit};
use lifecycle::{Actor, Event, ExportScope, Reader, SessionId, TokenId};
use policy::StaffLogin;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::{broadcast, mpsc, watch};

/// Pictures on their way to a browser beyond what the watch itself counts: one is being sent.
const PICTURES: usize = 1;
/// What a browser says that waits to be taken: brakes are never held up behind more.
const SAID: usize = 8;

/// The daemon, behind the console's trait.
pub(crate) struct Backend {
    desk: Arc<Desk>,
    listening: https::Listening,
    vendors: watch::Receiver<Vec<SocketAddr>>,
}

impl Backend {
    /// Over this desk, and what is known of the console's port and of the vendors'.
    pub(crate) fn new(desk: Arc<Desk>, listening: https::Listening, vendors: watch::Receiver<Vec<SocketAddr>>) -> Self {
        Self { desk, listening, vendors }
    }

    async fn sign_in(&self, attempt: SignInTry) -> Result<(), Failure> {
        let SignInTry { staff, password, code, source } = attempt;
        let proof = Proof { staff, password, code, signed_in: false, source: Some(source) };
        self.desk.sign_in(&proof, format!("sign in at the console from {source}")).await
    }

    async fn watch(&self, staff: StaffLogin, session: SessionId) -> Result<Watching, Failure> {
        let ticket = self.desk.ticket(&staff, &session).await?;
        let (to_browser, from_session) = mpsc::channel::<ToWatcher>(PICTURES);
        let (to_session, from_browser) = mpsc::channel::<FromWatcher>(SAID);
        tokio::spawn(ticket.over(from_browser, to_browser, "browser").run());
        Ok(Watching { from_session, to_session })
    }
}

impl Commands for Backend {
    fn now(&self) -> Timestamp {
        self.desk.site.clock.now()
    }

    fn random(&self) -> Result<[u8; 32], Failure> {
        entropy::bytes().map_err(|error| Failure::new(exit::SOFTWARE, error))
    }

    fn config(&self) -> Arc<Config> {
        self.desk.site.config()
    }

    fn look(&self, look: Look) -> Soon<'_, Result<(), Failure>> {
        Box::pin(async move {
            let looked = self.desk.site.registrar.view(move |core, at| {
                look(&Known { register: &core.register, config: &core.config, rules: &core.rules, at });
            });
            looked.await.map_err(|error| Failure::new(exit::TEMPORARY, error))
        })
    }

    fn lockdown(&self) -> Option<String> {
        let lockdown = &self.desk.site.lockdown;
        lockdown.is_on().then(|| lockdown.text())
    }

    fn carry_out(&self, by: StaffLogin, order: Order) -> Soon<'_, Answer> {
        Box::pin(self.desk.carry_out(order, Actor::Staff(by)))
    }

    fn export_read(
        &self,
        token: TokenId,
        what: ExportScope,
        rows: u64,
        filters: String,
    ) -> Soon<'_, Result<(), Failure>> {
        Box::pin(async move {
            self.desk.export_read(what, rows, &filters, Reader::Token(token)).await?;
            Ok(())
        })
    }

    fn sign_in(&self, attempt: SignInTry) -> Soon<'_, Result<(), Failure>> {
        Box::pin(self.sign_in(attempt))
    }

    fn open_invitation(&self, code: Hidden) -> Soon<'_, Result<Option<Invited>, Failure>> {
        Box::pin(async move { self.desk.open_invitation(&code).await })
    }

    fn enrol(&self, chosen: Enrolment) -> Soon<'_, Result<(), NotEnrolled>> {
        Box::pin(self.desk.enrol_staff(chosen))
    }

    fn health(&self) -> Soon<'_, Health> {
        let addresses = self.vendors.borrow().clone();
        Box::pin(self.desk.health(addresses, self.listening.certificate()))
    }

    fn feed(&self) -> broadcast::Receiver<Arc<(Timestamp, Event)>> {
        self.desk.site.registrar.feed()
    }

    fn live(&self) -> Vec<LiveSession> {
        let sessions = self.desk.site.live.matching(|_| true);
        sessions.iter().map(|one| LiveSession { id: one.id.clone(), watchers: one.presence.names() }).collect()
    }

    fn unlock(&self, staff: StaffLogin, passphrase: Hidden) -> Soon<'_, Result<Arc<dyn OfficersKey>, NotUnlocked>> {
        Box::pin(replay::unlock_for(self.desk.clone(), staff, passphrase))
    }

    fn watch(&self, staff: StaffLogin, session: SessionId) -> Soon<'_, Result<Watching, Failure>> {
        Box::pin(self.watch(staff, session))
    }
}
