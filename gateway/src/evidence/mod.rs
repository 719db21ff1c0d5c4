//! Bundles of evidence: gathered beside the registrar that writes, journalled before any of it is given
//! out, and handed over as one stream (EVI-01, EVI-08).
//!
//! Everything is written twice: once into a digest, since a file's length and the manifest stand before
//! what they are about, and once to whoever asked. Nothing lies on the disk meanwhile.

mod anchors;
mod contents;
mod receipt;
mod recordings;
mod summary;

pub use receipt::Receipts;

use self::contents::{Content, Contents};
use self::recordings::Known;
use crate::registrar::Core;
use crate::site::Site;
use bytes::Bytes;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use journal::Checkpoint;
use journal::bundle::{
    self, BundleFile, BundleManifest, Custody, Disclosed, Held, HeldRecording, TAR_END, tar_header, tar_padding,
};
use lifecycle::order::{Failure, exit};
use lifecycle::{Concerned, Event, EvidenceScope, SessionId};
use policy::StaffLogin;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// Longest purpose.
const PURPOSE: usize = 200;
/// Pieces of a stream on their way.
const ROOM: usize = 4;
/// Whoever takes no piece for so long has left: another may have the turn.
pub(crate) const STALLED: Duration = Duration::from_secs(60);
/// One piece.
const PIECE: usize = 128 << 10;

/// What is asked for.
pub struct Wanted {
    /// What it is about.
    pub scope: EvidenceScope,
    /// Why.
    pub purpose: String,
    /// Signed checkpoints that were kept elsewhere.
    pub anchors: Vec<String>,
    /// Without what recordings hold.
    pub reencrypted: bool,
    /// Who asks.
    pub staff: StaffLogin,
}

/// A bundle that is journalled and may be given out.
pub struct Prepared {
    contents: Contents,
    files: Vec<(BundleFile, Content)>,
    manifest: Vec<u8>,
    custody: Vec<u8>,
    made: Timestamp,
    /// SHA-256 of its manifest: what the journal names.
    pub digest: String,
    /// Its length.
    pub bytes: u64,
    /// A name for the file.
    pub name: String,
    /// The sessions whose recordings are in it, or are to be encrypted anew, and what of them is not on
    /// the bastion any more.
    pub recordings: BTreeMap<SessionId, BTreeSet<String>>,
    /// Files of recordings that are not as they were sealed, or are gone though nothing erased them.
    pub altered: Vec<String>,
    _turn: OwnedSemaphorePermit,
}

fn failed(error: impl std::fmt::Display) -> Failure {
    Failure::new(exit::IO, format!("the bundle could not be made: {error}"))
}

/// Gathers a bundle and journals that it is given out. `turn` is kept until it is.
pub async fn prepare(site: &Arc<Site>, wanted: Wanted, turn: OwnedSemaphorePermit) -> Result<Prepared, Failure> {
    let purpose = wanted.purpose.trim().to_owned();
    if !(1..=PURPOSE).contains(&purpose.chars().count()) {
        let text = "the purpose is empty or longer than 200 characters: write why, and for whom, with --purpose";
        return Err(Failure::new(exit::DATA, text));
    }
    anchors::judge(&wanted.anchors, site.archive.key(), *site.registrar.changes().borrow())?;
    let (scope, zone) = (wanted.scope.clone(), site.config().site.zone.clone());
    let looked = site.registrar.view(move |core: &Core, at| {
        let concerned = core.register.concerned(&scope, &zone);
        let known = |id: &SessionId| Known::of(core.register.sessions.get(id)?);
        let sealed = concerned.sessions.iter().filter_map(|id| Some((id.clone(), known(id)?)));
        let sealed: BTreeMap<SessionId, Known> = sealed.collect();
        (concerned, sealed, at)
    });
    let (concerned, sealed, made) = looked.await.map_err(|error| Failure::new(exit::TEMPORARY, error))?;
    if concerned.interventions.is_empty() {
        return Err(Failure::new(
            exit::NO_INPUT,
            format!("there is no evidence of {}: nothing of it is known", wanted.scope),
        ));
    }
    let (for_gathering, about) = (site.clone(), About { wanted, purpose, concerned, sealed, made });
    let gathered = tokio::task::spawn_blocking(move || gather(&for_gathering, about).map_err(failed));
    let gathered = gathered.await.map_err(failed)??;
    // Promise 4: durable before any of it is given out.
    let event = Event::EvidenceExported {
        staff: gathered.about.wanted.staff.clone(),
        purpose: gathered.about.purpose.clone(),
        scope: gathered.about.wanted.scope.clone(),
        manifest: gathered.digest.clone(),
        files: gathered.files.len() as u64,
        bytes: gathered.files.iter().map(|(file, _)| file.bytes).sum(),
    };
    let journalled = site.registrar.act(move |_, _| (vec![event], ())).await;
    journalled.map_err(|error| Failure::new(exit::TEMPORARY, error))?;
    let site = site.clone();
    let finished = tokio::task::spawn_blocking(move || finish(&site, gathered, turn).map_err(failed));
    finished.await.map_err(failed)?
}

