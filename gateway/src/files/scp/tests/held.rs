//! Files that are held until they were scanned.

use super::{AT, LIMIT, Talk, digest};
use crate::files::{Act, Answer, Finding, Steward};
use bytes::Bytes;
use policy::Direction::{FromTarget, ToTarget};

const VIRUS: &[u8] = b"\x01scp: a: the scanner recognises Eicar in it: not delivered\n";

/// An upload of `abc` under the name `a`, up to the scanner.
fn sent(command: &str) -> Talk {
    let mut talk = Talk::new(command, true);
    talk.finding = None;
    talk.down(b"\0").technician(b"T1 0 2 0\n", b"", b"\0").technician(b"C0644 3 a\n", b"", b"\0");
    talk.technician(b"abc", b"", b"").technician(b"\0", b"", b"");
    assert!(talk.scp.under_way().first().is_some_and(|file| file.held && file.bytes == 3));
    talk
}

/// The same the other way.
fn fetched() -> Talk {
    let mut talk = Talk::new("scp -p -f a", true);
    talk.finding = None;
    talk.up(b"\0").target(b"T1 0 2 0\n", b"\0", b"").target(b"C0644 3 a\n", b"\0", b"").target(b"abc\0", b"", b"");
    talk
}

#[test]
fn a_clean_file_is_delivered_with_its_times() {
    let mut talk = sent("scp -p -t x");
    talk.clean(b"C0644 0 a\n", b"T1 0 2 0\n").target(b"\0", b"C0644 3 a\n", b"");
    talk.target(b"\0", b"abc\0", b"").down(b"\0");
    assert!(talk.quarantine.is_empty());
    assert_eq!(talk.content[&0], b"abc");
    let moved = format!("moved 0 x/a 3 {} done", digest(b"abc"));
    assert_eq!(talk.told(), ["began 0 x/a", moved.as_str()]);
    // Every line once.
    assert_eq!(talk.up, b"T1 0 2 0\nC0644 3 a\n\0");
    talk.technician(b"C0644 0 e\n", b"", b"\0").technician(b"\0", b"", b"");
    talk.clean(b"C0644 0 e\n", b"C0644 0 e\n");
    talk.target(b"\0", b"\0", b"").down(b"\0");
    assert_eq!(talk.told()[1], format!("moved 1 x/e 0 {} done", digest(b"")));

    let mut talk = fetched();
    talk.scanner(Finding::Clean, b"", b"T1 0 2 0\n").technician(b"\0", b"", b"C0644 3 a\n");
    talk.technician(b"\0", b"", b"abc\0").up(b"\0");
    assert_eq!(talk.told()[1], format!("moved 0 a 3 {} done", digest(b"abc")));
    assert!(talk.quarantine.is_empty());
}

#[test]
fn a_large_file_is_delivered_in_pieces() {
    let mut talk = Talk::new("scp -t x", true);
    let data: Vec<u8> = (0..150_000u32).map(|n| n.to_le_bytes()[1]).collect();
    talk.down(b"\0").technician(b"C0644 150000 a\n", b"", b"\0").technician(&data, b"", b"");
    talk.technician(b"\0", b"C0644 0 a\n", b"").target(b"\0", b"\0", b"").target(b"\0", b"C0644 150000 a\n", b"");
    talk.target(b"\0", &[&data[..], b"\0"].concat(), b"").down(b"\0");
    assert_eq!(talk.told()[1], format!("moved 0 x/a 150000 {} done", digest(&data)));
}

#[test]
fn an_infected_file_is_not_delivered_and_the_next_one_is_judged_anew() {
    let mut talk = sent("scp -t x");
    talk.scanner(Finding::Infected("Eicar".into()), b"", VIRUS);
    let infected = format!("moved 0 x/a 3 {} infected: Eicar", digest(b"abc"));
    assert_eq!(talk.told(), ["began 0 x/a", infected.as_str()]);
    assert!(talk.quarantine.is_empty() && talk.content.is_empty());
    // Its times went with it.
    talk.technician(b"C0644 0 b\n", b"", b"\0").technician(b"\0", b"", b"");
    talk.clean(b"C0644 0 b\n", b"C0644 0 b\n");

    let mut talk = fetched();
    talk.scanner(Finding::Infected("Eicar".into()), VIRUS, VIRUS);
    assert!(talk.quarantine.is_empty() && talk.content.is_empty());
    talk.target(b"C0644 0 b\n", b"\0", b"");
}

#[test]
fn without_an_answer_nothing_is_delivered() {
    let mut talk = sent("scp -t x");
    let why = "no\nclamd\u{1b}".to_owned();
    talk.scanner(Finding::Unscanned(why), b"", b"\x01scp: a: it could not be scanned (noclamd): not delivered\n");
    assert!(talk.told()[1].contains("unscanned: no"));
}

#[test]
fn a_file_beyond_the_limit_is_refused_at_its_record() {
    let record = format!("C0644 {} a\n", LIMIT + 1);
    let line = b"\x01scp: a: 1048577 bytes, and files of more than 1048576 are not scanned: not delivered\n";
    let refused = "refused scp file that is too large to be scanned: \
        x/a has 1048577 bytes; files of more than 1048576 are not scanned";
    let mut talk = Talk::new("scp -t x", true);
    talk.down(b"\0").technician(record.as_bytes(), b"", line).technician(b"C0644 1 b\n", b"", b"\0");
    assert_eq!(talk.told(), [refused, "began 0 x/b"]);
    let mut talk = Talk::new("scp -f x/a", true);
    talk.up(b"\0").target(record.as_bytes(), line, line).target(b"C0644 1 b\n", b"\0", b"");
    assert_eq!(talk.told(), [refused, "began 0 x/b"]);
}

