//! The line that a technician signs in with, and every name that stands in one or in a file's name.
//!
//! Holds: a line splits into what it is made of and nothing is lost; what passes as a name has one
//! spelling, is short, and cannot be read as two, as an option or as a path (CVE-2026-35414,
//! CVE-2023-42819).

use gateway::ssh::lobby::Login;
use lifecycle::{AccountId, HoldId, Role, SessionId, TokenId};
use policy::{CalendarId, CommandLine, DateRange, GroupId, Right, StaffLogin, TargetAccount, TargetId};
use policy::{TechnicianLogin, VendorId};
use std::fmt::Display;
use std::str::FromStr;

/// Longest name.
const LONGEST: usize = 32;

/// One line.
pub fn run(data: &[u8]) {
    let line = String::from_utf8_lossy(data);
    let login = Login::parse(&line);
    let parts = [Some(&login.technician), login.target.as_ref(), login.account.as_ref()];
    assert_eq!(parts.into_iter().flatten().cloned().collect::<Vec<_>>().join("+"), line, "something was lost");
    assert!(!login.technician.contains('+') && !login.target.as_ref().is_some_and(|target| target.contains('+')));
    for part in line.split('+') {
        plain::<TechnicianLogin>(part);
        plain::<TargetId>(part);
        plain::<VendorId>(part);
        plain::<StaffLogin>(part);
        plain::<GroupId>(part);
        plain::<CalendarId>(part);
        name::<TargetAccount>(part);
        name::<AccountId>(part);
        name::<SessionId>(part);
        name::<TokenId>(part);
        name::<HoldId>(part);
        let _ = (part.parse::<Role>(), part.parse::<DateRange>());
        if let Ok(right) = part.parse::<Right>() {
            assert_eq!(right.to_string().parse::<Right>().as_ref(), Ok(&right));
        }
        if let Ok(command) = part.parse::<CommandLine>() {
            assert!(!command.as_str().chars().any(char::is_control), "{command:?}");
        }
    }
}

/// A name of the plain grammar: small letters, digits, single hyphens.
fn plain<T: FromStr + Display>(text: &str) {
    let Some(name) = name::<T>(text) else { return };
    assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'), "{name:?}");
    assert!(!name.contains("--") && !name.ends_with('-'), "{name:?}");
}

/// A name of whatever kind: as short as names are, itself when written, and nothing that a shell, a
/// path or an option list would read otherwise.
fn name<T: FromStr + Display>(text: &str) -> Option<String> {
    let name = text.parse::<T>().ok()?.to_string();
    assert_eq!(name, text, "a second spelling");
    assert!(!name.is_empty() && name.len() <= LONGEST);
    assert!(name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b)), "{name:?}");
    assert!(name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_'), "{name:?}");
    Some(name)
}
