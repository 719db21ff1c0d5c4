//! A session, as the fold knows it: where it stands, and what happened in it, for its page.
//!
//! A site keeps years of these in memory: what a technician can make many of is bounded, and the
//! journal has the rest.

use crate::event::{Actor, ChannelKind, Event, FreezeCause, RecordingState, SessionEnd};
use crate::file::{Alarm, FileChange, FileMove};
use crate::ids::{InterventionNumber, SessionId};
use jiff::civil::Date;
use jiff::{SignedDuration, Timestamp};
use policy::StaffLogin;
use std::collections::BTreeSet;
use std::net::SocketAddr;

/// Channels of one session that are remembered.
const CHANNELS: usize = 1000;
/// Refused requests of one session that are remembered; the journal has the first of each kind.
const REFUSED: usize = 100;
/// Files moved, and changes to files, of one session that are remembered.
const FILES: usize = 500;
/// Alarms of one session that are remembered.
const ALARMS: usize = 100;
/// Characters of a command that are remembered.
const COMMAND: usize = 200;
/// The journal dates the end of a watch by whole seconds: a shorter gap may be none.
const GAP: SignedDuration = SignedDuration::from_secs(1);

/// The first of something, and how many more there were.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bounded<T, const LIMIT: usize> {
    items: Vec<T>,
    more: u64,
}

impl<T, const LIMIT: usize> Default for Bounded<T, LIMIT> {
    fn default() -> Self {
        Self { items: Vec::new(), more: 0 }
    }
}

impl<T, const LIMIT: usize> Bounded<T, LIMIT> {
    /// Those that were kept, in order.
    pub fn items(&self) -> &[T] {
        &self.items
    }

    /// How many came after those.
    pub fn more(&self) -> u64 {
        self.more
    }

    fn push(&mut self, item: T) {
        if self.items.len() < LIMIT {
            self.items.push(item);
        } else {
            self.more = self.more.saturating_add(1);
        }
    }
}

/// What the journal says of a sealed recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// How whole it is.
    pub state: RecordingState,
    /// SHA-256 of its manifest, in hexadecimal.
    pub manifest: String,
    /// Bytes of the spool that were committed and are not there.
    pub missing: u64,
    /// Bytes of all its files.
    pub bytes: u64,
}

/// A time in which somebody was there to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presence {
    /// Who.
    pub staff: StaffLogin,
    /// Whether supervision was given by it: an approver of the target, and no officer who looks on.
    pub counts: bool,
    /// By which way, such as `terminal`.
    pub via: String,
    /// From when.
    pub from: Timestamp,
    /// The last sign of life. `None` while they watch, and of one whose leaving was never written:
    /// then it is the session's end.
    pub until: Option<Timestamp>,
    /// Why it ended, once it did.
    pub why: Option<String>,
}

/// A time in which nothing moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frozen {
    /// From when.
    pub from: Timestamp,
    /// Until it was let go on, frozen for another cause, or over. `None` while it is frozen.
    pub until: Option<Timestamp>,
    /// Why.
    pub cause: FreezeCause,
    /// What the person who froze it said.
    pub reason: Option<String>,
    /// Who let it go on; `None` where another freeze took its place or the session ended.
    pub resumed_by: Option<Actor>,
}

/// Old algorithms that were used towards the target, by a dated exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegacyUse {
    /// Their names, over all connections of the session.
    pub algorithms: BTreeSet<String>,
    /// Why, as configured.
    pub because: String,
    /// The exception's last day.
    pub until: Date,
}

/// A channel that was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChannelRecord {
    /// Its number.
    pub channel: u32,
    /// What it carried. Of a command its first 200 characters, with `…` behind where there are more;
    /// journal and recording have the rest.
    pub what: ChannelKind,
    /// From when.
    pub from: Timestamp,
    /// Until when; `None` while it is open, and of one that a crash ended.
    pub until: Option<Timestamp>,
    /// The exit status, where the target told one.
    pub exit: Option<u32>,
    /// Bytes from the technician to the target, once it is closed.
    pub bytes_in: u64,
    /// Bytes from the target to the technician, once it is closed.
    pub bytes_out: u64,
}

