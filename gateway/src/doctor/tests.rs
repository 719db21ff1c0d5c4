//! Each check on a fixture tree, in each of its states.

use super::*;
use jiff::SignedDuration;
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

fn now() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

/// A tree of a machine in which all is well, but for what a test changes.
struct Tree(TempDir);

impl Tree {
    fn bare() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn well() -> Self {
        let tree = Self::bare();
        tree.put("/etc/nsswitch.conf", "passwd: files systemd\ngroup: files\nhosts: files dns\n");
        tree.put("/etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12\"\nID=debian\nVERSION_ID=\"12\"\n");
        tree.put("/var/lib/apt/lists/deb.debian.org_InRelease", "x")
            .aged("/var/lib/apt/lists/deb.debian.org_InRelease", 1);
        tree.put("/var/lib/dpkg/status", "x").aged("/var/lib/dpkg/status", 3);
        tree.put("/proc/1/comm", "systemd\n").put("/proc/77/comm", "auditd\n").put("/proc/78/comm", "chronyd\n");
        tree.put("/etc/audit/audit.rules", "# made\n-D\n-w /etc/passwd -p wa\n-a always,exit -S execve\n");
        tree.put("/var/lib/chrony/drift", "1.0 0.1\n").aged("/var/lib/chrony/drift", 0);
        tree
    }

