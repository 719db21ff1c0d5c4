//! Who sees what of the register, on the shipped example site.

use super::dossier::Dossier;
use super::filter::{Filter, Typed};
use super::row::{Row, wanted};
use super::session::SessionView;
use crate::commands::Known;
use crate::form::Fields;
use crate::page::Me;
use config::Config;
use jiff::Timestamp;
use lifecycle::{AccountId, Event, InterventionNumber, Register, Role, SessionId};
use std::path::Path;

fn at() -> Timestamp {
    "2026-06-01T10:00:00Z".parse().unwrap()
}

fn site() -> Config {
    let main = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/examples/poterne.toml");
    config::load(&main, config::Options { at: at(), unpinned: false }).unwrap_or_else(|error| panic!("{error}"))
}

fn session() -> SessionId {
    SessionId::from_random([9; 8])
}

/// Number 1 on the scanner of radiology, with a session; number 2 in the laboratory.
fn register() -> Register {
    let mut register = Register::default();
    let account = AccountId::from_random([1; 8]);
    for (number, target) in [(1, "scanner-irm"), (2, "automate-labo")] {
        let asked = Event::InterventionRequested {
            number: InterventionNumber(number),
            account: account.clone(),
            technician: "alice".parse().unwrap(),
            name: "Alice <b>Martin</b>".into(),
            vendor: "imagix".parse().unwrap(),
            target: target.parse().unwrap(),
            login: "maint".parse().unwrap(),
            rights: Default::default(),
            source: "203.0.113.7:1".parse().unwrap(),
            reason: "=1+1".into(),
            ticket: "T".into(),
            notice: String::new(),
            quorum: 1,
            per: policy::Per::Session,
            supervision: policy::Supervision::Offered,
            call_back: false,
            because: Vec::new(),
            config: String::new(),
        };
        register.apply(at(), &asked);
        register.apply(at(), &Event::InterventionSubmitted { number: InterventionNumber(number) });
    }
    let admitted = Event::SessionAdmitted {
        session: session(),
        number: InterventionNumber(1),
        account,
        target: "scanner-irm".parse().unwrap(),
        login: "maint".parse().unwrap(),
        rights: Default::default(),
        until: at(),
        approved_by: Vec::new(),
        recipients: Vec::new(),
        config: String::new(),
        joined_from: None,
    };
    register.apply(at(), &admitted);
    register
}

fn somebody(role: Role, group: &str) -> Me {
    Me {
        login: "somebody".parse().unwrap(),
        name: "Somebody".to_owned(),
        roles: [role].into(),
        groups: [group.parse().unwrap()].into(),
        language: None,
    }
}

fn filter(query: &str) -> Filter {
    Filter::parse(&Typed::of(&Fields::parse(query.as_bytes())), &jiff::tz::TimeZone::UTC).unwrap()
}

/// What these eyes find: numbers in the list, and those with a page.
fn seen(me: &Me, query: &str) -> (Vec<u64>, Vec<u64>) {
    let (config, register) = (site(), register());
    let rules = config.rules(Default::default());
    let known = Known { register: &register, config: &config, rules: &rules, at: at() };
    let listed: Vec<u64> = wanted(&known, me, &filter(query)).map(|one| Row::of(&known, one).number.0).collect();
    let pages = [1, 2, 3].into_iter().filter(|n| Dossier::of(&known, me, InterventionNumber(*n)).is_some());
    (listed, pages.collect())
}

/// An approver sees their own equipment, in the list, by number and whatever they filter for; those who
/// look after the site see all of it, the newest first; a role without eyes sees nothing.
#[test]
fn each_sees_what_is_for_their_eyes() {
    assert_eq!(seen(&somebody(Role::Approver, "radiologie"), ""), (vec![1], vec![1]));
    assert_eq!(seen(&somebody(Role::Approver, "biologie"), ""), (vec![2], vec![2]));
    assert_eq!(seen(&somebody(Role::Approver, "pharmacie"), ""), (vec![], vec![]));
    assert_eq!(seen(&somebody(Role::Approver, "biologie"), "target=scanner-irm").0, [0; 0]);
    for role in [Role::Operator, Role::Security, Role::Auditor] {
        assert_eq!(seen(&somebody(role, "pharmacie"), ""), (vec![2, 1], vec![1, 2]), "{role}");
    }
    assert_eq!(seen(&somebody(Role::Auditor, "pharmacie"), "state=requested&target=automate-labo").0, [2]);
}

/// Watching is for approvers of the target and for security, replaying for security and once it is sealed.
#[test]
fn who_may_watch_and_who_may_replay() {
    let (config, mut register) = (site(), register());
    let rules = config.rules(Default::default());
    let may = |register: &Register, me: &Me| {
        let known = Known { register, config: &config, rules: &rules, at: at() };
        let record = register.sessions.get(&session()).unwrap();
        let view = SessionView::of(&known, me, &"scanner-irm".parse().unwrap(), record);
        (view.watchable, view.replayable)
    };
    let all = [
        (somebody(Role::Approver, "radiologie"), (true, false), (true, false)),
        (somebody(Role::Approver, "biologie"), (false, false), (false, false)),
        (somebody(Role::Operator, "radiologie"), (false, false), (false, false)),
        (somebody(Role::Auditor, "radiologie"), (false, false), (false, false)),
        (somebody(Role::Security, "radiologie"), (true, false), (true, true)),
    ];
    for (me, live, _) in &all {
        assert_eq!(may(&register, me), *live, "{:?}", me.roles);
    }
    let sealed = Event::RecordingSealed {
        session: session(),
        state: lifecycle::RecordingState::Whole,
        manifest: String::new(),
        head: String::new(),
        length: 0,
        missing: 0,
        files: 0,
        bytes: 0,
    };
    register.apply(at(), &sealed);
    for (me, _, after) in &all {
        assert_eq!(may(&register, me), *after, "{:?}", me.roles);
    }
}
