//! The brakes: a company frozen, everything cut, also when the journal does not answer (D18, EMG-04).

use crate::people::fails;
use harness::{Answers, Site, SiteOptions, eventually, is_connected};
use std::net::TcpStream;
use std::time::{Duration, Instant};

fn port_is_open(site: &Site) -> bool {
    TcpStream::connect(("127.0.0.1", site.port)).is_ok()
}

/// EMG-04: sessions, lobby and port at once; it survives a restart; lifting it takes a role.
#[test]
fn a_lockdown_cuts_all_and_survives() {
    let mut site = Site::with(SiteOptions { technicians: 2, ..SiteOptions::default() });
    let mut shell = site.shell("alice");
    let mut waiting = site.ssh("bruno+scanner", &[], &[]);
    site.walk(&mut waiting, "bruno", &Answers::default());
    let pressed = Instant::now();
    site.ok(&["lockdown", "on", "--reason", "drill"]);
    shell.expect("the hospital has cut all access");
    shell.wait();
    waiting.wait();
    eventually("the port is closed", || !port_is_open(&site));
    assert!(pressed.elapsed() < Duration::from_secs(3), "{:?}", pressed.elapsed());
    assert_eq!(site.ended_session()["cause"], "lockdown");
    site.stop_daemon();
    site.start_daemon();
    assert!(!port_is_open(&site));
    assert_eq!(site.json(&["lockdown", "status"])["lockdown"], true);
    fails(&site, &["lockdown", "off", "--reason", "over"], 77, "nobody is signed in");
    site.sign_in("nadia");
    site.ok(&["lockdown", "off", "--reason", "over"]);
    site.await_open();
    let kinds: Vec<String> =
        site.journal().into_iter().map(|(kind, _)| kind).filter(|kind| kind.starts_with("lockdown")).collect();
    assert_eq!(kinds, ["lockdown-began", "lockdown-ended"]);
    let mut again = site.shell("alice");
    again.type_line("exit");
    again.wait();
}

/// D18: with the journal's disk gone it still cuts, and a restart still remembers.
#[test]
fn a_lockdown_works_without_a_journal() {
    let mut site = Site::start();
    site.await_open();
    site.break_journal();
    let out = site.poterne(&["lockdown", "on", "--reason", "attack"], "");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(String::from_utf8_lossy(&out.stderr).contains("the journal does not answer"));
    eventually("the port is closed", || !port_is_open(&site));
    site.mend_journal();
    site.start_daemon();
    assert!(!port_is_open(&site));
}

/// IDM-14: one company's access goes, and nobody else's.
#[test]
fn a_frozen_vendor_is_out_at_once() {
    let site = Site::start();
    let mut shell = site.shell("alice");
    fails(&site, &["vendor", "freeze", "nobody", "--reason", "x"], 66, "no vendor `nobody`");
    site.ok(&["vendor", "freeze", "imagix", "--reason", "their VPN leaked"]);
    shell.expect("your company's access is suspended");
    shell.wait();
    let mut refused = site.ssh("alice+scanner", &[], &[]);
    refused.expect("Password: ");
    refused.type_line(&site.technician("alice").password);
    refused.expect("code: ");
    refused.type_line(&site.technician("alice").fresh_code());
    assert_eq!(refused.wait().code(), Some(255));
    assert_eq!(site.entries("factors-refused").pop().unwrap()["cause"], "vendor");
    assert_eq!(site.json(&["vendor", "list"])[0]["state"], "frozen");
    site.sign_in("nadia");
    site.ok(&["vendor", "thaw", "imagix", "--reason", "accounts renewed"]);
    let mut again = site.shell("alice");
    again.type_line("exit");
    again.wait();
}

/// D18, D26: a target takes its time to answer, and meanwhile somebody brakes: nothing begins on it while the
/// session is frozen, and nothing ever after a cut.
#[test]
fn nothing_begins_on_a_target_that_answers_after_the_brake() {
    let site = Site::start();
    let control = format!("-oControlPath={}", site.folder().join("ctl").display());
    let mut shell = site.ssh("alice+scanner", &["-oControlMaster=yes", &control], &[]);
    let (number, code) = site.walk(&mut shell, "alice", &Answers::default());
    site.approve(number, &code);
    shell.expect("APPROVED until");
    eventually("the shell is there", || site.entries("channel-opened").len() == 1);
    let session = site.last_session()["id"].as_str().unwrap().to_owned();
    let sshd = rustix::process::Pid::from_raw(site.sshd.pid().cast_signed()).unwrap();
    let signal = |signal| rustix::process::kill_process(sshd, signal).unwrap();
    site.sign_in("claire");
    let begins = |name: &str, channels: usize| {
        signal(rustix::process::Signal::STOP);
        let file = site.folder().join(name);
        let command = format!("touch {}", file.display());
        let terminal = site.ssh("alice+scanner", &["-oBatchMode=yes", &control], &[&command]);
        eventually("it is on its way", || site.entries("channel-opened").len() == channels);
        (file, terminal)
    };
    // Whoever came before was served before.
    let goes_on = || {
        signal(rustix::process::Signal::CONT);
        for _ in 0..3 {
            let port = site.sshd.port.to_string();
            let out = std::process::Command::new("ssh-keyscan").args(["-p", &port, "127.0.0.1"]).output().unwrap();
            assert!(!out.stdout.is_empty(), "the target answers again");
        }
    };

    let (file, mut command) = begins("frozen", 2);
    site.ok(&["session", "freeze", &session, "--reason", "wait"]);
    goes_on();
    assert!(!file.exists(), "it began on a frozen session");
    let claire = site.member("claire");
    let secrets = format!("{}\n{}\n", claire.password, claire.fresh_code());
    let out = site.poterne(&["session", "resume", &session, "--as", "claire"], &secrets);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    command.wait();
    assert!(file.exists(), "it waited, and was not lost");

    let (file, mut command) = begins("cut", 3);
    site.ok(&["session", "cut", &session, "--reason", "enough"]);
    command.wait();
    eventually("its end does not wait for the target", || site.entries("channel-closed").len() == 3);
    // Nor is there a connection left over which it could begin.
    eventually("the connection to the target is gone", || !is_connected(site.sshd.port));
    goes_on();
    assert!(!file.exists(), "it began after the cut");
    shell.wait();
}
