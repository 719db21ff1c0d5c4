//! The register as CSV: the same filters, all lines. Each export is journalled before it is given out
//! (LOG-11).

use super::csv::Csv;
use super::dossier::found;
use super::file_row::{file_rows, file_table};
use super::filter::{Filter, Typed};
use super::row::{Row, wanted};
use crate::commands::look;
use crate::error::Trouble;
use crate::form::Query;
use crate::page::{Answer, Me, Visit};
use crate::routes::App;
use crate::texts::Texts;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lifecycle::order::Order;
use lifecycle::{ExportScope, InterventionNumber};

/// Lines of one export: a spreadsheet still opens it, and it is years of a large site.
pub(crate) const MOST: usize = 100_000;
/// Lines that are copied at a time: the register waits meanwhile.
const AT_ONCE: usize = 500;
/// Keys of the header's texts, in the order of [`cells`].
const HEADER: [&str; 25] = [
    "register-number",
    "csv-kind",
    "csv-requested",
    "csv-started",
    "csv-ended",
    "csv-seconds",
    "csv-at-least",
    "csv-name",
    "csv-technician",
    "csv-vendor",
    "csv-vendor-id",
    "csv-target",
    "csv-target-id",
    "csv-source",
    "csv-reason",
    "csv-ticket",
    "register-state",
    "csv-cause",
    "register-approved-by",
    "register-watched",
    "register-emergency",
    "csv-review",
    "csv-when",
    "csv-rights",
    "csv-alarms",
];

