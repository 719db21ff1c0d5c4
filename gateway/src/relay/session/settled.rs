//! What was settled when a session was admitted, and does not change while it lasts.

use crate::evidence::Receipts;
use crate::files::quarantine::Allowance;
use crate::relay::pressure::ClientSide;
use crate::texts::Texts;
use lifecycle::{AccountId, InterventionNumber, SessionId};
use policy::{Rights, StaffLogin, Supervision, TargetId, TechnicianLogin, VendorId};
use recorder::Recording;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicI64;
use tokio::sync::Semaphore;

/// What a session is made from.
pub struct Settled {
    /// Its id.
    pub id: SessionId,
    /// Under which intervention.
    pub number: InterventionNumber,
    /// Whose account.
    pub account: AccountId,
    /// Who.
    pub technician: TechnicianLogin,
    /// What they read.
    pub texts: Texts,
    /// The recording.
    pub recording: Recording,
    /// The technician's connection.
    pub client: Arc<ClientSide>,
    /// Bytes of a command's stream that are kept.
    pub record_limit: u64,
    /// Bytes the recording may grow by before somebody has to let it go on.
    pub quota: u64,
    /// Whether somebody must watch.
    pub supervision: Supervision,
    /// Which equipment.
    pub target: TargetId,
    /// What it may do, as admitted.
    pub rights: Rights,
    /// Of which company.
    pub vendor: VendorId,
    /// Who could approve for its target when it was admitted.
    pub approvers: BTreeSet<StaffLogin>,
    /// What its channels may hold in quarantine.
    pub quarantined: Allowance,
    /// The turn to write a scanned file to the target; one for all sessions on it.
    pub deliveries: Arc<Semaphore>,
    /// From where, where it joined another connection's intervention (D9).
    pub joined_from: Option<SocketAddr>,
    /// When a byte last moved, in milliseconds of the clock: what goes on over one connection of an
    /// intervention keeps the others from being idle.
    pub moved: Arc<AtomicI64>,
    /// Where receipts come from.
    pub receipts: Receipts,
}
