//! The life of an account: invited, enrolled, active, reset, disabled; its keys; its company's brake.

use super::{Decided, KeyError, Refusal, WRONG_CODES, written};
use crate::account::{Account, AccountState, Identity, check_personal};
use crate::event::{Actor, Event, WithdrawCause};
use crate::ids::AccountId;
use crate::intervention::InterventionState;
use crate::register::Register;
use jiff::{SignedDuration, Timestamp};
use policy::{PolicySet, TechnicianLogin, VendorId};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// How long an invitation is good (D8).
const INVITATION: SignedDuration = SignedDuration::from_hours(24);
/// Keys that one account may have.
const KEYS: usize = 8;

/// Until when an invitation made at this instant is good.
pub(super) fn invitation_ends(at: Timestamp) -> Timestamp {
    at.saturating_add(INVITATION).unwrap_or(at)
}

fn known<'a>(register: &'a Register, technician: &TechnicianLogin) -> Result<&'a Account, Refusal> {
    register.account(technician).ok_or_else(|| Refusal::NoTechnician(technician.clone()))
}

impl AccountState {
    /// The word for it in messages and lists.
    pub fn word(&self) -> &'static str {
        match self {
            AccountState::Invited => "invited",
            AccountState::Enrolled => "enrolled",
            AccountState::Active => "active",
            AccountState::Disabled => "disabled",
            AccountState::Expired => "expired",
        }
    }
}

impl Account {
    /// How often the check word may still be typed for the factors that are enrolled now.
    pub fn words_left(&self) -> u8 {
        WRONG_CODES.saturating_sub(self.wrong_words)
    }
}

