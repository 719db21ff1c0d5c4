//! `kill -9` at random moments, under the load of real clients, round after round: with output, files in both
//! directions, requests that wait, and starts that are themselves killed (LOG-01, REC-06, APR-10).
//!
//! After each round the journal verifies, every session is closed exactly once, every recording can be read
//! up to the last byte that was shown, and nothing was admitted without its approval.
//!
//! `POTERNE_KILLS` says how many rounds; where `POTERNE_KILLS_TALLY` names a file, each round is a line of it,
//! and another run goes on where the last one ended. `tests/long` asks for a thousand.

use super::killed::{all_is_closed, intact, output};
use harness::{Site, SiteOptions, Terminal};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Rounds on one site; its journal is to stay one that can be copied and read each time.
const BATCH: usize = 25;
/// The latest moment, after the clients were started. Some are by then in the middle of what they do.
const LATEST: u64 = 5_000;
/// So many starts of a hundred are killed too.
const STARTS: u64 = 30;

/// What a technician does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Output,
    Upload,
    Download,
    Copy,
    Wait,
}

const WORK: [Work; 5] = [Work::Output, Work::Upload, Work::Download, Work::Copy, Work::Wait];

/// How far a client got before the kill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reached {
    Lobby,
    Waiting,
    Approved,
    Working,
}

/// Where the dice stand: each round can be had again by its number.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, below: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }
}

struct Round<'a> {
    site: &'a Site,
    at: Timestamp,
    killed: &'a AtomicBool,
}

impl Round<'_> {
    /// Waits in small pieces: at a prompt, ssh does not see that its connection is gone.
    fn sees(&self, terminal: &mut Terminal, pattern: &str) -> Option<Vec<String>> {
        let until = Instant::now() + harness::PATIENCE;
        while Instant::now() < until && !self.killed.load(Ordering::Acquire) {
            match terminal.expect_within(pattern, Duration::from_millis(200)) {
                Ok(groups) => return Some(groups),
                Err(_) if terminal.has_ended() => return None,
                Err(_) => {}
            }
        }
        None
    }

    fn answers(&self, terminal: &mut Terminal, prompt: &str, answer: &str) -> Option<()> {
        self.sees(terminal, prompt)?;
        terminal.type_line(answer);
        Some(())
    }

    /// The number of the request that this technician has sent.
    fn number(&self, login: &str) -> Option<u64> {
        while !self.killed.load(Ordering::Acquire) {
            let listed = self.site.poterne(&["intervention", "list", "--json"], "");
            let all: Value = serde_json::from_slice(&listed.stdout).ok()?;
            let own = |one: &&Value| one["technician"] == login && one["state"] == "requested";
            if let Some(number) = all.as_array()?.iter().rfind(own).and_then(|one| one["number"].as_u64()) {
                return Some(number);
            }
        }
        None
    }

    fn go(&self, terminal: &mut Terminal, login: &str, approver: &str, work: Work) -> Reached {
        let mut reached = Reached::Lobby;
        let _ = self.steps(terminal, login, approver, work, &mut reached);
        reached
    }

    fn steps(
        &self,
        terminal: &mut Terminal,
        login: &str,
        approver: &str,
        work: Work,
        reached: &mut Reached,
    ) -> Option<()> {
        let person = self.site.technician(login);
        self.answers(terminal, "Password: ", &person.password)?;
        self.answers(terminal, "code: ", &person.code_at(self.at))?;
        self.answers(terminal, "YES[^:]*: ", "YES")?;
        self.answers(terminal, "Reason[^:]*: ", "PACS disk full")?;
        self.answers(terminal, "Ticket[^:]*: ", "CHG-1")?;
        let code = self.sees(terminal, r"Code ([A-Z0-9]{4})\. Press Enter to send: ")?.remove(0);
        terminal.type_line("");
        self.sees(terminal, "Ctrl-C gives up")?;
        *reached = Reached::Waiting;
        if work == Work::Wait {
            return None;
        }
        let number = self.number(login)?.to_string();
        let staff = self.site.member(approver);
        let args = ["intervention", "approve", &number, "--code", &code, "--verified", "called", "--as", approver];
        let out = self.site.poterne(&args, &format!("{}\n{}\n", staff.password, staff.code_at(self.at)));
        let in_time = out.status.success() || self.killed.load(Ordering::Acquire);
        assert!(in_time, "{}", String::from_utf8_lossy(&out.stderr));
        *reached = Reached::Approved;
        self.sees(terminal, "APPROVED until")?;
        *reached = Reached::Working;
        // At work until the kill; the thread has nothing to wait for but that.
        while !self.killed.load(Ordering::Acquire) && !terminal.has_ended() {
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(())
    }

    fn start(&self, login: &str, work: Work) -> Terminal {
        let folder = self.site.folder();
        let ssh = self.site.ssh_options().join(" ");
        let scp = ssh.replacen("-p ", "-P ", 1);
        let (who, file) = (format!("{login}+scanner@127.0.0.1"), format!("{}/{login}.bin", folder.display()));
        let line = match work {
            Work::Output | Work::Wait => {
                format!("exec ssh -tt {ssh} {who} 'i=0; while :; do i=$((i+1)); echo line $i; done'")
            }
            Work::Upload => format!("while cat {file}; do :; done | ssh {ssh} {who} 'cat > {file}.up'"),
            Work::Download => format!("ssh {ssh} {who} 'while cat {file}; do :; done' > /dev/null"),
            Work::Copy => format!("exec scp {scp} {file} {who}:{file}.copy"),
        };
        Terminal::start("sh", &["-c".to_owned(), line])
    }
}

