//! The sections of `poterne.toml` and the parts of a vendor, each read into its type.
//!
//! A part is `None` only after a complaint about it.

use crate::measure::{ByteSize, Months};
use crate::officer::{self, Wrong};
use crate::read::{At, Place, Table, quoted};
use crate::values::{
    LANGUAGES, absolute, address, by, console_address, day, email, help, host, one_of, phone, recipient, source,
    within, zone,
};
use crate::{Console, Contact, Opening, Recordings, Retention, Site, Ssh, SupervisionTimes};
use ipnet::IpNet;
use policy::{Contract, DateRange, Sources};
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// Longest name of a hospital, company, group or piece of equipment: a line of 80 columns.
pub(crate) const NAME: usize = 80;

/// Longest reason.
pub(crate) const REASON: usize = 200;

/// Its secret key stands in age's own documentation.
const PUBLISHED: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

/// What is laid by on the disk.
fn reserve(text: &str) -> Result<ByteSize, String> {
    const LEAST: ByteSize = ByteSize(1 << 20);
    const MOST: ByteSize = ByteSize(4 << 30);
    let size: ByteSize = by(text)?;
    if (LEAST.0..=MOST.0).contains(&size.0) {
        Ok(size)
    } else {
        Err(format!("`{}` is out of range: write {LEAST} to {MOST}", quoted(text)))
    }
}

pub(crate) fn site(table: &Table<'_>) -> Option<Site> {
    let name = table.required_text("name", NAME, "write the hospital's name");
    let zone = table.required("timezone", "write an IANA zone such as \"Europe/Paris\"", zone);
    let language = table.parsed_or("language", one_of(LANGUAGES));
    let state = table.parsed_or("state", absolute);
    let reserve = table.parsed_or("reserve", reserve);
    let four_eyes = table.flag("four-eyes");
    let sealed = table.parsed_or("command-line", one_of(&[("open", false), ("sealed", true)]));
    table.finish();
    Some(Site {
        name: name?.value,
        zone: zone?.value,
        language: language?.value,
        state: state?.value,
        reserve: reserve?.value,
        four_eyes,
        sealed_command_line: sealed?.value,
    })
}

/// The addresses of `ssh.listen` come with their places, to be compared with others.
pub(crate) fn ssh(table: &Table<'_>) -> Option<(Ssh, Vec<At<SocketAddr>>)> {
    let before = table.sink().count();
    let listen = table.list_or("listen", address);
    if listen.is_empty() && table.sink().count() == before {
        table.refuse(&table.place_of("listen"), "listen", "the list is empty: write at least one address");
    }
    for (n, one) in listen.iter().enumerate() {
        if listen.iter().take(n).any(|other| other.value == one.value) {
            table.refuse(&one.place, "listen", format!("`{}` is listed twice: write it once", one.value));
        }
    }
    let open = table.parsed_or(
        "open",
        one_of(&[("hours", Opening::Hours), ("armed", Opening::Armed), ("always", Opening::Always)]),
    );
    let legacy_clients = table.flag("legacy-clients");
    let name = table.parsed_or("name", host);
    let help = table.parsed_or("help", help);
    let (proxied, proxies) = proxied(table, &listen);
    let pending = table.number("pending", 1..=10_000);
    let channels = table.number("channels", 1..=64);
    let forwards = table.number("forwards", 1..=64);
    table.finish();
    let ssh = Ssh {
        listen: listen.iter().map(|one| one.value).collect(),
        open: open?.value,
        legacy_clients,
        name: name?.value,
        help: help?.value,
        proxied,
        proxies,
        pending: pending?,
        channels: channels?,
        forwards: forwards?,
    };
    Some((ssh, listen))
}

