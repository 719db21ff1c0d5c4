//! `poterne report …`: asks the daemon, and writes what it told as text, CSV, JSON or a spreadsheet.

use super::args::{Format, Language, MatrixFormat, PeriodFlags, ReportVerb, ShapeFlags};
use super::commands::{Outcome, ask};
use super::output;
use crate::conformity::write::Matrix;
use crate::report::layout::Layout;
use crate::report::ods;
use console::Csv;
use jiff::tz::TimeZone;
use lifecycle::order::{Failure, Order, ReportArgs, ReportKind, exit};
use serde_json::Value;
use std::fs::OpenOptions;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Who reads it is the owner of the file alone: it names people.
const MODE: u32 = 0o600;

pub(super) fn carry_out(main: &Path, verb: ReportVerb) -> Outcome {
    let ever = PeriodFlags { from: None, to: None };
    let (what, period, vendor, days, shape) = match verb {
        ReportVerb::Register { period, vendor, shape } => (ReportKind::Register, period, vendor, 0, shape),
        ReportVerb::Accounts { period, vendor, shape } => (ReportKind::Accounts, period, vendor, 0, shape),
        ReportVerb::Dormant { days, vendor, shape } => (ReportKind::Dormant, ever, vendor, days, shape),
        ReportVerb::Retention { shape } => (ReportKind::Retention, ever, None, 0, shape),
        ReportVerb::Conformity { format, language, output } => return conformity(main, format, language, output),
    };
    if shape.format == Format::Ods && shape.output.is_none() && std::io::stdout().is_terminal() {
        return Err(Failure::new(exit::USAGE, "a spreadsheet is no text: name a file with --output"));
    }
    if shape.bom && shape.format != Format::Csv {
        return Err(Failure::new(exit::USAGE, "--bom is for --format csv"));
    }
    let answer = ask(main, &Order::Report(ReportArgs { what, from: period.from, to: period.to, vendor, days }))?;
    let bytes = written(what, &shape, &answer)?;
    write(&bytes, shape.output.as_deref())
}

/// Each rule with its state, as the daemon judged it.
fn conformity(main: &Path, format: MatrixFormat, asked: Option<Language>, output: Option<PathBuf>) -> Outcome {
    let answer = ask(main, &Order::Conformity)?;
    let matrix = Matrix::new(&answer, language(asked, &answer), zone(&answer));
    let text = match format {
        MatrixFormat::Json => format!("{answer:#}\n"),
        MatrixFormat::Md => matrix.markdown(),
        MatrixFormat::Html => matrix.html(),
    };
    write(text.as_bytes(), output.as_deref())
}

/// Into a file, or to standard output. A reader that went away is no error.
pub(super) fn write(bytes: &[u8], file: Option<&Path>) -> Outcome {
    let Some(path) = file else {
        let _ = std::io::stdout().write_all(bytes);
        return Ok(());
    };
    put(bytes, path).map_err(|error| Failure::new(exit::IO, format!("`{}` cannot be written: {error}", path.display())))
}

/// A file of its own takes the place of the one there was, whoever could read that. No link is followed:
/// where it leads may be somebody else's.
fn put(bytes: &[u8], path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path).map(|there| there.file_type()) {
        Ok(kind) if kind.is_symlink() => return Err(io::Error::other("it is a link: name the file itself")),
        // A pipe or a device is written to as it is.
        Ok(kind) if !kind.is_file() => return OpenOptions::new().write(true).open(path)?.write_all(bytes),
        _ => {}
    }
    let mut name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
    name.push(".new");
    let staged = path.with_file_name(name);
    let _ = std::fs::remove_file(&staged);
    let mut open = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&staged)?;
    let written = open.write_all(bytes).and_then(|()| open.sync_all()).and_then(|()| std::fs::rename(&staged, path));
    written.inspect_err(|_| {
        // What is no report was made here.
        let _ = std::fs::remove_file(&staged);
    })
}

/// The language that was asked for, else the site's.
pub(super) fn language(asked: Option<Language>, answer: &Value) -> config::Language {
    match (asked, answer.get("language").and_then(Value::as_str)) {
        (Some(asked), _) => asked.into(),
        (None, Some("en")) => config::Language::English,
        (None, _) => config::Language::French,
    }
}

/// The zone of the site.
pub(super) fn zone(answer: &Value) -> TimeZone {
    let name = answer.get("zone").and_then(Value::as_str);
    name.and_then(|name| TimeZone::get(name).ok()).unwrap_or(TimeZone::UTC)
}

