//! Files of the technician's in quarantine: held until they were scanned, then delivered.
//!
//! The client's OPEN is answered here, with a handle of ours; its WRITEs go into quarantine and are
//! acknowledged. Its CLOSE waits: for the scanner, and for the target, to which the file is written
//! by requests of our own, opened as the client opened it. Meanwhile the path is answered from
//! quarantine; what would change it waits for the end once the file was closed.
//!
//! Only whole files can be judged. One that is opened without truncating it (scp does) must be
//! written from its first byte to its last, and must leave nothing of a longer old file behind it.
//! Symbolic links are let through: they give a name to what is on the target, and bring no content.

use super::attributes::Attributes;
use super::judge::Refusal;
use super::opened::Handle;
use super::ranges::Ranges;
use super::replies::{self, Code, Reply};
use super::requests::{self, Asked, Flags, Request, kind};
use super::tally::Tally;
use super::target::{Answered, handle_of, misfit, outcome, refused};
use super::technician::{Call, Stop, failure, kept};
use super::wire::Packet;
use super::{Await, Broken, Outbox, Sftp, technician};
use crate::files::{Act, FileNumber, Finding, NEVER_LEFT, Note, UnderWay};
use bytes::Bytes;
use jiff::Timestamp;
use lifecycle::{FileAct, FileResult};
use policy::Direction::ToTarget;
use std::collections::{BTreeMap, VecDeque};

/// How much one WRITE of ours carries: what every server takes (draft, section 3).
pub(super) const PART: u32 = 32 * 1024;

/// Most parts of scanned files under way at once, of all files: a MiB, enough for a fast line.
pub(super) const MOST_OWN_PARTS: usize = 32;

/// Most bytes of requests that wait for a file's end. Each is a path or two.
const MOST_WAITING: usize = 256 * 1024;

/// The files in quarantine for the target.
#[derive(Debug, Default)]
pub(super) struct Uploads {
    held: BTreeMap<FileNumber, Held>,
    /// Bytes of all requests that wait.
    waiting: usize,
}

#[derive(Debug)]
struct Held {
    path: Bytes,
    flags: Flags,
    /// As the client gave them when it opened the file.
    opened_with: Attributes,
    /// As it set them since.
    set: Attributes,
    started: Timestamp,
    tally: Tally,
    length: u64,
    written: Ranges,
    /// Nothing of an older file can stay, and gaps are zeros.
    starts_empty: bool,
    state: State,
    /// Requests for its path that wait for its end.
    waiting: VecDeque<Bytes>,
}

#[derive(Debug)]
enum State {
    /// The client writes.
    Open,
    /// It is gone from quarantine and will not be delivered: for this reason, told to the client.
    Spoilt(FileResult, Refusal),
    /// The client's CLOSE waits for the scanner.
    Scanning { client: u32 },
    /// The client's CLOSE waits for the target.
    Delivering(Delivery),
}

#[derive(Debug)]
struct Delivery {
    client: u32,
    step: Step,
    /// The target's handle.
    handle: Bytes,
    /// Where the next part begins.
    next: u64,
    /// Parts under way.
    parts: usize,
    /// Why it cannot be delivered.
    failed: Option<Refusal>,
    /// Why its attributes could not be set.
    unset: Option<Refusal>,
}

/// What the target is asked for, one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Opening,
    Measuring,
    Emptying,
    Writing,
    Setting,
    Closing,
}

impl Uploads {
    pub(super) fn has(&self, file: FileNumber) -> bool {
        self.held.contains_key(&file)
    }

    /// Something goes on without the technician.
    pub(super) fn busy(&self) -> bool {
        self.held.values().any(|held| matches!(held.state, State::Scanning { .. } | State::Delivering(_)))
    }

    /// The file that is held under this path.
    fn at(&self, path: &[u8]) -> Option<FileNumber> {
        let mut held = self.held.iter();
        held.find(|(_, held)| held.path == path && !matches!(held.state, State::Spoilt(..))).map(|(file, _)| *file)
    }

