//! Alerts that a named person must take, and that go on to others until somebody does (LOG-16).
//!
//! An alert is an entry of its own, written with the one that caused it, so that it survives a restart and
//! waits as long as nobody acknowledged it. What repeats while an alert about it waits makes no further one; the red
//! button does, at each press.

use crate::event::{Event, FactorCause, RecordingState};
use crate::leak::neighbourhood;
use crate::register::Register;
use crate::staff::Role;
use jiff::{SignedDuration, Timestamp};
use policy::{StaffLogin, VendorId};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The kind of an alert about a leak.
const LEAK: &str = "leak-suspected";
/// So much of what a person wrote is told with an alert, in characters.
const SHOWN: usize = 200;

/// One alert.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alert {
    /// From 1, in the order in which they were raised.
    pub number: u64,
    /// The kind of the entry that caused it.
    pub what: String,
    /// Whom or what it is about, as an id or login; of the red button why; empty where it is about the site.
    pub about: String,
    /// The company, if it is about one: it can be frozen.
    pub vendor: Option<VendorId>,
    /// Logins that it names.
    pub people: Vec<String>,
    /// From where it came.
    pub source: Option<IpAddr>,
    /// When it was raised.
    pub raised: Timestamp,
    /// When somebody was last told of it.
    pub told: Timestamp,
    /// How often it went on to others.
    pub step: u32,
    /// Who took it, when, and what they wrote.
    pub acknowledged: Option<(StaffLogin, Timestamp, String)>,
}

impl Alert {
    /// Whether nobody took it yet.
    pub fn is_waiting(&self) -> bool {
        self.acknowledged.is_none()
    }

    /// Whether it came from where this address is.
    fn is_near(&self, source: IpAddr) -> bool {
        self.source.is_some_and(|own| neighbourhood(own) == neighbourhood(source))
    }

    /// When it goes on to others, if nobody takes it before.
    /// After `after`, then twice, four and eight times as long.
    pub fn escalates_at(&self, after: SignedDuration) -> Timestamp {
        let wait = after.saturating_mul(1 << self.step.min(3));
        self.told.saturating_add(wait).unwrap_or(self.told)
    }
}

/// All alerts. Part of the fold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alerts(BTreeMap<u64, Alert>);

/// What is to be raised.
struct Cause {
    about: String,
    vendor: Option<VendorId>,
    people: Vec<String>,
    source: Option<IpAddr>,
}

impl Cause {
    fn about(about: impl ToString) -> Self {
        Self { about: about.to_string(), vendor: None, people: Vec::new(), source: None }
    }

    fn person(login: impl ToString) -> Self {
        Self { people: vec![login.to_string()], ..Self::about(login) }
    }
}

impl Alerts {
    /// All of them, by number.
    pub fn all(&self) -> impl DoubleEndedIterator<Item = &Alert> {
        self.0.values()
    }

    /// Those that nobody took yet, the oldest first.
    pub fn waiting(&self) -> impl Iterator<Item = &Alert> {
        self.all().filter(|one| one.is_waiting())
    }

    /// One of them.
    pub fn of(&self, number: u64) -> Option<&Alert> {
        self.0.get(&number)
    }

    fn next(&self) -> u64 {
        self.0.keys().next_back().map_or(1, |last| last + 1)
    }

    /// Whether its entries are needed whatever their age: it waits, or numbers go on from it.
    pub(crate) fn keeps(&self, number: u64) -> bool {
        let newest = self.0.keys().next_back() == Some(&number);
        newest || self.of(number).is_some_and(Alert::is_waiting)
    }

    /// The leak of which a waiting alert tells has more names, if it is this vendor's and from such a source.
    pub(crate) fn join_leak(&mut self, vendor: &VendorId, source: IpAddr, joined: &[String]) {
        for one in self.0.values_mut() {
            let same = one.what == LEAK && one.vendor.as_ref() == Some(vendor) && one.is_near(source);
            if same && one.is_waiting() {
                for name in joined {
                    if !one.people.contains(name) {
                        one.people.push(name.clone());
                    }
                }
            }
        }
    }