/// Time with its offset, to the second.
pub(crate) fn iso(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

fn cells(row: &Row, texts: &Texts, zone: &TimeZone) -> [String; HEADER.len()] {
    let time = |at: Timestamp| iso(at, zone);
    let yes_no = |yes| texts.text(if yes { "yes" } else { "no" });
    let kind = match (row.emergency, row.planned) {
        (true, _) => "csv-kind-emergency",
        (false, true) => "csv-kind-planned",
        (false, false) => "csv-kind-asked",
    };
    [
        row.number.to_string(),
        texts.text(kind),
        time(row.requested),
        row.started.map(time).unwrap_or_default(),
        row.ended.map(time).unwrap_or_default(),
        row.seconds.map(|seconds| seconds.to_string()).unwrap_or_default(),
        yes_no(row.at_least),
        row.name.clone(),
        row.technician.to_string(),
        row.vendor.clone(),
        row.vendor_id.to_string(),
        row.target.clone(),
        row.target_id.to_string(),
        row.source.map(|source| source.to_string()).unwrap_or_default(),
        row.reason.clone(),
        row.ticket.clone(),
        texts.text(&format!("state-{}", row.state)),
        row.cause.as_ref().map(|cause| texts.end(cause)).unwrap_or_default(),
        row.approved_by.join(", "),
        row.watched.map(|watched| texts.text(watched.key())).unwrap_or_default(),
        yes_no(row.emergency),
        if row.emergency {
            texts.text(if row.wants_review { "csv-review-missing" } else { "csv-review-none" })
        } else {
            String::new()
        },
        time(row.at),
        texts.rights(&row.rights),
        row.alarms.to_string(),
    ]
    .map(|cell| cell.lines().map(lifecycle::visible).collect::<Vec<_>>().join("\n"))
}

/// The lines of an export. `cut`: there were more than [`MOST`].
pub(crate) struct Rows<T> {
    pub(crate) rows: Vec<T>,
    pub(crate) cut: bool,
}

impl<T> Rows<T> {
    /// How many, for the journal.
    pub(crate) fn count(&self) -> u64 {
        u64::try_from(self.rows.len()).unwrap_or(u64::MAX)
    }
}

/// All that the filter takes and these eyes may see, copied a few at a time.
pub(crate) async fn rows(app: &App, me: &Me, filter: &Filter) -> Result<Rows<Row>, Trouble> {
    let (me, wide) = (me.clone(), filter.clone());
    let numbers: Vec<InterventionNumber> =
        look(&*app.commands, move |known| wanted(known, &me, &wide).take(MOST + 1).map(|one| one.number).collect())
            .await?;
    let mut rows = Vec::with_capacity(numbers.len().min(MOST));
    for some in numbers.get(..MOST).unwrap_or(&numbers).chunks(AT_ONCE) {
        let some = some.to_vec();
        let copied: Vec<Row> = look(&*app.commands, move |known| {
            let found = some.iter().filter_map(|number| known.register.interventions.get(number));
            found.map(|one| Row::of(known, one)).collect()
        })
        .await?;
        rows.extend(copied);
    }
    Ok(Rows { rows, cut: numbers.len() > MOST })
}

/// The table.
pub(crate) fn table(all: &Rows<Row>, texts: &Texts, zone: &TimeZone) -> String {
    let mut csv = Csv::new(&HEADER.map(|key| texts.text(key)));
    for row in &all.rows {
        csv.push(&cells(row, texts, zone));
    }
    if all.cut {
        let mut last: [String; HEADER.len()] = Default::default();
        if let Some(cell) = last.first_mut() {
            *cell = texts.with("csv-cut", &[("most", &MOST.to_string())]);
        }
        csv.push(&last);
    }
    csv.finish()
}

/// The export. A filter that cannot be meant gives nothing, and above all not everything.
pub(super) async fn export(State(app): State<App>, visit: Visit, Query(fields): Query) -> Answer {
    let typed = Typed::of(&fields);
    let zone = app.zone();
    let filter = Filter::parse(&typed, &zone).map_err(|_| Trouble::Input)?;
    let me = visit.me()?;
    let all = rows(&app, me, &filter).await?;
    let read = Order::ExportRead { what: ExportScope::Interventions, rows: all.count(), filters: typed.query() };
    app.commands.carry_out(me.login.clone(), read).await?;
    Ok(attached(&visit, &zone, "csv-file", table(&all, &visit.texts, &zone)))
}

/// The files of what the filter takes.
pub(super) async fn files(State(app): State<App>, visit: Visit, Query(fields): Query) -> Answer {
    let typed = Typed::of(&fields);
    let filter = Filter::parse(&typed, &app.zone()).map_err(|_| Trouble::Input)?;
    files_of(&app, &visit, &filter, typed.query()).await
}

/// The files of one intervention.
pub(super) async fn files_of_one(State(app): State<App>, visit: Visit, Path(number): Path<String>) -> Answer {
    let one = found(&app, &visit, &number).await?;
    files_of(&app, &visit, &Filter::number(one.number), format!("number={}", one.number)).await
}

async fn files_of(app: &App, visit: &Visit, filter: &Filter, filters: String) -> Answer {
    let (me, zone) = (visit.me()?, app.zone());
    let all = file_rows(app, me, filter).await?;
    let read = Order::ExportRead { what: ExportScope::Files, rows: all.count(), filters };
    app.commands.carry_out(me.login.clone(), read).await?;
    Ok(attached(visit, &zone, "csv-files", file_table(&all, &visit.texts, &zone)))
}

/// A table as a file with this name and the day.
fn attached(visit: &Visit, zone: &TimeZone, name: &str, table: String) -> Response {
    let day = visit.now.to_zoned(zone.clone()).strftime("%Y-%m-%d").to_string();
    let name = visit.texts.text(name);
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}-{day}.csv\"")),
    ];
    (headers, table).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Language;

    fn row(reason: &str) -> Row {
        let at: Timestamp = "2026-10-25T00:30:00Z".parse().unwrap();
        Row {
            number: InterventionNumber(12),
            at,
            name: "Zoé \"Z\" Élan".to_owned(),
            technician: "zoe".parse().unwrap(),
            vendor: "@Imagix".to_owned(),
            vendor_id: "imagix".parse().unwrap(),
            target: "IRM, sous-sol".to_owned(),
            target_id: "scanner".parse().unwrap(),
            source: Some("203.0.113.7".parse().unwrap()),
            reason: reason.to_owned(),
            ticket: "+T".to_owned(),
            state: "ended",
            cause: Some(lifecycle::EndCause::Technician),
            requested: at,
            started: Some(at),
            ended: Some(at.checked_add(jiff::SignedDuration::from_hours(1)).unwrap()),
            seconds: Some(3600),
            at_least: false,
            approved_by: vec!["Claire Dubois".to_owned(), "Henri Petit".to_owned()],
            watched: Some(super::super::stretches::Watched::Gaps),
            emergency: false,
            planned: false,
            wants_review: false,
            alarms: 2,
            rights: ["shell", "command =cmd|calc, -x"].map(|right| right.parse().unwrap()).into_iter().collect(),
        }
    }

    fn french() -> (Texts, TimeZone) {
        let zone = TimeZone::get("Europe/Paris").unwrap();
        (Texts::new(Language::French, zone.clone()), zone)
    }

    /// Names, reasons and tickets of strangers run nothing, and no direction mark hides what they say.
    #[test]
    fn nothing_in_the_table_is_a_formula() {
        let (texts, zone) = french();
        let text = table(
            &Rows { rows: vec![row("=HYPERLINK(\"http://x\";\"y\")"), row("a\u{202e}b\nc")], cut: false },
            &texts,
            &zone,
        );
        for cell in ["\"'@Imagix\"", "\"'+T\"", "\"'=HYPERLINK(\"\"http://x\"\";\"\"y\"\")\"", "\"Zoé \"\"Z\"\" Élan\""]
        {
            assert!(text.contains(cell), "{cell} in {text}");
        }
        assert!(text.contains("\"a\\u{202e}b\nc\""), "{text}");
        assert!(text.starts_with("\u{feff}\"Numéro\";"), "{text}");
        assert_eq!(text.matches("\r\n").count(), 3);
        assert!(text.contains("=cmd|calc, '-x") && !text.contains("\n=cmd"), "{text}");
    }

    /// LOG-02: the hour that comes twice when summer time ends is two different times.
    #[test]
    fn times_carry_their_offset() {
        let (texts, zone) = french();
        let text = table(&Rows { rows: vec![row("x")], cut: false }, &texts, &zone);
        assert!(text.contains("\"2026-10-25T02:30:00+02:00\""), "{text}");
        assert!(text.contains("\"2026-10-25T02:30:00+01:00\""), "{text}");
    }

    #[test]
    fn what_was_cut_says_so() {
        let (texts, zone) = french();
        let text = table(&Rows { rows: vec![row("x")], cut: true }, &texts, &zone);
        let last = text.lines().last().unwrap();
        assert!(last.contains("100000") && last.matches(';').count() >= HEADER.len() - 1, "{last}");
    }
}
