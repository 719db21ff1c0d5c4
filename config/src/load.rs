//! From files to a [`Config`]: read, type, check across.

use crate::measure::{ByteSize, Months, duration};
use crate::read::{At, Place, Problem, Severity, Sink, Table, nearest};
use crate::{
    Config, Console, Contact, Group, Language, Opening, Recordings, Retention, Site, Ssh, SupervisionTimes, Target,
    Vendor,
};
use data_encoding::HEXLOWER;
use ipnet::IpNet;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use policy::{
    AllowRule, Calendar, CalendarId, Contract, DateRange, ExtraOpening, ForbidRule, GroupId, HolidayRules, Per, Region,
    Right, Sources, Supervision, TargetAccount, TargetId, VendorId, WeeklyInterval,
};
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use toml::de::DeTable;

/// How to load.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The instant against which contracts and hours are looked at.
    pub at: Timestamp,
    /// Let targets pass whose host key is not pinned yet: for `poterne target pin` alone.
    pub unpinned: bool,
}

/// The configuration is refused whole.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct LoadError(pub Vec<Problem>);

fn by<T: FromStr>(text: &str) -> Result<T, String>
where
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn one_of<T: Copy>(choices: &'static [(&'static str, T)]) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            format!("`{}` is none of: {}", text.escape_default(), words.join(", "))
        })
    }
}

const LANGUAGES: &[(&str, Language)] = &[("fr", Language::French), ("en", Language::English)];

fn within(least: &'static str, most: &'static str) -> impl Fn(&str) -> Result<SignedDuration, String> {
    move |text| {
        let length = duration(text)?;
        let inside =
            duration(least).is_ok_and(|least| length >= least) && duration(most).is_ok_and(|most| length <= most);
        if inside { Ok(length) } else { Err(format!("`{text}` is outside {least} to {most}")) }
    }
}

fn day(text: &str) -> Result<Date, String> {
    text.parse().map_err(|_| format!("`{}` is not a day: write it as 2026-12-31", text.escape_default()))
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!("`{}` is not an address with a port: write numbers such as 10.20.3.14:22 or [fd00::1]:22; names are not resolved", text.escape_default())
    })
}

/// Loads the main file and the folders beside it.
pub fn load(main: &Path, options: Options) -> Result<Config, LoadError> {
    let sink = Sink::default();
    let folder = main.parent().unwrap_or_else(|| Path::new("."));
    let mut texts = vec![(main.to_owned(), Kind::Main)];
    for (name, kind) in [("vendors.d", Kind::Vendors), ("targets.d", Kind::Targets)] {
        texts.extend(files_in(&folder.join(name), &sink).into_iter().map(|path| (path, kind)));
    }
    let mut draft = Draft::default();
    let mut digest = Sha256::new();
    for (path, kind) in texts {
        let Some(text) = read_file(&path, &sink) else { continue };
        let shown = path.strip_prefix(folder).unwrap_or(&path).display().to_string();
        digest.update(format!("{}:{shown}\n{}:", shown.len(), text.len()));
        digest.update(&text);
        match DeTable::parse(&text) {
            Ok(root) => draft.file(&Table::root(&path, &text, &sink, &root), kind, &options),
            Err(error) => {
                let place =
                    error.span().map_or_else(|| Place::whole(&path), |span| Place::of(&path, &text, span.start));
                sink.error(&place, format!("not TOML: {}", error.message().replace('\n', " ")));
            }
        }
    }
    draft.check_across(&sink, main, &options);
    let mut problems = std::mem::take(&mut *sink.problems.borrow_mut());
    problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    let (errors, warnings): (Vec<_>, Vec<_>) =
        problems.into_iter().partition(|problem| problem.severity == Severity::Error);
    let digest: [u8; 32] = digest.finalize().into();
    let effective = std::mem::take(&mut *sink.effective.borrow_mut());
    match draft.finish(HEXLOWER.encode(&digest), effective, warnings) {
        Some(config) if errors.is_empty() => Ok(config),
        _ => Err(LoadError(errors)),
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Main,
    Vendors,
    Targets,
}

fn files_in(folder: &Path, sink: &Sink) -> Vec<PathBuf> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Vec::new(),
        Err(error) => {
            sink.error(&Place::whole(folder), format!("cannot be read: {error}"));
            return Vec::new();
        }
    };
    let mut paths: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|end| end == "toml"))
        .collect();
    paths.sort();
    paths
}

