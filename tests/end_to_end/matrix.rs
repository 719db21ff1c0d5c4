//! Every rule against every kind of channel, from one table (CVE-2023-45140, GHSA-xm63-rjwf-r3g8): what
//! holds for a shell holds for files, tunnels and jumps, and the journal tells why.

use harness::{Answers, Site, SiteOptions, Terminal, eventually};
use std::io::Read as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A kind of channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Shell,
    Exec,
    Sftp,
    ScpUp,
    ScpDown,
    Rsync,
    Forward,
    Jump,
}

const KINDS: [Kind; 8] =
    [Kind::Shell, Kind::Exec, Kind::Sftp, Kind::ScpUp, Kind::ScpDown, Kind::Rsync, Kind::Forward, Kind::Jump];

/// How a client gets to the bastion.
#[derive(Clone, Copy)]
enum Way<'a> {
    /// Over alice's approved connection.
    Master,
    /// By a connection of its own, through the lobby.
    Own(&'a str),
}

/// Where the tunnel leads, and how often somebody came through.
struct Far {
    port: u16,
    came: Arc<AtomicUsize>,
}

impl Far {
    fn start() -> Far {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (port, came) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let counted = came.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                counted.fetch_add(1, Ordering::SeqCst);
                // Stays as long as the other side does.
                std::thread::spawn(move || stream.map(|mut stream| stream.read(&mut [0; 16])));
            }
        });
        Far { port, came }
    }
}

/// A hospital with all rights but some, and what the channels leave behind.
struct Matrix {
    site: Site,
    far: Far,
    source: PathBuf,
}

impl Matrix {
    fn with(rights: &[&'static str], tunnel: bool, options: SiteOptions) -> Matrix {
        let far = Far::start();
        let allow = if tunnel { format!("forward = [\"127.0.0.1:{}\"]", far.port) } else { String::new() };
        let site = Site::with(SiteOptions { rights: rights.to_vec(), allow, ..options });
        let source = site.folder().join("source");
        std::fs::write(&source, vec![7; 4 << 20]).unwrap();
        Matrix { site, far, source }
    }

    fn whole(options: SiteOptions) -> Matrix {
        Self::with(&["shell", "exec", "sftp-read", "sftp-write", "scp-read", "scp-write"], true, options)
    }

    fn mark(&self, kind: Kind, of: &str) -> PathBuf {
        self.site.folder().join(format!("mark-{of}-{kind:?}"))
    }

    /// Options of OpenSSH for this way, as one line.
    fn options(&self, way: Way<'_>) -> String {
        let control = match way {
            Way::Master => format!("-oControlPath={} -oBatchMode=yes", self.site.folder().join("ctl-alice").display()),
            Way::Own(_) => "-oControlPath=none -oBatchMode=no -oPubkeyAuthentication=no".to_owned(),
        };
        format!("-F none -oPort={} -oStrictHostKeyChecking=no -oUserKnownHostsFile=/dev/null {control}", self.site.port)
    }

    /// The shell's line that asks for a channel of this kind. What it does leaves the mark; `long`: it
    /// goes on until it is ended.
    fn line(&self, kind: Kind, way: Way<'_>, mark: &Path, long: bool) -> String {
        let (options, source, mark) = (self.options(way), self.source.display(), mark.display());
        let host = match way {
            Way::Master => "alice+scanner@127.0.0.1".to_owned(),
            Way::Own(login) => format!("{login}+scanner@127.0.0.1"),
        };
        let stay = if long { "; sleep 60" } else { "" };
        let slow = if long { "-l 4000" } else { "" };
        match kind {
            // A shell reads what it is to do; a terminal of its own would be the lobby's.
            Kind::Shell => format!("echo 'touch {mark}{stay}' | ssh -T {options} {host}"),
            Kind::Exec => format!("ssh {options} {host} 'touch {mark}{stay}'"),
            Kind::Sftp => {
                let batch = format!("{mark}.batch");
                std::fs::write(&batch, format!("put {source} {mark}\n")).unwrap();
                format!("sftp {slow} {options} -b {batch} {host}")
            }
            Kind::ScpUp => format!("scp -O {slow} {options} {source} {host}:{mark}"),
            Kind::ScpDown => format!("scp -O {slow} {options} {host}:{source} {mark}"),
            Kind::Rsync => {
                let slow = if long { "--inplace --bwlimit=400" } else { "" };
                format!("rsync {slow} -e 'ssh {options}' {source} {host}:{mark}")
            }
            Kind::Forward => {
                let wait = if long { "sleep 60" } else { "sleep 2" };
                format!("{wait} | ssh {options} -W 127.0.0.1:{} {host}", self.far.port)
            }
            Kind::Jump => format!(
                "ssh -F none -oStrictHostKeyChecking=no -oUserKnownHostsFile=/dev/null -oPreferredAuthentications=none \
                 -oProxyCommand=\"ssh {options} -W scanner:22 {host}\" root@scanner 'touch {mark}{stay}'"
            ),
        }
    }

    fn spawn(&self, kind: Kind, of: &str, long: bool) -> Running {
        let line = self.line(kind, Way::Master, &self.mark(kind, of), long);
        let log = std::fs::File::create(self.site.folder().join(format!("log-{of}-{kind:?}"))).unwrap();
        let mut command = Command::new("setsid");
        command.args(["timeout", "90", "sh", "-c", &line]).stdin(Stdio::null());
        Running(command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap())
    }

    fn reached(&self, kind: Kind, of: &str, came_before: usize) -> bool {
        match kind {
            Kind::Forward => self.far.came.load(Ordering::SeqCst) > came_before,
            _ => self.mark(kind, of).exists(),
        }
    }

    fn said(&self, kind: Kind, of: &str) -> String {
        std::fs::read_to_string(self.site.folder().join(format!("log-{of}-{kind:?}"))).unwrap_or_default()
    }
}

/// A client that goes with the test.
struct Running(Child);

impl Running {
    fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let group = rustix::process::Pid::from_raw(self.0.id().cast_signed()).unwrap();
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        let _ = self.0.wait();
    }
}

