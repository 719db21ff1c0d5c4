//! What has been read so far: the sections, and everything that has a name.
//!
//! Each thing is typed on its own here. Whether the things agree with each other is asked in
//! [`crate::across`], once all files are read.

use crate::anchors::{Anchors, Backup, anchors, backup};
use crate::channels::{Clamav, carried, clamav, rights};
use crate::files::Kind;
use crate::legacy::{legacy, second_factor};
use crate::limits::limits;
use crate::load::Options;
use crate::notify::{PlacedNotify, notify};
use crate::parts::{
    NAME, PlacedConsole, PlacedContract, REASON, console, contact, contract, factors, recordings, retention, section,
    site, sources, ssh, supervision,
};
use crate::read::{At, Place, Sink, Table, quoted};
use crate::siem::{PlacedSiem, alarms, receiver};
use crate::values::{LANGUAGES, by, day, email, host_key, one_of, target_address, within};
use crate::{Alarms, Config, Group, Limits, Recordings, Retention, Site, Ssh, SupervisionTimes, Target, Vendor};
use jiff::tz::TimeZone;
use policy::{
    AllowRule, Calendar, CalendarId, DateRange, ExtraOpening, ForbidRule, GroupId, HolidayRules, Per, Region,
    Supervision, TargetAccount, TargetId, VendorId, WeeklyInterval,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::net::SocketAddr;
use std::str::FromStr;

/// What has been read so far. Parts stay `None`, or out of their map, where something was wrong.
#[derive(Default)]
pub(crate) struct Draft {
    pub(crate) site: Option<Site>,
    pub(crate) ssh: Option<Ssh>,
    pub(crate) listen: Vec<At<SocketAddr>>,
    pub(crate) console: Option<PlacedConsole>,
    pub(crate) calendars: BTreeMap<CalendarId, Calendar>,
    pub(crate) groups: BTreeMap<GroupId, Group>,
    pub(crate) recordings: Option<Recordings>,
    pub(crate) supervision: Option<SupervisionTimes>,
    pub(crate) retention: Option<Retention>,
    pub(crate) clamav: Option<Clamav>,
    pub(crate) notify: PlacedNotify,
    pub(crate) anchors: Option<Anchors>,
    pub(crate) backup: Backup,
    pub(crate) siem: PlacedSiem,
    pub(crate) alarms: Option<Alarms>,
    pub(crate) limits: Option<Limits>,
    pub(crate) vendors: BTreeMap<VendorId, Vendor>,
    pub(crate) targets: BTreeMap<TargetId, Target>,
    pub(crate) places: Places,
    pub(crate) named: Vec<Named>,
    /// Where targets ask for a scanner.
    pub(crate) scanned: Vec<Place>,
    /// Where tunnels may lead.
    pub(crate) forwards: Vec<At<SocketAddr>>,
    /// Files of these kinds could not be read: what they declare is not known.
    pub(crate) unread: Vec<Kind>,
}

/// Where things are declared, the badly written ones too.
#[derive(Default)]
pub(crate) struct Places {
    pub(crate) calendars: BTreeMap<CalendarId, Place>,
    pub(crate) groups: BTreeMap<GroupId, Place>,
    pub(crate) vendors: BTreeMap<VendorId, Place>,
    pub(crate) contracts: BTreeMap<VendorId, (Place, Place)>,
    pub(crate) targets: BTreeMap<TargetId, Place>,
    pub(crate) addresses: BTreeMap<TargetId, Place>,
    pub(crate) host_keys: BTreeMap<TargetId, Place>,
    pub(crate) exceptions: BTreeMap<TargetId, Place>,
}

/// A name that must be declared somewhere.
pub(crate) struct Named {
    pub(crate) place: Place,
    pub(crate) key: String,
    pub(crate) name: Name,
}

pub(crate) enum Name {
    Calendar(CalendarId),
    Group(GroupId),
    Target(TargetId),
}

impl Draft {
    /// A file of this kind could not be read.
    pub(crate) fn unread(&mut self, kind: Kind) {
        self.unread.push(kind);
    }

    /// Reads one file.
    pub(crate) fn file(&mut self, root: &Table<'_>, kind: Kind, options: &Options) {
        if kind == Kind::Main {
            self.main(root);
        }
        if kind != Kind::Targets {
            for (name, table) in root.named("vendor") {
                self.vendor(&name, &table);
            }
        }
        if kind != Kind::Vendors {
            for (name, table) in root.named("target") {
                self.target(&name, &table, options);
            }
        }
        root.finish();
    }

    fn main(&mut self, root: &Table<'_>) {
        self.site = section(root, "site", "write `[site]` with name and timezone").and_then(|table| site(&table));
        let zone = self.site.as_ref().map_or(TimeZone::UTC, |site| site.zone.clone());
        let front = section(root, "ssh", "write `[ssh]`, if need be with nothing below").and_then(|table| ssh(&table));
        if let Some((front, listen)) = front {
            self.ssh = Some(front);
            self.listen = listen;
        }
        self.limits = limits(&root.table_or_empty("limits"));
        self.console = root.table("console").and_then(|table| console(&table));
        for (name, table) in root.named("calendars") {
            self.calendar(&name, &table, &zone);
        }
        for (name, table) in root.named("groups") {
            self.group(&name, &table);
        }
        let what = "write `[recordings]` with recipients: without them nobody could open a recording";
        self.recordings = section(root, "recordings", what).and_then(|table| recordings(&table));
        self.supervision = supervision(&root.table_or_empty("supervision"));
        self.retention = retention(&root.table_or_empty("retention"));
        self.clamav = root.table("clamav").and_then(|table| clamav(&table));
        self.anchors = anchors(&root.table_or_empty("anchors"));
        self.backup = backup(&root.table_or_empty("backup"));
        if let Some(table) = root.table("notify") {
            self.notify = notify(&table, |group, key| self.wants(group, key));
        }
        for (name, table) in root.named("siem") {
            receiver(&name, &table, &mut self.siem);
        }
        self.alarms = alarms(&root.table_or_empty("alarms"), |group, key| self.wants(group, key));
    }

    fn wants(&mut self, found: &At<impl Clone + Into<Name>>, key: String) {
        self.named.push(Named { place: found.place.clone(), key, name: found.value.clone().into() });
    }

    fn calendar(&mut self, name: &At<String>, table: &Table<'_>, zone: &TimeZone) {
        let before = table.sink().count();
        let holidays = holidays(table);
        let weekly = weekly(table);
        let closed = table.list_or("closed", by::<DateRange>);
        let extra = extra(table);
        table.finish();
        let Some(id) = id::<CalendarId>(name, table.sink()) else { return };
        self.places.calendars.insert(id.clone(), name.place.clone());
        // Half a calendar would be complained of twice: for its mistake, and for never opening.
        if table.sink().count() == before {
            let closed = closed.into_iter().map(|range| range.value).collect();
            self.calendars.insert(id.clone(), Calendar { id, zone: zone.clone(), holidays, weekly, closed, extra });
        }
    }

    fn group(&mut self, name: &At<String>, table: &Table<'_>) {
        let shown = table.required_text("name", NAME, "write the group's name as staff know it");
        let on_call = table.optional("on-call", by::<CalendarId>);
        let mail = table.list_or("mail", email).into_iter().map(|address| address.value).collect();
        table.finish();
        if let Some(on_call) = &on_call {
            self.wants(on_call, table.path_of("on-call"));
        }
        let Some(id) = id::<GroupId>(name, table.sink()) else { return };
        self.places.groups.insert(id.clone(), name.place.clone());
        if let Some(shown) = shown {
            self.groups.insert(id, Group { name: shown.value, on_call: on_call.map(|calendar| calendar.value), mail });
        }
    }

    fn vendor(&mut self, name: &At<String>, table: &Table<'_>) {
        let shown = table.required_text("name", NAME, "write the company's name");
        let contract = contract(table);
        let contact = contact(table);
        let sources = sources(table);
        let calendar = table.required("calendar", "name one of `[calendars.*]`", by::<CalendarId>);
        if let Some(calendar) = &calendar {
            self.wants(calendar, table.path_of("calendar"));
        }
        let language = table.parsed_or("language", one_of(LANGUAGES));
        let key = factors(table);
        let allow: Vec<AllowRule> = table.tables("allow").iter().filter_map(|rule| self.allow(rule)).collect();
        let forbid: Vec<ForbidRule> = table.tables("forbid").iter().filter_map(|rule| self.forbid(rule)).collect();
        table.finish();
        let Some(id) = id::<VendorId>(name, table.sink()) else { return };
        if let Some(first) = self.places.vendors.insert(id.clone(), name.place.clone()) {
            twice(table.sink(), "vendor", name, &first);
        }
        if !table.has("allow") {
            let why = format!("the vendor `{id}` has no `[[vendor.{id}.allow]]`: its technicians reach nothing");
            table.sink().warn(&name.place, why);
        }
        if let (Some(shown), Some(contract), Some(contact), Some(sources), Some(calendar), Some(language), Some(key)) =
            (shown, contract, contact, sources, calendar, language, key)
        {
            let PlacedContract { value: contract, from, until } = contract;
            self.places.contracts.insert(id.clone(), (from, until));
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
            self.vendors
                .insert(id, Vendor { rules, contact, language: language.value, key, file: name.place.file.clone() });
        }
    }

    fn allow(&mut self, table: &Table<'_>) -> Option<AllowRule> {
        let targets = table.required_list("targets", "name the targets that the rule opens", by::<TargetId>);
        let accounts = table.list_or("accounts", by::<TargetAccount>);
        let rights = rights(table).map(|(rights, forwards)| {
            self.forwards.extend(forwards);
            rights
        });
        let longest = table.parsed_or("longest", within("1m", "24h"));
        let approval = table.table_or_empty("approval");
        let quorum = approval.number("quorum", 1..=5);
        let per = approval.parsed_or("per", one_of(&[("session", Per::Session), ("intervention", Per::Intervention)]));
        approval.finish();
        table.finish();
        for target in targets.iter().flatten() {
            self.wants(target, table.path_of("targets"));
        }
        Some(AllowRule {
            targets: targets?.into_iter().map(|target| target.value).collect(),
            accounts: accounts.into_iter().map(|account| account.value).collect(),
            rights: rights?,
            quorum: u8::try_from(quorum?).unwrap_or(u8::MAX),
            per: per?.value,
            longest: longest?.value,
        })
    }

    fn forbid(&mut self, table: &Table<'_>) -> Option<ForbidRule> {
        let targets = table.required_list("targets", "name the targets that are forbidden", by::<TargetId>);
        let days = table.optional("days", by::<DateRange>);
        let because = table.required_text("because", REASON, "say why: the technician reads it");
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

    fn target(&mut self, name: &At<String>, table: &Table<'_>, options: &Options) {
        let shown = table.required_text("name", NAME, "write the equipment's name in the hospital's words");
        let address = table.required("address", "write it as 10.20.3.14:22", target_address);
        let pin = format!(
            "`poterne target pin {} --write` fetches it and asks you to compare its fingerprint",
            quoted(&name.value)
        );
        let host_key =
            if options.unpinned && !table.has("host-key") { None } else { table.required("host-key", &pin, host_key) };
        let account = table.required("account", "write the login used on the target", by::<TargetAccount>);
        let approvers = table.required_list("approvers", "name the groups of which one may approve", by::<GroupId>);
        for group in approvers.iter().flatten() {
            self.wants(group, table.path_of("approvers"));
        }
        let supervision = table.parsed_or(
            "supervision",
            one_of(&[
                ("none", Supervision::None),
                ("offered", Supervision::Offered),
                ("required", Supervision::Required),
            ]),
        );
        let calendar = table.optional("calendar", by::<CalendarId>);
        if let Some(calendar) = &calendar {
            self.wants(calendar, table.path_of("calendar"));
        }
        let call_back = table.parsed_or("verified", one_of(&[("any", false), ("called", true)]));
        let idle = table.parsed_or("idle", within("1m", "8h"));
        let carried = carried(table);
        let second_factor = second_factor(table);
        let legacy = legacy(table);
        table.finish();
        self.scanned.extend(carried.iter().filter_map(|(_, place)| place.clone()));
        let Some(id) = id::<TargetId>(name, table.sink()) else { return };
        if let Some(first) = self.places.targets.insert(id.clone(), name.place.clone()) {
            twice(table.sink(), "target", name, &first);
        }
        if let (
            Some(shown),
            Some(address),
            Some(account),
            Some(approvers),
            Some(supervision),
            Some(call_back),
            Some(idle),
            Some((carried, _)),
            Some(second_factor),
            Some((legacy, exception)),
        ) = (shown, address, account, approvers, supervision, call_back, idle, carried, second_factor, legacy)
        {
            self.places.addresses.insert(id.clone(), address.place);
            self.places.host_keys.insert(id.clone(), table.place_of("host-key"));
            self.places.exceptions.insert(id.clone(), exception);
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
            let (host_key, file) = (host_key.map(|key| key.value), name.place.file.clone());
            let address = address.value;
            self.targets.insert(id, Target { rules, address, host_key, carried, legacy, second_factor, file });
        }
    }

    /// The whole, if no part is missing. The loader adds what it knows of the files.
    pub(crate) fn finish(self) -> Option<Config> {
        Some(Config {
            site: self.site?,
            ssh: self.ssh?,
            console: self.console.map(|console| console.value),
            calendars: self.calendars,
            groups: self.groups,
            recordings: self.recordings?,
            supervision: self.supervision?,
            retention: self.retention?,
            clamav: self.clamav,
            notify: self.notify.value,
            anchors: self.anchors?,
            backup: self.backup,
            siem: self.siem.value,
            alarms: self.alarms?,
            limits: self.limits?,
            vendors: self.vendors,
            targets: self.targets,
            digest: String::new(),
            effective: BTreeMap::new(),
            warnings: Vec::new(),
            asked: BTreeSet::new(),
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

fn id<T: FromStr>(name: &At<String>, sink: &Sink) -> Option<T>
where
    T::Err: Display,
{
    by(&name.value).map_err(|why| sink.error(&name.place, why)).ok()
}

fn twice(sink: &Sink, kind: &str, name: &At<String>, first: &Place) {
    let first = format!("{}:{}", quoted(&first.file.to_string_lossy()), first.line);
    sink.error(&name.place, format!("the {kind} `{}` is declared twice: first at {first}; remove one", name.value));
}

fn holidays(table: &Table<'_>) -> Option<HolidayRules> {
    let region = table.parsed_or("holidays", |text| match text {
        "none" => Ok(None),
        _ => by::<Region>(text).map(Some).map_err(|why| format!("{why}, or none")),
    });
    let good_friday = table.flag("good-friday");
    let worked = table.parsed_or("pentecost-monday", one_of(&[("holiday", false), ("worked", true)]));
    if good_friday && region.as_ref().is_some_and(|region| region.value != Some(Region::AlsaceMoselle)) {
        table.refuse(
            &table.place_of("good-friday"),
            "good-friday",
            "a holiday in Alsace-Moselle only: write `holidays = \"FR-Alsace-Moselle\"`, or remove it",
        );
    }
    Some(HolidayRules {
        region: region?.value?,
        good_friday,
        pentecost_monday_worked: worked.is_some_and(|worked| worked.value),
    })
}

fn weekly(table: &Table<'_>) -> Vec<WeeklyInterval> {
    let mut weekly = Vec::new();
    for hours in table.tables("hours") {
        let days = hours.required("days", "write the days, such as \"mon-fri\"", WeeklyInterval::parse_days);
        let from = hours.required("from", "write a time such as \"08:00\"", by);
        let to = hours.required("to", "write a time such as \"18:00\"", by);
        hours.finish();
        if let (Some(days), Some(from), Some(to)) = (days, from, to) {
            match WeeklyInterval::new(days.value, from.value, to.value) {
                Ok(interval) => weekly.push(interval),
                Err(why) => hours.refuse(&to.place, "to", why),
            }
        }
    }
    weekly
}

fn extra(table: &Table<'_>) -> Vec<ExtraOpening> {
    let mut extra = Vec::new();
    for opening in table.tables("extra") {
        let day = opening.required("day", "write a day such as \"2026-05-01\"", day);
        let from = opening.required("from", "write a time such as \"08:00\"", by);
        let to = opening.required("to", "write a time such as \"12:00\"", by);
        opening.finish();
        if let (Some(day), Some(from), Some(to)) = (day, from, to) {
            match ExtraOpening::new(day.value, from.value, to.value) {
                Ok(opening) => extra.push(opening),
                Err(why) => opening.refuse(&to.place, "to", why),
            }
        }
    }
    extra
}
