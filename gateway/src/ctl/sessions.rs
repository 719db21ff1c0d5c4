//! Sessions and their recordings; the brakes.

use super::desk::{Answer, Desk, data, gone, reasoned, refused, software};
use super::view;
use crate::limits::Limit;
use crate::lockdown;
use crate::registrar::Core;
use crate::watch::attend::Ticket;
use lifecycle::order::{Failure, Proof, SearchScope, exit};
use lifecycle::{
    ACCEPTANCES, Actor, Command, EndCause, Event, FreezeCause, Refusal, Register, Role, SessionId, SessionRecord,
};
use policy::{GroupId, StaffLogin, VendorId};
use serde_json::{Value, json};

/// Longest purpose of a reading.
const PURPOSE: usize = 200;
/// Recordings of one search: as many ids as an entry of the journal holds.
const SEARCHED: usize = 40_000;

fn no_session(id: &SessionId) -> Failure {
    refused(Refusal::NotLive(id.clone()))
}

impl Desk {
    pub(super) async fn session_list(&self, all: bool) -> Answer {
        let live = &self.site.live;
        let frozen: Vec<(SessionId, Vec<StaffLogin>)> =
            live.matching(|_| true).iter().map(|one| (one.id.clone(), one.presence.names())).collect();
        let list = move |core: &Core, _| {
            let wanted = core.register.sessions.values().filter(|record| all || record.end.is_none());
            let mut sorted: Vec<_> = wanted.collect();
            sorted.sort_by_key(|record| (record.started, record.number));
            let row = |record| {
                let record: &lifecycle::SessionRecord = record;
                let names = frozen.iter().find(|(id, _)| *id == record.id).map(|(_, names)| names.clone());
                view::session(record, &core.register, &names.unwrap_or_default())
            };
            sorted.into_iter().map(row).collect::<Value>()
        };
        self.site.registrar.view(list).await.map_err(gone)
    }

    pub(super) async fn session_show(&self, id: &str) -> Answer {
        let id: SessionId = id.parse().map_err(data)?;
        let wanted = id.clone();
        let show = move |core: &Core, _| {
            core.register.sessions.get(&wanted).map(|record| view::session_in_full(record, &core.register))
        };
        self.site.registrar.view(show).await.map_err(gone)?.ok_or_else(|| {
            Failure::new(exit::NO_INPUT, format!("there is no session {id}: see `poterne session list --all`"))
        })
    }

    /// The receipt over a session's closing entry (T2).
    pub(super) async fn session_receipt(&self, id: &str) -> Answer {
        let id: SessionId = id.parse().map_err(data)?;
        let wanted = id.clone();
        let look =
            move |core: &Core, _| core.register.sessions.get(&wanted).map(|one| (one.started, one.end.is_some()));
        let receipt = match self.site.registrar.view(look).await.map_err(gone)? {
            Some((started, true)) => self.site.receipts().of_end(&id, started).await,
            Some(_) => return Err(Failure::new(exit::TEMPORARY, format!("session {id} is not over yet"))),
            None => None,
        };
        let receipt = receipt.ok_or_else(|| {
            Failure::new(
                exit::NO_INPUT,
                format!("there is no receipt of session {id}: see `poterne session list --all`"),
            )
        })?;
        Ok(json!({ "id": id, "receipt": receipt }))
    }

    /// Whether this member of staff approves for the target of a session: only they watch and
    /// count, freeze and resume (D11).
    pub(super) async fn approves_for(&self, staff: &StaffLogin, id: &SessionId) -> Result<bool, Failure> {
        let (staff, id) = (staff.clone(), id.clone());
        let judged = self.site.registrar.view(move |core, _| {
            let target = core.register.sessions.get(&id).and_then(|record| {
                let asked = &core.register.interventions.get(&record.number)?.asked;
                core.rules.targets.get(&asked.target)
            });
            let staff = core.register.staff.get(&staff).filter(|staff| staff.is_active());
            matches!((target, staff), (Some(target), Some(staff))
                if staff.roles.contains(&Role::Approver) && !staff.groups.is_disjoint(&target.approvers))
        });
        judged.await.map_err(gone)
    }

