//! The daemon and the command line of Poterne.
//!
//! `docs/architecture.md` has the map, the promises by name, and the list of tasks with what each
//! waits on. The order of the checks that a technician passes stands in [`ssh::lobby`]; what
//! follows an approval in [`admission`]; what moves bytes in [`relay`].
#![forbid(unsafe_code)]

pub mod admission;
pub mod anchors;
pub mod archive;
mod backend;
mod backup;
pub mod cli;
pub mod clock;
pub mod confine;
mod conformity;
pub mod ctl;
pub mod daemon;
#[cfg(feature = "demo")]
pub mod demo;
mod descriptors;
mod doctor;
mod enrolment;
pub mod entropy;
mod escalation;
pub mod evidence;
pub mod factors;
pub mod files;
pub mod https;
mod in_force;
pub mod invitation;
pub mod lacks;
pub mod limits;
pub mod lockdown;
pub mod log;
mod memory;
pub mod notify;
mod recovery;
pub mod registrar;
pub mod relay;
pub mod reload;
pub mod replay;
mod report;
pub mod reserve;
mod retention;
pub mod ring;
mod rollback;
pub mod sealing;
pub mod siem;
pub mod site;
pub mod ssh;
pub mod target;
pub mod texts;
pub mod vault;
pub mod watch;

/// Memory that is given back is wiped first: what was typed and what the vault opened does not stay behind
/// in buffers that libraries drop as they are (HRD-09). `docs/hardening.md` says what this does not reach.
#[global_allocator]
static WIPED: zeroizing_alloc::ZeroAlloc<std::alloc::System> = zeroizing_alloc::ZeroAlloc(std::alloc::System);
