//! The rules as values: vendors, targets, and what ties them together.

use crate::calendar::{Calendar, DateRange};
use crate::ids::{CalendarId, GroupId, TargetAccount, TargetId, VendorId};
use crate::right::Rights;
use ipnet::IpNet;
use jiff::SignedDuration;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// Everything that [`crate::evaluate`] judges by.
#[derive(Debug, Clone)]
pub struct PolicySet {
    /// The site's zone: days of contracts are days of this zone.
    pub zone: TimeZone,
    /// Vendors by name.
    pub vendors: BTreeMap<VendorId, Vendor>,
    /// Targets by name.
    pub targets: BTreeMap<TargetId, Target>,
    /// Calendars by name.
    pub calendars: BTreeMap<CalendarId, Calendar>,
    /// Targets that are withdrawn for now because their quorum cannot be met (D13).
    pub withdrawn: BTreeSet<TargetId>,
}

/// A company and what it may reach.
#[derive(Debug, Clone)]
pub struct Vendor {
    /// The name it is referred to by.
    pub id: VendorId,
    /// Its name in the register.
    pub name: String,
    /// The contract, without which nothing opens (LIF-03).
    pub contract: Contract,
    /// The domain of the contract's e-mail address. Nobody of that domain approves (APR-02).
    pub domain: String,
    /// Where its technicians may come from (NET-08). Narrows only.
    pub sources: Sources,
    /// When its technicians may come.
    pub calendar: CalendarId,
    /// What is allowed.
    pub allow: Vec<AllowRule>,
    /// What is forbidden whatever is allowed.
    pub forbid: Vec<ForbidRule>,
}

/// A contract's reference and days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contract {
    /// The reference by which the hospital files it.
    pub reference: String,
    /// First and last day, both included.
    pub days: DateRange,
}

/// Where connections may come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sources {
    /// These networks only.
    Networks(Vec<IpNet>),
    /// Anywhere, with the reason that the configuration gives for it.
    Any {
        /// Why no list is kept.
        because: String,
    },
}

impl Sources {
    /// Whether the address lies in one of the networks. An IPv4 address that arrives mapped into
    /// IPv6 is judged as the IPv4 address it is.
    pub fn contain(&self, source: IpAddr) -> bool {
        match self {
            Sources::Networks(networks) => {
                let plain = source.to_canonical();
                networks.iter().any(|network| network.contains(&plain))
            }
            Sources::Any { .. } => true,
        }
    }
}

/// Grants some rights on some targets.
#[derive(Debug, Clone)]
pub struct AllowRule {
    /// The targets it names.
    pub targets: BTreeSet<TargetId>,
    /// The logins on them, other than each target's own, that may be asked for.
    pub accounts: BTreeSet<TargetAccount>,
    /// What may be done.
    pub rights: Rights,
    /// How many different approvers must say yes. At least one.
    pub quorum: u8,
    /// What one approval is good for.
    pub per: Per,
    /// The longest an intervention may last.
    pub longest: SignedDuration,
}

/// What one approval is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// One connection.
    Session,
    /// All connections of the same technician, target, account and source while the first lives (D9).
    Intervention,
}

/// Forbids some targets, for some days or always. Any forbid wins.
#[derive(Debug, Clone)]
pub struct ForbidRule {
    /// The targets it names.
    pub targets: BTreeSet<TargetId>,
    /// The days on which it holds; `None`: always.
    pub days: Option<DateRange>,
    /// Why, as it is told to a technician of that vendor.
    pub because: String,
}

/// One piece of equipment.
#[derive(Debug, Clone)]
pub struct Target {
    /// The name it is referred to by.
    pub id: TargetId,
    /// Its name in the hospital's words.
    pub name: String,
    /// The login used on it unless another is asked for and allowed.
    pub account: TargetAccount,
    /// Who may approve. An empty list refuses: it is never skipped.
    pub approvers: BTreeSet<GroupId>,
    /// Whether somebody must watch.
    pub supervision: Supervision,
    /// Hours narrower than the vendor's, if any. Both must be open.
    pub calendar: Option<CalendarId>,
    /// The target wants every approver to have called the contract's number (D6).
    pub call_back: bool,
    /// A session without a keystroke or output for this long is ended (NET-18).
    pub idle: SignedDuration,
}

/// Whether somebody must watch (APR-03).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Supervision {
    /// Nobody is asked to watch.
    None,
    /// Watching is possible at any time.
    Offered,
    /// Nothing moves while nobody watches (D26).
    Required,
}
