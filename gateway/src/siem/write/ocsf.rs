//! Open Cybersecurity Schema Framework, version 1.3.0.

use super::Speaker;
use crate::siem::fact::Fact;
use crate::siem::kinds::{self, Class, Kind, Outcome};
use serde_json::{Map, Value, json};

pub(super) fn write(fact: &Fact, speaker: &Speaker) -> Value {
    let kind = kinds::of(&fact.kind);
    let (class, name) = kind.class.uid();
    let status = if kind.outcome == Outcome::Done { (1, "Success") } else { (2, "Failure") };
    let mut event = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            event.insert(key.to_owned(), value);
        }
    };
    put("activity_id", kind.activity.into());
    put("activity_name", (kind.activity == 99).then_some(kind.title).into());
    put("category_uid", (class / 1000).into());
    put("class_uid", class.into());
    put("class_name", name.into());
    put("type_uid", (class * 100 + kind.activity).into());
    put("severity_id", kind.level.ocsf().into());
    put("time", fact.at.as_millisecond().into());
    put("message", kind.title.into());
    put("status_detail", ["cause", "why", "denial", "what"].iter().find_map(|key| fact.text(key)).into());
    put("metadata", metadata(fact, speaker));
    // A finding's status is what became of it, which nobody has said yet.
    if kind.class != Class::DetectionFinding {
        put("status_id", status.0.into());
        put("status", status.1.into());
        put("src_endpoint", source(fact));
        put("actor", actor(fact));
    }
    match kind.class {
        Class::AccountChange => put("user", user(fact)),
        Class::Authentication => {
            put("user", user(fact));
            put("service", json!({ "name": "poterne" }));
            put("is_remote", fact.source().is_some().into());
            put("is_mfa", true.into());
            put("auth_protocol_id", 99.into());
            put("auth_protocol", "password and one-time code".into());
            put("count", fact.number("count").into());
        }
        Class::EntityManagement => put("entity", entity(fact)),
        Class::DetectionFinding => put("finding_info", finding(fact, kind, speaker)),
        Class::SshActivity => {
            put("dst_endpoint", destination(fact, speaker));
            put("duration", fact.number("seconds").map(|seconds| seconds.saturating_mul(1000)).into());
            put("traffic", traffic(fact));
            put("file", file(fact));
        }
        Class::ApplicationLifecycle => {
            put("app", json!({ "name": "poterne", "vendor_name": "Poterne", "version": speaker.version }));
        }
    }
    put(
        "unmapped",
        json!({ "kind": fact.kind, "leaf": fact.leaf, "event": fact.fields, "known": fact.names, "erased": fact.fields.is_none() }),
    );
    Value::Object(event)
}

/// Numbers come again after a rollback: receivers know doubles by this, and must not take another history's
/// entry for one.
fn uid(fact: &Fact, speaker: &Speaker) -> String {
    format!("{}:{}:{}", speaker.origin, fact.seq, fact.leaf)
}

fn metadata(fact: &Fact, speaker: &Speaker) -> Value {
    without_nulls(json!({
        "version": "1.3.0",
        "product": { "name": "poterne", "vendor_name": "Poterne", "version": speaker.version },
        "sequence": fact.seq,
        "uid": uid(fact, speaker),
        "log_name": speaker.origin,
        "event_code": fact.kind,
        "correlation_uid": fact.session.clone().or_else(|| fact.intervention.map(|number| number.to_string())),
    }))
}

/// Whose account it is. Of what is erased the account's id is left, and the schema wants a user.
fn user(fact: &Fact) -> Value {
    let name = ["technician", "staff", "logins"].iter().find_map(|key| fact.text(key));
    let vendor = fact.text("vendor").map(|vendor| json!({ "name": vendor }));
    match (name, &fact.account) {
        (Some(name), uid) => without_nulls(json!({ "name": name, "uid": uid, "org": vendor })),
        (None, Some(uid)) => json!({ "uid": uid }),
        (None, None) => json!({ "name": "unknown" }),
    }
}

/// Who acted: staff by name, else the technician.
fn actor(fact: &Fact) -> Value {
    match fact.staff().or_else(|| fact.text("technician")) {
        Some(name) => json!({ "user": { "name": name } }),
        None => json!({ "app_name": "poterne" }),
    }
}

fn source(fact: &Fact) -> Value {
    match fact.source() {
        Some((address, port)) => without_nulls(json!({ "ip": address, "port": port })),
        None => Value::Null,
    }
}

fn destination(fact: &Fact, speaker: &Speaker) -> Value {
    match fact.text("target") {
        Some(target) => json!({ "name": target, "svc_name": "ssh" }),
        None => json!({ "hostname": speaker.host, "svc_name": "ssh" }),
    }
}

fn traffic(fact: &Fact) -> Value {
    match (fact.number("bytes_in"), fact.number("bytes_out")) {
        (None, None) => Value::Null,
        (to, from) => without_nulls(json!({ "bytes_in": to, "bytes_out": from })),
    }
}

fn file(fact: &Fact) -> Value {
    let Some(path) = fact.text("path") else { return Value::Null };
    let name = path.rsplit('/').find(|part| !part.is_empty()).unwrap_or(&path).to_owned();
    let hash =
        fact.text("sha256").map(|digest| json!([{ "algorithm_id": 3, "algorithm": "SHA-256", "value": digest }]));
    without_nulls(json!({ "name": name, "path": path, "type_id": 0, "size": fact.number("bytes"), "hashes": hash }))
}

/// What was changed or looked at: the first of these that the entry is about.
fn entity(fact: &Fact) -> Value {
    let known = ["vendor", "target", "receiver"];
    let (kind, id) = if fact.kind.starts_with("intervention-") {
        ("intervention", fact.intervention.map(|number| number.to_string()))
    } else if fact.kind.starts_with("recording-") {
        ("recording", fact.session.clone())
    } else if fact.kind.starts_with("token-") {
        ("token", fact.text("id"))
    } else if fact.kind.starts_with("config-") {
        ("configuration", fact.text("digest"))
    } else {
        let about = known.iter().find_map(|key| Some((*key, Some(fact.text(key)?))));
        about.unwrap_or(("site", None))
    };
    json!({ "type": kind, "name": kind, "uid": id.unwrap_or_else(|| "poterne".to_owned()) })
}

fn finding(fact: &Fact, kind: Kind, speaker: &Speaker) -> Value {
    let what = ["what", "why", "alarm", "technicians"].iter().find_map(|key| fact.text(key));
    without_nulls(json!({
        "uid": uid(fact, speaker),
        "title": kind.title,
        "desc": what,
        "types": [fact.kind],
    }))
}

fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, value| !value.is_null());
    }
    value
}
