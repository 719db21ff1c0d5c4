//! What comes from the target: each reply fitted to its request, then relayed or used here.

use super::extensions::offered;
use super::judge::Refusal;
use super::opened::{Handle, Opened};
use super::replies::{self, Code, Reply, words_of};
use super::requests::kind;
use super::technician::{VERSION, kept};
use super::wire::{Fields, LONGEST_PACKET, Malformed, Packet, with_id};
use super::{Await, Broken, LONGEST_HANDLE, MOST_HANDLES, OpenedNumber, Outbox, Pending, Phase, Sftp, Shape, target};
use crate::files::Note;
use bytes::Bytes;
use jiff::Timestamp;
use lifecycle::FileAct;
use policy::Direction::{FromTarget, ToTarget};

/// Most content offered for one packet; what is above it in [`LONGEST_PACKET`] is for its fields.
const MOST_CONTENT: u64 = 255 * 1024;

/// Most content of one READ where it comes from quarantine.
pub(super) const MOST_FETCHED: u32 = 64 * 1024;

/// A reply on its way to whoever asked.
pub(super) struct Answered<'a> {
    /// The client's id; none if it was asked by us.
    pub(super) client: Option<u32>,
    pub(super) packet: &'a Bytes,
    pub(super) reply: Reply<'a>,
    pub(super) at: Timestamp,
}

impl Sftp {
    /// A whole packet of the target's.
    pub(super) fn packet_of_target(&mut self, packet: &Bytes, at: Timestamp, out: &mut Outbox) -> Result<(), Broken> {
        match self.phase {
            Phase::ExpectInit => Err(target("spoke before it was asked")),
            Phase::ExpectVersion => self.version(packet, out).map_err(target),
            Phase::Speaking => {
                let (id, reply) = replies::read(packet).map_err(target)?;
                let Some(Pending { client, awaits }) = self.asked.remove(&id) else {
                    return Err(target(Malformed(format!("answered request {id}, which it was not asked"))));
                };
                self.kept = self.kept.saturating_sub(awaits.keeps());
                let content = if let Reply::Data(content) = &reply { content.len() } else { 0 };
                out.record(FromTarget, packet.get(..packet.len().saturating_sub(content)).unwrap_or_default());
                self.reply(awaits, Answered { client, packet, reply, at }, out)
            }
        }
    }

    fn version(&mut self, packet: &Bytes, out: &mut Outbox) -> Result<(), Malformed> {
        let mut fields = Fields::of(packet);
        let kind = fields.byte()?;
        if kind != kind::VERSION {
            return Err(Malformed(format!("began with a packet of type {kind} instead of VERSION")));
        }
        let version = fields.number()?;
        if version < VERSION {
            return Err(Malformed(format!("speaks SFTP version {version}; version {VERSION} is needed")));
        }
        self.offered = offered(&mut fields)?;
        let version = self.offered.iter().fold(Packet::new(kind::VERSION).number(VERSION), |packet, extension| {
            let (name, version) = extension.name();
            packet.text(name.as_bytes()).text(version.as_bytes())
        });
        let version = version.done();
        out.record(FromTarget, &version);
        out.relay(FromTarget, version);
        self.phase = Phase::Speaking;
        Ok(())
    }

    fn reply(&mut self, awaits: Await, answered: Answered<'_>, out: &mut Outbox) -> Result<(), Broken> {
        match awaits {
            Await::Look(shape) => fits(shape, &answered.reply)?,
            Await::Measure(file) => {
                fits(Shape::Attributes, &answered.reply)?;
                if let (Reply::Attributes(attributes), Some(opened)) = (&answered.reply, self.files.get_mut(&file)) {
                    opened.size = attributes.size;
                }
            }
            Await::Change { act, path, to } => {
                let failed = outcome(&answered.reply)?.err().unwrap_or_default();
                out.note(Note::Changed { act, path, to, failed });
            }
            Await::Cut { file, path, to } => {
                let failed = outcome(&answered.reply)?.err().unwrap_or_default();
                if let Some(opened) = self.files.get_mut(&file).filter(|_| failed.is_empty()) {
                    opened.is_cut();
                }
                out.note(Note::Changed { act: FileAct::Attributes, path, to, failed });
            }
            Await::RemoveHeld { path } => return self.held_removed(path, answered, out),
            Await::Open(opened) => self.opened(*opened, &answered, out)?,
            Await::OpenFolder => {
                self.opening = self.opening.saturating_sub(1);
                if let Some(handle) = handle_of(&answered.reply)? {
                    self.give(handle, Handle::Folder)?;
                }
            }
            Await::Close(file) => {
                let closed = outcome(&answered.reply)?;
                if let Some(number) = file {
                    if let Some(opened) = self.files.get_mut(&number) {
                        opened.closed = Some(closed);
                    }
                    self.end_file(number, out)?;
                }
            }
            Await::Read { file, offset, length } => self.part_read(file, offset, length, &answered, out)?,
            Await::Write { file } => {
                let written = outcome(&answered.reply)?;
                self.part_over(file, ToTarget, written.err(), out)?;
            }
            Await::Limits => return self.limits(&answered, out),
            Await::Deliver(file) => return self.delivered(file, &answered, out),
            Await::OpenToScan { path } => return self.opened_to_scan(path, &answered, out),
            Await::Collect { file, offset, length } => return self.collected(file, offset, length, &answered, out),
            Await::CollectSize(file) => return self.size_collected(file, &answered, out),
            Await::CloseScanned(file) => self.scanned_closed(file, &answered, out)?,
            Await::Forgotten => outcome(&answered.reply).map(drop)?,
        }
        self.relay_reply(&answered, out);
        Ok(())
    }

