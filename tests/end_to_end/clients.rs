//! The clients that vendors have: each gets through the lobby, runs a command and gives its exit
//! status back; each shows a refusal; those that cannot answer get a clean end and the help.

use harness::{Answers, Site, SiteOptions, Terminal, eventually};
use std::process::{Command, Stdio};

const COMMAND: &str = "echo out-$((6*7)); exit 3";
const WHO: &str = "alice+scanner";

/// A Python program of this folder, with Debian's interpreter, which has the libraries.
pub(crate) fn python(program: &str) -> Vec<String> {
    vec!["/usr/bin/python3".to_owned(), format!("{}/end_to_end/{program}", env!("CARGO_MANIFEST_DIR"))]
}

fn start(site: &Site, line: &[&str]) -> Terminal {
    site.await_open();
    let (program, args) = line.split_first().unwrap();
    Terminal::start(program, args)
}

fn plink(site: &Site, command: &[&str]) -> Terminal {
    site.await_open();
    // PuTTY asks about an unknown host key in a place of its own: it is told beforehand.
    let line = format!("ssh-keyscan -T 20 -p {} 127.0.0.1 2>/dev/null | ssh-keygen -lf - | cut -d' ' -f2", site.port);
    let print = Command::new("sh").args(["-c", &line]).output().unwrap().stdout;
    let print = String::from_utf8(print).unwrap();
    let port = site.port.to_string();
    let mut args = vec!["-ssh", "-P", &port, "-hostkey", print.trim(), "alice+scanner@127.0.0.1"];
    args.extend(command);
    Terminal::start("plink", &args)
}

fn dbclient(site: &Site, command: &[&str]) -> Terminal {
    let port = site.port.to_string();
    let mut line = vec!["dbclient", "-y", "-y", "-p", &port, "alice+scanner@127.0.0.1"];
    line.extend(command);
    start(site, &line)
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

#[test]
fn openssh() {
    let site = Site::start();
    let terminal = site.ssh(WHO, &[], &[COMMAND]);
    gets_through(&site, terminal, false);
}

/// What must be seen stands in a prompt: `-q` hides everything else.
#[test]
fn openssh_without_any_texts() {
    let site = Site::start();
    let mut terminal = site.ssh(WHO, &["-q"], &[COMMAND]);
    let person = site.technician("alice");
    for (prompt, answer) in [
        ("Password: ", person.password.clone()),
        ("code: ", person.fresh_code()),
        ("You are recorded. Type YES to accept: ", "yes".to_owned()),
        ("Reason[^:]*: ", "PACS disk full".to_owned()),
        ("Ticket[^:]*: ", String::new()),
    ] {
        terminal.expect(prompt);
        terminal.type_line(&answer);
    }
    let code = terminal.expect(r"Code ([A-Z0-9]{4})\. Press Enter to send: ").remove(0);
    terminal.type_line("");
    eventually("the request waits", || site.json(&["intervention", "list"])[0]["state"] == "requested");
    assert_eq!(site.json(&["intervention", "list"])[0]["ticket"], "-");
    site.approve(1, &code);
    terminal.expect("out-42");
    for hidden in ["authorised use only", "NOTICE", "Sent at", "APPROVED"] {
        assert!(!terminal.shown().contains(hidden), "{hidden:?} is shown after all: no reason for the long prompts");
    }
    terminal.wait();
    site.ended_session();
}

#[test]
fn putty() {
    let site = Site::start();
    let mut terminal = plink(&site, &[COMMAND]);
    let (number, code) = site.walk(&mut terminal, "alice", &Answers::default());
    site.approve(number, &code);
    terminal.expect("APPROVED until");
    terminal.expect("Press Return to begin session");
    terminal.type_line("");
    finishes(&site, terminal, false);
}

#[test]
fn putty_shows_why_not() {
    let site = Site::start();
    let mut terminal = plink(&site, &[COMMAND]);
    let (number, _) = site.walk(&mut terminal, "alice", &Answers::default());
    refuse(&site, number, "no maintenance tonight");
    terminal.expect("REFUSED by the hospital: no maintenance tonight");
    terminal.expect("Help: https://chu.example/aide");
    terminal.expect("FATAL ERROR: Remote side sent disconnect message");
    terminal.expect("no maintenance tonight");
    assert_eq!(terminal.wait().code(), Some(1));
}

#[test]
fn dropbear() {
    let site = Site::start();
    let terminal = dbclient(&site, &[COMMAND]);
    gets_through(&site, terminal, false);
}

/// dbclient drops a reason that comes with the refusal, and then ends with status 0: the refusal
/// comes first, so that scripts see a failure.
#[test]
fn dropbear_shows_why_not() {
    let site = Site::start();
    let mut terminal = dbclient(&site, &[COMMAND]);
    let (number, _) = site.walk(&mut terminal, "alice", &Answers::default());
    refuse(&site, number, "no maintenance tonight");
    terminal.expect("REFUSED by the hospital: no maintenance tonight");
    assert_eq!(terminal.wait().code(), Some(1), "{}", terminal.shown());
}

#[test]
fn paramiko() {
    let site = Site::start();
    let terminal = in_python(&site, "paramiko_client.py", &[WHO, COMMAND]);
    gets_through(&site, terminal, true);
}

#[test]
fn asyncssh() {
    let site = Site::start();
    let terminal = in_python(&site, "asyncssh_client.py", &[WHO, COMMAND]);
    gets_through(&site, terminal, true);
}

/// D10: a program that cannot answer is refused at once, and the banner says where help is.
#[test]
fn programs_that_cannot_answer_are_refused_with_the_help() {
    let site = Site::start();
    site.await_open();
    let mut ssh = Command::new("ssh");
    ssh.args(site.ssh_options()).args(["-oBatchMode=yes", "alice+scanner@127.0.0.1", "true"]);
    let out = ssh.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).replace('\r', "");
    assert_eq!(out.status.code(), Some(255));
    assert!(said.contains("Help, and access for scripts: https://chu.example/aide"), "{said}");
    assert!(said.contains("Permission denied (publickey,keyboard-interactive)"), "{said}");

    let mut terminal = in_python(&site, "paramiko_client.py", &[WHO, "true", &site.technician("alice").password]);
    // It says what is offered; its own attempt at a fallback reaches nobody.
    terminal.expect(r"allowed types: \['publickey', 'keyboard-interactive'\]");
    assert_eq!(terminal.wait().code(), Some(5));
    // Nobody was judged: nothing was tried.
    assert_eq!(site.entries("factors-refused").len(), 0);
}

