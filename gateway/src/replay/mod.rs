//! Replay in the browser (D23): an officer's key, unlocked by their passphrase for one sign-in, and
//! recordings opened with it.
//!
//! Without `recordings.replay-key` none of this runs, and the bastion cannot open what it sealed. Who
//! may read, and that each reading is journalled with its purpose, is for the caller to see to.

mod opened;
mod picture;
mod play;
#[cfg(test)]
mod tests;
mod unlock;

pub use opened::{OpenFailure, open};
pub use unlock::{UnlockError, Unlocked, unlock};

#[cfg(feature = "demo")]
pub(crate) use unlock::lock;
