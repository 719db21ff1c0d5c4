//! One line of the register, on the page and in the export.

use super::file::named;
use super::filter::Filter;
use super::stretches::Watched;
use crate::commands::Known;
use crate::names::{staff_name, target_name, vendor_name};
use crate::page::Me;
use jiff::Timestamp;
use lifecycle::{EndCause, Intervention, InterventionNumber, InterventionState, SessionRecord};
use policy::{Rights, TargetId, TechnicianLogin, VendorId};
use serde::Serialize;
use std::net::IpAddr;

/// One intervention.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Row {
    pub(super) number: InterventionNumber,
    /// When: see [`dated`].
    pub(super) at: Timestamp,
    pub(super) name: String,
    pub(super) technician: TechnicianLogin,
    pub(super) vendor: String,
    pub(super) vendor_id: VendorId,
    pub(super) target: String,
    pub(super) target_id: TargetId,
    pub(super) source: Option<IpAddr>,
    pub(super) reason: String,
    pub(super) ticket: String,
    pub(super) state: &'static str,
    pub(super) cause: Option<EndCause>,
    pub(super) requested: Timestamp,
    pub(super) started: Option<Timestamp>,
    pub(super) ended: Option<Timestamp>,
    /// How long sessions ran, in whole seconds; `None` without any.
    pub(super) seconds: Option<i64>,
    /// A session's end was not seen: it lasted so long at least.
    pub(super) at_least: bool,
    pub(super) approved_by: Vec<String>,
    pub(super) watched: Option<Watched>,
    pub(super) emergency: bool,
    pub(super) planned: bool,
    pub(super) wants_review: bool,
    /// What was asked for, or what of it was granted once it is approved.
    pub(super) rights: Rights,
    /// How many alarms its sessions rang.
    pub(super) alarms: u64,
}

/// The sessions of an intervention, in order.
pub(super) fn sessions<'a>(known: &'a Known<'_>, one: &'a Intervention) -> impl Iterator<Item = &'a SessionRecord> {
    one.sessions.iter().filter_map(|id| known.register.sessions.get(id))
}

/// The time under which an intervention stands in the register: when its first session began; before
/// that, when it was asked for; of one that was planned and is not taken up yet, when it is to begin.
pub(super) fn dated(known: &Known<'_>, one: &Intervention) -> Timestamp {
    let first = sessions(known, one).next().map(|record| record.started);
    first.or(one.submitted).or(one.plan.as_ref().map(|plan| plan.from)).unwrap_or(one.prepared)
}

/// How long a session ran, in whole seconds.
pub(super) fn seconds(record: &SessionRecord, now: Timestamp) -> i64 {
    match &record.end {
        Some(end) => i64::try_from(end.seconds).unwrap_or(i64::MAX),
        None => now.duration_since(record.started).as_secs().max(0),
    }
}

impl Row {
    /// The line of one.
    pub(crate) fn of(known: &Known<'_>, one: &Intervention) -> Self {
        let of_all = |now| sessions(known, one).map(|record| seconds(record, now)).fold(0, i64::saturating_add);
        Self {
            number: one.number,
            at: dated(known, one),
            name: one.asked.name.clone(),
            technician: one.asked.technician.clone(),
            vendor: vendor_name(known, &one.asked.vendor),
            vendor_id: one.asked.vendor.clone(),
            target: target_name(known, &one.asked.target),
            target_id: one.asked.target.clone(),
            source: one.asked.source.map(|source| source.ip().to_canonical()),
            reason: one.asked.reason.clone(),
            ticket: one.asked.ticket.clone(),
            state: one.state.word(),
            cause: match &one.state {
                InterventionState::Ended(cause) => Some(cause.clone()),
                _ => None,
            },
            requested: one.submitted.unwrap_or(one.prepared),
            started: sessions(known, one).next().map(|record| record.started),
            ended: one.ended,
            seconds: (!one.sessions.is_empty()).then(|| of_all(known.at)),
            at_least: sessions(known, one).any(|record| record.end.as_ref().is_some_and(|end| end.at_least)),
            approved_by: one.approved_by().iter().map(|login| staff_name(known, login)).collect(),
            watched: Watched::of(sessions(known, one), known.at),
            emergency: one.is_emergency(),
            planned: one.plan.is_some(),
            wants_review: one.wants_review(),
            rights: granted(one),
            alarms: sessions(known, one)
                .map(|record| record.alarms.more().saturating_add(record.alarms.items().len() as u64))
                .fold(0, u64::saturating_add),
        }
    }
}

/// Whether a file with this in its name was moved or changed, as far as the register lists them.
fn has_file(known: &Known<'_>, one: &Intervention, part: &str) -> bool {
    sessions(known, one).any(|record| record.files.items().iter().any(|file| named(file, part)))
}

/// What is left of the rights after every approver had their say.
pub(super) fn granted(one: &Intervention) -> Rights {
    let narrowed = one.approvals.iter().filter_map(|yes| yes.rights.as_ref());
    narrowed.fold(one.asked.rights.clone(), |left, rights| left.narrowed_by(rights))
}

/// The interventions that these eyes may see and the filter takes, the newest first.
pub(crate) fn wanted<'a>(
    known: &'a Known<'_>,
    me: &'a Me,
    filter: &'a Filter,
) -> impl Iterator<Item = &'a Intervention> {
    let all = known.register.interventions.values().rev();
    all.filter(|one| {
        me.may_see(known, &one.asked.target)
            && filter.takes(one, dated(known, one))
            && filter.file().is_none_or(|part| has_file(known, one, part))
    })
}
