//! The clients that vendors have: each gets through the lobby, runs a command and gives its exit
//! status back, or moves files; each shows a refusal and a cut; those that cannot answer get a clean
//! end and the help. What a technician sets in each: `docs/clients.md`.

mod copying;
mod dropbear;
mod libraries;
mod mounts;
mod openssh;
mod putty;
mod through_a_master;
mod unattended;

use harness::{Answers, Site, Terminal};
use std::process::Command;

const COMMAND: &str = "echo out-$((6*7)); exit 3";
const WHO: &str = "alice+scanner";

/// A Python program of this folder, with Debian's interpreter, which has the libraries.
pub(crate) fn python(program: &str) -> Vec<String> {
    vec!["/usr/bin/python3".to_owned(), "-B".to_owned(), format!("{}/end_to_end/{program}", env!("CARGO_MANIFEST_DIR"))]
}

fn start(site: &Site, line: &[&str]) -> Terminal {
    site.await_open();
    let (program, args) = line.split_first().unwrap();
    Terminal::start(program, args)
}

/// PuTTY asks about an unknown host key in a place of its own: it is told this beforehand.
fn fingerprint(site: &Site) -> String {
    let line = format!("ssh-keyscan -T 20 -p {} 127.0.0.1 2>/dev/null | ssh-keygen -lf - | cut -d' ' -f2", site.port);
    let print = Command::new("sh").args(["-c", &line]).output().unwrap().stdout;
    String::from_utf8(print).unwrap().trim().to_owned()
}

fn in_python(site: &Site, program: &str, more: &[&str]) -> Terminal {
    let (mut line, port) = (python(program), site.port.to_string());
    line.extend([port.as_str()].iter().chain(more).map(|word| (*word).to_owned()));
    start(site, &line.iter().map(String::as_str).collect::<Vec<_>>())
}

/// Walks, approves, sees the output and the exit status; the journal has the session.
fn gets_through(site: &Site, mut terminal: Terminal, in_python: bool) {
    let (number, code) = site.walk(&mut terminal, "alice", &Answers::default());
    site.approve(number, &code);
    terminal.expect("APPROVED until");
    finishes(site, terminal, in_python);
}

fn finishes(site: &Site, mut terminal: Terminal, in_python: bool) {
    terminal.expect("out-42");
    assert_eq!(terminal.wait().code(), Some(3), "{}", terminal.shown());
    // Python's clients leave unread bytes behind: their end may look like a cut line.
    let cause = site.ended_session()["cause"].clone();
    assert!(cause == "technician" || (cause == "connection-lost" && in_python), "{cause}");
    let closed = site.entries("channel-closed");
    assert_eq!(closed.iter().map(|entry| entry["exit"].clone()).collect::<Vec<_>>(), [3]);
}

fn refuse(site: &Site, number: u64, reason: &str) {
    let person = site.member("claire");
    let secrets = format!("{}\n{}\n", person.password, person.fresh_code());
    let out =
        site.poterne(&["intervention", "refuse", &number.to_string(), "--reason", reason, "--as", "claire"], &secrets);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
}
