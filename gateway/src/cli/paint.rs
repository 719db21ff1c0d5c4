//! Drawing emulated screens on a real terminal, and taking its keys. What is drawn are cells with a
//! fixed set of attributes; no byte of a target gets here as it was (D28, REC-11).

use super::output::visible;
use lifecycle::order::{Failure, exit};
use recorder::{Colour, Run, Style};
use rustix::termios::{self, OptionalActions, Termios};
use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use unicode_width::UnicodeWidthChar as _;

/// A terminal in raw mode with the other screen; put back as it was when dropped.
pub(super) struct Stage {
    before: Termios,
    rows: Vec<Vec<Run>>,
    painted: Vec<String>,
    size: (usize, usize),
}

/// What is below the picture.
pub(super) struct Footer<'a> {
    /// What else goes on, above the state; empty: nothing.
    pub(super) strip: &'a str,
    /// One line about the state; drawn inverse.
    pub(super) state: &'a str,
    /// One line about what can be done, or what is asked.
    pub(super) help: &'a str,
}

impl Stage {
    /// Takes the terminal over. Refused where there is none.
    pub(super) fn enter() -> Result<Self, Failure> {
        let (stdin, stdout) = (std::io::stdin(), std::io::stdout());
        let none = || Failure::new(exit::USAGE, "this needs a terminal: run it in one, not in a pipe");
        if !stdin.is_terminal() || !stdout.is_terminal() {
            return Err(none());
        }
        let before = termios::tcgetattr(&stdin).map_err(|_| none())?;
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(&stdin, OptionalActions::Flush, &raw).map_err(|_| none())?;
        let mut stage = Self { before, rows: Vec::new(), painted: Vec::new(), size: (0, 0) };
        stage.write("\x1b[?1049h\x1b[2J");
        Ok(stage)
    }

    fn write(&mut self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes());
        let _ = out.flush();
    }

    /// Columns and rows of this terminal.
    pub(super) fn size() -> (usize, usize) {
        match termios::tcgetwinsize(std::io::stdout()) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (usize::from(size.ws_col), usize::from(size.ws_row)),
            _ => (80, 24),
        }
    }

    /// Begins another screen of this height.
    pub(super) fn resize(&mut self, height: usize) {
        self.rows.resize(height, Vec::new());
    }

    /// Replaces one row.
    pub(super) fn set_row(&mut self, n: usize, row: Vec<Run>) {
        if let Some(slot) = self.rows.get_mut(n) {
            *slot = row;
        }
    }

    /// Forgets the picture.
    pub(super) fn clear(&mut self) {
        self.rows.clear();
    }

    /// Draws what differs from what stands there. Returns once it is written.
    pub(super) fn paint(&mut self, cursor: Option<(usize, usize)>, footer: &Footer<'_>) {
        let (columns, lines) = Self::size();
        let mut out = String::from("\x1b[?25l");
        if (columns, lines) != self.size {
            out.push_str("\x1b[m\x1b[2J");
            self.size = (columns, lines);
            self.painted.clear();
        }
        let picture = lines.saturating_sub(if footer.strip.is_empty() { 2 } else { 3 });
        // Where it is too small, what is around the cursor is shown.
        let from = match cursor {
            Some((_, row)) if row >= picture => (row + 1).saturating_sub(picture),
            _ => 0,
        };
        let mut wanted: Vec<String> =
            (0..picture).map(|n| self.rows.get(from + n).map_or(String::new(), |row| styled(row, columns))).collect();
        if !footer.strip.is_empty() {
            wanted.push(format!("\x1b[m\x1b[1m{}", fitted(footer.strip, columns)));
        }
        wanted.push(format!("\x1b[m\x1b[7m{}\x1b[m", fitted(footer.state, columns)));
        wanted.push(fitted(footer.help, columns.saturating_sub(1)));
        self.painted.resize(wanted.len(), "\0".to_owned());
        for (n, (line, before)) in wanted.iter().zip(&self.painted).enumerate() {
            if line != before {
                let _ = write!(out, "\x1b[{};1H\x1b[m{line}\x1b[m\x1b[K", n + 1);
            }
        }
        self.painted = wanted;
        if let Some((column, row)) = cursor
            && row >= from
            && row - from < picture
            && column < columns
        {
            let _ = write!(out, "\x1b[{};{}H\x1b[?25h", row - from + 1, column + 1);
        }
        self.write(&out);
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        self.write("\x1b[m\x1b[?25h\x1b[?1049l");
        let _ = termios::tcsetattr(std::io::stdin(), OptionalActions::Flush, &self.before);
    }
}

