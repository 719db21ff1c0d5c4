//! The register of interventions.

use super::answer::{Paged, asked, page_of, view};
use crate::commands::look;
use crate::error::Trouble;
use crate::form::Query;
use crate::page::{Answer, Visit};
use crate::register::{Filter, Row, Typed, dossier_of, wanted};
use crate::routes::App;
use axum::extract::{Path, State};

/// The list, with the filters of the page.
pub(super) async fn list(State(app): State<App>, visit: Visit, Query(query): Query) -> Answer {
    let filter = Filter::parse(&Typed::of(&query), &app.zone());
    let filter = filter.map_err(|wrong| Trouble::Wrong(wrong.first().map_or("error-input", |one| one.key)))?;
    let (page, me) = (asked(&query)?, visit.me()?.clone());
    let (rows, total) = look(&*app.commands, move |known| {
        let total = wanted(known, &me, &filter).count();
        let rows: Vec<Row> = page_of(wanted(known, &me, &filter), page).map(|one| Row::of(known, one)).collect();
        (rows, total)
    })
    .await?;
    view(&Paged::cut(rows, total, page, &visit, &query))
}

/// One with everything that is known of it.
pub(super) async fn show(State(app): State<App>, visit: Visit, Path(number): Path<String>) -> Answer {
    view(&dossier_of(&app, &visit, &number).await?)
}
