//! The values in force, and what changed between two loads.

use crate::{Config, KEYS};
use std::collections::BTreeSet;

/// Every key with the value in force, defaults included, one a line; a blank line between sections
/// and between the things of one kind. Values stand as they would be written; a bare word such as
/// `none` is what holds where nothing is written.
pub fn show(config: &Config) -> String {
    let mut page = String::new();
    let mut before = None;
    for key in in_order(config.effective.keys()) {
        let group = group(key);
        if before.is_some_and(|before| before != group) {
            page.push('\n');
        }
        before = Some(group);
        let value = config.effective.get(key).map_or("", String::as_str);
        page.push_str(&format!("{key} = {value}\n"));
    }
    page
}

/// What a new configuration changes, one line a key (LOG-13).
pub fn differences(before: &Config, after: &Config) -> Vec<String> {
    let keys: BTreeSet<&String> = before.effective.keys().chain(after.effective.keys()).collect();
    in_order(keys.into_iter())
        .into_iter()
        .filter_map(|key| match (before.effective.get(key), after.effective.get(key)) {
            (Some(old), Some(new)) if old == new => None,
            (Some(old), Some(new)) => Some(format!("{key}: {old} -> {new}")),
            (Some(old), None) => Some(format!("{key}: {old} -> removed")),
            (None, Some(new)) => Some(format!("{key}: added {new}")),
            (None, None) => None,
        })
        .collect()
}

/// The section, and the thing in it where a section has named things.
fn group(key: &str) -> &str {
    let section = key.split('.').next().unwrap_or(key);
    let named = KEYS.iter().any(|known| known.path.strip_prefix(section).is_some_and(|rest| rest.starts_with(".*.")));
    let dots = if named { 1 } else { 0 };
    key.match_indices('.').nth(dots).map_or(key, |(end, _)| key.get(..end).unwrap_or(key))
}

/// The order of the table of keys; things of one kind by name, entries of a list by number.
pub(crate) fn in_order<'a>(keys: impl Iterator<Item = &'a String>) -> Vec<&'a String> {
    let mut keys: Vec<&String> = keys.collect();
    keys.sort_by_cached_key(|key| rank(key));
    keys
}

/// For each step of the path, where the table of keys has that step first, or the entry's number,
/// or the thing's name.
fn rank(key: &str) -> Vec<(usize, String)> {
    let steps: Vec<&str> = key.split('.').collect();
    let patterns: Vec<Vec<String>> = KEYS.iter().map(|known| pattern(known.path)).collect();
    (1..=steps.len())
        .filter_map(|length| {
            let found = patterns.iter().enumerate().find(|(_, pattern)| {
                pattern.len() >= length
                    && pattern.iter().zip(steps.iter()).take(length).all(|(step, is)| fits(step, is))
            });
            let (position, pattern) = found?;
            let step = steps.get(length - 1)?;
            Some(match pattern.get(length - 1)?.as_str() {
                "*" => (0, (*step).to_owned()),
                "[]" => (step.parse().unwrap_or(0), String::new()),
                _ => (position, String::new()),
            })
        })
        .collect()
}

pub(crate) fn pattern(path: &str) -> Vec<String> {
    path.replace("[]", ".[]").split('.').map(str::to_owned).collect()
}

pub(crate) fn fits(pattern: &str, step: &str) -> bool {
    match pattern {
        "*" => true,
        "[]" => step.bytes().all(|b| b.is_ascii_digit()),
        word => word == step,
    }
}
