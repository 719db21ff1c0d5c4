//! Files of scp that are held until a scanner has answered.
//!
//! The source is answered here as a sink would; the sink hears of a file once it was found clean,
//! and then here speaks a source.

use super::{Asked, File, Reply, Says, Scp, Stage, finished, whole_or_more};
use crate::files::scp::out::Out;
use crate::files::{Act, FileNumber, Finding, Note, shown};
use crate::texts::to_ascii;
use bytes::Bytes;
use lifecycle::FileResult;
use policy::Direction;

/// How much is fetched from quarantine at once: the most that may be.
const PIECE: u64 = 64 * 1024;
/// How much of a name, or of a scanner's words, an answer holds, in characters. OpenSSH reads answers
/// into 2048 bytes.
const SHOWN: usize = 255;

/// What the sink is given.
#[derive(Clone)]
pub(super) enum Step {
    /// It is to answer the times of a folder.
    FolderTimes {
        /// The folder's record, which comes next.
        line: Bytes,
        /// The folder.
        name: Bytes,
    },
    /// It is to answer a file's times.
    Times(Box<File>),
    /// It is to answer the record of an empty file of the same name.
    EmptyLine(Box<File>),
    /// It is to answer that empty file.
    Emptied(Box<File>),
    /// It is to answer a file's record.
    Line(Box<File>),
    /// It is given the file's data.
    Content {
        /// Of which file.
        file: Box<File>,
        /// So many bytes so far.
        sent: u64,
    },
    /// It is to answer the file.
    Received(Box<File>),
}

impl Step {
    pub(super) fn file(&self) -> Option<&File> {
        match self {
            Step::FolderTimes { .. } => None,
            Step::EmptyLine(file)
            | Step::Emptied(file)
            | Step::Times(file)
            | Step::Line(file)
            | Step::Content { file, .. }
            | Step::Received(file) => Some(file),
        }
    }

    /// How many bytes of it the sink was given.
    pub(super) fn sent(&self) -> u64 {
        match self {
            Step::Content { sent, .. } => *sent,
            Step::Received(file) => file.size,
            _ => 0,
        }
    }

    pub(super) fn may_answer(&self) -> bool {
        !matches!(self, Step::Content { file, .. } if file.early.is_some())
    }
}

impl Scp {
    /// Whether the target is still to be given something that the technician sent before.
    pub(super) fn delivers(&self) -> bool {
        self.direction == Direction::ToTarget && matches!(self.stage, Stage::Scanning(_) | Stage::Delivery(_))
    }

    /// Answers the source in place of the sink.
    fn answer(&self, reply: Bytes, out: &mut Out) {
        out.pass(self.back(), reply);
    }

    pub(super) fn hold_times(&mut self, line: Bytes, out: &mut Out) -> Stage {
        out.record(self.direction, line.clone());
        self.times = Some(line);
        self.answer(Reply::yes().bytes, out);
        Stage::Record
    }

    pub(super) fn deliver_times_of_folder(&self, times: Bytes, line: Bytes, name: Bytes, out: &mut Out) -> Stage {
        out.record(self.direction, line.clone());
        out.send(self.direction, times);
        Stage::Delivery(Step::FolderTimes { line, name })
    }

    pub(super) fn refuse_as_too_large(&mut self, line: Bytes, size: u64, name: &[u8], out: &mut Out) -> Stage {
        self.times = None;
        let path = shown::path(&self.place.path(name));
        let why = format!("{path} has {size} bytes; files of more than {} are not scanned", self.scan_limit);
        out.record(self.direction, line);
        out.note(Note::Refused { what: "scp file that is too large to be scanned", why });
        let (size, limit) = (size.to_string(), self.scan_limit.to_string());
        self.not_delivered("scp-too-large", name, &[("size", &size), ("limit", &limit)], out);
        Stage::Record
    }

    pub(super) fn hold(&self, file: Box<File>, out: &mut Out) -> Stage {
        out.record(self.direction, file.line.clone());
        if file.is_whole() {
            out.act(Act::Truncate { file: file.number, length: 0 });
        }
        self.answer(Reply::yes().bytes, out);
        whole_or_more(file)
    }

    /// The source said whether it could read a file, which is in quarantine.
    pub(super) fn read_into_quarantine(&self, file: Box<File>, status: Reply, out: &mut Out) -> Stage {
        if status.says == Says::Yes {
            out.record(self.direction, status.bytes);
            out.act(Act::Scan { file: file.number, direction: self.direction });
            return Stage::Scanning(file);
        }
        out.act(Act::Drop { file: file.number });
        // The same line in place of a record tells the sink of a file that does not come.
        out.pass(self.direction, status.bytes.clone());
        if matches!(status.says, Says::No(_)) {
            self.answer(Reply::yes().bytes, out);
        }
        finished(&file, &status, out)
    }

    pub(super) fn scanned(&mut self, number: FileNumber, finding: Finding, out: &mut Out) -> Result<(), String> {
        let file = match std::mem::replace(&mut self.stage, Stage::Over(None)) {
            Stage::Scanning(file) if file.number == number => file,
            _ => return Err(format!("answered for file {number}, which was not being scanned")),
        };
        let (key, what, result) = match finding {
            Finding::Clean => {
                // INVARIANT: a sink cuts a file to its length at the end only. The target's is given an empty one
                // first, so that a delivery that is broken off never leaves the end of an older file behind it.
                self.stage = match self.direction {
                    Direction::ToTarget => {
                        out.send(self.direction, empty(&file.line));
                        Stage::Delivery(Step::EmptyLine(file))
                    }
                    Direction::FromTarget => self.announce(file, out),
                };
                return Ok(());
            }
            Finding::Infected(signature) => ("scp-infected", signature.clone(), FileResult::Infected { signature }),
            Finding::Unscanned(why) => ("scp-unscanned", why.clone(), FileResult::Unscanned { why }),
        };
        out.act(Act::Drop { file: file.number });
        out.note(file.moved(result));
        self.not_delivered(key, &file.name, &[("what", &what)], out);
        self.stage = Stage::Record;
        Ok(())
    }

