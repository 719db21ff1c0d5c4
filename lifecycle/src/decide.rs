//! Commands, decided against the register and the rules: events, or a refusal.

use crate::account::{Account, AccountState, Identity, IdentityError, check_personal};
use crate::event::{Actor, EndCause, Event, FactorCause, WithdrawCause};
use crate::guard::Guard;
use crate::ids::{AccountId, InterventionNumber, SessionId};
use crate::intervention::{Intervention, InterventionState};
use crate::register::Register;
use crate::staff::{Role, Staff};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use policy::{
    Approval, ApprovalTerms, Decision, Denial, GroupId, Permit, PolicySet, Request, Right, Rights, RuleId, StaffLogin,
    TargetAccount, TargetId, TechnicianLogin, VendorId, Verified,
};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// A request that nobody answered lapses (APR-07).
const EXPIRES: SignedDuration = SignedDuration::from_mins(10);
/// An approval that is not taken up lapses (D2).
const REDEEM: SignedDuration = SignedDuration::from_secs(15);
/// Wrong read-out codes before a request is refused (D5).
const WRONG_CODES: u8 = 3;
/// Refusals after which a technician has to wait, and how long (APR-06).
const REFUSALS: usize = 2;
const COOL_DOWN: SignedDuration = SignedDuration::from_mins(10);
/// Factors younger than this ask for a call to the contract's number (D6).
const YOUNG: SignedDuration = SignedDuration::from_hours(7 * 24);

/// A change that somebody asks for.
#[derive(Debug, Clone)]
#[allow(missing_docs, reason = "the fields are those of the events of the same names")]
pub enum Command {
    AddStaff {
        staff: StaffLogin,
        identity: Identity,
        roles: BTreeSet<Role>,
        groups: BTreeSet<GroupId>,
        secret: u64,
        by: Actor,
    },
    DisableStaff {
        staff: StaffLogin,
        reason: String,
        by: Actor,
    },
    AddTechnician {
        account: AccountId,
        technician: TechnicianLogin,
        vendor: VendorId,
        identity: Identity,
        proofing: String,
        keys: Vec<String>,
        secret: u64,
        by: Actor,
    },
    DisableTechnician {
        technician: TechnicianLogin,
        reason: String,
        by: Actor,
    },
    UnlockTechnician {
        technician: TechnicianLogin,
        by: Actor,
    },
    SetCredential {
        target: TargetId,
        login: TargetAccount,
        form: String,
        secret: u64,
        by: Actor,
    },
    Request(Box<RequestFacts>),
    Submit {
        number: InterventionNumber,
    },
    Approve {
        number: InterventionNumber,
        attempt: StaffAttempt,
        code_fits: bool,
        verified: Verified,
        rights: Option<Rights>,
        until: Option<Timestamp>,
    },
    Refuse {
        number: InterventionNumber,
        attempt: StaffAttempt,
        reason: String,
    },
    Withdraw {
        number: InterventionNumber,
        cause: WithdrawCause,
    },
    Expire {
        number: InterventionNumber,
    },
    EndIntervention {
        number: InterventionNumber,
        cause: EndCause,
    },
}

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

/// What came of a code that was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodeCheck {
    /// Not six digits.
    Malformed,
    /// Fits no step of the window.
    Wrong,
    /// Fits this step.
    Fits(u64),
}

/// One try to log in, its secrets already compared.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Whose account.
    pub account: AccountId,
    /// From where.
    pub source: SocketAddr,
    /// Whether the password fits.
    pub password: bool,
    /// What came of the code.
    pub code: CodeCheck,
    /// Fingerprints of keys proven on this connection.
    pub keys: Vec<String>,
    /// The target named in the login, if one was.
    pub target: Option<String>,
    /// The vault has the secrets that the register names.
    pub vault_fits: bool,
}

/// Which factors a vendor's rule wants; two of them always (promise 8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FactorsRequired {
    /// Password and code.
    PasswordTotp,
    /// A key of the account besides.
    KeyPasswordTotp,
}

/// What came of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judged {
    /// All factors hold.
    Accepted,
    /// Refused; the client learns no more than that.
    Refused(FactorCause),
}

