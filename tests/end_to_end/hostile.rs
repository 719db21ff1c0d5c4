//! Peers that mean harm: whatever they send, memory has a ceiling, staff sign in meanwhile, and only the
//! offender's own session ends.

use crate::lab::{CEILING, Lab, Odd, Target, door, door_in_terminal, peak};
use crate::raw::{approved, keygen, result, with_key};
use harness::{Site, SiteOptions, Terminal, eventually};
use serde_json::Value;
use std::time::{Duration, Instant};

/// Each try of a scenario, with the numbers of what was answered and the end.
fn tries(outcomes: &Value) -> Vec<(&str, Vec<u64>, &str)> {
    let kinds = |one: &Value| one[0].as_array().unwrap().iter().map(|kind| kind.as_u64().unwrap()).collect();
    outcomes
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, one)| (name.as_str(), kinds(one), one[1].as_str().unwrap()))
        .collect()
}

/// Whoever does this is left, and was told nothing but these.
fn left(outcomes: &Value, told: &[u64]) {
    for (name, kinds, end) in tries(outcomes) {
        let ignored = name.starts_with("passed over") || name.starts_with("honest");
        assert!(
            ignored || end.contains("closed") || end.contains("reset") || end.starts_with("disconnect"),
            "{name}: {end}"
        );
        assert!(kinds.iter().all(|kind| told.contains(kind)), "{name}: {kinds:?}");
    }
}

/// CVE-2024-43410, CVE-2023-28113, CVE-2023-46445, CVE-2023-46446, CVE-2025-32433: before anybody has
/// proven anything there is nothing to be had, by no length, no form, no order and no number.
/// Past failures: CVE-2024-35175.
#[test]
fn who_keeps_no_rule_before_authentication_is_left() {
    let mut lab = Lab::open(SiteOptions::default());
    let ((), felt) = lab.under(|site| {
        // The line of the server, its KEXINIT, its banner.
        left(&door(site, "lengths", &[]), &[20, 53]);
        left(&door(site, "malformed", &[]), &[20, 53, 51]);
        // Between its value and the keys of the client: its NEWKEYS.
        left(&door(site, "early", &[]), &[20, 21]);
        let points = door(site, "points", &[]);
        left(&points, &[20]);
        for (name, _, end) in tries(&points) {
            // An honest value is answered, so it is the others' fault that they are not.
            assert_eq!(end == "keys", name.starts_with("honest"), "{name}: {end}");
        }
        // EXT_INFO late changes nothing: after a password, right or wrong, comes the code.
        let late = door(site, "extensions", &["alice+scanner"]);
        assert_eq!((&late["kind"], &late["prompt"]), (&60.into(), &"One-time code: ".into()), "{late}");
    });
    lab.unharmed(&felt);
    assert!(lab.site.entries("factors-accepted").len() == 1, "bruno's alone");
}

/// CVE-2023-48795 (Terrapin), as its public scanner looks, and by the attack itself: a message slipped in
/// before there are keys ends the connection, and numbers begin anew with the keys.
#[test]
fn a_message_slipped_in_before_the_keys_ends_the_connection() {
    let site = Site::start();
    site.await_open();
    let seen = door(&site, "terrapin", &[]);
    assert_eq!(seen["offered"], true);
    for what in ["before KEXINIT", "before the value", "numbers go on"] {
        let end = seen[what].as_str().unwrap();
        assert!(end.contains("closed") || end.contains("reset"), "{what}: {end}");
    }
    assert_eq!(seen["numbers begin anew"], "in", "{seen}");
}

