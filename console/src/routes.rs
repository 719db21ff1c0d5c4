//! Every address of the console, with who may use it. The router and the tests come from this table.

use crate::api::export::Pace;
use crate::commands::Commands;
use crate::enrol::Enrolments;
use crate::signed_in::{SIGN_INS, SignIns, Tries};
use crate::watching::Places;
use crate::{
    alerts, api, assets, enrol, events, explain, guard, people, plan, register, requests, sessions, sign_in, site,
    tokens, watching,
};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get};
use jiff::tz::TimeZone;
use lifecycle::{ExportScope, Role};
use policy::StaffLogin;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::{Arc, Weak};

/// Who may use an address. What a person may see behind it is asked again, for the thing itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody who reaches the port.
    Anybody,
    /// Anybody who is signed in.
    SignedIn,
    /// Whoever has one of these roles.
    Roles(&'static [Role]),
    /// Whoever has a role that reads this export, and whoever brings a token for it.
    Export(ExportScope),
}

/// What an address gives, and so how it refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A page; who is signed out is led to the sign-in.
    Page,
    /// Something is done, and another page follows.
    Act,
    /// Data for a page that is open.
    Data,
    /// Server-sent events.
    Stream,
    /// A file that is the same for everybody.
    Asset,
    /// JSON for another program.
    Api,
}

/// One address.
pub struct Route {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The address, with its parameters in braces.
    pub path: &'static str,
    /// Who may.
    pub access: Access,
    /// What it gives.
    pub kind: Kind,
    /// Whether it takes access away, or leads there: such a one does not wait for the journal (D18).
    pub brake: bool,
    /// What serves it.
    pub(crate) handler: fn() -> MethodRouter<App>,
}

/// Whoever decides.
pub(crate) const APPROVER: Access = Access::Roles(&[Role::Approver]);
/// Roles that read what an export holds: approvers of their own equipment, the others all of it.
pub(crate) const EXPORTING: &[Role] = &[Role::Approver, Role::Operator, Role::Security, Role::Auditor];
/// Whoever declares people.
pub(crate) const OPERATOR: Access = Access::Roles(&[Role::Operator]);
/// Whoever decides, and whoever declares people.
pub(crate) const APPROVER_OR_OPERATOR: Access = Access::Roles(&[Role::Approver, Role::Operator]);
/// Whoever runs the machine, and whoever looks after its security.
pub(crate) const OPERATOR_OR_SECURITY: Access = Access::Roles(&[Role::Operator, Role::Security]);
/// Whoever looks at what goes on.
pub(crate) const LOOKING: Access = Access::Roles(&[Role::Approver, Role::Operator, Role::Security]);

/// All addresses, by the part of the console that has them.
const AREAS: &[&[Route]] = &[
    sign_in::ROUTES,
    events::ROUTES,
    assets::ROUTES,
    requests::ROUTES,
    sessions::ROUTES,
    watching::ROUTES,
    plan::ROUTES,
    explain::ROUTES,
    register::ROUTES,
    tokens::ROUTES,
    api::ROUTES,
    people::ROUTES,
    enrol::ROUTES,
    site::ROUTES,
    alerts::ROUTES,
];

/// All addresses.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    AREAS.iter().copied().flatten()
}

/// Whether there is a page at this address.
pub(crate) fn is_page(path: &str) -> bool {
    let fits = |route: &Route| {
        let (wanted, given) = (route.path.split('/'), path.split('/'));
        let same = wanted.zip(given).all(
            |(wanted, given)| {
                if wanted.starts_with('{') { !given.is_empty() } else { wanted == given }
            },
        );
        same && route.path.split('/').count() == path.split('/').count()
    };
    routes().any(|route| route.kind == Kind::Page && fits(route))
}

/// A page.
pub(crate) const fn page(path: &'static str, access: Access, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method: "GET", path, access, kind: Kind::Page, brake: false, handler }
}

/// Something to be done.
pub(crate) const fn act(path: &'static str, access: Access, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method: "POST", path, access, kind: Kind::Act, brake: false, handler }
}

/// Server-sent events.
pub(crate) const fn stream(path: &'static str, access: Access, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method: "GET", path, access, kind: Kind::Stream, brake: false, handler }
}

/// Data for a page that is open.
pub(crate) const fn data(path: &'static str, access: Access, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method: "GET", path, access, kind: Kind::Data, brake: false, handler }
}

