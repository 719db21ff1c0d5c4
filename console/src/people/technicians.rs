//! Technicians: the list, and one of them in full.

use super::{Lock, Paged, paged};
use crate::commands::{Known, look};
use crate::error::Trouble;
use crate::filters;
use crate::form::{Fields, Query};
use crate::names::vendor_name;
use crate::page::{Answer, Me, Visit, page, page_with};
use crate::routes::App;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use lifecycle::{Account, AccountState, Role};
use policy::{TechnicianLogin, VendorId};
use serde::Serialize;

/// Visits that are shown of one technician.
const VISITS: usize = 5;

/// Whether the technicians of a vendor are for these eyes: those who look after the site see all,
/// an approver those who can reach equipment of their groups.
pub(crate) fn sees(known: &Known<'_>, me: &Me, vendor: &VendorId) -> bool {
    let everybody = me.roles.contains(&Role::Operator) || me.roles.contains(&Role::Security);
    let reaches = || {
        let targets =
            known.rules.vendors.get(vendor).into_iter().flat_map(|one| &one.allow).flat_map(|rule| &rule.targets);
        targets.into_iter().any(|target| me.decides_for(known, target))
    };
    everybody || reaches()
}

fn state_word(account: &Account, now: Timestamp) -> &'static str {
    if account.state == AccountState::Active && account.guard.is_locked(now) { "locked" } else { account.state.word() }
}

/// One technician in the list.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    login: String,
    name: String,
    vendor: String,
    state: &'static str,
    last_visit: Option<Timestamp>,
}

#[derive(Template)]
#[template(path = "people.html")]
struct ListPage<'a> {
    v: &'a Visit,
    lines: Vec<Line>,
    at: Paged,
    wanted: String,
    state: String,
    states: [&'static str; 6],
    operator: bool,
}

/// The technicians that are for these eyes, of this state and with this text in their names; the latest
/// visitors first. What is empty takes all.
pub(crate) async fn technicians(app: &App, visit: &Visit, text: &str, only: &str) -> Result<Vec<Line>, Trouble> {
    let me = visit.me()?.clone();
    let (text, only) = (text.to_lowercase(), only.to_owned());
    let lines = look(&*app.commands, move |known| {
        let mut lines: Vec<Line> = Vec::new();
        for account in known.register.accounts.values().filter(|one| sees(known, &me, &one.vendor)) {
            let (vendor, state) = (vendor_name(known, &account.vendor), state_word(account, known.at));
            let found = [account.login.as_str(), &account.identity.name, &vendor]
                .iter()
                .any(|words| words.to_lowercase().contains(&text));
            if !found || !(only.is_empty() || only == state) {
                continue;
            }
            let last_visit = known.register.visits(&account.id, 1).first().map(|visit| visit.at);
            let (login, name) = (account.login.to_string(), account.identity.name.clone());
            lines.push(Line { login, name, vendor, state, last_visit });
        }
        lines.sort_by(|a, b| b.last_visit.cmp(&a.last_visit).then_with(|| a.name.cmp(&b.name)));
        lines
    })
    .await?;
    Ok(lines)
}

/// The list.
pub(crate) async fn list(State(app): State<App>, visit: Visit, Query(query): Query) -> Answer {
    let (wanted, state) = (query.value("q"), query.value("state"));
    let lines = technicians(&app, &visit, &wanted, &state).await?;
    let (lines, at) = paged(lines, query.value("page").parse().unwrap_or(1));
    let operator = visit.has(&["operator"]);
    let states = ["invited", "enrolled", "active", "locked", "disabled", "expired"];
    page(&ListPage { v: &visit, lines, at, wanted, state, states, operator })
}

/// An earlier visit.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Earlier {
    at: Timestamp,
    target: String,
    source: Option<String>,
}

/// One technician in full.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Technician {
    pub(crate) login: TechnicianLogin,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) phone: String,
    pub(super) vendor: String,
    pub(super) proofing: String,
    pub(super) state: &'static str,
    pub(super) account_state: AccountState,
    pub(super) lock: Option<Lock>,
    pub(super) keys: Vec<String>,
    pub(super) since: Timestamp,
    pub(super) factor_changed: bool,
    pub(super) invited_until: Option<Timestamp>,
    pub(super) words_left: u8,
    pub(super) call_name: String,
    pub(super) call_phone: String,
    pub(super) frozen: Option<String>,
    pub(super) visits: Vec<Earlier>,
    pub(super) live: usize,
}

