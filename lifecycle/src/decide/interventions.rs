//! From a request to a permit: asking, approving, admitting, and each use of a right.

use super::{Refusal, WRONG_CODES, waiting, written};
use crate::account::Account;
use crate::event::{EndCause, Event, WithdrawCause};
use crate::ids::{AccountId, InterventionNumber, SessionId};
use crate::intervention::{Intervention, InterventionState};
use crate::record::Readers;
use crate::register::Register;
use crate::staff::{Role, Staff};
use jiff::{SignedDuration, Timestamp};
use policy::{
    Approval, ApprovalTerms, Asked, Decision, Denial, Permit, PolicySet, Request, Rights, RuleId, TargetAccount,
    TargetId, TechnicianLogin, Verified,
};
use std::net::SocketAddr;

/// A request that nobody answered lapses (APR-07).
const EXPIRES: SignedDuration = SignedDuration::from_mins(10);

/// An approval that is not taken up lapses (D2).
const REDEEM: SignedDuration = SignedDuration::from_secs(15);

/// Refusals after which a technician has to wait, and how long (APR-06).
const REFUSALS: usize = 2;

const COOL_DOWN: SignedDuration = SignedDuration::from_mins(10);

/// Factors younger than this ask for a call to the contract's number (D6).
const YOUNG: SignedDuration = SignedDuration::from_hours(7 * 24);

/// What a technician asks for, once known.
#[derive(Debug, Clone)]
pub struct RequestFacts {
    /// Whose account.
    pub account: AccountId,
    /// For which target.
    pub target: TargetId,
    /// Under which login on it; `None`: the target's own.
    pub login: Option<TargetAccount>,
    /// From where.
    pub source: SocketAddr,
    /// Why.
    pub reason: String,
    /// The ticket, or `-`.
    pub ticket: String,
    /// The digest of the notice that was acknowledged (PRV-01).
    pub notice: String,
}

/// What an admission needs and gives.
#[derive(Debug, Clone)]
pub struct Admission {
    /// The permit, judged anew.
    pub permit: Permit,
    /// What ends at the permit's end.
    pub ends_with: EndCause,
    /// The entry that must be durable before anything is dialled.
    pub event: Event,
}

/// The closing entry of an open intervention.
pub(crate) fn ended(register: &Register, intervention: &Intervention, cause: EndCause, at: Timestamp) -> Event {
    let began =
        intervention.sessions.first().and_then(|id| register.sessions.get(id)).map_or(at, |record| record.started);
    let seconds = u64::try_from(at.duration_since(began).as_secs()).unwrap_or(0);
    Event::InterventionEnded { number: intervention.number, cause, seconds }
}

/// What lapses by time alone.
pub(super) fn lapsed(intervention: &Intervention, at: Timestamp) -> Option<Event> {
    let number = intervention.number;
    let since = |from: Timestamp| at.duration_since(from);
    match intervention.state {
        InterventionState::Approved if intervention.approved.is_some_and(|from| since(from) >= REDEEM) => {
            Some(Event::InterventionWithdrawn { number, cause: WithdrawCause::Lapsed, by: None })
        }
        InterventionState::Prepared | InterventionState::Requested if since(intervention.waits_since()) >= EXPIRES => {
            Some(Event::InterventionExpired { number })
        }
        InterventionState::Planned if intervention.plan.as_ref().is_some_and(|plan| at >= plan.until) => {
            Some(Event::InterventionExpired { number })
        }
        _ => None,
    }
}

impl Intervention {
    /// Since when it waits: for the technician to send it, then for the hospital.
    fn waits_since(&self) -> Timestamp {
        self.submitted.unwrap_or(self.prepared)
    }

    /// When it lapses by time alone, if it is pending.
    pub fn lapses_at(&self) -> Option<Timestamp> {
        let after = |from: Timestamp, by| from.saturating_add(by).ok();
        match self.state {
            InterventionState::Prepared | InterventionState::Requested => after(self.waits_since(), EXPIRES),
            InterventionState::Approved => after(self.approved?, REDEEM),
            InterventionState::Planned => self.plan.as_ref().map(|plan| plan.until),
            _ => None,
        }
    }
}

