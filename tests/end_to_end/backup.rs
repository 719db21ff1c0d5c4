//! The rehearsal: a backup while a session runs, the machine lost, the way back (D17, D23, T1, T15).

use crate::anchors::{accept_and_open, is_held};
use harness::{Site, SiteOptions};
use journal::{OsDisk, Since, check_log_since};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

/// A hospital with a backup folder, and what lies in the safe: the identity, the vault's key, the
/// journal's.
struct Rehearsal {
    site: Site,
    safe: tempfile::TempDir,
    outside: tempfile::TempDir,
}

fn begin() -> Rehearsal {
    let (safe, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let identity = recorder::RecoveryKey::generate();
    fs::write(safe.path().join("identity"), format!("{}\n", *identity.to_line())).unwrap();
    let file = outside.path().join("checkpoints");
    let more = format!(
        "[backup]\nrecipients = [\"{}\"]\n\n[anchors]\nfile = \"{}\"\n",
        identity.public_line(),
        file.display()
    );
    let site = Site::with(SiteOptions { more, ..SiteOptions::default() });
    fs::copy(site.state().join("vault/vault-key"), safe.path().join("vault-key")).unwrap();
    fs::write(safe.path().join("journal.vkey"), site.journal_key().to_string()).unwrap();
    Rehearsal { site, safe, outside }
}

impl Rehearsal {
    fn create(&self) -> Value {
        let into = self.outside.path().join("backups");
        self.site.json(&["backup", "create", "-o", into.to_str().unwrap()])
    }

    fn named(&self, verb: &str, set: &str, more: &[&str]) -> Output {
        let (identity, key) = (self.safe.path().join("identity"), self.safe.path().join("journal.vkey"));
        let mut args =
            vec!["backup", verb, set, "--identity", identity.to_str().unwrap(), "--key", key.to_str().unwrap()];
        args.extend(more);
        self.site.poterne(&args, "")
    }

    fn restore(&self, set: &str, more: &[&str]) -> Output {
        let vault = self.safe.path().join("vault-key");
        let mut all = vec!["--vault-key", vault.to_str().unwrap()];
        all.extend(more);
        self.named("restore", set, &all)
    }

    /// The way of docs/operations/restore.md, where the key is a file.
    fn put_vault_key_back(&self) {
        let place = self.site.state().join("vault/vault-key");
        fs::copy(self.safe.path().join("vault-key"), &place).unwrap();
        fs::set_permissions(place, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    }
}

fn says(out: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr))
}

/// Every file below, overwritten: what ransomware leaves.
fn encrypt(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            encrypt(&entry.path());
        } else {
            let _ = fs::write(entry.path(), b"PAY US");
        }
    }
}

