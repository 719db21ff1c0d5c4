//! The local socket between the command line and the daemon: one JSON line asks, one answers.

mod alerts;
mod anchors;
pub mod caller;
mod changes;
pub mod client;
pub mod desk;
mod entitled;
mod envelope;
mod evidence;
mod follow;
mod health;
mod interventions;
mod people;
pub mod protocol;
mod retention;
mod rotation;
pub mod server;
mod sessions;
mod sources;
mod staff;
mod status;
mod subject;
mod tokens;
pub mod view;
