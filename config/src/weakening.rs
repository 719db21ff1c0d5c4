//! Which changes weaken a rule: they wait for a second person where the site has one (T8).
//!
//! Every key is classed in [`CLASSES`], which a test holds against the table of keys. What is not classed, or
//! cannot be compared, weakens.

use crate::measure::{ByteSize, Months, duration};
use crate::show::{fits, in_order, pattern};
use crate::{Config, KEYS};
use std::collections::{BTreeMap, BTreeSet};

/// What a change of a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Class {
    /// Nobody gets in, sees less or keeps less by it.
    Harmless,
    /// Whatever it becomes.
    Weakens,
    /// More of it weakens: numbers, durations, sizes.
    More,
    /// Less of it weakens.
    Less,
    /// Each further entry of the list weakens.
    Longer,
    /// Each entry that goes weakens.
    Shorter,
    /// These words, from the strictest on; any other is the weakest.
    Words(&'static [&'static str]),
}

use Class::{Harmless, Less, Longer, More, Shorter, Weakens, Words};

const YES: &[&str] = &["true", "false"];
const NO: &[&str] = &["false", "true"];

/// Each key, in the order of the table of keys.
const CLASSES: &[(&str, Class)] = &[
    ("site.name", Harmless),
    // All hours move with it.
    ("site.timezone", Weakens),
    ("site.language", Harmless),
    // Another journal, other people.
    ("site.state", Weakens),
    // With less laid by, fewer recordings can be closed on a full disk.
    ("site.reserve", Less),
    ("site.four-eyes", Words(YES)),
    ("site.command-line", Words(&["sealed", "open"])),
    ("ssh.listen", Longer),
    ("ssh.open", Words(&["armed", "hours", "always"])),
    ("ssh.legacy-clients", Words(NO)),
    ("ssh.name", Harmless),
    ("ssh.help", Harmless),
    // Whose word for a source is taken.
    ("ssh.proxied", Weakens),
    ("ssh.proxies", Longer),
    ("ssh.pending", Harmless),
    ("ssh.channels", Harmless),
    ("ssh.forwards", More),
    // A higher limit lets a flood come further.
    ("limits.connections", More),
    ("limits.connections-per-source", More),
    ("limits.connections-per-proxy", More),
    ("limits.handshakes", More),
    ("limits.handshakes-per-source", More),
    ("limits.handshake-time", More),
    ("limits.lobby-per-source", More),
    ("limits.login-time", More),
    ("limits.tries-per-connection", More),
    ("limits.requests-per-second", More),
    ("limits.interventions", More),
    ("limits.interventions-per-vendor", More),
    ("limits.watchers", Harmless),
    ("limits.console-connections", More),
    ("limits.console-connections-per-source", More),
    ("limits.console-sign-ins", More),
    ("limits.console-sign-ins-per-source", More),
    ("limits.console-sign-ins-per-login", More),
    ("limits.penalty-from", More),
    ("limits.penalty-most", Less),
    ("limits.penalty-delay", Less),
    ("limits.penalised-sources", Less),
    // Two networks for one, or one for many: either can blind a count.
    ("limits.ipv6-prefix", Weakens),
    ("console.listen", Weakens),
    ("console.certificate", Weakens),
    ("console.key", Weakens),
    ("console.address", Weakens),
    ("calendars.*.holidays", Weakens),
    ("calendars.*.good-friday", Words(YES)),
    ("calendars.*.pentecost-monday", Words(&["holiday", "worked"])),
    ("calendars.*.hours[].days", Weakens),
    ("calendars.*.hours[].from", Weakens),
    ("calendars.*.hours[].to", Weakens),
    ("calendars.*.closed", Shorter),
    ("calendars.*.extra[].day", Weakens),
    ("calendars.*.extra[].from", Weakens),
    ("calendars.*.extra[].to", Weakens),
    ("groups.*.name", Harmless),
    // Who may open an emergency.
    ("groups.*.on-call", Weakens),
    ("groups.*.mail", Weakens),
    ("recordings.recipients", Weakens),
    ("recordings.reading", Words(&["two-persons", "one-person"])),
    ("recordings.second-recipients", Weakens),
    ("recordings.record-limit", Less),
    ("recordings.session-quota", Less),
    ("recordings.replay-key", Weakens),
    ("supervision.freeze-after", More),
    ("supervision.end-after", More),
    ("supervision.challenge", More),
    ("retention.journal", Less),
    ("retention.recordings", Less),
    ("retention.files", Less),
    ("retention.because", Harmless),
    // Somebody else hears it, or nobody.
    ("notify.webhooks.*.url", Weakens),
    ("notify.webhooks.*.events", Shorter),
    ("notify.webhooks.*.key-file", Weakens),
    ("notify.webhooks.*.groups", Weakens),
    ("notify.mail.server", Weakens),
    ("notify.mail.tls", Words(&["implicit", "starttls", "none"])),
    ("notify.mail.user", Weakens),
    ("notify.mail.password-file", Weakens),
    ("notify.mail.from", Weakens),
    ("notify.second-mail.server", Weakens),
    ("notify.second-mail.tls", Words(&["implicit", "starttls", "none"])),
    ("notify.second-mail.user", Weakens),
    ("notify.second-mail.password-file", Weakens),
    ("notify.second-mail.from", Weakens),
    ("siem.*.server", Weakens),
    ("siem.*.ca-file", Weakens),
    ("siem.*.certificate", Weakens),
    ("siem.*.key", Weakens),
    ("siem.*.format", Harmless),
    ("siem.*.facility", Harmless),
    ("siem.*.alarm-after", More),
    // A shorter one forgets sooner.
    ("alarms.leak-window", Less),
    ("alarms.escalate-after", More),
    ("alarms.on-call", Weakens),
    ("alarms.syslog", Weakens),
    ("anchors.every", More),
    ("anchors.at-most", More),
    ("anchors.file", Weakens),
    ("anchors.syslog", Weakens),
    ("anchors.timestamp", Weakens),
    ("anchors.witnesses.*.url", Weakens),
    ("anchors.witnesses.*.key", Weakens),
    ("backup.recipients", Weakens),
    ("clamav.socket", Weakens),
    ("clamav.limit", Harmless),
    ("clamav.patience", Harmless),
    ("vendor.*.name", Harmless),
    ("vendor.*.contract.reference", Harmless),
    ("vendor.*.contract.from", Weakens),
    ("vendor.*.contract.until", Weakens),
    ("vendor.*.contact.name", Harmless),
    // The number that approvers call back (D6), and the domain of which nobody approves.
    ("vendor.*.contact.phone", Weakens),
    ("vendor.*.contact.email", Weakens),
    ("vendor.*.sources", Longer),
    ("vendor.*.because", Harmless),
    ("vendor.*.calendar", Weakens),
    ("vendor.*.language", Harmless),
    ("vendor.*.factors", Shorter),
    // The strictest terms of all rules that name a target hold: a rule that names it no more can weaken.
    ("vendor.*.allow[].targets", Weakens),
    ("vendor.*.allow[].accounts", Longer),
    ("vendor.*.allow[].rights", Longer),
    // None means any command.
    ("vendor.*.allow[].commands", Weakens),
    ("vendor.*.allow[].forward", Longer),
    ("vendor.*.allow[].approval.quorum", Less),
    ("vendor.*.allow[].approval.per", Words(&["session", "intervention"])),
    ("vendor.*.allow[].longest", More),
    ("vendor.*.forbid[].targets", Shorter),
    ("vendor.*.forbid[].days", Weakens),
    ("vendor.*.forbid[].because", Harmless),
    ("target.*.name", Harmless),
    ("target.*.address", Weakens),
    ("target.*.host-key", Weakens),
    ("target.*.account", Weakens),
    ("target.*.approvers", Longer),
    ("target.*.supervision", Words(&["required", "offered", "none"])),
    ("target.*.calendar", Weakens),
    ("target.*.verified", Words(&["called", "any"])),
    ("target.*.scan", Words(&["clamav", "none"])),
    ("target.*.scan-downloads", Words(YES)),
    ("target.*.files", Words(&["kept", "listed"])),
    ("target.*.tunnels", Words(&["kept", "listed"])),
    ("target.*.second-factor", Words(&["none", "technician"])),
    ("target.*.legacy.algorithms", Longer),
    ("target.*.legacy.because", Harmless),
    ("target.*.legacy.until", Weakens),
    ("target.*.idle", More),
];