/// On which addresses connections are passed on by a proxy, and by whom (T24). One without the other would
/// believe anybody, or nobody.
fn proxied(table: &Table<'_>, listen: &[At<SocketAddr>]) -> (Vec<SocketAddr>, Vec<IpNet>) {
    let before = table.refused();
    let proxied = table.list_or("proxied", address);
    let proxies = table.list_or("proxies", |text| {
        source(text)?.ok_or_else(|| "any is everybody: write the proxies' own addresses".to_owned())
    });
    // A list of which no entry could be read was told of already.
    let told = table.refused() > before;
    for one in proxied.iter().filter(|one| !listen.iter().any(|other| other.value == one.value)) {
        let why = format!("`{}` is no address of `ssh.listen`: write it there too", one.value);
        table.refuse(&one.place, "proxied", why);
    }
    if proxied.is_empty() != proxies.is_empty() && !told {
        let (written, other) = if proxies.is_empty() { ("proxied", "proxies") } else { ("proxies", "proxied") };
        let why = format!("stands without `ssh.{other}`: write both, or neither");
        table.refuse(&table.place_of(written), written, why);
    }
    (proxied.iter().map(|one| one.value).collect(), proxies.iter().map(|one| one.value).collect())
}

/// The console, and where each of its keys stands.
pub(crate) struct PlacedConsole {
    pub(crate) value: Console,
    pub(crate) listen: Place,
    pub(crate) certificate: Place,
    pub(crate) key: Place,
}

pub(crate) fn console(table: &Table<'_>) -> Option<PlacedConsole> {
    let listen = table.required("listen", "write the inner address, such as \"10.1.0.5:443\"", address);
    let path = |key| table.optional(key, absolute).map(|path| path.value);
    let (certificate, key) = (path("certificate"), path("key"));
    let address = table.optional("address", console_address);
    table.finish();
    if table.has("certificate") != table.has("key") {
        let (written, other) = if table.has("key") { ("key", "certificate") } else { ("certificate", "key") };
        table.refuse(
            &table.place_of(written),
            written,
            format!("stands without `console.{other}`: write both, or neither for a certificate of its own"),
        );
    }
    let listen = listen?;
    Some(PlacedConsole {
        value: Console {
            listen: listen.value,
            certificate,
            key,
            address: address.map_or_else(|| format!("https://{}", listen.value), |address| address.value),
        },
        listen: listen.place,
        certificate: table.place_of("certificate"),
        key: table.place_of("key"),
    })
}

pub(crate) fn recordings(table: &Table<'_>) -> Option<Recordings> {
    let recipients = table.required_list(
        "recipients",
        "write the security officers' keys, `age1…`, as `age-keygen` prints them",
        recipient,
    );
    let second_recipients = second_recipients(table, recipients.as_deref().unwrap_or_default());
    for one in recipients.iter().flatten().chain(&second_recipients).filter(|one| one.value == PUBLISHED) {
        table.sink().warn(
            &one.place,
            "this recipient is the example's: its secret key is published, and anybody can open the recordings; write \
             your security officers' keys",
        );
    }
    let at_least = |least: u64| {
        move |text: &str| {
            let size: ByteSize = by(text)?;
            if size.0 < least {
                Err(format!("`{}` is too little: write at least {}", quoted(text), ByteSize(least)))
            } else {
                Ok(size)
            }
        }
    };
    let record_limit = table.parsed_or("record-limit", at_least(1 << 20));
    let session_quota = table.parsed_or("session-quota", at_least(16 << 20));
    let replay_key = table.optional("replay-key", absolute);
    match replay_key.as_ref().map(|path| (path, officer::check(&path.value))) {
        Some((path, Err(Wrong::Refused(why)))) => table.refuse(&path.place, "replay-key", why),
        Some((path, Err(Wrong::Unseen(why)))) => {
            table.sink().warn(&path.place, format!("`{}`: {why}", table.path_of("replay-key")));
        }
        Some((_, Ok(()))) | None => {}
    }
    if let Some(path) = replay_key.as_ref().filter(|_| !second_recipients.is_empty()) {
        let why = "opens recordings to one person, in the browser, and `second-recipients` wants two (D23): remove one \
                   of the two keys";
        table.refuse(&path.place, "replay-key", why);
    }
    table.finish();
    Some(Recordings {
        recipients: recipients?.into_iter().map(|one| one.value).collect(),
        second_recipients: second_recipients.into_iter().map(|one| one.value).collect(),
        record_limit: record_limit?.value,
        session_quota: session_quota?.value,
        replay_key: replay_key.map(|path| path.value),
    })
}

