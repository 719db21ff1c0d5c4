//! Taking a new configuration: whole or not at all (LOG-13, promise 5).

use crate::confine::{Plan, RESTART};
use crate::in_force::{self, Waiting};
use crate::registrar::{Core, JournalGone};
use crate::site::Site;
use config::Config;
use jiff::Timestamp;
use lifecycle::{AccountState, Actor, EndCause, Event, Readers, Refusal, WaitingChange};
use policy::StaffLogin;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Why the old configuration still holds.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The new one is wrong.
    #[error(transparent)]
    Config(#[from] config::LoadError),
    /// The new one cannot be read from inside: it names files that the process shut itself out of.
    #[error(
        "{0}\n{RESTART}: the running process may open the folders that the configuration named at its start, and no \
         others; `poterne config check` says whether the new one is right"
    )]
    ShutOut(config::LoadError),
    /// Nothing can be journalled.
    #[error(transparent)]
    Journal(#[from] JournalGone),
    /// It weakens a rule, and a second person has to accept that first (T8).
    #[error("{0}")]
    Waits(Box<Waiting>),
    /// It is not what was looked at.
    #[error(transparent)]
    Refused(Box<Refusal>),
}

/// Who let a reload through.
enum Eyes {
    /// Whoever asked for it.
    Two,
    /// A second person, who looked at the files of this digest.
    Four(String, StaffLogin),
}

/// What came of an acceptance.
pub(crate) enum Accepted {
    /// The change is in force: what it changed.
    Taken(Vec<String>),
    /// So many more must accept.
    Missing(usize),
}

/// Reloads the configuration.
pub struct Reloader {
    /// The main file.
    pub main: PathBuf,
    /// Where the configuration in force is told.
    pub sender: watch::Sender<Arc<Config>>,
    /// The running site.
    pub site: Arc<Site>,
    /// The change that waits for a second person.
    pub(crate) waiting: Mutex<Option<Waiting>>,
    /// One at a time: each is judged against what is in force, and two could leave the rules and what is told of
    /// them apart.
    pub(crate) turn: tokio::sync::Mutex<()>,
}

impl Reloader {
    /// Judges the files as they are now against the people in the register (D13): what `config check
    /// --state` prints. Changes nothing.
    pub async fn check_state(&self) -> Result<Vec<String>, ReloadError> {
        let at = self.site.clock.now();
        let candidate = config::load(&self.main, config::Options { at, unpinned: false })?;
        let rules = candidate.rules(Default::default());
        let look = move |core: &Core, _: Timestamp| {
            let unattended = core.register.unattended(&rules).into_iter().map(|target| {
                format!(
                    "the target `{target}` is refused: its groups have fewer approvers than its quorum asks for; add some with `poterne staff add`"
                )
            });
            let bare = rules
                .targets
                .values()
                .filter(|one| !core.register.credentials.contains_key(&(one.id.clone(), one.account.clone())))
                .map(|one| {
                    let target = &one.id;
                    format!(
                        "the target `{target}` has no credential: set one with `poterne target credential {target}`"
                    )
                });
            let unknown = core
                .register
                .accounts
                .values()
                .filter(|one| one.state == AccountState::Active && !rules.vendors.contains_key(&one.vendor))
                .map(|one| {
                    format!(
                        "the technician `{}` is of the vendor `{}`, which is declared no more: disable the account",
                        one.login, one.vendor
                    )
                });
            unattended.chain(bare).chain(unknown).collect()
        };
        Ok(self.site.registrar.view(look).await?)
    }

    /// Whole or not at all; the digest and the differences are journalled first, then it holds, and
    /// every live session is judged again.
    pub async fn reload(&self, by: Actor) -> Result<Vec<String>, ReloadError> {
        let _turn = self.turn.lock().await;
        self.take(by, Eyes::Two).await
    }

