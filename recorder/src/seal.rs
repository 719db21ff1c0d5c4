//! From a spool to the session's folder (D22): one pass over the frames, each track into its parts.

use crate::cast::{CastWriter, size};
use crate::emulator::Emulator;
use crate::files::FileTrack;
use crate::frame::{Frame, FrameKind, Track};
use crate::keys::{KeyError, Recipients, RecordingKey, RecoveryKey, encrypted};
use crate::manifest::{FORMAT, Manifest, Part, PartKind, Source, State};
use crate::parts::{PartWriter, Written, create};
use crate::raw::RawWriter;
use crate::secrets::{Candidate, Judged, is_prompt};
use crate::spool::{Damage, SpoolError, SpoolReader};
use age::secrecy::ExposeSecret as _;
use age::x25519::{Identity, Recipient};
use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, Write as _};
use std::path::{Path, PathBuf};

/// Bytes kept back for a channel that has not begun: what somebody types while they wait.
const EARLY: usize = 4 << 20;
/// What a frame counts for besides its bytes.
const FRAME: usize = 64;
/// Bytes of transcript for each byte that was shown, and to begin with. Text cannot honestly be more than
/// its output; beyond it the transcript says that it stops.
const TRANSCRIPT: (u64, u64) = (2, 1 << 20);
/// Secrets at one and the same prompt, one after the other, that are set apart; what follows stays.
/// Three wrong passwords are a person, more are somebody who hides what they type (T14).
const IN_A_ROW: u32 = 3;
/// Secrets of one channel that are set apart.
const SECRETS: u32 = 50;
/// Recipients whose pairs can open secrets.
const PAIRED: usize = 10;

/// Two recipients each, by their places in the list from 1, and the digest of what they open together.
type Pairs = Vec<((usize, usize), String)>;

/// What is to be sealed, and where to.
pub struct SealOrder<'a> {
    /// The session.
    pub session: &'a str,
    /// The spool.
    pub spool: &'a Path,
    /// Opens it.
    pub recovery: &'a RecoveryKey,
    /// The session's folder, which is not there yet.
    pub folder: &'a Path,
    /// Where the heads go; not there yet.
    pub heads: &'a Path,
    /// Who may open the result: what the journal said at admission, not what the spool's header says.
    pub recipients: &'a Recipients,
    /// Head, in hexadecimal, and length that the journal was told last.
    pub committed: (&'a str, u64),
    /// When the session began; stands in where the spool cannot be read at all.
    pub started: Timestamp,
    /// The session's end was not seen.
    pub interrupted: bool,
    /// No channel was ever opened in it: where the journal was told of no head either, there may never have
    /// been a spool, and nothing was shown.
    pub unopened: bool,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct SealOutcome {
    /// The manifest, as it stands in the folder.
    pub manifest: Manifest,
    /// SHA-256 of the manifest's file, in hexadecimal.
    pub digest: String,
    /// Bytes of all files.
    pub bytes: u64,
}

/// Why nothing was sealed. The spool is still there.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// The disk failed.
    #[error("sealing: {0}")]
    Disk(#[from] io::Error),
    /// The keys do not fit.
    #[error("sealing: {0}")]
    Key(#[from] KeyError),
}

/// Seals a spool. What is in the folders of an earlier try is removed first. When this returns,
/// everything is on the disk under its name; the spool is for the caller to remove, once the journal
/// has the digest.
pub fn seal(order: &SealOrder<'_>) -> Result<SealOutcome, SealError> {
    let staged = (staging(order.folder), staging(order.heads));
    let outcome = seal_into(order, &staged);
    if outcome.is_err() {
        // What was begun on a full disk must not stay in the way of the next try.
        let _ = fs::remove_dir_all(&staged.0);
        let _ = fs::remove_dir_all(&staged.1);
    }
    outcome
}

fn seal_into(order: &SealOrder<'_>, staged: &(PathBuf, PathBuf)) -> Result<SealOutcome, SealError> {
    let (staged, staged_heads) = staged.clone();
    for folder in [&staged, &staged_heads, &order.folder.to_owned(), &order.heads.to_owned()] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
    }
    fs::create_dir_all(&staged)?;
    fs::create_dir_all(&staged_heads)?;
    private(&staged)?;
    private(&staged_heads)?;
    let mut desk = Desk::new(&staged, &staged_heads, order);
    let read = desk.read(order)?;
    let (parts, pairs) = desk.finish()?;
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        session: order.session.to_owned(),
        started: read.started,
        state: read.state,
        recipients: order.recipients.names(),
        second_recipients: order.recipients.second_names(),
        secrets_open_to: pairs.iter().map(|(pair, _)| *pair).collect(),
        secrets_keys: pairs.into_iter().map(|(_, digest)| digest).collect(),
        source: read.source,
        parts,
    };
    let bytes = manifest.to_bytes();
    let mut file = create(&staged.join("manifest.json"))?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    // Heads first: a folder that is there has what opens it.
    for (from, to) in [(&staged_heads, order.heads), (&staged, order.folder)] {
        File::open(from)?.sync_all()?;
        fs::rename(from, to)?;
        if let Some(parent) = to.parent() {
            File::open(parent)?.sync_all()?;
        }
    }
    let all = bytes.len() as u64 + manifest.parts.iter().map(|part| part.sealed_bytes).sum::<u64>();
    Ok(SealOutcome { digest: HEXLOWER.encode(digest(&SHA256, &bytes).as_ref()), bytes: all, manifest })
}

