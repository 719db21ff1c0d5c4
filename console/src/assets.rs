//! The files of the pages, in the program itself: nothing is read from the disk, nothing from others.

use crate::error::Trouble;
use crate::page::Answer;
use axum::extract::Path;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse as _;

/// Name, type and contents.
const ASSETS: &[(&str, &str, &str)] = &[
    ("console.css", "text/css; charset=utf-8", include_str!("../assets/console.css")),
    ("console.js", "text/javascript; charset=utf-8", include_str!("../assets/console.js")),
    ("screen.js", "text/javascript; charset=utf-8", include_str!("../assets/screen.js")),
    ("watch.js", "text/javascript; charset=utf-8", include_str!("../assets/watch.js")),
    ("replay.js", "text/javascript; charset=utf-8", include_str!("../assets/replay.js")),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
    ("icon-waiting.svg", "image/svg+xml", include_str!("../assets/icon-waiting.svg")),
];

/// One of them. Asked for anew after an update, so it is kept for a short while only.
pub(crate) async fn asset(Path(name): Path<String>) -> Answer {
    let (_, kind, contents) = ASSETS.iter().find(|(held, ..)| *held == name).ok_or(Trouble::NotFound)?;
    Ok(([(CONTENT_TYPE, *kind), (CACHE_CONTROL, "private, max-age=300")], *contents).into_response())
}
