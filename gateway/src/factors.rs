//! Comparing passwords and codes. Decides nothing: what came of it goes to the registrar.

use crate::entropy::{self, NoEntropy};
use crate::limits::{COMPARISONS, Caller, Turns};
use crate::vault::PersonSecrets;
use argon2::password_hash::PasswordVerifier as _;
use argon2::password_hash::phc::{Output, ParamsString, Salt};
use argon2::{Algorithm, Argon2, Block, Params, PasswordHash, Version};
use jiff::Timestamp;
use lifecycle::CodeCheck;
use std::sync::{Arc, Mutex, PoisonError};
use totp_rs::{Builder, Secret, Totp};

/// argon2id, 19 MiB, two passes: OWASP's first choice.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LEAST_PASSWORD: usize = 12;

/// Why a secret was not accepted for a new account.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Too short.
    #[error("the password has fewer than {LEAST_PASSWORD} characters: choose a longer one")]
    Short,
    /// Not a TOTP secret.
    #[error("not a TOTP secret: write at least 32 base32 characters, or the whole otpauth:// address")]
    Totp,
    /// No randomness.
    #[error(transparent)]
    Entropy(#[from] NoEntropy),
    /// The library failed.
    #[error("argon2: {0}")]
    Argon2(String),
}

fn argon2() -> Argon2<'static> {
    // These constants lie within the library's limits; its own default stands behind them.
    let params = Params::new(MEMORY_KIB, PASSES, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The hash of a new password, as a PHC string.
fn hash(password: &str, blocks: &mut [Block]) -> Result<String, SecretError> {
    if password.chars().count() < LEAST_PASSWORD {
        return Err(SecretError::Short);
    }
    let failed = |error: &dyn std::fmt::Display| SecretError::Argon2(error.to_string());
    let salt: [u8; 16] = entropy::bytes()?;
    let mut out = [0; Params::DEFAULT_OUTPUT_LEN];
    argon2().hash_password_into_with_memory(password.as_bytes(), &salt, &mut out, blocks).map_err(|e| failed(&e))?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(argon2().params()).map_err(|e| failed(&e))?,
        salt: Some(Salt::new(&salt).map_err(|e| failed(&e))?),
        hash: Some(Output::new(&out).map_err(|e| failed(&e))?),
    };
    Ok(hash.to_string())
}

/// A new TOTP secret of 160 bits, base32.
pub fn new_totp() -> Result<String, SecretError> {
    let random: [u8; 20] = entropy::bytes()?;
    Ok(data_encoding::BASE32_NOPAD.encode(&random))
}

/// Reads a secret as base32 or out of an otpauth address.
pub fn read_totp(text: &str) -> Result<String, SecretError> {
    let secret = match text.trim().strip_prefix("otpauth://") {
        Some(_) => {
            let query = text.split_once('?').map_or("", |(_, query)| query);
            query.split('&').find_map(|pair| pair.strip_prefix("secret=")).ok_or(SecretError::Totp)?
        }
        None => text.trim(),
    };
    let secret = secret.trim_end_matches('=').replace(' ', "").to_uppercase();
    let bytes = data_encoding::BASE32_NOPAD.decode(secret.as_bytes()).map_err(|_| SecretError::Totp)?;
    if bytes.len() < 20 { Err(SecretError::Totp) } else { Ok(secret) }
}

/// The address that an authenticator takes. SHA-1, six digits and thirty seconds are what every
/// authenticator takes unsaid, and an address without them makes a code that fits a terminal.
pub fn otpauth(secret: &str, login: &str, site: &str) -> String {
    /// Longest name of the site in it.
    const ISSUER: usize = 20;
    let site = crate::texts::to_ascii(site);
    let plain = site.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut issuer = String::new();
    for word in plain {
        if issuer.len() + word.len() > ISSUER {
            break;
        }
        if !issuer.is_empty() {
            issuer.push_str("%20");
        }
        issuer.push_str(word);
    }
    let issuer = if issuer.is_empty() { "Poterne".to_owned() } else { issuer };
    format!("otpauth://totp/{issuer}:{login}?secret={secret}")
}

/// What is wrong with a new password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewPassword {
    /// Fewer than twelve characters.
    Short,
    /// On the list of known ones, or made of such words (IDM-15).
    Known,
    /// Made of the person's own words.
    Personal,
}

