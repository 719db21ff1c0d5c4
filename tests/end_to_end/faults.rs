//! What breaks around the gateway: disks, the target, the vault. Whatever it is, nothing opens that
//! is not recorded and journalled, and whoever waits is told.

use harness::{Answers, Site, SiteOptions, Terminal, eventually};
use recorder::{Frame, FrameKind};
use serde_json::Value;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A small disk of its own, mounted on a folder.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path, kibibytes: u32) -> SmallDisk {
        let size = format!("size={kibibytes}k,mode=700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder).status().unwrap();
        assert!(mounted.success(), "these tests mount a tmpfs: run them as root");
        SmallDisk(folder.to_owned())
    }

    /// Takes all the room that is left.
    fn fill(&self) {
        let mut zeros = fs::File::open("/dev/zero").unwrap();
        let mut file = fs::File::create(self.0.join("filler")).unwrap();
        let full = std::io::copy(&mut zeros, &mut file).unwrap_err();
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: the daemon may have files open on it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn of(frames: &[Frame], kind: FrameKind) -> String {
    let bytes: Vec<u8> =
        frames.iter().filter(|frame| frame.kind == kind).flat_map(|frame| frame.data.to_vec()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn sshd_log(site: &Site) -> String {
    fs::read_to_string(site.folder().join("sshd/sshd.log")).unwrap()
}

/// Approves, and expects what is shown instead of the way in.
fn approved_but(site: &Site, shown: &str) -> Terminal {
    let mut terminal = site.ssh("alice+scanner", &[], &[]);
    let (number, code) = site.walk(&mut terminal, "alice", &Answers::default());
    site.approve(number, &code);
    terminal.expect(shown);
    terminal.wait();
    let state = || site.json(&["intervention", "show", &number.to_string()])["state"].clone();
    eventually("the intervention is over", || state() == "ended");
    terminal
}

fn ended_with(site: &Site, cause: &str) -> Value {
    let session = site.ended_session();
    assert_eq!(session["cause"], cause, "{session}");
    assert!(session["duration"].is_u64());
    assert_eq!(site.entries("session-ended").len(), 1);
    assert_eq!(site.entries("intervention-ended").len(), 1);
    session
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

/// REC-02: the disk fills up in mid-session. It ends, and no byte was shown that is not recorded.
/// Past failures: PAST-recorder-lost.
#[test]
fn a_full_disk_ends_the_session_before_an_unrecorded_byte() {
    let site = Site::start();
    let _disk = SmallDisk::mount(&site.state().join("recordings"), 512);
    let mut terminal = site.shell("alice");
    terminal.type_line("i=0; while :; do i=$((i+1)); echo line $i; done");
    terminal.expect("the bastion cannot record any more");
    terminal.wait();
    let session = ended_with(&site, "recorder-failed");
    // The disk is full: it cannot be sealed, and the spool stays.
    let recorded = of(&site.spooled_frames(session["id"].as_str().unwrap()), FrameKind::Output);
    let shown = terminal.shown();
    let from = shown.find("line 1\r\n").unwrap();
    let to = shown.find("\r\n[Poterne] Session ended").unwrap();
    assert!(to - from > 100_000, "{}", to - from);
    assert!(recorded.contains(&shown[from..to]), "every byte that was shown is recorded");
}

/// Promise 4: a journal that cannot be written ends every session; staff and technicians are told.
#[test]
fn a_full_disk_under_the_journal_ends_everything() {
    let mut site = Site::with(SiteOptions { technicians: 2, ..SiteOptions::default() });
    site.stop_daemon();
    let journal = site.state().join("journal");
    let copy = site.folder().join("copy");
    fs::rename(&journal, &copy).unwrap();
    fs::create_dir(&journal).unwrap();
    let disk = SmallDisk::mount(&journal, 1024);
    let inside = format!("{}/.", copy.display());
    assert!(Command::new("cp").arg("-a").arg(inside).arg(&journal).status().unwrap().success());
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

    fs::remove_file(journal.join("filler")).unwrap();
    site.kill_daemon();
    site.start_daemon();
    let session = site.ended_session();
    assert_eq!(session["cause"], "interrupted", "{session}");
    assert!(site.check_journal(&site.journal_key()).findings.is_empty());
    drop(site);
    drop(disk);
}

/// A target that is not there: the technician is told, and the intervention is over.
#[test]
fn a_target_that_is_down_is_said_to_be() {
    let site = Site::start();
    let sshd = rustix::process::Pid::from_raw(site.sshd.pid().cast_signed()).unwrap();
    rustix::process::kill_process(sshd, rustix::process::Signal::TERM).unwrap();
    eventually("sshd is gone", || std::net::TcpStream::connect(("127.0.0.1", site.sshd.port)).is_err());
    approved_but(&site, "scanner was not reached");
    ended_with(&site, "target");
}

/// NET-06: another host key than the pinned one gets neither a name nor a credential.
/// Past failures: CVE-2026-91166, CVE-2025-26465.
#[test]
fn a_target_with_another_host_key_gets_nothing() {
    let site = Site::with(SiteOptions { sshd: "LogLevel DEBUG1".to_owned(), ..SiteOptions::default() });
    let host = site.folder().join("sshd/host");
    fs::remove_file(&host).unwrap();
    fs::remove_file(host.with_extension("pub")).unwrap();
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(&host).status().unwrap();
    assert!(made.success());
    let sshd = rustix::process::Pid::from_raw(site.sshd.pid().cast_signed()).unwrap();
    rustix::process::kill_process(sshd, rustix::process::Signal::HUP).unwrap();
    let pinned = site.sshd.host_key.split(' ').nth(1).unwrap().to_owned();
    eventually("sshd has its new key", || {
        let scan = Command::new("ssh-keyscan").args(["-p", &site.sshd.port.to_string(), "127.0.0.1"]).output().unwrap();
        let keys = String::from_utf8_lossy(&scan.stdout).into_owned();
        keys.contains("ssh-ed25519") && !keys.contains(&pinned)
    });
    approved_but(&site, "scanner was not reached");
    ended_with(&site, "target");
    let log = sshd_log(&site);
    assert!(!log.contains("userauth-request") && !log.contains("root"), "nothing was sent:\n{log}");
    assert!(site.log().contains("another host key than the pinned one"));
}

/// A target that refuses the credential.
#[test]
fn a_target_that_refuses_the_credential_is_said_to_be_out_of_reach() {
    let site = Site::start();
    fs::write(site.folder().join("sshd/authorized_keys"), "").unwrap();
    approved_but(&site, "scanner was not reached");
    ended_with(&site, "target");
    assert!(site.log().contains("refuses the credential in the vault"));
}

/// HRD-10: without its key, or with one that others can read, the vault opens nothing.
#[test]
fn a_vault_without_a_key_of_its_own_keeps_it_shut() {
    let mut site = Site::start();
    site.stop_daemon();
    let key = site.state().join("vault/vault-key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let said = site.refuses_to_start();
    assert!(said.contains("can be read by others") && said.contains("chmod 600"), "{said}");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let kept = site.folder().join("vault-key");
    fs::rename(&key, &kept).unwrap();
    for _ in 0..2 {
        let said = site.refuses_to_start();
        assert!(said.contains("is missing") && said.contains("backup"), "{said}");
        assert!(!key.exists(), "no new key was put in its place");
    }
    fs::write(&key, "nonsense").unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let said = site.refuses_to_start();
    assert!(said.contains("is not an age identity"), "{said}");
    fs::rename(&kept, &key).unwrap();
    site.start_daemon();
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

/// APR-03, D26: under required supervision a session begins frozen: nothing starts on the target,
/// and what is typed is recorded and thrown away.
#[test]
fn under_required_supervision_nothing_starts_before_somebody_watches() {
    let site = Site::with(SiteOptions { supervision: "required", ..SiteOptions::default() });
    let mut terminal = site.shell("alice");
    terminal.expect("nobody of the hospital is watching");
    terminal.type_line("touch started");
    terminal.expect("What you type while frozen is recorded and thrown away");
    let log = sshd_log(&site);
    assert!(!log.contains("Starting session"), "nothing was started on the target:\n{log}");
    let live = site.json(&["session", "list"]);
    let id = live[0]["id"].as_str().unwrap().to_owned();
    assert_eq!(live[0]["state"], "frozen");
    eventually("what was typed is recorded as dropped", || {
        of(&site.recording(&id), FrameKind::InputDropped).contains("touch started")
    });
    let frames = site.recording(&id);
    assert_eq!(of(&frames, FrameKind::Input), "");
    assert_eq!(of(&frames, FrameKind::Output), "");
    assert!(of(&frames, FrameKind::Marker).contains("watching"));
    assert_eq!(site.entries("channel-opened").len(), 0);
    terminal.kill();
    ended_with(&site, "connection-lost");
    assert!(!sshd_log(&site).contains("Starting session"));
}
