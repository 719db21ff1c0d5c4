//! What is known of one session, for its part of the intervention's page.

use super::channel::Channel;
use super::file::{AlarmView, FileView};
use super::row::seconds;
use super::stretches::{Kind, Rect, Stretch, bar, stretches, total};
use crate::commands::Known;
use crate::names::staff_name;
use crate::page::Me;
use crate::texts::Texts;
use jiff::Timestamp;
use jiff::civil::Date;
use lifecycle::{
    Actor, Bounded, EndCause, FreezeCause, Frozen, Presence, RecordingState, Role, SessionEnd, SessionId, SessionRecord,
};
use policy::TargetId;
use serde::Serialize;

/// Entries of one kind that a page shows; the journal has the rest.
const SHOWN: usize = 200;

/// The first of something, and how many are not shown.
#[derive(Debug, Serialize)]
pub(super) struct Some200<T> {
    pub(super) shown: Vec<T>,
    pub(super) more: u64,
}

impl<T> Some200<T> {
    fn of<S>(all: &[S], more: u64, view: impl FnMut(&S) -> T) -> Self {
        let left_out = u64::try_from(all.len().saturating_sub(SHOWN)).unwrap_or(u64::MAX);
        Self { shown: all.iter().take(SHOWN).map(view).collect(), more: more.saturating_add(left_out) }
    }

    fn bounded<S, const LIMIT: usize>(all: &Bounded<S, LIMIT>, view: impl FnMut(&S) -> T) -> Self {
        Self::of(all.items(), all.more(), view)
    }

    /// Whether there was none.
    pub(super) fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }
}

/// Somebody's time of watching.
#[derive(Debug, Serialize)]
pub(super) struct Watch {
    pub(super) who: String,
    pub(super) counts: bool,
    pub(super) from: Timestamp,
    pub(super) until: Option<Timestamp>,
    why: Option<String>,
}

impl Watch {
    fn of(known: &Known<'_>, one: &Presence) -> Self {
        Self {
            who: staff_name(known, &one.staff),
            counts: one.counts,
            from: one.from,
            until: one.until,
            why: one.why.clone(),
        }
    }

    /// Why it ended, in words.
    pub(super) fn why(&self, texts: &Texts) -> String {
        match self.why.as_deref() {
            None => String::new(),
            Some("left") => texts.text("dossier-watch-left"),
            Some("stopped answering") => texts.text("dossier-watch-silent"),
            Some("did not answer a challenge") => texts.text("dossier-watch-challenge"),
            Some("may not watch any more") => texts.text("dossier-watch-rights"),
            Some("the session ended") => texts.text("dossier-watch-over"),
            Some(other) => texts.journal_word(other),
        }
    }
}

/// A time in which nothing moved.
#[derive(Debug, Serialize)]
pub(super) struct Freeze {
    pub(super) from: Timestamp,
    pub(super) until: Option<Timestamp>,
    cause: FreezeCause,
    /// Who froze it, where a person did.
    by: Option<String>,
    pub(super) reason: Option<String>,
    /// Who let it go on, where a person did.
    pub(super) resumed_by: Option<String>,
}

impl Freeze {
    fn of(known: &Known<'_>, one: &Frozen) -> Self {
        let by = match &one.cause {
            FreezeCause::Staff(staff) => Some(staff_name(known, staff)),
            _ => None,
        };
        let resumed_by = one.resumed_by.as_ref().and_then(Actor::staff);
        Self {
            from: one.from,
            until: one.until,
            cause: one.cause.clone(),
            by,
            reason: one.reason.clone(),
            resumed_by: resumed_by.map(|staff| staff_name(known, staff)),
        }
    }

    /// Why, in words.
    pub(super) fn why(&self, texts: &Texts) -> String {
        match &self.by {
            Some(name) => texts.with("freeze-staff", &[("staff", name)]),
            None => texts.freeze(&self.cause),
        }
    }

