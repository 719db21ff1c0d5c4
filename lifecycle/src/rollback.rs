//! A journal that was put back: what is missing, and who accepted it (D17).

use crate::decide::Refusal;
use crate::event::Event;
use crate::register::Register;
use crate::staff::{Role, Staff};
use policy::StaffLogin;
use std::collections::BTreeSet;

/// How many persons must accept that entries are gone.
pub const ACCEPTANCES: usize = 2;

/// A checkpoint that somebody remembers, and that is not of this journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// Who remembers: `vault`, `file`, the name of a witness, `restore`.
    pub anchor: String,
    /// Over so many entries.
    pub size: u64,
    /// Their root, in base64; empty where the anchor tells the size alone.
    pub root: String,
    /// So many entries were here when it was found.
    pub here: u64,
}

/// Entries are gone, and two persons have not accepted it yet. Nothing opens.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rollback {
    /// What is remembered elsewhere.
    pub found: Vec<Forgotten>,
    /// Who has accepted it so far.
    pub accepted: Vec<StaffLogin>,
}

/// The fold of it.
#[derive(Debug, Clone, Default)]
pub struct Rollbacks {
    /// The one that holds everything, if there is one.
    pub open: Option<Rollback>,
    /// Checkpoints whose loss was accepted: anchor, size and root.
    forgiven: BTreeSet<(String, u64, String)>,
}

impl Rollbacks {
    /// Whether the loss of this checkpoint was accepted already, or is before them to be accepted.
    pub fn knows(&self, anchor: &str, size: u64, root: &str) -> bool {
        self.forgiven.contains(&(anchor.to_owned(), size, root.to_owned()))
            || self
                .open
                .iter()
                .flat_map(|open| &open.found)
                .any(|one| (one.anchor.as_str(), one.size, one.root.as_str()) == (anchor, size, root))
    }

    pub(crate) fn apply(&mut self, event: &Event) {
        match event {
            Event::RollbackFound { anchor, size, root, here } => self.find(anchor, *size, root, *here),
            Event::Restored { size, root, here, .. } => self.find("restore", *size, root, *here),
            Event::RollbackAccepted { staff, missing, .. } => {
                let Some(open) = &mut self.open else { return };
                open.accepted.push(staff.clone());
                if *missing == 0 {
                    let found = self.open.take().map(|open| open.found).unwrap_or_default();
                    self.forgiven.extend(found.into_iter().map(|one| (one.anchor, one.size, one.root)));
                }
            }
            _ => {}
        }
    }

    fn find(&mut self, anchor: &str, size: u64, root: &str, here: u64) {
        let open = self.open.get_or_insert_default();
        open.found.push(Forgotten { anchor: anchor.to_owned(), size, root: root.to_owned(), here });
        // Whoever accepted did not know of this one.
        open.accepted.clear();
    }
}

/// A person accepts, by their own fresh code.
pub(crate) fn accept(register: &Register, staff: &Staff, reason: &str) -> Result<Vec<Event>, Refusal> {
    let open = register.rollbacks.open.as_ref().ok_or(Refusal::NoRollback)?;
    if !staff.is(Role::Operator) && !staff.is(Role::Security) {
        return Err(Refusal::Role { staff: staff.login.clone(), role: Role::Operator });
    }
    let same = |login: &&StaffLogin| {
        **login == staff.login
            || register.staff.get(*login).is_some_and(|other| other.identity.person().is(&staff.identity.person()))
    };
    if let Some(other) = open.accepted.iter().find(same) {
        return Err(Refusal::AcceptedAlready(other.clone()));
    }
    let missing = ACCEPTANCES.saturating_sub(open.accepted.len() + 1) as u64;
    Ok(vec![Event::RollbackAccepted { staff: staff.login.clone(), reason: reason.to_owned(), missing }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Actor;
    use jiff::Timestamp;

    fn with_staff(logins: &[(&str, &str, Role)]) -> Register {
        let mut register = Register::default();
        for (login, email, role) in logins {
            let event = Event::StaffAdded {
                staff: login.parse().unwrap(),
                identity: crate::Identity {
                    name: (*login).to_owned(),
                    email: (*email).to_owned(),
                    phone: format!("+33 1 00 00 {:04}", email.len() * 100 + login.len()),
                },
                roles: [*role].into(),
                groups: Default::default(),
                secret: 1,
                by: Actor::Program,
            };
            register.apply(Timestamp::UNIX_EPOCH, &event);
        }
        register
    }

    /// D17: two persons, not two accounts of one; a later finding wants both again.
    #[test]
    fn two_persons_accept_and_neither_twice() {
        let mut register = with_staff(&[
            ("nadia", "nadia@chu.example", Role::Operator),
            ("nadia-2", "nadia@chu.example", Role::Security),
            ("sophie", "sophie.long@chu.example", Role::Security),
            ("claire", "claire@chu-a.example", Role::Approver),
        ]);
        let person = |register: &Register, login: &str| register.staff[&login.parse::<StaffLogin>().unwrap()].clone();
        let nadia = person(&register, "nadia");
        assert_eq!(accept(&register, &nadia, "why"), Err(Refusal::NoRollback));
        let found = |size| Event::RollbackFound { anchor: "vault".into(), size, root: "r".into(), here: 40 };
        register.apply(Timestamp::UNIX_EPOCH, &found(43));
        assert!(register.rollbacks.knows("vault", 43, "r"));
        let take = |register: &mut Register, login: &str| {
            let events = accept(register, &person(register, login), "restore of the 23rd")?;
            events.iter().for_each(|event| register.apply(Timestamp::UNIX_EPOCH, event));
            Ok::<_, Refusal>(register.rollbacks.open.is_none())
        };
        assert!(matches!(take(&mut register, "claire"), Err(Refusal::Role { .. })));
        assert_eq!(take(&mut register, "nadia"), Ok(false));
        assert!(matches!(take(&mut register, "nadia"), Err(Refusal::AcceptedAlready(_))));
        assert!(matches!(take(&mut register, "nadia-2"), Err(Refusal::AcceptedAlready(_))));
        register.apply(Timestamp::UNIX_EPOCH, &found(44));
        assert_eq!(take(&mut register, "sophie"), Ok(false), "what was found since wants both again");
        assert_eq!(take(&mut register, "nadia"), Ok(true));
        assert!(register.rollbacks.knows("vault", 44, "r"), "what was accepted is not found again");
    }
}
