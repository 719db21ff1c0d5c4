//! LOG-04, CVE-2025-59339: whatever is done to a log, somebody with the key finds it.
#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failing test shall stop")]

mod support;

use journal::{Disk as _, OsDisk, SigningKey, VerifierKey, check_log};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use support::{Memory, ORIGIN, entry, files, group, open_on, put, records, signed, signer, summed, tail_of, write_log};

/// Two full tiles and a tail.
const GROUPS: [u64; 5] = [200, 300, 97, 1, 2];

type Made = (Vec<(PathBuf, Vec<u8>)>, Vec<String>);

/// A good log, and the checkpoint behind each of its groups.
fn log() -> &'static Made {
    static LOG: OnceLock<Made> = OnceLock::new();
    LOG.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let checkpoints = write_log(folder.path(), &GROUPS);
        (files(folder.path()), checkpoints)
    })
}

fn good() -> Memory {
    Memory::with(&log().0)
}

fn key() -> VerifierKey {
    signer().verifier()
}

#[track_caller]
fn found(mut altered: Memory, story: &str) -> String {
    let findings = altered.findings(Some(&key()), None);
    assert!(!findings.is_empty(), "not found: {story}");
    findings.join("; ")
}

#[test]
fn a_good_log_holds() {
    assert_eq!(good().findings(Some(&key()), None), [""; 0]);
    for checkpoint in &log().1 {
        assert_eq!(good().findings(Some(&key()), Some(checkpoint)), [""; 0]);
    }
    let report = check_log(&mut good(), Path::new("log"), Some(&key()), None);
    assert_eq!((report.entries, report.checkpoints, report.erased), (600, 3, 0));
    assert_eq!(log().0.len(), 10);
}

#[test]
fn a_flipped_byte() {
    for (path, bytes) in &log().0 {
        // Short files at each byte, the others at some sixty.
        let stride = if bytes.len() < 400 { 1 } else { (bytes.len() / 60) | 1 };
        for position in (0..bytes.len()).step_by(stride).chain([bytes.len() - 1]) {
            let mut altered = good();
            altered.file(path.to_str().unwrap())[position] ^= 1 << (position % 8);
            found(altered, &format!("byte {position} of `{}`", path.display()));
        }
    }
}

#[test]
fn a_file_cut_or_lengthened() {
    for (path, bytes) in &log().0 {
        let stride = if path == Path::new("tail") { 97 } else { bytes.len() / 20 + 1 };
        for length in (0..bytes.len()).step_by(stride).chain([bytes.len() - 1]) {
            let mut altered = good();
            altered.file(path.to_str().unwrap()).truncate(length);
            found(altered, &format!("`{}` cut to {length}", path.display()));
        }
        let mut altered = good();
        altered.file(path.to_str().unwrap()).push(b'\n');
        found(altered, &format!("`{}` lengthened", path.display()));
    }
}

#[test]
fn dropped_records() {
    let all = records(good().file("tail"));
    for kept in 0..all.len() {
        let mut altered = good();
        *altered.file("tail") = tail_of(&all[..kept]);
        found(altered, &format!("the first {kept} records"));
        let mut altered = good();
        let mut others = all.clone();
        others.remove(kept);
        // A checkpoint that another one follows can go: what it covered is covered by the next.
        let spare = others.get(kept).is_some() && all[kept].0 == b'C';
        *altered.file("tail") = tail_of(&others);
        assert_eq!(altered.findings(Some(&key()), None).is_empty(), spare, "record {kept} left out");
    }
}

#[test]
fn swapped_entries() {
    let all = records(good().file("tail"));
    for (one, other) in [(1, 2), (1, 80), (40, 41)] {
        assert_eq!((all[one].0, all[other].0), (b'L', b'L'));
        let mut altered = good();
        let mut swapped = all.clone();
        swapped.swap(one, other);
        *altered.file("tail") = tail_of(&swapped);
        found(altered, "two entries of the tail");
    }
    // Entries 2 and 4 of a tile, in each of its files, sums made to fit.
    let mut altered = good();
    let leaves = altered.file("tile/entries/000");
    let mut parts = Vec::new();
    let mut rest = leaves.as_slice();
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let (_, behind) = after.split_at(usize::from(u16::from_be_bytes(*length)));
        parts.push(rest[..rest.len() - behind.len()].to_vec());
        rest = behind;
    }
    parts.swap(2, 4);
    *leaves = parts.concat();
    swap_fixed(altered.file("tile/0/000"), 32, 2, 4);
    for (file, size) in [("keys/000", 68), ("bodies/000", 0)] {
        let bytes = altered.file(file);
        let mut content = bytes[..bytes.len() - 32].to_vec();
        let size = if size == 0 { 4 + u32::from_be_bytes(content[..4].try_into().unwrap()) as usize } else { size };
        swap_fixed(&mut content, size, 2, 4);
        *bytes = summed(&content);
    }
    let said = found(altered, "two entries of a tile");
    assert!(said.contains("dropped or swapped"), "{said}");
}

