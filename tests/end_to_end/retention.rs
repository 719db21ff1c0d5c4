//! Erased at term and not before: by the real daemon, with a clock that is moved thirteen months on
//! (LOG-07, LOG-08, LOG-09, PRV-07, T9, T10, D16, D23).

use harness::{Answers, Person, Site, SiteOptions, Terminal, eventually};
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use journal::{OsDisk, Reader, check_log};
use serde_json::Value;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Monday 23 November 2026, 16:00 in Paris.
const MONDAY: &str = "2026-11-23T15:00:00Z";
/// What alice types, and is said of her.
const TYPED: &str = "zanzibar-rhubarb";

fn start() -> Timestamp {
    MONDAY.parse().unwrap()
}

fn after(months: i64, days: i64) -> Timestamp {
    let later = start().to_zoned(jiff::tz::TimeZone::UTC).checked_add(months.months().days(days));
    later.unwrap().timestamp()
}

fn by_hand(technicians: usize) -> Site {
    Site::with(SiteOptions { clock: Some(start()), technicians, ..SiteOptions::default() })
}

fn secrets(person: &Person, now: Timestamp) -> String {
    format!("{}\n{}\n", person.password, person.code_at(now))
}

fn sign_in(site: &Site, who: &str, now: Timestamp) {
    let out = site.poterne(&["login", "--as", who], &secrets(site.member(who), now));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

/// A session in which this is typed; gives its id, sealed.
fn session(site: &Site, who: &str, approver: &str, typed: &str) -> String {
    let mut terminal: Terminal = site.ssh(&format!("{who}+scanner"), &[], &[]);
    let code = Some(site.technician(who).code_at(start()));
    let (number, code) = site.walk(&mut terminal, who, &Answers { code, ..Answers::default() });
    let number = number.to_string();
    let args = ["intervention", "approve", &number, "--code", &code, "--verified", "called", "--as", approver];
    let out = site.poterne(&args, &secrets(site.member(approver), start()));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    terminal.expect("APPROVED until");
    terminal.expect("# ");
    terminal.type_line(&format!("echo {typed}"));
    terminal.expect(&format!("{typed}\\r\\n"));
    terminal.expect("# ");
    terminal.type_line("exit");
    terminal.wait();
    let id = site.ended_session()["id"].as_str().unwrap().to_owned();
    site.sealed(&id);
    id
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap().success());
}

/// All that can be read with all keys that are there.
fn readable(state: &Path) -> String {
    let vault = gateway::vault::Vault::open(&state.join("vault")).unwrap();
    let secrets: gateway::vault::SiteSecrets = vault.get("site", 1).unwrap();
    let key = journal::SigningKey::new(&secrets.origin, &secrets.journal).unwrap().verifier();
    let masters = gateway::ring::masters(&vault).unwrap();
    let mut reader = Reader::open(&state.join("journal"), masters, &key).unwrap();
    let mut all = String::new();
    reader
        .read(0, |evidence| {
            let body = evidence.opened.map(|(_, body)| body).unwrap_or_default();
            all.push_str(&String::from_utf8_lossy(&body));
            ControlFlow::Continue(())
        })
        .unwrap();
    all
}

/// The files below a folder whose bytes hold one of these words.
fn holding(folder: &Path, words: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holding(&path, words));
        } else if path.is_file() {
            let bytes = std::fs::read(&path).unwrap();
            let holds = |word: &&str| bytes.windows(word.len()).any(|part| part == word.as_bytes());
            found.extend(words.iter().any(holds).then_some(path));
        }
    }
    found
}

fn plan(site: &Site) -> Value {
    site.json(&["retention", "plan"])
}

/// Moves the clock there, and on by an hour now and then until this holds: the daemon looks once an hour, and
/// a look in the middle of a move takes it for a clock that was set.
fn until(site: &Site, from: Timestamp, what: &str, holds: impl Fn() -> bool) -> Timestamp {
    for hour in 0..30 {
        let now = from.checked_add(SignedDuration::from_hours(hour)).unwrap();
        site.set_clock(now);
        let limit = std::time::Instant::now() + std::time::Duration::from_secs(3);
        while std::time::Instant::now() < limit {
            if holds() {
                return now;
            }
        }
    }
    panic!("never came: {what}");
}

