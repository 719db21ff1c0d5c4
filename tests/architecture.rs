//! The house is as its plan says (docs/architecture.md): which crate may know which.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

fn metadata() -> Value {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--offline", "--no-deps"])
        .output()
        .unwrap();
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    serde_json::from_slice(&out.stdout).unwrap()
}

fn edges() -> BTreeMap<String, BTreeSet<String>> {
    let metadata = metadata();
    let packages = metadata["packages"].as_array().unwrap();
    let ours: BTreeSet<&str> = packages.iter().map(|package| package["name"].as_str().unwrap()).collect();
    let edges = |package: &Value| {
        let dependencies = package["dependencies"].as_array().unwrap().iter();
        dependencies
            .filter(|dependency| dependency["kind"].is_null())
            .map(|dependency| dependency["name"].as_str().unwrap())
            .filter(|name| ours.contains(name))
            .map(str::to_owned)
            .collect()
    };
    packages.iter().map(|package| (package["name"].as_str().unwrap().to_owned(), edges(package))).collect()
}

/// A new edge is a decision with a note in docs/decisions.
#[test]
fn crates_know_only_whom_they_may() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("policy", &[][..]),
        ("journal", &[]),
        ("recorder", &[]),
        ("lifecycle", &["policy"]),
        ("config", &["policy"]),
        ("console", &["config", "lifecycle", "policy", "recorder"]),
        ("gateway", &["config", "console", "journal", "lifecycle", "policy", "recorder"]),
        ("tests", &["console", "gateway", "journal", "lifecycle", "recorder"]),
        ("fuzzed", &["config", "console", "gateway", "journal", "lifecycle", "policy", "recorder"]),
    ]);
    let edges = edges();
    assert_eq!(edges.keys().map(String::as_str).collect::<Vec<_>>(), allowed.keys().copied().collect::<Vec<_>>());
    for (name, known) in edges {
        let may: BTreeSet<String> = allowed[name.as_str()].iter().map(|other| (*other).to_owned()).collect();
        assert!(known.is_subset(&may), "{name} knows {known:?}, but may know {may:?} only");
    }
}

fn sources(folder: &str) -> Vec<(String, String)> {
    let root = format!("{}/../{folder}", env!("CARGO_MANIFEST_DIR"));
    let mut all = Vec::new();
    let mut folders = vec![std::path::PathBuf::from(root)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                all.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }
    all
}

/// `policy` and `lifecycle` are pure: no I/O, no async, no clock, no environment, no randomness.
#[test]
fn pure_crates_name_nothing_impure() {
    let forbidden = [
        "std::fs",
        "std::net::Tcp",
        "std::env",
        "std::io",
        "tokio",
        "async fn",
        ".await",
        "SystemTime",
        "Instant",
        "Timestamp::now",
        "Zoned::now",
        "rand",
    ];
    for folder in ["policy/src", "lifecycle/src"] {
        for (path, text) in sources(folder) {
            for name in forbidden {
                let used = text.lines().filter(|line| !line.trim_start().starts_with("//")).any(|line| {
                    line.match_indices(name).any(|(at, _)| {
                        let before = line[..at].chars().next_back();
                        before.is_none_or(|c| !c.is_alphanumeric() && c != '_')
                            && !line[at + name.len()..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
                    })
                });
                assert!(!used, "{path} names `{name}`");
            }
        }
    }
}

/// Only the clock and entropy modules ask the system.
/// Past failures: CVE-2023-42820.
#[test]
fn time_and_randomness_have_one_place() {
    for folder in ["config/src", "console/src", "journal/src", "recorder/src", "gateway/src"] {
        for (path, text) in sources(folder) {
            if path.ends_with("gateway/src/clock.rs") || path.ends_with("gateway/src/entropy.rs") {
                continue;
            }
            for name in [
                "SystemTime::now",
                "Timestamp::now",
                "Zoned::now",
                "std::time::Instant",
                "rand::rng",
                "thread_rng",
                "SystemRandom",
            ] {
                assert!(!text.contains(name), "{path} names `{name}`");
            }
        }
    }
}

/// IDM-01, IDM-04, IDM-05: nothing in the tree speaks to a directory or a federation.
#[test]
fn no_directory_and_no_federation() {
    let lock = std::fs::read_to_string(format!("{}/../Cargo.lock", env!("CARGO_MANIFEST_DIR"))).unwrap();
    for name in ["ldap", "krb5", "kerberos", "gssapi", "saml", "openid", "oauth"] {
        assert!(!lock.lines().any(|line| line.starts_with("name = ") && line.contains(name)), "{name} in Cargo.lock");
    }
}

/// Every kind of event stands in the format's document, and no other.
#[test]
fn every_kind_of_entry_is_documented() {
    let source = std::fs::read_to_string(format!("{}/../lifecycle/src/event.rs", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let body = source.split("pub enum Event {").nth(1).unwrap().split("\n}\n").next().unwrap();
    let mut kinds = BTreeSet::new();
    for line in body.lines() {
        let line = line.trim();
        let name: String = line.chars().take_while(|c| c.is_alphanumeric()).collect();
        let is_variant = line.starts_with(|c: char| c.is_ascii_uppercase())
            && [" {", "(", ","].iter().any(|after| line[name.len()..].starts_with(after));
        if is_variant {
            let mut kebab = String::new();
            for c in name.chars() {
                if c.is_ascii_uppercase() && !kebab.is_empty() {
                    kebab.push('-');
                }
                kebab.push(c.to_ascii_lowercase());
            }
            kinds.insert(kebab);
        }
    }
    assert!(kinds.len() > 30, "{kinds:?}");
    let document =
        std::fs::read_to_string(format!("{}/../docs/format-journal.md", env!("CARGO_MANIFEST_DIR"))).unwrap();
    let section = document.split("## Kinds of entries").nth(1).unwrap().split("\n## ").next().unwrap();
    let rows: BTreeSet<String> = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split('`').next())
        .map(str::to_owned)
        .collect();
    assert_eq!(rows, kinds);
}