/// A request that was refused; the first of its kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedChannel {
    /// When.
    pub at: Timestamp,
    /// What was asked.
    pub what: String,
    /// Why not.
    pub why: String,
}

/// A file that was moved or changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRecord {
    /// When it was over.
    pub at: Timestamp,
    /// What it was.
    pub what: FileDone,
}

/// What was done with a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileDone {
    /// Its content passed.
    Moved(FileMove),
    /// Something else was done to it.
    Changed(FileChange),
}

/// Something of which the hospital was told at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmRecord {
    /// When.
    pub at: Timestamp,
    /// On which channel.
    pub channel: u32,
    /// What.
    pub alarm: Alarm,
}

/// Both sides were told that it ends soon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Warning {
    /// When.
    pub at: Timestamp,
    /// In how many minutes.
    pub minutes: u8,
}

/// Somebody opened the recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Who.
    pub staff: StaffLogin,
    /// When.
    pub at: Timestamp,
    /// How, such as `replay`.
    pub how: String,
    /// What for, in their words.
    pub purpose: String,
}

/// A session, as the fold knows it.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionRecord {
    /// Its id.
    pub id: SessionId,
    /// Under which intervention.
    pub number: InterventionNumber,
    /// When it was admitted.
    pub started: Timestamp,
    /// When its right ends.
    pub until: Timestamp,
    /// From where, where it joined another connection's intervention.
    pub joined_from: Option<SocketAddr>,
    /// Why it is frozen, while it is.
    pub frozen: Option<FreezeCause>,
    /// Who watches now and counts, once a window.
    pub watchers: Vec<StaffLogin>,
    /// Who watched at any time and counted.
    pub watched_by: BTreeSet<StaffLogin>,
    /// Who will be able to open its recording, as journalled at admission.
    pub recipients: Readers,
    /// How whole its sealed recording is, once it is sealed.
    pub sealed: Option<Sealed>,
    /// When a retention run took its recording, copies of files apart.
    pub shredded: Option<Timestamp>,
    /// When one took the copies of files in it.
    pub files_shredded: Option<Timestamp>,
    /// Which old algorithms it used towards the target, if any.
    pub legacy: Option<LegacyUse>,
    /// Why the target was not reached when it was to begin, if it was not.
    pub unreached: Option<String>,
    /// Channels open now.
    pub channels: BTreeSet<u32>,
    /// Who was there to watch and when, in the order in which they came; once a window.
    pub presence: Vec<Presence>,
    /// When nothing moved, in order.
    pub freezes: Vec<Frozen>,
    /// Channels that were opened, in order.
    pub opened: Bounded<ChannelRecord, CHANNELS>,
    /// What was asked and refused, the first of each kind.
    pub refused_channels: Bounded<RefusedChannel, REFUSED>,
    /// Files that were moved or changed, in order.
    pub files: Bounded<FileRecord, FILES>,
    /// Of how many more files only the recording has the list.
    pub unlisted: u64,
    /// What rang an alarm.
    pub alarms: Bounded<AlarmRecord, ALARMS>,
    /// Warnings before its end.
    pub warnings: Vec<Warning>,
    /// Who opened its recording.
    pub readings: Vec<Reading>,
    /// The newest committed head and length of its recording (D24).
    pub committed: Option<(String, u64)>,
    /// The last event that was about it.
    pub last_at: Timestamp,
    /// Its closing entry.
    pub end: Option<SessionEnd>,
}

/// Who can open a recording: age recipients.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readers {
    /// The security officers.
    pub first: Vec<String>,
    /// The auditors, of whom one must help each time; empty where an officer reads alone.
    pub second: Vec<String>,
}

