//! The numbered register of interventions: the list with its filters, the list as CSV, one page for
//! each intervention with all that is known of it, and the replay of recordings.

mod bundle;
mod channel;
mod course;
mod csv;
mod dossier;
mod export;
mod file;
mod file_row;
mod filter;
mod list;
mod replay;
mod row;
mod session;
mod session_row;
mod stretches;
#[cfg(test)]
mod tests;

pub use csv::Csv;
pub(crate) use dossier::found as dossier_of;
pub(crate) use export::{MOST, Rows, iso, rows, table};
pub(crate) use file_row::{FileRow, file_rows, file_table};
pub(crate) use filter::{Filter, Typed};
pub(crate) use row::{Row, wanted};
pub(crate) use session_row::{SessionRow, session_rows};

use crate::routes::{self, Access, Route};
use axum::routing::{get, post};
use lifecycle::Role;

/// Whoever may read the register: approvers what happened on their equipment, the others all of it.
const READING: Access = Access::Roles(&[Role::Approver, Role::Operator, Role::Security, Role::Auditor]);
/// Whoever may open a recording (D11).
const OFFICER: Access = Access::Roles(&[Role::Security]);

/// Whoever may take evidence away.
const CUSTODIANS: Access = Access::Roles(&[Role::Auditor, Role::Security]);

/// The addresses of this part.
pub(crate) const ROUTES: &[Route] = &[
    routes::page("/register", READING, || get(list::list)),
    routes::data("/register.csv", READING, || get(export::export)),
    routes::data("/register/files.csv", READING, || get(export::files)),
    routes::data("/interventions/{number}/files.csv", READING, || get(export::files_of_one)),
    routes::page("/interventions/{number}", READING, || get(dossier::show)),
    routes::act("/interventions/{number}/bundle", CUSTODIANS, || post(bundle::of_one)),
    routes::act("/register/bundle", CUSTODIANS, || post(bundle::of_vendor)),
    routes::page("/sessions/{id}/replay", OFFICER, || get(replay::show)),
    routes::act("/sessions/{id}/replay", OFFICER, || post(replay::begin)),
    routes::data("/sessions/{id}/replay/frames", OFFICER, || get(replay::frames)),
    routes::data("/sessions/{id}/replay/search", OFFICER, || get(replay::search)),
];
