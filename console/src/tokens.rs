//! Tokens by which another program reads an export: the list, making and revoking them.

use crate::commands::{Known, look};
use crate::error::Trouble;
use crate::filters;
use crate::form::Fields;
use crate::names::staff_name;
use crate::page::{Answer, Visit, page, page_with, said, see_other};
use crate::requests::proof_by;
use crate::routes::{self, Access, App, Route};
use askama::Template;
use axum::extract::{Path, State};
use axum::routing::{get, post};
use jiff::Timestamp;
use lifecycle::order::{Hidden, Order};
use lifecycle::{ExportScope, Role, Token, TokenId};
use policy::StaffLogin;
use serde::Serialize;
use serde_json::Value;

/// Whoever may see that there are tokens, and end one.
pub(crate) const SEEING: Access = Access::Roles(&[Role::Operator, Role::Security, Role::Auditor]);
/// Whoever may make one.
pub(crate) const MAKING: Access = Access::Roles(&[Role::Security, Role::Auditor]);

/// The addresses of this part.
pub(crate) const ROUTES: &[Route] = &[
    routes::page("/tokens", SEEING, || get(show)),
    routes::act("/tokens", MAKING, || post(make)),
    routes::act("/tokens/{id}/revoke", SEEING, || post(revoke)),
];

/// Lives that the form offers, in days.
const DAYS: [u16; 4] = [7, 30, 90, 365];
/// What a token may read. Copies of the journal are made where it lies.
const SCOPES: [ExportScope; 3] = [ExportScope::Interventions, ExportScope::Sessions, ExportScope::Files];

/// A token, without what opens anything.
#[derive(Serialize)]
pub(crate) struct Line {
    id: TokenId,
    label: String,
    scope: ExportScope,
    by: StaffLogin,
    /// The name of whoever made it, for the page.
    #[serde(skip)]
    by_name: String,
    made: Timestamp,
    until: Timestamp,
    revoked: Option<Timestamp>,
    last_read: Option<Timestamp>,
    /// It opens its export now.
    holds: bool,
}

impl Line {
    fn of(known: &Known<'_>, token: &Token) -> Self {
        Self {
            id: token.id.clone(),
            label: token.label.clone(),
            scope: token.scope,
            by: token.by.clone(),
            by_name: staff_name(known, &token.by),
            made: token.made,
            until: token.until,
            revoked: token.revoked,
            last_read: token.last_read,
            holds: known.register.holds(token, known.at),
        }
    }
}

/// All tokens: those that hold first, then the youngest.
pub(crate) async fn lines(app: &App) -> Result<Vec<Line>, Trouble> {
    let mut lines: Vec<Line> =
        look(&*app.commands, |known| known.register.tokens.values().map(|token| Line::of(known, token)).collect())
            .await?;
    lines.sort_by_key(|line| (!line.holds, std::cmp::Reverse(line.made)));
    Ok(lines)
}

/// What is to be made.
pub(crate) struct Wanted {
    pub(crate) label: String,
    pub(crate) scope: ExportScope,
    pub(crate) days: u16,
    pub(crate) otp: Hidden,
}

/// The order that makes one, if it may be made from here.
pub(crate) fn making(visit: &Visit, wanted: Wanted) -> Result<Order, Trouble> {
    if !visit.may_decide_here {
        return Err(Trouble::NotHere);
    }
    let proof = Some(proof_by(visit, wanted.otp)?);
    Ok(Order::TokenMake { proof, label: wanted.label, scope: wanted.scope, days: wanted.days })
}

/// What was typed, but for secrets.
#[derive(Default)]
struct Typed {
    label: String,
    scope: String,
    days: String,
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage<'a> {
    v: &'a Visit,
    lines: Vec<Line>,
    made: Option<String>,
    said: Option<String>,
    typed: Typed,
}

impl TokensPage<'_> {
    fn scopes(&self) -> [String; SCOPES.len()] {
        SCOPES.map(|scope| scope.to_string())
    }

    fn days(&self) -> [String; 4] {
        DAYS.map(|days| days.to_string())
    }

    fn scope(&self, scope: impl std::fmt::Display) -> String {
        self.v.t(&format!("token-scope-{scope}"))
    }
}

/// Lines of the page; there are few, and those that hold come first.
const SHOWN: usize = 50;

async fn shown(app: &App) -> Result<Vec<Line>, Trouble> {
    let mut lines = lines(app).await?;
    lines.truncate(SHOWN);
    Ok(lines)
}

async fn show(State(app): State<App>, visit: Visit) -> Answer {
    let lines = shown(&app).await?;
    page(&TokensPage { v: &visit, lines, made: None, said: None, typed: Typed::default() })
}

fn wanted(fields: &Fields) -> Result<Wanted, Trouble> {
    let scope = fields.value("scope").parse().map_err(|_| Trouble::Wrong("error-token-scope"))?;
    let days = fields.value("days").parse().map_err(|_| Trouble::Wrong("error-token-days"))?;
    Ok(Wanted { label: fields.value("label"), scope, days, otp: Hidden::new(fields.value("otp")) })
}

async fn make(State(app): State<App>, visit: Visit, fields: Fields) -> Answer {
    let done = match wanted(&fields).and_then(|wanted| making(&visit, wanted)) {
        Ok(order) => app.commands.carry_out(visit.me()?.login.clone(), order).await.map_err(Trouble::from),
        Err(trouble) => Err(trouble),
    };
    let lines = shown(&app).await?;
    match done {
        Ok(given) => {
            let made = given.get("token").and_then(Value::as_str).map(str::to_owned);
            page(&TokensPage { v: &visit, lines, made, said: None, typed: Typed::default() })
        }
        Err(trouble) => {
            let value = |name| fields.value(name);
            let typed = Typed { label: value("label"), scope: value("scope"), days: value("days") };
            let said = Some(said(&visit.texts, &trouble));
            page_with(trouble.status(), &TokensPage { v: &visit, lines, made: None, said, typed })
        }
    }
}

async fn revoke(State(app): State<App>, visit: Visit, Path(id): Path<String>) -> Answer {
    let id = id.parse().map_err(|_| Trouble::NotFound)?;
    app.commands.carry_out(visit.me()?.login.clone(), Order::TokenRevoke { id }).await?;
    see_other("/tokens")
}
