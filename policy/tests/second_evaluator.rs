//! A second, naive judge, written from DESIGN §3, D6, D13 and the requirements, and compared with
//! the crate's on random rules and requests.
//!
//! It shares no algorithm with the crate: it collects *every* reason to refuse instead of the first,
//! finds openings and ends by looking at each minute, and has its holidays from a printed calendar.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a helper that fails is a failing test")]
#![allow(unreachable_pub, reason = "the module that two tests share is compiled into each")]

mod drawn;

use drawn::{chosen, id, instant, mins, mostly, per, requester, rights, seldom};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use policy::{
    AllowRule, ApprovalTerms, Calendar, Contract, DateRange, Decision, Denial, ExtraOpening, ForbidRule, HolidayRules,
    Per, PolicySet, Region, Request, Rights, Sources, Supervision, Target, Vendor, WeeklyInterval, evaluate,
};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::{BTreeMap, BTreeSet};

const SITE: &str = "Europe/Paris";
const ZONES: [&str; 3] = [SITE, "Indian/Reunion", "America/Miquelon"];
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
const ACCOUNTS: [&str; 3] = ["maint", "service", "root"];
const NETWORKS: [&str; 2] = ["203.0.113.0/24", "2001:db8:7::/48"];
/// Addresses, each with the network it is in.
const ADDRESSES: [(&str, Option<usize>); 5] = [
    ("203.0.113.7", Some(0)),
    ("::ffff:203.0.113.9", Some(0)),
    ("2001:db8:7::5", Some(1)),
    ("203.0.112.255", None),
    ("::ffff:198.51.100.1", None),
];
/// From a printed calendar, for the weeks that [`instant`] draws.
const HOLIDAYS: [(i16, i8, i8); 10] = [
    (2026, 4, 6),
    (2026, 5, 1),
    (2026, 5, 8),
    (2026, 5, 14),
    (2026, 5, 25),
    (2026, 11, 1),
    (2026, 11, 11),
    (2026, 12, 25),
    (2027, 1, 1),
    (2027, 3, 29),
];
/// How far the second judge looks. The crate looks further: what it finds beyond is only checked
/// to be beyond.
const WALK_MINUTES: i64 = 5 * 24 * 60;

// --- the plain world: what was drawn, before it is put into the crate's types ---

#[derive(Debug, Clone)]
struct Hours {
    zone: &'static str,
    holidays: bool,
    week: Vec<([bool; 7], u16, u16)>,
    closed: Vec<(i32, i32)>,
    extra: Vec<(i32, u16, u16)>,
}

#[derive(Debug, Clone)]
struct Allow {
    targets: [bool; 3],
    accounts: [bool; 3],
    rights: Rights,
    quorum: u8,
    per: Per,
    longest: i64,
}

#[derive(Debug, Clone)]
struct Forbid {
    targets: [bool; 3],
    days: Option<(i32, i32)>,
}

#[derive(Debug, Clone)]
struct Place {
    approvers: [bool; 2],
    withdrawn: bool,
    call_back: bool,
    /// Its own hours: none, the first, the second, or one that nobody declared.
    hours: usize,
}

/// Days are counted from that of the request, which keeps what is drawn near to it.
#[derive(Debug, Clone)]
struct World {
    hours: [Hours; 2],
    places: [Place; 3],
    allow: Vec<Allow>,
    forbid: Vec<Forbid>,
    contract: (i32, i32),
    networks: [bool; 2],
    ask: Ask,
}

#[derive(Debug, Clone)]
struct Ask {
    vendor_known: bool,
    /// The fourth does not exist.
    target: usize,
    account: Option<usize>,
    address: usize,
    unfamiliar: bool,
    at: Timestamp,
}

fn quarters() -> impl Strategy<Value = (u16, u16)> {
    (0u16..96, 1u16..=96).prop_map(|(from, length)| (from * 15, (from + length).min(96) * 15))
}

fn days() -> impl Strategy<Value = (i32, i32)> {
    (-3i32..5, 0i32..3).prop_map(|(first, more)| (first, first + more))
}

