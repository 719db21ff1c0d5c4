//! The header that a named proxy puts before a connection (PROXY protocol, version 2; T24). Holds: an
//! address comes only out of a whole header for TCP, is the one that stands in it, is one that somebody can
//! come from, and no more is read than the header itself says.

use gateway::ssh::proxy::{FIXED, Header, LONGEST, SIGNATURE, length, parse};
use std::net::IpAddr;

/// Bytes of a stream, from its beginning.
pub fn run(data: &[u8]) {
    let Some((fixed, behind)) = data.split_first_chunk::<FIXED>() else { return };
    let Ok(length) = length(fixed) else {
        assert!(parse(fixed, behind).is_err(), "taken, and its length is not");
        return;
    };
    assert!(length <= LONGEST && fixed.starts_with(&SIGNATURE));
    assert_eq!(length, usize::from(u16::from_be_bytes([fixed[14], fixed[15]])));
    let Some(rest) = behind.get(..length) else { return };
    if behind.len() > length {
        assert!(parse(fixed, behind).is_err(), "more than the header was taken");
    }
    match parse(fixed, rest) {
        Err(_) => {}
        Ok(Header::Local) => assert_eq!(fixed[12], 0x20),
        Ok(Header::From(from)) => {
            assert_eq!(fixed[12], 0x21);
            let (said, port) = match fixed[13] {
                0x11 => (IpAddr::from(*rest.first_chunk::<4>().unwrap()), &rest[8..10]),
                0x21 => (IpAddr::from(*rest.first_chunk::<16>().unwrap()), &rest[32..34]),
                other => panic!("an address of a family that has none: {other:x}"),
            };
            assert_eq!((from.ip(), from.port()), (said.to_canonical(), u16::from_be_bytes([port[0], port[1]])));
            assert!(from.port() != 0 && !from.ip().is_unspecified() && !from.ip().is_multicast());
        }
    }
}
