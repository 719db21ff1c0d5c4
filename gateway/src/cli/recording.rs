//! Recordings, opened here: the daemon says where one lies and journals who reads it and why; the key
//! never leaves the reader's own process.

use super::args::{ExportFormat, KeyFlags, ReadingFlags, RecordingVerb};
use super::commands::{Outcome, ask, load, print};
use super::output;
use super::paint::{Footer, Key, Stage, keys};
use super::recipients::Change;
use crate::texts::Texts;
use lifecycle::order::{Failure, Order, exit};
use recorder::{FrameKind, OpenError, Part, PartKind, Place, ReadingKeys, Replay, SealedRecording};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Value, json};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How far an arrow key goes, in seconds.
const STEP: f64 = 10.0;
/// Between two pictures while it runs.
const FRAME: Duration = Duration::from_millis(40);
/// Slowest and fastest.
const SPEEDS: (f64, f64) = (0.25, 64.0);

pub(super) fn unreadable(error: &OpenError) -> Failure {
    let exit = match error {
        OpenError::Closed(_) | OpenError::Half(..) | OpenError::Key(_) => exit::NOT_PERMITTED,
        OpenError::Disk { .. } | OpenError::Erased(_) => exit::NO_INPUT,
        OpenError::Damaged(..) => exit::DATA,
    };
    Failure::new(exit, error)
}

pub(super) fn carry_out(main: &Path, verb: RecordingVerb) -> Outcome {
    match verb {
        RecordingVerb::List(json) => print(json, &ask(main, &Order::RecordingList)?, |rows| {
            output::table(
                rows,
                &["id", "intervention", "state", "technician", "target", "started", "duration", "bytes", "missing"],
            );
        }),
        RecordingVerb::Show { id, json } => show(main, id, json),
        RecordingVerb::Replay { id, reading, channel, speed, idle_limit, at } => {
            let at = time(&at)?;
            let read = Reading::open(main, &id, "replay", &reading)?;
            let replay = read.replay(channel)?;
            let texts = load(main, true).map_or_else(
                |_| Texts::new(config::Language::default(), jiff::tz::TimeZone::system()),
                |config| Texts::new(config.site.language, config.site.zone),
            );
            Player::start(replay, texts, speed, idle_limit, at)?.run()
        }
        RecordingVerb::Export { id, format, reading, channel } => {
            let how = match format {
                ExportFormat::Asciicast => "export asciicast",
                ExportFormat::Text => "export text",
                ExportFormat::Raw => "export raw",
            };
            Reading::open(main, &id, how, &reading)?.export(format, channel)
        }
        RecordingVerb::Recipients { without, json } => super::recipients::list(main, without.as_deref(), json),
        RecordingVerb::Rekey { add, remove, add_second, remove_second, reading, write } => {
            let first = Change { key: "recipients", add, remove };
            let second = Change { key: "second-recipients", add: add_second, remove: remove_second };
            super::recipients::rekey(main, &[first, second], reading, write)
        }
        RecordingVerb::Unwrap { id, out, keys } => unwrap(main, &id, &out, &keys),
        RecordingVerb::Search { id: None, text, scope, reading, json } => {
            super::search::search(main, &text, &scope, &reading, json)
        }
        RecordingVerb::Search { id: Some(id), text, reading, json, .. } => {
            let read = Reading::open(main, &id, &format!("search for {text}"), &reading)?;
            let found = read.search(&text)?;
            print(json, &found, |found| {
                output::table(found, &["channel", "time", "row"]);
            })
        }
    }
}

/// Seconds, or hours, minutes and seconds with colons between.
fn time(text: &str) -> Result<f64, Failure> {
    let mut seconds = 0.0;
    for part in text.split(':') {
        match part.parse::<f64>() {
            Ok(part) if part >= 0.0 && part.is_finite() => seconds = seconds * 60.0 + part,
            _ => {
                return Err(Failure::new(
                    exit::USAGE,
                    format!("`{}` is not a time: write seconds, or 1:23:45", text.escape_default()),
                ));
            }
        }
    }
    Ok(seconds)
}

