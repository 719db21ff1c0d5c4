//! With real sealed recordings: spool, seal, key file, passphrase.

use super::opened::{OpenFailure, open};
use super::unlock::{UnlockError, Unlocked, lock, unlock};
use console::replay::{Chunk, Opened, ReplayError};
use console::wire::ScreenChange;
use jiff::{SignedDuration, Timestamp};
use lifecycle::order::Hidden;
use recorder::{
    Frame, FrameKind, Header, Recipients, Recorder, RecordingKey, RecoveryKey, Run, SealOrder, State, seal,
};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::Arc;

/// The least that takes no time.
const WORK: u8 = 2;
const PASSPHRASE: &str = "trois petits chats";

fn frame(millis: i64, track: u32, kind: FrameKind, data: &[u8]) -> Frame {
    let start = Timestamp::from_second(1_800_000_000).unwrap();
    let at = start.checked_add(SignedDuration::from_millis(millis)).unwrap();
    Frame { at, track, kind, data: data.to_vec().into() }
}

fn begin(track: u32) -> Frame {
    let what = br#"{"what":"shell","command":null,"term":"xterm","columns":80,"rows":24}"#;
    frame(0, track, FrameKind::Begin, what)
}

fn out(millis: i64, data: &[u8]) -> Frame {
    frame(millis, 1, FrameKind::Output, data)
}

struct Site {
    folder: tempfile::TempDir,
    officer: RecoveryKey,
    recipients: Vec<String>,
    manifest: String,
}

impl Site {
    async fn record(frames: Vec<Frame>) -> Site {
        Site::record_then(frames, |_| ()).await
    }

