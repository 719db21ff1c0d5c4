//! Technicians and staff: the verbs.

use super::answer::{carry_out, done, view};
use super::body::{Because, Body, Nothing};
use crate::error::Trouble;
use crate::page::{Answer, Visit};
use crate::routes::App;
use axum::extract::{Path, State};
use jiff::Timestamp;
use lifecycle::order::{Order, PersonArgs};
use policy::{TechnicianLogin, VendorId};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Whom to invite.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Invite {
    login: TechnicianLogin,
    vendor: VendorId,
    name: String,
    email: String,
    phone: String,
    proofing: String,
    /// Lines of OpenSSH public keys.
    #[serde(default)]
    keys: Vec<String>,
}

/// An invitation, with its code, this once.
#[derive(Debug, Serialize)]
pub(super) struct Invited {
    login: String,
    code: String,
    until: Option<Timestamp>,
    host: String,
    port: u64,
    known_hosts: String,
}

impl Invited {
    fn of(given: &Value) -> Self {
        let text = |name| given.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            login: text("login"),
            code: text("code"),
            until: text("until").parse().ok(),
            host: text("host"),
            port: given.get("port").and_then(Value::as_u64).unwrap_or_default(),
            known_hosts: text("known_hosts"),
        }
    }
}

fn technician(login: &str) -> Result<TechnicianLogin, Trouble> {
    login.parse().map_err(|_| Trouble::NotFound)
}

/// Invites.
pub(super) async fn invite(State(app): State<App>, visit: Visit, Body(given): Body<Invite>) -> Answer {
    let order = Order::TechnicianInvite {
        login: given.login,
        vendor: given.vendor,
        person: PersonArgs { name: given.name, email: given.email, phone: given.phone },
        proofing: given.proofing,
        keys: given.keys,
    };
    view(&Invited::of(&carry_out(&app, &visit, order).await?))
}

/// The word that the technician was shown (D8).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Activate {
    word: String,
}

/// Activates.
pub(super) async fn activate(
    State(app): State<App>,
    visit: Visit,
    Path(login): Path<String>,
    Body(given): Body<Activate>,
) -> Answer {
    done(&app, &visit, Order::TechnicianActivate { login: technician(&login)?, word: given.word }).await
}

/// Disables, and ends their sessions.
pub(super) async fn disable(
    State(app): State<App>,
    visit: Visit,
    Path(login): Path<String>,
    Body(given): Body<Because>,
) -> Answer {
    done(&app, &visit, Order::TechnicianDisable { login: technician(&login)?, reason: given.reason }).await
}

/// Lifts a lock.
pub(super) async fn unlock(
    State(app): State<App>,
    visit: Visit,
    Path(login): Path<String>,
    Body(Nothing {}): Body<Nothing>,
) -> Answer {
    done(&app, &visit, Order::TechnicianUnlock { login: technician(&login)? }).await
}

/// Why new factors are needed.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Reset {
    reason: String,
    /// Of a disabled account: it is to come back.
    #[serde(default)]
    enable: bool,
}

/// Ends their factors, and invites anew.
pub(super) async fn reset(
    State(app): State<App>,
    visit: Visit,
    Path(login): Path<String>,
    Body(given): Body<Reset>,
) -> Answer {
    let order = Order::TechnicianReset { login: technician(&login)?, reason: given.reason, enable: given.enable };
    view(&Invited::of(&carry_out(&app, &visit, order).await?))
}

/// Disables a member of staff.
pub(super) async fn disable_staff(
    State(app): State<App>,
    visit: Visit,
    Path(login): Path<String>,
    Body(given): Body<Because>,
) -> Answer {
    let login = login.parse().map_err(|_| Trouble::NotFound)?;
    done(&app, &visit, Order::StaffDisable { login, reason: given.reason }).await
}
