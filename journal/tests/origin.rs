//! A copy made beside the writer, and a new origin over it (D17).

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failing test shall stop")]

use journal::{Journal, MasterKey, OsDisk, SigningKey, Since, Snapshot, check_log, check_log_since};
use std::fs;

fn open(folder: &std::path::Path, name: &str, key: u8) -> Journal {
    let signer = SigningKey::new(name, &[key; 32]).unwrap();
    let mut counter = 0u8;
    let random: journal::Entropy = Box::new(move |buffer| {
        counter = counter.wrapping_add(1);
        buffer.fill(counter);
    });
    Journal::open(folder, Box::new(OsDisk::default()), signer, MasterKey::new([3; 32]), random).unwrap().0
}

fn entries(count: u64) -> Vec<journal::NewEntry> {
    let one = |n| journal::NewEntry {
        at: jiff::Timestamp::from_second(1_764_000_000 + n).unwrap(),
        kind: "heartbeat".to_owned(),
        subject: journal::Subject { account: None, intervention: None, session: None },
        body: b"{}".to_vec(),
    };
    (0..i64::try_from(count).unwrap()).map(one).collect()
}

/// The copy is a whole log; under a new origin the old checkpoints stay provable prefixes by the old
/// key, and no key stands for the other.
#[test]
fn a_copy_goes_on_under_a_new_origin() {
    let folder = tempfile::tempdir().unwrap();
    let (log, copy) = (folder.path().join("log"), folder.path().join("copy"));
    let mut writer = open(&log, "poterne.test/old", 7);
    writer.append(0, &entries(300)).unwrap();
    let snapshot = Snapshot::take(&log).unwrap();
    let later = writer
        .append(
            300,
            &entries(1)
                .into_iter()
                .map(|one| journal::NewEntry { at: jiff::Timestamp::from_second(1_764_001_000).unwrap(), ..one })
                .collect::<Vec<_>>(),
        )
        .unwrap();
    for file in &snapshot.files {
        fs::create_dir_all(copy.join(file).parent().unwrap()).unwrap();
        fs::copy(log.join(file), copy.join(file)).unwrap();
    }
    fs::write(copy.join("tail"), &snapshot.tail).unwrap();
    fs::write(copy.join("checkpoint"), &snapshot.checkpoint).unwrap();
    let old = SigningKey::new("poterne.test/old", &[7; 32]).unwrap().verifier();
    let new = SigningKey::new("poterne.test/new", &[8; 32]).unwrap().verifier();
    let report = check_log(&mut OsDisk::default(), &copy, Some(&old), None);
    assert!(report.findings.is_empty() && report.entries == 300, "{report:?}");

    let mut restored = open(&copy, "poterne.test/old", 7);
    restored.begin_origin(SigningKey::new("poterne.test/new", &[8; 32]).unwrap()).unwrap();
    let mut more = entries(1);
    more[0].at = jiff::Timestamp::from_second(1_764_002_000).unwrap();
    restored.append(300, &more).unwrap();
    drop(restored);
    assert_eq!(open(&copy, "poterne.test/new", 8).size(), 301);
    let since = |note: &str, key| check_log_since(&mut OsDisk::default(), &copy, Some(&new), &[Since { note, key }]);
    let kept = since(&snapshot.checkpoint, Some(&old));
    assert!(kept.findings.is_empty(), "{kept:?}");
    assert!(!since(&snapshot.checkpoint, None).findings.is_empty(), "the old signature is not the new key's");
    assert!(!since(&later.checkpoint, Some(&old)).findings.is_empty(), "what was lost is named");
}
