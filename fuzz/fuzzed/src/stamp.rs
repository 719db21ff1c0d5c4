//! The answer of a stamping authority (RFC 3161). Holds: only what says `granted` over this very
//! checkpoint, with this very nonce, is one.

use gateway::anchors::stamp::Asked;

const NONCE: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

/// One answer. A first byte that is odd puts what was asked for in the middle of the rest, so that what
/// lies behind the first look is reached.
pub fn run(data: &[u8]) {
    let asked = Asked::new("note", NONCE);
    let request = asked.request();
    let Some((choice, rest)) = data.split_first() else { return };
    let mut answer = rest.to_vec();
    if choice % 2 == 1 {
        let place = rest.len().min(usize::from(*choice));
        answer.splice(place..place, request.iter().copied());
    }
    let has = |wanted: &[u8]| answer.windows(wanted.len()).any(|part| part == wanted);
    if asked.is_granted(&answer).is_ok() {
        // The request ends in the nonce and the wish for a certificate; its imprint stands before.
        let nonce = &request[request.len() - 13..request.len() - 3];
        assert!(has(nonce) && has(&request[5..request.len() - 13]), "not what was asked for");
        assert!(answer.len() > request.len() - 8);
    }
    if let Err(why) = asked.is_granted(&answer) {
        assert!(!why.chars().any(char::is_control) && why.chars().count() < 300, "{why:?}");
    }
}
