//! The daemon as the console sees it: the one desk, the one register, the one feed.

use crate::ctl::desk::{Answer, Desk};
use crate::entropy;
use crate::evidence::Wanted;
use crate::https;
use crate::limits::{Limit, Source};
use crate::replay;
use config::Config;
use console::replay::{NotUnlocked, OfficersKey};
use console::wire::{FromWatcher, ToWatcher};
use console::{
    Commands, Enrolment, Evidence, Health, Invited, LiveSession, Look, NotEnrolled, SignInTry, Soon, Watching,
};
use jiff::Timestamp;
use lifecycle::order::{Failure, Hidden, Needs, Order, Proof, exit, needs};
use lifecycle::{Actor, Event, EvidenceScope, ExportScope, Reader, Refusal, Role, SessionId, TokenId};
use policy::{GroupId, StaffLogin};
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, watch};

/// Pictures on their way to a browser beyond what the watch itself counts: one is being sent.
const PICTURES: usize = 1;
/// What a browser says that waits to be taken: brakes are never held up behind more.
const SAID: usize = 8;

/// How long a brake waits to know the roles of whoever asks for it.
const BRAKE_PATIENCE: Duration = Duration::from_secs(1);

/// The daemon, behind the console's trait.
pub(crate) struct Backend {
    desk: Arc<Desk>,
    listening: https::Listening,
    vendors: watch::Receiver<Vec<SocketAddr>>,
    /// The roles of those who signed in here, as they were last seen.
    roles: Mutex<HashMap<StaffLogin, BTreeSet<Role>>>,
    /// Sign-ins that are being judged.
    judging: Arc<AtomicU32>,
}

/// A sign-in that is being judged, for as long as it lives.
struct Judging(Arc<AtomicU32>);

impl Judging {
    fn begin(all: &Arc<AtomicU32>, most: u32) -> Option<Self> {
        let one = Self(all.clone());
        (all.fetch_add(1, Ordering::AcqRel) < most).then_some(one)
    }
}

impl Drop for Judging {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Backend {
    /// Over this desk, and what is known of the console's port and of the vendors'.
    pub(crate) fn new(desk: Arc<Desk>, listening: https::Listening, vendors: watch::Receiver<Vec<SocketAddr>>) -> Self {
        Self { desk, listening, vendors, roles: Mutex::default(), judging: Arc::default() }
    }

    async fn sign_in(&self, attempt: SignInTry) -> Result<(), Failure> {
        let SignInTry { staff, password, code, source } = attempt;
        let site = &self.desk.site;
        // Whoever comes behind so many is told to come again, and waits for nothing (T17).
        let most = site.config().limits.console_sign_ins;
        let _turn = Judging::begin(&self.judging, most).ok_or_else(|| {
            Commands::limit_reached(self, "console-sign-ins", source);
            Failure::new(exit::TEMPORARY, "too many people sign in at this moment: try again in a few seconds")
        })?;
        let proof = Proof { staff, password, code, signed_in: false, source: Some(source) };
        self.desk.sign_in(&proof, format!("sign in at the console from {source}")).await?;
        self.keep_roles(proof.staff).await;
        Ok(())
    }

    /// Whether somebody of the staff may give an order, by the roles they have now: the console has asked
    /// too, and this holds where it forgot. A brake goes on with the roles they were last seen with, where
    /// the registrar does not answer (D18); everything else is refused then.
    async fn may(&self, staff: &StaffLogin, order: &Order) -> Result<(), Failure> {
        let (wanted, brake): (&[Role], bool) = match needs(order) {
            // It only looks, or the proof itself is judged with the order.
            Needs::Nothing | Needs::Proof => return Ok(()),
            Needs::Freeze => (&[Role::Approver], true),
            Needs::Brake(roles) => (roles, true),
            Needs::Role(roles) => (roles, false),
        };
        let login = staff.clone();
        let looking = self.desk.site.registrar.view(move |core, _| {
            let staff = core.register.staff.get(&login).filter(|staff| staff.is_active());
            staff.map(|staff| staff.roles.clone()).unwrap_or_default()
        });
        let found = if brake {
            tokio::time::timeout(BRAKE_PATIENCE, looking).await.ok().and_then(Result::ok)
        } else {
            Some(looking.await.map_err(|error| Failure::new(exit::TEMPORARY, error))?)
        };
        let roles = {
            let mut kept = self.roles.lock().unwrap_or_else(PoisonError::into_inner);
            match found {
                Some(roles) => {
                    kept.insert(staff.clone(), roles.clone());
                    roles
                }
                None => kept.get(staff).cloned().unwrap_or_default(),
            }
        };
        if wanted.iter().any(|role| roles.contains(role)) {
            return Ok(());
        }
        let role = wanted.first().copied().unwrap_or(Role::Operator);
        Err(Refusal::Role { staff: staff.clone(), role }.into())
    }

    /// Keeps the roles of whoever signed in, for brakes.
    async fn keep_roles(&self, staff: StaffLogin) {
        let login = staff.clone();
        let looking =
            self.desk.site.registrar.view(move |core, _| {
                core.register.staff.get(&login).map(|staff| staff.roles.clone()).unwrap_or_default()
            });
        if let Ok(roles) = looking.await {
            self.roles.lock().unwrap_or_else(PoisonError::into_inner).insert(staff, roles);
        }
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
                look(&core.known(at));
            });
            looked.await.map_err(|error| Failure::new(exit::TEMPORARY, error))
        })
    }

    fn limit_reached(&self, limit: &'static str, source: IpAddr) {
        let site = &self.desk.site;
        if let Some(limit) = Limit::of(limit) {
            site.limits.reached(limit, Some(Source::of(source, &site.config().limits)), site.clock.now());
        }
    }

    fn lockdown(&self) -> Option<String> {
        let lockdown = &self.desk.site.lockdown;
        lockdown.is_on().then(|| lockdown.text())
    }

    fn reopened(&self) -> BTreeSet<GroupId> {
        self.desk.site.lockdown.reopened()
    }

    fn carry_out(&self, by: StaffLogin, order: Order) -> Soon<'_, Answer> {
        Box::pin(async move {
            self.may(&by, &order).await?;
            self.desk.carry_out(order, Actor::Staff(by)).await
        })
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

    fn evidence(&self, by: StaffLogin, scope: EvidenceScope, purpose: String) -> Soon<'_, Result<Evidence, Failure>> {
        Box::pin(async move {
            let (anchors, reencrypted) = (Vec::new(), false);
            let order = Order::EvidenceExport { scope: scope.clone(), purpose: purpose.clone(), anchors, reencrypted };
            self.may(&by, &order).await?;
            let wanted = Wanted { scope, purpose, anchors: Vec::new(), reencrypted, staff: by };
            let prepared = self.desk.evidence(wanted).await?;
            Ok(Evidence { name: prepared.name.clone(), bytes: prepared.bytes, pieces: prepared.stream() })
        })
    }

    fn watch(&self, staff: StaffLogin, session: SessionId) -> Soon<'_, Result<Watching, Failure>> {
        Box::pin(self.watch(staff, session))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T17: so many sign-ins are judged at once, and whoever was turned away holds no place.
    #[test]
    fn sign_ins_are_judged_a_few_at_a_time() {
        let all = Arc::default();
        let begin = || Judging::begin(&all, 2);
        let held = [begin(), begin()];
        assert!(held.iter().all(Option::is_some) && begin().is_none() && begin().is_none());
        drop(held);
        assert!(begin().is_some());
        assert_eq!(all.load(Ordering::Acquire), 0);
    }
}
