//! `[notify]`: who is told, by which way, that somebody asks or that something is wrong.
//!
//! Only what stands here is ever posted or mailed to: no technician names an address.

use crate::parts::NAME;
use crate::read::{At, Place, Sink, Table, quoted};
use crate::values::{absolute, by, email, host_and_port, is_loopback, is_short_name, one_of, webhook_url};
use data_encoding::HEXLOWER;
use policy::GroupId;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// `[notify]`
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notify {
    /// `[notify.webhooks.*]` by name; none is called `mail` or `second-mail`.
    pub webhooks: BTreeMap<String, Webhook>,
    /// `[notify.mail]`
    pub mail: Option<Mail>,
    /// `[notify.second-mail]`: another server, for what alerts.
    pub second_mail: Option<Mail>,
}

impl Notify {
    /// Whether mail is the only thing that goes out when somebody asks (APR-10).
    pub fn is_mail_alone(&self) -> bool {
        self.mail.is_some() && !self.webhooks.values().any(|one| one.events.contains(&Topic::Request))
    }
}

/// What a notification is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Topic {
    /// Somebody asks and waits.
    Request,
    /// A planned intervention, or more time, wants another approval.
    Approval,
    /// The technician of a planned intervention came in.
    Arrival,
    /// An emergency was opened.
    Emergency,
    /// A session is frozen since nobody watches.
    Unwatched,
    /// Somebody tries what they may not: wrong codes, an account that is locked or closed.
    Alert,
    /// All access was cut, or given back.
    Lockdown,
    /// A recording or the journal is damaged.
    Evidence,
    /// An alert that nobody took.
    Escalation,
}

impl Topic {
    /// Every topic with its word in the configuration.
    pub const ALL: &'static [(&'static str, Topic)] = &[
        ("request", Topic::Request),
        ("approval", Topic::Approval),
        ("arrival", Topic::Arrival),
        ("emergency", Topic::Emergency),
        ("unwatched", Topic::Unwatched),
        ("alert", Topic::Alert),
        ("lockdown", Topic::Lockdown),
        ("evidence", Topic::Evidence),
        ("escalation", Topic::Escalation),
    ];

    /// Whether it calls somebody to look: such a thing goes by every way there is.
    pub fn alerts(self) -> bool {
        matches!(self, Topic::Emergency | Topic::Alert | Topic::Lockdown | Topic::Evidence | Topic::Escalation)
    }

    /// The word for it.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, topic)| *topic == self).map_or("", |(word, _)| word)
    }
}

/// `[notify.webhooks.*]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Webhook {
    /// Where it is posted: https, or http to this machine.
    pub url: String,
    /// What is told.
    pub events: BTreeSet<Topic>,
    /// The file of the signing key.
    pub key_file: PathBuf,
    /// Only of targets of these groups; empty: of all.
    pub groups: BTreeSet<GroupId>,
}

/// How the way to the mail server is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// From the first byte.
    Implicit,
    /// By STARTTLS, without which nothing is sent.
    Starttls,
    /// Not at all, which only a server on this machine may be.
    None,
}

/// `[notify.mail]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// The server's name or address, without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the way is encrypted.
    pub tls: MailTls,
    /// Login and file of its password.
    pub login: Option<(String, PathBuf)>,
    /// The sender.
    pub from: String,
}

/// The section, and where its files are named.
#[derive(Default)]
pub(crate) struct PlacedNotify {
    pub(crate) value: Notify,
    place: Option<Place>,
    mail: Option<Place>,
    files: Vec<(String, PathBuf, Place, usize)>,
}

/// Shortest signing key, in bytes: as long as the digest it makes (RFC 2104 §3).
const SHORTEST_KEY: usize = 32;

/// Reads it. `wants` is told of each group that is named.
pub(crate) fn notify(table: &Table<'_>, mut wants: impl FnMut(&At<GroupId>, String)) -> PlacedNotify {
    let mut all = PlacedNotify { place: Some(table.place()), ..PlacedNotify::default() };
    for (name, table) in table.named("webhooks") {
        let webhook = webhook(&table, &mut wants, &mut all.files);
        if let (Some(webhook), true) = (webhook, is_name(&name, &table)) {
            all.value.webhooks.insert(name.value, webhook);
        }
    }
    if let Some(table) = table.table("mail") {
        all.mail = Some(table.place());
        all.value.mail = mail(&table, &mut all.files);
    }
    if let Some(table) = table.table("second-mail") {
        all.value.second_mail = mail(&table, &mut all.files);
    }
    table.finish();
    all
}

fn is_name(name: &At<String>, table: &Table<'_>) -> bool {
    let text = &name.value;
    let fits = is_short_name(text);
    let why = match text.as_str() {
        "mail" | "second-mail" => "is the name of the mail: give the webhook another one",
        _ if fits => return true,
        _ => "is no name: write at most 32 lower-case letters, digits and hyphens, a letter first",
    };
    table.sink().error(&name.place, format!("the webhook `{}` {why}", quoted(text)));
    false
}

