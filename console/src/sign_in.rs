//! Signing in and out (T17: two factors, one text for every refusal).

use crate::commands::{SignInTry, look};
use crate::error::Trouble;
use crate::form::{Fields, Query};
use crate::guard::{self, LANGUAGE_COOKIE, add_cookie};
use crate::page::{Answer, Me, Visit, page, page_with, see_other};
use crate::routes::App;
use crate::routes::{self, Access, Route};
use crate::signed_in::{COOKIE, FORM_COOKIE, Key, cookie_of};
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use lifecycle::Role;
use lifecycle::order::{Hidden, Order};

/// The addresses of this part.
pub(crate) const ROUTES: &[Route] = &[
    routes::page("/", Access::SignedIn, || get(home)),
    routes::page("/sign-in", Access::Anybody, || get(form)),
    routes::act("/sign-in", Access::Anybody, || post(sign_in)),
    routes::act("/sign-out", Access::SignedIn, || post(sign_out)),
    routes::act("/language", Access::Anybody, || post(choose_language)),
];

#[derive(Template)]
#[template(path = "sign-in.html")]
struct SignInPage<'a> {
    v: &'a Visit,
    login: &'a str,
    next: &'a str,
    said: Option<String>,
    signed_out: bool,
}

/// To the page that this person needs first.
pub(crate) async fn home(visit: Visit) -> Answer {
    let roles = &visit.me()?.roles;
    let to = if roles.contains(&Role::Approver) {
        "/requests"
    } else if roles.contains(&Role::Operator) {
        "/people"
    } else {
        "/register"
    };
    see_other(to)
}

/// A page of ours that is asked for after the sign-in; never another site's.
fn next_of(fields: &Fields) -> String {
    let next = fields.value("next");
    // Browsers leave tabs and line breaks out of addresses, and take `\` for `/`.
    let odd = |c: char| c == '\\' || c.is_control() || c.is_whitespace();
    let ours = next.starts_with('/') && !next.starts_with("//") && !next.contains(odd);
    if ours { next } else { "/".to_owned() }
}

/// The form.
pub(crate) async fn form(visit: Visit, Query(query): Query) -> Answer {
    let next = next_of(&query);
    if visit.me.is_some() {
        return see_other(&next);
    }
    let said = query.get("next").map(|_| visit.t("sign-in-again"));
    let signed_out = query.get("bye").is_some();
    page(&SignInPage { v: &visit, login: "", next: &next, said, signed_out })
}

/// Signs in.
pub(crate) async fn sign_in(State(app): State<App>, visit: Visit, fields: Fields) -> Answer {
    let now = visit.now;
    let limits = app.commands.config().limits;
    if !app.tries.begin_within(&visit.peer, limits.console_sign_ins_per_source, now) {
        app.commands.limit_reached("console-sign-ins-per-source", visit.peer);
        return Err(Trouble::TooMany);
    }
    let next = next_of(&fields);
    let typed = fields.value("login");
    let refused = || {
        let said = Some(visit.t("sign-in-refused"));
        let page = SignInPage { v: &visit, login: &typed, next: &next, said, signed_out: false };
        page_with(StatusCode::FORBIDDEN, &page)
    };
    let Some(staff) = guard::login(&typed) else { return refused() };
    let who = (visit.peer, staff.clone());
    if !app.login_tries.begin_within(&who, limits.console_sign_ins_per_login, now) {
        app.commands.limit_reached("console-sign-ins-per-login", visit.peer);
        return Err(Trouble::TooMany);
    }
    let attempt = SignInTry {
        staff: staff.clone(),
        password: Hidden::new(fields.raw("password")),
        code: Hidden::new(fields.value("otp")),
        source: visit.peer,
    };
    match app.commands.sign_in(attempt).await {
        Ok(()) => {}
        Err(failure) if failure.refusal.is_some() => return refused(),
        Err(failure) => {
            app.tries.not_judged(&visit.peer);
            app.login_tries.not_judged(&who);
            return Err(failure.into());
        }
    }
    // Only this login's are forgotten: signing in with one's own buys no tries with another's.
    app.tries.not_judged(&visit.peer);
    app.login_tries.succeeded(&who);
    let wanted = staff.clone();
    let found =
        look(&*app.commands, move |known| known.register.staff.get(&wanted).map(|one| (one.secret, Me::of(one))));
    let Some((secret, me)) = found.await? else { return refused() };
    // A new cookie with each sign-in: what was planted before is worth nothing.
    if let Some(key) = visit.key {
        app.signed_in.end(key);
    }
    let cookie = cookie_of(app.commands.random()?);
    app.signed_in.begin(&cookie, staff, secret, now);
    app.signed_in.keep(Key::of(&cookie), &me);
    let mut response = see_other(&next)?;
    add_cookie(response.headers_mut(), COOKIE, &cookie, None);
    add_cookie(response.headers_mut(), FORM_COOKIE, "", Some(0));
    Ok(response)
}

/// Signs out here, or everywhere.
pub(crate) async fn sign_out(State(app): State<App>, visit: Visit, fields: Fields) -> Answer {
    if let Some(key) = visit.key {
        app.signed_in.end(key);
    }
    if fields.get("everywhere").is_some() {
        app.signed_in.forget(&visit.me()?.login);
    }
    let mut response = see_other("/sign-in?bye=1")?;
    add_cookie(response.headers_mut(), COOKIE, "", Some(0));
    Ok(response)
}

/// Chooses the language of this browser, and of whoever is signed in, wherever they sign in.
pub(crate) async fn choose_language(State(app): State<App>, visit: Visit, fields: Fields) -> Answer {
    /// A year.
    const KEPT: u32 = 365 * 24 * 3600;
    let language = fields.get("language").and_then(guard::language_of).ok_or(Trouble::Input)?;
    if let Some(me) = visit.me {
        let login = me.login.clone();
        let kept = look(&*app.commands, move |known| known.register.staff.get(&login)?.language.clone()).await?;
        if kept.as_deref() != Some(language.word()) {
            let order = Order::StaffLanguage { language: language.word().to_owned() };
            app.commands.carry_out(me.login, order).await?;
        }
    }
    let mut response = see_other(&next_of(&fields))?;
    add_cookie(response.headers_mut(), LANGUAGE_COOKIE, language.word(), Some(KEPT));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After the sign-in nobody is led to another site.
    /// Past failures: GHSA-3c3w-75j2-7h74, CVE-2026-91165.
    #[test]
    fn what_comes_next_is_ours() {
        let next = |text: &str| {
            let query: String = form_urlencoded::Serializer::new(String::new()).append_pair("next", text).finish();
            next_of(&Fields::parse(query.as_bytes()))
        };
        for ours in ["/requests/3?approved", "/"] {
            assert_eq!(next(ours), ours);
        }
        for other in
            ["https://evil.example", "//evil.example", "/\t/evil.example", "/\\evil.example", "/\n/evil.example", ""]
        {
            assert_eq!(next(other), "/", "{other:?}");
        }
    }
}
