//! The entry itself as one object: the leaf's facts, and the event as the journal has it.

use super::Speaker;
use crate::siem::fact::Fact;
use crate::siem::kinds;
use serde_json::{Value, json};

pub(super) fn write(fact: &Fact, speaker: &Speaker) -> Value {
    json!({
        "seq": fact.seq,
        "origin": speaker.origin,
        "at": fact.at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
        "kind": fact.kind,
        "title": kinds::of(&fact.kind).title,
        "level": kinds::of(&fact.kind).level as u8,
        "account": fact.account,
        "intervention": fact.intervention,
        "session": fact.session,
        "leaf": fact.leaf,
        "known": fact.names,
        "erased": fact.fields.is_none(),
        "event": fact.fields,
    })
}
