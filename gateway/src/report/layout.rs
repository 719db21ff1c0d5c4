//! From the daemon's rows to cells: for a terminal, for CSV and for a spreadsheet.

use super::columns::{Column, Kind, columns};
use crate::texts::Texts;
use config::Language;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lifecycle::order::ReportKind;
use lifecycle::{EndCause, visible};
use serde_json::Value;

/// What stands in a cell.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    /// Nothing.
    Empty,
    /// Text, controls and direction marks made visible; it may have several lines.
    Text(String),
    /// A number.
    Number(i64),
    /// An instant.
    Time(Timestamp),
}

/// Writes rows down in one language, with the times of one zone.
pub(crate) struct Layout {
    texts: Texts,
    /// What the console's pages say too: states and ends.
    pages: console::Texts,
    zone: TimeZone,
    what: ReportKind,
}

impl Layout {
    /// One for this report.
    pub(crate) fn new(what: ReportKind, language: Language, zone: TimeZone) -> Self {
        Self {
            texts: Texts::new(language, zone.clone()),
            pages: console::Texts::new(language, zone.clone()),
            zone,
            what,
        }
    }

    /// The texts.
    pub(crate) fn texts(&self) -> &Texts {
        &self.texts
    }

    /// The report's title.
    pub(crate) fn title(&self) -> String {
        self.texts.text(&format!("report-title-{}", self.what.word()))
    }

    fn heading(&self, column: &Column) -> String {
        self.texts.text(&format!("report-{}", column.field))
    }

    /// Day and hour as the French write them, to the second.
    pub(crate) fn french(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%d/%m/%Y %H:%M:%S").to_string()
    }

