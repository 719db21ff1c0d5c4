//! One intervention with everything that is known of it.

use super::course::{Step, course};
use super::row::{granted, seconds, sessions};
use super::session::SessionView;
use super::stretches::Watched;
use crate::commands::{Known, look};
use crate::error::Trouble;
use crate::filters;
use crate::names::{staff_name, target_name, vendor_name};
use crate::page::{Answer, Me, Visit, page};
use crate::routes::App;
use askama::Template;
use axum::extract::{Path, State};
use jiff::Timestamp;
use lifecycle::{EndCause, InterventionNumber, InterventionState, Role, WithdrawCause};
use policy::{Right, Verified};
use serde::Serialize;
use std::net::SocketAddr;

/// Sessions that one page shows.
const SESSIONS: usize = 50;

/// Somebody's yes.
#[derive(Debug, Serialize)]
pub(super) struct Yes {
    pub(super) by: String,
    pub(super) at: Timestamp,
    pub(super) verified: Verified,
    pub(super) until: Option<Timestamp>,
}

/// One intervention.
#[derive(Debug, Serialize)]
pub(crate) struct Dossier {
    pub(super) number: InterventionNumber,
    pub(super) state: &'static str,
    pub(super) cause: Option<EndCause>,
    pub(super) name: String,
    pub(super) login: String,
    pub(super) vendor: String,
    pub(super) phone: String,
    pub(super) source: Option<SocketAddr>,
    pub(super) target: String,
    pub(super) account: String,
    pub(super) reason: String,
    pub(super) ticket: String,
    pub(super) emergency: bool,
    /// The window of one that was opened in advance.
    pub(super) planned: Option<(Timestamp, Timestamp)>,
    pub(super) rights: Vec<Right>,
    /// Once it is approved.
    pub(super) granted: Option<Vec<Right>>,
    pub(super) watched_required: bool,
    pub(super) prepared: Timestamp,
    pub(super) submitted: Option<Timestamp>,
    pub(super) approvals: Vec<Yes>,
    pub(super) refused: Option<(Option<String>, String)>,
    pub(super) withdrawn: Option<WithdrawCause>,
    pub(super) wrong_codes: u8,
    pub(super) ended: Option<Timestamp>,
    pub(super) review: Option<(String, String)>,
    pub(super) wants_review: bool,
    pub(super) seconds: Option<i64>,
    pub(super) watched: Option<Watched>,
    pub(super) sessions: Vec<SessionView>,
    pub(super) more_sessions: usize,
    /// It can still be decided, or its request be looked at.
    pub(super) pending: bool,
}

impl Dossier {
    /// The intervention of this number, if it is for these eyes.
    pub(super) fn of(known: &Known<'_>, me: &Me, number: InterventionNumber) -> Option<Self> {
        let one = known.register.interventions.get(&number)?;
        let asked = &one.asked;
        if !me.may_see(known, &asked.target) {
            return None;
        }
        let phone = known.register.accounts.get(&asked.account).map(|account| account.identity.phone.clone());
        let ran: Vec<_> = sessions(known, one).collect();
        let views = ran.iter().take(SESSIONS).map(|record| SessionView::of(known, me, &asked.target, record));
        Some(Self {
            number,
            state: one.state.word(),
            cause: match &one.state {
                InterventionState::Ended(cause) => Some(cause.clone()),
                _ => None,
            },
            name: asked.name.clone(),
            login: asked.technician.to_string(),
            vendor: vendor_name(known, &one.asked.vendor),
            phone: phone.unwrap_or_default(),
            source: asked.source,
            target: target_name(known, &one.asked.target),
            account: asked.login.to_string(),
            reason: asked.reason.clone(),
            ticket: asked.ticket.clone(),
            emergency: one.is_emergency(),
            planned: one.plan.as_ref().map(|plan| (plan.from, plan.until)),
            rights: asked.rights.iter().cloned().collect(),
            granted: one.approved.map(|_| granted(one).iter().cloned().collect()),
            watched_required: asked.supervision == policy::Supervision::Required,
            prepared: one.prepared,
            submitted: one.submitted,
            approvals: one
                .former
                .iter()
                .chain(&one.approvals)
                .map(|yes| Yes { by: staff_name(known, &yes.by), at: yes.at, verified: yes.verified, until: yes.until })
                .collect(),
            refused: one
                .refused
                .as_ref()
                .map(|(by, reason)| (by.as_ref().map(|by| staff_name(known, by)), reason.clone())),
            withdrawn: match &one.state {
                InterventionState::Withdrawn(cause) => Some(*cause),
                _ => None,
            },
            wrong_codes: one.wrong_codes,
            ended: one.ended,
            review: one
                .plan
                .as_ref()
                .and_then(|plan| plan.reviewed.as_ref())
                .map(|(by, text)| (staff_name(known, by), text.clone())),
            wants_review: one.wants_review(),
            seconds: (!ran.is_empty())
                .then(|| ran.iter().map(|record| seconds(record, known.at)).fold(0, i64::saturating_add)),
            watched: Watched::of(ran.iter().copied(), known.at),
            more_sessions: ran.len().saturating_sub(SESSIONS),
            sessions: views.collect(),
            pending: matches!(one.state, InterventionState::Requested | InterventionState::Planned)
                && [Role::Approver, Role::Operator, Role::Security].iter().any(|role| me.roles.contains(role)),
        })
    }

    /// How many alarms there were.
    pub(super) fn alarms(&self) -> u64 {
        let count = |session: &SessionView| session.alarms.more.saturating_add(session.alarms.shown.len() as u64);
        self.sessions.iter().map(count).fold(0, u64::saturating_add)
    }

    /// Whether less was granted than asked for.
    pub(super) fn narrowed(&self) -> bool {
        self.granted.as_ref().is_some_and(|granted| *granted != self.rights)
    }
}

#[derive(Template)]
#[template(path = "intervention.html")]
struct DossierPage<'a> {
    v: &'a Visit,
    one: Dossier,
    course: Vec<Step>,
    /// Recordings can be opened in the browser.
    replay: bool,
}

/// The intervention of this number, for these eyes.
pub(crate) async fn found(app: &App, visit: &Visit, number: &str) -> Result<Dossier, Trouble> {
    let number = InterventionNumber(number.parse().map_err(|_| Trouble::NotFound)?);
    let me = visit.me()?.clone();
    look(&*app.commands, move |known| Dossier::of(known, &me, number)).await?.ok_or(Trouble::NotFound)
}

/// The page of one intervention.
pub(super) async fn show(State(app): State<App>, visit: Visit, Path(number): Path<String>) -> Answer {
    let one = found(&app, &visit, &number).await?;
    let course = course(&one, &visit.texts);
    let replay = app.commands.config().recordings.replay_key.is_some();
    page(&DossierPage { v: &visit, one, course, replay })
}