/// Promise 2: whatever a client wants to do, the lobby is before it. A wrong factor opens nothing,
/// waiting opens nothing, and with the approval it does what it was started for.
#[test]
fn the_lobby_stands_before_every_channel() {
    let matrix = Matrix::whole(SiteOptions { technicians: 8, approvers: 3, ..SiteOptions::default() });
    let site = &matrix.site;
    site.await_open();
    for (n, kind) in KINDS.into_iter().enumerate() {
        let login = site.technicians[n].login.clone();
        let came = matrix.far.came.load(Ordering::SeqCst);
        let start = |of: &str| {
            let line = matrix.line(kind, Way::Own(&login), &matrix.mark(kind, of), false);
            Terminal::start("sh", &["-c", &format!("cd {}; {line}; echo over-$((6*7))", site.folder().display())])
        };
        let mut wrong = start("wrong");
        wrong.expect("Password: ");
        wrong.type_line("not the password");
        wrong.expect("code: ");
        wrong.type_line("12345x");
        wrong.expect("over-42");
        assert!(!matrix.reached(kind, "wrong", came), "{kind:?}: a wrong factor opened it");

        let mut terminal = start("right");
        let (number, code) = site.walk(&mut terminal, &login, &Answers::default());
        // The channel it wants is not even asked for yet: nothing that could reach the target exists.
        assert!(!matrix.reached(kind, "right", came), "{kind:?}: pending, and it was there");
        assert!(site.entries("session-admitted").len() == n, "{kind:?}: admitted without an approval");
        let approver = format!("marc-{}", n % 3);
        let out = site.approve_as(&approver, number, &code);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        eventually(&format!("{kind:?} does what it was started for: {}", terminal.shown()), || {
            matrix.reached(kind, "right", came)
        });
        terminal.expect("over-42");
        eventually("the session ends", || site.last_session()["state"] == "ended");
    }
    assert_eq!(
        site.entries("factors-refused").len() + site.entries("attempts-refused").len().min(1),
        KINDS.len().min(1)
    );
}

/// NET-04: a channel whose right is missing reaches nothing and is journalled; the others go on.
#[test]
fn a_missing_right_shuts_its_channel_and_no_other() {
    for (rights, open) in [
        (&["sftp-read", "sftp-write"][..], &[Kind::Sftp][..]),
        (&["shell", "exec"], &[Kind::Shell, Kind::Exec, Kind::Jump]),
        (&["shell", "scp-read"], &[Kind::Shell, Kind::ScpDown]),
        (&["sftp-read", "scp-write"], &[Kind::ScpUp, Kind::Rsync]),
    ] {
        let matrix = Matrix::with(rights, false, SiteOptions::default());
        let _master = matrix.site.master("alice");
        let mut running: Vec<_> = KINDS.iter().map(|kind| (*kind, matrix.spawn(*kind, "one", false))).collect();
        for (kind, one) in &mut running {
            eventually(&format!("{kind:?} ends: {}", matrix.said(*kind, "one")), || one.has_ended());
            assert_eq!(
                matrix.reached(*kind, "one", 0),
                open.contains(kind),
                "{kind:?} with {rights:?}: {}",
                matrix.said(*kind, "one")
            );
        }
        let refused: Vec<String> =
            matrix.site.entries("channel-refused").iter().map(|one| one["why"].as_str().unwrap().to_owned()).collect();
        assert!(refused.iter().any(|why| why.contains("not granted") || why.contains("sftp-write")), "{refused:?}");
    }
}

