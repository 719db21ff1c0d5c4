//! The register as the command line shows it: plain objects, stable names.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use lifecycle::{Intervention, Register, SessionRecord};
use serde_json::{Value, json};

/// One intervention in a list.
pub fn intervention(one: &Intervention) -> Value {
    json!({
        "number": one.number,
        "state": one.state.word(),
        "vendor": one.asked.vendor,
        "technician": one.asked.technician,
        "name": one.asked.name,
        "target": one.asked.target,
        "account": one.asked.login,
        "reason": one.asked.reason,
        "ticket": one.asked.ticket,
        "source": one.asked.source.to_string(),
        "rights": one.asked.rights,
        "requested": one.submitted.or(Some(one.prepared)),
        "quorum": one.asked.quorum,
        "approvals": one.approvals.len(),
        "call_back": one.asked.call_back,
    })
}

/// One intervention in full.
pub fn intervention_in_full(one: &Intervention, register: &Register) -> Value {
    let mut all = intervention(one);
    let approvals: Vec<Value> = one
        .approvals
        .iter()
        .map(|approval| {
            json!({ "by": approval.by, "at": approval.at, "verified": approval.verified,
                "rights": approval.rights, "until": approval.until })
        })
        .collect();
    let sessions: Vec<Value> = one
        .sessions
        .iter()
        .filter_map(|id| register.sessions.get(id))
        .map(|record| session(record, register))
        .collect();
    if let Value::Object(fields) = &mut all {
        fields.insert("supervision".into(), json!(one.asked.supervision));
        fields.insert("per".into(), json!(one.asked.per));
        fields.insert("approved_by".into(), json!(approvals));
        fields.insert(
            "refused".into(),
            json!(one.refused.as_ref().map(|(by, reason)| json!({ "by": by, "reason": reason }))),
        );
        fields.insert("ended".into(), json!(one.ended));
        fields.insert("sessions".into(), json!(sessions));
        if let lifecycle::InterventionState::Ended(cause) = &one.state {
            fields.insert("cause".into(), json!(cause));
        }
    }
    all
}

/// The word for a cause: its tag, without details.
fn cause_word(cause: &lifecycle::EndCause) -> String {
    match serde_json::to_value(cause) {
        Ok(Value::String(word)) => word,
        Ok(Value::Object(fields)) => fields.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

/// One session. `duration` is in whole seconds, null while it runs.
pub fn session(record: &SessionRecord, register: &Register) -> Value {
    let asked = register.interventions.get(&record.number).map(|one| &one.asked);
    let end = record.end.as_ref();
    json!({
        "id": record.id,
        "intervention": record.number,
        "state": record.state(),
        "vendor": asked.map(|asked| &asked.vendor),
        "technician": asked.map(|asked| &asked.technician),
        "target": asked.map(|asked| &asked.target),
        "from": asked.map(|asked| asked.source.to_string()),
        "started": record.started,
        "until": record.until,
        "ended": end.map(|end| end.ended),
        "duration": end.map(|end| end.seconds),
        "at_least": end.is_some_and(|end| end.at_least),
        "cause": end.map(|end| cause_word(&end.cause)),
        "bytes_in": end.map(|end| end.bytes_in),
        "bytes_out": end.map(|end| end.bytes_out),
    })
}

/// One session in full: the closing entry besides.
pub fn session_in_full(record: &SessionRecord, register: &Register) -> Value {
    let mut all = session(record, register);
    if let (Value::Object(fields), Some(end)) = (&mut all, &record.end) {
        fields.insert("closing".into(), json!(end));
    }
    all
}

/// A person's account.
pub fn technician(account: &lifecycle::Account, now: Timestamp) -> Value {
    json!({
        "login": account.login,
        "vendor": account.vendor,
        "name": account.identity.name,
        "email": account.identity.email,
        "phone": account.identity.phone,
        "proofing": account.proofing,
        "state": if account.guard.is_locked(now) { json!("locked") } else { json!(account.state) },
        "keys": account.keys,
        "id": account.id,
        "since": account.factors_since,
    })
}

/// A member of staff.
pub fn staff(staff: &lifecycle::Staff, now: Timestamp) -> Value {
    let state = match (staff.disabled, staff.guard.is_locked(now)) {
        (true, _) => "disabled",
        (false, true) => "locked",
        (false, false) => "active",
    };
    json!({
        "login": staff.login,
        "name": staff.identity.name,
        "roles": staff.roles,
        "groups": staff.groups,
        "state": state,
    })
}

/// An instant as the site's people read it.
pub fn local(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}
