//! A disk that hangs without an error (D18, T12): what is not back in five seconds counts as failed.

use super::disk::FaultyDisk;
use harness::{Site, Terminal, eventually};
use std::time::{Duration, Instant};

/// Five seconds, and what a look every second and a commit every ten add to it.
const MOST: Duration = Duration::from_secs(25);

fn shell_over(site: &mut Site, folder: &str) -> Option<(Terminal, FaultyDisk)> {
    site.stop_daemon();
    let disk = FaultyDisk::under(&site.state().join(folder))?;
    site.start_daemon();
    let mut terminal = site.shell("alice");
    terminal.type_line("echo $((6*7))");
    terminal.expect("42\r\n");
    Some((terminal, disk))
}

/// The journal does not come back: all sessions end, and brakes and staff do not wait for it.
#[test]
fn a_journal_that_hangs_ends_everything() {
    let mut site = Site::start();
    let Some((mut terminal, disk)) = shell_over(&mut site, "journal") else { return };
    disk.says("hangs");
    let hung = Instant::now();
    terminal.expect("the bastion cannot record any more");
    eprintln!("a journal that hangs: {:?}", hung.elapsed());
    assert!(hung.elapsed() < MOST, "{:?}", hung.elapsed());
    terminal.wait();
    let asked = Instant::now();
    let out = site.poterne(&["session", "list"], "");
    assert!(String::from_utf8_lossy(&out.stderr).contains("nothing opens"), "staff are told");
    let out = site.poterne(&["lockdown", "on", "--reason", "the disk hangs"], "");
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    assert!(asked.elapsed() < Duration::from_secs(10), "nobody waits for the disk: {:?}", asked.elapsed());
    disk.says("well");
    site.kill_daemon();
    site.start_daemon();
    assert_eq!(site.ended_session()["cause"], "interrupted");
}

/// What is written to the recording stays in memory: within seconds the session ends, though no write failed.
#[test]
fn a_recording_that_is_not_synced_ends_the_session() {
    let mut site = Site::start();
    let Some((mut terminal, disk)) = shell_over(&mut site, "recordings") else { return };
    disk.says("sync-hangs");
    let hung = Instant::now();
    terminal.type_line("echo $((7*7))");
    terminal.expect("the bastion cannot record any more");
    eprintln!("a recording that is not synced: {:?}", hung.elapsed());
    assert!(hung.elapsed() < MOST, "{:?}", hung.elapsed());
    disk.says("well");
    terminal.wait();
    assert_eq!(site.ended_session()["cause"], "recorder-failed");
    eventually("a session opens again", || site.json(&["status"])["lacks"] == serde_json::json!({}));
    site.stop_daemon();
}