/// A member of staff who proves themselves, secrets already compared.
#[derive(Debug, Clone)]
pub struct StaffAttempt {
    /// Who they say they are.
    pub staff: StaffLogin,
    /// Whether the password fits.
    pub password: bool,
    /// What came of the code.
    pub code: CodeCheck,
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

/// Why a command was not carried out. A value with a text that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The login is or was somebody's.
    #[error("the login `{0}` is taken, and logins are never given out twice: choose another")]
    LoginTaken(String),
    /// No such account.
    #[error("there is no technician `{0}`: see `poterne technician list`")]
    NoTechnician(TechnicianLogin),
    /// No such member of staff.
    #[error("there is no staff account `{0}`: see `poterne staff list`")]
    NoStaff(StaffLogin),
    /// Not in the configuration.
    #[error("there is no {what} `{name}` in the configuration: declare it, then `poterne reload`")]
    NotDeclared {
        /// What kind of thing.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The identity is not whole.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// One human being, two accounts of the vendor.
    #[error("{0} has an account already, `{1}`: one person has one account")]
    SamePerson(String, String),
    /// No such intervention.
    #[error("there is no intervention {0}: see `poterne intervention list`")]
    NoIntervention(InterventionNumber),
    /// It does not wait for this.
    #[error("intervention {number} is {state}: nothing to {verb}")]
    NotWaiting {
        /// Which one.
        number: InterventionNumber,
        /// What it is.
        state: &'static str,
        /// What was to be done with it.
        verb: &'static str,
    },
    /// Password or code of the member of staff do not hold.
    #[error(
        "password or one-time code of `{0}` do not hold, or the code was used: wait for the next code and try again"
    )]
    StaffFactors(StaffLogin),
    /// The member of staff is locked.
    #[error("`{0}` is locked after several wrong tries: wait a minute, or ask another operator")]
    StaffLocked(StaffLogin),
    /// The member of staff has not the role.
    #[error("`{staff}` has not the role {role}: ask somebody who has")]
    Role {
        /// Who.
        staff: StaffLogin,
        /// Which role is needed.
        role: Role,
    },
    /// The code is not the one read out.
    #[error("the code is not the one that the technician of intervention {number} sees: {left} tries left")]
    WrongCode {
        /// Which request.
        number: InterventionNumber,
        /// Tries left before it is refused.
        left: u8,
    },
    /// The rules say no.
    #[error("{}", denial_text(.0))]
    Denied(Denial),
    /// Another request or intervention of this technician is going on (IDM-18).
    #[error("intervention {0} of this technician is still going on")]
    Busy(InterventionNumber),
    /// Two refusals a short while ago.
    #[error("two requests were refused: the next one is possible at {0}")]
    CoolingDown(Timestamp),
    /// A text is missing.
    #[error("the {0} is empty: write one")]
    Empty(&'static str),
    /// The session is over.
    #[error("the session is over")]
    SessionOver,
    /// The right is not in the permit.
    #[error("the right {0} was not granted")]
    RightMissing(Right),
}

fn denial_text(denial: &Denial) -> String {
    let text = match denial {
        Denial::ApproverNotOfTarget => "you are in none of the groups that approve for this target",
        Denial::ApproverIsRequester => "you are the person who asks: another one must approve",
        Denial::ApproverOfVendor => "you are of the vendor who asks: a person of the hospital must approve",
        Denial::ApproverTwice => "you approved already: another person must",
        Denial::CallBackNeeded => {
            "this request asks that you call the number in the vendor's contract yourself: call it, then approve with `--verified called`"
        }
        Denial::ApprovalOver => "the approval would end before it begins: choose a later end",
        Denial::NoRight => "no right would be left: strike fewer",
        other => return format!("the rules do not allow it ({})", other.code()),
    };
    text.to_owned()
}

/// What came of a command: what to journal, and whether it was refused.
///
/// A refusal can have events too: a wrong code is journalled, and a right one is used up.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Decided {
    /// To be journalled, then applied.
    pub events: Vec<Event>,
    /// Why it was not carried out, if it was not.
    pub refusal: Option<Refusal>,
}

impl From<Result<Vec<Event>, Refusal>> for Decided {
    fn from(result: Result<Vec<Event>, Refusal>) -> Self {
        match result {
            Ok(events) => Self { events, refusal: None },
            Err(refusal) => Self { events: Vec::new(), refusal: Some(refusal) },
        }
    }
}