fn swap_fixed(bytes: &mut [u8], size: usize, one: usize, other: usize) {
    for n in 0..size {
        bytes.swap(one * size + n, other * size + n);
    }
}

#[test]
fn swapped_deleted_and_added_files() {
    let all = &log().0;
    for (n, (one, first)) in all.iter().enumerate() {
        for (other, second) in &all[n + 1..] {
            let mut altered = good();
            *altered.file(one.to_str().unwrap()) = second.clone();
            *altered.file(other.to_str().unwrap()) = first.clone();
            found(altered, &format!("`{}` and `{}` swapped", one.display(), other.display()));
        }
        let mut altered = good();
        altered.0.remove(&Path::new("log").join(one));
        found(altered, &format!("`{}` deleted", one.display()));
    }
    for name in ["note", "tail.new", "tile/0/002", "tile/0/999", "tile/1/000", "bodies/x001/000", "keys/2"] {
        let mut altered = good();
        altered.file(name).push(1);
        found(altered, &format!("`{name}` added"));
    }
    let mut altered = good();
    altered.file("\u{1b}[2J\u{202e}txt").push(1);
    let said = found(altered, "a name that moves the terminal");
    assert!(!said.contains(['\u{1b}', '\u{202e}']), "{said}");
}

/// An earlier copy is a good log; only what was kept elsewhere tells.
#[test]
fn rolled_back() {
    let folder = tempfile::tempdir().unwrap();
    let (_, checkpoints) = log();
    write_log(folder.path(), &GROUPS[..3]);
    let mut earlier = Memory::with(&files(folder.path()));
    assert_eq!(earlier.findings(Some(&key()), None), [""; 0]);
    assert_eq!(earlier.findings(Some(&key()), Some(&checkpoints[2])), [""; 0]);
    let findings = earlier.findings(Some(&key()), Some(&checkpoints[3]));
    assert!(findings[0].contains("rolled back"), "{findings:?}");
    // The tail alone, and the tail with its checkpoint, put back below tiles that stay.
    let mut altered = good();
    write_log(&folder.path().join("older"), &GROUPS[..1]);
    for name in ["tail", "checkpoint"] {
        *altered.file(name) = std::fs::read(folder.path().join("older").join(name)).unwrap();
        found(altered.clone(), name);
    }
}

/// T2: the holder of the signing key writes another history.
#[test]
fn rewritten_with_the_same_key() {
    let folder = tempfile::tempdir().unwrap();
    let (mut journal, _) = open_on(folder.path(), Box::new(OsDisk::default()), 1).unwrap();
    let mut other = group(0, 600);
    other[17].body = b"{}".to_vec();
    journal.append(0, &other).unwrap();
    let mut rewritten = Memory::with(&files(folder.path()));
    assert_eq!(rewritten.findings(Some(&key()), None), [""; 0]);
    for checkpoint in &log().1 {
        let findings = rewritten.findings(Some(&key()), Some(checkpoint));
        assert!(findings[0].contains("rewritten"), "{findings:?}");
    }
}

#[test]
fn wrong_key_and_missing_signature() {
    for wrong in [SigningKey::new(ORIGIN, &[8; 32]).unwrap(), SigningKey::new("other.test", &[7; 32]).unwrap()] {
        assert!(good().findings(Some(&wrong.verifier()), None).len() >= 4);
    }
    let stripped = |note: &str| note.split_once("\n\n").unwrap().0.to_owned() + "\n";
    for strip in [|_: &str| String::new(), |text: &str| text.to_owned(), |text: &str| format!("{text}\n")] {
        let mut altered = good();
        let mut all = records(altered.file("tail"));
        for (_, payload) in all.iter_mut().filter(|(kind, _)| *kind == b'C') {
            *payload = strip(&stripped(std::str::from_utf8(payload).unwrap())).into_bytes();
        }
        *altered.file("tail") = tail_of(&all);
        let note = String::from_utf8(altered.file("checkpoint").clone()).unwrap();
        *altered.file("checkpoint") = strip(&stripped(&note)).into_bytes();
        // An absent signature is an error even to somebody without the key.
        assert!(altered.findings(None, None).len() >= 4);
        found(altered, "no signature");
    }
    // Another's signature in the place of the log's own is none, and needs no key to be seen.
    let mut altered = good();
    let note = String::from_utf8(altered.file("checkpoint").clone()).unwrap();
    *altered.file("checkpoint") = note.replacen(&format!("\u{2014} {ORIGIN}"), "\u{2014} other.test", 1).into_bytes();
    assert_eq!(altered.findings(None, None).len(), 1);
    // A line more than the log wrote, in the tail; in the published copy a witness may add one.
    let mut altered = good();
    let mut all = records(altered.file("tail"));
    let witness = format!("\u{2014} witness.test {}\n", data_encoding::BASE64.encode(&[1; 76]));
    altered.file("checkpoint").extend_from_slice(witness.as_bytes());
    assert_eq!(altered.findings(Some(&key()), None), [""; 0]);
    all.last_mut().unwrap().1.extend_from_slice(witness.as_bytes());
    *altered.file("tail") = tail_of(&all);
    found(altered, "a foreign line in the tail");
}

