//! The local socket between the command line and the daemon: one JSON line asks, one answers.

pub mod caller;
pub mod client;
mod interventions;
mod people;
pub mod protocol;
pub mod server;
mod sessions;
mod tokens;
pub mod view;
