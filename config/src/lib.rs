//! What an operator writes: `poterne.toml`, `vendors.d/*.toml`, `targets.d/*.toml`.
//!
//! One loader for the daemon, `poterne config check` and the tests of the shipped examples. All
//! problems are collected before any is reported, each with file, line, column and what to write
//! instead. From here inwards only typed values travel.
#![forbid(unsafe_code)]

mod across;
mod anchors;
mod channels;
mod draft;
mod files;
mod keys;
mod legacy;
mod limits;
mod load;
mod measure;
mod notify;
mod officer;
mod parts;
mod read;
mod show;
mod siem;
mod values;
mod weakening;

pub use anchors::{Anchors, Backup, Witness};
pub use channels::{Carried, Clamav, ClamavSocket, Content, Scan};
pub use keys::{KEYS, Key, man_table};
pub use legacy::{Exception, LEGACY_ALGORITHMS, Legacy, SecondFactor};
pub use limits::Limits;
pub use load::{LoadError, Options, load};
pub use measure::{ByteSize, Months};
pub use notify::{Mail, MailTls, Notify, Topic, Webhook};
pub use read::{Problem, Severity};
pub use show::{differences, show};
pub use siem::{Alarms, Receiver, SiemFormat};
pub use weakening::weakening;

use ipnet::IpNet;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use policy::{Calendar, CalendarId, GroupId, PolicySet, TargetId, VendorId};
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;

/// A whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// `[site]`
    pub site: Site,
    /// `[ssh]`
    pub ssh: Ssh,
    /// `[limits]`
    pub limits: Limits,
    /// `[console]`
    pub console: Option<Console>,
    /// `[calendars.*]`
    pub calendars: BTreeMap<CalendarId, Calendar>,
    /// `[groups.*]`
    pub groups: BTreeMap<GroupId, Group>,
    /// `[recordings]`
    pub recordings: Recordings,
    /// `[supervision]`
    pub supervision: SupervisionTimes,
    /// `[retention]`
    pub retention: Retention,
    /// `[clamav]`
    pub clamav: Option<Clamav>,
    /// `[notify]`
    pub notify: Notify,
    /// `[anchors]`
    pub anchors: Anchors,
    /// `[backup]`
    pub backup: Backup,
    /// `[siem.*]` by name.
    pub siem: BTreeMap<String, Receiver>,
    /// `[alarms]`
    pub alarms: Alarms,
    /// `[vendor.*]`
    pub vendors: BTreeMap<VendorId, Vendor>,
    /// `[target.*]`
    pub targets: BTreeMap<TargetId, Target>,
    /// SHA-256 over the files' names and texts, in hexadecimal: what admissions refer to.
    pub digest: String,
    /// Every key as it is in force, defaults included, by its path.
    pub effective: BTreeMap<String, String>,
    /// What is allowed but worth a look.
    pub warnings: Vec<Problem>,
    /// Which paths of [`KEYS`] the loader asked for: the tests hold the table against it.
    #[doc(hidden)]
    pub asked: BTreeSet<String>,
}

impl Config {
    /// The rules that the judge takes. `withdrawn` are the targets whose quorum cannot be met.
    pub fn rules(&self, withdrawn: BTreeSet<TargetId>) -> PolicySet {
        PolicySet {
            zone: self.site.zone.clone(),
            vendors: self.vendors.iter().map(|(id, vendor)| (id.clone(), vendor.rules.clone())).collect(),
            targets: self.targets.iter().map(|(id, target)| (id.clone(), target.rules.clone())).collect(),
            calendars: self.calendars.clone(),
            withdrawn,
        }
    }

    /// Whether any vendor could come in by hours and contract at this instant (D15).
    pub fn any_hours_open(&self, at: Timestamp) -> bool {
        let today = self.site.zone.to_datetime(at).date();
        self.vendors.values().any(|vendor| {
            let rules = &vendor.rules;
            !rules.allow.is_empty()
                && rules.contract.days.contains(today)
                && self.calendars.get(&rules.calendar).is_some_and(|calendar| calendar.is_open(at))
        })
    }

    /// The target that is reached by SSH at this address.
    pub fn target_at(&self, to: SocketAddr) -> Option<&TargetId> {
        let to = across::canonical(to);
        self.targets.iter().find(|(_, target)| across::canonical(target.address) == to).map(|(id, _)| id)
    }

    /// Whether the bastion itself listens at this address.
    pub fn is_bastion(&self, to: SocketAddr) -> bool {
        let console = self.console.iter().map(|console| console.listen);
        channels::is_own(self.ssh.listen.iter().copied().chain(console), to)
    }

    /// Groups that are on call at this instant: those without a calendar always are (D13).
    pub fn on_call(&self, at: Timestamp) -> BTreeSet<GroupId> {
        let open = |calendar: &CalendarId| self.calendars.get(calendar).is_some_and(|calendar| calendar.is_open(at));
        let groups = self.groups.iter().filter(|(_, group)| group.on_call.as_ref().is_none_or(open));
        groups.map(|(id, _)| id.clone()).collect()
    }

    /// The next instant at which that can change: hours open or close, or a day begins and with it
    /// or before it a contract. The caller asks again then.
    pub fn hours_change_after(&self, at: Timestamp) -> Option<Timestamp> {
        let hours = self
            .vendors
            .values()
            .filter_map(|vendor| self.calendars.get(&vendor.rules.calendar))
            .filter_map(|calendar| calendar.closes_at(at).or_else(|| calendar.next_opening(at)));
        let tomorrow = self.site.zone.to_datetime(at).date().tomorrow().ok();
        let midnight =
            tomorrow.and_then(|day| day.to_zoned(self.site.zone.clone()).ok()).map(|start| start.timestamp());
        hours.chain(midnight).min()
    }
}

