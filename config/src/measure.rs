//! Lengths of time and amounts of bytes, as people write them.

use crate::read::quoted;
use jiff::SignedDuration;
use std::fmt;
use std::str::FromStr;

/// An amount of bytes, such as `1 GiB`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

const SIZES: [(&str, u64); 5] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

impl FromStr for ByteSize {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is not an amount of bytes: write it as `512 MiB` or `1 GiB`", quoted(text));
        let (number, unit) = number_and_unit(text).ok_or_else(wrong)?;
        let factor = SIZES.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor).ok_or_else(wrong)?;
        number.checked_mul(factor).map(ByteSize).ok_or_else(wrong)
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, factor) = SIZES
            .iter()
            .rev()
            .find(|(_, factor)| self.0 >= *factor && self.0.is_multiple_of(*factor))
            .unwrap_or(&("B", 1));
        write!(f, "{} {name}", self.0 / factor)
    }
}

/// A number of months, such as `12 months`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Months(pub u32);

impl FromStr for Months {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{}` is not a number of months: write it as `12 months`", quoted(text));
        match number_and_unit(text).ok_or_else(wrong)? {
            (number, "month" | "months") => u32::try_from(number).map(Months).map_err(|_| wrong()),
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Months {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} month{}", self.0, if self.0 == 1 { "" } else { "s" })
    }
}

/// Reads a length of time such as `5s`, `15m` or `2h`.
pub(crate) fn duration(text: &str) -> Result<SignedDuration, String> {
    let wrong = || format!("`{}` is not a length of time: write it as `5s`, `15m` or `2h`", quoted(text));
    let (number, unit) = number_and_unit(text).ok_or_else(wrong)?;
    let factor = match unit {
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        _ => return Err(wrong()),
    };
    let seconds = i64::try_from(number).ok().and_then(|number| number.checked_mul(factor)).ok_or_else(wrong)?;
    Ok(SignedDuration::from_secs(seconds))
}

fn number_and_unit(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measures_read_and_write() {
        assert_eq!("1 GiB".parse(), Ok(ByteSize(1 << 30)));
        assert_eq!(ByteSize(1536 << 20).to_string(), "1536 MiB");
        assert_eq!("12 months".parse(), Ok(Months(12)));
        assert_eq!(duration("90m"), Ok(SignedDuration::from_mins(90)));
        assert_eq!(duration("2h"), Ok(SignedDuration::from_hours(2)));
        for text in ["", "5", "s", "5 fortnights", "-5s", "99999999999999999999s"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!("1 GB".parse::<ByteSize>().unwrap_err().contains("512 MiB"));
    }
}
