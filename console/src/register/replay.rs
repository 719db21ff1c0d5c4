//! Replay of a sealed recording: first what for, then the player. Nothing of a recording is shown
//! before who reads it and why is durable in the journal (LOG-11).

use super::stretches::{Kind, Stretch, stretches};
use crate::commands::look;
use crate::error::Trouble;
use crate::filters;
use crate::form::{Fields, Query};
use crate::names::{staff_name, target_name, vendor_name};
use crate::page::{Answer, Visit, page, page_with, see_other};
use crate::reading::{Open, Reading, TRIES, look_after};
use crate::replay::{LONGEST_PURPOSE, Moment, NotUnlocked, ReplayError, Track};
use crate::routes::App;
use askama::Template;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use jiff::Timestamp;
use lifecycle::order::{Failure, Hidden};
use lifecycle::{FreezeCause, InterventionNumber, RecordingState, SessionId};
use serde_json::json;
use std::sync::Arc;

/// Longest passphrase that is tried.
const LONGEST_PASSPHRASE: usize = 1000;
/// Moments of a track that are listed, with those of the journal.
const MOMENTS: usize = 1500;

/// What the journal says of the session.
struct About {
    id: SessionId,
    number: InterventionNumber,
    name: String,
    vendor: String,
    target: String,
    started: Timestamp,
    ended: bool,
    sealed: Option<RecordingState>,
    missing: u64,
    freezes: Vec<(Timestamp, FreezeCause, String)>,
    stretches: Vec<Stretch>,
}

impl About {
    /// The key of the text of how whole the recording is, where something is missing.
    fn damaged(&self) -> Option<&'static str> {
        match self.sealed {
            Some(RecordingState::Interrupted) => Some("recording-interrupted"),
            Some(RecordingState::Mutilated) => Some("recording-mutilated"),
            Some(RecordingState::Whole) | None => None,
        }
    }
}

/// The session, if what happened on its target is for these eyes.
async fn about(app: &App, visit: &Visit, id: &str) -> Result<About, Trouble> {
    let id: SessionId = id.parse().map_err(|_| Trouble::NotFound)?;
    let me = visit.me()?.clone();
    let found = look(&*app.commands, move |known| {
        let record = known.register.sessions.get(&id)?;
        let one = known.register.interventions.get(&record.number)?;
        let by = |cause: &FreezeCause| match cause {
            FreezeCause::Staff(staff) => staff_name(known, staff),
            _ => String::new(),
        };
        me.may_see(known, &one.asked.target).then(|| About {
            number: record.number,
            name: one.asked.name.clone(),
            vendor: vendor_name(known, &one.asked.vendor),
            target: target_name(known, &one.asked.target),
            started: record.started,
            ended: record.end.is_some(),
            sealed: record.sealed.as_ref().map(|sealed| sealed.state),
            missing: record.sealed.as_ref().map_or(0, |sealed| sealed.missing),
            freezes: record
                .freezes
                .iter()
                .map(|one| (one.from, one.cause.clone(), by(&one.cause)))
                .take(MOMENTS)
                .collect(),
            stretches: stretches(record, known.at),
            id,
        })
    });
    found.await?.ok_or(Trouble::NotFound)
}

#[derive(Template)]
#[template(path = "recording.html")]
struct PurposePage<'a> {
    v: &'a Visit,
    one: &'a About,
    configured: bool,
    /// The key is locked: the passphrase is asked for.
    locked: bool,
    tries_left: u8,
    purpose: &'a str,
    said: Option<String>,
}

impl PurposePage<'_> {
    /// A wrong passphrase was typed.
    fn tried(&self) -> bool {
        self.tries_left < TRIES
    }
}

/// Something to jump to.
struct Jump {
    at: f64,
    text: String,
}

impl Jump {
    /// Its time as the player shows it.
    fn clock(&self) -> String {
        clock(self.at)
    }
}

/// Seconds as `mm:ss`, or `h:mm:ss` from an hour on.
fn clock(seconds: f64) -> String {
    // INVARIANT: a recording's length is no longer than a right, so it fits by far.
    let whole = seconds.max(0.0) as u64;
    let (hours, minutes, rest) = (whole / 3600, whole / 60 % 60, whole % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{rest:02}") } else { format!("{minutes:02}:{rest:02}") }
}

#[derive(Template)]
#[template(path = "replay.html")]
struct PlayerPage<'a> {
    v: &'a Visit,
    one: &'a About,
    tracks: Vec<Track>,
    shown: Option<Track>,
    jumps: Vec<Jump>,
    said: Option<String>,
}