fn read_file(path: &Path, sink: &Sink) -> Option<String> {
    match fs::read_to_string(path) {
        Ok(text) => Some(text),
        Err(error) => {
            sink.error(&Place::whole(path), format!("cannot be read: {error}"));
            None
        }
    }
}

/// What has been read so far. Parts stay `None` where something was wrong.
#[derive(Default)]
struct Draft {
    site: Option<Site>,
    ssh: Option<Ssh>,
    console: Option<At<Console>>,
    calendars: BTreeMap<CalendarId, Calendar>,
    calendar_places: BTreeMap<CalendarId, Place>,
    groups: BTreeMap<GroupId, Group>,
    recordings: Option<Recordings>,
    supervision: Option<SupervisionTimes>,
    retention: Option<Retention>,
    vendors: BTreeMap<VendorId, Vendor>,
    vendor_places: BTreeMap<VendorId, Place>,
    targets: BTreeMap<TargetId, Target>,
    target_places: BTreeMap<TargetId, Place>,
    named: Vec<Named>,
}

/// A name that must exist elsewhere.
struct Named {
    place: Place,
    key: String,
    name: Name,
}

enum Name {
    Calendar(CalendarId),
    Group(GroupId),
    Target(TargetId),
}

impl Draft {
    fn file(&mut self, root: &Table<'_>, kind: Kind, options: &Options) {
        if kind == Kind::Main {
            self.main(root);
        }
        if kind != Kind::Targets {
            for (name, table) in root.named("vendor") {
                self.vendor(&name, &table, root.sink());
            }
        }
        if kind != Kind::Vendors {
            for (name, table) in root.named("target") {
                self.target(&name, &table, root.sink(), options);
            }
        }
        root.finish();
    }

    fn main(&mut self, root: &Table<'_>) {
        self.site = root.table("site").and_then(|table| site(&table)).or_else(|| {
            if root.table("site").is_none() {
                root.missing("site", "write `[site]` with name and timezone");
            }
            None
        });
        let zone = self.site.as_ref().map_or(TimeZone::UTC, |site| site.zone.clone());
        self.ssh = match root.table("ssh") {
            Some(table) => ssh(&table),
            None => {
                root.missing("ssh", "write `[ssh]`, if need be with nothing below");
                None
            }
        };
        self.console = root.table("console").and_then(|table| console(&table));
        for (name, table) in root.named("calendars") {
            self.calendar(&name, &table, &zone);
        }
        for (name, table) in root.named("groups") {
            self.group(&name, &table);
        }
        self.recordings = match root.table("recordings") {
            Some(table) => recordings(&table),
            None => {
                root.missing(
                    "recordings",
                    "write `[recordings]` with recipients: without them nobody could open a recording",
                );
                None
            }
        };
        self.supervision = supervision(root);
        self.retention = retention(root);
    }

    fn wants(&mut self, found: &At<impl Clone + Into<Name>>, key: String) {
        self.named.push(Named { place: found.place.clone(), key, name: found.value.clone().into() });
    }

