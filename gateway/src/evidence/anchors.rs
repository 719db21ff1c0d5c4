//! Checkpoints from elsewhere, which whoever asks for a bundle brings along.

use journal::{Checkpoint, NoteError, VerifierKey};
use lifecycle::order::{Failure, exit};

/// As many as one may bring.
const MOST: usize = 32;

/// Says no to checkpoints that a bundle of so many entries cannot prove, by their place in the list.
pub(super) fn judge(notes: &[String], key: &VerifierKey, here: u64) -> Result<(), Failure> {
    if notes.len() > MOST {
        return Err(Failure::new(exit::DATA, format!("more than {MOST} checkpoints: name those that matter")));
    }
    for (n, note) in (1..).zip(notes) {
        taken(Checkpoint::verify(note, key), here)
            .map_err(|why| Failure::new(exit::DATA, format!("checkpoint {n} of those given with --anchor: {why}")))?;
    }
    Ok(())
}

/// Whether a checkpoint from elsewhere can be proven in a bundle of so many entries. One that cannot is
/// not passed over: whoever brought it would take the bundle for proven by it.
fn taken(note: Result<Checkpoint, NoteError>, here: u64) -> Result<(), String> {
    match note {
        Err(error) => Err(format!(
            "this journal did not sign it ({error}). Name a checkpoint of its name and key; one from before a restore \
             is for the verifier: poterne-verify bundle --anchor FILE --anchor-key OLD"
        )),
        Ok(Checkpoint { size: 0, .. }) => Err("it is over no entry, and proves nothing".to_owned()),
        Ok(Checkpoint { size, .. }) if size > here => Err(format!(
            "it is over {size} entries, and {here} are here: the journal was cut off or rolled back. Keep it"
        )),
        Ok(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T1: what proves nothing is not taken for a proof, and a rollback is said at once.
    #[test]
    fn an_anchor_that_proves_nothing_is_refused() {
        let signer = journal::SigningKey::new("poterne/test/1", &[7; 32]).unwrap();
        let note = |size| signer.sign(&Checkpoint { origin: "poterne/test/1".to_owned(), size, root: [1; 32] });
        let judge = |note: &str| taken(Checkpoint::verify(note, &signer.verifier()), 40);
        judge(&note(40)).unwrap();
        for (note, why) in [
            ("garbage".to_owned(), "did not sign it"),
            (note(12).replace("\n12\n", "\n13\n"), "did not sign it"),
            (note(0), "no entry"),
            (note(41), "rolled back"),
        ] {
            let said = judge(&note).unwrap_err();
            assert!(said.contains(why), "{said}");
        }
    }
}