    /// Lets somebody of the staff watch, whose name is proven: an approver of the target, who counts, or
    /// security, who does not (D11).
    ///
    /// Fails where they are neither, where no such session is live, and without a journal.
    pub(crate) async fn ticket(&self, staff: &StaffLogin, id: &SessionId) -> Result<Ticket, Failure> {
        let counts = self.approves_for(staff, id).await?;
        let wanted = staff.clone();
        let security = self.site.registrar.view(move |core, _| {
            let staff = core.register.staff.get(&wanted).filter(|one| one.is_active());
            staff.is_some_and(|one| one.roles.contains(&Role::Security))
        });
        if !counts && !security.await.map_err(gone)? {
            return Err(refused(Refusal::Denied(policy::Denial::ApproverNotOfTarget)));
        }
        let sessions = self.site.live.matching(|session| session.id == *id);
        let session = sessions.into_iter().next().ok_or_else(|| no_session(id))?;
        // Whoever would be the only one that counts always has a seat: others cannot keep a session frozen.
        let alone = counts && session.presence.names().is_empty();
        let most = usize::try_from(self.site.config().limits.watchers).unwrap_or(usize::MAX);
        if !alone && session.stage.watchers() >= most {
            self.site.limits.reached(Limit::Watchers, None, self.site.clock.now());
            return Err(refused(Refusal::WatchersFull));
        }
        Ok(Ticket { site: self.site.clone(), session, staff: staff.clone(), counts })
    }

    /// A brake: it acts on the session before anything is journalled (D18).
    pub(super) async fn session_freeze(&self, id: &str, reason: Option<String>, staff: &StaffLogin) -> Answer {
        let id: SessionId = id.parse().map_err(data)?;
        if let Some(reason) = &reason {
            reasoned(reason)?;
        }
        let sessions = self.site.live.matching(|session| session.id == id);
        let session = sessions.first().ok_or_else(|| no_session(&id))?;
        // Whoever could approve when it began may brake without the journal being asked.
        if !session.approvers.contains(staff) && !self.approves_for(staff, &id).await? {
            return Err(refused(Refusal::Denied(policy::Denial::ApproverNotOfTarget)));
        }
        let cause = FreezeCause::Staff(staff.clone());
        self.site.live.freeze_together(session.number, &cause, reason).await;
        Ok(json!({ "id": id, "state": "frozen" }))
    }

    /// Whoever froze it may let it go on; another one, or after a quota, with their own fresh code
    /// (D12).
    pub(super) async fn session_resume(&self, id: &str, by: Option<StaffLogin>, proof: Option<Proof>) -> Answer {
        let id: SessionId = id.parse().map_err(data)?;
        let sessions = self.site.live.matching(|session| session.id == id);
        let session = sessions.first().ok_or_else(|| no_session(&id))?;
        let cause = session.frozen_for().ok_or_else(|| refused(Refusal::NotFrozen(id.clone())))?;
        if cause == FreezeCause::Unwatched {
            return Err(refused(Refusal::WaitsForWatcher(id)));
        }
        let staff = match (proof, by) {
            (Some(proof), _) => {
                let attempt = self.prove(&proof).await?;
                self.command(Command::Prove { attempt, purpose: format!("resume {id}") }).await?;
                proof.staff
            }
            (None, Some(staff)) if cause == FreezeCause::Staff(staff.clone()) => staff,
            (None, _) if cause == FreezeCause::Quota => return Err(refused(Refusal::FrozenByQuota)),
            (None, _) => return Err(refused(Refusal::FrozenByAnother)),
        };
        if !self.approves_for(&staff, &id).await? {
            return Err(refused(Refusal::Denied(policy::Denial::ApproverNotOfTarget)));
        }
        self.site.live.resume_together(session, &Actor::Staff(staff)).await;
        Ok(json!({ "id": id }))
    }

