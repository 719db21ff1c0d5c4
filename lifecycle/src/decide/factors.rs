//! Judging factors: a technician's login and a staff member's proof (D1, D4).

use super::Refusal;
use crate::account::{Account, AccountState};
use crate::event::{Event, FactorCause};
use crate::guard::Guard;
use crate::ids::AccountId;
use crate::register::{Register, utc_day};
use crate::staff::StaffState;
use jiff::Timestamp;
use policy::{PolicySet, StaffLogin, Vendor};
use std::net::{IpAddr, SocketAddr};

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
    /// Over which proxy, where one passed the connection on (T24).
    pub via: Option<SocketAddr>,
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
    /// From which address, in the console; `None` at the command line.
    pub source: Option<IpAddr>,
}

/// The true cause of a refusal, or `None`. Everything is looked at whatever is wrong.
fn refused_because(
    vendor: Option<&Vendor>,
    account: &Account,
    attempt: &Attempt,
    fresh: Option<u64>,
    key: bool,
    required: FactorsRequired,
    at: Timestamp,
) -> Option<FactorCause> {
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

/// Judges a member of staff's password and code. The events are to be journalled either way.
pub(super) fn judge_staff(
    register: &Register,
    attempt: &StaffAttempt,
    purpose: &str,
    at: Timestamp,
) -> (Vec<Event>, Result<(), Refusal>) {
    let login = attempt.staff.clone();
    let (purpose, source) = (purpose.to_owned(), attempt.source);
    let refused = |cause, step, counts| {
        let (staff, purpose) = (login.clone(), purpose.clone());
        Event::StaffRefused { staff, cause, step, counts, purpose, source }
    };
    let Some(staff) = register.staff.get(&login).filter(|staff| staff.is_active()) else {
        let cause = match register.staff.get(&login).map(|staff| staff.state) {
            Some(StaffState::Disabled) => FactorCause::Disabled,
            _ => FactorCause::Inactive,
        };
        return (vec![refused(cause, None, false)], Err(Refusal::StaffFactors(login)));
    };
    if staff.guard.is_locked(at) {
        return (vec![refused(FactorCause::Locked, None, false)], Err(Refusal::StaffLocked(login)));
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
    let mut events = vec![refused(cause, fresh, counts)];
    if counts && let Some(lock) = staff.guard.next_lock(at, utc_day(at)) {
        events.push(Event::StaffLocked { staff: login.clone(), lock, source });
    }
    (events, Err(Refusal::StaffFactors(login)))
}

impl Register {
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
        let vendor = rules.vendors.get(&account.vendor).filter(|vendor| !self.frozen_vendors.contains_key(&vendor.id));
        let cause = refused_because(vendor, account, attempt, fresh, key.is_some(), required, at);
        let used = if account.guard.is_locked(at) { None } else { fresh };
        let (technician, source, via) = (account.login.clone(), attempt.source, attempt.via);
        let (Some(cause), id) = (cause, account.id.clone()) else {
            let mut factors = vec!["password".to_owned(), "totp".to_owned()];
            factors.extend(key.iter().map(|_| "key".to_owned()));
            let step = used.unwrap_or_default();
            let accepted =
                Event::FactorsAccepted { account: account.id.clone(), technician, source, via, factors, key, step };
            return (vec![accepted], Judged::Accepted);
        };
        let half =
            matches!(cause, FactorCause::Password | FactorCause::Code | FactorCause::CodeReused | FactorCause::Key);
        let counts = half && !account.guard.is_locked(at);
        let mut events = vec![Event::FactorsRefused {
            account: id.clone(),
            technician: technician.clone(),
            source,
            via,
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
