//! What an approver needs to know of a request, and nothing that a batch could be made of.

use crate::commands::{Known, look};
use crate::error::Trouble;
use crate::filters;
use crate::form::Query;
use crate::page::{Answer, Me, Visit, page, see_other};
use crate::routes::App;
use askama::Template;
use axum::extract::{Path, State};
use jiff::{SignedDuration, Timestamp};
use lifecycle::{Intervention, InterventionNumber, InterventionState, SessionId};
use policy::{Decision, Right, Verified};
use std::net::IpAddr;

/// Earlier visits that are shown.
const VISITS: usize = 4;

/// One request in the list: enough to choose it, not enough to decide.
pub(super) struct Line {
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
            vendor: vendor_name(known, one),
            target: target_name(known, one),
            since: one.submitted.unwrap_or(one.prepared),
            state: one.state.word(),
            emergency: one.is_emergency(),
            mine: me.decides_for(known, &one.asked.target),
        }
    }
}

pub(crate) fn vendor_name(known: &Known<'_>, one: &Intervention) -> String {
    let vendor = known.config.vendors.get(&one.asked.vendor);
    vendor.map_or_else(|| one.asked.vendor.to_string(), |vendor| vendor.rules.name.clone())
}

pub(crate) fn target_name(known: &Known<'_>, one: &Intervention) -> String {
    let target = known.config.targets.get(&one.asked.target);
    target.map_or_else(|| one.asked.target.to_string(), |target| target.rules.name.clone())
}

#[derive(Template)]
#[template(path = "requests.html")]
struct ListPage<'a> {
    v: &'a Visit,
    waiting: Vec<Line>,
    planned: Vec<Line>,
    review: Vec<Line>,
}

/// The list.
pub(crate) async fn list(State(app): State<App>, visit: Visit) -> Answer {
    let me = visit.me()?.clone();
    let (waiting, planned, review) = look(&*app.commands, move |known| {
        let lines = |wanted: &dyn Fn(&Intervention) -> bool| {
            let of = known.register.interventions.values().rev().filter(|one| wanted(one));
            let seen = of.filter(|one| me.may_see(known, &one.asked.target));
            let mut lines: Vec<Line> = seen.map(|one| Line::of(known, &me, one)).collect();
            lines.sort_by_key(|line| (!line.mine, line.since));
            lines
        };
        (
            lines(&|one| one.state == InterventionState::Requested),
            lines(&|one| one.state == InterventionState::Planned),
            lines(&|one| one.wants_review()),
        )
    })
    .await?;
    page(&ListPage { v: &visit, waiting, planned, review })
}

/// An earlier visit of the same technician.
pub(super) struct VisitLine {
    pub(super) at: Timestamp,
    pub(super) target: String,
    pub(super) here: bool,
}

/// Somebody's yes.
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
pub(super) struct Request {
    pub(super) number: InterventionNumber,
    pub(super) state: InterventionState,
    pub(super) name: String,
    pub(super) login: String,
    pub(super) vendor: String,
    pub(super) phone: String,
    pub(super) email: String,
    pub(super) call_name: String,
    pub(super) call_phone: String,
    pub(super) target: String,
    pub(super) account: String,
    pub(super) reason: String,
    pub(super) ticket: String,
    pub(super) source: Option<IpAddr>,
    pub(super) usual: bool,
    pub(super) visits: Vec<VisitLine>,
    pub(super) rights: Vec<Right>,
    pub(super) quorum: u8,
    pub(super) yes: Vec<Yes>,
    pub(super) can_approve: Vec<String>,
    pub(super) groups: String,
    pub(super) call_back: bool,
    pub(super) watched: bool,
    pub(super) emergency: bool,
    pub(super) factor_changed: bool,
    pub(super) lapses: Option<Timestamp>,
    pub(super) closes_at: Option<Timestamp>,
    pub(super) longest: Option<SignedDuration>,
    pub(super) minutes: Vec<i64>,
    pub(super) mine: bool,
    pub(super) approved_by_me: bool,
    pub(super) refused: Option<(String, String)>,
    pub(super) session: Option<SessionId>,
    /// The window of a planned one.
    pub(super) window: Option<(Timestamp, Timestamp)>,
    /// Whether this person may take back what was planned.
    pub(super) may_withdraw: bool,
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
        let question = policy::Request {
            technician: asked.technician.clone(),
            person: account.identity.person(),
            vendor: asked.vendor.clone(),
            target: asked.target.clone(),
            account: Some(asked.login.clone()),
            source,
            unfamiliar: asked.call_back,
            emergency: one.is_emergency(),
            // What is planned is judged for when it begins.
            at: one.plan.as_ref().map_or(known.at, |plan| plan.from.max(known.at)),
        };
        let terms = match policy::evaluate(known.rules, &question).decision {
            Decision::AwaitApproval(terms) => Some(terms),
            Decision::Deny(_) => None,
        };
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
        let could = known.register.staff.values().filter(|staff| {
            staff.is_active()
                && staff.roles.contains(&lifecycle::Role::Approver)
                && approvers.is_some_and(|groups| !staff.groups.is_disjoint(groups))
                && !said_yes(staff.login.clone())
        });
        let visits: Vec<VisitLine> = known
            .register
            .interventions
            .values()
            .rev()
            .filter(|other| {
                other.number != number && other.asked.account == asked.account && !other.sessions.is_empty()
            })
            .take(VISITS)
            .map(|other| VisitLine {
                at: other.submitted.unwrap_or(other.prepared),
                target: target_name(known, other),
                here: other.asked.target == asked.target,
            })
            .collect();
        let usual = source.is_some_and(|source| {
            known.register.usual_source(&asked.account, known.at).iter().any(|held| held.to_canonical() == source)
        });
        let most = terms.as_ref().map(|terms| terms.longest.as_mins());
        Some(Self {
            number,
            state: one.state.clone(),
            name: asked.name.clone(),
            login: asked.technician.to_string(),
            vendor: vendor_name(known, one),
            phone: account.identity.phone.clone(),
            email: account.identity.email.clone(),
            call_name: contact.map_or_else(String::new, |contact| contact.name.clone()),
            call_phone: contact.map_or_else(String::new, |contact| contact.phone.clone()),
            target: target_name(known, one),
            account: asked.login.to_string(),
            reason: asked.reason.clone(),
            ticket: asked.ticket.clone(),
            source,
            usual,
            visits,
            rights: asked.rights.iter().collect(),
            quorum: asked.quorum,
            yes: one
                .former
                .iter()
                .chain(&one.approvals)
                .map(|approval| Yes { by: approval.by.to_string(), at: approval.at, verified: approval.verified })
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
            approved_by_me: said_yes(me.login.clone()),
            refused: one
                .refused
                .as_ref()
                .map(|(by, reason)| (by.as_ref().map_or_else(String::new, ToString::to_string), reason.clone())),
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
        self.quorum.saturating_sub(u8::try_from(self.yes.len()).unwrap_or(u8::MAX))
    }

    /// Whether it waits for a decision.
    pub(super) fn waits(&self) -> bool {
        self.state == InterventionState::Requested
    }

    /// Whether the hours end before the longest time does.
    pub(super) fn hours_cut(&self, now: &Timestamp) -> Option<Timestamp> {
        let (closes, longest) = (self.closes_at?, self.longest?);
        (closes.duration_since(*now) < longest).then_some(closes)
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
        self.rights.as_ref().is_none_or(|rights| rights.iter().any(|kept| kept == right.as_str()))
    }
}

/// The request of this number, for these eyes.
pub(super) async fn request_of(app: &App, visit: &Visit, number: &str) -> Result<Request, Trouble> {
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
