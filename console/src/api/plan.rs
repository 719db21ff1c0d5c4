//! What the hospital opens by itself, for longer, and the look back.

use super::answer::{carry_out, done, view};
use super::body::{Body, Nothing, trimmed};
use super::requests::Decided;
use crate::commands::look;
use crate::error::Trouble;
use crate::page::{Answer, Visit};
use crate::plan::{extended_by, may_open, reviewable, withdrawn};
use crate::requests::proof_by;
use crate::routes::App;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use jiff::Timestamp;
use lifecycle::order::{Hidden, Order, Planned};
use policy::{Rights, TargetAccount, TargetId, TechnicianLogin, Verified};
use serde::Deserialize;

/// What is to be opened: `from` and `until`, or `minutes` from now on.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Plan {
    technician: TechnicianLogin,
    target: TargetId,
    #[serde(default)]
    account: Option<TargetAccount>,
    #[serde(default)]
    from: Option<Timestamp>,
    #[serde(default)]
    until: Option<Timestamp>,
    #[serde(default)]
    minutes: Option<u32>,
    #[serde(default)]
    emergency: bool,
    reason: String,
    #[serde(default)]
    ticket: Option<String>,
    verified: Verified,
    #[serde(default)]
    rights: Option<Rights>,
    otp: Hidden,
}

/// Opens one in advance, or now.
pub(super) async fn plan(State(app): State<App>, visit: Visit, Body(given): Body<Plan>) -> Answer {
    let (me, technician, target) = (visit.me()?.clone(), given.technician.clone(), given.target.clone());
    if !look(&*app.commands, move |known| may_open(known, &me, &technician, &target)).await? {
        return Err(Trouble::NotFound);
    }
    if !visit.may_decide_here {
        return Err(Trouble::NotHere);
    }
    match (given.minutes, given.from, given.until) {
        (Some(minutes), None, None) if minutes > 0 => {}
        (None, Some(_), Some(_)) => {}
        _ => return Err(Trouble::Wrong("error-window")),
    }
    let ticket = given.ticket.filter(|ticket| !ticket.trim().is_empty());
    let order = Order::InterventionPlan {
        proof: proof_by(&visit, trimmed(&given.otp))?,
        planned: Planned {
            technician: given.technician,
            target: given.target,
            login: given.account,
            from: given.from,
            until: given.until,
            minutes: given.minutes,
            emergency: given.emergency,
            reason: given.reason,
            ticket: ticket.unwrap_or_else(|| "-".to_owned()),
            verified: given.verified,
            rights: given.rights,
        },
    };
    view(&Decided::of(&carry_out(&app, &visit, order).await?))
}

/// Takes one back.
pub(super) async fn withdraw(
    State(app): State<App>,
    visit: Visit,
    Path(number): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    withdrawn(&app, &visit, &number).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// For how long from now.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Extend {
    verified: Verified,
    minutes: u32,
    otp: Hidden,
}

/// Gives a session more time.
pub(super) async fn extend(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    Body(given): Body<Extend>,
) -> Answer {
    let number = extended_by(&app, &visit, &id).await?;
    if !visit.may_decide_here {
        return Err(Trouble::NotHere);
    }
    let proof = proof_by(&visit, trimmed(&given.otp))?;
    let order = Order::InterventionExtend { number, proof, verified: given.verified, minutes: given.minutes };
    view(&Decided::of(&carry_out(&app, &visit, order).await?))
}

/// What was found.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Review {
    text: String,
}

/// Writes down what the look back at an emergency found.
pub(super) async fn review(
    State(app): State<App>,
    visit: Visit,
    Path(number): Path<String>,
    Body(given): Body<Review>,
) -> Answer {
    let number = reviewable(&app, &visit, &number).await?;
    done(&app, &visit, Order::InterventionReview { number, text: given.text }).await
}
