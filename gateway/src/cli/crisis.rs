//! The bad day: the red button and its stages, a company's credentials made anew, alerts, the sealed envelope,
//! changes that wait for a second person.

use super::args::{AlertVerb, BreakGlassVerb, ChangeVerb, LockdownVerb, ProofFlags};
use super::commands::{Outcome, ask, print, proof, socket};
use super::{invitation, output, secrets};
use crate::clock::{Clock as _, SystemClock};
use crate::lockdown;
use crate::site::Paths;
use lifecycle::order::{Failure, Hidden, Order, Proof, exit};
use policy::GroupId;
use serde_json::{Value, json};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

/// How long the red button waits for the daemon's word before it lays its files.
const PATIENCE: Duration = Duration::from_secs(3);

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, name: &str) -> &'a [Value] {
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
            let status = ask(main, &Order::Status)?;
            let on = status.get("lockdown").and_then(Value::as_bool).unwrap_or(false);
            let field = |name: &str| status.get(name).cloned().unwrap_or_default();
            let (why, since) = (field("lockdown_because"), field("lockdown_since"));
            let reopened = joined(&status, "lockdown_reopened");
            let told = json!({
                "lockdown": on, "because": why, "since": since, "reopened": field("lockdown_reopened"),
            });
            print(json, &told, |_| {
                let since = since.as_str().and_then(|since| since.parse().ok()).map(output::here).unwrap_or_default();
                let why = output::visible(why.as_str().unwrap_or("-"));
                match (on, reopened.is_empty()) {
                    (true, true) => output::say(&format!("all access is cut since {since}: {why}")),
                    (true, false) => output::say(&format!(
                        "access is cut since {since}: {why}\nopen again: equipment that answers to {reopened} alone"
                    )),
                    (false, _) => output::say("no lockdown"),
                }
            })
        }
    }
}

