//! Which verb goes where, what all of them do alike (asking the daemon, printing, proofs, the files), and the few
//! that take no more than a line or two.

use super::args::{Call, FirewallVerb, JournalVerb, Json, NotifyVerb, ProofFlags, Verb};
use super::{
    backup, configuration, crisis, doctor, envelope, equipment, export, firewall, follow, interventions, manual,
    output, people, recording, report, retention, running, secrets, sources,
};
use crate::clock::{Clock as _, SystemClock};
use crate::ctl::client;
use crate::site::Paths;
use config::Config;
use lifecycle::order::{Failure, Order, Proof, exit};
use serde_json::Value;
use std::path::{Path, PathBuf};

pub(super) type Outcome = Result<(), Failure>;

pub(crate) fn carry_out(call: Call) -> Outcome {
    let main = call.config;
    match call.verb {
        Verb::Run { confirm_clock, as_root } => running::run(main, confirm_clock, as_root),
        #[cfg(feature = "demo")]
        Verb::Demo(args) => crate::demo::run(args).map_err(|error| Failure::new(exit::SOFTWARE, format!("{error:#}"))),
        Verb::Login(flags) => {
            let answer = ask(&main, &Order::Login { proof: proof(flags)? })?;
            let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
            let until = text("until").parse().map_or_else(|_| text("until").to_owned(), output::here);
            output::say(&format!("{} is signed in at this terminal until {until}", text("staff")));
            Ok(())
        }
        Verb::Logout => {
            let answer = ask(&main, &Order::Logout)?;
            match answer.get("staff").and_then(Value::as_str) {
                Some(staff) => output::say(&format!("{staff} is signed out")),
                None => output::say("nobody was signed in at this terminal"),
            }
            Ok(())
        }
        Verb::Whoami(json) => print(json, &ask(&main, &Order::Whoami)?, output::fields),
        Verb::Recording(verb) => recording::carry_out(&main, verb),
        Verb::Backup(verb) => backup::carry_out(&main, verb),
        Verb::Export(flags) => export::carry_out(&main, flags),
        Verb::Vendor(verb) => people::vendor(&main, verb),
        Verb::Report(verb) => report::carry_out(&main, verb),
        Verb::Doctor { root, language, json } => doctor::carry_out(&main, doctor::Asked { root, language, json }),
        Verb::Retention(verb) => retention::retention(&main, verb),
        Verb::Hold(verb) => retention::hold(&main, verb),
        Verb::Subject(verb) => retention::subject(&main, verb),
        Verb::Notify(NotifyVerb::Test { channel, json }) => notify_test(&main, channel, json),
        Verb::Lockdown(verb) => crisis::lockdown(&main, verb),
        Verb::Alert(verb) => crisis::alert(&main, verb),
        Verb::BreakGlass(verb) => envelope::carry_out(&main, verb),
        Verb::Change(verb) => crisis::change(&main, verb),
        Verb::Firewall(FirewallVerb::Render) => {
            output::say(firewall::render(&load(&main, true)?).trim_end());
            Ok(())
        }
        Verb::Firewall(FirewallVerb::Unit { besides }) => {
            output::say(firewall::unit(&load(&main, true)?, &besides)?.trim_end());
            Ok(())
        }
        Verb::Manual { folder } => manual::write(&folder),
        Verb::Completions { shell } => {
            manual::completions(shell);
            Ok(())
        }
        Verb::Config(verb) => configuration::configuration(&main, verb),
        Verb::Reload(json) => {
            let answer = ask(&main, &Order::Reload)?;
            print(json, &answer, |answer| match answer.get("changes").and_then(Value::as_array).map(Vec::as_slice) {
                None | Some([]) => output::say("nothing changed"),
                Some(changes) => changes.iter().filter_map(Value::as_str).for_each(output::say),
            })
        }
        Verb::Status(json) => print(json, &ask(&main, &Order::Status)?, output::fields),
        Verb::Technician(verb) => people::technician(&main, verb),
        Verb::Staff(verb) => people::staff(&main, verb),
        Verb::Target(verb) => equipment::target(&main, verb),
        Verb::Source(verb) => sources::source(&main, verb),
        Verb::Token(verb) => people::token(&main, verb),
        Verb::Intervention(verb) => interventions::intervention(&main, verb),
        Verb::Session(verb) => interventions::session(&main, verb),
        Verb::Explain { technician, target, at, from, json } => {
            let answer = ask(&main, &Order::Explain { technician, target, at, source: from })?;
            print(json, &answer, output::fields)
        }
        Verb::Journal(verb) => journal(&main, verb),
    }
}

