//! Whatever a client, a target, a quarantine and a scanner say, in any order: no panic, and nothing
//! reaches the target that the rights do not allow.
//!
//! The first byte picks the rules. Then come steps: who speaks, how much, and what.
#![no_main]

use bytes::Bytes;
use gateway::files::sftp::Sftp;
use gateway::files::{Act, Answer, Finding, Rules, Steward};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use policy::Right;

/// Files are scanned up to this size: small, so that the limit is met.
const SCAN_LIMIT: u64 = 4096;

const INIT: &[u8] = &[0, 0, 0, 5, 1, 0, 0, 0, 3];
const VERSION: &[u8] = &[0, 0, 0, 5, 2, 0, 0, 0, 3];

fuzz_target!(|data: &[u8]| {
    let Some((choice, mut rest)) = data.split_first() else { return };
    let bit = |n: u8| choice & (1 << n) != 0;
    let rights = [(bit(0), Right::SftpRead), (bit(1), Right::SftpWrite)];
    let rights = rights.into_iter().filter(|(held, _)| *held).map(|(_, right)| right).collect();
    let rules = Rules { rights, scan_uploads: bit(2), scan_downloads: bit(3), scan_limit: SCAN_LIMIT };
    let nothing_allowed = !bit(0) && !bit(1);
    let mut sftp = Sftp::new(rules);
    let at = Timestamp::UNIX_EPOCH;
    // Most of the time the greeting is over.
    if !bit(4) {
        let _ = sftp.technician_sent(INIT, at);
        let _ = sftp.target_sent(VERSION, at);
    }
    let greeted = !bit(4);
    while let Some(([who, length], behind)) = rest.split_first_chunk::<2>() {
        let (bytes, behind) = behind.split_at(usize::from(*length).min(behind.len()));
        rest = behind;
        let acts = match who % 3 {
            0 => sftp.technician_sent(bytes, at),
            1 => sftp.target_sent(bytes, at),
            _ => sftp.technician_ended(at),
        };
        let Ok(acts) = acts else { break };
        let reaches = acts.iter().any(|act| matches!(act, Act::ToTarget(_)));
        assert!(!(greeted && nothing_allowed && reaches), "a request passed without a right");
        let mut left: Vec<Act> = acts;
        while let Some(act) = left.pop() {
            let answer = match act {
                Act::Fetch { file, offset, length } => {
                    let length = usize::try_from(length).unwrap_or_default();
                    // Now and then the quarantine gives too little.
                    let bytes = Bytes::from(vec![0; if who & 0x80 == 0 { length } else { length / 2 }]);
                    Answer::Fetched { file, offset, bytes }
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
            match sftp.answered(answer, at) {
                Ok(acts) => left.extend(acts),
                Err(_) => return,
            }
        }
        let _ = sftp.under_way();
    }
    let _ = sftp.over(at);
});
