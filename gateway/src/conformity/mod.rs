//! Each rule with its state, read from the live system and never declared (EVI-11).
//!
//! [`facts`] is what there is to judge by, [`judge`] the one place that judges, [`rules`] the rules as
//! data: which sentence hangs on which controls. Nothing here asks the system; [`gather`] does.

mod facts;
mod gather;
mod judge;
mod rules;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod write;

use crate::ctl::desk::{Answer, Desk};
use facts::Facts;
use judge::{Judged, judge};
use rules::{RULES, Rule};
use serde::Serialize;
use serde_json::{Value, json};

/// How a rule stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum State {
    /// It is not this program's to hold.
    NotOurs,
    /// All of it is seen to hold.
    Held,
    /// Some of it holds, or some of it cannot be seen from here.
    Partly,
    /// It does not hold.
    NotHeld,
}

/// The state of a rule: that of the worst of its controls.
fn state_of(judged: &[Judged]) -> State {
    judged.iter().map(|one| one.state).max().unwrap_or(State::NotOurs)
}

/// A rule and what was seen of it.
fn row(rule: &Rule, facts: &Facts) -> Value {
    let judged: Vec<Judged> = rule.controls.iter().map(|control| judge(*control, facts)).collect();
    json!({
        "id": rule.id,
        "source": rule.source,
        "french": rule.french,
        "english": rule.english,
        "state": state_of(&judged),
        "proofs": judged,
        "at": facts.live.at,
    })
}

impl Desk {
    /// Judges every rule by what is so now.
    pub(crate) async fn conformity(&self) -> Answer {
        let status = self.status().await?;
        let plan = self.retention_plan().await.ok();
        let facts = gather::gather(&self.site, &self.reload.main, &status, plan.as_ref()).await?;
        let config = self.site.config();
        let rows: Vec<Value> = RULES.iter().map(|rule| row(rule, &facts)).collect();
        Ok(json!({
            "report": "conformity",
            "site": config.site.name,
            "zone": config.site.zone.iana_name(),
            "language": config.site.language.word(),
            "made": facts.live.at,
            "version": env!("CARGO_PKG_VERSION"),
            "config": config.digest,
            "rows": rows,
        }))
    }
}
