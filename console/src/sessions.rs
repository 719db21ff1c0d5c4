//! The sessions that run now, and the brakes without a script.

use crate::brake;
use crate::commands::look;
use crate::error::Trouble;
use crate::filters;
use crate::form::Fields;
use crate::names::{staff_name, target_name, vendor_name};
use crate::page::{Answer, Visit, page};
use crate::requests::proof;
use crate::routes::App;
use crate::routes::{self, APPROVER, LOOKING, Route};
use crate::watching::hide;
use askama::Template;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::IntoResponse as _;
use axum::routing::{get, post};
use jiff::Timestamp;
use lifecycle::order::Order;
use lifecycle::{FreezeCause, InterventionNumber, SessionId};
use serde::Serialize;
use serde_json::json;

/// The addresses of this part.
pub(crate) const ROUTES: &[Route] = &[
    routes::page("/sessions", LOOKING, || get(list)),
    routes::brake(routes::act("/sessions/{id}/freeze", APPROVER, || post(freeze))),
    routes::brake(routes::act("/sessions/{id}/cut", LOOKING, || post(cut))),
    routes::data_post("/sessions/{id}/resume", APPROVER, || post(resume)),
];

/// One session that runs.
#[derive(Serialize)]
pub(crate) struct Line {
    id: SessionId,
    number: InterventionNumber,
    name: String,
    vendor: String,
    target: String,
    started: Timestamp,
    until: Timestamp,
    frozen: Option<FreezeCause>,
    emergency: bool,
    watchers: String,
    watchable: bool,
    mine: bool,
}

#[derive(Template)]
#[template(path = "sessions.html")]
struct ListPage<'a> {
    v: &'a Visit,
    sessions: Vec<Line>,
}

/// The list.
pub(crate) async fn list(State(app): State<App>, visit: Visit) -> Answer {
    let sessions = running(&app, &visit).await?;
    page(&ListPage { v: &visit, sessions })
}

/// The sessions that run now and are for these eyes, the oldest first.
pub(crate) async fn running(app: &App, visit: &Visit) -> Result<Vec<Line>, Trouble> {
    let me = visit.me()?.clone();
    let live = app.commands.live();
    let sessions = look(&*app.commands, move |known| {
        let mut lines: Vec<Line> = Vec::new();
        for record in known.register.live() {
            let Some(one) = known.register.interventions.get(&record.number) else { continue };
            let asked = &one.asked;
            if !me.may_see(known, &asked.target) {
                continue;
            }
            let watchers = live.iter().find(|one| one.id == record.id).map(|one| &one.watchers);
            lines.push(Line {
                id: record.id.clone(),
                number: record.number,
                name: asked.name.clone(),
                vendor: vendor_name(known, &asked.vendor),
                target: target_name(known, &asked.target),
                started: record.started,
                until: record.until,
                frozen: record.frozen.clone(),
                emergency: one.is_emergency(),
                watchers: watchers
                    .into_iter()
                    .flatten()
                    .map(|login| staff_name(known, login))
                    .collect::<Vec<_>>()
                    .join(", "),
                mine: me.decides_for(known, &asked.target),
                watchable: me.decides_for(known, &asked.target) || me.roles.contains(&lifecycle::Role::Security),
            });
        }
        lines.sort_by_key(|line| (line.started, line.number));
        lines
    })
    .await?;
    Ok(sessions)
}

/// The session, if what happens on its target is for these eyes. What is not does not exist.
pub(crate) async fn seen(app: &App, visit: &Visit, id: &str) -> Result<SessionId, Trouble> {
    let id = parsed(id)?;
    let (me, wanted) = (visit.me()?.clone(), id.clone());
    let may = look(&*app.commands, move |known| {
        let record = known.register.sessions.get(&wanted)?;
        let asked = &known.register.interventions.get(&record.number)?.asked;
        Some(me.may_see(known, &asked.target))
    });
    if may.await? == Some(true) { Ok(id) } else { Err(Trouble::NotFound) }
}

/// The number of a session, as an address has it.
pub(crate) fn parsed(id: &str) -> Result<SessionId, Trouble> {
    id.parse().map_err(|_| Trouble::NotFound)
}

/// The same as [`seen`] for cutting, which does not wait for the register: cutting too much is the
/// smaller harm.
pub(crate) async fn seen_or_unknown(app: &App, visit: &Visit, id: &str) -> Result<SessionId, Trouble> {
    match brake::glance(visit, seen(app, visit, id)).await? {
        Some(id) => Ok(id),
        None => parsed(id),
    }
}

/// Freezes. Whether it is theirs to freeze is found out where the session runs, without the register.
pub(crate) async fn freeze(State(app): State<App>, visit: Visit, Path(id): Path<String>, fields: Fields) -> Answer {
    let id = parsed(&id)?.to_string();
    let reason = fields.get("reason").filter(|reason| !reason.is_empty()).map(str::to_owned);
    let order = Order::SessionFreeze { id: id.clone(), reason };
    app.commands.carry_out(visit.me()?.login.clone(), order).await.map_err(hide)?;
    brake::done(&visit, &format!("/sessions/{id}/watch"))
}

/// Cuts.
pub(crate) async fn cut(State(app): State<App>, visit: Visit, Path(id): Path<String>, fields: Fields) -> Answer {
    let id = seen_or_unknown(&app, &visit, &id).await?.to_string();
    let order = Order::SessionCut { id, reason: fields.value("reason") };
    app.commands.carry_out(visit.me()?.login.clone(), order).await?;
    brake::done(&visit, "/sessions")
}

/// Lets go on what somebody else froze, or what reached its limit: with a fresh code (D12).
pub(crate) async fn resume(State(app): State<App>, visit: Visit, Path(id): Path<String>, fields: Fields) -> Answer {
    let id = seen(&app, &visit, &id).await?.to_string();
    if !visit.may_decide_here {
        return Err(Trouble::NotHere);
    }
    let proof = fields.get("otp").is_some().then(|| proof(&visit, &fields)).transpose()?;
    app.commands.carry_out(visit.me()?.login.clone(), Order::SessionResume { id, proof }).await?;
    Ok(Json(json!({ "ok": true })).into_response())
}
