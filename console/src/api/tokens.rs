//! Tokens that read an export: made, listed, revoked. By the sign-in only: a token makes no token.

use super::answer::{Paged, asked, carry_out, done, view};
use super::body::{Body, Nothing, trimmed};
use crate::error::Trouble;
use crate::form::Query;
use crate::page::{Answer, Visit};
use crate::routes::App;
use crate::tokens::{Wanted, lines, making};
use axum::extract::{Path, State};
use jiff::Timestamp;
use lifecycle::ExportScope;
use lifecycle::order::{Hidden, Order};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The list.
pub(super) async fn list(State(app): State<App>, visit: Visit, Query(query): Query) -> Answer {
    let page = asked(&query)?;
    view(&Paged::of(lines(&app).await?, page, &visit, &query))
}

/// What is to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Make {
    label: String,
    scope: ExportScope,
    days: u16,
    otp: Hidden,
}

/// A token, this once.
#[derive(Debug, Serialize)]
struct Made {
    id: String,
    token: String,
    scope: ExportScope,
    until: Option<Timestamp>,
}

/// Makes one.
pub(super) async fn make(State(app): State<App>, visit: Visit, Body(given): Body<Make>) -> Answer {
    let (scope, otp) = (given.scope, trimmed(&given.otp));
    let order = making(&visit, Wanted { label: given.label, scope, days: given.days, otp })?;
    let made = carry_out(&app, &visit, order).await?;
    let text = |name| made.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    view(&Made { id: text("id"), token: text("token"), scope, until: text("until").parse().ok() })
}

/// Ends one.
pub(super) async fn revoke(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    let id = id.parse().map_err(|_| Trouble::NotFound)?;
    done(&app, &visit, Order::TokenRevoke { id }).await
}
