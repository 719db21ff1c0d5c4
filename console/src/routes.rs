//! Every address of the console, with who may use it. The router and the tests come from this table.

use crate::commands::Commands;
use crate::signed_in::{SignIns, Tries};
use crate::watching::Places;
use crate::{assets, events, guard, requests, sessions, sign_in, watching};
use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};
use jiff::tz::TimeZone;
use lifecycle::Role;
use std::ops::Deref;
use std::sync::Arc;

/// Who may use an address. What a person may see behind it is asked again, for the thing itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anybody who reaches the port.
    Anybody,
    /// Anybody who is signed in.
    SignedIn,
    /// Whoever has one of these roles.
    Roles(&'static [Role]),
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
    handler: fn() -> MethodRouter<App>,
}

const APPROVER: Access = Access::Roles(&[Role::Approver]);
const LOOKING: Access = Access::Roles(&[Role::Approver, Role::Operator, Role::Security]);
const WATCHING: Access = Access::Roles(&[Role::Approver, Role::Security]);
const BRAKE: Access = Access::Roles(&[Role::Approver, Role::Operator, Role::Security]);

/// All of them.
pub const ROUTES: &[Route] = &[
    // For everybody.
    page("/", Access::SignedIn, || get(sign_in::home)),
    page("/sign-in", Access::Anybody, || get(sign_in::form)),
    act("/sign-in", Access::Anybody, || post(sign_in::sign_in)),
    act("/sign-out", Access::SignedIn, || post(sign_in::sign_out)),
    act("/language", Access::Anybody, || post(sign_in::choose_language)),
    stream("/events", Access::SignedIn, || get(events::events)),
    asset("/assets/{name}", || get(assets::asset)),
    // Requests.
    page("/requests", LOOKING, || get(requests::list)),
    page("/requests/{number}", LOOKING, || get(requests::show)),
    act("/requests/{number}/approve", APPROVER, || post(requests::approve)),
    act("/requests/{number}/refuse", APPROVER, || post(requests::refuse)),
    // Live.
    page("/sessions", LOOKING, || get(sessions::list)),
    page("/sessions/{id}/watch", WATCHING, || get(watching::watch_page)),
    stream("/sessions/{id}/stream", WATCHING, || get(watching::stream)),
    data_post("/sessions/{id}/stream/{place}", WATCHING, || post(watching::said)),
    act("/sessions/{id}/freeze", APPROVER, || post(sessions::freeze)),
    act("/sessions/{id}/cut", BRAKE, || post(sessions::cut)),
    data_post("/sessions/{id}/resume", APPROVER, || post(sessions::resume)),
];

const fn page(path: &'static str, access: Access, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method: "GET", path, access, kind: Kind::Page, handler }
}

const fn act(path: &'static str, access: Access, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method: "POST", path, access, kind: Kind::Act, handler }
}

const fn stream(path: &'static str, access: Access, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method: "GET", path, access, kind: Kind::Stream, handler }
}

const fn asset(path: &'static str, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method: "GET", path, access: Access::Anybody, kind: Kind::Asset, handler }
}

const fn data_post(path: &'static str, access: Access, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method: "POST", path, access, kind: Kind::Data, handler }
}

/// What all handlers share.
#[derive(Clone)]
pub(crate) struct App(Arc<Shared>);

/// See [`App`].
pub(crate) struct Shared {
    pub(crate) commands: Arc<dyn Commands>,
    pub(crate) signed_in: SignIns,
    pub(crate) tries: Tries,
    pub(crate) places: Places,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    /// The zone of all times.
    pub(crate) fn zone(&self) -> TimeZone {
        self.commands.config().site.zone.clone()
    }
}

/// The console, over the daemon's commands.
pub fn router(commands: Arc<dyn Commands>) -> Router {
    let app = App(Arc::new(Shared {
        commands,
        signed_in: SignIns::default(),
        tries: Tries::default(),
        places: Places::default(),
    }));
    static NOWHERE: Route =
        Route { method: "GET", path: "", access: Access::Anybody, kind: Kind::Page, handler: || get(nothing) };
    let guarded = |router: Router<App>, route: &'static Route| {
        router.route(route.path, (route.handler)().layer(from_fn_with_state((app.clone(), route), guard::guard)))
    };
    ROUTES
        .iter()
        .fold(Router::new(), guarded)
        .fallback_service(
            get(nothing).layer(from_fn_with_state((app.clone(), &NOWHERE), guard::guard)).with_state(app.clone()),
        )
        .with_state(app)
}

async fn nothing() -> crate::error::Trouble {
    crate::error::Trouble::NotFound
}
