//! D9, IDM-18: further connections of an open intervention, as clients with parallel transfers open them.
//! Each is a session with its own recording; they stand still, go on and end together.

use crate::watching::watch;
use harness::{Answers, Site, SiteOptions, Terminal, eventually};

fn joinable() -> SiteOptions {
    SiteOptions { per: "intervention", ..SiteOptions::default() }
}

/// The first connection: its terminal and the intervention's code.
fn first(site: &Site) -> (Terminal, String) {
    let mut terminal = site.ssh("alice+scanner", &[], &[]);
    let (number, code) = site.walk(&mut terminal, "alice", &Answers::default());
    site.approve(number, &code);
    terminal.expect("APPROVED until");
    (terminal, code)
}

/// A further connection, both factors proven and the notice accepted.
fn further(site: &Site, login: &str, options: &[&str]) -> Terminal {
    let who = login.split('+').next().expect("a name");
    let mut terminal = site.ssh(login, options, &[]);
    terminal.expect("Password: ");
    terminal.type_line(&site.technician(who).password);
    terminal.expect("code: ");
    terminal.type_line(&site.technician(who).fresh_code());
    terminal.expect("YES[^:]*: ");
    terminal.type_line("YES");
    terminal
}

fn join(site: &Site, code: &str) -> Terminal {
    let mut terminal = further(site, "alice+scanner", &[]);
    terminal.expect("Code of intervention 1: ");
    terminal.type_line(code);
    terminal
}

/// It says this, and nothing was opened.
fn refused(mut terminal: Terminal, text: &str) {
    terminal.expect(text);
    assert_eq!(terminal.wait().code(), Some(255));
}

fn ids(site: &Site) -> Vec<String> {
    let all = site.json(&["session", "list", "--all"]);
    let id = |one: &serde_json::Value| one["id"].as_str().expect("an id").to_owned();
    all.as_array().expect("a list").iter().map(id).collect()
}

fn why(site: &Site) -> Vec<serde_json::Value> {
    site.entries("join-refused").into_iter().map(|entry| entry["why"].clone()).collect()
}

