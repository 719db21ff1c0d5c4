//! The hospital's staff: the list, and one of them in full. For operators.

use super::{Lock, Paged, paged};
use crate::commands::{Known, look};
use crate::error::Trouble;
use crate::filters;
use crate::form::{Fields, Query};
use crate::page::{Answer, Visit, page, page_with};
use crate::routes::App;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use lifecycle::{Role, Staff, StaffState};
use policy::{GroupId, StaffLogin};
use serde::Serialize;

/// All roles, as they stand on forms.
pub(super) const ROLES: [Role; 4] = [Role::Approver, Role::Operator, Role::Security, Role::Auditor];

fn state_word(staff: &Staff, now: Timestamp) -> &'static str {
    if staff.is_active() && staff.guard.is_locked(now) { "locked" } else { staff.state.word() }
}

/// One member of staff in the list.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Line {
    login: StaffLogin,
    name: String,
    roles: Vec<Role>,
    groups: Vec<String>,
    state: &'static str,
}

/// The name of a group, for people.
fn group_name(known: &Known<'_>, group: &GroupId) -> String {
    known.config.groups.get(group).map_or_else(|| group.to_string(), |one| one.name.clone())
}

#[derive(Template)]
#[template(path = "staff.html")]
struct ListPage<'a> {
    v: &'a Visit,
    lines: Vec<Line>,
    at: Paged,
}

/// All staff: who works here first, who is switched off last.
pub(crate) async fn staff(app: &App) -> Result<Vec<Line>, Trouble> {
    let lines = look(&*app.commands, |known| {
        let line = |staff: &Staff| Line {
            login: staff.login.clone(),
            name: staff.identity.name.clone(),
            roles: staff.roles.iter().copied().collect(),
            groups: staff.groups.iter().map(|group| group_name(known, group)).collect(),
            state: state_word(staff, known.at),
        };
        let mut lines: Vec<Line> = known.register.staff.values().map(line).collect();
        lines.sort_by(|a, b| (a.state == "disabled", &a.name).cmp(&(b.state == "disabled", &b.name)));
        lines
    })
    .await?;
    Ok(lines)
}

/// The list.
pub(crate) async fn list(State(app): State<App>, visit: Visit, Query(query): Query) -> Answer {
    let lines = staff(&app).await?;
    let (lines, at) = paged(lines, query.value("page").parse().unwrap_or(1));
    page(&ListPage { v: &visit, lines, at })
}

/// A group to choose.
#[derive(Debug, Clone, Serialize)]
pub(super) struct GroupChoice {
    pub(super) id: String,
    pub(super) name: String,
}

/// All groups of the configuration.
pub(super) fn groups(known: &Known<'_>) -> Vec<GroupChoice> {
    let all = known.config.groups.iter();
    all.map(|(id, group)| GroupChoice { id: id.to_string(), name: group.name.clone() }).collect()
}

/// One member of staff in full.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Person {
    pub(crate) login: StaffLogin,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) phone: String,
    pub(super) roles: Vec<Role>,
    pub(super) groups: Vec<String>,
    pub(super) group_names: Vec<String>,
    pub(super) all_groups: Vec<GroupChoice>,
    pub(super) state: &'static str,
    pub(super) account_state: StaffState,
    pub(super) lock: Option<Lock>,
    pub(super) since: Timestamp,
    pub(super) invited_until: Option<Timestamp>,
    /// Whether it is the reader: nobody changes their own (IDM-19).
    pub(crate) own: bool,
}

impl Person {
    fn of(known: &Known<'_>, staff: &Staff, me: &StaffLogin) -> Self {
        let mine = known.register.staff.get(me).is_some_and(|mine| mine.identity.person().is(&staff.identity.person()));
        Self {
            login: staff.login.clone(),
            name: staff.identity.name.clone(),
            email: staff.identity.email.clone(),
            phone: staff.identity.phone.clone(),
            roles: staff.roles.iter().copied().collect(),
            groups: staff.groups.iter().map(ToString::to_string).collect(),
            group_names: staff.groups.iter().map(|group| group_name(known, group)).collect(),
            all_groups: groups(known),
            state: state_word(staff, known.at),
            account_state: staff.state,
            lock: Lock::of(&staff.guard, known.at),
            since: staff.factors_since,
            invited_until: staff.invitation.as_ref().map(|one| one.until),
            own: mine || staff.login == *me,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.account_state == StaffState::Disabled
    }

    pub(super) fn has(&self, role: &Role) -> bool {
        self.roles.contains(role)
    }

    pub(super) fn is_in(&self, group: &GroupChoice) -> bool {
        self.groups.contains(&group.id)
    }
}

/// The member of staff of an address.
pub(crate) async fn person_of(app: &App, visit: &Visit, login: &str) -> Result<Person, Trouble> {
    let login: StaffLogin = login.parse().map_err(|_| Trouble::NotFound)?;
    let me = visit.me()?.login.clone();
    let found = look(&*app.commands, move |known| Some(Person::of(known, known.register.staff.get(&login)?, &me)));
    found.await?.ok_or(Trouble::NotFound)
}

#[derive(Template)]
#[template(path = "staff-member.html")]
struct PersonPage<'a> {
    v: &'a Visit,
    one: Person,
    said: Option<String>,
    done: Option<String>,
    reason: String,
    lock: Option<String>,
    all_roles: [Role; 4],
}

/// One member of staff.
pub(crate) async fn show(
    State(app): State<App>,
    visit: Visit,
    Path(login): Path<String>,
    Query(query): Query,
) -> Answer {
    let one = person_of(&app, &visit, &login).await?;
    let done = done(&visit, &one, &query);
    shown(&visit, one, StatusCode::OK, done, None, String::new())
}

/// What was done, by its word in the address. Anybody can write an address: what is not so is not said.
fn done(visit: &Visit, one: &Person, query: &Fields) -> Option<String> {
    match query.get("done")? {
        "changed" => Some(visit.t("staff-changed")),
        "unlocked" if one.lock.is_none() => Some(visit.t("staff-unlocked")),
        "disabled" if one.account_state == StaffState::Disabled => Some(visit.t("staff-disabled")),
        _ => None,
    }
}

/// The page, with what was done or what is wrong.
pub(super) fn shown(
    visit: &Visit,
    one: Person,
    status: StatusCode,
    done: Option<String>,
    said: Option<String>,
    reason: String,
) -> Answer {
    let lock = one.lock.as_ref().map(|lock| lock.said(&visit.texts));
    page_with(status, &PersonPage { v: visit, one, said, done, reason, lock, all_roles: ROLES })
}
