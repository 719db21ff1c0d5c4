//! Watching a session in the browser: pictures go out as server-sent events, acknowledgements and
//! brakes come back by one address for each open window. Whoever closes the window is gone.

use crate::commands::look;
use crate::error::Trouble;
use crate::filters;
use crate::names::{target_name, vendor_name};
use crate::page::{Answer, Visit, page};
use crate::routes::App;
use crate::routes::{self, Access, Route};
use crate::signed_in::Key;
use crate::texts::Texts;
use crate::wire::{FromWatcher, ToWatcher, WatchEnd, Word};
use askama::Template;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::IntoResponse as _;
use axum::response::sse::{Event as Told, KeepAlive, Sse};
use axum::routing::{get, post};
use data_encoding::BASE64URL_NOPAD;
use futures::{Stream, stream as streams};
use jiff::SignedDuration;
use lifecycle::{FreezeCause, InterventionNumber, Role, SessionId};
use policy::Supervision;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::mpsc;

const WATCHING: Access = Access::Roles(&[Role::Approver, Role::Security]);

/// The addresses of this part.
pub(crate) const ROUTES: &[Route] = &[
    routes::page("/sessions/{id}/watch", WATCHING, || get(watch_page)),
    routes::stream("/sessions/{id}/stream", WATCHING, || get(stream)),
    routes::brake(routes::data_post("/sessions/{id}/stream/{place}", WATCHING, || post(said))),
];

/// How often it is asked whether the sign-in still holds, where nothing is told meanwhile.
const LOOK: Duration = Duration::from_secs(5);

/// How often a watcher who is present is noted as being there.
const STAYS: SignedDuration = SignedDuration::from_mins(1);

/// One open window: whose, and the lane into the session.
struct Place {
    key: Key,
    session: SessionId,
    lane: mpsc::Sender<FromWatcher>,
}

/// The open windows, by a name that only the window itself was told.
#[derive(Default)]
pub(crate) struct Places(Mutex<HashMap<String, Place>>);

impl Places {
    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<String, Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lane(&self, name: &str, key: Key, session: &SessionId) -> Option<mpsc::Sender<FromWatcher>> {
        let all = self.all();
        let place = all.get(name)?;
        (place.key == key && place.session == *session).then(|| place.lane.clone())
    }
}

/// A window that is open; gone when this is.
struct Window {
    app: App,
    name: String,
    key: Key,
    from_session: mpsc::Receiver<ToWatcher>,
    told: Option<Told>,
    words: Words,
}

/// What the reader's window says for what the session tells.
struct Words {
    texts: Texts,
    /// The names of the staff, by login.
    names: HashMap<String, String>,
}

impl Words {
    fn name(&self, login: &str) -> String {
        self.names.get(login).map_or_else(|| login.to_owned(), Clone::clone)
    }

    fn word(&self, word: Word) -> String {
        self.texts.text(match word {
            Word::NotApprover => "watch-counts-not",
            Word::Waits => "refusal-waits-for-watcher",
            Word::Others => "watch-others",
            Word::NotFrozen => "refusal-not-frozen",
        })
    }

    fn end(&self, end: &WatchEnd) -> String {
        match end {
            WatchEnd::Session(cause) => self.texts.with("watch-over-because", &[("reason", &self.texts.end(cause))]),
            WatchEnd::NotAnyMore => self.texts.text("watch-not-any-more"),
            WatchEnd::Unreadable => self.texts.text("watch-unreadable"),
        }
    }

    /// The event of a message: its tag names the event, its contents are the data. What is for people is
    /// in their words, with names instead of logins; who froze keeps the login beside it, by which the
    /// page knows its own reader.
    fn event_of(&self, what: ToWatcher) -> Option<Told> {
        let event = |name: &str, data: Value| Some(Told::default().event(name).data(data.to_string()));
        match what {
            ToWatcher::Said(word) => event("said", json!(self.word(word))),
            ToWatcher::Joined { from, .. } => event("said", json!(self.texts.with("watch-joined", &[("from", &from)]))),
            ToWatcher::Ended(end) => event("ended", json!(self.end(&end))),
            ToWatcher::Frame(mut picture) => {
                picture.watchers = picture.watchers.iter().map(|login| self.name(login)).collect();
                let by = match &picture.why {
                    Some(FreezeCause::Staff(login)) => Some(self.name(login.as_str())),
                    _ => None,
                };
                let mut data = serde_json::to_value(picture).ok()?;
                data.as_object_mut()?.insert("by".to_owned(), json!(by));
                event("frame", data)
            }
            other => {
                let Ok(Value::Object(tagged)) = serde_json::to_value(other) else { return None };
                let (name, data) = tagged.into_iter().next()?;
                event(&name, data)
            }
        }
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.app.places.all().remove(&self.name);
    }
}

