//! What the rules say, in parts that a page can put into words.

use crate::commands::Known;
use jiff::Timestamp;
use lifecycle::Role;
use policy::{ApprovalTerms, Denial, GroupId, Right, RuleId, Supervision, TargetId, Verdict};
use serde::Serialize;
use std::collections::BTreeSet;

/// A verdict, for people.
#[derive(Debug, Clone)]
pub(crate) struct Judged {
    /// For which instant.
    pub(crate) at: Timestamp,
    /// What it is possible on, or why it is not.
    pub(crate) answer: Result<Possible, Denial>,
    /// The rules that were read, up to the one that decided.
    pub(crate) because: Vec<RuleId>,
}

/// On which terms something is possible.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Possible {
    /// What may be done.
    pub(crate) rights: Vec<Right>,
    /// How many people have to say yes.
    pub(crate) quorum: u8,
    /// Of which groups.
    pub(crate) groups: String,
    /// Who they are.
    pub(crate) approvers: Vec<String>,
    /// The number in the contract has to be called.
    pub(crate) call_back: bool,
    /// Somebody has to watch.
    pub(crate) watched: bool,
    /// The longest it may last, in seconds.
    pub(crate) longest: i64,
    /// When hours or contract end.
    pub(crate) closes_at: Timestamp,
}

impl Judged {
    /// What this verdict says.
    pub(crate) fn of(known: &Known<'_>, at: Timestamp, verdict: Verdict) -> Self {
        let answer = match verdict.decision {
            policy::Decision::AwaitApproval(terms) => Ok(Possible::of(known, &terms)),
            policy::Decision::Deny(denial) => Err(denial),
        };
        Self { at, answer, because: verdict.because }
    }

    /// The terms, if it is possible.
    pub(crate) fn possible(&self) -> Option<&Possible> {
        self.answer.as_ref().ok()
    }

    /// Why not, if it is not.
    pub(crate) fn denial(&self) -> Option<&Denial> {
        self.answer.as_ref().err()
    }
}

impl Possible {
    fn of(known: &Known<'_>, terms: &ApprovalTerms) -> Self {
        Self {
            rights: terms.rights.iter().cloned().collect(),
            quorum: terms.quorum,
            groups: group_names(known, &terms.approvers),
            approvers: approvers_of(known, &terms.target),
            call_back: terms.call_back,
            watched: terms.supervision == Supervision::Required,
            longest: terms.longest.as_secs(),
            closes_at: terms.closes_at,
        }
    }
}

/// The names of groups, one after another.
fn group_names(known: &Known<'_>, groups: &BTreeSet<GroupId>) -> String {
    let names = groups.iter().map(|id| known.config.groups.get(id).map_or(id.as_str(), |group| &group.name));
    names.collect::<Vec<_>>().join(", ")
}

/// Who approves for a target, by name.
pub(crate) fn approvers_of(known: &Known<'_>, target: &TargetId) -> Vec<String> {
    let groups = known.rules.targets.get(target).map(|target| &target.approvers);
    let of = known.register.staff.values().filter(|staff| {
        staff.is_active()
            && staff.roles.contains(&Role::Approver)
            && groups.is_some_and(|groups| !staff.groups.is_disjoint(groups))
    });
    of.map(|staff| staff.identity.name.clone()).collect()
}
