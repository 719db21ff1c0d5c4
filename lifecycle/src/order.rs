//! What people of the hospital ask for: on the local socket, in the console, by the API. One list of
//! verbs, and one table of who may use each (D11, D12).

use crate::decide::Refusal;
use crate::evidence::EvidenceScope;
use crate::ids::{HoldId, TokenId};
use crate::staff::Role;
use crate::token::ExportScope;
use jiff::Timestamp;
use jiff::civil::Date;
use policy::{GroupId, Rights, StaffLogin, TargetAccount, TargetId, TechnicianLogin, VendorId, Verified};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::net::IpAddr;
use zeroize::Zeroizing;

/// A secret on its way; wiped when dropped, and never shown by a debug print.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Hidden(Zeroizing<String>);

impl Hidden {
    /// Wraps a secret.
    pub fn new(secret: String) -> Self {
        Self(Zeroizing::new(secret))
    }

    /// The secret.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(hidden)")
    }
}

/// Who somebody is, as typed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of `lifecycle::Identity`")]
pub struct PersonArgs {
    pub name: String,
    pub email: String,
    pub phone: String,
}

/// Factors that the caller brings; missing ones are made and shown once.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Factors {
    /// The password.
    pub password: Option<Hidden>,
    /// The TOTP secret, as base32 or otpauth address.
    pub totp: Option<Hidden>,
}

/// A member of staff who proves themselves for this one act.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Proof {
    /// Who.
    pub staff: StaffLogin,
    /// Their password.
    pub password: Hidden,
    /// Their fresh code.
    pub code: Hidden,
    /// They signed in with their password a while ago, and only the code is asked for now (D12).
    /// Nobody can say so of themselves on the socket: it is never read.
    #[serde(skip)]
    pub signed_in: bool,
    /// From which address, where it comes from afar. Never read on the socket either.
    #[serde(skip)]
    pub source: Option<IpAddr>,
}

/// What opens a target.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialArgs {
    /// This private key, in OpenSSH's form.
    Key(Hidden),
    /// This password.
    Password(Hidden),
    /// A new key; its public half is told.
    Generate,
}

/// What is to be planned.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of `lifecycle::PlanFacts`")]
pub struct Planned {
    pub technician: TechnicianLogin,
    pub target: TargetId,
    pub login: Option<TargetAccount>,
    pub from: Option<jiff::Timestamp>,
    pub until: Option<jiff::Timestamp>,
    /// From now on, for so long; instead of `from` and `until`.
    pub minutes: Option<u32>,
    pub emergency: bool,
    pub reason: String,
    pub ticket: String,
    pub verified: Verified,
    pub rights: Option<Rights>,
}

/// What a report is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReportKind {
    /// Every intervention, by number (LIF-10).
    Register,
    /// Every account that logged in, with what makes it legitimate (EVI-10).
    Accounts,
    /// What nobody uses (LIF-06).
    Dormant,
    /// What is kept how long, by which rule and under which key (LOG-07).
    Retention,
}

impl ReportKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            ReportKind::Register => "register",
            ReportKind::Accounts => "accounts",
            ReportKind::Dormant => "dormant",
            ReportKind::Retention => "retention",
        }
    }
}

/// Which report is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportArgs {
    /// About what.
    pub what: ReportKind,
    /// From this day of the site's zone on; from the beginning, if not said.
    pub from: Option<jiff::civil::Date>,
    /// Until this day, included; until now, if not said.
    pub to: Option<jiff::civil::Date>,
    /// Of this vendor alone.
    pub vendor: Option<VendorId>,
    /// Unused for so many days: dormant.
    pub days: u16,
}

