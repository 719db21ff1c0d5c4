//! Who opens what was recorded: two persons together where the hospital wants it, and nobody with the
//! server's files alone (REC-07, T15, D23, D27).

use harness::site::OFFICER;
use harness::{Person, Site, SiteOptions};
use recorder::{PartKind, RecoveryKey};
use std::path::Path;
use std::process::{Command, Stdio};

/// What a shell script prints, if it ends well.
fn shell(script: &str) -> Option<String> {
    let script = format!("set -o pipefail; {script}");
    let out = Command::new("bash").args(["-c", &script]).stdin(Stdio::null()).output().unwrap();
    out.status.success().then(|| String::from_utf8_lossy(&out.stdout).into_owned())
}

/// A key file for `age`, and its public line.
fn key(folder: &Path, name: &str) -> (String, String) {
    let key = RecoveryKey::generate();
    let path = folder.join(name).display().to_string();
    std::fs::write(&path, format!("# {name}\n{}\n", key.to_line().as_str())).unwrap();
    (path, key.public_line())
}

fn recorded(site: &Site, lines: &[&str]) -> String {
    let mut shell = site.shell("alice");
    shell.expect("# ");
    for line in lines {
        shell.type_line(line);
    }
    shell.type_line("exit");
    shell.wait();
    let id = site.ended_session()["id"].as_str().unwrap().to_owned();
    site.sealed(&id);
    id
}

