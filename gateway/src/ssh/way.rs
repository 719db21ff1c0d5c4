//! Where a `direct-tcpip` leads: to an address of the permit, to the session's own target, or nowhere.
//!
//! No name is ever resolved: what the client's or the bastion's DNS says must not decide where bytes
//! go. Equipment that is not on the technician's list is refused as if it did not exist (promise 10).

use crate::texts::Texts;
use config::Config;
use policy::{Permit, Right, TargetAccount, TargetId, TechnicianLogin, VendorId};
use std::net::{IpAddr, SocketAddr};

/// The port by which SSH is meant when a target is named.
const SSH: u16 = 22;
/// Longest destination that is looked at or shown, in characters.
const LONGEST: usize = 64;

/// Where a client wants to go, in its own words.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    host: String,
    port: u32,
}

/// Where it leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// To an address that the permit names, as it names it.
    Forward(SocketAddr),
    /// To the session's own target by SSH, which the bastion meets itself.
    Jump,
    /// Nowhere.
    Refused(NoWay),
}

/// Why it leads nowhere.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoWay {
    /// A name, where an address must stand.
    Name,
    /// Not in the permit, or never possible.
    NotGranted,
    /// To another target of the technician's list, for which there is another way.
    Elsewhere(TargetId),
}

/// Who asks.
pub(super) struct Asker<'a> {
    pub(super) permit: &'a Permit,
    pub(super) vendor: &'a VendorId,
}

impl Wanted {
    /// What a client wrote: bounded, and nothing of it is trusted.
    pub(super) fn new(host: &str, port: u32) -> Self {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Self { host: host.chars().take(LONGEST).collect::<String>().to_ascii_lowercase(), port }
    }

    /// As it is shown and journalled.
    pub(super) fn shown(&self) -> String {
        let host: String = self.host.chars().map(|c| if c.is_ascii_graphic() { c } else { '?' }).collect();
        if host.contains(':') { format!("[{host}]:{}", self.port) } else { format!("{host}:{}", self.port) }
    }

    /// Judges it by the configuration in force and the permit.
    pub(super) fn judge(&self, config: &Config, asker: &Asker<'_>) -> Way {
        let (Ok(port), Some(own)) = (u16::try_from(self.port), config.targets.get(asker.permit.target())) else {
            return Way::Refused(NoWay::NotGranted);
        };
        let own = canonical(own.address);
        let named = self.host.parse::<TargetId>().ok();
        let to = match (self.host.parse::<IpAddr>(), &named) {
            (Ok(ip), _) => SocketAddr::new(ip.to_canonical(), port),
            (_, Some(id)) if id == asker.permit.target() => {
                if port == SSH {
                    return Way::Jump;
                }
                SocketAddr::new(own.ip(), port)
            }
            _ => return Way::Refused(self.elsewhere(config, asker, named.as_ref(), port)),
        };
        if to == own {
            return Way::Jump;
        }
        if let Some(other) = config.target_at(to) {
            let listed = on_the_list(config, asker.vendor, other);
            return Way::Refused(if listed { NoWay::Elsewhere(other.clone()) } else { NoWay::NotGranted });
        }
        let rights = asker.permit.rights();
        let granted = rights.iter().find_map(|right| match right {
            Right::Forward(address) if canonical(*address) == to => Some(*address),
            _ => None,
        });
        match granted {
            Some(address) if !config.is_bastion(to) => Way::Forward(address),
            _ => Way::Refused(NoWay::NotGranted),
        }
    }

    /// Another target by its name, if the technician knows that name already.
    fn elsewhere(&self, config: &Config, asker: &Asker<'_>, named: Option<&TargetId>, port: u16) -> NoWay {
        let other = named.and_then(|id| config.targets.get_key_value(id));
        match other {
            Some((id, target))
                if on_the_list(config, asker.vendor, id) && [SSH, target.address.port()].contains(&port) =>
            {
                NoWay::Elsewhere(id.clone())
            }
            _ => NoWay::Name,
        }
    }
}

/// The command that works, for a target and an account on it.
pub(super) fn command(
    config: &Config,
    technician: &TechnicianLogin,
    target: &TargetId,
    account: Option<&TargetAccount>,
) -> String {
    let usual = config.targets.get(target).map(|target| &target.rules.account);
    let bastion = if config.ssh.name.is_empty() { "bastion" } else { &config.ssh.name };
    let (login, more) = match (account.or(usual), account) {
        (Some(login), Some(asked)) if Some(asked) != usual => (login.as_str(), format!("+{asked}")),
        (Some(login), _) => (login.as_str(), String::new()),
        (None, _) => ("", String::new()),
    };
    format!("ssh -J {technician}+{target}{more}@{bastion} {login}@{target}")
}

impl NoWay {
    /// For the journal.
    pub(super) fn why(&self) -> &'static str {
        match self {
            NoWay::Name => "a name instead of an address",
            NoWay::NotGranted => "not granted",
            NoWay::Elsewhere(_) => "another target",
        }
    }

    /// For the technician.
    pub(super) fn text(&self, config: &Config, texts: &Texts, technician: &TechnicianLogin, wanted: &Wanted) -> String {
        match self {
            NoWay::Name => texts.text("tunnel-name"),
            NoWay::NotGranted => texts.with("tunnel-not-granted", &[("to", &wanted.shown())]),
            NoWay::Elsewhere(target) => {
                texts.with("jump-elsewhere", &[("command", &command(config, technician, target, None))])
            }
        }
    }
}

/// What the lobby's menu lists: the targets of the company's rules.
fn on_the_list(config: &Config, vendor: &VendorId, target: &TargetId) -> bool {
    config.vendors.get(vendor).is_some_and(|vendor| vendor.rules.allow.iter().any(|rule| rule.targets.contains(target)))
}

/// An IPv4 address that is written as IPv6 is the IPv4 address it is.
fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
