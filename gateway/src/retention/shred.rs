//! Destroying files: overwritten, removed, synced (LOG-08, D23).

use crate::site::Paths;
use lifecycle::SessionId;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// How much of a file is overwritten: all of a head or a vault's document, and of a spool the header that
/// has its key.
const OVERWRITTEN: u64 = 1 << 20;

/// Overwrites a file, syncs it and removes it; gives its length. That it is absent is no error. The
/// folder's name is for the caller to sync.
pub(crate) fn destroy(path: &Path) -> io::Result<u64> {
    // A link is not followed: what it leads to is not ours to destroy.
    let no_follow = i32::try_from(rustix::fs::OFlags::NOFOLLOW.bits()).unwrap_or_default();
    let mut file = match OpenOptions::new().write(true).custom_flags(no_follow).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        opened => opened?,
    };
    let length = file.metadata()?.len();
    let zeroes = [0; 4096];
    let mut left = length.min(OVERWRITTEN);
    while left > 0 {
        let part = zeroes.get(..usize::try_from(left).unwrap_or(zeroes.len())).unwrap_or(&zeroes);
        file.write_all(part)?;
        left = left.saturating_sub(part.len() as u64);
    }
    file.sync_all()?;
    fs::remove_file(path)?;
    Ok(length)
}

/// What of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// All but the copies of files.
    Recording,
    /// The copies of files.
    Files,
}

fn is_content(path: &Path) -> bool {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    stem.ends_with("-content.raw")
}

fn files(folder: &Path, of: impl Fn(&Path) -> bool) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()?;
    Ok(paths.into_iter().filter(|path| of(path)).collect())
}

/// Whether a sealed recording has copies of files that can still be opened.
pub(crate) fn has_files(paths: &Paths, session: &SessionId) -> bool {
    files(&paths.heads(session), is_content).is_ok_and(|found| !found.is_empty())
}

/// Destroys the heads first, from when on nobody opens the bodies, wherever there are copies of them;
/// then removes the bodies. The manifest stays, which proves what there was. What is gone already is
/// passed over. Gives the bytes that went.
pub(crate) fn recording(paths: &Paths, session: &SessionId, of: Of) -> io::Result<u64> {
    let (heads, folder) = (paths.heads(session), paths.sealed(session));
    let ours = |path: &Path| is_content(path) == (of == Of::Files);
    let mut bytes = 0;
    for head in files(&heads, ours)? {
        bytes += destroy(&head)?;
    }
    if heads.is_dir() {
        File::open(&heads)?.sync_all()?;
        if files(&heads, |_| true)?.is_empty() {
            fs::remove_dir(&heads)?;
            File::open(paths.keyring())?.sync_all()?;
        }
    }
    if of == Of::Recording {
        // A mutilated spool was put aside as evidence of its own; one that a crash left is the same.
        bytes += destroy(&paths.spool(session))?;
        bytes += destroy(&paths.aside().join(format!("{session}.spool")))?;
    }
    let is_body = |path: &Path| path.extension().is_some_and(|end| end == "body") && ours(path);
    for body in files(&folder, is_body)? {
        bytes += fs::metadata(&body)?.len();
        fs::remove_file(&body)?;
    }
    if folder.is_dir() {
        File::open(&folder)?.sync_all()?;
    }
    Ok(bytes)
}

/// Removes what is left of recordings whose sessions nobody knows any more: manifests, whose heads are
/// gone. A folder that still has heads stays: it is not of a run.
pub(crate) fn sweep(paths: &Paths, known: impl Fn(&SessionId) -> bool) -> io::Result<usize> {
    let mut removed = 0;
    for folder in files(&paths.recordings(), Path::is_dir)? {
        let id = folder.file_name().and_then(|name| name.to_str()).and_then(|name| name.parse::<SessionId>().ok());
        let Some(id) = id.filter(|id| !known(id) && !paths.heads(id).exists()) else { continue };
        let bodies = files(&folder, |path| path.extension().is_some_and(|end| end == "body"))?;
        if bodies.is_empty() {
            fs::remove_dir_all(paths.sealed(&id))?;
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// LOG-08, D23: heads and bodies go, copies of files by themselves, the manifest stays until nobody
    /// knows the session.
    #[test]
    fn what_is_destroyed_is_gone_and_the_rest_stays() {
        let state = tempfile::tempdir().unwrap();
        let paths = Paths::new(state.path());
        let session = SessionId::from_random([7; 8]);
        for folder in [paths.heads(&session), paths.sealed(&session), paths.aside()] {
            fs::create_dir_all(folder).unwrap();
        }
        let kept = [("manifest.json", "m"), ("channel-1.cast.body", "b"), ("channel-2-content.raw.body", "c")];
        kept.iter().for_each(|(name, text)| fs::write(paths.sealed(&session).join(name), text).unwrap());
        for name in ["channel-1.cast.head", "channel-2-content.raw.head"] {
            fs::write(paths.heads(&session).join(name), "head").unwrap();
        }
        let copy = state.path().join("copy");
        fs::hard_link(paths.heads(&session).join("channel-1.cast.head"), &copy).unwrap();
        let aside = paths.aside().join(format!("{session}.spool"));
        fs::write(&aside, "spool").unwrap();

        assert_eq!(recording(&paths, &session, Of::Files).unwrap(), 5);
        assert!(!has_files(&paths, &session) && paths.sealed(&session).join("channel-1.cast.body").exists());
        assert_eq!(recording(&paths, &session, Of::Recording).unwrap(), 10);
        assert_eq!(fs::read(&copy).unwrap(), [0; 4]);
        assert!(!paths.heads(&session).exists() && !aside.exists());
        assert_eq!(recording(&paths, &session, Of::Recording).unwrap(), 0);
        assert_eq!(files(&paths.sealed(&session), |_| true).unwrap().len(), 1);
        assert_eq!(sweep(&paths, |_| true).unwrap(), 0);
        assert_eq!(sweep(&paths, |_| false).unwrap(), 1);
        assert!(!paths.sealed(&session).exists());
    }
}
