//! Requests that wait: a list to choose from, and one at a time in full, to decide on.

mod decide;
mod view;

pub(crate) use decide::{approve, proof, refuse};
pub(crate) use view::{list, show};
