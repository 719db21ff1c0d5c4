//! Files through the real clients to the real sshd: rights by direction, a list with digests, copies
//! where they are kept, the scanner, freezing and cutting (NET-04, NET-14, T4).

use harness::clamd::{Clamd, SIGNATURE, eicar};
use harness::{Site, SiteOptions, Terminal, eventually};
use recorder::PartKind;
use serde_json::Value;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const HOST: &str = "alice+scanner@127.0.0.1";
const ALL: [&str; 4] = ["sftp-read", "sftp-write", "scp-read", "scp-write"];

/// A hospital with an approved connection over which clients go.
pub(crate) struct Transfers {
    pub(crate) site: Site,
    pub(crate) master: Terminal,
}

impl Transfers {
    pub(crate) fn with(options: SiteOptions) -> Self {
        let site = Site::with(options);
        let master = site.master("alice");
        Self { site, master }
    }

    fn rights(rights: &[&'static str]) -> Self {
        Self::with(SiteOptions { rights: rights.to_vec(), ..SiteOptions::default() })
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.site.folder().join(name)
    }

    pub(crate) fn made(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.file(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// A client of OpenSSH over the master, with a minute to end by itself.
    pub(crate) fn run(&self, program: &str, args: &[&str]) -> Output {
        self.command(program, args).output().unwrap()
    }

    pub(crate) fn command(&self, program: &str, args: &[&str]) -> Command {
        let control = format!("-oControlPath={}", self.file("ctl-alice").display());
        let port = format!("-oPort={}", self.site.port);
        let mut command = Command::new("timeout");
        command.args(["60", program, "-F", "none", "-oBatchMode=yes", &control, &port]).args(args);
        command.stdin(Stdio::null());
        command
    }

    /// A batch of sftp's own commands.
    pub(crate) fn sftp(&self, batch: &str) -> Output {
        let file = self.made("batch", batch.as_bytes());
        self.run("sftp", &["-b", &file.display().to_string(), HOST])
    }

    /// Ends the connection; gives the session.
    pub(crate) fn over(mut self) -> (Site, Value) {
        self.master.kill();
        let session = self.site.ended_session();
        (self.site, session)
    }
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn said(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

fn fine(out: &Output) {
    assert!(out.status.success(), "{}", said(out));
}

pub(crate) fn sha256(path: &Path) -> String {
    let out = Command::new("sha256sum").arg(path).output().unwrap();
    String::from_utf8_lossy(&out.stdout).split(' ').next().unwrap().trim_start_matches('\\').to_owned()
}

fn noise(length: usize) -> Vec<u8> {
    let mut content = vec![0; length];
    std::fs::File::open("/dev/urandom").unwrap().read_exact(&mut content).unwrap();
    content
}

/// The entries about moved files: path, direction, bytes, digest, in order, result.
fn moved(site: &Site) -> Vec<(String, String, u64, String, bool, Value)> {
    let one = |entry: &Value| {
        let text = |name: &str| entry[name].as_str().unwrap_or_default().to_owned();
        let (bytes, in_order) = (entry["bytes"].as_u64().unwrap(), entry["in_order"].as_bool().unwrap());
        (text("path"), text("direction"), bytes, text("sha256"), in_order, entry["result"].clone())
    };
    site.entries("file-moved").iter().map(one).collect()
}

/// LOG-01: what passes by sftp arrives as it is, and the register has path, size and digest of it;
/// what is done to files besides stands there too.
#[test]
fn sftp_lists_what_passes() {
    let all = Transfers::rights(&ALL);
    // Not a multiple of anything, and with a name that is no plain word.
    let (up, there, down) = (all.made("firmware été.bin", &noise(1_234_567)), all.file("there"), all.file("down"));
    std::fs::create_dir(&there).unwrap();
    let out = all.sftp(&format!(
        "put \"{}\" {there}/fw.part\nrename {there}/fw.part {there}/fw.bin\nchmod 600 {there}/fw.bin\nmkdir {there}/d\n\
         get {there}/fw.bin {}\nls -l {there}\nrm {there}/fw.bin\nrmdir {there}/d\n",
        text(&up),
        text(&down),
        there = text(&there),
    ));
    fine(&out);
    assert!(said(&out).contains("fw.bin"));
    assert_eq!(std::fs::read(&up).unwrap(), std::fs::read(&down).unwrap());
    assert!(std::fs::read_dir(&there).unwrap().next().is_none());
    let (site, session) = all.over();
    let digest = sha256(&up);
    let entry = |path: &str, direction: &str| {
        (format!("{}/{path}", text(&there)), direction.to_owned(), 1_234_567, digest.clone(), true, "done".into())
    };
    assert_eq!(moved(&site), [entry("fw.part", "to-target"), entry("fw.bin", "from-target")]);
    let acts: Vec<String> =
        site.entries("file-changed").iter().map(|one| one["act"].as_str().unwrap().to_owned()).collect();
    for act in ["rename", "attributes", "make-folder", "remove", "remove-folder"] {
        assert!(acts.iter().any(|one| one == act), "{act} is not among {acts:?}");
    }
    // The recording has the list, and no content.
    let sealed = site.sealed(session["id"].as_str().unwrap());
    let keys = Site::officer();
    let list = sealed.parts(PartKind::Files).next().unwrap();
    let mut lines = String::new();
    sealed.read(list, &keys).unwrap().read_to_string(&mut lines).unwrap();
    assert_eq!(lines.matches(&digest).count(), 2, "{lines}");
    assert_eq!(sealed.parts(PartKind::Content).count(), 0);
    let bytes: u64 = sealed.parts(PartKind::Raw).map(|part| part.plain_bytes).sum();
    assert!(bytes < 100_000, "{bytes} bytes of protocol are kept");
}

/// NET-14: reading is no right to write, nor the other way round; nothing denied reaches the target.
#[test]
fn directions_are_rights_of_their_own() {
    for (right, may_read) in [("sftp-read", true), ("sftp-write", false)] {
        let one = Transfers::rights(&[right]);
        let (source, there) = (one.made("source", b"source"), one.made("there", b"there"));
        let (new, got) = (one.file("new"), one.file("got"));
        let put = one.sftp(&format!("put {} {}\n", text(&source), text(&new)));
        let get = one.sftp(&format!("get {} {}\n", text(&there), text(&got)));
        let (yes, no) = if may_read { (&get, &put) } else { (&put, &get) };
        fine(yes);
        assert!(!no.status.success() && said(no).contains("ermission denied"), "{right}: {}", said(no));
        assert_eq!((new.exists(), got.exists()), (!may_read, may_read), "{right}");
        // Looking around takes either.
        fine(&one.sftp(&format!("ls {}\npwd\n", text(one.site.folder()))));
        let made = one.sftp(&format!("mkdir {}\n", text(&one.file("folder"))));
        let removed = one.sftp(&format!("rm {}\n", text(&there)));
        assert_eq!((made.status.success(), removed.status.success()), (!may_read, !may_read), "{right}");
        // The old protocol is another right, and so are commands.
        for (options, from, to) in [
            ("-O", text(&source), format!("{HOST}:{}", text(&new))),
            ("-O", format!("{HOST}:{}", text(&source)), text(&got)),
        ] {
            let out = one.run("scp", &[options, &from, &to]);
            assert!(!out.status.success(), "{right} {from} {to}");
        }
        let (site, _) = one.over();
        let refused = site.entries("channel-refused");
        assert!(refused.iter().any(|one| one["why"].as_str().unwrap().contains("sftp-")), "{refused:?}");
    }
}

/// scp in both its forms, folders included; the old form is taken apart as sftp is.
#[test]
fn scp_lists_what_passes() {
    let all = Transfers::rights(&ALL);
    let up = all.made("up.bin", &noise(700_001));
    let digest = sha256(&up);
    let folder = all.file("tree");
    std::fs::create_dir_all(folder.join("sub")).unwrap();
    std::fs::write(folder.join("sub/one"), b"1").unwrap();
    std::fs::write(folder.join("two"), b"").unwrap();
    for (n, option) in ["-s", "-O"].iter().enumerate() {
        let (there, down, tree) =
            (all.file(&format!("there{n}")), all.file(&format!("down{n}")), all.file(&format!("tree{n}")));
        fine(&all.run("scp", &[option, &text(&up), &format!("{HOST}:{}", text(&there))]));
        fine(&all.run("scp", &[option, &format!("{HOST}:{}", text(&there)), &text(&down)]));
        fine(&all.run("scp", &[option, "-p", "-r", &text(&folder), &format!("{HOST}:{}", text(&tree))]));
        assert_eq!((sha256(&there), sha256(&down)), (digest.clone(), digest.clone()));
        assert_eq!(std::fs::read(tree.join("sub/one")).unwrap(), b"1");
        assert!(tree.join("two").exists());
    }
    let (site, _) = all.over();
    let listed = moved(&site);
    assert_eq!(listed.iter().filter(|one| one.3 == digest && one.4 && one.5 == "done").count(), 4, "{listed:?}");
    assert_eq!(listed.iter().filter(|one| one.0.ends_with("sub/one") && one.2 == 1).count(), 2, "{listed:?}");
    assert_eq!(listed.len(), 8, "{listed:?}");
    let kinds: Vec<Value> = site.entries("channel-opened").iter().map(|one| one["what"].clone()).collect();
    assert!(kinds.iter().any(|kind| kind == "sftp") && kinds.iter().any(|kind| kind.get("scp").is_some()), "{kinds:?}");
}

/// D22: content is kept where the target says so, apart from everything else, and comes back whole.
#[test]
fn content_is_kept_where_asked() {
    let kept = Transfers::with(SiteOptions {
        rights: ALL.to_vec(),
        target: "files = \"kept\"".to_owned(),
        ..SiteOptions::default()
    });
    let up = kept.made("up.bin", &noise(300_000));
    fine(&kept.sftp(&format!("put {} {}\n", text(&up), text(&kept.file("there")))));
    fine(&kept.run("scp", &["-O", &text(&up), &format!("{HOST}:{}", text(&kept.file("there2")))]));
    let (site, session) = kept.over();
    assert!(site.entries("file-moved").iter().all(|one| one["kept"] == true));
    let (sealed, keys) = (site.sealed(session["id"].as_str().unwrap()), Site::officer());
    assert_eq!(sealed.parts(PartKind::Content).count(), 2);
    for part in sealed.parts(PartKind::Content) {
        let mut whole = vec![0; 300_000];
        for frame in sealed.raw(part, &keys).unwrap() {
            let data = frame.unwrap().data;
            let offset = usize::try_from(u64::from_be_bytes(data[4..12].try_into().unwrap())).unwrap();
            whole[offset..offset + data.len() - 12].copy_from_slice(&data[12..]);
        }
        assert_eq!(whole, std::fs::read(&up).unwrap());
    }
}

fn scanned(downloads: bool) -> (Transfers, Clamd, tempfile::TempDir) {
    scanned_at(downloads, "")
}

/// A hospital that scans, with more in its configuration.
pub(crate) fn scanned_at(downloads: bool, more: &str) -> (Transfers, Clamd, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let clamd = Clamd::start(folder.path());
    let transfers = Transfers::with(SiteOptions {
        rights: [&ALL[..], &["exec"]].concat(),
        target: format!("scan = \"clamav\"\nscan-downloads = {downloads}"),
        more: format!("{more}[clamav]\nsocket = \"{}\"\npatience = \"30s\"", clamd.socket.display()),
        ..SiteOptions::default()
    });
    (transfers, clamd, folder)
}

/// What a scanner recognises does not arrive, by whatever way it is sent, and everybody is told; what it
/// does not recognise arrives unchanged.
#[test]
fn the_scanner_decides() {
    let (all, mut clamd, _folder) = scanned(true);
    let (clean, bad) = (all.made("clean.bin", &noise(2_000_003)), all.made("bad.com", &eicar()));
    let empty = all.made("empty", b"");
    for (n, way) in ["-s", "-O"].iter().enumerate() {
        let (good, evil, none) =
            (all.file(&format!("good{n}")), all.file(&format!("evil{n}")), all.file(&format!("none{n}")));
        fine(&all.run("scp", &[way, &text(&clean), &format!("{HOST}:{}", text(&good))]));
        assert_eq!(sha256(&good), sha256(&clean));
        fine(&all.run("scp", &[way, &text(&empty), &format!("{HOST}:{}", text(&none))]));
        assert_eq!(std::fs::metadata(&none).unwrap().len(), 0);
        let out = all.run("scp", &[way, &text(&bad), &format!("{HOST}:{}", text(&evil))]);
        assert!(!out.status.success(), "{way}: {}", said(&out));
        assert!(said(&out).contains(SIGNATURE), "{way}: {}", said(&out));
        assert!(!evil.exists(), "{way}: it arrived");
        // And back: what lies on the target already is not fetched.
        let fetched = all.file(&format!("fetched{n}"));
        let out = all.run("scp", &[way, &format!("{HOST}:{}", text(&bad)), &text(&fetched)]);
        assert!(!out.status.success(), "{way}: {}", said(&out));
        assert!(!std::fs::read(&fetched).is_ok_and(|got| !got.is_empty()), "{way}: it was fetched");
        fine(&all.run("scp", &[way, &format!("{HOST}:{}", text(&clean)), &text(&fetched)]));
        assert_eq!(sha256(&fetched), sha256(&clean));
    }
    // Nothing that is not taken apart goes round it.
    let out = all.run("ssh", &[HOST, "rsync --server --sender -r . /etc/hostname"]);
    assert!(!out.status.success() && said(&out).contains("rsync"), "{}", said(&out));
    // Without an answer nothing is delivered (fail closed).
    clamd.stop();
    let away = all.file("away");
    for way in ["-s", "-O"] {
        let out = all.run("scp", &[way, &text(&clean), &format!("{HOST}:{}", text(&away))]);
        assert!(!out.status.success() && !away.exists(), "{way}: {}", said(&out));
    }
    let (site, _) = all.over();
    let results = |wanted: &str| moved(&site).iter().filter(|one| one.5.get(wanted).is_some()).count();
    assert_eq!((results("infected"), results("unscanned")), (4, 2));
    let alarms = site.entries("session-alarm");
    assert_eq!(alarms.iter().filter(|one| one["alarm"].get("infected").is_some()).count(), 4, "{alarms:?}");
    assert!(alarms.iter().any(|one| one["alarm"].get("scanner-gone").is_some()), "{alarms:?}");
    let left: Vec<_> = std::fs::read_dir(site.state().join("quarantine")).into_iter().flatten().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// A line with more in it than a transfer is run as it comes, and nothing in it is scanned.
#[test]
fn no_longer_line_goes_round_the_scanner() {
    let (all, _clamd, _folder) = scanned(false);
    for line in ["scp -t 'two words'", "scp -t x; true", "true && rsync --server -r . x"] {
        let out = all.run("ssh", &[HOST, &format!("touch {}; {line}", text(&all.file("ran")))]);
        assert!(!out.status.success(), "{line}: {}", said(&out));
    }
    assert!(!all.file("ran").exists(), "it was run");
    fine(&all.run("ssh", &[HOST, "true"]));
    let (site, _) = all.over();
    let refused = site.entries("channel-refused");
    assert!(refused.iter().any(|one| one["why"] == "this cannot be scanned"), "{refused:?}");
}

/// Two files that are clean each and go to one path, by two spellings and two channels: what is there
/// afterwards is one of them, and not something of both that nobody scanned.
#[test]
fn two_clean_files_do_not_mix() {
    let (all, _clamd, _folder) = scanned(false);
    let files = [all.made("one", &vec![1; 24 << 20]), all.made("two", &vec![2; 24 << 20])];
    let folder = all.file("there");
    std::fs::create_dir(&folder).unwrap();
    for way in ["-s", "-O"] {
        let target = folder.join(format!("file{way}"));
        let spellings = [text(&target), format!("{}/./file{way}", text(&folder))];
        let mut clients: Vec<_> = files
            .iter()
            .zip(&spellings)
            .map(|(file, to)| all.command("scp", &[way, &text(file), &format!("{HOST}:{to}")]).spawn().unwrap())
            .collect();
        for client in &mut clients {
            assert!(client.wait().unwrap().success(), "{way}");
        }
        let arrived = sha256(&target);
        assert!(files.iter().any(|file| sha256(file) == arrived), "{way}: it is neither of the two");
    }
    let (site, _) = all.over();
    assert_eq!(moved(&site).iter().filter(|one| one.5 == "done").count(), 4);
}

/// Clients that write a part and give it its name afterwards, and look at it meanwhile.
#[test]
fn what_is_held_looks_as_if_it_were_there() {
    let (all, _clamd, _folder) = scanned(false);
    let there = all.file("there");
    let up = all.made("up.bin", &noise(200_000));
    fine(&all.sftp(&format!(
        "put -p {} {there}.filepart\nrename {there}.filepart {there}\nls -l {there}\n",
        text(&up),
        there = text(&there)
    )));
    assert_eq!(sha256(&there), sha256(&up));
    // A second half alone is not something that can be scanned.
    std::fs::write(&there, &std::fs::read(&up).unwrap()[..100_000]).unwrap();
    let out = all.sftp(&format!("reput {} {}\n", text(&up), text(&there)));
    assert!(!out.status.success(), "{}", said(&out));
    assert_eq!(std::fs::metadata(&there).unwrap().len(), 100_000);
}

/// D26: frozen, nothing of a transfer moves; cut, what is there is said to be a part.
#[test]
fn transfers_freeze_and_are_cut() {
    let all = Transfers::rights(&ALL);
    let up = all.made("up.bin", &noise(64 << 20));
    for way in ["-s", "-O"] {
        let there = all.file(&format!("there{way}"));
        // Slow enough to be met in the middle: bits a second, in units of 1000.
        let mut client = all.command("scp", &[way, "-l", "80000", &text(&up), &format!("{HOST}:{}", text(&there))]);
        let mut client = client.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let arrived = || std::fs::metadata(&there).map_or(0, |one| one.len());
        eventually("it begins to arrive", || arrived() > 1 << 20);
        let session = all.site.last_session()["id"].as_str().unwrap().to_owned();
        if way == "-s" {
            all.site.sign_in("claire");
            all.site.ok(&["session", "freeze", &session, "--reason", "wait"]);
            // What was under way when it froze may still be written: less than is sent in a second. Then
            // nothing is for as long as one looks.
            let still = || {
                let before = arrived();
                // Nothing tells that it stands still but time.
                std::thread::sleep(std::time::Duration::from_secs(1));
                arrived() == before
            };
            assert!(still() || still(), "a frozen transfer moves");
            let held = arrived();
            let claire = all.site.member("claire");
            let secrets = format!("{}\n{}\n", claire.password, claire.fresh_code());
            let out = all.site.poterne(&["session", "resume", &session, "--as", "claire"], &secrets);
            assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
            eventually("it moves again", || arrived() > held);
            // `timeout` hands it on to the client.
            let pid = rustix::process::Pid::from_raw(client.id().cast_signed()).unwrap();
            rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
            client.wait().unwrap();
            eventually("the register has the part", || {
                // The master of OpenSSH 9.2 can overlook that the client it serves is gone until
                // something else wakes it (docs/clients.md): then it says so.
                all.run("ssh", &["-O", "check", HOST]);
                !moved(&all.site).is_empty()
            });
        } else {
            all.site.ok(&["session", "cut", &session, "--reason", "enough"]);
            client.wait().unwrap();
        }
    }
    let (site, _) = all.over();
    let listed = moved(&site);
    assert_eq!(listed.len(), 2, "{listed:?}");
    assert!(listed.iter().all(|one| one.5 == "partial" && one.2 < 64 << 20 && one.2 > 1 << 20), "{listed:?}");
}

/// The two known ways past a recorder of files leave everything recorded: what is more than a
/// transfer is a command, and a channel that comes later is a channel like the first.
#[test]
fn escapes_leave_everything_recorded() {
    let all = Transfers::rights(&["exec", "scp-write", "sftp-read", "sftp-write"]);
    let (mark, second) = ("first-$((6*7))-escape", "second-$((7*7))-escape");
    let control = format!("-oControlPath={}", all.file("ctl-alice").display());
    let line = format!("scp -t {}; bash", text(&all.file("x")));
    let mut client = Terminal::start("ssh", &["-F", "none", &control, "-tt", HOST, &line]);
    eventually("the command runs", || !all.site.entries("channel-opened").is_empty());
    // The end of input, as a terminal says it: scp gives up, and what follows is a shell.
    client.type_raw(b"\x04");
    client.expect("# ");
    client.type_line(&format!("echo {mark}; exit"));
    client.expect("first-42-escape");
    client.wait();
    fine(&all.run("ssh", &[HOST, &format!("echo {second}")]));
    let (site, session) = all.over();
    let frames = site.recording(session["id"].as_str().unwrap());
    let shown: Vec<u8> = frames
        .iter()
        .filter(|frame| frame.kind == recorder::FrameKind::Output)
        .flat_map(|frame| frame.data.to_vec())
        .collect();
    let shown = String::from_utf8_lossy(&shown);
    assert!(shown.contains("first-42-escape") && shown.contains("second-49-escape"), "{shown}");
    let opened = site.entries("channel-opened");
    assert!(
        opened.iter().any(|one| one["what"]["exec"]["command"].as_str().is_some_and(|line| line.contains("; bash")))
    );
}
