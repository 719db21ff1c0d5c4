//! Putting the parts together: open vault and journal, settle what a crash left, start the tasks.

use crate::clock::Clock;
use crate::ctl;
use crate::entropy;
use crate::factors::Comparer;
use crate::registrar::{Registrar, entry};
use crate::relay::session::LiveSessions;
use crate::site::{Paths, Site, staff_document, target_document, technician_document};
use crate::ssh::listener::{self, HostKeys};
use crate::vault::{Memory, SiteSecrets, Vault, VaultError};
use anyhow::{Context as _, bail};
use config::Config;
use jiff::{SignedDuration, Timestamp};
use journal::{Checkpoint, Journal, MasterKey, OsDisk, SigningKey};
use lifecycle::{AccountState, Actor, Command, EndCause, Event, Register, SessionId, WithdrawCause, decide};
use recorder::{Recorder, RecordingKey, RecoveryKey, SpoolReader};
use russh::keys::{Algorithm, EcdsaCurve, PrivateKey};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Threads that write recordings.
const RECORDER_THREADS: usize = 2;
/// The vault's document of the site's own keys; it has one generation.
const SITE: &str = "site";
/// The vault's document of what it remembers.
const MEMORY: &str = "memory";
/// How often at most the vault's memory is renewed.
const REMEMBER_EVERY: std::time::Duration = std::time::Duration::from_secs(1);
/// How often a heartbeat is journalled (D19).
const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(3600);
/// How long a start may lie after the last entry without somebody's confirmation (D31).
const LONGEST_SILENCE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A running daemon.
pub struct Daemon {
    /// What its tasks share.
    pub site: Arc<Site>,
    /// The journal's public key.
    pub journal_key: String,
    /// Where vendors can connect now; empty while the port is closed.
    pub bound: watch::Receiver<Vec<SocketAddr>>,
    reload: Arc<Reloader>,
    tasks: Vec<JoinHandle<()>>,
}

/// How to start.
pub struct Options {
    /// The main configuration file.
    pub config: PathBuf,
    /// Start although the clock is long after the last entry.
    pub confirm_clock: bool,
}

impl Daemon {
    /// Starts everything. Fails closed: whatever cannot be had, nothing opens.
    pub async fn start(options: &Options, clock: Arc<dyn Clock>) -> anyhow::Result<Daemon> {
        let config = config::load(&options.config, config::Options { at: clock.now(), unpinned: false })?;
        recorder::Recipients::parse(&config.recordings.recipients)?;
        let paths = Paths::new(&config.site.state);
        make_private(paths.state())?;
        make_private(&paths.recordings())?;
        let vault = Arc::new(Vault::open(&paths.vault())?);
        let secrets = site_secrets(&vault, &config.site.name)?;
        let mut opened = open_journal(&paths, &secrets, &vault, &clock, options)?;
        let verifier = SigningKey::new(&secrets.origin, &secrets.journal)?.verifier().to_string();
        let recovery = RecoveryKey::parse(&secrets.recovery)?;
        settle(&mut opened, &config, &paths, &recovery, clock.now())?;
        remove_garbage(&vault, &opened.register)?;
        let live = Arc::new(LiveSessions::default());
        let config = Arc::new(config);
        let (config_sender, config_receiver) = watch::channel(config.clone());
        let (registrar, registrar_task) =
            Registrar::start(opened.journal, opened.register, config.clone(), clock.clone(), live.clone())?;
        let site = Arc::new(Site {
            clock: clock.clone(),
            vault: vault.clone(),
            registrar: registrar.clone(),
            live,
            recorder: Recorder::start(RECORDER_THREADS)?,
            recovery,
            comparer: Comparer::new()?,
            config: config_receiver,
            paths,
        });
        let keys = Arc::new(HostKeys {
            ed25519: PrivateKey::from_openssh(secrets.host.as_bytes())?,
            nistp256: PrivateKey::from_openssh(secrets.host_nistp256.as_bytes())?,
        });
        let reload = Arc::new(Reloader { main: options.config.clone(), sender: config_sender, site: site.clone() });
        let (bound_sender, bound) = watch::channel(Vec::new());
        let mut tasks = vec![registrar_task];
        tasks.push(tokio::spawn(ctl::server::serve(site.clone(), reload.clone(), verifier.clone())?));
        tasks.push(tokio::spawn(registrar.clone().keep_time(clock)));
        tasks.push(tokio::spawn(remember(site.clone())));
        tasks.push(tokio::spawn(heartbeat(site.clone())));
        tasks.push(tokio::spawn(listener::keep(site.clone(), keys, bound_sender)));
        Ok(Daemon { site, journal_key: verifier, bound, reload, tasks })
    }

