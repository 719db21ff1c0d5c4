//! Collects the acts of one call in their order, few and large where many small ones would do the same.

use crate::files::{Act, FileNumber, Note};
use bytes::{Bytes, BytesMut};
use policy::Direction;

/// Packets up to this length are sent together with their neighbours; longer ones are not worth the
/// copy.
const WORTH_JOINING: usize = 4096;

/// What one call does. INVARIANT: records and content stand before what relays them (promise 3),
/// and everything else stays where it was put.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    acts: Vec<Act>,
    records: Vec<(Direction, BytesMut)>,
    contents: Vec<Act>,
    relays: Vec<(Direction, BytesMut)>,
    /// Packets relayed as they are, each with its place among the relays.
    whole: Vec<(usize, Direction, Bytes)>,
}

impl Outbox {
    /// Writes bytes of the protocol down.
    pub(super) fn record(&mut self, direction: Direction, bytes: &[u8]) {
        join(&mut self.records, direction, bytes);
    }

    /// Writes content down.
    pub(super) fn content(&mut self, file: FileNumber, offset: u64, bytes: Bytes) {
        if !bytes.is_empty() {
            self.contents.push(Act::Content { file, offset, bytes });
        }
    }

    /// Sends a packet on its way, which was recorded.
    pub(super) fn relay(&mut self, direction: Direction, packet: Bytes) {
        if packet.len() > WORTH_JOINING {
            self.whole.push((self.relays.len(), direction, packet));
            // What follows does not join what stands before it.
            self.relays.push((direction, BytesMut::new()));
        } else {
            join(&mut self.relays, direction, &packet);
        }
    }

    /// Anything else, behind all that was put here so far.
    pub(super) fn act(&mut self, act: Act) {
        self.settle();
        self.acts.push(act);
    }

    /// A note.
    pub(super) fn note(&mut self, note: Note) {
        self.act(Act::Note(note));
    }

    /// The acts.
    pub(super) fn finish(mut self) -> Vec<Act> {
        self.settle();
        self.acts
    }

    /// The notes alone: what is left to say when the rest will not be done.
    pub(super) fn into_notes(self) -> impl Iterator<Item = Note> {
        self.acts.into_iter().filter_map(|act| if let Act::Note(note) = act { Some(note) } else { None })
    }

    fn settle(&mut self) {
        let records = self.records.drain(..);
        self.acts.extend(records.map(|(direction, bytes)| Act::Record { direction, bytes: bytes.freeze() }));
        self.acts.append(&mut self.contents);
        let mut whole = self.whole.drain(..).peekable();
        for (place, (direction, joined)) in self.relays.drain(..).enumerate() {
            while let Some((_, direction, packet)) = whole.next_if(|(at, ..)| *at <= place) {
                self.acts.push(send(direction, packet));
            }
            if !joined.is_empty() {
                self.acts.push(send(direction, joined.freeze()));
            }
        }
    }
}

fn join(runs: &mut Vec<(Direction, BytesMut)>, direction: Direction, bytes: &[u8]) {
    match runs.last_mut() {
        Some((last, run)) if *last == direction => run.extend_from_slice(bytes),
        _ => runs.push((direction, BytesMut::from(bytes))),
    }
}

fn send(direction: Direction, packet: Bytes) -> Act {
    match direction {
        Direction::ToTarget => Act::ToTarget(packet),
        Direction::FromTarget => Act::ToTechnician(packet),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Direction::{FromTarget, ToTarget};

    #[test]
    fn what_is_recorded_stands_before_what_is_relayed_and_order_is_kept() {
        let long = Bytes::from(vec![7; WORTH_JOINING + 1]);
        let mut out = Outbox::default();
        for packet in [Bytes::from_static(b"a"), long.clone(), Bytes::from_static(b"b"), Bytes::from_static(b"c")] {
            out.record(ToTarget, packet.get(..1).unwrap());
            out.relay(ToTarget, packet);
        }
        out.content(1, 0, Bytes::from_static(b"x"));
        out.relay(FromTarget, Bytes::from_static(b"d"));
        out.act(Act::EndToTarget);
        out.record(FromTarget, b"e");
        assert_eq!(
            out.finish(),
            [
                Act::Record { direction: ToTarget, bytes: Bytes::from_static(b"a\x07bc") },
                Act::Content { file: 1, offset: 0, bytes: Bytes::from_static(b"x") },
                Act::ToTarget(Bytes::from_static(b"a")),
                Act::ToTarget(long),
                Act::ToTarget(Bytes::from_static(b"bc")),
                Act::ToTechnician(Bytes::from_static(b"d")),
                Act::EndToTarget,
                Act::Record { direction: FromTarget, bytes: Bytes::from_static(b"e") },
            ]
        );
    }
}
