//! From a spool to what the officers open, and what is said of a spool that is not whole.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on is to fail where it stands"
)]

use jiff::{SignedDuration, Timestamp};
use recorder::{
    Frame, FrameKind, Header, PartKind, ReadingKeys, Recipients, Recorder, RecordingKey, RecoveryKey, SealOrder,
    SealOutcome, SealedRecording, State, seal,
};
use std::io::Read as _;
use std::path::{Path, PathBuf};

fn at(millis: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap().checked_add(SignedDuration::from_millis(millis)).unwrap()
}

fn begin(track: u32, terminal: bool) -> Frame {
    let what = if terminal {
        r#"{"what":"shell","command":null,"term":"xterm","columns":80,"rows":24}"#
    } else {
        r#"{"what":"exec","command":"6964","term":null,"columns":null,"rows":null}"#
    };
    frame(0, track, FrameKind::Begin, what.as_bytes())
}

fn frame(millis: i64, track: u32, kind: FrameKind, data: &[u8]) -> Frame {
    Frame { at: at(millis), track, kind, data: data.to_vec().into() }
}

struct Site {
    folder: tempfile::TempDir,
    recovery: RecoveryKey,
    officers: Vec<RecoveryKey>,
    recipients: Recipients,
    head: (String, u64),
}

