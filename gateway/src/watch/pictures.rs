//! The pictures one watcher gets: what changed since the last, numbered, and not more under way than
//! are acknowledged.

use super::stage::ChannelView;
use crate::clock::Clock;
use crate::relay::session::{Flow, LiveSession};
use console::wire::{ChannelLine, Picture, ScreenChange};
use jiff::Timestamp;
use recorder::{Run, Screen};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Pictures on their way that are not acknowledged.
const UNDER_WAY: usize = 3;

/// One watcher's pictures.
pub(super) struct Pictures {
    session: Arc<LiveSession>,
    clock: Arc<dyn Clock>,
    /// Those that were sent and not acknowledged: number, when, and the time of day.
    under_way: VecDeque<(u64, Instant, Timestamp)>,
    next: u64,
    skipped: u64,
    shown: Option<u32>,
    /// The watcher asked for the channel that is shown.
    chosen: bool,
    painted: Option<(u32, u64, Screen)>,
}

impl Pictures {
    pub(super) fn new(session: Arc<LiveSession>, clock: Arc<dyn Clock>) -> Self {
        Self {
            session,
            clock,
            under_way: VecDeque::new(),
            next: 1,
            skipped: 0,
            shown: None,
            chosen: false,
            painted: None,
        }
    }

    /// Whether none was sent for so long.
    pub(super) fn rested(&self, time: Duration) -> bool {
        self.under_way.back().is_none_or(|(_, sent, _)| sent.elapsed() >= time)
    }

    /// Another channel is to be shown, whole.
    pub(super) fn show(&mut self, track: u32) {
        self.shown = Some(track);
        self.chosen = true;
        self.painted = None;
    }

    /// A picture is painted, and all before it: when the newest of them was sent.
    pub(super) fn acknowledged(&mut self, n: u64) -> Option<(Instant, Timestamp)> {
        // What was never sent was never painted.
        if n >= self.next {
            return None;
        }
        let painted = self.under_way.iter().take_while(|(sent, ..)| *sent <= n).count();
        self.under_way.drain(..painted).next_back().map(|(_, at, time)| (at, time))
    }

    /// The next one, to be sent at once; `None` while too many are under way.
    pub(super) fn make(&mut self) -> Option<Picture> {
        if self.under_way.len() >= UNDER_WAY {
            self.skipped += 1;
            return None;
        }
        let session = self.session.clone();
        let views = session.stage.views();
        self.choose(&views);
        let screen = self.shown.and_then(|track| self.change_of(track));
        let now = self.clock.now();
        let (state, why) = match session.flow() {
            Flow::Flowing => ("live", None),
            Flow::Ended => ("ended", None),
            Flow::Frozen => ("frozen", session.frozen_for()),
        };
        let picture = Picture {
            n: self.next,
            state: state.to_owned(),
            why,
            channels: views.into_iter().map(|view| line(view, &session, now)).collect(),
            shown: self.shown,
            screen,
            behind: session.stage.behind(&session.recording.head(), now),
            skipped: std::mem::take(&mut self.skipped),
            watchers: session.presence.names().iter().map(ToString::to_string).collect(),
            left: session.until().duration_since(now).as_secs(),
        };
        self.under_way.push_back((self.next, Instant::now(), now));
        self.next += 1;
        Some(picture)
    }

    /// Which channel is shown: the one that was asked for, while it is open; else a terminal before all
    /// others, since there something may be typed that is seen nowhere else.
    fn choose(&mut self, views: &[ChannelView]) {
        let open = || views.iter().filter(|view| !view.ended);
        let shown = open().find(|view| Some(view.number) == self.shown);
        if shown.is_some_and(|view| self.chosen || view.terminal) {
            return;
        }
        self.chosen = false;
        let best = open().find(|view| view.terminal).or(shown).or_else(|| open().next()).or(views.last());
        if let Some(best) = best {
            self.shown = Some(best.number);
        }
    }

    /// What changed of a channel's screen since it was painted last.
    fn change_of(&mut self, track: u32) -> Option<ScreenChange> {
        let before = self.painted.as_ref().filter(|(painted, ..)| *painted == track);
        let (version, screen) = self.session.stage.screen(track, before.map(|(_, version, _)| *version))?;
        let same_size =
            before.is_some_and(|(.., old)| (old.columns, old.rows.len()) == (screen.columns, screen.rows.len()));
        let old: &[Vec<Run>] = before.filter(|_| same_size).map_or(&[], |(.., old)| &old.rows);
        let rows = screen.rows.iter().enumerate().filter(|(n, row)| old.get(*n) != Some(row));
        let change = ScreenChange {
            columns: screen.columns,
            height: screen.rows.len(),
            cursor: screen.cursor,
            rows: rows.map(|(n, row)| (n, row.clone())).collect(),
        };
        self.painted = Some((track, version, screen));
        Some(change)
    }
}

fn line(view: ChannelView, session: &LiveSession, now: Timestamp) -> ChannelLine {
    // What passed without a frame of its own is known to the channel alone.
    let (bytes_in, bytes_out) = session.bytes_of(view.number).unwrap_or_default();
    ChannelLine {
        terminal: view.terminal,
        quiet: now.duration_since(view.active).as_secs(),
        number: view.number,
        what: view.what,
        kind: view.kind,
        detail: view.detail,
        files: view.files,
        more_files: view.more_files,
        bytes_in: view.bytes_in.max(bytes_in),
        bytes_out: view.bytes_out.max(bytes_out),
        ended: view.ended,
    }
}