/// Something that is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "verb", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each is a verb of the command line, described there")]
pub enum Order {
    Login {
        proof: Proof,
    },
    Logout,
    Whoami,
    Status,
    Reload,
    CheckState,
    TechnicianAdd {
        login: TechnicianLogin,
        vendor: VendorId,
        person: PersonArgs,
        proofing: String,
        keys: Vec<String>,
        factors: Factors,
    },
    TechnicianInvite {
        login: TechnicianLogin,
        vendor: VendorId,
        person: PersonArgs,
        proofing: String,
        keys: Vec<String>,
    },
    TechnicianActivate {
        login: TechnicianLogin,
        word: String,
    },
    TechnicianReset {
        login: TechnicianLogin,
        reason: String,
        enable: bool,
    },
    TechnicianShow {
        login: TechnicianLogin,
    },
    TechnicianKey {
        login: TechnicianLogin,
        key: String,
        add: bool,
    },
    TechnicianList,
    TechnicianDisable {
        login: TechnicianLogin,
        reason: String,
    },
    TechnicianUnlock {
        login: TechnicianLogin,
    },
    StaffAdd {
        login: StaffLogin,
        person: PersonArgs,
        roles: BTreeSet<Role>,
        groups: BTreeSet<GroupId>,
        factors: Factors,
    },
    StaffInvite {
        login: StaffLogin,
        person: PersonArgs,
        roles: BTreeSet<Role>,
        groups: BTreeSet<GroupId>,
    },
    StaffReset {
        login: StaffLogin,
        reason: String,
    },
    StaffChange {
        login: StaffLogin,
        roles: BTreeSet<Role>,
        groups: BTreeSet<GroupId>,
        reason: String,
    },
    StaffUnlock {
        login: StaffLogin,
    },
    /// Whoever asks reads in this language from now on.
    StaffLanguage {
        language: String,
    },
    StaffList,
    StaffDisable {
        login: StaffLogin,
        reason: String,
    },
    TargetCredential {
        target: TargetId,
        login: Option<TargetAccount>,
        credential: CredentialArgs,
    },
    TargetPinned {
        target: TargetId,
        fingerprint: String,
    },
    InterventionList {
        all: bool,
    },
    InterventionShow {
        number: u64,
    },
    InterventionApprove {
        number: u64,
        proof: Proof,
        code: Option<String>,
        verified: Verified,
        rights: Option<Rights>,
        minutes: Option<u32>,
    },
    /// The same with a code of the sealed envelope, which stands in for the console.
    BreakGlassApprove {
        number: u64,
        proof: Proof,
        sealed: Hidden,
        code: Option<String>,
        verified: Verified,
        rights: Option<Rights>,
        minutes: Option<u32>,
    },
    BreakGlassPrint {
        count: u32,
    },
    AlertList {
        all: bool,
    },
    AlertAck {
        alert: u64,
        note: String,
    },
    ChangeList,
    ChangeAccept {
        digest: String,
        proof: Proof,
    },
    ChangeRefuse {
        digest: String,
        reason: String,
    },
    InterventionRefuse {
        number: u64,
        proof: Option<Proof>,
        reason: String,
    },
    InterventionWithdraw {
        number: u64,
    },
    InterventionPlan {
        proof: Proof,
        planned: Planned,
    },
    InterventionExtend {
        number: u64,
        proof: Proof,
        verified: Verified,
        minutes: u32,
    },
    InterventionReview {
        number: u64,
        text: String,
    },
    SessionList {
        all: bool,
    },
    SessionShow {
        id: String,
    },
    /// The receipt over its closing entry.
    SessionReceipt {
        id: String,
    },
    SessionCut {
        id: String,
        reason: String,
    },
    SessionFreeze {
        id: String,
        reason: Option<String>,
    },
    SessionResume {
        id: String,
        proof: Option<Proof>,
    },
    SessionWatch {
        id: String,
        proof: Option<Proof>,
    },
    RecordingList,
    RecordingShow {
        id: String,
    },
    RecordingRead {
        id: String,
        how: String,
        purpose: String,
    },
    /// A search over all recordings in a scope: the answer says where they lie.
    RecordingSearch {
        expression: String,
        purpose: String,
        scope: SearchScope,
        /// The reader's public keys, `age1…`: what they do not open is not opened.
        keys: Vec<String>,
    },
    /// The second person's half of a reading by two.
    RecordingUnwrap {
        id: String,
        purpose: String,
    },
    ExportRead {
        what: ExportScope,
        rows: u64,
        filters: String,
    },
    /// A bundle; on the local socket its bytes follow the answer.
    EvidenceExport {
        scope: EvidenceScope,
        purpose: String,
        /// Signed checkpoints that were kept elsewhere: proofs for them go in.
        anchors: Vec<String>,
        /// Leave out what recordings hold: whoever asks encrypts it anew.
        reencrypted: bool,
    },
    /// A token that reads one export; the answer shows it, this once.
    TokenMake {
        proof: Option<Proof>,
        label: String,
        scope: ExportScope,
        days: u16,
    },
    TokenRevoke {
        id: TokenId,
    },
    TokenList,
    LockdownBegin {
        reason: String,
    },
    LockdownEnd {
        reason: String,
    },
    /// One stage of opening again: the equipment of this group.
    LockdownReopen {
        group: GroupId,
        reason: String,
    },
    AnchorList,
    /// Gives the newest checkpoint out now.
    AnchorNow,
    AcceptRollback {
        proof: Proof,
        reason: String,
    },
    /// A backup was made, by whoever holds the machine.
    BackupMade {
        name: String,
        size: u64,
        recordings: u64,
        bytes: u64,
    },
    VendorFreeze {
        vendor: VendorId,
        reason: String,
    },
    VendorThaw {
        vendor: VendorId,
        reason: String,
    },
    /// All credentials of a vendor are made anew.
    VendorRotate {
        vendor: VendorId,
        reason: String,
    },
    VendorList,
    /// Who is penalised at the vendors' door (IDM-09), and which limits are being reached.
    SourceList,
    /// Forgives a source what it is penalised for.
    SourceLift {
        /// An address, or the network as it is listed.
        source: String,
        reason: String,
    },
    Explain {
        technician: TechnicianLogin,
        target: TargetId,
        at: Option<jiff::Timestamp>,
        source: Option<IpAddr>,
    },
    NotifyTest {
        channel: Option<String>,
    },
    Report(ReportArgs),
    /// Each rule with its state, read from the live system (EVI-11).
    Conformity,
    /// What goes when, and what is held.
    RetentionPlan,
    /// What was erased so far, for whoever puts an older backup back.
    RetentionTombstones,
    /// A retention run now, under the daily run's own rules.
    RetentionRun,
    HoldAdd {
        on: HoldArgs,
        reason: String,
        /// The last day, in the site's time zone.
        until: Date,
    },
    HoldList,
    HoldRelease {
        hold: HoldId,
        reason: String,
    },
    /// What is kept about a technician or a member of staff, for themselves.
    SubjectExport {
        login: String,
    },
    /// Answered by a stream: the answer's line, then entries until somebody leaves.
    JournalFollow {
        /// The first entry; what is told from now on, if none is named.
        from: Option<u64>,
        /// Only what is there already.
        once: bool,
        /// A word of the formats of `[siem]`.
        format: String,
        purpose: String,
    },
}

