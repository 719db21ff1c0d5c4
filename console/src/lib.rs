//! The pages of the hospital's staff.
//!
//! Knows commands and views only: no SSH, no key, no file. What it asks of the daemon stands in one
//! trait, [`Commands`], which the gateway implements; the gateway also terminates TLS and opens
//! recordings (D29). Every address stands in one table, [`routes`], with who may use it.
#![forbid(unsafe_code)]

mod alerts;
mod api;
mod assets;
mod brake;
mod commands;
mod enrol;
mod error;
mod events;
mod explain;
#[cfg(test)]
mod fake;
#[allow(unreachable_pub, reason = "what the macro makes is public")]
mod filters;
mod form;
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod health;
pub mod listener;
mod names;
mod page;
mod people;
mod plan;
mod reading;
mod register;
pub mod replay;
mod requests;
mod rights;
mod routes;
mod sessions;
mod sign_in;
mod signed_in;
mod site;
mod texts;
mod tokens;
mod watching;
pub mod wire;

pub use alerts::alert_title;
pub use api::export::{digest_of, token_of};
pub use commands::{
    Commands, Enrolment, Evidence, Invited, Known, LiveSession, Look, NotEnrolled, SignInTry, Soon, Square, Watching,
};
pub use guard::plain;
pub use health::{
    Anchor, Certificate, Channel, Door, DoorCause, Health, JournalHealth, Missing, RecorderHealth, Room, ScannerHealth,
    Walls,
};
pub use names::{staff_name, target_name, vendor_name};
pub use register::Csv;
pub use routes::{Access, Kind, Route, router, routes};
pub use texts::{Texts, visible};
