//! The pump of a channel that moves files: what either side sent goes to the steward, and what the
//! steward says is done, in order (promise 3).
//!
//! Two futures read, two write. Readers hold the steward's lock while its acts are recorded and put
//! into the outboxes, so that both are in the steward's order; nobody holds it while waiting for a
//! peer. A reader waits while the outbox towards the *slower* side is full, but the target is read
//! however full its own outbox is: else a target that answers before it reads would stop both
//! (docs/relay.md). What a steward sends of its own accord it bounds itself.

use super::outbox::{Out, Outbox};
use super::quarantine::{Quarantine, QuarantineError};
use super::told::{Told, frame_kind, write_entries};
use super::{Act, Answer, Broken, FileNumber, Finding, Note, Steward, UnderWay, shown};
use crate::relay::channel::{Channel, Ending, Typed, release_eof, send_up};
use crate::relay::lane::Item;
use crate::relay::pressure::TargetSide;
use crate::relay::session::Flow;
use crate::site::Site;
use bytes::{BufMut as _, Bytes, BytesMut};
use config::{Clamav, Content};
use futures::future::{BoxFuture, FutureExt as _};
use futures::stream::{FuturesUnordered, StreamExt as _};
use lifecycle::{Event, FileResult};
use policy::{Asked, Direction};
use recorder::FrameKind;
use russh::{ChannelWriteHalf, client, server};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, OwnedSemaphorePermit, mpsc};

/// Bytes in an outbox at which whoever fills it waits.
const FULL: usize = 1 << 20;
/// How often those who watch see how far files are.
const PROGRESS: Duration = Duration::from_secs(1);

/// What a pump needs besides its channel.
pub struct Around {
    /// The site.
    pub site: Arc<Site>,
    /// What is left of content.
    pub files: Content,
    /// The scanner, if there is one.
    pub clamav: Option<Clamav>,
    /// Bytes of content that are kept.
    pub record_limit: u64,
}

/// The ends of a channel.
pub struct Ends<'a> {
    /// Towards the technician.
    pub technician: &'a ChannelWriteHalf<server::Msg>,
    /// The technician's connection.
    pub handle: &'a server::Handle,
    /// What the target sends.
    pub side: Arc<TargetSide>,
    /// Towards the target.
    pub target: ChannelWriteHalf<client::Msg>,
}

/// The steward and what its acts need; all of it behind one lock.
struct Desk<'a> {
    steward: Box<dyn Steward>,
    told: Told<'a>,
    quarantine: Quarantine,
    room: u64,
    shown: Vec<UnderWay>,
    /// The file that is being delivered now; its turn ends with it.
    turn: Option<(FileNumber, OwnedSemaphorePermit)>,
}

struct Pump<'a> {
    channel: &'a Channel,
    around: &'a Around,
    desk: Mutex<Desk<'a>>,
    to_target: Outbox,
    to_technician: Outbox,
    /// What is to be scanned, in order. Without a bound of its own: a session has at most so many files in
    /// quarantine ([`super::quarantine`]), and each is scanned once.
    scans: mpsc::UnboundedSender<Wanted>,
    /// What is to be read from quarantine, in order. Without a bound of its own: stewards bound what they
    /// ask for at once, by requests and by parts, and whoever fills this holds the desk that empties it.
    errands: mpsc::UnboundedSender<Errand>,
    waiting: AtomicUsize,
}

/// A file that is to be scanned.
struct Wanted {
    file: FileNumber,
    direction: Direction,
    path: PathBuf,
}

/// Something that is done in quarantine once there is room for what comes of it.
enum Errand {
    Fetch {
        file: FileNumber,
        offset: u64,
        length: u32,
    },
    /// Behind what was asked for before.
    Drop {
        file: FileNumber,
    },
}

/// Why a pump stops.
enum Stop {
    /// A side broke the protocol.
    Broken(Broken),
    /// Something of ours failed, and why.
    Failed(String),
    /// The session is over, or a side is gone.
    Over,
}

