//! What of the register is wanted. The filters stand in the address, so that a list can be kept and
//! passed on.

use crate::form::Fields;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use lifecycle::{Intervention, InterventionNumber};
use policy::{TargetId, VendorId};
use serde::Serialize;

/// States that can be asked for, in the order of a life.
pub(super) const STATES: [&str; 9] =
    ["planned", "prepared", "requested", "approved", "open", "ended", "refused", "expired", "withdrawn"];
/// Longest name to look for.
const LONGEST: usize = 100;

/// The fields as they were typed, so that a form comes back as it was sent.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Typed {
    pub(super) vendor: String,
    pub(super) technician: String,
    pub(super) target: String,
    pub(super) from: String,
    pub(super) until: String,
    pub(super) state: String,
    pub(super) emergency: String,
    pub(super) file: String,
}

impl Typed {
    /// The fields of an address.
    pub(crate) fn of(fields: &Fields) -> Self {
        Self {
            vendor: fields.value("vendor"),
            technician: fields.value("technician"),
            target: fields.value("target"),
            from: fields.value("from"),
            until: fields.value("until"),
            state: fields.value("state"),
            emergency: fields.value("emergency"),
            file: fields.value("file"),
        }
    }

    fn all(&self) -> [(&'static str, &str); 8] {
        [
            ("vendor", &self.vendor),
            ("technician", &self.technician),
            ("target", &self.target),
            ("from", &self.from),
            ("until", &self.until),
            ("state", &self.state),
            ("emergency", &self.emergency),
            ("file", &self.file),
        ]
    }

    /// Those that were filled in, as they stand behind the question mark of an address.
    pub(crate) fn query(&self) -> String {
        let filled = self.all().into_iter().filter(|(_, value)| !value.is_empty());
        form_urlencoded::Serializer::new(String::new()).extend_pairs(filled).finish()
    }
}

/// Whether emergencies are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Emergency {
    Only,
    None,
    Unreviewed,
}

/// Filters that can be applied.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Filter {
    vendor: Option<VendorId>,
    technician: Option<String>,
    target: Option<TargetId>,
    from: Option<Timestamp>,
    before: Option<Timestamp>,
    state: Option<&'static str>,
    emergency: Option<Emergency>,
    file: Option<String>,
    number: Option<InterventionNumber>,
}

/// What is wrong with one field, by the key of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Wrong {
    pub(crate) field: &'static str,
    pub(crate) key: &'static str,
}

fn read<T>(
    wrong: &mut Vec<Wrong>,
    (field, key): (&'static str, &'static str),
    text: &str,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    if text.is_empty() {
        return None;
    }
    let parsed = parse(text);
    if parsed.is_none() {
        wrong.push(Wrong { field, key });
    }
    parsed
}

/// The first instant of a day.
fn midnight(day: Date, zone: &TimeZone) -> Option<Timestamp> {
    day.to_zoned(zone.clone()).ok().map(|zoned| zoned.timestamp())
}

