//! A sealed recording, opened by those who may: list, replay, search, export. With the product or
//! without it; `docs/format-recording.md` says how.

use crate::cast::{CastEvent, Keyframe};
use crate::emulator::Emulator;
use crate::keys::KeyError;
use crate::manifest::{FORMAT, Manifest, Part, PartKind};
use crate::parts::{self, Locks, OpenError, PlainReader};
use crate::raw::RawReader;
use age::x25519::Identity;
use aws_lc_rs::digest::{Context, SHA256, digest};
use data_encoding::HEXLOWER;
use std::fs;
use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

/// Secret keys of whoever wants to read.
pub struct ReadingKeys(Vec<Identity>);

impl ReadingKeys {
    /// Reads a key file as `age-keygen` writes it: comments, and lines `AGE-SECRET-KEY-1…`.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let keys = lines
            .map(|line| Identity::from_str(line).map_err(|_| KeyError::Identity))
            .collect::<Result<Vec<_>, _>>()?;
        if keys.is_empty() { Err(KeyError::Identity) } else { Ok(Self(keys)) }
    }

    /// With another person's keys besides: what takes two persons opens to them together.
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// What recordings are sealed to, for these keys to open them: `age1…` each.
    pub fn public_lines(&self) -> Vec<String> {
        self.0.iter().map(|key| key.to_public().to_string()).collect()
    }
}

/// A sealed recording on the disk.
pub struct SealedRecording {
    folder: PathBuf,
    heads: PathBuf,
    /// Where the second person put the parts without their outer layer, if they did.
    unwrapped: Option<PathBuf>,
    /// What it consists of.
    pub manifest: Manifest,
    /// SHA-256 of the manifest's file, in hexadecimal: what the journal must say.
    pub digest: String,
}

impl SealedRecording {
    /// Opens the folder. Nothing is decrypted yet.
    pub fn open(folder: &Path, heads: &Path) -> Result<Self, OpenError> {
        let path = folder.join("manifest.json");
        let bytes = fs::read(&path).map_err(|error| OpenError::Disk { path: path.clone(), error })?;
        let damaged = |what: String| OpenError::Damaged("manifest.json".to_owned(), what);
        let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(damaged(format!("its format is `{}`, this program knows {FORMAT}", manifest.format)));
        }
        let digest = HEXLOWER.encode(digest(&SHA256, &bytes).as_ref());
        Ok(Self { folder: folder.to_owned(), heads: heads.to_owned(), unwrapped: None, manifest, digest })
    }

    /// The same recording, read from what the second person unwrapped into `folder`: then a first
    /// person's key opens it alone. Whether it is what was sealed, [`SealedRecording::is_as_sealed`] says.
    pub fn unwrapped_at(mut self, folder: &Path) -> Self {
        self.unwrapped = Some(folder.to_owned());
        self
    }

    fn locks(&self) -> Locks<'_> {
        Locks { first: &self.manifest.recipients, second: &self.manifest.second_recipients }
    }

    /// Takes the outer layer off a part, with a key of the second person: what is read is an age file that
    /// a first person opens, and says nothing to anybody else. For `NAME.age` in a folder of its own.
    pub fn unwrap(&self, part: &Part, keys: &ReadingKeys) -> Result<impl Read + use<>, OpenError> {
        let source = parts::source(&self.folder, &self.heads, &part.name)?;
        parts::unwrap(source, &part.name, &keys.0, &self.locks())
    }

    /// Whether the plain bytes of a part are those that were sealed: reads them whole. For what lies
    /// unwrapped, whose bytes the manifest has no digest of.
    pub fn is_as_sealed(&self, part: &Part, keys: &ReadingKeys) -> Result<bool, OpenError> {
        let damaged = |error: std::io::Error| OpenError::Damaged(part.name.clone(), error.to_string());
        let digest = digest_of(&mut self.plain(&part.name, keys, 0)?).map_err(damaged)?;
        Ok(digest == part.plain_sha256)
    }

    /// The parts of a kind.
    pub fn parts(&self, kind: PartKind) -> impl Iterator<Item = &Part> {
        self.manifest.parts.iter().filter(move |part| part.kind == kind)
    }

    /// Checks heads and bodies against the manifest; the names of those that differ or are missing.
    pub fn altered(&self) -> Vec<String> {
        self.manifest.parts.iter().flat_map(|part| self.altered_files(part)).collect()
    }

    /// The same for one part.
    pub fn altered_files(&self, part: &Part) -> Vec<String> {
        let (head, body) = parts::paths(&self.folder, &self.heads, &part.name);
        let files = [(head, &part.head_sha256, "head"), (body, &part.body_sha256, "body")];
        files
            .into_iter()
            .filter(|(path, expected, _)| file_digest(path).as_ref() != Some(*expected))
            .map(|(.., end)| format!("{}.{end}", part.name))
            .collect()
    }

    fn plain(&self, name: &str, keys: &ReadingKeys, offset: u64) -> Result<PlainReader, OpenError> {
        parts::open(self.source(name)?, name, &keys.0, offset, &self.locks())
    }

    fn source(&self, name: &str) -> Result<parts::Source, OpenError> {
        match &self.unwrapped {
            Some(folder) => parts::unwrapped(folder, name),
            None => parts::source(&self.folder, &self.heads, name),
        }
    }

    /// The plain bytes of a part.
    pub fn read(&self, part: &Part, keys: &ReadingKeys) -> Result<impl Read + use<>, OpenError> {
        self.plain(&part.name, keys, 0)
    }

    /// A part as it was before it was encrypted: compressed with zstd.
    pub fn packed(&self, part: &Part, keys: &ReadingKeys) -> Result<impl Read + use<>, OpenError> {
        parts::open_packed(self.source(&part.name)?, &part.name, &keys.0, &self.locks())
    }

    /// A raw track.
    pub fn raw(&self, part: &Part, keys: &ReadingKeys) -> Result<RawReader<impl Read + use<>>, OpenError> {
        let damaged = |error: std::io::Error| OpenError::Damaged(part.name.clone(), error.to_string());
        RawReader::new(self.plain(&part.name, keys, 0)?).map_err(damaged)
    }

    /// A terminal, ready to be replayed from anywhere.
    pub fn replay<'a>(&'a self, cast: &'a Part, keys: &'a ReadingKeys) -> Result<Replay<'a>, OpenError> {
        let name = cast.name.replace(".cast", ".index");
        let damaged = |error: &dyn std::fmt::Display| OpenError::Damaged(name.clone(), error.to_string());
        let mut keyframes = Vec::new();
        for line in BufReader::new(self.plain(&name, keys, 0)?).lines() {
            let line = line.map_err(|error| damaged(&error))?;
            keyframes.push(serde_json::from_str::<Keyframe>(&line).map_err(|error| damaged(&error))?);
        }
        if keyframes.is_empty() {
            return Err(damaged(&"it has no keyframe"));
        }
        let length = cast.ended.duration_since(cast.started).as_secs_f64();
        Ok(Replay { recording: self, cast, keys, keyframes, length })
    }
}