    /// How long; `None` while it is frozen.
    pub(super) fn seconds(&self) -> Option<i64> {
        self.until.map(|until| until.duration_since(self.from).as_secs())
    }
}

/// A request that was refused.
#[derive(Debug, Serialize)]
pub(super) struct Refused {
    pub(super) at: Timestamp,
    pub(super) what: String,
    pub(super) why: String,
}

/// Somebody opened the recording.
#[derive(Debug, Serialize)]
pub(super) struct Reading {
    pub(super) at: Timestamp,
    pub(super) who: String,
    pub(super) how: String,
    pub(super) purpose: String,
}

/// The sealed recording, as the journal knows it.
#[derive(Debug, Serialize)]
pub(super) struct Recording {
    state: RecordingState,
    /// When it was, at its term.
    erased: Option<Timestamp>,
    pub(super) manifest: String,
    pub(super) missing: u64,
    pub(super) bytes: u64,
}

impl Recording {
    /// The key of the text of how whole it is.
    pub(super) fn key(&self) -> &'static str {
        match self.state {
            _ if self.erased.is_some() => "recording-erased",
            RecordingState::Whole => "recording-whole",
            RecordingState::Interrupted => "recording-interrupted",
            RecordingState::Mutilated => "recording-mutilated",
        }
    }

    /// Whether nothing of it is missing that should be there.
    pub(super) fn is_whole(&self) -> bool {
        self.erased.is_some() || self.state == RecordingState::Whole
    }
}

/// Old algorithms that were used towards the equipment.
#[derive(Debug, Serialize)]
pub(super) struct Legacy {
    pub(super) algorithms: String,
    pub(super) because: String,
    pub(super) until: Date,
}

/// One session.
#[derive(Debug, Serialize)]
pub(crate) struct SessionView {
    pub(super) id: SessionId,
    pub(super) state: &'static str,
    pub(super) started: Timestamp,
    pub(super) until: Timestamp,
    pub(super) seconds: i64,
    pub(super) end: Option<SessionEnd>,
    cut_by: Option<String>,
    pub(super) stretches: Vec<Stretch>,
    pub(super) watched_seconds: i64,
    pub(super) unwatched_seconds: i64,
    pub(super) frozen_seconds: i64,
    pub(super) watches: Some200<Watch>,
    pub(super) freezes: Some200<Freeze>,
    pub(super) channels: Some200<Channel>,
    pub(super) files: Some200<FileView>,
    /// Files that the register lists.
    #[serde(skip)]
    listed: usize,
    /// Of so many more files only the recording has the list.
    pub(super) unlisted: u64,
    pub(super) alarms: Some200<AlarmView>,
    pub(super) refused: Some200<Refused>,
    pub(super) warnings: Vec<(Timestamp, u8)>,
    /// Old algorithms towards the equipment, by a dated exception.
    pub(super) legacy: Option<Legacy>,
    /// Why the equipment was not reached, in the journal's words.
    pub(super) unreached: Option<String>,
    pub(super) recording: Option<Recording>,
    pub(super) committed: Option<(String, u64)>,
    pub(super) recipients: usize,
    pub(super) readings: Some200<Reading>,
    /// These eyes may watch it now.
    pub(super) watchable: bool,
    /// These eyes may open its recording now.
    pub(super) replayable: bool,
}

