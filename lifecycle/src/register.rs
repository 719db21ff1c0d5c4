//! The fold of all events: who exists, what was asked, what is open, what is over.
//!
//! [`Register::apply`] is the only way it changes, on the normal path and at recovery alike.

use crate::account::{Account, AccountState, Invitation};
use crate::alert::Alerts;
use crate::break_glass::{self, BreakGlass};
use crate::change::{self, WaitingChange};
use crate::decide;
use crate::event::{EndCause, Event, SessionEnd};
use crate::ids::{AccountId, HoldId, InterventionNumber, SessionId, TokenId};
use crate::intervention::{Intervention, InterventionState, Plan, Requested};
use crate::leak::Traces;
use crate::record::{Readers, SessionRecord};
use crate::retention::{Hold, Retention, apply_holds};
use crate::rollback::Rollbacks;
use crate::staff::{self, Role, Staff};
use crate::token::{self, Token};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use policy::{GroupId, PolicySet, StaffLogin, TargetAccount, TargetId, TechnicianLogin, VendorId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// The state of everything, at the last event.
#[derive(Debug, Clone, Default)]
pub struct Register {
    /// Technicians' accounts.
    pub accounts: BTreeMap<AccountId, Account>,
    /// Staff.
    pub staff: BTreeMap<StaffLogin, Staff>,
    /// Interventions by number.
    pub interventions: BTreeMap<InterventionNumber, Intervention>,
    /// Sessions, ended ones included.
    pub sessions: BTreeMap<SessionId, SessionRecord>,
    /// Credentials by target and login on it: their place in the vault, never their secret.
    pub credentials: BTreeMap<(TargetId, TargetAccount), Credential>,
    /// Tokens that read an export, those that are over included.
    pub tokens: BTreeMap<TokenId, Token>,
    /// Vendors whose access was taken away for now, and why.
    pub frozen_vendors: BTreeMap<VendorId, String>,
    /// Why all access is cut, while it is.
    pub lockdown: Option<String>,
    /// Groups whose equipment is open again while it is.
    pub reopened: BTreeSet<GroupId>,
    /// Alerts, those that somebody took included.
    pub alerts: Alerts,
    /// The codes on paper, if any were printed.
    pub break_glass: Option<BreakGlass>,
    /// Keys that were struck when their vendor's credentials had to be made anew: good for nobody.
    pub struck_keys: BTreeSet<String>,
    /// Holds, those that are over included.
    pub holds: BTreeMap<HoldId, Hold>,
    /// Terms, and the last run.
    pub retention: Retention,
    /// Who opens what is recorded now, as the journal knows it; `None` before its first word on that.
    pub readers: Option<Readers>,
    /// Whether entries are gone that somebody remembers.
    pub rollbacks: Rollbacks,
    /// When each way of anchoring was last journalled, and over how many entries.
    pub anchored: BTreeMap<String, (Timestamp, u64)>,
    /// When a backup was last made.
    pub backed_up: Option<Timestamp>,
    /// The digest of the configuration in force.
    pub config: String,
    /// The files that wait for a second person.
    pub waiting_change: Option<WaitingChange>,
    /// Whether a change that weakens it waits for a second person (T8).
    pub four_eyes: bool,
    /// Since when it does; `None` where it does not, or where the journal does not know that it ever did not.
    pub four_eyes_since: Option<Timestamp>,
    /// The time of the last event.
    pub last_at: Option<Timestamp>,
    logins: BTreeMap<TechnicianLogin, AccountId>,
    /// Interventions that are not over, so that years of others are never walked through for them.
    open: BTreeSet<InterventionNumber>,
    /// Sessions that are not over.
    running: BTreeSet<SessionId>,
    /// Tries that may belong together.
    pub(crate) traces: Traces,
}

/// Where a target's credential stands in the vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The login it is for.
    pub login: TargetAccount,
    /// `key` or `password`.
    pub form: String,
    /// The generation in the vault.
    pub secret: u64,
}

pub(crate) fn utc_day(at: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(at).date()
}