/// Decides a command against the register and the rules.
pub fn decide(register: &Register, rules: &PolicySet, command: Command, at: Timestamp) -> Decided {
    let proven = |attempt: &StaffAttempt, purpose: String, act: &dyn Fn(&Staff) -> Result<Vec<Event>, Refusal>| {
        let (mut events, outcome) = judge_staff(register, attempt, &purpose, at);
        let acted = outcome.and_then(|()| act(known_staff(register, &attempt.staff)?));
        let Decided { events: acts, mut refusal } = Decided::from(acted);
        if let Some(Event::CodeMismatched { number, tries, .. }) = acts.first() {
            refusal = Some(Refusal::WrongCode { number: *number, left: WRONG_CODES.saturating_sub(*tries) });
        }
        events.extend(acts);
        Decided { events, refusal }
    };
    match command {
        Command::Approve { number, attempt, code_fits, verified, rights, until } => {
            let narrowing = Narrowing { verified, rights, until };
            proven(&attempt, format!("approve {number}"), &|staff| {
                approve(register, rules, requested(register, number, "approve")?, staff, code_fits, &narrowing, at)
            })
        }
        Command::Refuse { number, attempt, reason } => proven(&attempt, format!("refuse {number}"), &|staff| {
            may_decide(rules, requested(register, number, "refuse")?, staff)?;
            let reason = written("reason", reason.clone())?;
            Ok(vec![Event::InterventionRefused { number, by: Some(staff.login.clone()), reason }])
        }),
        other => decide_simple(register, rules, other, at).into(),
    }
}

fn decide_simple(
    register: &Register,
    rules: &PolicySet,
    command: Command,
    at: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    match command {
        Command::AddStaff { staff, identity, roles, groups, secret, by } => {
            if register.staff.contains_key(&staff) {
                return Err(Refusal::LoginTaken(staff.to_string()));
            }
            Ok(vec![Event::StaffAdded { staff, identity, roles, groups, secret, by }])
        }
        Command::DisableStaff { staff, reason, by } => {
            known_staff(register, &staff)?;
            Ok(vec![Event::StaffDisabled { staff, reason: written("reason", reason)?, by }])
        }
        Command::AddTechnician { account, technician, vendor, identity, proofing, keys, secret, by } => {
            add_technician(register, rules, &technician, &vendor, &identity)?;
            let proofing = written("proof of identity", proofing)?;
            Ok(vec![Event::TechnicianAdded { account, technician, vendor, identity, proofing, keys, secret, by }])
        }
        Command::DisableTechnician { technician, reason, by } => disable_technician(register, technician, reason, by),
        Command::UnlockTechnician { technician, by } => {
            let account = register.account(&technician).ok_or_else(|| Refusal::NoTechnician(technician.clone()))?;
            Ok(vec![Event::TechnicianUnlocked { account: account.id.clone(), technician, by }])
        }
        Command::SetCredential { target, login, form, secret, by } => {
            if !rules.targets.contains_key(&target) {
                return Err(Refusal::NotDeclared { what: "target", name: target.to_string() });
            }
            Ok(vec![Event::CredentialSet { target, login, form, secret, by }])
        }
        Command::Request(facts) => request(register, rules, *facts, at),
        Command::Submit { number } => {
            waiting(register, number, "send", |state| *state == InterventionState::Prepared)?;
            Ok(vec![Event::InterventionSubmitted { number }])
        }
        // Taken by `decide`, which judges the member of staff first.
        Command::Approve { .. } | Command::Refuse { .. } => Ok(Vec::new()),
        Command::Withdraw { number, cause } => {
            waiting(register, number, "withdraw", InterventionState::is_pending)?;
            Ok(vec![Event::InterventionWithdrawn { number, cause }])
        }
        Command::Expire { number } => {
            let intervention = waiting(register, number, "expire", InterventionState::is_pending)?;
            Ok(lapsed(intervention, at).into_iter().collect())
        }
        Command::EndIntervention { number, cause } => {
            let intervention = waiting(register, number, "end", |state| *state == InterventionState::Open)?;
            Ok(vec![ended(register, intervention, cause, at)])
        }
    }
}