/// Something done by a page that is open; the answer is data.
pub(crate) const fn data_post(path: &'static str, access: Access, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method: "POST", path, access, kind: Kind::Data, brake: false, handler }
}

/// Data for another program.
pub(crate) const fn api_get(path: &'static str, access: Access, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method: "GET", path, access, kind: Kind::Api, brake: false, handler }
}

/// Something done for another program; the answer is data.
pub(crate) const fn api_post(path: &'static str, access: Access, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method: "POST", path, access, kind: Kind::Api, brake: false, handler }
}

/// The same address, as a brake: its handler must not need the register before it acts.
pub(crate) const fn brake(mut route: Route) -> Route {
    route.brake = true;
    route
}

/// Wrong codes of invitations that one source may type before it waits.
const WRONG_INVITATIONS: u32 = 5;

/// What all handlers share.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

/// See [`App`].
pub(crate) struct Shared {
    pub(crate) commands: Arc<dyn Commands>,
    pub(crate) signed_in: SignIns,
    pub(crate) tries: Tries,
    /// By source and login.
    pub(crate) login_tries: Tries<(IpAddr, StaffLogin)>,
    /// Of tokens that open nothing: a program gone wrong keeps nobody from signing in.
    pub(crate) token_tries: Tries,
    pub(crate) pace: Pace,
    pub(crate) places: Places,
    pub(crate) enrolments: Enrolments,
    pub(crate) enrol_tries: Tries,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    /// Nobody is signed in yet.
    pub(crate) fn new(commands: Arc<dyn Commands>) -> Self {
        Self(Arc::new(Shared {
            commands,
            signed_in: SignIns::default(),
            tries: Tries::of(SIGN_INS),
            login_tries: Tries::of(SIGN_INS),
            token_tries: Tries::of(SIGN_INS),
            pace: Pace::default(),
            places: Places::default(),
            enrolments: Enrolments::default(),
            enrol_tries: Tries::of(WRONG_INVITATIONS),
        }))
    }

    /// For a task that ends with the console.
    pub(crate) fn downgrade(&self) -> Weak<Shared> {
        Arc::downgrade(&self.0)
    }

    /// The zone of all times.
    pub(crate) fn zone(&self) -> TimeZone {
        self.commands.config().site.zone.clone()
    }
}

/// The console, over the daemon's commands.
pub fn router(commands: Arc<dyn Commands>) -> Router {
    over(App::new(commands))
}

/// The addresses over what they share.
pub(crate) fn over(app: App) -> Router {
    static NOWHERE: Route = Route {
        method: "GET",
        path: "",
        access: Access::Anybody,
        kind: Kind::Page,
        brake: false,
        handler: || get(nothing),
    };
    let guarded = |router: Router<App>, route: &'static Route| {
        let methods = (route.handler)();
        // Each address says once what happens where it is asked for in another way.
        let first = routes().find(|other| other.path == route.path).is_some_and(|first| std::ptr::eq(first, route));
        let methods = if first { methods.fallback(wrong_method) } else { methods };
        router.route(route.path, methods.layer(from_fn_with_state((app.clone(), route), guard::guard)))
    };
    routes()
        .fold(Router::new(), guarded)
        .fallback_service(
            get(nothing).layer(from_fn_with_state((app.clone(), &NOWHERE), guard::guard)).with_state(app.clone()),
        )
        .with_state(app)
}

async fn wrong_method() -> crate::error::Trouble {
    crate::error::Trouble::Method
}

async fn nothing() -> crate::error::Trouble {
    crate::error::Trouble::NotFound
}

#[cfg(test)]
mod tests {
    use super::is_page;
    use crate::fake::{Fake, Journal};
    use axum::http::StatusCode;

    #[test]
    fn pages_are_told_from_what_is_done() {
        assert!(is_page("/requests/12") && is_page("/lockdown") && is_page("/"));
        assert!(!is_page("/requests/12/approve") && !is_page("/requests/") && !is_page("/lockdown/confirm"));
    }

    /// An address that does something, typed by hand, is answered with a page.
    #[tokio::test]
    async fn another_way_is_told() {
        let fake = Fake::signed_in(Journal::Gone);
        assert_eq!(fake.get("/lockdown/begin").await, StatusCode::METHOD_NOT_ALLOWED);
    }
}
