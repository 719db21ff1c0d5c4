//! Guided random walks over the register: every state is reached, and the promises hold on the way.
//!
//! A plain random choice of commands hardly ever gets past a request, so each step draws from what
//! could sensibly happen next, and now and then from what must not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on is to fail where it stands"
)]

mod support;

use jiff::Timestamp;
use lifecycle::retention::{Plan, Planner, Ranges};
use lifecycle::{
    AccountState, Actor, Attempt, CodeCheck, Command, EndCause, Event, FactorCause, FactorsRequired, Identity,
    InterventionNumber, InterventionState, JoinFacts, JoinRefusal, Judged, MOST_CONNECTIONS, Refusal, Register,
    RequestFacts, Role, StaffAttempt, WithdrawCause, decide,
};
use policy::{Per, PolicySet, Verified};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use support::{at, id, rules};

/// A register, the instant, and everything that has happened to it.
struct World {
    register: Register,
    rules: PolicySet,
    now: i64,
    step: u64,
    history: Vec<(Timestamp, Event)>,
    seen: BTreeSet<&'static str>,
    joined: u32,
}

const TECHNICIANS: [&str; 3] = ["alice", "bruno", "chloe"];
const STAFF: [&str; 3] = ["claire", "paul", "nadia"];

impl World {
    fn new(quorum: u8) -> World {
        let mut world = World {
            register: Register::default(),
            rules: rules(quorum, Per::Intervention),
            now: 0,
            step: 1000,
            history: Vec::new(),
            seen: BTreeSet::new(),
            joined: 0,
        };
        for (n, login) in TECHNICIANS.iter().enumerate() {
            let identity =
                Identity::new("Test Person", &format!("{login}@imagix.example"), &format!("06000000{n:02}")).unwrap();
            let account = lifecycle::AccountId::from_random([n as u8; 8]);
            let by = Actor::Root(0);
            let command = Command::AddTechnician {
                account,
                technician: id(login),
                vendor: id("imagix"),
                identity,
                proofing: "seen".into(),
                keys: vec![],
                secret: 1,
                by,
            };
            assert_eq!(world.carry_out(command), None);
        }
        for (n, login) in STAFF.iter().enumerate() {
            let identity =
                Identity::new("Test Person", &format!("{login}@chu.example"), &format!("07000000{n:02}")).unwrap();
            let role = if *login == "nadia" { Role::Operator } else { Role::Approver };
            let by = Actor::Root(0);
            let command = Command::AddStaff {
                staff: id(login),
                identity,
                roles: BTreeSet::from([role]),
                groups: BTreeSet::from([id("radiologie")]),
                secret: 1,
                by,
            };
            assert_eq!(world.carry_out(command), None);
        }
        world
    }

    fn take(&mut self, events: Vec<Event>) {
        for event in events {
            let now = at(self.now);
            self.register.apply(now, &event);
            self.history.push((now, event));
        }
        self.register.interventions.values().for_each(|one| {
            self.seen.insert(one.state.word());
        });
    }

    fn carry_out(&mut self, command: Command) -> Option<Refusal> {
        let decided = decide(&self.register, &self.rules, command, at(self.now));
        self.take(decided.events);
        decided.refusal
    }

    fn attempt(&mut self, who: &str, right: bool) -> StaffAttempt {
        self.step += 1;
        StaffAttempt {
            staff: id(who),
            password: right,
            code: if right { CodeCheck::Fits(self.step) } else { CodeCheck::Wrong },
            source: None,
        }
    }

    fn one(&self, choice: u8, fits: impl Fn(&InterventionState) -> bool) -> Option<InterventionNumber> {
        let all: Vec<_> =
            self.register.interventions.values().filter(|one| fits(&one.state)).map(|one| one.number).collect();
        all.get(usize::from(choice) % all.len().max(1)).copied()
    }

