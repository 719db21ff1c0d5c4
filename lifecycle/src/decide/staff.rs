//! The life of a staff account: invited, enrolled, changed, reset, unlocked. Nobody does any of it
//! for themselves (IDM-19).

use super::accounts::invitation_ends;
use super::{Refusal, known_staff, written};
use crate::account::Identity;
use crate::event::{Actor, Event};
use crate::register::Register;
use crate::staff::{Role, Staff, StaffState};
use jiff::Timestamp;
use policy::{GroupId, Person, StaffLogin};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// Languages that there are texts in.
const LANGUAGES: [&str; 2] = ["fr", "en"];

/// Whoever acts is somebody else than the person it is done for, under whatever login.
fn for_another(register: &Register, staff: &StaffLogin, person: &Person, by: &Actor) -> Result<(), Refusal> {
    let Some(actor) = by.staff() else { return Ok(()) };
    let own = register.staff.get(actor).is_some_and(|actor| actor.identity.person().is(person));
    if actor == staff || own { Err(Refusal::OwnRights(actor.clone())) } else { Ok(()) }
}

/// Roles and groups that make sense together.
fn make_sense(staff: &StaffLogin, roles: &BTreeSet<Role>, groups: &BTreeSet<GroupId>) -> Result<(), Refusal> {
    if roles.is_empty() {
        return Err(Refusal::NoRole(staff.clone()));
    }
    if roles.contains(&Role::Approver) && groups.is_empty() {
        return Err(Refusal::NoGroup(staff.clone()));
    }
    Ok(())
}

/// Whether an account of this person may begin (IDM-02, IDM-16).
pub(super) fn may_begin(
    register: &Register,
    staff: &StaffLogin,
    identity: &Identity,
    roles: &BTreeSet<Role>,
    groups: &BTreeSet<GroupId>,
    by: &Actor,
) -> Result<(), Refusal> {
    let person = identity.person();
    for_another(register, staff, &person, by)?;
    if register.staff.contains_key(staff) {
        return Err(Refusal::LoginTaken(staff.to_string()));
    }
    make_sense(staff, roles, groups)?;
    let same = |one: &&Staff| one.state != StaffState::Disabled && one.identity.person().is(&person);
    match register.staff.values().find(same) {
        Some(one) => Err(Refusal::SamePerson(identity.name.clone(), one.login.to_string())),
        None => Ok(()),
    }
}

/// The account, to be changed by somebody else, and not switched off.
fn to_change<'a>(register: &'a Register, staff: &StaffLogin, by: &Actor) -> Result<&'a Staff, Refusal> {
    let account = known_staff(register, staff)?;
    for_another(register, staff, &account.identity.person(), by)?;
    not_disabled(account)?;
    Ok(account)
}

fn not_disabled(account: &Staff) -> Result<(), Refusal> {
    if account.state != StaffState::Disabled {
        return Ok(());
    }
    let hint = "that is final; the person gets a new account, under another login";
    Err(Refusal::StaffState { staff: account.login.clone(), state: account.state.word(), hint })
}

/// What they are signed in to is ended by whoever carries this out.
pub(super) fn reset(
    register: &Register,
    staff: StaffLogin,
    reason: String,
    invitation: u64,
    by: Actor,
    at: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    to_change(register, &staff, &by)?;
    let (reason, until) = (written("reason", reason)?, invitation_ends(at));
    Ok(vec![Event::StaffReset { staff, reason, invitation, until, by }])
}

/// They chose their factors. No check word follows: the invitation was handed over within the
/// hospital.
pub(super) fn enrol(
    register: &Register,
    staff: StaffLogin,
    invitation: u64,
    secret: u64,
    source: IpAddr,
    at: Timestamp,
) -> Result<Vec<Event>, Refusal> {
    let account = known_staff(register, &staff)?;
    // A page that an older invitation opened ends with that invitation.
    let good = account.invitation.as_ref().is_some_and(|one| one.secret == invitation && at < one.until);
    if account.state != StaffState::Invited || !good {
        let hint = "the invitation is used up or has run out; ask an operator for another";
        return Err(Refusal::StaffState { staff, state: account.state.word(), hint });
    }
    Ok(vec![Event::StaffEnrolled { staff, source, secret }])
}

pub(super) fn change(
    register: &Register,
    staff: StaffLogin,
    roles: BTreeSet<Role>,
    groups: BTreeSet<GroupId>,
    reason: String,
    by: Actor,
) -> Result<Vec<Event>, Refusal> {
    let account = to_change(register, &staff, &by)?;
    make_sense(&staff, &roles, &groups)?;
    if account.roles == roles && account.groups == groups {
        let hint = "with these very roles and groups already; nothing to change";
        return Err(Refusal::StaffState { staff, state: account.state.word(), hint });
    }
    Ok(vec![Event::StaffChanged { staff, roles, groups, reason: written("reason", reason)?, by }])
}

pub(super) fn unlock(register: &Register, staff: StaffLogin, by: Actor) -> Result<Vec<Event>, Refusal> {
    to_change(register, &staff, &by)?;
    Ok(vec![Event::StaffUnlocked { staff, by }])
}

pub(super) fn choose_language(register: &Register, staff: StaffLogin, language: String) -> Result<Vec<Event>, Refusal> {
    not_disabled(known_staff(register, &staff)?)?;
    if !LANGUAGES.contains(&language.as_str()) {
        return Err(Refusal::Language(language));
    }
    Ok(vec![Event::StaffLanguageChosen { staff, language }])
}
