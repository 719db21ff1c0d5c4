//! Bundles of evidence, for the socket and for the console.

use super::caller::Caller;
use super::desk::{Answer, Desk};
use crate::evidence::{Prepared, STALLED, Wanted, prepare};
use lifecycle::order::{Failure, Order, exit};
use lifecycle::{Actor, SessionId};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

impl Desk {
    /// Makes a bundle, one at a time: each reads through the journal and through recordings.
    pub(crate) async fn evidence(&self, wanted: Wanted) -> Result<Prepared, Failure> {
        let turn = self.exporting.clone().try_acquire_owned();
        let turn =
            turn.map_err(|_| Failure::new(exit::TEMPORARY, "another bundle is being made: try again when it is done"))?;
        prepare(&self.site, wanted, turn).await
    }

    /// The same for whoever asks on the socket.
    pub(super) async fn evidence_for(&self, order: Order, caller: &Caller) -> Result<Prepared, Failure> {
        let by = self.actor(&order, caller).await?;
        let (Order::EvidenceExport { scope, purpose, anchors, reencrypted }, Actor::Staff(staff)) = (order, by) else {
            return Err(Failure::new(exit::NOT_PERMITTED, "sign in first: `poterne login --as STAFF`"));
        };
        self.evidence(Wanted { scope, purpose, anchors, reencrypted, staff }).await
    }

    /// What is told of a bundle before its bytes.
    pub(super) fn told(prepared: &Prepared) -> Answer {
        let named = |(id, without): (&SessionId, &BTreeSet<String>)| json!({ "session": id, "without": without });
        Ok(json!({
            "name": prepared.name,
            "bytes": prepared.bytes,
            "manifest": prepared.digest,
            "recordings": prepared.recordings.iter().map(named).collect::<Value>(),
            "altered": prepared.altered,
        }))
    }
}

/// Writes a bundle to whoever asked, at their pace.
pub(super) async fn give_out(prepared: Prepared, writer: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
    let mut stream = prepared.stream();
    while let Some(piece) = stream.recv().await {
        let piece = piece.inspect_err(|error| tracing::error!(%error, "a bundle broke off"))?;
        let writing = tokio::time::timeout(STALLED, writer.write_all(&piece));
        writing.await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    }
    writer.shutdown().await
}
