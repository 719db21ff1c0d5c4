//! Who may accept a change of the configuration that weakens a rule (T8).

use crate::alert::Alert;
use crate::decide::Refusal;
use crate::event::{Actor, Event};
use crate::register::Register;
use crate::staff::{Role, Staff};
use jiff::{SignedDuration, Timestamp};
use policy::StaffLogin;

/// How long an account waits after somebody made it, gave it a role or had its factors made anew. Long enough that
/// those who were told of it can look.
pub const SETTLES_AFTER: SignedDuration = SignedDuration::from_hours(24);

/// A change that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingChange {
    /// The digest of the new files.
    pub digest: String,
    /// Who asked for it.
    pub by: Actor,
    /// Who accepted it so far.
    pub accepted: Vec<StaffLogin>,
}

/// Takes in what an event says of the change that waits.
pub(crate) fn apply(waiting: &mut Option<WaitingChange>, event: &Event) {
    match event {
        Event::ChangeWaits { digest, by, .. } => {
            // A start says again what waited before it.
            let same = waiting.take().filter(|one| one.digest == *digest && one.by == *by);
            let accepted = same.map(|one| one.accepted).unwrap_or_default();
            *waiting = Some(WaitingChange { digest: digest.clone(), by: by.clone(), accepted });
        }
        Event::ChangeAccepted { digest, by } => {
            waiting.iter_mut().filter(|one| one.digest == *digest).for_each(|one| one.accepted.push(by.clone()));
        }
        Event::ChangeRefused { .. } | Event::ConfigLoaded { .. } => *waiting = None,
        _ => {}
    }
}

impl Register {
    /// How many more must accept after this member of staff, who may: of security, another person than whoever asked
    /// and whoever accepted before, and nobody whom an operator could have made up for it just now. Where whoever
    /// asked signed in as nobody, it could have been any of them: two persons accept.
    pub fn accept_change(&self, second: &StaffLogin, change: &WaitingChange, at: Timestamp) -> Result<usize, Refusal> {
        self.may_accept_change(second, &change.by, at)?;
        let person = self.staff.get(second);
        let before = |login: &&StaffLogin| person.is_some_and(|person| self.is_same_person(login, person));
        if let Some(login) = change.accepted.iter().find(before) {
            return Err(Refusal::AcceptedAlready(login.clone()));
        }
        let wanted: usize = if change.by.staff().is_some() { 1 } else { 2 };
        Ok(wanted.saturating_sub(change.accepted.len() + 1))
    }

    fn may_accept_change(&self, second: &StaffLogin, asked: &Actor, at: Timestamp) -> Result<(), Refusal> {
        let person = self.staff.get(second).filter(|one| one.is(Role::Security));
        let Some(person) = person else {
            return Err(Refusal::Role { staff: second.clone(), role: Role::Security });
        };
        if asked.staff().is_some_and(|first| self.is_same_person(first, person)) {
            return Err(Refusal::OwnChange(second.clone()));
        }
        match self.settles(person) {
            Some(from) if at < from => Err(Refusal::Unsettled { staff: second.clone(), from }),
            _ => Ok(()),
        }
    }

    /// Whoever asks for a change does not silence what is told of it.
    pub(crate) fn may_take_alert(&self, alert: &Alert, by: &StaffLogin) -> Result<(), Refusal> {
        let taker = self.staff.get(by);
        let own = |login: &String| {
            let asked = login.parse::<StaffLogin>().ok();
            asked.zip(taker).is_some_and(|(asked, taker)| self.is_same_person(&asked, taker))
        };
        let own = alert.what == "change-waits" && alert.people.iter().any(own);
        if own { Err(Refusal::OwnAlert(alert.number)) } else { Ok(()) }
    }

    /// Takes what is told of a change by the name of whoever decided about it: nobody has to look at it any more.
    /// Whoever asked for it silences nothing by refusing it.
    pub fn take_alerts_of_change(&self, digest: &str, by: &StaffLogin, note: &str) -> Vec<Event> {
        let of_change = |one: &&Alert| one.what == "change-waits" && one.about == digest;
        let alerts = self.alerts.waiting().filter(of_change).filter(|one| self.may_take_alert(one, by).is_ok());
        let taken = |one: &Alert| Event::AlertAcknowledged { alert: one.number, note: note.to_owned(), by: by.clone() };
        alerts.map(taken).collect()
    }

    /// Whether a login is this person's, under whatever login.
    fn is_same_person(&self, login: &StaffLogin, person: &Staff) -> bool {
        let other = self.staff.get(login).map(|one| one.identity.person());
        *login == person.login || other.is_some_and(|other| other.is(&person.identity.person()))
    }

