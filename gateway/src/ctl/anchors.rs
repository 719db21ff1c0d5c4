//! Anchors, and what they found: shown, asked for now, accepted.

use super::desk::{Answer, Desk, gone, refused};
use crate::registrar::Core;
use crate::rollback;
use lifecycle::order::Proof;
use lifecycle::{Actor, Command, Event};
use serde_json::{Value, json};

impl Desk {
    /// How each way does.
    pub(super) fn anchor_list(&self) -> Value {
        let now = self.site.clock.now();
        let limit = self.site.config().anchors.at_most;
        let row = |(name, one): (String, crate::anchors::AnchorHealth)| {
            json!({
                "anchor": name,
                "last": one.last.map(|(at, _)| at),
                "size": one.last.map(|(_, size)| size),
                "age": one.last.map(|_| one.age(now).as_secs()),
                "overdue": one.age(now) > limit,
                "error": one.error,
                "folder": self.site.paths.anchors().join(&name),
            })
        };
        self.site.anchors.all().into_iter().map(row).collect()
    }

    /// Gives the newest checkpoint out by each way, now.
    pub(super) async fn anchor_now(&self) -> Answer {
        self.site.anchors.now().await;
        Ok(self.anchor_list())
    }

    /// What is missing of the journal, in words, and who has accepted it; null if nothing is.
    pub(super) async fn rollback(&self) -> Value {
        let look = |core: &Core, _| {
            core.register.rollbacks.open.as_ref().map(|open| {
                let found = |one: &lifecycle::Forgotten| {
                    json!({
                        "anchor": one.anchor,
                        "remembered": one.size,
                        "here": one.here,
                        "says": rollback::words(&one.anchor, one.size, one.here),
                    })
                };
                json!({
                    "found": open.found.iter().map(found).collect::<Value>(),
                    "accepted_by": open.accepted,
                    "missing": lifecycle::ACCEPTANCES.saturating_sub(open.accepted.len()),
                })
            })
        };
        self.site.registrar.view(look).await.ok().flatten().unwrap_or_default()
    }

    /// One of two persons accepts it, with their own fresh code.
    pub(super) async fn accept_rollback(&self, proof: &Proof, reason: String) -> Answer {
        let attempt = self.prove(proof).await?;
        let command = Command::AcceptRollback { attempt, reason };
        self.site.registrar.command(command).await.map_err(gone)?.map_err(refused)?;
        Ok(json!({ "rollback": self.rollback().await }))
    }

    pub(super) async fn backup_made(&self, name: String, size: u64, recordings: u64, bytes: u64, by: Actor) -> Answer {
        let name = crate::cli::visible(&name).chars().take(200).collect();
        let made = Event::BackupMade { name, size, recordings, bytes, by };
        self.site.registrar.act(move |_, _| (vec![made], ())).await.map_err(gone)?;
        Ok(json!({}))
    }
}
