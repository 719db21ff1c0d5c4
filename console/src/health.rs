//! How the machine is, as the daemon says it. Nothing here is judged: that is the page's and whoever
//! asks for the data.

use jiff::Timestamp;
use jiff::civil::Date;
use lifecycle::Lack;
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// How the machine is.
#[derive(Debug, Clone, Serialize)]
pub struct Health {
    /// Which version runs.
    pub version: String,
    /// Whether the clock is trusted: it is near what another clock of the machine says.
    pub clock_trusted: bool,
    /// The file system of the state folder. `None`: it does not say.
    pub state: Option<Room>,
    /// The file system of the recordings, which may be another.
    pub recordings: Option<Room>,
    /// The journal.
    pub journal: JournalHealth,
    /// Recordings of sessions that are over.
    pub recorder: RecorderHealth,
    /// The vendors' port.
    pub door: Door,
    /// The console's certificate. `None`: it has none yet.
    pub certificate: Option<Certificate>,
    /// The scanner of files. `None`: no target's files are scanned.
    pub scanner: Option<ScannerHealth>,
    /// Where notices go: mail and what else is configured; and, as `siem.NAME`, where the journal goes.
    pub channels: Vec<Channel>,
    /// The ways by which checkpoints leave the machine.
    pub anchors: Vec<Anchor>,
    /// What the machine lacks, with why: as long as it does, nothing new opens.
    pub lacks: BTreeMap<Lack, String>,
    /// Entries that are remembered elsewhere and not here. `None`: nothing is missing.
    pub rollback: Option<Missing>,
    /// How the program shut itself in. `None`: it did not, as in the demo.
    pub confined: Option<Walls>,
    /// When a backup was last made. `None`: never.
    pub last_backup: Option<Timestamp>,
    /// When something whose term was over was last erased. `None`: never.
    pub last_retention: Option<Timestamp>,
}

/// How the program shut itself in (D35), as the kernel says it now.
#[derive(Debug, Clone, Serialize)]
pub struct Walls {
    /// The version of Landlock's ABI in force, which confines paths; 0: this kernel has none.
    pub landlock: u8,
    /// Whether TCP ports are confined too.
    pub ports: bool,
    /// Whether calls to the kernel are filtered.
    pub calls: bool,
}

/// A way by which checkpoints leave the machine.
#[derive(Debug, Clone, Serialize)]
pub struct Anchor {
    /// `file`, `syslog`, or a witness's name in the configuration.
    pub name: String,
    /// When one last left.
    pub last: Option<Timestamp>,
    /// Over how many entries it was.
    pub size: Option<u64>,
    /// Whether that is longer ago than the configuration allows.
    pub overdue: bool,
    /// Why the last try failed, if it did.
    pub error: Option<String>,
}

/// Entries that are gone; nothing opens before two persons accept it.
#[derive(Debug, Clone, Serialize)]
pub struct Missing {
    /// So many are remembered.
    pub remembered: u64,
    /// So many were here when that was found.
    pub here: u64,
    /// Who remembers.
    pub by: Vec<String>,
    /// How many persons have still to accept.
    pub to_accept: usize,
}

/// Room on a file system, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Room {
    /// Free for the service.
    pub free: u64,
    /// In all.
    pub total: u64,
}

/// How the journal is.
#[derive(Debug, Clone, Serialize)]
pub struct JournalHealth {
    /// Whether it takes entries. If not, nothing opens until a restart.
    pub works: bool,
    /// Entries under the newest signed checkpoint.
    pub size: Option<u64>,
    /// When the last entry was made. A heartbeat makes one every hour.
    pub last_entry: Option<Timestamp>,
    /// Its public key, for those who verify.
    pub key: String,
    /// The newest signed checkpoint, as it is to be kept elsewhere.
    pub checkpoint: String,
}

/// How recordings are.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct RecorderHealth {
    /// Sessions that are over and not sealed yet.
    pub to_seal: usize,
    /// When the last session that is sealed ended.
    pub last_sealed: Option<Timestamp>,
    /// Sealed ones that are not whole: something that was recorded is missing.
    pub damaged: usize,
}

/// Why the vendors' port is as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DoorCause {
    /// All access is cut.
    Lockdown,
    /// It is always open, by configuration.
    Always,
    /// Somebody could come in by hours, or by what is planned.
    Due,
    /// Nobody could come in now.
    NotDue,
    /// It ought to be open, and is not: the address cannot be had.
    Fault,
}

/// The vendors' port.
#[derive(Debug, Clone, Serialize)]
pub struct Door {
    /// Where vendors can connect now; empty while it is closed.
    pub addresses: Vec<SocketAddr>,
    /// Why.
    pub cause: DoorCause,
    /// When time alone may change it.
    pub next: Option<Timestamp>,
}

/// The console's certificate.
#[derive(Debug, Clone, Serialize)]
pub struct Certificate {
    /// Whether the console made it itself: approving then works from that machine alone (D12).
    pub own: bool,
    /// SHA-256 over it, as browsers show it.
    pub fingerprint: String,
    /// What it is made out for.
    pub names: Vec<String>,
    /// The last instant at which browsers take it.
    pub until: Timestamp,
}

/// How the scanner of files is.
#[derive(Debug, Clone, Serialize)]
pub struct ScannerHealth {
    /// Why it cannot be asked; nothing is delivered meanwhile. `None`: it answers.
    pub fault: Option<String>,
    /// Its version, if it says.
    pub version: Option<String>,
    /// Of which day its signatures are, if it says.
    pub signatures: Option<Date>,
}

/// A channel that notices leave by.
#[derive(Debug, Clone, Serialize)]
pub struct Channel {
    /// Its name in the configuration; the mail is called `mail`, a receiver of the journal `siem.NAME`.
    pub name: String,
    /// Whether the last try went well, or there was none.
    pub well: bool,
    /// When something was last delivered.
    pub last_ok: Option<Timestamp>,
    /// Why the last failure was one, with when.
    pub last_error: Option<(Timestamp, String)>,
    /// Notices that wait; of a `siem.NAME`, entries.
    pub waiting: u64,
}
