//! What an approver needs to know of a request, and nothing that a batch could be made of.

use crate::commands::{Known, look};
use crate::error::Trouble;
use crate::filters;
use crate::form::Query;
use crate::names::{staff_name, target_name, vendor_name};
use crate::page::{Answer, Me, Visit, page, see_other};
use crate::routes::App;
use askama::Template;
use axum::extract::{Path, State};
use jiff::{SignedDuration, Timestamp};
use lifecycle::{Intervention, InterventionNumber, InterventionState, Refusal, SessionId};
use policy::{Right, StaffLogin, Verified};
use serde::Serialize;
use std::net::IpAddr;

/// Earlier visits that are shown.
const VISITS: usize = 4;

/// One request in the list: enough to choose it, not enough to decide.
#[derive(Serialize)]
pub(crate) struct Line {
    number: InterventionNumber,
    name: String,
    vendor: String,
    target: String,
    since: Timestamp,
    state: &'static str,
    emergency: bool,
    mine: bool,
}

impl Line {
    fn of(known: &Known<'_>, me: &Me, one: &Intervention) -> Self {
        Self {
            number: one.number,
            name: one.asked.name.clone(),
            vendor: vendor_name(known, &one.asked.vendor),
            target: target_name(known, &one.asked.target),
            since: one.submitted.unwrap_or(one.prepared),
            state: one.state.word(),
            emergency: one.is_emergency(),
            mine: me.decides_for(known, &one.asked.target),
        }
    }
}

#[derive(Template)]
#[template(path = "requests.html")]
struct ListPage<'a> {
    v: &'a Visit,
    waiting: Vec<Line>,
    planned: Vec<Line>,
    review: Vec<Line>,
}

/// Which requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum List {
    /// Those that wait for a decision.
    Waiting,
    /// Those that were opened in advance.
    Planned,
    /// Emergencies that somebody has to look back at.
    Review,
}

impl List {
    fn takes(self, one: &Intervention) -> bool {
        match self {
            List::Waiting => one.state == InterventionState::Requested,
            List::Planned => one.state == InterventionState::Planned,
            List::Review => one.wants_review(),
        }
    }
}

/// The requests of a list that are for these eyes: first those that they decide, the oldest first.
pub(crate) fn lines(known: &Known<'_>, me: &Me, list: List) -> Vec<Line> {
    let of = known.register.interventions.values().rev().filter(|one| list.takes(one));
    let seen = of.filter(|one| me.may_see(known, &one.asked.target));
    let mut lines: Vec<Line> = seen.map(|one| Line::of(known, me, one)).collect();
    lines.sort_by_key(|line| (!line.mine, line.since));
    lines
}

/// The list.
pub(crate) async fn list(State(app): State<App>, visit: Visit) -> Answer {
    let me = visit.me()?.clone();
    let (waiting, planned, review) = look(&*app.commands, move |known| {
        let lines = |list| lines(known, &me, list);
        (lines(List::Waiting), lines(List::Planned), lines(List::Review))
    })
    .await?;
    page(&ListPage { v: &visit, waiting, planned, review })
}

/// An earlier visit of the same technician.
#[derive(Serialize)]
pub(crate) struct VisitLine {
    pub(super) at: Timestamp,
    pub(super) target: String,
    pub(super) here: bool,
}

/// Somebody's yes.
#[derive(Serialize)]
pub(crate) struct Yes {
    pub(crate) by: String,
    pub(crate) at: Timestamp,
    pub(crate) verified: Verified,
}

impl Yes {
    /// The key of the text of how they knew who called.
    pub(crate) fn how(&self) -> &'static str {
        match self.verified {
            Verified::Called => "verified-called",
            Verified::Caller => "verified-caller",
            Verified::Present => "verified-present",
        }
    }
}

