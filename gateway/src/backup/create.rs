//! Making a set, beside the daemon that goes on.
//!
//! The order makes it whole: spools after the journal, so that each holds what was committed of it; the
//! vault before and after it, since an entry names a generation that was there before and may be gone
//! after; heads and recordings last, so that what the journal says is sealed is there.

use super::archive::Writer;
use super::earlier::{Earlier, Kept};
use super::gone::{self, Gone};
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
#[derive(Default)]
pub(crate) struct Made {
    pub(crate) set: PathBuf,
    pub(crate) checkpoint: String,
    pub(crate) recordings: usize,
    /// Recordings that were not in an earlier set, or opened to others there.
    pub(crate) added: usize,
    /// Archives of recordings that were not what an earlier set says, put aside and written anew.
    pub(crate) altered: Vec<PathBuf>,
    /// What earlier sets have, or manifests name, and is not on the bastion: erased at its term, or lost.
    pub(crate) gone: Vec<Gone>,
    /// Archives of earlier versions, of which nobody says to whom they open.
    pub(crate) unsaid: usize,
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
    let (mut bytes, mut checkpoint, mut ids) = (0, None, Vec::new());
    for _ in 0..TRIES {
        let mut state = Writer::begin(&set.join(STATE), &recipients)?;
        let mut keys = Writer::begin(&set.join(KEYS), &recipients)?;
        if let Some(found) = once(order, &paths, &mut state, &mut keys)? {
            // Before the heads are copied: those of what is sealed later are not among them.
            ids = sealed(&paths)?;
            keys.folder(Path::new("keyring"), &paths.keyring())?;
            bytes += state.finish()? + keys.finish()?;
            checkpoint = Some(found);
            break;
        }
    }
    let Some(checkpoint) = checkpoint else {
        bail!("sessions ended or keys changed again and again while they were copied: try again later");
    };
    let (earlier, wanted) = (Earlier::read(order.into), recipients.iter().map(ToString::to_string).collect());
    let mut made = Made { set: set.clone(), checkpoint: checkpoint.clone(), bytes, ..Made::default() };
    let (mut recordings, mut recording_files, mut recordings_open_to) =
        (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for id in &ids {
        let choice = earlier.choose(order.into, id.as_str(), &wanted)?;
        for file in &choice.altered {
            let place = order.into.join(RECORDINGS).join(file);
            let aside = order.into.join(RECORDINGS).join(format!("{file}.altered-{name}"));
            fs::rename(&place, &aside).with_context(|| format!("`{}`", place.display()))?;
            made.altered.push(aside);
        }
        let kept = match choice.good {
            Some(kept) => kept,
            None => {
                let place = order.into.join(RECORDINGS).join(&choice.free);
                let mut writer = Writer::begin(&place, &recipients)?;
                writer.folder(Path::new(id.as_str()), &paths.sealed(id))?;
                made.bytes += writer.finish()?;
                made.added += 1;
                Kept { file: choice.free, digest: digest_of(&place)?, opens_to: Some(wanted.clone()) }
            }
        };
        recordings.insert(id.to_string(), kept.digest);
        if kept.file != recording_file(id.as_str()) {
            recording_files.insert(id.to_string(), kept.file);
        }
        match kept.opens_to {
            Some(to) => drop(recordings_open_to.insert(id.to_string(), to)),
            None => made.unsaid += 1,
        }
    }
    made.recordings = recordings.len();
    let lost = earlier.sessions().filter(|id| !recordings.contains_key(*id)).map(Gone::whole);
    made.gone = lost.chain(ids.iter().flat_map(|id| gone::of(&paths, id))).collect();
    let mut archives = BTreeMap::new();
    for name in [STATE, KEYS] {
        archives.insert(name.to_owned(), digest_of(&set.join(name))?);
    }
    let manifest = Manifest {
        format: FORMAT,
        made: order.now,
        checkpoint,
        archives,
        recordings,
        recording_files,
        recordings_open_to,
    };
    // Last: a set without it was broken off.
    fs::write(set.join(MANIFEST), serde_json::to_vec_pretty(&manifest)?)?;
    fs::File::open(&set)?.sync_all()?;
    Ok(made)
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

fn private(folder: &Path) -> anyhow::Result<()> {
    crate::daemon::make_private(folder)
}
