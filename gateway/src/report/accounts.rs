//! Every account that logged in over a period, with what makes it legitimate: who made sure of the
//! person and when, the contract, the factors (EVI-10, IDM-17).
//!
//! The register knows accounts; when somebody logged in, and who proofed whom, the journal alone says.

use super::ask::{Gathered, Period, bounded};
use crate::ctl::desk::{gone, software};
use crate::site::Site;
use console::{Known, staff_name, vendor_name};
use jiff::Timestamp;
use lifecycle::order::{Failure, ReportArgs};
use lifecycle::{Account, AccountId, AccountState, Actor, Event, Staff};
use policy::StaffLogin;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// Addresses of one account that are listed.
const SOURCES: usize = 20;

/// What the journal says of one account.
#[derive(Default)]
pub(super) struct Story {
    proofed: Option<(Actor, Timestamp)>,
    activated: Option<(Actor, Timestamp)>,
    pub(super) logins: u64,
    first: Option<Timestamp>,
    pub(super) last: Option<Timestamp>,
    sources: BTreeSet<String>,
    factors: BTreeSet<String>,
}

impl Story {
    fn login(&mut self, at: Timestamp) {
        self.logins = self.logins.saturating_add(1);
        self.first.get_or_insert(at);
        self.last = Some(at);
    }

    fn seen_from(&mut self, source: String) {
        if self.sources.len() < SOURCES {
            self.sources.insert(source);
        }
    }
}

/// What the journal says of all of them.
#[derive(Default)]
pub(super) struct Stories {
    pub(super) technicians: BTreeMap<AccountId, Story>,
    pub(super) staff: BTreeMap<StaffLogin, Story>,
    /// Entries of these kinds whose content was erased at its term: what they said is not known any more.
    erased: u64,
}

/// The kinds that are opened; all others are passed over by what their leaves say.
const KINDS: [&str; 8] = [
    "technician-added",
    "technician-invited",
    "technician-activated",
    "factors-accepted",
    "staff-added",
    "staff-invited",
    "staff-enrolled",
    "staff-code-used",
];

impl Stories {
    /// Reads the journal, from its first entry on. Blocks on the disk.
    pub(super) async fn read(site: &std::sync::Arc<Site>, period: Period) -> Result<Self, Failure> {
        let site = site.clone();
        let reading = tokio::task::spawn_blocking(move || {
            let mut stories = Self::default();
            let mut reader = site.archive.open()?;
            reader.read(0, |evidence| {
                if KINDS.contains(&evidence.leaf.kind.as_str()) {
                    match evidence.opened.map(|(_, body)| Event::from_body(&body)) {
                        Some(Ok(event)) => stories.take(evidence.leaf.at, &event, period),
                        Some(Err(_)) | None => stories.erased = stories.erased.saturating_add(1),
                    }
                }
                ControlFlow::Continue(())
            })?;
            Ok::<_, journal::OpenError>(stories)
        });
        reading.await.map_err(software)?.map_err(software)
    }

    /// Takes in one entry: how accounts came to be whenever that was, logins of the period alone.
    fn take(&mut self, at: Timestamp, event: &Event, period: Period) {
        let one = |account: &AccountId| account.clone();
        match event {
            Event::TechnicianAdded { account, by, .. } => {
                let story = self.technicians.entry(one(account)).or_default();
                // Its factors were handed over by whoever made it: nobody else called it active.
                (story.proofed, story.activated) = (Some((by.clone(), at)), Some((by.clone(), at)));
            }
            Event::TechnicianInvited { account, by, .. } => {
                self.technicians.entry(one(account)).or_default().proofed = Some((by.clone(), at));
            }
            Event::TechnicianActivated { account, by, .. } => {
                self.technicians.entry(one(account)).or_default().activated = Some((by.clone(), at));
            }
            Event::FactorsAccepted { account, source, factors, .. } if period.has(at) => {
                let story = self.technicians.entry(one(account)).or_default();
                story.login(at);
                story.seen_from(source.ip().to_canonical().to_string());
                story.factors.extend(factors.iter().cloned());
            }
            Event::StaffAdded { staff, by, .. } => {
                let story = self.staff.entry(staff.clone()).or_default();
                (story.proofed, story.activated) = (Some((by.clone(), at)), Some((by.clone(), at)));
            }
            Event::StaffInvited { staff, by, .. } => {
                self.staff.entry(staff.clone()).or_default().proofed = Some((by.clone(), at));
            }
            Event::StaffEnrolled { staff, .. } => {
                self.staff.entry(staff.clone()).or_default().activated = Some((Actor::Staff(staff.clone()), at));
            }
            Event::StaffCodeUsed { staff, .. } if period.has(at) => {
                let story = self.staff.entry(staff.clone()).or_default();
                story.login(at);
                story.factors.extend(["password".to_owned(), "totp".to_owned()]);
            }
            _ => {}
        }
    }
}

