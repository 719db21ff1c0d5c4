//! Conversations, as both sides have them.

mod golden;
mod held;
mod malformed;
mod passing;
mod property;

use crate::files::scp::Scp;
use crate::files::{Act, Answer, Broken, FileNumber, Finding, Note, Rules, Steward};
use crate::texts::Texts;
use bytes::Bytes;
use config::Language;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use lifecycle::{FileAct, FileResult};
use policy::Direction;
use std::collections::BTreeMap;

pub(super) const AT: Timestamp = Timestamp::UNIX_EPOCH;
pub(super) const LIMIT: u64 = 1 << 20;

/// A steward with what the pump would be: a quarantine, a scanner, and what went out.
pub(super) struct Talk {
    pub(super) scp: Scp,
    pub(super) quarantine: BTreeMap<FileNumber, Vec<u8>>,
    /// What the scanner says; without it, it has not answered yet.
    pub(super) finding: Option<Finding>,
    pub(super) to_target: Vec<u8>,
    pub(super) to_technician: Vec<u8>,
    pub(super) up: Vec<u8>,
    pub(super) down: Vec<u8>,
    pub(super) content: BTreeMap<FileNumber, Vec<u8>>,
    pub(super) notes: Vec<Note>,
    pub(super) ended: usize,
    scans: Vec<FileNumber>,
}

impl Talk {
    pub(super) fn new(command: &str, scan: bool) -> Self {
        let direction = if command.split(' ').any(|word| word.starts_with('-') && word.contains('t')) {
            Direction::ToTarget
        } else {
            Direction::FromTarget
        };
        let rules =
            Rules { rights: policy::Rights::default(), scan_uploads: scan, scan_downloads: scan, scan_limit: LIMIT };
        let texts = Texts::new(Language::English, TimeZone::UTC);
        Self {
            scp: Scp::new(direction, command.as_bytes(), &rules, texts),
            quarantine: BTreeMap::new(),
            finding: Some(Finding::Clean),
            to_target: Vec::new(),
            to_technician: Vec::new(),
            up: Vec::new(),
            down: Vec::new(),
            content: BTreeMap::new(),
            notes: Vec::new(),
            ended: 0,
            scans: Vec::new(),
        }
    }

    pub(super) fn says(&mut self, direction: Direction, bytes: &[u8]) -> Result<(), Broken> {
        let acts = match direction {
            Direction::ToTarget => self.scp.technician_sent(bytes, AT),
            Direction::FromTarget => self.scp.target_sent(bytes, AT),
        };
        self.perform(acts?)
    }

    /// The technician says this, and it passes as it is.
    pub(super) fn up(&mut self, bytes: &[u8]) -> &mut Self {
        self.technician(bytes, bytes, b"")
    }

    /// The target says this, and it passes as it is.
    pub(super) fn down(&mut self, bytes: &[u8]) -> &mut Self {
        self.target(bytes, b"", bytes)
    }

    /// The technician says this; the target hears the second, the technician the third.
    pub(super) fn technician(&mut self, bytes: &[u8], target: &[u8], back: &[u8]) -> &mut Self {
        self.says(Direction::ToTarget, bytes).unwrap();
        self.heard(target, back)
    }

    /// The target says this; the target hears the second, the technician the third.
    pub(super) fn target(&mut self, bytes: &[u8], back: &[u8], technician: &[u8]) -> &mut Self {
        self.says(Direction::FromTarget, bytes).unwrap();
        self.heard(back, technician)
    }

    /// The scanner finds the file clean; the target gets an empty one of this record, and then hears this.
    pub(super) fn clean(&mut self, empty: &[u8], first: &[u8]) -> &mut Self {
        self.scanner(Finding::Clean, empty, b"").target(b"\0", b"\0", b"").target(b"\0", first, b"")
    }

    /// The scanner answers what it had been asked.
    pub(super) fn scanner(&mut self, finding: Finding, target: &[u8], technician: &[u8]) -> &mut Self {
        let file = self.scans.remove(0);
        let acts = self.scp.answered(Answer::Scanned { file, finding }, AT).unwrap();
        self.perform(acts).unwrap();
        self.heard(target, technician)
    }