/// The writer itself did wrong, and signed it.
#[test]
fn signed_and_wrong_all_the_same() {
    let altered = |change: &dyn Fn(String) -> String| {
        let folder = tempfile::tempdir().unwrap();
        write_log(folder.path(), &[3]);
        let mut log = Memory::with(&files(folder.path()));
        let mut all = records(log.file("tail"));
        let payload = all[3].1.clone();
        let length = u32::from_be_bytes(payload[..4].try_into().unwrap()) as usize;
        let leaf = change(String::from_utf8(payload[4..4 + length].to_vec()).unwrap()).into_bytes();
        all[3].1 = [&u32::try_from(leaf.len()).unwrap().to_be_bytes()[..], &leaf, &payload[4 + length..]].concat();
        let leaves: Vec<Vec<u8>> = all[2..5].iter().map(|(_, payload)| leaf_of(payload)).collect();
        let note = signed(&leaves).into_bytes();
        all.last_mut().unwrap().1.clone_from(&note);
        *log.file("tail") = tail_of(&all);
        *log.file("checkpoint") = note;
        log
    };
    assert_eq!(altered(&|leaf| leaf).findings(Some(&key()), None), [""; 0]);
    let second = entry(1).at.to_string();
    for (from, to, what) in [
        (second.as_str(), "2000-01-01T00:00:00Z", "dated before"),
        (second.as_str(), "2026-09-21T14:13:21.0001Z", "canonical"),
        ("\"index\":1", "\"index\":2", "dropped or swapped"),
        ("\"index\":1", "\"index\":01", "canonical"),
        ("\"body\":\"", "\"body\":\"00", "canonical"),
        ("session.ended", "session ended", "canonical"),
        ("{", "{ ", "canonical"),
        ("{", "{\"aa\":1,", "canonical"),
    ] {
        let findings = altered(&|leaf| {
            assert!(leaf.contains(from), "{leaf}");
            leaf.replacen(from, to, 1)
        })
        .findings(Some(&key()), None);
        assert!(findings.iter().any(|said| said.contains(what)), "{to}: {findings:?}");
    }
}

fn leaf_of(payload: &[u8]) -> Vec<u8> {
    let length = u32::from_be_bytes(payload[..4].try_into().unwrap()) as usize;
    payload[4..4 + length].to_vec()
}

/// The tail's beginning is under no signature of its own, so it must fit in every other way.
#[test]
fn another_beginning_of_the_tail() {
    let all = records(good().file("tail"));
    assert_eq!(all[0], (b'B', 512u64.to_be_bytes().to_vec()));
    for base in [0, 1, 255, 256, 511, 513, 767, 768, 1 << 40, u64::MAX - 255, u64::MAX] {
        let mut altered = good();
        let mut moved = all.clone();
        moved[0].1 = base.to_be_bytes().to_vec();
        *altered.file("tail") = tail_of(&moved);
        found(altered, &format!("base {base}"));
    }
    // Twice begun, not begun, begun with a length that no file has.
    for tail in [
        tail_of(&[&all[..1], &all[..]].concat()),
        tail_of(&all[1..]),
        [&b"B\xff\xff\xff\xff"[..], &good().file("tail")[5..]].concat(),
        Vec::new(),
    ] {
        let mut altered = good();
        *altered.file("tail") = tail;
        found(altered, "beginning");
    }
}

