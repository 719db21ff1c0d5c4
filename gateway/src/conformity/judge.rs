//! The one place that judges: each control by the facts, with the proof beside.
//!
//! A proof names where something was read and what stood there, in words that are the same in every
//! language: keys of the configuration, counts, ids of checks.

use super::State;
use super::facts::{ConsoleFacts, Facts};
use crate::doctor::Level;
use config::Opening;
use policy::Supervision;
use serde::Serialize;

/// Something that the program or its host does, or does not. Many rules hang on one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Control {
    /// Accounts live here alone.
    LocalAccounts,
    /// Each login showed two factors or more.
    TwoFactors,
    /// And one of them is bound to the connection.
    PhishingResistant,
    /// It is written down how each person was made sure of.
    Proofing,
    /// What is not granted is refused, and what is granted is named.
    Scope,
    /// Every vendor's contract holds.
    Contracts,
    /// Vendors come from the addresses they declared.
    Sources,
    /// Nothing passes whose content is not seen.
    NoTunnels,
    /// The port is closed outside the hours.
    Port,
    /// The port is open for what was planned alone.
    Armed,
    /// Nothing opens by itself at a start.
    NotAtStart,
    /// Hours are working hours.
    Hours,
    /// Nothing opened without a person's yes.
    Approval,
    /// Somebody watches.
    Supervision,
    /// Who, from where, when, how long.
    ClosingEntries,
    /// Every session's recording is there.
    Recording,
    /// Two together read what was typed as a secret.
    TwoReaders,
    /// Reading leaves its trace.
    Readings,
    /// The journal is being written, and proves itself.
    Journal,
    /// The register has no gap.
    Register,
    /// It is kept as long as the rules say.
    Retention,
    /// It leaves the machine.
    Forwarding,
    /// Modern algorithms alone.
    Crypto,
    /// Files are looked into.
    Scan,
    /// The console shows a certificate that browsers can check.
    Console,
    /// Approvers hear of a request by a way other than mail alone.
    Notice,
    /// Those who run the machine do not approve.
    Separation,
    /// Emergencies were looked at.
    Reviews,
    /// The clock is trusted.
    Clock,
    /// The network holds a second wall; from here it cannot be seen.
    NetworkWall,
    /// Backups are verified, which happens elsewhere and is not told here.
    BackupVerified,
    /// Which version runs; whether there is a newer one nobody here knows.
    Version,
    /// A check of the host.
    Host(&'static str),
}

/// Where something was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Place {
    /// The configuration in force.
    Configuration,
    /// The register.
    Register,
    /// The journal.
    Journal,
    /// The host, by a check of `poterne doctor`.
    Host,
    /// The running program itself.
    Program,
}

/// A control, its state, and the proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Judged {
    pub(crate) control: Control,
    pub(crate) state: State,
    /// Where it was read.
    #[serde(rename = "where")]
    pub(crate) place: Place,
    /// What stood there.
    pub(crate) seen: String,
}

/// Judges one control.
pub(crate) fn judge(control: Control, facts: &Facts) -> Judged {
    let (state, place, seen) = match control {
        Control::Host(id) => host(id, facts),
        Control::LocalAccounts
        | Control::TwoFactors
        | Control::Proofing
        | Control::Approval
        | Control::ClosingEntries
        | Control::Recording
        | Control::Readings
        | Control::Journal
        | Control::Register
        | Control::Separation
        | Control::Reviews
        | Control::Clock => lived(control, facts),
        _ => configured(control, facts),
    };
    Judged { control, state, place, seen }
}

type Seen = (State, Place, String);

fn host(id: &str, facts: &Facts) -> Seen {
    match facts.host.get(id) {
        Some((level, said)) => {
            let state = match level {
                Level::Green => State::Held,
                Level::Amber => State::Partly,
                Level::Red => State::NotHeld,
            };
            (state, Place::Host, format!("doctor {id}: {said}"))
        }
        None => (State::Partly, Place::Host, format!("doctor {id}: ?")),
    }
}

/// Held where there is none of what is bad.
fn none_of(bad: u64) -> State {
    if bad == 0 { State::Held } else { State::NotHeld }
}

