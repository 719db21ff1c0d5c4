//! SFTP version 3 (draft-ietf-secsh-filexfer-02) with OpenSSH's extensions, taken apart as it passes.
//!
//! [`Sftp`] stands between a client and a server and reads every packet of both. A request is parsed
//! and judged before it is forwarded; one that is refused is answered here and never reaches the
//! target. What passes, passes byte for byte, but for these:
//!
//! * INIT and VERSION say version 3, and VERSION offers only extensions that are known here;
//! * the reply to `limits@openssh.com` never exceeds our own limits;
//! * an OPEN for reading names no attributes;
//! * a request whose id is taken by one of our own goes under another id, and its reply comes back
//!   under the client's;
//! * files that are scanned (see `upload` and `download`).
//!
//! A file has one entry for each direction in which it moves. Its digest runs in the order in which
//! the bytes pass, and says so where that is not the order in which they stand in the file.
//!
//! Memory is bounded whatever either side sends, by the limits named in these files.

mod attributes;
mod download;
mod extensions;
mod judge;
mod opened;
mod outbox;
mod ranges;
mod replies;
mod requests;
mod tally;
mod target;
mod technician;
#[cfg(test)]
mod tests;
mod upload;
mod wire;

use super::{Act, Answer, Broken, FileNumber, Note, Rules, Steward, UNANSWERED, UnderWay};
use bytes::Bytes;
use extensions::Extension;
use jiff::Timestamp;
use lifecycle::FileAct;
use opened::{Handle, Opened, OpenedNumber};
use outbox::Outbox;
use policy::Direction;
use std::collections::{BTreeMap, HashMap, HashSet};
use tally::Tally;
use wire::{Framer, Malformed};

/// Most requests of a client's without an answer. OpenSSH has 64, sshfs some hundreds; the rest is
/// bounded memory.
const MOST_OUTSTANDING: usize = 4096;

/// Most bytes of paths that are kept for requests without an answer: a target may never give one.
const MOST_KEPT: usize = 1 << 20;

/// Most files and folders open at once: what `ulimit -n` gives a server on most systems.
const MOST_HANDLES: usize = 1024;

/// Longest handle, in bytes (draft, section 6.3).
const LONGEST_HANDLE: usize = 256;

/// The first id of requests of our own. Clients count from 0 or 1, so that their ids need hardly
/// ever be exchanged.
const FIRST_OWN_ID: u32 = 0xf000_0000;

const TECHNICIAN: &str = "the technician's client";
const TARGET: &str = "the target";

/// How far the greeting has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    ExpectInit,
    ExpectVersion,
    Speaking,
}

/// What a reply has to be.
#[derive(Debug)]
enum Await {
    /// Looked at, and relayed.
    Look(Shape),
    /// Attributes of an open file: looked at, and relayed.
    Measure(OpenedNumber),
    /// The end of a change.
    Change { act: FileAct, path: Bytes, to: Bytes },
    /// The end of a cut of this file to where what passed ends.
    Cut { file: OpenedNumber, path: Bytes, to: Bytes },
    /// The end of a path that was held here as well.
    RemoveHeld { path: Bytes },
    /// A file.
    Open(Box<Opened>),
    /// A folder.
    OpenFolder,
    /// The end of a file, or of a folder.
    Close(Option<OpenedNumber>),
    /// A part of a file.
    Read { file: OpenedNumber, offset: u64, length: u32 },
    /// The end of a part.
    Write { file: OpenedNumber },
    /// The target's limits.
    Limits,
    /// A step of the delivery of a file that was scanned.
    Deliver(FileNumber),
    /// A file of the target's that is to be scanned.
    OpenToScan { path: Bytes },
    /// A part of it.
    Collect { file: FileNumber, offset: u64, length: u32 },
    /// Its size.
    CollectSize(FileNumber),
    /// The end of it, which the client asked for.
    CloseScanned(FileNumber),
    /// The end of something that nobody waits for.
    Forgotten,
}

