//! Bundles of a real session, judged by two verifiers that share no code: `poterne-verify` and
//! `tests/verify.py` (EVI-01, EVI-08, LOG-04, D33). What takes the signing key is in `journal/tests/forged.rs`.

use data_encoding::HEXLOWER;
use harness::site::OFFICER;
use harness::{Site, eventually};
use journal::bundle::{Kept, Said, TAR_END, check_bundle, read_receipt, tar_header, tar_padding};
use journal::{SigningKey, VerifierKey, leaf_hash};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a verifier said, and how it ended.
struct Verdict {
    code: i32,
    said: String,
}

fn ours(bundle: &Path, key: Option<&str>, anchors: &[PathBuf]) -> Verdict {
    let key: Option<VerifierKey> = key.map(|key| key.parse().unwrap());
    let keys: Vec<&VerifierKey> = key.iter().collect();
    let read = |path: &PathBuf| Kept::read(&path.display().to_string(), &std::fs::read_to_string(path).unwrap(), &keys);
    let anchors: Vec<_> = anchors.iter().map(|path| read(path).unwrap()).collect();
    let mut said = String::new();
    let report = check_bundle(bundle, key.as_ref(), &anchors, &mut |one| match one {
        Said::Wrong(what) => said += &format!("WRONG {what}\n"),
        Said::Holds(_) | Said::Note(_) => {}
    });
    let code = if report.wrong > 0 {
        1
    } else if key.is_none() {
        2
    } else {
        0
    };
    Verdict { code, said }
}

fn pythons(bundle: &Path, key: Option<&str>, anchors: &[PathBuf]) -> Verdict {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("verify.py");
    let mut command = Command::new("python3");
    command.arg(script).arg(bundle);
    if let Some(key) = key {
        command.args(["--key", key]);
    }
    for anchor in anchors {
        command.arg("--anchor").arg(anchor);
    }
    let out = command.output().unwrap();
    assert!(out.stderr.is_empty(), "{}", String::from_utf8_lossy(&out.stderr));
    Verdict { code: out.status.code().unwrap(), said: String::from_utf8_lossy(&out.stdout).into_owned() }
}

/// Both must come to this, and say each of these.
fn both(bundle: &Path, key: Option<&str>, anchors: &[PathBuf], code: i32, words: &[&str]) {
    for (name, verdict) in [("ours", ours(bundle, key, anchors)), ("verify.py", pythons(bundle, key, anchors))] {
        let wrong: Vec<&str> = verdict.said.lines().filter(|line| line.starts_with("WRONG")).collect();
        assert_eq!(verdict.code, code, "{name}: {wrong:?}");
        for word in words {
            assert!(wrong.iter().any(|line| line.contains(word)), "{name} does not say `{word}`: {wrong:?}");
        }
    }
}

/// A bundle taken apart.
#[derive(Clone)]
struct Parts(Vec<(String, Vec<u8>)>);

impl Parts {
    fn read(path: &Path) -> Parts {
        let bytes = std::fs::read(path).unwrap();
        let (mut at, mut parts) = (0, Vec::new());
        while bytes[at] != 0 {
            let text = |from: usize, to: usize| {
                String::from_utf8_lossy(&bytes[at + from..at + to]).trim_end_matches('\0').to_owned()
            };
            let length = usize::from_str_radix(&text(124, 136), 8).unwrap();
            parts.push((text(0, 100), bytes[at + 512..at + 512 + length].to_vec()));
            at += 512 + length.next_multiple_of(512);
        }
        assert_eq!(bytes[at..], TAR_END);
        Parts(parts)
    }

    fn write(&self, path: &Path) -> PathBuf {
        let mut bytes = Vec::new();
        for (name, content) in &self.0 {
            bytes.extend(tar_header(name, content.len() as u64, 1_800_000_000));
            bytes.extend(content);
            bytes.resize(bytes.len() + tar_padding(content.len() as u64), 0);
        }
        bytes.extend(TAR_END);
        std::fs::write(path, bytes).unwrap();
        path.to_owned()
    }

