//! Each kind of mistake: what is said of it, and where.
//!
//! The base is valid; every case makes one mistake in it and expects every word of the complaint,
//! since the complaint is what an operator has at 2 in the morning. Mistakes in one line stand in
//! `problems.cases`; those that take more than a line, here.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

use config::{Config, LoadError, Options, load};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use tempfile::TempDir;

const MAIN: &str = r#"[site]
name = "CHU"
timezone = "Europe/Paris"

[ssh]
listen = ["192.0.2.1:22"]

[calendars.office]
hours = [{ days = "mon-fri", from = "08:00", to = "18:00" }]

[groups.radiologie]
name = "Radiologie"

[recordings]
recipients = ["age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg"]
"#;

const VENDOR: &str = r#"[vendor.imagix]
name = "Imagix"
contract = { reference = "1", from = "2026-01-01", until = "2026-12-31" }
contact = { name = "Support", phone = "+33 1 00 00 00 00", email = "support@imagix.example" }
sources = ["203.0.113.0/24"]
calendar = "office"
factors = ["key", "password", "totp"]

[[vendor.imagix.allow]]
targets = ["scanner-irm"]
rights = ["shell"]
"#;

const TARGET: &str = r#"[target.scanner-irm]
name = "IRM"
address = "10.20.3.14:22"
host-key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINzaP7jT70e+Z1k0TYkwRbQ5Gkilzn8Fgfz5vSrf8g1B"
account = "maint"
approvers = ["radiologie"]
"#;

const M: &str = "poterne.toml";
const V: &str = "vendors.d/imagix.toml";
const T: &str = "targets.d/scanner-irm.toml";

fn options() -> Options {
    Options { at: "2026-06-01T10:00:00Z".parse().unwrap(), unpinned: false }
}

/// A folder of files, valid until edited.
struct Files {
    folder: TempDir,
    texts: BTreeMap<String, Vec<u8>>,
}

impl Files {
    fn new() -> Files {
        let texts = [(M, MAIN), (V, VENDOR), (T, TARGET)];
        let texts = texts.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).into();
        Files { folder: tempfile::tempdir().unwrap(), texts }
    }

    /// Puts `new` in the one place of `old`.
    fn edit(mut self, file: &str, old: &str, new: &str) -> Files {
        let text = String::from_utf8(self.texts[file].clone()).unwrap();
        assert_eq!(text.matches(old).count(), 1, "`{old}` in {file}");
        self.texts.insert(file.to_owned(), text.replace(old, new).into_bytes());
        self
    }

    fn append(mut self, file: &str, text: &str) -> Files {
        self.texts.entry(file.to_owned()).or_default().extend_from_slice(text.as_bytes());
        self
    }

    fn put(mut self, file: &str, bytes: impl Into<Vec<u8>>) -> Files {
        self.texts.insert(file.to_owned(), bytes.into());
        self
    }

    fn load(&self) -> Result<Config, LoadError> {
        for (name, bytes) in &self.texts {
            let path = self.folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        load(&self.folder.path().join(M), options())
    }

    /// Errors if there are any, otherwise warnings, without the folder in front.
    fn said(&self) -> Vec<String> {
        let problems = match self.load() {
            Ok(config) => config.warnings,
            Err(error) => error.0,
        };
        let folder = format!("{}/", self.folder.path().display());
        problems.iter().map(|problem| problem.to_string().replace(&folder, "")).collect()
    }

    #[track_caller]
    fn refused(&self, expected: &[&str]) {
        assert!(self.load().is_err(), "not refused: {:#?}", self.said());
        assert_eq!(self.said(), expected);
    }

    #[track_caller]
    fn warned(&self, expected: &[&str]) {
        if let Err(error) = self.load() {
            panic!("refused: {error}");
        }
        assert_eq!(self.said(), expected);
    }
}

#[test]
fn the_base_has_no_mistake() {
    Files::new().warned(&[]);
}

/// Runs `problems.cases`; its head says how a case is written.
#[test]
fn each_case_is_answered_word_for_word() {
    let text = include_str!("problems.cases");
    let mut blocks = 0;
    for block in text.split("\n\n").map(str::trim).filter(|block| block.starts_with("in ")) {
        blocks += 1;
        let line = |mark: &str| {
            let found = block.lines().find_map(|line| line.strip_prefix(mark));
            found.unwrap_or_else(|| panic!("no `{mark}` in:\n{block}")).trim_start().replace("\\n", "\n")
        };
        let files = Files::new().edit(&line("in "), &line("- "), &line("+"));
        let expected: Vec<&str> = block.lines().filter_map(|line| line.strip_prefix("> ")).collect();
        let refused = block.lines().any(|line| line == "refused");
        assert_ne!(refused, block.lines().any(|line| line == "warned"), "either refused or warned:\n{block}");
        assert_eq!(files.load().is_err(), refused, "{block}\n{:#?}", files.said());
        assert_eq!(files.said(), expected, "{block}");
    }
    assert_eq!(blocks, text.lines().filter(|line| line.starts_with("in ")).count(), "a blank line between cases");
    assert!(blocks > 100, "{blocks} cases");
}

