//! `docs/past-failures.md` held against the tests, and the tests and guards against it.

use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

const ID: &str = r"CVE-\d{4}-\d{4,7}|GHSA(?:-[a-z0-9]{4}){3}|PAST-[a-z-]+[a-z]";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn ids(text: &str) -> BTreeSet<String> {
    Regex::new(ID).unwrap().find_iter(text).map(|found| found.as_str().to_owned()).collect()
}

/// One line of a table of the page.
struct Row {
    ids: BTreeSet<String>,
    why: String,
    tests: Vec<String>,
}

fn rows() -> Vec<Row> {
    let test = Regex::new("`([^`]+::[^`]+)`").unwrap();
    let page = read("docs/past-failures.md");
    let lines = page.lines().filter(|line| line.starts_with("| ") && !ids(line.split('|').nth(1).unwrap()).is_empty());
    lines
        .map(|line| {
            let cells: Vec<&str> = line.trim_matches('|').split(" | ").collect();
            assert_eq!(cells.len(), 4, "four cells: {line}");
            let tests = test.captures_iter(cells[3]).map(|found| found[1].to_owned()).collect();
            Row { ids: ids(cells[0]), why: cells[2].to_owned(), tests }
        })
        .collect()
}

/// The comments and attributes right above a test, and the head of its file.
fn comment(file: &str, name: &str) -> String {
    let text = read(file);
    let lines: Vec<&str> = text.lines().collect();
    let wanted = Regex::new(&format!(r"^\s*(async )?fn {name}\(")).unwrap();
    let at = lines.iter().position(|line| wanted.is_match(line)).unwrap_or_else(|| panic!("{file} has no {name}"));
    let is_above = |line: &&&str| ["///", "#["].iter().any(|begin| line.trim_start().starts_with(begin));
    let above: Vec<&str> = lines[..at].iter().rev().take_while(is_above).copied().collect();
    assert!(above.iter().any(|line| line.contains("test")), "{file}::{name} is no test");
    let head = lines.iter().take_while(|line| line.starts_with("//!")).copied();
    above.into_iter().chain(head).collect::<Vec<_>>().join("\n")
}

/// A test that the page names is there, is a test, and names the failure.
#[test]
fn the_page_names_tests_that_name_the_failure() {
    let rows = rows();
    assert!(rows.len() > 50, "{}", rows.len());
    let mut seen = BTreeSet::new();
    for row in &rows {
        for id in &row.ids {
            assert!(seen.insert(id.clone()), "{id} stands there twice");
        }
        let nothing = row.why.starts_with("not concerned") || row.why.contains("nothing to test");
        assert!(nothing || !row.tests.is_empty(), "{:?} has neither a test nor a reason for none", row.ids);
        for test in &row.tests {
            let (file, name) = test.split_once("::").unwrap();
            let cited = ids(&comment(file, name));
            assert!(row.ids.iter().any(|id| cited.contains(id)), "{test} does not name {:?}, but {cited:?}", row.ids);
        }
    }
}

fn tests_of(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            if !["target", "node_modules", ".git"].contains(&name.as_str()) {
                tests_of(&path, found);
            }
        } else if [".rs", ".py", ".js"].iter().any(|end| name.ends_with(end)) {
            found.push(path);
        }
    }
}

/// What a comment names stands on the page.
#[test]
fn what_the_code_names_stands_on_the_page() {
    let known: BTreeSet<String> = rows().into_iter().flat_map(|row| row.ids).collect();
    // Faults of clients and of HTTP/2 that a comment explains itself by: no bastion's.
    let others = ["CVE-2018-20685", "CVE-2019-6110", "CVE-2019-6111", "CVE-2023-44487", "CVE-2025-8671"];
    let mut files = Vec::new();
    tests_of(&root(), &mut files);
    for file in files {
        for id in ids(&std::fs::read_to_string(&file).unwrap()) {
            let is_known = known.contains(&id) || others.contains(&id.as_str());
            assert!(is_known, "{id} of {} is not on the page", file.display());
        }
    }
}

/// Every failure with a test has a guard in `tests/guards.toml`, or the page says why it has none; each guard
/// is where the list says, and so are its tests, which are those of the page.
#[test]
fn every_failure_has_a_guard_that_can_be_taken_away() {
    let out = Command::new(root().join("tests/mutate")).arg("--list").output().unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let mut guarded: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in String::from_utf8_lossy(&out.stdout).lines() {
        let tests = line.rsplit("; ").next().unwrap().split(", ").map(str::to_owned);
        let tests: BTreeSet<String> = tests.collect();
        for id in ids(line) {
            guarded.entry(id).or_default().extend(tests.clone());
        }
    }
    for row in rows() {
        let without =
            row.why.contains("no guard is listed") || row.tests.is_empty() || row.why.starts_with("not concerned");
        for id in &row.ids {
            let by = guarded.remove(id);
            assert!(without || by.is_some(), "{id} has a test, but no guard in tests/guards.toml");
            let shown = by.is_none_or(|by| row.tests.iter().any(|test| by.contains(test)));
            assert!(shown, "{id}: none of the page's tests is one that a guard's absence fails");
        }
    }
    assert!(guarded.is_empty(), "guards against what is not on the page: {:?}", guarded.keys());
}

/// CVE-2026-1731, CVE-2024-12356: nothing that is packaged can start a program, but for the demo, which is
/// not packaged.
#[test]
fn the_daemon_runs_no_program() {
    let mut files = Vec::new();
    for crate_ in ["gateway", "console", "config", "journal", "lifecycle", "policy", "recorder"] {
        tests_of(&root().join(crate_).join("src"), &mut files);
    }
    assert!(files.len() > 200, "{}", files.len());
    let is_shipped = |file: &&PathBuf| {
        let path = file.strip_prefix(root()).unwrap().to_string_lossy();
        !["gateway/src/demo/", "/tests/", "/tests.rs"].iter().any(|part| path.contains(part))
    };
    for file in files.iter().filter(is_shipped) {
        let text = std::fs::read_to_string(file).unwrap();
        let shipped = text.split("#[cfg(test)]").next().unwrap();
        for word in ["process::Command", "posix_spawn", "execve", "libc::system"] {
            assert!(!shipped.contains(word), "{} names {word}", file.display());
        }
    }
}
