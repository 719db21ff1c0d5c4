//! Killed, stopped, altered, put back: what a start makes of it. No access is ever resumed, every
//! session has exactly one end, and what was tampered with opens nothing.

use harness::{Answers, Site, SiteOptions, Terminal};
use jiff::Timestamp;
use recorder::{Frame, FrameKind};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

pub(super) fn output(frames: &[Frame]) -> Vec<u8> {
    frames.iter().filter(|frame| frame.kind == FrameKind::Output).flat_map(|frame| frame.data.to_vec()).collect()
}

pub(super) fn intact(site: &Site, key: &journal::VerifierKey) {
    let report = site.check_journal(key);
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

/// Each session that was admitted ended once, with a duration; nothing is open, nothing pending.
pub(super) fn all_is_closed(site: &Site) {
    let (mut sessions, mut interventions) = (BTreeMap::<String, i32>::new(), BTreeMap::<u64, i32>::new());
    for (kind, body) in site.journal() {
        let session = || body["session"].as_str().unwrap().to_owned();
        let number = || body["number"].as_u64().unwrap();
        match kind.as_str() {
            "session-admitted" => *sessions.entry(session()).or_default() += 1,
            "session-ended" => {
                *sessions.get_mut(&session()).unwrap() += 100;
                assert!(body["seconds"].is_u64(), "{body}");
            }
            "intervention-requested" => *interventions.entry(number()).or_default() += 1,
            "intervention-ended" | "intervention-withdrawn" => *interventions.get_mut(&number()).unwrap() += 100,
            _ => {}
        }
    }
    assert!(sessions.values().all(|ends| *ends == 101), "{sessions:?}");
    assert!(interventions.values().all(|ends| *ends == 101), "{interventions:?}");
    assert_eq!(site.json(&["session", "list"]), Value::Array(Vec::new()));
    assert_eq!(site.json(&["intervention", "list"]), Value::Array(Vec::new()));
}

/// REC-06, LOG-01, APR-10: `kill -9` under output, with a request waiting beside it.
#[test]
fn killed_under_output_the_session_ends_once_with_all_that_was_shown() {
    let mut site = Site::with(SiteOptions { technicians: 2, ..SiteOptions::default() });
    let key = site.journal_key();
    let mut waiting = site.ssh("bruno+scanner", &[], &[]);
    let (pending, _) = site.walk(&mut waiting, "bruno", &Answers::default());
    let mut terminal = site.shell("alice");
    terminal.type_line("i=0; while :; do i=$((i+1)); echo line $i; done");
    terminal.expect("line 20000\r\n");
    site.kill_daemon();
    terminal.wait();
    waiting.wait();
    intact(&site, &key);

    site.start_daemon();
    let session = site.last_session();
    assert_eq!((session["state"].as_str(), session["cause"].as_str()), (Some("ended"), Some("interrupted")));
    assert!(session["at_least"].as_bool().unwrap() && session["duration"].is_u64(), "{session}");
    let request = site.json(&["intervention", "show", &pending.to_string()]);
    assert_eq!(request["state"], "withdrawn");
    assert_eq!(site.entries("intervention-withdrawn")[0]["cause"], "restart");
    all_is_closed(&site);

    let frames = site.recording(session["id"].as_str().unwrap());
    let recorded = String::from_utf8_lossy(&output(&frames)).into_owned();
    let shown = terminal.shown();
    let (from, to) = (shown.find("line 1\r\n").unwrap(), shown.rfind("\r\nline ").unwrap());
    assert!(to - from > 200_000);
    assert!(recorded.contains(&shown[from..to]), "everything that was shown is recorded");
    assert_eq!(session["bytes_out"].as_u64().unwrap(), output(&frames).len() as u64);

    // Nothing is resumed: the way in begins at the password.
    let mut again = site.ssh("alice+scanner", &[], &[]);
    again.expect("Password: ");
    again.kill();
    site.stop_daemon();
    intact(&site, &key);
}

/// A moment, and how to get there.
type Moment = (&'static str, fn(&Clocked) -> Terminal);

struct Clocked {
    site: Site,
    at: Timestamp,
}

impl Clocked {
    fn code(&self) -> Answers {
        Answers { code: Some(self.site.technician("alice").code_at(self.at)), ..Answers::default() }
    }

    fn approve(&self, number: u64, code: &str) {
        let claire = self.site.member("claire");
        let number = number.to_string();
        let args = ["intervention", "approve", &number, "--code", code, "--verified", "called", "--as", "claire"];
        let out = self.site.poterne(&args, &format!("{}\n{}\n", claire.password, claire.code_at(self.at)));
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    fn connect(&self) -> Terminal {
        self.site.ssh("alice+scanner", &[], &[])
    }

    fn approved(&self) -> Terminal {
        let mut terminal = self.connect();
        let (number, code) = self.site.walk(&mut terminal, "alice", &self.code());
        self.approve(number, &code);
        terminal
    }

    fn shell(&self) -> Terminal {
        let mut terminal = self.approved();
        terminal.expect("APPROVED until");
        terminal.type_line("echo $((6*7))");
        terminal.expect("42\r\n");
        terminal
    }
}

/// LOG-01: killed eight times in a row, each time at another moment.
#[test]
fn killed_at_any_moment_nothing_stays_open_and_nothing_ends_twice() {
    let at = Timestamp::now();
    let mut it = Clocked { site: Site::with(SiteOptions { clock: Some(at), ..SiteOptions::default() }), at };
    let key = it.site.journal_key();
    let moments: [Moment; 8] = [
        ("at the password", |it| {
            let mut terminal = it.connect();
            terminal.expect("Password: ");
            terminal
        }),
        ("at the notice", |it| {
            let mut terminal = it.connect();
            terminal.expect("Password: ");
            terminal.type_line(&it.site.technician("alice").password);
            terminal.expect("code: ");
            terminal.type_line(&it.code().code.unwrap());
            terminal.expect("YES[^:]*: ");
            terminal
        }),
        ("while waiting", |it| {
            let mut terminal = it.connect();
            it.site.walk(&mut terminal, "alice", &it.code());
            terminal
        }),
        ("right after the approval", Clocked::approved),
        ("in a shell", Clocked::shell),
        ("under output", |it| {
            let mut terminal = it.shell();
            terminal.type_line("yes");
            terminal.expect("(y\r\n){1000}");
            terminal
        }),
        ("while it closes", |it| {
            let mut terminal = it.shell();
            terminal.type_line("exit");
            terminal
        }),
        ("while it is cut", |it| {
            let terminal = it.shell();
            let live = it.site.json(&["session", "list"]);
            it.site.ok(&["session", "cut", live[0]["id"].as_str().unwrap(), "--reason", "test"]);
            terminal
        }),
    ];
    for (moment, reach) in moments {
        eprintln!("{moment}");
        let mut terminal = reach(&it);
        it.site.kill_daemon();
        // At a prompt, ssh does not look at its connection.
        terminal.kill();
        intact(&it.site, &key);
        it.at += Duration::from_secs(61);
        it.site.options.clock = Some(it.at);
        it.site.start_daemon();
        all_is_closed(&it.site);
        it.site.set_clock(it.at);
    }
    // And it works as ever.
    let mut terminal = it.shell();
    terminal.type_line("exit");
    terminal.wait();
    it.site.ended_session();
    all_is_closed(&it.site);
    it.site.stop_daemon();
    intact(&it.site, &key);
}

/// LOG-01, D30: told to stop, it says so to whoever works, and closes each session once.
#[test]
fn stopping_ends_sessions_and_says_why() {
    let mut site = Site::with(SiteOptions { technicians: 2, ..SiteOptions::default() });
    let key = site.journal_key();
    let mut terminal = site.shell("alice");
    terminal.type_line("echo $((6*7))");
    terminal.expect("42\r\n");
    let mut busy = site.script_as("bruno", "exec $SSH -tt yes");
    busy.expect("(y\r\n){1000}");
    site.stop_daemon();
    terminal.expect("Session ended: the bastion is being stopped");
    assert_eq!(terminal.wait().code(), Some(255));
    busy.wait();
    intact(&site, &key);
    site.start_daemon();
    all_is_closed(&site);
    let ended = site.entries("session-ended");
    assert_eq!(ended.len(), 2);
    for end in ended {
        assert_eq!((end["cause"].as_str(), end["at_least"].as_bool()), (Some("stopped"), Some(false)), "{end}");
        let frames = site.recording(end["session"].as_str().unwrap());
        let said = frames.iter().any(|frame| frame.kind == FrameKind::Marker && frame.data.ends_with(b"being stopped"));
        assert!(said, "the last words are in the recording");
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { all.extend(files(&path)) } else { all.push(path) }
    }
    all.sort();
    all
}

/// LOG-02: one changed byte anywhere in the journal is found, and nothing opens over it.
#[test]
fn one_changed_byte_in_the_journal_keeps_it_shut() {
    let mut site = Site::start();
    let key = site.journal_key();
    // More than a full tile, so that every kind of file is there.
    for _ in 0..270 {
        site.json(&["reload"]);
    }
    site.stop_daemon();
    intact(&site, &key);
    let folder = site.state().join("journal");
    let mut tried = 0;
    // The published copy last: the starts that repair it write to the other files.
    let mut all = files(&folder);
    all.sort_by_key(|path| path.ends_with("checkpoint"));
    for path in all {
        let bytes = fs::read(&path).unwrap();
        if bytes.is_empty() {
            continue;
        }
        for at in [bytes.len() / 3, bytes.len() - 1] {
            let name = path.strip_prefix(&folder).unwrap().display();
            let mut altered = fs::read(&path).unwrap();
            altered[at] ^= 1;
            fs::write(&path, &altered).unwrap();
            let report = site.check_journal(&key);
            assert!(!report.findings.is_empty(), "the check finds byte {at} of `{name}`");
            if name.to_string() == "checkpoint" {
                // A copy for whoever fetches it; what counts is in the tail, and a start writes it anew.
                site.start_daemon();
                site.stop_daemon();
                intact(&site, &key);
                continue;
            }
            let said = site.refuses_to_start();
            fs::write(&path, &bytes).unwrap();
            eprintln!("byte {at} of `{name}`: {}", said.trim());
            assert!(said.contains("journal"), "{said}");
            tried += 1;
        }
    }
    assert!(tried >= 10, "{tried} bytes were tried");
    site.start_daemon();
}

/// D17: an older copy of the journal, under a vault that remembers more, opens nothing.
#[test]
fn a_journal_that_was_put_back_keeps_it_shut() {
    let mut site = Site::start();
    site.stop_daemon();
    let (journal, kept) = (site.state().join("journal"), site.folder().join("kept"));
    let copy = |from: &Path, to: &Path| {
        let _ = fs::remove_dir_all(to);
        assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
    };
    copy(&journal, &kept);
    site.start_daemon();
    site.ok(&["technician", "disable", "alice", "--reason", "left the company"]);
    site.stop_daemon();
    copy(&kept, &journal);
    site.start_daemon();
    crate::anchors::is_held(&site, "the vault remembers a signed checkpoint over");
    // Not even a restart in between makes the vault forget.
    site.stop_daemon();
    site.start_daemon();
    crate::anchors::is_held(&site, "the vault remembers");
    assert_eq!(site.entries("rollback-found").len(), 1);
    assert_eq!(site.json(&["technician", "list"])[0]["state"], "disabled", "the stricter holds");
    crate::anchors::accept_and_open(&site);
    site.stop_daemon();
    site.start_daemon();
    site.await_open();
    assert_eq!(site.entries("rollback-found").len(), 1, "what was accepted is not found again");
}
