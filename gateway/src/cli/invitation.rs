//! An invitation, as it is handed over: in the vendor's language, to be printed or read out.

use super::output;
use crate::texts::Texts;
use config::Language;
use serde_json::Value;

pub(super) fn print(answer: &Value) {
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let language = if text("language") == "en" { Language::English } else { Language::French };
    let texts = Texts::new(language, jiff::tz::TimeZone::system());
    let port = answer.get("port").and_then(Value::as_u64).unwrap_or(22).to_string();
    let until = text("until").parse().map_or_else(|_| text("until"), output::here);
    let (name, login, site, host) = (text("name"), text("login"), text("site"), text("host"));
    let line = |key: &str, values: &[(&str, &str)]| output::say(&output::visible(&texts.with(key, values)));
    line("invite-1", &[("name", &name), ("login", &login), ("site", &site)]);
    output::say("");
    line("invite-2", &[]);
    output::say(&format!("   {}", text("known_hosts")));
    line("invite-3", &[("port", &port), ("login", &login), ("host", &host)]);
    line("invite-4", &[]);
    output::say(&format!("   {}", text("code")));
    line("invite-5", &[]);
    output::say("");
    line("invite-6", &[("until", &until)]);
    line("invite-7", &[("phone", &text("call"))]);
    output::say(&format!("   poterne technician activate {login} --word …"));
    if answer.get("host_is_named").and_then(Value::as_bool) == Some(false) {
        eprintln!("poterne: warning: write the bastion's name into `ssh.name`, so that invitations carry it");
    }
}
