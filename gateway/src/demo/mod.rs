//! `poterne demo`: a complete throw-away site on loopback, with real targets (D32).
//!
//! Everything is the real thing but for the targets, which are small SSH servers in this process
//! that give a real shell on a real terminal. Packages are built without this module.

mod screen;
mod target;

use crate::clock::{Clock as _, SystemClock};
use crate::ctl::client;
use crate::daemon::{Daemon, Options, until_told_to_stop};
use crate::{entropy, factors};
use anyhow::{Context as _, bail};
use clap::Args;
use jiff::tz::TimeZone;
use lifecycle::Role;
use lifecycle::order::{CredentialArgs, Factors, Hidden, Order, PersonArgs};
use serde_json::json;
use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Options of the demo.
#[derive(Args)]
pub struct DemoArgs {
    /// Where to put the site; must not exist. Removed at the end.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Where vendors connect, on loopback only.
    #[arg(long, default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    ssh_address: IpAddr,
    /// The vendors' port; 0 takes a free one.
    #[arg(long, default_value_t = 2222)]
    ssh_port: u16,
    /// The port of the pages for the hospital's staff, on loopback; 0 takes a free one.
    #[arg(long, default_value_t = 8443)]
    console_port: u16,
    /// Write what a script needs as JSON to this file, once all is ready.
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
    /// fr or en; from the environment's locale, if not said.
    #[arg(long, value_parser = ["fr", "en"])]
    language: Option<String>,
}

/// One person of the demo.
pub(crate) struct Somebody {
    pub(crate) login: &'static str,
    name: &'static str,
    /// Vendor or hospital, for the address.
    of: &'static str,
    pub(crate) roles: &'static [Role],
    group: Option<&'static str>,
    pub(crate) password: String,
    pub(crate) totp: String,
}

/// One target of the demo.
pub(crate) struct Equipment {
    pub(crate) id: &'static str,
    pub(crate) name: &'static str,
    pub(crate) open: bool,
    pub(crate) supervision: &'static str,
    group: &'static str,
}

const TARGETS: [Equipment; 3] = [
    Equipment {
        id: "serveur-pacs",
        name: "Serveur d'images PACS, radiologie",
        open: true,
        supervision: "none",
        group: "radiologie",
    },
    Equipment { id: "scanner-irm", name: "IRM, radiologie", open: true, supervision: "required", group: "radiologie" },
    Equipment {
        id: "automate-labo",
        name: "Automate d'hematologie, laboratoire",
        open: false,
        supervision: "offered",
        group: "laboratoire",
    },
];

/// Which targets a vendor of the demo maintains.
pub(crate) fn targets_of(vendor: &str) -> &'static [&'static str] {
    match vendor {
        "imagix" => &["serveur-pacs", "scanner-irm", "automate-labo"],
        _ => &["automate-labo", "serveur-pacs"],
    }
}

/// The demo as the screen shows it.
pub(crate) struct Stage {
    pub(crate) folder: PathBuf,
    pub(crate) main: PathBuf,
    pub(crate) ssh: SocketAddr,
    /// Where the pages are, and the fingerprint of their certificate.
    pub(crate) console: String,
    pub(crate) fingerprint: String,
    pub(crate) technicians: Vec<(Somebody, &'static str)>,
    pub(crate) staff: Vec<Somebody>,
    pub(crate) next_opening: String,
    /// Opens `officer.key.age`: what the security officer types to replay in the browser.
    pub(crate) officer_passphrase: String,
}

/// Work factor of the demo's key file: the passphrase is drawn, and nobody waits for it.
const OFFICER_WORK: u8 = 12;

/// Runs the demo until Ctrl-C.
pub fn run(args: DemoArgs) -> anyhow::Result<()> {
    if !args.ssh_address.is_loopback() {
        bail!("the demo listens on loopback only: `{}` is reachable by others", args.ssh_address);
    }
    if Path::new(crate::cli::DEFAULT_CONFIG).exists() {
        bail!("a site is configured on this machine (`{}`): run the demo elsewhere", crate::cli::DEFAULT_CONFIG);
    }
    let folder = folder(args.dir.as_deref())?;
    let cleaner = Cleaner { folder: folder.clone(), ready: args.ready_file.clone() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(play(&args, folder));
    drop(cleaner);
    outcome
}

/// Leaves nothing behind.
struct Cleaner {
    folder: PathBuf,
    ready: Option<PathBuf>,
}

impl Drop for Cleaner {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
        if let Some(ready) = &self.ready {
            let _ = fs::remove_file(ready);
        }
    }
}

fn folder(wanted: Option<&Path>) -> anyhow::Result<PathBuf> {
    let folder = match wanted {
        Some(folder) if folder.exists() => bail!("`{}` exists already: name a folder that does not", folder.display()),
        Some(folder) => std::path::absolute(folder)?,
        None => {
            let tag: [u8; 6] = entropy::bytes()?;
            std::env::temp_dir().join(format!("poterne-demo-{}", data_encoding::HEXLOWER.encode(&tag)))
        }
    };
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(&folder)
        .with_context(|| format!("`{}` cannot be made", folder.display()))?;
    Ok(folder)
}

fn language(wanted: Option<&str>) -> &'static str {
    let from_environment = || {
        let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
            .iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        locale.is_some_and(|locale| locale.starts_with("fr"))
    };
    match wanted {
        Some("fr") => "fr",
        Some(_) => "en",
        None if from_environment() => "fr",
        None => "en",
    }
}

