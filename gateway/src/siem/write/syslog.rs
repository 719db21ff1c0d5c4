//! RFC 5424: header and structured data.

use super::Speaker;
use crate::siem::fact::{Fact, plain};
use crate::siem::kinds::{self, Level};
use jiff::Timestamp;
use serde_json::Value;
use std::fmt::Write as _;

/// Stands for an enterprise number of our own until there is one: RFC 5612 keeps 32473 for examples, so
/// nobody else's elements are ever called so.
const ELEMENT: &str = "poterne@32473";

/// An entry with its facts as parameters of one element; the message is its title.
pub(super) fn structured(fact: &Fact, speaker: &Speaker, facility: u8) -> String {
    let kind = kinds::of(&fact.kind);
    let mut data = element(fact, speaker);
    for (name, value) in fact.fields.iter().flatten() {
        if let Some(text) = plain(value)
            && let Some(name) = fact.beside(name, &text)
        {
            parameter(&mut data, &name, &text);
        }
    }
    for (name, value) in &fact.names {
        if fact.fields.as_ref().is_some_and(|fields| fields.get(*name).is_none_or(Value::is_null)) {
            parameter(&mut data, name, value);
        }
    }
    if fact.fields.is_none() {
        parameter(&mut data, "erased", "true");
    }
    format!("{}[{ELEMENT}{data}] {}", header(fact.at, &fact.kind, kind.level, speaker, facility), kind.title)
}

/// An entry around the same in another format.
pub(super) fn around(fact: &Fact, speaker: &Speaker, facility: u8, body: &str) -> String {
    let level = kinds::of(&fact.kind).level;
    let data = element(fact, speaker);
    // A byte-order mark says that the text is UTF-8 (§6.4); readers of JSON and CEF stumble over it, and
    // without one the text is any octets, which UTF-8 is.
    format!("{}[{ELEMENT}{data}] {body}", header(fact.at, &fact.kind, level, speaker, facility))
}

pub(super) fn alive(at: Timestamp, next: u64, speaker: &Speaker, facility: u8) -> String {
    let mut data = String::new();
    parameter(&mut data, "next", &next.to_string());
    parameter(&mut data, "origin", &speaker.origin);
    format!("{}[{ELEMENT}{data}] alive", header(at, "alive", Level::Informational, speaker, facility))
}

/// The parameters that every entry has: by them doubles are known and gaps are seen.
fn element(fact: &Fact, speaker: &Speaker) -> String {
    let mut data = String::new();
    parameter(&mut data, "seq", &fact.seq.to_string());
    parameter(&mut data, "origin", &speaker.origin);
    parameter(&mut data, "kind", &fact.kind);
    for (name, value) in [("account", &fact.account), ("session", &fact.session)] {
        value.iter().for_each(|value| parameter(&mut data, name, value));
    }
    if let Some(number) = fact.intervention {
        parameter(&mut data, "intervention", &number.to_string());
    }
    parameter(&mut data, "leaf", &fact.leaf);
    data
}

fn header(at: Timestamp, kind: &str, level: Level, speaker: &Speaker, facility: u8) -> String {
    let priority = u16::from(facility) * 8 + level as u16;
    let at = at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
    let (host, kind) = (word(&speaker.host, 255), word(kind, 32));
    format!("<{priority}>1 {at} {host} poterne {} {kind} ", speaker.pid)
}

/// A field of the header: printable ASCII, not empty.
fn word(text: &str, most: usize) -> String {
    let word: String = text.chars().filter(char::is_ascii_graphic).take(most).collect();
    if word.is_empty() { "-".to_owned() } else { word }
}

/// A parameter. Its name keeps to §6.3.3; in its value `"`, `\` and `]` are escaped, and nothing else
/// needs to be: what would break the line is written out already.
fn parameter(data: &mut String, name: &str, value: &str) {
    let name: String =
        name.chars().filter(|c| c.is_ascii_graphic() && !matches!(c, '=' | ']' | '"')).take(32).collect();
    if name.is_empty() {
        return;
    }
    let _ = write!(data, " {name}=\"");
    for c in value.chars() {
        if matches!(c, '"' | '\\' | ']') {
            data.push('\\');
        }
        data.push(c);
    }
    data.push('"');
}
