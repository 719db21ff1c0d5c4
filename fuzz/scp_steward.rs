//! Whatever both sides of scp say, in any order: no panic, and nothing but scp gets through.
//!
//! The first byte picks direction and scanning. Then come steps: who speaks, how much, and what.
#![no_main]

use bytes::Bytes;
use config::Language;
use gateway::files::scp::Scp;
use gateway::files::{Act, Answer, Finding, Rules, Steward};
use gateway::texts::Texts;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use libfuzzer_sys::fuzz_target;
use policy::{Direction, Rights};

/// Files are scanned up to this size: small, so that the limit is met.
const SCAN_LIMIT: u64 = 4096;

fuzz_target!(|data: &[u8]| {
    let Some((choice, mut rest)) = data.split_first() else { return };
    let bit = |n: u8| choice & (1 << n) != 0;
    let (direction, line): (_, &[u8]) = match (bit(0), bit(1)) {
        (true, true) => (Direction::ToTarget, b"scp -r -t /srv"),
        (true, false) => (Direction::ToTarget, b"scp -t /srv/a"),
        (false, true) => (Direction::FromTarget, b"scp -r -f /srv"),
        (false, false) => (Direction::FromTarget, b"scp -f /srv/a"),
    };
    let rules =
        Rules { rights: Rights::default(), scan_uploads: bit(2), scan_downloads: bit(3), scan_limit: SCAN_LIMIT };
    let mut scp = Scp::new(direction, line, &rules, Texts::new(Language::English, TimeZone::UTC));
    let at = Timestamp::UNIX_EPOCH;
    while let Some(([who, length], behind)) = rest.split_first_chunk::<2>() {
        let (bytes, behind) = behind.split_at(usize::from(*length).min(behind.len()));
        rest = behind;
        let acts = match who % 3 {
            0 => scp.technician_sent(bytes, at),
            1 => scp.target_sent(bytes, at),
            _ => scp.technician_ended(at),
        };
        let Ok(mut left) = acts else { break };
        while let Some(act) = left.pop() {
            let answer = match act {
                Act::Fetch { file, offset, length } => {
                    let length = usize::try_from(length).unwrap_or_default();
                    Answer::Fetched { file, offset, bytes: Bytes::from(vec![0; length]) }
                }
                Act::Scan { file, .. } => {
                    let finding = match who >> 6 {
                        0 => Finding::Infected("x".to_owned()),
                        1 => Finding::Unscanned("x".to_owned()),
                        _ => Finding::Clean,
                    };
                    Answer::Scanned { file, finding }
                }
                _ => continue,
            };
            match scp.answered(answer, at) {
                Ok(acts) => left.extend(acts),
                Err(_) => return,
            }
        }
        let _ = scp.under_way();
    }
    let _ = scp.over(at);
});
