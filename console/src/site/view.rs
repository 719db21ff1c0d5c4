//! Vendors and equipment as they are configured, each with the file it stands in. Read-only: the files
//! are the configuration (D13). The one thing done here is a vendor's brake.

use crate::brake;
use crate::commands::{Known, look};
use crate::error::Trouble;
use crate::filters;
use crate::form::{Fields, Query};
use crate::names::target_name;
use crate::page::{Answer, Me, Visit, page_with, see_other};
use crate::routes::App;
use askama::Template;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use config::{Exception, SecondFactor};
use jiff::Timestamp;
use jiff::civil::Date;
use lifecycle::Role;
use lifecycle::order::Order;
use policy::{AllowRule, Calendar, CalendarId, Right, Sources, Supervision, TargetId, VendorId};
use serde::Serialize;
use serde_json::Value;
use std::path;

/// When somebody may come, by a calendar.
#[derive(Debug, Clone, Serialize)]
struct Hours {
    calendar: String,
    open: bool,
    /// When that changes next.
    until: Option<Timestamp>,
}

impl Hours {
    fn of(known: &Known<'_>, id: &CalendarId) -> Self {
        let calendar: Option<&Calendar> = known.config.calendars.get(id);
        let open = calendar.is_some_and(|one| one.is_open(known.at));
        let until = calendar.and_then(|one| if open { one.closes_at(known.at) } else { one.next_opening(known.at) });
        Self { calendar: id.to_string(), open, until }
    }
}

/// What a vendor may do where.
#[derive(Debug, Clone, Serialize)]
struct Allowed {
    targets: Vec<String>,
    rights: Vec<Right>,
    quorum: u8,
    longest: i64,
}

/// One vendor.
#[derive(Debug, Clone, Serialize)]
struct VendorCard {
    id: VendorId,
    name: String,
    reference: String,
    from: Date,
    until: Date,
    in_force: bool,
    contact: String,
    phone: String,
    email: String,
    hours: Hours,
    networks: Vec<String>,
    anywhere: Option<String>,
    allowed: Vec<Allowed>,
    technicians: usize,
    frozen: Option<String>,
    file: String,
}

/// What one is offered besides today's encryption, and why.
#[derive(Debug, Clone, Serialize)]
struct ExceptionCard {
    algorithms: String,
    because: String,
    until: Date,
    in_force: bool,
}

impl ExceptionCard {
    fn of(known: &Known<'_>, id: &TargetId) -> Option<Self> {
        let (legacy, in_force) = match known.config.exception(id, known.at) {
            Exception::None => return None,
            Exception::InForce(legacy) => (legacy, true),
            Exception::Over(legacy) => (legacy, false),
        };
        let (algorithms, because) = (legacy.algorithms.join(", "), legacy.because.clone());
        Some(Self { algorithms, because, until: legacy.until, in_force })
    }
}

/// One piece of equipment.
#[derive(Debug, Clone, Serialize)]
struct TargetCard {
    id: TargetId,
    name: String,
    /// For operators alone.
    address: Option<String>,
    groups: Vec<(String, usize)>,
    supervision: Supervision,
    call_back: bool,
    hours: Option<Hours>,
    credential: bool,
    pinned: bool,
    exception: Option<ExceptionCard>,
    second_factor: bool,
    withdrawn: bool,
    file: String,
}

impl TargetCard {
    /// The key of what its supervision asks for.
    fn supervision_key(&self) -> &'static str {
        match self.supervision {
            Supervision::None => "site-supervision-none",
            Supervision::Offered => "site-supervision-offered",
            Supervision::Required => "site-supervision-required",
        }
    }
}

/// What an approver sees of the vendors: those that reach equipment of their groups.
fn vendor_seen(known: &Known<'_>, me: &Me, rules: &[AllowRule]) -> bool {
    rules.iter().flat_map(|rule| &rule.targets).any(|target| me.may_see(known, target))
        || [Role::Operator, Role::Security, Role::Auditor].iter().any(|role| me.roles.contains(role))
}

/// Where a thing is declared: its whole path for those who may open it, its name for others.
fn file_name(file: &path::Path, whole: bool) -> String {
    if whole { file.display().to_string() } else { file.file_name().unwrap_or_default().to_string_lossy().into_owned() }
}

fn vendor(known: &Known<'_>, id: &VendorId, one: &config::Vendor, operator: bool) -> VendorCard {
    let rules = &one.rules;
    let today = known.config.site.zone.to_datetime(known.at).date();
    let (networks, anywhere) = match &rules.sources {
        Sources::Networks(networks) => (networks.iter().map(ToString::to_string).collect(), None),
        Sources::Any { because } => (Vec::new(), Some(because.clone())),
    };
    let allowed = |rule: &AllowRule| Allowed {
        targets: rule.targets.iter().map(|target| target_name(known, target)).collect(),
        rights: rule.rights.iter().cloned().collect(),
        quorum: rule.quorum,
        longest: rule.longest.as_secs(),
    };
    VendorCard {
        id: id.clone(),
        name: rules.name.clone(),
        reference: rules.contract.reference.clone(),
        from: rules.contract.days.first(),
        until: rules.contract.days.last(),
        in_force: rules.contract.days.contains(today),
        contact: one.contact.name.clone(),
        phone: one.contact.phone.clone(),
        email: one.contact.email.clone(),
        hours: Hours::of(known, &rules.calendar),
        networks,
        anywhere,
        allowed: rules.allow.iter().map(allowed).collect(),
        technicians: known.register.accounts.values().filter(|account| account.vendor == *id).count(),
        frozen: known.register.frozen_vendors.get(id).map(ToString::to_string),
        file: file_name(&one.file, operator),
    }
}

