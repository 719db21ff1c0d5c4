//! Common Event Format, version 0.

use super::Speaker;
use crate::siem::fact::{Fact, plain};
use crate::siem::kinds::{self, Outcome};
use serde_json::Value;
use std::fmt::Write as _;

/// Fields that have a key of CEF's own dictionary.
const STANDARD: &[(&str, &str)] = &[
    ("login", "duser"),
    ("target", "dhost"),
    ("reason", "reason"),
    ("cause", "cause"),
    ("path", "filePath"),
    ("bytes", "fsize"),
    ("sha256", "fileHash"),
    ("bytes_in", "in"),
    ("bytes_out", "out"),
];

pub(super) fn write(fact: &Fact, speaker: &Speaker) -> String {
    let kind = kinds::of(&fact.kind);
    let mut line = format!(
        "CEF:0|Poterne|poterne|{}|{}|{}|{}|",
        header(speaker.version),
        header(&fact.kind),
        header(kind.title),
        kind.level.cef()
    );
    let mut extension = Extension { line: &mut line, first: true };
    extension.add("externalId", &fact.seq.to_string());
    extension.add("rt", &fact.at.as_millisecond().to_string());
    extension.add("dvchost", &speaker.host);
    extension.add("outcome", if kind.outcome == Outcome::Done { "success" } else { "failure" });
    if let Some((address, port)) = fact.source() {
        let is_v6 = address.contains(':');
        extension.add(if is_v6 { "c6a2" } else { "src" }, &address);
        if is_v6 {
            extension.add("c6a2Label", "Source IPv6 Address");
        }
        port.iter().for_each(|port| extension.add("spt", &port.to_string()));
    }
    let (staff, technician) = (fact.staff(), fact.text("technician"));
    if let Some(user) = staff.as_ref().or(technician.as_ref()) {
        extension.add("suser", user);
    }
    if let Some(technician) = technician.filter(|_| staff.is_some()) {
        extension.add("poterneTechnician", &technician);
    }
    for (name, key) in STANDARD {
        if let Some(text) = fact.text(name) {
            extension.add(key, &text);
        }
    }
    extension.add("poterneOrigin", &speaker.origin);
    let ids = [("Account", fact.account.clone()), ("Session", fact.session.clone())];
    for (name, id) in ids.into_iter().chain([("Intervention", fact.intervention.map(|number| number.to_string()))]) {
        id.iter().for_each(|id| extension.add(&format!("poterne{name}"), id));
    }
    extension.add("poterneLeaf", &fact.leaf);
    const SAID: [&str; 2] = ["technician", "source"];
    let rest = fact
        .fields
        .iter()
        .flatten()
        .filter(|(name, _)| !SAID.contains(&name.as_str()) && !STANDARD.iter().any(|(known, _)| known == name));
    for (name, value) in rest {
        if let Some(text) = plain(value)
            && let Some(name) = fact.beside(name, &text)
        {
            extension.add(&key(&name), &text);
        }
    }
    if let Some(vendor) = fact.names.get("vendor").filter(|_| missing(fact, "vendor")) {
        extension.add("poterneVendor", vendor);
    }
    if fact.fields.is_none() {
        extension.add("poterneErased", "true");
    }
    line
}

fn missing(fact: &Fact, name: &str) -> bool {
    fact.fields.as_ref().and_then(|fields| fields.get(name)).is_none_or(Value::is_null)
}

/// `bytes_in` is `poterneBytesIn`: what the dictionary does not have begins with our name.
fn key(name: &str) -> String {
    let mut key = "poterne".to_owned();
    for part in name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|part| !part.is_empty()) {
        let (first, rest) = part.split_at(1);
        key.push_str(&first.to_ascii_uppercase());
        key.push_str(rest);
    }
    key
}

/// A field of the header: `\` and `|` are escaped.
fn header(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|")
}

struct Extension<'a> {
    line: &'a mut String,
    first: bool,
}

impl Extension<'_> {
    /// One pair. In a value `\` and `=` are escaped; a line's end is written out already.
    fn add(&mut self, key: &str, value: &str) {
        let gap = if std::mem::take(&mut self.first) { "" } else { " " };
        let value = value.replace('\\', "\\\\").replace('=', "\\=");
        let _ = write!(self.line, "{gap}{key}={value}");
    }
}
