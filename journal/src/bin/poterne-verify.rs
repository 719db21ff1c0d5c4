//! `poterne-verify`: checks a journal offline. Contains no network code.
#![forbid(unsafe_code)]

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use jiff::Timestamp;
use journal::{Finding, OsDisk, Since, VerifierKey, WitnessKey, check_log_since};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

/// Checks a Poterne journal offline.
///
/// Exit status: 0 all holds and the key came from outside; 1 something does not hold;
/// 2 consistent with itself, but proven to nobody; 64 wrong call.
#[derive(Parser)]
#[command(name = "poterne-verify", version)]
struct Call {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Check the log in a folder.
    Log {
        /// The `journal` folder of the bastion, or a copy of it.
        dir: PathBuf,
        /// The verifier key, as printed at installation: the key itself, or a file that holds it.
        #[arg(long, value_name = "VKEY")]
        key: Option<String>,
        /// A signed checkpoint kept elsewhere: it must be a prefix of this log.
        #[arg(long, value_name = "FILE")]
        since: Option<PathBuf>,
        /// The key that the checkpoint is signed by, if it is of before a restore: the old verifier key,
        /// or a file that holds it.
        #[arg(long, value_name = "VKEY", requires = "since")]
        since_key: Option<String>,
        /// A witness who must have cosigned that checkpoint: its key, or a file that holds it. Can be
        /// repeated; each must have.
        #[arg(long, value_name = "VKEY", requires = "since")]
        witness: Vec<String>,
    },
}

const USAGE: u8 = 64;

fn main() -> ExitCode {
    let call = match Call::try_parse() {
        Ok(call) => call,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    let What::Log { dir, key, since, since_key, witness } = call.what;
    let given = Given { key, since, since_key, witness };
    match check(&dir, &given) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("poterne-verify: {error:#}");
            ExitCode::from(USAGE)
        }
    }
}

/// What came from outside.
struct Given {
    key: Option<String>,
    since: Option<PathBuf>,
    since_key: Option<String>,
    witness: Vec<String>,
}

/// A key as it was given: itself, or a file that holds it.
fn key<K: FromStr>(given: &str) -> anyhow::Result<K>
where
    K::Err: std::error::Error + Send + Sync + 'static,
{
    match Path::new(given).is_file() {
        true => Ok(std::fs::read_to_string(given).with_context(|| format!("`{given}` cannot be read"))?.parse()?),
        false => Ok(given.parse()?),
    }
}

fn check(dir: &Path, given: &Given) -> anyhow::Result<ExitCode> {
    let own: Option<VerifierKey> = given.key.as_deref().map(key).transpose()?;
    let earlier: Option<VerifierKey> = given.since_key.as_deref().map(key).transpose()?;
    let witnesses = given.witness.iter().map(|text| key(text)).collect::<anyhow::Result<Vec<WitnessKey>>>()?;
    let since = given
        .since
        .as_ref()
        .map(|path| std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display())))
        .transpose()?;
    let asked: Vec<Since<'_>> = since.iter().map(|note| Since { note, key: earlier.as_ref() }).collect();
    let mut report = check_log_since(&mut OsDisk::default(), dir, own.as_ref(), &asked);
    for witness in &witnesses {
        match witness.cosigned(since.as_deref().unwrap_or_default()) {
            Ok(seconds) => {
                let at = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
                let at = at.map_or_else(|| format!("second {seconds}"), |at| at.to_string());
                println!("       the checkpoint given was cosigned by {} at {at}", witness.name());
            }
            Err(why) => report.findings.push(Finding(format!("the checkpoint given with --since: {why}"))),
        }
    }
    for finding in &report.findings {
        println!("WRONG  {finding}");
    }
    let entries = report.entries;
    if let Some((first, last)) = report.span {
        println!("       {entries} entries from {first} to {last}, {} without content (key destroyed)", report.erased);
    } else {
        println!("       {entries} entries");
    }
    println!("       {} signed checkpoints checked", report.checkpoints);
    if !report.findings.is_empty() {
        println!("DOES NOT HOLD: {} findings", report.findings.len());
        return Ok(ExitCode::from(1));
    }
    match (&own, &since) {
        (Some(key), Some(_)) => println!("HOLDS: signed by {}, and continues the checkpoint given", key.name()),
        (Some(key), None) => println!("HOLDS: signed by {}", key.name()),
        (None, _) => {
            println!("CONSISTENT WITH ITSELF, PROVEN TO NOBODY: no key from outside was given (--key)");
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}
