//! What stewards note, told on: to the recording at once, to the journal in batches behind it.

use super::{FileNumber, Note, UnderWay, shown};
use crate::relay::channel::Channel;
use crate::site::Site;
use data_encoding::HEXLOWER;
use lifecycle::{Alarm, Event, FileChange, FileMove, FileResult};
use policy::Direction;
use recorder::FrameKind;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Entries that may wait for the journal; beyond it the transfer waits.
const WAITING: usize = 256;
/// Files of one session that have an entry of their own in the journal. Of more than that, which are a
/// tree and not a repair, the recording has the list and the journal the number (HRD-12).
const ENTRIES: u64 = 2000;
/// Alarms of one session: whoever was told a hundred times knows, and a client may send the same
/// infected file without end (D19).
pub(crate) const ALARMS: u64 = 100;

/// Tells what happened on one channel.
pub(super) struct Told<'a> {
    channel: &'a Channel,
    entries: mpsc::Sender<Event>,
    unlisted: u64,
    /// Files of which not all content could be kept.
    cut: BTreeSet<FileNumber>,
    keeps: bool,
}

/// Writes entries to the journal until nothing more comes.
pub(super) async fn write_entries(site: Arc<Site>, mut entries: mpsc::Receiver<Event>) {
    let mut batch = Vec::new();
    while entries.recv_many(&mut batch, WAITING).await > 0 {
        site.registrar.note(std::mem::take(&mut batch)).await;
    }
}

impl<'a> Told<'a> {
    /// For a channel; `keeps`: content of files is kept. The other half goes to [`write_entries`].
    pub(super) fn new(channel: &'a Channel, keeps: bool) -> (Self, mpsc::Receiver<Event>) {
        let (entries, written) = mpsc::channel(WAITING);
        (Self { channel, entries, unlisted: 0, cut: BTreeSet::new(), keeps }, written)
    }

    /// Content of this file was not kept, or not all of it.
    pub(super) fn cut_short(&mut self, file: FileNumber) {
        self.cut.insert(file);
    }

    async fn record(&self, value: &Value) -> bool {
        self.channel.session().record(self.channel.number, FrameKind::File, value.to_string().into()).await
    }

    async fn journal(&mut self, event: Event) {
        if self.channel.session().takes_file_entry(ENTRIES) {
            let _ = self.entries.send(event).await;
        } else {
            self.unlisted += 1;
        }
    }

    /// Tells of one note. `false`: the session is over.
    pub(super) async fn note(&mut self, note: Note) -> bool {
        let (session, channel) = (self.channel.session().id.clone(), self.channel.number);
        match note {
            Note::Began { file, path, direction } => {
                let path = shown::path(&path);
                self.record(&json!({ "event": "began", "file": file, "path": path, "direction": direction })).await
            }
            Note::Moved { file, path, direction, started, bytes, sha256, in_order, result } => {
                // Taken out whether it counts or not: a channel may move files without end.
                let cut = self.cut.remove(&file);
                let kept = self.keeps && !cut;
                let moved = FileMove {
                    session: session.clone(),
                    channel,
                    path: shown::path(&path),
                    direction,
                    started,
                    bytes,
                    sha256: HEXLOWER.encode(&sha256),
                    in_order,
                    result,
                    kept,
                };
                let recorded = self.record(&moved_line(file, &moved)).await;
                let alarm = alarm(&moved);
                self.journal(Event::FileMoved(moved)).await;
                if let Some(alarm) = alarm
                    && self.channel.session().takes_alarm(ALARMS)
                {
                    // However many entries there are: somebody has to know.
                    let _ = self.entries.send(Event::SessionAlarm { session, channel, alarm }).await;
                }
                recorded
            }
            Note::Changed { act, path, to, failed } => {
                let (path, to) = (shown::path(&path), shown::path(&to));
                let line = json!({ "event": "changed", "act": act, "path": path, "to": to, "failed": failed });
                let recorded = self.record(&line).await;
                self.journal(Event::FileChanged(FileChange { session, channel, act, path, to, failed })).await;
                recorded
            }
            Note::Refused { what, why } => {
                let recorded = self.record(&json!({ "event": "refused", "what": what, "why": why })).await;
                if self.channel.session().refused(what) {
                    let _ = self.entries.send(Event::ChannelRefused { session, what: what.to_owned(), why }).await;
                }
                recorded
            }
        }
    }

    /// How far files are, for those who watch.
    pub(super) async fn progress(&self, files: &[UnderWay]) {
        for one in files {
            let line = json!({
                "event": "progress", "file": one.file, "path": shown::path(&one.path), "direction": one.direction,
                "bytes": one.bytes, "size": one.size, "held": one.held,
            });
            if !self.record(&line).await {
                return;
            }
        }
    }

    /// Says at the end of how many more files only the recording has the list.
    pub(super) async fn close(self) {
        if self.unlisted > 0 {
            let session = self.channel.session().id.clone();
            let _ = self.entries.send(Event::FilesUnlisted { session, count: self.unlisted }).await;
        }
    }
}

fn moved_line(file: FileNumber, moved: &FileMove) -> Value {
    json!({
        "event": "moved", "file": file, "path": moved.path, "direction": moved.direction, "bytes": moved.bytes,
        "sha256": moved.sha256, "in_order": moved.in_order, "result": moved.result, "kept": moved.kept,
        "started": moved.started,
    })
}

fn alarm(moved: &FileMove) -> Option<Alarm> {
    match &moved.result {
        FileResult::Infected { signature } => {
            Some(Alarm::Infected { path: moved.path.clone(), signature: signature.clone() })
        }
        FileResult::Unscanned { why } => Some(Alarm::ScannerGone { why: why.clone() }),
        FileResult::Done | FileResult::Failed { .. } | FileResult::Partial => None,
    }
}

/// The kind of a frame of protocol bytes that went this way.
pub(super) fn frame_kind(direction: Direction) -> FrameKind {
    match direction {
        Direction::ToTarget => FrameKind::Input,
        Direction::FromTarget => FrameKind::Output,
    }
}
