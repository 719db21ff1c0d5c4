//! Replay in the browser (D23): an officer's key, unlocked by their passphrase for one sign-in, and
//! recordings opened with it.
//!
//! Without `recordings.replay-key` none of this runs, and the bastion cannot open what it sealed. Who
//! may read is for the caller to see to; that each reading is journalled with its purpose is not: what
//! opens a recording is not to be had otherwise.

mod opened;
mod picture;
mod play;
mod reading;
#[cfg(test)]
mod tests;
mod unlock;

pub(crate) use reading::unlock_for;

#[cfg(feature = "demo")]
pub(crate) use unlock::lock;
