//! Technicians and staff: the verbs.

use super::answer::{Paged, asked, carry_out, done, view};
use super::body::{Because, Body, Nothing};
use crate::error::Trouble;
use crate::form::Query;
use crate::page::{Answer, Visit};
use crate::people::{change_other, person_of, staff, technician_of, technicians};
use crate::routes::App;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use jiff::Timestamp;
use lifecycle::Role;
use lifecycle::order::{Order, PersonArgs};
use policy::{GroupId, StaffLogin, TechnicianLogin, VendorId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeSet;

/// Whom to invite.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Invite {
    login: TechnicianLogin,
    vendor: VendorId,
    name: String,
    email: String,
    phone: String,
    proofing: String,
    /// Lines of OpenSSH public keys.
    #[serde(default)]
    keys: Vec<String>,
}

/// An invitation, with its code, this once.
#[derive(Debug, Serialize)]
pub(super) struct Invited {
    login: String,
    code: String,
    until: Option<Timestamp>,
    host: String,
    port: u64,
    known_hosts: String,
}

impl Invited {
    fn of(given: &Value) -> Self {
        let text = |name| given.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            login: text("login"),
            code: text("code"),
            until: text("until").parse().ok(),
            host: text("host"),
            port: given.get("port").and_then(Value::as_u64).unwrap_or_default(),
            known_hosts: text("known_hosts"),
        }
    }
}

/// The technician of an address, if they are for these eyes.
async fn technician(app: &App, visit: &Visit, login: &str) -> Result<TechnicianLogin, Trouble> {
    Ok(technician_of(app, visit, login).await?.login)
}

/// Technicians, with the filters `q` and `state`.
pub(super) async fn list(State(app): State<App>, visit: Visit, Query(query): Query) -> Answer {
    let page = asked(&query)?;
    let all = technicians(&app, &visit, &query.value("q"), &query.value("state")).await?;
    view(&Paged::of(all, page, &visit, &query))
}

/// One technician.
pub(super) async fn show(State(app): State<App>, visit: Visit, Path(login): Path<String>) -> Answer {
    view(&technician_of(&app, &visit, &login).await?)
}

/// All staff.
pub(super) async fn list_staff(State(app): State<App>, visit: Visit, Query(query): Query) -> Answer {
    let page = asked(&query)?;
    view(&Paged::of(staff(&app).await?, page, &visit, &query))
}

/// One member of staff.
pub(super) async fn show_staff(State(app): State<App>, visit: Visit, Path(login): Path<String>) -> Answer {
    view(&person_of(&app, &visit, &login).await?)
}

/// Invites.
pub(super) async fn invite(State(app): State<App>, visit: Visit, Body(given): Body<Invite>) -> Answer {
    let order = Order::TechnicianInvite {
        login: given.login,
        vendor: given.vendor,
        person: PersonArgs { name: given.name, email: given.email, phone: given.phone },
        proofing: given.proofing,
        keys: given.keys,
    };
    view(&Invited::of(&carry_out(&app, &visit, order).await?))
}

/// The word that the technician was shown (D8).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Activate {
    word: String,
}

/// Activates.
pub(super) async fn activate(
    State(app): State<App>,
    visit: Visit,
    Path(login): Path<String>,
    Body(given): Body<Activate>,
) -> Answer {
    done(&app, &visit, Order::TechnicianActivate { login: technician(&app, &visit, &login).await?, word: given.word })
        .await
}

/// Disables, and ends their sessions.
pub(super) async fn disable(
    State(app): State<App>,
    visit: Visit,
    Path(login): Path<String>,
    Body(given): Body<Because>,
) -> Answer {
    done(
        &app,
        &visit,
        Order::TechnicianDisable { login: technician(&app, &visit, &login).await?, reason: given.reason },
    )
    .await
}

/// Lifts a lock.
pub(super) async fn unlock(
    State(app): State<App>,
    visit: Visit,
    Path(login): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    done(&app, &visit, Order::TechnicianUnlock { login: technician(&app, &visit, &login).await? }).await
}

/// Why new factors are needed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reset {
    reason: String,
    /// Of a disabled account: it is to come back.
    #[serde(default)]
    enable: bool,
}

/// Ends their factors, and invites anew.
pub(super) async fn reset(
    State(app): State<App>,
    visit: Visit,
    Path(login): Path<String>,
    Body(given): Body<Reset>,
) -> Answer {
    let order = Order::TechnicianReset {
        login: technician(&app, &visit, &login).await?,
        reason: given.reason,
        enable: given.enable,
    };
    view(&Invited::of(&carry_out(&app, &visit, order).await?))
}

/// Carries an order out on somebody else's account.
async fn on_other(app: &App, visit: &Visit, login: &str, order: impl FnOnce(StaffLogin) -> Order) -> Answer {
    let one = person_of(app, visit, login).await?;
    let login = one.login.clone();
    change_other(app, visit, &one, order(login)).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Disables a member of staff.
pub(super) async fn disable_staff(
    State(app): State<App>,
    visit: Visit,
    Path(login): Path<String>,
    Body(given): Body<Because>,
) -> Answer {
    on_other(&app, &visit, &login, |login| Order::StaffDisable { login, reason: given.reason }).await
}

/// Lifts a lock of a member of staff.
pub(super) async fn unlock_staff(
    State(app): State<App>,
    visit: Visit,
    Path(login): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    on_other(&app, &visit, &login, |login| Order::StaffUnlock { login }).await
}

/// Other roles and groups.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Change {
    roles: BTreeSet<Role>,
    groups: BTreeSet<GroupId>,
    reason: String,
}

/// Changes roles and groups of a member of staff.
pub(super) async fn change_staff(
    State(app): State<App>,
    visit: Visit,
    Path(login): Path<String>,
    Body(given): Body<Change>,
) -> Answer {
    let Change { roles, groups, reason } = given;
    on_other(&app, &visit, &login, |login| Order::StaffChange { login, roles, groups, reason }).await
}
