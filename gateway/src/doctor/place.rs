//! Where the program stands: its disk, its hours, its certificate, its readers.

use super::root::Root;
use super::{Finding, Level};
use config::Config;
use jiff::Timestamp;
use std::path::Path;

/// Use of the disk, in percent, that is worth a look, and that must be put right (LOG-12).
const FULL: (u64, u64) = (70, 85);
/// Minutes a day beyond which hours are no working hours.
const LONG_DAY: u16 = 12 * 60;

/// LOG-12: the state folder's disk has a reserve.
pub(super) fn disk(root: &Root, state: &Path) -> Finding {
    let folder = root.at(state);
    match rustix::fs::statvfs(&folder) {
        Ok(system) => {
            // As df(1) counts: what is kept back for root is neither used nor to be had.
            let taken = system.f_blocks.saturating_sub(system.f_bfree);
            let used = used(system.f_bavail, taken.saturating_add(system.f_bavail));
            Finding { id: "disk", level: level_of(used), seen: "used", value: used.to_string() }
        }
        Err(error) => Finding::red("disk", "none", format!("{}: {error}", state.display())),
    }
}

/// Percent in use, rounded up.
fn used(free: u64, total: u64) -> u64 {
    100_u64.saturating_sub(free.saturating_mul(100).checked_div(total).unwrap_or(0))
}

fn level_of(used: u64) -> Level {
    match used {
        used if used >= FULL.1 => Level::Red,
        used if used >= FULL.0 => Level::Amber,
        _ => Level::Green,
    }
}

/// Why a calendar's hours are more than working hours; `None`: they are not.
pub(crate) fn wide(calendar: &policy::Calendar) -> Option<&'static str> {
    use jiff::civil::Weekday;
    let weekly = || calendar.weekly.iter().map(policy::WeeklyInterval::parts);
    let weekend = |day: &Weekday| matches!(day, Weekday::Saturday | Weekday::Sunday);
    if weekly().any(|(days, _, _)| days.iter().any(weekend)) {
        return Some("weekend");
    }
    let week = [Weekday::Monday, Weekday::Tuesday, Weekday::Wednesday, Weekday::Thursday, Weekday::Friday];
    let open = |day: &Weekday| -> u16 {
        weekly()
            .filter(|(days, _, _)| days.contains(day))
            .map(|(_, from, to)| to.saturating_sub(from))
            .fold(0, u16::saturating_add)
    };
    if week.iter().any(|day| open(day) > LONG_DAY) {
        return Some("long");
    }
    calendar.holidays.is_none().then_some("holidays")
}

/// TIM-02: vendors' hours are working hours, or somebody looks at why not. There are no hours but those
/// that an operator wrote: what has to be confirmed is what goes beyond.
pub(super) fn hours(config: &Config) -> Finding {
    let used = config.vendors.values().map(|vendor| &vendor.rules.calendar);
    let wider =
        used.filter_map(|id| config.calendars.get(id)).find_map(|calendar| Some((wide(calendar)?, &calendar.id)));
    match wider {
        Some((why, calendar)) => Finding::amber("hours", why, calendar),
        None => Finding::green("hours", "working", ""),
    }
}

/// T6: a certificate that the hospital's browsers can check.
pub(super) fn certificate(root: &Root, config: &Config, main: &Path, at: Timestamp) -> Finding {
    const ID: &str = "certificate";
    let Some(console) = &config.console else { return Finding::green(ID, "no-console", "") };
    let Some(file) = &console.certificate else { return Finding::red(ID, "own", "") };
    // What checks it reads the machine's own files.
    if !root.is_machine() {
        return Finding::amber(ID, "elsewhere", file.display());
    }
    match crate::https::check(config, main, at) {
        Ok(None) => Finding::green(ID, "good", file.display()),
        Ok(Some(warning)) => Finding::amber(ID, "warning", warning),
        Err(error) => Finding::red(ID, "refused", error),
    }
}

/// D27: what is typed as a secret opens to two together, so there must be two.
pub(super) fn recipients(config: &Config) -> Finding {
    match config.recordings.recipients.len() {
        count @ (0 | 1) => Finding::amber("recipients", "one", count),
        count => Finding::green("recipients", "several", count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// LOG-12.
    #[test]
    fn a_disk_that_fills_up_shows() {
        for (free, total, expected) in [
            (100, 100, Level::Green),
            (31, 100, Level::Green),
            (30, 100, Level::Amber),
            (15, 100, Level::Red),
            (0, 100, Level::Red),
            (0, 0, Level::Red),
        ] {
            assert_eq!(level_of(used(free, total)), expected, "{free} of {total}");
        }
    }
}
