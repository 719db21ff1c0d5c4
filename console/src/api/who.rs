//! Who is signed in, and what their next command has to bring.

use super::answer::view;
use crate::page::{Answer, Visit};
use lifecycle::Role;
use policy::{GroupId, StaffLogin};
use serde::Serialize;
use std::collections::BTreeSet;

#[derive(Serialize)]
struct Me<'a> {
    login: &'a StaffLogin,
    name: &'a str,
    roles: &'a BTreeSet<Role>,
    groups: &'a BTreeSet<GroupId>,
    language: &'static str,
    /// For the header `X-CSRF-Token`.
    csrf: &'a str,
    /// Whether approving is possible from here (D12).
    may_decide_here: bool,
}

/// Who asks.
pub(super) async fn me(visit: Visit) -> Answer {
    let me = visit.me()?;
    view(&Me {
        login: &me.login,
        name: &me.name,
        roles: &me.roles,
        groups: &me.groups,
        language: visit.lang(),
        csrf: &visit.csrf,
        may_decide_here: visit.may_decide_here,
    })
}