    /// Passes a reply on to the client, under the id that the client knows.
    pub(super) fn relay_reply(&mut self, answered: &Answered<'_>, out: &mut Outbox) {
        if let Some(client) = answered.client {
            self.clients.remove(&client);
            let mut fields = Fields::of(answered.packet);
            let known = fields.byte().and_then(|_| fields.number()) == Ok(client);
            let packet = if known { answered.packet.clone() } else { with_id(answered.packet, client) };
            out.relay(FromTarget, packet);
        }
    }

    /// Gives the client a handle.
    pub(super) fn give(&mut self, handle: &[u8], what: Handle) -> Result<(), Broken> {
        match self.handles.insert(kept(handle), what) {
            None => Ok(()),
            Some(_) => Err(target("gave a handle that is still open")),
        }
    }

    fn opened(&mut self, mut opened: Opened, answered: &Answered<'_>, out: &mut Outbox) -> Result<(), Broken> {
        self.opening = self.opening.saturating_sub(1);
        let number = self.next_opened;
        // Sixty-four bits: no channel lives to see the end of them.
        self.next_opened = number.wrapping_add(1);
        let direction = opened.only_direction();
        if opened.flags.writes() {
            let path = opened.path.clone();
            for other in self.files.values_mut().filter(|one| one.flags.writes() && one.path == path) {
                other.is_not_alone();
                opened.is_not_alone();
            }
        }
        self.files.insert(number, opened);
        match handle_of(&answered.reply)? {
            Some(handle) => {
                self.give(handle, Handle::File(number))?;
                direction.map_or(Ok(()), |direction| self.begin(number, direction, out))
            }
            None => {
                let failed = outcome(&answered.reply)?;
                if let Some(opened) = self.files.get_mut(&number) {
                    opened.closed = Some(failed);
                }
                self.begin(number, direction.unwrap_or(ToTarget), out)?;
                self.end_file(number, out)
            }
        }
    }

    fn part_read(
        &mut self,
        file: OpenedNumber,
        offset: u64,
        length: u32,
        answered: &Answered<'_>,
        out: &mut Outbox,
    ) -> Result<(), Broken> {
        let Reply::Data(content) = answered.reply else {
            let failed = refused(&answered.reply)?.filter(|refusal| refusal.code != Code::EOF);
            return self.part_over(file, FromTarget, failed.map(|refusal| refusal.why), out);
        };
        not_more_than(length, content)?;
        self.begin(file, FromTarget, out)?;
        if let Some(tally) = self.files.get_mut(&file).and_then(|opened| opened.tally(FromTarget)) {
            tally.pass(offset, content);
            out.content(tally.file, offset, content_of(answered.packet, content));
        }
        self.part_over(file, FromTarget, None, out)
    }

    fn part_over(
        &mut self,
        file: OpenedNumber,
        direction: policy::Direction,
        failed: Option<String>,
        out: &mut Outbox,
    ) -> Result<(), Broken> {
        if let Some(opened) = self.files.get_mut(&file) {
            opened.parts = opened.parts.saturating_sub(1);
            if let (Some(tally), Some(why)) = (opened.tally(direction), failed) {
                tally.fail(why);
            }
        }
        self.end_file(file, out)
    }

