//! "Could she reach the scanner next Sunday at three?": asked by the command line and the console alike.

use super::Refusal;
use crate::account::AccountState;
use crate::register::Register;
use jiff::Timestamp;
use policy::{GroupId, PolicySet, Request, TargetId, TechnicianLogin, Verdict};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// The answer, for one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Explained {
    /// For which instant.
    pub at: Timestamp,
    /// Where the technician's account stands now.
    pub account_state: AccountState,
    /// Whether their company's access is taken away for now.
    pub vendor_frozen: bool,
    /// Whether a lockdown holds the target now.
    pub cut: bool,
    /// What the rules say.
    pub verdict: Verdict,
}

/// Whether a lockdown holds equipment for which these groups answer: all of them have to be open again (EMG-05).
/// `open`: the groups that are; `None`: there is no lockdown.
pub fn is_cut(open: Option<&BTreeSet<GroupId>>, groups: &BTreeSet<GroupId>) -> bool {
    open.is_some_and(|open| groups.is_empty() || !groups.is_subset(open))
}

impl Register {
    /// What the rules in force say of this technician and this target at that instant. Without a
    /// source the address is not judged. `open`: what is open while all else is cut, as in [`is_cut`].
    /// Changes nothing.
    pub fn explain(
        &self,
        rules: &PolicySet,
        technician: &TechnicianLogin,
        target: TargetId,
        source: Option<IpAddr>,
        at: Timestamp,
        open: Option<&BTreeSet<GroupId>>,
    ) -> Result<Explained, Refusal> {
        let account = self.account(technician).ok_or_else(|| Refusal::NoTechnician(technician.clone()))?;
        // Of equipment that nobody declared nothing is known, and it is held.
        let cut = rules.targets.get(&target).map_or(open.is_some(), |one| is_cut(open, &one.approvers));
        let question = Request {
            technician: account.login.clone(),
            person: account.identity.person(),
            vendor: account.vendor.clone(),
            target,
            account: None,
            source,
            // From where and how often they came is not asked: the stricter answer holds.
            unfamiliar: true,
            emergency: false,
            at,
        };
        Ok(Explained {
            at,
            account_state: account.state,
            vendor_frozen: self.frozen_vendors.contains_key(&account.vendor),
            cut,
            verdict: policy::evaluate(rules, &question),
        })
    }
}
