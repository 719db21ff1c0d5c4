//! What is kept about one person, for that person (PRV-07): their own part of the journal, and who read
//! their recordings. What it says of others is left out.

use super::desk::{Answer, Desk, gone, software};
use crate::site::Site;
use lifecycle::order::{Failure, exit};
use lifecycle::{AccountId, Event, Identity, Register, Role};
use policy::{StaffLogin, TechnicianLogin};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The fields of entries that say something of the technician they are about, and of nobody else. A field
/// that is not among them is left out: new ones are added here by decision.
const OF_TECHNICIAN: [&str; 46] = [
    "account",
    "technician",
    "name",
    "vendor",
    "identity",
    "proofing",
    "keys",
    "key",
    "target",
    "login",
    "rights",
    "source",
    "joined_from",
    "factors",
    "step",
    "counts",
    "number",
    "session",
    "channel",
    "ticket",
    "notice",
    "quorum",
    "per",
    "supervision",
    "call_back",
    "from",
    "until",
    "emergency",
    "started",
    "ended",
    "seconds",
    "at_least",
    "bytes_in",
    "bytes_out",
    "bytes",
    "what",
    "pty",
    "exit",
    "signal",
    "path",
    "to",
    "direction",
    "sha256",
    "result",
    "minutes",
    "state",
];
/// The same for a member of staff: not who it was that they dealt with.
const OF_STAFF: [&str; 20] = [
    "staff", "identity", "roles", "groups", "language", "step", "counts", "source", "purpose", "number", "session",
    "via", "from", "until", "seconds", "how", "what", "rows", "label", "id",
];

enum Subject {
    Technician(AccountId, TechnicianLogin),
    Staff(StaffLogin),
}

impl Desk {
    /// Gathers it, and journals that it was.
    pub(super) async fn subject_export(&self, login: &str, by: StaffLogin) -> Answer {
        let (site, wanted) = (self.site.clone(), login.to_owned());
        let gathered = tokio::task::spawn_blocking(move || gather(&site, &wanted)).await.map_err(software)?;
        let Some((subject, mut document)) = gathered.map_err(software)? else {
            let text =
                format!("nobody here is or was `{login}`: see `poterne technician list` and `poterne staff list`");
            return Err(Failure::new(exit::NO_USER, text));
        };
        let entries = document.get("entries").and_then(Value::as_array).map_or(0, Vec::len) as u64;
        let (account, staff) = match subject {
            Subject::Technician(id, _) => (Some(id), None),
            Subject::Staff(login) => (None, Some(login)),
        };
        let event = Event::SubjectExported { account, staff, entries, by };
        let at = self.site.registrar.act(move |_, at| (vec![event], at)).await.map_err(gone)?;
        if let Value::Object(fields) = &mut document {
            fields.insert("site".into(), json!(self.site.config().site.name));
            fields.insert("made".into(), json!(at));
        }
        Ok(document)
    }
}

/// Reads the journal as it is now, twice: to know who is who, then for what is of the one. Blocks.
fn gather(site: &Arc<Site>, login: &str) -> anyhow::Result<Option<(Subject, Value)>> {
    let mut reader = site.archive.open()?;
    let mut register = Register::default();
    reader.read(0, |evidence| {
        if let Some(Ok(event)) = evidence.opened.as_ref().map(|(_, body)| Event::from_body(body)) {
            register.apply(evidence.leaf.at, &event);
        }
        ControlFlow::Continue(())
    })?;
    let technician = login.parse().ok().and_then(|login| register.account(&login));
    let staff = login.parse().ok().and_then(|login: StaffLogin| register.staff.get(&login));
    let (subject, identity) = match (technician, staff) {
        (Some(account), _) => {
            (Subject::Technician(account.id.clone(), account.login.clone()), account.identity.clone())
        }
        (None, Some(staff)) => (Subject::Staff(staff.login.clone()), staff.identity.clone()),
        (None, None) => return Ok(None),
    };
    let mut entries = Vec::new();
    reader.read(0, |evidence| {
        if let Some(Ok(event)) = evidence.opened.as_ref().map(|(_, body)| Event::from_body(body)) {
            let shown = match &subject {
                Subject::Technician(id, _) => of_technician(&register, id, &event),
                Subject::Staff(login) => of_staff(login, &event),
            };
            if let Some(mut shown) = shown {
                shown.insert("at".into(), json!(evidence.leaf.at));
                shown.insert("kind".into(), json!(evidence.leaf.kind));
                entries.push(Value::Object(shown));
            }
        }
        ControlFlow::Continue(())
    })?;
    let document = document(&register, &subject, &identity, entries);
    Ok(Some((subject, document)))
}

