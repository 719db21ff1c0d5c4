//! What listens on this machine, from the kernel's own tables.

use super::root::Root;
use super::{Finding, answers};
use config::{Config, Opening};
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The state of a socket that listens, in /proc/net/tcp.
const LISTENS: &str = "0A";
/// Ports of remote control that stand beside the bastion: telnet, RDP, VNC, TeamViewer, AnyDesk.
const REMOTE_CONTROL: [u16; 6] = [23, 3389, 5800, 5900, 5938, 7070];

/// Every address at which something listens. `None`: the kernel's tables cannot be read.
fn listening(root: &Root) -> Option<BTreeSet<SocketAddr>> {
    let (four, six) = (root.read("/proc/net/tcp"), root.read("/proc/net/tcp6"));
    if four.is_none() && six.is_none() {
        return None;
    }
    let texts = [four, six];
    Some(texts.iter().flatten().flat_map(|text| text.lines().skip(1)).filter_map(listener_of).collect())
}

/// `sl local_address rem_address st …`, the address as hexadecimal words in the machine's order.
fn listener_of(line: &str) -> Option<SocketAddr> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, _, state) = (fields.next()?, fields.next()?, fields.next()?);
    if state != LISTENS {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    let word = |n: usize| u32::from_str_radix(address.get(n * 8..n * 8 + 8)?, 16).ok();
    let ip: IpAddr = match address.len() {
        8 => Ipv4Addr::from(word(0)?.to_ne_bytes()).into(),
        32 => {
            let mut bytes = [0_u8; 16];
            for (n, chunk) in bytes.chunks_exact_mut(4).enumerate() {
                chunk.copy_from_slice(&word(n)?.to_ne_bytes());
            }
            Ipv6Addr::from(bytes).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

/// Whether one of these serves that address: itself, or the same port on all addresses.
fn serves(all: &BTreeSet<SocketAddr>, wanted: SocketAddr) -> bool {
    all.iter()
        .any(|one| one.port() == wanted.port() && (one.ip() == wanted.ip().to_canonical() || one.ip().is_unspecified()))
}

/// TIM-01, LIF-01: the vendors' port is open when the configuration says so, and at no other time.
pub(super) fn listener(root: &Root, config: &Config, status: Option<&Value>, at: Timestamp) -> Finding {
    const ID: &str = "listener";
    let Some(all) = listening(root) else { return Finding::amber(ID, "unknown", "/proc/net/tcp") };
    let open: Vec<String> =
        config.ssh.listen.iter().filter(|one| serves(&all, **one)).map(ToString::to_string).collect();
    let said = |name: &str| status.and_then(|status| status.get(name)).and_then(Value::as_bool);
    let (hours, is_open, shown) = (config.any_hours_open(at), !open.is_empty(), open.join(", "));
    let cut = is_open && said("lockdown") == Some(true);
    let reopened = status.map(answers::reopened).unwrap_or_default();
    if cut && reopened.is_empty() {
        return Finding::red(ID, "lockdown", shown);
    }
    if let Some(console) = &config.console
        && !serves(&all, console.listen)
    {
        return Finding::red(ID, "console", console.listen);
    }
    if cut {
        return Finding::amber(ID, "part", reopened);
    }
    let due = match config.ssh.open {
        Opening::Always => Some(true),
        Opening::Hours if hours => Some(true),
        // Only the daemon knows what is planned.
        Opening::Hours | Opening::Armed => said("armed"),
    };
    match (is_open, due) {
        // By the configuration, and against the rule that the port is closed outside the hours.
        (true, Some(true)) if config.ssh.open == Opening::Always => Finding::amber(ID, "always", shown),
        (true, Some(true)) => Finding::green(ID, "due", shown),
        (false, Some(false)) => Finding::green(ID, "closed", ""),
        // Somebody who enrols opens it too.
        (true, Some(false)) => Finding::amber(ID, "not-due", shown),
        (false, Some(true)) if said("lockdown") == Some(true) => Finding::amber(ID, "cut", ""),
        (false, Some(true)) => {
            let wanted: Vec<String> = config.ssh.listen.iter().map(ToString::to_string).collect();
            Finding::red(ID, "missing", wanted.join(", "))
        }
        (true, None) => Finding::amber(ID, "open-unknown", shown),
        (false, None) => Finding::amber(ID, "closed-unknown", ""),
    }
}

/// HRD-11: nothing else can be reached from outside.
pub(super) fn stray(root: &Root, config: Option<&Config>) -> Finding {
    const ID: &str = "stray";
    let Some(all) = listening(root) else { return Finding::amber(ID, "unknown", "/proc/net/tcp") };
    let ours = |one: &SocketAddr| config.is_some_and(|config| config.is_bastion(*one) || is_at_any(config, *one));
    let strays: Vec<&SocketAddr> = all.iter().filter(|one| !one.ip().is_loopback() && !ours(one)).collect();
    let named = |some: &[&SocketAddr]| some.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let remote: Vec<&SocketAddr> = strays.iter().copied().filter(|one| REMOTE_CONTROL.contains(&one.port())).collect();
    match (strays.is_empty(), remote.is_empty()) {
        (true, _) => Finding::green(ID, "none", ""),
        (_, false) => Finding::red(ID, "remote", named(&remote)),
        (_, true) => Finding::amber(ID, "others", named(&strays)),
    }
}

/// A listener on all addresses, of a configuration that names one.
fn is_at_any(config: &Config, one: SocketAddr) -> bool {
    let console = config.console.iter().map(|console| console.listen);
    one.ip().is_unspecified() && config.ssh.listen.iter().copied().chain(console).any(|own| own.port() == one.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_table_is_read() {
        // As an x86-64 writes it, the words in its own order.
        let line = |address: u32| {
            let word = u32::from_ne_bytes(address.to_be_bytes());
            format!("   0: {word:08X}:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1")
        };
        assert_eq!(listener_of(&line(0x7f00_0001)), Some("127.0.0.1:22".parse().unwrap()));
        assert_eq!(listener_of(&line(0x7f00_0001).replace(" 0A ", " 01 ")), None);
        let six = "   0: 00000000000000000000000000000000:01BB 00000000000000000000000000000000:0000 0A 0 0 0 0 0";
        assert_eq!(listener_of(six), Some("[::]:443".parse().unwrap()));
        assert_eq!(listener_of("no line of it"), None);
    }
}
