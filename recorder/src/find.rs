//! Searching what was readable: an expression over a recording's transcript, each hit at the time at
//! which the replay shows it (REC-10).
//!
//! A transcript has a line's time when it left the screen. When it came is found in the cast, from the
//! places that its index names.

use crate::emulator::Emulator;
use crate::manifest::PartKind;
use crate::parts::OpenError;
use crate::sealed::{ReadingKeys, Replay, SealedRecording};
use regex::{Regex, RegexBuilder};
use std::io::{BufRead as _, BufReader};

/// Longest expression, in characters.
const LONGEST: usize = 200;
/// What an expression may become, in bytes: some hundred thousand states.
const COMPILED: usize = 1 << 20;
/// What searching with it may take, in bytes, for each thread.
const CACHE: usize = 8 << 20;
/// Longest line of a transcript, in bytes: the sealer breaks them at 16 KiB, and stamps them.
const LINE: u64 = 64 << 10;

/// What is searched for: a regular expression, without look-around or back-references, so that no text
/// takes it longer than its length.
#[derive(Debug, Clone)]
pub struct Expression(Regex);

/// Why a text is no expression.
#[derive(Debug, thiserror::Error)]
pub enum ExpressionError {
    /// Too long to journal and to read.
    #[error("the expression is longer than {LONGEST} characters: write a shorter one")]
    TooLong,
    /// Not one, or one that becomes too large.
    #[error("not an expression that can be searched for: {0}")]
    Wrong(String),
}

impl Expression {
    /// Reads one. Whether the case of letters counts, `case` says.
    pub fn new(text: &str, case: Case) -> Result<Self, ExpressionError> {
        if text.chars().count() > LONGEST {
            return Err(ExpressionError::TooLong);
        }
        RegexBuilder::new(text)
            .case_insensitive(case == Case::Ignored)
            .size_limit(COMPILED)
            .dfa_size_limit(CACHE)
            .build()
            .map(Self)
            .map_err(|error| ExpressionError::Wrong(error.to_string()))
    }
}

/// Whether the case of letters counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Case {
    /// It does.
    Counts,
    /// It does not.
    Ignored,
}

/// A line in which the expression was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// On which channel.
    pub channel: u32,
    /// When the replay shows it, in seconds of that channel.
    pub at: f64,
    /// The line, as it was when it left the screen.
    pub line: String,
    /// What of it fits the expression.
    found: String,
}

/// What a search of one recording came to.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Searched {
    /// In the order of the transcript.
    pub hits: Vec<Hit>,
    /// Bytes of text that were looked at.
    pub bytes: u64,
    /// Whether all of the transcript was looked at, and there are no more hits.
    pub whole: bool,
}

impl SealedRecording {
    /// Looks for an expression in the transcript: at most so many hits. A recording without a terminal has
    /// no transcript, and nothing is found in it. What a full-screen program drew is in no transcript.
    ///
    /// Whether the parts are as they were sealed is for the caller to see to.
    pub fn find(&self, expression: &Expression, keys: &ReadingKeys, most: usize) -> Result<Searched, OpenError> {
        let mut searched = Searched { whole: true, ..Searched::default() };
        let Some(part) = self.parts(PartKind::Transcript).next() else { return Ok(searched) };
        let damaged = |error: &dyn std::fmt::Display| OpenError::Damaged(part.name.clone(), error.to_string());
        let mut transcript = BufReader::with_capacity(256 << 10, self.read(part, keys)?);
        let mut line = Vec::new();
        loop {
            line.clear();
            let count = std::io::Read::take(&mut transcript, LINE).read_until(b'\n', &mut line);
            if count.map_err(|error| damaged(&error))? == 0 {
                break;
            }
            searched.bytes += line.len() as u64;
            let text = std::str::from_utf8(&line).map_err(|error| damaged(&error))?.trim_end_matches('\n');
            let Some((at, channel, text)) = stamped(text) else { continue };
            let Some(found) = expression.0.find(text) else { continue };
            if searched.hits.len() >= most {
                searched.whole = false;
                break;
            }
            let (found, line) = (found.as_str().to_owned(), text.to_owned());
            searched.hits.push(Hit { channel, at, line, found });
        }
        self.place(&mut searched.hits, keys)?;
        Ok(searched)
    }

