//! Names of files as journal, recording and pages show them.

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use std::fmt::Write as _;

/// Longest path that is shown whole, in characters; of a longer one, its first and its last half of that.
const LONGEST: usize = 1024;

/// A path as text: whatever is no visible text is escaped, so that two different paths look different
/// and none can pretend to be another. Of what is longer than 1024 characters the middle is left out,
/// which is said with its size and its SHA-256: a path can be made long without leading elsewhere
/// (`/./././`), and what counts stands at its end.
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
    let count = text.chars().count();
    if count <= LONGEST {
        return text;
    }
    let begin: String = text.chars().take(LONGEST / 2).collect();
    let end: String = text.chars().skip(count.saturating_sub(LONGEST / 2)).collect();
    let whole = HEXLOWER.encode(digest(&SHA256, bytes).as_ref());
    format!("{begin}… ({} bytes, SHA-256 {whole}) …{end}", bytes.len())
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
    }

    /// However long a path is made, it is seen where it leads, and no two look the same.
    #[test]
    fn a_long_path_shows_its_end_and_is_not_mistaken_for_another() {
        let padded = |middle: &str| format!("/srv{}{middle}{}/etc/shadow", "/.".repeat(700), "/.".repeat(700));
        let (one, other) = (padded("/a"), padded("/b"));
        let shown = path(one.as_bytes());
        assert!(shown.starts_with("/srv/.") && shown.ends_with("/./etc/shadow"), "{shown}");
        assert!(shown.contains("… (2817 bytes, SHA-256 "), "{shown}");
        assert_ne!(shown, path(other.as_bytes()));
        assert!(shown.chars().count() > LONGEST, "no path that is shown whole looks like one that is not");
        assert!(path(&[b'x'; LONGEST]).chars().all(|c| c == 'x'));
    }
}
