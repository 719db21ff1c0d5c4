//! Staff, what they set up, and the tokens that they make: who may do what for whom.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on is to fail where it stands"
)]

mod support;

use jiff::{SignedDuration, Timestamp};
use lifecycle::{
    Account, Actor, Attempt, CodeCheck, Command, Decided, EndCause, Event, ExportScope, FactorCause, FactorsRequired,
    Identity, InterventionNumber, PlanFacts, Reader, Refusal, Register, RequestFacts, Role, SessionId, Staff,
    StaffAttempt, StaffState, TokenId, decide,
};
use policy::{Per, PolicySet, Verified};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::net::IpAddr;
use support::{at, id, rules};

const ADDRESS: &str = "203.0.113.7";
const ROOT: Actor = Actor::Root(0);

/// A register, the instant, and what happened to it.
struct World {
    register: Register,
    rules: PolicySet,
    now: i64,
    step: u64,
    history: Vec<(Timestamp, Event)>,
}

fn by(staff: &str) -> Actor {
    Actor::Staff(id(staff))
}

fn identity(login: &str, company: &str, n: u8) -> Identity {
    Identity::new("Test Person", &format!("{login}@{company}.example"), &format!("07000000{n:02}")).unwrap()
}

impl World {
    /// Nadia and Omar are operators, and approvers too; Claire and Paul are approvers, Sophie is the
    /// officer, Aude the auditor.
    fn new() -> World {
        World::since(0)
    }

    fn since(now: i64) -> World {
        let mut world = World {
            register: Register::default(),
            rules: rules(1, Per::Session),
            now,
            step: 1000,
            history: Vec::new(),
        };
        let staff: [(&str, &[Role]); 6] = [
            ("nadia", &[Role::Operator, Role::Approver]),
            ("omar", &[Role::Operator, Role::Approver]),
            ("claire", &[Role::Approver]),
            ("paul", &[Role::Approver]),
            ("sophie", &[Role::Security]),
            ("aude", &[Role::Auditor]),
        ];
        for (n, (login, roles)) in staff.iter().enumerate() {
            let command = Command::AddStaff {
                staff: id(login),
                identity: identity(login, "chu", n as u8),
                roles: roles.iter().copied().collect(),
                groups: BTreeSet::from([id("radiologie")]),
                secret: 1,
                by: ROOT,
            };
            world.done(command);
        }
        world
    }

    fn carry_out(&mut self, command: Command) -> Decided {
        let decided = decide(&self.register, &self.rules, command, at(self.now));
        for event in &decided.events {
            self.take(event.clone());
        }
        decided
    }

    fn take(&mut self, event: Event) {
        self.register.apply(at(self.now), &event);
        self.history.push((at(self.now), event));
    }

    #[track_caller]
    fn done(&mut self, command: Command) {
        assert_eq!(self.carry_out(command).refusal, None);
    }

    #[track_caller]
    fn refused(&mut self, command: Command) -> Refusal {
        let decided = self.carry_out(command);
        assert_eq!(decided.events, [], "nothing happens");
        decided.refusal.expect("a refusal")
    }

    fn staff(&self, login: &str) -> &Staff {
        &self.register.staff[&id(login)]
    }

    fn account(&self, login: &str) -> &Account {
        self.register.account(&id(login)).unwrap()
    }

    fn invite(&self, login: &str, n: u8, by: Actor) -> Command {
        Command::InviteStaff {
            staff: id(login),
            identity: identity(login, "chu", n),
            roles: BTreeSet::from([Role::Approver]),
            groups: BTreeSet::from([id("radiologie")]),
            invitation: 7,
            by,
        }
    }

    fn reset(&self, login: &str, invitation: u64, by: Actor) -> Command {
        Command::ResetStaff { staff: id(login), reason: "telephone lost".into(), invitation, by }
    }

    fn enrol(&self, login: &str, invitation: u64) -> Command {
        Command::EnrolStaff { staff: id(login), invitation, secret: 9, source: ADDRESS.parse().unwrap() }
    }

    fn attempt(&mut self, login: &str) -> StaffAttempt {
        self.step += 1;
        let source = Some(ADDRESS.parse().unwrap());
        StaffAttempt { staff: id(login), password: true, code: CodeCheck::Fits(self.step), source }
    }

