//! What the hospital opens in advance (D7), out of hours (D14), and for longer (D12); and the port that
//! is open for that alone (D15).

use crate::people::fails;
use harness::{Site, SiteOptions, Terminal, eventually};
use jiff::{SignedDuration, Timestamp};
use std::net::TcpStream;

const MONDAY: &str = "2026-11-23T09:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn office(more: &str) -> SiteOptions {
    SiteOptions {
        hours: "[{ days = \"mon-fri\", from = \"08:00\", to = \"18:00\" }]".to_owned(),
        clock: Some(at(MONDAY)),
        more: more.to_owned(),
        ..SiteOptions::default()
    }
}

/// Runs a verb that brings a member of staff's own proof, by the site's clock.
fn as_staff(site: &Site, who: &str, now: Timestamp, verb: &[&str]) -> std::process::Output {
    let person = site.member(who);
    let mut args = verb.to_vec();
    args.extend(["--as", who]);
    site.poterne(&args, &format!("{}\n{}\n", person.password, person.code_at(now)))
}

fn plan(site: &Site, who: &str, now: Timestamp, from: Timestamp, until: Timestamp) -> serde_json::Value {
    let (from, until) = (from.to_string(), until.to_string());
    let verb = [
        "intervention",
        "plan",
        "--technician",
        "alice",
        "--target",
        "scanner",
        "--from",
        &from,
        "--until",
        &until,
        "--reason",
        "yearly check",
        "--ticket",
        "CHG-9",
        "--verified",
        "called",
        "--json",
    ];
    let out = as_staff(site, who, now, &verb);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

/// The technician's side up to the planned code.
fn arrive(site: &Site, now: Timestamp, code: &str) -> Terminal {
    let alice = site.technician("alice");
    let mut terminal = site.ssh("alice+scanner", &[], &[]);
    terminal.expect("Password: ");
    terminal.type_line(&alice.password);
    terminal.expect("code: ");
    terminal.type_line(&alice.code_at(now));
    terminal.expect("YES[^:]*: ");
    terminal.type_line("YES");
    terminal.expect("Planned code: ");
    terminal.type_line(code);
    terminal
}

fn minutes(n: i64) -> SignedDuration {
    SignedDuration::from_mins(n)
}

/// D7: approved in advance, taken up with the code, consumed at the first admission.
#[test]
fn a_planned_intervention_is_taken_up_with_its_code() {
    let site = Site::with(office(""));
    let mut now = at(MONDAY);
    let planned = plan(&site, "claire", now, now, now + minutes(120));
    let code = planned["code"].as_str().unwrap().to_owned();
    assert_eq!(code.len(), 8);
    let mut wrong = arrive(&site, now, "AAAAAAAA");
    wrong.expect("2 tries left");
    wrong.wait();
    now += minutes(1);
    site.set_clock(now);
    let mut shell = arrive(&site, now, &code.to_lowercase());
    shell.expect("APPROVED until 12:00");
    shell.type_line("echo $((6*7))");
    shell.expect("42\r\n");
    let shown = site.json(&["intervention", "show", "1"]);
    assert_eq!((&shown["kind"], &shown["state"], &shown["wrong"]), (&"planned".into(), &"open".into(), &().into()));
    // The window's end is the session's.
    site.set_clock(at(MONDAY) + minutes(120));
    shell.expect("approved time is used up");
    shell.wait();
    assert_eq!(site.entries("planned-code-mismatched").len(), 1);
    assert!(!site.journal().iter().any(|(_, body)| body.to_string().contains(&code)), "the code is nowhere");
}

/// D7: three wrong tries over all connections end it; a restart does not.
#[test]
fn three_wrong_codes_end_a_plan_and_a_restart_does_not() {
    let mut site = Site::with(office(""));
    let mut now = at(MONDAY);
    let code = plan(&site, "claire", now, now, now + minutes(120))["code"].as_str().unwrap().to_owned();
    site.stop_daemon();
    site.options.clock = Some(now);
    site.start_daemon();
    assert_eq!(site.json(&["intervention", "show", "1"])["state"], "planned");
    for left in [2, 1, 0] {
        let mut terminal = arrive(&site, now, "AAAAAAAA");
        terminal.expect(&format!("{left} tries left"));
        terminal.wait();
        now += minutes(1);
        site.set_clock(now);
    }
    assert_eq!(site.json(&["intervention", "show", "1"])["state"], "refused");
    let alice = site.technician("alice");
    let mut terminal = site.ssh("alice+scanner", &[], &[]);
    terminal.expect("Password: ");
    terminal.type_line(&alice.password);
    terminal.expect("code: ");
    terminal.type_line(&alice.code_at(now));
    terminal.expect("YES[^:]*: ");
    terminal.type_line("YES");
    terminal.expect("Reason");
    assert!(!terminal.shown().contains(&code));
}

/// APR-09, D7: with a quorum of two there is no code before the second yes.
#[test]
fn two_approvers_before_there_is_a_code() {
    let site = Site::with(SiteOptions { quorum: 2, ..office("") });
    let now = at(MONDAY);
    let planned = plan(&site, "claire", now, now, now + minutes(60));
    assert_eq!((&planned["approvals_missing"], &planned["code"]), (&1.into(), &().into()));
    let again = as_staff(&site, "claire", now + minutes(1), &["intervention", "approve", "1", "--verified", "called"]);
    assert!(!again.status.success(), "one person counts once");
    site.set_clock(now + minutes(2));
    let out = as_staff(&site, "paul", now + minutes(2), &["intervention", "approve", "1", "--verified", "called"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let code = said.lines().last().unwrap().rsplit(' ').next().unwrap().to_owned();
    let mut shell = arrive(&site, now + minutes(2), &code);
    shell.expect("APPROVED until");
    let admitted = site.entries("session-admitted").remove(0);
    assert_eq!(admitted["approved_by"], serde_json::json!(["claire", "paul"]));
}

/// D15: `armed`: the port is open only while something planned is.
#[test]
fn an_armed_port_opens_for_its_window_alone() {
    let mut options = office("");
    options.open = "armed";
    let site = Site::with(options);
    let now = at(MONDAY);
    let open = || TcpStream::connect(("127.0.0.1", site.port)).is_ok();
    assert!(!open());
    let planned = plan(&site, "claire", now, now + minutes(30), now + minutes(90));
    assert!(!open(), "its window has not begun");
    site.set_clock(now + minutes(30));
    eventually("the port opens", open);
    let mut shell = arrive(&site, now + minutes(30), planned["code"].as_str().unwrap());
    shell.expect("APPROVED until");
    shell.type_line("exit");
    shell.wait();
    eventually("the port closes behind it", || !open());
}

/// D14: out of hours, by whoever is on call; two hours at most; another person looks back.
#[test]
fn an_emergency_is_opened_by_who_is_on_call_and_reviewed_by_another() {
    let night = at("2026-11-23T22:00:00Z");
    let site = Site::with(SiteOptions { clock: Some(night), ..office("") });
    let open = || TcpStream::connect(("127.0.0.1", site.port)).is_ok();
    assert!(!open(), "it is night");
    let verb = |minutes: &'static str| {
        [
            "intervention",
            "emergency",
            "--technician",
            "alice",
            "--target",
            "scanner",
            "--minutes",
            minutes,
            "--reason",
            "scanner down",
            "--verified",
            "called",
            "--json",
        ]
    };
    let long = as_staff(&site, "claire", night, &verb("121"));
    assert!(String::from_utf8_lossy(&long.stderr).contains("2 hours at most"));
    let later = night + minutes(1);
    site.set_clock(later);
    let out = as_staff(&site, "claire", later, &verb("60"));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let opened: serde_json::Value = serde_json::from_slice(&out.stdout).unwrap();
    eventually("the port opens", open);
    let mut shell = arrive(&site, later, opened["code"].as_str().unwrap());
    shell.expect("APPROVED until");
    shell.type_line("exit");
    shell.wait();
    site.ended_session();
    eventually("the port closes", || !open());
    assert_eq!(site.json(&["status"])["emergencies_to_review"], 1);
    let sign_in = |who: &str, now: Timestamp| {
        let person = site.member(who);
        site.poterne(&["login", "--as", who], &format!("{}\n{}\n", person.password, person.code_at(now)))
    };
    let later = later + minutes(2);
    site.set_clock(later);
    assert!(sign_in("claire", later).status.success());
    fails(&site, &["intervention", "review", "1", "--text", "fine"], 77, "another person must look at it");
    assert!(sign_in("paul", later).status.success());
    site.ok(&["intervention", "review", "1", "--text", "the tube was replaced; two commands, both expected"]);
    assert_eq!(site.json(&["status"])["emergencies_to_review"], 0);
}

/// D12: more time is a new approval, and nothing but time.
#[test]
fn an_extension_is_a_new_approval() {
    let site = Site::with(office(""));
    let now = at(MONDAY);
    let code = plan(&site, "claire", now, now, now + minutes(30))["code"].as_str().unwrap().to_owned();
    let mut shell = arrive(&site, now, &code);
    shell.expect("APPROVED until 10:30");
    shell.expect("# ");
    let later = now + minutes(20);
    site.set_clock(later);
    shell.expect("ends in 15 min");
    let shorter =
        as_staff(&site, "paul", later, &["intervention", "extend", "1", "--minutes", "5", "--verified", "called"]);
    assert!(String::from_utf8_lossy(&shorter.stderr).contains("nothing would be gained"));
    let later = later + minutes(1);
    site.set_clock(later);
    let out =
        as_staff(&site, "paul", later, &["intervention", "extend", "1", "--minutes", "60", "--verified", "called"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    shell.type_line("echo $((6*7))");
    shell.expect("42\r\n");
    // Beyond the first end, and within the half hour that it may be idle.
    site.set_clock(now + minutes(40));
    shell.type_line("echo $((6*8))");
    shell.expect("48\r\n");
    site.set_clock(now + minutes(65));
    shell.type_line("echo $((6*9))");
    shell.expect("54\r\n");
    site.set_clock(now + minutes(81));
    shell.expect("approved time is used up");
    shell.wait();
    site.ended_session();
    let ended = site.entries("session-ended").remove(0);
    assert_eq!(ended["approved_by"], serde_json::json!(["claire", "paul"]));
}

/// D18, EMG-05: whatever was planned goes with the red button, also where it was pressed by file alone.
#[test]
fn the_red_button_leaves_no_plan_behind() {
    let now = at(MONDAY);
    let site = Site::with(office(""));
    let states = || -> Vec<String> {
        let all = site.json(&["intervention", "list", "--all"]);
        all.as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap().to_owned()).collect()
    };
    plan(&site, "claire", now, now + minutes(60), now + minutes(120));
    assert_eq!(states(), ["planned"]);
    site.ok(&["lockdown", "on", "--reason", "worm on the ward"]);
    assert_eq!(states(), ["withdrawn"]);
    let later = now + minutes(5);
    site.set_clock(later);
    let out = as_staff(&site, "nadia", later, &["login"]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    site.ok(&["lockdown", "off", "--reason", "over"]);
    let later = now + minutes(10);
    site.set_clock(later);
    plan(&site, "claire", later, later + minutes(60), later + minutes(120));
    std::fs::write(site.state().join("lockdown"), "").unwrap();
    eventually("the second goes too", || states() == ["withdrawn", "withdrawn"]);
}
