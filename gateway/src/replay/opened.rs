//! A sealed recording, open for one reading. Each call opens what it reads anew, which takes about a
//! millisecond, and holds the key only meanwhile.

use super::play;
use super::unlock::Unlocked;
use console::replay::{Chunk, Hit, Hits, LONGEST_QUERY, Moment, Opened, ReplayError, Standing, Track};
use recorder::{OpenError, Part, PartKind, ReadingKeys, Replay, SealedRecording, visible};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

/// Rows that a search gives at most.
const HITS: usize = 200;
/// Work of one search, in bytes of output: several seconds.
const SEARCHED: u64 = 128 << 20;
/// Characters of a row that are shown of a hit.
const HIT: usize = 500;
/// Moments of one track that are listed.
const MOMENTS: usize = 1000;
/// Bytes of a track that are run through for its moments: a second or two.
const LISTED: u64 = 256 << 20;
/// Characters of a moment.
const MOMENT: usize = 500;
/// Longest first line of a cast: a command, twice.
const HEADER: u64 = 4 << 20;

/// Why a recording was not opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenFailure {
    /// The manifest is another than the journal says.
    #[error("the manifest is not the one that the journal knows: this recording was altered, and proves nothing")]
    Altered,
    /// The recording is not there, or not sealed to this key.
    #[error(transparent)]
    Closed(#[from] OpenError),
}

/// Opens the recording in `folder`, whose heads lie in `heads`. `manifest` is the digest of its manifest
/// in the journal, in hexadecimal. Blocks for a few milliseconds.
///
/// What it gives answers for as long as the key stays unlocked. A part that is missing or altered is
/// listed, and says so when it is asked for.
pub(super) fn open(
    folder: &Path,
    heads: &Path,
    key: &Unlocked,
    manifest: &str,
) -> Result<Arc<dyn Opened>, OpenFailure> {
    let recording = SealedRecording::open(folder, heads)?;
    if recording.digest != manifest {
        return Err(OpenFailure::Altered);
    }
    let mut channels = BTreeMap::new();
    let parts = recording.manifest.parts.iter().enumerate();
    for (n, part) in parts.filter(|(_, part)| matches!(part.kind, PartKind::Cast | PartKind::Raw)) {
        let about = match about(&recording, part, key.keys()) {
            Ok(about) => about,
            // Sealed to others: nothing of it would open.
            Err(error @ (OpenError::Closed(_) | OpenError::Half(..))) => return Err(error.into()),
            Err(_) => About::default(),
        };
        // What came behind a channel's end has a part of its own, after it; the channel says so.
        let channel: &mut Channel = match channels.get_mut(&part.channel) {
            Some(channel) => {
                let channel: &mut Channel = channel;
                channel.late.push(part.name.clone());
                continue;
            }
            None => channels.entry(part.channel).or_default(),
        };
        channel.part = n;
        channel.track = Some(track(part, about));
    }
    Ok(Arc::new(Reading { recording, channels, keys: key.lent(), turn: Mutex::default() }))
}

/// What the head of a part says of its channel.
#[derive(Default)]
struct About {
    what: String,
    columns: usize,
    rows: usize,
}

