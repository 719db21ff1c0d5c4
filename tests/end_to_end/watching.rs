//! Two terminals side by side: what the technician does, somebody of the hospital sees, holds and cuts
//! (APR-03, APR-04, APR-05, D26, T22).

use harness::{Answers, Site, SiteOptions, Terminal, eventually, program};
use std::time::{Duration, Instant};

fn supervised(more: &str) -> SiteOptions {
    SiteOptions { supervision: "required", more: format!("[supervision]\n{more}\n"), ..SiteOptions::default() }
}

/// A watcher in a terminal of their own, signed in for this.
pub(crate) fn watch(site: &Site, who: &str, session: &str) -> Terminal {
    let config = site.config.display().to_string();
    let poterne = program("poterne-under-test").display().to_string();
    let mut terminal = Terminal::start(&poterne, &["--config", &config, "session", "watch", session, "--as", who]);
    terminal.expect("password: ");
    terminal.type_line(&site.member(who).password);
    terminal.expect("code: ");
    terminal.type_line(&site.member(who).fresh_code());
    terminal
}

/// A supervised shell, and its session's id. Nothing moves yet.
fn frozen_shell(site: &Site) -> (Terminal, String) {
    let mut terminal = site.ssh("alice+scanner", &[], &[]);
    let (number, code) = site.walk(&mut terminal, "alice", &Answers::default());
    site.approve(number, &code);
    terminal.expect("APPROVED until");
    terminal.expect("Frozen: nobody");
    (terminal, site.last_session()["id"].as_str().unwrap().to_owned())
}

/// Typing shows within 200 ms; the watcher leaves, and both directions stand still within 5 s.
#[test]
fn what_is_typed_is_seen_and_whoever_leaves_freezes_it() {
    let site = Site::with(supervised(""));
    let (mut shell, id) = frozen_shell(&site);
    let mut watcher = watch(&site, "claire", &id);
    watcher.expect("DIRECT|LIVE");
    shell.expect("The hospital is watching");
    shell.expect("Resumed");
    shell.expect("# ");
    shell.type_line("echo $((1000+1))");
    shell.expect("1001\r\n");
    watcher.expect("1001");
    // Keystroke by keystroke.
    let mut worst = Duration::ZERO;
    for n in 0..10 {
        let word = format!("x{}y", 7000 + n);
        let typed = Instant::now();
        shell.type_line(&format!("echo x$((7000+{n}))y"));
        shell.expect(&word);
        watcher.expect(&word);
        worst = worst.max(typed.elapsed());
    }
    assert!(worst < Duration::from_millis(400), "a whole command and its echo took {worst:?} to be seen");
    shell.type_line("while :; do echo tick; sleep 0.1; done");
    shell.expect("tick");
    watcher.type_raw(b"q");
    assert!(watcher.wait().success());
    let left = Instant::now();
    shell.expect("Frozen: nobody of the hospital is watching");
    assert!(left.elapsed() < Duration::from_millis(5500), "{:?}", left.elapsed());
    let shown = shell.shown().len();
    shell.type_raw(b"x");
    shell.expect("thrown away");
    assert!(!shell.shown()[shown..].contains("tick"), "nothing moves: {}", &shell.shown()[shown..]);
    eventually("the journal has the interval", || site.entries("watch-ended").len() == 1);
    let interval = site.entries("watch-ended").remove(0);
    assert_eq!((&interval["staff"], &interval["why"]), (&"claire".into(), &"left".into()), "{interval}");
    // Somebody else takes over, and it goes on.
    let mut second = watch(&site, "paul", &id);
    second.expect("tick");
    shell.expect("tick");
    second.type_raw(b"x");
    second.type_line("enough");
    shell.expect("cut by the hospital: enough");
    shell.wait();
    site.ended_session();
    let closing = site.json(&["session", "show", &id])["closing"].clone();
    let sealed = site.sealed(&id);
    assert_eq!(sealed.parts(recorder::PartKind::Cast).count(), 1, "a supervised terminal is a cast like any other");
    assert_eq!(closing["watched_by"], serde_json::json!(["claire", "paul"]), "{closing}");
}

