//! Equipment as it is: old, asking for a factor of its own, switched off, replaced by another.

use crate::lab::Target;
use harness::{Answers, Site, SiteOptions, Terminal, eventually};
use jiff::Timestamp;
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

/// Monday 23 November 2026, 10:00 in Paris.
const MONDAY: &str = "2026-11-23T09:00:00Z";

/// What an old device's server knows, and nothing else.
const OLD: &str = "KexAlgorithms diffie-hellman-group14-sha1\nCiphers aes128-cbc\nMACs hmac-sha1\n\
                   HostKeyAlgorithms ssh-rsa\nPubkeyAcceptedAlgorithms +ssh-rsa\n";

const EXCEPTION: &str = "[target.scanner.legacy]\n\
    algorithms = [\"diffie-hellman-group14-sha1\", \"ssh-rsa\", \"aes128-cbc\", \"hmac-sha1\"]\n\
    because = \"The maker gives no update.\"\nuntil = \"2026-11-23\"\n";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Old algorithms, with a host key of its own kind: RSA.
fn old_device(more: &str) -> SiteOptions {
    SiteOptions {
        sshd: OLD.to_owned(),
        rsa: true,
        more: more.to_owned(),
        clock: Some(at(MONDAY)),
        ..SiteOptions::default()
    }
}

/// Asks for the target, and is approved, by the clock that the test moves.
fn approved(site: &Site, command: &[&str], now: Timestamp) -> Terminal {
    let mut terminal = site.ssh("alice+scanner", &["-t"], command);
    let code = site.technician("alice").code_at(now);
    let (number, code) = site.walk(&mut terminal, "alice", &Answers { code: Some(code), ..Answers::default() });
    let claire = site.member("claire");
    let secrets = format!("{}\n{}\n", claire.password, claire.code_at(now));
    let number = number.to_string();
    let verb = ["intervention", "approve", &number, "--code", &code, "--verified", "called", "--as", "claire"];
    let out = site.poterne(&verb, &secrets);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    terminal
}

/// Why the journal says that the target was not reached.
fn unreached(site: &Site) -> String {
    let session = site.ended_session();
    assert_eq!(session["cause"], "target");
    let entries = site.entries("target-unreached");
    let last = entries.last().unwrap();
    assert_eq!(last["session"], session["id"]);
    let why = last["why"].as_str().unwrap().to_owned();
    assert_eq!(site.json(&["session", "show", session["id"].as_str().unwrap()])["unreached"], why);
    why
}

/// HRD-05: nothing old is offered to anybody unasked, and the reason is told.
#[test]
fn an_old_device_without_an_exception_is_refused() {
    let site = Site::with(old_device(""));
    let mut terminal = approved(&site, &["true"], at(MONDAY));
    terminal.expect("scanner was not reached: it knows only encryption that is too old");
    terminal.wait();
    let why = unreached(&site);
    assert!(why.contains("only diffie-hellman-group14-sha1") && why.contains("`target.scanner.legacy`"), "{why}");
    assert!(site.entries("legacy-used").is_empty());
}

/// With a dated exception it is reached, which the journal says; the day after its last it is not.
#[test]
fn an_old_device_is_reached_until_its_exception_ends() {
    let site = Site::with(old_device(EXCEPTION));
    let check = site.poterne(&["config", "check"], "");
    let said = format!("{}{}", String::from_utf8_lossy(&check.stdout), String::from_utf8_lossy(&check.stderr));
    assert!(said.contains("diffie-hellman-group14-sha1"), "{said}");
    let mut terminal = approved(&site, &["echo", "$((10010+1))"], at(MONDAY));
    terminal.expect("APPROVED until");
    terminal.expect("10011\\r\\n");
    terminal.wait();
    let session = site.ended_session();
    let used = site.entries("legacy-used");
    assert_eq!(used.len(), 1);
    let all = serde_json::json!(["aes128-cbc", "diffie-hellman-group14-sha1", "hmac-sha1", "ssh-rsa"]);
    assert_eq!(used[0]["algorithms"], all);
    assert_eq!(used[0]["session"], session["id"]);
    assert_eq!((&used[0]["because"], &used[0]["until"]), (&"The maker gives no update.".into(), &"2026-11-23".into()));
    let shown = site.json(&["session", "show", session["id"].as_str().unwrap()]);
    assert_eq!(shown["legacy"]["algorithms"], all);

    // 23:59 on its last day it still holds; at midnight of the site's zone it does not any more.
    let over = at("2026-11-23T23:00:00Z");
    site.set_clock(over);
    let mut terminal = approved(&site, &["true"], over);
    terminal.expect("it knows only old encryption, and the time");
    terminal.wait();
    let why = unreached(&site);
    assert!(why.contains("its exception ended on 2026-11-23"), "{why}");
    assert_eq!(site.entries("legacy-used").len(), 1);
}