/// A line cut and filled to a width, controls made visible.
fn fitted(text: &str, columns: usize) -> String {
    let (mut cut, width) = cut_to(&visible(text), columns);
    cut.extend(std::iter::repeat_n(' ', columns - width));
    cut
}

/// As much of a text as takes so many columns, and how many it takes: characters are up to two wide,
/// and what is wider than the window would run over the lines below.
fn cut_to(text: &str, columns: usize) -> (String, usize) {
    let (mut cut, mut width) = (String::new(), 0);
    for c in text.chars().filter(|c| !c.is_control()) {
        let wide = c.width().unwrap_or(0);
        if width + wide > columns {
            break;
        }
        width += wide;
        cut.push(c);
    }
    (cut, width)
}

fn colour(out: &mut String, colour: Colour, base: u8) {
    let _ = match colour {
        Colour::Indexed(n) if n < 8 => write!(out, ";{}", base + n),
        Colour::Indexed(n) if n < 16 => write!(out, ";{}", base + 60 + n - 8),
        Colour::Indexed(n) => write!(out, ";{};5;{n}", base + 8),
        Colour::Rgb(r, g, b) => write!(out, ";{};2;{r};{g};{b}", base + 8),
    };
}

/// Least difference of luminance at which text is shown in its own colours.
const LEAST_CONTRAST: u8 = 40;

/// Luminance of a colour, from 0 to 255 (Rec. 601), as most terminals show it.
fn luminance(colour: Colour) -> u8 {
    let (r, g, b) = match colour {
        Colour::Rgb(r, g, b) => (r, g, b),
        Colour::Indexed(n) => match n {
            0..16 => {
                let on = if n < 8 { 205 } else { 255 };
                let part = |bit: u8| if n & bit == 0 { if n < 8 { 0 } else { 90 } } else { on };
                (part(1), part(2), part(4))
            }
            16..232 => {
                let level = |n: u8| if n == 0 { 0 } else { 55 + 40 * n };
                ((level((n - 16) / 36)), level((n - 16) / 6 % 6), level((n - 16) % 6))
            }
            _ => (8 + 10 * (n - 232), 8 + 10 * (n - 232), 8 + 10 * (n - 232)),
        },
    };
    let weighed = (u32::from(r) * 299 + u32::from(g) * 587 + u32::from(b) * 114) / 1000;
    u8::try_from(weighed).unwrap_or(u8::MAX)
}

fn sgr(style: &Style) -> String {
    let mut out = String::from("\x1b[0");
    for (on, code) in [(style.bold, 1), (style.faint, 2), (style.italic, 3), (style.underline, 4), (style.inverse, 7)] {
        if on {
            let _ = write!(out, ";{code}");
        }
    }
    // Colours that can hardly be told apart would hide text from whoever watches (T20).
    let hidden = match (style.foreground.map(luminance), style.background.map(luminance)) {
        (Some(front), Some(back)) => front.abs_diff(back) < LEAST_CONTRAST,
        // Behind stands the watcher's own background, dark or light.
        (Some(front), None) => !(LEAST_CONTRAST..=255 - LEAST_CONTRAST / 2).contains(&front),
        _ => false,
    };
    if let Some(foreground) = style.foreground.filter(|_| !hidden) {
        colour(&mut out, foreground, 30);
    }
    if let Some(background) = style.background.filter(|_| !hidden) {
        colour(&mut out, background, 40);
    }
    out.push('m');
    out
}

fn styled(row: &[Run], columns: usize) -> String {
    let mut out = String::new();
    let mut left = columns;
    for run in row {
        let (text, width) = cut_to(&run.text, left);
        if text.is_empty() {
            break;
        }
        left -= width;
        let _ = write!(out, "{}{text}", sgr(&run.style));
    }
    out
}

