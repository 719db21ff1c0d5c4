//! A session's time, cut into what was watched, what was not, and what stood still.

use jiff::{SignedDuration, Timestamp};
use lifecycle::SessionRecord;
use serde::Serialize;

/// Width of the bar, in its own units.
const WIDTH: f64 = 1000.0;
/// Least width of a stretch: a short gap is still to be seen.
const LEAST: f64 = 2.0;
/// What is shorter is no gap, as for [`SessionRecord::unwatched`].
const GAP: SignedDuration = SignedDuration::from_secs(1);

/// What a stretch of time was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    /// Somebody who counts watched.
    Watched,
    /// Nobody did, and the session went on.
    Unwatched,
    /// Nothing moved, watched or not.
    Frozen,
}

impl Kind {
    /// Its word, and its class on the bar.
    pub(super) fn word(self) -> &'static str {
        match self {
            Kind::Watched => "watched",
            Kind::Unwatched => "unwatched",
            Kind::Frozen => "frozen",
        }
    }
}

/// A stretch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Stretch {
    pub(super) kind: Kind,
    pub(super) from: Timestamp,
    pub(super) until: Timestamp,
}

impl Stretch {
    /// Its length.
    pub(super) fn length(&self) -> SignedDuration {
        self.until.duration_since(self.from)
    }
}

/// How a session, or several, were watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Watched {
    /// All the time in which something could move.
    Yes,
    /// Not all of it.
    Gaps,
    /// By nobody.
    No,
}

impl Watched {
    /// Of sessions that ran; `None` where there is none.
    pub(super) fn of<'a>(sessions: impl Iterator<Item = &'a SessionRecord>, now: Timestamp) -> Option<Self> {
        let (mut any, mut seen, mut gap) = (false, false, false);
        for record in sessions {
            any = true;
            seen |= record.presence.iter().any(|one| one.counts);
            gap |= stretches(record, now).iter().any(|one| one.kind == Kind::Unwatched);
        }
        any.then_some(match (seen, gap) {
            (false, _) => Watched::No,
            (true, true) => Watched::Gaps,
            (true, false) => Watched::Yes,
        })
    }

    /// The key of its text.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Watched::Yes => "register-watched-yes",
            Watched::Gaps => "register-watched-gaps",
            Watched::No => "register-watched-no",
        }
    }
}

/// A list in order that is gone through once.
struct Cursor<'a>(std::iter::Peekable<std::slice::Iter<'a, (Timestamp, Timestamp)>>);

impl Cursor<'_> {
    /// Whether an instant lies within. Instants come in order.
    fn covers(&mut self, at: Timestamp) -> bool {
        while self.0.next_if(|(_, until)| *until <= at).is_some() {}
        self.0.peek().is_some_and(|(from, _)| *from <= at)
    }
}

/// The time of a session from its start to its end, or `now` while it runs. In order, without holes; two
/// neighbours differ.
pub(super) fn stretches(record: &SessionRecord, now: Timestamp) -> Vec<Stretch> {
    let start = record.started;
    let end = record.end.as_ref().map_or(now, |end| end.ended).max(start);
    let unwatched = record.unwatched(now);
    let mut frozen: Vec<(Timestamp, Timestamp)> = record
        .freezes
        .iter()
        .map(|one| (one.from.clamp(start, end), one.until.unwrap_or(end).clamp(start, end)))
        .filter(|(from, until)| from < until)
        .collect();
    frozen.sort();
    let bounds = unwatched.iter().chain(&frozen).flat_map(|(from, until)| [*from, *until]);
    let mut bounds: Vec<Timestamp> = bounds.chain([start, end]).filter(|at| (start..=end).contains(at)).collect();
    bounds.sort();
    bounds.dedup();
    let (mut still, mut alone) = (Cursor(frozen.iter().peekable()), Cursor(unwatched.iter().peekable()));
    let mut all: Vec<Stretch> = Vec::new();
    let mut begun = start;
    for (from, until) in bounds.iter().zip(bounds.iter().skip(1)) {
        // Both are asked, so that both go on.
        let kind = match (still.covers(*from), alone.covers(*from)) {
            (true, _) => Kind::Frozen,
            (false, true) => Kind::Unwatched,
            (false, false) => Kind::Watched,
        };
        // Between a gap and the freeze that it brings lie fractions of a second: they are no gap.
        if kind == Kind::Unwatched && until.duration_since(*from) < GAP {
            all.last_mut().into_iter().for_each(|last| last.until = *until);
        } else if let Some(last) = all.last_mut().filter(|last| last.kind == kind) {
            last.until = *until;
        } else {
            all.push(Stretch { kind, from: begun, until: *until });
        }
        begun = all.last().map_or(begun, |last| last.until);
    }
    all
}

/// How much of the time was of one kind.
pub(super) fn total(all: &[Stretch], kind: Kind) -> SignedDuration {
    let lengths = all.iter().filter(|one| one.kind == kind).map(Stretch::length);
    lengths.fold(SignedDuration::ZERO, |sum, one| sum.saturating_add(one))
}

/// One rectangle of the bar.
pub(super) struct Rect {
    pub(super) kind: Kind,
    pub(super) x: String,
    pub(super) width: String,
}

