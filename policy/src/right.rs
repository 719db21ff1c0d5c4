//! What may be done on a target, right by right (REQUIREMENTS NET-04, NET-14).

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// One thing that an allow rule can grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Right {
    /// An interactive shell. Shown as "free shell": what it can do is what the account can do.
    Shell,
    /// One command, without a terminal or with one.
    Exec,
    /// Reading files by SFTP.
    SftpRead,
    /// Writing files by SFTP. Without a list of paths it equals a shell (THREATS T23).
    SftpWrite,
    /// Fetching files by the old scp protocol.
    ScpRead,
    /// Sending files by the old scp protocol.
    ScpWrite,
}

impl Right {
    /// Every right, in the order in which they are shown.
    pub const ALL: [Right; 6] =
        [Right::Shell, Right::Exec, Right::SftpRead, Right::SftpWrite, Right::ScpRead, Right::ScpWrite];

    /// The word for it in a rule.
    pub fn as_str(self) -> &'static str {
        match self {
            Right::Shell => "shell",
            Right::Exec => "exec",
            Right::SftpRead => "sftp-read",
            Right::SftpWrite => "sftp-write",
            Right::ScpRead => "scp-read",
            Right::ScpWrite => "scp-write",
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that names no right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a right: write shell, exec, sftp-read, sftp-write, scp-read or scp-write")]
pub struct UnknownRight(pub String);

impl FromStr for Right {
    type Err = UnknownRight;
    fn from_str(text: &str) -> Result<Self, UnknownRight> {
        Right::ALL
            .into_iter()
            .find(|right| right.as_str() == text)
            .ok_or_else(|| UnknownRight(text.escape_default().to_string()))
    }
}

/// A set of rights. Approvals intersect it, never add to it (APR-11).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rights(BTreeSet<Right>);

impl Rights {
    /// Whether the set holds this right.
    pub fn contains(&self, right: Right) -> bool {
        self.0.contains(&right)
    }

    /// Whether the set is empty: such a set opens nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The rights that stand in both sets.
    #[must_use]
    pub fn narrowed_by(&self, other: &Rights) -> Rights {
        Rights(self.0.intersection(&other.0).copied().collect())
    }

    /// The rights that stand in either set.
    #[must_use]
    pub fn united_with(&self, other: &Rights) -> Rights {
        Rights(self.0.union(&other.0).copied().collect())
    }

    /// Whether every right of this set stands in the other.
    pub fn is_subset(&self, other: &Rights) -> bool {
        self.0.is_subset(&other.0)
    }

    /// The rights, in order.
    pub fn iter(&self) -> impl Iterator<Item = Right> + '_ {
        self.0.iter().copied()
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
            f.write_str(right.as_str())?;
        }
        Ok(())
    }
}

