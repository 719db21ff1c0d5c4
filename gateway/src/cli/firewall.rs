//! nftables rules for this configuration (D15): the listener's silence outside hours, and a second
//! wall around what the bastion may reach. Printed, never applied: the hospital's firewall is its own.

use config::Config;
use ipnet::IpNet;
use lifecycle::order::{Failure, exit};
use policy::{Sources, WeeklyInterval};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

/// The rules, for `nft -f`.
pub(super) fn render(config: &Config) -> String {
    let mut rules = String::new();
    let _ = writeln!(
        rules,
        "# Rendered by `poterne firewall render` for {}, configuration {}.\n\
         # A second wall: the bastion closes its own port outside hours, which answers RST; these rules make\n\
         # it silent, and let the bastion reach its targets and nothing else. Render anew after a reload.\n\
         # Hours are the machine's local time, turned into UTC when the rules are loaded: it must stand in {},\n\
         # and the rules are loaded anew after each change of the clock in spring and autumn.\n\
         # Holidays, closures, extra openings and planned or emergency interventions are the bastion's to judge: with\n\
         # emergencies, leave the hours out and let the bastion close its port.\n\n\
         table inet poterne {{}}\ndelete table inet poterne\n\ntable inet poterne {{",
        config.site.name.replace(char::is_control, " "),
        config.digest.get(..16).unwrap_or_default(),
        config.site.zone.iana_name().unwrap_or("the site's time zone"),
    );
    let (four, six, anybody) = sources(config);
    set(&mut rules, "vendors4", "ipv4_addr", &four);
    set(&mut rules, "vendors6", "ipv6_addr", &six);
    chains(&mut rules, config, anybody);
    let _ = writeln!(rules, "}}");
    rules
}

/// A drop-in for the unit: addresses that the service may speak with, as systemd takes them. `besides` are
/// those that no configuration names by number.
pub(super) fn unit(config: &Config, besides: &[IpNet]) -> Result<String, Failure> {
    let (four, six, anybody) = sources(config);
    if anybody {
        let why = "a vendor may come from anywhere, so no list of addresses holds: name its networks in `sources`";
        return Err(Failure::new(exit::CONFIG, why));
    }
    let targets = config.targets.values().map(|target| target.address.ip().to_string());
    let clamd = config.clamav.iter().filter_map(|clamav| match &clamav.socket {
        config::ClamavSocket::Tcp(place) => Some(place.ip().to_string()),
        config::ClamavSocket::Unix(_) => None,
    });
    let rights = config.vendors.values().flat_map(|vendor| &vendor.rules.allow).flat_map(|rule| rule.rights.iter());
    let forwards = rights.filter_map(|right| match right {
        policy::Right::Forward(to) => Some(to.ip().to_string()),
        _ => None,
    });
    let mut unit = format!(
        "# Rendered by `poterne firewall unit` for {}, configuration {}. Render anew after a change of vendors or targets.\n\
         [Service]\nIPAddressDeny=any\nIPAddressAllow=localhost\n",
        config.site.name.replace(char::is_control, " "),
        config.digest.get(..16).unwrap_or_default(),
    );
    let parts: [(&str, BTreeSet<String>); 3] = [
        ("vendors", four.into_iter().chain(six).collect()),
        ("targets, tunnels, clamd", targets.chain(forwards).chain(clamd).collect()),
        ("besides", besides.iter().map(|network| network.trunc().to_string()).collect()),
    ];
    for (name, all) in parts.iter().filter(|(_, all)| !all.is_empty()) {
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let _ = writeln!(unit, "# {name}\nIPAddressAllow={}", all.join(" "));
    }
    Ok(unit)
}

/// Networks of all vendors, and whether one may come from anywhere.
fn sources(config: &Config) -> (BTreeSet<String>, BTreeSet<String>, bool) {
    let (mut four, mut six, mut anybody) = (BTreeSet::new(), BTreeSet::new(), false);
    for vendor in config.vendors.values() {
        match &vendor.rules.sources {
            Sources::Any { .. } => anybody = true,
            Sources::Networks(networks) => {
                for network in networks {
                    let of_kind = if network.addr().is_ipv4() { &mut four } else { &mut six };
                    of_kind.insert(network.trunc().to_string());
                }
            }
        }
    }
    (four, six, anybody)
}

