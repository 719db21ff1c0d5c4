//! The journal leaves the machine (LOG-05, LOG-10, LOG-14): to a real `rsyslogd` over TLS, which is
//! stopped, killed and not to be trusted; and to whoever follows it at the command line.

use harness::rsyslog::{Rsyslog, certificates};
use harness::{Site, SiteOptions, eventually};
use journal::OsDisk;
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

fn section(name: &str, port: u16, folder: &std::path::Path, more: &str) -> String {
    format!("\n[siem.{name}]\nserver = \"127.0.0.1:{port}\"\nca-file = \"{}/ca.pem\"\n{more}\n", folder.display())
}

/// Writes so many entries while the daemon is stopped, as it would write them itself.
fn write_entries(site: &Site, count: u64) {
    let vault = gateway::vault::Vault::open(&site.state().join("vault")).unwrap();
    let secrets: gateway::vault::SiteSecrets = vault.get("site", 1).unwrap();
    let signer = journal::SigningKey::new(&secrets.origin, &secrets.journal).unwrap();
    let mut n: u64 = 0;
    // Not secret here, but never twice the same.
    let random: journal::Entropy = Box::new(move |buffer| {
        for byte in buffer {
            n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (n >> 56) as u8;
        }
    });
    let (mut journal, _) = journal::Journal::open(
        &site.state().join("journal"),
        Box::new(OsDisk::default()),
        signer,
        gateway::ring::masters(&vault).unwrap(),
        random,
    )
    .unwrap();
    let at = gateway::clock::to_millisecond(jiff::Timestamp::now()).max(journal.last_at());
    let entries: Vec<_> =
        (0..count).map(|sessions| gateway::registrar::entry(at, &lifecycle::Event::Heartbeat { sessions })).collect();
    for group in entries.chunks(250) {
        journal.append(journal.size(), group).unwrap();
    }
}

/// The number of entries there are now.
fn size(site: &Site) -> u64 {
    site.ok(&["journal", "checkpoint"]).lines().nth(1).unwrap().parse().unwrap()
}

fn is_whole(numbers: &[u64], size: u64) -> bool {
    numbers.len() as u64 >= size && numbers.iter().collect::<BTreeSet<_>>().len() as u64 >= size
}

/// LOG-05: stopped for 10,000 entries and started again, every sequence number comes once, in order;
/// killed in the middle of a stream, none is missing.
#[test]
fn a_receiver_that_was_away_misses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path(), "soc");
    std::fs::copy(folder.path().join("soc-ca.pem"), folder.path().join("ca.pem")).unwrap();
    let mut rsyslog = Rsyslog::new(folder.path().join("rsyslog"), folder.path(), "soc", false);
    rsyslog.start();
    let more = section("soc", rsyslog.port, folder.path(), "");
    let mut site = Site::with(SiteOptions { more, ..SiteOptions::default() });
    let entries = size(&site);
    eventually("all entries so far", || rsyslog.numbers().len() as u64 >= entries);
    assert!(rsyslog.received()[0].contains(" started [poterne@32473 seq=\"0\" origin=\"poterne/chu-test/"));

    eventually("all is acknowledged", || position(&site, "soc") >= entries);
    rsyslog.stop();
    site.stop_daemon();
    write_entries(&site, 10_000);
    site.start_daemon();
    rsyslog.start();
    let entries = size(&site);
    assert!(entries > 10_000);
    eventually("10,000 entries more", || rsyslog.numbers().len() as u64 >= entries);
    let numbers = rsyslog.numbers();
    assert_eq!(numbers, (0..numbers.len() as u64).collect::<Vec<_>>(), "each once, in order");

    // What is known to have been read is not sent again after a restart. Then killed in the middle.
    eventually("all is acknowledged", || position(&site, "soc") >= entries);
    site.stop_daemon();
    write_entries(&site, 10_000);
    let before = rsyslog.numbers().len();
    site.start_daemon();
    eventually("some of it came", || rsyslog.numbers().len() > before + 100);
    rsyslog.kill();
    let killed_at = rsyslog.numbers().len() as u64;
    rsyslog.start();
    let entries = size(&site);
    assert!(killed_at < entries, "killed too late: {killed_at} of {entries}");
    eventually("the rest", || is_whole(&rsyslog.numbers(), entries));
    let numbers = rsyslog.numbers();
    let doubles = numbers.len() - numbers.iter().collect::<BTreeSet<_>>().len();
    assert!(doubles <= 1000, "{doubles} doubles");
    // By sequence, nothing is missing and nothing out of order.
    let mut next = 0;
    for number in numbers {
        assert!(number <= next, "{number} came before {next}");
        next = next.max(number + 1);
    }
}

