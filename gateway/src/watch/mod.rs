//! Watching a session live: what the watchers see is read back from the recording itself (REC-12),
//! and whether somebody really watches is found out, not believed (T22, APR-04).

pub mod attend;
mod attendance;
mod files;
mod history;
pub mod keep;
mod outlet;
mod pictures;
pub mod presence;
mod rights;
pub(crate) mod socket;
pub mod stage;