#[test]
fn a_source_that_fails_delivers_nothing() {
    let mut talk = Talk::new("scp -t x", true);
    talk.down(b"\0").technician(b"C0644 1 a\n", b"", b"\0").technician(
        b"a\x01cannot read\n",
        b"\x01cannot read\n",
        b"\0",
    );
    assert_eq!(talk.told()[1], format!("moved 0 x/a 1 {} failed: cannot read", digest(b"a")));
    assert!(talk.quarantine.is_empty());
    let mut talk = Talk::new("scp -f x", true);
    talk.up(b"\0").target(b"C0644 0 a\n", b"\0", b"").target(b"\x02dead\n", b"", b"\x02dead\n");
    assert!(talk.quarantine.is_empty() && talk.says(FromTarget, b"\0").is_err());
}

#[test]
fn what_the_sink_says_in_a_delivery_is_the_answer() {
    let full = b"\x01full\n";
    for refused_at in 0..3 {
        let mut talk = sent("scp -p -t x");
        talk.clean(b"C0644 0 a\n", b"T1 0 2 0\n");
        if refused_at > 0 {
            talk.target(b"\0", b"C0644 3 a\n", b"");
        }
        if refused_at > 1 {
            talk.target(b"\0", b"abc\0", b"");
        }
        talk.down(full);
        assert_eq!(talk.told()[1], format!("moved 0 x/a 3 {} failed: full", digest(b"abc")));
        assert!(talk.quarantine.is_empty());
        talk.technician(b"C0644 1 b\n", b"", b"\0");
    }
}

#[test]
fn folders_pass_and_take_held_times_along() {
    let mut talk = Talk::new("scp -r -p -t x", true);
    talk.down(b"\0").technician(b"T1 0 2 0\n", b"", b"\0").technician(b"D0755 0 d\n", b"T1 0 2 0\n", b"");
    talk.target(b"\0", b"D0755 0 d\n", b"").down(b"\0").up(b"E\n").down(b"\0");
    assert_eq!(talk.told(), ["made x/d"]);
    talk.technician(b"T1 0 2 0\n", b"", b"\0").technician(b"D0755 0 d\n", b"T1 0 2 0\n", b"").down(b"\x01no times\n");
    assert_eq!(talk.told(), ["not made x/d: no times"]);
    assert!(talk.says(ToTarget, b"E\n").is_err());
}

#[test]
fn the_end_waits_for_what_is_held() {
    let mut talk = sent("scp -t x");
    assert!(talk.scp.technician_ended(AT).unwrap().is_empty());
    talk.clean(b"C0644 0 a\n", b"T1 0 2 0\n").target(b"\0", b"C0644 3 a\n", b"").target(b"\0", b"abc\0", b"");
    assert_eq!(talk.ended, 0);
    talk.down(b"\0");
    assert_eq!(talk.ended, 1);
    let mut talk = fetched();
    assert_eq!(talk.scp.technician_ended(AT).unwrap(), [Act::EndToTarget]);
    let never = "unscanned: the channel ended first: it never left the quarantine";
    assert_eq!(talk.over(), [format!("moved 0 a 3 {} {never}", digest(b"abc"))]);
}

/// A sink cuts a file to its length at the end only: what is broken off leaves nothing of an older file behind
/// it, and the entry says how much went out.
#[test]
fn a_delivery_that_is_broken_off_began_with_an_empty_file() {
    let partial = |bytes: u64| [format!("moved 0 x/a {bytes} {} partial", digest(b"abc"))];
    let mut talk = sent("scp -t x");
    talk.scanner(Finding::Clean, b"C0644 0 a\n", b"");
    assert_eq!(talk.over(), partial(0));
    let mut talk = sent("scp -t x");
    talk.clean(b"C0644 0 a\n", b"T1 0 2 0\n").target(b"\0", b"C0644 3 a\n", b"").target(b"\0", b"abc\0", b"");
    assert_eq!(talk.over(), partial(3));
    // The sink that will not have the empty one gets no other.
    let mut talk = sent("scp -t x");
    talk.scanner(Finding::Clean, b"C0644 0 a\n", b"").down(b"\x01no such folder\n");
    assert!(talk.told()[1].ends_with("failed: no such folder"));
}

#[test]
fn nobody_speaks_while_a_file_is_held() {
    for direction in [ToTarget, FromTarget] {
        assert!(sent("scp -t x").says(direction, b"\0").is_err());
        assert!(fetched().says(direction, b"\0").is_err());
    }
}

#[test]
fn a_quarantine_that_lost_something_delivers_nothing_more() {
    for bytes in [&b"ab"[..], b"abcd", b""] {
        let mut talk = sent("scp -t x");
        talk.clean(b"C0644 0 a\n", b"T1 0 2 0\n").target(b"\0", b"C0644 3 a\n", b"");
        let acts = talk.scp.target_sent(b"\0", AT).unwrap();
        assert!(matches!(acts.last(), Some(Act::Fetch { file: 0, offset: 0, length: 3 })));
        let answer = Answer::Fetched { file: 0, offset: 0, bytes: Bytes::from_static(bytes) };
        assert_eq!(talk.scp.answered(answer, AT).unwrap_err().side, "the quarantine");
    }
    let mut talk = sent("scp -t x");
    assert!(talk.scp.answered(Answer::Scanned { file: 7, finding: Finding::Clean }, AT).is_err());
}