    /// The target's limits, or ours where they are narrower. None at all (0) means ours.
    fn limits(&mut self, answered: &Answered<'_>, out: &mut Outbox) -> Result<(), Broken> {
        let Reply::Extended(fields) = &answered.reply else {
            fits(Shape::Longs(LIMITS), &answered.reply)?;
            self.relay_reply(answered, out);
            return Ok(());
        };
        let longest = u64::try_from(LONGEST_PACKET).unwrap_or(u64::MAX);
        let handles = u64::try_from(MOST_HANDLES).unwrap_or(u64::MAX);
        let read = if self.rules.scan_downloads { MOST_FETCHED.into() } else { MOST_CONTENT };
        let mut fields = Fields::within(fields);
        let mut limits = [0; LIMITS];
        for (limit, ours) in limits.iter_mut().zip([longest, read, MOST_CONTENT, handles]) {
            let theirs = fields.long().map_err(target)?;
            *limit = if theirs == 0 { ours } else { theirs.min(ours) };
        }
        fields.end().map_err(target)?;
        if let Some(client) = answered.client {
            self.clients.remove(&client);
            out.relay(FromTarget, replies::limits(client, limits));
        }
        Ok(())
    }

    fn held_removed(&mut self, path: Bytes, answered: Answered<'_>, out: &mut Outbox) -> Result<(), Broken> {
        let failed = refused(&answered.reply)?;
        // It was in quarantine only: that there is none on the target is what was asked for.
        let gone = failed.as_ref().is_none_or(|refusal| refusal.code == Code::NO_SUCH_FILE);
        let words = failed.filter(|_| !gone).map(|refusal| refusal.why).unwrap_or_default();
        out.note(Note::Changed { act: FileAct::Remove, path, to: Bytes::new(), failed: words });
        match answered.client.filter(|_| gone) {
            Some(client) => self.answer_status(client, Ok(()), out),
            None => self.relay_reply(&answered, out),
        }
        Ok(())
    }
}

/// Numbers in a reply to `limits@openssh.com`.
const LIMITS: usize = 4;

/// The content at the end of a packet, without a copy.
pub(super) fn content_of(packet: &Bytes, content: &[u8]) -> Bytes {
    packet.slice(packet.len().saturating_sub(content.len())..)
}

/// No more may come than was asked for.
pub(super) fn not_more_than(asked: u32, content: &[u8]) -> Result<(), Broken> {
    if usize::try_from(asked).is_ok_and(|asked| content.len() > asked) {
        return Err(target("answered a READ with more than was asked for"));
    }
    Ok(())
}

/// A STATUS: none if it says OK. Anything else does not fit.
pub(super) fn refused(reply: &Reply<'_>) -> Result<Option<Refusal>, Broken> {
    match reply {
        Reply::Status { code: Code::OK, .. } => Ok(None),
        Reply::Status { code, words } => Ok(Some(Refusal::new(*code, words_of(*code, words)))),
        other => Err(misfit(other)),
    }
}

/// What a STATUS says, in the target's words if that is no.
pub(super) fn outcome(reply: &Reply<'_>) -> Result<Result<(), String>, Broken> {
    Ok(refused(reply)?.map_or(Ok(()), |refusal| Err(refusal.why)))
}

/// A handle, or none if the target says no.
pub(super) fn handle_of<'a>(reply: &Reply<'a>) -> Result<Option<&'a [u8]>, Broken> {
    match reply {
        Reply::Handle(handle) if handle.len() > LONGEST_HANDLE => {
            Err(target(Malformed(format!("gave a handle of {} bytes, over {LONGEST_HANDLE}", handle.len()))))
        }
        Reply::Handle(handle) => Ok(Some(handle)),
        Reply::Status { code, .. } if *code != Code::OK => Ok(None),
        other => Err(misfit(other)),
    }
}

/// A reply is of the form that its request asks for; a STATUS that says no always is.
fn fits(shape: Shape, reply: &Reply<'_>) -> Result<(), Broken> {
    let read = |fields: &[u8], read: &dyn Fn(&mut Fields<'_>) -> Result<(), Malformed>| {
        let mut fields = Fields::within(fields);
        read(&mut fields).and_then(|()| fields.end()).map_err(target)
    };
    match (shape, reply) {
        (Shape::Status, Reply::Status { .. }) | (Shape::Names, Reply::Names) => Ok(()),
        (Shape::Attributes, Reply::Attributes(_)) => Ok(()),
        (_, Reply::Status { code, .. }) if *code != Code::OK => Ok(()),
        (Shape::Longs(count), Reply::Extended(fields)) => {
            read(fields, &|fields| (0..count).try_for_each(|_| fields.long().map(drop)))
        }
        (Shape::Accounts, Reply::Extended(fields)) => {
            read(fields, &|fields| fields.text().and_then(|_| fields.text()).map(drop))
        }
        (_, other) => Err(misfit(other)),
    }
}

pub(super) fn misfit(reply: &Reply<'_>) -> Broken {
    target(Malformed(format!("answered with {}, which does not fit the request", reply.name())))
}
