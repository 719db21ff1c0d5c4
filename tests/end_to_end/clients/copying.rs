//! Programs that copy files, each through the lobby by itself: there and back, refused, cut in the
//! middle, and without the right. One table, so that no client has a case less than the others.

use super::{fingerprint, python};
use crate::files::sha256;
use harness::{Answers, Site, SiteOptions, Terminal, eventually};
use std::path::Path;

/// Rights over files, and the one that `cat` needs.
const ALL: [&str; 5] = ["exec", "sftp-read", "sftp-write", "scp-read", "scp-write"];
/// Larger than what passes before somebody has cut; a hole, so that it costs no disk.
const LARGE: u64 = 4 << 30;
/// By then a transfer is under way.
const UNDER_WAY: u64 = 1 << 20;

/// A program that copies. In its lines `{from}`, `{to}`, `{who}`, `{port}`, `{ssh}`, `{print}`, `{python}`.
struct Copier {
    name: &'static str,
    up: &'static str,
    down: &'static str,
    /// What stands on the screen where the hospital cuts.
    cut: &'static str,
    /// What stands there where only reading is granted; empty: nothing is missing.
    denied: &'static str,
}

const SAID: &str = "cut by the hospital: enough";

const COPIERS: [Copier; 11] = [
    Copier {
        name: "scp",
        up: "scp {ssh} {from} {who}@127.0.0.1:{to}",
        down: "scp {ssh} {who}@127.0.0.1:{from} {to}",
        cut: SAID,
        denied: "dest open .*: Permission denied",
    },
    Copier {
        name: "scp, the old way",
        up: "scp -O {ssh} {from} {who}@127.0.0.1:{to}",
        down: "scp -O {ssh} {who}@127.0.0.1:{from} {to}",
        cut: SAID,
        denied: r"\[Poterne\] refused: scp\. ",
    },
    Copier {
        name: "sftp",
        up: "echo put {from} {to} | sftp {ssh} {who}@127.0.0.1",
        down: "echo get {from} {to} | sftp {ssh} {who}@127.0.0.1",
        cut: SAID,
        denied: "dest open .*: Permission denied",
    },
    Copier {
        name: "pscp, the old way",
        up: "pscp -scp -P {port} -hostkey {print} {from} {who}@127.0.0.1:{to}",
        down: "pscp -scp -P {port} -hostkey {print} {who}@127.0.0.1:{from} {to}",
        cut: SAID,
        denied: r"\[Poterne\] refused: scp\. The intervention does not include this right",
    },
    Copier {
        name: "pscp",
        up: "pscp -sftp -P {port} -hostkey {print} {from} {who}@127.0.0.1:{to}",
        down: "pscp -sftp -P {port} -hostkey {print} {who}@127.0.0.1:{from} {to}",
        cut: SAID,
        denied: "unable to open .*: permission denied",
    },
    Copier {
        name: "psftp",
        up: "echo put {from} {to} > {to}.batch; psftp -b {to}.batch -P {port} -hostkey {print} {who}@127.0.0.1",
        down: "echo get {from} {to} > {to}.batch; psftp -b {to}.batch -P {port} -hostkey {print} {who}@127.0.0.1",
        cut: SAID,
        denied: "open for write: permission denied",
    },
    // It drops the reason of a disconnect.
    Copier {
        name: "dbclient and cat",
        up: "dbclient -y -y -p {port} {who}@127.0.0.1 'cat > {to}' < {from}",
        down: "dbclient -y -y -p {port} {who}@127.0.0.1 'cat {from}' > {to}",
        cut: "",
        denied: "",
    },
    Copier {
        name: "scp over dbclient",
        up: "scp -S {dbclient} -P {port} {from} {who}@127.0.0.1:{to}",
        down: "scp -O -S {dbclient} -P {port} {who}@127.0.0.1:{from} {to}",
        cut: "lost connection",
        denied: "dest open .*: Permission denied",
    },
    // Python's libraries tell of a connection that is gone, and keep why.
    Copier {
        name: "paramiko",
        up: "{python}/paramiko_files.py {port} {who} up {from} {to}",
        down: "{python}/paramiko_files.py {port} {who} down {from} {to}",
        cut: "Socket is closed|EOFError",
        denied: "PermissionError: .*the right sftp-write is missing",
    },
    Copier {
        name: "asyncssh",
        up: "{python}/asyncssh_files.py {port} {who} sftp up {from} {to}",
        down: "{python}/asyncssh_files.py {port} {who} sftp down {from} {to}",
        cut: "SFTPConnectionLost|SFTPNoConnection",
        denied: "SFTPPermissionDenied: .*the right sftp-write is missing",
    },
    Copier {
        name: "asyncssh, by scp",
        up: "{python}/asyncssh_files.py {port} {who} scp up {from} {to}",
        down: "{python}/asyncssh_files.py {port} {who} scp down {from} {to}",
        cut: "SFTPConnectionLost|SFTPNoConnection",
        denied: "SFTPConnectionLost: Connection lost",
    },
];

