//! What the daemon told of itself: its journal, its clock, and the ages of what leaves the machine.

use super::{Finding, Level};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// What the daemon tells of an age: the check, the field of its status, after how long it is worth a look
/// and after how long it is to be put right.
const AGES: [(&str, &str, SignedDuration, SignedDuration); 1] =
    [("backup", "last_backup", SignedDuration::from_hours(26), SignedDuration::from_hours(8 * 24))];

/// The daemon, and the ages.
pub(super) fn daemon(status: Result<&Value, String>, at: Timestamp) -> Vec<Finding> {
    const ID: &str = "daemon";
    let status = match status {
        Ok(status) => status,
        Err(why) => {
            let silent = Finding::amber(ID, "silent", why);
            let unknown = AGES.iter().map(|(id, ..)| Finding::amber(id, "silent", ""));
            let others = ["confined", "anchor", "siem"].map(|id| Finding::amber(id, "silent", ""));
            return [silent].into_iter().chain(others).chain(unknown).collect();
        }
    };
    let is = |name: &str| status.get(name).and_then(Value::as_bool);
    let number = |name: &str| status.get(name).and_then(Value::as_u64).unwrap_or(0);
    let (lacks, reopened) = (lacks(status), reopened(status));
    let own = match (is("journal_works"), is("clock_trusted"), is("lockdown"), number("emergencies_to_review")) {
        (Some(true), ..) if !lacks.is_empty() => Finding::red(ID, "lacks", lacks),
        (Some(true), Some(true), Some(false), 0) => Finding::green(ID, "well", version(status)),
        (Some(true), Some(true), Some(false), reviews) => Finding::amber(ID, "reviews", reviews),
        (Some(true), Some(true), ..) if !reopened.is_empty() => Finding::amber(ID, "part", reopened),
        (Some(true), Some(true), ..) => Finding::amber(ID, "lockdown", ""),
        (Some(true), ..) => Finding::red(ID, "clock", ""),
        _ => Finding::red(ID, "journal", ""),
    };
    let told = [own, confined(status), anchors(status), receivers(status)];
    told.into_iter().chain(AGES.iter().map(|one| age(one, status, at))).collect()
}

/// How the daemon shut itself in (D35), as the kernel says it.
fn confined(status: &Value) -> Finding {
    const ID: &str = "confined";
    let is = |name: &str| status.get(name).and_then(Value::as_bool);
    if is("confined").is_none() {
        return Finding::amber(ID, "untold", "");
    }
    let abi = status.get("landlock_abi").and_then(Value::as_u64).unwrap_or(0);
    match (is("calls_filtered"), is("no_new_privileges"), is("root"), abi, is("ports_confined")) {
        (Some(true), Some(true), Some(true), ..) => Finding::red(ID, "root", ""),
        (Some(true), Some(true), _, 0, _) => Finding::amber(ID, "no-paths", ""),
        (Some(true), Some(true), _, abi, Some(true)) => Finding::green(ID, "all", abi),
        // Debian 12: there the unit and the firewall hold the ports (D35).
        (Some(true), Some(true), _, abi, _) => Finding::green(ID, "no-ports", abi),
        _ => Finding::red(ID, "open", ""),
    }
}

/// What the machine lacks, with why. As long as it lacks anything nothing new opens.
fn lacks(status: &Value) -> String {
    let all = status.get("lacks").and_then(Value::as_object).into_iter().flatten();
    all.map(|(lack, why)| format!("{lack}: {}", why.as_str().unwrap_or_default())).collect::<Vec<_>>().join("; ")
}

/// Groups that are open again while the rest stays cut.
pub(super) fn reopened(status: &Value) -> String {
    let all = status.get("lockdown_reopened").and_then(Value::as_array).into_iter().flatten();
    all.filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

fn version(status: &Value) -> String {
    status.get("version").and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// By what the status says of each receiver: one that takes nothing says so first.
fn receivers(status: &Value) -> Finding {
    const ID: &str = "siem";
    let fields = status.as_object().into_iter().flatten();
    let all: Vec<(&str, &str)> = fields
        .filter_map(|(key, said)| Some((key.strip_prefix("siem.")?, said.as_str().unwrap_or_default())))
        .collect();
    match (all.is_empty(), all.iter().find(|(_, said)| said.starts_with("takes nothing"))) {
        (true, _) => Finding::red(ID, "never", ""),
        (_, Some((name, said))) => Finding::red(ID, "stuck", format!("{name}: {said}")),
        (_, None) => Finding::green(ID, "sent", all.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ")),
    }
}

/// By the list of anchors, each with how old its last checkpoint is and whether that is too old.
fn anchors(status: &Value) -> Finding {
    const ID: &str = "anchor";
    let Some(all) = status.get("anchors").and_then(Value::as_array) else { return Finding::amber(ID, "untold", "") };
    let is = |one: &&Value, name: &str| one.get(name).and_then(Value::as_bool) == Some(true);
    let name = |one: &Value| one.get("anchor").and_then(Value::as_str).unwrap_or_default().to_owned();
    let overdue: Vec<String> = all.iter().filter(|one| is(one, "overdue")).map(name).collect();
    match (all.is_empty(), overdue.is_empty()) {
        (true, _) => Finding::red(ID, "never", ""),
        (_, false) => Finding::red(ID, "overdue", overdue.join(", ")),
        (_, true) => Finding::green(ID, "fresh", all.iter().map(name).collect::<Vec<_>>().join(", ")),
    }
}

fn age(one: &(&'static str, &str, SignedDuration, SignedDuration), status: &Value, at: Timestamp) -> Finding {
    let (id, field, look, act) = one;
    match status.get(*field) {
        // A daemon that does not know such a thing has none of it.
        None => Finding::amber(id, "untold", ""),
        Some(Value::Null) => Finding::red(id, "never", ""),
        Some(value) => match value.as_str().and_then(|since| since.parse::<Timestamp>().ok()) {
            None => Finding::amber(id, "untold", ""),
            Some(since) => {
                let old = at.duration_since(since);
                let level = if old > *act {
                    Level::Red
                } else if old > *look {
                    Level::Amber
                } else {
                    Level::Green
                };
                Finding { id, level, seen: "age", value: since.to_string() }
            }
        },
    }
}
