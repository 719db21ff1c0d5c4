//! The pump: read, record, forward, both ways, within bounded memory (promise 3).
//!
//! russh grants a peer new window when data arrives, not when it is consumed, and its one loop a
//! connection must never be made to wait. So no callback of ours waits: what arrives is put into a
//! [`lane::Lane`] and counted, and pressure is made where the library leaves a handle on it. How,
//! and on which internals of the pinned version that rests, stands in `docs/relay.md`.

pub mod channel;
pub mod gate;
pub mod lane;
pub mod pressure;
pub mod session;
pub mod socket;
pub mod together;

/// Window granted to a technician's client, in bytes.
pub const CLIENT_WINDOW: u32 = 2 << 20;
/// Window granted to a target. Larger: behind 20 ms it is what limits downloads.
pub const TARGET_WINDOW: u32 = 8 << 20;
/// Largest packet either way, in bytes.
pub const PACKET: u32 = 32 << 10;
/// Undelivered bytes at which pressure begins, and at half of which it ends.
pub const HIGH: usize = 512 << 10;
