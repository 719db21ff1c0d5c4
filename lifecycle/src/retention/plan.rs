//! What is due: decided from the register and one walk over the entries that are still readable.
//!
//! Two things make every crash in the middle of a run harmless, and every older copy of a key file no
//! way back: what belongs together becomes due at one instant, and of it the older entries go first. So
//! what is left of an account, a brake or a session is never its beginning without its end.

use super::ranges::Ranges;
use super::ties::{Person, Tie, tie};
use super::{HoldOn, months_after};
use crate::account::AccountState;
use crate::event::Event;
use crate::ids::{AccountId, HoldId, InterventionNumber, SessionId, TokenId};
use crate::record::SessionRecord;
use crate::register::Register;
use crate::staff::StaffState;
use jiff::{SignedDuration, Timestamp};
use policy::StaffLogin;
use std::collections::{BTreeMap, BTreeSet};

/// A run takes what became due within so long from the oldest on: a forged clock cannot empty the
/// house (T9).
const WINDOW: SignedDuration = SignedDuration::from_hours(48);
/// Ranges of entries that one run writes down; the rest is the next one's.
const MOST_RANGES: usize = 20_000;
/// Recordings, and recordings whose copies of files go, of one run.
const MOST_RECORDINGS: usize = 2_000;

/// Something that will go, or is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// An intervention's entries, with those of its sessions.
    Intervention(InterventionNumber),
    /// A recording.
    Recording(SessionId),
    /// The copies of files in one.
    Files(SessionId),
    /// What made a technician's account.
    Account(AccountId),
}

/// When something goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coming {
    /// What.
    pub what: What,
    /// From when on it is due.
    pub until: Timestamp,
    /// The hold that keeps it.
    pub held_by: Option<HoldId>,
}

/// What the register forgets once a run is done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gone {
    /// Interventions, with their sessions.
    pub interventions: BTreeSet<InterventionNumber>,
    /// Technicians' accounts.
    pub accounts: BTreeSet<AccountId>,
    /// Staff.
    pub staff: BTreeSet<StaffLogin>,
    /// Tokens.
    pub tokens: BTreeSet<TokenId>,
    /// Holds.
    pub holds: BTreeSet<HoldId>,
}

/// Whether a sealed recording has copies of files that are still there.
pub type HasFiles<'a> = &'a dyn Fn(&SessionId) -> bool;

/// What one run takes, and what it leaves.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Plan {
    /// The entries whose content goes.
    pub entries: Ranges,
    /// The recordings that go.
    pub recordings: Vec<SessionId>,
    /// The recordings whose copies of files go.
    pub files: Vec<SessionId>,
    /// What the register forgets.
    pub gone: Gone,
    /// Until when this run looks: two days behind the oldest that is due, and not beyond now.
    pub up_to: Option<Timestamp>,
    /// How much is due and held.
    pub held: u64,
    /// How much is due and left to a later run.
    pub waiting: u64,
    /// When the next becomes due that is not yet.
    pub next: Option<Timestamp>,
    /// Interventions, recordings and accounts with their terms, the first first: due, held, and to come.
    pub coming: Vec<Coming>,
}

impl Plan {
    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.recordings.is_empty() && self.files.is_empty()
    }
}

struct Seen {
    index: u64,
    at: Timestamp,
    tie: Tie,
    /// Whether what the tie names begins with this entry.
    begins: bool,
}

#[derive(Default)]
struct Counters {
    /// The last entry from which on the counters begin anew.
    reset: Option<u64>,
    /// The newest step that was used, and its entry.
    newest: Option<(u64, u64)>,
}

/// Gathers the entries, then plans.
pub struct Planner<'a> {
    register: &'a Register,
    seen: Vec<Seen>,
    counters: BTreeMap<Person, Counters>,
    ended: BTreeMap<Person, Timestamp>,
    brakes: BTreeMap<Option<policy::VendorId>, u64>,
    credentials: BTreeMap<(policy::TargetId, policy::TargetAccount), u64>,
    config: u64,
    readers: u64,
    /// The newest print of codes on paper.
    break_glass: Option<u64>,
}

impl<'a> Planner<'a> {
    /// Begins. The register is the fold of all entries that are to be seen.
    pub fn new(register: &'a Register) -> Self {
        Self {
            register,
            seen: Vec::new(),
            counters: BTreeMap::new(),
            ended: BTreeMap::new(),
            brakes: BTreeMap::new(),
            credentials: BTreeMap::new(),
            config: 0,
            readers: 0,
            break_glass: None,
        }
    }

