//! IDM-13: a try on an account that is not active is told at once, and several accounts of one vendor
//! tried from one source are a leak.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod support;

use jiff::SignedDuration;
use lifecycle::{Actor, Attempt, CodeCheck, Command, Event, FactorsRequired, Identity, Judged, Register, decide};
use policy::Per;
use support::{at, id, rules};

const DAY: SignedDuration = SignedDuration::from_hours(24);
const OFFICE: &str = "203.0.113.7";

struct World {
    register: Register,
    now: i64,
}

impl World {
    /// alice, bruno and chloe of imagix; alice is disabled.
    fn new() -> World {
        let mut world = World { register: Register::default(), now: 0 };
        for (n, login) in ["alice", "bruno", "chloe"].into_iter().enumerate() {
            let (email, phone) = (format!("{login}@imagix.example"), format!("+33 6 00 00 00 {n:02}"));
            let identity = Identity::new(&format!("{login} Martin"), &email, &phone).unwrap();
            world.carry_out(Command::AddTechnician {
                account: lifecycle::AccountId::from_random([u8::try_from(n).unwrap() + 1; 8]),
                technician: id(login),
                vendor: id("imagix"),
                identity,
                proofing: "badge".to_owned(),
                keys: vec![],
                secret: 1,
                by: Actor::Root(0),
            });
        }
        let reason = "left".to_owned();
        world.carry_out(Command::DisableTechnician { technician: id("alice"), reason, by: Actor::Root(0) });
        world
    }

    fn carry_out(&mut self, command: Command) {
        let decided = decide(&self.register, &rules(1, Per::Session), command, at(self.now));
        assert_eq!(decided.refusal, None);
        for event in decided.events {
            self.register.apply(at(self.now), &event);
        }
    }

    /// One try; gives the alarms it makes.
    fn tries(&mut self, login: &str, source: &str, password: bool, code: CodeCheck) -> Vec<Event> {
        let source = match source.contains(':') {
            true => format!("[{source}]:1"),
            false => format!("{source}:1"),
        };
        let attempt = Attempt {
            via: None,
            account: self.register.account(&id(login)).unwrap().id.clone(),
            source: source.parse().unwrap(),
            password,
            code,
            keys: vec![],
            target: None,
            vault_fits: true,
        };
        let required = FactorsRequired::PasswordTotp;
        let (mut events, judged) =
            self.register.judge_factors(&rules(1, Per::Session), &attempt, required, at(self.now));
        assert_eq!(judged == Judged::Accepted, matches!(events[0], Event::FactorsAccepted { .. }));
        events.extend(self.register.suspect_leak(&events, DAY, at(self.now)));
        events.iter().for_each(|event| self.register.apply(at(self.now), event));
        self.now += 60;
        events.retain(|event| matches!(event, Event::AccountAlert { .. } | Event::LeakSuspected { .. }));
        events
    }

    /// The numbers and names of the alerts that wait, once what these events call for was raised.
    fn waiting(&mut self, events: &[Event]) -> Vec<(u64, String)> {
        for event in events {
            let raised = self.register.alert_for(event);
            raised.iter().for_each(|raised| self.register.apply(at(self.now), raised));
        }
        self.register.alerts.waiting().map(|one| (one.number, one.people.join(" "))).collect()
    }

    fn wrong(&mut self, login: &str, source: &str) -> Vec<Event> {
        self.tries(login, source, false, CodeCheck::Wrong)
    }

    fn right(&mut self, login: &str, source: &str) -> Vec<Event> {
        let step = u64::try_from(self.now).unwrap();
        self.tries(login, source, true, CodeCheck::Fits(step))
    }
}

fn names(events: &[Event]) -> Vec<Vec<String>> {
    let named = |event: &Event| match event {
        Event::LeakSuspected { technicians, .. } => Some(technicians.iter().map(ToString::to_string).collect()),
        _ => None,
    };
    events.iter().filter_map(named).collect()
}

/// The disabled account comes back, then others of the leak: one alert, then an event that names them.
#[test]
fn a_disabled_account_then_others_from_one_source() {
    let mut world = World::new();
    let alerts = world.wrong("alice", OFFICE);
    assert!(matches!(&alerts[..], [Event::AccountAlert { .. }]), "{alerts:?}");
    assert_eq!(names(&world.wrong("bruno", OFFICE)), [["alice", "bruno"]]);
    assert!(world.wrong("bruno", OFFICE).is_empty(), "once is enough");
    // Whoever gets in from there is counted too.
    assert_eq!(names(&world.right("chloe", OFFICE)), [["alice", "bruno", "chloe"]]);
    assert!(world.right("chloe", OFFICE).is_empty());
}

/// LOG-16: one leak is one story: whoever gets in rightly from there is named by the alert that waits, which
/// tells nobody anew; whoever is tried in vain makes another. Once it was taken, each newcomer does.
#[test]
fn one_leak_is_one_alert_while_it_waits() {
    let mut world = World::new();
    world.wrong("alice", OFFICE);
    let leak = world.wrong("bruno", OFFICE);
    assert_eq!(world.waiting(&leak), [(1, "alice bruno".to_owned())]);
    let joined = world.right("chloe", OFFICE);
    assert_eq!(joined.len(), 1);
    assert_eq!(world.waiting(&joined), [(1, "alice bruno chloe".to_owned())]);
    for right in [true, false] {
        let mut world = World::new();
        world.wrong("alice", OFFICE);
        let leak = world.wrong("bruno", OFFICE);
        assert_eq!(world.waiting(&leak).len(), 1);
        let more = match right {
            true => {
                let taken = Event::AlertAcknowledged { alert: 1, note: "seen".to_owned(), by: id("sophie") };
                world.register.apply(at(world.now), &taken);
                world.right("chloe", OFFICE)
            }
            false => world.wrong("chloe", OFFICE),
        };
        assert_eq!(world.waiting(&more).last(), Some(&(2, "alice bruno chloe".to_owned())));
    }
}

/// A vendor's office has one address, and its technicians mistype.
#[test]
fn those_who_get_in_afterwards_are_no_leak() {
    let mut world = World::new();
    assert!(world.wrong("bruno", OFFICE).is_empty());
    assert!(world.right("bruno", OFFICE).is_empty());
    assert!(world.wrong("chloe", OFFICE).is_empty());
    assert!(world.right("chloe", OFFICE).is_empty());
    // Without getting in, they are.
    assert!(world.wrong("chloe", OFFICE).is_empty());
    assert_eq!(names(&world.wrong("bruno", OFFICE)), [["bruno", "chloe"]]);
}

#[test]
fn another_source_or_another_day_is_no_leak() {
    let mut world = World::new();
    world.wrong("bruno", OFFICE);
    assert!(world.wrong("chloe", "203.0.113.8").is_empty());
    world.now += 25 * 3600;
    assert!(world.wrong("chloe", OFFICE).is_empty());
    // A whole /64 is one source.
    world.wrong("bruno", "2001:db8::1");
    assert_eq!(names(&world.wrong("chloe", "2001:db8::ffff:2")), [["bruno", "chloe"]]);
    assert!(world.wrong("chloe", "2001:db8:0:1::2").is_empty());
}
