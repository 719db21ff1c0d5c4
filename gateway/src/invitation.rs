//! Codes and words that people carry: invitations, planned codes, check words. What the vault holds of
//! them does not give them back.

use crate::entropy::{self, NoEntropy};
use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// Characters of an invitation's code: 30 of an alphabet of 20 are 129 bits (D8).
const INVITATION: usize = 30;
/// Characters of a group when a code is shown.
const GROUP: usize = 6;

/// What people type: without blanks, dashes and regard to case.
pub(crate) fn plain(typed: &str) -> String {
    typed.chars().filter(|c| c.is_ascii_alphanumeric()).collect::<String>().to_uppercase()
}

fn sha256(text: &str) -> String {
    HEXLOWER.encode(digest(&SHA256, text.as_bytes()).as_ref())
}

/// The digest of an invitation's code: the code has more bits than a digest could leak.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct Invitation {
    digest: String,
}

impl Invitation {
    /// Draws a code; gives it as it is to be shown, and what to keep.
    pub fn draw() -> Result<(String, Self), NoEntropy> {
        let code = entropy::readable_code(INVITATION)?;
        let characters: Vec<char> = code.chars().collect();
        let shown: Vec<String> = characters.chunks(GROUP).map(|group| group.iter().collect()).collect();
        Ok((shown.join("-"), Self { digest: sha256(&code) }))
    }

    /// Whether this is the code.
    pub fn fits(&self, typed: &str) -> bool {
        verify_slices_are_equal(sha256(&plain(typed)).as_bytes(), self.digest.as_bytes()).is_ok()
    }
}

/// A planned code is short enough to be guessed offline, so it is kept as an HMAC under a key of its
/// own, in the vault with it (D7).
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct PlannedCode {
    key: [u8; 32],
    mac: String,
}

impl PlannedCode {
    /// What to keep of a code.
    pub fn of(code: &str) -> Result<Self, NoEntropy> {
        let key = entropy::bytes()?;
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), plain(code).as_bytes());
        Ok(Self { key, mac: HEXLOWER.encode(mac.as_ref()) })
    }

    /// Whether this is the code.
    pub fn fits(&self, typed: &str) -> bool {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &self.key);
        let mac = HEXLOWER.decode(self.mac.as_bytes()).unwrap_or_default();
        hmac::verify(&key, plain(typed).as_bytes(), &mac).is_ok()
    }
}

/// The word that a technician reads out to whoever called them: it says that the factors the bastion
/// holds are those made by the person on the telephone (D8).
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
pub struct CheckWord {
    /// The word, in capitals.
    pub word: String,
}

impl CheckWord {
    /// Derived from the new secrets and from bytes drawn for the connection on which they were made.
    pub fn derive(password_hash: &str, totp: &str, connection: &[u8; 16]) -> Self {
        /// Told apart on a bad line, in French and in English.
        const CONSONANTS: [char; 8] = ['B', 'F', 'G', 'K', 'L', 'R', 'S', 'T'];
        const VOWELS: [char; 4] = ['A', 'E', 'I', 'O'];
        const SYLLABLES: usize = 5;
        let mut all = b"poterne check word".to_vec();
        for part in [password_hash.as_bytes(), totp.as_bytes(), connection] {
            all.extend_from_slice(&(part.len() as u64).to_be_bytes());
            all.extend_from_slice(part);
        }
        let bytes = digest(&SHA256, &all);
        let pick = |set: &[char], n: u8| set.get(usize::from(n) % set.len()).copied().unwrap_or_default();
        let word = bytes
            .as_ref()
            .iter()
            .take(SYLLABLES)
            .flat_map(|byte| [pick(&CONSONANTS, byte >> 2), pick(&VOWELS, byte & 3)])
            .collect();
        Self { word }
    }

    /// Whether this is the word.
    pub fn fits(&self, typed: &str) -> bool {
        verify_slices_are_equal(plain(typed).as_bytes(), self.word.as_bytes()).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// D8: at least 128 bits, typed as people type.
    #[test]
    fn an_invitation_fits_itself_only() {
        let (code, invitation) = Invitation::draw().unwrap();
        assert!(f64::from(u32::try_from(INVITATION).unwrap()) * 20f64.log2() >= 128.0);
        assert_eq!(code.matches('-').count(), 4);
        assert!(invitation.fits(&code) && invitation.fits(&code.replace('-', " ").to_lowercase()));
        assert!(!invitation.fits("") && !invitation.fits(&Invitation::draw().unwrap().0));
    }

    /// D7.
    #[test]
    fn a_planned_code_is_kept_as_an_hmac() {
        let held = PlannedCode::of("ACDE-FGHJ").unwrap();
        assert!(held.fits("acdefghj") && !held.fits("ACDEFGHK"));
        assert!(!serde_json::to_string(&held).unwrap().contains("ACDEFGHJ"));
    }

    /// D8: another secret or another connection gives another word.
    #[test]
    fn a_word_comes_from_secrets_and_connection() {
        let word = |hash, totp, connection| CheckWord::derive(hash, totp, &[connection; 16]).word.clone();
        let one = word("a", "b", 1);
        assert_eq!(one.len(), 10);
        assert_eq!(one, word("a", "b", 1));
        assert!(one != word("a", "b", 2) && one != word("ab", "", 1));
        assert!(CheckWord { word: one.clone() }.fits(&one.to_lowercase()));
    }
}
