//! Conversations of real clients with a real `scp`: OpenSSH 9.2 and PuTTY 0.78.
//!
//! `$` is the command line, `>` what the technician's client said, `<` what the target said, `=` the
//! target's exit status; bytes that are no text stand as `\xNN`.

use super::Talk;
use policy::Direction;

fn bytes(text: &str) -> Vec<u8> {
    let mut parts = text.split("\\x");
    let mut bytes = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).unwrap());
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    bytes
}

/// Plays a conversation; what came of it.
fn play(script: &str) -> Vec<String> {
    let command = script.lines().next().unwrap().strip_prefix("$ ").unwrap();
    assert!(matches!(policy::Asked::by_command(command.as_bytes()), policy::Asked::Scp(_)), "{command}");
    let mut talk = Talk::new(command, false);
    for line in script.lines().skip(1) {
        let (side, said) = line.split_once(' ').unwrap();
        match side {
            ">" => talk.up(&bytes(said)),
            "<" => talk.down(&bytes(said)),
            _ => &mut talk,
        };
    }
    assert!(talk.says(Direction::ToTarget, b"").is_ok() && talk.over().is_empty());
    let told = talk.told();
    told.into_iter().filter(|told| !told.starts_with("began")).collect()
}

const HELLO: &str = "5 2cf24dba done";

#[test]
fn openssh_sends() {
    assert_eq!(play(include_str!("golden/openssh-single.txt")), [format!("moved 0 up.txt/a.txt {HELLO}")]);
    let tree = play(include_str!("golden/openssh-tree.txt"));
    assert_eq!(tree.len(), 4);
    assert_eq!((tree[0].as_str(), tree[2].as_str()), ("made ./dir", "made ./dir/sub"));
    assert!(tree[3].starts_with("moved 1 ./dir/sub/deep.bin 4"));
    let missing = play(include_str!("golden/openssh-empty-and-missing.txt"));
    assert_eq!((missing.len(), &missing[1]), (2, &format!("moved 1 logs/a.txt {HELLO}")));
    let refused = play(include_str!("golden/openssh-refused.txt"));
    assert!(refused[0].ends_with("failed: scp: nodir/x/y: No such file or directory"));
}

#[test]
fn openssh_fetches() {
    assert_eq!(play(include_str!("golden/openssh-fetch.txt")).len(), 2);
    let tree = play(include_str!("golden/openssh-fetch-tree.txt"));
    assert_eq!((tree.len(), &tree[3]), (4, &format!("moved 3 logs/a.txt {HELLO}")));
}

#[test]
fn pscp_sends_and_fetches() {
    assert_eq!(play(include_str!("golden/pscp-single.txt")), [format!("moved 0 up2.txt/a.txt {HELLO}")]);
    assert_eq!(play(include_str!("golden/pscp-tree.txt")).len(), 4);
    assert_eq!(play(include_str!("golden/pscp-fetch.txt")).len(), 2);
    assert_eq!(play(include_str!("golden/pscp-fetch-tree.txt")).len(), 4);
    assert!(play(include_str!("golden/pscp-fetch-missing.txt")).is_empty());
}
