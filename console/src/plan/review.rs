//! The look back at an emergency, by another person than those who approved it (EMG-02).

use crate::commands::{Known, look};
use crate::error::Trouble;
use crate::filters;
use crate::form::Fields;
use crate::names::{staff_name, target_name, vendor_name};
use crate::page::{Answer, Me, Visit, page, page_with, see_other};
use crate::requests::Yes;
use crate::routes::App;
use askama::Template;
use axum::extract::{Path, State};
use jiff::Timestamp;
use lifecycle::order::Order;
use lifecycle::{Intervention, InterventionNumber, Refusal, SessionEnd};
use policy::{Right, StaffLogin};

/// Emergencies on one page; those that wait come first.
const PAGE: usize = 50;

/// One emergency in the list.
struct Line {
    number: u64,
    name: String,
    target: String,
    at: Timestamp,
    waits: bool,
}

#[derive(Template)]
#[template(path = "plan-reviews.html")]
struct ListPage<'a> {
    v: &'a Visit,
    lines: Vec<Line>,
}

/// One session under it.
struct Ended {
    end: SessionEnd,
    watched_by: String,
}

/// One emergency, with what happened.
struct Emergency {
    number: u64,
    name: String,
    vendor: String,
    target: String,
    reason: String,
    ticket: String,
    opened: Timestamp,
    from: Timestamp,
    until: Timestamp,
    yes: Vec<Yes>,
    rights: Vec<Right>,
    sessions: Vec<Ended>,
    reviewed: Option<(String, String)>,
    refused: Option<Refusal>,
}

#[derive(Template)]
#[template(path = "plan-review.html")]
struct ReviewPage<'a> {
    v: &'a Visit,
    one: Emergency,
    said: Option<String>,
    typed: String,
}

/// Whether it was an emergency under which somebody came in, and is over.
fn over(one: &Intervention) -> bool {
    one.is_emergency() && one.state.is_final() && !one.sessions.is_empty()
}

impl Emergency {
    fn of(known: &Known<'_>, me: &Me, number: InterventionNumber) -> Option<Self> {
        let one = known.register.interventions.get(&number).filter(|one| over(one))?;
        let (asked, plan) = (&one.asked, one.plan.as_ref()?);
        if !me.may_see(known, &asked.target) {
            return None;
        }
        let ends = one.sessions.iter().filter_map(|id| known.register.sessions.get(id)?.end.clone());
        let names =
            |logins: &[StaffLogin]| logins.iter().map(|login| staff_name(known, login)).collect::<Vec<_>>().join(", ");
        let approvals = one.former.iter().chain(&one.approvals);
        Some(Self {
            number: number.0,
            name: asked.name.clone(),
            vendor: vendor_name(known, &one.asked.vendor),
            target: target_name(known, &one.asked.target),
            reason: asked.reason.clone(),
            ticket: asked.ticket.clone(),
            opened: one.prepared,
            from: plan.from,
            until: plan.until,
            yes: approvals
                .map(|one| Yes { by: staff_name(known, &one.by), at: one.at, verified: one.verified })
                .collect(),
            rights: asked.rights.iter().cloned().collect(),
            sessions: ends.map(|end| Ended { watched_by: names(&end.watched_by), end }).collect(),
            reviewed: plan.reviewed.as_ref().map(|(by, text)| (staff_name(known, by), text.clone())),
            refused: known.register.may_review(number, &me.login).err(),
        })
    }
}

/// Emergencies: those that wait for a look, and those that were looked at.
pub(super) async fn list(State(app): State<App>, visit: Visit) -> Answer {
    let me = visit.me()?.clone();
    let lines = look(&*app.commands, move |known| {
        let of = known.register.interventions.values().rev();
        let of = of.filter(|one| over(one) && me.may_see(known, &one.asked.target));
        let lines = of.map(|one| Line {
            number: one.number.0,
            name: one.asked.name.clone(),
            target: target_name(known, &one.asked.target),
            at: one.prepared,
            waits: one.wants_review(),
        });
        let mut lines: Vec<Line> = lines.collect();
        lines.sort_by_key(|line| !line.waits);
        lines.truncate(PAGE);
        lines
    })
    .await?;
    page(&ListPage { v: &visit, lines })
}

async fn emergency(app: &App, visit: &Visit, number: &str) -> Result<Emergency, Trouble> {
    let number = InterventionNumber(number.parse().map_err(|_| Trouble::NotFound)?);
    let me = visit.me()?.clone();
    look(&*app.commands, move |known| Emergency::of(known, &me, number)).await?.ok_or(Trouble::NotFound)
}

/// The number of an emergency that is over, if it is for these eyes.
pub(crate) async fn seen(app: &App, visit: &Visit, number: &str) -> Result<u64, Trouble> {
    Ok(emergency(app, visit, number).await?.number)
}

/// One, with the form.
pub(super) async fn show(State(app): State<App>, visit: Visit, Path(number): Path<String>) -> Answer {
    let one = emergency(&app, &visit, &number).await?;
    page(&ReviewPage { v: &visit, one, said: None, typed: String::new() })
}

/// Writes down what was found.
pub(super) async fn review(State(app): State<App>, visit: Visit, Path(number): Path<String>, fields: Fields) -> Answer {
    let one = emergency(&app, &visit, &number).await?;
    let order = Order::InterventionReview { number: one.number, text: fields.value("text") };
    match app.commands.carry_out(visit.me()?.login.clone(), order).await {
        Ok(_) => see_other(&format!("/reviews/{number}")),
        Err(failure) => {
            let one = emergency(&app, &visit, &number).await?;
            let said = Some(visit.texts.failure(&failure));
            let page = ReviewPage { v: &visit, one, said, typed: fields.value("text") };
            page_with(Trouble::Failure(failure).status(), &page)
        }
    }
}
