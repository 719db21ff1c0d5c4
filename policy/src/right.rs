//! What may be done on a target, right by right (REQUIREMENTS NET-04, NET-14).

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::str::FromStr;

/// One thing that an allow rule can grant.
///
/// Written as a word, or as a word and what it is for: `shell`, `command uptime -p`,
/// `forward 10.20.3.14:3389`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Right {
    /// An interactive shell. Shown as "free shell": what it can do is what the account can do.
    Shell,
    /// Any command, without a terminal or with one. As free as a shell.
    Exec,
    /// This one command line and no other, byte for byte.
    Command(CommandLine),
    /// Reading files by SFTP.
    SftpRead,
    /// Writing files by SFTP, anywhere the account may: it equals a shell (THREATS T23).
    SftpWrite,
    /// Fetching files by the old scp protocol, or by rsync.
    ScpRead,
    /// Sending files by the old scp protocol, or by rsync. It equals a shell like `sftp-write`.
    ScpWrite,
    /// A tunnel to this address and port, whose content is not seen.
    Forward(SocketAddr),
}

impl Right {
    /// The rights that are one word, in the order in which they are shown.
    pub const WORDS: [Right; 6] =
        [Right::Shell, Right::Exec, Right::SftpRead, Right::SftpWrite, Right::ScpRead, Right::ScpWrite];

    /// The word for it, without what it is for.
    pub fn word(&self) -> &'static str {
        match self {
            Right::Shell => "shell",
            Right::Exec => "exec",
            Right::Command(_) => "command",
            Right::SftpRead => "sftp-read",
            Right::SftpWrite => "sftp-write",
            Right::ScpRead => "scp-read",
            Right::ScpWrite => "scp-write",
            Right::Forward(_) => "forward",
        }
    }

    /// What the one who has it can make of it.
    pub fn reach(&self) -> Reach {
        match self {
            Right::Shell | Right::Exec => Reach::FreeShell,
            Right::SftpWrite | Right::ScpWrite => Reach::EqualsShell,
            Right::Forward(_) => Reach::Unseen,
            Right::Command(_) | Right::SftpRead | Right::ScpRead => Reach::AsNamed,
        }
    }
}

/// How far a right goes beyond its name, as the register shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Whatever the account on the target can do, moving files by other means included.
    FreeShell,
    /// Whoever writes any file of an account can bring it to run something (T23).
    EqualsShell,
    /// What passes is counted and not seen.
    Unseen,
    /// What its name says.
    AsNamed,
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            Right::Command(line) => write!(f, " {line}"),
            Right::Forward(to) => write!(f, " {to}"),
            _ => Ok(()),
        }
    }
}

/// A text that names no right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a right: write shell, exec, sftp-read, sftp-write, scp-read, scp-write, `command` with a command \
     line, or `forward` with an address and a port"
)]
pub struct UnknownRight(pub String);

impl FromStr for Right {
    type Err = UnknownRight;
    fn from_str(text: &str) -> Result<Self, UnknownRight> {
        let unknown = || UnknownRight(text.escape_default().to_string());
        match text.split_once(' ') {
            Some(("command", line)) => Ok(Right::Command(line.parse().map_err(|_| unknown())?)),
            Some(("forward", to)) => Ok(Right::Forward(to.parse().map_err(|_| unknown())?)),
            Some(_) => Err(unknown()),
            None => Right::WORDS.into_iter().find(|right| right.word() == text).ok_or_else(unknown),
        }
    }
}

impl TryFrom<String> for Right {
    type Error = UnknownRight;
    fn try_from(text: String) -> Result<Self, UnknownRight> {
        text.parse()
    }
}

impl From<Right> for String {
    fn from(right: Right) -> String {
        right.to_string()
    }
}

/// A command line that a rule names: one line of visible text, as the target's shell will read it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CommandLine(String);

/// A text that cannot be a command line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a command is one line of 1 to {} visible characters, without blanks at its ends", CommandLine::LONGEST)]
pub struct NoCommandLine;

impl CommandLine {
    /// Longest command line in a rule, in characters.
    pub const LONGEST: usize = 400;

    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for CommandLine {
    type Err = NoCommandLine;
    fn from_str(text: &str) -> Result<Self, NoCommandLine> {
        let fits = !text.is_empty()
            && text.trim() == text
            && !text.chars().any(char::is_control)
            && text.chars().count() <= Self::LONGEST;
        if fits { Ok(Self(text.to_owned())) } else { Err(NoCommandLine) }
    }
}

impl fmt::Display for CommandLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A set of rights. Approvals intersect it, never add to it (APR-11).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rights(BTreeSet<Right>);

impl Rights {
    /// Whether the set holds this right.
    pub fn contains(&self, right: &Right) -> bool {
        self.0.contains(right)
    }

    /// Whether the set is empty: such a set opens nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rights that stand in both sets.
    #[must_use]
    pub fn narrowed_by(&self, other: &Rights) -> Rights {
        Rights(self.0.intersection(&other.0).cloned().collect())
    }

    /// The rights that stand in either set.
    #[must_use]
    pub fn united_with(&self, other: &Rights) -> Rights {
        Rights(self.0.union(&other.0).cloned().collect())
    }

    /// Whether every right of this set stands in the other.
    pub fn is_subset(&self, other: &Rights) -> bool {
        self.0.is_subset(&other.0)
    }

    /// The rights, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Right> + '_ {
        self.0.iter()
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<I: IntoIterator<Item = Right>>(rights: I) -> Self {
        Rights(rights.into_iter().collect())
    }
}

impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, right) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str(", ")?;
            }
            write!(f, "{right}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rights_round_trip_through_their_texts() {
        let named = ["command uptime -p", "forward 10.20.3.14:3389", "forward [2001:db8::1]:443"];
        for text in named.into_iter().chain(Right::WORDS.iter().map(Right::word)) {
            assert_eq!(text.parse::<Right>().unwrap().to_string(), text);
        }
        for text in
            ["rdp", "", "shell ", "command ", "command  x", "command a\nb", "forward host:22", "forward 10.1.1.1"]
        {
            assert!(text.parse::<Right>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_with_a_wrong_right_is_refused() {
        assert_eq!(serde_json::from_str::<Right>("\"forward 10.1.1.1:22\"").unwrap().word(), "forward");
        assert!(serde_json::from_str::<Right>("\"everything\"").is_err());
    }
}
