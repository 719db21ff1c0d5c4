//! Yes or no to one request. Each yes takes how the caller is known, the code that was read out and a
//! fresh code of one's own (D6, D12).

use super::view::{Request, RequestPage, Typed, request_of};
use crate::error::Trouble;
use crate::form::Fields;
use crate::page::{Answer, Visit, page_with, said, see_other};
use crate::routes::App;
use axum::extract::{Path, State};
use lifecycle::InterventionState;
use lifecycle::order::{Hidden, Order, Proof};
use policy::{Right, Rights, Verified};
use serde_json::Value;

/// The proof of whoever is signed in: their fresh code, in the field `otp`.
pub(crate) fn proof(visit: &Visit, fields: &Fields) -> Result<Proof, Trouble> {
    proof_by(visit, Hidden::new(fields.value("otp")))
}

/// The proof of whoever is signed in: their fresh code.
pub(crate) fn proof_by(visit: &Visit, otp: Hidden) -> Result<Proof, Trouble> {
    Ok(Proof {
        staff: visit.me()?.login.clone(),
        password: Hidden::new(String::new()),
        code: otp,
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

/// Somebody's yes, by the form or by the API.
pub(crate) struct Approval {
    /// What the technician read out; nothing for one that was planned.
    pub(crate) code: String,
    /// How they know who calls.
    pub(crate) verified: Option<Verified>,
    /// The rights that are left, if some were struck.
    pub(crate) rights: Option<Rights>,
    /// For how long at most.
    pub(crate) minutes: Option<u32>,
    /// Their own fresh code.
    pub(crate) otp: Hidden,
}

/// The order that a yes gives, or what is wrong with it. Asks nothing of the register.
pub(crate) fn approval(visit: &Visit, one: &Request, given: Approval) -> Result<Order, Trouble> {
    if !visit.may_decide_here {
        return Err(Trouble::NotHere);
    }
    let verified = given.verified.ok_or(Trouble::Wrong("error-verified"))?;
    let planned = one.state == InterventionState::Planned;
    if given.code.is_empty() && !planned {
        return Err(Trouble::Wrong("error-code-missing"));
    }
    Ok(Order::InterventionApprove {
        number: one.number.0,
        proof: proof_by(visit, given.otp)?,
        code: (!planned).then_some(given.code),
        verified,
        rights: given.rights.filter(|kept| kept.iter().count() < one.rights.len()),
        minutes: given.minutes,
    })
}

/// What was typed into the form.
fn typed_approval(fields: &Fields) -> Result<Approval, Trouble> {
    // The boxes stand on the page only where there is something to strike.
    let struck = fields.get("rights-shown").is_some();
    let kept = || fields.all("rights").map(|word| word.parse().map_err(|_| Trouble::Input)).collect();
    Ok(Approval {
        code: fields.value("code"),
        verified: verified(&fields.value("verified")),
        rights: struck.then(kept).transpose()?,
        minutes: fields.optional("minutes").map_err(|_| Trouble::Wrong("error-minutes"))?,
        otp: Hidden::new(fields.value("otp")),
    })
}

/// Approves.
pub(crate) async fn approve(
    State(app): State<App>,
    visit: Visit,
    Path(number): Path<String>,
    fields: Fields,
) -> Answer {
    let one = request_of(&app, &visit, &number).await?;
    let done = match typed_approval(&fields).and_then(|given| approval(&visit, &one, given)) {
        Ok(order) => app.commands.carry_out(visit.me()?.login.clone(), order).await.map_err(Trouble::from),
        Err(trouble) => Err(trouble),
    };
    match done {
        Ok(done) => approved(&app, &visit, &number, &done).await,
        Err(trouble @ (Trouble::Failure(_) | Trouble::Wrong(_) | Trouble::NotHere)) => {
            let one = request_of(&app, &visit, &number).await?;
            let typed = Typed {
                verified: fields.value("verified"),
                minutes: fields.value("minutes"),
                reason: String::new(),
                rights: fields.get("rights-shown").map(|_| fields.all("rights").map(str::to_owned).collect()),
            };
            let said = Some(said(&visit.texts, &trouble));
            page_with(trouble.status(), &RequestPage { v: &visit, one, said, typed })
        }
        Err(trouble) => Err(trouble),
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