/// The second persons, where it takes two to read: some, and none of the first.
fn second_recipients(table: &Table<'_>, first: &[At<String>]) -> Vec<At<String>> {
    let two = table.parsed_or("reading", one_of(&[("one-person", false), ("two-persons", true)]));
    let second = table.list_or("second-recipients", recipient);
    let Some(two) = two.map(|two| two.value) else { return second };
    if two && !table.has("second-recipients") {
        let why = "is \"two-persons\", and nobody is the second: write the auditors' keys, `age1…`, into \
                   `recordings.second-recipients`";
        table.refuse(&table.place_of("reading"), "reading", why);
    }
    if !second.is_empty() && !two {
        let why = "names second persons, and one reads alone: write `reading = \"two-persons\"`, or remove this list";
        table.refuse(&table.place_of("second-recipients"), "second-recipients", why);
    }
    if two && table.has("second-recipients") && second.is_empty() {
        let why = "is empty: write the auditors' keys, `age1…`, as `age-keygen` prints them";
        table.refuse(&table.place_of("second-recipients"), "second-recipients", why);
    }
    for both in second.iter().filter(|one| first.iter().any(|other| other.value == one.value)) {
        let why =
            "this key stands in `recordings.recipients` too, and whoever holds it would read alone: name it in one";
        table.refuse(&both.place, "second-recipients", why);
    }
    for (key, one) in [("recipients", first), ("second-recipients", second.as_slice())] {
        if let ([only], true) = (one, two) {
            table.sink().warn(
                &only.place,
                format!(
                    "`recordings.{key}` names one key: if it is lost, nothing that was recorded meanwhile can ever be \
                     opened; name another"
                ),
            );
        }
    }
    second
}

pub(crate) fn supervision(table: &Table<'_>) -> Option<SupervisionTimes> {
    let freeze_after = table.parsed_or("freeze-after", within("1s", "60s"));
    let end_after = table.parsed_or("end-after", within("10s", "1h"));
    let challenge = table.parsed_or("challenge", within("10s", "1h"));
    table.finish();
    let times = SupervisionTimes {
        freeze_after: freeze_after?.value,
        end_after: end_after?.value,
        challenge: challenge?.value,
    };
    if times.end_after <= times.freeze_after {
        let why = "not longer than `freeze-after`, after which a session is frozen: write a longer time";
        table.refuse(&table.place_of("end-after"), "end-after", why);
    }
    Some(times)
}

pub(crate) fn retention(table: &Table<'_>) -> Option<Retention> {
    let because = table.optional_text("because", REASON, "write why longer than 12 months, or remove it");
    // An empty reason was complained of already.
    let reasoned = table.has("because");
    let months = move |least: u32| {
        move |text: &str| {
            let (months, shown): (Months, String) = (by(text)?, quoted(text));
            match months.0 {
                n if n < least => {
                    Err(format!("`{shown}` is less than the rules ask for: write at least {}", Months(least)))
                }
                n if n > 36 => Err(format!("`{shown}` is more than the rules allow: write at most 36 months")),
                n if n > 12 && !reasoned => {
                    Err(format!("`{shown}` is more than 12 months: say why in `retention.because`"))
                }
                _ => Ok(months),
            }
        }
    };
    let journal = table.parsed_or("journal", months(6));
    let recordings = table.parsed_or("recordings", months(1));
    let files = table.parsed_or("files", months(1));
    table.finish();
    Some(Retention {
        journal: journal?.value,
        recordings: recordings?.value,
        files: files?.value,
        because: because.map(|because| because.value),
    })
}

/// A contract, and where its first and last day stand.
pub(crate) struct PlacedContract {
    pub(crate) value: Contract,
    pub(crate) from: Place,
    pub(crate) until: Place,
}

