//! What is around a steward of files: two sides that say anything in any order, a quarantine and a
//! scanner that answer, well or badly.

use bytes::Bytes;
use gateway::files::{Act, Answer, Finding, Steward};
use jiff::Timestamp;

/// Files are scanned up to this size: small, so that the limit is met.
pub const SCAN_LIMIT: u64 = 4096;
/// Most that a steward may ask the quarantine for at once.
const FETCH: u32 = 64 << 10;
/// Bytes that one byte of a stranger may make the steward send: a request that is refused is answered in
/// words.
const SAID: usize = 64;

/// What came of a conversation so far.
#[derive(Debug, Default)]
pub struct Came {
    /// Bytes for the target.
    pub to_target: Vec<u8>,
    /// Files that the scanner found clean.
    pub clean: u32,
    heard: usize,
    said: usize,
    /// The protocol was broken, and the channel with it.
    pub broken: bool,
}

/// Steps out of the bytes: who speaks, how much, and what. `look` sees what came after each.
pub fn talk(steward: &mut dyn Steward, mut rest: &[u8], mut look: impl FnMut(&Came)) {
    let mut came = Came::default();
    let at = Timestamp::UNIX_EPOCH;
    while let Some(([who, length], behind)) = rest.split_first_chunk::<2>() {
        let (bytes, behind) = behind.split_at(usize::from(*length).min(behind.len()));
        rest = behind;
        came.heard += bytes.len() + 1;
        let acts = match who % 3 {
            0 => steward.technician_sent(bytes, at),
            1 => steward.target_sent(bytes, at),
            _ => steward.technician_ended(at),
        };
        match acts {
            Ok(acts) => answer(steward, acts, *who, &mut came),
            Err(_) => came.broken = true,
        }
        look(&came);
        assert!(came.said <= SAID * came.heard + FETCH as usize, "{} for {}", came.said, came.heard);
        if came.broken {
            break;
        }
        let _ = steward.under_way();
    }
    let _ = steward.over(at);
}

/// Does what the steward asks for until it asks for nothing.
fn answer(steward: &mut dyn Steward, acts: Vec<Act>, who: u8, came: &mut Came) {
    let mut left: std::collections::VecDeque<Act> = acts.into();
    while let Some(act) = left.pop_front() {
        let answer = match act {
            Act::Fetch { file, offset, length } => {
                assert!(length <= FETCH);
                // Now and then the quarantine gives too little.
                let length = if who & 0x80 == 0 { length } else { length / 2 };
                // What is kept of a file is read back to whoever it is for: that is no answer in words.
                came.heard += length as usize;
                Answer::Fetched { file, offset, bytes: Bytes::from(vec![0; length as usize]) }
            }
            Act::Scan { file, .. } => {
                let finding = match who >> 6 {
                    0 => Finding::Infected("x".to_owned()),
                    1 => Finding::Unscanned("x".to_owned()),
                    _ => Finding::Clean,
                };
                came.clean += u32::from(finding == Finding::Clean);
                Answer::Scanned { file, finding }
            }
            Act::ToTarget(bytes) => {
                came.said += bytes.len();
                came.to_target.extend_from_slice(&bytes);
                continue;
            }
            Act::ToTechnician(bytes) => {
                came.said += bytes.len();
                continue;
            }
            _ => continue,
        };
        match steward.answered(answer, Timestamp::UNIX_EPOCH) {
            Ok(acts) => left.extend(acts),
            Err(_) => {
                came.broken = true;
                return;
            }
        }
    }
}