/// Whether an account of this person may begin.
pub(super) fn may_begin(
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

/// The account's live sessions are ended by the brake, which does not wait for this entry (D8).
pub(super) fn reset(
    register: &Register,
    technician: TechnicianLogin,
    reason: String,
    invitation: u64,
    enable: bool,
    by: Actor,
    at: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let account = known(register, &technician)?;
    let wrong = |hint| Refusal::AccountState { technician: technician.clone(), state: account.state.word(), hint };
    match (account.state, enable) {
        (AccountState::Disabled | AccountState::Expired, true) => {}
        (AccountState::Disabled | AccountState::Expired, false) => {
            return Err(wrong("lift that first with `poterne technician enable`, which makes a new invitation too"));
        }
        (_, true) => return Err(wrong("nothing to enable; `reset` makes new factors")),
        (_, false) => {}
    }
    let (account, reason, until) = (account.id.clone(), written("reason", reason)?, invitation_ends(at));
    let mut events =
        vec![Event::TechnicianReset { account: account.clone(), technician, reason, invitation, until, by }];
    events.extend(withdrawn(register, &account));
    Ok(events)
}

/// What an account has waiting, withdrawn; what was planned for it too.
fn withdrawn<'a>(register: &'a Register, account: &'a AccountId) -> impl Iterator<Item = Event> + 'a {
    let waits = |state: &InterventionState| state.is_pending() || *state == InterventionState::Planned;
    let waiting = register.current().filter(move |one| one.asked.account == *account && waits(&one.state));
    waiting.map(|one| Event::InterventionWithdrawn { number: one.number, cause: WithdrawCause::Disabled, by: None })
}

/// New factors were chosen on the enrolment page.
pub(super) fn enrol(
    register: &Register,
    account: &AccountId,
    invitation: u64,
    source: SocketAddr,
    charter: String,
    secret: u64,
    at: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let account = register.accounts.get(account).ok_or(Refusal::SessionOver)?;
    // A page that an older invitation opened ends with that invitation.
    let invited = account.invitation.as_ref().is_some_and(|one| one.secret == invitation && at < one.until);
    if account.state != AccountState::Invited || !invited || register.frozen_vendors.contains_key(&account.vendor) {
        return Err(Refusal::AccountState {
            technician: account.login.clone(),
            state: account.state.word(),
            hint: "the invitation is used up or has run out; ask the hospital for another",
        });
    }
    let (id, technician) = (account.id.clone(), account.login.clone());
    Ok(vec![Event::TechnicianEnrolled { account: id, technician, source, charter, secret }])
}

/// The word that the technician read out, typed by a member of staff who called them (D8). Three
/// wrong ones, and the factors have to be made anew.
pub(super) fn activate(
    register: &Register,
    technician: TechnicianLogin,
    secret: u64,
    word_fits: bool,
    by: Actor,
) -> Decided {
    let judged = || -> Result<&Account, Refusal> {
        let account = known(register, &technician)?;
        let hint = match account.state {
            AccountState::Enrolled if account.secret != secret => "they enrolled anew meanwhile; try again",
            AccountState::Enrolled if account.wrong_words < WRONG_CODES => return Ok(account),
            AccountState::Enrolled => "three wrong words were typed; make a new invitation with `technician reset`",
            AccountState::Invited => "they have not enrolled yet",
            AccountState::Active => "nothing to activate",
            AccountState::Disabled | AccountState::Expired => "see `poterne technician enable`",
        };
        Err(Refusal::AccountState { technician: technician.clone(), state: account.state.word(), hint })
    };
    let account = match judged() {
        Ok(account) => account,
        Err(refusal) => return Err(refusal).into(),
    };
    if word_fits {
        return Ok(vec![Event::TechnicianActivated { account: account.id.clone(), technician, by }]).into();
    }
    let tries = account.wrong_words + 1;
    let left = WRONG_CODES.saturating_sub(tries);
    let event = Event::WordMismatched { account: account.id.clone(), technician: technician.clone(), tries, by };
    Decided { events: vec![event], refusal: Some(Refusal::WrongWord { technician, left }) }
}

/// A key is one person's.
pub(super) fn keys_are_free(register: &Register, keys: &[String]) -> Result<(), Refusal> {
    if keys.iter().any(|key| register.struck_keys.contains(key)) {
        return Err(Refusal::Key(KeyError::Struck));
    }
    if register.accounts.values().any(|other| other.keys.iter().any(|key| keys.contains(key))) {
        return Err(Refusal::Key(KeyError::Taken));
    }
    Ok(())
}

pub(super) fn add_key(
    register: &Register,
    technician: TechnicianLogin,
    key: String,
    by: Actor,
) -> Result<Vec<Event>, Refusal> {
    let account = known(register, &technician)?;
    keys_are_free(register, std::slice::from_ref(&key))?;
    if account.keys.len() >= KEYS {
        return Err(Refusal::Key(KeyError::TooMany));
    }
    Ok(vec![Event::TechnicianKeyAdded { account: account.id.clone(), technician, key, by }])
}

pub(super) fn remove_key(
    register: &Register,
    technician: TechnicianLogin,
    key: String,
    by: Actor,
) -> Result<Vec<Event>, Refusal> {
    let account = known(register, &technician)?;
    if !account.keys.contains(&key) {
        return Err(Refusal::Key(KeyError::Missing));
    }
    Ok(vec![Event::TechnicianKeyRemoved { account: account.id.clone(), technician, key, by }])
}

/// Takes a company's access away for now. Its live sessions are ended by the brake.
pub(super) fn freeze(
    register: &Register,
    rules: &PolicySet,
    vendor: VendorId,
    reason: String,
    by: Actor,
) -> Result<Vec<Event>, Refusal> {
    if register.frozen_vendors.contains_key(&vendor) {
        return Err(Refusal::VendorFrozen(vendor));
    }
    let known = rules.vendors.contains_key(&vendor) || register.accounts.values().any(|one| one.vendor == vendor);
    if !known {
        return Err(Refusal::NotDeclared { what: "vendor", name: vendor.to_string() });
    }
    let mut events = vec![Event::VendorFrozen { vendor: vendor.clone(), reason: written("reason", reason)?, by }];
    let of_vendor = register.accounts.values().filter(|one| one.vendor == vendor);
    events.extend(of_vendor.flat_map(|one| {
        let pending = register.current().filter(|other| other.asked.account == one.id && other.state.is_pending());
        pending.map(|other| Event::InterventionWithdrawn {
            number: other.number,
            cause: WithdrawCause::Disabled,
            by: None,
        })
    }));
    Ok(events)
}

/// All of a company's accounts begin anew: password, code and keys of before are good for nothing, what waits
/// is withdrawn, and each gets an invitation (IDM-14). An account that is off stays off; one that came to be
/// while this was prepared has new credentials as it is.
pub(super) fn rotate(
    register: &Register,
    rules: &PolicySet,
    vendor: VendorId,
    reason: String,
    invitations: &BTreeMap<AccountId, u64>,
    by: Actor,
    at: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let reason = written("reason", reason)?;
    let of_vendor: Vec<&Account> = register.accounts.values().filter(|one| one.vendor == vendor).collect();
    if !rules.vendors.contains_key(&vendor) && of_vendor.is_empty() {
        return Err(Refusal::NotDeclared { what: "vendor", name: vendor.to_string() });
    }
    // Keys of accounts that are off too: what leaked of them must not come back with another account.
    let keys: Vec<String> = of_vendor.iter().flat_map(|one| one.keys.iter().cloned()).collect();
    let renewed: Vec<(&Account, u64)> = of_vendor
        .iter()
        .filter(|one| !matches!(one.state, AccountState::Disabled | AccountState::Expired))
        .filter_map(|one| invitations.get(&one.id).map(|invitation| (*one, *invitation)))
        .collect();
    let technicians = renewed.iter().map(|(one, _)| one.login.clone()).collect();
    let rotated = Event::VendorRotated { vendor, reason: reason.clone(), technicians, keys, by: by.clone() };
    let mut events = vec![rotated];
    for one in &of_vendor {
        let (account, technician) = (&one.id, &one.login);
        events.extend(one.keys.iter().map(|key| Event::TechnicianKeyRemoved {
            account: account.clone(),
            technician: technician.clone(),
            key: key.clone(),
            by: by.clone(),
        }));
    }
    for (one, invitation) in renewed {
        events.push(Event::TechnicianReset {
            account: one.id.clone(),
            technician: one.login.clone(),
            reason: reason.clone(),
            invitation,
            until: invitation_ends(at),
            by: by.clone(),
        });
        events.extend(withdrawn(register, &one.id));
    }
    Ok(events)
}

/// Disables an account, and withdraws what it has waiting. Its sessions are ended by the brake,
/// which does not wait for this entry (D18).
pub(super) fn disable(
    register: &Register,
    technician: TechnicianLogin,
    reason: String,
    by: Actor,
) -> Result<Vec<Event>, Refusal> {
    let account = known(register, &technician)?;
    let reason = written("reason", reason)?;
    let mut events = vec![Event::TechnicianDisabled { account: account.id.clone(), technician, reason, by }];
    events.extend(withdrawn(register, &account.id));
    Ok(events)
}
