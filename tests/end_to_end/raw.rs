//! A client that keeps no rule of the protocol: paramiko's transport, its messages written by hand.

use crate::clients::python;
use harness::{Answers, Person, Site, Terminal, eventually};
use serde_json::Value;
use std::process::Command;
use std::time::{Duration, Instant};

/// Runs a scenario to its end; gives what it saw.
pub(crate) fn raw(site: &Site, scenario: &str, args: &[&str]) -> Value {
    site.await_open();
    let line = python("raw.py");
    let (program, script) = line.split_first().unwrap();
    let out = Command::new(program).args(script).args([scenario, &site.port.to_string()]).args(args).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("{scenario}: {said}{}", String::from_utf8_lossy(&out.stderr)))
}

pub(crate) fn raw_in_terminal(site: &Site, scenario: &str, args: &[&str]) -> Terminal {
    site.await_open();
    let (mut line, port) = (python("raw.py"), site.port.to_string());
    line.extend([scenario, &port].iter().chain(args).map(|word| (*word).to_owned()));
    let (program, args) = line.split_first().unwrap();
    Terminal::start(program, args)
}

fn approve(site: &Site, terminal: &mut Terminal) -> u64 {
    let code = terminal.expect("WAIT CODE ([A-Z0-9]{4})").remove(0);
    let mut number = 0;
    eventually("the request is listed", || {
        number = site.json(&["intervention", "list"])[0]["number"].as_u64().unwrap_or(0);
        number > 0
    });
    site.approve(number, &code);
    terminal.type_line("");
    number
}

pub(crate) fn result(terminal: &mut Terminal) -> Value {
    serde_json::from_str(&terminal.expect(r"(\{.*\})").remove(0)).unwrap()
}

/// An admitted raw connection that does something unfriendly; `then` looks while it is there.
pub(crate) fn approved(site: &Site, login: &str, what: &[&str], then: impl FnOnce(&Site)) -> Value {
    let person = site.technician(login);
    let (user, code) = (format!("{login}+scanner"), person.fresh_code());
    let args = [&[user.as_str(), &person.password, &code], what].concat();
    let mut terminal = raw_in_terminal(site, "inside", &args);
    approve(site, &mut terminal);
    terminal.expect("WAIT DONE");
    then(site);
    terminal.type_line("");
    result(&mut terminal)
}

pub(crate) fn keygen(file: &str) {
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f", file]).status().unwrap();
    assert!(made.success());
}

/// A technician with a registered key; gives the key's file.
pub(crate) fn with_key(site: &mut Site, login: &str) -> String {
    let (person, file) = (Person::new(login), site.folder().join(format!("key-{login}")).display().to_string());
    keygen(&file);
    let (email, name, phone) = (
        format!("{login}@imagix.example"),
        format!("Person {}", login.to_uppercase()),
        format!("+33 6 77 00 {:04}", 10 + site.technicians.len()),
    );
    let public = format!("{file}.pub");
    site.sign_in("nadia");
    let verb = ["technician", "add", login, "--vendor", "imagix", "--proofing", "in the test", "--name", &name];
    let verb = [&verb[..], &["--email", &email, "--phone", &phone, "--key", &public, "--stdin"]].concat();
    let out = site.poterne(&verb, &format!("{}\n{}\n", person.password, person.totp));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    site.technicians.push(person);
    file
}

/// Whether anybody ever knocked at the target.
fn reached(site: &Site) -> bool {
    let log = std::fs::read_to_string(site.folder().join("sshd").join("sshd.log")).unwrap();
    log.contains("Accepted publickey")
}

/// CVE-2025-32433, promise 2: no message of the connection layer has any effect before the door is open.
#[test]
fn channels_before_authentication_open_nothing() {
    let site = Site::start();
    let outcome = raw(&site, "channels_before", &["alice+scanner"]);
    assert_eq!(outcome["kinds"], serde_json::json!([6, 51, 60, 60, 51]));
    for kind in outcome["seen"].as_array().unwrap() {
        assert!([1, 6, 51, 53, 60].contains(&kind.as_u64().unwrap()), "{outcome}");
    }
    assert!(!reached(&site));
    assert!(site.entries("session-admitted").is_empty());
}

