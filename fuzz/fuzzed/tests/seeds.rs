//! What of the corpus only the key of `fuzzed::log` can make. For whoever changes the journal's format:
//!
//!     cargo test -p fuzzed --test seeds -- --ignored

use fuzzed::log::{FOLDER, write};
use journal::Disk as _;
use std::fs;
use std::path::{Path, PathBuf};

/// What the witness of the corpus said of some checkpoint: nobody looks whether it is true before a key of
/// witnesses is at hand.
const WITNESS: &str = "\u{2014} witness.test/w1 eFlurgAAAABpJIEAaQEFQoBFAPA6C+b9uUlSxwcTTtEqiSVG7DmOnsTKrA1ZYm+t/yVbUBePn9FP9b9vHpgcvF0x/3rz2BYYo8PGDA==\n";

#[test]
#[ignore = "writes files: for whoever changes the format"]
fn write_the_seeds() {
    let written = write(&[1, 2, 2]);
    let note = written.files.apart().read(&Path::new(FOLDER).join("checkpoint")).unwrap().unwrap();
    // The first byte says that a text follows.
    let seeds = [
        ("checkpoint", [&[0], note.as_slice()].concat()),
        ("cosigned", [&[0], note.as_slice(), WITNESS.as_bytes()].concat()),
        ("leaf", [&[0], written.leaves[1].as_slice()].concat()),
    ];
    for (name, bytes) in seeds {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../corpus/journal").join(name);
        fs::write(file, bytes).unwrap();
    }
}
