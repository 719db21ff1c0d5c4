//! How the machine is, line by line: good or bad in words, and what to do where it is bad.

use crate::commands::{Known, look};
use crate::health::{
    Anchor, Certificate, Channel, Door, DoorCause, Health, JournalHealth, Missing, RecorderHealth, Room, ScannerHealth,
    Walls,
};
use crate::page::{Answer, Visit, page};
use crate::routes::App;
use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse as _;
use config::Exception;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use lifecycle::Lack;

/// A heartbeat is journalled every hour; after this much silence something is wrong.
const SILENCE: SignedDuration = SignedDuration::from_mins(65);
/// Before its end a certificate is to be renewed for so long.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);
/// New signatures come every day; clamd itself warns of those older than this.
const OLD: SignedDuration = SignedDuration::from_hours(7 * 24);
/// Below this share of room, in percent, and below this many bytes, the disk is nearly full.
const LEAST_SHARE: u64 = 10;
const LEAST_BYTES: u64 = 5_000_000_000;
/// A nightly backup is late after so long; `doctor` says it the same.
const BACKUP_LATE: SignedDuration = SignedDuration::from_hours(26);
/// Sessions that wait to be sealed: each takes seconds, so more than a few say that none is.
const MANY_TO_SEAL: usize = 5;

/// How one line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Good,
    Bad,
    /// Nothing that Poterne could know.
    Unknown,
}

impl Standing {
    fn of(good: bool) -> Self {
        if good { Standing::Good } else { Standing::Bad }
    }

    fn class(self) -> &'static str {
        match self {
            Standing::Good => "health ok",
            Standing::Bad => "health bad",
            Standing::Unknown => "health unknown",
        }
    }

    fn key(self) -> &'static str {
        match self {
            Standing::Good => "health-good",
            Standing::Bad => "health-bad",
            Standing::Unknown => "health-unknown",
        }
    }
}

/// One thing that is looked at.
struct Line {
    title: String,
    standing: Standing,
    says: String,
    /// What to do where it is bad.
    to_do: Option<String>,
}

#[derive(Template)]
#[template(path = "health.html")]
struct HealthPage<'a> {
    v: &'a Visit,
    lines: Vec<Line>,
    health: Health,
    bad: usize,
}

/// The page.
pub(crate) async fn show(State(app): State<App>, visit: Visit) -> Answer {
    let health = app.commands.health().await;
    let found = look(&*app.commands, |known| {
        let name = |id| known.config.targets.get(id).map_or_else(String::new, |one| one.rules.name.clone());
        let unattended = known.rules.withdrawn.iter().map(name).collect::<Vec<_>>();
        (unattended, Exceptions::of(known))
    });
    // Without the journal the rest is still worth a look.
    let (unattended, excepted) = found.await.unwrap_or_default();
    let mut lines = lines(&visit, &health);
    // The first thing to read: nothing new opens.
    lines.splice(0..0, health.lacks.iter().map(|(lack, why)| lacking(&visit, *lack, why)));
    lines.extend(health.scanner.as_ref().map(|one| scanner(&visit, one)));
    lines.extend(health.channels.iter().map(|channel| notices(&visit, channel)));
    lines.extend(health.rollback.as_ref().map(|one| missing(&visit, one)));
    lines.extend(health.anchors.iter().map(|one| anchor(&visit, one)));
    if health.anchors.is_empty() {
        lines.push(line(&visit, "health-anchors", false, visit.t("health-anchors-none"), "health-anchors-none-do"));
    }
    lines.push(walls(&visit, health.confined.as_ref()));
    lines.push(approvers(&visit, &unattended));
    lines.push(exceptions(&visit, &excepted));
    let bad = lines.iter().filter(|line| line.standing == Standing::Bad).count();
    page(&HealthPage { v: &visit, lines, health, bad })
}

/// The same as data, for those who watch machines.
pub(crate) async fn data(State(app): State<App>) -> Answer {
    Ok(Json(app.commands.health().await).into_response())
}

