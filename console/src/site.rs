//! The site: what is configured, how the machine is, and the red button.

mod health;
mod lockdown;
mod view;

use crate::routes::{self, Access, LOOKING, OPERATOR_OR_SECURITY, Route};
use axum::routing::{get, post};
use lifecycle::Role;

/// Whoever may know what is configured.
const KNOWING: Access = Access::Roles(&[Role::Approver, Role::Operator, Role::Security, Role::Auditor]);

/// The addresses of this part.
pub(crate) const ROUTES: &[Route] = &[
    routes::page("/site", KNOWING, || get(view::site)),
    routes::brake(routes::act("/site/vendors/{vendor}/freeze", OPERATOR_OR_SECURITY, || post(view::freeze))),
    routes::act("/site/vendors/{vendor}/thaw", OPERATOR_OR_SECURITY, || post(view::thaw)),
    routes::page("/health", OPERATOR_OR_SECURITY, || get(health::show)),
    routes::data("/api/health", OPERATOR_OR_SECURITY, || get(health::data)),
    routes::brake(routes::page("/lockdown", LOOKING, || get(lockdown::explain))),
    routes::brake(routes::act("/lockdown/confirm", LOOKING, || post(lockdown::confirm))),
    routes::brake(routes::act("/lockdown/begin", LOOKING, || post(lockdown::begin))),
    routes::act("/lockdown/reopen", OPERATOR_OR_SECURITY, || post(lockdown::reopen)),
    routes::act("/lockdown/end", OPERATOR_OR_SECURITY, || post(lockdown::end)),
];
