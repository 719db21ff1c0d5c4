//! What an scp steward wants done after one call.

use crate::files::{Act, FileNumber, Note};
use bytes::{Bytes, BytesMut};
use policy::Direction;

/// Acts in their order.
///
/// Every line and answer is recorded once: when it came, or when it was made here. What was held is
/// not recorded again when it is sent on.
#[derive(Debug, Default)]
pub(super) struct Out(Vec<Act>);

impl Out {
    pub(super) fn into_acts(self) -> Vec<Act> {
        self.0
    }

    pub(super) fn act(&mut self, act: Act) {
        self.0.push(act);
    }

    pub(super) fn note(&mut self, note: Note) {
        self.0.push(Act::Note(note));
    }

    /// Writes down what goes no further, or not now.
    pub(super) fn record(&mut self, direction: Direction, bytes: Bytes) {
        self.0.push(Act::Record { direction, bytes });
    }

    /// Sends what was written down before.
    pub(super) fn send(&mut self, direction: Direction, bytes: Bytes) {
        self.0.push(match direction {
            Direction::ToTarget => Act::ToTarget(bytes),
            Direction::FromTarget => Act::ToTechnician(bytes),
        });
    }

    /// Writes down and sends.
    pub(super) fn pass(&mut self, direction: Direction, bytes: Bytes) {
        // Errors of a source need no answer: thousands may stand in one call.
        if let [.., Act::Record { direction: before, bytes: recorded }, last] = self.0.as_mut_slice()
            && *before == direction
            && let (Direction::ToTarget, Act::ToTarget(sent)) | (Direction::FromTarget, Act::ToTechnician(sent)) =
                (direction, last)
        {
            lengthen(recorded, &bytes);
            lengthen(sent, &bytes);
            return;
        }
        self.record(direction, bytes.clone());
        self.send(direction, bytes);
    }

    /// Writes a file's content down and sends it.
    pub(super) fn content(&mut self, direction: Direction, file: FileNumber, offset: u64, bytes: Bytes) {
        self.0.push(Act::Content { file, offset, bytes: bytes.clone() });
        self.send(direction, bytes);
    }
}

fn lengthen(bytes: &mut Bytes, more: &[u8]) {
    let shared = |shared: Bytes| BytesMut::from(&*shared);
    let mut whole = std::mem::take(bytes).try_into_mut().unwrap_or_else(shared);
    whole.extend_from_slice(more);
    *bytes = whole.freeze();
}