/// One request in full.
#[derive(Serialize)]
pub(crate) struct Request {
    pub(crate) number: InterventionNumber,
    pub(crate) state: InterventionState,
    pub(crate) name: String,
    pub(crate) login: String,
    pub(crate) vendor: String,
    pub(crate) phone: String,
    pub(crate) email: String,
    pub(crate) call_name: String,
    pub(crate) call_phone: String,
    pub(crate) target: String,
    pub(crate) account: String,
    pub(crate) reason: String,
    pub(crate) ticket: String,
    pub(crate) source: Option<IpAddr>,
    pub(crate) usual: bool,
    pub(crate) visits: Vec<VisitLine>,
    pub(crate) rights: Vec<Right>,
    pub(crate) quorum: u8,
    pub(crate) yes: Vec<Yes>,
    pub(crate) can_approve: Vec<String>,
    pub(crate) groups: String,
    pub(crate) call_back: bool,
    pub(crate) watched: bool,
    pub(crate) emergency: bool,
    pub(crate) factor_changed: bool,
    pub(crate) lapses: Option<Timestamp>,
    pub(crate) closes_at: Option<Timestamp>,
    pub(crate) longest: Option<SignedDuration>,
    pub(crate) minutes: Vec<i64>,
    pub(crate) mine: bool,
    /// Why this person cannot approve it, though it is of their department.
    #[serde(skip)]
    pub(crate) cannot: Option<Refusal>,
    /// Approvals that count.
    pub(crate) have: u8,
    /// When it begins, or could.
    pub(crate) begins: Timestamp,
    pub(crate) approved_by_me: bool,
    pub(crate) refused: Option<(String, String)>,
    pub(crate) session: Option<SessionId>,
    /// The window of a planned one.
    pub(crate) window: Option<(Timestamp, Timestamp)>,
    /// Whether this person may take back what was planned.
    pub(crate) may_withdraw: bool,
}

/// Choices of a shorter time, in minutes.
const MINUTES: [i64; 6] = [15, 30, 60, 120, 240, 480];

impl Request {
    /// The request of this number, if it is for these eyes.
    pub(super) fn of(known: &Known<'_>, me: &Me, number: InterventionNumber) -> Option<Self> {
        let one = known.register.interventions.get(&number)?;
        let asked = &one.asked;
        if !me.may_see(known, &asked.target) || one.state == InterventionState::Prepared {
            return None;
        }
        let account = known.register.accounts.get(&asked.account)?;
        let source = asked.source.map(|source| source.ip().to_canonical());
        // What is planned is judged for when it begins.
        let begins = one.plan.as_ref().map_or(known.at, |plan| plan.from.max(known.at));
        let terms = known.register.terms(known.rules, one, asked.source, begins).ok();
        let contact = known.config.vendors.get(&asked.vendor).map(|vendor| &vendor.contact);
        let target = known.config.targets.get(&asked.target);
        let approvers = target.map(|target| &target.rules.approvers);
        let group_names: Vec<String> = approvers
            .into_iter()
            .flatten()
            .filter_map(|group| known.config.groups.get(group))
            .map(|group| group.name.clone())
            .collect();
        let said_yes = |login| one.approvals.iter().any(|approval| approval.by == login);
        let could = known.register.staff.values();
        let could = could.filter(|staff| known.register.may_approve(known.rules, one, staff).is_ok());
        let visits = known.register.visits(&asked.account, VISITS).into_iter().map(|visit| VisitLine {
            at: visit.at,
            target: known
                .config
                .targets
                .get(&visit.target)
                .map_or_else(|| visit.target.to_string(), |target| target.rules.name.clone()),
            here: visit.target == asked.target,
        });
        let cannot = known
            .register
            .staff
            .get(&me.login)
            .and_then(|staff| known.register.may_approve(known.rules, one, staff).err());
        let name_of = |login: &StaffLogin| staff_name(known, login);
        let usual = source.is_some_and(|source| {
            known.register.usual_source(&asked.account, known.at).iter().any(|held| held.to_canonical() == source)
        });
        let most = terms.as_ref().map(|terms| terms.longest.as_mins());
        Some(Self {
            number,
            state: one.state.clone(),
            name: asked.name.clone(),
            login: asked.technician.to_string(),
            vendor: vendor_name(known, &one.asked.vendor),
            phone: account.identity.phone.clone(),
            email: account.identity.email.clone(),
            call_name: contact.map_or_else(String::new, |contact| contact.name.clone()),
            call_phone: contact.map_or_else(String::new, |contact| contact.phone.clone()),
            target: target_name(known, &one.asked.target),
            account: asked.login.to_string(),
            reason: asked.reason.clone(),
            ticket: asked.ticket.clone(),
            source,
            usual,
            visits: visits.collect(),
            rights: asked.rights.iter().cloned().collect(),
            quorum: asked.quorum,
            yes: one
                .former
                .iter()
                .chain(&one.approvals)
                .map(|approval| Yes { by: name_of(&approval.by), at: approval.at, verified: approval.verified })
                .collect(),
            can_approve: could.map(|staff| staff.identity.name.clone()).collect(),
            groups: group_names.join(", "),
            call_back: asked.call_back,
            watched: asked.supervision == policy::Supervision::Required,
            emergency: one.is_emergency(),
            factor_changed: account.factor_changed(known.at),
            lapses: one.lapses_at().filter(|_| one.state == InterventionState::Requested),
            closes_at: terms.as_ref().map(|terms| terms.closes_at),
            longest: terms.as_ref().map(|terms| terms.longest),
            minutes: MINUTES.into_iter().filter(|minutes| most.is_some_and(|most| *minutes < most)).collect(),
            mine: me.decides_for(known, &asked.target),
            cannot,
            have: u8::try_from(one.approvals.len()).unwrap_or(u8::MAX),
            begins,
            approved_by_me: said_yes(me.login.clone()),
            refused: one
                .refused
                .as_ref()
                .map(|(by, reason)| (by.as_ref().map_or_else(String::new, name_of), reason.clone())),
            session: one
                .sessions
                .iter()
                .rev()
                .find(|id| known.register.sessions.get(*id).is_some_and(|record| record.end.is_none()))
                .cloned(),
            window: one.plan.as_ref().map(|plan| (plan.from, plan.until)),
            may_withdraw: one.state == InterventionState::Planned
                && (me.decides_for(known, &asked.target) || me.roles.contains(&lifecycle::Role::Operator)),
        })
    }