    fn signs_in(&mut self, login: &str) -> Option<Refusal> {
        let attempt = self.attempt(login);
        self.carry_out(Command::Prove { attempt, purpose: "sign in".into() }).refusal
    }

    fn technician(&mut self, login: &str, by: Actor) {
        let n = self.register.accounts.len() as u8;
        let command = Command::AddTechnician {
            account: lifecycle::AccountId::from_random([n + 1; 8]),
            technician: id(login),
            vendor: id("imagix"),
            identity: identity(login, "imagix", 50 + n),
            proofing: "seen".into(),
            keys: vec![],
            secret: 1,
            by,
        };
        self.done(command);
    }

    /// A request that waits for its approver.
    fn request(&mut self, login: &str, source: &str) -> InterventionNumber {
        let number = self.register.next_number();
        let facts = RequestFacts {
            account: self.account(login).id.clone(),
            target: id("scanner"),
            login: None,
            source: source.parse().unwrap(),
            reason: "disk".into(),
            ticket: "-".into(),
            notice: String::new(),
        };
        self.done(Command::Request(Box::new(facts)));
        self.done(Command::Submit { number });
        number
    }

    fn approve(&mut self, number: InterventionNumber, login: &str) -> Option<Refusal> {
        let attempt = self.attempt(login);
        let command = Command::Approve {
            number,
            attempt,
            code_fits: true,
            verified: Verified::Called,
            rights: None,
            until: None,
        };
        self.carry_out(command).refusal
    }

    fn plan(&mut self, login: &str, technician: &str) -> Option<Refusal> {
        let attempt = self.attempt(login);
        let facts = PlanFacts {
            technician: id(technician),
            target: id("scanner"),
            login: None,
            from: at(self.now),
            until: at(self.now + 3600),
            emergency: false,
            reason: "update".into(),
            ticket: "-".into(),
            verified: Verified::Called,
            rights: None,
            on_call: BTreeSet::new(),
        };
        self.carry_out(Command::Plan { attempt, facts: Box::new(facts) }).refusal
    }

    /// Asked for, approved by Claire, carried out.
    fn visit(&mut self, technician: &str, source: &str) -> InterventionNumber {
        let number = self.request(technician, source);
        assert_eq!(self.approve(number, "claire"), None);
        let session = self.admit(number).unwrap();
        let end = self.register.closing_entry(&session, at(self.now), EndCause::Technician).unwrap();
        self.take(Event::SessionEnded(end));
        self.done(Command::EndIntervention { number, cause: EndCause::Technician });
        number
    }

    fn admit(&mut self, number: InterventionNumber) -> Result<SessionId, Refusal> {
        self.step += 1;
        let session = SessionId::from_random(self.step.to_be_bytes());
        let admission = self.register.admit(&self.rules, number, session.clone(), Default::default(), at(self.now))?;
        self.take(admission.event);
        Ok(session)
    }
}

/// IDM-16, IDM-19: an invitation makes an account that proves nothing until its person chose factors.
#[test]
fn staff_are_invited_and_enrol() {
    let mut world = World::new();
    world.done(world.invite("zoe", 40, by("nadia")));
    assert_eq!(world.staff("zoe").state, StaffState::Invited);
    assert_eq!(world.staff("zoe").set_up_by, BTreeSet::from([id("nadia")]));
    assert_eq!(world.signs_in("zoe"), Some(Refusal::StaffFactors(id("zoe"))));
    assert!(matches!(world.refused(world.enrol("zoe", 8)), Refusal::StaffState { state: "invited", .. }));
    world.now += 24 * 3600;
    let said = world.refused(world.enrol("zoe", 7)).to_string();
    assert!(said.contains("has run out; ask an operator for another"), "{said}");
    world.now -= 1;
    world.done(world.enrol("zoe", 7));
    assert!(world.staff("zoe").is(Role::Approver));
    assert_eq!((world.staff("zoe").secret, world.staff("zoe").factors_since), (9, at(world.now)));
    assert_eq!(world.signs_in("zoe"), None);
    // Used up.
    assert!(matches!(world.refused(world.enrol("zoe", 7)), Refusal::StaffState { state: "active", .. }));
}