impl Register {
    /// Takes one event in.
    pub fn apply(&mut self, at: Timestamp, event: &Event) {
        self.last_at = Some(at);
        staff::apply(&mut self.staff, at, event);
        token::apply(&mut self.tokens, at, event);
        apply_holds(&mut self.holds, at, event);
        self.retention.apply(at, event);
        self.apply_to_people(at, event);
        self.apply_to_traces(at, event);
        self.apply_to_interventions(at, event);
        self.apply_to_sessions(at, event);
        self.keep_what_goes_on(event);
        self.rollbacks.apply(event);
        self.alerts.apply(at, event);
        break_glass::apply(&mut self.break_glass, at, event);
        match event {
            Event::Anchored { anchor, size } => drop(self.anchored.insert(anchor.clone(), (at, *size))),
            Event::BackupMade { .. } => self.backed_up = Some(at),
            _ => {}
        }
        if let Event::ConfigLoaded { digest, four_eyes, .. } | Event::Started { config: digest, four_eyes, .. } = event
        {
            self.four_eyes_since = match (*four_eyes, self.four_eyes) {
                (false, _) => None,
                (true, true) => self.four_eyes_since,
                // Without any configuration before, entries may be gone: nobody was there already.
                (true, false) => Some(at).filter(|_| !self.config.is_empty()),
            };
            self.config.clone_from(digest);
            self.four_eyes = *four_eyes;
        }
        change::apply(&mut self.waiting_change, event);
        if let Event::RecipientsChanged { recipients, second_recipients, .. } = event {
            self.readers = Some(Readers { first: recipients.clone(), second: second_recipients.clone() });
        }
    }

    fn keep_what_goes_on(&mut self, event: &Event) {
        if let Some(number) = event.intervention() {
            match self.interventions.get(&number) {
                Some(one) if !one.state.is_final() => self.open.insert(number),
                _ => self.open.remove(&number),
            };
        }
        if let Some(id) = event.session() {
            match self.sessions.get(id) {
                Some(record) if record.end.is_none() => self.running.insert(id.clone()),
                _ => self.running.remove(id),
            };
        }
    }