/// What a new configuration weakens, one line a key; empty where nothing.
pub fn weakening(before: &Config, after: &Config) -> Vec<String> {
    let keys: BTreeSet<&String> = before.effective.keys().chain(after.effective.keys()).collect();
    in_order(keys.into_iter())
        .into_iter()
        .filter_map(|key| {
            let (old, new) = (before.effective.get(key), after.effective.get(key));
            let weak = match (old, new) {
                (Some(old), Some(new)) => old != new && weakens(class_of(key), old, new),
                (None, Some(_)) => added_weakens(key),
                (Some(_), None) => removed_weakens(key, &after.effective),
                (None, None) => false,
            };
            let word = |value: Option<&String>| value.map_or("-", String::as_str).to_owned();
            weak.then(|| format!("{key}: {} -> {}", word(old), word(new)))
        })
        .collect()
}

/// The row of the table of keys that a key belongs to.
fn row_of(key: &str) -> Option<&'static str> {
    let steps: Vec<&str> = key.split('.').collect();
    let is = |path: &str| {
        let pattern = pattern(path);
        pattern.len() == steps.len() && pattern.iter().zip(&steps).all(|(pattern, step)| fits(pattern, step))
    };
    // A name could look like another key's step: the first of the table of keys that fits is the key's own.
    KEYS.iter().map(|known| known.path).find(|path| is(path))
}

