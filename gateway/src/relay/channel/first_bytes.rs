//! Whether what goes through a tunnel is SSH, by how it begins (T23, RFC 4253 §4.2).
//!
//! A tripwire, not a wall: SSH inside TLS does not begin like this. No more bytes are held back than
//! it takes to tell.

use bytes::{Bytes, BytesMut};

/// How an SSH connection begins, on either side.
const SSH: &[u8] = b"SSH-";
/// A server may send lines before; so far they are looked at, in bytes.
const LINES: usize = 1024;

/// What to do with some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Sifted {
    /// Pass these on, which may be fewer than came, or more.
    Pass(Bytes),
    /// It is SSH: pass on nothing of it.
    Ssh,
}

/// One direction of a tunnel at its beginning.
pub(super) struct FirstBytes {
    /// What could still become `SSH-`.
    held: BytesMut,
    /// How many bytes are still looked at; `None`: none any more.
    looking: Option<usize>,
    /// Whether other lines may come before.
    lines: bool,
    /// Within a line that began with something else.
    inside: bool,
}

impl FirstBytes {
    /// What a client sends: it may send no line before.
    pub(super) fn of_client() -> Self {
        Self { held: BytesMut::new(), looking: Some(SSH.len()), lines: false, inside: false }
    }

    /// What a destination sends.
    pub(super) fn of_server() -> Self {
        Self { looking: Some(LINES), lines: true, ..Self::of_client() }
    }

    /// Looks at what came next.
    pub(super) fn sift(&mut self, bytes: Bytes) -> Sifted {
        let Some(mut left) = self.looking else { return Sifted::Pass(bytes) };
        // Bytes at the end that could still become it; those held before count among them.
        let mut open = self.held.len();
        for byte in &bytes {
            if !self.inside {
                if SSH.get(open) == Some(byte) {
                    open += 1;
                    if open == SSH.len() {
                        return Sifted::Ssh;
                    }
                    continue;
                }
                (open, self.inside) = (0, true);
            }
            if self.lines && matches!(byte, b'\n' | b'\r') {
                self.inside = false;
            }
            left = left.saturating_sub(1);
            if left == 0 || (self.inside && !self.lines) {
                return self.pass_all(bytes);
            }
        }
        self.looking = Some(left);
        self.held.extend_from_slice(&bytes);
        let whole = self.held.len() - open;
        Sifted::Pass(self.held.split_to(whole).freeze())
    }

    fn pass_all(&mut self, bytes: Bytes) -> Sifted {
        self.looking = None;
        if self.held.is_empty() {
            return Sifted::Pass(bytes);
        }
        self.held.extend_from_slice(&bytes);
        Sifted::Pass(self.held.split().freeze())
    }

    /// What is held when nothing more comes.
    pub(super) fn rest(&mut self) -> Bytes {
        self.looking = None;
        self.held.split().freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What passes of these pieces; `None`: it was taken for SSH.
    fn passes(mut first: FirstBytes, pieces: &[&[u8]]) -> Option<Vec<u8>> {
        let mut passed = Vec::new();
        for piece in pieces {
            match first.sift(Bytes::copy_from_slice(piece)) {
                Sifted::Pass(bytes) => passed.extend_from_slice(&bytes),
                Sifted::Ssh => return None,
            }
        }
        passed.extend_from_slice(&first.rest());
        Some(passed)
    }

    fn in_all_pieces(make: fn() -> FirstBytes, text: &[u8], is_ssh: bool) {
        let wanted = (!is_ssh).then(|| text.to_vec());
        assert_eq!(passes(make(), &[text]), wanted, "{:?}", text.escape_ascii().to_string());
        let single: Vec<&[u8]> = text.chunks(1).collect();
        assert_eq!(passes(make(), &single), wanted);
        for cut in 0..text.len() {
            assert_eq!(passes(make(), &[&text[..cut], &text[cut..]]), wanted, "cut at {cut}");
        }
    }

    /// RFC 4253 §4.2: the client begins with it, the server may send lines before.
    #[test]
    fn ssh_is_known_by_how_it_begins_however_it_is_cut() {
        for text in ["SSH-2.0-OpenSSH_9.2\r\n", "SSH-"] {
            in_all_pieces(FirstBytes::of_client, text.as_bytes(), true);
            in_all_pieces(FirstBytes::of_server, text.as_bytes(), true);
        }
        for text in ["Welcome\r\nSSH-2.0-x\r\n", "\nSSH-2.0-x", "SSH\nSSH-1.99-y\n", "S\rSSH-2", "SS\r\n\r\nSSH-"] {
            in_all_pieces(FirstBytes::of_server, text.as_bytes(), true);
            in_all_pieces(FirstBytes::of_client, text.as_bytes(), false);
        }
        for text in ["", "S", "SSH", "SSH 2", "SSSH-2", "GET / HTTP/1.1\r\n", "x SSH-2.0", "ssh-2.0\nSS"] {
            in_all_pieces(FirstBytes::of_client, text.as_bytes(), false);
            in_all_pieces(FirstBytes::of_server, text.as_bytes(), false);
        }
    }

    #[test]
    fn it_stops_looking_and_holds_three_bytes_at_most() {
        let long = [vec![b'x'; LINES], b"\nSSH-2.0-x".to_vec()].concat();
        assert_eq!(passes(FirstBytes::of_server(), &[&long]), Some(long.clone()));
        let mut first = FirstBytes::of_server();
        let before = [vec![b'x'; LINES - 8], b"\nSSH".to_vec()].concat();
        assert_eq!(first.sift(before.clone().into()), Sifted::Pass(before[..LINES - 7].to_vec().into()));
        assert_eq!(first.held.len(), 3);
        assert_eq!(first.sift(Bytes::from_static(b"-")), Sifted::Ssh);
    }
}
