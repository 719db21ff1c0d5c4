//! What is done to the accounts of the hospital's staff: by an operator, and never to their own.

use super::invite::{Typed, person};
use super::staff::{GroupChoice, Person, ROLES, groups, person_of, shown};
use crate::brake::glance;
use crate::commands::look;
use crate::error::Trouble;
use crate::filters;
use crate::form::Fields;
use crate::page::{Answer, Visit, acted, page, page_with, see_other};
use crate::routes::App;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::header::ORIGIN;
use axum::http::{HeaderMap, StatusCode};
use lifecycle::order::{Failure, Order};
use lifecycle::{Refusal, Role};
use policy::{GroupId, StaffLogin};
use serde_json::Value;
use std::collections::BTreeSet;

#[derive(Template)]
#[template(path = "staff-invite.html")]
struct InvitePage<'a> {
    v: &'a Visit,
    typed: Typed,
    roles: Vec<String>,
    chosen: Vec<String>,
    all_roles: [Role; 4],
    all_groups: Vec<GroupChoice>,
    said: Option<String>,
}

async fn all_groups(app: &App) -> Result<Vec<GroupChoice>, Trouble> {
    Ok(look(&*app.commands, groups).await?)
}

/// The form.
pub(crate) async fn form(State(app): State<App>, visit: Visit) -> Answer {
    let (all_groups, typed) = (all_groups(&app).await?, Typed::default());
    let (roles, chosen) = (Vec::new(), Vec::new());
    page(&InvitePage { v: &visit, typed, roles, chosen, all_roles: ROLES, all_groups, said: None })
}

/// The roles and groups that were ticked.
fn ticked(fields: &Fields) -> Result<(BTreeSet<Role>, BTreeSet<GroupId>), Trouble> {
    let roles = fields.all("roles").map(|word| word.parse().map_err(|_| Trouble::Input)).collect::<Result<_, _>>()?;
    let groups = fields.all("groups").map(|word| word.parse().map_err(|_| Trouble::Input)).collect::<Result<_, _>>()?;
    Ok((roles, groups))
}

/// Invites.
pub(crate) async fn invite(State(app): State<App>, visit: Visit, headers: HeaderMap, fields: Fields) -> Answer {
    let all_groups = all_groups(&app).await?;
    let again = |said: String, status: StatusCode| {
        let roles = fields.all("roles").map(str::to_owned).collect();
        let chosen = fields.all("groups").map(str::to_owned).collect();
        let (typed, said) = (Typed::of(&fields), Some(said));
        page_with(status, &InvitePage { v: &visit, typed, roles, chosen, all_roles: ROLES, all_groups, said })
    };
    let Ok(login) = fields.value("login").parse::<StaffLogin>() else {
        return again(visit.t("people-login-wrong"), StatusCode::UNPROCESSABLE_ENTITY);
    };
    let (roles, groups) = ticked(&fields)?;
    let order = Order::StaffInvite { login, person: person(&fields), roles, groups };
    match app.commands.carry_out(visit.me()?.login.clone(), order).await {
        Ok(made) => handed_over(&visit, &headers, &made),
        Err(failure) => again(visit.texts.failure(&failure), Trouble::Failure(failure).status()),
    }
}

#[derive(Template)]
#[template(path = "staff-invitation.html")]
struct HandedOverPage<'a> {
    v: &'a Visit,
    login: String,
    name: String,
    code: String,
    address: String,
    link: String,
    until: Option<jiff::Timestamp>,
}

/// The invitation of a member of staff, this once. Its address is the one by which the operator came:
/// the guard has compared it with the host that was asked for.
fn handed_over(visit: &Visit, headers: &HeaderMap, made: &Value) -> Answer {
    let text = |name: &str| made.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let origin = headers.get(ORIGIN).and_then(|origin| origin.to_str().ok()).unwrap_or_default();
    let (code, address) = (text("code"), format!("{origin}/enrol"));
    let link = format!("{address}?code={code}");
    let until = text("until").parse().ok();
    page(&HandedOverPage { v: visit, login: text("login"), name: text("name"), code, address, link, until })
}

