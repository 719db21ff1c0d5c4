//! The case files in `policy/cases`: small rule sets, requests, and what the documents say must
//! come out. They are written by hand to be read by a hospital's reviewer, in the words of the
//! configuration. This file only reads them; the crate has no parser of its own, and shares none
//! with `config`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a case that cannot be read is a failing test")]

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use policy::{
    AllowRule, Approval, Calendar, Contract, DateRange, Decision, Denial, ExtraOpening, ForbidRule, HolidayRules, Per,
    Person, PolicySet, Request, RuleId, Sources, Supervision, Target, Vendor, Verified, WeeklyInterval, evaluate,
};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::str::FromStr;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct CaseFile {
    about: String,
    timezone: String,
    calendars: BTreeMap<String, CalendarText>,
    target: BTreeMap<String, TargetText>,
    vendor: BTreeMap<String, VendorText>,
    #[serde(default)]
    withdrawn: Vec<String>,
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct CalendarText {
    /// A region, or `none`.
    holidays: String,
    #[serde(default)]
    good_friday: bool,
    #[serde(default)]
    pentecost_monday_worked: bool,
    hours: Vec<HoursText>,
    #[serde(default)]
    closed: Vec<String>,
    #[serde(default)]
    extra: Vec<ExtraText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HoursText {
    days: String,
    from: String,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExtraText {
    day: String,
    from: String,
    to: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct TargetText {
    account: String,
    approvers: Vec<String>,
    calendar: Option<String>,
    #[serde(default)]
    call_back: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VendorText {
    domain: String,
    contract: ContractText,
    sources: Vec<String>,
    calendar: String,
    allow: Vec<AllowText>,
    #[serde(default)]
    forbid: Vec<ForbidText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ContractText {
    reference: String,
    from: String,
    until: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AllowText {
    targets: Vec<String>,
    #[serde(default)]
    accounts: Vec<String>,
    rights: Vec<String>,
    approval: QuorumText,
    longest: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct QuorumText {
    quorum: u8,
    per: Per,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ForbidText {
    targets: Vec<String>,
    days: Option<String>,
    because: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    shows: String,
    requirements: Vec<String>,
    request: RequestText,
    /// Absent: only the terms are looked at. Empty: nobody said yes.
    approval: Option<Vec<ApprovalText>>,
    expect: Expected,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RequestText {
    technician: String,
    vendor: String,
    target: String,
    account: Option<String>,
    from: String,
    at: String,
    #[serde(default)]
    unfamiliar: bool,
    /// When the permit is made, if later than asked for.
    admitted: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ApprovalText {
    by: String,
    email: String,
    phone: String,
    groups: Vec<String>,
    verified: Verified,
    rights: Option<Vec<String>>,
    until: Option<String>,
}

/// What must come out. Where a field is written it must be there, and be that; `because` and
/// `holiday` count also where they are not written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Expected {
    /// `deny`, `await-approval` or `permit`.
    decision: String,
    because: Vec<String>,
    denial: Option<String>,
    next_opening: Option<String>,
    holiday: Option<String>,
    account: Option<String>,
    rights: Option<Vec<String>>,
    quorum: Option<u8>,
    per: Option<Per>,
    longest: Option<String>,
    call_back: Option<bool>,
    closes_at: Option<String>,
    until: Option<String>,
}

/// What came out, flattened. `None` where the outcome has no such thing.
#[derive(Debug, Default)]
struct Outcome {
    decision: &'static str,
    because: Vec<RuleId>,
    denial: Option<&'static str>,
    next_opening: Option<Timestamp>,
    holiday: Option<String>,
    account: Option<String>,
    rights: Option<Vec<String>>,
    quorum: Option<u8>,
    per: Option<Per>,
    longest: Option<SignedDuration>,
    call_back: Option<bool>,
    closes_at: Option<Timestamp>,
    until: Option<Timestamp>,
}

fn read<T: FromStr<Err: std::fmt::Display>>(text: &str) -> T {
    text.parse().unwrap_or_else(|error| panic!("`{text}`: {error}"))
}

fn read_all<T: FromStr<Err: std::fmt::Display>, C: FromIterator<T>>(texts: &[String]) -> C {
    texts.iter().map(|text| read(text)).collect()
}

/// What every technician of these files left with the vendor's enrolment.
fn technician() -> Person {
    Person::new("alice@imagix.example", "+33 6 99 88 77 66")
}

impl CaseFile {
    fn rules(&self) -> PolicySet {
        let zone = TimeZone::get(&self.timezone).unwrap();
        PolicySet {
            vendors: self.vendor.iter().map(|(id, text)| (read(id), text.vendor(id))).collect(),
            targets: self.target.iter().map(|(id, text)| (read(id), text.target(id))).collect(),
            calendars: self.calendars.iter().map(|(id, text)| (read(id), text.calendar(id, &zone))).collect(),
            withdrawn: read_all(&self.withdrawn),
            zone,
        }
    }
}

impl CalendarText {
    fn calendar(&self, id: &str, zone: &TimeZone) -> Calendar {
        let holidays = (self.holidays != "none").then(|| HolidayRules {
            region: read(&self.holidays),
            good_friday: self.good_friday,
            pentecost_monday_worked: self.pentecost_monday_worked,
        });
        let interval = |text: &HoursText| {
            WeeklyInterval::new(WeeklyInterval::parse_days(&text.days).unwrap(), read(&text.from), read(&text.to))
        };
        let extra = |text: &ExtraText| ExtraOpening::new(read(&text.day), read(&text.from), read(&text.to));
        Calendar {
            id: read(id),
            zone: zone.clone(),
            holidays,
            weekly: self.hours.iter().map(|text| interval(text).unwrap()).collect(),
            closed: read_all(&self.closed),
            extra: self.extra.iter().map(|text| extra(text).unwrap()).collect(),
        }
    }
}

impl TargetText {
    fn target(&self, id: &str) -> Target {
        Target {
            id: read(id),
            name: id.to_owned(),
            account: read(&self.account),
            approvers: read_all(&self.approvers),
            supervision: Supervision::Required,
            calendar: self.calendar.as_deref().map(read),
            call_back: self.call_back,
            idle: SignedDuration::from_mins(15),
        }
    }
}

impl VendorText {
    fn vendor(&self, id: &str) -> Vendor {
        let days = DateRange::new(read::<Date>(&self.contract.from), read::<Date>(&self.contract.until)).unwrap();
        Vendor {
            id: read(id),
            name: id.to_owned(),
            contract: Contract { reference: self.contract.reference.clone(), days },
            domain: self.domain.clone(),
            sources: Sources::Networks(read_all(&self.sources)),
            calendar: read(&self.calendar),
            allow: self.allow.iter().map(AllowText::rule).collect(),
            forbid: self.forbid.iter().map(ForbidText::rule).collect(),
        }
    }
}

impl AllowText {
    fn rule(&self) -> AllowRule {
        AllowRule {
            targets: read_all(&self.targets),
            accounts: read_all(&self.accounts),
            rights: read_all(&self.rights),
            quorum: self.approval.quorum,
            per: self.approval.per,
            longest: read(&self.longest),
        }
    }
}

impl ForbidText {
    fn rule(&self) -> ForbidRule {
        ForbidRule {
            targets: read_all(&self.targets),
            days: self.days.as_deref().map(read),
            because: self.because.clone(),
        }
    }
}

impl Case {
    fn question(&self) -> Request {
        Request {
            technician: read(&self.request.technician),
            person: technician(),
            vendor: read(&self.request.vendor),
            target: read(&self.request.target),
            account: self.request.account.as_deref().map(read),
            source: Some(read(&self.request.from)),
            unfamiliar: self.request.unfamiliar,
            emergency: false,
            at: read(&self.request.at),
        }
    }

    fn outcome(&self, rules: &PolicySet) -> Outcome {
        let question = self.question();
        let verdict = evaluate(rules, &question);
        let mut outcome = Outcome { because: verdict.because, ..Outcome::default() };
        let terms = match verdict.decision {
            Decision::Deny(denial) => {
                assert!(self.approval.is_none(), "approvals for a request that is denied");
                return outcome.deny(&denial);
            }
            Decision::AwaitApproval(terms) => terms,
        };
        outcome.quorum = Some(terms.quorum);
        outcome.per = Some(terms.per);
        outcome.longest = Some(terms.longest);
        outcome.call_back = Some(terms.call_back);
        outcome.closes_at = Some(terms.closes_at);
        let Some(approvals) = &self.approval else {
            outcome.decision = "await-approval";
            outcome.account = Some(terms.account.to_string());
            outcome.rights = Some(terms.rights.iter().map(|right| right.to_string()).collect());
            return outcome;
        };
        let approvals: Vec<Approval> = approvals.iter().map(|text| text.approval(question.at)).collect();
        let admitted = self.request.admitted.as_deref().map_or(question.at, read);
        match terms.redeem(&approvals, admitted, admitted) {
            Err(denial) => outcome.deny(&denial),
            Ok(permit) => {
                assert_eq!(permit.technician(), &question.technician);
                assert_eq!(permit.target(), &question.target);
                outcome.decision = "permit";
                outcome.account = Some(permit.account().to_string());
                outcome.rights = Some(permit.rights().iter().map(|right| right.to_string()).collect());
                outcome.until = Some(permit.until());
                outcome
            }
        }
    }
}

impl ApprovalText {
    fn approval(&self, at: Timestamp) -> Approval {
        Approval {
            by: read(&self.by),
            person: Person::new(&self.email, &self.phone),
            groups: read_all(&self.groups),
            at,
            verified: self.verified,
            rights: self.rights.as_deref().map(read_all),
            until: self.until.as_deref().map(read),
        }
    }
}

impl Outcome {
    fn deny(mut self, denial: &Denial) -> Outcome {
        self.decision = "deny";
        self.denial = Some(denial.code());
        if let Denial::Closed { next_opening, holiday } = denial {
            (self.next_opening, self.holiday) = (*next_opening, holiday.clone());
        }
        self
    }
}

/// Each thing that was expected and is not so, in a line of its own.
fn differences(expect: &Expected, outcome: &Outcome) -> Vec<String> {
    fn field<T: PartialEq + std::fmt::Debug>(name: &str, wanted: Option<T>, found: Option<&T>) -> Option<String> {
        let wanted = wanted?;
        (Some(&wanted) != found).then(|| format!("{name}: expected {wanted:?}, found {found:?}"))
    }
    let because: Vec<RuleId> = expect.because.iter().cloned().map(RuleId).collect();
    let instant = |text: &Option<String>| text.as_deref().map(read::<Timestamp>);
    [
        field("decision", Some(expect.decision.as_str()), Some(&outcome.decision)),
        field("because", Some(because), Some(&outcome.because)),
        field("denial", expect.denial.as_deref(), outcome.denial.as_ref()),
        field("next-opening", instant(&expect.next_opening), outcome.next_opening.as_ref()),
        // A refusal that names a holiday where none is expected is as wrong as the reverse.
        field("holiday", Some(&expect.holiday), Some(&&outcome.holiday)),
        field("account", expect.account.clone(), outcome.account.as_ref()),
        field("rights", expect.rights.clone(), outcome.rights.as_ref()),
        field("quorum", expect.quorum, outcome.quorum.as_ref()),
        field("per", expect.per, outcome.per.as_ref()),
        field("longest", expect.longest.as_deref().map(read), outcome.longest.as_ref()),
        field("call-back", expect.call_back, outcome.call_back.as_ref()),
        field("closes-at", instant(&expect.closes_at), outcome.closes_at.as_ref()),
        field("until", instant(&expect.until), outcome.until.as_ref()),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn case_files() -> Vec<(String, CaseFile)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cases");
    let mut files: Vec<(String, CaseFile)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .map(|path| {
            let text = std::fs::read_to_string(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let file = toml::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
            (name, file)
        })
        .collect();
    files.sort_by(|(one, _), (other, _)| one.cmp(other));
    files
}

/// Past failures: PAST-self-approval.
#[test]
fn every_case_comes_out_as_written() {
    let mut wrong = Vec::new();
    for (name, file) in case_files() {
        let rules = file.rules();
        for case in &file.case {
            for difference in differences(&case.expect, &case.outcome(&rules)) {
                wrong.push(format!("{name}: {}\n    {difference}", case.shows));
            }
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A refusal that no case shows is one that no reviewer has seen.
#[test]
fn every_refusal_has_a_case() {
    let first: Date = read("2026-01-01");
    // The list is checked for being whole by the match below: a new refusal does not compile.
    let all = [
        Denial::VendorUnknown,
        Denial::TargetUnknown,
        Denial::TargetNotAllowed,
        Denial::TargetForbidden { because: String::new() },
        Denial::TargetWithdrawn,
        Denial::AccountNotAllowed,
        Denial::SourceNotDeclared,
        Denial::ContractNotBegun { first },
        Denial::ContractOver { last: first },
        Denial::Closed { next_opening: None, holiday: None },
        Denial::NoRight,
        Denial::QuorumMissing { needed: 1, have: 0 },
        Denial::ApproverNotOfTarget,
        Denial::ApproverIsRequester,
        Denial::ApproverOfVendor,
        Denial::ApproverTwice,
        Denial::CallBackNeeded,
        Denial::ApprovalOver,
    ];
    match &all[0] {
        Denial::VendorUnknown
        | Denial::TargetUnknown
        | Denial::TargetNotAllowed
        | Denial::TargetForbidden { .. }
        | Denial::TargetWithdrawn
        | Denial::AccountNotAllowed
        | Denial::SourceNotDeclared
        | Denial::ContractNotBegun { .. }
        | Denial::ContractOver { .. }
        | Denial::Closed { .. }
        | Denial::NoRight
        | Denial::QuorumMissing { .. }
        | Denial::ApproverNotOfTarget
        | Denial::ApproverIsRequester
        | Denial::ApproverOfVendor
        | Denial::ApproverTwice
        | Denial::CallBackNeeded
        | Denial::ApprovalOver => {}
    }
    let declared: BTreeSet<&str> = all.iter().map(Denial::code).collect();
    let shown: BTreeSet<String> =
        case_files().into_iter().flat_map(|(_, file)| file.case).filter_map(|case| case.expect.denial).collect();
    assert_eq!(declared, shown.iter().map(String::as_str).collect());
}

#[test]
fn every_case_says_what_it_shows_and_what_it_rests_on() {
    let mut told = BTreeSet::new();
    for (name, file) in case_files() {
        assert!(file.about.ends_with('.'), "{name}: `about` is a sentence");
        for case in file.case {
            assert!(case.shows.ends_with('.'), "{name}: `{}` is no sentence", case.shows);
            assert!(!case.requirements.is_empty(), "{name}: `{}` rests on nothing", case.shows);
            let id =
                |text: &String| text.split_once('-').is_some_and(|(area, number)| area.len() == 3 && number.len() == 2);
            assert!(case.requirements.iter().all(id), "{name}: {:?}", case.requirements);
            assert!(told.insert((name.clone(), case.shows.clone())), "{name}: `{}` stands twice", case.shows);
        }
    }
}