impl Await {
    /// Bytes of paths that are kept for it.
    fn keeps(&self) -> usize {
        match self {
            Await::Change { path, to, .. } | Await::Cut { path, to, .. } => path.len() + to.len(),
            Await::RemoveHeld { path } | Await::OpenToScan { path } => path.len(),
            Await::Open(opened) => opened.path.len(),
            _ => 0,
        }
    }
}

/// The form of a reply that is relayed as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Status,
    Names,
    Attributes,
    Longs(usize),
    Accounts,
}

/// A request that the target has not answered.
#[derive(Debug)]
struct Pending {
    /// The client's id for it; none if it is ours.
    client: Option<u32>,
    awaits: Await,
}

/// The steward of one SFTP channel.
#[derive(Debug)]
pub struct Sftp {
    rules: Rules,
    phase: Phase,
    technician: Framer,
    target: Framer,
    offered: Vec<Extension>,
    /// Ids of the client's without an answer, whoever will give it.
    clients: HashSet<u32>,
    /// What the target was asked, by the id it knows.
    asked: BTreeMap<u32, Pending>,
    /// Bytes of paths that are kept for them.
    kept: usize,
    handles: HashMap<Bytes, Handle>,
    /// Requests under way that will give a handle.
    opening: usize,
    files: BTreeMap<OpenedNumber, Opened>,
    uploads: upload::Uploads,
    downloads: download::Downloads,
    fetching: download::Fetching,
    /// Parts of scanned files under way to or from the target, all files together.
    own_parts: usize,
    next_own_id: u32,
    next_opened: OpenedNumber,
    next_file: FileNumber,
    technician_ended: bool,
    broken: Option<Broken>,
    /// Notes of a call that ended in [`Broken`]: they are true, and told when the channel is over.
    unsaid: Vec<Note>,
}

impl Sftp {
    /// A steward that judges by these rules.
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            phase: Phase::ExpectInit,
            technician: Framer::default(),
            target: Framer::default(),
            offered: Vec::new(),
            clients: HashSet::new(),
            asked: BTreeMap::new(),
            kept: 0,
            handles: HashMap::new(),
            opening: 0,
            files: BTreeMap::new(),
            uploads: upload::Uploads::default(),
            downloads: download::Downloads::default(),
            fetching: download::Fetching::default(),
            own_parts: 0,
            next_own_id: FIRST_OWN_ID,
            next_opened: 0,
            next_file: 0,
            technician_ended: false,
            broken: None,
            unsaid: Vec::new(),
        }
    }

    /// Runs one call: its acts, or, once a side broke the protocol, that for ever.
    fn run(&mut self, call: impl FnOnce(&mut Self, &mut Outbox) -> Result<(), Broken>) -> Result<Vec<Act>, Broken> {
        if let Some(broken) = &self.broken {
            return Err(broken.clone());
        }
        let mut out = Outbox::default();
        match call(self, &mut out) {
            Ok(()) => {
                self.end_if_idle(&mut out);
                Ok(out.finish())
            }
            Err(broken) => {
                self.unsaid.extend(out.into_notes());
                self.broken = Some(broken.clone());
                Err(broken)
            }
        }
    }

    /// Tells the target that the technician will send no more, once nothing of ours is under way.
    fn end_if_idle(&mut self, out: &mut Outbox) {
        let busy = self.uploads.busy() || self.downloads.busy() || self.asked.values().any(|p| p.client.is_none());
        if self.technician_ended && !busy {
            self.technician_ended = false;
            out.act(Act::EndToTarget);
        }
    }

    /// A number for a file, and its entry begun.
    fn new_tally(&mut self, direction: Direction, at: Timestamp) -> Result<Tally, Broken> {
        let file = self.next_file;
        // A number is never used twice, so there is an end to them.
        self.next_file = file.checked_add(1).ok_or_else(|| technician("opened too many files"))?;
        Ok(Tally::new(file, direction, at))
    }

    /// Writes the entries of a file that is over: its CLOSE is answered, and every part.
    fn end_file(&mut self, number: OpenedNumber, out: &mut Outbox) -> Result<(), Broken> {
        let over = self.files.get(&number).is_some_and(|opened| opened.closed.is_some() && opened.parts == 0);
        if over && let Some(mut opened) = self.files.remove(&number) {
            if opened.untouched() {
                let tally = self.new_tally(Direction::ToTarget, opened.started)?;
                out.note(opened.begin(tally));
            }
            opened.ended().for_each(|note| out.note(note));
        }
        Ok(())
    }
}