/// REC-07, D23, D27: neither reads alone, of a spool, of a sealed recording, of typed secrets; together
/// they do, with Debian's tools and with the product, at one place or one after the other.
#[test]
fn it_takes_two_persons_where_the_hospital_wants_it() {
    let keys = tempfile::tempdir().unwrap();
    let (auditor, auditors_line) = key(keys.path(), "auditor.key");
    let officer = keys.path().join("officer.key").display().to_string();
    std::fs::write(&officer, format!("{OFFICER}\n")).unwrap();
    let site = Site::with(SiteOptions {
        recordings: format!("reading = \"two-persons\"\nsecond-recipients = [\"{auditors_line}\"]\n"),
        ..SiteOptions::default()
    });
    let mut live = site.shell("alice");
    live.expect("# ");
    live.type_line("echo proof-$((40+2))");
    live.expect("proof-42");
    live.type_line("stty -echo; printf 'Password: '; read s; stty echo; echo; echo got $((${#s}+100))");
    live.expect(r"[\r\n]Password: ");
    live.type_line("CANARY-typed");
    live.expect("got 112");
    let id = site.last_session()["id"].as_str().unwrap().to_owned();

    // The spool, while it is open.
    let spool = site.state().join("recordings").join(format!("{id}.spool"));
    let header = recorder::SpoolReader::header(std::fs::File::open(&spool).unwrap()).unwrap().0;
    assert_eq!(header.second_recipients, [auditors_line.as_str()]);
    let wrapped = keys.path().join("wrapped").display().to_string();
    std::fs::write(&wrapped, data_encoding::BASE64.decode(header.sealed.as_bytes()).unwrap()).unwrap();
    assert!(shell(&format!("age -d -i {officer} {wrapped}")).is_none());
    assert!(shell(&format!("age -d -i {auditor} {wrapped} | age -d -i {auditor}")).is_none());
    let bytes = shell(&format!("age -d -i {auditor} {wrapped} | age -d -i {officer} | wc -c")).unwrap();
    assert_eq!(bytes.trim(), "32");

    live.type_line("exit");
    live.wait();
    let sealed = site.sealed(&id);
    assert_eq!(site.entries("session-admitted")[0]["second_recipients"][0], auditors_line.as_str());
    assert_eq!(sealed.manifest.second_recipients, [auditors_line.as_str()]);

    // Debian's tools.
    let state = site.state().display().to_string();
    let parts = |name: &str| format!("cat {state}/keyring/{id}/{name}.head {state}/recordings/{id}/{name}.body");
    for part in &sealed.manifest.parts {
        for one in [&officer, &auditor] {
            let alone = format!("{} | age -d -i {one} | zstd -dq", parts(&part.name));
            assert!(shell(&alone).is_none(), "{one} reads {} alone", part.name);
        }
    }
    let both = format!("{} | age -d -i {auditor} | age -d -i {officer} | zstd -dq", parts("transcript.txt"));
    let transcript = shell(&both).unwrap();
    assert!(transcript.contains("proof-42") && !transcript.contains("CANARY"), "{transcript}");
    // Secrets: an officer and an auditor, the third of the recipients; not two officers.
    assert_eq!(sealed.manifest.secrets_open_to, [(1, 3), (2, 3)]);
    let lock = format!("{state}/keyring/{id}/secrets-1-3.age");
    let secrets = keys.path().join("secrets.key").display().to_string();
    assert!(shell(&format!("age -d -i {officer} {lock}")).is_none());
    shell(&format!("age -d -i {auditor} {lock} | age -d -i {officer} > {secrets}")).unwrap();
    let typed = shell(&format!("{} | age -d -i {secrets} | zstd -dq | tr -d '\\0'", parts("secrets.raw"))).unwrap();
    assert!(typed.contains("CANARY-typed"), "{typed}");

    // The checker that the format's page gives: with one key nothing opens, with both all but the secrets.
    let page = include_str!("../../docs/format-recording.md");
    let checker = page.split("```python\n").find(|block| block.starts_with("import hashlib, json, os")).unwrap();
    let program = keys.path().join("check.py").display().to_string();
    std::fs::write(&program, checker.split("```").next().unwrap()).unwrap();
    let check = |keys: &str| {
        shell(&format!("python3 {program} {state}/recordings/{id} {state}/keyring/{id} {} {keys}", sealed.digest))
            .unwrap()
    };
    let said = check(&format!("{officer} {auditor}"));
    assert!(said.contains("not opened: secrets.raw\n") && said.contains("HOLDS"), "{said}");
    assert!(check(&officer).contains("not opened: channel-1.cast, "), "{}", check(&officer));

    // The product: one key does not do, two do, and a reading is journalled.
    site.sign_in("sophie");
    let export = ["recording", "export", &id, "--format", "text", "--purpose", "audit 12", "--key"];
    let alone = site.poterne(&[&export[..], &[&officer]].concat(), "");
    let said = String::from_utf8_lossy(&alone.stderr).into_owned();
    assert!(alone.status.code() == Some(77) && said.contains("takes two persons") && said.contains("outer"), "{said}");
    let alone = site.poterne(&[&export[..], &[&auditor]].concat(), "");
    let said = String::from_utf8_lossy(&alone.stderr).into_owned();
    assert!(alone.status.code() == Some(77) && said.contains("inner"), "{said}");
    assert_eq!(site.ok(&[&export[..], &[&officer, "--key", &auditor]].concat()), transcript);

    // At two places: the auditor lets this one recording be read, the officer reads it without them.
    let anne = add_auditor(&site);
    let out = site.poterne(&["login", "--as", "anne"], &format!("{}\n{}\n", anne.password, anne.fresh_code()));
    assert!(out.status.success());
    let lent = keys.path().join("lent").display().to_string();
    let unwrap = ["recording", "unwrap", &id, "--out", &lent, "--key", &auditor, "--purpose", "asked by sophie"];
    site.ok(&unwrap);
    assert_eq!(site.poterne(&unwrap, "").status.code(), Some(74), "what is there is not written over");
    let direct = site.poterne(&[&export[..], &[&officer]].concat(), "");
    assert_eq!(direct.status.code(), Some(77), "an auditor lends, and reads nothing with the product");
    site.sign_in("sophie");
    let lent_export = [&export[..], &[&officer, "--unwrapped", &lent]].concat();
    assert_eq!(site.ok(&lent_export), transcript);
    assert!(shell(&format!("age -d -i {auditor} {lent}/transcript.txt.age")).is_none());
    let read = site.entries("recording-read");
    let unwrapped = read.iter().find(|one| one["how"] == "unwrap for another").unwrap();
    assert_eq!((&unwrapped["staff"], &unwrapped["purpose"]), (&"anne".into(), &"asked by sophie".into()));
    // A bundle for somebody outside takes two as well: both keys, or what was lent.
    let stranger = recorder::RecoveryKey::generate().public_line();
    for (n, (more, code)) in
        [(&[][..], 77), (&["--key", &auditor], 0), (&["--unwrapped", &lent], 0)].into_iter().enumerate()
    {
        let path = keys.path().join(format!("bundle-{n}.tar")).display().to_string();
        let call = ["export", "--session", &id, "-o", &path, "--purpose", "x", "--for", &stranger, "--key", &officer];
        let out = site.poterne(&[&call[..], more].concat(), "");
        assert_eq!(out.status.code(), Some(code), "{more:?}: {}", String::from_utf8_lossy(&out.stderr));
    }
    // Something else in its place is no evidence.
    let other = recorded(&site, &["echo other"]);
    let forged = keys.path().join("forged").display().to_string();
    site.ok(&["recording", "unwrap", &other, "--out", &forged, "--key", &auditor, "--purpose", "x"]);
    let forged_export = [&export[..], &[&officer, "--unwrapped", &forged]].concat();
    let refused = site.poterne(&forged_export, "");
    assert_eq!(refused.status.code(), Some(65), "{}", String::from_utf8_lossy(&refused.stderr));
    assert!(sealed.parts(PartKind::Cast).next().is_some());
}