impl Readers {
    /// The entry that says that these open recordings from now on, unless `before` are the same (T8). Keys
    /// in another order are the same.
    pub fn change(&self, before: Option<&Readers>, by: Actor) -> Option<Event> {
        let set = |list: &[String]| list.iter().cloned().collect::<BTreeSet<String>>();
        let (none, known) = (Readers::default(), before.is_some());
        let before = before.unwrap_or(&none);
        let (first, second) = (set(&self.first), set(&self.second));
        let (old_first, old_second) = (set(&before.first), set(&before.second));
        if first == old_first && second == old_second {
            return None;
        }
        let all = |first: &BTreeSet<String>, second| first.union(second).cloned().collect::<BTreeSet<String>>();
        let (new, old) = (all(&first, &second), all(&old_first, &old_second));
        // Who changes the group reads what they did not, or with whom they did not.
        let gains = !first.is_subset(&old_first) || !(second.is_subset(&old_second) || old_second.is_empty());
        let alone = second.is_empty() && !old_second.is_empty();
        Some(Event::RecipientsChanged {
            recipients: self.first.clone(),
            second_recipients: self.second.clone(),
            added: new.difference(&old).cloned().collect(),
            removed: old.difference(&new).cloned().collect(),
            weaker: known && (gains || alone),
            by,
        })
    }
}