#[test]
fn an_unknown_section_names_where_it_belongs() {
    Files::new()
        .append(M, "[sshd]\n")
        .refused(&["poterne.toml:16:2: unknown section `sshd` in this file: did you mean `ssh`?"]);
    Files::new()
        .append(V, "[site]\nname = \"x\"\n")
        .refused(&["vendors.d/imagix.toml:12:2: unknown section `site` in this file: write it in `poterne.toml`"]);
    Files::new()
        .append(T, "[vendor.x]\n")
        .refused(&["targets.d/scanner-irm.toml:7:2: unknown section `vendor` in this file: write it in `vendors.d` \
         or in `poterne.toml`"]);
    Files::new()
        .put(M, format!("language = \"fr\"\n{MAIN}"))
        .refused(&["poterne.toml:1:1: unknown key `language` in this file: known here: site, ssh, limits, console, \
         calendars, groups, recordings, supervision, retention, clamav, anchors, backup, notify, siem, alarms, vendor, target"]);
}

#[test]
fn no_key_trusts_a_network_or_a_directory() {
    Files::new()
        .append(M, "[ldap]\nurl = \"ldap://ad.chu.example\"\n")
        .refused(&["poterne.toml:16:2: unknown section `ldap` in this file: known here: site, ssh, limits, console, \
         calendars, groups, recordings, supervision, retention, clamav, anchors, backup, notify, siem, alarms, vendor, target"]);
}

#[test]
fn a_wrong_form_says_which_and_what_to_write() {
    Files::new()
        .edit(M, "[site]\nname = \"CHU\"\ntimezone = \"Europe/Paris\"\n", "site = \"CHU\"\n")
        .refused(&["poterne.toml:1:8: `site` is a text: write a table, `[site]`, and its keys below"]);
    Files::new()
        .put(V, VENDOR.replace("[vendor.imagix]", "[vendor]").replace("[[vendor.imagix.allow]]", "[[vendor.allow]]"))
        .refused(&[
            "vendors.d/imagix.toml:2:1: `vendor.name` stands below no name: write `[vendor.NAME]`, and this \
         key below it",
            "vendors.d/imagix.toml:5:1: `vendor.sources` stands below no name: write `[vendor.NAME]`, and \
         this key below it",
            "vendors.d/imagix.toml:6:1: `vendor.calendar` stands below no name: write `[vendor.NAME]`, and \
         this key below it",
            "vendors.d/imagix.toml:7:1: `vendor.factors` stands below no name: write `[vendor.NAME]`, and \
         this key below it",
            "vendors.d/imagix.toml:9:10: `vendor.allow` stands below no name: write `[vendor.NAME]`, and \
         this key below it",
        ]);
}

#[test]
fn what_is_not_toml_is_refused_once() {
    Files::new()
        .put(V, "[vendor.imagix\n")
        .refused(&["vendors.d/imagix.toml:1:15: not TOML: unclosed table, expected `]`"]);
    Files::new()
        .put(M, "[site]\nname = CHU\n")
        .refused(&["poterne.toml:2:8: not TOML: string values must be quoted, expected literal string"]);
    Files::new().append(T, "name = \"IRM\"\n").refused(&["targets.d/scanner-irm.toml:7:1: not TOML: duplicate key"]);
    Files::new()
        .put(T, TARGET.replace("\n", "\r"))
        .refused(&["targets.d/scanner-irm.toml:1:22: not TOML: carriage return must be followed by newline, \
         expected newline"]);
}

#[test]
fn a_missing_part_says_what_to_write() {
    Files::new().put(M, "").refused(&[
        "poterne.toml:1:1: `site` is missing: write `[site]` with name and timezone",
        "poterne.toml:1:1: `ssh` is missing: write `[ssh]`, if need be with nothing below",
        "poterne.toml:1:1: `recordings` is missing: write `[recordings]` with recipients: without them \
         nobody could open a recording",
        "targets.d/scanner-irm.toml:6:14: `target.scanner-irm.approvers` names the group `radiologie`, \
         which is declared nowhere: declare one",
        "vendors.d/imagix.toml:6:12: `vendor.imagix.calendar` names the calendar `office`, which is \
         declared nowhere: declare one",
    ]);
}

#[test]
fn the_console_is_never_on_the_vendors_side() {
    Files::new()
        .append(M, "[console]\nlisten = \"192.0.2.1:443\"\n")
        .refused(&["poterne.toml:17:10: `console.listen` and `ssh.listen` are both on 192.0.2.1, the vendors' \
         side: write the inner address"]);
    Files::new()
        .append(M, "[console]\nlisten = \"0.0.0.0:443\"\n")
        .refused(&["poterne.toml:17:10: `console.listen` is everywhere, hence on the vendors' side too: write the \
         one inner address"]);
    Files::new()
        .append(M, "[console]\nlisten = \"[::]:443\"\n")
        .refused(&["poterne.toml:17:10: `console.listen` is everywhere, hence on the vendors' side too: write the \
         one inner address"]);
    Files::new()
        .append(M, "[console]\nlisten = \"[::ffff:192.0.2.1]:443\"\n")
        .refused(&["poterne.toml:17:10: `console.listen` and `ssh.listen` are both on 192.0.2.1, the vendors' \
         side: write the inner address"]);
    Files::new()
        .append(M, "[console]\nlisten = \"console.chu.example:443\"\n")
        .refused(&["poterne.toml:17:10: `console.listen`: `console.chu.example:443` is not an address with a port: \
         write numbers such as 10.20.3.14:22 or [fd00::1]:22; names are not resolved"]);
    Files::new()
        .append(M, "[console]\nlisten = \"10.1.0.5\"\n")
        .refused(&["poterne.toml:17:10: `console.listen`: `10.1.0.5` is not an address with a port: write numbers \
         such as 10.20.3.14:22 or [fd00::1]:22; names are not resolved"]);
    Files::new()
        .edit(M, "192.0.2.1", "127.0.0.1")
        .append(M, "[console]\nlisten = \"127.0.0.1:22\"\n")
        .refused(&["poterne.toml:17:10: `console.listen` and `ssh.listen` are both 127.0.0.1:22: write another \
         address"]);
}

