//! Checkpoints that leave the machine, so that a rollback of all of it is found by whoever kept one
//! (D17, T1): to a file on another mount, the local syslog, witnesses, an authority that stamps them.
//!
//! Each round gives out the newest checkpoint by every way. That it went is journalled at most hourly
//! for each way, so that anchoring makes no endless need of anchors. What was given out is kept below
//! `anchors/` in the state folder.

mod file;
mod health;
mod keep;
pub mod stamp;
mod syslog;
mod witness;

pub use health::{AnchorHealth, Health};

use crate::rollback;
use crate::site::Site;
use config::Config;
use jiff::{SignedDuration, Timestamp};
use lifecycle::Event;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long one way may take. A mount that hangs must not hold the others up.
const PATIENCE: Duration = Duration::from_secs(20);
/// At a start nothing opens before it was asked; so long at most.
const START: Duration = Duration::from_secs(8);
/// So often at most it is journalled that a way works.
const SELDOM: SignedDuration = SignedDuration::from_hours(1);

/// One way of giving checkpoints out, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    File(std::path::PathBuf),
    Syslog(std::path::PathBuf),
    Stamp(String),
    Witness(config::Witness),
}

/// What a way kept of a checkpoint: what goes below `anchors/`, by the ending of its name.
type Kept = Vec<(&'static str, Vec<u8>)>;

/// Given out.
struct Given {
    size: u64,
    kept: Kept,
}

/// Why it was not.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Trouble {
    Failed(String),
    /// It remembers what is not of this journal.
    Contradicts {
        size: u64,
        /// In base64; empty where it does not tell.
        root: String,
    },
}

impl From<String> for Trouble {
    fn from(why: String) -> Self {
        Trouble::Failed(why)
    }
}

fn ways(config: &Config) -> BTreeMap<String, Way> {
    let anchors = &config.anchors;
    let mut all = BTreeMap::new();
    all.extend(anchors.file.iter().map(|path| ("file".to_owned(), Way::File(path.clone()))));
    all.extend(anchors.syslog.iter().map(|path| ("syslog".to_owned(), Way::Syslog(path.clone()))));
    all.extend(anchors.timestamp.iter().map(|url| ("timestamp".to_owned(), Way::Stamp(url.clone()))));
    all.extend(anchors.witnesses.iter().map(|(name, one)| (name.clone(), Way::Witness(one.clone()))));
    all
}

impl Way {
    async fn give(self, site: Arc<Site>, name: String) -> Result<Given, Trouble> {
        let known = site.registrar.view(|core, _| core.register.rollbacks.clone());
        let known = known.await.map_err(|error| error.to_string())?;
        match self {
            Way::File(path) => blocking(move || file::give(&site, &path, &name, &known)).await,
            Way::Syslog(path) => blocking(move || syslog::give(&site, &path)).await,
            Way::Stamp(url) => stamp::give(&site, &url).await,
            Way::Witness(witness) => witness::give(&site, &name, &witness, &known).await,
        }
    }
}

/// The newest note that went by each way which is configured.
pub(crate) fn kept(site: &Site) -> Vec<String> {
    ways(&site.config()).keys().filter_map(|name| keep::last_note(site, name)).collect()
}

async fn blocking(work: impl FnOnce() -> Result<Given, Trouble> + Send + 'static) -> Result<Given, Trouble> {
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?
}

/// Tries that have not come back.
type Hanging = BTreeMap<String, JoinHandle<Result<Given, Trouble>>>;

/// Gives checkpoints out. The task waits on real time, and on whoever asks for a round now.
pub async fn keep(site: Arc<Site>) {
    let mut hanging = Hanging::new();
    loop {
        let every = site.config().anchors.every;
        let pause = tokio::time::sleep(Duration::try_from(every).unwrap_or(PATIENCE));
        let asked = tokio::select! {
            () = pause => None,
            asked = site.anchors.asked() => asked,
        };
        round(&site, PATIENCE, &mut hanging).await;
        if let Some(asked) = asked {
            let _ = asked.send(());
        }
    }
}

/// The first round, at a start: what is remembered elsewhere must be in the journal before anything
/// opens. A way that does not answer in time is asked again later.
pub async fn first(site: &Arc<Site>) {
    if let Some(path) = &site.config().anchors.file
        && keep::same_device(path, site.paths.state())
    {
        tracing::warn!(path = %path.display(), "`anchors.file` is on the disk of the state folder: whoever rolls one back rolls back both");
    }
    round(site, START, &mut Hanging::new()).await;
}

async fn round(site: &Arc<Site>, patience: Duration, hanging: &mut Hanging) {
    let ways = ways(&site.config());
    site.anchors.keep(&ways.keys().cloned().collect::<Vec<_>>(), site.clock.now());
    hanging.retain(|_, task| !task.is_finished());
    let tries = ways.into_iter().map(|(name, way)| {
        let still = hanging.contains_key(&name);
        let task = (!still).then(|| tokio::spawn(way.give(site.clone(), name.clone())));
        async move {
            let Some(mut task) = task else {
                return (name, Err(Trouble::Failed("the last try has not come back".to_owned())), None);
            };
            match tokio::time::timeout(patience, &mut task).await {
                Ok(outcome) => (name, outcome.unwrap_or_else(|error| Err(error.to_string().into())), None),
                Err(_) => {
                    let why = format!("no answer within {} seconds", patience.as_secs());
                    (name, Err(Trouble::Failed(why)), Some(task))
                }
            }
        }
    });
    let outcomes = futures::future::join_all(tries).await;
    for (name, outcome, task) in outcomes {
        hanging.extend(task.map(|task| (name.clone(), task)));
        take(site, &name, outcome).await;
    }
}

/// What came of one try: remembered, journalled, alerted.
async fn take(site: &Arc<Site>, name: &str, outcome: Result<Given, Trouble>) {
    let now = site.clock.now();
    let outcome = match outcome {
        Ok(given) => keep::keep(site, name, &given, now).map(|()| given.size).map_err(Trouble::Failed),
        Err(trouble) => Err(trouble),
    };
    let why = match outcome {
        Ok(size) => {
            let mended = site.anchors.succeed(name, size, now);
            let name = name.to_owned();
            let journal = move |core: &mut crate::registrar::Core, at: Timestamp| {
                let due = core.register.anchored.get(&name).is_none_or(|(last, _)| at.duration_since(*last) >= SELDOM);
                let events = (due || mended).then_some(Event::Anchored { anchor: name, size });
                (events.into_iter().collect(), ())
            };
            let _ = site.registrar.act(journal).await;
            return;
        }
        Err(Trouble::Contradicts { size, root }) => {
            rollback::found(site, name, size, &root).await;
            "it remembers entries that are not in this journal".to_owned()
        }
        Err(Trouble::Failed(why)) => why,
    };
    tracing::warn!(anchor = name, %why, "a checkpoint could not be given out");
    if let Some(last) = site.anchors.fail(name, &why, now, site.config().anchors.at_most) {
        tracing::error!(anchor = name, ?last, "ALERT: no checkpoint could be given out by this way for too long");
        site.registrar.note(vec![Event::AnchorOverdue { anchor: name.to_owned(), last, why }]).await;
    }
}