    fn calendar(&mut self, name: &At<String>, table: &Table<'_>, zone: &TimeZone) {
        let region = table
            .parsed_or("holidays", "FR", |text| if text == "none" { Ok(None) } else { by::<Region>(text).map(Some) });
        let good_friday = table.flag("good-friday", false);
        let worked = table.parsed_or("pentecost-monday", "holiday", one_of(&[("holiday", false), ("worked", true)]));
        if good_friday && region.as_ref().is_some_and(|region| region.value != Some(Region::AlsaceMoselle)) {
            table.sink().error(&table.place(), "`good-friday` is a holiday in Alsace-Moselle only: set `holidays = \"FR-Alsace-Moselle\"` or remove it");
        }
        let mut weekly = Vec::new();
        for hours in table.tables("hours") {
            let days = hours.required("days", "write the days, such as \"mon-fri\"", WeeklyInterval::parse_days);
            let from = hours.required("from", "write a time such as \"08:00\"", by);
            let to = hours.required("to", "write a time such as \"18:00\"", by);
            if let (Some(days), Some(from), Some(to)) = (days, from, to) {
                match WeeklyInterval::new(days.value, from.value, to.value) {
                    Ok(interval) => weekly.push(interval),
                    Err(why) => table.sink().error(&from.place, why),
                }
            }
            hours.finish();
        }
        let closed = table.list("closed", by::<DateRange>).unwrap_or_default();
        let mut extra = Vec::new();
        for opening in table.tables("extra") {
            let day = opening.required("day", "write a day such as \"2026-05-01\"", day);
            let from = opening.required("from", "write a time such as \"08:00\"", by);
            let to = opening.required("to", "write a time such as \"12:00\"", by);
            if let (Some(day), Some(from), Some(to)) = (day, from, to) {
                match ExtraOpening::new(day.value, from.value, to.value) {
                    Ok(opening) => extra.push(opening),
                    Err(why) => table.sink().error(&from.place, why),
                }
            }
            opening.finish();
        }
        table.finish();
        let Some(id) = id::<CalendarId>(name, table.sink()) else { return };
        let holidays = region.and_then(|region| region.value).map(|region| HolidayRules {
            region,
            good_friday,
            pentecost_monday_worked: worked.is_some_and(|worked| worked.value),
        });
        let closed = closed.into_iter().map(|range| range.value).collect();
        self.calendar_places.insert(id.clone(), name.place.clone());
        self.calendars.insert(id.clone(), Calendar { id, zone: zone.clone(), holidays, weekly, closed, extra });
    }

    fn group(&mut self, name: &At<String>, table: &Table<'_>) {
        let shown = table.required_text("name", "write the group's name as staff know it");
        let on_call = table.parsed("on-call", by::<CalendarId>);
        table.finish();
        if let Some(on_call) = &on_call {
            self.wants(on_call, table.path_of("on-call"));
        }
        if let (Some(id), Some(shown)) = (id::<GroupId>(name, table.sink()), shown) {
            self.groups.insert(id, Group { name: shown.value, on_call: on_call.map(|calendar| calendar.value) });
        }
    }

    fn vendor(&mut self, name: &At<String>, table: &Table<'_>, sink: &Sink) {
        let shown = table.required_text("name", "write the company's name");
        let contract = contract(table);
        let contact = contact(table);
        let sources = sources(table);
        let calendar = table.required("calendar", "name one of `[calendars.*]`", by::<CalendarId>);
        if let Some(calendar) = &calendar {
            self.wants(calendar, table.path_of("calendar"));
        }
        let language = table.parsed_or("language", "fr", one_of(LANGUAGES));
        let key = factors(table);
        let allow: Vec<AllowRule> = table.tables("allow").iter().filter_map(|rule| self.allow(rule)).collect();
        let forbid: Vec<ForbidRule> = table.tables("forbid").iter().filter_map(|rule| self.forbid(rule)).collect();
        table.finish();
        let Some(id) = id::<VendorId>(name, sink) else { return };
        if let Some(other) = self.vendor_places.insert(id.clone(), name.place.clone()) {
            sink.error(&name.place, format!("the vendor `{id}` is declared twice: first in {}", other.file.display()));
        }
        if let (Some(shown), Some(contract), Some(contact), Some(sources), Some(calendar), Some(language), Some(key)) =
            (shown, contract, contact, sources, calendar, language, key)
        {
            let domain = contact.email.rsplit_once('@').map_or(String::new(), |(_, domain)| domain.to_lowercase());
            let rules = policy::Vendor {
                id: id.clone(),
                name: shown.value,
                contract,
                domain,
                sources,
                calendar: calendar.value,
                allow,
                forbid,
            };
            self.vendors.insert(id, Vendor { rules, contact, language: language.value, key });
        }
    }

