//! Holds: what an incident needs is not shredded while one is on it (LOG-09).

use crate::event::{Actor, Event};
use crate::ids::{AccountId, HoldId, InterventionNumber, SessionId};
use crate::register::Register;
use jiff::Timestamp;
use policy::VendorId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldOn {
    /// A session: with it all of its intervention.
    Session(SessionId),
    /// An intervention with its sessions.
    Intervention(InterventionNumber),
    /// Everything about a vendor: its interventions, its accounts.
    Vendor(VendorId),
    /// Everything about a technician's account, its interventions included.
    Account(AccountId),
}

/// A hold, as the fold knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// What it is on.
    pub on: HoldOn,
    /// Why.
    pub reason: String,
    /// Until when.
    pub until: Timestamp,
    /// Who put it on.
    pub by: Actor,
    /// Since when.
    pub since: Timestamp,
    /// When it was released, by whom and why.
    pub released: Option<(Timestamp, Actor, String)>,
    /// When the journal said that it has run out.
    pub expired: Option<Timestamp>,
}

impl Hold {
    /// Whether it holds. Past its end it does so until the journal has said that it ran out: what it
    /// held never goes unannounced.
    pub fn holds(&self) -> bool {
        self.released.is_none() && self.expired.is_none()
    }

    /// When it was over, once it is.
    pub(crate) fn over(&self) -> Option<Timestamp> {
        self.released.as_ref().map(|(at, ..)| *at).or(self.expired)
    }

    /// The word for its state in lists.
    pub fn state(&self, now: Timestamp) -> &'static str {
        match (&self.released, &self.expired) {
            (Some(_), _) => "released",
            (None, Some(_)) => "expired",
            (None, None) if self.until <= now => "run out",
            (None, None) => "holds",
        }
    }
}

pub(crate) fn apply(all: &mut BTreeMap<HoldId, Hold>, at: Timestamp, event: &Event) {
    match event {
        Event::HoldAdded { hold, on, reason, until, by } => {
            let added = Hold {
                id: hold.clone(),
                on: on.clone(),
                reason: reason.clone(),
                until: *until,
                by: by.clone(),
                since: at,
                released: None,
                expired: None,
            };
            all.insert(hold.clone(), added);
        }
        Event::HoldReleased { hold, reason, by } => {
            all.get_mut(hold).into_iter().for_each(|one| one.released = Some((at, by.clone(), reason.clone())));
        }
        Event::HoldExpired { hold } => all.get_mut(hold).into_iter().for_each(|one| one.expired = Some(at)),
        _ => {}
    }
}

impl Register {
    /// The hold on this intervention, if there is one.
    pub fn hold_on(&self, number: InterventionNumber) -> Option<&Hold> {
        let one = self.interventions.get(&number)?;
        self.holds.values().filter(|hold| hold.holds()).find(|hold| match &hold.on {
            HoldOn::Intervention(held) => *held == number,
            HoldOn::Session(id) => one.sessions.contains(id),
            HoldOn::Vendor(vendor) => *vendor == one.asked.vendor,
            HoldOn::Account(account) => *account == one.asked.account,
        })
    }

    /// The hold on this account, if there is one.
    pub fn hold_on_account(&self, id: &AccountId) -> Option<&Hold> {
        let vendor = self.accounts.get(id).map(|account| &account.vendor);
        self.holds.values().filter(|hold| hold.holds()).find(|hold| match &hold.on {
            HoldOn::Account(account) => account == id,
            HoldOn::Vendor(held) => Some(held) == vendor,
            HoldOn::Session(_) | HoldOn::Intervention(_) => false,
        })
    }

    /// The events that say which holds have run out.
    pub fn holds_run_out(&self, now: Timestamp) -> Vec<Event> {
        let over = self.holds.values().filter(|hold| hold.holds() && hold.until <= now);
        over.map(|hold| Event::HoldExpired { hold: hold.id.clone() }).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::EvidenceScope;
    use crate::retention::{Plan, Planner};
    use jiff::SignedDuration;

    fn start() -> Timestamp {
        "2026-11-23T08:00:00Z".parse().unwrap()
    }

    fn plan(history: &[Event], now: Timestamp) -> Plan {
        let mut register = Register::default();
        history.iter().for_each(|event| register.apply(start(), event));
        let mut planner = Planner::new(&register);
        for (index, event) in (0..).zip(history) {
            planner.see(index, start(), event);
        }
        planner.plan(now, u64::MAX, &|_| false)
    }

    fn incident(vendor: &str) -> Vec<Event> {
        let (by, reason) = (Actor::Root(0), "incident 12".to_owned());
        let (from, to) = ("2026-01-01".parse().unwrap(), "2026-12-31".parse().unwrap());
        vec![
            Event::LeakSuspected {
                vendor: vendor.parse().unwrap(),
                source: "203.0.113.7".parse().unwrap(),
                technicians: vec!["alice".parse().unwrap()],
                since: start(),
            },
            Event::VendorFrozen { vendor: vendor.parse().unwrap(), reason: reason.clone(), by: by.clone() },
            Event::EvidenceExported {
                staff: "sophie".parse().unwrap(),
                purpose: "court order".to_owned(),
                scope: EvidenceScope::Vendor { vendor: vendor.parse().unwrap(), from, to },
                manifest: "00".repeat(32),
                files: 1,
                bytes: 1,
            },
            Event::VendorRotated {
                vendor: vendor.parse().unwrap(),
                reason: reason.clone(),
                technicians: vec!["alice".parse().unwrap()],
                keys: vec![],
                by: by.clone(),
            },
            Event::VendorThawed { vendor: vendor.parse().unwrap(), reason, by },
        ]
    }

    /// LOG-09: a hold on a vendor holds what its incident is made of, also where no intervention is named.
    #[test]
    fn a_hold_on_a_vendor_holds_what_its_incident_is_made_of() {
        let terms = Event::RetentionTerms { journal: 12, recordings: 6, files: 1, because: None };
        let history: Vec<Event> = [terms].into_iter().chain(incident("imagix")).chain(incident("other")).collect();
        let later = start() + SignedDuration::from_hours(24 * 31 * 13);
        let free = plan(&history, later);
        assert_eq!((free.entries.count(), free.held), (10, 0));
        let hold = Event::HoldAdded {
            hold: HoldId::from_random([1; 8]),
            on: HoldOn::Vendor("imagix".parse().unwrap()),
            reason: "incident 12".to_owned(),
            until: later + SignedDuration::from_hours(24),
            by: Actor::Root(0),
        };
        let held = plan(&[&history[..], &[hold]].concat(), later);
        assert_eq!(held.held, 5);
        assert!((1..=5).all(|index| !held.entries.contains(index)), "{:?}", held.entries);
        assert!((6..=10).all(|index| held.entries.contains(index)), "{:?}", held.entries);
    }
}
