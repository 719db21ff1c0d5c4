//! The register as a page.

use super::export::MOST;
use super::filter::{Filter, STATES, Typed, Wrong};
use super::row::{Row, wanted};
use crate::commands::{Known, look};
use crate::filters;
use crate::form::Query;
use crate::names::{target_name, vendor_name};
use crate::page::{Answer, Me, Visit, page, page_with};
use crate::routes::App;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use std::collections::BTreeMap;

/// Lines of a page.
const PAGE: usize = 50;

/// What can be chosen: ids and their names.
#[derive(Default)]
struct Choices {
    vendors: Vec<(String, String)>,
    targets: Vec<(String, String)>,
}

impl Choices {
    /// What the register that these eyes may see speaks of, also where it is not declared any more.
    fn of(known: &Known<'_>, me: &Me) -> Self {
        let (mut vendors, mut targets) = (BTreeMap::new(), BTreeMap::new());
        for one in known.register.interventions.values().filter(|one| me.may_see(known, &one.asked.target)) {
            vendors.entry(&one.asked.vendor).or_insert(one);
            targets.entry(&one.asked.target).or_insert(one);
        }
        let sorted = |mut all: Vec<(String, String)>| {
            all.sort_by_cached_key(|(_, name)| name.to_lowercase());
            all
        };
        Self {
            vendors: sorted(
                vendors.iter().map(|(id, one)| (id.to_string(), vendor_name(known, &one.asked.vendor))).collect(),
            ),
            targets: sorted(
                targets.iter().map(|(id, one)| (id.to_string(), target_name(known, &one.asked.target))).collect(),
            ),
        }
    }
}

/// One page of the list.
#[derive(Default)]
struct Found {
    rows: Vec<Row>,
    total: usize,
    page: usize,
    pages: usize,
    choices: Choices,
}

impl Found {
    fn of(known: &Known<'_>, me: &Me, filter: &Filter, asked: usize) -> Self {
        let total = wanted(known, me, filter).count();
        let pages = total.div_ceil(PAGE);
        let page = asked.clamp(1, pages.max(1));
        let rows = wanted(known, me, filter).skip((page - 1) * PAGE).take(PAGE);
        Self {
            rows: rows.map(|one| Row::of(known, one)).collect(),
            total,
            page,
            pages,
            choices: Choices::of(known, me),
        }
    }
}

#[derive(Template)]
#[template(path = "register.html")]
struct ListPage<'a> {
    v: &'a Visit,
    found: Found,
    typed: Typed,
    wrong: Vec<Wrong>,
    query: String,
}

impl ListPage<'_> {
    /// What is wrong with a field.
    fn wrong(&self, field: &str) -> Option<String> {
        self.wrong.iter().find(|one| one.field == field).map(|one| self.v.t(one.key))
    }

    /// The address of another page.
    fn at(&self, page: usize) -> String {
        let and = if self.query.is_empty() { "" } else { "&" };
        format!("/register?{}{and}page={page}", self.query)
    }

    /// The address of the export.
    fn csv(&self) -> String {
        if self.query.is_empty() { "/register.csv".to_owned() } else { format!("/register.csv?{}", self.query) }
    }

    /// The address of the export of files.
    fn files(&self) -> String {
        match self.query.is_empty() {
            true => "/register/files.csv".to_owned(),
            false => format!("/register/files.csv?{}", self.query),
        }
    }

    fn states(&self) -> &'static [&'static str] {
        &STATES
    }

    fn too_many(&self) -> bool {
        self.found.total > MOST
    }
}

/// The list.
pub(super) async fn list(State(app): State<App>, visit: Visit, Query(fields): Query) -> Answer {
    let me = visit.me()?.clone();
    let typed = Typed::of(&fields);
    let query = typed.query();
    let asked = fields.get("page").and_then(|page| page.parse().ok()).unwrap_or(1);
    match Filter::parse(&typed, &app.zone()) {
        Ok(filter) => {
            let found = look(&*app.commands, move |known| Found::of(known, &me, &filter, asked)).await?;
            page(&ListPage { v: &visit, found, typed, wrong: Vec::new(), query })
        }
        Err(wrong) => {
            let choices = look(&*app.commands, move |known| Choices::of(known, &me)).await?;
            let found = Found { choices, ..Found::default() };
            page_with(StatusCode::UNPROCESSABLE_ENTITY, &ListPage { v: &visit, found, typed, wrong, query })
        }
    }
}
