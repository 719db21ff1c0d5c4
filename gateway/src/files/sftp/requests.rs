//! What a client asks: each packet of the technician's as a value.

use super::attributes::Attributes;
use super::extensions::Extension;
use super::wire::{Fields, Malformed};

/// Types of requests (draft-ietf-secsh-filexfer-02, section 3).
pub(super) mod kind {
    pub(in super::super) const INIT: u8 = 1;
    pub(in super::super) const VERSION: u8 = 2;
    pub(in super::super) const OPEN: u8 = 3;
    pub(in super::super) const CLOSE: u8 = 4;
    pub(in super::super) const READ: u8 = 5;
    pub(in super::super) const WRITE: u8 = 6;
    pub(in super::super) const LSTAT: u8 = 7;
    pub(in super::super) const FSTAT: u8 = 8;
    pub(in super::super) const SETSTAT: u8 = 9;
    pub(in super::super) const FSETSTAT: u8 = 10;
    pub(in super::super) const OPENDIR: u8 = 11;
    pub(in super::super) const READDIR: u8 = 12;
    pub(in super::super) const REMOVE: u8 = 13;
    pub(in super::super) const MKDIR: u8 = 14;
    pub(in super::super) const RMDIR: u8 = 15;
    pub(in super::super) const REALPATH: u8 = 16;
    pub(in super::super) const STAT: u8 = 17;
    pub(in super::super) const RENAME: u8 = 18;
    pub(in super::super) const READLINK: u8 = 19;
    pub(in super::super) const SYMLINK: u8 = 20;
    /// From here to there stand the replies: none of them is a request.
    pub(in super::super) const FIRST_REPLY: u8 = 101;
    pub(in super::super) const LAST_REPLY: u8 = 199;
    pub(in super::super) const EXTENDED: u8 = 200;
    pub(in super::super) const EXTENDED_REPLY: u8 = 201;
}

/// How a file is to be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flags(pub(super) u32);

impl Flags {
    const READ: u32 = 0x01;
    const WRITE: u32 = 0x02;
    const APPEND: u32 = 0x04;
    const CREATE: u32 = 0x08;
    const TRUNCATE: u32 = 0x10;
    const EXCLUSIVE: u32 = 0x20;

    /// Content is to be read.
    pub(super) fn reads(self) -> bool {
        self.0 & Self::READ != 0
    }

    /// Content is to be written.
    pub(super) fn writes(self) -> bool {
        self.0 & Self::WRITE != 0
    }

    /// Something is changed, were it only that the file comes to be.
    pub(super) fn changes(self) -> bool {
        self.0 & !Self::READ != 0
    }

    /// Writes go to the end, whatever their offset says.
    pub(super) fn appends(self) -> bool {
        self.0 & Self::APPEND != 0
    }

    /// A file that is not there comes to be.
    pub(super) fn creates(self) -> bool {
        self.0 & Self::CREATE != 0
    }

    /// The file is empty once it is open: nothing of an older one can stay.
    pub(super) fn starts_empty(self) -> bool {
        self.0 & Self::TRUNCATE != 0 || self.0 & (Self::CREATE | Self::EXCLUSIVE) == Self::CREATE | Self::EXCLUSIVE
    }

    /// Every bit is of version 3, and one at least is set.
    pub(super) fn known(self) -> bool {
        self.0 != 0 && self.0 < Self::EXCLUSIVE << 1
    }

    /// Reading and nothing else.
    pub(super) fn reading() -> Self {
        Self(Self::READ)
    }

    /// Writing a whole file under a name that it was given by a rename: over what is there, or not.
    pub(super) fn renamed(replaces: bool) -> Self {
        Self(Self::WRITE | Self::CREATE | if replaces { Self::TRUNCATE } else { Self::EXCLUSIVE })
    }

    /// The same without reading, as which a scanned file is delivered: it is written whole, so that
    /// what is there may go at once if none of it is to stay.
    pub(super) fn delivering(self, empties: bool) -> Self {
        Self(self.0 & !Self::READ | if empties { Self::TRUNCATE } else { 0 })
    }
}

