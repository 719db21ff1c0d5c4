//! The main courante: every intervention, by number and without gap (LIF-10, LOG-01).

use super::ask::{AT_ONCE, Gathered, Period, bounded};
use crate::ctl::desk::gone;
use crate::ctl::view;
use crate::site::Site;
use console::{Known, staff_name, target_name, vendor_name};
use jiff::Timestamp;
use lifecycle::order::{Failure, ReportArgs};
use lifecycle::{Intervention, InterventionNumber, InterventionState, SessionRecord};
use policy::{Approval, StaffLogin};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Those that were asked for in the period, of the vendor that was named.
pub(super) async fn gather(site: &Site, asked: &ReportArgs, period: Period) -> Result<Gathered, Failure> {
    let vendor = asked.vendor.clone();
    let view = site.registrar.view(move |core, _| {
        let all = core.register.interventions.values();
        let wanted = all.filter(|one| period.has(one.prepared));
        let wanted = wanted.filter(|one| vendor.as_ref().is_none_or(|vendor| one.asked.vendor == *vendor));
        let numbers: Vec<InterventionNumber> = wanted.map(|one| one.number).collect();
        (numbers, core.register.missing_numbers(), core.register.erased_until())
    });
    let (numbers, missing, erased) = view.await.map_err(gone)?;
    bounded(numbers.len())?;
    let mut rows = Vec::with_capacity(numbers.len());
    for some in numbers.chunks(AT_ONCE) {
        let some = some.to_vec();
        let made = site.registrar.view(move |core, now| {
            let found = some.iter().filter_map(|number| core.register.interventions.get(number));
            let known = core.known(now);
            found.map(|one| row(&known, one)).collect::<Vec<_>>()
        });
        rows.extend(made.await.map_err(gone)?);
    }
    Ok(Gathered { rows, more: vec![("missing", json!(missing)), ("erased-until", json!(erased))] })
}

fn approval(known: &Known<'_>, one: &Approval) -> Value {
    json!({ "by": one.by, "name": staff_name(known, &one.by), "at": one.at, "verified": one.verified })
}

/// How its sessions were watched: by whom who counts, and when by nobody.
struct Watch {
    by: Vec<String>,
    gaps: Vec<(Timestamp, Timestamp)>,
}

impl Watch {
    fn of(known: &Known<'_>, sessions: &[&SessionRecord]) -> Self {
        let staff: BTreeSet<&StaffLogin> = sessions.iter().flat_map(|record| &record.watched_by).collect();
        let gaps = sessions.iter().flat_map(|record| record.unwatched(known.at)).collect();
        Self { by: staff.into_iter().map(|login| staff_name(known, login)).collect(), gaps }
    }

    fn seconds(&self) -> i64 {
        self.gaps.iter().map(|(from, until)| until.duration_since(*from).as_secs()).sum()
    }
}

fn row(known: &Known<'_>, one: &Intervention) -> Value {
    let register = known.register;
    let sessions: Vec<&SessionRecord> = one.sessions.iter().filter_map(|id| register.sessions.get(id)).collect();
    let seconds = |record: &&SessionRecord| match &record.end {
        Some(end) => i64::try_from(end.seconds).unwrap_or(i64::MAX),
        None => known.at.duration_since(record.started).as_secs().max(0),
    };
    let watch = Watch::of(known, &sessions);
    let files: Vec<Value> = sessions.iter().flat_map(|record| record.files.items()).map(view::file).collect();
    let unlisted: u64 = sessions.iter().map(|record| record.files.more().saturating_add(record.unlisted)).sum();
    let alarms: u64 = sessions
        .iter()
        .map(|record| record.alarms.more().saturating_add(u64::try_from(record.alarms.items().len()).unwrap_or(0)))
        .sum();
    let asked = &one.asked;
    let granted = one.approvals.iter().filter_map(|yes| yes.rights.as_ref());
    let rights = granted.fold(asked.rights.clone(), |left, rights| left.narrowed_by(rights));
    let approvals = one.former.iter().chain(&one.approvals);
    json!({
        "number": one.number,
        "kind": match &one.plan {
            None => "on-demand",
            Some(plan) if plan.emergency => "emergency",
            Some(_) => "planned",
        },
        "state": one.state.word(),
        "asked": one.submitted.unwrap_or(one.prepared),
        "approved": one.approved,
        "opened": sessions.first().map(|record| record.started),
        "ended": one.ended,
        "seconds": (!sessions.is_empty()).then(|| sessions.iter().map(seconds).fold(0, i64::saturating_add)),
        "at-least": sessions.iter().any(|record| record.end.as_ref().is_some_and(|end| end.at_least)),
        "name": asked.name,
        "technician": asked.technician,
        "vendor": vendor_name(known, &asked.vendor),
        "vendor-id": asked.vendor,
        "contract": known.config.vendors.get(&asked.vendor).map(|vendor| &vendor.rules.contract.reference),
        "source": asked.source.map(|source| source.ip().to_canonical()),
        "target": target_name(known, &asked.target),
        "target-id": asked.target,
        "account": asked.login,
        "reason": asked.reason,
        "ticket": asked.ticket,
        "rights": rights,
        "quorum": asked.quorum,
        "approved-by": approvals.map(|yes| approval(known, yes)).collect::<Vec<_>>(),
        "refused": one.refused.as_ref().map(|(_, reason)| reason),
        "supervision": asked.supervision,
        "watched-by": watch.by,
        "unwatched": watch.gaps,
        "unwatched-seconds": (!sessions.is_empty()).then(|| watch.seconds()),
        "files": files,
        "files-unlisted": unlisted,
        "alarms": alarms,
        "cause": match &one.state {
            InterventionState::Ended(cause) => Some(cause),
            _ => None,
        },
        "recording": sessions.iter().map(|record| view::recording_state(record)).collect::<Vec<_>>(),
        "sessions": one.sessions,
        "review": one.plan.as_ref().filter(|plan| plan.emergency).map(|plan| match plan.reviewed {
            Some(_) => "done",
            None => "missing",
        }),
    })
}
