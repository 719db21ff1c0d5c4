//! Old equipment: algorithms that are offered to one target as an exception, with a reason and a
//! last day (HRD-04), and what a target may ask the technician by itself.

use crate::draft::Draft;
use crate::load::Options;
use crate::parts::REASON;
use crate::read::{Place, Sink, Table, nearest, quoted};
use crate::values::{day, one_of};
use crate::{Config, Target};
use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use policy::TargetId;

/// Every name that an exception may have, in the order in which they are offered: behind all modern
/// ones. The gateway knows each; a test there holds it to that.
pub const LEGACY_ALGORITHMS: &[&str] = &[
    // Key exchange. The first two are not broken, only not offered unasked.
    "ecdh-sha2-nistp256",
    "diffie-hellman-group14-sha256",
    "diffie-hellman-group14-sha1",
    "diffie-hellman-group1-sha1",
    // Host key and signatures with SHA-1.
    "ssh-rsa",
    // Ciphers; the counter modes are not broken either.
    "aes128-ctr",
    "aes192-ctr",
    "aes256-cbc",
    "aes192-cbc",
    "aes128-cbc",
    "3des-cbc",
    // MACs.
    "hmac-sha1",
];

/// An exception is looked at again after so many months at most: contract and device may be others
/// by then.
const MONTHS: i32 = 24;

/// `[target.*.legacy]`: what one target is offered besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Legacy {
    /// Names of [`LEGACY_ALGORITHMS`], in its order.
    pub algorithms: Vec<&'static str>,
    /// Why.
    pub because: String,
    /// Its last day, included.
    pub until: Date,
}

/// How a target's exception stands at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exception<'a> {
    /// There is none.
    None,
    /// It holds.
    InForce(&'a Legacy),
    /// Its last day is over: it does not hold.
    Over(&'a Legacy),
}

/// What a target may ask besides what the vault answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecondFactor {
    /// Nothing: a question that the vault cannot answer fails.
    None,
    /// The technician answers, in the lobby (T21).
    Technician,
}

impl Config {
    /// How a target's exception stands at this instant, by the site's days.
    pub fn exception(&self, target: &TargetId, at: Timestamp) -> Exception<'_> {
        let today = self.site.zone.to_datetime(at).date();
        match self.targets.get(target).and_then(|target| target.legacy.as_ref()) {
            None => Exception::None,
            Some(legacy) if today <= legacy.until => Exception::InForce(legacy),
            Some(legacy) => Exception::Over(legacy),
        }
    }
}

/// What is read of it, and where its last day stands.
pub(crate) fn legacy(table: &Table<'_>) -> Option<(Option<Legacy>, Place)> {
    let below = table.table_or_empty("legacy");
    let before = below.sink().count();
    let named = below.list_or("algorithms", algorithm);
    let because = below.optional_text("because", REASON, "say why this equipment cannot do better");
    let until = below.optional("until", day);
    below.finish();
    if below.sink().count() != before {
        return None;
    }
    let place = below.place_of("until");
    let missing = |key: &str, what: &str| below.missing(key, what);
    match (named.is_empty(), because, until) {
        (true, None, None) if !table.has("legacy") => Some((None, place)),
        (true, ..) => {
            missing("algorithms", "name what this equipment needs, or remove the exception");
            None
        }
        (false, Some(because), Some(until)) => {
            let algorithms =
                LEGACY_ALGORITHMS.iter().copied().filter(|known| named.iter().any(|one| one.value == *known)).collect();
            Some((Some(Legacy { algorithms, because: because.value, until: until.value }), place))
        }
        (false, because, until) => {
            if because.is_none() {
                missing("because", "say why this equipment cannot do better");
            }
            if until.is_none() {
                missing("until", "write the exception's last day, such as \"2027-06-30\"");
            }
            None
        }
    }
}

/// `second-factor` of a target.
pub(crate) fn second_factor(table: &Table<'_>) -> Option<SecondFactor> {
    let read = one_of(&[("none", SecondFactor::None), ("technician", SecondFactor::Technician)]);
    table.parsed_or("second-factor", read).map(|found| found.value)
}

fn algorithm(text: &str) -> Result<&'static str, String> {
    LEGACY_ALGORITHMS.iter().copied().find(|known| *known == text).ok_or_else(|| {
        let near = nearest(text, LEGACY_ALGORITHMS.iter().copied());
        let near = near.map_or(String::new(), |near| format!("did you mean `{near}`? "));
        format!("`{}` is no exception: {near}write one of {}", quoted(text), LEGACY_ALGORITHMS.join(", "))
    })
}

impl Draft {
    /// An exception that is over does not hold; one that holds is no secret; none is for good.
    pub(crate) fn check_exceptions(&self, sink: &Sink, options: &Options) {
        let Some(site) = &self.site else { return };
        let today = site.zone.to_datetime(options.at).date();
        let latest = today.checked_add(MONTHS.months()).unwrap_or(Date::MAX);
        for (id, Target { legacy, .. }) in &self.targets {
            let (Some(Legacy { algorithms, because, until }), Some(place)) = (legacy, self.places.exceptions.get(id))
            else {
                continue;
            };
            let named = algorithms.join(", ");
            if *until > latest {
                let why = format!("an exception is for {MONTHS} months at most: write {latest} or an earlier day");
                sink.error(place, format!("`target.{id}.legacy.until`: {why}"));
            } else if *until < today {
                let why = format!("ended on {until} and does not hold: renew the equipment, or judge it anew");
                sink.warn(place, format!("the exception of `{id}` for {named} {why}"));
            } else {
                sink.warn(place, format!("`{id}` is offered {named} until {until}, because: {because}"));
            }
        }
    }
}