    /// The channel is over: nothing more is delivered.
    pub(super) fn over(&mut self) -> impl Iterator<Item = Note> + use<> {
        self.waiting = 0;
        std::mem::take(&mut self.held).into_values().map(|mut held| match held.state {
            State::Spoilt(result, _) => held.tally.ended(held.path, result),
            State::Open | State::Scanning { .. } => {
                held.tally.ended(held.path, FileResult::Unscanned { why: NEVER_LEFT.to_owned() })
            }
            State::Delivering(delivery) => {
                // What went out; the digest is of all that came.
                held.tally.bytes = delivery.next.min(held.length);
                held.tally.out_of_order();
                held.tally.ended(held.path, FileResult::Partial)
            }
        })
    }

    pub(super) fn under_way(&self) -> impl Iterator<Item = UnderWay> {
        self.held.values().map(|held| {
            let closed = matches!(held.state, State::Scanning { .. } | State::Delivering(_));
            held.tally.under_way(&held.path, closed.then_some(held.length), closed)
        })
    }
}

/// Before the technician's CLOSE.
impl Sftp {
    /// Answers an OPEN for writing with a handle of ours.
    pub(super) fn hold(
        &mut self,
        path: &[u8],
        flags: Flags,
        attributes: &Attributes,
        call: &Call<'_>,
        out: &mut Outbox,
    ) -> Result<(), Stop> {
        if path.is_empty() {
            return Err(failure(NO_NAME).into());
        }
        if self.uploads.at(path).is_some() {
            return Err(failure("this file is being sent already").into());
        }
        let tally = self.new_tally(ToTarget, call.at)?;
        let (file, path) = (tally.file, kept(path));
        out.note(Note::Began { file, path: path.clone(), direction: ToTarget });
        // An empty file is a file too, and is scanned like any other.
        out.act(Act::Truncate { file, length: 0 });
        let held = Held {
            path,
            flags,
            opened_with: attributes.without_size(),
            set: Attributes::default(),
            started: call.at,
            tally,
            length: 0,
            written: Ranges::default(),
            starts_empty: flags.starts_empty(),
            state: State::Open,
            waiting: VecDeque::new(),
        };
        self.uploads.held.insert(file, held);
        self.give_own(call.id, file, Handle::Held { file, reads: flags.reads(), writes: true }, out);
        Ok(())
    }

    /// Answers an OPEN for reading of a held file; whether it did.
    pub(super) fn open_held(&mut self, path: &[u8], call: &Call<'_>, out: &mut Outbox) -> bool {
        let Some(file) = self.uploads.at(path) else { return false };
        self.give_own(call.id, file, Handle::Held { file, reads: true, writes: false }, out);
        true
    }

    /// Gives the client a handle of ours, which no handle of the target's is.
    pub(super) fn give_own(&mut self, client: u32, file: FileNumber, what: Handle, out: &mut Outbox) {
        let mut turn = 0_u32;
        let name = loop {
            let name = Bytes::from(format!("poterne-{file}-{turn}"));
            if !self.handles.contains_key(&name) {
                break name;
            }
            turn = turn.wrapping_add(1);
        };
        self.answer(client, replies::handle(client, &name), 0, out);
        self.handles.insert(name, what);
    }

    fn held(&mut self, file: FileNumber) -> Result<&mut Held, Refusal> {
        let held = self.uploads.held.get_mut(&file).ok_or_else(|| failure("this file has left the quarantine"))?;
        if let State::Spoilt(_, refusal) = &held.state { Err(refusal.clone()) } else { Ok(held) }
    }

    pub(super) fn write_held(
        &mut self,
        file: FileNumber,
        offset: u64,
        content: Bytes,
        call: &Call<'_>,
        out: &mut Outbox,
    ) -> Result<(), Stop> {
        let limit = self.rules.scan_limit;
        let held = self.held(file)?;
        let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
        let Some(end) = offset.checked_add(length).filter(|end| *end <= limit) else {
            return Err(held.spoil(too_large(limit), out).into());
        };
        if held.written.add(offset, end).is_err() {
            let why = "it was sent in too many scattered parts".to_owned();
            return Err(held.spoil(FileResult::Failed { why }, out).into());
        }
        held.length = held.length.max(end);
        held.tally.pass(offset, &content);
        out.content(file, offset, content.clone());
        if length > 0 {
            out.act(Act::Store { file, offset, bytes: content });
        }
        self.answer_status(call.id, Ok(()), out);
        Ok(())
    }

