//! Names of files as journal, recording and pages show them.

use std::fmt::Write as _;

/// Longest path that is shown, in characters.
const LONGEST: usize = 1024;

/// A path as text: whatever is no visible text is escaped, so that two different paths look different
/// and none can pretend to be another. What is longer than 1024 characters is cut and says so.
pub fn path(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => text.push_str("\\\\"),
                c if lifecycle::is_hidden(c) => text.extend(c.escape_unicode()),
                c => text.push(c),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(text, "\\x{byte:02x}");
        }
    }
    if text.chars().count() <= LONGEST {
        return text;
    }
    let kept: String = text.chars().take(LONGEST).collect();
    format!("{kept}… ({} bytes)", bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CVE-2016-1566: a name cannot hide what it is.
    #[test]
    fn names_are_shown_as_they_are() {
        assert_eq!(path("/srv/journal été.log".as_bytes()), "/srv/journal été.log");
        assert_eq!(path(b"a\x1b[31m\n\\"), "a\\u{1b}[31m\\u{a}\\\\");
        assert_eq!(path("exe\u{202e}gpj".as_bytes()), "exe\\u{202e}gpj");
        assert_eq!(path(b"caf\xe9"), "caf\\xe9");
        assert!(path(&[b'x'; 5000]).ends_with("… (5000 bytes)"));
    }
}
