//! The only place that asks the system for randomness.

use aws_lc_rs::rand::{SecureRandom as _, SystemRandom};

/// The machine's generator failed: nothing that needs a secret can go on.
#[derive(Debug, thiserror::Error)]
#[error("the machine's random generator failed")]
pub struct NoEntropy;

/// Fills a buffer.
pub fn fill(buffer: &mut [u8]) -> Result<(), NoEntropy> {
    SystemRandom::new().fill(buffer).map_err(|_| NoEntropy)
}

/// Random bytes.
pub fn bytes<const N: usize>() -> Result<[u8; N], NoEntropy> {
    let mut buffer = [0; N];
    fill(&mut buffer)?;
    Ok(buffer)
}

/// Characters without look-alikes: no 0 and O, 1, I and L, 2 and Z, 5 and S, 8 and B, U and V.
const READABLE: &[u8; 20] = b"34679ACDEFGHJKMNPQRT";

/// A code of `length` characters to be read out on the telephone (D5, D7).
pub fn readable_code(length: usize) -> Result<String, NoEntropy> {
    let mut code = String::with_capacity(length);
    while code.len() < length {
        let [byte] = bytes::<1>()?;
        // 240 is the largest multiple of 20 in a byte: beyond it the draw would not be even.
        if byte < 240 {
            code.extend(READABLE.get(usize::from(byte % 20)).map(|c| char::from(*c)));
        }
    }
    Ok(code)
}

/// A password of about 100 bits that can be typed.
pub fn password() -> Result<String, NoEntropy> {
    let code = readable_code(24)?.to_lowercase();
    let groups: Vec<&str> =
        [(0, 6), (6, 12), (12, 18), (18, 24)].iter().filter_map(|(from, to)| code.get(*from..*to)).collect();
    Ok(groups.join("-"))
}
