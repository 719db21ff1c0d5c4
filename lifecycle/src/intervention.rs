//! An intervention: asked for, approved or not, carried out, ended exactly once (promise 6).

use crate::event::{EndCause, WithdrawCause};
use crate::ids::{AccountId, InterventionNumber, SessionId};
use jiff::Timestamp;
use policy::{Approval, Per, Rights, StaffLogin, Supervision, TargetAccount, TargetId, TechnicianLogin, VendorId};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// What was asked for. Never changes.
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
    /// From where.
    pub source: SocketAddr,
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

    /// Whether it still waits for people.
    pub fn is_pending(&self) -> bool {
        matches!(self, InterventionState::Prepared | InterventionState::Requested | InterventionState::Approved)
    }

    /// Whether nothing can follow any more.
    pub fn is_final(&self) -> bool {
        !self.is_pending() && *self != InterventionState::Open
    }
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
    /// The approvals so far.
    pub approvals: Vec<Approval>,
    /// When the last needed approval came.
    pub approved: Option<Timestamp>,
    /// Who refused it, and why.
    pub refused: Option<(Option<StaffLogin>, String)>,
    /// Wrong codes typed by approvers (D5: three refuse the request).
    pub wrong_codes: u8,
    /// Sessions that ran under it.
    pub sessions: Vec<SessionId>,
    /// When it became final.
    pub ended: Option<Timestamp>,
}
