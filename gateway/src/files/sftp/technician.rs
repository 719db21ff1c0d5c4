//! What comes from the technician: each request judged, then answered here or forwarded.

use super::attributes::Attributes;
use super::judge::{Refusal, judge};
use super::opened::{Handle, Opened};
use super::replies::{self, Code};
use super::requests::{self, Asked, Flags, Looking, Request, STATVFS_LONGS, kind};
use super::wire::{Fields, Malformed, Packet, with_id};
use super::{
    Await, Broken, LONGEST_HANDLE, MOST_HANDLES, MOST_KEPT, MOST_OUTSTANDING, OpenedNumber, Outbox, Pending, Phase,
    Sftp, Shape, technician,
};
use crate::files::Note;
use bytes::Bytes;
use jiff::Timestamp;
use lifecycle::FileAct;
use policy::Direction::{self, FromTarget, ToTarget};

/// The one version spoken here. OpenSSH and nearly every other server know no other.
pub(super) const VERSION: u32 = 3;

/// Why a request goes no further.
#[derive(Debug)]
pub(super) enum Stop {
    /// It is answered with a STATUS.
    Refused(Refusal),
    /// The channel ends.
    Broken(Broken),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Stop::Refused(refusal)
    }
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Self {
        Stop::Broken(broken)
    }
}

/// A refusal for what is not a matter of rights.
pub(super) fn failure(why: impl Into<String>) -> Refusal {
    Refusal::new(Code::FAILURE, why)
}

/// Where a request stands: what carrying it out needs besides itself.
pub(super) struct Call<'a> {
    pub(super) id: u32,
    pub(super) packet: &'a Bytes,
    pub(super) at: Timestamp,
}

impl Sftp {
    /// A whole packet of the technician's.
    pub(super) fn packet_of_technician(
        &mut self,
        packet: &Bytes,
        at: Timestamp,
        out: &mut Outbox,
    ) -> Result<(), Broken> {
        match self.phase {
            Phase::ExpectInit => self.init(packet, out).map_err(technician),
            Phase::ExpectVersion => Err(technician("did not wait for the target's VERSION")),
            Phase::Speaking => {
                let asked = requests::read(packet).map_err(technician)?;
                let content = if let Request::Write { content, .. } = asked.request { content.len() } else { 0 };
                out.record(ToTarget, packet.get(..packet.len().saturating_sub(content)).unwrap_or_default());
                if !self.clients.insert(asked.id) {
                    return Err(technician("used the id of a request that is not answered yet"));
                }
                self.request(&asked, packet, at, out)
            }
        }
    }

    /// The greeting. What extensions a client names in it is its own affair: none is passed on.
    fn init(&mut self, packet: &Bytes, out: &mut Outbox) -> Result<(), Malformed> {
        let mut fields = Fields::of(packet);
        let kind = fields.byte()?;
        if kind != kind::INIT {
            return Err(Malformed(format!("began with a packet of type {kind} instead of INIT")));
        }
        let version = fields.number()?;
        while !fields.is_empty() {
            let _extension = (fields.text()?, fields.text()?);
        }
        if version < VERSION {
            return Err(Malformed(format!("speaks SFTP version {version}; version {VERSION} is needed")));
        }
        let init = Packet::new(kind::INIT).number(VERSION).done();
        out.record(ToTarget, &init);
        out.relay(ToTarget, init);
        self.phase = Phase::ExpectVersion;
        Ok(())
    }

    /// A request whose id is known to be free: now, or once what it waited for is over.
    pub(super) fn request(
        &mut self,
        asked: &Asked<'_>,
        packet: &Bytes,
        at: Timestamp,
        out: &mut Outbox,
    ) -> Result<(), Broken> {
        let call = Call { id: asked.id, packet, at };
        let done = if self.clients.len() > MOST_OUTSTANDING {
            Err(failure(format!("more than {MOST_OUTSTANDING} requests without an answer")).into())
        } else if self.kept > MOST_KEPT && asked.request.paths().iter().any(|path| !path.is_empty()) {
            Err(failure("too many requests for long paths without an answer").into())
        } else {
            judge(asked, &self.rules, &self.offered)
                .map_err(Stop::from)
                .and_then(|()| self.carry_out(asked, &call, out))
        };
        match done {
            Ok(()) => Ok(()),
            Err(Stop::Broken(broken)) => Err(broken),
            Err(Stop::Refused(Refusal { code, why })) => {
                self.answer(asked.id, replies::status(asked.id, code, &why), 0, out);
                out.note(Note::Refused { what: asked.request.what(), why });
                Ok(())
            }
        }
    }