fn about(recording: &SealedRecording, part: &Part, keys: &ReadingKeys) -> Result<About, OpenError> {
    let (what, command, size) = if part.kind == PartKind::Raw {
        let what = recording.raw(part, keys)?.what;
        let text = |name: &str| what.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let command = data_encoding::HEXLOWER.decode(text("command").as_bytes()).unwrap_or_default();
        (text("what"), crate::ssh::starting::shown(&command), (0, 0))
    } else {
        let mut line = String::new();
        let damaged = |error: std::io::Error| OpenError::Damaged(part.name.clone(), error.to_string());
        BufReader::new(recording.read(part, keys)?.take(HEADER)).read_line(&mut line).map_err(damaged)?;
        let header: Value = serde_json::from_str(&line).map_err(|error| damaged(error.into()))?;
        let number = |name: &str| header.get(name).and_then(Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let command = header.get("command").and_then(Value::as_str).unwrap_or_default();
        let what = if command.is_empty() { "shell" } else { "exec" };
        let size = (number("width").unwrap_or_default(), number("height").unwrap_or_default());
        (what.to_owned(), crate::ssh::starting::shown(command.as_bytes()), size)
    };
    let what = if command.is_empty() { what } else { format!("{what}: {command}") };
    Ok(About { what: visible(&what), columns: size.0, rows: size.1 })
}

fn track(part: &Part, about: About) -> Track {
    Track {
        number: part.channel,
        what: about.what,
        columns: about.columns,
        rows: about.rows,
        started: part.started,
        seconds: seconds(part),
        terminal: part.kind == PartKind::Cast,
    }
}

fn seconds(part: &Part) -> f64 {
    part.ended.duration_since(part.started).as_secs_f64()
}

#[derive(Default)]
struct Channel {
    /// Its part, by its place in the manifest.
    part: usize,
    track: Option<Track>,
    /// Names of parts that came behind its end.
    late: Vec<String>,
    /// Files that are not as they were sealed, once that was looked at.
    altered: OnceLock<Vec<String>>,
    moments: OnceLock<Vec<Moment>>,
}

struct Reading {
    recording: SealedRecording,
    channels: BTreeMap<u32, Channel>,
    keys: Weak<ReadingKeys>,
    /// One call at a time: what somebody made slow to read takes one thread of the bastion, not all.
    turn: Mutex<()>,
}

fn damaged(error: &OpenError) -> ReplayError {
    ReplayError::Damaged(visible(&error.to_string()))
}

impl Reading {
    /// Does something with the key and the replay of a terminal that is as it was sealed.
    fn with<T>(
        &self,
        track: u32,
        work: impl FnOnce(&Channel, &Replay<'_>, &Part, &ReadingKeys) -> Result<T, OpenError>,
    ) -> Result<T, ReplayError> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = self.keys.upgrade().ok_or(ReplayError::Locked)?;
        let channel = self.channels.get(&track).ok_or(ReplayError::NoSuchTrack)?;
        let part = self.recording.manifest.parts.get(channel.part).filter(|part| part.kind == PartKind::Cast);
        let part = part.ok_or(ReplayError::NoSuchTrack)?;
        if let [first, ..] = channel.altered.get_or_init(|| self.altered(part)).as_slice() {
            return Err(ReplayError::Damaged(format!("`{}` is missing or not as it was sealed", visible(first))));
        }
        let replay = self.recording.replay(part, &keys).map_err(|error| damaged(&error))?;
        work(channel, &replay, part, &keys).map_err(|error| damaged(&error))
    }

    fn altered(&self, part: &Part) -> Vec<String> {
        let index = self.recording.parts(PartKind::Index).filter(|index| index.channel == part.channel);
        std::iter::once(part).chain(index).flat_map(|part| self.recording.altered_files(part)).collect()
    }

    fn list(&self, channel: &Channel, part: &Part, keys: &ReadingKeys) -> Result<Vec<Moment>, OpenError> {
        let moment = |at, what: &str, text: &str| Moment { at, what: what.to_owned(), text: clipped(text, 0, MOMENT) };
        let what = channel.track.as_ref().map_or("", |track| track.what.as_str());
        let mut moments = vec![moment(0.0, "begin", what)];
        let reader = self.recording.read(part, keys)?.take(LISTED);
        let mut lines = BufReader::new(reader).lines();
        for line in lines.by_ref() {
            let line = line.map_err(|error| OpenError::Damaged(part.name.clone(), error.to_string()))?;
            let Some(event) = recorder::CastEvent::parse(&line) else { continue };
            let what = match event.code.as_str() {
                "d" => "dropped",
                "m" if event.data == "secret typed" => "secret",
                "m" if event.data.starts_with("signal ") => "signal",
                "m" => "notice",
                _ => continue,
            };
            if moments.len() == MOMENTS {
                moments.push(moment(event.at, "more", ""));
                return Ok(moments);
            }
            moments.push(moment(event.at, what, &event.data));
        }
        let end = seconds(part);
        if part.plain_bytes > LISTED {
            moments.push(moment(end, "more", ""));
        }
        moments.extend(channel.late.iter().map(|name| moment(end, "late", name)));
        moments.push(moment(end, "end", ""));
        Ok(moments)
    }
}

impl Opened for Reading {
    fn state(&self) -> Standing {
        Standing { state: self.recording.manifest.state, missing: self.recording.manifest.source.missing }
    }

    fn tracks(&self) -> Vec<Track> {
        self.channels.values().filter_map(|channel| channel.track.clone()).collect()
    }

    fn chunk(&self, track: u32, from: f64) -> Result<Chunk, ReplayError> {
        self.with(track, |_, replay, _, _| play::chunk(replay, from))
    }

    fn search(&self, track: u32, text: &str) -> Result<Hits, ReplayError> {
        if text.trim().is_empty() || text.chars().count() > LONGEST_QUERY {
            return Err(ReplayError::TooLong);
        }
        self.with(track, |_, replay, _, _| {
            let found = replay.search_within(text, HITS, SEARCHED)?;
            let wanted = text.to_lowercase();
            let hits = found.rows.into_iter().map(|(at, row)| Hit { at, text: around(&row, &wanted) }).collect();
            Ok(Hits { hits, more: !found.whole })
        })
    }

    fn moments(&self, track: u32) -> Vec<Moment> {
        let listed = self.with(track, |channel, _, part, keys| match channel.moments.get() {
            Some(moments) => Ok(moments.clone()),
            None => {
                let moments = self.list(channel, part, keys)?;
                Ok(channel.moments.get_or_init(|| moments).clone())
            }
        });
        listed.unwrap_or_default()
    }
}

/// The part of a long row around what was found in it.
fn around(row: &str, wanted: &str) -> String {
    let lower = row.to_lowercase();
    let before = lower.find(wanted).and_then(|at| lower.get(..at)).map_or(0, |before| before.chars().count());
    clipped(row, before.saturating_sub(HIT / 2), HIT)
}

/// So many visible characters of a text, from one of them on.
fn clipped(text: &str, from: usize, most: usize) -> String {
    let mut rest = text.chars().skip(from);
    let mut part: String = rest.by_ref().take(most).collect();
    if rest.next().is_some() {
        part.push('…');
    }
    let part = visible(&part);
    if from > 0 { format!("…{part}") } else { part }
}
