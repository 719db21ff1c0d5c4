//! The files of the configuration in force, kept beside the journal: a start compares what it finds in `/etc`
//! with them, so that a restart does not bring in what a reload would have held (T8).

use crate::site::Paths;
use anyhow::Context as _;
use config::{Config, Options};
use jiff::Timestamp;
use lifecycle::Register;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// A change that waits for a second person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The digest of the new files.
    pub digest: String,
    /// What it weakens, one line a key.
    pub weakening: Vec<String>,
    /// All that it changes.
    pub changes: Vec<String>,
    /// Who asked for it.
    pub by: lifecycle::Actor,
    /// Who accepted it so far.
    pub accepted: Vec<policy::StaffLogin>,
    /// Since when it waits.
    pub since: Timestamp,
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// The rest stands in `poterne change list`.
        const SHOWN: usize = 5;
        let first: Vec<&str> = self.weakening.iter().take(SHOWN).map(String::as_str).collect();
        let more = match self.weakening.len().saturating_sub(SHOWN) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        write!(
            f,
            "the new configuration waits for a second person with the role security, since it weakens {}{more}: \
             `poterne change list`, then `poterne change accept {} --as STAFF`{}; until then the old one is in force",
            first.join("; "),
            self.digest,
            if self.by.staff().is_some() { "" } else { ", and another one, since whoever asked did not sign in" }
        )
    }
}

/// The main file's copy.
fn copy_of(paths: &Paths, main: &Path) -> PathBuf {
    paths.in_force().join(main.file_name().unwrap_or_default())
}

/// Copies the files that are in force. What was copied is read again: files that changed in between are found.
pub(crate) fn keep(paths: &Paths, main: &Path, digest: &str, at: Timestamp) -> anyhow::Result<()> {
    let (folder, fresh) = (paths.in_force(), paths.state().join("in-force.new"));
    if fresh.exists() {
        fs::remove_dir_all(&fresh)?;
    }
    crate::daemon::make_private(&fresh)?;
    let beside = main.parent().unwrap_or_else(|| Path::new("."));
    let copy = fresh.join(main.file_name().context("the configuration's path names no file")?);
    write(main, &copy)?;
    for name in ["vendors.d", "targets.d"] {
        let Ok(entries) = fs::read_dir(beside.join(name)) else { continue };
        crate::daemon::make_private(&fresh.join(name))?;
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "toml") && path.is_file() {
                write(&path, &fresh.join(name).join(path.file_name().unwrap_or_default()))?;
            }
        }
    }
    let read = config::load(&copy, Options { at, unpinned: false })?;
    anyhow::ensure!(read.digest == digest, "the files changed while they were copied: reload once more");
    // CRASH: between the two there is none, and a start then wants the very files of the journal's digest.
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::rename(&fresh, &folder)?;
    Ok(fs::File::open(paths.state())?.sync_all()?)
}

fn write(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::copy(from, to).with_context(|| format!("`{}` cannot be copied", from.display()))?;
    Ok(fs::File::open(to)?.sync_all()?)
}

/// The configuration to start with: the one that is found, or the one that was in force while the one found
/// waits for a second person. Fails where neither can be told: then nothing opens.
pub(crate) fn at_start(
    found: Config,
    register: &Register,
    paths: &Paths,
    main: &Path,
    at: Timestamp,
) -> anyhow::Result<(Config, Option<Waiting>)> {
    if !register.four_eyes || register.config == found.digest {
        return Ok((found, None));
    }
    let copy = copy_of(paths, main);
    let before = config::load(&copy, Options { at, unpinned: false }).ok().filter(|one| one.digest == register.config);
    let Some(before) = before else {
        anyhow::bail!(
            "the configuration changed since it was last in force, a second person has to look at what weakens it \
             (`site.four-eyes`), and `{}` is not what was in force: put the files of digest {} back into `{}`, \
             start, and reload the change then",
            copy.display(),
            register.config,
            main.display()
        );
    };
    let weakening = config::weakening(&before, &found);
    if weakening.is_empty() {
        return Ok((found, None));
    }
    let changes = config::differences(&before, &found);
    let asked = register.waiting_change.clone().filter(|one| one.digest == found.digest);
    let (by, accepted) = asked.map_or((lifecycle::Actor::Program, Vec::new()), |one| (one.by, one.accepted));
    let waiting = Waiting { digest: found.digest, weakening, changes, by, accepted, since: at };
    Ok((before, Some(waiting)))
}
