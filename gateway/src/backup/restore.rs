//! Putting a set back: checked, what was erased since erased again, and under a new origin that names
//! the last known checkpoint. Nothing opens before two persons accept (D17).

use super::verify::{Outside, check};
use super::{KEYS, Manifest, RECORDINGS, STATE, archive, digest_of};
use crate::entropy;
use crate::lockdown::Lockdown;
use crate::memory::MEMORY;
use crate::recovery::rewrite;
use crate::registrar::entry;
use crate::retention::shred::{self, Of};
use crate::ring;
use crate::site::Paths;
use crate::vault::{Memory, SiteSecrets, Vault};
use anyhow::{Context as _, bail};
use jiff::Timestamp;
use journal::{Checkpoint, Journal, OsDisk, SigningKey};
use lifecycle::retention::Ranges;
use lifecycle::{Actor, Event, SessionId};
use std::fs;
use std::io;
use std::path::Path;

/// Lies in the state folder while a restore goes on: a start refuses it.
pub(crate) const BROKEN_OFF: &str = "restoring";
/// The vault's document of the site's own keys.
const SITE: &str = crate::daemon::SITE;

/// What is asked for.
pub(crate) struct Put<'a> {
    pub(crate) set: &'a Path,
    pub(crate) state: &'a Path,
    pub(crate) outside: &'a Outside,
    /// The vault's key.
    pub(crate) vault_key: &'a Path,
    /// What was erased since, one a line.
    pub(crate) tombstones: Option<&'a Path>,
    /// Known entries may be missing from it.
    pub(crate) older: bool,
    pub(crate) now: Timestamp,
}

/// What came of it.
pub(crate) struct Restored {
    /// The new verifier key.
    pub(crate) key: String,
    pub(crate) entries: u64,
    /// Entries that are known elsewhere and not in it.
    pub(crate) lost: u64,
    pub(crate) erased: u64,
}

pub(crate) fn restore(put: &Put<'_>) -> anyhow::Result<Restored> {
    let paths = Paths::new(put.state);
    if fs::read_dir(put.state).is_ok_and(|mut entries| entries.next().is_some()) {
        bail!("`{}` is not empty: what is there may be evidence; move it away first", put.state.display());
    }
    let mut manifest = Manifest::read(put.set)?;
    let gone = Tombstones::read(put.tombstones)?;
    // The archive of an erased recording may be destroyed too.
    manifest.recordings.retain(|id, _| !gone.recordings.iter().any(|gone| gone.as_str() == id));
    for (path, expected) in manifest.files(put.set) {
        if digest_of(&path)? != *expected {
            bail!("`{}` is not what was written", path.display());
        }
    }
    crate::daemon::make_private(put.state)?;
    let restored = put_back(put, &paths, &manifest, &gone);
    if restored.is_err() {
        // The folder was empty: all that is in it was put there now, and none of it is evidence.
        empty(put.state).with_context(|| format!("`{}` cannot be emptied again", put.state.display()))?;
    }
    restored
}

