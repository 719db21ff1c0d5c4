//! The export of files: one line for each that was moved or changed, with the session it belongs to.

use super::csv::Csv;
use super::export::{MOST, Rows, iso};
use super::file::{FileView, named};
use super::filter::Filter;
use super::session_row::session_ids;
use crate::commands::{Known, look};
use crate::error::Trouble;
use crate::names::{target_name, vendor_name};
use crate::page::Me;
use crate::routes::App;
use crate::texts::Texts;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lifecycle::{InterventionNumber, SessionId, SessionRecord};
use policy::{TargetId, TechnicianLogin, VendorId};
use serde::Serialize;

/// Sessions whose files are copied at a time, 500 each at most: the register waits meanwhile.
const AT_ONCE: usize = 20;

/// One file, or what stands for those that only the recording lists.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct FileRow {
    session: SessionId,
    number: InterventionNumber,
    name: String,
    technician: TechnicianLogin,
    vendor: String,
    vendor_id: VendorId,
    target: String,
    target_id: TargetId,
    /// When it was over; when the session began, of those that are not listed.
    at: Timestamp,
    /// The file; nothing: only the recording has the list of so many of this session.
    file: Option<FileView>,
    unlisted: u64,
}

impl FileRow {
    /// The lines of one session, in order; of those the filter takes by name.
    fn of(known: &Known<'_>, record: &SessionRecord, filter: &Filter) -> Vec<Self> {
        let Some(one) = known.register.interventions.get(&record.number) else { return Vec::new() };
        let row = |at, file, unlisted| Self {
            session: record.id.clone(),
            number: record.number,
            name: one.asked.name.clone(),
            technician: one.asked.technician.clone(),
            vendor: vendor_name(known, &one.asked.vendor),
            vendor_id: one.asked.vendor.clone(),
            target: target_name(known, &one.asked.target),
            target_id: one.asked.target.clone(),
            at,
            file,
            unlisted,
        };
        let listed = record.files.items().iter().filter(|file| filter.file().is_none_or(|part| named(file, part)));
        let mut rows: Vec<Self> = listed.map(|file| row(file.at, Some(FileView::of(file)), 0)).collect();
        let unlisted = record.files.more().saturating_add(record.unlisted);
        if unlisted > 0 {
            rows.push(row(record.started, None, unlisted));
        }
        rows
    }
}

/// The files of sessions that the filter takes and these eyes may see, the newest session first.
pub(crate) async fn file_rows(app: &App, me: &Me, filter: &Filter) -> Result<Rows<FileRow>, Trouble> {
    let ids = session_ids(app, me, filter).await?;
    let mut rows = Vec::new();
    for some in ids.chunks(AT_ONCE) {
        let (some, filter) = (some.to_vec(), filter.clone());
        let copied: Vec<FileRow> = look(&*app.commands, move |known| {
            let found = some.iter().filter_map(|id| known.register.sessions.get(id));
            found.flat_map(|record| FileRow::of(known, record, &filter)).collect()
        })
        .await?;
        rows.extend(copied);
        if rows.len() > MOST {
            rows.truncate(MOST);
            return Ok(Rows { rows, cut: true });
        }
    }
    Ok(Rows { rows, cut: false })
}

/// Keys of the header's texts, in the order of [`cells`].
const HEADER: [&str; 20] = [
    "csv-session",
    "register-number",
    "csv-name",
    "csv-technician",
    "csv-vendor",
    "csv-vendor-id",
    "csv-target",
    "csv-target-id",
    "csv-channel",
    "csv-file-started",
    "csv-file-ended",
    "csv-file-what",
    "csv-file-path",
    "csv-file-to",
    "csv-file-bytes",
    "csv-file-digest",
    "csv-file-order",
    "csv-file-result",
    "csv-file-why",
    "csv-file-kept",
];

fn cells(row: &FileRow, texts: &Texts, zone: &TimeZone) -> [String; HEADER.len()] {
    let yes_no = |yes| texts.text(if yes { "yes" } else { "no" });
    let mut cells: [String; HEADER.len()] = Default::default();
    let session = [
        row.session.to_string(),
        row.number.to_string(),
        row.name.clone(),
        row.technician.to_string(),
        row.vendor.clone(),
        row.vendor_id.to_string(),
        row.target.clone(),
        row.target_id.to_string(),
    ];
    let of_file = match &row.file {
        Some(file) => vec![
            file.channel.to_string(),
            file.started.map(|at| iso(at, zone)).unwrap_or_default(),
            iso(file.at, zone),
            file.what(texts),
            file.path.clone(),
            file.to.clone(),
            file.bytes.map(|bytes| bytes.to_string()).unwrap_or_default(),
            file.sha256.clone().unwrap_or_default(),
            file.in_order.map(yes_no).unwrap_or_default(),
            file.result.to_owned(),
            file.why.clone(),
            if file.direction.is_some() { yes_no(file.kept) } else { String::new() },
        ],
        None => vec![
            String::new(),
            String::new(),
            String::new(),
            texts.with("dossier-files-unlisted", &[("count", &row.unlisted.to_string())]),
        ],
    };
    for (cell, text) in cells.iter_mut().zip(session.into_iter().chain(of_file)) {
        *cell = lifecycle::visible(&text);
    }
    cells
}

/// The table.
pub(crate) fn file_table(all: &Rows<FileRow>, texts: &Texts, zone: &TimeZone) -> String {
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
