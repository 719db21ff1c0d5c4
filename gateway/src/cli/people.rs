//! Technicians, staff, their companies, and tokens of machines.

use super::args::{IdentityFlags, Json, KeyVerb, PersonFlags, StaffVerb, TechnicianVerb, TokenVerb, VendorVerb};
use super::commands::{Outcome, ask, print};
use super::{crisis, invitation, output, secrets};
use lifecycle::order::{Factors, Order, PersonArgs};
use serde_json::Value;
use std::path::Path;

/// Factors from standard input, where they are written there; an empty or missing line has them
/// made.
fn factors(person: &PersonFlags) -> Factors {
    if !person.stdin && !secrets::are_waiting() {
        return Factors::default();
    }
    let (password, totp) = secrets::optional_pair();
    Factors { password, totp }
}

fn identity(person: &PersonFlags) -> PersonArgs {
    PersonArgs { name: person.name.clone(), email: person.email.clone(), phone: person.phone.clone() }
}

/// What was made is shown once, and nowhere kept in clear.
fn made(json: Json, answer: &Value) -> Outcome {
    print(json, answer, |answer| {
        let text = |name: &str| answer.get(name).and_then(Value::as_str);
        output::say(&format!("{} is there.", text("login").unwrap_or_default()));
        if let Some(password) = text("password") {
            output::say(&format!("password, shown this once: {password}"));
        }
        if let Some(totp) = text("totp") {
            output::say(&format!("for the authenticator, shown this once: {totp}"));
        }
    })
}

/// A key's line, or what the file of that name holds.
fn key_line(key: String) -> String {
    if Path::new(&key).is_file() { std::fs::read_to_string(&key).unwrap_or(key) } else { key }
}

pub(super) fn technician(main: &Path, verb: TechnicianVerb) -> Outcome {
    match verb {
        TechnicianVerb::Invite { login, vendor, proofing, keys, identity, json } => {
            let IdentityFlags { name, email, phone } = identity;
            let (keys, person) = (keys.into_iter().map(key_line).collect(), PersonArgs { name, email, phone });
            let request = Order::TechnicianInvite { login, vendor, person, proofing, keys };
            print(json, &ask(main, &request)?, invitation::print)
        }
        TechnicianVerb::Reset { login, reason, json } => {
            let request = Order::TechnicianReset { login, reason, enable: false };
            print(json, &ask(main, &request)?, invitation::print)
        }
        TechnicianVerb::Enable { login, reason, json } => {
            let request = Order::TechnicianReset { login, reason, enable: true };
            print(json, &ask(main, &request)?, invitation::print)
        }
        TechnicianVerb::Activate { login, word } => {
            ask(main, &Order::TechnicianActivate { login: login.clone(), word })?;
            output::say(&format!("{login} is active"));
            Ok(())
        }
        TechnicianVerb::Show { login, json } => {
            print(json, &ask(main, &Order::TechnicianShow { login })?, output::fields)
        }
        TechnicianVerb::Key(verb) => {
            let (login, key, add) = match verb {
                KeyVerb::Add { login, key } => (login, key, true),
                KeyVerb::Remove { login, key } => (login, key, false),
            };
            let answer = ask(main, &Order::TechnicianKey { login: login.clone(), key: key_line(key), add })?;
            let key = answer.get("key").and_then(Value::as_str).unwrap_or_default();
            output::say(&format!("{key} is {} {login}", if add { "added to" } else { "removed from" }));
            Ok(())
        }
        TechnicianVerb::Add { login, vendor, proofing, keys, person } => {
            let keys = keys.into_iter().map(key_line).collect();
            let request = Order::TechnicianAdd {
                login,
                vendor,
                person: identity(&person),
                proofing,
                keys,
                factors: factors(&person),
            };
            made(person.json, &ask(main, &request)?)
        }
        TechnicianVerb::List(json) => print(json, &ask(main, &Order::TechnicianList)?, |rows| {
            output::table(rows, &["login", "vendor", "name", "state", "phone"])
        }),
        TechnicianVerb::Disable { login, reason } => {
            let answer = ask(main, &Order::TechnicianDisable { login: login.clone(), reason })?;
            let ended = answer.get("sessions_ended").and_then(Value::as_u64).unwrap_or(0);
            output::say(&format!("{login} is disabled; {ended} live session(s) ended"));
            Ok(())
        }
        TechnicianVerb::Unlock { login } => ask(main, &Order::TechnicianUnlock { login }).map(|_| ()),
    }
}

