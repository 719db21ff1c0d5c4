//! The seed scenarios: what happened to real hospitals, step by step, against this door. Each is named
//! after its source in `docs/requirements.md`; those whose answer is not built yet are named there too.

use crate::people::fails;
use harness::{Answers, Site, SiteOptions, Terminal, eventually};
use jiff::Timestamp;
use std::net::TcpStream;
use std::process::Output;
use std::time::Duration;

/// Tuesday 24 November 2026, 14:58 in Paris: the hour of day of the real one.
const TUESDAY: &str = "2026-11-24T13:58:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn hospital(options: SiteOptions) -> Site {
    Site::with(SiteOptions {
        hours: "[{ days = \"mon-fri\", from = \"08:00\", to = \"18:00\" }]".to_owned(),
        clock: Some(at(TUESDAY)),
        technicians: 3,
        ..options
    })
}

/// Alice's password and telephone are in other hands: the lobby up to the waiting.
fn stolen(site: &Site) -> (Terminal, u64, String) {
    let mut thief = site.ssh("alice+scanner", &[], &[]);
    let code = Some(site.technician("alice").code_at(at(TUESDAY)));
    let (number, code) = site.walk(&mut thief, "alice", &Answers { code, ..Answers::default() });
    (thief, number, code)
}

fn approve(site: &Site, who: &str, number: u64, code: &str, now: Timestamp) -> Output {
    let person = site.member(who);
    let secrets = format!("{}\n{}\n", person.password, person.code_at(now));
    let number = number.to_string();
    site.poterne(&["intervention", "approve", &number, "--code", code, "--verified", "called", "--as", who], &secrets)
}

/// The kinds of entries that say that somebody got somewhere.
fn got_in(site: &Site) -> usize {
    ["session-admitted", "channel-opened", "target-unreached"].iter().map(|kind| site.entries(kind).len()).sum()
}

/// S0-A, TIM-10, APR-06: a vendor's account that leaked, with both factors, on a Tuesday at 14:58. In
/// hours, and nothing opens; an approver who is talked round has no code to type; one who has it looks at a
/// session that is held until somebody watches, and is recorded from its first byte.
#[test]
fn s0_a_a_stolen_account_in_office_hours() {
    let site = hospital(SiteOptions { supervision: "required", ..SiteOptions::default() });
    // The password alone, as the real one had it.
    let mut half = site.ssh("bruno+scanner", &[], &[]);
    half.expect("Password: ");
    half.type_line(&site.technician("bruno").password);
    half.expect("code: ");
    half.type_line("000000");
    assert!(half.expect_within("YES", Duration::from_secs(4)).is_err(), "{}", half.shown());
    half.kill();
    // Both factors.
    let (mut thief, number, _) = stolen(&site);
    assert_eq!(got_in(&site), 0);
    // "Just approve it, I have no code at hand": three guesses and it is over.
    let mut now = at(TUESDAY);
    for guess in ["AAAA", "K3K3", "7777"] {
        let out = approve(&site, "claire", number, guess, now);
        assert!(!out.status.success());
        now += jiff::SignedDuration::from_secs(30);
        site.set_clock(now);
    }
    thief.wait();
    assert_eq!(
        (got_in(&site), site.json(&["intervention", "show", &number.to_string()])["state"].as_str()),
        (0, Some("refused"))
    );
    // Somebody reads the right one out and is believed.
    let mut thief = site.ssh("alice+scanner", &[], &[]);
    let code = Some(site.technician("alice").code_at(now));
    let (number, code) = site.walk(&mut thief, "alice", &Answers { code, ..Answers::default() });
    let out = approve(&site, "paul", number, &code, now);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    thief.expect("APPROVED until");
    thief.expect("Frozen|frozen");
    thief.type_line("cat /etc/shadow > loot");
    let session = site.last_session()["id"].as_str().unwrap().to_owned();
    eventually("what was typed is recorded and not delivered", || {
        site.recording(&session).iter().any(|frame| frame.kind == recorder::FrameKind::InputDropped)
    });
    assert!(
        site.entries("channel-opened").iter().all(|one| one["session"] != session.as_str()) || {
            !site.recording(&session).iter().any(|frame| frame.kind == recorder::FrameKind::Input)
        }
    );
    // One key cuts it; the journal tells the whole story.
    site.ok(&["session", "cut", &session, "--reason", "nobody of Imagix called"]);
    thief.wait();
    site.ended_session();
    let end = site.entries("session-ended").pop().unwrap();
    for known in ["technician", "name", "source", "started", "seconds", "cause", "approved_by"] {
        assert!(!end[known].is_null(), "{known}: {end}");
    }
}

