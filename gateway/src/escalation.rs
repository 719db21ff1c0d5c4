//! An alert that nobody took goes on to others, at night too (LOG-16). It waits in the journal, so a restart
//! forgets none.

use crate::registrar::Core;
use crate::site::Site;
use config::Config;
use jiff::Timestamp;
use lifecycle::{Event, Register, Role};
use policy::{GroupId, StaffLogin};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Hands alerts on when their time comes. Waits on the clock, on changes of the register and on the
/// configuration.
pub(crate) async fn keep(site: Arc<Site>) {
    let mut changes = site.registrar.changes();
    let mut config = site.config.clone();
    loop {
        changes.mark_unchanged();
        config.mark_unchanged();
        let next = site.registrar.view(|core, _| {
            let after = core.config.alarms.escalate_after;
            core.register.alerts.waiting().map(|one| one.escalates_at(after)).min()
        });
        // Without a journal nothing can be noted; that it is gone is told by `notify`.
        let Ok(next) = next.await else { return };
        let due = async {
            match next {
                Some(at) => site.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            changed = config.changed() => if changed.is_err() { return },
            () = due => {
                if site.registrar.act(|core, at| (escalated(core, at), ())).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// The entries that hand on what nobody took in time.
fn escalated(core: &Core, at: Timestamp) -> Vec<Event> {
    let after = core.config.alarms.escalate_after;
    let due = core.register.alerts.waiting().filter(|one| one.escalates_at(after) <= at);
    let told: Vec<StaffLogin> = told(&core.register, &core.config, at).into_iter().collect();
    due.map(|one| Event::AlertEscalated { alert: one.number, step: one.step + 1, told: told.clone() }).collect()
}

/// Groups that are called at this instant: those of `alarms.on-call` that are on call, or any with a calendar
/// for it. Where none is, all of them: somebody is called.
pub(crate) fn called(config: &Config, at: Timestamp) -> BTreeSet<GroupId> {
    let wanted: BTreeSet<GroupId> = match config.alarms.on_call.is_empty() {
        false => config.alarms.on_call.clone(),
        true => config.groups.iter().filter(|(_, one)| one.on_call.is_some()).map(|(id, _)| id.clone()).collect(),
    };
    let now: BTreeSet<GroupId> = wanted.intersection(&config.on_call(at)).cloned().collect();
    if now.is_empty() { wanted } else { now }
}

/// Whoever is on call, and those who look after the whole site.
fn told(register: &Register, config: &Config, at: Timestamp) -> BTreeSet<StaffLogin> {
    let groups = called(config, at);
    let hears = |one: &&lifecycle::Staff| {
        one.is(Role::Security) || one.is(Role::Operator) || (one.is_active() && !one.groups.is_disjoint(&groups))
    };
    register.staff.values().filter(hears).map(|one| one.login.clone()).collect()
}
