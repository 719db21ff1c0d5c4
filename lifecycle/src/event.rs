//! Everything that can happen, as the journal holds it.
//!
//! The kinds and fields are listed in `docs/format-journal.md`, which a test holds against
//! [`Event::kind`]. A kind is never renamed and a field never changes its meaning.

use crate::account::Identity;
use crate::decide::JoinRefusal;
use crate::evidence::EvidenceScope;
use crate::file::{Alarm, FileChange, FileMove};
use crate::guard::Lock;
use crate::ids::{AccountId, HoldId, InterventionNumber, SessionId, TokenId};
use crate::retention::{HoldOn, Ranges};
use crate::staff::Role;
use crate::token::{ExportScope, Reader};
use jiff::Timestamp;
use jiff::civil::Date;
use policy::{
    Approval, Denial, Direction, GroupId, Per, Rights, RuleId, StaffLogin, Supervision, TargetAccount, TargetId,
    TechnicianLogin, VendorId,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

/// Who did something by their own decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Actor {
    /// A signed-in member of staff.
    Staff(StaffLogin),
    /// Whoever holds the machine, by user id.
    Root(u32),
    /// The program, by a rule.
    Program,
}

impl Actor {
    /// The member of staff, if it was one.
    pub fn staff(&self) -> Option<&StaffLogin> {
        match self {
            Actor::Staff(staff) => Some(staff),
            Actor::Root(_) | Actor::Program => None,
        }
    }
}

/// What the bastion itself can lack while it runs. As long as it does, nothing new opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lack {
    /// The wall clock was set: it is not what the machine's own count says.
    Clock,
    /// Room on the disk of the state folder or of the recordings.
    Room,
    /// File descriptors.
    Descriptors,
}

