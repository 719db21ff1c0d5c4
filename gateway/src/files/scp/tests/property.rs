//! Whatever is sent, and however it is cut.

use super::Talk;
use policy::Direction;
use proptest::prelude::*;

/// Words of the protocol and bytes that are none: plain noise hardly ever gets past the greeting.
fn word() -> impl Strategy<Value = Vec<u8>> {
    let words: Vec<&'static [u8]> = vec![
        &b"\0"[..],
        b"\0",
        b"\0",
        b"C0644 3 a\n",
        b"C0644 0 b\n",
        b"D0755 0 d\n",
        b"E\n",
        b"T1 0 2 0\n",
        b"abc",
        b"abc\0",
        b"\x01no\n",
        b"\x02end\n",
        b"\0\0",
    ];
    prop_oneof![
        9 => prop::sample::select(words).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ]
}

/// Mostly the side whose turn it is, as the steward itself lets it: a guided walk.
type Spoken = (bool, Vec<u8>);

fn direction(up: bool) -> Direction {
    if up { Direction::ToTarget } else { Direction::FromTarget }
}

/// What came out and what was told, and whether it broke.
fn outcome(mut talk: Talk, said: &[Spoken]) -> (Vec<u8>, Vec<u8>, Vec<String>, bool) {
    let broke = said.iter().any(|(up, bytes)| talk.says(direction(*up), bytes).is_err());
    let mut told = talk.told();
    told.extend(talk.over());
    (talk.to_target, talk.to_technician, told, broke)
}

/// Of what was proposed, that which fits where it stands.
fn fitting(command: &str, scan: bool, said: &[Spoken]) -> Vec<Spoken> {
    let mut kept: Vec<Spoken> = Vec::new();
    for spoken in said {
        let longer: Vec<Spoken> = kept.iter().chain([spoken]).cloned().collect();
        if !outcome(Talk::new(command, scan), &longer).3 {
            kept = longer;
        }
    }
    kept
}

fn cut(said: &[Spoken], sizes: &[usize]) -> Vec<Spoken> {
    let mut sizes = sizes.iter().cycle();
    let mut parts = Vec::new();
    for (up, bytes) in said {
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (part, after) = rest.split_at((*sizes.next().unwrap()).min(rest.len()));
            parts.push((*up, part.to_vec()));
            rest = after;
        }
    }
    parts
}

const COMMANDS: [&str; 2] = ["scp -r -p -t x", "scp -r -p -f x"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn how_it_is_cut_changes_nothing(
        command in 0usize..2,
        scan: bool,
        said in prop::collection::vec((any::<bool>(), word()), 0..60),
        sizes in prop::collection::vec(1usize..5, 1..8),
    ) {
        let talk = || Talk::new(COMMANDS[command], scan);
        let fits = fitting(COMMANDS[command], scan, &said);
        prop_assert_eq!(outcome(talk(), &fits), outcome(talk(), &cut(&fits, &sizes)));
        // What breaks the protocol breaks it however it is cut; a call that breaks it gives nothing out.
        let (whole, parts) = (outcome(talk(), &said), outcome(talk(), &cut(&said, &sizes)));
        prop_assert!(whole.3 == parts.3 && parts.0.starts_with(&whole.0) && parts.1.starts_with(&whole.1));
    }

    #[test]
    fn noise_is_no_scp(command in 0usize..2, scan: bool, said in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..64)), 0..20)) {
        outcome(Talk::new(COMMANDS[command], scan), &said);
    }
}
