//! The moment-to-moment life of one admitted session: connecting, relaying, frozen, over.
//!
//! Sans-I/O. The driver feeds inputs with the instant at which they happened and performs the
//! outputs; it decides nothing. Bytes do not pass here.

use crate::event::{Actor, EndCause, FreezeCause};
use jiff::{SignedDuration, Timestamp};
use policy::Supervision;

/// Minutes before the end at which both sides are warned (D30).
const WARNINGS: [u8; 3] = [15, 5, 1];
/// A connection without a channel for this long is ended (D9).
const NO_CHANNEL: SignedDuration = SignedDuration::from_mins(2);

/// What a session runs on. The end may move earlier when the rules are judged again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// When the right ends.
    pub until: Timestamp,
    /// What ends then: hours, contract or the approved time.
    pub why: EndCause,
    /// How long nothing may move.
    pub idle: SignedDuration,
    /// Whether somebody must watch.
    pub supervision: Supervision,
    /// How long an unwatched session under required supervision goes on before it freezes.
    pub freeze_after: SignedDuration,
    /// How long it stays frozen before it ends.
    pub end_after: SignedDuration,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The target answered; the technician is in.
    Connected,
    /// A channel was opened.
    ChannelOpened,
    /// A channel was closed.
    ChannelClosed,
    /// A byte moved, in either direction. Keepalives do not count (NET-18).
    Activity,
    /// An approver of the target began to watch.
    WatcherCame,
    /// The last watcher left, or was seen for the last time at this instant.
    WatchersGone(Timestamp),
    /// Something froze it.
    Freeze(FreezeCause),
    /// Whoever froze it, or another watcher with their own code, let it go on.
    Resume(Actor),
    /// The rules were judged again and still allow it, until this instant.
    Renewed(Timestamp, EndCause),
    /// A new approval allows it for longer, until this instant.
    Extended(Timestamp, EndCause),
    /// It is over for a reason from outside.
    End(EndCause),
    /// Time passed.
    Tick,
}

/// What to do now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Tell both sides that it ends in so many minutes.
    Warn(u8),
    /// Stop both directions of every channel.
    Freeze(FreezeCause),
    /// Let them go on, as this one said.
    Unfreeze(Actor),
    /// Stop for good. Given exactly once.
    End(EndCause),
}

/// An admitted session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Session {
    /// Recording open, target being dialled.
    Connecting(Running),
    /// Bytes flow.
    Relaying(Running),
    /// Nothing flows.
    Frozen(Running, FreezeCause),
    /// Over. Every further input is ignored.
    Closed(EndCause),
}

/// What a session that is not over carries along.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Running {
    terms: Terms,
    channels: u32,
    last_activity: Timestamp,
    /// Since when no channel is open; `None` while one is.
    channelless: Option<Timestamp>,
    /// Since when nobody watches; `None` while somebody does.
    unwatched: Option<Timestamp>,
    /// Warnings not given yet.
    warnings: &'static [u8],
    /// Frozen before it began.
    held: Option<FreezeCause>,
}

/// The warnings still to come when so much time is left.
fn warnings_left(left: SignedDuration) -> &'static [u8] {
    let skipped = WARNINGS.iter().take_while(|minutes| left <= SignedDuration::from_mins(i64::from(**minutes))).count();
    WARNINGS.get(skipped..).unwrap_or_default()
}

impl Session {
    /// A session just admitted.
    pub fn admitted(at: Timestamp, terms: Terms) -> Session {
        let warnings = warnings_left(terms.until.duration_since(at));
        Session::Connecting(Running {
            terms,
            channels: 0,
            last_activity: at,
            channelless: Some(at),
            unwatched: Some(at),
            warnings,
            held: None,
        })
    }

    /// Why it ended, if it did.
    pub fn closed(&self) -> Option<&EndCause> {
        match self {
            Session::Closed(cause) => Some(cause),
            _ => None,
        }
    }

    /// Why it is frozen, if it is.
    pub fn frozen(&self) -> Option<&FreezeCause> {
        match self {
            Session::Frozen(_, cause) => Some(cause),
            _ => None,
        }
    }

