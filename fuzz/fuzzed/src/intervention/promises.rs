//! What holds at every step of every walk, told without asking the code that is walked over.

use super::World;
use lifecycle::{AccountState, Event, Intervention, InterventionNumber, InterventionState, MOST_CONNECTIONS, Role};
use policy::{Approval, Permit, Rights};
use std::collections::{BTreeMap, BTreeSet};

/// What was true once and has to stay so.
#[derive(Default)]
pub struct Promised {
    ended: BTreeSet<String>,
    over: BTreeMap<InterventionNumber, InterventionState>,
    steps: BTreeMap<String, u64>,
    /// The last permit of each that is open, and how often it was extended by then.
    permits: BTreeMap<InterventionNumber, (Rights, jiff::Timestamp, usize)>,
}

impl World {
    /// What each event says by itself, when it is written.
    pub(super) fn written(&mut self, event: &Event) {
        let mut step = |who: String, step: u64| {
            let newest = self.promised.steps.insert(who, step);
            assert!(newest.is_none_or(|newest| newest < step), "IDM-07: a code was used twice");
        };
        match event {
            Event::SessionEnded(end) => {
                assert!(self.promised.ended.insert(end.session.to_string()), "promise 6: closed twice");
            }
            Event::StaffCodeUsed { staff, step: used, .. } => step(format!("staff {staff}"), *used),
            Event::StaffRefused { staff, step: Some(used), .. } => step(format!("staff {staff}"), *used),
            Event::FactorsAccepted { account, step: used, .. } => step(account.to_string(), *used),
            Event::FactorsRefused { account, step: Some(used), .. } => step(account.to_string(), *used),
            // The steps of the secret that is gone say nothing of the new one.
            Event::StaffEnrolled { staff, .. } => {
                self.promised.steps.remove(&format!("staff {staff}"));
            }
            Event::TechnicianEnrolled { account, .. } => {
                self.promised.steps.remove(&account.to_string());
            }
            _ => {}
        }
    }

    /// What of a refused order is written all the same: that somebody tried, and the code that is used up.
    pub(super) fn only_a_try(events: &[Event]) {
        for event in events {
            let tried = matches!(
                event,
                Event::StaffRefused { .. }
                    | Event::StaffLocked { .. }
                    | Event::StaffCodeUsed { .. }
                    | Event::CodeMismatched { .. }
                    | Event::PlannedCodeMismatched { .. }
                    | Event::WordMismatched { .. }
                    | Event::InterventionRefused { by: None, .. }
            );
            assert!(tried, "refused, and done all the same: {event:?}");
        }
    }

