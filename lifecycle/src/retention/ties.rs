//! To what an entry is tied: with what it goes, or what it keeps alive.

use crate::event::Event;
use crate::evidence::EvidenceScope;
use crate::ids::{AccountId, HoldId, InterventionNumber, TokenId};
use crate::register::Register;
use policy::{StaffLogin, TargetAccount, TargetId, VendorId};
use std::collections::BTreeSet;

/// Of whom a login, a lock or a used step is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Person {
    Technician(AccountId),
    Staff(StaffLogin),
}

/// With what an entry goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tie {
    /// With its intervention, once that and its recordings are over.
    Intervention(InterventionNumber),
    /// What makes an account: with it, its term counted from the account's end (D16).
    Account(Person),
    /// Counters against guessing: by age, but for what the account still carries.
    Guard(Person),
    /// A vendor's freeze, or the lockdown: by age in order, but for what is on.
    Brake(Option<VendorId>),
    /// Where a target's credential stands: by age, but for the newest.
    Credential(TargetId, TargetAccount),
    /// With the token.
    Token(TokenId),
    /// With the hold.
    Hold(HoldId),
    /// An alert: by age once a person took it, but for the newest, from which they are numbered.
    Alert(u64),
    /// Codes on paper: by age, but for what tells which of those in the envelope are good.
    BreakGlass,
    /// The configuration in force: by age, but for the newest.
    Config,
    /// Who opens recordings: by age, but for the newest.
    Readers,
    /// Tombstones and terms name nobody and are needed as long as the journal is.
    Always,
    /// By its own age, and about this vendor.
    Vendor(VendorId),
    /// By its own age, and about the recordings of these interventions.
    Search(BTreeSet<InterventionNumber>),
    /// By its own age, and about this account if any.
    Age(Option<AccountId>),
}

