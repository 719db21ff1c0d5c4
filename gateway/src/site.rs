//! What every part of the running daemon shares, without one object that knows everything: each
//! task takes the fields it needs.

use crate::anchors;
use crate::archive::Archive;
use crate::clock::Clock;
use crate::confine::Confined;
use crate::entropy;
use crate::evidence::Receipts;
use crate::factors::Comparer;
use crate::lacks::Lacks;
use crate::limits;
use crate::lockdown::Lockdown;
use crate::notify;
use crate::registrar::Registrar;
use crate::relay::session::LiveSessions;
use crate::retention;
use crate::siem;
use crate::vault::Vault;
use config::Config;
use lifecycle::SessionId;
use policy::TargetId;
use recorder::{Recipients, Recorder, RecoveryKey};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::sync::{Semaphore, mpsc, watch};

/// The running site.
pub struct Site {
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Secrets.
    pub vault: Arc<Vault>,
    /// Register and journal.
    pub registrar: Registrar,
    /// The journal, for whoever reads in it.
    pub archive: Arc<Archive>,
    /// Sessions that run now.
    pub live: Arc<LiveSessions>,
    /// The turn to write scanned files, by target.
    pub deliveries: Mutex<BTreeMap<TargetId, Arc<Semaphore>>>,
    /// The recorder's threads.
    pub recorder: Recorder,
    /// Opens spools that are not sealed.
    pub recovery: Arc<RecoveryKey>,
    /// Compares factors.
    pub comparer: Comparer,
    /// The configuration in force.
    pub config: watch::Receiver<Arc<Config>>,
    /// Who is at the door, who is penalised, and which limits were reached.
    pub limits: limits::Desk,
    /// Whether all access is cut.
    pub lockdown: Lockdown,
    /// Where ended sessions are handed over to be sealed.
    pub ended: mpsc::Sender<SessionId>,
    /// Held while somebody's new factors are stored.
    pub enrolling: tokio::sync::Mutex<()>,
    /// Held while one is being sealed.
    pub sealing: tokio::sync::Mutex<()>,
    /// How each way of telling people does.
    pub notify: Arc<notify::Health>,
    /// How each way of giving checkpoints out does.
    pub anchors: anchors::Health,
    /// Whether the clock may be trusted with what cannot be undone, and one run at a time.
    pub(crate) retention: retention::Desk,
    /// How each receiver of the journal does.
    pub siem: Arc<siem::Health>,
    /// How the process shut itself in, if it did.
    pub confined: Option<Arc<Confined>>,
    /// What the bastion itself lacks.
    pub lacks: Lacks,
    /// Where things lie.
    pub paths: Paths,
}

impl Site {
    /// The configuration in force.
    pub fn config(&self) -> Arc<Config> {
        self.config.borrow().clone()
    }

    /// Where receipts come from.
    pub fn receipts(&self) -> Receipts {
        Receipts::new(self.registrar.clone(), self.archive.clone())
    }

    /// The recipients of new recordings.
    pub fn recipients(&self) -> Result<Recipients, recorder::KeyError> {
        let recordings = &self.config().recordings;
        Recipients::parse(&recordings.recipients)?.and_second(&recordings.second_recipients)
    }
}

/// Where things lie below the state folder.
#[derive(Debug, Clone)]
pub struct Paths {
    state: PathBuf,
}

impl Paths {
    /// Below this folder.
    pub fn new(state: &Path) -> Self {
        Self { state: state.to_owned() }
    }

    /// The journal.
    pub fn journal(&self) -> PathBuf {
        self.state.join("journal")
    }

    /// Recordings: spools while open.
    pub fn recordings(&self) -> PathBuf {
        self.state.join("recordings")
    }

    /// One spool.
    pub fn spool(&self, session: &SessionId) -> PathBuf {
        self.recordings().join(format!("{session}.spool"))
    }

    /// The folder of a sealed recording.
    pub fn sealed(&self, session: &SessionId) -> PathBuf {
        self.recordings().join(session.as_str())
    }

    /// The age headers of all sealed recordings, apart from their bodies (D23).
    pub fn keyring(&self) -> PathBuf {
        self.state.join("keyring")
    }

    /// The age headers of one sealed recording.
    pub fn heads(&self, session: &SessionId) -> PathBuf {
        self.keyring().join(session.as_str())
    }

    /// Secrets.
    pub fn vault(&self) -> PathBuf {
        self.state.join("vault")
    }

    /// Files that wait for the scanner.
    pub fn quarantine(&self) -> PathBuf {
        self.state.join("quarantine")
    }

    /// What was given out of checkpoints, and what came back.
    pub fn anchors(&self) -> PathBuf {
        self.state.join("anchors")
    }

    /// How far each receiver has the journal.
    pub fn siem(&self) -> PathBuf {
        self.state.join("siem")
    }

    /// Bytes that were found and not applied.
    pub fn aside(&self) -> PathBuf {
        self.state.join("aside")
    }

    /// The files of the configuration in force.
    pub fn in_force(&self) -> PathBuf {
        self.state.join("in-force")
    }

    /// Where the command line speaks to the daemon.
    pub fn socket(&self) -> PathBuf {
        self.state.join("ctl.sock")
    }

    /// What is laid by for a full disk.
    pub fn reserve(&self) -> PathBuf {
        self.state.join("reserve")
    }

    /// The state folder.
    pub fn state(&self) -> &Path {
        &self.state
    }
}

/// The vault's document of the codes on paper.
pub(crate) const BREAK_GLASS: &str = "break-glass";

/// A new session's id.
pub fn new_session_id() -> Result<SessionId, entropy::NoEntropy> {
    Ok(SessionId::from_random(entropy::bytes()?))
}

/// The vault's document of a technician's secrets.
pub fn technician_document(account: &lifecycle::AccountId) -> String {
    format!("technician-{account}")
}

/// The vault's document of a technician's invitation.
pub fn invitation_document(account: &lifecycle::AccountId) -> String {
    format!("invitation-{account}")
}

/// The vault's document of the word that a technician reads out.
pub fn word_document(account: &lifecycle::AccountId) -> String {
    format!("word-{account}")
}

/// The vault's document of a planned intervention's code.
pub fn planned_document(number: lifecycle::InterventionNumber) -> String {
    format!("planned-{number}")
}

/// The vault's document of a staff member's secrets.
pub fn staff_document(login: &policy::StaffLogin) -> String {
    format!("staff-{login}")
}

/// The vault's document of a staff member's invitation.
pub fn enrolment_document(login: &policy::StaffLogin) -> String {
    // Not `staff-…`: a login may itself begin with any word.
    format!("enrolment-{login}")
}

/// The vault's document of the credential of one login on a target.
pub fn target_document(target: &policy::TargetId, login: &policy::TargetAccount) -> String {
    // A target's name holds no `@`, so two different pairs never share a document.
    format!("target-{target}@{login}")
}
