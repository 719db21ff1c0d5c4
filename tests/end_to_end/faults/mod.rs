//! What breaks under and around the gateway, one file a family. Whatever it is, nothing opens that is not
//! recorded and journalled, and whoever waits is told. `docs/faults.md` has the table; `tests/faults` runs it.

mod clock;
mod descriptors;
mod disk;
mod disk_hangs;
mod killed;
mod old_copies;
mod people;
mod rounds;
mod soak;
mod target;
mod vault;

use harness::{Answers, Site, Terminal, eventually};
use recorder::{Frame, FrameKind};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;

pub(crate) fn of(frames: &[Frame], kind: FrameKind) -> String {
    let bytes: Vec<u8> =
        frames.iter().filter(|frame| frame.kind == kind).flat_map(|frame| frame.data.to_vec()).collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

pub(crate) fn sshd_log(site: &Site) -> String {
    fs::read_to_string(site.folder().join("sshd/sshd.log")).unwrap()
}

/// Approves, and expects what is shown instead of the way in.
pub(crate) fn approved_but(site: &Site, shown: &str) -> Terminal {
    let mut terminal = site.ssh("alice+scanner", &[], &[]);
    let (number, code) = site.walk(&mut terminal, "alice", &Answers::default());
    site.approve(number, &code);
    terminal.expect(shown);
    terminal.wait();
    let state = || site.json(&["intervention", "show", &number.to_string()])["state"].clone();
    eventually("the intervention is over", || state() == "ended");
    terminal
}

pub(crate) fn ended_with(site: &Site, cause: &str) -> Value {
    let session = site.ended_session();
    assert_eq!(session["cause"], cause, "{session}");
    assert!(session["duration"].is_u64());
    assert_eq!(site.entries("session-ended").len(), 1);
    assert_eq!(site.entries("intervention-ended").len(), 1);
    session
}

/// The table of docs/faults.md names tests that there are, and every one of this family.
#[test]
fn the_table_names_every_test() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/faults.md")).unwrap();
    let name = regex::Regex::new("`([a-z_0-9]+(?:::[a-z_0-9]+)+)`").unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| "));
    let named: BTreeSet<&str> =
        rows.flat_map(|row| name.captures_iter(row)).filter_map(|found| Some(found.get(1)?.as_str())).collect();
    let out = std::process::Command::new(std::env::current_exe().unwrap()).arg("--list").output().unwrap();
    let listed = String::from_utf8(out.stdout).unwrap();
    let listed: BTreeSet<&str> = listed.lines().filter_map(|line| line.strip_suffix(": test")).collect();
    let gone: Vec<_> = named.difference(&listed).collect();
    assert!(gone.is_empty(), "not there: {gone:?}");
    let family =
        listed.iter().filter(|one| one.starts_with("faults::") && **one != "faults::the_table_names_every_test");
    let left_out: Vec<_> = family.filter(|one| !named.contains(**one)).collect();
    assert!(left_out.is_empty(), "not in the table: {left_out:?}");
}
