//! Requests, and the yes or no to one.

use super::answer::{Paged, asked, carry_out, done, view};
use super::body::{Because, Body, trimmed};
use crate::commands::look;
use crate::error::Trouble;
use crate::form::Query;
use crate::page::{Answer, Visit};
use crate::requests::{Approval, List, approval, lines, request_of};
use crate::routes::App;
use axum::extract::{Path, State};
use jiff::Timestamp;
use lifecycle::order::{Hidden, Order};
use policy::{Rights, Verified};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One of the lists: `list=waiting` (the default), `planned` or `review`.
pub(super) async fn list(State(app): State<App>, visit: Visit, Query(query): Query) -> Answer {
    let list = match query.get("list") {
        None | Some("waiting") => List::Waiting,
        Some("planned") => List::Planned,
        Some("review") => List::Review,
        Some(_) => return Err(Trouble::Wrong("error-list")),
    };
    let (page, me) = (asked(&query)?, visit.me()?.clone());
    let lines = look(&*app.commands, move |known| lines(known, &me, list)).await?;
    view(&Paged::of(lines, page, &visit, &query))
}

/// One in full.
pub(super) async fn show(State(app): State<App>, visit: Visit, Path(number): Path<String>) -> Answer {
    view(&request_of(&app, &visit, &number).await?)
}

/// A yes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Approve {
    verified: Verified,
    /// What the technician read out; not for one that was planned.
    #[serde(default)]
    code: String,
    #[serde(default)]
    rights: Option<Rights>,
    #[serde(default)]
    minutes: Option<u32>,
    otp: Hidden,
}

/// What a yes gave.
#[derive(Debug, Serialize)]
pub(super) struct Decided {
    number: u64,
    approvals_missing: Option<u64>,
    /// The code of a planned one, this once, when nobody is missing any more.
    code: Option<String>,
    from: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl Decided {
    pub(super) fn of(given: &Value) -> Self {
        let time = |name| given.get(name).and_then(Value::as_str).and_then(|text| text.parse().ok());
        Self {
            number: given.get("number").and_then(Value::as_u64).unwrap_or_default(),
            approvals_missing: given.get("approvals_missing").and_then(Value::as_u64),
            code: given.get("code").and_then(Value::as_str).map(str::to_owned),
            from: time("from"),
            until: time("until"),
        }
    }
}

/// Approves.
pub(super) async fn approve(
    State(app): State<App>,
    visit: Visit,
    Path(number): Path<String>,
    Body(given): Body<Approve>,
) -> Answer {
    let one = request_of(&app, &visit, &number).await?;
    let given = Approval {
        code: given.code.trim().to_owned(),
        verified: Some(given.verified),
        rights: given.rights,
        minutes: given.minutes,
        otp: trimmed(&given.otp),
    };
    let order = approval(&visit, &one, given)?;
    view(&Decided::of(&carry_out(&app, &visit, order).await?))
}

/// Refuses.
pub(super) async fn refuse(
    State(app): State<App>,
    visit: Visit,
    Path(number): Path<String>,
    Body(given): Body<Because>,
) -> Answer {
    let number = request_of(&app, &visit, &number).await?.number.0;
    done(&app, &visit, Order::InterventionRefuse { number, proof: None, reason: given.reason }).await
}
