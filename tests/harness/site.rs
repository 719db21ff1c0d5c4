//! The hospital: configuration, daemon, people, and the lobby walked as a person walks it.

use crate::people::Person;
use crate::sshd::Sshd;
use crate::terminal::Terminal;
use crate::{eventually, free_port, program};
use jiff::Timestamp;
use journal::{LogReport, OsDisk, check_log};
use serde_json::Value;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// A published test key pair of age, the security officer's in these tests.
pub const OFFICER: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
const OFFICER_PUBLIC: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

/// How the tests start the daemon: they may be root, which gives up its powers then.
pub const RUN: [&str; 2] = ["run", "--as-root"];

/// How the hospital is to be.
#[derive(Debug, Clone)]
pub struct SiteOptions {
    /// Rights of the vendor on the target.
    pub rights: Vec<&'static str>,
    /// none, offered or required.
    pub supervision: &'static str,
    /// Approvers needed.
    pub quorum: u8,
    /// What one approval is good for: session or intervention.
    pub per: &'static str,
    /// fr or en.
    pub language: &'static str,
    /// The factors of the vendor.
    pub factors: Vec<&'static str>,
    /// `open` of `[ssh]`.
    pub open: &'static str,
    /// More lines for `[ssh]`; PORT stands for the vendors' port.
    pub ssh: String,
    /// From where the vendor comes.
    pub sources: &'static str,
    /// The vendor's hours, as a list of TOML tables; the week around the clock unless said.
    pub hours: String,
    /// More lines for the main file.
    pub more: String,
    /// More lines for `[recordings]`.
    pub recordings: String,
    /// More lines for `sshd`.
    pub sshd: String,
    /// The target's host key and the key that opens it are RSA.
    pub rsa: bool,
    /// The target is at this port instead, with the keys of `sshd`.
    pub elsewhere: Option<u16>,
    /// More lines for the target.
    pub target: String,
    /// More lines for the allow rule.
    pub allow: String,
    /// How many technicians.
    pub technicians: usize,
    /// Approvers besides claire and paul, `marc-0` and so on: a code is good once in half a minute.
    pub approvers: usize,
    /// Start with a clock that the test moves, standing at this instant.
    pub clock: Option<Timestamp>,
    /// What the daemon is started by: a program that replaces itself by it, and its arguments.
    pub starter: Vec<String>,
}

impl Default for SiteOptions {
    fn default() -> Self {
        Self {
            rights: vec!["shell", "exec"],
            supervision: "none",
            quorum: 1,
            per: "session",
            language: "en",
            factors: vec!["password", "totp"],
            open: "hours",
            ssh: String::new(),
            sources: "127.0.0.0/8",
            hours: "[{ days = \"mon-sun\", from = \"00:00\", to = \"24:00\" }]".to_owned(),
            more: String::new(),
            recordings: String::new(),
            sshd: String::new(),
            rsa: false,
            elsewhere: None,
            target: String::new(),
            allow: String::new(),
            technicians: 1,
            approvers: 0,
            clock: None,
            starter: Vec::new(),
        }
    }
}

/// What to say in the lobby; the default gets in.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    /// Instead of the right password.
    pub password: Option<String>,
    /// Instead of a fresh code.
    pub code: Option<String>,
}

/// A running hospital. Targets: `scanner` (a real sshd), and whatever `more` declares.
pub struct Site {
    folder: TempDir,
    /// How it was made.
    pub options: SiteOptions,
    /// The main configuration file.
    pub config: PathBuf,
    /// The vendors' port.
    pub port: u16,
    /// The target.
    pub sshd: Sshd,
    /// alice, and more if asked for.
    pub technicians: Vec<Person>,
    /// claire and paul approve, sophie reads recordings, nadia operates.
    pub staff: Vec<Person>,
    daemon: Option<Child>,
}

const TECHNICIANS: [&str; 3] = ["alice", "bruno", "chloe"];

impl Site {
    /// An ordinary hospital.
    pub fn start() -> Site {
        Site::with(SiteOptions::default())
    }

    /// A hospital of one's own.
    pub fn with(options: SiteOptions) -> Site {
        let folder = tempfile::Builder::new().prefix("poterne-test-").tempdir().expect("a folder");
        let sshd =
            Sshd::start_with(&folder.path().join("sshd"), &options.sshd, if options.rsa { "rsa" } else { "ed25519" });
        let port = free_port();
        let config = write_config(folder.path(), &options, &sshd, port);
        let mut site =
            Site { folder, options, config, port, sshd, technicians: Vec::new(), staff: Vec::new(), daemon: None };
        site.start_daemon();
        site.enrol();
        site
    }

