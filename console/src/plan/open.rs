//! Opening an intervention: in advance, or now and out of hours. First for whom, then where, then the
//! rest beside what the rules say; the code is shown once.

use super::choice::{Choice, Company, companies_for, equipment_for};
use super::judged::Judged;
use super::when::{OpenDay, inputs, openings, window};
use crate::commands::{Known, look};
use crate::error::Trouble;
use crate::filters;
use crate::form::{Fields, Query};
use crate::page::{Answer, Me, Visit, page, page_with};
use crate::requests::{narrowed, proof, verified};
use crate::routes::App;
use askama::Template;
use axum::extract::State;
use axum::http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use lifecycle::order::{Order, Planned};
use lifecycle::{InterventionNumber, Refusal, Role};
use policy::{Denial, Right, TargetId, TechnicianLogin};
use serde_json::Value;

/// The longest window that one code opens (D7).
const WINDOW: SignedDuration = SignedDuration::from_hours(8);
/// How far ahead an opening is looked for: as far as may be planned.
const AHEAD: SignedDuration = SignedDuration::from_hours(92 * 24);
/// Lengths of an emergency, in minutes.
const MINUTES: [i64; 5] = [15, 30, 60, 90, 120];

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Planned,
    Emergency,
}

impl Kind {
    fn address(self) -> &'static str {
        match self {
            Kind::Planned => "/plan",
            Kind::Emergency => "/plan/emergency",
        }
    }

    fn is_emergency(self) -> bool {
        self == Kind::Emergency
    }
}

#[derive(Template)]
#[template(path = "plan.html")]
struct ChoicePage<'a> {
    v: &'a Visit,
    kind: Kind,
    companies: Vec<Company>,
    /// Who was chosen, and what there is for them.
    chosen: Option<(Choice, Vec<Choice>)>,
    said: Option<String>,
}

#[derive(Template)]
#[template(path = "plan-form.html")]
struct FormPage<'a> {
    v: &'a Visit,
    kind: Kind,
    one: Wanted,
    said: Option<String>,
    typed: Typed,
}

#[derive(Template)]
#[template(path = "plan-on-call.html")]
struct OnCallPage<'a> {
    v: &'a Visit,
    groups: Vec<GroupOnCall>,
}

#[derive(Template)]
#[template(path = "plan-done.html")]
struct DonePage<'a> {
    v: &'a Visit,
    one: Opened,
    /// In two halves, as it is read out.
    code: Option<(String, String)>,
}

/// A group, and when it is on call.
struct GroupOnCall {
    name: String,
    now: bool,
    /// Until when; or from when. Neither for a group that always is.
    turn: Option<Timestamp>,
    people: Vec<(String, String)>,
}

/// For whom and where, with what the rules say.
struct Wanted {
    technician: String,
    name: String,
    vendor: String,
    target: String,
    target_name: String,
    call_name: String,
    call_phone: String,
    factor_changed: bool,
    judged: Judged,
    week: Vec<OpenDay>,
    zone: String,
    begins: (String, String),
    until: String,
    today: String,
    minutes: Vec<i64>,
    open_now: bool,
}

/// What was typed, but for secrets.
#[derive(Default)]
struct Typed {
    day: String,
    from: String,
    until: String,
    minutes: String,
    reason: String,
    ticket: String,
    verified: String,
    rights: Option<Vec<String>>,
}

impl Typed {
    fn of(fields: &Fields) -> Self {
        Self {
            day: fields.value("day"),
            from: fields.value("from"),
            until: fields.value("until"),
            minutes: fields.value("minutes"),
            reason: fields.value("reason"),
            ticket: fields.value("ticket"),
            verified: fields.value("verified"),
            rights: fields.get("rights-shown").map(|_| fields.all("rights").map(str::to_owned).collect()),
        }
    }

    fn first(one: &Wanted) -> Self {
        let (day, from) = one.begins.clone();
        Self { day, from, until: one.until.clone(), minutes: "60".to_owned(), ..Self::default() }
    }

    fn keeps(&self, right: &Right) -> bool {
        self.rights.as_ref().is_none_or(|rights| rights.iter().any(|kept| *kept == right.to_string()))
    }
}

