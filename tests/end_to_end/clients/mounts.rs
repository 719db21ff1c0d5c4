//! sshfs: a target's folder as a folder of the technician's.

use crate::files::{Transfers, sha256};
use harness::{Site, SiteOptions, Terminal, eventually};
use std::path::{Path, PathBuf};
use std::process::Command;

fn options() -> SiteOptions {
    SiteOptions { rights: vec!["sftp-read", "sftp-write"], ..SiteOptions::default() }
}

/// Without the device nothing can be mounted; then it is said, and nothing else is tried.
fn no_fuse() -> bool {
    let missing = !Path::new("/dev/fuse").exists();
    if missing {
        eprintln!("skipped: this machine has no /dev/fuse, so sshfs cannot mount anything");
    }
    missing
}

/// A mounted folder, that is not left behind.
struct Mount(PathBuf);

impl Mount {
    fn at(site: &Site) -> (PathBuf, Mount) {
        let (there, here) = (site.folder().join("there"), site.folder().join("mnt"));
        std::fs::create_dir(&there).unwrap();
        std::fs::create_dir(&here).unwrap();
        (there, Mount(here))
    }

    fn is_there(&self) -> bool {
        Command::new("mountpoint").arg("-q").arg(&self.0).status().unwrap().success()
    }

    fn leave(&self) -> bool {
        Command::new("fusermount3").arg("-qu").arg(&self.0).status().unwrap().success()
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("fusermount3").arg("-quz").arg(&self.0).status();
    }
}

/// What people do with a mounted folder; the register has what passed.
fn is_used(site: &Site, mount: &Mount, there: &Path) {
    let source = site.folder().join("source");
    std::fs::write(&source, vec![42; 300_007]).unwrap();
    let here = &mount.0;
    std::fs::copy(&source, here.join("one")).unwrap();
    std::fs::rename(here.join("one"), here.join("two")).unwrap();
    std::fs::create_dir(here.join("folder")).unwrap();
    assert_eq!(sha256(&there.join("two")), sha256(&source));
    std::fs::write(there.join("read"), vec![43; 200_003]).unwrap();
    assert_eq!(std::fs::read(here.join("read")).unwrap(), vec![43; 200_003]);
    let mut names: Vec<_> =
        std::fs::read_dir(here).unwrap().map(|one| one.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["folder", "read", "two"]);
    std::fs::remove_file(here.join("two")).unwrap();
    let df = Command::new("df").arg(here).output().unwrap();
    assert!(df.status.success() && String::from_utf8_lossy(&df.stdout).contains("scanner@127.0.0.1"), "{df:?}");
    eventually("it can be left", || mount.leave());
    eventually("the register has both", || site.entries("file-moved").len() >= 2);
    let moved = site.entries("file-moved");
    let digest = sha256(&source);
    assert!(moved.iter().any(|one| one["direction"] == "to-target" && one["sha256"] == digest.as_str()), "{moved:?}");
    let digest = sha256(&there.join("read"));
    assert!(moved.iter().any(|one| one["direction"] == "from-target" && one["sha256"] == digest.as_str()), "{moved:?}");
}

/// It shows neither banner nor instructions: the prompts alone have to lead through.
#[test]
fn sshfs_through_the_lobby() {
    if no_fuse() {
        return;
    }
    let site = Site::with(SiteOptions { technicians: 2, ..options() });
    let (there, mount) = Mount::at(&site);
    site.await_open();
    let ssh = site.ssh_options().join(" ").replace("-F none", "-F /dev/null");
    // Its `ssh` goes with the terminal, so something stays in it.
    let line = |login: &str| {
        let (there, here) = (there.display(), mount.0.display());
        format!("sshfs {ssh} {login}+scanner@127.0.0.1:{there} {here}; echo mounted-$?; read held")
    };
    let walk = |login: &str| {
        let mut terminal = Terminal::start("sh", &["-c", &line(login)]);
        let person = site.technician(login);
        for (prompt, answer) in [
            ("Password: ", person.password.clone()),
            ("code: ", person.fresh_code()),
            ("You are recorded. Type YES to accept: ", "YES".to_owned()),
            ("Reason[^:]*: ", "PACS disk full".to_owned()),
            ("Ticket[^:]*: ", String::new()),
        ] {
            terminal.expect(prompt);
            terminal.type_line(&answer);
        }
        let code = terminal.expect(r"Code ([A-Z0-9]{4})\. Press Enter to send: ").remove(0);
        terminal.type_line("");
        (terminal, code)
    };
    let (mut terminal, code) = walk("alice");
    eventually("the request waits", || site.json(&["intervention", "list"])[0]["state"] == "requested");
    site.approve(1, &code);
    // It goes into the background once it has mounted.
    terminal.expect("mounted-0");
    assert!(mount.is_there());
    is_used(&site, &mount, &there);
    site.ended_session();

    let (mut terminal, _) = walk("bruno");
    eventually("the request waits", || site.json(&["intervention", "list"])[0]["state"] == "requested");
    let number = site.json(&["intervention", "list"])[0]["number"].as_u64().unwrap();
    super::refuse(&site, number, "not tonight");
    terminal.expect("Connection reset by peer");
    terminal.expect("mounted-1");
    assert!(!mount.is_there());
}

/// Over a connection that somebody opened, and cut while something is written.
#[test]
fn sshfs_over_a_master_and_cut() {
    if no_fuse() {
        return;
    }
    let all = Transfers::with(options());
    let site = &all.site;
    let (there, mount) = Mount::at(site);
    let ssh = format!(
        "ssh_command=ssh {} -oBatchMode=yes -S {}",
        site.ssh_options().join(" "),
        site.folder().join("ctl-alice").display()
    );
    let port = site.port.to_string();
    let mounted = || {
        let out = Command::new("sshfs")
            .args(["-o", &ssh, "-p", &port, &format!("alice+scanner@127.0.0.1:{}", there.display())])
            .arg(&mount.0)
            .output()
            .unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    };
    mounted();
    is_used(site, &mount, &there);
    mounted();
    let line = format!("cat /dev/zero > {}/large", mount.0.display());
    let mut writing = Terminal::start("sh", &["-c", &line]);
    eventually("it is under way", || std::fs::metadata(there.join("large")).is_ok_and(|one| one.len() > 1 << 20));
    let session = site.last_session()["id"].as_str().unwrap().to_owned();
    site.ok(&["session", "cut", &session, "--reason", "enough"]);
    writing.expect("write error");
    assert!(!writing.wait().success());
    site.ended_session();
    let last = site.entries("file-moved").pop().unwrap();
    assert_eq!(last["result"], "partial", "{last}");
}