fn add_auditor(site: &Site) -> Person {
    site.sign_in("nadia");
    let anne = Person::new("anne");
    let add = ["staff", "add", "anne", "--role", "auditor", "--name", "Anne Morel", "--email", "anne@chu.example"];
    let add = [&add[..], &["--phone", "+33 6 00 00 00 09", "--stdin"]].concat();
    let out = site.poterne(&add, &format!("{}\n{}\n", anne.password, anne.totp));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    anne
}

/// Whether this key file opens this recording's transcript, with Debian's tools.
fn opens(site: &Site, key: &str, id: &str) -> bool {
    let state = site.state().display().to_string();
    let parts = format!("{state}/keyring/{id}/transcript.txt.head {state}/recordings/{id}/transcript.txt.body");
    shell(&format!("cat {parts} | age -d -i {key} | zstd -dq")).is_some()
}

/// REC-07, T8, T15: an officer's key is lost, and the other one opens; it is rotated, and opens what was and
/// not what comes; the journal says who reads from now on, and the configuration keeps its comments.
#[test]
fn an_officers_key_is_lost_and_rotated() {
    let keys = tempfile::tempdir().unwrap();
    let officer = keys.path().join("officer.key").display().to_string();
    std::fs::write(&officer, format!("{OFFICER}\n")).unwrap();
    let officers_line = shell(&format!("age-keygen -y {officer}")).unwrap().trim().to_owned();
    let (rene, renes_line) = key(keys.path(), "rene.key");
    let (lea, leas_line) = key(keys.path(), "lea.key");
    let site = Site::with(SiteOptions { recordings: "# decided by the board".to_owned(), ..SiteOptions::default() });
    let reload = || {
        site.sign_in("nadia");
        site.ok(&["reload"]);
    };
    assert!(site.ok(&["recording", "rekey", "--add", &renes_line]).contains("nothing was written"));
    assert!(!std::fs::read_to_string(&site.config).unwrap().contains(&renes_line));
    site.ok(&["recording", "rekey", "--add", &renes_line, "--write"]);
    reload();
    let first = recorded(&site, &["echo before-$((1+1))"]);
    // The officer's key is lost: nothing is lost with it, and the other recipient opens.
    assert_eq!(site.json(&["recording", "recipients", "--without", &officers_line]).as_array().unwrap().len(), 0);
    assert!(opens(&site, &rene, &first));
    // Rotated: out with the old key, in with a new one.
    let said = site.ok(&["recording", "rekey", "--add", &leas_line, "--remove", &officers_line, "--write"]);
    assert!(said.contains("still opens 1 recordings, 0 of which"), "{said}");
    assert!(said.contains("it opens 0"), "{said}");
    let text = std::fs::read_to_string(&site.config).unwrap();
    assert!(text.contains("# decided by the board") && !text.contains(&officers_line), "{text}");
    let wrong = site.poterne(&["recording", "rekey", "--remove", &officers_line, "--write"], "");
    assert_eq!(wrong.status.code(), Some(66), "it is there no more");
    reload();
    let second = recorded(&site, &["echo after-$((1+1))"]);
    for (key, opens_first, opens_second) in [(&officer, true, false), (&rene, true, true), (&lea, false, true)] {
        assert_eq!((opens(&site, key, &first), opens(&site, key, &second)), (opens_first, opens_second), "{key}");
    }
    let changes = site.entries("recipients-changed");
    assert_eq!(changes.len(), 3, "{changes:?}");
    assert_eq!((&changes[0]["weaker"], &changes[0]["removed"]), (&false.into(), &serde_json::json!([])));
    assert_eq!(changes[2]["added"], serde_json::json!([leas_line]));
    assert_eq!(changes[2]["removed"], serde_json::json!([officers_line]));
    assert_eq!((&changes[2]["weaker"], &changes[2]["by"]["staff"]), (&true.into(), &"nadia".into()), "{changes:?}");
    let rows = site.json(&["recording", "recipients"]);
    let row = |key: &str| rows.as_array().unwrap().iter().find(|row| row["key"] == key).unwrap().clone();
    let (old, kept) = (row(&officers_line), row(&renes_line));
    assert_eq!((&old["now"], &old["recordings"], &old["alone"]), (&false.into(), &1.into(), &0.into()), "{rows}");
    assert_eq!((&kept["now"], &kept["recordings"]), (&true.into(), &2.into()), "{rows}");
    // What the loader refuses is not written.
    let before = std::fs::read_to_string(&site.config).unwrap();
    let none = site.poterne(&["recording", "rekey", "--reading", "two-persons", "--write"], "");
    let said = String::from_utf8_lossy(&none.stderr).into_owned();
    assert!(none.status.code() == Some(78) && said.contains("second-recipients"), "{said}");
    let both = ["recording", "rekey", "--reading", "two-persons", "--add-second", &renes_line, "--write"];
    let said = String::from_utf8_lossy(&site.poterne(&both, "").stderr).into_owned();
    assert!(said.contains("would read alone"), "{said}");
    assert_eq!(std::fs::read_to_string(&site.config).unwrap(), before);
}