impl SessionRecord {
    /// The word for its state in `--json` and in lists.
    pub fn state(&self) -> &'static str {
        match (&self.end, &self.frozen) {
            (Some(_), _) => "ended",
            (None, Some(_)) => "frozen",
            (None, None) => "live",
        }
    }

    /// The times between its start and its end, or `now` while it runs, in which nobody who counts
    /// watched (APR-03, APR-04). In order; no two touch. Less than a second is no gap.
    pub fn unwatched(&self, now: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        let end = self.end.as_ref().map_or(now, |end| end.ended);
        let mut watched: Vec<(Timestamp, Timestamp)> = self
            .presence
            .iter()
            .filter(|one| one.counts)
            .map(|one| (one.from.min(end), one.until.unwrap_or(end).min(end)))
            .filter(|(from, until)| from < until)
            .collect();
        watched.sort();
        let mut gaps = Vec::new();
        let mut seen = self.started;
        for (from, until) in watched.into_iter().chain([(end, end)]) {
            if from.duration_since(seen) >= GAP {
                gaps.push((seen, from));
            }
            seen = seen.max(until);
        }
        gaps
    }

    /// One that begins.
    pub(crate) fn admitted(
        id: SessionId,
        number: InterventionNumber,
        until: Timestamp,
        joined_from: Option<SocketAddr>,
        recipients: Readers,
        at: Timestamp,
    ) -> Self {
        Self {
            id,
            number,
            started: at,
            until,
            joined_from,
            frozen: None,
            watchers: Vec::new(),
            watched_by: BTreeSet::new(),
            recipients,
            sealed: None,
            shredded: None,
            files_shredded: None,
            legacy: None,
            unreached: None,
            channels: BTreeSet::new(),
            presence: Vec::new(),
            freezes: Vec::new(),
            opened: Bounded::default(),
            refused_channels: Bounded::default(),
            files: Bounded::default(),
            unlisted: 0,
            alarms: Bounded::default(),
            warnings: Vec::new(),
            readings: Vec::new(),
            committed: None,
            last_at: at,
            end: None,
        }
    }

    /// It was opened with others, for a search.
    pub(crate) fn searched(&mut self, at: Timestamp, staff: &StaffLogin, expression: &str, purpose: &str) {
        let how = format!("search of several recordings for {expression}");
        self.readings.push(Reading { staff: staff.clone(), at, how, purpose: purpose.to_owned() });
    }

    /// Takes in one event that is about it.
    pub(crate) fn apply(&mut self, at: Timestamp, event: &Event) {
        self.last_at = at;
        match event {
            Event::LegacyUsed { algorithms, because, until, .. } => {
                let (because, until) = (because.clone(), *until);
                let before = self.legacy.take().map(|before| before.algorithms).unwrap_or_default();
                let algorithms = before.into_iter().chain(algorithms.iter().cloned()).collect();
                self.legacy = Some(LegacyUse { algorithms, because, until });
            }
            Event::TargetUnreached { why, .. } => self.unreached = Some(why.clone()),
            Event::ChannelOpened { channel, what, .. } => self.channel_opened(at, *channel, what),
            Event::ChannelClosed { channel, exit, bytes_in, bytes_out, .. } => {
                self.channels.remove(channel);
                let mut open = self.opened.items.iter_mut().rev();
                if let Some(one) = open.find(|one| one.channel == *channel && one.until.is_none()) {
                    (one.until, one.exit, one.bytes_in, one.bytes_out) = (Some(at), *exit, *bytes_in, *bytes_out);
                }
            }
            Event::ChannelRefused { what, why, .. } => {
                self.refused_channels.push(RefusedChannel { at, what: what.clone(), why: why.clone() });
            }
            Event::FileMoved(file) => self.files.push(FileRecord { at, what: FileDone::Moved(file.clone()) }),
            Event::FileChanged(change) => self.files.push(FileRecord { at, what: FileDone::Changed(change.clone()) }),
            Event::FilesUnlisted { count, .. } => self.unlisted = self.unlisted.saturating_add(*count),
            Event::SessionAlarm { channel, alarm, .. } => {
                self.alarms.push(AlarmRecord { at, channel: *channel, alarm: alarm.clone() });
            }
            Event::SessionWarned { minutes, .. } => self.warnings.push(Warning { at, minutes: *minutes }),
            Event::SessionFrozen { cause, reason, .. } => {
                self.frozen = Some(cause.clone());
                self.thawed(at, None);
                let (cause, reason) = (cause.clone(), reason.clone());
                self.freezes.push(Frozen { from: at, until: None, cause, reason, resumed_by: None });
            }
            Event::SessionResumed { by, .. } => {
                self.frozen = None;
                self.thawed(at, Some(by));
            }
            Event::WatchBegan { staff, counts, via, .. } => {
                if *counts {
                    self.watchers.push(staff.clone());
                    self.watched_by.insert(staff.clone());
                }
                let (staff, via) = (staff.clone(), via.clone());
                self.presence.push(Presence { staff, counts: *counts, via, from: at, until: None, why: None });
            }
            Event::WatchEnded { staff, from, seconds, why, .. } => self.watch_ended(staff, *from, *seconds, why),
            Event::RecordingSealed { state, manifest, missing, bytes, .. } => {
                let (state, manifest, missing, bytes) = (*state, manifest.clone(), *missing, *bytes);
                self.sealed = Some(Sealed { state, manifest, missing, bytes });
            }
            Event::EvidenceExported { staff, purpose, .. } => {
                let how = "evidence bundle".to_owned();
                self.readings.push(Reading { staff: staff.clone(), at, how, purpose: purpose.clone() });
            }
            Event::RecordingCommitted { head, length, .. } => self.committed = Some((head.clone(), *length)),
            Event::RecordingRead { staff, how, purpose, .. } => {
                let (staff, how, purpose) = (staff.clone(), how.clone(), purpose.clone());
                self.readings.push(Reading { staff, at, how, purpose });
            }
            Event::SessionEnded(end) => {
                self.channels.clear();
                self.watchers.clear();
                self.frozen = None;
                self.thawed(end.ended, None);
                self.end = Some(end.clone());
            }
            _ => {}
        }
    }

    fn channel_opened(&mut self, at: Timestamp, channel: u32, what: &ChannelKind) {
        self.channels.insert(channel);
        self.opened.push(ChannelRecord {
            channel,
            what: shortened(what),
            from: at,
            until: None,
            exit: None,
            bytes_in: 0,
            bytes_out: 0,
        });
    }

    fn thawed(&mut self, at: Timestamp, by: Option<&Actor>) {
        if let Some(last) = self.freezes.last_mut().filter(|last| last.until.is_none()) {
            last.until = Some(at.max(last.from));
            last.resumed_by = by.cloned();
        }
    }

    /// The entry dates the watch itself, which began a moment after the entry that announced it. Of
    /// several windows of one person it is the newest that had begun by then; where a clock was set
    /// back none had, and it is the newest.
    fn watch_ended(&mut self, staff: &StaffLogin, from: Timestamp, seconds: u64, why: &str) {
        let open = |one: &Presence| one.staff == *staff && one.until.is_none();
        let begun = self.presence.iter().rposition(|one| open(one) && one.from <= from);
        let place = begun.or_else(|| self.presence.iter().rposition(open));
        let Some(one) = place.and_then(|place| self.presence.get_mut(place)) else { return };
        let lasted = SignedDuration::from_secs(i64::try_from(seconds).unwrap_or(i64::MAX));
        one.from = from;
        one.until = Some(from.saturating_add(lasted).unwrap_or(from));
        one.why = Some(why.to_owned());
        if one.counts
            && let Some(place) = self.watchers.iter().position(|one| one == staff)
        {
            self.watchers.remove(place);
        }
    }
}