/// One event. Serialised with its kind under `kind`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the fields are described in docs/format-journal.md, which a test holds against this")]
pub enum Event {
    // The program.
    Started {
        version: String,
        config: String,
        /// Whether weakening changes wait for a second person from now on. Older journals do not say.
        #[serde(default)]
        four_eyes: bool,
    },
    Stopped {
        reason: String,
    },
    Heartbeat {
        sessions: u64,
    },
    UnsignedTail {
        bytes: u64,
        kept: String,
    },
    ConfigLoaded {
        digest: String,
        changes: Vec<String>,
        by: Actor,
        /// As in `Started`.
        #[serde(default)]
        four_eyes: bool,
    },
    ConfigRefused {
        errors: Vec<String>,
        by: Actor,
    },
    // People.
    StaffAdded {
        staff: StaffLogin,
        identity: Identity,
        roles: BTreeSet<Role>,
        groups: BTreeSet<GroupId>,
        secret: u64,
        by: Actor,
    },
    StaffInvited {
        staff: StaffLogin,
        identity: Identity,
        roles: BTreeSet<Role>,
        groups: BTreeSet<GroupId>,
        invitation: u64,
        until: Timestamp,
        by: Actor,
    },
    StaffReset {
        staff: StaffLogin,
        reason: String,
        invitation: u64,
        until: Timestamp,
        by: Actor,
    },
    StaffInvitationRefused {
        staff: StaffLogin,
        source: IpAddr,
        why: String,
    },
    StaffEnrolled {
        staff: StaffLogin,
        source: IpAddr,
        secret: u64,
    },
    StaffChanged {
        staff: StaffLogin,
        roles: BTreeSet<Role>,
        groups: BTreeSet<GroupId>,
        reason: String,
        by: Actor,
    },
    StaffLanguageChosen {
        staff: StaffLogin,
        language: String,
    },
    StaffUnlocked {
        staff: StaffLogin,
        by: Actor,
    },
    StaffDisabled {
        staff: StaffLogin,
        reason: String,
        by: Actor,
    },
    StaffCodeUsed {
        staff: StaffLogin,
        step: u64,
        purpose: String,
    },
    StaffRefused {
        staff: StaffLogin,
        cause: FactorCause,
        step: Option<u64>,
        counts: bool,
        purpose: String,
        /// From where; null at the command line. Older journals do not say.
        #[serde(default)]
        source: Option<IpAddr>,
    },
    StaffLocked {
        staff: StaffLogin,
        lock: Lock,
        /// As in `StaffRefused`.
        #[serde(default)]
        source: Option<IpAddr>,
    },
    TechnicianAdded {
        account: AccountId,
        technician: TechnicianLogin,
        vendor: VendorId,
        identity: Identity,
        proofing: String,
        keys: Vec<String>,
        secret: u64,
        by: Actor,
    },
    TechnicianInvited {
        account: AccountId,
        technician: TechnicianLogin,
        vendor: VendorId,
        identity: Identity,
        proofing: String,
        keys: Vec<String>,
        invitation: u64,
        until: Timestamp,
        by: Actor,
    },
    TechnicianReset {
        account: AccountId,
        technician: TechnicianLogin,
        reason: String,
        invitation: u64,
        until: Timestamp,
        by: Actor,
    },
    InvitationUsed {
        account: AccountId,
        technician: TechnicianLogin,
        source: SocketAddr,
    },
    InvitationRefused {
        account: AccountId,
        technician: TechnicianLogin,
        source: SocketAddr,
        why: String,
    },
    TechnicianEnrolled {
        account: AccountId,
        technician: TechnicianLogin,
        source: SocketAddr,
        charter: String,
        secret: u64,
    },
    WordMismatched {
        account: AccountId,
        technician: TechnicianLogin,
        tries: u8,
        by: Actor,
    },
    TechnicianActivated {
        account: AccountId,
        technician: TechnicianLogin,
        by: Actor,
    },
    TechnicianKeyAdded {
        account: AccountId,
        technician: TechnicianLogin,
        key: String,
        by: Actor,
    },
    TechnicianKeyRemoved {
        account: AccountId,
        technician: TechnicianLogin,
        key: String,
        by: Actor,
    },
    TechnicianDisabled {
        account: AccountId,
        technician: TechnicianLogin,
        reason: String,
        by: Actor,
    },
    TechnicianUnlocked {
        account: AccountId,
        technician: TechnicianLogin,
        by: Actor,
    },
    TechnicianLocked {
        account: AccountId,
        technician: TechnicianLogin,
        lock: Lock,
        source: IpAddr,
    },
    // Brakes.
    VendorFrozen {
        vendor: VendorId,
        reason: String,
        by: Actor,
    },
    VendorThawed {
        vendor: VendorId,
        reason: String,
        by: Actor,
    },
    LockdownBegan {
        reason: String,
        by: Actor,
    },
    /// Part of the equipment is open again, while the rest stays cut.
    LockdownReopened {
        group: GroupId,
        /// All groups that are open again now.
        reopened: BTreeSet<GroupId>,
        reason: String,
        by: Actor,
    },
    LockdownEnded {
        reason: String,
        by: Actor,
    },
    /// All credentials of a vendor are to be made anew; each account's reset follows.
    VendorRotated {
        vendor: VendorId,
        reason: String,
        technicians: Vec<TechnicianLogin>,
        /// Keys that are good for nobody any more.
        keys: Vec<String>,
        by: Actor,
    },
    // Alerts that a person must take.
    AlertRaised {
        alert: u64,
        what: String,
        about: String,
        vendor: Option<VendorId>,
        people: Vec<String>,
        source: Option<IpAddr>,
    },
    AlertAcknowledged {
        alert: u64,
        note: String,
        by: StaffLogin,
    },
    AlertEscalated {
        alert: u64,
        step: u32,
        told: Vec<StaffLogin>,
    },
    // Sealed codes on paper.
    BreakGlassPrinted {
        count: u32,
        secret: u64,
        by: Actor,
    },
    BreakGlassUsed {
        place: u32,
        number: InterventionNumber,
        staff: StaffLogin,
        by: Actor,
    },
    BreakGlassRefused {
        staff: StaffLogin,
        why: String,
        by: Actor,
    },
    // Changes that wait for a second person.
    ChangeWaits {
        digest: String,
        weakening: Vec<String>,
        changes: Vec<String>,
        by: Actor,
    },
    ChangeAccepted {
        digest: String,
        by: StaffLogin,
    },
    ChangeRefused {
        digest: String,
        reason: String,
        by: Actor,
    },
    // Anchors outside, and what they remember.
    Anchored {
        anchor: String,
        size: u64,
    },
    AnchorOverdue {
        anchor: String,
        last: Option<Timestamp>,
        why: String,
    },
    RollbackFound {
        anchor: String,
        size: u64,
        root: String,
        here: u64,
    },
    RollbackAccepted {
        staff: StaffLogin,
        reason: String,
        missing: u64,
    },
    BackupMade {
        name: String,
        size: u64,
        recordings: u64,
        bytes: u64,
        by: Actor,
    },
    Restored {
        origin: String,
        key: String,
        backup: String,
        size: u64,
        root: String,
        here: u64,
        erased: u64,
        by: Actor,
    },
    // Targets.
    CredentialSet {
        target: TargetId,
        login: TargetAccount,
        form: String,
        secret: u64,
        by: Actor,
    },
    TargetPinned {
        target: TargetId,
        fingerprint: String,
        by: Actor,
    },
    // Logins.
    FactorsAccepted {
        account: AccountId,
        technician: TechnicianLogin,
        source: SocketAddr,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        via: Option<SocketAddr>,
        factors: Vec<String>,
        key: Option<String>,
        step: u64,
    },
    FactorsRefused {
        account: AccountId,
        technician: TechnicianLogin,
        source: SocketAddr,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        via: Option<SocketAddr>,
        cause: FactorCause,
        key: Option<String>,
        step: Option<u64>,
        counts: bool,
    },
    AttemptsRefused {
        source: IpAddr,
        count: u64,
        first: Timestamp,
        last: Timestamp,
        logins: Vec<String>,
    },
    LimitReached {
        limit: String,
        count: u64,
        first: Timestamp,
        last: Timestamp,
        sources: Vec<String>,
    },
    SourcesPenalised {
        sources: Vec<PenalisedSource>,
        more: u64,
    },
    PenaltyLifted {
        source: String,
        reason: String,
        by: Actor,
    },
    AccountAlert {
        account: AccountId,
        technician: TechnicianLogin,
        source: IpAddr,
        what: String,
    },
    LeakSuspected {
        vendor: VendorId,
        source: IpAddr,
        technicians: Vec<TechnicianLogin>,
        since: Timestamp,
    },
    // Interventions.
    RequestDenied {
        account: AccountId,
        technician: TechnicianLogin,
        source: SocketAddr,
        target: String,
        denial: Denial,
        because: Vec<RuleId>,
    },
    RequestRefused {
        account: AccountId,
        technician: TechnicianLogin,
        source: SocketAddr,
        target: TargetId,
        why: String,
    },
    InterventionRequested {
        number: InterventionNumber,
        account: AccountId,
        technician: TechnicianLogin,
        name: String,
        vendor: VendorId,
        target: TargetId,
        login: TargetAccount,
        rights: Rights,
        source: SocketAddr,
        reason: String,
        ticket: String,
        notice: String,
        quorum: u8,
        per: Per,
        supervision: Supervision,
        call_back: bool,
        because: Vec<RuleId>,
        config: String,
    },
    InterventionPlanned {
        number: InterventionNumber,
        account: AccountId,
        technician: TechnicianLogin,
        name: String,
        vendor: VendorId,
        target: TargetId,
        login: TargetAccount,
        rights: Rights,
        reason: String,
        ticket: String,
        from: Timestamp,
        until: Timestamp,
        emergency: bool,
        quorum: u8,
        per: Per,
        supervision: Supervision,
        call_back: bool,
        because: Vec<RuleId>,
        config: String,
        by: StaffLogin,
    },
    InterventionArmed {
        number: InterventionNumber,
        secret: u64,
    },
    PlannedCodeMismatched {
        number: InterventionNumber,
        account: AccountId,
        source: SocketAddr,
        tries: u8,
    },
    InterventionArrived {
        number: InterventionNumber,
        account: AccountId,
        source: SocketAddr,
        notice: String,
    },
    InterventionExtended {
        number: InterventionNumber,
        approval: Approval,
        missing: u8,
        until: Timestamp,
    },
    InterventionReviewed {
        number: InterventionNumber,
        text: String,
        by: StaffLogin,
    },
    InterventionSubmitted {
        number: InterventionNumber,
    },
    JoinMismatched {
        number: InterventionNumber,
        account: AccountId,
        source: SocketAddr,
        tries: u8,
    },
    JoinRefused {
        number: InterventionNumber,
        account: AccountId,
        source: SocketAddr,
        why: JoinRefusal,
    },
    CodeMismatched {
        number: InterventionNumber,
        staff: StaffLogin,
        tries: u8,
    },
    InterventionApproved {
        number: InterventionNumber,
        approval: Approval,
        code: String,
        missing: u8,
    },
    InterventionRefused {
        number: InterventionNumber,
        by: Option<StaffLogin>,
        reason: String,
    },
    InterventionWithdrawn {
        number: InterventionNumber,
        cause: WithdrawCause,
        /// Who, where a person did. Older journals do not say.
        #[serde(default)]
        by: Option<Actor>,
    },
    InterventionExpired {
        number: InterventionNumber,
    },
    InterventionEnded {
        number: InterventionNumber,
        cause: EndCause,
        seconds: u64,
    },
    // Sessions.
    SessionAdmitted {
        session: SessionId,
        number: InterventionNumber,
        account: AccountId,
        target: TargetId,
        login: TargetAccount,
        rights: Rights,
        until: Timestamp,
        approved_by: Vec<StaffLogin>,
        recipients: Vec<String>,
        /// Where it takes two persons to read the recording: who the second one can be.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        second_recipients: Vec<String>,
        config: String,
        /// Of a further connection that joined: from where. Older journals do not say, and have none.
        #[serde(default)]
        joined_from: Option<SocketAddr>,
    },
    LegacyUsed {
        session: SessionId,
        algorithms: BTreeSet<String>,
        because: String,
        until: Date,
    },
    TargetUnreached {
        session: SessionId,
        why: String,
    },
    ChannelOpened {
        session: SessionId,
        channel: u32,
        what: ChannelKind,
        pty: Option<(u32, u32)>,
    },
    ChannelRefused {
        session: SessionId,
        what: String,
        why: String,
    },
    ChannelClosed {
        session: SessionId,
        channel: u32,
        exit: Option<u32>,
        signal: Option<String>,
        bytes_in: u64,
        bytes_out: u64,
    },
    FileMoved(FileMove),
    FileChanged(FileChange),
    FilesUnlisted {
        session: SessionId,
        count: u64,
    },
    SessionAlarm {
        session: SessionId,
        channel: u32,
        alarm: Alarm,
    },
    SessionWarned {
        session: SessionId,
        minutes: u8,
    },
    SessionFrozen {
        session: SessionId,
        cause: FreezeCause,
        /// What the person who froze it said. Older journals do not say.
        #[serde(default)]
        reason: Option<String>,
    },
    SessionResumed {
        session: SessionId,
        by: Actor,
    },
    WatchBegan {
        session: SessionId,
        staff: StaffLogin,
        via: String,
        counts: bool,
    },
    WatchEnded {
        session: SessionId,
        staff: StaffLogin,
        from: Timestamp,
        seconds: u64,
        why: String,
    },
    RecordingCommitted {
        session: SessionId,
        head: String,
        length: u64,
    },
    SessionEnded(SessionEnd),
    RecordingSealed {
        session: SessionId,
        state: RecordingState,
        manifest: String,
        head: String,
        length: u64,
        missing: u64,
        files: u64,
        bytes: u64,
    },
    RecordingRead {
        session: SessionId,
        staff: StaffLogin,
        how: String,
        purpose: String,
    },
    /// One search over many recordings: what was searched for and why, and which were opened for it.
    RecordingsSearched {
        staff: StaffLogin,
        expression: String,
        purpose: String,
        /// Which recordings were asked for, in words.
        scope: String,
        sessions: Vec<SessionId>,
        /// How many more are in the scope, and do not open to the keys that were brought.
        closed: u64,
    },
    /// Who opens recordings from now on (T8): at the first start, and when a start or a reload finds others.
    RecipientsChanged {
        recipients: Vec<String>,
        second_recipients: Vec<String>,
        added: Vec<String>,
        removed: Vec<String>,
        /// Somebody reads now who did not, or one person does what took two.
        weaker: bool,
        by: Actor,
    },
    // Exports.
    TokenMade {
        id: TokenId,
        label: String,
        scope: ExportScope,
        until: Timestamp,
        digest: String,
        by: StaffLogin,
    },
    TokenRevoked {
        id: TokenId,
        by: Actor,
    },
    ExportRead {
        by: Reader,
        what: ExportScope,
        rows: u64,
        filters: String,
    },
    SubjectExported {
        account: Option<AccountId>,
        staff: Option<StaffLogin>,
        entries: u64,
        by: StaffLogin,
    },
    // Retention.
    RetentionTerms {
        journal: u32,
        recordings: u32,
        files: u32,
        because: Option<String>,
    },
    RetentionOrdered {
        by: Actor,
    },
    RetentionRun {
        run: u64,
        up_to: Timestamp,
        entries: Ranges,
        interventions: u64,
        accounts: u64,
        recordings: Vec<SessionId>,
        files: Vec<SessionId>,
        held: u64,
        waiting: u64,
    },
    RetentionDone {
        run: u64,
        recordings: u64,
        bytes: u64,
    },
    HoldAdded {
        hold: HoldId,
        on: HoldOn,
        reason: String,
        until: Timestamp,
        by: Actor,
    },
    HoldReleased {
        hold: HoldId,
        reason: String,
        by: Actor,
    },
    HoldExpired {
        hold: HoldId,
    },
    EvidenceExported {
        staff: StaffLogin,
        purpose: String,
        scope: EvidenceScope,
        manifest: String,
        files: u64,
        bytes: u64,
    },
    // What the machine lacks, and has again.
    LackFound {
        lack: Lack,
        why: String,
    },
    LackOver {
        lack: Lack,
    },
    // The journal, read and forwarded.
    JournalRead {
        staff: StaffLogin,
        how: String,
        from: u64,
        purpose: String,
    },
    ForwardStalled {
        receiver: String,
        next: u64,
        since: Timestamp,
        why: String,
    },
    ForwardResumed {
        receiver: String,
        next: u64,
        seconds: u64,
    },
}

