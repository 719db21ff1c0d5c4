//! D9, condition by condition: who joins an open intervention, and what ends with what.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on is to fail where it stands"
)]

mod support;

use lifecycle::{
    Actor, Admission, CodeCheck, Command, EndCause, Event, FreezeCause, Identity, InterventionNumber,
    InterventionState, JoinFacts, JoinRefusal, Refusal, Register, RequestFacts, Role, SessionId, StaffAttempt, decide,
};
use policy::{Asked, Denial, Per, PolicySet, Supervision, Verified};
use std::collections::BTreeSet;
use support::{at, id, rules};

/// Alice's intervention is open from 203.0.113.7; its first session is `session(1)`.
struct Ward {
    register: Register,
    rules: PolicySet,
    number: InterventionNumber,
}

fn session(n: u8) -> SessionId {
    SessionId::from_random([n; 8])
}

impl Ward {
    fn open(rules: PolicySet) -> Ward {
        let mut ward = Ward { register: Register::default(), rules, number: InterventionNumber(1) };
        let identity = |login: &str, domain: &str, n: u8| {
            Identity::new("Test Person", &format!("{login}@{domain}.example"), &format!("06000000{n:02}")).unwrap()
        };
        for (n, login) in ["alice", "bruno"].iter().enumerate() {
            let n = n as u8;
            ward.command(Command::AddTechnician {
                account: lifecycle::AccountId::from_random([n; 8]),
                technician: id(login),
                vendor: id("imagix"),
                identity: identity(login, "imagix", n),
                proofing: "seen".into(),
                keys: vec![],
                secret: 1,
                by: Actor::Root(0),
            });
        }
        ward.command(Command::AddStaff {
            staff: id("claire"),
            identity: identity("claire", "chu", 50),
            roles: BTreeSet::from([Role::Approver]),
            groups: BTreeSet::from([id("radiologie")]),
            secret: 1,
            by: Actor::Root(0),
        });
        let facts = ward.request();
        ward.command(Command::Request(Box::new(facts)));
        let number = ward.number;
        ward.command(Command::Submit { number });
        let attempt = StaffAttempt { staff: id("claire"), password: true, code: CodeCheck::Fits(1), source: None };
        let verified = Verified::Called;
        ward.command(Command::Approve { number, attempt, code_fits: true, verified, rights: None, until: None });
        let admission = ward.register.admit(&ward.rules, number, session(1), Default::default(), at(0)).unwrap();
        ward.take(0, &[admission.event]);
        ward
    }

    fn take(&mut self, second: i64, events: &[Event]) {
        events.iter().for_each(|event| self.register.apply(at(second), event));
    }

    fn command(&mut self, command: Command) {
        let decided = decide(&self.register, &self.rules, command, at(0));
        assert_eq!(decided.refusal, None);
        self.take(0, &decided.events);
    }

    fn request(&self) -> RequestFacts {
        let JoinFacts { account, target, login, source } = self.facts();
        let (reason, ticket, notice) = ("disk".into(), "-".into(), String::new());
        RequestFacts { account, target, login, source, reason, ticket, notice }
    }

    fn facts(&self) -> JoinFacts {
        JoinFacts {
            account: self.register.account(&id("alice")).unwrap().id.clone(),
            target: id("scanner"),
            login: None,
            source: "203.0.113.7:4000".parse().unwrap(),
        }
    }

    fn join(&mut self, n: u8, facts: &JoinFacts, code_fits: bool, second: i64) -> Result<Admission, JoinRefusal> {
        let whose = (session(n), Default::default());
        let (events, joined) = self.register.join(&self.rules, self.number, facts, code_fits, whose, at(second));
        assert_eq!(events.len(), 1, "each try is journalled: {events:?}");
        self.take(second, &events);
        joined
    }

    fn refusal(&mut self, facts: &JoinFacts) -> JoinRefusal {
        let sessions = self.register.interventions[&self.number].sessions.len();
        let why = self.join(99, facts, true, 1).unwrap_err();
        assert_eq!(self.register.interventions[&self.number].sessions.len(), sessions);
        why
    }

    fn end(&mut self, n: u8, cause: EndCause) -> Vec<Event> {
        let end = self.register.closing_entry(&session(n), at(60), cause).unwrap();
        let events = self.register.close(end, at(60));
        self.take(60, &events);
        events
    }
}

fn ward() -> Ward {
    Ward::open(rules(1, Per::Intervention))
}

#[test]
fn a_connection_joins_with_the_code_until_the_same_end() {
    let mut ward = ward();
    let joined = ward.join(2, &ward.facts(), true, 600).unwrap();
    let record = &ward.register.sessions[&session(2)];
    assert_eq!((record.number, record.joined_from), (ward.number, Some("203.0.113.7:4000".parse().unwrap())));
    assert_eq!(joined.permit.until(), ward.register.sessions[&session(1)].until, "no longer than the first");
    assert!(ward.register.may(&ward.rules, &session(2), &Asked::Shell, at(700)).is_ok());
    let end = ward.register.closing_entry(&session(2), at(700), EndCause::Technician).unwrap();
    assert_eq!(end.source, "203.0.113.7:4000".parse().unwrap(), "LOG-01: its own address");
}

