//! Files of the target's in quarantine: fetched whole and scanned before the client has any of them.
//!
//! The client's OPEN goes to the target as it is. Its answer waits: the file is fetched by requests
//! of our own and scanned. Then the client gets a handle of ours and reads out of quarantine, or is
//! told why not. Whatever else it asks of that handle, the target is asked by its own.

use super::judge::Refusal;
use super::opened::Handle;
use super::opened::Opened;
use super::replies::{self, Code, Reply};
use super::requests::{Flags, kind};
use super::tally::Tally;
use super::target::{Answered, MOST_FETCHED, content_of, handle_of, not_more_than, outcome, refused};
use super::technician::{Call, failure, kept};
use super::upload::{MOST_OWN_PARTS, PART, told, too_large};
use super::wire::Packet;
use super::{Await, Broken, Outbox, Sftp, target};
use crate::files::{Act, FileNumber, Finding, Note, UnderWay};
use bytes::Bytes;
use lifecycle::FileResult;
use policy::Direction::FromTarget;
use std::collections::{BTreeMap, VecDeque};

/// The files in quarantine for the technician.
#[derive(Debug, Default)]
pub(super) struct Downloads(BTreeMap<FileNumber, Fetched>);

#[derive(Debug)]
struct Fetched {
    path: Bytes,
    /// The target's handle.
    handle: Bytes,
    tally: Tally,
    size: Option<u64>,
    /// How much of it there is in quarantine, gaps included.
    length: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The client's OPEN waits for the target.
    Collecting(Collecting),
    /// And for the scanner.
    Scanning { client: u32 },
    /// The client reads it.
    Ready,
}

#[derive(Debug)]
struct Collecting {
    client: u32,
    /// Where the next part begins.
    next: u64,
    /// Where the target says that it ends.
    end: Option<u64>,
    /// Parts under way.
    parts: usize,
    /// Rests of parts that came short.
    again: VecDeque<(u64, u32)>,
}

impl Downloads {
    /// Something goes on without the technician.
    pub(super) fn busy(&self) -> bool {
        self.0.values().any(|fetched| !matches!(fetched.state, State::Ready))
    }

    /// The target's handle and path of a file that the client reads.
    pub(super) fn behind(&self, file: FileNumber) -> Option<(Bytes, Bytes)> {
        self.0.get(&file).map(|fetched| (fetched.handle.clone(), fetched.path.clone()))
    }

    pub(super) fn over(&mut self) -> impl Iterator<Item = Note> + use<> {
        std::mem::take(&mut self.0).into_values().map(|fetched| fetched.tally.ended(fetched.path, FileResult::Partial))
    }

    pub(super) fn under_way(&self) -> impl Iterator<Item = UnderWay> {
        self.0.values().map(|fetched| {
            let held = !matches!(fetched.state, State::Ready);
            fetched.tally.under_way(&fetched.path, fetched.size, held)
        })
    }
}

/// Reads from quarantine that were asked for.
#[derive(Debug, Default)]
pub(super) struct Fetching(BTreeMap<(FileNumber, u64), VecDeque<For>>);

/// For whom.
#[derive(Debug)]
enum For {
    /// The client, who asked by this id.
    Client(u32),
    /// A delivery that needs this many bytes.
    Delivery(u32),
}

impl Fetching {
    /// A part for a delivery.
    pub(super) fn expect_part(&mut self, file: FileNumber, offset: u64, length: u32) {
        self.0.entry((file, offset)).or_default().push_back(For::Delivery(length));
    }

    fn take(&mut self, file: FileNumber, offset: u64) -> Option<For> {
        let waiting = self.0.get_mut(&(file, offset))?;
        let first = waiting.pop_front();
        if waiting.is_empty() {
            self.0.remove(&(file, offset));
        }
        first
    }
}

/// Until the client has its handle.
impl Sftp {
    pub(super) fn opened_to_scan(
        &mut self,
        path: Bytes,
        answered: &Answered<'_>,
        out: &mut Outbox,
    ) -> Result<(), Broken> {
        self.opening = self.opening.saturating_sub(1);
        let tally = self.new_tally(FromTarget, answered.at)?;
        let Some(handle) = handle_of(&answered.reply)? else {
            let mut opened = Opened::new(path, Flags::reading(), answered.at);
            out.note(opened.begin(tally));
            opened.closed = Some(outcome(&answered.reply)?);
            opened.ended().for_each(|note| out.note(note));
            self.relay_reply(answered, out);
            return Ok(());
        };
        let Some(client) = answered.client else { return Ok(()) };
        let (file, handle) = (tally.file, kept(handle));
        // Its place among the open handles is kept until the client has one.
        self.opening += 1;
        out.note(Note::Began { file, path: path.clone(), direction: FromTarget });
        out.act(Act::Truncate { file, length: 0 });
        self.ask(Await::CollectSize(file), 0, out, |id| Packet::new(kind::FSTAT).number(id).text(&handle));
        let collecting = Collecting { client, next: 0, end: None, parts: 0, again: VecDeque::new() };
        let state = State::Collecting(collecting);
        self.downloads.0.insert(file, Fetched { path, handle, tally, size: None, length: 0, state });
        self.collect_all(out);
        Ok(())
    }