/// A long command, cut for the memory's sake.
fn shortened(what: &ChannelKind) -> ChannelKind {
    match what.command() {
        Some(command) if command.chars().nth(COMMAND).is_some() => {
            what.clone().with_command(command.chars().take(COMMAND).chain(['…']).collect())
        }
        _ => what.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EndCause;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn session() -> SessionId {
        SessionId::from_random([1; 8])
    }

    fn begun() -> SessionRecord {
        SessionRecord::admitted(session(), InterventionNumber(1), at(3600), None, Readers::default(), at(0))
    }

    fn login(name: &str) -> StaffLogin {
        name.parse().unwrap()
    }

    fn came(staff: &str, counts: bool) -> Event {
        Event::WatchBegan { session: session(), staff: login(staff), via: "terminal".into(), counts }
    }

    fn went(staff: &str, from: Timestamp, seconds: u64) -> Event {
        Event::WatchEnded { session: session(), staff: login(staff), from, seconds, why: "left".into() }
    }

    fn ended(ended: Timestamp) -> Event {
        Event::SessionEnded(SessionEnd {
            session: session(),
            number: InterventionNumber(1),
            account: crate::ids::AccountId::from_random([2; 8]),
            technician: "alice".parse().unwrap(),
            name: "Alice Martin".into(),
            vendor: "imagix".parse().unwrap(),
            source: "203.0.113.7:1".parse().unwrap(),
            target: "scanner".parse().unwrap(),
            login: "maint".parse().unwrap(),
            started: at(0),
            ended,
            seconds: 0,
            at_least: false,
            cause: EndCause::Technician,
            approved_by: Vec::new(),
            watched_by: Vec::new(),
            bytes_in: 0,
            bytes_out: 0,
            refused: Default::default(),
            head: String::new(),
            length: 0,
        })
    }

    /// APR-03, APR-04: a hand-over leaves no gap; who looks on without the right fills none.
    #[test]
    fn who_watched_and_when_nobody_did() {
        let mut record = begun();
        record.apply(at(10), &came("claire", true));
        record.apply(at(50), &came("paul", true));
        record.apply(at(61), &went("claire", at(10), 50));
        assert_eq!(record.watchers, [login("paul")]);
        record.apply(at(90), &came("sophie", false));
        record.apply(at(105), &went("paul", at(50), 50));
        assert_eq!(record.unwatched(at(100)), [(at(0), at(10))]);
        assert_eq!(record.unwatched(at(130)), [(at(0), at(10)), (at(100), at(130))]);
        record.apply(at(130), &came("claire", true));
        record.apply(at(200), &ended(at(200)));
        // The entry of a watch may come behind that of the session.
        record.apply(at(201), &went("claire", at(130), 69));
        assert_eq!(record.unwatched(at(9000)), [(at(0), at(10)), (at(100), at(130)), (at(199), at(200))]);
        assert_eq!(record.presence.len(), 4);
        let claire = &record.presence[0];
        assert_eq!((claire.from, claire.until, claire.why.as_deref()), (at(10), Some(at(60)), Some("left")));
        assert_eq!(record.presence[2].until, None);
    }

    /// Two windows of one person: the end of one is not the end of the other.
    #[test]
    fn each_window_ends_by_itself() {
        let mut record = begun();
        let later = |second| at(second).checked_add(SignedDuration::from_millis(20)).unwrap();
        record.apply(at(10), &came("claire", true));
        record.apply(at(20), &came("claire", true));
        record.apply(at(31), &went("claire", later(10), 20));
        assert_eq!(record.watchers, [login("claire")]);
        assert_eq!(record.presence[0].from, later(10));
        assert_eq!(record.presence[1].until, None);
        assert_eq!(record.unwatched(at(60)), [(at(0), later(10))]);
    }

    /// D26: one freeze takes another's place, and the end ends the last.
    #[test]
    fn freezes_follow_each_other() {
        let mut record = begun();
        let frozen = |cause, reason: Option<&str>| Event::SessionFrozen {
            session: session(),
            cause,
            reason: reason.map(str::to_owned),
        };
        record.apply(at(5), &frozen(FreezeCause::Unwatched, None));
        record.apply(at(9), &frozen(FreezeCause::Staff(login("claire")), Some("wrong patient")));
        record.apply(at(20), &Event::SessionResumed { session: session(), by: Actor::Staff(login("claire")) });
        record.apply(at(30), &frozen(FreezeCause::Quota, None));
        record.apply(at(41), &ended(at(40)));
        let times: Vec<_> = record.freezes.iter().map(|one| (one.from, one.until)).collect();
        assert_eq!(times, [(at(5), Some(at(9))), (at(9), Some(at(20))), (at(30), Some(at(40)))]);
        assert_eq!(record.freezes[1].reason.as_deref(), Some("wrong patient"));
        let by: Vec<_> = record.freezes.iter().map(|one| one.resumed_by.is_some()).collect();
        assert_eq!(by, [false, true, false]);
    }

    /// HRD-12: a technician cannot fill the memory with channels.
    #[test]
    fn channels_are_bounded() {
        let mut record = begun();
        for channel in 0..1200 {
            let command = "é".repeat(4000);
            let what = ChannelKind::Exec { command };
            record.apply(at(1), &Event::ChannelOpened { session: session(), channel, what, pty: None });
            let why = "not granted".to_owned();
            record.apply(at(1), &Event::ChannelRefused { session: session(), what: format!("env {channel}"), why });
        }
        let close = |channel| Event::ChannelClosed {
            session: session(),
            channel,
            exit: Some(3),
            signal: None,
            bytes_in: 5,
            bytes_out: 7,
        };
        record.apply(at(2), &close(4));
        record.apply(at(2), &close(1100));
        assert_eq!((record.opened.items().len(), record.opened.more()), (1000, 200));
        assert_eq!((record.refused_channels.items().len(), record.refused_channels.more()), (100, 1100));
        assert_eq!(record.channels.len(), 1198);
        let closed = &record.opened.items()[4];
        assert_eq!((closed.until, closed.exit, closed.bytes_in, closed.bytes_out), (Some(at(2)), Some(3), 5, 7));
        assert_eq!(closed.what, ChannelKind::Exec { command: "é".repeat(200) + "…" });
        assert_eq!(record.opened.items()[5].until, None);
    }

    proptest! {
        /// APR-03: each second is in a gap if and only if nobody who counts watched in it.
        #[test]
        fn gaps_are_what_nobody_watched(
            watches in prop::collection::vec((0i64..120, 0i64..60, any::<bool>(), any::<bool>()), 0..12),
            over in 1i64..150,
        ) {
            let mut record = begun();
            let mut watches = watches;
            watches.sort();
            for (n, (from, lasted, counts, leaves)) in watches.iter().enumerate() {
                let staff = format!("watcher-{n}");
                record.apply(at(*from), &came(&staff, *counts));
                if *leaves {
                    record.apply(at(from + lasted), &went(&staff, at(*from), u64::try_from(*lasted).unwrap()));
                }
            }
            record.apply(at(over), &ended(at(over)));
            let gaps = record.unwatched(at(100_000));
            for second in 0..over {
                let watched = watches.iter().any(|(from, lasted, counts, leaves)| {
                    *counts && *from <= second && (!leaves || second < from + lasted)
                });
                let gap = gaps.iter().any(|(from, until)| *from <= at(second) && at(second) < *until);
                prop_assert_eq!(gap, !watched, "second {} of {:?}", second, gaps);
            }
            prop_assert!(gaps.iter().all(|(from, until)| from < until && at(0) <= *from && *until <= at(over)));
            prop_assert!(gaps.windows(2).all(|two| two[0].1 < two[1].0), "{:?}", gaps);
        }
    }
}
