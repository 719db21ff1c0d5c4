//! Whatever arrives: no panic, bounded memory, and the same acts however the bytes were cut.

use super::super::requests::kind::{FSETSTAT, OPENDIR, REALPATH, REMOVE, RENAME, RMDIR, SETSTAT, STAT};
use super::super::wire::LONGEST_PACKET;
use super::world::{AT, World, both, scanning};
use super::*;
use crate::files::sftp::Sftp;
use crate::files::{Rules, Steward};
use proptest::collection::vec;
use proptest::prelude::*;

/// A request of a conversation that makes sense often enough to get far.
fn request() -> impl Strategy<Value = Vec<u8>> {
    let path = prop_oneof![Just(b"a".to_vec()), Just(b"b".to_vec()), vec(any::<u8>(), 0..6)];
    let handle = prop_oneof![
        (1..6_u32).prop_map(|n| n.to_be_bytes().to_vec()),
        (0..4_u32).prop_map(|n| format!("poterne-{n}-0").into_bytes()),
    ];
    let flags = prop_oneof![
        Just(READ),
        Just(WRITE | CREAT | TRUNC),
        Just(WRITE | CREAT),
        Just(READ | WRITE | CREAT),
        0..70_u32
    ];
    let (one, two) = (path.clone(), path.clone());
    prop_oneof![
        4 => (path.clone(), flags).prop_map(|(path, flags)| open(0, &path, flags)),
        3 => handle.clone().prop_map(|handle| close(0, &handle)),
        3 => (handle.clone(), 0..50_u64, 0..200_000_u32).prop_map(|(handle, at, length)| read(0, &handle, at, length)),
        5 => (handle.clone(), 0..50_u64, vec(any::<u8>(), 0..50)).prop_map(|(handle, at, content)| write(0, &handle, at, &content)),
        2 => (prop_oneof![Just(STAT), Just(REMOVE), Just(OPENDIR), Just(RMDIR), Just(REALPATH), any::<u8>()], path.clone())
            .prop_map(|(kind, path)| texts(kind, 0, &[&path])),
        2 => (one, two).prop_map(|(from, to)| texts(RENAME, 0, &[&from, &to])),
        1 => (path, 0..99_u64).prop_map(|(path, size)| set(SETSTAT, 0, &path, &sized(size))),
        2 => (handle.clone(), 0..99_u64).prop_map(|(handle, size)| set(FSETSTAT, 0, &handle, &sized(size))),
        1 => handle.prop_map(|handle| extended(0, "fsync@openssh.com", &[&handle])),
        1 => Just(extended(0, "limits@openssh.com", &[])),
    ]
    .prop_map(|packet| packet.to_vec())
}

/// Each with an id of its own.
fn conversation() -> impl Strategy<Value = Vec<u8>> {
    vec(request(), 1..40).prop_map(|requests| {
        let numbered = requests.into_iter().zip(0_u32..).flat_map(|(mut packet, id)| {
            packet[5..9].copy_from_slice(&id.to_be_bytes());
            packet
        });
        numbered.collect()
    })
}

fn rules() -> impl Strategy<Value = Rules> {
    prop_oneof![Just(both()), Just(scanning()), Just(Rules { scan_uploads: true, ..both() })]
}

/// What can be seen of a world from outside.
fn seen(world: &World) -> impl PartialEq + std::fmt::Debug + use<> {
    (
        world.notes.clone(),
        world.recorded.clone(),
        world.relayed.clone(),
        world.content.clone(),
        world.quarantine.clone(),
        world.target.files.clone(),
    )
}

proptest! {
    #[test]
    fn bytes_mean_the_same_however_they_are_cut(bytes in conversation(), cuts in vec(1..60_usize, 1..20), rules in rules()) {
        let (mut whole, mut parts) = (World::new(rules.clone()), World::new(rules));
        // Replies wait for the end, so that the cuts are all that differs.
        (whole.slow, parts.slow) = (true, true);
        let mut broken = whole.try_send(&bytes).is_err();
        let mut rest = &bytes[..];
        for cut in cuts.iter().cycle() {
            let (part, behind) = rest.split_at((*cut).min(rest.len()));
            rest = behind;
            let stop = parts.try_send(part).is_err();
            broken |= stop;
            if stop || rest.is_empty() {
                break;
            }
        }
        if !broken {
            whole.catch_up();
            parts.catch_up();
            while !whole.scans.is_empty() {
                whole.scan();
                parts.scan();
            }
            let notes = whole.sftp.over(AT);
            whole.notes.extend(notes);
            let notes = parts.sftp.over(AT);
            parts.notes.extend(notes);
            prop_assert_eq!(seen(&whole), seen(&parts));
        }
    }

    #[test]
    fn every_conversation_ends_in_one_entry_a_file(bytes in conversation(), rules in rules()) {
        let mut world = World::new(rules);
        if world.try_send(&bytes).is_ok() {
            while !world.scans.is_empty() {
                world.scan();
            }
        }
        let notes = world.sftp.over(AT);
        world.notes.extend(notes);
        let numbers = |moved: bool| {
            let mut numbers: Vec<_> = world.notes.iter().filter_map(|note| match note {
                crate::files::Note::Began { file, .. } if !moved => Some(*file),
                crate::files::Note::Moved { file, .. } if moved => Some(*file),
                _ => None,
            }).collect();
            numbers.sort_unstable();
            numbers
        };
        prop_assert_eq!(numbers(false), numbers(true));
    }

    #[test]
    fn mutations_of_either_side_never_panic(
        bytes in conversation(),
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        of_target in any::<bool>(),
        rules in rules(),
    ) {
        let mut world = World::new(rules);
        world.slow = true;
        let mut bytes = bytes;
        let mutate = |bytes: &mut Vec<u8>| {
            for (at, byte) in &changes {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = *byte;
                }
            }
        };
        if of_target {
            // The target answers, a little wrong, and again to what comes of it.
            let mut alive = world.try_send(&bytes).is_ok();
            while alive && !world.waiting.is_empty() {
                let mut replies: Vec<u8> = world.waiting.drain(..).flatten().collect();
                mutate(&mut replies);
                alive = world.reply(&replies).is_ok();
            }
        } else {
            // Not through the small target, which believes every offset.
            mutate(&mut bytes);
            feed(&mut world.sftp, &bytes, true);
        }
        world.sftp.over(AT);
    }

    #[test]
    fn random_bytes_never_panic_and_are_never_hoarded(
        greeted in any::<bool>(),
        calls in vec((any::<bool>(), vec(any::<u8>(), 0..400)), 0..30),
        rules in rules(),
    ) {
        let mut sftp = if greeted { World::new(rules).sftp } else { Sftp::new(rules) };
        for (technician, bytes) in &calls {
            feed(&mut sftp, bytes, *technician);
            prop_assert!(sftp.technician.held() <= LONGEST_PACKET + 4 && sftp.target.held() <= LONGEST_PACKET + 4);
        }
        sftp.over(AT);
    }
}

fn feed(sftp: &mut Sftp, bytes: &[u8], technician: bool) -> bool {
    let acts = if technician { sftp.technician_sent(bytes, AT) } else { sftp.target_sent(bytes, AT) };
    acts.is_ok()
}