    fn get(&mut self, name: &str) -> &mut Vec<u8> {
        &mut self.0.iter_mut().find(|(found, _)| found == name).unwrap_or_else(|| panic!("no {name}")).1
    }

    fn text(&mut self, name: &str) -> String {
        String::from_utf8(self.get(name).clone()).unwrap()
    }

    fn json(&mut self, name: &str) -> Value {
        serde_json::from_slice(self.get(name)).unwrap()
    }

    fn entries(&mut self) -> Vec<Value> {
        self.text("entries.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn set_entries(&mut self, entries: &[Value]) {
        *self.get("entries.jsonl") = entries.iter().map(|one| format!("{one}\n")).collect::<String>().into_bytes();
    }

    /// What needs no signing key is made to fit again.
    fn with_manifest(mut self) -> Parts {
        let mut manifest = self.json("manifest.json");
        for file in manifest["files"].as_array_mut().unwrap() {
            let name = file["name"].as_str().unwrap().to_owned();
            if let Some((_, content)) = self.0.iter().find(|(found, _)| *found == name) {
                file["bytes"] = content.len().into();
                file["sha256"] = HEXLOWER.encode(&Sha256::digest(content)).into();
            }
        }
        *self.get("manifest.json") = serde_json::to_vec(&manifest).unwrap();
        self
    }

    fn records(&mut self) -> Vec<Vec<u8>> {
        let (bytes, mut at, mut records) = (self.get("tree").clone(), 0, Vec::new());
        while at < bytes.len() {
            let length = match bytes[at] {
                b'H' => 34,
                _ => 3 + usize::from(u16::from_be_bytes([bytes[at + 1], bytes[at + 2]])),
            };
            records.push(bytes[at..at + length].to_vec());
            at += length;
        }
        records
    }
}

fn position(entries: &[Value], kind: &str) -> usize {
    entries.iter().position(|one| one["leaf"].as_str().unwrap().contains(&format!("\"kind\":\"{kind}\""))).unwrap()
}

fn session(site: &Site, command: &str) -> String {
    let mut shell = site.shell("alice");
    shell.expect("# ");
    shell.type_line(command);
    shell.type_line("exit");
    shell.wait();
    let id = site.ended_session()["id"].as_str().unwrap().to_owned();
    eventually("it is sealed", || site.state().join("recordings").join(&id).exists());
    site.sealed(&id);
    id
}

fn export(site: &Site, name: &str, more: &[&str]) -> PathBuf {
    let path = site.folder().join(name);
    let output = path.display().to_string();
    site.ok(&[&["export", "-o", &output, "--purpose", "court order 12, for Me Test"], more].concat());
    path
}

/// EVI-01, EVI-08: by role, with a purpose, journalled before it is given out, never over a file; what
/// is in it opens with Debian's tools.
#[test]
fn a_bundle_is_given_by_role_and_opens_with_debians_tools() {
    let site = Site::start();
    let key = site.journal_key().to_string();
    let id = session(&site, "echo proof-$((40+2))");
    let path = site.folder().join("refused.tar").display().to_string();
    let call = ["export", "--session", &id, "-o", &path, "--purpose", "audit"];
    assert_eq!(site.poterne(&call, "").status.code(), Some(77));
    site.sign_in("claire");
    assert_eq!(site.poterne(&call, "").status.code(), Some(77), "an approver exports no evidence");
    assert!(!Path::new(&path).exists(), "what is no bundle does not stay");
    site.sign_in("sophie");
    let silent = site.poterne(&["export", "--session", &id, "-o", &path], "");
    assert_eq!(silent.status.code(), Some(64), "a purpose is needed");
    let bundle = export(&site, "one.tar", &["--session", &id]);
    let again = site.poterne(&["export", "--session", &id, "-o", &bundle.display().to_string(), "--purpose", "x"], "");
    assert!(String::from_utf8_lossy(&again.stderr).contains("is there already"));
    both(&bundle, Some(&key), &[], 0, &[]);
    both(&bundle, None, &[], 2, &[]);
    let exported = site.entries("evidence-exported").remove(0);
    let manifest = HEXLOWER.encode(&Sha256::digest(Parts::read(&bundle).get("manifest.json")));
    assert_eq!((&exported["manifest"], &exported["staff"]), (&manifest.into(), &"sophie".into()));
    assert_eq!(exported["scope"], json!({ "session": id }));
    // Nobody else's entries.
    let entries = Parts::read(&bundle).entries();
    assert!(entries.iter().any(|one| one["body"].as_str().unwrap().contains("intervention-approved")));
    assert!(entries.iter().all(|one| !one["body"].as_str().unwrap().contains("nadia")));
    let officer = site.folder().join("officer.key");
    std::fs::write(&officer, format!("{OFFICER}\n")).unwrap();
    let script = format!(
        "cd {} && tar xf one.tar && age -d -i officer.key recordings/{id}/channel-1.cast.age | zstd -dq",
        site.folder().display()
    );
    let out = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(String::from_utf8_lossy(&out.stdout).contains("proof-42"), "{out:?}");
    // A whole vendor, and one intervention, are bundles like any.
    let today = jiff::Zoned::now().date();
    let (from, to) = (today.yesterday().unwrap().to_string(), today.tomorrow().unwrap().to_string());
    both(&export(&site, "v.tar", &["--vendor", "imagix", "--from", &from, "--to", &to]), Some(&key), &[], 0, &[]);
    both(&export(&site, "i.tar", &["--intervention", "1"]), Some(&key), &[], 0, &[]);
    // Of one that is still going on, all that came behind its last entry is shown.
    let mut open = site.shell("alice");
    open.expect("# ");
    site.sign_in("sophie");
    let going = export(&site, "open.tar", &["--intervention", "2"]);
    both(&going, Some(&key), &[], 0, &[]);
    let manifest = Parts::read(&going).json("manifest.json");
    assert_eq!((&manifest["end"], &manifest["interventions"]), (&manifest["size"], &json!([2])));
    open.type_line("exit");
    open.wait();
    let nothing = site.poterne(&["export", "--intervention", "9", "-o", &path, "--purpose", "x"], "");
    assert_eq!(nothing.status.code(), Some(66));
}

/// Encrypted anew: the auditor's key opens it, and the plain digests are those of the journal's manifest.
#[test]
fn an_auditor_opens_what_was_encrypted_anew() {
    let site = Site::start();
    let id = session(&site, "echo proof-$((40+2))");
    let key = site.folder().join("officer.key").display().to_string();
    std::fs::write(&key, format!("{OFFICER}\n")).unwrap();
    let auditor = site.folder().join("auditor.key").display().to_string();
    assert!(Command::new("age-keygen").args(["-o", &auditor]).output().unwrap().status.success());
    let public = Command::new("age-keygen").args(["-y", &auditor]).output().unwrap();
    let public = String::from_utf8(public.stdout).unwrap().trim().to_owned();
    site.sign_in("sophie");
    let bundle = export(&site, "anew.tar", &["--session", &id, "--key", &key, "--for", &public]);
    both(&bundle, Some(&site.journal_key().to_string()), &[], 0, &[]);
    let recording = Parts::read(&bundle).json(&format!("recordings/{id}/manifest.json"));
    let part = recording["parts"].as_array().unwrap().iter().find(|one| one["kind"] == "cast").unwrap();
    let script = format!(
        "cd {} && tar xf anew.tar && age -d -i auditor.key reencrypted/{id}/channel-1.cast.age | zstd -dq | sha256sum",
        site.folder().display()
    );
    let out = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert!(String::from_utf8_lossy(&out.stdout).starts_with(part["plain_sha256"].as_str().unwrap()), "{out:?}");
    assert_eq!(site.entries("recording-read").len(), 1, "an opening is journalled as one");
    let mut altered = Parts::read(&bundle);
    altered.get(&format!("reencrypted/{id}/channel-1.cast.age"))[300] ^= 1;
    both(
        &altered.write(&site.folder().join("x.tar")),
        Some(&site.journal_key().to_string()),
        &[],
        1,
        &["reencrypted.json"],
    );
}

/// EVI-01, T2: what was put in the place of a recording is not encrypted anew for an auditor, and a part
/// whose term is over is left out and named.
#[test]
fn what_was_exchanged_is_not_laundered_and_what_is_gone_is_left_out() {
    let site = Site::start();
    let id = session(&site, "echo proof-$((40+2))");
    let vkey = site.journal_key().to_string();
    let key = site.folder().join("officer.key").display().to_string();
    std::fs::write(&key, format!("{OFFICER}\n")).unwrap();
    let auditor = recorder::RecoveryKey::generate().public_line();
    let (heads, bodies) = (site.state().join("keyring").join(&id), site.state().join("recordings").join(&id));
    site.sign_in("sophie");
    let anew = |name: &str| {
        let path = site.folder().join(name).display().to_string();
        let args = ["export", "--session", &id, "-o", &path, "--purpose", "x", "--key", &key, "--for", &auditor];
        let out = site.poterne(&args, "");
        (out.status.code(), String::from_utf8_lossy(&out.stderr).into_owned(), PathBuf::from(path))
    };
    // Gone at its term: the rest is still to be had.
    std::fs::remove_file(heads.join("transcript.txt.head")).unwrap();
    let (code, said, bundle) = anew("without.tar");
    assert!(code == Some(0) && said.contains("transcript.txt of"), "{said}");
    both(&bundle, Some(&vkey), &[], 0, &[]);
    let mut parts = Parts::read(&bundle);
    assert_eq!(parts.json("manifest.json")["recordings"][&id]["without"], json!(["transcript.txt"]));
    assert!(parts.0.iter().any(|(name, _)| *name == format!("reencrypted/{id}/channel-1.cast.age")));
    // Root knows the officer's public key, and seals another story to it.
    let public = recorder::RecoveryKey::parse(OFFICER).unwrap().public_line();
    let script = format!("cd {} && echo another | zstd -q | age -r {public} -o story", site.folder().display());
    assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    let story = std::fs::read(site.folder().join("story")).unwrap();
    let mark = story.windows(5).position(|some| some == b"\n--- ").unwrap() + 1;
    let head = mark + story[mark..].iter().position(|byte| *byte == b'\n').unwrap() + 1;
    std::fs::write(heads.join("channel-1.cast.head"), &story[..head]).unwrap();
    std::fs::write(bodies.join("channel-1.cast.body"), &story[head..]).unwrap();
    let (code, said, bundle) = anew("laundered.tar");
    assert_eq!(code, Some(65), "{said}");
    assert!(said.contains("channel-1.cast.head") && said.contains("is not as it was sealed"), "{said}");
    assert!(!bundle.exists(), "what is no bundle does not stay");
    let path = site.folder().join("stored.tar").display().to_string();
    let stored = site.poterne(&["export", "--session", &id, "-o", &path, "--purpose", "x"], "");
    let said = String::from_utf8_lossy(&stored.stderr).into_owned();
    assert!(stored.status.success() && said.contains("channel-1.cast.head is not as it was sealed"), "{said}");
    both(Path::new(&path), Some(&vkey), &[], 1, &["channel-1.cast"]);
    // Nothing erased the part that is gone.
    assert!(said.contains("transcript.txt.head is not as it was sealed"), "{said}");
    // Where a manifest is lost, all else is given out, and the verifiers name what is not there.
    std::fs::remove_file(bodies.join("manifest.json")).unwrap();
    let path = site.folder().join("lost.tar").display().to_string();
    let stored = site.poterne(&["export", "--intervention", "1", "-o", &path, "--purpose", "x"], "");
    let said = String::from_utf8_lossy(&stored.stderr).into_owned();
    assert!(stored.status.success() && said.contains("manifest.json is not as it was sealed"), "{said}");
    both(Path::new(&path), Some(&vkey), &[], 1, &["manifest.json"]);
    let (code, said, bundle) = anew("lost-anew.tar");
    assert_eq!(code, Some(0), "{said}");
    both(&bundle, Some(&vkey), &[], 1, &["manifest.json"]);
}

/// T2: the technician's terminal and `session receipt` give what makes their keeper a witness: both
/// verifiers take it, and a bundle continues it.
#[test]
fn a_receipt_is_shown_on_the_terminal_and_can_be_had_again() {
    let site = Site::start();
    let key = site.journal_key().to_string();
    let vkey = site.journal_key();
    let mut shell = site.shell("alice");
    shell.expect("# ");
    shell.type_line("exit");
    shell.wait();
    let id = site.ended_session()["id"].as_str().unwrap().to_owned();
    let shown = read_receipt(&shell.shown(), Some(&vkey)).unwrap();
    assert_eq!((shown.leaf.kind.as_str(), shown.leaf.session.as_deref()), ("recording-committed", Some(id.as_str())));
    assert!(shell.shown().contains("Receipt of intervention 1"));
    let text = site.ok(&["session", "receipt", &id]);
    let again = read_receipt(&text, Some(&vkey)).unwrap();
    assert_eq!((again.leaf.kind.as_str(), again.leaf.intervention), ("session-ended", Some(1)));
    assert!(again.checkpoint.size > shown.checkpoint.size);
    let kept = site.folder().join("kept.txt");
    std::fs::write(&kept, shell.shown()).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("verify.py");
    let out = Command::new("python3").arg(script).arg("--receipt").arg(&kept).args(["--key", &key]).output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stdout));
    site.sealed(&id);
    site.sign_in("sophie");
    let bundle = export(&site, "after.tar", &["--session", &id]);
    let notes = site.folder().join("note.txt");
    std::fs::write(&notes, &shown.note).unwrap();
    both(&bundle, Some(&key), std::slice::from_ref(&notes), 0, &[]);
    // What proves nothing is not passed over in silence.
    let other = shown.note.replacen(&format!("\n{}\n", shown.checkpoint.size), "\n2\n", 1);
    for (text, word) in [("garbage", "is no checkpoint"), (other.as_str(), "did not sign it")] {
        std::fs::write(&notes, text).unwrap();
        let path = site.folder().join("refused.tar").display().to_string();
        let anchor = notes.display().to_string();
        let args = ["export", "--session", &id, "-o", &path, "--purpose", "x", "--anchor", &anchor];
        let out = site.poterne(&args, "");
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        assert!(out.status.code() == Some(65) && said.contains(word), "{said}");
        assert!(!Path::new(&path).exists());
    }
    assert_eq!(site.poterne(&["session", "receipt", "s-0000000000000000"], "").status.code(), Some(66));
}

