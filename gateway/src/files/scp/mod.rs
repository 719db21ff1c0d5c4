//! The old scp protocol, taken apart as it passes.
//!
//! A source announces files and folders, one record after the other, and a sink answers each. In an
//! upload (`scp -t`) the technician's client is the source, in a download (`scp -f`) the target is;
//! everything else is the same, so this steward thinks in source and sink. They speak in turns, and
//! who speaks out of turn, or says what scp does not say, has broken the protocol: a channel that
//! was allowed for scp carries nothing else. The right to the channel was judged when it was asked for.

mod file;
mod held;
mod line;
mod out;
mod place;
#[cfg(test)]
mod tests;

use crate::files::{Act, Answer, Broken, FileNumber, NEVER_LEFT, Note, Rules, Steward, UNANSWERED, UnderWay};
use crate::texts::Texts;
use bytes::Bytes;
use file::{Announced, File};
use held::Step;
use jiff::Timestamp;
use lifecycle::{FileAct, FileResult};
use line::{Line, Record, Reply, Says};
use out::Out;
use place::Place;
use policy::Direction;
use std::mem::replace;

/// The steward of one scp channel.
pub struct Scp {
    /// Which way files go, and so everything that the source says.
    direction: Direction,
    place: Place,
    /// Files are held until they were scanned.
    holds: bool,
    scan_limit: u64,
    texts: Texts,
    stage: Stage,
    from_source: Line,
    from_sink: Line,
    /// The record of times that goes with the next file or folder.
    times: Option<Bytes>,
    next: FileNumber,
    ending: Ending,
}

/// Whose turn it is, and for what.
#[derive(Clone)]
enum Stage {
    /// The sink is to say that it is there.
    Greeting,
    /// The source is to announce something.
    Record,
    /// The sink is to answer a record.
    Answer(Asked),
    /// The source is to send a file's data.
    Data(Box<File>),
    /// The source is to say whether it could read the file.
    Status(Box<File>),
    /// The sink is to answer the file.
    Received(Box<File>),
    /// The scanner is to answer.
    Scanning(Box<File>),
    /// The sink is given what was held.
    Delivery(Step),
    /// Nobody has anything more to say. With the file that was under way when a side broke the protocol.
    Over(Option<Box<File>>),
}

/// The record that an answer is for.
#[derive(Clone)]
enum Asked {
    Times(Bytes),
    File(Box<File>),
    Folder(Bytes),
    Leave,
}

/// How far the technician's end is passed on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    Open,
    /// The technician ended; the target does not know yet.
    Asked,
    Told,
}

impl Stage {
    /// What comes after an answer that ended something.
    fn after(says: &Says) -> Self {
        if matches!(says, Says::Fatal(_)) { Stage::Over(None) } else { Stage::Record }
    }

    fn file(&self) -> Option<&File> {
        match self {
            Stage::Answer(Asked::File(file))
            | Stage::Data(file)
            | Stage::Status(file)
            | Stage::Received(file)
            | Stage::Scanning(file)
            | Stage::Over(Some(file)) => Some(file),
            Stage::Delivery(step) => step.file(),
            Stage::Greeting | Stage::Record | Stage::Answer(_) | Stage::Over(None) => None,
        }
    }
}

impl Scp {
    /// The steward of a channel whose command line is the server half of scp and nothing else
    /// ([`policy::Asked::Scp`]). The texts are for what is refused here.
    pub fn new(direction: Direction, command_line: &[u8], rules: &Rules, texts: Texts) -> Self {
        let holds = match direction {
            Direction::ToTarget => rules.scan_uploads,
            Direction::FromTarget => rules.scan_downloads,
        };
        Self {
            direction,
            place: Place::of_command(command_line, direction),
            holds,
            scan_limit: rules.scan_limit,
            texts,
            stage: Stage::Greeting,
            from_source: Line::default(),
            from_sink: Line::default(),
            times: None,
            next: 0,
            ending: Ending::Open,
        }
    }

    /// Which way the sink's answers go.
    fn back(&self) -> Direction {
        match self.direction {
            Direction::ToTarget => Direction::FromTarget,
            Direction::FromTarget => Direction::ToTarget,
        }
    }

    /// One call: all of it, or nothing of it. What a call that breaks the protocol had in front is not
    /// passed on, so it does not count for the file either.
    fn step(&mut self, work: impl FnOnce(&mut Self, &mut Out) -> Result<(), Broken>) -> Result<Vec<Act>, Broken> {
        let before = self.stage.clone();
        let mut out = Out::default();
        work(self, &mut out).inspect_err(|_| self.stage = Stage::Over(before.file().cloned().map(Box::new)))?;
        if self.ending == Ending::Asked && !self.delivers() {
            self.ending = Ending::Told;
            out.act(Act::EndToTarget);
        }
        Ok(out.into_acts())
    }