/// A stream through an exec channel stops flowing; `resume` by the one who froze it, cut under a flood.
#[test]
fn a_stream_stops_and_a_flood_is_cut() {
    let site = Site::start();
    let mut master = site.master("alice");
    let id = site.last_session()["id"].as_str().unwrap().to_owned();
    let out = site.folder().join("stream");
    let mut tar =
        site.over("alice", "tar cf - /usr 2>/dev/null").stdout(std::fs::File::create(&out).unwrap()).spawn().unwrap();
    let length = || std::fs::metadata(&out).map_or(0, |meta| meta.len());
    eventually("it flows", || length() > 1 << 20);
    site.sign_in("claire");
    site.ok(&["session", "freeze", &id]);
    let settled = |what: &str| {
        // What was on its way arrives; then nothing does.
        std::thread::sleep(Duration::from_millis(700));
        let before = length();
        std::thread::sleep(Duration::from_millis(700));
        assert_eq!(length(), before, "{what}");
        before
    };
    let still = settled("frozen, and yet it flows");
    assert_eq!(site.last_session()["state"], "frozen");
    // Another one's freeze takes the own fresh code.
    site.sign_in("paul");
    let out_paul = site.poterne(&["session", "resume", &id], "");
    assert_eq!(out_paul.status.code(), Some(77));
    let paul = site.member("paul");
    let secrets = format!("{}\n{}\n", paul.password, paul.fresh_code());
    let resumed = site.poterne(&["session", "resume", &id, "--as", "paul"], &secrets);
    assert!(resumed.status.success(), "{}", String::from_utf8_lossy(&resumed.stderr));
    eventually("it flows again", || length() > still + (1 << 20));
    assert_eq!(site.entries("session-resumed")[0]["by"]["staff"], "paul");
    let cut = Instant::now();
    site.ok(&["session", "cut", &id, "--reason", "flood"]);
    let _ = tar.wait();
    assert!(cut.elapsed() < Duration::from_millis(1500), "{:?}", cut.elapsed());
    master.wait();
    assert_eq!(site.ended_session()["cause"], "cut");
}

/// A late watcher sees the whole screen at once, drawn in cells, with no byte of the target's own.
#[test]
fn a_late_watcher_sees_the_whole_screen() {
    let site = Site::start();
    let mut shell = site.shell("alice");
    shell.expect("# ");
    shell.type_line(r"printf '\033[2J\033[H\033]0;evil\007\033[31mTOP\033[m\n'; for i in 1 2 3; do echo row-$((i+100)); done; printf 'a\033P+q\033\\b\n'");
    shell.expect("row-103");
    let id = site.last_session()["id"].as_str().unwrap().to_owned();
    let mut watcher = watch(&site, "claire", &id);
    watcher.expect("TOP");
    watcher.expect("row-103");
    let shown = watcher.shown();
    assert!(!shown.contains("evil") && !shown.contains("\x1bP"), "REC-11: {shown:?}");
    assert!(shown.contains("\x1b[0;31mTOP"), "{shown:?}");
    // The technician's end is the watcher's too.
    shell.type_line("exit");
    shell.wait();
    assert!(watcher.wait().success());
    eventually("the interval", || site.entries("watch-ended").iter().any(|one| one["why"] == "the session ended"));
}

/// T22: a window that nobody looks at, and a script, watch nothing.
#[test]
fn presence_is_real() {
    let site = Site::with(supervised("challenge = \"10s\""));
    let (mut shell, id) = frozen_shell(&site);
    // No terminal, no watcher.
    let claire = site.member("claire");
    let secrets = format!("{}\n{}\n", claire.password, claire.fresh_code());
    let out = site.poterne(&["session", "watch", &id, "--as", "claire"], &secrets);
    assert_eq!(out.status.code(), Some(77), "{}", String::from_utf8_lossy(&out.stderr));
    // A stalled window: it stops acknowledging.
    let mut watcher = watch(&site, "paul", &id);
    shell.expect("Resumed");
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(watcher.pid().cast_signed()).unwrap(),
        rustix::process::Signal::STOP,
    )
    .unwrap();
    let stalled = Instant::now();
    shell.expect("Frozen: nobody");
    assert!(stalled.elapsed() < Duration::from_secs(8), "{:?}", stalled.elapsed());
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(watcher.pid().cast_signed()).unwrap(),
        rustix::process::Signal::CONT,
    )
    .unwrap();
    shell.expect("Resumed");
    // A challenge comes, and the right answer keeps the presence.
    let text = watcher.expect(r"(?:Tapez|Type) ([A-Z0-9]{3}) ").remove(0);
    watcher.type_line(&text);
    watcher.expect("Merci|Thank you");
    // A wrong one costs it.
    watcher.expect(r"(?:Tapez|Type) ([A-Z0-9]{3}) ");
    watcher.type_line("no");
    shell.expect("Frozen: nobody");
    let again = watcher.expect(r"(?:Tapez|Type) ([A-Z0-9]{3}) ").remove(0);
    watcher.type_line(&again);
    shell.expect("Resumed");
    assert!(site.entries("watch-ended").iter().any(|one| one["why"] == "did not answer a challenge"));
}

/// APR-04: two watch, one leaves, nothing stops.
#[test]
fn a_hand_over_leaves_no_gap() {
    let site = Site::with(supervised(""));
    let (mut shell, id) = frozen_shell(&site);
    let mut first = watch(&site, "claire", &id);
    shell.expect("Resumed");
    let mut second = watch(&site, "paul", &id);
    second.expect("claire, paul");
    first.type_raw(b"q");
    first.wait();
    shell.type_line("sleep 6; echo still $((40+2))");
    shell.expect("still 42");
    assert_eq!(site.entries("session-frozen").len(), 1, "only at the beginning");
    drop(second);
}
