//! What each kind of entry is to those who collect events: its title, how grave it is, and its class in
//! OCSF 1.3. `docs/operations/siem.md` has the table; a test holds it against this.

/// A class of OCSF.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Class {
    /// 3001
    AccountChange,
    /// 3002
    Authentication,
    /// 3004
    EntityManagement,
    /// 2004
    DetectionFinding,
    /// 4007
    SshActivity,
    /// 6002
    ApplicationLifecycle,
}

impl Class {
    /// The class's number and name; the number's thousands are the category.
    pub(crate) fn uid(self) -> (u64, &'static str) {
        match self {
            Class::AccountChange => (3001, "Account Change"),
            Class::Authentication => (3002, "Authentication"),
            Class::EntityManagement => (3004, "Entity Management"),
            Class::DetectionFinding => (2004, "Detection Finding"),
            Class::SshActivity => (4007, "SSH Activity"),
            Class::ApplicationLifecycle => (6002, "Application Lifecycle"),
        }
    }
}

/// How grave it is, by the words and numbers of RFC 5424 §6.2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Critical = 2,
    Error = 3,
    Warning = 4,
    Notice = 5,
    Informational = 6,
}

impl Level {
    /// From 0 to 10, as CEF has it.
    pub(crate) fn cef(self) -> u8 {
        match self {
            Level::Critical => 9,
            Level::Error => 7,
            Level::Warning => 6,
            Level::Notice => 4,
            Level::Informational => 3,
        }
    }

    /// `severity_id` of OCSF.
    pub(crate) fn ocsf(self) -> u8 {
        match self {
            Level::Critical => 5,
            Level::Error => 4,
            Level::Warning => 3,
            Level::Notice => 2,
            Level::Informational => 1,
        }
    }
}

/// What came of what was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Refused,
}

/// A kind of entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Kind {
    pub(crate) word: &'static str,
    pub(crate) title: &'static str,
    pub(crate) level: Level,
    pub(crate) class: Class,
    /// `activity_id` within the class.
    pub(crate) activity: u64,
    pub(crate) outcome: Outcome,
}

const fn kind(
    word: &'static str,
    title: &'static str,
    level: Level,
    (class, activity): (Class, u64),
    outcome: Outcome,
) -> Kind {
    Kind { word, title, level, class, activity, outcome }
}

/// The row of a kind. One that is newer than this table, as of a newer version's journal, is still sent.
pub(crate) fn of(word: &str) -> Kind {
    const OTHER: Kind = kind("other", "Entry of the journal", Notice, (ApplicationLifecycle, 99), Done);
    KINDS.iter().find(|kind| kind.word == word).copied().unwrap_or(OTHER)
}

use Class::{AccountChange, ApplicationLifecycle, Authentication, DetectionFinding, EntityManagement, SshActivity};
use Level::{Critical, Error, Informational, Notice, Warning};
use Outcome::{Done, Refused};

