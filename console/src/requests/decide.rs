//! Yes or no to one request. Each yes takes how the caller is known, the code that was read out and a
//! fresh code of one's own (D6, D12).

use super::view::{RequestPage, Typed, request_of};
use crate::error::Trouble;
use crate::form::Fields;
use crate::page::{Answer, Visit, page, page_with, see_other};
use crate::routes::App;
use crate::texts::Texts;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use lifecycle::InterventionState;
use lifecycle::order::{Failure, Hidden, Order, Proof};
use policy::{Right, Rights, Verified};
use serde_json::Value;

/// The proof of whoever is signed in: their fresh code.
pub(crate) fn proof(visit: &Visit, fields: &Fields) -> Result<Proof, Trouble> {
    Ok(Proof {
        staff: visit.me()?.login.clone(),
        password: Hidden::new(String::new()),
        code: Hidden::new(fields.value("otp")),
        signed_in: true,
        source: Some(visit.peer),
    })
}

/// How somebody says they know who calls.
pub(crate) fn verified(word: &str) -> Option<Verified> {
    match word {
        "called" => Some(Verified::Called),
        "caller" => Some(Verified::Caller),
        "present" => Some(Verified::Present),
        _ => None,
    }
}

/// Rights that were left, if some were struck.
fn narrowed(fields: &Fields, asked: &[Right]) -> Result<Option<Rights>, Trouble> {
    // The boxes stand on the page only where there is something to strike.
    if fields.get("rights-shown").is_none() {
        return Ok(None);
    }
    let kept: Rights =
        fields.all("rights").map(|word| word.parse().map_err(|_| Trouble::Input)).collect::<Result<_, _>>()?;
    Ok((kept.iter().count() < asked.len()).then_some(kept))
}

/// Approves.
pub(crate) async fn approve(
    State(app): State<App>,
    visit: Visit,
    Path(number): Path<String>,
    fields: Fields,
) -> Answer {
    let one = request_of(&app, &visit, &number).await?;
    let again = |one, said: String, status| {
        let typed = Typed {
            verified: fields.value("verified"),
            minutes: fields.value("minutes"),
            reason: String::new(),
            rights: fields.get("rights-shown").map(|_| fields.all("rights").map(str::to_owned).collect()),
        };
        page_with(status, &RequestPage { v: &visit, one, said: Some(said), done: None, typed })
    };
    if !visit.may_decide_here {
        return again(one, visit.t("approve-not-here"), StatusCode::FORBIDDEN);
    }
    let Some(verified) = verified(&fields.value("verified")) else {
        return again(one, visit.t("error-verified"), StatusCode::UNPROCESSABLE_ENTITY);
    };
    let planned = one.state == InterventionState::Planned;
    let code = fields.value("code");
    if code.is_empty() && !planned {
        return again(one, visit.t("error-code-missing"), StatusCode::UNPROCESSABLE_ENTITY);
    }
    let Ok(minutes) = fields.optional::<u32>("minutes") else {
        return again(one, visit.t("error-minutes"), StatusCode::UNPROCESSABLE_ENTITY);
    };
    let order = Order::InterventionApprove {
        number: one.number.0,
        proof: proof(&visit, &fields)?,
        code: (!planned).then_some(code),
        verified,
        rights: narrowed(&fields, &one.rights)?,
        minutes,
    };
    let by = visit.me()?.login.clone();
    match app.commands.carry_out(by, order).await {
        Ok(done) => approved(&app, &visit, &number, &done).await,
        Err(failure) => {
            let one = request_of(&app, &visit, &number).await?;
            let said = said(&visit.texts, &failure);
            again(one, said, Trouble::Failure(failure).status())
        }
    }
}

/// What is wrong, in the reader's words.
fn said(texts: &Texts, failure: &Failure) -> String {
    texts.failure(failure)
}

/// After a yes: back to the page, which goes on to the session by itself; a planned one that is
/// complete shows its code, this once.
async fn approved(app: &App, visit: &Visit, number: &str, done: &Value) -> Answer {
    if let Some(code) = done.get("code").and_then(Value::as_str) {
        return crate::requests::decide::armed(app, visit, number, code).await;
    }
    see_other(&format!("/requests/{number}"))
}

/// The page with the code of a planned intervention.
async fn armed(app: &App, visit: &Visit, number: &str, code: &str) -> Answer {
    let one = request_of(app, visit, number).await?;
    let done = Some(visit.tw("plan-code", "code", code));
    page(&RequestPage { v: visit, one, said: None, done, typed: Typed::default() })
}

/// Refuses, with a reason that the technician reads.
pub(crate) async fn refuse(State(app): State<App>, visit: Visit, Path(number): Path<String>, fields: Fields) -> Answer {
    let one = request_of(&app, &visit, &number).await?;
    let reason = fields.value("reason");
    let order =
        Order::InterventionRefuse { number: one.number.0, proof: proof(&visit, &fields)?, reason: reason.clone() };
    let by = visit.me()?.login.clone();
    match app.commands.carry_out(by, order).await {
        Ok(_) => see_other(&format!("/requests/{number}")),
        Err(failure) => {
            let one = request_of(&app, &visit, &number).await?;
            let said = Some(said(&visit.texts, &failure));
            let typed = Typed { reason, ..Typed::default() };
            let page = RequestPage { v: &visit, one, said, done: None, typed };
            page_with(Trouble::Failure(failure).status(), &page)
        }
    }
}
