//! "Could she reach the scanner next Sunday at three?": the rules, asked as a form and told in words.

use crate::commands::{Known, look};
use crate::filters;
use crate::form::{Fields, Query};
use crate::page::{Answer, Me, Visit, page, page_with};
use crate::people::sees;
use crate::plan::{Company, Judged, companies_of, instant};
use crate::routes::{self, Access, App, Route};
use crate::texts::Texts;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use jiff::Timestamp;
use lifecycle::{Account, AccountState, Role};
use policy::{Denial, GroupId, RuleId, TargetId, TechnicianLogin};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Whoever may ask.
const ASKING: Access = Access::Roles(&[Role::Approver, Role::Operator, Role::Security, Role::Auditor]);

/// The addresses of this part.
pub(crate) const ROUTES: &[Route] = &[routes::page("/explain", ASKING, || get(explain))];

/// The answer.
pub(crate) struct Answered {
    pub(crate) technician: String,
    pub(crate) name: String,
    pub(crate) target: String,
    pub(crate) target_name: String,
    pub(crate) account_state: AccountState,
    pub(crate) frozen: bool,
    pub(crate) lockdown: bool,
    pub(crate) judged: Judged,
    pub(crate) next: Option<Timestamp>,
    pub(crate) mine: bool,
}

impl Answered {
    /// Whether it is possible, once somebody approves.
    pub(crate) fn yes(&self) -> bool {
        self.account_state == AccountState::Active && !self.frozen && !self.lockdown && self.judged.answer.is_ok()
    }
}

#[derive(Template)]
#[template(path = "explain.html")]
struct ExplainPage<'a> {
    v: &'a Visit,
    companies: Vec<Company>,
    targets: Vec<(String, String)>,
    typed: Typed,
    zone: String,
    said: Option<String>,
    answer: Option<Answered>,
}

/// What was asked.
struct Typed {
    technician: String,
    target: String,
    day: String,
    hour: String,
    source: String,
}

/// The question, read.
pub(crate) struct Question {
    pub(crate) technician: TechnicianLogin,
    pub(crate) target: TargetId,
    pub(crate) source: Option<IpAddr>,
    pub(crate) at: Timestamp,
}

fn question(app: &App, fields: &Fields) -> Result<Question, &'static str> {
    let at = instant(&app.zone(), &fields.value("day"), &fields.value("hour"));
    Ok(Question {
        technician: fields.value("technician").parse().map_err(|_| "explain-error-technician")?,
        target: fields.value("target").parse().map_err(|_| "explain-error-target")?,
        source: fields.optional("source").map_err(|_| "explain-error-source")?,
        at: at.ok_or("explain-error-when")?,
    })
}

/// What the rules say, as far as it is for these eyes; or the key of what is wrong with the question.
/// `open`: the groups that are open again while all else is cut; `None`: nothing is.
pub(crate) fn answer(
    known: &Known<'_>,
    me: &Me,
    open: Option<&BTreeSet<GroupId>>,
    question: Question,
) -> Result<Answered, &'static str> {
    let Question { technician, target, source, at } = question;
    if !me.may_see(known, &target) {
        return Err("explain-error-target");
    }
    let named = known.rules.targets.get(&target).ok_or("explain-error-target")?;
    if !known.register.account(&technician).is_some_and(|account| may_ask_of(known, me, account)) {
        return Err("explain-error-technician");
    }
    let explained = known.register.explain(known.rules, &technician, target.clone(), source, at, open);
    let explained = explained.map_err(|_| "explain-error-technician")?;
    let name = known.register.account(&technician).map(|account| account.identity.name.clone());
    let judged = Judged::of(known, at, explained.verdict);
    let next = match judged.denial() {
        Some(Denial::Closed { next_opening, .. }) => *next_opening,
        _ => None,
    };
    Ok(Answered {
        technician: technician.to_string(),
        name: name.unwrap_or_default(),
        target: target.to_string(),
        target_name: named.name.clone(),
        account_state: explained.account_state,
        frozen: explained.vendor_frozen,
        lockdown: explained.cut,
        judged,
        next,
        mine: me.decides_for(known, &target),
    })
}

