//! What was given out, kept below `anchors/NAME/` in the state folder: the newest, and the newest of
//! each hour. A later checkpoint proves what an earlier one did, so no more is needed.

use super::Given;
use crate::daemon::make_private;
use crate::site::Site;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The name of the newest.
pub(super) const LAST: &str = "last";
/// A signed note, with its cosignatures.
pub(super) const NOTE: &str = "note";

/// Where a way's anchors lie.
pub(super) fn folder(site: &Site, name: &str) -> PathBuf {
    // Names of the configuration: letters, digits and hyphens.
    site.paths.anchors().join(name)
}

pub(super) fn keep(site: &Site, name: &str, given: &Given, now: Timestamp) -> Result<(), String> {
    let folder = folder(site, name);
    make_private(&site.paths.anchors()).map_err(|error| error.to_string())?;
    make_private(&folder).map_err(|error| error.to_string())?;
    let hour = TimeZone::UTC.to_datetime(now).strftime("%Y-%m-%dT%HZ").to_string();
    for (ending, bytes) in &given.kept {
        for stem in [hour.as_str(), LAST] {
            let path = folder.join(format!("{stem}.{ending}"));
            replace(&path, bytes).map_err(|error| format!("`{}`: {error}", path.display()))?;
        }
    }
    Ok(())
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let staged = path.with_extension("new");
    let mut file = File::create(&staged)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&staged, path)
}

/// The newest note that went this way.
pub(super) fn last_note(site: &Site, name: &str) -> Option<String> {
    fs::read_to_string(folder(site, name).join(format!("{LAST}.{NOTE}"))).ok()
}

/// Whether both lie on one file system; a file that is not there yet lies where its folder does.
pub(super) fn same_device(path: &Path, state: &Path) -> bool {
    let device = |path: &Path| fs::metadata(path).ok().map(|data| data.dev());
    let of_file = device(path).or_else(|| device(path.parent()?));
    of_file.is_some() && of_file == device(state)
}
