//! What does not fit is the end of the channel, and passes to nobody.

use super::Talk;
use crate::files::Broken;
use policy::Direction::{self, FromTarget, ToTarget};

/// A transfer whose source may speak.
fn ready(command: &str) -> (Talk, Direction) {
    let mut talk = Talk::new(command, false);
    if command.contains(" -t") {
        talk.down(b"\0");
        (talk, ToTarget)
    } else {
        talk.up(b"\0");
        (talk, FromTarget)
    }
}

fn broken(talk: &mut Talk, direction: Direction, bytes: &[u8]) -> Broken {
    let broken = talk.says(direction, bytes).expect_err(&bytes.escape_ascii().to_string());
    assert!(talk.to_target.is_empty() && talk.to_technician.is_empty(), "something passed");
    // And it stays broken.
    for direction in [ToTarget, FromTarget] {
        assert!(talk.says(direction, b"\0").is_err());
    }
    broken
}

#[test]
fn records_are_judged_in_both_directions() {
    let long = [&b"C0644 1 "[..], "x".repeat(2100).as_bytes(), b"\n"].concat();
    let records: [&[u8]; 38] = [
        &b"\0"[..],
        b"\n",
        b"X",
        b"id\n",
        b"C\n",
        b"C0644\n",
        b"C0644 5\n",
        b"C0644 5 \n",
        b"C0644  5 x\n",
        b"C644 5 x\n",
        b"C00644 5 x\n",
        b"C0648 5 x\n",
        b"C0644 -5 x\n",
        b"C0644 +5 x\n",
        b"C0644 5x x\n",
        b"C0644 9223372036854775808 x\n",
        b"C0644 99999999999999999999999 x\n",
        b"C0644 5 .\n",
        b"C0644 5 ..\n",
        b"C0644 5  ..\n",
        b"C0644 5 a/b\n",
        b"C0644 5 ..\\b\n",
        b"C0644 5 /\n",
        b"C0644 5 a\0b\n",
        b"C0644 5 a\rb\n",
        b"C0644 5 a\x1b[2J\n",
        b"C0644 5 a\xc2\x9b2J\n",
        b"D0755 0 ..\n",
        b"D0755 x d\n",
        b"E\n",
        b"E1\n",
        b"T\n",
        b"T1 0 2\n",
        b"T1 0 2 0 3\n",
        b"T1 1000000 2 0\n",
        b"T-1 0 2 0\n",
        b"\x01a\x1b]0;x\n",
        &long,
    ];
    for record in records {
        for command in ["scp -r -t x", "scp -r -f x"] {
            let (mut talk, source) = ready(command);
            let broken = broken(&mut talk, source, record);
            assert!(broken.side == if source == ToTarget { "the technician's client" } else { "the target" });
        }
    }
}

#[test]
fn a_record_is_as_long_as_every_reader_reads() {
    let (mut talk, source) = ready("scp -t x");
    talk.up(&[&b"C0644 1 "[..], "x".repeat(2047 - 9).as_bytes(), b"\n"].concat());
    let (mut other, _) = ready("scp -t x");
    let why = broken(&mut other, source, &[&b"C0644 1 "[..], "x".repeat(2047 - 8).as_bytes(), b"\n"].concat()).why;
    assert_eq!(why, "sent a line of more than 2047 bytes");
    // Without an end it is no longer either.
    let (mut other, _) = ready("scp -t x");
    other.technician(&[b'C'; 2047], b"", b"");
    broken(&mut other, source, b"C");
}

#[test]
fn folders_need_r_and_their_order() {
    for command in ["scp -t x", "scp -f x"] {
        let (mut talk, source) = ready(command);
        assert!(broken(&mut talk, source, b"D0755 0 d\n").why.contains("without -r"));
    }
    let (mut talk, source) = ready("scp -r -t x");
    for _ in 0..128 {
        talk.up(b"D0755 0 d\n").down(b"\0");
    }
    assert!(broken(&mut talk, source, b"D0755 0 d\n").why.contains("128"));
    let (mut talk, source) = ready("scp -r -t x");
    talk.up(b"D0755 0 d\n").down(b"\0").up(b"T1 0 1 0\n").down(b"\0");
    assert!(broken(&mut talk, source, b"E\n").why.contains("times for nothing"));
}

#[test]
fn nobody_speaks_out_of_turn() {
    // Before the greeting.
    broken(&mut Talk::new("scp -t x", false), ToTarget, b"C0644 1 a\n");
    broken(&mut Talk::new("scp -f x", false), FromTarget, b"C0644 1 a\n");
    // Two records at once, and data before the answer.
    let (mut talk, _) = ready("scp -t x");
    broken(&mut talk, ToTarget, b"C0644 1 a\na\0");
    let (mut talk, _) = ready("scp -t x");
    talk.up(b"C0644 1 a\n");
    broken(&mut talk, ToTarget, b"a");
    // After the status.
    let (mut talk, _) = ready("scp -t x");
    talk.up(b"C0644 1 a\n").down(b"\0");
    broken(&mut talk, ToTarget, b"a\0C");
    // An answer to nothing, two answers, words where answers belong, a yes before the data.
    let (mut talk, _) = ready("scp -t x");
    broken(&mut talk, FromTarget, b"\0");
    let (mut talk, _) = ready("scp -t x");
    talk.up(b"C0644 1 a\n");
    broken(&mut talk, FromTarget, b"\0\0");
    let mut talk = Talk::new("scp -t x", false);
    assert_eq!(
        broken(&mut talk, FromTarget, b"Welcome\n").to_string(),
        "the target sent `Welcome\\n` where an answer of scp belongs"
    );
    let (mut talk, _) = ready("scp -t x");
    talk.up(b"C0644 2 a\n").down(b"\0").up(b"a");
    broken(&mut talk, FromTarget, b"\0");
    // A second word of the sink on the same file.
    let (mut talk, _) = ready("scp -t x");
    talk.up(b"C0644 2 a\n").down(b"\0").up(b"a").down(b"\x01full\n");
    broken(&mut talk, FromTarget, b"\x01full\n");
    // A status that is none.
    let (mut talk, _) = ready("scp -t x");
    talk.up(b"C0644 1 a\n").down(b"\0").up(b"a");
    broken(&mut talk, ToTarget, b"b");
    // After a fatal word.
    let (mut talk, _) = ready("scp -f x");
    talk.down(b"\x02scp: gone\n");
    broken(&mut talk, FromTarget, b"C0644 1 a\n");
    let (mut talk, _) = ready("scp -t x");
    talk.up(b"C0644 1 a\n").down(b"\x02no\n");
    broken(&mut talk, ToTarget, b"C0644 1 a\n");
}
