//! A daemon for tests that notes what it is asked to do.

use crate::commands::{
    Commands, Enrolment, Evidence, Invited, Known, LiveSession, Look, NotEnrolled, SignInTry, Soon, Watching,
};
use crate::health::Health;
use crate::page::Me;
use crate::replay::{NotUnlocked, OfficersKey};
use crate::routes::{App, over};
use crate::signed_in::{COOKIE, FORM_COOKIE, Key, form_token};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use config::{Config, Options};
use jiff::Timestamp;
use lifecycle::order::{Failure, Hidden, Order, exit};
use lifecycle::{
    AccountId, Actor, Event, EvidenceScope, ExportScope, Identity, InterventionNumber, Register, Role, SessionId,
    TokenId,
};
use policy::{GroupId, Rights, StaffLogin};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Arc, Mutex};
use tokio::sync::{broadcast, mpsc};
use tower::ServiceExt as _;

/// Claire's factors, by their number.
const SECRET: u64 = 1;

/// How the register answers.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Journal {
    /// At once; nobody is in it.
    Works,
    /// Never.
    Hangs,
    /// With a failure.
    Gone,
}

/// What of a daemon the console sees.
pub(crate) struct Daemon {
    journal: Journal,
    config: Arc<Config>,
    register: Register,
    done: Mutex<Vec<String>>,
    /// What is open while all else is cut.
    open: Mutex<Option<BTreeSet<GroupId>>>,
}

/// Alice of Imagix asks for a target, with words that a page must not obey.
pub(crate) fn requested(number: InterventionNumber, account: AccountId, target: &str, rights: Rights) -> Event {
    Event::InterventionRequested {
        number,
        account,
        technician: "alice".parse().unwrap(),
        name: "Alice <b>Martin</b>".into(),
        vendor: "imagix".parse().unwrap(),
        target: target.parse().unwrap(),
        login: "maint".parse().unwrap(),
        rights,
        source: "203.0.113.7:1".parse().unwrap(),
        reason: "=1+1".into(),
        ticket: "T".into(),
        notice: String::new(),
        quorum: 1,
        per: policy::Per::Session,
        supervision: policy::Supervision::Offered,
        call_back: false,
        because: Vec::new(),
        config: String::new(),
    }
}

fn gone() -> Failure {
    Failure::new(exit::TEMPORARY, "gone")
}

impl Commands for Daemon {
    fn now(&self) -> Timestamp {
        "2026-11-23T08:00:00Z".parse().unwrap()
    }

    fn random(&self) -> Result<[u8; 32], Failure> {
        Ok([7; 32])
    }

    fn config(&self) -> Arc<Config> {
        self.config.clone()
    }

    fn look(&self, look: Look) -> Soon<'_, Result<(), Failure>> {
        Box::pin(async move {
            match self.journal {
                Journal::Hangs => std::future::pending().await,
                Journal::Gone => Err(gone()),
                Journal::Works => {
                    let rules = self.config.rules(BTreeSet::new());
                    look(&Known { register: &self.register, config: &self.config, rules: &rules, at: self.now() });
                    Ok(())
                }
            }
        })
    }

    fn limit_reached(&self, _: &'static str, _: std::net::IpAddr) {}

    fn lockdown(&self) -> Option<String> {
        self.open.lock().unwrap().as_ref().map(|_| "worm".to_owned())
    }

    fn reopened(&self) -> BTreeSet<GroupId> {
        self.open.lock().unwrap().clone().unwrap_or_default()
    }

    fn carry_out(&self, _: StaffLogin, order: Order) -> Soon<'_, Result<Value, Failure>> {
        let order = serde_json::to_value(&order).unwrap();
        self.done.lock().unwrap().push(order["verb"].as_str().unwrap().to_owned());
        Box::pin(async { Ok(json!({})) })
    }

    fn export_read(&self, _: TokenId, _: ExportScope, _: u64, _: String) -> Soon<'_, Result<(), Failure>> {
        Box::pin(async { Err(gone()) })
    }

    fn evidence(&self, _: StaffLogin, scope: EvidenceScope, purpose: String) -> Soon<'_, Result<Evidence, Failure>> {
        self.done.lock().unwrap().push(format!("evidence of {scope} for {purpose}"));
        let (send, pieces) = mpsc::channel(1);
        send.try_send(Ok(axum::body::Bytes::from_static(b"bundle"))).unwrap();
        Box::pin(async { Ok(Evidence { name: "poterne.tar".to_owned(), bytes: 6, pieces }) })
    }

    fn sign_in(&self, _: SignInTry) -> Soon<'_, Result<(), Failure>> {
        Box::pin(async { Err(gone()) })
    }

    fn open_invitation(&self, _: Hidden) -> Soon<'_, Result<Option<Invited>, Failure>> {
        Box::pin(async { Err(gone()) })
    }

    fn enrol(&self, _: Enrolment) -> Soon<'_, Result<(), NotEnrolled>> {
        Box::pin(async { Err(gone().into()) })
    }

    fn health(&self) -> Soon<'_, Health> {
        Box::pin(std::future::pending())
    }

    fn feed(&self) -> broadcast::Receiver<Arc<(Timestamp, Event)>> {
        broadcast::Sender::new(1).subscribe()
    }

    fn live(&self) -> Vec<LiveSession> {
        Vec::new()
    }

    fn unlock(&self, _: StaffLogin, _: Hidden) -> Soon<'_, Result<Arc<dyn OfficersKey>, NotUnlocked>> {
        Box::pin(std::future::pending())
    }

    fn watch(&self, _: StaffLogin, _: SessionId) -> Soon<'_, Result<Watching, Failure>> {
        Box::pin(async { Err(gone()) })
    }
}