fn hours() -> impl Strategy<Value = Hours> {
    let week = (prop::array::uniform7(mostly()), quarters()).prop_map(|(mut on, (from, to))| {
        on[0] |= !on.contains(&true);
        (on, from, to)
    });
    (
        prop::sample::select(ZONES.to_vec()),
        any::<bool>(),
        prop::collection::vec(week, 0..6),
        prop::collection::vec(days(), 0..2),
        prop::collection::vec((-2i32..4, quarters()).prop_map(|(day, (from, to))| (day, from, to)), 0..3),
    )
        .prop_map(|(zone, holidays, week, closed, extra)| Hours { zone, holidays, week, closed, extra })
}

fn place() -> impl Strategy<Value = Place> {
    let hours = prop_oneof![6 => Just(0usize), 2 => Just(1), 3 => Just(2), 1 => Just(3)];
    (prop::array::uniform2(mostly()), seldom(), any::<bool>(), hours)
        .prop_map(|(approvers, withdrawn, call_back, hours)| Place { approvers, withdrawn, call_back, hours })
}

fn allow() -> impl Strategy<Value = Allow> {
    (prop::array::uniform3(mostly()), prop::array::uniform3(mostly()), rights(), 0u8..4, per(), 1i64..600).prop_map(
        |(targets, accounts, rights, quorum, per, longest)| Allow { targets, accounts, rights, quorum, per, longest },
    )
}

fn forbid() -> impl Strategy<Value = Forbid> {
    (prop::array::uniform3(any::<bool>()), prop::option::weighted(0.9, days()))
        .prop_map(|(targets, days)| Forbid { targets, days })
}

fn ask() -> impl Strategy<Value = Ask> {
    let target = prop_oneof![20 => 0usize..3, 1 => Just(3)];
    let address = prop_oneof![12 => 0usize..3, 1 => 3usize..5];
    (prop::bool::weighted(0.97), target, prop::option::weighted(0.4, 0usize..3), address, any::<bool>(), instant())
        .prop_map(|(vendor_known, target, account, address, unfamiliar, at)| Ask {
            vendor_known,
            target,
            account,
            address,
            unfamiliar,
            at,
        })
}

fn world() -> impl Strategy<Value = World> {
    (
        [hours(), hours()],
        [place(), place(), place()],
        prop::collection::vec(allow(), 0..4),
        prop::collection::vec(forbid(), 0..2),
        (-20i32..=1, 10i32..40).prop_map(|(first, length)| (first, first + length)),
        prop::array::uniform2(mostly()),
        ask(),
    )
        .prop_map(|(hours, places, allow, forbid, contract, networks, ask)| World {
            hours,
            places,
            allow,
            forbid,
            contract,
            networks,
            ask,
        })
}

// --- the same in the crate's types ---

impl World {
    fn day(&self, offset: i32) -> Date {
        let today = TimeZone::get(SITE).unwrap().to_datetime(self.ask.at).date();
        today + Span::new().days(offset)
    }

    fn range(&self, (first, last): (i32, i32)) -> DateRange {
        DateRange::new(self.day(first), self.day(last)).unwrap()
    }

    fn rules(&self) -> PolicySet {
        let vendor = Vendor {
            id: id("imagix"),
            name: "Imagix".to_owned(),
            contract: Contract { reference: "2025-117".to_owned(), days: self.range(self.contract) },
            domain: "imagix.example".to_owned(),
            sources: Sources::Networks(chosen(&self.networks, &NETWORKS)),
            calendar: id("hours1"),
            allow: self.allow.iter().map(Allow::rule).collect(),
            forbid: self.forbid.iter().map(|forbid| self.forbid_rule(forbid)).collect(),
        };
        PolicySet {
            zone: TimeZone::get(SITE).unwrap(),
            vendors: BTreeMap::from([(vendor.id.clone(), vendor)]),
            targets: (0..3).map(|n| (target_id(n), self.target(n))).collect(),
            calendars: (1..3).map(|n| (id(&format!("hours{n}")), self.calendar(n))).collect(),
            withdrawn: (0..3).filter(|n| self.places[*n].withdrawn).map(target_id).collect(),
        }
    }

