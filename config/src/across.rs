//! What two places have to agree on: names and their declarations, contracts and the day, equipment
//! and its one address, the console and the vendors' side.

use crate::channels::{check_forwards, check_scanner};
use crate::draft::{Draft, Name, Named};
use crate::files::Kind;
use crate::load::Options;
use crate::read::{Place, Sink, nearest};
use policy::{CalendarId, GroupId, TargetId};
use std::collections::BTreeMap;
use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

impl Draft {
    /// Asks all of them.
    pub(crate) fn check_across(&self, sink: &Sink, main: &Path, options: &Options) {
        for named in &self.named {
            self.check_name(sink, named);
        }
        self.check_calendars(sink, options);
        self.check_contracts(sink, options);
        self.check_exceptions(sink, options);
        self.check_equipment(sink);
        self.check_console(sink);
        self.notify.check(sink, self.console.is_some());
        self.siem.check(sink);
        check_scanner(sink, self.clamav.is_some(), &self.scanned);
        if self.places.vendors.is_empty() {
            sink.warn(&Place::whole(main), "no vendor is declared: nobody can come in");
        }
    }

    fn check_name(&self, sink: &Sink, named: &Named) {
        let places = &self.places;
        let (kind, name, exists, near, kinds): (_, _, _, _, &[Kind]) = match &named.name {
            Name::Calendar(id) => (
                "calendar",
                id.as_str(),
                places.calendars.contains_key(id),
                near(id.as_str(), places.calendars.keys().map(CalendarId::as_str)),
                &[Kind::Main],
            ),
            Name::Group(id) => (
                "group",
                id.as_str(),
                places.groups.contains_key(id),
                near(id.as_str(), places.groups.keys().map(GroupId::as_str)),
                &[Kind::Main],
            ),
            Name::Target(id) => (
                "target",
                id.as_str(),
                places.targets.contains_key(id),
                near(id.as_str(), places.targets.keys().map(TargetId::as_str)),
                &[Kind::Main, Kind::Targets],
            ),
        };
        // Where a file could not be read, the name may well stand in it: one complaint is enough.
        if !exists && !kinds.iter().any(|kind| self.unread.contains(kind)) {
            let message = format!("`{}` names the {kind} `{name}`, which is declared nowhere: {near}", named.key);
            sink.error(&named.place, message);
        }
    }

    fn check_calendars(&self, sink: &Sink, options: &Options) {
        for (id, calendar) in &self.calendars {
            if let Some(place) = self.places.calendars.get(id).filter(|_| !calendar.ever_opens(options.at)) {
                sink.error(
                    place,
                    format!(
                        "the calendar `{id}` does not open once in the next 400 days: give it \
                     `hours`, or fewer closures"
                    ),
                );
            }
        }
    }

    fn check_contracts(&self, sink: &Sink, options: &Options) {
        let Some(site) = &self.site else { return };
        let today = site.zone.to_datetime(options.at).date();
        for (id, vendor) in &self.vendors {
            let Some((from, until)) = self.places.contracts.get(id) else { continue };
            let days = vendor.rules.contract.days;
            if days.last() < today {
                let ended = days.last();
                sink.warn(until, format!("the contract of `{id}` ended on {ended}: its technicians are refused"));
            }
            if days.first() > today {
                let begins = days.first();
                sink.warn(
                    from,
                    format!("the contract of `{id}` begins on {begins}: its technicians are refused until then"),
                );
            }
        }
    }

    /// One declaration for one piece of equipment, and none for the bastion itself.
    fn check_equipment(&self, sink: &Sink) {
        let targets: Vec<SocketAddr> = self.targets.values().map(|target| canonical(target.address)).collect();
        check_forwards(sink, &self.forwards, &self.own_addresses(), &targets);
        let mut addresses: BTreeMap<SocketAddr, &TargetId> = BTreeMap::new();
        let mut keys: BTreeMap<Vec<&str>, &TargetId> = BTreeMap::new();
        let own = self.own_addresses();
        for (id, target) in &self.targets {
            let address = canonical(target.address);
            let Some(place) = self.places.addresses.get(id) else { continue };
            if own.contains(&address) {
                let message =
                    format!("`target.{id}.address`: {address} is the bastion itself: write the equipment's address");
                sink.error(place, message);
            }
            if let Some(other) = addresses.insert(address, id) {
                let message = format!(
                    "the targets `{other}` and `{id}` have the same address {address}: declare the equipment once"
                );
                sink.error(place, message);
            }
            // The comment after the key does not count.
            let Some(key) = &target.host_key else { continue };
            let Some(place) = self.places.host_keys.get(id) else { continue };
            if let Some(other) = keys.insert(key.split(' ').take(2).collect(), id) {
                sink.warn(
                    place,
                    format!(
                        "the targets `{other}` and `{id}` have the same host key: one can stand in \
                     for the other; renew it on one"
                    ),
                );
            }
        }
    }

    /// Where the bastion itself listens.
    fn own_addresses(&self) -> Vec<SocketAddr> {
        let listen = self.listen.iter().map(|one| one.value);
        listen.chain(self.console.iter().map(|console| console.value.listen)).map(canonical).collect()
    }

    /// NET-13: the console is never on the vendors' side.
    fn check_console(&self, sink: &Sink) {
        let Some(console) = &self.console else { return };
        let listen = canonical(console.value.listen);
        let ip = listen.ip();
        let mine: Vec<SocketAddr> = self.listen.iter().map(|one| canonical(one.value)).collect();
        if ip.is_unspecified() {
            sink.error(
                &console.listen,
                "`console.listen` is everywhere, hence on the vendors' side too: write the one inner address",
            );
        } else if mine.contains(&listen) && listen.port() != 0 {
            sink.error(
                &console.listen,
                format!("`console.listen` and `ssh.listen` are both {listen}: write another address"),
            );
        } else if mine.iter().any(|vendors| vendors.ip() == ip) && !ip.is_loopback() {
            let message = format!(
                "`console.listen` and `ssh.listen` are both on {ip}, the vendors' side: write the inner address"
            );
            sink.error(&console.listen, message);
        }
        for (key, path, place) in [
            ("certificate", &console.value.certificate, &console.certificate),
            ("key", &console.value.key, &console.key),
        ] {
            let Some(path) = path else { continue };
            let shown = crate::read::quoted(&path.to_string_lossy());
            let why = match fs::metadata(path) {
                Err(error) => format!("cannot be read: {error}"),
                Ok(found) if !found.is_file() => "is not a file: write the path of a PEM file".to_owned(),
                Ok(found) if key == "key" && found.permissions().mode() & 0o077 != 0 => {
                    format!("can be read by others: run `chmod 600 {shown}`")
                }
                Ok(_) => continue,
            };
            sink.error(place, format!("`console.{key}`: `{shown}` {why}"));
        }
    }
}

/// An IPv4 address that is written as IPv6 is the IPv4 address it is.
pub(crate) fn canonical(address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some() => {
            SocketAddr::new(IpAddr::V6(ip).to_canonical(), address.port())
        }
        _ => address,
    }
}

/// What to write instead of a name that is declared nowhere.
fn near<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(near) = nearest(name, known.clone()) {
        return format!("did you mean `{near}`?");
    }
    let all: Vec<&str> = known.collect();
    match all.as_slice() {
        [] => "declare one".to_owned(),
        [one] => format!("there is only `{one}`"),
        _ => {
            let more = if all.len() > 8 { ", …" } else { "" };
            format!("there are {}{more}", all.iter().take(8).copied().collect::<Vec<_>>().join(", "))
        }
    }
}
