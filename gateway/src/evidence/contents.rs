//! What the files of a bundle hold, written as often as it is asked for: the journal as it was when the
//! bundle was begun, and the recordings as they lie.

use super::recordings::Known;
use super::{About, own, summary};
use crate::memory::MEMORY;
use crate::site::Site;
use crate::vault::Memory;
use journal::bundle::{Anchored, Disclosed, write_tree};
use journal::{Evidence, Leaf, OpenError, Reader};
use lifecycle::{Concerned, Event, EvidenceScope, InterventionNumber, SessionId};
use recorder::Joined;
use std::collections::BTreeSet;
use std::collections::btree_map::{BTreeMap, Entry};
use std::fs::File;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;

/// Entries with their bodies that are held at once.
const BATCH: usize = 64;

/// What a file of a bundle holds.
pub(super) enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A file as it lies.
    File(PathBuf),
    /// Head and body of a part of a recording, as the one file they are.
    Joined { head: PathBuf, body: PathBuf },
    /// The tree.
    Tree,
    /// The entries with their proofs.
    Entries,
    /// The entries in words.
    Summary,
}

/// The journal, and which of its entries are concerned.
pub(super) struct Contents {
    reader: Reader,
    concerned: Vec<u64>,
    /// Whether something of it is still going on, so that more could stand behind the last entry concerned.
    open: bool,
    zone: jiff::tz::TimeZone,
}

/// What is over, as its leaves say.
#[derive(Default)]
struct Over {
    interventions: BTreeSet<InterventionNumber>,
    sessions: BTreeSet<SessionId>,
    /// By which entry each recording was sealed.
    sealed: BTreeMap<SessionId, u64>,
}

impl Over {
    fn see(&mut self, leaf: &Leaf, number: Option<InterventionNumber>, session: Option<SessionId>) {
        match leaf.kind.as_str() {
            "intervention-ended" | "intervention-refused" | "intervention-withdrawn" | "intervention-expired" => {
                self.interventions.extend(number);
            }
            "session-ended" => self.sessions.extend(session),
            "recording-sealed" => self.sealed.extend(session.map(|session| (session, leaf.index))),
            _ => {}
        }
    }
}

/// The manifest's digest, as the entry says by which the recording was sealed; `None` where its content is
/// erased.
fn manifest_named(reader: &mut Reader, index: u64) -> Result<Option<String>, OpenError> {
    let mut named = None;
    reader.read(index, |evidence| {
        let event = evidence.opened.and_then(|(_, body)| Event::from_body(&body).ok());
        if let Some(Event::RecordingSealed { manifest, .. }) = event {
            named = Some(manifest);
        }
        ControlFlow::Break(())
    })?;
    Ok(named)
}

impl Contents {
    /// Finds the entries concerned. The journal went on since `about` was looked up: sessions that were
    /// admitted and recordings that were sealed meanwhile are added to it, so that it says what the entries do.
    pub(super) fn open(site: &Site, about: &mut About) -> anyhow::Result<Contents> {
        let mut reader = site.archive.open()?;
        let since = about.concerned.since.map_or(Ok(0), |since| reader.index_before(since))?;
        let one_session = matches!(about.wanted.scope, EvidenceScope::Session(_));
        let Concerned { interventions, sessions, .. } = &mut about.concerned;
        let mut over = Over::default();
        let mut concerned = Vec::new();
        reader.leaves(since, |leaf, _| {
            let number = leaf.intervention.map(InterventionNumber).filter(|number| interventions.contains(number));
            let session: Option<SessionId> = leaf.session.as_deref().and_then(|session| session.parse().ok());
            if number.is_some() && !one_session {
                sessions.extend(session.clone());
            }
            let session = session.filter(|session| sessions.contains(session));
            if number.is_some() || session.is_some() {
                concerned.push(leaf.index);
                over.see(&leaf, number, session);
            }
            ControlFlow::Continue(())
        })?;
        let Over { interventions: ended, sessions: gone, sealed } = over;
        let open = *interventions != ended || *sessions != gone || !sessions.iter().eq(sealed.keys());
        for (session, index) in sealed {
            if let Entry::Vacant(unknown) = about.sealed.entry(session) {
                let manifest = manifest_named(&mut reader, index)?;
                unknown.insert(Known { manifest, ..Known::default() });
            }
        }
        Ok(Contents { reader, concerned, open, zone: site.config().site.zone.clone() })
    }