/// Where no daemon answers, its files are laid: the next start finds them, and one that hangs a second later.
fn lockdown_on(main: &Path, reason: String) -> Outcome {
    let answer = match ask_in_time(main, Order::LockdownBegin { reason: reason.clone() }) {
        Err(failure) if failure.exit == exit::UNAVAILABLE => {
            if reason.trim().is_empty() {
                return Err(Failure::new(exit::DATA, "the reason is empty: write one with --reason"));
            }
            let socket = socket(main)?;
            let paths = Paths::new(socket.parent().unwrap_or_else(|| Path::new("/")));
            lockdown::lay(&paths, reason.trim(), SystemClock::start().now()).map_err(|error| {
                let text =
                    format!("{failure}; and the lockdown's file cannot be laid: {error}; `systemctl stop poterne`");
                Failure::new(exit::IO, text)
            })?;
            output::say(
                "the daemon does not answer; the lockdown is laid as a file: nothing opens at the next start, and a daemon that runs cuts all within a second",
            );
            return Ok(());
        }
        answer => answer?,
    };
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

/// Asks, and does not wait for a daemon that hangs: whoever presses the button is not to watch a cursor.
fn ask_in_time(main: &Path, order: Order) -> Result<Value, Failure> {
    let (told, answer) = std::sync::mpsc::channel();
    let main = main.to_owned();
    // It ends with the program, if not before.
    std::thread::spawn(move || told.send(ask(&main, &order)));
    answer.recv_timeout(PATIENCE).unwrap_or_else(|_| {
        Err(Failure::new(exit::UNAVAILABLE, format!("the daemon does not answer within {} s", PATIENCE.as_secs())))
    })
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

pub(super) fn break_glass(main: &Path, verb: BreakGlassVerb) -> Outcome {
    match verb {
        BreakGlassVerb::Print { count, output: to } => {
            // Before a code exists: one that can be shown nowhere would void the old ones for nothing.
            let file = to.as_ref().map(|path| private(path).map(|file| (file, path))).transpose()?;
            let answer = ask(main, &Order::BreakGlassPrint { count })?;
            let paper = paper(&answer);
            match file {
                None => output::say(paper.trim_end()),
                Some((mut file, path)) => {
                    let wrong =
                        |error: std::io::Error| Failure::new(exit::IO, format!("`{}`: {error}", path.display()));
                    file.write_all(paper.as_bytes()).and_then(|()| file.sync_all()).map_err(wrong)?;
                    output::say(&format!("print `{}`, seal it, and remove the file", path.display()));
                }
            }
            Ok(())
        }
        BreakGlassVerb::Approve { number, code, verified, minutes, proof } => {
            let mut read = secrets::read(&["password", "one-time code", "code of the envelope"])?.into_iter();
            let (Some(password), Some(fresh), Some(sealed)) = (read.next(), read.next(), read.next()) else {
                return Err(Failure::new(exit::NO_INPUT, "password, one-time code and the envelope's code are needed"));
            };
            let proof = whole(proof, password, fresh);
            let order = Order::BreakGlassApprove { number, proof, sealed, code, verified, rights: None, minutes };
            let answer = ask(main, &order)?;
            let count = |name: &str| answer.get(name).and_then(Value::as_u64).unwrap_or(0);
            match count("approvals_missing") {
                0 => output::say(&format!("intervention {number} is approved; everybody was told")),
                more => output::say(&format!("noted; intervention {number} needs {more} more approval(s)")),
            }
            if let Some(code) = answer.get("code").and_then(Value::as_str) {
                output::say(&format!("planned code, shown this once: {code}"));
            }
            output::say(&format!(
                "the envelope is open: {} code(s) left; `poterne break-glass print` makes a new one",
                count("codes_left")
            ));
            Ok(())
        }
    }
}

fn whole(flags: ProofFlags, password: Hidden, code: Hidden) -> Proof {
    Proof { staff: flags.staff, password, code, signed_in: false, source: None }
}

/// A new file that only its owner can read.
fn private(path: &Path) -> Result<std::fs::File, Failure> {
    std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(|error| Failure::new(exit::IO, format!("`{}`: {error}", path.display())))
}

/// What goes into the envelope: French first.
fn paper(answer: &Value) -> String {
    let (site, console) = (output::visible(text(answer, "site")), text(answer, "console"));
    let printed = text(answer, "printed").parse().map_or_else(|_| String::new(), output::here);
    let mut page = format!(
        "POTERNE - {site}\n\
         ENVELOPPE SCELLEE : codes de secours          SEALED ENVELOPE: break-glass codes\n\
         imprime / printed {printed}\n\n\
         Quand aucune console ne marche ({console}) :\n\
         1. Appelez le prestataire au numero du contrat ; il vous lit le code de son ecran.\n\
         2. Sur le bastion : poterne break-glass approve N --code CODE --verified called --as VOUS\n\
         3. Tapez votre mot de passe, votre code a six chiffres, puis UN code ci-dessous. Rayez-le.\n\
         Un code remplace la console, jamais une personne : il faut toujours un approbateur de cet\n\
         equipement, ses deux facteurs, l'enregistrement et la surveillance. Tout le monde est prevenu.\n\n\
         When no console works:\n\
         1. Call the company at the number of its contract; they read you the code on their screen.\n\
         2. On the bastion: poterne break-glass approve N --code CODE --verified called --as YOU\n\
         3. Type your password, your six-digit code, then ONE code below. Strike it out.\n\
         A code stands in for the console, never for a person: it still takes an approver of that\n\
         equipment, both factors, the recording and the watching. Everybody is told.\n\n"
    );
    for (n, code) in list(answer, "codes").iter().enumerate() {
        page.push_str(&format!("  {:>2}.  {}     [ ]\n", n + 1, code.as_str().unwrap_or_default()));
    }
    page.push_str(
        "\nUne enveloppe ouverte est remplacee : `poterne break-glass print` annule tous ces codes.\n\
         An opened envelope is replaced: `poterne break-glass print` voids all of these codes.\n",
    );
    page
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
