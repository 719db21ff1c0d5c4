//! Files that are scanned on their way.

use super::super::requests::kind::{
    CLOSE, EXTENDED, FSETSTAT, FSTAT, LSTAT, REALPATH, REMOVE, RENAME, SETSTAT, STAT, SYMLINK,
};
use super::world::{AT, World, both, scanning, sha256};
use super::*;
use crate::files::{Rules, Steward};
use policy::Direction::{FromTarget, ToTarget};

const NEW: u32 = WRITE | CREAT | TRUNC;

/// Sends a file and its CLOSE, which gets no answer yet.
fn put(world: &mut World, path: &[u8], flags: u32, content: &[u8]) -> Bytes {
    let handle = world.opened(1, path, flags);
    for (n, part) in content.chunks(30_000).enumerate() {
        assert_eq!(world.status(&write(2, &handle, u64::try_from(n * 30_000).unwrap(), part)), OK);
    }
    world.send(&close(3, &handle));
    handle
}

fn results(world: &World) -> Vec<String> {
    world.moved().into_iter().map(|(_, _, _, _, result)| result).collect()
}

#[test]
fn a_clean_file_arrives_as_it_was_sent() {
    for length in [0, 1, 32_768, 900_000] {
        let sent: Vec<u8> = (0..length).map(|n: u32| u8::try_from(n % 239).unwrap()).collect();
        let mut world = World::new(scanning());
        put(&mut world, b"firmware", NEW, &sent);
        assert_eq!(world.reached(), [0_u8; 0], "nothing reaches the target before the scanner spoke");
        assert!(world.replies.is_empty() && world.sftp.under_way()[0].held);
        world.scan();
        assert_eq!(world.next(), Some((3, Got::Status(OK, String::new()))));
        assert_eq!(world.target.files[&b"firmware"[..]], sent);
        let length = u64::from(length);
        assert_eq!(world.moved(), [("firmware".into(), ToTarget, length, true, "Done".into())]);
        assert_eq!(world.digests(), [sha256(&sent)]);
        assert!(world.quarantine.is_empty() && world.sftp.under_way().is_empty());
        assert_eq!(world.content.get(&0).map_or(0, Vec::len), sent.len());
    }
}

#[test]
fn what_the_scanner_recognises_or_cannot_judge_is_not_delivered() {
    for (content, code, word, result) in [
        (&b"xxEICARxx"[..], PERMISSION_DENIED, "Eicar-Test", "Infected { signature: \"Eicar-Test\" }"),
        (b"ODD", FAILURE, "tired", "Unscanned { why: \"it is tired\" }"),
    ] {
        let mut world = World::new(scanning());
        put(&mut world, b"f", NEW, content);
        world.scan();
        let Some((3, Got::Status(said, words))) = world.next() else { panic!() };
        assert!(said == code && words.contains(word) && words.contains("not delivered"), "{words}");
        assert_eq!(world.reached(), [0_u8; 0]);
        assert_eq!(results(&world), [result]);
        assert!(world.quarantine.is_empty());
    }
}

#[test]
fn a_file_over_the_limit_is_refused_at_once_and_dropped() {
    for grows in [false, true] {
        let mut world = World::new(scanning());
        let handle = world.opened(1, b"f", NEW);
        world.status(&write(2, &handle, 0, b"abc"));
        let packet =
            if grows { set(FSETSTAT, 3, &handle, &sized((1 << 20) + 1)) } else { write(3, &handle, 1 << 20, b"x") };
        let Got::Status(FAILURE, words) = world.ask(&packet) else { panic!() };
        assert!(words.contains("1048576"), "{words}");
        assert!(world.quarantine.is_empty());
        assert_eq!(world.status(&write(4, &handle, 3, b"def")), FAILURE);
        assert_eq!(world.status(&close(5, &handle)), FAILURE);
        // No alarm: nothing is wrong with the scanner.
        assert!(results(&world)[0].starts_with("Failed"));
        assert!(world.scans.is_empty());
    }
    let mut world = World::new(scanning());
    let handle = world.opened(1, b"f", NEW);
    assert_eq!(world.status(&write(2, &handle, u64::MAX, b"x")), FAILURE);
}

