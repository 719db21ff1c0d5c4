//! Dropbear's client.

use super::{COMMAND, gets_through, refuse, start};
use harness::{Answers, Site, Terminal};

fn dbclient(site: &Site, command: &[&str]) -> Terminal {
    let port = site.port.to_string();
    let mut line = vec!["dbclient", "-y", "-y", "-p", &port, "alice+scanner@127.0.0.1"];
    line.extend(command);
    start(site, &line)
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
