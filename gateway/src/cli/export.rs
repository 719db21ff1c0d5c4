//! `poterne export`: a bundle of evidence, written to a file that was not there before.

use super::args::{EvidenceFlags, ExportFlags};
use super::commands::{Outcome, socket};
use super::recipients::recipient;
use super::recording::{Reading, reading_keys};
use super::{output, recording};
use crate::ctl::client;
use age::x25519::Recipient;
use data_encoding::HEXLOWER;
use journal::bundle::{BundleFile, REENCRYPTED, TAR_END, tar_header, tar_padding};
use lifecycle::order::{Failure, Order, exit};
use lifecycle::{EvidenceScope, InterventionNumber};
use recorder::{PartKind, ReadingKeys};
use serde_json::Value;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek as _, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Longest checkpoint or receipt that is brought.
const ANCHOR: u64 = 64 << 10;

fn io_failure(path: &Path) -> impl Fn(io::Error) -> Failure + '_ {
    move |error| Failure::new(exit::IO, format!("`{}`: {error}", path.display()))
}

fn scope(flags: EvidenceFlags) -> Result<EvidenceScope, Failure> {
    let usage = |text: &str| Failure::new(exit::USAGE, text);
    match flags {
        EvidenceFlags { session: Some(id), .. } => {
            id.parse().map(EvidenceScope::Session).map_err(|error: String| usage(&error))
        }
        EvidenceFlags { intervention: Some(number), .. } => Ok(EvidenceScope::Intervention(InterventionNumber(number))),
        EvidenceFlags { vendor: Some(vendor), from: Some(from), to: Some(to), .. } => {
            if to < from {
                return Err(usage("--to is before --from: write the first day, then the last"));
            }
            Ok(EvidenceScope::Vendor { vendor, from, to })
        }
        _ => Err(usage(
            "say what the bundle is about: --session ID, --intervention N, or --vendor V --from DAY --to DAY",
        )),
    }
}

/// A checkpoint from elsewhere; of a receipt, the one in it.
fn anchor(path: &PathBuf) -> Result<String, Failure> {
    let failed = |error| Failure::new(exit::NO_INPUT, format!("`{}` cannot be read: {error}", path.display()));
    let mut text = String::new();
    File::open(path).and_then(|file| file.take(ANCHOR).read_to_string(&mut text)).map_err(failed)?;
    let note = journal::bundle::read_receipt(&text, None).map_or(text, |receipt| receipt.note);
    match note.lines().nth(1).is_some_and(|size| size.parse::<u64>().is_ok()) {
        true => Ok(note),
        false => Err(Failure::new(
            exit::DATA,
            format!("`{}` is no checkpoint and no receipt: name a file with one, as it was given", path.display()),
        )),
    }
}

fn purpose(given: Option<String>) -> Result<String, Failure> {
    let typed = match given {
        Some(purpose) => purpose,
        None => {
            eprint!("purpose, and for whom (it is journalled): ");
            let mut line = String::new();
            let read = io::stdin().read_line(&mut line);
            read.map_err(|error| Failure::new(exit::NO_INPUT, error))?;
            line
        }
    };
    match typed.trim() {
        "" => Err(Failure::new(exit::USAGE, "no purpose: write why, and for whom, with --purpose")),
        purpose => Ok(purpose.to_owned()),
    }
}

pub(super) fn carry_out(main: &Path, flags: ExportFlags) -> Outcome {
    let anew = match &flags.recipient {
        Some(to) => Some(Anew {
            keys: reading_keys(&flags.key)?,
            unwrapped: flags.unwrapped,
            recipient: recipient(to)?,
            name: to.clone(),
        }),
        None => None,
    };
    let order = Order::EvidenceExport {
        scope: scope(flags.scope)?,
        purpose: purpose(flags.purpose)?,
        anchors: flags.anchor.iter().map(anchor).collect::<Result<_, _>>()?,
        reencrypted: anew.is_some(),
    };
    let Order::EvidenceExport { purpose, .. } = &order else { return Ok(()) };
    let path = flags.output;
    let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path);
    let mut file = file.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => {
            Failure::new(exit::IO, format!("`{}` is there already: name a file that is not", path.display()))
        }
        _ => io_failure(&path)(error),
    })?;
    let written = write(main, &order, &mut file, &path).and_then(|answer| {
        if let Some(anew) = anew {
            let purpose = format!("{purpose} (for {})", anew.name);
            anew.encrypt(main, &answer, &mut file, &path, &purpose)?;
        }
        file.sync_all().map_err(io_failure(&path))?;
        Ok(answer)
    });
    let answer = written.inspect_err(|_| {
        // What is there is no bundle, and it was made here.
        let _ = std::fs::remove_file(&path);
    })?;
    let text = |name: &str| answer.get(name).and_then(Value::as_str).unwrap_or_default();
    for name in answer.get("altered").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str) {
        eprintln!(
            "poterne: warning: {} is not as it was sealed: it proves nothing, and was exchanged, altered or lost here; nothing in the journal erased it",
            output::visible(name)
        );
    }
    output::say(&format!("{} is written; the journal names its manifest: {}", path.display(), text("manifest")));
    output::say(&format!("check it elsewhere: poterne-verify bundle {} --key VKEY", path.display()));
    Ok(())
}

