//! Erasing at term, and nothing before it: the daily run, the clock it trusts, what it destroys
//! (LOG-07, LOG-08, D16, D23, T9).

mod run;
pub(crate) mod shred;
mod steady;

pub(crate) use run::{Outcome, outlook, run};
pub(crate) use steady::STEADY;

use crate::site::Site;
use jiff::{SignedDuration, Timestamp};
use lifecycle::retention::Terms;
use lifecycle::{Event, Register};
use std::sync::Arc;
use steady::Steady;

/// How often the clock is held against the machine's own count.
const LOOK: SignedDuration = SignedDuration::from_hours(1);
/// How often something is erased at most; less than a day, so that a daily run does not slip.
pub(crate) const BETWEEN_RUNS: SignedDuration = SignedDuration::from_hours(20);
/// How often the daemon looks for what is due.
const DAILY: SignedDuration = SignedDuration::from_hours(24);

/// What the retention keeps between two runs.
#[derive(Default)]
pub(crate) struct Desk {
    /// Held while a run goes on.
    running: tokio::sync::Mutex<()>,
    /// Since when the clock has been steady.
    steady: std::sync::Mutex<Option<Steady>>,
}

/// The entry that says which periods hold from now on, where they differ from those there were. What
/// ends takes its term from it, so that a later change does not reach back (T8).
pub(crate) fn terms_changed(register: &Register, configured: &config::Retention) -> Option<Event> {
    let terms = Terms { journal: configured.journal.0, recordings: configured.recordings.0, files: configured.files.0 };
    let known = register.retention.terms.last().map(|(_, known)| *known);
    let same = known == Some(terms) && register.retention.because == configured.because;
    (!same).then(|| Event::RetentionTerms {
        journal: terms.journal,
        recordings: terms.recordings,
        files: terms.files,
        because: configured.because.clone(),
    })
}

/// Finishes what a crash broke off, then runs once a day. Waits on the clock, on the journal and on the
/// disk.
pub(crate) async fn keep(site: Arc<Site>) {
    if let Err(error) = run::finish_broken_off(&site).await {
        tracing::error!(%error, "what a retention run was to destroy is not destroyed yet; the next run tries again");
    }
    let mut due: Option<Timestamp> = None;
    loop {
        let now = site.clock.now();
        match steady::observe(&site).await {
            Ok(steady) if steady.is_enough() && due.is_none_or(|due| now >= due) => match run(&site, None).await {
                Ok(outcome) => {
                    due = now.checked_add(DAILY).ok();
                    tracing::debug!(?outcome, "looked for what is due to be erased");
                }
                Err(error) => tracing::error!(%error, "the retention run failed; the next try follows in an hour"),
            },
            Ok(_) => {}
            Err(error) => tracing::error!(%error, "how steady the clock is cannot be kept; nothing is erased"),
        }
        let Ok(next) = now.checked_add(LOOK) else { return };
        site.clock.sleep_until(next).await;
    }
}