/// A French site: all of it without accents, because several clients show none; OUI is a yes.
#[test]
fn a_french_lobby() {
    let site = Site::with(SiteOptions { language: "fr", ..SiteOptions::default() });
    let mut terminal = site.ssh(WHO, &[], &[COMMAND]);
    let person = site.technician("alice");
    terminal.expect("acces reserve, les sessions sont enregistrees");
    terminal.expect("Mot de passe / Password: ");
    terminal.type_line(&person.password);
    terminal.expect("Code unique / One-time code: ");
    terminal.type_line(&person.fresh_code());
    terminal.expect("votre session est enregistree");
    terminal.expect(r"Tapez OUI \(YES\) : ");
    terminal.type_line("OUI");
    terminal.expect(r"Motif \(lu par l'hopital\) : ");
    // What people write keeps its letters in the journal and loses them on the screen.
    terminal.type_line("disque plein à l'étage");
    terminal.expect("Ticket, ou - : ");
    terminal.type_line("CHG-1");
    terminal.expect("motif : disque plein a l'etage");
    let code = terminal.expect(r"Code ([A-Z0-9]{4})\. Entree pour envoyer : ").remove(0);
    terminal.type_line("");
    terminal.expect("Ctrl-C abandonne");
    site.approve(1, &code);
    terminal.expect("ACCORDE jusqu'a");
    let by_the_bastion = terminal.shown().replace("disque plein à l'étage", "");
    assert!(by_the_bastion.is_ascii(), "{by_the_bastion}");
    finishes(&site, terminal, false);
    assert_eq!(site.entries("intervention-requested")[0]["reason"], "disque plein à l'étage");
}
