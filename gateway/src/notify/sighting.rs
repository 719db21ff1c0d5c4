//! Which events somebody is told of, what each is about, and who hears it.

use config::Topic;
use lifecycle::{
    AccountId, Alarm, Event, FreezeCause, InterventionNumber, JoinRefusal, RecordingState, SessionId, WRONG_CODES,
};
use policy::StaffLogin;

/// What a notice is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum About {
    Intervention(InterventionNumber),
    Session(SessionId),
    Account(AccountId),
    Staff(StaffLogin),
    Site,
}

/// What more is told of some events, each in a field of its own: the text's line and the JSON's key.
pub(super) const DETAILS: [&str; 5] = ["session", "file", "signature", "cause", "destination"];

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
    /// Whose own act it was: they need no mail about it.
    pub(super) by: Option<StaffLogin>,
}

impl Sighting {
    fn new(topic: Topic, text: &'static str, about: About) -> Self {
        let security = matches!(topic, Topic::Alert | Topic::Emergency | Topic::Lockdown | Topic::Evidence);
        let approvers = !matches!(topic, Topic::Alert | Topic::Lockdown | Topic::Evidence);
        Self { topic, text, about, reason: None, details: Vec::new(), approvers, security, by: None }
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
        matches!(self.topic, Topic::Alert | Topic::Unwatched)
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
            Event::AccountAlert { account, .. } => Self::new(Topic::Alert, "account", About::Account(account.clone())),
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
            Event::RollbackFound { .. } | Event::Restored { .. } => Self::new(Topic::Evidence, "rollback", About::Site),
            Event::AnchorOverdue { anchor, why, .. } => {
                Self::new(Topic::Evidence, "anchor", About::Site).because(&format!("{anchor}: {why}"))
            }
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