    pub(super) fn read_held(
        &mut self,
        file: FileNumber,
        offset: u64,
        length: u32,
        call: &Call<'_>,
        out: &mut Outbox,
    ) -> Result<(), Stop> {
        let end = self.held(file)?.length;
        self.serve(file, offset, length, end, call.id, out);
        Ok(())
    }

    /// What is asked of a held file by its handle.
    pub(super) fn by_held_handle(
        &mut self,
        request: &Request<'_>,
        file: FileNumber,
        writes: bool,
        call: &Call<'_>,
        out: &mut Outbox,
    ) -> Result<(), Stop> {
        match request {
            Request::FStat { .. } => self.show_held(file, call.id, out)?,
            Request::FSetStat { .. } if !writes => return Err(failure("this file was not opened for writing").into()),
            Request::FSetStat { attributes, .. } => self.set_held(file, attributes, call.id, out)?,
            Request::Sync { .. } => {
                self.held(file)?;
                self.answer_status(call.id, Ok(()), out);
            }
            _ => return Err(failure("this file is not on the target yet").into()),
        }
        Ok(())
    }

    fn show_held(&mut self, file: FileNumber, client: u32, out: &mut Outbox) -> Result<(), Refusal> {
        let held = self.held(file)?;
        let shown = held.set.or(&held.opened_with).shown(held.length, held.started);
        self.answer(client, replies::attributes(client, &shown), 0, out);
        Ok(())
    }

    fn set_held(
        &mut self,
        file: FileNumber,
        attributes: &Attributes,
        client: u32,
        out: &mut Outbox,
    ) -> Result<(), Refusal> {
        let limit = self.rules.scan_limit;
        let held = self.held(file)?;
        if let Some(size) = attributes.size {
            if size > limit {
                return Err(held.spoil(too_large(limit), out));
            }
            held.cut(size);
            out.act(Act::Truncate { file, length: size });
        }
        held.set = attributes.or(&held.set);
        self.answer_status(client, Ok(()), out);
        Ok(())
    }

    /// Answers a STAT of a held path; whether it did.
    pub(super) fn stat_held(&mut self, path: &[u8], call: &Call<'_>, out: &mut Outbox) -> bool {
        self.uploads.at(path).is_some_and(|file| self.show_held(file, call.id, out).is_ok())
    }

    /// Answers a SETSTAT of a held path; whether it did.
    pub(super) fn set_held_path(
        &mut self,
        path: &[u8],
        attributes: &Attributes,
        call: &Call<'_>,
        out: &mut Outbox,
    ) -> Result<bool, Refusal> {
        let Some(file) = self.uploads.at(path) else { return Ok(false) };
        self.set_held(file, attributes, call.id, out)?;
        Ok(true)
    }

    /// Forgets what is held under a path that is to be removed; whether there was any.
    pub(super) fn remove_held(&mut self, path: &[u8], out: &mut Outbox) -> bool {
        let held = self.uploads.at(path).and_then(|file| self.uploads.held.get_mut(&file));
        held.map(|held| held.spoil(FileResult::Failed { why: "it was removed while it was sent".to_owned() }, out))
            .is_some()
    }

    /// Gives what is held under a path its new one; whether there was any.
    pub(super) fn rename_held(
        &mut self,
        from: &[u8],
        to: &[u8],
        replaces: bool,
        call: &Call<'_>,
        out: &mut Outbox,
    ) -> Result<bool, Refusal> {
        let Some(file) = self.uploads.at(from) else { return Ok(false) };
        if to.is_empty() {
            return Err(failure(NO_NAME));
        }
        if self.uploads.at(to).is_some() {
            return Err(failure("a file of this name is being sent"));
        }
        let held = self.held(file)?;
        out.note(Note::Changed { act: FileAct::Rename, path: held.path.clone(), to: kept(to), failed: String::new() });
        held.path = kept(to);
        // What is at the new name is replaced or not, as the two kinds of rename have it.
        held.flags = Flags::renamed(replaces);
        self.answer_status(call.id, Ok(()), out);
        Ok(true)
    }

