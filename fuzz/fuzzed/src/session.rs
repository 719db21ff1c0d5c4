//! One admitted session, from the first dialling to its end, whatever happens to it in whatever order.
//!
//! Each step draws an input that could come now, and now and then any other. Holds at every step:
//! frozen means that nothing moves until somebody lets it go on; what people froze no watcher thaws by
//! coming; nobody watching stops a session that somebody must watch; judging again only brings the end
//! nearer, and nothing but a new approval takes it further; the end is given once, in time, and nothing
//! follows; and the machine never asks to be woken at an instant that is over.

use crate::draws::Draws;
use crate::reached::Reached;
use jiff::{SignedDuration, Timestamp};
use lifecycle::{Actor, EndCause, FreezeCause, Input, Output, Session, Terms};
use policy::{StaffLogin, Supervision};

const BEGUN: i64 = 1_800_000_000;
const NO_CHANNEL: i64 = 120;

/// One walk.
pub fn run(data: &[u8]) {
    walk(data, &mut Reached::default());
}

/// The word of a state.
pub fn state(session: &Session) -> &'static str {
    match session {
        Session::Connecting(_) => "connecting",
        Session::Relaying(_) => "relaying",
        Session::Frozen(..) => "frozen",
        Session::Closed(_) => "closed",
    }
}

/// The word of an input.
pub fn input(input: &Input) -> &'static str {
    match input {
        Input::Connected => "connected",
        Input::ChannelOpened => "channel-opened",
        Input::ChannelClosed => "channel-closed",
        Input::Activity => "activity",
        Input::WatcherCame => "watcher-came",
        Input::WatchersGone(_) => "watchers-gone",
        Input::Freeze(_) => "freeze",
        Input::Resume(_) => "resume",
        Input::Renewed(..) => "renewed",
        Input::Extended(..) => "extended",
        Input::End(_) => "end",
        Input::Tick => "tick",
    }
}

fn freeze(cause: &FreezeCause) -> &'static str {
    match cause {
        FreezeCause::Unwatched => "unwatched",
        FreezeCause::Staff(_) => "staff",
        FreezeCause::Quota => "quota",
        FreezeCause::Journal => "journal",
    }
}

/// What the walk knows of the session without asking it.
struct Known {
    terms: Terms,
    until: i64,
    channels: u32,
    channelless: Option<i64>,
    unwatched: Option<i64>,
    /// People or a limit froze it, and nobody let it go on since.
    grave: bool,
    ends: u32,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(BEGUN + second).unwrap()
}

/// A walk of these choices; adds what it came to: states with an input each, outputs, and causes.
pub fn walk(data: &[u8], reached: &mut Reached) {
    let mut draws = Draws::new(data);
    let terms = Terms {
        until: at(i64::from(draws.one(&[60u16, 290, 1800, 3600, 7200]))),
        why: draws.one(&[EndCause::HoursOver, EndCause::ContractOver, EndCause::TimeOver]),
        idle: SignedDuration::from_mins(draws.one(&[1, 30])),
        supervision: draws.one(&[Supervision::None, Supervision::Offered, Supervision::Required]),
        freeze_after: SignedDuration::from_secs(5),
        end_after: SignedDuration::from_mins(5),
    };
    let mut session = Session::admitted(at(0), terms.clone());
    let mut known = Known {
        until: terms.until.as_second() - BEGUN,
        terms,
        channels: 0,
        channelless: Some(0),
        unwatched: Some(0),
        grave: false,
        ends: 0,
    };
    let mut now = 0;
    while !draws.is_over() && known.ends < 3 {
        now += i64::from(draws.one(&[0u16, 0, 0, 1, 1, 3, 5, 30, 119, 300, 900, 1790]));
        let input = drawn(&mut draws, &session, now);
        reached.insert(format!("{} {}", state(&session), self::input(&input)));
        session = step(session, now, input, &mut known, reached);
        known.ends += u32::from(session.closed().is_some());
    }
}

/// Mostly what could come now.
fn drawn(draws: &mut Draws<'_>, session: &Session, now: i64) -> Input {
    let staff = |draws: &mut Draws<'_>| -> StaffLogin { draws.one(&["claire", "paul"]).parse().unwrap() };
    let cause = |draws: &mut Draws<'_>| match draws.byte() % 4 {
        0 => FreezeCause::Quota,
        1 => FreezeCause::Journal,
        2 => FreezeCause::Unwatched,
        _ => FreezeCause::Staff(staff(draws)),
    };
    if matches!(session, Session::Connecting(_)) && draws.rarely(2) {
        return Input::Connected;
    }
    match draws.byte() % 16 {
        0 => Input::Connected,
        1 | 2 => Input::ChannelOpened,
        3 => Input::ChannelClosed,
        4 | 5 => Input::Activity,
        6 | 7 => Input::WatcherCame,
        8 => Input::WatchersGone(at(now - i64::from(draws.byte() % 8))),
        9 => Input::Freeze(cause(draws)),
        10 | 11 => Input::Resume(Actor::Staff(staff(draws))),
        12 => Input::Renewed(at(now + i64::from(draws.short() % 4000)), EndCause::PolicyChanged),
        13 => Input::Extended(at(now + i64::from(draws.short() % 9000)), EndCause::TimeOver),
        14 if draws.rarely(4) => Input::End(draws.one(&[EndCause::Technician, EndCause::Lockdown])),
        _ => Input::Tick,
    }
}

