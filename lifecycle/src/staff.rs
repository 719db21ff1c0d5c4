//! People of the hospital.

use crate::account::Identity;
use crate::guard::Guard;
use policy::{GroupId, StaffLogin};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
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
    /// Whether they may still sign in.
    pub disabled: bool,
    /// The generation of their secrets in the vault.
    pub secret: u64,
    /// Counters against guessing.
    pub guard: Guard,
}