    /// Lets a request wait that would change a path whose file is closed and not delivered; whether
    /// it does.
    pub(super) fn wait_for_scanner(&mut self, asked: &Asked<'_>, call: &Call<'_>) -> Result<bool, Refusal> {
        if !asked.request.touches() {
            return Ok(false);
        }
        let paths = asked.request.paths();
        let busy = |held: &&mut Held| {
            matches!(held.state, State::Scanning { .. } | State::Delivering(_))
                && paths.iter().any(|path| !path.is_empty() && held.path == path)
        };
        let Some(held) = self.uploads.held.values_mut().find(busy) else { return Ok(false) };
        let waiting = self.uploads.waiting.saturating_add(call.packet.len());
        if waiting > MOST_WAITING {
            return Err(failure("too much waits for files to be scanned"));
        }
        self.uploads.waiting = waiting;
        held.waiting.push_back(kept(call.packet));
        Ok(true)
    }
}

/// From the technician's CLOSE on.
impl Sftp {
    pub(super) fn close_held(
        &mut self,
        file: FileNumber,
        writes: bool,
        call: &Call<'_>,
        out: &mut Outbox,
    ) -> Result<(), Stop> {
        if !writes {
            self.answer_status(call.id, Ok(()), out);
            return Ok(());
        }
        let Some(held) = self.uploads.held.get_mut(&file) else { return Err(failure("no such handle").into()) };
        if !held.starts_empty && !held.written.cover(held.length) {
            held.spoil(FileResult::Failed { why: NOT_WHOLE.to_owned() }, out);
        }
        match &held.state {
            State::Spoilt(result, refusal) => {
                let (result, refusal) = (result.clone(), refusal.clone());
                self.end_upload(file, call.id, result, Err(refusal), call.at, out)?;
            }
            _ => {
                held.state = State::Scanning { client: call.id };
                out.act(Act::Scan { file, direction: ToTarget });
            }
        }
        Ok(())
    }

    /// The scanner spoke.
    pub(super) fn upload_scanned(
        &mut self,
        file: FileNumber,
        finding: Finding,
        at: Timestamp,
        out: &mut Outbox,
    ) -> Result<(), Broken> {
        let Some(held) = self.uploads.held.get_mut(&file) else { return Ok(()) };
        let State::Scanning { client } = held.state else { return Ok(()) };
        let (code, result) = match finding {
            Finding::Clean => {
                // INVARIANT: nothing of an older file is ever behind what was scanned. A client that
                // set a length has said so too, and every byte up to it is in quarantine.
                held.starts_empty |= held.set.size.is_some();
                let (path, flags) = (held.path.clone(), held.flags.delivering(held.starts_empty));
                let attributes = held.opened_with.clone();
                held.state = State::Delivering(Delivery::new(client));
                self.ask(Await::Deliver(file), 0, out, |id| {
                    attributes.write(Packet::new(kind::OPEN).number(id).text(&path).number(flags.0))
                });
                return Ok(());
            }
            Finding::Infected(signature) => (Code::PERMISSION_DENIED, FileResult::Infected { signature }),
            Finding::Unscanned(why) => (Code::FAILURE, FileResult::Unscanned { why }),
        };
        let refusal = Refusal::new(code, told(&result));
        self.end_upload(file, client, result, Err(refusal), at, out)
    }

