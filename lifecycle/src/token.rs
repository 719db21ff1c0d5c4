//! Tokens by which another program reads an export, and nothing else (IDM-05).
//!
//! A token is no [`Actor`](crate::Actor): no command can be given in its name. It opens one export
//! until its end, and dies before with its maker's account or role.

use crate::event::Event;
use crate::ids::TokenId;
use crate::register::Register;
use crate::staff::{Role, Staff};
use jiff::Timestamp;
use policy::StaffLogin;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// What is exported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ExportScope {
    /// The register of interventions.
    Interventions,
    /// The list of sessions, without their recordings.
    Sessions,
    /// The files that were moved or changed in sessions, without their content.
    Files,
    /// The entries of the journal.
    Journal,
    /// Accounts with who proofed them and when they were used, which no token reads.
    Accounts,
}

impl ExportScope {
    /// All, with their words.
    pub const ALL: [(&'static str, ExportScope); 5] = [
        ("interventions", ExportScope::Interventions),
        ("sessions", ExportScope::Sessions),
        ("files", ExportScope::Files),
        ("journal", ExportScope::Journal),
        ("accounts", ExportScope::Accounts),
    ];
}

impl fmt::Display for ExportScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ExportScope::ALL.iter().find(|(_, scope)| scope == self).map_or("", |(word, _)| word))
    }
}

impl FromStr for ExportScope {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        ExportScope::ALL.iter().find(|(word, _)| *word == text).map(|(_, scope)| *scope).ok_or_else(|| {
            format!(
                "`{}` is not an export: write interventions, sessions, files, journal or accounts",
                text.escape_default()
            )
        })
    }
}

/// Who read an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reader {
    /// A signed-in member of staff.
    Staff(StaffLogin),
    /// Whoever holds a token.
    Token(TokenId),
}

/// A token, as the fold knows it. The token itself is nowhere; its digest finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// What it is for, in its maker's words.
    pub label: String,
    /// The one export that it opens.
    pub scope: ExportScope,
    /// Until when.
    pub until: Timestamp,
    /// SHA-256 of the token, in lower-case hexadecimal.
    pub digest: String,
    /// Who made it.
    pub by: StaffLogin,
    /// When it was made.
    pub made: Timestamp,
    /// When it was revoked, if it was.
    pub revoked: Option<Timestamp>,
    /// When it was last used, if it was.
    pub last_read: Option<Timestamp>,
}

/// Whether this member of staff may make tokens, and those that they made hold.
pub(crate) fn may_make(staff: &Staff) -> bool {
    staff.is(Role::Auditor) || staff.is(Role::Security)
}

impl Register {
    /// The token of this digest, if it opens this export at this instant: not over, not revoked, and
    /// its maker could still make it (IDM-12).
    pub fn token_for(&self, digest: &str, scope: ExportScope, at: Timestamp) -> Option<&Token> {
        let token = self.tokens.values().find(|token| token.digest == digest)?;
        (token.scope == scope && self.holds(token, at)).then_some(token)
    }

    /// Whether a token still opens its export at this instant.
    pub fn holds(&self, token: &Token, at: Timestamp) -> bool {
        at < token.until && token.revoked.is_none() && self.staff.get(&token.by).is_some_and(may_make)
    }
}

/// Takes in what an event says of tokens.
pub(crate) fn apply(all: &mut BTreeMap<TokenId, Token>, at: Timestamp, event: &Event) {
    match event {
        Event::TokenMade { id, label, scope, until, digest, by } => {
            let token = Token {
                id: id.clone(),
                label: label.clone(),
                scope: *scope,
                until: *until,
                digest: digest.clone(),
                by: by.clone(),
                made: at,
                revoked: None,
                last_read: None,
            };
            all.insert(id.clone(), token);
        }
        Event::TokenRevoked { id, .. } => {
            all.get_mut(id).into_iter().for_each(|token| token.revoked = Some(at));
        }
        Event::ExportRead { by: Reader::Token(id), .. } => {
            all.get_mut(id).into_iter().for_each(|token| token.last_read = Some(at));
        }
        _ => {}
    }
}