fn document(register: &Register, subject: &Subject, identity: &Identity, entries: Vec<Value>) -> Value {
    let (login, kind) = match subject {
        Subject::Technician(_, login) => (login.to_string(), "technician"),
        Subject::Staff(login) => (login.to_string(), "staff"),
    };
    let terms = register.retention.terms.last().map(|(_, terms)| *terms);
    json!({
        "subject": login,
        "kind": kind,
        "identity": identity,
        "kept_months": terms,
        "readings": readings(register, subject),
        "entries": entries,
    })
}

/// Who read the recordings of the technician's sessions, when and how. A reader is named by login and
/// roles; their name and numbers are their own.
fn readings(register: &Register, subject: &Subject) -> Value {
    let Subject::Technician(id, _) = subject else { return json!([]) };
    let roles = |login: &StaffLogin| -> BTreeSet<Role> {
        register.staff.get(login).map(|staff| staff.roles.clone()).unwrap_or_default()
    };
    let own = register.interventions.values().filter(|one| one.asked.account == *id);
    let sessions = own.flat_map(|one| &one.sessions).filter_map(|session| register.sessions.get(session));
    let rows = sessions.flat_map(|record| {
        record.readings.iter().map(move |reading| {
            json!({
                "session": record.id, "at": reading.at, "by": reading.staff, "roles": roles(&reading.staff),
                // A text that was searched for may name somebody else.
                "how": if reading.how.starts_with("search") { "search" } else { reading.how.as_str() },
            })
        })
    });
    rows.collect()
}

/// The fields that are to be shown, of those that are there.
fn only(event: &Event, fields: &[&str]) -> Map<String, Value> {
    let Ok(Value::Object(all)) = serde_json::to_value(event) else { return Map::new() };
    all.into_iter().filter(|(name, _)| fields.contains(&name.as_str())).collect()
}

fn of_technician(register: &Register, id: &AccountId, event: &Event) -> Option<Map<String, Value>> {
    let by_session = event.session().and_then(|session| register.sessions.get(session)).map(|record| record.number);
    let number = event.intervention().or(by_session);
    let own = event.account() == Some(id)
        || number.and_then(|number| register.interventions.get(&number)).is_some_and(|one| one.asked.account == *id);
    // Readings stand in a list of their own; what staff did to watch is theirs.
    let of_others = matches!(
        event,
        Event::RecordingRead { .. }
            | Event::WatchBegan { .. }
            | Event::WatchEnded { .. }
            | Event::CodeMismatched { .. }
    );
    if !own || of_others {
        return None;
    }
    let mut shown = only(event, &OF_TECHNICIAN);
    match event {
        // The technician's own words; elsewhere a reason is somebody else's.
        Event::InterventionRequested { reason, .. } => {
            shown.insert("reason".into(), json!(reason));
        }
        Event::SessionEnded(end) => {
            shown.insert("cause".into(), word(&end.cause));
        }
        Event::InterventionEnded { cause, .. } => {
            shown.insert("cause".into(), word(cause));
        }
        _ => {}
    }
    Some(shown)
}

/// A cause as its one word: who cut a session and what they said is theirs.
fn word(cause: &impl serde::Serialize) -> Value {
    match serde_json::to_value(cause) {
        Ok(Value::Object(fields)) => fields.keys().next().cloned().map_or(Value::Null, Value::String),
        Ok(word) => word,
        Err(_) => Value::Null,
    }
}

fn of_staff(login: &StaffLogin, event: &Event) -> Option<Map<String, Value>> {
    let value = serde_json::to_value(event).ok()?;
    let is_they = |value: Option<&Value>| value.and_then(Value::as_str) == Some(login.as_str());
    let by = value.get("by");
    let about = is_they(value.get("staff"));
    let acted = is_they(by) || is_they(by.and_then(|by| by.get("staff"))) || {
        is_they(value.get("approval").and_then(|approval| approval.get("by")))
    };
    if !about && !acted {
        return None;
    }
    let mut shown = only(event, &OF_STAFF);
    if !about {
        // Done to somebody else: that it was done, and under which number, and nothing of the other.
        shown.retain(|name, _| ["number", "session", "what", "rows", "id", "from", "until"].contains(&name.as_str()));
    }
    if matches!(event, Event::StaffCodeUsed { .. } | Event::StaffRefused { .. })
        && let Some(purpose) = shown.get("purpose").and_then(Value::as_str)
    {
        // `plan for alice on scanner-irm` names another person.
        let first = purpose.split_whitespace().next().unwrap_or_default().to_owned();
        shown.insert("purpose".into(), json!(first));
    }
    Some(shown)
}
