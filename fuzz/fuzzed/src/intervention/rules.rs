//! The rules of the walks: two companies, four targets, so that each denial can be met.

use jiff::SignedDuration;
use jiff::tz::TimeZone;
use policy::{
    AllowRule, Calendar, Contract, DateRange, ForbidRule, Per, PolicySet, Right, Sources, Supervision, Target, Vendor,
    WeeklyInterval,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::str::FromStr;

/// A name of any kind.
pub fn id<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

fn calendar(name: &str, from: &str, until: &str) -> Calendar {
    let days = WeeklyInterval::parse_days("mon-fri").unwrap();
    Calendar {
        id: id(name),
        zone: zone(),
        holidays: None,
        weekly: vec![WeeklyInterval::new(days, id(from), id(until)).unwrap()],
        closed: Vec::new(),
        extra: Vec::new(),
    }
}

fn zone() -> TimeZone {
    TimeZone::get("Europe/Paris").unwrap()
}

fn target(name: &str, supervision: Supervision, call_back: bool) -> Target {
    Target {
        id: id(name),
        name: name.to_uppercase(),
        account: id("maint"),
        approvers: BTreeSet::from([id("radiologie")]),
        supervision,
        calendar: None,
        call_back,
        idle: SignedDuration::from_mins(30),
    }
}

fn allow(targets: &[&str], quorum: u8, per: Per, hours: i64) -> AllowRule {
    AllowRule {
        targets: targets.iter().map(|name| id(name)).collect(),
        accounts: BTreeSet::from([id("root")]),
        rights: [Right::Shell, Right::Exec, Right::SftpRead].into_iter().collect(),
        quorum,
        per,
        longest: SignedDuration::from_hours(hours),
    }
}

fn vendor(name: &str, days: &str, sources: Sources, allow: Vec<AllowRule>) -> Vendor {
    Vendor {
        id: id(name),
        name: name.to_uppercase(),
        contract: Contract { reference: "1".into(), days: id::<DateRange>(days) },
        domain: format!("{name}.example"),
        sources,
        calendar: id("office"),
        allow,
        forbid: vec![ForbidRule { targets: BTreeSet::from([id("broken")]), days: None, because: "worn out".into() }],
    }
}

/// The rules. `imagix` asks one approver, or for the laboratory two; `medix` comes from one network, for
/// each connection anew, and its contract begins late and ends early.
pub fn rules() -> PolicySet {
    let imagix =
        vec![allow(&["scanner", "broken", "empty"], 1, Per::Intervention, 2), allow(&["lab"], 2, Per::Intervention, 4)];
    let networks = Sources::Networks(vec!["203.0.113.0/24".parse().unwrap()]);
    let mut medix = allow(&["scanner", "lab"], 1, Per::Session, 1);
    medix.rights = [Right::Shell].into_iter().collect();
    let anywhere = Sources::Any { because: "test".into() };
    let vendors = [
        vendor("imagix", "2026-01-01/2027-06-30", anywhere, imagix),
        vendor("medix", "2026-11-24/2026-12-15", networks, vec![medix]),
    ];
    let mut targets = vec![
        target("scanner", Supervision::None, false),
        target("lab", Supervision::Required, true),
        target("broken", Supervision::Offered, false),
        target("empty", Supervision::None, false),
        target("other", Supervision::None, false),
    ];
    targets[3].approvers.clear();
    PolicySet {
        zone: zone(),
        vendors: vendors.into_iter().map(|vendor| (vendor.id.clone(), vendor)).collect(),
        targets: targets.into_iter().map(|target| (target.id.clone(), target)).collect(),
        calendars: BTreeMap::from([(id("office"), calendar("office", "08:00", "18:00"))]),
        withdrawn: BTreeSet::new(),
    }
}