    /// A person accepts what waits; it is taken if the files are still those of this digest, and nobody else must
    /// accept besides. Without more to wait for, what changed.
    pub(crate) async fn accept(&self, digest: String, second: StaffLogin) -> Result<Accepted, ReloadError> {
        let refuse = |refusal| ReloadError::Refused(Box::new(refusal));
        let _turn = self.turn.lock().await;
        let waiting = self.waiting().ok_or_else(|| refuse(Refusal::NoChange))?;
        if waiting.digest != digest {
            return Err(refuse(Refusal::OtherChange));
        }
        let Waiting { by, accepted, .. } = waiting.clone();
        let (person, change) = (second.clone(), WaitingChange { digest: digest.clone(), by: by.clone(), accepted });
        let look = move |core: &Core, at| core.register.accept_change(&person, &change, at);
        let missing = self.site.registrar.view(look).await?.map_err(refuse)?;
        if missing == 0 {
            return Ok(Accepted::Taken(self.take(by, Eyes::Four(digest, second)).await?));
        }
        let told = Event::ChangeAccepted { digest, by: second.clone() };
        self.site.registrar.act(move |_, _| (vec![told], ())).await?;
        let accepted = waiting.accepted.iter().cloned().chain([second]).collect();
        self.set_waiting(Some(Waiting { accepted, ..waiting }));
        Ok(Accepted::Missing(missing))
    }

    /// It waits no more, until somebody reloads it anew.
    pub(crate) async fn refuse(&self, digest: String, reason: String, by: Actor) -> Result<(), Refusal> {
        let _turn = self.turn.lock().await;
        let waiting = self.waiting().ok_or(Refusal::NoChange)?;
        if waiting.digest != digest {
            return Err(Refusal::OtherChange);
        }
        self.set_waiting(None);
        let refused = move |core: &mut Core, _| {
            let taken = by.staff().map(|by| core.register.take_alerts_of_change(&digest, by, &reason));
            let refused = Event::ChangeRefused { digest, reason, by };
            (std::iter::once(refused).chain(taken.into_iter().flatten()).collect(), ())
        };
        // As with every refusal: the journal's end is told elsewhere.
        let _ = self.site.registrar.act(refused).await;
        Ok(())
    }

    /// What waits for a second person.
    pub(crate) fn waiting(&self) -> Option<Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_waiting(&self, waiting: Option<Waiting>) {
        *self.waiting.lock().unwrap_or_else(PoisonError::into_inner) = waiting;
    }

    /// Journals that a change waits, once for the same files.
    pub(crate) async fn hold(&self, waiting: Waiting) {
        let same = self.waiting().is_some_and(|before| before.digest == waiting.digest);
        // Who asked for these files first has asked for them.
        if !same {
            self.set_waiting(Some(waiting.clone()));
            let Waiting { digest, weakening, changes, by, .. } = waiting;
            let (weakening, changes) = (bounded(weakening), bounded(changes));
            self.site.registrar.note(vec![Event::ChangeWaits { digest, weakening, changes, by }]).await;
        }
    }

