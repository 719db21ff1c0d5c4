//! What another program sends: JSON of a known shape, and nothing beside it.

use crate::error::Trouble;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use lifecycle::order::Hidden;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A body. An empty one is an object without fields.
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Trouble;

    async fn from_request(request: Request, state: &S) -> Result<Self, Trouble> {
        // The guard has bounded it.
        let bytes = Bytes::from_request(request, state).await.map_err(|_| Trouble::TooLarge)?;
        let bytes: &[u8] = if bytes.is_empty() { b"{}" } else { &bytes };
        serde_json::from_slice(bytes).map(Self).map_err(|error| Trouble::Json(error.to_string()))
    }
}

/// A body without fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// Why something is done.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Because {
    pub(super) reason: String,
}

/// A secret of a body; what stands in it is trimmed as a form's field is.
pub(super) fn trimmed(secret: &Hidden) -> Hidden {
    Hidden::new(secret.reveal().trim().to_owned())
}