    fn heard(&mut self, direction: Direction, bytes: &[u8], at: Timestamp) -> Result<Vec<Act>, Broken> {
        let side = match direction {
            Direction::ToTarget => "the technician's client",
            Direction::FromTarget => "the target",
        };
        self.step(|scp, out| {
            let done =
                if direction == scp.direction { scp.source_said(bytes, at, out) } else { scp.sink_said(bytes, out) };
            done.map_err(|why| Broken { side, why })
        })
    }

    fn source_said(&mut self, mut bytes: &[u8], at: Timestamp, out: &mut Out) -> Result<(), String> {
        while !bytes.is_empty() {
            self.stage = match replace(&mut self.stage, Stage::Over(None)) {
                Stage::Record => match Record::take(&mut self.from_source, &mut bytes)? {
                    None => Stage::Record,
                    Some((line, record)) => self.announced(line, record, at, out)?,
                },
                Stage::Data(file) => self.data(file, &mut bytes, out),
                Stage::Status(file) => match Reply::take(&mut self.from_source, &mut bytes)? {
                    None => Stage::Status(file),
                    Some(status) if self.holds => self.read_into_quarantine(file, status, out),
                    Some(status) => self.read(file, status, out),
                },
                Stage::Over(_) => return Err("went on after an end that scp has no way back from".to_owned()),
                _ => return Err("went on without waiting for the answer to what it had sent".to_owned()),
            };
        }
        Ok(())
    }

    fn sink_said(&mut self, mut bytes: &[u8], out: &mut Out) -> Result<(), String> {
        while !bytes.is_empty() {
            let may_answer = match &self.stage {
                Stage::Greeting | Stage::Answer(_) | Stage::Received(_) => true,
                // Old sinks tell of a full disk at once, and pscp confirms a file before it hears the status.
                Stage::Data(file) | Stage::Status(file) => !self.holds && file.early.is_none(),
                Stage::Delivery(step) => step.may_answer(),
                Stage::Record | Stage::Scanning(_) | Stage::Over(_) => false,
            };
            if !may_answer {
                return Err("sent an answer where nothing had been asked".to_owned());
            }
            let Some(reply) = Reply::take(&mut self.from_sink, &mut bytes)? else { return Ok(()) };
            self.stage = self.answered_by_sink(reply, out)?;
        }
        Ok(())
    }

    /// The source announced something.
    fn announced(&mut self, line: Bytes, record: Record, at: Timestamp, out: &mut Out) -> Result<Stage, String> {
        let stage = match record {
            Record::Said { fatal } => {
                out.pass(self.direction, line);
                return Ok(if fatal { Stage::Over(None) } else { Stage::Record });
            }
            Record::Times if self.holds => return Ok(self.hold_times(line, out)),
            Record::Times => Stage::Answer(Asked::Times(line.clone())),
            Record::Leave if self.times.is_some() => {
                return Err("gave times for nothing: a folder's end came instead of a file or folder".to_owned());
            }
            Record::Leave => {
                self.place.leave()?;
                Stage::Answer(Asked::Leave)
            }
            Record::Folder { name } => {
                self.place.may_enter()?;
                match self.times.take().filter(|_| self.holds) {
                    Some(times) => return Ok(self.deliver_times_of_folder(times, line, name, out)),
                    None => Stage::Answer(Asked::Folder(name)),
                }
            }
            Record::File { size, name } if self.holds && size > self.scan_limit => {
                return Ok(self.refuse_as_too_large(line, size, &name, out));
            }
            Record::File { size, name } => {
                let (path, times) = (self.place.path(&name), self.times.take());
                let announced = Announced { line: line.clone(), times, name, size, path, direction: self.direction };
                let file = File::new(self.next, announced, at);
                self.next = self.next.saturating_add(1);
                out.note(file.began());
                if self.holds {
                    return Ok(self.hold(file, out));
                }
                Stage::Answer(Asked::File(file))
            }
        };
        out.pass(self.direction, line);
        Ok(stage)
    }

    /// The sink gave an answer that was due.
    fn answered_by_sink(&mut self, reply: Reply, out: &mut Out) -> Result<Stage, String> {
        let stage = replace(&mut self.stage, Stage::Over(None));
        if let Stage::Delivery(step) = stage {
            return self.answered_delivery(step, reply, out);
        }
        let (no, next) = (reply.says.no(), Stage::after(&reply.says));
        out.pass(self.back(), reply.bytes.clone());
        Ok(match (stage, no) {
            (Stage::Answer(Asked::Times(line)), None) => {
                self.times = Some(line);
                next
            }
            (Stage::Answer(Asked::File(file)), None) => whole_or_more(file),
            (Stage::Answer(Asked::File(file)), Some(why)) => {
                out.note(file.moved(FileResult::Failed { why: why.to_owned() }));
                next
            }
            (Stage::Answer(Asked::Folder(name)), _) => self.folder_answered(name, &reply, out),
            (Stage::Received(file), _) => finished(&file, &reply, out),
            (Stage::Data(_), None) => {
                return Err("confirmed a file before it had all of it".to_owned());
            }
            (Stage::Data(mut file), Some(_)) => {
                file.early = Some(reply);
                Stage::Data(file)
            }
            (Stage::Status(mut file), _) => {
                file.early = Some(reply);
                Stage::Status(file)
            }
            _ => next,
        })
    }