/// The file transfer that an exec command really is, if it is one, with the rights it would need.
///
/// A right to run commands is no way round a missing right to move files: the server halves of
/// scp, sftp and rsync are recognised by what they are, wherever they stand in the line. In doubt
/// more rights are needed rather than fewer. A free shell, or a script that builds the command, can
/// of course still move bytes; that is why those rights are shown as such.
pub fn transfer_in(command: &[u8]) -> Option<&'static [Right]> {
    let text = String::from_utf8_lossy(command);
    // A shell joins `s'c'p` into one word and takes `'scp -t'` apart: both readings count.
    let joined = text.replace(['\'', '"', '\\'], "");
    let (mut sftp, mut read, mut write) = (false, false, false);
    for reading in [text.as_ref(), joined.as_str()] {
        let words: Vec<&str> = reading
            .split(|c: char| c.is_whitespace() || ";|&()`'\"$\\{}<>".contains(c))
            .filter(|word| !word.is_empty())
            .collect();
        for (position, word) in words.iter().enumerate() {
            // Options of scp take words of their own (`-l 100 -t`), so all that follow are looked at.
            let options = || words.iter().skip(position + 1).filter(|word| word.starts_with('-'));
            let short = |wanted: char| options().any(|option| !option.starts_with("--") && option.contains(wanted));
            let long = |wanted: &str| options().any(|option| *option == wanted);
            match word.rsplit('/').next().unwrap_or(word) {
                "sftp-server" | "internal-sftp" => sftp = true,
                "scp" => (read, write) = (read || short('f'), write || short('t')),
                "rsync" if long("--server") => {
                    (read, write) = (read || long("--sender"), write || !long("--sender"));
                }
                _ => {}
            }
        }
    }
    match (sftp, read, write) {
        (false, false, false) => None,
        (false, true, false) => Some(&[Right::ScpRead]),
        (false, false, true) => Some(&[Right::ScpWrite]),
        (false, true, true) => Some(&[Right::ScpRead, Right::ScpWrite]),
        (true, false, false) => Some(&[Right::SftpRead, Right::SftpWrite]),
        (true, true, false) => Some(&[Right::SftpRead, Right::SftpWrite, Right::ScpRead]),
        (true, false, true) => Some(&[Right::SftpRead, Right::SftpWrite, Right::ScpWrite]),
        (true, true, true) => Some(&[Right::SftpRead, Right::SftpWrite, Right::ScpRead, Right::ScpWrite]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// linagora/open-bastion#287: a transfer hidden in a longer command line.
    #[test]
    fn transfers_are_recognised_by_what_they_are() {
        let write: Option<&[Right]> = Some(&[Right::ScpWrite]);
        let read: Option<&[Right]> = Some(&[Right::ScpRead]);
        assert_eq!(transfer_in(b"scp -t /tmp"), write);
        assert_eq!(transfer_in(b"scp -v -p -t -- x"), write);
        assert_eq!(transfer_in(b"/usr/bin/scp -qrt x"), write);
        assert_eq!(transfer_in(b"scp -t x; bash"), write);
        assert_eq!(transfer_in(b"true && scp -f /etc/passwd"), read);
        assert_eq!(transfer_in(b"sh -c 'scp -f x'"), read);
        assert_eq!(transfer_in(b"rsync --server -vlogDtpre.iLsfxC . /tmp"), write);
        assert_eq!(transfer_in(b"rsync --server --sender -r . /tmp"), read);
        assert!(transfer_in(b"/usr/lib/openssh/sftp-server").is_some());
        assert_eq!(transfer_in(b"ls -t"), None);
        assert_eq!(transfer_in(b"scp a b:c"), None);
        assert_eq!(transfer_in(b"cat scp.txt"), None);
    }

    /// Each of these once needed fewer rights than it uses, or none.
    #[test]
    fn no_option_order_or_quoting_hides_a_transfer() {
        let write: Option<&[Right]> = Some(&[Right::ScpWrite]);
        let both: Option<&[Right]> = Some(&[Right::ScpRead, Right::ScpWrite]);
        // An option with a word of its own before the one that counts.
        assert_eq!(transfer_in(b"scp -l 100 -t /tmp"), write);
        // scp sends when it finds both.
        assert_eq!(transfer_in(b"scp -tf /etc/passwd"), both);
        assert_eq!(transfer_in(b"scp -t /tmp; scp -f /etc/passwd"), both);
        assert_eq!(transfer_in(b"\\scp -t x"), write);
        assert_eq!(transfer_in(b"s'c'p -t x"), write);
        assert_eq!(transfer_in(b"sh -c\"scp -t x\""), write);
        assert_eq!(transfer_in(b"sftp-server; scp -f x").map(<[Right]>::len), Some(3));
    }

    #[test]
    fn rights_round_trip_through_their_words() {
        for right in Right::ALL {
            assert_eq!(right.as_str().parse::<Right>().unwrap(), right);
        }
        assert!("rdp".parse::<Right>().is_err());
    }
}
