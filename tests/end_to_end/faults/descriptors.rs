//! File descriptors: taken by a flood, kept for the journal, the recordings and the staff.

use harness::{Site, SiteOptions, eventually};
use std::io::Read as _;
use std::net::TcpStream;
use std::time::Duration;

/// CVE-2026-7776, CVE-2024-12289: connections that never get through their handshake take what there is. A running
/// session goes on, staff sign in, the journal holds, and afterwards all is as before.
#[test]
fn a_flood_of_connections_leaves_descriptors_for_the_rest() {
    let starter = vec!["prlimit".to_owned(), "--nofile=112:112".to_owned()];
    let mut site = Site::with(SiteOptions { starter, ..SiteOptions::default() });
    let mut terminal = site.shell("alice");
    terminal.type_line("echo $((6*7))");
    terminal.expect("42\r\n");
    let connect = || TcpStream::connect(("127.0.0.1", site.port));
    let flood: Vec<TcpStream> = (0..300).filter_map(|_| connect().ok()).collect();
    eventually("it is found", || site.json(&["status"])["lacks"]["descriptors"].is_string());
    let open = std::fs::read_dir(format!("/proc/{}/fd", site.daemon_pid())).unwrap().count();
    assert!(open < 112 - 24, "{open} are open");
    site.sign_in("nadia");
    site.ok(&["reload"]);
    terminal.type_line("echo $((7*7))");
    terminal.expect("49\r\n");
    drop(flood);
    eventually("there is room again", || {
        let Ok(mut stream) = connect() else { return false };
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut greeting = [0; 4];
        stream.read_exact(&mut greeting).is_ok() && greeting == *b"SSH-"
    });
    terminal.type_line("exit");
    terminal.wait();
    site.ended_session();
    let key = site.journal_key();
    site.stop_daemon();
    assert!(site.check_journal(&key).findings.is_empty());
}
