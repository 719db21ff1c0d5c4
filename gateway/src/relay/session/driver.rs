//! The task that drives a session's machine: feeds it inputs, performs what it gives, decides nothing.

use super::{Flow, LiveSession, LiveSessions, RECORDER_PATIENCE, Tasks, by_technician, locked};
use crate::clock::Clock;
use crate::registrar::Registrar;
use crate::relay::channel::Channel;
use jiff::Timestamp;
use lifecycle::{EndCause, Event, FreezeCause, Input, Output, Session, SessionId};
use recorder::Head;
use russh::Disconnect;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;

/// How often the head of an open recording is committed to the journal (D24).
const COMMIT_EVERY: Duration = Duration::from_secs(10);
/// How long the channels of an ended session may take to say goodbye.
const FAREWELL: Duration = Duration::from_millis(700);

/// What the driver needs besides the session.
pub struct Surroundings {
    /// Where entries go.
    pub registrar: Registrar,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Sessions that run now.
    pub live: Arc<LiveSessions>,
    /// Where it is handed over to be sealed.
    pub ended: mpsc::Sender<SessionId>,
}

/// Drives one session to its end, and writes its closing entry. Waits on its inbox, on the clock
/// and on the commit interval.
pub async fn drive(
    session: Arc<LiveSession>,
    mut machine: Session,
    mut inputs: mpsc::Receiver<Input>,
    around: Surroundings,
) {
    let mut commit = tokio::time::interval(COMMIT_EVERY);
    commit.tick().await;
    let mut committed = None;
    let mut freezes = 0;
    // What others did before it began is not its own.
    let mut looked = session.moved.load(Ordering::Relaxed);
    let cause = loop {
        let wake = machine.wake_at();
        let due = async {
            match wake {
                Some(at) => around.clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let input = tokio::select! {
            biased;
            input = inputs.recv() => input.unwrap_or(Input::End(EndCause::ConnectionLost)),
            () = session.ended() => Input::End(EndCause::ConnectionLost),
            () = due => Input::Tick,
            _ = commit.tick() => {
                commit_head(&session, &around.registrar, &mut committed).await;
                continue;
            }
        };
        let input = match input {
            // The first brake's cause stands, whatever reached the inbox first.
            Input::End(other) => Input::End(session.cause.get().cloned().unwrap_or(other)),
            input => input,
        };
        let at = around.clock.now();
        let mut outputs = Vec::new();
        let moved = session.moved.load(Ordering::Relaxed);
        if moved > looked
            && let Ok(moved) = Timestamp::from_millisecond(moved)
        {
            looked = moved.as_millisecond();
            // Dated when it happened: the driver may look long after.
            (machine, outputs) = machine.handle(moved, Input::Activity);
        }
        let starts = input == Input::Connected;
        freezes += u64::from(matches!(input, Input::Freeze(_)));
        let up_to_date = freezes == session.freezes.load(Ordering::Acquire);
        if let Input::Renewed(until, _) | Input::Extended(until, _) = &input {
            session.until.store(until.as_millisecond(), Ordering::Relaxed);
        }
        // D24: a head at each channel and each change of watchers.
        let commits = matches!(input, Input::ChannelOpened | Input::WatcherCame | Input::WatchersGone(_));
        let watchers_changed = match &input {
            Input::WatcherCame => Some("notice-watched"),
            Input::WatchersGone(_) => Some("notice-unwatched"),
            _ => None,
        };
        let (next, more) = machine.handle(at, input);
        machine = next;
        outputs.extend(more);
        if !up_to_date {
            // The freeze that is in the inbox comes next; nothing moves until it is taken.
            outputs.retain(|output| !matches!(output, Output::Unfreeze(_)));
        }
        if starts && up_to_date && machine.frozen().is_none() && machine.closed().is_none() {
            // What held it before it began was let go on before it began.
            *locked(&session.frozen_for) = None;
            session.set_flow(Flow::Flowing);
        }
        if let Some(text) = watchers_changed {
            let text = session.texts.text(text);
            session.each_channel(|channel| channel.notice(text.clone()));
        }
        if let Some(cause) = perform(&session, outputs, &around.registrar, &mut committed).await {
            break cause;
        }
        if commits {
            commit_head(&session, &around.registrar, &mut committed).await;
        }
    };
    close(session, cause, around).await;
}

async fn commit_head(session: &LiveSession, registrar: &Registrar, committed: &mut Option<Head>) {
    let head = session.recording.head();
    if *committed != Some(head) {
        *committed = Some(head);
        let event = Event::RecordingCommitted { session: session.id.clone(), head: head.hex(), length: head.length };
        registrar.note(vec![event]).await;
    }
}

/// Carries out what the machine said. Gives the cause once it is over.
async fn perform(
    session: &Arc<LiveSession>,
    outputs: Vec<Output>,
    registrar: &Registrar,
    committed: &mut Option<Head>,
) -> Option<EndCause> {
    for output in outputs {
        let id = session.id.clone();
        match output {
            Output::Warn(minutes) => {
                let text = session.texts.with("notice-minutes-left", &[("minutes", &minutes.to_string())]);
                session.each_channel(|channel| channel.notice(text.clone()));
                registrar.note(vec![Event::SessionWarned { session: id, minutes }]).await;
            }
            Output::Freeze(cause) => {
                session.set_flow(Flow::Frozen);
                *locked(&session.frozen_for) = Some(cause.clone());
                session.thrown_away_said.store(false, Ordering::Release);
                // Said by whoever froze it, and by nobody else.
                let said = locked(&session.because).take();
                let reason = said.filter(|_| matches!(cause, FreezeCause::Staff(_)));
                let mut text = session.texts.text(freeze_text(&cause));
                if let Some(reason) = &reason {
                    text = format!("{text} ({reason})");
                }
                session.each_channel(|channel| channel.notice(text.clone()));
                registrar.note(vec![Event::SessionFrozen { session: id, cause, reason }]).await;
                commit_head(session, registrar, committed).await;
            }
            Output::Unfreeze(by) => {
                *locked(&session.frozen_for) = None;
                session.set_flow(Flow::Flowing);
                let text = session.texts.text("notice-resumed");
                session.each_channel(|channel| channel.notice(text.clone()));
                registrar.note(vec![Event::SessionResumed { session: id, by }]).await;
            }
            Output::End(cause) => return Some(cause),
        }
    }
    None
}

fn freeze_text(cause: &FreezeCause) -> &'static str {
    match cause {
        FreezeCause::Unwatched => "notice-frozen-unwatched",
        FreezeCause::Staff(_) => "notice-frozen-staff",
        FreezeCause::Quota => "notice-frozen-quota",
        FreezeCause::Journal => "notice-frozen-journal",
    }
}

/// Stops everything, says why on both sides, and writes the one closing entry (promise 6).
async fn close(session: Arc<LiveSession>, cause: EndCause, around: Surroundings) {
    let reason = session.texts.end(&cause);
    let by_technician = by_technician(&cause);
    session.prepare_farewell(&cause);
    session.set_flow(Flow::Ended);
    let _ = session.cause.set(cause.clone());
    around.live.end_with(&session, &cause);
    let ended = crate::clock::to_millisecond(around.clock.now());
    // The channels' tasks write down what they kept, show the last words and close.
    let mut tasks = session.tasks.subscribe();
    let _ = tokio::time::timeout(FAREWELL, tasks.wait_for(|tasks| *tasks == Tasks::default())).await;
    if !by_technician {
        if let Some(handle) = session.handle.get() {
            let polite = handle.disconnect(Disconnect::ByApplication, ascii(&reason), String::new());
            let _ = tokio::time::timeout(FAREWELL, polite).await;
        }
        // The library says its goodbye on a busy machine when it comes to it, and then lets the stream go.
        session.until_left().await;
    }
    session.each_channel(Channel::finish);
    session.client.gate().end();
    let head = match tokio::time::timeout(RECORDER_PATIENCE, session.recording.close()).await {
        Ok(Ok(head)) => head,
        _ => session.recording.head(),
    };
    let counts = Counts {
        bytes_in: session.bytes_in.load(Ordering::Relaxed),
        bytes_out: session.bytes_out.load(Ordering::Relaxed),
        refused: locked(&session.refused).clone(),
        head,
    };
    around.registrar.end_session(session.id.clone(), ended, cause, counts).await;
    let _ = around.ended.send(session.id.clone()).await;
    // Last, so that a stop which waits for the live sessions waits for their closing entries.
    around.live.remove(&session.id);
    session.forget_channels();
}

/// SSH texts outside a terminal are ASCII (docs/lobby.md).
pub fn ascii(text: &str) -> String {
    crate::texts::to_ascii(text)
}

/// What the driver counted.
pub struct Counts {
    /// Bytes from the technician.
    pub bytes_in: u64,
    /// Bytes to the technician.
    pub bytes_out: u64,
    /// Refused requests.
    pub refused: BTreeMap<String, u64>,
    /// The recording's final head.
    pub head: Head,
}

impl Counts {
    /// Of a session of which nothing was recorded.
    pub fn nothing() -> Self {
        let head = Head { hash: [0; 32], length: 0, frames: 0 };
        Self { bytes_in: 0, bytes_out: 0, refused: BTreeMap::new(), head }
    }
}
