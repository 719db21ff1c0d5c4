//! The red button, and vendors that stand still.

use super::answer::done;
use super::body::{Because, Body};
use crate::error::Trouble;
use crate::page::{Answer, Visit};
use crate::routes::App;
use axum::extract::{Path, State};
use lifecycle::order::Order;
use policy::VendorId;

fn vendor(id: &str) -> Result<VendorId, Trouble> {
    id.parse().map_err(|_| Trouble::NotFound)
}

/// Lets none of a vendor's technicians in, and ends their sessions.
pub(super) async fn freeze_vendor(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    Body(given): Body<Because>,
) -> Answer {
    done(&app, &visit, Order::VendorFreeze { vendor: vendor(&id)?, reason: given.reason }).await
}

/// Lets them in again.
pub(super) async fn thaw_vendor(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    Body(given): Body<Because>,
) -> Answer {
    done(&app, &visit, Order::VendorThaw { vendor: vendor(&id)?, reason: given.reason }).await
}

/// Ends everything, and lets nobody in.
pub(super) async fn begin_lockdown(State(app): State<App>, visit: Visit, Body(given): Body<Because>) -> Answer {
    done(&app, &visit, Order::LockdownBegin { reason: given.reason }).await
}

/// Opens again.
pub(super) async fn end_lockdown(State(app): State<App>, visit: Visit, Body(given): Body<Because>) -> Answer {
    done(&app, &visit, Order::LockdownEnd { reason: given.reason }).await
}