fn set(rules: &mut String, name: &str, kind: &str, elements: &BTreeSet<String>) {
    let _ = writeln!(rules, "    set {name} {{\n        type {kind}\n        flags interval\n        auto-merge");
    if !elements.is_empty() {
        let all: Vec<&str> = elements.iter().map(String::as_str).collect();
        let _ = writeln!(rules, "        elements = {{ {} }}", all.join(", "));
    }
    let _ = writeln!(rules, "    }}");
}

fn address(family: &str, ip: IpAddr) -> String {
    match ip {
        ip if ip.is_unspecified() => String::new(),
        IpAddr::V4(ip) => format!("ip {family} {ip} "),
        IpAddr::V6(ip) => format!("ip6 {family} {ip} "),
    }
}

fn chains(rules: &mut String, config: &Config, anybody: bool) {
    let hours = hours(config);
    let _ = writeln!(rules, "\n    chain vendors {{");
    for line in &hours {
        let _ = writeln!(rules, "        {line} accept");
    }
    if hours.is_empty() {
        let _ = writeln!(rules, "        accept    # the port itself is closed outside hours");
    }
    let _ = writeln!(
        rules,
        "        drop\n    }}\n\n    chain input {{\n        type filter hook input priority filter; policy accept;\n        ct state established,related accept"
    );
    for listen in &config.ssh.listen {
        let place = format!("{}tcp dport {}", address("daddr", listen.ip()), listen.port());
        if anybody {
            let _ = writeln!(rules, "        {place} jump vendors    # a vendor may come from anywhere");
        } else {
            if listen.is_ipv4() || listen.ip().is_unspecified() {
                let _ = writeln!(rules, "        {place} ip saddr @vendors4 jump vendors");
            }
            if listen.is_ipv6() || listen.ip().is_unspecified() {
                let _ = writeln!(rules, "        {place} ip6 saddr @vendors6 jump vendors");
            }
            let _ = writeln!(rules, "        {place} drop");
        }
    }
    let _ = writeln!(
        rules,
        "    }}\n\n    chain output {{\n        type filter hook output priority filter; policy accept;\n        \
         # What the bastion's user may open: its targets and clamd; name service and time are not needed.\n        \
         meta skuid != \"poterne\" accept\n        ct state established,related accept\n        oif lo accept"
    );
    let targets: BTreeSet<(SocketAddr, &str)> =
        config.targets.iter().map(|(id, target)| (target.address, id.as_str())).collect();
    for (place, id) in targets {
        let _ = writeln!(rules, "        {}tcp dport {} accept    # {id}", address("daddr", place.ip()), place.port());
    }
    // On this machine it is behind the loopback's rule above.
    if let Some(config::ClamavSocket::Tcp(place)) = config.clamav.as_ref().map(|clamav| clamav.socket.clone()) {
        let _ = writeln!(rules, "        {}tcp dport {} accept    # clamd", address("daddr", place.ip()), place.port());
    }
    let _ = writeln!(rules, "        reject\n    }}");
}

/// The hours of all vendors' calendars, as matches. None where the port is to be open always or only
/// when something is planned.
fn hours(config: &Config) -> Vec<String> {
    if config.ssh.open != config::Opening::Hours {
        return Vec::new();
    }
    let named: BTreeSet<_> = config.vendors.values().map(|vendor| &vendor.rules.calendar).collect();
    let calendars = config.calendars.values().filter(|calendar| named.contains(&calendar.id));
    let lines: BTreeSet<String> = calendars.flat_map(|calendar| calendar.weekly.iter().map(interval)).collect();
    lines.into_iter().collect()
}

fn interval(interval: &WeeklyInterval) -> String {
    let (days, from, to) = interval.parts();
    let names: Vec<String> = days.iter().map(|day| format!("\"{}\"", english(*day))).collect();
    let hour = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
    // Half-open: the minute of the end is outside, and midnight is the last second of the day.
    let last = to.saturating_sub(1);
    format!("meta day {{ {} }} meta hour \"{}:00\"-\"{}:59\"", names.join(", "), hour(from), hour(last))
}

fn english(day: jiff::civil::Weekday) -> &'static str {
    use jiff::civil::Weekday;
    match day {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}
