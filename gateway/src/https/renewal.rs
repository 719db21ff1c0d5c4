//! The certificate in force: read or made at the start, looked at again and again, and exchanged under
//! the connections that run.

use super::certificate::{CertificateError, Files, Loaded};
use super::own::{self, OwnError};
use crate::clock::Clock;
use crate::vault::Vault;
use config::{Config, Console};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Why there is no certificate to show.
#[derive(Debug, thiserror::Error)]
pub(super) enum ObtainError {
    /// The configured pair.
    #[error(transparent)]
    Configured(#[from] CertificateError),
    /// The console's own.
    #[error(transparent)]
    Own(#[from] OwnError),
    /// The thread that read it broke.
    #[error("the console's certificate could not be read: {0}")]
    Broken(#[from] tokio::task::JoinError),
}

/// Keeps the certificate in force.
pub(super) struct Renewal {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) vault: Arc<Vault>,
    pub(super) config: watch::Receiver<Arc<Config>>,
    pub(super) in_force: watch::Sender<Option<Arc<Loaded>>>,
    /// How long between two looks at the files.
    pub(super) every: Duration,
}

impl Renewal {
    /// Looks once: takes what is to be shown now, if that is another than before.
    pub(super) async fn look(&mut self) -> Result<(), ObtainError> {
        let console = self.config.borrow_and_update().console.clone();
        let (at, before) = (self.clock.now(), self.in_force.borrow().clone());
        let (vault, kept) = (self.vault.clone(), before.clone());
        let next = match console {
            Some(console) => {
                // Files and vault may be slow.
                Some(tokio::task::spawn_blocking(move || obtain(&console, &vault, kept, at)).await??)
            }
            None => None,
        };
        let same = match (&before, &next) {
            (Some(before), Some(next)) => Arc::ptr_eq(before, next),
            (before, next) => before.is_none() && next.is_none(),
        };
        if !same {
            if let Some(state) = next.as_ref().map(|next| &next.state) {
                let (fingerprint, names, until) = (&state.fingerprint, state.names.join(" "), state.not_after);
                let own = state.own;
                tracing::info!(%fingerprint, %names, %until, own, "the console shows this certificate from now on");
            }
            self.in_force.send_replace(next);
        }
        Ok(())
    }

    /// Looks for ever. Waits on the configuration and on real time.
    pub(super) async fn keep(mut self) {
        let mut ticks = tokio::time::interval(self.every);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let (mut refused, mut warned) = (None, None);
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                changed = self.config.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
            // Each thing is said once, not at each look.
            let refusal = self.look().await.err().map(|error| error.to_string());
            if let Some(error) = refusal.as_ref().filter(|_| refusal != refused) {
                tracing::error!(%error, "the console's new certificate is refused; the former one goes on");
            }
            refused = refusal;
            let now = self.clock.now();
            let warning = self.in_force.borrow().as_ref().and_then(|loaded| loaded.state.warning(now));
            if let Some(warning) = warning.as_ref().filter(|_| warning != warned) {
                tracing::warn!("{warning}");
            }
            warned = warning;
        }
    }
}

/// The one to show: that of before, if nothing changed.
fn obtain(
    console: &Console,
    vault: &Vault,
    before: Option<Arc<Loaded>>,
    at: Timestamp,
) -> Result<Arc<Loaded>, ObtainError> {
    let Some(files) = Files::of(console) else {
        let names = own::names(console.listen);
        let before = before.filter(|before| own::still_good(before, &names, at));
        return match before {
            Some(before) => Ok(before),
            None => Ok(Arc::new(own::obtain(vault, &names, at)?)),
        };
    };
    let pem = files.read()?;
    match before.filter(|before| !before.state.own && before.pem == pem) {
        // Unchanged it is not judged again: whoever lets it end has it shown on, and is warned.
        Some(before) => Ok(before),
        None => Ok(Arc::new(files.load(pem, at)?)),
    }
}