/// A session, thirteen months, and nothing left of it but what proves that it was.
#[test]
fn thirteen_months_later_the_content_is_gone_and_the_proof_is_not() {
    let mut site = by_hand(2);
    let alice = session(&site, "alice", "claire", TYPED);
    let bruno = session(&site, "bruno", "paul", "something-else");
    sign_in(&site, "sophie", start());
    let held = ["hold", "add", "--session", &bruno, "--reason", "incident 7", "--until", "2028-06-30"];
    let hold = site.json(&held)["hold"].as_str().unwrap().to_owned();
    site.ok(&["technician", "disable", "alice", "--reason", &format!("left; {TYPED}")]);
    let (key, checkpoint) = (site.journal_key(), site.ok(&["journal", "checkpoint"]));
    // Entries go once they stand in a full tile; on a real site each hour brings one.
    for _ in 0..2000 {
        gateway::ctl::client::ask(&site.state().join("ctl.sock"), &lifecycle::order::Order::Reload).unwrap();
    }
    let old = site.folder().join("old");
    copy(&site.state(), &old);
    let keyring = site.state().join("keyring");
    let heads = |id: &str| keyring.join(id);
    assert!(readable(&old).contains(TYPED) && readable(&old).contains("alice"));

    // Six months: the recordings' term, and no day before it.
    until(&site, after(5, 20), "the clock was looked at", || plan(&site)["may_run"] == true);
    assert!(heads(&alice).exists());
    until(&site, after(6, 1), "the recording is gone", || !heads(&alice).exists());
    eventually("the run is done", || plan(&site)["last_run"]["done"].is_string());
    assert!(!site.state().join("recordings").join(&alice).join("channel-1.cast.body").exists());
    assert!(readable(&site.state()).contains(TYPED), "the journal is kept for longer");
    // What went at its term is not called altered.
    let shown = site.json(&["recording", "show", &alice]);
    assert_eq!(
        (shown["state"].as_str(), shown["altered"].as_array().map(Vec::len)),
        (Some("erased"), Some(0)),
        "{shown}"
    );
    assert!(plan(&site)["now"]["held"].as_u64().unwrap() > 0);

    // Twelve: the journal's. The daemon is killed while the ring is rewritten.
    let (first, second) = (site.state().join("vault/ring.1.age"), site.state().join("vault/ring.2.age"));
    assert!(first.exists() && !second.exists());
    let now = until(&site, after(12, 2), "a run begins", || second.exists());
    site.kill_daemon();
    let in_the_middle = first.exists();
    site.options.clock = Some(now);
    site.start_daemon();
    assert!(!first.exists() && second.exists(), "the older master is gone; killed in the middle: {in_the_middle}");
    eventually("the run is done", || site.entries("retention-done").len() == 2);
    site.stop_daemon();

    let words = [TYPED, "alice@imagix.example", "alice"];
    assert_eq!(holding(&site.state(), &words), Vec::<PathBuf>::new());
    let left = readable(&site.state());
    words.iter().for_each(|word| assert!(!left.contains(word), "{word} can still be read"));
    assert!(!heads(&alice).exists() && !site.state().join("recordings").join(&alice).exists());
    // The hold held.
    assert!(left.contains("bruno") && heads(&bruno).join("channel-1.cast.head").exists());
    let recording = site.sealed(&bruno);
    assert!(recording.altered().is_empty());
    // What was proven is proven.
    let report = check_log(&mut OsDisk::default(), &site.state().join("journal"), Some(&key), Some(&checkpoint));
    assert!(report.findings.is_empty(), "{:?}", report.findings);
    // A copy of the ring from before opens nothing with the vault of afterwards.
    let mixed = site.folder().join("mixed");
    copy(&old, &mixed);
    std::fs::remove_dir_all(mixed.join("vault")).unwrap();
    copy(&site.state().join("vault"), &mixed.join("vault"));
    let vault = gateway::vault::Vault::open(&mixed.join("vault")).unwrap();
    let masters = gateway::ring::masters(&vault).unwrap();
    let opened = Reader::open(&mixed.join("journal"), masters, &key)
        .and_then(|mut reader| reader.read(0, |_| ControlFlow::Continue(())));
    assert!(opened.is_err());

    // Put back beside its own vault, the ring is cleaned again before anything is read in it.
    site.start_daemon();
    let kept: Value = site.json(&["hold", "list"]);
    assert_eq!((&kept[0]["hold"], &kept[0]["state"]), (&hold.as_str().into(), &"holds".into()), "{kept}");
    let numbers: Vec<u64> = site
        .json(&["intervention", "list", "--all"])
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|one| one["number"].as_u64())
        .collect();
    assert_eq!(numbers, [2]);
}