    fn target(&self, n: usize) -> Target {
        let place = &self.places[n];
        Target {
            id: target_id(n),
            name: format!("target {n}"),
            account: id(ACCOUNTS[0]),
            approvers: chosen(&place.approvers, &["g0", "g1"]),
            supervision: Supervision::Required,
            calendar: (place.hours > 0).then(|| id(&format!("hours{}", place.hours))),
            call_back: place.call_back,
            idle: mins(15),
        }
    }

    fn calendar(&self, n: usize) -> Calendar {
        let hours = &self.hours[n - 1];
        let time = |minute: u16| id(&format!("{:02}:{:02}", minute / 60, minute % 60));
        let france = HolidayRules { region: Region::France, good_friday: false, pentecost_monday_worked: false };
        let interval = |(on, from, to): &([bool; 7], u16, u16)| {
            let names: Vec<String> = chosen(on, &DAYS);
            WeeklyInterval::new(WeeklyInterval::parse_days(&names.join(",")).unwrap(), time(*from), time(*to)).unwrap()
        };
        Calendar {
            id: id(&format!("hours{n}")),
            zone: TimeZone::get(hours.zone).unwrap(),
            holidays: hours.holidays.then_some(france),
            weekly: hours.week.iter().map(interval).collect(),
            closed: hours.closed.iter().map(|days| self.range(*days)).collect(),
            extra: hours
                .extra
                .iter()
                .map(|(day, from, to)| ExtraOpening::new(self.day(*day), time(*from), time(*to)).unwrap())
                .collect(),
        }
    }

    fn forbid_rule(&self, forbid: &Forbid) -> ForbidRule {
        ForbidRule {
            targets: named(&forbid.targets),
            days: forbid.days.map(|days| self.range(days)),
            because: "a reason".to_owned(),
        }
    }

    fn request(&self) -> Request {
        Request {
            technician: id("alice"),
            person: requester(),
            vendor: id(if self.ask.vendor_known { "imagix" } else { "nobody" }),
            target: target_id(self.ask.target),
            account: self.ask.account.map(|n| id(ACCOUNTS[n])),
            source: Some(id(ADDRESSES[self.ask.address].0)),
            unfamiliar: self.ask.unfamiliar,
            emergency: false,
            at: self.ask.at,
        }
    }
}

impl Allow {
    fn rule(&self) -> AllowRule {
        AllowRule {
            targets: named(&self.targets),
            accounts: chosen(&self.accounts, &ACCOUNTS),
            rights: self.rights.clone(),
            quorum: self.quorum,
            per: self.per,
            longest: mins(self.longest),
        }
    }
}

fn target_id(n: usize) -> policy::TargetId {
    id(&format!("t{n}"))
}

fn named(targets: &[bool; 3]) -> BTreeSet<policy::TargetId> {
    chosen(targets, &["t0", "t1", "t2"])
}

// --- the second judge ---

/// A world with what each minute asks for at hand.
struct Judge<'a> {
    world: &'a World,
    site: TimeZone,
    zones: [TimeZone; 2],
}