    /// Asks for parts, the oldest file first, as many as may be under way.
    pub(super) fn collect_all(&mut self, out: &mut Outbox) {
        let mut parts = Vec::new();
        for (file, fetched) in &mut self.downloads.0 {
            let State::Collecting(collecting) = &mut fetched.state else { continue };
            while self.own_parts < MOST_OWN_PARTS
                && let Some((offset, length)) = collecting.next_part(fetched.size)
            {
                collecting.parts += 1;
                self.own_parts += 1;
                parts.push((*file, fetched.handle.clone(), offset, length));
            }
        }
        for (file, handle, offset, length) in parts {
            self.ask(Await::Collect { file, offset, length }, 0, out, |id| {
                Packet::new(kind::READ).number(id).text(&handle).long(offset).number(length)
            });
        }
    }

    pub(super) fn size_collected(
        &mut self,
        file: FileNumber,
        answered: &Answered<'_>,
        out: &mut Outbox,
    ) -> Result<(), Broken> {
        let size = match &answered.reply {
            Reply::Attributes(attributes) => attributes.size,
            reply => refused(reply)?.and(None),
        };
        if let Some(fetched) = self.downloads.0.get_mut(&file) {
            fetched.size = size;
            if matches!(fetched.state, State::Collecting(_)) && size.is_some_and(|size| size > self.rules.scan_limit) {
                self.too_large_to_read(file, out);
            }
        }
        self.collect_all(out);
        Ok(())
    }

    pub(super) fn collected(
        &mut self,
        file: FileNumber,
        offset: u64,
        asked: u32,
        answered: &Answered<'_>,
        out: &mut Outbox,
    ) -> Result<(), Broken> {
        self.own_parts = self.own_parts.saturating_sub(1);
        let limit = self.rules.scan_limit;
        let content = match &answered.reply {
            Reply::Data([]) => return Err(target("answered a READ with nothing")),
            Reply::Data(content) => Some(*content),
            _ => None,
        };
        content.map_or(Ok(()), |content| not_more_than(asked, content))?;
        let failed = if content.is_none() { refused(&answered.reply)? } else { None };
        // Refused meanwhile: nobody waits for its parts.
        let Some(fetched) = self.downloads.0.get_mut(&file) else {
            self.collect_all(out);
            return Ok(());
        };
        let State::Collecting(collecting) = &mut fetched.state else { return Ok(()) };
        collecting.parts = collecting.parts.saturating_sub(1);
        match (content, failed) {
            (Some(content), _) if collecting.end.is_none_or(|end| offset < end) => {
                let length = u32::try_from(content.len()).unwrap_or(asked);
                let end = offset.saturating_add(length.into());
                if end > limit {
                    self.too_large_to_read(file, out);
                    return Ok(());
                }
                if length < asked {
                    collecting.again.push_back((end, asked.saturating_sub(length)));
                }
                fetched.length = fetched.length.max(end);
                fetched.tally.pass(offset, content);
                let bytes = content_of(answered.packet, content);
                out.content(file, offset, bytes.clone());
                out.act(Act::Store { file, offset, bytes });
            }
            // Behind the end that the target named: the file has grown since.
            (Some(_), _) => {}
            (None, Some(refusal)) if refusal.code == Code::EOF => {
                collecting.end = Some(collecting.end.map_or(offset, |end| end.min(offset)));
            }
            (None, failed) => {
                let refusal = failed.unwrap_or_else(|| failure("the target read nothing"));
                let result = FileResult::Failed { why: refusal.why.clone() };
                self.refuse_download(file, result, refusal, out);
                return Ok(());
            }
        }
        self.scan_if_whole(file, out);
        self.collect_all(out);
        Ok(())
    }

    fn scan_if_whole(&mut self, file: FileNumber, out: &mut Outbox) {
        let Some(fetched) = self.downloads.0.get_mut(&file) else { return };
        let State::Collecting(collecting) = &mut fetched.state else { return };
        let Some(end) = collecting.end else { return };
        collecting.again.retain(|(offset, _)| *offset < end);
        if collecting.parts > 0 || !collecting.again.is_empty() {
            return;
        }
        if fetched.length > end {
            // It shrank while it was read.
            fetched.tally.out_of_order();
            fetched.length = end;
            out.act(Act::Truncate { file, length: end });
        }
        fetched.state = State::Scanning { client: collecting.client };
        out.act(Act::Scan { file, direction: FromTarget });
    }