fn target(known: &Known<'_>, id: &TargetId, one: &config::Target, operator: bool) -> TargetCard {
    let rules = &one.rules;
    let group = |group: &policy::GroupId| {
        let name = known.config.groups.get(group).map_or_else(|| group.to_string(), |one| one.name.clone());
        let staff = known.register.staff.values();
        let people = staff.filter(|one| one.is(Role::Approver) && one.groups.contains(group)).count();
        (name, people)
    };
    TargetCard {
        id: id.clone(),
        name: rules.name.clone(),
        address: operator.then(|| one.address.to_string()),
        groups: rules.approvers.iter().map(group).collect(),
        supervision: rules.supervision,
        call_back: rules.call_back,
        hours: rules.calendar.as_ref().map(|calendar| Hours::of(known, calendar)),
        credential: known.register.credentials.contains_key(&(id.clone(), rules.account.clone())),
        pinned: one.host_key.is_some(),
        exception: ExceptionCard::of(known, id),
        second_factor: one.second_factor == SecondFactor::Technician,
        withdrawn: known.rules.withdrawn.contains(id),
        file: file_name(&one.file, operator),
    }
}

#[derive(Template)]
#[template(path = "site.html")]
struct SitePage<'a> {
    v: &'a Visit,
    vendors: Vec<VendorCard>,
    targets: Vec<TargetCard>,
    said: Option<String>,
    done: Option<String>,
    brakes: bool,
}

/// What was done to a company, by its word in the address. Anybody can write an address: what is not so is
/// not said.
fn done(visit: &Visit, vendors: &[VendorCard], query: &Fields) -> Option<String> {
    let vendor = query.get("vendor")?;
    let one = vendors.iter().find(|one| one.id.as_str() == vendor)?;
    match (query.get("done")?, one.frozen.is_some()) {
        ("frozen", true) => {
            let ended = query.optional::<u32>("ended").ok().flatten().unwrap_or(0);
            Some(visit.tw("site-frozen", "count", ended))
        }
        ("thawed", false) => Some(visit.t("site-thawed")),
        _ => None,
    }
}

async fn shown(app: &App, visit: &Visit, said: Option<(StatusCode, String)>, query: &Fields) -> Answer {
    let me = visit.me()?.clone();
    let operator = me.roles.contains(&Role::Operator);
    let (vendors, targets) = look(&*app.commands, move |known| {
        let seen = known.config.vendors.iter().filter(|(_, one)| vendor_seen(known, &me, &one.rules.allow));
        let vendors: Vec<VendorCard> = seen.map(|(id, one)| vendor(known, id, one, operator)).collect();
        let seen = known.config.targets.iter().filter(|(id, _)| me.may_see(known, id));
        let targets: Vec<TargetCard> = seen.map(|(id, one)| target(known, id, one, operator)).collect();
        (vendors, targets)
    })
    .await?;
    let (status, said) = said.map_or((StatusCode::OK, None), |(status, said)| (status, Some(said)));
    let brakes = visit.has(&["operator", "security"]);
    let done = done(visit, &vendors, query);
    page_with(status, &SitePage { v: visit, vendors, targets, said, done, brakes })
}

/// The page.
pub(crate) async fn site(State(app): State<App>, visit: Visit, Query(query): Query) -> Answer {
    shown(&app, &visit, None, &query).await
}

/// Takes a company's access away for now.
pub(crate) async fn freeze(State(app): State<App>, visit: Visit, Path(id): Path<String>, fields: Fields) -> Answer {
    let vendor: VendorId = id.parse().map_err(|_| Trouble::NotFound)?;
    let order = Order::VendorFreeze { vendor: vendor.clone(), reason: fields.value("reason") };
    match app.commands.carry_out(visit.me()?.login.clone(), order).await {
        Ok(done) => {
            let ended = done.get("sessions_ended").and_then(Value::as_u64).unwrap_or(0);
            brake::done(&visit, &format!("/site?done=frozen&vendor={vendor}&ended={ended}"))
        }
        // The page cannot be made without the register; what is wrong is said all the same.
        Err(failure) if !visit.looked => Err(failure.into()),
        Err(failure) => {
            let said = visit.texts.failure(&failure);
            shown(&app, &visit, Some((Trouble::Failure(failure).status(), said)), &Fields::default()).await
        }
    }
}

/// Gives it back.
pub(crate) async fn thaw(State(app): State<App>, visit: Visit, Path(id): Path<String>, fields: Fields) -> Answer {
    let vendor: VendorId = id.parse().map_err(|_| Trouble::NotFound)?;
    let order = Order::VendorThaw { vendor: vendor.clone(), reason: fields.value("reason") };
    match app.commands.carry_out(visit.me()?.login.clone(), order).await {
        Ok(_) => see_other(&format!("/site?done=thawed&vendor={vendor}")),
        Err(failure) => {
            let said = visit.texts.failure(&failure);
            shown(&app, &visit, Some((Trouble::Failure(failure).status(), said)), &Fields::default()).await
        }
    }
}