    /// One step, chosen by two bytes.
    fn walk(&mut self, what: u8, choice: u8) {
        let technician = TECHNICIANS[usize::from(choice) % 3];
        let approver = STAFF[usize::from(choice) % 2];
        match what % 18 {
            0 | 1 => {
                let account = self.register.account(&id(technician)).unwrap().id.clone();
                let facts = RequestFacts {
                    account,
                    target: id("scanner"),
                    login: None,
                    source: "203.0.113.7:1".parse().unwrap(),
                    reason: "disk".into(),
                    ticket: "-".into(),
                    notice: String::new(),
                };
                let _ = self.carry_out(Command::Request(Box::new(facts)));
            }
            2 | 3 => {
                if let Some(number) = self.one(choice, |state| *state == InterventionState::Prepared) {
                    assert_eq!(self.carry_out(Command::Submit { number }), None);
                }
            }
            4..=6 => {
                if let Some(number) = self.one(choice, |state| *state == InterventionState::Requested) {
                    let attempt = self.attempt(approver, true);
                    let command = Command::Approve {
                        number,
                        attempt,
                        code_fits: !choice.is_multiple_of(5),
                        verified: Verified::Called,
                        rights: None,
                        until: None,
                    };
                    let _ = self.carry_out(command);
                }
            }
            7 => {
                // Somebody who may not, or whose factors do not hold.
                if let Some(number) = self.one(choice, |state| *state == InterventionState::Requested) {
                    let before = self.register.interventions[&number].approvals.len();
                    let attempt = self
                        .attempt(if choice.is_multiple_of(2) { "nadia" } else { approver }, choice.is_multiple_of(2));
                    let command = Command::Approve {
                        number,
                        attempt,
                        code_fits: true,
                        verified: Verified::Called,
                        rights: None,
                        until: None,
                    };
                    assert!(self.carry_out(command).is_some());
                    assert_eq!(self.register.interventions[&number].approvals.len(), before);
                }
            }
            8 => {
                if let Some(number) = self.one(choice, |state| *state == InterventionState::Requested) {
                    let staff = self.attempt(approver, true).staff;
                    let _ = self.carry_out(Command::Refuse { number, staff, reason: "not now".into() });
                }
            }
            9 => {
                if let Some(number) = self.one(choice, InterventionState::is_pending) {
                    let cause = if choice.is_multiple_of(2) { WithdrawCause::Left } else { WithdrawCause::Staff };
                    assert_eq!(self.carry_out(Command::Withdraw { number, cause, by: None }), None);
                }
            }
            10..=12 => {
                if let Some(number) = self.one(choice, |state| *state == InterventionState::Approved) {
                    self.step += 1;
                    let session = lifecycle::SessionId::from_random(self.step.to_be_bytes());
                    if let Ok(admission) =
                        self.register.admit(&self.rules, number, session, Default::default(), at(self.now))
                    {
                        self.take(vec![admission.event]);
                    }
                }
            }
            13 => {
                let live: Vec<_> = self.register.live().map(|record| (record.id.clone(), record.number)).collect();
                if let Some((session, number)) = live.get(usize::from(choice) % live.len().max(1)).cloned() {
                    let first = self.register.first_of(number).unwrap().id.clone();
                    let mut going = vec![session.clone()];
                    if session == first {
                        // The first connection takes the others with it.
                        going.extend(self.register.live_of(number).map(|one| one.id.clone()).filter(|id| *id != first));
                    }
                    for (n, one) in going.iter().enumerate() {
                        let cause = if n == 0 { EndCause::Technician } else { EndCause::FirstEnded };
                        let end = self.register.closing_entry(one, at(self.now), cause).unwrap();
                        self.take(self.register.close(end, at(self.now)));
                    }
                    let over = session == first;
                    assert_eq!(self.register.interventions[&number].state.is_final(), over);
                    if over {
                        let ended = InterventionState::Ended(EndCause::Technician);
                        assert_eq!(self.register.interventions[&number].state, ended, "the first one's cause");
                    }
                }
            }
            14 => {
                let due: Vec<_> = self
                    .register
                    .current()
                    .filter(|one| one.lapses_at().is_some_and(|lapse| lapse <= at(self.now)))
                    .map(|one| one.number)
                    .collect();
                for number in due {
                    assert_eq!(self.carry_out(Command::Expire { number }), None);
                }
            }
            15 | 16 => self.join(choice),
            _ => self.now += [1, 4, 20, 200, 700][usize::from(choice) % 5],
        }
        self.hold();
    }

