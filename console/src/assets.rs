//! The files of the pages, in the program itself: nothing is read from the disk, nothing from others.

use crate::error::Trouble;
use crate::page::Answer;
use crate::routes::{Access, Kind, Route};
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse as _;
use axum::routing::get;

/// The addresses of this part.
pub(crate) const ROUTES: &[Route] = &[Route {
    method: "GET",
    path: "/assets/{name}",
    access: Access::Anybody,
    kind: Kind::Asset,
    brake: false,
    handler: || get(asset),
}];

/// Name, type and contents.
const ASSETS: &[(&str, &str, &str)] = &[
    ("brakes.js", "text/javascript; charset=utf-8", include_str!("../assets/brakes.js")),
    ("challenge.js", "text/javascript; charset=utf-8", include_str!("../assets/challenge.js")),
    ("channels.js", "text/javascript; charset=utf-8", include_str!("../assets/channels.js")),
    ("console.css", "text/css; charset=utf-8", include_str!("../assets/console.css")),
    ("console.js", "text/javascript; charset=utf-8", include_str!("../assets/console.js")),
    ("files.js", "text/javascript; charset=utf-8", include_str!("../assets/files.js")),
    ("fit.js", "text/javascript; charset=utf-8", include_str!("../assets/fit.js")),
    ("flicker.js", "text/javascript; charset=utf-8", include_str!("../assets/flicker.js")),
    ("icon-waiting.svg", "image/svg+xml", include_str!("../assets/icon-waiting.svg")),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
    ("live.js", "text/javascript; charset=utf-8", include_str!("../assets/live.js")),
    ("page.js", "text/javascript; charset=utf-8", include_str!("../assets/page.js")),
    ("place.js", "text/javascript; charset=utf-8", include_str!("../assets/place.js")),
    ("replay.js", "text/javascript; charset=utf-8", include_str!("../assets/replay.js")),
    ("screen.js", "text/javascript; charset=utf-8", include_str!("../assets/screen.js")),
    ("scrollback.js", "text/javascript; charset=utf-8", include_str!("../assets/scrollback.js")),
    ("search.js", "text/javascript; charset=utf-8", include_str!("../assets/search.js")),
    ("shared.js", "text/javascript; charset=utf-8", include_str!("../assets/shared.js")),
    ("watch.js", "text/javascript; charset=utf-8", include_str!("../assets/watch.js")),
];

/// One of them. Asked for anew after an update, so it is kept for a short while only.
pub(crate) async fn asset(Path(name): Path<String>) -> Answer {
    let (_, kind, contents) = ASSETS.iter().find(|(held, ..)| *held == name).ok_or(Trouble::NotFound)?;
    Ok(([(CONTENT_TYPE, *kind), (CACHE_CONTROL, "private, max-age=300")], *contents).into_response())
}
