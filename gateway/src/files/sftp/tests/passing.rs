//! What passes as it comes: rights, files with their entries, changes, and the target's VERSION.

use super::super::requests::kind::{
    EXTENDED, FSETSTAT, FSTAT, INIT, LSTAT, MKDIR, OPEN, OPENDIR, READDIR, READLINK, REALPATH, REMOVE, RENAME, RMDIR,
    SETSTAT, STAT, SYMLINK,
};
use super::world::{World, both, rules, sha256};
use super::*;
use crate::files::{Note, Steward};
use policy::Direction::{FromTarget, ToTarget};
use policy::Right;

fn content(length: usize) -> Vec<u8> {
    (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect()
}

#[test]
fn only_known_extensions_are_offered_and_only_version_3_is_spoken() {
    let mut world = World::silent(both());
    world.send(&Packet::new(INIT).number(6).text(b"a").text(b"b").done());
    assert_eq!(world.relayed[&ToTarget], init());
    let version = world.replies.pop_front().unwrap();
    let shown = String::from_utf8_lossy(&version).into_owned();
    assert!(shown.contains("posix-rename@openssh.com") && !shown.contains("example.org"), "{shown}");
    assert_eq!(world.status(&extended(1, "run-it@example.org", &[b"rm"])), OP_UNSUPPORTED);
    assert_eq!(world.status(&extended(2, "statvfs@openssh.com", &[b"/"])), OP_UNSUPPORTED);
    assert_eq!(world.status(&texts(21, 3, &[b"a", b"b"])), OP_UNSUPPORTED);
    assert_eq!(world.reached(), [0_u8; 0]);
    assert_eq!(world.refused(), ["sftp unknown extension", "sftp look", "sftp unknown request"]);
}

#[test]
fn a_file_that_is_sent_arrives_and_has_one_entry() {
    let mut world = World::new(both());
    let sent = content(100_000);
    let handle = world.opened(1, b"/tmp/caf\xe9", WRITE | CREAT | TRUNC);
    let parts: Vec<u8> = sent
        .chunks(32_768)
        .zip(0_u32..)
        .flat_map(|(part, n)| write(2 + n, &handle, u64::from(n) * 32_768, part).to_vec())
        .collect();
    world.send(&parts);
    assert_eq!(world.sftp.under_way()[0].bytes, 100_000);
    world.replies.clear();
    assert_eq!(world.status(&close(9, &handle)), OK);
    assert_eq!(world.target.files[&b"/tmp/caf\xe9"[..]], sent);
    assert!(matches!(&world.notes[0], Note::Began { direction: ToTarget, path, .. } if path == &b"/tmp/caf\xe9"[..]));
    assert_eq!(world.moved(), [("/tmp/caf\u{fffd}".into(), ToTarget, 100_000, true, "Done".into())]);
    assert_eq!(world.digests(), [sha256(&sent)]);
    assert_eq!(world.content[&0], sent);
    // The protocol's record has the requests, and none of the content.
    assert!(world.recorded[&ToTarget].len() < 400);
    assert!(world.sftp.under_way().is_empty());
}

#[test]
fn a_file_that_is_fetched_in_parts_at_once_has_its_own_digest() {
    let mut world = World::new(both());
    let there = content(70_000);
    world.target.files.insert(b"log".to_vec(), there.clone());
    let handle = world.opened(1, b"log", READ);
    let parts = (0..4_u32).flat_map(|n| read(2 + n, &handle, u64::from(n) * 32_768, 32_768).to_vec());
    world.send(&parts.collect::<Vec<_>>());
    let lengths: Vec<_> = std::iter::from_fn(|| world.next())
        .map(|(_, got)| match got {
            Got::Data(data) => data.len(),
            Got::Status(code, _) => usize::try_from(code).unwrap(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(lengths, [32_768, 32_768, 4_464, 1]);
    assert_eq!(world.status(&close(9, &handle)), OK);
    assert_eq!(world.moved(), [("log".into(), FromTarget, 70_000, true, "Done".into())]);
    assert_eq!(world.digests(), [sha256(&there)]);
    assert_eq!(world.content[&0], there);
    assert!(world.recorded[&FromTarget].len() < 500);
}

#[test]
fn a_short_read_that_is_read_on_stays_in_order_and_a_gap_does_not() {
    for (offsets, in_order) in [([0, 10], true), ([0, 20], false), ([10, 0], false)] {
        let mut world = World::new(both());
        world.target.files.insert(b"log".to_vec(), content(100));
        world.target.short = Some(10);
        let handle = world.opened(1, b"log", READ);
        for offset in offsets {
            world.ask(&read(2, &handle, offset, 50));
        }
        world.status(&close(3, &handle));
        assert_eq!(world.moved()[0].3, in_order, "{offsets:?}");
    }
}

#[test]
fn a_file_of_both_directions_has_an_entry_for_each_that_moved_something() {
    for (reads, writes) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut world = World::new(both());
        let handle = world.opened(1, b"db", READ | WRITE | CREAT);
        if writes {
            assert_eq!(world.status(&write(2, &handle, 0, b"abc")), OK);
        } else {
            world.target.files.insert(b"db".to_vec(), b"abc".to_vec());
        }
        if reads {
            assert_eq!(world.ask(&read(3, &handle, 0, 9)), Got::Data(Bytes::from_static(b"abc")));
        }
        world.status(&close(4, &handle));
        let entries: Vec<_> = world.moved().into_iter().map(|(_, direction, bytes, ..)| (direction, bytes)).collect();
        let expected = match (reads, writes) {
            (true, true) => vec![(ToTarget, 3), (FromTarget, 3)],
            (true, false) => vec![(FromTarget, 3)],
            (false, true) => vec![(ToTarget, 3)],
            (false, false) => vec![(ToTarget, 0)],
        };
        assert_eq!(entries, expected);
        let began = world.notes.iter().filter(|note| matches!(note, Note::Began { .. })).count();
        assert_eq!(began, expected.len());
    }
}

#[test]
fn what_the_target_refuses_is_told_in_its_words() {
    let mut world = World::new(both());
    assert_eq!(world.status(&open(1, b"missing", READ)), NO_SUCH_FILE);
    let handle = world.opened(2, b"new", WRITE | CREAT | TRUNC);
    world.target.full = Some("disk full".into());
    assert_eq!(world.status(&write(3, &handle, 0, b"abc")), FAILURE);
    assert_eq!(world.status(&close(4, &handle)), OK);
    let append = world.opened(5, b"new", WRITE | APPEND);
    assert_eq!(world.status(&close(6, &append)), OK);
    let results: Vec<_> =
        world.moved().into_iter().map(|(path, _, bytes, order, result)| (path, bytes, order, result)).collect();
    assert_eq!(
        results,
        [
            ("missing".into(), 0, true, "Failed { why: \"no such luck\" }".to_owned()),
            ("new".into(), 3, true, "Failed { why: \"disk full\" }".into()),
            ("new".into(), 0, false, "Done".into()),
        ]
    );
}

#[test]
fn a_part_that_is_answered_behind_the_close_still_counts() {
    let mut world = World::new(both());
    world.target.files.insert(b"log".to_vec(), content(10));
    let handle = world.opened(1, b"log", READ);
    world.slow = true;
    world.send(&[read(2, &handle, 0, 10), close(3, &handle)].concat());
    world.waiting.swap(0, 1);
    world.catch_up();
    assert_eq!(world.moved(), [("log".into(), FromTarget, 10, true, "Done".into())]);
    assert_eq!(world.next().unwrap().0, 3);
}

#[test]
fn changes_are_noted_once_the_target_answered() {
    let mut world = World::new(both());
    world.target.files.insert(b"a".to_vec(), b"x".to_vec());
    for packet in [
        texts(RENAME, 1, &[b"a", b"b"]),
        extended(2, "posix-rename@openssh.com", &[b"b", b"c"]),
        set(SETSTAT, 3, b"b", &moded(0o640)),
        texts(SYMLINK, 4, &[b"points to", b"link"]),
        extended(5, "hardlink@openssh.com", &[b"c", b"d"]),
        set(MKDIR, 6, b"folder", &Attributes::default()),
        texts(RMDIR, 7, &[b"folder"]),
        texts(REMOVE, 8, &[b"c"]),
        texts(REMOVE, 9, &[b"c"]),
    ] {
        world.ask(&packet);
    }
    assert_eq!(
        world.changed(),
        [
            "Rename a [b] ",
            "Rename b [c] ",
            "Attributes b [permissions 0640] ",
            "Link link [points to] ",
            "HardLink c [d] ",
            "MakeFolder folder [] ",
            "RemoveFolder folder [] ",
            "Remove c [] no such luck",
            "Remove c [] no such luck",
        ]
    );
}

#[test]
fn a_copy_on_the_target_is_noted_and_spoils_the_digest() {
    let copy = |id, from: &[u8], to: &[u8]| {
        Packet::new(EXTENDED).number(id).text(b"copy-data").text(from).long(0).long(0).text(to).long(0).done()
    };
    // Opened for both, a file is counted from its first byte on, and the copy comes before that.
    for flags in [WRITE | CREAT, READ | WRITE | CREAT] {
        let mut world = World::new(both());
        world.target.files.insert(b"a".to_vec(), b"x".to_vec());
        let (from, to) = (world.opened(1, b"a", READ), world.opened(2, b"b", flags));
        assert_eq!(world.status(&copy(3, &to, &from)), FAILURE);
        assert_eq!(world.status(&copy(4, &from, &to)), OK);
        assert_eq!(world.status(&write(5, &to, 0, b"new")), OK);
        world.status(&set(FSETSTAT, 6, &to, &sized(3)));
        world.status(&close(7, &to));
        assert_eq!(world.changed(), ["Copy a [b] ", "Attributes b [size 3] "]);
        assert!(!world.moved()[0].3, "in order, for {flags:#x}");
    }
}

#[test]
fn every_request_takes_its_right_and_the_refused_never_reach_the_target() {
    let look = [Right::SftpRead, Right::SftpWrite];
    let table: Vec<(Bytes, &[Right], bool)> = vec![
        (open(9, b"f", READ), &look[..1], false),
        (open(9, b"f", WRITE), &look[1..], false),
        (open(9, b"f", CREAT), &look[1..], false),
        (open(9, b"f", TRUNC), &look[1..], false),
        (open(9, b"f", APPEND), &look[1..], false),
        (open(9, b"g", CREAT | EXCL), &look[1..], false),
        (open(9, b"f", READ | WRITE), &look, false),
        (open(9, b"f", READ | TRUNC), &look, false),
        (texts(STAT, 9, &[b"f"]), &look, true),
        (texts(LSTAT, 9, &[b"f"]), &look, true),
        (texts(OPENDIR, 9, &[b"f"]), &look, true),
        (texts(REALPATH, 9, &[b"f"]), &look, true),
        (texts(READLINK, 9, &[b"f"]), &look, true),
        (extended(9, "limits@openssh.com", &[]), &look, true),
        (set(SETSTAT, 9, b"f", &sized(0)), &look[1..], false),
        (Bytes::from(set_link(9)), &look[1..], false),
        (texts(REMOVE, 9, &[b"f"]), &look[1..], false),
        (set(MKDIR, 9, b"d", &moded(0o700)), &look[1..], false),
        (texts(RMDIR, 9, &[b"d"]), &look[1..], false),
        (texts(RENAME, 9, &[b"f", b"g"]), &look[1..], false),
        (extended(9, "posix-rename@openssh.com", &[b"f", b"g"]), &look[1..], false),
        (texts(SYMLINK, 9, &[b"f", b"g"]), &look[1..], false),
        (extended(9, "hardlink@openssh.com", &[b"f", b"g"]), &look[1..], false),
    ];
    for held in [&[][..], &look[..1], &look[1..], &look[..]] {
        for (packet, needed, any) in &table {
            let mut world = World::new(rules(held));
            world.target.files.insert(b"f".to_vec(), b"x".to_vec());
            let allowed = if *any { !held.is_empty() } else { needed.iter().all(|right| held.contains(right)) };
            let reply = world.ask(packet);
            if allowed {
                assert_eq!(world.relayed[&ToTarget][init().len()..], packet[..], "{held:?} {packet:?}");
                continue;
            }
            let Got::Status(PERMISSION_DENIED, words) = reply else { panic!("{held:?} {packet:?} {reply:?}") };
            let missing = needed.iter().find(|right| !held.contains(right)).unwrap();
            assert!(words.contains(missing.word()), "{words}");
            assert_eq!(world.reached(), [0_u8; 0]);
            assert_eq!(world.refused().len(), 1);
        }
    }
}

fn set_link(id: u32) -> Vec<u8> {
    let packet = Packet::new(EXTENDED).number(id).text(b"lsetstat@openssh.com").text(b"f");
    moded(0o600).write(packet).done().to_vec()
}

#[test]
fn handles_are_used_for_what_they_were_opened_for() {
    let mut world = World::new(both());
    world.target.files.insert(b"f".to_vec(), b"x".to_vec());
    let reading = world.opened(1, b"f", READ);
    let writing = world.opened(2, b"f", WRITE);
    let Got::Handle(folder) = world.ask(&texts(OPENDIR, 3, &[b"/"])) else { panic!() };
    assert_eq!(world.ask(&texts(READDIR, 4, &[&folder])), Got::Other(104));
    let before = world.reached().len();
    for packet in [
        read(9, &writing, 0, 1),
        write(9, &reading, 0, b"x"),
        read(9, &folder, 0, 1),
        write(9, &folder, 0, b"x"),
        texts(READDIR, 9, &[&reading]),
        read(9, b"never given", 0, 1),
        write(9, b"", 0, b"x"),
        close(9, &[7; 300]),
        texts(FSTAT, 9, &[b"never given"]),
        set(FSETSTAT, 9, b"never given", &moded(0)),
        extended(9, "fsync@openssh.com", &[b"never given"]),
        open(9, b"f", 0),
        open(9, b"f", 0x40 | READ),
        texts(STAT, 9, &[&[b'a'; 4097]]),
    ] {
        assert!([FAILURE, OP_UNSUPPORTED].contains(&world.status(&packet)), "{packet:?}");
    }
    assert_eq!(world.reached().len(), before);
    assert_eq!(world.status(&close(9, &folder)), OK);
    assert_eq!(world.status(&close(9, &folder)), FAILURE, "a handle is gone once it was closed");
}

#[test]
fn open_handles_and_open_requests_are_bounded() {
    let mut world = World::new(both());
    world.target.files.insert(b"f".to_vec(), b"x".to_vec());
    for id in 0..1024 {
        world.opened(id, b"f", READ);
    }
    assert_eq!(world.status(&open(1, b"f", READ)), FAILURE);
    assert_eq!(world.status(&texts(OPENDIR, 1, &[b"f"])), FAILURE);

    let mut world = World::new(both());
    world.slow = true;
    for id in 0..4096 {
        world.send(&texts(STAT, id, &[b"f"]));
    }
    assert_eq!(world.replies.len(), 0);
    assert_eq!(world.status(&texts(STAT, 5000, &[b"f"])), FAILURE);
    world.catch_up();
    assert_eq!(world.replies.len(), 4096);
}

#[test]
fn limits_are_never_wider_than_ours() {
    let mut world = World::new(both());
    world.send(&extended(1, "limits@openssh.com", &[]));
    let expected = Packet::new(201).number(1).long(257 * 1024).long(255 * 1024).long(4096).long(1024).done();
    assert_eq!(world.replies, [expected]);
}

#[test]
fn the_end_of_the_channel_leaves_partial_files_and_open_questions() {
    let mut world = World::new(both());
    let handle = world.opened(1, b"f", WRITE | CREAT);
    world.opened(2, b"both", READ | WRITE | CREAT);
    world.status(&write(3, &handle, 0, b"ab"));
    world.slow = true;
    world.send(&[texts(REMOVE, 4, &[b"f"]), close(5, &handle)].concat());
    world.end();
    assert!(world.ended, "nothing of ours is under way");
    let notes = world.sftp.over(world::AT);
    world.notes.extend(notes);
    assert_eq!(world.changed(), ["Remove f [] the channel ended before the answer"]);
    assert_eq!(
        world.moved(),
        [("f".into(), ToTarget, 2, false, "Partial".into()), ("both".into(), ToTarget, 0, false, "Partial".into())]
    );
    assert!(world.sftp.over(world::AT).is_empty());
}

/// A file that was emptied by an OPEN whose answer nobody waited for has its entry.
#[test]
fn a_file_that_was_opened_for_nothing_is_in_the_journal() {
    let mut world = World::new(both());
    world.slow = true;
    world.send(&[open(1, b"emptied", WRITE | TRUNC), open(2, b"looked at", READ)].concat());
    world.end();
    let notes = world.sftp.over(world::AT);
    world.notes.extend(notes);
    let why = "Failed { why: \"the channel ended before the answer\" }";
    assert_eq!(world.moved(), [("emptied".into(), ToTarget, 0, true, why.into())]);
}

/// The digest is the file's own only where all of the file passed here, once, by one handle.
#[test]
fn what_is_not_the_whole_file_is_said_to_be_none() {
    let in_order = |flags: u32, set_to: Option<u64>, twice: bool| {
        let mut world = World::new(both());
        let handle = world.opened(1, b"f", flags);
        if twice {
            world.opened(2, b"f", WRITE);
        }
        world.status(&write(3, &handle, 0, b"ab"));
        if let Some(length) = set_to {
            world.status(&set(FSETSTAT, 4, &handle, &sized(length)));
        }
        world.status(&close(5, &handle));
        world.moved()[0].3
    };
    assert!(in_order(WRITE | CREAT | TRUNC, None, false) && in_order(WRITE | CREAT | TRUNC, Some(2), false));
    assert!(!in_order(WRITE | CREAT, None, false), "what was there may stay");
    assert!(in_order(WRITE | CREAT, Some(2), false), "OpenSSH's scp takes the rest away");
    assert!(!in_order(WRITE | CREAT | TRUNC, Some(1), false) && !in_order(WRITE | CREAT | TRUNC, Some(9), false));
    assert!(!in_order(WRITE | CREAT | TRUNC, None, true));
}

/// A target that answers nothing, or a FIFO that somebody opens, holds every request behind it.
#[test]
fn long_paths_without_an_answer_are_kept_up_to_a_limit() {
    let mut world = World::new(both());
    world.slow = true;
    let long = [b'p'; 4000];
    for id in 0..4096 {
        world.send(&texts(RENAME, id, &[&long, &long]));
    }
    assert!(world.sftp.kept < 2 << 20, "{} bytes", world.sftp.kept);
    assert!(world.replies.len() > 3900, "{} refused", world.replies.len());
    world.catch_up();
    assert_eq!(world.sftp.kept, 0);
    world.replies.clear();
    assert_eq!(world.status(&texts(RENAME, 1, &[&long, b"short"])), NO_SUCH_FILE);
}

/// A target of C reads `a\0b` as `a`, and one that gives what it opens the attributes in the request
/// would be changed by whoever may only read.
#[test]
fn no_request_reads_otherwise_for_the_target() {
    let mut world = World::new(both());
    for packet in [open(1, b"f\0g", READ), texts(RENAME, 1, &[b"f", b"g\0"]), texts(STAT, 1, &[b"\0"])] {
        assert_eq!(world.status(&packet), FAILURE);
    }
    assert_eq!(world.reached(), [0_u8; 0]);
    world.target.files.insert(b"f".to_vec(), b"x".to_vec());
    for (flags, attributes) in [(READ, &[0_u8, 0, 0, 0][..]), (WRITE, &[0, 0, 0, 4, 0, 0, 1, 0xff])] {
        let packet = moded(0o777).write(Packet::new(OPEN).number(7).text(b"f").number(flags)).done();
        assert!(matches!(world.ask(&packet), Got::Handle(_)));
        let wanted = [&flags.to_be_bytes(), attributes].concat();
        assert!(world.relayed[&ToTarget].ends_with(&wanted), "{:?}", world.relayed[&ToTarget]);
    }
}