/// What is to be held.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "they are those of `HoldOn`, an account by its login")]
pub enum HoldArgs {
    Session(String),
    Intervention(u64),
    Vendor(VendorId),
    Account(TechnicianLogin),
}

/// Why not, and with which exit status (sysexits).
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// The exit status.
    pub exit: u8,
    /// What is wrong and what to do.
    pub message: String,
    /// What was refused, for those who say it in another language. Does not go over the socket.
    #[serde(skip)]
    pub refusal: Option<Box<Refusal>>,
}

/// Exit statuses of sysexits.h.
pub mod exit {
    /// Wrong call.
    pub const USAGE: u8 = 64;
    /// Wrong input.
    pub const DATA: u8 = 65;
    /// An input that is not there.
    pub const NO_INPUT: u8 = 66;
    /// Somebody who is not there.
    pub const NO_USER: u8 = 67;
    /// The daemon is not there.
    pub const UNAVAILABLE: u8 = 69;
    /// The program failed.
    pub const SOFTWARE: u8 = 70;
    /// Something could not be written to the disk, or removed from it.
    pub const IO: u8 = 74;
    /// Later.
    pub const TEMPORARY: u8 = 75;
    /// Not allowed.
    pub const NOT_PERMITTED: u8 = 77;
    /// The configuration.
    pub const CONFIG: u8 = 78;
}

impl Failure {
    /// A failure with its exit status.
    pub fn new(exit: u8, message: impl std::fmt::Display) -> Self {
        Self { exit, message: message.to_string(), refusal: None }
    }

