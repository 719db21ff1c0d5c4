//! A lab of peers that mean harm: clients and targets written by hand (`lab/*.py`), and beside them the
//! people whom nothing of it may concern: a technician who goes on typing, staff who sign in.

use crate::clients::python;
use crate::console::client::Console;
use crate::raw::keygen;
use harness::{Answers, Person, Site, SiteOptions, Terminal, eventually, free_port};
use serde_json::Value;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What the program may ever take in the lab, in KiB. At rest a debug build takes some 70 MiB of it,
/// 38 of which are for judging two passwords at once.
pub(crate) const CEILING: u64 = 192 << 10;
/// Between two keystrokes of the bystander.
const BETWEEN_KEYS: Duration = Duration::from_millis(100);
/// Between two sign-ins: each takes a code, and nobody has more than three a minute.
const BETWEEN_SIGN_INS: Duration = Duration::from_secs(2);

/// The largest that the program has been, in KiB.
pub(crate) fn peak(site: &Site) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", site.daemon_pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What the others felt of an attack: the slowest of each, and how many there were.
#[derive(Debug)]
pub(crate) struct Felt {
    pub(crate) keystroke: Duration,
    pub(crate) keys: u32,
    pub(crate) sign_in: Duration,
    pub(crate) sign_ins: u32,
}

/// A hospital under attack: bruno works on the scanner, staff sign in to the console.
pub(crate) struct Lab {
    pub(crate) site: Site,
    console: Console,
    bruno: Terminal,
    session: String,
    signed_in: usize,
}

impl Lab {
    /// With these technicians besides, and more lines of configuration.
    pub(crate) fn open(options: SiteOptions) -> Lab {
        let port = free_port();
        let more = format!("{}\n[console]\nlisten = \"127.0.0.1:{port}\"\n", options.more);
        let site = Site::with(SiteOptions { technicians: options.technicians.max(2), more, ..options });
        let bruno = site.shell("bruno");
        let session = site.last_session()["id"].as_str().unwrap().to_owned();
        Lab { site, console: Console::of(port), bruno, session, signed_in: 0 }
    }

    /// Attacks, and sees what the others felt meanwhile. A hundred keystrokes a second would hide an
    /// answer that takes long; ten show it.
    pub(crate) fn under<T>(&mut self, attack: impl FnOnce(&Site) -> T) -> (T, Felt) {
        let mut felt = Felt { keystroke: Duration::ZERO, keys: 0, sign_in: Duration::ZERO, sign_ins: 0 };
        let over = AtomicBool::new(false);
        let (site, console, bruno) = (&self.site, &self.console, &mut self.bruno);
        let first = self.signed_in;
        let outcome = std::thread::scope(|scope| {
            let typing = scope.spawn(|| type_until(&over, bruno));
            let signing = scope.spawn(|| sign_in_until(&over, console, &site.staff, first));
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| attack(site)));
            over.store(true, Ordering::Release);
            (felt.keystroke, felt.keys) = typing.join().unwrap();
            (felt.sign_in, felt.sign_ins) = signing.join().unwrap();
            outcome
        });
        self.signed_in += felt.sign_ins as usize;
        let outcome = outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        println!("{felt:?}, {} KiB at most", peak(&self.site));
        (outcome, felt)
    }

    /// Nobody felt it but whoever attacked. The bounds are those of a machine with two cores that has other
    /// work; what was measured stands in docs/performance.md.
    pub(crate) fn unharmed(&self, felt: &Felt) {
        assert!(felt.keys > 0 && felt.sign_ins > 0, "{felt:?}");
        assert!(felt.keystroke < Duration::from_secs(5) && felt.sign_in < Duration::from_secs(5), "{felt:?}");
        assert!(peak(&self.site) < CEILING, "{} KiB", peak(&self.site));
        assert_eq!(self.site.json(&["session", "show", &self.session])["state"], "live");
        assert!(!self.site.log().contains("panicked"), "{}", self.site.log());
    }
}