fn written(what: ReportKind, shape: &ShapeFlags, answer: &Value) -> Result<Vec<u8>, Failure> {
    let software = |error: &dyn std::fmt::Display| Failure::new(exit::SOFTWARE, error);
    let layout = Layout::new(what, language(shape.language, answer), zone(answer));
    let rows: &[Value] = answer.get("rows").and_then(Value::as_array).map_or(&[], Vec::as_slice);
    match shape.format {
        Format::Json => {
            let mut text = serde_json::to_vec_pretty(answer).map_err(|error| software(&error))?;
            text.push(b'\n');
            Ok(text)
        }
        Format::Csv => {
            let headings = layout.wide_headings();
            let mut csv = if shape.bom { Csv::new(&headings) } else { Csv::without_mark(&headings) };
            for row in rows {
                let cells: Vec<String> = layout.wide(row).iter().map(|cell| layout.text(cell)).collect();
                csv.push(&cells);
            }
            // What the whole says, in the first column below the rows.
            for note in notes(&layout, answer) {
                let mut cells = vec![String::new(); headings.len()];
                cells.first_mut().into_iter().for_each(|cell| cell.clone_from(&note));
                csv.push(&cells);
            }
            Ok(csv.finish().into_bytes())
        }
        Format::Ods => {
            let written = ods::write(&layout, &layout.wide_headings(), rows.iter(), &notes(&layout, answer));
            written.map_err(|error| software(&error))
        }
        Format::Text => Ok(text(&layout, answer, rows).into_bytes()),
    }
}

/// A heading, the rows under theirs, and what the whole says.
fn text(layout: &Layout, answer: &Value, rows: &[Value]) -> String {
    let texts = layout.texts();
    let field = |name: &str| answer.get(name).and_then(Value::as_str).map(output::visible);
    let made = field("made").and_then(|at| at.parse().ok()).map(|at| layout.french(at)).unwrap_or_default();
    let mut lines = vec![texts.with(
        "report-heading",
        &[
            ("title", &layout.title()),
            ("site", &field("site").unwrap_or_default()),
            ("made", &made),
            ("zone", &field("zone").unwrap_or_default()),
        ],
    )];
    let wanted = [("report-from-day", "from"), ("report-to-day", "to"), ("report-of-vendor", "vendor")];
    lines.extend(wanted.iter().filter_map(|(key, name)| Some(texts.with(key, &[("value", &field(name)?)]))));
    if let Some(days) = answer.get("days").and_then(Value::as_u64) {
        lines.push(texts.with("report-days", &[("value", &days.to_string())]));
    }
    lines.push(String::new());
    if !rows.is_empty() {
        let cells: Vec<Vec<String>> = rows.iter().map(|row| layout.brief(row)).collect();
        lines.extend(output::columns(&layout.brief_headings(), &cells));
        lines.push(String::new());
    }
    lines.push(texts.with("report-rows", &[("value", &rows.len().to_string())]));
    lines.extend(notes(layout, answer));
    lines.push(String::new());
    lines.join("\n")
}

/// What is said of the whole: numbers that are missing, and what was erased (LIF-10).
fn notes(layout: &Layout, answer: &Value) -> Vec<String> {
    let texts = layout.texts();
    let mut lines = Vec::new();
    if let Some(missing) = answer.get("missing").and_then(Value::as_array) {
        let numbers: Vec<String> = missing.iter().map(ToString::to_string).collect();
        lines.push(match numbers.is_empty() {
            true => texts.text("report-whole"),
            false => texts.with("report-missing", &[("value", &numbers.join(", "))]),
        });
    }
    if let Some(number) = answer.get("erased-until").and_then(Value::as_u64) {
        lines.push(texts.with("report-erased-until", &[("value", &number.to_string())]));
    }
    if let Some(erased) = answer.get("erased").and_then(Value::as_u64).filter(|erased| *erased > 0) {
        lines.push(texts.with("report-erased", &[("value", &erased.to_string())]));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// HRD-13, EVI-06: who reads it is its owner, also where another file stood; no link is followed.
    #[test]
    fn a_report_is_readable_by_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("report.csv"), folder.path().join("other"));
        std::fs::write(&path, "old").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let mut read_before = std::fs::File::open(&path).unwrap();
        put(b"names", &path).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!((mode & 0o777, std::fs::read(&path).unwrap()), (0o600, b"names".to_vec()));
        let mut seen = String::new();
        io::Read::read_to_string(&mut read_before, &mut seen).unwrap();
        assert_eq!(seen, "old");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(&other, &link).unwrap();
        assert!(put(b"names", &link).unwrap_err().to_string().contains("link") && !other.exists());
        put(b"names", Path::new("/dev/null")).unwrap();
        assert!(put(b"names", &folder.path().join("no/such")).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    /// LIF-10: a gap shows in every form of the register.
    #[test]
    fn the_register_says_in_every_form_what_is_missing() {
        let answer = serde_json::json!({ "zone": "Europe/Paris", "rows": [], "missing": [3, 4], "erased-until": 2 });
        for format in [Format::Text, Format::Csv, Format::Ods, Format::Json] {
            let language = Some(Language::English);
            let shape = ShapeFlags { format, language, bom: false, output: None };
            let bytes = written(ReportKind::Register, &shape, &answer).unwrap();
            let text = match format {
                Format::Ods => {
                    let mut zip = zip::ZipArchive::new(io::Cursor::new(bytes)).unwrap();
                    io::read_to_string(zip.by_name("content.xml").unwrap()).unwrap()
                }
                _ => String::from_utf8(bytes).unwrap(),
            };
            match format {
                Format::Json => assert!(text.contains("\"missing\"") && text.contains("\"erased-until\": 2"), "{text}"),
                _ => assert!(text.contains("3, 4") && text.contains("number 2"), "{text}"),
            }
        }
    }
}