    fn allow(&mut self, table: &Table<'_>) -> Option<AllowRule> {
        let targets = table.required_list("targets", "name the targets that the rule opens", by::<TargetId>);
        let accounts = table.list("accounts", by::<TargetAccount>).unwrap_or_default();
        let rights = table.required_list("rights", "name rights such as \"shell\"", by::<Right>);
        let longest = table.parsed_or("longest", "2h", within("1m", "24h"));
        let approval = table.table("approval");
        let (quorum, per) = match &approval {
            Some(approval) => {
                let quorum = approval.number("quorum", 1, 1..=5);
                let per = approval.parsed_or(
                    "per",
                    "session",
                    one_of(&[("session", Per::Session), ("intervention", Per::Intervention)]),
                );
                approval.finish();
                (quorum, per.map_or(Per::Session, |per| per.value))
            }
            None => {
                table.effective("approval.quorum", 1);
                table.effective("approval.per", "\"session\"");
                (1, Per::Session)
            }
        };
        table.finish();
        for target in targets.iter().flatten() {
            self.wants(target, table.path_of("targets"));
        }
        Some(AllowRule {
            targets: targets?.into_iter().map(|target| target.value).collect(),
            accounts: accounts.into_iter().map(|account| account.value).collect(),
            rights: rights?.into_iter().map(|right| right.value).collect(),
            quorum: u8::try_from(quorum).unwrap_or(u8::MAX),
            per,
            longest: longest?.value,
        })
    }

    fn forbid(&mut self, table: &Table<'_>) -> Option<ForbidRule> {
        let targets = table.required_list("targets", "name the targets that are forbidden", by::<TargetId>);
        let days = table.parsed("days", by::<DateRange>);
        let because = table.required_text("because", "say why: the technician reads it");
        table.finish();
        for target in targets.iter().flatten() {
            self.wants(target, table.path_of("targets"));
        }
        Some(ForbidRule {
            targets: targets?.into_iter().map(|target| target.value).collect(),
            days: days.map(|days| days.value),
            because: because?.value,
        })
    }

    fn target(&mut self, name: &At<String>, table: &Table<'_>, sink: &Sink, options: &Options) {
        let shown = table.required_text("name", "write the equipment's name in the hospital's words");
        let address = table.required("address", "write it as 10.20.3.14:22", address);
        let host_key = table.parsed("host-key", host_key);
        if host_key.is_none() && !options.unpinned && table.text("host-key").is_none() {
            table.missing(
                "host-key",
                &format!(
                    "`poterne target pin {} --write` fetches it and asks you to compare its fingerprint",
                    name.value.escape_default()
                ),
            );
        }
        let account = table.required("account", "write the login used on the target", by::<TargetAccount>);
        let approvers = table.required_list("approvers", "name the groups of which one may approve", by::<GroupId>);
        for group in approvers.iter().flatten() {
            self.wants(group, table.path_of("approvers"));
        }
        let supervision = table.parsed_or(
            "supervision",
            "offered",
            one_of(&[
                ("none", Supervision::None),
                ("offered", Supervision::Offered),
                ("required", Supervision::Required),
            ]),
        );
        let calendar = table.parsed("calendar", by::<CalendarId>);
        if let Some(calendar) = &calendar {
            self.wants(calendar, table.path_of("calendar"));
        }
        let call_back = table.parsed_or("verified", "any", one_of(&[("any", false), ("called", true)]));
        let idle = table.parsed_or("idle", "30m", within("1m", "8h"));
        table.finish();
        let Some(id) = id::<TargetId>(name, sink) else { return };
        if let Some(other) = self.target_places.insert(id.clone(), name.place.clone()) {
            sink.error(&name.place, format!("the target `{id}` is declared twice: first in {}", other.file.display()));
        }
        if let (
            Some(shown),
            Some(address),
            Some(account),
            Some(approvers),
            Some(supervision),
            Some(call_back),
            Some(idle),
        ) = (shown, address, account, approvers, supervision, call_back, idle)
        {
            let rules = policy::Target {
                id: id.clone(),
                name: shown.value,
                account: account.value,
                approvers: approvers.into_iter().map(|group| group.value).collect(),
                supervision: supervision.value,
                calendar: calendar.map(|calendar| calendar.value),
                call_back: call_back.value,
                idle: idle.value,
            };
            self.targets.insert(id, Target { rules, address: address.value, host_key: host_key.map(|key| key.value) });
        }
    }

