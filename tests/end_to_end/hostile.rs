//! Clients and targets that mean harm, around files: what they send without end is bounded, and whoever
//! goes on is cut (promise: other sessions do not feel it).

use crate::clients::python;
use crate::raw::approved;
use harness::{Site, SiteOptions, eventually, free_port};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What the program may take at most in any of these, in KiB: a third of what each once sent it.
const BOUND: u64 = 160 << 10;

/// The largest that the program has been, in KiB.
fn peak(site: &Site) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", site.daemon_pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// In the place of the site's own target: its keys, another port.
struct Hostile {
    child: Child,
    said: PathBuf,
}

impl Hostile {
    fn site(manner: &str) -> (Site, Hostile) {
        let port = free_port();
        let rights = vec!["sftp-read"];
        let site = Site::with(SiteOptions { elsewhere: Some(port), rights, ..SiteOptions::default() });
        let folder = site.folder().join("sshd");
        let file = |name: &str| folder.join(name).display().to_string();
        let mut line = python("hostile_target.py");
        line.extend([port.to_string(), file("host"), file("authorized_keys"), file("said"), manner.to_owned()]);
        let (program, args) = line.split_first().unwrap();
        let child = Command::new(program).args(args).stdin(Stdio::null()).spawn().unwrap();
        eventually("the target listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        (site, Hostile { child, said: folder.join("said") })
    }

    /// How many it has sent, once it gets no further.
    fn stuck_at(&self) -> u64 {
        let now = || std::fs::read_to_string(&self.said).ok().and_then(|said| said.parse().ok()).unwrap_or(0);
        let mut before = 0;
        loop {
            // Nothing tells that nothing happens any more but time.
            std::thread::sleep(Duration::from_secs(2));
            match now() {
                0 => {}
                same if same == before => return same,
                more => before = more,
            }
        }
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A target's last words have no length of their own, and can be said again and again.
#[test]
fn a_targets_last_words_do_not_fill_the_memory() {
    let (site, target) = Hostile::site("words");
    approved(&site, "alice", &["sftp-unread"], |site| {
        let sent = target.stuck_at();
        let peak = peak(site);
        println!("{sent} of 2000 taken, {peak} KiB at most");
        assert!(sent < 2000 && peak < BOUND, "{sent} taken, {peak} KiB");
    });
}

/// No window bounds what tells of a window's size: a channel whose pump waits keeps it all.
#[test]
fn a_client_that_resizes_without_end_is_cut() {
    let site = Site::with(SiteOptions { rights: vec!["sftp-read"], ..SiteOptions::default() });
    approved(&site, "alice", &["resizes", "600000"], |site| {
        println!("{} KiB at most", peak(site));
        assert!(peak(site) < BOUND, "{} KiB", peak(site));
        let session = site.ended_session();
        assert!(session.to_string().contains("client-fault"), "{session}");
    });
}
