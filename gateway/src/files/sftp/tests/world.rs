//! The world around a steward: a target with files, a quarantine, a scanner, and what was noted.

use super::*;
use crate::files::sftp::Sftp;
use crate::files::sftp::wire::Framer;
use crate::files::{Act, Answer, Broken, FileNumber, Finding, Note, Rules, Steward};
use jiff::Timestamp;
use policy::{Direction, Right};
use std::collections::{BTreeMap, VecDeque};

pub(super) const AT: Timestamp = Timestamp::UNIX_EPOCH;

pub(super) fn rules(rights: &[Right]) -> Rules {
    Rules { rights: rights.iter().cloned().collect(), scan_uploads: false, scan_downloads: false, scan_limit: 1 << 20 }
}

pub(super) fn both() -> Rules {
    rules(&[Right::SftpRead, Right::SftpWrite])
}

pub(super) fn scanning() -> Rules {
    Rules { scan_uploads: true, scan_downloads: true, ..both() }
}

/// A server of SFTP with files in memory.
#[derive(Debug, Default)]
pub(super) struct Target {
    pub(super) files: BTreeMap<Vec<u8>, Vec<u8>>,
    pub(super) modes: BTreeMap<Vec<u8>, u32>,
    framer: Framer,
    handles: BTreeMap<Vec<u8>, Vec<u8>>,
    opened: u32,
    /// Requests that came, by type and id.
    pub(super) asked: Vec<(u8, u32)>,
    /// Most that one READ gives.
    pub(super) short: Option<usize>,
    /// WRITEs fail with these words.
    pub(super) full: Option<String>,
}

fn status(id: u32, code: u32, words: &str) -> Bytes {
    Packet::new(101).number(id).number(code).text(words.as_bytes()).text(b"").done()
}

impl Target {
    fn push(&mut self, bytes: &[u8]) -> Vec<Bytes> {
        self.framer.push(bytes);
        let mut replies = Vec::new();
        while let Some(packet) = self.framer.next().unwrap() {
            replies.push(self.answer(&packet));
        }
        replies
    }

    fn answer(&mut self, packet: &[u8]) -> Bytes {
        let mut fields = Fields::of(packet);
        let kind = fields.byte().unwrap();
        let id = fields.number().unwrap();
        self.asked.push((kind, id));
        if kind == kind::INIT {
            let known = ["posix-rename@openssh.com", "hardlink@openssh.com", "fsync@openssh.com", "limits@openssh.com"];
            let known = known.into_iter().chain(["copy-data", "lsetstat@openssh.com", "run-it@example.org"]);
            let version = Packet::new(kind::VERSION).number(3);
            return known.fold(version, |packet, name| packet.text(name.as_bytes()).text(b"1")).done();
        }
        self.reply(kind, id, &mut fields).unwrap_or_else(|code| status(id, code, "no such luck"))
    }

    fn reply(&mut self, kind: u8, id: u32, fields: &mut Fields<'_>) -> Result<Bytes, u32> {
        let mut text = || fields.text().unwrap().to_vec();
        match kind {
            kind::OPEN => {
                let (path, flags) = (text(), fields.number().unwrap());
                let there = self.files.contains_key(&path);
                match (there, flags & CREAT != 0, flags & EXCL != 0) {
                    (true, _, true) => return Err(FAILURE),
                    (false, false, _) => return Err(NO_SUCH_FILE),
                    _ => {}
                }
                let file = self.files.entry(path.clone()).or_default();
                if flags & TRUNC != 0 {
                    file.clear();
                }
                self.opened += 1;
                let handle = self.opened.to_be_bytes().to_vec();
                self.handles.insert(handle.clone(), path);
                return Ok(Packet::new(102).number(id).text(&handle).done());
            }
            kind::CLOSE => drop(self.handles.remove(&text()).ok_or(FAILURE)?),
            kind::READ => {
                let handle = text();
                let (offset, length) = (fields.long().unwrap(), fields.number().unwrap());
                let file = self.files.get(self.handles.get(&handle).ok_or(FAILURE)?).ok_or(FAILURE)?;
                let from = usize::try_from(offset).unwrap().min(file.len());
                let most = usize::try_from(length).unwrap().min(self.short.unwrap_or(usize::MAX));
                let content = &file[from..file.len().min(from.saturating_add(most))];
                if content.is_empty() {
                    return Err(EOF);
                }
                return Ok(Packet::new(103).number(id).text(content).done());
            }
            kind::WRITE => {
                let handle = text();
                let (offset, content) = (fields.long().unwrap(), fields.text().unwrap());
                if let Some(words) = &self.full {
                    return Ok(status(id, FAILURE, words));
                }
                let file = self.files.get_mut(self.handles.get(&handle).ok_or(FAILURE)?).ok_or(FAILURE)?;
                let from = usize::try_from(offset).unwrap();
                file.resize(file.len().max(from + content.len()), 0);
                file[from..from + content.len()].copy_from_slice(content);
            }
            kind::STAT | kind::LSTAT | kind::FSTAT => {
                let of = text();
                let path = self.handles.get(&of).unwrap_or(&of);
                let size = self.files.get(path).ok_or(NO_SUCH_FILE)?.len();
                let size = sized(u64::try_from(size).unwrap());
                return Ok(size.write(Packet::new(105).number(id)).done());
            }
            kind::SETSTAT | kind::FSETSTAT => {
                let of = text();
                let path = self.handles.get(&of).unwrap_or(&of).clone();
                let attributes = fields.attributes().unwrap();
                let file = self.files.get_mut(&path).ok_or(NO_SUCH_FILE)?;
                if let Some(size) = attributes.size {
                    file.resize(usize::try_from(size).unwrap(), 0);
                }
                self.modes.extend(attributes.permissions.map(|mode| (path, mode)));
            }
            kind::REMOVE => drop(self.files.remove(&text()).ok_or(NO_SUCH_FILE)?),
            kind::RENAME => {
                let (from, to) = (text(), text());
                let file = self.files.remove(&from).ok_or(NO_SUCH_FILE)?;
                self.files.insert(to, file);
            }
            kind::OPENDIR => {
                self.opened += 1;
                let handle = self.opened.to_be_bytes().to_vec();
                self.handles.insert(handle.clone(), text());
                return Ok(Packet::new(102).number(id).text(&handle).done());
            }
            kind::READDIR => {
                let names = self.files.keys().fold(
                    Packet::new(104).number(id).number(u32::try_from(self.files.len()).unwrap()),
                    |packet, name| packet.text(name).text(b"-rw-r--r-- file").number(0),
                );
                return Ok(names.done());
            }
            kind::REALPATH | kind::READLINK => {
                return Ok(Packet::new(104).number(id).number(1).text(&text()).text(b"").number(0).done());
            }
            kind::EXTENDED => {
                return Ok(match text().as_slice() {
                    b"limits@openssh.com" => {
                        Packet::new(201).number(id).long(1 << 30).long(0).long(4096).long(0).done()
                    }
                    _ => status(id, OK, ""),
                });
            }
            _ => {}
        }
        Ok(status(id, OK, ""))
    }
}