    /// Takes in an entry whose content is there, in the order of the journal.
    pub fn see(&mut self, index: u64, at: Timestamp, event: &Event) {
        self.count(index, at, event);
        let tie = tie(self.register, event);
        match &tie {
            Tie::Brake(brake) => {
                self.brakes.insert(brake.clone(), index);
            }
            Tie::Credential(target, login) => {
                self.credentials.insert((target.clone(), login.clone()), index);
            }
            Tie::Config => self.config = index,
            Tie::Readers => self.readers = index,
            Tie::BreakGlass if matches!(event, Event::BreakGlassPrinted { .. }) => self.break_glass = Some(index),
            _ => {}
        }
        let begins = matches!(
            event,
            Event::InterventionRequested { .. }
                | Event::InterventionPlanned { .. }
                | Event::TechnicianAdded { .. }
                | Event::TechnicianInvited { .. }
                | Event::StaffAdded { .. }
                | Event::StaffInvited { .. }
                | Event::TokenMade { .. }
                | Event::HoldAdded { .. }
        );
        self.seen.push(Seen { index, at, tie, begins });
    }

    fn count(&mut self, index: u64, at: Timestamp, event: &Event) {
        let technician = |account: &AccountId| Person::Technician(account.clone());
        let staff = |staff: &StaffLogin| Person::Staff(staff.clone());
        let (person, step, resets) = match event {
            // The steps of the secret that is gone say nothing of the new one.
            Event::TechnicianEnrolled { account, .. } => {
                self.counters.remove(&technician(account));
                (technician(account), None, true)
            }
            Event::StaffEnrolled { staff: login, .. } => {
                self.counters.remove(&staff(login));
                (staff(login), None, true)
            }
            Event::TechnicianDisabled { account, .. } => {
                self.ended.insert(technician(account), at);
                return;
            }
            Event::StaffDisabled { staff: login, .. } => {
                self.ended.insert(staff(login), at);
                return;
            }
            Event::FactorsAccepted { account, step, .. } => (technician(account), Some(*step), true),
            Event::FactorsRefused { account, step, .. } => (technician(account), *step, false),
            Event::TechnicianUnlocked { account, .. } | Event::TechnicianReset { account, .. } => {
                (technician(account), None, true)
            }
            Event::StaffCodeUsed { staff: login, step, .. } => (staff(login), Some(*step), true),
            Event::StaffRefused { staff: login, step, .. } => (staff(login), *step, false),
            Event::StaffUnlocked { staff: login, .. } | Event::StaffReset { staff: login, .. } => {
                (staff(login), None, true)
            }
            _ => return,
        };
        let counters = self.counters.entry(person).or_default();
        if resets {
            counters.reset = Some(index);
        }
        let newest = step.map(|step| (step, index));
        counters.newest = counters.newest.max(newest);
    }

    /// Until when what this person's account is made of is kept, and when the account ended. `None`
    /// while it is needed.
    fn account_until(&self, person: &Person) -> Option<(Timestamp, Timestamp)> {
        let needed = match person {
            Person::Technician(id) => {
                self.register.accounts.get(id).is_none_or(|account| account.state != AccountState::Disabled)
            }
            // Who set up an account that lives does not approve for it, also under a later login (APR-02).
            Person::Staff(login) => {
                let living = self.register.accounts.values().filter(|one| one.state != AccountState::Disabled);
                self.register.staff.get(login).is_none_or(|staff| staff.state != StaffState::Disabled)
                    || living.flat_map(|one| &one.set_up_by).any(|maker| maker == login)
            }
        };
        let ended = *self.ended.get(person).filter(|_| !needed)?;
        Some((ended, self.after(ended)?))
    }

    fn after(&self, at: Timestamp) -> Option<Timestamp> {
        Some(months_after(at, self.register.retention.terms_at(at)?.journal))
    }

    /// Until when an intervention's entries are kept, and when it ended: as long as its longest
    /// recording, so that no recording is without its story. `None` while it is not over.
    fn intervention_until(
        &self,
        number: InterventionNumber,
        has_files: HasFiles<'_>,
    ) -> Option<(Timestamp, Timestamp)> {
        let one = self.register.interventions.get(&number).filter(|one| one.state.is_final())?;
        let ended = one.ended?;
        let mut until = self.after(ended)?;
        for record in one.sessions.iter().filter_map(|id| self.register.sessions.get(id)) {
            if record.shredded.is_none() {
                until = until.max(self.register.recording_until(record)?);
            }
            if self.has_files(record, has_files) {
                until = until.max(self.register.files_until(record)?);
            }
        }
        Some((ended, until))
    }

    fn has_files(&self, record: &SessionRecord, has_files: HasFiles<'_>) -> bool {
        record.sealed.is_some() && record.files_shredded.is_none() && has_files(&record.id)
    }

