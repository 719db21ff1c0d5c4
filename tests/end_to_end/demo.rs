//! `poterne demo`: what it promises to a script, and that it leaves nothing (D32).

use harness::{Terminal, eventually, program};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

fn start(folder: &std::path::Path, args: &[&str]) -> (std::process::Child, Value) {
    let ready = folder.join("ready.json");
    let mut command = Command::new(program("poterne-under-test"));
    command.args(["demo", "--ssh-port", "0", "--language", "en", "--ready-file"]).arg(&ready).args(args);
    let child = command
        .stdin(Stdio::null())
        .stdout(std::fs::File::create(folder.join("screen")).unwrap())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    eventually("the demo is ready", || ready.exists());
    assert_eq!(std::fs::metadata(&ready).unwrap().permissions().mode() & 0o777, 0o600);
    (child, serde_json::from_str(&std::fs::read_to_string(ready).unwrap()).unwrap())
}

fn code(person: &Value) -> String {
    let secret = gateway::factors::read_totp(person["totp"].as_str().unwrap()).unwrap();
    gateway::factors::code_at(&secret, jiff::Timestamp::now()).unwrap()
}

/// The way of the README: in, approved from a second terminal, a real shell, and nothing left.
#[test]
fn the_demo_runs_the_main_job_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("site");
    let (mut child, ready) = start(folder.path(), &["--dir", home.to_str().unwrap()]);
    let technicians = ready["technicians"].as_array().unwrap();
    assert_eq!(technicians.len(), 2);
    assert_ne!(technicians[0]["vendor"], technicians[1]["vendor"]);
    let targets = ready["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 3);
    assert_eq!(targets.iter().filter(|target| target["open"] == false).count(), 1);
    assert_eq!(targets.iter().filter(|target| target["supervision"] == "required").count(), 1);
    let plain = targets.iter().find(|target| target["open"] == true && target["supervision"] == "none").unwrap()["id"]
        .as_str()
        .unwrap();
    ready["journal_key"].as_str().unwrap().parse::<journal::VerifierKey>().unwrap();

    // The officer's key for the browser; that the passphrase opens it is seen there.
    assert!(ready["officer_passphrase"].as_str().unwrap().len() >= 12);
    let locked = std::fs::read(home.join("officer.key.age")).unwrap();
    assert!(locked.starts_with(b"age-encryption.org/v1\n-> scrypt "));
    assert!(ready["console"].as_str().unwrap().starts_with("https://127.0.0.1:"));

    let alice =
        technicians.iter().find(|one| one["targets"].as_array().unwrap().iter().any(|target| target == plain)).unwrap();
    let port = ready["ssh"]["port"].to_string();
    let login = format!("{}+{plain}@127.0.0.1", alice["login"].as_str().unwrap());
    let control = folder.path().join("control").display().to_string();
    let options = ["-F", "none", "-oStrictHostKeyChecking=no", "-oUserKnownHostsFile=/dev/null", "-p", &port, &login];
    let options = [&["-M", "-S", &control], &options[..]].concat();
    let mut terminal = Terminal::start("ssh", &options);
    terminal.expect("Password: ");
    terminal.type_line(alice["password"].as_str().unwrap());
    terminal.expect("code: ");
    terminal.type_line(&code(alice));
    terminal.expect("YES[^:]*: ");
    terminal.type_line("YES");
    terminal.expect("Reason[^:]*: ");
    terminal.type_line("trying it");
    terminal.expect("Ticket[^:]*: ");
    terminal.type_line("-");
    let read_out = terminal.expect(r"Code ([A-Z0-9]{4})\.[^:]*: ").remove(0);
    terminal.type_line("");
    terminal.expect("gives up");
    let claire = ready["staff"].as_array().unwrap().iter().find(|one| one["login"] == "claire").unwrap();
    let config = ready["config"].as_str().unwrap();
    let mut approve = Command::new(program("poterne-under-test"));
    approve.args([
        "--config",
        config,
        "intervention",
        "approve",
        "1",
        "--code",
        &read_out,
        "--verified",
        "called",
        "--as",
        "claire",
    ]);
    let mut running = approve.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    use std::io::Write as _;
    writeln!(running.stdin.take().unwrap(), "{}\n{}", claire["password"].as_str().unwrap(), code(claire)).unwrap();
    assert!(running.wait().unwrap().success());
    terminal.expect("demo\\$ ");
    // Files too, beside the shell.
    let original = folder.path().join("firmware.bin");
    std::fs::write(&original, vec![7; 300_000]).unwrap();
    for way in ["-s", "-O"] {
        let there = folder.path().join(format!("arrived{way}"));
        let copied = Command::new("timeout")
            .args(["60", "scp", way, "-F", "none", "-oBatchMode=yes", &format!("-oControlPath={control}"), "-P", &port])
            .args([&original.display().to_string(), &format!("{login}:{}", there.display())])
            .output()
            .unwrap();
        assert!(copied.status.success(), "{way}: {}", String::from_utf8_lossy(&copied.stderr));
        assert_eq!(std::fs::read(&there).unwrap(), vec![7; 300_000], "{way}");
    }
    terminal.type_line("tty; env; exit 3");
    terminal.expect("/dev/pts/");
    assert_eq!(terminal.wait().code(), Some(3));
    assert!(!terminal.shown().contains("CARGO"), "the shell has an empty environment");

    let pid = rustix::process::Pid::from_raw(child.id().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(!home.exists(), "nothing is left behind");
    assert!(!folder.path().join("ready.json").exists());
}

#[test]
fn the_demo_refuses_what_is_not_throw_away() {
    let folder = tempfile::tempdir().unwrap();
    let refused = |args: &[&str], says: &str| {
        let out = Command::new(program("poterne-under-test")).arg("demo").args(args).output().unwrap();
        let error = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success() && error.contains(says), "{args:?}: {error}");
    };
    refused(&["--dir", folder.path().to_str().unwrap()], "exists already");
    refused(&["--ssh-address", "0.0.0.0"], "loopback only");
}