    /// From the first entry concerned to behind the last; to the end of the journal where something of it is
    /// still going on, since only that shows that nothing was left out.
    pub(super) fn range(&self) -> (u64, u64) {
        let first = self.concerned.first().copied().unwrap_or_default();
        let last = self.concerned.last().map_or(first, |last| last + 1);
        (first, if self.open { self.size() } else { last })
    }

    pub(super) fn size(&self) -> u64 {
        self.reader.size()
    }

    pub(super) fn checkpoint(&self) -> &str {
        self.reader.checkpoint()
    }

    /// Proofs that the log continues these checkpoints, the one that the vault remembers, and the newest
    /// that left by each way, with what its witness signed.
    pub(super) fn anchors(&mut self, site: &Site, given: &[String]) -> anyhow::Result<Vec<u8>> {
        let remembered: Option<Memory> = site.vault.get(MEMORY, 1).ok();
        let known = given.iter().cloned().chain(crate::anchors::kept(site));
        let known = known.chain(remembered.map(|memory| memory.checkpoint));
        let (mut lines, mut sizes) = (Vec::new(), Vec::new());
        for note in known {
            let Some(older) = own(site, &note).filter(|older| (1..=self.size()).contains(&older.size)) else {
                continue;
            };
            if sizes.contains(&(older.size, older.root)) {
                continue;
            }
            sizes.push((older.size, older.root));
            let proof = self.reader.consistency(older.size, self.size())?.unwrap_or_default();
            let consistency = proof.iter().map(|hash| data_encoding::HEXLOWER.encode(hash)).collect();
            serde_json::to_writer(&mut lines, &Anchored { checkpoint: note, consistency })?;
            lines.push(b'\n');
        }
        Ok(lines)
    }

    pub(super) fn write(&mut self, content: &Content, out: &mut dyn Write) -> io::Result<()> {
        match content {
            Content::Bytes(bytes) => out.write_all(bytes),
            Content::File(path) => io::copy(&mut File::open(path)?, out).map(|_| ()),
            Content::Joined { head, body } => io::copy(&mut Joined::open(head, body)?, out).map(|_| ()),
            Content::Tree => {
                let (first, end) = self.range();
                write_tree(&mut self.reader, first..end, out)
            }
            Content::Entries => self.each(|reader, evidence| {
                let size = reader.size();
                let path = reader.inclusion(evidence.leaf.index, size).map_err(io::Error::other)?;
                serde_json::to_writer(&mut *out, &Disclosed::new(evidence, &path.unwrap_or_default()))?;
                out.write_all(b"\n")
            }),
            Content::Summary => {
                out.write_all(summary::HEADING.as_bytes())?;
                let zone = self.zone.clone();
                self.each(|_, evidence| out.write_all(summary::entry(evidence, &zone).as_bytes()))
            }
        }
    }

    /// Visits the entries concerned, in order, a few of them in memory at a time.
    fn each(&mut self, mut visit: impl FnMut(&mut Reader, &Evidence) -> io::Result<()>) -> io::Result<()> {
        let mut left = self.concerned.as_slice();
        while let Some(first) = left.first() {
            let mut batch = Vec::new();
            let read = self.reader.read(*first, |evidence| {
                if left.first() == Some(&evidence.leaf.index) {
                    left = left.get(1..).unwrap_or_default();
                    batch.push(evidence);
                }
                match left.is_empty() || batch.len() >= BATCH {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            });
            read.map_err(io::Error::other)?;
            if batch.is_empty() {
                return Err(io::Error::other("the journal became shorter while it was read"));
            }
            for evidence in &batch {
                visit(&mut self.reader, evidence)?;
            }
        }
        Ok(())
    }
}
