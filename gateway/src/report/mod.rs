//! Registers and reports: what the daemon gathers, and how the command line writes it down (EVI-06,
//! EVI-10, LIF-06, LIF-10).
//!
//! The daemon answers with rows of plain objects, whose names are those of `--format json`. How a row
//! becomes cells stands in one table of columns a report, from which text, CSV and ODS are all written.

mod accounts;
mod ask;
mod columns;
mod dormant;
pub(crate) mod layout;
pub(crate) mod ods;
mod register;
mod retention;

pub(crate) use retention::UNREASONED;
