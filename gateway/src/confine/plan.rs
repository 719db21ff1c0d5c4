//! What the daemon needs to reach, as its configuration says: paths and TCP ports, and nothing else.

use super::folder_of;
use config::{ClamavSocket, Config};
use policy::Right;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// What looking names up, judging certificates and the machine's own facts take. What is not there is
/// left out.
const READ: [&str; 20] = [
    // Who calls on the local socket and from which terminal (D11); the machine's name and uptime.
    "/proc",
    "/sys/devices/system/cpu",
    "/sys/fs/cgroup",
    "/dev/null",
    "/dev/urandom",
    // Names of mail servers and receivers of the journal; targets are numbers (NET-07).
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/ld.so.cache",
    // What name services are made of is loaded when the first name is looked up.
    "/lib",
    "/usr/lib",
    "/run/systemd/resolve",
    // Whom TLS trusts.
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
];
/// Names are asked for over TCP where an answer is long.
const DNS: u16 = 53;

/// Paths and ports that the daemon may reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// May be read, with all below.
    pub(super) read: BTreeSet<PathBuf>,
    /// May be read and written, with all below.
    pub(super) write: BTreeSet<PathBuf>,
    /// TCP ports to listen at.
    pub(super) bind: BTreeSet<u16>,
    /// TCP ports to connect to.
    pub(super) connect: BTreeSet<u16>,
}

impl Plan {
    /// What this configuration takes. `main` is its file.
    pub fn of(config: &Config, main: &Path) -> Plan {
        let fixed = READ.iter().chain(crate::doctor::READS).map(PathBuf::from);
        let handed_over = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let named = files(config).chain([main]).flat_map(folders);
        let read = fixed.chain(handed_over).chain(named).collect();
        let anchor = config.anchors.file.as_deref().and_then(folder_of);
        let write =
            [config.site.state.clone()].into_iter().chain(elsewhere(&config.site.state)).chain(anchor).collect();
        let bind = config.ssh.listen.iter().chain(config.console.iter().map(|console| &console.listen));
        Plan { read, write, bind: bind.map(|place| place.port()).collect(), connect: connects(config) }
    }

    /// Folders that `next` reaches and this does not.
    pub(super) fn paths_beyond(&self, next: &Plan) -> Vec<String> {
        let within = |path: &Path, roots: &BTreeSet<PathBuf>| roots.iter().any(|root| path.starts_with(root));
        let readable = |path: &&PathBuf| within(path, &self.read) || within(path, &self.write);
        let read = next.read.iter().filter(|path| !readable(path));
        let written = next.write.iter().filter(|path| !within(path, &self.write));
        read.chain(written)
            .filter(|path| path.exists())
            .map(|path| format!("the folder `{}`", path.display()))
            .collect()
    }

    /// Ports that `next` reaches and this does not.
    pub(super) fn ports_beyond(&self, next: &Plan) -> Vec<String> {
        let bind = next.bind.difference(&self.bind).map(|port| format!("listening at port {port}"));
        let connect = next.connect.difference(&self.connect).map(|port| format!("connecting to port {port}"));
        bind.chain(connect).collect()
    }
}

/// Where folders of the state folder really lie that are links, to a larger disk say.
fn elsewhere(state: &Path) -> impl Iterator<Item = PathBuf> {
    let entries = fs::read_dir(state).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_type().ok()?.is_symlink().then(|| entry.path().canonicalize().ok())?)
}

/// Files that the configuration names, beside those that are the configuration.
fn files(config: &Config) -> impl Iterator<Item = &Path> {
    let console = config.console.iter().flat_map(|one| one.certificate.iter().chain(&one.key));
    let relays = config.notify.mail.iter().chain(&config.notify.second_mail);
    let mail = relays.flat_map(|mail| mail.login.iter().map(|(_, file)| file));
    let hooks = config.notify.webhooks.values().map(|hook| &hook.key_file);
    let receivers = config.siem.values().flat_map(|one| {
        [&one.ca_file].into_iter().chain(one.client.iter().flat_map(|(certificate, key)| [certificate, key]))
    });
    console.chain(mail).chain(hooks).chain(receivers).chain(&config.recordings.replay_key).map(PathBuf::as_path)
}