    /// A further connection, now and then with another's code, address or account.
    fn join(&mut self, choice: u8) {
        let Some(number) = self.one(choice, |state| *state == InterventionState::Open) else { return };
        let account = self.register.interventions[&number].asked.account.clone();
        let mut facts = JoinFacts {
            account,
            target: id("scanner"),
            login: None,
            source: format!("203.0.113.7:{}", 2 + u16::from(choice)).parse().unwrap(),
        };
        let code_fits = !choice.is_multiple_of(11);
        let wrong = self.register.interventions[&number].wrong_joins;
        match choice % 13 {
            0 => facts.source = "203.0.113.8:1".parse().unwrap(),
            1 => {
                let other = TECHNICIANS.iter().map(|login| self.register.account(&id(login)).unwrap().id.clone());
                facts.account = other.into_iter().find(|one| *one != facts.account).unwrap();
            }
            _ => {}
        }
        let live = self.register.live_of(number).count();
        self.step += 1;
        let session = lifecycle::SessionId::from_random(self.step.to_be_bytes());
        let (events, joined) =
            self.register.join(&self.rules, number, &facts, code_fits, (session, Default::default()), at(self.now));
        self.take(events);
        match joined {
            Ok(admission) => {
                assert!(code_fits && wrong < 3 && live < MOST_CONNECTIONS && choice % 13 > 1);
                let first = self.register.first_of(number).unwrap();
                assert_eq!(admission.permit.until(), first.until, "no longer than the first");
                self.joined += 1;
            }
            Err(JoinRefusal::WrongCode(left)) => assert_eq!(left, 2 - wrong),
            Err(_) => {}
        }
    }

    /// The promises, at every step.
    fn hold(&self) {
        let numbers: Vec<u64> = self.register.interventions.keys().map(|number| number.0).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>(), "LIF-10: numbered without gap");
        for one in self.register.interventions.values() {
            if !one.sessions.is_empty() {
                // Promise 1, APR-01, APR-02: behind each session stand as many different approvers as are asked for.
                let people: BTreeSet<_> = one.approvals.iter().map(|approval| approval.by.as_str()).collect();
                assert!(people.len() >= usize::from(one.asked.quorum), "{one:?}");
                assert!(!people.contains("nadia"));
            }
        }
        for technician in TECHNICIANS {
            let account = &self.register.account(&id(technician)).unwrap().id;
            let going_on = self.register.current().filter(|one| one.asked.account == *account).count();
            assert!(going_on <= 1, "IDM-18: one intervention at a time");
        }
        for one in self.register.live() {
            let intervention = &self.register.interventions[&one.number];
            assert_eq!(intervention.state, InterventionState::Open, "nothing runs under one that is over");
            let first = self.register.first_of(one.number).unwrap();
            assert!(first.end.is_none(), "nothing runs on without the first connection");
            let from = one.joined_from.or(intervention.asked.source).unwrap().ip();
            assert_eq!(Some(from), intervention.asked.source.map(|source| source.ip()), "IDM-18: one source at a time");
            assert!(self.register.live_of(one.number).count() <= MOST_CONNECTIONS);
        }
        // Promise 6: one closing entry at most, and none before its beginning.
        let mut closed: BTreeMap<&str, u32> = BTreeMap::new();
        let mut over: BTreeMap<u64, u32> = BTreeMap::new();
        for (_, event) in &self.history {
            match event {
                Event::SessionEnded(end) => *closed.entry(end.session.as_str()).or_default() += 1,
                Event::InterventionEnded { number, .. }
                | Event::InterventionRefused { number, .. }
                | Event::InterventionExpired { number }
                | Event::InterventionWithdrawn { number, .. } => *over.entry(number.0).or_default() += 1,
                _ => {}
            }
        }
        assert!(
            closed.values().all(|count| *count == 1) && over.values().all(|count| *count == 1),
            "{closed:?} {over:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn the_promises_hold_on_every_walk(quorum in 1u8..=2, steps in prop::collection::vec((any::<u8>(), any::<u8>()), 1..250)) {
        let mut world = World::new(quorum);
        for (what, choice) in steps {
            world.walk(what, choice);
        }
        // The register is nothing but the fold of what happened, through the journal's own form.
        let mut again = Register::default();
        for (at, event) in &world.history {
            again.apply(*at, &Event::from_body(&event.to_body()).unwrap());
        }
        prop_assert_eq!(&again.interventions, &world.register.interventions);
        prop_assert_eq!(&again.sessions, &world.register.sessions);
        prop_assert_eq!(&again.accounts, &world.register.accounts);
        prop_assert_eq!(&again.staff, &world.register.staff);
    }
}

