//! The demo's screen: who may do what, what to paste, live codes, and what happens as it happens.

use super::{Somebody, Stage, TARGETS, targets_of};
use crate::clock::{Clock as _, SystemClock};
use crate::factors;
use crate::site::Site;
use lifecycle::{Event, Role};
use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::time::Duration;

/// How long a one-time code lasts, in seconds.
const STEP: i64 = 30;

struct Words {
    title: &'static str,
    technicians: &'static str,
    staff: &'static str,
    officer: &'static str,
    targets: &'static str,
    open: &'static str,
    closed: &'static str,
    watched: &'static str,
    try_it: &'static str,
    then: &'static str,
    certificate: &'static str,
    or: &'static str,
    code: &'static str,
    happens: &'static str,
    codes: &'static str,
}

const ENGLISH: Words = Words {
    title: "Poterne demo - a throw-away hospital on this machine. Ctrl-C ends it and leaves nothing.",
    technicians: "Technicians of two vendors (password, then the live code below):",
    staff: "Staff of the hospital:",
    officer: "passphrase to replay recordings",
    targets: "Equipment:",
    open: "open",
    closed: "closed until",
    watched: "somebody must watch",
    try_it: "1. In a second terminal, as the technician Alice:",
    then: "2. In a browser, as the approver Claire (sign in with her password and her live code):",
    certificate: "The browser warns of the certificate, which the demo has just made; its fingerprint (SHA-256):",
    or: "Or in a third terminal, as Claire too (her password, then her live code):",
    code: "CODE is what Alice sees; N is the number of her request.",
    happens: "What happens:",
    codes: "codes",
};

const FRENCH: Words = Words {
    title: "Démonstration de Poterne - un hôpital jetable sur cette machine. Ctrl-C y met fin sans rien laisser.",
    technicians: "Techniciens de deux prestataires (mot de passe, puis le code vivant ci-dessous) :",
    staff: "Personnel de l'hôpital :",
    officer: "phrase secrète pour relire les enregistrements",
    targets: "Équipements :",
    open: "ouvert",
    closed: "fermé jusqu'au",
    watched: "quelqu'un doit regarder",
    try_it: "1. Dans un deuxième terminal, comme la technicienne Alice :",
    then: "2. Dans un navigateur, comme l'approbatrice Claire (son mot de passe et son code vivant) :",
    certificate: "Le navigateur se méfie du certificat, que la démonstration vient de faire ; son empreinte (SHA-256) :",
    or: "Ou dans un troisième terminal, comme Claire aussi (son mot de passe, puis son code vivant) :",
    code: "CODE est ce que voit Alice ; N est le numéro de sa demande.",
    happens: "Ce qui se passe :",
    codes: "codes",
};

fn program() -> String {
    std::env::current_exe().map_or_else(|_| "poterne".to_owned(), |path| path.display().to_string())
}

/// Prints the stage, then events, and on a terminal a last line with live codes.
pub(super) async fn show(stage: Stage, site: Arc<Site>, clock: Arc<SystemClock>, language: &str) {
    let words = if language == "fr" { &FRENCH } else { &ENGLISH };
    let mut feed = site.registrar.feed();
    let live_line = std::io::stdout().is_terminal();
    print(&intro(&stage, words, live_line));
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let mut shown_step = 0;
    loop {
        tokio::select! {
            event = feed.recv() => {
                let Ok(event) = event else { continue };
                let (at, event) = &*event;
                let line = format!("{}  {}", crate::ctl::view::local(*at, &site.config().site.zone), sentence(event));
                print(&if live_line { format!("\r\x1b[K{line}\n") } else { format!("{line}\n") });
            }
            _ = tick.tick() => {
                let now = clock.now();
                let step = now.as_second() / STEP;
                let left = STEP - now.as_second() % STEP;
                let line = codes(&stage, words, now);
                if live_line {
                    print(&format!("\r\x1b[K{line}  ({left:>2} s)"));
                } else if step != shown_step {
                    shown_step = step;
                    print(&format!("{line}\n"));
                }
            }
        }
    }
}

fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    // A reader that went away does not end the demo.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn everybody(stage: &Stage) -> impl Iterator<Item = &Somebody> {
    stage.technicians.iter().map(|(who, _)| who).chain(&stage.staff)
}

fn codes(stage: &Stage, words: &Words, now: jiff::Timestamp) -> String {
    let codes: Vec<String> = everybody(stage)
        .filter_map(|who| Some(format!("{} {}", who.login, factors::code_at(&who.totp, now)?)))
        .collect();
    format!("{}: {}", words.codes, codes.join("  "))
}

fn intro(stage: &Stage, words: &Words, terminal: bool) -> String {
    let bold = |text: &str| if terminal { format!("\x1b[1m{text}\x1b[0m") } else { text.to_owned() };
    let mut lines = vec![String::new(), bold(words.title), String::new(), words.targets.to_owned()];
    for one in &TARGETS {
        let state = if one.open { words.open.to_owned() } else { format!("{} {}", words.closed, stage.next_opening) };
        let watched = if one.supervision == "required" { format!(", {}", words.watched) } else { String::new() };
        lines.push(format!("  {:<14} {} ({state}{watched})", one.id, one.name));
    }
    lines.extend([String::new(), words.technicians.to_owned()]);
    for (who, vendor) in &stage.technicians {
        lines.push(format!("  {:<8} {}   {vendor}: {}", who.login, who.password, targets_of(vendor).join(", ")));
    }
    lines.extend([String::new(), words.staff.to_owned()]);
    for who in &stage.staff {
        let roles: Vec<String> =
            who.roles.iter().map(ToString::to_string).chain(who.group.map(str::to_owned)).collect();
        lines.push(format!("  {:<8} {}   {}", who.login, who.password, roles.join(", ")));
        if who.roles.contains(&Role::Security) {
            lines.push(format!("  {:<8} {}   {}", "", stage.officer_passphrase, words.officer));
        }
    }
    let plain = TARGETS.iter().find(|one| one.open && one.supervision == "none").map_or("", |one| one.id);
    let ssh = format!(
        "ssh -p {} -o UserKnownHostsFile={}/known_hosts alice+{plain}@{}",
        stage.ssh.port(),
        stage.folder.display(),
        stage.ssh.ip()
    );
    let poterne = format!("{} --config {}", program(), stage.main.display());
    lines.extend([
        String::new(),
        words.try_it.to_owned(),
        format!("   {}", bold(&ssh)),
        words.then.to_owned(),
        format!("   {}", bold(&stage.console)),
        format!("   {}", words.certificate),
        format!("   {}", stage.fingerprint),
        words.or.to_owned(),
        format!("   {}", bold(&format!("{poterne} intervention list"))),
        format!("   {}", bold(&format!("{poterne} intervention approve N --code CODE --verified called --as claire"))),
        format!("   {}", words.code),
        String::new(),
        words.happens.to_owned(),
        String::new(),
    ]);
    lines.join("\n")
}

/// One event in a line. Names and reasons come from people: what is hidden is made visible.
fn sentence(event: &Event) -> String {
    let fields = serde_json::to_value(event).unwrap_or_default();
    let wanted = [
        "number",
        "session",
        "technician",
        "staff",
        "target",
        "source",
        "cause",
        "reason",
        "what",
        "why",
        "seconds",
        "denial",
        "minutes",
    ];
    let mut parts = vec![format!("{:<24}", event.kind())];
    for name in wanted {
        match fields.get(name) {
            None | Some(serde_json::Value::Null) => {}
            Some(serde_json::Value::Object(inner)) if name == "denial" => {
                parts
                    .push(format!("denial={}", inner.get("denial").and_then(|word| word.as_str()).unwrap_or_default()));
            }
            Some(serde_json::Value::String(text)) => parts.push(format!("{name}={}", text.escape_debug())),
            Some(value) => parts.push(format!("{name}={value}")),
        }
    }
    parts.join(" ")
}