/// A key, as far as they mean something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Char(char),
    Enter,
    Escape,
    Backspace,
    Tab,
    Left,
    Right,
    Home,
    End,
    /// Ctrl-C.
    Leave,
    /// Ctrl-F, which means the same whatever is being typed.
    Freeze,
    /// Ctrl-R, likewise.
    Resume,
    /// Ctrl-X, likewise.
    Cut,
}

/// The keys in what was read at once from a terminal.
pub(super) fn keys(bytes: &[u8]) -> Vec<Key> {
    const SEQUENCES: [(&[u8], Key); 9] = [
        (b"\x1b[D", Key::Left),
        (b"\x1b[C", Key::Right),
        (b"\x1bOD", Key::Left),
        (b"\x1bOC", Key::Right),
        (b"\x1b[H", Key::Home),
        (b"\x1b[F", Key::End),
        (b"\x1b[1~", Key::Home),
        (b"\x1b[4~", Key::End),
        (b"\x1b", Key::Escape),
    ];
    let mut keys = Vec::new();
    let mut rest = bytes;
    while let Some((&first, after)) = rest.split_first() {
        if let Some((sequence, key)) = SEQUENCES.iter().find(|(sequence, _)| rest.starts_with(sequence)) {
            keys.push(*key);
            rest = rest.get(sequence.len()..).unwrap_or_default();
            continue;
        }
        keys.push(match first {
            b'\r' | b'\n' => Key::Enter,
            b'\t' => Key::Tab,
            0x08 | 0x7f => Key::Backspace,
            // Ctrl-C leaves, as everywhere, whatever is being typed.
            0x03 => Key::Leave,
            0x06 => Key::Freeze,
            0x12 => Key::Resume,
            0x18 => Key::Cut,
            _ => {
                // A whole character; what is none is shown as such.
                let text = String::from_utf8_lossy(rest);
                let c = text.chars().next().unwrap_or(char::REPLACEMENT_CHARACTER);
                let length = if c == char::REPLACEMENT_CHARACTER { 1 } else { c.len_utf8() };
                rest = rest.get(length..).unwrap_or_default();
                keys.push(Key::Char(c));
                continue;
            }
        });
        rest = after;
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_told_apart() {
        assert_eq!(keys(b"q\x1b[D\x1b[C\x1b\r"), [Key::Char('q'), Key::Left, Key::Right, Key::Escape, Key::Enter]);
    }

    /// Accents are typed as people type them, and the brakes have keys that mean nothing else.
    #[test]
    fn characters_are_whole_and_brakes_have_keys() {
        assert_eq!(keys("é\u{20ac}".as_bytes()), [Key::Char('é'), Key::Char('€')]);
        assert_eq!(keys(&[0x06, 0x18, 0x12, 0x03]), [Key::Freeze, Key::Cut, Key::Resume, Key::Leave]);
    }

    /// T20: text of the colour of its background is shown.
    #[test]
    fn hidden_text_is_shown() {
        let black = Some(Colour::Indexed(0));
        let nearly = Some(Colour::Rgb(1, 1, 1));
        for (foreground, background) in
            [(black, black), (nearly, black), (black, None), (Some(Colour::Indexed(16)), black)]
        {
            assert_eq!(sgr(&Style { foreground, background, ..Style::default() }), "\x1b[0m");
        }
        let red = Style { foreground: Some(Colour::Indexed(1)), ..Style::default() };
        assert_eq!(sgr(&red), "\x1b[0;31m");
    }

    #[test]
    fn rows_are_cut_to_the_window() {
        let run = Run { text: "abcdef".into(), style: Style::default() };
        assert_eq!(styled(&[run], 3), "\x1b[0mabc");
        let wide = Run { text: "漢漢漢".into(), style: Style::default() };
        assert_eq!(styled(&[wide], 5), "\x1b[0m漢漢");
        assert_eq!(fitted("é\u{1b}x", 12), "é\\u{1b}x    ");
    }
}