fn staging(folder: &Path) -> PathBuf {
    folder.with_extension("new")
}

fn private(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))
}

struct ReadSpool {
    started: Timestamp,
    state: State,
    source: Source,
}

/// One channel on its way into its parts.
enum Channel {
    Terminal(Box<TerminalTrack>),
    Raw(Box<RawTrack>),
}

struct RawTrack {
    name: String,
    raw: RawWriter,
    files: FileTrack,
    started: Timestamp,
    ended: Timestamp,
}

struct TerminalTrack {
    cast: CastWriter,
    emulator: Emulator,
    started: Timestamp,
    ended: Timestamp,
    /// Input at a prompt and everything behind it, until it is judged.
    held: Option<Held>,
    secrets: Prompts,
}

/// What keeps a prompt from being used as an eraser (T14).
#[derive(Default)]
struct Prompts {
    last: String,
    in_a_row: u32,
    all: u32,
}

impl Prompts {
    /// Whether a secret at this prompt is still one.
    fn may_hide(&mut self, row: &str) -> bool {
        if self.last == row {
            self.in_a_row += 1;
        } else {
            (self.last, self.in_a_row) = (row.to_owned(), 1);
        }
        self.all += 1;
        self.in_a_row <= IN_A_ROW && self.all <= SECRETS
    }
}

struct Held {
    prompt: String,
    candidate: Candidate,
    frames: Vec<(Frame, bool)>,
}

struct Desk<'a> {
    folder: &'a Path,
    heads: &'a Path,
    recipients: &'a Recipients,
    session: String,
    channels: BTreeMap<Track, Channel>,
    /// Frames of channels that have not begun yet.
    early: BTreeMap<Track, Vec<Frame>>,
    early_bytes: usize,
    /// Channels whose parts are finished.
    over: BTreeSet<Track>,
    /// Files of what came behind an end.
    late: u32,
    /// Bytes that were shown, and of the transcript.
    shown: u64,
    written: u64,
    transcript: Option<(PartWriter, Timestamp, Timestamp)>,
    secrets: Option<Secrets>,
    parts: Vec<Part>,
}

/// Secrets, under a key of their own of which nobody alone has the other half.
struct Secrets {
    raw: RawWriter,
    identity: Identity,
    first: Timestamp,
    last: Timestamp,
}

impl<'a> Desk<'a> {
    fn new(folder: &'a Path, heads: &'a Path, order: &'a SealOrder<'_>) -> Self {
        Self {
            folder,
            heads,
            recipients: order.recipients,
            session: order.session.to_owned(),
            channels: BTreeMap::new(),
            early: BTreeMap::new(),
            early_bytes: 0,
            over: BTreeSet::new(),
            late: 0,
            shown: 0,
            written: 0,
            transcript: None,
            secrets: None,
            parts: Vec::new(),
        }
    }

