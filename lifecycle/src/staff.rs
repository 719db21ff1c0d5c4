//! People of the hospital.

use crate::account::{Identity, Invitation};
use crate::event::Event;
use crate::guard::Guard;
use crate::register::utc_day;
use jiff::Timestamp;
use policy::{GroupId, StaffLogin};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// What a member of staff may do. No role both changes rights and approves its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Approves for the targets of their groups, watches, freezes, cuts.
    Approver,
    /// Declares people and credentials; runs the machine.
    Operator,
    /// Reads recordings and journal.
    Security,
    /// Pulls registers and bundles.
    Auditor,
}

impl Role {
    const ALL: [(&'static str, Role); 4] = [
        ("approver", Role::Approver),
        ("operator", Role::Operator),
        ("security", Role::Security),
        ("auditor", Role::Auditor),
    ];
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Role::ALL.iter().find(|(_, role)| role == self).map_or("", |(word, _)| word))
    }
}

impl FromStr for Role {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        Role::ALL.iter().find(|(word, _)| *word == text).map(|(_, role)| *role).ok_or_else(|| {
            format!("`{}` is not a role: write approver, operator, security or auditor", text.escape_default())
        })
    }
}

/// Where a staff account stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StaffState {
    /// Waits for its person to choose their factors. Proves nothing.
    Invited,
    /// May sign in.
    Active,
    /// Was switched off by a person. Final: the person gets a new account (IDM-16).
    Disabled,
}

impl StaffState {
    /// The word for it in messages and lists.
    pub fn word(self) -> &'static str {
        match self {
            StaffState::Invited => "invited",
            StaffState::Active => "active",
            StaffState::Disabled => "disabled",
        }
    }
}

/// A member of the hospital's staff, as the fold knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staff {
    /// What they sign in with.
    pub login: StaffLogin,
    /// Who they are.
    pub identity: Identity,
    /// What they may do.
    pub roles: BTreeSet<Role>,
    /// The groups they approve for.
    pub groups: BTreeSet<GroupId>,
    /// Where the account stands.
    pub state: StaffState,
    /// The generation of their secrets in the vault; 0 while they have none.
    pub secret: u64,
    /// The invitation that waits to be used.
    pub invitation: Option<Invitation>,
    /// When their factors were made; before the first, when they were invited.
    pub factors_since: Timestamp,
    /// When somebody last made, reset or changed the account, or its factors were made.
    pub remade: Timestamp,
    /// The language they chose for what they read, `fr` or `en`; `None`: the site's.
    pub language: Option<String>,
    /// Staff who added, invited or reset the account.
    pub set_up_by: BTreeSet<StaffLogin>,
    /// Counters against guessing.
    pub guard: Guard,
}

impl Staff {
    /// Whether they may sign in and prove themselves, unless they are locked.
    pub fn is_active(&self) -> bool {
        self.state == StaffState::Active
    }

    /// Whether they are active and have this role.
    pub fn is(&self, role: Role) -> bool {
        self.is_active() && self.roles.contains(&role)
    }

    /// What is the same of one added and one invited.
    fn begun(
        (login, identity): (&StaffLogin, &Identity),
        roles: &BTreeSet<Role>,
        groups: &BTreeSet<GroupId>,
        by: Option<&StaffLogin>,
        at: Timestamp,
    ) -> Self {
        Self {
            login: login.clone(),
            identity: identity.clone(),
            roles: roles.clone(),
            groups: groups.clone(),
            state: StaffState::Invited,
            secret: 0,
            invitation: None,
            factors_since: at,
            remade: at,
            language: None,
            set_up_by: by.cloned().into_iter().collect(),
            guard: Guard::default(),
        }
    }
}

/// Takes in what an event says of staff.
pub(crate) fn apply(all: &mut BTreeMap<StaffLogin, Staff>, at: Timestamp, event: &Event) {
    match event {
        Event::StaffAdded { staff, identity, roles, groups, secret, by } => {
            let mut added = Staff::begun((staff, identity), roles, groups, by.staff(), at);
            (added.state, added.secret) = (StaffState::Active, *secret);
            all.insert(staff.clone(), added);
        }
        Event::StaffInvited { staff, identity, roles, groups, invitation, until, by } => {
            let mut invited = Staff::begun((staff, identity), roles, groups, by.staff(), at);
            invited.invitation = Some(Invitation { secret: *invitation, until: *until });
            all.insert(staff.clone(), invited);
        }
        Event::StaffReset { staff, invitation, until, by, .. } => with(all, staff, |staff| {
            staff.state = StaffState::Invited;
            staff.remade = at;
            staff.secret = 0;
            staff.invitation = Some(Invitation { secret: *invitation, until: *until });
            staff.set_up_by.extend(by.staff().cloned());
            staff.guard.unlock();
        }),
        Event::StaffEnrolled { staff, secret, .. } => with(all, staff, |staff| {
            staff.state = StaffState::Active;
            staff.secret = *secret;
            staff.invitation = None;
            (staff.factors_since, staff.remade) = (at, at);
            // The steps of the secret that is gone say nothing of the new one.
            staff.guard = Guard::default();
        }),
        Event::StaffChanged { staff, roles, groups, .. } => with(all, staff, |staff| {
            staff.remade = at;
            staff.roles.clone_from(roles);
            staff.groups.clone_from(groups);
        }),
        Event::StaffLanguageChosen { staff, language } => {
            with(all, staff, |staff| staff.language = Some(language.clone()));
        }
        Event::StaffDisabled { staff, .. } => with(all, staff, |staff| {
            staff.state = StaffState::Disabled;
            staff.invitation = None;
        }),
        Event::StaffUnlocked { staff, .. } => with(all, staff, |staff| staff.guard.unlock()),
        Event::StaffCodeUsed { staff, step, .. } => with(all, staff, |staff| {
            staff.guard.use_step(*step);
            staff.guard.succeed();
        }),
        Event::StaffRefused { staff, step, counts, source, .. } => with(all, staff, |staff| {
            step.iter().for_each(|step| staff.guard.use_step(*step));
            if *counts {
                staff.guard.fail(*source);
            }
        }),
        Event::StaffLocked { staff, lock, .. } => with(all, staff, |staff| staff.guard.lock(*lock, utc_day(at))),
        _ => {}
    }
}

fn with(all: &mut BTreeMap<StaffLogin, Staff>, login: &StaffLogin, change: impl FnOnce(&mut Staff)) {
    if let Some(staff) = all.get_mut(login) {
        change(staff);
    }
}