#[test]
fn only_ways_to_open_that_send_a_file_whole_are_taken() {
    for (flags, taken) in [
        (NEW, true),                         // OpenSSH, WinSCP, PuTTY, paramiko `w`
        (WRITE | CREAT, true),               // scp
        (READ | NEW, true),                  // paramiko `w+`
        (READ | WRITE | CREAT | EXCL, true), // sshfs
        (WRITE | TRUNC, true),
        (WRITE, false),
        (READ | WRITE, false),
        (READ | WRITE | CREAT, false),
        (WRITE | CREAT | APPEND, false), // OpenSSH `reput`
        (WRITE | APPEND, false),
        (CREAT, false),
        (READ | TRUNC, false),
    ] {
        let mut world = World::new(scanning());
        match world.ask(&open(1, b"f", flags)) {
            Got::Handle(_) => assert!(taken, "{flags:#x}"),
            Got::Status(PERMISSION_DENIED, words) => assert!(!taken && words.contains("whole"), "{flags:#x} {words}"),
            other => panic!("{other:?}"),
        }
        assert_eq!(world.reached(), [0_u8; 0]);
    }
}

#[test]
fn nothing_of_an_older_file_may_stay_in_a_new_one() {
    // Parts that are missing, written or not; an older file of this length; its own length set.
    for (from, old, cut, delivered) in [
        (0, 0, false, true),
        (0, 3, false, true),
        (0, 4, false, false),
        (0, 4, true, true),
        (1, 0, false, false),
        (1, 9, true, false),
    ] {
        let mut world = World::new(scanning());
        world.target.files.insert(b"f".to_vec(), vec![b'o'; old]);
        let handle = world.opened(1, b"f", WRITE | CREAT);
        world.status(&write(2, &handle, from, &b"new"[usize::try_from(from).unwrap()..]));
        if cut {
            assert_eq!(world.status(&set(FSETSTAT, 3, &handle, &sized(3))), OK);
        }
        world.send(&close(4, &handle));
        if !world.scans.is_empty() {
            world.scan();
        }
        let Some((4, Got::Status(code, words))) = world.next() else { panic!() };
        assert_eq!(code == OK, delivered, "{from} {old} {cut} {words}");
        let there = world.target.files[&b"f"[..]].clone();
        assert_eq!(there, if delivered { b"new".to_vec() } else { vec![b'o'; old] });
        assert_eq!(results(&world)[0] == "Done", delivered);
        assert!(world.quarantine.is_empty());
    }
}

#[test]
fn a_held_file_is_answered_from_quarantine() {
    let mut world = World::new(scanning());
    let handle = world.opened(1, b"f", READ | NEW);
    world.status(&write(2, &handle, 0, b"0123456789"));
    assert_eq!(world.ask(&read(3, &handle, 2, 4)), Got::Data(Bytes::from_static(b"2345")));
    assert_eq!(world.status(&read(4, &handle, 10, 4)), EOF);
    let second = world.opened(5, b"f", READ);
    assert_eq!(world.ask(&read(6, &second, 8, 99)), Got::Data(Bytes::from_static(b"89")));
    assert_eq!(world.status(&write(7, &second, 0, b"x")), FAILURE);
    assert_eq!(world.status(&set(SETSTAT, 8, b"f", &moded(0o600))), OK);
    assert_eq!(world.status(&set(FSETSTAT, 9, &handle, &sized(8))), OK);
    for packet in [texts(STAT, 10, &[b"f"]), texts(LSTAT, 10, &[b"f"]), texts(FSTAT, 10, &[&handle])] {
        let Got::Attributes(shown) = world.ask(&packet) else { panic!() };
        assert_eq!((shown.size, shown.permissions), (Some(8), Some(0o100_600)));
    }
    assert_eq!(world.status(&extended(11, "fsync@openssh.com", &[&handle])), OK);
    assert_eq!(world.status(&open(12, b"f", NEW)), FAILURE, "it is being sent already");
    assert_eq!(world.status(&close(13, &second)), OK);
    assert_eq!(world.reached(), [0_u8; 0]);

    world.send(&close(14, &handle));
    let Got::Attributes(shown) = world.ask(&texts(STAT, 15, &[b"f"])) else { panic!() };
    assert_eq!(shown.size, Some(8));
    world.scan();
    assert_eq!(world.next(), Some((14, Got::Status(OK, String::new()))));
    assert_eq!(world.target.files[&b"f"[..]], b"01234567");
    assert_eq!(world.target.modes[&b"f"[..]], 0o600);
    assert_eq!(world.changed(), ["Attributes f [permissions 0600] "]);
    assert!(!world.moved()[0].3, "two bytes passed that are not in the file");
}

