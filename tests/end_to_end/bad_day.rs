//! The bad day: the button where nothing answers and its stages, a company made anew, alerts that nobody took,
//! the sealed envelope, and changes that wait for a second person.

use crate::people::fails;
use harness::{Answers, Site, SiteOptions, Terminal, eventually};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::process::Output;

/// Tuesday 24 November 2026, 14:58 in Paris.
const TUESDAY: &str = "2026-11-24T13:58:00Z";

fn tuesday() -> Timestamp {
    TUESDAY.parse().unwrap()
}

fn port_is_open(site: &Site) -> bool {
    TcpStream::connect(("127.0.0.1", site.port)).is_ok()
}

fn as_staff(site: &Site, who: &str, code: &str, verb: &[&str], more: &str) -> Output {
    let person = site.member(who);
    let mut args = verb.to_vec();
    args.extend(["--as", who]);
    site.poterne(&args, &format!("{}\n{code}\n{more}", person.password))
}

fn sign_in_at(site: &Site, who: &str, now: Timestamp) {
    let out = as_staff(site, who, &site.member(who).code_at(now), &["login"], "");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}

fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

/// A try with these factors, which gets nowhere.
fn try_in_vain(site: &Site, login: &str, password: &str, code: &str) {
    let mut thief = site.ssh(&format!("{login}+scanner"), &[], &[]);
    thief.expect("Password: ");
    thief.type_line(password);
    thief.expect("code: ");
    thief.type_line(code);
    assert_eq!(thief.wait().code(), Some(255), "{}", thief.shown());
}

/// EMG-04: with no daemon to answer the button still works: the next start opens nothing, and the journal has
/// it. EMG-05: it is lifted by groups, each journalled and kept across a restart; the rest stays cut.
#[test]
fn the_button_needs_no_daemon_and_is_lifted_in_stages() {
    let mut site = Site::with(SiteOptions {
        more: "[groups.labo]\nname = \"Laboratoire\"\n".to_owned(),
        ..SiteOptions::default()
    });
    site.await_open();
    site.stop_daemon();
    let out = site.ok(&["lockdown", "on", "--reason", "worm on the ward"]);
    assert!(out.contains("laid as a file"), "{out}");
    site.start_daemon();
    assert!(!port_is_open(&site));
    assert_eq!(site.entries("lockdown-began")[0]["reason"], "worm on the ward");
    fails(&site, &["lockdown", "off", "--group", "labo", "--reason", "x"], 77, "nobody is signed in");
    site.sign_in("nadia");
    fails(
        &site,
        &["lockdown", "off", "--group", "nobody", "--reason", "x"],
        66,
        "no group `nobody` in the configuration: there is labo, radiologie",
    );
    let out = site.ok(&["lockdown", "off", "--group", "labo", "--reason", "rebuilt"]);
    assert!(out.contains("nothing yet"), "{out}");
    // The port opens, and the equipment of another group stays cut.
    site.await_open();
    let alice = site.technician("alice");
    let mut early = site.ssh("alice+scanner", &[], &[]);
    early.expect("Password: ");
    early.type_line(&alice.password);
    early.expect("code: ");
    early.type_line(&alice.fresh_code());
    early.expect("YES[^:]*: ");
    early.type_line("YES");
    early.expect("the hospital has cut all access");
    early.wait();
    assert_eq!(site.entries("request-refused")[0]["why"], "all access to it is cut");
    let asked = ["explain", "--technician", "alice", "--target", "scanner"];
    let answer = site.json(&asked);
    assert_eq!((&answer["decision"], &answer["denial"]), (&"deny".into(), &"lockdown".into()), "{answer}");
    site.stop_daemon();
    // Without a daemon the files say it.
    let status = site.json(&["lockdown", "status"]);
    assert_eq!((&status["from_file"], &status["reopened"]), (&true.into(), &serde_json::json!(["labo"])), "{status}");
    site.start_daemon();
    let status = site.json(&["lockdown", "status"]);
    assert_eq!((&status["lockdown"], &status["reopened"]), (&true.into(), &serde_json::json!(["labo"])), "{status}");
    site.sign_in("nadia");
    let out = site.ok(&["lockdown", "off", "--group", "radiologie", "--reason", "the scanner was looked at"]);
    assert!(out.contains("open again: scanner"), "{out}");
    assert_ne!(site.json(&asked)["denial"], "lockdown", "what is open again is not said to be cut");
    let mut shell = site.shell("alice");
    shell.type_line("echo $((6000+1))");
    shell.expect("6001\\r\\n");
    // Touched while part of it is open again, nothing of that is left a second later.
    let file = std::fs::File::options().append(true).open(site.state().join("lockdown")).unwrap();
    file.set_modified(std::time::SystemTime::now()).unwrap();
    shell.expect("the hospital has cut all access");
    shell.wait();
    eventually("the port is closed", || !port_is_open(&site));
    eventually("it is journalled", || site.entries("lockdown-began").len() == 2);
    assert_eq!(site.json(&["lockdown", "status"])["reopened"], serde_json::json!([]));
    site.ok(&["lockdown", "off", "--reason", "over"]);
    site.await_open();
    std::fs::write(site.state().join("lockdown"), "").unwrap();
    eventually("a file laid by hand cuts", || !port_is_open(&site));
    eventually("and is journalled", || site.entries("lockdown-began").len() == 3);
    let kinds: Vec<String> =
        site.journal().into_iter().map(|(kind, _)| kind).filter(|kind| kind.starts_with("lockdown")).collect();
    let (began, stage, ended) = ("lockdown-began", "lockdown-reopened", "lockdown-ended");
    assert_eq!(kinds, [began, stage, stage, began, ended, began]);
}

