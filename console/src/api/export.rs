//! Exports for programs: what a token opens, and nothing else (IDM-05). Each reading is journalled before
//! the first byte is given (LOG-11).

pub(crate) use super::pace::Pace;

use crate::commands::look;
use crate::error::Trouble;
use crate::form::Query;
use crate::page::{Answer, Bearer, Me, Visit};
use crate::register::{
    Csv, FileRow, Filter, MOST, Row, Rows, SessionRow, Typed, file_rows, file_table, iso, rows, session_rows, table,
};
use crate::routes::App;
use aws_lc_rs::digest::{SHA256, digest};
use axum::Json;
use axum::extract::State;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse as _;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use lifecycle::order::{Order, exit};
use lifecycle::{ExportScope, Role};
use policy::StaffLogin;
use serde::Serialize;
use std::collections::BTreeSet;

/// What every token begins with, so that one that was left lying about is recognised.
const PREFIX: &str = "poterne-export-";
/// Longest token that is looked at.
const LONGEST: usize = 200;

/// A token out of random bytes.
pub fn token_of(random: [u8; 32]) -> String {
    format!("{PREFIX}{}", BASE64URL_NOPAD.encode(&random))
}

/// What finds a token: its SHA-256, in lower-case hexadecimal. 32 random bytes need no slow hash; and
/// comparing digests tells nobody how much of a guess was right.
pub fn digest_of(token: &str) -> String {
    HEXLOWER.encode(digest(&SHA256, token.as_bytes()).as_ref())
}

/// The eyes of a token: they see the whole export, as its maker does, and nobody is signed in by them.
fn eyes(maker: StaffLogin, label: String) -> Me {
    Me { login: maker, name: label, roles: BTreeSet::from([Role::Auditor]), groups: BTreeSet::new(), language: None }
}

/// Whoever brought a token for this export.
pub(crate) async fn bearer(
    app: &App,
    visit: &Visit,
    header: &HeaderValue,
    scope: ExportScope,
) -> Result<Bearer, Trouble> {
    if app.token_tries.must_wait(&visit.peer, visit.now) {
        return Err(Trouble::TooMany);
    }
    let brought = header.to_str().ok().and_then(|text| text.split_once(' '));
    let brought = brought.filter(|(kind, _)| kind.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    let digest = brought.filter(|token| token.len() <= LONGEST && token.starts_with(PREFIX)).map(digest_of);
    let found = match digest {
        Some(digest) => {
            look(&*app.commands, move |known| {
                let token = known.register.token_for(&digest, scope, known.at)?;
                Some(Bearer { token: token.id.clone(), eyes: eyes(token.by.clone(), token.label.clone()) })
            })
            .await?
        }
        None => None,
    };
    let Some(bearer) = found else {
        app.token_tries.failed(&visit.peer, visit.now);
        return Err(Trouble::Token);
    };
    if !app.pace.goes(&bearer.token, visit.now) {
        return Err(Trouble::TooOften);
    }
    Ok(bearer)
}

/// One export that is asked for.
struct Asked<'a> {
    app: &'a App,
    visit: &'a Visit,
    what: ExportScope,
    filter: Filter,
    filters: String,
}

impl<'a> Asked<'a> {
    /// A filter that cannot be meant gives nothing, and above all not everything.
    fn of(app: &'a App, visit: &'a Visit, what: ExportScope, query: &Query) -> Result<Self, Trouble> {
        let typed = Typed::of(&query.0);
        let filter = Filter::parse(&typed, &app.zone());
        let filter = filter.map_err(|wrong| Trouble::Wrong(wrong.first().map_or("error-input", |one| one.key)))?;
        Ok(Self { app, visit, what, filter, filters: typed.query() })
    }

    fn eyes(&self) -> Result<&Me, Trouble> {
        self.visit.bearer.as_ref().map_or_else(|| self.visit.me(), |bearer| Ok(&bearer.eyes))
    }

    async fn interventions(&self) -> Result<Rows<Row>, Trouble> {
        rows(self.app, self.eyes()?, &self.filter).await
    }

    async fn sessions(&self) -> Result<Rows<SessionRow>, Trouble> {
        session_rows(self.app, self.eyes()?, &self.filter).await
    }

    async fn files(&self) -> Result<Rows<FileRow>, Trouble> {
        file_rows(self.app, self.eyes()?, &self.filter).await
    }

    /// Journals that these lines are read.
    async fn note<T>(&self, all: &Rows<T>) -> Result<(), Trouble> {
        let (what, rows, filters) = (self.what, all.count(), self.filters.clone());
        match &self.visit.bearer {
            Some(bearer) => {
                let noted = self.app.commands.export_read(bearer.token.clone(), what, rows, filters).await;
                noted.map_err(|failure| match failure.exit {
                    exit::TEMPORARY => Trouble::Failure(failure),
                    // Revoked in between.
                    _ => Trouble::Token,
                })
            }
            None => {
                let order = Order::ExportRead { what, rows, filters };
                self.app.commands.carry_out(self.visit.me()?.login.clone(), order).await?;
                Ok(())
            }
        }
    }

