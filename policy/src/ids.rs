//! The names that rules, people and equipment are known by.
//!
//! One grammar for all, chosen so that no name can be read as two, hide in a login line, break
//! `scp host:path`, or climb out of a folder (PAST-FAILURES CVE-2026-35414, CVE-2023-42819).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Longest name, in bytes. A login line is at most three of them and two plus signs, which keeps
/// every prompt of OpenSSH (it prefixes `(login@host) `) on one line of 80 columns.
const LONGEST: usize = 32;

/// A name that does not follow the grammar, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Nothing was written.
    #[error("the {what} is empty: write 1 to {LONGEST} lower-case letters, digits or hyphens")]
    Empty {
        /// Which kind of name.
        what: &'static str,
    },
    /// Longer than the grammar allows.
    #[error("the {what} `{text}` is longer than {LONGEST} characters: shorten it")]
    TooLong {
        /// Which kind of name.
        what: &'static str,
        /// The name as written, escaped.
        text: String,
    },
    /// A character outside the grammar.
    #[error("the {what} `{text}` contains `{found}`: use {allowed}")]
    Character {
        /// Which kind of name.
        what: &'static str,
        /// The name as written, escaped.
        text: String,
        /// The first offending character, escaped.
        found: String,
        /// What may stand in such a name.
        allowed: &'static str,
    },
}

const PLAIN: &str = "lower-case letters and digits, with single hyphens between them, a letter first";
const ACCOUNT: &str = "letters, digits, `.`, `_` or `-`, a letter or `_` first";

fn check_plain(what: &'static str, text: &str) -> Result<(), IdError> {
    let mut before = '-';
    for (position, c) in text.chars().enumerate() {
        let fits = match c {
            'a'..='z' => true,
            '0'..='9' => position > 0,
            '-' => before != '-',
            _ => false,
        };
        if !fits {
            return Err(character(what, text, c, PLAIN));
        }
        before = c;
    }
    if before == '-' { Err(character(what, text, '-', PLAIN)) } else { Ok(()) }
}

fn check_account(what: &'static str, text: &str) -> Result<(), IdError> {
    for (position, c) in text.chars().enumerate() {
        let fits =
            c.is_ascii_alphabetic() || c == '_' || (position > 0 && (c.is_ascii_digit() || matches!(c, '.' | '-')));
        if !fits {
            return Err(character(what, text, c, ACCOUNT));
        }
    }
    Ok(())
}

fn character(what: &'static str, text: &str, found: char, allowed: &'static str) -> IdError {
    IdError::Character {
        what,
        text: text.escape_default().to_string(),
        found: found.escape_default().to_string(),
        allowed,
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                if text.is_empty() {
                    return Err(IdError::Empty { what: $what });
                }
                if text.len() > LONGEST {
                    return Err(IdError::TooLong { what: $what, text: text.escape_default().to_string() });
                }
                $check($what, text)?;
                Ok(Self(text.to_owned()))
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;
            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(/// A company that maintains equipment.
    VendorId, "vendor", check_plain);
name!(/// One piece of equipment that can be reached.
    TargetId, "target", check_plain);
name!(/// A named set of opening hours.
    CalendarId, "calendar", check_plain);
name!(/// A group of hospital staff who approve for a target.
    GroupId, "group", check_plain);
name!(/// What a vendor's technician types as login.
    TechnicianLogin, "technician's login", check_plain);
name!(/// What a member of the hospital's staff signs in with.
    StaffLogin, "staff login", check_plain);
name!(/// A login on a target, such as `maint` or `root`. Never known to the technician by its secret.
    TargetAccount, "target account", check_account);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_pass() {
        for name in ["alice", "scanner-irm", "ct2", "a"] {
            assert_eq!(name.parse::<TargetId>().unwrap().as_str(), name);
        }
        assert_eq!("Administrateur_1.b".parse::<TargetAccount>().unwrap().as_str(), "Administrateur_1.b");
    }

    /// CVE-2026-35414 (comma read as a list), CVE-2023-42819 (path traversal by name).
    /// Past failures: CVE-2023-51385.
    #[test]
    fn names_that_could_be_read_as_two_or_climb_are_refused() {
        for name in [
            "", "a,b", "a b", "a\0", "Alice", "é", "a+b", "../x", "a/b", "-a", "a-", "a--b", "1a", "a\n", "a:b", "a%b",
            "a\\b",
        ] {
            assert!(name.parse::<TechnicianLogin>().is_err(), "{name:?}");
        }
        assert!("x".repeat(33).parse::<VendorId>().is_err());
        for name in ["root;id", "a b", "-oProxyCommand", "1", "a/b", "$(id)"] {
            assert!(name.parse::<TargetAccount>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn the_message_says_what_and_where() {
        let error = "Al\nice".parse::<TechnicianLogin>().unwrap_err().to_string();
        assert_eq!(
            error,
            "the technician's login `Al\\nice` contains `A`: use lower-case letters and digits, with single hyphens between them, a letter first"
        );
    }
}
