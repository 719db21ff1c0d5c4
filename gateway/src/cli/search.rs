//! `poterne recording search REGEX`: an expression looked for in many recordings at once, in this
//! process, with the reader's key (REC-10, LOG-11).
//!
//! The daemon says which recordings are in the scope and journals the search; whatever of them cannot be
//! read is named, and the rest goes on.

use super::args::{Json, ReadingFlags, ScopeFlags};
use super::commands::{Outcome, ask, load, print};
use super::output::say;
use super::recording::{clock, located, reading_keys};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use lifecycle::order::{Failure, Order, SearchScope, exit};
use lifecycle::visible;
use recorder::{Case, Expression, Part, PartKind, ReadingKeys, SealedRecording, Searched};
use serde_json::{Value, json};
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What a program ends with that was stopped by Ctrl-C, as shells have it.
const STOPPED: u8 = 130;
/// Hits of one search that are kept: what nobody reads to the end.
const HITS: usize = 100_000;
/// Threads at most.
const JOBS: usize = 64;

/// One recording in the scope, as the daemon says.
struct Candidate {
    id: String,
    started: String,
    whose: String,
    opens: bool,
    shown: Value,
}

/// What came of one.
struct Outcomes {
    candidate: usize,
    searched: Result<Searched, String>,
}

pub(super) fn search(main: &Path, text: &str, flags: &ScopeFlags, reading: &ReadingFlags, as_json: Json) -> Outcome {
    if reading.unwrapped.is_some() {
        return Err(Failure::new(exit::USAGE, "--unwrapped is for one recording: name its id before the text"));
    }
    let case = if flags.ignore_case { Case::Ignored } else { Case::Counts };
    let expression =
        Expression::new(text, case).map_err(|error| Failure::new(exit::USAGE, visible(&error.to_string())))?;
    let keys = reading_keys(&reading.keys.key)?;
    let zone = load(main, true).map_or_else(|_| TimeZone::system(), |config| config.site.zone);
    let order = Order::RecordingSearch {
        expression: if flags.ignore_case { format!("(?i){text}") } else { text.to_owned() },
        purpose: reading.keys.purpose.clone(),
        scope: scope(flags, &zone)?,
        keys: keys.public_lines(),
    };
    let candidates = candidates(&ask(main, &order)?);
    let stopped = on_interrupt()?;
    let outcomes = Work { expression, keys, most: flags.most, candidates: &candidates, stopped }.run(flags.jobs);
    report(&candidates, outcomes, &reading.keys.key, &reading.keys.purpose, as_json, stopped.load(Ordering::Relaxed))
}

fn scope(flags: &ScopeFlags, zone: &TimeZone) -> Result<SearchScope, Failure> {
    let at = |text: &Option<String>, end: bool| text.as_ref().map(|text| moment(text, zone, end)).transpose();
    Ok(SearchScope {
        vendor: flags.vendor.clone(),
        target: flags.target.clone(),
        technician: flags.technician.clone(),
        from: at(&flags.from, false)?,
        to: at(&flags.to, true)?,
    })
}

/// An instant, or where a day begins or ends in the site's zone.
fn moment(text: &str, zone: &TimeZone, end: bool) -> Result<Timestamp, Failure> {
    if let Ok(at) = text.parse::<Timestamp>() {
        return Ok(at);
    }
    let day = text.parse::<Date>().and_then(|day| if end { day.tomorrow() } else { Ok(day) });
    day.and_then(|day| day.to_zoned(zone.clone())).map(|at| at.timestamp()).map_err(|_| {
        let text = text.escape_default();
        Failure::new(exit::USAGE, format!("`{text}` is not a day: write 2026-11-03, or 2026-11-03T08:00:00+01:00"))
    })
}

fn candidates(answer: &Value) -> Vec<Candidate> {
    let rows = answer.as_array().cloned().unwrap_or_default();
    let text = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    rows.into_iter()
        .map(|row| Candidate {
            id: text(&row, "id"),
            started: text(&row, "started"),
            whose: format!("{}@{}", text(&row, "technician"), text(&row, "target")),
            opens: row.get("opens").and_then(Value::as_bool).unwrap_or(false),
            shown: row,
        })
        .collect()
}

