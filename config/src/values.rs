//! Single values: each reader takes a text and says what to write instead.

use crate::Language;
use crate::measure::duration;
use crate::read::quoted;
use ipnet::IpNet;
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::fmt::Display;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

/// Reads by the type's own grammar and message.
pub(crate) fn by<T: FromStr>(text: &str) -> Result<T, String>
where
    T::Err: Display,
{
    text.parse().map_err(|error: T::Err| error.to_string())
}

pub(crate) fn one_of<T: Copy>(choices: &'static [(&'static str, T)]) -> impl Fn(&str) -> Result<T, String> {
    move |text| {
        choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value).ok_or_else(|| {
            let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
            format!("`{}` is unknown here: write one of {}", quoted(text), words.join(", "))
        })
    }
}

pub(crate) const LANGUAGES: &[(&str, Language)] = &[("fr", Language::French), ("en", Language::English)];

pub(crate) fn within(least: &'static str, most: &'static str) -> impl Fn(&str) -> Result<SignedDuration, String> {
    move |text| {
        let length = duration(text)?;
        let inside = length >= duration(least)? && length <= duration(most)?;
        if inside {
            Ok(length)
        } else {
            Err(format!("`{}` is outside the range: write {least} to {most}", quoted(text)))
        }
    }
}

pub(crate) fn day(text: &str) -> Result<Date, String> {
    // The library also reads `20261231` and times after the day; one form is enough.
    let plain = text.len() == 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'-');
    text.parse()
        .ok()
        .filter(|_| plain)
        .ok_or_else(|| format!("`{}` is not a day: write it as 2026-12-31", quoted(text)))
}

pub(crate) fn zone(text: &str) -> Result<TimeZone, String> {
    TimeZone::get(text)
        .ok()
        .filter(|zone| !zone.is_unknown())
        .ok_or_else(|| format!("`{}` is not a zone of the IANA database: write one such as Europe/Paris", quoted(text)))
}

pub(crate) fn absolute(text: &str) -> Result<PathBuf, String> {
    if text.starts_with('/') {
        Ok(PathBuf::from(text))
    } else {
        Err(format!("`{}` is not absolute: begin it with /", quoted(text)))
    }
}

pub(crate) fn address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        format!(
            "`{}` is not an address with a port: write numbers such as 10.20.3.14:22 or [fd00::1]:22; names are not \
             resolved",
            quoted(text)
        )
    })
}

/// The address of a piece of equipment: one host, one port.
pub(crate) fn target_address(text: &str) -> Result<SocketAddr, String> {
    let address = address(text)?;
    let ip = address.ip().to_canonical();
    let broadcast = ip == IpAddr::from([255, 255, 255, 255]);
    if ip.is_unspecified() || ip.is_multicast() || broadcast || address.port() == 0 {
        return Err(format!("`{address}` is not one piece of equipment: write its own address and port"));
    }
    Ok(address)
}

/// A network of a vendor, or `None` for anywhere.
pub(crate) fn source(text: &str) -> Result<Option<IpNet>, String> {
    if text == "any" {
        return Ok(None);
    }
    let network = by::<IpNet>(text).or_else(|_| by::<IpAddr>(text).map(IpNet::from)).map_err(|_| {
        format!(
            "`{}` is neither a network nor an address: write it as 203.0.113.0/24, or \"any\" with `because`",
            quoted(text)
        )
    })?;
    let mapped = matches!(network.addr(), IpAddr::V6(ip) if ip.to_ipv4_mapped().is_some());
    if network.prefix_len() == 0 {
        // Otherwise the reason that "any" needs could be left out.
        return Err(format!("`{network}` is everywhere: write \"any\" with `because`, or the vendor's own networks"));
    }
    if mapped {
        return Err(format!("`{network}` is IPv4 in the clothes of IPv6, and matches nothing: write it as IPv4"));
    }
    if network != network.trunc() {
        return Err(format!(
            "`{network}` names an address and a network: write {} or {}",
            network.trunc(),
            network.addr()
        ));
    }
    Ok(Some(network))
}

/// What a client shows of a refusal: ASCII, one line.
pub(crate) fn help(text: &str) -> Result<String, String> {
    if text.len() <= 70 && text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        Ok(text.to_owned())
    } else {
        Err("write at most 70 ASCII characters, no accents: clients show no others here".to_owned())
    }
}