#[test]
fn a_held_file_is_renamed_and_removed_in_quarantine() {
    let mut world = World::new(scanning());
    world.target.files.insert(b"b".to_vec(), b"old".to_vec());
    for (id, rename, code, there) in [
        (1, texts(RENAME, 2, &[b"a", b"b"]), FAILURE, &b"old"[..]),
        (5, extended(6, "posix-rename@openssh.com", &[b"a", b"b"]), OK, b"new"),
    ] {
        let handle = world.opened(id, b"a", NEW);
        world.status(&write(id, &handle, 0, b"new"));
        assert_eq!(world.status(&rename), OK);
        world.send(&close(id, &handle));
        world.scan();
        let Some((_, Got::Status(said, _))) = world.next() else { panic!() };
        assert_eq!((said, &world.target.files[&b"b"[..]][..]), (code, there));
        assert!(!world.target.files.contains_key(&b"a"[..]));
    }
    let handle = world.opened(9, b"c", NEW);
    assert_eq!(world.status(&texts(REMOVE, 10, &[b"c"])), OK);
    assert!(world.quarantine.is_empty());
    assert_eq!(world.status(&write(11, &handle, 0, b"x")), FAILURE);
    assert_eq!(world.status(&close(12, &handle)), FAILURE);
    assert_eq!(world.changed(), ["Rename a [b] ", "Rename a [b] ", "Remove c [] "]);
}

#[test]
fn what_would_change_a_closed_file_waits_for_its_end() {
    let mut world = World::new(scanning());
    put(&mut world, b"f.filepart", NEW, b"content");
    world.send(&texts(RENAME, 4, &[b"f.filepart", b"f"]));
    world.send(&set(SETSTAT, 5, b"f.filepart", &moded(0)));
    assert!(world.replies.is_empty());
    world.scan();
    let answers: Vec<_> =
        std::iter::from_fn(|| world.next()).map(|(id, got)| (id, matches!(got, Got::Status(OK, _)))).collect();
    assert_eq!(answers, [(3, true), (4, true), (5, false)]);
    assert_eq!(world.target.files[&b"f"[..]], b"content");
}

/// No path would be the same as the path that a request does not have: found by chance, as a REMOVE of it
/// while it was scanned left its CLOSE without an answer.
#[test]
fn a_held_file_has_a_name() {
    let mut world = World::new(scanning());
    assert_eq!(world.status(&open(1, b"", NEW)), FAILURE);
    let handle = world.opened(1, b"f", NEW);
    assert_eq!(world.status(&texts(RENAME, 2, &[b"f", b""])), FAILURE);
    world.send(&close(3, &handle));
    world.scan();
    assert_eq!(world.next(), Some((3, Got::Status(OK, String::new()))));
    assert_eq!(world.status(&texts(REMOVE, 4, &[b""])), NO_SUCH_FILE);
    assert!(world.target.files.contains_key(&b"f"[..]));
}