    /// Takes one input; gives the next state and what to do.
    pub fn handle(self, at: Timestamp, input: Input) -> (Session, Vec<Output>) {
        let mut outputs = Vec::new();
        let next = match self {
            Session::Closed(cause) => Session::Closed(cause),
            Session::Connecting(mut running) => match input {
                Input::Connected if running.held.is_some() => {
                    let cause = running.held.take().unwrap_or(FreezeCause::Unwatched);
                    outputs.push(Output::Freeze(cause.clone()));
                    Session::Frozen(running, cause)
                }
                Input::Freeze(cause) => {
                    // As below: what people or limits froze, nothing lighter takes over.
                    if running.held.as_ref().is_none_or(|held| *held == FreezeCause::Unwatched) {
                        running.held = Some(cause);
                    }
                    Session::Connecting(running)
                }
                Input::Resume(_) => {
                    running.held = None;
                    Session::Connecting(running)
                }
                Input::Connected if running.must_wait_for_a_watcher() => {
                    // D26: under required supervision a session begins frozen.
                    outputs.push(Output::Freeze(FreezeCause::Unwatched));
                    Session::Frozen(running, FreezeCause::Unwatched)
                }
                Input::Connected => Session::Relaying(running),
                other => running.note(at, other, &mut outputs, Session::Connecting),
            },
            Session::Relaying(running) => match input {
                Input::Freeze(cause) => {
                    outputs.push(Output::Freeze(cause.clone()));
                    Session::Frozen(running, cause)
                }
                other => running.note(at, other, &mut outputs, Session::Relaying),
            },
            Session::Frozen(running, cause) => match input {
                Input::Resume(by) if !running.must_wait_for_a_watcher() => {
                    outputs.push(Output::Unfreeze(by));
                    Session::Relaying(Running { last_activity: at, ..running })
                }
                // Let go, but nobody watches: from now on it waits for that alone.
                Input::Resume(_) if cause != FreezeCause::Unwatched => {
                    outputs.push(Output::Freeze(FreezeCause::Unwatched));
                    Session::Frozen(running, FreezeCause::Unwatched)
                }
                // What people or limits froze, no watcher thaws by coming.
                Input::Freeze(graver) if cause == FreezeCause::Unwatched && graver != cause => {
                    outputs.push(Output::Freeze(graver.clone()));
                    Session::Frozen(running, graver)
                }
                Input::WatcherCame if cause == FreezeCause::Unwatched => {
                    outputs.push(Output::Unfreeze(Actor::Program));
                    Session::Relaying(Running { unwatched: None, last_activity: at, ..running })
                }
                other => running.note(at, other, &mut outputs, |running| Session::Frozen(running, cause)),
            },
        };
        next.pass_time(at, outputs)
    }

    /// Applies what the clock demands, after every input.
    fn pass_time(self, at: Timestamp, mut outputs: Vec<Output>) -> (Session, Vec<Output>) {
        enum Was {
            Connecting,
            Relaying,
            Frozen(FreezeCause),
        }
        let (mut running, was) = match self {
            Session::Closed(cause) => return (Session::Closed(cause), outputs),
            Session::Connecting(running) => (running, Was::Connecting),
            Session::Relaying(running) => (running, Was::Relaying),
            Session::Frozen(running, cause) => (running, Was::Frozen(cause)),
        };
        if let Some(cause) = running.overdue(at) {
            outputs.push(Output::End(cause.clone()));
            return (Session::Closed(cause), outputs);
        }
        let left = running.terms.until.duration_since(at);
        while let Some((minutes, rest)) = running.warnings.split_first() {
            if left > SignedDuration::from_mins(i64::from(*minutes)) {
                break;
            }
            // Of several that became due at once, only the last is true.
            outputs.retain(|output| !matches!(output, Output::Warn(_)));
            outputs.push(Output::Warn(*minutes));
            running.warnings = rest;
        }
        let lost_its_watcher = running.terms.supervision == Supervision::Required
            && running.unwatched.is_some_and(|since| at.duration_since(since) >= running.terms.freeze_after);
        let next = match was {
            Was::Connecting => Session::Connecting(running),
            Was::Relaying if lost_its_watcher => {
                outputs.push(Output::Freeze(FreezeCause::Unwatched));
                Session::Frozen(running, FreezeCause::Unwatched)
            }
            Was::Relaying => Session::Relaying(running),
            Was::Frozen(cause) => Session::Frozen(running, cause),
        };
        (next, outputs)
    }