/// SHA-256 of a file, in hexadecimal.
fn file_digest(path: &Path) -> Option<String> {
    digest_of(&mut fs::File::open(path).ok()?).ok()
}

/// SHA-256 of what is read, in hexadecimal; in pieces, since a body may be larger than memory.
fn digest_of(source: &mut impl Read) -> std::io::Result<String> {
    let mut context = Context::new(&SHA256);
    let mut buffer = vec![0; 128 << 10];
    loop {
        match source.read(&mut buffer) {
            Ok(0) => return Ok(HEXLOWER.encode(context.finish().as_ref())),
            Ok(count) => context.update(buffer.get(..count).unwrap_or_default()),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// One terminal's recording: keyframes at hand, events read where they are wanted.
pub struct Replay<'a> {
    recording: &'a SealedRecording,
    cast: &'a Part,
    keys: &'a ReadingKeys,
    pub(crate) keyframes: Vec<Keyframe>,
    /// How long it lasts, in seconds.
    pub length: f64,
}

/// A place in a replay: the screen as it was, and the events from there on.
pub struct Place {
    /// What was shown.
    pub emulator: Emulator,
    /// What comes next.
    pub events: Events,
}

/// Events of a cast, one after the other.
pub struct Events {
    lines: std::io::Lines<BufReader<PlainReader>>,
    next: Option<CastEvent>,
}

impl Events {
    /// Looks at the next event without taking it.
    pub fn peek(&mut self) -> Option<&CastEvent> {
        if self.next.is_none() {
            self.next = self.read();
        }
        self.next.as_ref()
    }

    fn read(&mut self) -> Option<CastEvent> {
        // The header's line is none; what cannot be read ends the replay.
        self.lines.by_ref().map_while(Result::ok).find_map(|line| CastEvent::parse(&line))
    }
}

impl Iterator for Events {
    type Item = CastEvent;

    fn next(&mut self) -> Option<CastEvent> {
        self.next.take().or_else(|| self.read())
    }
}

impl Replay<'_> {
    /// The screen of a keyframe, and what follows.
    pub(crate) fn beginning(&self, keyframe: &Keyframe) -> Result<Place, OpenError> {
        let damaged = || OpenError::Damaged(self.cast.name.clone(), "a keyframe is not one".to_owned());
        let mut emulator = Emulator::new(keyframe.columns, keyframe.rows).ok_or_else(damaged)?;
        emulator.feed_text(&keyframe.screen);
        let reader = self.recording.plain(&self.cast.name, self.keys, keyframe.offset)?;
        Ok(Place { emulator, events: Events { lines: BufReader::new(reader).lines(), next: None } })
    }

    /// The screen at this second, and what follows.
    pub fn seek(&self, at: f64) -> Result<Place, OpenError> {
        let before = self.keyframes.partition_point(|keyframe| keyframe.at <= at).saturating_sub(1);
        let damaged = || OpenError::Damaged(self.cast.name.clone(), "a keyframe is not one".to_owned());
        let keyframe = self.keyframes.get(before).ok_or_else(damaged)?;
        let Place { mut emulator, mut events } = self.beginning(keyframe)?;
        while events.peek().is_some_and(|event| event.at <= at) {
            if let Some(event) = events.next() {
                event.apply(&mut emulator);
            }
        }
        Ok(Place { emulator, events })
    }

    /// Every second at which a row with this text came to be shown, with the row. Case does not count.
    ///
    /// Rows are looked at where an event could have changed them: those it wrote into, and all where
    /// it moved the cursor about.
    pub fn search(&self, text: &str) -> Result<Vec<(f64, String)>, OpenError> {
        Ok(self.search_within(text, usize::MAX, u64::MAX)?.rows)
    }

    /// The same, for at most so many rows and so much work: a byte of output is one, and so are four
    /// cells that were looked at.
    pub fn search_within(&self, text: &str, most: usize, work: u64) -> Result<Found, OpenError> {
        let wanted = text.to_lowercase();
        let Place { mut emulator, events } = self.seek(-1.0)?;
        let mut found: Vec<(f64, String)> = Vec::new();
        let mut shown: Vec<String> = Vec::new();
        let mut left = work;
        for event in events {
            if left == 0 || found.len() > most {
                found.truncate(most);
                return Ok(Found { rows: found, whole: false });
            }
            let gone = event.apply(&mut emulator);
            left = left.saturating_sub(event.data.len() as u64 + 1);
            if !matches!(event.code.as_str(), "o" | "r") {
                continue;
            }
            let (columns, height) = emulator.size();
            let (rows, looked_at) = match reach(&event.data, &wanted, columns) {
                Reach::Nowhere => continue,
                Reach::Lines(lines) => (emulator.rows_above_cursor(lines), lines.min(height)),
                Reach::Anywhere => (emulator.screen().text(), height),
            };
            left = left.saturating_sub((looked_at * columns / 4) as u64);
            // What scrolled away first stood on the screen before, and was found then.
            let matching: Vec<String> = rows
                .into_iter()
                .chain(gone.into_iter().skip(height))
                .filter(|row| row.to_lowercase().contains(&wanted))
                .map(|row| row.trim().to_owned())
                .collect();
            found.extend(matching.iter().filter(|row| !shown.contains(row)).map(|row| (event.at, row.clone())));
            shown = matching;
        }
        let whole = found.len() <= most;
        found.truncate(most);
        Ok(Found { rows: found, whole })
    }
}

/// What a search found.
pub struct Found {
    /// Seconds, and the row.
    pub rows: Vec<(f64, String)>,
    /// Whether it came to the end.
    pub whole: bool,
}

/// Which rows output could have brought a text into.
enum Reach {
    Nowhere,
    /// The cursor's row and so many above it.
    Lines(usize),
    Anywhere,
}

fn reach(output: &str, wanted: &str, columns: usize) -> Reach {
    // Whatever else than colours and ends of lines moves the cursor makes every row possible.
    if output.chars().any(|c| c.is_control() && !matches!(c, '\r' | '\n' | '\t' | '\u{7}' | '\u{1b}')) {
        return Reach::Anywhere;
    }
    let mut rest = output;
    while let Some((_, sequence)) = rest.split_once('\u{1b}') {
        // Colours move nothing; whatever else there is may.
        let colours = sequence.strip_prefix('[').and_then(|sequence| {
            let end = sequence.find(|c: char| !(c.is_ascii_digit() || c == ';'))?;
            sequence.get(end..)?.strip_prefix('m')
        });
        match colours {
            Some(after) => rest = after,
            None => return Reach::Anywhere,
        }
    }
    let lower = output.to_lowercase();
    // Its last character must have come, or the whole stood there before.
    if wanted.chars().next_back().is_some_and(|last| !lower.contains(last)) {
        return Reach::Nowhere;
    }
    Reach::Lines(output.matches('\n').count() + output.chars().count() / columns.max(1) + 2)
}
