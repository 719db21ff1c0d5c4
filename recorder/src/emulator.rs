//! What a terminal would show, as rows of styled text: for live view, replay, search and the
//! judging of prompts (D28). Nothing of what a target sends reaches anybody's terminal raw; only a
//! fixed set of attributes does.

use avt::parser::{Function, State};
use avt::{Color, Line, Observation, Observer, Parser, Pen, Terminal};
use serde::{Deserialize, Serialize};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Largest terminal (D28).
pub const COLUMNS: usize = 500;
/// Largest terminal (D28).
pub const ROWS: usize = 200;

/// A colour of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Colour {
    /// Of the 256 that terminals number.
    Indexed(u8),
    /// Red, green, blue.
    Rgb(u8, u8, u8),
}

/// How a run of text looks. There are no others: no blinking, no hidden text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Style {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foreground: Option<Colour>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub background: Option<Colour>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub bold: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub faint: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub italic: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub underline: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inverse: bool,
}

/// Text of one style.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// The text, without any control character.
    pub text: String,
    /// How it looks.
    pub style: Style,
}

/// A whole screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Screen {
    /// Its width.
    pub columns: usize,
    /// Column and row of the cursor, from 0; `None` where it is hidden.
    pub cursor: Option<(usize, usize)>,
    /// Its rows, from the top, each without the blanks at its end.
    pub rows: Vec<Vec<Run>>,
}

impl Screen {
    /// The rows as plain text.
    pub fn text(&self) -> Vec<String> {
        self.rows.iter().map(|row| row.iter().map(|run| run.text.as_str()).collect()).collect()
    }
}

/// Longest line of a transcript, in bytes: a line that never ends is broken here.
const LINE: usize = 16 << 10;
/// What sequences begin with.
const ESCAPE: char = '\u{1b}';
/// What no terminal shows.
const DELETE: char = '\u{7f}';
/// Characters taken at once: what they can become is kept in memory until they are.
const PIECE: usize = 1024;

/// Lines that scrolled away, joined where the terminal only wrapped them. Bounded whatever comes.
#[derive(Default)]
struct Lines {
    wanted: bool,
    pending: String,
    ready: Vec<String>,
}

impl Lines {
    fn push(&mut self, line: &Line) {
        if !self.wanted {
            return;
        }
        self.pending.extend(line.chars());
        if !line.is_wrapped() || self.pending.len() > LINE {
            let text = self.pending.trim_end();
            if !text.is_empty() {
                self.ready.push(text.to_owned());
            }
            self.pending.clear();
        }
    }
}

impl Observer for Lines {
    type Output = ();

    fn evicted(&mut self, _: &mut Observation<'_>, line: &Line) {
        self.push(line);
    }

    fn end(&mut self, _: &mut Observation<'_>) {}
}

/// A terminal that shows nothing to anybody by itself.
pub struct Emulator {
    terminal: Terminal,
    parser: Parser,
    lines: Lines,
    /// The beginning of a character whose end has not come.
    partial: Vec<u8>,
    /// The beginning of a sequence whose end has not come.
    unfinished: String,
}

/// A size as it is shown: a dimension of nothing says nothing (RFC 4254, 6.2), and 80 by 24 is what
/// programs then take.
pub(crate) fn sized(columns: usize, rows: usize) -> (usize, usize) {
    let (columns, rows) = (if columns == 0 { 80 } else { columns }, if rows == 0 { 24 } else { rows });
    (columns.min(COLUMNS), rows.min(ROWS))
}

fn terminal(columns: usize, rows: usize) -> (usize, usize, Option<Terminal>) {
    let (columns, rows) = sized(columns, rows);
    (columns, rows, Terminal::new(columns, rows).ok())
}

impl Emulator {
    /// An empty screen of this size, as far as sizes go.
    pub fn new(columns: usize, rows: usize) -> Option<Self> {
        let (_, _, terminal) = terminal(columns, rows);
        Some(Self {
            terminal: terminal?,
            parser: Parser::new(),
            lines: Lines { wanted: true, ..Lines::default() },
            partial: Vec::new(),
            unfinished: String::new(),
        })
    }

    /// One that forgets what scrolls away.
    #[must_use]
    pub fn without_transcript(mut self) -> Self {
        self.lines.wanted = false;
        self
    }