/// S0-A to S0-C, IDM-13, EMG-04: the whole attack, step by step, by the hospital's own clock. Tuesday at 14:58,
/// stolen credentials; an approver is tricked; it is watched, recorded and cut; nine days later the thief is
/// back with the disabled account, then with a sibling's: two alerts, the company frozen by what they propose.
#[test]
fn s0_the_attack_replayed() {
    let site = hospital(SiteOptions { supervision: "required", ..SiteOptions::default() });
    let mut now = at(TUESDAY);
    // 14:58. Both factors are stolen: a request waits, and nothing is open.
    let (mut thief, number, code) = stolen(&site);
    assert_eq!(got_in(&site), 0);
    // 15:01. The approver is talked into it, hears the code, and opens. Nothing moves before somebody watches.
    let out = approve(&site, "claire", number, &code, now);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    thief.expect("APPROVED until");
    thief.expect("Frozen|frozen");
    let session = site.last_session()["id"].as_str().unwrap().to_owned();
    now += jiff::SignedDuration::from_secs(60);
    site.set_clock(now);
    let (config, poterne) = (site.config.display().to_string(), harness::program("poterne-under-test"));
    let verb = ["--config", &config, "session", "watch", &session, "--as", "paul"];
    let mut watcher = Terminal::start(&poterne.display().to_string(), &verb);
    watcher.expect("password: ");
    watcher.type_line(&site.member("paul").password);
    watcher.expect("code: ");
    watcher.type_line(&site.member("paul").code_at(now));
    watcher.expect("DIRECT|LIVE");
    thief.expect("Resumed");
    thief.type_line("echo looking-$((40+2))");
    watcher.expect("looking-42");
    // Paul sees it, and cuts.
    watcher.type_raw(b"x");
    watcher.type_line("this is not Alice");
    thief.expect("cut by the hospital: this is not Alice");
    thief.wait();
    site.ended_session();
    let text: Vec<u8> = site.recording(&session).into_iter().flat_map(|frame| frame.data.to_vec()).collect();
    assert!(String::from_utf8_lossy(&text).contains("looking-42"), "it is recorded");
    // The account is closed.
    let sign_in = |who: &str, now: Timestamp| {
        let person = site.member(who);
        let out = site.poterne(&["login", "--as", who], &format!("{}\n{}\n", person.password, person.code_at(now)));
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    };
    sign_in("nadia", now);
    site.ok(&["technician", "disable", "alice", "--reason", "leaked"]);
    let opened = got_in(&site);
    // Nine days later, at the same hour.
    now = at("2026-12-03T13:58:00Z");
    site.set_clock(now);
    site.await_open();
    for (login, alerts) in [("alice", 1), ("bruno", 2)] {
        let person = site.technician(login);
        let mut thief = site.ssh(&format!("{login}+scanner"), &[], &[]);
        thief.expect("Password: ");
        thief.type_line(if login == "alice" { &person.password } else { "from the same list" });
        thief.expect("code: ");
        thief.type_line(&person.code_at(now));
        assert_eq!(thief.wait().code(), Some(255), "{login}: {}", thief.shown());
        eventually("the alert waits for a person", || {
            site.json(&["alert", "list"]).as_array().map(Vec::len) == Some(alerts)
        });
    }
    assert_eq!(got_in(&site), opened, "nothing opened");
    let alerts = site.json(&["alert", "list"]);
    assert_eq!((&alerts[0]["what"], &alerts[0]["people"]), (&"account-alert".into(), &"alice".into()), "{alerts}");
    assert_eq!((&alerts[1]["what"], &alerts[1]["people"]), (&"leak-suspected".into(), &"alice, bruno".into()));
    // The proposal is a command that works as it stands.
    let proposal = alerts[1]["proposal"].as_str().unwrap().to_owned();
    assert_eq!(proposal, "poterne vendor freeze imagix --reason \"alert 2\"");
    sign_in("sophie", now);
    site.ok(&["vendor", "freeze", "imagix", "--reason", "alert 2"]);
    for alert in ["1", "2"] {
        site.ok(&["alert", "ack", alert, "--note", "Imagix was called; frozen"]);
    }
    assert_eq!(site.json(&["alert", "list"]), serde_json::json!([]));
    assert_eq!(site.json(&["vendor", "list"])[0]["state"], "frozen");
}

