//! The extensions that are known here, one by one. What is not in the table is neither advertised
//! nor passed on: nobody could say what it does.

use super::wire::{Fields, Malformed};

/// A known extension (OpenSSH's `PROTOCOL`, section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extension {
    /// Rename over what is there.
    PosixRename,
    /// Facts of a file system, by path.
    StatVfs,
    /// And by handle.
    FStatVfs,
    /// A second name for a file.
    HardLink,
    /// Write what is cached down.
    FSync,
    /// Attributes of a link itself.
    LSetStat,
    /// How much the target takes at once.
    Limits,
    /// A path with its `~` resolved.
    ExpandPath,
    /// Copy from one open file to another, on the target.
    CopyData,
    /// Where an account lives.
    HomeDirectory,
    /// Names of users and groups by number.
    UsersGroupsById,
}

/// Each with its name and the version whose form is known.
const KNOWN: [(Extension, &str, &str); 11] = [
    (Extension::PosixRename, "posix-rename@openssh.com", "1"),
    (Extension::StatVfs, "statvfs@openssh.com", "2"),
    (Extension::FStatVfs, "fstatvfs@openssh.com", "2"),
    (Extension::HardLink, "hardlink@openssh.com", "1"),
    (Extension::FSync, "fsync@openssh.com", "1"),
    (Extension::LSetStat, "lsetstat@openssh.com", "1"),
    (Extension::Limits, "limits@openssh.com", "1"),
    (Extension::ExpandPath, "expand-path@openssh.com", "1"),
    (Extension::CopyData, "copy-data", "1"),
    (Extension::HomeDirectory, "home-directory", "1"),
    (Extension::UsersGroupsById, "users-groups-by-id@openssh.com", "1"),
];

impl Extension {
    /// The one of this name.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        KNOWN.iter().find(|(_, known, _)| known.as_bytes() == name).map(|(extension, ..)| *extension)
    }

    /// Its name on the wire, and its version there.
    pub(super) fn name(self) -> (&'static str, &'static str) {
        KNOWN.iter().find(|(known, ..)| *known == self).map_or(("", ""), |(_, name, version)| (name, version))
    }
}

/// What a target's VERSION offers of the known ones, in their known versions. The rest is read too,
/// so that malformed ones are noticed.
pub(super) fn offered(fields: &mut Fields<'_>) -> Result<Vec<Extension>, Malformed> {
    let mut offered = Vec::new();
    while !fields.is_empty() {
        let (name, version) = (fields.text()?, fields.text()?);
        let known = Extension::named(name).filter(|extension| extension.name().1.as_bytes() == version);
        offered.extend(known.filter(|extension| !offered.contains(extension)));
    }
    Ok(offered)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::sftp::wire::Packet;

    #[test]
    fn only_what_is_known_in_its_known_version_is_offered() {
        let pairs = Packet::new(0)
            .text(b"posix-rename@openssh.com")
            .text(b"1")
            .text(b"statvfs@openssh.com")
            .text(b"1")
            .text(b"exec-anything@example.org")
            .text(b"1")
            .text(b"posix-rename@openssh.com")
            .text(b"1")
            .done();
        let mut fields = Fields::within(pairs.get(5..).unwrap());
        assert_eq!(offered(&mut fields).unwrap(), [Extension::PosixRename]);
        assert!(offered(&mut Fields::within(b"\0\0\0\x01a")).is_err());
    }

    #[test]
    fn each_is_found_by_its_name() {
        for (extension, name, _) in KNOWN {
            assert_eq!(Extension::named(name.as_bytes()), Some(extension));
            assert_eq!(extension.name().0, name);
        }
    }
}
