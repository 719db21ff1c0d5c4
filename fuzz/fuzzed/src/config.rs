//! The three files of a configuration: either a site, or problems that each have a place.
//!
//! Holds: whatever the text, the same comes of it twice; each problem names one of the files and a place
//! inside it, in words that a terminal shows as they are; and a configuration that passes opens nothing
//! to nobody: each allowed target is declared and has approvers, and no key is overlooked.

use config::{Config, LoadError, Options, Severity, load};
use std::path::Path;
use tempfile::TempDir;

/// What stands between the three files: the byte that ASCII has for it.
const BETWEEN: u8 = 0x1e;
/// Main file, vendors, targets.
const FILES: [&str; 3] = ["poterne.toml", "vendors.d/v.toml", "targets.d/t.toml"];
/// Longest message, with its mark where the middle is left out.
const LONGEST: usize = 501;

thread_local! {
    static FOLDER: TempDir = folder();
}

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for below in ["vendors.d", "targets.d"] {
        std::fs::create_dir(folder.path().join(below)).unwrap();
    }
    folder
}

/// One configuration.
pub fn run(data: &[u8]) {
    FOLDER.with(|folder| check(folder.path(), data));
}

fn check(folder: &Path, data: &[u8]) {
    let mut parts: Vec<&[u8]> = data.splitn(FILES.len(), |byte| *byte == BETWEEN).collect();
    parts.resize(FILES.len(), b"");
    for (name, text) in FILES.iter().zip(&parts) {
        std::fs::write(folder.join(name), text).unwrap();
    }
    match loaded(folder) {
        Err(LoadError(problems)) => {
            assert!(!problems.is_empty(), "refused, and nothing says why");
            for problem in &problems {
                assert_eq!(problem.severity, Severity::Error);
                is_placed(folder, problem);
            }
            assert_eq!(loaded(folder).unwrap_err().0, problems, "the same text, other problems");
        }
        Ok(config) => {
            config.warnings.iter().for_each(|problem| is_placed(folder, problem));
            closes_what_it_does_not_open(&config);
            let again = loaded(folder).unwrap();
            assert_eq!((&again.digest, &again.effective), (&config.digest, &config.effective));
            // A key that nobody knows is never passed over, wherever it stands.
            let known = [b"zzzz = 1\n".as_slice(), parts[0]].concat();
            std::fs::write(folder.join(FILES[0]), known).unwrap();
            assert!(loaded(folder).is_err(), "an unknown key was passed over");
        }
    }
}

fn loaded(folder: &Path) -> Result<Config, LoadError> {
    let at = "2026-06-01T10:00:00Z".parse().unwrap();
    load(&folder.join(FILES[0]), Options { at, unpinned: false })
}

fn is_placed(folder: &Path, problem: &config::Problem) {
    let shown = problem.to_string();
    assert!(!problem.message.is_empty() && problem.message.chars().count() <= LONGEST, "{shown}");
    assert!(!shown.chars().any(|c| c.is_control() || lifecycle::is_hidden(c)), "{shown:?}");
    let file = problem.file.strip_prefix(folder).unwrap();
    assert!(FILES.iter().any(|name| Path::new(name) == file), "{shown}");
    if problem.line > 0 {
        let text = String::from_utf8_lossy(&std::fs::read(&problem.file).unwrap()).into_owned();
        // The end of a text that ends in a line end is the beginning of one more.
        assert!(problem.line <= text.matches('\n').count() + 1, "{shown}");
        let line = text.split('\n').nth(problem.line - 1).unwrap_or_default();
        assert!(problem.column >= 1 && problem.column <= line.chars().count() + 1, "{shown}");
    }
}

/// APR-01, NET-01: nothing is open without somebody who approves, and nothing that is not declared.
fn closes_what_it_does_not_open(config: &Config) {
    for vendor in config.vendors.values() {
        assert!(config.calendars.contains_key(&vendor.rules.calendar));
        for rule in &vendor.rules.allow {
            assert!(rule.quorum >= 1 && !rule.rights.is_empty() && !rule.targets.is_empty());
            assert!(rule.targets.iter().all(|target| config.targets.contains_key(target)));
        }
    }
    for target in config.targets.values() {
        assert!(!target.rules.approvers.is_empty());
        assert!(target.rules.approvers.iter().all(|group| config.groups.contains_key(group)));
    }
}
