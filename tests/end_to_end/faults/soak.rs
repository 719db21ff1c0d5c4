//! A soak under mixed load: shells, commands, files both ways, a watcher, refusals, reloads, one after the other and
//! side by side, with the memory and the open files of the daemon looked at every second.
//!
//! `POTERNE_SOAK` says how many seconds; `POTERNE_SOAK_CSV` where the samples go, for `tests/bench/curve.py` to draw.

use harness::{Answers, Site, SiteOptions, Terminal, eventually, program};
use jiff::Timestamp;
use std::fs;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// What a look at the daemon found.
#[derive(Debug, Clone, Copy)]
struct Sample {
    seconds: u64,
    resident: u64,
    files: u64,
    sessions: u64,
}

fn sample(pid: u32, since: Instant, sessions: u64) -> Sample {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count() as u64;
    let resident = resident.trim().trim_end_matches(" kB").parse().unwrap();
    Sample { seconds: since.elapsed().as_secs(), resident, files, sessions }
}

/// The middle one of what these samples say.
fn median(samples: &[Sample], of: impl Fn(&Sample) -> u64) -> u64 {
    let mut all: Vec<u64> = samples.iter().map(of).collect();
    all.sort_unstable();
    all[all.len() / 2]
}

/// Ends the looking also where a step failed.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

struct Soak {
    site: Site,
    at: Mutex<Timestamp>,
}

impl Soak {
    fn passes(&self) -> Timestamp {
        let mut at = self.at.lock().unwrap();
        *at += Duration::from_secs(61);
        self.site.set_clock(*at);
        *at
    }

    /// The client may be gone before the intervention of its last step is closed, which the next one waits for.
    fn is_free(&self, login: &str) -> bool {
        let open = self.site.json(&["intervention", "list"]);
        !open.as_array().unwrap().iter().any(|one| one["technician"] == login)
    }