/// What a change of a key does. Without a row, whatever it becomes weakens.
fn class_of(key: &str) -> Class {
    let row = row_of(key).and_then(|row| CLASSES.iter().find(|(known, _)| *known == row));
    row.map_or(Weakens, |(_, class)| *class)
}

/// Something new: a company, a way in, a receiver of what is told. A prohibition is none.
fn added_weakens(key: &str) -> bool {
    let forbids = row_of(key).is_some_and(|row| row.starts_with("vendor.*.forbid[]") || row == "calendars.*.closed");
    !forbids && class_of(key) != Harmless
}

/// Something that is gone. A company or a piece of equipment that goes takes its accesses along. What goes of one
/// that stays can have been the strictest of the terms that several rules set together.
fn removed_weakens(key: &str, after: &BTreeMap<String, String>) -> bool {
    let mut steps = key.split('.');
    let gave = match (steps.next(), steps.next()) {
        (Some(kind @ ("vendor" | "target")), Some(name)) => {
            let whole = format!("{kind}.{name}.");
            !after.keys().any(|key| key.starts_with(&whole))
        }
        _ => false,
    };
    !gave && class_of(key) != Harmless
}

fn weakens(class: Class, old: &str, new: &str) -> bool {
    let plain = |text: &str| text.trim_matches('"').to_owned();
    match class {
        Harmless => false,
        Weakens => true,
        More | Less => match (size(&plain(old)), size(&plain(new))) {
            (Some(old), Some(new)) => (new > old) == (class == More),
            _ => true,
        },
        Longer | Shorter => match (entries(old), entries(new)) {
            (Some(old), Some(new)) if class == Longer => !new.is_subset(&old),
            (Some(old), Some(new)) => !old.is_subset(&new),
            _ => true,
        },
        Words(words) => {
            let rank = |text: &str| words.iter().position(|word| *word == text).unwrap_or(words.len());
            rank(&plain(new)) > rank(&plain(old))
        }
    }
}

/// A number, a duration in seconds, bytes or months.
fn size(text: &str) -> Option<i128> {
    let number = || text.parse::<i128>().ok();
    let months = || text.parse::<Months>().ok().map(|months| i128::from(months.0));
    let bytes = || text.parse::<ByteSize>().ok().map(|bytes| i128::from(bytes.0));
    let length = || duration(text).ok().map(|length| length.as_millis());
    number().or_else(months).or_else(bytes).or_else(length)
}