/// GHSA-xm63-rjwf-r3g8: what is sent while the hospital decides is never heard, and does not wait either.
#[test]
fn channels_during_the_wait_open_nothing() {
    let site = Site::start();
    let trace = site.folder().join("trace").display().to_string();
    let person = site.technician("alice");
    let args = ["alice+scanner", &person.password, &person.fresh_code(), &trace];
    let mut terminal = raw_in_terminal(&site, "pending", &args);
    assert!(!reached(&site));
    approve(&site, &mut terminal);
    let outcome = result(&mut terminal);
    assert_eq!((&outcome["waiting"], &outcome["before"]), (&60.into(), &serde_json::json!([])));
    assert_eq!((&outcome["outcome"], &outcome["after"]), (&52.into(), &91.into()));
    site.ended_session();
    assert!(site.entries("channel-opened").is_empty());
    assert!(!std::path::Path::new(&trace).exists());
}

/// CVE-2018-10933: a client that congratulates itself is none the wiser.
#[test]
fn messages_of_a_server_open_nothing() {
    let site = Site::start();
    let outcomes = raw(&site, "server_numbers", &["alice+scanner"]);
    assert_eq!(outcomes.as_object().unwrap().len(), 22);
    for (what, seen) in outcomes.as_object().unwrap() {
        assert_eq!(*seen, serde_json::json!([]), "{what}");
    }
    assert!(!reached(&site));
}

/// D2, CVE-2023-48712, CVE-2023-46446: the lobby is bound to its login and begins once. Everything
/// is right each time but the order.
#[test]
fn anything_asked_anew_ends_the_connection() {
    let site = Site::with(harness::SiteOptions { technicians: 3, ..Default::default() });
    let alice = site.technician("alice");
    for what in
        ["interactive-again", "other-user", "password", "none", "other-service", "other-user-at-once", "other-method"]
    {
        // The code is used where it is judged at all, which it must not be.
        let code = alice.code_at(jiff::Timestamp::now());
        let args = ["alice+scanner", "chloe+scanner", &alice.password, &code, what];
        let outcome = raw(&site, "second_request", &args);
        assert_eq!(outcome["success"], false, "{what}");
        let kinds = outcome["kinds"].as_array().unwrap();
        if what == "other-method" {
            // The library answers a method that it does not know by itself; the lobby is stuck for good.
            assert!(kinds.iter().all(|kind| *kind == 51 || *kind == "silence"), "{what}: {kinds:?}");
        } else {
            assert!(["eof".into(), Value::from(1)].contains(kinds.last().unwrap()), "{what}: {kinds:?}");
        }
        assert!(!kinds.contains(&60.into()), "{what}: {kinds:?}");
    }
    assert!(site.entries("factors-accepted").is_empty());
    assert!(site.entries("factors-refused").is_empty());
}

/// D1, CVE-2015-5600: the password method exists for nobody, and tries are counted over everything.
#[test]
fn the_password_method_never_succeeds() {
    let site = Site::start();
    let alice = site.technician("alice");
    let outcome = raw(&site, "password_method", &["alice+scanner", &alice.password, &alice.fresh_code()]);
    let replies = outcome["replies"].as_array().unwrap();
    assert!(replies.len() <= 21, "{replies:?}");
    let (end, failures) = replies.split_last().unwrap();
    assert!(
        failures.iter().all(|reply| *reply == serde_json::json!([51, "publickey,keyboard-interactive"])),
        "{replies:?}"
    );
    assert!(end[0] == 1 || end[0] == "eof", "cut off at last: {replies:?}");
    assert!(site.entries("factors-refused").is_empty());
}

