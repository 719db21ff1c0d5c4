//! From files to a [`Config`]: find them, read them into a draft, check across, hand it out whole
//! or not at all.

use crate::Config;
use crate::draft::Draft;
use crate::files::{Kind, files_in, read_file};
use crate::read::{Place, Problem, Severity, Sink, Table};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use std::mem::take;
use std::path::Path;
use toml::de::DeTable;

/// How to load.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The instant against which contracts and hours are looked at.
    pub at: Timestamp,
    /// Let targets pass whose host key is not pinned yet: for `poterne target pin` alone.
    pub unpinned: bool,
}

/// The configuration is refused whole: all errors, in the order of their places. Never empty.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct LoadError(pub Vec<Problem>);

/// Loads the main file and the folders `vendors.d` and `targets.d` beside it.
pub fn load(main: &Path, options: Options) -> Result<Config, LoadError> {
    let sink = Sink::default();
    let folder = main.parent().unwrap_or_else(|| Path::new("."));
    let mut draft = Draft::default();
    let mut paths = vec![(main.to_owned(), Kind::Main)];
    for (name, kind) in [("vendors.d", Kind::Vendors), ("targets.d", Kind::Targets)] {
        let before = sink.count();
        paths.extend(files_in(&folder.join(name), &sink).into_iter().map(|path| (path, kind)));
        if sink.count() != before {
            draft.unread(kind);
        }
    }
    let mut digest = Sha256::new();
    for (path, kind) in paths {
        let Some(text) = read_file(&path, &sink) else {
            draft.unread(kind);
            continue;
        };
        let shown = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        digest.update(format!("{}:{shown}\n{}:", shown.len(), text.len()));
        digest.update(&text);
        match DeTable::parse(&text) {
            Ok(root) => draft.file(&Table::root(&path, &text, &sink, &root), kind, &options),
            Err(error) => {
                let place =
                    error.span().map_or_else(|| Place::whole(&path), |span| Place::of(&path, &text, span.start));
                sink.error(&place, format!("not TOML: {}", error.message().replace('\n', ", ")));
                draft.unread(kind);
            }
        }
    }
    draft.check_across(&sink, main, &options);
    let (errors, warnings) = sorted(&sink);
    let digest: [u8; 32] = digest.finalize().into();
    let (effective, asked) = (take(&mut *sink.effective.borrow_mut()), take(&mut *sink.asked.borrow_mut()));
    match draft.finish() {
        Some(config) if errors.is_empty() => {
            Ok(Config { digest: HEXLOWER.encode(&digest), effective, asked, warnings, ..config })
        }
        // A part is missing only after a complaint; if that ever fails, the refusal still has a word.
        None if errors.is_empty() => Err(LoadError(vec![Problem {
            severity: Severity::Error,
            file: main.to_owned(),
            line: 0,
            column: 0,
            message: "a part could not be read, and nothing says why: report this as a defect of poterne".to_owned(),
        }])),
        _ => Err(LoadError(errors)),
    }
}

/// Errors and warnings, each in the order of their places, none twice.
fn sorted(sink: &Sink) -> (Vec<Problem>, Vec<Problem>) {
    let mut problems = take(&mut *sink.problems.borrow_mut());
    problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    problems.dedup();
    problems.into_iter().partition(|problem| problem.severity == Severity::Error)
}