#[test]
fn one_declaration_for_one_thing() {
    Files::new()
        .append("vendors.d/zz.toml", VENDOR)
        .refused(&["vendors.d/zz.toml:1:9: the vendor `imagix` is declared twice: first at \
         vendors.d/imagix.toml:1; remove one"]);
    Files::new()
        .append("targets.d/zz.toml", &TARGET.replace("10.20.3.14", "10.20.3.15").replace("g1B", "g1C"))
        .refused(&["targets.d/zz.toml:1:9: the target `scanner-irm` is declared twice: first at \
         targets.d/scanner-irm.toml:1; remove one"]);
    Files::new()
        .append("targets.d/zz.toml", &TARGET.replace("scanner-irm", "scanner-deux").replace("g1B", "g1C"))
        .refused(&["targets.d/scanner-irm.toml:3:11: the targets `scanner-deux` and `scanner-irm` have the same \
         address 10.20.3.14:22: declare the equipment once"]);
    Files::new()
        .append(
            "targets.d/zz.toml",
            &TARGET
                .replace("scanner-irm", "scanner-deux")
                .replace("10.20.3.14", "[::ffff:10.20.3.14]")
                .replace("g1B", "g1C"),
        )
        .refused(&["targets.d/scanner-irm.toml:3:11: the targets `scanner-deux` and `scanner-irm` have the same \
         address 10.20.3.14:22: declare the equipment once"]);
    Files::new()
        .append("targets.d/zz.toml", &TARGET.replace("scanner-irm", "scanner-deux").replace("10.20.3.14", "10.20.3.15"))
        .warned(&["targets.d/scanner-irm.toml:4:12: the targets `scanner-deux` and `scanner-irm` have the same \
         host key: one can stand in for the other; renew it on one"]);
}

#[test]
fn retention_keeps_to_the_legal_range() {
    Files::new()
        .append(M, "[retention]\njournal = \"5 months\"\n")
        .refused(&["poterne.toml:17:11: `retention.journal`: `5 months` is less than the rules ask for: write at \
         least 6 months"]);
    Files::new()
        .append(M, "[retention]\njournal = \"13 months\"\n")
        .refused(&["poterne.toml:17:11: `retention.journal`: `13 months` is more than 12 months: say why in \
         `retention.because`"]);
    Files::new()
        .append(M, "[retention]\njournal = \"37 months\"\nbecause = \"x\"\n")
        .refused(&["poterne.toml:17:11: `retention.journal`: `37 months` is more than the rules allow: write at \
         most 36 months"]);
    Files::new()
        .append(M, "[retention]\nrecordings = \"0 months\"\n")
        .refused(&["poterne.toml:17:14: `retention.recordings`: `0 months` is less than the rules ask for: write \
         at least 1 month"]);
    Files::new()
        .append(M, "[retention]\nrecordings = \"24 months\"\n")
        .refused(&["poterne.toml:17:14: `retention.recordings`: `24 months` is more than 12 months: say why in \
         `retention.because`"]);
    Files::new()
        .append(M, "[retention]\njournal = \"1 year\"\n")
        .refused(&["poterne.toml:17:11: `retention.journal`: `1 year` is not a number of months: write it as `12 \
         months`"]);
    Files::new()
        .append(M, "[retention]\njournal = 12\n")
        .refused(&["poterne.toml:17:11: `retention.journal` is a number: write a text between quotes"]);
    Files::new()
        .append(M, "[retention]\njournal = \"24 months\"\nbecause = \"\"\n")
        .refused(&["poterne.toml:18:11: `retention.because`: the text is empty: write why longer than 12 months, \
         or remove it"]);
    Files::new().append(M, "[retention]\njournal = \"36 months\"\nbecause = \"x\"\n").warned(&[]);
}

#[test]
fn lengths_and_amounts_keep_to_their_range() {
    Files::new()
        .append(M, "[supervision]\nfreeze-after = \"61s\"\n")
        .refused(&["poterne.toml:17:16: `supervision.freeze-after`: `61s` is outside the range: write 1s to 60s"]);
    Files::new()
        .append(M, "[supervision]\nfreeze-after = \"30s\"\nend-after = \"30s\"\n")
        .refused(&["poterne.toml:18:13: `supervision.end-after`: not longer than `freeze-after`, after which a \
         session is frozen: write a longer time"]);
}