fn somebody(
    login: &'static str,
    name: &'static str,
    of: &'static str,
    roles: &'static [Role],
    group: Option<&'static str>,
) -> anyhow::Result<Somebody> {
    Ok(Somebody { login, name, of, roles, group, password: entropy::password()?, totp: factors::new_totp()? })
}

async fn play(args: &DemoArgs, folder: PathBuf) -> anyhow::Result<()> {
    let language = language(args.language.as_deref());
    let clock = Arc::new(SystemClock::start());
    let mut targets = Vec::new();
    for equipment in &TARGETS {
        targets.push((equipment, target::Target::start(&folder.join(equipment.id)).await?));
    }
    let free =
        |address: IpAddr| Ok::<_, std::io::Error>(std::net::TcpListener::bind((address, 0))?.local_addr()?.port());
    let port = if args.ssh_port == 0 { free(args.ssh_address)? } else { args.ssh_port };
    let ssh = SocketAddr::new(args.ssh_address, port);
    let loopback = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let console_port = if args.console_port == 0 { free(loopback)? } else { args.console_port };
    let console = SocketAddr::new(loopback, console_port);
    let officer_passphrase = entropy::password()?;
    let main = write_site(&folder, (ssh, console), language, &targets, &clock, &officer_passphrase)?;
    let daemon =
        Daemon::start(&Options { config: main.clone(), confirm_clock: false, confined: None }, clock.clone()).await?;
    let mut bound = daemon.bound.clone();
    // The listener opens as its own task gets to run; the port may also be taken by another.
    let opened =
        tokio::time::timeout(std::time::Duration::from_secs(5), bound.wait_for(|addresses| !addresses.is_empty()))
            .await
            // What it gives holds a lock against the listener.
            .is_ok_and(|opened| opened.is_ok());
    if !opened {
        bail!("the port {port} is taken: choose another with --ssh-port, or 0 for a free one");
    }
    let mut listening = daemon.console.clone();
    let opened = tokio::time::timeout(std::time::Duration::from_secs(5), listening.opened()).await;
    if !matches!(opened, Ok(Some(_))) {
        bail!("the port {console_port} is taken: choose another with --console-port, or 0 for a free one");
    }
    let socket = daemon.site.paths.socket();
    let technicians = vec![
        (somebody("alice", "Alice Martin", "imagix", &[], None)?, "imagix"),
        (somebody("bruno", "Bruno Keller", "labex", &[], None)?, "labex"),
    ];
    let staff = vec![
        somebody("claire", "Claire Dubois", "chu", &[Role::Approver], Some("radiologie"))?,
        somebody("henri", "Henri Moreau", "chu", &[Role::Approver], Some("laboratoire"))?,
        somebody("sophie", "Sophie Laurent", "chu", &[Role::Security], None)?,
        somebody("nadia", "Nadia Benali", "chu", &[Role::Operator], None)?,
    ];
    enrol(&socket, &technicians, &staff, &targets).await?;
    let next_opening = next_opening(&daemon);
    let fingerprint = daemon.console.certificate().map(|certificate| certificate.fingerprint).unwrap_or_default();
    let console = format!("https://{console}");
    let stage = Stage { folder, main, ssh, console, fingerprint, technicians, staff, next_opening, officer_passphrase };
    if let Some(file) = &args.ready_file {
        write_ready(file, &stage, &daemon.journal_key)?;
    }
    let screen = tokio::spawn(screen::show(stage, daemon.site.clone(), clock, language));
    let stopped = until_told_to_stop(&daemon).await;
    screen.abort();
    daemon.stop("the demo ends").await;
    Ok(stopped?)
}