impl Wanted {
    /// What there is to know before anything is typed, if this person decides for that target.
    fn of(known: &Known<'_>, me: &Me, kind: Kind, technician: &TechnicianLogin, target: &TargetId) -> Option<Self> {
        let account = known.register.account(technician)?;
        let account = known.register.usable(&account.id)?;
        if !may_open(known, me, technician, target) {
            return None;
        }
        let judge = |begins| {
            let emergency = kind.is_emergency();
            let verdict = known.register.judge_plan(known.rules, account, target, None, emergency, (begins, known.at));
            Judged::of(known, begins, verdict)
        };
        let now = judge(known.at);
        let open_now = match kind {
            Kind::Planned => now.possible().is_some(),
            // Whether it would be possible without an emergency, too.
            Kind::Emergency => {
                let begins = (known.at, known.at);
                let verdict = known.register.judge_plan(known.rules, account, target, None, false, begins);
                Judged::of(known, known.at, verdict).possible().is_some()
            }
        };
        let judged = if kind.is_emergency() { now } else { first_opening(known, now, judge) };
        let zone = &known.rules.zone;
        let begins = judged.at;
        let longest = judged.possible().map_or(0, |terms| terms.longest);
        let length = SignedDuration::from_secs(longest).min(WINDOW);
        let end = begins.saturating_add(length).unwrap_or(begins);
        let end = judged.possible().map_or(end, |terms| terms.closes_at.min(end));
        let vendor = known.config.vendors.get(&account.vendor)?;
        let named = known.rules.targets.get(target)?;
        Some(Self {
            technician: technician.to_string(),
            name: account.identity.name.clone(),
            vendor: vendor.rules.name.clone(),
            target: target.to_string(),
            target_name: named.name.clone(),
            call_name: vendor.contact.name.clone(),
            call_phone: vendor.contact.phone.clone(),
            factor_changed: account.factor_changed(known.at),
            judged,
            week: openings(known.rules, &account.vendor, target, known.at),
            zone: zone.iana_name().unwrap_or("UTC").to_owned(),
            begins: inputs(zone, begins),
            until: inputs(zone, end).1,
            today: inputs(zone, known.at).0,
            minutes: MINUTES.into_iter().filter(|minutes| minutes * 60 <= longest).collect(),
            open_now,
        })
    }
}

/// The first instant, from now on, at which the rules would let something begin; or why none will.
fn first_opening(known: &Known<'_>, now: Judged, judge: impl Fn(Timestamp) -> Judged) -> Judged {
    let last = known.at.saturating_add(AHEAD).unwrap_or(known.at);
    let midnight = |day: jiff::civil::Date| super::when::instant(&known.rules.zone, &day.to_string(), "00:00");
    let mut judged = now;
    loop {
        let next = match judged.denial() {
            Some(Denial::Closed { next_opening, .. }) => *next_opening,
            Some(Denial::ContractNotBegun { first }) => midnight(*first),
            Some(Denial::TargetForbidden { .. }) => {
                known.rules.zone.to_datetime(judged.at).date().tomorrow().ok().and_then(midnight)
            }
            _ => None,
        };
        // Each step lies later, and none beyond what may be planned.
        match next.filter(|next| *next > judged.at && *next < last) {
            Some(next) => judged = judge(next),
            None => return judged,
        }
    }
}

/// Says who is on call, to those who are not.
fn on_call(known: &Known<'_>, me: &Me) -> Option<Vec<GroupOnCall>> {
    let now = known.config.on_call(known.at);
    if !me.groups.is_disjoint(&now) {
        return None;
    }
    let groups = known.config.groups.iter().map(|(id, group)| {
        let calendar = group.on_call.as_ref().and_then(|calendar| known.config.calendars.get(calendar));
        let staff =
            known.register.staff.values().filter(|staff| {
                staff.is_active() && staff.roles.contains(&Role::Approver) && staff.groups.contains(id)
            });
        GroupOnCall {
            name: group.name.clone(),
            now: now.contains(id),
            turn: calendar.and_then(|one| one.closes_at(known.at).or_else(|| one.next_opening(known.at))),
            people: staff.map(|staff| (staff.identity.name.clone(), staff.identity.phone.clone())).collect(),
        }
    });
    let mut groups: Vec<GroupOnCall> = groups.collect();
    groups.sort_by_key(|group| (!group.now, group.turn));
    Some(groups)
}

/// In advance.
pub(super) async fn plan(State(app): State<App>, visit: Visit, Query(query): Query) -> Answer {
    choose(&app, &visit, Kind::Planned, &query).await
}

/// Now, out of hours.
pub(super) async fn emergency(State(app): State<App>, visit: Visit, Query(query): Query) -> Answer {
    choose(&app, &visit, Kind::Emergency, &query).await
}

