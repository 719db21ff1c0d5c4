//! Making a set, beside the daemon that goes on.
//!
//! The order makes it whole: spools after the journal, so that each holds what was committed of it; the
//! vault before and after it, since an entry names a generation that was there before and may be gone
//! after; heads and recordings last, so that what the journal says is sealed is there.

use super::archive::Writer;
use super::{FORMAT, KEYS, MANIFEST, Manifest, RECORDINGS, STATE, digest_of, recording_file};
use crate::site::Paths;
use age::x25519::Recipient;
use anyhow::{Context as _, bail};
use jiff::Timestamp;
use journal::Snapshot;
use lifecycle::SessionId;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// How often it is begun anew, where something was sealed or the site's keys changed meanwhile.
const TRIES: usize = 5;
/// The vault's own key never goes with what it opens.
const NEVER: &str = "vault-key";

/// What is asked for.
pub(crate) struct Order<'a> {
    /// The folder of all sets.
    pub(crate) into: &'a Path,
    pub(crate) state: &'a Path,
    /// The main configuration file.
    pub(crate) config: &'a Path,
    /// `age1…`
    pub(crate) recipients: &'a [String],
    pub(crate) now: Timestamp,
}

/// What was made.
pub(crate) struct Made {
    pub(crate) set: PathBuf,
    pub(crate) checkpoint: String,
    pub(crate) recordings: usize,
    /// Recordings that were not in an earlier set.
    pub(crate) added: usize,
    /// Archives of recordings that were not what an earlier set says, put aside and written anew.
    pub(crate) altered: Vec<PathBuf>,
    pub(crate) bytes: u64,
}

pub(crate) fn create(order: &Order<'_>) -> anyhow::Result<Made> {
    let parse = |line: &String| line.parse::<Recipient>().map_err(|why| anyhow::anyhow!("`{line}`: {why}"));
    let recipients = order.recipients.iter().map(parse).collect::<anyhow::Result<Vec<_>>>()?;
    if recipients.is_empty() {
        bail!("nobody could open it: write `[backup] recipients`, or --to age1…");
    }
    let name = order.now.strftime("%Y-%m-%dT%H%M%SZ").to_string();
    let set = order.into.join(&name);
    private(&order.into.join(RECORDINGS))?;
    if set.exists() {
        bail!("`{}` is there already", set.display());
    }
    private(&set)?;
    let paths = Paths::new(order.state);
    let mut bytes = 0;
    let mut checkpoint = None;
    for _ in 0..TRIES {
        let mut state = Writer::begin(&set.join(STATE), &recipients)?;
        let mut keys = Writer::begin(&set.join(KEYS), &recipients)?;
        if let Some(found) = once(order, &paths, &mut state, &mut keys)? {
            keys.folder(Path::new("keyring"), &paths.keyring())?;
            bytes += state.finish()? + keys.finish()?;
            checkpoint = Some(found);
            break;
        }
    }
    let Some(checkpoint) = checkpoint else {
        bail!("sessions ended or keys changed again and again while they were copied: try again later");
    };
    let known = earlier(order.into);
    let mut recordings = BTreeMap::new();
    let (mut added, mut altered) = (0, Vec::new());
    for id in sealed(&paths)? {
        let place = order.into.join(RECORDINGS).join(recording_file(id.as_str()));
        // It is read, not believed: what was put in its place would go on in each set from now on.
        let there = place.exists().then(|| digest_of(&place)).transpose()?;
        let digest = match (known.get(id.as_str()), there) {
            (Some(known), Some(there)) if *known == there => there,
            (known, there) => {
                if known.is_some() && there.is_some() {
                    let aside =
                        order.into.join(RECORDINGS).join(format!("{}.altered-{name}", recording_file(id.as_str())));
                    fs::rename(&place, &aside).with_context(|| format!("`{}`", place.display()))?;
                    altered.push(aside);
                }
                let mut writer = Writer::begin(&place, &recipients)?;
                writer.folder(Path::new(id.as_str()), &paths.sealed(&id))?;
                bytes += writer.finish()?;
                added += 1;
                digest_of(&place)?
            }
        };
        recordings.insert(id.to_string(), digest);
    }
    let mut archives = BTreeMap::new();
    for name in [STATE, KEYS] {
        archives.insert(name.to_owned(), digest_of(&set.join(name))?);
    }
    let count = recordings.len();
    let manifest = Manifest { format: FORMAT, made: order.now, checkpoint: checkpoint.clone(), archives, recordings };
    // Last: a set without it was broken off.
    fs::write(set.join(MANIFEST), serde_json::to_vec_pretty(&manifest)?)?;
    fs::File::open(&set)?.sync_all()?;
    Ok(Made { set, checkpoint, recordings: count, added, altered, bytes })
}

