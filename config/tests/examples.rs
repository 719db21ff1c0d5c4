//! The shipped examples load, and the table of keys is what the loader really asks for.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use config::{Config, KEYS, Language, MailTls, Opening, Options, SiemFormat, Topic, load, man_table, show};
use jiff::SignedDuration;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn options() -> Options {
    Options { at: "2026-06-01T10:00:00Z".parse().unwrap(), unpinned: false }
}

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

fn shipped() -> Config {
    load(&examples().join("poterne.toml"), options()).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn the_shipped_examples_load() {
    let config = shipped();
    let warnings: Vec<&str> = config.warnings.iter().map(|warning| warning.message.as_str()).collect();
    // The one thing an operator must change says so at every load until it is changed.
    assert_eq!(
        warnings,
        ["this recipient is the example's: its secret key is published, and anybody can open the recordings; write \
          your security officers' keys"]
    );
    assert_eq!((config.vendors.len(), config.targets.len()), (2, 3));
    assert!(config.any_hours_open(options().at));
    assert!(!config.any_hours_open("2026-05-25T10:00:00Z".parse().unwrap()), "Whit Monday");
}

#[test]
fn the_loader_asks_for_the_keys_of_the_table_and_no_others() {
    let table: BTreeSet<String> = KEYS.iter().map(|key| key.path.to_owned()).collect();
    assert_eq!(table.len(), KEYS.len(), "a key stands twice in the table");
    // The examples leave `[notify]` out: it names files that are the site's.
    assert_eq!(shipped().asked.union(&every_key().1.asked).cloned().collect::<BTreeSet<_>>(), table);
}

/// A test's file, with the files that it names.
fn with_files(folder: &Path, text: &str) -> String {
    let (pem, key) = (folder.join("c.pem"), folder.join("c.key"));
    std::fs::write(&pem, "").unwrap();
    std::fs::write(&key, "0123456789abcdef0123456789abcdef\n").unwrap();
    std::fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let officer = folder.join("officer.age");
    std::fs::write(&officer, "age-encryption.org/v1\n-> scrypt c2FsdA 18\n").unwrap();
    std::fs::set_permissions(&officer, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let text = text.replace("OFFICER", officer.to_str().unwrap());
    text.replace("CERTIFICATE", pem.to_str().unwrap()).replace("KEY", key.to_str().unwrap())
}

fn every_key() -> (String, Config) {
    let folder = tempfile::tempdir().unwrap();
    let text = with_files(folder.path(), include_str!("every-key.toml"));
    let main = folder.path().join("poterne.toml");
    std::fs::write(&main, &text).unwrap();
    let config = load(&main, options()).unwrap_or_else(|error| panic!("{error}"));
    (text, config)
}

/// Every key, written by hand with its default or a plain value.
#[test]
fn every_key_of_the_table_can_be_written() {
    let (text, config) = every_key();
    let mut written = BTreeSet::new();
    patterns(&toml::Value::Table(text.parse().unwrap()), "", &mut written);
    let table: BTreeSet<String> = KEYS.iter().map(|key| key.path.to_owned()).collect();
    assert_eq!(written, table);
    assert_eq!(config.effective.len(), show(&config).lines().filter(|line| !line.is_empty()).count());
}

fn patterns(value: &toml::Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                let named = matches!(
                    path,
                    "anchors.witnesses" | "calendars" | "groups" | "notify.webhooks" | "siem" | "vendor" | "target"
                );
                let step = if named { "*" } else { name };
                patterns(value, &if path.is_empty() { step.to_owned() } else { format!("{path}.{step}") }, found);
            }
        }
        toml::Value::Array(items) if items.first().is_some_and(toml::Value::is_table) => {
            for item in items {
                patterns(item, &format!("{path}[]"), found);
            }
        }
        _ => {
            found.insert(path.to_owned());
        }
    }
}

