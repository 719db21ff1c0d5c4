//! Sessions that run now, and the brakes.

use super::answer::{Paged, asked, done, view};
use super::body::{Because, Body, trimmed};
use crate::error::Trouble;
use crate::form::Query;
use crate::page::{Answer, Visit};
use crate::requests::proof_by;
use crate::routes::App;
use crate::sessions::{parsed, running, seen, seen_or_unknown};
use crate::watching::hide;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use lifecycle::order::{Hidden, Order};
use serde::Deserialize;

/// The list.
pub(super) async fn list(State(app): State<App>, visit: Visit, Query(query): Query) -> Answer {
    let page = asked(&query)?;
    view(&Paged::of(running(&app, &visit).await?, page, &visit, &query))
}

/// Why it is to stand still, if that is said.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Freeze {
    #[serde(default)]
    reason: Option<String>,
}

/// Freezes.
pub(super) async fn freeze(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    Body(given): Body<Freeze>,
) -> Answer {
    let id = parsed(&id)?.to_string();
    let reason = given.reason.filter(|reason| !reason.trim().is_empty());
    app.commands.carry_out(visit.me()?.login.clone(), Order::SessionFreeze { id, reason }).await.map_err(hide)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A fresh code, where what was frozen asks for one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Resume {
    #[serde(default)]
    otp: Option<Hidden>,
}

/// Lets go on.
pub(super) async fn resume(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    Body(given): Body<Resume>,
) -> Answer {
    let id = seen(&app, &visit, &id).await?.to_string();
    if !visit.may_decide_here {
        return Err(Trouble::NotHere);
    }
    let proof = given.otp.map(|otp| proof_by(&visit, trimmed(&otp))).transpose()?;
    done(&app, &visit, Order::SessionResume { id, proof }).await
}

/// Cuts.
pub(super) async fn cut(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    Body(given): Body<Because>,
) -> Answer {
    let id = seen_or_unknown(&app, &visit, &id).await?.to_string();
    done(&app, &visit, Order::SessionCut { id, reason: given.reason }).await
}
