//! Interventions: approved, refused, planned, extended, looked back at.

use super::desk::{Answer, Desk, data, gone, refused, software};
use super::view;
use crate::entropy;
use crate::invitation::PlannedCode;
use crate::limits::Caller;
use crate::registrar::Core;
use crate::site::{planned_document, staff_document};
use crate::vault::PersonSecrets;
use jiff::{SignedDuration, Timestamp};
use lifecycle::order::{Failure, Planned, Proof};
use lifecycle::{Command, EndCause, Event, InterventionNumber, InterventionState, PlanFacts, Refusal, StaffAttempt};
use policy::{Decision, StaffLogin, TargetId, Verified};
use serde_json::{Value, json};

pub(super) fn missing_of(events: &[Event]) -> Option<u8> {
    events.iter().find_map(|event| match event {
        Event::InterventionApproved { missing, .. } | Event::InterventionExtended { missing, .. } => Some(*missing),
        _ => None,
    })
}

impl Desk {
    pub(super) async fn intervention_list(&self, all: bool) -> Answer {
        let list = move |core: &Core, _| {
            let wanted = core.register.interventions.values();
            let wanted = wanted.filter(|one| all || !one.state.is_final() || one.wants_review());
            wanted.map(view::intervention).collect::<Value>()
        };
        self.site.registrar.view(list).await.map_err(gone)
    }

    pub(super) async fn intervention_show(&self, number: InterventionNumber) -> Answer {
        let show = move |core: &Core, _| {
            let one = core.register.interventions.get(&number)?;
            let mut shown = view::intervention_in_full(one, &core.register);
            // D6: the number to call is the contract's, and stands beside the request.
            let contact = core.config.vendors.get(&one.asked.vendor).map(|vendor| &vendor.contact);
            if let (Value::Object(fields), Some(contact)) = (&mut shown, contact) {
                fields.insert("call".into(), json!(format!("{} ({})", contact.phone, contact.name)));
            }
            Some(shown)
        };
        let shown = self.site.registrar.view(show).await.map_err(gone)?;
        shown.ok_or_else(|| refused(Refusal::NoIntervention(number)))
    }

    /// Compares a staff member's password and code; the registrar judges what came of it.
    pub(super) async fn prove(&self, proof: &Proof) -> Result<StaffAttempt, Failure> {
        let login = proof.staff.clone();
        let secret = self
            .site
            .registrar
            .view(move |core, _| core.register.staff.get(&login).map(|staff| staff.secret))
            .await
            .map_err(gone)?;
        let secrets: Option<PersonSecrets> =
            secret.and_then(|generation| self.site.vault.get(&staff_document(&proof.staff), generation).ok());
        let at = self.site.clock.now();
        let (password, code) = (proof.password.reveal().to_owned(), proof.code.reveal().to_owned());
        let comparer = &self.site.comparer;
        let compared = match proof.signed_in {
            true => comparer.compare_code(secrets, &code, at),
            false => comparer.compare(Caller::Staff, secrets, password, code, at).await,
        };
        let (staff, source) = (proof.staff.clone(), proof.source);
        Ok(StaffAttempt { staff, password: compared.password, code: compared.code, source })
    }