fn journal(main: &Path, verb: JournalVerb) -> Outcome {
    let field = match verb {
        JournalVerb::Key => "journal_key",
        JournalVerb::Checkpoint => "checkpoint",
        JournalVerb::Follow { format, from, once, purpose } => {
            return follow::follow(main, from, &follow::How { format, once, purpose });
        }
        JournalVerb::Anchors { now, json } => {
            let answer = ask(main, if now { &Order::AnchorNow } else { &Order::AnchorList })?;
            return print(json, &answer, |answer| {
                output::table(answer, &["anchor", "last", "size", "overdue", "error"])
            });
        }
        JournalVerb::AcceptRollback { reason, proof: flags } => {
            let answer = ask(main, &Order::AcceptRollback { proof: proof(flags)?, reason })?;
            match answer.pointer("/rollback/missing").and_then(Value::as_u64) {
                Some(missing) => {
                    output::say(&format!("your acceptance counts; {missing} more needed, by another person"))
                }
                None => output::say("accepted by two persons; `poterne lockdown off --reason …` gives access back"),
            }
            return Ok(());
        }
    };
    let status = ask(main, &Order::Status)?;
    output::say(status.get(field).and_then(Value::as_str).unwrap_or_default().trim_end());
    Ok(())
}

/// Tries the channels. One that failed is a failure of the whole, so that a script sees it.
fn notify_test(main: &Path, channel: Option<String>, json: Json) -> Outcome {
    let answer = ask(main, &Order::NotifyTest { channel })?;
    print(json, &answer, |answer| output::table(answer, &["channel", "sent", "error"]))?;
    let failed = |row: &Value| row.get("sent").and_then(Value::as_bool) == Some(false);
    match answer.as_array().is_some_and(|rows| rows.iter().any(failed)) {
        true => Err(Failure::new(exit::TEMPORARY, "a channel did not take the test")),
        false => Ok(()),
    }
}

pub(super) fn print(json: Json, answer: &Value, show: impl FnOnce(&Value)) -> Outcome {
    if json.json {
        output::json(answer);
    } else {
        show(answer);
    }
    Ok(())
}

pub(super) fn load(main: &Path, unpinned: bool) -> Result<Config, Failure> {
    let options = config::Options { at: SystemClock::start().now(), unpinned };
    config::load(main, options).map_err(|error| Failure::new(exit::CONFIG, error))
}

/// Where the daemon of this configuration listens. Only `site.state` is needed for that, so a
/// mistake elsewhere in the files does not keep anybody from cutting a session.
pub(super) fn socket(main: &Path) -> Result<PathBuf, Failure> {
    let text = std::fs::read_to_string(main).map_err(|error| {
        Failure::new(
            exit::CONFIG,
            format!("`{}` cannot be read: {error}; name the file with --config or POTERNE_CONFIG", main.display()),
        )
    })?;
    let document: toml_edit::DocumentMut =
        text.parse().map_err(|error| Failure::new(exit::CONFIG, format!("`{}`: {error}", main.display())))?;
    let state = document.get("site").and_then(|site| site.get("state")).and_then(|state| state.as_str());
    Ok(Paths::new(Path::new(state.unwrap_or("/var/lib/poterne"))).socket())
}

pub(super) fn ask(main: &Path, request: &Order) -> Result<Value, Failure> {
    client::ask(&socket(main)?, request)
}

pub(super) fn proof(flags: ProofFlags) -> Result<Proof, Failure> {
    let mut read = secrets::read(&["password", "one-time code"])?.into_iter();
    match (read.next(), read.next()) {
        (Some(password), Some(code)) => {
            Ok(Proof { staff: flags.staff, password, code, signed_in: false, source: None })
        }
        _ => Err(Failure::new(exit::NO_INPUT, "password and one-time code are needed")),
    }
}
