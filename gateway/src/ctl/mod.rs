//! The local socket between the command line and the daemon: one JSON line asks, one answers.

pub mod client;
pub mod protocol;
pub mod server;
pub mod view;
