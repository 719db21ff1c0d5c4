//! `[anchors]`: where the journal's checkpoints go, off this machine. `[backup]`: who can open a backup.

use crate::read::{At, Table, quoted};
use crate::values::{absolute, one_of, recipient, webhook_url, within};
use data_encoding::{BASE64, HEXLOWER};
use jiff::SignedDuration;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// `[anchors]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchors {
    /// How often the newest checkpoint is given out.
    pub every: SignedDuration,
    /// Each way's last success may be so old; older is alerted.
    pub at_most: SignedDuration,
    /// A file on another mount.
    pub file: Option<PathBuf>,
    /// The local syslog socket.
    pub syslog: Option<PathBuf>,
    /// Where time stamps of RFC 3161 are had.
    pub timestamp: Option<String>,
    /// `[anchors.witnesses.*]` by name.
    pub witnesses: BTreeMap<String, Witness>,
}

/// `[anchors.witnesses.*]`: who checks that the log only grows, and signs that it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The prefix before `add-checkpoint`, with a slash at its end.
    pub url: String,
    /// Its public key, `name+hash+base64`.
    pub key: String,
}

/// `[backup]`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Backup {
    /// Keys that open backups, `age1…`.
    pub recipients: Vec<String>,
}

pub(crate) fn anchors(table: &Table<'_>) -> Option<Anchors> {
    let every = table.parsed_or("every", within("5s", "24h"));
    let at_most = table.parsed_or("at-most", within("10s", "168h"));
    let file = table.optional("file", absolute);
    let syslog = table.optional("syslog", absolute);
    let timestamp = table.optional("timestamp", authority);
    let mut witnesses = BTreeMap::new();
    for (name, table) in table.named("witnesses") {
        if let (Some(witness), true) = (witness(&table), is_name(&name, &table)) {
            witnesses.insert(name.value, witness);
        }
    }
    table.finish();
    let (every, at_most) = (every?.value, at_most?.value);
    if at_most <= every {
        let why = "not longer than `every`, so that each anchor would be too old: write a longer time";
        table.refuse(&table.place_of("at-most"), "at-most", why);
    }
    Some(Anchors {
        every,
        at_most,
        file: file.map(|path| path.value),
        syslog: syslog.map(|path| path.value),
        timestamp: timestamp.map(|url| url.value),
        witnesses,
    })
}

pub(crate) fn backup(table: &Table<'_>) -> Backup {
    let recipients = table.list_or("recipients", recipient);
    table.finish();
    Backup { recipients: recipients.into_iter().map(|one| one.value).collect() }
}

/// The other ways have these names.
const TAKEN: &[(&str, ())] = &[("file", ()), ("syslog", ()), ("timestamp", ()), ("vault", ()), ("restore", ())];

fn is_name(name: &At<String>, table: &Table<'_>) -> bool {
    let text = &name.value;
    let fits = text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let why = match fits {
        true if one_of(TAKEN)(text).is_err() => return true,
        true => "has the name of another way of anchoring: give it another one",
        false => "is no name: write at most 32 lower-case letters, digits and hyphens, a letter first",
    };
    table.sink().error(&name.place, format!("the witness `{}` {why}", quoted(text)));
    false
}

fn witness(table: &Table<'_>) -> Option<Witness> {
    let url = table.required("url", "write the witness's address, such as \"https://witness.example/\"", webhook_url);
    let key = table.required("key", "write the witness's public key, name+hash+base64", witness_key);
    table.finish();
    let url = url?.value;
    let url = if url.ends_with('/') { url } else { format!("{url}/") };
    Some(Witness { url, key: key?.value })
}

/// The address of an authority. Stamps are signed and say nothing secret, so `http://` is as good: many
/// have no other.
fn authority(text: &str) -> Result<String, String> {
    match text.strip_prefix("http://") {
        Some(rest) => webhook_url(&format!("https://{rest}")).map(|_| text.to_owned()),
        None => webhook_url(text),
    }
}

/// The algorithm byte of cosignature/v1 with Ed25519.
const COSIGNATURE: u8 = 4;

fn witness_key(text: &str) -> Result<String, String> {
    let holds = || {
        let mut parts = text.splitn(3, '+');
        let (name, hash, key) = (parts.next()?, parts.next()?, parts.next()?);
        let typed = BASE64.decode(key.as_bytes()).ok().filter(|typed| typed.len() == 33)?;
        let digest: [u8; 32] = Sha256::digest([name.as_bytes(), b"\n", &typed].concat()).into();
        let same = HEXLOWER.encode(digest.get(..4)?) == hash;
        (same && typed.first() == Some(&COSIGNATURE) && !name.is_empty()).then(|| text.to_owned())
    };
    holds().ok_or_else(|| {
        format!(
            "`{}` is not a witness's key: write the line that the witness publishes, name+hash+base64, for \
             cosignature/v1 with Ed25519",
            quoted(text)
        )
    })
}
