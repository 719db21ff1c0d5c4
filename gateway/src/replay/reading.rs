//! The one way to a recording that is open: its purpose in the journal first (LOG-11).

use super::opened::open;
use super::unlock::{UnlockError, Unlocked, unlock};
use crate::ctl::desk::Desk;
use console::Soon;
use console::replay::{NotUnlocked, OfficersKey, Opened};
use lifecycle::order::{Failure, Hidden, Order, exit};
use lifecycle::{Actor, Refusal, SessionId};
use policy::StaffLogin;
use std::sync::Arc;

/// How these readings are called in the journal.
const HOW: &str = "replay in the browser";

/// A key that was unlocked, in the name of whoever did.
struct Officer {
    desk: Arc<Desk>,
    staff: StaffLogin,
    key: Arc<Unlocked>,
}

/// Unlocks the key of `recordings.replay-key` for one sign-in. A wrong passphrase is told to the log.
pub(crate) async fn unlock_for(
    desk: Arc<Desk>,
    staff: StaffLogin,
    passphrase: Hidden,
) -> Result<Arc<dyn OfficersKey>, NotUnlocked> {
    let config = desk.site.config();
    let path = config.recordings.replay_key.clone().ok_or(NotUnlocked::NotConfigured)?;
    let work = move || unlock(&path, &passphrase, &config.recordings.recipients);
    let unlocked = tokio::task::spawn_blocking(work).await;
    match unlocked.map_err(|_| NotUnlocked::Failed("unlocking was broken off".to_owned()))? {
        Ok(key) => Ok(Arc::new(Officer { desk, staff, key: Arc::new(key) })),
        Err(UnlockError::WrongPassphrase) => {
            tracing::warn!(%staff, "a wrong passphrase for the officer's key, in the console");
            Err(NotUnlocked::WrongPassphrase)
        }
        Err(error) => {
            tracing::error!(%staff, %error, "the officer's key could not be unlocked");
            Err(NotUnlocked::Failed(error.to_string()))
        }
    }
}

impl Officer {
    async fn open(&self, session: SessionId, purpose: String) -> Result<Arc<dyn Opened>, Failure> {
        let site = &self.desk.site;
        let wanted = session.clone();
        let manifest = site.registrar.view(move |core, _| {
            core.register.sessions.get(&wanted).and_then(|record| Some(record.sealed.as_ref()?.manifest.clone()))
        });
        let manifest = manifest.await.map_err(|error| Failure::new(exit::TEMPORARY, error))?;
        let manifest = manifest.ok_or_else(|| Failure::from(Refusal::NotSealed(session.clone())))?;
        let read = Order::RecordingRead { id: session.to_string(), how: HOW.to_owned(), purpose };
        // INVARIANT: nothing is opened before this is durable.
        self.desk.carry_out(read, Actor::Staff(self.staff.clone())).await?;
        let (folder, heads, key) = (site.paths.sealed(&session), site.paths.heads(&session), self.key.clone());
        let opened = tokio::task::spawn_blocking(move || open(&folder, &heads, &key, &manifest)).await;
        opened
            .map_err(|error| Failure::new(exit::SOFTWARE, error))?
            .map_err(|error| Failure::new(exit::DATA, recorder::visible(&error.to_string())))
    }
}

impl OfficersKey for Officer {
    fn read(&self, session: SessionId, purpose: String) -> Soon<'_, Result<Arc<dyn Opened>, Failure>> {
        Box::pin(self.open(session, purpose))
    }
}