/// A connection that is neither taken nor refused: its address is a listener whose queue is full.
#[test]
fn equipment_that_does_not_answer_is_told_in_time() {
    let hole = black_hole();
    let site = Site::with(SiteOptions { elsewhere: Some(hole.port), ..SiteOptions::default() });
    let mut terminal = site.ssh("alice+scanner", &[], &["true"]);
    let (number, code) = site.walk(&mut terminal, "alice", &Answers::default());
    let begun = std::time::Instant::now();
    site.approve(number, &code);
    terminal.expect("scanner was not reached: it does not answer");
    assert!((14..45).contains(&begun.elapsed().as_secs()), "{:?}", begun.elapsed());
    terminal.wait();
    let why = unreached(&site);
    assert!(why.contains("does not answer within 15 seconds (the connection)"), "{why}");
}

struct Hole {
    port: u16,
    _listener: std::os::fd::OwnedFd,
    _waiting: Vec<TcpStream>,
}

/// Linux drops further SYNs when the queue of connections that nobody takes is full.
fn black_hole() -> Hole {
    use rustix::net::{AddressFamily, SocketAddrV4, SocketType, bind, getsockname, listen, socket};
    let listener = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&listener, &SocketAddrV4::new(std::net::Ipv4Addr::LOCALHOST, 0)).unwrap();
    listen(&listener, 0).unwrap();
    let address: std::net::SocketAddr = SocketAddrV4::try_from(getsockname(&listener).unwrap()).unwrap().into();
    let patience = std::time::Duration::from_millis(300);
    // A queue of length 0 takes one, and Linux one more.
    let mut kept = Vec::new();
    while let Ok(taken) = TcpStream::connect_timeout(&address, patience) {
        kept.push(taken);
        assert!(kept.len() < 8, "the queue has no end");
    }
    Hole { port: address.port(), _listener: listener, _waiting: kept }
}

fn asking(manner: &str, target: &str) -> (Site, Target) {
    Target::instead(manner, SiteOptions { target: target.to_owned(), ..SiteOptions::default() })
}

/// T21: the target's question comes behind all of ours, marked as the target's, and its answer goes
/// there and nowhere else. A second channel would ask anew, and is refused with one line.
#[test]
fn a_targets_second_factor_is_put_to_the_technician() {
    let (site, target) = asking("token", "second-factor = \"technician\"");
    let control = site.folder().join("ctl").display().to_string();
    let mut terminal = site.ssh("alice+scanner", &["-M", "-N", "-S", &control], &[]);
    let (number, code) = site.walk(&mut terminal, "alice", &Answers::default());
    site.approve(number, &code);
    terminal.expect("The equipment scanner asks something itself");
    terminal.expect("never asks\\s+for a code twice");
    terminal.expect(r"\[scanner asks\] \[2JToken of the scanner: ");
    assert!(!terminal.shown().contains("\u{1b}[2J"), "{}", terminal.shown());
    terminal.type_line("424242");
    terminal.expect("APPROVED until");
    assert_eq!(target.said(), "424242\n");
    eventually("the master listens", || Path::new(&control).exists());
    let over = |command: &str| {
        let mut ssh = Command::new("ssh");
        ssh.args(site.ssh_options()).args(["-S", &control, "alice+scanner@127.0.0.1", command]);
        ssh.output().unwrap()
    };
    assert_eq!(String::from_utf8_lossy(&over("one").stdout), "ran one\r\n");
    let second = over("two");
    assert!(!second.status.success());
    // Over a ControlMaster OpenSSH shows nothing of a refused channel: the journal tells.
    let refused = site.entries("channel-refused");
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0]["why"], "the target asks for a second factor at every connection");
    terminal.kill();
    site.ended_session();
    let whole = format!("{:?}{}", site.journal(), site.log());
    assert!(!whole.contains("424242"), "an answer to a target is kept nowhere");
}

