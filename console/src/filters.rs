//! What templates do to the texts of strangers, besides escaping, which is always done.

use askama::{Result, Values};
use std::fmt::Display;

/// Controls and marks of direction written out, so that nothing hides or reorders the page.
#[askama::filter_fn]
pub(crate) fn seen(text: impl Display, _: &dyn Values) -> Result<String> {
    Ok(crate::texts::visible(&text.to_string()))
}

/// The same for a text of several lines, which it leaves.
#[askama::filter_fn]
pub(crate) fn seen_lines(text: impl Display, _: &dyn Values) -> Result<String> {
    Ok(text.to_string().lines().map(crate::texts::visible).collect::<Vec<_>>().join("\n"))
}

/// A telephone number as a link wants it.
#[askama::filter_fn]
pub(crate) fn tel(text: impl Display, _: &dyn Values) -> Result<String> {
    Ok(text.to_string().chars().filter(|c| c.is_ascii_digit() || *c == '+').collect())
}
