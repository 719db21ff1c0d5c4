//! What people wrote, made harmless before it is carried: bounded, every character visible, and no
//! address that a mail program would turn into a link.

/// Longest text of a person that is carried.
const LONGEST: usize = 500;

/// One line of at most 500 characters, in which everything that shows nothing, breaks a line, or
/// changes how others are shown is written as its number.
pub(super) fn visible(text: &str) -> String {
    let shown = lifecycle::visible(&text.chars().take(LONGEST).collect::<String>());
    if text.chars().nth(LONGEST).is_some() { shown + "…" } else { shown }
}

/// The same, in which no address can be clicked: the one link of a mail is the program's own.
pub(super) fn unlinked(text: &str) -> String {
    let text = visible(text).replace("://", "[://]");
    let mut shown = String::with_capacity(text.len());
    let mut before = ' ';
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        // A domain: a dot between a letter or digit and a letter.
        if c == '.' && before.is_alphanumeric() && rest.peek().is_some_and(|after| after.is_alphabetic()) {
            shown.push_str("[.]");
        } else {
            shown.push(c);
        }
        before = c;
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hides_or_breaks_is_shown() {
        let hostile = "a\r\nBcc: x\u{202e}gnp\u{2028}b\u{200b}\u{1b}[2J\0";
        assert_eq!(visible(hostile), "a\\u{d}\\u{a}Bcc: x\\u{202e}gnp\\u{2028}b\\u{200b}\\u{1b}[2J\\u{0}");
        assert_eq!(visible("Panne d’IRM — « écran noir »\u{a0}!"), "Panne d’IRM — « écran noir »\u{a0}!");
        let long = visible(&"é".repeat(10_000));
        assert_eq!((long.chars().count(), long.ends_with('…')), (501, true));
    }

    #[test]
    fn nothing_can_be_clicked() {
        assert_eq!(unlinked("see https://evil.example/requests/1."), "see https[://]evil[.]example/requests/1.");
        assert_eq!(unlinked("www.evil.example, a@b.example"), "www[.]evil[.]example, a@b[.]example");
        assert_eq!(unlinked("version 2.1. Fin."), "version 2.1. Fin.");
    }
}