/// Without the setting nobody is asked, and both sides are told why.
#[test]
fn a_targets_question_that_nobody_may_answer_is_told() {
    let (site, target) = asking("token", "");
    let mut terminal = site.ssh("alice+scanner", &[], &["true"]);
    let (number, code) = site.walk(&mut terminal, "alice", &Answers::default());
    site.approve(number, &code);
    terminal.expect("scanner was not reached: it asks something that the bastion cannot answer");
    terminal.wait();
    assert!(unreached(&site).contains("second-factor"));
    assert_eq!(target.said(), "");
}

/// CVE-2026-48107: a count of questions is believed only as far as the message is long.
#[test]
fn a_target_that_lies_about_its_questions_is_left() {
    let (site, _target) = asking("lies", "second-factor = \"technician\"");
    let before = memory(&site);
    let mut terminal = site.ssh("alice+scanner", &[], &["true"]);
    let (number, code) = site.walk(&mut terminal, "alice", &Answers::default());
    site.approve(number, &code);
    terminal.expect("scanner was not reached: it broke off");
    terminal.wait();
    unreached(&site);
    let grown = memory(&site).saturating_sub(before);
    // What was announced would be more than a hundred GiB; room that is never filled counts as well.
    assert!(grown < 8 << 20, "{grown} KiB more");
}

/// The most address space that the daemon ever had, in KiB.
fn memory(site: &Site) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", site.daemon_pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmPeak:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// A host that is switched off, or behind a cable that is cut, says nothing any more: its channels
/// end all the same, within a minute. In a network of its own, where packets can be dropped; where
/// this machine allows none, there is nothing to be seen.
#[test]
fn a_host_that_vanishes_ends_its_channels() {
    let mut unshare = Command::new("unshare");
    unshare.arg("-n");
    let allowed = unshare.arg("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    if !allowed {
        eprintln!("no network namespace may be made here: not looked at");
        return;
    }
    let inner = ["--exact", "equipment::in_a_network_of_its_own", "--ignored", "--nocapture"];
    let myself = std::env::current_exe().unwrap();
    let out = Command::new("unshare").arg("-n").arg(myself).args(inner).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && said.contains("1 passed"), "{said}");
}

#[test]
#[ignore = "`a_host_that_vanishes_ends_its_channels` runs it in a network of its own"]
fn in_a_network_of_its_own() {
    let run = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        assert!(Command::new(words[0]).args(&words[1..]).status().unwrap().success(), "{line}");
    };
    run("ip link set lo up");
    let site = Site::start();
    let mut terminal = site.shell("alice");
    terminal.type_line("echo $((10010+1))");
    terminal.expect("10011\\r\\n");
    run("nft add table inet cut");
    run("nft add chain inet cut in { type filter hook input priority 0 ; }");
    let port = site.sshd.port;
    for way in ["dport", "sport"] {
        run(&format!("nft add rule inet cut in tcp {way} {port} drop"));
    }
    let begun = std::time::Instant::now();
    // The channel ends, which is said, and with the last channel the client leaves.
    terminal.expect("connection to the equipment broke");
    terminal.wait();
    let lasted = begun.elapsed().as_secs();
    assert!((10..60).contains(&lasted), "{lasted} s");
    site.ended_session();
}