fn next_opening(daemon: &Daemon) -> String {
    let config = daemon.site.config();
    let closed = config.calendars.values().find(|calendar| calendar.id.as_str() == "bientot");
    let opening = closed.and_then(|calendar| calendar.next_opening(daemon.site.clock.now()));
    opening.map_or_else(String::new, |at| crate::ctl::view::local(at, &config.site.zone))
}

/// The files of the site, made from the present instant: always open, and closed until the day
/// after tomorrow.
fn write_site(
    folder: &Path,
    (ssh, console): (SocketAddr, SocketAddr),
    language: &str,
    targets: &[(&Equipment, target::Target)],
    clock: &SystemClock,
    officer_passphrase: &str,
) -> anyhow::Result<PathBuf> {
    let officer = recorder::RecoveryKey::generate();
    write_private(&folder.join("officer.key"), officer.to_line().as_bytes())?;
    let replay_key = folder.join("officer.key.age");
    write_private(&replay_key, &crate::replay::lock(&officer.to_line(), officer_passphrase, OFFICER_WORK)?)?;
    let zone = TimeZone::get("Europe/Paris").unwrap_or(TimeZone::UTC);
    let today = zone.to_datetime(clock.now()).date();
    let later = today.checked_add(jiff::Span::new().days(2))?;
    let weekday = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        .get(usize::try_from(later.weekday().to_monday_zero_offset())?)
        .copied()
        .unwrap_or("mon");
    let (first, last) =
        (today.checked_sub(jiff::Span::new().days(30))?, today.checked_add(jiff::Span::new().days(300))?);
    let help = if language == "fr" { "voir l'ecran de la demonstration" } else { "see the screen of the demo" };
    let main = folder.join("poterne.toml");
    let state = folder.join("state");
    let mut text = format!(
        "# A throw-away site made by `poterne demo`.\n\
         [site]\nname = \"CHU Exemple\"\ntimezone = \"Europe/Paris\"\nlanguage = \"{language}\"\nstate = \"{}\"\nreserve = \"4 MiB\"\n\n\
         [ssh]\nlisten = [\"{ssh}\"]\nopen = \"hours\"\nhelp = \"{help}\"\n\n\
         [console]\nlisten = \"{console}\"\n\n\
         [calendars.toujours]\nholidays = \"none\"\nhours = [{{ days = \"mon-sun\", from = \"00:00\", to = \"24:00\" }}]\n\n\
         [calendars.bientot]\nholidays = \"none\"\nhours = [{{ days = \"{weekday}\", from = \"08:00\", to = \"18:00\" }}]\n\n\
         [groups.radiologie]\nname = \"Radiologie\"\n\n[groups.laboratoire]\nname = \"Laboratoire\"\n\n\
         [recordings]\nrecipients = [\"{}\"]\nreplay-key = \"{}\"\n",
        state.display(),
        officer.public_line(),
        replay_key.display(),
    );
    let _ = writeln!(text, "\n# Kept for the demo's end: officer.key opens the recordings.");
    write_private(&main, text.as_bytes())?;
    for part in ["vendors.d", "targets.d"] {
        fs::DirBuilder::new().mode(0o700).create(folder.join(part))?;
    }
    for (vendor, name) in [("imagix", "Imagix Medical SAS"), ("labex", "Labex Diagnostics")] {
        let targets = targets_of(vendor).iter().map(|id| format!("\"{id}\"")).collect::<Vec<_>>().join(", ");
        let text = format!(
            "[vendor.{vendor}]\nname = \"{name}\"\ncontract = {{ reference = \"2026-117\", from = \"{first}\", until = \"{last}\" }}\n\
             contact = {{ name = \"Support {name}\", phone = \"+33 1 00 00 00 00\", email = \"support@{vendor}.example\" }}\n\
             sources = [\"127.0.0.0/8\", \"::1\"]\ncalendar = \"toujours\"\nlanguage = \"{language}\"\nfactors = [\"password\", \"totp\"]\n\n\
             [[vendor.{vendor}.allow]]\ntargets = [{targets}]\nrights = [\"shell\", \"exec\", \"sftp-read\", \"sftp-write\", \"scp-read\", \"scp-write\"]\napproval = {{ quorum = 1, per = \"session\" }}\nlongest = \"2h\"\n"
        );
        write_private(&folder.join("vendors.d").join(format!("{vendor}.toml")), text.as_bytes())?;
    }
    for (equipment, target) in targets {
        let Equipment { id, name, open, supervision, group } = equipment;
        let mut text = format!(
            "[target.{id}]\nname = \"{name}\"\naddress = \"{}\"\nhost-key = \"{}\"\naccount = \"maint\"\napprovers = [\"{group}\"]\nsupervision = \"{supervision}\"\n",
            target.address, target.host_key
        );
        if !open {
            text.push_str("calendar = \"bientot\"\n");
        }
        write_private(&folder.join("targets.d").join(format!("{id}.toml")), text.as_bytes())?;
    }
    Ok(main)
}

fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("`{}` cannot be written", path.display()))?;
    file.write_all(bytes)?;
    Ok(())
}

/// Creates people and credentials through the same socket and verbs as an operator would.
async fn enrol(
    socket: &Path,
    technicians: &[(Somebody, &'static str)],
    staff: &[Somebody],
    targets: &[(&Equipment, target::Target)],
) -> anyhow::Result<()> {
    let person = |who: &Somebody, n: usize| PersonArgs {
        name: who.name.to_owned(),
        email: format!("{}@{}.example", who.login, who.of),
        phone: format!("+33 6 00 00 {:02} {n:02}", who.of.len()),
    };
    let known = |who: &Somebody| Factors {
        password: Some(Hidden::new(who.password.clone())),
        totp: Some(Hidden::new(who.totp.clone())),
    };
    let mut requests = Vec::new();
    for (n, (who, vendor)) in technicians.iter().enumerate() {
        requests.push(Order::TechnicianAdd {
            login: who.login.parse()?,
            vendor: vendor.parse()?,
            person: person(who, n),
            proofing: "the demo made this person up".to_owned(),
            keys: Vec::new(),
            factors: known(who),
        });
    }
    for (equipment, target) in targets {
        let credential = CredentialArgs::Key(Hidden::new(target.key.clone()));
        requests.push(Order::TargetCredential { target: equipment.id.parse()?, login: None, credential });
    }
    // The operator last: from then on a changing verb takes a sign-in (D11).
    for (n, who) in staff.iter().enumerate() {
        let groups = who.group.map(str::parse).transpose()?.into_iter().collect();
        requests.push(Order::StaffAdd {
            login: who.login.parse()?,
            person: person(who, n),
            roles: who.roles.iter().copied().collect(),
            groups,
            factors: known(who),
        });
    }
    let socket = socket.to_owned();
    tokio::task::spawn_blocking(move || {
        requests.iter().try_for_each(|request| client::ask(&socket, request).map(|_| ()).map_err(anyhow::Error::from))
    })
    .await?
}

fn write_ready(file: &Path, stage: &Stage, journal_key: &str) -> anyhow::Result<()> {
    let person =
        |who: &Somebody| (who.login, who.password.clone(), factors::otpauth(&who.totp, who.login, "CHU Exemple"));
    let technicians: Vec<_> = stage
        .technicians
        .iter()
        .map(|(who, vendor)| {
            let (login, password, totp) = person(who);
            json!({ "login": login, "vendor": vendor, "password": password, "totp": totp, "targets": targets_of(vendor) })
        })
        .collect();
    let staff: Vec<_> = stage
        .staff
        .iter()
        .map(|who| {
            let (login, password, totp) = person(who);
            json!({ "login": login, "roles": who.roles, "groups": who.group.iter().collect::<Vec<_>>(), "password": password, "totp": totp })
        })
        .collect();
    let targets: Vec<_> =
        TARGETS.iter().map(|one| json!({ "id": one.id, "open": one.open, "supervision": one.supervision })).collect();
    let ready = json!({
        "ssh": { "host": stage.ssh.ip().to_string(), "port": stage.ssh.port() },
        "console": stage.console,
        "config": stage.main,
        "officer_key": stage.main.with_file_name("officer.key"),
        "officer_passphrase": stage.officer_passphrase,
        "journal_key": journal_key,
        "technicians": technicians,
        "staff": staff,
        "targets": targets,
    });
    // Whole or not at all: a script that waits for the file must never read half of it.
    let staged = file.with_extension("new");
    let _ = fs::remove_file(&staged);
    write_private(&staged, serde_json::to_string_pretty(&ready)?.as_bytes())?;
    fs::rename(&staged, file).with_context(|| format!("`{}` cannot be written", file.display()))
}
