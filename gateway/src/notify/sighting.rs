//! Which events somebody is told of, what each is about, and who hears it.

use config::Topic;
use lifecycle::{AccountId, Event, FreezeCause, InterventionNumber, RecordingState, SessionId};
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

/// An event that somebody is told of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sighting {
    pub(super) topic: Topic,
    /// The last part of the texts' keys.
    pub(super) text: &'static str,
    pub(super) about: About,
    /// What somebody said, where it is not the request's own reason.
    pub(super) reason: Option<String>,
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
        Self { topic, text, about, reason: None, approvers, security, by: None }
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
            Event::SessionFrozen { session, cause: FreezeCause::Unwatched, .. } => {
                Self::new(Topic::Unwatched, "unwatched", About::Session(session.clone()))
            }
            Event::RecordingSealed { session, state: RecordingState::Mutilated, .. } => {
                Self::new(Topic::Evidence, "recording", About::Session(session.clone()))
            }
            _ => return None,
        })
    }
}
