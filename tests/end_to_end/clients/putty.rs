//! PuTTY on a command line.

use super::{COMMAND, fingerprint, finishes, refuse};
use harness::{Answers, Site, Terminal};

fn plink(site: &Site, command: &[&str]) -> Terminal {
    site.await_open();
    let (print, port) = (fingerprint(site), site.port.to_string());
    let mut args = vec!["-ssh", "-P", &port, "-hostkey", &print, "alice+scanner@127.0.0.1"];
    args.extend(command);
    Terminal::start("plink", &args)
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