/// Looks around: what is asked for passes and is answered in one of these forms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Looking {
    /// Answered by names.
    Names,
    /// Answered by an extension's fields: this many numbers of 64 bits.
    Longs(usize),
    /// Answered by the names of users and of groups.
    Accounts,
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request<'a> {
    Open {
        path: &'a [u8],
        flags: Flags,
        attributes: Attributes,
    },
    Close {
        handle: &'a [u8],
    },
    Read {
        handle: &'a [u8],
        offset: u64,
        length: u32,
    },
    Write {
        handle: &'a [u8],
        offset: u64,
        content: &'a [u8],
    },
    Stat {
        path: &'a [u8],
    },
    FStat {
        handle: &'a [u8],
    },
    SetStat {
        path: &'a [u8],
        attributes: Attributes,
    },
    FSetStat {
        handle: &'a [u8],
        attributes: Attributes,
    },
    OpenFolder {
        path: &'a [u8],
    },
    ReadFolder {
        handle: &'a [u8],
    },
    Remove {
        path: &'a [u8],
    },
    MakeFolder {
        path: &'a [u8],
        attributes: Attributes,
    },
    RemoveFolder {
        path: &'a [u8],
    },
    Rename {
        from: &'a [u8],
        to: &'a [u8],
    },
    /// In the order of OpenSSH, which is that of the targets: the draft has it the other way round.
    Link {
        to: &'a [u8],
        path: &'a [u8],
    },
    HardLink {
        from: &'a [u8],
        to: &'a [u8],
    },
    Copy {
        from: &'a [u8],
        to: &'a [u8],
    },
    Sync {
        handle: &'a [u8],
    },
    /// The file system that holds an open file.
    FileSystemOf {
        handle: &'a [u8],
    },
    Limits,
    /// By a path, an account's name or nothing.
    Look {
        path: &'a [u8],
        looking: Looking,
    },
    /// A request of another version, or none at all.
    Foreign {
        kind: u8,
    },
    /// An extension that is not in the table.
    ForeignExtension {
        name: &'a [u8],
    },
}

/// A request with its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked<'a> {
    pub(super) id: u32,
    pub(super) request: Request<'a>,
    /// The extension it came by, if it did.
    pub(super) extension: Option<Extension>,
}

/// Reads a packet of the technician's that is not the first.
pub(super) fn read(packet: &[u8]) -> Result<Asked<'_>, Malformed> {
    let mut fields = Fields::of(packet);
    let kind = fields.byte()?;
    match kind {
        kind::INIT => return Err("sent a second INIT".into()),
        kind::VERSION => return Err("sent a VERSION, which is the target's to send".into()),
        kind::FIRST_REPLY..=kind::LAST_REPLY | kind::EXTENDED_REPLY => {
            return Err(Malformed(format!("sent a reply (type {kind}) where requests belong")));
        }
        _ => {}
    }
    let id = fields.number()?;
    if kind == kind::EXTENDED {
        let name = fields.text()?;
        let extension = Extension::named(name);
        let request = match extension {
            Some(extension) => extended(extension, &mut fields)?,
            None => {
                fields.rest();
                Request::ForeignExtension { name }
            }
        };
        fields.end()?;
        return Ok(Asked { id, request, extension });
    }
    let request = plain(kind, &mut fields)?;
    fields.end()?;
    Ok(Asked { id, request, extension: None })
}

fn plain<'a>(kind: u8, fields: &mut Fields<'a>) -> Result<Request<'a>, Malformed> {
    Ok(match kind {
        kind::OPEN => {
            Request::Open { path: fields.text()?, flags: Flags(fields.number()?), attributes: fields.attributes()? }
        }
        kind::CLOSE => Request::Close { handle: fields.text()? },
        kind::READ => Request::Read { handle: fields.text()?, offset: fields.long()?, length: fields.number()? },
        kind::WRITE => Request::Write { handle: fields.text()?, offset: fields.long()?, content: fields.text()? },
        kind::STAT | kind::LSTAT => Request::Stat { path: fields.text()? },
        kind::FSTAT => Request::FStat { handle: fields.text()? },
        kind::SETSTAT => Request::SetStat { path: fields.text()?, attributes: fields.attributes()? },
        kind::FSETSTAT => Request::FSetStat { handle: fields.text()?, attributes: fields.attributes()? },
        kind::OPENDIR => Request::OpenFolder { path: fields.text()? },
        kind::READDIR => Request::ReadFolder { handle: fields.text()? },
        kind::REMOVE => Request::Remove { path: fields.text()? },
        kind::MKDIR => Request::MakeFolder { path: fields.text()?, attributes: fields.attributes()? },
        kind::RMDIR => Request::RemoveFolder { path: fields.text()? },
        kind::REALPATH | kind::READLINK => Request::Look { path: fields.text()?, looking: Looking::Names },
        kind::RENAME => Request::Rename { from: fields.text()?, to: fields.text()? },
        kind::SYMLINK => Request::Link { to: fields.text()?, path: fields.text()? },
        kind => {
            fields.rest();
            Request::Foreign { kind }
        }
    })
}

