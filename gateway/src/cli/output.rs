//! Printing: JSON as asked, tables for people. Colours only on a terminal.

pub(crate) use lifecycle::visible;
use serde_json::Value;
use std::io::Write as _;

/// Prints JSON on one line an object's worth of depth, so that people can read it too.
pub(crate) fn json(value: &Value) {
    say(&serde_json::to_string_pretty(value).unwrap_or_default());
}

/// Prints a line. A reader that went away is no error.
pub(crate) fn say(line: &str) {
    let _ = writeln!(anstream::stdout(), "{line}");
}

/// An instant as the clock on this machine's wall says it.
pub(crate) fn here(at: jiff::Timestamp) -> String {
    at.to_zoned(jiff::tz::TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %Z").to_string()
}

/// A cell: texts as they are, controls made visible.
fn cell(value: Option<&Value>) -> String {
    let text = match value {
        None | Some(Value::Null) => "-".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(items)) => items.iter().map(|item| cell(Some(item))).collect::<Vec<_>>().join(","),
        Some(other) => other.to_string(),
    };
    visible(&text)
}

/// Rows of objects under headings.
pub(crate) fn table(rows: &Value, columns: &[&str]) {
    let Value::Array(rows) = rows else { return };
    let headings: Vec<String> = columns.iter().map(|name| name.to_uppercase()).collect();
    let cells: Vec<Vec<String>> =
        rows.iter().map(|row| columns.iter().map(|name| cell(row.get(*name))).collect()).collect();
    self::columns(&headings, &cells).iter().for_each(|line| say(line));
}

/// Cells below their headings, each column as wide as its widest cell.
pub(crate) fn columns(headings: &[String], cells: &[Vec<String>]) -> Vec<String> {
    let lines = || std::iter::once(headings).chain(cells.iter().map(Vec::as_slice));
    let width = |n: usize| lines().filter_map(|line| line.get(n)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..headings.len()).map(width).collect();
    let padded = |line: &[String]| {
        let cells: Vec<String> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    lines().map(padded).collect()
}

/// The fields of one object, one a line.
pub(crate) fn fields(value: &Value) {
    let Value::Object(fields) = value else { return };
    let width = fields.keys().map(|name| name.chars().count()).max().unwrap_or(0);
    for (name, value) in fields {
        match value {
            Value::Object(_) => say(&format!("{name:<width$}  {}", visible(&value.to_string()))),
            Value::Array(items) if items.iter().any(Value::is_object) => {
                for item in items {
                    say(&format!("{name:<width$}  {}", visible(&item.to_string())));
                }
            }
            // A signed note keeps its lines.
            Value::String(text) if text.trim_end().contains('\n') => {
                text.trim_end().lines().for_each(|line| say(&format!("{name:<width$}  {}", visible(line))));
            }
            value => say(&format!("{name:<width$}  {}", cell(Some(value)))),
        }
    }
}
