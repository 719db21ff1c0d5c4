//! Sides that break the protocol.

use super::super::requests::kind::{EXTENDED_REPLY, INIT, REALPATH, REMOVE, RENAME, SETSTAT, STAT, VERSION};
use super::world::{AT, World, both};
use super::*;
use crate::files::Steward;

fn broken_by_technician(world: &mut World, packet: &[u8]) -> String {
    let broken = world.try_send(packet).unwrap_err();
    assert_eq!(broken.side, "the technician's client");
    assert_eq!(world.try_send(b"").unwrap_err(), broken, "a broken channel stays so");
    broken.why
}

#[test]
fn a_client_that_breaks_the_protocol_ends_its_channel() {
    let trailing = |packet: Bytes| {
        let body = [&packet[4..], b"x"].concat();
        [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], &body].concat()
    };
    let cut = |packet: Bytes| {
        let body = &packet[4..packet.len() - 1];
        [&u32::try_from(body.len()).unwrap().to_be_bytes()[..], body].concat()
    };
    let mut attributes = Packet::new(SETSTAT).number(1).text(b"f").number(0x10).done().to_vec();
    let table: Vec<(Vec<u8>, &str)> = vec![
        (init().to_vec(), "second INIT"),
        (vec![0, 0, 0, 0], "empty packet"),
        (vec![0xff; 8], "4294967295"),
        ((257 * 1024 + 1_u32).to_be_bytes().to_vec(), "over the limit"),
        (Packet::new(VERSION).number(3).done().to_vec(), "VERSION"),
        (Packet::new(101).number(1).number(0).done().to_vec(), "reply"),
        (Packet::new(EXTENDED_REPLY).number(1).done().to_vec(), "reply"),
        (Packet::new(STAT).done().to_vec(), "cut short"),
        (std::mem::take(&mut attributes), "unknown flags"),
    ];
    for (packet, why) in table {
        let said = broken_by_technician(&mut World::new(both()), &packet);
        assert!(said.contains(why), "{said}");
    }
    for packet in [
        open(1, b"f", READ),
        close(1, b"h"),
        read(1, b"h", 0, 1),
        write(1, b"h", 0, b"x"),
        texts(STAT, 1, &[b"f"]),
        set(SETSTAT, 1, b"f", &moded(1)),
        texts(RENAME, 1, &[b"f", b"g"]),
        extended(1, "posix-rename@openssh.com", &[b"f", b"g"]),
        extended(1, "copy-data", &[b"f"]),
    ] {
        let said = broken_by_technician(&mut World::new(both()), &trailing(packet.clone()));
        assert!(said.contains("behind its last field") || said.contains("cut short"), "{said}");
        assert!(broken_by_technician(&mut World::new(both()), &cut(packet)).contains("cut short"));
    }
}

#[test]
fn the_greeting_stands_first_and_is_waited_for() {
    let mut world = World::silent(both());
    assert!(broken_by_technician(&mut world, &open(1, b"f", READ)).contains("instead of INIT"));
    let mut world = World::silent(both());
    assert!(broken_by_technician(&mut world, &Packet::new(INIT).number(2).done()).contains("version 2"));
    let mut world = World::silent(both());
    world.slow = true;
    world.send(&init());
    assert!(broken_by_technician(&mut world, &open(1, b"f", READ)).contains("did not wait"));
    let mut world = World::silent(both());
    assert_eq!(world.reply(&Packet::new(VERSION).number(3).done()).unwrap_err().side, "the target");
}

#[test]
fn an_id_that_is_not_answered_yet_is_not_used_again() {
    let mut world = World::new(both());
    world.slow = true;
    world.send(&texts(STAT, 1, &[b"f"]));
    assert!(broken_by_technician(&mut world, &texts(STAT, 1, &[b"f"])).contains("not answered yet"));
}

#[test]
fn a_target_that_breaks_the_protocol_ends_the_channel() {
    let status = |id: u32, code: u32| Packet::new(101).number(id).number(code).text(b"").text(b"").done();
    let handle = |id: u32, handle: &[u8]| Packet::new(102).number(id).text(handle).done();
    let data = |id: u32, content: &[u8]| Packet::new(103).number(id).text(content).done();
    let table: Vec<(Bytes, &str)> = vec![
        (Packet::new(VERSION).number(3).done(), "second VERSION"),
        (open(1, b"f", READ), "no reply"),
        (status(77, 0), "was not asked"),
        (status(1, 0), "does not fit"),
        (data(1, b"x"), "does not fit"),
        (handle(1, &[7; 257]), "257 bytes"),
        (handle(2, b"h"), "does not fit"),
        (Packet::new(105).number(2).number(0x10).done(), "unknown flags"),
        (status(2, 0), "does not fit"),
        (handle(3, b"h"), "does not fit"),
        (Packet::new(104).number(4).number(1).done(), "cut short"),
        (Packet::new(105).number(4).number(0).done(), "does not fit"),
        (Packet::new(201).number(5).long(1).done(), "cut short"),
        (Packet::new(201).number(5).long(1).long(1).long(1).long(1).number(1).done(), "behind its last field"),
        (data(6, b"12345"), "more than was asked"),
        (handle(6, b"h"), "does not fit"),
    ];
    for (packet, why) in table {
        let mut world = World::new(both());
        world.target.files.insert(b"f".to_vec(), b"x".to_vec());
        let open_handle = world.opened(9, b"f", READ);
        world.slow = true;
        world.send(&open(1, b"f", READ));
        world.send(&texts(STAT, 2, &[b"f"]));
        world.send(&texts(REMOVE, 3, &[b"f"]));
        world.send(&texts(REALPATH, 4, &[b"f"]));
        world.send(&extended(5, "limits@openssh.com", &[]));
        world.send(&read(6, &open_handle, 0, 4));
        let broken = world.reply(&packet).unwrap_err();
        assert_eq!(broken.side, "the target");
        assert!(broken.why.contains(why), "{why}: {}", broken.why);
        assert!(world.sftp.target_sent(b"", AT).is_err());
    }
}

#[test]
fn a_handle_is_not_given_twice() {
    let mut world = World::new(both());
    world.target.files.insert(b"f".to_vec(), b"x".to_vec());
    let handle = world.opened(1, b"f", READ);
    world.slow = true;
    world.send(&open(2, b"f", READ));
    let again = Packet::new(102).number(2).text(&handle).done();
    assert!(world.reply(&again).unwrap_err().why.contains("still open"));
}

#[test]
fn what_was_true_before_a_side_broke_the_protocol_is_told_at_the_end() {
    let mut world = World::new(both());
    world.slow = true;
    world.send(&texts(REMOVE, 1, &[b"f"]));
    let replies = [&world.waiting[0][..], &[0; 4]].concat();
    assert!(world.reply(&replies).is_err());
    let notes = world.sftp.over(AT);
    world.notes.extend(notes);
    assert_eq!(world.changed(), ["Remove f [] no such luck"]);
}
