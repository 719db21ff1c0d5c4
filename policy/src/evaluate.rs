//! The judge. Read top to bottom, [`evaluate`] is the order of the checks.

use crate::approval::{ApprovalTerms, Person};
use crate::calendar::Calendar;
use crate::ids::{TargetAccount, TargetId, TechnicianLogin, VendorId};
use crate::right::Rights;
use crate::rules::{AllowRule, Per, PolicySet, Target, Vendor};
use crate::verdict::{Decision, Denial, RuleId, Verdict};
use jiff::civil::{Date, Time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use std::net::IpAddr;

/// The longest emergency.
const EMERGENCY: SignedDuration = SignedDuration::from_hours(2);

/// The question: may this person reach that target, from there, at that instant?
#[derive(Debug, Clone)]
pub struct Request {
    /// Who asks.
    pub technician: TechnicianLogin,
    /// The human being behind the account.
    pub person: Person,
    /// Of which company.
    pub vendor: VendorId,
    /// For which equipment.
    pub target: TargetId,
    /// Under which login on it; `None`: the target's own.
    pub account: Option<TargetAccount>,
    /// From where. `None` where the question is not about a connection (`poterne explain`).
    pub source: Option<IpAddr>,
    /// First visit, new source, young factor: the approver must have called (D6).
    pub unfamiliar: bool,
    /// Opened by whoever is on call: the calendar does not hold, and nothing else is lifted; two
    /// hours at most (D14, EMG-01).
    pub emergency: bool,
    /// At which instant.
    pub at: Timestamp,
}

/// Judges a request. Deny by default; any forbid wins; no rule is skipped because it is empty.
pub fn evaluate(rules: &PolicySet, request: &Request) -> Verdict {
    let mut because = Vec::new();
    let decision = match judge(rules, request, &mut because) {
        Ok(terms) => Decision::AwaitApproval(terms),
        Err(denial) => Decision::Deny(denial),
    };
    Verdict { decision, because }
}

fn judge(rules: &PolicySet, request: &Request, because: &mut Vec<RuleId>) -> Result<ApprovalTerms, Denial> {
    let vendor = rules.vendors.get(&request.vendor).ok_or(Denial::VendorUnknown)?;
    let target = rules.targets.get(&request.target).ok_or(Denial::TargetUnknown)?;
    let grants = grants_for(vendor, &request.target, because)?;
    let account = account_for(target, &grants, request)?;
    source_is_declared(vendor, request, because)?;
    let forbidden_from = not_forbidden(rules, vendor, request, because)?;
    let contract_ends = contract_holds(rules, vendor, request.at, because)?;
    let hours_end = match request.emergency {
        true => contract_ends,
        false => hours_are_open(rules, vendor, target, request.at, because)?,
    };
    approvers_exist(rules, target, because)?;
    let rights = grants.iter().fold(Rights::default(), |all, grant| all.united_with(&grant.rights));
    if rights.is_empty() {
        return Err(Denial::NoRight);
    }
    Ok(ApprovalTerms {
        technician: request.technician.clone(),
        requester: request.person.clone(),
        vendor: vendor.id.clone(),
        vendor_domain: vendor.domain.clone(),
        target: target.id.clone(),
        account,
        rights,
        approvers: target.approvers.clone(),
        // Where several rules name a target their rights add up, and the strictest terms hold for all.
        quorum: grants.iter().map(|grant| grant.quorum).max().unwrap_or(1).max(1),
        per: if grants.iter().any(|grant| grant.per == Per::Session) { Per::Session } else { Per::Intervention },
        supervision: target.supervision,
        call_back: target.call_back || request.unfamiliar,
        closes_at: forbidden_from.into_iter().fold(contract_ends.min(hours_end), Timestamp::min),
        longest: grants
            .iter()
            .map(|grant| grant.longest)
            .chain(request.emergency.then_some(EMERGENCY))
            .min()
            .unwrap_or(SignedDuration::ZERO),
        idle: target.idle,
    })
}

fn rule(because: &mut Vec<RuleId>, path: String) {
    because.push(RuleId(path));
}

/// The rules of the vendor that name the target. What none names does not exist for the asker:
/// this denial and that of an unknown target differ in the journal only (promise 10).
fn grants_for<'a>(
    vendor: &'a Vendor,
    target: &TargetId,
    because: &mut Vec<RuleId>,
) -> Result<Vec<&'a AllowRule>, Denial> {
    let mut grants = Vec::new();
    for (position, grant) in vendor.allow.iter().enumerate() {
        if grant.targets.contains(target) {
            rule(because, format!("vendor.{}.allow.{position}", vendor.id));
            grants.push(grant);
        }
    }
    if grants.is_empty() {
        rule(because, format!("vendor.{}.allow", vendor.id));
        return Err(Denial::TargetNotAllowed);
    }
    Ok(grants)
}