/// D26: while a session is frozen no request of any kind reaches the target; let go on, all of them do.
#[test]
fn frozen_holds_every_channel() {
    let matrix = Matrix::whole(SiteOptions::default());
    let site = &matrix.site;
    let _master = site.master("alice");
    let session = site.last_session()["id"].as_str().unwrap().to_owned();
    site.ok(&["session", "freeze", &session, "--reason", "wait"]);
    eventually("it is frozen", || site.last_session()["state"] == "frozen");
    let mut running: Vec<_> = KINDS.iter().map(|kind| (*kind, matrix.spawn(*kind, "held", false))).collect();
    // Nothing to wait for but time: what is held gives no sign.
    std::thread::sleep(Duration::from_secs(3));
    for kind in KINDS.into_iter().filter(|kind| *kind != Kind::ScpDown) {
        assert!(!matrix.reached(kind, "held", 0), "{kind:?} moved while frozen");
    }
    assert!(
        std::fs::read(matrix.mark(Kind::ScpDown, "held")).is_ok_and(|got| got.is_empty())
            || !matrix.mark(Kind::ScpDown, "held").exists()
    );
    let claire = site.member("claire");
    let secrets = format!("{}\n{}\n", claire.password, claire.fresh_code());
    let out = site.poterne(&["session", "resume", &session, "--as", "claire"], &secrets);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    for (kind, one) in &mut running {
        eventually(&format!("{kind:?} goes on: {}", matrix.said(*kind, "held")), || matrix.reached(*kind, "held", 0));
        eventually(&format!("{kind:?} ends"), || one.has_ended());
    }
}

/// What ends a session.
#[derive(Debug, Clone, Copy)]
enum End {
    Hours,
    Contract,
    Disabled,
    Withdrawn,
    RightLost,
    Cut,
}

/// Promise 5: whatever ends a right ends each channel within a second, and the journal says why.
fn ends_every_channel(end: End, cause: &str) {
    let matrix = Matrix::whole(SiteOptions::default());
    let site = &matrix.site;
    let _master = site.master("alice");
    let mut running: Vec<_> = KINDS.iter().map(|kind| (*kind, matrix.spawn(*kind, "long", true))).collect();
    for kind in KINDS {
        eventually(&format!("{kind:?} runs: {}", matrix.said(kind, "long")), || matrix.reached(kind, "long", 0));
    }
    let rewrite = |from: &str, to: &str| {
        let text = std::fs::read_to_string(&site.config).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(&site.config, text.replace(from, to)).unwrap();
        site.sign_in("nadia");
        site.ok(&["reload"]);
    };
    let session = site.last_session()["id"].as_str().unwrap().to_owned();
    match end {
        End::Hours => rewrite("[{ days = \"mon-sun\", from = \"00:00\", to = \"24:00\" }]", CLOSED_NOW.as_str()),
        End::Contract => rewrite("until = \"2037-12-31\"", "until = \"2020-12-31\""),
        End::Withdrawn => rewrite("targets = [\"scanner\"]", "targets = [\"other\"]"),
        End::RightLost => rewrite("\"scp-read\", ", ""),
        End::Disabled => drop(site.ok(&["technician", "disable", "alice", "--reason", "left the company"])),
        End::Cut => drop(site.ok(&["session", "cut", &session, "--reason", "enough"])),
    }
    let began = Instant::now();
    eventually("the session ends", || site.last_session()["state"] == "ended");
    for (kind, one) in &mut running {
        eventually(&format!("{kind:?} ends: {}", matrix.said(*kind, "long")), || one.has_ended());
    }
    // Promise 5 is a second; looking at it through clients on a busy machine takes some more.
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(site.last_session()["cause"], cause, "{end:?}");
    // And nothing comes in behind it by the old connection.
    let came = matrix.far.came.load(Ordering::SeqCst);
    let mut late: Vec<_> = KINDS.iter().map(|kind| (*kind, matrix.spawn(*kind, "late", false))).collect();
    for (kind, one) in &mut late {
        eventually(&format!("{kind:?} gives up"), || one.has_ended());
        assert!(!matrix.reached(*kind, "late", came), "{kind:?} after {end:?}");
    }
    let opened = site.entries("channel-opened");
    assert!(opened.len() >= KINDS.len(), "{opened:?}");
    assert_eq!(site.entries("session-ended").len(), 1);
}

/// Hours of the one weekday that is neither today nor tomorrow, in any zone.
static CLOSED_NOW: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
    let day = jiff::Zoned::now().with_time_zone(jiff::tz::TimeZone::UTC).date().saturating_add(jiff::ToSpan::days(3));
    let name = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        [usize::from(day.weekday().to_monday_zero_offset().unsigned_abs())];
    format!("[{{ days = \"{name}\", from = \"08:00\", to = \"18:00\" }}]")
});

#[test]
fn the_end_of_the_hours_ends_every_channel() {
    ends_every_channel(End::Hours, "hours-over");
}

#[test]
fn the_end_of_the_contract_ends_every_channel() {
    ends_every_channel(End::Contract, "contract-over");
}

#[test]
fn a_disabled_account_ends_every_channel() {
    ends_every_channel(End::Disabled, "disabled");
}

#[test]
fn a_withdrawn_target_ends_every_channel() {
    ends_every_channel(End::Withdrawn, "policy-changed");
}

#[test]
fn a_right_that_is_lost_ends_the_session_that_uses_it() {
    ends_every_channel(End::RightLost, "policy-changed");
}

#[test]
fn a_cut_ends_every_channel() {
    ends_every_channel(End::Cut, "cut");
}
