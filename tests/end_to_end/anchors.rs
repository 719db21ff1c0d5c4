//! Checkpoints outside the machine, and what they find: a rollback of all of it (D17, T1, LOG-04).

use crate::people::fails;
use crate::witness::Witness;
use harness::{Site, SiteOptions, eventually};
use journal::{Checkpoint, WitnessKey, check_log};
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

/// A copy of a folder, as it is.
pub(crate) fn copy(from: &Path, to: &Path) {
    let _ = fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-a").args([from, to]).status().unwrap().success());
}

/// Accepts as this member of staff.
pub(crate) fn accept(site: &Site, who: &str) -> std::process::Output {
    let person = site.staff.iter().find(|person| person.login == who).unwrap();
    let secrets = format!("{}\n{}\n", person.password, person.fresh_code());
    site.poterne(&["journal", "accept-rollback", "--reason", "restored from Monday", "--as", who], &secrets)
}

/// Two persons accept what is gone, and one of them gives access back.
pub(crate) fn accept_and_open(site: &Site) {
    site.sign_in("nadia");
    fails(site, &["lockdown", "off", "--reason", "over"], 77, "2 more of the staff");
    assert!(!accept(site, "claire").status.success(), "an approver may not");
    let first = accept(site, "nadia");
    assert!(first.status.success(), "{}", String::from_utf8_lossy(&first.stderr));
    let again = accept(site, "nadia");
    assert!(String::from_utf8_lossy(&again.stderr).contains("another person"), "{again:?}");
    fails(site, &["lockdown", "off", "--reason", "over"], 77, "1 more of the staff");
    assert!(accept(site, "sophie").status.success());
    assert_eq!(site.json(&["status"])["rollback"], Value::Null);
    site.ok(&["lockdown", "off", "--reason", "looked at and accepted"]);
    site.await_open();
}

/// Whether the vendors' port is closed, and says why in words.
pub(crate) fn is_held(site: &Site, words: &str) {
    assert!(TcpStream::connect(("127.0.0.1", site.port)).is_err(), "it is open");
    let status = site.json(&["status"]);
    assert_eq!(status["lockdown"], true);
    assert!(status["rollback"].to_string().contains(words), "{}", status["rollback"]);
}

