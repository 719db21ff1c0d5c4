//! Retention, holds, and what is kept about one person.

use super::args::{HoldVerb, RetentionVerb, SubjectVerb};
use super::commands::{Outcome, ask, print};
use super::output;
use lifecycle::order::{Failure, HoldArgs, Order, exit};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

fn count(of: &Value, name: &str) -> u64 {
    of.get(name).and_then(Value::as_u64).unwrap_or(0)
}

fn day(of: &Value, name: &str) -> Option<String> {
    let at = of.get(name).and_then(Value::as_str)?;
    Some(at.parse().map_or_else(|_| at.to_owned(), output::here))
}

pub(super) fn retention(main: &Path, verb: RetentionVerb) -> Outcome {
    match verb {
        RetentionVerb::Plan(json) => print(json, &ask(main, &Order::RetentionPlan)?, plan),
        RetentionVerb::Tombstones => {
            let answer = ask(main, &Order::RetentionTombstones)?;
            let list = |name: &str| answer.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
            for range in list("entries") {
                let end = |n: usize| range.get(n).and_then(Value::as_u64).unwrap_or_default();
                output::say(&format!("entries {}-{}", end(0), end(1)));
            }
            for (name, what) in [("recordings", "recording"), ("files", "files")] {
                list(name).iter().filter_map(Value::as_str).for_each(|id| output::say(&format!("{what} {id}")));
            }
            Ok(())
        }
        RetentionVerb::Run(json) => {
            let answer = ask(main, &Order::RetentionRun)?;
            print(json, &answer, |answer| match answer.get("run").and_then(Value::as_u64) {
                None => output::say("nothing is due"),
                Some(run) => output::say(&format!(
                    "run {run}: {} entries, {} recordings and the files of {} are erased; {} held, {} left to later runs",
                    count(answer, "entries"),
                    count(answer, "recordings"),
                    count(answer, "files"),
                    count(answer, "held"),
                    count(answer, "waiting")
                )),
            })
        }
    }
}

fn plan(answer: &Value) {
    let part = |name: &str| answer.get(name).cloned().unwrap_or_default();
    let (terms, now, last) = (part("terms"), part("now"), part("last_run"));
    output::say(&format!(
        "kept: journal {} months, recordings {} months, copies of files {} months",
        count(&terms, "journal"),
        count(&terms, "recordings"),
        count(&terms, "files")
    ));
    match day(&last, "at") {
        Some(at) => output::say(&format!(
            "last run: {at}, {} entries, {} recordings{}",
            count(&last, "entries"),
            count(&last, "recordings"),
            if last.get("done").is_none_or(Value::is_null) { "; not finished yet" } else { "" }
        )),
        None => output::say("last run: none yet"),
    }
    output::say(&format!(
        "the next run erases: {} entries, {} recordings, the files of {}; {} held, {} left to later runs",
        count(&now, "entries"),
        count(&now, "recordings"),
        count(&now, "files"),
        count(&now, "held"),
        count(&now, "waiting")
    ));
    if let Some(why) = answer.get("why_not").and_then(Value::as_str) {
        output::say(&format!("not now: {why}"));
    }
    if let Some(next) = day(answer, "next") {
        output::say(&format!("next due: {next}"));
    }
    let items = part("items");
    if items.as_array().is_some_and(|items| !items.is_empty()) {
        output::say("due, held, and to come within a month:");
        output::table(&items, &["what", "id", "until", "state", "held_by"]);
    }
}