    /// The next instant at which the clock demands something. `None` once closed.
    pub fn wake_at(&self) -> Option<Timestamp> {
        let (running, flows) = match self {
            Session::Closed(_) => return None,
            // What does not flow yet, or no more, is not frozen by the clock again.
            Session::Connecting(running) | Session::Frozen(running, _) => (running, false),
            Session::Relaying(running) => (running, true),
        };
        let terms = &running.terms;
        let after = |from: Timestamp, by: SignedDuration| from.saturating_add(by).unwrap_or(from);
        let mut wake = terms.until.min(after(running.last_activity, terms.idle));
        if let Some(minutes) = running.warnings.first() {
            wake = wake.min(after(terms.until, -SignedDuration::from_mins(i64::from(*minutes))));
        }
        if let Some(since) = running.channelless {
            wake = wake.min(after(since, NO_CHANNEL));
        }
        if let (Supervision::Required, Some(since)) = (terms.supervision, running.unwatched) {
            wake = wake.min(after(since, if flows { terms.freeze_after } else { terms.end_after }));
        }
        Some(wake)
    }
}

impl Running {
    fn must_wait_for_a_watcher(&self) -> bool {
        self.terms.supervision == Supervision::Required && self.unwatched.is_some()
    }

    fn note(
        mut self,
        at: Timestamp,
        input: Input,
        outputs: &mut Vec<Output>,
        state: impl FnOnce(Running) -> Session,
    ) -> Session {
        match input {
            Input::End(cause) => {
                outputs.push(Output::End(cause.clone()));
                return Session::Closed(cause);
            }
            Input::ChannelOpened => {
                self.channels = self.channels.saturating_add(1);
                self.channelless = None;
                self.last_activity = at;
            }
            Input::ChannelClosed => {
                self.channels = self.channels.saturating_sub(1);
                if self.channels == 0 {
                    self.channelless = Some(at);
                }
            }
            Input::Activity => self.last_activity = at,
            Input::WatcherCame => self.unwatched = None,
            Input::WatchersGone(since) => self.unwatched = Some(since.min(at)),
            // INVARIANT: what was granted at admission is never widened by judging again.
            Input::Renewed(until, why) if until < self.terms.until => {
                self.terms.until = until;
                self.terms.why = why;
            }
            Input::Extended(until, why) if until > self.terms.until => {
                self.warnings = warnings_left(until.duration_since(at));
                self.terms.until = until;
                self.terms.why = why;
            }
            Input::Renewed(..)
            | Input::Extended(..)
            | Input::Freeze(_)
            | Input::Resume(_)
            | Input::Connected
            | Input::Tick => {}
        }
        state(self)
    }

