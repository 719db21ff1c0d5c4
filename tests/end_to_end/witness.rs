//! A witness of C2SP `tlog-witness`, small and of its own: it shares no code with the journal, checks
//! each proof by RFC 9162 §2.1.4.2, and signs nothing that does not continue what it signed before.

use data_encoding::BASE64;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

type Hash = [u8; 32];

/// What it remembers of the one log that it knows.
#[derive(Default)]
pub struct Remembered {
    /// The log's public key, once somebody told it: without it every log is unknown.
    pub log: Option<(String, [u8; 32])>,
    /// The last checkpoint that it signed: size and root.
    pub last: Option<(u64, Hash)>,
    /// Each answer's status.
    pub answers: Vec<u16>,
}

/// A running witness.
pub struct Witness {
    /// Where it listens.
    pub port: u16,
    /// Its public key.
    pub vkey: String,
    /// What it remembers.
    pub remembered: Arc<Mutex<Remembered>>,
}

const NAME: &str = "witness.test/w1";
/// When it signs, as it says: a witness's clock is its own.
const TIME: u64 = 1_764_000_000;

impl Witness {
    /// Starts one that knows no log.
    pub fn start() -> Self {
        let key = SigningKey::from_bytes(&[9; 32]);
        let typed = [&[4][..], key.verifying_key().as_bytes()].concat();
        let id: Hash = Sha256::digest([NAME.as_bytes(), b"\n", &typed].concat()).into();
        let id = [id[0], id[1], id[2], id[3]];
        let vkey = format!("{NAME}+{}+{}", data_encoding::HEXLOWER.encode(&id), BASE64.encode(&typed));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let remembered = Arc::new(Mutex::new(Remembered::default()));
        let shared = remembered.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut reader = BufReader::new(stream.try_clone().unwrap());
                let mut head = String::new();
                while reader.read_line(&mut head).unwrap_or(0) > 2 {}
                let head = head.to_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
                reader.read_exact(&mut body).unwrap();
                assert!(head.starts_with("post /add-checkpoint "), "{head}");
                let mut remembered = shared.lock().unwrap();
                let (status, answer) = judge(&mut remembered, &String::from_utf8(body).unwrap(), &key, id);
                remembered.answers.push(status);
                let _ = write!(
                    stream,
                    "HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
                    answer.len()
                );
            }
        });
        Self { port, vkey, remembered }
    }

    /// Tells it of a log, by its verifier key.
    pub fn trust(&self, vkey: &str) {
        let mut parts = vkey.trim().splitn(3, '+');
        let (name, _, key) = (parts.next().unwrap(), parts.next(), parts.next().unwrap());
        let typed = BASE64.decode(key.as_bytes()).unwrap();
        let mut remembered = self.remembered.lock().unwrap();
        *remembered = Remembered { log: Some((name.to_owned(), typed[1..].try_into().unwrap())), ..Default::default() };
    }

    /// The lines for the configuration.
    pub fn config(&self) -> String {
        format!("[anchors.witnesses.w1]\nurl = \"http://127.0.0.1:{}\"\nkey = \"{}\"\n", self.port, self.vkey)
    }
}

fn judge(remembered: &mut Remembered, body: &str, key: &SigningKey, id: [u8; 4]) -> (u16, String) {
    let bad = (400, String::new());
    let Some((head, note)) = body.split_once("\n\n") else { return bad };
    let mut lines = head.lines();
    let Some(Ok(old)) = lines.next().and_then(|line| line.strip_prefix("old ")).map(str::parse::<u64>) else {
        return bad;
    };
    let hash = |line: &str| -> Hash { BASE64.decode(line.as_bytes()).unwrap().try_into().unwrap() };
    let proof: Vec<Hash> = lines.map(hash).collect();
    let (text, signature) = note.split_once("\n\n").unwrap();
    let text = format!("{text}\n");
    let fields: Vec<&str> = text.lines().collect();
    let Some((origin, public)) = &remembered.log else { return (404, String::new()) };
    if fields[0] != origin {
        return (404, String::new());
    }
    let signed = BASE64.decode(signature.trim_end().rsplit(' ').next().unwrap().as_bytes()).unwrap();
    let signature = Signature::from_slice(&signed[4..]).unwrap();
    if VerifyingKey::from_bytes(public).unwrap().verify_strict(text.as_bytes(), &signature).is_err() {
        return (403, String::new());
    }
    let (size, root): (u64, Hash) = (fields[1].parse().unwrap(), hash(fields[2]));
    if old > size {
        return bad;
    }
    let (known, known_root) = remembered.last.unwrap_or((0, Sha256::digest(b"").into()));
    if old != known || (old == size && root != known_root) {
        return (409, format!("{known}\n"));
    }
    if old > 0 && !continues((old, known_root), (size, root), &proof) {
        return (422, String::new());
    }
    remembered.last = Some((size, root));
    let cosigned = key.sign(format!("cosignature/v1\ntime {TIME}\n{text}").as_bytes());
    let bytes = [&id[..], &TIME.to_be_bytes(), &cosigned.to_bytes()].concat();
    (200, format!("\u{2014} {NAME} {}\n", BASE64.encode(&bytes)))
}

/// RFC 9162 §2.1.4.2, line by line.
fn continues((old, old_root): (u64, Hash), (new, new_root): (u64, Hash), proof: &[Hash]) -> bool {
    if old == new {
        return proof.is_empty() && old_root == new_root;
    }
    let node = |left: Hash, right: Hash| -> Hash { Sha256::digest([&[1][..], &left, &right].concat()).into() };
    let mut path = proof.to_vec();
    if old.is_power_of_two() {
        path.insert(0, old_root);
    }
    let (mut from, mut to) = (old - 1, new - 1);
    while from & 1 == 1 {
        (from, to) = (from >> 1, to >> 1);
    }
    let Some((first, rest)) = path.split_first() else { return false };
    let (mut of_old, mut of_new) = (*first, *first);
    for step in rest {
        if to == 0 {
            return false;
        }
        if from & 1 == 1 || from == to {
            (of_old, of_new) = (node(*step, of_old), node(*step, of_new));
            while from & 1 == 0 && from != 0 {
                (from, to) = (from >> 1, to >> 1);
            }
        } else {
            of_new = node(of_new, *step);
        }
        (from, to) = (from >> 1, to >> 1);
    }
    to == 0 && of_old == old_root && of_new == new_root
}
