//! What is done to a technician's account. Each is one order of the daemon's; who may is asked by the
//! guard, and whether these eyes see the account, here.

use super::invite::handed_over;
use super::technicians::{Technician, shown, technician_of};
use crate::brake::glance;
use crate::error::Trouble;
use crate::form::Fields;
use crate::page::{Answer, Visit, acted, see_other};
use crate::routes::App;
use axum::extract::{Path, State};
use lifecycle::order::{Failure, Order};
use serde_json::Value;

/// Carries an order out; a refusal is told on the technician's page.
async fn carried(
    app: &App,
    visit: &Visit,
    one: &Technician,
    fields: &Fields,
    order: Order,
) -> Result<Result<Value, axum::response::Response>, Trouble> {
    match app.commands.carry_out(visit.me()?.login.clone(), order).await {
        Ok(done) => Ok(Ok(done)),
        Err(failure) => Ok(Err(again(app, visit, one, fields, failure).await?)),
    }
}

async fn again(app: &App, visit: &Visit, one: &Technician, fields: &Fields, failure: Failure) -> Answer {
    let now = technician_of(app, visit, one.login.as_str()).await?;
    let said = Some(visit.texts.failure(&failure));
    shown(visit, now, Trouble::Failure(failure).status(), None, said, fields.value("reason"))
}

/// A number of an answer, for the address.
pub(super) fn count(done: &Value, name: &str) -> u64 {
    done.get(name).and_then(Value::as_u64).unwrap_or(0)
}

/// Opens an enrolled account, by the word that the technician read out (D8).
pub(crate) async fn activate(
    State(app): State<App>,
    visit: Visit,
    Path(login): Path<String>,
    fields: Fields,
) -> Answer {
    let one = technician_of(&app, &visit, &login).await?;
    let order = Order::TechnicianActivate { login: one.login.clone(), word: fields.value("word") };
    match carried(&app, &visit, &one, &fields, order).await? {
        Ok(_) => see_other(&format!("/people/technicians/{}?done=activated", one.login)),
        Err(page) => Ok(page),
    }
}

/// Switches the account off, at once.
pub(crate) async fn disable(State(app): State<App>, visit: Visit, Path(login): Path<String>, fields: Fields) -> Answer {
    let reason = fields.value("reason");
    let Some(one) = glance(&visit, technician_of(&app, &visit, &login)).await? else {
        let login = login.parse().map_err(|_| Trouble::NotFound)?;
        app.commands.carry_out(visit.me()?.login.clone(), Order::TechnicianDisable { login, reason }).await?;
        return Ok(acted(&visit.texts));
    };
    let order = Order::TechnicianDisable { login: one.login.clone(), reason };
    match carried(&app, &visit, &one, &fields, order).await? {
        Ok(done) => {
            let ended = count(&done, "sessions_ended");
            see_other(&format!("/people/technicians/{}?done=disabled&ended={ended}", one.login))
        }
        Err(page) => Ok(page),
    }
}

/// Lifts a lock.
pub(crate) async fn unlock(State(app): State<App>, visit: Visit, Path(login): Path<String>, fields: Fields) -> Answer {
    let one = technician_of(&app, &visit, &login).await?;
    let order = Order::TechnicianUnlock { login: one.login.clone() };
    match carried(&app, &visit, &one, &fields, order).await? {
        Ok(_) => see_other(&format!("/people/technicians/{}?done=unlocked", one.login)),
        Err(page) => Ok(page),
    }
}

/// Throws the factors away and makes an invitation; it also renews one, and lifts what was disabled.
pub(crate) async fn reset(State(app): State<App>, visit: Visit, Path(login): Path<String>, fields: Fields) -> Answer {
    let one = technician_of(&app, &visit, &login).await?;
    let (reason, enable) = (fields.value("reason"), one.is_over());
    let order = Order::TechnicianReset { login: one.login.clone(), reason, enable };
    match carried(&app, &visit, &one, &fields, order).await? {
        Ok(made) => handed_over(&visit, &made, Some(one.call_phone.as_str())),
        Err(page) => Ok(page),
    }
}

/// Gives the account a key.
pub(crate) async fn add_key(State(app): State<App>, visit: Visit, Path(login): Path<String>, fields: Fields) -> Answer {
    key(&app, &visit, &login, &fields, true).await
}

/// Takes a key away.
pub(crate) async fn remove_key(
    State(app): State<App>,
    visit: Visit,
    Path(login): Path<String>,
    fields: Fields,
) -> Answer {
    key(&app, &visit, &login, &fields, false).await
}

async fn key(app: &App, visit: &Visit, login: &str, fields: &Fields, add: bool) -> Answer {
    let one = technician_of(app, visit, login).await?;
    let order = Order::TechnicianKey { login: one.login.clone(), key: fields.value("key"), add };
    let done = if add { "key-added" } else { "key-removed" };
    match carried(app, visit, &one, fields, order).await? {
        Ok(_) => see_other(&format!("/people/technicians/{}?done={done}", one.login)),
        Err(page) => Ok(page),
    }
}