/// A source that was penalised (IDM-09).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PenalisedSource {
    /// An IPv4 address, or a network of IPv6.
    pub source: String,
    /// The most penalty that it had, in seconds.
    pub seconds: u64,
    /// For what, and how often.
    pub reasons: BTreeMap<String, u64>,
}

/// How whole a sealed recording is (D24).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RecordingState {
    /// From the first frame to the session's end.
    Whole,
    /// The bastion crashed or was killed; whole up to the last frame that was shown.
    Interrupted,
    /// Shorter than, or different from, what was committed to the journal.
    Mutilated,
}

/// The one closing entry of a session (promise 6, LOG-01): who, from where, when, how long.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SessionEnd {
    /// Which session.
    pub session: SessionId,
    /// Under which intervention.
    pub number: InterventionNumber,
    /// Whose account.
    pub account: AccountId,
    /// Who.
    pub technician: TechnicianLogin,
    /// Their name.
    pub name: String,
    /// Of which company.
    pub vendor: VendorId,
    /// From where, with the port.
    pub source: SocketAddr,
    /// On which target.
    pub target: TargetId,
    /// Under which login.
    pub login: TargetAccount,
    /// From when.
    pub started: Timestamp,
    /// Until when.
    pub ended: Timestamp,
    /// How long, in whole seconds.
    pub seconds: u64,
    /// The end was not seen but is the last thing known to have happened (D20).
    pub at_least: bool,
    /// Why it ended.
    pub cause: EndCause,
    /// Who approved.
    pub approved_by: Vec<StaffLogin>,
    /// Who watched.
    pub watched_by: Vec<StaffLogin>,
    /// Bytes from the technician to the target.
    pub bytes_in: u64,
    /// Bytes from the target to the technician.
    pub bytes_out: u64,
    /// Refused requests by what was asked, counted.
    pub refused: BTreeMap<String, u64>,
    /// The head of the recording's chain at the cut, in hexadecimal.
    pub head: String,
    /// Length of the recording at the cut, in bytes.
    pub length: u64,
}