impl From<Broken> for Stop {
    fn from(broken: Broken) -> Self {
        Stop::Broken(broken)
    }
}

impl From<QuarantineError> for Stop {
    fn from(error: QuarantineError) -> Self {
        Stop::Failed(error.to_string())
    }
}

/// Relays a channel that moves files until either side ends it, or the session ends.
pub async fn relay(channel: &Arc<Channel>, around: &Around, ends: Ends<'_>, steward: Box<dyn Steward>) -> Ending {
    channel.attach(ends.side.clone());
    let keeps = around.files == Content::Kept;
    let (told, entries) = Told::new(channel, keeps);
    let (scans, scanned) = mpsc::unbounded_channel();
    let (errands, errand) = mpsc::unbounded_channel();
    let session = channel.session();
    let quarantine = Quarantine::new(&around.site.paths, &session.id, channel.number, &session.quarantined);
    let room = if keeps { around.record_limit } else { 0 };
    let desk = Desk { steward, told, quarantine, room, shown: Vec::new(), turn: None };
    let pump = Pump {
        channel,
        around,
        desk: Mutex::new(desk),
        to_target: Outbox::default(),
        to_technician: Outbox::default(),
        scans,
        errands,
        waiting: AtomicUsize::new(0),
    };
    let journal = tokio::spawn(write_entries(around.site.clone(), entries));
    let mut ending = Ending::default();
    let mut reading: FuturesUnordered<BoxFuture<'_, Stop>> = [
        pump.technician_sent().boxed(),
        pump.target_sent(&ends.side).boxed(),
        pump.scanning(scanned).boxed(),
        pump.fetching(errand).boxed(),
        pump.progress().boxed(),
    ]
    .into_iter()
    .collect();
    let stop = tokio::select! {
        stop = reading.next() => stop.unwrap_or(Stop::Over),
        () = pump.send_to_target(&ends) => Stop::Over,
        () = pump.send_to_technician(&ends, &mut ending) => Stop::Over,
        () = session.ended() => Stop::Over,
    };
    // INVARIANT: whatever a side did say has been noted once the desk is ours. An act that is under way goes on to
    // its end and nothing new begins, because we are the next in the row; nothing of it is sent any more.
    let finishing = async {
        loop {
            tokio::select! {
                biased;
                desk = pump.desk.lock() => return desk,
                Some(_) = reading.next() => {}
            }
        }
    };
    drop(finishing.await);
    drop(reading);
    channel.finish();
    let Pump { desk, .. } = pump;
    let mut desk = desk.into_inner();
    for note in desk.steward.over(around.site.clock.now()) {
        desk.told.note(note).await;
    }
    desk.told.close().await;
    let _ = journal.await;
    say_why(channel, around, &ends, stop).await;
    ending
}

/// The end of a transfer that neither side asked for is journalled, and told where a line is read.
async fn say_why(channel: &Channel, around: &Around, ends: &Ends<'_>, stop: Stop) {
    let why = match stop {
        Stop::Over => return,
        Stop::Broken(broken) => broken.to_string(),
        Stop::Failed(why) => why,
    };
    let session = channel.session();
    if session.flow() == Flow::Ended {
        return;
    }
    tracing::warn!(session = %session.id, channel = channel.number, why, "a transfer was ended");
    let what = "file transfer";
    session.refused(what);
    let event = Event::ChannelRefused { session: session.id.clone(), what: what.to_owned(), why: why.clone() };
    around.site.registrar.note(vec![event]).await;
    let line = format!("{}\r\n", crate::texts::to_ascii(&session.texts.with("files-ended", &[("why", &why)])));
    /// A client that does not read its errors does not hold up the end.
    const READ_WITHIN: Duration = Duration::from_millis(500);
    let _ = tokio::time::timeout(READ_WITHIN, ends.technician.extended_data_bytes(1, line.into_bytes())).await;
}