/// GHSA-78rf-vg74-7cr8, CVE-2026-7776, CVE-2024-12289: connections that begin and do not go on keep neither
/// staff nor a technician from elsewhere out.
#[test]
fn half_open_connections_keep_nobody_out() {
    let count = std::env::var("POTERNE_HALF_OPEN").unwrap_or_else(|_| "1000".to_owned());
    let mut lab = Lab::open(SiteOptions::default());
    let ((), felt) = lab.under(|site| {
        let mut flood = door_in_terminal(site, "half_open", &[&count, "1"]);
        flood.expect("WAIT HALF-OPEN");
        // From another address: a source has its share of the lobby, and no more.
        let mut alice = from_elsewhere(site);
        alice.expect("in-42");
        flood.type_line("");
        println!("{}", result(&mut flood));
    });
    lab.unharmed(&felt);
}

fn from_elsewhere(site: &Site) -> Terminal {
    let mut alice = site.ssh("alice+scanner", &["-b", "127.0.0.7"], &["echo in-$((6*7))"]);
    let (number, code) = site.walk(&mut alice, "alice", &harness::Answers::default());
    site.approve(number, &code);
    alice
}

/// CVE-2025-54804, CVE-2023-38408, CVE-2026-46673, T19: an admitted client that overflows windows, asks for
/// more channels than it may have, and at last reads no answers: what is honest works in between, and in the end its
/// own session alone is over.
#[test]
fn an_admitted_client_harms_nobody_but_itself() {
    let mut lab = Lab::open(SiteOptions::default());
    let (seen, felt) = lab.under(|site| {
        let alice = site.technician("alice");
        let mut terminal = door_in_terminal(site, "inside", &["alice+scanner", &alice.password, &alice.fresh_code()]);
        let_in(site, &mut terminal, "claire");
        terminal.expect("WAIT QUIET");
        let session = site.json(&["session", "list"]);
        assert_eq!(session.as_array().unwrap().len(), 2, "both go on: {session}");
        terminal.type_line("");
        result(&mut terminal)
    });
    lab.unharmed(&felt);
    println!("{seen}");
    for what in ["after overflows", "after answers to nothing", "after channels"] {
        assert_eq!(seen[what], "42\n", "{what}: {seen}");
    }
    assert_eq!(seen["agent"], 100, "{seen}");
    // Ten a connection (`ssh.channels`).
    assert!(seen["opened"].as_u64().unwrap() <= 10, "{seen}");
    assert_ne!(seen["unread"], "goes on", "{seen}");
    ended(&lab.site, "alice");
    // Fifty refusals are one entry, and bruno's session is the one that is left.
    assert!(lab.site.entries("channel-refused").len() < 5);
}

/// CVE-2025-49825: no certificate is a factor, whoever signed it: not one that a registered key signed for
/// somebody else's, nor one about a registered key.
#[test]
fn a_certificate_proves_nothing() {
    let mut site = Site::start();
    let registered = with_key(&mut site, "keyed");
    let stranger = site.folder().join("stranger").display().to_string();
    keygen(&stranger);
    for (by, of) in [(&registered, &stranger), (&stranger, &registered)] {
        let sign = ["-q", "-s", by, "-I", "x", "-n", "keyed,alice,root", &format!("{of}.pub")];
        assert!(std::process::Command::new("ssh-keygen").args(sign).status().unwrap().success());
    }
    site.await_open();
    let shows = |key: &str, public: &str| door(&site, "shown", &["keyed", key, public]);
    let key = shows(&registered, &format!("{registered}.pub"));
    assert_eq!((&key["answer"], &key["partial"]), (&51.into(), &true.into()), "a key that is proven is a part: {key}");
    for key in [&stranger, &registered] {
        let certificate = shows(key, &format!("{key}-cert.pub"));
        assert_eq!((&certificate["answer"], &certificate["partial"]), (&51.into(), &false.into()), "{certificate}");
    }
}

/// Waits until all sessions of this technician have ended, each once; gives the causes.
fn ended(site: &Site, who: &str) -> Vec<String> {
    let of = || -> Vec<Value> {
        let all = site.json(&["session", "list", "--all"]);
        all.as_array().unwrap().iter().filter(|one| one["technician"] == who).cloned().collect()
    };
    eventually("the sessions end", || of().iter().all(|one| one["state"] == "ended"));
    of().iter().map(|one| one["cause"].as_str().unwrap().to_owned()).collect()
}