/// IDM-02, IDM-16: one person, one account; a login is never given out twice.
#[test]
fn one_person_has_one_staff_account() {
    let mut world = World::new();
    assert_eq!(
        world.refused(world.invite("claire-two", 2, ROOT)),
        Refusal::SamePerson("Test Person".into(), "claire".into())
    );
    assert_eq!(world.refused(world.invite("claire", 41, ROOT)), Refusal::LoginTaken("claire".into()));
    world.done(Command::DisableStaff { staff: id("claire"), reason: "left".into(), by: by("claire") });
    assert_eq!(world.refused(world.invite("claire", 41, ROOT)), Refusal::LoginTaken("claire".into()));
    let (roles, groups) = (BTreeSet::from([Role::Approver]), BTreeSet::from([id("radiologie")]));
    for (roles, groups, refusal) in [
        (BTreeSet::new(), groups, Refusal::NoRole(id("claire-two"))),
        (roles, BTreeSet::new(), Refusal::NoGroup(id("claire-two"))),
    ] {
        let identity = identity("claire-two", "chu", 2);
        let (staff, by) = (id("claire-two"), ROOT);
        let command = Command::InviteStaff { staff, identity, roles, groups, invitation: 7, by };
        assert_eq!(world.refused(command), refusal);
    }
    world.done(world.invite("claire-two", 2, ROOT));
}

/// IDM-19: nobody changes their own access or rights, under whatever login; braking stays open.
/// Past failures: CVE-2026-91167.
#[test]
fn nobody_grants_themselves_rights() {
    let mut world = World::new();
    let own = Refusal::OwnRights(id("nadia"));
    let all = BTreeSet::from([Role::Operator, Role::Security]);
    let change = |staff: &str, by: Actor| Command::ChangeStaff {
        staff: id(staff),
        roles: BTreeSet::from([Role::Operator, Role::Security]),
        groups: BTreeSet::new(),
        reason: "new duties".into(),
        by,
    };
    assert_eq!(world.refused(change("nadia", by("nadia"))), own);
    assert_eq!(world.refused(world.reset("nadia", 8, by("nadia"))), own);
    assert_eq!(world.refused(Command::UnlockStaff { staff: id("nadia"), by: by("nadia") }), own);
    // Her telephone number, another login and address.
    assert_eq!(world.refused(world.invite("nadine", 0, by("nadia"))), own);
    let add = Command::AddStaff {
        staff: id("nadine"),
        identity: identity("nadia", "chu", 77),
        roles: all.clone(),
        groups: BTreeSet::new(),
        secret: 1,
        by: by("nadia"),
    };
    assert_eq!(world.refused(add), own);
    world.done(change("nadia", by("omar")));
    assert_eq!(world.staff("nadia").roles, all);
    assert!(matches!(world.refused(change("nadia", by("omar"))), Refusal::StaffState { state: "active", .. }));
    world.done(change("omar", ROOT));
    world.done(Command::DisableStaff { staff: id("nadia"), reason: "leaves".into(), by: by("nadia") });
    for command in [
        change("nadia", by("omar")),
        world.reset("nadia", 8, by("omar")),
        Command::UnlockStaff { staff: id("nadia"), by: by("omar") },
        Command::ChooseLanguage { staff: id("nadia"), language: "fr".into() },
    ] {
        assert!(matches!(world.refused(command), Refusal::StaffState { state: "disabled", .. }));
    }
}