    /// Takes a new configuration, whole or not at all.
    pub async fn reload(&self, by: Actor) -> Result<Vec<String>, config::LoadError> {
        self.reload.reload(by).await
    }

    /// Ends all sessions, says so, and closes.
    pub async fn stop(self, reason: &str) {
        self.site.live.brake(&EndCause::Stopped, |_| true);
        let patience = async {
            while self.site.live.count() > 0 {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        };
        if self.site.live.count() > 0 {
            let _ = tokio::time::timeout(std::time::Duration::from_secs(5), patience).await;
        }
        self.site.registrar.note(vec![Event::Stopped { reason: reason.to_owned() }]).await;
        let _ = write_memory(&self.site).await;
        let _ = fs::remove_file(self.site.paths.socket());
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Reloads the configuration.
pub struct Reloader {
    main: PathBuf,
    sender: watch::Sender<Arc<Config>>,
    site: Arc<Site>,
}

impl Reloader {
    /// Judges the files as they are now against the people in the register (D13): what `config check
    /// --state` prints. Changes nothing.
    pub async fn check_state(&self) -> Result<Vec<String>, config::LoadError> {
        let at = self.site.clock.now();
        let candidate = config::load(&self.main, config::Options { at, unpinned: false })?;
        let rules = candidate.rules(Default::default());
        let look = move |core: &crate::registrar::Core, _: Timestamp| {
            let unattended = core.register.unattended(&rules).into_iter().map(|target| {
                format!(
                    "the target `{target}` is refused: its groups have fewer approvers than its quorum asks for; add some with `poterne staff add`"
                )
            });
            let bare =
                rules.targets.keys().filter(|target| !core.register.credentials.contains_key(target)).map(|target| {
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
        Ok(self.site.registrar.view(look).await.unwrap_or_default())
    }

    /// Whole or not at all; the digest and the differences are journalled first, then it holds, and
    /// every live session is judged again.
    pub async fn reload(&self, by: Actor) -> Result<Vec<String>, config::LoadError> {
        let at = self.site.clock.now();
        let loaded = config::load(&self.main, config::Options { at, unpinned: false });
        let before = self.site.config();
        let next = match loaded {
            Ok(next) => Arc::new(next),
            Err(error) => {
                let errors = error.0.iter().map(ToString::to_string).collect();
                self.site.registrar.note(vec![Event::ConfigRefused { errors, by }]).await;
                return Err(error);
            }
        };
        let mut changes = config::differences(&before, &next);
        if before.site.state != next.site.state {
            changes.push("site.state: takes effect at the next start".to_owned());
        }
        let (noted, taken) = (changes.clone(), next.clone());
        let judged = self
            .site
            .registrar
            .act(move |core, at| {
                let digest = taken.digest.clone();
                core.take_config(taken);
                let live: Vec<_> =
                    core.register.live().map(|record| (record.id.clone(), record.number, record.started)).collect();
                let judged: Vec<_> = live
                    .into_iter()
                    .map(|(id, number, started)| (id, core.register.permit(&core.rules, number, started, at)))
                    .collect();
                (vec![Event::ConfigLoaded { digest, changes: noted, by }], judged)
            })
            .await;
        self.sender.send_replace(next);
        for (id, verdict) in judged.unwrap_or_default() {
            for session in self.site.live.matching(|session| session.id == id) {
                match &verdict {
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

fn make_private(folder: &Path) -> anyhow::Result<()> {
    if !folder.is_dir() {
        fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// The site's own keys: made at the first start, read afterwards. No default exists (HRD-10).
fn site_secrets(vault: &Vault, site: &str) -> anyhow::Result<SiteSecrets> {
    match vault.get(SITE, 1) {
        Ok(secrets) => Ok(secrets),
        Err(VaultError::Missing(_)) => {
            let slug: String =
                site.to_lowercase().chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect();
            let tag: [u8; 4] = entropy::bytes()?;
            let new_key = |algorithm| -> anyhow::Result<String> {
                let key = PrivateKey::random(&mut russh::keys::key::safe_rng(), algorithm)?;
                Ok(key.to_openssh(russh::keys::ssh_key::LineEnding::LF)?.to_string())
            };
            let secrets = SiteSecrets {
                origin: format!("poterne/{}/{}", slug.trim_matches('-'), data_encoding::HEXLOWER.encode(&tag)),
                journal: entropy::bytes()?,
                ring: entropy::bytes()?,
                recovery: RecoveryKey::generate().to_line().to_string(),
                host: new_key(Algorithm::Ed25519)?,
                host_nistp256: new_key(Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 })?,
            };
            vault.put(SITE, 1, &secrets)?;
            Ok(secrets)
        }
        Err(error) => Err(error.into()),
    }
}

struct Opened {
    journal: Journal,
    register: Register,
}

fn open_journal(
    paths: &Paths,
    secrets: &SiteSecrets,
    vault: &Vault,
    clock: &Arc<dyn Clock>,
    options: &Options,
) -> anyhow::Result<Opened> {
    let signer = SigningKey::new(&secrets.origin, &secrets.journal)?;
    let verifier = signer.verifier();
    let random: journal::Entropy = Box::new(|buffer| {
        // A generator that fails leaves zeroes, which would be a key: the program must not go on.
        if entropy::fill(buffer).is_err() {
            std::process::abort();
        }
    });
    let (mut journal, recovered) =
        Journal::open(&paths.journal(), Box::new(OsDisk::default()), signer, MasterKey::new(secrets.ring), random)?;
    let mut register = Register::default();
    let mut unreadable = None;
    journal.for_each(0, |read| {
        let body = read.body.as_deref();
        match body.map(Event::from_body) {
            Some(Ok(event)) => register.apply(read.leaf.at, &event),
            Some(Err(error)) => unreadable = Some(format!("entry {}: {error}", read.leaf.index)),
            None => {}
        }
    })?;
    if let Some(what) = unreadable {
        bail!("the journal holds an entry that this version does not know, so its state cannot be told: {what}");
    }
    let now = clock.now();
    if now < journal.last_at() {
        bail!("the clock says {now}, but the journal's last entry is of {}: set the clock right", journal.last_at());
    }
    if journal.size() > 0 && now.duration_since(journal.last_at()) > LONGEST_SILENCE && !options.confirm_clock {
        bail!(
            "the journal's last entry is of {}, over 30 days ago: if the clock is right, start once with `--confirm-clock`",
            journal.last_at()
        );
    }
    let mut first = Vec::new();
    if !recovered.aside.is_empty() {
        let kept = paths.aside().join(format!("journal-after-{}", journal.size()));
        make_private(&paths.aside())?;
        fs::write(&kept, &recovered.aside).with_context(|| format!("`{}` cannot be written", kept.display()))?;
        let event = Event::UnsignedTail { bytes: recovered.aside.len() as u64, kept: kept.display().to_string() };
        tracing::warn!(bytes = recovered.aside.len(), kept = %kept.display(), "the journal's unsigned end was kept aside");
        first.push(event);
    }
    match vault.get::<Memory>(MEMORY, 1) {
        Ok(memory) => first.extend(stricter(&mut journal, &register, &memory, &verifier)?),
        Err(VaultError::Missing(_)) => {}
        Err(error) => return Err(error.into()),
    }
    append(&mut journal, &mut register, first, now)?;
    Ok(Opened { journal, register })
}

/// Holds the journal against what the vault remembers (D17): the newest checkpoint must be in it,
/// and what was taken away stays away.
fn stricter(
    journal: &mut Journal,
    register: &Register,
    memory: &Memory,
    key: &journal::VerifierKey,
) -> anyhow::Result<Vec<Event>> {
    if !memory.checkpoint.is_empty() {
        let checkpoint =
            Checkpoint::verify(&memory.checkpoint, key).context("the checkpoint that the vault remembers")?;
        if journal.root_at(checkpoint.size)? != Some(checkpoint.root) {
            bail!(
                "the journal was rolled back: it has {} entries, but the vault remembers a signed checkpoint over {} with another history. \
                 Nothing opens; put the newest copy of the state folder back",
                journal.size(),
                checkpoint.size
            );
        }
    }
    let forgotten = register
        .accounts
        .values()
        .filter(|account| account.state == AccountState::Active && memory.disabled.contains(&account.id.to_string()));
    Ok(forgotten
        .map(|account| Event::TechnicianDisabled {
            account: account.id.clone(),
            technician: account.login.clone(),
            reason: "the vault remembers that it was disabled".to_owned(),
            by: Actor::Program,
        })
        .collect())
}

fn append(journal: &mut Journal, register: &mut Register, events: Vec<Event>, at: Timestamp) -> anyhow::Result<()> {
    if events.is_empty() {
        return Ok(());
    }
    let at = at.max(journal.last_at());
    let group: Vec<_> = events.iter().map(|event| entry(at, event)).collect();
    journal.append(journal.size(), &group)?;
    events.iter().for_each(|event| register.apply(at, event));
    Ok(())
}

/// Closes what the last run left open: each session exactly once, with its cause and duration
/// (promise 6); pending requests are withdrawn. A start resumes no access.
fn settle(
    opened: &mut Opened,
    config: &Config,
    paths: &Paths,
    recovery: &RecoveryKey,
    now: Timestamp,
) -> anyhow::Result<()> {
    let rules = config.rules(Default::default());
    let mut events = Vec::new();
    let open: Vec<SessionId> = opened.register.live().map(|record| record.id.clone()).collect();
    for id in open {
        let Some(record) = opened.register.sessions.get(&id) else { continue };
        let number = record.number;
        let spool = last_frame(&paths.spool(&id), recovery);
        let ended = spool.as_ref().and_then(|spool| spool.last).unwrap_or(record.last_at).max(record.last_at);
        if let Some(mut end) = opened.register.closing_entry(&id, ended, EndCause::Interrupted) {
            end.at_least = true;
            if let Some(spool) = spool {
                (end.head, end.length) = (spool.head.hex(), spool.head.length);
                (end.bytes_in, end.bytes_out) = (spool.bytes_in, spool.bytes_out);
            }
            tracing::warn!(session = %id, %ended, "a session of the last run is closed as interrupted");
            events.push(Event::SessionEnded(end));
            events.extend(
                decide(
                    &opened.register,
                    &rules,
                    Command::EndIntervention { number, cause: EndCause::Interrupted },
                    now,
                )
                .events,
            );
        }
    }
    let pending: Vec<_> =
        opened.register.current().filter(|one| one.state.is_pending()).map(|one| one.number).collect();
    for number in pending {
        events.extend(
            decide(&opened.register, &rules, Command::Withdraw { number, cause: WithdrawCause::Restart }, now).events,
        );
    }
    // Open interventions without a session cannot be, but would never end by themselves.
    let orphans: Vec<_> = opened
        .register
        .current()
        .filter(|one| {
            !one.state.is_pending()
                && one
                    .sessions
                    .iter()
                    .all(|id| opened.register.sessions.get(id).is_none_or(|record| record.end.is_some()))
        })
        .map(|one| one.number)
        .collect();
    for number in orphans {
        events.extend(
            decide(&opened.register, &rules, Command::EndIntervention { number, cause: EndCause::Interrupted }, now)
                .events,
        );
    }
    events.push(Event::Started { version: env!("CARGO_PKG_VERSION").to_owned(), config: config.digest.clone() });
    append(&mut opened.journal, &mut opened.register, events, now)
}

struct LastFrame {
    last: Option<Timestamp>,
    head: recorder::Head,
    bytes_in: u64,
    bytes_out: u64,
}

/// How far a spool goes that a crash left behind.
fn last_frame(path: &Path, recovery: &RecoveryKey) -> Option<LastFrame> {
    let bytes = fs::read(path).ok()?;
    let (header, _) = SpoolReader::header(&bytes).ok()?;
    let key = RecordingKey::recover(&header, recovery).ok()?;
    let mut reader = SpoolReader::new(&bytes, &key).ok()?;
    let (mut last, mut bytes_in, mut bytes_out) = (None, 0, 0);
    for frame in reader.by_ref() {
        last = Some(frame.at);
        match frame.kind {
            recorder::FrameKind::Input => bytes_in += frame.data.len() as u64,
            recorder::FrameKind::Output | recorder::FrameKind::ErrorOutput => bytes_out += frame.data.len() as u64,
            _ => {}
        }
    }
    Some(LastFrame { last, head: reader.head(), bytes_in, bytes_out })
}

/// Removes generations of the vault that no entry names (D21).
fn remove_garbage(vault: &Vault, register: &Register) -> anyhow::Result<()> {
    let mut wanted = vec![(SITE.to_owned(), 1), (MEMORY.to_owned(), 1)];
    wanted.extend(register.accounts.values().map(|account| (technician_document(&account.id), account.secret)));
    wanted.extend(register.staff.values().map(|staff| (staff_document(&staff.login), staff.secret)));
    wanted.extend(register.credentials.iter().map(|(target, credential)| (target_document(target), credential.secret)));
    let removed = vault.keep_only(&wanted)?;
    if removed > 0 {
        tracing::warn!(removed, "documents of the vault that no entry names were removed");
    }
    Ok(())
}

/// Keeps the vault's memory up to date. Waits on new checkpoints, and a second between two.
async fn remember(site: Arc<Site>) {
    let mut checkpoints = site.registrar.checkpoints();
    loop {
        if checkpoints.changed().await.is_err() {
            return;
        }
        if let Err(error) = write_memory(&site).await {
            tracing::error!(%error, "the vault's memory cannot be written");
        }
        tokio::time::sleep(REMEMBER_EVERY).await;
    }
}

async fn write_memory(site: &Site) -> anyhow::Result<()> {
    let checkpoint = site.registrar.checkpoints().borrow().to_string();
    let memory = site
        .registrar
        .view(move |core, _| Memory {
            checkpoint,
            disabled: core
                .register
                .accounts
                .values()
                .filter(|one| one.state == AccountState::Disabled)
                .map(|one| one.id.to_string())
                .collect(),
            steps: core
                .register
                .accounts
                .values()
                .filter_map(|one| Some((one.id.to_string(), one.guard.last_step?)))
                .collect(),
        })
        .await?;
    let vault = site.vault.clone();
    tokio::task::spawn_blocking(move || vault.put(MEMORY, 1, &memory)).await??;
    Ok(())
}

/// Says every hour that it is alive, so that silence shows (LOG-10). Waits on real time.
async fn heartbeat(site: Arc<Site>) {
    let mut beat = tokio::time::interval(HEARTBEAT);
    beat.tick().await;
    loop {
        beat.tick().await;
        let sessions = site.live.count() as u64;
        site.registrar.note(vec![Event::Heartbeat { sessions }]).await;
    }
}

/// Returns on SIGTERM or SIGINT; SIGHUP reloads.
pub async fn until_told_to_stop(daemon: &Daemon) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    loop {
        tokio::select! {
            _ = terminate.recv() => return Ok(()),
            _ = interrupt.recv() => return Ok(()),
            _ = hangup.recv() => match daemon.reload(Actor::Program).await {
                Ok(changes) => tracing::info!(?changes, "the configuration was taken anew"),
                Err(error) => tracing::error!(%error, "the new configuration is refused; the old one holds"),
            },
        }
    }
}
