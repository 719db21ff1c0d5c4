//! What a browser sends to the console, and what goes out of it into a spreadsheet.
//!
//! Holds: a query that was read and written is read the same again; what cannot be meant is said by its
//! field; a window ends behind its beginning; and no cell of a table begins a formula for any reader
//! (EVI-06).

use console::{Csv, fuzzing, wire::FromWatcher};

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];
/// The fields of the filter of the register.
const FIELDS: [&str; 8] = ["vendor", "technician", "target", "from", "until", "state", "emergency", "file"];

/// One body, query or message.
pub fn run(data: &[u8]) {
    let (query, outcome) = fuzzing::filter(data);
    let (again, same) = fuzzing::filter(query.as_bytes());
    assert_eq!((&query, &outcome), (&again, &same), "a filter that was kept is another one");
    if let Err(wrong) = outcome {
        assert!(!wrong.is_empty() && wrong.iter().all(|field| FIELDS.contains(field)));
    }
    let fields = fuzzing::fields(data);
    let text = |n: usize| fields.get(n).map(|(_, value)| value.as_str()).unwrap_or_default();
    if let Some((from, until)) = fuzzing::window(text(0), text(1), text(2)) {
        assert!(from < until && until.duration_since(from).as_hours() <= 50, "{from} {until}");
    }
    if let Ok(said) = serde_json::from_slice::<FromWatcher>(data) {
        let written = serde_json::to_vec(&said).unwrap();
        let again: FromWatcher = serde_json::from_slice(&written).unwrap();
        assert_eq!(serde_json::to_vec(&again).unwrap(), written);
    }
    table(&fields);
}

/// Every cell comes back as it went in, but for what was made inert; with each separator that a reader may
/// take, nothing begins a formula.
fn table(fields: &[(String, String)]) {
    let cells: Vec<String> = fields.iter().flat_map(|(name, value)| [name.clone(), value.clone()]).collect();
    if cells.is_empty() {
        return;
    }
    let mut csv = Csv::without_mark(&cells);
    csv.push(&cells);
    let written = csv.finish();
    let records = read(&written);
    assert_eq!(records.len(), 2);
    for record in records {
        assert_eq!(record.len(), cells.len(), "a cell leaked");
        for (cell, back) in cells.iter().zip(record) {
            assert!(!back.starts_with(FORMULA), "{back:?}");
            assert_eq!(cell.replace('\'', ""), back.replace('\'', ""), "a cell lost something");
            for part in back.split([';', ',', '\n', '\r', '\t']) {
                assert!(!part.trim_start_matches([' ', '"']).starts_with(FORMULA), "{back:?}");
            }
        }
    }
}

/// RFC 4180 with semicolons, every cell quoted.
fn read(written: &str) -> Vec<Vec<String>> {
    let (mut records, mut record, mut cell) = (Vec::new(), Vec::new(), String::new());
    let mut quoted = false;
    let mut rest = written.chars().peekable();
    while let Some(c) = rest.next() {
        match (quoted, c) {
            (true, '"') if rest.peek() == Some(&'"') => {
                cell.push('"');
                rest.next();
            }
            (_, '"') => quoted = !quoted,
            (true, c) => cell.push(c),
            (false, ';') => record.push(std::mem::take(&mut cell)),
            (false, '\r') => {}
            (false, '\n') => {
                record.push(std::mem::take(&mut cell));
                records.push(std::mem::take(&mut record));
            }
            (false, c) => panic!("{c:?} outside of a cell"),
        }
    }
    records
}
