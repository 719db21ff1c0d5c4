//! Those who watch, and what they watch by.

use super::{ended_with, of, sshd_log};
use harness::{Site, SiteOptions, eventually, free_port};
use recorder::FrameKind;

/// APR-03, D26: under required supervision a session begins frozen: nothing starts on the target,
/// and what is typed is recorded and thrown away.
#[test]
fn under_required_supervision_nothing_starts_before_somebody_watches() {
    let site = Site::with(SiteOptions { supervision: "required", ..SiteOptions::default() });
    let mut terminal = site.shell("alice");
    terminal.expect("nobody of the hospital is watching");
    terminal.type_line("touch started");
    terminal.expect("What you type while frozen is recorded and thrown away");
    let log = sshd_log(&site);
    assert!(!log.contains("Starting session"), "nothing was started on the target:\n{log}");
    let live = site.json(&["session", "list"]);
    let id = live[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(live[0]["state"], "frozen");
    eventually("what was typed is recorded as dropped", || {
        of(&site.recording(&id), FrameKind::InputDropped).contains("touch started")
    });
    let frames = site.recording(&id);
    assert_eq!(of(&frames, FrameKind::Input), "");
    assert_eq!(of(&frames, FrameKind::Output), "");
    assert!(of(&frames, FrameKind::Marker).contains("watching"));
    assert_eq!(site.entries("channel-opened").len(), 0);
    terminal.kill();
    ended_with(&site, "connection-lost");
    assert!(!sshd_log(&site).contains("Starting session"));
}

/// Staff without a console have the command line: sessions are approved, go on and are cut.
#[test]
fn without_a_console_the_command_line_does_it_all() {
    let port = free_port();
    let _taken = std::net::TcpListener::bind(("127.0.0.1", port)).unwrap();
    let more = format!("[console]\nlisten = \"127.0.0.1:{port}\"\n");
    let site = Site::with(SiteOptions { more, ..SiteOptions::default() });
    let mut terminal = site.shell("alice");
    terminal.type_line("echo $((6*7))");
    terminal.expect("42\r\n");
    assert!(site.log().contains("the console's port cannot be opened"), "{}", site.log());
    let id = site.last_session()["id"].as_str().unwrap().to_owned();
    site.ok(&["session", "cut", &id, "--reason", "enough"]);
    terminal.expect("cut by the hospital: enough");
    terminal.wait();
    eventually("it is closed", || site.entries("session-ended").len() == 1);
}