/// LOG-04: by file, syslog and witness, each kept beside the state, journalled once an hour; the file
/// and the witness's note are checked with the public keys alone.
#[test]
fn checkpoints_leave_the_machine() {
    let outside = tempfile::tempdir().unwrap();
    let (file, log) = (outside.path().join("checkpoints"), outside.path().join("log"));
    let witness = Witness::start();
    let socket = UnixDatagram::bind(&log).unwrap();
    let more =
        format!("[anchors]\nfile = \"{}\"\nsyslog = \"{}\"\n{}", file.display(), log.display(), witness.config());
    let mut site = Site::with(SiteOptions { more, ..SiteOptions::default() });
    let anchors = site.json(&["journal", "anchors"]);
    let of = |anchors: &Value, name: &str| {
        anchors.as_array().unwrap().iter().find(|one| one["anchor"] == name).unwrap().clone()
    };
    assert!(of(&anchors, "w1")["error"].as_str().unwrap().contains("does not know this log"), "{anchors}");
    let key = site.journal_key();
    witness.trust(&key.to_string());
    site.sign_in("nadia");
    for _ in 0..3 {
        let anchors = site.json(&["journal", "anchors", "--now"]);
        assert!(anchors.as_array().unwrap().iter().all(|one| one["error"].is_null()), "{anchors}");
        site.ok(&["reload"]);
    }
    assert!(!witness.remembered.lock().unwrap().answers.contains(&422));
    let entries = site.entries("anchored");
    assert_eq!(entries.len(), 3, "each way once an hour: {entries:?}");

    let kept = fs::read_to_string(site.state().join("anchors/w1/last.note")).unwrap();
    let cosigner: WitnessKey = witness.vkey.parse().unwrap();
    assert_eq!(cosigner.cosigned(&kept), Ok(1_764_000_000));
    let of_witness = Checkpoint::verify(&kept, &key).unwrap();
    assert_eq!(witness.remembered.lock().unwrap().last, Some((of_witness.size, of_witness.root)));
    let of_file = fs::read_to_string(site.state().join("anchors/file/last.note")).unwrap();
    assert!(Checkpoint::verify(&of_file, &key).is_ok());
    assert!(fs::read_to_string(&file).unwrap().ends_with(&format!("{of_file}\n")), "the newest stands last");
    let mut line = [0; 1024];
    let length = socket.recv(&mut line).unwrap();
    let line = String::from_utf8_lossy(&line[..length]);
    assert!(line.starts_with("<85>") && line.contains(&format!("]: checkpoint {} ", key.name())), "{line}");

    site.stop_daemon();
    let report = check_log(&mut journal::OsDisk::default(), &site.state().join("journal"), Some(&key), Some(&kept));
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

/// T1, D17: the whole state folder is put back, vault and all. The file and the witness remember more:
/// nothing opens before two persons accept, and what they accepted is not found again.
#[test]
fn a_rollback_of_the_whole_machine_is_found() {
    let outside = tempfile::tempdir().unwrap();
    let file = outside.path().join("checkpoints");
    let witness = Witness::start();
    let more = format!("[anchors]\nfile = \"{}\"\n{}", file.display(), witness.config());
    let mut site = Site::with(SiteOptions { more, ..SiteOptions::default() });
    witness.trust(&site.journal_key().to_string());
    site.ok(&["reload"]);
    site.stop_daemon();
    let kept = site.folder().join("kept");
    copy(&site.state(), &kept);
    site.start_daemon();
    site.ok(&["technician", "disable", "alice", "--reason", "left the company"]);
    site.ok(&["journal", "anchors", "--now"]);
    site.stop_daemon();
    copy(&kept, &site.state());
    site.start_daemon();
    is_held(&site, "the file of anchors holds a signed checkpoint over");
    is_held(&site, "the witness `w1` remembers");
    assert_eq!(site.entries("rollback-found").len(), 2);
    // It survives a restart, and the loss of the lockdown's own files.
    site.stop_daemon();
    for file in ["lockdown", "vault/lockdown"] {
        fs::remove_file(site.state().join(file)).unwrap();
    }
    site.start_daemon();
    is_held(&site, "the file of anchors holds");
    assert_eq!(site.entries("rollback-found").len(), 2, "what is known is not found anew");
    accept_and_open(&site);
    site.stop_daemon();
    site.start_daemon();
    site.await_open();
    let again = site.json(&["journal", "anchors", "--now"]);
    let error =
        |name: &str| again.as_array().unwrap().iter().find(|one| one["anchor"] == name).unwrap()["error"].clone();
    assert_eq!(error("file"), Value::Null, "the file goes on from here");
    assert!(error("w1").as_str().unwrap().contains("another history"), "{again}");
    eventually("it stays open", || site.json(&["status"])["rollback"].is_null());
    site.script("$SSH true && echo in again").expect("in again");
}

/// A stamping authority of OpenSSL's, behind as little HTTP as it takes.
fn authority(folder: &Path) -> u16 {
    let openssl = |args: &[&str]| {
        let out = Command::new("openssl").current_dir(folder).args(args).output().unwrap();
        assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    };
    let request = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"];
    let whose = ["-subj", "/CN=authority", "-addext", "extendedKeyUsage=critical,timeStamping"];
    openssl(&[&request[..], &whose, &["-keyout", "tsa.key", "-out", "tsa.pem"]].concat());
    let config = "[tsa]\ndefault_tsa = a\n[a]\nserial = serial\nsigner_cert = tsa.pem\nsigner_key = tsa.key\n\
                  signer_digest = sha256\ndefault_policy = 1.2.3.4.1\ndigests = sha256\ness_cert_id_alg = sha256\n";
    fs::write(folder.join("tsa.conf"), config).unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = folder.to_owned();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut reader = BufReader::new(stream.unwrap());
            let mut head = String::new();
            while reader.read_line(&mut head).unwrap_or(0) > 2 {}
            let head = head.to_lowercase();
            assert!(head.contains("content-type: application/timestamp-query"), "{head}");
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            let mut body = vec![0; length.trim().parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            fs::write(folder.join("query"), body).unwrap();
            let args = ["ts", "-reply", "-config", "tsa.conf", "-queryfile", "query", "-out", "reply"];
            assert!(Command::new("openssl").current_dir(&folder).args(args).output().unwrap().status.success());
            let reply = fs::read(folder.join("reply")).unwrap();
            let mut answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", reply.len()).into_bytes();
            answer.extend(reply);
            reader.get_mut().write_all(&answer).unwrap();
        }
    });
    port
}

/// EVI-07: an authority of RFC 3161 stamps the checkpoint that went out; `openssl ts` says so of it, and of
/// no other.
#[test]
fn an_authority_says_when() {
    let folder = tempfile::tempdir().unwrap();
    let port = authority(folder.path());
    let more = format!("[anchors]\ntimestamp = \"http://127.0.0.1:{port}/tsr\"\n");
    let site = Site::with(SiteOptions { more, ..SiteOptions::default() });
    site.sign_in("nadia");
    let anchors = site.json(&["journal", "anchors", "--now"]);
    assert_eq!((&anchors[0]["anchor"], &anchors[0]["error"]), (&"timestamp".into(), &Value::Null), "{anchors}");
    let kept = site.state().join("anchors/timestamp");
    let verify = |note: &Path| {
        let stamp = kept.join("last.tsr");
        let mut openssl = Command::new("openssl");
        openssl.args(["ts", "-verify", "-in"]).arg(stamp).arg("-data").arg(note);
        openssl.arg("-CAfile").arg(folder.path().join("tsa.pem")).output().unwrap()
    };
    let note = kept.join("last.note");
    let out = verify(&note);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    Checkpoint::verify(&fs::read_to_string(&note).unwrap(), &site.journal_key()).unwrap();
    let other = folder.path().join("other");
    fs::write(&other, fs::read_to_string(&note).unwrap() + "\n").unwrap();
    assert!(!verify(&other).status.success());
}
