//! Where an order becomes a deed, for the socket and for the console alike (D11, D12). Each change is journalled
//! under the member of staff who is signed in; what decides over an intervention asks for their password and a fresh
//! code besides.

use super::caller::SignedIn;
use super::envelope::Approving;
use super::people::Invitee;
use super::tokens::NewToken;
use super::view;
use crate::registrar::{Core, JournalGone};
use crate::reload::{ReloadError, Reloader};
use crate::site::Site;
use lifecycle::order::{Failure, Order, Proof, exit};
use lifecycle::{Actor, Command, Event, InterventionNumber, KeyError, Reader, Refusal, WithdrawCause};
use russh::keys::{HashAlg, PublicKey};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::Semaphore;

pub(crate) type Answer = Result<Value, Failure>;

/// Where orders are carried out, for the socket and for the console alike.
pub struct Desk {
    pub(crate) site: Arc<Site>,
    pub(crate) reload: Arc<Reloader>,
    pub(super) journal_key: String,
    pub(super) host_key: String,
    pub(super) signed_in: SignedIn,
    /// Whose turn it is to make a bundle.
    pub(super) exporting: Arc<Semaphore>,
}

impl Desk {
    /// The desk of a running site, with the public keys that it tells.
    pub fn new(site: Arc<Site>, reload: Arc<Reloader>, journal_key: String, host_key: String) -> Self {
        Self {
            site,
            reload,
            journal_key,
            host_key,
            signed_in: SignedIn::default(),
            exporting: Arc::new(Semaphore::new(1)),
        }
    }
}

pub(crate) fn gone(error: JournalGone) -> Failure {
    Failure::new(exit::TEMPORARY, error)
}

pub(super) fn not_reloaded(error: ReloadError) -> Failure {
    match error {
        error @ (ReloadError::Config(_) | ReloadError::ShutOut(_)) => Failure::new(exit::CONFIG, error),
        ReloadError::Journal(error) => gone(error),
        ReloadError::Refused(refusal) => refused(*refusal),
        waits @ ReloadError::Waits(_) => Failure::new(exit::TEMPORARY, waits),
    }
}

pub(super) fn refused(refusal: Refusal) -> Failure {
    refusal.into()
}

pub(crate) fn data(error: impl std::fmt::Display) -> Failure {
    Failure::new(exit::DATA, error)
}

pub(crate) fn software(error: impl std::fmt::Display) -> Failure {
    Failure::new(exit::SOFTWARE, error)
}

/// A brake says what is wrong with its reason before it acts.
pub(super) fn reasoned(reason: &str) -> Result<(), Failure> {
    let refusal = match reason {
        reason if reason.trim().is_empty() => Refusal::Empty("reason"),
        reason if reason.chars().count() > 2000 => Refusal::TooLong("reason"),
        _ => return Ok(()),
    };
    Err(Failure::saying(refusal, "the reason is empty or longer than 2000 characters: write one with --reason"))
}

pub(super) fn fingerprint(line: &str) -> Result<String, Failure> {
    let key = PublicKey::from_openssh(line.trim()).map_err(|_| refused(Refusal::Key(KeyError::Unreadable)))?;
    Ok(key.fingerprint(HashAlg::Sha256).to_string())
}

impl Desk {
    /// A name that is not declared is mostly a slip: those that are stand beside it.
    pub(super) fn with_what_there_is(&self, failure: Failure) -> Failure {
        let Some(Refusal::NotDeclared { what, name }) = failure.refusal.as_deref() else { return failure };
        let config = self.site.config();
        let all: Vec<String> = match *what {
            "vendor" => config.vendors.keys().map(ToString::to_string).collect(),
            "group" => config.groups.keys().map(ToString::to_string).collect(),
            "target" => config.targets.keys().map(ToString::to_string).collect(),
            _ => return failure,
        };
        let text = format!(
            "there is no {what} `{name}` in the configuration: there is {}; for another, declare it, then `poterne reload`",
            all.join(", ")
        );
        Failure { message: text, ..failure }
    }