    async fn record_then(frames: Vec<Frame>, before_sealing: impl FnOnce(&std::path::Path)) -> Site {
        let (folder, recovery, officer) =
            (tempfile::tempdir().unwrap(), RecoveryKey::generate(), RecoveryKey::generate());
        let lines = vec![officer.public_line()];
        let recipients = Recipients::parse(&lines).unwrap();
        let key = RecordingKey::new([7; 32]);
        let started = frame(0, 0, FrameKind::Marker, b"").at;
        let header = Header::new("s-0000000000000001", started, &key, &recipients, &recovery).unwrap();
        let spool = folder.path().join("spool");
        let recording = Recorder::start(1).unwrap().open(&spool, &header, key).await.unwrap();
        for frame in frames {
            recording.write(frame).await.unwrap();
        }
        let head = recording.close().await.unwrap();
        before_sealing(&spool);
        let outcome = seal(&SealOrder {
            session: "s-0000000000000001",
            spool: &spool,
            recovery: &recovery,
            folder: &folder.path().join("sealed"),
            heads: &folder.path().join("heads"),
            recipients: &recipients,
            committed: (&head.hex(), head.length),
            started,
            interrupted: false,
            unopened: false,
        })
        .unwrap();
        Site { folder, officer, recipients: lines, manifest: outcome.digest }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, bytes: &[u8]) -> PathBuf {
        let path = self.path("officer.key.age");
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    fn unlock_with(&self, bytes: &[u8], passphrase: &str) -> Result<Unlocked, UnlockError> {
        unlock(&self.file(bytes), &Hidden::new(passphrase.to_owned()), &self.recipients)
    }

    fn key(&self) -> Unlocked {
        self.unlock_with(&lock(&self.officer.to_line(), PASSPHRASE, WORK).unwrap(), PASSPHRASE).unwrap()
    }

    fn open_with(&self, key: &Unlocked) -> Result<Arc<dyn Opened>, OpenFailure> {
        open(&self.path("sealed"), &self.path("heads"), key, &self.manifest)
    }

    fn open(&self) -> (Unlocked, Arc<dyn Opened>) {
        let key = self.key();
        let opened = self.open_with(&key).unwrap();
        (key, opened)
    }
}

fn text(rows: &[Vec<Run>]) -> Vec<String> {
    rows.iter().map(|row| row.iter().map(|run| run.text.as_str()).collect()).collect()
}

/// What a browser has after this chunk, checked against the promises of one.
fn played(chunk: &Chunk) -> Vec<Vec<Run>> {
    let whole = |shape: &ScreenChange| -> Vec<Vec<Run>> {
        assert_eq!(shape.rows.len(), shape.height, "all rows");
        shape.rows.iter().map(|(_, row)| row.clone()).collect()
    };
    let (mut rows, mut columns, mut at) = (whole(&chunk.screen), chunk.screen.columns, chunk.from);
    assert!(chunk.frames.len() <= 200);
    assert!(serde_json::to_string(chunk).unwrap().len() <= 1 << 20);
    for frame in &chunk.frames {
        assert!(frame.at > at && frame.at <= chunk.to, "{at} {} {}", frame.at, chunk.to);
        at = frame.at;
        if (frame.change.columns, frame.change.height) != (columns, rows.len()) {
            (rows, columns) = (whole(&frame.change), frame.change.columns);
        }
        for (n, row) in &frame.change.rows {
            rows[*n].clone_from(row);
        }
    }
    rows
}

/// Plays all of it; what each chunk leads to is what seeking there shows. Gives how many, and the end.
fn play_through(opened: &dyn Opened, track: u32) -> (usize, Vec<Vec<Run>>) {
    let (mut from, mut chunks) = (0.0, 0);
    loop {
        let chunk = opened.chunk(track, from).unwrap();
        let rows = played(&chunk);
        if let Some(last) = chunk.frames.last() {
            assert!(last.at - from <= 10.04, "{from} {}", last.at);
            let sought = opened.chunk(track, last.at).unwrap();
            assert_eq!(played(&Chunk { frames: vec![], ..sought }), rows, "{}", last.at);
        }
        chunks += 1;
        match chunk.next {
            Some(next) => {
                assert!(next > from, "{next} {from}");
                from = next;
            }
            None => return (chunks, rows),
        }
    }
}

fn typed_session() -> Vec<Frame> {
    let mut frames = vec![begin(1), out(10, b"$ ")];
    for (n, letter) in b"wget firmware".iter().enumerate() {
        let millis = 1000 + i64::try_from(n).unwrap() * 200;
        frames.push(frame(millis, 1, FrameKind::Input, &[*letter]));
        frames.push(out(millis + 5, &[*letter]));
    }
    frames.push(frame(5000, 1, FrameKind::Marker, b"Session gelee"));
    frames.push(frame(5500, 1, FrameKind::InputDropped, b"rm -rf /\r"));
    frames.push(frame(6000, 1, FrameKind::Marker, b"signal INT"));
    frames.push(out(60_000, b"\r\n\x1b[31mdone\x1b[m\r\n$ "));
    frames.push(frame(61_000, 1, FrameKind::Resize, &[0, 0, 0, 100, 0, 0, 0, 30]));
    frames.push(out(62_000, b"bye"));
    let exec = br#"{"what":"exec","command":"6964e280ae","term":null,"columns":null,"rows":null}"#;
    frames.push(frame(62_500, 2, FrameKind::Begin, exec));
    frames.push(frame(62_600, 2, FrameKind::End, b"{}"));
    frames.push(frame(63_000, 1, FrameKind::End, b"{}"));
    frames
}

/// D23: each way in which a key does not unlock says which.
#[tokio::test]
async fn a_key_unlocks_by_its_passphrase_alone() {
    let site = Site::record(typed_session()).await;
    let line = site.officer.to_line();
    let good = lock(&line, PASSPHRASE, WORK).unwrap();
    assert_eq!(format!("{:?}", site.unlock_with(&good, PASSPHRASE).unwrap()), "Unlocked(…)");
    assert!(matches!(site.unlock_with(&good, "trois petits chiens"), Err(UnlockError::WrongPassphrase)));
    assert!(matches!(site.unlock_with(&good, ""), Err(UnlockError::WrongPassphrase)));
    assert!(matches!(site.unlock_with(line.as_bytes(), PASSPHRASE), Err(UnlockError::NoPassphrase(_))));
    assert!(matches!(site.unlock_with(b"", PASSPHRASE), Err(UnlockError::NoPassphrase(_))));
    let to_a_key = age::encrypt(&site.recipients[0].parse::<age::x25519::Recipient>().unwrap(), b"x").unwrap();
    assert!(matches!(site.unlock_with(&to_a_key, PASSPHRASE), Err(UnlockError::NoPassphrase(_))));
    let end = good.len() - 5;
    assert!(matches!(site.unlock_with(&good[..end], PASSPHRASE), Err(UnlockError::Damaged(_))));
    let none = lock("not a key", PASSPHRASE, WORK).unwrap();
    assert!(matches!(site.unlock_with(&none, PASSPHRASE), Err(UnlockError::NoKey(_))));
    let stranger = lock(&RecoveryKey::generate().to_line(), PASSPHRASE, WORK).unwrap();
    assert!(matches!(site.unlock_with(&stranger, PASSPHRASE), Err(UnlockError::Stranger(_))));
    // Refused before any of the work is done: 2^40 KiB would never end.
    let mut costly = good.clone();
    let at = good.windows(3).position(|window| window == b" 2\n").unwrap();
    costly.splice(at..at + 3, *b" 40\n");
    assert!(matches!(site.unlock_with(&costly, PASSPHRASE), Err(UnlockError::TooCostly { factor: 40, .. })));
    let path = site.file(&good);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let passphrase = Hidden::new(PASSPHRASE.to_owned());
    assert!(matches!(unlock(&path, &passphrase, &site.recipients), Err(UnlockError::Exposed(_))));
    fs::remove_file(&path).unwrap();
    assert!(matches!(unlock(&path, &passphrase, &site.recipients), Err(UnlockError::Unreadable { .. })));
}

/// D23, D27: one passphrase must not open what takes two persons.
#[tokio::test]
async fn two_officers_keys_in_one_file_are_refused() {
    let mut site = Site::record(typed_session()).await;
    let other = RecoveryKey::generate();
    site.recipients.push(other.public_line());
    let both = format!("{}\n{}", site.officer.to_line().as_str(), other.to_line().as_str());
    let refused = site.unlock_with(&lock(&both, PASSPHRASE, WORK).unwrap(), PASSPHRASE);
    assert!(matches!(refused, Err(UnlockError::Several(_, 2))));
    // The same key twice is one, and so is one beside a stranger's.
    let twice = format!("{0}\n{0}", other.to_line().as_str());
    assert!(site.unlock_with(&lock(&twice, PASSPHRASE, WORK).unwrap(), PASSPHRASE).is_ok());
}

/// Typed letter by letter, found as a word at the second its last letter was echoed, and shown there.
#[tokio::test]
async fn a_typed_word_is_found_and_jumping_there_shows_it() {
    let site = Site::record(typed_session()).await;
    let (_key, opened) = site.open();
    for wanted in ["wget", "WGET", "firmware"] {
        let found = opened.search(1, wanted).unwrap();
        assert!(!found.more);
        let first = &found.hits[0];
        let letters = if wanted == "firmware" { 12.0 } else { 3.0 };
        assert!((first.at - (1.005 + 0.2 * letters)).abs() < 1e-6, "{found:?}");
        let screen = text(&played(&Chunk { frames: vec![], ..opened.chunk(1, first.at).unwrap() }));
        assert!(screen[0].to_lowercase().contains(&wanted.to_lowercase()), "{screen:?}");
        let before = opened.chunk(1, first.at - 0.001).unwrap();
        assert!(!text(&played(&Chunk { frames: vec![], ..before }))[0].contains(&wanted.to_lowercase()));
    }
    assert_eq!(opened.search(1, "never typed").unwrap().hits, []);
    assert_eq!(opened.search(1, "").unwrap_err(), ReplayError::TooLong);
    assert_eq!(opened.search(1, &"x".repeat(501)).unwrap_err(), ReplayError::TooLong);
    assert_eq!(opened.search(2, "id").unwrap_err(), ReplayError::NoSuchTrack);
}

#[tokio::test]
async fn a_recording_plays_from_its_beginning_its_end_and_beyond() {
    let site = Site::record(typed_session()).await;
    let (key, opened) = site.open();
    assert_eq!((opened.state().state, opened.state().missing), (State::Whole, 0));
    let tracks = opened.tracks();
    assert_eq!((tracks[0].number, tracks[0].what.as_str(), tracks[0].terminal), (1, "shell", true));
    assert_eq!((tracks[0].columns, tracks[0].rows, tracks[0].seconds), (80, 24, 63.0));
    assert_eq!((tracks[1].what.as_str(), tracks[1].terminal), ("exec: id\\u{202e}", false));
    let first = opened.chunk(1, 0.0).unwrap();
    assert_eq!((first.from, first.length), (0.0, 63.0));
    // The pause until 60 s belongs to the chunk, and is one step.
    assert_eq!((first.to, first.next), (60.0, Some(60.0)));
    assert_eq!(text(&played(&first))[0], "$ wget firmware");
    let (chunks, last) = play_through(&*opened, 1);
    assert_eq!((chunks, last.len()), (2, 30));
    assert_eq!(text(&last)[2], "$ bye");
    for from in [63.0, 64.0, 1e300, f64::INFINITY] {
        let end = opened.chunk(1, from).unwrap();
        assert_eq!((end.from, end.to, end.next, end.frames.len()), (63.0, 63.0, None, 0));
        assert_eq!(text(&played(&end))[2], "$ bye");
    }
    for from in [-1.0, f64::NEG_INFINITY, f64::NAN] {
        assert_eq!(opened.chunk(1, from).unwrap(), first);
    }
    for track in [0, 2, 9, u32::MAX] {
        assert_eq!(opened.chunk(track, 0.0).unwrap_err(), ReplayError::NoSuchTrack);
        assert!(opened.moments(track).is_empty());
    }
    let moments = opened.moments(1);
    let seen: Vec<(&str, &str)> = moments.iter().map(|one| (one.what.as_str(), one.text.as_str())).collect();
    let expected = [
        ("begin", "shell"),
        ("notice", "Session gelee"),
        ("dropped", "rm -rf /\u{fffd}"),
        ("signal", "signal INT"),
        ("end", ""),
    ];
    assert_eq!(seen, expected);
    assert_eq!(moments[1].at, 5.0);
    // With the sign-in the reading ends.
    drop(key);
    assert_eq!(opened.chunk(1, 0.0).unwrap_err(), ReplayError::Locked);
    assert_eq!(opened.search(1, "wget").unwrap_err(), ReplayError::Locked);
}

/// T20, REC-11: nothing but text and a fixed set of attributes comes out, in bounded pieces.
#[tokio::test]
async fn hostile_output_stays_text_and_bounded() {
    let mut frames = vec![begin(1)];
    frames.push(out(100, "\u{1b}]0;title\u{7}a\u{202e}b\u{1b}[8mhidden needle\u{9b}31m\u{85}\r\n".as_bytes()));
    // One line of a megabyte, in one instant.
    for _ in 0..16 {
        frames.push(out(200, &[b'x'; 64 << 10]));
    }
    // A flood in one instant.
    for n in 0..64 {
        frames.push(out(300, format!("flood {n} {}\r\n", "y".repeat(40)).repeat(1000).as_bytes()));
    }
    // The largest screen, each cell of a style of its own, all the time.
    frames.push(frame(400, 1, FrameKind::Resize, &[0, 0, 1, 244, 0, 0, 0, 200]));
    for n in 0..4_i64 {
        let cells: String = (0..500 * 200).fold("\u{1b}[H".to_owned(), |text, cell| {
            text + &format!("\u{1b}[38;5;{}m{}", (cell + n) % 256, if n % 2 == 0 { '"' } else { '\\' })
        });
        for piece in cells.as_bytes().chunks(500 << 10) {
            frames.push(out(500 + n * 50, piece));
        }
    }
    frames.push(frame(10_000, 1, FrameKind::Marker, "gel\u{202e}\u{1b}[2J".as_bytes()));
    frames.push(out(10_000, b"\x1b[m\x1b[2J\x1b[Hthe end"));
    frames.push(frame(10_001, 1, FrameKind::End, b"{}"));
    let site = Site::record(frames).await;
    let (_key, opened) = site.open();
    let hidden = |text: &str| text.chars().any(|c| c.is_control() || c == '\u{202e}');
    let hit = &opened.search(1, "hidden needle").unwrap().hits[0];
    assert!(hit.text.contains('\u{fffd}') && !hidden(&hit.text), "{hit:?}");
    let shown = opened.chunk(1, hit.at).unwrap();
    assert!(text(&played(&shown)).iter().all(|row| !hidden(row)));
    let (_, last) = play_through(&*opened, 1);
    assert_eq!(text(&last)[0], "the end");
    assert!(opened.moments(1).iter().all(|one| !hidden(&one.text)));
    let flooded = opened.search(1, "flood").unwrap();
    assert!(flooded.more && flooded.hits.len() == 200);
    assert!(flooded.hits.iter().all(|hit| hit.text.chars().count() <= 502));
}

/// D22: what is not as it was sealed proves nothing, and what others were given does not open.
#[tokio::test]
async fn what_was_altered_or_sealed_to_others_is_not_shown() {
    let site = Site::record(typed_session()).await;
    let key = site.key();
    let other = Site::record(typed_session()).await;
    assert!(matches!(other.open_with(&key), Err(OpenFailure::Closed(recorder::OpenError::Closed(_)))));
    let wrong = open(&site.path("sealed"), &site.path("heads"), &key, &other.manifest);
    assert!(matches!(wrong, Err(OpenFailure::Altered)));
    assert!(matches!(
        open(&site.path("nowhere"), &site.path("heads"), &key, &site.manifest),
        Err(OpenFailure::Closed(recorder::OpenError::Disk { .. }))
    ));
    let body = site.path("sealed/channel-1.cast.body");
    let mut bytes = fs::read(&body).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&body, bytes).unwrap();
    let opened = site.open_with(&key).unwrap();
    assert_eq!(opened.tracks().len(), 2, "still listed");
    assert!(matches!(opened.chunk(1, 0.0), Err(ReplayError::Damaged(why)) if why.contains("channel-1.cast.body")));
    // Its key was destroyed.
    fs::remove_file(other.path("heads/channel-1.cast.head")).unwrap();
    let (_key, opened) = other.open();
    assert!(matches!(opened.chunk(1, 0.0), Err(ReplayError::Damaged(why)) if why.contains("channel-1.cast.head")));
    assert!(opened.moments(1).is_empty());
}

/// D24: a mutilated recording opens as far as it goes, and says so.
#[tokio::test]
async fn a_mutilated_recording_opens_as_far_as_it_goes() {
    let cut = |spool: &std::path::Path| {
        let file = fs::OpenOptions::new().write(true).open(spool).unwrap();
        file.set_len(file.metadata().unwrap().len() - 300).unwrap();
    };
    let site = Site::record_then(typed_session(), cut).await;
    let (_key, opened) = site.open();
    assert_eq!(opened.state().state, State::Mutilated);
    assert!(opened.state().missing >= 300);
    assert_eq!(text(&play_through(&*opened, 1).1)[0], "$ wget firmware");
    let site = Site::record_then(typed_session(), |spool| fs::remove_file(spool).unwrap()).await;
    let (_key, opened) = site.open();
    assert_eq!((opened.state().state, opened.tracks().len()), (State::Mutilated, 0));
}
