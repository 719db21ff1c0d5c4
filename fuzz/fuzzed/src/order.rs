//! What comes over the local socket, and what is answered.
//!
//! Holds: what is read is written and read again the same; no secret shows in a debug print; and nobody
//! says of themselves on the socket that they signed in before, or from where (D12).

use gateway::ctl::protocol::Response;
use lifecycle::order::{Order, needs};
use serde_json::Value;

/// What stands for a secret wherever one was read.
const SECRET: &str = "zo7-Geheim";

/// One line.
pub fn run(data: &[u8]) {
    if let Ok(order) = serde_json::from_slice::<Order>(data) {
        let _ = needs(&order);
        let written = serde_json::to_value(&order).unwrap();
        let again: Order = serde_json::from_value(written.clone()).unwrap();
        assert_eq!(serde_json::to_value(&again).unwrap(), written);
        assert_eq!(needs(&order), needs(&again));
        says_nothing_of_itself(&order);
        hides(written);
    }
    if let Ok(answer) = serde_json::from_slice::<Response>(data) {
        let written = serde_json::to_value(&answer).unwrap();
        let again: Response = serde_json::from_slice(&serde_json::to_vec(&answer).unwrap()).unwrap();
        // The last digit of a fraction may be read as its neighbour; none is ever sent.
        assert!(has_fraction(&written) || serde_json::to_value(&again).unwrap() == written);
        if let Response::Failed(failure) = answer {
            assert!(failure.refusal.is_none(), "a refusal came over the socket as more than words");
        }
    }
}

fn has_fraction(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(all) => all.iter().any(has_fraction),
        Value::Object(fields) => fields.values().any(has_fraction),
        _ => false,
    }
}

fn says_nothing_of_itself(order: &Order) {
    let proof = match order {
        Order::Login { proof }
        | Order::InterventionApprove { proof, .. }
        | Order::InterventionPlan { proof, .. }
        | Order::InterventionExtend { proof, .. } => Some(proof),
        Order::InterventionRefuse { proof, .. }
        | Order::SessionResume { proof, .. }
        | Order::SessionWatch { proof, .. }
        | Order::TokenMake { proof, .. } => proof.as_ref(),
        _ => None,
    };
    if let Some(proof) = proof {
        assert!(!proof.signed_in && proof.source.is_none());
    }
}

/// Puts a known secret wherever a secret stands, and looks for it in the print.
fn hides(mut written: Value) {
    let Value::Object(fields) = &mut written else { return };
    fields.iter_mut().for_each(|(name, value)| disguise(name, value));
    if let Ok(order) = serde_json::from_value::<Order>(written) {
        assert!(!format!("{order:?}").contains(SECRET));
    }
}

fn disguise(name: &str, value: &mut Value) {
    // The code of an intervention that is read out is none: it opens nothing by itself.
    let secret = |name: &str| matches!(name, "password" | "totp");
    match value {
        Value::String(text) if secret(name) => *text = SECRET.to_owned(),
        Value::Object(fields) => {
            let is_proof = fields.contains_key("staff") && fields.contains_key("password");
            for (name, value) in fields.iter_mut() {
                match value {
                    Value::String(text) if is_proof && name == "code" => *text = SECRET.to_owned(),
                    _ => disguise(name, value),
                }
            }
        }
        _ => {}
    }
}
