//! Asciicast v2: what one terminal showed, as other people's players read it.
//!
//! Codes of events: `o` output, `i` input, `r` resize, `m` marker, as the format has them; and two of
//! our own that players skip: `d`, typed while frozen and not delivered, and `x`, in hexadecimal, the exact bytes of the
//! event before it, where those were not UTF-8.

use crate::emulator::{Emulator, decode};
use crate::frame::{Frame, FrameKind};
use crate::parts::PartWriter;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io;

/// Output between two keyframes, in bytes: what a seek has to run through at most.
const KEYFRAME_EVERY: u64 = 256 << 10;

/// What a change of size counts for among them: it lays out the whole screen anew.
const RESIZE_COST: u64 = 4 << 10;

/// A place from which replay can begin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Keyframe {
    /// Seconds since the recording of this channel began.
    pub(crate) at: f64,
    /// Where in the compressed stream the events after it begin.
    pub(crate) offset: u64,
    /// The terminal's size.
    pub(crate) columns: usize,
    /// The terminal's size.
    pub(crate) rows: usize,
    /// What brings an empty terminal to its state.
    pub(crate) screen: String,
}

/// Seconds between two instants, to the microsecond.
fn seconds(from: Timestamp, at: Timestamp) -> f64 {
    // Fewer than 2^53 microseconds: 285 years.
    #[expect(clippy::cast_precision_loss, reason = "exact for three centuries")]
    let micros = (at.as_microsecond() - from.as_microsecond()).max(0) as f64;
    micros / 1e6
}

/// Writes the events of one channel.
pub(crate) struct CastWriter {
    part: PartWriter,
    started: Timestamp,
    output: Vec<u8>,
    input: Vec<u8>,
    last: Timestamp,
    since_keyframe: u64,
    keyframes: Vec<Keyframe>,
}

impl CastWriter {
    pub(crate) fn begin(
        mut part: PartWriter,
        started: Timestamp,
        (columns, rows): (usize, usize),
        term: &str,
        title: &str,
        command: Option<&str>,
    ) -> io::Result<Self> {
        let exact = command.and_then(|hex| HEXLOWER.decode(hex.as_bytes()).ok());
        let mut header = serde_json::json!({
            "version": 2, "width": columns, "height": rows, "timestamp": started.as_second(),
            "title": title, "env": { "TERM": term },
        });
        // As text for players, and byte for byte: what the target was told to run.
        if let (serde_json::Value::Object(fields), Some(exact)) = (&mut header, exact) {
            fields.insert("command".into(), String::from_utf8_lossy(&exact).into());
            fields.insert("x-command".into(), HEXLOWER.encode(&exact).into());
        }
        part.write(format!("{header}\n").as_bytes())?;
        let offset = part.cut()?;
        let first = Keyframe { at: 0.0, offset, columns, rows, screen: String::new() };
        Ok(Self {
            part,
            started,
            output: Vec::new(),
            input: Vec::new(),
            last: started,
            since_keyframe: 0,
            keyframes: vec![first],
        })
    }

    fn event(&mut self, at: Timestamp, code: &str, data: &str) -> io::Result<()> {
        let line = serde_json::json!([seconds(self.started, at), code, data]);
        self.part.write(format!("{line}\n").as_bytes())
    }

    fn text(&mut self, at: Timestamp, code: &'static str, bytes: &[u8]) -> io::Result<()> {
        let partial = if code == "o" { &mut self.output } else { &mut self.input };
        let mut exact = partial.clone();
        exact.extend_from_slice(bytes);
        let text = decode(partial, bytes);
        exact.truncate(exact.len() - partial.len());
        self.write_text(at, code, &text, &exact)
    }

    /// Text, and where it is not what came, the bytes that it stands for.
    fn write_text(&mut self, at: Timestamp, code: &str, text: &str, exact: &[u8]) -> io::Result<()> {
        self.last = self.last.max(at);
        if !text.is_empty() {
            self.event(at, code, text)?;
        }
        if text.as_bytes() == exact { Ok(()) } else { self.event(at, "x", &HEXLOWER.encode(exact)) }
    }