    /// From when on an account may accept. `None`: it is as it was when the site began to ask for a second person,
    /// which is how the first ones come to be.
    fn settles(&self, person: &Staff) -> Option<Timestamp> {
        if self.four_eyes_since.is_some_and(|since| person.remade <= since) {
            return None;
        }
        Some(person.remade.saturating_add(SETTLES_AFTER).unwrap_or(Timestamp::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Identity;
    use std::collections::BTreeSet;

    const HOUR: i64 = 3600;

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * HOUR).unwrap()
    }

    fn login(name: &str) -> StaffLogin {
        name.parse().unwrap()
    }

    fn nadia() -> Actor {
        Actor::Staff(login("nadia"))
    }

    fn identity(name: &str, phone: u32) -> Identity {
        Identity { name: name.to_owned(), email: format!("{name}@chu.example"), phone: format!("+33 1 00 00 {phone}") }
    }

    fn added(name: &str, phone: u32, role: Role) -> Event {
        Event::StaffAdded {
            staff: login(name),
            identity: identity(name, phone),
            roles: [role].into(),
            groups: BTreeSet::new(),
            secret: 1,
            by: Actor::Root(0),
        }
    }

    fn taken(digest: &str, four_eyes: bool) -> Event {
        Event::ConfigLoaded { digest: digest.to_owned(), changes: Vec::new(), by: Actor::Root(0), four_eyes }
    }

    fn changed(name: &str, role: Role) -> Event {
        Event::StaffChanged {
            staff: login(name),
            roles: [role].into(),
            groups: BTreeSet::new(),
            reason: "help".to_owned(),
            by: nadia(),
        }
    }

    /// Whom the site has; a second person is asked for from the third hour on.
    fn site() -> Register {
        let mut register = Register::default();
        let events = [
            added("nadia", 1001, Role::Operator),
            added("sophie", 1002, Role::Security),
            taken("one", false),
            taken("two", true),
        ];
        for (hour, event) in (0..).zip(&events) {
            register.apply(at(hour), event);
        }
        register
    }

    fn accepts(register: &Register, name: &str, hour: i64) -> Result<(), Refusal> {
        register.may_accept_change(&login(name), &nadia(), at(hour))
    }

    fn waits(name: &str, hour: i64) -> Result<(), Refusal> {
        Err(Refusal::Unsettled { staff: login(name), from: at(hour) })
    }

    /// T8: whoever was there when the site began to ask accepts at once.
    #[test]
    fn the_first_persons_are_those_who_were_there() {
        let mut register = site();
        assert_eq!(accepts(&register, "sophie", 3), Ok(()));
        assert!(matches!(accepts(&register, "nadia", 3), Err(Refusal::Role { .. })));
        // A start and a reload under the same rule begin nothing anew.
        let started = Event::Started { version: "1".to_owned(), config: "two".to_owned(), four_eyes: true };
        register.apply(at(4), &added("zoe", 1003, Role::Security));
        register.apply(at(5), &started);
        register.apply(at(6), &taken("three", true));
        assert_eq!(accepts(&register, "zoe", 7), waits("zoe", 28));
        assert_eq!(accepts(&register, "sophie", 7), Ok(()));
    }

    /// T8: an operator who makes a second person, by any of the ways there are, has none for a day.
    #[test]
    fn a_person_made_just_now_is_no_second_one() {
        let reset = Event::StaffReset {
            staff: login("sophie"),
            reason: "lost".to_owned(),
            invitation: 1,
            until: at(34),
            by: nadia(),
        };
        let source = "192.0.2.1".parse().unwrap();
        let enrolled = |name: &str| Event::StaffEnrolled { staff: login(name), source, secret: 2 };
        let invited = Event::StaffInvited {
            staff: login("zoe"),
            identity: identity("zoe", 1003),
            roles: [Role::Security].into(),
            groups: BTreeSet::new(),
            invitation: 1,
            until: at(34),
            by: nadia(),
        };
        for (name, events) in [
            ("zoe", vec![added("zoe", 1003, Role::Security)]),
            ("zoe", vec![invited, enrolled("zoe")]),
            ("sophie", vec![reset, enrolled("sophie")]),
            ("zoe", vec![added("zoe", 1003, Role::Auditor), changed("zoe", Role::Security)]),
        ] {
            let mut register = site();
            let last = 9 + events.len() as i64;
            for (hour, event) in (10..).zip(&events) {
                register.apply(at(hour), event);
            }
            assert_eq!(accepts(&register, name, last + 23), waits(name, last + 24), "{events:?}");
            assert_eq!(accepts(&register, name, last + 24), Ok(()), "{events:?}");
        }
    }

    /// T8: where nothing says that the site once asked for nobody, everybody waits: a fold of fewer entries is
    /// never the weaker one.
    #[test]
    fn without_a_beginning_everybody_waits() {
        let mut register = Register::default();
        register.apply(at(1), &added("sophie", 1002, Role::Security));
        register.apply(at(2), &taken("two", true));
        assert_eq!(accepts(&register, "sophie", 3), waits("sophie", 25));
        assert_eq!(accepts(&register, "sophie", 25), Ok(()));
    }

    /// T8: one person under two logins is one.
    #[test]
    fn nobody_accepts_their_own() {
        let mut register = Register::default();
        register.apply(at(0), &added("nadia", 1001, Role::Operator));
        let same = Event::StaffAdded {
            staff: login("nadia-2"),
            identity: identity("nadia", 1001),
            roles: [Role::Security].into(),
            groups: BTreeSet::new(),
            secret: 1,
            by: Actor::Root(0),
        };
        register.apply(at(0), &same);
        assert_eq!(accepts(&register, "nadia-2", 99), Err(Refusal::OwnChange(login("nadia-2"))));
    }

    fn waiting(by: Actor) -> Event {
        Event::ChangeWaits { digest: "three".to_owned(), weakening: Vec::new(), changes: Vec::new(), by }
    }

    /// T8: whoever holds the machine and one account of security is one person; where nobody said who asks, two
    /// accept, and a start in between forgets neither.
    #[test]
    fn what_nobody_signed_for_takes_two() {
        let mut register = site();
        register.apply(at(2), &added("zoe", 1003, Role::Security));
        let take = |register: &mut Register, name: &str| {
            let change = register.waiting_change.clone().unwrap();
            let missing = register.accept_change(&login(name), &change, at(90))?;
            register.apply(at(90), &Event::ChangeAccepted { digest: change.digest, by: login(name) });
            Ok::<_, Refusal>(missing)
        };
        for by in [Actor::Root(0), Actor::Program] {
            register.apply(at(80), &waiting(by.clone()));
            assert_eq!(take(&mut register, "sophie"), Ok(1));
            register.apply(at(80), &waiting(by));
            assert_eq!(take(&mut register, "sophie"), Err(Refusal::AcceptedAlready(login("sophie"))));
            assert_eq!(take(&mut register, "zoe"), Ok(0));
            register.apply(at(90), &taken("three", true));
            assert_eq!(register.waiting_change, None);
        }
        register.apply(at(80), &waiting(nadia()));
        assert_eq!(take(&mut register, "sophie"), Ok(0), "who asked is known, and is another");
    }

    /// Other files, or the same asked for anew, are accepted by nobody yet.
    #[test]
    fn an_acceptance_is_of_what_was_looked_at() {
        let refused = Event::ChangeRefused { digest: "three".to_owned(), reason: "no".to_owned(), by: nadia() };
        let other =
            Event::ChangeWaits { digest: "4".to_owned(), weakening: vec![], changes: vec![], by: Actor::Program };
        for between in [refused, other] {
            let mut register = site();
            register.apply(at(80), &waiting(Actor::Program));
            register.apply(at(81), &Event::ChangeAccepted { digest: "three".to_owned(), by: login("sophie") });
            register.apply(at(82), &between);
            register.apply(at(83), &waiting(Actor::Program));
            assert_eq!(register.waiting_change.unwrap().accepted, Vec::<StaffLogin>::new());
        }
    }

    /// T8: whoever asks does not silence the alert about it.
    #[test]
    fn nobody_takes_the_alert_of_their_own_change() {
        let mut register = site();
        register.apply(at(80), &waiting(nadia()));
        let raised = register.alert_for(&waiting(nadia())).unwrap();
        register.apply(at(80), &raised);
        let alert = register.alerts.of(1).unwrap();
        assert_eq!(register.may_take_alert(alert, &login("nadia")), Err(Refusal::OwnAlert(1)));
        assert_eq!(register.may_take_alert(alert, &login("sophie")), Ok(()));
        assert_eq!(register.take_alerts_of_change("three", &login("nadia"), "no"), []);
    }

    /// LOG-16: once somebody decided about a change, its alert waits for nobody; asked for anew, it is told anew.
    #[test]
    fn a_decision_takes_the_alert_of_its_change() {
        let mut register = site();
        let ask = |register: &mut Register| {
            register.apply(at(80), &waiting(nadia()));
            let raised = register.alert_for(&waiting(nadia()));
            raised.iter().for_each(|raised| register.apply(at(80), raised));
            raised.is_some()
        };
        assert!(ask(&mut register));
        assert_eq!(register.take_alerts_of_change("four", &login("sophie"), "no"), []);
        let taken = register.take_alerts_of_change("three", &login("sophie"), "not agreed");
        assert_eq!(taken.len(), 1);
        taken.iter().for_each(|event| register.apply(at(81), event));
        assert_eq!(register.alerts.waiting().count(), 0);
        assert_eq!(register.alerts.of(1).unwrap().acknowledged.as_ref().unwrap().2, "not agreed");
        assert!(ask(&mut register));
    }
}