/// The closing entry of an open intervention.
pub(crate) fn ended(register: &Register, intervention: &Intervention, cause: EndCause, at: Timestamp) -> Event {
    let began =
        intervention.sessions.first().and_then(|id| register.sessions.get(id)).map_or(at, |record| record.started);
    let seconds = u64::try_from(at.duration_since(began).as_secs()).unwrap_or(0);
    Event::InterventionEnded { number: intervention.number, cause, seconds }
}

fn written(what: &'static str, text: String) -> Result<String, Refusal> {
    if text.trim().is_empty() { Err(Refusal::Empty(what)) } else { Ok(text.trim().to_owned()) }
}

fn known_staff<'a>(register: &'a Register, login: &StaffLogin) -> Result<&'a Staff, Refusal> {
    register.staff.get(login).ok_or_else(|| Refusal::NoStaff(login.clone()))
}

fn waiting<'a>(
    register: &'a Register,
    number: InterventionNumber,
    verb: &'static str,
    fits: impl Fn(&InterventionState) -> bool,
) -> Result<&'a Intervention, Refusal> {
    let intervention = register.interventions.get(&number).ok_or(Refusal::NoIntervention(number))?;
    if fits(&intervention.state) {
        Ok(intervention)
    } else {
        Err(Refusal::NotWaiting { number, state: intervention.state.word(), verb })
    }
}

fn requested<'a>(
    register: &'a Register,
    number: InterventionNumber,
    verb: &'static str,
) -> Result<&'a Intervention, Refusal> {
    waiting(register, number, verb, |state| *state == InterventionState::Requested)
}

fn add_technician(
    register: &Register,
    rules: &PolicySet,
    technician: &TechnicianLogin,
    vendor: &VendorId,
    identity: &Identity,
) -> Result<(), Refusal> {
    if !rules.vendors.contains_key(vendor) {
        return Err(Refusal::NotDeclared { what: "vendor", name: vendor.to_string() });
    }
    check_personal(technician, vendor)?;
    if register.account(technician).is_some() {
        return Err(Refusal::LoginTaken(technician.to_string()));
    }
    let person = identity.person();
    let same = register.accounts.values().find(|account| {
        account.state != AccountState::Disabled && account.vendor == *vendor && account.identity.person().is(&person)
    });
    match same {
        Some(account) => Err(Refusal::SamePerson(identity.name.clone(), account.login.to_string())),
        None => Ok(()),
    }
}

/// Disables an account, and withdraws what it has waiting. Its sessions are ended by the brake,
/// which does not wait for this entry (D18).
fn disable_technician(
    register: &Register,
    technician: TechnicianLogin,
    reason: String,
    by: Actor,
) -> Result<Vec<Event>, Refusal> {
    let account = register.account(&technician).ok_or_else(|| Refusal::NoTechnician(technician.clone()))?;
    let reason = written("reason", reason)?;
    let mut events = vec![Event::TechnicianDisabled { account: account.id.clone(), technician, reason, by }];
    let pending = register.current().filter(|one| one.asked.account == account.id && one.state.is_pending());
    events
        .extend(pending.map(|one| Event::InterventionWithdrawn { number: one.number, cause: WithdrawCause::Disabled }));
    Ok(events)
}

/// What lapses by time alone.
fn lapsed(intervention: &Intervention, at: Timestamp) -> Option<Event> {
    let number = intervention.number;
    let since = |from: Timestamp| at.duration_since(from);
    match intervention.state {
        InterventionState::Approved if intervention.approved.is_some_and(|from| since(from) >= REDEEM) => {
            Some(Event::InterventionWithdrawn { number, cause: WithdrawCause::Lapsed })
        }
        InterventionState::Prepared | InterventionState::Requested if since(intervention.prepared) >= EXPIRES => {
            Some(Event::InterventionExpired { number })
        }
        _ => None,
    }
}

impl Intervention {
    /// When it lapses by time alone, if it is pending.
    pub fn lapses_at(&self) -> Option<Timestamp> {
        let after = |from: Timestamp, by| from.saturating_add(by).ok();
        match self.state {
            InterventionState::Prepared | InterventionState::Requested => after(self.prepared, EXPIRES),
            InterventionState::Approved => after(self.approved?, REDEEM),
            _ => None,
        }
    }
}