/// What a channel carries.
///
/// A command line stands there as text, controls escaped, cut after 4096 characters with its length.
/// The recording has it byte for byte.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChannelKind {
    /// An interactive shell.
    Shell,
    /// One command.
    Exec {
        /// The command line.
        command: String,
    },
    /// Files by SFTP.
    Sftp,
    /// Files by the old scp protocol.
    Scp {
        /// Which way.
        direction: Direction,
        /// The command line.
        command: String,
    },
    /// Files by rsync, whose stream is recorded and not taken apart.
    Rsync {
        /// Which way.
        direction: Direction,
        /// The command line.
        command: String,
    },
    /// A tunnel, whose content is not seen.
    Forward {
        /// Where to.
        to: SocketAddr,
    },
    /// A tunnel to the bastion's inner SSH server, whose channels are recorded like any (ProxyJump).
    Jump,
}

impl ChannelKind {
    /// The word for it, as in lists and `--json`.
    pub fn word(&self) -> &'static str {
        match self {
            ChannelKind::Shell => "shell",
            ChannelKind::Exec { .. } => "exec",
            ChannelKind::Sftp => "sftp",
            ChannelKind::Scp { .. } => "scp",
            ChannelKind::Rsync { .. } => "rsync",
            ChannelKind::Forward { .. } => "forward",
            ChannelKind::Jump => "jump",
        }
    }

    /// The command line, if it is one.
    pub fn command(&self) -> Option<&str> {
        match self {
            ChannelKind::Exec { command } | ChannelKind::Scp { command, .. } | ChannelKind::Rsync { command, .. } => {
                Some(command)
            }
            ChannelKind::Shell | ChannelKind::Sftp | ChannelKind::Forward { .. } | ChannelKind::Jump => None,
        }
    }

    /// The same with another command line, where it has one.
    #[must_use]
    pub fn with_command(self, line: String) -> Self {
        match self {
            ChannelKind::Exec { .. } => ChannelKind::Exec { command: line },
            ChannelKind::Scp { direction, .. } => ChannelKind::Scp { direction, command: line },
            ChannelKind::Rsync { direction, .. } => ChannelKind::Rsync { direction, command: line },
            other => other,
        }
    }
}

