//! The limits that a hostile or broken peer meets (HRD-12), each with a name, and the penalties of
//! sources that go on regardless (IDM-09). All names stand in one table; the amounts that a site may
//! choose are those of `[limits]`, and the fixed ones stand here. `docs/limits.md` says of each what
//! happens when it is reached.
//!
//! Nothing here shuts an address out from which a technician may come: it waits longer, comes last, and
//! is the first to make room. Only an address from which nobody can ever come in is closed on.

mod door;
mod gathered;
mod pace;
mod penalty;
mod places;
mod source;
mod tally;
mod turns;

pub(crate) use door::{Door, Newcomer, Place, Rank};
pub(crate) use gathered::Gathered;
pub(crate) use pace::Pace;
pub use penalty::Reason;
pub(crate) use penalty::{Penalised, Penalties};
pub(crate) use places::Places;
pub use source::Source;
pub(crate) use tally::Tally;
pub(crate) use turns::{Caller, Turns};

use crate::site::Site;
use config::Config;
use jiff::Timestamp;
use lifecycle::Event;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long what is reached, and who is refused, is gathered into one entry (D19).
pub(crate) const GATHER: Duration = Duration::from_secs(60);
/// Bytes that a connection may send before its session: the lobby's longest walk takes a tenth of it, and
/// each key exchange three thousand.
pub(crate) const BYTES_BEFORE_SESSION: u64 = 256 << 10;
/// Answers in one round of the lobby, and bytes in one answer, that are looked at.
pub(crate) const ANSWERS: usize = 8;
/// See [`ANSWERS`].
pub(crate) const ANSWER: usize = 1024;
/// Unsent bytes beyond which a peer is given up: it writes and does not read.
pub(crate) const UNREAD: usize = 32 << 20;
/// Passwords that are compared at once, so that a flood of logins neither takes all memory nor all cores
/// (T17). Who comes next is for [`Turns`].
pub(crate) const COMPARISONS: usize = 2;
/// How long a proxy may take for its header.
pub(crate) const PROXY_HEADER_TIME: Duration = Duration::from_secs(5);
/// Judged tries of one source with one account in a minute that have an entry each; more are gathered (T19).
pub(crate) const ENTRIES_PER_ACCOUNT: u32 = 20;
/// Sources with an entry of their own for tries with unknown logins in one minute; more share one.
pub(crate) const PROBING_SOURCES: usize = 256;

/// A limit, by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "each is described in docs/limits.md, which a test holds against this")]
pub enum Limit {
    Connections,
    ConnectionsPerSource,
    ConnectionsPerProxy,
    Strangers,
    ProxyHeader,
    Handshakes,
    HandshakesPerSource,
    HandshakeTime,
    Lobby,
    LobbyPerSource,
    LoginTime,
    Tries,
    BytesBeforeSession,
    Unread,
    Comparisons,
    AccountEntries,
    ProbingSources,
    Channels,
    Forwards,
    Requests,
    Window,
    Interventions,
    InterventionsPerVendor,
    Watchers,
    ConsoleConnections,
    ConsoleConnectionsPerSource,
    ConsoleSignIns,
    ConsoleSignInsPerSource,
    ConsoleSignInsPerLogin,
    Penalties,
}

/// Each limit, its name in journal and documentation, and the configuration key that sets it; `None`: it
/// is fixed.
pub const LIMITS: &[(Limit, &str, Option<&str>)] = &[
    (Limit::Connections, "connections", Some("limits.connections")),
    (Limit::ConnectionsPerSource, "connections-per-source", Some("limits.connections-per-source")),
    (Limit::ConnectionsPerProxy, "connections-per-proxy", Some("limits.connections-per-proxy")),
    (Limit::Strangers, "strangers", Some("limits.penalty-from")),
    (Limit::ProxyHeader, "proxy-header", None),
    (Limit::Handshakes, "handshakes", Some("limits.handshakes")),
    (Limit::HandshakesPerSource, "handshakes-per-source", Some("limits.handshakes-per-source")),
    (Limit::HandshakeTime, "handshake-time", Some("limits.handshake-time")),
    (Limit::Lobby, "lobby", Some("ssh.pending")),
    (Limit::LobbyPerSource, "lobby-per-source", Some("limits.lobby-per-source")),
    (Limit::LoginTime, "login-time", Some("limits.login-time")),
    (Limit::Tries, "tries-per-connection", Some("limits.tries-per-connection")),
    (Limit::BytesBeforeSession, "bytes-before-session", None),
    (Limit::Unread, "unread", None),
    (Limit::Comparisons, "comparisons", None),
    (Limit::AccountEntries, "entries-per-account", None),
    (Limit::ProbingSources, "probing-sources", None),
    (Limit::Channels, "channels", Some("ssh.channels")),
    (Limit::Forwards, "forwards", Some("ssh.forwards")),
    (Limit::Requests, "requests", Some("limits.requests-per-second")),
    (Limit::Window, "window", None),
    (Limit::Interventions, "interventions", Some("limits.interventions")),
    (Limit::InterventionsPerVendor, "interventions-per-vendor", Some("limits.interventions-per-vendor")),
    (Limit::Watchers, "watchers", Some("limits.watchers")),
    (Limit::ConsoleConnections, "console-connections", Some("limits.console-connections")),
    (
        Limit::ConsoleConnectionsPerSource,
        "console-connections-per-source",
        Some("limits.console-connections-per-source"),
    ),
    (Limit::ConsoleSignIns, "console-sign-ins", Some("limits.console-sign-ins")),
    (Limit::ConsoleSignInsPerSource, "console-sign-ins-per-source", Some("limits.console-sign-ins-per-source")),
    (Limit::ConsoleSignInsPerLogin, "console-sign-ins-per-login", Some("limits.console-sign-ins-per-login")),
    (Limit::Penalties, "penalised-sources", Some("limits.penalised-sources")),
];