    /// Takes what a target sent. Gives the lines that scrolled away for good.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let text = decode(&mut self.partial, bytes);
        self.feed_text(&text)
    }

    /// The same, of whole characters.
    pub fn feed_text(&mut self, text: &str) -> Vec<String> {
        let mut rest = text;
        while !rest.is_empty() {
            let end = rest.char_indices().nth(PIECE).map_or(rest.len(), |(end, _)| end);
            let (piece, after) = rest.split_at(end);
            let functions = self.parse(piece);
            self.guarded(|terminal, lines| terminal.execute_with(functions, lines));
            rest = after;
        }
        std::mem::take(&mut self.lines.ready)
    }

    /// What a text asks of the terminal. One short sequence may ask for a character 65 535 times, which
    /// would make a gigabyte of a few kilobytes: a row full of it is what any program means.
    fn parse(&mut self, text: &str) -> Vec<Function> {
        let widest = u16::try_from(self.terminal.size().0).unwrap_or(u16::MAX);
        let mut functions = Vec::new();
        for c in text.chars() {
            let function = self.parser.feed(c);
            match self.parser.state {
                State::Ground => self.unfinished.clear(),
                // Whatever was under way, a sequence begins anew.
                _ if c == ESCAPE || ('\u{80}'..='\u{9f}').contains(&c) => {
                    self.unfinished.clear();
                    self.unfinished.push(c);
                }
                // A control within a sequence is carried out at once, and the sequence goes on behind it.
                _ if function.is_some() => {}
                _ => self.unfinished.push(c),
            }
            if self.unfinished.len() > LINE {
                // A sequence that long is none.
                self.parser = Parser::new();
                self.unfinished.clear();
            }
            match function {
                Some(Function::Rep(times)) => functions.push(Function::Rep(times.min(widest))),
                // No terminal shows it: a word with one in it is read, and so is to be found, without.
                Some(Function::Print(DELETE)) | None => {}
                Some(function) => functions.push(function),
            }
        }
        functions
    }

    /// What a hostile target makes of the emulator must not take a session, a sealing or an evening of
    /// replay along: a panic in there costs the screen, and the screen begins anew.
    fn guarded(&mut self, work: impl FnOnce(&mut Terminal, &mut Lines)) {
        let Self { terminal, lines, .. } = self;
        if catch_unwind(AssertUnwindSafe(|| work(terminal, lines))).is_err() {
            let (columns, rows) = self.terminal.size();
            if let (_, _, Some(fresh)) = self::terminal(columns, rows) {
                self.terminal = fresh;
                self.lines.pending.clear();
            }
        }
    }

    /// The window has another size.
    pub fn resize(&mut self, columns: usize, rows: usize) -> Vec<String> {
        let (columns, rows) = sized(columns, rows);
        self.guarded(|terminal, lines| terminal.resize_with(columns, rows, lines));
        std::mem::take(&mut self.lines.ready)
    }

    /// Columns and rows.
    pub fn size(&self) -> (usize, usize) {
        self.terminal.size()
    }

    /// The lines that are left at the end.
    pub fn finish(self) -> Vec<String> {
        let Self { terminal, mut lines, .. } = self;
        terminal.primary_screen().all_lines().for_each(|line| lines.push(line));
        let last = lines.pending.trim_end().to_owned();
        if !last.is_empty() {
            lines.ready.push(last);
        }
        lines.ready
    }

    /// What is shown now.
    pub fn screen(&self) -> Screen {
        Screen {
            columns: self.terminal.size().0,
            cursor: self.terminal.cursor().position(),
            rows: self.terminal.screen().visible_lines().map(runs).collect(),
        }
    }

    /// The row the cursor stands in, up to the cursor, and whether anything stands behind it.
    pub fn row_before_cursor(&self) -> (String, bool) {
        let cursor = self.terminal.cursor();
        let Some(line) = self.terminal.screen().line(cursor.row) else { return (String::new(), false) };
        let cells = line.cells();
        let text = |cells: &[avt::Cell]| -> String {
            cells.iter().filter(|cell| cell.width() > 0).map(avt::Cell::char).collect()
        };
        let (before, behind) = cells.split_at(cursor.col.min(cells.len()));
        (text(before), !text(behind).trim().is_empty())
    }