/// Types, and waits for what comes of it each time.
fn type_until(over: &AtomicBool, terminal: &mut Terminal) -> (Duration, u32) {
    let (mut slowest, mut count) = (Duration::ZERO, 0);
    while !over.load(Ordering::Acquire) || count == 0 {
        let number = 1_000_000 + count;
        let began = Instant::now();
        terminal.type_line(&format!("echo $(({number}+1))"));
        terminal.expect(&format!("{}\\r\\n", number + 1));
        slowest = slowest.max(began.elapsed());
        count += 1;
        std::thread::sleep(BETWEEN_KEYS);
    }
    (slowest, count)
}

/// Signs one after the other in to the console, two for each who has codes.
fn sign_in_until(over: &AtomicBool, console: &Console, staff: &[Person], first: usize) -> (Duration, u32) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut slowest, mut count) = (Duration::ZERO, 0);
    let mut due = Instant::now();
    while !over.load(Ordering::Acquire) || count == 0 {
        if Instant::now() >= due {
            let person = &staff[(first + count as usize) % staff.len()];
            let code = person.fresh_code();
            let began = Instant::now();
            runtime.block_on(console.sign_in_by(person, &code, ""));
            slowest = slowest.max(began.elapsed());
            count += 1;
            due = Instant::now() + BETWEEN_SIGN_INS;
        }
        // The end has no event of its own here; nobody waits for this.
        std::thread::sleep(Duration::from_millis(20));
    }
    (slowest, count)
}

/// The command line of one of the lab's programs.
fn line(program: &str, args: &[String]) -> Command {
    let line = python(&format!("lab/{program}"));
    let mut command = Command::new(&line[0]);
    command.args(&line[1..]).args(args);
    command
}

/// Runs a scenario of `lab/door.py` to its end.
pub(crate) fn door(site: &Site, scenario: &str, args: &[&str]) -> Value {
    let args = [scenario, &site.port.to_string()].iter().chain(args).map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
    let out = line("door.py", &args).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout);
    serde_json::from_str(&said).unwrap_or_else(|_| panic!("{scenario}: {said}{}", String::from_utf8_lossy(&out.stderr)))
}

/// The same where the scenario waits for something: tell it to go on by a line.
pub(crate) fn door_in_terminal(site: &Site, scenario: &str, args: &[&str]) -> Terminal {
    let mut line = python("lab/door.py");
    line.extend([scenario, &site.port.to_string()].iter().chain(args).map(|arg| (*arg).to_owned()));
    Terminal::start(&line[0], &line[1..])
}

/// A target that means harm. Its manner can be changed while it runs, for connections that come after.
pub(crate) struct Target {
    child: Child,
    manner: PathBuf,
    said: PathBuf,
}

impl Target {
    /// At this port, with the host key and the authorised keys of this folder.
    pub(crate) fn start(folder: &Path, port: u16, manner: &str) -> Target {
        let (chosen, said) = (folder.join("manner"), folder.join("said"));
        std::fs::write(&said, "").unwrap();
        std::fs::write(&chosen, manner).unwrap();
        let file = |name: &str| folder.join(name).display().to_string();
        let args = [port.to_string(), file("host"), file("authorized_keys"), file("said"), file("manner")];
        let child = line("target.py", &args).stdin(Stdio::null()).spawn().unwrap();
        eventually("the target listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Target { child, manner: chosen, said }
    }

    /// In the place of a site's own target, with its keys.
    pub(crate) fn instead(manner: &str, options: SiteOptions) -> (Site, Target) {
        let port = free_port();
        let site = Site::with(SiteOptions { elsewhere: Some(port), ..options });
        let target = Target::start(&site.folder().join("sshd"), port, manner);
        (site, target)
    }

    /// From the next connection on.
    pub(crate) fn behave(&self, manner: &str) {
        let _ = std::fs::remove_file(self.signed());
        std::fs::write(&self.said, "").unwrap();
        std::fs::write(&self.manner, manner).unwrap();
    }

    /// There once somebody has signed in to it.
    pub(crate) fn signed(&self) -> PathBuf {
        self.said.with_file_name("said-signed")
    }

    /// What it has seen or done.
    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(&self.said).unwrap()
    }