    /// The target answered a step of a delivery.
    pub(super) fn delivered(
        &mut self,
        file: FileNumber,
        answered: &Answered<'_>,
        out: &mut Outbox,
    ) -> Result<(), Broken> {
        let Some(held) = self.uploads.held.get_mut(&file) else { return Ok(()) };
        let State::Delivering(delivery) = &mut held.state else { return Ok(()) };
        match delivery.step {
            Step::Opening => match handle_of(&answered.reply)? {
                Some(handle) => {
                    delivery.handle = kept(handle);
                    delivery.step =
                        if held.starts_empty || held.flags.starts_empty() { Step::Writing } else { Step::Measuring };
                }
                None => {
                    let why = outcome(&answered.reply)?.err().unwrap_or_default();
                    let status = refused(&answered.reply)?.map_or(Ok(()), Err);
                    let client = delivery.client;
                    return self.end_upload(file, client, FileResult::Failed { why }, status, answered.at, out);
                }
            },
            Step::Measuring => {
                match &answered.reply {
                    Reply::Attributes(there) => {
                        let stays = there.size.is_none_or(|size| size > held.length);
                        delivery.failed = stays.then(|| Refusal::new(Code::FAILURE, NOT_WHOLE));
                    }
                    reply => delivery.failed = Some(refused(reply)?.ok_or_else(|| misfit(reply))?),
                }
                delivery.step = if delivery.failed.is_none() { Step::Emptying } else { Step::Writing };
            }
            Step::Emptying => {
                delivery.fail(refused(&answered.reply)?);
                delivery.step = Step::Writing;
            }
            Step::Writing => {
                delivery.parts = delivery.parts.saturating_sub(1);
                self.own_parts = self.own_parts.saturating_sub(1);
                delivery.fail(refused(&answered.reply)?);
            }
            Step::Setting => {
                delivery.unset = refused(&answered.reply)?;
                let failed = delivery.unset.as_ref().map(|refusal| refusal.why.clone()).unwrap_or_default();
                let to = held.set.without_size().in_words().into();
                out.note(Note::Changed { act: FileAct::Attributes, path: held.path.clone(), to, failed });
                delivery.step = Step::Closing;
            }
            Step::Closing => {
                delivery.fail(refused(&answered.reply)?);
                let client = delivery.client;
                let (result, status) = delivery.result();
                return self.end_upload(file, client, result, status, answered.at, out);
            }
        }
        self.next_step(file, out);
        self.feed_all(out);
        Ok(())
    }

    /// Asks for what comes next of a delivery, if nothing of it is under way.
    fn next_step(&mut self, file: FileNumber, out: &mut Outbox) {
        let Some(held) = self.uploads.held.get_mut(&file) else { return };
        let State::Delivering(delivery) = &mut held.state else { return };
        let handle = delivery.handle.clone();
        if delivery.step == Step::Writing {
            let written = delivery.next >= held.length || delivery.failed.is_some();
            if !written || delivery.parts > 0 {
                return;
            }
            let set = delivery.failed.is_none() && held.set.without_size() != Attributes::default();
            delivery.step = if set { Step::Setting } else { Step::Closing };
        }
        let set = held.set.without_size();
        let packet: &dyn Fn(u32) -> Packet = match delivery.step {
            Step::Measuring => &|id| Packet::new(kind::FSTAT).number(id).text(&handle),
            // INVARIANT: a delivery that is broken off leaves the beginning of one scanned file, and never that
            // of one before the end of another.
            Step::Emptying => &|id| {
                let empty = Attributes { size: Some(0), ..Attributes::default() };
                empty.write(Packet::new(kind::FSETSTAT).number(id).text(&handle))
            },
            Step::Setting => &|id| set.write(Packet::new(kind::FSETSTAT).number(id).text(&handle)),
            Step::Closing => &|id| Packet::new(kind::CLOSE).number(id).text(&handle),
            Step::Opening | Step::Writing => return,
        };
        self.ask(Await::Deliver(file), 0, out, packet);
    }

    /// Fetches parts for deliveries, the oldest file first, as many as may be under way.
    pub(super) fn feed_all(&mut self, out: &mut Outbox) {
        for (file, held) in &mut self.uploads.held {
            let State::Delivering(delivery) = &mut held.state else { continue };
            while delivery.step == Step::Writing
                && delivery.failed.is_none()
                && delivery.next < held.length
                && self.own_parts < MOST_OWN_PARTS
            {
                let left = held.length.saturating_sub(delivery.next);
                let length = u32::try_from(left).map_or(PART, |left| left.min(PART));
                self.fetching.expect_part(*file, delivery.next, length);
                out.act(Act::Fetch { file: *file, offset: delivery.next, length });
                delivery.next = delivery.next.saturating_add(length.into());
                delivery.parts += 1;
                self.own_parts += 1;
            }
        }
    }

