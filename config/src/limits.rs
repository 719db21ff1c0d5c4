//! `[limits]`: how much of everything one source, one vendor or everybody may have (HRD-12). What each
//! limit is called and what happens when it is reached stands in `docs/limits.md`.

use crate::read::Table;
use crate::values::within;
use jiff::SignedDuration;

/// `[limits]`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at the vendors' port, sessions included.
    pub connections: u32,
    /// Of those, from one source.
    pub connections_per_source: u32,
    /// Of those, over one proxy.
    pub connections_per_proxy: u32,
    /// Connections whose key exchange is not over.
    pub handshakes: u32,
    /// Of those, from one source.
    pub handshakes_per_source: u32,
    /// How long a key exchange may take.
    pub handshake_time: SignedDuration,
    /// Connections of one source in the lobby.
    pub lobby_per_source: u32,
    /// From the first byte until both factors are proven (D2).
    pub login_time: SignedDuration,
    /// Tries of one connection, over all methods together.
    pub tries_per_connection: u32,
    /// Requests of one connection in a second, once it is in.
    pub requests_per_second: u32,
    /// Requests for an intervention that wait for the hospital.
    pub interventions: u32,
    /// Of those, of one vendor.
    pub interventions_per_vendor: u32,
    /// Watchers of one session.
    pub watchers: u32,
    /// Connections to the console.
    pub console_connections: u32,
    /// Of those, from one source.
    pub console_connections_per_source: u32,
    /// Sign-ins at the console that are being judged at the same time.
    pub console_sign_ins: u32,
    /// Failed sign-ins from one source within ten minutes.
    pub console_sign_ins_per_source: u32,
    /// Failed sign-ins with one login from one source within ten minutes.
    pub console_sign_ins_per_login: u32,
    /// A source with so much penalty is penalised.
    pub penalty_from: SignedDuration,
    /// No source has more.
    pub penalty_most: SignedDuration,
    /// How much longer a penalised source waits for each verdict.
    pub penalty_delay: SignedDuration,
    /// Sources whose penalties are remembered.
    pub penalised_sources: u32,
    /// Bits of an IPv6 address that make a source.
    pub ipv6_prefix: u32,
}

/// Reads the section.
pub(crate) fn limits(table: &Table<'_>) -> Option<Limits> {
    let before = table.sink().count();
    // What is worth nothing is not taken: a complaint stands for it.
    let number = |key, range| table.number(key, range).unwrap_or_default();
    let time = |key, least, most| table.parsed_or(key, within(least, most)).map(|at| at.value).unwrap_or_default();
    let mut limits = Limits {
        connections: number("connections", 10..=20_000),
        connections_per_source: number("connections-per-source", 2..=20_000),
        connections_per_proxy: number("connections-per-proxy", 10..=20_000),
        handshakes: number("handshakes", 10..=10_000),
        handshakes_per_source: number("handshakes-per-source", 2..=10_000),
        handshake_time: time("handshake-time", "5s", "60s"),
        lobby_per_source: number("lobby-per-source", 2..=10_000),
        login_time: time("login-time", "30s", "2m"),
        tries_per_connection: number("tries-per-connection", 6..=100),
        requests_per_second: number("requests-per-second", 10..=1000),
        interventions: number("interventions", 1..=1000),
        interventions_per_vendor: number("interventions-per-vendor", 1..=1000),
        watchers: number("watchers", 1..=64),
        console_connections: number("console-connections", 16..=10_000),
        console_connections_per_source: number("console-connections-per-source", 8..=10_000),
        console_sign_ins: number("console-sign-ins", 2..=256),
        console_sign_ins_per_source: number("console-sign-ins-per-source", 5..=1000),
        console_sign_ins_per_login: number("console-sign-ins-per-login", 3..=100),
        penalty_from: time("penalty-from", "5s", "10m"),
        penalty_most: time("penalty-most", "1m", "24h"),
        penalty_delay: time("penalty-delay", "0s", "5s"),
        penalised_sources: number("penalised-sources", 64..=65_536),
        ipv6_prefix: number("ipv6-prefix", 32..=128),
    };
    table.finish();
    if table.sink().count() > before {
        return None;
    }
    agree(table, &mut limits);
    (table.sink().count() == before).then_some(limits)
}

/// A part is not more than its whole. A part that is not written follows its whole.
fn agree(table: &Table<'_>, limits: &mut Limits) {
    let Limits { connections, handshakes, interventions, console_connections, .. } = *limits;
    let pairs = [
        ("connections-per-source", &mut limits.connections_per_source, "connections", connections),
        ("connections-per-proxy", &mut limits.connections_per_proxy, "connections", connections),
        ("handshakes-per-source", &mut limits.handshakes_per_source, "handshakes", handshakes),
        ("interventions-per-vendor", &mut limits.interventions_per_vendor, "interventions", interventions),
        (
            "console-connections-per-source",
            &mut limits.console_connections_per_source,
            "console-connections",
            console_connections,
        ),
    ];
    for (part, of_one, whole, of_all) in pairs {
        if *of_one <= of_all {
            continue;
        }
        if table.has(part) {
            let why = format!("is {of_one}, more than the {of_all} of `limits.{whole}`: write {of_all} or less");
            table.refuse(&table.place_of(part), part, why);
        }
        *of_one = of_all;
    }
    if limits.handshake_time > limits.login_time {
        let why = "is longer than `limits.login-time`, of which it is a part: write less";
        table.refuse(&table.place_of("handshake-time"), "handshake-time", why);
    }
    if limits.penalty_from > limits.penalty_most {
        let why = "is more than `limits.penalty-most`, so that no source would ever be penalised: write less";
        table.refuse(&table.place_of("penalty-from"), "penalty-from", why);
    }
}