/// What holds when as little as possible is written, typed; and the table says the same.
#[test]
fn the_defaults_of_the_table_are_the_true_ones() {
    let folder = tempfile::tempdir().unwrap();
    let main = folder.path().join("poterne.toml");
    std::fs::write(&main, with_files(folder.path(), include_str!("least.toml"))).unwrap();
    let config = load(&main, options()).unwrap_or_else(|error| panic!("{error}"));

    assert_eq!(config.site.language, Language::French);
    assert_eq!(config.site.state, Path::new("/var/lib/poterne"));
    assert_eq!(config.ssh.listen, ["0.0.0.0:22".parse().unwrap()]);
    assert_eq!(config.ssh.open, Opening::Hours);
    assert_eq!((config.ssh.legacy_clients, config.ssh.help.as_str()), (false, ""));
    assert_eq!((config.ssh.pending, config.ssh.channels), (200, 10));
    let console = config.console.as_ref().unwrap();
    assert_eq!((&console.certificate, &console.key), (&None, &None));
    assert_eq!(console.address, "https://10.1.0.5:443");
    let hook = &config.notify.webhooks["w"];
    assert_eq!((hook.events.len(), hook.groups.len()), (Topic::ALL.len(), 0));
    let mail = config.notify.mail.as_ref().unwrap();
    assert_eq!((mail.tls, &mail.login), (MailTls::Starttls, &None));
    let siem = &config.siem["s"];
    assert_eq!((siem.format, siem.facility, &siem.client), (SiemFormat::Rfc5424, 10, &None));
    assert_eq!(siem.alarm_after, SignedDuration::from_mins(15));
    assert_eq!(config.alarms.leak_window, SignedDuration::from_hours(24));
    assert_eq!((config.recordings.record_limit.0, config.recordings.session_quota.0), (1 << 30, 20 << 30));
    assert_eq!(config.recordings.replay_key, None, "replay in the browser is an explicit setting");
    assert_eq!(config.supervision.freeze_after, SignedDuration::from_secs(5));
    assert_eq!(config.supervision.end_after, SignedDuration::from_mins(5));
    assert_eq!((config.retention.journal.0, config.retention.recordings.0), (12, 6));
    assert_eq!(config.retention.because, None);
    let calendar = config.calendars.values().next().unwrap();
    let holidays = calendar.holidays.as_ref().unwrap();
    assert_eq!(holidays.region, policy::Region::France);
    assert!(!holidays.good_friday && !holidays.pentecost_monday_worked);
    assert_eq!(config.groups.values().next().unwrap().on_call, None);
    let vendor = config.vendors.values().next().unwrap();
    assert_eq!(vendor.language, Language::French);
    let allow = &vendor.rules.allow[0];
    assert_eq!((allow.quorum, allow.per, allow.longest), (1, policy::Per::Session, SignedDuration::from_hours(2)));
    assert!(allow.accounts.is_empty());
    assert_eq!(vendor.rules.forbid[0].days, None);
    let target = &config.targets.values().next().unwrap().rules;
    assert_eq!((target.supervision, target.call_back), (policy::Supervision::Offered, false));
    assert_eq!((&target.calendar, target.idle), (&None, SignedDuration::from_mins(30)));

    let mut written = BTreeSet::new();
    patterns(&toml::Value::Table(include_str!("least.toml").parse().unwrap()), "", &mut written);
    // `extra` is a list that least.toml leaves out, and its keys have no defaults.
    let must: BTreeSet<String> = KEYS
        .iter()
        .filter(|key| key.default.is_none() && !key.path.contains(".extra[]"))
        .map(|key| key.path.to_owned())
        .collect();
    assert_eq!(written, must, "what must be written is what the table has no default for");
    for key in KEYS.iter().filter(|key| key.default.is_some()) {
        let path = key.path.replace("calendars.*", "calendars.c").replace("groups.*", "groups.g");
        let path = path.replace("vendor.*", "vendor.v").replace("target.*", "target.t").replace("[]", ".0");
        let path = path.replace("webhooks.*", "webhooks.w").replace("siem.*", "siem.s");
        assert_eq!(config.effective.get(&path).map(String::as_str), key.default, "{path}");
    }
}

