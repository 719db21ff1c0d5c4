//! The daemon shuts itself in (D35, HRD-06): each wall is seen from inside and from outside, and what was
//! typed does not stay in its memory (HRD-09).

use gateway::confine::{self, AsRoot, Confined, State};
use harness::{Answers, Site, eventually, free_port, program};
use regex::bytes::Regex;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

/// The one power that stays: listening at ports below 1024.
const NET_BIND_SERVICE: u64 = 1 << 10;

/// Every thread, not the first one alone: what a library starts is shut in as well.
#[test]
fn every_thread_of_the_daemon_is_shut_in() {
    let site = Site::start();
    site.await_open();
    let pid = site.daemon_pid();
    let mut threads = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
        let Ok(text) = fs::read_to_string(task.unwrap().path().join("status")) else { continue };
        let state = State::parse(&text).unwrap();
        assert!(state.filtered && state.no_new_privileges, "{text}");
        assert_eq!(state.powers & !NET_BIND_SERVICE, 0, "{text}");
        let bounds = text.lines().find_map(|line| line.strip_prefix("CapBnd:")).unwrap();
        // Only who may give powers up can take them from the bounds too.
        if state.root {
            assert_eq!(u64::from_str_radix(bounds.trim(), 16).unwrap() & !NET_BIND_SERVICE, 0, "{text}");
        }
        threads += 1;
    }
    assert!(threads > 3, "{threads}");
    let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
    let cores: Vec<&str> =
        limits.lines().find(|line| line.starts_with("Max core file size")).unwrap().split_whitespace().collect();
    assert_eq!(cores[4..6], ["0", "0"], "{limits}");
    let status = site.json(&["status"]);
    for name in ["confined", "calls_filtered", "no_new_privileges"] {
        assert_eq!(status[name], true, "{name}: {status}");
    }
    let abi = status["landlock_abi"].as_u64().unwrap();
    assert_eq!(status["ports_confined"], abi >= 4);
    match abi {
        0 => eprintln!("NOT SHOWN: this kernel has no Landlock, so that paths and ports are not confined here"),
        _ => assert!(site.log().contains("shut in: paths"), "Landlock {abi}"),
    }
}

/// A thread of this test shuts itself in as the daemon does, and tries what lies outside.
#[test]
fn what_is_outside_is_refused_from_inside() {
    let mut site = Site::start();
    site.stop_daemon();
    let elsewhere = tempfile::tempdir().unwrap();
    fs::write(elsewhere.path().join("secret"), "x").unwrap();
    let other = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (config, state, port) = (site.config.clone(), site.state(), site.port);
    let target = site.sshd.port;
    let outside = elsewhere.path().to_owned();
    let inside = move || -> Confined {
        let confined = confine::before_the_runtime(&config, jiff::Timestamp::now(), AsRoot::Said).unwrap();
        let denied = |done: std::io::Result<()>| done.is_err_and(|why| why.kind() == ErrorKind::PermissionDenied);
        // No program, by whichever way, and so no shell.
        assert!(denied(Command::new("/bin/true").spawn().map(drop)));
        assert!(denied(Err(Command::new("/bin/true").exec())));
        // Threads, which the runtime takes, are shut in like the one that starts them.
        let state_there = std::thread::spawn(|| State::now().unwrap()).join().unwrap();
        assert!(state_there.filtered && state_there.no_new_privileges);
        assert_eq!(rustix::process::dumpable_behavior().unwrap(), rustix::process::DumpableBehavior::NotDumpable);
        // What it lives by.
        fs::write(state.join("probe"), "x").unwrap();
        fs::create_dir(state.join("probes")).unwrap();
        fs::rename(state.join("probe"), state.join("probes/probe")).unwrap();
        fs::read(&config).unwrap();
        fs::read("/proc/self/stat").unwrap();
        if confined.landlock() == 0 {
            eprintln!("NOT SHOWN: this kernel has no Landlock: paths and ports were not tried");
            return confined;
        }
        assert!(denied(fs::read(outside.join("secret")).map(drop)));
        assert!(denied(fs::write(outside.join("more"), "x")));
        assert!(denied(fs::remove_file(outside.join("secret"))));
        assert!(denied(fs::read("/etc/shadow").map(drop)) && denied(fs::read_dir("/root").map(drop)));
        assert!(denied(fs::write(&config, "[site]")), "the configuration is read, never written");
        assert!(denied(fs::OpenOptions::new().append(true).open(&config).map(drop)));
        if !confined.holds_ports() {
            eprintln!("NOT SHOWN: ports take Landlock 4; this kernel has {}", confined.landlock());
            return confined;
        }
        TcpListener::bind(("127.0.0.1", port)).unwrap();
        TcpStream::connect(("127.0.0.1", target)).unwrap();
        let free = TcpListener::bind("127.0.0.1:0").map(drop);
        assert!(denied(free), "no port but those of the configuration");
        assert!(denied(TcpStream::connect(("127.0.0.1", other)).map(drop)));
        confined
    };
    // A thread of its own, since nothing takes the walls down again.
    let confined = std::thread::spawn(inside).join().unwrap();
    eprintln!("Landlock {}, ports confined: {}", confined.landlock(), confined.holds_ports());
}

