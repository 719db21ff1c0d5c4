//! What takes the bytes of strangers, and what has to hold whatever they are.
//!
//! One module a target, each with `run`: it takes any bytes and panics where something does not hold
//! that must. libFuzzer drives them for as long as one likes (`fuzz/bin`, docs/fuzzing.md); the tests of
//! this crate drive each over its corpus and what is made of it, for a few seconds.
#![forbid(unsafe_code)]

pub mod bundle;
pub mod config;
pub mod draws;
pub mod form;
pub mod intervention;
pub mod journal;
pub mod log;
pub mod login;
pub mod order;
pub mod proxy;
pub mod reached;
pub mod recording;
pub mod scp;
pub mod session;
pub mod sftp;
pub mod stamp;
pub mod steward;
pub mod terminal;

/// A target: its name, which is its corpus's too, and what takes the bytes.
pub type Target = (&'static str, fn(&[u8]));

/// All of them.
pub const TARGETS: [Target; 14] = [
    ("bundle", bundle::run),
    ("config", config::run),
    ("form", form::run),
    ("intervention", intervention::run),
    ("journal", journal::run),
    ("login", login::run),
    ("order", order::run),
    ("proxy", proxy::run),
    ("recording", recording::run),
    ("scp", scp::run),
    ("session", session::run),
    ("sftp", sftp::run),
    ("stamp", stamp::run),
    ("terminal", terminal::run),
];