pub(super) fn clock(seconds: f64) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "seconds of one recording")]
    let whole = seconds.max(0.0) as u64;
    format!("{}:{:02}:{:02}", whole / 3600, whole / 60 % 60, whole % 60)
}

fn show(main: &Path, id: String, as_json: super::args::Json) -> Outcome {
    let mut shown = ask(main, &Order::RecordingShow { id })?;
    if let Ok((sealed, _)) = located(&shown) {
        let there = sealed.manifest.parts.iter().filter(|part| erased(&shown, part).is_none());
        let altered: Vec<String> = there.flat_map(|part| sealed.altered_files(part)).collect();
        let fits = shown.get("manifest").and_then(Value::as_str) == Some(sealed.digest.as_str());
        if let Value::Object(fields) = &mut shown {
            let parts: Vec<Value> = sealed
                .manifest
                .parts
                .iter()
                .map(|part| json!({ "name": part.name, "kind": part.kind, "channel": part.channel, "bytes": part.plain_bytes }))
                .collect();
            fields.insert("parts".into(), json!(parts));
            fields.insert("manifest_is_the_journals".into(), json!(fits));
            fields.insert("altered".into(), json!(altered));
            fields.insert("secrets_open_to".into(), json!(sealed.manifest.secrets_open_to));
        }
    }
    print(as_json, &shown, output::fields)
}

/// When a part was erased at its term, if it was: copies of files have one of their own.
fn erased(shown: &Value, part: &Part) -> Option<String> {
    let field = if part.name.ends_with("-content.raw") { "files_erased" } else { "erased" };
    let at = shown.get(field)?.as_str()?;
    Some(at.parse().map_or_else(|_| at.to_owned(), output::here))
}

pub(super) fn located(shown: &Value) -> Result<(SealedRecording, PathBuf), OpenError> {
    let path = |name: &str| PathBuf::from(shown.get(name).and_then(Value::as_str).unwrap_or_default());
    let folder = path("folder");
    Ok((SealedRecording::open(&folder, &path("keyring"))?, folder))
}

/// A recording and the key to it, once the reading is journalled.
pub(super) struct Reading {
    pub(super) sealed: SealedRecording,
    pub(super) keys: ReadingKeys,
    /// Read from what the second person made, whose files the manifest has no digest of.
    unwrapped: bool,
    /// The daemon's answer.
    shown: Value,
}

/// The keys of all these files.
pub(super) fn reading_keys(files: &[PathBuf]) -> Result<ReadingKeys, Failure> {
    let mut all: Option<ReadingKeys> = None;
    for file in files {
        let text = std::fs::read_to_string(file)
            .map_err(|error| Failure::new(exit::NO_INPUT, format!("`{}` cannot be read: {error}", file.display())))?;
        let keys = ReadingKeys::parse(&text)
            .map_err(|error| Failure::new(exit::DATA, format!("`{}`: {error}", file.display())))?;
        all = Some(match all {
            Some(before) => before.and(keys),
            None => keys,
        });
    }
    all.ok_or_else(|| Failure::new(exit::USAGE, "name your key file with --key"))
}

/// The second person's half of a reading: every part without its outer layer, for a first person.
fn unwrap(main: &Path, id: &str, out: &Path, flags: &KeyFlags) -> Outcome {
    let keys = reading_keys(&flags.key)?;
    let shown = ask(main, &Order::RecordingUnwrap { id: id.to_owned(), purpose: flags.purpose.clone() })?;
    let read = Reading::of(&shown, keys)?;
    if !read.sealed.manifest.takes_two() {
        return Err(Failure::new(exit::DATA, "this recording has one layer: one of its recipients reads it alone"));
    }
    let failed = |error: std::io::Error| {
        Failure::new(exit::IO, format!("`{}`: {error}: name a folder that is not there yet", out.display()))
    };
    // Secrets have a lock of their own, for one of each group, and are opened by hand.
    let parts = || read.sealed.manifest.parts.iter().filter(|part| part.kind != PartKind::Secrets);
    // A key that does not fit leaves no empty folder behind.
    if let Some(first) = parts().next() {
        read.sealed.unwrap(first, &read.keys).map_err(|error| unreadable(&error))?;
    }
    std::fs::DirBuilder::new().mode(0o700).create(out).map_err(failed)?;
    let mut count = 0;
    for part in parts() {
        read.unaltered(part)?;
        let mut inner = read.sealed.unwrap(part, &read.keys).map_err(|error| unreadable(&error))?;
        let path = out.join(format!("{}.age", part.name));
        let mut file =
            std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
        std::io::copy(&mut inner, &mut file).map_err(failed)?;
        file.sync_all().map_err(failed)?;
        count += 1;
    }
    output::say(&format!(
        "{}: {count} parts, for one of: {}",
        out.display(),
        read.sealed.manifest.recipients.join(", ")
    ));
    Ok(())
}

