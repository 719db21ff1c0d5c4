//! The red button: what it does is said first, a second page asks once more, and then all access is
//! cut, now. Works without a script.

use crate::error::Trouble;
use crate::filters;
use crate::form::{Fields, Query};
use crate::page::{Answer, Visit, page_with, see_other};
use crate::routes::App;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use lifecycle::order::{Failure, Order, exit};
use serde_json::Value;

/// Which of its pages.
#[derive(PartialEq, Eq)]
enum Step {
    Explain,
    Confirm,
}

#[derive(Template)]
#[template(path = "lockdown.html")]
struct LockdownPage<'a> {
    v: &'a Visit,
    step: Step,
    reason: String,
    sessions: usize,
    said: Option<String>,
    done: Vec<(&'static str, String)>,
    may_end: bool,
    /// Groups that are cut, and their names.
    cut: Vec<(String, String)>,
    /// Names of those that are open again.
    reopened: Vec<String>,
}

async fn shown(
    app: &App,
    visit: &Visit,
    step: Step,
    reason: String,
    said: Option<(StatusCode, String)>,
    done: Vec<(&'static str, String)>,
) -> Answer {
    // The button works when the journal is gone: then the number is not known, and none is said.
    let sessions = app.commands.live().len();
    let may_end = visit.has(&["operator", "security"]);
    let (status, said) = said.map_or((StatusCode::OK, None), |(status, said)| (status, Some(said)));
    let (config, open) = (app.commands.config(), app.commands.reopened());
    let named = |wanted: bool| {
        let groups = config.groups.iter().filter(|(id, _)| open.contains(*id) == wanted);
        groups.map(|(id, group)| (id.to_string(), group.name.clone())).collect::<Vec<_>>()
    };
    let reopened = named(true).into_iter().map(|(_, name)| name).collect();
    let cut = named(false);
    page_with(status, &LockdownPage { v: visit, step, reason, sessions, said, done, may_end, cut, reopened })
}

/// What it does, and why it is to be done.
pub(crate) async fn explain(State(app): State<App>, visit: Visit, Query(query): Query) -> Answer {
    let done = match query.get("done") {
        // An address alone claims nothing: an old link must not say that access is cut.
        Some("begun") if visit.lockdown.is_some() => begun(&visit, &query),
        Some("stage") if visit.lockdown.is_some() => vec![("good", visit.t("lockdown-stage-done"))],
        Some("ended") if visit.lockdown.is_none() => vec![("good", visit.t("lockdown-ended"))],
        _ => Vec::new(),
    };
    shown(&app, &visit, Step::Explain, String::new(), None, done).await
}

/// What came of it.
fn begun(visit: &Visit, query: &Fields) -> Vec<(&'static str, String)> {
    let ended = query.optional::<u32>("ended").ok().flatten().unwrap_or(0);
    let mut said = vec![("good", visit.tw("lockdown-begun", "count", ended))];
    if query.get("journal") == Some("no") {
        said.push(("warn", visit.t("lockdown-no-journal")));
    }
    if query.get("kept") == Some("no") {
        said.push(("warn", visit.t("lockdown-not-kept")));
    }
    said
}

/// Asks once more.
pub(crate) async fn confirm(State(app): State<App>, visit: Visit, fields: Fields) -> Answer {
    let reason = fields.value("reason");
    if reason.is_empty() {
        let said = (StatusCode::UNPROCESSABLE_ENTITY, visit.t("refusal-empty"));
        return shown(&app, &visit, Step::Explain, reason, Some(said), Vec::new()).await;
    }
    shown(&app, &visit, Step::Confirm, reason, None, Vec::new()).await
}

/// Cuts all access.
pub(crate) async fn begin(State(app): State<App>, visit: Visit, fields: Fields) -> Answer {
    let reason = fields.value("reason");
    let order = Order::LockdownBegin { reason: reason.clone() };
    match app.commands.carry_out(visit.me()?.login.clone(), order).await {
        Ok(done) => {
            let ended = done.get("sessions_ended").and_then(Value::as_u64).unwrap_or(0);
            let word = |name: &str| if done.get(name).and_then(Value::as_bool) == Some(true) { "yes" } else { "no" };
            let (journal, kept) = (word("journalled"), word("survives_a_restart"));
            see_other(&format!("/lockdown?done=begun&ended={ended}&journal={journal}&kept={kept}"))
        }
        Err(failure) => {
            let said = (Trouble::Failure(failure.clone()).status(), visit.texts.failure(&failure));
            shown(&app, &visit, Step::Explain, reason, Some(said), Vec::new()).await
        }
    }
}

/// Gives access back.
pub(crate) async fn end(State(app): State<App>, visit: Visit, fields: Fields) -> Answer {
    let reason = fields.value("reason");
    // Somebody else was quicker: what this person wanted is so.
    if app.commands.lockdown().is_none() {
        return see_other("/lockdown");
    }
    match app.commands.carry_out(visit.me()?.login.clone(), Order::LockdownEnd { reason: reason.clone() }).await {
        Ok(_) => see_other("/lockdown?done=ended"),
        Err(failure) => still_cut(&app, &visit, reason, failure).await,
    }
}

/// Why access was not given back, whole or in part.
async fn still_cut(app: &App, visit: &Visit, reason: String, failure: Failure) -> Answer {
    let text = match failure.exit {
        exit::IO => visit.t("lockdown-not-ended"),
        _ => visit.texts.failure(&failure),
    };
    let said = (Trouble::Failure(failure).status(), text);
    shown(app, visit, Step::Explain, reason, Some(said), Vec::new()).await
}

/// One stage of giving access back: the equipment of a group.
pub(crate) async fn reopen(State(app): State<App>, visit: Visit, fields: Fields) -> Answer {
    let reason = fields.value("reason");
    let group = fields.value("group").parse().map_err(|_| Trouble::Input)?;
    let order = Order::LockdownReopen { group, reason: reason.clone() };
    match app.commands.carry_out(visit.me()?.login.clone(), order).await {
        Ok(_) => see_other("/lockdown?done=stage"),
        Err(failure) => still_cut(&app, &visit, reason, failure).await,
    }
}

#[cfg(test)]
mod tests {
    use crate::fake::Fake;
    use jiff::Timestamp;
    use lifecycle::{Actor, Event, Register};

    /// EMG-05: while part of it is open again, no page says that all access is cut. LOG-16: every page says how
    /// many alerts wait.
    #[tokio::test]
    async fn every_page_says_what_is_open_and_what_waits() {
        let mut register = Register::default();
        let pressed = Event::LockdownBegan { reason: "worm".to_owned(), by: Actor::Root(0) };
        let fake = Fake::knowing(Register::default());
        let none = r#"data-count="alerts" hidden>0<"#;
        let page = fake.page("/site").await;
        assert!(page.contains(none) && !page.contains("coupés"), "{page}");
        let raised = register.alert_for(&pressed).unwrap();
        register.apply(Timestamp::UNIX_EPOCH, &raised);
        let fake = Fake::knowing(register);
        fake.cut_but_for(&[]);
        for path in ["/site", "/lockdown"] {
            let page = fake.page(path).await;
            assert!(page.contains(r#"data-count="alerts">1<"#), "{page}");
            assert!(page.contains("Tous les accès sont coupés\u{a0}: worm"), "{page}");
        }
        fake.cut_but_for(&["radiologie"]);
        for path in ["/site", "/lockdown"] {
            let page = fake.page(path).await;
            assert!(page.contains("Accès coupés, sauf\u{a0}: Radiologie. Motif\u{a0}: worm"), "{page}");
            assert!(!page.contains("Tous les accès"), "{page}");
        }
    }
}
