//! From an approval to a running session: entry durable, recording open, target dialled, in that
//! order (promises 1, 3 and 4). Only then does the client hear of success.

use crate::entropy;
use crate::files::quarantine::Allowance;
use crate::relay::pressure::ClientSide;
use crate::relay::session::{Counts, LiveSession, Settled, Surroundings, drive};
use crate::site::{Site, new_session_id, target_document};
use crate::target::{self, Asker, DialError, Dialled, Route};
use crate::texts::Texts;
use crate::vault::TargetSecret;
use config::{ByteSize, Exception, SecondFactor};
use jiff::Timestamp;
use jiff::civil::Date;
use lifecycle::{
    Admission, EndCause, Event, Input, InterventionNumber, JoinFacts, JoinRefusal, Readers, Refusal, Role, Session,
    SessionId, Terms,
};
use policy::{Denial, Permit, TargetAccount, TargetId};
use recorder::{Header, Recording, RecordingKey};
use russh::keys::PublicKey;
use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use tokio::sync::{Semaphore, oneshot};

/// Within the configured time a session is frozen *and* both sides are told; telling takes a moment.
const TOLD: jiff::SignedDuration = jiff::SignedDuration::from_millis(300);

/// A session that is ready for its client.
pub struct Admitted {
    /// The session.
    pub session: Arc<LiveSession>,
    /// The first target connection, for the first channel.
    pub first: Option<Dialled>,
    /// When its right ends.
    pub until: Timestamp,
}

/// By what somebody comes in.
pub enum Coming {
    /// By an approval of their own.
    Approved(InterventionNumber),
    /// As a further connection of an open intervention, with its code (D9).
    Joining {
        /// Of which.
        number: InterventionNumber,
        /// Who.
        facts: JoinFacts,
        /// The code as typed.
        typed: String,
    },
}

impl Coming {
    fn number(&self) -> InterventionNumber {
        match self {
            Coming::Approved(number) | Coming::Joining { number, .. } => *number,
        }
    }
}