    pub(super) async fn session_cut(&self, id: &str, reason: &str, by: Actor) -> Answer {
        let id: SessionId = id.parse().map_err(data)?;
        reasoned(reason)?;
        let cause = EndCause::Cut { by, reason: crate::cli::visible(reason.trim()) };
        match self.site.live.cut_together(&id, &cause) {
            0 => Err(no_session(&id)),
            _ => Ok(json!({})),
        }
    }

    /// Cuts all access, before the journal is asked, and also when it does not answer (D18, EMG-04).
    pub(super) async fn lockdown_begin(&self, reason: String, by: Actor) -> Answer {
        reasoned(&reason)?;
        self.site.lockdown.press();
        let ended = self.site.live.brake(&EndCause::Lockdown, |_| true);
        let (site, text, at) = (self.site.clone(), reason.trim().to_owned(), self.site.clock.now());
        let kept = tokio::task::spawn_blocking(move || site.lockdown.begin(&text, at)).await;
        let journalled = self.site.registrar.act(move |core, at| (lockdown::began(core, reason, &by, at), ())).await;
        Ok(json!({
            "lockdown": true,
            "sessions_ended": ended,
            "journalled": journalled.is_ok(),
            "survives_a_restart": matches!(kept, Ok(Ok(()))),
        }))
    }

    /// Gives access back: journalled first (promise 4).
    pub(super) async fn lockdown_end(&self, reason: String, by: Actor) -> Answer {
        reasoned(&reason)?;
        let pressed = self.site.lockdown.pressed();
        if !self.site.lockdown.is_on() {
            return Err(refused(Refusal::NoLockdown));
        }
        let end = move |core: &mut Core, _| match &core.register.rollbacks.open {
            // Where entries are gone, two persons come first (D17).
            Some(open) => {
                let missing = ACCEPTANCES.saturating_sub(open.accepted.len());
                (Vec::new(), Err(Refusal::RollbackOpen { missing }))
            }
            None => (vec![Event::LockdownEnded { reason, by }], Ok(())),
        };
        self.site.registrar.act(end).await.map_err(gone)?.map_err(refused)?;
        self.site
            .lockdown
            .end(pressed)
            .map_err(|error| Failure::new(exit::IO, format!("the lockdown goes on: {error}")))?;
        Ok(json!({ "lockdown": false }))
    }

    /// One stage of opening again: equipment of which every group was named by now. Journalled first.
    pub(super) async fn lockdown_reopen(&self, group: GroupId, reason: String, by: Actor) -> Answer {
        reasoned(&reason)?;
        let config = self.site.config();
        if !config.groups.contains_key(&group) {
            return Err(refused(Refusal::NotDeclared { what: "group", name: group.to_string() }));
        }
        let pressed = self.site.lockdown.pressed();
        if !self.site.lockdown.is_on() {
            return Err(refused(Refusal::NoLockdown));
        }
        self.command(Command::ReopenGroup { group: group.clone(), reason, by }).await?;
        let (site, named) = (self.site.clone(), group.clone());
        let kept = tokio::task::spawn_blocking(move || site.lockdown.reopen(named, pressed)).await;
        kept.map_err(software)?
            .map_err(|error| Failure::new(exit::IO, format!("the lockdown goes on as it was: {error}")))?;
        let reopened = self.site.lockdown.reopened();
        let of_group = config.targets.iter().filter(|(_, one)| one.rules.approvers.contains(&group));
        let (shut, open): (Vec<_>, Vec<_>) =
            of_group.partition(|(_, one)| self.site.lockdown.bars(&one.rules.approvers));
        let open: Vec<_> = open.into_iter().map(|(id, _)| id).collect();
        let missing =
            |one: &config::Target| -> Vec<GroupId> { one.rules.approvers.difference(&reopened).cloned().collect() };
        let shut: Vec<_> =
            shut.into_iter().map(|(id, one)| json!({ "target": id, "waits_for": missing(one) })).collect();
        Ok(json!({ "lockdown": true, "reopened": reopened, "open": open, "shut": shut }))
    }