#[test]
fn several_files_are_under_way_at_once_and_ids_never_meet() {
    let mut world = World::new(scanning());
    let handles: Vec<_> = (0..3).map(|n: u8| world.opened(1, &[b'a' + n], NEW)).collect();
    for (handle, n) in handles.iter().zip(0_u8..) {
        for offset in 0..10_u64 {
            world.status(&write(1, handle, offset * 30_000, &vec![n; 30_000]));
        }
    }
    for (handle, id) in handles.iter().zip(10..) {
        world.send(&close(id, handle));
    }
    assert_eq!(world.scans.len(), 3);
    world.slow = true;
    (0..3).for_each(|_| world.scan());
    // The client takes the very ids that our own requests have.
    let ours: Vec<u32> = world.target.asked.iter().map(|(_, id)| *id).filter(|id| *id > 1000).collect();
    assert_eq!(ours.len(), 3);
    for id in &ours {
        world.send(&texts(REALPATH, *id, &[b"x"]));
    }
    world.catch_up();
    let mut answered: Vec<_> = std::iter::from_fn(|| world.next()).map(|(id, _)| id).collect();
    answered.sort_unstable();
    assert_eq!(answered, [&[10, 11, 12], &ours[..]].concat());
    for n in 0..3_u8 {
        assert_eq!(world.target.files[&[b'a' + n][..]], vec![n; 300_000]);
    }
}

#[test]
fn a_target_that_refuses_the_delivery_is_quoted() {
    let mut world = World::new(scanning());
    world.target.full = Some("disk full".into());
    put(&mut world, b"f", NEW, &[7; 200_000]);
    world.scan();
    assert_eq!(world.next(), Some((3, Got::Status(FAILURE, "disk full".into()))));
    put(&mut world, b"gone", WRITE | TRUNC, b"x");
    world.scan();
    assert_eq!(world.next(), Some((3, Got::Status(NO_SUCH_FILE, "no such luck".into()))));
    assert_eq!(results(&world), ["Failed { why: \"disk full\" }", "Failed { why: \"no such luck\" }"]);
    assert!(world.quarantine.is_empty());
}

#[test]
fn what_no_scanner_sees_is_refused() {
    let mut world = World::new(scanning());
    world.target.files.insert(b"f".to_vec(), b"x".to_vec());
    let copy = Packet::new(EXTENDED).number(1).text(b"copy-data").text(b"a").long(0).long(0).text(b"b").long(0).done();
    for packet in [copy, extended(1, "hardlink@openssh.com", &[b"f", b"g"]), set(SETSTAT, 1, b"f", &sized(1))] {
        assert_eq!(world.status(&packet), PERMISSION_DENIED);
    }
    assert_eq!(world.reached(), [0_u8; 0]);
    assert_eq!(world.status(&set(SETSTAT, 1, b"f", &sized(0))), OK);
    assert_eq!(world.status(&texts(SYMLINK, 1, &[b"f", b"g"])), OK);
}

#[test]
fn a_file_of_the_target_is_read_out_of_quarantine_once_it_is_clean() {
    for (length, short) in [(0, None), (100_000, None), (900_000, Some(10_000))] {
        let there: Vec<u8> = (0..length).map(|n: u32| u8::try_from(n % 239).unwrap()).collect();
        let mut world = World::new(scanning());
        world.target.short = short;
        world.target.files.insert(b"log".to_vec(), there.clone());
        world.send(&open(1, b"log", READ));
        assert!(world.replies.is_empty() && world.sftp.under_way()[0].held);
        assert_eq!(world.quarantine[&0], there);
        world.scan();
        let Some((1, Got::Handle(handle))) = world.next() else { panic!() };
        // The target's file changes: the client reads what was scanned.
        world.target.files.insert(b"log".to_vec(), b"EICAR".to_vec());
        let before = world.reached().len();
        let mut read_back = Vec::new();
        loop {
            let offset = u64::try_from(read_back.len()).unwrap();
            match world.ask(&read(2, &handle, offset, 255 * 1024)) {
                Got::Data(data) => read_back.extend(data),
                other => break assert!(matches!(other, Got::Status(EOF, _))),
            }
        }
        assert_eq!(read_back, there);
        assert_eq!(world.reached().len(), before);
        assert!(matches!(world.ask(&texts(FSTAT, 3, &[&handle])), Got::Attributes(_)));
        assert_eq!(world.status(&write(4, &handle, 0, b"x")), FAILURE);
        assert_eq!(world.status(&close(5, &handle)), OK);
        assert_eq!(world.status(&close(6, &handle)), FAILURE);
        let (_, direction, bytes, in_order, result) = world.moved().remove(0);
        assert_eq!((direction, bytes, result.as_str()), (FromTarget, u64::from(length), "Done"));
        if in_order {
            assert_eq!(world.digests(), [sha256(&there)]);
        }
        assert!(in_order || short.is_some());
        assert!(world.quarantine.is_empty());
    }
}