/// A key destroyed without its term being up. In the tail no entry is that old.
#[test]
fn erased_keys() {
    let mut altered = good();
    let mut all = records(altered.file("tail"));
    let leaf = leaf_of(&all[1].1).len();
    all[1].1[4 + leaf..4 + leaf + 68].fill(0);
    *altered.file("tail") = tail_of(&all);
    found(altered, "a key erased in the tail");
    // In a tile the verifier counts it: whether it was due, only the holder of the master key knows.
    let mut altered = good();
    let keys = altered.file("keys/001");
    let mut content = keys[..keys.len() - 32].to_vec();
    content[68..2 * 68].fill(0);
    *keys = summed(&content);
    let report = check_log(&mut altered, Path::new("log"), Some(&key()), None);
    assert_eq!((report.findings.len(), report.erased), (0, 1));
}

/// A folder to be checked comes from a stranger: links and devices are named, never followed.
#[test]
fn links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path(), &log().0);
    for name in ["a", "b"] {
        std::os::unix::fs::symlink(".", folder.path().join(name)).unwrap();
    }
    let check = || check_log(&mut OsDisk::default(), folder.path(), Some(&key()), None).findings;
    assert_eq!(check().len(), 2);
    std::fs::remove_file(folder.path().join("checkpoint")).unwrap();
    std::os::unix::fs::symlink("/dev/zero", folder.path().join("checkpoint")).unwrap();
    assert_eq!(check().len(), 3);
    assert!(OsDisk::default().read(Path::new("/dev/zero")).is_err());
}

fn verify(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_poterne-verify")).args(arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// D33: what the binary says, and with which exit status.
#[test]
fn exit_status_of_the_binary() {
    let folder = tempfile::tempdir().unwrap();
    let (files, checkpoints) = log();
    let dir = folder.path().join("journal");
    put(&dir, files);
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (dir, key) = (dir.to_str().unwrap(), key().to_string());
    let since = write("since", &checkpoints[1]);
    let key_file = write("key", &format!("{key}\n"));
    let (code, said) = verify(&["log", dir, "--key", &key]);
    assert!(code == 0 && said.contains("HOLDS: signed by poterne.test/journal") && said.contains("600 entries"));
    let (code, said) = verify(&["log", dir, "--key", &key_file, "--since", &since]);
    assert!(code == 0 && said.contains("continues the checkpoint given"));
    let (code, said) = verify(&["log", dir]);
    assert!(code == 2 && said.contains("CONSISTENT WITH ITSELF, PROVEN TO NOBODY"));
    assert_eq!(verify(&["log", dir, "--since", &since]).0, 2);

    let other = SigningKey::new(ORIGIN, &[8; 32]).unwrap().verifier().to_string();
    assert_eq!(verify(&["log", dir, "--key", &other]).0, 1);
    // As a mail or an editor leaves it.
    let crlf = write("crlf", &format!("\u{feff}{}", checkpoints[1].replace('\n', "\r\n")));
    let (code, said) = verify(&["log", dir, "--key", &key, "--since", &crlf]);
    assert!(code == 0 && said.contains("continues the checkpoint given"), "{said}");
    // What says nothing about this log is no finding about it.
    let (garbage, empty) = (write("garbage", "hello\n"), write("empty", ""));
    let strange = SigningKey::new("poterne.test/another", &[9; 32]).unwrap();
    let of = journal::Checkpoint { origin: "poterne.test/another".to_owned(), size: 5, root: [1; 32] };
    let another = write("another", &strange.sign(&of));
    let fifo = folder.path().join("fifo").display().to_string();
    assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let forged = write("forged", &checkpoints[1].replacen("500", "501", 1));
    assert_eq!(verify(&["log", dir, "--key", &key, "--since", &forged]).0, 1);
    assert_eq!(verify(&["log", folder.path().to_str().unwrap(), "--key", &key]).0, 1);
    for arguments in [
        &["log", dir, "--key", "nonsense"][..],
        &["log", dir, "--key", &key, "--since", "/nowhere"],
        &["log", dir, "--key", &key, "--since", "/dev/null"],
        &["log", dir, "--key", &key, "--since", &garbage],
        &["log", dir, "--since", &garbage],
        &["log", dir, "--key", &key, "--since", &empty],
        &["log", dir, "--key", &key, "--since", &another],
        &["log", dir, "--key", &key, "--since", &fifo],
        &["bundle", &fifo, "--key", &key],
        &["receipt", &fifo],
        &["log"],
        &["log", dir, "--kee", &key],
        &[],
        &["bundle"],
    ] {
        assert_eq!(verify(arguments).0, 64, "{arguments:?}");
    }
    assert_eq!(verify(&["--help"]).0, 0);

    std::fs::write(Path::new(dir).join("tail"), "").unwrap();
    let (code, said) = verify(&["log", dir, "--key", &key]);
    assert!(code == 1 && said.contains("DOES NOT HOLD"));
    // Without a key, what does not fit is still wrong, not merely unproven.
    assert_eq!(verify(&["log", dir]).0, 1);
}