    fn folder_answered(&mut self, name: Bytes, reply: &Reply, out: &mut Out) -> Stage {
        let no = reply.says.no();
        if let Some(made) = self.folder_made(&name, no.unwrap_or_default()) {
            out.note(made);
        }
        if no.is_none() {
            self.place.enter(name);
        }
        Stage::after(&reply.says)
    }

    /// What the journal says of a folder; what a download makes is on the technician's own machine.
    fn folder_made(&self, name: &[u8], failed: &str) -> Option<Note> {
        (self.direction == Direction::ToTarget).then(|| Note::Changed {
            act: FileAct::MakeFolder,
            path: self.place.path(name),
            to: Bytes::new(),
            failed: failed.to_owned(),
        })
    }

    /// The source sent data of a file.
    fn data(&mut self, mut file: Box<File>, bytes: &mut &[u8], out: &mut Out) -> Stage {
        let (number, offset) = (file.number, file.bytes());
        let part = file.take(bytes);
        if self.holds {
            out.act(Act::Store { file: number, offset, bytes: part });
        } else {
            out.content(self.direction, number, offset, part);
        }
        whole_or_more(file)
    }

    /// The source said whether it could read the file, which passed as it came.
    fn read(&mut self, mut file: Box<File>, status: Reply, out: &mut Out) -> Stage {
        out.pass(self.direction, status.bytes.clone());
        if matches!(status.says, Says::Fatal(_)) {
            return finished(&file, &status, out);
        }
        file.failed = status.says.no().map(str::to_owned);
        match file.early.take() {
            Some(reply) => finished(&file, &reply, out),
            None => Stage::Received(file),
        }
    }
}

/// More data is to come, or the word that it was all.
fn whole_or_more(file: Box<File>) -> Stage {
    if file.is_whole() { Stage::Status(file) } else { Stage::Data(file) }
}

/// The sink answered a file: it is over.
fn finished(file: &File, reply: &Reply, out: &mut Out) -> Stage {
    let result = match file.failed.as_deref().or(reply.says.no()) {
        None => FileResult::Done,
        Some(why) => FileResult::Failed { why: why.to_owned() },
    };
    out.note(file.moved(result));
    Stage::after(&reply.says)
}

impl Steward for Scp {
    fn technician_sent(&mut self, bytes: &[u8], at: Timestamp) -> Result<Vec<Act>, Broken> {
        self.heard(Direction::ToTarget, bytes, at)
    }

    fn target_sent(&mut self, bytes: &[u8], at: Timestamp) -> Result<Vec<Act>, Broken> {
        self.heard(Direction::FromTarget, bytes, at)
    }

    fn answered(&mut self, answer: Answer, _at: Timestamp) -> Result<Vec<Act>, Broken> {
        self.step(|scp, out| {
            let done = match answer {
                Answer::Scanned { file, finding } => scp.scanned(file, finding, out),
                Answer::Fetched { file, offset, bytes } => scp.fetched(file, offset, bytes, out),
            };
            done.map_err(|why| Broken { side: "the quarantine", why })
        })
    }

    fn technician_ended(&mut self, _at: Timestamp) -> Result<Vec<Act>, Broken> {
        if self.ending == Ending::Open {
            self.ending = Ending::Asked;
        }
        self.step(|_, _| Ok(()))
    }

    fn over(&mut self, _at: Timestamp) -> Vec<Note> {
        let stage = replace(&mut self.stage, Stage::Over(None));
        let Some(file) = stage.file() else {
            return match stage {
                // It went out and may well have been done.
                Stage::Answer(Asked::Folder(name)) => self.folder_made(&name, UNANSWERED).into_iter().collect(),
                _ => Vec::new(),
            };
        };
        vec![match &stage {
            Stage::Delivery(step) => file.sent_in_part(step.sent()),
            Stage::Data(_) | Stage::Status(_) | Stage::Scanning(_) if self.holds => {
                file.moved(FileResult::Unscanned { why: NEVER_LEFT.to_owned() })
            }
            _ => file.moved(FileResult::Partial),
        }]
    }

    fn under_way(&self) -> Vec<UnderWay> {
        let held = matches!(self.stage, Stage::Scanning(_));
        match &self.stage {
            Stage::Over(_) => Vec::new(),
            stage => stage.file().map(|file| file.under_way(held)).into_iter().collect(),
        }
    }
}