    /// Everything that two places have to agree on.
    fn check_across(&self, sink: &Sink, main: &Path, options: &Options) {
        for named in &self.named {
            let (kind, name, exists, near) = match &named.name {
                Name::Calendar(id) => (
                    "calendar",
                    id.as_str(),
                    self.calendars.contains_key(id),
                    near(id.as_str(), self.calendar_places.keys().map(CalendarId::as_str)),
                ),
                Name::Group(id) => (
                    "group",
                    id.as_str(),
                    self.groups.contains_key(id),
                    near(id.as_str(), self.groups.keys().map(GroupId::as_str)),
                ),
                Name::Target(id) => (
                    "target",
                    id.as_str(),
                    self.target_places.contains_key(id),
                    near(id.as_str(), self.target_places.keys().map(TargetId::as_str)),
                ),
            };
            if !exists {
                sink.error(
                    &named.place,
                    format!("`{}` names the {kind} `{name}`, which is declared nowhere{near}", named.key),
                );
            }
        }
        for (id, calendar) in &self.calendars {
            if let Some(place) = self.calendar_places.get(id).filter(|_| !calendar.ever_opens(options.at)) {
                sink.error(
                    place,
                    format!("the calendar `{id}` does not open once in the next 400 days: give it `hours`"),
                );
            }
        }
        let today = self.site.as_ref().map(|site| site.zone.to_datetime(options.at).date());
        for (id, vendor) in &self.vendors {
            let Some(place) = self.vendor_places.get(id) else { continue };
            let days = vendor.rules.contract.days;
            if today.is_some_and(|today| days.last() < today) {
                sink.warn(
                    place,
                    format!("the contract of `{id}` ended on {}: its technicians are refused", days.last()),
                );
            }
            if vendor.rules.allow.is_empty() {
                sink.warn(
                    place,
                    format!("the vendor `{id}` has no `[[vendor.{id}.allow]]`: its technicians reach nothing"),
                );
            }
            if !vendor.key {
                sink.warn(
                    place,
                    format!("`{id}` logs in without a key: password and code can be phished; add \"key\" to `factors`"),
                );
            }
        }
        let mut addresses: BTreeMap<SocketAddr, &TargetId> = BTreeMap::new();
        for (id, target) in &self.targets {
            if let Some(other) = addresses.insert(target.address, id)
                && let Some(place) = self.target_places.get(id)
            {
                sink.error(
                    place,
                    format!(
                        "the targets `{other}` and `{id}` have the same address {}: declare the equipment once",
                        target.address
                    ),
                );
            }
        }
        self.check_console(sink);
        if self.vendors.is_empty() && self.vendor_places.is_empty() {
            sink.warn(&Place::whole(main), "no vendor is declared: nobody can come in");
        }
    }

    /// NET-13: the console is never on the vendors' side.
    fn check_console(&self, sink: &Sink) {
        let (Some(console), Some(ssh)) = (&self.console, &self.ssh) else { return };
        let place = &console.place;
        let ip = console.value.listen.ip();
        if ip.is_unspecified() {
            sink.error(
                place,
                "`console.listen` listens everywhere, hence on the vendors' side too: name the one inner address",
            );
        }
        let same_side = ssh.listen.iter().any(|vendors| vendors.ip() == ip);
        if same_side && !ip.is_loopback() {
            sink.error(
                place,
                format!(
                    "`console.listen` and `ssh.listen` are both on {ip}: the console may not be on the vendors' address"
                ),
            );
        }
        for (key, path, secret) in
            [("certificate", &console.value.certificate, false), ("key", &console.value.key, true)]
        {
            let Some(path) = path else { continue };
            match fs::metadata(path) {
                Err(error) => {
                    sink.error(place, format!("`console.{key}`: `{}` cannot be read: {error}", path.display()))
                }
                Ok(found) if secret && found.permissions().mode() & 0o077 != 0 => {
                    sink.error(
                        place,
                        format!("`console.{key}`: `{}` can be read by others: run `chmod 600` on it", path.display()),
                    );
                }
                Ok(_) => {}
            }
        }
        if console.value.certificate.is_some() != console.value.key.is_some() {
            sink.error(place, "`console.certificate` and `console.key` belong together: write both or neither");
        }
    }

