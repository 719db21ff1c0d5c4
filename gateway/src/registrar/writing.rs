//! Acts become entries: decided one after the other, written by a thread of their own in one commit, told.

use super::{Act, Core, JournalGone};
use crate::clock::Clock;
use crate::relay::session::LiveSessions;
use jiff::Timestamp;
use journal::{Journal, NewEntry, Receipt, Subject};
use lifecycle::{EndCause, Event};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// An append that is not back after this long counts as failed (D18).
const JOURNAL_PATIENCE: Duration = Duration::from_secs(5);
/// Acts that share one commit.
const GROUP: usize = 256;

/// The thread that writes. Disk I/O never runs on the program's own threads.
pub(super) struct JournalThread {
    pub(super) jobs: mpsc::Sender<Job>,
}

/// What the thread does, one after the other.
pub(super) enum Job {
    /// A group to append, and where its outcome goes.
    Append(Vec<NewEntry>, oneshot::Sender<Result<Receipt, String>>),
    /// Something short besides.
    Work(Box<dyn FnOnce(&mut Journal) + Send>),
}

impl JournalThread {
    pub(super) fn start(mut journal: Journal) -> std::io::Result<Self> {
        let (jobs, mut inbox) = mpsc::channel::<Job>(1);
        std::thread::Builder::new().name("journal".to_owned()).spawn(move || {
            while let Some(job) = inbox.blocking_recv() {
                match job {
                    Job::Append(group, done) => {
                        let outcome = journal.append(journal.size(), &group).map_err(|error| error.to_string());
                        let _ = done.send(outcome);
                    }
                    Job::Work(work) => work(&mut journal),
                }
            }
        })?;
        Ok(Self { jobs })
    }

    async fn append(&self, group: Vec<NewEntry>) -> Result<Receipt, String> {
        let (done, receipt) = oneshot::channel();
        let writing = async {
            self.jobs.send(Job::Append(group, done)).await.map_err(|_| "the journal's thread is gone".to_owned())?;
            receipt.await.map_err(|_| "the journal's thread is gone".to_owned())?
        };
        match tokio::time::timeout(JOURNAL_PATIENCE, writing).await {
            Ok(outcome) => outcome,
            Err(_) => Err(format!("no answer from the disk within {} seconds", JOURNAL_PATIENCE.as_secs())),
        }
    }
}

/// The one task.
pub(super) struct Loop {
    pub(super) core: Core,
    pub(super) disk: JournalThread,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) live: Arc<LiveSessions>,
    pub(super) feed: broadcast::Sender<Arc<(Timestamp, Event)>>,
    pub(super) size: watch::Sender<u64>,
    pub(super) checkpoint: watch::Sender<Arc<str>>,
    pub(super) last: Timestamp,
    pub(super) gone: bool,
}

impl Loop {
    /// Waits on its inbox and on the journal's thread.
    pub(super) async fn run(mut self, mut inbox: mpsc::Receiver<Act>) {
        let mut acts = Vec::with_capacity(GROUP);
        while inbox.recv_many(&mut acts, GROUP).await > 0 {
            let mut replies = Vec::with_capacity(acts.len());
            let mut happened = Vec::new();
            let at = crate::clock::to_millisecond(self.clock.now()).max(self.last);
            for act in acts.drain(..) {
                if self.gone {
                    // Dropping the act tells its caller that the journal is gone.
                    continue;
                }
                let (events, reply) = act(&mut self.core, at);
                for event in events {
                    // Applied before it is durable so that the next act of the group sees it; if
                    // the commit fails nothing is ever told, and everything is closed.
                    self.core.apply(at, &event);
                    // What a person must look at waits from the same commit on (LOG-16).
                    let raised = self.core.register.alert_for(&event);
                    happened.push((at, event));
                    if let Some(raised) = raised {
                        self.core.apply(at, &raised);
                        happened.push((at, raised));
                    }
                }
                replies.push(reply);
            }
            let durable = self.commit(&happened).await;
            for reply in replies {
                reply(durable);
            }
            if durable.is_ok() {
                for one in happened {
                    let _ = self.feed.send(Arc::new(one));
                }
            }
        }
    }

    async fn commit(&mut self, happened: &[(Timestamp, Event)]) -> Result<(), JournalGone> {
        if self.gone {
            return Err(JournalGone);
        }
        if happened.is_empty() {
            return Ok(());
        }
        let group = happened.iter().map(|(at, event)| entry(*at, event)).collect();
        match self.disk.append(group).await {
            Ok(receipt) => {
                self.last = happened.last().map_or(self.last, |(at, _)| *at);
                self.checkpoint.send_replace(receipt.checkpoint);
                self.size.send_replace(receipt.size);
                Ok(())
            }
            Err(error) => {
                self.gone = true;
                let ended = self.live.brake(&EndCause::JournalFailed, |_| true);
                tracing::error!(%error, ended, "the journal failed: all sessions are ended, nothing opens");
                Err(JournalGone)
            }
        }
    }
}

/// The entry of an event.
pub fn entry(at: Timestamp, event: &Event) -> NewEntry {
    NewEntry {
        at,
        kind: event.kind(),
        subject: Subject {
            account: event.account().map(ToString::to_string),
            intervention: event.intervention().map(|number| number.0),
            session: event.session().map(ToString::to_string),
        },
        body: event.to_body(),
    }
}
