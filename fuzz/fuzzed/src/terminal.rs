//! What a target sends to a terminal, on its way to those who watch and replay (REC-11, T20).
//!
//! The first four bytes are the size; then come stretches, each behind its length, and changes of size.
//! Holds: no control, hidden or reordering character is shown; the screen keeps to its bounds; how the
//! bytes were cut makes no difference; and a keyframe is the screen it was made of.

use crate::draws::Draws;
use recorder::{COLUMNS, Emulator, ROWS, Screen, visible};

/// A stretch of this length is a change of size.
const RESIZE: u8 = 255;

enum Step<'a> {
    Feed(&'a [u8]),
    Resize(usize, usize),
}

/// One terminal.
pub fn run(data: &[u8]) {
    let mut draws = Draws::new(data);
    let (columns, rows) = (usize::from(draws.short()), usize::from(draws.short()));
    let mut steps = Vec::new();
    while !draws.is_over() {
        steps.push(match draws.byte() {
            RESIZE => Step::Resize(usize::from(draws.short()), usize::from(draws.short())),
            length => Step::Feed(draws.bytes(usize::from(length))),
        });
    }
    let Some(mut cut) = Emulator::new(columns, rows) else { return };
    let Some(mut whole) = Emulator::new(columns, rows) else { return };
    let (mut scrolled, mut scrolled_whole) = (Vec::new(), Vec::new());
    let mut pending = Vec::new();
    for step in &steps {
        match step {
            Step::Feed(bytes) => {
                scrolled.extend(cut.feed(bytes));
                pending.extend_from_slice(bytes);
            }
            Step::Resize(columns, rows) => {
                scrolled_whole.extend(whole.feed(&std::mem::take(&mut pending)));
                scrolled.extend(cut.resize(*columns, *rows));
                scrolled_whole.extend(whole.resize(*columns, *rows));
            }
        }
        is_harmless(&cut.screen());
    }
    scrolled_whole.extend(whole.feed(&pending));
    assert_eq!(cut.screen(), whole.screen(), "the screen hangs on how the bytes were cut");
    assert_eq!(cut.dump(), whole.dump());
    comes_back(&cut);
    let _ = cut.row_before_cursor();
    scrolled.extend(cut.finish());
    scrolled_whole.extend(whole.finish());
    assert_eq!(scrolled, scrolled_whole, "the transcript hangs on how the bytes were cut");
    assert!(scrolled.iter().all(|line| !line.chars().any(char::is_control)), "{scrolled:?}");
    let shown = visible(&String::from_utf8_lossy(data));
    assert!(!shown.chars().any(|c| c.is_control() || lifecycle::is_hidden(c)));
}

fn is_harmless(screen: &Screen) {
    assert!(screen.columns <= COLUMNS && screen.rows.len() <= ROWS);
    for row in &screen.rows {
        assert!(row.iter().map(|run| run.text.chars().count()).sum::<usize>() <= screen.columns);
        for run in row {
            assert!(!run.text.chars().any(|c| c.is_control() || lifecycle::is_hidden(c)), "{run:?}");
        }
    }
}

/// A keyframe brings an empty terminal of the same size to the same screen.
fn comes_back(emulator: &Emulator) {
    let (columns, rows) = emulator.size();
    let mut fresh = Emulator::new(columns, rows).unwrap();
    fresh.feed_text(&emulator.dump());
    assert_eq!(fresh.screen().rows, emulator.screen().rows, "a keyframe shows something else");
}
