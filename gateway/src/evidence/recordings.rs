//! What of a recording goes into a bundle, and whether it is what was sealed.

use super::contents::Content;
use crate::site::Site;
use journal::bundle::{self, Held, HeldRecording};
use lifecycle::SessionId;
use recorder::SealedRecording;
use std::collections::BTreeSet;

/// Plans the files of a sealed recording, and names those that are not as they were sealed: it is
/// evidence all the same, of an exchange.
pub(super) fn plan(
    site: &Site,
    (session, digest): (&SessionId, Option<&str>),
    reencrypted: bool,
    (planned, altered): (&mut Vec<(String, Content)>, &mut Vec<String>),
) -> anyhow::Result<HeldRecording> {
    let (folder, heads) = (site.paths.sealed(session), site.paths.heads(session));
    let sealed = SealedRecording::open(&folder, &heads)?;
    let mut without = BTreeSet::new();
    let id = session.as_str();
    let path = bundle::recording_path(id, "manifest.json");
    if digest.is_some_and(|digest| sealed.digest != digest) {
        altered.push(path.clone());
    }
    planned.push((path, Content::File(folder.join("manifest.json"))));
    for part in &sealed.manifest.parts {
        let head = heads.join(format!("{}.head", part.name));
        let body = folder.join(format!("{}.body", part.name));
        if !head.is_file() || !body.is_file() {
            without.insert(part.name.clone());
        } else if !reencrypted {
            let files = sealed.altered_files(part);
            altered.extend(files.iter().map(|name| bundle::recording_path(id, name)));
            planned.push((bundle::part_path(id, &part.name), Content::Joined { head, body }));
        }
    }
    if reencrypted {
        return Ok(HeldRecording { held: Held::Reencrypted, without });
    }
    for (first, second) in &sealed.manifest.secrets_open_to {
        let name = format!("secrets-{first}-{second}.age");
        let path = heads.join(&name);
        if path.is_file() {
            planned.push((bundle::recording_path(id, &name), Content::File(path)));
        } else {
            without.insert(name);
        }
    }
    Ok(HeldRecording { held: Held::Stored, without })
}
