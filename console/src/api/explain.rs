//! "Could she reach the scanner next Sunday at three?", asked by a program.

use super::answer::view;
use crate::commands::look;
use crate::error::Trouble;
use crate::explain::{Answered, Question, answer};
use crate::form::{Fields, Query};
use crate::page::{Answer, Visit};
use crate::plan::Possible;
use crate::routes::App;
use axum::extract::State;
use jiff::Timestamp;
use lifecycle::AccountState;
use policy::RuleId;
use serde::Serialize;

/// The answer.
#[derive(Serialize)]
struct Explained {
    technician: String,
    name: String,
    target: String,
    target_name: String,
    at: Timestamp,
    /// Once somebody approves.
    possible: bool,
    /// On which terms the rules allow it.
    terms: Option<Possible>,
    /// The word for why they do not.
    denial: Option<&'static str>,
    /// The same in the reader's language.
    text: Option<String>,
    because: Vec<RuleId>,
    next_opening: Option<Timestamp>,
    account_state: AccountState,
    vendor_frozen: bool,
    lockdown: bool,
}

impl Explained {
    fn of(visit: &Visit, one: Answered) -> Self {
        let denial = one.judged.denial();
        Self {
            possible: one.yes(),
            at: one.judged.at,
            denial: denial.map(policy::Denial::code),
            text: denial.map(|denial| visit.texts.denial(denial)),
            terms: one.judged.possible().cloned(),
            because: one.judged.because.clone(),
            technician: one.technician,
            name: one.name,
            target: one.target,
            target_name: one.target_name,
            next_opening: one.next,
            account_state: one.account_state,
            vendor_frozen: one.frozen,
            lockdown: one.lockdown,
        }
    }
}

fn question(query: &Fields, now: Timestamp) -> Result<Question, &'static str> {
    Ok(Question {
        technician: query.value("technician").parse().map_err(|_| "explain-error-technician")?,
        target: query.value("target").parse().map_err(|_| "explain-error-target")?,
        source: query.optional("source").map_err(|_| "explain-error-source")?,
        at: query.optional("at").map_err(|_| "error-at")?.unwrap_or(now),
    })
}

/// Asks the rules.
pub(super) async fn explain(State(app): State<App>, visit: Visit, Query(query): Query) -> Answer {
    let question = question(&query, visit.now).map_err(Trouble::Wrong)?;
    let (me, open) = (visit.me()?.clone(), visit.lockdown.is_some().then(|| app.commands.reopened()));
    let answered = look(&*app.commands, move |known| answer(known, &me, open.as_ref(), question)).await?;
    view(&Explained::of(&visit, answered.map_err(Trouble::Wrong)?))
}