fn empty(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        match entry.file_type()?.is_dir() {
            true => fs::remove_dir_all(entry.path())?,
            false => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

fn put_back(put: &Put<'_>, paths: &Paths, manifest: &Manifest, gone: &Tombstones) -> anyhow::Result<Restored> {
    let mark = put.state.join(BROKEN_OFF);
    fs::write(&mark, "a restore goes on, or was broken off\n")?;
    for name in [STATE, KEYS] {
        archive::unpack(&put.set.join(name), &put.outside.identities, put.state)?;
    }
    let beside = put.set.parent().unwrap_or(put.set).join(RECORDINGS);
    for id in manifest.recordings.keys() {
        archive::unpack(&beside.join(manifest.file_of(id)), &put.outside.identities, &paths.recordings())?;
    }
    // What was erased stays erased: neither its content nor what opens it comes back (LOG-08).
    let erased = erase_again(paths, gone)?;
    let last = last_known(put)?;
    let outcome = begin_origin(put, paths, &last, (erased, &gone.entries))?;
    fs::remove_file(&mark)?;
    Ok(outcome)
}

/// Destroys what came out of the archives and was erased since: heads, spools that were not sealed yet
/// or put aside, copies of files. Gives of how many recordings there was something.
fn erase_again(paths: &Paths, gone: &Tombstones) -> anyhow::Result<u64> {
    let recordings = gone.recordings.iter().map(|id| (id, &[Of::Files, Of::Recording][..]));
    let files = gone.files.iter().map(|id| (id, &[Of::Files][..]));
    let mut erased = 0;
    for (id, parts) in recordings.chain(files) {
        let mut bytes = 0;
        for of in parts {
            bytes += shred::recording(paths, id, *of).with_context(|| format!("the recording {id}"))?;
        }
        erased += u64::from(bytes > 0);
    }
    Ok(erased)
}

/// What was erased since the backup, as `poterne retention tombstones` prints it.
#[derive(Default)]
struct Tombstones {
    recordings: Vec<SessionId>,
    /// Recordings whose copies of files are gone.
    files: Vec<SessionId>,
    entries: Ranges,
}

impl Tombstones {
    /// Lines `recording s-…`, `files s-…` and `entries FIRST-LAST`.
    fn read(file: Option<&Path>) -> anyhow::Result<Self> {
        let mut all = Self::default();
        let Some(file) = file else { return Ok(all) };
        let text = fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))?;
        let mut pairs: Vec<(u64, u64)> = Vec::new();
        for (n, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#')) {
            let (what, which) = line.trim().split_once(' ').unwrap_or_default();
            let range = || which.split_once('-').and_then(|(a, b)| Some((a.parse().ok()?, b.parse().ok()?)));
            match (what, which.parse().ok(), range()) {
                ("recording", Some(id), _) => all.recordings.push(id),
                ("files", Some(id), _) => all.files.push(id),
                ("entries", _, Some(pair)) => pairs.push(pair),
                _ => bail!("`{}`:{n}: write `recording s-…`, `files s-…` or `entries 3-90`", file.display()),
            }
        }
        all.entries = pairs.into();
        Ok(all)
    }
}

/// The last checkpoint that anybody knows of. Every one must be of this journal, or known to be lost.
fn last_known(put: &Put<'_>) -> anyhow::Result<Checkpoint> {
    let journal = put.state.join("journal");
    let Outside { key, since, .. } = put.outside;
    let alone = Outside { identities: Vec::new(), key: key.clone(), since: Vec::new() };
    let (wrong, entries) = check(&journal, &alone);
    if let Some(first) = wrong.first() {
        bail!("{first} ({} findings); take another set", wrong.len());
    }
    let own = fs::read_to_string(journal.join("checkpoint"))?;
    let mut last = Checkpoint::verify(&own, key)?;
    for note in since {
        let known = Checkpoint::verify(note, key).context("a checkpoint given with --since")?;
        if known.size > entries && !put.older {
            bail!(
                "the backup has {entries} entries, and a checkpoint given with --since is over {}: {} are lost in it. \
                 Take a newer set, or write --older if there is none",
                known.size,
                known.size - entries
            );
        }
        if known.size <= entries {
            let given = Outside { identities: Vec::new(), key: key.clone(), since: vec![note.clone()] };
            if let Some(first) = check(&journal, &given).0.first() {
                bail!("{first}; take another set");
            }
        }
        if known.size > last.size {
            last = known;
        }
    }
    Ok(last)
}