/// The language of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Language {
    /// French.
    #[default]
    French,
    /// English.
    English,
}

impl Language {
    /// The word for it in the configuration.
    pub fn word(self) -> &'static str {
        match self {
            Language::French => "fr",
            Language::English => "en",
        }
    }
}

/// `[site]`
#[derive(Debug, Clone)]
pub struct Site {
    /// The hospital's name, as technicians read it.
    pub name: String,
    /// The zone of all hours and days.
    pub zone: TimeZone,
    /// What is spoken before anybody is known.
    pub language: Language,
    /// The folder of journal, recordings and vault.
    pub state: PathBuf,
    /// Bytes laid by on its disk, to close with when that is full.
    pub reserve: ByteSize,
    /// A weakening change waits for a second person (T8).
    pub four_eyes: bool,
    /// At the command line an approval takes a code of the sealed envelope (T16).
    pub sealed_command_line: bool,
}

/// When the vendors' port is open (D15).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// In the hours of any vendor.
    Hours,
    /// Only while a planned or emergency intervention is open.
    Armed,
    /// Always; a firewall keeps the hours.
    Always,
}

/// `[ssh]`
#[derive(Debug, Clone)]
pub struct Ssh {
    /// Where vendors connect.
    pub listen: Vec<SocketAddr>,
    /// When the port is open.
    pub open: Opening,
    /// Offer nistp256 host key and exchange as well, for old JSch (D30).
    pub legacy_clients: bool,
    /// The name by which vendors reach the bastion; empty: not said.
    pub name: String,
    /// Where a refused script or person finds help: an address or a telephone number.
    pub help: String,
    /// Those of `listen` on which each connection begins with a PROXY header.
    pub proxied: Vec<SocketAddr>,
    /// Who may pass connections on there.
    pub proxies: Networks,
    /// Connections waiting in the lobby, over all sources.
    pub pending: u32,
    /// Channels of one connection.
    pub channels: u32,
    /// Tunnels of one session at a time.
    pub forwards: u32,
}

/// `[console]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Console {
    /// Where staff connect. Never a vendor-side address (NET-13).
    pub listen: SocketAddr,
    /// The certificate's file, if one was made out.
    pub certificate: Option<PathBuf>,
    /// Its key's file.
    pub key: Option<PathBuf>,
    /// How browsers reach it: `https://host[:port]`, without a slash at its end.
    pub address: String,
}

/// `[groups.*]`: members are staff accounts, kept in the register.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name as staff know it.
    pub name: String,
    /// Who is on call, by a calendar.
    pub on_call: Option<CalendarId>,
    /// Addresses that get the mail of its approvers too.
    pub mail: Vec<String>,
}

/// `[recordings]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recordings {
    /// The security officers' keys, `age1…`.
    pub recipients: Vec<String>,
    /// The auditors' keys, of whom one must help each time (`reading = "two-persons"`); empty where an
    /// officer reads alone.
    pub second_recipients: Vec<String>,
    /// Bytes of one exec stream that are kept.
    pub record_limit: ByteSize,
    /// Bytes of one session's recording; beyond it the session is frozen (D25).
    pub session_quota: ByteSize,
    /// An officer's key, encrypted with a passphrase: recordings are replayed in the browser (D23).
    pub replay_key: Option<PathBuf>,
}

/// `[supervision]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SupervisionTimes {
    /// Unwatched for this long: frozen.
    pub freeze_after: SignedDuration,
    /// Unwatched for this long: ended.
    pub end_after: SignedDuration,
    /// About how often a watcher is asked to type something.
    pub challenge: SignedDuration,
}

/// `[retention]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// How long journal bodies are kept (LOG-07).
    pub journal: Months,
    /// How long recordings are kept.
    pub recordings: Months,
    /// How long copies of files are kept.
    pub files: Months,
    /// Why longer than 12 months.
    pub because: Option<String>,
}

/// `[vendor.*]`
#[derive(Debug, Clone)]
pub struct Vendor {
    /// What the judge needs.
    pub rules: policy::Vendor,
    /// Whom to call back (D6).
    pub contact: Contact,
    /// What its technicians read once they are known.
    pub language: Language,
    /// Whether a key is asked for besides password and code.
    pub key: bool,
    /// The file that declares it.
    pub file: PathBuf,
}

/// `contact` of a vendor: the number in the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Who answers.
    pub name: String,
    /// The number to call back.
    pub phone: String,
    /// Where receipts go.
    pub email: String,
}

/// `[target.*]`
#[derive(Debug, Clone)]
pub struct Target {
    /// What the judge needs.
    pub rules: policy::Target,
    /// A fixed address: no name is ever resolved (NET-07).
    pub address: SocketAddr,
    /// What its channels may carry, and what is kept of it.
    pub carried: Carried,
    /// What it is offered besides, as an exception.
    pub legacy: Option<Legacy>,
    /// What it may ask besides what the vault answers.
    pub second_factor: SecondFactor,
    /// The pinned host key, as an OpenSSH line. `None` only while it is being pinned.
    pub host_key: Option<String>,
    /// The file that declares it.
    pub file: PathBuf,
}

/// Networks of a vendor, for `poterne firewall render`.
pub type Networks = Vec<IpNet>;
