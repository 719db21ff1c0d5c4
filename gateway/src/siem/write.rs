//! An entry in the words of those who collect events (LOG-14). Pure: from a fact to a line.

mod cef;
mod json;
mod ocsf;
mod syslog;
#[cfg(test)]
mod tests;

use super::fact::Fact;
use config::SiemFormat;
use jiff::Timestamp;

/// Longest message: what RFC 5425 §4.3.1 asks of every receiver to take, and rsyslog's default.
pub(crate) const LONGEST: usize = 8192;
/// Lengths to which texts are cut, one after the other, until a message fits.
const CUTS: [usize; 4] = [2000, 500, 100, 32];

/// Who speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Speaker {
    /// The machine's name.
    pub(crate) host: String,
    /// The daemon's process.
    pub(crate) pid: u32,
    /// The origin of the journal whose sequence numbers these are.
    pub(crate) origin: String,
    /// The program's version.
    pub(crate) version: &'static str,
}

/// An entry as one line, at most 8192 bytes long: of what is longer the texts are cut, and marked `…`.
/// The journal has them whole.
pub(crate) fn line(fact: &Fact, speaker: &Speaker, format: SiemFormat) -> String {
    bounded(fact, |fact| body(fact, speaker, format), LONGEST)
}

/// An entry as a syslog message, bounded in the same way.
pub(crate) fn message(fact: &Fact, speaker: &Speaker, format: SiemFormat, facility: u8) -> String {
    let write = |fact: &Fact| match format {
        SiemFormat::Rfc5424 => syslog::structured(fact, speaker, facility),
        _ => syslog::around(fact, speaker, facility, &body(fact, speaker, format)),
    };
    bounded(fact, write, LONGEST)
}

/// A sign of life, which is no entry and has no sequence number: `next` is the number that the next
/// entry will have (D19).
pub(crate) fn alive(at: Timestamp, next: u64, speaker: &Speaker, facility: u8) -> String {
    syslog::alive(at, next, speaker, facility)
}

fn body(fact: &Fact, speaker: &Speaker, format: SiemFormat) -> String {
    match format {
        // The line alone is the whole message: facility 10, security messages.
        SiemFormat::Rfc5424 => syslog::structured(fact, speaker, 10),
        SiemFormat::Cef => cef::write(fact, speaker),
        SiemFormat::Ocsf => ocsf::write(fact, speaker).to_string(),
        SiemFormat::Json => json::write(fact, speaker).to_string(),
    }
}

fn bounded(fact: &Fact, write: impl Fn(&Fact) -> String, most: usize) -> String {
    let whole = write(fact);
    if whole.len() <= most {
        return whole;
    }
    let cut = CUTS.iter().map(|length| write(&fact.shortened(*length))).find(|text| text.len() <= most);
    cut.unwrap_or_else(|| write(&fact.bare()))
}