/// Numbers in a reply to `statvfs` and `fstatvfs`.
pub(super) const STATVFS_LONGS: usize = 11;

fn extended<'a>(extension: Extension, fields: &mut Fields<'a>) -> Result<Request<'a>, Malformed> {
    Ok(match extension {
        Extension::PosixRename => Request::Rename { from: fields.text()?, to: fields.text()? },
        Extension::HardLink => Request::HardLink { from: fields.text()?, to: fields.text()? },
        Extension::StatVfs => Request::Look { path: fields.text()?, looking: Looking::Longs(STATVFS_LONGS) },
        Extension::FStatVfs => Request::FileSystemOf { handle: fields.text()? },
        Extension::FSync => Request::Sync { handle: fields.text()? },
        Extension::LSetStat => Request::SetStat { path: fields.text()?, attributes: fields.attributes()? },
        Extension::Limits => Request::Limits,
        Extension::ExpandPath | Extension::HomeDirectory => {
            Request::Look { path: fields.text()?, looking: Looking::Names }
        }
        Extension::CopyData => {
            let from = fields.text()?;
            let _from_offset_and_length = (fields.long()?, fields.long()?);
            let to = fields.text()?;
            let _to_offset = fields.long()?;
            Request::Copy { from, to }
        }
        Extension::UsersGroupsById => {
            fields.text()?;
            fields.text()?;
            Request::Look { path: b"", looking: Looking::Accounts }
        }
    })
}

impl Request<'_> {
    /// The same words each time, for the journal and the ones who are refused.
    pub(super) fn what(&self) -> &'static str {
        match self {
            Request::Open { flags, .. } if flags.changes() => "sftp open for writing",
            Request::Open { .. } => "sftp open for reading",
            Request::Close { .. } => "sftp close",
            Request::Read { .. } => "sftp read",
            Request::Write { .. } => "sftp write",
            Request::Stat { .. } | Request::FStat { .. } => "sftp stat",
            Request::SetStat { .. } | Request::FSetStat { .. } => "sftp setstat",
            Request::OpenFolder { .. } | Request::ReadFolder { .. } => "sftp list",
            Request::Remove { .. } => "sftp remove",
            Request::MakeFolder { .. } => "sftp mkdir",
            Request::RemoveFolder { .. } => "sftp rmdir",
            Request::Rename { .. } => "sftp rename",
            Request::Link { .. } => "sftp symlink",
            Request::HardLink { .. } => "sftp hardlink",
            Request::Copy { .. } => "sftp copy-data",
            Request::Sync { .. } => "sftp fsync",
            Request::FileSystemOf { .. } | Request::Limits | Request::Look { .. } => "sftp look",
            Request::Foreign { .. } => "sftp unknown request",
            Request::ForeignExtension { .. } => "sftp unknown extension",
        }
    }

    /// Changes what stands under a path, or takes hold of it.
    pub(super) fn touches(&self) -> bool {
        !matches!(self, Request::Stat { .. } | Request::Look { .. } | Request::OpenFolder { .. })
    }

    /// Every path in it, for their limit.
    pub(super) fn paths(&self) -> [&[u8]; 2] {
        match self {
            Request::Open { path, .. }
            | Request::Stat { path }
            | Request::SetStat { path, .. }
            | Request::OpenFolder { path }
            | Request::Remove { path }
            | Request::MakeFolder { path, .. }
            | Request::RemoveFolder { path }
            | Request::Look { path, .. } => [path, b""],
            Request::Rename { from, to } | Request::HardLink { from, to } | Request::Link { to, path: from } => {
                [from, to]
            }
            _ => [b"", b""],
        }
    }
}
