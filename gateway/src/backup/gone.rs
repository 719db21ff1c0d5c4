//! What of sealed recordings is not on the bastion any more: the journal says whether it was erased at
//! its term, or is lost.

use crate::site::Paths;
use lifecycle::SessionId;
use std::collections::BTreeSet;
use std::fmt;
use std::fs;

/// Something of a recording that no set from now on has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Gone {
    session: String,
    /// One of its files; `None`: all of it, or its manifest, without which nothing is told of the rest.
    file: Option<String>,
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.file {
            None => write!(f, "the recording {}", self.session),
            Some(file) => write!(f, "`{}` of the recording {}", file.escape_debug(), self.session),
        }
    }
}

impl Gone {
    pub(crate) fn whole(session: &str) -> Self {
        Self { session: session.to_owned(), file: None }
    }

    /// Whether it was erased at its term: `recordings` and `files` as `retention tombstones` names them.
    pub(crate) fn was_erased(&self, recordings: &BTreeSet<String>, files: &BTreeSet<String>) -> bool {
        let content = |file: &String| file.contains("-content.raw.");
        recordings.contains(&self.session) || (self.file.as_ref().is_some_and(content) && files.contains(&self.session))
    }
}

/// Which files of a sealed recording its manifest names, and are not there.
pub(super) fn of(paths: &Paths, id: &SessionId) -> Vec<Gone> {
    let (folder, heads) = (paths.sealed(id), paths.heads(id));
    let gone = |file: String| Gone { session: id.to_string(), file: Some(file) };
    let manifest = fs::read(folder.join("manifest.json"));
    let manifest = manifest.ok().and_then(|bytes| serde_json::from_slice::<recorder::Manifest>(&bytes).ok());
    // What cannot be read says nothing of the rest.
    let Some(manifest) = manifest else { return vec![gone("manifest.json".to_owned())] };
    let parts = manifest
        .parts
        .iter()
        .flat_map(|part| [(&heads, format!("{}.head", part.name)), (&folder, format!("{}.body", part.name))]);
    let secrets = manifest.secrets_open_to.iter().map(|(a, b)| (&heads, format!("secrets-{a}-{b}.age")));
    parts.chain(secrets).filter(|(place, file)| !place.join(file).is_file()).map(|(_, file)| gone(file)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// LOG-08, T15: what went at its term is no loss; all else is named.
    #[test]
    fn what_is_lost_is_told_from_what_was_erased() {
        let state = tempfile::tempdir().unwrap();
        let paths = Paths::new(state.path());
        let id = SessionId::from_random([7; 8]);
        fs::create_dir_all(paths.sealed(&id)).unwrap();
        fs::create_dir_all(paths.heads(&id)).unwrap();
        let at = "2026-11-23T08:00:00Z";
        let part = |name: &str| {
            json!({ "name": name, "kind": "cast", "channel": 1, "started": at, "ended": at, "plain_bytes": 1,
                "plain_sha256": "", "sealed_bytes": 8, "head_sha256": "", "body_sha256": "" })
        };
        let source =
            json!({ "head": "", "length": 0, "frames": 0, "committed_head": "", "committed_length": 0, "missing": 0 });
        let manifest = json!({ "format": "poterne-recording-1", "session": id, "started": at, "state": "whole",
            "recipients": [], "secrets_open_to": [], "source": source,
            "parts": [part("channel-1.cast"), part("channel-2-content.raw")] });
        fs::write(paths.sealed(&id).join("manifest.json"), manifest.to_string()).unwrap();
        for name in ["channel-1.cast", "channel-2-content.raw"] {
            fs::write(paths.heads(&id).join(format!("{name}.head")), "head").unwrap();
            fs::write(paths.sealed(&id).join(format!("{name}.body")), "body").unwrap();
        }
        assert_eq!(of(&paths, &id), []);
        let (cast, content) = ("channel-1.cast.head", "channel-2-content.raw.head");
        [cast, content].iter().for_each(|name| fs::remove_file(paths.heads(&id).join(name)).unwrap());
        let (none, this) = (BTreeSet::new(), BTreeSet::from([id.to_string()]));
        let lost = |recordings: &BTreeSet<String>, files: &BTreeSet<String>| -> Vec<String> {
            of(&paths, &id)
                .into_iter()
                .filter(|one| !one.was_erased(recordings, files))
                .filter_map(|one| one.file)
                .collect()
        };
        assert_eq!(lost(&none, &none), [cast, content]);
        assert_eq!(lost(&none, &this), [cast]);
        assert_eq!(lost(&this, &none), [""; 0]);
        assert!(
            Gone::whole(id.as_str()).was_erased(&this, &none) && !Gone::whole(id.as_str()).was_erased(&none, &this)
        );
        fs::write(paths.sealed(&id).join("manifest.json"), "{").unwrap();
        assert_eq!(lost(&none, &none), ["manifest.json"]);
    }
}