/// Every kind there is.
pub(crate) const KINDS: &[Kind] = &[
    kind("started", "The bastion started", Notice, (ApplicationLifecycle, 3), Done),
    kind("stopped", "The bastion stopped", Warning, (ApplicationLifecycle, 4), Done),
    kind("heartbeat", "The bastion is alive", Informational, (ApplicationLifecycle, 99), Done),
    kind("unsigned-tail", "Unsigned bytes were set aside from the journal", Error, (DetectionFinding, 1), Done),
    kind("config-loaded", "Configuration taken", Notice, (EntityManagement, 3), Done),
    kind("config-refused", "Configuration refused", Warning, (EntityManagement, 3), Refused),
    kind("staff-added", "Staff account added", Notice, (AccountChange, 1), Done),
    kind("staff-invited", "Staff account invited", Notice, (AccountChange, 1), Done),
    kind("staff-reset", "Staff account reset", Warning, (AccountChange, 4), Done),
    kind("staff-invitation-refused", "Staff invitation refused", Warning, (Authentication, 1), Refused),
    kind("staff-enrolled", "Staff account enrolled", Notice, (AccountChange, 10), Done),
    kind("staff-changed", "Roles of a staff account changed", Notice, (AccountChange, 99), Done),
    kind("staff-language-chosen", "Staff language chosen", Informational, (AccountChange, 99), Done),
    kind("staff-unlocked", "Staff account unlocked", Notice, (AccountChange, 2), Done),
    kind("staff-disabled", "Staff account disabled", Notice, (AccountChange, 5), Done),
    kind("staff-code-used", "Staff proved themselves", Informational, (Authentication, 1), Done),
    kind("staff-refused", "Staff proof refused", Warning, (Authentication, 1), Refused),
    kind("staff-locked", "Staff account locked", Warning, (AccountChange, 9), Done),
    kind("technician-added", "Technician account added", Notice, (AccountChange, 1), Done),
    kind("technician-invited", "Technician account invited", Notice, (AccountChange, 1), Done),
    kind("technician-reset", "Technician account reset", Warning, (AccountChange, 4), Done),
    kind("invitation-used", "Invitation used", Notice, (Authentication, 1), Done),
    kind("invitation-refused", "Invitation refused", Warning, (Authentication, 1), Refused),
    kind("technician-enrolled", "Technician enrolled", Notice, (AccountChange, 10), Done),
    kind("word-mismatched", "Check word of an enrolment did not fit", Warning, (AccountChange, 2), Refused),
    kind("technician-activated", "Technician account activated", Notice, (AccountChange, 2), Done),
    kind("technician-key-added", "Key added to a technician account", Notice, (AccountChange, 10), Done),
    kind("technician-key-removed", "Key removed from a technician account", Notice, (AccountChange, 11), Done),
    kind("technician-disabled", "Technician account disabled", Notice, (AccountChange, 5), Done),
    kind("technician-unlocked", "Technician account unlocked", Notice, (AccountChange, 2), Done),
    kind("technician-locked", "Technician account locked", Warning, (AccountChange, 9), Done),
    kind("vendor-frozen", "Vendor frozen", Warning, (EntityManagement, 12), Done),
    kind("vendor-thawed", "Vendor thawed", Notice, (EntityManagement, 13), Done),
    kind("vendor-rotated", "All credentials of a vendor to be made anew", Warning, (EntityManagement, 3), Done),
    kind("lockdown-began", "All access was cut", Critical, (EntityManagement, 9), Done),
    kind("lockdown-reopened", "Access was given back for a group", Warning, (EntityManagement, 8), Done),
    kind("lockdown-ended", "Access was given back", Warning, (EntityManagement, 8), Done),
    kind("credential-set", "Credential of a target set", Notice, (EntityManagement, 3), Done),
    kind("target-pinned", "Host key of a target pinned", Notice, (EntityManagement, 3), Done),
    kind("factors-accepted", "Technician known", Notice, (Authentication, 1), Done),
    kind("factors-refused", "Technician login refused", Warning, (Authentication, 1), Refused),
    kind("attempts-refused", "Tries with unknown logins refused", Notice, (Authentication, 1), Refused),
    kind("limit-reached", "A limit was reached", Notice, (DetectionFinding, 1), Done),
    kind("sources-penalised", "Addresses were penalised", Notice, (DetectionFinding, 1), Done),
    kind("penalty-lifted", "Penalty of an address lifted", Notice, (DetectionFinding, 3), Done),
    kind("account-alert", "Alert about an account", Error, (DetectionFinding, 1), Done),
    kind("leak-suspected", "Credentials of a vendor may have leaked", Critical, (DetectionFinding, 1), Done),
    kind("alert-raised", "Alert raised", Error, (DetectionFinding, 1), Done),
    kind("alert-acknowledged", "Alert taken by a person", Notice, (DetectionFinding, 2), Done),
    kind("alert-escalated", "Alert that nobody took went on to others", Critical, (DetectionFinding, 2), Done),
    kind("break-glass-printed", "Codes for the sealed envelope printed", Warning, (EntityManagement, 1), Done),
    kind("break-glass-used", "Code of the sealed envelope used", Critical, (DetectionFinding, 1), Done),
    kind("break-glass-refused", "Code of the sealed envelope refused", Critical, (DetectionFinding, 1), Done),
    kind("change-waits", "Weakening change waits for a second person", Warning, (EntityManagement, 3), Done),
    kind("change-accepted", "Weakening change accepted by a second person", Warning, (EntityManagement, 10), Done),
    kind("change-refused", "Weakening change refused", Warning, (EntityManagement, 11), Refused),
    kind("request-denied", "Request denied by the rules", Warning, (SshActivity, 5), Refused),
    kind("request-refused", "Request not taken", Notice, (SshActivity, 5), Refused),
    kind("intervention-requested", "Intervention requested", Notice, (EntityManagement, 1), Done),
    kind("intervention-planned", "Intervention planned", Notice, (EntityManagement, 1), Done),
    kind("intervention-armed", "Planned intervention armed", Informational, (EntityManagement, 3), Done),
    kind("planned-code-mismatched", "Wrong code for a planned intervention", Warning, (Authentication, 1), Refused),
    kind("intervention-arrived", "Technician of a planned intervention arrived", Notice, (EntityManagement, 10), Done),
    kind("intervention-extended", "More time approved", Notice, (EntityManagement, 3), Done),
    kind("intervention-reviewed", "Emergency reviewed", Informational, (EntityManagement, 3), Done),
    kind("intervention-submitted", "Intervention submitted for approval", Informational, (EntityManagement, 3), Done),
    kind("code-mismatched", "Approver typed a wrong code", Warning, (Authentication, 1), Refused),
    kind("intervention-approved", "Intervention approved", Notice, (EntityManagement, 10), Done),
    kind("intervention-refused", "Intervention refused", Notice, (EntityManagement, 11), Refused),
    kind("intervention-withdrawn", "Intervention withdrawn", Notice, (EntityManagement, 11), Done),
    kind("intervention-expired", "Intervention expired", Informational, (EntityManagement, 11), Done),
    kind("join-mismatched", "Wrong code of a further connection", Warning, (Authentication, 1), Refused),
    kind("join-refused", "Further connection refused", Warning, (SshActivity, 5), Refused),
    kind("intervention-ended", "Intervention ended", Notice, (EntityManagement, 11), Done),
    kind("session-admitted", "Session opened", Notice, (SshActivity, 1), Done),
    kind("legacy-used", "Old algorithms used towards a target", Warning, (SshActivity, 99), Done),
    kind("target-unreached", "Target not reached", Warning, (SshActivity, 4), Refused),
    kind("channel-opened", "Channel opened", Informational, (SshActivity, 6), Done),
    kind("channel-refused", "Channel refused", Warning, (SshActivity, 5), Refused),
    kind("channel-closed", "Channel closed", Informational, (SshActivity, 6), Done),
    kind("file-moved", "File moved", Notice, (SshActivity, 6), Done),
    kind("file-changed", "File changed", Notice, (SshActivity, 6), Done),
    kind("files-unlisted", "More files than are listed", Notice, (SshActivity, 6), Done),
    kind("session-alarm", "Alarm in a session", Error, (DetectionFinding, 1), Done),
    kind("session-warned", "Session told of its end", Informational, (SshActivity, 99), Done),
    kind("session-frozen", "Session frozen", Warning, (SshActivity, 99), Done),
    kind("session-resumed", "Session resumed", Notice, (SshActivity, 99), Done),
    kind("watch-began", "Watching began", Informational, (SshActivity, 99), Done),
    kind("watch-ended", "Watching ended", Informational, (SshActivity, 99), Done),
    kind("recording-committed", "Recording committed", Informational, (SshActivity, 99), Done),
    kind("session-ended", "Session ended", Notice, (SshActivity, 2), Done),
    kind("recording-sealed", "Recording sealed", Informational, (EntityManagement, 1), Done),
    kind("recording-read", "Recording read", Notice, (EntityManagement, 2), Done),
    kind("token-made", "Export token made", Notice, (EntityManagement, 1), Done),
    kind("token-revoked", "Export token revoked", Notice, (EntityManagement, 4), Done),
    kind("export-read", "Export read", Notice, (EntityManagement, 2), Done),
    kind("journal-read", "Journal read", Notice, (EntityManagement, 2), Done),
    kind("forward-stalled", "Forwarding of the journal stalled", Error, (DetectionFinding, 1), Done),
    kind("forward-resumed", "Forwarding of the journal flows again", Notice, (DetectionFinding, 3), Done),
    kind("lack-found", "The bastion lacks something: nothing new opens", Error, (DetectionFinding, 1), Done),
    kind("lack-over", "The bastion has it again", Notice, (DetectionFinding, 3), Done),
    kind("anchored", "A checkpoint left the machine", Informational, (ApplicationLifecycle, 99), Done),
    kind("anchor-overdue", "No checkpoint left the machine for too long", Error, (DetectionFinding, 1), Done),
    kind("rollback-found", "Entries of the journal are missing", Critical, (DetectionFinding, 1), Done),
    kind("rollback-accepted", "Missing entries were accepted", Warning, (DetectionFinding, 2), Done),
    kind("backup-made", "Backup made", Notice, (EntityManagement, 1), Done),
    kind("restored", "The state was restored from a backup", Error, (ApplicationLifecycle, 99), Done),
    kind("recipients-changed", "Other keys open recordings from now on", Warning, (EntityManagement, 3), Done),
    kind("recordings-searched", "Recordings searched", Notice, (EntityManagement, 2), Done),
    kind("subject-exported", "What is kept about a person was exported", Notice, (EntityManagement, 2), Done),
    kind("retention-terms", "Retention periods set", Notice, (EntityManagement, 3), Done),
    kind("retention-ordered", "Retention run ordered by hand", Notice, (EntityManagement, 3), Done),
    kind("retention-run", "Retention run begun", Notice, (EntityManagement, 4), Done),
    kind("retention-done", "Retention run done", Notice, (EntityManagement, 4), Done),
    kind("hold-added", "Hold added", Notice, (EntityManagement, 1), Done),
    kind("hold-released", "Hold released", Warning, (EntityManagement, 4), Done),
    kind("hold-expired", "Hold expired", Notice, (EntityManagement, 4), Done),
    kind("evidence-exported", "Evidence exported", Notice, (EntityManagement, 2), Done),
];