fn lines(visit: &Visit, health: &Health) -> Vec<Line> {
    vec![
        clock(visit, health.clock_trusted),
        journal(visit, &health.journal),
        room(visit, "health-state", health.state),
        room(visit, "health-recordings-room", health.recordings),
        recorder(visit, &health.recorder),
        door(visit, &health.door),
        certificate(visit, health.certificate.as_ref()),
        backup(visit, health.last_backup),
        retention(visit, health.last_retention),
    ]
}

fn backup(visit: &Visit, last: Option<Timestamp>) -> Line {
    let says = match last {
        Some(last) => visit.tw("health-backup-says", "last", visit.texts.time(last)),
        None => visit.t("health-backup-never"),
    };
    let fresh = last.is_some_and(|last| visit.now.duration_since(last) <= BACKUP_LATE);
    line(visit, "health-backup", fresh, says, "health-backup-do")
}

/// Which it should be cannot be judged here: there may be nothing to erase for months.
fn retention(visit: &Visit, last: Option<Timestamp>) -> Line {
    let (standing, says) = match last {
        Some(last) => (Standing::Good, visit.tw("health-retention-says", "last", visit.texts.time(last))),
        None => (Standing::Unknown, visit.t("health-retention-never")),
    };
    let to_do = last.is_none().then(|| visit.t("health-retention-do"));
    Line { title: visit.t("health-retention"), standing, says, to_do }
}

fn line(visit: &Visit, title: &str, good: bool, says: String, to_do: &str) -> Line {
    let to_do = (!good).then(|| visit.t(to_do));
    Line { title: visit.t(title), standing: Standing::of(good), says, to_do }
}

fn clock(visit: &Visit, trusted: bool) -> Line {
    let says = visit.t(if trusted { "health-clock-good" } else { "health-clock-bad" });
    line(visit, "health-clock", trusted, says, "health-clock-do")
}

fn journal(visit: &Visit, journal: &JournalHealth) -> Line {
    if !journal.works {
        return line(visit, "health-journal", false, visit.t("health-journal-gone"), "health-journal-gone-do");
    }
    let silent = journal.last_entry.is_none_or(|last| visit.now.duration_since(last) > SILENCE);
    let last = journal.last_entry.map_or_else(|| visit.t("unknown"), |last| visit.texts.time(last));
    let size = journal.size.unwrap_or(0).to_string();
    let says = visit.texts.with("health-journal-says", &[("size", &size), ("last", &last)]);
    line(visit, "health-journal", !silent, says, "health-journal-silent-do")
}

fn room(visit: &Visit, title: &'static str, room: Option<Room>) -> Line {
    let Some(room) = room else {
        return line(visit, title, false, visit.t("health-room-unknown"), "health-room-unknown-do");
    };
    let enough = room.free >= LEAST_BYTES || room.free.saturating_mul(100) >= room.total.saturating_mul(LEAST_SHARE);
    let (free, total) = (visit.texts.bytes(room.free), visit.texts.bytes(room.total));
    let says = visit.texts.with("health-room-says", &[("free", &free), ("total", &total)]);
    line(visit, title, enough, says, "health-room-do")
}

fn recorder(visit: &Visit, recorder: &RecorderHealth) -> Line {
    let last = recorder.last_sealed.map_or_else(|| visit.t("health-recorder-none-yet"), |last| visit.texts.time(last));
    let mut says =
        visit.texts.with("health-recorder-says", &[("count", &recorder.to_seal.to_string()), ("last", &last)]);
    if recorder.damaged > 0 {
        says.push(' ');
        says.push_str(&visit.tw("health-recorder-damaged", "count", recorder.damaged));
        return line(visit, "health-recorder", false, says, "health-recorder-damaged-do");
    }
    line(visit, "health-recorder", recorder.to_seal <= MANY_TO_SEAL, says, "health-recorder-do")
}