/// Sessions, a backup while one runs, everything encrypted, the off-line copy verified and put back
/// under a new origin, two persons, and a session works again.
#[test]
fn the_way_back_is_rehearsed() {
    let mut all = begin();
    all.site.script("$SSH true").wait();
    let first = all.site.ended_session()["id"].as_str().unwrap().to_owned();
    all.site.sealed(&first);
    let mut shell = all.site.shell("alice");
    let made = all.create();
    let set = made["set"].as_str().unwrap().to_owned();
    assert_eq!((made["recordings"].as_u64(), made["recordings_added"].as_u64()), (Some(1), Some(1)), "{made}");
    assert_eq!(made["journalled"], true);
    let in_backup = made["checkpoint"].as_str().unwrap().to_owned();
    shell.type_line("exit");
    shell.wait();
    all.site.ok(&["journal", "anchors", "--now"]);
    let newest: PathBuf = all.safe.path().join("newest");
    fs::write(&newest, all.site.ok(&["journal", "checkpoint"])).unwrap();
    let running = all.site.last_session()["id"].as_str().unwrap().to_owned();

    all.site.kill_daemon();
    encrypt(&all.site.state());
    let held = all.named("verify", &set, &[]);
    assert!(held.status.success(), "{}", says(&held));
    let older = all.named("verify", &set, &["--since", newest.to_str().unwrap()]);
    assert!(!older.status.success() && says(&older).contains("cut off or rolled back"), "{}", says(&older));

    // What is there is not overwritten; what is known to be lost has to be said.
    assert!(says(&all.restore(&set, &[])).contains("is not empty"));
    fs::rename(all.site.state(), all.site.folder().join("evidence")).unwrap();
    let refused = all.restore(&set, &["--since", newest.to_str().unwrap()]);
    assert!(says(&refused).contains("are lost in it"), "{}", says(&refused));
    // What was refused leaves nothing that the next try would take for evidence; what is broken off does.
    assert_eq!(fs::read_dir(all.site.state()).unwrap().count(), 0);
    let mark = all.site.state().join("restoring");
    fs::write(&mark, "").unwrap();
    assert!(all.site.refuses_to_start().contains("a restore was broken off"));
    assert!(says(&all.restore(&set, &[])).contains("is not empty"));
    fs::remove_dir_all(all.site.state()).unwrap();
    let restored = all.restore(&set, &["--since", newest.to_str().unwrap(), "--older"]);
    assert!(restored.status.success(), "{}", says(&restored));
    all.put_vault_key_back();

    all.site.start_daemon();
    is_held(&all.site, "before the restore there was a signed checkpoint over");
    let entry = &all.site.entries("restored")[0];
    assert!(entry["here"].as_u64() < entry["size"].as_u64(), "{entry}");
    let old: journal::VerifierKey = fs::read_to_string(all.safe.path().join("journal.vkey")).unwrap().parse().unwrap();
    assert_eq!(entry["key"], old.to_string());
    let new = all.site.journal_key();
    assert_ne!(new, old);
    accept_and_open(&all.site);
    // The session that ran is closed, once; the sealed recording opens.
    let session = |id: &str| all.site.json(&["session", "show", id]);
    assert_eq!(session(&running)["cause"], "interrupted");
    all.site.sealed(&first);
    all.site.recording(&first);
    all.site.script("$SSH true && echo in again").expect("in again");
    all.site.stop_daemon();
    let journal = all.site.state().join("journal");
    let since = [Since { note: &in_backup, key: Some(&old) }];
    let report = check_log_since(&mut OsDisk::default(), &journal, Some(&new), &since);
    assert!(report.findings.is_empty(), "{:?}", report.findings);
}

/// T15: what is gone and was not erased is named; whoever a set is made for opens its recordings too.
fn lost_or_to_others(all: &Rehearsal, id: &str) {
    let identity = recorder::RecoveryKey::generate();
    let file = all.safe.path().join("other");
    fs::write(&file, format!("{}\n", *identity.to_line())).unwrap();
    let (into, to) = (all.outside.path().join("backups"), identity.public_line());
    let create = || {
        let mut out = None;
        harness::eventually("the next second", || {
            let args = ["backup", "create", "-o", into.to_str().unwrap(), "--to", &to, "--json"];
            out = Some(all.site.poterne(&args, ""));
            out.as_ref().is_some_and(|out| out.status.success())
        });
        let out = out.unwrap();
        let made: Value = serde_json::from_slice(&out.stdout).unwrap();
        (made, String::from_utf8_lossy(&out.stderr).into_owned())
    };
    let verify = |made: &Value| {
        let key = all.safe.path().join("journal.vkey");
        let (set, file, key) = (made["set"].as_str().unwrap(), file.to_str().unwrap(), key.to_str().unwrap());
        says(&all.site.poterne(&["backup", "verify", set, "--identity", file, "--key", key], ""))
    };
    let (third, said) = create();
    assert_eq!((third["recordings_added"].as_u64(), &third["recordings_lost"]), (Some(1), &json!([])), "{said}");
    let held = verify(&third);
    assert!(held.contains("each recording is what its manifest says") && !held.contains("note "), "{held}");

    let heads = all.site.state().join("keyring").join(id);
    let head = fs::read_dir(&heads).unwrap().map(|entry| entry.unwrap()).next().unwrap();
    let (name, bytes) = (head.file_name().into_string().unwrap(), fs::read(head.path()).unwrap());
    fs::remove_file(head.path()).unwrap();
    let (fourth, said) = create();
    assert_eq!(fourth["recordings_added"], 0);
    assert!(said.contains(&format!("`{name}` of the recording {id} is not on the bastion")), "{said}");
    let held = verify(&fourth);
    assert!(held.contains(&format!("1 heads of {id} are missing")) && held.contains("HOLDS: "), "{held}");
    fs::write(head.path(), bytes).unwrap();

    let (folder, aside) = (all.site.state().join("recordings").join(id), all.site.folder().join("aside"));
    fs::rename(&folder, &aside).unwrap();
    let (fifth, said) = create();
    assert!(said.contains(&format!("the recording {id} is not on the bastion")), "{said}");
    let held = verify(&fifth);
    assert!(held.contains(&format!("{id} is in an earlier set, and not here")), "{held}");
    // No set before it, and the register knows all the same.
    let fresh = all.outside.path().join("fresh");
    let first = says(&all.site.poterne(&["backup", "create", "-o", fresh.to_str().unwrap(), "--to", &to], ""));
    assert!(first.contains(&format!("the recording {id} is not on the bastion")), "{first}");
    fs::rename(&aside, &folder).unwrap();
}