impl Steward for Sftp {
    fn technician_sent(&mut self, bytes: &[u8], at: Timestamp) -> Result<Vec<Act>, Broken> {
        self.run(|sftp, out| {
            sftp.technician.push(bytes);
            while let Some(packet) = sftp.technician.next().map_err(technician)? {
                sftp.packet_of_technician(&packet, at, out)?;
            }
            Ok(())
        })
    }

    fn target_sent(&mut self, bytes: &[u8], at: Timestamp) -> Result<Vec<Act>, Broken> {
        self.run(|sftp, out| {
            sftp.target.push(bytes);
            while let Some(packet) = sftp.target.next().map_err(target)? {
                sftp.packet_of_target(&packet, at, out)?;
            }
            Ok(())
        })
    }

    fn answered(&mut self, answer: Answer, at: Timestamp) -> Result<Vec<Act>, Broken> {
        self.run(|sftp, out| match answer {
            Answer::Fetched { file, offset, bytes } => {
                sftp.fetched(file, offset, &bytes, out);
                Ok(())
            }
            Answer::Scanned { file, finding } if sftp.uploads.has(file) => sftp.upload_scanned(file, finding, at, out),
            Answer::Scanned { file, finding } => sftp.download_scanned(file, finding, out),
        })
    }

    fn technician_ended(&mut self, _at: Timestamp) -> Result<Vec<Act>, Broken> {
        self.run(|sftp, _| {
            sftp.technician_ended = true;
            Ok(())
        })
    }

    fn over(&mut self, _at: Timestamp) -> Vec<Note> {
        let mut notes = std::mem::take(&mut self.unsaid);
        for pending in std::mem::take(&mut self.asked).into_values() {
            // It went out and may well have been done.
            match pending.awaits {
                Await::Change { act, path, to } => {
                    notes.push(Note::Changed { act, path, to, failed: UNANSWERED.to_owned() });
                }
                Await::Cut { path, to, .. } => {
                    let act = FileAct::Attributes;
                    notes.push(Note::Changed { act, path, to, failed: UNANSWERED.to_owned() });
                }
                Await::RemoveHeld { path } => {
                    let (act, to) = (FileAct::Remove, Bytes::new());
                    notes.push(Note::Changed { act, path, to, failed: UNANSWERED.to_owned() });
                }
                Await::Open(mut opened) if opened.flags.changes() => {
                    opened.closed = Some(Err(UNANSWERED.to_owned()));
                    if let Ok(tally) = self.new_tally(Direction::ToTarget, opened.started) {
                        notes.push(opened.begin(tally));
                        notes.extend(opened.ended());
                    }
                }
                _ => {}
            }
        }
        for mut opened in std::mem::take(&mut self.files).into_values() {
            if opened.untouched()
                && let Ok(tally) = self.new_tally(Direction::ToTarget, opened.started)
            {
                notes.push(opened.begin(tally));
            }
            notes.extend(opened.ended());
        }
        notes.extend(self.uploads.over());
        notes.extend(self.downloads.over());
        self.handles.clear();
        notes
    }

    fn under_way(&self) -> Vec<UnderWay> {
        let mut under_way: Vec<_> = self.files.values().flat_map(Opened::under_way).collect();
        under_way.extend(self.uploads.under_way());
        under_way.extend(self.downloads.under_way());
        under_way
    }
}

/// The technician's client broke the protocol.
fn technician(why: impl Into<Malformed>) -> Broken {
    Broken { side: TECHNICIAN, why: why.into().0 }
}

/// The target broke the protocol.
fn target(why: impl Into<Malformed>) -> Broken {
    Broken { side: TARGET, why: why.into().0 }
}
