//! Whether a watcher still may: asked of the registrar, which a hanging journal keeps from answering.

use crate::registrar::Core;
use crate::site::Site;
use lifecycle::{Event, Role, SessionId};
use policy::StaffLogin;
use std::sync::Arc;
use std::time::Duration;

/// How long an answer may take. What comes later is no answer any more.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is known of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    Yes,
    No,
    /// Nobody answered. Who watches goes on watching, and nobody begins to count.
    Unknown,
}

/// Who watches what, and as what.
#[derive(Clone)]
pub(super) struct Rights {
    pub(super) site: Arc<Site>,
    pub(super) session: SessionId,
    pub(super) staff: StaffLogin,
    pub(super) counts: bool,
}

impl Rights {
    /// Somebody who was disabled or lost the role meanwhile may not any more.
    fn hold(&self, core: &Core) -> bool {
        let Some(staff) = core.register.staff.get(&self.staff).filter(|staff| staff.is_active()) else { return false };
        let asked =
            core.register.sessions.get(&self.session).and_then(|one| core.register.interventions.get(&one.number));
        let target = asked.and_then(|one| core.rules.targets.get(&one.asked.target));
        let approves = target.is_some_and(|target| !staff.groups.is_disjoint(&target.approvers));
        if self.counts {
            staff.roles.contains(&Role::Approver) && approves
        } else {
            staff.roles.contains(&Role::Security)
        }
    }

    /// Asks anew.
    pub(super) async fn ask(self) -> May {
        let registrar = self.site.registrar.clone();
        match tokio::time::timeout(PATIENCE, registrar.view(move |core, _| self.hold(core))).await {
            Ok(Ok(true)) => May::Yes,
            Ok(Ok(false)) => May::No,
            // Without a journal every session is being ended; that is what is shown.
            Ok(Err(_)) | Err(_) => May::Unknown,
        }
    }

    /// Journals that the watching begins, if they still may. `true` once it is durable.
    pub(super) async fn begin(self, via: &'static str) -> bool {
        let registrar = self.site.registrar.clone();
        let began = registrar.act(move |core, _| {
            if !self.hold(core) {
                return (Vec::new(), false);
            }
            let (session, staff, counts) = (self.session, self.staff, self.counts);
            (vec![Event::WatchBegan { session, staff, via: via.to_owned(), counts }], true)
        });
        began.await.unwrap_or(false)
    }
}