    /// The row the cursor stands in and so many above it, as plain text.
    pub(crate) fn rows_above_cursor(&self, count: usize) -> Vec<String> {
        let cursor = self.terminal.cursor().row;
        let rows = self.terminal.screen().visible_lines().enumerate();
        let from = cursor.saturating_sub(count);
        rows.filter(|(n, _)| (from..=cursor).contains(n)).map(|(_, line)| line.text()).collect()
    }

    /// The rows of the first line shown that scrolled away already, where the terminal only wrapped it.
    pub(crate) fn begun(&self) -> &str {
        &self.lines.pending
    }

    /// What is shown now as lines of text: rows that the terminal only wrapped are joined, and a line of
    /// which the beginning scrolled away has what is left of it.
    pub(crate) fn shown_lines(&self) -> Vec<String> {
        let mut lines = vec![String::new()];
        for row in self.terminal.screen().visible_lines() {
            if let Some(line) = lines.last_mut() {
                line.extend(row.chars());
            }
            if !row.is_wrapped() {
                lines.push(String::new());
            }
        }
        lines.into_iter().map(|line| line.trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
    }

    /// A text that brings an empty terminal of the same size to this state.
    pub fn dump(&self) -> String {
        format!("{}{}", self.terminal.dump(), self.unfinished)
    }
}

/// Bytes as text. What is not UTF-8 becomes U+FFFD; a character whose end has not come waits.
pub(crate) fn decode(partial: &mut Vec<u8>, bytes: &[u8]) -> String {
    let mut all = std::mem::take(partial);
    all.extend_from_slice(bytes);
    let mut text = String::with_capacity(all.len());
    for chunk in all.utf8_chunks() {
        text.push_str(chunk.valid());
        let invalid = chunk.invalid();
        if invalid.is_empty() {
            continue;
        }
        // At the very end it may be only the beginning of a character.
        let at_end = std::ptr::eq(invalid.as_ptr_range().end, all.as_ptr_range().end);
        if at_end && invalid.len() < 4 && std::str::from_utf8(invalid).is_err_and(|e| e.error_len().is_none()) {
            partial.extend_from_slice(invalid);
        } else {
            text.push(char::REPLACEMENT_CHARACTER);
        }
    }
    text
}

fn colour(colour: Option<Color>) -> Option<Colour> {
    colour.map(|colour| match colour {
        Color::Indexed(n) => Colour::Indexed(n),
        Color::RGB(rgb) => Colour::Rgb(rgb.r, rgb.g, rgb.b),
    })
}

fn style(pen: &Pen) -> Style {
    Style {
        foreground: colour(pen.foreground()),
        background: colour(pen.background()),
        bold: pen.is_bold(),
        faint: pen.is_faint(),
        italic: pen.is_italic(),
        underline: pen.is_underline(),
        inverse: pen.is_inverse(),
    }
}

fn runs(line: &Line) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for cell in line.cells().iter().filter(|cell| cell.width() > 0) {
        let style = style(cell.pen());
        let c = shown(cell.char());
        match runs.last_mut() {
            Some(run) if run.style == style => run.text.push(c),
            _ => runs.push(Run { text: c.to_string(), style }),
        }
    }
    if let Some(last) = runs.last_mut()
        && last.style == Style::default()
    {
        last.text.truncate(last.text.trim_end().len());
    }
    runs.retain(|run| !run.text.is_empty());
    runs
}

/// A text with nothing in it that hides, reorders or controls: each such character is U+FFFD (T20).
pub fn visible(text: &str) -> String {
    text.chars().map(shown).collect()
}

fn shown(c: char) -> char {
    if c.is_control() || is_hidden(c) { char::REPLACEMENT_CHARACTER } else { c }
}