fn lived(control: Control, facts: &Facts) -> Seen {
    let live = &facts.live;
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    match control {
        Control::LocalAccounts => (State::Held, Place::Register, format!("technicians: {}", live.accounts)),
        Control::TwoFactors => (
            none_of(live.weak_logins),
            Place::Journal,
            format!("factors-accepted: {}, < 2: {}", live.logins, live.weak_logins),
        ),
        Control::Proofing => (
            none_of(count(live.unproofed)),
            Place::Register,
            format!("technicians: {}, proofing = \"\": {}", live.accounts, live.unproofed),
        ),
        Control::Approval => {
            let seen = format!(
                "sessions: {}, approvals = 0: {}; withdrawn targets: {}",
                live.sessions, live.unapproved, live.withdrawn
            );
            let state =
                none_of(count(live.unapproved)).max(if live.withdrawn == 0 { State::Held } else { State::Partly });
            (state, Place::Register, seen)
        }
        Control::ClosingEntries => (
            State::Held,
            Place::Journal,
            format!("session-ended: source, started, seconds; sessions: {}", live.sessions),
        ),
        Control::Recording => (
            none_of(count(live.mutilated.saturating_add(live.lost))),
            Place::Register,
            format!(
                "sessions: {}, mutilated: {}, manifest or heads missing: {}",
                live.sessions, live.mutilated, live.lost
            ),
        ),
        Control::Readings => (State::Held, Place::Journal, format!("recording-read: {}", live.readings)),
        Control::Journal => {
            let state = if live.journal_works { State::Held } else { State::NotHeld };
            (state, Place::Journal, format!("journal_works = {}, entries: {}", live.journal_works, live.entries))
        }
        Control::Register => (
            none_of(count(live.missing)),
            Place::Register,
            format!("interventions: {}, missing: {}", live.interventions, live.missing),
        ),
        Control::Separation => {
            let state = match (live.operators, live.both) {
                (0, _) => State::NotHeld,
                (_, 0) => State::Held,
                _ => State::Partly,
            };
            (state, Place::Register, format!("operator: {}, operator + approver: {}", live.operators, live.both))
        }
        Control::Reviews => {
            (none_of(count(live.unreviewed)), Place::Register, format!("emergencies to review: {}", live.unreviewed))
        }
        _ => {
            let state = if live.clock_trusted { State::Held } else { State::NotHeld };
            (state, Place::Program, format!("clock_trusted = {}", live.clock_trusted))
        }
    }
}

/// The names of those that are meant, or `-`.
fn named<'a>(all: impl Iterator<Item = &'a String>) -> String {
    let names: Vec<&str> = all.map(String::as_str).collect();
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

/// Held where it is about nobody, partly where about some.
fn excepted<'a>(key: &str, bad: impl Iterator<Item = &'a String>, otherwise: State) -> Seen {
    let names = named(bad);
    let state = if names == "-" { State::Held } else { otherwise };
    (state, Place::Configuration, format!("{key}: {names}"))
}