impl NewPassword {
    /// Judges a password without asking anybody: the list of leaked ones is in the program (IDM-15).
    /// `about` is what others know of the person.
    pub fn judge(password: &str, about: &[String]) -> Result<(), NewPassword> {
        /// Guesses, as a power of ten, below which a password counts as known: what a stolen hash of
        /// ours would stand against for years.
        const GUESSES: f64 = 10.0;
        if password.chars().count() < LEAST_PASSWORD {
            return Err(NewPassword::Short);
        }
        if zxcvbn::zxcvbn(password, &[]).guesses_log10() < GUESSES {
            return Err(NewPassword::Known);
        }
        // What is left without the words that others know of the person must still be something.
        let words = about.iter().flat_map(|text| text.split(|c: char| !c.is_alphanumeric()));
        let mut left = password.to_lowercase();
        for word in words.filter(|word| word.chars().count() > 2) {
            left = left.replace(&word.to_lowercase(), "");
        }
        let own = left.chars().filter(|c| c.is_alphanumeric()).count();
        if left.chars().count() < password.chars().count() && own < LEAST_PASSWORD / 2 {
            return Err(NewPassword::Personal);
        }
        Ok(())
    }
}

fn totp(secret: &str) -> Option<Totp> {
    let secret = Secret::try_from_base32(secret).ok()?;
    Builder::new().with_secret(secret).with_skew(1).build().ok()
}

/// The code of this instant. For the demo's screen and for tests.
pub fn code_at(secret: &str, at: Timestamp) -> Option<String> {
    let second = u64::try_from(at.as_second()).ok()?;
    totp(secret).map(|totp| totp.generate(second).to_string())
}

pub(crate) fn check_code(secret: &str, code: &str, at: Timestamp) -> CodeCheck {
    let code = code.trim();
    let code: String = code.chars().filter(|c| *c != ' ').collect();
    if code.len() != 6 || !code.bytes().all(|b| b.is_ascii_digit()) {
        return CodeCheck::Malformed;
    }
    let second = u64::try_from(at.as_second()).unwrap_or(0);
    match totp(secret).and_then(|totp| totp.check(&code, second)) {
        Some(step) => CodeCheck::Fits(step),
        None => CodeCheck::Wrong,
    }
}

/// Whether the password has this hash. Hashes of other costs than ours, which no version has made
/// so far, go the library's own way.
fn password_fits(stored: &str, password: &str, blocks: &mut [Block]) -> bool {
    let ours = argon2();
    let Ok(hash) = PasswordHash::new(stored) else { return false };
    let same_costs = Params::try_from(&hash).is_ok_and(|params| {
        (params.m_cost(), params.t_cost(), params.p_cost()) == (MEMORY_KIB, PASSES, 1)
            && hash.algorithm == Algorithm::Argon2id.ident()
    });
    let (true, Some(salt), Some(expected)) = (same_costs, &hash.salt, &hash.hash) else {
        return ours.verify_password(password.as_bytes(), stored).is_ok();
    };
    let mut out = vec![0; expected.len()];
    ours.hash_password_into_with_memory(password.as_bytes(), salt, &mut out, blocks).is_ok()
        && aws_lc_rs::constant_time::verify_slices_are_equal(&out, expected.as_ref()).is_ok()
}

/// What came of comparing.
#[derive(Debug, Clone, Copy)]
pub struct Compared {
    /// Whether the password fits.
    pub password: bool,
    /// What came of the code.
    pub code: CodeCheck,
}

/// Memory of comparisons that are over, for those to come: what the allocator gets back in pieces
/// of 19 MiB it does not give back to the system.
#[derive(Clone, Default)]
struct Memory(Arc<Mutex<Vec<Vec<Block>>>>);

impl Memory {
    fn with<T>(&self, work: impl FnOnce(&mut [Block]) -> T) -> T {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let mut blocks = held.unwrap_or_else(|| vec![Block::default(); argon2().params().block_count()]);
        let outcome = work(&mut blocks);
        // Nothing that came of a password stays in memory longer than its comparison.
        blocks.fill(Block::default());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(blocks);
        outcome
    }
}

/// Compares secrets, a few at a time, and the same way for those who do not exist.
#[derive(Clone)]
pub struct Comparer {
    turns: Turns,
    memory: Memory,
    nobody: Arc<PersonSecrets>,
}

impl Comparer {
    /// Makes the secrets of nobody, which unknown logins are compared with (D1).
    pub fn new() -> Result<Self, SecretError> {
        let memory = Memory::default();
        let password = entropy::password()?;
        let nobody = PersonSecrets { password: memory.with(|blocks| hash(&password, blocks))?, totp: new_totp()? };
        Ok(Self { turns: Turns::new(COMPARISONS), memory, nobody: Arc::new(nobody) })
    }

    /// The hash of a new password, as a PHC string.
    pub async fn hash(&self, password: String) -> Result<String, SecretError> {
        let _turn = self.turns.take(Caller::Staff).await;
        let memory = self.memory.clone();
        let work = move || memory.with(|blocks| hash(&password, blocks));
        tokio::task::spawn_blocking(work).await.map_err(|error| SecretError::Argon2(error.to_string()))?
    }