#[test]
fn a_file_of_the_target_that_is_not_clean_is_not_read() {
    let many = vec![b'x'; (1 << 20) + 1];
    for (content, code, word) in
        [(&b"xxEICAR"[..], PERMISSION_DENIED, "Eicar-Test"), (b"ODD", FAILURE, "tired"), (&many, FAILURE, "1048576")]
    {
        let mut world = World::new(scanning());
        world.target.files.insert(b"f".to_vec(), content.to_vec());
        world.send(&open(1, b"f", READ));
        if !world.scans.is_empty() {
            world.scan();
        }
        let Some((1, Got::Status(said, words))) = world.next() else { panic!() };
        assert!(said == code && words.contains(word), "{words}");
        assert!(world.quarantine.is_empty());
        assert_eq!(world.reached().iter().filter(|kind| **kind == CLOSE).count(), 1);
        assert_eq!(world.moved().len(), 1);
        world.end();
        assert!(world.ended);
    }
    let mut world = World::new(scanning());
    assert_eq!(world.status(&open(1, b"missing", READ)), NO_SUCH_FILE);
    assert!(results(&world)[0].starts_with("Failed"));
}

#[test]
fn the_target_is_told_of_the_end_once_what_is_held_is_delivered() {
    let mut world = World::new(scanning());
    put(&mut world, b"f", NEW, b"content");
    world.opened(7, b"unfinished", NEW);
    world.end();
    assert!(!world.ended);
    world.scan();
    assert!(world.ended);
    assert_eq!(world.target.files[&b"f"[..]], b"content");
    let notes = world.sftp.over(AT);
    world.notes.extend(notes);
    let never = "Unscanned { why: \"the channel ended first: it never left the quarantine\" }";
    assert_eq!(results(&world), ["Done", never]);
}

/// Two files that are clean by themselves never make a third one on the target: what is delivered without
/// being emptied at its opening is emptied before its first byte.
#[test]
fn a_delivery_that_is_broken_off_leaves_no_end_of_an_older_file() {
    let mut world = World::new(scanning());
    world.target.files.insert(b"f".to_vec(), b"older".to_vec());
    put(&mut world, b"f", WRITE | CREAT, b"newer");
    world.scan();
    let kinds = world.reached();
    let place = |wanted: u8| kinds.iter().position(|kind| *kind == wanted).unwrap();
    assert!(
        place(FSTAT) < place(FSETSTAT) && place(FSETSTAT) < place(super::super::requests::kind::WRITE),
        "{kinds:?}"
    );
    assert_eq!(world.target.files[&b"f"[..]], b"newer");
    assert_eq!(world.moved(), [("f".into(), ToTarget, 5, true, "Done".into())]);
}

#[test]
fn downloads_alone_may_be_scanned() {
    let rules = Rules { scan_downloads: true, ..both() };
    let mut world = World::new(rules);
    assert_eq!(world.status(&open(1, b"f", READ | WRITE | CREAT)), PERMISSION_DENIED);
    let handle = world.opened(2, b"f", NEW);
    assert_eq!(world.status(&write(3, &handle, 0, b"EICAR")), OK);
    assert_eq!(world.status(&close(4, &handle)), OK);
    world.send(&open(5, b"f", READ));
    world.scan();
    assert!(matches!(world.next(), Some((5, Got::Status(PERMISSION_DENIED, _)))));
}