/// The true cause of a refused login. The client never learns it (promise 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FactorCause {
    /// Password wrong, code right.
    Password,
    /// Code wrong, password right.
    Code,
    /// The code was right, but was used before.
    CodeReused,
    /// Not six digits.
    CodeMalformed,
    /// Both wrong.
    Both,
    /// The vendor's rule wants a key, and none of this account was proven.
    Key,
    /// The account was switched off.
    Disabled,
    /// The account is not enrolled or has run out.
    Inactive,
    /// The account is locked.
    Locked,
    /// The address is not one the vendor declared.
    Source,
    /// The login names a target that is not on the technician's list.
    Target,
    /// The vendor is not declared any more, or was frozen.
    Vendor,
    /// The vault has other secrets than the register says.
    Vault,
}

/// Why a request was withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WithdrawCause {
    /// The client left, or stopped answering.
    Left,
    /// Staff withdrew it.
    Staff,
    /// The bastion was restarted.
    Restart,
    /// It was approved, but not taken up in time, or not possible any more at admission.
    Lapsed,
    /// The technician's account was disabled.
    Disabled,
}

/// Why a session is frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FreezeCause {
    /// Somebody must watch, and nobody does.
    Unwatched,
    /// A watcher froze it.
    Staff(StaffLogin),
    /// The recording's quota is used up.
    Quota,
    /// The journal does not answer.
    Journal,
}

