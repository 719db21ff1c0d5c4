//! Every control against the two ways to plan: the emergency path lifts the calendar, and nothing else
//! (EMG-01, D14). A row breaks one control; on both ways the answer has to be the same, but for hours.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on is to fail where it stands"
)]

mod support;

use jiff::SignedDuration;
use lifecycle::{
    AccountId, Actor, CodeCheck, Command, Event, Identity, PlanFacts, Refusal, Register, Role, StaffAttempt, decide,
};
use policy::{Denial, ForbidRule, Per, PolicySet, Right, Supervision, Verified};
use std::collections::BTreeSet;
use support::{at, id, rules};

/// Monday 09:00, open; and Monday 23:00, closed.
const DAY: i64 = 0;
const NIGHT: i64 = 14 * 3600;

struct World {
    register: Register,
    rules: PolicySet,
    planner: &'static str,
    factors: (bool, CodeCheck),
    facts: PlanFacts,
}

fn identity(login: &str, company: &str, n: u8) -> Identity {
    Identity::new("Test Person", &format!("{login}@{company}.example"), &format!("07000000{n:02}")).unwrap()
}

impl World {
    fn at(now: i64, emergency: bool) -> World {
        let mut world = World {
            register: Register::default(),
            rules: rules(1, Per::Session),
            planner: "claire",
            factors: (true, CodeCheck::Fits(7)),
            facts: PlanFacts {
                technician: id("alice"),
                target: id("scanner"),
                login: None,
                from: at(now),
                until: at(now + 3600),
                emergency,
                reason: "scanner down".into(),
                ticket: "-".into(),
                verified: Verified::Called,
                rights: None,
                on_call: BTreeSet::from([id("radiologie")]),
            },
        };
        let staff: [(&str, &[Role], &str); 4] = [
            ("claire", &[Role::Approver], "radiologie"),
            ("paul", &[Role::Approver], "radiologie"),
            ("luc", &[Role::Approver], "labo"),
            ("nadia", &[Role::Operator, Role::Approver], "radiologie"),
        ];
        for (n, (login, roles, group)) in staff.into_iter().enumerate() {
            world.done(Command::AddStaff {
                staff: id(login),
                identity: identity(login, "chu", n as u8),
                roles: roles.iter().copied().collect(),
                groups: BTreeSet::from([id(group)]),
                secret: 1,
                by: Actor::Root(0),
            });
        }
        world.done(Command::AddTechnician {
            account: AccountId::from_random([1; 8]),
            technician: id("alice"),
            vendor: id("imagix"),
            identity: identity("alice", "imagix", 50),
            proofing: "in person".into(),
            keys: Vec::new(),
            secret: 1,
            by: Actor::Staff(id("nadia")),
        });
        world
    }

    fn done(&mut self, command: Command) {
        let long_ago = at(-30 * 24 * 3600);
        let decided = decide(&self.register, &self.rules, command, long_ago);
        assert_eq!(decided.refusal, None);
        decided.events.iter().for_each(|event| self.register.apply(long_ago, event));
    }

    fn plan(&self, now: i64) -> (Option<Refusal>, Vec<Event>) {
        let (password, code) = self.factors;
        let attempt = StaffAttempt { staff: id(self.planner), password, code, source: None };
        let command = Command::Plan { attempt, facts: Box::new(self.facts.clone()) };
        let decided = decide(&self.register, &self.rules, command, at(now));
        (decided.refusal, decided.events)
    }
}