/// LOG-10: an entry that waits for too long raises an alarm, which ends when the receiver is back.
#[test]
fn a_queue_that_ages_raises_an_alarm_and_ends_it() {
    let folder = tempfile::tempdir().unwrap();
    certificates(folder.path(), "soc");
    std::fs::copy(folder.path().join("soc-ca.pem"), folder.path().join("ca.pem")).unwrap();
    let mut rsyslog = Rsyslog::new(folder.path().join("rsyslog"), folder.path(), "soc", false);
    let more = section("soc", rsyslog.port, folder.path(), "alarm-after = \"5m\"");
    let start = jiff::Timestamp::now();
    let site = Site::with(SiteOptions { more, clock: Some(start), ..SiteOptions::default() });
    let shown = || site.json(&["status"])["siem.soc"].as_str().unwrap_or_default().to_owned();
    eventually("a failure is shown", || shown().starts_with("takes nothing: cannot be reached"));
    assert_eq!(site.entries("forward-stalled").len(), 0, "not old enough");
    site.set_clock(start + jiff::SignedDuration::from_mins(6));
    eventually("an alarm", || !site.entries("forward-stalled").is_empty());
    assert!(site.entries("forward-stalled")[0]["why"].as_str().unwrap().starts_with("cannot be reached"));
    rsyslog.start();
    eventually("it flows again", || !site.entries("forward-resumed").is_empty());
    eventually("all came", || is_whole(&rsyslog.numbers(), size(&site)));
    assert!(shown().starts_with("takes what is sent"), "{}", shown());
    assert_eq!((site.entries("forward-stalled").len(), site.entries("forward-resumed").len()), (1, 1));
}

/// The position that is kept of a receiver.
fn position(site: &Site, receiver: &str) -> u64 {
    let text = std::fs::read_to_string(site.state().join("siem").join(receiver)).unwrap_or_default();
    serde_json::from_str::<Value>(&text).ok().and_then(|kept| kept["next"].as_u64()).unwrap_or(0)
}

