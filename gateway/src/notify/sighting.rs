//! Which events somebody is told of, what each is about, and who hears it.

use config::Topic;
use lifecycle::{
    AccountId, Alarm, Event, FactorCause, FreezeCause, InterventionNumber, JoinRefusal, Lack, RecordingState,
    SessionId, WRONG_CODES,
};
use policy::{StaffLogin, TechnicianLogin, VendorId};

/// What a notice is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    Intervention(InterventionNumber),
    Session(SessionId),
    Account(AccountId),
    Staff(StaffLogin),
    Vendor(VendorId),
    Alert(u64),
    Site,
}

/// What more is told of some events, each in a field of its own: the text's line and the JSON's key.
pub(super) const DETAILS: [&str; 13] = [
    "alert",
    "about",
    "raised",
    "session",
    "file",
    "signature",
    "cause",
    "destination",
    "accounts",
    "source",
    "proposal",
    "receiver",
    "next",
];

/// An event that somebody is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) topic: Topic,
    /// The last part of the texts' keys.
    pub(super) text: &'static str,
    pub(super) about: About,
    /// What somebody said, where it is not the request's own reason.
    pub(super) reason: Option<String>,
    /// Of [`DETAILS`], with what they say.
    pub(super) details: Vec<(&'static str, String)>,
    /// Approvers of the target hear it.
    pub(super) approvers: bool,
    /// Security officers hear it.
    pub(super) security: bool,
    /// Everybody of the staff hears it.
    pub(super) everybody: bool,
    /// They hear it besides.
    pub(super) to: Vec<StaffLogin>,
    /// Whose own act it was: they need no mail about it.
    pub(super) by: Option<StaffLogin>,
}

impl Sighting {
    fn new(topic: Topic, text: &'static str, about: About) -> Self {
        let security = topic.alerts();
        let approvers = !security || topic == Topic::Emergency;
        let (everybody, to) = (false, Vec::new());
        Self { topic, text, about, reason: None, details: Vec::new(), approvers, security, everybody, to, by: None }
    }

