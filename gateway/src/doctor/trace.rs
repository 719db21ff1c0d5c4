//! HRD-03: detailed traces of the operating system, by auditd or sysmon.

use super::Finding;
use super::root::Root;
use super::system::lines;

const ID: &str = "trace";
const COMPILED: &str = "/etc/audit/audit.rules";
const PARTS: &str = "/etc/audit/rules.d";

/// Rules that watch something: `-w` a file, `-a` a call. `None`: this eye may not read them.
fn rules(root: &Root) -> Option<usize> {
    let compiled = root.read(COMPILED);
    let parts = root.list(PARTS).unwrap_or_default();
    let parts: Vec<String> = parts
        .iter()
        .filter(|name| name.ends_with(".rules"))
        .filter_map(|name| root.read(format!("{PARTS}/{name}")))
        .collect();
    if compiled.is_none() && parts.is_empty() {
        return None;
    }
    let watching = |text: &String| lines(text).filter(|line| line.starts_with("-w") || line.starts_with("-a")).count();
    // What is loaded is made of the parts at each start of auditd: the compiled file is what counts.
    Some(match &compiled {
        Some(compiled) => watching(compiled),
        None => parts.iter().map(watching).sum(),
    })
}

pub(super) fn trace(root: &Root) -> Finding {
    if root.runs(&["sysmon"]) == Some(true) {
        return match root.has("/opt/sysmon/config.xml") {
            true => Finding::green(ID, "sysmon", ""),
            false => Finding::amber(ID, "sysmon-bare", "/opt/sysmon/config.xml"),
        };
    }
    match (root.runs(&["auditd"]), rules(root)) {
        (Some(true), Some(0)) => Finding::amber(ID, "no-rules", COMPILED),
        (Some(true), Some(rules)) => Finding::green(ID, "auditd", rules),
        (Some(true), None) => Finding::amber(ID, "unread", COMPILED),
        (Some(false), Some(_)) => Finding::red(ID, "stopped", ""),
        (Some(false), None) => Finding::red(ID, "none", ""),
        (None, _) => Finding::amber(ID, "unknown", "/proc"),
    }
}