#[test]
fn a_very_long_value_is_cut() {
    Files::new()
        .edit(M, "\"CHU\"", &format!("\"{}\"", "C".repeat(81)))
        .refused(&["poterne.toml:2:8: `site.name`: the text has 81 characters: write at most 80"]);
    Files::new().edit(M, "Europe/Paris", &"x".repeat(300)).refused(&["poterne.toml:3:12: `site.timezone`: \
         `xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…` \
         is not a zone of the IANA database: write one such as Europe/Paris"]);
    Files::new()
        .edit(M, "Europe/Paris", &"x".repeat(100_000))
        .refused(&["poterne.toml:3:12: `site.timezone`: the text is longer than 4096 characters: shorten it"]);
    // The middle is left out: which key, and what to write instead, both remain.
    let said = Files::new().edit(V, "[\"scanner-irm\"]", &format!("[\"{}\"]", "s".repeat(3000))).said();
    assert!(
        said[0].starts_with("vendors.d/imagix.toml:10:12: `vendor.imagix.allow.0.targets`: the target `sss"),
        "{said:?}"
    );
    assert!(said[0].ends_with("sss` is longer than 32 characters: shorten it"), "{said:?}");
    assert!(said.len() == 1 && said[0].contains('…') && said[0].chars().count() < 540, "{said:?}");
    Files::new().edit(M, "listen =", &format!("{} =", "k".repeat(100_000))).refused(&[
        "poterne.toml:6:1: unknown key \
         `kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk…` \
         in `ssh`: known here: listen, open, legacy-clients, name, help, proxied, proxies, pending, channels, forwards",
    ]);
}

#[test]
fn places_survive_a_mark_and_line_ends_of_windows() {
    Files::new()
        .put(M, format!("\u{feff}{}", MAIN.replace("name = \"CHU\"", "nme = \"CHU\"").replace("\n", "\r\n")))
        .refused(&["poterne.toml:2:1: unknown key `nme` in `site`: did you mean `name`?"]);
    Files::new().put(M, format!("\u{feff}x = 1\n{MAIN}")).refused(&[
        "poterne.toml:1:1: unknown key `x` in this file: known here: site, ssh, limits, console, calendars, \
         groups, recordings, supervision, retention, clamav, anchors, backup, notify, siem, alarms, vendor, target",
    ]);
    Files::new().put(M, format!("\u{feff}{}", MAIN.replace("\n", "\r\n"))).warned(&[]);
    Files::new()
        .edit(T, "name = \"IRM\"", "name = \"é\" ; account")
        .refused(&["targets.d/scanner-irm.toml:2:12: not TOML: unexpected key or value, expected newline, `#`"]);
}

#[test]
fn what_is_not_utf8_says_so() {
    Files::new()
        .put(T, &b"[target.scanner-irm]\nname = \"\xc9quipement\"\n"[..])
        .refused(&["targets.d/scanner-irm.toml:2:9: the byte 0xc9 is not UTF-8 (an accent in another encoding?): \
         save the file as UTF-8"]);
    Files::new()
        .put(T, &b"\xff\xfe[\0"[..])
        .refused(&["targets.d/scanner-irm.toml: is written in UTF-16: save it as UTF-8"]);
}

#[test]
fn files_that_are_not_read_are_named() {
    Files::new()
        .put("vendors.d/labex.toml.bak", "")
        .put("vendors.d/.labex.toml.swp", "")
        .put("targets.d/.#irm.toml", "!")
        .warned(&["vendors.d/labex.toml.bak: is not read: only names that end in `.toml` are"]);
    Files::new()
        .put("targets.d/sub.toml/x", "")
        .refused(&["targets.d/sub.toml: is not a file: rename it, or put the file there"]);
}

#[test]
fn several_mistakes_are_told_at_once_in_order() {
    Files::new()
        .edit(M, "listen =", "listn =")
        .edit(M, "Europe/Paris", "Paris")
        .edit(V, "[\"scanner-irm\"]", "[\"irm\"]")
        .edit(V, "\"office\"", "\"bureau\"")
        .edit(T, ":22", "")
        .edit(T, "\"maint\"", "5")
        .refused(&[
            "poterne.toml:3:12: `site.timezone`: `Paris` is not a zone of the IANA database: write one such \
         as Europe/Paris",
            "poterne.toml:6:1: unknown key `listn` in `ssh`: did you mean `listen`?",
            "targets.d/scanner-irm.toml:3:11: `target.scanner-irm.address`: `10.20.3.14` is not an address \
         with a port: write numbers such as 10.20.3.14:22 or [fd00::1]:22; names are not resolved",
            "targets.d/scanner-irm.toml:5:11: `target.scanner-irm.account` is a number: write a text \
         between quotes",
            "vendors.d/imagix.toml:6:12: `vendor.imagix.calendar` names the calendar `bureau`, which is \
         declared nowhere: there is only `office`",
            "vendors.d/imagix.toml:10:12: `vendor.imagix.allow.0.targets` names the target `irm`, which is \
         declared nowhere: there is only `scanner-irm`",
        ]);
}

