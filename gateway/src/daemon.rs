//! Putting the parts together: open vault and journal, settle what a crash left, start the tasks.

use crate::anchors;
use crate::archive::Archive;
use crate::backend::Backend;
use crate::backup;
use crate::clock::Clock;
use crate::confine::Confined;
use crate::ctl;
use crate::descriptors;
use crate::entropy;
use crate::factors::Comparer;
use crate::files::quarantine;
use crate::https;
use crate::in_force;
use crate::lacks::{self, Lacks};
use crate::limits;
use crate::lockdown::Lockdown;
use crate::memory::{remember, write_memory};
use crate::notify;
use crate::recovery::{open_journal, remove_garbage, settle};
use crate::registrar::Registrar;
use crate::relay::session::LiveSessions;
use crate::reload::{ReloadError, Reloader};
use crate::reserve::Reserve;
use crate::retention;
use crate::ring;
use crate::sealing;
use crate::siem;
use crate::site::{Paths, Site};
use crate::ssh::listener::{self, HostKeys};
use crate::vault::{SiteSecrets, Vault, VaultError};
use anyhow::Context as _;
use journal::{OsDisk, Relief, SigningKey};
use lifecycle::{Actor, EndCause, Event};
use recorder::{Recorder, RecoveryKey};
use russh::keys::{Algorithm, EcdsaCurve, PrivateKey};
use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Threads that write recordings.
const RECORDER_THREADS: usize = 2;
/// The vault's document of the site's own keys; it has one generation.
pub(crate) const SITE: &str = "site";
/// How often a heartbeat is journalled (D19).
const HEARTBEAT: std::time::Duration = std::time::Duration::from_secs(3600);

/// A running daemon.
pub struct Daemon {
    /// What its tasks share.
    pub site: Arc<Site>,
    /// The journal's public key.
    pub journal_key: String,
    /// Where vendors can connect now; empty while the port is closed.
    pub bound: watch::Receiver<Vec<SocketAddr>>,
    /// The console's port and certificate.
    pub console: https::Listening,
    reload: Arc<Reloader>,
    tasks: Vec<JoinHandle<()>>,
}

/// How to start.
pub struct Options {
    /// The main configuration file.
    pub config: PathBuf,
    /// Start although the clock is long after the last entry.
    pub confirm_clock: bool,
    /// How the process shut itself in; `None`: it did not, as in the demo.
    pub confined: Option<Arc<Confined>>,
}