/// The folder that a file is named in, and the one that it lies in: certificates are often linked.
fn folders(file: &Path) -> impl Iterator<Item = PathBuf> {
    let lies = file.canonicalize().ok().as_deref().and_then(folder_of);
    folder_of(file).into_iter().chain(lies)
}

fn connects(config: &Config) -> BTreeSet<u16> {
    let targets = config.targets.values().map(|target| target.address.port());
    let rights = config.vendors.values().flat_map(|vendor| &vendor.rules.allow).flat_map(|rule| rule.rights.iter());
    let forwards = rights.filter_map(|right| match right {
        Right::Forward(to) => Some(to.port()),
        _ => None,
    });
    let clamd = config.clamav.iter().filter_map(|clamav| match &clamav.socket {
        ClamavSocket::Tcp(place) => Some(place.port()),
        ClamavSocket::Unix(_) => None,
    });
    let relays = config.notify.mail.iter().chain(&config.notify.second_mail);
    let told = relays.map(|mail| mail.port).chain(config.siem.values().map(|one| one.port));
    let hooks = config.notify.webhooks.values().map(|hook| &hook.url);
    let anchors = config.anchors.timestamp.iter().chain(config.anchors.witnesses.values().map(|one| &one.url));
    let addresses = hooks.chain(anchors).filter_map(|url| reqwest::Url::parse(url).ok()?.port_or_known_default());
    [DNS].into_iter().chain(targets).chain(forwards).chain(clamd).chain(told).chain(addresses).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(read: &[&str], write: &[&str], bind: &[u16], connect: &[u16]) -> Plan {
        let paths = |all: &[&str]| all.iter().map(PathBuf::from).collect();
        Plan {
            read: paths(read),
            write: paths(write),
            bind: bind.iter().copied().collect(),
            connect: connect.iter().copied().collect(),
        }
    }

    /// The shipped example: its own folder is read, its state folder written, and the ports are those that
    /// it names.
    #[test]
    fn the_plan_is_what_the_configuration_names() {
        let main = Path::new(env!("CARGO_MANIFEST_DIR")).join("../config/examples/poterne.toml");
        let at = "2026-03-02T09:00:00Z".parse().unwrap();
        let config = config::load(&main, config::Options { at, unpinned: false }).unwrap();
        let plan = Plan::of(&config, &main);
        assert!(plan.read.contains(&main.parent().unwrap().canonicalize().unwrap()), "{plan:?}");
        assert!(plan.write.contains(Path::new("/var/lib/poterne")) && plan.write.len() == 1, "{plan:?}");
        assert!(
            !plan
                .read
                .iter()
                .any(|path| ["/", "/etc", "/home", "/var", "/usr"].iter().any(|one| path == Path::new(one)))
        );
        assert_eq!(plan.bind, BTreeSet::from([22, 443]));
        let targets: BTreeSet<u16> = config.targets.values().map(|one| one.address.port()).collect();
        assert!(!targets.is_empty() && targets.is_subset(&plan.connect) && plan.connect.contains(&DNS));
    }

    /// D35: what a reload would need besides is named, and nothing that is there already.
    #[test]
    fn what_lies_beyond_is_named() {
        let now = plan(&["/proc", "/etc"], &["/tmp"], &[22], &[53, 22]);
        assert!(now.paths_beyond(&plan(&["/etc/hosts", "/tmp"], &["/tmp"], &[], &[])).is_empty());
        assert_eq!(now.paths_beyond(&plan(&["/usr"], &["/etc"], &[], &[])), ["the folder `/usr`", "the folder `/etc`"]);
        assert!(now.paths_beyond(&plan(&["/there/is/none"], &[], &[], &[])).is_empty());
        let more = plan(&[], &[], &[22, 443], &[22, 8022]);
        assert_eq!(now.ports_beyond(&more), ["listening at port 443", "connecting to port 8022"]);
    }
}