/// The very programs that the daemon gives the kernel, tried on calls that no safe code can make.
#[test]
fn forbidden_calls_are_refused_by_the_kernel() {
    if !cfg!(target_arch = "x86_64") {
        eprintln!("NOT SHOWN: the numbers of the calls are x86-64's");
        return;
    }
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/end_to_end/forbidden.py");
    let mut child = Command::new("python3").arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    for program in confine::programs().unwrap() {
        let bytes: Vec<u8> = program
            .iter()
            .flat_map(|step| {
                let [code, k] = [step.code.to_ne_bytes().to_vec(), step.k.to_ne_bytes().to_vec()];
                [code, vec![step.jt, step.jf], k].concat()
            })
            .collect();
        writeln!(child.stdin.as_mut().unwrap(), "{}", data_encoding::HEXLOWER.encode(&bytes)).unwrap();
    }
    let out = child.wait_with_output().unwrap();
    let said = String::from_utf8(out.stdout).unwrap();
    assert!(out.status.success(), "{said}");
    let mut refused = 0;
    for line in said.lines() {
        let (call, how) = line.split_once(": ").unwrap();
        match call {
            // The C library then takes `clone`, whose flags can be looked at.
            "clone3" => assert_eq!(how, "ENOSYS", "{line}"),
            "sockets" => assert_eq!(how, "done", "{line}"),
            _ => {
                assert_eq!(how, "EPERM", "{line}");
                refused += 1;
            }
        }
    }
    assert!(refused > 60, "{refused}");
}

/// Least privilege: the daemon is not root's, unless somebody says so.
#[test]
fn root_does_not_run_it_by_mistake() {
    let mut site = Site::start();
    site.stop_daemon();
    if !rustix::process::geteuid().is_root() {
        eprintln!("NOT SHOWN: this is not root");
        return;
    }
    let out = Command::new(program("poterne-under-test"))
        .args(["--config", site.config.to_str().unwrap(), "run"])
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    // 64: the service manager does not try again.
    assert_eq!(out.status.code(), Some(64), "{said}");
    assert!(said.contains("never runs as root") && said.contains("systemctl start poterne"), "{said}");
}

/// D35: a reload that needs more than the walls leave open says so, and what it may have is in force.
#[test]
fn a_reload_that_needs_more_says_restart_needed() {
    let mut site = Site::start();
    let abi = site.json(&["status"])["landlock_abi"].as_u64().unwrap();
    if abi < 4 {
        eprintln!("NOT SHOWN: ports take Landlock 4; this kernel has {abi}");
        return;
    }
    let port = free_port();
    let config = fs::read_to_string(&site.config).unwrap();
    let now = format!("address = \"127.0.0.1:{}\"", site.sshd.port);
    let more = config.replace(&now, &format!("address = \"127.0.0.1:{port}\""));
    assert_ne!(more, config);
    fs::write(&site.config, &more).unwrap();
    let said = site.ok(&["reload"]);
    let wanted = format!("restart needed: connecting to port {port}");
    assert!(said.contains(&wanted) && said.contains("target.scanner.address"), "{said}");
    // A file outside of the folders that were named is out of reach. Where the configuration can stand without
    // it, it is taken; else nothing of it is.
    let keys = tempfile::tempdir().unwrap();
    let file = keys.path().join("file");
    fs::write(&file, "age-encryption.org/v1\n").unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let line = format!("[recordings]\nreplay-key = \"{}\"\n", file.display());
    fs::write(&site.config, config.replace("[recordings]\n", &line)).unwrap();
    let said = site.ok(&["reload"]);
    assert!(said.contains(&format!("restart needed: the folder `{}`", keys.path().display())), "{said}");
    let receiver = format!("[siem.soc]\nserver = \"127.0.0.1:6514\"\nca-file = \"{}\"\n", file.display());
    fs::write(&site.config, format!("{config}\n{receiver}")).unwrap();
    let out = site.poterne(&["reload"], "");
    let said = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(78), "{said}");
    assert!(said.contains("restart needed: the running process may open"), "{said}");
    // And a restart is what mends the first.
    fs::write(&site.config, &more).unwrap();
    site.stop_daemon();
    site.start_daemon();
    assert!(!site.ok(&["reload"]).contains("restart needed"));
}

