//! What goes wrong with a request to the console, before it has a page.

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use lifecycle::order::{Failure, exit};

/// Why there is no page. The guard turns it into one, in the reader's language.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum Trouble {
    /// Nothing there, or not for this person: the two are not told apart.
    #[error("not found")]
    NotFound,
    /// The address does something, and was only asked for; or the other way round.
    #[error("not in this way")]
    Method,
    /// Not for this role.
    #[error("not for this role")]
    Forbidden,
    /// Nobody is signed in.
    #[error("not signed in")]
    SignedOut,
    /// The form is not one that this browser was given.
    #[error("not a form of ours")]
    Form,
    /// A part of what was sent is missing or unreadable.
    #[error("cannot be read")]
    Input,
    /// Something in what was sent is wrong; the key of the text that says what.
    #[error("wrong: {0}")]
    Wrong(&'static str),
    /// The JSON that was sent is not what is expected, and how.
    #[error("not the JSON that is expected: {0}")]
    Json(String),
    /// What was sent is of a kind that is not read here.
    #[error("of another kind")]
    ContentType,
    /// More was sent than is read.
    #[error("too large")]
    TooLarge,
    /// Nobody decides from this place (D12).
    #[error("not from here")]
    NotHere,
    /// The token opens nothing: it is none, is over, was revoked, or its maker may not make it any more.
    #[error("the token opens nothing")]
    Token,
    /// A token was brought where none is taken.
    #[error("a token opens nothing here")]
    TokenHere,
    /// Too many tries.
    #[error("too many")]
    TooMany,
    /// Too often.
    #[error("too often")]
    TooOften,
    /// The daemon refused or failed.
    #[error(transparent)]
    Failure(#[from] Failure),
    /// A page could not be made.
    #[error("the page cannot be made: {0}")]
    Template(String),
}

impl Trouble {
    /// The status of the answer.
    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Trouble::NotFound => StatusCode::NOT_FOUND,
            Trouble::Method => StatusCode::METHOD_NOT_ALLOWED,
            Trouble::Forbidden | Trouble::Form | Trouble::NotHere => StatusCode::FORBIDDEN,
            Trouble::SignedOut | Trouble::Token | Trouble::TokenHere => StatusCode::UNAUTHORIZED,
            Trouble::Input | Trouble::Json(_) => StatusCode::BAD_REQUEST,
            Trouble::ContentType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Trouble::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Trouble::Wrong(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Trouble::TooMany | Trouble::TooOften => StatusCode::TOO_MANY_REQUESTS,
            Trouble::Failure(failure) => match failure.exit {
                exit::NO_INPUT | exit::NO_USER => StatusCode::NOT_FOUND,
                exit::NOT_PERMITTED => StatusCode::FORBIDDEN,
                exit::TEMPORARY | exit::UNAVAILABLE | exit::IO => StatusCode::SERVICE_UNAVAILABLE,
                exit::SOFTWARE => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            },
            Trouble::Template(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}

impl From<askama::Error> for Trouble {
    fn from(error: askama::Error) -> Self {
        Trouble::Template(error.to_string())
    }
}