    fn read(&mut self, order: &SealOrder<'_>) -> Result<ReadSpool, SealError> {
        let (committed_head, committed_length) = order.committed;
        let mut read = ReadSpool {
            started: order.started,
            state: State::Mutilated,
            source: Source {
                head: String::new(),
                length: 0,
                frames: 0,
                committed_head: committed_head.to_owned(),
                committed_length,
                missing: committed_length,
            },
        };
        let Some(mut reader) = self.open(order, &mut read)? else {
            if order.unopened && order.interrupted && committed_length == 0 {
                read.state = State::Interrupted;
            }
            return Ok(read);
        };
        let mut seen = reader.head().length == committed_length && reader.head().hex() == committed_head;
        while let Some(frame) = reader.next() {
            self.frame(frame)?;
            let head = reader.head();
            seen |= head.length == committed_length && head.hex() == committed_head;
        }
        let head = reader.head();
        read.source.head = head.hex();
        (read.source.length, read.source.frames) = (head.length, head.frames);
        read.source.missing = committed_length.saturating_sub(head.length);
        // INVARIANT: what the journal was told must be there, byte for byte; what a crash tore off
        // behind it was never told and never shown.
        let whole = (seen || committed_length == 0) && reader.damage() != Some(&Damage::Altered);
        read.state = match (whole, order.interrupted) {
            (false, _) => State::Mutilated,
            (true, true) => State::Interrupted,
            (true, false) => State::Whole,
        };
        Ok(read)
    }

