//! The operating system: of no directory, up to date, with a clock that follows another one.

use super::Finding;
use super::root::{Root, days};
use jiff::Timestamp;
use jiff::civil::{Date, date};
use jiff::tz::TimeZone;

/// Days after which package lists are old, and very old.
const LISTS: (i64, i64) = (7, 30);
/// Days in which Debian always has something to mend: nothing installed for so long is a sign.
const INSTALLED: i64 = 60;
/// Days before the end of a release's support that are said beforehand.
const SOON: i64 = 180;
/// Days after which a clock that was once set counts as left alone.
const CLOCK: i64 = 2;

/// The last day with security fixes, long-term support included (wiki.debian.org/LTS).
const RELEASES: [(&str, Date); 4] =
    [("10", date(2024, 6, 30)), ("11", date(2026, 8, 31)), ("12", date(2028, 6, 30)), ("13", date(2030, 6, 30))];

/// Lines of a configuration file that say something.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';']))
}

/// The value of `key = value`.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    lines(text).find_map(|line| {
        let (name, value) = line.split_once('=')?;
        (name.trim() == key).then(|| value.trim().trim_matches('"'))
    })
}

/// HRD-01: the machine is of no directory.
pub(super) fn directory(root: &Root) -> Finding {
    const ID: &str = "directory";
    let names = ["/etc/sssd/sssd.conf", "/etc/realmd.conf", "/etc/krb5.keytab", "/var/lib/samba/private/secrets.tdb"];
    if let Some(found) = names.iter().find(|name| root.has(name)) {
        return Finding::red(ID, "file", found);
    }
    if let Some(realm) = root.read("/etc/krb5.conf").as_deref().and_then(|text| value(text, "default_realm")) {
        return Finding::red(ID, "realm", realm);
    }
    let samba = root.read("/etc/samba/smb.conf");
    if let Some(security) = samba.as_deref().and_then(|text| value(text, "security"))
        && ["ads", "domain"].contains(&security.to_lowercase().as_str())
    {
        return Finding::red(ID, "samba", security);
    }
    let Some(switch) = root.read("/etc/nsswitch.conf") else {
        return Finding::amber(ID, "unknown", "/etc/nsswitch.conf");
    };
    let asked = lines(&switch).filter(|line| line.starts_with("passwd:") || line.starts_with("group:"));
    let mut words = asked.flat_map(str::split_whitespace);
    match words.find(|word| ["sss", "winbind", "ldap", "nis"].contains(word)) {
        Some(word) => Finding::red(ID, "names", word),
        None if root.runs(&["sssd", "winbindd"]) == Some(true) => Finding::red(ID, "runs", "sssd, winbindd"),
        None => Finding::green(ID, "none", ""),
    }
}

/// HRD-02: the release still gets security fixes.
pub(super) fn release(root: &Root, at: Timestamp) -> Finding {
    const ID: &str = "release";
    let text = root.read("/etc/os-release").or_else(|| root.read("/usr/lib/os-release")).unwrap_or_default();
    let (id, version) = (value(&text, "ID").unwrap_or_default(), value(&text, "VERSION_ID").unwrap_or_default());
    let named = format!("{id} {version}");
    let known = RELEASES.iter().find(|(known, _)| id == "debian" && *known == version);
    let Some((_, end)) = known else { return Finding::amber(ID, "unknown", named.trim()) };
    let left = end.to_zoned(TimeZone::UTC).map_or(0, |end| end.timestamp().duration_since(at).as_hours() / 24);
    let said = format!("{named}, {end}");
    match left {
        left if left < 0 => Finding::red(ID, "over", said),
        left if left < SOON => Finding::amber(ID, "soon", said),
        _ => Finding::green(ID, "supported", said),
    }
}

/// HRD-02: somebody fetches and installs fixes.
pub(super) fn patches(root: &Root, at: Timestamp) -> Finding {
    const ID: &str = "patches";
    const LISTS_FOLDER: &str = "/var/lib/apt/lists";
    let names = root.list(LISTS_FOLDER).unwrap_or_default();
    let release = names.iter().filter(|name| name.ends_with("InRelease") || name.ends_with("_Release"));
    let stamp = root.changed("/var/lib/apt/periodic/update-success-stamp");
    let fetched = release.filter_map(|name| root.changed(format!("{LISTS_FOLDER}/{name}"))).chain(stamp).max();
    let installed = root.changed("/var/lib/dpkg/status");
    match (fetched.map(|at_that| days(at_that, at)), installed.map(|at_that| days(at_that, at))) {
        (None, _) => Finding::amber(ID, "unknown", LISTS_FOLDER),
        (Some(lists), _) if lists > LISTS.1 => Finding::red(ID, "lists", lists),
        (Some(lists), _) if lists > LISTS.0 => Finding::amber(ID, "lists", lists),
        (_, Some(installed)) if installed > INSTALLED => Finding::amber(ID, "installed", installed),
        (Some(lists), _) => Finding::green(ID, "fresh", lists),
    }
}

/// TIM-09: something keeps the clock.
pub(super) fn clock(root: &Root, at: Timestamp) -> Finding {
    const ID: &str = "clock";
    if root.has("/run/systemd/timesync/synchronized") {
        // Touched at each answer of a time server; the flag itself stays until the next start.
        let last = root
            .changed("/var/lib/systemd/timesync/clock")
            .or_else(|| root.changed("/run/systemd/timesync/synchronized"));
        return match last.map(|last| days(last, at)) {
            Some(age) if age <= CLOCK => Finding::green(ID, "timesyncd", age),
            Some(age) => Finding::amber(ID, "stale", format!("systemd-timesyncd, {age}")),
            None => Finding::amber(ID, "stale", "systemd-timesyncd"),
        };
    }
    for (program, file) in [
        ("chronyd", "/var/lib/chrony/drift"),
        ("ntpd", "/var/lib/ntpsec/ntp.drift"),
        ("ntpd", "/var/lib/ntp/ntp.drift"),
    ] {
        if root.runs(&[program]) == Some(true) {
            match root.changed(file).map(|last| days(last, at)) {
                Some(age) if age <= CLOCK => return Finding::green(ID, "daemon", format!("{program}, {age}")),
                Some(age) => return Finding::amber(ID, "stale", format!("{program}, {age}")),
                None => {}
            }
        }
    }
    match root.runs(&["chronyd", "ntpd", "systemd-timesyn"]) {
        Some(true) => Finding::amber(ID, "not-yet", ""),
        Some(false) => Finding::red(ID, "nobody", ""),
        None => Finding::amber(ID, "unknown", "/proc"),
    }
}
