//! The end of an hour in the middle of a session, with the clock under control (D31, TIM-01, TIM-07).

use harness::{Answers, Site, SiteOptions, Terminal, eventually};
use jiff::{SignedDuration, Timestamp};
use std::net::TcpStream;

/// Monday 23 November 2026, 16:00 in Paris.
const MONDAY: &str = "2026-11-23T15:00:00Z";

fn office() -> SiteOptions {
    SiteOptions {
        hours: "[{ days = \"mon-fri\", from = \"08:00\", to = \"18:00\" }]".to_owned(),
        target: "idle = \"8h\"".to_owned(),
        clock: Some(MONDAY.parse().unwrap()),
        ..SiteOptions::default()
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// Codes follow the clock that the test moves.
fn walk_at(site: &Site, terminal: &mut Terminal, now: Timestamp) {
    let alice = site.technician("alice");
    let (number, code) =
        site.walk(terminal, "alice", &Answers { code: Some(alice.code_at(now)), ..Answers::default() });
    let claire = site.member("claire");
    let secrets = format!("{}\n{}\n", claire.password, claire.code_at(now));
    let out = site.poterne(
        &["intervention", "approve", &number.to_string(), "--code", &code, "--verified", "called", "--as", "claire"],
        &secrets,
    );
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    terminal.expect("APPROVED until 18:00");
}

/// TIM-07, D30: warned at 15, 5 and 1 minutes, cut on the dot with the reason, and journalled so.
/// Past failures: PAST-window-once.
#[test]
fn the_window_ends_in_mid_session() {
    let site = Site::with(office());
    let mut terminal = site.ssh("alice+scanner", &[], &[]);
    walk_at(&site, &mut terminal, at(MONDAY));
    terminal.type_line("echo $((10010+1))");
    terminal.expect("10011\\r\\n");
    for (now, minutes) in [("2026-11-23T16:45:00Z", 15), ("2026-11-23T16:55:00Z", 5), ("2026-11-23T16:59:00Z", 1)] {
        site.set_clock(at(now));
        terminal.expect(&format!("ends in {minutes} min"));
    }
    terminal.type_line("echo $((10020+1))");
    terminal.expect("10021\\r\\n");
    site.set_clock(at("2026-11-23T17:00:00Z"));
    terminal.expect("Session ended: the opening hours are over");
    assert_eq!(terminal.wait().code(), Some(255));
    let session = site.ended_session();
    assert_eq!((session["cause"].as_str(), session["duration"].as_u64()), (Some("hours-over"), Some(7200)));
    let warned: Vec<u64> =
        site.entries("session-warned").iter().filter_map(|entry| entry["minutes"].as_u64()).collect();
    assert_eq!(warned, [15, 5, 1]);
    assert_eq!(site.entries("session-ended").len(), 1);
    let recorded: String = site
        .recording(session["id"].as_str().unwrap())
        .into_iter()
        .filter(|frame| frame.kind == recorder::FrameKind::Marker)
        .map(|frame| String::from_utf8_lossy(&frame.data).into_owned())
        .collect();
    assert!(recorded.contains("15 min") && recorded.contains("opening hours are over"), "{recorded}");
}

/// TIM-01, D15: outside every vendor's hours the port is closed; it opens and closes with them, on
/// both days of the clock change too.
#[test]
fn the_port_follows_the_hours() {
    let site = Site::with(office());
    let open = || TcpStream::connect(("127.0.0.1", site.port)).is_ok();
    site.await_open();
    for (now, wanted) in [
        ("2026-11-23T17:00:00Z", false),
        ("2026-11-24T06:59:59Z", false),
        ("2026-11-24T07:00:00Z", true),
        ("2026-11-27T17:00:00Z", false),
        // 29 March 2027 is the Monday after the change to summer time: 08:00 is 06:00 UTC.
        ("2027-03-29T05:59:59Z", false),
        ("2027-03-29T06:00:00Z", true),
    ] {
        site.set_clock(at(now));
        eventually(&format!("port open: {wanted} at {now}"), || open() == wanted);
    }
}

/// NET-18: a client that only keeps its connection alive is idle.
#[test]
fn idleness_ends_a_session() {
    let site = Site::with(SiteOptions { target: "idle = \"10m\"".to_owned(), ..office() });
    let mut terminal = site.ssh("alice+scanner", &["-o", "ServerAliveInterval=1"], &[]);
    walk_at(&site, &mut terminal, at(MONDAY));
    terminal.type_line("echo $((10030+1))");
    terminal.expect("10031\\r\\n");
    site.set_clock(at(MONDAY) + SignedDuration::from_mins(9));
    terminal.type_line("echo $((10040+1))");
    terminal.expect("10041\\r\\n");
    site.set_clock(at(MONDAY) + SignedDuration::from_mins(18));
    terminal.type_line("echo $((10050+1))");
    terminal.expect("10051\\r\\n");
    site.set_clock(at(MONDAY) + SignedDuration::from_mins(28));
    terminal.expect("nothing moved for too long");
    assert_eq!(site.ended_session()["cause"], "idle");
}

/// APR-07: a request that nobody answers expires after ten minutes, and the technician is told.
#[test]
fn an_unanswered_request_expires() {
    let site = Site::with(office());
    let mut terminal = site.ssh("alice+scanner", &[], &[]);
    let code = site.technician("alice").code_at(at(MONDAY));
    let (number, _) = site.walk(&mut terminal, "alice", &Answers { code: Some(code), ..Answers::default() });
    site.set_clock(at(MONDAY) + SignedDuration::from_mins(10));
    terminal.expect("Nobody answered within 10 minutes");
    terminal.wait();
    assert_eq!(site.json(&["intervention", "show", &number.to_string()])["state"], "expired");
    assert_eq!(site.entries("intervention-expired").len(), 1);
}

/// D4: a lock of 60 s ends by itself, and the third of a day does not.
#[test]
fn locks_end_with_time_but_for_the_third() {
    let site = Site::with(office());
    let alice = site.technician("alice");
    let mut now = at(MONDAY);
    let try_once = |code: String| {
        let mut terminal = site.ssh("alice+scanner", &[], &[]);
        terminal.expect("Password: ");
        terminal.type_line(&alice.password);
        terminal.expect("code: ");
        terminal.type_line(&code);
        let refused = terminal.expect_within("YES", std::time::Duration::from_secs(4)).is_err();
        terminal.kill();
        !refused
    };
    for round in 1..=3 {
        for _ in 0..3 {
            assert!(!try_once("000000".to_owned()));
        }
        let locked = site.entries("technician-locked").len();
        assert_eq!(locked, round);
        assert!(!try_once(alice.code_at(now)), "locked in round {round}");
        now += SignedDuration::from_secs(61);
        site.set_clock(now);
        assert_eq!(try_once(alice.code_at(now)), round < 3, "round {round}");
        now += SignedDuration::from_secs(60);
        site.set_clock(now);
    }
    assert_eq!(site.entries("account-alert").len(), 1);
    let nadia = site.member("nadia");
    let out = site.poterne(&["login", "--as", "nadia"], &format!("{}\n{}\n", nadia.password, nadia.code_at(now)));
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    site.ok(&["technician", "unlock", "alice"]);
    assert!(try_once(alice.code_at(now)));
}