impl SessionView {
    /// The view of one, for these eyes.
    pub(super) fn of(known: &Known<'_>, me: &Me, target: &TargetId, record: &SessionRecord) -> Self {
        let stretches = stretches(record, known.at);
        let security = me.roles.contains(&Role::Security);
        let end = record.end.clone();
        let cut_by = end.as_ref().and_then(|end| match &end.cause {
            EndCause::Cut { by, .. } => by.staff().map(|staff| staff_name(known, staff)),
            _ => None,
        });
        Self {
            id: record.id.clone(),
            state: record.state(),
            started: record.started,
            until: record.until,
            seconds: seconds(record, known.at),
            cut_by,
            watched_seconds: total(&stretches, Kind::Watched).as_secs(),
            unwatched_seconds: total(&stretches, Kind::Unwatched).as_secs(),
            frozen_seconds: total(&stretches, Kind::Frozen).as_secs(),
            stretches,
            watches: Some200::of(&record.presence, 0, |one| Watch::of(known, one)),
            freezes: Some200::of(&record.freezes, 0, |one| Freeze::of(known, one)),
            channels: Some200::bounded(&record.opened, |one| Channel::of(known, target, one)),
            files: Some200::of(record.files.items(), 0, FileView::of),
            listed: record.files.items().len(),
            unlisted: record.files.more().saturating_add(record.unlisted),
            alarms: Some200::bounded(&record.alarms, AlarmView::of),
            refused: Some200::bounded(&record.refused_channels, |one| Refused {
                at: one.at,
                what: one.what.clone(),
                why: one.why.clone(),
            }),
            warnings: record.warnings.iter().map(|one| (one.at, one.minutes)).collect(),
            legacy: record.legacy.as_ref().map(|one| Legacy {
                algorithms: one.algorithms.iter().cloned().collect::<Vec<_>>().join(", "),
                because: one.because.clone(),
                until: one.until,
            }),
            unreached: record.unreached.clone(),
            recording: record.sealed.as_ref().map(|sealed| Recording {
                state: sealed.state,
                erased: record.shredded,
                manifest: sealed.manifest.clone(),
                missing: sealed.missing,
                bytes: sealed.bytes,
            }),
            committed: record.committed.clone(),
            recipients: record.recipients.first.len(),
            readings: Some200::of(&record.readings, 0, |one| Reading {
                at: one.at,
                who: staff_name(known, &one.staff),
                how: one.how.clone(),
                purpose: one.purpose.clone(),
            }),
            watchable: end.is_none() && (security || me.decides_for(known, target)),
            replayable: record.sealed.is_some() && record.shredded.is_none() && security,
            end,
        }
    }

    /// Why it ended, in words.
    pub(super) fn cause(&self, texts: &Texts) -> String {
        match (&self.end, &self.cut_by) {
            (Some(SessionEnd { cause: EndCause::Cut { reason, .. }, .. }), Some(name)) => {
                let reason = texts.journal_word(reason);
                texts.with("dossier-cut-by", &[("staff", name), ("reason", &reason)])
            }
            (Some(end), _) => texts.end(&end.cause),
            (None, _) => String::new(),
        }
    }

    /// The rectangles of its bar.
    pub(super) fn bar(&self) -> Vec<Rect> {
        bar(&self.stretches)
    }

    /// The bar in words.
    pub(super) fn bar_in_words(&self, texts: &Texts) -> String {
        let length = |seconds| texts.length(seconds);
        texts.with(
            "dossier-bar",
            &[
                ("watched", &length(self.watched_seconds)),
                ("unwatched", &length(self.unwatched_seconds)),
                ("frozen", &length(self.frozen_seconds)),
            ],
        )
    }

    /// Times without eyes or without movement, for those who cannot see the bar.
    pub(super) fn gaps(&self) -> impl Iterator<Item = &Stretch> {
        self.stretches.iter().filter(|one| one.kind != Kind::Watched).take(SHOWN)
    }

    /// How many of those are not shown.
    pub(super) fn more_gaps(&self) -> usize {
        self.stretches.iter().filter(|one| one.kind != Kind::Watched).count().saturating_sub(SHOWN)
    }

    /// Files that the register lists and this page does not.
    pub(super) fn more_listed(&self) -> usize {
        self.listed.saturating_sub(self.files.shown.len())
    }

    /// Refused requests by what was asked, counted, once it is over.
    pub(super) fn refused_counts(&self) -> Vec<(String, u64)> {
        let counts = self.end.iter().flat_map(|end| &end.refused);
        counts.take(SHOWN).map(|(what, count)| (what.clone(), *count)).collect()
    }
}
