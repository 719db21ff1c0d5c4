//! What happens, told to every open page: how many requests wait, a new one, and what changed.

use crate::commands::{Known, look};
use crate::error::Trouble;
use crate::names::{target_name, vendor_name};
use crate::page::{Me, Visit};
use crate::requests::{Count, waits_for};
use crate::routes::App;
use crate::routes::{self, Access, Route};
use crate::texts::visible;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event as Told, KeepAlive, Sse};
use axum::routing::get;
use futures::{Stream, stream};
use jiff::Timestamp;
use lifecycle::{Event, InterventionNumber, InterventionState};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::{self, error::RecvError};

/// The addresses of this part.
pub(crate) const ROUTES: &[Route] = &[
    routes::stream("/events", Access::SignedIn, || get(events)),
    routes::data("/events/ping", Access::SignedIn, || get(ping)),
];

/// Somebody types on a page that is open: nothing is done, but for the guard's noting that they are there.
pub(crate) async fn ping() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// How often it is asked whether the sign-in still holds.
const LOOK: Duration = Duration::from_secs(10);

/// One page's ear.
struct Ear {
    app: App,
    visit: Visit,
    feed: broadcast::Receiver<Arc<(Timestamp, Event)>>,
    ready: Vec<Told>,
    waiting: Option<Count>,
    over: bool,
}

/// The stream of one page. It ends with the sign-in.
pub(crate) async fn events(
    State(app): State<App>,
    visit: Visit,
) -> Result<Sse<impl Stream<Item = Result<Told, Infallible>>>, Trouble> {
    visit.me()?;
    let feed = app.commands.feed();
    let mut ear = Ear { app, visit, feed, ready: Vec::new(), waiting: None, over: false };
    ear.count().await;
    let told = stream::unfold(ear, |mut ear| async move { ear.next().await.map(|told| (Ok(told), ear)) });
    Ok(Sse::new(told).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))))
}

fn told(name: &str, data: &Value) -> Told {
    Told::default().event(name).data(data.to_string())
}

/// Which parts of the pages an event concerns.
fn topics(event: &Event) -> &'static [&'static str] {
    match event {
        Event::Heartbeat { .. } | Event::RecordingCommitted { .. } => &[],
        Event::WatchBegan { .. } | Event::WatchEnded { .. } | Event::ChannelOpened { .. } => &["sessions"],
        _ if event.session().is_some() => &["sessions", "requests"],
        _ if event.intervention().is_some() => &["requests", "sessions"],
        _ if event.account().is_some() => &["people"],
        Event::AlertRaised { .. } | Event::AlertAcknowledged { .. } | Event::AlertEscalated { .. } => &["alerts"],
        Event::ConfigLoaded { .. } => &["site", "requests"],
        Event::LockdownBegan { .. } | Event::LockdownReopened { .. } | Event::LockdownEnded { .. } => {
            &["requests", "sessions", "site"]
        }
        _ => &["people", "health"],
    }
}

impl Ear {
    /// The next thing to tell. Waits on the feed and on time.
    async fn next(&mut self) -> Option<Told> {
        loop {
            if let Some(told) = self.ready.pop() {
                return Some(told);
            }
            if self.over {
                return None;
            }
            match tokio::time::timeout(LOOK, self.feed.recv()).await {
                Ok(Ok(happened)) => self.take(&happened.1).await,
                // Some were missed: everything is looked at anew.
                Ok(Err(RecvError::Lagged(_))) => {
                    self.ready.push(told("change", &json!({ "topics": ["requests", "sessions", "people", "site"] })));
                    self.count().await;
                }
                Ok(Err(RecvError::Closed)) => return None,
                Err(_) => self.still_signed_in(),
            }
        }
    }

    fn still_signed_in(&mut self) {
        let now = self.app.commands.now();
        if self.visit.key.and_then(|key| self.app.signed_in.at(key, now, false)).is_none() {
            self.end();
        }
    }

    async fn take(&mut self, event: &Event) {
        let topics = topics(event);
        if topics.is_empty() {
            return;
        }
        self.still_signed_in();
        if self.over {
            return;
        }
        let number = event.intervention();
        self.ready.push(told("change", &json!({ "topics": topics, "number": number })));
        if let Some(number) = to_announce(event) {
            self.announce(number, matches!(event, Event::InterventionSubmitted { .. })).await;
        }
        // Also where it may be this very person who is not active any more.
        let alert = matches!(event, Event::AlertRaised { .. } | Event::AlertAcknowledged { .. });
        if number.is_some() || alert || event.changes_staff() {
            self.count().await;
        }
    }

    /// Looks at the register as whoever is signed in is known there now. Who is not active any more, or has
    /// other factors, hears nothing further. `None`: there is nothing to tell.
    async fn look<R: Send + 'static>(
        &mut self,
        looking: impl FnOnce(&Known<'_>, &Me) -> R + Send + 'static,
    ) -> Option<R> {
        let now = self.app.commands.now();
        let Some(sign_in) = self.visit.key.and_then(|key| self.app.signed_in.at(key, now, false)) else {
            self.end();
            return None;
        };
        let looked = look(&*self.app.commands, move |known| {
            Me::still(known, &sign_in.staff, sign_in.secret).map(|me| looking(known, &me))
        });
        // Without the register nothing is known, and nothing told.
        let found = looked.await.ok()?;
        if found.is_none() {
            self.end();
        }
        found
    }

    fn end(&mut self) {
        self.over = true;
        self.ready.push(told("signed-out", &json!({})));
    }

    /// Tells of what waits for a decision now to whoever can decide it.
    async fn announce(&mut self, number: InterventionNumber, submitted: bool) {
        let asked = self.look(move |known, me| {
            let one = known.register.interventions.get(&number).filter(|one| waits_for(known, me, one))?;
            // A request was announced when it came; a further yes is no news.
            if one.state == InterventionState::Requested && !submitted {
                return None;
            }
            let href = match one.sessions.last().filter(|_| one.state == InterventionState::Open) {
                Some(session) => format!("/sessions/{session}/extend"),
                None => format!("/requests/{number}"),
            };
            Some((
                one.asked.name.clone(),
                vendor_name(known, &one.asked.vendor),
                target_name(known, &one.asked.target),
                href,
            ))
        });
        let Some(Some((name, vendor, target, href))) = asked.await else { return };
        let values = [("name", name.as_str()), ("vendor", vendor.as_str()), ("target", target.as_str())];
        let request = json!({
            "number": number,
            "title": self.visit.t("new-request-title"),
            "text": visible(&self.visit.texts.with("new-request-text", &values)),
            "href": href,
        });
        self.ready.push(told("request", &request));
    }

    /// Tells how many requests and alerts wait, if those are other numbers than before.
    async fn count(&mut self) {
        let Some(count) = self.look(Count::of).await else { return };
        if self.waiting != Some(count) {
            self.waiting = Some(count);
            self.ready.insert(0, told("waiting", &json!({ "count": count.requests, "alerts": count.alerts })));
        }
    }
}

/// What may now wait for a decision of somebody: a request, and what was approved by too few.
fn to_announce(event: &Event) -> Option<InterventionNumber> {
    match event {
        Event::InterventionSubmitted { number } => Some(*number),
        Event::InterventionApproved { number, missing, .. } | Event::InterventionExtended { number, missing, .. }
            if *missing > 0 =>
        {
            Some(*number)
        }
        _ => None,
    }
}
