//! What the hospital opens in advance: planned and emergency interventions (D7, D14), extensions as
//! new approvals, and the look back at an emergency.

use super::interventions::{may_approve, set_up_by_another};
use super::{Decided, Refusal, WRONG_CODES, WindowError, waiting, written};
use crate::account::{Account, AccountState};
use crate::event::Event;
use crate::ids::InterventionNumber;
use crate::intervention::{Intervention, InterventionState};
use crate::register::Register;
use crate::staff::{Role, Staff};
use jiff::{SignedDuration, Timestamp};
use policy::{
    Approval, Decision, Denial, GroupId, PolicySet, Rights, StaffLogin, TargetAccount, TargetId, TechnicianLogin,
    Verdict, Verified,
};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// The longest window that one code opens (D7).
const LONGEST: SignedDuration = SignedDuration::from_hours(8);
/// The longest emergency (D14).
const EMERGENCY: SignedDuration = SignedDuration::from_hours(2);
/// How far ahead may be planned.
const AHEAD: SignedDuration = SignedDuration::from_hours(92 * 24);

/// What is planned, and who says so.
#[derive(Debug, Clone)]
pub struct PlanFacts {
    /// For whom.
    pub technician: TechnicianLogin,
    /// On which target.
    pub target: TargetId,
    /// Under which login on it; `None`: the target's own.
    pub login: Option<TargetAccount>,
    /// From when.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// Lifts the calendar (D14).
    pub emergency: bool,
    /// Why.
    pub reason: String,
    /// The ticket, or `-`.
    pub ticket: String,
    /// How the planner knows the technician.
    pub verified: Verified,
    /// Fewer rights than the rules give.
    pub rights: Option<Rights>,
    /// Groups that are on call now.
    pub on_call: BTreeSet<GroupId>,
}

/// Whether a window may be planned at this instant, whatever the rules say of it.
pub fn check_window(from: Timestamp, until: Timestamp, emergency: bool, at: Timestamp) -> Result<(), Refusal> {
    let wrong = |error| Err(Refusal::Window(error));
    if until <= from || until <= at {
        return wrong(WindowError::Over);
    }
    if until.duration_since(from) > LONGEST {
        return wrong(WindowError::TooLong);
    }
    if emergency && until.duration_since(at) > EMERGENCY {
        return wrong(WindowError::EmergencyTooLong);
    }
    if from.duration_since(at) > AHEAD {
        return wrong(WindowError::TooFarAhead);
    }
    Ok(())
}

fn on_call(emergency: bool, staff: &Staff, on_call: &BTreeSet<GroupId>) -> Result<(), Refusal> {
    if emergency && staff.groups.is_disjoint(on_call) {
        return Err(Refusal::NotOnCall(staff.login.clone()));
    }
    Ok(())
}

/// An emergency is the business of whoever is on call, its extension too (D14).
pub(super) fn on_call_for(
    register: &Register,
    number: InterventionNumber,
    staff: &Staff,
    on_call_now: &BTreeSet<GroupId>,
) -> Result<(), Refusal> {
    let one = register.interventions.get(&number).ok_or(Refusal::NoIntervention(number))?;
    on_call(one.is_emergency(), staff, on_call_now)
}

fn approval(staff: &Staff, at: Timestamp, verified: Verified, rights: Option<Rights>, until: Timestamp) -> Approval {
    Approval {
        by: staff.login.clone(),
        person: staff.identity.person(),
        groups: staff.groups.clone(),
        at,
        verified,
        rights,
        until: Some(until),
    }
}

/// Planning is an approval: it needs the approver's role for that target (D7).
pub(super) fn plan(
    register: &Register,
    rules: &PolicySet,
    facts: &PlanFacts,
    staff: &Staff,
    at: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    if !staff.roles.contains(&Role::Approver) {
        return Err(Refusal::Role { staff: staff.login.clone(), role: Role::Approver });
    }
    on_call(facts.emergency, staff, &facts.on_call)?;
    check_window(facts.from, facts.until, facts.emergency, at)?;
    let account = register.account(&facts.technician).ok_or_else(|| Refusal::NoTechnician(facts.technician.clone()))?;
    if register.usable(&account.id).is_none() {
        let frozen = account.state == AccountState::Active;
        let state = if frozen { "of a frozen vendor" } else { account.state.word() };
        let hint = "nothing can be planned for it";
        return Err(Refusal::AccountState { technician: facts.technician.clone(), state, hint });
    }
    set_up_by_another(register, &account.id, &account.login, staff)?;
    let begins = facts.from.max(at);
    let verdict =
        register.judge_plan(rules, account, &facts.target, facts.login.clone(), facts.emergency, (begins, at));
    let terms = match verdict.decision {
        Decision::AwaitApproval(terms) => terms,
        Decision::Deny(denial) => return Err(Refusal::Denied(denial)),
    };
    let first = approval(staff, at, facts.verified, facts.rights.clone(), facts.until);
    terms.accepts(&first).map_err(Refusal::Denied)?;
    let missing = match terms.redeem(std::slice::from_ref(&first), begins, begins) {
        Ok(_) => 0,
        Err(Denial::QuorumMissing { needed, have }) => needed.saturating_sub(have),
        Err(denial) => return Err(Refusal::Denied(denial)),
    };
    let number = register.next_number();
    let (reason, ticket) = (written("reason", facts.reason.clone())?, written("ticket", facts.ticket.clone())?);
    Ok(vec![
        Event::InterventionPlanned {
            number,
            account: account.id.clone(),
            technician: account.login.clone(),
            name: account.identity.name.clone(),
            vendor: account.vendor.clone(),
            target: terms.target,
            login: terms.account,
            rights: terms.rights,
            reason,
            ticket,
            from: facts.from,
            until: facts.until,
            emergency: facts.emergency,
            quorum: terms.quorum,
            per: terms.per,
            supervision: terms.supervision,
            call_back: terms.call_back,
            because: verdict.because,
            config: register.config.clone(),
            by: staff.login.clone(),
        },
        Event::InterventionApproved { number, approval: first, code: "planned".to_owned(), missing },
    ])
}