    /// A refusal in the command line's own words, which name its options.
    pub fn saying(refusal: Refusal, message: impl std::fmt::Display) -> Self {
        Self { message: message.to_string(), ..refusal.into() }
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        let exit = match &refusal {
            Refusal::NoTechnician(_) | Refusal::NoStaff(_) => exit::NO_USER,
            Refusal::NoIntervention(_)
            | Refusal::NoToken(_)
            | Refusal::NotDeclared { .. }
            | Refusal::NotLive(_)
            | Refusal::NoAlert(_)
            | Refusal::NoChange => exit::NO_INPUT,
            Refusal::StaffFactors(_)
            | Refusal::StaffLocked(_)
            | Refusal::Role { .. }
            | Refusal::Denied(_)
            | Refusal::NotOnCall(_)
            | Refusal::OwnReview(_)
            | Refusal::OwnRights(_)
            | Refusal::OwnSetUp { .. }
            | Refusal::FrozenByAnother
            | Refusal::AcceptedAlready(_)
            | Refusal::RollbackOpen { .. }
            | Refusal::BreakGlassWrong
            | Refusal::CommandLineSealed
            | Refusal::OwnChange(_)
            | Refusal::OwnAlert(_)
            | Refusal::Unsettled { .. }
            | Refusal::FrozenByQuota => exit::NOT_PERMITTED,
            Refusal::Crowded | Refusal::WatchersFull => exit::TEMPORARY,
            _ => exit::DATA,
        };
        let message = refusal.to_string();
        Self { exit, message, refusal: Some(Box::new(refusal)) }
    }
}

/// Which recordings a search is over: all that fit everything that is said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SearchScope {
    /// Of this vendor.
    pub vendor: Option<VendorId>,
    /// Of this target.
    pub target: Option<TargetId>,
    /// Of this technician.
    pub technician: Option<TechnicianLogin>,
    /// Begun at this time or later.
    pub from: Option<Timestamp>,
    /// Begun before this time.
    pub to: Option<Timestamp>,
}

impl std::fmt::Display for SearchScope {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let said = [
            self.vendor.as_ref().map(|one| format!("vendor {one}")),
            self.target.as_ref().map(|one| format!("target {one}")),
            self.technician.as_ref().map(|one| format!("technician {one}")),
            self.from.map(|at| format!("from {at}")),
            self.to.map(|at| format!("to {at}")),
        ];
        let said: Vec<String> = said.into_iter().flatten().collect();
        if said.is_empty() { f.write_str("all") } else { f.write_str(&said.join(", ")) }
    }
}