    /// Under a turn of the caller's.
    async fn take(&self, by: Actor, eyes: Eyes) -> Result<Vec<String>, ReloadError> {
        let at = self.site.clock.now();
        let before = self.site.config();
        let loaded = config::load(&self.main, config::Options { at, unpinned: false }).and_then(|next| {
            // A certificate that ended by itself must not keep a change of rights out.
            if next.console != before.console {
                crate::https::check(&next, &self.main, at)?;
            }
            Ok(next)
        });
        let next = match loaded {
            Ok(next) => Arc::new(next),
            Err(error) => {
                let errors = bounded(error.0.iter().map(ToString::to_string).collect());
                self.site.registrar.note(vec![Event::ConfigRefused { errors, by }]).await;
                return Err(self.why(error));
            }
        };
        let mut changes = config::differences(&before, &next);
        let accepted = match eyes {
            Eyes::Four(digest, _) if digest != next.digest => {
                return Err(ReloadError::Refused(Box::new(Refusal::OtherChange)));
            }
            Eyes::Four(digest, by) => Some(Event::ChangeAccepted { digest, by }),
            Eyes::Two => None,
        };
        let weakening = config::weakening(&before, &next);
        if before.site.four_eyes && accepted.is_none() && !weakening.is_empty() {
            let digest = next.digest.clone();
            let waiting = Waiting { digest, weakening, changes, by, accepted: Vec::new(), since: at };
            self.hold(waiting.clone()).await;
            return Err(ReloadError::Waits(Box::new(waiting)));
        }
        if before.site.state != next.site.state {
            changes.push("site.state: takes effect at the next start".to_owned());
        }
        // What cannot be reached fails closed, target by target; the rest of the new rules must not wait.
        changes.extend(self.site.confined.iter().flat_map(|confined| confined.lacks(&Plan::of(&next, &self.main))));
        let (noted, taken) = (bounded(changes.clone()), next.clone());
        let judged = self
            .site
            .registrar
            .act(move |core, at| {
                let (digest, four_eyes) = (taken.digest.clone(), taken.site.four_eyes);
                let terms = crate::retention::terms_changed(&core.register, &taken.retention);
                let readers = readers(&taken);
                core.take_config(taken);
                let taken: Vec<Event> = match &accepted {
                    Some(Event::ChangeAccepted { digest, by }) => {
                        core.register.take_alerts_of_change(digest, by, "the change was accepted")
                    }
                    _ => Vec::new(),
                };
                let loaded = Event::ConfigLoaded { digest, changes: noted, by: by.clone(), four_eyes };
                let mut noted: Vec<Event> = accepted.into_iter().chain([loaded]).chain(taken).collect();
                noted.extend(readers.change(core.register.readers.as_ref(), by));
                let live: Vec<_> =
                    core.register.live().map(|record| (record.id.clone(), record.number, record.started)).collect();
                let judged: Vec<_> = live
                    .into_iter()
                    .map(|(id, number, started)| (id, core.register.permit(&core.rules, number, started, at)))
                    .collect();
                noted.extend(terms);
                (noted, judged)
            })
            .await?;
        let (paths, main, digest) = (self.site.paths.clone(), self.main.clone(), next.digest.clone());
        self.sender.send_replace(next);
        self.set_waiting(None);
        let kept = tokio::task::spawn_blocking(move || in_force::keep(&paths, &main, &digest, at)).await;
        if let Ok(Err(error)) = kept {
            tracing::error!(%error, "the files in force cannot be kept: a start cannot compare with them");
        }
        for (id, verdict) in judged {
            for session in self.site.live.matching(|session| session.id == id) {
                match &verdict {
                    Ok((permit, _)) if session.needs_more_than(permit.rights()) => {
                        session.brake(EndCause::PolicyChanged)
                    }
                    Ok((permit, cause)) => session.tell(lifecycle::Input::Renewed(permit.until(), cause.clone())).await,
                    Err(policy::Denial::ContractOver { .. }) => session.brake(EndCause::ContractOver),
                    Err(policy::Denial::Closed { .. }) => session.brake(EndCause::HoursOver),
                    Err(_) => session.brake(EndCause::PolicyChanged),
                }
            }
        }
        Ok(changes)
    }
}

impl Reloader {
    /// Whether the files are wrong, or out of reach for a process that shut itself in.
    fn why(&self, error: config::LoadError) -> ReloadError {
        let denied = std::io::Error::from(rustix::io::Errno::ACCESS).to_string();
        match self.site.confined {
            Some(_) if error.0.iter().any(|problem| problem.to_string().contains(&denied)) => {
                ReloadError::ShutOut(error)
            }
            _ => ReloadError::Config(error),
        }
    }
}

/// Who opens what is recorded from now on.
pub(crate) fn readers(config: &Config) -> Readers {
    let recordings = &config.recordings;
    Readers { first: recordings.recipients.clone(), second: recordings.second_recipients.clone() }
}

/// As many lines as an entry of the journal should hold; how many more there are is said.
fn bounded(mut lines: Vec<String>) -> Vec<String> {
    const MOST: usize = 500;
    const LONGEST: usize = 1000;
    let more = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    for line in &mut lines {
        if let Some((end, _)) = line.char_indices().nth(LONGEST) {
            line.truncate(end);
            line.push_str("...");
        }
    }
    if more > 0 {
        lines.push(format!("and {more} more; the digest covers all"));
    }
    lines
}