/// EMG-04, D18: the button does not wait for a daemon that hangs.
#[test]
fn the_button_does_not_wait_for_a_daemon_that_hangs() {
    let site = Site::start();
    let mut shell = site.shell("alice");
    // Its channel is open: one that is asked for behind the button is refused with fewer words.
    shell.type_line("echo at''work");
    shell.expect("atwork");
    let pid = rustix::process::Pid::from_raw(site.daemon_pid().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let pressed = std::time::Instant::now();
    let out = site.poterne(&["lockdown", "on", "--reason", "worm on the ward"], "");
    let took = pressed.elapsed();
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    assert!(out.status.success() && String::from_utf8_lossy(&out.stdout).contains("laid as a file"), "{out:?}");
    assert!(said(&out).contains("systemctl kill -s KILL poterne"), "{out:?}");
    assert!(took < std::time::Duration::from_secs(15), "{took:?}");
    shell.expect("the hospital has cut all access");
    shell.wait();
    eventually("the port is closed", || !port_is_open(&site));
}

/// IDM-14: all of a company's passwords, codes and keys are void at once; sessions end, plans go; each gets an
/// invitation; and it is told what opens the equipment it worked on.
#[test]
fn a_company_is_made_anew() {
    let site = Site::with(SiteOptions { technicians: 2, ..SiteOptions::default() });
    let mut shell = site.shell("alice");
    site.sign_in("nadia");
    let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl leaked";
    site.ok(&["technician", "key", "add", "bruno", key]);
    fails(&site, &["vendor", "rotate-all", "nobody", "--reason", "x"], 66, "no vendor `nobody`");
    let made = site.json(&["vendor", "rotate-all", "imagix", "--reason", "their password list leaked"]);
    shell.expect("Session ended");
    shell.wait();
    assert_eq!(made["sessions_ended"], 1, "{made}");
    let invited: Vec<&str> =
        made["invitations"].as_array().unwrap().iter().map(|one| one["login"].as_str().unwrap()).collect();
    assert_eq!(invited.len(), 2, "{made}");
    assert_eq!(made["targets"], serde_json::json!([{ "target": "scanner", "login": "root" }]));
    for login in ["alice", "bruno"] {
        let person = site.technician(login);
        try_in_vain(&site, login, &person.password, &person.fresh_code());
        assert_eq!(site.json(&["technician", "show", login])["state"], "invited");
    }
    fails(&site, &["technician", "key", "add", "bruno", key], 65, "struck");
    let rotated = site.entries("vendor-rotated").remove(0);
    assert_eq!((rotated["keys"].as_array().unwrap().len(), rotated["reason"].as_str().unwrap().len() > 5), (1, true));
    assert_eq!(site.entries("technician-reset").len(), 2);
    // The invitation opens the enrolment, and no target.
    let code = made["invitations"][0]["code"].as_str().unwrap();
    let mut newcomer = site.ssh(invited[0], &[], &[]);
    newcomer.expect("Password: ");
    newcomer.type_line(code);
    newcomer.expect("code: ");
    newcomer.type_line("");
    eventually("the invitation is known", || !site.entries("invitation-used").is_empty());
    newcomer.kill();
}

/// LOG-16: an alert waits for a person, across a restart; nobody takes it in time, and it goes on to whoever is
/// on call, by night to another group than by day; the local syslog hears each; a person takes it by name.
#[test]
fn an_alert_that_nobody_took_goes_on_at_night() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let syslog = UnixDatagram::bind(&path).unwrap();
    syslog.set_read_timeout(Some(std::time::Duration::from_secs(30))).unwrap();
    let more = format!(
        "[calendars.night]\nholidays = \"none\"\nhours = [{{ days = \"mon-sun\", from = \"20:00\", to = \"24:00\" }}]\n\
         [calendars.day]\nholidays = \"none\"\nhours = [{{ days = \"mon-sun\", from = \"08:00\", to = \"20:00\" }}]\n\
         [groups.garde]\nname = \"Garde\"\non-call = \"night\"\n\
         [groups.jour]\nname = \"Jour\"\non-call = \"day\"\n\
         [alarms]\nescalate-after = \"15m\"\nsyslog = \"{}\"\n",
        path.display()
    );
    let mut site = Site::with(SiteOptions { technicians: 2, clock: Some(tuesday()), more, ..SiteOptions::default() });
    sign_in_at(&site, "nadia", tuesday());
    for (who, group) in [("paul", "garde"), ("claire", "jour")] {
        let groups = ["--group", "radiologie", "--group", group];
        site.ok(&[&["staff", "change", who, "--role", "approver", "--reason", "on call"], &groups[..]].concat());
    }
    site.ok(&["technician", "disable", "alice", "--reason", "leaked"]);
    let alice = site.technician("alice");
    try_in_vain(&site, "alice", &alice.password, &alice.code_at(tuesday()));
    eventually("the alert waits", || site.json(&["alert", "list"]).as_array().map(Vec::len) == Some(1));
    let alert = site.json(&["alert", "list"])[0].clone();
    assert_eq!(
        (&alert["what"], &alert["people"], &alert["vendor"]),
        (&"account-alert".into(), &"alice".into(), &"imagix".into())
    );
    let heard = |syslog: &UnixDatagram| {
        let mut line = [0; 1024];
        let length = syslog.recv(&mut line).unwrap();
        String::from_utf8_lossy(&line[..length]).into_owned()
    };
    let line = heard(&syslog);
    assert!(line.starts_with("<81>") && line.contains("ALERT 1 account-alert") && line.contains("alice"), "{line}");
    // The same again makes no second one.
    try_in_vain(&site, "alice", "guessed", "000000");
    site.stop_daemon();
    site.start_daemon();
    assert_eq!(site.json(&["alert", "list"]).as_array().map(Vec::len), Some(1), "it waits across a restart");
    // 15:14, and nobody took it.
    let later = tuesday() + SignedDuration::from_mins(16);
    site.set_clock(later);
    eventually("it goes on", || site.entries("alert-escalated").len() == 1);
    let told = |n: usize| -> Vec<String> {
        let told = site.entries("alert-escalated")[n]["told"].clone();
        told.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(told(0), ["claire", "nadia", "sophie"], "by day");
    assert!(heard(&syslog).contains("untaken-since"));
    // At night another group is on call.
    let night: Timestamp = "2026-11-24T21:00:00Z".parse().unwrap();
    site.set_clock(night);
    eventually("it goes on at night", || site.entries("alert-escalated").len() == 2);
    assert_eq!(told(1), ["nadia", "paul", "sophie"], "by night");
    sign_in_at(&site, "sophie", night);
    fails(&site, &["alert", "ack", "9", "--note", "x"], 66, "no alert 9");
    let out = site.ok(&["alert", "ack", "1", "--note", "called Imagix: it was not Alice"]);
    assert!(out.contains("taken by sophie"), "{out}");
    fails(&site, &["alert", "ack", "1", "--note", "x"], 65, "taken by `sophie`");
    assert_eq!(site.json(&["alert", "list"]), serde_json::json!([]));
    assert_eq!(site.json(&["alert", "list", "--all"])[0]["taken_by"], "sophie");
}

fn configure(site: &Site, from: &str, to: &str) {
    let text = std::fs::read_to_string(&site.config).unwrap();
    assert!(text.contains(from), "{text}");
    std::fs::write(&site.config, text.replacen(from, to, 1)).unwrap();
}

/// EMG-03, T16: where approvals at the command line are sealed, a code on paper stands in for the console: once,
/// loudly, and for neither of the approver's factors.
#[test]
fn a_sealed_code_stands_in_for_the_console_and_for_no_person() {
    let site = Site::with(SiteOptions { technicians: 2, approvers: 3, ..SiteOptions::default() });
    configure(&site, "[site]\n", "[site]\ncommand-line = \"sealed\"\n");
    site.ok(&["reload"]);
    site.sign_in("nadia");
    fails(&site, &["break-glass", "print"], 77, "role security");
    site.sign_in("sophie");
    let paper = site.ok(&["break-glass", "print", "--count", "2"]);
    let codes: Vec<&str> = paper
        .lines()
        .filter(|line| line.trim_end().ends_with("[ ]"))
        .map(|line| line.split_whitespace().nth(1).unwrap())
        .collect();
    assert_eq!(codes.len(), 2, "{paper}");
    assert!(codes[0].replace('-', "").len() == 20 && paper.contains("jamais une personne"), "{paper}");
    let mut terminal = site.ssh("alice+scanner", &[], &[]);
    let (number, code) = site.walk(&mut terminal, "alice", &Answers::default());
    let out = site.approve_as("claire", number, &code);
    assert!(!out.status.success() && said(&out).contains("sealed envelope"), "{}", said(&out));
    let shown = number.to_string();
    let verb = ["break-glass", "approve", &shown, "--code", &code, "--verified", "called"];
    let with = |who: &str, fresh: &str, sealed: &str| as_staff(&site, who, fresh, &verb, &format!("{sealed}\n"));
    // No code, no factor: neither opens anything, and the code is still good.
    assert!(!with("marc-0", &site.member("marc-0").fresh_code(), "AAAAA-AAAAA-AAAAA-AAAAA").status.success());
    assert!(!with("marc-1", "000000", codes[0]).status.success());
    // Sophie is of security, and approves nothing.
    assert!(!with("sophie", "000000", codes[0]).status.success());
    assert!(site.entries("session-admitted").is_empty());
    let out = with("claire", &site.member("claire").fresh_code(), codes[0]);
    assert!(out.status.success() && said(&out).contains("1 code(s) left"), "{}", said(&out));
    terminal.expect("APPROVED until");
    let kinds: Vec<String> = site.journal().into_iter().map(|(kind, _)| kind).collect();
    let place = |kind: &str| kinds.iter().position(|one| one == kind).unwrap();
    assert!(place("break-glass-used") < place("intervention-approved"), "{kinds:?}");
    let alerts: Vec<Value> = site.json(&["alert", "list"]).as_array().unwrap().clone();
    assert!(alerts.iter().any(|one| one["what"] == "break-glass-used"), "{alerts:?}");
    assert!(alerts.iter().any(|one| one["what"] == "break-glass-refused"), "{alerts:?}");
    // Once.
    let mut second = site.ssh("bruno+scanner", &[], &[]);
    let (number, code) = site.walk(&mut second, "bruno", &Answers::default());
    let shown = number.to_string();
    let verb = ["break-glass", "approve", &shown, "--code", &code, "--verified", "called"];
    let fresh = site.member("paul").fresh_code();
    let again = as_staff(&site, "paul", &fresh, &verb, &format!("{}\n", codes[0]));
    assert!(!again.status.success() && said(&again).contains("it was used"), "{}", said(&again));
    // A new paper voids what is left of the old one.
    site.ok(&["break-glass", "print", "--count", "1"]);
    let fresh = site.member("marc-2").fresh_code();
    assert!(!as_staff(&site, "marc-2", &fresh, &verb, &format!("{}\n", codes[1])).status.success());
    assert_eq!(site.entries("session-admitted").len(), 1);
    let secrets: String = site.journal().into_iter().map(|(_, body)| body.to_string()).collect();
    assert!(codes.iter().all(|code| !secrets.contains(code) && !secrets.contains(&code.replace('-', ""))));
}

/// T8: where two pairs of eyes are wanted, a weakening reload waits for a second person of security, the old
/// rules hold meanwhile, and neither a restart nor the files of another change bring it in.
#[test]
fn a_weakening_change_waits_for_a_second_person() {
    let mut site = Site::with(SiteOptions { technicians: 1, approvers: 1, ..SiteOptions::default() });
    configure(&site, "[site]\n", "[site]\nfour-eyes = true\n");
    site.ok(&["reload"]);
    // What strengthens goes through.
    configure(&site, "longest = \"8h\"", "longest = \"4h\"");
    site.ok(&["reload"]);
    site.sign_in("nadia");
    configure(&site, "longest = \"4h\"", "longest = \"12h\"");
    fails(&site, &["reload"], 75, "vendor.imagix.allow.0.longest");
    let waiting = site.json(&["change", "list"]);
    let digest = waiting[0]["digest"].as_str().unwrap().to_owned();
    assert_eq!(waiting[0]["weakening"].as_array().unwrap().len(), 1, "{waiting}");
    let loaded = site.entries("config-loaded").len();
    let in_force = |site: &Site| site.json(&["status"])["config"].as_str().unwrap().to_owned();
    let before = in_force(&site);
    site.stop_daemon();
    site.start_daemon();
    assert_eq!(in_force(&site), before, "a restart does not bring it in");
    assert_eq!(site.json(&["change", "list"])[0]["digest"], digest.as_str());
    let accept = ["change", "accept", &digest];
    let out = as_staff(&site, "claire", &site.member("claire").fresh_code(), &accept, "");
    assert!(!out.status.success() && said(&out).contains("role security"), "{}", said(&out));
    let out = as_staff(&site, "claire", "000000", &["change", "accept", "4be1"], "");
    assert!(said(&out).contains("no change `4be1` waits"), "{}", said(&out));
    // Nor does whom the operator makes a second person.
    site.sign_in("nadia");
    site.ok(&["staff", "change", "claire", "--role", "security", "--reason", "to help"]);
    let out = as_staff(&site, "claire", &site.member("claire").fresh_code(), &accept, "");
    assert!(!out.status.success() && said(&out).contains("less than 24 hours ago"), "{}", said(&out));
    // Other files than those that were looked at.
    configure(&site, "name = \"IRM\"", "name = \"IRM 2\"");
    let sophie = site.member("sophie");
    let out = as_staff(&site, "sophie", &sophie.fresh_code(), &accept, "");
    assert!(!out.status.success() && said(&out).contains("another change"), "{}", said(&out));
    assert_eq!((in_force(&site), site.entries("config-loaded").len()), (before.clone(), loaded));
    configure(&site, "name = \"IRM 2\"", "name = \"IRM\"");
    // A code is good once in half a minute.
    eventually("sophie's next code", || as_staff(&site, "sophie", &sophie.fresh_code(), &accept, "").status.success());
    assert_eq!(in_force(&site), digest);
    assert_eq!(site.json(&["change", "list"]), serde_json::json!([]));
    assert_eq!(site.entries("change-accepted")[0]["by"], "sophie");
    let alerts = site.json(&["alert", "list", "--all"]);
    let change = alerts.as_array().unwrap().iter().find(|one| one["what"] == "change-waits").unwrap();
    assert_eq!(change["taken_by"], "sophie", "it waits for nobody: {alerts}");
}

/// T8: a reload by nobody in particular, such as root's, is accepted by two persons: root and one of them could be
/// the same. The first acceptance outlives a start.
#[test]
fn what_nobody_signed_for_is_accepted_by_two() {
    let mut site = Site::with(SiteOptions { technicians: 1, approvers: 1, ..SiteOptions::default() });
    site.sign_in("nadia");
    site.ok(&["staff", "change", "claire", "--role", "security", "--reason", "second officer"]);
    site.ok(&["logout"]);
    configure(&site, "[site]\n", "[site]\nfour-eyes = true\n");
    site.ok(&["reload"]);
    configure(&site, "longest = \"8h\"", "longest = \"12h\"");
    fails(&site, &["reload"], 75, "and another one");
    let before = site.json(&["status"])["config"].clone();
    let digest = site.json(&["change", "list"])[0]["digest"].as_str().unwrap().to_owned();
    let accept = |site: &Site, who: &str| {
        as_staff(site, who, &site.member(who).fresh_code(), &["change", "accept", &digest], "")
    };
    let out = accept(&site, "sophie");
    assert!(out.status.success() && said(&out).contains("1 more"), "{}", said(&out));
    let out = accept(&site, "sophie");
    assert!(!out.status.success() && said(&out).contains("accepted already"), "{}", said(&out));
    site.stop_daemon();
    site.start_daemon();
    assert_eq!(site.json(&["status"])["config"], before);
    let waits = site.json(&["change", "list"]);
    assert_eq!(waits[0]["accepted"], serde_json::json!(["sophie"]), "{waits}");
    let out = accept(&site, "claire");
    assert!(out.status.success() && said(&out).contains("in force: 1 change"), "{}", said(&out));
    assert_eq!(site.json(&["status"])["config"], digest.as_str());
}

/// LOG-13: reloads that come at once are taken one after the other: each is compared with what the one before it
/// left in force, so that only one of them changes anything.
#[test]
fn reloads_at_once_are_taken_one_by_one() {
    let site = Site::with(SiteOptions::default());
    let mut longest = "longest = \"8h\"".to_owned();
    for hours in 1..=5 {
        let next = format!("longest = \"{hours}h\"");
        configure(&site, &longest, &next);
        longest = next;
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| site.ok(&["reload"]));
            }
        });
    }
    let loaded = site.entries("config-loaded");
    let changed = loaded.iter().filter(|one| one["changes"] != serde_json::json!([])).count();
    assert_eq!((loaded.len(), changed), (20, 5), "{loaded:?}");
    assert_eq!(loaded.last().unwrap()["digest"], site.json(&["status"])["config"]);
}