/// IDM-08: a lock says what led to it; a reset takes the old factors, the lock and what rested on them.
#[test]
fn a_reset_takes_the_old_factors_away() {
    let mut world = World::new();
    for _ in 0..3 {
        let attempt = StaffAttempt { code: CodeCheck::Wrong, ..world.attempt("claire") };
        assert!(world.carry_out(Command::Prove { attempt, purpose: "sign in".into() }).refusal.is_some());
    }
    let guard = &world.staff("claire").guard;
    assert!(guard.is_locked(at(0)));
    let address: IpAddr = ADDRESS.parse().unwrap();
    assert_eq!((guard.tries.count, guard.tries.sources.clone()), (3, vec![address]));
    assert!(matches!(world.history.last(), Some((_, Event::StaffLocked { source: Some(_), .. }))));
    world.done(Command::UnlockStaff { staff: id("claire"), by: by("nadia") });
    assert!(!world.staff("claire").guard.is_locked(at(0)));

    world.technician("alice", ROOT);
    let number = world.request("alice", "203.0.113.7:1");
    assert_eq!(world.approve(number, "claire"), None);
    world.now += 1;
    world.done(world.reset("claire", 8, by("nadia")));
    assert_eq!((world.staff("claire").state, world.staff("claire").secret), (StaffState::Invited, 0));
    assert!(world.staff("claire").set_up_by.contains(&id("nadia")));
    assert_eq!(world.signs_in("claire"), Some(Refusal::StaffFactors(id("claire"))));
    assert!(matches!(world.history.last(), Some((_, Event::StaffRefused { cause: FactorCause::Inactive, .. }))));
    world.done(world.reset("claire", 10, by("omar")));
    assert!(matches!(world.refused(world.enrol("claire", 8)), Refusal::StaffState { .. }));
    world.done(world.enrol("claire", 10));
    assert_eq!(world.signs_in("claire"), None);
    // What she approved with the factors that are gone does not hold any more.
    assert!(matches!(world.admit(number), Err(Refusal::Denied(_))));
}

/// HRD-13.
#[test]
fn languages_are_those_that_there_are() {
    let mut world = World::new();
    world.done(Command::ChooseLanguage { staff: id("claire"), language: "en".into() });
    assert_eq!(world.staff("claire").language.as_deref(), Some("en"));
    let refusal = world.refused(Command::ChooseLanguage { staff: id("claire"), language: "de".into() });
    assert_eq!(refusal.to_string(), "`de` is not a language of these pages: write fr or en");
}

/// APR-02: whoever made the account, its factors or its keys approves nothing for it.
/// Past failures: PAST-self-approval.
#[test]
fn nobody_approves_what_they_set_up() {
    let mut world = World::new();
    let own = |staff: &str| Some(Refusal::OwnSetUp { staff: id(staff), technician: id("alice") });
    world.technician("alice", by("nadia"));
    let add = |by| Command::AddKey { technician: id("alice"), key: "SHA256:one".into(), by };
    world.done(add(by("claire")));
    world.done(Command::RemoveKey { technician: id("alice"), key: "SHA256:one".into(), by: by("paul") });
    assert_eq!(world.account("alice").set_up_by, BTreeSet::from([id("claire"), id("nadia")]));
    let number = world.request("alice", "203.0.113.7:1");
    for staff in ["nadia", "claire"] {
        assert_eq!(world.approve(number, staff), own(staff));
        assert_eq!(world.plan(staff, "alice"), own(staff));
    }
    let said = own("nadia").unwrap().to_string();
    assert_eq!(said, "`nadia` set up the account of `alice`: another person must approve");
    // Refusing stays open to them.
    world.done(Command::Refuse { number, staff: "nadia".parse().unwrap(), reason: "not now".into() });

    world.now += 1200;
    let reset = Command::ResetTechnician {
        technician: id("alice"),
        reason: "phone lost".into(),
        invitation: 3,
        enable: false,
        by: by("omar"),
    };
    world.done(reset);
    let account = world.account("alice").id.clone();
    let enrol = Command::Enrol {
        account,
        invitation: 3,
        source: "203.0.113.7:1".parse().unwrap(),
        charter: String::new(),
        secret: 4,
    };
    world.done(enrol);
    let activate = Command::Activate { technician: id("alice"), secret: 4, word_fits: true, by: by("paul") };
    world.done(activate);
    let number = world.request("alice", "203.0.113.7:1");
    assert_eq!(world.approve(number, "omar"), own("omar"));
    assert_eq!(world.approve(number, "paul"), None);
    world.admit(number).unwrap();
    world.now += 60;
    let attempt = world.attempt("omar");
    let until = at(world.now + 7000);
    let on_call = BTreeSet::new();
    let extend = Command::Extend { number, attempt, verified: Verified::Called, until, on_call };
    assert_eq!(world.carry_out(extend).refusal, own("omar"));
}

