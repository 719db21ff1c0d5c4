//! Technicians of the vendors, and the hospital's own staff.

mod act;
mod invite;
mod lock;
mod staff;
mod staff_act;
mod technicians;

#[cfg(test)]
mod tests;

pub(crate) use lock::Lock;
pub(crate) use staff::{person_of, staff};
pub(crate) use staff_act::change_other;
pub(crate) use technicians::{sees, technician_of, technicians};

use crate::routes::{self, LOOKING, OPERATOR, Route};
use axum::routing::{get, post};

/// The addresses of this part.
pub(crate) const ROUTES: &[Route] = &[
    routes::page("/people", LOOKING, || get(technicians::list)),
    routes::page("/people/technicians/{login}", LOOKING, || get(technicians::show)),
    routes::act("/people/technicians/{login}/activate", routes::APPROVER_OR_OPERATOR, || post(act::activate)),
    routes::brake(routes::act("/people/technicians/{login}/disable", LOOKING, || post(act::disable))),
    routes::act("/people/technicians/{login}/unlock", OPERATOR, || post(act::unlock)),
    routes::act("/people/technicians/{login}/reset", OPERATOR, || post(act::reset)),
    routes::act("/people/technicians/{login}/keys/add", OPERATOR, || post(act::add_key)),
    routes::act("/people/technicians/{login}/keys/remove", OPERATOR, || post(act::remove_key)),
    routes::page("/people/invite", OPERATOR, || get(invite::form)),
    routes::act("/people/invite", OPERATOR, || post(invite::invite)),
    routes::page("/people/staff", OPERATOR, || get(staff::list)),
    routes::page("/people/staff/invite", OPERATOR, || get(staff_act::form)),
    routes::act("/people/staff/invite", OPERATOR, || post(staff_act::invite)),
    routes::page("/people/staff/{login}", OPERATOR, || get(staff::show)),
    routes::act("/people/staff/{login}/change", OPERATOR, || post(staff_act::change)),
    routes::act("/people/staff/{login}/reset", OPERATOR, || post(staff_act::reset)),
    routes::act("/people/staff/{login}/unlock", OPERATOR, || post(staff_act::unlock)),
    routes::brake(routes::act("/people/staff/{login}/disable", OPERATOR, || post(staff_act::disable))),
];

/// Lines of a list on one page.
const PAGE: usize = 50;

/// One page of a list: which it is, from 1, and of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paged {
    pub(crate) page: usize,
    pub(crate) pages: usize,
}

/// The lines of the page that is asked for. One beyond the end is the last.
pub(crate) fn paged<T>(lines: Vec<T>, asked: usize) -> (Vec<T>, Paged) {
    let pages = lines.len().div_ceil(PAGE).max(1);
    let page = asked.clamp(1, pages);
    (lines.into_iter().skip((page - 1) * PAGE).take(PAGE).collect(), Paged { page, pages })
}