/// EMG-01, D14: at night the emergency path lifts hours and nothing else: the row that only hours forbid opens,
/// every other one stays shut as by day. (`lifecycle/tests/emergency.rs` has all rules.)
#[test]
fn an_emergency_lifts_hours_and_nothing_else() {
    let night: Timestamp = "2026-11-24T22:00:00Z".parse().unwrap();
    let site = Site::with(SiteOptions {
        hours: "[{ days = \"mon-fri\", from = \"08:00\", to = \"18:00\" }]".to_owned(),
        clock: Some(night),
        supervision: "required",
        technicians: 2,
        ..SiteOptions::default()
    });
    assert!(!port_is_open(&site));
    let verb = [
        "intervention",
        "emergency",
        "--technician",
        "alice",
        "--target",
        "scanner",
        "--minutes",
        "60",
        "--reason",
        "scanner down",
        "--verified",
        "called",
        "--json",
    ];
    let out = as_staff(&site, "claire", &site.member("claire").code_at(night), &verb, "");
    assert!(out.status.success(), "{}", said(&out));
    let opened: Value = serde_json::from_slice(&out.stdout).unwrap();
    let code = opened["code"].as_str().unwrap();
    eventually("the port opens", || port_is_open(&site));
    // Neither factor is lifted, nor whose window it is.
    let (alice, bruno) = (site.technician("alice"), site.technician("bruno"));
    try_in_vain(&site, "alice", "guessed", &alice.code_at(night));
    let later = night + SignedDuration::from_secs(31);
    site.set_clock(later);
    try_in_vain(&site, "alice", &alice.password, "000000");
    let walk = |login: &str, password: &str, code: &str| -> Terminal {
        let mut terminal = site.ssh(&format!("{login}+scanner"), &[], &[]);
        terminal.expect("Password: ");
        terminal.type_line(password);
        terminal.expect("code: ");
        terminal.type_line(code);
        terminal.expect("YES[^:]*: ");
        terminal.type_line("YES");
        terminal
    };
    let mut other = walk("bruno", &bruno.password, &bruno.code_at(later));
    other.expect("closed|Closed|opening");
    other.wait();
    // The code, the watcher and the recording are asked for as by day.
    let mut guesses = walk("alice", &alice.password, &alice.code_at(later));
    guesses.expect("Planned code: ");
    guesses.type_line("AAAAAAAA");
    guesses.wait();
    let later = later + SignedDuration::from_secs(31);
    site.set_clock(later);
    let mut terminal = walk("alice", &alice.password, &alice.code_at(later));
    terminal.expect("Planned code: ");
    terminal.type_line(code);
    terminal.expect("APPROVED until");
    terminal.expect("Frozen: nobody");
    terminal.type_line("cat /etc/shadow");
    let id = site.last_session()["id"].as_str().unwrap().to_owned();
    eventually("what was typed is recorded and not delivered", || {
        site.recording(&id).iter().any(|frame| frame.kind == recorder::FrameKind::InputDropped)
    });
    terminal.kill();
    site.ended_session();
}
