//! Rights in plain words: what each allows, what it names, and how far it goes beyond its name. Whoever
//! approves reads this before saying yes.

use crate::texts::{Texts, visible};
use policy::{Reach, Right, Rights};

/// A right, ready for a page.
pub(crate) struct ShownRight {
    /// What it allows.
    pub(crate) words: String,
    /// The command or the address it is for, in full, with what is hidden in it written out.
    pub(crate) what: Option<String>,
    /// How far it goes beyond its name: the word for a mark, and the text.
    pub(crate) reach: Option<(&'static str, String)>,
}

/// The word for what a right reaches; `None`: what its name says.
pub(crate) fn reach_word(reach: Reach) -> Option<&'static str> {
    match reach {
        Reach::FreeShell => Some("free-shell"),
        Reach::EqualsShell => Some("equals-shell"),
        Reach::Unseen => Some("unseen"),
        Reach::AsNamed => None,
    }
}

/// What a right is for, if it names something.
fn named(right: &Right) -> Option<String> {
    match right {
        Right::Command(line) => Some(line.to_string()),
        Right::Forward(to) => Some(to.to_string()),
        Right::Shell | Right::Exec | Right::SftpRead | Right::SftpWrite | Right::ScpRead | Right::ScpWrite => None,
    }
}

impl Texts {
    /// A right in its parts, for a page.
    pub(crate) fn shown(&self, right: &Right) -> ShownRight {
        ShownRight {
            words: self.text(&format!("right-{}", right.word())),
            what: named(right).map(|what| visible(&what)),
            reach: reach_word(right.reach()).map(|word| (word, self.text(&format!("reach-{word}")))),
        }
    }

    /// A right in one line.
    pub fn right(&self, right: &Right) -> String {
        let shown = self.shown(right);
        let what = shown.what.map_or_else(String::new, |what| format!("{} {what}", self.text("colon")));
        let reach = shown.reach.map_or_else(String::new, |(_, reach)| format!(" ({reach})"));
        format!("{}{what}{reach}", shown.words)
    }

    /// Several of them, a line each.
    pub(crate) fn rights(&self, rights: &Rights) -> String {
        rights.iter().map(|right| self.right(right)).collect::<Vec<_>>().join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Language;
    use jiff::tz::TimeZone;

    fn texts(language: Language) -> Texts {
        Texts::new(language, TimeZone::UTC)
    }

    fn right(text: &str) -> Right {
        text.parse().unwrap()
    }

    /// THREATS T23: whoever approves reads that a right is more than its name says, in both languages.
    #[test]
    fn every_right_says_how_far_it_goes() {
        for (text, english, french) in [
            ("shell", "free shell", "accès libre"),
            ("exec", "free shell", "accès libre"),
            ("sftp-write", "equals a shell", "vaut un accès libre"),
            ("scp-write", "equals a shell", "vaut un accès libre"),
            ("forward 10.20.3.14:3389", "content not seen", "contenu non vu"),
        ] {
            for (language, words) in [(Language::English, english), (Language::French, french)] {
                let shown = texts(language).shown(&right(text));
                let (_, reach) = shown.reach.unwrap();
                assert!(reach.starts_with(words), "{text}: {reach}");
                assert!(texts(language).right(&right(text)).contains(words), "{text}");
            }
        }
        for text in ["sftp-read", "scp-read", "command uptime -p"] {
            assert!(texts(Language::English).shown(&right(text)).reach.is_none(), "{text}");
        }
    }

    /// A command and a tunnel stand there in full, and nothing in them hides.
    #[test]
    fn what_a_right_names_is_shown_whole() {
        let line = format!("command echo {} a\u{202e}b", "x".repeat(300));
        let what = texts(Language::English).shown(&right(&line)).what.unwrap();
        assert!(what.contains(&"x".repeat(300)) && what.ends_with("a\\u{202e}b"), "{what}");
        let tunnel = texts(Language::French).right(&right("forward [2001:db8::1]:443"));
        assert!(tunnel.contains("\u{a0}: [2001:db8::1]:443 ("), "{tunnel}");
    }

    #[test]
    fn each_right_has_words_of_its_own() {
        let mut all: Vec<String> =
            Right::WORDS.iter().map(|right| texts(Language::French).shown(right).words).collect();
        all.extend(
            [right("command x"), right("forward 10.1.1.1:1")].map(|right| texts(Language::French).shown(&right).words),
        );
        assert!(all.iter().all(|words| !words.starts_with("right-")), "{all:?}");
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