/// Why a session or an intervention ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EndCause {
    /// The technician ended it.
    Technician,
    /// The technician's connection broke or stopped answering.
    ConnectionLost,
    /// The target could not be reached or ended the connection.
    Target,
    /// The opening hours ended.
    HoursOver,
    /// The contract ended.
    ContractOver,
    /// The approved time was used up.
    TimeOver,
    /// Nothing moved for too long.
    Idle,
    /// No channel was opened for two minutes (D9).
    NoChannel,
    /// Nobody watched for too long.
    Unwatched,
    /// It had joined, and the first connection of its intervention ended (D9).
    FirstEnded,
    /// Staff cut it.
    Cut {
        /// Who.
        by: Actor,
        /// Why.
        reason: String,
    },
    /// The technician's account was disabled.
    Disabled,
    /// The technician's company was frozen.
    VendorFrozen,
    /// All access was cut: the red button.
    Lockdown,
    /// The configuration no longer allows it.
    PolicyChanged,
    /// The recording could not be written (promise 3).
    RecorderFailed,
    /// The journal could not be written (promise 4).
    JournalFailed,
    /// The client broke the protocol or its limits.
    ClientFault,
    /// The bastion was stopped.
    Stopped,
    /// The bastion crashed or was killed; found at the next start.
    Interrupted,
}

