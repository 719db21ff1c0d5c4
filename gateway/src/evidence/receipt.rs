//! Receipts: what makes the other side a witness of the journal (T2). A receipt holds one entry's public
//! leaf, its way to the root and the signed checkpoint, and no word about anybody.

use crate::archive::Archive;
use crate::registrar::Registrar;
use jiff::Timestamp;
use journal::bundle::make_receipt;
use lifecycle::{Event, SessionId};
use recorder::Head;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The closing entry's kind.
const ENDED: &str = "session-ended";
/// The kind of the entry that commits to a recording so far.
const COMMITTED: &str = "recording-committed";

/// Where receipts come from.
#[derive(Clone)]
pub struct Receipts {
    registrar: Registrar,
    archive: Arc<Archive>,
}

impl Receipts {
    /// From this journal.
    pub fn new(registrar: Registrar, archive: Arc<Archive>) -> Self {
        Self { registrar, archive }
    }

    /// Commits the recording as far as it is, and gives the receipt over that entry. `None` where the
    /// session is over, or the journal does not answer: a receipt is never worth holding an end up.
    pub async fn of_recording(&self, session: &SessionId, head: Head) -> Option<String> {
        let since = *self.registrar.changes().borrow();
        let id = session.clone();
        let committed = self.registrar.act(move |core, _| {
            let open = core.register.sessions.get(&id).is_some_and(|record| record.end.is_none());
            let event = Event::RecordingCommitted { session: id, head: head.hex(), length: head.length };
            (if open { vec![event] } else { Vec::new() }, open)
        });
        match committed.await {
            Ok(true) => self.find(session, COMMITTED, Since::Index(since)).await,
            _ => None,
        }
    }

    /// The receipt over the closing entry of a session that began at this instant.
    pub async fn of_end(&self, session: &SessionId, started: Timestamp) -> Option<String> {
        self.find(session, ENDED, Since::Instant(started)).await
    }

    async fn find(&self, session: &SessionId, kind: &'static str, from: Since) -> Option<String> {
        let (archive, session) = (self.archive.clone(), session.clone());
        let look = move || {
            let mut reader = archive.open()?;
            let from = match from {
                Since::Index(index) => index,
                Since::Instant(at) => reader.index_before(at)?,
            };
            let mut found = None;
            reader.leaves(from, |leaf, bytes| {
                if leaf.kind == kind && leaf.session.as_deref() == Some(session.as_str()) {
                    found = Some((leaf.index, bytes.to_vec()));
                    return ControlFlow::Break(());
                }
                ControlFlow::Continue(())
            })?;
            let Some((index, leaf)) = found else { return Ok(None) };
            let path = reader.inclusion(index, reader.size())?.unwrap_or_default();
            Ok::<_, journal::OpenError>(Some(make_receipt(&leaf, index, &path, reader.checkpoint())))
        };
        match tokio::task::spawn_blocking(look).await {
            Ok(Ok(receipt)) => receipt,
            Ok(Err(error)) => {
                tracing::error!(%error, "a receipt could not be made");
                None
            }
            Err(_) => None,
        }
    }
}

/// From where the entry is looked for.
enum Since {
    Index(u64),
    Instant(Timestamp),
}