/// What still matters of a register: whatever a retention run destroys, this stays as it is.
#[derive(Debug, PartialEq)]
struct Living {
    next: InterventionNumber,
    open: Vec<lifecycle::Intervention>,
    live: Vec<lifecycle::SessionRecord>,
    accounts: Vec<(lifecycle::Account, Carried)>,
    staff: Vec<(lifecycle::Staff, Carried)>,
    frozen: BTreeMap<policy::VendorId, String>,
    lockdown: Option<String>,
    config: String,
}

/// What counters against guessing carry beyond their day.
type Carried = (Option<u64>, u8, Option<lifecycle::Lock>, lifecycle::Tries);

fn carried(guard: &mut lifecycle::Guard) -> Carried {
    let guard = std::mem::take(guard);
    (guard.last_step, guard.failures, guard.lock, guard.tries)
}

fn living(register: &Register) -> Living {
    let account = |mut one: lifecycle::Account| {
        let carried = carried(&mut one.guard);
        (one, carried)
    };
    let staff = |mut one: lifecycle::Staff| {
        let carried = carried(&mut one.guard);
        (one, carried)
    };
    let accounts = register.accounts.values().filter(|one| one.state != AccountState::Disabled);
    Living {
        next: register.next_number(),
        open: register.current().cloned().collect(),
        live: register.live().cloned().collect(),
        accounts: accounts.cloned().map(account).collect(),
        staff: register.staff.values().filter(|one| one.is_active()).cloned().map(staff).collect(),
        frozen: register.frozen_vendors.clone(),
        lockdown: register.lockdown.clone(),
        config: register.config.clone(),
    }
}

/// The fold of a journal in which these entries are erased.
fn fold(history: &[(Timestamp, Event)], erased: impl Fn(u64) -> bool) -> Register {
    let mut register = Register::default();
    for (index, (at, event)) in (0..).zip(history) {
        match erased(index) {
            true => register.pass_over(*at, event.intervention().map(|number| number.0)),
            false => register.apply(*at, event),
        }
    }
    register
}

fn terms(journal: u32) -> Event {
    Event::RetentionTerms { journal, recordings: 6, files: 1, because: None }
}