/// D33, T2: each tampering is found by both, and named in words; also where everything that needs no
/// signing key is computed anew.
#[test]
fn two_verifiers_agree_on_each_tampering() {
    let site = Site::start();
    let key = site.journal_key().to_string();
    let early = site.folder().join("early.checkpoint");
    std::fs::write(&early, site.ok(&["journal", "checkpoint"])).unwrap();
    let first = session(&site, "echo first");
    let other = session(&site, "echo second");
    site.sign_in("sophie");
    let good = export(&site, "good.tar", &["--session", &other]);
    let elder = export(&site, "elder.tar", &["--session", &first]);
    let late = site.folder().join("late.checkpoint");
    std::fs::write(&late, site.ok(&["journal", "checkpoint"])).unwrap();
    both(&good, Some(&key), std::slice::from_ref(&early), 0, &[]);
    let scratch = site.folder().join("tampered.tar");
    let whole = Parts::read(&good);
    let judge = |parts: Parts, words: &[&str]| both(&parts.write(&scratch), Some(&key), &[], 1, words);

    // A byte flipped, in each file.
    for (name, content) in &whole.0 {
        let mut parts = whole.clone();
        parts.get(name)[content.len() / 2] ^= 1;
        judge(parts, &[]);
    }
    let mut parts = whole.clone();
    let last = parts.get("resume.txt").len() - 2;
    parts.get("resume.txt")[last] ^= 1;
    judge(parts.clone(), &["resume.txt"]);
    judge(parts.with_manifest(), &["the journal names another manifest"]);
    // An entry dropped; then its leaf too; then hidden behind its hash.
    let entries = whole.clone().entries();
    let approval = position(&entries, "intervention-approved");
    let (mut parts, mut fewer) = (whole.clone(), entries.clone());
    fewer.remove(approval);
    parts.set_entries(&fewer);
    judge(parts.clone().with_manifest(), &["an entry was dropped", "the journal names another manifest"]);
    let index = entries[approval]["index"].as_u64().unwrap() as usize;
    let records = parts.records();
    let mut without = records.clone();
    without.remove(index);
    *parts.get("tree") = without.concat();
    judge(parts.clone().with_manifest(), &["entries were dropped or swapped", "the log was cut off"]);
    let mut hidden = records.clone();
    hidden[index] = [&b"H\0"[..], &leaf_hash(&records[index][3..])].concat();
    *parts.get("tree") = hidden.concat();
    judge(parts.with_manifest(), &["an entry may have been left out"]);
    // Entries swapped.
    let (mut parts, mut swapped) = (whole.clone(), entries.clone());
    swapped.swap(approval, approval + 1);
    parts.set_entries(&swapped);
    let mut tree = records.clone();
    tree.swap(index, index + 1);
    judge(parts.clone().with_manifest(), &["entries were swapped"]);
    *parts.get("tree") = tree.concat();
    judge(parts.with_manifest(), &["entries were dropped or swapped", "altered, dropped or swapped"]);
    // The approval altered.
    let (mut parts, mut altered) = (whole.clone(), entries.clone());
    altered[approval]["body"] = altered[approval]["body"].as_str().unwrap().replace("claire", "paul00").into();
    parts.set_entries(&altered);
    judge(parts.with_manifest(), &["(intervention-approved) is not what the journal committed to: it was altered"]);
    // The recording exchanged for another one that this bastion sealed.
    let mut parts = whole.clone();
    let mut elders = Parts::read(&elder);
    *parts.get(&format!("recordings/{other}/manifest.json")) =
        elders.get(&format!("recordings/{first}/manifest.json")).clone();
    judge(parts.with_manifest(), &["it was exchanged"]);
    let mut parts = whole.clone();
    let name = |id: &str| format!("recordings/{id}/channel-1.cast.age");
    *parts.get(&name(&other)) = elders.get(&name(&first)).clone();
    judge(parts.with_manifest(), &["the recording was exchanged or altered"]);
    // The signature missing; another key.
    let mut parts = whole.clone();
    let note = parts.text("checkpoint");
    *parts.get("checkpoint") = note.split_once("\n\n").unwrap().0.to_owned().into_bytes();
    parts.get("checkpoint").push(b'\n');
    judge(parts.with_manifest(), &["an absent signature is an error"]);
    let stranger = SigningKey::new("another.example/journal", &[9; 32]).unwrap().verifier().to_string();
    both(&good, Some(&stranger), &[], 1, &["no signature by the key"]);
    // The tail cut off: found with what was kept elsewhere.
    both(&good, Some(&key), std::slice::from_ref(&late), 1, &["cut off or rolled back"]);
    // The file cut off.
    let bytes = std::fs::read(&good).unwrap();
    std::fs::write(&scratch, &bytes[..bytes.len() / 2]).unwrap();
    both(&scratch, Some(&key), &[], 1, &[]);
    // No word of the journal; a word on another bundle.
    let mut parts = whole.clone();
    parts.0.retain(|(name, _)| name != "custody.json");
    judge(parts, &["custody.json"]);
    let mut parts = whole;
    *parts.get("custody.json") = elders.get("custody.json").clone();
    judge(parts, &["the checkpoint of the export does not continue the bundle's"]);
}
