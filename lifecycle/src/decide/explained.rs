//! "Could she reach the scanner next Sunday at three?": asked by the command line and the console alike.

use super::Refusal;
use crate::account::AccountState;
use crate::register::Register;
use jiff::Timestamp;
use policy::{PolicySet, Request, TargetId, TechnicianLogin, Verdict};
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
    /// What the rules say.
    pub verdict: Verdict,
}

impl Register {
    /// What the rules in force say of this technician and this target at that instant. Without a
    /// source the address is not judged. Changes nothing.
    pub fn explain(
        &self,
        rules: &PolicySet,
        technician: &TechnicianLogin,
        target: TargetId,
        source: Option<IpAddr>,
        at: Timestamp,
    ) -> Result<Explained, Refusal> {
        let account = self.account(technician).ok_or_else(|| Refusal::NoTechnician(technician.clone()))?;
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
            verdict: policy::evaluate(rules, &question),
        })
    }
}