    /// The folder of everything.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The state folder.
    pub fn state(&self) -> PathBuf {
        self.folder.path().join("state")
    }

    /// Starts the daemon, or starts it again.
    pub fn start_daemon(&mut self) {
        self.spawn_daemon();
        let socket = self.state().join("ctl.sock");
        eventually("the daemon answers", || {
            self.assert_daemon_lives();
            UnixStream::connect(&socket).is_ok()
        });
    }

    /// Starts the daemon and waits for nothing.
    pub fn spawn_daemon(&mut self) {
        assert!(self.daemon.is_none(), "it runs already");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.path().join("daemon.log"))
            .expect("a log");
        let mut command = match self.options.clock {
            Some(at) => {
                let mut command = self.starting("poterne-clock");
                let _ = std::fs::remove_file(self.clock_socket());
                command.arg(&self.config).arg(self.clock_socket()).arg(at.to_string());
                command
            }
            None => {
                let mut command = self.starting("poterne-under-test");
                command.arg("--config").arg(&self.config).args(RUN);
                command
            }
        };
        command.env("POTERNE_LOG", "debug,russh=info");
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("the daemon");
        self.daemon = Some(child);
    }

    fn starting(&self, name: &str) -> Command {
        match self.options.starter.split_first() {
            None => Command::new(program(name)),
            Some((starter, args)) => {
                let mut command = Command::new(starter);
                command.args(args).arg(program(name));
                command
            }
        }
    }

    /// Starts the daemon, which must end by itself; gives what it said.
    pub fn refuses_to_start(&self) -> String {
        assert!(self.daemon.is_none(), "it runs already");
        let mut command = self.starting("poterne-under-test");
        command.arg("--config").arg(&self.config).args(RUN).env("POTERNE_LOG", "error");
        let said = self.folder.path().join("refusal");
        let file = std::fs::File::create(&said).expect("a file");
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(file).spawn().expect("the daemon");
        let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
        loop {
            if let Some(status) = child.try_wait().expect("a child") {
                assert!(!status.success());
                return std::fs::read_to_string(&said).expect("words");
            }
            if std::time::Instant::now() > until {
                let _ = child.kill();
                let _ = child.wait();
                panic!("it started");
            }
            // A child's end has no event that can be waited for with a limit.
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// Waits until the vendors' port is open.
    pub fn await_open(&self) {
        eventually("the port is open", || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
    }

    fn assert_daemon_lives(&self) {
        let log = || std::fs::read_to_string(self.folder.path().join("daemon.log")).unwrap_or_default();
        let pid = self.daemon_pid();
        let alive =
            rustix::process::test_kill_process(rustix::process::Pid::from_raw(pid.cast_signed()).expect("a pid"))
                .is_ok();
        assert!(alive && !log().contains("poterne: "), "the daemon ended:\n{}", log());
    }

    /// The daemon's process id.
    pub fn daemon_pid(&self) -> u32 {
        self.daemon.as_ref().expect("a running daemon").id()
    }

    /// What the daemon logged.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("daemon.log")).unwrap_or_default()
    }

    /// `kill -9`.
    pub fn kill_daemon(&mut self) {
        let mut child = self.daemon.take().expect("a running daemon");
        child.kill().expect("kill");
        child.wait().expect("a child");
    }

    /// SIGTERM, and waits.
    pub fn stop_daemon(&mut self) {
        let mut child = self.daemon.take().expect("a running daemon");
        let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).expect("a pid");
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a signal");
        child.wait().expect("a child");
    }

    /// Takes the journal's folder away under the daemon, and waits until it has noticed.
    pub fn break_journal(&self) {
        let journal = self.state().join("journal");
        std::fs::rename(&journal, self.folder.path().join("journal-aside")).expect("a folder");
        eventually("the journal is gone", || {
            let out = self.poterne(&["reload"], "");
            String::from_utf8_lossy(&out.stderr).contains("the journal cannot be written")
        });
    }

    /// Kills the daemon and puts the folder back.
    pub fn mend_journal(&mut self) {
        self.kill_daemon();
        let journal = self.state().join("journal");
        let _ = std::fs::remove_dir_all(&journal);
        std::fs::rename(self.folder.path().join("journal-aside"), journal).expect("a folder");
    }

    fn clock_socket(&self) -> PathBuf {
        self.folder.path().join("clock.sock")
    }

    /// Moves the clock to this instant: so much time has passed.
    pub fn set_clock(&self, at: Timestamp) {
        self.tell_clock(&at.to_string());
    }

    /// Sets the clock to this instant: no time has passed.
    pub fn jump_clock(&self, at: Timestamp) {
        self.tell_clock(&format!("jump {at}"));
    }

    fn tell_clock(&self, line: &str) {
        let socket = self.clock_socket();
        eventually("the clock's socket", || UnixStream::connect(&socket).is_ok());
        let mut stream = UnixStream::connect(socket).expect("the clock");
        writeln!(stream, "{line}").expect("a line");
        let mut done = String::new();
        BufReader::new(stream).read_line(&mut done).expect("an answer");
    }

    fn enrol(&mut self) {
        for n in 0..self.options.technicians {
            let login = TECHNICIANS.get(n).map_or_else(|| format!("tessa-{n}"), |name| (*name).to_owned());
            let person = Person::new(&login);
            self.add_person(
                &["technician", "add", &login, "--vendor", "imagix", "--proofing", "in the test"],
                &person,
                n,
            );
            self.technicians.push(person);
        }
        let key = self.sshd.key_file.display().to_string();
        self.ok(&["target", "credential", "scanner", "--key", &key]);
        for n in 0..self.options.approvers {
            let person = Person::new(&format!("marc-{n}"));
            let login = person.login.clone();
            self.add_person(&["staff", "add", &login, "--role", "approver", "--group", "radiologie"], &person, 600 + n);
            self.staff.push(person);
        }
        // The operator last: from then on a changing verb takes a sign-in (D11).
        for (n, (login, role)) in
            [("claire", "approver"), ("paul", "approver"), ("sophie", "security"), ("nadia", "operator")]
                .iter()
                .enumerate()
        {
            let person = Person::new(login);
            let mut verb = vec!["staff", "add", login, "--role", role];
            if *role == "approver" {
                verb.extend(["--group", "radiologie"]);
            }
            self.add_person(&verb, &person, 500 + n);
            self.staff.push(person);
        }
    }

    fn add_person(&self, verb: &[&str], person: &Person, n: usize) {
        let (email, phone) = (
            format!("{}@{}.example", person.login, if n < 500 { "imagix" } else { "chu" }),
            format!("+33 6 00 00 {n:04}"),
        );
        let mut args: Vec<&str> = verb.to_vec();
        args.extend(["--name", "Test Person", "--email", &email, "--phone", &phone, "--stdin"]);
        let out = self.poterne(&args, &format!("{}\n{}\n", person.password, person.totp));
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    /// Runs the command line.
    pub fn poterne(&self, args: &[&str], stdin: &str) -> Output {
        let mut command = Command::new(program("poterne-under-test"));
        command.arg("--config").arg(&self.config).args(args);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("poterne");
        child.stdin.take().expect("a pipe").write_all(stdin.as_bytes()).expect("a reader");
        child.wait_with_output().expect("an end")
    }

    /// Runs the command line, which must succeed; gives what it prints.
    pub fn ok(&self, args: &[&str]) -> String {
        let out = self.poterne(args, "");
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// Runs the command line with `--json`.
    pub fn json(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.push("--json");
        serde_json::from_str(&self.ok(&all)).expect("JSON")
    }

    /// The technician of this login.
    pub fn technician(&self, login: &str) -> &Person {
        self.technicians.iter().find(|person| person.login == login).expect("a technician")
    }

    /// The member of staff of this login.
    pub fn member(&self, login: &str) -> &Person {
        self.staff.iter().find(|person| person.login == login).expect("a member of staff")
    }

    /// Options that every OpenSSH client of a test needs.
    pub fn ssh_options(&self) -> Vec<String> {
        let fixed =
            ["-F", "none", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-oPubkeyAuthentication=no"];
        let mut options: Vec<String> = fixed.iter().map(|option| (*option).to_owned()).collect();
        options.extend(["-p".to_owned(), self.port.to_string()]);
        options
    }

    /// Starts `ssh` in a terminal, with more options before and a command behind the host.
    pub fn ssh(&self, login: &str, options: &[&str], command: &[&str]) -> Terminal {
        let mut args = self.ssh_options();
        args.extend(options.iter().map(|option| (*option).to_owned()));
        args.push(format!("{login}@127.0.0.1"));
        args.extend(command.iter().map(|word| (*word).to_owned()));
        self.await_open();
        Terminal::start("ssh", &args)
    }

    /// Walks the lobby up to the waiting: gives the intervention's number and the code shown.
    pub fn walk(&self, terminal: &mut Terminal, login: &str, answers: &Answers) -> (u64, String) {
        let person = self.technician(login);
        terminal.expect("Password: ");
        terminal.type_line(answers.password.as_ref().unwrap_or(&person.password));
        terminal.expect("code: ");
        terminal.type_line(&answers.code.clone().unwrap_or_else(|| person.fresh_code()));
        self.walk_on(terminal)
    }

    /// The same from the notice on.
    pub fn walk_on(&self, terminal: &mut Terminal) -> (u64, String) {
        terminal.expect("YES[^:]*: ");
        terminal.type_line("YES");
        terminal.expect("Reason[^:]*: ");
        terminal.type_line("PACS disk full");
        terminal.expect("Ticket[^:]*: ");
        terminal.type_line("CHG-1");
        let code = terminal.expect(r"Code ([A-Z0-9]{4})\. Press Enter to send: ").remove(0);
        terminal.type_line("");
        terminal.expect("Ctrl-C gives up");
        let mut number = 0;
        eventually("the request is listed", || {
            let listed = self.json(&["intervention", "list"]);
            let requested = listed.as_array().into_iter().flatten().rfind(|one| one["state"] == "requested").cloned();
            number = requested.and_then(|one| one["number"].as_u64()).unwrap_or(0);
            number > 0
        });
        (number, code)
    }

    /// Approves as this member of staff.
    pub fn approve_as(&self, who: &str, number: u64, code: &str) -> Output {
        let person = self.member(who);
        let secrets = format!("{}\n{}\n", person.password, person.fresh_code());
        self.poterne(
            &["intervention", "approve", &number.to_string(), "--code", code, "--verified", "called", "--as", who],
            &secrets,
        )
    }

    /// Approves as claire; must succeed.
    pub fn approve(&self, number: u64, code: &str) {
        let out = self.approve_as("claire", number, code);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }

    /// A shell on the target, approved.
    pub fn shell(&self, login: &str) -> Terminal {
        let mut terminal = self.ssh(&format!("{login}+scanner"), &[], &[]);
        let (number, code) = self.walk(&mut terminal, login, &Answers::default());
        self.approve(number, &code);
        terminal.expect("APPROVED until");
        terminal
    }

    /// Runs a shell script in a terminal in which `$SSH` runs a command on the target as alice, once:
    /// the lobby is walked and approved. Give the script's end something to show.
    pub fn script(&self, script: &str) -> Terminal {
        self.script_as("alice", script)
    }

    /// The same as another technician.
    pub fn script_as(&self, login: &str, script: &str) -> Terminal {
        self.await_open();
        let ssh = format!("ssh {} {login}+scanner@127.0.0.1", self.ssh_options().join(" "));
        let mut terminal =
            Terminal::start("sh", &["-c", &format!("SSH='{ssh}'; cd {}; {script}", self.folder().display())]);
        let (number, code) = self.walk(&mut terminal, login, &Answers::default());
        self.approve(number, &code);
        terminal.expect("APPROVED until");
        terminal
    }

    /// An approved ControlMaster; give [`Site::over`] its value. It lives as long as the terminal.
    pub fn master(&self, login: &str) -> Terminal {
        let control = self.control(login);
        let mut terminal = self.ssh(&format!("{login}+scanner"), &["-M", "-N", "-S", &control], &[]);
        let (number, code) = self.walk(&mut terminal, login, &Answers::default());
        self.approve(number, &code);
        terminal.expect("APPROVED until");
        eventually("the master listens", || Path::new(&control).exists());
        terminal
    }

    fn control(&self, login: &str) -> String {
        self.folder.path().join(format!("ctl-{login}")).display().to_string()
    }

    /// A command over an approved ControlMaster.
    pub fn over(&self, login: &str, command: &str) -> Command {
        let mut ssh = Command::new("ssh");
        ssh.args(self.ssh_options()).args(["-S", &self.control(login), &format!("{login}+scanner@127.0.0.1"), command]);
        ssh
    }

    /// The newest session, in `--json`, ended ones included.
    pub fn last_session(&self) -> Value {
        self.json(&["session", "list", "--all"]).as_array().and_then(|all| all.last().cloned()).expect("a session")
    }

    /// Waits until the newest session has ended; gives it.
    pub fn ended_session(&self) -> Value {
        eventually("the session ends", || self.last_session()["state"] == "ended");
        self.last_session()
    }

    /// The journal's entries: kind and body, in order. The daemon may be running.
    pub fn journal(&self) -> Vec<(String, Value)> {
        // A copy, because the open journal is the daemon's alone.
        let mut copy = tempfile::tempdir().expect("a folder");
        // Files come and go while the daemon writes; then the copy is made again.
        eventually("a copy of the state folder", || {
            copy = tempfile::tempdir().expect("a folder");
            let copied = Command::new("cp").arg("-a").arg(self.state()).arg(copy.path()).stderr(Stdio::null()).status();
            copied.expect("cp").success()
        });
        let state = copy.path().join("state");
        let vault = gateway::vault::Vault::open(&state.join("vault")).expect("the vault");
        let secrets: gateway::vault::SiteSecrets = vault.get("site", 1).expect("the site's keys");
        let signer = journal::SigningKey::new(&secrets.origin, &secrets.journal).expect("a key");
        let random: journal::Entropy = Box::new(|buffer| buffer.fill(0));
        let (mut journal, _) = journal::Journal::open(
            &state.join("journal"),
            Box::new(OsDisk::default()),
            signer,
            gateway::ring::masters(&vault).expect("master keys"),
            random,
        )
        .expect("a journal");
        let entries = journal.entries().expect("entries");
        entries
            .into_iter()
            .map(|entry| {
                (entry.leaf.kind, serde_json::from_slice(&entry.body.unwrap_or_default()).unwrap_or(Value::Null))
            })
            .collect()
    }

    /// The bodies of all entries of a kind.
    pub fn entries(&self, kind: &str) -> Vec<Value> {
        self.journal().into_iter().filter(|(found, _)| found == kind).map(|(_, body)| body).collect()
    }

    /// The verifier key.
    pub fn journal_key(&self) -> journal::VerifierKey {
        self.ok(&["journal", "key"]).trim().parse().expect("a verifier key")
    }

    /// Checks the journal with this key. The daemon may be stopped.
    pub fn check_journal(&self, key: &journal::VerifierKey) -> LogReport {
        check_log(&mut OsDisk::default(), &self.state().join("journal"), Some(key), None)
    }

    /// Waits until a session's recording is sealed; gives it.
    pub fn sealed(&self, session: &str) -> recorder::SealedRecording {
        let state = self.state();
        let folder = state.join("recordings").join(session);
        eventually("the recording is sealed", || {
            !state.join("recordings").join(format!("{session}.spool")).exists() && folder.join("manifest.json").exists()
        });
        recorder::SealedRecording::open(&folder, &state.join("keyring").join(session)).expect("a recording")
    }

    /// The officer's key.
    pub fn officer() -> recorder::ReadingKeys {
        recorder::ReadingKeys::parse(OFFICER).expect("a key")
    }

    /// What was recorded of a session: of a live one from its spool, of one that ended from its sealed
    /// parts, channel after channel. The officer's key opens either.
    pub fn recording(&self, session: &str) -> Vec<recorder::Frame> {
        let ended = || self.json(&["session", "show", session])["state"] == "ended";
        if self.daemon.is_some() && ended() { self.sealed_frames(session) } else { self.spooled_frames(session) }
    }

    /// What is in a session's spool.
    pub fn spooled_frames(&self, session: &str) -> Vec<recorder::Frame> {
        let bytes = std::fs::read(self.state().join("recordings").join(format!("{session}.spool"))).expect("a spool");
        let (header, _) = recorder::SpoolReader::header(&bytes[..]).expect("a header");
        let key = recorder::RecordingKey::open(&header, &[OFFICER]).expect("the officer's key opens it");
        let mut reader = recorder::SpoolReader::new(&bytes[..], &key).expect("a spool");
        let frames: Vec<recorder::Frame> = reader.by_ref().collect();
        assert_ne!(reader.damage(), Some(&recorder::Damage::Altered), "a frame was altered");
        frames
    }

    fn sealed_frames(&self, session: &str) -> Vec<recorder::Frame> {
        use recorder::{FrameKind, PartKind};
        let (sealed, keys) = (self.sealed(session), Site::officer());
        let mut frames = Vec::new();
        for part in sealed.parts(PartKind::Raw) {
            let raw = sealed.raw(part, &keys).expect("a raw track");
            // How it began stands in the track's header.
            let what = raw.what.to_string().into_bytes().into();
            frames.push(recorder::Frame { at: part.started, track: part.channel, kind: FrameKind::Begin, data: what });
            let raw = raw.map(|frame| frame.expect("a record"));
            frames.extend(raw.map(|frame| recorder::Frame { track: part.channel, ..frame }));
        }
        for part in sealed.parts(PartKind::Cast) {
            let lines = BufReader::new(sealed.read(part, &keys).expect("a cast")).lines();
            for event in lines.filter_map(|line| recorder::CastEvent::parse(&line.expect("a line"))) {
                let kind = match event.code.as_str() {
                    "o" => FrameKind::Output,
                    "i" => FrameKind::Input,
                    "d" => FrameKind::InputDropped,
                    "r" => FrameKind::Resize,
                    "m" => FrameKind::Marker,
                    _ => {
                        // What the text before stands for, byte for byte.
                        let last: &mut recorder::Frame = frames.last_mut().expect("a text");
                        last.data = data_encoding::HEXLOWER.decode(event.data.as_bytes()).expect("hex").into();
                        continue;
                    }
                };
                let data = match (kind, event.data.split_once('x')) {
                    (FrameKind::Resize, Some((columns, rows))) => {
                        let number = |text: &str| text.parse::<u32>().expect("a size").to_be_bytes();
                        [number(columns), number(rows)].concat().into()
                    }
                    _ => event.data.into_bytes().into(),
                };
                frames.push(recorder::Frame { at: part.started, track: part.channel, kind, data });
            }
        }
        frames
    }

    /// Signs a member of staff in where the test runs, for 15 minutes.
    pub fn sign_in(&self, login: &str) {
        let person = self.member(login);
        let out = self.poterne(&["login", "--as", login], &format!("{}\n{}\n", person.password, person.fresh_code()));
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(mut child) = self.daemon.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("--- the daemon's last lines ---");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

fn write_config(folder: &Path, options: &SiteOptions, sshd: &Sshd, port: u16) -> PathBuf {
    let list = |words: &[&str]| words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ");
    let SiteOptions {
        rights,
        supervision,
        quorum,
        per,
        language,
        factors,
        open,
        ssh,
        sources,
        hours,
        more,
        recordings,
        target,
        allow,
        ..
    } = options;
    // A second officer, whose key nobody keeps: secrets typed on targets open to two together.
    let second = recorder::RecoveryKey::generate().public_line();
    let text = format!(
        "[site]\nname = \"CHU Test\"\ntimezone = \"Europe/Paris\"\nlanguage = \"{language}\"\nstate = \"{}\"\nreserve = \"1 MiB\"\n\n\
         [ssh]\nlisten = [\"127.0.0.1:{port}\"]\nopen = \"{open}\"\nhelp = \"https://chu.example/aide\"\n{}\n\n\
         [calendars.vendor]\nholidays = \"none\"\nhours = {hours}\n\n\
         [groups.radiologie]\nname = \"Radiologie\"\n\n\
         [recordings]\nrecipients = [\"{OFFICER_PUBLIC}\", \"{second}\"]\n{recordings}\n\n\
         [vendor.imagix]\nname = \"Imagix\"\ncontract = {{ reference = \"2025-117\", from = \"2020-01-01\", until = \"2037-12-31\" }}\n\
         contact = {{ name = \"Support\", phone = \"+33 1 00 00 00 00\", email = \"support@imagix.example\" }}\n\
         sources = [\"{sources}\"]\ncalendar = \"vendor\"\nlanguage = \"{language}\"\nfactors = [{}]\n\n\
         [[vendor.imagix.allow]]\ntargets = [\"scanner\"]\nrights = [{}]\napproval = {{ quorum = {quorum}, per = \"{per}\" }}\nlongest = \"8h\"\n{allow}\n\n\
         [target.scanner]\nname = \"IRM\"\naddress = \"127.0.0.1:{}\"\nhost-key = \"{}\"\naccount = \"root\"\napprovers = [\"radiologie\"]\n\
         supervision = \"{supervision}\"\n{target}\n{more}\n",
        folder.join("state").display(),
        ssh.replace("PORT", &port.to_string()),
        list(factors),
        list(rights),
        options.elsewhere.unwrap_or(sshd.port),
        sshd.host_key,
    );
    let path = folder.join("poterne.toml");
    std::fs::write(&path, text).expect("poterne.toml");
    path
}
