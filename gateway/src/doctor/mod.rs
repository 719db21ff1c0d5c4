//! `poterne doctor`: whether the machine around the program holds what the program promises (LOG-17).
//!
//! Everything is read below a root, so that tests read a fixture tree; nothing is written and nobody is
//! asked but, by the command line, the daemon. Each check says what was seen and what to do. What cannot
//! be seen is said to be unknown, and is never green.

mod answers;
mod network;
mod place;
mod root;
mod secrets;
mod system;
mod trace;

pub(crate) use place::wide;
pub(crate) use root::Root;

use config::Config;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Level {
    /// As it should be.
    Green,
    /// Worth a look, or not known.
    Amber,
    /// To be put right.
    Red,
}

/// One check and how it came out. What was seen is the text `doctor-<id>-<seen>` with this value; what to
/// do is `doctor-<id>-todo`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// Which check.
    pub(crate) id: &'static str,
    /// How it came out.
    pub(crate) level: Level,
    /// What was seen, as a word.
    pub(crate) seen: &'static str,
    /// What the word is about: a file, an address, a number of days.
    pub(crate) value: String,
}

impl Finding {
    fn green(id: &'static str, seen: &'static str, value: impl ToString) -> Self {
        Self { id, level: Level::Green, seen, value: value.to_string() }
    }

    fn amber(id: &'static str, seen: &'static str, value: impl ToString) -> Self {
        Self { id, level: Level::Amber, seen, value: value.to_string() }
    }

    fn red(id: &'static str, seen: &'static str, value: impl ToString) -> Self {
        Self { id, level: Level::Red, seen, value: value.to_string() }
    }
}

/// Every check, in the order in which they are told, with the rule behind it.
pub(crate) const CHECKS: [(&str, &str); 18] = [
    ("directory", "HRD-01"),
    ("release", "HRD-02"),
    ("patches", "HRD-02"),
    ("trace", "HRD-03"),
    ("clock", "TIM-09"),
    ("disk", "LOG-12"),
    ("stray", "HRD-11"),
    ("config", "LOG-17"),
    ("listener", "TIM-01"),
    ("hours", "TIM-02"),
    ("certificate", "THREATS T6"),
    ("recipients", "REC-07"),
    ("vault-key", "THREATS T15"),
    ("daemon", "LOG-17"),
    ("confined", "HRD-06"),
    ("anchor", "LOG-04"),
    ("siem", "LOG-05"),
    ("backup", "EVI-12"),
];

/// What the checks read of the host besides `/proc` and the libraries' folder: the daemon, which makes the
/// conformity report, keeps these open for itself.
pub(crate) const READS: &[&str] = &[
    "/etc/os-release",
    "/etc/krb5.conf",
    "/etc/samba/smb.conf",
    "/etc/audit",
    "/etc/systemd/system",
    "/var/lib/apt/lists",
];

/// What the host alone shows, without a configuration.
pub(crate) fn host(root: &Root, at: Timestamp) -> Vec<Finding> {
    vec![
        system::directory(root),
        system::release(root, at),
        system::patches(root, at),
        trace::trace(root),
        system::clock(root, at),
    ]
}

/// What the configuration in force shows, with the host around it. `main` is its file.
pub(crate) fn configured(root: &Root, config: &Config, main: &std::path::Path, at: Timestamp) -> Vec<Finding> {
    vec![
        place::disk(root, &config.site.state),
        place::hours(config),
        place::certificate(root, config, main, at),
        place::recipients(config),
        secrets::vault_key(root, &config.site.state, at),
    ]
}

/// What listens besides the program.
pub(crate) fn stray(root: &Root, config: &Config) -> Finding {
    network::stray(root, Some(config))
}

/// What the daemon's status shows.
pub(crate) fn told(status: &Value, at: Timestamp) -> Vec<Finding> {
    answers::daemon(Ok(status), at)
}

/// All checks, in their order. `config`: as it was loaded, or why not; `status`: what the daemon told, or
/// why it did not.
pub(crate) fn look(
    root: &Root,
    main: &std::path::Path,
    config: Result<&Config, String>,
    status: Result<&Value, String>,
    at: Timestamp,
) -> Vec<Finding> {
    let mut all = host(root, at);
    match &config {
        Ok(config) => {
            all.push(Finding::green("config", "loads", main.display()));
            all.extend(configured(root, config, main, at));
            all.push(network::listener(root, config, status.as_ref().ok().copied(), at));
        }
        Err(why) => all.push(Finding::red("config", "refused", why)),
    }
    all.push(network::stray(root, config.ok()));
    all.extend(answers::daemon(status, at));
    let place = |finding: &Finding| CHECKS.iter().position(|(id, _)| *id == finding.id);
    all.sort_by_key(place);
    all
}

/// The exit status: 0 all green, 1 something red, 2 something amber and nothing red.
pub(crate) fn exit_of(findings: &[Finding]) -> u8 {
    match findings.iter().map(|finding| finding.level).max() {
        None | Some(Level::Green) => 0,
        Some(Level::Red) => 1,
        Some(Level::Amber) => 2,
    }
}

#[cfg(test)]
mod tests;