/// What an order asks of whoever gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing: it only looks.
    Nothing,
    /// One of these roles, signed in; or to be root: what takes access away never waits for a
    /// sign-in (D11).
    Brake(&'static [Role]),
    /// One of these roles, signed in. Root may it as long as there is no operator.
    Role(&'static [Role]),
    /// An approver, signed in, as whom the sign-in took them: a brake does not ask the journal.
    Freeze,
    /// It brings its own proof.
    Proof,
}

const ANY: &[Role] = &[Role::Approver, Role::Operator, Role::Security];
const EVERYBODY: &[Role] = &[Role::Approver, Role::Operator, Role::Security, Role::Auditor];
const OPERATOR: &[Role] = &[Role::Operator];
const OPERATOR_OR_SECURITY: &[Role] = &[Role::Operator, Role::Security];
const APPROVER_OR_OPERATOR: &[Role] = &[Role::Approver, Role::Operator];

/// What an order asks of whoever gives it.
pub fn needs(order: &Order) -> Needs {
    match order {
        Order::Logout
        | Order::Whoami
        | Order::Status
        | Order::CheckState
        | Order::TechnicianShow { .. }
        | Order::TechnicianList
        | Order::StaffList
        | Order::InterventionList { .. }
        | Order::InterventionShow { .. }
        | Order::SessionList { .. }
        | Order::SessionShow { .. }
        | Order::SessionReceipt { .. }
        | Order::RecordingList
        | Order::RecordingShow { .. }
        | Order::VendorList
        | Order::SourceList
        | Order::TokenList
        | Order::AnchorList
        | Order::RetentionPlan
        | Order::RetentionTombstones
        | Order::HoldList
        | Order::AlertList { .. }
        | Order::ChangeList
        | Order::Explain { .. } => Needs::Nothing,
        Order::TechnicianDisable { .. } | Order::SessionCut { .. } | Order::LockdownBegin { .. } => Needs::Brake(ANY),
        Order::StaffDisable { .. } | Order::VendorFreeze { .. } => Needs::Brake(OPERATOR_OR_SECURITY),
        Order::TokenRevoke { .. } => Needs::Brake(&[Role::Operator, Role::Security, Role::Auditor]),
        Order::Reload | Order::AnchorNow | Order::BackupMade { .. } => Needs::Brake(OPERATOR),
        Order::TechnicianAdd { .. }
        | Order::TechnicianInvite { .. }
        | Order::TechnicianReset { .. }
        | Order::TechnicianUnlock { .. }
        | Order::VendorRotate { .. }
        | Order::TechnicianKey { .. }
        | Order::StaffAdd { .. }
        | Order::StaffInvite { .. }
        | Order::StaffReset { .. }
        | Order::StaffChange { .. }
        | Order::StaffUnlock { .. }
        | Order::TargetCredential { .. }
        | Order::TargetPinned { .. }
        | Order::NotifyTest { .. } => Needs::Role(OPERATOR),
        Order::LockdownEnd { .. }
        | Order::LockdownReopen { .. }
        | Order::VendorThaw { .. }
        | Order::SourceLift { .. }
        | Order::ChangeRefuse { .. } => Needs::Role(OPERATOR_OR_SECURITY),
        Order::TechnicianActivate { .. } | Order::InterventionWithdraw { .. } => Needs::Role(APPROVER_OR_OPERATOR),
        Order::InterventionReview { .. } => Needs::Role(&[Role::Approver, Role::Security, Role::Auditor]),
        Order::RecordingUnwrap { .. } => Needs::Role(&[Role::Security, Role::Auditor]),
        // Whoever runs the machine is whom the evidence is about: erasing it, and letting go of what is
        // held, is the security officer's (T8).
        Order::RecordingSearch { .. }
        | Order::RecordingRead { .. }
        | Order::RetentionRun
        | Order::BreakGlassPrint { .. }
        | Order::HoldAdd { .. }
        | Order::HoldRelease { .. } => Needs::Role(&[Role::Security]),
        Order::SubjectExport { .. } => Needs::Role(&[Role::Auditor]),
        Order::EvidenceExport { .. } => Needs::Role(&[Role::Auditor, Role::Security]),
        Order::Report(ReportArgs { what: ReportKind::Register | ReportKind::Accounts, .. }) => {
            Needs::Role(&[Role::Auditor, Role::Security])
        }
        // They name equipment and rules first, and whoever runs the machine acts on them.
        Order::Report(ReportArgs { what: ReportKind::Dormant | ReportKind::Retention, .. }) | Order::Conformity => {
            Needs::Role(&[Role::Auditor, Role::Security, Role::Operator])
        }
        Order::JournalFollow { .. } => Needs::Role(&[Role::Security, Role::Auditor]),
        Order::ExportRead { .. } | Order::StaffLanguage { .. } => Needs::Role(EVERYBODY),
        // By name: a machine's root is nobody who looks.
        Order::AlertAck { .. } => Needs::Role(ANY),
        Order::SessionFreeze { .. } => Needs::Freeze,
        Order::SessionResume { proof, .. } | Order::SessionWatch { proof, .. } => match proof {
            Some(_) => Needs::Proof,
            None => Needs::Role(&[Role::Approver, Role::Security]),
        },
        Order::TokenMake { proof, .. } => match proof {
            Some(_) => Needs::Proof,
            None => Needs::Role(&[Role::Security, Role::Auditor]),
        },
        // A no takes no fresh code: it opens nothing.
        Order::InterventionRefuse { proof, .. } => match proof {
            Some(_) => Needs::Proof,
            None => Needs::Role(&[Role::Approver]),
        },
        Order::Login { .. }
        | Order::AcceptRollback { .. }
        | Order::InterventionApprove { .. }
        | Order::BreakGlassApprove { .. }
        | Order::ChangeAccept { .. }
        | Order::InterventionPlan { .. }
        | Order::InterventionExtend { .. } => Needs::Proof,
    }
}
