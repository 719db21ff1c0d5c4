//! A weakening change of the configuration waits for a second person (T8).

use super::server::{Answer, Desk, gone, not_reloaded, reasoned, refused};
use crate::registrar::Core;
use lifecycle::order::Proof;
use lifecycle::{Actor, Command, Event, Refusal};
use serde_json::{Value, json};

impl Desk {
    /// What waits, if anything does.
    pub(super) fn change_list(&self) -> Value {
        let waiting = self.reload.waiting();
        let shown = |one: crate::in_force::Waiting| {
            json!({
                "digest": one.digest,
                "since": one.since,
                "by": one.by,
                "weakening": one.weakening,
                "changes": one.changes,
            })
        };
        waiting.into_iter().map(shown).collect()
    }

    /// Another person, of security and by their own fresh code, accepts the very files that were looked at.
    pub(super) async fn change_accept(&self, digest: String, proof: Proof) -> Answer {
        let waiting = self.reload.waiting().ok_or_else(|| refused(Refusal::NoChange))?;
        if waiting.digest != digest {
            return Err(refused(Refusal::OtherChange));
        }
        let attempt = self.prove(&proof).await?;
        let purpose = format!("accept the change {digest}");
        self.command(Command::Prove { attempt, purpose }).await?;
        let (second, first) = (proof.staff.clone(), waiting.by.clone());
        let look = move |core: &Core, at| core.register.may_accept_change(&second, &first, at);
        self.site.registrar.view(look).await.map_err(gone)?.map_err(refused)?;
        let changes = self.reload.accept(digest, proof.staff).await.map_err(not_reloaded)?;
        Ok(json!({ "changes": changes }))
    }

    /// Not to be taken: it waits no more, until somebody reloads it anew.
    pub(super) async fn change_refuse(&self, digest: String, reason: String, by: Actor) -> Answer {
        reasoned(&reason)?;
        let waiting = self.reload.waiting().ok_or_else(|| refused(Refusal::NoChange))?;
        if waiting.digest != digest {
            return Err(refused(Refusal::OtherChange));
        }
        self.reload.set_waiting(None);
        self.site.registrar.note(vec![Event::ChangeRefused { digest, reason, by }]).await;
        Ok(json!({}))
    }
}