    pub(super) async fn vendor_freeze(&self, vendor: VendorId, reason: String, by: Actor) -> Answer {
        reasoned(&reason)?;
        let brake = || self.site.live.brake(&EndCause::VendorFrozen, |session| session.vendor == vendor);
        let ended = brake();
        self.command(Command::FreezeVendor { vendor: vendor.clone(), reason, by }).await?;
        Ok(json!({ "sessions_ended": ended + brake() }))
    }

    pub(super) async fn vendor_list(&self) -> Answer {
        let list = |core: &Core, _| {
            let row = |(id, vendor): (&VendorId, &config::Vendor)| {
                let frozen = core.register.frozen_vendors.get(id);
                json!({
                    "vendor": id,
                    "name": vendor.rules.name,
                    "state": if frozen.is_some() { "frozen" } else { "active" },
                    "why": frozen,
                    "technicians": core.register.accounts.values().filter(|one| one.vendor == *id).count(),
                    "phone": vendor.contact.phone,
                })
            };
            core.config.vendors.iter().map(row).collect::<Value>()
        };
        self.site.registrar.view(list).await.map_err(gone)
    }

    pub(super) async fn recording_list(&self) -> Answer {
        let list = |core: &Core, _| {
            let mut ended: Vec<_> = core.register.sessions.values().filter(|record| record.end.is_some()).collect();
            ended.sort_by_key(|record| (record.started, record.number));
            ended.into_iter().map(|record| view::recording(record, &core.register)).collect::<Value>()
        };
        self.site.registrar.view(list).await.map_err(gone)
    }

    /// Where a recording lies. The key never comes here: whoever reads opens the files themselves.
    pub(super) async fn recording_show(&self, id: &str) -> Answer {
        let id: SessionId = id.parse().map_err(data)?;
        let wanted = id.clone();
        let show = move |core: &Core, _| {
            core.register.sessions.get(&wanted).map(|record| view::recording(record, &core.register))
        };
        let shown = self.site.registrar.view(show).await.map_err(gone)?;
        let mut shown = shown.ok_or_else(|| {
            Failure::new(exit::NO_INPUT, format!("there is no session {id}: see `poterne recording list`"))
        })?;
        if let Value::Object(fields) = &mut shown {
            fields.insert("folder".into(), json!(self.site.paths.sealed(&id)));
            fields.insert("keyring".into(), json!(self.site.paths.heads(&id)));
        }
        Ok(shown)
    }

    /// Journals one search over many recordings, before any is opened: who, for what, why, and which.
    pub(super) async fn recording_search(
        &self,
        expression: String,
        purpose: String,
        scope: SearchScope,
        keys: Vec<String>,
        staff: StaffLogin,
    ) -> Answer {
        let purpose = stated(&purpose)?;
        // What says that case does not count comes on top.
        if expression.chars().count() > PURPOSE + "(?i)".len() {
            let text = "the expression is longer than 200 characters: write a shorter one";
            return Err(Failure::saying(Refusal::TooLong("expression"), text));
        }
        if let (Some(from), Some(to)) = (scope.from, scope.to)
            && to <= from
        {
            return Err(Failure::new(exit::DATA, "--to is before --from: write the first day, then the last"));
        }
        let said = scope.to_string();
        let config = self.site.config();
        let asked = scope.clone();
        let known = move |core: &Core, _| unknown(&asked, &config, &core.register);
        if let Some(what) = self.site.registrar.view(known).await.map_err(gone)? {
            return Err(Failure::new(exit::NO_INPUT, what));
        }
        let rows = move |core: &Core, _| {
            let there = |record: &SessionRecord| record.sealed.is_some() && record.shredded.is_none();
            let fits = |record: &&SessionRecord| there(record) && in_scope(record, &core.register, &scope);
            let mut all: Vec<&SessionRecord> = core.register.sessions.values().filter(fits).collect();
            all.sort_by_key(|record| (record.started, record.number));
            all.into_iter()
                .map(|record| {
                    let opens = |list: &[String]| list.iter().any(|one| keys.contains(one));
                    let readers = &record.recipients;
                    let open = opens(&readers.first) && (readers.second.is_empty() || opens(&readers.second));
                    (record.id.clone(), open, view::recording(record, &core.register))
                })
                .collect::<Vec<_>>()
        };
        let mut rows = self.site.registrar.view(rows).await.map_err(gone)?;
        let sessions: Vec<SessionId> = rows.iter().filter(|(_, open, _)| *open).map(|(id, ..)| id.clone()).collect();
        if sessions.len() > SEARCHED {
            let text =
                format!("{} recordings are in this scope, and one search takes {SEARCHED}: narrow it", sessions.len());
            return Err(Failure::new(exit::USAGE, text));
        }
        let closed = (rows.len() - sessions.len()) as u64;
        let searched = Event::RecordingsSearched { staff, expression, purpose, scope: said, sessions, closed };
        // INVARIANT: nothing is opened before this is durable.
        self.site.registrar.act(move |_, _| (vec![searched], ())).await.map_err(gone)?;
        for (id, open, row) in &mut rows {
            if let Value::Object(fields) = row {
                fields.insert("opens".into(), json!(open));
                fields.insert("folder".into(), json!(self.site.paths.sealed(id)));
                fields.insert("keyring".into(), json!(self.site.paths.heads(id)));
            }
        }
        Ok(rows.into_iter().map(|(.., row)| row).collect())
    }