    /// By ISO 8601 and RFC 3339, with its offset (LOG-02).
    pub(crate) fn iso(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// The wall's clock, which a spreadsheet reckons with.
    pub(super) fn wall(&self, at: Timestamp) -> String {
        at.to_zoned(self.zone.clone()).strftime("%Y-%m-%dT%H:%M:%S").to_string()
    }

    /// The headings of a spreadsheet: a time has two columns.
    pub(crate) fn wide_headings(&self) -> Vec<String> {
        let two = |column: &Column| match column.kind {
            Kind::Time => vec![self.heading(column), format!("{} (ISO 8601)", self.heading(column))],
            _ => vec![self.heading(column)],
        };
        columns(self.what).iter().flat_map(two).collect()
    }

    /// The cells of a row of a spreadsheet, one for each of the headings.
    pub(crate) fn wide(&self, row: &Value) -> Vec<Cell> {
        let mut cells = Vec::new();
        for column in columns(self.what) {
            let cell = self.cell(column, row);
            let iso = match &cell {
                Cell::Time(at) => Cell::Text(self.iso(*at)),
                _ => Cell::Empty,
            };
            cells.push(cell);
            if column.kind == Kind::Time {
                cells.push(iso);
            }
        }
        cells
    }

    /// The headings of a table on a terminal.
    pub(crate) fn brief_headings(&self) -> Vec<String> {
        columns(self.what).iter().filter(|column| column.brief).map(|column| self.heading(column)).collect()
    }

    /// The cells of a row on a terminal, on one line each.
    pub(crate) fn brief(&self, row: &Value) -> Vec<String> {
        let brief = columns(self.what).iter().filter(|column| column.brief);
        brief.map(|column| self.brief_cell(column, row)).collect()
    }

    fn brief_cell(&self, column: &Column, row: &Value) -> String {
        let text = match (column.kind, row.get(column.field)) {
            (Kind::Approvals, Some(all)) => {
                lines(all, |one| one.get("name").map(written).map(|name| visible(&name)).unwrap_or_default())
            }
            _ => self.text(&self.cell(column, row)),
        };
        if text.is_empty() { "-".to_owned() } else { text.replace('\n', ", ") }
    }

    /// A cell as text.
    pub(crate) fn text(&self, cell: &Cell) -> String {
        match cell {
            Cell::Empty => String::new(),
            Cell::Text(text) => text.clone(),
            Cell::Number(number) => number.to_string(),
            Cell::Time(at) => self.french(*at),
        }
    }

    fn cell(&self, column: &Column, row: &Value) -> Cell {
        let Some(value) = row.get(column.field).filter(|value| !value.is_null()) else { return Cell::Empty };
        let text = match column.kind {
            Kind::Number | Kind::Seconds => return value.as_i64().map_or(Cell::Empty, Cell::Number),
            Kind::Time => return time(value).map_or(Cell::Empty, Cell::Time),
            Kind::Day => self.day(value),
            Kind::Text => written(value),
            Kind::Texts => lines(value, written),
            Kind::Words(family) => lines(value, |word| self.word(family, word)),
            Kind::State => value.as_str().map(|word| self.state(word)).unwrap_or_default(),
            Kind::End => serde_json::from_value::<EndCause>(value.clone())
                .map(|cause| self.pages.end(&cause))
                .unwrap_or_default(),
            Kind::YesNo => self.texts.text(if value.as_bool() == Some(true) { "report-yes" } else { "report-no" }),
            Kind::Gaps => lines(value, |gap| self.gap(gap)),
            Kind::Files => lines(value, |file| self.file(file)),
            Kind::Approvals => lines(value, |one| self.approval(one)),
        };
        let inert: Vec<String> = text.lines().map(visible).collect();
        match inert.is_empty() {
            true => Cell::Empty,
            false => Cell::Text(inert.join("\n")),
        }
    }

    /// An account that expired is another thing than a request that did.
    fn state(&self, word: &str) -> String {
        match self.what {
            ReportKind::Accounts => self.pages.account_state(word),
            _ => self.pages.state(word),
        }
    }

    fn day(&self, value: &Value) -> String {
        let day = value.as_str().and_then(|day| day.parse::<jiff::civil::Date>().ok());
        day.map(|day| self.pages.date(day)).unwrap_or_default()
    }

    fn word(&self, family: &str, word: &Value) -> String {
        word.as_str().map(|word| self.texts.text(&format!("{family}{word}"))).unwrap_or_default()
    }

    fn gap(&self, gap: &Value) -> String {
        let end = |n: usize| gap.get(n).and_then(time).map(|at| self.iso(at)).unwrap_or_default();
        format!("{} – {}", end(0), end(1))
    }

    fn file(&self, file: &Value) -> String {
        let text = |name: &str| file.get(name).and_then(Value::as_str).unwrap_or_default();
        let did = self.texts.text(&format!("report-did-{}", text("did")));
        let result = self.texts.text(&format!("report-result-{}", text("result")));
        let bytes = file.get("bytes").and_then(Value::as_u64).map(|bytes| format!(", {}", self.pages.bytes(bytes)));
        let to = file.get("to").and_then(Value::as_str).filter(|to| !to.is_empty()).map(|to| format!(" → {to}"));
        let digest = file.get("sha256").and_then(Value::as_str).map(|digest| format!(", SHA-256 {digest}"));
        let parts = [to, bytes, digest].map(Option::unwrap_or_default).concat();
        format!("{did} {}{parts} ({result})", text("path"))
    }

    fn approval(&self, one: &Value) -> String {
        let text = |name: &str| one.get(name).and_then(Value::as_str).unwrap_or_default();
        let verified = self.texts.text(&format!("report-verified-{}", text("verified")));
        let at = one.get("at").and_then(time).map(|at| self.iso(at)).unwrap_or_default();
        format!("{} ({verified}, {at})", text("name"))
    }
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str().and_then(|at| at.parse().ok())
}

fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// Each of a list by itself, one a line; anything else alone.
fn lines(value: &Value, one: impl Fn(&Value) -> String) -> String {
    match value {
        Value::Array(items) => items.iter().map(one).collect::<Vec<_>>().join("\n"),
        alone => one(alone),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const ALL: [ReportKind; 4] =
        [ReportKind::Register, ReportKind::Accounts, ReportKind::Dormant, ReportKind::Retention];

    fn layout(what: ReportKind) -> Layout {
        Layout::new(what, Language::French, TimeZone::get("Europe/Paris").unwrap())
    }

    /// HRD-13: headings and words are texts.
    #[test]
    fn every_column_and_word_has_its_text() {
        let texts = Texts::new(Language::French, TimeZone::UTC);
        for what in ALL {
            assert!(texts.has(&format!("report-title-{}", what.word())), "{}", what.word());
            for column in columns(what) {
                let heading = format!("report-{}", column.field);
                assert!(texts.has(&heading) && !texts.text(&heading).contains('{'), "{heading}");
            }
        }
        let words = [
            ("report-kind-", &["on-demand", "planned", "emergency"][..]),
            ("report-supervision-", &["none", "offered", "required"]),
            ("report-recording-", &["whole", "interrupted", "mutilated", "sealing", "open", "erased"]),
            ("report-review-", &["done", "missing"]),
            ("report-verified-", &["called", "caller", "present"]),
            ("report-factor-", &["key", "password", "totp"]),
            ("report-role-", &["approver", "operator", "security", "auditor"]),
            ("report-dormant-", &["target", "vendor", "account", "staff", "grant"]),
            ("report-why-", &["never", "long", "no-grant", "no-contract", "not-declared"]),
            ("report-kept-", &["journal", "recordings", "files"]),
            ("report-key-", &["entry", "recording"]),
            ("report-account-kind-", &["technician", "staff"]),
            ("report-did-", &["to-target", "from-target"]),
            ("report-result-", &["done", "failed", "partial", "infected", "unscanned"]),
            (
                "report-doubt-",
                &["unknown", "no-proofing", "by-nobody", "no-vendor", "no-contract", "phishable", "disabled"],
            ),
        ];
        for (family, words) in words {
            for word in words {
                assert!(texts.has(&format!("{family}{word}")), "{family}{word}");
            }
        }
    }

    /// LOG-02, EVI-06: each time twice, and the hour that comes twice is two times.
    #[test]
    fn times_stand_in_both_forms() {
        let layout = layout(ReportKind::Register);
        let headings = layout.wide_headings();
        let cells = layout.wide(&json!({ "opened": "2026-10-25T01:30:00Z", "reason": "a\u{202e}b", "seconds": 61 }));
        assert_eq!(headings.len(), cells.len());
        let of = |heading: &str| {
            let place = headings.iter().position(|one| one == heading).unwrap();
            layout.text(&cells[place])
        };
        assert_eq!(of("Ouverte"), "25/10/2026 02:30:00");
        assert_eq!(of("Ouverte (ISO 8601)"), "2026-10-25T02:30:00+01:00");
        assert_eq!(of("Motif"), "a\\u{202e}b");
        assert_eq!(of("Durée (s)"), "61");
        assert_eq!(of("Fin"), "");
    }

    #[test]
    fn words_and_lists_are_written_out() {
        let layout = layout(ReportKind::Register);
        let row = json!({
            "state": "ended", "cause": { "cut": { "by": "program", "reason": "=x" } },
            "approved-by": [{ "by": "claire", "name": "Claire Dubois", "at": "2026-11-02T08:00:00Z", "verified": "called" }],
            "files": [{ "did": "to-target", "path": "/tmp/a", "bytes": 2000, "sha256": "ab", "result": "done", "to": null }],
            "unwatched": [["2026-11-02T08:00:00Z", "2026-11-02T08:00:05Z"]],
            "recording": ["whole", "mutilated"],
        });
        let text = layout.wide(&row).iter().map(|cell| layout.text(cell)).collect::<Vec<_>>().join(";");
        for part in [
            "terminée",
            "coupée par l'hôpital",
            "Claire Dubois (a rappelé le numéro du contrat, 2026-11-02T09:00:00+01:00)",
            "déposé /tmp/a, 2,0 ko, SHA-256 ab (fait)",
            "2026-11-02T09:00:00+01:00 – 2026-11-02T09:00:05+01:00",
            "entier\nmutilé",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(layout.brief(&row).contains(&"Claire Dubois".to_owned()));
    }
}