    /// Plans a run at this instant. Entries from `laid_down` on stand in the journal's tail, where none
    /// is erased.
    pub fn plan(self, now: Timestamp, laid_down: u64, has_files: HasFiles<'_>) -> Plan {
        let mut terms = BTreeMap::new();
        for number in self.register.interventions.keys() {
            terms.insert(*number, self.intervention_until(*number, has_files));
        }
        let mut plan = Plan::default();
        let mut items = self.entries(now, &terms, laid_down, &mut plan);
        items.extend(self.recordings(now, has_files, &mut plan));
        for (number, until) in &terms {
            if let Some((_, until)) = until {
                let held_by = self.register.hold_on(*number).map(|hold| hold.id.clone());
                plan.coming.push(Coming { what: What::Intervention(*number), until: *until, held_by });
            }
        }
        for id in self.register.accounts.keys() {
            if let Some((_, until)) = self.account_until(&Person::Technician(id.clone())) {
                let held_by = self.register.hold_on_account(id).map(|hold| hold.id.clone());
                plan.coming.push(Coming { what: What::Account(id.clone()), until, held_by });
            }
        }
        plan.coming.sort_by_key(|one| one.until);
        self.choose(items, now, &mut plan);
        plan
    }

    /// The entries that are due and not held.
    fn entries(
        &self,
        now: Timestamp,
        terms: &BTreeMap<InterventionNumber, Option<(Timestamp, Timestamp)>>,
        laid_down: u64,
        plan: &mut Plan,
    ) -> Vec<(Timestamp, u64, Item)> {
        let mut items = Vec::new();
        let mut chains = BTreeMap::new();
        let mut accounts = BTreeMap::new();
        for (place, seen) in self.seen.iter().enumerate() {
            let Some(due) = self.due(seen, now, terms, &mut chains, &mut accounts) else { continue };
            if due > now {
                plan.next = Some(plan.next.map_or(due, |next| next.min(due)));
            } else if self.is_held(&seen.tie) {
                plan.held += 1;
            } else if seen.index >= laid_down {
                plan.waiting += 1;
            } else {
                items.push((due, seen.index, Item::Entry(place)));
            }
        }
        items
    }

    fn due(
        &self,
        seen: &Seen,
        now: Timestamp,
        terms: &BTreeMap<InterventionNumber, Option<(Timestamp, Timestamp)>>,
        chains: &mut BTreeMap<Option<policy::VendorId>, Timestamp>,
        accounts: &mut BTreeMap<Person, Option<(Timestamp, Timestamp)>>,
    ) -> Option<Timestamp> {
        let own = self.after(seen.at)?;
        // What came after the end keeps its own age besides: who read a recording last month stays known.
        let with = |(ended, until): (Timestamp, Timestamp)| if seen.at <= ended { until } else { until.max(own) };
        match &seen.tie {
            Tie::Intervention(number) => match terms.get(number) {
                Some(until) => until.map(with),
                // What made it is gone already.
                None => Some(own),
            },
            Tie::Account(person) => {
                let until = accounts.entry(person.clone()).or_insert_with(|| self.account_until(person));
                match (*until, self.is_known(person)) {
                    (Some(until), _) => Some(with(until)),
                    (None, true) => None,
                    (None, false) => Some(own),
                }
            }
            Tie::Guard(person) => {
                let counters = self.counters.get(person).filter(|_| self.is_living(person));
                let carries = counters.is_some_and(|counters| {
                    counters.reset.is_none_or(|reset| seen.index >= reset)
                        || counters.newest.is_some_and(|(_, index)| index == seen.index)
                });
                (!carries).then_some(own)
            }
            Tie::Brake(brake) => {
                let on = match brake {
                    Some(vendor) => self.register.frozen_vendors.contains_key(vendor),
                    None => self.register.lockdown.is_some(),
                };
                if on && self.brakes.get(brake) == Some(&seen.index) {
                    return None;
                }
                let chain = chains.entry(brake.clone()).or_insert(own);
                *chain = own.max(*chain);
                Some(*chain)
            }
            Tie::Credential(target, login) => {
                let newest = self.credentials.get(&(target.clone(), login.clone())) == Some(&seen.index);
                (!newest).then_some(own)
            }
            Tie::Token(id) => match self.register.tokens.get(id) {
                Some(token) => {
                    let over = token.revoked.unwrap_or(token.until);
                    if over > now { None } else { self.after(over) }
                }
                None => Some(own),
            },
            Tie::Hold(id) => match self.register.holds.get(id) {
                Some(hold) => self.after(hold.over()?),
                None => Some(own),
            },
            Tie::Alert(number) => (!self.register.alerts.keeps(*number)).then_some(own),
            Tie::BreakGlass => (self.break_glass.is_none_or(|printed| seen.index < printed)).then_some(own),
            Tie::Config => (self.config != seen.index).then_some(own),
            Tie::Readers => (self.readers != seen.index).then_some(own),
            Tie::Always => None,
            Tie::Age(_) | Tie::Vendor(_) | Tie::Search(_) => Some(own),
        }
    }