type Row = (&'static str, fn(&mut World));

fn imagix(world: &mut World) -> &mut policy::Vendor {
    world.rules.vendors.get_mut(&id("imagix")).unwrap()
}

fn scanner(world: &mut World) -> &mut policy::Target {
    world.rules.targets.get_mut(&id("scanner")).unwrap()
}

/// Each breaks one control.
const ROWS: &[Row] = &[
    ("the approver's password", |world| world.factors.0 = false),
    ("the approver's fresh code", |world| world.factors.1 = CodeCheck::Wrong),
    ("the approver's role", |world| {
        world.register.staff.get_mut(&id("claire")).unwrap().roles = BTreeSet::from([Role::Auditor]);
    }),
    ("an approver of that target", |world| {
        world.planner = "luc";
        world.facts.on_call.insert(id("labo"));
    }),
    ("not whom they set up themselves", |world| world.planner = "nadia"),
    ("the technician's account is on", |world| {
        world.done(Command::DisableTechnician { technician: id("alice"), reason: "leaked".into(), by: Actor::Root(0) });
    }),
    ("an account that exists", |world| world.facts.technician = id("bruno")),
    ("the vendor is not frozen", |world| {
        world.done(Command::FreezeVendor { vendor: id("imagix"), reason: "leak".into(), by: Actor::Root(0) });
    }),
    ("the vendor is declared", |world| world.rules.vendors.clear()),
    ("the contract is not over", |world| imagix(world).contract.days = id("2026-01-01/2026-10-31")),
    ("the contract has begun", |world| imagix(world).contract.days = id("2026-12-01/2026-12-31")),
    ("the target is allowed", |world| imagix(world).allow.clear()),
    ("the target is declared", |world| world.facts.target = id("elsewhere")),
    ("the target has its approvers", |world| {
        world.rules.withdrawn.insert(id("scanner"));
    }),
    ("no rule forbids it", |world| {
        imagix(world).forbid.push(ForbidRule {
            targets: BTreeSet::from([id("scanner")]),
            days: None,
            because: "incident".into(),
        });
    }),
    ("the login on the target", |world| world.facts.login = Some(id("root"))),
    ("a right is left", |world| world.facts.rights = Some([Right::SftpWrite].into_iter().collect())),
    ("the contract's number was called", |world| {
        scanner(world).call_back = true;
        world.facts.verified = Verified::Caller;
    }),
    ("a window ahead", |world| world.facts.until = world.facts.from),
    ("a reason", |world| world.facts.reason = " ".into()),
];

/// EMG-01, D14: the matrix. Each control refuses an emergency for the very reason for which it refuses what is
/// planned by day; the calendar alone lets it pass.
#[test]
fn the_emergency_path_lifts_hours_and_nothing_else() {
    let (refusal, events) = World::at(DAY, false).plan(DAY);
    assert!(refusal.is_none() && !events.is_empty(), "by day all is well: {refusal:?}");
    let (refusal, _) = World::at(NIGHT, false).plan(NIGHT);
    assert!(matches!(refusal, Some(Refusal::Denied(Denial::Closed { .. }))), "by night hours forbid it: {refusal:?}");
    let (refusal, _) = World::at(NIGHT, true).plan(NIGHT);
    assert_eq!(refusal, None, "and an emergency is for that");
    for (control, breaks) in ROWS {
        let refused = |now: i64, emergency: bool| {
            let mut world = World::at(now, emergency);
            breaks(&mut world);
            let (refusal, events) = world.plan(now);
            let planned = events.iter().any(|event| matches!(event, Event::InterventionPlanned { .. }));
            assert!(!planned, "{control}: something was planned");
            refusal.unwrap_or_else(|| panic!("{control}: nothing refuses it (emergency: {emergency})"))
        };
        let (by_day, by_night) = (refused(DAY, false), refused(NIGHT, true));
        assert_eq!(by_day.to_string(), by_night.to_string(), "{control}");
    }
}

/// What it demands besides: somebody on call, two hours at most, a call to the contract's number always; and
/// what the rules demand of the session is in it as by day.
#[test]
fn an_emergency_asks_for_more_and_keeps_what_rules_demand() {
    let mut nobody = World::at(NIGHT, true);
    nobody.facts.on_call.clear();
    assert!(matches!(nobody.plan(NIGHT).0, Some(Refusal::NotOnCall(_))));
    let mut long = World::at(NIGHT, true);
    long.facts.until = at(NIGHT) + SignedDuration::from_mins(121);
    assert!(matches!(long.plan(NIGHT).0, Some(Refusal::Window(_))));
    let mut unverified = World::at(NIGHT, true);
    unverified.facts.verified = Verified::Caller;
    assert_eq!(unverified.plan(NIGHT).0, Some(Refusal::Denied(Denial::CallBackNeeded)));
    let terms = |now: i64, emergency: bool| {
        let mut world = World::at(now, emergency);
        world.rules = rules(2, Per::Session);
        scanner(&mut world).supervision = Supervision::Required;
        let events = world.plan(now).1;
        events
            .iter()
            .find_map(|event| match event {
                Event::InterventionPlanned { rights, quorum, per, supervision, login, .. } => {
                    Some((rights.clone(), *quorum, *per, *supervision, login.clone()))
                }
                _ => None,
            })
            .unwrap()
    };
    let night = terms(NIGHT, true);
    assert_eq!(night, terms(DAY, false), "rights, quorum and supervision are those of the rules");
    assert_eq!((night.1, night.3), (2, Supervision::Required));
}