/// The further approvals that a quorum asks for; the code exists only after the last (D7).
pub(super) fn approve(
    register: &Register,
    rules: &PolicySet,
    number: InterventionNumber,
    staff: &Staff,
    verified: Verified,
    on_call_now: &BTreeSet<GroupId>,
    at: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let one = waiting(register, number, "approve", |state| *state == InterventionState::Planned)?;
    let Some(plan) = one.plan.as_ref().filter(|plan| plan.secret.is_none()) else {
        return Err(Refusal::NotWaiting {
            number,
            state: "planned, and approved by as many as are needed",
            verb: "approve",
        });
    };
    may_approve(register, rules, one, staff)?;
    on_call(plan.emergency, staff, on_call_now)?;
    let begins = plan.from.max(at);
    let terms = register.terms(rules, one, None, begins).map_err(Refusal::Denied)?;
    let further = approval(staff, at, verified, None, plan.until);
    terms.accepts(&further).map_err(Refusal::Denied)?;
    let mut all = one.approvals.clone();
    all.push(further.clone());
    let missing = match terms.redeem(&all, begins, begins) {
        Ok(_) => 0,
        Err(Denial::QuorumMissing { needed, have }) => needed.saturating_sub(have),
        Err(denial) => return Err(Refusal::Denied(denial)),
    };
    Ok(vec![Event::InterventionApproved { number, approval: further, code: "planned".to_owned(), missing }])
}

/// The technician came, and typed the code that was read to them. Three wrong tries over all
/// connections end it (D7).
pub(super) fn arrive(
    register: &Register,
    rules: &PolicySet,
    number: InterventionNumber,
    source: SocketAddr,
    code_fits: bool,
    notice: String,
    at: Timestamp,
) -> Decided {
    let judged = || -> Result<(&Intervention, u8), Refusal> {
        let one = waiting(register, number, "begin", |state| *state == InterventionState::Planned)?;
        let over = Refusal::Denied(Denial::ApprovalOver);
        let plan = one.plan.as_ref().filter(|plan| plan.secret.is_some()).ok_or(over.clone())?;
        if at < plan.from || at >= plan.until {
            return Err(over);
        }
        let going_on = register
            .current()
            .find(|other| other.asked.account == one.asked.account && other.state != InterventionState::Planned);
        match going_on {
            Some(other) => Err(Refusal::Busy(other.number)),
            None => Ok((one, plan.wrong_codes)),
        }
    };
    let (one, wrong) = match judged() {
        Ok(judged) => judged,
        Err(refusal) => return Err(refusal).into(),
    };
    let account = one.asked.account.clone();
    if !code_fits {
        let tries = wrong + 1;
        let mut events = vec![Event::PlannedCodeMismatched { number, account, source, tries }];
        if tries >= WRONG_CODES {
            let reason = "three wrong codes: whoever typed them was not read the code".to_owned();
            events.push(Event::InterventionRefused { number, by: None, reason });
        }
        return Decided { events, refusal: Some(Refusal::WrongPlannedCode(WRONG_CODES.saturating_sub(tries))) };
    }
    // A new address asks for a call, whatever was known when it was planned (D6).
    let holds = register.terms(rules, one, Some(source), at).and_then(|mut terms| {
        let holder = register.accounts.get(&account).ok_or(Denial::VendorUnknown)?;
        terms.call_back |= register.is_unfamiliar(holder, &one.asked.target, Some(source), at);
        terms.redeem(&one.approvals, at, at).map(|_| ())
    });
    match holds {
        Ok(()) => Ok(vec![Event::InterventionArrived { number, account, source, notice }]).into(),
        Err(denial) => Err(Refusal::Denied(denial)).into(),
    }
}