/// The approver has the role and is of the target's groups.
pub(super) fn may_decide(rules: &PolicySet, intervention: &Intervention, staff: &Staff) -> Result<(), Refusal> {
    if !staff.roles.contains(&Role::Approver) {
        return Err(Refusal::Role { staff: staff.login.clone(), role: Role::Approver });
    }
    let target = rules.targets.get(&intervention.asked.target).ok_or(Refusal::Denied(Denial::TargetUnknown))?;
    if staff.groups.is_disjoint(&target.approvers) {
        return Err(Refusal::Denied(Denial::ApproverNotOfTarget));
    }
    Ok(())
}

/// The approver may decide, and did not set up the account that asks: nobody lets in whom they made
/// (APR-02). Refusing is open to them.
pub(super) fn may_approve(
    register: &Register,
    rules: &PolicySet,
    intervention: &Intervention,
    staff: &Staff,
) -> Result<(), Refusal> {
    may_decide(rules, intervention, staff)?;
    set_up_by_another(register, &intervention.asked.account, &intervention.asked.technician, staff)
}

/// This member of staff did not set up the account (APR-02).
pub(super) fn set_up_by_another(
    register: &Register,
    account: &AccountId,
    technician: &TechnicianLogin,
    staff: &Staff,
) -> Result<(), Refusal> {
    if register.has_set_up(&staff.login, account) {
        return Err(Refusal::OwnSetUp { staff: staff.login.clone(), technician: technician.clone() });
    }
    Ok(())
}

/// By how much an approver grants less than was asked for (APR-11).
pub(super) struct Narrowing {
    pub(super) verified: Verified,
    pub(super) rights: Option<Rights>,
    pub(super) until: Option<Timestamp>,
}

pub(super) fn approve(
    register: &Register,
    rules: &PolicySet,
    intervention: &Intervention,
    staff: &Staff,
    code_fits: bool,
    narrowing: &Narrowing,
    at: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let number = intervention.number;
    may_approve(register, rules, intervention, staff)?;
    if !code_fits {
        let tries = intervention.wrong_codes + 1;
        let mut events = vec![Event::CodeMismatched { number, staff: staff.login.clone(), tries }];
        if tries >= WRONG_CODES {
            let reason =
                "three wrong codes: whoever spoke with the approver does not sit at that connection".to_owned();
            events.push(Event::InterventionRefused { number, by: None, reason });
        }
        return Ok(events);
    }
    let approval = Approval {
        by: staff.login.clone(),
        person: staff.identity.person(),
        groups: staff.groups.clone(),
        at,
        verified: narrowing.verified,
        rights: narrowing.rights.clone(),
        until: narrowing.until,
    };
    let terms = register.terms(rules, intervention, intervention.asked.source, at).map_err(Refusal::Denied)?;
    terms.accepts(&approval).map_err(Refusal::Denied)?;
    let mut all = intervention.approvals.clone();
    all.push(approval.clone());
    let missing = match terms.redeem(&all, at, at) {
        Ok(_) => 0,
        Err(Denial::QuorumMissing { needed, have }) => needed.saturating_sub(have),
        Err(denial) => return Err(Refusal::Denied(denial)),
    };
    Ok(vec![Event::InterventionApproved { number, approval, code: "matched".to_owned(), missing }])
}

pub(super) fn request(
    register: &Register,
    rules: &PolicySet,
    facts: RequestFacts,
    at: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let account = register.usable(&facts.account).ok_or(Refusal::Denied(Denial::VendorUnknown))?;
    let going_on = |one: &&Intervention| one.asked.account == account.id && one.state != InterventionState::Planned;
    if let Some(going_on) = register.current().find(going_on) {
        return Err(Refusal::Busy(going_on.number));
    }
    if let Some(until) = cools_down_until(register, &account.id, at) {
        return Err(Refusal::CoolingDown(until));
    }
    let (reason, ticket) = (written("reason", facts.reason)?, written("ticket", facts.ticket)?);
    let (terms, because) = register
        .judge(rules, &account.id, &facts.target, facts.login, facts.source, at)
        .map_err(|(denial, _)| Refusal::Denied(denial))?;
    Ok(vec![Event::InterventionRequested {
        number: register.next_number(),
        account: account.id.clone(),
        technician: account.login.clone(),
        name: account.identity.name.clone(),
        vendor: account.vendor.clone(),
        target: terms.target,
        login: terms.account,
        rights: terms.rights,
        source: facts.source,
        reason,
        ticket,
        notice: facts.notice,
        quorum: terms.quorum,
        per: terms.per,
        supervision: terms.supervision,
        call_back: terms.call_back,
        because,
        config: register.config.clone(),
    }])
}