/// Tells of Ctrl-C: what was found until then is still printed.
fn on_interrupt() -> Result<&'static AtomicBool, Failure> {
    static STOPPED_BY_HAND: AtomicBool = AtomicBool::new(false);
    let failed = |error: std::io::Error| Failure::new(exit::SOFTWARE, error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    // Registered before anything is read, so that no Ctrl-C in between ends the process half-way.
    let mut signal = runtime
        .block_on(async { tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt()) })
        .map_err(failed)?;
    std::thread::spawn(move || {
        runtime.block_on(signal.recv());
        STOPPED_BY_HAND.store(true, Ordering::Relaxed);
    });
    Ok(&STOPPED_BY_HAND)
}

struct Work<'a> {
    expression: Expression,
    keys: ReadingKeys,
    most: usize,
    candidates: &'a [Candidate],
    stopped: &'a AtomicBool,
}

impl Work<'_> {
    fn run(&self, jobs: Option<std::num::NonZeroUsize>) -> Vec<Outcomes> {
        let jobs = jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, usize::from).min(JOBS);
        let bar = bar(self.candidates.len() as u64);
        let (next, hits, done) = (AtomicUsize::new(0), AtomicUsize::new(0), Mutex::new(Vec::new()));
        std::thread::scope(|scope| {
            for _ in 0..jobs {
                scope.spawn(|| {
                    while !self.stopped.load(Ordering::Relaxed) && hits.load(Ordering::Relaxed) < HITS {
                        let candidate = next.fetch_add(1, Ordering::Relaxed);
                        let Some(one) = self.candidates.get(candidate) else { return };
                        let searched = self.one(one);
                        hits.fetch_add(searched.as_ref().map_or(0, |found| found.hits.len()), Ordering::Relaxed);
                        done.lock()
                            .unwrap_or_else(std::sync::PoisonError::into_inner)
                            .push(Outcomes { candidate, searched });
                        bar.inc(1);
                    }
                });
            }
        });
        bar.finish_and_clear();
        let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        done.sort_by_key(|one| one.candidate);
        done
    }

    /// What one recording holds, or in words why it was not searched.
    fn one(&self, candidate: &Candidate) -> Result<Searched, String> {
        if !candidate.opens {
            return Err("it was sealed to other keys".to_owned());
        }
        let (sealed, _) = located(&candidate.shown).map_err(|error| error.to_string())?;
        if candidate.shown.get("manifest").and_then(Value::as_str) != Some(sealed.digest.as_str()) {
            return Err("the manifest is not the one that the journal knows: it was altered".to_owned());
        }
        let unaltered = |kinds: &[PartKind]| -> Result<(), String> {
            let parts = sealed.manifest.parts.iter().filter(|part| kinds.contains(&part.kind));
            let altered: Vec<String> = parts.flat_map(|part: &Part| sealed.altered_files(part)).collect();
            if altered.is_empty() { Ok(()) } else { Err(format!("{}: not as sealed", altered.join(", "))) }
        };
        unaltered(&[PartKind::Transcript])?;
        let found = self.find(&sealed)?;
        if !found.hits.is_empty() {
            // What gave the times.
            unaltered(&[PartKind::Cast, PartKind::Index])?;
        }
        Ok(found)
    }

    fn find(&self, sealed: &SealedRecording) -> Result<Searched, String> {
        sealed.find(&self.expression, &self.keys, self.most).map_err(|error| error.to_string())
    }
}

