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