/// S0-B, NET-03, NET-04, T23: from the scanner on to other servers: not by a target that is not the
/// vendor's, not by a forward, not by a jump to elsewhere, not by a file put where keys lie.
#[test]
fn s0_b_lateral_moves_lead_nowhere() {
    let site = Site::start();
    let mut shell = site.shell("alice");
    shell.type_line("echo $((6000+1))");
    shell.expect("6001\\r\\n");
    shell.type_line("exit");
    shell.wait();
    let before = got_in(&site);
    for other in ["alice+domain-controller", "alice+scanner+backup"] {
        let mut elsewhere = site.ssh(other, &[], &[]);
        elsewhere.expect("Password: ");
        elsewhere.type_line(&site.technician("alice").password);
        elsewhere.expect("code: ");
        elsewhere.type_line(&site.technician("alice").fresh_code());
        // A target that is not theirs looks like a wrong factor; a login that is not, is refused by name.
        if elsewhere.expect_within("YES", Duration::from_secs(4)).is_ok() {
            elsewhere.type_line("YES");
        }
        assert!(elsewhere.expect_within("Reason", Duration::from_secs(2)).is_err(), "{other}: {}", elsewhere.shown());
        elsewhere.kill();
    }
    assert_eq!(got_in(&site), before);
    let master = site.master("alice");
    let control = site.folder().join("ctl-alice").display().to_string();
    let run = |program: &str, args: &[&str]| {
        let mut all = vec!["20".to_owned(), program.to_owned(), format!("-oControlPath={control}")];
        all.extend(["-F".to_owned(), "none".to_owned(), "-oBatchMode=yes".to_owned(), format!("-oPort={}", site.port)]);
        all.extend(args.iter().map(|arg| (*arg).to_owned()));
        std::process::Command::new("timeout").args(all).stdin(std::process::Stdio::null()).output().unwrap()
    };
    let key = site.folder().join("key.pub");
    std::fs::write(&key, "ssh-ed25519 AAAA thief").unwrap();
    let there = site.folder().join("authorized_keys.thief");
    let host = "alice+scanner@127.0.0.1";
    assert!(!run("ssh", &["-W", "127.0.0.1:22", host]).status.success());
    assert!(!run("scp", &[&key.display().to_string(), &format!("{host}:{}", there.display())]).status.success());
    assert!(!there.exists());
    drop(master);
    site.ended_session();
    let refused = site.entries("channel-refused");
    assert!(refused.len() >= 2, "{refused:?}");
}

/// S0-C, IDM-13: the account was disabled, and comes back ten days later; then its siblings are tried. None
/// gets in, the client cannot tell why, and the journal names each.
#[test]
fn s0_c_the_disabled_account_comes_back_and_then_others() {
    let site = Site::with(SiteOptions { technicians: 3, ..SiteOptions::default() });
    site.sign_in("nadia");
    site.ok(&["technician", "disable", "alice", "--reason", "leaked"]);
    for login in ["alice", "bruno", "chloe"] {
        let person = site.technician(login);
        let mut thief = site.ssh(&format!("{login}+scanner"), &[], &[]);
        thief.expect("Password: ");
        thief.type_line(if login == "alice" { &person.password } else { "guessed" });
        thief.expect("code: ");
        thief.type_line(&person.fresh_code());
        assert!(thief.expect_within("YES", Duration::from_secs(4)).is_err(), "{login}: {}", thief.shown());
        thief.kill();
    }
    assert_eq!(got_in(&site), 0);
    eventually("each try is journalled by name", || {
        let tries = site.entries("factors-refused");
        ["alice", "bruno", "chloe"].iter().all(|login| tries.iter().any(|one| one["technician"] == *login))
    });
}

/// S1-B, IDM-01: passwords of the directory, and of the machine itself, are nothing here.
#[test]
fn s1_b_passwords_of_elsewhere_open_nothing() {
    let site = Site::start();
    for login in ["root", "administrateur", "CHU\\alice", "alice@chu.example"] {
        let mut thief = site.ssh(login, &[], &[]);
        thief.expect("Password: ");
        thief.type_line("the-password-of-the-directory");
        thief.expect("code: ");
        thief.type_line("123456");
        assert!(thief.expect_within("YES", Duration::from_secs(4)).is_err(), "{login}: {}", thief.shown());
        thief.kill();
    }
    assert_eq!(got_in(&site), 0);
}

/// S1-C, EMG-04: the crisis: everything is cut at once, also what waits; the hospital opens again by
/// itself, and nothing that was granted before is still good.
#[test]
fn s1_c_a_crisis_cuts_all_and_old_grants_are_gone() {
    let mut site = Site::with(SiteOptions { technicians: 2, ..SiteOptions::default() });
    let mut shell = site.shell("alice");
    let mut waiting = site.ssh("bruno+scanner", &[], &[]);
    let (number, code) = site.walk(&mut waiting, "bruno", &Answers::default());
    site.ok(&["lockdown", "on", "--reason", "intrusion under way"]);
    shell.expect("the hospital has cut all access");
    shell.wait();
    waiting.wait();
    assert!(!site.approve_as("claire", number, &code).status.success());
    site.stop_daemon();
    site.start_daemon();
    eventually("still closed", || TcpStream::connect(("127.0.0.1", site.port)).is_err());
    site.sign_in("nadia");
    site.ok(&["lockdown", "off", "--reason", "the machines were rebuilt"]);
    site.await_open();
    assert!(!site.approve_as("paul", number, &code).status.success(), "what waited before is over");
    assert_eq!(site.entries("session-admitted").len(), 1);
}

