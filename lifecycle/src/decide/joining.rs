//! A further connection under an open intervention: whether it may join, and what that gives (D9).
//!
//! The first connection was asked for and approved. A further one of the same technician, from the
//! same address, for the same login on the same target brings both factors anew and the intervention's
//! code, and gets a session of its own under the same approvals and until the same end.

use super::{Admission, WRONG_CODES};
use crate::event::Event;
use crate::ids::{AccountId, InterventionNumber, SessionId};
use crate::intervention::{Intervention, InterventionState};
use crate::record::Readers;
use crate::register::Register;
use jiff::Timestamp;
use policy::{Denial, Per, PolicySet, Supervision, TargetAccount, TargetId};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

/// Connections that one intervention may have at a time, the first among them.
pub const MOST_CONNECTIONS: usize = 4;

/// Who wants to join, once known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JoinFacts {
    /// Whose account.
    pub account: AccountId,
    /// For which target.
    pub target: TargetId,
    /// Under which login on it; `None`: the target's own.
    pub login: Option<TargetAccount>,
    /// From where.
    pub source: SocketAddr,
}

/// Why a further connection does not join. The words stand in the journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum JoinRefusal {
    /// Nothing is open that it could join, any more.
    #[error("the intervention is over")]
    Over,
    /// The intervention goes on from another address: one source at a time (IDM-18).
    #[error("the intervention goes on from another address")]
    OtherSource,
    /// The intervention is on another target: one at a time (IDM-18).
    #[error("the intervention is on another target")]
    OtherTarget,
    /// The intervention is under another login on the target.
    #[error("the intervention is under another login on the target")]
    OtherLogin,
    /// Each connection wants its own approval, and one goes on.
    #[error("one approval is good for one connection, and one goes on")]
    PerSession,
    /// Three wrong codes: nobody joins it any more.
    #[error("three wrong codes were typed: nobody joins it any more")]
    Closed,
    /// As many as may be are there.
    #[error("it has as many connections as it may have")]
    Full,
    /// One of its sessions is frozen.
    #[error("it is frozen")]
    Frozen,
    /// Somebody must watch, and nobody does.
    #[error("somebody must watch, and nobody does")]
    Unwatched,
    /// The code is another; so many tries are left.
    #[error("the code is another one: {0} tries left")]
    WrongCode(u8),
    /// The rules do not allow it any more.
    #[error("the rules do not allow it ({})", .0.code())]
    Denied(Denial),
}

impl Register {
    /// The intervention of this account that is open. There is one at most (IDM-18).
    pub fn open_of(&self, account: &AccountId) -> Option<&Intervention> {
        self.current().find(|one| one.asked.account == *account && one.state == InterventionState::Open)
    }

    /// Whether a further connection may join, but for the code. Changes nothing.
    pub fn may_join(
        &self,
        rules: &PolicySet,
        number: InterventionNumber,
        facts: &JoinFacts,
        at: Timestamp,
    ) -> Result<(), JoinRefusal> {
        let open = |one: &&Intervention| one.asked.account == facts.account && one.state == InterventionState::Open;
        let one = self.interventions.get(&number).filter(open).ok_or(JoinRefusal::Over)?;
        if self.first_of(number).is_none_or(|first| first.end.is_some()) {
            return Err(JoinRefusal::Over);
        }
        let asked = &one.asked;
        // The port is another with each connection.
        if asked.source.is_none_or(|source| source.ip() != facts.source.ip()) {
            return Err(JoinRefusal::OtherSource);
        }
        if asked.target != facts.target {
            return Err(JoinRefusal::OtherTarget);
        }
        let target = rules.targets.get(&facts.target).ok_or(JoinRefusal::Denied(Denial::TargetUnknown))?;
        if *facts.login.as_ref().unwrap_or(&target.account) != asked.login {
            return Err(JoinRefusal::OtherLogin);
        }
        // The stricter of what it was approved under and of what holds now.
        let terms = self.terms(rules, one, asked.source, at).map_err(JoinRefusal::Denied)?;
        if asked.per == Per::Session || terms.per == Per::Session {
            return Err(JoinRefusal::PerSession);
        }
        if one.wrong_joins >= WRONG_CODES {
            return Err(JoinRefusal::Closed);
        }
        if self.live_of(number).count() >= MOST_CONNECTIONS {
            return Err(JoinRefusal::Full);
        }
        if self.live_of(number).any(|session| session.frozen.is_some()) {
            return Err(JoinRefusal::Frozen);
        }
        let required = asked.supervision.max(terms.supervision) == Supervision::Required;
        if required && self.live_of(number).any(|session| session.watchers.is_empty()) {
            return Err(JoinRefusal::Unwatched);
        }
        self.permit(rules, number, at, at).map(|_| ()).map_err(JoinRefusal::Denied)
    }

    /// The entry of a connection that may not join.
    pub fn join_refused(&self, number: InterventionNumber, facts: &JoinFacts, why: JoinRefusal) -> Event {
        Event::JoinRefused { number, account: facts.account.clone(), source: facts.source, why }
    }

    /// Joins: judges all anew, and gives what is to be journalled and the admission, or why not.
    pub fn join(
        &self,
        rules: &PolicySet,
        number: InterventionNumber,
        facts: &JoinFacts,
        code_fits: bool,
        (session, readers): (SessionId, Readers),
        at: Timestamp,
    ) -> (Vec<Event>, Result<Admission, JoinRefusal>) {
        let refused = |why: JoinRefusal| (vec![self.join_refused(number, facts, why.clone())], Err(why));
        if let Err(why) = self.may_join(rules, number, facts, at) {
            return refused(why);
        }
        let Some(one) = self.interventions.get(&number) else { return refused(JoinRefusal::Over) };
        if !code_fits {
            let tries = one.wrong_joins.saturating_add(1);
            let (account, source) = (facts.account.clone(), facts.source);
            let wrong = Event::JoinMismatched { number, account, source, tries };
            return (vec![wrong], Err(JoinRefusal::WrongCode(WRONG_CODES.saturating_sub(tries))));
        }
        let (permit, ends_with) = match self.permit(rules, number, at, at) {
            Ok(permitted) => permitted,
            Err(denial) => return refused(JoinRefusal::Denied(denial)),
        };
        let event = Event::SessionAdmitted {
            session,
            number,
            account: facts.account.clone(),
            target: permit.target().clone(),
            login: permit.account().clone(),
            rights: permit.rights().clone(),
            until: permit.until(),
            approved_by: one.approved_by(),
            recipients: readers.first,
            second_recipients: readers.second,
            config: self.config.clone(),
            joined_from: Some(facts.source),
        };
        (vec![event.clone()], Ok(Admission { permit, ends_with, event }))
    }
}
