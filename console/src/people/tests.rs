use super::technicians::sees;
use super::*;
use crate::commands::Known;
use crate::page::Me;
use crate::routes::{Access, Kind};
use config::Options;
use lifecycle::order::{Needs, Order, PersonArgs, needs};
use lifecycle::{Register, Role};
use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn a_list_is_bounded() {
    let (lines, at) = paged((0..120).collect(), 3);
    assert_eq!((lines.len(), at), (20, Paged { page: 3, pages: 3 }));
    assert_eq!(paged((0..120).collect(), 99).1.page, 3);
    assert_eq!(paged(Vec::<u8>::new(), 0).1, Paged { page: 1, pages: 1 });
}

fn person() -> PersonArgs {
    PersonArgs { name: String::new(), email: String::new(), phone: String::new() }
}

/// Each address that does something, with the order that it gives.
fn acts() -> Vec<(&'static str, Order)> {
    let (technician, staff) = ("alice".parse().unwrap(), "claire".parse().unwrap());
    let (login, reason) = (|| Clone::clone(&technician), String::new);
    let other = || Clone::clone(&staff);
    let vendor = || "imagix".parse().unwrap();
    let (roles, groups) = (BTreeSet::new, BTreeSet::new);
    let key = |add| Order::TechnicianKey { login: login(), key: String::new(), add };
    let invite = Order::TechnicianInvite {
        login: login(),
        vendor: vendor(),
        person: person(),
        proofing: String::new(),
        keys: Vec::new(),
    };
    vec![
        ("/people/invite", invite),
        ("/people/technicians/{login}/activate", Order::TechnicianActivate { login: login(), word: String::new() }),
        ("/people/technicians/{login}/disable", Order::TechnicianDisable { login: login(), reason: reason() }),
        ("/people/technicians/{login}/unlock", Order::TechnicianUnlock { login: login() }),
        (
            "/people/technicians/{login}/reset",
            Order::TechnicianReset { login: login(), reason: reason(), enable: false },
        ),
        ("/people/technicians/{login}/keys/add", key(true)),
        ("/people/technicians/{login}/keys/remove", key(false)),
        (
            "/people/staff/invite",
            Order::StaffInvite { login: other(), person: person(), roles: roles(), groups: groups() },
        ),
        (
            "/people/staff/{login}/change",
            Order::StaffChange { login: other(), roles: roles(), groups: groups(), reason: reason() },
        ),
        ("/people/staff/{login}/reset", Order::StaffReset { login: other(), reason: reason() }),
        ("/people/staff/{login}/unlock", Order::StaffUnlock { login: other() }),
        ("/people/staff/{login}/disable", Order::StaffDisable { login: other(), reason: reason() }),
        ("/site/vendors/{vendor}/freeze", Order::VendorFreeze { vendor: vendor(), reason: reason() }),
        ("/site/vendors/{vendor}/thaw", Order::VendorThaw { vendor: vendor(), reason: reason() }),
        ("/lockdown/begin", Order::LockdownBegin { reason: reason() }),
        ("/lockdown/end", Order::LockdownEnd { reason: reason() }),
        ("/lockdown/reopen", Order::LockdownReopen { group: "radiologie".parse().unwrap(), reason: reason() }),
    ]
}

/// D11, D12: no address lets a role do what the table of orders does not.
#[test]
fn no_address_allows_more_than_its_order() {
    let acts = acts();
    for (path, order) in &acts {
        let route = crate::routes::routes().find(|route| route.path == *path && route.method == "POST").unwrap();
        let Access::Roles(allowed) = route.access else { panic!("{path} is open to anybody") };
        let (Needs::Role(wanted) | Needs::Brake(wanted)) = needs(order) else { panic!("{path}") };
        assert!(allowed.iter().all(|role| wanted.contains(role)), "{path}");
    }
    // What only asks once more gives no order.
    let known = |path: &str| path == "/lockdown/confirm" || acts.iter().any(|(known, _)| *known == path);
    for route in ROUTES.iter().chain(crate::site::ROUTES).filter(|route| route.kind == Kind::Act) {
        assert!(known(route.path), "{} is not held against its order", route.path);
    }
}

fn me(roles: &[Role], groups: &[&str]) -> Me {
    Me {
        login: "somebody".parse().unwrap(),
        name: "Some Body".to_owned(),
        roles: roles.iter().copied().collect(),
        groups: groups.iter().map(|group| group.parse().unwrap()).collect(),
        language: None,
    }
}

/// An approver sees the technicians who reach equipment of their groups, and nobody else's.
#[test]
fn an_approver_sees_whom_their_equipment_concerns() {
    let at = "2026-11-23T08:00:00Z".parse().unwrap();
    let main = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/examples/poterne.toml");
    let config = config::load(&main, Options { at, unpinned: true }).unwrap();
    let (rules, register) = (config.rules(BTreeSet::new()), Register::default());
    let known = Known { register: &register, config: &config, rules: &rules, at };
    let (imagix, labex) = ("imagix".parse().unwrap(), "labex".parse().unwrap());
    let seen = |me: &Me| (sees(&known, me, &imagix), sees(&known, me, &labex));
    assert_eq!(seen(&me(&[Role::Approver], &["radiologie"])), (true, false));
    assert_eq!(seen(&me(&[Role::Approver], &["biologie"])), (false, true));
    assert_eq!(seen(&me(&[Role::Operator], &[])), (true, true));
    assert_eq!(seen(&me(&[Role::Security], &[])), (true, true));
    assert_eq!(seen(&me(&[Role::Auditor], &["radiologie"])), (false, false), "a group is no role");
}