/// The name or address by which vendors reach the bastion.
pub(crate) fn host(text: &str) -> Result<String, String> {
    let fits = text.len() <= 253 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.:".contains(&b));
    if fits {
        Ok(text.to_owned())
    } else {
        Err(format!("`{}` is not a host name: write one such as \"bastion.chu.example\", without a port", quoted(text)))
    }
}

/// A host with its port: a name, an IPv4 address, or an IPv6 address in brackets.
pub(crate) fn host_and_port(text: &str) -> Option<(&str, u16)> {
    let (host, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0 && text.is_ascii())?;
    is_host(host).then_some((host, port))
}

fn is_host(text: &str) -> bool {
    let label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(ip) => ip.parse::<std::net::Ipv6Addr>().is_ok(),
        None => text.len() <= 253 && text.split('.').all(label),
    }
}

/// A name that an operator gives to a way out: also good as a file's.
pub(crate) fn is_short_name(text: &str) -> bool {
    text.len() <= 32
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Whether this machine alone is meant. A name is not believed: it is resolved elsewhere.
pub(crate) fn is_loopback(host: &str) -> bool {
    host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The host and port of an address without login, or `None`.
fn authority(text: &str, port: u16) -> Option<(&str, u16)> {
    if is_host(text) { Some((text, port)) } else { host_and_port(text) }
}

/// How browsers reach the console.
pub(crate) fn console_address(text: &str) -> Result<String, String> {
    let plain = text.strip_suffix('/').unwrap_or(text);
    match plain.strip_prefix("https://") {
        Some(rest) if authority(rest, 443).is_some() => Ok(plain.to_owned()),
        _ => Err(format!(
            "`{}` is not the console's address: write one such as https://poterne.chu.example, without a path",
            quoted(text)
        )),
    }
}

/// Where a webhook is posted. What stands behind the host may be a secret, so no message repeats it.
pub(crate) fn webhook_url(text: &str) -> Result<String, String> {
    let instead = "write one such as https://chat.chu.example/hooks/bastion";
    let (rest, port) = match text.split_once("://") {
        Some(("https", rest)) => (rest, 443),
        Some(("http", rest)) => (rest, 80),
        _ => return Err(format!("this is not an https address: {instead}")),
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (place, path) = rest.split_at(end);
    if place.contains('@') {
        return Err(format!("a login stands in the address, and would be seen in logs: {instead}"));
    }
    let Some((host, _)) = authority(place, port) else {
        return Err(format!("`{}` is not a host: {instead}", quoted(place)));
    };
    if port == 80 && !is_loopback(host) {
        return Err(format!("`http://{}` is not encrypted: write https://, or 127.0.0.1 as its host", quoted(place)));
    }
    if !path.bytes().all(|b| b.is_ascii_graphic()) || path.contains('#') || text.len() > 2000 {
        return Err(format!("what follows the host is no path: {instead}"));
    }
    Ok(text.to_owned())
}

pub(crate) fn phone(text: &str) -> Result<String, String> {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    if digits >= 8 && text.chars().count() <= 80 {
        Ok(text.to_owned())
    } else {
        Err(format!("`{}` is not a telephone number: write at least 8 digits", quoted(text)))
    }
}

/// An e-mail address. Strict, since nobody of its domain may approve (APR-02): a stray blank or dot
/// would make a domain that nobody has.
pub(crate) fn email(text: &str) -> Result<String, String> {
    let local = |local: &str| !local.is_empty() && local.bytes().all(|b| b.is_ascii_graphic() && b != b'@');
    let label = |label: &str| !label.is_empty() && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    match text.rsplit_once('@') {
        Some((name, domain)) if local(name) && domain.contains('.') && domain.split('.').all(label) => {
            Ok(text.to_owned())
        }
        _ => Err(format!("`{}` is not an e-mail address: write it as support@company.example", quoted(text))),
    }
}

/// An age X25519 recipient: bech32 with the prefix `age`, its checksum included, so that
/// `poterne config check` finds the slip of a copy and not the daemon's start.
pub(crate) fn recipient(text: &str) -> Result<String, String> {
    if text.starts_with("AGE-SECRET-KEY-") {
        // Not repeated: messages end up in tickets.
        return Err("this is a secret key, which must never be on the bastion: destroy it, make a new one elsewhere, \
                    and write its public key, `age1…`"
            .to_owned());
    }
    let wrong =
        |why: &str| format!("`{}` {why}: write the line `age1…` that `age-keygen` prints as public key", quoted(text));
    if text.len() != 62 || !text.starts_with("age1") {
        return Err(wrong("is not an age recipient"));
    }
    if !bech32_holds("age", text.get(4..).unwrap_or_default()) {
        return Err(wrong("is not an age recipient, or a letter of it is wrong"));
    }
    Ok(text.to_owned())
}

/// Whether the checksum of BIP 173 holds.
fn bech32_holds(prefix: &str, data: &str) -> bool {
    const LETTERS: &str = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let mut sum: u32 = 1;
    let high = prefix.bytes().map(|b| Some(u32::from(b >> 5)));
    let low = prefix.bytes().map(|b| Some(u32::from(b & 31)));
    let data = data.chars().map(|c| LETTERS.find(c).and_then(|at| u32::try_from(at).ok()));
    for value in high.chain([Some(0)]).chain(low).chain(data) {
        let Some(value) = value else { return false };
        let top = sum >> 25;
        sum = ((sum & 0x01ff_ffff) << 5) ^ value;
        for (bit, term) in GENERATOR.iter().enumerate() {
            if (top >> bit) & 1 == 1 {
                sum ^= term;
            }
        }
    }
    sum == 1
}

/// The form of an OpenSSH public key, and that its blob is of the kind it says. The gateway reads
/// it in full.
pub(crate) fn host_key(text: &str) -> Result<String, String> {
    const KINDS: [&str; 5] =
        ["ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"];
    let mut words = text.split(' ');
    let (kind, blob) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let instead = "write the line that `poterne target pin` prints, which begins as `ssh-ed25519 AAAA…`";
    if !KINDS.contains(&kind) {
        return Err(format!("`{}` does not begin an OpenSSH host key: {instead}", quoted(kind)));
    }
    let fits = data_encoding::BASE64.decode(blob.as_bytes()).is_ok_and(|blob| blob_is(&blob, kind));
    if fits { Ok(text.to_owned()) } else { Err(format!("the `{kind}` key is cut or changed: {instead}")) }
}

/// RFC 4253 §6.6: the blob begins with its kind; RFC 8709 §4: an ed25519 key has 32 bytes.
fn blob_is(blob: &[u8], kind: &str) -> bool {
    let Some((length, rest)) = blob.split_first_chunk::<4>() else { return false };
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    length == kind.len()
        && rest.starts_with(kind.as_bytes())
        && if kind == "ssh-ed25519" { blob.len() == 51 } else { blob.len() > 80 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copied_recipient_is_checked_to_the_letter() {
        let good = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
        assert_eq!(recipient(good), Ok(good.to_owned()));
        for (position, _) in good.char_indices().skip(4) {
            let mut wrong = good.to_owned();
            let other = if good.get(position..=position) == Some("q") { "p" } else { "q" };
            wrong.replace_range(position..=position, other);
            assert!(recipient(&wrong).is_err(), "{wrong}");
        }
        let secret =
            recipient("AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33").unwrap_err();
        assert!(!secret.contains("GQ9778"), "a secret is never repeated: {secret}");
    }

    #[test]
    fn a_source_says_what_it_opens() {
        for text in ["203.0.113.0/24", "203.0.113.9", "2001:db8::/32"] {
            assert!(source(text).unwrap().is_some(), "{text}");
        }
        assert_eq!(source("any"), Ok(None));
        for text in ["0.0.0.0/0", "::/0", "203.0.113.9/24", "::ffff:203.0.113.0/120", "imagix.example", "Any", ""] {
            assert!(source(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_address_for_receipts_has_a_domain_one_can_compare() {
        assert!(email("support+irm@imagix.example").is_ok());
        for text in ["support", "@a.b", "a@b", "a@b.c ", "a@b.c.", "a@b@c.d", "a b@c.d", "a@é.fr", "a@b..c"] {
            assert!(email(text).is_err(), "{text}");
        }
    }
}