/// LOG-08, T10: what was erased since the backup does not come back; what is in an earlier set is not
/// written again; an altered archive is named.
#[test]
fn what_was_erased_stays_erased() {
    let mut all = begin();
    all.site.script("$SSH true").wait();
    let id = all.site.ended_session()["id"].as_str().unwrap().to_owned();
    all.site.sealed(&id);
    // As one that was mutilated lies there.
    let aside = all.site.state().join("aside");
    fs::create_dir_all(&aside).unwrap();
    fs::write(aside.join(format!("{id}.spool")), "spool").unwrap();
    let words = all.site.ok(&["backup", "create", "-o", all.outside.path().join("backups").to_str().unwrap()]);
    let start = words.trim_end().rmatch_indices('\n').nth(4).unwrap().0 + 1;
    journal::Checkpoint::verify(&words[start..], &all.site.journal_key()).unwrap();
    // Sets are named by the second.
    let name = |made: &Value| made["set"].as_str().unwrap().to_owned();
    let mut second = Value::Null;
    harness::eventually("the next second", || {
        let into = all.outside.path().join("backups");
        let out = all.site.poterne(&["backup", "create", "-o", into.to_str().unwrap(), "--json"], "");
        second = serde_json::from_slice(&out.stdout).unwrap_or_default();
        out.status.success()
    });
    assert_eq!((second["recordings"].as_u64(), second["recordings_added"].as_u64()), (Some(1), Some(0)), "{second}");
    lost_or_to_others(&all, &id);
    assert!(all.named("verify", &name(&second), &[]).status.success(), "earlier sets keep what they refer to");
    all.site.stop_daemon();
    fs::rename(all.site.state(), all.site.folder().join("evidence")).unwrap();
    let tombstones = all.safe.path().join("tombstones");
    assert_eq!(all.site.log().matches("panicked").count(), 0);
    fs::write(&tombstones, "recording everything\n").unwrap();
    let out = all.restore(&name(&second), &["--tombstones", tombstones.to_str().unwrap()]);
    assert!(
        !out.status.success() && says(&out).contains("1: write `recording s-…`, `files s-…` or `entries 3-90`"),
        "{}",
        says(&out)
    );
    fs::write(&tombstones, format!("# erased since\nentries 0-3\nrecording {id}\n")).unwrap();
    // Whoever erases does it in the copies too.
    let archive = all.outside.path().join("backups/recordings").join(format!("{id}.tar.age"));
    fs::remove_file(archive).unwrap();
    let out = all.restore(&name(&second), &["--tombstones", tombstones.to_str().unwrap()]);
    assert!(out.status.success() && says(&out).contains("1 erased again"), "{}", says(&out));
    assert!(!all.site.state().join("recordings").join(&id).exists());
    assert!(!all.site.state().join("keyring").join(&id).exists());
    assert!(!all.site.state().join("aside").join(format!("{id}.spool")).exists());
    assert!(!all.site.state().join("vault/vault-key").exists(), "the vault's key is in no backup");

    let archive = Path::new(&name(&second)).join("state.tar.age");
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).unwrap();
    let out = all.named("verify", &name(&second), &[]);
    assert!(!out.status.success() && says(&out).contains("state.tar.age` is not what was written"), "{}", says(&out));
}