pub(super) fn hold(main: &Path, verb: HoldVerb) -> Outcome {
    match verb {
        HoldVerb::Add { session, intervention, vendor, account, reason, until, json } => {
            let on = match (session, intervention, vendor, account) {
                (Some(session), None, None, None) => HoldArgs::Session(session),
                (None, Some(number), None, None) => HoldArgs::Intervention(number),
                (None, None, Some(vendor), None) => HoldArgs::Vendor(vendor),
                (None, None, None, Some(login)) => HoldArgs::Account(login),
                _ => {
                    let text = "say what to hold: one of --session, --intervention, --vendor, --account";
                    return Err(Failure::new(exit::USAGE, text));
                }
            };
            let answer = ask(main, &Order::HoldAdd { on, reason, until })?;
            print(json, &answer, |answer| {
                let id = answer.get("hold").and_then(Value::as_str).unwrap_or_default();
                output::say(&format!("hold {id} holds until {}", day(answer, "until").unwrap_or_default()));
            })
        }
        HoldVerb::List(json) => print(json, &ask(main, &Order::HoldList)?, |rows| {
            output::table(rows, &["hold", "state", "on", "since", "until", "by", "reason"])
        }),
        HoldVerb::Release { id, reason } => {
            ask(main, &Order::HoldRelease { hold: id.clone(), reason })?;
            output::say(&format!("hold {id} is released"));
            Ok(())
        }
    }
}

pub(super) fn subject(main: &Path, verb: SubjectVerb) -> Outcome {
    let SubjectVerb::Export { login, output: file } = verb;
    let answer = ask(main, &Order::SubjectExport { login })?;
    let pretty = serde_json::to_string_pretty(&answer).map_err(|error| Failure::new(exit::SOFTWARE, error))?;
    let readable = file.with_extension("txt");
    if readable == file {
        return Err(Failure::new(
            exit::USAGE,
            "the text goes beside it as .txt: name the file otherwise, such as alice.json",
        ));
    }
    write(&file, pretty.as_bytes())?;
    write(&readable, text(&answer).as_bytes())?;
    output::say(&format!("written to {} and, to be read, {}", file.display(), readable.display()));
    Ok(())
}

/// A new file, for its owner alone. One that is there is not written over.
fn write(path: &PathBuf, bytes: &[u8]) -> Outcome {
    let opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    opened
        .and_then(|mut file| {
            file.write_all(bytes)?;
            file.sync_all()
        })
        .map_err(|error| Failure::new(exit::IO, format!("`{}` cannot be written: {error}", path.display())))
}

/// The same in lines that people read, French first.
fn text(answer: &Value) -> String {
    let word = |value: Option<&Value>| match value {
        Some(Value::String(text)) => output::visible(text),
        Some(Value::Null) | None => "-".to_owned(),
        Some(other) => output::visible(&other.to_string()),
    };
    let part = |name: &str| answer.get(name);
    let mut text = String::new();
    let identity = part("identity").cloned().unwrap_or_default();
    // Writing into a text cannot fail.
    let _ = writeln!(
        text,
        "Données conservées sur une personne / Data kept about one person\n\
         Site : {}\nIdentifiant / Login : {}\nNom / Name : {}\nAdresse / E-mail : {}\nTéléphone / Phone : {}\nÉtabli le / Made : {}\n",
        word(part("site")),
        word(part("subject")),
        word(identity.get("name")),
        word(identity.get("email")),
        word(identity.get("phone")),
        word(part("made")),
    );
    let _ = writeln!(
        text,
        "Ce qui concerne d'autres personnes n'y figure pas. / What concerns other persons is left out.\n"
    );
    let _ = writeln!(text, "Qui a consulté les enregistrements / Who read the recordings");
    let rows = |name: &str| part(name).and_then(Value::as_array).cloned().unwrap_or_default();
    if rows("readings").is_empty() {
        let _ = writeln!(text, "  personne / nobody");
    }
    for row in rows("readings") {
        let (at, by, how) = (word(row.get("at")), word(row.get("by")), word(row.get("how")));
        let _ = writeln!(text, "  {at}  {by}  {}  {how}", word(row.get("session")));
    }
    let _ = writeln!(text, "\nJournal");
    for row in rows("entries") {
        let Value::Object(mut fields) = row else { continue };
        let (at, kind) = (word(fields.remove("at").as_ref()), word(fields.remove("kind").as_ref()));
        let rest: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={}", word(Some(value)))).collect();
        let _ = writeln!(text, "  {at}  {kind}  {}", rest.join("  "));
    }
    text
}
