//! `poterne doctor`: looks at the machine, with the daemon or without it.

use super::args::{Json, Language};
use super::commands::{Outcome, ask};
use super::output;
use crate::clock::{Clock as _, SystemClock};
use crate::doctor::{CHECKS, Finding, Level, Root, exit_of, look};
use crate::texts::Texts;
use jiff::tz::TimeZone;
use lifecycle::order::{Failure, Order};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// What is asked of it.
pub(super) struct Asked {
    pub(super) root: Option<PathBuf>,
    pub(super) language: Option<Language>,
    pub(super) json: Json,
}

/// Looks and prints. What is not green is a failure of the whole, so that a script sees it: status 1 where
/// something is red, 2 where something is amber.
pub(super) fn carry_out(main: &Path, asked: Asked) -> Outcome {
    let at = SystemClock::start().now();
    let root = Root::new(asked.root.unwrap_or_else(|| PathBuf::from("/")));
    // The configuration of a tree is the one in it.
    let file = root.at(main);
    let config = config::load(&file, config::Options { at, unpinned: true });
    let status = match root.is_machine() {
        true => ask(main, &Order::Status).map_err(|Failure { message, .. }| message),
        false => Err("another tree than this machine's is looked at".to_owned()),
    };
    let loaded = config.as_ref().map_err(ToString::to_string);
    let findings = look(&root, &file, loaded, status.as_ref().map_err(Clone::clone), at);
    let site = config.as_ref().map(|config| config.site.language).unwrap_or_default();
    let texts = Texts::new(asked.language.map_or(site, Into::into), TimeZone::UTC);
    if asked.json.json {
        output::json(&document(&findings, &texts, at));
    } else {
        table(&findings, &texts);
    }
    match exit_of(&findings) {
        0 => Ok(()),
        red @ 1 => Err(Failure::new(red, "something is red: see what to do above")),
        amber => Err(Failure::new(amber, "something is worth a look: see above")),
    }
}

fn seen(finding: &Finding, texts: &Texts) -> String {
    texts.with(&format!("doctor-{}-{}", finding.id, finding.seen), &[("value", &output::visible(&finding.value))])
}

fn rule(finding: &Finding) -> &'static str {
    CHECKS.iter().find(|(id, _)| *id == finding.id).map_or("", |(_, rule)| rule)
}

fn todo(finding: &Finding, texts: &Texts) -> Option<String> {
    (finding.level != Level::Green).then(|| texts.text(&format!("doctor-{}-todo", finding.id)))
}

fn document(findings: &[Finding], texts: &Texts, at: jiff::Timestamp) -> Value {
    let row = |finding: &Finding| {
        json!({ "id": finding.id, "rule": rule(finding), "level": finding.level, "found": finding.seen,
            "value": finding.value, "seen": seen(finding, texts), "todo": todo(finding, texts) })
    };
    json!({ "made": crate::clock::to_millisecond(at), "exit": exit_of(findings),
        "checks": findings.iter().map(row).collect::<Vec<_>>() })
}

fn table(findings: &[Finding], texts: &Texts) {
    for finding in findings {
        let mark = match finding.level {
            Level::Green => texts.text("doctor-green"),
            Level::Amber => texts.text("doctor-amber"),
            Level::Red => texts.text("doctor-red"),
        };
        output::say(&format!("{mark:<7} {:<12} {}", finding.id, seen(finding, texts)));
        if let Some(todo) = todo(finding, texts) {
            output::say(&format!("{:<20} → {todo}", ""));
        }
    }
}