/// How often this text stands in what a process can write. `None`: it may not be looked at.
fn found_in_memory(pid: u32, text: &str) -> Option<usize> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let mut memory = File::open(format!("/proc/{pid}/mem")).ok()?;
    let wanted = Regex::new(&format!("(?-u){}", regex::escape(text))).unwrap();
    let mut found = 0;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (range, _) = line.split_once(' ')?;
        let (from, to) = range.split_once('-')?;
        let (from, to) = (u64::from_str_radix(from, 16).ok()?, u64::from_str_radix(to, 16).ok()?);
        memory.seek(SeekFrom::Start(from)).ok()?;
        let mut bytes = vec![0; usize::try_from(to - from).ok()?];
        // A piece may be given back between the list and the look.
        if memory.read_exact(&mut bytes).is_ok() {
            found += wanted.find_iter(&bytes).count();
        }
    }
    Some(found)
}

/// HRD-09: what was typed to get in, and what the vault holds of it, is wiped once it was used: a technician's
/// password through SSH, a staff member's through the local socket, and the secrets of their codes.
#[test]
fn what_was_typed_does_not_stay_in_memory() {
    let site = Site::start();
    let mut terminal = site.ssh("alice+scanner", &[], &["true"]);
    let (number, code) = site.walk(&mut terminal, "alice", &Answers::default());
    site.approve(number, &code);
    terminal.wait();
    site.sign_in("nadia");
    site.ended_session();
    let pid = site.daemon_pid();
    // The look itself works: what is in use is found.
    match found_in_memory(pid, "CHU Test") {
        None => return eprintln!("NOT SHOWN: the daemon's memory may not be read here"),
        Some(found) => assert!(found > 0),
    }
    for person in [site.technician("alice"), site.member("claire"), site.member("nadia")] {
        for (what, secret) in [("password", &person.password), ("code secret", &person.totp)] {
            // The connection's own buffers go with it, a moment after the session's end was told.
            eventually(&format!("the {what} of {} is wiped", person.login), || found_in_memory(pid, secret) == Some(0));
        }
    }
}

/// What systemd says of a unit: the figure, lower is better, and the whole of it.
fn exposure(unit: &str) -> (f64, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("poterne.service");
    fs::write(&file, unit).unwrap();
    let out =
        Command::new("systemd-analyze").args(["security", "--offline=true", "--no-pager"]).arg(&file).output().unwrap();
    let said = String::from_utf8_lossy(&out.stdout).into_owned();
    let figure = said.lines().find(|line| line.contains("Overall exposure level")).unwrap_or_default();
    let level = figure.split_whitespace().find_map(|word| word.parse().ok());
    (level.unwrap_or_else(|| panic!("{said}{}", String::from_utf8_lossy(&out.stderr))), said)
}

/// HRD-06: the unit as systemd itself judges it, with the drop-in that a site renders: 1.5, where 2.0 was asked.
#[test]
fn the_unit_is_as_hard_as_is_said() {
    let unit = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../systemd/poterne.service")).unwrap();
    let site = Site::start();
    let drop_in = site.ok(&["firewall", "unit", "--allow", "10.1.0.0/16"]);
    for line in ["IPAddressDeny=any", "IPAddressAllow=127.0.0.0/8", "IPAddressAllow=10.1.0.0/16"] {
        assert!(drop_in.lines().any(|one| one == line), "{line}: {drop_in}");
    }
    let ((shipped, _), (installed, said)) = (exposure(&unit), exposure(&format!("{unit}\n{drop_in}")));
    eprintln!("systemd-analyze security: {shipped} as shipped, {installed} with the site's addresses");
    assert!(shipped <= 1.6 && installed <= 1.5, "{said}");
    // And what a figure does not say: whose it is, and where its key comes from.
    for line in ["User=poterne", "LoadCredentialEncrypted=vault-key:", "LimitCORE=0", "NoNewPrivileges=yes"] {
        assert!(unit.lines().any(|one| one.starts_with(line)), "{line}");
    }
    let users = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../systemd/poterne.sysusers")).unwrap();
    assert!(users.contains("/usr/sbin/nologin"));
}
