//! The enrolment of a member of staff: who was invited chooses a password and sets up an authenticator.
//! The one page that does something for somebody who is not signed in (D8). The code of the invitation
//! opens it; from then on a cookie stands for it, and no address and no form holds it any more.

use crate::commands::{Enrolment, Invited, NotEnrolled, look};
use crate::error::Trouble;
use crate::form::{Fields, Query};
use crate::guard::{add_cookie, cookie};
use crate::page::{Answer, Visit, page, page_with, see_other};
use crate::routes::{self, Access, App, Route};
use crate::signed_in::{Key, cookie_of};
use askama::Template;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use jiff::{SignedDuration, Timestamp};
use lifecycle::Role;
use lifecycle::order::Hidden;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// The addresses of this part.
pub(crate) const ROUTES: &[Route] = &[
    routes::page("/enrol", Access::Anybody, || get(door)),
    routes::act("/enrol", Access::Anybody, || post(open)),
    routes::page("/enrol/factors", Access::Anybody, || get(form)),
    routes::act("/enrol/factors", Access::Anybody, || post(enrol)),
    routes::page("/enrol/done", Access::Anybody, || get(done)),
];

/// The cookie of somebody who is enrolling.
const COOKIE: &str = "__Host-poterne-enrol";
/// How long somebody may take to enrol, in seconds.
const PATIENCE: u32 = 30 * 60;
/// Enrolments under way at once; a hospital has few.
const AT_ONCE: usize = 64;
/// Wrong codes of the authenticator and passwords that are refused, before the page closes.
const TRIES: u8 = 10;

struct Open {
    invited: Invited,
    until: Timestamp,
    tries: u8,
}

/// Who is enrolling, in which browser. In memory only: after a restart the code is typed again.
#[derive(Default)]
pub(crate) struct Enrolments(Mutex<HashMap<Key, Open>>);

impl Enrolments {
    fn all(&self) -> std::sync::MutexGuard<'_, HashMap<Key, Open>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins. `false`: too many are under way.
    fn begin(&self, key: Key, invited: Invited, now: Timestamp) -> bool {
        let mut all = self.all();
        // One invitation, one page: the newest.
        all.retain(|_, one| now < one.until && one.invited.staff != invited.staff);
        if all.len() >= AT_ONCE {
            return false;
        }
        let patience = now.saturating_add(SignedDuration::from_secs(PATIENCE.into())).unwrap_or(now);
        let until = patience.min(invited.until);
        all.insert(key, Open { invited, until, tries: 0 });
        true
    }

    fn at(&self, key: Key, now: Timestamp) -> Option<Invited> {
        self.all().get(&key).filter(|one| now < one.until).map(|one| one.invited.clone())
    }

    /// Counts a try before it is judged: several at once must not get beyond the limit. `None`: there is no
    /// such page, or none any more.
    fn begin_try(&self, key: Key, now: Timestamp) -> Option<Invited> {
        let mut all = self.all();
        let one = all.get_mut(&key).filter(|one| now < one.until && one.tries < TRIES)?;
        one.tries += 1;
        Some(one.invited.clone())
    }

    /// Takes a try back: nobody could judge it.
    fn not_judged(&self, key: Key) {
        if let Some(one) = self.all().get_mut(&key) {
            one.tries = one.tries.saturating_sub(1);
        }
    }

    /// A try failed; the last one ends the page.
    fn failed(&self, key: Key) {
        let mut all = self.all();
        if all.get(&key).is_some_and(|one| one.tries >= TRIES) {
            all.remove(&key);
        }
    }

    fn end(&self, key: Key) {
        self.all().remove(&key);
    }
}

#[derive(Template)]
#[template(path = "enrol-door.html")]
struct DoorPage<'a> {
    v: &'a Visit,
    code: String,
    said: Option<String>,
}

/// Where the code is typed, or stands already for whoever followed a link. Nothing is looked up yet: a
/// program that previews links opens nothing.
pub(crate) async fn door(visit: Visit, Query(query): Query) -> Answer {
    page(&DoorPage { v: &visit, code: query.value("code"), said: None })
}