/// A hospital in which each copier is a technician, because a code is good once.
struct Bench {
    site: Site,
    print: String,
}

impl Bench {
    fn with(rights: &[&'static str]) -> Bench {
        let options =
            SiteOptions { rights: rights.to_vec(), technicians: COPIERS.len(), approvers: 8, ..SiteOptions::default() };
        let site = Site::with(options);
        site.await_open();
        // dbclient takes most options of scp's; what it is to do about the host key it is told here.
        let script = "#!/bin/sh\nexec dbclient -y -y \"$@\"\n";
        std::fs::write(site.folder().join("dbclient"), script).unwrap();
        let runs = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(site.folder().join("dbclient"), runs).unwrap();
        Bench { print: fingerprint(&site), site }
    }

    fn start(&self, login: &str, line: &str, from: &Path, to: &Path) -> Terminal {
        let python = python("");
        let ssh = self.site.ssh_options().join(" ").replace("-p ", "-oPort=");
        let line = line
            .replace("{python}", python.join(" ").trim_end_matches('/'))
            .replace("{dbclient}", &self.site.folder().join("dbclient").display().to_string())
            .replace("{ssh}", &ssh)
            .replace("{print}", &self.print)
            .replace("{port}", &self.site.port.to_string())
            .replace("{who}", &format!("{login}+scanner"))
            .replace("{from}", &from.display().to_string())
            .replace("{to}", &to.display().to_string());
        Terminal::start("sh", &["-c", &line])
    }

    /// Through the lobby, with the `n`th approver.
    fn approved(&self, n: usize, line: &str, from: &Path, to: &Path) -> Terminal {
        let login = self.site.technicians[n].login.clone();
        let mut terminal = self.start(&login, line, from, to);
        let (number, code) = self.site.walk(&mut terminal, &login, &Answers::default());
        let out = self.site.approve_as(&format!("marc-{}", n % 8), number, &code);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        terminal.expect("APPROVED until");
        terminal
    }

    fn is_over(&self) {
        eventually("the session ends", || self.site.last_session()["state"] == "ended");
    }
}

/// What is sent arrives as it is, both ways; and but for `cat` the register has each file's digest.
#[test]
fn copiers_get_through_and_bytes_arrive() {
    let bench = Bench::with(&ALL);
    let source = bench.site.folder().join("source");
    let content: Vec<u8> =
        (0..700_001_u32).flat_map(|n| n.wrapping_mul(0x9E37_79B9).to_be_bytes()[..1].to_vec()).collect();
    std::fs::write(&source, content).unwrap();
    let digest = sha256(&source);
    for (n, copier) in COPIERS.iter().enumerate() {
        let before = bench.site.entries("file-moved").len();
        for (way, line) in [("up", copier.up), ("down", copier.down)] {
            let to = bench.site.folder().join(format!("{way}-{n}"));
            let mut terminal = bench.approved(n, line, &source, &to);
            let status = terminal.wait();
            assert!(status.success(), "{} {way}: {}", copier.name, terminal.shown());
            assert_eq!(sha256(&to), digest, "{} {way}", copier.name);
            bench.is_over();
        }
        let moved = bench.site.entries("file-moved").split_off(before);
        let seen: Vec<_> = moved
            .iter()
            .map(|one| (one["direction"].as_str().unwrap(), one["sha256"] == digest.as_str(), one["result"] == "done"))
            .collect();
        let wanted = [("to-target", true, true), ("from-target", true, true)];
        assert_eq!(
            seen,
            if copier.name.ends_with("cat") { vec![] } else { wanted.to_vec() },
            "{}: {moved:?}",
            copier.name
        );
    }
}

/// The reason is on the screen, nothing is copied, and a script sees a failure.
#[test]
fn copiers_show_why_not() {
    let bench = Bench::with(&ALL);
    let source = bench.site.folder().join("source");
    std::fs::write(&source, b"source").unwrap();
    for (n, copier) in COPIERS.iter().enumerate() {
        let (login, to) = (bench.site.technicians[n].login.clone(), bench.site.folder().join(format!("up-{n}")));
        let mut terminal = bench.start(&login, copier.up, &source, &to);
        let (number, _) = bench.site.walk(&mut terminal, &login, &Answers::default());
        let person = bench.site.member(&format!("marc-{}", n % 8));
        let secrets = format!("{}\n{}\n", person.password, person.fresh_code());
        let refusal = ["intervention", "refuse", &number.to_string(), "--reason", "not tonight", "--as", &person.login];
        let out = bench.site.poterne(&refusal, &secrets);
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        terminal.expect("REFUSED by the hospital: not tonight");
        terminal.expect("Help: https://chu.example/aide");
        let status = terminal.wait();
        assert!(!status.success() && !to.exists(), "{}: {status} {}", copier.name, terminal.shown());
    }
    assert!(bench.site.entries("session-admitted").is_empty());
}

/// Cut in the middle each ends at once, and the register says that it was a part.
#[test]
fn copiers_end_when_cut() {
    let bench = Bench::with(&ALL);
    let source = bench.site.folder().join("source");
    std::fs::File::create(&source).unwrap().set_len(LARGE).unwrap();
    for (n, copier) in COPIERS.iter().enumerate() {
        let to = bench.site.folder().join(format!("up-{n}"));
        let before = bench.site.entries("file-moved").len();
        let mut terminal = bench.approved(n, copier.up, &source, &to);
        let part = to.with_extension("part");
        let arrived = || [&to, &part].iter().any(|path| std::fs::metadata(path).is_ok_and(|one| one.len() > UNDER_WAY));
        eventually(&format!("{} is under way: {}", copier.name, terminal.shown()), arrived);
        let session = bench.site.last_session()["id"].as_str().unwrap().to_owned();
        bench.site.ok(&["session", "cut", &session, "--reason", "enough"]);
        if !copier.cut.is_empty() {
            terminal.expect(copier.cut);
        }
        let status = terminal.wait();
        assert!(!status.success(), "{}: {}", copier.name, terminal.shown());
        bench.is_over();
        let moved = bench.site.entries("file-moved").split_off(before);
        assert!(moved.iter().all(|one| one["result"] == "partial"), "{}: {moved:?}", copier.name);
        assert_eq!(moved.len(), usize::from(!copier.name.ends_with("cat")), "{}: {moved:?}", copier.name);
        let _ = (std::fs::remove_file(&to), std::fs::remove_file(&part));
    }
}

/// Who may only read learns it at the first file, in the client's own words where it hides ours.
#[test]
fn copiers_show_that_a_right_is_missing() {
    let bench = Bench::with(&["sftp-read", "scp-read"]);
    let source = bench.site.folder().join("source");
    std::fs::write(&source, b"source").unwrap();
    for (n, copier) in COPIERS.iter().enumerate().filter(|(_, copier)| !copier.denied.is_empty()) {
        let to = bench.site.folder().join(format!("up-{n}"));
        let mut terminal = bench.approved(n, copier.up, &source, &to);
        terminal.expect(copier.denied);
        terminal.wait();
        assert!(!to.exists(), "{}", copier.name);
        bench.is_over();
    }
}