    fn approved(&self, terminal: &mut Terminal, login: &str, approver: &str, at: Timestamp) {
        let code = Some(self.site.technician(login).code_at(at));
        let (number, code) = self.site.walk(terminal, login, &Answers { code, ..Answers::default() });
        let (staff, number) = (self.site.member(approver), number.to_string());
        let args = ["intervention", "approve", &number, "--code", &code, "--verified", "called", "--as", approver];
        let out = self.site.poterne(&args, &format!("{}\n{}\n", staff.password, staff.code_at(at)));
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    fn run(&self, login: &str, approver: &str, line: &str) {
        let ssh = self.site.ssh_options().join(" ");
        let scp = ssh.replacen("-p ", "-P ", 1);
        let file = self.site.folder().join("file");
        let line = line
            .replace("{ssh}", &format!("ssh {ssh} {login}+scanner@127.0.0.1"))
            .replace("{options}", &scp)
            .replace("{who}", &format!("{login}+scanner@127.0.0.1"))
            .replace("{file}", &file.display().to_string());
        eventually("the last step is over", || self.is_free(login));
        let at = self.passes();
        let mut terminal = Terminal::start("sh", &["-c", &line]);
        self.approved(&mut terminal, login, approver, at);
        assert_eq!(terminal.wait().code(), Some(0), "{line}: {}", terminal.shown());
    }

    /// A wrong password beside a right code: refused, and counted against nobody for long.
    fn refused(&self, n: u64) {
        let at = self.passes();
        let mut terminal = self.site.ssh(&format!("nobody{n}+scanner"), &[], &[]);
        terminal.expect("Password: ");
        terminal.type_line("not the password");
        terminal.expect("code: ");
        terminal.type_line(&self.site.technician("alice").code_at(at));
        assert_eq!(terminal.wait().code(), Some(255));
    }

    /// A shell that somebody watches.
    fn watched(&self) -> (Terminal, Terminal) {
        eventually("the last shell is over", || self.is_free("bruno"));
        let at = self.passes();
        let mut shell = self.site.ssh("bruno+scanner", &[], &[]);
        self.approved(&mut shell, "bruno", "paul", at);
        shell.expect("APPROVED until");
        // A loop that a Ctrl-C between two commands would not end.
        shell.type_line("while :; do read -t 0.2 word; [ \"$word\" = end ] && exit; date; done");
        shell.expect("20[0-9][0-9]");
        let id = self.site.last_session()["id"].as_str().unwrap().to_owned();
        let (config, claire) = (self.site.config.display().to_string(), self.site.member("claire"));
        let poterne = program("poterne-under-test").display().to_string();
        let at = self.passes();
        let mut watcher = Terminal::start(&poterne, &["--config", &config, "session", "watch", &id, "--as", "claire"]);
        watcher.expect("password: ");
        watcher.type_line(&claire.password);
        watcher.expect("code: ");
        watcher.type_line(&claire.code_at(at));
        watcher.expect("DIRECT|LIVE");
        (shell, watcher)
    }
}

/// HRD-12: neither memory nor open files grow with time.
#[test]
fn memory_and_open_files_stay_flat_under_mixed_load() {
    let seconds = std::env::var("POTERNE_SOAK").map_or(25, |text| text.parse().unwrap());
    let at = Timestamp::now();
    let rights = vec!["shell", "exec", "sftp-read", "sftp-write", "scp-read", "scp-write"];
    let options = SiteOptions { rights, technicians: 2, clock: Some(at), ..SiteOptions::default() };
    let soak = Soak { site: Site::with(options), at: Mutex::new(at) };
    let content: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
    fs::write(soak.site.folder().join("file"), content).unwrap();
    let (over, sessions) = (AtomicBool::new(false), AtomicU64::new(0));
    let (pid, since) = (soak.site.daemon_pid(), Instant::now());
    let samples = std::thread::scope(|scope| {
        let looking = scope.spawn(|| {
            let mut samples = Vec::new();
            // A line at a time, so that a run that is broken off has told what it saw.
            let mut told = std::env::var_os("POTERNE_SOAK_CSV").map(|path| fs::File::create(path).unwrap());
            told.iter_mut().for_each(|file| writeln!(file, "seconds,resident_kib,open_files,steps").unwrap());
            while !over.load(Ordering::Acquire) {
                let one = sample(pid, since, sessions.load(Ordering::Acquire));
                if let Some(file) = &mut told {
                    writeln!(file, "{},{},{},{}", one.seconds, one.resident, one.files, one.sessions).unwrap();
                }
                samples.push(one);
                // One sample a second.
                std::thread::sleep(Duration::from_secs(1));
            }
            samples
        });
        let ending = Over(&over);
        let mut watched = None;
        let mut n = 0;
        while since.elapsed().as_secs() < seconds {
            match n % 7 {
                0 => watched = Some(soak.watched()),
                1 => soak.run("alice", "claire", "{ssh} 'head -c 3000000 /dev/zero | base64' > /dev/null"),
                2 => soak.run("alice", "claire", "scp {options} {file} {who}:{file}.up"),
                3 => soak.run("alice", "claire", "echo get {file} {file}.down | sftp {options} {who}"),
                4 => soak.run("alice", "claire", "{ssh} -tt 'seq 1 20000; exit'"),
                5 => soak.refused(n),
                _ => {
                    soak.site.ok(&["reload"]);
                    if let Some((mut shell, mut watcher)) = watched.take() {
                        watcher.type_raw(b"q");
                        watcher.wait();
                        // A line that comes at the very moment at which bash's `read` gives up is lost.
                        for _ in 0..10 {
                            shell.type_line("end");
                            if shell.expect_within("closed", Duration::from_secs(2)).is_ok() {
                                break;
                            }
                        }
                        shell.wait();
                    }
                }
            }
            n += 1;
            sessions.store(n, Ordering::Release);
        }
        drop(watched);
        drop(ending);
        looking.join().unwrap()
    });
    let quarter = samples.len() / 4;
    let (early, late) = (&samples[quarter..quarter * 2], &samples[samples.len() - quarter..]);
    let (resident, files) =
        (|of: &[Sample]| median(of, |one| one.resident), |of: &[Sample]| median(of, |one| one.files));
    eprintln!(
        "{} s, {} steps: resident {} KiB in the second quarter, {} KiB in the last; open files {} and {}",
        since.elapsed().as_secs(),
        sessions.load(Ordering::Acquire),
        resident(early),
        resident(late),
        files(early),
        files(late),
    );
    // What one session takes for a while must not be taken for growth in a short run.
    assert!(resident(late) <= resident(early) * 5 / 4 + (16 << 10), "{} then {}", resident(early), resident(late));
    assert!(files(late) <= files(early) + 8, "{} then {}", files(early), files(late));
}