    /// Why it must end at this instant, if it must.
    fn overdue(&self, at: Timestamp) -> Option<EndCause> {
        let terms = &self.terms;
        if at >= terms.until {
            return Some(terms.why.clone());
        }
        let since = |from: Timestamp| at.duration_since(from);
        if terms.supervision == Supervision::Required
            && self.unwatched.is_some_and(|from| since(from) >= terms.end_after)
        {
            return Some(EndCause::Unwatched);
        }
        if self.channelless.is_some_and(|from| since(from) >= NO_CHANNEL) {
            return Some(EndCause::NoChannel);
        }
        (since(self.last_activity) >= terms.idle).then_some(EndCause::Idle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn terms(supervision: Supervision) -> Terms {
        Terms {
            until: at(3600),
            why: EndCause::HoursOver,
            idle: SignedDuration::from_mins(30),
            supervision,
            freeze_after: SignedDuration::from_secs(5),
            end_after: SignedDuration::from_mins(5),
        }
    }

    fn run(mut session: Session, steps: &[(i64, Input)]) -> (Session, Vec<(i64, Output)>) {
        let mut all = Vec::new();
        for (second, input) in steps {
            let (next, outputs) = session.handle(at(*second), input.clone());
            session = next;
            all.extend(outputs.into_iter().map(|output| (*second, output)));
        }
        (session, all)
    }

    fn working() -> Vec<(i64, Input)> {
        vec![(0, Input::Connected), (1, Input::ChannelOpened)]
    }

    /// TIM-07: warned at 15, 5 and 1 minutes, then closed on the dot.
    /// Past failures: PAST-window-once.
    #[test]
    fn warned_then_closed_at_the_end_of_the_window() {
        let mut steps = working();
        for second in [1800, 2700, 3300, 3540, 3600] {
            steps.push((second, Input::Activity));
        }
        let (session, outputs) = run(Session::admitted(at(0), terms(Supervision::None)), &steps);
        assert_eq!(
            outputs,
            [
                (2700, Output::Warn(15)),
                (3300, Output::Warn(5)),
                (3540, Output::Warn(1)),
                (3600, Output::End(EndCause::HoursOver))
            ]
        );
        assert_eq!(session.closed(), Some(&EndCause::HoursOver));
    }

    /// Promise 6: whatever comes after the end changes nothing.
    #[test]
    fn the_end_is_given_once() {
        let (session, outputs) = run(
            Session::admitted(at(0), terms(Supervision::None)),
            &[
                (0, Input::Connected),
                (1, Input::End(EndCause::Technician)),
                (2, Input::End(EndCause::Idle)),
                (9999, Input::Tick),
            ],
        );
        assert_eq!(outputs, [(1, Output::End(EndCause::Technician))]);
        assert_eq!(session.wake_at(), None);
    }

    /// NET-18: thirty minutes without a byte.
    #[test]
    fn idle_ends() {
        let mut steps = working();
        steps.push((1801, Input::Tick));
        let (_, outputs) = run(Session::admitted(at(0), terms(Supervision::None)), &steps);
        assert_eq!(outputs, [(1801, Output::End(EndCause::Idle))]);
    }

    /// D9.
    #[test]
    fn two_minutes_without_a_channel_end() {
        let (session, _) = run(Session::admitted(at(0), terms(Supervision::None)), &[(0, Input::Connected)]);
        assert_eq!(session.wake_at(), Some(at(120)));
        let (_, outputs) = run(session, &[(120, Input::Tick)]);
        assert_eq!(outputs, [(120, Output::End(EndCause::NoChannel))]);
    }

    /// APR-03, D26: required supervision begins frozen, flows while watched, freezes, then ends.
    #[test]
    fn required_supervision() {
        let (session, outputs) = run(Session::admitted(at(0), terms(Supervision::Required)), &working());
        assert_eq!(outputs, [(0, Output::Freeze(FreezeCause::Unwatched))]);
        let (session, outputs) = run(
            session,
            &[
                (10, Input::Resume(Actor::Program)),
                (20, Input::WatcherCame),
                (60, Input::WatchersGone(at(60))),
                (64, Input::Tick),
                (65, Input::Tick),
            ],
        );
        assert_eq!(outputs, [(20, Output::Unfreeze(Actor::Program)), (65, Output::Freeze(FreezeCause::Unwatched))]);
        assert_eq!(session.wake_at(), Some(at(360)));
        let (_, outputs) = run(session, &[(360, Input::Tick)]);
        assert_eq!(outputs, [(360, Output::End(EndCause::Unwatched))]);
    }

    /// A target that is dialled for long, or asks the technician something, is waited for without
    /// asking the clock over and over.
    #[test]
    fn an_unwatched_session_that_connects_sleeps() {
        let session = Session::admitted(at(0), terms(Supervision::Required));
        let (session, outputs) = run(session, &[(30, Input::Tick)]);
        assert_eq!(outputs, []);
        assert_eq!(session.wake_at(), Some(at(120)), "when it ends for want of a channel");
    }

    /// What a person froze before it began stays theirs to let go.
    #[test]
    fn a_freeze_by_staff_outlasts_a_lighter_one_before_it_begins() {
        let by = FreezeCause::Staff("claire".parse().unwrap());
        let session = Session::admitted(at(0), terms(Supervision::Required));
        let inputs = [
            (1, Input::Freeze(by.clone())),
            (2, Input::Freeze(FreezeCause::Unwatched)),
            (3, Input::Connected),
            (4, Input::WatcherCame),
        ];
        let (session, outputs) = run(session, &inputs);
        assert_eq!(outputs, [(3, Output::Freeze(by.clone()))]);
        assert_eq!(session.frozen(), Some(&by));
    }

    /// APR-04: what a watcher stopped seeing counts from then, not from when it was noticed.
    #[test]
    fn a_lost_watcher_counts_from_the_last_sign_of_life() {
        let (session, _) = run(Session::admitted(at(0), terms(Supervision::Required)), &working());
        let (_, outputs) =
            run(session, &[(20, Input::WatcherCame), (65, Input::WatchersGone(at(60))), (65, Input::Tick)]);
        assert_eq!(outputs.last(), Some(&(65, Output::Freeze(FreezeCause::Unwatched))));
    }

    /// D26: what a person froze is not thawed by somebody who comes to watch.
    #[test]
    fn a_freeze_by_staff_holds_until_it_is_lifted() {
        let claire = FreezeCause::Staff("claire".parse().unwrap());
        let (session, outputs) = run(
            Session::admitted(at(0), terms(Supervision::Required)),
            &[
                (0, Input::Connected),
                (1, Input::Freeze(claire.clone())),
                (2, Input::WatcherCame),
                (3, Input::WatchersGone(at(3))),
                (4, Input::Resume(Actor::Program)),
            ],
        );
        let unwatched = Output::Freeze(FreezeCause::Unwatched);
        assert_eq!(outputs, [(0, unwatched.clone()), (1, Output::Freeze(claire)), (4, unwatched)]);
        let (_, outputs) = run(session, &[(5, Input::WatcherCame)]);
        assert_eq!(outputs, [(5, Output::Unfreeze(Actor::Program))]);
    }

    /// D18: a freeze that comes while the target is dialled is not lost.
    #[test]
    fn a_freeze_before_the_beginning_holds() {
        let claire = FreezeCause::Staff("claire".parse().unwrap());
        let (session, outputs) = run(
            Session::admitted(at(0), terms(Supervision::None)),
            &[(0, Input::Freeze(claire.clone())), (1, Input::Connected)],
        );
        assert_eq!(outputs, [(1, Output::Freeze(claire))]);
        let (_, outputs) = run(session, &[(2, Input::Resume(Actor::Program))]);
        assert_eq!(outputs, [(2, Output::Unfreeze(Actor::Program))]);
    }

    /// A new approval lengthens, and warns again before the new end.
    #[test]
    fn an_extension_lengthens() {
        let mut steps = working();
        steps.extend([(1700, Input::Activity), (2800, Input::Activity)]);
        steps.push((2900, Input::Extended(at(7200), EndCause::TimeOver)));
        steps.extend([(4000, Input::Activity), (5500, Input::Activity), (6300, Input::Tick)]);
        let (_, outputs) = run(Session::admitted(at(0), terms(Supervision::None)), &steps);
        assert_eq!(outputs, [(2800, Output::Warn(15)), (6300, Output::Warn(15))]);
    }

    /// Judging again may shorten, never lengthen.
    #[test]
    fn renewal_only_shortens() {
        let mut steps = working();
        steps.push((2, Input::Renewed(at(7200), EndCause::TimeOver)));
        let (session, _) = run(Session::admitted(at(0), terms(Supervision::None)), &steps);
        let (session, _) = run(session, &[(3, Input::Renewed(at(600), EndCause::ContractOver))]);
        let (_, outputs) = run(session, &[(600, Input::Tick)]);
        assert!(outputs.contains(&(600, Output::End(EndCause::ContractOver))));
    }
}