pub(super) fn staff(main: &Path, verb: StaffVerb) -> Outcome {
    match verb {
        StaffVerb::Add { login, roles, groups, person } => {
            let request = Order::StaffAdd {
                login,
                person: identity(&person),
                roles: roles.into_iter().collect(),
                groups: groups.into_iter().collect(),
                factors: factors(&person),
            };
            made(person.json, &ask(main, &request)?)
        }
        StaffVerb::Invite { login, roles, groups, identity, json } => {
            let IdentityFlags { name, email, phone } = identity;
            let person = PersonArgs { name, email, phone };
            let (roles, groups) = (roles.into_iter().collect(), groups.into_iter().collect());
            let request = Order::StaffInvite { login, person, roles, groups };
            print(json, &ask(main, &request)?, invitation::print_staff)
        }
        StaffVerb::Reset { login, reason, json } => {
            print(json, &ask(main, &Order::StaffReset { login, reason })?, invitation::print_staff)
        }
        StaffVerb::Change { login, roles, groups, reason } => {
            let (roles, groups) = (roles.into_iter().collect(), groups.into_iter().collect());
            ask(main, &Order::StaffChange { login, roles, groups, reason }).map(|_| ())
        }
        StaffVerb::Unlock { login } => ask(main, &Order::StaffUnlock { login }).map(|_| ()),
        StaffVerb::List(json) => print(json, &ask(main, &Order::StaffList)?, |rows| {
            output::table(rows, &["login", "name", "roles", "groups", "state"])
        }),
        StaffVerb::Disable { login, reason } => ask(main, &Order::StaffDisable { login, reason }).map(|_| ()),
    }
}

pub(super) fn token(main: &Path, verb: TokenVerb) -> Outcome {
    match verb {
        TokenVerb::Make { scope, label, days, json } => {
            let answer = ask(main, &Order::TokenMake { proof: None, label, scope, days })?;
            print(json, &answer, |answer| {
                let text = |key: &str| answer.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
                output::say(&format!("token {}, until {}; it is not shown again:", text("id"), text("until")));
                output::say(&text("token"));
            })
        }
        TokenVerb::Revoke { id } => {
            ask(main, &Order::TokenRevoke { id: id.clone() })?;
            output::say(&format!("token {id} is revoked"));
            Ok(())
        }
        TokenVerb::List(json) => print(json, &ask(main, &Order::TokenList)?, |rows| {
            output::table(rows, &["id", "label", "scope", "by", "until", "holds", "last_read"])
        }),
    }
}

pub(super) fn vendor(main: &Path, verb: VendorVerb) -> Outcome {
    match verb {
        VendorVerb::List(json) => print(json, &ask(main, &Order::VendorList)?, |rows| {
            output::table(rows, &["vendor", "name", "state", "technicians", "phone", "why"]);
        }),
        VendorVerb::Freeze { vendor, reason } => {
            let answer = ask(main, &Order::VendorFreeze { vendor: vendor.clone(), reason })?;
            let ended = answer.get("sessions_ended").and_then(Value::as_u64).unwrap_or(0);
            output::say(&format!("{vendor} is frozen; {ended} live session(s) ended"));
            Ok(())
        }
        VendorVerb::Thaw { vendor, reason } => {
            ask(main, &Order::VendorThaw { vendor: vendor.clone(), reason })?;
            output::say(&format!("{vendor} may come in again"));
            Ok(())
        }
        VendorVerb::RotateAll { vendor, reason, json } => {
            print(json, &ask(main, &Order::VendorRotate { vendor, reason })?, crisis::rotated)
        }
    }
}