impl EndCause {
    /// Why those that joined end with the first connection: for the same reason where that lies with
    /// all of them, else because it ended.
    #[must_use]
    pub fn for_joined(&self) -> EndCause {
        match self {
            EndCause::Technician
            | EndCause::ConnectionLost
            | EndCause::Target
            | EndCause::Idle
            | EndCause::NoChannel
            | EndCause::Unwatched
            | EndCause::FirstEnded
            | EndCause::RecorderFailed
            | EndCause::ClientFault => EndCause::FirstEnded,
            EndCause::HoursOver
            | EndCause::ContractOver
            | EndCause::TimeOver
            | EndCause::Cut { .. }
            | EndCause::Disabled
            | EndCause::VendorFrozen
            | EndCause::Lockdown
            | EndCause::PolicyChanged
            | EndCause::JournalFailed
            | EndCause::Stopped
            | EndCause::Interrupted => self.clone(),
        }
    }
}

impl Event {
    /// The kind, as in the public leaf.
    pub fn kind(&self) -> String {
        serde_json::to_value(self)
            .ok()
            .and_then(|value| value.get("kind").and_then(|kind| kind.as_str().map(str::to_owned)))
            .unwrap_or_default()
    }

    /// The account it is about, if it is about one.
    pub fn account(&self) -> Option<&AccountId> {
        match self {
            Event::TechnicianAdded { account, .. }
            | Event::TechnicianInvited { account, .. }
            | Event::TechnicianReset { account, .. }
            | Event::InvitationUsed { account, .. }
            | Event::InvitationRefused { account, .. }
            | Event::TechnicianEnrolled { account, .. }
            | Event::WordMismatched { account, .. }
            | Event::TechnicianActivated { account, .. }
            | Event::TechnicianKeyAdded { account, .. }
            | Event::TechnicianKeyRemoved { account, .. }
            | Event::InterventionPlanned { account, .. }
            | Event::PlannedCodeMismatched { account, .. }
            | Event::JoinMismatched { account, .. }
            | Event::JoinRefused { account, .. }
            | Event::InterventionArrived { account, .. }
            | Event::TechnicianDisabled { account, .. }
            | Event::TechnicianUnlocked { account, .. }
            | Event::TechnicianLocked { account, .. }
            | Event::FactorsAccepted { account, .. }
            | Event::FactorsRefused { account, .. }
            | Event::AccountAlert { account, .. }
            | Event::RequestDenied { account, .. }
            | Event::RequestRefused { account, .. }
            | Event::InterventionRequested { account, .. }
            | Event::SessionAdmitted { account, .. } => Some(account),
            Event::SessionEnded(end) => Some(&end.account),
            Event::SubjectExported { account, .. } => account.as_ref(),
            _ => None,
        }
    }

