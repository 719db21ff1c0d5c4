//! The header of the PROXY protocol, version 2 only: from where a connection comes that a proxy passes on
//! (T24). It is read on the listeners of `ssh.proxied` alone, there always, and only from `ssh.proxies`;
//! anywhere else the socket's own address holds, and a header is no SSH (CVE-2023-46123, CVE-2024-35175).
//!
//! The parser takes bytes and nothing else, so that it can be tested and fuzzed by itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// What every header begins with (the specification's section 2.2).
pub const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and transport, length.
pub const FIXED: usize = 16;
/// The longest rest of a header that is taken: addresses and some additions.
pub const LONGEST: usize = 512;

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// The proxy passes a connection on that comes from this address.
    From(SocketAddr),
    /// The proxy speaks for itself: it asks whether somebody is there.
    Local,
}

/// Why a header was not taken. The peer is told nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadHeader {
    /// Something else came, such as version 1, or SSH itself.
    #[error("no PROXY header of version 2")]
    NoHeader,
    /// Version, command, family or transport is none that is taken.
    #[error("a PROXY header for something else than TCP over IP")]
    Kind,
    /// Shorter than its addresses.
    #[error("a PROXY header that is too short for its addresses")]
    Short,
    /// Longer than [`LONGEST`].
    #[error("a PROXY header of more than {LONGEST} bytes")]
    Long,
    /// The addition of bytes does not come out even.
    #[error("a PROXY header with a broken addition")]
    Addition,
    /// Nobody can come from that address.
    #[error("a PROXY header with an address from which nobody can come")]
    Address,
}

/// The fixed part: how many bytes follow.
///
/// # Errors
/// What is not version 2, or longer than is taken.
pub fn length(fixed: &[u8; FIXED]) -> Result<usize, BadHeader> {
    let Some((length, head)) = fixed.split_last_chunk::<2>().map(|(head, length)| (*length, head)) else {
        return Err(BadHeader::NoHeader);
    };
    if !head.starts_with(&SIGNATURE) {
        return Err(BadHeader::NoHeader);
    }
    if head.get(SIGNATURE.len()).is_none_or(|version| version >> 4 != 2) {
        return Err(BadHeader::Kind);
    }
    match usize::from(u16::from_be_bytes(length)) {
        long if long > LONGEST => Err(BadHeader::Long),
        length => Ok(length),
    }
}

/// A whole header: the fixed part and exactly the bytes that [`length`] asks for.
///
/// # Errors
/// Whatever is not exactly such a header.
pub fn parse(fixed: &[u8; FIXED], rest: &[u8]) -> Result<Header, BadHeader> {
    if rest.len() != length(fixed)? {
        return Err(BadHeader::Short);
    }
    let [.., command, family, _, _] = fixed;
    match (command & 0x0f, family) {
        // What a proxy says of itself is not looked at.
        (0, _) => Ok(Header::Local),
        (1, 0x11) => {
            let (from, more) = addresses::<4>(rest)?;
            additions(more)?;
            whence(Ipv4Addr::from(from.0).into(), from.1)
        }
        (1, 0x21) => {
            let (from, more) = addresses::<16>(rest)?;
            additions(more)?;
            whence(IpAddr::from(Ipv6Addr::from(from.0)).to_canonical(), from.1)
        }
        _ => Err(BadHeader::Kind),
    }
}

/// An address and a port.
type Claimed<const N: usize> = ([u8; N], u16);

/// Two addresses of so many bytes and two ports; the first of each is the client's.
fn addresses<const N: usize>(rest: &[u8]) -> Result<(Claimed<N>, &[u8]), BadHeader> {
    let (from, rest) = rest.split_first_chunk::<N>().ok_or(BadHeader::Short)?;
    let (_, rest) = rest.split_first_chunk::<N>().ok_or(BadHeader::Short)?;
    let (port, rest) = rest.split_first_chunk::<2>().ok_or(BadHeader::Short)?;
    let (_, rest) = rest.split_first_chunk::<2>().ok_or(BadHeader::Short)?;
    Ok(((*from, u16::from_be_bytes(*port)), rest))
}

