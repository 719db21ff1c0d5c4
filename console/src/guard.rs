//! What every request passes before anything of ours runs: who it is, whether they may, and whether
//! it was meant (cookies, roles, tokens of forms). Written once, for every address of the table.

use crate::api::export;
use crate::brake;
use crate::commands::look;
use crate::error::Trouble;
use crate::form::Fields;
use crate::listener::OwnCertificate;
use crate::page::{self, Me, Visit};
use crate::requests::Count;
use crate::routes::{Access, App, EXPORTING, Kind, Route};
use crate::signed_in::{COOKIE, FORM_COOKIE, Key, SignIn, cookie_of, form_token};
use crate::texts::Texts;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::header::{
    ACCEPT_LANGUAGE, AUTHORIZATION, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE as COOKIES, HOST,
    LOCATION, ORIGIN, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use config::{Config, Language};
use lifecycle::order::{Failure, exit};
use policy::StaffLogin;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

/// How long anything but a brake waits for the register: a little longer than the journal's own patience
/// with its disk, whose end is the better answer.
const PATIENCE: Duration = Duration::from_secs(6);
/// Largest body: a form with a reason of 2000 characters fits several times.
const LARGEST_BODY: usize = 64 << 10;
/// The cookie of the chosen language: no secret.
pub(crate) const LANGUAGE_COOKIE: &str = "__Host-poterne-language";

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
     connect-src 'self'; font-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Lets a request through, or answers it.
pub(crate) async fn guard(State((app, route)): State<(App, &'static Route)>, request: Request, next: Next) -> Response {
    // A body cannot be shared between threads, and is not needed to know who comes.
    let (parts, body) = request.into_parts();
    let (mut visit, form_cookie) = match arrive(&app, route, &parts).await {
        Ok(arrived) => arrived,
        Err(trouble) => {
            // Without the register there is neither a person nor a language.
            let texts = Texts::new(language(&parts.headers, app.commands.config().site.language), app.zone());
            let answer = match kind_of(route, parts.uri.path()) {
                Kind::Api => crate::api::refused(&trouble, &page::said(&texts, &trouble)),
                _ => page::bare(&texts, &trouble),
            };
            return finish(route.kind, answer, None);
        }
    };
    let response = match pass(route, &visit, form_cookie.as_deref(), Request::from_parts(parts, body)).await {
        Ok(mut request) => {
            request.extensions_mut().insert(visit.clone());
            next.run(request).await
        }
        Err(trouble) => trouble.into_response(),
    };
    let kind = kind_of(route, &visit.path);
    let response = match response.extensions().get::<Trouble>().cloned() {
        Some(Trouble::SignedOut) if route.kind == Kind::Page => to_sign_in(&visit),
        Some(trouble) => {
            if matches!(&trouble, Trouble::Template(_)) {
                tracing::error!(path = visit.path, %trouble, "a page of the console");
            }
            if visit.me.is_none() {
                visit.waiting = 0;
            }
            page::trouble(&visit, kind, &trouble)
        }
        None => response,
    };
    finish(route.kind, response, visit.new_form_cookie.as_deref())
}

/// What an address gives; below that of the API also where there is nothing.
fn kind_of(route: &Route, path: &str) -> Kind {
    if path.starts_with("/api/v1/") { Kind::Api } else { route.kind }
}

/// Who comes, with what they should see on any page.
async fn arrive(app: &App, route: &Route, parts: &Parts) -> Result<(Visit, Option<String>), Trouble> {
    let (headers, extensions) = (&parts.headers, &parts.extensions);
    let now = app.commands.now();
    let peer =
        extensions.get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
    // In doubt the stricter: without the listener's word nothing is decided from afar.
    let own_certificate = extensions.get::<OwnCertificate>().is_none_or(|own| own.0);
    let signed = cookie(headers, COOKIE);
    // What a page does by itself keeps nobody signed in; it says so. Of pictures that are acknowledged,
    // those of a watcher who is present do: see `watching`.
    let active = !matches!(route.kind, Kind::Stream | Kind::Asset) && !headers.contains_key("x-fragment");
    let key = signed.as_deref().map(Key::of);
    let sign_in = key.and_then(|key| app.signed_in.at(key, now, active));
    let (me, count, looked) = whoever(app, route, key, sign_in).await?;
    let config = app.commands.config();
    // A person's own setting goes with them from browser to browser.
    let chosen = me.as_ref().and_then(|me| me.language.as_deref()).and_then(language_of);
    let language = chosen.unwrap_or_else(|| language(headers, config.site.language));
    let texts = Texts::new(language, config.site.zone.clone());
    let form_cookie = match &me {
        Some(_) => signed.clone(),
        None => cookie(headers, FORM_COOKIE),
    };
    let (new_form_cookie, token_of) = match (&form_cookie, route.kind) {
        (None, Kind::Page) => {
            let made = cookie_of(app.commands.random()?);
            (Some(made.clone()), made)
        }
        (held, _) => (None, held.clone().unwrap_or_default()),
    };
    let mut visit = Visit {
        site: config.site.name.clone(),
        csrf: form_token(&token_of),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().map(str::to_owned),
        may_decide_here: !own_certificate || peer.to_canonical().is_loopback(),
        texts,
        me,
        bearer: None,
        key,
        now,
        peer,
        waiting: count.requests,
        alerts: count.alerts,
        lockdown: app.commands.lockdown(),
        reopened: reopened(app, &config),
        looked,
        new_form_cookie,
    };
    // A token is looked at where one is taken; elsewhere it opens nothing, and says so.
    if let Some(token) = headers.get(AUTHORIZATION) {
        match route.access {
            Access::Export(scope) => visit.bearer = Some(export::bearer(app, &visit, token, scope).await?),
            _ if visit.me.is_none() && kind_of(route, &visit.path) == Kind::Api => return Err(Trouble::TokenHere),
            _ => {}
        }
    }
    Ok((visit, form_cookie))
}

/// Names of the groups that are open again while the rest stays cut.
fn reopened(app: &App, config: &Config) -> Vec<String> {
    let name = |id| config.groups.get(&id).map_or_else(|| id.to_string(), |group| group.name.clone());
    app.commands.reopened().into_iter().map(name).collect()
}

/// Who is signed in, how much waits for them, and whether the register was asked. A brake waits for it a
/// moment at most; where it does not answer, whoever was known last goes on (D18). Everything else is
/// refused then.
async fn whoever(
    app: &App,
    route: &Route,
    key: Option<Key>,
    sign_in: Option<SignIn>,
) -> Result<(Option<Me>, Count, bool), Trouble> {
    // A file that is the same for everybody asks for nobody.
    if route.kind == Kind::Asset {
        return Ok((None, Count::default(), false));
    }
    let wanted = sign_in.as_ref().map(|one| (one.staff.clone(), one.secret));
    let looking = look(&*app.commands, move |known| {
        let me = wanted.and_then(|(login, secret)| Me::still(known, &login, secret))?;
        let count = Count::of(known, &me);
        Some((me, count))
    });
    let patience = if route.brake { brake::PATIENCE } else { PATIENCE };
    let found = match tokio::time::timeout(patience, looking).await {
        Ok(Ok(found)) => found,
        Ok(Err(_)) | Err(_) if route.brake => return Ok((sign_in.and_then(|one| one.me), Count::default(), false)),
        Ok(Err(failure)) => return Err(failure.into()),
        Err(_) => return Err(Failure::new(exit::TEMPORARY, "the register did not answer").into()),
    };
    match (&found, key) {
        (Some((me, _)), Some(key)) => app.signed_in.keep(key, me),
        (None, Some(key)) => app.signed_in.end(key),
        _ => {}
    }
    let (me, count) = found.unzip();
    Ok((me, count.unwrap_or_default(), true))
}

/// Whether they may, and whether it was meant. Who may not is told so before anything is read.
async fn pass(route: &Route, visit: &Visit, form_cookie: Option<&str>, request: Request) -> Result<Request, Trouble> {
    let roles = match &route.access {
        Access::Anybody | Access::SignedIn => None,
        Access::Roles(roles) => Some(*roles),
        Access::Export(_) => Some(EXPORTING),
    };
    match (&route.access, &visit.me, roles) {
        (Access::Anybody, ..) | (Access::SignedIn, Some(_), _) => {}
        (Access::Export(_), ..) if visit.bearer.is_some() => {}
        (_, Some(me), Some(roles)) if roles.iter().any(|role| me.roles.contains(role)) => {}
        (_, None, _) => return Err(Trouble::SignedOut),
        (_, Some(_), _) => return Err(Trouble::Forbidden),
    }
    match request.method() == Method::GET || request.method() == Method::HEAD {
        true => from_here(route, request),
        false => meant(route, request, form_cookie).await,
    }
}

/// Data and streams are for our own pages: another site must not fetch, and so journal, an export in
/// somebody's name. Pages may be come to from anywhere.
fn from_here(route: &Route, request: Request) -> Result<Request, Trouble> {
    let site = request.headers().get("sec-fetch-site").and_then(|value| value.to_str().ok());
    let foreign = site.is_some_and(|site| !["same-origin", "none"].contains(&site));
    match route.kind {
        Kind::Data | Kind::Stream | Kind::Api if foreign => Err(Trouble::Form),
        // Nobody reads what a HEAD gives, and giving it would be journalled.
        Kind::Data | Kind::Stream if request.method() == Method::HEAD => Err(Trouble::Input),
        _ => Ok(request),
    }
}

/// A request that changes something comes from one of our pages, in this very browser.
async fn meant(route: &Route, request: Request, form_cookie: Option<&str>) -> Result<Request, Trouble> {
    let headers = request.headers();
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if header("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return Err(Trouble::Form);
    }
    let host = header(HOST.as_str()).or_else(|| request.uri().authority().map(|authority| authority.as_str()));
    let own = host.map(|host| format!("https://{host}"));
    if header(ORIGIN.as_str()) != own.as_deref() || own.is_none() {
        return Err(Trouble::Form);
    }
    let expected = form_cookie.map(form_token).ok_or(Trouble::Form)?;
    let by_header = header("x-csrf-token").map(str::to_owned);
    let kind = header(CONTENT_TYPE.as_str()).map(|kind| kind.split(';').next().unwrap_or_default().trim().to_owned());
    let (mut parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, LARGEST_BODY).await.map_err(|_| Trouble::TooLarge)?;
    let fields = match (kind.as_deref(), route.kind) {
        (Some("application/json"), _) => Fields::default(),
        (Some("application/x-www-form-urlencoded"), Kind::Page | Kind::Act | Kind::Data) => Fields::parse(&body),
        (None, _) if body.is_empty() => Fields::default(),
        _ => return Err(Trouble::ContentType),
    };
    let brought = by_header.or_else(|| fields.get("csrf").map(str::to_owned)).ok_or(Trouble::Form)?;
    if aws_lc_rs::constant_time::verify_slices_are_equal(expected.as_bytes(), brought.as_bytes()).is_err() {
        return Err(Trouble::Form);
    }
    parts.extensions.insert(fields);
    Ok(Request::from_parts(parts, Body::from(body)))
}

/// To the sign-in, and back afterwards.
fn to_sign_in(visit: &Visit) -> Response {
    let back = match &visit.query {
        Some(query) => format!("{}?{query}", visit.path),
        None => visit.path.clone(),
    };
    let next: String = form_urlencoded::byte_serialize(back.as_bytes()).collect();
    let to = if back == "/" { "/sign-in".to_owned() } else { format!("/sign-in?next={next}") };
    let mut response = StatusCode::SEE_OTHER.into_response();
    if let Ok(to) = HeaderValue::from_str(&to) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

/// An answer that is given before any address is looked at, with the headers of every answer.
pub fn plain(status: StatusCode, text: &'static str) -> Response {
    finish(Kind::Data, (status, text).into_response(), None)
}

/// The headers of every answer.
fn finish(kind: Kind, mut response: Response, form_cookie: Option<&str>) -> Response {
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    // Stricter, and browsers would leave the origin out of our own forms too.
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if kind != Kind::Asset {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Some(made) = form_cookie {
        add_cookie(headers, FORM_COOKIE, made, None);
    }
    response
}

/// Sets a cookie. `seconds`: `None` until the browser closes; 0 takes it away.
pub(crate) fn add_cookie(headers: &mut HeaderMap, name: &str, value: &str, seconds: Option<u32>) {
    let age = seconds.map_or_else(String::new, |seconds| format!("; Max-Age={seconds}"));
    let cookie = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Strict{age}");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        headers.append(SET_COOKIE, cookie);
    }
}

/// A cookie that the browser sent.
pub(crate) fn cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let all = headers.get_all(COOKIES).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = all.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(held, _)| *held == name).map(|(_, value)| value.to_owned())
}

/// The language of a word.
pub(crate) fn language_of(word: &str) -> Option<Language> {
    match word {
        "fr" => Some(Language::French),
        "en" => Some(Language::English),
        _ => None,
    }
}

/// The language chosen in this browser, or what it asks for, or the site's.
fn language(headers: &HeaderMap, site: Language) -> Language {
    if let Some(chosen) = cookie(headers, LANGUAGE_COOKIE).and_then(|word| language_of(&word)) {
        return chosen;
    }
    let Some(asked) = headers.get(ACCEPT_LANGUAGE).and_then(|value| value.to_str().ok()) else { return site };
    let mut best: Option<(f32, Language)> = None;
    for part in asked.split(',') {
        let (tag, rest) = part.split_once(';').unwrap_or((part, ""));
        let weight = rest.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse).unwrap_or(0.0);
        let primary = tag.trim().split('-').next().unwrap_or_default().to_ascii_lowercase();
        if let Some(language) = language_of(&primary)
            && weight > best.map_or(0.0, |(best, _)| best)
        {
            best = Some((weight, language));
        }
    }
    best.map_or(site, |(_, language)| language)
}

/// Whether a login is one that can be typed. What is not is refused like a wrong one.
pub(crate) fn login(text: &str) -> Option<StaffLogin> {
    text.to_lowercase().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(header: &str) -> Language {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_str(header).unwrap());
        language(&headers, Language::French)
    }

    /// HRD-13: French first, English second, by the reader's setting.
    #[test]
    fn the_language_is_the_readers() {
        assert_eq!(asked("en-GB,en;q=0.9,fr;q=0.8"), Language::English);
        assert_eq!(asked("de-DE,de;q=0.9,fr;q=0.5,en;q=0.4"), Language::French);
        assert_eq!(asked("de"), Language::French);
        assert_eq!(asked("en;q=x"), Language::French);
        let mut headers = HeaderMap::new();
        headers.insert(COOKIES, HeaderValue::from_static("a=b; __Host-poterne-language=en"));
        assert_eq!(language(&headers, Language::French), Language::English);
    }
}