fn account_for(target: &Target, grants: &[&AllowRule], request: &Request) -> Result<TargetAccount, Denial> {
    match &request.account {
        None => Ok(target.account.clone()),
        Some(asked) if *asked == target.account => Ok(asked.clone()),
        Some(asked) if grants.iter().all(|grant| grant.accounts.contains(asked)) => Ok(asked.clone()),
        Some(_) => Err(Denial::AccountNotAllowed),
    }
}

fn source_is_declared(vendor: &Vendor, request: &Request, because: &mut Vec<RuleId>) -> Result<(), Denial> {
    let Some(source) = request.source else { return Ok(()) };
    rule(because, format!("vendor.{}.sources", vendor.id));
    if vendor.sources.contain(source) { Ok(()) } else { Err(Denial::SourceNotDeclared) }
}

/// No forbid rule names the target today; gives the instant at which the next one will, if any.
fn not_forbidden(
    rules: &PolicySet,
    vendor: &Vendor,
    request: &Request,
    because: &mut Vec<RuleId>,
) -> Result<Option<Timestamp>, Denial> {
    let today = rules.zone.to_datetime(request.at).date();
    let mut next: Option<Date> = None;
    for (position, forbid) in vendor.forbid.iter().enumerate() {
        if !forbid.targets.contains(&request.target) {
            continue;
        }
        match forbid.days {
            Some(days) if !days.contains(today) => {
                let coming = Some(days.first()).filter(|first| today < *first);
                next = next.into_iter().chain(coming).min();
            }
            _ => {
                rule(because, format!("vendor.{}.forbid.{position}", vendor.id));
                return Err(Denial::TargetForbidden { because: forbid.because.clone() });
            }
        }
    }
    Ok(next.and_then(|first| first_instant(&rules.zone, first)))
}

/// The contract holds today; gives the instant at which its last day is over.
fn contract_holds(
    rules: &PolicySet,
    vendor: &Vendor,
    at: Timestamp,
    because: &mut Vec<RuleId>,
) -> Result<Timestamp, Denial> {
    rule(because, format!("vendor.{}.contract", vendor.id));
    let today = rules.zone.to_datetime(at).date();
    let days = vendor.contract.days;
    if today < days.first() {
        return Err(Denial::ContractNotBegun { first: days.first() });
    }
    if today > days.last() {
        return Err(Denial::ContractOver { last: days.last() });
    }
    let morrow = days.last().tomorrow().ok();
    morrow.and_then(|day| first_instant(&rules.zone, day)).ok_or(Denial::ContractOver { last: days.last() })
}

/// The instant at which a day begins in a zone. `None` at the very end of the calendar.
fn first_instant(zone: &TimeZone, day: Date) -> Option<Timestamp> {
    zone.to_ambiguous_timestamp(day.to_datetime(Time::midnight())).compatible().ok()
}

/// The vendor's hours and the target's own are open; gives the instant at which the first closes.
fn hours_are_open(
    rules: &PolicySet,
    vendor: &Vendor,
    target: &Target,
    at: Timestamp,
    because: &mut Vec<RuleId>,
) -> Result<Timestamp, Denial> {
    let names = std::iter::once(&vendor.calendar).chain(&target.calendar);
    let mut calendars: Vec<&Calendar> = Vec::new();
    for name in names {
        rule(because, format!("calendars.{name}"));
        // A calendar that is not there opens nothing.
        let closed = || Denial::Closed { next_opening: None, holiday: None };
        calendars.push(rules.calendars.get(name).ok_or_else(closed)?);
    }
    let ends: Option<Timestamp> = calendars
        .iter()
        .map(|calendar| calendar.closes_at(at))
        .collect::<Option<Vec<_>>>()
        .and_then(|ends| ends.into_iter().min());
    ends.ok_or_else(|| Denial::Closed {
        next_opening: first_common_opening(&calendars, at),
        holiday: calendars
            .iter()
            .filter(|calendar| !calendar.is_open(at))
            .find_map(|calendar| calendar.holiday(calendar.zone.to_datetime(at).date()))
            .map(str::to_owned),
    })
}

/// The first instant after `at` at which all are open.
fn first_common_opening(calendars: &[&Calendar], at: Timestamp) -> Option<Timestamp> {
    let mut openings: Vec<Timestamp> = calendars.iter().flat_map(|calendar| calendar.changes_after(at)).collect();
    openings.sort_unstable();
    openings.into_iter().find(|instant| calendars.iter().all(|calendar| calendar.is_open(*instant)))
}

fn approvers_exist(rules: &PolicySet, target: &Target, because: &mut Vec<RuleId>) -> Result<(), Denial> {
    if target.approvers.is_empty() || rules.withdrawn.contains(&target.id) {
        rule(because, format!("target.{}.approvers", target.id));
        return Err(Denial::TargetWithdrawn);
    }
    Ok(())
}