impl Limit {
    /// The limit of a name.
    pub fn of(name: &str) -> Option<Self> {
        LIMITS.iter().find(|(_, known, _)| *known == name).map(|(limit, ..)| *limit)
    }

    /// Its name, as the journal has it.
    pub fn name(self) -> &'static str {
        LIMITS.iter().find(|(limit, ..)| *limit == self).map_or("", |(_, name, _)| name)
    }
}

/// What the running site counts.
#[derive(Default)]
pub struct Desk {
    door: Arc<Door>,
    penalties: Mutex<Penalties>,
    tally: Tally,
}

impl Desk {
    pub(crate) fn door(&self) -> &Arc<Door> {
        &self.door
    }

    fn penalties(&self) -> MutexGuard<'_, Penalties> {
        self.penalties.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A limit was reached: counted, and written with others of its minute (D19).
    pub(crate) fn reached(&self, limit: Limit, source: Option<Source>, at: Timestamp) {
        tracing::debug!(limit = limit.name(), source = source.map(tracing::field::display), "a limit was reached");
        self.tally.note(limit, source, at);
    }

    /// Charges a source.
    pub(crate) fn charge(&self, config: &Config, source: Source, reason: Reason) {
        self.penalties().charge(&config.limits, source, reason, Instant::now());
    }

    /// How an address stands: whether anybody may come from there at all, and how it behaved.
    pub(crate) fn rank(&self, config: &Config, ip: IpAddr) -> Rank {
        let known = config.vendors.values().any(|vendor| vendor.rules.sources.contain(ip));
        let source = Source::of(ip, &config.limits);
        match (known, self.penalties().is_penalised(&config.limits, source, Instant::now())) {
            (false, true) => Rank::Outcast,
            (false, false) => Rank::Stranger,
            (true, true) => Rank::Penalised,
            (true, false) => Rank::Ordinary,
        }
    }

    /// The penalised sources, the heaviest first.
    pub(crate) fn penalised(&self, config: &Config) -> Vec<Penalised> {
        self.penalties().list(&config.limits, Instant::now())
    }

    /// Forgets a source's penalties; whether it had any.
    pub(crate) fn lift(&self, source: Source) -> bool {
        self.penalties().lift(source, Instant::now())
    }

    /// How often each limit was reached in the minute that runs.
    pub(crate) fn reached_now(&self) -> Vec<(&'static str, u64)> {
        self.tally.now()
    }

    /// What is to be journalled of what was gathered, and begins anew.
    pub(crate) fn gathered(&self, config: &Config) -> Vec<Event> {
        let mut events = self.tally.take();
        events.extend(self.penalties().gathered(&config.limits, Instant::now()));
        events
    }
}

/// Writes what was gathered, once a minute. Waits on real time.
pub async fn keep(site: Arc<Site>) {
    let mut every = tokio::time::interval(GATHER);
    every.tick().await;
    loop {
        every.tick().await;
        flush(&site).await;
    }
}

/// Writes what was gathered so far.
pub(crate) async fn flush(site: &Site) {
    let events = site.limits.gathered(&site.config());
    if !events.is_empty() {
        site.registrar.note(events).await;
    }
}

#[cfg(test)]
mod tests_support {
    use std::sync::LazyLock;

    /// Read once: properties ask for it a hundred thousand times.
    static EXAMPLE: LazyLock<config::Config> = LazyLock::new(|| {
        let main = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/examples/poterne.toml");
        let at = "2026-06-01T10:00:00Z".parse().unwrap();
        config::load(&main, config::Options { at, unpinned: false }).unwrap()
    });

    /// The defaults of `[limits]`, as the loader takes them from the table of keys.
    pub(crate) fn limits() -> config::Limits {
        EXAMPLE.limits
    }

    /// The shipped example.
    pub(crate) fn config() -> config::Config {
        EXAMPLE.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// HRD-12: each limit has a name and, unless it is fixed, a key that exists; and the documentation has
    /// a row for it.
    #[test]
    fn each_limit_has_a_name_a_key_and_a_row_in_the_documentation() {
        let page = include_str!("../../../docs/limits.md");
        let names: BTreeSet<&str> = LIMITS.iter().map(|(_, name, _)| *name).collect();
        assert_eq!(names.len(), LIMITS.len());
        for (limit, name, key) in LIMITS {
            assert_eq!(limit.name(), *name);
            let row = page.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
            let row = row.unwrap_or_else(|| panic!("docs/limits.md has no row for {name}"));
            if let Some(key) = key {
                assert!(config::KEYS.iter().any(|one| one.path == *key), "{key}");
                assert!(row.contains(&format!("`{key}`")), "{row}");
            }
        }
        for reason in Reason::ALL {
            assert!(page.contains(&format!("| `{}` | {} s |", reason.name(), reason.seconds())), "{}", reason.name());
        }
        // The other way round: what `[limits]` has is named on the page.
        for key in config::KEYS.iter().filter(|key| key.path.starts_with("limits.")) {
            assert!(page.contains(&format!("`{}`", key.path)), "{}", key.path);
        }
    }
}