    fn finish(self, digest: String, effective: BTreeMap<String, String>, warnings: Vec<Problem>) -> Option<Config> {
        Some(Config {
            site: self.site?,
            ssh: self.ssh?,
            console: self.console.map(|console| console.value),
            calendars: self.calendars,
            groups: self.groups,
            recordings: self.recordings?,
            supervision: self.supervision?,
            retention: self.retention?,
            vendors: self.vendors,
            targets: self.targets,
            digest,
            effective,
            warnings,
        })
    }
}

impl From<CalendarId> for Name {
    fn from(id: CalendarId) -> Self {
        Name::Calendar(id)
    }
}

impl From<GroupId> for Name {
    fn from(id: GroupId) -> Self {
        Name::Group(id)
    }
}

impl From<TargetId> for Name {
    fn from(id: TargetId) -> Self {
        Name::Target(id)
    }
}

fn near<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    nearest(name, known).map_or(String::new(), |near| format!(": did you mean `{near}`?"))
}

fn id<T: FromStr>(name: &At<String>, sink: &Sink) -> Option<T>
where
    T::Err: Display,
{
    match name.value.parse() {
        Ok(id) => Some(id),
        Err(error) => {
            sink.error(&name.place, T::Err::to_string(&error));
            None
        }
    }
}

fn site(table: &Table<'_>) -> Option<Site> {
    let name = table.required_text("name", "write the hospital's name");
    if let Some(name) = name.as_ref().filter(|name| name.value.chars().count() > 80) {
        table.sink().error(&name.place, "`site.name` is longer than 80 characters: shorten it");
    }
    let zone = table.required("timezone", "write an IANA zone such as \"Europe/Paris\"", |text| {
        TimeZone::get(text).map_err(|_| {
            format!("`{}` is not a zone of the IANA database: write one such as Europe/Paris", text.escape_default())
        })
    });
    let language = table.parsed_or("language", "fr", one_of(LANGUAGES));
    let state = table.parsed_or("state", "/var/lib/poterne", |text| {
        if text.starts_with('/') {
            Ok(PathBuf::from(text))
        } else {
            Err(format!("`{}` is not absolute: begin it with /", text.escape_default()))
        }
    });
    table.finish();
    Some(Site { name: name?.value, zone: zone?.value, language: language?.value, state: state?.value })
}

fn ssh(table: &Table<'_>) -> Option<Ssh> {
    let listen = match table.list("listen", address) {
        Some(listen) => listen.into_iter().map(|one| one.value).collect::<Vec<_>>(),
        None => {
            table.effective("listen", "[\"0.0.0.0:22\"]");
            vec![SocketAddr::from(([0, 0, 0, 0], 22))]
        }
    };
    if listen.is_empty() {
        table.sink().error(&table.place(), "`ssh.listen` is empty: write at least one address");
    }
    let open = table.parsed_or(
        "open",
        "hours",
        one_of(&[("hours", Opening::Hours), ("armed", Opening::Armed), ("always", Opening::Always)]),
    );
    let legacy_clients = table.flag("legacy-clients", false);
    let help = table.parsed_or("help", "", |text| {
        if text.len() <= 70 && text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            Ok(text.to_owned())
        } else {
            Err("write at most 70 ASCII characters: clients show no others here".to_owned())
        }
    });
    let pending = table.number("pending", 200, 1..=10_000);
    let channels = table.number("channels", 10, 1..=64);
    table.finish();
    Some(Ssh { listen, open: open?.value, legacy_clients, help: help?.value, pending, channels })
}

fn console(table: &Table<'_>) -> Option<At<Console>> {
    let listen = table.required("listen", "write the inner address, such as \"10.1.0.5:443\"", address);
    let path = |key| table.parsed(key, |text| Ok(PathBuf::from(text))).map(|path| path.value);
    let (certificate, key) = (path("certificate"), path("key"));
    table.finish();
    let listen = listen?;
    Some(At { place: listen.place, value: Console { listen: listen.value, certificate, key } })
}

