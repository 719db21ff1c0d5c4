//! Searching transcripts: every hit is at the time at which the replay shows it (REC-10).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on is to fail where it stands"
)]

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use recorder::{
    Case, Expression, Frame, FrameKind, Header, PartKind, ReadingKeys, Recipients, Recorder, RecordingKey, RecoveryKey,
    SealOrder, SealedRecording, seal,
};

const SESSION: &str = "s-0000000000000001";

fn at(millis: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap().checked_add(SignedDuration::from_millis(millis)).unwrap()
}

/// A recording of one terminal of 40 by 10, sealed to two persons, and the keys of both.
struct Sealed {
    _folder: tempfile::TempDir,
    recording: SealedRecording,
    keys: ReadingKeys,
}

fn sealed(frames: &[(FrameKind, Vec<u8>)]) -> Sealed {
    let folder = tempfile::tempdir().unwrap();
    let [officer, auditor, recovery] = [(); 3].map(|()| RecoveryKey::generate());
    let recipients = Recipients::parse(&[officer.public_line()]).unwrap().and_second(&[auditor.public_line()]).unwrap();
    let key = RecordingKey::new([7; 32]);
    let header = Header::new(SESSION, at(0), &key, &recipients, &recovery).unwrap();
    let spool = folder.path().join("spool");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let head = runtime.block_on(async {
        let recorder = Recorder::start(1).unwrap();
        let recording = recorder.open(&spool, &header, key).await.unwrap();
        let begin = br#"{"what":"shell","command":null,"term":"xterm","columns":40,"rows":10}"#.to_vec();
        let all = std::iter::once((FrameKind::Begin, begin)).chain(frames.iter().cloned());
        for (n, (kind, data)) in all.enumerate() {
            // Odd steps, so that no time is a round number of milliseconds in the cast and none is doubled.
            let at = at(0).checked_add(SignedDuration::from_micros(n as i64 * 7_013)).unwrap();
            recording.write(Frame { at, track: 1, kind, data: data.into() }).await.unwrap();
        }
        recording.close().await.unwrap()
    });
    let (sealed_at, heads) = (folder.path().join("sealed"), folder.path().join("heads"));
    seal(&SealOrder {
        session: SESSION,
        spool: &spool,
        recovery: &recovery,
        folder: &sealed_at,
        heads: &heads,
        recipients: &recipients,
        committed: (&head.hex(), head.length),
        started: at(0),
        interrupted: false,
        unopened: false,
    })
    .unwrap();
    let keys = |key: &RecoveryKey| ReadingKeys::parse(&key.to_line()).unwrap();
    let recording = SealedRecording::open(&sealed_at, &heads).unwrap();
    Sealed { _folder: folder, recording, keys: keys(&auditor).and(keys(&officer)) }
}

impl Sealed {
    fn find(&self, expression: &str) -> Vec<recorder::Hit> {
        let searched = self.recording.find(&Expression::new(expression, Case::Counts).unwrap(), &self.keys, 1000);
        let searched = searched.unwrap();
        assert!(searched.whole);
        searched.hits
    }

    fn screen(&self, at: f64) -> String {
        let cast = self.recording.parts(PartKind::Cast).next().unwrap();
        let place = self.recording.replay(cast, &self.keys).unwrap().seek(at).unwrap();
        // Rows of full width follow each other without a break, as a wrapped line does.
        place.emulator.screen().text().iter().map(|row| format!("{row:40}")).collect()
    }
}

/// What happens on the terminal in one go.
#[derive(Debug, Clone)]
enum Step {
    /// A line with a number of its own.
    Line,
    /// The same, a character a frame.
    Typed,
    /// A line that wraps.
    Long,
    /// So many lines at once: most of them are never on a screen.
    Many(usize),
    /// What moves the places of the index on.
    Noise,
    Clear,
    Resize(u32),
    /// A full-screen program that comes and goes.
    Editor,
}

