//! What every page has: who reads it, in which language, and the frame around it.

use crate::commands::Known;
use crate::error::Trouble;
use crate::routes::{Kind, is_page};
use crate::signed_in::Key;
use crate::texts::Texts;
use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse as _, Response};
use jiff::Timestamp;
use lifecycle::{Role, Staff, TokenId};
use policy::{GroupId, StaffLogin, TargetId};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What a handler gives.
pub(crate) type Answer = Result<Response, Trouble>;

/// Whoever is signed in.
#[derive(Debug, Clone)]
pub(crate) struct Me {
    pub(crate) login: StaffLogin,
    pub(crate) name: String,
    pub(crate) roles: BTreeSet<Role>,
    pub(crate) groups: BTreeSet<GroupId>,
    /// The language they chose; `None`: the site's.
    pub(crate) language: Option<String>,
}

impl Me {
    pub(crate) fn of(staff: &Staff) -> Self {
        Self {
            login: staff.login.clone(),
            name: staff.identity.name.clone(),
            roles: staff.roles.clone(),
            groups: staff.groups.clone(),
            language: staff.language.clone(),
        }
    }

    /// Whoever signed in with these factors, if they are active and have no others since.
    pub(crate) fn still(known: &Known<'_>, login: &StaffLogin, secret: u64) -> Option<Self> {
        let staff = known.register.staff.get(login)?;
        (staff.is_active() && staff.secret == secret).then(|| Self::of(staff))
    }

    /// Whether they approve for a target.
    pub(crate) fn decides_for(&self, known: &Known<'_>, target: &TargetId) -> bool {
        self.roles.contains(&Role::Approver)
            && known.rules.targets.get(target).is_some_and(|target| !self.groups.is_disjoint(&target.approvers))
    }

    /// Whether what happens on a target is for their eyes: its approvers, and those who look after
    /// the whole site. A number in an address opens nothing.
    pub(crate) fn may_see(&self, known: &Known<'_>, target: &TargetId) -> bool {
        let everything = [Role::Operator, Role::Security, Role::Auditor];
        everything.iter().any(|role| self.roles.contains(role)) || self.decides_for(known, target)
    }
}

/// A program that brought a token: it reads one export, with the eyes of an auditor.
#[derive(Debug, Clone)]
pub(crate) struct Bearer {
    pub(crate) token: TokenId,
    pub(crate) eyes: Me,
}

/// One visit of one page.
#[derive(Clone)]
pub(crate) struct Visit {
    pub(crate) texts: Texts,
    pub(crate) site: String,
    pub(crate) me: Option<Me>,
    /// Whoever brought a token, where one is taken. Nobody is signed in by it.
    pub(crate) bearer: Option<Bearer>,
    /// What forms must bring back.
    pub(crate) csrf: String,
    pub(crate) key: Option<Key>,
    pub(crate) now: Timestamp,
    pub(crate) peer: IpAddr,
    /// Whether approving is possible from here (D12).
    pub(crate) may_decide_here: bool,
    /// Requests that wait for this person.
    pub(crate) waiting: usize,
    /// Alerts that wait for anybody.
    pub(crate) alerts: usize,
    /// Why all access is cut, if it is.
    pub(crate) lockdown: Option<String>,
    /// Names of the groups that are open again while the rest stays cut.
    pub(crate) reopened: Vec<String>,
    /// Whether the register answered. Where not, a brake goes on with what was known of whoever comes.
    pub(crate) looked: bool,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) new_form_cookie: Option<String>,
}

impl Visit {
    /// The text of a key.
    pub(crate) fn t(&self, key: &str) -> String {
        self.texts.text(key)
    }

    /// The text of a key with a value.
    pub(crate) fn tw(&self, key: &str, name: &str, value: impl ToString) -> String {
        self.texts.with(key, &[(name, &value.to_string())])
    }

    /// The word for a state.
    pub(crate) fn state(&self, word: &str) -> String {
        self.texts.text(&format!("state-{word}"))
    }

    /// How much is cut.
    pub(crate) fn cut(&self) -> String {
        match self.reopened.is_empty() {
            true => self.t("lockdown-on"),
            false => self.tw("lockdown-on-part", "groups", self.reopened.join(", ")),
        }
    }

    /// The same on every page, with why.
    pub(crate) fn banner(&self, reason: &str) -> String {
        match self.reopened.is_empty() {
            true => self.tw("lockdown-banner", "reason", reason),
            false => {
                let groups = self.reopened.join(", ");
                self.texts.with("lockdown-banner-part", &[("groups", &groups), ("reason", reason)])
            }
        }
    }

    /// The name of a role.
    pub(crate) fn role(&self, role: &Role) -> String {
        self.texts.text(&format!("role-{role}"))
    }

    /// What a role does.
    pub(crate) fn role_hint(&self, role: &Role) -> String {
        self.texts.text(&format!("role-hint-{role}"))
    }

