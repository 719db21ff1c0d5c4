//! `poterne intervention show` and `poterne session show`: one object in full, with what a right reaches,
//! and what happened in a session as tables.

use super::output;
use policy::{Reach, Right};
use serde_json::{Map, Value, json};

/// What is printed as a table below the other fields, with its columns.
const TABLES: [(&str, &[&str]); 3] = [
    ("alarms", &["at", "channel", "alarm"]),
    ("channels", &["channel", "what", "detail", "from", "until", "bytes_in", "bytes_out", "exit"]),
    ("files", &["at", "channel", "did", "path", "to", "bytes", "result", "why", "in_order", "sha256"]),
];

/// A right with how far it goes beyond its name. What is no right stays as it is.
fn right(text: &str) -> String {
    let reach = match text.parse::<Right>().map(|right| right.reach()) {
        Ok(Reach::FreeShell) => " (free shell)",
        Ok(Reach::EqualsShell) => " (equals a shell)",
        Ok(Reach::Unseen) => " (content not seen)",
        Ok(Reach::AsNamed) | Err(_) => "",
    };
    format!("{text}{reach}")
}

fn rights(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).map(right).collect()
}

/// Interventions in a list.
pub(super) fn interventions(rows: &Value) {
    let mut rows = rows.clone();
    for row in rows.as_array_mut().into_iter().flatten() {
        if let Some(held) = row.get_mut("rights") {
            *held = json!(rights(held).join("; "));
        }
    }
    output::table(
        &rows,
        &["number", "kind", "state", "technician", "vendor", "target", "source", "reason", "ticket", "rights"],
    );
}

/// One intervention in full: a right a line, since a command may hold a comma.
pub(super) fn intervention(value: &Value) {
    let Value::Object(fields) = value else { return };
    let one_a_line = |(name, value): (&String, &Value)| {
        let shown = match name.as_str() {
            "rights" => json!(format!("{}\n", rights(value).join("\n"))),
            _ => value.clone(),
        };
        (name.clone(), shown)
    };
    output::fields(&Value::Object(fields.iter().map(one_a_line).collect()));
}

/// One session in full.
pub(super) fn session(value: &Value) {
    let Value::Object(fields) = value else { return };
    let is_table = |name: &str| TABLES.iter().any(|(table, _)| *table == name);
    let plain: Map<String, Value> =
        fields.iter().filter(|(name, _)| !is_table(name)).map(|(name, value)| (name.clone(), value.clone())).collect();
    output::fields(&Value::Object(plain));
    for (name, columns) in TABLES {
        if let Some(rows) = fields.get(name).filter(|rows| rows.as_array().is_some_and(|rows| !rows.is_empty())) {
            output::say("");
            output::say(&format!("{name}:"));
            output::table(rows, columns);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_say_how_far_they_go() {
        let given = json!(["shell", "command tar -cf - a,b", "sftp-write", "sftp-read", "forward 10.1.1.1:443", "odd"]);
        assert_eq!(
            rights(&given),
            [
                "shell (free shell)",
                "command tar -cf - a,b",
                "sftp-write (equals a shell)",
                "sftp-read",
                "forward 10.1.1.1:443 (content not seen)",
                "odd",
            ]
        );
    }
}