/// APR-02: another login is no other person, and a key given afterwards undoes the approval.
#[test]
fn set_up_is_a_matter_of_the_person() {
    let mut world = World::new();
    world.technician("alice", by("nadia"));
    world.done(Command::DisableStaff { staff: id("nadia"), reason: "new login".into(), by: ROOT });
    world.done(world.invite("nadia-two", 0, by("omar")));
    world.done(world.enrol("nadia-two", 7));
    let number = world.request("alice", "203.0.113.7:1");
    let own = Refusal::OwnSetUp { staff: id("nadia-two"), technician: id("alice") };
    assert_eq!(world.approve(number, "nadia-two"), Some(own));
    assert_eq!(world.approve(number, "paul"), None);
    world.done(Command::AddKey { technician: id("alice"), key: "SHA256:one".into(), by: by("paul") });
    assert!(matches!(world.admit(number), Err(Refusal::Denied(_))));
}

/// APR-02 with two approvers of a planned one: the second is judged as the first is.
#[test]
fn the_second_approver_is_judged_too() {
    let mut world = World::new();
    world.rules = rules(2, Per::Session);
    world.technician("alice", by("nadia"));
    assert_eq!(world.plan("claire", "alice"), None);
    let number = InterventionNumber(1);
    let mut further = |staff: &str| {
        let attempt = world.attempt(staff);
        let (verified, on_call) = (Verified::Called, BTreeSet::new());
        world.carry_out(Command::ApprovePlanned { number, attempt, verified, on_call }).refusal
    };
    assert_eq!(further("nadia"), Some(Refusal::OwnSetUp { staff: id("nadia"), technician: id("alice") }));
    assert_eq!(further("paul"), None);
}

/// IDM-08: a technician's lock says from where it came.
#[test]
fn a_technicians_lock_says_what_led_to_it() {
    let mut world = World::new();
    world.technician("alice", ROOT);
    for (n, source) in ["203.0.113.7:1", "203.0.113.8:2", "203.0.113.7:3"].iter().enumerate() {
        let attempt = Attempt {
            via: None,
            account: world.account("alice").id.clone(),
            source: source.parse().unwrap(),
            password: true,
            code: CodeCheck::Wrong,
            keys: vec![],
            target: None,
            vault_fits: true,
        };
        let required = FactorsRequired::PasswordTotp;
        let (events, _) = world.register.judge_factors(&world.rules, &attempt, required, at(0));
        events.into_iter().for_each(|event| world.take(event));
        assert_eq!(world.account("alice").guard.is_locked(at(0)), n == 2);
    }
    let tries = &world.account("alice").guard.tries;
    assert_eq!(tries.count, 3);
    assert_eq!(tries.sources.iter().map(ToString::to_string).collect::<Vec<_>>(), ["203.0.113.8", "203.0.113.7"]);
}

/// APR-06: the card of a request shows the last visits and the usual addresses.
#[test]
fn the_last_visits_are_known() {
    // Thirteen weeks: a Monday morning as well.
    let mut world = World::since(-91 * 24 * 3600);
    world.technician("alice", ROOT);
    let account = world.account("alice").id.clone();
    assert!(world.register.visits(&account, 5).is_empty());
    world.visit("alice", "203.0.113.7:1");
    world.now = 0;
    // Never admitted, so no visit and no usual address.
    let number = world.request("alice", "198.51.100.1:1");
    world.done(Command::Refuse { number, staff: "claire".parse().unwrap(), reason: "no".into() });
    let last = world.visit("alice", "203.0.113.9:1");
    let visits = world.register.visits(&account, 5);
    assert_eq!(visits.iter().map(|visit| visit.number).collect::<Vec<_>>(), [last, InterventionNumber(1)]);
    assert_eq!((visits[0].at, &visits[0].target), (at(world.now), &id("scanner")));
    assert_eq!(visits[0].source.map(|source| source.to_string()).as_deref(), Some("203.0.113.9"));
    assert_eq!(world.register.visits(&account, 1).len(), 1);
    let usual = world.register.usual_source(&account, at(world.now));
    assert_eq!(usual.iter().map(ToString::to_string).collect::<Vec<_>>(), ["203.0.113.9"]);
}