#[test]
fn the_key_of_the_certificate_is_for_nobody_else() {
    let files = Files::new();
    let (pem, key) = (files.folder.path().join("c.pem"), files.folder.path().join("c.key"));
    fs::write(&pem, "").unwrap();
    fs::write(&key, "").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let console = format!("[console]\nlisten = \"10.1.0.5:443\"\ncertificate = \"{}\"\n", pem.display());
    let whole = format!("{console}key = \"{}\"\n", key.display());

    let files = files.put(M, format!("{MAIN}{whole}"));
    files.refused(&["poterne.toml:19:7: `console.key`: `c.key` can be read by others: run `chmod 600 c.key`"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).unwrap();
    files.warned(&[]);
    fs::remove_file(&key).unwrap();
    files
        .refused(&["poterne.toml:19:7: `console.key`: `c.key` cannot be read: No such file or directory (os error 2)"]);
    fs::create_dir(&key).unwrap();
    files.refused(&["poterne.toml:19:7: `console.key`: `c.key` is not a file: write the path of a PEM file"]);
    files.put(M, format!("{MAIN}{console}")).refused(&[
        "poterne.toml:18:15: `console.certificate`: stands without `console.key`: write both, or neither for a \
         certificate of its own",
    ]);
}

/// A console, and a `[notify]` whose files are there.
fn notifying(files: &Files, notify: &str) -> String {
    let key = files.folder.path().join("hook.key");
    fs::write(&key, "0123456789abcdef0123456789abcdef\n").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let console = "[console]\nlisten = \"10.1.0.5:443\"\naddress = \"https://poterne.chu.example/\"\n";
    format!("{MAIN}{console}{}", notify.replace("FILE", &key.display().to_string()))
}

const HOOK: &str = "[notify.webhooks.soc]\nurl = \"https://soc.chu.example/in\"\nkey-file = \"FILE\"\n";
const MAIL: &str = "[notify.mail]\nserver = \"smtp.chu.example:587\"\nfrom = \"poterne@chu.example\"\n";

/// APR-10: mail is never the only channel.
#[test]
fn mail_alone_is_not_enough() {
    let alone = ["poterne.toml:19:1: mail is the only channel for requests, and it arrives late or never: name a \
         webhook in `[notify.webhooks.NAME]` with the event \"request\", or keep the console open and a telephone at \
         hand"];
    let files = Files::new();
    let text = notifying(&files, MAIL);
    files.put(M, text).warned(&alone);
    let files = Files::new();
    let text = notifying(&files, &format!("{HOOK}{MAIL}"));
    let config = files.put(M, text).load().unwrap();
    assert_eq!(config.console.unwrap().address, "https://poterne.chu.example");
    assert!(config.warnings.is_empty());
    // A webhook that hears of something else does not help whoever waits.
    let files = Files::new();
    let text = notifying(&files, &format!("{MAIL}{HOOK}events = \"alert\"\n"));
    files.put(M, text).warned(&alone);
}

/// What is wrong in `[siem.*]`, and what to write instead (LOG-05).
#[test]
fn a_receiver_is_whole_and_its_files_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let pem = folder.path().join("ca.pem");
    std::fs::write(&pem, "-----BEGIN CERTIFICATE-----\n").unwrap();
    let whole = format!("[siem.soc]\nserver = \"siem.chu.example:6514\"\nca-file = \"{}\"\n", pem.display());
    Files::new().put(M, format!("{MAIN}{whole}")).load().unwrap_or_else(|error| panic!("{error}"));
    let refuse = |text: String, said: &str| Files::new().put(M, format!("{MAIN}{text}")).refused(&[said]);
    refuse(
        whole.replace("siem.chu.example:6514", "siem.chu.example"),
        "poterne.toml:17:10: `siem.soc.server`: `siem.chu.example` is not a host with a port: write one such as \
         siem.chu.example:6514",
    );
    refuse(
        whole.replace(&pem.display().to_string(), "/nonexistent/ca.pem"),
        "poterne.toml:18:11: `siem.soc.ca-file`: `/nonexistent/ca.pem` cannot be read: No such file or directory \
         (os error 2)",
    );
    refuse(
        whole.replace("siem.soc", "siem.SOC"),
        "poterne.toml:16:7: the receiver `SOC` is no name: write at most 32 lower-case letters, digits and hyphens, a \
         letter first",
    );
    refuse(
        format!("{whole}certificate = \"{}\"\n", pem.display()),
        "poterne.toml:19:15: `siem.soc.certificate`: stands without `key`: write both, or neither",
    );
    std::fs::set_permissions(&pem, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    refuse(
        format!("{whole}certificate = \"{0}\"\nkey = \"{0}\"\n", pem.display()),
        &format!("poterne.toml:20:7: `siem.soc.key`: `{0}` can be read by others: run `chmod 600 {0}`", pem.display()),
    );
}

/// What is wrong in `[notify]`, and what to write instead.
#[test]
fn each_mistake_in_a_notification_says_what_to_write() {
    let hook = |from: &str, to: &str, said: &str| {
        let files = Files::new();
        assert!(HOOK.contains(from), "{from}");
        let text = notifying(&files, &HOOK.replace(from, to));
        files.put(M, text).refused(&[said]);
    };
    hook(
        "https://soc.chu.example/in",
        "http://soc.chu.example/in",
        "poterne.toml:20:7: `notify.webhooks.soc.url`: \
         `http://soc.chu.example` is not encrypted: write https://, or 127.0.0.1 as its host",
    );
    hook(
        "https://soc.chu.example/in",
        "http://localhost/in",
        "poterne.toml:20:7: `notify.webhooks.soc.url`: \
         `http://localhost` is not encrypted: write https://, or 127.0.0.1 as its host",
    );
    let instead = "write one such as https://chat.chu.example/hooks/bastion";
    for (url, why) in [
        ("soc.chu.example", "this is not an https address"),
        ("file:///etc/shadow", "this is not an https address"),
        ("https://u:p@soc.chu.example/", "a login stands in the address, and would be seen in logs"),
        ("https://soc chu/", "`soc chu` is not a host"),
        ("https:///in", "`` is not a host"),
        ("https://soc.chu.example:0/", "`soc.chu.example:0` is not a host"),
        ("https://soc.chu.example/a b", "what follows the host is no path"),
    ] {
        let said = format!("poterne.toml:20:7: `notify.webhooks.soc.url`: {why}: {instead}");
        hook("https://soc.chu.example/in", url, &said);
    }
    hook(
        "key-file = \"FILE\"\n",
        "",
        "poterne.toml:19:18: `notify.webhooks.soc.key-file` is missing: write the path \
         of a file made by `openssl rand -hex 32`; its key signs what is posted",
    );
    hook(
        "FILE",
        "/nonexistent/key",
        "poterne.toml:21:12: `notify.webhooks.soc.key-file`: `/nonexistent/key` cannot be \
         read: No such file or directory (os error 2)",
    );
    hook(
        "key-file",
        "events = [\"requests\"]\nkey-file",
        "poterne.toml:21:11: `notify.webhooks.soc.events`: `requests` \
         is unknown here: write one of request, approval, arrival, emergency, unwatched, alert, lockdown, evidence, escalation",
    );
    hook(
        "key-file",
        "events = []\nkey-file",
        "poterne.toml:21:10: `notify.webhooks.soc.events`: an empty list opens \
         nothing: write events such as \"request\"",
    );
    hook(
        "key-file",
        "groups = [\"radio\"]\nkey-file",
        "poterne.toml:21:11: `notify.webhooks.soc.groups` names the \
         group `radio`, which is declared nowhere: there is only `radiologie`",
    );
    hook(
        "webhooks.soc",
        "webhooks.mail",
        "poterne.toml:19:18: the webhook `mail` is the name of the mail: give the \
         webhook another one",
    );
    let mail = |from: &str, to: &str, said: &[&str]| {
        let files = Files::new();
        assert!(MAIL.contains(from), "{from}");
        let text = notifying(&files, &format!("{HOOK}{}", MAIL.replace(from, to)));
        files.put(M, text).refused(said);
    };
    mail(
        ":587",
        "",
        &["poterne.toml:23:10: `notify.mail.server`: `smtp.chu.example` is not a host with a port: write \
         one such as smtp.chu.example:587"],
    );
    mail(
        "from",
        "tls = \"none\"\nfrom",
        &["poterne.toml:24:7: `notify.mail.tls`: `none` would send to \
         `smtp.chu.example` unencrypted: write starttls or implicit"],
    );
    mail(
        "from",
        "user = \"poterne\"\nfrom",
        &["poterne.toml:24:8: `notify.mail.user`: stands without \
         `notify.mail.password-file`: write both, or neither"],
    );
    mail(
        "poterne@chu.example",
        "Poterne",
        &["poterne.toml:24:8: `notify.mail.from`: `Poterne` is not an e-mail \
         address: write it as support@company.example"],
    );
}

#[test]
fn a_notification_needs_a_console_to_link_to_and_a_key_that_is_one() {
    let files = Files::new();
    let text = notifying(&files, HOOK);
    let (before, rest) = text.split_once("[console]").unwrap();
    let (_, after) = rest.split_once("/\"\n").unwrap();
    files.put(M, format!("{before}{after}")).refused(&[
        "poterne.toml:16:2: `notify` links to the console, which is not there: write `[console]` with listen",
    ]);
    let files = Files::new();
    let (text, key) = (notifying(&files, HOOK), files.folder.path().join("hook.key"));
    let files = files.put(M, text);
    fs::write(&key, "short\n").unwrap();
    files.refused(&["poterne.toml:21:12: `notify.webhooks.soc.key-file`: `hook.key` holds fewer than 32 characters: \
         fill it with `openssl rand -hex 32`"]);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    files.refused(&["poterne.toml:21:12: `notify.webhooks.soc.key-file`: `hook.key` can be read by others: run \
         `chmod 600 hook.key`"]);
}

/// Chat programs take what stands behind the host for a password: it is not shown, and its change is.
#[test]
fn a_webhooks_path_is_not_shown() {
    let load = |url: &str| {
        let files = Files::new();
        let text = notifying(&files, &HOOK.replace("https://soc.chu.example/in", url));
        files.put(M, text).load().unwrap()
    };
    let (one, two) = (load("https://soc.chu.example/T0/S3CRET"), load("https://soc.chu.example/T0/OTHER"));
    assert_eq!(one.notify.webhooks["soc"].url, "https://soc.chu.example/T0/S3CRET");
    assert!(!config::show(&one).contains("S3CRET"), "{}", config::show(&one));
    assert!(config::show(&one).contains("notify.webhooks.soc.url = \"https://soc.chu.example/… (sha256 "));
    let changed = config::differences(&one, &two);
    assert!(changed.iter().any(|line| line.starts_with("notify.webhooks.soc.url: ")), "{changed:?}");
}

#[test]
fn what_everybody_can_change_is_not_believed() {
    let files = Files::new();
    files.warned(&[]);
    fs::set_permissions(files.folder.path().join(T), fs::Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(files.folder.path().join("vendors.d"), fs::Permissions::from_mode(0o777)).unwrap();
    files.refused(&[
        "targets.d/scanner-irm.toml: everybody on this machine can change it: run `chmod o-w` on it",
        "vendors.d: everybody on this machine can put files here: run `chmod o-w` on it",
    ]);
}

/// One unreadable file is one complaint: what it may declare is not called undeclared.
#[test]
fn one_unreadable_file_draws_one_complaint() {
    Files::new().put(M, "[site\n").refused(&["poterne.toml:1:6: not TOML: unclosed table, expected `]`"]);
    Files::new()
        .put(T, "[target\n")
        .refused(&["targets.d/scanner-irm.toml:1:8: not TOML: unclosed table, expected `]`"]);
    let nowhere = load(std::path::Path::new("/nonexistent/poterne.toml"), options()).unwrap_err();
    assert_eq!(
        nowhere.to_string(),
        "/nonexistent/poterne.toml: cannot be read: No such file or directory (os error 2)"
    );
}

/// A warning never hides a mistake.
#[test]
fn a_file_passed_over_hides_nothing() {
    Files::new().put("targets.d/irm.toml.bak", "").edit(V, "[\"scanner-irm\"]", "[\"irm\"]").refused(&[
        "vendors.d/imagix.toml:10:12: `vendor.imagix.allow.0.targets` names the target `irm`, which is declared \
         nowhere: there is only `scanner-irm`",
    ]);
}

#[test]
fn a_target_is_unpinned_only_for_pinning() {
    let files = Files::new().edit(
        T,
        "host-key = \"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINzaP7jT70e+Z1k0TYkwRbQ5Gkilzn8Fgfz5vSrf8g1B\"\n",
        "",
    );
    assert!(files.load().is_err());
    let pinning = Options { unpinned: true, ..options() };
    let config = load(&files.folder.path().join(M), pinning).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.targets.values().next().unwrap().host_key, None);
    let files = files.edit(T, "account", "host-key = \"x\"\naccount");
    files.load().unwrap_err();
    assert!(load(&files.folder.path().join(M), pinning).is_err(), "a wrong one is wrong even then");
}

/// The three shipped files, mutilated: whatever an editor or a disk does to them, the answer is a
/// configuration or a list of problems.
mod mutilated {
    use super::*;
    use proptest::prelude::*;

    fn shipped() -> Files {
        let texts = [
            (M, &include_bytes!("every-key.toml")[..]),
            (V, &include_bytes!("../examples/vendors.d/imagix.toml")[..]),
            (T, &include_bytes!("../examples/targets.d/scanner-irm.toml")[..]),
        ];
        Files { folder: tempfile::tempdir().unwrap(), texts: texts.map(|(n, t)| (n.to_owned(), t.to_vec())).into() }
    }

    #[derive(Debug, Clone)]
    enum Harm {
        Cut,
        Byte(u8),
        Insert(&'static str),
        Without(usize),
        Twice(usize),
    }

    fn harm() -> impl Strategy<Value = Harm> {
        const BITS: [&str; 16] = [
            "\"",
            "[",
            "]",
            "[[",
            "{",
            "}",
            "=",
            "\n",
            "#",
            "'''",
            "\"\"\"",
            ".",
            ",",
            "\u{202e}",
            "-1",
            "[vendor.x]\n",
        ];
        prop_oneof![
            Just(Harm::Cut),
            any::<u8>().prop_map(Harm::Byte),
            proptest::sample::select(&BITS[..]).prop_map(Harm::Insert),
            (1_usize..40).prop_map(Harm::Without),
            (1_usize..200).prop_map(Harm::Twice),
        ]
    }

    fn apply(bytes: &mut Vec<u8>, at: usize, harm: &Harm) {
        let at = at % (bytes.len() + 1);
        let until = |length: usize| (at + length).min(bytes.len());
        match harm {
            Harm::Cut => bytes.truncate(at),
            Harm::Byte(byte) => {
                if let Some(place) = bytes.get_mut(at) {
                    *place = *byte;
                }
            }
            Harm::Insert(bit) => drop(bytes.splice(at..at, bit.bytes())),
            Harm::Without(length) => drop(bytes.drain(at..until(*length))),
            Harm::Twice(length) => {
                let piece = bytes[at..until(*length)].to_vec();
                drop(bytes.splice(at..at, piece));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]
        #[test]
        fn files_are_read_or_refused_with_reasons(
            harms in proptest::collection::vec((0_usize..3, any::<usize>(), harm()), 1..4)
        ) {
            let mut files = shipped();
            for (which, at, harm) in &harms {
                let bytes = files.texts.values_mut().nth(*which).unwrap();
                apply(bytes, *at, harm);
            }
            if let Err(LoadError(problems)) = files.load() {
                prop_assert!(!problems.is_empty());
                for problem in problems {
                    let said = problem.to_string();
                    prop_assert!(!said.contains("defect of poterne"), "{}", said);
                    prop_assert!(said.chars().count() < 800 && !said.chars().any(char::is_control), "{:?}", said);
                }
            }
        }
    }
}

/// D23: what must not lie on the bastion is refused, and what to do is said.
#[test]
fn the_replay_key_is_private_and_has_a_passphrase() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("officer.key");
    let said = |bytes: &str, mode: u32| {
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let files = Files::new().append(M, &format!("replay-key = \"{}\"\n", path.display()));
        let answers = files.said();
        assert_eq!(files.load().is_err(), !answers.is_empty());
        answers.join("\n").replace(path.to_str().unwrap(), "KEY")
    };
    let closed = "age-encryption.org/v1\n-> scrypt FZ7+sD2l6AmYmpTBYdiIGA 18\n";
    assert_eq!(said(closed, 0o600), "");
    assert_eq!(
        said(closed, 0o640),
        "poterne.toml:16:14: `recordings.replay-key`: `KEY` can be read by others: run `chmod 600 KEY`"
    );
    let make = "run `age -p -o officer.key.age officer.key` on the officer's machine, copy officer.key.age here";
    assert_eq!(
        said("# created: 2026-01-01\n# public key: age1x\nAGE-SECRET-KEY-1QQ\n", 0o600),
        format!(
            "poterne.toml:16:14: `recordings.replay-key`: `KEY` is a key without a passphrase, and opens every \
             recording to whoever reads it: {make}, and remove this file"
        )
    );
    assert_eq!(
        said("age-encryption.org/v1\n-> X25519 AAAA\n", 0o600),
        format!(
            "poterne.toml:16:14: `recordings.replay-key`: `KEY` is encrypted to a key, not with a passphrase: {make}"
        )
    );
    assert_eq!(
        said("-----BEGIN AGE ENCRYPTED FILE-----\n", 0o600),
        "poterne.toml:16:14: `recordings.replay-key`: `KEY` is an age file as text: make it without `-a`"
    );
    assert_eq!(
        said("", 0o600),
        format!("poterne.toml:16:14: `recordings.replay-key`: `KEY` is not an age file: {make}")
    );
    let missing = Files::new().append(M, "replay-key = \"/nowhere/officer.key.age\"\n").said();
    assert!(missing[0].contains("`/nowhere/officer.key.age` cannot be read: No such file"), "{missing:?}");
    let relative = Files::new().append(M, "replay-key = \"officer.key.age\"\n").said();
    assert!(relative[0].contains("is not absolute: begin it with /"), "{relative:?}");
}

/// REC-07, D23: reading by two persons is whole or refused: two groups, nobody in both, no browser.
#[test]
fn reading_by_two_persons_is_whole_or_refused() {
    const A: &str = "age1yw4wkf3l2ksws60fe2lft769y8stavvuf97uexmqfx36z2hkfdmqxq8v2k";
    const B: &str = "age12wux9yjrvd63y9048gkvz4hduekn4gj8uea2gch4l4pq5gu7uglqasqlta";
    let officer = MAIN.split("recipients = [\"").nth(1).unwrap().split('"').next().unwrap();
    let with = |lines: &str| Files::new().append(M, lines);
    let two = "reading = \"two-persons\"\n";
    with(two).refused(&["poterne.toml:16:11: `recordings.reading`: is \"two-persons\", and nobody is the second: \
         write the auditors' keys, `age1…`, into `recordings.second-recipients`"]);
    with(&format!("second-recipients = [\"{A}\"]\n")).refused(&[
        "poterne.toml:16:21: `recordings.second-recipients`: names second persons, and one reads alone: write \
         `reading = \"two-persons\"`, or remove this list",
    ]);
    with(&format!("{two}second-recipients = []\n")).refused(&[
        "poterne.toml:17:21: `recordings.second-recipients`: is empty: write the auditors' keys, `age1…`, as \
         `age-keygen` prints them",
    ]);
    let alone = |place: &str, key: &str| {
        format!(
            "poterne.toml:{place}: `recordings.{key}` names one key: if it is lost, nothing that was recorded \
             meanwhile can ever be opened; name another"
        )
    };
    let both = with(&format!("{two}second-recipients = [\"{A}\", \"{officer}\"]\n"));
    assert!(both.load().is_err());
    assert!(
        both.said().contains(
            &"poterne.toml:17:88: `recordings.second-recipients`: this key stands in \
         `recordings.recipients` too, and whoever holds it would read alone: name it in one"
                .to_owned()
        ),
        "{:?}",
        both.said()
    );
    with(&format!("{two}second-recipients = [\"{A}\", \"{B}\"]\n")).warned(&[&alone("15:15", "recipients")]);
    with(&format!("{two}second-recipients = [\"{A}\"]\n"))
        .warned(&[&alone("15:15", "recipients"), &alone("17:22", "second-recipients")]);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("officer.key.age");
    fs::write(&path, "age-encryption.org/v1\n-> scrypt FZ7+sD2l6AmYmpTBYdiIGA 18\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let browser = with(&format!("{two}second-recipients = [\"{A}\"]\nreplay-key = \"{}\"\n", path.display()));
    assert!(browser.load().is_err());
    let said = browser.said().join("\n");
    assert!(said.contains("18:14: `recordings.replay-key`: opens recordings to one person"), "{said}");
}