impl Technician {
    fn of(known: &Known<'_>, account: &Account) -> Self {
        let contact = known.config.vendors.get(&account.vendor).map(|one| &one.contact);
        let earlier = |visit: lifecycle::Visit| Earlier {
            at: visit.at,
            target: known
                .config
                .targets
                .get(&visit.target)
                .map_or_else(|| visit.target.to_string(), |one| one.rules.name.clone()),
            source: visit.source.map(|source| source.to_string()),
        };
        let is_theirs =
            |number| known.register.interventions.get(number).is_some_and(|one| one.asked.account == account.id);
        Self {
            login: account.login.clone(),
            name: account.identity.name.clone(),
            email: account.identity.email.clone(),
            phone: account.identity.phone.clone(),
            vendor: vendor_name(known, &account.vendor),
            proofing: account.proofing.clone(),
            state: state_word(account, known.at),
            account_state: account.state,
            lock: Lock::of(&account.guard, known.at),
            keys: account.keys.clone(),
            since: account.factors_since,
            factor_changed: account.factor_changed(known.at),
            invited_until: account.invitation.as_ref().map(|one| one.until),
            words_left: account.words_left(),
            call_name: contact.map_or_else(String::new, |one| one.name.clone()),
            call_phone: contact.map_or_else(String::new, |one| one.phone.clone()),
            frozen: known.register.frozen_vendors.get(&account.vendor).map(ToString::to_string),
            visits: known.register.visits(&account.id, VISITS).into_iter().map(earlier).collect(),
            live: known.register.live().filter(|record| is_theirs(&record.number)).count(),
        }
    }

    /// Whether the word that they read out can be typed now.
    pub(super) fn waits_for_word(&self) -> bool {
        self.account_state == AccountState::Enrolled
    }

    /// Whether the account was ended, by a person or by time.
    pub(super) fn is_over(&self) -> bool {
        matches!(self.account_state, AccountState::Disabled | AccountState::Expired)
    }
}

/// The technician of an address, if they are for these eyes. Who is not, does not exist.
pub(crate) async fn technician_of(app: &App, visit: &Visit, login: &str) -> Result<Technician, Trouble> {
    let login: TechnicianLogin = login.parse().map_err(|_| Trouble::NotFound)?;
    let me = visit.me()?.clone();
    let found = look(&*app.commands, move |known| {
        let account = known.register.account(&login).filter(|one| sees(known, &me, &one.vendor))?;
        Some(Technician::of(known, account))
    });
    found.await?.ok_or(Trouble::NotFound)
}

#[derive(Template)]
#[template(path = "technician.html")]
struct TechnicianPage<'a> {
    v: &'a Visit,
    one: Technician,
    said: Option<String>,
    done: Option<String>,
    reason: String,
    lock: Option<String>,
    operator: bool,
    activates: bool,
}

/// One technician.
pub(crate) async fn show(
    State(app): State<App>,
    visit: Visit,
    Path(login): Path<String>,
    Query(query): Query,
) -> Answer {
    let one = technician_of(&app, &visit, &login).await?;
    let done = done(&visit, &one, &query);
    shown(&visit, one, StatusCode::OK, done, None, String::new())
}

/// What was done, by its word in the address. Anybody can write an address: what is not so is not said.
fn done(visit: &Visit, one: &Technician, query: &Fields) -> Option<String> {
    match query.get("done")? {
        "activated" if one.account_state == AccountState::Active => Some(visit.t("technician-activated")),
        "unlocked" if one.lock.is_none() => Some(visit.t("technician-unlocked")),
        "key-added" if !one.keys.is_empty() => Some(visit.t("technician-key-added")),
        "key-removed" => Some(visit.t("technician-key-removed")),
        "disabled" if one.account_state == AccountState::Disabled => {
            let ended = query.optional::<u32>("ended").ok().flatten().unwrap_or(0);
            Some(visit.tw("technician-disabled", "count", ended))
        }
        _ => None,
    }
}

/// The page, with what was done or what is wrong.
pub(super) fn shown(
    visit: &Visit,
    one: Technician,
    status: StatusCode,
    done: Option<String>,
    said: Option<String>,
    reason: String,
) -> Answer {
    let lock = one.lock.as_ref().map(|lock| lock.said(&visit.texts));
    let (operator, activates) = (visit.has(&["operator"]), visit.has(&["operator", "approver"]));
    page_with(status, &TechnicianPage { v: visit, one, said, done, reason, lock, operator, activates })
}
