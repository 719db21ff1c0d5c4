//! What fits passes as it is, and is told.

use super::{AT, Talk, digest};
use crate::files::Steward;

#[test]
fn a_single_file_goes_up() {
    let mut talk = Talk::new("scp -t /srv", false);
    talk.down(b"\0").up(b"C0644 5 a.txt\n").down(b"\0").up(b"hel").up(b"lo\0").down(b"\0");
    assert_eq!(talk.told(), ["began 0 /srv/a.txt", "moved 0 /srv/a.txt 5 2cf24dba done"]);
    assert_eq!((talk.up.as_slice(), talk.down.as_slice()), (&b"C0644 5 a.txt\n\0"[..], &b"\0\0\0"[..]));
    assert_eq!(talk.content[&0], b"hello");
    assert!(talk.over().is_empty());
}

#[test]
fn a_single_file_comes_down() {
    let mut talk = Talk::new("scp -f /var/log/*.log", false);
    talk.up(b"\0").down(b"C0644 5 x.log\n").up(b"\0").down(b"hello\0").up(b"\0");
    assert_eq!(talk.told(), ["began 0 /var/log/x.log", "moved 0 /var/log/x.log 5 2cf24dba done"]);
}

#[test]
fn folders_and_times_pass() {
    let mut talk = Talk::new("scp -r -p -t .", false);
    talk.down(b"\0").up(b"T1 0 2 0\n").down(b"\0").up(b"D0755 0 d\n").down(b"\0");
    talk.up(b"D0755 0 e\n").down(b"\0").up(b"T1 0 2 999999\n").down(b"\0").up(b"C0600 0 f\n").down(b"\0");
    talk.up(b"\0").down(b"\0").up(b"E\n").down(b"\0").up(b"E\n").down(b"\0");
    let moved = format!("moved 0 ./d/e/f 0 {} done", digest(b""));
    assert_eq!(talk.told(), ["made ./d", "made ./d/e", "began 0 ./d/e/f", moved.as_str()]);
    // A folder that a download makes is on the technician's machine.
    let mut talk = Talk::new("scp -r -f x", false);
    talk.up(b"\0").down(b"D0755 0 x\n").up(b"\0").down(b"E\n").up(b"\0");
    assert!(talk.told().is_empty());
}

#[test]
fn a_refused_record_is_told_in_the_sinks_words() {
    let mut talk = Talk::new("scp -r -t /x", false);
    talk.down(b"\0").up(b"C0644 5 a\n").down(b"\x01scp: /x/a: Read-only\n");
    talk.up(b"D0755 0 d\n").down(b"\x01scp: no \xc3\xa9\n").up(b"C0644 1 b\n").down(b"\0").up(b"b\0").down(b"\0");
    let none = format!("moved 0 /x/a 0 {} failed: scp: /x/a: Read-only", digest(b""));
    let some = format!("moved 1 /x/b 1 {} done", digest(b"b"));
    assert_eq!(talk.told(), ["began 0 /x/a", &none, "not made /x/d: scp: no é", "began 1 /x/b", &some]);
}

#[test]
fn a_source_and_a_sink_may_fail_and_go_on() {
    let mut talk = Talk::new("scp -t x", false);
    talk.down(b"\0").up(b"C0644 2 a\n").down(b"\0").up(b"\0\0\x01scp: I/O error\n").down(b"\0");
    talk.up(b"C0644 2 b\n").down(b"\0").up(b"bb\0").down(b"\x01disk full\n");
    // Early words of a sink count for the file, and it is still sent to its end.
    talk.up(b"C0644 2 c\n").down(b"\0").up(b"c").down(b"\x01early\n").up(b"c\0");
    talk.up(b"\x01scp: d: no such file\n\x01scp: e\n").up(b"C0644 1 f\n").down(b"\x02gone\n");
    let told = talk.told();
    let results: Vec<&str> = told.iter().filter_map(|told| told.split_once(" failed: ").map(|(_, why)| why)).collect();
    assert_eq!(results, ["scp: I/O error", "disk full", "early", "gone"]);
}

#[test]
fn pscp_confirms_before_the_status() {
    let mut talk = Talk::new("scp -f x", false);
    talk.up(b"\0").down(b"C0644 0 x\n").up(b"\0\0").down(b"\0").down(b"C0644 1 y\n").up(b"\0").down(b"y").up(b"\0");
    talk.down(b"\x01could not read\n");
    let failed = format!("moved 1 y 1 {} failed: could not read", digest(b"y"));
    assert_eq!(talk.told()[2..], ["began 1 y", failed.as_str()]);
}

#[test]
fn what_was_under_way_is_partial() {
    let mut talk = Talk::new("scp -t x", false);
    talk.down(b"\0").up(b"C0644 9 a\n").down(b"\0").up(b"abc");
    let [under_way] = talk.scp.under_way().try_into().unwrap();
    assert_eq!((under_way.bytes, under_way.size, under_way.held), (3, Some(9), false));
    let acts = talk.scp.technician_ended(AT).unwrap();
    assert_eq!(acts, [crate::files::Act::EndToTarget]);
    assert!(talk.scp.technician_ended(AT).unwrap().is_empty());
    assert_eq!(talk.over(), [format!("moved 0 x/a 3 {} partial", digest(b"abc"))]);
    assert!(talk.over().is_empty());
}

#[test]
fn a_call_that_breaks_the_protocol_counts_for_nothing() {
    let mut talk = Talk::new("scp -t x", false);
    talk.down(b"\0").up(b"C0644 4 a\n").down(b"\0").up(b"abc");
    talk.says(policy::Direction::ToTarget, b"d\0X").unwrap_err();
    assert!(talk.scp.under_way().is_empty());
    assert_eq!(talk.over(), [format!("moved 0 x/a 3 {} partial", digest(b"abc"))]);
}
