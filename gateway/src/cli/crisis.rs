//! The bad day: the red button and its stages, a company's credentials made anew, alerts, changes that wait for a
//! second person.

use super::args::{AlertVerb, ChangeVerb, LockdownVerb};
use super::commands::{Outcome, ask, print, proof, socket};
use super::{invitation, output};
use crate::clock::{Clock as _, SystemClock};
use crate::lockdown::{self, Lockdown};
use crate::site::Paths;
use lifecycle::order::{Failure, Order, exit};
use policy::GroupId;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// How long the red button waits for the daemon's word before it lays its files.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

pub(super) fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
    value.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn joined(value: &Value, name: &str) -> String {
    list(value, name).iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

pub(super) fn lockdown(main: &Path, verb: LockdownVerb) -> Outcome {
    match verb {
        LockdownVerb::On { reason } => lockdown_on(main, reason),
        LockdownVerb::Off { reason, group: None } => {
            ask(main, &Order::LockdownEnd { reason })?;
            output::say("the lockdown is over");
            Ok(())
        }
        LockdownVerb::Off { reason, group: Some(group) } => reopen(main, group, reason),
        LockdownVerb::Status(json) => {
            let (status, from_file) = match ask(main, &Order::Status) {
                Err(failure) if failure.exit == exit::UNAVAILABLE => {
                    eprintln!("poterne: warning: {failure}");
                    (in_the_files(main)?, true)
                }
                answer => (answer?, false),
            };
            let field = |name: &str| status.get(name).cloned().unwrap_or_default();
            let told = json!({
                "lockdown": field("lockdown"),
                "because": field("lockdown_because"),
                "since": field("lockdown_since"),
                "reopened": field("lockdown_reopened"),
                "from_file": from_file,
            });
            print(json, &told, |told| output::say(&stands(told)))
        }
    }
}

/// What the files say while no daemon does, in the fields of its status.
fn in_the_files(main: &Path) -> Result<Value, Failure> {
    let lockdown = Lockdown::read(&paths(main)?);
    let (why, since) = lockdown.reason().unzip();
    Ok(json!({
        "lockdown": lockdown.is_on(),
        "lockdown_because": why,
        "lockdown_since": since,
        "lockdown_reopened": lockdown.reopened(),
    }))
}

/// How the lockdown stands, in words.
fn stands(told: &Value) -> String {
    let is = |name: &str| told.get(name).and_then(Value::as_bool).unwrap_or(false);
    let by_file = if is("from_file") { " (from the file; the daemon does not answer)" } else { "" };
    let since = text(told, "since").parse().map_or_else(|_| "an unknown time".to_owned(), output::here);
    let why = output::visible(told.get("because").and_then(Value::as_str).unwrap_or("-"));
    let reopened = joined(told, "reopened");
    match (is("lockdown"), reopened.is_empty()) {
        (true, true) => format!("all access is cut since {since}: {why}{by_file}"),
        (true, false) => {
            format!(
                "access is cut since {since}: {why}{by_file}\nopen again: equipment that answers to {reopened} alone"
            )
        }
        (false, _) if is("from_file") => "no file of a lockdown is there; the daemon does not answer".to_owned(),
        (false, _) => "no lockdown".to_owned(),
    }
}

/// The state folder of this configuration: beside the socket.
fn paths(main: &Path) -> Result<Paths, Failure> {
    Ok(Paths::new(socket(main)?.parent().unwrap_or_else(|| Path::new("/"))))
}

/// Where no daemon answers, its files are laid: the next start finds them, and one that hangs a second later.
fn lockdown_on(main: &Path, reason: String) -> Outcome {
    let failure = match ask_in_time(main, Order::LockdownBegin { reason: reason.clone() }) {
        Some(Err(failure)) if failure.exit == exit::UNAVAILABLE => Some(failure),
        Some(answer) => return cut(&answer?),
        None => None,
    };
    if reason.trim().is_empty() {
        return Err(Failure::new(exit::DATA, "the reason is empty: write one with --reason"));
    }
    lockdown::lay(&paths(main)?, reason.trim(), SystemClock::start().now()).map_err(|error| {
        let why = failure.as_ref().map_or_else(hangs, ToString::to_string);
        let text = format!("{why}; and the lockdown's file cannot be laid: {error}; `systemctl stop poterne`");
        Failure::new(exit::IO, text)
    })?;
    output::say(
        "the daemon does not answer; the lockdown is laid as a file: nothing opens at the next start, and a daemon that runs cuts all within a second",
    );
    if failure.is_none() {
        output::say(&hangs());
    }
    Ok(())
}

/// What is said of a daemon that takes an order and does not answer it.
fn hangs() -> String {
    format!(
        "it holds its socket and did not answer within {} s: if sessions live on, `systemctl kill -s KILL poterne` ends it, and them",
        PATIENCE.as_secs()
    )
}

/// What the button did.
fn cut(answer: &Value) -> Outcome {
    let ended = answer.get("sessions_ended").and_then(Value::as_u64).unwrap_or(0);
    output::say(&format!("all access is cut; {ended} live session(s) ended"));
    let is = |name: &str| answer.get(name).and_then(Value::as_bool).unwrap_or(false);
    if !is("journalled") {
        eprintln!("poterne: warning: the journal does not answer, so this is not in it");
    }
    if !is("survives_a_restart") {
        eprintln!("poterne: warning: the disk refused the lockdown's file: a restart would forget it");
    }
    Ok(())
}

/// Asks, and does not wait for a daemon that hangs: whoever presses the button is not to watch a cursor. `None`: no
/// answer came.
pub(super) fn ask_in_time(main: &Path, order: Order) -> Option<Result<Value, Failure>> {
    let (told, answer) = std::sync::mpsc::channel();
    let main = main.to_owned();
    // It ends with the program, if not before.
    std::thread::spawn(move || told.send(ask(&main, &order)));
    answer.recv_timeout(PATIENCE).ok()
}

fn reopen(main: &Path, group: GroupId, reason: String) -> Outcome {
    let answer = ask(main, &Order::LockdownReopen { group: group.clone(), reason })?;
    let open = joined(&answer, "open");
    output::say(&format!("open again: {}", if open.is_empty() { "nothing yet" } else { &open }));
    for one in list(&answer, "shut") {
        output::say(&format!("still cut: {}, which waits for {}", text(one, "target"), joined(one, "waits_for")));
    }
    output::say("all other equipment stays cut; `poterne lockdown off --reason …` opens the rest");
    Ok(())
}

/// What is to be done once a company's credentials are void.
pub(super) fn rotated(answer: &Value) {
    let papers = list(answer, "invitations");
    let ended = answer.get("sessions_ended").and_then(Value::as_u64).unwrap_or(0);
    output::say(&format!(
        "{}: every password, code and key is void; {ended} live session(s) ended; {} invitation(s):",
        text(answer, "vendor"),
        papers.len()
    ));
    for paper in papers {
        output::say("--------------------------------------------------------------------------------");
        invitation::print(paper);
    }
    output::say("--------------------------------------------------------------------------------");
    if answer.get("needs_keys").and_then(Value::as_bool) == Some(true) {
        output::say("its technicians need a new key each: `poterne technician key add LOGIN KEY`");
    }
    if answer.get("frozen").and_then(Value::as_bool) == Some(true) {
        output::say("it is frozen: nobody enrols before `poterne vendor thaw`");
    }
    let targets = list(answer, "targets");
    if !targets.is_empty() {
        output::say("it worked with what opens these; change it on the equipment, then here:");
    }
    for one in targets {
        output::say(&format!("   poterne target credential {} --login {}", text(one, "target"), text(one, "login")));
    }
}

pub(super) fn alert(main: &Path, verb: AlertVerb) -> Outcome {
    match verb {
        AlertVerb::List { all, json } => print(json, &ask(main, &Order::AlertList { all })?, |rows| {
            output::table(
                rows,
                &["alert", "raised", "what", "about", "people", "vendor", "source", "escalated", "taken_by"],
            );
            for one in rows.as_array().into_iter().flatten() {
                let proposal = text(one, "proposal");
                if !proposal.is_empty() {
                    output::say(&format!("alert {}: {}", one.get("alert").unwrap_or(&Value::Null), proposal));
                }
            }
        }),
        AlertVerb::Ack { alert, note } => {
            let answer = ask(main, &Order::AlertAck { alert, note })?;
            output::say(&format!("alert {alert} is taken by {}", text(&answer, "taken_by")));
            Ok(())
        }
    }
}

pub(super) fn change(main: &Path, verb: ChangeVerb) -> Outcome {
    match verb {
        ChangeVerb::List(json) => print(json, &ask(main, &Order::ChangeList)?, |rows| {
            let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
            if rows.is_empty() {
                output::say("nothing waits");
            }
            for one in rows {
                output::say(&format!("change {}", text(one, "digest")));
                for (name, title) in [("weakening", "weakens"), ("changes", "changes in all")] {
                    output::say(&format!("  {title}:"));
                    for line in list(one, name).iter().filter_map(Value::as_str) {
                        output::say(&format!("    {}", output::visible(line)));
                    }
                }
            }
        }),
        ChangeVerb::Accept { digest, proof: flags } => {
            let answer = ask(main, &Order::ChangeAccept { digest, proof: proof(flags)? })?;
            output::say(&match answer.get("missing").and_then(Value::as_u64) {
                Some(missing) => format!(
                    "accepted; {missing} more of security must accept it as well, since whoever asked did not sign in"
                ),
                None => format!("in force: {} change(s)", list(&answer, "changes").len()),
            });
            Ok(())
        }
        ChangeVerb::Refuse { digest, reason } => {
            ask(main, &Order::ChangeRefuse { digest, reason })?;
            output::say("refused; the configuration in force stays as it is");
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// EMG-04: without a daemon the file tells, and it is said that it does.
    #[test]
    fn the_file_tells_while_no_daemon_does() {
        let folder = tempfile::tempdir().unwrap();
        let main = folder.path().join("poterne.toml");
        std::fs::create_dir(folder.path().join("vault")).unwrap();
        std::fs::write(&main, format!("[site]\nstate = \"{}\"\n", folder.path().display())).unwrap();
        let told = |main: &Path| {
            let status = in_the_files(main).unwrap();
            let field = |name: &str| status[format!("lockdown{name}")].clone();
            let (why, since, reopened) = (field("_because"), field("_since"), field("_reopened"));
            stands(
                &json!({ "lockdown": field(""), "because": why, "since": since, "reopened": reopened, "from_file": true }),
            )
        };
        assert_eq!(told(&main), "no file of a lockdown is there; the daemon does not answer");
        let at = "2026-11-24T13:58:00Z".parse().unwrap();
        lockdown::lay(&paths(&main).unwrap(), "worm", at).unwrap();
        let said = told(&main);
        assert!(said.starts_with("all access is cut since 2026-11-24"), "{said}");
        assert!(said.ends_with(": worm (from the file; the daemon does not answer)"), "{said}");
    }
}
