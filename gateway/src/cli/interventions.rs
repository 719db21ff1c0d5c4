//! Interventions and their sessions.

use super::args::{InterventionVerb, PlanFlags, ProofFlags, SessionVerb};
use super::commands::{Outcome, ask, print, proof};
use super::{happened, output, watch};
use lifecycle::order::{Order, Planned};
use serde_json::Value;
use std::path::Path;

pub(super) fn intervention(main: &Path, verb: InterventionVerb) -> Outcome {
    match verb {
        InterventionVerb::List { all, json } => {
            print(json, &ask(main, &Order::InterventionList { all })?, happened::interventions)
        }
        InterventionVerb::Show { number, json } => {
            print(json, &ask(main, &Order::InterventionShow { number })?, happened::intervention)
        }
        InterventionVerb::Approve { number, code, verified, rights, minutes, proof: flags } => {
            let rights = rights.named();
            let request = Order::InterventionApprove { number, proof: proof(flags)?, code, verified, rights, minutes };
            let answer = ask(main, &request)?;
            match answer.get("approvals_missing").and_then(Value::as_u64) {
                Some(0) if answer.get("code").is_some() => say_code(&answer),
                Some(0) | None => output::say(&format!("intervention {number} is approved")),
                Some(missing) => {
                    output::say(&format!("your approval of intervention {number} counts; {missing} more needed"))
                }
            }
            Ok(())
        }
        InterventionVerb::Refuse { number, reason, proof: flags } => {
            ask(main, &Order::InterventionRefuse { number, proof: Some(proof(flags)?), reason })?;
            output::say(&format!("intervention {number} is refused"));
            Ok(())
        }
        InterventionVerb::Plan { what, from, until } => plan(main, what, from, Some(until), None),
        InterventionVerb::Emergency { what, minutes } => plan(main, what, None, None, Some(minutes)),
        InterventionVerb::Extend { number, minutes, verified, proof: flags } => {
            let answer = ask(main, &Order::InterventionExtend { number, proof: proof(flags)?, verified, minutes })?;
            let until = answer.get("until").and_then(Value::as_str).and_then(|at| at.parse().ok());
            match (answer.get("approvals_missing").and_then(Value::as_u64), until) {
                (Some(0), Some(until)) => {
                    output::say(&format!("intervention {number} may go on until {}", output::here(until)));
                }
                (missing, _) => output::say(&format!("your approval counts; {} more needed", missing.unwrap_or(1))),
            }
            Ok(())
        }
        InterventionVerb::Review { number, text } => {
            ask(main, &Order::InterventionReview { number, text })?;
            output::say(&format!("intervention {number} is reviewed"));
            Ok(())
        }
        InterventionVerb::Withdraw { number } => {
            ask(main, &Order::InterventionWithdraw { number })?;
            output::say(&format!("intervention {number} is withdrawn"));
            Ok(())
        }
    }
}

/// The code of a planned intervention, shown this once.
fn say_code(answer: &Value) {
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    let time = |name: &str| text(name).parse().map_or_else(|_| text(name).to_owned(), output::here);
    let number = answer.get("number").and_then(Value::as_u64).unwrap_or_default();
    output::say(&format!("intervention {number} is planned from {} until {}", time("from"), time("until")));
    output::say(&format!("code, shown this once; read it to the technician on the telephone: {}", text("code")));
}

fn plan(
    main: &Path,
    what: PlanFlags,
    from: Option<jiff::Timestamp>,
    until: Option<jiff::Timestamp>,
    minutes: Option<u32>,
) -> Outcome {
    let PlanFlags { technician, target, login, reason, ticket, verified, rights, proof: flags, json } = what;
    let planned = Planned {
        technician,
        target,
        login,
        from,
        until,
        minutes,
        emergency: minutes.is_some(),
        reason,
        ticket,
        verified,
        rights: rights.named(),
    };
    let answer = ask(main, &Order::InterventionPlan { proof: proof(flags)?, planned })?;
    print(json, &answer, |answer| match answer.get("approvals_missing").and_then(Value::as_u64) {
        Some(0) => say_code(answer),
        missing => {
            let number = answer.get("number").and_then(Value::as_u64).unwrap_or_default();
            output::say(&format!(
                "intervention {number} is planned; {} more approval(s) needed, then its code is shown: `poterne intervention approve {number}`",
                missing.unwrap_or(1)
            ));
        }
    })
}

pub(super) fn session(main: &Path, verb: SessionVerb) -> Outcome {
    match verb {
        SessionVerb::Watch { id, staff } => {
            let proof = staff.map(|staff| proof(ProofFlags { staff })).transpose()?;
            watch::watch(main, id, proof)
        }
        SessionVerb::Freeze { id, reason } => {
            ask(main, &Order::SessionFreeze { id: id.clone(), reason })?;
            output::say(&format!("session {id} is frozen"));
            Ok(())
        }
        SessionVerb::Resume { id, staff } => {
            let proof = staff.map(|staff| proof(ProofFlags { staff })).transpose()?;
            ask(main, &Order::SessionResume { id: id.clone(), proof })?;
            output::say(&format!("session {id} goes on"));
            Ok(())
        }
        SessionVerb::List { all, json } => print(json, &ask(main, &Order::SessionList { all })?, |rows| {
            output::table(
                rows,
                &[
                    "id",
                    "intervention",
                    "state",
                    "watchers",
                    "technician",
                    "target",
                    "from",
                    "started",
                    "ended",
                    "duration",
                    "cause",
                ],
            );
        }),
        SessionVerb::Show { id, json } => print(json, &ask(main, &Order::SessionShow { id })?, happened::session),
        SessionVerb::Receipt { id } => {
            let answer = ask(main, &Order::SessionReceipt { id })?;
            output::say(answer.get("receipt").and_then(Value::as_str).unwrap_or_default().trim_end());
            Ok(())
        }
        SessionVerb::Cut { id, reason } => {
            ask(main, &Order::SessionCut { id: id.clone(), reason })?;
            output::say(&format!("session {id} is cut"));
            Ok(())
        }
    }
}