struct About {
    wanted: Wanted,
    purpose: String,
    concerned: Concerned,
    /// The recordings that are sealed.
    sealed: BTreeMap<SessionId, Known>,
    made: Timestamp,
}

struct Gathered {
    about: About,
    contents: Contents,
    files: Vec<(BundleFile, Content)>,
    recordings: BTreeMap<SessionId, BTreeSet<String>>,
    altered: Vec<String>,
    manifest: Vec<u8>,
    digest: String,
}

/// Counts and digests what is written into it.
struct Tally {
    digest: aws_lc_rs::digest::Context,
    bytes: u64,
}

impl Write for Tally {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.digest.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref())
}

fn gather(site: &Site, mut about: About) -> anyhow::Result<Gathered> {
    let config = site.config();
    let mut contents = Contents::open(site, &mut about)?;
    let (first, end) = contents.range();
    let mut planned: Vec<(String, Content)> = vec![
        (bundle::CHECKPOINT.to_owned(), Content::Bytes(contents.checkpoint().as_bytes().to_vec())),
        (bundle::TREE.to_owned(), Content::Tree),
        (bundle::ENTRIES.to_owned(), Content::Entries),
        ("key.vkey".to_owned(), Content::Bytes(format!("{}\n", site.archive.key()).into_bytes())),
        ("resume.txt".to_owned(), Content::Summary),
    ];
    let anchors = contents.anchors(site, &about.wanted.anchors)?;
    if !anchors.is_empty() {
        planned.push((bundle::ANCHORS.to_owned(), Content::Bytes(anchors)));
    }
    for (name, text) in [
        ("LISEZMOI.txt", include_str!("../../texts/bundle/LISEZMOI.txt")),
        ("README.txt", include_str!("../../texts/bundle/README.txt")),
    ] {
        let text = text.replace("{site}", &config.site.name).replace("{scope}", &about.wanted.scope.to_string());
        planned.push((name.to_owned(), Content::Bytes(text.into_bytes())));
    }
    let (mut recordings, mut sealed, mut altered) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    for session in &about.concerned.sessions {
        let held = match about.sealed.get(session) {
            Some(known) => {
                let reencrypted = about.wanted.reencrypted;
                let held = recordings::plan(site, (session, known), reencrypted, (&mut planned, &mut altered));
                if let Some(held) = &held {
                    sealed.insert(session.clone(), held.without.clone());
                }
                // It was sealed, and is not there: the verifiers say so.
                held.unwrap_or(HeldRecording { held: Held::Stored, without: BTreeSet::new() })
            }
            None => HeldRecording { held: Held::NotSealed, without: BTreeSet::new() },
        };
        recordings.insert(session.to_string(), held);
    }
    for name in &altered {
        tracing::error!(file = %name, "ALERT: a recording that goes into a bundle is not as it was sealed, or is gone");
    }
    let mut files = Vec::with_capacity(planned.len());
    for (name, content) in planned {
        let mut tally = Tally { digest: aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256), bytes: 0 };
        contents.write(&content, &mut tally)?;
        let (sha256, bytes) = (HEXLOWER.encode(tally.digest.finish().as_ref()), tally.bytes);
        files.push((BundleFile { name, bytes, sha256 }, content));
    }
    let manifest = BundleManifest {
        format: BundleManifest::format(),
        origin: site.archive.key().name().to_owned(),
        made: about.made,
        by: about.wanted.staff.to_string(),
        purpose: about.purpose.clone(),
        scope: about.wanted.scope.to_string(),
        sessions: about.concerned.sessions.iter().map(ToString::to_string).collect(),
        interventions: about.concerned.interventions.iter().map(|number| number.0).collect(),
        first,
        end,
        size: contents.size(),
        recordings,
        files: files.iter().map(|(file, _)| file.clone()).collect(),
    };
    let manifest = manifest.to_bytes();
    let digest = sha256(&manifest);
    Ok(Gathered { about, contents, files, recordings: sealed, altered, manifest, digest })
}