impl Register {
    /// The question that an account asks of the rules.
    fn question(
        &self,
        account: &Account,
        target: &TargetId,
        login: Option<TargetAccount>,
        source: SocketAddr,
        at: Timestamp,
    ) -> Request {
        let young = at.duration_since(account.factors_since) < YOUNG;
        Request {
            technician: account.login.clone(),
            person: account.identity.person(),
            vendor: account.vendor.clone(),
            target: target.clone(),
            account: login,
            source: Some(source.ip()),
            unfamiliar: young || !self.is_familiar(&account.id, target, source.ip()),
            at,
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
        let Some(account) = self.accounts.get(account).filter(|account| account.state == AccountState::Active) else {
            return Err((Denial::VendorUnknown, Vec::new()));
        };
        let verdict = policy::evaluate(rules, &self.question(account, target, login, source, at));
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
        let account = self.accounts.get(&asked.account).filter(|account| account.state == AccountState::Active);
        let account = account.ok_or(Denial::VendorUnknown)?;
        let mut question = self.question(account, &asked.target, Some(asked.login.clone()), asked.source, at);
        // What was unfamiliar when it was asked stays so for this intervention.
        question.unfamiliar = asked.call_back;
        let terms = match policy::evaluate(rules, &question).decision {
            Decision::AwaitApproval(terms) => terms,
            Decision::Deny(denial) => return Err(denial),
        };
        // INVARIANT: an approver who was disabled or lost the group since does not count any more.
        let standing: Vec<Approval> =
            intervention.approvals.iter().filter(|one| self.still_approves(one, &terms)).cloned().collect();
        let permit = terms.redeem(&standing, begins, at)?;
        let mut later = question;
        later.at = permit.until();
        let cause = match policy::evaluate(rules, &later).decision {
            Decision::Deny(Denial::Closed { .. }) => EndCause::HoursOver,
            Decision::Deny(Denial::ContractOver { .. }) => EndCause::ContractOver,
            _ => EndCause::TimeOver,
        };
        Ok((permit, cause))
    }

    fn still_approves(&self, approval: &Approval, terms: &ApprovalTerms) -> bool {
        self.staff.get(&approval.by).is_some_and(|staff| {
            !staff.disabled && staff.roles.contains(&Role::Approver) && !staff.groups.is_disjoint(&terms.approvers)
        })
    }

    /// Admits a session: judges all again (D2) and gives the entry that must be durable first.
    pub fn admit(
        &self,
        rules: &PolicySet,
        number: InterventionNumber,
        session: SessionId,
        recipients: Vec<String>,
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
            approved_by: intervention.approvals.iter().map(|approval| approval.by.clone()).collect(),
            recipients,
            config: self.config.clone(),
        };
        Ok(Admission { permit, ends_with, event })
    }

    /// Asks for one right of a live session, now.
    pub fn use_right(
        &self,
        rules: &PolicySet,
        session: &SessionId,
        right: Right,
        at: Timestamp,
    ) -> Result<Permit, Refusal> {
        let record = self.sessions.get(session).filter(|record| record.end.is_none()).ok_or(Refusal::SessionOver)?;
        let (permit, _) = self.permit(rules, record.number, record.started, at).map_err(Refusal::Denied)?;
        if permit.rights().contains(right) { Ok(permit) } else { Err(Refusal::RightMissing(right)) }
    }

