//! The receipt: one entry's proof, short enough for a terminal, that makes whoever keeps it a witness of
//! the log (T2).

use crate::entry::Leaf;
use crate::merkle::{Hash, leaf_hash, verify_inclusion};
use crate::note::{Checkpoint, NoteError, VerifierKey};
use data_encoding::BASE64;

/// What a receipt begins with.
pub(super) const BEGIN: &str = "-----BEGIN POTERNE RECEIPT-----";
const END: &str = "-----END POTERNE RECEIPT-----";
const PROOF: &str = "c2sp.org/tlog-proof@v1";
/// Characters of a line: fits the narrowest terminal that people use.
const LINE: usize = 64;
/// A receipt of a log of 2^40 entries has some 6 KB.
const LONGEST: usize = 64 << 10;

/// What a receipt says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipted {
    /// The entry's public leaf.
    pub leaf: Leaf,
    /// The checkpoint that covers it, and with it all entries before.
    pub checkpoint: Checkpoint,
    /// The same as it was signed.
    pub note: String,
}

/// Writes a receipt: lines of printable ASCII, with `\n` behind each. `path` is the entry's audit path
/// in the log of the signed checkpoint `note`.
pub fn make_receipt(leaf: &[u8], index: u64, path: &[Hash], note: &str) -> String {
    let mut text = format!("{}\n{PROOF}\nindex {index}\n", String::from_utf8_lossy(leaf));
    for hash in path {
        text += &BASE64.encode(hash);
        text.push('\n');
    }
    text.push('\n');
    text += note;
    let armour = BASE64.encode(text.as_bytes());
    let mut lines = vec![BEGIN.to_owned()];
    let mut rest = armour.as_str();
    while let Some((line, behind)) = rest.split_at_checked(LINE.min(rest.len())).filter(|(line, _)| !line.is_empty()) {
        lines.push(line.to_owned());
        rest = behind;
    }
    lines.push(END.to_owned());
    lines.join("\n") + "\n"
}

/// Reads a receipt out of a text that may hold more: the words above it, and what a terminal or a mail
/// made of its lines. With `key`, the checkpoint must be signed by it. `Err` says in words what does not
/// hold.
pub fn read_receipt(text: &str, key: Option<&VerifierKey>) -> Result<Receipted, String> {
    let armour = text.split_once(BEGIN).and_then(|(_, behind)| behind.split_once(END)).map(|(armour, _)| armour);
    let armour = armour.ok_or_else(|| format!("there is no receipt: it stands between `{BEGIN}` and `{END}`"))?;
    if armour.len() > LONGEST {
        return Err(format!("a receipt is never longer than {LONGEST} characters"));
    }
    // Blanks and `>` are what copying and quoting leave.
    let plain: String = armour.chars().filter(|c| !c.is_whitespace() && *c != '>').collect();
    let bytes = BASE64.decode(plain.as_bytes()).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let text = bytes.ok_or("the receipt is damaged: it is not base64 of a text")?;
    let parts = || {
        let (leaf, rest) = text.split_once('\n')?;
        let (proof, note) = rest.split_once("\n\n")?;
        let mut lines = proof.split('\n');
        let first = lines.next() == Some(PROOF);
        let written = lines.next()?.strip_prefix("index ")?;
        // One spelling: no sign, no zero in front.
        let index = written.parse().ok().filter(|index: &u64| index.to_string() == written)?;
        let path: Option<Vec<Hash>> = lines.map(|line| BASE64.decode(line.as_bytes()).ok()?.try_into().ok()).collect();
        first.then_some((leaf, index, path?, note))
    };
    let (leaf_bytes, index, path, note) = parts().ok_or("the receipt is damaged: it has not the form of one")?;
    let checkpoint = match key {
        Some(key) => Checkpoint::verify(note, key),
        None => Checkpoint::unverified(note),
    };
    let checkpoint = checkpoint.map_err(|error: NoteError| format!("its checkpoint does not hold: {error}"))?;
    let leaf = Leaf::from_bytes(leaf_bytes.as_bytes()).filter(|leaf| leaf.index == index);
    let leaf = leaf.ok_or("its entry is not one of a journal")?;
    if !verify_inclusion(leaf_hash(leaf_bytes.as_bytes()), index, checkpoint.size, &path, &checkpoint.root) {
        return Err(format!("entry {index} is not in the log of the signed checkpoint"));
    }
    Ok(Receipted { leaf, checkpoint, note: note.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::merkle::{inclusion_proof, root_of};
    use crate::note::SigningKey;

    fn receipt() -> (String, VerifierKey) {
        let leaf = |index| Leaf {
            account: None,
            at: jiff::Timestamp::from_second(1_800_000_000).unwrap(),
            body: "00".repeat(32),
            index,
            intervention: None,
            key: "00".repeat(8),
            kind: "recording-committed".into(),
            sealed: "00".repeat(32),
            session: Some("s-0123456789abcdef".into()),
        };
        let leaves: Vec<Vec<u8>> = (0..40).map(|index| leaf(index).to_bytes()).collect();
        let hashes: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
        let key = SigningKey::new("chu.example/journal", &[7; 32]).unwrap();
        let checkpoint = Checkpoint { origin: "chu.example/journal".into(), size: 40, root: root_of(&hashes) };
        let text = make_receipt(&leaves[11], 11, &inclusion_proof(&hashes, 11).unwrap(), &key.sign(&checkpoint));
        (text, key.verifier())
    }

    /// T2: what a terminal or a mail makes of it does no harm; what somebody else makes of it does.
    #[test]
    fn a_receipt_survives_copying_and_nothing_else() {
        let (text, key) = receipt();
        assert!(text.lines().all(|line| line.len() <= LINE && line.is_ascii()));
        for copied in [
            text.clone(),
            text.replace('\n', "\r\n"),
            format!("Bonjour,\n\n> {}\n--\nImagix", text.replace('\n', "\n> ")),
            text.replace('\n', "   \n  "),
        ] {
            let read = read_receipt(&copied, Some(&key)).unwrap();
            assert_eq!((read.leaf.index, read.checkpoint.size), (11, 40));
        }
        let other = SigningKey::new("chu.example/journal", &[8; 32]).unwrap().verifier();
        assert!(read_receipt(&text, Some(&other)).unwrap_err().contains("no signature"));
        assert!(read_receipt(&text, None).is_ok());
        let armour: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        let plain = String::from_utf8(BASE64.decode(armour.as_bytes()).unwrap()).unwrap();
        for index in ["+11", "011", "\u{661}\u{661}", "11 ", ""] {
            let respelt = BASE64.encode(plain.replace("index 11\n", &format!("index {index}\n")).as_bytes());
            assert!(read_receipt(&format!("{BEGIN}{respelt}{END}"), Some(&key)).is_err(), "{index}");
        }
        let inside = BEGIN.len() + 1..text.len() - END.len() - 2;
        for position in inside {
            let mut altered = text.clone().into_bytes();
            altered[position] = if altered[position] == b'A' { b'B' } else { b'A' };
            let altered = String::from_utf8(altered).unwrap();
            assert!(read_receipt(&altered, Some(&key)).is_err(), "byte {position}");
        }
    }
}