fn door(visit: &Visit, door: &Door) -> Line {
    let key = match door.cause {
        DoorCause::Lockdown => "health-door-lockdown",
        DoorCause::Always => "health-door-always",
        DoorCause::Due => "health-door-due",
        DoorCause::NotDue => "health-door-not-due",
        DoorCause::Fault => "health-door-fault",
    };
    let mut says = visit.t(key);
    if let Some(next) = door.next {
        says.push(' ');
        says.push_str(&visit.tw("health-door-next", "time", visit.texts.time(next)));
    }
    line(visit, "health-door", door.cause != DoorCause::Fault, says, "health-door-do")
}

fn certificate(visit: &Visit, certificate: Option<&Certificate>) -> Line {
    let Some(one) = certificate else {
        return line(visit, "health-certificate", false, visit.t("health-certificate-none"), "health-certificate-do");
    };
    let until = visit.texts.time(one.until);
    let values = [("names", one.names.join(", ")), ("until", until)];
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    if one.own {
        let says = visit.texts.with("health-certificate-own", &values);
        return line(visit, "health-certificate", false, says, "health-certificate-own-do");
    }
    let says = visit.texts.with("health-certificate-says", &values);
    line(visit, "health-certificate", lasts(one.until, visit.now), says, "health-certificate-do")
}

/// Without Landlock the unit and the firewall stand alone; that is worth a look and nothing to be put right here.
fn walls(visit: &Visit, walls: Option<&Walls>) -> Line {
    let key = match walls {
        None => "health-confined-not",
        Some(Walls { calls: false, .. }) => "health-confined-open",
        Some(Walls { landlock: 0, .. }) => "health-confined-calls",
        Some(Walls { ports: false, .. }) => "health-confined-paths",
        Some(_) => "health-confined-all",
    };
    let good = walls.is_some_and(|one| one.calls && one.landlock > 0);
    line(visit, "health-confined", good, visit.t(key), "health-confined-do")
}

fn scanner(visit: &Visit, scanner: &ScannerHealth) -> Line {
    const TITLE: &str = "health-scanner";
    if let Some(why) = &scanner.fault {
        let says = visit.tw("health-scanner-fault", "message", why);
        return line(visit, TITLE, false, says, "health-scanner-fault-do");
    }
    let version = scanner.version.clone().unwrap_or_else(|| visit.t("unknown"));
    let Some(day) = scanner.signatures else {
        return Line {
            title: visit.t(TITLE),
            standing: Standing::Unknown,
            says: visit.tw("health-scanner-undated", "version", version),
            to_do: Some(visit.t("health-scanner-old-do")),
        };
    };
    let values = [("version", version.as_str()), ("day", &visit.texts.date(day))];
    let says = visit.texts.with("health-scanner-says", &values);
    line(visit, TITLE, is_fresh(day, visit.now), says, "health-scanner-old-do")
}

/// By UTC: clamd names no zone, and hours are no matter here.
fn is_fresh(day: jiff::civil::Date, now: Timestamp) -> bool {
    now.to_zoned(TimeZone::UTC).date().duration_since(day) <= OLD
}

fn notices(visit: &Visit, channel: &Channel) -> Line {
    let last = channel.last_ok.map_or_else(|| visit.t("health-channel-never"), |last| visit.texts.time(last));
    let values = [("count", channel.waiting.to_string()), ("last", last)];
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut says = visit.texts.with("health-channel-says", &values);
    if let Some((_, why)) = channel.last_error.as_ref().filter(|_| !channel.well) {
        says.push(' ');
        says.push_str(&visit.tw("health-channel-error", "message", why));
    }
    let to_do = (!channel.well).then(|| visit.t("health-channel-do"));
    Line { title: visit.tw("health-channel", "name", &channel.name), standing: Standing::of(channel.well), says, to_do }
}

/// What the machine lacks (LOG-12).
fn lacking(visit: &Visit, lack: Lack, why: &str) -> Line {
    let (says, to_do) = match lack {
        Lack::Clock => ("health-lack-clock", "health-lack-clock-do"),
        Lack::Room => ("health-lack-room", "health-lack-room-do"),
        Lack::Descriptors => ("health-lack-descriptors", "health-lack-descriptors-do"),
    };
    line(visit, "health-lack", false, visit.tw(says, "why", why), to_do)
}

