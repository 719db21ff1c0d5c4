//! Several accounts of one vendor tried from one source: their credentials may have leaked (IDM-13).
//!
//! A vendor's office has one address, and its technicians mistype there. So a try is forgotten when the
//! same account gets in from the same source; a try on an account that is not active never is, and after
//! one even those who get in are counted.

use crate::event::{Event, FactorCause};
use crate::ids::AccountId;
use crate::register::Register;
use jiff::{SignedDuration, Timestamp};
use policy::{TechnicianLogin, VendorId};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

/// No window is longer.
const LONGEST: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Sources that are remembered over all vendors; only tries with known logins make any.
const SOURCES: usize = 10_000;

/// What was tried from one source at one vendor's accounts.
type Tried = BTreeMap<AccountId, Trace>;

/// Tries that may belong together. Part of the fold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Traces(BTreeMap<(VendorId, IpAddr), Tried>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Trace {
    technician: TechnicianLogin,
    first: Timestamp,
    last: Timestamp,
    /// The account was not active: nobody honest tries it.
    canary: bool,
    /// A try was refused, since the account last got in from there.
    in_vain: bool,
    /// Somebody was told already.
    told: bool,
}

/// One source: whoever has an IPv6 address has its whole /64.
pub(crate) fn neighbourhood(source: IpAddr) -> IpAddr {
    match source.to_canonical() {
        IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
        ip => ip,
    }
}

/// Whether a refusal says something against whoever tried. Of the vendor's state, of the vault and of a
/// target's name it does not.
fn is_suspicious(cause: FactorCause) -> bool {
    match cause {
        FactorCause::Password
        | FactorCause::Code
        | FactorCause::CodeReused
        | FactorCause::CodeMalformed
        | FactorCause::Both
        | FactorCause::Key
        | FactorCause::Disabled
        | FactorCause::Inactive
        | FactorCause::Locked
        | FactorCause::Source => true,
        FactorCause::Target | FactorCause::Vendor | FactorCause::Vault => false,
    }
}

fn is_canary(cause: FactorCause) -> bool {
    matches!(cause, FactorCause::Disabled | FactorCause::Inactive)
}

impl Register {
    /// The alarm that a judged try makes together with earlier ones within `window`, if it makes one.
    /// Once an account and source: each further account makes one more, which names all.
    pub fn suspect_leak(&self, judged: &[Event], window: SignedDuration, at: Timestamp) -> Option<Event> {
        let (account, technician, source, refused) = judged.iter().find_map(|event| match event {
            Event::FactorsRefused { account, technician, source, cause, .. } if is_suspicious(*cause) => {
                Some((account, technician, source.ip(), true))
            }
            Event::FactorsAccepted { account, technician, source, .. } => {
                Some((account, technician, source.ip(), false))
            }
            _ => None,
        })?;
        let vendor = &self.accounts.get(account)?.vendor;
        let tried = self.traces.0.get(&(vendor.clone(), neighbourhood(source)))?;
        let recent = |trace: &&Trace| at.duration_since(trace.last) <= window;
        if tried.get(account).filter(recent).is_some_and(|own| own.told) {
            return None;
        }
        let others: Vec<&Trace> =
            tried.iter().filter(|(id, _)| *id != account).map(|(_, trace)| trace).filter(recent).collect();
        let counts = refused || others.iter().any(|one| one.canary || one.told);
        let since = others.iter().map(|one| one.first).min().filter(|_| counts)?;
        let mut technicians: Vec<TechnicianLogin> = others.iter().map(|one| one.technician.clone()).collect();
        technicians.push(technician.clone());
        technicians.sort();
        Some(Event::LeakSuspected { vendor: vendor.clone(), source, technicians, since })
    }

    pub(crate) fn apply_to_traces(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::FactorsRefused { account, technician, source, cause, .. } if is_suspicious(*cause) => {
                let Some(vendor) = self.accounts.get(account).map(|account| account.vendor.clone()) else { return };
                let key = (vendor, neighbourhood(source.ip()));
                let trace = self.traces.note(key, account, technician, at, is_canary(*cause));
                trace.in_vain = true;
            }
            Event::FactorsAccepted { account, source, .. } => {
                let Some(vendor) = self.accounts.get(account).map(|account| account.vendor.clone()) else { return };
                let key = (vendor, neighbourhood(source.ip()));
                if let Some(tried) = self.traces.0.get_mut(&key) {
                    tried.retain(|id, trace| id != account || trace.canary || trace.told);
                    if tried.is_empty() {
                        self.traces.0.remove(&key);
                    }
                }
            }
            Event::LeakSuspected { vendor, source, technicians, .. } => {
                let key = (vendor.clone(), neighbourhood(*source));
                for technician in technicians {
                    let Some(account) = self.account(technician).map(|account| account.id.clone()) else { continue };
                    self.traces.note(key.clone(), &account, technician, at, false).told = true;
                }
                // Who got in rightly from there belongs to the story of the alert that waits, and is none of its own.
                let tried = self.traces.0.get(&key).into_iter().flat_map(BTreeMap::values);
                let rightly = tried.filter(|trace| !trace.in_vain).map(|trace| &trace.technician);
                let joined: Vec<String> =
                    rightly.filter(|one| technicians.contains(one)).map(ToString::to_string).collect();
                self.alerts.join_leak(vendor, *source, &joined);
            }
            _ => {}
        }
    }
}

impl Traces {
    fn note(
        &mut self,
        key: (VendorId, IpAddr),
        account: &AccountId,
        technician: &TechnicianLogin,
        at: Timestamp,
        canary: bool,
    ) -> &mut Trace {
        let is_old = |trace: &Trace| at.duration_since(trace.last) > LONGEST;
        if self.0.len() >= SOURCES && !self.0.contains_key(&key) {
            let newest = |tried: &Tried| tried.values().map(|trace| trace.last).max();
            let oldest = self.0.iter().min_by_key(|(_, tried)| newest(tried)).map(|(key, _)| key.clone());
            oldest.iter().for_each(|key| drop(self.0.remove(key)));
        }
        let tried = self.0.entry(key).or_default();
        tried.retain(|_, trace| !is_old(trace));
        let technician = technician.clone();
        let fresh = Trace { technician, first: at, last: at, canary, in_vain: false, told: false };
        let trace = tried.entry(account.clone()).or_insert(fresh);
        trace.last = at;
        trace.canary |= canary;
        trace
    }
}
