//! What of a recording goes into a bundle, and whether it is what was sealed.

use super::contents::Content;
use crate::site::Site;
use journal::bundle::{self, Held, HeldRecording};
use lifecycle::{SessionId, SessionRecord};
use recorder::SealedRecording;
use std::collections::BTreeSet;
use std::fs::File;

/// What the register says of a sealed recording.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    /// The digest of its manifest; `None` where that content of the journal is erased.
    pub(super) manifest: Option<String>,
    /// It was erased at its term, all but the copies of files.
    pub(super) erased: bool,
    /// Those were.
    pub(super) files_erased: bool,
}

impl Known {
    pub(super) fn of(record: &SessionRecord) -> Option<Self> {
        let manifest = Some(record.sealed.as_ref()?.manifest.clone());
        Some(Self { manifest, erased: record.shredded.is_some(), files_erased: record.files_shredded.is_some() })
    }

    /// Whether it is right that a part, or a file of secrets, is not there. Of what the journal has
    /// forgotten nobody can say that it was lost.
    fn may_lack(&self, name: &str) -> bool {
        self.erased || self.manifest.is_none() || (self.files_erased && name.ends_with("-content.raw"))
    }
}

/// Plans the files of a sealed recording, and names those that are not as they were sealed, or are gone
/// though nothing erased them: it is evidence all the same, of an exchange or of a loss. `None` where
/// there is no manifest that could be read: nothing says what else there was.
pub(super) fn plan(
    site: &Site,
    (session, known): (&SessionId, &Known),
    reencrypted: bool,
    (planned, altered): (&mut Vec<(String, Content)>, &mut Vec<String>),
) -> Option<HeldRecording> {
    let (folder, heads) = (site.paths.sealed(session), site.paths.heads(session));
    let id = session.as_str();
    let path = bundle::recording_path(id, "manifest.json");
    let file = folder.join("manifest.json");
    let sealed = match SealedRecording::open(&folder, &heads) {
        Ok(sealed) => sealed,
        Err(error) => {
            tracing::error!(session = id, %error, "ALERT: a recording has no manifest that can be read");
            altered.push(path.clone());
            // As it lies, for the verifier to name.
            if File::open(&file).is_ok_and(|file| file.metadata().is_ok_and(|data| data.is_file())) {
                planned.push((path, Content::File(file)));
            }
            return None;
        }
    };
    let mut without = BTreeSet::new();
    if known.manifest.as_ref().is_some_and(|digest| sealed.digest != *digest) {
        altered.push(path.clone());
    }
    planned.push((path, Content::File(file)));
    for part in &sealed.manifest.parts {
        let head = heads.join(format!("{}.head", part.name));
        let body = folder.join(format!("{}.body", part.name));
        let files = sealed.altered_files(part);
        let gone = !head.is_file() || !body.is_file();
        if !(gone && known.may_lack(&part.name)) && (gone || !reencrypted) {
            altered.extend(files.iter().map(|name| bundle::recording_path(id, name)));
        }
        if gone {
            without.insert(part.name.clone());
        } else if !reencrypted {
            planned.push((bundle::part_path(id, &part.name), Content::Joined { head, body }));
        }
    }
    if reencrypted {
        return Some(HeldRecording { held: Held::Reencrypted, without });
    }
    for (first, second) in &sealed.manifest.secrets_open_to {
        let name = format!("secrets-{first}-{second}.age");
        let path = heads.join(&name);
        if path.is_file() {
            planned.push((bundle::recording_path(id, &name), Content::File(path)));
        } else {
            if !known.may_lack(&name) {
                altered.push(bundle::recording_path(id, &name));
            }
            without.insert(name);
        }
    }
    Some(HeldRecording { held: Held::Stored, without })
}