impl Window {
    /// The next thing to tell. Waits on the session and on time; ends with the sign-in.
    async fn next(&mut self) -> Option<Told> {
        if let Some(told) = self.told.take() {
            return Some(told);
        }
        loop {
            let what = tokio::time::timeout(LOOK, self.from_session.recv()).await;
            // Before each picture: whoever signed out sees no more, and counts no more.
            self.app.signed_in.at(self.key, self.app.commands.now(), false)?;
            match what {
                Ok(what) => return self.words.event_of(what?),
                Err(_) => continue,
            }
        }
    }
}

/// The pictures of one window.
pub(crate) async fn stream(
    State(app): State<App>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Sse<impl Stream<Item = Result<Told, Infallible>>>, Trouble> {
    let session: SessionId = id.parse().map_err(|_| Trouble::NotFound)?;
    let (me, key) = (visit.me()?, visit.key.ok_or(Trouble::SignedOut)?);
    let watching = app.commands.watch(me.login.clone(), session.clone()).await.map_err(hide)?;
    let names = look(&*app.commands, |known| {
        let staff = known.register.staff.values();
        staff.map(|one| (one.login.to_string(), one.identity.name.clone())).collect()
    })
    .await?;
    let words = Words { texts: visit.texts.clone(), names };
    let random = app.commands.random()?;
    let name = BASE64URL_NOPAD.encode(&random);
    let place = Place { key, session, lane: watching.to_session };
    app.places.all().insert(name.clone(), place);
    let first = Told::default().event("place").data(json!({ "place": name }).to_string());
    let window = Window { app, name, key, from_session: watching.from_session, told: Some(first), words };
    let told = streams::unfold(window, |mut window| async move { window.next().await.map(|told| (Ok(told), window)) });
    Ok(Sse::new(told).keep_alive(KeepAlive::new()))
}

/// A session that is not for this person is one that does not exist.
pub(crate) fn hide(failure: lifecycle::order::Failure) -> Trouble {
    match failure.exit {
        lifecycle::order::exit::NOT_PERMITTED | lifecycle::order::exit::NO_INPUT => Trouble::NotFound,
        _ => Trouble::Failure(failure),
    }
}

/// Keeps a watcher signed in whose presence counts. Answers to challenges are not enough for that: with ten
/// minutes configured they come up to sixteen minutes apart, and a sign-in ends after fifteen. Whoever
/// leaves a challenge unanswered is not present any more, and then pictures keep nobody signed in.
fn stays(app: &App, visit: &Visit, key: Key, session: &SessionId) {
    // Several pictures come each second: a look now and then does.
    let due = app.signed_in.idle(key, visit.now).is_some_and(|idle| idle >= STAYS);
    let Some(me) = visit.me.as_ref().filter(|_| due) else { return };
    if app.commands.live().iter().any(|one| one.id == *session && one.watchers.contains(&me.login)) {
        app.signed_in.at(key, visit.now, true);
    }
}

/// What one window says.
pub(crate) async fn said(
    State(app): State<App>,
    visit: Visit,
    Path((id, place)): Path<(String, String)>,
    body: Bytes,
) -> Answer {
    let session: SessionId = id.parse().map_err(|_| Trouble::NotFound)?;
    let key = visit.key.ok_or(Trouble::SignedOut)?;
    let lane = app.places.lane(&place, key, &session).ok_or(Trouble::NotFound)?;
    let said: FromWatcher = serde_json::from_slice(&body).map_err(|_| Trouble::Input)?;
    if matches!(said, FromWatcher::Ack(_)) {
        stays(&app, &visit, key, &session);
    }
    lane.send(said).await.map_err(|_| Trouble::NotFound)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What the page says of the session before the first picture.
struct Watched {
    id: SessionId,
    number: InterventionNumber,
    name: String,
    vendor: String,
    target: String,
    reason: String,
    required: bool,
    counts: bool,
    over: bool,
}

#[derive(Template)]
#[template(path = "watch.html")]
struct WatchPage<'a> {
    v: &'a Visit,
    one: Arc<Watched>,
}

/// The page.
pub(crate) async fn watch_page(State(app): State<App>, visit: Visit, Path(id): Path<String>) -> Answer {
    let session: SessionId = id.parse().map_err(|_| Trouble::NotFound)?;
    let me = visit.me()?.clone();
    let watched = look(&*app.commands, move |known| {
        let record = known.register.sessions.get(&session)?;
        let asked = &known.register.interventions.get(&record.number)?.asked;
        if !me.may_see(known, &asked.target) {
            return None;
        }
        Some(Watched {
            id: record.id.clone(),
            number: record.number,
            name: asked.name.clone(),
            vendor: vendor_name(known, &asked.vendor),
            target: target_name(known, &asked.target),
            reason: asked.reason.clone(),
            required: asked.supervision == Supervision::Required,
            counts: me.decides_for(known, &asked.target),
            over: record.end.is_some(),
        })
    });
    let one = Arc::new(watched.await?.ok_or(Trouble::NotFound)?);
    page(&WatchPage { v: &visit, one })
}
