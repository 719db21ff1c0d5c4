//! `poterne-verify`: checks a journal, a bundle, a receipt offline. Contains no network code.
#![forbid(unsafe_code)]

use anyhow::Context as _;
use clap::Parser as _;
use jiff::Timestamp;
use journal::bundle::{Kept, Receipted, Said, check_bundle, plain, read_receipt};
use journal::call::{Call, What};
use journal::{Checkpoint, Finding, NoteError, OsDisk, Since, VerifierKey, WitnessKey, check_log_since};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

const USAGE: u8 = 64;

fn main() -> ExitCode {
    let call = match Call::try_parse() {
        Ok(call) => call,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { USAGE } else { 0 });
        }
    };
    let done = match call.what {
        What::Log { dir, key, since, since_key, witness } => {
            log(&dir, key.as_deref(), since.as_deref().map(|since| Prefix { since, key: since_key, witness }))
        }
        What::Bundle { file, key, anchor, anchor_key } => bundle(&file, key.as_deref(), &anchor, &anchor_key),
        What::Receipt { file, key } => receipt(&file, key.as_deref()),
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("poterne-verify: {error:#}");
            ExitCode::from(USAGE)
        }
    }
}

/// A checkpoint kept elsewhere, and who signed it.
struct Prefix<'a> {
    since: &'a Path,
    /// The key of an earlier origin, if it is of one.
    key: Option<String>,
    witness: Vec<String>,
}

fn read_key<K: FromStr>(key: Option<&str>) -> anyhow::Result<Option<K>>
where
    K::Err: std::error::Error + Send + Sync + 'static,
{
    Ok(match key {
        None => None,
        Some(text) if Path::new(text).is_file() => Some(read(Path::new(text))?.trim().parse()?),
        Some(text) => Some(text.parse()?),
    })
}

/// Says no to what would never end, or is no file: a pipe, a device.
fn ordinary(path: &Path) -> anyhow::Result<()> {
    let data = std::fs::metadata(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    anyhow::ensure!(data.is_file(), "`{}` is not an ordinary file", path.display());
    Ok(())
}

/// A text as mails and editors leave it: other bytes around a receipt, a mark at its beginning, and other
/// ends of lines do no harm.
fn read(path: &Path) -> anyhow::Result<String> {
    ordinary(path)?;
    let bytes = std::fs::read(path).with_context(|| format!("`{}` cannot be read", path.display()))?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).replace("\r\n", "\n").replace('\r', "\n"))
}

/// A checkpoint that was kept, or the one in a receipt. What is wrong with it is wrong with the call: it
/// says nothing about the log.
fn since_note(path: &Path, key: Option<&VerifierKey>) -> anyhow::Result<String> {
    let text = read(path)?;
    let note = read_receipt(&text, None).map_or(text, |receipt| receipt.note);
    let name = format!("`{}`", path.display());
    let (usable, whose) = match key {
        // One that was altered since it was signed is a finding: somebody kept it for one of this log.
        Some(key) => match Checkpoint::verify(&note, key) {
            Ok(_) | Err(NoteError::Forged(_)) => (true, ""),
            Err(_) => (false, " signed by the key given"),
        },
        None => (Kept::read(&name, &note, &[]).is_ok(), ""),
    };
    anyhow::ensure!(
        usable,
        plain(&format!(
            "{name} is no checkpoint{whose}: it says nothing about this log. Name a file with one as it was given, \
             and the key that signed it with --since-key if that is another"
        ))
    );
    Ok(note)
}

/// The last word, where all that could be checked holds.
fn holds(key: Option<&VerifierKey>, more: &str) -> ExitCode {
    match key {
        Some(key) => {
            println!("HOLDS: signed by {}{more}", key.name());
            ExitCode::SUCCESS
        }
        None => {
            println!("CONSISTENT WITH ITSELF, PROVEN TO NOBODY: no key from outside was given (--key)");
            ExitCode::from(2)
        }
    }
}

fn log(dir: &Path, key: Option<&str>, kept: Option<Prefix<'_>>) -> anyhow::Result<ExitCode> {
    anyhow::ensure!(dir.is_dir(), "`{}` is not a folder that is there", dir.display());
    let key: Option<VerifierKey> = read_key(key)?;
    let earlier: Option<VerifierKey> = read_key(kept.as_ref().and_then(|kept| kept.key.as_deref()))?;
    let by = earlier.as_ref().or(key.as_ref());
    let since = kept.as_ref().map(|kept| since_note(kept.since, by)).transpose()?;
    let asked: Vec<Since<'_>> = since.iter().map(|note| Since { note, key: earlier.as_ref() }).collect();
    let mut report = check_log_since(&mut OsDisk::default(), dir, key.as_ref(), &asked);
    for witness in kept.iter().flat_map(|kept| &kept.witness) {
        let Some(witness) = read_key::<WitnessKey>(Some(witness))? else { continue };
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
        println!("WRONG  {}", plain(&finding.to_string()));
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
    Ok(holds(key.as_ref(), if since.is_some() { ", and continues the checkpoint given" } else { "" }))
}

fn bundle(file: &Path, key: Option<&str>, anchors: &[PathBuf], earlier: &[String]) -> anyhow::Result<ExitCode> {
    let key: Option<VerifierKey> = read_key(key)?;
    let mut keys = Vec::from_iter(key.clone());
    for key in earlier {
        keys.extend(read_key::<VerifierKey>(Some(key))?);
    }
    let keys: Vec<&VerifierKey> = keys.iter().collect();
    let mut given = Vec::new();
    for path in anchors {
        // What is wrong with it is wrong with the call: it says nothing about the bundle.
        let kept = Kept::read(&format!("`{}`", path.display()), &read(path)?, &keys);
        given.push(kept.map_err(|what| anyhow::anyhow!(plain(&what)))?);
    }
    ordinary(file)?;
    std::fs::File::open(file).with_context(|| format!("`{}` cannot be read", file.display()))?;
    let report = check_bundle(file, key.as_ref(), &given, &mut |said| match said {
        Said::Holds(what) => println!("holds  {what}"),
        Said::Wrong(what) => println!("WRONG  {what}"),
        Said::Note(what) => println!("note   {what}"),
    });
    if given.is_empty() {
        println!(
            "note   no checkpoint from elsewhere was given (--anchor): a history rewritten by the holder of the \
             signing key would not be found"
        );
    }
    if report.wrong > 0 {
        println!("DOES NOT HOLD: {} findings", report.wrong);
        return Ok(ExitCode::from(1));
    }
    println!("       {} entries hold, {} without content (erased)", report.entries, report.erased);
    Ok(holds(key.as_ref(), if given.is_empty() { "" } else { ", and continues what was given" }))
}

fn receipt(file: &Path, key: Option<&str>) -> anyhow::Result<ExitCode> {
    let key: Option<VerifierKey> = read_key(key)?;
    let receipted = match read_receipt(&read(file)?, key.as_ref()) {
        Ok(receipted) => receipted,
        Err(what) => {
            println!("WRONG  {}", plain(&what));
            println!("DOES NOT HOLD");
            return Ok(ExitCode::from(1));
        }
    };
    let Receipted { leaf, checkpoint, note } = receipted;
    println!("holds  entry {}  {}  {}", leaf.index, leaf.at, leaf.kind);
    if let Some(number) = leaf.intervention {
        println!("       intervention {number}");
    }
    if let Some(session) = &leaf.session {
        println!("       session {session}");
    }
    println!("       in the log of this checkpoint, over {} entries; keep it:\n", checkpoint.size);
    print!("{note}");
    println!();
    Ok(holds(key.as_ref(), ""))
}
