//! What the API answers: a view, one page of a list, or why not.

use crate::error::Trouble;
use crate::form::Fields;
use crate::page::{Answer, Visit};
use axum::Json;
use axum::http::header::WWW_AUTHENTICATE;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use lifecycle::order::{Failure, Order, exit};
use lifecycle::{KeyError, Refusal, WindowError};
use serde::Serialize;
use serde_json::{Value, json};

/// Lines of one page of a list.
const PAGE: usize = 50;

/// One page of a list.
#[derive(Debug, Serialize)]
pub(super) struct Paged<T> {
    items: Vec<T>,
    /// From 1.
    page: usize,
    pages: usize,
    total: usize,
    /// The address of the page that follows, if one does.
    next: Option<String>,
}

/// Which page is asked for, from 1.
pub(super) fn asked(query: &Fields) -> Result<usize, Trouble> {
    let page = query.optional::<usize>("page").map_err(|_| Trouble::Wrong("error-page"))?.unwrap_or(1);
    if page == 0 { Err(Trouble::Wrong("error-page")) } else { Ok(page) }
}

impl<T> Paged<T> {
    /// The page of a whole list. One beyond the end is empty.
    pub(super) fn of(all: Vec<T>, asked: usize, visit: &Visit, query: &Fields) -> Self {
        let total = all.len();
        let items = all.into_iter().skip((asked - 1).saturating_mul(PAGE)).take(PAGE).collect();
        Self::cut(items, total, asked, visit, query)
    }

    /// A page whose lines were cut out before, of so many in all.
    pub(super) fn cut(items: Vec<T>, total: usize, asked: usize, visit: &Visit, query: &Fields) -> Self {
        let pages = total.div_ceil(PAGE).max(1);
        let next = (asked < pages).then(|| {
            let rest = query.pairs().filter(|(name, _)| *name != "page");
            let mut address = form_urlencoded::Serializer::new(String::new());
            address.extend_pairs(rest).append_pair("page", &(asked + 1).to_string());
            format!("{}?{}", visit.path, address.finish())
        });
        Self { items, page: asked, pages, total, next }
    }
}

/// The lines of a page that is asked for, of an iterator over all.
pub(super) fn page_of<T>(all: impl Iterator<Item = T>, asked: usize) -> impl Iterator<Item = T> {
    all.skip((asked - 1).saturating_mul(PAGE)).take(PAGE)
}

/// A view.
pub(super) fn view(view: &impl Serialize) -> Answer {
    Ok(Json(view).into_response())
}

/// Carries an order out as whoever is signed in. What it gives is for the caller.
pub(super) async fn carry_out(app: &crate::routes::App, visit: &Visit, order: Order) -> Result<Value, Trouble> {
    Ok(app.commands.carry_out(visit.me()?.login.clone(), order).await?)
}

/// Carries an order out that gives nothing.
pub(super) async fn done(app: &crate::routes::App, visit: &Visit, order: Order) -> Answer {
    carry_out(app, visit, order).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Why not: a text for people, and a word for programs that does not change.
pub(crate) fn refused(trouble: &Trouble, text: &str) -> Response {
    let mut response = (trouble.status(), Json(json!({ "error": text, "code": code(trouble) }))).into_response();
    if matches!(trouble, Trouble::Token | Trouble::TokenHere) {
        response.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"export\""));
    }
    response
}

fn code(trouble: &Trouble) -> &'static str {
    match trouble {
        Trouble::NotFound => "not-found",
        Trouble::Method => "method",
        Trouble::Forbidden => "role",
        Trouble::SignedOut => "signed-out",
        Trouble::Form => "csrf",
        Trouble::Input => "input",
        Trouble::Wrong(key) => key.strip_prefix("error-").unwrap_or(key),
        Trouble::Json(_) => "json",
        Trouble::ContentType => "content-type",
        Trouble::TooLarge => "too-large",
        Trouble::NotHere => "not-here",
        Trouble::Token => "token",
        Trouble::TokenHere => "token-not-here",
        Trouble::TooMany | Trouble::TooOften => "too-many",
        Trouble::Failure(failure) => failure_code(failure),
        Trouble::Template(_) => "internal",
    }
}

fn failure_code(failure: &Failure) -> &'static str {
    match (&failure.refusal, failure.exit) {
        (Some(refusal), _) => refusal_code(refusal),
        (None, exit::NO_INPUT | exit::NO_USER) => "not-found",
        (None, exit::NOT_PERMITTED) => "role",
        (None, exit::TEMPORARY | exit::UNAVAILABLE | exit::IO) => "unavailable",
        (None, exit::SOFTWARE) => "internal",
        (None, _) => "not-done",
    }
}

/// The word of a refusal; of one that has none of its own, `refused`.
fn refusal_code(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::OwnRights(_) | Refusal::OwnSetUp { .. } | Refusal::OwnReview(_) => "own-case",
        Refusal::NoTechnician(_) | Refusal::NoStaff(_) | Refusal::NoIntervention(_) | Refusal::NoToken(_) => {
            "not-found"
        }
        Refusal::NotDeclared { .. } => "not-declared",
        Refusal::LoginTaken(_) => "login-taken",
        Refusal::SamePerson(..) => "same-person",
        Refusal::Identity(_) => "identity",
        Refusal::NotWaiting { .. } => "not-waiting",
        Refusal::StaffFactors(_) => "otp",
        Refusal::StaffLocked(_) => "locked",
        Refusal::Role { .. } => "role",
        Refusal::WrongCode { .. } | Refusal::WrongPlannedCode(_) => "code",
        Refusal::WrongWord { .. } => "word",
        Refusal::Denied(denial) => denial.code(),
        Refusal::AccountState { .. } | Refusal::StaffState { .. } => "account-state",
        Refusal::Key(KeyError::Taken | KeyError::TooMany | KeyError::Missing | KeyError::Struck) => "key",
        Refusal::VendorFrozen(_) | Refusal::VendorNotFrozen(_) => "vendor-state",
        Refusal::Window(WindowError::NothingGained { .. }) => "nothing-gained",
        Refusal::Window(_) => "window",
        Refusal::NotOnCall(_) => "not-on-call",
        Refusal::Busy(_) => "busy",
        Refusal::CoolingDown(_) => "cooling-down",
        Refusal::TooLong(_) => "too-long",
        Refusal::Empty(_) => "empty",
        Refusal::SessionOver => "session-over",
        Refusal::Token(_) => "token",
        _ => "refused",
    }
}