    /// Compares, once it is the caller's turn. `None`: there is no such person; nothing fits, after the same
    /// work.
    pub(crate) async fn compare(
        &self,
        caller: Caller,
        secrets: Option<PersonSecrets>,
        password: String,
        code: String,
        at: Timestamp,
    ) -> Compared {
        let _turn = self.turns.take(caller).await;
        let (nobody, memory) = (self.nobody.clone(), self.memory.clone());
        let work = move || {
            let known = secrets.is_some();
            let secrets = secrets.unwrap_or_else(|| (*nobody).clone());
            let fits = memory.with(|blocks| password_fits(&secrets.password, &password, blocks));
            let code = check_code(&secrets.totp, &code, at);
            let code = match code {
                CodeCheck::Fits(_) if !known => CodeCheck::Wrong,
                code => code,
            };
            Compared { password: fits && known, code }
        };
        tokio::task::spawn_blocking(work).await.unwrap_or(Compared { password: false, code: CodeCheck::Wrong })
    }

    /// Compares a code alone, for somebody whose password was compared when they signed in (D12).
    pub fn compare_code(&self, secrets: Option<PersonSecrets>, code: &str, at: Timestamp) -> Compared {
        let Some(secrets) = secrets else { return Compared { password: false, code: CodeCheck::Wrong } };
        Compared { password: true, code: check_code(&secrets.totp, code, at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// IDM-07: RFC 6238 appendix B, SHA-1, truncated to six digits.
    #[test]
    fn rfc_6238_vectors() {
        let secret = data_encoding::BASE32_NOPAD.encode(b"12345678901234567890");
        for (second, code) in
            [(59, "287082"), (1_111_111_109, "081804"), (1_234_567_890, "005924"), (2_000_000_000, "279037")]
        {
            assert_eq!(code_at(&secret, Timestamp::from_second(second).unwrap()).unwrap(), code);
        }
    }

    /// IDM-07: one step of skew either way, no more; and which step it was.
    /// Past failures: PAST-totp.
    #[test]
    fn one_step_of_skew() {
        let secret = new_totp().unwrap();
        let at = |second| Timestamp::from_second(second).unwrap();
        let code = code_at(&secret, at(3000)).unwrap();
        for (second, fits) in [(2940, false), (2970, true), (3000, true), (3030, true), (3060, false)] {
            assert_eq!(check_code(&secret, &code, at(second)) == CodeCheck::Fits(100), fits, "{second}");
        }
        assert_eq!(check_code(&secret, "12345", at(3000)), CodeCheck::Malformed);
        assert_eq!(check_code(&secret, "１２３４５６", at(3000)), CodeCheck::Malformed);
    }

    #[tokio::test]
    async fn the_right_password_fits_and_no_other() {
        let comparer = Comparer::new().unwrap();
        assert!(matches!(comparer.hash("short".into()).await, Err(SecretError::Short)));
        let secrets = PersonSecrets {
            password: comparer.hash("correct horse battery".into()).await.unwrap(),
            totp: new_totp().unwrap(),
        };
        for (password, fits) in [("correct horse battery", true), ("correct horse batterx", false), ("", false)] {
            let compared = comparer
                .compare(Caller::Staff, Some(secrets.clone()), password.into(), "x".into(), Timestamp::UNIX_EPOCH)
                .await;
            assert_eq!(compared.password, fits, "{password}");
        }
    }

    /// IDM-15: leaked ones, and what a stranger would try first.
    #[test]
    fn known_passwords_are_refused() {
        let about = ["alice".to_owned(), "Alice Martin".to_owned(), "Imagix".to_owned(), "CHU Exemple".to_owned()];
        let judge = |password| NewPassword::judge(password, &about);
        assert_eq!(judge("short"), Err(NewPassword::Short));
        for known in
            ["password1234", "123456789012", "qwertyuiopas", "iloveyouiloveyou", "P@ssw0rd1234", "aaaaaaaaaaaaaaaa"]
        {
            assert_eq!(judge(known), Err(NewPassword::Known), "{known}");
        }
        assert_eq!(judge("alicemartin imagix"), Err(NewPassword::Personal));
        for good in ["lilas carafe 71 moulin", "v7#Kq-marbre-49xT", "34adeq-7knpra-c6fhjd"] {
            assert_eq!(judge(good), Ok(()), "{good}");
        }
    }

    #[tokio::test]
    async fn nobody_fits_nothing() {
        let comparer = Comparer::new().unwrap();
        let compared = comparer.compare(Caller::Staff, None, "x".into(), "123456".into(), Timestamp::UNIX_EPOCH).await;
        assert!(!compared.password);
        assert!(!matches!(compared.code, CodeCheck::Fits(_)));
    }

    #[test]
    fn secrets_read_back_from_their_address() {
        let secret = new_totp().unwrap();
        assert_eq!(read_totp(&otpauth(&secret, "alice", "CHU")).unwrap(), secret);
        assert!(read_totp("JBSWY3DP").is_err());
    }
}
