//! An intervention: asked for, approved or not, carried out, ended exactly once (promise 6).

use crate::event::{EndCause, WithdrawCause};
use crate::ids::{AccountId, InterventionNumber, SessionId};
use jiff::{SignedDuration, Timestamp};
use policy::{Approval, Per, Rights, StaffLogin, Supervision, TargetAccount, TargetId, TechnicianLogin, VendorId};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// What was asked for. Never changes, but for the address of a planned one, which binds at its
/// first use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Requested {
    /// Whose account.
    pub account: AccountId,
    /// Who.
    pub technician: TechnicianLogin,
    /// Their name.
    pub name: String,
    /// Of which company.
    pub vendor: VendorId,
    /// For which target.
    pub target: TargetId,
    /// Under which login on it.
    pub login: TargetAccount,
    /// With which rights, before any approver narrowed them.
    pub rights: Rights,
    /// From where; not known of a planned one before the technician arrives.
    pub source: Option<SocketAddr>,
    /// Why.
    pub reason: String,
    /// The vendor's or the hospital's ticket.
    pub ticket: String,
    /// How many approvers.
    pub quorum: u8,
    /// What one approval is good for.
    pub per: Per,
    /// Whether somebody must watch.
    pub supervision: Supervision,
    /// Whether each approver must have called the contract's number.
    pub call_back: bool,
}

/// Where an intervention stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InterventionState {
    /// Opened in advance by the hospital; waits for further approvals or for the technician (D7).
    Planned,
    /// Journalled; the technician has the code but has not pressed Enter.
    Prepared,
    /// Sent to the approvers.
    Requested,
    /// Approved by as many as are needed; to be taken up at once.
    Approved,
    /// A session is running under it.
    Open,
    /// Over.
    Ended(EndCause),
    /// Refused by an approver, or after three wrong codes.
    Refused,
    /// Nobody answered in time.
    Expired,
    /// Withdrawn before anything opened.
    Withdrawn(WithdrawCause),
}

impl InterventionState {
    /// The word for it in `--json` and in lists.
    pub fn word(&self) -> &'static str {
        match self {
            InterventionState::Planned => "planned",
            InterventionState::Prepared => "prepared",
            InterventionState::Requested => "requested",
            InterventionState::Approved => "approved",
            InterventionState::Open => "open",
            InterventionState::Ended(_) => "ended",
            InterventionState::Refused => "refused",
            InterventionState::Expired => "expired",
            InterventionState::Withdrawn(_) => "withdrawn",
        }
    }

    /// Whether a technician is on the line and waits. A restart withdraws these, and no planned one.
    pub fn is_pending(&self) -> bool {
        matches!(self, InterventionState::Prepared | InterventionState::Requested | InterventionState::Approved)
    }

    /// Whether nothing can follow any more.
    pub fn is_final(&self) -> bool {
        !self.is_pending() && !matches!(self, InterventionState::Open | InterventionState::Planned)
    }
}

/// What a planned or emergency intervention has besides (D7, D14).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// From when the code is good.
    pub from: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// The calendar does not hold for it.
    pub emergency: bool,
    /// The generation of the code's digest in the vault, once all approvals are there.
    pub secret: Option<u64>,
    /// Wrong codes typed by technicians, over all connections.
    pub wrong_codes: u8,
    /// Who looked at it afterwards, and what they found (EMG-02).
    pub reviewed: Option<(StaffLogin, String)>,
}

/// An intervention, as the fold knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intervention {
    /// Its number.
    pub number: InterventionNumber,
    /// What was asked for.
    pub asked: Requested,
    /// Where it stands.
    pub state: InterventionState,
    /// When it was journalled.
    pub prepared: Timestamp,
    /// When it was sent to the approvers.
    pub submitted: Option<Timestamp>,
    /// The hospital opened it in advance.
    pub plan: Option<Plan>,
    /// The approvals so far; of an extended one, those of the extension in force.
    pub approvals: Vec<Approval>,
    /// Approvals of an extension that are not enough yet.
    pub extending: Vec<Approval>,
    /// Since when the approved time counts, if it was extended.
    pub extended: Option<Timestamp>,
    /// Approvals that an extension replaced.
    pub former: Vec<Approval>,
    /// When the last needed approval came.
    pub approved: Option<Timestamp>,
    /// Who refused it, and why.
    pub refused: Option<(Option<StaffLogin>, String)>,
    /// Wrong codes typed by approvers (D5: three refuse the request).
    pub wrong_codes: u8,
    /// Wrong codes typed by whoever wanted to join it (D9: three, and nobody joins any more).
    pub wrong_joins: u8,
    /// Sessions that ran under it, one a connection: the first, then those that joined.
    pub sessions: Vec<SessionId>,
    /// When it became final.
    pub ended: Option<Timestamp>,
}

impl Intervention {
    /// One that begins its life at this instant.
    pub(crate) fn begun(
        number: InterventionNumber,
        asked: Requested,
        state: InterventionState,
        plan: Option<Plan>,
        at: Timestamp,
    ) -> Self {
        Self {
            number,
            asked,
            state,
            prepared: at,
            submitted: None,
            plan,
            approvals: Vec::new(),
            extending: Vec::new(),
            extended: None,
            former: Vec::new(),
            approved: None,
            refused: None,
            wrong_codes: 0,
            wrong_joins: 0,
            sessions: Vec::new(),
            ended: None,
        }
    }

    /// Approvals of an extension that still count at this instant: all of one lie within ten minutes.
    pub fn extending_at(&self, at: Timestamp) -> impl Iterator<Item = &Approval> {
        const TOGETHER: SignedDuration = SignedDuration::from_mins(10);
        self.extending.iter().filter(move |earlier| at.duration_since(earlier.at) < TOGETHER)
    }

    /// Everybody who approved it or an extension of it, once each.
    pub fn approved_by(&self) -> Vec<StaffLogin> {
        let mut all: Vec<StaffLogin> = Vec::new();
        for approval in self.former.iter().chain(&self.approvals) {
            if !all.contains(&approval.by) {
                all.push(approval.by.clone());
            }
        }
        all
    }

    /// Whether the calendar does not hold for it (D14).
    pub fn is_emergency(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.emergency)
    }

    /// Whether a technician could come in under it at this instant: what arms the port (D15).
    pub fn arms_at(&self, at: Timestamp) -> bool {
        match (&self.state, &self.plan) {
            (InterventionState::Planned, Some(plan)) => plan.secret.is_some() && plan.from <= at && at < plan.until,
            (InterventionState::Approved | InterventionState::Open, Some(_)) => true,
            _ => false,
        }
    }

    /// Whether it still has to be looked at by another person (EMG-02).
    pub fn wants_review(&self) -> bool {
        self.state.is_final()
            && !self.sessions.is_empty()
            && self.plan.as_ref().is_some_and(|plan| plan.emergency && plan.reviewed.is_none())
    }
}