/// What a run at this instant takes of a journal in which these are erased already.
fn planned(history: &[(Timestamp, Event)], erased: &Ranges, now: Timestamp) -> Plan {
    let register = fold(history, |index| erased.contains(index));
    let mut planner = Planner::new(&register);
    for (index, (at, event)) in (0..).zip(history).filter(|(index, _)| !erased.contains(*index)) {
        planner.see(index, *at, event);
    }
    planner.plan(now, u64::MAX, &|_| false)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// LOG-07, LOG-08: a run erases what is over and nothing that still matters; broken off anywhere it
    /// brings nothing back; the periods of the day on which something ended hold for it (T8).
    #[test]
    fn a_run_takes_nothing_that_still_matters(
        steps in prop::collection::vec((any::<u8>(), any::<u8>()), 20..250),
        leaves in any::<bool>(),
        shorter in any::<prop::sample::Index>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut world = World::new(1);
        for (what, choice) in steps {
            world.walk(what, choice);
        }
        let over: Vec<_> = world.register.sessions.values().filter(|one| one.end.is_some()).map(|one| one.id.clone()).collect();
        for session in over {
            let (state, head) = (lifecycle::RecordingState::Whole, String::new());
            let sealed = Event::RecordingSealed {
                session, state, manifest: String::new(), head, length: 0, missing: 0, files: 1, bytes: 1,
            };
            world.take(vec![sealed]);
        }
        if leaves {
            let by = Actor::Root(0);
            world.carry_out(Command::DisableTechnician { technician: id("alice"), reason: "left".into(), by: by.clone() });
            world.carry_out(Command::DisableStaff { staff: id("paul"), reason: "left".into(), by });
        }
        let mut history = world.history;
        let (first, last) = (history[0].0, history.last().unwrap().0);
        history.insert(0, (first, terms(24)));
        let place = 1 + shorter.index(history.len());
        let at = history.get(place).map_or(last, |(at, _)| *at);
        history.insert(place, (at, terms(12)));

        let months = |months: i64| {
            use jiff::ToSpan as _;
            last.to_zoned(jiff::tz::TimeZone::UTC).checked_add(months.months()).unwrap().timestamp()
        };
        prop_assert!(planned(&history, &Ranges::default(), months(5)).is_empty());
        let whole = fold(&history, |_| false);
        let early = planned(&history, &Ranges::default(), months(13));
        let mut erased = Ranges::default();
        // Until nothing is due any more: each run takes two days' worth.
        loop {
            let plan = planned(&history, &erased, months(25));
            if plan.is_empty() {
                break;
            }
            let run = Event::RetentionRun {
                run: 1,
                up_to: plan.up_to.unwrap(),
                entries: plan.entries.clone(),
                interventions: 0,
                accounts: 0,
                recordings: plan.recordings.clone(),
                files: Vec::new(),
                held: 0,
                waiting: plan.waiting,
            };
            history.push((months(25), run));
            let taken: Vec<u64> = (0..history.len() as u64).filter(|index| plan.entries.contains(*index)).collect();
            // Broken off: the files of the ring are rewritten in order.
            let broken: Ranges = taken[..cut.index(taken.len() + 1)].iter().copied().collect();
            let half = fold(&history, |index| erased.contains(index) || broken.contains(index));
            prop_assert_eq!(living(&half), living(&whole));
            let mut at_once = fold(&history, |index| erased.contains(index));
            erased.extend(&plan.entries);
            let after = fold(&history, |index| erased.contains(index));
            prop_assert_eq!(living(&after), living(&whole));
            at_once.forget(&plan.gone);
            prop_assert_eq!(&at_once.interventions, &after.interventions);
            prop_assert_eq!(at_once.sessions.keys().collect::<Vec<_>>(), after.sessions.keys().collect::<Vec<_>>());
            prop_assert_eq!(at_once.accounts.keys().collect::<Vec<_>>(), after.accounts.keys().collect::<Vec<_>>());
            prop_assert_eq!(at_once.staff.keys().collect::<Vec<_>>(), after.staff.keys().collect::<Vec<_>>());
        }
        let left = fold(&history, |index| erased.contains(index));
        prop_assert!(left.interventions.values().all(|one| !one.state.is_final()));
        prop_assert!(!leaves || (left.account(&id("alice")).is_none() && !left.staff.contains_key(&id::<policy::StaffLogin>("paul"))));
        // What ended under the longer period is there for all of it.
        let ended_before = |number: &InterventionNumber| whole.interventions[number].ended.unwrap() < at;
        prop_assert!(!early.gone.interventions.iter().any(ended_before));
    }
}

