//! The old scp: whatever both sides say, in any order. Nothing but scp gets through, and little is made of
//! little.
//!
//! The first byte picks direction and scanning; then come steps (`steward`).

use crate::steward::{SCAN_LIMIT, talk};
use config::Language;
use gateway::files::Rules;
use gateway::files::scp::Scp;
use gateway::texts::Texts;
use jiff::tz::TimeZone;
use policy::{Direction, Rights};

/// One conversation.
pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
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
    talk(&mut scp, rest, |came| {
        // Whoever fetches says yes and nothing else (CVE-2019-6111): one byte, and words where it is none.
        if direction == Direction::FromTarget
            && let Some(first) = came.to_target.first()
        {
            assert!(*first <= 2, "no answer of scp: {first}");
        }
    });
}