    /// Gives each hit the time at which it came to be shown, instead of the one at which it left.
    fn place(&self, hits: &mut [Hit], keys: &ReadingKeys) -> Result<(), OpenError> {
        for cast in self.parts(PartKind::Cast) {
            let mut here: Vec<&mut Hit> = hits.iter_mut().filter(|hit| hit.channel == cast.channel).collect();
            if !here.is_empty() {
                self.replay(cast, keys)?.came(&mut here)?;
            }
        }
        Ok(())
    }
}

/// A line of a transcript: when it left, on which channel, and its text. The last one of a transcript that
/// was cut short has no time.
fn stamped(line: &str) -> Option<(f64, u32, &str)> {
    let mut fields = line.splitn(3, '\t');
    let (at, channel, text) = (fields.next()?, fields.next()?, fields.next()?);
    Some((at.parse().ok()?, channel.parse().ok()?, text))
}

/// A hit whose line has not been seen coming.
struct Sought<'h> {
    hit: &'h mut Hit,
    /// When its line left, rounded down to a millisecond.
    left: f64,
    /// When it came to be shown last, of what was looked at.
    came: Option<f64>,
    shown: bool,
}

impl Sought<'_> {
    /// Whether this line on the screen is the hit's: it shows what was found, and became the hit's line.
    fn is(&self, line: &str) -> bool {
        line.contains(&self.hit.found) && self.hit.line.contains(line)
    }
}

impl Replay<'_> {
    /// Sets each hit's time to when its line came. Goes back from where it left, a stretch between two
    /// keyframes at a time, to the last one in which it appears.
    fn came(&self, hits: &mut [&mut Hit]) -> Result<(), OpenError> {
        let mut sought: Vec<Sought<'_>> =
            hits.iter_mut().map(|hit| Sought { left: hit.at, hit, came: None, shown: false }).collect();
        for (n, keyframe) in self.keyframes.iter().enumerate().rev() {
            // A keyframe at the very time is behind what made the line leave.
            let mut here: Vec<&mut Sought<'_>> =
                sought.iter_mut().filter(|one| one.came.is_none() && (n == 0 || keyframe.at < one.left)).collect();
            if !here.is_empty() {
                let until = self.keyframes.get(n + 1).map_or(f64::INFINITY, |next| next.at);
                self.stretch(keyframe, until, &mut here)?;
            }
        }
        for one in sought {
            if let Some(came) = one.came {
                one.hit.at = came;
            }
        }
        Ok(())
    }

    fn stretch(
        &self,
        keyframe: &crate::cast::Keyframe,
        until: f64,
        sought: &mut [&mut Sought<'_>],
    ) -> Result<(), OpenError> {
        /// What rounding takes off the time of a line in a transcript.
        const ROUNDED: f64 = 0.001;
        let mut place = self.beginning(keyframe)?;
        let last = sought.iter().fold(0.0, |last: f64, one| last.max(one.left)) + ROUNDED;
        let mut lines = place.emulator.shown_lines();
        let (mut begun, mut top) = top(&place.emulator, &lines);
        for one in sought.iter_mut() {
            one.shown = lines.iter().chain([&top]).any(|line| one.is(line));
        }
        for event in place.events {
            if event.at > last || event.at > until {
                break;
            }
            let gone = event.apply(&mut place.emulator);
            if !matches!(event.code.as_str(), "o" | "r") {
                continue;
            }
            let before = std::mem::replace(&mut lines, place.emulator.shown_lines());
            let begun_before = std::mem::take(&mut begun);
            (begun, top) = self::top(&place.emulator, &lines);
            for one in sought.iter_mut().filter(|one| event.at <= one.left + ROUNDED) {
                let stands = lines.iter().any(|line| one.is(line));
                // It may come and scroll away at once; or the last piece of a wrapped line has left.
                let piece = before.first().is_some_and(|top| one.hit.line.ends_with(top));
                let passed = || !piece && gone.iter().any(|line| one.is(line));
                // Half of it went away with what brought it.
                let halved = one.is(&top);
                if !one.shown && (stands || passed() || (halved && begun != begun_before)) {
                    one.came = Some(event.at);
                }
                one.shown = stands || halved;
            }
        }
        Ok(())
    }
}

/// The rows of the first line shown that scrolled away already, and that line with them.
fn top(emulator: &Emulator, lines: &[String]) -> (String, String) {
    let begun = emulator.begun().to_owned();
    let top = lines.first().map_or_else(String::new, |line| format!("{begun}{line}"));
    (begun, top)
}
