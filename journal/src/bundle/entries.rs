//! The entries in a bundle, each held against the signed checkpoint.

use super::disclosed::Disclosed;
use super::opened::Lines;
use super::recordings::Recordings;
use super::voice::Voice;
use crate::entry::Leaf;
use crate::merkle::Hash;
use crate::note::Checkpoint;

/// The entries in the bundle, read beside the tree.
pub(super) struct Entries {
    lines: Lines,
    next: Option<Disclosed>,
    last: Option<u64>,
    size: u64,
    root: Hash,
}

impl Entries {
    /// The lines, to be held against this checkpoint.
    pub(super) fn new(lines: Lines, checkpoint: &Checkpoint) -> Entries {
        Entries { lines, next: None, last: None, size: checkpoint.size, root: checkpoint.root }
    }

    fn peek(&mut self, voice: &mut Voice<'_>) -> Option<&Disclosed> {
        while self.next.is_none() {
            match self.lines.next::<Disclosed>()? {
                Ok(entry) => {
                    if let Some(last) = self.last.filter(|last| entry.index <= *last) {
                        voice.wrong(format!(
                            "entry {} stands behind entry {last}: entries were swapped or doubled",
                            entry.index
                        ));
                    }
                    self.last = Some(entry.index);
                    self.next = Some(entry);
                }
                Err(what) => voice.wrong(what),
            }
        }
        self.next.as_ref()
    }

    /// An entry with this leaf must come next.
    pub(super) fn expect(&mut self, leaf: &Leaf, recordings: &mut Recordings, voice: &mut Voice<'_>) {
        while self.peek(voice).is_some_and(|next| next.index < leaf.index) {
            self.take(recordings, voice);
        }
        match self.peek(voice).is_some_and(|next| next.index == leaf.index) {
            true => self.take(recordings, voice),
            false => voice.wrong(format!(
                "entry {} ({}) concerns this, and its content is not here: an entry was dropped",
                leaf.index, leaf.kind
            )),
        }
    }

    fn take(&mut self, recordings: &mut Recordings, voice: &mut Voice<'_>) {
        let Some(entry) = self.next.take() else { return };
        let judged = entry.proven(self.size, &self.root).and_then(|leaf| {
            let body = entry.content(&leaf)?.map(str::to_owned);
            Ok((leaf, body))
        });
        match judged {
            Ok((leaf, body)) => {
                voice.report.entries += 1;
                voice.report.erased += u64::from(body.is_none());
                let about = match (&leaf.intervention, &leaf.session) {
                    (Some(number), Some(session)) => format!("intervention {number}, {session}"),
                    (Some(number), None) => format!("intervention {number}"),
                    (None, Some(session)) => session.clone(),
                    (None, None) => "-".to_owned(),
                };
                let erased = if body.is_none() { "  (its content was erased)" } else { "" };
                voice.holds(format!("entry {}  {}  {}  {about}{erased}", leaf.index, leaf.at, leaf.kind));
                recordings.learn(&leaf, body.as_deref());
            }
            Err(what) => voice.wrong(what),
        }
    }

    /// Whatever is left.
    pub(super) fn end(mut self, recordings: &mut Recordings, voice: &mut Voice<'_>) {
        while self.peek(voice).is_some() {
            self.take(recordings, voice);
        }
    }
}
