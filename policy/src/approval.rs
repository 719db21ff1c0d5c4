//! From terms to a permit: the approvals of people of the hospital.

use crate::ids::{GroupId, StaffLogin, TargetAccount, TargetId, TechnicianLogin, VendorId};
use crate::right::Rights;
use crate::rules::{Per, Supervision};
use crate::verdict::Denial;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What tells that two accounts belong to one human being: e-mail address and telephone number,
/// in a form without case, spaces and punctuation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    email: String,
    phone: String,
}

impl Person {
    /// From what was written when the account was made.
    pub fn new(email: &str, phone: &str) -> Self {
        let phone = phone.trim().replacen("00", "+", usize::from(phone.trim().starts_with("00")));
        Self {
            email: email.trim().to_lowercase(),
            phone: phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect(),
        }
    }

    /// Whether both are one human being.
    pub fn is(&self, other: &Person) -> bool {
        (!self.email.is_empty() && self.email == other.email) || (!self.phone.is_empty() && self.phone == other.phone)
    }

    /// The domain of the e-mail address.
    pub fn domain(&self) -> &str {
        self.email.rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

/// How an approver knows who is asking (D6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verified {
    /// They called the number in the vendor's contract.
    Called,
    /// The technician called them.
    Caller,
    /// They stand before each other.
    Present,
}

/// One person's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: StaffLogin,
    /// The human being behind the account.
    pub person: Person,
    /// The groups they were of when they said so.
    pub groups: BTreeSet<GroupId>,
    /// When.
    pub at: Timestamp,
    /// How they know the technician.
    pub verified: Verified,
    /// Fewer rights than asked for, if narrowed.
    pub rights: Option<Rights>,
    /// A shorter time than the rules give, if narrowed.
    pub until: Option<Timestamp>,
}

/// The terms on which something is possible. Holding them opens nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalTerms {
    /// Who asks.
    pub technician: TechnicianLogin,
    /// The human being behind the account.
    pub requester: Person,
    /// Of which company.
    pub vendor: VendorId,
    /// The company's e-mail domain.
    pub vendor_domain: String,
    /// For which equipment.
    pub target: TargetId,
    /// Under which login on it.
    pub account: TargetAccount,
    /// Which rights the rules give.
    pub rights: Rights,
    /// Whose approval counts.
    pub approvers: BTreeSet<GroupId>,
    /// How many different people.
    pub quorum: u8,
    /// What one approval is good for.
    pub per: Per,
    /// Whether somebody must watch.
    pub supervision: Supervision,
    /// Each approver must have called the contract's number.
    pub call_back: bool,
    /// When the hours or the contract end, whichever is first.
    pub closes_at: Timestamp,
    /// The longest it may last from admission on.
    pub longest: SignedDuration,
    /// How long it may be idle.
    pub idle: SignedDuration,
}

impl ApprovalTerms {
    /// Whether this one approval counts for these terms.
    pub fn accepts(&self, approval: &Approval) -> Result<(), Denial> {
        if approval.person.is(&self.requester) {
            return Err(Denial::ApproverIsRequester);
        }
        if !self.vendor_domain.is_empty() && approval.person.domain() == self.vendor_domain {
            return Err(Denial::ApproverOfVendor);
        }
        if approval.groups.is_disjoint(&self.approvers) {
            return Err(Denial::ApproverNotOfTarget);
        }
        if self.call_back && approval.verified != Verified::Called {
            return Err(Denial::CallBackNeeded);
        }
        if approval.until.is_some_and(|until| until <= approval.at) {
            return Err(Denial::ApprovalOver);
        }
        Ok(())
    }

    /// Turns approvals into a permit that begins at `begins`, judged at `at`.
    ///
    /// Each approval may only narrow (APR-11): the rights are what all agree on, the end is the
    /// earliest of hours, contract, longest duration and every approver's own limit. Judged again
    /// with the same approvals later, the permit never outlives what it was first.
    pub fn redeem(&self, approvals: &[Approval], begins: Timestamp, at: Timestamp) -> Result<Permit, Denial> {
        let mut counted: Vec<&Approval> = Vec::new();
        for approval in approvals {
            self.accepts(approval)?;
            if counted.iter().any(|other| other.by == approval.by || other.person.is(&approval.person)) {
                return Err(Denial::ApproverTwice);
            }
            counted.push(approval);
        }
        let have = u8::try_from(counted.len()).unwrap_or(u8::MAX);
        if have < self.quorum.max(1) {
            return Err(Denial::QuorumMissing { needed: self.quorum.max(1), have });
        }
        let mut rights = self.rights.clone();
        let longest = begins.saturating_add(self.longest).unwrap_or(begins);
        let mut until = self.closes_at.min(longest);
        for approval in counted {
            if let Some(narrower) = &approval.rights {
                rights = rights.narrowed_by(narrower);
            }
            if let Some(earlier) = approval.until {
                until = until.min(earlier);
            }
        }
        if rights.is_empty() {
            return Err(Denial::NoRight);
        }
        if until <= at {
            return Err(Denial::ApprovalOver);
        }
        Ok(Permit {
            technician: self.technician.clone(),
            target: self.target.clone(),
            account: self.account.clone(),
            rights,
            until,
            supervision: self.supervision,
            idle: self.idle,
        })
    }
}

/// The right to reach one target, under one account, until one instant. Nothing is dialled
/// without one (promise 1). It has no public constructor: [`ApprovalTerms::redeem`] makes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Permit {
    technician: TechnicianLogin,
    target: TargetId,
    account: TargetAccount,
    rights: Rights,
    until: Timestamp,
    supervision: Supervision,
    idle: SignedDuration,
}

impl Permit {
    /// For whom.
    pub fn technician(&self) -> &TechnicianLogin {
        &self.technician
    }

    /// For which target.
    pub fn target(&self) -> &TargetId {
        &self.target
    }

    /// Under which login on it.
    pub fn account(&self) -> &TargetAccount {
        &self.account
    }

    /// To do what.
    pub fn rights(&self) -> &Rights {
        &self.rights
    }

    /// Until when; at that instant it no longer holds.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// Whether somebody must watch.
    pub fn supervision(&self) -> Supervision {
        self.supervision
    }

    /// How long it may be idle.
    pub fn idle(&self) -> SignedDuration {
        self.idle
    }
}