/// The vault's key is changed with the very commands of `docs/operations/rotate-keys.md`, and the bastion
/// goes on: the same people, targets, recordings and journal; the old key opens nothing of the new vault.
#[test]
fn the_vaults_key_is_rotated_by_the_documented_commands() {
    let mut site = Site::start();
    let first = recorded(&site, &["echo before-$((1+1))"]);
    site.stop_daemon();
    let page = include_str!("../../docs/operations/rotate-keys.md");
    let section = page.split("## The vault's key").nth(1).unwrap().split("\n## ").next().unwrap();
    let blocks: Vec<&str> = section.split("```\n").skip(1).step_by(2).collect();
    let shm = site.folder().display().to_string();
    let state = site.state();
    // Without systemd and its credentials: the key is in a file here, which is the page's other way.
    let as_here = |block: &str| {
        let done_elsewhere = ["systemctl", "systemd-creds decrypt", "chown", "grep", "mv /etc"];
        let lines = block.lines().filter(|line| !done_elsewhere.iter().any(|word| line.starts_with(word)));
        let lines: Vec<String> = lines.map(|line| line.replace(" -o poterne -g poterne", "")).collect();
        lines.join("\n").replace("/var/lib/poterne", &state.display().to_string()).replace("/dev/shm", &shm)
    };
    let copy = format!("cp {}/vault/vault-key {shm}/old.txt", state.display());
    let keep = format!(
        "grep '^AGE-SECRET-KEY-1' {shm}/new.txt > {0}/vault/vault-key; chmod 600 {0}/vault/vault-key",
        state.display()
    );
    let script = format!("set -e; {copy}\n{}\n{}\n{keep}", as_here(blocks[0]), as_here(blocks[1]));
    assert!(script.contains("vault.new") && script.contains("cmp "), "{script}");
    assert!(shell(&script).is_some(), "{script}");
    let document = state.join("vault/site.1.age").display().to_string();
    assert!(shell(&format!("age -d -i {shm}/old.txt {document}")).is_none());
    assert!(shell(&format!("age -d -i {shm}/new.txt {document}")).is_some());
    site.start_daemon();
    let second = recorded(&site, &["echo after-$((1+1))"]);
    let key = site.folder().join("officer.key").display().to_string();
    std::fs::write(&key, format!("{OFFICER}\n")).unwrap();
    assert!(opens(&site, &key, &first) && opens(&site, &key, &second));
    assert!(site.check_journal(&site.journal_key()).findings.is_empty());
}