/// Entries that somebody remembers and that are not here (D17).
fn missing(visit: &Visit, one: &Missing) -> Line {
    let (remembered, here) = (one.remembered.to_string(), one.here.to_string());
    let (by, count) = (one.by.join(", "), one.to_accept.to_string());
    let values = [("remembered", &remembered), ("here", &here), ("by", &by), ("count", &count)];
    let values: Vec<(&str, &str)> = values.iter().map(|(name, value)| (*name, value.as_str())).collect();
    line(visit, "health-missing", false, visit.texts.with("health-missing-says", &values), "health-missing-do")
}

fn anchor(visit: &Visit, one: &Anchor) -> Line {
    let last = one.last.map_or_else(|| visit.t("health-anchor-never"), |last| visit.texts.time(last));
    let size = one.size.unwrap_or(0).to_string();
    let mut says = visit.texts.with("health-anchor-says", &[("last", &last), ("size", &size)]);
    if let Some(why) = &one.error {
        says.push(' ');
        says.push_str(&visit.tw("health-channel-error", "message", why));
    }
    let good = !one.overdue && one.error.is_none();
    let to_do = (!good).then(|| visit.t("health-anchor-do"));
    Line { title: visit.tw("health-anchor", "name", &one.name), standing: Standing::of(good), says, to_do }
}

fn lasts(until: Timestamp, now: Timestamp) -> bool {
    until.duration_since(now) >= SOON
}

fn approvers(visit: &Visit, unattended: &[String]) -> Line {
    let says = match unattended.is_empty() {
        true => visit.t("health-approvers-good"),
        false => visit.tw("health-approvers-bad", "targets", unattended.join(", ")),
    };
    line(visit, "health-approvers", unattended.is_empty(), says, "health-approvers-do")
}

/// Equipment with an exception for old algorithms: its name and the exception's last day.
#[derive(Debug, Default)]
struct Exceptions {
    in_force: Vec<(String, Date)>,
    over: Vec<(String, Date)>,
}

impl Exceptions {
    fn of(known: &Known<'_>) -> Self {
        let mut all = Self::default();
        for (id, target) in &known.config.targets {
            let name = || target.rules.name.clone();
            match known.config.exception(id, known.at) {
                Exception::None => {}
                Exception::InForce(legacy) => all.in_force.push((name(), legacy.until)),
                Exception::Over(legacy) => all.over.push((name(), legacy.until)),
            }
        }
        all
    }
}

fn exceptions(visit: &Visit, all: &Exceptions) -> Line {
    let named = |some: &[(String, Date)]| {
        let one = |(name, until): &(String, Date)| format!("{name} ({})", visit.texts.date(until));
        some.iter().map(one).collect::<Vec<_>>().join(", ")
    };
    let mut says = match all.in_force.is_empty() {
        true => visit.t("health-exceptions-none"),
        false => visit.tw("health-exceptions-in-force", "targets", named(&all.in_force)),
    };
    if !all.over.is_empty() {
        says = format!("{says} {}", visit.tw("health-exceptions-over", "targets", named(&all.over)));
    }
    line(visit, "health-exceptions", all.over.is_empty(), says, "health-exceptions-do")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_old_after_a_week() {
        let now = "2026-11-20T09:00:00Z".parse().unwrap();
        let of = |day| is_fresh(jiff::civil::date(2026, 11, day), now);
        assert!(of(21) && of(20) && of(13) && !of(12));
    }

    #[test]
    fn a_certificate_is_bad_fourteen_days_before_its_end() {
        let at = |day: i64| Timestamp::from_second(1_800_000_000 + day * 86_400).unwrap();
        assert!(lasts(at(14), at(0)) && !lasts(at(13), at(0)) && !lasts(at(0), at(1)));
    }
}