/// The console over such a daemon, with claire signed in.
pub(crate) struct Fake {
    pub(crate) app: App,
    daemon: Arc<Daemon>,
}

impl Fake {
    /// With all roles that brake.
    pub(crate) fn signed_in(journal: Journal) -> Self {
        Self::signed_in_as(journal, &[Role::Approver, Role::Operator, Role::Security])
    }

    /// With these roles.
    pub(crate) fn signed_in_as(journal: Journal, roles: &[Role]) -> Self {
        Self::over(journal, roles, Register::default())
    }

    /// Over what the register holds.
    pub(crate) fn knowing(mut register: Register) -> Self {
        let (at, roles) = (Timestamp::UNIX_EPOCH, [Role::Operator, Role::Security, Role::Auditor]);
        let staff: StaffLogin = "claire".parse().unwrap();
        let invited = Event::StaffInvited {
            staff: staff.clone(),
            identity: Identity { name: "Claire".to_owned(), email: "c@x.example".to_owned(), phone: "1".to_owned() },
            roles: roles.into(),
            groups: BTreeSet::new(),
            invitation: 1,
            until: at,
            by: Actor::Root(0),
        };
        register.apply(at, &invited);
        register.apply(at, &Event::StaffEnrolled { staff, source: "127.0.0.1".parse().unwrap(), secret: SECRET });
        Self::over(Journal::Works, &roles, register)
    }

    fn over(journal: Journal, roles: &[Role], register: Register) -> Self {
        let main = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/examples/poterne.toml");
        let at = "2026-11-23T08:00:00Z".parse().unwrap();
        let config = Arc::new(config::load(&main, Options { at, unpinned: true }).unwrap());
        let daemon = Arc::new(Daemon { journal, config, register, done: Mutex::default(), open: Mutex::default() });
        let app = App::new(daemon.clone());
        let me = Me {
            login: "claire".parse().unwrap(),
            name: "Claire".to_owned(),
            roles: roles.iter().copied().collect(),
            groups: BTreeSet::new(),
            language: None,
        };
        app.signed_in.begin("cookie", me.login.clone(), SECRET, daemon.now());
        app.signed_in.keep(Key::of("cookie"), &me);
        Self { app, daemon }
    }

    async fn send(&self, method: &str, path: &str, body: &str) -> StatusCode {
        self.answer(method, path, body).await.status()
    }

    /// What a page says, in French; its address has to exist.
    pub(crate) async fn page(&self, path: &str) -> String {
        let answer = self.answer("GET", path, "").await;
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let bytes = axum::body::to_bytes(answer.into_body(), 1 << 22).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    async fn answer(&self, method: &str, path: &str, body: &str) -> axum::response::Response {
        let request = Request::builder().method(method).uri(path).header("host", "console");
        let request = request
            .header("origin", "https://console")
            .header("cookie", format!("{COOKIE}=cookie; {FORM_COOKIE}=cookie"));
        let kind = if path.starts_with("/api/") { "application/json" } else { "application/x-www-form-urlencoded" };
        let request = request.header("x-csrf-token", form_token("cookie")).header("content-type", kind);
        let request = request.body(Body::from(body.to_owned())).unwrap();
        over(self.app.clone()).oneshot(request).await.unwrap()
    }

    /// Asks for a page.
    pub(crate) async fn get(&self, path: &str) -> StatusCode {
        self.send("GET", path, "").await
    }

    /// Sends a form from one of our pages.
    pub(crate) async fn post(&self, path: &str, body: &str) -> StatusCode {
        self.send("POST", path, body).await
    }

    /// Cuts all but the equipment of these groups.
    pub(crate) fn cut_but_for(&self, groups: &[&str]) {
        *self.daemon.open.lock().unwrap() = Some(groups.iter().map(|group| group.parse().unwrap()).collect());
    }

    /// The verbs of what was carried out.
    pub(crate) fn carried_out(&self) -> Vec<String> {
        self.daemon.done.lock().unwrap().clone()
    }
}