/// IDM-01, IDM-04, IDM-05: what cannot be written cannot be switched on.
#[test]
fn no_key_weakens_a_login() {
    const NEVER: [&str; 18] = [
        "trust",
        "bypass",
        "grace",
        "remember",
        "skip",
        "exempt",
        "ldap",
        "kerberos",
        "saml",
        "radius",
        "directory",
        "sso",
        "token",
        "secret",
        "api",
        "mfa",
        "auto",
        "insecure",
    ];
    for key in KEYS {
        for word in NEVER {
            assert!(!key.path.contains(word), "`{}` contains `{word}`", key.path);
        }
    }
}

#[test]
fn show_groups_what_belongs_together() {
    let page = show(&shipped());
    assert!(page.starts_with("site.name = \"CHU Exemple\"\nsite.timezone = \"Europe/Paris\"\n"), "{page}");
    let groups: Vec<&str> = page.split("\n\n").map(|group| group.split(" = ").next().unwrap()).collect();
    assert_eq!(
        groups,
        [
            "site.name",
            "ssh.listen",
            "limits.connections",
            "console.listen",
            "calendars.bureau.holidays",
            "calendars.nuit.holidays",
            "groups.biologie.name",
            "groups.pharmacie.name",
            "groups.radiologie.name",
            "recordings.recipients",
            "supervision.freeze-after",
            "retention.journal",
            "alarms.leak-window",
            "anchors.every",
            "backup.recipients",
            "vendor.imagix.name",
            "vendor.labex.name",
            "target.autocom.name",
            "target.automate-labo.name",
            "target.scanner-irm.name",
        ]
    );
    let rules: Vec<&str> = page.lines().filter(|line| line.starts_with("vendor.imagix.allow")).collect();
    assert_eq!(rules[0], "vendor.imagix.allow.0.targets = [\"scanner-irm\"]");
    assert_eq!(rules[8], "vendor.imagix.allow.1.targets = [\"scanner-irm\"]");
    assert_eq!(rules[13], "vendor.imagix.allow.1.approval.quorum = 2");
}

#[test]
fn differences_name_each_key_that_changed() {
    let folder = tempfile::tempdir().unwrap();
    let main = folder.path().join("poterne.toml");
    std::fs::write(&main, with_files(folder.path(), include_str!("least.toml"))).unwrap();
    let before = load(&main, options()).unwrap();
    let after = with_files(folder.path(), include_str!("least.toml"))
        .replace("[ssh]", "[ssh]\npending = 50")
        .replace("[[vendor.v.forbid]]", "[[vendor.v.forbid]]\ndays = \"2026-08-15\"");
    std::fs::write(&main, after).unwrap();
    let after = load(&main, options()).unwrap();
    assert_eq!(
        config::differences(&before, &after),
        ["ssh.pending: 200 -> 50", "vendor.v.forbid.0.days: always -> \"2026-08-15\""]
    );
    assert_ne!(before.digest, after.digest);
}

/// Rewrite it with `POTERNE_WRITE_DOCS=1 cargo test -p config --test examples`.
#[test]
fn the_page_holds_the_table() {
    const BEGIN: &str = "<!-- keys: begin -->\n";
    const END: &str = "<!-- keys: end -->";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let page = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("the page has the mark where the table begins");
    let (table, after) = rest.split_once(END).expect("the page has the mark where the table ends");
    if std::env::var_os("POTERNE_WRITE_DOCS").is_some() {
        std::fs::write(&path, format!("{before}{BEGIN}{}{END}{after}", man_table())).unwrap();
        return;
    }
    assert_eq!(table, man_table(), "rewrite it with POTERNE_WRITE_DOCS=1 cargo test -p config --test examples");
}