/// The same tree under a new name and key; one entry says so, and what was known last.
fn begin_origin(
    put: &Put<'_>,
    paths: &Paths,
    last: &Checkpoint,
    (erased, gone): (u64, &Ranges),
) -> anyhow::Result<Restored> {
    let vault = Vault::with_key(&paths.vault(), put.vault_key.to_owned())?;
    let mut secrets: SiteSecrets = vault.get(SITE, 1)?;
    let signer = SigningKey::new(&secrets.origin, &secrets.journal)?;
    let (origin, old) = (secrets.origin.clone(), signer.verifier());
    let random: journal::Entropy = Box::new(|buffer| {
        // A generator that fails leaves zeroes, which would be a key: the program must not go on.
        if entropy::fill(buffer).is_err() {
            std::process::abort();
        }
    });
    let disk = Box::new(OsDisk::default());
    let masters = ring::at_start(&vault, (SITE, &mut secrets), false)?;
    let (mut journal, _) = Journal::open(&paths.journal(), disk, signer, masters, random)?;
    if !gone.is_empty() {
        rewrite(&mut journal, &vault, gone)?;
    }
    let here = journal.size();
    let tag: [u8; 4] = entropy::bytes()?;
    let stem = origin.rsplit_once('/').map_or(origin.as_str(), |(stem, _)| stem);
    secrets.origin = format!("{stem}/{}", data_encoding::HEXLOWER.encode(&tag));
    secrets.journal = entropy::bytes()?;
    // Vault before journal (D21). A crash in between leaves the mark of a restore that was broken off.
    vault.put(SITE, 1, &secrets)?;
    let signer = SigningKey::new(&secrets.origin, &secrets.journal)?;
    let key = signer.verifier();
    journal.begin_origin(signer)?;
    let root = crate::rollback::root_text(&last.root);
    let reason = crate::rollback::words("restore", last.size, here);
    let events = [
        Event::Restored {
            origin,
            key: old.to_string(),
            backup: put.set.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            size: last.size,
            root,
            here,
            erased,
            by: Actor::Root(rustix::process::geteuid().as_raw()),
        },
        Event::LockdownBegan { reason: reason.clone(), by: Actor::Program },
    ];
    let at = put.now.max(journal.last_at());
    let group: Vec<_> = events.iter().map(|event| entry(at, event)).collect();
    let receipt = journal.append(here, &group)?;
    let disabled = vault.get::<Memory>(MEMORY, 1).map(|memory| memory.disabled).unwrap_or_default();
    vault.put(MEMORY, 1, &Memory { checkpoint: receipt.checkpoint.to_string(), disabled })?;
    Lockdown::read(paths).begin(&reason, at)?;
    let lost = last.size.saturating_sub(here);
    Ok(Restored { key: key.to_string(), entries: receipt.size, lost, erased })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// LOG-08, T10: what opens an erased recording does not come back, nor the copies of files of one
    /// that is kept, and nothing of it can be dug up.
    #[test]
    fn what_came_out_and_was_erased_is_destroyed() {
        let state = tempfile::tempdir().unwrap();
        let paths = Paths::new(state.path());
        let [gone, kept, unsealed] = [1, 2, 3].map(|n| SessionId::from_random([n; 8]));
        for folder in [paths.recordings(), paths.aside(), paths.heads(&gone), paths.heads(&kept), paths.sealed(&kept)] {
            fs::create_dir_all(folder).unwrap();
        }
        let aside = paths.aside().join(format!("{gone}.spool"));
        let content = paths.heads(&kept).join("channel-2-content.raw.head");
        let cast = paths.heads(&kept).join("channel-1.cast.head");
        let all = [paths.heads(&gone).join("channel-1.cast.head"), aside, paths.spool(&unsealed), content, cast];
        for (n, path) in all.iter().enumerate() {
            fs::write(path, "opens it").unwrap();
            fs::hard_link(path, state.path().join(format!("copy-{n}"))).unwrap();
        }
        fs::write(paths.sealed(&kept).join("channel-2-content.raw.body"), "body").unwrap();
        let list = state.path().join("erased");
        fs::write(&list, format!("recording {gone}\nfiles {kept}\nrecording {unsealed}\nfiles {gone}\n")).unwrap();
        let gone = Tombstones::read(Some(&list)).unwrap();
        assert_eq!(erase_again(&paths, &gone).unwrap(), 3);
        let there: Vec<bool> = all.iter().map(|path| path.exists()).collect();
        assert_eq!(there, [false, false, false, false, true]);
        assert!(!paths.sealed(&kept).join("channel-2-content.raw.body").exists());
        for n in 0..4 {
            assert_eq!(fs::read(state.path().join(format!("copy-{n}"))).unwrap(), [0; 8], "copy-{n}");
        }
        fs::write(&list, "file x\n").unwrap();
        assert!(Tombstones::read(Some(&list)).is_err());
    }
}
