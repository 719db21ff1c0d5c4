use super::*;
use std::os::unix::fs::PermissionsExt as _;

struct Stage {
    folder: tempfile::TempDir,
    allowance: Allowance,
}

impl Stage {
    fn new(largest: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("quarantine")).unwrap();
        Self { folder, allowance: Allowance::new(ByteSize(largest)) }
    }

    fn quarantine(&self, channel: u32) -> Quarantine {
        let session = SessionId::from_random([7; 8]);
        Quarantine::new(&Paths::new(self.folder.path()), &session, channel, &self.allowance)
    }

    fn files(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.folder.path().join("quarantine")).unwrap();
        files.map(|entry| entry.unwrap().path()).collect()
    }
}

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

#[tokio::test]
async fn what_was_stored_is_fetched_and_gone_afterwards() {
    let stage = Stage::new(1 << 20);
    let mut quarantine = stage.quarantine(3);
    quarantine.store(1, 6, bytes("world")).await.unwrap();
    quarantine.store(1, 0, bytes("hello ")).await.unwrap();
    quarantine.truncate(2, 0).await.unwrap();
    assert_eq!(quarantine.fetch(1, 0, 64).await.unwrap(), "hello world");
    assert_eq!(quarantine.fetch(1, 6, 3).await.unwrap(), "wor");
    assert_eq!(quarantine.fetch(1, 11, 3).await.unwrap(), "");
    assert_eq!(quarantine.fetch(2, 0, 3).await.unwrap(), "");
    quarantine.truncate(1, 5).await.unwrap();
    assert_eq!(quarantine.fetch(1, 0, 64).await.unwrap(), "hello");
    let path = quarantine.path(1).unwrap();
    assert!(path.ends_with("quarantine/s-0707070707070707-3-1"), "{path:?}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    quarantine.remove(1).await.unwrap();
    quarantine.remove(1).await.unwrap();
    assert!(matches!(quarantine.fetch(1, 0, 1).await, Err(QuarantineError::Unknown(1))));
    assert_eq!(stage.files().len(), 1);
    drop(quarantine);
    assert!(stage.files().is_empty());
    assert_eq!(stage.allowance.used.lock().unwrap().files, 0);
    assert_eq!(stage.allowance.used.lock().unwrap().bytes, 0);
}

#[tokio::test]
async fn what_a_scanner_was_asked_about_does_not_change() {
    let stage = Stage::new(1 << 20);
    let mut quarantine = stage.quarantine(0);
    quarantine.store(1, 0, bytes("clean")).await.unwrap();
    quarantine.path(1).unwrap();
    assert!(matches!(quarantine.store(1, 0, bytes("worse")).await, Err(QuarantineError::Settled(1))));
    assert!(matches!(quarantine.truncate(1, 0).await, Err(QuarantineError::Settled(1))));
    assert_eq!(quarantine.fetch(1, 0, 64).await.unwrap(), "clean");
}

#[tokio::test]
async fn a_session_holds_so_much_and_no_more() {
    let stage = Stage::new(100);
    let [mut one, mut other] = [stage.quarantine(0), stage.quarantine(1)];
    one.store(0, 95, bytes("12345")).await.unwrap();
    for offset in [96, u64::MAX] {
        let refused = one.store(0, offset, bytes("12345")).await;
        assert!(matches!(refused, Err(QuarantineError::TooLarge(ByteSize(100)))), "{refused:?}");
    }
    assert!(matches!(one.truncate(0, 101).await, Err(QuarantineError::TooLarge(_))));
    for file in 1..8 {
        one.truncate(file, 100).await.unwrap();
    }
    assert!(matches!(other.truncate(0, 1).await, Err(QuarantineError::TooMuch(ByteSize(800)))));
    one.truncate(1, 50).await.unwrap();
    other.truncate(0, 50).await.unwrap();
    drop(one);
    for file in 1..FILES {
        other.truncate(file, 0).await.unwrap();
    }
    assert!(matches!(other.truncate(FILES, 0).await, Err(QuarantineError::TooMany)));
    other.remove(3).await.unwrap();
    other.truncate(FILES, 0).await.unwrap();
}

#[tokio::test]
async fn no_file_of_somebody_elses_is_written_to() {
    let stage = Stage::new(100);
    let there = stage.folder.path().join("quarantine/s-0707070707070707-0-1");
    std::os::unix::fs::symlink("/etc/passwd", &there).unwrap();
    let mut quarantine = stage.quarantine(0);
    let refused = quarantine.store(1, 0, bytes("x")).await.unwrap_err().to_string();
    assert!(refused.starts_with("the quarantine cannot be written: "), "{refused}");
    drop(quarantine);
    assert!(fs::symlink_metadata(&there).is_ok(), "nor removed");
    assert_eq!(stage.allowance.used.lock().unwrap().files, 0);
}

#[tokio::test]
async fn whoever_is_broken_off_leaves_nothing() {
    let stage = Stage::new(100);
    let mut quarantine = stage.quarantine(0);
    // Polled once: the file is being made on another thread when its task goes, or was made just now.
    let storing = quarantine.store(1, 0, bytes("x"));
    let _ = futures::FutureExt::now_or_never(storing);
    drop(quarantine);
    // One thread of the pool did it; a round through all of them is behind it.
    while !stage.files().is_empty() {
        tokio::task::yield_now().await;
    }
}

#[test]
fn the_disk_is_not_filled() {
    let here = Path::new("/");
    assert!(leave_room(here, 0).is_ok(), "this machine has 256 MiB free");
    assert_eq!(leave_room(here, usize::MAX).unwrap_err().kind(), io::ErrorKind::StorageFull);
}

#[test]
fn a_start_removes_what_a_crash_left() {
    let stage = Stage::new(100);
    let folder = stage.folder.path().join("quarantine");
    fs::write(folder.join("s-0707070707070707-0-1"), "left").unwrap();
    fs::write(folder.join("s-0707070707070707-0-2"), "left").unwrap();
    assert_eq!((clear(&folder).unwrap(), clear(&folder).unwrap()), (2, 0));
    assert!(clear(Path::new("/there/is/no/folder")).is_err());
}