/// Whether this person may ask about that technician: whose equipment they never reach is none of an
/// approver's business.
fn may_ask_of(known: &Known<'_>, me: &Me, account: &Account) -> bool {
    me.roles.contains(&Role::Auditor) || sees(known, me, &account.vendor)
}

/// The form, and the answer once something was asked.
async fn explain(State(app): State<App>, visit: Visit, Query(query): Query) -> Answer {
    let (me, open) = (visit.me()?.clone(), visit.lockdown.is_some().then(|| app.commands.reopened()));
    let zone = app.zone();
    let now = visit.now.to_zoned(zone.clone());
    let or = |name: &str, first: String| query.get(name).map_or(first, str::to_owned);
    let typed = Typed {
        technician: query.value("technician"),
        target: query.value("target"),
        day: or("day", now.date().to_string()),
        hour: or("hour", now.strftime("%H:%M").to_string()),
        source: query.value("source"),
    };
    // A link may bring technician and target alone: then nothing is asked yet.
    let asked = query.get("day").map(|_| question(&app, &query));
    let (companies, targets, answered) = look(&*app.commands, move |known| {
        let mut targets: Vec<(String, String)> = known
            .rules
            .targets
            .values()
            .filter(|target| me.may_see(known, &target.id))
            .map(|target| (target.id.to_string(), target.name.clone()))
            .collect();
        targets.sort_by(|one, other| one.1.cmp(&other.1));
        let answered = asked.map(|asked| asked.and_then(|asked| answer(known, &me, open.as_ref(), asked)));
        (companies_of(known, |account| may_ask_of(known, &me, account)), targets, answered)
    })
    .await?;
    let (said, answer) = match answered {
        None => (None, None),
        Some(Ok(answer)) => (None, Some(answer)),
        Some(Err(key)) => (Some(visit.t(key)), None),
    };
    let status = if said.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let zone = zone.iana_name().unwrap_or("UTC").to_owned();
    let shown = ExplainPage { v: &visit, companies, targets, typed, zone, said, answer };
    if status == StatusCode::OK { page(&shown) } else { page_with(status, &shown) }
}

/// A rule in words: what it is about, and of which company, equipment or calendar.
fn rule_in_words(texts: &Texts, rule: &RuleId) -> String {
    let parts: Vec<&str> = rule.0.split('.').collect();
    match parts.as_slice() {
        ["vendor", vendor, what @ ("allow" | "forbid"), position] => {
            let position = position.parse::<u32>().map_or_else(|_| (*position).to_owned(), |one| (one + 1).to_string());
            let key = if *what == "allow" { "rule-allow-one" } else { "rule-forbid-one" };
            texts.with(key, &[("vendor", vendor), ("position", &position)])
        }
        ["vendor", vendor, "allow"] => texts.with("rule-allow", &[("vendor", vendor)]),
        ["vendor", vendor, "sources"] => texts.with("rule-sources", &[("vendor", vendor)]),
        ["vendor", vendor, "contract"] => texts.with("rule-contract", &[("vendor", vendor)]),
        ["calendars", calendar] => texts.with("rule-calendar", &[("calendar", calendar)]),
        ["target", target, "approvers"] => texts.with("rule-approvers", &[("target", target)]),
        _ => rule.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Language;
    use jiff::tz::TimeZone;

    /// APR-15: each rule that the judge can name has words; what is new shows as its path.
    #[test]
    fn every_rule_has_words() {
        let texts = Texts::new(Language::French, TimeZone::UTC);
        let said = |path: &str| rule_in_words(&texts, &RuleId(path.to_owned()));
        assert!(said("vendor.imagix.allow.0").contains('1'));
        for path in [
            "vendor.imagix.allow.0",
            "vendor.imagix.allow",
            "vendor.imagix.sources",
            "vendor.imagix.forbid.2",
            "vendor.imagix.contract",
            "calendars.office",
            "target.scanner.approvers",
        ] {
            assert_ne!(said(path), path);
            assert!(said(path).contains(path.split('.').nth(1).unwrap()), "{path}");
        }
        assert_eq!(said("something.else"), "something.else");
    }
}
