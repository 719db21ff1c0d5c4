//! What a check says. Texts of a bundle are a stranger's, so all that is said passes one place.

use crate::merkle::Hash;

/// So many things that do not hold are said; all are counted.
const SAID: u64 = 1000;

/// Something the check has to say, in plain words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Said {
    /// This holds.
    Holds(String),
    /// This does not.
    Wrong(String),
    /// This is to be known.
    Note(String),
}

/// What a check of a bundle came to.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct BundleReport {
    /// Entries whose place and content hold.
    pub entries: u64,
    /// Those of them whose content was erased.
    pub erased: u64,
    /// Things that do not hold. None: all holds.
    pub wrong: u64,
    /// Size and root of the checkpoint.
    pub checkpoint: Option<(u64, Hash)>,
}

/// Says and counts.
pub(super) struct Voice<'a> {
    pub(super) say: &'a mut dyn FnMut(Said),
    pub(super) report: BundleReport,
}

impl Voice<'_> {
    pub(super) fn wrong(&mut self, what: String) {
        let what = plain(&what);
        self.report.wrong += 1;
        match self.report.wrong {
            ..SAID => (self.say)(Said::Wrong(what)),
            SAID => (self.say)(Said::Wrong(format!("{what}; what else does not hold is counted and not said"))),
            _ => {}
        }
    }

    pub(super) fn holds(&mut self, what: String) {
        (self.say)(Said::Holds(plain(&what)));
    }

    pub(super) fn note(&mut self, what: String) {
        (self.say)(Said::Note(plain(&what)));
    }
}

/// A text as it may be shown: what a terminal would obey, and what would turn or hide the words beside it,
/// is escaped.
pub fn plain(text: &str) -> String {
    let obeyed = |c: char| {
        c.is_control()
            || matches!(c,
                '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
    };
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match obeyed(c) {
            true => shown.extend(c.escape_unicode()),
            false => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_said_commands_a_terminal() {
        assert_eq!(plain("Zoé `a/b` … \u{2014}"), "Zoé `a/b` … \u{2014}");
        assert_eq!(plain("\u{1b}[8m\r\n\u{9b}2J"), "\\u{1b}[8m\\u{d}\\u{a}\\u{9b}2J");
        assert_eq!(plain("a\u{202e}b\u{2066}"), "a\\u{202e}b\\u{2066}");
    }
}
