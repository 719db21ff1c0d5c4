//! What the channels of a session may carry: commands, tunnels and files, and who looks into them.

use crate::across::canonical;
use crate::measure::ByteSize;
use crate::read::{At, Place, Sink, Table, quoted};
use crate::values::{absolute, by, one_of, target_address, within};
use jiff::SignedDuration;
use policy::{CommandLine, Right, Rights};
use std::net::SocketAddr;
use std::path::PathBuf;

/// Who looks into files before they are delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scan {
    /// Nobody.
    None,
    /// clamd looks into what is sent to the target; into what is fetched from it too, where asked.
    Clamav {
        /// Whether files fetched from the target are looked into as well.
        downloads: bool,
    },
}

/// What is left of content that passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    /// Its size and digest.
    Listed,
    /// A copy in the recording, under keys of its own, for `retention.files`.
    Kept,
}

/// What a target's channels may carry and what is kept of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carried {
    /// Who looks into files.
    pub scan: Scan,
    /// What is left of files.
    pub files: Content,
    /// What is left of what passes through tunnels.
    pub tunnels: Content,
}

/// `[clamav]`: the scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clamav {
    /// Where clamd listens.
    pub socket: ClamavSocket,
    /// Largest file it is given; clamd's own `StreamMaxLength` must not be smaller.
    pub limit: ByteSize,
    /// How long it may take to answer on one file.
    pub patience: SignedDuration,
}

/// Where clamd listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClamavSocket {
    /// A socket of this machine.
    Unix(PathBuf),
    /// An address.
    Tcp(SocketAddr),
}

/// Rights of an allow rule: words, and what they are for. The tunnels come with their places.
pub(crate) fn rights(table: &Table<'_>) -> Option<(Rights, Vec<At<SocketAddr>>)> {
    let forwards = table.list_or("forward", target_address);
    let commands = table.list_or("commands", |text| by::<CommandLine>(text).map(Right::Command));
    // A tunnel alone is a right too.
    let words = match table.has("rights") || forwards.is_empty() {
        true => table.required_list("rights", "name rights such as \"shell\"", word)?,
        false => Vec::new(),
    };
    let exec = words.iter().find(|one| one.value == Right::Exec);
    if let (None, Some(first)) = (exec, commands.first()) {
        let why = "without the right \"exec\" these commands open nothing: add \"exec\" to `rights`, which then means \
                   these commands and no other, or remove them";
        table.refuse(&first.place, "commands", why);
    }
    let bound = !commands.is_empty();
    let words = words.into_iter().map(|one| one.value).filter(|right| !(bound && *right == Right::Exec));
    let tunnels = forwards.iter().map(|one| Right::Forward(one.value));
    Some((words.chain(commands.into_iter().map(|one| one.value)).chain(tunnels).collect(), forwards))
}

/// Commands and tunnels have keys of their own.
fn word(text: &str) -> Result<Right, String> {
    Right::WORDS.into_iter().find(|right| right.word() == text).ok_or_else(|| {
        let instead = match text.split(' ').next() {
            Some("forward") => "name tunnels in `forward = [\"10.20.3.14:3389\"]`",
            Some("command" | "commands") => "name commands in `commands = [\"uptime\"]`, beside the right \"exec\"",
            _ => "write shell, exec, sftp-read, sftp-write, scp-read or scp-write",
        };
        format!("`{}` is not a right: {instead}", quoted(text))
    })
}

/// What a target's channels may carry, and where its scanner is asked for.
pub(crate) fn carried(table: &Table<'_>) -> Option<(Carried, Option<Place>)> {
    let content = one_of(&[("listed", Content::Listed), ("kept", Content::Kept)]);
    let scan = table.parsed_or("scan", one_of(&[("none", false), ("clamav", true)]));
    let downloads = table.flag("scan-downloads");
    let files = table.parsed_or("files", &content);
    let tunnels = table.parsed_or("tunnels", content);
    let scan = scan?;
    if downloads && !scan.value {
        table.refuse(
            &table.place_of("scan-downloads"),
            "scan-downloads",
            "nobody scans: write `scan = \"clamav\"` as well, or remove it",
        );
    }
    let carried = Carried {
        scan: if scan.value { Scan::Clamav { downloads } } else { Scan::None },
        files: files?.value,
        tunnels: tunnels?.value,
    };
    Some((carried, scan.value.then_some(scan.place)))
}

/// `[clamav]`
pub(crate) fn clamav(table: &Table<'_>) -> Option<Clamav> {
    let socket = table.parsed_or("socket", socket);
    let limit = table.parsed_or("limit", |text| match by::<ByteSize>(text)? {
        size if size.0 >= 1 << 20 => Ok(size),
        _ => Err(format!("`{}` is too little: write at least 1 MiB", quoted(text))),
    });
    let patience = table.parsed_or("patience", within("5s", "1h"));
    table.finish();
    Some(Clamav { socket: socket?.value, limit: limit?.value, patience: patience?.value })
}

fn socket(text: &str) -> Result<ClamavSocket, String> {
    if text.starts_with('/') {
        return absolute(text).map(ClamavSocket::Unix);
    }
    target_address(text).map(ClamavSocket::Tcp).map_err(|_| {
        format!("`{}` is neither: write a socket such as \"/run/clamav/clamd.ctl\", or 127.0.0.1:3310", quoted(text))
    })
}

/// A tunnel leads neither past the recorder nor to the bastion itself (T23).
pub(crate) fn check_forwards(sink: &Sink, forwards: &[At<SocketAddr>], own: &[SocketAddr], targets: &[SocketAddr]) {
    for forward in forwards {
        let to = canonical(forward.value);
        let why = if targets.contains(&to) {
            "is where a target is reached by SSH: sessions there are recorded, a tunnel would not be; technicians use \
             `ssh -J` instead"
        } else if is_own(own.iter().copied(), to) {
            "is the bastion itself: name the equipment's address"
        } else {
            continue;
        };
        sink.error(&forward.place, format!("`forward`: {} {why}", forward.value));
    }
}

/// Whether one of the addresses at which the bastion listens is this one.
pub(crate) fn is_own(mut own: impl Iterator<Item = SocketAddr>, to: SocketAddr) -> bool {
    let to = canonical(to);
    own.any(|one| one.port() == to.port() && (one.ip().is_unspecified() || canonical(one).ip() == to.ip()))
}

/// A target is scanned by something that is declared.
pub(crate) fn check_scanner(sink: &Sink, declared: bool, asked: &[Place]) {
    if let (false, Some(place)) = (declared, asked.first()) {
        sink.error(place, "`scan` names clamav, and there is no `[clamav]`: write it, with the socket of clamd");
    }
}