    /// Approves a request whose technician waits on the line, or a planned one that wants another
    /// approval; the latter has no code before the last.
    pub(super) async fn intervention_approve(
        &self,
        number: InterventionNumber,
        proof: Proof,
        code: Option<String>,
        verified: Verified,
        rights: Option<policy::Rights>,
        minutes: Option<u32>,
    ) -> Answer {
        let planned = self.site.registrar.view(move |core, _| {
            core.register.interventions.get(&number).is_some_and(|one| one.state == InterventionState::Planned)
        });
        let planned = planned.await.map_err(gone)?;
        // Said before a code is used up.
        let call = self
            .site
            .registrar
            .view(move |core, _| core.register.interventions.get(&number).is_some_and(|one| one.asked.call_back));
        if verified != Verified::Called && call.await.map_err(gone)? {
            return Err(refused(Refusal::Denied(policy::Denial::CallBackNeeded)));
        }
        let attempt = self.prove(&proof).await?;
        if planned {
            if rights.is_some() || minutes.is_some() {
                return Err(refused(Refusal::NarrowedAlready));
            }
            let outcome = self
                .site
                .registrar
                .act(move |core, at| {
                    let on_call = core.config.on_call(at);
                    let decided = core.decide(Command::ApprovePlanned { number, attempt, verified, on_call }, at);
                    let missing = missing_of(&decided.events);
                    (decided.events, decided.refusal.map_or(Ok(missing), Err))
                })
                .await
                .map_err(gone)?;
            let missing = outcome.map_err(refused)?;
            return self.armed(number, missing).await;
        }
        let Some(code) = code else {
            return Err(refused(Refusal::CodeMissing));
        };
        let outcome = self
            .site
            .registrar
            .act(move |core, at| {
                let code_fits = core.code_fits(number, &code);
                let until =
                    minutes.and_then(|minutes| at.checked_add(SignedDuration::from_mins(i64::from(minutes))).ok());
                let decided = core.decide(Command::Approve { number, attempt, code_fits, verified, rights, until }, at);
                let missing = missing_of(&decided.events);
                (decided.events, decided.refusal.map_or(Ok(missing), Err))
            })
            .await
            .map_err(gone)?;
        let missing = outcome.map_err(refused)?;
        Ok(json!({ "number": number, "approvals_missing": missing }))
    }

    pub(super) async fn intervention_refuse(
        &self,
        number: InterventionNumber,
        by: Option<StaffLogin>,
        proof: Option<Proof>,
        reason: String,
    ) -> Answer {
        let staff = match (proof, by) {
            (Some(proof), _) => {
                let attempt = self.prove(&proof).await?;
                self.command(Command::Prove { attempt, purpose: format!("refuse {number}") }).await?;
                proof.staff
            }
            (None, Some(staff)) => staff,
            (None, None) => return Err(data("nobody is signed in: prove yourself with `--as`")),
        };
        self.command(Command::Refuse { number, staff, reason }).await
    }

    /// Plans one, and gives the code where no further approval is needed (D7).
    pub(super) async fn intervention_plan(&self, proof: Proof, planned: Planned) -> Answer {
        let attempt = self.prove(&proof).await?;
        let outcome = self
            .site
            .registrar
            .act(move |core, at| {
                let number = core.register.next_number();
                let (from, until) = match planned.minutes {
                    Some(minutes) => {
                        (at, at.saturating_add(SignedDuration::from_mins(i64::from(minutes))).unwrap_or(at))
                    }
                    None => (planned.from.unwrap_or(at), planned.until.unwrap_or(at)),
                };
                let facts = PlanFacts {
                    technician: planned.technician,
                    target: planned.target,
                    login: planned.login,
                    from,
                    until,
                    emergency: planned.emergency,
                    reason: planned.reason,
                    ticket: planned.ticket,
                    verified: planned.verified,
                    rights: planned.rights,
                    on_call: core.config.on_call(at),
                };
                let decided = core.decide(Command::Plan { attempt, facts: Box::new(facts) }, at);
                let missing = missing_of(&decided.events);
                (decided.events, decided.refusal.map_or(Ok((number, missing)), Err))
            })
            .await
            .map_err(gone)?;
        let (number, missing) = outcome.map_err(refused)?;
        self.armed(number, missing).await
    }

    /// The last approval is there: the code is drawn, its digest is in the vault, then the entry
    /// arms it. It is shown this once.
    pub(super) async fn armed(&self, number: InterventionNumber, missing: Option<u8>) -> Answer {
        if missing != Some(0) {
            return Ok(json!({ "number": number, "approvals_missing": missing }));
        }
        const FIRST: u64 = 1;
        let code = entropy::readable_code(8).map_err(software)?;
        let held = PlannedCode::of(&code).map_err(software)?;
        self.site.vault.put(&planned_document(number), FIRST, &held).map_err(software)?;
        self.command(Command::Arm { number, secret: FIRST }).await?;
        let plan = move |core: &Core, _| core.register.interventions.get(&number).and_then(|one| one.plan.clone());
        let plan = self.site.registrar.view(plan).await.map_err(gone)?;
        Ok(json!({
            "number": number,
            "approvals_missing": 0,
            "code": code,
            "from": plan.as_ref().map(|plan| plan.from),
            "until": plan.as_ref().map(|plan| plan.until),
        }))
    }