    fn because(self, reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..self }
    }

    /// A request that waits.
    pub(super) fn request(number: InterventionNumber) -> Self {
        Self::new(Topic::Request, "request", About::Intervention(number))
    }

    /// A planned one that wants another approval.
    pub(super) fn approval(number: InterventionNumber) -> Self {
        Self::new(Topic::Approval, "approval", About::Intervention(number))
    }

    /// The journal failed.
    pub(super) fn journal() -> Self {
        Self::new(Topic::Evidence, "journal", About::Site)
    }

    /// Something in a session of which the hospital is told at once. Names of files and signatures are
    /// strangers' words, and stand in none of the texts.
    fn alarm(session: &SessionId, alarm: &Alarm) -> Self {
        let (text, mut details) = match alarm {
            Alarm::Infected { path, signature } => {
                ("infected", vec![("file", path.clone()), ("signature", signature.clone())])
            }
            Alarm::ScannerGone { why } => ("scanner-gone", vec![("cause", why.clone())]),
            Alarm::SshInsideForward { to } => ("ssh-inside", vec![("destination", to.to_string())]),
        };
        details.push(("session", session.to_string()));
        Self { details, ..Self::new(Topic::Alert, text, About::Session(session.clone())) }
    }

    /// Whether the same may come again and again, so that one in ten minutes is enough.
    pub(super) fn repeats(&self) -> bool {
        // A leak is told again only when another account joins it.
        matches!(self.topic, Topic::Alert | Topic::Unwatched) && !["leak", "glass", "change"].contains(&self.text)
    }

    /// What an event means to those who are told, if anything.
    pub(super) fn of(event: &Event) -> Option<Self> {
        let of = |number: &InterventionNumber| About::Intervention(*number);
        Some(match event {
            // Only what was sent: a request that was never sent is nobody's to answer (D5).
            Event::InterventionSubmitted { number } => Self::request(*number),
            Event::InterventionPlanned { number, emergency: true, by, .. } => {
                Self { by: Some(by.clone()), ..Self::new(Topic::Emergency, "emergency", of(number)) }
            }
            Event::InterventionPlanned { number, quorum, by, .. } if *quorum > 1 => {
                Self { by: Some(by.clone()), ..Self::approval(*number) }
            }
            Event::InterventionExtended { number, missing, approval, .. } if *missing > 0 => {
                let more = Self::new(Topic::Approval, "extension", of(number));
                Self { by: Some(approval.by.clone()), ..more }
            }
            Event::InterventionArrived { number, .. } => Self::new(Topic::Arrival, "arrival", of(number)),
            // Nobody's own decision: three wrong codes.
            Event::InterventionRefused { number, by: None, .. } => Self::new(Topic::Alert, "codes", of(number)),
            // The connection that was let in goes on: its technician may be somebody else's prey.
            Event::JoinMismatched { number, tries, .. } if *tries >= WRONG_CODES => {
                Self::new(Topic::Alert, "join-codes", of(number))
            }
            // IDM-18: one account, two addresses at once.
            Event::JoinRefused { number, why: JoinRefusal::OtherSource, .. } => {
                Self::new(Topic::Alert, "second-source", of(number))
            }
            // IDM-13: a canary, or the third lock of a day.
            Event::AccountAlert { account, technician, source, what } => {
                let details =
                    vec![("accounts", technician.to_string()), ("source", source.to_string()), ("cause", what.clone())];
                Self { details, ..Self::new(Topic::Alert, "account", About::Account(account.clone())) }
            }
            Event::StaffRefused { staff, cause: FactorCause::Disabled, source, .. } => {
                let mut details = vec![("accounts", staff.to_string())];
                details.extend(source.map(|source| ("source", source.to_string())));
                Self { details, ..Self::new(Topic::Alert, "staff-closed", About::Staff(staff.clone())) }
            }
            Event::LeakSuspected { vendor, source, technicians, .. } => {
                let names: Vec<String> = technicians.iter().map(TechnicianLogin::to_string).collect();
                let details = vec![
                    ("accounts", names.join(", ")),
                    ("source", source.to_string()),
                    ("proposal", format!("poterne vendor freeze {vendor} --reason \"leak suspected\"")),
                ];
                Self { details, ..Self::new(Topic::Alert, "leak", About::Vendor(vendor.clone())) }
            }
            Event::ForwardStalled { receiver, next, why, .. } => {
                let details = vec![("cause", why.clone()), ("receiver", receiver.clone()), ("next", next.to_string())];
                Self { details, ..Self::new(Topic::Evidence, "forward-stalled", About::Site) }
            }
            Event::ForwardResumed { receiver, next, .. } => {
                let details = vec![("receiver", receiver.clone()), ("next", next.to_string())];
                Self { details, ..Self::new(Topic::Evidence, "forward-resumed", About::Site) }
            }
            Event::TechnicianLocked { account, lock, .. } if lock.until.is_none() => {
                Self::new(Topic::Alert, "locked", About::Account(account.clone()))
            }
            Event::StaffLocked { staff, lock, .. } if lock.until.is_none() => {
                Self::new(Topic::Alert, "staff-locked", About::Staff(staff.clone()))
            }
            Event::LockdownBegan { reason, .. } => {
                Self::new(Topic::Lockdown, "lockdown-on", About::Site).because(reason)
            }
            Event::LockdownEnded { reason, .. } => {
                Self::new(Topic::Lockdown, "lockdown-off", About::Site).because(reason)
            }
            Event::LockdownReopened { reopened, reason, .. } => {
                let groups: Vec<String> = reopened.iter().map(ToString::to_string).collect();
                let details = vec![("cause", groups.join(", "))];
                Self { details, ..Self::new(Topic::Lockdown, "lockdown-part", About::Site).because(reason) }
            }
            Event::VendorRotated { vendor, reason, .. } => {
                Self::new(Topic::Lockdown, "rotated", About::Vendor(vendor.clone())).because(reason)
            }
            // Loud: whoever breaks the glass does it before everybody's eyes (T16).
            Event::BreakGlassUsed { number, staff, .. } => {
                let details = vec![("accounts", staff.to_string())];
                Self { details, everybody: true, ..Self::new(Topic::Alert, "glass", About::Intervention(*number)) }
            }
            Event::BreakGlassRefused { staff, why, .. } => {
                let details = vec![("accounts", staff.to_string()), ("cause", why.clone())];
                let told = Self::new(Topic::Alert, "glass-refused", About::Staff(staff.clone()));
                Self { details, everybody: true, ..told }
            }
            Event::ChangeWaits { weakening, digest, by, .. } => {
                /// The rest stands in `poterne change list`.
                const SHOWN: usize = 10;
                let shown: Vec<&str> = weakening.iter().take(SHOWN).map(String::as_str).collect();
                let details = vec![
                    ("cause", shown.join("; ")),
                    ("proposal", format!("poterne change accept {digest} --as STAFF")),
                ];
                Self { details, by: by.staff().cloned(), ..Self::new(Topic::Alert, "change", About::Site) }
            }
            // Only where two persons are asked for is it an alert.
            Event::AlertRaised { what, people, .. }
                if ["staff-added", "staff-invited", "staff-reset", "staff-changed"].contains(&what.as_str()) =>
            {
                let staff: StaffLogin = people.first()?.parse().ok()?;
                let details = vec![("accounts", staff.to_string())];
                Self { details, ..Self::new(Topic::Alert, "staff-security", About::Staff(staff)) }
            }
            Event::AlertEscalated { alert, told, .. } => {
                let details = vec![("proposal", format!("poterne alert ack {alert} --note \"…\""))];
                Self { details, to: told.clone(), ..Self::new(Topic::Escalation, "escalation", About::Alert(*alert)) }
            }
            Event::RollbackFound { .. } | Event::Restored { .. } => Self::new(Topic::Evidence, "rollback", About::Site),
            Event::AnchorOverdue { anchor, why, .. } => {
                Self::new(Topic::Evidence, "anchor", About::Site).because(&format!("{anchor}: {why}"))
            }
            Event::LackFound { lack, why } => Self::new(
                Topic::Evidence,
                match lack {
                    Lack::Clock => "lack-clock",
                    Lack::Room => "lack-room",
                    Lack::Descriptors => "lack-descriptors",
                },
                About::Site,
            )
            .because(why),
            Event::LackOver { .. } => Self::new(Topic::Evidence, "lack-over", About::Site),
            Event::SessionFrozen { session, cause: FreezeCause::Unwatched, .. } => {
                Self::new(Topic::Unwatched, "unwatched", About::Session(session.clone()))
            }
            Event::SessionAlarm { session, alarm, .. } => Self::alarm(session, alarm),
            Event::RecordingSealed { session, state: RecordingState::Mutilated, .. } => {
                Self::new(Topic::Evidence, "recording", About::Session(session.clone()))
            }
            // T8: whoever changed the configuration may be the one who wants to read.
            Event::RecipientsChanged { weaker: true, .. } => Self::new(Topic::Evidence, "readers", About::Site),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// IDM-13, LOG-10: the names, the source, and what to do about it.
    #[test]
    fn a_canary_a_leak_and_a_stalled_queue_are_told() {
        let told = |event: Event| {
            let sighting = Sighting::of(&event).unwrap();
            assert!(sighting.security && sighting.details.iter().all(|(name, _)| DETAILS.contains(name)));
            (sighting.text, sighting.repeats(), sighting.details)
        };
        let source: std::net::IpAddr = "203.0.113.7".parse().unwrap();
        let (text, repeats, details) = told(Event::AccountAlert {
            account: AccountId::from_random([1; 8]),
            technician: "alice".parse().unwrap(),
            source,
            what: "a try on an account that is not active".to_owned(),
        });
        assert_eq!((text, repeats), ("account", true));
        assert_eq!(details[..2], [("accounts", "alice".to_owned()), ("source", source.to_string())]);
        let (text, repeats, details) = told(Event::LeakSuspected {
            vendor: "imagix".parse().unwrap(),
            source,
            technicians: vec!["alice".parse().unwrap(), "bruno".parse().unwrap()],
            since: jiff::Timestamp::UNIX_EPOCH,
        });
        assert_eq!((text, repeats), ("leak", false));
        assert!(details.contains(&("accounts", "alice, bruno".to_owned())));
        assert!(details.contains(&("proposal", "poterne vendor freeze imagix --reason \"leak suspected\"".to_owned())));
        let (text, _, details) = told(Event::StaffRefused {
            staff: "omar".parse().unwrap(),
            cause: FactorCause::Disabled,
            step: None,
            counts: false,
            purpose: "sign in".to_owned(),
            source: Some(source),
        });
        assert_eq!((text, details.len()), ("staff-closed", 2));
        let (text, ..) = told(Event::ForwardStalled {
            receiver: "soc".to_owned(),
            next: 7,
            since: jiff::Timestamp::UNIX_EPOCH,
            why: "cannot be reached".to_owned(),
        });
        assert_eq!(text, "forward-stalled");
        let (text, ..) = told(Event::ForwardResumed { receiver: "soc".to_owned(), next: 9, seconds: 60 });
        assert_eq!(text, "forward-resumed");
    }

    /// T8: the others of security are told of a new one among them.
    #[test]
    fn a_new_person_of_security_is_told() {
        let raised = |what: &str| Event::AlertRaised {
            alert: 1,
            what: what.to_owned(),
            about: "zoe".to_owned(),
            vendor: None,
            people: vec!["zoe".to_owned()],
            source: None,
        };
        let sighting = Sighting::of(&raised("staff-invited")).unwrap();
        assert_eq!((sighting.text, sighting.security, sighting.topic), ("staff-security", true, Topic::Alert));
        assert_eq!(sighting.about, About::Staff("zoe".parse().unwrap()));
        // What caused another alert is told of by itself.
        assert_eq!(Sighting::of(&raised("staff-locked")), None);
    }

    #[test]
    fn an_alarm_is_an_alert_with_its_particulars() {
        let session = SessionId::from_random([7; 8]);
        let of = |alarm| {
            let event = Event::SessionAlarm { session: session.clone(), channel: 0, alarm };
            let sighting = Sighting::of(&event).unwrap();
            assert_eq!((sighting.topic, sighting.security, sighting.approvers), (Topic::Alert, true, false));
            assert!(sighting.repeats() && sighting.details.iter().all(|(name, _)| DETAILS.contains(name)));
            assert!(sighting.details.contains(&("session", session.to_string())));
            (sighting.text, sighting.details[0].1.clone())
        };
        let infected = Alarm::Infected { path: "/tmp/a".to_owned(), signature: "Eicar".to_owned() };
        assert_eq!(of(infected), ("infected", "/tmp/a".to_owned()));
        assert_eq!(of(Alarm::ScannerGone { why: "gone".to_owned() }), ("scanner-gone", "gone".to_owned()));
        let inside = Alarm::SshInsideForward { to: "10.0.0.1:22".parse().unwrap() };
        assert_eq!(of(inside), ("ssh-inside", "10.0.0.1:22".to_owned()));
    }
}