impl Daemon {
    /// Starts everything. Fails closed: whatever cannot be had, nothing opens.
    pub async fn start(options: &Options, clock: Arc<dyn Clock>) -> anyhow::Result<Daemon> {
        descriptors::raise();
        let config = config::load(&options.config, config::Options { at: clock.now(), unpinned: false })?;
        https::check(&config, &options.config, clock.now())?;
        let alone = config.recordings.second_recipients.is_empty();
        if alone && recorder::Recipients::parse(&config.recordings.recipients)?.names().len() == 1 {
            tracing::warn!(
                "there is one recipient of recordings: secrets typed on targets open to two together, so none are set apart; name a second officer"
            );
        }
        let paths = Paths::new(&config.site.state);
        make_private(paths.state())?;
        let mark = paths.state().join(backup::BROKEN_OFF);
        if mark.exists() {
            anyhow::bail!("`{}`: a restore was broken off; empty the state folder and begin again", mark.display());
        }
        make_private(&paths.recordings())?;
        make_private(&paths.keyring())?;
        make_private(&paths.quarantine())?;
        make_private(&paths.siem())?;
        let vault = Arc::new(Vault::open(&paths.vault())?);
        let mut secrets = site_secrets(&vault, &config.site.name)?;
        let new_journal = !paths.journal().join("tail").exists();
        let masters = ring::at_start(&vault, (SITE, &mut secrets), new_journal)?;
        let live = Arc::new(LiveSessions::default());
        let reserve = Arc::new(Reserve::at(&paths.reserve(), config.site.reserve.0));
        let full = {
            let (reserve, live) = (reserve.clone(), live.clone());
            move || lacks::on_full_disk(&reserve, &live)
        };
        let disk = OsDisk::with_relief(Relief::new(full.clone()));
        let mut opened = open_journal(&paths, disk, &secrets, &masters, &vault, &clock, options)?;
        let verifier = SigningKey::new(&secrets.origin, &secrets.journal)?.verifier();
        let archive = Arc::new(Archive::new(paths.journal(), masters, verifier.clone()));
        let verifier = verifier.to_string();
        let recovery = Arc::new(RecoveryKey::parse(&secrets.recovery)?);
        let (config, waiting) = in_force::at_start(config, &opened.register, &paths, &options.config, clock.now())?;
        if let Some(waiting) = &waiting {
            let weakening = waiting.weakening.join("; ");
            tracing::error!(%weakening, "the configuration found weakens rules and waits for a second person: the one before is in force");
        } else if let Err(error) = in_force::keep(&paths, &options.config, &config.digest, clock.now()) {
            tracing::error!(%error, "the files in force cannot be kept: the next start cannot compare with them");
        }
        settle(&mut opened, &config, &paths, &recovery, clock.now())?;
        remove_garbage(&vault, &opened.register)?;
        // Behind the journal, whose lock says that no other daemon holds files here.
        let left = quarantine::clear(&paths.quarantine()).context("the quarantine cannot be emptied")?;
        if left > 0 {
            tracing::warn!(left, "files that the last run left in quarantine were removed; none was delivered");
        }
        let (locked_down, reopened) = (opened.register.lockdown.clone(), opened.register.reopened.clone());
        let anchors = anchors::Health::new(opened.register.anchored.clone(), clock.now());
        let config = Arc::new(config);
        let (config_sender, config_receiver) = watch::channel(config.clone());
        let (registrar, registrar_task) =
            Registrar::start(opened.journal, opened.register, config.clone(), clock.clone(), live.clone())?;
        let (ended, to_seal) = mpsc::channel(sealing::QUEUE);
        let lockdown = Lockdown::read(&paths);
        let known_lockdown = locked_down.is_some();
        // Files and journal: the stricter holds (D17).
        if let Some(reason) = locked_down.filter(|_| !lockdown.is_on()) {
            tracing::error!("the journal says that all access is cut, and the lockdown's files are gone: it stays cut");
            lockdown.begin(&reason, clock.now())?;
        }
        lockdown.keep_only(&reopened);
        if lockdown.is_on() {
            tracing::error!("all access is cut by a lockdown of the last run: `poterne lockdown off` ends it");
        }
        // Laid while no daemon ran.
        let laid = lockdown.text();
        let unknown = lockdown.is_on() && !known_lockdown;
        let site = Arc::new(Site {
            clock: clock.clone(),
            vault: vault.clone(),
            registrar: registrar.clone(),
            archive,
            live,
            deliveries: Mutex::default(),
            recorder: Recorder::start_with(
                RECORDER_THREADS,
                Arc::new(move || {
                    full();
                }),
            )?,
            recovery,
            comparer: Comparer::new()?,
            config: config_receiver,
            limits: Default::default(),
            lockdown,
            ended,
            enrolling: Default::default(),
            sealing: Default::default(),
            notify: Default::default(),
            anchors,
            retention: Default::default(),
            siem: Default::default(),
            confined: options.confined.clone(),
            lacks: Lacks::new(reserve),
            paths,
        });
        lacks::first(&site);
        // Its feed is taken before the first thing that somebody must be told of.
        let telling = tokio::spawn(notify::keep(site.clone()));
        if unknown {
            let reason = if laid.is_empty() { "a lockdown's file was laid by hand".to_owned() } else { laid };
            registrar.note(vec![Event::LockdownBegan { reason, by: Actor::Program }]).await;
        }
        // What others remember is asked for before anything can open (D17).
        anchors::first(&site).await;
        let keys = Arc::new(HostKeys {
            ed25519: PrivateKey::from_openssh(secrets.host.as_bytes())?,
            nistp256: PrivateKey::from_openssh(secrets.host_nistp256.as_bytes())?,
        });
        let host_key = keys.ed25519.public_key().to_openssh()?;
        let reload = Arc::new(Reloader {
            main: options.config.clone(),
            sender: config_sender,
            site: site.clone(),
            waiting: Default::default(),
            turn: Default::default(),
        });
        if let Some(waiting) = waiting {
            reload.hold(waiting).await;
        }
        let (bound_sender, bound) = watch::channel(Vec::new());
        let mut tasks = vec![registrar_task, telling];
        let desk = Arc::new(ctl::desk::Desk::new(site.clone(), reload.clone(), verifier.clone(), host_key));
        tasks.push(tokio::spawn(ctl::server::serve(desk.clone())?));
        let door = https::prepare(&site).await?;
        let console = door.listening();
        tasks.push(door.serve(console::router(Arc::new(Backend::new(desk, console.clone(), bound.clone())))));
        tasks.push(tokio::spawn(registrar.clone().keep_time(clock)));
        tasks.push(tokio::spawn(remember(site.clone())));
        tasks.push(tokio::spawn(heartbeat(site.clone())));
        tasks.push(tokio::spawn(watchdog(site.clone())));
        tasks.push(tokio::spawn(lacks::keep(site.clone())));
        tasks.push(tokio::spawn(crate::watch::keep::keep(site.clone())));
        tasks.push(tokio::spawn(crate::lockdown::keep(site.clone())));
        tasks.push(tokio::spawn(crate::escalation::keep(site.clone())));
        tasks.push(tokio::spawn(sealing::keep(site.clone(), to_seal)));
        tasks.push(tokio::spawn(anchors::keep(site.clone())));
        tasks.push(tokio::spawn(retention::keep(site.clone())));
        tasks.push(tokio::spawn(siem::keep(site.clone())));
        tasks.push(tokio::spawn(limits::keep(site.clone())));
        tasks.push(tokio::spawn(listener::keep(site.clone(), keys, bound_sender)));
        Ok(Daemon { site, journal_key: verifier, bound, console, reload, tasks })
    }

