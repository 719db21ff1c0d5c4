//! Who hears what by mail, as the register and the configuration have it at that instant.

use super::GUARDS;
use super::sighting::Sighting;
use config::Config;
use lifecycle::{Register, Role};
use policy::{GroupId, StaffLogin};
use std::collections::BTreeSet;

/// A member of staff who may be written to.
#[derive(Debug, Clone)]
struct Person {
    login: StaffLogin,
    address: String,
    roles: BTreeSet<Role>,
    groups: BTreeSet<GroupId>,
}

/// Everybody who may be written to.
#[derive(Debug, Clone, Default)]
pub(super) struct People(Vec<Person>);

impl People {
    /// Everybody whose account is on.
    pub(super) fn of(register: &Register) -> Self {
        let person = |staff: &lifecycle::Staff| Person {
            login: staff.login.clone(),
            address: staff.identity.email.clone(),
            roles: staff.roles.clone(),
            groups: staff.groups.clone(),
        };
        Self(register.staff.values().filter(|staff| staff.is_active()).map(person).collect())
    }

    /// The addresses that hear of this, where the target is of these groups.
    pub(super) fn audience(
        &self,
        sighting: &Sighting,
        groups: &BTreeSet<GroupId>,
        config: &Config,
    ) -> BTreeSet<String> {
        let hears = |person: &Person| {
            let approves = person.roles.contains(&Role::Approver) && !person.groups.is_disjoint(groups);
            let guards = GUARDS.iter().any(|role| person.roles.contains(role));
            let named = sighting.everybody || sighting.to.contains(&person.login);
            (sighting.approvers && approves) || (sighting.security && guards) || named
        };
        let own = |person: &Person| sighting.by.as_ref() == Some(&person.login);
        let mut all: BTreeSet<String> =
            self.0.iter().filter(|one| hears(one) && !own(one)).map(|one| one.address.clone()).collect();
        if sighting.approvers {
            let fixed = groups.iter().filter_map(|group| config.groups.get(group)).flat_map(|group| &group.mail);
            all.extend(fixed.cloned());
        }
        all
    }
}
