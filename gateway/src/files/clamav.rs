//! Asks clamd about a file: ClamAV's daemon, by its own protocol (`INSTREAM`), over its socket or TCP.
//!
//! Anything but a clear OK about the whole file is not clean (fail closed). That needs one setting of
//! clamd's: by default it also says OK of what it did not look into, such as files beyond its limits
//! and archives nested too deeply. So it is tried first with one of those (`probe`).

mod peer;
mod probe;

/// What it is asked by, for those who know this crate alone.
pub use config::{ByteSize, Clamav, ClamavSocket};

use super::Finding;
use jiff::civil::Date;
use peer::{Answer, Command, ask};
use std::path::Path;
use std::time::Duration;
use tokio::fs::File;

/// Longest name of a finding, or answer in an error, that is carried on; clamd's names are shorter.
const LONGEST_NAME: usize = 200;
/// How long clamd may take to say that it is there.
const LOOK: Duration = Duration::from_secs(5);
/// What clamd calls it when its limits kept it from looking into a part of something.
const LIMITS: &str = "Heuristics.Limits.Exceeded";
/// What clamd calls it when something is encrypted, where it was told to say so.
const ENCRYPTED: &str = "Heuristics.Encrypted";

/// Why there is no answer on which a file could be delivered. In words for an operator.
#[derive(Debug, thiserror::Error)]
enum Trouble {
    #[error("clamd does not answer at {at}: {why}")]
    Unreachable { at: String, why: String },
    #[error("clamd at {at} has not answered within {within:#}")]
    Slow { at: String, within: jiff::SignedDuration },
    #[error("clamd at {at} closed the connection without an answer")]
    Silent { at: String },
    #[error("the file is larger than `clamav.limit`, {limit}, and is not scanned")]
    TooLarge { limit: ByteSize },
    #[error(
        "the file is larger than clamd takes: raise `StreamMaxLength` in its clamd.conf to `clamav.limit` at least"
    )]
    StreamLimit,
    #[error("clamd looked into a part of the file only ({name}): its limits in clamd.conf are too small for it")]
    InPart { name: String },
    #[error("clamd cannot look into the file, since it is encrypted ({name})")]
    Encrypted { name: String },
    #[error("clamd answered before it had the whole file")]
    Early,
    #[error(
        "clamd says OK of what it did not look into: write `AlertExceedsMax yes` and `ScanArchive yes` into its clamd.conf"
    )]
    Lenient,
    #[error("clamd answered `{0}`")]
    Strange(String),
    #[error("the file cannot be read in quarantine: {0}")]
    Unreadable(#[source] std::io::Error),
}

/// What clamd says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// Its version, such as `ClamAV 1.4.6`; `None` if it does not say.
    pub program: Option<String>,
    /// Of which day its signatures are; `None` if it has none but local ones, or does not say.
    pub signatures: Option<Date>,
}

/// What clamd says of this file. Takes `clamav.patience` at most, in real time.
///
/// The file must not change meanwhile.
pub async fn scan(clamav: &Clamav, path: &Path) -> Finding {
    match within(clamav, clamav.patience, look_into(clamav, path)).await {
        Ok(finding) => finding,
        Err(trouble) => Finding::Unscanned(trouble.to_string()),
    }
}

/// Whether clamd is there and fit to be asked; if not, why, in words for an operator.
pub async fn look(clamav: &Clamav) -> Result<Version, String> {
    let patience = jiff::SignedDuration::try_from(LOOK).unwrap_or(clamav.patience);
    within(clamav, patience, introduce(clamav)).await.map_err(|trouble| trouble.to_string())
}

async fn within<T>(
    clamav: &Clamav,
    patience: jiff::SignedDuration,
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    let slow = |_| Trouble::Slow { at: peer::place(&clamav.socket), within: patience };
    tokio::time::timeout(patience.unsigned_abs(), work).await.map_err(slow)?
}

async fn look_into(clamav: &Clamav, path: &Path) -> Result<Finding, Trouble> {
    probe::try_out(clamav).await?;
    let limit = clamav.limit;
    let file = File::open(path).await.map_err(Trouble::Unreadable)?;
    if file.metadata().await.map_err(Trouble::Unreadable)?.len() > limit.0 {
        return Err(Trouble::TooLarge { limit });
    }
    let answer = ask(clamav, Command::Stream { body: file, limit }).await?;
    match verdict(&answer)? {
        Verdict::Nothing if !answer.to_all => Err(Trouble::Early),
        Verdict::Nothing => Ok(Finding::Clean),
        Verdict::Found(name) if name.starts_with(LIMITS) => Err(Trouble::InPart { name }),
        Verdict::Found(name) if name.starts_with(ENCRYPTED) => Err(Trouble::Encrypted { name }),
        Verdict::Found(name) => Ok(Finding::Infected(name)),
    }
}

async fn introduce(clamav: &Clamav) -> Result<Version, Trouble> {
    let answer = ask(clamav, Command::<File>::Plain("PING")).await?;
    let pong = line(&answer.bytes)?;
    if pong != b"PONG" {
        return Err(Trouble::Strange(shown(pong)));
    }
    probe::try_out(clamav).await?;
    // clamd can be told not to say its version, and scans all the same.
    let answer = ask(clamav, Command::<File>::Plain("VERSION")).await?;
    Ok(version(&shown(line(&answer.bytes)?)))
}

/// `ClamAV 1.4.6/27432/Sat Oct 19 08:30:00 2024`: program, number and time of the signatures. The
/// latter two are missing where there are none but local ones.
fn version(text: &str) -> Version {
    let mut parts = text.split('/');
    let program = parts.next().filter(|program| program.starts_with("ClamAV ")).map(str::to_owned);
    let made = parts.nth(1).and_then(|text| jiff::fmt::strtime::parse("%a %b %e %H:%M:%S %Y", text.trim()).ok());
    Version { signatures: made.and_then(|made| made.to_date().ok()).filter(|_| program.is_some()), program }
}

/// What an answer to a stream says.
enum Verdict {
    Nothing,
    Found(String),
}

fn verdict(answer: &Answer) -> Result<Verdict, Trouble> {
    let line = line(&answer.bytes)?;
    if line == b"INSTREAM size limit exceeded. ERROR" {
        return Err(Trouble::StreamLimit);
    }
    match line.strip_prefix(b"stream: ") {
        Some(b"OK") => Ok(Verdict::Nothing),
        Some(said) => match said.strip_suffix(b" FOUND") {
            Some(name) if !name.is_empty() => Ok(Verdict::Found(shown(name))),
            _ => Err(Trouble::Strange(shown(line))),
        },
        None => Err(Trouble::Strange(shown(line))),
    }
}

/// The one line of an answer, which a zero byte ends.
fn line(bytes: &[u8]) -> Result<&[u8], Trouble> {
    let strange = || Trouble::Strange(shown(bytes));
    let line = bytes.strip_suffix(b"\0").ok_or_else(strange)?;
    let more = line.iter().any(|byte| matches!(byte, 0 | b'\n'));
    if more { Err(strange()) } else { Ok(line) }
}

/// Bytes of clamd's as a text of bounded length: what is no plain ASCII is escaped.
fn shown(bytes: &[u8]) -> String {
    let mut text: String = bytes.escape_ascii().take(LONGEST_NAME).map(char::from).collect();
    if text.len() == LONGEST_NAME {
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests;