/// Approves the request of a client of ours, among those of others.
fn let_in(site: &Site, terminal: &mut Terminal, who: &str) {
    let code = terminal.expect("WAIT CODE ([A-Z0-9]{4})").remove(0);
    let mut number = 0;
    eventually("the request is listed", || {
        let listed = site.json(&["intervention", "list"]);
        let waiting = listed.as_array().unwrap().iter().find(|one| one["state"] == "requested").cloned();
        number = waiting.and_then(|one| one["number"].as_u64()).unwrap_or(0);
        number > 0
    });
    let out = site.approve_as(who, number, &code);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    terminal.type_line("");
}

/// A message that does not add up ends the connection that it came by.
#[test]
fn a_broken_message_ends_its_own_connection() {
    let mut lab = Lab::open(SiteOptions { technicians: 5, approvers: 3, ..SiteOptions::default() });
    let ((), felt) = lab.under(|site| {
        for (n, what) in ["request", "open", "data"].into_iter().enumerate() {
            let person = &site.technicians[n + 2];
            let user = format!("{}+scanner", person.login);
            let mut terminal = door_in_terminal(site, "broken", &[&user, &person.password, &person.fresh_code(), what]);
            let_in(site, &mut terminal, &format!("marc-{n}"));
            terminal.expect("WAIT IN");
            terminal.type_line("");
            let seen = result(&mut terminal);
            assert_ne!(seen["outcome"][1], "goes on", "{what}: {seen}");
            assert_eq!(ended(site, &person.login), ["connection-lost"], "{what}");
        }
    });
    lab.unharmed(&felt);
}

/// CVE-2023-48795, CVE-2023-28113, CVE-2024-43410, CVE-2025-26465: whatever goes wrong before the target
/// has proven its key, the target is left, and no credential was sent to it. T21: what it asks is bounded.
#[test]
fn a_target_that_keeps_no_rule_is_left() {
    let until = jiff::Zoned::now().date().saturating_add(jiff::Span::new().days(300));
    let legacy = format!(
        "[target.odd.legacy]\nalgorithms = [\"diffie-hellman-group14-sha256\"]\n\
         because = \"The maker gives no update.\"\nuntil = \"{until}\"\n"
    );
    let (options, mut odd) = Odd::beside(SiteOptions::default(), &legacy);
    let mut lab = Lab::open(options);
    odd.connect(&lab.site);
    let ((), felt) = lab.under(|site| {
        for manner in [
            "endless-lines",
            "endless-line",
            "length",
            "slips-in",
            "early",
            "spoilt",
            "low-order",
            "weak-0",
            "weak-1",
            "weak-most",
            "token",
            "lies",
            "giant",
        ] {
            let began = Instant::now();
            let out = odd.run(site, manner, "anything");
            assert_eq!(out.status.code(), Some(77), "{manner}: {out:?}");
            assert!(!String::from_utf8_lossy(&out.stdout).contains("ran"), "{manner}: {out:?}");
            // None of them is waited for until the patience is over.
            assert!(began.elapsed() < Duration::from_secs(12), "{manner}: {:?}", began.elapsed());
            assert_eq!(odd.target.signed().exists(), ["token", "lies", "giant"].contains(&manner), "{manner}");
        }
        // The one that talks on is left when its time is over.
        assert_eq!(odd.run(site, "banners", "anything").status.code(), Some(77));
        // Alice's own connection has seen it all, and goes on.
        let out = odd.run(site, "honest", "again");
        assert_eq!(String::from_utf8_lossy(&out.stdout), "ran again\r\n");
    });
    lab.unharmed(&felt);
}

