//! `[siem.*]`: who receives the journal as it grows (LOG-05), and `[alarms]`: what makes one.

use crate::read::{At, Place, Sink, Table, quoted};
use crate::values::{absolute, by, host_and_port, is_short_name, one_of, within};
use jiff::SignedDuration;
use policy::GroupId;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// How an entry is written for a receiver (LOG-14).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiemFormat {
    /// RFC 5424 with the facts as structured data.
    Rfc5424,
    /// Common Event Format.
    Cef,
    /// Open Cybersecurity Schema Framework, as JSON.
    Ocsf,
    /// The entry itself as JSON.
    Json,
}

impl SiemFormat {
    /// Every format with its word in the configuration.
    pub const ALL: &'static [(&'static str, SiemFormat)] = &[
        ("rfc5424", SiemFormat::Rfc5424),
        ("cef", SiemFormat::Cef),
        ("ocsf", SiemFormat::Ocsf),
        ("json", SiemFormat::Json),
    ];
}

/// The facilities of RFC 5424 §6.2.1 that a program of its own kind may use.
const FACILITIES: &[(&str, u8)] = &[
    ("daemon", 3),
    ("auth", 4),
    ("authpriv", 10),
    ("audit", 13),
    ("local0", 16),
    ("local1", 17),
    ("local2", 18),
    ("local3", 19),
    ("local4", 20),
    ("local5", 21),
    ("local6", 22),
    ("local7", 23),
];

/// `[siem.*]`: syslog over TLS (RFC 5425).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receiver {
    /// Its name or address, without brackets: what its certificate must be made out to.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The authorities of which one must have signed its certificate: PEM.
    pub ca_file: PathBuf,
    /// Files of the certificate that is shown to it, and of its key: PEM.
    pub client: Option<(PathBuf, PathBuf)>,
    /// How entries are written.
    pub format: SiemFormat,
    /// The syslog facility, 0 to 23.
    pub facility: u8,
    /// An entry that waits for so long raises an alarm.
    pub alarm_after: SignedDuration,
}

/// `[alarms]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarms {
    /// Within so long, tries on several accounts of a vendor from one source are taken for a leak
    /// (IDM-13).
    pub leak_window: SignedDuration,
    /// An alert that nobody took for so long goes on to others (LOG-16).
    pub escalate_after: SignedDuration,
    /// Groups whose members hear it then, if they are on call; empty: any that has a calendar for it.
    pub on_call: BTreeSet<GroupId>,
    /// The local syslog's socket, if alerts go there too.
    pub syslog: Option<PathBuf>,
}

/// The section, and where its files are named.
#[derive(Default)]
pub(crate) struct PlacedSiem {
    pub(crate) value: BTreeMap<String, Receiver>,
    files: Vec<(String, At<PathBuf>, Holds)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Holds {
    Certificate,
    Key,
}

/// Reads one receiver.
pub(crate) fn receiver(name: &At<String>, table: &Table<'_>, all: &mut PlacedSiem) {
    let server = table.required("server", "write host and port, such as \"siem.chu.example:6514\"", |text| {
        host_and_port(text).map(|(host, port)| (host.to_owned(), port)).ok_or_else(|| {
            format!("`{}` is not a host with a port: write one such as siem.chu.example:6514", quoted(text))
        })
    });
    let what = "write the path of a PEM file with the authority that signed the receiver's certificate";
    let ca_file = table.required("ca-file", what, absolute);
    let certificate = table.optional("certificate", absolute);
    let key = table.optional("key", absolute);
    let format = table.parsed_or("format", one_of(SiemFormat::ALL));
    let facility = table.parsed_or("facility", one_of(FACILITIES));
    let alarm_after = table.parsed_or("alarm-after", within("1m", "48h"));
    table.finish();
    if table.has("certificate") != table.has("key") {
        let (written, other) = if table.has("key") { ("key", "certificate") } else { ("certificate", "key") };
        let why = format!("stands without `{other}`: write both, or neither");
        table.refuse(&table.place_of(written), written, why);
    }
    let named = [("ca-file", &ca_file, Holds::Certificate), ("certificate", &certificate, Holds::Certificate)];
    for (path, file, holds) in named.into_iter().chain([("key", &key, Holds::Key)]) {
        all.files.extend(file.iter().map(|file| (table.path_of(path), file.clone(), holds)));
    }
    // It names a file in the state folder too.
    if !is_short_name(&name.value) {
        let why = "is no name: write at most 32 lower-case letters, digits and hyphens, a letter first";
        table.sink().error(&name.place, format!("the receiver `{}` {why}", quoted(&name.value)));
        return;
    }
    let (Some(server), Some(ca_file), Some(format), Some(facility), Some(alarm_after)) =
        (server, ca_file, format, facility, alarm_after)
    else {
        return;
    };
    let (host, port) = server.value;
    let receiver = Receiver {
        host: host.trim_matches(['[', ']']).to_owned(),
        port,
        ca_file: ca_file.value,
        client: certificate.zip(key).map(|(certificate, key)| (certificate.value, key.value)),
        format: format.value,
        facility: facility.value,
        alarm_after: alarm_after.value,
    };
    all.value.insert(name.value.clone(), receiver);
}

/// `[alarms]`
pub(crate) fn alarms(table: &Table<'_>, mut wants: impl FnMut(&At<GroupId>, String)) -> Option<Alarms> {
    let leak_window = table.parsed_or("leak-window", within("10m", "168h"));
    let escalate_after = table.parsed_or("escalate-after", within("1m", "24h"));
    let on_call = table.list_or("on-call", by::<GroupId>);
    let syslog = table.optional("syslog", absolute);
    table.finish();
    for group in &on_call {
        wants(group, table.path_of("on-call"));
    }
    Some(Alarms {
        leak_window: leak_window?.value,
        escalate_after: escalate_after?.value,
        on_call: on_call.into_iter().map(|group| group.value).collect(),
        syslog: syslog.map(|path| path.value),
    })
}

impl PlacedSiem {
    /// The files are there. What is in them is judged at each connection: certificates are renewed.
    pub(crate) fn check(&self, sink: &Sink) {
        for (key, file, holds) in &self.files {
            if let Some(why) = file_problem(&file.value, *holds) {
                complain(sink, &file.place, key, &file.value, &why);
            }
        }
    }
}

fn complain(sink: &Sink, place: &Place, key: &str, path: &Path, why: &str) {
    sink.error(place, format!("`{key}`: `{}` {why}", quoted(&path.to_string_lossy())));
}

fn file_problem(path: &Path, holds: Holds) -> Option<String> {
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) => return Some(format!("cannot be read: {error}")),
    };
    if !found.is_file() {
        return Some("is not a file: write the path of one".to_owned());
    }
    if holds == Holds::Key && found.permissions().mode() & 0o077 != 0 {
        return Some(format!("can be read by others: run `chmod 600 {}`", quoted(&path.to_string_lossy())));
    }
    fs::read(path).err().map(|error| format!("cannot be read: {error}"))
}
