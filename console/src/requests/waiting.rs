//! What waits for one person: the number on every page, and what is announced to them.

use crate::commands::Known;
use crate::page::Me;
use lifecycle::{Intervention, InterventionState, Role};

/// Whether this person may still say yes to it: a request, a planned visit that lacks approvals, or an
/// extension that lacks some; and they have not said yes already.
pub(crate) fn waits_for(known: &Known<'_>, me: &Me, one: &Intervention) -> bool {
    // Whoever set the account up does not approve for it (APR-02).
    if !me.decides_for(known, &one.asked.target) || known.register.has_set_up(&me.login, &one.asked.account) {
        return false;
    }
    let mine = |approval: &policy::Approval| approval.by == me.login;
    match &one.state {
        InterventionState::Requested => !one.approvals.iter().any(mine),
        // Its code is made with the last approval.
        InterventionState::Planned => {
            let open = one.plan.as_ref().is_some_and(|plan| plan.secret.is_none() && known.at < plan.until);
            open && !one.approvals.iter().any(mine)
        }
        InterventionState::Open => one.extending_at(known.at).count() > 0 && !one.extending_at(known.at).any(mine),
        _ => false,
    }
}

/// How much waits: the numbers on every page.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Requests that wait for this person.
    pub(crate) requests: usize,
    /// Alerts that wait for anybody.
    pub(crate) alerts: usize,
}

impl Count {
    /// As this person sees it.
    pub(crate) fn of(known: &Known<'_>, me: &Me) -> Self {
        let requests = known.register.current().filter(|one| waits_for(known, me, one)).count();
        // Whoever may not take them is shown none.
        let takes = me.roles.iter().any(|role| *role != Role::Auditor);
        Self { requests, alerts: if takes { known.register.alerts.waiting().count() } else { 0 } }
    }
}