/// Characters that hide, reorder or take no room: shown as U+FFFD (T20). Unicode's
/// Default_Ignorable_Code_Point but for the selectors that programs put behind their symbols, what turns or
/// breaks a line, and the blank pattern of Braille.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}'
        | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn screen_of(bytes: &[u8]) -> Vec<String> {
        let mut emulator = Emulator::new(20, 3).unwrap();
        emulator.feed(bytes);
        emulator.screen().text()
    }

    #[test]
    fn what_is_overwritten_is_resolved() {
        assert_eq!(screen_of(b"hello\x08\x08p!\r\n\x1b[31mred"), ["help!", "red", ""]);
    }

    /// REC-11: nothing but text and a fixed set of attributes comes out.
    #[test]
    fn no_control_character_comes_out() {
        let hostile = "\u{1b}]0;title\u{7}\u{1b}P+q\u{1b}\\a\u{202e}b\u{1b}[8mhidden\u{9b}31m\u{85}".as_bytes();
        let text = screen_of(hostile).concat();
        assert!(text.chars().all(|c| !c.is_control() && !is_hidden(c)), "{text:?}");
        assert!(text.contains("hidden"), "concealed text is shown (T20): {text:?}");
    }

    /// As on every terminal: a prompt or a word is not hidden from those who look for it by characters that
    /// nobody sees.
    #[test]
    fn a_delete_character_shows_nothing() {
        assert_eq!(screen_of(b"Pass\x7fword:\x7f\x7f x"), ["Password: x", "", ""]);
        let mut emulator = Emulator::new(20, 1).unwrap();
        let mut lines = emulator.feed(b"r\x7fm -rf\r\nx");
        lines.extend(emulator.finish());
        assert_eq!(lines, ["rm -rf", "x"]);
    }

    #[test]
    fn characters_may_come_in_pieces_and_rubbish_is_marked() {
        let mut emulator = Emulator::new(20, 1).unwrap();
        for byte in "é€".as_bytes() {
            emulator.feed(&[*byte]);
        }
        emulator.feed(&[0xff, b'x', 0xe2]);
        emulator.feed(b"y");
        assert_eq!(emulator.screen().text(), ["é€\u{fffd}x\u{fffd}y"]);
    }

    #[test]
    fn a_dump_brings_the_screen_back() {
        let mut emulator = Emulator::new(30, 5).unwrap();
        emulator.feed(b"\x1b[?1049h\x1b[2;3H\x1b[1;44mvi\x1b[m\x1b[4;1Hx");
        let mut again = Emulator::new(30, 5).unwrap();
        again.feed_text(&emulator.dump());
        assert_eq!(again.screen(), emulator.screen());
    }

    /// A control within a sequence takes effect once, and a keyframe made between its parts is whole.
    #[test]
    fn a_dump_within_a_sequence_brings_it_back() {
        for (before, behind) in [("\u{1b}[1;3\u{b}", "1mx"), ("\u{1b}[31\u{b})", "my"), ("\u{1b}]0;title\u{7}\n", "z")]
        {
            let mut emulator = Emulator::new(30, 5).unwrap();
            emulator.feed_text(before);
            let mut again = Emulator::new(30, 5).unwrap();
            again.feed_text(&emulator.dump());
            assert_eq!(again.screen(), emulator.screen());
            emulator.feed_text(behind);
            again.feed_text(behind);
            assert_eq!(again.screen(), emulator.screen(), "{before:?}");
        }
    }

    /// Titles alone are no endless sequence.
    #[test]
    fn titles_show_nothing_however_many() {
        let mut emulator = Emulator::new(20, 2).unwrap();
        let mut lines = emulator.feed_text(&"\u{1b}]0;title\u{7}\n".repeat(4000));
        lines.extend(emulator.finish());
        assert_eq!(lines, [""; 0]);
    }

    /// A few kilobytes that ask for a gigabyte get rows, not memory.
    /// Past failures: CVE-2024-35164, CVE-2017-3158.
    #[test]
    fn repetition_is_bounded() {
        let mut emulator = Emulator::new(500, 200).unwrap();
        let bomb = "X\x1b[65535b".repeat(3000);
        let lines = emulator.feed_text(&bomb);
        let bytes: usize = lines.iter().map(String::len).sum();
        assert!(bytes < 500 * 3000 + LINE, "{bytes}");
        assert!(lines.iter().all(|line| line.len() <= LINE + 500 * 4));
        let mut quiet = Emulator::new(80, 24).unwrap().without_transcript();
        assert!(quiet.feed_text(&"line\r\n".repeat(1000)).is_empty());
    }

    /// A keyframe laid in the middle of a sequence goes on with it.
    #[test]
    fn a_dump_keeps_an_unfinished_sequence() {
        let mut emulator = Emulator::new(20, 2).unwrap();
        emulator.feed_text("a\x1b[3");
        let mut again = Emulator::new(20, 2).unwrap();
        again.feed_text(&emulator.dump());
        again.feed_text("1mb");
        assert_eq!(again.screen().text()[0], "ab");
    }

    #[test]
    fn sizes_have_limits() {
        assert_eq!(Emulator::new(100_000, 0).unwrap().size(), (COLUMNS, 24));
    }
}