    fn carry_out(&mut self, asked: &Asked<'_>, call: &Call<'_>, out: &mut Outbox) -> Result<(), Stop> {
        if self.wait_for_scanner(asked, call)? {
            return Ok(());
        }
        let change = |act, path: &[u8], to: &[u8]| Await::Change { act, path: kept(path), to: kept(to) };
        let awaits = match &asked.request {
            Request::Open { path, flags, attributes } => return self.open(path, *flags, attributes, call, out),
            Request::Close { handle } => return self.close(handle, call, out),
            Request::Read { handle, offset, length } => return self.read(handle, *offset, *length, call, out),
            Request::Write { handle, offset, content } => return self.write(handle, *offset, content.len(), call, out),
            Request::OpenFolder { .. } => {
                self.room_for_a_handle()?;
                self.opening += 1;
                Await::OpenFolder
            }
            Request::ReadFolder { handle } => match self.handle(handle)? {
                Handle::Folder => Await::Look(Shape::Names),
                _ => return Err(failure("this handle is a file's").into()),
            },
            Request::FStat { .. } | Request::FSetStat { .. } | Request::Sync { .. } | Request::FileSystemOf { .. } => {
                return self.by_handle(asked, call, out);
            }
            Request::Copy { from, to } => self.copy(from, to, out)?,
            Request::Stat { path } => {
                if self.stat_held(path, call, out) {
                    return Ok(());
                }
                Await::Look(Shape::Attributes)
            }
            Request::SetStat { path, attributes } => {
                if self.set_held_path(path, attributes, call, out)? {
                    return Ok(());
                }
                change(FileAct::Attributes, path, attributes.in_words().as_bytes())
            }
            Request::Remove { path } => match self.remove_held(path, out) {
                true => Await::RemoveHeld { path: kept(path) },
                false => change(FileAct::Remove, path, b""),
            },
            Request::Rename { from, to } => {
                if self.rename_held(from, to, asked.extension.is_some(), call, out)? {
                    return Ok(());
                }
                change(FileAct::Rename, from, to)
            }
            Request::MakeFolder { path, .. } => change(FileAct::MakeFolder, path, b""),
            Request::RemoveFolder { path } => change(FileAct::RemoveFolder, path, b""),
            Request::Link { to, path } => change(FileAct::Link, path, to),
            Request::HardLink { from, to } => change(FileAct::HardLink, from, to),
            Request::Limits => Await::Limits,
            Request::Look { looking, .. } => Await::Look(match looking {
                Looking::Names => Shape::Names,
                Looking::Longs(count) => Shape::Longs(*count),
                Looking::Accounts => Shape::Accounts,
            }),
            Request::Foreign { .. } | Request::ForeignExtension { .. } => {
                return Err(Refusal::new(Code::OP_UNSUPPORTED, "not supported by the bastion").into());
            }
        };
        self.forward(call, awaits, out);
        Ok(())
    }

    fn open(
        &mut self,
        path: &[u8],
        flags: Flags,
        attributes: &Attributes,
        call: &Call<'_>,
        out: &mut Outbox,
    ) -> Result<(), Stop> {
        self.room_for_a_handle()?;
        if self.rules.scan_uploads && flags.changes() {
            return self.hold(path, flags, attributes, call, out);
        }
        if self.open_held(path, call, out) {
            return Ok(());
        }
        let path = kept(path);
        self.opening += 1;
        let id = call.id;
        // Some clients name attributes also where nothing is to be made; a target that gave them to a file
        // that is there would change it by way of the right to read.
        let packet = match flags.changes() || *attributes == Attributes::default() {
            true => call.packet.clone(),
            false => Packet::new(kind::OPEN).number(id).text(&path).number(flags.0).number(0).done(),
        };
        let awaits = if self.rules.scan_downloads && flags.reads() {
            Await::OpenToScan { path }
        } else {
            Await::Open(Box::new(Opened::new(path, flags, call.at)))
        };
        self.forward(&Call { packet: &packet, ..*call }, awaits, out);
        Ok(())
    }

    fn close(&mut self, handle: &[u8], call: &Call<'_>, out: &mut Outbox) -> Result<(), Stop> {
        let closed = self.handle(handle)?;
        // Whatever the answer, the handle is not to be used again (draft, section 6.3).
        self.handles.remove(handle);
        match closed {
            Handle::Folder => self.forward(call, Await::Close(None), out),
            Handle::File(number) => self.forward(call, Await::Close(Some(number)), out),
            Handle::Held { file, writes, .. } => self.close_held(file, writes, call, out)?,
            Handle::Scanned(file) => self.close_scanned(file, call, out)?,
        }
        Ok(())
    }