    /// Journals who reads what and why, before anything is shown.
    pub(super) async fn recording_read(&self, id: &str, how: String, purpose: String, staff: StaffLogin) -> Answer {
        let purpose = stated(&purpose)?;
        let session: SessionId = id.parse().map_err(data)?;
        let shown = self.recording_show(id).await?;
        if shown.get("state").and_then(Value::as_str).is_none_or(|state| state == "open") {
            return Err(refused(Refusal::NotSealed(session)));
        }
        let how = how.chars().take(PURPOSE).collect();
        self.site
            .registrar
            .act(move |_, _| (vec![Event::RecordingRead { session, staff, how, purpose }], ()))
            .await
            .map_err(gone)?;
        Ok(shown)
    }
}

/// The purpose of a reading, if one is given.
fn stated(purpose: &str) -> Result<String, Failure> {
    let purpose = purpose.trim();
    let wrong = match purpose.chars().count() {
        0 => Refusal::Empty("purpose"),
        1..=PURPOSE => return Ok(purpose.to_owned()),
        _ => Refusal::TooLong("purpose"),
    };
    Err(Failure::saying(wrong, "the purpose is empty or longer than 200 characters: write why with --purpose"))
}

/// What of a scope nobody here is or was called: nothing would be found, and nothing would be said of it.
fn unknown(scope: &SearchScope, config: &config::Config, register: &Register) -> Option<String> {
    let was = |is: &dyn Fn(&lifecycle::Requested) -> bool| register.interventions.values().any(|one| is(&one.asked));
    if let Some(vendor) = &scope.vendor
        && !config.vendors.contains_key(vendor)
        && !was(&|asked| asked.vendor == *vendor)
    {
        return Some(format!("there is no vendor `{vendor}`, and there was none: see `poterne vendor list`"));
    }
    if let Some(target) = &scope.target
        && !config.targets.contains_key(target)
        && !was(&|asked| asked.target == *target)
    {
        return Some(format!("there is no target `{target}`, and there was none: see the files in targets.d"));
    }
    if let Some(login) = &scope.technician
        && !register.accounts.values().any(|account| account.login == *login)
        && !was(&|asked| asked.technician == *login)
    {
        return Some(format!("there is no technician `{login}`, and there was none: see `poterne technician list`"));
    }
    None
}

fn in_scope(record: &SessionRecord, register: &Register, scope: &SearchScope) -> bool {
    let Some(asked) = register.interventions.get(&record.number).map(|one| &one.asked) else { return false };
    scope.vendor.as_ref().is_none_or(|one| *one == asked.vendor)
        && scope.target.as_ref().is_none_or(|one| *one == asked.target)
        && scope.technician.as_ref().is_none_or(|one| *one == asked.technician)
        && scope.from.is_none_or(|from| record.started >= from)
        && scope.to.is_none_or(|to| record.started < to)
}
