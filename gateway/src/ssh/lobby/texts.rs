//! What people wrote, and lines that fit every client.

/// Longest reason and ticket that are kept.
const LONGEST: usize = 200;

/// A text that people wrote, fit to be shown and kept: one line, nothing hidden, not too long.
pub(super) fn shorten(text: &str) -> String {
    let visible: String = text
        .chars()
        .filter(|c| !c.is_control() && !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}'))
        .take(LONGEST)
        .collect();
    visible.trim().to_owned()
}

/// Lines of at most 74 columns: PuTTY adds two and breaks at 80 in the middle of words.
pub(crate) fn fold(text: &str) -> String {
    const WIDTH: usize = 74;
    let mut lines = Vec::new();
    for line in text.lines() {
        let indent: String = line.chars().take_while(|c| *c == ' ').collect();
        let mut current = indent.clone();
        for word in line.split_whitespace() {
            if current.chars().count() + word.chars().count() + 1 > WIDTH && current.trim() != "" {
                lines.push(std::mem::replace(&mut current, indent.clone()));
            }
            if current.trim() != "" {
                current.push(' ');
            }
            current.push_str(word);
        }
        lines.push(current);
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_one_visible_line() {
        assert_eq!(shorten(" PACS\r\n disk \u{1b}[31m\u{202e}x "), "PACS disk [31mx");
        assert_eq!(shorten(&"x".repeat(500)).len(), LONGEST);
    }

    #[test]
    fn lines_fit_the_narrowest_client() {
        let text = "word ".repeat(60);
        assert!(fold(&text).lines().all(|line| line.len() <= 74));
        assert_eq!(fold("a\n  b"), "a\n  b");
    }
}
