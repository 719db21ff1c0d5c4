//! Who counts as one: an IPv4 address, or a network of IPv6, since whoever has one address there has the
//! whole of it.

use config::Limits;
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// One source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Source(IpNet);

impl Source {
    /// The source of an address.
    pub fn of(ip: IpAddr, limits: &Limits) -> Self {
        let ip = ip.to_canonical();
        let bits = match ip {
            IpAddr::V4(_) => 32,
            IpAddr::V6(_) => u8::try_from(limits.ipv6_prefix).unwrap_or(64),
        };
        Self(IpNet::new(ip, bits).unwrap_or_else(|_| IpNet::from(ip)).trunc())
    }

    /// Its address, or the first one of its network.
    pub fn address(self) -> IpAddr {
        self.0.addr()
    }

    /// The source that a person writes: an address, or the network as it is shown.
    pub fn read(text: &str, limits: &Limits) -> Option<Self> {
        let text = text.trim();
        let ip = IpAddr::from_str(text).ok();
        ip.or_else(|| IpNet::from_str(text).ok().map(|net| net.addr())).map(|ip| Self::of(ip, limits))
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.prefix_len() == self.0.max_prefix_len() {
            write!(f, "{}", self.0.addr())
        } else {
            write!(f, "{}", self.0)
        }
    }
}
