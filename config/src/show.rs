//! The values in force, and what changed between two loads.

use crate::Config;
use std::collections::BTreeSet;

/// Every key with the value in force, defaults included, one a line.
pub fn show(config: &Config) -> String {
    config.effective.iter().map(|(key, value)| format!("{key} = {value}\n")).collect()
}

/// What a new configuration changes, one line a key (LOG-13).
pub fn differences(before: &Config, after: &Config) -> Vec<String> {
    let keys: BTreeSet<&String> = before.effective.keys().chain(after.effective.keys()).collect();
    keys.into_iter()
        .filter_map(|key| match (before.effective.get(key), after.effective.get(key)) {
            (Some(old), Some(new)) if old == new => None,
            (Some(old), Some(new)) => Some(format!("{key}: {old} -> {new}")),
            (Some(old), None) => Some(format!("{key}: {old} -> removed")),
            (None, Some(new)) => Some(format!("{key}: added {new}")),
            (None, None) => None,
        })
        .collect()
}