pub(crate) fn contract(vendor: &Table<'_>) -> Option<PlacedContract> {
    let table = section(
        vendor,
        "contract",
        "write `contract = { reference = \"…\", from = \"2026-01-01\", until = \"2026-12-31\" }`: \
         without a contract nothing opens",
    )?;
    let reference = table.required_text("reference", NAME, "write the contract's reference");
    let from = table.required("from", "write its first day", day);
    let until = table.required("until", "write its last day", day);
    table.finish();
    let (from, until) = (from?, until?);
    match DateRange::new(from.value, until.value) {
        Ok(days) => Some(PlacedContract {
            value: Contract { reference: reference?.value, days },
            from: from.place,
            until: until.place,
        }),
        Err(_) => {
            let why = format!("`{}` is before `from`, {}: write the later day here", until.value, from.value);
            table.refuse(&until.place, "until", why);
            None
        }
    }
}

/// A table that must be there. One that is there in a wrong form was complained of already.
pub(crate) fn section<'a>(parent: &Table<'a>, key: &'static str, what: &str) -> Option<Table<'a>> {
    let table = parent.table(key);
    if !parent.has(key) {
        parent.missing(key, what);
    }
    table
}

pub(crate) fn contact(vendor: &Table<'_>) -> Option<Contact> {
    let table = section(
        vendor,
        "contact",
        "write `contact = { name = \"…\", phone = \"…\", email = \"…\" }`: the number that approvers call back",
    )?;
    let name = table.required_text("name", NAME, "write who answers");
    let phone = table.required("phone", "write the number in the contract", phone);
    let email = table.required("email", "write the address for receipts", email);
    table.finish();
    Some(Contact { name: name?.value, phone: phone?.value, email: email?.value })
}

pub(crate) fn sources(vendor: &Table<'_>) -> Option<Sources> {
    let because = vendor.optional_text("because", REASON, "write why no list of networks is kept, or remove it");
    let listed = vendor.required_list(
        "sources",
        "write the networks that the vendor declared, or \"any\" with `because`",
        source,
    )?;
    let networks: Vec<IpNet> = listed.iter().filter_map(|one| one.value).collect();
    let Some(any) = listed.iter().find(|one| one.value.is_none()) else {
        for one in &listed {
            warn_if_wide(vendor, one);
        }
        return Some(Sources::Networks(networks));
    };
    if !networks.is_empty() {
        vendor.refuse(
            &any.place,
            "sources",
            "\"any\" stands beside networks, and would open them all: keep one or the other",
        );
        return None;
    }
    if because.is_none() && !vendor.has("because") {
        vendor.refuse(&any.place, "sources", "\"any\" needs the reason why no list is kept: write it in `because`");
    }
    Some(Sources::Any { because: because?.value })
}

/// A network as wide as an operator's whole range is allowed, but seldom meant.
fn warn_if_wide(vendor: &Table<'_>, one: &At<Option<IpNet>>) {
    let wide = match one.value {
        Some(IpNet::V4(network)) => network.prefix_len() < 12,
        Some(IpNet::V6(network)) => network.prefix_len() < 20,
        None => false,
    };
    if let Some(network) = one.value.filter(|_| wide) {
        let path = vendor.path_of("sources");
        vendor.sink().warn(
            &one.place,
            format!("`{path}`: `{network}` is a large part of the Internet: is it the vendor's own?"),
        );
    }
}

/// Whether a key is asked for besides password and code. There is no form with fewer than both
/// (D3).
pub(crate) fn factors(vendor: &Table<'_>) -> Option<bool> {
    let before = vendor.sink().count();
    let all = vendor.required_list(
        "factors",
        "write [\"key\", \"password\", \"totp\"], or [\"password\", \"totp\"]",
        one_of(&[("key", 'k'), ("password", 'p'), ("totp", 't')]),
    )?;
    let set: BTreeSet<char> = all.iter().map(|one| one.value).collect();
    if vendor.sink().count() != before {
        return None;
    }
    let (place, path) = (vendor.place_of("factors"), vendor.path_of("factors"));
    if !(set.contains(&'p') && set.contains(&'t')) {
        vendor.refuse(
            &place,
            "factors",
            "password and code are both needed, always: write [\"key\", \"password\", \"totp\"] or \
             [\"password\", \"totp\"]",
        );
        return None;
    }
    if !set.contains(&'k') {
        vendor.sink().warn(&place, format!("`{path}`: without a key, password and code can be phished: add \"key\""));
    }
    Some(set.contains(&'k'))
}