    /// A part came out of quarantine for the target.
    pub(super) fn part_fetched(&mut self, file: FileNumber, offset: u64, whole: bool, bytes: &Bytes, out: &mut Outbox) {
        let Some(held) = self.uploads.held.get_mut(&file) else { return };
        let State::Delivering(delivery) = &mut held.state else { return };
        if !whole || delivery.failed.is_some() {
            delivery.parts = delivery.parts.saturating_sub(1);
            self.own_parts = self.own_parts.saturating_sub(1);
            delivery.fail((!whole).then(|| failure("the quarantine does not give it back whole")));
            self.next_step(file, out);
            self.feed_all(out);
            return;
        }
        let handle = delivery.handle.clone();
        self.ask(Await::Deliver(file), bytes.len(), out, |id| {
            Packet::new(kind::WRITE).number(id).text(&handle).long(offset).text(bytes)
        });
    }

    /// A file of the technician's is over: the entry, the answer to its CLOSE, what waited for it.
    fn end_upload(
        &mut self,
        file: FileNumber,
        client: u32,
        result: FileResult,
        status: Result<(), Refusal>,
        at: Timestamp,
        out: &mut Outbox,
    ) -> Result<(), Broken> {
        let Some(held) = self.uploads.held.remove(&file) else { return Ok(()) };
        if !matches!(held.state, State::Spoilt(..)) {
            out.act(Act::Drop { file });
        }
        out.note(held.tally.ended(held.path, result));
        self.answer_status(client, status, out);
        for packet in held.waiting {
            self.uploads.waiting = self.uploads.waiting.saturating_sub(packet.len());
            let asked = requests::read(&packet).map_err(technician)?;
            self.request(&asked, &packet, at, out)?;
        }
        self.feed_all(out);
        Ok(())
    }
}

const NO_NAME: &str = "a file needs a name";

const NOT_WHOLE: &str =
    "files for this target are scanned, and a part of an older file would stay in this one: send it whole";

/// Of files that no scanner is asked about: nothing is wrong with it, and nobody is called (a client
/// says with a few bytes that a file is large).
pub(super) fn too_large(limit: u64) -> FileResult {
    FileResult::Failed { why: format!("it is larger than the {limit} bytes that are scanned, and was not delivered") }
}

/// What the technician is told.
pub(super) fn told(result: &FileResult) -> String {
    match result {
        FileResult::Infected { signature } => {
            format!("the scanner recognises {signature} in this file: it was not delivered")
        }
        FileResult::Unscanned { why } => format!("this file could not be scanned and was not delivered: {why}"),
        FileResult::Failed { why } => why.clone(),
        FileResult::Done | FileResult::Partial => String::new(),
    }
}

impl Held {
    /// It will not be delivered, and leaves the quarantine.
    fn spoil(&mut self, result: FileResult, out: &mut Outbox) -> Refusal {
        let refusal = failure(told(&result));
        if !matches!(self.state, State::Spoilt(..)) {
            out.act(Act::Drop { file: self.tally.file });
            // It no longer counts for the quarantine: what is remembered of it must be little.
            self.written = Ranges::default();
            self.state = State::Spoilt(result, refusal.clone());
        }
        refusal
    }

    /// Its length is set.
    fn cut(&mut self, size: u64) {
        if size == 0 {
            self.starts_empty = true;
        }
        if size < self.length {
            self.tally.out_of_order();
        }
        self.length = size;
    }
}

impl Delivery {
    fn new(client: u32) -> Self {
        let step = Step::Opening;
        Self { client, step, handle: Bytes::new(), next: 0, parts: 0, failed: None, unset: None }
    }

    fn fail(&mut self, refusal: Option<Refusal>) {
        self.failed = self.failed.take().or(refusal);
    }

    fn result(&mut self) -> (FileResult, Result<(), Refusal>) {
        match (self.failed.take(), self.unset.take()) {
            (Some(refusal), _) => (FileResult::Failed { why: refusal.why.clone() }, Err(refusal)),
            (None, Some(Refusal { code, why })) => {
                let why = format!("the file is delivered, but its attributes could not be set: {why}");
                (FileResult::Done, Err(Refusal { code, why }))
            }
            (None, None) => (FileResult::Done, Ok(())),
        }
    }
}