/// T9: a clock that is set forward erases nothing, nor does the day after; three steady days do, and a
/// hold that has run out says so before what it held goes.
#[test]
fn a_clock_that_jumps_erases_nothing() {
    let site = by_hand(1);
    let id = session(&site, "alice", "claire", TYPED);
    sign_in(&site, "sophie", start());
    site.ok(&["hold", "add", "--account", "alice", "--reason", "incident 7", "--until", "2026-12-31"]);
    let head = site.state().join("keyring").join(&id).join("channel-1.cast.head");
    until(&site, after(0, 4), "the clock is trusted", || plan(&site)["may_run"] == true);
    let jumped = after(13, 0);
    site.jump_clock(jumped);
    let looked = plan(&site);
    assert_eq!(looked["may_run"], false, "{looked}");
    assert!(looked["why_not"].as_str().unwrap().contains("72 hours"), "{looked}");
    sign_in(&site, "sophie", jumped);
    let refused = site.poterne(&["retention", "run"], "");
    assert_eq!(refused.status.code(), Some(75), "{}", String::from_utf8_lossy(&refused.stderr));
    let hours = |hours| jumped.checked_add(SignedDuration::from_hours(hours)).unwrap();
    site.set_clock(hours(71));
    assert_eq!(plan(&site)["may_run"], false);
    assert!(head.exists() && site.entries("retention-run").is_empty() && site.entries("hold-expired").is_empty());
    // From here on it is a clock like any other.
    until(&site, hours(73), "the hold is said to have run out", || site.entries("hold-expired").len() == 1);
    assert!(head.exists(), "what it held goes with the next run");
    until(&site, hours(104), "it is gone", || !head.exists());
    assert_eq!(site.json(&["hold", "list"])[0]["state"], "expired");
    assert!(site.entries("session-ended").len() == 1, "entries in the tail are never erased");
}

/// PRV-07: what is kept about a technician, and who read it; of others nothing.
#[test]
fn a_person_gets_what_is_theirs() {
    let site = by_hand(1);
    let id = session(&site, "alice", "claire", TYPED);
    sign_in(&site, "sophie", start());
    let officer = site.folder().join("officer.key").display().to_string();
    std::fs::write(&officer, format!("{}\n", harness::site::OFFICER)).unwrap();
    site.ok(&["recording", "export", &id, "--format", "text", "--key", &officer, "--purpose", "incident 7"]);
    let file = site.folder().join("alice.json").display().to_string();
    let export = ["subject", "export", "alice", "-o", &file];
    assert_eq!(site.poterne(&export, "").status.code(), Some(77), "the auditor's, and nobody else's");
    sign_in(&site, "nadia", start());
    let aude = Person::new("aude");
    let add = [
        "staff",
        "add",
        "aude",
        "--role",
        "auditor",
        "--name",
        "Aude Test",
        "--email",
        "aude@chu.example",
        "--phone",
        "+33 6 00 00 00 99",
        "--stdin",
    ];
    assert!(site.poterne(&add, &format!("{}\n{}\n", aude.password, aude.totp)).status.success());
    assert!(site.poterne(&["login", "--as", "aude"], &secrets(&aude, start())).status.success());
    site.ok(&export);
    let text = std::fs::read_to_string(site.folder().join("alice.txt")).unwrap();
    let json: Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
    assert_eq!(json["readings"][0]["by"], "sophie", "{json}");
    let kinds: Vec<&str> = json["entries"].as_array().unwrap().iter().filter_map(|one| one["kind"].as_str()).collect();
    for kind in ["technician-added", "factors-accepted", "intervention-requested", "session-ended"] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    for theirs in ["claire", "paul", "chu.example", "incident 7"] {
        assert!(!text.contains(theirs) && !json.to_string().contains(theirs), "{theirs}: {text}");
    }
    assert!(text.contains("alice@imagix.example") && text.contains("PACS disk full"));
    assert_eq!(site.entries("subject-exported")[0]["by"], "aude");
    // A member of staff the same.
    let file = site.folder().join("claire.json").display().to_string();
    site.ok(&["subject", "export", "claire", "-o", &file]);
    let json = std::fs::read_to_string(&file).unwrap();
    assert!(json.contains("claire@chu.example") && !json.contains("alice") && !json.contains("PACS"), "{json}");
}