    fn apply_to_people(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::TechnicianAdded { account, technician, vendor, identity, proofing, keys, secret, by } => {
                let added = Account {
                    id: account.clone(),
                    login: technician.clone(),
                    vendor: vendor.clone(),
                    identity: identity.clone(),
                    proofing: proofing.clone(),
                    state: AccountState::Active,
                    keys: keys.clone(),
                    secret: *secret,
                    invitation: None,
                    wrong_words: 0,
                    was_reset: false,
                    factors_since: at,
                    set_up_by: by.staff().cloned().into_iter().collect(),
                    guard: Default::default(),
                };
                self.logins.insert(technician.clone(), account.clone());
                self.accounts.insert(account.clone(), added);
            }
            Event::TechnicianInvited {
                account,
                technician,
                vendor,
                identity,
                proofing,
                keys,
                invitation,
                until,
                by,
            } => {
                let invited = Account {
                    id: account.clone(),
                    login: technician.clone(),
                    vendor: vendor.clone(),
                    identity: identity.clone(),
                    proofing: proofing.clone(),
                    state: AccountState::Invited,
                    keys: keys.clone(),
                    secret: 0,
                    invitation: Some(Invitation { secret: *invitation, until: *until }),
                    wrong_words: 0,
                    was_reset: false,
                    factors_since: at,
                    set_up_by: by.staff().cloned().into_iter().collect(),
                    guard: Default::default(),
                };
                self.logins.insert(technician.clone(), account.clone());
                self.accounts.insert(account.clone(), invited);
            }
            Event::TechnicianReset { account, invitation, until, by, .. } => self.with_account(account, |account| {
                account.set_up_by.extend(by.staff().cloned());
                account.state = AccountState::Invited;
                account.invitation = Some(Invitation { secret: *invitation, until: *until });
                account.wrong_words = 0;
                account.was_reset = true;
                account.guard.unlock();
            }),
            Event::TechnicianEnrolled { account, secret, .. } => self.with_account(account, |account| {
                account.state = AccountState::Enrolled;
                account.invitation = None;
                account.secret = *secret;
                account.factors_since = at;
                account.wrong_words = 0;
                // The steps of the secret that is gone say nothing of the new one.
                account.guard = Default::default();
            }),
            Event::WordMismatched { account, tries, .. } => {
                self.with_account(account, |account| account.wrong_words = *tries);
            }
            Event::TechnicianActivated { account, .. } => {
                self.with_account(account, |account| account.state = AccountState::Active);
            }
            Event::TechnicianKeyAdded { account, key, by, .. } => self.with_account(account, |account| {
                account.set_up_by.extend(by.staff().cloned());
                account.keys.push(key.clone());
                account.was_reset = true;
                account.factors_since = at;
            }),
            Event::TechnicianKeyRemoved { account, key, .. } => {
                self.with_account(account, |account| account.keys.retain(|held| held != key));
            }
            Event::VendorFrozen { vendor, reason, .. } => {
                self.frozen_vendors.insert(vendor.clone(), reason.clone());
            }
            Event::VendorThawed { vendor, .. } => {
                self.frozen_vendors.remove(vendor);
            }
            Event::LockdownBegan { reason, .. } => {
                self.lockdown = Some(reason.clone());
                self.reopened.clear();
            }
            Event::LockdownReopened { reopened, reason, .. } => {
                // Retention may have taken the entry with which it began.
                self.lockdown.get_or_insert_with(|| reason.clone());
                self.reopened.clone_from(reopened);
            }
            Event::LockdownEnded { .. } => {
                self.lockdown = None;
                self.reopened.clear();
            }
            Event::VendorRotated { keys, .. } => self.struck_keys.extend(keys.iter().cloned()),
            Event::TechnicianDisabled { account, .. } => self.with_account(account, |account| {
                account.state = AccountState::Disabled;
                account.invitation = None;
            }),
            Event::TechnicianUnlocked { account, .. } => self.with_account(account, |account| account.guard.unlock()),
            Event::TechnicianLocked { account, lock, .. } => {
                self.with_account(account, |account| account.guard.lock(*lock, utc_day(at)));
            }
            Event::FactorsAccepted { account, step, .. } => self.with_account(account, |account| {
                account.guard.use_step(*step);
                account.guard.succeed();
            }),
            Event::FactorsRefused { account, step, counts, source, .. } => self.with_account(account, |account| {
                step.iter().for_each(|step| account.guard.use_step(*step));
                if *counts {
                    account.guard.fail(Some(source.ip()));
                }
            }),
            Event::CredentialSet { target, login, form, secret, .. } => {
                let credential = Credential { login: login.clone(), form: form.clone(), secret: *secret };
                self.credentials.insert((target.clone(), login.clone()), credential);
            }
            _ => {}
        }
    }

    fn apply_to_interventions(&mut self, at: Timestamp, event: &Event) {
        if let Event::InterventionRequested {
            number,
            account,
            technician,
            name,
            vendor,
            target,
            login,
            rights,
            source,
            reason,
            ticket,
            quorum,
            per,
            supervision,
            call_back,
            ..
        } = event
        {
            let asked = Requested {
                account: account.clone(),
                technician: technician.clone(),
                name: name.clone(),
                vendor: vendor.clone(),
                target: target.clone(),
                login: login.clone(),
                rights: rights.clone(),
                source: Some(*source),
                reason: reason.clone(),
                ticket: ticket.clone(),
                quorum: *quorum,
                per: *per,
                supervision: *supervision,
                call_back: *call_back,
            };
            self.interventions
                .insert(*number, Intervention::begun(*number, asked, InterventionState::Prepared, None, at));
            return;
        }
        if let Event::InterventionPlanned {
            number,
            account,
            technician,
            name,
            vendor,
            target,
            login,
            rights,
            reason,
            ticket,
            from,
            until,
            emergency,
            quorum,
            per,
            supervision,
            call_back,
            ..
        } = event
        {
            let asked = Requested {
                account: account.clone(),
                technician: technician.clone(),
                name: name.clone(),
                vendor: vendor.clone(),
                target: target.clone(),
                login: login.clone(),
                rights: rights.clone(),
                source: None,
                reason: reason.clone(),
                ticket: ticket.clone(),
                quorum: *quorum,
                per: *per,
                supervision: *supervision,
                call_back: *call_back,
            };
            let plan = Plan {
                from: *from,
                until: *until,
                emergency: *emergency,
                secret: None,
                wrong_codes: 0,
                reviewed: None,
            };
            self.interventions
                .insert(*number, Intervention::begun(*number, asked, InterventionState::Planned, Some(plan), at));
            return;
        }
        let Some(intervention) = event.intervention().and_then(|number| self.interventions.get_mut(&number)) else {
            return;
        };
        match event {
            Event::InterventionSubmitted { .. } => {
                intervention.state = InterventionState::Requested;
                intervention.submitted = Some(at);
            }
            Event::CodeMismatched { tries, .. } => intervention.wrong_codes = *tries,
            Event::JoinMismatched { tries, .. } => intervention.wrong_joins = *tries,
            Event::InterventionApproved { approval, missing, .. } => {
                intervention.approvals.push(approval.clone());
                // A planned one goes on waiting for its technician.
                if *missing == 0 && intervention.plan.is_none() {
                    intervention.state = InterventionState::Approved;
                    intervention.approved = Some(at);
                }
            }
            Event::InterventionArmed { secret, .. } => {
                intervention.plan.iter_mut().for_each(|plan| plan.secret = Some(*secret));
            }
            Event::PlannedCodeMismatched { tries, .. } => {
                intervention.plan.iter_mut().for_each(|plan| plan.wrong_codes = *tries);
            }
            Event::InterventionArrived { source, .. } => {
                intervention.asked.source = Some(*source);
                intervention.state = InterventionState::Approved;
                intervention.submitted = Some(at);
                intervention.approved = Some(at);
            }
            Event::InterventionExtended { approval, missing, .. } => {
                intervention.extending = intervention.extending_at(at).cloned().collect();
                intervention.extending.push(approval.clone());
                if *missing == 0 {
                    let fresh = std::mem::take(&mut intervention.extending);
                    let replaced = std::mem::replace(&mut intervention.approvals, fresh);
                    intervention.former.extend(replaced);
                    intervention.extended = Some(at);
                }
            }
            Event::InterventionReviewed { by, text, .. } => {
                intervention.plan.iter_mut().for_each(|plan| plan.reviewed = Some((by.clone(), text.clone())));
            }
            Event::InterventionRefused { by, reason, .. } => {
                intervention.state = InterventionState::Refused;
                intervention.refused = Some((by.clone(), reason.clone()));
                intervention.ended = Some(at);
            }
            Event::InterventionWithdrawn { cause, .. } => {
                intervention.state = InterventionState::Withdrawn(*cause);
                intervention.ended = Some(at);
            }
            Event::InterventionExpired { .. } => {
                intervention.state = InterventionState::Expired;
                intervention.ended = Some(at);
            }
            Event::SessionAdmitted { session, .. } => {
                intervention.state = InterventionState::Open;
                intervention.sessions.push(session.clone());
            }
            Event::InterventionEnded { cause, .. } => {
                intervention.state = InterventionState::Ended(cause.clone());
                intervention.ended = Some(at);
            }
            _ => {}
        }
    }

    fn apply_to_sessions(&mut self, at: Timestamp, event: &Event) {
        if let Event::InterventionExtended { number, missing: 0, until, .. } = event {
            let extended = self.sessions.values_mut().filter(|record| record.number == *number && record.end.is_none());
            extended.for_each(|record| record.until = *until);
            return;
        }
        if let Event::RetentionRun { recordings, files, .. } = event {
            for id in recordings {
                self.sessions.get_mut(id).into_iter().for_each(|record| record.shredded = Some(at));
            }
            for id in files {
                self.sessions.get_mut(id).into_iter().for_each(|record| record.files_shredded = Some(at));
            }
            return;
        }
        if let Event::SessionAdmitted { session, number, until, recipients, second_recipients, joined_from, .. } = event
        {
            // A run was broken off between the two: what is left of a session goes with the next.
            if !self.interventions.contains_key(number) {
                return;
            }
            let readers = Readers { first: recipients.clone(), second: second_recipients.clone() };
            let record = SessionRecord::admitted(session.clone(), *number, *until, *joined_from, readers, at);
            self.sessions.insert(session.clone(), record);
            return;
        }
        if let Event::RecordingsSearched { staff, expression, purpose, sessions, .. } = event {
            for id in sessions {
                if let Some(record) = self.sessions.get_mut(id) {
                    record.searched(at, staff, expression, purpose);
                }
            }
            return;
        }
        if let Some(record) = event.session().and_then(|id| self.sessions.get_mut(id)) {
            record.apply(at, event);
        }
    }

    fn with_account(&mut self, id: &AccountId, change: impl FnOnce(&mut Account)) {
        if let Some(account) = self.accounts.get_mut(id) {
            change(account);
        }
    }

    /// Forgets which account was behind a login.
    pub(crate) fn forget_login(&mut self, login: &TechnicianLogin, id: &AccountId) {
        if self.logins.get(login) == Some(id) {
            self.logins.remove(login);
        }
    }

    /// The account behind a login. A login is never given out twice.
    pub fn account(&self, login: &TechnicianLogin) -> Option<&Account> {
        self.logins.get(login).and_then(|id| self.accounts.get(id))
    }

    /// The account, if it may be used at all: active, and of a vendor that is not frozen.
    pub fn usable(&self, id: &AccountId) -> Option<&Account> {
        let account = self.accounts.get(id)?;
        let usable = account.state == AccountState::Active && !self.frozen_vendors.contains_key(&account.vendor);
        usable.then_some(account)
    }

    /// Whether this member of staff, or the same human under another login, set the account up (APR-02).
    pub fn has_set_up(&self, staff: &StaffLogin, account: &AccountId) -> bool {
        let person = |login: &StaffLogin| self.staff.get(login).map(|one| one.identity.person());
        let asked = person(staff);
        let same = |maker: &StaffLogin| {
            maker == staff || person(maker).zip(asked.as_ref()).is_some_and(|(maker, asked)| maker.is(asked))
        };
        self.accounts.get(account).is_some_and(|account| account.set_up_by.iter().any(same))
    }

    /// Whether somebody may come in under a planned or emergency intervention now (D15).
    pub fn is_armed(&self, at: Timestamp) -> bool {
        self.current().any(|one| one.arms_at(at) && self.usable(&one.asked.account).is_some())
    }

    /// Whether somebody has an invitation to use: the port is open for them too (D8, D15).
    pub fn is_enrolling(&self, at: Timestamp) -> bool {
        let invited = self.accounts.values().filter(|one| !self.frozen_vendors.contains_key(&one.vendor));
        invited.filter_map(|one| one.invitation.as_ref()).any(|invitation| at < invitation.until)
    }

    /// The next instant at which [`Self::is_armed`] or [`Self::is_enrolling`] may change by time alone.
    pub fn arming_changes_after(&self, at: Timestamp) -> Option<Timestamp> {
        let plans = self.current().filter_map(|one| one.plan.as_ref()).flat_map(|plan| [plan.from, plan.until]);
        let invitations = self.accounts.values().filter_map(|one| one.invitation.as_ref()).map(|one| one.until);
        plans.chain(invitations).filter(|instant| *instant > at).min()
    }

    /// The number that the next intervention gets.
    pub fn next_number(&self) -> InterventionNumber {
        let newest = self.interventions.keys().next_back().copied();
        InterventionNumber(newest.max(self.retention.passed).map_or(1, |last| last.0 + 1))
    }

    /// Interventions that are not over.
    pub fn current(&self) -> impl Iterator<Item = &Intervention> {
        self.open.iter().filter_map(|number| self.interventions.get(number))
    }

    /// Sessions that are not over.
    pub fn live(&self) -> impl Iterator<Item = &SessionRecord> {
        self.running.iter().filter_map(|id| self.sessions.get(id))
    }

    /// Sessions of this intervention that are not over.
    pub fn live_of(&self, number: InterventionNumber) -> impl Iterator<Item = &SessionRecord> {
        self.live().filter(move |record| record.number == number)
    }

    /// The first session of an intervention, with which all of it ends.
    pub fn first_of(&self, number: InterventionNumber) -> Option<&SessionRecord> {
        self.sessions.get(self.interventions.get(&number)?.sessions.first()?)
    }

    /// Whether this account reached this target from this address before (D6).
    pub fn is_familiar(&self, account: &AccountId, target: &TargetId, source: IpAddr) -> bool {
        let mut admitted =
            self.interventions.values().filter(|one| one.asked.account == *account && !one.sessions.is_empty());
        let visits: Vec<_> = admitted.by_ref().collect();
        visits.iter().any(|one| one.asked.target == *target)
            && visits.iter().any(|one| one.asked.source.is_some_and(|from| from.ip() == source))
    }

    /// Whether this account was ever admitted to this target.
    pub fn has_visited(&self, account: &AccountId, target: &TargetId) -> bool {
        let of = |one: &&Intervention| one.asked.account == *account && one.asked.target == *target;
        self.interventions.values().filter(of).any(|one| !one.sessions.is_empty())
    }

    /// Targets whose quorum cannot be met by the approvers there are (D13). They are refused; the
    /// rest goes on.
    pub fn unattended(&self, rules: &PolicySet) -> BTreeSet<TargetId> {
        let approvers = |target: &policy::Target| {
            self.staff
                .values()
                .filter(|staff| staff.is(Role::Approver))
                .filter(|staff| !staff.groups.is_disjoint(&target.approvers))
                .count()
        };
        let quorum = |target: &policy::Target| {
            let rules = rules.vendors.values().flat_map(|vendor| &vendor.allow);
            rules
                .filter(|rule| rule.targets.contains(&target.id))
                .map(|rule| usize::from(rule.quorum))
                .max()
                .unwrap_or(1)
        };
        rules
            .targets
            .values()
            .filter(|target| approvers(target) < quorum(target))
            .map(|target| target.id.clone())
            .collect()
    }

    /// The entries that close a session: its own, and its intervention's where no other session of it
    /// goes on, so that nothing runs under one that is over (promise 6). The intervention ends for the
    /// reason for which its first session did.
    pub fn close(&self, end: SessionEnd, at: Timestamp) -> Vec<Event> {
        let number = end.number;
        let (others, first) = (self.live_of(number).any(|other| other.id != end.session), self.first_of(number));
        let cause = first.and_then(|first| first.end.as_ref()).map_or(&end.cause, |end| &end.cause).clone();
        let mut events = vec![Event::SessionEnded(end)];
        if let Some(intervention) = self.interventions.get(&number)
            && intervention.state == InterventionState::Open
            && !others
        {
            events.push(decide::ended(self, intervention, cause, at));
        }
        events
    }

    /// The closing entry of a session, from what the fold knows and what the driver counted.
    pub fn closing_entry(&self, id: &SessionId, ended: Timestamp, cause: EndCause) -> Option<SessionEnd> {
        let record = self.sessions.get(id)?;
        let intervention = self.interventions.get(&record.number)?;
        let asked = &intervention.asked;
        let (head, length) = record.committed.clone().unwrap_or_default();
        Some(SessionEnd {
            session: id.clone(),
            number: record.number,
            account: asked.account.clone(),
            technician: asked.technician.clone(),
            name: asked.name.clone(),
            vendor: asked.vendor.clone(),
            source: record.joined_from.or(asked.source)?,
            target: asked.target.clone(),
            login: asked.login.clone(),
            started: record.started,
            ended,
            seconds: u64::try_from(ended.duration_since(record.started).as_secs()).unwrap_or(0),
            at_least: false,
            cause,
            approved_by: intervention.approved_by(),
            watched_by: record.watched_by.iter().cloned().collect(),
            bytes_in: 0,
            bytes_out: 0,
            refused: BTreeMap::new(),
            head,
            length,
        })
    }
}