    /// Judges one try to log in. All is judged together, by one path (D1).
    ///
    /// One right factor of two counts against the account, both wrong only against the source
    /// (D4). A right code is used up even with a wrong password.
    pub fn judge_factors(
        &self,
        rules: &PolicySet,
        attempt: &Attempt,
        required: FactorsRequired,
        at: Timestamp,
    ) -> (Vec<Event>, Judged) {
        let Some(account) = self.accounts.get(&attempt.account) else {
            return (Vec::new(), Judged::Refused(FactorCause::Inactive));
        };
        let fresh = match attempt.code {
            CodeCheck::Fits(step) if account.guard.is_fresh(step) => Some(step),
            _ => None,
        };
        let key = attempt.keys.iter().find(|key| account.keys.contains(key)).cloned();
        let cause = refused_because(rules, account, attempt, fresh, key.is_some(), required, at);
        let used = if account.guard.is_locked(at) { None } else { fresh };
        let (technician, source) = (account.login.clone(), attempt.source);
        let (Some(cause), id) = (cause, account.id.clone()) else {
            let mut factors = vec!["password".to_owned(), "totp".to_owned()];
            factors.extend(key.iter().map(|_| "key".to_owned()));
            let step = used.unwrap_or_default();
            let accepted =
                Event::FactorsAccepted { account: account.id.clone(), technician, source, factors, key, step };
            return (vec![accepted], Judged::Accepted);
        };
        let half =
            matches!(cause, FactorCause::Password | FactorCause::Code | FactorCause::CodeReused | FactorCause::Key);
        let counts = half && !account.guard.is_locked(at);
        let mut events = vec![Event::FactorsRefused {
            account: id.clone(),
            technician: technician.clone(),
            source,
            cause,
            key,
            step: used,
            counts,
        }];
        if counts && let Some(lock) = account.guard.next_lock(at, utc_day(at)) {
            let address = source.ip();
            events.push(Event::TechnicianLocked {
                account: id.clone(),
                technician: technician.clone(),
                lock,
                source: address,
            });
            if Guard::is_last_of_day(lock) {
                let what = "third lock of the day: stays until a person unlocks it".to_owned();
                events.push(Event::AccountAlert {
                    account: id.clone(),
                    technician: technician.clone(),
                    source: address,
                    what,
                });
            }
        }
        if matches!(cause, FactorCause::Disabled | FactorCause::Inactive) {
            let what = "a try on an account that is not active".to_owned();
            events.push(Event::AccountAlert { account: id, technician, source: source.ip(), what });
        }
        (events, Judged::Refused(cause))
    }
}

/// The true cause of a refusal, or `None`. Everything is looked at whatever is wrong.
fn refused_because(
    rules: &PolicySet,
    account: &Account,
    attempt: &Attempt,
    fresh: Option<u64>,
    key: bool,
    required: FactorsRequired,
    at: Timestamp,
) -> Option<FactorCause> {
    let vendor = rules.vendors.get(&account.vendor);
    let on_list = |target: &str| {
        vendor.is_some_and(|vendor| vendor.allow.iter().any(|rule| rule.targets.iter().any(|id| id.as_str() == target)))
    };
    match account.state {
        AccountState::Active => {}
        AccountState::Disabled => return Some(FactorCause::Disabled),
        AccountState::Invited | AccountState::Enrolled | AccountState::Expired => return Some(FactorCause::Inactive),
    }
    if !attempt.vault_fits {
        return Some(FactorCause::Vault);
    }
    if account.guard.is_locked(at) {
        return Some(FactorCause::Locked);
    }
    match (attempt.password, attempt.code) {
        (_, CodeCheck::Malformed) => return Some(FactorCause::CodeMalformed),
        (true, CodeCheck::Fits(_)) if fresh.is_none() => return Some(FactorCause::CodeReused),
        (true, CodeCheck::Fits(_)) => {}
        (true, CodeCheck::Wrong) => return Some(FactorCause::Code),
        (false, CodeCheck::Fits(_)) => return Some(FactorCause::Password),
        (false, CodeCheck::Wrong) => return Some(FactorCause::Both),
    }
    if required == FactorsRequired::KeyPasswordTotp && !key {
        return Some(FactorCause::Key);
    }
    let Some(vendor) = vendor else { return Some(FactorCause::Vendor) };
    if !vendor.sources.contain(attempt.source.ip()) {
        return Some(FactorCause::Source);
    }
    match &attempt.target {
        Some(target) if !on_list(target) => Some(FactorCause::Target),
        _ => None,
    }
}

fn utc_day(at: Timestamp) -> jiff::civil::Date {
    TimeZone::UTC.to_datetime(at).date()
}

