//! Ghost access: equipment, companies, accounts and grants that nobody uses, or that nothing carries any
//! more (LIF-06).

use super::accounts::Stories;
use super::ask::{Gathered, Period, bounded};
use crate::ctl::desk::gone;
use crate::site::Site;
use console::{Known, target_name, vendor_name};
use jiff::{SignedDuration, Timestamp};
use lifecycle::AccountState;
use lifecycle::order::{Failure, ReportArgs};
use policy::{TargetId, VendorId};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// When each was last used.
struct Uses {
    targets: BTreeMap<TargetId, Timestamp>,
    pairs: BTreeMap<(VendorId, TargetId), Timestamp>,
    vendors: BTreeMap<VendorId, Timestamp>,
}

impl Uses {
    fn of(known: &Known<'_>) -> Self {
        let mut uses = Self { targets: BTreeMap::new(), pairs: BTreeMap::new(), vendors: BTreeMap::new() };
        for record in known.register.sessions.values() {
            let Some(one) = known.register.interventions.get(&record.number) else { continue };
            let (vendor, target) = (one.asked.vendor.clone(), one.asked.target.clone());
            newest(&mut uses.targets, target.clone(), record.started);
            newest(&mut uses.vendors, vendor.clone(), record.started);
            newest(&mut uses.pairs, (vendor, target), record.started);
        }
        uses
    }
}

fn newest<K: Ord>(all: &mut BTreeMap<K, Timestamp>, key: K, at: Timestamp) {
    all.entry(key).and_modify(|last| *last = at.max(*last)).or_insert(at);
}

/// Everything that was not used for so many days, or that should not be there.
pub(super) async fn gather(site: &std::sync::Arc<Site>, asked: &ReportArgs) -> Result<Gathered, Failure> {
    let stories = Stories::read(site, Period::ever()).await?;
    let (days, only) = (asked.days, asked.vendor.clone());
    let made = site.registrar.view(move |core, now| {
        let known = core.known(now);
        let uses = Uses::of(&known);
        let limit = now.saturating_sub(SignedDuration::from_hours(i64::from(days) * 24)).unwrap_or(Timestamp::MIN);
        let mut rows = Vec::new();
        if only.is_none() {
            targets(&known, &uses, limit, &mut rows);
            staff(&known, &stories, limit, &mut rows);
        }
        let wanted = |vendor: &VendorId| only.as_ref().is_none_or(|only| only == vendor);
        vendors(&known, &uses, limit, &wanted, &mut rows);
        accounts(&known, &stories, limit, &wanted, &mut rows);
        grants(&known, &uses, limit, &wanted, &mut rows);
        rows
    });
    let rows = made.await.map_err(gone)?;
    bounded(rows.len())?;
    Ok(Gathered { rows, more: vec![("days", json!(days))] })
}

/// Never used, or not for long; `None`: used lately.
fn unused(last: Option<Timestamp>, limit: Timestamp) -> Option<&'static str> {
    match last {
        None => Some("never"),
        Some(last) if last < limit => Some("long"),
        Some(_) => None,
    }
}

fn targets(known: &Known<'_>, uses: &Uses, limit: Timestamp, rows: &mut Vec<Value>) {
    for (id, target) in &known.config.targets {
        let last = uses.targets.get(id).copied();
        let named = |vendor: &config::Vendor| vendor.rules.allow.iter().any(|rule| rule.targets.contains(id));
        let why = match unused(last, limit) {
            // Nobody could: a declaration without a grant.
            Some("never") if !known.config.vendors.values().any(named) => Some("no-grant"),
            other => other,
        };
        if let Some(why) = why {
            rows.push(json!({ "kind": "target", "id": id, "name": target.rules.name, "vendor": null, "why": why,
                "since": last, "detail": target.address }));
        }
    }
}

fn vendors(
    known: &Known<'_>,
    uses: &Uses,
    limit: Timestamp,
    wanted: &dyn Fn(&VendorId) -> bool,
    rows: &mut Vec<Value>,
) {
    let today = known.config.site.zone.to_datetime(known.at).date();
    for (id, vendor) in known.config.vendors.iter().filter(|(id, _)| wanted(id)) {
        let contract = &vendor.rules.contract;
        let last = uses.vendors.get(id).copied();
        let why = match contract.days.contains(today) {
            false => Some("no-contract"),
            true => unused(last, limit),
        };
        if let Some(why) = why {
            let detail = format!("{} {} – {}", contract.reference, contract.days.first(), contract.days.last());
            rows.push(json!({ "kind": "vendor", "id": id, "name": vendor.rules.name, "vendor": vendor.rules.name,
                "why": why, "since": last, "detail": detail }));
        }
    }
    // Companies of which people have accounts, and that nobody declares.
    let held = known.register.accounts.values().filter(|account| account.state != AccountState::Disabled);
    let gone: BTreeSet<&VendorId> =
        held.map(|account| &account.vendor).filter(|id| !known.config.vendors.contains_key(*id)).collect();
    for id in gone.into_iter().filter(|id| wanted(id)) {
        rows.push(json!({ "kind": "vendor", "id": id, "name": id, "vendor": id, "why": "not-declared",
            "since": uses.vendors.get(id), "detail": null }));
    }
}

fn accounts(
    known: &Known<'_>,
    stories: &Stories,
    limit: Timestamp,
    wanted: &dyn Fn(&VendorId) -> bool,
    rows: &mut Vec<Value>,
) {
    let alive = known.register.accounts.values().filter(|one| one.state != AccountState::Disabled);
    for account in alive.filter(|account| wanted(&account.vendor)) {
        let last = stories.technicians.get(&account.id).and_then(|story| story.last);
        // A new account has had no time yet to be used.
        let young = account.factors_since >= limit;
        if let Some(why) = unused(last, limit).filter(|why| *why != "never" || !young) {
            rows.push(json!({ "kind": "account", "id": account.login, "name": account.identity.name,
                "vendor": vendor_name(known, &account.vendor), "why": why, "since": last,
                "detail": account.state }));
        }
    }
}

fn staff(known: &Known<'_>, stories: &Stories, limit: Timestamp, rows: &mut Vec<Value>) {
    for staff in known.register.staff.values().filter(|staff| staff.is_active()) {
        let last = stories.staff.get(&staff.login).and_then(|story| story.last);
        let young = staff.factors_since >= limit;
        if let Some(why) = unused(last, limit).filter(|why| *why != "never" || !young) {
            let roles: Vec<String> = staff.roles.iter().map(ToString::to_string).collect();
            rows.push(json!({ "kind": "staff", "id": staff.login, "name": staff.identity.name, "vendor": null,
                "why": why, "since": last, "detail": roles.join(", ") }));
        }
    }
}

/// A grant is a rule and one of its targets: that pair is what could be taken away.
fn grants(known: &Known<'_>, uses: &Uses, limit: Timestamp, wanted: &dyn Fn(&VendorId) -> bool, rows: &mut Vec<Value>) {
    for (id, vendor) in known.config.vendors.iter().filter(|(id, _)| wanted(id)) {
        for rule in &vendor.rules.allow {
            for target in &rule.targets {
                let last = uses.pairs.get(&(id.clone(), target.clone())).copied();
                if let Some(why) = unused(last, limit) {
                    let rights: Vec<String> = rule.rights.iter().map(ToString::to_string).collect();
                    rows.push(json!({ "kind": "grant", "id": format!("{id} → {target}"),
                        "name": target_name(known, target), "vendor": vendor.rules.name, "why": why,
                        "since": last, "detail": rights.join(", ") }));
                }
            }
        }
    }
}