/// All of it.
pub(super) struct World {
    pub(super) sftp: Sftp,
    pub(super) target: Target,
    /// Replies wait here instead of reaching the steward.
    pub(super) slow: bool,
    pub(super) waiting: VecDeque<Bytes>,
    pub(super) quarantine: BTreeMap<FileNumber, Vec<u8>>,
    /// Files that the scanner has not judged.
    pub(super) scans: Vec<FileNumber>,
    framer: Framer,
    /// What the client received and has not looked at.
    pub(super) replies: VecDeque<Bytes>,
    pub(super) notes: Vec<Note>,
    pub(super) content: BTreeMap<FileNumber, Vec<u8>>,
    pub(super) recorded: BTreeMap<Direction, Vec<u8>>,
    pub(super) relayed: BTreeMap<Direction, Vec<u8>>,
    pub(super) ended: bool,
}

impl World {
    /// One that nobody has spoken in.
    pub(super) fn silent(rules: Rules) -> Self {
        Self {
            sftp: Sftp::new(rules),
            target: Target::default(),
            slow: false,
            waiting: VecDeque::new(),
            quarantine: BTreeMap::new(),
            scans: Vec::new(),
            framer: Framer::default(),
            replies: VecDeque::new(),
            notes: Vec::new(),
            content: BTreeMap::new(),
            recorded: BTreeMap::new(),
            relayed: BTreeMap::new(),
            ended: false,
        }
    }