/// A site with what all rounds need.
fn site(at: Timestamp) -> Site {
    let rights = vec!["shell", "exec", "sftp-read", "sftp-write", "scp-read", "scp-write"];
    let site =
        Site::with(SiteOptions { rights, technicians: 3, approvers: 1, clock: Some(at), ..SiteOptions::default() });
    for person in &site.technicians {
        let content: Vec<u8> = (0..20_000_000_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
        fs::write(site.folder().join(format!("{}.bin", person.login)), content).unwrap();
    }
    site
}

/// Every admission has the approval of its intervention before it.
fn admitted_only_when_approved(entries: &[(String, Value)]) {
    let mut approved = BTreeSet::new();
    for (kind, body) in entries {
        match kind.as_str() {
            "intervention-approved" => drop(approved.insert(body["number"].as_u64().unwrap())),
            "session-admitted" => {
                assert!(approved.contains(&body["number"].as_u64().unwrap()), "admitted without approval: {body}");
            }
            _ => {}
        }
    }
}

/// What stands on the screen from the first counted line to the last whole one.
fn counted(shown: &str) -> Option<&str> {
    let from = shown.find("line 1\r\n")?;
    let to = shown.rfind("\r\nline ")?;
    shown.get(from..to)
}

/// What is signed verifies, however it was left. A file that was to take another's place may lie beside it until
/// the next start: that one the verifier names, since it belongs to no log.
fn verifies(site: &Site, key: &journal::VerifierKey) {
    let report = site.check_journal(key);
    let said = report.findings.iter().map(|finding| format!("{finding:?}"));
    let left: Vec<String> = said.filter(|said| !said.contains(".new` is no file of the log")).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// One round; gives the line of the tally.
fn round(site: &mut Site, n: usize, at: Timestamp, key: &journal::VerifierKey) -> String {
    let mut dice = Dice(n as u64);
    let known: BTreeSet<String> =
        site.entries("session-admitted").iter().map(|body| body["session"].to_string()).collect();
    let works: Vec<Work> = (0..3).map(|_| WORK[dice.throw(5) as usize]).collect();
    let moment = Duration::from_millis(100 + dice.throw(LATEST));
    site.set_clock(at);
    site.await_open();
    let killed = AtomicBool::new(false);
    let pid = rustix::process::Pid::from_raw(site.daemon_pid().cast_signed()).unwrap();
    let running = &Round { site: &*site, at, killed: &killed };
    let mut ends: Vec<(Terminal, Reached)> = std::thread::scope(|scope| {
        let clients: Vec<_> = ["alice", "bruno", "chloe"]
            .into_iter()
            .zip(["claire", "paul", "marc-0"])
            .zip(&works)
            .map(|((login, approver), work)| {
                scope.spawn(move || {
                    let mut terminal = running.start(login, *work);
                    let reached = running.go(&mut terminal, login, approver, *work);
                    (terminal, reached)
                })
            })
            .collect();
        // The moment is what is tried here.
        std::thread::sleep(moment);
        killed.store(true, Ordering::Release);
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        clients.into_iter().map(|client| client.join().unwrap()).collect()
    });
    site.kill_daemon();
    ends.iter_mut().for_each(|(terminal, _)| terminal.kill());
    verifies(site, key);
    // A start has much to write down; it is killed in the middle of that too.
    site.options.clock = Some(at);
    let mut starts = 0;
    while starts < 3 && dice.throw(100) < STARTS {
        starts += 1;
        site.spawn_daemon();
        // Again a moment.
        std::thread::sleep(Duration::from_millis(dice.throw(600)));
        site.kill_daemon();
        verifies(site, key);
    }
    site.start_daemon();
    all_is_closed(site);
    let entries = site.journal();
    admitted_only_when_approved(&entries);
    // One that was killed between its entry and its recording has none, and says so; nothing is missing of any.
    let sealed = entries.iter().filter(|(kind, _)| kind == "recording-sealed");
    sealed.for_each(|(_, body)| assert_eq!(body["missing"], 0, "round {n}: {body}"));
    let (mut sessions, mut compared) = (0, 0);
    for (kind, body) in &entries {
        if kind != "session-admitted" || known.contains(&body["session"].to_string()) {
            continue;
        }
        sessions += 1;
        let id = body["session"].as_str().unwrap();
        let end = entries.iter().find(|(kind, end)| kind == "session-ended" && end["session"] == id).unwrap();
        let recorded = String::from_utf8_lossy(&output(&site.recording(id))).into_owned();
        let login = end.1["technician"].as_str().unwrap();
        let place = ["alice", "bruno", "chloe"].iter().position(|one| *one == login).unwrap();
        if works[place] == Work::Output
            && let Some(lines) = counted(&ends[place].0.shown())
        {
            assert!(recorded.contains(lines), "round {n}: all that {login} saw is recorded");
            compared += lines.len();
        }
    }
    let reached: Vec<String> = ends.iter().zip(&works).map(|((_, one), work)| format!("{work:?}:{one:?}")).collect();
    format!("{n},{},{},{starts},{sessions},{compared}", moment.as_millis(), reached.join("+"))
}

#[test]
fn killed_at_random_moments_under_load() {
    let wanted = std::env::var("POTERNE_KILLS").map_or(20, |count| count.parse().unwrap());
    let tally = std::env::var_os("POTERNE_KILLS_TALLY").map(PathBuf::from);
    let before = tally.as_ref().and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    let mut lines: Vec<String> = before.lines().map(str::to_owned).collect();
    while lines.len() < wanted {
        let mut at = Timestamp::now();
        let mut site = site(at);
        let key = site.journal_key();
        for _ in 0..BATCH.min(wanted - lines.len()) {
            at += Duration::from_secs(61);
            let line = round(&mut site, lines.len() + 1, at, &key);
            if let Some(path) = &tally {
                let mut file = fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
                writeln!(file, "{line}").unwrap();
            }
            eprintln!("{line}");
            lines.push(line);
        }
        site.stop_daemon();
        intact(&site, &key);
    }
    eprintln!("{}", summary(&lines));
}

fn summary(lines: &[String]) -> String {
    let sum = |n: usize| lines.iter().filter_map(|line| line.split(',').nth(n)?.parse::<u64>().ok()).sum::<u64>();
    let clients = |reached: &str| lines.iter().map(|line| line.matches(reached).count()).sum::<usize>();
    format!(
        "{} rounds of kill -9, and {} starts killed besides: of {} clients {} were in the lobby, {} waited, {} were \
         approved and coming in, {} were at work; {} sessions, each closed once; {} KiB of screens found in recordings",
        lines.len(),
        sum(3),
        lines.len() * 3,
        clients(":Lobby"),
        clients(":Waiting"),
        clients(":Approved"),
        clients(":Working"),
        sum(4),
        sum(5) >> 10,
    )
}
