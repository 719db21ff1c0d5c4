//! Yes or no to one request. Each yes takes how the caller is known, the code that was read out and a
//! fresh code of one's own (D6, D12).

use super::view::{RequestPage, Typed, request_of};
use crate::error::Trouble;
use crate::form::Fields;
use crate::page::{Answer, Visit, page_with, see_other};
use crate::routes::App;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use lifecycle::InterventionState;
use lifecycle::order::{Hidden, Order, Proof};
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
pub(crate) fn narrowed(fields: &Fields, asked: &[Right]) -> Result<Option<Rights>, Trouble> {
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
        page_with(status, &RequestPage { v: &visit, one, said: Some(said), typed })
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
            let said = visit.texts.failure(&failure);
            again(one, said, Trouble::Failure(failure).status())
        }
    }
}

/// After a yes: back to the page, which goes on to the session by itself; a planned one that is
/// complete shows its code, this once.
async fn approved(app: &App, visit: &Visit, number: &str, done: &Value) -> Answer {
    if let Some(code) = done.get("code").and_then(Value::as_str) {
        let number = number.parse().map_err(|_| Trouble::NotFound)?;
        return crate::plan::complete(app, visit, number, Some(code)).await;
    }
    see_other(&format!("/requests/{number}?approved"))
}

/// Refuses, with a reason that the technician reads.
pub(crate) async fn refuse(State(app): State<App>, visit: Visit, Path(number): Path<String>, fields: Fields) -> Answer {
    let one = request_of(&app, &visit, &number).await?;
    let reason = fields.value("reason");
    let order = Order::InterventionRefuse { number: one.number.0, proof: None, reason: reason.clone() };
    let by = visit.me()?.login.clone();
    match app.commands.carry_out(by, order).await {
        Ok(_) => see_other(&format!("/requests/{number}")),
        Err(failure) => {
            let one = request_of(&app, &visit, &number).await?;
            let said = Some(visit.texts.failure(&failure));
            let typed = Typed { reason, ..Typed::default() };
            let page = RequestPage { v: &visit, one, said, typed };
            page_with(Trouble::Failure(failure).status(), &page)
        }
    }
}