impl PlayerPage<'_> {
    /// What a track is, in words.
    fn name(&self, track: &Track) -> String {
        let what = match track.what.strip_prefix("exec: ") {
            Some(command) => self.v.tw("replay-track-command", "command", command),
            None if track.what == "shell" => self.v.t("replay-track-shell"),
            None => track.what.clone(),
        };
        let silent = if track.terminal { String::new() } else { format!(" ({})", self.v.t("replay-track-silent")) };
        // Of a long command its beginning tells which one it is.
        let what: String = what.chars().take(80).collect();
        format!("{} · {what}{silent} · {}", track.number, clock(track.seconds))
    }

    fn is_shown(&self, track: &Track) -> bool {
        self.shown.as_ref().is_some_and(|shown| shown.number == track.number)
    }
}

/// A signal, as the recorder wrote it: its name, and whether it was kept from the equipment.
fn signal(visit: &Visit, text: &str) -> String {
    let text = text.strip_prefix("signal ").unwrap_or(text);
    match text.strip_suffix(", thrown away") {
        Some(name) => visit.tw("moment-signal-dropped", "text", name),
        None => visit.tw("moment-signal", "text", text),
    }
}

/// What happened, in words.
fn told(visit: &Visit, moment: &Moment) -> String {
    match moment.what.as_str() {
        "begin" => visit.t("moment-begin"),
        "end" => visit.t("moment-end"),
        "secret" => visit.t("moment-secret"),
        "dropped" => visit.t("moment-dropped"),
        "late" => visit.t("moment-late"),
        "more" => visit.t("moment-more"),
        "signal" => signal(visit, &moment.text),
        _ => visit.tw("moment-notice", "text", &moment.text),
    }
}

/// What the recording and the journal tell of one track, in the order of time.
fn jumps(visit: &Visit, one: &About, track: &Track, moments: &[Moment]) -> Vec<Jump> {
    let mut jumps: Vec<Jump> = moments.iter().map(|moment| Jump { at: moment.at, text: told(visit, moment) }).collect();
    let mut push = |at: Timestamp, text: String| {
        let at = at.duration_since(track.started).as_secs_f64();
        if (0.0..=track.seconds).contains(&at) && jumps.len() < MOMENTS {
            jumps.push(Jump { at, text });
        }
    };
    for (at, cause, by) in &one.freezes {
        let why = match cause {
            FreezeCause::Staff(_) => visit.tw("freeze-staff", "staff", by),
            cause => visit.texts.freeze(cause),
        };
        push(*at, visit.tw("moment-frozen", "why", why));
    }
    for gap in one.stretches.iter().filter(|one| one.kind == Kind::Unwatched) {
        let length = visit.texts.length(gap.length().as_secs());
        push(gap.from, visit.tw("moment-unwatched", "length", length));
    }
    jumps.sort_by(|one, other| one.at.total_cmp(&other.at));
    jumps
}

/// What of recordings is open in this sign-in.
fn reading(app: &App, visit: &Visit) -> Result<Arc<Reading>, Trouble> {
    visit.key.and_then(|key| app.signed_in.reading(key)).ok_or(Trouble::SignedOut)
}

/// The recording of a session that is open in this sign-in.
fn opened(app: &App, visit: &Visit, id: &str) -> Result<Arc<Open>, Trouble> {
    let id: SessionId = id.parse().map_err(|_| Trouble::NotFound)?;
    reading(app, visit)?.open(&id, visit.now).ok_or(Trouble::Forbidden)
}

/// The form, with what is wrong.
fn ask(app: &App, visit: &Visit, one: &About, said: Option<String>, purpose: &str, status: StatusCode) -> Answer {
    let reading = reading(app, visit)?;
    let form = PurposePage {
        v: visit,
        one,
        configured: app.commands.config().recordings.replay_key.is_some(),
        locked: reading.key(visit.now).is_none(),
        tries_left: reading.tries_left(visit.now),
        purpose,
        said,
    };
    page_with(status, &form)
}

/// The player where the recording is open, or the form that asks what for.
pub(super) async fn show(State(app): State<App>, visit: Visit, Path(id): Path<String>, Query(query): Query) -> Answer {
    let one = about(&app, &visit, &id).await?;
    let Some(open) = reading(&app, &visit)?.open(&one.id, visit.now) else {
        return ask(&app, &visit, &one, None, "", StatusCode::OK);
    };
    let tracks = open.recording().tracks();
    let wanted: Option<u32> = query.optional("track")?;
    let asked = tracks.iter().find(|track| Some(track.number) == wanted);
    let shown = asked.or_else(|| tracks.iter().find(|track| track.terminal)).or(tracks.first()).cloned();
    let mut said = None;
    let jumps = match &shown {
        Some(track) if track.terminal => match open.moments(track.number).await {
            Ok(moments) => jumps(&visit, &one, track, &moments),
            Err(error) => {
                said = Some(in_words(&visit, &error));
                Vec::new()
            }
        },
        _ => Vec::new(),
    };
    page(&PlayerPage { v: &visit, one: &one, tracks, shown, jumps, said })
}