impl Reading {
    fn open(main: &Path, id: &str, how: &str, flags: &ReadingFlags) -> Result<Self, Failure> {
        let keys = reading_keys(&flags.keys.key)?;
        let purpose = flags.keys.purpose.clone();
        let shown = ask(main, &Order::RecordingRead { id: id.to_owned(), how: how.to_owned(), purpose })?;
        let read = Self::of(&shown, keys)?;
        Ok(match &flags.unwrapped {
            Some(folder) => read.unwrapped_at(folder),
            None => read,
        })
    }

    /// The same, read from what the second person wrote.
    pub(super) fn unwrapped_at(mut self, folder: &Path) -> Self {
        self.sealed = self.sealed.unwrapped_at(folder);
        self.unwrapped = true;
        self
    }

    /// A recording as the daemon's answer shows it, once the reading is journalled.
    pub(super) fn of(shown: &Value, keys: ReadingKeys) -> Result<Self, Failure> {
        let (folder, gone) =
            (shown.get("folder").and_then(Value::as_str), shown.get("erased").is_some_and(Value::is_string));
        // Its manifest goes with the last of it.
        if gone && folder.is_some_and(|folder| !Path::new(folder).exists()) {
            return Err(Failure::new(exit::NO_INPUT, "the recording was erased at its term, and its manifest too"));
        }
        let (sealed, _) = located(shown).map_err(|error| unreadable(&error))?;
        if shown.get("manifest").and_then(Value::as_str) != Some(sealed.digest.as_str()) {
            return Err(Failure::new(
                exit::DATA,
                "the manifest is not the one that the journal knows: this recording was altered, and proves nothing",
            ));
        }
        if let Some(state) =
            shown.get("state").and_then(Value::as_str).filter(|state| !["whole", "erased"].contains(state))
        {
            let missing = shown.get("missing").and_then(Value::as_u64).unwrap_or(0);
            eprintln!("poterne: warning: this recording is {state}; {missing} bytes of its spool are missing");
        }
        Ok(Self { sealed, keys, unwrapped: false, shown: shown.clone() })
    }

    /// A part, as it was sealed: whatever was put in its place is not shown as evidence.
    fn part(&self, kind: PartKind, channel: Option<u32>) -> Result<&Part, Failure> {
        let wanted = |part: &&Part| channel.is_none_or(|channel| part.channel == channel);
        let part = self.sealed.parts(kind).find(wanted).ok_or_else(|| {
            let there: Vec<String> = self.sealed.manifest.parts.iter().map(|part| part.name.clone()).collect();
            Failure::new(exit::NO_INPUT, format!("this recording has no such part; it has: {}", there.join(", ")))
        })?;
        self.unaltered(part)?;
        Ok(part)
    }