/// Both move, both are recorded; frozen, resumed and ended together; the journal is whole.
#[test]
fn a_further_connection_joins_and_ends_with_the_first() {
    let mut site = Site::with(joinable());
    let (mut one, code) = first(&site);
    one.expect("# ");
    let mut two = join(&site, &code.to_lowercase());
    two.expect("APPROVED until");
    one.expect("Another connection joined this intervention, from 127.0.0.1:");
    two.expect("# ");
    one.type_line("echo first-$((40+2))");
    one.expect("first-42");
    two.type_line("echo second-$((40+3))");
    two.expect("second-43");
    let sessions = ids(&site);
    let froms: Vec<_> =
        site.entries("session-admitted").into_iter().map(|entry| entry["joined_from"].clone()).collect();
    assert!(froms.len() == 2 && froms[0].is_null() && froms[1].is_string(), "{froms:?}");
    // One is frozen: both are, and a third does not come in.
    site.sign_in("claire");
    site.ok(&["session", "freeze", &sessions[0], "--reason", "look here"]);
    one.expect(r"Frozen by the hospital.*look here");
    two.expect(r"Frozen by the hospital.*look here");
    two.type_line("echo nothing-$((1+1))");
    two.expect("thrown away");
    refused(further(&site, "alice+scanner", &[]), "is frozen: nobody joins it now");
    // The other one is resumed: both are.
    site.ok(&["session", "resume", &sessions[1]]);
    one.expect("Resumed");
    two.expect("Resumed");
    two.type_line("echo again-$((40+4))");
    two.expect("again-44");
    assert!(!two.shown().contains("nothing-2"));
    one.type_line("exit");
    one.wait();
    two.expect("the first connection of the intervention ended");
    two.wait();
    eventually("both are over", || site.entries("session-ended").len() == 2);
    let ends = site.entries("intervention-ended");
    assert_eq!((ends.len(), &ends[0]["cause"]), (1, &"technician".into()), "promise 6: {ends:?}");
    let causes: Vec<_> = site.entries("session-ended").into_iter().map(|end| end["cause"].clone()).collect();
    assert!(causes.contains(&"technician".into()) && causes.contains(&"first-ended".into()), "{causes:?}");
    let kinds: Vec<String> = site.journal().into_iter().map(|(kind, _)| kind).collect();
    let at = |kind: &str| kinds.iter().rposition(|one| one == kind);
    assert!(at("intervention-ended") > at("session-ended"), "it ends after its last session: {kinds:?}");
    for (session, (said, other)) in sessions.iter().zip([("first-42", "second-43"), ("second-43", "first-42")]) {
        site.sealed(session);
        let shown: Vec<u8> = site.recording(session).iter().flat_map(|frame| frame.data.to_vec()).collect();
        let shown = String::from_utf8_lossy(&shown).into_owned();
        assert!(shown.contains(said) && !shown.contains(other), "each has its own recording: {shown}");
    }
    assert_eq!(why(&site), ["frozen"]);
    let key = site.journal_key();
    site.stop_daemon();
    let report = site.check_journal(&key);
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

/// Three wrong codes over all connections, and the right one does not help any more. The first goes on.
#[test]
fn three_wrong_codes_close_it() {
    let site = Site::with(joinable());
    let (mut one, code) = first(&site);
    one.expect("# ");
    for left in [2, 1, 0] {
        refused(join(&site, "2222"), &format!("not the code of intervention 1: {left} tries left"));
    }
    refused(further(&site, "alice+scanner", &[]), "nobody joins it any");
    let tries: Vec<_> = site.entries("join-mismatched").into_iter().map(|entry| entry["tries"].clone()).collect();
    assert_eq!(tries, [1, 2, 3]);
    assert_eq!(why(&site), ["closed"]);
    assert!(!site.log().contains(&code), "the code is in no log");
    let journal = format!("{:?}", site.journal());
    assert!(!journal.contains(&format!("\"{code}\"")), "nor in the journal");
    one.type_line("echo still-$((40+2))");
    one.expect("still-42");
    assert_eq!(ids(&site).len(), 1);
}

/// IDM-18: another address is refused and flagged; another account asks for its own; so does another
/// login on the target.
#[test]
fn only_the_same_person_from_the_same_place() {
    let site = Site::with(SiteOptions { technicians: 2, ..joinable() });
    let (mut one, _) = first(&site);
    one.expect("# ");
    refused(further(&site, "alice+scanner", &["-b", "127.0.0.2"]), "number 1 is open from");
    let mut bruno = further(&site, "bruno+scanner", &[]);
    bruno.expect("Reason[^:]*: ");
    let entry = site.entries("join-refused").remove(0);
    assert_eq!((&entry["why"], &entry["number"]), (&"other-source".into(), &1.into()));
    assert!(entry["source"].as_str().is_some_and(|source| source.starts_with("127.0.0.2:")), "{entry}");
    // An empty answer uses up no try.
    refused(join(&site, ""), "still going on");
    assert!(site.entries("join-mismatched").is_empty());
}

/// One approval a connection: the second is told why it waits.
#[test]
fn per_session_says_why_it_refuses() {
    let site = Site::start();
    let (mut one, _) = first(&site);
    one.expect("# ");
    refused(further(&site, "alice+scanner", &[]), "number 1 is open, and each");
    assert_eq!(why(&site), ["per-session"]);
    one.type_line("exit");
    one.wait();
    site.ended_session();
    eventually("the intervention is over", || site.entries("intervention-ended").len() == 1);
    // Then it is a new request.
    further(&site, "alice+scanner", &[]).expect("Reason[^:]*: ");
}

/// Four at a time; one leaves, and the intervention goes on.
#[test]
fn there_is_no_fifth() {
    let site = Site::with(joinable());
    let (mut one, code) = first(&site);
    one.expect("# ");
    let mut others: Vec<Terminal> = Vec::new();
    for _ in 0..3 {
        let mut other = join(&site, &code);
        other.expect("APPROVED until");
        other.expect("# ");
        others.push(other);
    }
    refused(further(&site, "alice+scanner", &[]), "four connections");
    let mut last = others.pop().expect("a connection");
    last.type_line("exit");
    last.wait();
    eventually("one is over", || site.entries("session-ended").len() == 1);
    assert!(site.entries("intervention-ended").is_empty());
    one.type_line("echo still-$((40+2))");
    one.expect("still-42");
    // A kill leaves three open: the next start closes each once, and the intervention once.
    let mut site = site;
    site.kill_daemon();
    site.start_daemon();
    assert_eq!(site.entries("session-ended").len(), 4);
    let ends = site.entries("intervention-ended");
    assert_eq!((ends.len(), &ends[0]["cause"]), (1, &"interrupted".into()), "{ends:?}");
}

/// Somebody must watch: nobody joins before, who joined stands still until somebody watches it too, the
/// watcher is told of it, and one cut cuts both.
#[test]
fn who_joins_is_watched_too_and_cut_together() {
    let site = Site::with(SiteOptions { supervision: "required", ..joinable() });
    let (mut one, code) = first(&site);
    one.expect("Frozen: nobody");
    refused(further(&site, "alice+scanner", &[]), "is frozen: nobody joins it now");
    let sessions = ids(&site);
    let mut claire = watch(&site, "claire", &sessions[0]);
    one.expect("Resumed");
    one.expect("# ");
    let mut two = join(&site, &code);
    two.expect("APPROVED until");
    two.expect("Frozen: nobody");
    claire.expect("Another connection joined, from 127.0.0.1:");
    one.type_line("echo one-$((40+2))");
    one.expect("one-42");
    let second = ids(&site).into_iter().find(|id| !sessions.contains(id)).expect("a second session");
    let mut paul = watch(&site, "paul", &second);
    two.expect("Resumed");
    two.expect("# ");
    two.type_line("echo two-$((40+3))");
    two.expect("two-43");
    paul.expect("two-43");
    // Cut from the window that watches the second.
    paul.type_raw(b"x");
    paul.type_line("enough");
    one.expect("cut by the hospital: enough");
    two.expect("cut by the hospital: enough");
    one.wait();
    two.wait();
    claire.wait();
    eventually("both are over", || site.entries("session-ended").len() == 2);
    for end in site.entries("session-ended") {
        assert_eq!(end["cause"]["cut"]["reason"], "enough", "{end}");
    }
    assert_eq!(site.entries("intervention-ended").len(), 1);
}
