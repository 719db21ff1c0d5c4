//! The local syslog: each checkpoint is one line, from which the signed note can be made again.

use super::keep::NOTE;
use super::{Given, Trouble};
use crate::site::Site;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

/// Facility authpriv (10), severity notice (5): RFC 3164 §4.1.1.
const PRIORITY: u8 = 10 * 8 + 5;

/// Sends it to this socket, as `syslog(3)` does: the local form of RFC 3164.
pub(super) fn give(site: &Site, path: &Path) -> Result<Given, Trouble> {
    let note = site.registrar.checkpoints().borrow().to_string();
    let (size, words) = words(&note).ok_or_else(|| "the newest checkpoint is not of its form".to_owned())?;
    let zone = site.config().site.zone.clone();
    let at = zone.to_datetime(site.clock.now()).strftime("%b %e %H:%M:%S").to_string();
    let line = format!("<{PRIORITY}>{at} poterne[{}]: {words}", std::process::id());
    let sent = UnixDatagram::unbound().and_then(|socket| {
        socket.set_nonblocking(true)?;
        socket.send_to(line.as_bytes(), path)
    });
    sent.map_err(|error| format!("`{}`: {error}", path.display()))?;
    Ok(Given { size, kept: vec![(NOTE, note.into_bytes())] })
}

/// `checkpoint ORIGIN SIZE ROOT SIGNATURE`; name of key and of origin are the same.
fn words(note: &str) -> Option<(u64, String)> {
    let mut lines = note.lines();
    let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
    let signature = lines.nth(1)?.rsplit(' ').next()?;
    Some((size.parse().ok()?, format!("checkpoint {origin} {size} {root} {signature}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_can_be_made_again_from_the_line() {
        let note = include_str!("../../../journal/tests/golden/short/checkpoint");
        let (size, words) = words(note).unwrap();
        assert_eq!(size, 5);
        let words: Vec<&str> = words.split(' ').collect();
        let [_, origin, size, root, signature] = words[..] else { panic!("{words:?}") };
        assert_eq!(format!("{origin}\n{size}\n{root}\n\n\u{2014} {origin} {signature}\n"), note);
    }
}