/// Adds the journal's own word on the bundle.
fn finish(site: &Site, gathered: Gathered, turn: OwnedSemaphorePermit) -> anyhow::Result<Prepared> {
    let Gathered { about, contents, files, recordings, altered, manifest, digest } = gathered;
    let mut custody = serde_json::to_vec(&custody(site, contents.size(), &digest)?)?;
    custody.push(b'\n');
    let own = [&manifest, &custody].map(|bytes| bytes.len() as u64);
    let padded = |bytes: u64| 512 + bytes + tar_padding(bytes) as u64;
    let bytes = files.iter().map(|(file, _)| file.bytes).chain(own).map(padded).sum::<u64>() + TAR_END.len() as u64;
    let what = match &about.wanted.scope {
        EvidenceScope::Session(id) => id.to_string(),
        EvidenceScope::Intervention(number) => format!("intervention-{number}"),
        EvidenceScope::Vendor { vendor, from, to } => format!("{vendor}-{from}-{to}"),
    };
    Ok(Prepared {
        contents,
        files,
        manifest,
        custody,
        made: about.made,
        digest,
        bytes,
        name: format!("poterne-{what}.tar"),
        recordings,
        altered,
        _turn: turn,
    })
}

/// The entry that names the manifest, proven under a checkpoint that continues the bundle's.
fn custody(site: &Site, size: u64, digest: &str) -> anyhow::Result<Custody> {
    let mut reader = site.archive.open()?;
    let mut found = None;
    reader.read(size, |evidence| {
        let names = |body: &[u8]| matches!(Event::from_body(body), Ok(Event::EvidenceExported { manifest, .. }) if manifest == digest);
        match evidence.opened.as_ref().is_some_and(|(_, body)| names(body)) {
            true => {
                found = Some(evidence);
                ControlFlow::Break(())
            }
            false => ControlFlow::Continue(()),
        }
    })?;
    let evidence = found.ok_or_else(|| anyhow::anyhow!("the journal does not show its entry"))?;
    let (index, later) = (evidence.leaf.index, reader.size());
    let path = reader.inclusion(index, later)?.unwrap_or_default();
    let consistency = reader.consistency(size, later)?.unwrap_or_default();
    Ok(Custody {
        entry: Disclosed::new(&evidence, &path),
        checkpoint: reader.checkpoint().to_owned(),
        consistency: consistency.iter().map(|hash| HEXLOWER.encode(hash)).collect(),
    })
}

impl Prepared {
    /// Gives it out, piece by piece. A piece that is an error is the last, and what came before is no
    /// bundle. Ends when whoever reads is gone.
    pub fn stream(self) -> mpsc::Receiver<io::Result<Bytes>> {
        let (pieces, stream) = mpsc::channel(ROOM);
        tokio::task::spawn_blocking(move || {
            let mut out = io::BufWriter::with_capacity(PIECE, Pieces(pieces.clone()));
            if let Err(error) = self.write(&mut out).and_then(|()| out.flush()) {
                // Where nobody takes it there is nobody to tell.
                let _ = pieces.try_send(Err(error));
            }
        });
        stream
    }

    fn write(mut self, out: &mut impl Write) -> io::Result<()> {
        let made = self.made.as_second();
        let file = |out: &mut dyn Write, name: &str, bytes: &[u8]| {
            out.write_all(&tar_header(name, bytes.len() as u64, made))?;
            out.write_all(bytes)?;
            out.write_all(&vec![0; tar_padding(bytes.len() as u64)])
        };
        file(out, bundle::MANIFEST, &self.manifest)?;
        file(out, bundle::CUSTODY, &self.custody)?;
        for (named, content) in &self.files {
            out.write_all(&tar_header(&named.name, named.bytes, made))?;
            let mut bounded = Exactly { out, left: named.bytes };
            self.contents.write(content, &mut bounded)?;
            if bounded.left > 0 {
                return Err(io::Error::other(format!("`{}` became shorter while it was read", named.name)));
            }
            out.write_all(&vec![0; tar_padding(named.bytes)])?;
        }
        out.write_all(&TAR_END)
    }
}

/// Writes no more than was promised.
struct Exactly<'a, W> {
    out: &'a mut W,
    left: u64,
}

impl<W: Write> Write for Exactly<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        let left = self.left.checked_sub(count as u64);
        self.left = left.ok_or_else(|| io::Error::other("a file became longer while it was read"))?;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

struct Pieces(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        let sending = tokio::time::timeout(STALLED, self.0.send(Ok(piece)));
        match tokio::runtime::Handle::current().block_on(sending) {
            Ok(Ok(())) => Ok(bytes.len()),
            Ok(Err(_)) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The checkpoint of a note that this log signed.
fn own(site: &Site, note: &str) -> Option<Checkpoint> {
    Checkpoint::verify(note, site.archive.key()).ok()
}