/// The bar: rectangles on a width of 1000.
pub(super) fn bar(all: &[Stretch]) -> Vec<Rect> {
    let (Some(first), Some(last)) = (all.first(), all.last()) else { return Vec::new() };
    let whole = last.until.duration_since(first.from).as_secs_f64();
    if whole <= 0.0 {
        return Vec::new();
    }
    let place = |at: Timestamp| at.duration_since(first.from).as_secs_f64() / whole * WIDTH;
    let rect = |one: &Stretch| {
        let width = (place(one.until) - place(one.from)).max(LEAST);
        let x = place(one.from).min(WIDTH - width);
        Rect { kind: one.kind, x: format!("{x:.2}"), width: format!("{width:.2}") }
    };
    // What is short lies above its neighbours.
    let mut sorted: Vec<&Stretch> = all.iter().collect();
    sorted.sort_by_key(|one| std::cmp::Reverse(one.length()));
    sorted.into_iter().map(rect).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use lifecycle::{Event, FreezeCause, InterventionNumber, Register, SessionEnd, SessionId};

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn id() -> SessionId {
        SessionId::from_random([1; 8])
    }

    /// A session of 100 s with these events.
    fn session(events: &[(i64, Event)]) -> SessionRecord {
        let account = lifecycle::AccountId::from_random([2; 8]);
        let mut register = Register::default();
        register.apply(
            at(0),
            &crate::fake::requested(InterventionNumber(1), account.clone(), "scanner", Default::default()),
        );
        let admitted = Event::SessionAdmitted {
            session: id(),
            number: InterventionNumber(1),
            account: account.clone(),
            target: "scanner".parse().unwrap(),
            login: "maint".parse().unwrap(),
            rights: Default::default(),
            until: at(3600),
            approved_by: Vec::new(),
            recipients: Vec::new(),
            second_recipients: Vec::new(),
            config: String::new(),
            joined_from: None,
        };
        register.apply(at(0), &admitted);
        for (second, event) in events {
            register.apply(at(*second), event);
        }
        let ended = SessionEnd {
            session: id(),
            number: InterventionNumber(1),
            account,
            technician: "alice".parse().unwrap(),
            name: "Alice Martin".into(),
            vendor: "imagix".parse().unwrap(),
            source: "203.0.113.7:1".parse().unwrap(),
            target: "scanner".parse().unwrap(),
            login: "maint".parse().unwrap(),
            started: at(0),
            ended: at(100),
            seconds: 100,
            at_least: false,
            cause: lifecycle::EndCause::Technician,
            approved_by: Vec::new(),
            watched_by: Vec::new(),
            bytes_in: 0,
            bytes_out: 0,
            refused: Default::default(),
            head: String::new(),
            length: 0,
        };
        register.apply(at(100), &Event::SessionEnded(ended));
        register.sessions.get(&id()).unwrap().clone()
    }

    fn came(second: i64) -> (i64, Event) {
        let staff = "claire".parse().unwrap();
        (second, Event::WatchBegan { session: id(), staff, via: "browser".into(), counts: true })
    }

    fn went(from: i64, until: i64) -> (i64, Event) {
        let staff = "claire".parse().unwrap();
        let seconds = u64::try_from(until - from).unwrap();
        (until, Event::WatchEnded { session: id(), staff, from: at(from), seconds, why: "left".into() })
    }

    fn frozen(second: i64) -> (i64, Event) {
        (second, Event::SessionFrozen { session: id(), cause: FreezeCause::Unwatched, reason: None })
    }

    fn resumed(second: i64) -> (i64, Event) {
        (second, Event::SessionResumed { session: id(), by: lifecycle::Actor::Program })
    }

    fn cut(record: &SessionRecord) -> Vec<(&'static str, i64, i64)> {
        let second = |at: Timestamp| at.as_second() - 1_800_000_000;
        stretches(record, at(999)).iter().map(|one| (one.kind.word(), second(one.from), second(one.until))).collect()
    }

    fn watched(record: &SessionRecord) -> Option<Watched> {
        Watched::of(std::iter::once(record), at(999))
    }

    #[test]
    fn a_gap_and_the_freeze_that_it_brings_are_told_apart() {
        let record = session(&[frozen(0), came(10), resumed(10), went(10, 40), frozen(45), came(60), resumed(60)]);
        let expected =
            [("frozen", 0, 10), ("watched", 10, 40), ("unwatched", 40, 45), ("frozen", 45, 60), ("watched", 60, 100)];
        assert_eq!(cut(&record), expected);
        assert_eq!(watched(&record), Some(Watched::Gaps));
        assert_eq!(total(&stretches(&record, at(999)), Kind::Unwatched), SignedDuration::from_secs(5));
    }

    #[test]
    fn what_stood_still_was_no_gap() {
        let record = session(&[frozen(0), came(10), resumed(10)]);
        assert_eq!(cut(&record), [("frozen", 0, 10), ("watched", 10, 100)]);
        assert_eq!(watched(&record), Some(Watched::Yes));
    }

    #[test]
    fn nobody_at_all() {
        let record = session(&[]);
        assert_eq!(cut(&record), [("unwatched", 0, 100)]);
        assert_eq!(watched(&record), Some(Watched::No));
        assert_eq!(Watched::of(std::iter::empty(), at(0)), None);
    }

    /// However short, a stretch is seen, and none leaves the bar.
    #[test]
    fn the_bar_holds_all_of_it() {
        let record = session(&[came(0), went(0, 98)]);
        let bar = bar(&stretches(&record, at(999)));
        let ends: Vec<f64> =
            bar.iter().map(|one| one.x.parse::<f64>().unwrap() + one.width.parse::<f64>().unwrap()).collect();
        assert_eq!(bar.len(), 2);
        assert!(ends.iter().all(|end| *end <= WIDTH + 0.01), "{ends:?}");
        assert!(bar.iter().all(|one| one.width.parse::<f64>().unwrap() >= LEAST));
    }
}