/// For whom, then where, then the rest.
async fn choose(app: &App, visit: &Visit, kind: Kind, query: &Fields) -> Answer {
    let me = visit.me()?.clone();
    if let Some(groups) = off_call(app, &me, kind).await? {
        return page(&OnCallPage { v: visit, groups });
    }
    let technician: Option<TechnicianLogin> = query.optional("technician").map_err(|_| Trouble::NotFound)?;
    let mut target: Option<TargetId> = query.optional("target").map_err(|_| Trouble::NotFound)?;
    let wanted = technician.clone();
    let (companies, chosen) = look(&*app.commands, move |known| {
        let account = wanted.and_then(|login| known.register.account(&login));
        let account = account.and_then(|account| known.register.usable(&account.id));
        let chosen = account.map(|account| {
            let who = Choice { id: account.login.to_string(), name: account.identity.name.clone() };
            (who, equipment_for(known, &me, account))
        });
        (companies_for(known, &me), chosen)
    })
    .await?;
    let (Some(technician), Some((_, equipment))) = (technician.clone(), &chosen) else {
        let said = technician.map(|_| visit.t("plan-technician-gone"));
        return page(&ChoicePage { v: visit, kind, companies, chosen: None, said });
    };
    if let (None, [only]) = (&target, equipment.as_slice()) {
        target = only.id.parse().ok();
    }
    match target {
        Some(target) => {
            let one = wanted_of(app, visit, kind, technician, target).await?;
            let typed = Typed::first(&one);
            page(&FormPage { v: visit, kind, one, said: None, typed })
        }
        None => page(&ChoicePage { v: visit, kind, companies, chosen, said: None }),
    }
}

async fn off_call(app: &App, me: &Me, kind: Kind) -> Result<Option<Vec<GroupOnCall>>, Trouble> {
    let me = me.clone();
    match kind {
        Kind::Planned => Ok(None),
        Kind::Emergency => Ok(look(&*app.commands, move |known| on_call(known, &me)).await?),
    }
}

/// Whether this person decides for that target, and that technician may be let onto it.
pub(crate) fn may_open(known: &Known<'_>, me: &Me, technician: &TechnicianLogin, target: &TargetId) -> bool {
    let account = known.register.account(technician).and_then(|account| known.register.usable(&account.id));
    let equipment = account.map(|account| equipment_for(known, me, account)).unwrap_or_default();
    equipment.iter().any(|choice| choice.id == target.as_str())
}

async fn wanted_of(
    app: &App,
    visit: &Visit,
    kind: Kind,
    technician: TechnicianLogin,
    target: TargetId,
) -> Result<Wanted, Trouble> {
    let me = visit.me()?.clone();
    let found = look(&*app.commands, move |known| Wanted::of(known, &me, kind, &technician, &target)).await?;
    found.ok_or(Trouble::NotFound)
}

/// Plans it.
pub(super) async fn plan_now(State(app): State<App>, visit: Visit, fields: Fields) -> Answer {
    open(&app, &visit, Kind::Planned, &fields).await
}

/// Opens it.
pub(super) async fn emergency_now(State(app): State<App>, visit: Visit, fields: Fields) -> Answer {
    open(&app, &visit, Kind::Emergency, &fields).await
}

/// What the form says, as an order; or the key of what is wrong with it.
fn order_of(app: &App, visit: &Visit, kind: Kind, fields: &Fields, rights: &[Right]) -> Result<Order, &'static str> {
    let verified = verified(&fields.value("verified")).ok_or("error-verified")?;
    let (from, until, minutes) = match kind {
        Kind::Planned => {
            let value = |name| fields.value(name);
            let window = window(&app.zone(), &value("day"), &value("from"), &value("until"));
            let (from, until) = window.ok_or("plan-error-when")?;
            (Some(from), Some(until), None)
        }
        Kind::Emergency => {
            let minutes = fields.optional::<u32>("minutes").ok().flatten().filter(|minutes| *minutes > 0);
            (None, None, Some(minutes.ok_or("error-minutes")?))
        }
    };
    let parsed = |name| fields.value(name);
    let ticket = Some(fields.value("ticket")).filter(|ticket| !ticket.is_empty());
    Ok(Order::InterventionPlan {
        proof: proof(visit, fields).map_err(|_| "error-input")?,
        planned: Planned {
            technician: parsed("technician").parse().map_err(|_| "error-input")?,
            target: parsed("target").parse().map_err(|_| "error-input")?,
            login: None,
            from,
            until,
            minutes,
            emergency: kind.is_emergency(),
            reason: fields.value("reason"),
            ticket: ticket.unwrap_or_else(|| "-".to_owned()),
            verified,
            rights: narrowed(fields, rights).map_err(|_| "error-input")?,
        },
    })
}