/// Why nothing was opened after all.
#[derive(Debug)]
pub enum AdmissionError {
    /// It may not join this intervention.
    NotJoined(InterventionNumber, JoinRefusal),
    /// The rules say no, now.
    Denied(Denial),
    /// The target was not reached.
    Target {
        /// Which.
        target: TargetId,
        /// The key of the reason's text.
        text: &'static str,
    },
    /// It ended before the target was reached.
    Ended(EndCause),
    /// The bastion itself lacks what it needs: the key of the text that says so.
    Shut(&'static str),
    /// Recorder, journal, vault or randomness failed.
    Internal,
}

/// Admits; tells the outcome. What the target asks for the technician goes to `asker`. If nobody waits for it any more, the session ends at once.
pub async fn admit(
    site: Arc<Site>,
    client: Arc<ClientSide>,
    coming: Coming,
    texts: Texts,
    asker: Asker,
    done: oneshot::Sender<Result<Admitted, AdmissionError>>,
) {
    let outcome = try_admit(&site, client, coming, texts, &asker).await;
    if let Err(Ok(admitted)) = done.send(outcome) {
        admitted.session.brake(EndCause::ConnectionLost);
    }
}

async fn try_admit(
    site: &Arc<Site>,
    client: Arc<ClientSide>,
    coming: Coming,
    texts: Texts,
    asker: &Asker,
) -> Result<Admitted, AdmissionError> {
    let number = coming.number();
    let internal = |what: &dyn std::fmt::Display| {
        tracing::error!(%number, error = %what, "admission failed");
        AdmissionError::Internal
    };
    if is_barred(site, number).await {
        return Err(internal(&"all access is cut"));
    }
    if let Some(why) = site.lacks.shut(site.clock.as_ref()) {
        return Err(AdmissionError::Shut(why));
    }
    let config = site.config();
    let recipients = site.recipients().map_err(|error| internal(&error))?;
    let id = new_session_id().map_err(|error| internal(&error))?;
    let readers = Readers { first: recipients.names(), second: recipients.second_names() };
    let admission = match coming {
        Coming::Approved(number) => match site.registrar.admit(number, id.clone(), readers).await {
            Ok(Ok(admission)) => admission,
            Ok(Err(Refusal::Denied(denial))) => return Err(AdmissionError::Denied(denial)),
            Ok(Err(refusal)) => return Err(internal(&refusal)),
            Err(gone) => return Err(internal(&gone)),
        },
        Coming::Joining { number, facts, typed } => {
            match site.registrar.join(number, facts, typed, (id.clone(), readers)).await {
                Ok(Ok(admission)) => admission,
                Ok(Err(why)) => return Err(AdmissionError::NotJoined(number, why)),
                Err(gone) => return Err(internal(&gone)),
            }
        }
    };
    // From here on the register has an open session: every way out goes through its closing entry.
    let recording = match open_recording(site, &id).await {
        Ok(recording) => recording,
        Err(error) => {
            let ended = site.clock.now();
            site.registrar.end_session(id.clone(), ended, EndCause::RecorderFailed, Counts::nothing()).await;
            let _ = site.ended.send(id).await;
            return Err(internal(&error));
        }
    };
    let Admission { permit, ends_with, event } = admission;
    let (account, technician, joined_from) = match &event {
        Event::SessionAdmitted { account, joined_from, .. } => {
            (account.clone(), permit.technician().clone(), *joined_from)
        }
        _ => return Err(AdmissionError::Internal),
    };
    let wanted = permit.target().clone();
    let facts = site.registrar.view(move |core, _| {
        let vendor = core.register.interventions.get(&number).map(|one| one.asked.vendor.clone())?;
        let groups = &core.rules.targets.get(&wanted)?.approvers;
        let approves = |staff: &&lifecycle::Staff| staff.is(Role::Approver) && !staff.groups.is_disjoint(groups);
        Some((vendor, core.register.staff.values().filter(approves).map(|staff| staff.login.clone()).collect()))
    });
    let Ok(Some((vendor, approvers))) = facts.await else {
        site.registrar.end_session(id.clone(), site.clock.now(), EndCause::PolicyChanged, Counts::nothing()).await;
        let _ = site.ended.send(id).await;
        return Err(internal(&"the target is not declared any more"));
    };
    let settled = Settled {
        id,
        number,
        account,
        technician,
        texts,
        recording,
        client,
        record_limit: config.recordings.record_limit.0,
        quota: config.recordings.session_quota.0,
        supervision: permit.supervision(),
        target: permit.target().clone(),
        rights: permit.rights().clone(),
        deliveries: turns(site, permit.target()),
        quarantined: Allowance::new(config.clamav.as_ref().map_or(ByteSize(0), |clamav| clamav.limit)),
        vendor,
        approvers,
        joined_from,
        moved: site.live.activity_of(number),
        receipts: site.receipts(),
    };
    let (session, inputs) = LiveSession::new(settled, permit.until(), site.clock.clone());
    let terms = Terms {
        until: permit.until(),
        why: ends_with,
        idle: permit.idle(),
        supervision: permit.supervision(),
        freeze_after: config.supervision.freeze_after.saturating_sub(TOLD),
        end_after: config.supervision.end_after,
    };
    let machine = Session::admitted(site.clock.now(), terms);
    let around = Surroundings {
        registrar: site.registrar.clone(),
        clock: site.clock.clone(),
        live: site.live.clone(),
        ended: site.ended.clone(),
    };
    site.live.add(session.clone());
    if joined_from.is_some() {
        site.live.fall_in(&session);
    }
    tokio::spawn(drive(session.clone(), machine, inputs, around));
    // INVARIANT: whoever was disabled between the entry and this line was not found among the live
    // sessions; so the register is asked once more, now that brakes find this one.
    let standing =
        site.registrar.view(move |core, at| core.register.permit(&core.rules, number, at, at).map(|_| ())).await;
    if is_barred(site, number).await {
        session.brake(EndCause::Lockdown);
        return Err(AdmissionError::Internal);
    }
    if !matches!(standing, Ok(Ok(()))) {
        session.brake(EndCause::PolicyChanged);
        return Err(AdmissionError::Denied(Denial::ApprovalOver));
    }
    let dialled = tokio::select! {
        dialled = dial(site, &session.id, &permit, Some(asker)) => dialled,
        () = session.ended() => {
            return Err(AdmissionError::Ended(session.cause().cloned().unwrap_or(EndCause::PolicyChanged)));
        }
    };
    match dialled {
        Ok(first) => {
            session.tell(Input::Connected).await;
            site.live.announce(&session);
            Ok(Admitted { session, first: Some(first), until: permit.until() })
        }
        Err(error) => {
            tracing::error!(target = %permit.target(), %error, "the target was not reached");
            let why = error.to_string();
            site.registrar.note(vec![Event::TargetUnreached { session: session.id.clone(), why }]).await;
            session.brake(match error {
                DialError::NotAnswered(_) => EndCause::ConnectionLost,
                _ => EndCause::Target,
            });
            Err(AdmissionError::Target { target: permit.target().clone(), text: error.text() })
        }
    }
}

/// Whether a lockdown holds the target of this intervention. What cannot be found out is held.
async fn is_barred(site: &Site, number: InterventionNumber) -> bool {
    if !site.lockdown.is_on() {
        return false;
    }
    let look = move |core: &crate::registrar::Core, _| {
        let target = core.register.interventions.get(&number).map(|one| one.asked.target.clone())?;
        core.rules.targets.get(&target).map(|target| target.approvers.clone())
    };
    let groups = site.registrar.view(look).await.ok().flatten();
    // Asked again behind the look: it may have been pressed meanwhile.
    groups.is_none_or(|groups| site.lockdown.bars(&groups))
}

/// The turn to write scanned files to a target, which all its sessions share: of two that write one file at the
/// same time, each found clean, a third would come that nobody scanned.
fn turns(site: &Site, target: &TargetId) -> Arc<Semaphore> {
    let mut all = site.deliveries.lock().unwrap_or_else(PoisonError::into_inner);
    all.entry(target.clone()).or_insert_with(|| Arc::new(Semaphore::new(1))).clone()
}

async fn open_recording(site: &Site, id: &SessionId) -> Result<Recording, String> {
    let key: [u8; 32] = entropy::bytes().map_err(|error| error.to_string())?;
    let recipients = site.recipients().map_err(|error| error.to_string())?;
    let wrapping = RecordingKey::new(key);
    let header = Header::new(id.as_str(), site.clock.now(), &wrapping, &recipients, &site.recovery)
        .map_err(|error| error.to_string())?;
    site.recorder.open(&site.paths.spool(id), &header, wrapping).await.map_err(|error| error.to_string())
}

/// Dials the permit's target with what the vault holds for it. Old algorithms that were agreed on
/// are in the journal before this returns.
pub async fn dial(
    site: &Site,
    session: &SessionId,
    permit: &Permit,
    asker: Option<&Asker>,
) -> Result<Dialled, DialError> {
    let route = route(site, permit.target(), permit.account()).await?;
    let asker = asker.filter(|_| asks_technician(site, permit.target()));
    let dialled = target::dial(&route, permit, asker).await?;
    if let Some(legacy) = route.legacy {
        let negotiated = dialled.negotiated();
        let old = legacy.algorithms.iter().filter(|name| negotiated.contains(**name));
        let used = old.map(|name| (*name).to_owned()).collect();
        journal_legacy(site, session.clone(), used, legacy.because, legacy.until).await;
    }
    Ok(dialled)
}

/// Whether what a target asks besides is put to the technician: then each of its connections asks
/// anew.
pub fn asks_technician(site: &Site, target: &TargetId) -> bool {
    site.config().targets.get(target).is_some_and(|one| one.second_factor == SecondFactor::Technician)
}

/// Once a session; again where another connection agreed on other ones.
async fn journal_legacy(site: &Site, session: SessionId, used: BTreeSet<String>, because: String, until: Date) {
    let note = move |core: &mut crate::registrar::Core, _: Timestamp| {
        let known = core.register.sessions.get(&session).and_then(|record| record.legacy.as_ref());
        let said = used.is_empty() || known.is_some_and(|known| used.is_subset(&known.algorithms));
        let event = Event::LegacyUsed { session, algorithms: used, because, until };
        (if said { Vec::new() } else { vec![event] }, ())
    };
    // Where the journal is gone, everything ends anyway.
    let _ = site.registrar.act(note).await;
}

async fn route(site: &Site, id: &TargetId, account: &TargetAccount) -> Result<Route, DialError> {
    let missing = || DialError::NoCredential(id.clone());
    let config = site.config();
    let target = config.targets.get(id).ok_or_else(missing)?;
    let host_key = target
        .host_key
        .as_deref()
        .and_then(|line| PublicKey::from_openssh(line).ok())
        .ok_or_else(|| DialError::HostKey(id.clone()))?;
    let wanted = (id.clone(), account.clone());
    let credential = site.registrar.view(move |core, _| core.register.credentials.get(&wanted).cloned()).await;
    let credential = credential.ok().flatten().ok_or_else(missing)?;
    let secret: TargetSecret =
        site.vault.get(&target_document(id, account), credential.secret).map_err(|_| missing())?;
    let (legacy, lapsed) = match config.exception(id, site.clock.now()) {
        Exception::None => (None, None),
        Exception::InForce(legacy) => (Some(legacy.clone()), None),
        Exception::Over(legacy) => (None, Some(legacy.until)),
    };
    let (address, secret) = (target.address, Arc::new(secret));
    Ok(Route { target: id.clone(), address, host_key, secret, legacy, lapsed })
}