impl Pump<'_> {
    async fn technician_sent(&self) -> Stop {
        loop {
            self.to_target.below(FULL).await;
            self.to_technician.below(FULL).await;
            let Some(item) = self.channel.next_up().await else { return Stop::Over };
            let cost = item.cost();
            let acted = match item {
                Item::Data(bytes) => match self.channel.may_type(&bytes).await {
                    Typed::Deliver => {
                        self.channel.count(bytes.len() as u64, 0);
                        self.act(|desk, at| desk.steward.technician_sent(&bytes, at)).await
                    }
                    // Nothing is thrown away where there is no terminal.
                    Typed::ThrowAway => Ok(()),
                    Typed::Stop => Err(Stop::Over),
                },
                Item::Eof => self.act(|desk, at| desk.steward.technician_ended(at)).await,
                _ => Ok(()),
            };
            self.channel.took(cost);
            if let Err(stop) = acted {
                return stop;
            }
        }
    }

    async fn target_sent(&self, side: &TargetSide) -> Stop {
        loop {
            self.to_technician.below(FULL).await;
            let Some(item) = side.lane.pop().await else {
                self.to_technician.push(Out::Closed);
                return std::future::pending().await;
            };
            let cost = item.cost();
            let acted = match item {
                Item::Data(bytes) => self.act(|desk, at| desk.steward.target_sent(&bytes, at)).await,
                Item::ErrorOutput(bytes) => {
                    match self.record(FrameKind::ErrorOutput, bytes.clone()).await {
                        true => self.to_technician.push(Out::Error(bytes)),
                        false => return Stop::Over,
                    }
                    Ok(())
                }
                end => {
                    self.to_technician.push(Out::End(end));
                    Ok(())
                }
            };
            side.delivered(cost);
            if let Err(stop) = acted {
                return stop;
            }
        }
    }

    /// Asks the scanner, one file after the other, while everything else goes on.
    async fn scanning(&self, mut wanted: mpsc::UnboundedReceiver<Wanted>) -> Stop {
        while let Some(Wanted { file, direction, path }) = wanted.recv().await {
            let finding = match &self.around.clamav {
                Some(clamav) => super::clamav::scan(clamav, &path).await,
                None => Finding::Unscanned("no scanner is declared any more".to_owned()),
            };
            let delivers = finding == Finding::Clean && direction == Direction::ToTarget;
            let turn = match delivers {
                // INVARIANT: of one intervention one scanned file at a time is written to the target. Two
                // that are clean each could be one path by two spellings, or by two channels, and together
                // something that no scanner has seen.
                true => match self.channel.session().deliveries.clone().acquire_owned().await {
                    Ok(turn) => Some((file, turn)),
                    Err(_) => return Stop::Over,
                },
                false => None,
            };
            let mut desk = self.desk.lock().await;
            desk.turn = turn.or(desk.turn.take());
            if let Err(stop) = self.answer(&mut desk, Answer::Scanned { file, finding }).await {
                return stop;
            }
            // A file that was given up meanwhile has no use for its turn.
            if !desk.steward.under_way().iter().any(|one| one.file == file) {
                desk.turn.take_if(|(delivered, _)| *delivered == file);
            }
        }
        Stop::Over
    }

    /// Reads from quarantine as fast as it can be sent, and no faster.
    async fn fetching(&self, mut wanted: mpsc::UnboundedReceiver<Errand>) -> Stop {
        while let Some(errand) = wanted.recv().await {
            self.to_target.below(FULL).await;
            self.to_technician.below(FULL).await;
            let mut desk = self.desk.lock().await;
            let done = match errand {
                Errand::Drop { file } => desk.quarantine.remove(file).await.map_err(Stop::from),
                Errand::Fetch { file, offset, length } => match desk.quarantine.fetch(file, offset, length).await {
                    Ok(bytes) => self.answer(&mut desk, Answer::Fetched { file, offset, bytes }).await,
                    Err(error) => Err(error.into()),
                },
            };
            self.waiting.fetch_sub(1, Ordering::AcqRel);
            if let Err(stop) = done {
                return stop;
            }
        }
        Stop::Over
    }

    async fn progress(&self) -> Stop {
        let mut tick = tokio::time::interval(PROGRESS);
        loop {
            tick.tick().await;
            let mut desk = self.desk.lock().await;
            let now = desk.steward.under_way();
            let changed: Vec<UnderWay> = now.iter().filter(|one| !desk.shown.contains(one)).cloned().collect();
            desk.shown = now;
            desk.told.progress(&changed).await;
        }
    }

    async fn record(&self, kind: FrameKind, bytes: Bytes) -> bool {
        bytes.is_empty() || self.channel.session().record(self.channel.number, kind, bytes).await
    }

    /// Asks the steward, and does what it says.
    async fn act(
        &self,
        ask: impl FnOnce(&mut Desk<'_>, jiff::Timestamp) -> Result<Vec<Act>, Broken>,
    ) -> Result<(), Stop> {
        let mut desk = self.desk.lock().await;
        let acts = ask(&mut desk, self.around.site.clock.now())?;
        self.carry_out(&mut desk, acts).await
    }

    async fn answer(&self, desk: &mut Desk<'_>, answer: Answer) -> Result<(), Stop> {
        let acts = desk.steward.answered(answer, self.around.site.clock.now())?;
        self.carry_out(desk, acts).await
    }

    async fn carry_out(&self, desk: &mut Desk<'_>, acts: Vec<Act>) -> Result<(), Stop> {
        let mut acts = acts.into_iter();
        while let Some(act) = acts.next() {
            if let Err(stop) = self.perform(desk, act).await {
                // What happened is told all the same: the steward will not say it again.
                for act in acts {
                    if let Act::Note(note) = act {
                        desk.told.note(note).await;
                    }
                }
                return Err(stop);
            }
        }
        Ok(())
    }

    async fn perform(&self, desk: &mut Desk<'_>, act: Act) -> Result<(), Stop> {
        let recorded = match act {
            Act::Record { direction, bytes } => self.record(frame_kind(direction), bytes).await,
            Act::Content { file, offset, bytes } => self.content(desk, file, offset, &bytes).await,
            Act::Note(note) => {
                if let Some(line) = self.told_besides(&note) {
                    self.to_technician.push(Out::Error(line));
                }
                if let Note::Moved { file, .. } = &note {
                    desk.turn.take_if(|(delivered, _)| delivered == file);
                }
                desk.told.note(note).await
            }
            other => {
                self.move_on(desk, other).await?;
                true
            }
        };
        if recorded { Ok(()) } else { Err(Stop::Over) }
    }

    /// What a technician reads of a file that is not delivered, where the protocol's own answer is not
    /// shown by its clients: OpenSSH's sftp says no more than "permission denied".
    fn told_besides(&self, note: &Note) -> Option<Bytes> {
        let Note::Moved { path, result, .. } = note else { return None };
        let (key, what) = match result {
            FileResult::Infected { signature } => ("files-infected", signature),
            FileResult::Unscanned { why } => ("files-unscanned", why),
            FileResult::Done | FileResult::Failed { .. } | FileResult::Partial => return None,
        };
        if self.channel.asked() != Some(&Asked::Sftp) {
            return None;
        }
        let path = shown::path(path);
        let line = self.channel.session().texts.with(key, &[("path", &path), ("what", what)]);
        Some(format!("{}\r\n", crate::texts::to_ascii(&line)).into_bytes().into())
    }

    async fn move_on(&self, desk: &mut Desk<'_>, act: Act) -> Result<(), Stop> {
        match act {
            Act::ToTarget(bytes) => self.to_target.push(Out::Data(bytes)),
            Act::ToTechnician(bytes) => self.to_technician.push(Out::Data(bytes)),
            Act::EndToTarget => self.to_target.push(Out::End(Item::Eof)),
            Act::Store { file, offset, bytes } => desk.quarantine.store(file, offset, bytes).await?,
            Act::Truncate { file, length } => desk.quarantine.truncate(file, length).await?,
            Act::Scan { file, direction } => {
                let _ = self.scans.send(Wanted { file, direction, path: desk.quarantine.path(file)? });
            }
            Act::Fetch { file, offset, length } => self.later(Errand::Fetch { file, offset, length }),
            Act::Drop { file } if self.waiting.load(Ordering::Acquire) > 0 => self.later(Errand::Drop { file }),
            Act::Drop { file } => desk.quarantine.remove(file).await?,
            Act::Record { .. } | Act::Content { .. } | Act::Note(_) => {}
        }
        Ok(())
    }

    fn later(&self, errand: Errand) {
        self.waiting.fetch_add(1, Ordering::AcqRel);
        let _ = self.errands.send(errand);
    }

    async fn content(&self, desk: &mut Desk<'_>, file: FileNumber, offset: u64, bytes: &Bytes) -> bool {
        if bytes.is_empty() {
            return true;
        }
        let length = bytes.len() as u64;
        if self.around.files == Content::Listed {
            return true;
        }
        if length > desk.room {
            // Once a byte is missing the rest of this file would prove nothing.
            desk.told.cut_short(file);
            return true;
        }
        desk.room -= length;
        let mut frame = BytesMut::with_capacity(bytes.len() + 12);
        frame.put_u32(file);
        frame.put_u64(offset);
        frame.extend_from_slice(bytes);
        self.record(FrameKind::Content, frame.freeze()).await
    }

    async fn send_to_target(&self, ends: &Ends<'_>) {
        while let Some(out) = self.to_target.next().await {
            if self.channel.session().until_flowing().await != Flow::Flowing {
                return;
            }
            let cost = out.cost();
            let sent = match out {
                Out::Data(bytes) => send_up(&ends.side, &ends.target, bytes).await,
                Out::End(Item::Eof) => ends.target.eof().await.is_ok(),
                Out::Error(_) | Out::End(_) | Out::Closed => true,
            };
            self.to_target.sent(cost);
            if !sent {
                return;
            }
        }
    }

    async fn send_to_technician(&self, ends: &Ends<'_>, ending: &mut Ending) {
        let session = self.channel.session();
        let mut held = false;
        while let Some(out) = self.to_technician.next().await {
            let cost = out.cost();
            self.channel.writable().await;
            session.until_seen().await;
            if session.until_flowing().await != Flow::Flowing {
                return;
            }
            self.channel.count(0, out.bytes());
            let sent = match out {
                Out::Data(bytes) => ends.technician.data_bytes(bytes).await.is_ok(),
                Out::Error(bytes) => ends.technician.extended_data_bytes(1, bytes).await.is_ok(),
                Out::End(Item::Eof) => {
                    held = true;
                    true
                }
                Out::End(Item::ExitStatus(status)) => {
                    ending.exit = Some(status);
                    ends.handle.exit_status_request(self.channel.id, status).await.is_ok()
                }
                Out::End(Item::ExitSignal(signal, dumped, message, language)) => {
                    ending.signal = Some(format!("{signal:?}"));
                    let told = ends.handle.exit_signal_request(self.channel.id, signal, dumped, message, language);
                    told.await.is_ok()
                }
                Out::End(Item::Close) => false,
                Out::Closed => {
                    self.channel.say_target_lost(ends.technician).await;
                    false
                }
                Out::End(_) => true,
            };
            self.to_technician.sent(cost);
            if !sent {
                break;
            }
        }
        release_eof(ends.technician, &mut held).await;
    }
}