/// More time is a new approval, with its own code, and gives nothing but time (D12).
pub(super) fn extend(
    register: &Register,
    rules: &PolicySet,
    number: InterventionNumber,
    staff: &Staff,
    verified: Verified,
    until: Timestamp,
    at: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let one = waiting(register, number, "extend", |state| *state == InterventionState::Open)?;
    may_approve(register, rules, one, staff)?;
    let emergency = one.plan.as_ref().filter(|plan| plan.emergency);
    if emergency.is_some_and(|plan| until.duration_since(plan.from) > EMERGENCY) {
        return Err(Refusal::Window(WindowError::EmergencyOver));
    }
    let record = one.sessions.iter().filter_map(|id| register.sessions.get(id)).find(|record| record.end.is_none());
    let record = record.ok_or(Refusal::SessionOver)?;
    let (permit, _) = register.permit(rules, number, record.started, at).map_err(Refusal::Denied)?;
    let terms = register.terms(rules, one, one.asked.source, at).map_err(Refusal::Denied)?;
    let further = approval(staff, at, verified, Some(permit.rights().clone()), until);
    terms.accepts(&further).map_err(Refusal::Denied)?;
    let mut all: Vec<Approval> = one.extending_at(at).cloned().collect();
    all.push(further.clone());
    let (missing, until) = match terms.redeem(&all, at, at) {
        Ok(extended) if extended.until() > permit.until() => (0, extended.until()),
        Ok(extended) => {
            let (until, reach) = (permit.until(), extended.until());
            return Err(Refusal::Window(WindowError::NothingGained { until, reach }));
        }
        Err(Denial::QuorumMissing { needed, have }) => (needed.saturating_sub(have), permit.until()),
        Err(denial) => return Err(Refusal::Denied(denial)),
    };
    Ok(vec![Event::InterventionExtended { number, approval: further, missing, until }])
}

/// Another person looks at an emergency that is over (EMG-02).
pub(super) fn review(
    register: &Register,
    number: InterventionNumber,
    staff: &StaffLogin,
    text: String,
) -> Result<Vec<Event>, Refusal> {
    register.may_review(number, staff)?;
    Ok(vec![Event::InterventionReviewed { number, text: written("text", text)?, by: staff.clone() }])
}

/// See [`Register::may_review`].
fn reviewable(register: &Register, number: InterventionNumber, staff: &StaffLogin) -> Result<(), Refusal> {
    let one = waiting(register, number, "review", |state| state.is_final())?;
    if !one.is_emergency() || one.plan.as_ref().is_some_and(|plan| plan.reviewed.is_some()) {
        let state = if one.is_emergency() { "reviewed already" } else { "no emergency" };
        return Err(Refusal::NotWaiting { number, state, verb: "review" });
    }
    let reviewer = super::known_staff(register, staff)?;
    let same = |other: &StaffLogin| {
        other == staff
            || register.staff.get(other).is_some_and(|one| one.identity.person().is(&reviewer.identity.person()))
    };
    if one.approved_by().iter().any(same) {
        return Err(Refusal::OwnReview(staff.clone()));
    }
    Ok(())
}

impl Register {
    /// Whether this person may look back at that emergency: it is over, nobody has, and neither they
    /// nor the same person under another account approved it (EMG-02).
    pub fn may_review(&self, number: InterventionNumber, staff: &StaffLogin) -> Result<(), Refusal> {
        reviewable(self, number, staff)
    }

    /// What the rules say to an intervention that begins at the first instant and is planned at the
    /// second. Changes nothing.
    pub fn judge_plan(
        &self,
        rules: &PolicySet,
        account: &Account,
        target: &TargetId,
        login: Option<TargetAccount>,
        emergency: bool,
        (begins, at): (Timestamp, Timestamp),
    ) -> Verdict {
        let mut question = self.question(account, target, login, None, begins);
        question.emergency = emergency;
        // D6: what is young now is young, whenever it begins; and an emergency always asks for a call.
        question.unfamiliar = emergency || self.is_unfamiliar(account, target, None, at);
        policy::evaluate(rules, &question)
    }

    /// How far an extension that is approved now reaches: as far as the rules give time anew.
    pub fn extension_reaches(&self, rules: &PolicySet, one: &Intervention, at: Timestamp) -> Result<Timestamp, Denial> {
        let terms = self.terms(rules, one, one.asked.source, at)?;
        let reach = terms.closes_at.min(at.saturating_add(terms.longest).unwrap_or(at));
        let emergency = one.plan.as_ref().filter(|plan| plan.emergency);
        Ok(emergency.and_then(|plan| plan.from.checked_add(EMERGENCY).ok()).map_or(reach, |end| end.min(reach)))
    }

    /// What was planned for this account on this target and can be taken up now.
    pub fn planned_for(
        &self,
        account: &crate::ids::AccountId,
        target: &TargetId,
        login: Option<&TargetAccount>,
        at: Timestamp,
    ) -> Option<&Intervention> {
        self.current().find(|one| {
            one.state == InterventionState::Planned
                && one.asked.account == *account
                && one.asked.target == *target
                && login.is_none_or(|login| *login == one.asked.login)
                && one.arms_at(at)
        })
    }
}
