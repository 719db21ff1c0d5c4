//! Reaching a target: pinned host key, injected credential, one connection a channel.
//!
//! What a target sends is met as something that may be hostile: its key is verified before any
//! secret leaves, what it asks reaches the technician only where the configuration says so, marked
//! as the target's (T21), and nothing of it is waited for without a limit.

mod dial;
mod dialled;
mod error;
mod pin;
mod questions;
mod sign_in;
#[cfg(test)]
mod tests;

pub use dial::dial;
pub use dialled::{Dialled, FromTarget, Reply};
pub use error::DialError;
pub use pin::fetch_host_key;
pub use questions::{Answers, Asked, Asker, Question};

use crate::vault::TargetSecret;
use config::Legacy;
use jiff::civil::Date;
use policy::TargetId;
use russh::keys::PublicKey;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long a target may take for one step: to answer and agree on keys, and for each step of the
/// sign-in.
const PATIENCE: Duration = Duration::from_secs(15);

/// Where and how to reach one target.
#[derive(Clone)]
pub struct Route {
    /// Which target.
    pub target: TargetId,
    /// Its fixed address (NET-07).
    pub address: SocketAddr,
    /// Its pinned host key (NET-06).
    pub host_key: PublicKey,
    /// What opens it.
    pub secret: Arc<TargetSecret>,
    /// What it is offered besides, now.
    pub legacy: Option<Legacy>,
    /// The last day of an exception that does not hold any more.
    pub lapsed: Option<Date>,
}

impl Route {
    /// Names of old algorithms that it is offered.
    fn offered(&self) -> &[&'static str] {
        self.legacy.as_ref().map_or(&[], |legacy| &legacy.algorithms)
    }
}
