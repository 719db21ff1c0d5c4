//! Which right each request takes. The one place that says so.

use super::extensions::Extension;
use super::replies::Code;
use super::requests::{Asked, Request};
use crate::files::Rules;
use policy::{Right, Rights};

/// Longest path taken, in bytes: Linux's own limit (`PATH_MAX`), and what bounds our memory.
pub(super) const LONGEST_PATH: usize = 4096;

/// A request that is answered here with a STATUS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: Code,
    pub(super) why: String,
}

impl Refusal {
    pub(super) fn new(code: Code, why: impl Into<String>) -> Self {
        Self { code, why: why.into() }
    }
}

/// What is needed for a request.
enum Need {
    /// Nothing: it only ends something.
    Nothing,
    /// Either right: it looks around.
    Either,
    /// These.
    All(&'static [Right]),
}

/// Judges a request by what it is, before it is looked up to what it refers.
pub(super) fn judge(asked: &Asked<'_>, rules: &Rules, offered: &[Extension]) -> Result<(), Refusal> {
    known(asked, offered)?;
    permitted(need(&asked.request), &rules.rights)?;
    if asked.request.paths().iter().any(|path| path.len() > LONGEST_PATH) {
        return Err(Refusal::new(Code::FAILURE, format!("a path may have {LONGEST_PATH} bytes at most")));
    }
    if asked.request.paths().iter().any(|path| path.contains(&0)) {
        // Most targets read a path up to there, and would take another one than is listed.
        return Err(Refusal::new(Code::FAILURE, "a path may have no NUL in it"));
    }
    if let Request::Open { flags, .. } = &asked.request
        && !flags.known()
    {
        return Err(Refusal::new(Code::OP_UNSUPPORTED, format!("unknown way to open a file: {:#x}", flags.0)));
    }
    scannable(&asked.request, rules)
}

fn known(asked: &Asked<'_>, offered: &[Extension]) -> Result<(), Refusal> {
    let unsupported = |why: String| Err(Refusal::new(Code::OP_UNSUPPORTED, why));
    match (&asked.request, asked.extension) {
        (Request::Foreign { kind }, _) => unsupported(format!("requests of type {kind} are not of SFTP version 3")),
        (Request::ForeignExtension { name }, _) => {
            let shown: String = name.escape_ascii().to_string().chars().take(64).collect();
            unsupported(format!("the extension `{shown}` is not supported by the bastion"))
        }
        (_, Some(extension)) if !offered.contains(&extension) => {
            unsupported(format!("the target does not offer the extension `{}`", extension.name().0))
        }
        _ => Ok(()),
    }
}

fn need(request: &Request<'_>) -> Need {
    const READ: &[Right] = &[Right::SftpRead];
    const WRITE: &[Right] = &[Right::SftpWrite];
    const BOTH: &[Right] = &[Right::SftpRead, Right::SftpWrite];
    match request {
        Request::Open { flags, .. } => match (flags.reads(), flags.changes()) {
            (true, true) => Need::All(BOTH),
            (_, true) => Need::All(WRITE),
            _ => Need::All(READ),
        },
        // Content passes by handles, and a handle was judged when it was opened.
        Request::Close { .. } => Need::Nothing,
        Request::Read { .. } => Need::All(READ),
        Request::Write { .. }
        | Request::SetStat { .. }
        | Request::FSetStat { .. }
        | Request::Remove { .. }
        | Request::MakeFolder { .. }
        | Request::RemoveFolder { .. }
        | Request::Rename { .. }
        | Request::Link { .. }
        | Request::HardLink { .. }
        | Request::Sync { .. } => Need::All(WRITE),
        Request::Copy { .. } => Need::All(BOTH),
        Request::Stat { .. }
        | Request::FStat { .. }
        | Request::OpenFolder { .. }
        | Request::ReadFolder { .. }
        | Request::FileSystemOf { .. }
        | Request::Limits
        | Request::Look { .. } => Need::Either,
        // Refused before; should that ever change, they take everything.
        Request::Foreign { .. } | Request::ForeignExtension { .. } => Need::All(BOTH),
    }
}

fn permitted(need: Need, rights: &Rights) -> Result<(), Refusal> {
    let missing = match need {
        Need::Nothing => None,
        Need::Either if rights.contains(&Right::SftpRead) || rights.contains(&Right::SftpWrite) => None,
        Need::Either => Some("rights sftp-read and sftp-write are".to_owned()),
        Need::All(all) => {
            let missing = all.iter().find(|right| !rights.contains(right));
            missing.map(|right| format!("right {} is", right.word()))
        }
    };
    match missing {
        None => Ok(()),
        Some(missing) => {
            Err(Refusal::new(Code::PERMISSION_DENIED, format!("not permitted here: the {missing} missing")))
        }
    }
}

/// What no scanner could judge, where files are to be scanned: content that does not pass here whole.
fn scannable(request: &Request<'_>, rules: &Rules) -> Result<(), Refusal> {
    let refused =
        |why: &str| Err(Refusal::new(Code::PERMISSION_DENIED, format!("files for this target are scanned: {why}")));
    if rules.scan_uploads {
        match request {
            Request::HardLink { .. } => return refused("hard links are not possible"),
            Request::Copy { .. } => return refused("send a file instead of copying it on the target"),
            // A file cut to a part of itself is a file that nobody scanned.
            Request::SetStat { attributes, .. } if attributes.size.is_some_and(|size| size > 0) => {
                return refused("a file's length cannot be changed; send it whole");
            }
            Request::Open { flags, .. } if flags.changes() => {
                let whole = flags.writes() && !flags.appends() && (flags.starts_empty() || flags.creates());
                // What is there would be read out of a file that is being written.
                let mixed = flags.reads() && !flags.starts_empty();
                if !whole || mixed {
                    return refused("send them whole, from their beginning");
                }
            }
            _ => {}
        }
    } else if rules.scan_downloads {
        match request {
            Request::Copy { .. } | Request::HardLink { .. } => return Ok(()),
            Request::Open { flags, .. } if flags.reads() && flags.changes() => {
                return refused("open them for reading only, or for writing only");
            }
            _ => {}
        }
    }
    Ok(())
}