    /// The word of the language, for the page's `lang`.
    pub(crate) fn lang(&self) -> &'static str {
        self.texts.language.word()
    }

    /// Whoever is signed in; the guard has seen to it that somebody is.
    pub(crate) fn me(&self) -> Result<&Me, Trouble> {
        self.me.as_ref().ok_or(Trouble::SignedOut)
    }

    /// The page to come back to: this one with what was asked for, or, where something was done, the next one
    /// above.
    pub(crate) fn back(&self) -> String {
        let above = |path: &str| path.rsplit_once('/').map_or_else(String::new, |(above, _)| above.to_owned());
        let mut path = self.path.clone();
        while !path.is_empty() && !is_page(&path) {
            path = above(&path);
        }
        match &self.query {
            _ if path.is_empty() => "/".to_owned(),
            Some(query) if path == self.path => format!("{path}?{query}"),
            _ => path,
        }
    }

    /// Whether they have one of these roles, by their words.
    pub(crate) fn has(&self, roles: &[&str]) -> bool {
        self.me.as_ref().is_some_and(|me| me.roles.iter().any(|role| roles.contains(&role.to_string().as_str())))
    }

    /// Whether this page lies below that address, for the mark in the navigation.
    pub(crate) fn below(&self, path: &str) -> bool {
        self.path == path || self.path.strip_prefix(path).is_some_and(|rest| rest.starts_with('/'))
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Visit {
    type Rejection = Trouble;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Trouble> {
        // The guard put it there.
        parts.extensions.get::<Visit>().cloned().ok_or(Trouble::SignedOut)
    }
}

/// A page.
pub(crate) fn page(template: &impl Template) -> Answer {
    Ok(Html(template.render()?).into_response())
}

/// A page with another status than 200: a form that came back with what is wrong.
pub(crate) fn page_with(status: StatusCode, template: &impl Template) -> Answer {
    Ok((status, Html(template.render()?)).into_response())
}

/// To another page, after something was done.
pub(crate) fn see_other(to: &str) -> Answer {
    let to = HeaderValue::from_str(to).map_err(|_| Trouble::Input)?;
    let mut response = StatusCode::SEE_OTHER.into_response();
    response.headers_mut().insert(LOCATION, to);
    Ok(response)
}

/// What is wrong, in the reader's words.
pub(crate) fn said(texts: &Texts, trouble: &Trouble) -> String {
    match trouble {
        Trouble::NotFound => texts.text("error-not-found"),
        Trouble::Method => texts.text("error-method"),
        Trouble::Forbidden => texts.text("error-forbidden"),
        Trouble::SignedOut => texts.text("sign-in-again"),
        Trouble::Form => texts.text("error-form"),
        Trouble::Input => texts.text("error-input"),
        Trouble::Wrong(key) => texts.text(key),
        Trouble::Json(what) => texts.with("error-json", &[("what", what)]),
        Trouble::ContentType => texts.text("error-content-type"),
        Trouble::TooLarge => texts.text("error-too-large"),
        Trouble::NotHere => texts.text("approve-not-here"),
        Trouble::Token => texts.text("error-token"),
        Trouble::TokenHere => texts.text("error-token-here"),
        Trouble::TooMany => texts.text("sign-in-too-many"),
        Trouble::TooOften => texts.text("error-too-often"),
        Trouble::Failure(failure) => texts.failure(failure),
        Trouble::Template(_) => texts.text("error-unavailable"),
    }
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    v: &'a Visit,
    said: String,
}

#[derive(Template)]
#[template(path = "bare.html")]
struct BarePage<'a> {
    lang: &'static str,
    title: String,
    notice: &'static str,
    said: &'a str,
}

/// The answer where there is no page: a page that says why, or data that does.
pub(crate) fn trouble(visit: &Visit, kind: Kind, trouble: &Trouble) -> Response {
    let text = match (kind, trouble) {
        (Kind::Act, Trouble::SignedOut) => visit.t("signed-out-nothing-done"),
        _ => said(&visit.texts, trouble),
    };
    match kind {
        Kind::Page | Kind::Act => {
            let body = ErrorPage { v: visit, said: text.clone() }.render().unwrap_or(text);
            (trouble.status(), Html(body)).into_response()
        }
        Kind::Api => crate::api::refused(trouble, &text),
        Kind::Data | Kind::Stream | Kind::Asset => {
            let mut response = (trouble.status(), json!({ "error": text }).to_string()).into_response();
            response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            response
        }
    }
}

/// A page for when nothing is known: not even who reads it.
pub(crate) fn bare(texts: &Texts, trouble: &Trouble) -> Response {
    let text = said(texts, trouble);
    let page = BarePage { lang: texts.language.word(), title: texts.text("error-title"), notice: "stop", said: &text };
    (trouble.status(), Html(page.render().unwrap_or_else(|_| text.clone()))).into_response()
}

/// A page for when a brake acted and the register does not answer.
pub(crate) fn acted(texts: &Texts) -> Response {
    let text = texts.text("brake-acted");
    let page =
        BarePage { lang: texts.language.word(), title: texts.text("brake-acted-title"), notice: "warn", said: &text };
    Html(page.render().unwrap_or_else(|_| text.clone())).into_response()
}