/// Opens the invitation of this code.
pub(crate) async fn open(State(app): State<App>, visit: Visit, fields: Fields) -> Answer {
    // Nobody can tell the console from somebody in between by a certificate of its own: neither an
    // approval nor new factors go over it from afar (D12).
    if !visit.may_decide_here {
        let door = DoorPage { v: &visit, code: String::new(), said: Some(visit.t("enrol-not-here")) };
        return page_with(StatusCode::FORBIDDEN, &door);
    }
    if !app.enrol_tries.begin(&visit.peer, visit.now) {
        return Err(Trouble::TooMany);
    }
    let invited = app.commands.open_invitation(Hidden::new(fields.value("code"))).await;
    let invited = invited.inspect_err(|_| app.enrol_tries.not_judged(&visit.peer))?;
    let Some(invited) = invited else {
        tracing::warn!(source = %visit.peer, "a code of no invitation was typed on the enrolment page");
        let door = DoorPage { v: &visit, code: String::new(), said: Some(visit.t("enrol-code-refused")) };
        return page_with(StatusCode::FORBIDDEN, &door);
    };
    app.enrol_tries.succeeded(&visit.peer);
    let value = cookie_of(app.commands.random()?);
    if !app.enrolments.begin(Key::of(&value), invited, visit.now) {
        return Err(Trouble::TooMany);
    }
    let mut response = see_other("/enrol/factors")?;
    add_cookie(response.headers_mut(), COOKIE, &value, Some(PATIENCE));
    Ok(response)
}

/// Who is being enrolled, as the page shows them.
struct Who {
    name: String,
    login: String,
    roles: Vec<Role>,
    groups: Vec<String>,
}

#[derive(Template)]
#[template(path = "enrol.html")]
struct EnrolPage<'a> {
    v: &'a Visit,
    who: Who,
    secret: String,
    side: usize,
    path: &'a str,
    said: Option<String>,
}

async fn who(app: &App, invited: &Invited) -> Result<Option<Who>, Trouble> {
    let login = invited.staff.clone();
    let found = look(&*app.commands, move |known| {
        let staff = known.register.staff.get(&login)?;
        let group = |id| known.config.groups.get(id).map(|one| one.name.clone());
        Some(Who {
            name: staff.identity.name.clone(),
            login: staff.login.to_string(),
            roles: staff.roles.iter().copied().collect(),
            groups: staff.groups.iter().filter_map(group).collect(),
        })
    });
    Ok(found.await?)
}

fn key_of(headers: &HeaderMap) -> Option<Key> {
    cookie(headers, COOKIE).map(|value| Key::of(&value))
}

/// What a person types by hand, in groups of four.
fn in_groups(secret: &str) -> String {
    let characters: Vec<char> = secret.chars().collect();
    characters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join(" ")
}

async fn factors(app: &App, visit: &Visit, invited: &Invited, status: StatusCode, said: Option<String>) -> Answer {
    let Some(who) = who(app, invited).await? else { return see_other("/enrol") };
    let secret = in_groups(invited.totp.reveal());
    let (side, path) = (invited.square.side, invited.square.path.reveal());
    page_with(status, &EnrolPage { v: visit, who, secret, side, path, said })
}

/// The form.
pub(crate) async fn form(State(app): State<App>, visit: Visit, headers: HeaderMap) -> Answer {
    match key_of(&headers).and_then(|key| app.enrolments.at(key, visit.now)) {
        Some(invited) => factors(&app, &visit, &invited, StatusCode::OK, None).await,
        None => see_other("/enrol"),
    }
}