/// CVE-2023-38408, CVE-2025-54804, GHSA-qw79-rh95-853p: a target that we are signed in to opens no channel
/// towards us, overflows nothing, and fills no memory; the session to it goes on.
#[test]
fn a_target_that_floods_fills_nothing() {
    let (options, mut odd) = Odd::beside(SiteOptions::default(), "");
    let mut lab = Lab::open(options);
    odd.connect(&lab.site);
    let ((), felt) = lab.under(|site| {
        let out = odd.run(site, "opens", "x");
        assert_eq!((odd.target.said().as_str(), out.status.code()), ("0 taken, 20000 refused", Some(0)), "{out:?}");
        let out = odd.run(site, "overflows", "x");
        assert_eq!(String::from_utf8_lossy(&out.stdout), "ran x\r\n", "{out:?}");
        // A reader that never reads: the target is held where it is.
        odd.target.behave("floods");
        let mut reader = odd.over(site, "x").stdout(std::process::Stdio::piped()).spawn().unwrap();
        let sent = odd.target.stuck_at();
        assert!(sent * 32_000 < 128 << 20, "{sent} blocks taken");
        drop(reader.stdout.take());
        reader.kill().unwrap();
        reader.wait().unwrap();
        let out = odd.run(site, "honest", "again");
        assert_eq!(String::from_utf8_lossy(&out.stdout), "ran again\r\n");
    });
    lab.unharmed(&felt);
}

/// CVE-2024-35164, T20: what a terminal can be told in its most costly forms is recorded, sealed and replayed
/// within bounds, and nothing of it is in what is drawn.
#[test]
fn a_target_that_paints_without_measure_is_recorded_and_sealed() {
    let (site, _target) = Target::instead("paints", SiteOptions::default());
    let mut terminal = site.shell("alice");
    terminal.expect("painted");
    terminal.wait();
    let session = site.ended_session()["id"].as_str().unwrap().to_owned();
    let sealed = site.sealed(&session);
    let part = sealed.parts(recorder::PartKind::Cast).next().unwrap();
    let mut cast = String::new();
    std::io::Read::read_to_string(&mut sealed.read(part, &Site::officer()).unwrap(), &mut cast).unwrap();
    assert!(cast.contains("painted") && cast.len() > 1_000_000, "all of it is evidence: {} bytes", cast.len());
    let transcript = sealed.parts(recorder::PartKind::Transcript).next().unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut sealed.read(transcript, &Site::officer()).unwrap(), &mut text).unwrap();
    let end: String = text.chars().rev().take(300).collect::<Vec<_>>().into_iter().rev().collect();
    // What a few bytes made grow is not searched for ever; the cast has it all.
    assert!(text.contains("painted") || end.contains("the transcript stops here"), "{} bytes, {end:?}", text.len());
    assert!(
        text.chars().all(|one| "\n\t".contains(one) || !one.is_control()),
        "no control character is in what is searched"
    );
    println!("{} bytes shown, {} of text, {} KiB at most", cast.len(), text.len(), peak(&site));
    assert!(peak(&site) < CEILING, "{} KiB", peak(&site));
}

/// A target's last words have no length of their own, and can be said again and again.
#[test]
fn a_targets_last_words_do_not_fill_the_memory() {
    let (site, target) = Target::instead("words", SiteOptions { rights: vec!["sftp-read"], ..SiteOptions::default() });
    approved(&site, "alice", &["sftp-unread"], |site| {
        let sent = target.stuck_at();
        println!("{sent} of 2000 taken, {} KiB at most", peak(site));
        assert!(sent < 2000 && peak(site) < CEILING, "{sent} taken, {} KiB", peak(site));
    });
}

/// No window bounds what tells of a window's size: a channel whose pump waits keeps it all.
#[test]
fn a_client_that_resizes_without_end_is_cut() {
    let site = Site::with(SiteOptions { rights: vec!["sftp-read"], ..SiteOptions::default() });
    approved(&site, "alice", &["resizes", "600000"], |site| {
        println!("{} KiB at most", peak(site));
        assert!(peak(site) < CEILING, "{} KiB", peak(site));
        let session = site.ended_session();
        assert!(session.to_string().contains("client-fault"), "{session}");
    });
}
