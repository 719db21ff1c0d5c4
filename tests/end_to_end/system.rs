//! What stands around the daemon: the service manager, man pages, completions, firewall rules.

use harness::{Site, SiteOptions, eventually, program};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::Duration;

fn checked(program: &str, args: &[&str], input: &str) {
    use std::io::Write as _;
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{program}: {error}"));
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let out = child.wait_with_output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success(), "{program} {args:?}: {said}");
}

/// D15: rules that nft itself takes, with the listener, the vendors and the targets in them.
#[test]
fn firewall_rules_are_taken_by_nft() {
    let hours = "[{ days = \"mon-fri\", from = \"08:00\", to = \"18:00\" }]".to_owned();
    for hours in [hours, SiteOptions::default().hours] {
        let site = Site::with(SiteOptions { hours, ..SiteOptions::default() });
        let rules = site.ok(&["firewall", "render"]);
        // The service's user is not on every machine that runs the tests.
        checked("nft", &["-c", "-f", "-"], &rules.replace("\"poterne\"", "\"nobody\""));
        for part in
            [format!("tcp dport {}", site.port), format!("tcp dport {}", site.sshd.port), "127.0.0.0/8".to_owned()]
        {
            assert!(rules.contains(&part), "{part}: {rules}");
        }
    }
}

#[test]
fn man_pages_and_completions_come_from_the_command_line_itself() {
    let folder = tempfile::tempdir().unwrap();
    let poterne = program("poterne-under-test");
    let run = |args: &[&str]| Command::new(&poterne).args(args).output().unwrap();
    assert!(run(&["manual", folder.path().to_str().unwrap()]).status.success());
    let pages: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert!(pages.len() > 50, "{}", pages.len());
    let watch = std::fs::read_to_string(folder.path().join("poterne-session-watch.1")).unwrap();
    assert!(watch.contains("Watch a live session"), "{watch}");
    // So has the verifier, which an auditor may have alone.
    let bundle = std::fs::read_to_string(folder.path().join("poterne-verify-bundle.1")).unwrap();
    assert!(bundle.contains("Check a bundle"), "{bundle}");
    for page in &pages {
        checked("mandoc", &["-T", "lint", "-W", "error", page.to_str().unwrap()], "");
    }
    for shell in ["bash", "zsh", "fish"] {
        let script = String::from_utf8(run(&["completions", shell]).stdout).unwrap();
        assert!(script.contains("lockdown") && script.contains("technician"), "{shell}");
        if shell == "bash" {
            checked("bash", &["-n"], &script);
        }
    }
}

/// The service manager hears of readiness, of a reload, of life, and of the end.
#[test]
fn the_service_manager_is_told() {
    let mut site = Site::start();
    site.stop_daemon();
    let path = site.folder().join("notify.sock");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut child = Command::new(program("poterne-under-test"))
        .args(["--config", site.config.to_str().unwrap(), "run", "--as-root"])
        .env("NOTIFY_SOCKET", &path)
        .env("WATCHDOG_USEC", "1500000")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let expect = |wanted: &str| {
        let mut buffer = [0; 1024];
        loop {
            let count = socket.recv(&mut buffer).unwrap_or_else(|error| panic!("waited for {wanted}: {error}"));
            if String::from_utf8_lossy(&buffer[..count]).contains(wanted) {
                return;
            }
        }
    };
    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    expect("READY=1");
    for _ in 0..3 {
        expect("WATCHDOG=1");
    }
    rustix::process::kill_process(pid, rustix::process::Signal::HUP).unwrap();
    expect("RELOADING=1");
    expect("READY=1");
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    expect("STOPPING=1");
    assert!(child.wait().unwrap().success());
}

/// T15: a credential that the unit names and systemd does not hand over makes no new key.
#[test]
fn a_missing_credential_stops_the_start() {
    let mut site = Site::start();
    site.stop_daemon();
    let empty = site.folder().join("credentials");
    std::fs::create_dir(&empty).unwrap();
    let start = |credentials: &std::path::Path| {
        Command::new(program("poterne-under-test"))
            .args(["--config", site.config.to_str().unwrap(), "run", "--as-root"])
            .env("CREDENTIALS_DIRECTORY", credentials)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let out = start(&empty).wait_with_output().unwrap();
    assert!(!out.status.success());
    assert!(String::from_utf8_lossy(&out.stderr).contains("no other key is made instead"));
    std::fs::copy(site.state().join("vault/vault-key"), empty.join("vault-key")).unwrap();
    let mut child = start(&empty);
    eventually("it starts with the key handed over", || site.poterne(&["status"], "").status.success());
    child.kill().unwrap();
    child.wait().unwrap();
}
