//! Checkpoints that somebody kept elsewhere, and what becomes of them beside a bundle.

use super::receipt::{BEGIN, read_receipt};
use super::voice::Voice;
use crate::merkle::Frontier;
use crate::note::{Checkpoint, VerifierKey};

/// A checkpoint from elsewhere. The log of a bundle must continue it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    name: String,
    checkpoint: Checkpoint,
    /// Whether a key said who signed it. Else its origin is all there is to compare.
    signed: bool,
}

impl Kept {
    /// Reads a signed checkpoint, or the one in a receipt. One of `keys` must have signed it; if there are
    /// none, its own signature must be there. `name` is for what is said of it. `Err` says in words why it
    /// says nothing about any bundle: that is no finding about one.
    pub fn read(name: &str, text: &str, keys: &[&VerifierKey]) -> Result<Kept, String> {
        let note = match text.contains(BEGIN) {
            true => read_receipt(text, None).map_err(|what| format!("{name} cannot be used: {what}"))?.note,
            false => text.to_owned(),
        };
        let mut read = keys.iter().map(|key| Checkpoint::verify(&note, key)).collect::<Vec<_>>();
        if read.is_empty() {
            read.push(Checkpoint::unverified(&note));
        }
        let checkpoint = read.into_iter().find_map(Result::ok).ok_or_else(|| {
            format!(
                "{name} is no checkpoint signed by the key given: it says nothing about this bundle. Leave it out, or \
                 name the key that signed it with --anchor-key"
            )
        })?;
        Ok(Kept { name: name.to_owned(), checkpoint, signed: !keys.is_empty() })
    }
}

/// The checkpoints from elsewhere that the log was not held against yet.
pub(super) struct Waiting<'a>(Vec<&'a Kept>);

impl<'a> Waiting<'a> {
    /// All of them. Without a key for them, each must be of this origin.
    pub(super) fn new(kept: &'a [Kept], origin: &str, voice: &mut Voice<'_>) -> Waiting<'a> {
        let (ours, others): (Vec<_>, Vec<_>) =
            kept.iter().partition(|one| one.signed || one.checkpoint.origin == origin);
        others.into_iter().for_each(|one| voice.wrong(format!("{} is another log's", one.name)));
        Waiting(ours)
    }

    /// Holds those over as many entries as were folded so far against the tree.
    pub(super) fn meet(&mut self, tree: &Frontier, voice: &mut Voice<'_>) {
        self.0.retain(|kept| {
            let (name, size) = (&kept.name, kept.checkpoint.size);
            if size != tree.size() {
                return true;
            }
            match kept.checkpoint.root == tree.root() {
                true => voice.holds(format!("the log continues {name}, over {size} entries")),
                false => voice.wrong(format!("{name} over {size} entries has another root: history was rewritten")),
            }
            false
        });
    }

    /// The log was proven to continue this one.
    pub(super) fn proven(&mut self, older: &Checkpoint, voice: &mut Voice<'_>) {
        self.0.retain(|kept| {
            let same = (kept.checkpoint.size, kept.checkpoint.root) == (older.size, older.root);
            if same {
                voice.holds(format!("the log continues {}, over {} entries", kept.name, older.size));
            }
            !same
        });
    }

    /// What could not be held against this bundle.
    pub(super) fn end(self, size: u64, voice: &mut Voice<'_>) {
        for Kept { name, checkpoint, .. } in self.0 {
            let covers = checkpoint.size;
            voice.wrong(match covers > size {
                true => format!(
                    "{name} covers {covers} entries, and the bundle {size}: the bundle was made before it (export again), \
                     or the log was cut off or rolled back; this bundle cannot show which"
                ),
                false => format!(
                    "{name} over {covers} entries cannot be held against this bundle, which is too coarse there: \
                     export it again with --anchor"
                ),
            });
        }
    }
}
