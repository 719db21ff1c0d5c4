//! The pages of the hospital's staff.
//!
//! Knows commands and views only: no SSH, no key, no file. What it asks of the daemon stands in one
//! trait, which the gateway implements; the gateway also terminates TLS and opens recordings (D29).
#![forbid(unsafe_code)]

pub mod replay;
