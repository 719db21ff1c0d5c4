//! T15: where the key of the vault lives, which opens every secret at rest. Only a TPM is green: what a
//! stolen disk holds does not open what is on it.

use super::Finding;
use super::root::{Root, days};
use super::system::lines;
use data_encoding::{BASE64, HEXLOWER};
use jiff::Timestamp;
use std::path::Path;

const ID: &str = "vault-key";
/// Days after which a key is to be renewed.
const OLD: i64 = 3 * 365;

/// Where a unit and its drop-ins may stand, the stronger first (systemd.unit(5)).
const UNITS: [&str; 3] = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];

/// How systemd sealed a credential, by the first 16 bytes of it (systemd, creds-util.h).
const SEALED: [(&str, &str); 8] = [
    ("0c7cc07b117645919c4b0bea08bc20fe", "tpm"),
    ("faf7eb9341e3412ca1a436f95a29362f", "tpm"),
    ("93a894094874449090caf2fc93cab553", "tpm"),
    ("ef4ac13679a9480ea7db68897f9f165d", "tpm"),
    ("af4950a849134eb1a73846304ff30c05", "tpm"),
    ("5a1c6a86df9d4096b1d5a65e0862f19a", "host"),
    ("55b9ed1d38594d43a8319d2ebb332ac6", "host"),
    ("058469daf6f54324800549da0f8ea2fb", "null"),
];

/// The lines of the unit that name the key, in the order in which systemd reads them; an empty one takes
/// back all before it.
fn credential(root: &Root) -> Option<(bool, String)> {
    let mut text = String::new();
    if let Some(unit) = UNITS.iter().find_map(|folder| root.read(format!("{folder}/poterne.service"))) {
        text.push_str(&unit);
    }
    for folder in UNITS.iter().rev() {
        let folder = format!("{folder}/poterne.service.d");
        for name in root.list(&folder).unwrap_or_default().iter().filter(|name| name.ends_with(".conf")) {
            text.push('\n');
            text.push_str(&root.read(format!("{folder}/{name}")).unwrap_or_default());
        }
    }
    let mut found: [Option<String>; 2] = [None, None];
    for line in lines(&text) {
        for (place, key) in found.iter_mut().zip(["LoadCredentialEncrypted=", "LoadCredential="]) {
            match line.strip_prefix(key).map(str::trim) {
                Some("") => *place = None,
                Some(named) => {
                    if let Some(path) = named.strip_prefix("vault-key:") {
                        *place = Some(path.to_owned());
                    }
                }
                None => {}
            }
        }
    }
    let [sealed, plain] = found;
    sealed.map(|path| (true, path)).or(plain.map(|path| (false, path)))
}

/// How a sealed credential was sealed: `tpm`, `host`, `null`, or not known.
fn sealing(bytes: &[u8]) -> Option<&'static str> {
    let text: String = String::from_utf8_lossy(bytes).split_whitespace().collect();
    let opened = BASE64.decode(text.as_bytes()).ok()?;
    let id = HEXLOWER.encode(opened.get(..16)?);
    SEALED.iter().find(|(known, _)| *known == id).map(|(_, how)| *how)
}

pub(super) fn vault_key(root: &Root, state: &Path, at: Timestamp) -> Finding {
    let aged = |path: &str| match root.changed(path) {
        Some(since) => (format!("{path}, {}", days(since, at)), days(since, at) > OLD),
        None => (path.to_owned(), false),
    };
    let beside = state.join("vault").join("vault-key");
    // A key beside its vault is what the daemon uses where systemd hands none over.
    match credential(root) {
        Some((true, path)) => {
            let (said, old) = aged(&path);
            match root.bytes(&path).as_deref().map(sealing) {
                Some(Some("tpm")) if old => Finding::amber(ID, "old", said),
                Some(Some("tpm")) => Finding::green(ID, "tpm", said),
                Some(Some("host")) => Finding::amber(ID, "host", said),
                Some(Some(_)) => Finding::red(ID, "null", said),
                Some(None) => Finding::amber(ID, "unknown", said),
                None if root.has(&beside) => Finding::red(ID, "beside", aged(&beside.display().to_string()).0),
                None => Finding::amber(ID, "unread", said),
            }
        }
        Some((false, path)) => Finding::red(ID, "plain", aged(&path).0),
        None if root.has(&beside) => Finding::red(ID, "beside", aged(&beside.display().to_string()).0),
        None => Finding::amber(ID, "unknown", state.join("vault").display()),
    }
}
