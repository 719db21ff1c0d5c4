//! Requests that wait: a list to choose from, and one at a time in full, to decide on.

mod decide;
mod view;
mod waiting;

pub(crate) use decide::{Approval, approval, narrowed, proof, proof_by, verified};
pub(crate) use view::{List, Yes, lines, request_of};

pub(crate) use waiting::{Count, waits_for};

use crate::routes::{self, APPROVER, LOOKING, Route};
use axum::routing::{get, post};

/// The addresses of this part.
pub(crate) const ROUTES: &[Route] = &[
    routes::page("/requests", LOOKING, || get(view::list)),
    routes::page("/requests/{number}", LOOKING, || get(view::show)),
    routes::act("/requests/{number}/approve", APPROVER, || post(decide::approve)),
    routes::act("/requests/{number}/refuse", APPROVER, || post(decide::refuse)),
];
