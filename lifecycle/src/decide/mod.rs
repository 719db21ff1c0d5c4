//! Commands, decided against the register and the rules: events, or a refusal.

mod accounts;
mod explained;
mod factors;
mod interventions;
mod joining;
mod planned;
mod refusal;
mod staff;
mod tokens;

pub use explained::{Explained, is_cut};
pub use factors::{Attempt, CodeCheck, FactorsRequired, Judged, StaffAttempt};
pub(crate) use interventions::ended;
pub use interventions::{Admission, RequestFacts};
pub use joining::{JoinFacts, JoinRefusal, MOST_CONNECTIONS};
pub use planned::{PlanFacts, check_window};
pub use refusal::{KeyError, Refusal, TokenError, WindowError};

use crate::account::Identity;
use crate::break_glass;
use crate::event::{Actor, EndCause, Event, WithdrawCause};
use crate::ids::{AccountId, InterventionNumber, TokenId};
use crate::intervention::{Intervention, InterventionState};
use crate::register::Register;
use crate::rollback;
use crate::staff::{Role, Staff};
use crate::token::ExportScope;
use factors::judge_staff;
use interventions::{Narrowing, approve, lapsed, may_decide, request};
use jiff::Timestamp;
use policy::{GroupId, PolicySet, Rights, StaffLogin, TargetAccount, TargetId, TechnicianLogin, VendorId, Verified};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// Wrong codes before a request is refused (D5), a plan is over (D7), nobody joins any more (D9).
pub const WRONG_CODES: u8 = 3;

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
    /// They choose their factors themselves, with the code of this invitation.
    InviteStaff {
        staff: StaffLogin,
        identity: Identity,
        roles: BTreeSet<Role>,
        groups: BTreeSet<GroupId>,
        invitation: u64,
        by: Actor,
    },
    /// Old factors are gone, a new invitation is there.
    ResetStaff {
        staff: StaffLogin,
        reason: String,
        invitation: u64,
        by: Actor,
    },
    EnrolStaff {
        staff: StaffLogin,
        /// The generation of the invitation that opened the page.
        invitation: u64,
        secret: u64,
        source: IpAddr,
    },
    /// Other roles and groups instead of those there were.
    ChangeStaff {
        staff: StaffLogin,
        roles: BTreeSet<Role>,
        groups: BTreeSet<GroupId>,
        reason: String,
        by: Actor,
    },
    UnlockStaff {
        staff: StaffLogin,
        by: Actor,
    },
    /// For what they read themselves; `fr` or `en`.
    ChooseLanguage {
        staff: StaffLogin,
        language: String,
    },
    MakeToken {
        id: TokenId,
        label: String,
        scope: ExportScope,
        until: Timestamp,
        /// SHA-256 of the token, in lower-case hexadecimal.
        digest: String,
        by: StaffLogin,
    },
    RevokeToken {
        id: TokenId,
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
    /// All credentials of a company's accounts are to be made anew; the generations of the invitations, by
    /// account.
    RotateVendor {
        vendor: VendorId,
        reason: String,
        invitations: BTreeMap<AccountId, u64>,
        by: Actor,
    },
    /// Equipment of this group is open again while the rest stays cut.
    ReopenGroup {
        group: GroupId,
        reason: String,
        by: Actor,
    },
    /// A person takes an alert.
    AcknowledgeAlert {
        alert: u64,
        note: String,
        by: StaffLogin,
    },
    PrintBreakGlass {
        count: u32,
        secret: u64,
        by: Actor,
    },
    /// Only that these are a staff member's factors: signing in.
    Prove {
        attempt: StaffAttempt,
        purpose: String,
    },
    /// Entries are gone, and that is known and accepted (D17).
    AcceptRollback {
        attempt: StaffAttempt,
        reason: String,
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
    /// A no. It opens nothing, so it asks who, and no fresh code (D12).
    Refuse {
        number: InterventionNumber,
        staff: StaffLogin,
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
        Command::Prove { attempt, purpose } => proven(&attempt, purpose, &|_| Ok(Vec::new())),
        Command::AcceptRollback { attempt, reason } => proven(&attempt, "accept the rollback".to_owned(), &|staff| {
            rollback::accept(register, staff, &written("reason", reason.clone())?)
        }),
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
            staff::may_begin(register, &staff, &identity, &roles, &groups, &by)?;
            Ok(vec![Event::StaffAdded { staff, identity, roles, groups, secret, by }])
        }
        Command::InviteStaff { staff, identity, roles, groups, invitation, by } => {
            staff::may_begin(register, &staff, &identity, &roles, &groups, &by)?;
            let until = accounts::invitation_ends(at);
            Ok(vec![Event::StaffInvited { staff, identity, roles, groups, invitation, until, by }])
        }
        Command::ResetStaff { staff, reason, invitation, by } => {
            staff::reset(register, staff, reason, invitation, by, at)
        }
        Command::EnrolStaff { staff, invitation, secret, source } => {
            staff::enrol(register, staff, invitation, secret, source, at)
        }
        Command::ChangeStaff { staff, roles, groups, reason, by } => {
            staff::change(register, staff, roles, groups, reason, by)
        }
        Command::UnlockStaff { staff, by } => staff::unlock(register, staff, by),
        Command::ChooseLanguage { staff, language } => staff::choose_language(register, staff, language),
        Command::MakeToken { id, label, scope, until, digest, by } => {
            tokens::make(register, tokens::NewToken { id, label, scope, until, digest }, by, at)
        }
        Command::RevokeToken { id, by } => tokens::revoke(register, id, by),
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
        Command::RotateVendor { vendor, reason, invitations, by } => {
            accounts::rotate(register, rules, vendor, reason, &invitations, by, at)
        }
        Command::ReopenGroup { group, reason, by } => {
            let reason = written("reason", reason)?;
            if register.lockdown.is_none() {
                return Err(Refusal::NoLockdown);
            }
            if let Some(open) = &register.rollbacks.open {
                let missing = rollback::ACCEPTANCES.saturating_sub(open.accepted.len());
                return Err(Refusal::RollbackOpen { missing });
            }
            let mut reopened = register.reopened.clone();
            reopened.insert(group.clone());
            Ok(vec![Event::LockdownReopened { group, reopened, reason, by }])
        }
        Command::AcknowledgeAlert { alert, note, by } => {
            let one = register.alerts.of(alert).ok_or(Refusal::NoAlert(alert))?;
            if let Some((who, _, _)) = &one.acknowledged {
                return Err(Refusal::AlertTaken { alert, by: who.clone() });
            }
            register.may_take_alert(one, &by)?;
            Ok(vec![Event::AlertAcknowledged { alert, note: written("note", note)?, by }])
        }
        Command::PrintBreakGlass { count, secret, by } => break_glass::print(count, secret, by),
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
        | Command::Prove { .. }
        | Command::AcceptRollback { .. }
        | Command::Plan { .. }
        | Command::ApprovePlanned { .. }
        | Command::Extend { .. }
        | Command::Activate { .. }
        | Command::Arrive { .. } => Ok(Vec::new()),
        Command::Refuse { number, staff, reason } => {
            let staff = known_staff(register, &staff)?;
            if !staff.is_active() {
                return Err(Refusal::Role { staff: staff.login.clone(), role: Role::Approver });
            }
            may_decide(rules, requested(register, number, "refuse")?, staff)?;
            let reason = written("reason", reason)?;
            Ok(vec![Event::InterventionRefused { number, by: Some(staff.login.clone()), reason }])
        }
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
            // A session that still runs closes it with its own end.
            if register.live_of(number).next().is_some() {
                return Ok(Vec::new());
            }
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
