//! Sources at the vendors' door: who is penalised for what, and forgiving it (IDM-09).

use super::desk::{Answer, Desk, data, reasoned};
use crate::limits::{Penalised, Source};
use lifecycle::{Actor, Event};
use serde_json::{Value, json};

/// Sources that are listed, the heaviest first.
const LISTED: usize = 1000;

impl Desk {
    /// Who is penalised, and which limits were reached since the last entry about them.
    pub(super) fn source_list(&self) -> Value {
        let (config, limits) = (self.site.config(), &self.site.limits);
        let shown = |one: Penalised| {
            json!({
                "source": one.source.to_string(),
                "penalised": one.penalised,
                "seconds": one.left.as_secs(),
                "reasons": one.reasons,
            })
        };
        let all = limits.penalised(&config);
        let reached: serde_json::Map<String, Value> =
            limits.reached_now().into_iter().map(|(name, count)| (name.to_owned(), count.into())).collect();
        json!({
            "sources": all.into_iter().take(LISTED).map(shown).collect::<Value>(),
            "reached": reached,
            "connections": limits.door().count(),
        })
    }

    /// Forgives a source. It begins anew, and what it does from then on counts as ever.
    pub(super) async fn source_lift(&self, source: &str, reason: String, by: Actor) -> Answer {
        reasoned(&reason)?;
        let wrong = || data(format!("`{source}` is no address: write one, or a network as `poterne source list` does"));
        let source = Source::read(source, &self.site.config().limits).ok_or_else(wrong)?;
        if !self.site.limits.lift(source) {
            return Err(data(format!("{source} has no penalty: `poterne source list` shows who has one")));
        }
        self.site.registrar.note(vec![Event::PenaltyLifted { source: source.to_string(), reason, by }]).await;
        Ok(json!({ "source": source.to_string() }))
    }
}
