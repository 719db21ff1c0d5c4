//! `poterne run`: the daemon, shut in before its first thread.

use super::commands::Outcome;
use crate::clock::{Clock as _, SystemClock};
use crate::confine::{self, AsRoot, ConfineError};
use crate::daemon::{Daemon, Options};
use lifecycle::order::{Failure, exit};
use std::path::PathBuf;
use std::sync::Arc;

pub(super) fn run(main: PathBuf, confirm_clock: bool, as_root: bool) -> Outcome {
    let as_root = if as_root { AsRoot::Said } else { AsRoot::Never };
    // Before the log and the runtime, which have threads: who is shut in is this thread, with all that it
    // starts (D35).
    let confined = confine::before_the_runtime(&main, SystemClock::start().now(), as_root).map_err(not_confined)?;
    let _log = crate::log::start();
    confined.tell();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(exit::SOFTWARE, error))?;
    runtime.block_on(async {
        let options = Options { config: main, confirm_clock, confined: Some(Arc::new(confined)) };
        let daemon = Daemon::start(&options, Arc::new(SystemClock::start())).await.map_err(|error| {
            let config = error.downcast_ref::<config::LoadError>().is_some();
            Failure::new(if config { exit::CONFIG } else { exit::SOFTWARE }, format!("{error:#}"))
        })?;
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
        crate::daemon::until_told_to_stop(&daemon).await.map_err(|error| Failure::new(exit::SOFTWARE, error))?;
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Stopping]);
        daemon.stop("told to stop").await;
        Ok(())
    })
}

/// A wrong call or a wrong configuration is not mended by a restart, and says so to the service manager.
fn not_confined(error: ConfineError) -> Failure {
    let exit = match error {
        ConfineError::Root => exit::USAGE,
        ConfineError::Config(_) => exit::CONFIG,
        ConfineError::Path { .. } | ConfineError::Refused { .. } => exit::SOFTWARE,
    };
    Failure::new(exit, error)
}
