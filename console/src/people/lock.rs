//! A lock with what led to it, in words: whoever is to lift it knows what they lift (IDM-08).

use crate::texts::Texts;
use jiff::Timestamp;
use lifecycle::Guard;
use serde::Serialize;
use std::net::IpAddr;

/// A lock in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Lock {
    /// Until when; `None`: until a person lifts it.
    pub(crate) until: Option<Timestamp>,
    /// Tries since the last success.
    pub(crate) tries: u32,
    /// The last addresses they came from.
    pub(crate) sources: Vec<IpAddr>,
}

impl Lock {
    /// The lock of a guard, if it is in force now.
    pub(crate) fn of(guard: &Guard, now: Timestamp) -> Option<Self> {
        let lock = guard.lock.filter(|_| guard.is_locked(now))?;
        Some(Self { until: lock.until, tries: guard.tries.count, sources: guard.tries.sources.clone() })
    }

    /// In words.
    pub(crate) fn said(&self, texts: &Texts) -> String {
        let tries = texts.with("lock-tries", &[("count", &self.tries.to_string())]);
        let sources: Vec<String> = self.sources.iter().map(ToString::to_string).collect();
        let from = match sources.is_empty() {
            true => texts.text("lock-from-here"),
            false => texts.with("lock-from", &[("sources", &sources.join(", "))]),
        };
        let until = match self.until {
            Some(until) => texts.with("lock-until", &[("time", &texts.hour(until))]),
            None => texts.text("lock-until-lifted"),
        };
        format!("{tries} {from} {until}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::Language;
    use jiff::tz::TimeZone;

    #[test]
    fn a_lock_says_why_from_where_and_until_when() {
        let texts = |language| Texts::new(language, TimeZone::get("Europe/Paris").unwrap());
        let until = "2026-11-23T13:32:00Z".parse().unwrap();
        let lock = Lock { until: Some(until), tries: 6, sources: vec!["203.0.113.7".parse().unwrap()] };
        assert_eq!(lock.said(&texts(Language::French)), "Bloqué par 6 essais faux depuis 203.0.113.7, jusqu'à 14:32.");
        let lock = Lock { until: None, tries: 1, sources: Vec::new() };
        assert_eq!(
            lock.said(&texts(Language::English)),
            "Locked by 1 wrong try from an unknown address, until a person lifts it."
        );
    }
}