    fn read(&mut self, handle: &[u8], offset: u64, length: u32, call: &Call<'_>, out: &mut Outbox) -> Result<(), Stop> {
        match self.handle(handle)? {
            Handle::File(number) => {
                let opened = self.files.get_mut(&number).filter(|opened| opened.flags.reads());
                let opened = opened.ok_or_else(|| failure("this file was not opened for reading"))?;
                opened.parts += 1;
                self.forward(call, Await::Read { file: number, offset, length }, out);
            }
            Handle::Held { file, reads: true, .. } => self.read_held(file, offset, length, call, out)?,
            Handle::Scanned(file) => self.read_scanned(file, offset, length, call, out)?,
            Handle::Held { .. } => return Err(failure("this file was not opened for reading").into()),
            Handle::Folder => return Err(failure("this handle is a folder's").into()),
        }
        Ok(())
    }

    fn write(
        &mut self,
        handle: &[u8],
        offset: u64,
        length: usize,
        call: &Call<'_>,
        out: &mut Outbox,
    ) -> Result<(), Stop> {
        // A packet's content stands at its end.
        let content = call.packet.slice(call.packet.len().saturating_sub(length)..);
        match self.handle(handle)? {
            Handle::File(number) if self.files.get(&number).is_some_and(|opened| opened.flags.writes()) => {
                self.begin(number, ToTarget, out)?;
                if let Some(opened) = self.files.get_mut(&number) {
                    opened.parts += 1;
                    if let Some(tally) = opened.tally(ToTarget) {
                        tally.pass(offset, &content);
                        out.content(tally.file, offset, content);
                    }
                }
                self.forward(call, Await::Write { file: number }, out);
            }
            Handle::Held { file, writes: true, .. } => self.write_held(file, offset, content, call, out)?,
            Handle::Folder => return Err(failure("this handle is a folder's").into()),
            _ => return Err(failure("this file was not opened for writing").into()),
        }
        Ok(())
    }

    /// What is asked of an open file besides its content.
    fn by_handle(&mut self, asked: &Asked<'_>, call: &Call<'_>, out: &mut Outbox) -> Result<(), Stop> {
        let (number, handle, path) = match &asked.request {
            Request::FStat { handle }
            | Request::FSetStat { handle, .. }
            | Request::Sync { handle }
            | Request::FileSystemOf { handle } => match self.handle(handle)? {
                Handle::Held { file, writes, .. } => {
                    return self.by_held_handle(&asked.request, file, writes, call, out);
                }
                Handle::File(number) => (Some(number), None, self.files.get(&number).map(|opened| opened.path.clone())),
                Handle::Scanned(file) => {
                    let behind = self.downloads.behind(file).ok_or_else(|| failure("no such handle"))?;
                    (None, Some(behind.0), Some(behind.1))
                }
                Handle::Folder if matches!(asked.request, Request::FSetStat { .. } | Request::Sync { .. }) => {
                    return Err(failure("this handle is a folder's").into());
                }
                Handle::Folder => (None, None, None),
            },
            _ => (None, None, None),
        };
        let awaits = match &asked.request {
            Request::FStat { .. } => number.map_or(Await::Look(Shape::Attributes), Await::Measure),
            Request::FileSystemOf { .. } => Await::Look(Shape::Longs(STATVFS_LONGS)),
            Request::FSetStat { attributes, .. } => {
                if self.rules.scan_uploads && attributes.size.is_some_and(|size| size > 0) {
                    return Err(failure("files for this target are scanned: a file's length cannot be changed").into());
                }
                let (path, to) = (path.unwrap_or_default(), attributes.in_words().into());
                let opened = number.and_then(|file| Some((file, self.files.get_mut(&file)?)));
                match opened.zip(attributes.size) {
                    Some(((file, opened), length)) if opened.ends_at(length) => Await::Cut { file, path, to },
                    other => {
                        // Whatever the target says to it.
                        other.into_iter().for_each(|((_, opened), _)| opened.is_not_alone());
                        Await::Change { act: FileAct::Attributes, path, to }
                    }
                }
            }
            _ => Await::Look(Shape::Status),
        };
        let Some(handle) = handle else {
            self.forward(call, awaits, out);
            return Ok(());
        };
        // The client has a handle of ours for this file: the target is asked by its own.
        let packet = match &asked.request {
            Request::FStat { .. } => Packet::new(kind::FSTAT).number(call.id).text(&handle),
            Request::FSetStat { attributes, .. } => {
                attributes.write(Packet::new(kind::FSETSTAT).number(call.id).text(&handle))
            }
            _ => {
                let name = asked.extension.map_or("", |extension| extension.name().0);
                Packet::new(kind::EXTENDED).number(call.id).text(name.as_bytes()).text(&handle)
            }
        };
        self.forward(&Call { packet: &packet.done(), ..*call }, awaits, out);
        Ok(())
    }