fn configured(control: Control, facts: &Facts) -> Seen {
    let config = &facts.config;
    let vendors = |bad: fn(&super::facts::VendorFacts) -> bool| {
        config.vendors.iter().filter(move |one| bad(one)).map(|one| &one.id)
    };
    let held = |holds: bool, otherwise: State| if holds { State::Held } else { otherwise };
    match control {
        Control::PhishingResistant => {
            excepted("factors without \"key\" (phishable)", vendors(|one| !one.key), State::Partly)
        }
        Control::Scope => {
            let grants: Vec<String> =
                config.vendors.iter().map(|one| format!("{} → {}", one.id, named(one.targets.iter()))).collect();
            (State::Held, Place::Configuration, grants.join("; "))
        }
        Control::Contracts => excepted("contract not in force", vendors(|one| !one.in_contract), State::Partly),
        Control::Sources => {
            excepted("sources = \"any\", or as good as any", vendors(|one| one.any_source), State::NotHeld)
        }
        Control::NoTunnels => excepted("forward", vendors(|one| one.forwards), State::Partly),
        Control::Port | Control::Armed | Control::NotAtStart => {
            let (word, state) = match (config.open, control) {
                (Opening::Always, _) => ("always", State::NotHeld),
                // By the hours it waits for whoever may knock, and not for what was planned.
                (Opening::Hours, Control::Armed) => ("hours", State::Partly),
                (Opening::Hours, _) => ("hours", State::Held),
                (Opening::Armed, _) => ("armed", State::Held),
            };
            (state, Place::Configuration, format!("ssh.open = \"{word}\""))
        }
        Control::Hours => {
            let wide: Vec<String> =
                config.vendors.iter().filter_map(|one| Some(format!("{} ({})", one.id, one.wide?))).collect();
            excepted("hours beyond working hours", wide.iter(), State::Partly)
        }
        Control::Supervision => {
            let word = |one: Supervision| match one {
                Supervision::None => "none",
                Supervision::Offered => "offered",
                Supervision::Required => "required",
            };
            let all: Vec<String> = config
                .targets
                .iter()
                .map(|one| format!("target.{}.supervision = \"{}\"", one.id, word(one.supervision)))
                .collect();
            let state = match config.targets.iter().map(|one| one.supervision).min() {
                Some(Supervision::None) => State::NotHeld,
                Some(Supervision::Offered) => State::Partly,
                Some(Supervision::Required) | None => State::Held,
            };
            (state, Place::Configuration, named(all.iter()))
        }
        Control::TwoReaders => (
            held(config.recipients > 1, State::Partly),
            Place::Configuration,
            format!("recordings.recipients: {}", config.recipients),
        ),
        Control::Retention => {
            let [journal, recordings, files] = config.months;
            // Beyond 12 months the configuration takes a written reason, and beyond 36 it takes nothing.
            let long = config.months.iter().any(|months| *months > crate::report::UNREASONED);
            let (state, overdue) = match facts.live.overdue {
                Some(0) => (State::Held, "0".to_owned()),
                Some(late) => (State::NotHeld, late.to_string()),
                None => (State::Partly, "?".to_owned()),
            };
            (
                state.max(held(!long, State::Partly)),
                Place::Configuration,
                format!(
                    "retention: journal {journal}, recordings {recordings}, files {files} months; overdue: {overdue}"
                ),
            )
        }
        Control::Forwarding => {
            (held(config.receivers > 0, State::NotHeld), Place::Configuration, format!("siem: {}", config.receivers))
        }
        Control::Crypto => {
            let mut old: Vec<String> = config
                .targets
                .iter()
                .filter(|one| !one.legacy.is_empty())
                .map(|one| format!("target.{}.legacy = {}", one.id, one.legacy.join(" ")))
                .collect();
            old.extend(config.legacy_clients.then(|| "ssh.legacy-clients = true".to_owned()));
            excepted("old algorithms", old.iter(), State::Partly)
        }
        Control::Scan => {
            let bare = config.targets.iter().filter(|one| one.unscanned).map(|one| &one.id);
            excepted("files put without scan", bare, State::NotHeld)
        }
        Control::Console => {
            let (state, seen) = match config.console {
                ConsoleFacts::None => (State::Held, "no [console]"),
                ConsoleFacts::OwnCertificate => (State::NotHeld, "console.certificate: its own"),
                ConsoleFacts::Certificate => (State::Held, "console.certificate"),
            };
            (state, Place::Configuration, seen.to_owned())
        }
        Control::Notice => {
            let state = match (config.webhooks, config.mail) {
                (0, false) => State::NotHeld,
                (0, true) => State::Partly,
                _ => State::Held,
            };
            (state, Place::Configuration, format!("notify.webhooks: {}, notify.mail: {}", config.webhooks, config.mail))
        }
        Control::BackupVerified => {
            (State::Partly, Place::Program, "poterne backup verify, on another machine: ?".to_owned())
        }
        Control::Version => {
            (State::Partly, Place::Program, format!("poterne {}; newest: ?", env!("CARGO_PKG_VERSION")))
        }
        _ => (State::Partly, Place::Program, "poterne firewall render; nftables: ?".to_owned()),
    }
}
