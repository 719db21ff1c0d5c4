//! A weakening change of the configuration waits for a second person (T8).

use super::desk::{Answer, Desk, not_reloaded, reasoned, refused};
use crate::reload::Accepted;
use lifecycle::order::{Failure, Proof};
use lifecycle::{Actor, Command, Refusal};
use serde_json::{Value, json};

/// Not the one that waits. The whole digest is asked for: a part of it could be that of other files too (T8).
fn no_such_change(digest: &str) -> Failure {
    let text = format!("no change `{digest}` waits: write the whole digest that `poterne change list` shows");
    Failure::saying(Refusal::OtherChange, text)
}

impl Desk {
    /// What waits, if anything does.
    pub(super) fn change_list(&self) -> Value {
        let waiting = self.reload.waiting();
        let shown = |one: crate::in_force::Waiting| {
            json!({
                "digest": one.digest,
                "since": one.since,
                "by": one.by,
                "accepted": one.accepted,
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
            return Err(no_such_change(&digest));
        }
        let attempt = self.prove(&proof).await?;
        let purpose = format!("accept the change {digest}");
        self.command(Command::Prove { attempt, purpose }).await?;
        match self.reload.accept(digest, proof.staff).await.map_err(not_reloaded)? {
            Accepted::Taken(changes) => Ok(json!({ "changes": changes })),
            Accepted::Missing(missing) => Ok(json!({ "missing": missing })),
        }
    }

    /// Not to be taken: it waits no more, until somebody reloads it anew.
    pub(super) async fn change_refuse(&self, digest: String, reason: String, by: Actor) -> Answer {
        reasoned(&reason)?;
        self.reload.refuse(digest.clone(), reason, by).await.map_err(|refusal| match refusal {
            Refusal::OtherChange => no_such_change(&digest),
            other => refused(other),
        })?;
        Ok(json!({}))
    }
}
