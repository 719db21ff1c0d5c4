//! What the walks and the tests of people share: ids, instants, rules.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use policy::{
    AllowRule, Calendar, Contract, DateRange, Per, PolicySet, Right, Sources, Supervision, Target, Vendor,
    WeeklyInterval,
};
use std::collections::{BTreeMap, BTreeSet};

pub(crate) fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.parse().unwrap()
}

pub(crate) fn at(second: i64) -> Timestamp {
    // Monday 23 November 2026, 09:00 in Paris.
    "2026-11-23T08:00:00Z".parse::<Timestamp>().unwrap().checked_add(SignedDuration::from_secs(second)).unwrap()
}

pub(crate) fn rules(quorum: u8, per: Per) -> PolicySet {
    let calendar = Calendar {
        id: id("office"),
        zone: TimeZone::get("Europe/Paris").unwrap(),
        holidays: None,
        weekly: vec![
            WeeklyInterval::new(WeeklyInterval::parse_days("mon-fri").unwrap(), id("08:00"), id("18:00")).unwrap(),
        ],
        closed: Vec::new(),
        extra: Vec::new(),
    };
    let target = Target {
        id: id("scanner"),
        name: "IRM".into(),
        account: id("maint"),
        approvers: BTreeSet::from([id("radiologie")]),
        supervision: Supervision::None,
        calendar: None,
        call_back: false,
        idle: SignedDuration::from_mins(30),
    };
    let days: DateRange = id("2026-01-01/2026-12-31");
    let vendor = Vendor {
        id: id("imagix"),
        name: "Imagix".into(),
        contract: Contract { reference: "1".into(), days },
        domain: "imagix.example".into(),
        sources: Sources::Any { because: "test".into() },
        calendar: id("office"),
        allow: vec![AllowRule {
            targets: BTreeSet::from([id("scanner")]),
            accounts: BTreeSet::new(),
            rights: [Right::Shell, Right::Exec].into_iter().collect(),
            quorum,
            per,
            longest: SignedDuration::from_hours(2),
        }],
        forbid: Vec::new(),
    };
    PolicySet {
        zone: TimeZone::get("Europe/Paris").unwrap(),
        vendors: BTreeMap::from([(id("imagix"), vendor)]),
        targets: BTreeMap::from([(id("scanner"), target)]),
        calendars: BTreeMap::from([(id("office"), calendar)]),
        withdrawn: BTreeSet::new(),
    }
}