    async fn csv<T>(&self, all: &Rows<T>, text: impl FnOnce(&Rows<T>) -> String) -> Answer {
        self.note(all).await?;
        let headers = [
            (CONTENT_TYPE, "text/csv; charset=utf-8; header=present".to_owned()),
            (CONTENT_DISPOSITION, format!("attachment; filename=\"{}.csv\"", self.what)),
        ];
        Ok((headers, text(all)).into_response())
    }

    async fn json<T: Serialize>(&self, all: &Rows<T>) -> Answer {
        self.note(all).await?;
        Ok(Json(Exported { rows: &all.rows, cut: all.cut }).into_response())
    }
}

/// An export as JSON. `cut`: there were more lines than one export gives.
#[derive(Serialize)]
struct Exported<'a, T> {
    rows: &'a [T],
    cut: bool,
}

/// The register of interventions as CSV.
pub(super) async fn interventions_csv(State(app): State<App>, visit: Visit, query: Query) -> Answer {
    let asked = Asked::of(&app, &visit, ExportScope::Interventions, &query)?;
    asked.csv(&asked.interventions().await?, |all| table(all, &visit.texts, &app.zone())).await
}

/// The register of interventions as JSON.
pub(super) async fn interventions_json(State(app): State<App>, visit: Visit, query: Query) -> Answer {
    let asked = Asked::of(&app, &visit, ExportScope::Interventions, &query)?;
    asked.json(&asked.interventions().await?).await
}

/// The sessions as JSON.
pub(super) async fn sessions_json(State(app): State<App>, visit: Visit, query: Query) -> Answer {
    let asked = Asked::of(&app, &visit, ExportScope::Sessions, &query)?;
    asked.json(&asked.sessions().await?).await
}

/// The files as CSV.
pub(super) async fn files_csv(State(app): State<App>, visit: Visit, query: Query) -> Answer {
    let asked = Asked::of(&app, &visit, ExportScope::Files, &query)?;
    asked.csv(&asked.files().await?, |all| file_table(all, &visit.texts, &app.zone())).await
}

/// The files as JSON.
pub(super) async fn files_json(State(app): State<App>, visit: Visit, query: Query) -> Answer {
    let asked = Asked::of(&app, &visit, ExportScope::Files, &query)?;
    asked.json(&asked.files().await?).await
}

/// Keys of the header's texts, in the order of the cells.
const HEADER: [&str; 17] = [
    "csv-session",
    "register-number",
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
    "csv-account",
    "csv-source",
    "register-state",
    "csv-cause",
    "register-watched",
];

/// The sessions as CSV.
pub(super) async fn sessions_csv(State(app): State<App>, visit: Visit, query: Query) -> Answer {
    let asked = Asked::of(&app, &visit, ExportScope::Sessions, &query)?;
    let (texts, zone) = (&visit.texts, app.zone());
    let cells = |row: &SessionRow| {
        [
            row.id.to_string(),
            row.number.to_string(),
            iso(row.started, &zone),
            row.ended.map(|at| iso(at, &zone)).unwrap_or_default(),
            row.seconds.to_string(),
            texts.text(if row.at_least { "yes" } else { "no" }),
            row.name.clone(),
            row.technician.to_string(),
            row.vendor.clone(),
            row.vendor_id.to_string(),
            row.target.clone(),
            row.target_id.to_string(),
            row.account.clone(),
            row.source.map(|source| source.to_string()).unwrap_or_default(),
            texts.state(row.state),
            row.cause.as_ref().map(|cause| texts.end(cause)).unwrap_or_default(),
            row.watched.map(|watched| texts.text(watched.key())).unwrap_or_default(),
        ]
        .map(|cell| lifecycle::visible(&cell))
    };
    let written = |all: &Rows<SessionRow>| {
        let mut csv = Csv::new(&HEADER.map(|key| texts.text(key)));
        all.rows.iter().for_each(|row| csv.push(&cells(row)));
        if all.cut {
            csv.push(&[texts.with("csv-cut", &[("most", &MOST.to_string())])]);
        }
        csv.finish()
    };
    asked.csv(&asked.sessions().await?, written).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_prefix_and_found_by_its_digest() {
        let token = token_of([7; 32]);
        assert!(token.starts_with("poterne-export-") && token.len() == 15 + 43, "{token}");
        // `printf poterne-export-… | sha256sum` of another program.
        assert_eq!(digest_of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }
}
