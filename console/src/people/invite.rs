//! Inviting a technician, and the invitation as it is handed over: shown once.

use crate::commands::look;
use crate::error::Trouble;
use crate::filters;
use crate::form::Fields;
use crate::page::{Answer, Visit, page, page_with};
use crate::routes::App;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use lifecycle::order::{Order, PersonArgs};
use policy::{TechnicianLogin, VendorId};
use serde_json::Value;

/// What was typed, for a form that comes back.
#[derive(Default)]
pub(super) struct Typed {
    pub(super) login: String,
    pub(super) name: String,
    pub(super) email: String,
    pub(super) phone: String,
    vendor: String,
    proofing: String,
    keys: String,
}

impl Typed {
    pub(super) fn of(fields: &Fields) -> Self {
        Self {
            login: fields.value("login"),
            name: fields.value("name"),
            email: fields.value("email"),
            phone: fields.value("phone"),
            vendor: fields.value("vendor"),
            proofing: fields.value("proofing"),
            keys: fields.value("keys"),
        }
    }
}

/// Who somebody is, as typed.
pub(super) fn person(fields: &Fields) -> PersonArgs {
    PersonArgs { name: fields.value("name"), email: fields.value("email"), phone: fields.value("phone") }
}

/// A company to choose.
struct Company {
    id: String,
    name: String,
    key: bool,
}

#[derive(Template)]
#[template(path = "technician-invite.html")]
struct InvitePage<'a> {
    v: &'a Visit,
    companies: Vec<Company>,
    typed: Typed,
    said: Option<String>,
}

async fn companies(app: &App) -> Result<Vec<Company>, Trouble> {
    let all = look(&*app.commands, |known| {
        let company = |(id, one): (&VendorId, &config::Vendor)| Company {
            id: id.to_string(),
            name: one.rules.name.clone(),
            key: one.key,
        };
        known.config.vendors.iter().map(company).collect()
    });
    Ok(all.await?)
}

/// The form.
pub(crate) async fn form(State(app): State<App>, visit: Visit) -> Answer {
    let companies = companies(&app).await?;
    page(&InvitePage { v: &visit, companies, typed: Typed::default(), said: None })
}

/// Invites.
pub(crate) async fn invite(State(app): State<App>, visit: Visit, fields: Fields) -> Answer {
    let companies = companies(&app).await?;
    let again = |said: String, status: StatusCode| {
        page_with(status, &InvitePage { v: &visit, companies, typed: Typed::of(&fields), said: Some(said) })
    };
    let Ok(login) = fields.value("login").parse::<TechnicianLogin>() else {
        return again(visit.t("people-login-wrong"), StatusCode::UNPROCESSABLE_ENTITY);
    };
    let Ok(vendor) = fields.value("vendor").parse::<VendorId>() else {
        return again(visit.t("invite-vendor-missing"), StatusCode::UNPROCESSABLE_ENTITY);
    };
    let keys = fields.value("keys").lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    let order =
        Order::TechnicianInvite { login, vendor, person: person(&fields), proofing: fields.value("proofing"), keys };
    match app.commands.carry_out(visit.me()?.login.clone(), order).await {
        Ok(made) => {
            let call = made.get("call").and_then(Value::as_str).map(str::to_owned);
            handed_over(&visit, &made, call.as_deref())
        }
        Err(failure) => again(visit.texts.failure(&failure), Trouble::Failure(failure).status()),
    }
}

#[derive(Template)]
#[template(path = "invitation.html")]
struct HandedOverPage<'a> {
    v: &'a Visit,
    login: String,
    name: String,
    paper: String,
    lang: String,
    until: Option<jiff::Timestamp>,
    ended: Option<u64>,
    call: Option<&'a str>,
    named: bool,
}

/// The invitation of a technician, this once.
pub(super) fn handed_over(visit: &Visit, made: &Value, call: Option<&str>) -> Answer {
    let text = |name: &str| made.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    page(&HandedOverPage {
        v: visit,
        login: text("login"),
        name: text("name"),
        paper: text("paper"),
        lang: text("language"),
        until: text("until").parse().ok(),
        ended: made.get("sessions_ended").and_then(Value::as_u64),
        call: call.filter(|call| !call.is_empty()),
        named: made.get("host_is_named").and_then(Value::as_bool) != Some(false),
    })
}
