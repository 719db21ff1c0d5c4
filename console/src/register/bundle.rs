//! Bundles of evidence, taken away from the page of an intervention or from the register (EVI-01). What
//! for is asked, and journalled before the first byte (EVI-08).

use super::dossier::found;
use crate::commands::Evidence;
use crate::error::Trouble;
use crate::form::Fields;
use crate::page::{Answer, Visit};
use crate::routes::App;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::IntoResponse as _;
use futures::stream;
use lifecycle::EvidenceScope;
use policy::VendorId;

/// Of one intervention, with all its sessions; of one of those, where it is named.
pub(super) async fn of_one(State(app): State<App>, visit: Visit, Path(number): Path<String>, fields: Fields) -> Answer {
    let one = found(&app, &visit, &number).await?;
    let scope = match fields.get("session") {
        None | Some("") => EvidenceScope::Intervention(one.number),
        Some(session) => EvidenceScope::Session(session.parse().map_err(|_| Trouble::Input)?),
    };
    give(&app, &visit, scope, fields.value("purpose")).await
}

/// Of a vendor, from one day to another.
pub(super) async fn of_vendor(State(app): State<App>, visit: Visit, fields: Fields) -> Answer {
    let vendor: Option<VendorId> = fields.optional("vendor")?;
    let (from, to) = (fields.optional("from")?, fields.optional("to")?);
    let (Some(vendor), Some(from), Some(to)) = (vendor, from, to) else { return Err(Trouble::Input) };
    give(&app, &visit, EvidenceScope::Vendor { vendor, from, to }, fields.value("purpose")).await
}

async fn give(app: &App, visit: &Visit, scope: EvidenceScope, purpose: String) -> Answer {
    let Evidence { name, bytes, pieces } = app.commands.evidence(visit.me()?.login.clone(), scope, purpose).await?;
    let body = Body::from_stream(stream::unfold(pieces, |mut pieces| async move {
        let piece = pieces.recv().await?;
        Some((piece, pieces))
    }));
    let headers = [
        (CONTENT_TYPE, "application/x-tar".to_owned()),
        (CONTENT_LENGTH, bytes.to_string()),
        (CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, body).into_response())
}