impl Filter {
    /// Reads what was typed. Days are those of the site's zone, both included.
    pub(crate) fn parse(typed: &Typed, zone: &TimeZone) -> Result<Self, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let from: Option<Date> =
            read(&mut wrong, ("from", "register-wrong-day"), &typed.from, |text| text.parse().ok());
        let until: Option<Date> =
            read(&mut wrong, ("until", "register-wrong-day"), &typed.until, |text| text.parse().ok());
        if matches!((from, until), (Some(from), Some(until)) if from > until) {
            wrong.push(Wrong { field: "until", key: "register-wrong-period" });
        }
        let filter = Self {
            vendor: read(&mut wrong, ("vendor", "register-wrong-choice"), &typed.vendor, |text| text.parse().ok()),
            target: read(&mut wrong, ("target", "register-wrong-choice"), &typed.target, |text| text.parse().ok()),
            technician: read(&mut wrong, ("technician", "register-wrong-name"), &typed.technician, |text| {
                (text.chars().count() <= LONGEST).then(|| text.to_lowercase())
            }),
            from: from.and_then(|day| midnight(day, zone)),
            before: until.and_then(|day| midnight(day.tomorrow().ok()?, zone)),
            state: read(&mut wrong, ("state", "register-wrong-choice"), &typed.state, |text| {
                STATES.into_iter().find(|word| *word == text)
            }),
            emergency: read(&mut wrong, ("emergency", "register-wrong-choice"), &typed.emergency, |text| match text {
                "only" => Some(Emergency::Only),
                "none" => Some(Emergency::None),
                "unreviewed" => Some(Emergency::Unreviewed),
                _ => None,
            }),
            file: read(&mut wrong, ("file", "register-wrong-name"), &typed.file, |text| {
                (text.chars().count() <= LONGEST).then(|| text.to_lowercase())
            }),
            number: None,
        };
        if wrong.is_empty() { Ok(filter) } else { Err(wrong) }
    }

    /// One that takes this intervention alone.
    pub(crate) fn number(number: InterventionNumber) -> Self {
        Self { number: Some(number), ..Self::default() }
    }

    /// What is to stand in the name of a file, in small letters.
    pub(crate) fn file(&self) -> Option<&str> {
        self.file.as_deref()
    }

    /// Whether an intervention is wanted, which is dated `at`. Its files are another question.
    pub(crate) fn takes(&self, one: &Intervention, at: Timestamp) -> bool {
        let named = |wanted: &String| {
            one.asked.technician.as_str().contains(wanted.as_str())
                || one.asked.name.to_lowercase().contains(wanted.as_str())
        };
        self.number.is_none_or(|wanted| wanted == one.number)
            && self.vendor.as_ref().is_none_or(|wanted| *wanted == one.asked.vendor)
            && self.target.as_ref().is_none_or(|wanted| *wanted == one.asked.target)
            && self.state.is_none_or(|wanted| wanted == one.state.word())
            && self.from.is_none_or(|from| from <= at)
            && self.before.is_none_or(|before| at < before)
            && self.emergency.is_none_or(|wanted| match wanted {
                Emergency::Only => one.is_emergency(),
                Emergency::None => !one.is_emergency(),
                Emergency::Unreviewed => one.wants_review(),
            })
            && self.technician.as_ref().is_none_or(named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lifecycle::{AccountId, InterventionState, Plan, Requested};

    fn zone() -> TimeZone {
        TimeZone::get("Europe/Paris").unwrap()
    }

    fn fields(query: &str) -> Typed {
        Typed::of(&Fields::parse(query.as_bytes()))
    }

    fn filter(query: &str) -> Filter {
        Filter::parse(&fields(query), &zone()).unwrap()
    }

    fn wrong(query: &str) -> Vec<&'static str> {
        Filter::parse(&fields(query), &zone()).unwrap_err().into_iter().map(|one| one.field).collect()
    }

    fn one() -> Intervention {
        let at: Timestamp = "2026-03-10T10:00:00Z".parse().unwrap();
        Intervention {
            number: InterventionNumber(7),
            asked: Requested {
                account: AccountId::from_random([1; 8]),
                technician: "alice".parse().unwrap(),
                name: "Alice Élan".to_owned(),
                vendor: "imagix".parse().unwrap(),
                target: "scanner".parse().unwrap(),
                login: "maint".parse().unwrap(),
                rights: Default::default(),
                source: None,
                reason: "motor".to_owned(),
                ticket: "T-1".to_owned(),
                quorum: 1,
                per: policy::Per::Session,
                supervision: policy::Supervision::Offered,
                call_back: false,
            },
            state: InterventionState::Refused,
            prepared: at,
            submitted: Some(at),
            plan: None,
            approvals: Vec::new(),
            extending: Vec::new(),
            extended: None,
            former: Vec::new(),
            approved: None,
            refused: None,
            wrong_codes: 0,
            wrong_joins: 0,
            sessions: Vec::new(),
            ended: None,
        }
    }

    #[test]
    fn each_filter_takes_what_it_names() {
        let (one, at) = (one(), "2026-03-10T10:00:00Z".parse().unwrap());
        for (query, taken) in [
            ("", true),
            ("vendor=imagix", true),
            ("vendor=other", false),
            ("target=scanner&vendor=imagix", true),
            ("target=scanner&vendor=other", false),
            ("technician=ali", true),
            ("technician=%C3%89LAN", true),
            ("technician=bob", false),
            ("state=refused", true),
            ("state=ended", false),
            ("emergency=only", false),
            ("emergency=none", true),
            ("emergency=unreviewed", false),
            ("from=2026-03-10&until=2026-03-10", true),
            ("from=2026-03-11", false),
            ("until=2026-03-09", false),
        ] {
            assert_eq!(filter(query).takes(&one, at), taken, "{query}");
        }
    }

    #[test]
    fn an_emergency_is_marked_by_its_plan() {
        let mut one = one();
        let at = one.prepared;
        one.plan = Some(Plan { from: at, until: at, emergency: true, secret: None, wrong_codes: 0, reviewed: None });
        assert!(filter("emergency=only").takes(&one, at));
        assert!(!filter("emergency=none").takes(&one, at));
    }

    /// A day is the site's, and one with 23 hours ends where the next begins.
    #[test]
    fn days_are_the_sites() {
        let (one, march) = (one(), filter("from=2026-03-29&until=2026-03-29"));
        for (at, taken) in [
            ("2026-03-28T22:59:59Z", false),
            ("2026-03-28T23:00:00Z", true),
            ("2026-03-29T21:59:59Z", true),
            ("2026-03-29T22:00:00Z", false),
        ] {
            assert_eq!(march.takes(&one, at.parse().unwrap()), taken, "{at}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_said() {
        assert_eq!(wrong("from=yesterday"), ["from"]);
        assert_eq!(wrong("from=2026-02-30&until=x"), ["from", "until"]);
        assert_eq!(wrong("from=2026-03-02&until=2026-03-01"), ["until"]);
        assert_eq!(wrong("state=broken"), ["state"]);
        assert_eq!(wrong("vendor=..%2F&emergency=perhaps"), ["vendor", "emergency"]);
        assert_eq!(wrong(&format!("technician={}", "a".repeat(101))), ["technician"]);
        assert_eq!(wrong(&format!("file={}", "a".repeat(101))), ["file"]);
        // The last day there is has no next one: then there is no end.
        assert_eq!(filter("until=9999-12-31").before, None);
    }

    #[test]
    fn the_address_keeps_what_was_filled_in() {
        let typed = fields("vendor=imagix&technician=a%26b&state=&page=3");
        assert_eq!(typed.query(), "vendor=imagix&technician=a%26b");
        assert_eq!(fields(&typed.query()), typed);
    }
}
