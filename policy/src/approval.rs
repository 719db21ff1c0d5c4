//! From terms to a permit: the approvals of people of the hospital.

use crate::ids::{GroupId, StaffLogin, TargetAccount, TargetId, TechnicianLogin, VendorId};
use crate::right::Rights;
use crate::rules::{Per, Supervision};
use crate::verdict::Denial;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What tells that two accounts belong to one human being: e-mail address without case, and the
/// digits of the telephone number.
///
/// Whoever makes accounts asks for both: two people of whom one gave only an address and the other
/// only a number cannot be told to be one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "AsWritten")]
pub struct Person {
    email: String,
    phone: String,
}

/// A person as some file has it. Reading goes through [`Person::new`], so that no other spelling
/// makes a second person.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AsWritten {
    email: String,
    phone: String,
}

impl From<AsWritten> for Person {
    fn from(written: AsWritten) -> Self {
        Person::new(&written.email, &written.phone)
    }
}

/// How many digits at the end of two telephone numbers make them one. Behind every way to write
/// the country and the trunk zero (`+33 6`, `0033 6`, `06`, `+33 (0)6`) stand a French number's nine.
const TELLING_DIGITS: usize = 9;

impl Person {
    /// From what was written when the account was made.
    pub fn new(email: &str, phone: &str) -> Self {
        Self {
            email: email.trim().to_lowercase(),
            phone: phone.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect(),
        }
    }

    /// Whether both are one human being.
    pub fn is(&self, other: &Person) -> bool {
        (!self.email.is_empty() && self.email == other.email) || self.same_phone(other)
    }

    fn same_phone(&self, other: &Person) -> bool {
        let telling = |person: &Person| -> Vec<char> {
            person.phone.chars().rev().filter(char::is_ascii_digit).take(TELLING_DIGITS).collect()
        };
        let mine = telling(self);
        !mine.is_empty() && mine == telling(other)
    }

    /// The domain of the e-mail address.
    pub fn domain(&self) -> &str {
        self.email.rsplit_once('@').map_or("", |(_, domain)| domain)
    }

    /// Whether the e-mail address is of this domain or of one below it, however the case is written.
    pub fn is_of(&self, domain: &str) -> bool {
        let plain = |domain: &str| domain.trim().trim_matches(['@', '.']).to_lowercase();
        let (own, asked) = (plain(self.domain()), plain(domain));
        !asked.is_empty() && own.strip_suffix(&asked).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    }
}

/// How an approver knows who is asking (D6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verified {
    /// They called the number in the vendor's contract.
    Called,
    /// The technician called them.
    Caller,
    /// They stand before each other.
    Present,
}

/// One person's yes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Who.
    pub by: StaffLogin,
    /// The human being behind the account.
    pub person: Person,
    /// The groups they were of when they said so.
    pub groups: BTreeSet<GroupId>,
    /// When.
    pub at: Timestamp,
    /// How they know the technician.
    pub verified: Verified,
    /// Fewer rights than asked for, if narrowed.
    pub rights: Option<Rights>,
    /// A shorter time than the rules give, if narrowed.
    pub until: Option<Timestamp>,
}

/// The terms on which something is possible. Holding them opens nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct ApprovalTerms {
    /// Who asks.
    pub technician: TechnicianLogin,
    /// The human being behind the account.
    pub requester: Person,
    /// Of which company.
    pub vendor: VendorId,
    /// The company's e-mail domain.
    pub vendor_domain: String,
    /// For which equipment.
    pub target: TargetId,
    /// Under which login on it.
    pub account: TargetAccount,
    /// Which rights the rules give.
    pub rights: Rights,
    /// Whose approval counts.
    pub approvers: BTreeSet<GroupId>,
    /// How many different people.
    pub quorum: u8,
    /// What one approval is good for.
    pub per: Per,
    /// Whether somebody must watch.
    pub supervision: Supervision,
    /// Each approver must have called the contract's number.
    pub call_back: bool,
    /// When the hours or the contract end or a forbidden day begins, whichever is first.
    pub closes_at: Timestamp,
    /// The longest it may last from admission on.
    pub longest: SignedDuration,
    /// How long it may be idle.
    pub idle: SignedDuration,
}

impl ApprovalTerms {
    /// Whether this one approval counts for these terms.
    pub fn accepts(&self, approval: &Approval) -> Result<(), Denial> {
        if approval.person.is(&self.requester) {
            return Err(Denial::ApproverIsRequester);
        }
        if approval.person.is_of(&self.vendor_domain) {
            return Err(Denial::ApproverOfVendor);
        }
        if approval.groups.is_disjoint(&self.approvers) {
            return Err(Denial::ApproverNotOfTarget);
        }
        if self.call_back && approval.verified != Verified::Called {
            return Err(Denial::CallBackNeeded);
        }
        if approval.until.is_some_and(|until| until <= approval.at) {
            return Err(Denial::ApprovalOver);
        }
        Ok(())
    }