/// LOG-05, LOG-10: a receiver with another authority gets nothing, one that asks who sends takes only who
/// is known there; both are said, and that it flows again.
/// Past failures: CVE-2026-31798.
#[test]
fn who_is_not_to_be_trusted_gets_nothing_and_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["soc", "other"] {
        certificates(folder.path(), name);
    }
    let ca = folder.path().join("ca.pem");
    std::fs::copy(folder.path().join("soc-ca.pem"), &ca).unwrap();
    let mut rsyslog = Rsyslog::new(folder.path().join("strict"), folder.path(), "soc", true);
    rsyslog.start();
    let client = format!(
        "certificate = \"{0}/soc-client.pem\"\nkey = \"{0}/soc-client.key\"\nformat = \"json\"",
        folder.path().display()
    );
    let more =
        section("known", rsyslog.port, folder.path(), &client) + &section("unknown", rsyslog.port, folder.path(), "");
    let site = Site::with(SiteOptions { more, ..SiteOptions::default() });
    let stalled = |receiver: &str| {
        site.entries("forward-stalled")
            .into_iter()
            .rfind(|entry| entry["receiver"] == receiver)
            .map(|entry| entry["why"].as_str().unwrap().to_owned())
    };
    eventually("who shows no certificate is refused", || stalled("unknown").is_some());
    assert!(stalled("unknown").unwrap().starts_with("it refuses us"), "{:?}", stalled("unknown"));
    let entries = size(&site);
    eventually("who shows one is taken", || rsyslog.numbers().len() as u64 >= entries);
    assert!(rsyslog.received().iter().all(|line| line.contains("\"seq\":") || line.contains(" alive ")));

    // Another authority: nothing goes there.
    eventually("what was sent is over", || position(&site, "known") >= size(&site));
    std::fs::copy(folder.path().join("other-ca.pem"), &ca).unwrap();
    let came = rsyslog.numbers().len();
    // Makes an entry each time.
    let wrong = || site.poterne(&["login", "--as", "claire"], "wrong\n000000\n").status.success();
    assert!(!wrong());
    eventually("the certificate is refused", || stalled("known").is_some());
    assert!(stalled("known").unwrap().starts_with("its certificate is refused"), "{:?}", stalled("known"));
    assert!(!wrong());
    assert_eq!(rsyslog.numbers().len(), came);

    std::fs::copy(folder.path().join("soc-ca.pem"), &ca).unwrap();
    eventually("it flows again", || site.entries("forward-resumed").iter().any(|entry| entry["receiver"] == "known"));
    let entries = size(&site);
    eventually("all came", || is_whole(&rsyslog.numbers(), entries));
}

/// LOG-11, LOG-14: followed by an officer, for a purpose that is journalled; in each format one line an
/// entry; and a restart says where to go on.
#[test]
fn an_officer_follows_the_journal() {
    let mut site = Site::start();
    let refused = site.poterne(&["journal", "follow", "--once", "--from", "0", "--purpose", "audit"], "");
    assert_eq!(refused.status.code(), Some(77), "{}", String::from_utf8_lossy(&refused.stderr));
    site.sign_in("nadia");
    let refused = site.poterne(&["journal", "follow", "--once", "--from", "0", "--purpose", "audit"], "");
    assert_eq!(refused.status.code(), Some(77), "an operator does not read the journal");
    site.sign_in("sophie");
    for (format, begins) in [("json", "{"), ("ocsf", "{"), ("cef", "CEF:0|Poterne|"), ("rfc5424", "<")] {
        let entries = size(&site);
        let text = site.ok(&["journal", "follow", "--once", "--from", "0", "--format", format, "--purpose", "audit 7"]);
        assert_eq!(text.lines().count() as u64, entries);
        assert!(text.lines().all(|line| line.starts_with(begins)), "{text}");
    }
    let read = site.entries("journal-read");
    assert_eq!(read.len(), 4);
    assert_eq!((&read[0]["how"], &read[0]["purpose"]), (&"follow as json".into(), &"audit 7".into()));
    let odd = site.poterne(&["journal", "follow", "--format", "xml", "--purpose", "x"], "");
    assert!(String::from_utf8_lossy(&odd.stderr).contains("write one of rfc5424, cef, ocsf, json"));

    let mut follow = Command::new(harness::program("poterne-under-test"))
        .arg("--config")
        .arg(&site.config)
        .args(["journal", "follow", "--from", "0", "--purpose", "audit"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let mut seen = |kind: &str| {
        let mut entries = lines.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
        entries.find(|entry| entry["kind"] == kind && entry["event"]["purpose"] != "audit 7").unwrap()["seq"].as_u64()
    };
    seen("journal-read").unwrap();
    // What becomes durable is printed.
    site.sign_in("claire");
    let last = seen("staff-code-used").unwrap();
    site.stop_daemon();
    site.start_daemon();
    let out = follow.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    assert!(said.contains("the daemon is gone: waiting for it, to go on at entry"), "{said}");
    assert!(said.contains("nobody is signed in") && said.contains("then go on with `--from"), "{said}");
    assert_eq!(out.status.code(), Some(77));
    assert!(last > 0);
}
