//! What browsers send, for the fuzz targets alone: the readers that forms and addresses go through.

use crate::form::Fields;
use crate::plan;
use crate::register::{Filter, Typed};
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// The fields of a body or of an address.
pub fn fields(body: &[u8]) -> Vec<(String, String)> {
    Fields::parse(body).pairs().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// A filter of the register: as it stands in an address, and which fields cannot be meant.
pub fn filter(query: &[u8]) -> (String, Result<(), Vec<&'static str>>) {
    let typed = Typed::of(&Fields::parse(query));
    let outcome = Filter::parse(&typed, &TimeZone::UTC).map(|_| ());
    (typed.query(), outcome.map_err(|wrong| wrong.into_iter().map(|one| one.field).collect()))
}

/// The window of a plan: a day, from and until, in the zone of Paris where there is one.
pub fn window(day: &str, from: &str, until: &str) -> Option<(Timestamp, Timestamp)> {
    plan::window(&TimeZone::get("Europe/Paris").ok()?, day, from, until)
}