    /// Says no to a part that is not as it was sealed.
    pub(super) fn unaltered(&self, part: &Part) -> Outcome {
        if self.unwrapped {
            return match self.sealed.is_as_sealed(part, &self.keys).map_err(|error| unreadable(&error))? {
                true => Ok(()),
                false => Err(Failure::new(
                    exit::DATA,
                    format!("{}.age is not what was sealed: ask the second person for another", part.name),
                )),
            };
        }
        let altered = self.sealed.altered_files(part);
        if let (false, Some(at)) = (altered.is_empty(), erased(&self.shown, part)) {
            let text = format!(
                "{} was erased at its term on {at}: nobody opens it any more, and the journal proves that it was there",
                part.name
            );
            return Err(Failure::new(exit::NO_INPUT, text));
        }
        match altered.as_slice() {
            [] => Ok(()),
            altered => Err(Failure::new(
                exit::DATA,
                format!(
                    "{} is not as it was sealed: the manifest has another digest. `age` and `zstd` still open it, but it proves nothing",
                    altered.join(", ")
                ),
            )),
        }
    }

    fn replay(&self, channel: Option<u32>) -> Result<Replay<'_>, Failure> {
        let part = self.part(PartKind::Cast, channel)?;
        self.part(PartKind::Index, Some(part.channel))?;
        self.sealed.replay(part, &self.keys).map_err(|error| unreadable(&error))
    }

    fn export(&self, format: ExportFormat, channel: Option<u32>) -> Outcome {
        let failed = |error: std::io::Error| Failure::new(exit::DATA, format!("the export stopped: {error}"));
        let mut out = std::io::stdout().lock();
        if format == ExportFormat::Raw {
            let part = self.part(PartKind::Raw, channel)?;
            for frame in self.sealed.raw(part, &self.keys).map_err(|error| unreadable(&error))? {
                let frame = frame.map_err(failed)?;
                if matches!(frame.kind, FrameKind::Output) {
                    out.write_all(&frame.data).map_err(failed)?;
                }
            }
            return Ok(());
        }
        let part = match format {
            ExportFormat::Asciicast => self.part(PartKind::Cast, channel)?,
            _ => self.part(PartKind::Transcript, None)?,
        };
        let mut reader = self.sealed.read(part, &self.keys).map_err(|error| unreadable(&error))?;
        std::io::copy(&mut reader, &mut out).map_err(failed)?;
        Ok(())
    }

    fn search(&self, text: &str) -> Result<Value, Failure> {
        let mut found = Vec::new();
        for part in self.sealed.parts(PartKind::Cast) {
            self.unaltered(part)?;
            self.part(PartKind::Index, Some(part.channel))?;
            let replay = self.sealed.replay(part, &self.keys).map_err(|error| unreadable(&error))?;
            for (at, row) in replay.search(text).map_err(|error| unreadable(&error))? {
                found.push(json!({ "channel": part.channel, "at": at, "time": clock(at), "row": row }));
            }
        }
        Ok(Value::Array(found))
    }
}

/// A replay on a terminal.
struct Player<'a> {
    replay: Replay<'a>,
    place: Place,
    stage: Stage,
    texts: Texts,
    at: f64,
    speed: f64,
    idle_limit: Option<f64>,
    paused: bool,
}

impl<'a> Player<'a> {
    fn start(replay: Replay<'a>, texts: Texts, speed: f64, idle_limit: Option<f64>, at: f64) -> Result<Self, Failure> {
        if !(SPEEDS.0..=SPEEDS.1).contains(&speed) {
            return Err(Failure::new(exit::USAGE, format!("write a speed from {} to {}", SPEEDS.0, SPEEDS.1)));
        }
        let place = replay.seek(at).map_err(|error| unreadable(&error))?;
        let stage = Stage::enter()?;
        Ok(Self { replay, place, stage, texts, at, speed, idle_limit, paused: false })
    }

    fn run(&mut self) -> Outcome {
        let mut last = Instant::now();
        loop {
            self.paint();
            let typed = read_keys(FRAME);
            let passed = last.elapsed().as_secs_f64() * self.speed;
            last = Instant::now();
            for key in typed {
                if !self.key(key)? {
                    return Ok(());
                }
            }
            if !self.paused {
                self.go_on(passed);
            }
        }
    }

