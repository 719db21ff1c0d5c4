//! Commands, decided against the register and the rules: events, or a refusal.

mod accounts;
mod explained;
mod factors;
mod interventions;
mod planned;

pub use explained::Explained;
pub use factors::{Attempt, CodeCheck, FactorsRequired, Judged, StaffAttempt};
pub use interventions::{Admission, RequestFacts};
pub use planned::PlanFacts;

use crate::account::{Identity, IdentityError};
use crate::event::{Actor, EndCause, Event, WithdrawCause};
use crate::ids::{AccountId, InterventionNumber};
use crate::intervention::{Intervention, InterventionState};
use crate::register::Register;
use crate::staff::{Role, Staff};
use factors::judge_staff;
use interventions::{Narrowing, approve, ended, lapsed, may_decide, request};
use jiff::Timestamp;
use policy::{
    Denial, GroupId, PolicySet, Right, Rights, StaffLogin, TargetAccount, TargetId, TechnicianLogin, VendorId, Verified,
};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// Wrong read-out codes before a request is refused (D5).
const WRONG_CODES: u8 = 3;

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
    InviteTechnician {
        account: AccountId,
        technician: TechnicianLogin,
        vendor: VendorId,
        identity: Identity,
        proofing: String,
        keys: Vec<String>,
        invitation: u64,
        by: Actor,
    },
    /// Old factors are gone, a new invitation is there.
    ResetTechnician {
        technician: TechnicianLogin,
        reason: String,
        invitation: u64,
        /// Lifts a disabled account; without it a disabled one is refused, and with it any other.
        enable: bool,
        by: Actor,
    },
    Enrol {
        account: AccountId,
        /// The generation of the invitation that opened the page.
        invitation: u64,
        source: SocketAddr,
        charter: String,
        secret: u64,
    },
    Activate {
        technician: TechnicianLogin,
        /// The generation of the secrets that the word was compared for.
        secret: u64,
        word_fits: bool,
        by: Actor,
    },
    AddKey {
        technician: TechnicianLogin,
        key: String,
        by: Actor,
    },
    RemoveKey {
        technician: TechnicianLogin,
        key: String,
        by: Actor,
    },
    FreezeVendor {
        vendor: VendorId,
        reason: String,
        by: Actor,
    },
    ThawVendor {
        vendor: VendorId,
        reason: String,
        by: Actor,
    },
    /// Only that these are a staff member's factors: signing in.
    Prove {
        attempt: StaffAttempt,
        purpose: String,
    },
    Plan {
        attempt: StaffAttempt,
        facts: Box<PlanFacts>,
    },
    /// A further approval of a planned one.
    ApprovePlanned {
        number: InterventionNumber,
        attempt: StaffAttempt,
        verified: Verified,
        on_call: BTreeSet<GroupId>,
    },
    Arm {
        number: InterventionNumber,
        secret: u64,
    },
    Arrive {
        number: InterventionNumber,
        source: SocketAddr,
        code_fits: bool,
        notice: String,
    },
    Extend {
        number: InterventionNumber,
        attempt: StaffAttempt,
        verified: Verified,
        until: Timestamp,
        on_call: BTreeSet<GroupId>,
    },
    Review {
        number: InterventionNumber,
        staff: StaffLogin,
        text: String,
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
        by: Option<Actor>,
    },
    Expire {
        number: InterventionNumber,
    },
    EndIntervention {
        number: InterventionNumber,
        cause: EndCause,
    },
}

/// What is wrong with a technician's public key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Somebody has it.
    #[error("this key belongs to an account already: a key is one person's")]
    Taken,
    /// There are as many as there may be.
    #[error("the account has 8 keys already: remove one first")]
    TooMany,
    /// It is not the account's.
    #[error("the account has no such key: write its fingerprint, `SHA256:…`, as `technician show` prints it")]
    Missing,
}

