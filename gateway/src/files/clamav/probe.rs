//! Whether clamd says so when it did not look into something.
//!
//! By default it does not: of a file beyond `MaxFileSize`, and of an archive nested deeper than
//! `MaxRecursion`, it says OK. With `AlertExceedsMax yes` it says what it left out. Only then is an OK
//! one, and clamd may be restarted with other settings at any time: so it is asked before each file.

use super::peer::{Command, ask};
use super::{LIMITS, Trouble, Verdict, verdict};
use config::{ByteSize, Clamav};

/// Archives within archives: more than clamd can be told to open (its `MaxRecursion` is 100 at most).
const LAYERS: usize = 120;

/// Asks clamd about an archive that it cannot look into to the end.
pub(super) async fn try_out(clamav: &Clamav) -> Result<(), Trouble> {
    let nested = nested();
    let command = Command::Stream { limit: ByteSize(nested.len() as u64), body: nested.as_slice() };
    match verdict(&ask(clamav, command).await?)? {
        Verdict::Found(name) if name.starts_with(LIMITS) => Ok(()),
        Verdict::Found(name) => Err(Trouble::Strange(format!("{name} FOUND"))),
        Verdict::Nothing => Err(Trouble::Lenient),
    }
}

fn nested() -> Vec<u8> {
    (0..LAYERS).fold(b"Poterne".to_vec(), |inner, _| gzip(&inner))
}

/// A gzip file (RFC 1952) of one stored block (RFC 1951, 3.2.4).
fn gzip(data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap_or(u16::MAX);
    let data = data.get(..usize::from(length)).unwrap_or_default();
    // Magic, deflate, no flags, no time, unknown system.
    let mut file = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    // The last block, stored; its length and the complement of it.
    file.push(1);
    file.extend(length.to_le_bytes());
    file.extend((!length).to_le_bytes());
    file.extend(data);
    file.extend(crc32(data).to_le_bytes());
    file.extend(u32::from(length).to_le_bytes());
    file
}

/// RFC 1952, section 8, bit by bit: a few kilobytes are no work.
fn crc32(data: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
    let byte = |crc: u32, byte: &u8| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc));
    !data.iter().fold(u32::MAX, byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_rfc() {
        // The check value of CRC-32/ISO-HDLC.
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    /// Whether it is gzip is for gzip to say.
    #[test]
    fn what_is_nested_is_gzip_all_the_way() {
        use std::io::Write as _;
        let mut data = nested();
        for _ in 0..3 {
            let mut gunzip = std::process::Command::new("gzip")
                .arg("-dc")
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            gunzip.stdin.take().unwrap().write_all(&data).unwrap();
            let out = gunzip.wait_with_output().unwrap();
            assert!(out.status.success());
            assert_eq!(out.stdout.len() + 23, data.len());
            data = out.stdout;
        }
        assert!(nested().len() < 4096);
    }
}