    /// The scanner spoke.
    pub(super) fn download_scanned(
        &mut self,
        file: FileNumber,
        finding: Finding,
        out: &mut Outbox,
    ) -> Result<(), Broken> {
        let Some(fetched) = self.downloads.0.get_mut(&file) else { return Ok(()) };
        let State::Scanning { client } = fetched.state else { return Ok(()) };
        let (code, result) = match finding {
            Finding::Clean => {
                fetched.state = State::Ready;
                self.opening = self.opening.saturating_sub(1);
                self.give_own(client, file, Handle::Scanned(file), out);
                return Ok(());
            }
            Finding::Infected(signature) => (Code::PERMISSION_DENIED, FileResult::Infected { signature }),
            Finding::Unscanned(why) => (Code::FAILURE, FileResult::Unscanned { why }),
        };
        let refusal = Refusal::new(code, told(&result));
        self.refuse_download(file, result, refusal, out);
        Ok(())
    }

    fn too_large_to_read(&mut self, file: FileNumber, out: &mut Outbox) {
        let result = too_large(self.rules.scan_limit);
        let refusal = failure(told(&result));
        self.refuse_download(file, result, refusal, out);
    }

    /// The client gets no handle, and the target closes its own.
    fn refuse_download(&mut self, file: FileNumber, result: FileResult, refusal: Refusal, out: &mut Outbox) {
        let Some(fetched) = self.downloads.0.remove(&file) else { return };
        self.opening = self.opening.saturating_sub(1);
        self.ask(Await::Forgotten, 0, out, |id| Packet::new(kind::CLOSE).number(id).text(&fetched.handle));
        out.act(Act::Drop { file });
        out.note(fetched.tally.ended(fetched.path, result));
        let client = match fetched.state {
            State::Collecting(Collecting { client, .. }) | State::Scanning { client } => client,
            State::Ready => return,
        };
        self.answer_status(client, Err(refusal), out);
        self.collect_all(out);
    }
}

/// While the client reads.
impl Sftp {
    pub(super) fn read_scanned(
        &mut self,
        file: FileNumber,
        offset: u64,
        length: u32,
        call: &Call<'_>,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        let end = self.downloads.0.get(&file).map(|fetched| fetched.length);
        let end = end.ok_or_else(|| failure("this file has left the quarantine"))?;
        self.serve(file, offset, length, end, call.id, out);
        Ok(())
    }

    /// Answers a READ out of quarantine.
    pub(super) fn serve(
        &mut self,
        file: FileNumber,
        offset: u64,
        length: u32,
        end: u64,
        client: u32,
        out: &mut Outbox,
    ) {
        if offset >= end {
            self.answer_status(client, Err(Refusal::new(Code::EOF, "end of file")), out);
        } else if length == 0 {
            self.answer(client, replies::data(client, b""), 0, out);
        } else {
            self.fetching.0.entry((file, offset)).or_default().push_back(For::Client(client));
            out.act(Act::Fetch { file, offset, length: length.min(MOST_FETCHED) });
        }
    }

    /// Something came out of quarantine.
    pub(super) fn fetched(&mut self, file: FileNumber, offset: u64, bytes: &Bytes, out: &mut Outbox) {
        match self.fetching.take(file, offset) {
            Some(For::Delivery(length)) => {
                let whole = usize::try_from(length) == Ok(bytes.len());
                self.part_fetched(file, offset, whole, bytes, out);
            }
            Some(For::Client(client)) if bytes.is_empty() => {
                self.answer_status(client, Err(Refusal::new(Code::EOF, "end of file")), out);
            }
            Some(For::Client(client)) => self.answer(client, replies::data(client, bytes), bytes.len(), out),
            None => {}
        }
    }

    pub(super) fn close_scanned(&mut self, file: FileNumber, call: &Call<'_>, out: &mut Outbox) -> Result<(), Refusal> {
        let (handle, _) = self.downloads.behind(file).ok_or_else(|| failure("no such handle"))?;
        let packet = Packet::new(kind::CLOSE).number(call.id).text(&handle).done();
        self.forward(&Call { packet: &packet, ..*call }, Await::CloseScanned(file), out);
        Ok(())
    }

    pub(super) fn scanned_closed(
        &mut self,
        file: FileNumber,
        answered: &Answered<'_>,
        out: &mut Outbox,
    ) -> Result<(), Broken> {
        let failed = outcome(&answered.reply)?;
        if let Some(fetched) = self.downloads.0.remove(&file) {
            out.act(Act::Drop { file });
            let result = failed.err().map_or(FileResult::Done, |why| FileResult::Failed { why });
            out.note(fetched.tally.ended(fetched.path, result));
        }
        Ok(())
    }
}

impl Collecting {
    /// The next part to ask for: rests first, so that gaps close; none once the end is known.
    ///
    /// Behind the size that the target named, parts are asked for one by one: a small file takes few
    /// requests, and one that is longer than it said (those of `/proc` say 0) is read to its end.
    fn next_part(&mut self, size: Option<u64>) -> Option<(u64, u32)> {
        if let Some(rest) = self.again.pop_front() {
            return Some(rest);
        }
        if self.end.is_some() || (self.parts > 0 && self.next >= size.unwrap_or_default()) {
            return None;
        }
        let part = (self.next, PART);
        self.next = self.next.saturating_add(PART.into());
        Some(part)
    }
}