/// Past failures: CVE-2024-1052.
#[test]
fn each_condition_refuses_by_itself() {
    let mut ward = ward();
    let facts = ward.facts();
    let bruno = ward.register.account(&id("bruno")).unwrap().id.clone();
    assert_eq!(ward.refusal(&JoinFacts { account: bruno, ..facts.clone() }), JoinRefusal::Over);
    let elsewhere = "203.0.113.8:4000".parse().unwrap();
    assert_eq!(ward.refusal(&JoinFacts { source: elsewhere, ..facts.clone() }), JoinRefusal::OtherSource);
    assert_eq!(ward.refusal(&JoinFacts { target: id("pacs"), ..facts.clone() }), JoinRefusal::OtherTarget);
    assert_eq!(ward.refusal(&JoinFacts { login: Some(id("root")), ..facts.clone() }), JoinRefusal::OtherLogin);
    let own = JoinFacts { login: Some(id("maint")), ..facts.clone() };
    assert_eq!(ward.register.may_join(&ward.rules, ward.number, &own, at(1)), Ok(()), "the target's own, by name");
    let frozen = Event::SessionFrozen { session: session(1), cause: FreezeCause::Quota, reason: None };
    ward.take(1, &[frozen]);
    assert_eq!(ward.refusal(&facts), JoinRefusal::Frozen);
    ward.take(1, &[Event::SessionResumed { session: session(1), by: Actor::Program }]);
    for n in 2..=4 {
        assert!(ward.join(n, &facts, true, 1).is_ok());
    }
    assert_eq!(ward.refusal(&facts), JoinRefusal::Full);
    ward.end(3, EndCause::Technician);
    assert!(ward.join(5, &facts, true, 61).is_ok(), "a place that is free again is free");
    // The approver is switched off: nothing rests on her any more.
    let reason = "gone".to_owned();
    ward.end(5, EndCause::Technician);
    ward.take(62, &[Event::StaffDisabled { staff: id("claire"), reason, by: Actor::Program }]);
    assert_eq!(ward.refusal(&facts), JoinRefusal::Denied(Denial::QuorumMissing { needed: 1, have: 0 }));
}

#[test]
fn one_approval_for_one_connection() {
    let mut ward = Ward::open(rules(1, Per::Session));
    assert_eq!(ward.refusal(&ward.facts()), JoinRefusal::PerSession);
    // A request of its own waits for the first to be over (IDM-18).
    let request = Command::Request(Box::new(ward.request()));
    let decided = decide(&ward.register, &ward.rules, request, at(1));
    assert_eq!(decided.refusal, Some(Refusal::Busy(ward.number)));
}

/// The rules became stricter since it was approved.
#[test]
fn the_stricter_of_then_and_now_holds() {
    let mut ward = ward();
    for vendor in ward.rules.vendors.values_mut() {
        vendor.allow.iter_mut().for_each(|rule| rule.per = Per::Session);
    }
    assert_eq!(ward.refusal(&ward.facts()), JoinRefusal::PerSession);
}

#[test]
fn three_wrong_codes_close_it_for_the_right_one_too() {
    let mut ward = ward();
    let facts = ward.facts();
    for left in [2, 1, 0] {
        assert_eq!(ward.join(2, &facts, false, 1).unwrap_err(), JoinRefusal::WrongCode(left));
    }
    assert_eq!(ward.register.interventions[&ward.number].wrong_joins, 3);
    assert_eq!(ward.refusal(&facts), JoinRefusal::Closed);
    assert_eq!(ward.register.interventions[&ward.number].state, InterventionState::Open, "the first one goes on");
}

#[test]
fn somebody_must_watch_all_of_it() {
    let mut rules = rules(1, Per::Intervention);
    rules.targets.values_mut().for_each(|target| target.supervision = Supervision::Required);
    let mut ward = Ward::open(rules);
    let facts = ward.facts();
    assert_eq!(ward.refusal(&facts), JoinRefusal::Unwatched);
    let watch = |n, counts| {
        let (staff, via) = (id("claire"), "terminal".to_owned());
        Event::WatchBegan { session: session(n), staff, via, counts }
    };
    ward.take(1, &[watch(1, false)]);
    assert_eq!(ward.refusal(&facts), JoinRefusal::Unwatched, "who looks on does not count");
    ward.take(1, &[watch(1, true)]);
    assert!(ward.join(2, &facts, true, 1).is_ok());
    assert_eq!(ward.refusal(&facts), JoinRefusal::Unwatched, "nobody watches the second yet");
    ward.take(2, &[watch(2, true)]);
    assert!(ward.join(3, &facts, true, 2).is_ok());
}

/// Promise 6: the intervention ends once, after its last session, for the first one's reason.
#[test]
fn what_joined_ends_with_the_first() {
    let mut ward = ward();
    let facts = ward.facts();
    for n in 2..=3 {
        assert!(ward.join(n, &facts, true, 1).is_ok());
    }
    let kinds = |events: &[Event]| events.iter().map(Event::kind).collect::<Vec<_>>();
    assert_eq!(kinds(&ward.end(2, EndCause::Idle)), ["session-ended"], "a further one leaves by itself");
    assert_eq!(kinds(&ward.end(1, EndCause::Technician)), ["session-ended"]);
    assert_eq!(ward.refusal(&facts), JoinRefusal::Over);
    let asked = ward.register.may(&ward.rules, &session(3), &Asked::Shell, at(60));
    assert!(matches!(asked, Err(Refusal::SessionOver)), "{asked:?}");
    let early = Command::EndIntervention { number: ward.number, cause: EndCause::Interrupted };
    assert_eq!(decide(&ward.register, &ward.rules, early, at(60)).events, [], "not while one runs");
    assert_eq!(kinds(&ward.end(3, EndCause::Technician.for_joined())), ["session-ended", "intervention-ended"]);
    let ended = &ward.register.interventions[&ward.number];
    assert_eq!(ended.state, InterventionState::Ended(EndCause::Technician));
    assert_eq!(ward.register.sessions[&session(3)].end.as_ref().unwrap().cause, EndCause::FirstEnded);
    let cut = EndCause::Cut { by: Actor::Program, reason: "x".into() };
    assert_eq!(cut.for_joined(), cut, "what ends all says why to all");
}
