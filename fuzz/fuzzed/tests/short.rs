//! Every target over its corpus and what is made of it, for a few seconds: what `tests/run` shows of the
//! fuzzing. The long run is libFuzzer's (docs/fuzzing.md).

use fuzzed::TARGETS;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use std::fs;
use std::path::PathBuf;

/// Longest input that is made here.
const LONGEST: usize = 32 << 10;

/// One change to an input.
#[derive(Debug, Clone)]
enum Edit {
    Set(Index, u8),
    Flip(Index, u8),
    Insert(Index, Vec<u8>),
    Cut(Index, u8),
    /// A stretch of another file of the corpus.
    Splice(Index, usize, Index, u8),
}

fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../corpus").join(name);
    let mut files: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files.into_iter().map(|file| fs::read(file).unwrap()).collect()
}

/// The words of a dictionary, as libFuzzer reads them: one in quotation marks on each line.
fn words(name: &str) -> Vec<Vec<u8>> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../dictionaries").join(format!("{name}.dict"));
    let text = fs::read_to_string(file).unwrap_or_default();
    let mut words = vec![vec![0; 4], vec![0xff; 4], b"\n".to_vec()];
    for line in text.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"')) {
        let mut word = Vec::new();
        let mut rest = line.as_bytes();
        while let [first, behind @ ..] = rest {
            (word, rest) = match (first, behind) {
                (b'\\', [b'x', high, low, behind @ ..]) => {
                    let digits = String::from_utf8(vec![*high, *low]).unwrap();
                    word.push(u8::from_str_radix(&digits, 16).unwrap());
                    (word, behind)
                }
                (b'\\', [escaped, behind @ ..]) => {
                    word.push(*escaped);
                    (word, behind)
                }
                (plain, behind) => {
                    word.push(*plain);
                    (word, behind)
                }
            };
        }
        words.push(word);
    }
    words
}

fn edit(words: Vec<Vec<u8>>, seeds: usize) -> impl Strategy<Value = Edit> {
    let inserted = prop_oneof![select(words), vec(any::<u8>(), 1..8)];
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(place, byte)| Edit::Set(place, byte)),
        (any::<Index>(), 0u8..8).prop_map(|(place, bit)| Edit::Flip(place, bit)),
        (any::<Index>(), inserted).prop_map(|(place, bytes)| Edit::Insert(place, bytes)),
        (any::<Index>(), any::<u8>()).prop_map(|(place, length)| Edit::Cut(place, length)),
        (any::<Index>(), 0..seeds, any::<Index>(), any::<u8>()).prop_map(|(p, seed, q, n)| Edit::Splice(p, seed, q, n)),
    ]
}

fn edited(mut bytes: Vec<u8>, edits: &[Edit], seeds: &[Vec<u8>]) -> Vec<u8> {
    for edit in edits {
        let end = bytes.len();
        match edit {
            Edit::Set(place, byte) if end > 0 => bytes[place.index(end)] = *byte,
            Edit::Flip(place, bit) if end > 0 => bytes[place.index(end)] ^= 1 << bit,
            Edit::Set(..) | Edit::Flip(..) => {}
            Edit::Insert(place, more) => {
                let place = place.index(end + 1);
                bytes.splice(place..place, more.iter().copied());
            }
            Edit::Cut(place, length) => {
                let place = place.index(end + 1);
                bytes.drain(place..end.min(place + usize::from(*length)));
            }
            Edit::Splice(place, seed, from, length) => {
                let (place, other) = (place.index(end + 1), &seeds[*seed]);
                let from = from.index(other.len() + 1);
                let until = other.len().min(from + usize::from(*length));
                bytes.splice(place..place, other[from..until].iter().copied());
            }
        }
    }
    bytes.truncate(LONGEST);
    bytes
}

/// So many inputs: some of noise, most of the corpus with a few changes. The same on every machine.
fn short(name: &str, cases: u32) {
    let (_, run) = TARGETS.into_iter().find(|(known, _)| *known == name).unwrap();
    let mut seeds = corpus(name);
    assert!(!seeds.is_empty(), "no corpus");
    seeds.iter().for_each(|seed| run(seed));
    seeds.push(Vec::new());
    let changed = (select(seeds.clone()), vec(edit(words(name), seeds.len()), 1..6));
    let made = prop_oneof![
        1 => vec(any::<u8>(), 0..512),
        4 => changed.prop_map(move |(seed, edits)| edited(seed, &edits, &seeds)),
    ];
    let config = Config { cases, failure_persistence: None, max_shrink_time: 20_000, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&made, |bytes| {
        run(&bytes);
        Ok(())
    });
    match outcome {
        Ok(()) => {}
        Err(TestError::Fail(why, bytes)) => {
            let kept = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-found"));
            fs::write(&kept, &bytes).unwrap();
            let shown = bytes.escape_ascii();
            panic!("{why}\n{shown}\nmend it, and keep {} as a file of fuzz/corpus/{name}", kept.display());
        }
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

macro_rules! short {
    ($($name:ident: $cases:literal),* $(,)?) => {
        $(#[test]
        fn $name() {
            short(stringify!($name), $cases);
        })*

        #[test]
        fn every_target_is_run() {
            let run = [$(stringify!($name)),*];
            assert_eq!(run.to_vec(), TARGETS.map(|(name, _)| name).to_vec());
        }
    };
}

short! {
    bundle: 150,
    config: 600,
    form: 4000,
    intervention: 250,
    journal: 1500,
    login: 4000,
    order: 4000,
    proxy: 4000,
    recording: 3000,
    scp: 3000,
    session: 4000,
    sftp: 3000,
    stamp: 4000,
    terminal: 300,
}
