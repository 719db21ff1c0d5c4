//! A stretch of a recording, as screens at a pace that a browser paints.

use super::picture::{MOST_OF_A_SCREEN, Picture, size};
use console::replay::{Chunk, FrameAt};
use recorder::{CastEvent, Events, OpenError, Place, Replay};

/// Seconds of a chunk in which something moves.
const SECONDS: f64 = 10.0;
/// Seconds that go into one screen: 25 a second.
const TOGETHER: f64 = 0.04;
/// Screens of a chunk.
const SCREENS: usize = 200;
/// Bytes of JSON of a chunk, about.
const BYTES: usize = 2 * MOST_OF_A_SCREEN;
/// Output of one screen that is run through; beyond it the next keyframe is nearer.
const FLOOD: usize = 128 << 10;
/// Output of a chunk that is run through: what is made to be slow takes seconds then, not minutes.
const OUTPUT: usize = 1 << 20;
/// What a change of size counts for among output: it lays out the whole screen anew.
const RESIZE: usize = 4 << 10;

/// The chunk that begins at this second.
pub(super) fn chunk(replay: &Replay<'_>, from: f64) -> Result<Chunk, OpenError> {
    let length = replay.length;
    // Neither a number nor a time: the beginning.
    let from = if from.is_nan() { 0.0 } else { from.clamp(0.0, length) };
    let mut film = Film::begin(replay, from)?;
    let mut shown = Picture::new(film.place.emulator.screen());
    let screen = shown.whole();
    let mut bytes = size(&screen);
    let mut frames: Vec<FrameAt> = Vec::new();
    // Set where the screen that did not fit any more began.
    let mut stopped = None;
    while let Some(first) = film.next_change() {
        if first > from + SECONDS || frames.len() >= SCREENS || film.spent >= OUTPUT {
            break;
        }
        let at = film.advance(replay, first + TOGETHER)?.unwrap_or(first);
        let picture = Picture::new(film.place.emulator.screen());
        if let Some(change) = picture.since(&shown) {
            bytes += size(&change);
            if bytes > BYTES && !frames.is_empty() {
                stopped = Some(first);
                break;
            }
            frames.push(FrameAt { at, change });
            shown = picture;
        }
    }
    let next = stopped.or_else(|| film.next_change());
    Ok(Chunk { from, screen, frames, to: next.unwrap_or(length.max(from)), next, length })
}

struct Film {
    place: Place,
    spent: usize,
}

impl Film {
    fn begin(replay: &Replay<'_>, at: f64) -> Result<Self, OpenError> {
        Ok(Self { place: seek(replay, at)?, spent: 0 })
    }

    /// When something is shown next.
    fn next_change(&mut self) -> Option<f64> {
        next_change(&mut self.place.events)
    }

    /// Goes on to this second; gives when the last change before it came. What floods by within one
    /// screen is passed over, as it is on any screen.
    fn advance(&mut self, replay: &Replay<'_>, until: f64) -> Result<Option<f64>, OpenError> {
        let (mut last, mut run_through) = (None, 0);
        while self.next_change().is_some_and(|at| at <= until) {
            let Some(event) = self.place.events.next() else { break };
            event.apply(&mut self.place.emulator);
            last = Some(event.at);
            run_through += weight(&event);
            if run_through > FLOOD && self.next_change().is_some_and(|at| at <= until) {
                self.place = seek(replay, until)?;
                self.spent += FLOOD;
                last = Some(until.min(replay.length));
            }
        }
        self.spent += run_through;
        Ok(last)
    }
}

fn weight(event: &CastEvent) -> usize {
    if event.code == "r" { RESIZE } else { event.data.len() }
}

fn seek(replay: &Replay<'_>, at: f64) -> Result<Place, OpenError> {
    let Place { emulator, events } = replay.seek(at)?;
    Ok(Place { emulator: emulator.without_transcript(), events })
}

fn next_change(events: &mut Events) -> Option<f64> {
    loop {
        let event = events.peek()?;
        if matches!(event.code.as_str(), "o" | "r") {
            return Some(event.at);
        }
        events.next();
    }
}