/// Judges a member of staff's password and code. The events are to be journalled either way.
fn judge_staff(
    register: &Register,
    attempt: &StaffAttempt,
    purpose: &str,
    at: Timestamp,
) -> (Vec<Event>, Result<(), Refusal>) {
    let login = attempt.staff.clone();
    let purpose = purpose.to_owned();
    let Some(staff) = register.staff.get(&login).filter(|staff| !staff.disabled) else {
        let cause = if register.staff.contains_key(&login) { FactorCause::Disabled } else { FactorCause::Inactive };
        let event = Event::StaffRefused { staff: login.clone(), cause, step: None, counts: false, purpose };
        return (vec![event], Err(Refusal::StaffFactors(login)));
    };
    if staff.guard.is_locked(at) {
        let event = Event::StaffRefused {
            staff: login.clone(),
            cause: FactorCause::Locked,
            step: None,
            counts: false,
            purpose,
        };
        return (vec![event], Err(Refusal::StaffLocked(login)));
    }
    let fresh = match attempt.code {
        CodeCheck::Fits(step) if staff.guard.is_fresh(step) => Some(step),
        _ => None,
    };
    let cause = match (attempt.password, attempt.code, fresh) {
        (true, _, Some(step)) => {
            return (vec![Event::StaffCodeUsed { staff: login, step, purpose }], Ok(()));
        }
        (true, CodeCheck::Fits(_), None) => FactorCause::CodeReused,
        (true, CodeCheck::Wrong, _) => FactorCause::Code,
        (_, CodeCheck::Malformed, _) => FactorCause::CodeMalformed,
        (false, CodeCheck::Fits(_), _) => FactorCause::Password,
        (false, CodeCheck::Wrong, _) => FactorCause::Both,
    };
    let counts = matches!(cause, FactorCause::Code | FactorCause::Password);
    let mut events = vec![Event::StaffRefused { staff: login.clone(), cause, step: fresh, counts, purpose }];
    if counts && let Some(lock) = staff.guard.next_lock(at, utc_day(at)) {
        events.push(Event::StaffLocked { staff: login.clone(), lock });
    }
    (events, Err(Refusal::StaffFactors(login)))
}

/// The approver has the role and is of the target's groups.
fn may_decide(rules: &PolicySet, intervention: &Intervention, staff: &Staff) -> Result<(), Refusal> {
    if !staff.roles.contains(&Role::Approver) {
        return Err(Refusal::Role { staff: staff.login.clone(), role: Role::Approver });
    }
    let target = rules.targets.get(&intervention.asked.target).ok_or(Refusal::Denied(Denial::TargetUnknown))?;
    if staff.groups.is_disjoint(&target.approvers) {
        return Err(Refusal::Denied(Denial::ApproverNotOfTarget));
    }
    Ok(())
}

struct Narrowing {
    verified: Verified,
    rights: Option<Rights>,
    until: Option<Timestamp>,
}

fn approve(
    register: &Register,
    rules: &PolicySet,
    intervention: &Intervention,
    staff: &Staff,
    code_fits: bool,
    narrowing: &Narrowing,
    at: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let number = intervention.number;
    may_decide(rules, intervention, staff)?;
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
    let asked = &intervention.asked;
    let account = register.accounts.get(&asked.account).ok_or(Refusal::Denied(Denial::VendorUnknown))?;
    let mut question = register.question(account, &asked.target, Some(asked.login.clone()), asked.source, at);
    question.unfamiliar = asked.call_back;
    let terms = match policy::evaluate(rules, &question).decision {
        Decision::AwaitApproval(terms) => terms,
        Decision::Deny(denial) => return Err(Refusal::Denied(denial)),
    };
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

fn request(register: &Register, rules: &PolicySet, facts: RequestFacts, at: Timestamp) -> Result<Vec<Event>, Refusal> {
    let account = register
        .accounts
        .get(&facts.account)
        .filter(|account| account.state == AccountState::Active)
        .ok_or(Refusal::Denied(Denial::VendorUnknown))?;
    if let Some(going_on) = register.current().find(|one| one.asked.account == account.id) {
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

/// After two refusals in a row, when the next request is possible (APR-06).
fn cools_down_until(register: &Register, account: &AccountId, at: Timestamp) -> Option<Timestamp> {
    let last: Vec<&Intervention> = register
        .interventions
        .values()
        .rev()
        .filter(|one| one.asked.account == *account && one.submitted.is_some())
        .take(REFUSALS)
        .collect();
    let refused = last.len() == REFUSALS && last.iter().all(|one| one.state == InterventionState::Refused);
    let until = last.first().filter(|_| refused)?.ended?.saturating_add(COOL_DOWN).ok()?;
    (at < until).then_some(until)
}