/// The walk is guided well enough to meet every state of an intervention.
#[test]
fn walks_reach_every_state() {
    let mut seen = BTreeSet::new();
    let mut joined = 0;
    for seed in 0u64..60 {
        let mut world = World::new(1 + (seed % 2) as u8);
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        for _ in 0..200 {
            // xorshift: any spread of bytes will do, but always the same.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            world.walk((state >> 8) as u8, (state >> 32) as u8);
        }
        seen.extend(world.seen);
        joined += world.joined;
    }
    assert!(joined > 20, "only {joined} connections joined on all walks");
    let all = ["approved", "ended", "expired", "open", "prepared", "refused", "requested", "withdrawn"];
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), all);
}

fn try_in(world: &mut World, password: bool, code: CodeCheck) -> Judged {
    let attempt = Attempt {
        via: None,
        account: world.register.account(&id("alice")).unwrap().id.clone(),
        source: "203.0.113.7:1".parse().unwrap(),
        password,
        code,
        keys: vec![],
        target: None,
        vault_fits: true,
    };
    let (events, judged) =
        world.register.judge_factors(&world.rules, &attempt, FactorsRequired::PasswordTotp, at(world.now));
    world.take(events);
    judged
}

/// D4: what counts against the account and what does not; a right code is used up either way.
#[test]
fn what_counts_and_what_does_not() {
    let mut world = World::new(1);
    for _ in 0..20 {
        assert_eq!(try_in(&mut world, false, CodeCheck::Wrong), Judged::Refused(FactorCause::Both));
        assert_eq!(try_in(&mut world, true, CodeCheck::Malformed), Judged::Refused(FactorCause::CodeMalformed));
    }
    assert_eq!(try_in(&mut world, false, CodeCheck::Fits(50)), Judged::Refused(FactorCause::Password));
    assert_eq!(try_in(&mut world, true, CodeCheck::Fits(50)), Judged::Refused(FactorCause::CodeReused));
    assert_eq!(try_in(&mut world, true, CodeCheck::Fits(51)), Judged::Accepted);
    assert_eq!(try_in(&mut world, true, CodeCheck::Fits(51)), Judged::Refused(FactorCause::CodeReused));
    assert_eq!(try_in(&mut world, true, CodeCheck::Wrong), Judged::Refused(FactorCause::Code));
    assert_eq!(try_in(&mut world, true, CodeCheck::Wrong), Judged::Refused(FactorCause::Code));
    assert_eq!(try_in(&mut world, true, CodeCheck::Fits(52)), Judged::Refused(FactorCause::Locked));
    world.now += 60;
    assert_eq!(try_in(&mut world, true, CodeCheck::Fits(54)), Judged::Accepted);
}

/// APR-06: two refusals cool down, and a request that was sent and left in between washes none off.
#[test]
fn two_refusals_cool_down() {
    let mut world = World::new(1);
    let ask = |world: &mut World| {
        let account = world.register.account(&id("alice")).unwrap().id.clone();
        let facts = RequestFacts {
            account,
            target: id("scanner"),
            login: None,
            source: "203.0.113.7:1".parse().unwrap(),
            reason: "disk".into(),
            ticket: "-".into(),
            notice: String::new(),
        };
        let number = world.register.next_number();
        (number, world.carry_out(Command::Request(Box::new(facts))))
    };
    for n in 0..3 {
        let (number, refusal) = ask(&mut world);
        assert_eq!(refusal, None);
        assert_eq!(world.carry_out(Command::Submit { number }), None);
        if n == 1 {
            assert_eq!(world.carry_out(Command::Withdraw { number, cause: WithdrawCause::Left, by: None }), None);
        } else {
            let staff = "claire".parse().unwrap();
            assert_eq!(world.carry_out(Command::Refuse { number, staff, reason: "no".into() }), None);
        }
    }
    assert!(matches!(ask(&mut world).1, Some(Refusal::CoolingDown(_))));
    world.now += 600;
    assert_eq!(ask(&mut world).1, None);
}