/// Unlocks the key where that is needed.
async fn unlock(app: &App, visit: &Visit, reading: &Reading, fields: &Fields) -> Result<(), String> {
    let passphrase = fields.raw("passphrase");
    if passphrase.is_empty() || passphrase.chars().count() > LONGEST_PASSPHRASE {
        return Err(visit.t("replay-passphrase-missing"));
    }
    // Counted before it is tried: many at once are not more tries.
    reading.take_try(visit.now).ok_or_else(|| visit.t("replay-too-many"))?;
    let staff = visit.me().map_err(|_| visit.t("sign-in-again"))?.login.clone();
    match app.commands.unlock(staff, Hidden::new(passphrase)).await {
        Ok(key) => {
            reading.unlocked(key, visit.now);
            visit.key.into_iter().for_each(|key| look_after(app, key));
            Ok(())
        }
        Err(NotUnlocked::WrongPassphrase) => match reading.tries_left(visit.now) {
            0 => Err(visit.t("replay-too-many")),
            left => Err(visit.tw("replay-wrong-passphrase", "left", left)),
        },
        Err(NotUnlocked::NotConfigured) => Err(visit.t("replay-not-configured")),
        Err(NotUnlocked::Failed(why)) => Err(visit.tw("replay-key-unusable", "why", why)),
    }
}

/// Takes the purpose, unlocks where needed, journals, opens.
pub(super) async fn begin(State(app): State<App>, visit: Visit, Path(id): Path<String>, fields: Fields) -> Answer {
    let one = about(&app, &visit, &id).await?;
    let purpose = fields.value("purpose");
    let again = |said: String| ask(&app, &visit, &one, Some(said), &purpose, StatusCode::UNPROCESSABLE_ENTITY);
    if one.sealed.is_none() || app.commands.config().recordings.replay_key.is_none() {
        return ask(&app, &visit, &one, None, &purpose, StatusCode::CONFLICT);
    }
    if purpose.is_empty() || purpose.chars().count() > LONGEST_PURPOSE {
        return again(visit.t("replay-purpose-missing"));
    }
    let reading = reading(&app, &visit)?;
    if reading.key(visit.now).is_none()
        && let Err(said) = unlock(&app, &visit, &reading, &fields).await
    {
        return again(said);
    }
    let key = reading.key(visit.now).ok_or(Trouble::Forbidden)?;
    match key.read(one.id.clone(), purpose.clone()).await {
        Ok(recording) => {
            reading.opened(one.id.clone(), recording, visit.now);
            see_other(&format!("/sessions/{}/replay", one.id))
        }
        Err(failure) => again(not_opened(&visit, &failure)),
    }
}

/// Why it was not opened.
fn not_opened(visit: &Visit, failure: &Failure) -> String {
    match failure.refusal {
        None if failure.exit == lifecycle::order::exit::DATA => visit.tw("replay-not-opened", "why", &failure.message),
        _ => visit.texts.failure(failure),
    }
}

fn in_words(visit: &Visit, error: &ReplayError) -> String {
    match error {
        ReplayError::NoSuchTrack => visit.t("replay-no-track"),
        ReplayError::TooLong => visit.t("replay-query-long"),
        ReplayError::Locked => visit.t("replay-locked"),
        ReplayError::Damaged(why) => visit.tw("replay-damaged", "why", why),
    }
}

/// What the player asked for, or why not.
fn answer<T: serde::Serialize>(app: &App, visit: &Visit, id: &str, found: Result<T, ReplayError>) -> Answer {
    let error = match found {
        Ok(found) => return Ok(Json(found).into_response()),
        Err(error) => error,
    };
    let status = match &error {
        ReplayError::NoSuchTrack => StatusCode::NOT_FOUND,
        ReplayError::TooLong => StatusCode::UNPROCESSABLE_ENTITY,
        ReplayError::Damaged(_) => StatusCode::INTERNAL_SERVER_ERROR,
        ReplayError::Locked => {
            // It will not open again: the page asks anew.
            if let Ok(id) = id.parse() {
                reading(app, visit)?.close(&id, visit.now);
            }
            StatusCode::FORBIDDEN
        }
    };
    Ok((status, Json(json!({ "error": in_words(visit, &error) }))).into_response())
}

/// A stretch of a track.
pub(super) async fn frames(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query,
) -> Answer {
    let open = opened(&app, &visit, &id)?;
    let track: u32 = query.optional("track")?.ok_or(Trouble::Input)?;
    let from: f64 = query.optional("from")?.ok_or(Trouble::Input)?;
    if !from.is_finite() {
        return Err(Trouble::Input);
    }
    answer(&app, &visit, &id, open.chunk(track, from).await)
}

/// Where a text came to be shown.
pub(super) async fn search(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
    Query(query): Query,
) -> Answer {
    let open = opened(&app, &visit, &id)?;
    let track: u32 = query.optional("track")?.ok_or(Trouble::Input)?;
    answer(&app, &visit, &id, open.search(track, query.raw("q")).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_dated_as_the_player_does() {
        assert_eq!(clock(0.0), "00:00");
        assert_eq!(clock(65.9), "01:05");
        assert_eq!(clock(3600.0), "1:00:00");
    }
}