fn token(n: u8) -> TokenId {
    TokenId::from_random([n; 8])
}

fn make(n: u8, days: i64, by: &str) -> Command {
    Command::MakeToken {
        id: token(n),
        label: "supervision of the hospital".into(),
        scope: ExportScope::Sessions,
        until: at(days * 24 * 3600),
        digest: format!("{n:02x}").repeat(32),
        by: id(by),
    }
}

/// IDM-05, TIM-08: a token opens one export, until its end, and dies with its maker's rights.
/// Past failures: CVE-2025-62712.
#[test]
fn a_token_reads_its_export_alone() {
    let mut world = World::new();
    for staff in ["claire", "nadia"] {
        assert_eq!(world.refused(make(1, 30, staff)), Refusal::Role { staff: id(staff), role: Role::Auditor });
    }
    for (days, word) in [(0, "over already"), (-1, "over already"), (401, "400 days at most")] {
        let said = world.refused(make(1, days, "aude")).to_string();
        assert!(said.contains(word), "{said}");
    }
    let mut odd = make(1, 30, "aude");
    if let Command::MakeToken { label, .. } = &mut odd {
        *label = "  ".into();
    }
    assert_eq!(world.refused(odd), Refusal::Empty("label"));
    world.done(make(1, 400, "aude"));
    assert!(matches!(world.refused(make(1, 30, "sophie")), Refusal::Token(_)));
    world.done(make(2, 30, "sophie"));

    let digest = "01".repeat(32);
    let opens = |world: &World, scope| world.register.token_for(&digest, scope, at(world.now)).is_some();
    assert!(opens(&world, ExportScope::Sessions));
    assert!(!opens(&world, ExportScope::Journal) && !opens(&world, ExportScope::Interventions));
    let (what, filters) = (ExportScope::Sessions, "vendor=imagix".to_owned());
    world.take(Event::ExportRead { by: Reader::Token(token(1)), what, rows: 3, filters });
    assert_eq!(world.register.tokens[&token(1)].last_read, Some(at(0)));
    world.now = 400 * 24 * 3600 - 1;
    assert!(opens(&world, ExportScope::Sessions));
    world.now += 1;
    assert!(!opens(&world, ExportScope::Sessions));
    world.now = 10;
    world.done(Command::DisableStaff { staff: id("aude"), reason: "left".into(), by: ROOT });
    assert!(!opens(&world, ExportScope::Sessions));
    // No command can be given in a token's name: an actor is one of these, and this match is whole.
    match Actor::Program {
        Actor::Staff(_) | Actor::Root(_) | Actor::Program => {}
    }
}

/// IDM-12: a token is revoked by its maker, an operator or an officer, once.
#[test]
fn who_revokes_a_token() {
    let mut world = World::new();
    let revoke = |n, by| Command::RevokeToken { id: token(n), by };
    assert_eq!(world.refused(revoke(1, by("aude"))), Refusal::NoToken(token(1)));
    for n in 1..=5 {
        world.done(make(n, 30, if n == 2 { "sophie" } else { "aude" }));
    }
    for (n, staff) in [(1, "claire"), (2, "aude")] {
        assert_eq!(world.refused(revoke(n, by(staff))), Refusal::Role { staff: id(staff), role: Role::Security });
    }
    for (n, who) in [(1, by("aude")), (2, by("sophie")), (3, by("sophie")), (4, by("nadia")), (5, ROOT)] {
        world.done(revoke(n, who));
        assert!(world.register.token_for(&format!("{n:02x}").repeat(32), ExportScope::Sessions, at(0)).is_none());
    }
    assert!(matches!(world.refused(revoke(1, by("aude"))), Refusal::Token(_)));
}

/// Entries of before these fields are read as saying nothing.
#[test]
fn older_entries_are_read() {
    let refused =
        br#"{"kind":"staff-refused","staff":"claire","cause":"code","step":null,"counts":true,"purpose":"x"}"#;
    assert!(matches!(Event::from_body(refused).unwrap(), Event::StaffRefused { source: None, .. }));
    let locked = br#"{"kind":"staff-locked","staff":"claire","lock":{"until":null}}"#;
    assert!(matches!(Event::from_body(locked).unwrap(), Event::StaffLocked { source: None, .. }));
}