    /// Writes what one frame says.
    pub(crate) fn frame(&mut self, frame: &Frame) -> io::Result<()> {
        match frame.kind {
            FrameKind::Output | FrameKind::ErrorOutput => {
                self.since_keyframe += frame.data.len() as u64;
                self.text(frame.at, "o", &frame.data)
            }
            FrameKind::Input => self.text(frame.at, "i", &frame.data),
            FrameKind::InputDropped => {
                self.write_text(frame.at, "d", &String::from_utf8_lossy(&frame.data), &frame.data)
            }
            FrameKind::Resize => match size(&frame.data) {
                Some((columns, rows)) => {
                    self.since_keyframe += RESIZE_COST;
                    self.event(frame.at, "r", &format!("{columns}x{rows}"))
                }
                None => Ok(()),
            },
            FrameKind::Marker => self.event(frame.at, "m", &String::from_utf8_lossy(&frame.data)),
            // Files never pass on a terminal.
            FrameKind::Begin | FrameKind::End | FrameKind::File | FrameKind::Content => Ok(()),
        }
    }

    /// Says that a secret was typed here (D27).
    pub(crate) fn secret(&mut self, at: Timestamp) -> io::Result<()> {
        self.marker(at, "secret typed")
    }

    /// Says something about what follows.
    pub(crate) fn marker(&mut self, at: Timestamp, text: &str) -> io::Result<()> {
        self.event(at, "m", text)
    }

    /// Lays a keyframe where enough came since the last. The emulator stands where the events do.
    pub(crate) fn keyframe(&mut self, at: Timestamp, emulator: &Emulator) -> io::Result<()> {
        if self.since_keyframe < KEYFRAME_EVERY {
            return Ok(());
        }
        self.since_keyframe = 0;
        let (columns, rows) = emulator.size();
        let offset = self.part.cut()?;
        self.keyframes.push(Keyframe { at: seconds(self.started, at), offset, columns, rows, screen: emulator.dump() });
        Ok(())
    }

    pub(crate) fn finish(mut self) -> io::Result<(crate::parts::Written, Vec<Keyframe>)> {
        // The beginning of a character whose end never came.
        for (code, partial) in [("o", std::mem::take(&mut self.output)), ("i", std::mem::take(&mut self.input))] {
            if !partial.is_empty() {
                self.write_text(self.last, code, "\u{fffd}", &partial)?;
            }
        }
        Ok((self.part.finish()?, self.keyframes))
    }
}

/// Columns and rows of a resize frame.
pub(crate) fn size(data: &[u8]) -> Option<(usize, usize)> {
    let (columns, rest) = data.split_first_chunk::<4>()?;
    let rows = rest.first_chunk::<4>()?;
    let number = |bytes: &[u8; 4]| usize::try_from(u32::from_be_bytes(*bytes)).ok();
    Some((number(columns)?, number(rows)?))
}

/// One event, read back.
#[derive(Debug, Clone, PartialEq)]
pub struct CastEvent {
    /// Seconds since the channel began.
    pub at: f64,
    /// Its code.
    pub code: String,
    /// Its text.
    pub data: String,
}

impl CastEvent {
    /// Reads a line. `None`: not an event.
    pub fn parse(line: &str) -> Option<Self> {
        let (at, code, data): (f64, String, String) = serde_json::from_str(line).ok()?;
        Some(Self { at, code, data })
    }

    /// Brings an emulator on.
    pub fn apply(&self, emulator: &mut Emulator) -> Vec<String> {
        match self.code.as_str() {
            "o" => emulator.feed_text(&self.data),
            "r" => match self.data.split_once('x').map(|(columns, rows)| (columns.parse(), rows.parse())) {
                Some((Ok(columns), Ok(rows))) => emulator.resize(columns, rows),
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }
}