/// After two refusals in a row, when the next request is possible (APR-06). What nobody decided over
/// lies between them without counting: sending a request and leaving does not wash a refusal off.
fn cools_down_until(register: &Register, account: &AccountId, at: Timestamp) -> Option<Timestamp> {
    let last: Vec<&Intervention> = register
        .interventions
        .values()
        .rev()
        .filter(|one| one.asked.account == *account && one.submitted.is_some())
        .filter(|one| !matches!(one.state, InterventionState::Withdrawn(_) | InterventionState::Expired))
        .take(REFUSALS)
        .collect();
    let refused = last.len() == REFUSALS && last.iter().all(|one| one.state == InterventionState::Refused);
    let until = last.first().filter(|_| refused)?.ended?.saturating_add(COOL_DOWN).ok()?;
    (at < until).then_some(until)
}

impl Register {
    /// The question that an account asks of the rules. Without a source it is not about a connection:
    /// then a target that was never visited is what makes it unfamiliar.
    pub(super) fn question(
        &self,
        account: &Account,
        target: &TargetId,
        login: Option<TargetAccount>,
        source: Option<SocketAddr>,
        at: Timestamp,
    ) -> Request {
        Request {
            technician: account.login.clone(),
            person: account.identity.person(),
            vendor: account.vendor.clone(),
            target: target.clone(),
            account: login,
            source: source.map(|source| source.ip()),
            unfamiliar: self.is_unfamiliar(account, target, source, at),
            emergency: false,
            at,
        }
    }

    /// First visit, new source or factors younger than a week: the approver must have called (D6).
    /// Without a source, a target that was never visited is what counts.
    pub(super) fn is_unfamiliar(
        &self,
        account: &Account,
        target: &TargetId,
        source: Option<SocketAddr>,
        at: Timestamp,
    ) -> bool {
        let familiar = match source {
            Some(source) => self.is_familiar(&account.id, target, source.ip()),
            None => self.has_visited(&account.id, target),
        };
        at.duration_since(account.factors_since) < YOUNG || !familiar
    }

    /// The terms of an intervention by the rules in force at this instant, for this source.
    /// Whether this member of staff could approve this intervention, as far as it lies with who they
    /// are: asked before a page offers it, and judged again when they do.
    pub fn may_approve(&self, rules: &PolicySet, intervention: &Intervention, staff: &Staff) -> Result<(), Refusal> {
        if !staff.is_active() {
            return Err(Refusal::Role { staff: staff.login.clone(), role: Role::Approver });
        }
        may_approve(self, rules, intervention, staff)?;
        let person = staff.identity.person();
        let asked = &intervention.asked;
        let requester = self.accounts.get(&asked.account).map(|account| account.identity.person());
        let domain = rules.vendors.get(&asked.vendor).map(|vendor| vendor.domain.as_str());
        let denial = if intervention.approvals.iter().any(|one| one.by == staff.login || one.person.is(&person)) {
            Denial::ApproverTwice
        } else if requester.is_some_and(|requester| requester.is(&person)) {
            Denial::ApproverIsRequester
        } else if domain.is_some_and(|domain| person.is_of(domain)) {
            Denial::ApproverOfVendor
        } else {
            return Ok(());
        };
        Err(Refusal::Denied(denial))
    }

    /// What the rules give an intervention that comes from this address at this instant.
    pub fn terms(
        &self,
        rules: &PolicySet,
        intervention: &Intervention,
        source: Option<SocketAddr>,
        at: Timestamp,
    ) -> Result<ApprovalTerms, Denial> {
        let asked = &intervention.asked;
        let account = self.usable(&asked.account).ok_or(Denial::VendorUnknown)?;
        let mut question = self.question(account, &asked.target, Some(asked.login.clone()), source, at);
        // What was unfamiliar when it was asked stays so for this intervention, and no more is.
        question.unfamiliar = asked.call_back;
        question.emergency = intervention.is_emergency();
        match policy::evaluate(rules, &question).decision {
            Decision::AwaitApproval(terms) => Ok(terms),
            Decision::Deny(denial) => Err(denial),
        }
    }