    pub(super) fn fetched(
        &mut self,
        number: FileNumber,
        offset: u64,
        bytes: Bytes,
        out: &mut Out,
    ) -> Result<(), String> {
        let (file, sent) = match std::mem::replace(&mut self.stage, Stage::Over(None)) {
            Stage::Delivery(Step::Content { file, sent }) if file.number == number && sent == offset => (file, sent),
            _ => return Err(format!("gave bytes of file {number} from {offset} that had not been asked for")),
        };
        let (asked, came) = (piece(&file, sent), bytes.len() as u64);
        if came != u64::from(asked) {
            return Err(format!("gave {came} bytes of file {number} from {offset} instead of {asked}"));
        }
        out.content(self.direction, number, offset, bytes);
        self.stage = self.deliver(file, sent.saturating_add(came), out);
        Ok(())
    }

    /// The sink answered in a delivery.
    pub(super) fn answered_delivery(&mut self, step: Step, reply: Reply, out: &mut Out) -> Result<Stage, String> {
        let yes = reply.says == Says::Yes;
        Ok(match step {
            Step::FolderTimes { line, name } if yes => {
                out.record(self.back(), reply.bytes);
                out.send(self.direction, line);
                Stage::Answer(Asked::Folder(name))
            }
            Step::FolderTimes { name, .. } => {
                self.answer(reply.bytes.clone(), out);
                self.folder_answered(name, &reply, out)
            }
            Step::EmptyLine(file) if yes => {
                out.send(self.direction, Reply::yes().bytes);
                Stage::Delivery(Step::Emptied(file))
            }
            Step::Emptied(file) if yes => self.announce(file, out),
            Step::Times(file) if yes => {
                out.record(self.back(), reply.bytes);
                out.send(self.direction, file.line.clone());
                Stage::Delivery(Step::Line(file))
            }
            Step::Line(file) if yes => {
                out.record(self.back(), reply.bytes);
                self.deliver(file, 0, out)
            }
            Step::EmptyLine(file) | Step::Emptied(file) | Step::Times(file) | Step::Line(file) => {
                out.act(Act::Drop { file: file.number });
                self.answer(reply.bytes.clone(), out);
                finished(&file, &reply, out)
            }
            Step::Content { .. } if yes => return Err("confirmed a file before it had all of it".to_owned()),
            Step::Content { mut file, sent } => {
                out.record(self.back(), reply.bytes.clone());
                file.early = Some(reply);
                Stage::Delivery(Step::Content { file, sent })
            }
            Step::Received(file) => {
                self.answer(reply.bytes.clone(), out);
                finished(&file, &reply, out)
            }
        })
    }

    /// Tells the sink of a file that was found clean.
    fn announce(&self, file: Box<File>, out: &mut Out) -> Stage {
        out.send(self.direction, file.times.clone().unwrap_or_else(|| file.line.clone()));
        Stage::Delivery(if file.times.is_some() { Step::Times(file) } else { Step::Line(file) })
    }

    /// Gives the sink the next piece, or the word that it was all.
    fn deliver(&self, mut file: Box<File>, sent: u64, out: &mut Out) -> Stage {
        if sent < file.size {
            out.act(Act::Fetch { file: file.number, offset: sent, length: piece(&file, sent) });
            return Stage::Delivery(Step::Content { file, sent });
        }
        out.act(Act::Drop { file: file.number });
        out.send(self.direction, Reply::yes().bytes);
        match file.early.take() {
            Some(reply) => {
                out.send(self.back(), reply.bytes.clone());
                finished(&file, &reply, out)
            }
            None => Stage::Delivery(Step::Received(file)),
        }
    }

    /// Tells the technician that a file does not come through: the source by an answer, the sink by an error
    /// in place of a record.
    fn not_delivered(&self, key: &str, name: &[u8], values: &[(&str, &str)], out: &mut Out) {
        let name = short(&String::from_utf8_lossy(name));
        let values: Vec<(&str, String)> =
            values.iter().map(|(key, value)| (*key, short(value))).chain([("name", name)]).collect();
        let values: Vec<(&str, &str)> = values.iter().map(|(key, value)| (*key, value.as_str())).collect();
        let line = Reply::no(&to_ascii(&self.texts.with(key, &values)));
        if self.direction == Direction::FromTarget {
            out.pass(self.direction, line.clone());
        }
        self.answer(line, out);
    }
}

/// The record of an empty file of this name and mode: `C0644 12 name` becomes `C0644 0 name`.
fn empty(line: &[u8]) -> Bytes {
    let mut words = line.splitn(3, |byte| *byte == b' ');
    let (mode, _, name) = (words.next(), words.next(), words.next());
    [mode.unwrap_or_default(), b" 0 ", name.unwrap_or_default()].concat().into()
}

/// How much comes next of a file of which so much was sent.
fn piece(file: &File, sent: u64) -> u32 {
    u32::try_from(file.size.saturating_sub(sent).min(PIECE)).unwrap_or(u32::MAX)
}

/// On one line, and not long.
fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(SHOWN).collect()
}
