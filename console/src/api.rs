//! The same commands and views as JSON, for other programs of the hospital. Same sign-in, same guard,
//! same orders: what a page may not do, this may not. No token opens a session or approves; tokens read
//! one export each.

mod answer;
mod body;
mod document;
mod explain;
pub(crate) mod export;
mod pace;
mod people;
mod plan;
mod register;
mod requests;
mod sessions;
mod shapes;
mod site;
mod tokens;
mod who;

pub(crate) use answer::refused;

use crate::routes::{
    APPROVER, APPROVER_OR_OPERATOR, Access, EXPORTING, LOOKING, OPERATOR, OPERATOR_OR_SECURITY, Route, api_get,
    api_post, brake,
};
use axum::routing::{get, post};
use lifecycle::{ExportScope, Role};

const EVERYBODY: Access = Access::Roles(EXPORTING);
const REVIEWING: Access = Access::Roles(&[Role::Approver, Role::Security, Role::Auditor]);
const INTERVENTIONS: Access = Access::Export(ExportScope::Interventions);
const SESSIONS: Access = Access::Export(ExportScope::Sessions);
const FILES: Access = Access::Export(ExportScope::Files);

/// The addresses of this part. Each has its description in `document`.
pub(crate) const ROUTES: &[Route] = &[
    api_get("/api/v1/openapi.json", Access::Anybody, || get(document::show)),
    api_get("/api/v1/me", Access::SignedIn, || get(who::me)),
    api_get("/api/v1/requests", LOOKING, || get(requests::list)),
    api_get("/api/v1/requests/{number}", LOOKING, || get(requests::show)),
    api_post("/api/v1/requests/{number}/approve", APPROVER, || post(requests::approve)),
    api_post("/api/v1/requests/{number}/refuse", APPROVER, || post(requests::refuse)),
    api_post("/api/v1/requests/{number}/withdraw", APPROVER_OR_OPERATOR, || post(plan::withdraw)),
    api_post("/api/v1/plan", APPROVER, || post(plan::plan)),
    api_post("/api/v1/reviews/{number}", REVIEWING, || post(plan::review)),
    api_get("/api/v1/sessions", LOOKING, || get(sessions::list)),
    brake(api_post("/api/v1/sessions/{id}/freeze", APPROVER, || post(sessions::freeze))),
    api_post("/api/v1/sessions/{id}/resume", APPROVER, || post(sessions::resume)),
    brake(api_post("/api/v1/sessions/{id}/cut", LOOKING, || post(sessions::cut))),
    api_post("/api/v1/sessions/{id}/extend", APPROVER, || post(plan::extend)),
    api_get("/api/v1/interventions", EVERYBODY, || get(register::list)),
    api_get("/api/v1/interventions/{number}", EVERYBODY, || get(register::show)),
    api_get("/api/v1/explain", EVERYBODY, || get(explain::explain)),
    api_get("/api/v1/technicians", LOOKING, || get(people::list)),
    api_get("/api/v1/technicians/{login}", LOOKING, || get(people::show)),
    api_post("/api/v1/technicians", OPERATOR, || post(people::invite)),
    api_post("/api/v1/technicians/{login}/activate", APPROVER_OR_OPERATOR, || post(people::activate)),
    brake(api_post("/api/v1/technicians/{login}/disable", LOOKING, || post(people::disable))),
    api_post("/api/v1/technicians/{login}/unlock", OPERATOR, || post(people::unlock)),
    api_post("/api/v1/technicians/{login}/reset", OPERATOR, || post(people::reset)),
    api_get("/api/v1/staff", OPERATOR, || get(people::list_staff)),
    api_get("/api/v1/staff/{login}", OPERATOR, || get(people::show_staff)),
    api_post("/api/v1/staff/{login}/unlock", OPERATOR, || post(people::unlock_staff)),
    api_post("/api/v1/staff/{login}/change", OPERATOR, || post(people::change_staff)),
    api_get("/api/v1/health", OPERATOR_OR_SECURITY, || get(site::health)),
    brake(api_post("/api/v1/staff/{login}/disable", OPERATOR_OR_SECURITY, || post(people::disable_staff))),
    brake(api_post("/api/v1/vendors/{vendor}/freeze", OPERATOR_OR_SECURITY, || post(site::freeze_vendor))),
    api_post("/api/v1/vendors/{vendor}/thaw", OPERATOR_OR_SECURITY, || post(site::thaw_vendor)),
    brake(api_post("/api/v1/lockdown/begin", LOOKING, || post(site::begin_lockdown))),
    api_post("/api/v1/lockdown/end", OPERATOR_OR_SECURITY, || post(site::end_lockdown)),
    api_get("/api/v1/tokens", crate::tokens::SEEING, || get(tokens::list)),
    api_post("/api/v1/tokens", crate::tokens::MAKING, || post(tokens::make)),
    api_post("/api/v1/tokens/{id}/revoke", crate::tokens::SEEING, || post(tokens::revoke)),
    api_get("/api/v1/export/interventions.csv", INTERVENTIONS, || get(export::interventions_csv)),
    api_get("/api/v1/export/interventions.json", INTERVENTIONS, || get(export::interventions_json)),
    api_get("/api/v1/export/sessions.csv", SESSIONS, || get(export::sessions_csv)),
    api_get("/api/v1/export/sessions.json", SESSIONS, || get(export::sessions_json)),
    api_get("/api/v1/export/files.csv", FILES, || get(export::files_csv)),
    api_get("/api/v1/export/files.json", FILES, || get(export::files_json)),
];
