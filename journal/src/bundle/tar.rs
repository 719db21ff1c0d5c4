//! The container: POSIX `ustar`, regular files and nothing else.

use super::is_path;
use std::collections::BTreeMap;
use std::io::{self, Read, Seek, SeekFrom};

const BLOCK: usize = 512;
/// Sizes beyond eleven octal digits are written in binary, as GNU tar does.
const OCTAL: u64 = 1 << 33;
/// Files that a bundle may hold; a vendor's year has some ten thousand recordings of a few parts.
const MOST: usize = 1_000_000;

/// What ends the file.
pub const TAR_END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

/// The header before a file of so many bytes. `name` is one of [`is_path`]; `modified` is in seconds
/// since 1970, not before.
pub fn tar_header(name: &str, bytes: u64, modified: i64) -> [u8; BLOCK] {
    let mut header = [0; BLOCK];
    let mut put = |at: usize, what: &[u8]| {
        header.iter_mut().skip(at).zip(what).for_each(|(place, byte)| *place = *byte);
    };
    put(0, name.as_bytes());
    put(100, b"0000600\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    if bytes < OCTAL {
        put(124, format!("{bytes:011o}\0").as_bytes());
    } else {
        put(124, &[0x80, 0, 0, 0]);
        put(128, &bytes.to_be_bytes());
    }
    put(136, format!("{:011o}\0", modified.max(0)).as_bytes());
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    let sum = format!("{sum:06o}\0 ");
    header.iter_mut().skip(148).zip(sum.as_bytes()).for_each(|(place, byte)| *place = *byte);
    header
}

/// How many zero bytes follow a file of so many bytes.
pub fn tar_padding(bytes: u64) -> usize {
    usize::try_from(bytes.next_multiple_of(BLOCK as u64) - bytes).unwrap_or(0)
}

/// Where a file lies: its first byte, and how many it has.
pub(super) type Place = (u64, u64);

/// Finds the files. `Err` says in words what is wrong with the container.
pub(super) fn index(file: &mut (impl Read + Seek)) -> Result<BTreeMap<String, Place>, String> {
    let failed = |error: io::Error| format!("the bundle cannot be read: {error}");
    let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
    let mut found = BTreeMap::new();
    let mut at = 0;
    loop {
        let mut header = [0; BLOCK];
        file.seek(SeekFrom::Start(at)).map_err(failed)?;
        if let Err(error) = file.read_exact(&mut header) {
            return Err(match error.kind() {
                io::ErrorKind::UnexpectedEof => format!("the bundle is cut off at byte {at}"),
                _ => failed(error),
            });
        }
        at += BLOCK as u64;
        if header == [0; BLOCK] {
            break;
        }
        let (name, bytes) = read_header(&header).ok_or_else(|| {
            format!("at byte {} of the bundle there is no header of an ordinary file", at - BLOCK as u64)
        })?;
        let end = at.checked_add(bytes).filter(|end| *end <= length);
        let end = end.ok_or_else(|| format!("`{name}` is cut off: the bundle ends within it"))?;
        if found.len() >= MOST {
            return Err(format!("the bundle holds more than {MOST} files"));
        }
        if found.insert(name.clone(), (at, bytes)).is_some() {
            return Err(format!("the bundle holds two files of the name `{name}`"));
        }
        let mut padding = Vec::new();
        file.seek(SeekFrom::Start(end)).map_err(failed)?;
        file.by_ref().take(tar_padding(bytes) as u64).read_to_end(&mut padding).map_err(failed)?;
        if padding.iter().any(|byte| *byte != 0) {
            return Err(format!("something stands behind the end of `{name}`, where zeros belong"));
        }
        at = end + padding.len() as u64;
    }
    // Two blocks of zeros end it; nothing may hide behind them.
    let mut rest = Vec::new();
    file.take(BLOCK as u64 + 1).read_to_end(&mut rest).map_err(failed)?;
    if rest != [0; BLOCK] {
        return Err("the bundle does not end in two blocks of zeros, or something follows them".to_owned());
    }
    Ok(found)
}

/// Reads a header of the one spelling that [`tar_header`] has. Any other could be read in another way by
/// another program, which would then unpack other files than were judged.
fn read_header(header: &[u8; BLOCK]) -> Option<(String, u64)> {
    let octal = |from, to| u64::from_str_radix(std::str::from_utf8(header.get(from..to)?).ok()?, 8).ok();
    let name = header.get(..100)?.split(|byte| *byte == 0).next()?;
    let name = std::str::from_utf8(name).ok().filter(|name| is_path(name))?;
    let bytes = match header.get(124..136)? {
        [0x80, 0, 0, 0, large @ ..] => u64::from_be_bytes(large.try_into().ok()?),
        _ => octal(124, 135)?,
    };
    let modified = i64::try_from(octal(136, 147)?).ok()?;
    // Far beyond any disk, and far from where sums of offsets would wrap.
    (bytes < 1 << 48 && tar_header(name, bytes, modified) == *header).then(|| (name.to_owned(), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (name, content) in files {
            bytes.extend(tar_header(name, content.len() as u64, 1_800_000_000));
            bytes.extend(*content);
            bytes.resize(bytes.len() + tar_padding(content.len() as u64), 0);
        }
        bytes.extend(TAR_END);
        bytes
    }

    #[test]
    fn what_was_written_is_found() {
        let bytes = archive(&[("a.json", b"one"), ("recordings/s-1/x.age", &[7; 512]), ("empty", b"")]);
        let found = index(&mut Cursor::new(&bytes)).unwrap();
        assert_eq!(found["a.json"], (512, 3));
        assert_eq!(found["recordings/s-1/x.age"], (1536, 512));
        assert_eq!(found["empty"].1, 0);
        assert_eq!(read_header(&tar_header("big", 1 << 40, 0)).unwrap(), ("big".to_owned(), 1 << 40));
    }

    /// A bundle is opened by people who were sent it: no name leads out of a folder.
    #[test]
    fn a_hostile_container_is_refused() {
        for name in ["../x", "/etc/passwd", "a/../b", "a//b", ".hidden", "-rf", "a b", "a\x1b[2J", "a/"] {
            assert!(!is_path(name), "{name}");
            assert!(index(&mut Cursor::new(archive(&[(name, b"x")]))).is_err(), "{name}");
        }
        let twice = archive(&[("a", b"1"), ("a", b"2")]);
        assert!(index(&mut Cursor::new(twice)).unwrap_err().contains("two files"));
        let good = archive(&[("a", b"1"), ("b", &[1; 700])]);
        for length in 0..good.len() {
            assert!(index(&mut Cursor::new(&good[..length])).is_err(), "{length}");
        }
        let mut longer = good.clone();
        longer.push(0);
        assert!(index(&mut Cursor::new(longer)).is_err());
        // What no checksum is right for; the rest is in tests/forged.rs.
        for at in 0..BLOCK {
            let mut altered = good.clone();
            altered[at] ^= 1;
            let found = index(&mut Cursor::new(altered));
            assert!(found.is_err(), "byte {at}");
        }
    }
}