/// Copies once; gives the checkpoint, or nothing if what was copied does not fit together.
fn once(order: &Order<'_>, paths: &Paths, state: &mut Writer, keys: &mut Writer) -> anyhow::Result<Option<String>> {
    let spools = spools(paths)?;
    let before = vault(paths)?;
    let snapshot = Snapshot::take(&paths.journal()).context("the journal")?;
    let journal = Path::new("journal");
    for file in &snapshot.files {
        let archive = if file.starts_with("keys") { &mut *keys } else { &mut *state };
        if !archive.file(&journal.join(file), &paths.journal().join(file))? {
            bail!("`{}` of the journal is missing", file.display());
        }
    }
    state.bytes(&journal.join("checkpoint"), snapshot.checkpoint.as_bytes())?;
    for (name, path) in spools {
        // Sealed meanwhile, which this journal does not say: a later one does.
        if !state.file(&Path::new("recordings").join(name), &path)? {
            return Ok(None);
        }
    }
    keys.bytes(&journal.join("tail"), &snapshot.tail)?;
    let after = vault(paths)?;
    // A retention run in between wrote keys under a master that one of the two looks does not have.
    if site_keys(&before).ne(site_keys(&after)) {
        return Ok(None);
    }
    let mut all = before;
    all.extend(after);
    for (name, bytes) in all {
        state.bytes(&Path::new("vault").join(name), &bytes)?;
    }
    state.folder(Path::new("aside"), &paths.aside())?;
    state.folder(Path::new("anchors"), &paths.anchors())?;
    configuration(order.config, state)?;
    Ok(Some(snapshot.checkpoint))
}

/// The files of the configuration, without the secrets that it names.
fn configuration(main: &Path, into: &mut Writer) -> anyhow::Result<()> {
    let home = main.parent().unwrap_or(Path::new("/"));
    let name = Path::new("config");
    into.file(&name.join("poterne.toml"), main)?;
    for below in ["vendors.d", "targets.d"] {
        for entry in fs::read_dir(home.join(below)).into_iter().flatten() {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "toml")
                && let Some(file) = path.file_name()
            {
                into.file(&name.join(below).join(file), &path)?;
            }
        }
    }
    Ok(())
}

fn vault(paths: &Paths) -> anyhow::Result<BTreeMap<String, Vec<u8>>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir(paths.vault()).context("the vault")? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == NEVER || name.ends_with(".new") || !entry.file_type()?.is_file() {
            continue;
        }
        match fs::read(entry.path()) {
            Ok(bytes) => drop(all.insert(name, bytes)),
            // Replaced meanwhile: the entry that names its successor is not of this copy, or the second
            // look has it.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error).context("the vault"),
        }
    }
    Ok(all)
}

/// The site's own keys and the masters of the ring, among the vault's documents.
fn site_keys(vault: &BTreeMap<String, Vec<u8>>) -> impl Iterator<Item = (&String, &Vec<u8>)> {
    vault.iter().filter(|(name, _)| name.starts_with("site.") || name.starts_with("ring."))
}

fn spools(paths: &Paths) -> anyhow::Result<Vec<(String, PathBuf)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(paths.recordings()).context("the recordings")? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_file() && name.ends_with(".spool") {
            all.push((name, entry.path()));
        }
    }
    Ok(all)
}

/// Sessions whose recordings are sealed: their folders are moved to their place whole.
fn sealed(paths: &Paths) -> anyhow::Result<Vec<SessionId>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(paths.recordings()).context("the recordings")? {
        let entry = entry?;
        let id = entry.file_name().to_string_lossy().parse::<SessionId>();
        if let Ok(id) = id
            && entry.path().join("manifest.json").exists()
        {
            all.push(id);
        }
    }
    all.sort();
    Ok(all)
}

/// The digests of the recordings in earlier sets.
fn earlier(folder: &Path) -> BTreeMap<String, String> {
    let sets = fs::read_dir(folder).into_iter().flatten().flatten();
    sets.filter_map(|set| Manifest::read(&set.path()).ok()).flat_map(|manifest| manifest.recordings).collect()
}

fn private(folder: &Path) -> anyhow::Result<()> {
    crate::daemon::make_private(folder)
}
