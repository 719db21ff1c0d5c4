//! Has the screens of long sessions kept before anybody watches: whoever comes is to see them at once,
//! also after eight busy hours. Short ones are read when somebody comes, and cost nothing before.

use super::stage::{DISTANCE, Source};
use crate::relay::session::LiveSession;
use crate::site::Site;
use std::sync::Arc;
use std::time::Duration;

/// How often it looks for sessions that have become long.
const LOOK: Duration = Duration::from_secs(1);

/// What the stage of a session reads.
pub(super) fn source(site: &Site, session: &LiveSession) -> Source {
    Source {
        path: site.paths.spool(&session.id),
        recovery: site.recovery.clone(),
        recording: session.recording.clone(),
        clock: site.clock.clone(),
    }
}

/// Starts the stages of sessions whose recordings have grown long and that have a terminal. Waits on
/// real time.
pub async fn keep(site: Arc<Site>) {
    let mut look = tokio::time::interval(LOOK);
    loop {
        look.tick().await;
        let long = site.live.matching(|session| {
            !session.stage.is_started() && session.recording.head().length >= DISTANCE && session.has_terminal()
        });
        for session in long {
            if let Err(error) = session.stage.keep_up(source(&site, &session)) {
                // Whoever comes to watch tries again, and is told.
                tracing::warn!(session = %session.id, %error, "the screen of a session cannot be kept");
            }
        }
    }
}