/// Carries an order out on somebody else's account; a refusal is told on the person's page.
async fn carried(
    app: &App,
    visit: &Visit,
    one: &Person,
    fields: &Fields,
    order: Order,
) -> Result<Result<Value, axum::response::Response>, Trouble> {
    match change_other(app, visit, one, order).await {
        Ok(done) => Ok(Ok(done)),
        Err(Trouble::Failure(failure)) => {
            let now = person_of(app, visit, one.login.as_str()).await?;
            let said = Some(visit.texts.failure(&failure));
            let status = Trouble::Failure(failure).status();
            Ok(Err(shown(visit, now, status, None, said, fields.value("reason"))?))
        }
        Err(trouble) => Err(trouble),
    }
}

/// Carries an order out on somebody else's account; on one's own it is refused.
pub(crate) async fn change_other(app: &App, visit: &Visit, one: &Person, order: Order) -> Result<Value, Trouble> {
    let by = visit.me()?.login.clone();
    // The rules of life refuse it too; a brake on oneself, which they allow, is not meant here either.
    if one.own {
        return Err(Failure::from(Refusal::OwnRights(by)).into());
    }
    let ends = matches!(order, Order::StaffReset { .. } | Order::StaffDisable { .. });
    let done = app.commands.carry_out(by, order).await?;
    if ends {
        app.signed_in.forget(&one.login);
    }
    Ok(done)
}

/// Other roles and groups.
pub(crate) async fn change(State(app): State<App>, visit: Visit, Path(login): Path<String>, fields: Fields) -> Answer {
    let one = person_of(&app, &visit, &login).await?;
    let (roles, groups) = ticked(&fields)?;
    let order = Order::StaffChange { login: one.login.clone(), roles, groups, reason: fields.value("reason") };
    match carried(&app, &visit, &one, &fields, order).await? {
        Ok(_) => see_other(&format!("/people/staff/{}?done=changed", one.login)),
        Err(page) => Ok(page),
    }
}

/// New factors, by a new invitation.
pub(crate) async fn reset(
    State(app): State<App>,
    visit: Visit,
    headers: HeaderMap,
    Path(login): Path<String>,
    fields: Fields,
) -> Answer {
    let one = person_of(&app, &visit, &login).await?;
    let order = Order::StaffReset { login: one.login.clone(), reason: fields.value("reason") };
    match carried(&app, &visit, &one, &fields, order).await? {
        Ok(made) => handed_over(&visit, &headers, &made),
        Err(page) => Ok(page),
    }
}

/// Lifts a lock.
pub(crate) async fn unlock(State(app): State<App>, visit: Visit, Path(login): Path<String>, fields: Fields) -> Answer {
    let one = person_of(&app, &visit, &login).await?;
    let order = Order::StaffUnlock { login: one.login.clone() };
    match carried(&app, &visit, &one, &fields, order).await? {
        Ok(_) => see_other(&format!("/people/staff/{}?done=unlocked", one.login)),
        Err(page) => Ok(page),
    }
}

/// Switches an account off, for good.
pub(crate) async fn disable(State(app): State<App>, visit: Visit, Path(login): Path<String>, fields: Fields) -> Answer {
    let reason = fields.value("reason");
    let Some(one) = glance(&visit, person_of(&app, &visit, &login)).await? else {
        let (login, by) = (login.parse::<StaffLogin>().map_err(|_| Trouble::NotFound)?, visit.me()?.login.clone());
        if login == by {
            return Err(Failure::from(Refusal::OwnRights(by)).into());
        }
        app.commands.carry_out(by, Order::StaffDisable { login: login.clone(), reason }).await?;
        app.signed_in.forget(&login);
        return Ok(acted(&visit.texts));
    };
    let order = Order::StaffDisable { login: one.login.clone(), reason };
    match carried(&app, &visit, &one, &fields, order).await? {
        Ok(_) => see_other(&format!("/people/staff/{}?done=disabled", one.login)),
        Err(page) => Ok(page),
    }
}