/// T15, REC-07: the rows of the table in `docs/threat-model.md` that can be tried. Only with an officer's key
/// and both halves of the files is anything read; the vault's key gives what is not sealed yet.
#[test]
fn what_a_stolen_thing_gives() {
    let mut site = Site::start();
    let id = recorded(&site, &["echo sealed-$((1+1))"]);
    let mut live = site.shell("alice");
    live.expect("# ");
    live.type_line("echo live-$((1+1))");
    live.expect("live-2");
    let open = site.last_session()["id"].as_str().unwrap().to_owned();
    site.kill_daemon();
    live.wait();
    let (state, folder) = (site.state().display().to_string(), site.folder().display().to_string());
    let officer = site.folder().join("officer.key").display().to_string();
    std::fs::write(&officer, format!("{OFFICER}\n")).unwrap();
    let vault_key = format!("{folder}/stolen-vault-key");
    shell(&format!("mv {state}/vault/vault-key {vault_key}")).unwrap();

    // The state folder alone: no line in it that age takes for a key, so no document, spool or part opens.
    assert!(shell(&format!("grep -ral 'AGE-SECRET-KEY-1' {state}")).is_none(), "a key lies in clear");
    for name in ["alice", "Test Person", "sealed-2", "live-2"] {
        assert!(shell(&format!("grep -ral '{name}' {state}")).is_none(), "`{name}` lies in clear");
    }
    // With the vault's key: what is in the vault, and the spool; not what is sealed.
    let secrets = shell(&format!("age -d -i {vault_key} {state}/vault/site.1.age")).unwrap();
    let secrets: serde_json::Value = serde_json::from_str(&secrets).unwrap();
    let recovery = format!("{folder}/recovery.key");
    std::fs::write(&recovery, secrets["recovery"].as_str().unwrap()).unwrap();
    let header = recorder::SpoolReader::header(
        std::fs::File::open(site.state().join("recordings").join(format!("{open}.spool"))).unwrap(),
    );
    let header = header.unwrap().0;
    let spool =
        recorder::RecordingKey::recover(&header, &RecoveryKey::parse(secrets["recovery"].as_str().unwrap()).unwrap());
    assert!(spool.is_ok(), "the bastion's own key opens what is not sealed yet");
    for key in [&vault_key, &recovery] {
        assert!(!opens(&site, key, &id), "{key} opens what is sealed");
    }
    // An officer's key: with all files it opens; with the recordings and no heads, or the other way, nothing.
    assert!(opens(&site, &officer, &id));
    let half = |name: &str| shell(&format!("cat {state}/{name} | age -d -i {officer} | zstd -dq")).is_none();
    assert!(half(&format!("recordings/{id}/transcript.txt.body")), "a body without its head");
    assert!(half(&format!("keyring/{id}/transcript.txt.head")), "a head without its body");
}

