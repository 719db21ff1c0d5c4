//! `poterne-verify`: checks a journal offline. Contains no network code.
#![forbid(unsafe_code)]

use anyhow::Context as _;
use clap::{Parser, Subcommand};
use journal::{OsDisk, VerifierKey, check_log};
use std::path::PathBuf;
use std::process::ExitCode;

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
    let What::Log { dir, key, since } = call.what;
    match check(&dir, key.as_deref(), since.as_deref()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("poterne-verify: {error:#}");
            ExitCode::from(USAGE)
        }
    }
}

fn check(dir: &std::path::Path, key: Option<&str>, since: Option<&std::path::Path>) -> anyhow::Result<ExitCode> {
    let key: Option<VerifierKey> = match key {
        None => None,
        Some(text) if std::path::Path::new(text).is_file() => {
            Some(std::fs::read_to_string(text).with_context(|| format!("`{text}` cannot be read"))?.parse()?)
        }
        Some(text) => Some(text.parse()?),
    };
    let since = since
        .map(|path| std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display())))
        .transpose()?;
    let report = check_log(&mut OsDisk::default(), dir, key.as_ref(), since.as_deref());
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
    match (&key, &since) {
        (Some(key), Some(_)) => println!("HOLDS: signed by {}, and continues the checkpoint given", key.name()),
        (Some(key), None) => println!("HOLDS: signed by {}", key.name()),
        (None, _) => {
            println!("CONSISTENT WITH ITSELF, PROVEN TO NOBODY: no key from outside was given (--key)");
            return Ok(ExitCode::from(2));
        }
    }
    Ok(ExitCode::SUCCESS)
}
