//! `poterne config`: whether the files hold, and what they say.

use super::args::ConfigVerb;
use super::commands::{Outcome, ask, load};
use super::{crisis, output};
use crate::clock::{Clock as _, SystemClock};
use lifecycle::order::{Failure, Order, exit};
use serde_json::Value;
use std::path::Path;

pub(super) fn configuration(main: &Path, verb: ConfigVerb) -> Outcome {
    match verb {
        ConfigVerb::Check { state } => {
            let config = load(main, false)?;
            for warning in &config.warnings {
                eprintln!("poterne: warning: {warning}");
            }
            let certificate = crate::https::check(&config, main, SystemClock::start().now());
            if let Some(warning) = certificate.map_err(|error| Failure::new(exit::CONFIG, error))? {
                eprintln!("poterne: warning: {warning}");
            }
            if state {
                let answer = ask(main, &Order::CheckState)?;
                let problems: Vec<&str> = answer
                    .get("problems")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten()
                    .filter_map(Value::as_str)
                    .collect();
                if !problems.is_empty() {
                    return Err(Failure::new(exit::CONFIG, problems.join("\npoterne: ")));
                }
            }
            output::say(&format!(
                "{}: holds ({} vendors, {} targets)",
                main.display(),
                config.vendors.len(),
                config.targets.len()
            ));
            Ok(())
        }
        ConfigVerb::Show(json) => {
            let config = load(main, false)?;
            if waits_for_a_second_person(main) {
                eprintln!(
                    "poterne: warning: these are the files, and not what is in force: a change waits for a second person; see `poterne change list`"
                );
            }
            if json.json {
                output::json(&serde_json::json!(config.effective));
            } else {
                output::say(config::show(&config).trim_end());
            }
            Ok(())
        }
    }
}

/// Whether the daemon holds other rules than the files', until somebody accepts these. One that does not answer
/// says nothing.
fn waits_for_a_second_person(main: &Path) -> bool {
    let status = crisis::ask_in_time(main, Order::Status).and_then(Result::ok);
    status.is_some_and(|status| status.get("change_waits").is_some_and(Value::is_string))
}