    /// Brings the screen on by so many seconds of the recording.
    fn go_on(&mut self, seconds: f64) {
        let mut until = self.at + seconds;
        if let (Some(limit), Some(next)) = (self.idle_limit, self.place.events.peek())
            && next.at - self.at > limit
        {
            // A longer pause is shortened from its end.
            until = until.max(next.at - limit);
        }
        while self.place.events.peek().is_some_and(|event| event.at <= until) {
            if let Some(event) = self.place.events.next() {
                event.apply(&mut self.place.emulator);
            }
        }
        self.at = until.min(self.replay.length);
        if self.place.events.peek().is_none() {
            self.at = self.replay.length;
            self.paused = true;
        }
    }

    fn seek(&mut self, to: f64) -> Outcome {
        self.at = to.clamp(0.0, self.replay.length);
        self.place = self.replay.seek(self.at).map_err(|error| unreadable(&error))?;
        Ok(())
    }

    fn key(&mut self, key: Key) -> Result<bool, Failure> {
        match key {
            Key::Char('q') | Key::Escape | Key::Leave => return Ok(false),
            Key::Char(' ') => self.paused = !self.paused,
            Key::Char('+') => self.speed = (self.speed * 2.0).min(SPEEDS.1),
            Key::Char('-') => self.speed = (self.speed / 2.0).max(SPEEDS.0),
            Key::Left => self.seek(self.at - STEP)?,
            Key::Right => self.seek(self.at + STEP)?,
            Key::Home => self.seek(0.0)?,
            Key::End => self.seek(self.replay.length)?,
            _ => {}
        }
        Ok(true)
    }

    fn paint(&mut self) {
        let screen = self.place.emulator.screen();
        self.stage.resize(screen.rows.len());
        for (n, row) in screen.rows.into_iter().enumerate() {
            self.stage.set_row(n, row);
        }
        let paused = if self.paused { self.texts.text("replay-paused") } else { format!("x{}", self.speed) };
        let state = format!("{} / {}  {paused}", clock(self.at), clock(self.replay.length));
        let help = self.texts.text("replay-keys");
        self.stage.paint(screen.cursor, &Footer { strip: "", state: &state, help: &help });
    }
}

/// Keys that come within this time.
fn read_keys(within: Duration) -> Vec<Key> {
    let stdin = std::io::stdin();
    let mut waiting = [PollFd::new(&stdin, PollFlags::IN)];
    let time = Timespec { tv_sec: 0, tv_nsec: i64::from(within.subsec_nanos()) };
    if !poll(&mut waiting, Some(&time)).is_ok_and(|ready| ready > 0) {
        return Vec::new();
    }
    let mut buffer = [0; 256];
    match rustix::io::read(&stdin, &mut buffer) {
        // A terminal that is gone is as good as leaving.
        Ok(0) | Err(_) => vec![Key::Char('q')],
        Ok(count) => keys(buffer.get(..count).unwrap_or_default()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// LOG-08: copies of files have a term of their own, and each part is judged by its own.
    #[test]
    fn a_part_goes_at_its_own_term() {
        let part = |name: &str| -> Part {
            let at = "2026-11-23T08:00:00Z";
            let part = json!({ "name": name, "kind": "cast", "channel": 1, "started": at, "ended": at, "plain_bytes": 1,
                "plain_sha256": "", "sealed_bytes": 8, "head_sha256": "", "body_sha256": "" });
            serde_json::from_value(part).unwrap()
        };
        let (cast, content) = (part("channel-1.cast"), part("channel-2-content.raw"));
        let at = "2027-05-24T01:00:00Z";
        let gone = |shown: &Value| [&cast, &content].map(|part| erased(shown, part).is_some());
        assert_eq!(gone(&json!({ "erased": null, "files_erased": null })), [false, false]);
        assert_eq!(gone(&json!({ "erased": null, "files_erased": at })), [false, true]);
        assert_eq!(gone(&json!({ "erased": at, "files_erased": null })), [true, false]);
    }

    #[test]
    fn times_are_read_and_shown() {
        assert!((time("90").unwrap() - 90.0).abs() < f64::EPSILON);
        assert!((time("1:02:03.5").unwrap() - 3723.5).abs() < f64::EPSILON);
        assert!(time("1:x").is_err() && time("-3").is_err());
        assert_eq!(clock(3723.5), "1:02:03");
    }
}