/// The list is complete on purpose: whoever adds a kind decides what becomes of it.
pub(super) fn tie(register: &Register, event: &Event) -> Tie {
    if let Some(number) = event.intervention() {
        return Tie::Intervention(number);
    }
    if let Some(session) = event.session() {
        return register.sessions.get(session).map_or(Tie::Age(None), |record| Tie::Intervention(record.number));
    }
    match event {
        Event::TechnicianAdded { account, .. }
        | Event::TechnicianInvited { account, .. }
        | Event::TechnicianReset { account, .. }
        | Event::TechnicianEnrolled { account, .. }
        | Event::WordMismatched { account, .. }
        | Event::TechnicianActivated { account, .. }
        | Event::TechnicianKeyAdded { account, .. }
        | Event::TechnicianKeyRemoved { account, .. }
        | Event::TechnicianDisabled { account, .. } => Tie::Account(Person::Technician(account.clone())),
        Event::TechnicianUnlocked { account, .. }
        | Event::TechnicianLocked { account, .. }
        | Event::FactorsAccepted { account, .. }
        | Event::FactorsRefused { account, .. } => Tie::Guard(Person::Technician(account.clone())),
        Event::StaffAdded { staff, .. }
        | Event::StaffInvited { staff, .. }
        | Event::StaffReset { staff, .. }
        | Event::StaffEnrolled { staff, .. }
        | Event::StaffChanged { staff, .. }
        | Event::StaffLanguageChosen { staff, .. }
        | Event::StaffDisabled { staff, .. } => Tie::Account(Person::Staff(staff.clone())),
        Event::StaffUnlocked { staff, .. }
        | Event::StaffCodeUsed { staff, .. }
        | Event::StaffRefused { staff, .. }
        | Event::StaffLocked { staff, .. } => Tie::Guard(Person::Staff(staff.clone())),
        Event::VendorFrozen { vendor, .. } | Event::VendorThawed { vendor, .. } => Tie::Brake(Some(vendor.clone())),
        Event::LockdownBegan { .. } | Event::LockdownReopened { .. } | Event::LockdownEnded { .. } => Tie::Brake(None),
        Event::AlertRaised { alert, .. }
        | Event::AlertAcknowledged { alert, .. }
        | Event::AlertEscalated { alert, .. } => Tie::Alert(*alert),
        Event::BreakGlassPrinted { .. } | Event::BreakGlassUsed { .. } => Tie::BreakGlass,
        Event::CredentialSet { target, login, .. } => Tie::Credential(target.clone(), login.clone()),
        Event::TokenMade { id, .. } | Event::TokenRevoked { id, .. } => Tie::Token(id.clone()),
        Event::HoldAdded { hold, .. } | Event::HoldReleased { hold, .. } | Event::HoldExpired { hold } => {
            Tie::Hold(hold.clone())
        }
        Event::Started { .. } | Event::ConfigLoaded { .. } => Tie::Config,
        Event::RecipientsChanged { .. } => Tie::Readers,
        Event::RetentionTerms { .. } | Event::RetentionRun { .. } | Event::Restored { .. } => Tie::Always,
        Event::InvitationUsed { .. }
        | Event::InvitationRefused { .. }
        | Event::AccountAlert { .. }
        | Event::RequestDenied { .. }
        | Event::RequestRefused { .. }
        | Event::SubjectExported { .. } => Tie::Age(event.account().cloned()),
        Event::LeakSuspected { vendor, .. }
        | Event::VendorRotated { vendor, .. }
        | Event::EvidenceExported { scope: EvidenceScope::Vendor { vendor, .. }, .. } => Tie::Vendor(vendor.clone()),
        Event::RecordingsSearched { sessions, .. } => {
            let records = sessions.iter().filter_map(|id| register.sessions.get(id));
            Tie::Search(records.map(|record| record.number).collect())
        }
        Event::Stopped { .. }
        | Event::Heartbeat { .. }
        | Event::UnsignedTail { .. }
        | Event::ConfigRefused { .. }
        | Event::StaffInvitationRefused { .. }
        | Event::TargetPinned { .. }
        | Event::AttemptsRefused { .. }
        | Event::LimitReached { .. }
        | Event::SourcesPenalised { .. }
        | Event::PenaltyLifted { .. }
        | Event::ExportRead { .. }
        | Event::EvidenceExported { .. }
        | Event::RetentionOrdered { .. }
        | Event::RetentionDone { .. }
        | Event::LackFound { .. }
        | Event::LackOver { .. }
        | Event::Anchored { .. }
        | Event::AnchorOverdue { .. }
        // What was found goes before what was accepted, so that nothing waits for people again.
        | Event::RollbackFound { .. }
        | Event::RollbackAccepted { .. }
        | Event::BackupMade { .. }
        | Event::BreakGlassRefused { .. }
        | Event::ChangeWaits { .. }
        | Event::ChangeAccepted { .. }
        | Event::ChangeRefused { .. }
        | Event::JournalRead { .. }
        | Event::ForwardStalled { .. }
        | Event::ForwardResumed { .. } => Tie::Age(None),
        // About an intervention or a session: found above.
        Event::InterventionRequested { .. }
        | Event::InterventionPlanned { .. }
        | Event::InterventionArmed { .. }
        | Event::PlannedCodeMismatched { .. }
        | Event::InterventionArrived { .. }
        | Event::InterventionExtended { .. }
        | Event::InterventionReviewed { .. }
        | Event::InterventionSubmitted { .. }
        | Event::JoinMismatched { .. }
        | Event::JoinRefused { .. }
        | Event::CodeMismatched { .. }
        | Event::InterventionApproved { .. }
        | Event::InterventionRefused { .. }
        | Event::InterventionWithdrawn { .. }
        | Event::InterventionExpired { .. }
        | Event::InterventionEnded { .. }
        | Event::SessionAdmitted { .. }
        | Event::LegacyUsed { .. }
        | Event::TargetUnreached { .. }
        | Event::ChannelOpened { .. }
        | Event::ChannelRefused { .. }
        | Event::ChannelClosed { .. }
        | Event::FileMoved(_)
        | Event::FileChanged(_)
        | Event::FilesUnlisted { .. }
        | Event::SessionAlarm { .. }
        | Event::SessionWarned { .. }
        | Event::SessionFrozen { .. }
        | Event::SessionResumed { .. }
        | Event::WatchBegan { .. }
        | Event::WatchEnded { .. }
        | Event::RecordingCommitted { .. }
        | Event::SessionEnded(_)
        | Event::RecordingSealed { .. }
        | Event::RecordingRead { .. } => Tie::Age(None),
    }
}