/// REC-10, LOG-11: one search over many recordings: hits with the command that opens them, one entry that
/// says for what and why and which were opened, and who read each of them; what does not open is named.
#[test]
fn a_search_goes_over_all_recordings_in_a_scope() {
    let site = Site::start();
    let ids: Vec<String> = (0..3).map(|n| recorded(&site, &[&format!("echo needle-$((40+{n}))"), "sleep 1"])).collect();
    let officer = site.folder().join("officer.key").display().to_string();
    std::fs::write(&officer, format!("{OFFICER}\n")).unwrap();
    let search = |more: &[&str]| {
        let words = ["recording", "search", "^needle-4[01]", "--key", &officer, "--purpose", "incident CH-1240"];
        site.poterne(&[&words[..], more].concat(), "")
    };
    assert_eq!(search(&["--json"]).status.code(), Some(77), "not signed in");
    site.sign_in("nadia");
    assert_eq!(search(&["--json"]).status.code(), Some(77), "an operator reads no recordings");
    assert!(site.entries("recordings-searched").is_empty());
    site.sign_in("sophie");
    let out = search(&["--json", "--vendor", "imagix", "--target", "scanner", "--from", "2020-01-01"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(out.stderr.is_empty(), "no progress bar where there is no terminal");
    let found: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let hits = found["hits"].as_array().unwrap();
    assert_eq!((hits.len(), &found["searched"], &found["recordings"]), (2, &3.into(), &3.into()), "{found}");
    assert_eq!((&hits[0]["id"], &hits[1]["id"]), (&ids[0].as_str().into(), &ids[1].as_str().into()));
    // The time is where the replay shows it, and the command is the one that opens it there.
    let sealed = site.sealed(&ids[0]);
    let cast = sealed.parts(PartKind::Cast).next().unwrap();
    let keys = Site::officer();
    let replay = sealed.replay(cast, &keys).unwrap();
    let screen = |at: f64| replay.seek(at).unwrap().emulator.screen().text().join("\n");
    let at = hits[0]["at"].as_f64().unwrap();
    assert!(screen(at).contains("\nneedle-40") && !screen(at - 0.000_5).contains("\nneedle-40"), "{}", screen(at));
    let open = hits[0]["open"].as_str().unwrap();
    assert!(open.starts_with(&format!("poterne recording replay {} --channel 1 --at {at} --key", ids[0])), "{open}");
    assert!(open.ends_with("--purpose 'incident CH-1240'"), "{open}");
    // Journalled once, and each of the recordings answers who read it.
    let searched = site.entries("recordings-searched");
    assert_eq!(searched.len(), 1);
    assert_eq!((&searched[0]["expression"], &searched[0]["staff"]), (&"^needle-4[01]".into(), &"sophie".into()));
    assert_eq!((&searched[0]["purpose"], &searched[0]["closed"]), (&"incident CH-1240".into(), &0.into()));
    assert_eq!(searched[0]["sessions"], serde_json::json!(ids));
    assert!(searched[0]["scope"].as_str().unwrap().starts_with("vendor imagix, target scanner, from "), "{searched:?}");
    // Nothing in the scope, another case, a damaged one, a key that opens nothing.
    let none = search(&["--json", "--to", "2020-01-01"]);
    let none: serde_json::Value = serde_json::from_slice(&none.stdout).unwrap();
    assert_eq!(none["recordings"], 0);
    let words = ["recording", "search", "NEEDLE-4", "-i", "--jobs", "2", "--key", &officer, "--purpose", "x"];
    let text = site.ok(&words);
    assert!(text.contains("hits in 3 of 3 recordings") && text.contains("    poterne recording replay "), "{text}");
    let body = site.state().join("recordings").join(&ids[1]).join("transcript.txt.body");
    let mut bytes = std::fs::read(&body).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&body, bytes).unwrap();
    let out = site.poterne(&words, "");
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    assert_eq!(out.status.code(), Some(66), "{said}");
    assert!(said.contains(&format!("{} not searched: transcript.txt.body: not as sealed", ids[1])), "{said}");
    assert!(said.contains("in 2 of 3 recordings"), "{said}");
    let (stranger, _) = key(site.folder(), "stranger.key");
    let out = site.poterne(&["recording", "search", "x", "--key", &stranger, "--purpose", "x"], "");
    assert_eq!(out.status.code(), Some(66));
    assert_eq!(site.entries("recordings-searched").last().unwrap()["closed"], 3);
    // What nobody is called, days the wrong way round, and a key that is none are no empty answer.
    for (more, code) in [
        (&["--vendor", "imagiks"][..], 66),
        (&["--target", "scaner"], 66),
        (&["--technician", "alicia"], 66),
        (&["--from", "2026-11-30", "--to", "2026-11-01"], 65),
    ] {
        let all = [&words[..], more].concat();
        let out = site.poterne(&all, "");
        assert_eq!(out.status.code(), Some(code), "{more:?}: {}", String::from_utf8_lossy(&out.stderr));
    }
    let typo = site.poterne(&["recording", "recipients", "--without", "age1typo"], "");
    assert_eq!(typo.status.code(), Some(64));
    // One recording by its id, every picture of it: as before.
    let one = ["recording", "search", &ids[2], "NEEDLE-42", "--key", &officer, "--purpose", "x"];
    assert!(site.json(&one)[0]["row"].as_str().unwrap().contains("needle-42"));
    let mixed = [&one[..], &["--vendor", "imagix"]].concat();
    assert_eq!(site.poterne(&mixed, "").status.code(), Some(64), "an id is a scope of its own");
}
