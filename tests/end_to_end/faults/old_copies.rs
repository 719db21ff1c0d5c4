//! Old copies of the state folder, put back (D17, T1). What the journal remembers and the vault does not, and the
//! other way round: the stricter holds. What neither can know is what an anchor outside is for.

use crate::anchors::{accept_and_open, copy, is_held};
use harness::{Site, SiteOptions};

/// A snapshot of the running machine, put back a while later, vault and all: the file of anchors knows more, and
/// nothing opens before two persons accept it.
#[test]
fn a_snapshot_of_the_running_machine_that_comes_back_is_held() {
    let outside = tempfile::tempdir().unwrap();
    let more = format!("[anchors]\nfile = \"{}\"\n", outside.path().join("checkpoints").display());
    let mut site = Site::with(SiteOptions { technicians: 2, more, ..SiteOptions::default() });
    let mut alice = site.shell("alice");
    alice.type_line("echo $((6*7))");
    alice.expect("42\r\n");
    let snapshot = site.folder().join("snapshot");
    // As a snapshot takes it: in the middle of a session, nothing closed.
    copy(&site.state(), &snapshot);
    alice.type_line("exit");
    alice.wait();
    site.ended_session();
    site.sign_in("nadia");
    site.ok(&["technician", "disable", "bruno", "--reason", "left the company"]);
    site.ok(&["journal", "anchors", "--now"]);
    site.kill_daemon();
    copy(&snapshot, &site.state());
    site.start_daemon();
    is_held(&site, "the file of anchors holds a signed checkpoint over");
    assert!(site.json(&["session", "list"]).as_array().unwrap().is_empty(), "no session comes back to life");
    assert_eq!(site.ended_session()["cause"], "interrupted");
    accept_and_open(&site);
}

/// An older vault under the journal of today: who was disabled stays so, an enrolment that it does not know opens
/// nothing, and neither does a credential; what was not touched goes on.
#[test]
fn an_older_vault_opens_nothing_that_was_closed() {
    let mut site = Site::with(SiteOptions { technicians: 3, ..SiteOptions::default() });
    site.stop_daemon();
    let (vault, kept) = (site.state().join("vault"), site.folder().join("kept"));
    copy(&vault, &kept);
    site.start_daemon();
    site.sign_in("nadia");
    site.ok(&["technician", "disable", "bruno", "--reason", "left the company"]);
    let key = site.sshd.key_file.display().to_string();
    site.ok(&["target", "credential", "scanner", "--key", &key]);
    site.stop_daemon();
    copy(&kept, &vault);
    site.start_daemon();
    let listed = site.json(&["technician", "list"]);
    let state =
        |login: &str| listed.as_array().unwrap().iter().find(|one| one["login"] == login).unwrap()["state"].clone();
    assert_eq!((state("bruno"), state("alice")), ("disabled".into(), "active".into()));
    let mut bruno = site.ssh("bruno+scanner", &[], &[]);
    bruno.expect("Password: ");
    bruno.type_line(&site.technician("bruno").password);
    bruno.expect("code: ");
    bruno.type_line(&site.technician("bruno").fresh_code());
    bruno.wait();
    assert!(!bruno.shown().contains("YES"), "{}", bruno.shown());
    // The journal names a credential that this vault does not have.
    super::approved_but(&site, "scanner was not reached");
    super::ended_with(&site, "target");
    assert!(!super::sshd_log(&site).contains("Accepted publickey"), "{}", super::sshd_log(&site));
}

/// The fold is made anew at each start, and nothing beside the journal holds any of it: there is no snapshot of it
/// that could be put back.
#[test]
fn there_is_no_snapshot_to_put_back() {
    let mut site = Site::start();
    site.stop_daemon();
    let mut found: Vec<String> = std::fs::read_dir(site.state())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    found.sort();
    let known =
        ["anchors", "aside", "in-force", "journal", "keyring", "quarantine", "recordings", "reserve", "siem", "vault"];
    assert!(found.iter().all(|name| known.contains(&name.as_str())), "{found:?}");
}