    fn open(
        &self,
        order: &SealOrder<'_>,
        read: &mut ReadSpool,
    ) -> Result<Option<SpoolReader<BufReader<File>>>, SealError> {
        let open = || File::open(order.spool).map(|file| BufReader::with_capacity(256 << 10, file));
        let file = match open() {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        // A header that cannot be read, or whose key does not open, leaves nothing to seal.
        let Ok((header, _)) = SpoolReader::header(file) else { return Ok(None) };
        read.started = header.started;
        let Ok(key) = RecordingKey::recover(&header, order.recovery) else { return Ok(None) };
        match SpoolReader::new(open()?, &key) {
            Ok(reader) => Ok(Some(reader)),
            Err(SpoolError::Form(_)) => Ok(None),
            Err(SpoolError::Key(error)) => Err(error.into()),
        }
    }

    fn part(&self, name: &str) -> io::Result<PartWriter> {
        PartWriter::create(self.folder, self.heads, name, self.recipients)
    }

    fn frame(&mut self, frame: Frame) -> io::Result<()> {
        let track = frame.track;
        if frame.kind == FrameKind::Begin && !self.channels.contains_key(&track) && !self.over.contains(&track) {
            let early = self.early.remove(&track).unwrap_or_default();
            self.early_bytes = self.early_bytes.saturating_sub(early.iter().map(cost).sum());
            let channel = self.begin(&frame, early.first().map_or(frame.at, |first| first.at))?;
            self.channels.insert(track, channel);
            return early.into_iter().try_for_each(|frame| self.frame(frame));
        }
        let Some(mut channel) = self.channels.remove(&track) else {
            // A channel that waits for a watcher has notices and dropped input before it begins.
            if self.early_bytes > EARLY && frame.kind == FrameKind::InputDropped {
                // More than anybody types while they wait: how much it was is kept, and the channel
                // stays what it will be.
                let early = self.early.entry(track).or_default();
                let text = format!("{} more bytes were typed while frozen", frame.data.len());
                if early.len() < EARLY / FRAME {
                    early.push(Frame { kind: FrameKind::Marker, data: text.into_bytes().into(), ..frame });
                }
                return Ok(());
            }
            self.early_bytes += cost(&frame);
            self.early.entry(track).or_default().push(frame);
            return if self.early_bytes > 2 * EARLY { self.never_began(track) } else { Ok(()) };
        };
        let ends = frame.kind == FrameKind::End;
        match &mut channel {
            Channel::Raw(track) => {
                track.ended = frame.at.max(track.ended);
                if !track.files.takes(&frame, |suffix| self.part(&format!("channel-{}{suffix}", frame.track)))? {
                    track.raw.frame(&frame)?;
                }
            }
            Channel::Terminal(terminal) => {
                terminal.ended = frame.at.max(terminal.ended);
                self.terminal_frame(terminal, frame)?;
            }
        }
        if ends {
            // Its emulator and its files are not kept open for the rest of a long session.
            self.over.insert(track);
            return self.finish_channel(track, channel);
        }
        self.channels.insert(track, channel);
        Ok(())
    }

    /// Frames of a channel that does not begin: they are kept as they are.
    fn never_began(&mut self, track: Track) -> io::Result<()> {
        let early = self.early.remove(&track).unwrap_or_default();
        self.early_bytes = self.early_bytes.saturating_sub(early.iter().map(cost).sum());
        let Some(first) = early.first() else { return Ok(()) };
        let (started, ended) = (first.at, first.at);
        // What comes behind an end has a file of its own.
        let late = match self.over.contains(&track) {
            true => {
                self.late += 1;
                format!("-late-{}", self.late)
            }
            false => String::new(),
        };
        let name = format!("channel-{track}{late}.raw");
        let raw = RawWriter::begin(self.part(&name)?, b"{}")?;
        self.channels
            .insert(track, Channel::Raw(Box::new(RawTrack { name, raw, files: FileTrack::default(), started, ended })));
        early.into_iter().try_for_each(|frame| self.frame(frame))
    }

    fn begin(&self, frame: &Frame, started: Timestamp) -> io::Result<Channel> {
        let what: serde_json::Value = serde_json::from_slice(&frame.data).unwrap_or_default();
        let number =
            |name: &str| what.get(name).and_then(serde_json::Value::as_u64).and_then(|n| usize::try_from(n).ok());
        let (ended, track) = (frame.at, frame.track);
        if let (Some(columns), Some(rows)) = (number("columns"), number("rows"))
            && let Some(emulator) = Emulator::new(columns, rows)
        {
            let part = self.part(&format!("channel-{track}.cast"))?;
            let term = what.get("term").and_then(serde_json::Value::as_str).unwrap_or_default();
            let title = format!("{} channel {track}", self.session);
            let command = what.get("command").and_then(serde_json::Value::as_str);
            let cast = CastWriter::begin(part, started, emulator.size(), term, &title, command)?;
            return Ok(Channel::Terminal(Box::new(TerminalTrack {
                cast,
                emulator,
                started,
                ended,
                held: None,
                secrets: Prompts::default(),
            })));
        }
        let name = format!("channel-{track}.raw");
        let raw = RawWriter::begin(self.part(&name)?, &frame.data)?;
        Ok(Channel::Raw(Box::new(RawTrack { name, raw, files: FileTrack::default(), started, ended })))
    }

    fn terminal_frame(&mut self, terminal: &mut TerminalTrack, frame: Frame) -> io::Result<()> {
        if matches!(frame.kind, FrameKind::Input | FrameKind::InputDropped) {
            return self.input(terminal, frame);
        }
        let mut lines = Vec::new();
        let mut judged = Judged::Open;
        match frame.kind {
            FrameKind::Output | FrameKind::ErrorOutput => {
                self.shown += frame.data.len() as u64;
                lines = terminal.emulator.feed(&frame.data);
                if let Some(held) = &mut terminal.held {
                    judged = held.candidate.output(&frame.data);
                }
            }
            FrameKind::Resize => {
                if let Some((columns, rows)) = size(&frame.data) {
                    lines = terminal.emulator.resize(columns, rows);
                }
            }
            FrameKind::End => judged = terminal.held.as_ref().map_or(Judged::Open, |held| held.candidate.end()),
            _ => {}
        }
        self.transcript(frame.track, frame.at, terminal.started, &lines)?;
        let at = frame.at;
        match &mut terminal.held {
            Some(held) => {
                held.frames.push((frame, false));
                if judged != Judged::Open {
                    self.release(terminal, judged)?;
                }
            }
            None => terminal.cast.frame(&frame)?,
        }
        if terminal.held.is_none() {
            terminal.cast.keyframe(at, &terminal.emulator)?;
        }
        Ok(())
    }

    fn input(&mut self, terminal: &mut TerminalTrack, frame: Frame) -> io::Result<()> {
        if terminal.held.as_ref().is_some_and(|held| held.candidate.is_complete()) {
            // The next line is being typed and the last was not shown.
            let judged = terminal.held.as_ref().map_or(Judged::Open, |held| held.candidate.end());
            self.release(terminal, judged)?;
        }
        if terminal.held.is_none() {
            let (row, behind) = terminal.emulator.row_before_cursor();
            // Where nobody could ever open what is set apart, it stays where it is.
            if behind || !is_prompt(&row) || pairs_of(self.recipients).is_empty() {
                return terminal.cast.frame(&frame);
            }
            terminal.held = Some(Held { prompt: row, candidate: Candidate::default(), frames: Vec::new() });
        }
        let Some(held) = &mut terminal.held else { return Ok(()) };
        let mine = held.candidate.input(&frame.data);
        let rest = frame.data.slice(mine..);
        held.frames.push((Frame { data: frame.data.slice(..mine), ..frame.clone() }, true));
        if !rest.is_empty() {
            held.frames.push((Frame { data: rest, ..frame }, false));
        }
        Ok(())
    }

    /// Writes what was held: input that was a secret into its own track, all else in order.
    fn release(&mut self, terminal: &mut TerminalTrack, judged: Judged) -> io::Result<()> {
        let Some(held) = terminal.held.take() else { return Ok(()) };
        let mut said = false;
        let secret = judged == Judged::Secret;
        let hides = secret && terminal.secrets.may_hide(&held.prompt);
        if secret && !hides {
            let at = held.frames.first().map_or(terminal.ended, |(frame, _)| frame.at);
            terminal.cast.marker(at, "too much was typed unseen at one prompt: from here on it is not set apart")?;
        }
        for (frame, candidate) in held.frames {
            if candidate && hides {
                if !std::mem::replace(&mut said, true) {
                    terminal.cast.secret(frame.at)?;
                }
                self.secret(&frame)?;
            } else {
                terminal.cast.frame(&frame)?;
            }
        }
        Ok(())
    }

    fn secret(&mut self, frame: &Frame) -> io::Result<()> {
        if self.secrets.is_none() {
            let identity = Identity::generate();
            let part =
                PartWriter::create(self.folder, self.heads, "secrets.raw", &Recipients::just(identity.to_public()))?;
            let raw = RawWriter::begin(part, b"{\"what\":\"secrets\"}")?;
            self.secrets = Some(Secrets { raw, identity, first: frame.at, last: frame.at });
        }
        if let Some(secrets) = &mut self.secrets {
            secrets.last = frame.at;
            secrets.raw.record(frame.at, frame.kind, &frame.data)?;
        }
        Ok(())
    }

    /// Lines that scrolled away: seconds within the channel, channel, text.
    fn transcript(&mut self, track: Track, at: Timestamp, started: Timestamp, lines: &[String]) -> io::Result<()> {
        if lines.iter().all(|line| line.is_empty()) || self.written == u64::MAX {
            return Ok(());
        }
        if self.transcript.is_none() {
            self.transcript = Some((self.part("transcript.txt")?, at, at));
        }
        let Some((part, _, last)) = &mut self.transcript else { return Ok(()) };
        *last = at;
        let millis = at.duration_since(started).as_millis();
        for line in lines.iter().filter(|line| !line.is_empty()) {
            let visible: String = line.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let stamp = format!("{}.{:03}", millis / 1000, millis % 1000);
            let line = format!("{stamp}\t{track}\t{visible}\n");
            self.written += line.len() as u64;
            if self.written > self.shown * TRANSCRIPT.0 + TRANSCRIPT.1 {
                self.written = u64::MAX;
                return part.write(b"-\t-\t(more text than output: the transcript stops here, the cast has it all)\n");
            }
            part.write(line.as_bytes())?;
        }
        Ok(())
    }

    fn done(&mut self, name: &str, kind: PartKind, channel: Track, times: (Timestamp, Timestamp), written: Written) {
        self.parts.push(Part {
            name: name.to_owned(),
            kind,
            channel,
            started: times.0,
            ended: times.1,
            plain_bytes: written.plain_bytes,
            plain_sha256: written.plain,
            sealed_bytes: written.sealed_bytes,
            head_sha256: written.head,
            body_sha256: written.body,
        });
    }

    fn finish_channel(&mut self, track: Track, channel: Channel) -> io::Result<()> {
        match channel {
            Channel::Raw(one) => {
                let RawTrack { name, raw, files, started, ended } = *one;
                let written = raw.finish()?;
                self.done(&name, PartKind::Raw, track, (started, ended), written);
                for (suffix, kind, written) in files.finish()? {
                    self.done(&format!("channel-{track}{suffix}"), kind, track, (started, ended), written);
                }
            }
            Channel::Terminal(mut terminal) => {
                let judged = terminal.held.as_ref().map_or(Judged::Open, |held| held.candidate.end());
                self.release(&mut terminal, judged)?;
                let TerminalTrack { cast, emulator, started, ended, .. } = *terminal;
                self.transcript(track, ended, started, &emulator.finish())?;
                let (written, keyframes) = cast.finish()?;
                self.done(&format!("channel-{track}.cast"), PartKind::Cast, track, (started, ended), written);
                let name = format!("channel-{track}.index");
                let mut index = self.part(&name)?;
                for keyframe in keyframes {
                    let line = serde_json::to_string(&keyframe).map_err(io::Error::other)?;
                    index.write(format!("{line}\n").as_bytes())?;
                }
                let written = index.finish()?;
                self.done(&name, PartKind::Index, track, (started, ended), written);
            }
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<(Vec<Part>, Pairs)> {
        let early: Vec<Track> = self.early.keys().copied().collect();
        early.into_iter().try_for_each(|track| self.never_began(track))?;
        for (track, channel) in std::mem::take(&mut self.channels) {
            self.finish_channel(track, channel)?;
        }
        if let Some((part, first, last)) = self.transcript.take() {
            let written = part.finish()?;
            self.done("transcript.txt", PartKind::Transcript, 0, (first, last), written);
        }
        let mut pairs = Vec::new();
        if let Some(Secrets { raw, identity, first, last }) = self.secrets.take() {
            let written = raw.finish()?;
            self.done("secrets.raw", PartKind::Secrets, 0, (first, last), written);
            pairs = self.share(&identity)?;
        }
        Ok((self.parts, pairs))
    }

    /// Wraps the secrets' key for each two recipients, one around the other: neither opens it alone.
    fn share(&self, identity: &Identity) -> io::Result<Pairs> {
        let line = identity.to_string();
        let mut pairs = Vec::new();
        for ((n, first), (m, second)) in pairs_of(self.recipients) {
            let inner = encrypted(std::slice::from_ref(first), format!("{}\n", line.expose_secret()).as_bytes())?;
            let outer = encrypted(std::slice::from_ref(second), &inner)?;
            let mut file = create(&self.heads.join(format!("secrets-{n}-{m}.age")))?;
            file.write_all(&outer)?;
            file.sync_all()?;
            pairs.push(((n, m), HEXLOWER.encode(digest(&SHA256, &outer).as_ref())));
        }
        Ok(pairs)
    }
}

/// What a frame that is kept back counts for.
fn cost(frame: &Frame) -> usize {
    frame.data.len() + FRAME
}

/// A recipient, by its place from 1.
type Placed<'a> = (usize, &'a Recipient);

/// Who opens secrets together. Where it takes two persons anyway, one of each group: two officers are not
/// to read more by themselves than an officer and an auditor.
fn pairs_of(recipients: &Recipients) -> Vec<(Placed<'_>, Placed<'_>)> {
    let (first, second) = (recipients.first(), recipients.second());
    let firsts: Vec<Placed<'_>> = first.iter().take(PAIRED).enumerate().map(|(n, one)| (n + 1, one)).collect();
    let seconds: Vec<Placed<'_>> =
        second.iter().take(PAIRED).enumerate().map(|(n, one)| (first.len() + n + 1, one)).collect();
    let partners = |one: &Placed<'_>| match seconds.is_empty() {
        true => firsts.iter().filter(|other| other.0 > one.0).copied().collect(),
        false => seconds.clone(),
    };
    firsts.iter().flat_map(|one| partners(one).into_iter().map(|other| (*one, other))).collect()
}