/// What a proxy adds is passed over, but has to come out even.
fn additions(mut rest: &[u8]) -> Result<(), BadHeader> {
    while let Some((_, more)) = rest.split_first() {
        let (length, more) = more.split_first_chunk::<2>().ok_or(BadHeader::Addition)?;
        rest = more.get(usize::from(u16::from_be_bytes(*length))..).ok_or(BadHeader::Addition)?;
    }
    Ok(())
}

fn whence(ip: IpAddr, port: u16) -> Result<Header, BadHeader> {
    let broadcast = ip == IpAddr::V4(Ipv4Addr::BROADCAST);
    if ip.is_unspecified() || ip.is_multicast() || broadcast || port == 0 {
        return Err(BadHeader::Address);
    }
    Ok(Header::From(SocketAddr::new(ip, port)))
}

/// Reads a header and not one byte more.
///
/// # Errors
/// `None` inside where the peer left before its end.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Header, Option<BadHeader>> {
    let mut fixed = [0; FIXED];
    stream.read_exact(&mut fixed).await.map_err(|_| None)?;
    let mut rest = vec![0; length(&fixed)?];
    stream.read_exact(&mut rest).await.map_err(|_| None)?;
    Ok(parse(&fixed, &rest)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(command: u8, family: u8, rest: &[u8]) -> ([u8; FIXED], Vec<u8>) {
        let mut fixed = [0; FIXED];
        fixed[..12].copy_from_slice(&SIGNATURE);
        fixed[12] = command;
        fixed[13] = family;
        fixed[14..].copy_from_slice(&u16::try_from(rest.len()).unwrap().to_be_bytes());
        (fixed, rest.to_vec())
    }

    fn over_tcp(from: SocketAddr, more: &[u8]) -> ([u8; FIXED], Vec<u8>) {
        let mut rest = Vec::new();
        let family = match from.ip() {
            IpAddr::V4(ip) => {
                rest.extend(ip.octets());
                rest.extend([192, 0, 2, 1]);
                0x11
            }
            IpAddr::V6(ip) => {
                rest.extend(ip.octets());
                rest.extend([0; 16]);
                0x21
            }
        };
        rest.extend(from.port().to_be_bytes());
        rest.extend(22_u16.to_be_bytes());
        rest.extend(more);
        header(0x21, family, &rest)
    }

    fn taken(from: &str, more: &[u8]) -> Result<Header, BadHeader> {
        let (fixed, rest) = over_tcp(from.parse().unwrap(), more);
        parse(&fixed, &rest)
    }

    #[test]
    fn an_address_is_taken_and_what_is_no_address_is_not() {
        let from = |text: &str| Ok(Header::From(text.parse().unwrap()));
        assert_eq!(taken("203.0.113.7:50000", &[]), from("203.0.113.7:50000"));
        assert_eq!(taken("[2001:db8::7]:50000", &[]), from("[2001:db8::7]:50000"));
        // One person has one address, however it is written.
        assert_eq!(taken("[::ffff:203.0.113.7]:50000", &[]), from("203.0.113.7:50000"));
        // An addition of three bytes (PP2_TYPE_NOOP), passed over.
        assert_eq!(taken("203.0.113.7:50000", &[4, 0, 3, 1, 2, 3]), from("203.0.113.7:50000"));
        for odd in ["0.0.0.0:5", "[::]:5", "224.0.0.1:5", "255.255.255.255:5", "203.0.113.7:0", "[ff02::1]:5"] {
            assert_eq!(taken(odd, &[]), Err(BadHeader::Address), "{odd}");
        }
        for broken in [&[4][..], &[4, 0], &[4, 0, 9, 1]] {
            assert_eq!(taken("203.0.113.7:5", broken), Err(BadHeader::Addition));
        }
    }

    /// T24: version 2 over TCP and nothing else.
    #[test]
    fn other_kinds_are_not_taken() {
        let (fixed, rest) = header(0x20, 0, &[]);
        assert_eq!(parse(&fixed, &rest), Ok(Header::Local));
        let twelve = [1; 12];
        for (command, family) in [(0x11, 0x11), (0x31, 0x11), (0x22, 0x11), (0x21, 0x12), (0x21, 0x31), (0x21, 0)] {
            let (fixed, rest) = header(command, family, &twelve);
            assert_eq!(parse(&fixed, &rest), Err(BadHeader::Kind), "{command:x} {family:x}");
        }
        let (fixed, rest) = header(0x21, 0x11, &twelve[..11]);
        assert_eq!(parse(&fixed, &rest), Err(BadHeader::Short));
        let (fixed, rest) = header(0x21, 0x11, &[0; LONGEST + 1]);
        assert_eq!(parse(&fixed, &rest), Err(BadHeader::Long));
        assert_eq!(length(b"PROXY TCP4 203.0"), Err(BadHeader::NoHeader));
        assert_eq!(length(b"SSH-2.0-OpenSSH_"), Err(BadHeader::NoHeader));
    }

    /// What stands behind the header belongs to whoever speaks next.
    #[tokio::test]
    async fn not_one_byte_more_is_read() {
        let (fixed, rest) = over_tcp("203.0.113.7:5".parse().unwrap(), &[]);
        let stream = [&fixed[..], &rest, b"SSH-2.0-x"].concat();
        let mut left = &stream[..];
        assert_eq!(read(&mut left).await, Ok(Header::From("203.0.113.7:5".parse().unwrap())));
        assert_eq!(left, b"SSH-2.0-x");
        assert_eq!(read(&mut &stream[..20]).await, Err(None));
        assert_eq!(read(&mut &b"SSH-2.0-OpenSSH_9.2p1"[..]).await, Err(Some(BadHeader::NoHeader)));
    }

    proptest! {
        /// Whatever comes is an answer, and an address only where a whole header says so.
        #[test]
        fn nothing_breaks_the_parser(fixed: [u8; FIXED], rest in proptest::collection::vec(any::<u8>(), 0..600)) {
            if let Ok(header) = parse(&fixed, &rest) {
                prop_assert!(fixed.starts_with(&SIGNATURE) && rest.len() <= LONGEST);
                prop_assert!(header == Header::Local || fixed[12] == 0x21);
            }
        }

        /// The same with the right beginning, so that what lies behind it is reached.
        #[test]
        fn nothing_breaks_what_follows(kind: (u8, u8), rest in proptest::collection::vec(any::<u8>(), 0..LONGEST)) {
            let (fixed, rest) = header(kind.0, kind.1, &rest);
            if let Ok(Header::From(from)) = parse(&fixed, &rest) {
                prop_assert!(kind.0 == 0x21 && (kind.1 == 0x11 || kind.1 == 0x21));
                prop_assert!(from.port() != 0 && !from.ip().is_unspecified() && !from.ip().is_multicast());
            }
        }

        /// Each address comes back as it was said, and no cut or stretched header is taken.
        #[test]
        fn addresses_come_back(octets: [u8; 16], port in 1u16.., four: bool, cut in 1usize..12) {
            let ip = match four {
                true => IpAddr::from([octets[0], octets[1], octets[2], octets[3]]),
                false => IpAddr::from(octets),
            };
            let canonical = ip.to_canonical();
            prop_assume!(!canonical.is_unspecified() && !canonical.is_multicast());
            prop_assume!(canonical != IpAddr::V4(Ipv4Addr::BROADCAST));
            let (fixed, rest) = over_tcp(SocketAddr::new(ip, port), &[]);
            prop_assert_eq!(parse(&fixed, &rest), Ok(Header::From(SocketAddr::new(canonical, port))));
            prop_assert!(parse(&fixed, &rest[..rest.len() - cut]).is_err());
            let mut longer = rest.clone();
            longer.extend(vec![0; cut]);
            prop_assert!(parse(&fixed, &longer).is_err());
        }
    }
}