    /// Takes a new configuration, whole or not at all.
    pub async fn reload(&self, by: Actor) -> Result<Vec<String>, ReloadError> {
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
        // What is being sealed is finished, or done anew at the next start; nothing is begun any more.
        let _turn = tokio::time::timeout(std::time::Duration::from_secs(5), self.site.sealing.lock()).await;
        limits::flush(&self.site).await;
        self.site.registrar.note(vec![Event::Stopped { reason: reason.to_owned() }]).await;
        let _ = write_memory(&self.site).await;
        let _ = fs::remove_file(self.site.paths.socket());
        for task in &self.tasks {
            task.abort();
        }
    }
}

/// Makes a folder that the service alone can enter.
pub(crate) fn make_private(folder: &Path) -> anyhow::Result<()> {
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
                ring: None,
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

/// Tells systemd that it lives, as long as the registrar answers. Waits on real time. Whoever hangs
/// is ended and started anew, and a start resumes no access.
async fn watchdog(site: Arc<Site>) {
    let Some(every) = sd_notify::watchdog_enabled() else { return };
    let mut beat = tokio::time::interval(every / 3);
    loop {
        beat.tick().await;
        // A journal that is gone has ended every session; living on to say so is right.
        let _ = site.registrar.view(|_, _| ()).await;
        let _ = sd_notify::notify(&[sd_notify::NotifyState::Watchdog]);
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
            _ = hangup.recv() => {
                let _ = sd_notify::notify(&[sd_notify::NotifyState::Reloading]);
                match daemon.reload(Actor::Program).await {
                    Ok(changes) => tracing::info!(?changes, "the configuration was taken anew"),
                    Err(error) => tracing::error!(%error, "the new configuration is refused; the old one holds"),
                }
                let _ = sd_notify::notify(&[sd_notify::NotifyState::Ready]);
            },
        }
    }
}
