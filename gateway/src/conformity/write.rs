//! The matrix as Markdown and as one page of HTML, from what the daemon told.

use crate::texts::Texts;
use config::Language;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lifecycle::visible;
use serde_json::Value;

/// States in the order in which they are counted, with the name of the count.
const STATES: [(&str, &str); 4] = [("held", "held"), ("partly", "partly"), ("not-held", "not"), ("not-ours", "ours")];

/// Dark on light and never by colour alone: each state has its word. All pairs pass 7:1 (WCAG 2.2 AA asks
/// for 4.5:1).
const STYLE: &str = "body{font:16px/1.5 sans-serif;color:#111;background:#fff;max-width:80rem;margin:2rem auto;padding:0 1rem}\
table{border-collapse:collapse;width:100%}th,td{border:1px solid #555;padding:.4rem .6rem;text-align:left;vertical-align:top}\
thead th{background:#eee}code{font-family:monospace;overflow-wrap:anywhere}.held{background:#e3f5e3}.partly{background:#fff3cc}\
.not-held{background:#ffdcdc;font-weight:bold}.not-ours{background:#f2f2f2}tr{break-inside:avoid}\
@media print{body{max-width:none;margin:0;font-size:10pt}thead{display:table-header-group}}";

/// What was judged, to be written in one language.
pub(crate) struct Matrix<'a> {
    answer: &'a Value,
    language: Language,
    zone: TimeZone,
    texts: Texts,
}

/// One rule, in the language that is written.
struct Line {
    id: String,
    source: String,
    sentence: String,
    state: String,
    /// Where, and what stood there.
    proofs: Vec<(String, String)>,
}

fn field<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

impl<'a> Matrix<'a> {
    /// What the daemon answered, in this language, with times of this zone.
    pub(crate) fn new(answer: &'a Value, language: Language, zone: TimeZone) -> Self {
        Self { answer, language, texts: Texts::new(language, zone.clone()), zone }
    }

    fn lines(&self) -> Vec<Line> {
        let rows = self.answer.get("rows").and_then(Value::as_array);
        rows.into_iter().flatten().map(|row| self.line(row)).collect()
    }

    fn line(&self, row: &Value) -> Line {
        let sentence = match self.language {
            Language::French => "french",
            Language::English => "english",
        };
        let proofs = row.get("proofs").and_then(Value::as_array);
        let proof = |one: &Value| {
            let place = self.texts.text(&format!("conformity-where-{}", field(one, "where")));
            (place, visible(field(one, "seen")))
        };
        Line {
            id: field(row, "id").to_owned(),
            source: field(row, "source").to_owned(),
            sentence: field(row, sentence).to_owned(),
            state: field(row, "state").to_owned(),
            proofs: proofs.into_iter().flatten().map(proof).collect(),
        }
    }

    fn state(&self, state: &str) -> String {
        self.texts.text(&format!("conformity-state-{state}"))
    }

    fn title(&self) -> String {
        format!("{} — {}", self.texts.text("conformity-title"), visible(field(self.answer, "site")))
    }

    fn intro(&self) -> String {
        let made = field(self.answer, "made")
            .parse::<Timestamp>()
            .map(|at| at.to_zoned(self.zone.clone()).strftime("%d/%m/%Y %H:%M:%S").to_string());
        let digest: String = field(self.answer, "config").chars().take(16).collect();
        self.texts.with(
            "conformity-intro",
            &[
                ("made", &made.unwrap_or_default()),
                ("zone", field(self.answer, "zone")),
                ("version", field(self.answer, "version")),
                ("config", &digest),
            ],
        )
    }

    fn counts(&self, lines: &[Line]) -> String {
        let count = |state: &str| lines.iter().filter(|line| line.state == state).count().to_string();
        let counts = STATES.map(|(state, name)| (name, count(state)));
        let values: Vec<(&str, &str)> = counts.iter().map(|(name, count)| (*name, count.as_str())).collect();
        self.texts.with("conformity-counts", &values)
    }

    fn headings(&self) -> [String; 5] {
        ["id", "state", "sentence", "proof", "source"].map(|name| self.texts.text(&format!("conformity-{name}")))
    }

    /// As Markdown: one table.
    pub(crate) fn markdown(&self) -> String {
        let lines = self.lines();
        let mut text = format!("# {}\n\n{}\n\n{}\n\n", self.title(), self.intro(), self.counts(&lines));
        text.push_str(&format!("| {} |\n|---|---|---|---|---|\n", self.headings().join(" | ")));
        // A bar would end the cell, wherever it stands.
        let plain = |text: &str| text.replace('|', "\\|").replace('\n', " ");
        for line in &lines {
            let proofs: Vec<String> =
                line.proofs.iter().map(|(place, seen)| format!("{place}: `{}`", seen.replace('`', "'"))).collect();
            let cells = [&line.id, &self.state(&line.state), &line.sentence, &proofs.join("; "), &line.source];
            text.push_str(&format!("| {} |\n", cells.map(|cell| plain(cell)).join(" | ")));
        }
        text
    }

    /// As one page, which loads nothing from anywhere.
    pub(crate) fn html(&self) -> String {
        let lines = self.lines();
        let mut page = format!(
            "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
             <title>{title}</title><style>{STYLE}</style></head><body><main><h1>{title}</h1><p>{}</p><p>{}</p><table><thead><tr>",
            self.language.word(),
            escape(&self.intro()),
            escape(&self.counts(&lines)),
            title = escape(&self.title()),
        );
        for heading in self.headings() {
            page.push_str(&format!("<th scope=\"col\">{}</th>", escape(&heading)));
        }
        page.push_str("</tr></thead><tbody>\n");
        for line in &lines {
            let proofs: Vec<String> = line
                .proofs
                .iter()
                .map(|(place, seen)| format!("{}: <code>{}</code>", escape(place), escape(seen)))
                .collect();
            page.push_str(&format!(
                "<tr class=\"{}\"><th scope=\"row\">{}</th><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                escape(&line.state),
                escape(&line.id),
                escape(&self.state(&line.state)),
                escape(&line.sentence),
                proofs.join("<br>"),
                escape(&line.source),
            ));
        }
        page.push_str("</tbody></table></main></body></html>\n");
        page
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