    fn heard(&mut self, target: &[u8], technician: &[u8]) -> &mut Self {
        let escaped = |bytes: &[u8]| bytes.escape_ascii().to_string();
        assert_eq!(escaped(&std::mem::take(&mut self.to_target)), escaped(target), "to the target");
        assert_eq!(escaped(&std::mem::take(&mut self.to_technician)), escaped(technician), "to the technician");
        self
    }

    fn perform(&mut self, acts: Vec<Act>) -> Result<(), Broken> {
        for act in acts {
            let answer = match act {
                Act::Record { direction, bytes } => {
                    let track = if direction == Direction::ToTarget { &mut self.up } else { &mut self.down };
                    track.extend_from_slice(&bytes);
                    continue;
                }
                Act::Content { file, offset, bytes } => {
                    let content = self.content.entry(file).or_default();
                    assert_eq!(content.len() as u64, offset);
                    content.extend_from_slice(&bytes);
                    continue;
                }
                Act::ToTarget(bytes) => {
                    self.to_target.extend_from_slice(&bytes);
                    continue;
                }
                Act::ToTechnician(bytes) => {
                    self.to_technician.extend_from_slice(&bytes);
                    continue;
                }
                Act::EndToTarget => {
                    self.ended += 1;
                    continue;
                }
                Act::Note(note) => {
                    self.notes.push(note);
                    continue;
                }
                Act::Store { file, offset, bytes } => {
                    let stored = self.quarantine.entry(file).or_default();
                    assert_eq!(stored.len() as u64, offset);
                    stored.extend_from_slice(&bytes);
                    continue;
                }
                Act::Truncate { file, length } => {
                    self.quarantine.entry(file).or_default().resize(usize::try_from(length).unwrap(), 0);
                    continue;
                }
                Act::Drop { file } => {
                    assert!(self.quarantine.remove(&file).is_some(), "nothing to drop");
                    continue;
                }
                Act::Scan { file, .. } => {
                    assert!(self.quarantine.contains_key(&file), "nothing to scan");
                    match self.finding.clone() {
                        Some(finding) => Answer::Scanned { file, finding },
                        None => {
                            self.scans.push(file);
                            continue;
                        }
                    }
                }
                Act::Fetch { file, offset, length } => {
                    assert!(length <= 64 * 1024);
                    let from = usize::try_from(offset).unwrap();
                    let bytes = self.quarantine[&file][from..].iter().copied().take(length as usize).collect();
                    Answer::Fetched { file, offset, bytes }
                }
            };
            let more = self.scp.answered(answer, AT)?;
            self.perform(more)?;
        }
        Ok(())
    }

    /// The notes so far, in short.
    pub(super) fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes).iter().map(told).collect()
    }

    /// What is said once the channel is over.
    pub(super) fn over(&mut self) -> Vec<String> {
        self.scp.over(AT).iter().map(told).collect()
    }
}

pub(super) fn told(note: &Note) -> String {
    let text = |bytes: &Bytes| bytes.escape_ascii().to_string();
    match note {
        Note::Began { file, path, .. } => format!("began {file} {}", text(path)),
        Note::Moved { file, path, bytes, sha256, in_order, result, .. } => {
            // Of what was broken off, the digest is of more than went out.
            assert!(*in_order || matches!(result, FileResult::Partial));
            let digest = sha256.iter().take(4).map(|byte| format!("{byte:02x}")).collect::<String>();
            let result = match result {
                FileResult::Done => "done".to_owned(),
                FileResult::Failed { why } => format!("failed: {why}"),
                FileResult::Partial => "partial".to_owned(),
                FileResult::Infected { signature } => format!("infected: {signature}"),
                FileResult::Unscanned { why } => format!("unscanned: {why}"),
            };
            format!("moved {file} {} {bytes} {digest} {result}", text(path))
        }
        Note::Changed { act: FileAct::MakeFolder, path, failed, .. } if failed.is_empty() => {
            format!("made {}", text(path))
        }
        Note::Changed { path, failed, .. } => format!("not made {}: {failed}", text(path)),
        Note::Refused { what, why } => format!("refused {what}: {why}"),
    }
}

/// The first half of a SHA-256, as the notes of these tests show it.
pub(super) fn digest(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}
