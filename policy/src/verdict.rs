//! The answer of the judge: terms or a denial, and the rules it rests on.

use crate::approval::ApprovalTerms;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What was decided, and because of which rules.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// The decision.
    pub decision: Decision,
    /// The rules that were read, in order, up to and with the one that decided, by the path of
    /// their place in the configuration.
    pub because: Vec<RuleId>,
}

/// What was decided.
///
/// There is no variant that opens anything by itself: whatever the rules say, a person of the
/// hospital approves this intervention (APR-01). Automatic approval cannot be written down.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one decision at a time, moved once: nothing is gained by a box")]
pub enum Decision {
    /// Possible on these terms.
    AwaitApproval(ApprovalTerms),
    /// Not possible, for this reason.
    Deny(Denial),
}

/// The path of a rule in the configuration, such as `vendor.imagix.allow.0`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RuleId(pub String);

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why not. A value, never an error: each has a text for the person and a source of the rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "denial", rename_all = "kebab-case")]
pub enum Denial {
    /// The technician's vendor is not declared.
    VendorUnknown,
    /// No such target.
    TargetUnknown,
    /// No allow rule of the vendor names the target.
    TargetNotAllowed,
    /// A forbid rule names it.
    TargetForbidden {
        /// The reason the rule gives.
        because: String,
    },
    /// The target's quorum cannot be met by the staff there is (D13), or it names no approvers.
    TargetWithdrawn,
    /// The login on the target is not its own nor one the rule names.
    AccountNotAllowed,
    /// The address is not one the vendor declared.
    SourceNotDeclared,
    /// The contract has not begun.
    ContractNotBegun {
        /// Its first day.
        first: Date,
    },
    /// The contract is over.
    ContractOver {
        /// Its last day.
        last: Date,
    },
    /// Outside the opening hours.
    Closed {
        /// The next opening, if there is one within the horizon.
        next_opening: Option<Timestamp>,
        /// The calendar's holiday today, if that is why.
        holiday: Option<String>,
    },
    /// No right is left after narrowing, or the rule grants none.
    NoRight,
    /// Not enough different approvers.
    QuorumMissing {
        /// How many are needed.
        needed: u8,
        /// How many counted.
        have: u8,
    },
    /// The approver may not approve for this target.
    ApproverNotOfTarget,
    /// The approver is the requester, or the same person under another account.
    ApproverIsRequester,
    /// The approver is of the vendor.
    ApproverOfVendor,
    /// The same person approved twice.
    ApproverTwice,
    /// The terms ask that the contract's number was called (D6).
    CallBackNeeded,
    /// The approval came too late, or ends before it begins.
    ApprovalOver,
}

impl Denial {
    /// The word for it in the journal, in `--json` and in the tables of texts.
    pub fn code(&self) -> &'static str {
        match self {
            Denial::VendorUnknown => "vendor-unknown",
            Denial::TargetUnknown => "target-unknown",
            Denial::TargetNotAllowed => "target-not-allowed",
            Denial::TargetForbidden { .. } => "target-forbidden",
            Denial::TargetWithdrawn => "target-withdrawn",
            Denial::AccountNotAllowed => "account-not-allowed",
            Denial::SourceNotDeclared => "source-not-declared",
            Denial::ContractNotBegun { .. } => "contract-not-begun",
            Denial::ContractOver { .. } => "contract-over",
            Denial::Closed { .. } => "closed",
            Denial::NoRight => "no-right",
            Denial::QuorumMissing { .. } => "quorum-missing",
            Denial::ApproverNotOfTarget => "approver-not-of-target",
            Denial::ApproverIsRequester => "approver-is-requester",
            Denial::ApproverOfVendor => "approver-of-vendor",
            Denial::ApproverTwice => "approver-twice",
            Denial::CallBackNeeded => "call-back-needed",
            Denial::ApprovalOver => "approval-over",
        }
    }

    /// The requirement the refusal rests on (APR-15), by its id in `docs/requirements.md`.
    pub fn source(&self) -> &'static str {
        match self {
            Denial::VendorUnknown | Denial::TargetNotAllowed | Denial::TargetForbidden { .. } | Denial::NoRight => {
                "NET-01"
            }
            Denial::TargetUnknown => "LIF-05",
            Denial::TargetWithdrawn | Denial::QuorumMissing { .. } | Denial::ApproverTwice => "APR-09",
            Denial::AccountNotAllowed => "IDM-20",
            Denial::SourceNotDeclared => "NET-08",
            Denial::ContractNotBegun { .. } | Denial::ContractOver { .. } => "LIF-03",
            Denial::Closed { .. } => "TIM-01",
            Denial::ApproverNotOfTarget | Denial::ApproverIsRequester | Denial::ApproverOfVendor => "APR-02",
            Denial::CallBackNeeded => "APR-06",
            Denial::ApprovalOver => "APR-07",
        }
    }
}