impl Site {
    async fn record(officers: usize, frames: &[Frame]) -> Site {
        let officers: Vec<RecoveryKey> = (0..officers).map(|_| RecoveryKey::generate()).collect();
        let recipients = Recipients::parse(&officers.iter().map(RecoveryKey::public_line).collect::<Vec<_>>()).unwrap();
        let (folder, recovery) = (tempfile::tempdir().unwrap(), RecoveryKey::generate());
        let key = RecordingKey::new([7; 32]);
        let header = Header::new("s-0000000000000001", at(0), &key, &recipients, &recovery).unwrap();
        let recorder = Recorder::start(1).unwrap();
        let recording = recorder.open(&folder.path().join("spool"), &header, key).await.unwrap();
        for frame in frames {
            recording.write(frame.clone()).await.unwrap();
        }
        let head = recording.close().await.unwrap();
        Site { folder, recovery, officers, recipients, head: (head.hex(), head.length) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn seal(&self, interrupted: bool) -> SealOutcome {
        self.seal_with(interrupted, false, (&self.head.0, self.head.1))
    }

    fn seal_with(&self, interrupted: bool, unopened: bool, committed: (&str, u64)) -> SealOutcome {
        seal(&SealOrder {
            session: "s-0000000000000001",
            spool: &self.path("spool"),
            recovery: &self.recovery,
            folder: &self.path("sealed"),
            heads: &self.path("heads"),
            recipients: &self.recipients,
            committed,
            started: at(0),
            interrupted,
            unopened,
        })
        .unwrap()
    }

    fn sealed(&self) -> SealedRecording {
        SealedRecording::open(&self.path("sealed"), &self.path("heads")).unwrap()
    }

    fn keys(&self, officer: usize) -> ReadingKeys {
        ReadingKeys::parse(&format!("# an officer\n{}\n", self.officers[officer].to_line().as_str())).unwrap()
    }

    fn text(&self, kind: PartKind) -> String {
        let (sealed, mut text) = (self.sealed(), String::new());
        let part = sealed.parts(kind).next().expect("the part").clone();
        sealed.read(&part, &self.keys(0)).unwrap().read_to_string(&mut text).unwrap();
        text
    }
}

fn conversation() -> Vec<Frame> {
    vec![
        begin(1, true),
        frame(10, 1, FrameKind::Output, b"$ "),
        frame(500, 1, FrameKind::Input, b"su"),
        frame(510, 1, FrameKind::Output, b"su"),
        frame(600, 1, FrameKind::Input, b"\r"),
        frame(610, 1, FrameKind::Output, b"\r\nPassword: "),
        frame(900, 1, FrameKind::Input, b"hunt"),
        frame(950, 1, FrameKind::Input, b"er2\rid\r"),
        frame(1000, 1, FrameKind::Output, b"\r\n# id\r\nuid=0(root)\r\n"),
        frame(1100, 1, FrameKind::Marker, b"frozen"),
        frame(1200, 1, FrameKind::InputDropped, b"rm -rf /\r"),
        frame(1300, 1, FrameKind::Resize, &[0, 0, 0, 100, 0, 0, 0, 30]),
        frame(1400, 1, FrameKind::Output, &[0xe9, b'!']),
        begin(2, false),
        frame(1500, 2, FrameKind::Output, b"\x00\x01binary"),
        frame(1600, 2, FrameKind::End, br#"{"exit":0,"signal":null}"#),
        frame(2000, 1, FrameKind::End, br#"{"exit":0,"signal":null}"#),
    ]
}

/// REC-01, REC-03, REC-07, D22, D27.
#[tokio::test]
async fn a_session_becomes_casts_raw_tracks_and_a_transcript() {
    let site = Site::record(2, &conversation()).await;
    let outcome = site.seal(false);
    assert_eq!(outcome.manifest.state, State::Whole);
    assert_eq!(site.sealed().digest, outcome.digest);
    assert!(site.sealed().altered().is_empty());
    let cast = site.text(PartKind::Cast);
    assert!(cast.starts_with("{\""), "{cast}");
    assert!(cast.contains(r#"[1.1,"m","frozen"]"#), "{cast}");
    assert!(cast.contains(r#"[1.3,"r","100x30"]"#), "{cast}");
    assert!(cast.contains(r#"[1.2,"d","rm -rf /\r"]"#), "{cast}");
    assert!(cast.contains(r#"[1.4,"x","e921"]"#), "{cast}");
    // The secret is gone from the main track, its place is marked, and what followed it is there.
    assert!(!cast.contains("hunt") && !cast.contains("er2"), "{cast}");
    assert!(cast.contains(r#"[0.9,"m","secret typed"]"#) && cast.contains(r#"[0.95,"i","id\r"]"#), "{cast}");
    let transcript = site.text(PartKind::Transcript);
    assert!(transcript.contains("\t1\tuid=0(root)"), "{transcript}");
    let sealed = site.sealed();
    let raw = sealed.parts(PartKind::Raw).next().unwrap();
    let raw = sealed.raw(raw, &site.keys(1)).unwrap();
    assert_eq!(raw.what["command"], "6964");
    let frames: Vec<Frame> = raw.map(Result::unwrap).collect();
    assert_eq!((frames[0].kind, frames[0].data.as_ref()), (FrameKind::Output, &b"\x00\x01binary"[..]));
}

/// D26: a supervised terminal waits for a watcher, and what happens meanwhile comes before it begins.
#[tokio::test]
async fn what_comes_before_a_channel_begins_is_part_of_it() {
    let mut frames = vec![frame(0, 1, FrameKind::Marker, b"frozen"), frame(5, 1, FrameKind::InputDropped, b"ls\xff")];
    frames.extend(conversation());
    frames.push(frame(3000, 9, FrameKind::Output, b"a channel that never began"));
    let site = Site::record(1, &frames).await;
    site.seal(false);
    let cast = site.text(PartKind::Cast);
    assert!(cast.contains(r#"[0.0,"m","frozen"]"#) && cast.contains(r#""x","6c73ff""#), "{cast}");
    let sealed = site.sealed();
    assert_eq!(sealed.parts(PartKind::Cast).count(), 1);
    assert_eq!(sealed.parts(PartKind::Raw).map(|part| part.channel).collect::<Vec<_>>(), [2, 9]);
}

/// D27: neither officer opens the secrets alone; both together do.
#[tokio::test]
async fn secrets_open_to_two() {
    let site = Site::record(3, &conversation()).await;
    let manifest = site.seal(false).manifest;
    assert_eq!(manifest.secrets_open_to, [(1, 2), (1, 3), (2, 3)]);
    let sealed = site.sealed();
    let part = sealed.parts(PartKind::Secrets).next().unwrap();
    for officer in 0..3 {
        assert!(sealed.read(part, &site.keys(officer)).is_err());
    }
    let outer = std::fs::read(site.path("heads/secrets-1-3.age")).unwrap();
    let open = |bytes: &[u8], officer: usize| {
        let key: age::x25519::Identity = site.officers[officer].to_line().parse().unwrap();
        age::decrypt(&key, bytes)
    };
    assert!(open(&outer, 0).is_err());
    let line = open(&open(&outer, 2).unwrap(), 0).unwrap();
    let keys = ReadingKeys::parse(std::str::from_utf8(&line).unwrap()).unwrap();
    let typed: Vec<u8> = sealed.raw(part, &keys).unwrap().flat_map(|frame| frame.unwrap().data.to_vec()).collect();
    assert_eq!(typed, b"hunter2\r");
}

/// T14: a prompt that never ends is no eraser.
#[tokio::test]
async fn commands_at_an_endless_prompt_stay_in_the_main_track() {
    let mut frames = vec![begin(1, true)];
    for n in 0..6 {
        frames.push(frame(n * 100, 1, FrameKind::Output, b"\r\nPassword: "));
        frames.push(frame(n * 100 + 10, 1, FrameKind::Input, format!("command-{n}\r").as_bytes()));
        frames.push(frame(n * 100 + 20, 1, FrameKind::Output, b"\r\n"));
    }
    frames.push(frame(900, 1, FrameKind::Output, b"\r\nPassword: "));
    let site = Site::record(2, &frames).await;
    site.seal(false);
    let cast = site.text(PartKind::Cast);
    assert!(!cast.contains("command-2") && cast.contains("command-3") && cast.contains("command-5"), "{cast}");
    assert!(cast.contains("not set apart"), "{cast}");
}

/// D27: a password typed while the session is frozen, key by key, is a secret like any other.
#[tokio::test]
async fn a_secret_typed_while_frozen_is_set_apart() {
    let mut frames = vec![begin(1, true), frame(0, 1, FrameKind::Output, b"Password: ")];
    for (n, key) in b"hunter2\r".iter().enumerate() {
        let kind = if n < 3 { FrameKind::Input } else { FrameKind::InputDropped };
        frames.push(frame(100 + i64::try_from(n).unwrap(), 1, kind, &[*key]));
    }
    let site = Site::record(2, &frames).await;
    site.seal(false);
    let cast = site.text(PartKind::Cast);
    assert!(cast.contains("secret typed"), "{cast}");
    assert!(!cast.contains(r#""i","h""#) && !cast.contains(r#""d","t""#), "{cast}");
}

/// REC-07: neither the bastion's key nor a stranger's opens anything that is sealed.
#[tokio::test]
async fn nobody_else_opens_it() {
    let site = Site::record(1, &conversation()).await;
    site.seal(false);
    // T14: with one officer nobody could ever open what is set apart, so nothing is.
    assert!(site.sealed().manifest.secrets_open_to.is_empty());
    assert!(site.text(PartKind::Cast).contains("hunt"));
    let stranger = RecoveryKey::generate();
    for key in [site.recovery.to_line(), stranger.to_line()] {
        let keys = ReadingKeys::parse(&key).unwrap();
        for part in &site.sealed().manifest.parts {
            assert!(site.sealed().read(part, &keys).is_err(), "{}", part.name);
        }
    }
    // D23: without its head a body is noise for everybody.
    std::fs::remove_file(site.path("heads/channel-1.cast.head")).unwrap();
    let cast = site.sealed().parts(PartKind::Cast).next().unwrap().clone();
    assert!(matches!(site.sealed().read(&cast, &site.keys(0)), Err(recorder::OpenError::Erased(_))));
}

fn shorten(path: &Path, by: u64) {
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(file.metadata().unwrap().len() - by).unwrap();
}

/// D24, T3: what the journal was told must be there.
#[tokio::test]
async fn a_shortened_or_altered_spool_is_mutilated() {
    let site = Site::record(1, &conversation()).await;
    shorten(&site.path("spool"), 60);
    let manifest = site.seal(true).manifest;
    assert_eq!(manifest.state, State::Mutilated);
    assert!(manifest.source.missing >= 60, "{:?}", manifest.source);
    assert!(site.text(PartKind::Cast).contains("uid=0"), "what is there is kept");

    let site = Site::record(1, &conversation()).await;
    let mut bytes = std::fs::read(site.path("spool")).unwrap();
    let middle = bytes.len() * 3 / 4;
    bytes[middle] ^= 1;
    std::fs::write(site.path("spool"), bytes).unwrap();
    assert_eq!(site.seal(false).manifest.state, State::Mutilated);

    let site = Site::record(1, &conversation()).await;
    std::fs::remove_file(site.path("spool")).unwrap();
    let manifest = site.seal(true).manifest;
    assert_eq!((manifest.state, manifest.source.missing), (State::Mutilated, site.head.1));
    assert!(manifest.parts.is_empty());
}

/// D24: killed between the journal's entry and the spool, where no channel was ever opened, nothing is missing.
/// Once one was, a spool that is not there was taken away.
#[tokio::test]
async fn a_spool_that_never_was_is_no_damage() {
    let site = Site::record(1, &[]).await;
    std::fs::remove_file(site.path("spool")).unwrap();
    for (unopened, length, expected) in
        [(true, 0, State::Interrupted), (false, 0, State::Mutilated), (true, 1, State::Mutilated)]
    {
        assert_eq!(site.seal_with(true, unopened, ("", length)).manifest.state, expected);
    }
}

/// What a crash tore off was never shown: the recording is interrupted, and whole as far as it goes.
#[tokio::test]
async fn a_torn_end_is_interrupted() {
    let mut site = Site::record(1, &conversation()[..12]).await;
    let committed = site.head.clone();
    std::fs::OpenOptions::new()
        .append(true)
        .open(site.path("spool"))
        .map(|mut file| std::io::Write::write_all(&mut file, &[0, 0, 0, 99, 1, 2, 3]).unwrap())
        .unwrap();
    site.head = committed;
    assert_eq!(site.seal(true).manifest.state, State::Interrupted);
    // Sealing again gives the same, and leaves nothing of the first try.
    assert_eq!(site.seal(true).manifest.state, State::Interrupted);
}

/// REC-08, and the aim of an 8-hour recording: opened and sought anywhere without running through it.
#[tokio::test]
async fn seeking_is_by_keyframes() {
    let mut frames = vec![begin(1, true)];
    const HOURS_8: i64 = 8 * 3600;
    for second in 0..HOURS_8 {
        let line =
            format!("\x1b[3{}mline {second} of a long day, with text as terminals show it\x1b[m\r\n", second % 8);
        frames.push(frame(second * 1000, 1, FrameKind::Output, line.as_bytes()));
    }
    let site = Site::record(1, &frames).await;
    site.seal(false);
    let (sealed, keys) = (site.sealed(), site.keys(0));
    let cast = sealed.parts(PartKind::Cast).next().unwrap();
    let replay = sealed.replay(cast, &keys).unwrap();
    assert!((replay.length - 28799.0).abs() < 0.01);
    for second in [0, 1, 3600, 14_400, 28_000, 28_798] {
        let place = replay.seek(f64::from(second)).unwrap();
        let shown = place.emulator.screen().text();
        let wanted = format!("line {second} of");
        assert!(shown.iter().any(|row| row.starts_with(&wanted)), "{second}: {shown:?}");
        assert!(!shown.iter().any(|row| row.starts_with(&format!("line {} of", second + 1))));
    }
    let found = replay.search("LINE 28000 of").unwrap();
    assert_eq!(found.len(), 1);
    assert!((found[0].0 - 28000.0).abs() < 0.001);
}
