//! The clock of the machine, set forward and back under the running program by Debian's faketime (D31, TIM-09).

use harness::{Site, SiteOptions, eventually};
use std::fs;
use std::path::Path;

const FAKETIME: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";

/// T9: deadlines of what runs are those of the machine's own count; nothing new opens until the clock is right
/// again, and staff are told.
#[test]
fn a_clock_that_is_set_moves_no_deadline_and_opens_nothing() {
    if !Path::new(FAKETIME).exists() {
        eprintln!("NOT SHOWN: {FAKETIME} is not here; install faketime");
        return;
    }
    let outside = tempfile::tempdir().unwrap();
    let offset = outside.path().join("offset");
    let set = |by: &str| {
        let new = outside.path().join("new");
        fs::write(&new, by).unwrap();
        fs::rename(new, &offset).unwrap();
    };
    set("+0");
    let starter = [
        "env".to_owned(),
        format!("LD_PRELOAD={FAKETIME}"),
        format!("FAKETIME_TIMESTAMP_FILE={}", offset.display()),
        "FAKETIME_NO_CACHE=1".to_owned(),
        // The timers of the runtime are not the wall clock's.
        "DONT_FAKE_MONOTONIC=1".to_owned(),
        "FAKETIME_DONT_FAKE_MONOTONIC=1".to_owned(),
    ];
    // The library reads its file from inside, so the configuration must name that folder (D35).
    let more = format!("[anchors]\nfile = \"{}\"\n", outside.path().join("checkpoints").display());
    let mut site = Site::with(SiteOptions { technicians: 2, starter: starter.into(), more, ..SiteOptions::default() });
    let trusted = || site.json(&["status"])["clock_trusted"] == true;
    assert!(trusted());
    let mut alice = site.shell("alice");
    alice.type_line("echo $((6*7))");
    alice.expect("42\r\n");
    for (n, by) in ["+604800", "-7200"].into_iter().enumerate() {
        set(by);
        eventually("it is found", || !trusted());
        eventually("it is journalled", || site.entries("lack-found").len() == n + 1);
        // Neither a week's end nor a day before: the session goes on, and staff sign in by codes of today.
        alice.type_line("echo $((7*7))");
        alice.expect("49\r\n");
        site.sign_in("nadia");
        let mut bruno = site.ssh("bruno+scanner", &[], &[]);
        bruno.expect("Password: ");
        bruno.type_line(&site.technician("bruno").password);
        bruno.expect("code: ");
        bruno.type_line(&site.technician("bruno").fresh_code());
        bruno.expect("clock is not trusted");
        bruno.wait();
        set("+0");
        eventually("it is right again", trusted);
        eventually("that is journalled", || site.entries("lack-over").len() == n + 1);
    }
    alice.type_line("exit");
    alice.wait();
    assert_eq!(site.ended_session()["cause"], "technician");
    let mut times = Vec::new();
    for (_, body) in site.journal() {
        times.extend(body["ended"].as_str().map(str::to_owned));
    }
    assert!(times.iter().all(|time| time[..10] == jiff::Timestamp::now().to_string()[..10]), "{times:?}");
    // D31: a start before the last entry is refused; so is one a month after it.
    site.stop_daemon();
    for (by, said) in [("-7200", "set the clock right"), ("+3456000", "--confirm-clock")] {
        set(by);
        let refusal = site.refuses_to_start();
        assert!(refusal.contains(said), "{refusal}");
    }
    set("+0");
    site.start_daemon();
}
