//! The lines of a terminal that scrolled away while it was watched: to look back at, within bounds.
//! The whole stands in the recording.

use std::collections::VecDeque;

/// Lines kept of one terminal.
const LINES: usize = 2000;
/// Bytes kept of one terminal.
const BYTES: usize = 512 << 10;
/// Bytes kept of all terminals of a session.
const SESSION: usize = 8 << 20;
/// Lines given at once.
const AT_ONCE: usize = 200;
/// Bytes given at once, but for a single line that is longer: an answer is in nobody's way.
const ANSWER: usize = 128 << 10;

/// What one line costs in memory.
fn cost(line: &str) -> usize {
    line.len() + size_of::<String>()
}

/// One terminal's lines, numbered from 0.
#[derive(Debug, Default)]
pub(super) struct History {
    lines: VecDeque<String>,
    /// The number of the oldest that is kept.
    first: u64,
    bytes: usize,
}

/// Some of them.
#[derive(Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The number of the first one.
    pub first: u64,
    /// The lines, oldest first.
    pub lines: Vec<String>,
    /// Older ones are kept.
    pub more: bool,
}

impl History {
    /// Takes lines as they leave the screen. Each is made fit to be seen.
    pub(super) fn take(&mut self, gone: &[String]) {
        for line in gone {
            let mut line = recorder::visible(line);
            line.shrink_to_fit();
            self.bytes += cost(&line);
            self.lines.push_back(line);
            while self.lines.len() > LINES || self.bytes > BYTES {
                self.forget_oldest();
            }
        }
    }

    fn forget_oldest(&mut self) {
        if let Some(line) = self.lines.pop_front() {
            self.bytes -= cost(&line);
            self.first += 1;
        }
    }

    /// At most [`AT_ONCE`] lines before this number; `None`: the newest.
    pub(super) fn before(&self, before: Option<u64>) -> Excerpt {
        let newest = self.first + self.lines.len() as u64;
        let end = before.unwrap_or(newest).clamp(self.first, newest);
        let kept = usize::try_from(end - self.first).unwrap_or(0);
        let mut bytes = 0;
        let fitting = self.lines.range(..kept).rev().take(AT_ONCE).enumerate().take_while(|(n, line)| {
            bytes += cost(line);
            *n == 0 || bytes <= ANSWER
        });
        let start = kept - fitting.count();
        Excerpt {
            first: self.first + start as u64,
            lines: self.lines.range(start..kept).cloned().collect(),
            more: start > 0,
        }
    }
}

/// Keeps a session's terminals together within bounds: whoever has the most forgets first.
pub(super) fn bound<'a>(histories: impl Iterator<Item = &'a mut History>) {
    let mut all: Vec<&mut History> = histories.collect();
    let mut bytes: usize = all.iter().map(|one| one.bytes).sum();
    while bytes > SESSION
        && let Some(most) = all.iter_mut().max_by_key(|one| one.bytes)
    {
        let before = most.bytes;
        most.forget_oldest();
        bytes -= before - most.bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(count: usize) -> History {
        let mut history = History::default();
        history.take(&(0..count).map(|n| format!("line {n}")).collect::<Vec<_>>());
        history
    }

    #[test]
    fn lines_are_given_in_pieces_from_the_newest_back() {
        let history = numbered(450);
        let last = history.before(None);
        assert_eq!((last.first, last.lines.len(), last.more), (250, 200, true));
        assert_eq!(last.lines[199], "line 449");
        let middle = history.before(Some(last.first));
        assert_eq!((middle.first, middle.lines.len(), middle.more), (50, 200, true));
        let first = history.before(Some(middle.first));
        assert_eq!((first.first, first.lines.len(), first.more), (0, 50, false));
        assert_eq!(first.lines[0], "line 0");
        assert_eq!(history.before(Some(0)), Excerpt { first: 0, lines: Vec::new(), more: false });
        assert_eq!(history.before(Some(u64::MAX)), last, "a number that never was");
    }

    /// What was dropped is not promised, and numbers stay with their lines.
    #[test]
    fn the_oldest_are_dropped() {
        let history = numbered(LINES + 30);
        let oldest = history.before(Some(31));
        assert_eq!(oldest, Excerpt { first: 30, lines: vec!["line 30".to_owned()], more: false });
        assert_eq!(history.before(Some(7)), Excerpt { first: 30, lines: Vec::new(), more: false });
        assert_eq!(History::default().before(None), Excerpt { first: 0, lines: Vec::new(), more: false });
    }

    #[test]
    fn long_lines_are_bounded_by_their_bytes() {
        let mut history = History::default();
        let long = "x".repeat(16 << 10);
        for _ in 0..100 {
            history.take(std::slice::from_ref(&long));
            assert!(history.bytes <= BYTES);
        }
        let excerpt = history.before(None);
        assert!(excerpt.lines.iter().map(String::len).sum::<usize>() <= ANSWER && excerpt.more, "{}", excerpt.first);
        history.take(&["y".repeat(ANSWER + 1)]);
        assert_eq!(history.before(None).lines.len(), 1, "one line goes whatever it is");
    }

    #[test]
    fn all_terminals_together_are_bounded() {
        let mut all: Vec<History> = (0..20).map(|_| History::default()).collect();
        let long = "x".repeat(10_000);
        for history in &mut all {
            history.take(&vec![long.clone(); 60]);
        }
        all[0] = numbered(10);
        bound(all.iter_mut());
        assert!(all.iter().map(|one| one.bytes).sum::<usize>() <= SESSION);
        assert_eq!(all[0].before(None).lines.len(), 10, "the small ones keep theirs");
        assert!(all[1..].iter().all(|one| one.before(None).first > 0));
    }

    #[test]
    fn nothing_hidden_comes_out() {
        let mut history = History::default();
        history.take(&["a\u{202e}b\u{9b}c".to_owned()]);
        assert_eq!(history.before(None).lines, ["a\u{fffd}b\u{fffd}c"]);
    }
}