    /// More time for a live session: a new approval (D12).
    pub(super) async fn intervention_extend(
        &self,
        number: InterventionNumber,
        proof: Proof,
        verified: Verified,
        minutes: u32,
    ) -> Answer {
        let attempt = self.prove(&proof).await?;
        let outcome = self
            .site
            .registrar
            .act(move |core, at| {
                let until = at.saturating_add(SignedDuration::from_mins(i64::from(minutes))).unwrap_or(at);
                let decided = core
                    .decide(Command::Extend { number, attempt, verified, until, on_call: core.config.on_call(at) }, at);
                let extended = decided.events.iter().find_map(|event| match event {
                    Event::InterventionExtended { missing, until, .. } => Some((*missing, *until)),
                    _ => None,
                });
                (decided.events, decided.refusal.map_or(Ok(extended), Err))
            })
            .await
            .map_err(gone)?;
        let Some((missing, until)) = outcome.map_err(refused)? else { return Ok(json!({ "number": number })) };
        if missing == 0 {
            let judged = self
                .site
                .registrar
                .view(move |core, at| core.register.permit(&core.rules, number, at, at))
                .await
                .map_err(gone)?;
            let why = judged.map_or(EndCause::TimeOver, |(_, why)| why);
            for session in self.site.live.matching(|session| session.number == number) {
                session.tell(lifecycle::Input::Extended(until, why.clone())).await;
            }
        }
        Ok(json!({ "number": number, "approvals_missing": missing, "until": until }))
    }

    /// An approver who is disabled counts no more: what rests on them ends (promise 5).
    pub(super) async fn judge_live_sessions_again(&self) {
        let judged = self
            .site
            .registrar
            .view(|core, at| {
                let over = |record: &&lifecycle::SessionRecord| {
                    core.register.permit(&core.rules, record.number, record.started, at).is_err()
                };
                core.register.live().filter(over).map(|record| record.id.clone()).collect::<Vec<_>>()
            })
            .await;
        for id in judged.unwrap_or_default() {
            self.site.live.brake(&EndCause::PolicyChanged, |session| session.id == id);
        }
    }

    pub(super) async fn explain(
        &self,
        technician: policy::TechnicianLogin,
        target: TargetId,
        at: Option<Timestamp>,
        source: Option<std::net::IpAddr>,
    ) -> Answer {
        let (config, open) = (self.site.config(), self.site.lockdown.open());
        let explained = self
            .site
            .registrar
            .view(move |core, now| {
                let at = at.unwrap_or(now);
                core.register.explain(&core.rules, &technician, target, source, at, open.as_ref())
            })
            .await
            .map_err(gone)?
            .map_err(refused)?;
        let lifecycle::Explained { at, account_state: state, vendor_frozen: frozen, cut, verdict } = explained;
        let texts = crate::texts::Texts::new(config.site.language, config.site.zone.clone());
        let because: Vec<String> = verdict.because.iter().map(ToString::to_string).collect();
        Ok(match verdict.decision {
            Decision::AwaitApproval(_) if cut => json!({
                "decision": "deny", "at": at, "account_state": state, "because": because, "denial": "lockdown",
                "text": texts.text("end-lockdown"), "source": "EMG-04", "next_opening": Value::Null,
            }),
            Decision::AwaitApproval(_) if frozen => json!({
                "decision": "deny", "at": at, "account_state": state, "because": because, "denial": "vendor-frozen",
                "text": texts.text("end-vendor-frozen"), "source": "IDM-14", "next_opening": Value::Null,
            }),
            Decision::AwaitApproval(terms) => json!({
                "decision": "await-approval", "at": at, "account_state": state, "because": because,
                "rights": terms.rights, "approvers": terms.approvers, "quorum": terms.quorum, "per": terms.per,
                "supervision": terms.supervision, "closes_at": terms.closes_at,
                "longest_seconds": terms.longest.as_secs(), "source": "APR-01",
            }),
            Decision::Deny(denial) => {
                let next = match &denial {
                    policy::Denial::Closed { next_opening, .. } => *next_opening,
                    _ => None,
                };
                json!({
                    "decision": "deny", "at": at, "account_state": state, "because": because, "denial": denial.code(),
                    "text": texts.denial(&denial, at), "source": denial.source(), "next_opening": next,
                })
            }
        })
    }
}
