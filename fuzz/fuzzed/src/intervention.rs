//! Orders of staff and technicians in any order: the whole life of accounts and interventions.
//!
//! A plain choice of orders hardly ever gets past a request, so each step draws from what could come next,
//! and now and then from what must not. What holds at every step stands in `promises`; what walks have to
//! reach, in `tests/walks.rs`.

mod draw;
mod promises;
pub mod rules;

use crate::draws::Draws;
use crate::reached::Reached;
use jiff::{SignedDuration, Timestamp};
use lifecycle::{Command, Event, InterventionNumber, Refusal, Register, decide};
use policy::PolicySet;
use promises::Promised;

/// Longest walk: each step costs as much as there are interventions.
const STEPS: usize = 400;

/// A register, the instant, and everything that has happened to it.
pub struct World {
    register: Register,
    rules: PolicySet,
    now: i64,
    /// The step of codes, which only grows.
    step: u64,
    /// Generations of secrets, and ids.
    made: u64,
    history: Vec<(Timestamp, Event)>,
    promised: Promised,
    reached: Reached,
}

/// One walk.
pub fn run(data: &[u8]) {
    walk(data, &mut Reached::default());
}

/// A walk of these choices; adds what it came to: events by their kinds, states with what was ordered in them,
/// refusals and denials by their words.
pub fn walk(data: &[u8], reached: &mut Reached) {
    let mut world = World::begun();
    let mut draws = Draws::new(data);
    for _ in 0..STEPS {
        if draws.is_over() {
            break;
        }
        world.step(&mut draws);
        world.holds();
    }
    world.is_its_own_history();
    reached.append(std::mem::take(&mut world.reached));
}

impl World {
    fn at(&self) -> Timestamp {
        // Monday 23 November 2026, 09:00 in Paris.
        let begun: Timestamp = "2026-11-23T08:00:00Z".parse().unwrap();
        begun.checked_add(SignedDuration::from_secs(self.now)).unwrap()
    }

    fn take(&mut self, events: Vec<Event>) {
        for event in events {
            let at = self.at();
            self.written(&event);
            self.register.apply(at, &event);
            self.reached.insert(format!("event {}", event.kind()));
            // An alert is an entry of its own, beside the one that causes it.
            let alert = self.register.alert_for(&event);
            self.history.push((at, event));
            if let Some(alert) = alert {
                assert!(self.register.alert_for(&alert).is_none(), "an alert about an alert");
                self.register.apply(at, &alert);
                self.reached.insert(format!("event {}", alert.kind()));
                self.history.push((at, alert));
            }
        }
        for one in self.register.interventions.values() {
            self.reached.insert(format!("state {}", one.state.word()));
        }
        for one in self.register.accounts.values() {
            self.reached.insert(format!("account {}", one.state.word()));
        }
    }

    fn carry_out(&mut self, command: Command) -> Option<Refusal> {
        let number = numbered(&command).and_then(|number| self.register.interventions.get(&number));
        if let Some(one) = number {
            self.reached.insert(format!("{} {}", one.state.word(), word(&command)));
        }
        let decided = decide(&self.register, &self.rules, command, self.at());
        if let Some(refusal) = &decided.refusal {
            Self::only_a_try(&decided.events);
            self.refused(refusal);
        }
        self.take(decided.events);
        decided.refusal
    }

    fn refused(&mut self, refusal: &Refusal) {
        assert!(!refusal.to_string().is_empty());
        self.reached.insert(format!("refusal {}", word(refusal)));
        match refusal {
            Refusal::Denied(denial) => {
                self.reached.insert(format!("denial {}", denial.code()));
            }
            Refusal::Key(error) => {
                self.reached.insert(format!("key {error:?}"));
            }
            Refusal::Token(error) => {
                self.reached.insert(format!("token {error:?}"));
            }
            Refusal::Window(error) => {
                self.reached.insert(format!("window {}", word(error)));
            }
            _ => {}
        }
    }

    /// The register is nothing but the fold of what happened, through the journal's own form.
    fn is_its_own_history(&self) {
        let mut again = Register::default();
        for (at, event) in &self.history {
            again.apply(*at, &Event::from_body(&event.to_body()).unwrap());
        }
        assert_eq!(again.interventions, self.register.interventions);
        assert_eq!(again.sessions, self.register.sessions);
        assert_eq!(again.accounts, self.register.accounts);
        assert_eq!(again.staff, self.register.staff);
        assert_eq!(again.frozen_vendors, self.register.frozen_vendors);
        assert_eq!(again.struck_keys, self.register.struck_keys);
        assert_eq!(again.alerts, self.register.alerts);
        assert_eq!(again.break_glass, self.register.break_glass);
        assert_eq!((again.lockdown, again.reopened), (self.register.lockdown.clone(), self.register.reopened.clone()));
    }
}

/// The intervention that an order is about.
fn numbered(command: &Command) -> Option<InterventionNumber> {
    match command {
        Command::Submit { number }
        | Command::Approve { number, .. }
        | Command::Refuse { number, .. }
        | Command::Withdraw { number, .. }
        | Command::Expire { number }
        | Command::ApprovePlanned { number, .. }
        | Command::Arm { number, .. }
        | Command::Arrive { number, .. }
        | Command::Extend { number, .. }
        | Command::Review { number, .. }
        | Command::EndIntervention { number, .. } => Some(*number),
        _ => None,
    }
}

/// The name of a variant.
fn word(of: &impl std::fmt::Debug) -> String {
    format!("{of:?}").chars().take_while(|c| c.is_ascii_alphanumeric()).collect()
}
