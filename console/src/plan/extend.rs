//! More time for a session that runs: a new approval, with its own code (D12).

use crate::commands::{Known, look};
use crate::error::Trouble;
use crate::filters;
use crate::form::Fields;
use crate::names::{staff_name, target_name, vendor_name};
use crate::page::{Answer, Me, Visit, page, page_with};
use crate::requests::{proof, verified};
use crate::routes::App;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use lifecycle::SessionId;
use lifecycle::order::Order;
use policy::Denial;

/// Lengths that are offered, in minutes.
const MINUTES: [i64; 6] = [15, 30, 60, 120, 240, 480];

/// A session that somebody would give more time.
struct Running {
    id: SessionId,
    number: u64,
    name: String,
    vendor: String,
    target: String,
    until: Timestamp,
    over: bool,
    reach: Result<Timestamp, Denial>,
    minutes: Vec<(i64, Timestamp)>,
    call_back: bool,
    call_name: String,
    call_phone: String,
    emergency: bool,
    off_call: bool,
    /// Approvals that are there already of those that are needed.
    yes: Vec<String>,
    missing: u8,
    others: String,
    mine: bool,
}

#[derive(Template)]
#[template(path = "plan-extend.html")]
struct ExtendPage<'a> {
    v: &'a Visit,
    one: Running,
    said: Option<String>,
    done: Option<String>,
    typed: (String, String),
}

/// The choices, in minutes from now, with the end that each gives: those that give more time, and as
/// the last one all that the rules give.
fn choices(now: Timestamp, until: Timestamp, reach: Timestamp) -> Vec<(i64, Timestamp)> {
    let ends = MINUTES
        .iter()
        .filter_map(|minutes| Some((*minutes, now.checked_add(SignedDuration::from_mins(*minutes)).ok()?)));
    let mut choices: Vec<(i64, Timestamp)> = ends.filter(|(_, end)| *end > until && *end < reach).collect();
    if reach > until {
        let seconds = reach.duration_since(now).as_secs();
        choices.push(((seconds + 59) / 60, reach));
    }
    choices
}

impl Running {
    fn of(known: &Known<'_>, me: &Me, id: &SessionId) -> Option<Self> {
        let record = known.register.sessions.get(id)?;
        let one = known.register.interventions.get(&record.number)?;
        if !me.decides_for(known, &one.asked.target) {
            return None;
        }
        let reach = known.register.extension_reaches(known.rules, one, known.at);
        let contact = known.config.vendors.get(&one.asked.vendor).map(|vendor| &vendor.contact);
        let name_of = |login: &policy::StaffLogin| staff_name(known, login);
        let given: Vec<_> = one.extending_at(known.at).collect();
        let yes: Vec<String> = given.iter().map(|approval| name_of(&approval.by)).collect();
        let others = super::approvers_of(known, &one.asked.target);
        let others: Vec<String> = others.into_iter().filter(|name| !yes.contains(name)).collect();
        Some(Self {
            id: id.clone(),
            number: record.number.0,
            name: one.asked.name.clone(),
            vendor: vendor_name(known, &one.asked.vendor),
            target: target_name(known, &one.asked.target),
            until: record.until,
            over: record.end.is_some(),
            minutes: reach.as_ref().map(|reach| choices(known.at, record.until, *reach)).unwrap_or_default(),
            reach,
            call_back: one.asked.call_back,
            call_name: contact.map_or_else(String::new, |contact| contact.name.clone()),
            call_phone: contact.map_or_else(String::new, |contact| contact.phone.clone()),
            emergency: one.is_emergency(),
            off_call: one.is_emergency() && me.groups.is_disjoint(&known.config.on_call(known.at)),
            missing: one.asked.quorum.saturating_sub(u8::try_from(yes.len()).unwrap_or(u8::MAX)),
            mine: given.iter().any(|approval| approval.by == me.login),
            yes,
            others: others.join(", "),
        })
    }
}

async fn running(app: &App, visit: &Visit, id: &str) -> Result<Running, Trouble> {
    let id: SessionId = id.parse().map_err(|_| Trouble::NotFound)?;
    let me = visit.me()?.clone();
    look(&*app.commands, move |known| Running::of(known, &me, &id)).await?.ok_or(Trouble::NotFound)
}

/// The number of the intervention of this session, if this person decides for its target.
pub(crate) async fn decided_by(app: &App, visit: &Visit, id: &str) -> Result<u64, Trouble> {
    Ok(running(app, visit, id).await?.number)
}

/// The form.
pub(super) async fn show(State(app): State<App>, visit: Visit, Path(id): Path<String>) -> Answer {
    let one = running(&app, &visit, &id).await?;
    page(&ExtendPage { v: &visit, one, said: None, done: None, typed: Default::default() })
}

/// Extends.
pub(super) async fn extend(State(app): State<App>, visit: Visit, Path(id): Path<String>, fields: Fields) -> Answer {
    let one = running(&app, &visit, &id).await?;
    let again = |one, said: String, status| {
        let typed = (fields.value("minutes"), fields.value("verified"));
        page_with(status, &ExtendPage { v: &visit, one, said: Some(said), done: None, typed })
    };
    if !visit.may_decide_here {
        return again(one, visit.t("approve-not-here"), StatusCode::FORBIDDEN);
    }
    let Some(verified) = verified(&fields.value("verified")) else {
        return again(one, visit.t("error-verified"), StatusCode::UNPROCESSABLE_ENTITY);
    };
    let Ok(Some(minutes)) = fields.optional::<u32>("minutes") else {
        return again(one, visit.t("error-minutes"), StatusCode::UNPROCESSABLE_ENTITY);
    };
    let order = Order::InterventionExtend { number: one.number, proof: proof(&visit, &fields)?, verified, minutes };
    match app.commands.carry_out(visit.me()?.login.clone(), order).await {
        Ok(_) => {
            let one = running(&app, &visit, &id).await?;
            let done = match one.yes.is_empty() {
                true => visit.tw("extend-done", "until", visit.texts.time(one.until)),
                false => visit.texts.with(
                    "extend-done-missing",
                    &[("missing", one.missing.to_string().as_str()), ("who", one.others.as_str())],
                ),
            };
            page(&ExtendPage { v: &visit, one, said: None, done: Some(done), typed: Default::default() })
        }
        Err(failure) => {
            let said = visit.texts.failure(&failure);
            again(one, said, Trouble::Failure(failure).status())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// D12: nothing is offered that would give no more time, nor more than the rules give.
    #[test]
    fn only_what_gives_time_is_offered() {
        let at = |text: &str| -> Timestamp { format!("2026-11-23T{text}Z").parse().unwrap() };
        let minutes = |until, reach| -> Vec<i64> {
            choices(at("10:00:00"), at(until), at(reach)).into_iter().map(|(minutes, _)| minutes).collect()
        };
        assert_eq!(minutes("10:20:00", "12:00:00"), [30, 60, 120]);
        assert_eq!(minutes("10:20:00", "10:40:30"), [30, 41]);
        assert_eq!(minutes("10:20:00", "10:20:00"), [0_i64; 0]);
        assert_eq!(minutes("11:00:00", "10:30:00"), [0_i64; 0]);
    }
}