fn recordings(table: &Table<'_>) -> Option<Recordings> {
    let recipients = table.required_list(
        "recipients",
        "write the security officers' keys, `age1…`, as `age-keygen` prints them",
        recipient,
    );
    let least = |least: u64| {
        move |text: &str| {
            let size: ByteSize = by(text)?;
            if size.0 < least { Err(format!("`{text}` is less than {}", ByteSize(least))) } else { Ok(size) }
        }
    };
    let record_limit = table.parsed_or("record-limit", "1 GiB", least(1 << 20));
    let session_quota = table.parsed_or("session-quota", "20 GiB", least(16 << 20));
    table.finish();
    Some(Recordings {
        recipients: recipients?.into_iter().map(|one| one.value).collect(),
        record_limit: record_limit?.value,
        session_quota: session_quota?.value,
    })
}

/// The form of an age X25519 recipient: bech32 with the prefix `age`. Its checksum is checked by
/// the recorder when the daemon loads the file.
fn recipient(text: &str) -> Result<String, String> {
    let fits = text.len() == 62
        && text.starts_with("age1")
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    if fits {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "`{}` is not an age recipient: write the line `age1…` that `age-keygen` prints as public key",
            text.escape_default()
        ))
    }
}

fn supervision(root: &Table<'_>) -> Option<SupervisionTimes> {
    let default =
        SupervisionTimes { freeze_after: SignedDuration::from_secs(5), end_after: SignedDuration::from_mins(5) };
    let Some(table) = root.table("supervision") else {
        root.effective("supervision.freeze-after", "\"5s\"");
        root.effective("supervision.end-after", "\"5m\"");
        return Some(default);
    };
    let freeze_after = table.parsed_or("freeze-after", "5s", within("1s", "60s"));
    let end_after = table.parsed_or("end-after", "5m", within("10s", "1h"));
    table.finish();
    let times = SupervisionTimes { freeze_after: freeze_after?.value, end_after: end_after?.value };
    if times.end_after <= times.freeze_after {
        table.sink().error(
            &table.place(),
            "`supervision.end-after` is not longer than `freeze-after`: a session freezes first, then ends",
        );
    }
    Some(times)
}

fn retention(root: &Table<'_>) -> Option<Retention> {
    let Some(table) = root.table("retention") else {
        root.effective("retention.journal", "\"12 months\"");
        root.effective("retention.recordings", "\"6 months\"");
        return Some(Retention { journal: Months(12), recordings: Months(6), because: None });
    };
    let because = table.text("because").map(|text| text.value).filter(|text| !text.trim().is_empty());
    if let Some(because) = &because {
        table.effective("because", format!("{because:?}"));
    }
    let reasoned = because.is_some();
    let months = move |least: u32| {
        move |text: &str| {
            let months: Months = by(text)?;
            match months.0 {
                n if n < least => Err(format!("`{text}` is less than the {least} months that the rules ask for")),
                n if n > 36 => Err(format!("`{text}` is more than the 36 months that the rules allow")),
                n if n > 12 && !reasoned => Err(format!("`{text}` is more than 12 months: say why in `because`")),
                _ => Ok(months),
            }
        }
    };
    let journal = table.parsed_or("journal", "12 months", months(6));
    let recordings = table.parsed_or("recordings", "6 months", months(1));
    table.finish();
    Some(Retention { journal: journal?.value, recordings: recordings?.value, because })
}

fn contract(vendor: &Table<'_>) -> Option<Contract> {
    let Some(table) = vendor.table("contract") else {
        vendor.missing("contract", "write `contract = { reference = \"…\", from = \"2026-01-01\", until = \"2026-12-31\" }`: without a contract nothing opens");
        return None;
    };
    let reference = table.required_text("reference", "write the contract's reference");
    let from = table.required("from", "write its first day", day);
    let until = table.required("until", "write its last day", day);
    table.finish();
    let (from, until) = (from?, until?);
    match DateRange::new(from.value, until.value) {
        Ok(days) => Some(Contract { reference: reference?.value, days }),
        Err(why) => {
            table.sink().error(&from.place, why);
            None
        }
    }
}