    /// Turns approvals into a permit that began at `begins`, judged at `at`, which is not before it.
    ///
    /// Each approval may only narrow (APR-11): the rights are what all agree on, the end is the
    /// earliest of hours, contract, longest duration and every approver's own limit. Judged again
    /// with the same approvals and `begins` later, the permit never outlives what it was first.
    /// One approval that does not count refuses the whole: the caller asks [`Self::accepts`] before
    /// keeping one. That a request lapses after a while unapproved, and an approval unused (APR-07,
    /// D2), is not judged here.
    pub fn redeem(&self, approvals: &[Approval], begins: Timestamp, at: Timestamp) -> Result<Permit, Denial> {
        let mut counted: Vec<&Approval> = Vec::new();
        for approval in approvals {
            self.accepts(approval)?;
            if counted.iter().any(|other| other.by == approval.by || other.person.is(&approval.person)) {
                return Err(Denial::ApproverTwice);
            }
            counted.push(approval);
        }
        let have = u8::try_from(counted.len()).unwrap_or(u8::MAX);
        if have < self.quorum.max(1) {
            return Err(Denial::QuorumMissing { needed: self.quorum.max(1), have });
        }
        let mut rights = self.rights.clone();
        // A beginning after `at` would stretch the longest duration: it counts from `at` then.
        let begins = begins.min(at);
        let longest = begins.saturating_add(self.longest).unwrap_or(begins);
        let mut until = self.closes_at.min(longest);
        for approval in counted {
            if let Some(narrower) = &approval.rights {
                rights = rights.narrowed_by(narrower);
            }
            if let Some(earlier) = approval.until {
                until = until.min(earlier);
            }
        }
        if rights.is_empty() {
            return Err(Denial::NoRight);
        }
        if until <= at {
            return Err(Denial::ApprovalOver);
        }
        Ok(Permit {
            technician: self.technician.clone(),
            target: self.target.clone(),
            account: self.account.clone(),
            rights,
            until,
            supervision: self.supervision,
            idle: self.idle,
        })
    }
}

/// The right to reach one target, under one account, until one instant. Nothing is dialled
/// without one (promise 1). It has no public constructor: [`ApprovalTerms::redeem`] makes it.
#[derive(Debug, Clone, PartialEq)]
pub struct Permit {
    technician: TechnicianLogin,
    target: TargetId,
    account: TargetAccount,
    rights: Rights,
    until: Timestamp,
    supervision: Supervision,
    idle: SignedDuration,
}

impl Permit {
    /// For whom.
    pub fn technician(&self) -> &TechnicianLogin {
        &self.technician
    }

    /// For which target.
    pub fn target(&self) -> &TargetId {
        &self.target
    }

    /// Under which login on it.
    pub fn account(&self) -> &TargetAccount {
        &self.account
    }

    /// To do what.
    pub fn rights(&self) -> &Rights {
        &self.rights
    }

    /// Until when; at that instant it no longer holds.
    pub fn until(&self) -> Timestamp {
        self.until
    }

    /// Whether somebody must watch.
    pub fn supervision(&self) -> Supervision {
        self.supervision
    }

    /// How long it may be idle.
    pub fn idle(&self) -> SignedDuration {
        self.idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// APR-02: a second account does not become a second person by another spelling.
    #[test]
    fn one_number_in_many_spellings_is_one_person() {
        let person = |phone| Person::new("", phone);
        let spellings = [
            "+33 6 12 34 56 78",
            "0033 6 12 34 56 78",
            "06 12 34 56 78",
            "06.12.34.56.78",
            "+33 (0)6 12 34 56 78",
            "(0033) 612-345-678",
        ];
        for one in spellings {
            for other in spellings {
                assert!(person(one).is(&person(other)), "{one} and {other}");
            }
        }
        assert!(!person("06 12 34 56 78").is(&person("06 12 34 56 79")));
        assert!(!person("").is(&person("")));
        assert!(!person("+").is(&person("+")));
        assert!(person("4711").is(&person("47 11")));
        assert!(!person("4711").is(&person("04 47 11")));
    }

    /// APR-02: a person read from a file is the person that was typed in.
    #[test]
    fn reading_a_person_puts_the_spelling_right() {
        let read: Person = serde_json::from_str(r#"{"email": " Ana@CHU.example ", "phone": "06 12"}"#).unwrap();
        assert_eq!(read, Person::new("ana@chu.example", "0612"));
        let again: Person = serde_json::from_str(&serde_json::to_string(&read).unwrap()).unwrap();
        assert_eq!(again, read);
    }

    /// APR-02: the vendor's domain counts in any case, and so do the domains below it.
    #[test]
    fn a_domain_holds_what_is_below_it() {
        let of = |email, domain| Person::new(email, "").is_of(domain);
        assert!(of("bob@imagix.example", "imagix.example"));
        assert!(of("bob@Imagix.example", "IMAGIX.example"));
        assert!(of("bob@imagix.example", "@imagix.example."));
        assert!(of("bob@fr.imagix.example", "imagix.example"));
        assert!(!of("bob@notimagix.example", "imagix.example"));
        assert!(!of("bob@chu.example", "imagix.example"));
        assert!(!of("bob@chu.example", ""));
        assert!(!of("bob", "imagix.example"));
    }
}