/// Those that logged in within the period, technicians first.
pub(super) async fn gather(
    site: &std::sync::Arc<Site>,
    asked: &ReportArgs,
    period: Period,
) -> Result<Gathered, Failure> {
    let stories = Stories::read(site, period).await?;
    let erased = stories.erased;
    let vendor = asked.vendor.clone();
    let made = site.registrar.view(move |core, now| {
        let known = core.known(now);
        let mut rows: Vec<Value> = Vec::new();
        for (id, story) in stories.technicians.iter().filter(|(_, story)| story.logins > 0) {
            let account = known.register.accounts.get(id);
            if vendor.is_none() || account.is_some_and(|account| Some(&account.vendor) == vendor.as_ref()) {
                rows.push(technician(&known, id, account, story));
            }
        }
        if vendor.is_none() {
            let signed_in = stories.staff.iter().filter(|(_, story)| story.logins > 0);
            rows.extend(signed_in.map(|(login, story)| staff(&known, login, known.register.staff.get(login), story)));
        }
        rows
    });
    let rows = made.await.map_err(gone)?;
    bounded(rows.len())?;
    Ok(Gathered { rows, more: vec![("erased", json!(erased))] })
}

/// What speaks against an account, though it logged in: for somebody to look at, no judgement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Doubt {
    /// The register does not know it.
    Unknown,
    /// Nobody wrote down how the person was made sure of.
    NoProofing,
    /// The entry that made it is not in the journal any more, or names no person of the staff.
    ByNobody,
    /// Its company is not declared.
    NoVendor,
    /// The contract did not hold at its last login.
    NoContract,
    /// It logged in without a key: a page in the middle could relay what was typed.
    Phishable,
    /// It is switched off by now.
    Disabled,
}

fn who(known: &Known<'_>, actor: &Actor) -> String {
    match actor {
        Actor::Staff(login) => staff_name(known, login),
        Actor::Root(uid) => format!("root({uid})"),
        Actor::Program => "program".to_owned(),
    }
}

/// What a row has whoever it is about.
fn shared(known: &Known<'_>, story: &Story) -> serde_json::Map<String, Value> {
    let by = |what: &Option<(Actor, Timestamp)>| what.as_ref().map(|(actor, _)| who(known, actor));
    let at = |what: &Option<(Actor, Timestamp)>| what.as_ref().map(|(_, at)| *at);
    let fields = json!({
        "logins": story.logins,
        "first-login": story.first,
        "last-login": story.last,
        "sources": story.sources,
        "factors": story.factors,
        "proofed-by": by(&story.proofed),
        "proofed-at": at(&story.proofed),
        "activated-by": by(&story.activated),
        "activated-at": at(&story.activated),
    });
    match fields {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    }
}

fn by_nobody(story: &Story) -> bool {
    story.proofed.as_ref().is_none_or(|(actor, _)| actor.staff().is_none())
}

fn technician(known: &Known<'_>, id: &AccountId, account: Option<&Account>, story: &Story) -> Value {
    let mut row = shared(known, story);
    let vendor = account.and_then(|account| known.config.vendors.get(&account.vendor));
    let contract = vendor.map(|vendor| &vendor.rules.contract);
    let last_day = story.last.map(|at| known.config.site.zone.to_datetime(at).date());
    let mut doubts = Vec::new();
    let mut doubt = |holds: bool, what: Doubt| holds.then(|| doubts.push(what));
    doubt(account.is_none(), Doubt::Unknown);
    doubt(account.is_some_and(|account| account.proofing.trim().is_empty()), Doubt::NoProofing);
    doubt(by_nobody(story), Doubt::ByNobody);
    doubt(vendor.is_none(), Doubt::NoVendor);
    let holds = contract.zip(last_day).is_none_or(|(contract, day)| contract.days.contains(day));
    doubt(!holds, Doubt::NoContract);
    doubt(!story.factors.contains("key"), Doubt::Phishable);
    doubt(account.is_some_and(|account| account.state == AccountState::Disabled), Doubt::Disabled);
    let more = json!({
        "kind": "technician",
        "id": id,
        "login": account.map(|account| &account.login),
        "name": account.map(|account| &account.identity.name),
        "email": account.map(|account| &account.identity.email),
        "phone": account.map(|account| &account.identity.phone),
        "vendor": account.map(|account| vendor_name(known, &account.vendor)),
        "roles": [],
        "contract": contract.map(|contract| &contract.reference),
        "contract-from": contract.map(|contract| contract.days.first()),
        "contract-until": contract.map(|contract| contract.days.last()),
        "keys": account.map(|account| &account.keys),
        "factors-since": account.map(|account| account.factors_since),
        "proofing": account.map(|account| &account.proofing),
        "state": account.map(|account| account.state),
        "doubts": doubts,
    });
    with(&mut row, more)
}

fn staff(known: &Known<'_>, login: &StaffLogin, staff: Option<&Staff>, story: &Story) -> Value {
    let mut row = shared(known, story);
    let mut doubts = Vec::new();
    let mut doubt = |holds: bool, what: Doubt| holds.then(|| doubts.push(what));
    doubt(staff.is_none(), Doubt::Unknown);
    doubt(by_nobody(story), Doubt::ByNobody);
    doubt(staff.is_some_and(|staff| staff.state == lifecycle::StaffState::Disabled), Doubt::Disabled);
    let more = json!({
        "kind": "staff",
        "login": login,
        "name": staff.map(|staff| &staff.identity.name),
        "email": staff.map(|staff| &staff.identity.email),
        "phone": staff.map(|staff| &staff.identity.phone),
        "vendor": null,
        "roles": staff.map(|staff| &staff.roles),
        "factors-since": staff.map(|staff| staff.factors_since),
        "state": staff.map(|staff| staff.state.word()),
        "doubts": doubts,
    });
    with(&mut row, more)
}

fn with(row: &mut serde_json::Map<String, Value>, more: Value) -> Value {
    if let Value::Object(more) = more {
        row.extend(more);
    }
    Value::Object(std::mem::take(row))
}