    /// Whether it changes who of the staff may do what: then targets may have gained or lost their
    /// approvers, and what rests on an approval has to be judged again (D13).
    pub fn changes_staff(&self) -> bool {
        matches!(
            self,
            Event::StaffAdded { .. }
                | Event::StaffInvited { .. }
                | Event::StaffReset { .. }
                | Event::StaffEnrolled { .. }
                | Event::StaffChanged { .. }
                | Event::StaffDisabled { .. }
        )
    }

    /// The intervention it is about, if it is about one.
    pub fn intervention(&self) -> Option<InterventionNumber> {
        match self {
            Event::InterventionRequested { number, .. }
            | Event::InterventionPlanned { number, .. }
            | Event::InterventionArmed { number, .. }
            | Event::PlannedCodeMismatched { number, .. }
            | Event::JoinMismatched { number, .. }
            | Event::JoinRefused { number, .. }
            | Event::InterventionArrived { number, .. }
            | Event::InterventionExtended { number, .. }
            | Event::InterventionReviewed { number, .. }
            | Event::InterventionSubmitted { number }
            | Event::CodeMismatched { number, .. }
            | Event::InterventionApproved { number, .. }
            | Event::InterventionRefused { number, .. }
            | Event::InterventionWithdrawn { number, .. }
            | Event::InterventionExpired { number }
            | Event::InterventionEnded { number, .. }
            | Event::SessionAdmitted { number, .. } => Some(*number),
            Event::SessionEnded(end) => Some(end.number),
            Event::EvidenceExported { scope: EvidenceScope::Intervention(number), .. } => Some(*number),
            _ => None,
        }
    }

    /// The session it is about, if it is about one.
    pub fn session(&self) -> Option<&SessionId> {
        match self {
            Event::SessionAdmitted { session, .. }
            | Event::LegacyUsed { session, .. }
            | Event::TargetUnreached { session, .. }
            | Event::ChannelOpened { session, .. }
            | Event::ChannelRefused { session, .. }
            | Event::ChannelClosed { session, .. }
            | Event::FilesUnlisted { session, .. }
            | Event::SessionAlarm { session, .. }
            | Event::SessionWarned { session, .. }
            | Event::SessionFrozen { session, .. }
            | Event::SessionResumed { session, .. }
            | Event::WatchBegan { session, .. }
            | Event::WatchEnded { session, .. }
            | Event::RecordingSealed { session, .. }
            | Event::RecordingRead { session, .. }
            | Event::RecordingCommitted { session, .. } => Some(session),
            Event::SessionEnded(end) => Some(&end.session),
            Event::FileMoved(file) => Some(&file.session),
            Event::FileChanged(change) => Some(&change.session),
            Event::EvidenceExported { scope: EvidenceScope::Session(session), .. } => Some(session),
            _ => None,
        }
    }

    /// The body of the journal's entry: canonical JSON (RFC 8785; there are no fractions in it).
    pub fn to_body(&self) -> Vec<u8> {
        // Through a `Value`, whose objects are sorted by key.
        serde_json::to_value(self).and_then(|value| serde_json::to_vec(&value)).unwrap_or_default()
    }

    /// Reads a body back.
    pub fn from_body(body: &[u8]) -> Result<Event, serde_json::Error> {
        serde_json::from_slice(body)
    }
}