    pub(crate) fn apply(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::AlertRaised { alert, what, about, vendor, people, source } => {
                let raised = Alert {
                    number: *alert,
                    what: what.clone(),
                    about: about.clone(),
                    vendor: vendor.clone(),
                    people: people.clone(),
                    source: *source,
                    raised: at,
                    told: at,
                    step: 0,
                    acknowledged: None,
                };
                self.0.insert(*alert, raised);
            }
            Event::AlertAcknowledged { alert, note, by } => {
                self.0
                    .get_mut(alert)
                    .into_iter()
                    .for_each(|one| one.acknowledged = Some((by.clone(), at, note.clone())));
            }
            Event::AlertEscalated { alert, step, .. } => {
                self.0.get_mut(alert).into_iter().for_each(|one| (one.told, one.step) = (at, *step));
            }
            _ => {}
        }
    }
}

impl Register {
    /// The alert that an event makes: none where one about the same waits already. The event is not applied
    /// yet, or was just now.
    pub fn alert_for(&self, event: &Event) -> Option<Event> {
        let cause = self.cause(event)?;
        let (what, about) = (event.kind(), cause.about);
        // Whoever presses the button wants somebody to come, though another alert waits since the last time.
        let each_time = matches!(event, Event::LockdownBegan { .. });
        // An alert about a leak was given further names when they came (see `leak`).
        let told = |one: &Alert| match what == LEAK {
            true => {
                one.vendor == cause.vendor
                    && cause.source.is_some_and(|source| one.is_near(source))
                    && cause.people.iter().all(|name| one.people.contains(name))
            }
            false => one.about == about,
        };
        if !each_time && self.alerts.waiting().any(|one| one.what == what && told(one)) {
            return None;
        }
        let (vendor, people, source) = (cause.vendor, cause.people, cause.source);
        Some(Event::AlertRaised { alert: self.alerts.next(), what, about, vendor, people, source })
    }