/// Takes the bundle from the daemon. It is whole if as much came as was announced.
fn write(main: &Path, order: &Order, file: &mut File, path: &Path) -> Result<Value, Failure> {
    let (answer, mut stream) = client::open(&socket(main)?, order)?;
    let announced = answer.get("bytes").and_then(Value::as_u64).unwrap_or_default();
    let count = io::copy(&mut stream, file).map_err(io_failure(path))?;
    if count != announced {
        let text = format!("the bundle broke off after {count} of {announced} bytes: see the daemon's log");
        return Err(Failure::new(exit::TEMPORARY, text));
    }
    Ok(answer)
}

/// Recordings encrypted anew: with whose key they are opened, and to whom they go.
struct Anew {
    keys: ReadingKeys,
    /// What the second person wrote: the parts of the one recording, or a folder of them for each session.
    unwrapped: Option<PathBuf>,
    recipient: Recipient,
    /// The recipient, as it was written.
    name: String,
}

impl Anew {
    /// Adds each part of each recording, opened with an officer's key and encrypted to the auditor's. The
    /// journal names the manifests, which name the plain files' digests: that is what such a copy proves.
    fn encrypt(mut self, main: &Path, answer: &Value, file: &mut File, path: &Path, purpose: &str) -> Outcome {
        let failed = io_failure(path);
        let end = file.seek(SeekFrom::End(-i64::try_from(TAR_END.len()).unwrap_or(0))).map_err(&failed)?;
        file.set_len(end).map_err(&failed)?;
        let purpose: String = purpose.chars().take(200).collect();
        let mut listed = Vec::new();
        for one in answer.get("recordings").and_then(Value::as_array).into_iter().flatten() {
            let session = one.get("session").and_then(Value::as_str).unwrap_or_default().to_owned();
            let without: Vec<&str> =
                one.get("without").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
            let how = "encrypted anew for an evidence bundle".to_owned();
            let order = Order::RecordingRead { id: session.clone(), how, purpose: purpose.clone() };
            let mut read = Reading::of(&super::commands::ask(main, &order)?, self.keys)?;
            if let Some(folder) = &self.unwrapped {
                let own = folder.join(&session);
                read = read.unwrapped_at(if own.is_dir() { &own } else { folder });
            }
            for part in read.sealed.manifest.parts.iter().filter(|part| part.kind != PartKind::Secrets) {
                if without.contains(&part.name.as_str()) {
                    eprintln!("poterne: warning: {} of {session} is not on the bastion any more: left out", part.name);
                    continue;
                }
                // Whatever was put in its place would open as well, and come out as evidence.
                read.unaltered(part)?;
                let mut packed = read.sealed.packed(part, &read.keys).map_err(|error| recording::unreadable(&error))?;
                let name = format!("reencrypted/{session}/{}.age", part.name);
                listed.push(append(file, &name, &self.recipient, &mut packed).map_err(&failed)?);
            }
            self.keys = read.keys;
        }
        let mut list = serde_json::to_vec_pretty(&listed).map_err(|error| Failure::new(exit::SOFTWARE, error))?;
        list.push(b'\n');
        let written = (|| {
            file.write_all(&tar_header(REENCRYPTED, list.len() as u64, 0))?;
            file.write_all(&list)?;
            file.write_all(&vec![0; tar_padding(list.len() as u64)])?;
            file.write_all(&TAR_END)
        })();
        written.map_err(&failed)
    }
}

/// Writes one file, whose length is known once it is written.
fn append(file: &mut File, name: &str, to: &Recipient, from: &mut impl Read) -> io::Result<BundleFile> {
    let at = file.stream_position()?;
    file.write_all(&tar_header(name, 0, 0))?;
    let (bytes, sha256) = encrypt(file, to, from)?;
    file.write_all(&vec![0; tar_padding(bytes)])?;
    let end = file.stream_position()?;
    file.seek(SeekFrom::Start(at))?;
    file.write_all(&tar_header(name, bytes, 0))?;
    file.seek(SeekFrom::Start(end))?;
    Ok(BundleFile { name: name.to_owned(), bytes, sha256 })
}

/// Encrypts to one recipient; gives length and digest of what was written.
fn encrypt(file: &mut File, to: &Recipient, from: &mut impl Read) -> io::Result<(u64, String)> {
    let counted = Counted {
        out: io::BufWriter::with_capacity(128 << 10, file),
        digest: aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256),
        bytes: 0,
    };
    let encryptor =
        age::Encryptor::with_recipients(std::iter::once(to as &dyn age::Recipient)).map_err(io::Error::other)?;
    let mut sealing = encryptor.wrap_output(counted)?;
    io::copy(from, &mut sealing)?;
    let Counted { mut out, digest, bytes } = sealing.finish()?;
    out.flush()?;
    Ok((bytes, HEXLOWER.encode(digest.finish().as_ref())))
}

struct Counted<W> {
    out: W,
    digest: aws_lc_rs::digest::Context,
    bytes: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.out.write(bytes)?;
        self.digest.update(bytes.get(..count).unwrap_or_default());
        self.bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