    fn is_known(&self, person: &Person) -> bool {
        match person {
            Person::Technician(id) => self.register.accounts.contains_key(id),
            Person::Staff(login) => self.register.staff.contains_key(login),
        }
    }

    fn is_living(&self, person: &Person) -> bool {
        match person {
            Person::Technician(id) => {
                self.register.accounts.get(id).is_some_and(|one| one.state != AccountState::Disabled)
            }
            Person::Staff(login) => self.register.staff.get(login).is_some_and(|one| one.state != StaffState::Disabled),
        }
    }

    fn is_held(&self, tie: &Tie) -> bool {
        match tie {
            Tie::Intervention(number) => self.is_intervention_held(*number),
            Tie::Search(numbers) => numbers.iter().any(|number| self.is_intervention_held(*number)),
            // What cut a vendor off, or was found out about it, is of the incident.
            Tie::Brake(Some(vendor)) | Tie::Vendor(vendor) => self.has_hold(&HoldOn::Vendor(vendor.clone())),
            Tie::Account(Person::Technician(id)) | Tie::Guard(Person::Technician(id)) | Tie::Age(Some(id)) => {
                self.register.hold_on_account(id).is_some()
            }
            _ => false,
        }
    }

    fn is_intervention_held(&self, number: InterventionNumber) -> bool {
        match self.register.interventions.contains_key(&number) {
            true => self.register.hold_on(number).is_some(),
            // Its parties are not known any more; a hold on its number still is.
            false => self.has_hold(&HoldOn::Intervention(number)),
        }
    }

    fn has_hold(&self, on: &HoldOn) -> bool {
        self.register.holds.values().any(|hold| hold.holds() && hold.on == *on)
    }

    /// The recordings, and the copies of files in them, that are due and not held.
    fn recordings(&self, now: Timestamp, has_files: HasFiles<'_>, plan: &mut Plan) -> Vec<(Timestamp, u64, Item)> {
        let mut items = Vec::new();
        for record in self.register.sessions.values() {
            let recording = self.register.recording_until(record).filter(|_| record.shredded.is_none());
            let files = self.register.files_until(record).filter(|_| self.has_files(record, has_files));
            let id = || record.id.clone();
            let both = [
                recording.map(|until| (until, Item::Recording(id()), What::Recording(id()))),
                files.map(|until| (until, Item::Files(id()), What::Files(id()))),
            ];
            for (until, item, what) in both.into_iter().flatten() {
                let held_by = self.register.hold_on(record.number).map(|hold| hold.id.clone());
                if until > now {
                    plan.next = Some(plan.next.map_or(until, |next| next.min(until)));
                } else if held_by.is_some() {
                    plan.held += 1;
                } else {
                    items.push((until, u64::MAX, item));
                }
                plan.coming.push(Coming { what, until, held_by });
            }
        }
        items
    }

    /// Of what is due, what this run takes.
    fn choose(&self, mut items: Vec<(Timestamp, u64, Item)>, now: Timestamp, plan: &mut Plan) {
        items.sort_by_key(|(due, index, _)| (*due, *index));
        let Some((oldest, ..)) = items.first() else { return };
        let up_to = oldest.saturating_add(WINDOW).unwrap_or(now).min(now);
        plan.up_to = Some(up_to);
        for (due, index, item) in items {
            let full = match item {
                Item::Entry(_) => plan.entries.pieces() >= MOST_RANGES,
                Item::Recording(_) | Item::Files(_) => plan.recordings.len() + plan.files.len() >= MOST_RECORDINGS,
            };
            if due > up_to || full {
                plan.waiting += 1;
                continue;
            }
            match item {
                Item::Recording(id) => plan.recordings.push(id),
                Item::Files(id) => plan.files.push(id),
                Item::Entry(place) => {
                    plan.entries.insert(index);
                    if let Some(seen) = self.seen.get(place).filter(|seen| seen.begins) {
                        plan.gone.take(&seen.tie);
                    }
                }
            }
        }
    }
}

enum Item {
    Entry(usize),
    Recording(SessionId),
    Files(SessionId),
}

impl Gone {
    fn take(&mut self, tie: &Tie) {
        let _new = match tie {
            Tie::Intervention(number) => self.interventions.insert(*number),
            Tie::Account(Person::Technician(id)) => self.accounts.insert(id.clone()),
            Tie::Account(Person::Staff(login)) => self.staff.insert(login.clone()),
            Tie::Token(id) => self.tokens.insert(id.clone()),
            Tie::Hold(id) => self.holds.insert(id.clone()),
            _ => false,
        };
    }
}