    /// What a person must look at, at night too.
    fn cause(&self, event: &Event) -> Option<Cause> {
        let vendor_of = |account| self.accounts.get(account).map(|one| one.vendor.clone());
        Some(match event {
            // A canary, or the third lock of a day (IDM-13).
            Event::AccountAlert { account, technician, source, .. } => {
                Cause { vendor: vendor_of(account), source: Some(*source), ..Cause::person(technician) }
            }
            // Each further account that was tried in vain makes another: the names are what counts.
            Event::LeakSuspected { vendor, source, technicians, .. } => Cause {
                about: format!(
                    "{vendor} {source} {}",
                    technicians.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
                ),
                vendor: Some(vendor.clone()),
                people: technicians.iter().map(ToString::to_string).collect(),
                source: Some(*source),
            },
            Event::StaffRefused { staff, cause: FactorCause::Disabled, source, .. } => {
                Cause { source: *source, ..Cause::person(staff) }
            }
            Event::StaffLocked { staff, lock, source } if lock.until.is_none() => {
                Cause { source: *source, ..Cause::person(staff) }
            }
            Event::InterventionRefused { number, by: None, .. } => Cause::about(number),
            Event::InterventionPlanned { number, emergency: true, vendor, by, .. } => {
                Cause { vendor: Some(vendor.clone()), people: vec![by.to_string()], ..Cause::about(number) }
            }
            Event::SessionAlarm { session, .. }
            | Event::RecordingSealed { session, state: RecordingState::Mutilated, .. } => Cause::about(session),
            Event::RollbackFound { anchor, .. } | Event::AnchorOverdue { anchor, .. } => Cause::about(anchor),
            Event::ForwardStalled { receiver, .. } => Cause::about(receiver),
            Event::RecipientsChanged { weaker: true, .. } => Cause::about(""),
            Event::LockdownBegan { reason, .. } => Cause::about(reason.chars().take(SHOWN).collect::<String>()),
            // Whoever breaks the glass is looked at, each time.
            Event::BreakGlassUsed { number, staff, .. } => {
                Cause { people: vec![staff.to_string()], ..Cause::about(number) }
            }
            Event::BreakGlassRefused { staff, .. } => Cause::person(staff),
            Event::ChangeWaits { digest, by, .. } => {
                Cause { people: by.staff().map(ToString::to_string).into_iter().collect(), ..Cause::about(digest) }
            }
            // Whoever makes a person of security could make a second pair of eyes (T8).
            Event::StaffAdded { staff, roles, .. }
            | Event::StaffInvited { staff, roles, .. }
            | Event::StaffChanged { staff, roles, .. }
                if self.four_eyes && roles.contains(&Role::Security) =>
            {
                Cause::person(staff)
            }
            Event::StaffReset { staff, .. }
                if self.four_eyes && self.staff.get(staff).is_some_and(|one| one.roles.contains(&Role::Security)) =>
            {
                Cause::person(staff)
            }
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Actor;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn take(register: &mut Register, second: i64, event: &Event) -> Option<u64> {
        register.apply(at(second), event);
        let raised = register.alert_for(event)?;
        register.apply(at(second), &raised);
        register.alerts.all().next_back().map(|one| one.number)
    }

    fn fallen_silent() -> Event {
        Event::ForwardStalled { receiver: "soc".to_owned(), next: 7, since: at(0), why: "gone".to_owned() }
    }

    fn pressed(reason: &str) -> Event {
        Event::LockdownBegan { reason: reason.to_owned(), by: Actor::Root(0) }
    }

    /// LOG-16: one alert while it waits, another once somebody took it; and it goes on from when it was last
    /// told.
    #[test]
    fn an_alert_waits_until_a_person_takes_it() {
        let mut register = Register::default();
        assert_eq!(take(&mut register, 0, &fallen_silent()), Some(1));
        assert_eq!(take(&mut register, 10, &fallen_silent()), None);
        let waits = register.alerts.of(1).unwrap();
        assert_eq!(waits.escalates_at(SignedDuration::from_mins(15)), at(900));
        register.apply(at(900), &Event::AlertEscalated { alert: 1, step: 1, told: vec!["omar".parse().unwrap()] });
        let waits = register.alerts.of(1).unwrap();
        assert_eq!((waits.step, waits.escalates_at(SignedDuration::from_mins(15))), (1, at(2700)));
        let by: StaffLogin = "sophie".parse().unwrap();
        register.apply(at(950), &Event::AlertAcknowledged { alert: 1, note: "seen".to_owned(), by });
        assert_eq!(register.alerts.waiting().count(), 0);
        assert!(register.alerts.keeps(1), "numbers go on from it");
        assert_eq!(take(&mut register, 1000, &fallen_silent()), Some(2));
        assert!(!register.alerts.keeps(1));
    }

    /// EMG-04: the button calls people at each press, and says why; an older alert that waits hides none.
    #[test]
    fn each_press_of_the_button_is_an_alert() {
        let mut register = Register::default();
        assert_eq!(take(&mut register, 0, &pressed("worm")), Some(1));
        let ended = Event::LockdownEnded { reason: "over".to_owned(), by: Actor::Root(0) };
        assert_eq!(take(&mut register, 10, &ended), None);
        assert_eq!(take(&mut register, 20, &pressed("worm")), Some(2));
        assert_eq!(take(&mut register, 30, &pressed(&"x".repeat(9000))), Some(3));
        let about: Vec<_> = register.alerts.waiting().map(|one| one.about.clone()).collect();
        assert_eq!((about[0].as_str(), about[1].as_str(), about[2].len()), ("worm", "worm", SHOWN));
    }

    /// T8: where two are asked for, whatever makes one of security is looked at; where not, nobody is bothered.
    #[test]
    fn a_new_person_of_security_is_told() {
        let changed = |role| Event::StaffChanged {
            staff: "zoe".parse().unwrap(),
            roles: [role].into(),
            groups: Default::default(),
            reason: "help".to_owned(),
            by: Actor::Root(0),
        };
        let reset = |staff: &str| Event::StaffReset {
            staff: staff.parse().unwrap(),
            reason: "lost".to_owned(),
            invitation: 1,
            until: at(900),
            by: Actor::Root(0),
        };
        let identity = |name: &str| crate::Identity {
            name: name.to_owned(),
            email: format!("{name}@chu.example"),
            phone: "+33 1 00 00 00 01".to_owned(),
        };
        let invited = |staff: &str, role| Event::StaffInvited {
            staff: staff.parse().unwrap(),
            identity: identity(staff),
            roles: [role].into(),
            groups: Default::default(),
            invitation: 1,
            until: at(900),
            by: Actor::Root(0),
        };
        for four_eyes in [false, true] {
            let mut register = Register::default();
            register.four_eyes = four_eyes;
            let mut raised = Vec::new();
            for event in [
                invited("zoe", Role::Auditor),
                reset("zoe"),
                changed(Role::Security),
                reset("zoe"),
                invited("theo", Role::Security),
            ] {
                if take(&mut register, 0, &event).is_some() {
                    raised.push(event.kind());
                }
            }
            let told: &[&str] = if four_eyes { &["staff-changed", "staff-reset", "staff-invited"] } else { &[] };
            assert_eq!(raised, told);
        }
    }
}