/// Takes what was chosen.
pub(crate) async fn enrol(State(app): State<App>, visit: Visit, headers: HeaderMap, fields: Fields) -> Answer {
    let key = key_of(&headers);
    let open = key.and_then(|key| Some((key, app.enrolments.begin_try(key, visit.now)?)));
    let Some((key, invited)) = open else {
        let door = DoorPage { v: &visit, code: String::new(), said: Some(visit.t("enrol-over")) };
        return page_with(StatusCode::FORBIDDEN, &door);
    };
    let password = fields.raw("password");
    let complaint = if password != fields.raw("again") {
        "enrol-differs"
    } else if fields.get("read").is_none() {
        "enrol-unread"
    } else {
        let chosen = Enrolment {
            staff: invited.staff.clone(),
            invitation: invited.invitation,
            password: Hidden::new(password),
            totp: invited.totp.clone(),
            code: Hidden::new(fields.value("otp")),
            source: visit.peer,
        };
        match app.commands.enrol(chosen).await {
            Ok(()) => {
                app.enrolments.end(key);
                let mut response = see_other("/enrol/done")?;
                add_cookie(response.headers_mut(), COOKIE, "", Some(0));
                return Ok(response);
            }
            Err(NotEnrolled::Used) => {
                app.enrolments.end(key);
                let door = DoorPage { v: &visit, code: String::new(), said: Some(visit.t("enrol-used")) };
                return page_with(StatusCode::FORBIDDEN, &door);
            }
            Err(NotEnrolled::Failed(failure)) => {
                app.enrolments.not_judged(key);
                return Err(failure.into());
            }
            Err(NotEnrolled::Short) => "enrol-short",
            Err(NotEnrolled::Known) => "enrol-known",
            Err(NotEnrolled::Personal) => "enrol-personal",
            Err(NotEnrolled::Code) => "enrol-otp-wrong",
        }
    };
    app.enrolments.failed(key);
    factors(&app, &visit, &invited, StatusCode::UNPROCESSABLE_ENTITY, Some(visit.t(complaint))).await
}

#[derive(Template)]
#[template(path = "enrol-done.html")]
struct DonePage<'a> {
    v: &'a Visit,
}

/// It is done.
pub(crate) async fn done(visit: Visit) -> Answer {
    page(&DonePage { v: &visit })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Square;
    use crate::fake::{Fake, Journal};

    /// D12: with a certificate of its own nobody makes factors from afar; the code is not even looked up,
    /// which the fake daemon would answer with 503.
    #[tokio::test]
    async fn nobody_enrols_from_afar_without_a_certificate() {
        let fake = Fake::signed_in(Journal::Works);
        assert_eq!(fake.post("/enrol", "code=ABCD-EFGH").await, StatusCode::FORBIDDEN);
    }

    fn invited(staff: &str) -> Invited {
        let square = Square { side: 1, path: Hidden::new(String::new()) };
        let until = Timestamp::from_second(2_000_000_000).unwrap();
        Invited { staff: staff.parse().unwrap(), invitation: 1, until, totp: Hidden::new("ABCDEFGH".into()), square }
    }

    #[test]
    fn a_page_ends_by_time_by_tries_and_by_a_newer_one() {
        let all = Enrolments::default();
        let at = |second| Timestamp::from_second(1_800_000_000 + second).unwrap();
        let (one, two) = (Key::of("one"), Key::of("two"));
        assert!(all.begin(one, invited("claire"), at(0)));
        assert!(all.at(one, at(i64::from(PATIENCE) - 1)).is_some() && all.at(one, at(i64::from(PATIENCE))).is_none());
        assert!(all.begin(two, invited("claire"), at(1)));
        assert!(all.at(one, at(2)).is_none() && all.at(two, at(2)).is_some());
        for _ in 0..TRIES {
            assert!(all.begin_try(two, at(2)).is_some());
        }
        // More at once than are allowed: the last ones are not judged at all.
        assert!(all.begin_try(two, at(2)).is_none());
        all.failed(two);
        assert!(all.at(two, at(2)).is_none());
    }

    #[test]
    fn pages_under_way_are_few() {
        let all = Enrolments::default();
        let at = Timestamp::from_second(1_800_000_000).unwrap();
        for n in 0..AT_ONCE {
            assert!(all.begin(Key::of(&n.to_string()), invited(&format!("staff-{n}")), at));
        }
        assert!(!all.begin(Key::of("more"), invited("more"), at));
    }

    #[test]
    fn a_secret_is_shown_in_groups() {
        assert_eq!(in_groups("ABCDEFGHJ"), "ABCD EFGH J");
    }
}