    fn put(&self, path: &str, text: &str) -> &Self {
        let path = self.root().at(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn without(&self, path: &str) -> &Self {
        fs::remove_file(self.root().at(path)).unwrap();
        self
    }

    fn aged(&self, path: &str, days: u64) -> &Self {
        let at = SystemTime::from(now()) - Duration::from_secs(days * 86_400 + 60);
        fs::File::options().append(true).open(self.root().at(path)).unwrap().set_modified(at).unwrap();
        self
    }

    fn root(&self) -> Root {
        Root::new(self.0.path().to_owned())
    }

    /// Level and word of one check of the host.
    fn finds(&self, id: &str) -> (Level, &'static str) {
        let all = host(&self.root(), now());
        let one = all.into_iter().find(|one| one.id == id).unwrap();
        (one.level, one.seen)
    }
}

#[test]
fn a_machine_that_is_well_is_green() {
    for finding in host(&Tree::well().root(), now()) {
        assert_eq!(finding.level, Level::Green, "{finding:?}");
    }
}

/// LOG-17: what cannot be seen is never green.
#[test]
fn nothing_seen_is_nothing_green() {
    for finding in host(&Tree::bare().root(), now()) {
        assert_ne!(finding.level, Level::Green, "{finding:?}");
    }
}

/// HRD-01.
#[test]
fn a_directory_is_found_wherever_it_shows() {
    for (path, text, seen) in [
        ("/etc/sssd/sssd.conf", "[domain/chu]\nid_provider = ad\n", "file"),
        ("/etc/krb5.keytab", "x", "file"),
        ("/etc/realmd.conf", "", "file"),
        ("/etc/krb5.conf", "[libdefaults]\n  default_realm = CHU.LOCAL\n", "realm"),
        ("/etc/samba/smb.conf", "[global]\n security = ADS\n", "samba"),
        ("/etc/nsswitch.conf", "passwd: files winbind\n", "names"),
        ("/proc/90/comm", "winbindd\n", "runs"),
    ] {
        let tree = Tree::well();
        tree.put(path, text);
        assert_eq!(tree.finds("directory"), (Level::Red, seen), "{path}");
    }
    let tree = Tree::well();
    tree.put("/etc/krb5.conf", "[libdefaults]\n# default_realm = CHU.LOCAL\n");
    assert_eq!(tree.finds("directory"), (Level::Green, "none"));
}

/// HRD-02.
#[test]
fn patches_and_releases_age() {
    for (release, expected) in [
        ("ID=debian\nVERSION_ID=\"13\"\n", (Level::Green, "supported")),
        ("ID=debian\nVERSION_ID=\"11\"\n", (Level::Red, "over")),
        ("ID=other\nVERSION_ID=\"9\"\n", (Level::Amber, "unknown")),
    ] {
        let tree = Tree::well();
        tree.put("/etc/os-release", release);
        assert_eq!(tree.finds("release"), expected, "{release}");
    }
    let soon = "2028-03-01T00:00:00Z".parse().unwrap();
    assert_eq!(system::release(&Tree::well().root(), soon).level, Level::Amber);
    const LISTS: &str = "/var/lib/apt/lists/deb.debian.org_InRelease";
    for (lists, status, expected) in [
        (7, 3, (Level::Green, "fresh")),
        (8, 3, (Level::Amber, "lists")),
        (31, 3, (Level::Red, "lists")),
        (1, 61, (Level::Amber, "installed")),
    ] {
        let tree = Tree::well();
        tree.aged(LISTS, lists).aged("/var/lib/dpkg/status", status);
        assert_eq!(tree.finds("patches"), expected, "{lists} {status}");
    }
}

/// HRD-03.
#[test]
fn traces_are_made_only_by_what_runs_with_rules() {
    let tree = Tree::well();
    assert_eq!(tree.put("/etc/audit/audit.rules", "-D\n-b 8192\n").finds("trace"), (Level::Amber, "no-rules"));
    assert_eq!(tree.without("/etc/audit/audit.rules").finds("trace"), (Level::Amber, "unread"));
    assert_eq!(tree.put("/etc/audit/rules.d/a.rules", "-w /etc/shadow\n").finds("trace"), (Level::Green, "auditd"));
    assert_eq!(tree.without("/proc/77/comm").finds("trace"), (Level::Red, "stopped"));
    assert_eq!(tree.without("/etc/audit/rules.d/a.rules").finds("trace"), (Level::Red, "none"));
    assert_eq!(tree.put("/proc/80/comm", "sysmon\n").finds("trace"), (Level::Amber, "sysmon-bare"));
    assert_eq!(tree.put("/opt/sysmon/config.xml", "<x/>").finds("trace"), (Level::Green, "sysmon"));
}

/// TIM-09.
#[test]
fn a_clock_is_followed_or_not() {
    let tree = Tree::well();
    assert_eq!(tree.finds("clock"), (Level::Green, "daemon"));
    assert_eq!(tree.aged("/var/lib/chrony/drift", 5).finds("clock"), (Level::Amber, "stale"));
    assert_eq!(tree.without("/var/lib/chrony/drift").finds("clock"), (Level::Amber, "not-yet"));
    assert_eq!(tree.without("/proc/78/comm").finds("clock"), (Level::Red, "nobody"));
    tree.put("/run/systemd/timesync/synchronized", "").put("/var/lib/systemd/timesync/clock", "");
    assert_eq!(tree.aged("/var/lib/systemd/timesync/clock", 0).finds("clock"), (Level::Green, "timesyncd"));
    assert_eq!(tree.aged("/var/lib/systemd/timesync/clock", 9).finds("clock"), (Level::Amber, "stale"));
}

/// T15: only a key that a TPM sealed is green.
#[test]
fn only_a_tpm_keeps_the_key_of_the_vault() {
    let state = Path::new("/var/lib/poterne");
    let finds = |tree: &Tree| {
        let one = secrets::vault_key(&tree.root(), state, now());
        (one.level, one.seen)
    };
    let sealed = |first: &str| {
        let mut bytes = data_encoding::HEXLOWER.decode(first.as_bytes()).unwrap();
        bytes.extend([7; 40]);
        let text = data_encoding::BASE64.encode(&bytes);
        format!("{}\n{}\n", &text[..20], &text[20..])
    };
    const UNIT: &str = "/etc/systemd/system/poterne.service";
    const CRED: &str = "/etc/poterne/vault-key.cred";
    let tree = Tree::bare();
    assert_eq!(finds(&tree), (Level::Amber, "unknown"));
    tree.put("/var/lib/poterne/vault/vault-key", "AGE-SECRET-KEY-1");
    assert_eq!(finds(&tree), (Level::Red, "beside"));
    tree.put(UNIT, "[Service]\nLoadCredentialEncrypted=vault-key:/etc/poterne/vault-key.cred\n");
    assert_eq!(finds(&tree), (Level::Red, "beside"));
    for (first, expected) in [
        ("0c7cc07b117645919c4b0bea08bc20fe", (Level::Green, "tpm")),
        ("93a894094874449090caf2fc93cab553", (Level::Green, "tpm")),
        ("5a1c6a86df9d4096b1d5a65e0862f19a", (Level::Amber, "host")),
        ("058469daf6f54324800549da0f8ea2fb", (Level::Red, "null")),
        ("00000000000000000000000000000000", (Level::Amber, "unknown")),
    ] {
        tree.put(CRED, &sealed(first)).aged(CRED, 10);
        assert_eq!(finds(&tree), expected, "{first}");
    }
    tree.put(CRED, &sealed("0c7cc07b117645919c4b0bea08bc20fe")).aged(CRED, 1200);
    assert_eq!(finds(&tree), (Level::Amber, "old"));
    let drop_in = "[Service]\nLoadCredentialEncrypted=\nLoadCredential=vault-key:/run/keys/k\n";
    tree.put("/etc/systemd/system/poterne.service.d/key.conf", drop_in);
    assert_eq!(finds(&tree), (Level::Red, "plain"));
}

fn config(tree: &Tree, open: &str) -> Config {
    let held = crate::conformity::tests::HELD;
    let (before, after) = held.split_once("[notify.webhooks.chat]").unwrap();
    let after = after.split_once("\n\n").unwrap().1;
    let text = format!("{before}{after}")
        .replace("open = \"armed\"", &format!("open = \"{open}\""))
        .replace("certificate = \"PEMFILE\"\nkey = \"KEYFILE\"", "");
    let path = tree.0.path().join("poterne.toml");
    fs::write(&path, text).unwrap();
    config::load(&path, config::Options { at: now(), unpinned: false }).unwrap_or_else(|error| panic!("{error}"))
}

/// A table of the kernel in which these listen.
fn table(listening: &[(&str, u16)]) -> String {
    let mut text = "  sl  local_address rem_address   st\n".to_owned();
    for (ip, port) in listening {
        let octets = ip.parse::<std::net::Ipv4Addr>().unwrap().octets();
        let word = u32::from_ne_bytes(octets);
        text.push_str(&format!("   0: {word:08X}:{port:04X} 00000000:0000 0A 00000000:00000000 0 0 0 0\n"));
    }
    text
}

/// TIM-01, LIF-01, HRD-11.
#[test]
fn the_port_is_held_against_the_configuration() {
    let monday = "2026-11-23T09:00:00Z".parse().unwrap();
    let sunday = now();
    let well = serde_json::json!({ "armed": false, "lockdown": false });
    let armed = serde_json::json!({ "armed": true, "lockdown": false });
    let cut = serde_json::json!({ "armed": false, "lockdown": true });
    let part = serde_json::json!({ "armed": false, "lockdown": true, "lockdown_reopened": ["radiologie"] });
    let (ssh, console) = (("10.9.0.1", 2222), ("10.1.0.5", 443));
    let cases = [
        ("hours", vec![ssh, console], Some(&well), monday, Level::Green, "due"),
        ("hours", vec![console], Some(&well), monday, Level::Red, "missing"),
        ("hours", vec![ssh], Some(&well), monday, Level::Red, "console"),
        ("hours", vec![console], Some(&well), sunday, Level::Green, "closed"),
        ("hours", vec![ssh, console], Some(&well), sunday, Level::Amber, "not-due"),
        ("hours", vec![ssh, console], Some(&armed), sunday, Level::Green, "due"),
        ("hours", vec![ssh, console], None, sunday, Level::Amber, "open-unknown"),
        ("hours", vec![console], None, sunday, Level::Amber, "closed-unknown"),
        ("hours", vec![ssh, console], Some(&cut), monday, Level::Red, "lockdown"),
        ("hours", vec![console], Some(&cut), monday, Level::Amber, "cut"),
        ("hours", vec![ssh, console], Some(&part), monday, Level::Amber, "part"),
        ("hours", vec![ssh], Some(&part), monday, Level::Red, "console"),
        ("armed", vec![console], Some(&well), monday, Level::Green, "closed"),
        ("always", vec![ssh, console], Some(&well), sunday, Level::Amber, "always"),
    ];
    for (open, listening, status, at, level, seen) in cases {
        let tree = Tree::bare();
        tree.put("/proc/net/tcp", &table(&listening));
        let found = network::listener(&tree.root(), &config(&tree, open), status, at);
        assert_eq!((found.level, found.seen), (level, seen), "{open} {listening:?} {status:?}");
    }
    for (more, level, seen) in [
        (vec![], Level::Green, "none"),
        (vec![("127.0.0.1", 25)], Level::Green, "none"),
        (vec![("0.0.0.0", 111)], Level::Amber, "others"),
        (vec![("0.0.0.0", 111), ("0.0.0.0", 5938)], Level::Red, "remote"),
    ] {
        let tree = Tree::bare();
        tree.put("/proc/net/tcp", &table(&[vec![ssh, console], more.clone()].concat()));
        let found = network::stray(&tree.root(), Some(&config(&tree, "hours")));
        assert_eq!((found.level, found.seen), (level, seen), "{more:?}");
    }
}

/// What the daemon tells, and what it does not.
#[test]
fn ages_are_told_or_unknown() {
    let level = |status: Result<&Value, String>, id: &str| {
        let all = answers::daemon(status, now());
        let one = all.iter().find(|one| one.id == id).unwrap();
        (one.level, one.seen)
    };
    let ago = |hours| (now() - SignedDuration::from_hours(hours)).to_string();
    let well = serde_json::json!({ "journal_works": true, "clock_trusted": true, "lockdown": false,
        "emergencies_to_review": 0, "last_backup": ago(2), "siem.soc": "takes what is sent; 0 wait, the next is 7",
        "anchors": [{ "anchor": "syslog", "overdue": false }] });
    for id in ["daemon", "anchor", "siem", "backup"] {
        assert_eq!(level(Ok(&well), id).0, Level::Green, "{id}");
        assert_eq!(level(Err("gone".into()), id), (Level::Amber, "silent"), "{id}");
    }
    let ill = serde_json::json!({ "journal_works": true, "clock_trusted": false, "lockdown": false,
        "last_backup": ago(400), "siem.soc": "takes nothing: refused; 9 wait, the next is 7", "anchors": [{ "anchor": "w", "overdue": true }] });
    assert_eq!(level(Ok(&ill), "daemon"), (Level::Red, "clock"));
    assert_eq!(level(Ok(&ill), "anchor"), (Level::Red, "overdue"));
    assert_eq!(level(Ok(&ill), "siem"), (Level::Red, "stuck"));
    assert_eq!(level(Ok(&serde_json::json!({})), "siem"), (Level::Red, "never"));
    assert_eq!(level(Ok(&ill), "backup"), (Level::Red, "age"));
    // EMG-05, LOG-12: while it is lifted by groups, and while the machine lacks something.
    for (more, expected) in [
        (serde_json::json!({ "lockdown": true }), (Level::Amber, "lockdown")),
        (serde_json::json!({ "lockdown": true, "lockdown_reopened": ["radiologie"] }), (Level::Amber, "part")),
        (serde_json::json!({ "lacks": { "room": "full" } }), (Level::Red, "lacks")),
        (serde_json::json!({ "lockdown": true, "lacks": { "clock": "set" } }), (Level::Red, "lacks")),
        (serde_json::json!({ "lacks": {} }), (Level::Green, "well")),
    ] {
        let mut status = well.clone();
        status.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(level(Ok(&status), "daemon"), expected, "{more}");
    }
    let older = serde_json::json!({ "journal_works": false });
    assert_eq!(level(Ok(&older), "daemon"), (Level::Red, "journal"));
    assert_eq!(level(Ok(&older), "backup"), (Level::Amber, "untold"));
}

/// D35, HRD-06: what the kernel says of the daemon, wall by wall.
#[test]
fn how_the_daemon_is_shut_in_is_judged() {
    let told = |filtered: bool, root: bool, abi: u64| {
        let status = serde_json::json!({ "confined": true, "landlock_abi": abi, "ports_confined": abi >= 4,
            "calls_filtered": filtered, "no_new_privileges": true, "root": root });
        let found = answers::daemon(Ok(&status), now());
        found.into_iter().find(|one| one.id == "confined").map(|one| (one.level, one.seen)).unwrap()
    };
    assert_eq!(told(true, false, 7), (Level::Green, "all"));
    assert_eq!(told(true, false, 2), (Level::Green, "no-ports"));
    assert_eq!(told(true, false, 0), (Level::Amber, "no-paths"));
    assert_eq!(told(true, true, 7), (Level::Red, "root"));
    assert_eq!(told(false, false, 7), (Level::Red, "open"));
}

/// Every word of every check has its text, in the sources of this folder; and what to do.
#[test]
fn every_finding_can_be_said() {
    let texts = crate::texts::Texts::new(config::Language::French, jiff::tz::TimeZone::UTC);
    for (id, _) in CHECKS {
        assert!(texts.has(&format!("doctor-{id}-todo")), "{id}");
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/doctor");
    let mut said = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("tests.rs") || path.ends_with("mod.rs") {
            continue;
        }
        let source = fs::read_to_string(&path).unwrap();
        let mut id = String::new();
        for line in source.lines() {
            if let Some(rest) = line.trim().strip_prefix("const ID: &str = \"") {
                id = rest.trim_end_matches("\";").to_owned();
            }
            for call in ["Finding::green(", "Finding::amber(", "Finding::red("] {
                for rest in line.split(call).skip(1) {
                    let words: Vec<&str> = rest.split('"').collect();
                    let (of, word) = match rest.starts_with("ID") {
                        true => (id.as_str(), words.get(1)),
                        false if rest.starts_with('"') => (words[1], words.get(3)),
                        false => continue,
                    };
                    if let Some(word) = word.filter(|word| !word.is_empty()) {
                        said += 1;
                        assert!(texts.has(&format!("doctor-{of}-{word}")), "doctor-{of}-{word} in {}", path.display());
                    }
                }
            }
        }
    }
    assert!(said > 50, "{said}");
}

#[test]
fn the_exit_status_is_the_worst() {
    let of = |levels: &[Level]| {
        let all: Vec<Finding> =
            levels.iter().map(|level| Finding { id: "x", level: *level, seen: "y", value: String::new() }).collect();
        exit_of(&all)
    };
    assert_eq!(of(&[Level::Green]), 0);
    assert_eq!(of(&[Level::Amber, Level::Green]), 2);
    assert_eq!(of(&[Level::Amber, Level::Red]), 1);
}