/// S2, APR-06: an emergency patch on many hosts: many may ask, and each is approved by itself.
#[test]
fn s2_many_requests_and_no_batch() {
    let site = Site::with(SiteOptions { technicians: 3, ..SiteOptions::default() });
    let mut terminals: Vec<(Terminal, u64, String)> = ["alice", "bruno", "chloe"]
        .iter()
        .map(|login| {
            let mut terminal = site.ssh(&format!("{login}+scanner"), &[], &[]);
            let (number, code) = site.walk(&mut terminal, login, &Answers::default());
            (terminal, number, code)
        })
        .collect();
    fails(&site, &["intervention", "approve", "1", "2", "3", "--code", "AAAA", "--verified", "called"], 64, "");
    assert!(console::routes().all(|route| !route.path.contains("all") && !route.path.contains("bulk")));
    // The code of one is none for another.
    let (number, code) = (terminals[1].1, terminals[0].2.clone());
    assert!(!site.approve_as("claire", number, &code).status.success());
    assert_eq!(site.entries("session-admitted").len(), 0);
    let (mut first, number, code) = terminals.remove(0);
    site.approve(number, &code);
    first.expect("APPROVED until");
    assert_eq!(site.entries("session-admitted").len(), 1);
}

/// S3-A: a second factor that is not asked for on the hospital's own network. Promise 8: no setting does
/// that, and the loopback is asked like everybody.
#[test]
fn s3_a_no_network_is_spared_the_second_factor() {
    let site = Site::start();
    let config = site.folder().join("poterne.toml");
    let before = std::fs::read_to_string(&config).unwrap();
    for (from, to) in [
        ("factors", "factors-of-the-lan = [\"password\"]\nfactors"),
        ("[\"password\", \"totp\"]", "[\"password\"]"),
        ("[\"password\", \"totp\"]", "[\"key\", \"totp\"]"),
    ] {
        assert!(before.contains(from), "{before}");
        std::fs::write(&config, before.replace(from, to)).unwrap();
        let out = site.poterne(&["config", "check"], "");
        assert!(!out.status.success(), "{to}");
    }
    std::fs::write(&config, before).unwrap();
    let mut near = site.ssh("alice+scanner", &[], &[]);
    near.expect("Password: ");
    near.type_line(&site.technician("alice").password);
    near.expect("code: ");
    near.kill();
}

/// S3-B: a password for an application, without a second factor. What there is for programs reads an export
/// and opens nothing.
#[test]
fn s3_b_a_token_is_no_password() {
    let site = Site::start();
    site.sign_in("sophie");
    let sophie = site.member("sophie");
    let out = site.poterne(
        &["token", "make", "sessions", "--label", "SIEM", "--json"],
        &format!("{}\n{}\n", sophie.password, sophie.fresh_code()),
    );
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let made: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    let token = made["token"].as_str().unwrap();
    let mut program = site.ssh("alice+scanner", &[], &[]);
    program.expect("Password: ");
    program.type_line(token);
    program.expect("code: ");
    program.type_line(&site.technician("alice").fresh_code());
    assert!(program.expect_within("YES", Duration::from_secs(4)).is_err(), "{}", program.shown());
    program.kill();
    assert_eq!(got_in(&site), 0);
}

/// S4, LIF-01: a tool that runs all the time and starts with the machine. After a restart nothing that was
/// granted goes on, and the port that is open for a plan alone is closed.
#[test]
fn s4_a_restart_leaves_nothing_open() {
    let mut site = Site::with(SiteOptions { technicians: 2, ..SiteOptions::default() });
    let mut shell = site.shell("alice");
    let mut waiting = site.ssh("bruno+scanner", &[], &[]);
    let (number, code) = site.walk(&mut waiting, "bruno", &Answers::default());
    site.kill_daemon();
    shell.wait();
    waiting.wait();
    site.start_daemon();
    let end = site.ended_session();
    assert_eq!(end["cause"], "interrupted");
    assert!(end["duration"].is_u64(), "{end}");
    assert_eq!(site.json(&["intervention", "show", &number.to_string()])["state"], "withdrawn");
    assert!(!site.approve_as("paul", number, &code).status.success());
    let live = site.json(&["session", "list"]);
    assert_eq!(live.as_array().map(Vec::len), Some(0), "{live}");
}