impl Judge<'_> {
    fn new(world: &World) -> Judge<'_> {
        let zone = |name| TimeZone::get(name).unwrap();
        Judge { world, site: zone(SITE), zones: [zone(world.hours[0].zone), zone(world.hours[1].zone)] }
    }

    fn open(&self, n: usize, at: Timestamp) -> bool {
        let hours = &self.world.hours[n];
        let wall = self.zones[n].to_datetime(at);
        let minute = u16::try_from(i32::from(wall.hour()) * 60 + i32::from(wall.minute())).unwrap();
        let day = wall.date();
        let within = |from: u16, to: u16| (from..to).contains(&minute);
        let extra = hours.extra.iter().any(|(on, from, to)| self.world.day(*on) == day && within(*from, *to));
        let holiday = hours.holidays && HOLIDAYS.contains(&(day.year(), day.month(), day.day()));
        let closed = hours.closed.iter().any(|(from, to)| (self.world.day(*from)..=self.world.day(*to)).contains(&day));
        let weekday = usize::try_from(day.weekday().to_monday_zero_offset()).unwrap();
        let week = hours.week.iter().any(|(on, from, to)| on[weekday] && within(*from, *to));
        extra || (week && !closed && !holiday)
    }

    /// The vendor's hours and the target's, if it has its own. Hours nobody declared are closed.
    fn all_open(&self, at: Timestamp) -> bool {
        let own = match self.world.places[self.world.ask.target].hours {
            0 => true,
            n @ (1 | 2) => self.open(n - 1, at),
            _ => false,
        };
        own && self.open(0, at)
    }

    fn on(&self, at: Timestamp, (first, last): (i32, i32)) -> bool {
        let today = self.site.to_datetime(at).date();
        self.world.day(first) <= today && today <= self.world.day(last)
    }

    fn forbidden(&self, at: Timestamp) -> bool {
        let names = |forbid: &&Forbid| forbid.targets[self.world.ask.target];
        self.world.forbid.iter().filter(names).any(|forbid| forbid.days.is_none_or(|days| self.on(at, days)))
    }

    fn naming(&self) -> Vec<(usize, &Allow)> {
        self.world.allow.iter().enumerate().filter(|(_, allow)| allow.targets[self.world.ask.target]).collect()
    }

    fn rights(&self) -> Rights {
        drawn::every_right()
            .into_iter()
            .filter(|right| self.naming().iter().any(|(_, allow)| allow.rights.contains(right)))
            .collect()
    }

    /// Everything that speaks against the request. Empty: it may be approved.
    fn reasons(&self) -> BTreeSet<&'static str> {
        let ask = &self.world.ask;
        if !ask.vendor_known {
            return BTreeSet::from(["vendor-unknown"]);
        }
        if ask.target == 3 {
            return BTreeSet::from(["target-unknown"]);
        }
        // Of a target that is not on the list no hours and no reasons are told (D1).
        if self.naming().is_empty() {
            return BTreeSet::from(["target-not-allowed"]);
        }
        let place = &self.world.places[ask.target];
        let asked = ask.account.filter(|account| *account != 0);
        let source = ADDRESSES[ask.address].1.is_some_and(|network| self.world.networks[network]);
        let today = self.site.to_datetime(ask.at).date();
        [
            (asked.is_some_and(|n| self.naming().iter().any(|(_, allow)| !allow.accounts[n])), "account-not-allowed"),
            (!source, "source-not-declared"),
            (self.forbidden(ask.at), "target-forbidden"),
            (today < self.world.day(self.world.contract.0), "contract-not-begun"),
            (today > self.world.day(self.world.contract.1), "contract-over"),
            (!self.all_open(ask.at), "closed"),
            (place.withdrawn || !place.approvers.contains(&true), "target-withdrawn"),
            (self.rights().is_empty(), "no-right"),
        ]
        .into_iter()
        .filter_map(|(holds, code)| holds.then_some(code))
        .collect()
    }

    /// The first full minute after the request at which this holds.
    fn walk(&self, holds: impl Fn(Timestamp) -> bool) -> Option<Timestamp> {
        let minute = self.world.ask.at.as_second().div_euclid(60);
        (1..=WALK_MINUTES).map(|n| Timestamp::from_second((minute + n) * 60).unwrap()).find(|at| holds(*at))
    }

    fn walked_to(&self) -> Timestamp {
        self.world.ask.at + mins(WALK_MINUTES - 1)
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// NET-01, TIM-02, TIM-06: both judges say the same, for a reason that holds, with the same hours.
    #[test]
    fn both_judges_agree(world in world()) {
        let judge = Judge::new(&world);
        let reasons = judge.reasons();
        let verdict = evaluate(&world.rules(), &world.request());
        match &verdict.decision {
            Decision::Deny(denial) => {
                prop_assert!(reasons.contains(denial.code()), "{denial:?} is none of {reasons:?}");
                if let Denial::Closed { next_opening, .. } = denial {
                    match judge.walk(|at| judge.all_open(at)) {
                        Some(opening) => prop_assert_eq!(*next_opening, Some(opening)),
                        None => prop_assert!(next_opening.is_none_or(|opening| opening > judge.walked_to())),
                    }
                }
            }
            Decision::AwaitApproval(terms) => {
                prop_assert!(reasons.is_empty(), "open against {reasons:?}");
                let naming = judge.naming();
                let place = &world.places[world.ask.target];
                prop_assert!(!naming.is_empty());
                prop_assert_eq!(&terms.target, &target_id(world.ask.target));
                prop_assert_eq!(terms.account.as_str(), ACCOUNTS[world.ask.account.unwrap_or(0)]);
                prop_assert_eq!(&terms.rights, &judge.rights());
                prop_assert_eq!(terms.quorum, naming.iter().map(|(_, allow)| allow.quorum).max().unwrap().max(1));
                prop_assert_eq!(terms.longest, mins(naming.iter().map(|(_, allow)| allow.longest).min().unwrap()));
                prop_assert_eq!(terms.per == Per::Session, naming.iter().any(|(_, allow)| allow.per == Per::Session));
                prop_assert_eq!(terms.call_back, place.call_back || world.ask.unfamiliar);
                prop_assert_eq!(&terms.approvers, &chosen(&place.approvers, &["g0", "g1"]));
                let stops = |at| !judge.all_open(at) || !judge.on(at, world.contract) || judge.forbidden(at);
                match judge.walk(stops) {
                    Some(end) => prop_assert_eq!(terms.closes_at, end),
                    None => prop_assert!(terms.closes_at > judge.walked_to()),
                }
                let mut rules: Vec<String> =
                    naming.iter().map(|(n, _)| format!("vendor.imagix.allow.{n}")).collect();
                rules.extend(["vendor.imagix.sources", "vendor.imagix.contract", "calendars.hours1"].map(str::to_owned));
                rules.extend((place.hours > 0).then(|| format!("calendars.hours{}", place.hours)));
                prop_assert_eq!(verdict.because.iter().map(ToString::to_string).collect::<Vec<_>>(), rules);
            }
        }
    }

    /// NET-01: any forbid wins, and it never opens. It may only bring the end nearer.
    #[test]
    fn one_more_forbid_opens_nothing(world in world(), forbid in forbid()) {
        let before = evaluate(&world.rules(), &world.request()).decision;
        let mut stricter = world.clone();
        stricter.forbid.push(forbid);
        let after = evaluate(&stricter.rules(), &world.request()).decision;
        if let Decision::AwaitApproval(after) = after {
            let Decision::AwaitApproval(before) = before else { return Err(TestCaseError::fail("a forbid opened")) };
            prop_assert!(after.closes_at <= before.closes_at);
            prop_assert_eq!(ApprovalTerms { closes_at: before.closes_at, ..after }, before);
        }
    }

    /// NET-01: without one of its allow rules a vendor gains no right and no target.
    ///
    /// It may gain easier terms and a login, because the strictest of all rules that name a target
    /// hold: taking the strictest away is the operator's word.
    #[test]
    fn one_allow_less_opens_nothing(world in world(), which in any::<prop::sample::Index>()) {
        let mut fewer = world.clone();
        if fewer.allow.is_empty() {
            return Ok(());
        }
        fewer.allow.remove(which.index(world.allow.len()));
        let before = evaluate(&world.rules(), &world.request()).decision;
        match (before, evaluate(&fewer.rules(), &world.request()).decision) {
            (_, Decision::Deny(_)) => {}
            (Decision::AwaitApproval(before), Decision::AwaitApproval(after)) => {
                prop_assert!(after.rights.is_subset(&before.rights));
                prop_assert_eq!(after.closes_at, before.closes_at);
            }
            (Decision::Deny(denial), Decision::AwaitApproval(_)) => {
                prop_assert_eq!(denial, Denial::AccountNotAllowed);
            }
        }
    }
}

/// What the properties above draw is neither always open nor always shut for one reason.
#[test]
fn the_drawn_worlds_are_varied() {
    let mut runner = TestRunner::deterministic();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..1000 {
        let world = world().new_tree(&mut runner).unwrap().current();
        let code = match evaluate(&world.rules(), &world.request()).decision {
            Decision::AwaitApproval(_) => "open",
            Decision::Deny(denial) => denial.code(),
        };
        *counts.entry(code).or_default() += 1;
    }
    assert!(counts["open"] >= 60, "{counts:?}");
    assert_eq!(counts.len(), 12, "each denial of `evaluate`, and open: {counts:?}");
}
