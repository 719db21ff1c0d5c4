//! Each verb: what it asks, what it prints.

use super::args::{
    Call, ConfigVerb, FirewallVerb, IdentityFlags, InterventionVerb, JournalVerb, Json, KeyVerb, NotifyVerb,
    PersonFlags, PlanFlags, ProofFlags, SessionVerb, SourceVerb, StaffVerb, TargetVerb, TechnicianVerb, TokenVerb,
    VendorVerb, Verb,
};
use super::{
    backup, crisis, doctor, envelope, export, firewall, follow, happened, invitation, manual, output, pin, recording,
    report, retention, secrets, watch,
};
use crate::clock::{Clock as _, SystemClock};
use crate::confine::{self, AsRoot, ConfineError};
use crate::ctl::client;
use crate::daemon::{Daemon, Options};
use crate::site::Paths;
use config::Config;
use lifecycle::order::{CredentialArgs, Factors, Failure, Order, PersonArgs, Planned, Proof, exit};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) type Outcome = Result<(), Failure>;

pub(crate) fn carry_out(call: Call) -> Outcome {
    let main = call.config;
    match call.verb {
        Verb::Run { confirm_clock, as_root } => run(main, confirm_clock, as_root),
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
        Verb::Vendor(verb) => vendor(&main, verb),
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
        Verb::Config(verb) => configuration(&main, verb),
        Verb::Reload(json) => {
            let answer = ask(&main, &Order::Reload)?;
            print(json, &answer, |answer| match answer.get("changes").and_then(Value::as_array).map(Vec::as_slice) {
                None | Some([]) => output::say("nothing changed"),
                Some(changes) => changes.iter().filter_map(Value::as_str).for_each(output::say),
            })
        }
        Verb::Status(json) => print(json, &ask(&main, &Order::Status)?, output::fields),
        Verb::Technician(verb) => technician(&main, verb),
        Verb::Staff(verb) => staff(&main, verb),
        Verb::Target(verb) => target(&main, verb),
        Verb::Source(verb) => source(&main, verb),
        Verb::Token(verb) => token(&main, verb),
        Verb::Intervention(verb) => intervention(&main, verb),
        Verb::Session(verb) => session(&main, verb),
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

fn run(main: PathBuf, confirm_clock: bool, as_root: bool) -> Outcome {
    let as_root = if as_root { AsRoot::Said } else { AsRoot::Never };
    // Before the log and the runtime, which have threads: who is shut in is this thread, with all that it
    // starts (D35).
    let confined = confine::before_the_runtime(&main, SystemClock::start().now(), as_root).map_err(not_confined)?;
    let _log = crate::log::start();
    confined.tell();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(exit::SOFTWARE, error))?;
    runtime.block_on(async {
        let options = Options { config: main, confirm_clock, confined: Some(Arc::new(confined)) };
        let daemon = Daemon::start(&options, Arc::new(SystemClock::start())).await.map_err(|error| {
            let config = error.downcast_ref::<config::LoadError>().is_some();
            Failure::new(if config { exit::CONFIG } else { exit::SOFTWARE }, format!("{error:#}"))
        })?;
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        crate::daemon::until_told_to_stop(&daemon).await.map_err(|error| Failure::new(exit::SOFTWARE, error))?;
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        daemon.stop("told to stop").await;
        Ok(())
    })
}

/// A wrong call or a wrong configuration is not mended by a restart, and says so to the service manager.
fn not_confined(error: ConfineError) -> Failure {
    let exit = match error {
        ConfineError::Root => exit::USAGE,
        ConfineError::Config(_) => exit::CONFIG,
        ConfineError::Path { .. } | ConfineError::Refused { .. } => exit::SOFTWARE,
    };
    Failure::new(exit, error)
}

fn configuration(main: &Path, verb: ConfigVerb) -> Outcome {
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

/// Factors from standard input, where they are written there; an empty or missing line has them
/// made.
fn factors(person: &PersonFlags) -> Factors {
    if !person.stdin && !secrets::are_waiting() {
        return Factors::default();
    }
    let (password, totp) = secrets::optional_pair();
    Factors { password, totp }
}

fn identity(person: &PersonFlags) -> PersonArgs {
    PersonArgs { name: person.name.clone(), email: person.email.clone(), phone: person.phone.clone() }
}

/// What was made is shown once, and nowhere kept in clear.
fn made(json: Json, answer: &Value) -> Outcome {
    print(json, answer, |answer| {
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        output::say(&format!("{} is there.", text("login").unwrap_or_default()));
        if let Some(password) = text("password") {
            output::say(&format!("password, shown this once: {password}"));
        }
        if let Some(totp) = text("totp") {
            output::say(&format!("for the authenticator, shown this once: {totp}"));
        }
    })
}

/// A key's line, or what the file of that name holds.
fn key_line(key: String) -> String {
    if Path::new(&key).is_file() { std::fs::read_to_string(&key).unwrap_or(key) } else { key }
}

fn technician(main: &Path, verb: TechnicianVerb) -> Outcome {
    match verb {
        TechnicianVerb::Invite { login, vendor, proofing, keys, identity, json } => {
            let IdentityFlags { name, email, phone } = identity;
            let (keys, person) = (keys.into_iter().map(key_line).collect(), PersonArgs { name, email, phone });
            let request = Order::TechnicianInvite { login, vendor, person, proofing, keys };
            print(json, &ask(main, &request)?, invitation::print)
        }
        TechnicianVerb::Reset { login, reason, json } => {
            let request = Order::TechnicianReset { login, reason, enable: false };
            print(json, &ask(main, &request)?, invitation::print)
        }
        TechnicianVerb::Enable { login, reason, json } => {
            let request = Order::TechnicianReset { login, reason, enable: true };
            print(json, &ask(main, &request)?, invitation::print)
        }
        TechnicianVerb::Activate { login, word } => {
            ask(main, &Order::TechnicianActivate { login: login.clone(), word })?;
            output::say(&format!("{login} is active"));
            Ok(())
        }
        TechnicianVerb::Show { login, json } => {
            print(json, &ask(main, &Order::TechnicianShow { login })?, output::fields)
        }
        TechnicianVerb::Key(verb) => {
            let (login, key, add) = match verb {
                KeyVerb::Add { login, key } => (login, key, true),
                KeyVerb::Remove { login, key } => (login, key, false),
            };
            let answer = ask(main, &Order::TechnicianKey { login: login.clone(), key: key_line(key), add })?;
            let key = answer.get("key").and_then(Value::as_str).unwrap_or_default();
            output::say(&format!("{key} is {} {login}", if add { "added to" } else { "removed from" }));
            Ok(())
        }
        TechnicianVerb::Add { login, vendor, proofing, keys, person } => {
            let keys = keys.into_iter().map(key_line).collect();
            let request = Order::TechnicianAdd {
                login,
                vendor,
                person: identity(&person),
                proofing,
                keys,
                factors: factors(&person),
            };
            made(person.json, &ask(main, &request)?)
        }
        TechnicianVerb::List(json) => print(json, &ask(main, &Order::TechnicianList)?, |rows| {
            output::table(rows, &["login", "vendor", "name", "state", "phone"])
        }),
        TechnicianVerb::Disable { login, reason } => {
            let answer = ask(main, &Order::TechnicianDisable { login: login.clone(), reason })?;
            let ended = answer.get("sessions_ended").and_then(Value::as_u64).unwrap_or(0);
            output::say(&format!("{login} is disabled; {ended} live session(s) ended"));
            Ok(())
        }
        TechnicianVerb::Unlock { login } => ask(main, &Order::TechnicianUnlock { login }).map(|_| ()),
    }
}

fn staff(main: &Path, verb: StaffVerb) -> Outcome {
    match verb {
        StaffVerb::Add { login, roles, groups, person } => {
            let request = Order::StaffAdd {
                login,
                person: identity(&person),
                roles: roles.into_iter().collect(),
                groups: groups.into_iter().collect(),
                factors: factors(&person),
            };
            made(person.json, &ask(main, &request)?)
        }
        StaffVerb::Invite { login, roles, groups, identity, json } => {
            let IdentityFlags { name, email, phone } = identity;
            let person = PersonArgs { name, email, phone };
            let (roles, groups) = (roles.into_iter().collect(), groups.into_iter().collect());
            let request = Order::StaffInvite { login, person, roles, groups };
            print(json, &ask(main, &request)?, invitation::print_staff)
        }
        StaffVerb::Reset { login, reason, json } => {
            print(json, &ask(main, &Order::StaffReset { login, reason })?, invitation::print_staff)
        }
        StaffVerb::Change { login, roles, groups, reason } => {
            let (roles, groups) = (roles.into_iter().collect(), groups.into_iter().collect());
            ask(main, &Order::StaffChange { login, roles, groups, reason }).map(|_| ())
        }
        StaffVerb::Unlock { login } => ask(main, &Order::StaffUnlock { login }).map(|_| ()),
        StaffVerb::List(json) => print(json, &ask(main, &Order::StaffList)?, |rows| {
            output::table(rows, &["login", "name", "roles", "groups", "state"])
        }),
        StaffVerb::Disable { login, reason } => ask(main, &Order::StaffDisable { login, reason }).map(|_| ()),
    }
}

fn token(main: &Path, verb: TokenVerb) -> Outcome {
    match verb {
        TokenVerb::Make { scope, label, days, json } => {
            let answer = ask(main, &Order::TokenMake { proof: None, label, scope, days })?;
            print(json, &answer, |answer| {
                let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                output::say(&format!("token {}, until {}; it is not shown again:", text("id"), text("until")));
                output::say(&text("token"));
            })
        }
        TokenVerb::Revoke { id } => {
            ask(main, &Order::TokenRevoke { id: id.clone() })?;
            output::say(&format!("token {id} is revoked"));
            Ok(())
        }
        TokenVerb::List(json) => print(json, &ask(main, &Order::TokenList)?, |rows| {
            output::table(rows, &["id", "label", "scope", "by", "until", "holds", "last_read"])
        }),
    }
}

fn target(main: &Path, verb: TargetVerb) -> Outcome {
    match verb {
        TargetVerb::Pin { target, write, fingerprint_ends } => {
            pin::pin(main, &load(main, true)?, &target, write, fingerprint_ends)
        }
        TargetVerb::Credential { target, login, key, password, generate } => {
            let credential = match (key, password, generate) {
                (Some(file), ..) => {
                    let pem = std::fs::read_to_string(&file).map_err(|error| {
                        Failure::new(exit::NO_INPUT, format!("`{}` cannot be read: {error}", file.display()))
                    })?;
                    CredentialArgs::Key(lifecycle::order::Hidden::new(pem))
                }
                (None, true, _) => {
                    let mut read = secrets::read(&["password of the target"])?;
                    match read.pop() {
                        Some(password) if !password.reveal().is_empty() => CredentialArgs::Password(password),
                        _ => return Err(Failure::new(exit::NO_INPUT, "the password is empty: write one")),
                    }
                }
                (None, false, true) => CredentialArgs::Generate,
                (None, false, false) => {
                    return Err(Failure::new(
                        exit::USAGE,
                        "say what opens the target: --key FILE, --password or --generate",
                    ));
                }
            };
            let answer = ask(main, &Order::TargetCredential { target: target.clone(), login, credential })?;
            output::say(&format!("the credential of {target} is set"));
            if let Some(public) = answer.get("public_key").and_then(Value::as_str) {
                output::say(&format!("public key, for the target's authorized_keys: {public}"));
            }
            Ok(())
        }
    }
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

fn intervention(main: &Path, verb: InterventionVerb) -> Outcome {
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

fn vendor(main: &Path, verb: VendorVerb) -> Outcome {
    match verb {
        VendorVerb::List(json) => print(json, &ask(main, &Order::VendorList)?, |rows| {
            output::table(rows, &["vendor", "name", "state", "technicians", "phone", "why"]);
        }),
        VendorVerb::Freeze { vendor, reason } => {
            let answer = ask(main, &Order::VendorFreeze { vendor: vendor.clone(), reason })?;
            let ended = answer.get("sessions_ended").and_then(Value::as_u64).unwrap_or(0);
            output::say(&format!("{vendor} is frozen; {ended} live session(s) ended"));
            Ok(())
        }
        VendorVerb::Thaw { vendor, reason } => {
            ask(main, &Order::VendorThaw { vendor: vendor.clone(), reason })?;
            output::say(&format!("{vendor} may come in again"));
            Ok(())
        }
        VendorVerb::RotateAll { vendor, reason, json } => {
            print(json, &ask(main, &Order::VendorRotate { vendor, reason })?, crisis::rotated)
        }
    }
}

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

fn source(main: &Path, verb: SourceVerb) -> Outcome {
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

fn session(main: &Path, verb: SessionVerb) -> Outcome {
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
