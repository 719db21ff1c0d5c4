//! How an order is answered on the local socket.

use lifecycle::order::Failure;
use serde::{Deserialize, Serialize};

/// An answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Response {
    /// Done, with what there is to tell.
    Done(serde_json::Value),
    /// Not done.
    Failed(Failure),
}