/// GHSA-78rf-vg74-7cr8: who says nothing keeps nobody out. (Such a connection lives 60 s, which is
/// not waited for here.)
#[test]
fn silent_connections_do_not_block_others() {
    let site = Site::start();
    let mut idle = raw_in_terminal(&site, "idle", &["20"]);
    idle.expect("WAIT IDLE");
    let began = Instant::now();
    let mut terminal = site.ssh("alice+scanner", &[], &["echo in-$((6*7))"]);
    let (number, code) = site.walk(&mut terminal, "alice", &Answers::default());
    site.approve(number, &code);
    terminal.expect("in-42");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

/// D2: a client that vanishes between the approval and the welcome leaves no open session behind.
#[test]
fn who_leaves_at_the_last_moment_leaves_nothing_open() {
    let site = Site::start();
    let person = site.technician("alice");
    let args = ["alice+scanner", &person.password, &person.fresh_code(), "hold"];
    let mut terminal = raw_in_terminal(&site, "leave_approved", &args);
    approve(&site, &mut terminal);
    terminal.expect("WAIT CONNECTED");
    // Admission is over when the target was reached.
    eventually("the target is reached", || reached(&site));
    eventually("the session is admitted", || site.last_session()["state"] == "live");
    let left = Instant::now();
    terminal.type_line("");
    let ended = site.ended_session();
    assert!(left.elapsed() < Duration::from_secs(2), "{:?}", left.elapsed());
    assert_eq!(ended["cause"], "connection-lost");
}

/// T19, D19: a thousand different requests are one refusal to the journal, not a thousand entries,
/// and the closing entry stays small: one that is too long would stop the whole bastion.
#[test]
fn many_odd_requests_fill_neither_journal_nor_closing_entry() {
    let site = Site::start();
    approved(&site, "alice", &["many-subsystems", "40000"], |site| {
        let refused: Vec<Value> = site.entries("channel-refused");
        assert!(refused.len() < 5, "{}", refused.len());
    });
    // Nobody works so fast (docs/limits.md, `requests`).
    let session = site.ended_session();
    assert_eq!(session["cause"], "client-fault");
    let shown = site.json(&["session", "show", session["id"].as_str().unwrap()]);
    assert!(shown["closing"]["refused"].as_object().unwrap().len() < 5);
    // The bastion is as it was.
    let mut terminal = site.shell("alice");
    terminal.type_line("exit");
    terminal.wait();
}

/// T19: a command that no entry of the journal could hold stopped the bastion; it is journalled
/// shortened, and what the target makes of it is the target's affair.
#[test]
fn a_command_without_measure_stops_nobody() {
    let site = Site::start();
    let outcome = approved(&site, "alice", &["long-command"], |_| ());
    assert!(outcome["reply"] == 99 || outcome["reply"] == 100, "{outcome}");
    assert!(site.entries("channel-opened").iter().all(|entry| entry.to_string().len() < 40_000));
    site.ended_session();
    let mut terminal = site.shell("alice");
    terminal.type_line("exit");
    terminal.wait();
}

/// NET-14: targets read a command up to its first NUL; what was judged must be what runs.
#[test]
fn a_command_with_a_nul_is_refused() {
    let site = Site::start();
    let outcome = approved(&site, "alice", &["nul-command"], |_| ());
    assert_eq!(outcome["reply"], 100);
    assert_eq!(site.entries("channel-opened").len(), 0);
}

/// D28: a terminal is asked for before the command or not at all; otherwise the recording would
/// show a command without a terminal while the target gives it one.
#[test]
fn a_terminal_comes_before_the_command() {
    let site = Site::start();
    let outcome = approved(&site, "alice", &["late-pty"], |_| ());
    assert_eq!(outcome["reply"], 100);
    assert!(outcome["output"].as_str().unwrap().contains("not a tty"), "{outcome}");
    assert_eq!(site.entries("channel-opened")[0]["pty"], Value::Null);
}