const ALL: [&str; 7] = ["nadia", "omar", "claire", "paul", "sophie", "zoe", "yves"];
const ROLES: [Role; 4] = [Role::Approver, Role::Operator, Role::Security, Role::Auditor];

impl World {
    /// One act of staff on staff, chosen by three bytes.
    fn walk(&mut self, what: u8, who: u8, whom: u8) {
        let (actor, subject) = (ALL[usize::from(who) % ALL.len()], ALL[usize::from(whom) % ALL.len()]);
        let invitation = u64::from(what % 3);
        let before = self.register.staff.get(&id(subject)).cloned();
        let command = match what % 8 {
            0 => self.invite(subject, whom % 7, by(actor)),
            1 => self.reset(subject, invitation, by(actor)),
            2 | 3 => self.enrol(subject, if what.is_multiple_of(2) { 7 } else { invitation }),
            4 => Command::ChangeStaff {
                staff: id(subject),
                roles: (0u8..)
                    .zip(ROLES)
                    .filter(|(bit, _)| (who ^ what) & (1 << bit) != 0)
                    .map(|(_, role)| role)
                    .collect(),
                groups: if who.is_multiple_of(3) { BTreeSet::new() } else { BTreeSet::from([id("radiologie")]) },
                reason: "walk".into(),
                by: by(actor),
            },
            5 => Command::UnlockStaff { staff: id(subject), by: by(actor) },
            6 if whom > 200 => Command::DisableStaff { staff: id(subject), reason: "walk".into(), by: by(actor) },
            _ => {
                self.now += i64::from(who) * 900;
                let signed_in = self.signs_in(subject).is_none();
                let active = self.register.staff.get(&id(subject)).is_some_and(Staff::is_active);
                assert_eq!(signed_in, active, "only who is active proves anything");
                return;
            }
        };
        let brake = matches!(command, Command::DisableStaff { .. });
        let enrols = matches!(command, Command::EnrolStaff { .. });
        let outcome = self.carry_out(command).refusal;
        let after = self.register.staff.get(&id(subject)).cloned();
        if actor == subject && !brake && !enrols {
            assert!(outcome.is_some(), "IDM-19: nobody does it for themselves");
        }
        if outcome.is_some() {
            assert_eq!(before, after, "a refusal changes nothing");
        }
        if before.is_some_and(|one| one.state == StaffState::Disabled) {
            assert_eq!(after.map(|one| one.state), Some(StaffState::Disabled), "IDM-16: final");
        }
        for one in self.register.staff.values() {
            assert!(!one.roles.is_empty() && (!one.roles.contains(&Role::Approver) || !one.groups.is_empty()));
            assert_eq!(one.invitation.is_some(), one.state == StaffState::Invited);
        }
    }
}

proptest! {
    /// IDM-16, IDM-19: whatever staff do to each other, and the fold is what the journal holds.
    #[test]
    fn staff_accounts_keep_their_promises(
        steps in prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 1..120),
    ) {
        let mut world = World::new();
        for (what, who, whom) in steps {
            world.walk(what, who, whom);
        }
        let mut again = Register::default();
        for (at, event) in &world.history {
            again.apply(*at, &Event::from_body(&event.to_body()).unwrap());
        }
        prop_assert_eq!(&again.staff, &world.register.staff);
        let people: Vec<_> = world.register.staff.values().filter(|one| one.state != StaffState::Disabled).collect();
        for (n, one) in people.iter().enumerate() {
            for other in &people[n + 1..] {
                prop_assert!(!one.identity.person().is(&other.identity.person()), "one person, one account");
            }
        }
    }
}

/// TIM-08.
#[test]
fn a_token_may_not_outlast_its_limit_by_a_second() {
    let mut world = World::new();
    let mut long = make(1, 400, "sophie");
    if let Command::MakeToken { until, .. } = &mut long {
        *until = until.checked_add(SignedDuration::from_secs(1)).unwrap();
    }
    assert!(matches!(world.refused(long), Refusal::Token(_)));
}