    fn copy(&mut self, from: &[u8], to: &[u8], out: &mut Outbox) -> Result<Await, Stop> {
        let (Handle::File(from), Handle::File(number)) = (self.handle(from)?, self.handle(to)?) else {
            return Err(failure("copy-data needs two open files").into());
        };
        let from = self.files.get(&from).filter(|opened| opened.flags.reads()).map(|opened| opened.path.clone());
        let to = self.files.get(&number).filter(|opened| opened.flags.writes()).map(|opened| opened.path.clone());
        let (Some(from), Some(to)) = (from, to) else {
            return Err(failure("copy-data needs a file open for reading and one open for writing").into());
        };
        // What lands in this file does not pass here, also where nothing has passed yet.
        self.begin(number, ToTarget, out)?;
        if let Some(tally) = self.files.get_mut(&number).and_then(|opened| opened.tally(ToTarget)) {
            tally.out_of_order();
        }
        Ok(Await::Change { act: FileAct::Copy, path: from, to })
    }

    /// Begins the entry of a file in one direction, unless it has.
    pub(super) fn begin(&mut self, number: OpenedNumber, direction: Direction, out: &mut Outbox) -> Result<(), Broken> {
        let Some(started) = self.files.get_mut(&number).and_then(|opened| match opened.tally(direction) {
            None => Some(opened.started),
            Some(_) => None,
        }) else {
            return Ok(());
        };
        let tally = self.new_tally(direction, started)?;
        if let Some(opened) = self.files.get_mut(&number) {
            out.note(opened.begin(tally));
        }
        Ok(())
    }

    fn handle(&self, handle: &[u8]) -> Result<Handle, Refusal> {
        let known = self.handles.get(handle).filter(|_| handle.len() <= LONGEST_HANDLE);
        known.copied().ok_or_else(|| failure("no such handle"))
    }

    fn room_for_a_handle(&self) -> Result<(), Refusal> {
        if self.handles.len().saturating_add(self.opening) < MOST_HANDLES {
            return Ok(());
        }
        Err(failure(format!("more than {MOST_HANDLES} files and folders open at once")))
    }

    /// Sends the client's request on, under its own id if the target may know it by that.
    pub(super) fn forward(&mut self, call: &Call<'_>, awaits: Await, out: &mut Outbox) {
        let id = if self.asked.contains_key(&call.id) { self.own_id() } else { call.id };
        let packet = if id == call.id { call.packet.clone() } else { with_id(call.packet, id) };
        self.kept = self.kept.saturating_add(awaits.keeps());
        self.asked.insert(id, Pending { client: Some(call.id), awaits });
        out.relay(ToTarget, packet);
    }

    /// Asks the target something of our own. Of a WRITE, `content` bytes at its end are no protocol.
    pub(super) fn ask(&mut self, awaits: Await, content: usize, out: &mut Outbox, packet: impl FnOnce(u32) -> Packet) {
        let id = self.own_id();
        let packet = packet(id).done();
        self.asked.insert(id, Pending { client: None, awaits });
        out.record(ToTarget, packet.get(..packet.len().saturating_sub(content)).unwrap_or_default());
        out.relay(ToTarget, packet);
    }

    /// An id that the target knows no request by. Some thousands are taken at most: one is found.
    fn own_id(&mut self) -> u32 {
        loop {
            let id = self.next_own_id;
            self.next_own_id = id.wrapping_add(1);
            if !self.asked.contains_key(&id) {
                return id;
            }
        }
    }

    /// Answers the client in the target's place. Of DATA, `content` bytes at its end are no protocol.
    pub(super) fn answer(&mut self, client: u32, packet: Bytes, content: usize, out: &mut Outbox) {
        self.clients.remove(&client);
        out.record(FromTarget, packet.get(..packet.len().saturating_sub(content)).unwrap_or_default());
        out.relay(FromTarget, packet);
    }

    /// Answers with a STATUS.
    pub(super) fn answer_status(&mut self, client: u32, status: Result<(), Refusal>, out: &mut Outbox) {
        let Refusal { code, why } = status.err().unwrap_or(Refusal::new(Code::OK, ""));
        self.answer(client, replies::status(client, code, &why), 0, out);
    }
}

/// A copy that is kept: a slice of a packet would keep the whole of it, and its neighbours, alive.
pub(super) fn kept(bytes: &[u8]) -> Bytes {
    Bytes::copy_from_slice(bytes)
}