fn contact(vendor: &Table<'_>) -> Option<Contact> {
    let Some(table) = vendor.table("contact") else {
        vendor.missing(
            "contact",
            "write `contact = { name = \"…\", phone = \"…\", email = \"…\" }`: the number that approvers call back",
        );
        return None;
    };
    let name = table.required_text("name", "write who answers");
    let phone = table.required("phone", "write the number in the contract", |text| {
        let digits = text.chars().filter(char::is_ascii_digit).count();
        if digits >= 8 {
            Ok(text.to_owned())
        } else {
            Err(format!("`{}` is not a telephone number: write at least 8 digits", text.escape_default()))
        }
    });
    let email = table.required("email", "write the address for receipts", |text| match text.split_once('@') {
        Some((local, domain)) if !local.is_empty() && domain.contains('.') => Ok(text.to_owned()),
        _ => Err(format!("`{}` is not an e-mail address: write it as support@company.example", text.escape_default())),
    });
    table.finish();
    Some(Contact { name: name?.value, phone: phone?.value, email: email?.value })
}

fn sources(vendor: &Table<'_>) -> Option<Sources> {
    let network = |text: &str| {
        if text == "any" {
            return Ok(None);
        }
        by::<IpNet>(text).or_else(|_| by::<IpAddr>(text).map(IpNet::from)).map(Some).map_err(|_| {
            format!(
                "`{}` is neither a network nor an address: write it as 203.0.113.0/24, or \"any\" with `because`",
                text.escape_default()
            )
        })
    };
    let because = vendor.text("because");
    let listed = vendor.required_list(
        "sources",
        "write the networks that the vendor declared, or \"any\" with `because`",
        network,
    )?;
    let any = listed.iter().any(|one| one.value.is_none());
    let networks: Vec<IpNet> = listed.iter().filter_map(|one| one.value).collect();
    match (any, because) {
        (true, Some(because)) if !because.value.trim().is_empty() => {
            vendor.effective("because", format!("{:?}", because.value));
            Some(Sources::Any { because: because.value })
        }
        (true, _) => {
            vendor.missing("because", "`sources = \"any\"` needs the reason why no list is kept");
            None
        }
        (false, _) => Some(Sources::Networks(networks)),
    }
}

/// Whether a key is asked for besides password and code. There is no form with fewer than both.
fn factors(vendor: &Table<'_>) -> Option<bool> {
    let all = vendor.required_list(
        "factors",
        "write [\"key\", \"password\", \"totp\"], or [\"password\", \"totp\"]",
        one_of(&[("key", 'k'), ("password", 'p'), ("totp", 't')]),
    )?;
    let set: BTreeSet<char> = all.iter().map(|one| one.value).collect();
    if set.contains(&'p') && set.contains(&'t') {
        return Some(set.contains(&'k'));
    }
    let place = all.first().map_or_else(|| vendor.place(), |one| one.place.clone());
    vendor.sink().error(&place, format!("`{}`: two factors of different kinds are needed, always: write [\"key\", \"password\", \"totp\"] or [\"password\", \"totp\"]", vendor.path_of("factors")));
    None
}

/// The form of an OpenSSH public key. The gateway reads it in full.
fn host_key(text: &str) -> Result<String, String> {
    const KINDS: [&str; 6] = [
        "ssh-ed25519",
        "ecdsa-sha2-nistp256",
        "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521",
        "ssh-rsa",
        "sk-ssh-ed25519@openssh.com",
    ];
    let mut words = text.split_whitespace();
    let fits = words.next().is_some_and(|kind| KINDS.contains(&kind))
        && words.next().is_some_and(|body| body.len() > 40 && data_encoding::BASE64.decode(body.as_bytes()).is_ok());
    if fits {
        Ok(text.to_owned())
    } else {
        Err("not an OpenSSH public key: write the line that `poterne target pin` prints".to_owned())
    }
}