/// A bar on a terminal, and nothing where there is none.
fn bar(length: u64) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden());
    }
    let style = ProgressStyle::with_template("{bar:30} {pos}/{len} {elapsed_precise} {eta_precise}");
    ProgressBar::new(length).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// A word of a command line, so that a shell takes it as it is.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn report(
    candidates: &[Candidate],
    outcomes: Vec<Outcomes>,
    files: &[PathBuf],
    purpose: &str,
    as_json: Json,
    stopped: bool,
) -> Outcome {
    let keys: String = files.iter().map(|file| format!(" --key {}", quoted(&file.display().to_string()))).collect();
    let (mut hits, mut unread, mut partly, mut bytes) = (Vec::new(), Vec::new(), Vec::new(), 0);
    let begun = outcomes.len();
    for one in outcomes {
        let Some(candidate) = candidates.get(one.candidate) else { continue };
        match one.searched {
            Ok(found) => {
                bytes += found.bytes;
                if !found.whole {
                    partly.push(candidate.id.clone());
                }
                for hit in found.hits {
                    let open = format!(
                        "poterne recording replay {} --channel {} --at {}{keys} --purpose {}",
                        candidate.id,
                        hit.channel,
                        hit.at,
                        quoted(purpose)
                    );
                    hits.push(json!({
                        "id": candidate.id, "started": candidate.started, "whose": candidate.whose,
                        "channel": hit.channel, "at": hit.at, "time": clock(hit.at), "row": hit.line, "open": open,
                    }));
                }
            }
            Err(why) => unread.push(json!({ "id": candidate.id, "why": visible(&why) })),
        }
    }
    let searched = begun - unread.len();
    let left = candidates.len() - begun;
    let counts = (unread.len(), partly.len());
    let found = json!({
        "hits": hits, "recordings": candidates.len(), "searched": searched, "unread": unread, "partly": partly,
        "left": left, "bytes": bytes,
    });
    print(as_json, &found, in_words)?;
    if stopped {
        return Err(Failure::new(
            STOPPED,
            format!("stopped: {left} of {} recordings were not looked at", candidates.len()),
        ));
    }
    if left > 0 {
        return Err(Failure::new(
            exit::USAGE,
            format!("over {HITS} hits: {left} recordings were not looked at; narrow the search"),
        ));
    }
    if counts.0 > 0 {
        let text = format!("{} of {} recordings were not searched; each is named above", counts.0, candidates.len());
        return Err(Failure::new(exit::NO_INPUT, text));
    }
    Ok(())
}

fn in_words(found: &Value) {
    let rows = |name: &str| found.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let text = |row: &Value, name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    for hit in rows("hits") {
        let started: String = text(&hit, "started").chars().take(16).collect();
        say(&format!(
            "{} {started} {} +{}  {}",
            text(&hit, "id"),
            text(&hit, "whose"),
            text(&hit, "time"),
            visible(&text(&hit, "row"))
        ));
        say(&format!("    {}", text(&hit, "open")));
    }
    for one in rows("unread") {
        say(&format!("{} not searched: {}", text(&one, "id"), text(&one, "why")));
    }
    for one in rows("partly") {
        say(&format!("{} has more: see it by itself, or with a greater --most", one.as_str().unwrap_or_default()));
    }
    let number = |name: &str| found.get(name).and_then(Value::as_u64).unwrap_or(0);
    say(&format!("{} hits in {} of {} recordings", rows("hits").len(), number("searched"), number("recordings")));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_in_the_sites_zone() {
        let paris = TimeZone::get("Europe/Paris").unwrap();
        let at = |text: &str, end| moment(text, &paris, end).unwrap().to_string();
        assert_eq!(at("2026-11-03", false), "2026-11-02T23:00:00Z");
        assert_eq!(at("2026-11-03", true), "2026-11-03T23:00:00Z");
        assert_eq!(at("2026-11-03T08:00:00+01:00", true), "2026-11-03T07:00:00Z");
        assert!(moment("yesterday", &paris, false).is_err());
    }

    #[test]
    fn words_of_a_command_are_quoted() {
        assert_eq!(quoted("/media/rene/officer.key"), "/media/rene/officer.key");
        assert_eq!(quoted("l'incident 12"), r"'l'\''incident 12'");
    }
}
