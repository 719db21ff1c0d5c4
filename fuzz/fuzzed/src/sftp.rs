//! SFTP: whatever a client, a target, a quarantine and a scanner say, in any order.
//!
//! The first byte picks the rules; then come steps (`steward`). Holds: without a right nothing reaches the
//! target; without the right to write no request that changes anything does; and what is to be scanned
//! goes to the target only once something was found clean (T23).

use crate::steward::{SCAN_LIMIT, talk};
use gateway::files::sftp::Sftp;
use gateway::files::{Rules, Steward as _};
use jiff::Timestamp;
use policy::Right;

const INIT: &[u8] = &[0, 0, 0, 5, 1, 0, 0, 0, 3];
const VERSION: &[u8] = &[0, 0, 0, 5, 2, 0, 0, 0, 3];
const OPEN: u8 = 3;
const WRITE: u8 = 6;
/// SETSTAT, FSETSTAT, REMOVE, MKDIR, RMDIR, RENAME, SYMLINK (draft-ietf-secsh-filexfer-02).
const CHANGES: [u8; 7] = [9, 10, 13, 14, 15, 18, 20];
/// WRITE, APPEND, CREAT, TRUNC, EXCL.
const TO_WRITE: u32 = 2 | 4 | 8 | 16 | 32;

/// One conversation.
pub fn run(data: &[u8]) {
    let Some((choice, rest)) = data.split_first() else { return };
    let bit = |n: u8| choice & (1 << n) != 0;
    let rights = [(bit(0), Right::SftpRead), (bit(1), Right::SftpWrite)];
    let rights = rights.into_iter().filter(|(held, _)| *held).map(|(_, right)| right).collect();
    let rules = Rules { rights, scan_uploads: bit(2), scan_downloads: bit(3), scan_limit: SCAN_LIMIT };
    let mut sftp = Sftp::new(rules);
    // Most of the time the greeting is over.
    let greeted = !bit(4);
    if greeted {
        let _ = sftp.technician_sent(INIT, Timestamp::UNIX_EPOCH);
        let _ = sftp.target_sent(VERSION, Timestamp::UNIX_EPOCH);
    }
    let (may_read, may_write, scans) = (bit(0), bit(1), bit(2));
    talk(&mut sftp, rest, |came| {
        if greeted && !may_read && !may_write {
            assert!(came.to_target.is_empty(), "a request passed without a right");
        }
        for packet in packets(&came.to_target) {
            assert!(may_write || !changes(packet), "a change passed without the right: {packet:?}");
            let writes = packet.first() == Some(&WRITE);
            assert!(!(scans && came.clean == 0 && writes), "what nobody scanned was written");
        }
    });
}

/// The packets of a stream, each without its length.
fn packets(mut stream: &[u8]) -> Vec<&[u8]> {
    let mut packets = Vec::new();
    while let Some((length, rest)) = stream.split_first_chunk::<4>() {
        let Some((packet, rest)) = rest.split_at_checked(u32::from_be_bytes(*length) as usize) else { break };
        packets.push(packet);
        stream = rest;
    }
    packets
}

fn changes(packet: &[u8]) -> bool {
    match packet.first() {
        Some(&OPEN) => open_flags(packet).is_none_or(|flags| flags & TO_WRITE != 0),
        Some(kind) => *kind == WRITE || CHANGES.contains(kind),
        None => false,
    }
}

/// OPEN: id, file name, flags.
fn open_flags(packet: &[u8]) -> Option<u32> {
    let (length, rest) = packet.get(5..)?.split_first_chunk::<4>()?;
    let flags = rest.get(u32::from_be_bytes(*length) as usize..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*flags))
}