fn step(session: Session, now: i64, input: Input, known: &mut Known, reached: &mut Reached) -> Session {
    let before = session.clone();
    let (next, outputs) = session.handle(at(now), input.clone());
    for output in &outputs {
        reached.insert(match output {
            Output::Warn(minutes) => format!("warn {minutes}"),
            Output::Freeze(cause) => format!("freeze {}", freeze(cause)),
            Output::Unfreeze(Actor::Program) => "unfreeze by-watching".to_owned(),
            Output::Unfreeze(_) => "unfreeze by-staff".to_owned(),
            Output::End(cause) => format!("end {}", word(cause)),
        });
    }
    if let Session::Closed(cause) = &before {
        assert!(outputs.is_empty() && next == before && next.wake_at().is_none(), "after {cause:?}: {outputs:?}");
        return next;
    }
    note(known, &input, now);
    let due = due(known, now);
    ends_once(&next, &outputs, &input, due);
    if next.closed().is_none() {
        flows_only_when_let(&before, &next, &input, &outputs, known, now);
        let wake = next.wake_at().unwrap();
        assert!(wake > at(now), "woken for what is over: {next:?} at {now}");
        assert!(wake <= at(known.until), "the end would be slept through");
    }
    next
}

fn word(cause: &EndCause) -> &'static str {
    match cause {
        EndCause::HoursOver => "hours-over",
        EndCause::ContractOver => "contract-over",
        EndCause::TimeOver => "time-over",
        EndCause::Idle => "idle",
        EndCause::NoChannel => "no-channel",
        EndCause::Unwatched => "unwatched",
        EndCause::PolicyChanged => "policy-changed",
        _ => "from-outside",
    }
}

/// What the input says, kept beside the machine.
fn note(known: &mut Known, input: &Input, now: i64) {
    match input {
        Input::ChannelOpened => {
            known.channels += 1;
            known.channelless = None;
        }
        Input::ChannelClosed => {
            known.channels = known.channels.saturating_sub(1);
            if known.channels == 0 {
                known.channelless = Some(now);
            }
        }
        Input::WatcherCame => known.unwatched = None,
        Input::Freeze(cause) => known.grave |= *cause != FreezeCause::Unwatched,
        Input::Resume(_) => known.grave = false,
        Input::WatchersGone(since) => known.unwatched = Some((since.as_second() - BEGUN).min(now)),
        Input::Renewed(until, _) => known.until = known.until.min(until.as_second() - BEGUN),
        Input::Extended(until, _) => known.until = known.until.max(until.as_second() - BEGUN),
        _ => {}
    }
}

/// Whether it must be over by now, whatever the machine says. What is let go on begins to idle anew, so
/// idling is left to it.
fn due(known: &Known, now: i64) -> bool {
    let required = known.terms.supervision == Supervision::Required;
    let unwatched = known.unwatched.is_some_and(|since| now - since >= known.terms.end_after.as_secs());
    now >= known.until || (required && unwatched) || known.channelless.is_some_and(|since| now - since >= NO_CHANNEL)
}

fn ends_once(next: &Session, outputs: &[Output], input: &Input, due: bool) {
    let ends: Vec<_> = outputs.iter().filter(|output| matches!(output, Output::End(_))).collect();
    match next.closed() {
        Some(cause) => {
            assert_eq!(ends, [&Output::End(cause.clone())], "the end is given once");
            assert_eq!(outputs.last(), Some(ends[0]), "nothing follows the end");
        }
        None => {
            assert!(ends.is_empty() && !matches!(input, Input::End(_)));
            assert!(!due, "it goes on beyond its end: {next:?}");
        }
    }
}

fn flows_only_when_let(before: &Session, next: &Session, input: &Input, outputs: &[Output], known: &Known, now: i64) {
    let flows = matches!(next, Session::Relaying(_));
    let unfrozen = outputs.iter().any(|output| matches!(output, Output::Unfreeze(_)));
    let frozen = outputs.iter().any(|output| matches!(output, Output::Freeze(_)));
    if let Session::Frozen(_, cause) = before {
        assert_eq!(flows && !frozen, unfrozen && !frozen, "it went on, and nobody was told");
        if flows {
            assert!(matches!(input, Input::Resume(_) | Input::WatcherCame), "{input:?} let it go on");
            assert!(*input != Input::WatcherCame || *cause == FreezeCause::Unwatched, "{cause:?} thawed by watching");
        }
    } else {
        assert!(!unfrozen);
    }
    if let (Session::Connecting(_), true) = (before, flows) {
        assert_eq!(*input, Input::Connected);
    }
    if let (Session::Relaying(_), Session::Frozen(..)) = (before, next) {
        assert!(frozen, "it stopped, and nobody was told");
    }
    if let (Session::Relaying(_), Input::Freeze(_)) = (before, input) {
        assert!(!flows, "a freeze was passed over");
    }
    assert!(!(flows && known.grave), "people froze it, and {input:?} let it go on");
    if flows && known.terms.supervision == Supervision::Required {
        let seconds = known.unwatched.map(|since| now - since);
        assert!(seconds.is_none_or(|seconds| seconds < known.terms.freeze_after.as_secs()), "nobody watches");
    }
}