    /// Carries out what somebody who may has asked for. Whether they may was found out before, but
    /// for what asks a person's own proof.
    pub(crate) async fn carry_out(&self, order: Order, by: Actor) -> Answer {
        let staff = match &by {
            Actor::Staff(staff) => Some(staff.clone()),
            _ => None,
        };
        let signed = || {
            staff.clone().ok_or_else(|| {
                Failure::new(exit::NOT_PERMITTED, "nobody is signed in at this terminal: `poterne login --as STAFF`")
            })
        };
        match order {
            // Where somebody sits is known to those who answer them.
            Order::Login { .. } | Order::Logout | Order::Whoami => Err(software("there is no seat to sign in at")),
            Order::Status => self.status().await,
            Order::Reload => match self.reload.reload(by).await {
                Ok(changes) => Ok(json!({ "changes": changes })),
                Err(error) => Err(not_reloaded(error)),
            },
            Order::CheckState => match self.reload.check_state().await {
                Ok(problems) => Ok(json!({ "problems": problems })),
                Err(error) => Err(not_reloaded(error)),
            },
            Order::TechnicianAdd { login, vendor, person, proofing, keys, factors } => {
                self.technician_add(Invitee { login, vendor, person, proofing, keys }, factors, by).await
            }
            Order::TechnicianInvite { login, vendor, person, proofing, keys } => {
                self.technician_invite(Invitee { login, vendor, person, proofing, keys }, by).await
            }
            Order::TechnicianActivate { login, word } => self.technician_activate(login, word, by).await,
            Order::TechnicianReset { login, reason, enable } => self.technician_reset(login, reason, enable, by).await,
            Order::TechnicianShow { login } => self.technician_show(login).await,
            Order::TechnicianKey { login, key, add } => self.technician_key(login, key, add, by).await,
            Order::TechnicianList => {
                let list = |core: &Core, now| {
                    core.register.accounts.values().map(|one| view::technician(one, now)).collect::<Value>()
                };
                self.site.registrar.view(list).await.map_err(gone)
            }
            Order::TechnicianDisable { login, reason } => self.technician_disable(login, reason, by).await,
            Order::TechnicianUnlock { login } => {
                self.command(Command::UnlockTechnician { technician: login, by }).await
            }
            Order::StaffAdd { login, person, roles, groups, factors } => {
                self.staff_add(login, person, roles, groups, factors, by).await
            }
            Order::StaffInvite { login, person, roles, groups } => {
                self.staff_invite(login, person, roles, groups, by).await
            }
            Order::StaffReset { login, reason } => self.staff_reset(login, reason, by).await,
            Order::StaffChange { login, roles, groups, reason } => {
                self.staff_change(login, roles, groups, reason, by).await
            }
            Order::StaffUnlock { login } => self.command(Command::UnlockStaff { staff: login, by }).await,
            Order::StaffLanguage { language } => {
                self.command(Command::ChooseLanguage { staff: signed()?, language }).await
            }
            Order::StaffList => {
                let list =
                    |core: &Core, now| core.register.staff.values().map(|one| view::staff(one, now)).collect::<Value>();
                self.site.registrar.view(list).await.map_err(gone)
            }
            Order::StaffDisable { login, reason } => {
                self.signed_in.forget(&login);
                self.command(Command::DisableStaff { staff: login, reason, by }).await?;
                self.judge_live_sessions_again().await;
                Ok(json!({}))
            }
            Order::TargetCredential { target, login, credential } => {
                self.credential(target, login, credential, by).await
            }
            Order::TargetPinned { target, fingerprint } => {
                let fingerprint = fingerprint.chars().take(100).collect();
                self.site.registrar.note(vec![Event::TargetPinned { target, fingerprint, by }]).await;
                Ok(json!({}))
            }
            Order::InterventionList { all } => self.intervention_list(all).await,
            Order::InterventionShow { number } => self.intervention_show(InterventionNumber(number)).await,
            Order::InterventionApprove { number, proof, code, verified, rights, minutes } => {
                self.intervention_approve(InterventionNumber(number), proof, code, verified, rights, minutes).await
            }
            Order::InterventionRefuse { number, proof, reason } => {
                self.intervention_refuse(InterventionNumber(number), staff.clone(), proof, reason).await
            }
            Order::InterventionWithdraw { number } => {
                let number = InterventionNumber(number);
                self.command(Command::Withdraw { number, cause: WithdrawCause::Staff, by: Some(by) }).await
            }
            Order::InterventionPlan { proof, planned } => self.intervention_plan(proof, planned).await,
            Order::InterventionExtend { number, proof, verified, minutes } => {
                self.intervention_extend(InterventionNumber(number), proof, verified, minutes).await
            }
            Order::InterventionReview { number, text } => {
                self.command(Command::Review { number: InterventionNumber(number), staff: signed()?, text }).await
            }
            Order::SessionList { all } => self.session_list(all).await,
            Order::SessionShow { id } => self.session_show(&id).await,
            Order::SessionReceipt { id } => self.session_receipt(&id).await,
            Order::SessionCut { id, reason } => self.session_cut(&id, &reason, by).await,
            Order::SessionFreeze { id, reason } => self.session_freeze(&id, reason, &signed()?).await,
            Order::SessionResume { id, proof } => self.session_resume(&id, staff.clone(), proof).await,
            // Taken by `attend`, which hands the socket over.
            Order::SessionWatch { .. } => Err(software("watching takes the socket over")),
            Order::EvidenceExport { .. } => Err(software("a bundle takes the socket over")),
            // Taken by `attend` too.
            Order::JournalFollow { .. } => Err(software("following takes the socket over")),
            Order::RecordingList => self.recording_list().await,
            Order::RecordingShow { id } => self.recording_show(&id).await,
            Order::RecordingRead { id, how, purpose } => self.recording_read(&id, how, purpose, signed()?).await,
            Order::RecordingSearch { expression, purpose, scope, keys } => {
                self.recording_search(expression, purpose, scope, keys, signed()?).await
            }
            Order::RecordingUnwrap { id, purpose } => {
                self.recording_read(&id, "unwrap for another".to_owned(), purpose, signed()?).await
            }
            Order::ExportRead { what, rows, filters } => {
                self.export_read(what, rows, &filters, Reader::Staff(signed()?)).await
            }
            Order::TokenMake { proof, label, scope, days } => {
                self.token_make(staff.clone(), proof, NewToken { label, scope, days }).await
            }
            Order::TokenRevoke { id } => self.command(Command::RevokeToken { id, by }).await,
            Order::TokenList => self.token_list().await,
            Order::AnchorList => Ok(self.anchor_list()),
            Order::AnchorNow => self.anchor_now().await,
            Order::AcceptRollback { proof, reason } => self.accept_rollback(&proof, reason).await,
            Order::BackupMade { name, size, recordings, bytes } => {
                self.backup_made(name, size, recordings, bytes, by).await
            }
            Order::LockdownBegin { reason } => self.lockdown_begin(reason, by).await,
            Order::LockdownEnd { reason } => self.lockdown_end(reason, by).await,
            Order::LockdownReopen { group, reason } => self.lockdown_reopen(group, reason, by).await,
            Order::VendorFreeze { vendor, reason } => self.vendor_freeze(vendor, reason, by).await,
            Order::VendorThaw { vendor, reason } => self.command(Command::ThawVendor { vendor, reason, by }).await,
            Order::VendorList => self.vendor_list().await,
            Order::SourceList => Ok(self.source_list()),
            Order::SourceLift { source, reason } => self.source_lift(&source, reason, by).await,
            Order::VendorRotate { vendor, reason } => self.vendor_rotate(vendor, reason, by).await,
            Order::AlertList { all } => self.alert_list(all).await,
            Order::AlertAck { alert, note } => self.alert_ack(alert, note, signed()?).await,
            Order::BreakGlassPrint { count } => self.break_glass_print(count, by).await,
            Order::BreakGlassApprove { number, proof, sealed, code, verified, rights, minutes } => {
                let number = InterventionNumber(number);
                let asked = Approving { number, proof, sealed, code, verified, rights, minutes };
                self.break_glass_approve(asked, by).await
            }
            Order::ChangeList => Ok(self.change_list()),
            Order::ChangeAccept { digest, proof } => self.change_accept(digest, proof).await,
            Order::ChangeRefuse { digest, reason } => self.change_refuse(digest, reason, by).await,
            Order::Explain { technician, target, at, source } => self.explain(technician, target, at, source).await,
            Order::Conformity => self.conformity().await,
            Order::Report(asked) => self.report(asked, staff.clone()).await,
            Order::NotifyTest { channel } => crate::notify::test(&self.site, channel, &by).await,
            Order::RetentionPlan => self.retention_plan().await,
            Order::RetentionTombstones => self.retention_tombstones().await,
            Order::RetentionRun => self.retention_run(by).await,
            Order::HoldAdd { on, reason, until } => self.hold_add(on, reason, until, by).await,
            Order::HoldList => self.hold_list().await,
            Order::HoldRelease { hold, reason } => self.hold_release(hold, reason, by).await,
            Order::SubjectExport { login } => self.subject_export(&login, signed()?).await,
        }
    }

    pub(super) async fn command(&self, command: Command) -> Answer {
        self.site.registrar.command(command).await.map_err(gone)?.map_err(refused)?;
        Ok(json!({}))
    }

    /// Judges password and code together; a success is journalled with its purpose.
    pub(crate) async fn sign_in(&self, proof: &Proof, purpose: String) -> Result<(), Failure> {
        let attempt = self.prove(proof).await?;
        self.command(Command::Prove { attempt, purpose }).await?;
        Ok(())
    }
}
