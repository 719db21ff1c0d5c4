//! The register as the command line shows it: plain objects, stable names.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use lifecycle::{AlarmRecord, ChannelKind, ChannelRecord, FileDone, FileRecord, Intervention, Register, SessionRecord};
use policy::StaffLogin;
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
        "source": one.asked.source.map(|source| source.to_string()),
        "rights": one.asked.rights,
        "requested": one.submitted.or(Some(one.prepared)),
        "kind": match &one.plan {
            None => "on-demand",
            Some(plan) if plan.emergency => "emergency",
            Some(_) => "planned",
        },
        "from": one.plan.as_ref().map(|plan| plan.from),
        "until": one.plan.as_ref().map(|plan| plan.until),
        "wants_review": one.wants_review(),
        "quorum": one.asked.quorum,
        "approvals": one.approvals.len(),
        "call_back": one.asked.call_back,
    })
}

/// One intervention in full.
pub fn intervention_in_full(one: &Intervention, register: &Register) -> Value {
    let mut all = intervention(one);
    let approvals: Vec<Value> = one
        .former
        .iter()
        .chain(&one.approvals)
        .map(|approval| {
            json!({ "by": approval.by, "at": approval.at, "verified": approval.verified,
                "rights": approval.rights, "until": approval.until })
        })
        .collect();
    let sessions: Vec<Value> = one
        .sessions
        .iter()
        .filter_map(|id| register.sessions.get(id))
        .map(|record| session(record, register, &[]))
        .collect();
    let factor_changed = register
        .accounts
        .get(&one.asked.account)
        .zip(register.last_at)
        .is_some_and(|(account, now)| account.factor_changed(now));
    if let Value::Object(fields) = &mut all {
        fields.insert("supervision".into(), json!(one.asked.supervision));
        fields.insert("per".into(), json!(one.asked.per));
        fields.insert("approved_by".into(), json!(approvals));
        fields.insert(
            "refused".into(),
            json!(one.refused.as_ref().map(|(by, reason)| json!({ "by": by, "reason": reason }))),
        );
        fields.insert("factor_changed".into(), json!(factor_changed));
        fields.insert("armed".into(), json!(one.plan.as_ref().map(|plan| plan.secret.is_some())));
        fields.insert(
            "review".into(),
            json!(
                one.plan
                    .as_ref()
                    .and_then(|plan| plan.reviewed.as_ref())
                    .map(|(by, text)| json!({ "by": by, "text": text }))
            ),
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

/// One session, with those who watch it now. `duration` is in whole seconds, null while it runs.
pub fn session(record: &SessionRecord, register: &Register, watchers: &[StaffLogin]) -> Value {
    let asked = register.interventions.get(&record.number).map(|one| &one.asked);
    let end = record.end.as_ref();
    json!({
        "id": record.id,
        "intervention": record.number,
        "state": record.state(),
        "vendor": asked.map(|asked| &asked.vendor),
        "technician": asked.map(|asked| &asked.technician),
        "target": asked.map(|asked| &asked.target),
        "from": record.joined_from.or(asked.and_then(|asked| asked.source)).map(|source| source.to_string()),
        "frozen": record.frozen,
        "watchers": watchers,
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
    let mut watchers = record.watchers.clone();
    watchers.sort();
    watchers.dedup();
    let mut all = session(record, register, &watchers);
    if let Value::Object(fields) = &mut all {
        fields.insert("watched_by".into(), json!(record.watched_by));
        fields.insert("unreached".into(), json!(record.unreached));
        let legacy = record
            .legacy
            .as_ref()
            .map(|legacy| json!({ "algorithms": legacy.algorithms, "because": legacy.because, "until": legacy.until }));
        fields.insert("legacy".into(), json!(legacy));
        fields.insert("recording".into(), recording_state(record));
        fields.insert("alarms".into(), json!(record.alarms.items().iter().map(alarm).collect::<Vec<_>>()));
        fields.insert("channels".into(), json!(record.opened.items().iter().map(channel).collect::<Vec<_>>()));
        fields.insert("files".into(), json!(record.files.items().iter().map(file).collect::<Vec<_>>()));
        fields.insert("files_unlisted".into(), json!(record.files.more().saturating_add(record.unlisted)));
        if let Some(end) = &record.end {
            fields.insert("closing".into(), json!(end));
        }
    }
    all
}

/// Something of which the hospital was told at once.
fn alarm(one: &AlarmRecord) -> Value {
    json!({ "at": one.at, "channel": one.channel, "alarm": one.alarm })
}

/// A channel: `what` is the word for its kind, `detail` the command line or where a tunnel went.
fn channel(one: &ChannelRecord) -> Value {
    let to = match &one.what {
        ChannelKind::Forward { to } => Some(to.to_string()),
        _ => None,
    };
    json!({
        "channel": one.channel,
        "what": one.what.word(),
        "detail": one.what.command().map(str::to_owned).or(to),
        "from": one.from,
        "until": one.until,
        "exit": one.exit,
        "bytes_in": one.bytes_in,
        "bytes_out": one.bytes_out,
    })
}

/// A file: `did` says what was done, `result` and `why` what came of it.
pub(crate) fn file(one: &FileRecord) -> Value {
    match &one.what {
        FileDone::Moved(file) => json!({
            "at": one.at,
            "channel": file.channel,
            "did": file.direction,
            "path": file.path,
            "bytes": file.bytes,
            "sha256": file.sha256,
            "in_order": file.in_order,
            "result": file.result.word(),
            "why": file.result.why(),
            "kept": file.kept,
            "started": file.started,
        }),
        FileDone::Changed(change) => json!({
            "at": one.at,
            "channel": change.channel,
            "did": change.act,
            "path": change.path,
            "to": change.to,
            "result": if change.failed.is_empty() { "done" } else { "failed" },
            "why": change.failed,
        }),
    }
}

/// How whole its recording is, or where it stands before it is sealed; `erased` once that is gone at its
/// term.
pub(crate) fn recording_state(record: &SessionRecord) -> Value {
    match (&record.sealed, &record.end) {
        (Some(_), _) if record.shredded.is_some() => json!("erased"),
        (Some(sealed), _) => json!(sealed.state),
        (None, Some(_)) => json!("sealing"),
        (None, None) => json!("open"),
    }
}

/// The recording of a session: what the journal says of it.
pub fn recording(record: &SessionRecord, register: &Register) -> Value {
    let asked = register.interventions.get(&record.number).map(|one| &one.asked);
    let (end, sealed) = (record.end.as_ref(), record.sealed.as_ref());
    json!({
        "id": record.id,
        "intervention": record.number,
        "state": recording_state(record),
        "technician": asked.map(|asked| &asked.technician),
        "vendor": asked.map(|asked| &asked.vendor),
        "target": asked.map(|asked| &asked.target),
        "started": record.started,
        "duration": end.map(|end| end.seconds),
        "bytes": sealed.map(|sealed| sealed.bytes),
        "missing": sealed.map(|sealed| sealed.missing),
        "manifest": sealed.map(|sealed| &sealed.manifest),
        "recipients": record.recipients.first,
        "second_recipients": record.recipients.second,
        "erased": record.shredded,
        "files_erased": record.files_shredded,
    })
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
        "invited_until": account.invitation.as_ref().map(|invitation| invitation.until),
        "factor_changed": account.factor_changed(now),
    })
}

/// A member of staff.
pub fn staff(staff: &lifecycle::Staff, now: Timestamp) -> Value {
    let locked = staff.is_active() && staff.guard.is_locked(now);
    let state = if locked { "locked" } else { staff.state.word() };
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
