//! `poterne source`: addresses with a penalty.

use super::args::SourceVerb;
use super::commands::{Outcome, ask, print};
use super::output;
use lifecycle::order::Order;
use serde_json::{Value, json};
use std::path::Path;

/// A source as people read it: its reasons in words.
fn source_row(source: &Value) -> Value {
    let counts = source.get("reasons").and_then(Value::as_object).into_iter().flatten();
    let reasons: Vec<String> = counts.map(|(reason, count)| format!("{reason} {count}")).collect();
    let of = |key: &str| source.get(key).cloned().unwrap_or_default();
    json!({
        "source": of("source"),
        "penalised": if of("penalised") == Value::Bool(true) { "yes" } else { "no" },
        "seconds": of("seconds"),
        "reasons": reasons.join(", "),
    })
}

pub(super) fn source(main: &Path, verb: SourceVerb) -> Outcome {
    match verb {
        SourceVerb::List(json) => print(json, &ask(main, &Order::SourceList)?, |answer| {
            let sources = answer.get("sources").and_then(Value::as_array).into_iter().flatten();
            let rows: Value = sources.map(source_row).collect();
            output::table(&rows, &["source", "penalised", "seconds", "reasons"]);
            for (limit, count) in answer.get("reached").and_then(Value::as_object).into_iter().flatten() {
                output::say(&format!("reached in this minute: {limit} {count}"));
            }
        }),
        SourceVerb::Lift { source, reason } => {
            let answer = ask(main, &Order::SourceLift { source, reason })?;
            let source = answer.get("source").and_then(Value::as_str).unwrap_or_default();
            output::say(&format!("{source} has no penalty any more"));
            Ok(())
        }
    }
}