    /// How many it has sent, once it gets no further.
    pub(crate) fn stuck_at(&self) -> u64 {
        let mut before = 0;
        loop {
            // Nothing tells that nothing happens any more but time.
            std::thread::sleep(Duration::from_secs(2));
            match self.said().parse().unwrap_or(0) {
                0 => {}
                same if same == before => return same,
                more => before = more,
            }
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A second target beside the site's own, `odd`, which means harm; and alice's connection to it, over which
/// each command is a connection to the target of its own.
pub(crate) struct Odd {
    pub(crate) target: Target,
    control: PathBuf,
    folder: tempfile::TempDir,
    _master: Option<Terminal>,
}

impl Odd {
    /// Options of a site that has it, with more lines for it; and what [`Odd::connect`] needs.
    pub(crate) fn beside(options: SiteOptions, target: &str) -> (SiteOptions, Odd) {
        let folder = tempfile::Builder::new().prefix("poterne-odd-").tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        keygen(&file("host").display().to_string());
        keygen(&file("opens").display().to_string());
        std::fs::copy(file("opens.pub"), file("authorized_keys")).unwrap();
        let host_key = std::fs::read_to_string(file("host.pub")).unwrap();
        let host_key = host_key.split(' ').take(2).collect::<Vec<_>>().join(" ");
        let port = free_port();
        let more = format!(
            "[[vendor.imagix.allow]]\ntargets = [\"odd\"]\nrights = [\"shell\", \"exec\", \"sftp-read\"]\n\
             approval = {{ quorum = 1, per = \"session\" }}\nlongest = \"8h\"\n\n\
             [target.odd]\nname = \"Odd\"\naddress = \"127.0.0.1:{port}\"\nhost-key = \"{host_key}\"\naccount = \"root\"\n\
             approvers = [\"radiologie\"]\nsupervision = \"none\"\n{target}\n{}",
            options.more
        );
        let target = Target::start(folder.path(), port, "honest");
        let control = folder.path().join("ctl");
        (SiteOptions { more, ..options }, Odd { target, control, folder, _master: None })
    }

    /// Stores the key that opens it, and has alice admitted.
    pub(crate) fn connect(&mut self, site: &Site) {
        site.sign_in("nadia");
        let key = self.folder.path().join("opens").display().to_string();
        site.ok(&["target", "credential", "odd", "--key", &key]);
        let control = self.control.display().to_string();
        let mut master = site.ssh("alice+odd", &["-M", "-N", "-S", &control], &[]);
        let (number, code) = site.walk(&mut master, "alice", &Answers::default());
        site.approve(number, &code);
        master.expect("APPROVED until");
        eventually("the master listens", || self.control.exists());
        self._master = Some(master);
        // The connection of the admission serves the first channel.
        let out = self.run(site, "honest", "first");
        assert_eq!(String::from_utf8_lossy(&out.stdout), "ran first\r\n", "{out:?}");
    }

    /// A command over alice's connection, to the target in this manner.
    pub(crate) fn run(&self, site: &Site, manner: &str, command: &str) -> Output {
        self.target.behave(manner);
        self.over(site, command).output().unwrap()
    }

    /// The same, to be started by whoever asks.
    pub(crate) fn over(&self, site: &Site, command: &str) -> Command {
        // Whatever hangs is seen as hanging.
        let mut ssh = Command::new("timeout");
        ssh.arg("60").arg("ssh").args(site.ssh_options());
        ssh.args(["-S", &self.control.display().to_string(), "alice+odd@127.0.0.1", command]).stdin(Stdio::null());
        ssh
    }
}
