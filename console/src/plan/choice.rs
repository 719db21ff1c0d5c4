//! Who may come, and to which equipment this approver may let them.

use crate::commands::Known;
use crate::page::Me;
use lifecycle::Account;
use policy::TargetId;
use std::collections::{BTreeMap, BTreeSet};

/// One to choose, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    /// What the form sends.
    pub(crate) id: String,
    /// What people read.
    pub(crate) name: String,
}

/// The technicians of one company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Company {
    /// Its name.
    pub(crate) name: String,
    /// Its people.
    pub(crate) technicians: Vec<Choice>,
}

/// The equipment that this person approves for and this technician's company may reach.
pub(super) fn equipment_for(known: &Known<'_>, me: &Me, account: &Account) -> Vec<Choice> {
    let vendor = known.rules.vendors.get(&account.vendor);
    let named: BTreeSet<&TargetId> =
        vendor.into_iter().flat_map(|vendor| &vendor.allow).flat_map(|rule| &rule.targets).collect();
    let mut choices: Vec<Choice> = named
        .into_iter()
        .filter(|id| me.decides_for(known, id))
        .filter_map(|id| known.rules.targets.get(id))
        .map(|target| Choice { id: target.id.to_string(), name: target.name.clone() })
        .collect();
    choices.sort_by(|one, other| one.name.cmp(&other.name));
    choices
}

/// Technicians that fit, by company.
pub(crate) fn companies_of(known: &Known<'_>, fits: impl Fn(&Account) -> bool) -> Vec<Company> {
    let mut companies: BTreeMap<String, Vec<Choice>> = BTreeMap::new();
    for account in known.register.accounts.values().filter(|account| fits(account)) {
        let vendor = known.rules.vendors.get(&account.vendor);
        let name = vendor.map_or_else(|| account.vendor.to_string(), |vendor| vendor.name.clone());
        let choice = Choice { id: account.login.to_string(), name: account.identity.name.clone() };
        companies.entry(name).or_default().push(choice);
    }
    let sorted = companies.into_iter().map(|(name, mut technicians)| {
        technicians.sort_by(|one, other| one.name.cmp(&other.name));
        Company { name, technicians }
    });
    sorted.collect()
}

/// Technicians for whom this person could plan something, by company.
pub(super) fn companies_for(known: &Known<'_>, me: &Me) -> Vec<Company> {
    companies_of(known, |account| {
        known.register.usable(&account.id).is_some() && !equipment_for(known, me, account).is_empty()
    })
}
