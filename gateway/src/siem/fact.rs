//! One entry of the journal as it is told to others: the facts of its leaf, its event's fields where
//! they are not erased, and the names that the register knows.

use data_encoding::HEXLOWER;
use jiff::Timestamp;
use journal::{Evidence, leaf_hash};
use lifecycle::{AccountId, InterventionNumber, Register, SessionId, visible};
use serde_json::{Map, Value};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// What is told of an entry. All texts in it are visible: what hides, breaks a line or turns others
/// round is written out (D28).
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fact {
    /// Its index in the journal: the sequence number.
    pub(crate) seq: u64,
    pub(crate) at: Timestamp,
    pub(crate) kind: String,
    pub(crate) account: Option<String>,
    pub(crate) intervention: Option<u64>,
    pub(crate) session: Option<String>,
    /// The hash of its leaf in the journal's tree, in hexadecimal: another one under the same number is
    /// another history.
    pub(crate) leaf: String,
    /// The event's fields; `None` where they were erased at their term.
    pub(crate) fields: Option<Map<String, Value>>,
    /// What the event leaves out since an earlier one said it: technician, vendor, target, login, source.
    pub(crate) names: BTreeMap<&'static str, String>,
}

impl From<Evidence> for Fact {
    fn from(evidence: Evidence) -> Self {
        let hash = HEXLOWER.encode(&leaf_hash(&evidence.bytes));
        let leaf = evidence.leaf;
        let fields = evidence.opened.map(|(_, body)| match serde_json::from_slice(&body) {
            Ok(Value::Object(fields)) => fields.into_iter().filter(|(key, _)| key != "kind").map(shown).collect(),
            _ => Map::new(),
        });
        let (account, intervention, session) = (leaf.account, leaf.intervention, leaf.session);
        Self {
            seq: leaf.index,
            at: leaf.at,
            kind: leaf.kind,
            account,
            intervention,
            session,
            leaf: hash,
            fields,
            names: BTreeMap::new(),
        }
    }
}

fn shown((key, value): (String, Value)) -> (String, Value) {
    (visible(&key), made_visible(value))
}

fn made_visible(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(visible(&text)),
        Value::Array(items) => items.into_iter().map(made_visible).collect(),
        Value::Object(fields) => Value::Object(fields.into_iter().map(shown).collect()),
        other => other,
    }
}

impl Fact {
    /// Adds the names that the register knows. Of what was erased nothing is added.
    pub(crate) fn name(&mut self, register: &Register) {
        if self.fields.is_none() {
            return;
        }
        let session = self.session.as_ref().and_then(|id| register.sessions.get(&id.parse::<SessionId>().ok()?));
        let account = self.account.as_ref().and_then(|id| register.accounts.get(&id.parse::<AccountId>().ok()?));
        let number = self.intervention.or(session.map(|record| record.number.0));
        let asked = number.and_then(|number| register.interventions.get(&InterventionNumber(number)));
        let mut know = |key, value: String| drop(self.names.insert(key, visible(&value)));
        if let Some(asked) = asked.map(|one| &one.asked) {
            know("technician", asked.technician.to_string());
            know("vendor", asked.vendor.to_string());
            know("target", asked.target.to_string());
            know("login", asked.login.to_string());
            let joined = session.and_then(|record| record.joined_from);
            if let Some(source) = joined.or(asked.source) {
                know("source", source.to_string());
            }
        } else if let Some(account) = account {
            know("technician", account.login.to_string());
            know("vendor", account.vendor.to_string());
        }
    }

    /// A field in one line, from the event or, where it does not say, from what the register knows.
    pub(crate) fn text(&self, key: &str) -> Option<String> {
        let said = self.fields.as_ref().and_then(|fields| fields.get(key)).and_then(plain);
        said.or_else(|| self.names.get(key).cloned())
    }

    /// A number that the event says.
    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        self.fields.as_ref()?.get(key)?.as_u64()
    }

    /// Under which name a field of the event is told beside the facts of its leaf: receivers take one
    /// value of a name. `None` where the leaf has said it.
    pub(crate) fn beside<'a>(&self, name: &'a str, value: &str) -> Option<Cow<'a, str>> {
        let said = match name {
            "account" => self.account.clone(),
            "session" => self.session.clone(),
            "intervention" => self.intervention.map(|number| number.to_string()),
            "seq" | "origin" | "kind" | "leaf" | "erased" => Some(String::new()),
            _ => None,
        };
        match said {
            Some(said) if said == value => None,
            Some(_) => Some(format!("event_{name}").into()),
            None => Some(name.into()),
        }
    }

    /// The address of whoever acted, and the port if one is said. Where somebody of the hospital acted,
    /// the technician's, which the register knows, is not theirs.
    pub(crate) fn source(&self) -> Option<(String, Option<u16>)> {
        let said = |key: &str| self.fields.as_ref().and_then(|fields| fields.get(key)).and_then(plain);
        let known = || self.names.get("source").filter(|_| self.staff().is_none()).cloned();
        let text = said("source").or_else(|| said("joined_from")).or_else(known)?;
        Some(match text.parse::<std::net::SocketAddr>() {
            Ok(source) => (source.ip().to_string(), Some(source.port())),
            Err(_) => (text, None),
        })
    }

    /// Whoever acted, if it was somebody of the hospital: staff by login, whoever holds the machine by
    /// user id.
    pub(crate) fn staff(&self) -> Option<String> {
        let fields = self.fields.as_ref()?;
        let approval = fields.get("approval").and_then(|approval| approval.get("by"));
        let cause = fields.get("cause");
        let cut = cause.and_then(|cause| cause.get("cut")?.get("by"));
        let frozen = cause.filter(|cause| cause.get("staff").is_some());
        let named = [fields.get("by"), approval, cut, frozen].into_iter().flatten().find_map(|by| match by {
            Value::Object(by) => match by.get("root").and_then(Value::as_u64) {
                Some(uid) => Some(format!("uid {uid}")),
                None => by.get("staff").and_then(Value::as_str).map(str::to_owned),
            },
            Value::String(login) if login != "program" => Some(login.clone()),
            _ => None,
        });
        named.or_else(|| self.text("staff"))
    }

    /// The same entry with no text longer than so many characters.
    pub(crate) fn shortened(&self, most: usize) -> Self {
        let mut short = self.clone();
        if let Some(fields) = &mut short.fields {
            for value in fields.values_mut() {
                shorten(value, most);
            }
        }
        short
    }

    /// The same entry with the facts of its leaf alone.
    pub(crate) fn bare(&self) -> Self {
        Self { fields: self.fields.as_ref().map(|_| Map::new()), names: BTreeMap::new(), ..self.clone() }
    }
}

/// A value in one line; null is nothing.
pub(crate) fn plain(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

/// Cuts texts, and lists that hold more than a text of that length would.
fn shorten(value: &mut Value, most: usize) {
    match value {
        Value::String(text) => {
            if let Some((end, _)) = text.char_indices().nth(most) {
                text.truncate(end);
                text.push('…');
            }
        }
        Value::Array(items) => {
            items.truncate((most / 8).max(1));
            items.iter_mut().for_each(|item| shorten(item, most / 8));
        }
        Value::Object(fields) => fields.values_mut().for_each(|item| shorten(item, most)),
        _ => {}
    }
}