    /// How many approvals are missing.
    pub(super) fn missing(&self) -> u8 {
        self.quorum.saturating_sub(self.have)
    }

    /// Whether it waits for a decision.
    pub(super) fn waits(&self) -> bool {
        self.state == InterventionState::Requested
    }

    /// Whether the hours end before the longest time does.
    pub(super) fn hours_cut(&self) -> Option<Timestamp> {
        let (closes, longest) = (self.closes_at?, self.longest?);
        let planned = self.window.map(|(_, until)| until);
        let most = self.begins.saturating_add(longest).unwrap_or(closes);
        (closes < planned.map_or(most, |until| until.min(most))).then_some(closes)
    }

    /// Whether nothing is left to decide.
    pub(super) fn is_over(&self) -> bool {
        !(self.waits() || self.state == InterventionState::Planned && self.missing() > 0)
    }
}

/// The page of one request, with what was typed and what is wrong with it.
#[derive(Template)]
#[template(path = "request.html")]
pub(super) struct RequestPage<'a> {
    pub(super) v: &'a Visit,
    pub(super) one: Request,
    pub(super) said: Option<String>,
    pub(super) typed: Typed,
}

/// What was typed, but for secrets, so that nothing is lost when something is wrong.
#[derive(Default)]
pub(super) struct Typed {
    pub(super) verified: String,
    pub(super) minutes: String,
    pub(super) reason: String,
    pub(super) rights: Option<Vec<String>>,
}

impl Typed {
    fn keeps(&self, right: &Right) -> bool {
        self.rights.as_ref().is_none_or(|rights| rights.iter().any(|kept| *kept == right.to_string()))
    }
}

/// The request of this number, for these eyes.
pub(crate) async fn request_of(app: &App, visit: &Visit, number: &str) -> Result<Request, Trouble> {
    let number = InterventionNumber(number.parse().map_err(|_| Trouble::NotFound)?);
    let me = visit.me()?.clone();
    let found = look(&*app.commands, move |known| Request::of(known, &me, number)).await?;
    found.ok_or(Trouble::NotFound)
}

/// One request.
pub(crate) async fn show(
    State(app): State<App>,
    visit: Visit,
    Path(number): Path<String>,
    Query(query): Query,
) -> Answer {
    let one = request_of(&app, &visit, &number).await?;
    // Whoever has just approved wants the screen before their eyes; the page waits for it otherwise.
    if let (Some(_), Some(session), true) = (query.get("approved"), &one.session, one.approved_by_me) {
        return see_other(&format!("/sessions/{session}/watch"));
    }
    page(&RequestPage { v: &visit, one, said: None, typed: Typed::default() })
}