fn frames(steps: &[Step]) -> Vec<(FrameKind, Vec<u8>)> {
    let said = |text: String| (FrameKind::Output, text.into_bytes());
    let of = |(n, step): (usize, &Step)| -> Vec<(FrameKind, Vec<u8>)> {
        match step {
            Step::Line => vec![said(format!("$ ls token-{n}-0;\r\n"))],
            Step::Typed => format!("$ rm token-{n}-0;\r\n").chars().map(|c| said(c.to_string())).collect(),
            Step::Long => vec![said(format!("{} token-{n}-0; {}\r\n", "x".repeat(33), "y".repeat(50)))],
            Step::Many(count) => vec![said((0..*count).map(|m| format!("row token-{n}-{m};\r\n")).collect())],
            Step::Noise => (0..30).map(|m| said(format!("\r{m:030}\x1b[K").repeat(300))).collect(),
            Step::Clear => vec![said("\x1b[2J\x1b[H".to_owned())],
            Step::Editor => vec![said("\x1b[?1049h\x1b[Hediting".to_owned()), said("\x1b[?1049l".to_owned())],
            Step::Resize(columns) => {
                vec![(FrameKind::Resize, [columns.to_be_bytes(), 10u32.to_be_bytes()].concat())]
            }
        }
    };
    steps.iter().enumerate().flat_map(of).collect()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Line),
        3 => Just(Step::Typed),
        2 => Just(Step::Long),
        2 => (1usize..30).prop_map(Step::Many),
        2 => Just(Step::Noise),
        1 => Just(Step::Clear),
        1 => Just(Step::Editor),
    ];
    proptest::collection::vec(step, 1..40)
}

proptest! {
    // Each case records and seals; two dozen go through all kinds of steps in some seconds.
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Every line of the transcript is found, at a time at which the replay shows it and right before which
    /// it does not; what came and scrolled away at once is at the time of that.
    #[test]
    fn a_hit_is_where_the_replay_shows_it(steps in steps()) {
        let frames = frames(&steps);
        let sealed = sealed(&frames);
        let part = sealed.recording.parts(PartKind::Transcript).next();
        let mut transcript = String::new();
        if let Some(part) = part {
            std::io::Read::read_to_string(&mut sealed.recording.read(part, &sealed.keys).unwrap(), &mut transcript).unwrap();
        }
        let hits = sealed.find("token-[0-9]+-[0-9]+;");
        prop_assert_eq!(hits.len(), transcript.lines().filter(|line| line.contains("token-")).count());
        for hit in hits {
            let token = hit.line.split("token-").nth(1).and_then(|rest| rest.split(';').next()).unwrap();
            let token = format!("token-{token};");
            let frame = (hit.at * 1e6 / 7_013.0).round() as usize;
            let brought = frames.get(frame.wrapping_sub(1)).is_some_and(|(_, data)| {
                String::from_utf8_lossy(data).contains(&token)
            });
            let shown = sealed.screen(hit.at).contains(&token);
            prop_assert!(shown || brought, "{token} at {} is neither shown nor brought", hit.at);
            if hit.at > 0.0 {
                prop_assert!(!sealed.screen(hit.at - 0.000_5).contains(&token), "{token} before {}", hit.at);
            }
        }
    }
}

/// A window that changes its size wraps lines anew; what was found is still shown when it is said to be.
#[test]
fn a_hit_is_found_across_sizes() {
    let steps = [Step::Line, Step::Resize(12), Step::Typed, Step::Many(12), Step::Resize(60), Step::Line];
    let sealed = sealed(&frames(&steps));
    let hits = sealed.find("token-0-0");
    assert_eq!(hits.len(), 1, "{hits:?}");
    assert!(sealed.screen(hits[0].at).contains("token-0-0"), "{hits:?} {:?}", sealed.screen(hits[0].at));
    assert!(sealed.find("nothing like this").is_empty());
}

/// A long expression, one that becomes huge, and one that is none are refused; no expression takes longer
/// than its text, since there is no backtracking.
#[test]
fn expressions_are_bounded() {
    let new = |text: &str| Expression::new(text, Case::Ignored);
    assert!(new(&"x".repeat(201)).unwrap_err().to_string().contains("200"));
    assert!(new("(").is_err() && new(r"(?=x)").is_err() && new(r"(x{100}){100}{100}").is_err());
    let sealed = sealed(&frames(&[Step::Long, Step::Line]));
    let searched = sealed.recording.find(&new("(x+x+)+z|LS").unwrap(), &sealed.keys, 1000).unwrap();
    assert_eq!(searched.hits.len(), 1, "{searched:?}");
    let few = sealed.recording.find(&new("token").unwrap(), &sealed.keys, 1).unwrap();
    assert_eq!((few.hits.len(), few.whole), (1, false));
}
