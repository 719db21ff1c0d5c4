//! Making and revoking tokens that read an export.

use super::{Refusal, TokenError, known_staff, written};
use crate::account::IdentityError;
use crate::event::{Actor, Event};
use crate::ids::TokenId;
use crate::register::Register;
use crate::staff::Role;
use crate::token::{ExportScope, may_make};
use crate::visible::is_hidden;
use jiff::{SignedDuration, Timestamp};
use policy::StaffLogin;

/// The longest life of a token: a year, and time to renew it.
const LONGEST: SignedDuration = SignedDuration::from_hours(400 * 24);
/// Hexadecimal digits of a SHA-256.
const DIGEST: usize = 64;

/// What is to be made.
pub(super) struct NewToken {
    pub(super) id: TokenId,
    pub(super) label: String,
    pub(super) scope: ExportScope,
    pub(super) until: Timestamp,
    pub(super) digest: String,
}

pub(super) fn make(register: &Register, token: NewToken, by: StaffLogin, at: Timestamp) -> Result<Vec<Event>, Refusal> {
    let NewToken { id, label, scope, until, digest } = token;
    if !may_make(known_staff(register, &by)?) {
        return Err(Refusal::Role { staff: by, role: Role::Auditor });
    }
    let label = written("label", label)?;
    if label.chars().any(is_hidden) {
        return Err(Refusal::Identity(IdentityError::Hidden("label")));
    }
    if until <= at {
        return Err(Refusal::Token(TokenError::Over));
    }
    if until.duration_since(at) > LONGEST {
        return Err(Refusal::Token(TokenError::TooLong));
    }
    if digest.len() != DIGEST || !digest.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(Refusal::Token(TokenError::Digest));
    }
    if register.tokens.values().any(|other| other.id == id || other.digest == digest) {
        return Err(Refusal::Token(TokenError::Taken));
    }
    Ok(vec![Event::TokenMade { id, label, scope, until, digest, by }])
}

/// Its maker, an operator or an officer; and root, as for any other brake (D11).
pub(super) fn revoke(register: &Register, id: TokenId, by: Actor) -> Result<Vec<Event>, Refusal> {
    let token = register.tokens.get(&id).ok_or_else(|| Refusal::NoToken(id.clone()))?;
    if let Some(login) = by.staff() {
        let staff = known_staff(register, login)?;
        let own = token.by == *login && staff.is_active();
        if !own && !staff.is(Role::Operator) && !staff.is(Role::Security) {
            return Err(Refusal::Role { staff: login.clone(), role: Role::Security });
        }
    }
    if token.revoked.is_some() {
        return Err(Refusal::Token(TokenError::Revoked));
    }
    Ok(vec![Event::TokenRevoked { id, by }])
}