    /// The whole of it.
    pub(super) fn holds(&mut self) {
        let numbers: Vec<u64> = self.register.interventions.keys().map(|number| number.0).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "LIF-10: numbered without gap");
        let mut busy = BTreeSet::new();
        for one in self.register.current().filter(|one| one.state != InterventionState::Planned) {
            assert!(busy.insert(one.asked.account.clone()), "IDM-18: one intervention at a time");
        }
        for one in self.register.interventions.values() {
            let known = self.promised.over.get(&one.number);
            assert!(known.is_none_or(|known| *known == one.state), "promise 6: {known:?} became {:?}", one.state);
            if one.state.is_final() {
                self.promised.over.insert(one.number, one.state.clone());
            }
            if !one.sessions.is_empty() {
                // APR-01, APR-09: nothing ran without as many different people as were asked for.
                let all: Vec<&Approval> = one.approvals.iter().chain(&one.former).collect();
                assert!(different(&all) >= usize::from(one.asked.quorum), "promise 1: {one:?}");
            }
        }
        for account in self.register.accounts.values() {
            let struck = account.keys.iter().find(|key| self.register.struck_keys.contains(*key));
            assert_eq!(struck, None, "IDM-14: a key that was struck is good again");
        }
        self.sessions_keep_to_their_intervention();
        let open: Vec<InterventionNumber> = self.register.current().map(|one| one.number).collect();
        open.into_iter().for_each(|number| self.permit_rests_on_approvals(number));
    }

    fn sessions_keep_to_their_intervention(&self) {
        for one in self.register.live() {
            let intervention = &self.register.interventions[&one.number];
            assert_eq!(intervention.state, InterventionState::Open, "nothing runs under one that is over");
            assert!(self.register.first_of(one.number).unwrap().end.is_none(), "nothing runs on without the first");
            let from = one.joined_from.or(intervention.asked.source).unwrap().ip();
            assert_eq!(Some(from), intervention.asked.source.map(|source| source.ip()), "IDM-18: one source");
            assert!(self.register.live_of(one.number).count() <= MOST_CONNECTIONS);
        }
    }

    /// No permit without its approvals, none that gives more or lasts longer than each of them says, none
    /// for whom access was taken away, and none that widens but by a new approval.
    fn permit_rests_on_approvals(&mut self, number: InterventionNumber) {
        let at = self.at();
        let Ok((permit, _)) = self.register.permit(&self.rules, number, at, at) else { return };
        let one = &self.register.interventions[&number];
        let account = &self.register.accounts[&one.asked.account];
        assert_eq!(account.state, AccountState::Active, "a permit for an account that is not active");
        assert!(!self.register.frozen_vendors.contains_key(&account.vendor), "a permit for a frozen vendor");
        let standing: Vec<&Approval> = one.approvals.iter().filter(|approval| self.stands(approval, one)).collect();
        assert!(different(&standing) >= usize::from(one.asked.quorum.max(1)), "a permit without its approval");
        assert!(permit.until() > at);
        if !one.is_emergency() {
            let vendor = &self.rules.vendors[&account.vendor];
            assert!(self.rules.calendars[&vendor.calendar].is_open(at), "TIM-01: a permit out of hours");
        }
        let rule = &self.rules.vendors[&account.vendor].allow;
        let most = rule.iter().filter(|rule| rule.targets.contains(&one.asked.target)).map(|rule| &rule.rights);
        let most = most.fold(Rights::default(), |all, rights| all.united_with(rights));
        assert!(permit.rights().is_subset(&most) && !permit.rights().is_empty());
        for approval in standing {
            assert!(approval.rights.as_ref().is_none_or(|rights| permit.rights().is_subset(rights)), "APR-11");
            assert!(approval.until.is_none_or(|until| permit.until() <= until), "APR-11");
        }
        let extensions = one.former.len();
        if one.state == InterventionState::Open {
            self.only_narrows(number, &permit, extensions);
        }
    }

    fn only_narrows(&mut self, number: InterventionNumber, permit: &Permit, extensions: usize) {
        let now = (permit.rights().clone(), permit.until(), extensions);
        if let Some((rights, until, before)) = self.promised.permits.insert(number, now) {
            assert!(permit.rights().is_subset(&rights), "a permit gives more than it did");
            assert!(permit.until() <= until || extensions > before, "a permit lasts longer than it did");
        }
    }

    /// Whether whoever approved could do so now, by the factors they had then.
    fn stands(&self, approval: &Approval, one: &Intervention) -> bool {
        let target = &self.rules.targets[&one.asked.target];
        self.register.staff.get(&approval.by).is_some_and(|staff| {
            staff.is(Role::Approver)
                && staff.factors_since <= approval.at
                && !staff.groups.is_disjoint(&target.approvers)
                && !self.register.accounts[&one.asked.account].set_up_by.contains(&approval.by)
        })
    }
}

/// How many human beings.
fn different(approvals: &[&Approval]) -> usize {
    let mut people: Vec<&policy::Person> = Vec::new();
    for approval in approvals {
        if !people.iter().any(|person| person.is(&approval.person)) {
            people.push(&approval.person);
        }
    }
    people.len()
}
