//! One line of the export of sessions.

use super::export::{MOST, Rows};
use super::file::named;
use super::filter::Filter;
use super::row::seconds;
use super::stretches::Watched;
use crate::commands::{Known, look};
use crate::error::Trouble;
use crate::names::{target_name, vendor_name};
use crate::page::Me;
use crate::routes::App;
use jiff::Timestamp;
use lifecycle::{EndCause, InterventionNumber, SessionId, SessionRecord};
use policy::{TargetId, TechnicianLogin, VendorId};
use serde::Serialize;
use std::net::IpAddr;

/// Sessions that are copied at a time: the register waits meanwhile.
const AT_ONCE: usize = 500;

/// One session.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SessionRow {
    pub(crate) id: SessionId,
    pub(crate) number: InterventionNumber,
    pub(crate) started: Timestamp,
    pub(crate) ended: Option<Timestamp>,
    /// How long it ran, in whole seconds.
    pub(crate) seconds: i64,
    /// Its end was not seen: it lasted so long at least.
    pub(crate) at_least: bool,
    pub(crate) name: String,
    pub(crate) technician: TechnicianLogin,
    pub(crate) vendor: String,
    pub(crate) vendor_id: VendorId,
    pub(crate) target: String,
    pub(crate) target_id: TargetId,
    pub(crate) account: String,
    pub(crate) source: Option<IpAddr>,
    pub(crate) state: &'static str,
    pub(crate) cause: Option<EndCause>,
    pub(crate) watched: Option<Watched>,
    pub(crate) emergency: bool,
}

impl SessionRow {
    fn of(known: &Known<'_>, record: &SessionRecord) -> Option<Self> {
        let one = known.register.interventions.get(&record.number)?;
        let (asked, end) = (&one.asked, record.end.as_ref());
        Some(Self {
            id: record.id.clone(),
            number: record.number,
            started: record.started,
            ended: end.map(|end| end.ended),
            seconds: seconds(record, known.at),
            at_least: end.is_some_and(|end| end.at_least),
            name: asked.name.clone(),
            technician: asked.technician.clone(),
            vendor: vendor_name(known, &one.asked.vendor),
            vendor_id: asked.vendor.clone(),
            target: target_name(known, &one.asked.target),
            target_id: asked.target.clone(),
            account: asked.login.to_string(),
            source: end
                .map(|end| end.source)
                .or(record.joined_from)
                .or(asked.source)
                .map(|source| source.ip().to_canonical()),
            state: record.state(),
            cause: end.map(|end| end.cause.clone()),
            watched: Watched::of([record].into_iter(), known.at),
            emergency: one.is_emergency(),
        })
    }
}

/// The sessions of interventions that the filter takes and these eyes may see, the newest first. A period
/// takes sessions by when they began.
pub(super) async fn session_ids(app: &App, me: &Me, filter: &Filter) -> Result<Vec<SessionId>, Trouble> {
    let (me, wide) = (me.clone(), filter.clone());
    let mut ids: Vec<(Timestamp, SessionId)> = look(&*app.commands, move |known| {
        let takes = |record: &&SessionRecord| {
            let one = known.register.interventions.get(&record.number);
            one.is_some_and(|one| me.may_see(known, &one.asked.target) && wide.takes(one, record.started))
                && wide.file().is_none_or(|part| record.files.items().iter().any(|file| named(file, part)))
        };
        known.register.sessions.values().filter(takes).map(|record| (record.started, record.id.clone())).collect()
    })
    .await?;
    ids.sort_by(|one, other| other.cmp(one));
    Ok(ids.into_iter().map(|(_, id)| id).collect())
}

/// Those sessions, as lines.
pub(crate) async fn session_rows(app: &App, me: &Me, filter: &Filter) -> Result<Rows<SessionRow>, Trouble> {
    let ids = session_ids(app, me, filter).await?;
    let mut rows = Vec::new();
    for some in ids.get(..MOST).unwrap_or(&ids).chunks(AT_ONCE) {
        let some = some.to_vec();
        let copied: Vec<SessionRow> = look(&*app.commands, move |known| {
            let found = some.iter().filter_map(|id| known.register.sessions.get(id));
            found.filter_map(|record| SessionRow::of(known, record)).collect()
        })
        .await?;
        rows.extend(copied);
    }
    Ok(Rows { rows, cut: ids.len() > MOST })
}
