//! Alerts: which wait for a person, and taking one by one's name (LOG-16). Where credentials seem to have
//! leaked, the company is frozen from here with one click (IDM-13).

use crate::commands::{Known, look};
use crate::error::Trouble;
use crate::filters;
use crate::form::Fields;
use crate::names::{staff_name, vendor_name};
use crate::page::{Answer, Visit, page_with, see_other};
use crate::routes::{self, App, LOOKING, Route};
use crate::texts::Texts;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use jiff::Timestamp;
use lifecycle::Alert;
use lifecycle::order::Order;
use policy::VendorId;

/// The addresses of this part.
pub(crate) const ROUTES: &[Route] =
    &[routes::page("/alerts", LOOKING, || get(show)), routes::act("/alerts/{number}/take", LOOKING, || post(take))];

/// Alerts that somebody took, and that are still shown.
const TAKEN: usize = 50;

/// One alert.
struct Line {
    number: u64,
    what: String,
    about: String,
    vendor: Option<String>,
    people: String,
    source: Option<String>,
    raised: Timestamp,
    step: u32,
    taken: Option<(String, Timestamp, String)>,
    /// The company that can be frozen, which is not yet.
    freeze: Option<VendorId>,
}

impl Line {
    fn of(known: &Known<'_>, one: &Alert) -> Self {
        let leaks = one.what == "leak-suspected" && one.is_waiting();
        let open = |vendor: &&VendorId| leaks && !known.register.frozen_vendors.contains_key(*vendor);
        Self {
            number: one.number,
            what: one.what.clone(),
            about: one.about.clone(),
            vendor: one.vendor.as_ref().map(|vendor| vendor_name(known, vendor)),
            people: one.people.join(", "),
            source: one.source.map(|source| source.to_string()),
            raised: one.raised,
            step: one.step,
            taken: one.acknowledged.as_ref().map(|(by, at, note)| (staff_name(known, by), *at, note.clone())),
            freeze: one.vendor.as_ref().filter(open).cloned(),
        }
    }

    fn title(&self, texts: &Texts) -> String {
        alert_title(texts, &self.what)
    }
}

/// What an alert of this kind is, in words; of a kind that is newer than the texts, so little as they know.
pub fn alert_title(texts: &Texts, what: &str) -> String {
    /// Kinds that make an alert.
    const KINDS: [&str; 20] = [
        "account-alert",
        "leak-suspected",
        "staff-refused",
        "staff-locked",
        "intervention-refused",
        "intervention-planned",
        "session-alarm",
        "recording-sealed",
        "rollback-found",
        "anchor-overdue",
        "forward-stalled",
        "recipients-changed",
        "lockdown-began",
        "break-glass-used",
        "break-glass-refused",
        "change-waits",
        "staff-added",
        "staff-invited",
        "staff-reset",
        "staff-changed",
    ];
    let known = KINDS.contains(&what);
    texts.text(&format!("alert-{}", if known { what } else { "other" }))
}

#[derive(Template)]
#[template(path = "alerts.html")]
struct AlertsPage<'a> {
    v: &'a Visit,
    waiting: Vec<Line>,
    taken: Vec<Line>,
    said: Option<String>,
    brakes: bool,
}

async fn shown(app: &App, visit: &Visit, said: Option<(StatusCode, String)>) -> Answer {
    let (waiting, taken) = look(&*app.commands, |known| {
        let alerts = &known.register.alerts;
        let waiting: Vec<Line> = alerts.waiting().map(|one| Line::of(known, one)).collect();
        let taken = alerts.all().rev().filter(|one| !one.is_waiting()).take(TAKEN);
        (waiting, taken.map(|one| Line::of(known, one)).collect::<Vec<_>>())
    })
    .await?;
    let (status, said) = said.map_or((StatusCode::OK, None), |(status, said)| (status, Some(said)));
    let brakes = visit.has(&["operator", "security"]);
    page_with(status, &AlertsPage { v: visit, waiting, taken, said, brakes })
}

/// The page.
pub(crate) async fn show(State(app): State<App>, visit: Visit) -> Answer {
    shown(&app, &visit, None).await
}

/// Takes one.
pub(crate) async fn take(State(app): State<App>, visit: Visit, Path(number): Path<u64>, fields: Fields) -> Answer {
    let order = Order::AlertAck { alert: number, note: fields.value("note") };
    match app.commands.carry_out(visit.me()?.login.clone(), order).await {
        Ok(_) => see_other("/alerts"),
        Err(failure) => {
            let said = visit.texts.failure(&failure);
            shown(&app, &visit, Some((Trouble::Failure(failure).status(), said))).await
        }
    }
}