    /// One where both sides have greeted each other.
    pub(super) fn new(rules: Rules) -> Self {
        let mut world = Self::silent(rules);
        world.send(&init());
        world.replies.clear();
        world
    }

    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.try_send(bytes).unwrap();
    }

    pub(super) fn try_send(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let acts = self.sftp.technician_sent(bytes, AT)?;
        self.perform(acts)
    }

    /// Gives the steward what waits of the target's replies.
    pub(super) fn catch_up(&mut self) {
        // Slow until it is done: else each reply would wait on the stack for all behind it.
        while let Some(reply) = self.waiting.pop_front() {
            self.reply(&reply).unwrap();
        }
        self.slow = false;
    }

    /// A reply of the target's.
    pub(super) fn reply(&mut self, bytes: &[u8]) -> Result<(), Broken> {
        let acts = self.sftp.target_sent(bytes, AT)?;
        self.perform(acts)
    }

    pub(super) fn end(&mut self) {
        let acts = self.sftp.technician_ended(AT).unwrap();
        self.perform(acts).unwrap();
    }

    /// The scanner speaks of the file it got first.
    pub(super) fn scan(&mut self) {
        let file = self.scans.remove(0);
        let content = &self.quarantine[&file];
        let finding = match content {
            content if content.windows(5).any(|part| part == b"EICAR") => Finding::Infected("Eicar-Test".into()),
            content if content.windows(3).any(|part| part == b"ODD") => Finding::Unscanned("it is tired".into()),
            _ => Finding::Clean,
        };
        let acts = self.sftp.answered(Answer::Scanned { file, finding }, AT).unwrap();
        self.perform(acts).unwrap();
    }

    pub(super) fn perform(&mut self, acts: Vec<Act>) -> Result<(), Broken> {
        for act in acts {
            match act {
                Act::Record { direction, bytes } => self.recorded.entry(direction).or_default().extend(&bytes),
                Act::Content { file, offset, bytes } => {
                    let at = usize::try_from(offset).unwrap();
                    let content = self.content.entry(file).or_default();
                    content.resize(content.len().max(at + bytes.len()), 0);
                    content[at..at + bytes.len()].copy_from_slice(&bytes);
                }
                Act::ToTarget(bytes) => {
                    self.relayed.entry(Direction::ToTarget).or_default().extend(&bytes);
                    self.waiting.extend(self.target.push(&bytes));
                }
                Act::ToTechnician(bytes) => {
                    self.relayed.entry(Direction::FromTarget).or_default().extend(&bytes);
                    self.framer.push(&bytes);
                    while let Some(packet) = self.framer.next().unwrap() {
                        self.replies.push_back(packet);
                    }
                }
                Act::EndToTarget => self.ended = true,
                Act::Note(note) => self.notes.push(note),
                Act::Store { file, offset, bytes } => {
                    let at = usize::try_from(offset).unwrap();
                    let content = self.quarantine.entry(file).or_default();
                    content.resize(content.len().max(at + bytes.len()), 0);
                    content[at..at + bytes.len()].copy_from_slice(&bytes);
                }
                Act::Truncate { file, length } => {
                    self.quarantine.entry(file).or_default().resize(usize::try_from(length).unwrap(), 0);
                }
                Act::Fetch { file, offset, length } => {
                    assert!(length <= 64 * 1024);
                    let content = &self.quarantine[&file];
                    let from = usize::try_from(offset).unwrap().min(content.len());
                    let to = content.len().min(from + usize::try_from(length).unwrap());
                    let bytes = Bytes::copy_from_slice(&content[from..to]);
                    let acts = self.sftp.answered(Answer::Fetched { file, offset, bytes }, AT)?;
                    self.perform(acts)?;
                }
                Act::Scan { file, .. } => self.scans.push(file),
                Act::Drop { file } => assert!(self.quarantine.remove(&file).is_some(), "dropped twice"),
            }
        }
        while !self.slow
            && let Some(reply) = self.waiting.pop_front()
        {
            self.reply(&reply)?;
        }
        Ok(())
    }

    /// The next reply that the client reads.
    pub(super) fn next(&mut self) -> Option<(u32, Got)> {
        self.replies.pop_front().map(|packet| got(&packet))
    }

    /// Sends a request and reads its only reply.
    pub(super) fn ask(&mut self, packet: &[u8]) -> Got {
        self.send(packet);
        let (id, reply) = self.next().expect("an answer");
        assert_eq!(packet[5..9], id.to_be_bytes());
        assert_eq!(self.replies, VecDeque::<Bytes>::new());
        reply
    }

    /// Sends a request that is answered by a STATUS, and reads its code.
    pub(super) fn status(&mut self, packet: &[u8]) -> u32 {
        match self.ask(packet) {
            Got::Status(code, _) => code,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn opened(&mut self, id: u32, path: &[u8], flags: u32) -> Bytes {
        match self.ask(&open(id, path, flags)) {
            Got::Handle(handle) => handle,
            other => panic!("{other:?}"),
        }
    }

    /// Types of the requests that reached the target since the greeting.
    pub(super) fn reached(&self) -> Vec<u8> {
        self.target.asked.iter().map(|(kind, _)| *kind).filter(|kind| *kind != kind::INIT).collect()
    }

    /// The entries of files that are over, in few words.
    pub(super) fn moved(&self) -> Vec<(String, Direction, u64, bool, String)> {
        let moved = self.notes.iter().filter_map(|note| match note {
            Note::Moved { path, direction, bytes, in_order, result, .. } => {
                Some((String::from_utf8_lossy(path).into_owned(), *direction, *bytes, *in_order, format!("{result:?}")))
            }
            _ => None,
        });
        moved.collect()
    }

    pub(super) fn digests(&self) -> Vec<[u8; 32]> {
        let digests = self.notes.iter().filter_map(|note| match note {
            Note::Moved { sha256, .. } => Some(*sha256),
            _ => None,
        });
        digests.collect()
    }

    /// The changes: act, path, what to, the target's words.
    pub(super) fn changed(&self) -> Vec<String> {
        let changed = self.notes.iter().filter_map(|note| match note {
            Note::Changed { act, path, to, failed } => {
                Some(format!("{act:?} {} [{}] {failed}", String::from_utf8_lossy(path), String::from_utf8_lossy(to)))
            }
            _ => None,
        });
        changed.collect()
    }

    pub(super) fn refused(&self) -> Vec<&'static str> {
        let refused = self.notes.iter().filter_map(|note| match note {
            Note::Refused { what, .. } => Some(*what),
            _ => None,
        });
        refused.collect()
    }
}

pub(super) fn sha256(content: &[u8]) -> [u8; 32] {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content);
    digest.as_ref().try_into().unwrap()
}
