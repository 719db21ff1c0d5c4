//! A technician's account: one named person of one vendor, living only here (IDM-01, IDM-02).

use crate::guard::Guard;
use crate::ids::AccountId;
use crate::visible::is_hidden;
use jiff::{SignedDuration, Timestamp};
use policy::{Person, StaffLogin, TechnicianLogin, VendorId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Who a person is. Mandatory in full: no account without a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// First name and surname.
    pub name: String,
    /// Address at work.
    pub email: String,
    /// Telephone at work.
    pub phone: String,
}

/// What is missing from an identity, and what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdentityError {
    /// No first name and surname.
    #[error("the name `{0}` is not a first name and a surname: write both, such as `Alice Martin`")]
    Name(String),
    /// Not an address.
    #[error("`{0}` is not an e-mail address: write it as name@company.example")]
    Email(String),
    /// Not a telephone number.
    #[error("`{0}` is not a telephone number: write at least 8 digits, such as +33 6 00 00 00 00")]
    Phone(String),
    /// A login that several people would share.
    #[error("the login `{0}` names no person: accounts are personal, write one such as `alice` or `a-martin`")]
    Generic(String),
    /// Control or direction characters in a text that people read.
    #[error("the {0} contains a control or direction character: write plain text")]
    Hidden(&'static str),
}

/// Logins, or parts of logins, that name a function and not a person (IDM-02, CHU REX: "désactivation
/// des comptes génériques").
const GENERIC: [&str; 30] = [
    "admin",
    "administrateur",
    "administrator",
    "root",
    "support",
    "maint",
    "maintenance",
    "tech",
    "technicien",
    "technician",
    "vendor",
    "fournisseur",
    "prestataire",
    "guest",
    "invite",
    "test",
    "demo",
    "user",
    "utilisateur",
    "service",
    "helpdesk",
    "hotline",
    "astreinte",
    "operator",
    "operateur",
    "backup",
    "shared",
    "team",
    "equipe",
    "generic",
];

impl Identity {
    /// Checks that all of it is there.
    pub fn new(name: &str, email: &str, phone: &str) -> Result<Self, IdentityError> {
        for (what, text) in [("name", name), ("e-mail address", email), ("telephone number", phone)] {
            if text.chars().any(is_hidden) {
                return Err(IdentityError::Hidden(what));
            }
        }
        let (name, email, phone) = (name.trim(), email.trim(), phone.trim());
        /// Longest name and address; telephone numbers are shorter by far.
        const LONGEST: usize = 200;
        if name.chars().count() > LONGEST {
            return Err(IdentityError::Name(name.chars().take(LONGEST).collect()));
        }
        if email.chars().count() > LONGEST || phone.chars().count() > LONGEST {
            return Err(IdentityError::Email(email.chars().take(LONGEST).collect()));
        }
        let words: Vec<&str> = name.split_whitespace().collect();
        if words.len() < 2 || words.iter().any(|word| !word.chars().any(char::is_alphabetic)) {
            return Err(IdentityError::Name(name.to_owned()));
        }
        let whole = email.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && domain.contains('.') && !email.contains(char::is_whitespace)
        });
        if !whole {
            return Err(IdentityError::Email(email.to_owned()));
        }
        let digits = phone.chars().filter(char::is_ascii_digit).count();
        if digits < 8 || phone.chars().any(|c| !(c.is_ascii_digit() || " +.-()".contains(c))) {
            return Err(IdentityError::Phone(phone.to_owned()));
        }
        Ok(Self { name: words.join(" "), email: email.to_owned(), phone: phone.to_owned() })
    }

    /// The human being, for comparison with other accounts.
    pub fn person(&self) -> Person {
        Person::new(&self.email, &self.phone)
    }
}

/// Refuses a login that names a function or the vendor, with or without a number behind it.
pub(crate) fn check_personal(login: &TechnicianLogin, vendor: &VendorId) -> Result<(), IdentityError> {
    let generic = |part: &str| {
        let bare = part.trim_end_matches(|c: char| c.is_ascii_digit());
        bare.is_empty() || GENERIC.contains(&bare) || bare == vendor.as_str()
    };
    if login.as_str().split('-').all(generic) || generic(login.as_str()) {
        return Err(IdentityError::Generic(login.to_string()));
    }
    Ok(())
}

/// Where an account stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AccountState {
    /// An invitation was made out; nothing was enrolled.
    Invited,
    /// Factors are enrolled; the check word was not read back yet (D8).
    Enrolled,
    /// May log in.
    Active,
    /// Was switched off by a person. Final: the person gets a new account (IDM-16).
    Disabled,
    /// Ran out.
    Expired,
}

/// A one-time code that opens the enrolment page and nothing else (D8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Its generation in the vault, where its digest is.
    pub secret: u64,
    /// Until when it is good.
    pub until: Timestamp,
}

/// How long requests of an account whose factors were replaced are marked (D8).
const MARKED: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Account {
    /// Whether its factors were replaced within the last seven days.
    pub fn factor_changed(&self, at: Timestamp) -> bool {
        self.was_reset && at.duration_since(self.factors_since) < MARKED
    }
}

/// A technician's account, as the fold knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// What the technician types as login.
    pub login: TechnicianLogin,
    /// Their company.
    pub vendor: VendorId,
    /// Who they are.
    pub identity: Identity,
    /// How the hospital made sure (IDM-17).
    pub proofing: String,
    /// Where it stands.
    pub state: AccountState,
    /// Public keys, as `SHA256:…` fingerprints.
    pub keys: Vec<String>,
    /// The generation of its secrets in the vault; 0 before the first enrolment.
    pub secret: u64,
    /// The invitation that waits to be used.
    pub invitation: Option<Invitation>,
    /// Check words that did not match since the last enrolment.
    pub wrong_words: u8,
    /// Whether its factors were replaced: requests are marked for a while (D8).
    pub was_reset: bool,
    /// When its factors were made.
    pub factors_since: Timestamp,
    /// Staff who invited, added or reset it, or gave it a key: none of them approves for it (APR-02).
    /// Reading back the check word is not among it, nor is taking a key away. Nobody is ever struck
    /// from it.
    pub set_up_by: BTreeSet<StaffLogin>,
    /// Counters against guessing.
    pub guard: Guard,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// IDM-02.
    #[test]
    fn generic_logins_are_refused() {
        let vendor: VendorId = "imagix".parse().unwrap();
        for login in ["support", "tech1", "maint", "imagix", "admin-2", "imagix-support", "test42"] {
            assert!(check_personal(&login.parse().unwrap(), &vendor).is_err(), "{login}");
        }
        for login in ["alice", "a-martin", "alice-imagix", "teche"] {
            assert!(check_personal(&login.parse().unwrap(), &vendor).is_ok(), "{login}");
        }
    }

    /// IDM-02.
    #[test]
    fn an_account_needs_a_person() {
        assert!(Identity::new("Alice Martin", "a.martin@imagix.example", "+33 6 11 22 33 44").is_ok());
        assert!(matches!(Identity::new("Alice", "a@b.fr", "0611223344"), Err(IdentityError::Name(_))));
        assert!(matches!(Identity::new("Alice Martin", "alice", "0611223344"), Err(IdentityError::Email(_))));
        assert!(matches!(Identity::new("Alice Martin", "a@b.fr", "06"), Err(IdentityError::Phone(_))));
        assert!(matches!(
            Identity::new("Alice \u{202e}Martin", "a@b.fr", "0611223344"),
            Err(IdentityError::Hidden("name"))
        ));
    }
}
