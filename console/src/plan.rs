//! What the hospital opens by itself: in advance (D7), out of hours (D14), for longer (D12); and the
//! look back at an emergency (EMG-02).

mod choice;
mod extend;
mod judged;
mod open;
mod review;
mod when;
mod withdraw;

pub(crate) use choice::{Company, companies_of};
pub(crate) use extend::decided_by as extended_by;
pub(crate) use judged::{Judged, Possible, approvers_of};
pub(crate) use open::{done as complete, may_open};
pub(crate) use review::seen as reviewable;
pub(crate) use when::{instant, window};
pub(crate) use withdraw::withdrawn;

use crate::routes::{self, APPROVER, Access, Route};
use axum::routing::{get, post};
use lifecycle::Role;

/// Whoever may take back what was planned.
const WITHDRAWING: Access = Access::Roles(&[Role::Approver, Role::Operator]);
/// Whoever may look back at an emergency.
const REVIEWING: Access = Access::Roles(&[Role::Approver, Role::Security, Role::Auditor]);

/// The addresses of this part.
pub(crate) const ROUTES: &[Route] = &[
    routes::page("/plan", APPROVER, || get(open::plan)),
    routes::act("/plan", APPROVER, || post(open::plan_now)),
    routes::page("/plan/emergency", APPROVER, || get(open::emergency)),
    routes::act("/plan/emergency", APPROVER, || post(open::emergency_now)),
    routes::act("/requests/{number}/withdraw", WITHDRAWING, || post(withdraw::withdraw)),
    routes::page("/sessions/{id}/extend", APPROVER, || get(extend::show)),
    routes::act("/sessions/{id}/extend", APPROVER, || post(extend::extend)),
    routes::page("/reviews", REVIEWING, || get(review::list)),
    routes::page("/reviews/{number}", REVIEWING, || get(review::show)),
    routes::act("/reviews/{number}", REVIEWING, || post(review::review)),
];
