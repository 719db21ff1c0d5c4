//! The disk: full, read-only, failing; under the recordings, under the journal, under both.

use super::{approved_but, ended_with, of, sshd_log};
use harness::{Site, SiteOptions, eventually};
use recorder::FrameKind;
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A small disk of its own, mounted on a folder.
pub(super) struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path, kibibytes: u32) -> SmallDisk {
        let size = format!("size={kibibytes}k,mode=700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).status().unwrap();
        assert!(mounted.success(), "these tests mount a tmpfs: run them as root");
        SmallDisk(folder.to_owned())
    }

    /// In the place of a folder of a daemon that is stopped, with what is in it.
    fn under(folder: &Path, kibibytes: u32) -> SmallDisk {
        let copy = folder.with_extension("before");
        fs::rename(folder, &copy).unwrap();
        fs::create_dir(folder).unwrap();
        let disk = SmallDisk::mount(folder, kibibytes);
        let inside = format!("{}/.", copy.display());
        assert!(Command::new("cp").arg("-a").arg(inside).arg(folder).status().unwrap().success());
        disk
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        self.fill_to(0);
    }

    /// Takes all the room but so many bytes.
    fn fill_to(&self, left: u64) {
        let zeros = fs::File::open("/dev/zero").unwrap();
        let mut file = fs::OpenOptions::new().create(true).append(true).open(self.0.join("filler")).unwrap();
        let found = rustix::fs::statvfs(&self.0).unwrap();
        let most = (found.f_bavail * found.f_frsize).saturating_sub(left);
        let most = if left == 0 { u64::MAX } else { most };
        match std::io::copy(&mut std::io::Read::take(zeros, most), &mut file) {
            Ok(written) => assert_eq!(written, most),
            Err(full) => assert_eq!(full.kind(), std::io::ErrorKind::StorageFull),
        }
    }

    fn clear(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the daemon may have files open on it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A folder behind a file system that fails when it is told to.
pub(super) struct FaultyDisk {
    folder: PathBuf,
    word: PathBuf,
    server: Child,
}

impl FaultyDisk {
    /// Under a folder of a daemon that is stopped. `None`, said aloud: this machine has no FUSE.
    pub(super) fn under(folder: &Path) -> Option<FaultyDisk> {
        if !Path::new("/dev/fuse").exists() {
            eprintln!("NOT SHOWN: this machine has no /dev/fuse, so no disk can be made to fail");
            return None;
        }
        let (behind, word) = (folder.with_extension("behind"), folder.with_extension("word"));
        fs::rename(folder, &behind).unwrap();
        fs::create_dir(folder).unwrap();
        fs::write(&word, "well").unwrap();
        let program = crate::clients::python("faults/faulty_fs.py");
        let (python, args) = program.split_first().unwrap();
        let server = Command::new(python)
            .args(args)
            .args([&behind, folder, &word])
            .stdin(Stdio::null())
            .spawn()
            .expect("python3-fusepy");
        let disk = FaultyDisk { folder: folder.to_owned(), word, server };
        eventually("it is mounted", || {
            fs::read_to_string("/proc/self/mounts").unwrap().contains(&format!(" {} fuse", folder.display()))
        });
        Some(disk)
    }

    /// From now on.
    pub(super) fn says(&self, word: &str) {
        // Replaced as a whole: the server reads it at any time.
        let new = self.word.with_extension("new");
        fs::write(&new, word).unwrap();
        fs::rename(new, &self.word).unwrap();
    }
}

impl Drop for FaultyDisk {
    fn drop(&mut self) {
        let _ = fs::write(&self.word, "well");
        let _ = Command::new("umount").arg("-l").arg(&self.folder).status();
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

fn lacks(site: &Site) -> Value {
    site.json(&["status"])["lacks"].clone()
}

/// REC-02: no recording, no session; the target never hears of it.
#[test]
fn without_a_place_for_recordings_nothing_opens() {
    let site = Site::start();
    let folder = site.state().join("recordings");
    fs::rename(&folder, site.folder().join("elsewhere")).unwrap();
    fs::write(&folder, "").unwrap();
    approved_but(&site, "cannot open anything now");
    ended_with(&site, "recorder-failed");
    assert!(!sshd_log(&site).contains("Accepted"), "{}", sshd_log(&site));
}

/// REC-02, "terminal recorder lost -> session continues": the disk of the recordings fills up in mid-session. It ends, and no byte was shown that is not recorded.
/// Past failures: PAST-recorder-lost.
#[test]
fn a_full_disk_ends_the_session_before_an_unrecorded_byte() {
    let site = Site::start();
    let _disk = SmallDisk::mount(&site.state().join("recordings"), 6 << 10);
    let mut terminal = site.shell("alice");
    terminal.type_line("seq -f 'line %.0f' 1 99999999");
    let session = ended_with(&site, "recorder-failed");
    terminal.expect("the bastion cannot record any more");
    terminal.wait();
    // The disk is full: it cannot be sealed, and the spool stays.
    let recorded = of(&site.spooled_frames(session["id"].as_str().unwrap()), FrameKind::Output);
    let shown = terminal.shown();
    let from = shown.find("line 1\r\n").unwrap();
    let to = shown.find("\r\n[Poterne] Session ended").unwrap();
    assert!(to - from > 100_000, "{}", to - from);
    assert!(recorded.contains(&shown[from..to]), "every byte that was shown is recorded");
}

/// REC-02, LOG-12: a disk that fills up refuses what is new first, in words; then ends what goes on while it can
/// be closed, out of what was laid by; staff sign in all the while, make room, and it goes on by itself.
#[test]
fn a_disk_that_fills_up_refuses_first_and_closes_in_order() {
    let mut site = Site::with(SiteOptions { technicians: 2, ..SiteOptions::default() });
    site.stop_daemon();
    let disk = SmallDisk::under(&site.state(), 24 << 10);
    site.start_daemon();
    let reserve = site.state().join("reserve");
    assert_eq!(fs::metadata(&reserve).unwrap().len(), 1 << 20);
    let mut alice = site.shell("alice");
    alice.type_line("echo $((6*7))");
    alice.expect("42\r\n");

    disk.fill_to(2 << 20);
    eventually("it is found", || lacks(&site)["room"].is_string());
    assert_eq!(site.entries("lack-found")[0]["lack"], "room");
    let mut bruno = site.ssh("bruno+scanner", &[], &[]);
    bruno.expect("Password: ");
    bruno.type_line(&site.technician("bruno").password);
    bruno.expect("code: ");
    bruno.type_line(&site.technician("bruno").fresh_code());
    bruno.expect("no room left to record");
    bruno.wait();
    alice.type_line("echo $((7*7))");
    alice.expect("49\r\n");

    disk.fill();
    alice.expect("the bastion cannot record any more");
    alice.wait();
    let session = ended_with(&site, "recorder-failed");
    assert!(!reserve.exists(), "the reserve was given up");
    // In a full disk's reserve the journal goes on.
    site.sign_in("nadia");
    site.ok(&["technician", "disable", "bruno", "--reason", "meanwhile"]);
    assert_eq!(site.entries("technician-disabled").len(), 1);
    let shown = of(&site.spooled_frames(session["id"].as_str().unwrap()), FrameKind::Output);
    assert!(shown.contains("49\r\n"), "{shown}");

    disk.clear();
    eventually("it is over", || lacks(&site) == json!({}));
    assert!(reserve.exists(), "the reserve is laid by again");
    assert_eq!(site.entries("lack-over").len(), 1);
    let mut alice = site.shell("alice");
    alice.type_line("exit");
    alice.wait();
    site.ended_session();
    let key = site.journal_key();
    site.stop_daemon();
    assert!(site.check_journal(&key).findings.is_empty());
}

/// Promise 4: a journal that cannot be written ends every session; staff and technicians are told.
#[test]
fn a_full_disk_under_the_journal_ends_everything() {
    let mut site = Site::with(SiteOptions { technicians: 2, ..SiteOptions::default() });
    site.stop_daemon();
    let journal = site.state().join("journal");
    let disk = SmallDisk::under(&journal, 1024);
    site.start_daemon();
    let mut terminal = site.shell("alice");
    terminal.type_line("echo $((6*7))");
    terminal.expect("42\r\n");
    disk.fill();
    // Whatever is journalled next brings it out.
    eventually("the journal is gone", || {
        let out = site.poterne(&["reload"], "");
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        !out.status.success() && said.contains("the journal cannot be written")
    });
    terminal.expect("the bastion cannot record any more");
    assert_eq!(terminal.wait().code(), Some(255));
    let out = site.poterne(&["session", "list"], "");
    assert!(!out.status.success());
    assert!(String::from_utf8_lossy(&out.stderr).contains("nothing opens"), "staff are told");
    let mut another = site.ssh("bruno+scanner", &[], &[]);
    another.expect("Password: ");
    another.type_line(&site.technician("bruno").password);
    another.expect("code: ");
    another.type_line(&site.technician("bruno").fresh_code());
    assert_eq!(another.wait().code(), Some(255), "nobody comes in any more");
    assert!(!another.shown().contains("YES"), "{}", another.shown());

    disk.clear();
    site.kill_daemon();
    site.start_daemon();
    let session = site.ended_session();
    assert_eq!(session["cause"], "interrupted", "{session}");
    assert!(site.check_journal(&site.journal_key()).findings.is_empty());
    drop(site);
    drop(disk);
}

/// REC-02, "terminal recorder lost -> session continues": recordings that fail in mid-session, at a write or at a
/// sync, end it; where nothing can be written at all, nothing opens.
#[test]
fn recordings_that_fail_end_the_session() {
    let mut site = Site::start();
    site.stop_daemon();
    let Some(disk) = FaultyDisk::under(&site.state().join("recordings")) else { return };
    site.start_daemon();
    for word in ["io-error", "sync-error", "read-only"] {
        disk.says("well");
        let mut terminal = site.shell("alice");
        terminal.type_line("echo $((6*7))");
        terminal.expect("42\r\n");
        let known = site.entries("session-ended").len();
        disk.says(word);
        // What is typed is not recorded, and does not pass.
        terminal.type_raw(b"#");
        eventually("it ends", || {
            terminal.type_raw(b"#");
            site.entries("session-ended").len() > known
        });
        terminal.expect("the bastion cannot record any more");
        terminal.wait();
        assert_eq!(site.ended_session()["cause"], "recorder-failed", "{word}");
    }
    disk.says("read-only");
    let mut terminal = site.ssh("alice+scanner", &[], &[]);
    let (number, code) = site.walk(&mut terminal, "alice", &harness::Answers::default());
    site.approve(number, &code);
    terminal.expect("cannot open anything now");
    terminal.wait();
    assert_eq!(sshd_log(&site).matches("Accepted publickey").count(), 3, "the target never heard of the fourth");
    site.stop_daemon();
}

/// Promise 4, 7: a journal that fails, at a write or at a sync, or that is mounted read-only, ends everything;
/// staff are told, and a start over such a disk is refused in words.
#[test]
fn a_journal_that_fails_ends_everything() {
    let mut site = Site::start();
    let key = site.journal_key();
    site.stop_daemon();
    let Some(disk) = FaultyDisk::under(&site.state().join("journal")) else { return };
    for word in ["io-error", "sync-error", "read-only"] {
        site.start_daemon();
        let mut terminal = site.shell("alice");
        terminal.type_line("echo $((6*7))");
        terminal.expect("42\r\n");
        disk.says(word);
        let out = site.poterne(&["reload"], "");
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(!out.status.success() && said.contains("the journal cannot be written"), "{word}: {said}");
        terminal.expect("the bastion cannot record any more");
        terminal.wait();
        site.kill_daemon();
        if word != "sync-error" {
            let said = site.refuses_to_start();
            assert!(said.contains("journal"), "{word}: {said}");
        }
        disk.says("well");
    }
    site.start_daemon();
    let ended = site.entries("session-ended");
    assert_eq!(ended.len(), 3);
    assert!(ended.iter().all(|end| end["cause"] == "interrupted"), "{ended:?}");
    site.stop_daemon();
    assert!(site.check_journal(&key).findings.is_empty());
}

/// D25: a session that reaches its quota is frozen and says so; others go on.
#[test]
fn a_session_at_its_quota_freezes_alone() {
    let recordings = "session-quota = \"16 MiB\"".to_owned();
    let site = Site::with(SiteOptions { recordings, technicians: 2, ..SiteOptions::default() });
    let mut other = site.shell("bruno");
    let mut terminal = site.shell("alice");
    terminal.type_line("head -c 14000000 /dev/zero | base64; echo still $((1+1))");
    terminal.expect("Frozen: the recording has reached its limit");
    terminal.type_line("echo typed in vain");
    terminal.expect("What you type while frozen is recorded and thrown away");
    other.type_line("echo $((6*7)); exit");
    other.expect("42\r\n");
    other.wait();
    let live = site.json(&["session", "list"]);
    let id = live[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(live[0]["technician"], "alice");
    eventually("the freeze is journalled", || site.entries("session-frozen").len() == 1);
    assert_eq!(site.entries("session-frozen")[0]["cause"], "quota");
    terminal.kill();
    eventually("it ends", || site.json(&["session", "list"]).as_array().unwrap().is_empty());
    let frames = site.recording(&id);
    assert!(of(&frames, FrameKind::InputDropped).contains("typed in vain"));
    assert!(!of(&frames, FrameKind::Input).contains("typed in vain"));
    assert!(!of(&frames, FrameKind::Output).contains("still 2"), "nothing moved after the freeze");
    assert!(of(&frames, FrameKind::Marker).contains("reached its limit"));
}