    /// Judges whether this account may reach this target now. Changes nothing.
    pub fn judge(
        &self,
        rules: &PolicySet,
        account: &AccountId,
        target: &TargetId,
        login: Option<TargetAccount>,
        source: SocketAddr,
        at: Timestamp,
    ) -> Result<(ApprovalTerms, Vec<RuleId>), (Denial, Vec<RuleId>)> {
        let Some(account) = self.usable(account) else { return Err((Denial::VendorUnknown, Vec::new())) };
        let verdict = policy::evaluate(rules, &self.question(account, target, login, Some(source), at));
        match verdict.decision {
            Decision::AwaitApproval(terms) => Ok((terms, verdict.because)),
            Decision::Deny(denial) => Err((denial, verdict.because)),
        }
    }

    /// The permit of an intervention, judged anew by the rules in force at this instant. `begins`
    /// is when its session was admitted. Nothing that was granted is remembered: each use asks.
    pub fn permit(
        &self,
        rules: &PolicySet,
        number: InterventionNumber,
        begins: Timestamp,
        at: Timestamp,
    ) -> Result<(Permit, EndCause), Denial> {
        let intervention = self.interventions.get(&number).ok_or(Denial::TargetUnknown)?;
        let asked = &intervention.asked;
        let terms = self.terms(rules, intervention, asked.source, at)?;
        // Whoever joined has no longer than the first. Extended: the approvals of the extension hold,
        // from when they were given.
        let first = self.first_of(number).map(|first| first.started);
        let begins = intervention.extended.or(first).unwrap_or(begins);
        // INVARIANT: an approver who was disabled or lost the group since does not count any more, nor
        // does an approval by factors that are gone, nor one by whoever gave the account a key since.
        let standing: Vec<Approval> = intervention
            .approvals
            .iter()
            .filter(|one| self.still_approves(one, &terms) && !self.has_set_up(&one.by, &asked.account))
            .cloned()
            .collect();
        let permit = terms.redeem(&standing, begins, at)?;
        let cause = match self.terms(rules, intervention, asked.source, permit.until()) {
            Err(Denial::Closed { .. }) => EndCause::HoursOver,
            Err(Denial::ContractOver { .. }) => EndCause::ContractOver,
            _ => EndCause::TimeOver,
        };
        Ok((permit, cause))
    }

    fn still_approves(&self, approval: &Approval, terms: &ApprovalTerms) -> bool {
        self.staff.get(&approval.by).is_some_and(|staff| {
            staff.is(Role::Approver)
                && staff.factors_since <= approval.at
                && !staff.groups.is_disjoint(&terms.approvers)
        })
    }

    /// Admits a session: judges all again (D2) and gives the entry that must be durable first.
    pub fn admit(
        &self,
        rules: &PolicySet,
        number: InterventionNumber,
        session: SessionId,
        readers: Readers,
        at: Timestamp,
    ) -> Result<Admission, Refusal> {
        let intervention = waiting(self, number, "admit", |state| *state == InterventionState::Approved)?;
        if lapsed(intervention, at).is_some() {
            return Err(Refusal::Denied(Denial::ApprovalOver));
        }
        let (permit, ends_with) = self.permit(rules, number, at, at).map_err(Refusal::Denied)?;
        let event = Event::SessionAdmitted {
            session,
            number,
            account: intervention.asked.account.clone(),
            target: permit.target().clone(),
            login: permit.account().clone(),
            rights: permit.rights().clone(),
            until: permit.until(),
            approved_by: intervention.approved_by(),
            recipients: readers.first,
            second_recipients: readers.second,
            config: self.config.clone(),
            joined_from: None,
        };
        Ok(Admission { permit, ends_with, event })
    }

    /// Asks whether a live session may do this, now.
    pub fn may(&self, rules: &PolicySet, session: &SessionId, asked: &Asked, at: Timestamp) -> Result<Permit, Refusal> {
        let record = self.sessions.get(session).filter(|record| record.end.is_none()).ok_or(Refusal::SessionOver)?;
        if self.first_of(record.number).is_none_or(|first| first.end.is_some()) {
            return Err(Refusal::SessionOver);
        }
        let (permit, _) = self.permit(rules, record.number, record.started, at).map_err(Refusal::Denied)?;
        asked.allowed_by(permit.rights()).map_err(Refusal::RightMissing)?;
        Ok(permit)
    }
}
