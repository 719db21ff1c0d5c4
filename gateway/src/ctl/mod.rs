//! The local socket between the command line and the daemon: one JSON line asks, one answers.

pub mod caller;
pub mod client;
mod follow;
mod health;
mod interventions;
mod people;
pub mod protocol;
pub mod server;
mod sessions;
mod staff;
mod tokens;
pub mod view;