fn webhook(
    table: &Table<'_>,
    wants: &mut impl FnMut(&At<GroupId>, String),
    files: &mut Vec<(String, PathBuf, Place, usize)>,
) -> Option<Webhook> {
    let url =
        table.required("url", "write where to post, such as \"https://chat.chu.example/hooks/bastion\"", webhook_url);
    if let Some(url) = &url {
        table.effective("url", format!("{:?}", without_secret(&url.value)));
    }
    let events = listed_or_all(table, "events", "write events such as \"request\"", one_of(Topic::ALL));
    let key_file = table.required(
        "key-file",
        "write the path of a file made by `openssl rand -hex 32`; its key signs what is posted",
        absolute,
    );
    let groups = listed_or_all(table, "groups", "name groups, or leave the key out for all", by::<GroupId>);
    table.finish();
    for group in groups.iter().flatten().flatten() {
        wants(group, table.path_of("groups"));
    }
    let key_file = key_file?;
    files.push((table.path_of("key-file"), key_file.value.clone(), key_file.place, SHORTEST_KEY));
    Some(Webhook {
        url: url?.value,
        events: match events? {
            Some(events) => events.into_iter().map(|event| event.value).collect(),
            None => Topic::ALL.iter().map(|(_, topic)| *topic).collect(),
        },
        key_file: key_file.value,
        groups: groups?.into_iter().flatten().map(|group| group.value).collect(),
    })
}

/// A list that is not empty; `Some(None)` where nothing is written, which means all.
fn listed_or_all<T>(
    table: &Table<'_>,
    key: &'static str,
    what: &str,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Option<Option<Vec<At<T>>>> {
    if table.has(key) {
        return table.required_list(key, what, parse).map(Some);
    }
    table.optional(key, parse);
    Some(None)
}

/// An address as `config show` and the journal may have it: chat programs take whatever stands behind
/// the host for a password. Its digest shows that it changed.
fn without_secret(url: &str) -> String {
    let host = url.find("://").map_or(0, |at| at + 3);
    let end = url.get(host..).and_then(|rest| rest.find(['/', '?'])).map_or(url.len(), |at| host + at);
    let (shown, rest) = url.split_at(end);
    if rest.len() <= 1 {
        return url.to_owned();
    }
    let digest: [u8; 32] = Sha256::digest(rest).into();
    let digest = HEXLOWER.encode(&digest);
    format!("{shown}/… (sha256 {})", digest.get(..8).unwrap_or_default())
}

fn mail(table: &Table<'_>, files: &mut Vec<(String, PathBuf, Place, usize)>) -> Option<Mail> {
    let server = table.required("server", "write host and port, such as \"smtp.chu.example:587\"", |text| {
        host_and_port(text).map(|(host, port)| (host.to_owned(), port)).ok_or_else(|| {
            format!("`{}` is not a host with a port: write one such as smtp.chu.example:587", quoted(text))
        })
    });
    let tls = table.parsed_or(
        "tls",
        one_of(&[("implicit", MailTls::Implicit), ("starttls", MailTls::Starttls), ("none", MailTls::None)]),
    );
    let user = table.optional_text("user", NAME, "write the login on the mail server, or remove it");
    let password = table.optional("password-file", absolute);
    let from = table.required("from", "write the sender, such as \"poterne@chu.example\"", email);
    table.finish();
    if table.has("user") != table.has("password-file") {
        let (written, other) = if table.has("user") { ("user", "password-file") } else { ("password-file", "user") };
        let why = format!("stands without `{}`: write both, or neither", table.path_of(other));
        table.refuse(&table.place_of(written), written, why);
    }
    if let Some(password) = &password {
        files.push((table.path_of("password-file"), password.value.clone(), password.place.clone(), 1));
    }
    let (server, tls) = (server?, tls?);
    let (host, port) = server.value;
    if tls.value == MailTls::None && !is_loopback(&host) {
        let why = format!("`none` would send to `{host}` unencrypted: write starttls or implicit");
        table.refuse(&tls.place, "tls", why);
    }
    Some(Mail {
        host: host.trim_matches(['[', ']']).to_owned(),
        port,
        tls: tls.value,
        login: user.zip(password).map(|(user, password)| (user.value, password.value)),
        from: from?.value,
    })
}

impl PlacedNotify {
    /// What has to hold across sections: links lead somewhere, files are there, and mail is not alone.
    pub(crate) fn check(&self, sink: &Sink, has_console: bool) {
        let Some(place) = &self.place else { return };
        if !has_console {
            sink.error(place, "`notify` links to the console, which is not there: write `[console]` with listen");
        }
        for (key, path, place, shortest) in &self.files {
            if let Some(why) = secret_problem(path, *shortest) {
                sink.error(place, format!("`{key}`: `{}` {why}", quoted(&path.to_string_lossy())));
            }
        }
        if let Some(mail) = self.mail.as_ref().filter(|_| self.value.is_mail_alone()) {
            sink.warn(
                mail,
                "mail is the only channel for requests, and it arrives late or never: name a webhook in \
                 `[notify.webhooks.NAME]` with the event \"request\", or keep the console open and a telephone at hand",
            );
        }
    }
}

/// What is wrong with a file that holds a secret, and what to do.
fn secret_problem(path: &Path, shortest: usize) -> Option<String> {
    let shown = quoted(&path.to_string_lossy());
    let found = match fs::metadata(path) {
        Ok(found) => found,
        Err(error) => return Some(format!("cannot be read: {error}")),
    };
    if !found.is_file() {
        return Some("is not a file: write the path of one".to_owned());
    }
    if found.permissions().mode() & 0o077 != 0 {
        return Some(format!("can be read by others: run `chmod 600 {shown}`"));
    }
    match fs::read(path) {
        Err(error) => Some(format!("cannot be read: {error}")),
        Ok(bytes) if bytes.trim_ascii().len() < shortest => Some(match shortest {
            1 => "is empty: write the password into it".to_owned(),
            _ => format!("holds fewer than {shortest} characters: fill it with `openssl rand -hex 32`"),
        }),
        Ok(_) => None,
    }
}
