//! An invitation, as it is handed over: to be printed or read out.

use super::output;
use crate::texts::Texts;
use config::Language;
use serde_json::Value;

fn text(answer: &Value, name: &str) -> String {
    answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// What is handed over, as the daemon wrote it.
fn paper(answer: &Value) {
    for line in text(answer, "paper").lines() {
        output::say(&output::visible(line));
    }
}

/// A technician's, in the vendor's language, and what is to be done then.
pub(super) fn print(answer: &Value) {
    let language = if text(answer, "language") == "en" { Language::English } else { Language::French };
    let texts = Texts::new(language, jiff::tz::TimeZone::system());
    paper(answer);
    output::say(&output::visible(&texts.with("invite-7", &[("phone", &text(answer, "call"))])));
    output::say(&format!("   poterne technician activate {} --word …", text(answer, "login")));
    if answer.get("host_is_named").and_then(Value::as_bool) == Some(false) {
        eprintln!("poterne: warning: write the bastion's name into `ssh.name`, so that invitations carry it");
    }
}

/// One of the hospital's staff, in the site's language.
pub(super) fn print_staff(answer: &Value) {
    paper(answer);
    if answer.get("address").is_some_and(Value::is_null) {
        eprintln!("poterne: warning: there is no `[console]` in the configuration: nobody can enrol without it");
    }
}
