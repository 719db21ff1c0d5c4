//! Time stamps by RFC 3161: an authority says that a checkpoint was there at its time (EVI-07). It proves
//! time, not uniqueness: a stamp can be had for each of two histories.
//!
//! What is looked at here: that the stamp was granted, over this checkpoint and for this very request.
//! Whose signature it bears is for `openssl ts -verify` to say, with the authority's certificate, to
//! whoever relies on it; the bastion trusts no authority for anything.

use super::keep::NOTE;
use super::witness::post;
use super::{Given, Trouble};
use crate::entropy;
use crate::site::Site;
use aws_lc_rs::digest::{SHA256, digest};
use x509_parser::der_parser::asn1_rs::{Any, FromDer as _, Integer, Sequence};

/// What is kept of an answer: a TimeStampResp, as `openssl ts` reads it.
const STAMP: &str = "tsr";
/// Longest answer; one with a chain of certificates is some ten kilobytes.
const LONGEST: usize = 128 << 10;
/// In a MessageImprint (RFC 3161 §2.4.1): SEQUENCE of the algorithm SHA-256, and of 32 bytes.
const IMPRINT: [u8; 19] =
    [0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20];
/// `granted` and `grantedWithMods` (RFC 3161 §2.4.2).
const GRANTED: [u8; 2] = [0, 1];

/// Has the newest checkpoint stamped, as it is signed, byte for byte.
pub(super) async fn give(site: &Site, url: &str) -> Result<Given, Trouble> {
    let note = site.registrar.checkpoints().borrow().to_string();
    let size = note.lines().nth(1).and_then(|size| size.parse().ok());
    let size = size.ok_or_else(|| "the newest checkpoint is not of its form".to_owned())?;
    let nonce: [u8; 8] = entropy::bytes().map_err(|error| error.to_string())?;
    let asked = Asked::new(&note, nonce);
    let (status, answer) = post(url, Some("application/timestamp-query"), asked.request(), LONGEST).await?;
    if status != 200 {
        return Err(Trouble::Failed(format!("the authority answered {status}")));
    }
    asked.is_granted(&answer)?;
    Ok(Given { size, kept: vec![(NOTE, note.into_bytes()), (STAMP, answer)] })
}

/// One request: what an answer is held against.
pub struct Asked {
    imprint: Vec<u8>,
    nonce: Vec<u8>,
}

impl Asked {
    /// For this signed checkpoint, byte for byte, with this nonce.
    pub fn new(note: &str, nonce: [u8; 8]) -> Self {
        let imprint = [&IMPRINT, digest(&SHA256, note.as_bytes()).as_ref()].concat();
        // An INTEGER of DER is positive and has no byte too many with its first bits 01.
        let [first, rest @ ..] = nonce;
        let nonce = [&[0x02, 0x08, (first & 0x3f) | 0x40], &rest[..]].concat();
        Self { imprint, nonce }
    }

    /// A TimeStampReq: version 1, the imprint, the nonce, and the authority's certificate is wanted.
    pub fn request(&self) -> Vec<u8> {
        let content = [&[0x02, 0x01, 0x01][..], &self.imprint, &self.nonce, &[0x01, 0x01, 0xff]].concat();
        let length = u8::try_from(content.len()).unwrap_or(u8::MAX);
        [&[0x30, length], &content[..]].concat()
    }

    /// Whether a TimeStampResp grants what was asked. The TSTInfo is in it as it was signed, so imprint
    /// and nonce stand there byte for byte.
    ///
    /// # Errors
    /// What is wrong with the answer, in plain words; what the authority says of itself is cut short.
    pub fn is_granted(&self, answer: &[u8]) -> Result<(), String> {
        let odd = |_| "the authority's answer is no TimeStampResp".to_owned();
        let (behind, whole) = Sequence::from_der(answer).map_err(odd)?;
        let (token, status) = Sequence::from_der(whole.content.as_ref()).map_err(odd)?;
        let (said, code) = Integer::from_der(status.content.as_ref()).map_err(odd)?;
        if !GRANTED.iter().any(|granted| code.any().data == [*granted]) {
            let said: String =
                said.iter().filter(|b| b.is_ascii_graphic() || **b == b' ').map(|b| char::from(*b)).collect();
            return Err(format!("the authority refuses: {}", said.chars().take(200).collect::<String>()));
        }
        let (rest, _) = Any::from_der(token).map_err(odd)?;
        let has = |wanted: &[u8]| token.windows(wanted.len()).any(|part| part == wanted);
        if !behind.is_empty() || !rest.is_empty() || !has(&self.imprint) || !has(&self.nonce) {
            return Err("the authority's stamp is not over this checkpoint, or of another request".to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `openssl ts` says of it is seen end to end.
    #[test]
    fn only_what_was_asked_is_granted() {
        for first in [0x00, 0x7f, 0x80, 0xff] {
            let asked = Asked::new("note", [first, 1, 2, 3, 4, 5, 6, 7]);
            let request = asked.request();
            let (rest, whole) = Sequence::from_der(&request).unwrap();
            assert!(rest.is_empty() && whole.content.len() == 67);
            let answer = |code: u8, token: &[u8]| {
                let token = [&[0x04, u8::try_from(token.len()).unwrap()], token].concat();
                let inner = [&[0x30, 0x03, 0x02, 0x01, code][..], &token].concat();
                [&[0x30, u8::try_from(inner.len()).unwrap()], &inner[..]].concat()
            };
            let good = [&asked.imprint[..], &asked.nonce].concat();
            asked.is_granted(&answer(0, &good)).unwrap();
            asked.is_granted(&answer(1, &good)).unwrap();
            for (code, token) in [(2, &good[..]), (0, &asked.imprint[..]), (0, &asked.nonce[..]), (0, b"")] {
                assert!(asked.is_granted(&answer(code, token)).is_err(), "{code}");
            }
            assert!(asked.is_granted(&answer(0, &good)[..20]).is_err());
            assert!(asked.is_granted(b"<html>").is_err());
        }
    }
}