/// What would be refused whoever asks is said before a code is used up.
async fn refused_before(app: &App, visit: &Visit, order: &Order) -> Result<Option<String>, Trouble> {
    let Order::InterventionPlan { planned, .. } = order else { return Ok(None) };
    let (Some(from), Some(until)) = (planned.from, planned.until) else { return Ok(None) };
    let (technician, target) = (planned.technician.clone(), planned.target.clone());
    let refusal = look(&*app.commands, move |known| {
        if let Err(refusal) = lifecycle::check_window(from, until, false, known.at) {
            return Some(refusal);
        }
        let (account, begins) = (known.register.account(&technician)?, from.max(known.at));
        let verdict = known.register.judge_plan(known.rules, account, &target, None, false, (begins, known.at));
        match verdict.decision {
            policy::Decision::Deny(denial) => Some(Refusal::Denied(denial)),
            policy::Decision::AwaitApproval(_) => None,
        }
    });
    Ok(refusal.await?.map(|refusal| visit.texts.refusal(&refusal)))
}

async fn open(app: &App, visit: &Visit, kind: Kind, fields: &Fields) -> Answer {
    let technician = fields.value("technician").parse().map_err(|_| Trouble::NotFound)?;
    let target = fields.value("target").parse().map_err(|_| Trouble::NotFound)?;
    let one = wanted_of(app, visit, kind, technician, target).await?;
    let again = |one: Wanted, said: String, status| {
        page_with(status, &FormPage { v: visit, kind, one, said: Some(said), typed: Typed::of(fields) })
    };
    if !visit.may_decide_here {
        return again(one, visit.t("approve-not-here"), StatusCode::FORBIDDEN);
    }
    let rights = one.judged.possible().map(|terms| terms.rights.clone()).unwrap_or_default();
    let order = match order_of(app, visit, kind, fields, &rights) {
        Ok(order) => order,
        Err(key) => return again(one, visit.t(key), StatusCode::UNPROCESSABLE_ENTITY),
    };
    if let Some(said) = refused_before(app, visit, &order).await? {
        return again(one, said, StatusCode::UNPROCESSABLE_ENTITY);
    }
    match app.commands.carry_out(visit.me()?.login.clone(), order).await {
        Ok(done) => {
            let number = done.get("number").and_then(Value::as_u64).ok_or(Trouble::NotFound)?;
            self::done(app, visit, number, done.get("code").and_then(Value::as_str)).await
        }
        Err(failure) => {
            let said = visit.texts.failure(&failure);
            again(one, said, Trouble::Failure(failure).status())
        }
    }
}

/// What was opened.
struct Opened {
    number: u64,
    name: String,
    target: String,
    login: String,
    from: Timestamp,
    until: Timestamp,
    longest: i64,
    emergency: bool,
    missing: u8,
    others: String,
    call_phone: String,
}

/// Shows the code, this once; or whose approval is missing.
pub(crate) async fn done(app: &App, visit: &Visit, number: u64, code: Option<&str>) -> Answer {
    let me = visit.me()?.clone();
    let one = look(&*app.commands, move |known| {
        let one = known.register.interventions.get(&InterventionNumber(number))?;
        let plan = one.plan.as_ref().filter(|_| me.may_see(known, &one.asked.target))?;
        let approved = |name: &String| {
            let mut by = one.approvals.iter().filter_map(|approval| known.register.staff.get(&approval.by));
            by.any(|staff| staff.identity.name == *name)
        };
        let others: Vec<String> =
            super::approvers_of(known, &one.asked.target).into_iter().filter(|name| !approved(name)).collect();
        let vendor = known.config.vendors.get(&one.asked.vendor);
        let rules = vendor.into_iter().flat_map(|vendor| &vendor.rules.allow);
        let longest = rules.filter(|rule| rule.targets.contains(&one.asked.target)).map(|rule| rule.longest).min();
        Some(Opened {
            number,
            name: one.asked.name.clone(),
            target: crate::names::target_name(known, &one.asked.target),
            login: format!("{}+{}", one.asked.technician, one.asked.target),
            from: plan.from,
            until: plan.until,
            longest: longest.map_or(0, |longest| longest.as_secs()),
            emergency: plan.emergency,
            missing: one.asked.quorum.saturating_sub(u8::try_from(one.approvals.len()).unwrap_or(u8::MAX)),
            others: others.join(", "),
            call_phone: vendor.map_or_else(String::new, |vendor| vendor.contact.phone.clone()),
        })
    })
    .await?
    .ok_or(Trouble::NotFound)?;
    let halves = |code: &str| {
        let (first, rest) = code.split_at_checked(code.len() / 2).unwrap_or((code, ""));
        (first.to_owned(), rest.to_owned())
    };
    page(&DonePage { v: visit, one, code: code.map(halves) })
}