/// What is wrong with the time that somebody wants to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// It ends before it begins, or lies in the past.
    #[error("the window ends before it begins, or is over: write a later --until")]
    Over,
    /// One code opens no longer a window (D7).
    #[error("the window is longer than 8 hours: plan several")]
    TooLong,
    /// An emergency is shorter (D14).
    #[error("an emergency lasts 2 hours at most: write fewer --minutes")]
    EmergencyTooLong,
    /// Nobody plans so far ahead.
    #[error("the window lies more than 3 months ahead: plan it later")]
    TooFarAhead,
    /// An emergency is not made long by parts (D14).
    #[error("an emergency lasts 2 hours at most in all: write fewer --minutes, or open another one")]
    EmergencyOver,
    /// The rules do not let it last longer than it does already.
    #[error("nothing would be gained: it may last until {until} as it is, and no approval reaches beyond {reach}")]
    NothingGained {
        /// Until when it lasts.
        until: Timestamp,
        /// How far an approval reaches.
        reach: Timestamp,
    },
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
    /// The account is not in the state for this.
    #[error("the account of `{technician}` is {state}: {hint}")]
    AccountState {
        /// Whose.
        technician: TechnicianLogin,
        /// What it is.
        state: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// The check word is another.
    #[error(
        "the word is not the one that `{technician}` was shown ({left} tries left): call the number in the contract, not another one"
    )]
    WrongWord {
        /// Whose.
        technician: TechnicianLogin,
        /// Tries left before the account has to be reset.
        left: u8,
    },
    /// The key is there already, or is not there.
    #[error(transparent)]
    Key(KeyError),
    /// The vendor is frozen already.
    #[error("the vendor `{0}` is frozen already")]
    VendorFrozen(VendorId),
    /// The vendor is not frozen.
    #[error("the vendor `{0}` is not frozen")]
    VendorNotFrozen(VendorId),
    /// The window of a plan is not one.
    #[error(transparent)]
    Window(WindowError),
    /// Nobody of these groups is on call now.
    #[error("`{0}` is in no group that is on call now: an emergency is opened by whoever is on call")]
    NotOnCall(StaffLogin),
    /// The code read to the technician is another.
    #[error("the planned code does not fit: {0} tries left")]
    WrongPlannedCode(u8),
    /// The same person has approved it.
    #[error("`{0}` approved it: another person must look at it")]
    OwnReview(StaffLogin),
    /// Another request or intervention of this technician is going on (IDM-18).
    #[error("intervention {0} of this technician is still going on")]
    Busy(InterventionNumber),
    /// Two refusals a short while ago.
    #[error("two requests were refused: the next one is possible at {0}")]
    CoolingDown(Timestamp),
    /// A text is longer than an entry should hold.
    #[error("the {0} is longer than 2000 characters: shorten it")]
    TooLong(&'static str),
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
        Denial::Closed { .. } => {
            "it is outside the opening hours: choose another time, or `poterne intervention emergency` if you are on call"
        }
        Denial::ContractOver { .. } | Denial::ContractNotBegun { .. } => {
            "the vendor's contract does not cover that day"
        }
        Denial::TargetForbidden { because } => return format!("a rule forbids it: {because}"),
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
        Command::Prove { attempt, purpose } => proven(&attempt, purpose, &|_| Ok(Vec::new())),
        Command::Plan { attempt, facts } => {
            let purpose = format!("plan for {} on {}", facts.technician, facts.target);
            proven(&attempt, purpose, &|staff| planned::plan(register, rules, &facts, staff, at))
        }
        Command::ApprovePlanned { number, attempt, verified, on_call } => {
            proven(&attempt, format!("approve {number}"), &|staff| {
                planned::approve(register, rules, number, staff, verified, &on_call, at)
            })
        }
        Command::Extend { number, attempt, verified, until, on_call } => {
            proven(&attempt, format!("extend {number}"), &|staff| {
                planned::on_call_for(register, number, staff, &on_call)?;
                planned::extend(register, rules, number, staff, verified, until, at)
            })
        }
        Command::Activate { technician, secret, word_fits, by } => {
            accounts::activate(register, technician, secret, word_fits, by)
        }
        Command::Arrive { number, source, code_fits, notice } => {
            planned::arrive(register, rules, number, source, code_fits, notice, at)
        }
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
            accounts::may_begin(register, rules, &technician, &vendor, &identity)?;
            accounts::keys_are_free(register, &keys)?;
            let proofing = written("proof of identity", proofing)?;
            Ok(vec![Event::TechnicianAdded { account, technician, vendor, identity, proofing, keys, secret, by }])
        }
        Command::InviteTechnician { account, technician, vendor, identity, proofing, keys, invitation, by } => {
            accounts::may_begin(register, rules, &technician, &vendor, &identity)?;
            accounts::keys_are_free(register, &keys)?;
            let (proofing, until) = (written("proof of identity", proofing)?, accounts::invitation_ends(at));
            Ok(vec![Event::TechnicianInvited {
                account,
                technician,
                vendor,
                identity,
                proofing,
                keys,
                invitation,
                until,
                by,
            }])
        }
        Command::ResetTechnician { technician, reason, invitation, enable, by } => {
            accounts::reset(register, technician, reason, invitation, enable, by, at)
        }
        Command::Enrol { account, invitation, source, charter, secret } => {
            accounts::enrol(register, &account, invitation, source, charter, secret, at)
        }
        Command::AddKey { technician, key, by } => accounts::add_key(register, technician, key, by),
        Command::RemoveKey { technician, key, by } => accounts::remove_key(register, technician, key, by),
        Command::FreezeVendor { vendor, reason, by } => accounts::freeze(register, rules, vendor, reason, by),
        Command::ThawVendor { vendor, reason, by } => {
            if !register.frozen_vendors.contains_key(&vendor) {
                return Err(Refusal::VendorNotFrozen(vendor));
            }
            Ok(vec![Event::VendorThawed { vendor, reason: written("reason", reason)?, by }])
        }
        Command::Arm { number, secret } => {
            waiting(register, number, "arm", |state| *state == InterventionState::Planned)?;
            Ok(vec![Event::InterventionArmed { number, secret }])
        }
        Command::Review { number, staff, text } => planned::review(register, number, &staff, text),
        Command::DisableTechnician { technician, reason, by } => accounts::disable(register, technician, reason, by),
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
        Command::Approve { .. }
        | Command::Refuse { .. }
        | Command::Prove { .. }
        | Command::Plan { .. }
        | Command::ApprovePlanned { .. }
        | Command::Extend { .. }
        | Command::Activate { .. }
        | Command::Arrive { .. } => Ok(Vec::new()),
        Command::Withdraw { number, cause, by } => {
            waiting(register, number, "withdraw", |state| state.is_pending() || *state == InterventionState::Planned)?;
            Ok(vec![Event::InterventionWithdrawn { number, cause, by }])
        }
        Command::Expire { number } => {
            let intervention = waiting(register, number, "expire", |state| {
                state.is_pending() || *state == InterventionState::Planned
            })?;
            Ok(lapsed(intervention, at).into_iter().collect())
        }
        Command::EndIntervention { number, cause } => {
            let intervention = waiting(register, number, "end", |state| *state == InterventionState::Open)?;
            Ok(vec![ended(register, intervention, cause, at)])
        }
    }
}

fn written(what: &'static str, text: String) -> Result<String, Refusal> {
    /// An entry of the journal holds a mebibyte; no text of people may come near it.
    const LONGEST: usize = 2000;
    match text.trim() {
        "" => Err(Refusal::Empty(what)),
        long if long.chars().count() > LONGEST => Err(Refusal::TooLong(what)),
        fits => Ok(fits.to_owned()),
    }
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