/// The entries of a list, as they would be written. `None`: no list, such as "any".
fn entries(text: &str) -> Option<BTreeSet<String>> {
    let parsed: toml::Table = toml::from_str(&format!("list = {text}")).ok()?;
    let list = parsed.get("list")?.as_array()?;
    Some(list.iter().map(ToString::to_string).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T8: whoever adds a key says what a change of it does.
    #[test]
    fn every_key_is_classed_and_no_other() {
        let keys: Vec<&str> = KEYS.iter().map(|key| key.path).collect();
        let classed: Vec<&str> = CLASSES.iter().map(|(path, _)| *path).collect();
        for key in &keys {
            assert!(classed.contains(key), "`{key}` is not classed in config/src/weakening.rs");
        }
        for path in &classed {
            assert!(keys.contains(path), "`{path}` is no key");
        }
        assert_eq!(keys.len(), classed.len(), "one is classed twice");
    }

    #[test]
    fn a_change_is_judged_by_its_class() {
        for (key, old, new, weak) in [
            ("supervision.freeze-after", "\"5s\"", "\"1m\"", true),
            ("supervision.freeze-after", "\"1m\"", "\"5s\"", false),
            ("retention.recordings", "\"6 months\"", "\"1 month\"", true),
            ("retention.recordings", "\"1 month\"", "\"6 months\"", false),
            ("recordings.record-limit", "\"1 GiB\"", "\"2 MiB\"", true),
            ("vendor.imagix.allow.0.approval.quorum", "2", "1", true),
            ("vendor.imagix.allow.0.approval.quorum", "1", "2", false),
            ("vendor.imagix.allow.0.rights", "[\"shell\"]", "[\"shell\", \"exec\"]", true),
            ("vendor.imagix.allow.0.rights", "[\"shell\", \"exec\"]", "[\"exec\"]", false),
            ("vendor.imagix.sources", "[\"192.0.2.0/24\"]", "\"any\"", true),
            ("vendor.imagix.factors", "[\"key\", \"password\", \"totp\"]", "[\"password\", \"totp\"]", true),
            ("target.scanner.supervision", "\"required\"", "\"offered\"", true),
            ("target.scanner.supervision", "\"none\"", "\"required\"", false),
            ("ssh.open", "\"armed\"", "\"always\"", true),
            ("site.four-eyes", "true", "false", true),
            ("site.four-eyes", "false", "true", false),
            ("site.name", "\"CHU\"", "\"CHU de X\"", false),
            ("nobody.knows.this", "1", "2", true),
        ] {
            assert_eq!(weakens(class_of(key), old, new), weak, "{key}: {old} -> {new}");
        }
        let stays = kept(&["vendor.imagix.name"]);
        assert!(added_weakens("vendor.other.sources") && !added_weakens("vendor.imagix.forbid.0.targets"));
        assert!(removed_weakens("vendor.imagix.forbid.0.targets", &stays));
        assert!(removed_weakens("siem.soc.server", &stays) && removed_weakens("notify.mail.server", &stays));
    }

    fn kept(keys: &[&str]) -> BTreeMap<String, String> {
        keys.iter().map(|key| ((*key).to_owned(), "1".to_owned())).collect()
    }

    /// T8: a thing's name says nothing of what it does.
    #[test]
    fn a_name_like_a_prohibition_is_none() {
        for key in [
            "vendor.forbid.sources",
            "vendor.forbid.allow.0.targets",
            "vendor.forbid.allow.0.rights",
            "target.forbid.address",
            "notify.webhooks.forbid.url",
            "anchors.witnesses.forbid.url",
            "calendars.forbid.hours.0.days",
            "calendars.closed.extra.0.day",
            "target.closed.approvers",
            "siem.closed.server",
            "groups.closed.mail",
        ] {
            assert!(added_weakens(key), "{key}");
        }
        for key in ["vendor.allow.forbid.0.targets", "vendor.forbid.forbid.10.days", "calendars.closed.closed"] {
            assert!(!added_weakens(key), "{key}");
        }
        let stays = kept(&["vendor.forbid.name", "vendor.allow.name", "target.allow.name"]);
        for key in [
            "vendor.forbid.forbid.0.targets",
            "vendor.allow.forbid.0.targets",
            "notify.webhooks.allow.url",
            "target.allow.calendar",
        ] {
            assert!(removed_weakens(key, &stays), "{key}");
        }
        assert!(!removed_weakens("vendor.imagix.sources", &stays), "it is gone whole");
        assert!(!removed_weakens("target.forbid.calendar", &stays), "it is gone whole");
    }
}
